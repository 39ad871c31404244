//! The files, directories and TCP ports that a confined process may use.
//!
//! Rules name directories, not files: a file is often replaced by a new one of the same name, and a rule for the old one
//! doesn't apply to it.

use super::trust::{Route, Who, follow};
use crate::config::{Access, Config, LOG_DIR, UsedPath, connect_ports};
use std::{
    collections::BTreeSet,
    fmt, fs,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

/// What libraries read: themselves, name service switch modules and their data (nss(5)), certificates, time zones.
const SYSTEM: [&str; 26] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    // glibc counts processors.
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    // The context of processes.
    "/proc",
    "/dev/urandom",
    "/dev/random",
    // The files that /etc/resolv.conf leads to.
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/connman",
    // Users that systemd, sssd, nscd, nslcd, winbind and Ubuntu Core know.
    "/run/systemd/userdb",
    "/run/systemd/dynamic-uid",
    "/run/userdb",
    "/run/nscd",
    "/run/nslcd",
    "/run/samba/winbindd",
    "/var/cache/nscd",
    "/var/lib/sss/mc",
    "/var/lib/sss/pubconf",
    "/var/lib/extrausers",
    "/var/lib/dbus/machine-id",
];

/// auship's own directories. A reload may add files in them.
pub(super) const OWN: [&str; 3] = ["/var/spool/auship", LOG_DIR, "/run/auship"];

/// DNS over TCP, for answers that are too long for UDP.
const DNS: u16 = 53;

/// What a process may use. Paths have no symbolic links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// Files and directories that may be read.
    pub(super) read: BTreeSet<PathBuf>,
    /// Directories where files may be read, written, created, renamed and removed.
    pub(super) write: BTreeSet<PathBuf>,
    /// Devices and pipes that may be written.
    pub(super) devices: BTreeSet<PathBuf>,
    /// TCP ports that may be connected to.
    pub(super) ports: BTreeSet<u16>,
}

impl Rules {
    /// What a configuration needs. `path` is its own path. Where `who` could change a path, he gets nothing by that.
    pub(super) fn new(path: &Path, config: &Config, used: &[UsedPath], who: &Who) -> Self {
        let mut rules = Self::default();
        let settings = &config.confine;
        rules.read.extend(SYSTEM.iter().filter_map(|path| real(Path::new(path))));
        rules.devices.extend(real(Path::new("/dev/null")));
        rules.write.extend(OWN.iter().filter_map(|path| real(Path::new(path))));
        rules.read.extend(settings.read_paths.iter().filter_map(|path| real(path)));
        rules.write.extend(settings.write_paths.iter().filter_map(|path| real(path)));
        rules.read.extend(parents(path, who));
        for UsedPath { path, access, .. } in used {
            match access {
                Access::Read => rules.read.extend(parents(path, who)),
                Access::Write { .. } if is_special(path) => {
                    rules.devices.extend(follow(path, who).ok().and_then(Route::fixed));
                }
                Access::Write { .. } => rules.write.extend(parents(path, who)),
                Access::Own { .. } => rules.write.extend(directory(path, who)),
                // Landlock doesn't restrict connections to sockets of this machine.
                Access::Socket => (),
            }
        }
        // A rule for the root directory would allow everything.
        rules.read.remove(Path::new("/"));
        rules.write.remove(Path::new("/"));
        rules.ports.extend(connect_ports(config));
        rules.ports.extend(proxy_ports(|name| std::env::var(name).ok()));
        rules.ports.extend(&settings.connect_ports);
        rules.ports.insert(DNS);
        rules
    }

    /// The first thing that other rules allow and these don't.
    pub(super) fn lacks(&self, other: &Self) -> Option<Lack> {
        let below = |path: &Path, dirs: &BTreeSet<PathBuf>| dirs.iter().any(|dir| path.starts_with(dir));
        let read = |path: &&PathBuf| !below(path, &self.read) && !below(path, &self.write);
        let write = |path: &&PathBuf| !below(path, &self.write);
        let device = |path: &&PathBuf| !self.devices.contains(*path) && !below(path, &self.write);
        let path = other.read.iter().find(read);
        let path = path.or_else(|| other.write.iter().find(write)).or_else(|| other.devices.iter().find(device));
        path.map(|path| Lack::Path(path.clone()))
            .or_else(|| other.ports.difference(&self.ports).next().map(|port| Lack::Port(*port)))
    }
}

/// Something that rules don't allow.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lack {
    Path(PathBuf),
    Port(u16),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Port(port) => write!(f, "TCP port {port}"),
        }
    }
}

/// The path without symbolic links. `None` if there is nothing.
fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

/// A directory, or the one that it is to be created in. From where the user could lead the path elsewhere, only the
/// directory counts in which he could do that, because he can use it anyway.
fn directory(path: &Path, who: &Who) -> Option<PathBuf> {
    let (Route::Fixed(path) | Route::Changeable(path)) =
        follow(path, who).ok().or_else(|| follow(path.parent()?, who).ok())?;
    Some(path)
}

/// The directories where a file has its name, and where the file is that a link leads to.
fn parents(path: &Path, who: &Who) -> Vec<PathBuf> {
    let Some(parent) = path.parent() else { return Vec::new() };
    let mut all: Vec<PathBuf> = directory(parent, who).into_iter().collect();
    let Some(Route::Fixed(dir)) = follow(parent, who).ok() else { return all };
    // The target of a link may be missing, but its directory must be there.
    let link = path.file_name().map(|name| dir.join(name));
    let target = link.as_deref().and_then(|link| Some(dir.join(fs::read_link(link).ok()?)));
    let is_fixed = |link: &Path| {
        let (Ok(above), Ok(meta)) = (fs::symlink_metadata(&dir), fs::symlink_metadata(link)) else { return false };
        !who.can_change(&above, Some(&meta))
    };
    if let Some(target) = target.filter(|_| link.as_deref().is_some_and(is_fixed)) {
        all.extend(target.parent().and_then(|parent| directory(parent, who)));
    }
    all
}

/// True for devices and pipes, which are never replaced.
pub(super) fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| {
        let kind = meta.file_type();
        kind.is_char_device() || kind.is_block_device() || kind.is_fifo()
    })
}

/// The ports of proxies that the environment names, as libcurl reads it.
fn proxy_ports(variable: impl Fn(&str) -> Option<String>) -> Vec<u16> {
    let names = ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    names.iter().filter_map(|name| crate::config::port(&variable(name)?)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::used_paths;
    use std::{fs, os::unix::fs::symlink};

    fn rules(text: &str) -> Rules {
        let path = Path::new("/nowhere/auship.conf");
        let config = crate::config::parse(path, text).unwrap();
        Rules::new(path, &config, &used_paths(&config), &Who::Nobody)
    }

    #[test]
    fn a_new_configuration_must_be_within_the_rules() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        fs::create_dir(dir.join("a")).unwrap();
        fs::create_dir(dir.join("b")).unwrap();
        let file = |name: &str, more: &str| {
            let path = dir.join(name);
            rules(&format!("[output:x]\ntype = file\npath = {}\n{more}", path.display()))
        };
        let old = file("a/x", "");
        assert_eq!(old.lacks(&file("a/y", "")), None);
        assert_eq!(old.lacks(&file("b/x", "")), Some(Lack::Path(dir.join("b"))));
        assert_eq!(old.lacks(&file("a/x", "[confine]\nconnect_ports = 9\n")), Some(Lack::Port(9)));
        let more = format!("[confine]\nwrite_paths = {}\nconnect_ports = 9\n", dir.join("b").display());
        let old = file("a/x", &more);
        assert_eq!(old.lacks(&file("b/x", "[output:y]\ntype = http\nurl = http://h:9\n")), None);
        assert_eq!(old.lacks(&rules("[output:y]\ntype = http\nurl = http://h\n")), Some(Lack::Port(80)));
    }

    #[test]
    fn a_link_may_lead_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        fs::create_dir(dir.join("a")).unwrap();
        fs::create_dir(dir.join("b")).unwrap();
        // Its target doesn't exist yet.
        symlink("../b/file", dir.join("a/link")).unwrap();
        let rules = rules(&format!("[output:x]\ntype = file\npath = {}\n", dir.join("a/link").display()));
        assert!(rules.write.contains(&dir.join("a")) && rules.write.contains(&dir.join("b")));
        assert!(!rules.write.contains(&dir));
    }

    #[test]
    fn devices_are_no_reason_to_allow_their_directory() {
        let rules = rules("[output:x]\ntype = file\npath = /dev/null\n");
        assert!(rules.devices.contains(Path::new("/dev/null")) && !rules.write.contains(Path::new("/dev")));
    }

    #[test]
    fn the_ports_of_proxies_count() {
        let variable = |name: &str| (name == "https_proxy").then(|| "http://p:3128".to_string());
        assert_eq!(proxy_ports(variable), [3128]);
    }
}
