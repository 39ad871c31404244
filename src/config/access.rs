//! The files, sockets and ports that a configuration needs while the program runs.

use super::{Config, Destination, Output, Sink, Tls};
use crate::net::UrlParts;
use std::path::{Path, PathBuf};

/// What is done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The file is read, also after it was replaced.
    Read,
    /// The file is written. Files beside it are created, renamed and removed. New files may get an owner and a group.
    Write {
        /// The owner of new files.
        owner: Option<u32>,
        /// The group of new files.
        group: Option<u32>,
    },
    /// The directory is the program's own. It is created if it is missing.
    Own {
        /// The permissions of a new directory.
        mode: u32,
    },
    /// A socket of this machine is written to.
    Socket,
}

/// A path that a configuration needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedPath {
    /// The path.
    pub path: PathBuf,
    /// What is done with it.
    pub access: Access,
    /// The key that names it, for messages: `[output:siem] spool_dir`.
    pub key: String,
}

/// Collects the paths of a section.
struct Paths<'a> {
    section: &'a str,
    all: &'a mut Vec<UsedPath>,
}

impl Paths<'_> {
    fn add(&mut self, key: &str, path: Option<&Path>, access: Access) {
        let key = format!("[{}] {key}", self.section);
        self.all.extend(path.map(|path| UsedPath { path: path.into(), access, key }));
    }

    fn tls(&mut self, tls: &Tls) {
        self.add("ca_cert", tls.ca_file.as_deref(), Access::Read);
        self.add("client_cert", tls.cert.as_deref(), Access::Read);
        if tls.key != tls.cert {
            self.add("client_key", tls.key.as_deref(), Access::Read);
        }
    }
}

const WRITE: Access = Access::Write { owner: None, group: None };

/// All paths that a configuration names, without those of the system.
pub fn used_paths(config: &Config) -> Vec<UsedPath> {
    let mut all = Vec::new();
    let mut top = Paths { section: "top", all: &mut all };
    top.add("run_dir", Some(&config.metrics.run_dir), Access::Own { mode: 0o750 });
    let mut metrics = Paths { section: "metrics", all: &mut all };
    metrics.add("prometheus_file", config.metrics.prometheus_file.as_deref(), WRITE);
    for output in &config.outputs {
        paths_of(output, &mut Paths { section: &format!("output:{}", output.name), all: &mut all });
    }
    all
}

/// The TCP ports that the outputs connect to, in order.
pub fn connect_ports(config: &Config) -> Vec<u16> {
    let mut ports: Vec<u16> = config.outputs.iter().flat_map(ports_of).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn paths_of(output: &Output, paths: &mut Paths) {
    paths.add("spool_dir", output.spool_dir().map(PathBuf::as_path), Access::Own { mode: 0o700 });
    paths.add("dead_letter_file", output.queue.dead_letter_file.as_deref(), WRITE);
    let client = match &output.sink {
        Sink::Http(http) => &http.client,
        Sink::Elasticsearch(elasticsearch) => &elasticsearch.client,
        Sink::Syslog(syslog) => {
            return match &syslog.destination {
                Destination::Unix(path) | Destination::UnixStream(path) => {
                    paths.add("address", Some(path), Access::Socket);
                }
                Destination::Tls(_, tls) => paths.tls(tls),
                Destination::Udp(_) | Destination::Tcp(_) => (),
            };
        }
        Sink::File(file) => {
            let number = |id: &Option<super::Id>| id.as_ref().map(|id| id.number);
            let access = Access::Write { owner: number(&file.owner), group: number(&file.group) };
            return paths.add("path", Some(&file.path), access);
        }
        Sink::Stdout => return,
    };
    paths.tls(&client.tls);
    paths.add("curl_logfile", client.log_file.as_deref(), WRITE);
    let secret = client.login.as_ref().map(|login| login.secret().0.as_path());
    paths.add("password_file, bearer_file or api_key_file", secret, Access::Read);
}

fn ports_of(output: &Output) -> Vec<u16> {
    let (urls, proxy): (&[String], _) = match &output.sink {
        Sink::Http(http) => (std::slice::from_ref(&http.url), &http.client.proxy),
        Sink::Elasticsearch(elasticsearch) => (&elasticsearch.urls, &elasticsearch.client.proxy),
        Sink::Syslog(syslog) => {
            return match &syslog.destination {
                Destination::Tcp(address) | Destination::Tls(address, _) => vec![address.port],
                _ => Vec::new(),
            };
        }
        Sink::File(_) | Sink::Stdout => return Vec::new(),
    };
    urls.iter().chain(proxy).filter_map(|url| port(url)).collect()
}

/// The port of a URL: the one it names, or that of its scheme. Proxies of libcurl have port 1080 unless they name one.
pub fn port(url: &str) -> Option<u16> {
    let url = UrlParts::of(url);
    match url.port() {
        "" if url.scheme().eq_ignore_ascii_case("https") => Some(443),
        "" if url.scheme().eq_ignore_ascii_case("http") => Some(80),
        "" => Some(1080),
        port => port.parse().ok(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[test]
    fn a_url_has_a_port() {
        for (url, expected) in [
            ("https://siem.example.com/events", Some(443)),
            ("HTTP://siem.example.com?x:1", Some(80)),
            ("https://user:pw:x@siem.example.com:9200/a:b", Some(9200)),
            ("https://[::1]:9243", Some(9243)),
            ("https://[::1]/", Some(443)),
            ("socks5h://proxy.example.com", Some(1080)),
            ("proxy.example.com:3128", Some(3128)),
            ("https://h:", Some(443)),
            ("https://h:99999", None),
        ] {
            assert_eq!(port(url), expected, "{url}");
        }
    }

    #[test]
    fn a_configuration_names_what_it_needs() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let key = at("token");
        fs::write(&key, "secret\n").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let text = format!(
            "run_dir = {}\n[output:a]\ntype = http\nurl = https://h/\nbearer_file = {key}\nspool_dir = {}\n\
             [output:b]\ntype = file\npath = {}\nowner = 7\n[output:c]\ntype = syslog\naddress = /dev/log\n",
            at("run"),
            at("spool"),
            at("f")
        );
        let config = super::super::parse(Path::new("f"), &text).unwrap();
        let used: Vec<_> = used_paths(&config).into_iter().map(|used| (used.key, used.access)).collect();
        let expected = [
            ("[top] run_dir", Access::Own { mode: 0o750 }),
            ("[output:a] spool_dir", Access::Own { mode: 0o700 }),
            ("[output:a] dead_letter_file", WRITE),
            ("[output:a] password_file, bearer_file or api_key_file", Access::Read),
            ("[output:b] path", Access::Write { owner: Some(7), group: None }),
            ("[output:c] address", Access::Socket),
        ];
        assert_eq!(used, expected.map(|(key, access)| (key.to_string(), access)));
        assert_eq!(connect_ports(&config), [443]);
    }
}
