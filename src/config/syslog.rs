//! Keys of a syslog output.

use super::{
    Retry, Tls,
    show::Quoted,
    validator::{SectionValues, Validator},
    values,
};
use crate::net::HostPort;
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Settings of a syslog sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Syslog {
    /// Where messages go.
    pub destination: Destination,
    /// What stands before a message's text.
    pub protocol: Protocol,
    /// Facility and severity in one number (RFC 5424, 6.2.1).
    pub priority: Priority,
    /// What the program is called in messages.
    pub tag: String,
    /// Limit for a connection: name lookup, connecting, TLS.
    pub connect_timeout: Duration,
    /// How long the receiver may take nothing before the connection is given up.
    pub timeout: Duration,
    /// What happens when the receiver takes nothing.
    pub retry: Retry,
}

/// Where messages go, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A datagram socket of this machine, as `/dev/log` is.
    Unix(PathBuf),
    /// A stream socket of this machine.
    UnixStream(PathBuf),
    /// One datagram a message.
    Udp(HostPort),
    /// TCP with octet counting.
    Tcp(HostPort),
    /// That with TLS.
    Tls(HostPort, Tls),
}

/// What a message looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The old one, as syslog(3) writes it.
    Rfc3164,
    /// The new one.
    Rfc5424,
}

/// Facility and severity: eight times the one and the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority(pub u8);

/// The facilities by their numbers (RFC 5424, table 1), as syslog.conf(5) and rsyslog name them.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
/// The severities by their numbers (RFC 5424, table 2).
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// Where syslog(3) writes to.
const DEV_LOG: &str = "/dev/log";
/// RFC 5426, 3.3; for TCP it is what everybody uses.
const PORT: u16 = 514;
/// RFC 5425, 4.1.
const TLS_PORT: u16 = 6514;
/// RFC 5424, 6.
const LONGEST_TAG: usize = 48;

impl Default for Priority {
    /// local0.warning.
    fn default() -> Self {
        Self(132)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Unix(path) | Self::UnixStream(path) => path.display().fmt(f),
            Self::Udp(address) => write!(f, "udp {address}"),
            Self::Tcp(address) => write!(f, "tcp {address}"),
            Self::Tls(address, _) => write!(f, "tls {address}"),
        }
    }
}

impl Destination {
    fn network(&self) -> &'static str {
        match self {
            Self::Unix(_) => "unix",
            Self::UnixStream(_) => "unix-stream",
            Self::Udp(_) => "udp",
            Self::Tcp(_) => "tcp",
            Self::Tls(..) => "tls",
        }
    }

    /// True when it is a socket of this machine.
    pub fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::UnixStream(_))
    }

    /// True when each message is a datagram.
    pub fn is_datagram(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Udp(_))
    }
}

impl Syslog {
    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "network = {}", self.destination.network())?;
        match &self.destination {
            Destination::Unix(path) | Destination::UnixStream(path) => writeln!(f, "address = {}", Quoted::path(path))?,
            Destination::Udp(address) | Destination::Tcp(address) | Destination::Tls(address, _) => {
                writeln!(f, "address = {address}")?;
            }
        }
        if let Destination::Tls(_, tls) = &self.destination {
            tls.show(f)?;
        }
        let protocol = match self.protocol {
            Protocol::Rfc3164 => "rfc3164",
            Protocol::Rfc5424 => "rfc5424",
        };
        writeln!(f, "protocol = {protocol}")?;
        let Priority(priority) = self.priority;
        writeln!(f, "facility = {}", FACILITIES[usize::from(priority / 8)])?;
        writeln!(f, "severity = {}", SEVERITIES[usize::from(priority % 8)])?;
        writeln!(f, "tag = {}", Quoted::text(&self.tag))?;
        writeln!(f, "connect_timeout = {}", values::show_time(self.connect_timeout))?;
        writeln!(f, "timeout = {}", values::show_time(self.timeout))?;
        self.retry.show(f)
    }
}

/// `HOST`, `HOST:PORT`, `[IPV6]:PORT` or an IPv6 address alone.
fn address(text: &str, port: u16) -> Result<HostPort, String> {
    HostPort::parse(text, Some(port)).ok_or_else(|| {
        format!("is {text:?}, must be a host and perhaps a port, as in logs.example.com:{port} or [::1]:{port}")
    })
}

/// A socket that need not be there yet.
fn socket(text: &str) -> Result<PathBuf, String> {
    /// `sun_path` of unix(7), which ends in a NUL.
    const LONGEST: usize = 107;
    let path = Path::new(text);
    if !path.is_absolute() {
        Err(format!("is {text:?}, must be the absolute path of a socket, as in {DEV_LOG}"))
    } else if text.len() > LONGEST {
        Err(format!("is longer than a socket's path can be, {LONGEST} bytes"))
    } else {
        Ok(path.into())
    }
}

impl Validator<'_> {
    pub(super) fn syslog(&mut self, given: &mut SectionValues, line: usize) -> Option<Syslog> {
        let destination = self.destination(given, line);
        let unix = destination.as_ref().is_none_or(Destination::is_unix);
        let protocol = if unix { Protocol::Rfc3164 } else { Protocol::Rfc5424 };
        let syslog = Syslog {
            protocol: self.value(given, "protocol", protocol, |text| match text {
                "rfc3164" => Ok(Protocol::Rfc3164),
                "rfc5424" => Ok(Protocol::Rfc5424),
                _ => Err("rfc3164 or rfc5424"),
            }),
            priority: self.priority(given),
            tag: self.value(given, "tag", "auship".to_string(), |text| {
                // Receivers take the tag for what stands before a colon or bracket.
                let good = text.bytes().all(|b| b.is_ascii_graphic() && !b":[]".contains(&b));
                let good = good && text.len() <= LONGEST_TAG;
                if good {
                    Ok(text.to_string())
                } else {
                    Err("1 to 48 ASCII characters without blanks, ':', '[' and ']'")
                }
            }),
            connect_timeout: self.value(given, "connect_timeout", Duration::from_secs(5), values::time_above_0),
            timeout: self.value(given, "timeout", Duration::from_secs(30), values::time_above_0),
            retry: self.retry(given),
            destination: destination?,
        };
        Some(syslog)
    }

    fn destination(&mut self, given: &mut SectionValues, line: usize) -> Option<Destination> {
        const NETWORKS: [&str; 5] = ["unix", "unix-stream", "udp", "tcp", "tls"];
        let network = self.value(given, "network", "unix", |text| {
            NETWORKS.into_iter().find(|name| *name == text).ok_or("unix, unix-stream, udp, tcp or tls")
        });
        if network != "tls" {
            for key in ["ssl_verify", "ca_cert", "curl_cainfo", "client_cert", "client_key"] {
                if let Some((_, line)) = given.take(key) {
                    self.fault(line, given.section, key, format!("has no meaning for network = {network}"));
                }
            }
        }
        if matches!(network, "unix" | "unix-stream") {
            let path = if given.has("address") { self.checked(given, "address", socket)? } else { DEV_LOG.into() };
            let unix = if network == "unix" { Destination::Unix } else { Destination::UnixStream };
            return Some(unix(path));
        }
        // Its faults are worth being told even when there is no address.
        let tls = (network == "tls").then(|| self.tls(given, false));
        let port = if tls.is_some() { TLS_PORT } else { PORT };
        if !given.has("address") {
            self.fault(line, given.section, "address", "is missing; name the receiver, HOST or HOST:PORT");
        }
        let address = self.checked(given, "address", |text| address(text, port))?;
        Some(match (network, tls) {
            (_, Some(tls)) => Destination::Tls(address, tls),
            ("udp", None) => Destination::Udp(address),
            _ => Destination::Tcp(address),
        })
    }

    fn priority(&mut self, given: &mut SectionValues) -> Priority {
        let named = ["facility", "severity"].iter().find_map(|key| given.line(key));
        if let (Some(line), Some(_)) = (given.line("priority"), named) {
            self.fault(line, given.section, "priority", "is facility and severity in one number; set it or them");
        }
        let Priority(default) = Priority::default();
        let priority = self.value(given, "priority", default, |text| {
            text.parse()
                .ok()
                .filter(|n| *n < 192)
                .ok_or("a whole number from 0 to 191: 8 times the facility + severity")
        });
        let find = |names: &[&str], text: &str| names.iter().position(|name| *name == text);
        let facility = self.value(given, "facility", usize::from(priority / 8), |text| {
            find(&FACILITIES, text).ok_or(
                "kern, user, mail, daemon, auth, syslog, lpr, news, uucp, cron, authpriv, ftp, ntp, audit, alert, clock \
                 or local0 to local7",
            )
        });
        let severity = self.value(given, "severity", usize::from(priority % 8), |text| {
            find(&SEVERITIES, text).ok_or("emerg, alert, crit, err, warning, notice, info or debug")
        });
        // 24 facilities and 8 severities: it is below 192.
        Priority(u8::try_from(8 * facility + severity).unwrap_or(default))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::config::{Config, Sink, parse};

    fn config(keys: &str) -> Result<Config, String> {
        let text = format!("[output:s]\ntype = syslog\n{keys}");
        parse(Path::new("x"), &text).map_err(|faults| faults.to_string())
    }

    fn syslog(keys: &str) -> Syslog {
        match config(keys).unwrap().outputs.remove(0).sink {
            Sink::Syslog(syslog) => *syslog,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn defaults_are_those_of_syslog_3() {
        let default = syslog("");
        assert_eq!(default.destination, Destination::Unix("/dev/log".into()));
        assert_eq!((default.protocol, default.priority), (Protocol::Rfc3164, Priority(132)));
        let tls = syslog("network = tls\naddress = logs.example.com\nfacility = audit\nseverity = notice\n");
        assert_eq!((tls.protocol, tls.priority), (Protocol::Rfc5424, Priority(13 * 8 + 5)));
        assert_eq!(tls.destination.to_string(), "tls logs.example.com:6514");
        assert_eq!(syslog("priority = 191\n").priority, Priority(191));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (keys, what) in [
            ("network = tcp\n", "x:1: [output:s] address: is missing"),
            (
                "network = udp\naddress = h:0\n",
                "x:4: [output:s] address: is \"h:0\", must be a host and perhaps a port",
            ),
            ("network = pigeon\n", "x:3: [output:s] network: is \"pigeon\", must be unix,"),
            ("address = log\n", "x:3: [output:s] address: is \"log\", must be the absolute path"),
            ("facility = local8\n", "x:3: [output:s] facility: is \"local8\""),
            ("severity = warn\n", "must be emerg,"),
            ("priority = 192\n", "0 to 191"),
            ("facility = user\npriority = 9\n", "x:4: [output:s] priority: is facility and severity in one number"),
            ("tag = a b\n", "x:3: [output:s] tag:"),
            ("tag = a[1]\n", "x:3: [output:s] tag:"),
            (
                "network = udp\naddress = h\nssl_verify = no\n",
                "x:5: [output:s] ssl_verify: has no meaning for network = udp",
            ),
            ("workers = 2\n", "x:3: [output:s] workers: has no meaning for this output's type (syslog)"),
        ] {
            let said = config(keys).unwrap_err();
            assert!(said.contains(what), "{said}");
        }
        assert!(parse(Path::new("x"), "file_log = -\nfacility = user\n").is_err(), "only in a section");
    }

    #[test]
    fn what_check_prints_reads_back() {
        for keys in ["", "network = unix-stream\naddress = /run/x\n", "network = udp\naddress = [::1]\npriority = 0\n"]
        {
            let first = config(keys).unwrap();
            let second = parse(Path::new("x"), &first.to_string()).unwrap();
            assert!(second.outputs[0].is_as(&first.outputs[0]), "{first}");
        }
    }
}
