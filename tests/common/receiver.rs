//! Real syslog receivers: rsyslog and syslog-ng. Each runs in the foreground with its own configuration and directory.
//! They don't interfere with a receiver that the host runs.

use super::{free_port, server::Certificates, wait_until};
use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The receiver program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Rsyslog,
    SyslogNg,
}

/// The ports on which a receiver listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub udp: u16,
    pub tcp: u16,
    pub tls: u16,
}

/// The names of the Unix sockets in the receiver's directory. By default, receivers expect RFC 3164 without a host name
/// on Unix sockets.
const SOCKETS: [&str; 4] = ["unix", "unix-stream", "unix-rfc5424", "unix-stream-rfc5424"];

/// A running receiver. Dropping this value stops it.
pub struct Receiver {
    child: Child,
    kind: Kind,
    dir: PathBuf,
    pub ports: Ports,
}

/// Returns the `usr` directory of the syslog-ng that `make deps` unpacks.
fn unpacked() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/syslog-ng/usr")
}

impl Kind {
    /// Returns a command that runs the program, or `None` if the program isn't installed.
    fn command(self, dir: &Path) -> Option<Command> {
        // Not everybody has sbin in PATH.
        let installed = |name: &str| Some(PathBuf::from("/usr/sbin").join(name)).filter(|path| path.exists());
        if self == Self::Rsyslog {
            let program = installed("rsyslogd")?;
            // Run a copy, because Ubuntu's AppArmor profile restricts the installed program to the host's files. `cp`
            // makes the copy: if this process wrote it, a child forked meanwhile could keep the file open for writing,
            // and the copy couldn't be run.
            let copy = dir.join("rsyslogd");
            assert!(Command::new("cp").arg(program).arg(&copy).status().unwrap().success());
            return Some(Command::new(copy));
        }
        if let Some(program) = installed("syslog-ng") {
            return Some(Command::new(program));
        }
        let usr = unpacked();
        let program = Some(usr.join("sbin/syslog-ng")).filter(|path| path.exists())?;
        let mut modules = fs::read_dir(usr.join("lib/syslog-ng")).unwrap().map(|entry| entry.unwrap().path());
        let modules = modules.find(|path| path.is_dir()).unwrap();
        let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
        let libraries = [usr.join("lib/syslog-ng"), usr.join("lib").join(&machine), usr.join("../lib").join(&machine)];
        let mut command = Command::new(program);
        command.arg(format!("--module-path={}", modules.display()));
        command.env("LD_LIBRARY_PATH", std::env::join_paths(libraries).unwrap());
        Some(command)
    }

    /// Returns the program's version (major and minor), which a syslog-ng configuration must begin with.
    fn version(self, dir: &Path) -> String {
        let mut command = self.command(dir).unwrap();
        let said = String::from_utf8(command.arg("--version").output().unwrap().stdout).unwrap();
        let number = said.split(|c: char| !c.is_ascii_digit() && c != '.').find(|word| word.contains('.')).unwrap();
        number.split('.').take(2).collect::<Vec<_>>().join(".")
    }

    /// Starts a receiver that listens on free ports and on all sockets. Returns `None` if the program isn't installed.
    /// With `client_certificate`, the receiver requires a valid client certificate.
    pub fn start(self, dir: &Path, certificates: &Certificates, client_certificate: bool) -> Option<Receiver> {
        let ports = Ports { udp: free_port(), tcp: free_port(), tls: free_port() };
        self.start_on(ports, dir, certificates, client_certificate)
    }

    /// Like [`Kind::start`], but uses the given ports, such as those of an earlier receiver.
    pub fn start_on(
        self,
        ports: Ports,
        dir: &Path,
        certificates: &Certificates,
        client_certificate: bool,
    ) -> Option<Receiver> {
        let mut command = self.command(dir)?;
        let config = dir.join("receiver.conf");
        let (here, keys) = (dir.display(), certificates.dir.path().display());
        let Ports { udp, tcp, tls } = ports;
        let text = match self {
            Self::Rsyslog => {
                let mode = if client_certificate { "x509/certvalid" } else { "anon" };
                command.arg("-n").arg("-iNONE").arg("-f").arg(&config);
                format!(
                    r#"global(maxMessageSize="1m" workDirectory="{here}" defaultNetstreamDriverCAFile="{keys}/ca.pem"
                              defaultNetstreamDriverCertFile="{keys}/cert.pem"
                              defaultNetstreamDriverKeyFile="{keys}/key.pem")
                    module(load="imuxsock" sysSock.use="off")
                    input(type="imuxsock" socket="{here}/unix")
                    input(type="imuxsock" socket="{here}/unix-rfc5424" useSpecialParser="off" parseHostname="on")
                    module(load="imptcp")
                    input(type="imptcp" path="{here}/unix-stream")
                    input(type="imptcp" path="{here}/unix-stream-rfc5424")
                    module(load="imudp")
                    input(type="imudp" address="127.0.0.1" port="{udp}" rcvbufSize="8m")
                    module(load="imtcp")
                    input(type="imtcp" address="127.0.0.1" port="{tcp}")
                    input(type="imtcp" address="127.0.0.1" port="{tls}" streamDriver.name="ossl" streamDriver.mode="1"
                          streamDriver.authMode="{mode}")
                    template(name="raw" type="string" string="%pri%\t%hostname%\t%programname%\t%msg%\n")
                    action(type="omfile" file="{here}/out" template="raw")
                    "#
                )
            }
            Self::SyslogNg => {
                let verify = if client_certificate { "required-trusted" } else { "optional-untrusted" };
                command.args(["-F", "--no-caps", "-e", "-f"]).arg(&config);
                command
                    .arg("-R")
                    .arg(dir.join("persist"))
                    .arg("-c")
                    .arg(dir.join("ctl"))
                    .arg("-p")
                    .arg(dir.join("pid"));
                let version = self.version(dir);
                format!(
                    r#"@version: {version}
                    options {{ keep-hostname(yes); log-msg-size(1048576); flush-lines(1); use-dns(no); }};
                    source s {{
                        unix-dgram("{here}/unix");
                        unix-stream("{here}/unix-stream");
                        unix-dgram("{here}/unix-rfc5424" flags(syslog-protocol));
                        unix-stream("{here}/unix-stream-rfc5424" flags(syslog-protocol));
                        syslog(ip("127.0.0.1") port({udp}) transport("udp") so-rcvbuf(8388608));
                        syslog(ip("127.0.0.1") port({tcp}) transport("tcp"));
                        syslog(ip("127.0.0.1") port({tls}) transport("tls") tls(key-file("{keys}/key.pem")
                            cert-file("{keys}/cert.pem") ca-file("{keys}/ca.pem") peer-verify({verify})));
                    }};
                    destination d {{ file("{here}/out" template("$PRI\t$HOST\t$PROGRAM\t$MSG\n")); }};
                    log {{ source(s); destination(d); }};
                    "#
                )
            }
        };
        fs::write(&config, text).unwrap();
        let log = fs::File::options().create(true).append(true).open(dir.join("receiver.log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        let receiver = Receiver { child, kind: self, dir: dir.to_path_buf(), ports };
        let said = || fs::read_to_string(dir.join("receiver.log")).unwrap_or_default();
        wait_until(&format!("{self:?} listens; it says: {}", said()), || {
            [tcp, tls].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
                && SOCKETS.iter().all(|socket| dir.join(socket).exists())
        });
        Some(receiver)
    }
}

impl Receiver {
    /// Returns the configuration keys of an output that sends to this receiver.
    pub fn keys(&self, network: &str) -> String {
        self.keys_for(network, "")
    }

    /// Like [`Receiver::keys`], but also sets the protocol.
    pub fn keys_as(&self, network: &str, protocol: &str) -> String {
        let suffix = if protocol == "rfc5424" { "-rfc5424" } else { "" };
        self.keys_for(network, suffix) + &format!("protocol = {protocol}\n")
    }

    fn keys_for(&self, network: &str, suffix: &str) -> String {
        let address = match network {
            "udp" => format!("127.0.0.1:{}", self.ports.udp),
            "tcp" => format!("127.0.0.1:{}", self.ports.tcp),
            "tls" => format!("localhost:{}", self.ports.tls),
            path => self.dir.join(format!("{path}{suffix}")).display().to_string(),
        };
        format!("type = syslog\nnetwork = {network}\naddress = {address}\n")
    }

    /// Returns the priority, host and text of each message received with this tag.
    pub fn messages(&self, tag: &str) -> Vec<(u8, String, Vec<u8>)> {
        let out = fs::read(self.dir.join("out")).unwrap_or_default();
        let lines = out.split_inclusive(|b| *b == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
        lines
            .filter_map(|line| {
                let mut parts = line.splitn(4, |b| *b == b'\t');
                let mut text = || String::from_utf8(parts.next().unwrap().to_vec()).unwrap();
                let (priority, host, program) = (text(), text(), text());
                let text = parts.next().unwrap();
                // rsyslog treats the space after an RFC 3164 tag as part of the message.
                let text = if self.kind == Kind::Rsyslog { text.strip_prefix(b" ").unwrap_or(text) } else { text };
                (program == tag).then(|| (priority.parse().unwrap(), host, text.to_vec()))
            })
            .collect()
    }

    /// Waits until the receiver has at least `count` messages with this tag.
    pub fn wait_for(&self, tag: &str, count: usize) {
        wait_until(&format!("{count} messages as {tag}"), || self.messages(tag).len() >= count);
    }

    /// Kills the receiver, as in a crash, and removes its sockets.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        for socket in SOCKETS {
            let _ = fs::remove_file(self.dir.join(socket));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
