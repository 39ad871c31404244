//! The keys of a syslog output.

use super::{
    key::{About, Dialect, Key, names, none, one, put, put_some, read, show as show_keys},
    retry::{CONNECT_TIMEOUT, Retry},
    show,
    tls::Tls,
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
    /// The destination of messages.
    pub destination: Destination,
    /// The format of a message's header.
    pub protocol: Protocol,
    /// Facility and severity in one number (RFC 5424, 6.2.1).
    pub priority: Priority,
    /// The name of the program in messages.
    pub tag: String,
    /// The limit for connecting, including name lookup and TLS handshake.
    pub connect_timeout: Duration,
    /// The limit for sending: if the receiver accepts no data for this time, the connection is closed.
    pub timeout: Duration,
    /// The handling of failures.
    pub retry: Retry,
}

/// The destination of messages, with the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A datagram socket of this machine, such as `/dev/log`.
    Unix(PathBuf),
    /// A stream socket of this machine.
    UnixStream(PathBuf),
    /// One datagram a message.
    Udp(HostPort),
    /// TCP with octet counting.
    Tcp(HostPort),
    /// TCP with octet counting over TLS.
    Tls(HostPort, Tls),
}

/// The format of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The old format, as syslog(3) writes it.
    Rfc3164,
    /// The new format.
    Rfc5424,
}

/// Eight times the facility plus the severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority(pub u8);

/// The facilities by their numbers (RFC 5424, table 1), as syslog.conf(5) and rsyslog name them.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
/// The severities by their numbers (RFC 5424, table 2).
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// The socket of syslog(3).
const DEV_LOG: &str = "/dev/log";
/// The port for UDP (RFC 5426, 3.3), and by convention for TCP.
const PORT: u16 = 514;
/// The port for TLS (RFC 5425, 4.1).
const TLS_PORT: u16 = 6514;
/// The longest tag (RFC 5424, 6).
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
    fn network(&self) -> Network {
        match self {
            Self::Unix(_) => Network::Unix,
            Self::UnixStream(_) => Network::UnixStream,
            Self::Udp(_) => Network::Udp,
            Self::Tcp(_) => Network::Tcp,
            Self::Tls(..) => Network::Tls,
        }
    }

    /// True if it is a socket of this machine.
    pub fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::UnixStream(_))
    }

    /// True if each message is a datagram.
    pub fn is_datagram(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Udp(_))
    }
}

impl Syslog {
    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        show_keys(DESTINATION_KEYS, self, f)?;
        if let Destination::Tls(_, tls) = &self.destination {
            show_keys(super::tls::KEYS, tls, f)?;
        }
        show_keys(KEYS, self, f)?;
        show_keys(super::retry::KEYS, &self.retry, f)
    }
}

/// `HOST`, `HOST:PORT`, `[IPV6]:PORT` or an IPv6 address alone.
fn address(text: &str, port: u16) -> Result<HostPort, String> {
    HostPort::parse(text, Some(port)).ok_or_else(|| {
        format!("is {text:?}, must be a host, with or without a port, as in logs.example.com:{port} or [::1]:{port}")
    })
}

/// The path of a socket, which need not exist yet.
fn socket(text: &str) -> Result<PathBuf, String> {
    /// `sun_path` of unix(7), which ends in a NUL.
    const LONGEST: usize = 107;
    let path = Path::new(text);
    if !path.is_absolute() {
        Err(format!("is {text:?}, must be the absolute path of a socket, as in {DEV_LOG}"))
    } else if text.len() > LONGEST {
        Err(format!("is longer than {LONGEST} bytes, the limit for the path of a socket"))
    } else {
        Ok(path.into())
    }
}

/// The networks, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    Unix,
    UnixStream,
    Udp,
    Tcp,
    Tls,
}

impl Network {
    const ALL: [Self; 5] = [Self::Unix, Self::UnixStream, Self::Udp, Self::Tcp, Self::Tls];

    fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::UnixStream => "unix-stream",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// The values of a syslog output's keys while they are read.
pub(super) struct Draft {
    network: Network,
    /// A path or a host, depending on the network.
    address: Option<String>,
    protocol: Option<Protocol>,
    priority: Option<u8>,
    facility: Option<usize>,
    severity: Option<usize>,
    tag: String,
    connect_timeout: Duration,
    timeout: Duration,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            network: Network::Unix,
            address: None,
            protocol: None,
            priority: None,
            facility: None,
            severity: None,
            tag: "auship".into(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
        }
    }
}

/// The keys of the destination.
pub(super) static DESTINATION_KEYS: &[Key<Draft, Syslog>] = &[
    Key {
        about: About {
            name: "network",
            value: "**unix** | **unix-stream** | **udp** | **tcp** | **tls**",
            default: "unix",
            doc: "The transport of messages. **unix**: datagrams to a socket of this host. **unix-stream**: lines to a \
                  stream socket. **udp**: one datagram a message (RFC 5426). **tcp**: octet counting (RFC 6587). \
                  **tls**: octet counting over TLS 1.2 or later (RFC 5425).",
            more: "On a stream socket, a newline in a message becomes a blank. JSON documents have no newlines. A \
                   message that is too large for a datagram (over UDP more than 65507 bytes with its header) goes to \
                   the dead-letter file.",
            ..About::NONE
        },
        set: |draft, value| {
            let network = Network::ALL.into_iter().find(|network| network.name() == value.text);
            put(&mut draft.network, network.ok_or("unix, unix-stream, udp, tcp or tls"))
        },
        show: |syslog| one(syslog.destination.network().name()),
    },
    Key {
        about: About {
            name: "address",
            value: "*PATH* | *HOST* | *HOST:PORT*",
            default: "/dev/log",
            example: "logs.example.com",
            doc: "The path of the socket, or the host of the receiver. Required for **udp**, **tcp** and **tls**. The \
                  default port is 514, and 6514 for **tls**.",
            more: "An IPv6 address with a port is written in brackets: `[::1]:514`.",
        },
        set: |draft, value| put_some(&mut draft.address, Ok::<_, String>(value.text.to_string())),
        show: |syslog| match &syslog.destination {
            Destination::Unix(path) | Destination::UnixStream(path) => one(show::path(path)),
            Destination::Udp(address) | Destination::Tcp(address) | Destination::Tls(address, _) => one(address),
        },
    },
];

/// The keys of the format of messages, and of time limits.
pub(super) static KEYS: &[Key<Draft, Syslog>] = &[
    Key {
        about: About {
            name: "protocol",
            value: "**rfc3164** | **rfc5424**",
            default: "rfc3164 for sockets of this host, else rfc5424",
            example: "rfc5424",
            doc: "The format of the header of a message.",
            more: "**rfc3164** on a socket of this host has no host name, like syslog(3). Its time is the local time \
                   of sending. The time of the event is in the document. **rfc5424** has the MSGID *audit*, no \
                   structured data, and no byte order mark before the text.\n\n\
                   On a socket of this host, receivers expect RFC 3164. For **rfc5424** configure rsyslog's imuxsock \
                   with *useSpecialParser=\"off\" parseHostname=\"on\"*, or syslog-ng's unix-dgram() with \
                   *flags(syslog-protocol)*.",
        },
        set: |draft, value| {
            let protocol = match value.text {
                "rfc3164" => Ok(Protocol::Rfc3164),
                "rfc5424" => Ok(Protocol::Rfc5424),
                _ => Err("rfc3164 or rfc5424"),
            };
            put_some(&mut draft.protocol, protocol)
        },
        show: |syslog| {
            one(match syslog.protocol {
                Protocol::Rfc3164 => "rfc3164",
                Protocol::Rfc5424 => "rfc5424",
            })
        },
    },
    Key {
        about: About {
            name: "facility",
            value: "*NAME*",
            default: "local0",
            doc: "The facility: kern, user, mail, daemon, auth, syslog, lpr, news, uucp, cron, authpriv, ftp, ntp, \
                  audit, alert, clock, or local0 to local7.",
            ..About::NONE
        },
        set: |draft, value| {
            put_some(
                &mut draft.facility,
                FACILITIES.iter().position(|name| *name == value.text).ok_or(
                    "kern, user, mail, daemon, auth, syslog, lpr, news, uucp, cron, authpriv, ftp, ntp, audit, alert, \
                     clock or local0 to local7",
                ),
            )
        },
        show: |syslog| one(FACILITIES[usize::from(syslog.priority.0 / 8)]),
    },
    Key {
        about: About {
            name: "severity",
            value: "*NAME*",
            default: "warning",
            doc: "The severity: emerg, alert, crit, err, warning, notice, info or debug.",
            ..About::NONE
        },
        set: |draft, value| {
            let severity = SEVERITIES.iter().position(|name| *name == value.text);
            put_some(&mut draft.severity, severity.ok_or("emerg, alert, crit, err, warning, notice, info or debug"))
        },
        show: |syslog| one(SEVERITIES[usize::from(syslog.priority.0 % 8)]),
    },
    Key {
        about: About {
            name: "priority",
            value: "*NUMBER*",
            example: "132",
            doc: "One number in place of **facility** and **severity**: eight times the facility plus the severity, \
                  from 0 to 191.",
            ..About::NONE
        },
        set: |draft, value| {
            let priority = value.text.parse().ok().filter(|n| *n < 192);
            put_some(
                &mut draft.priority,
                priority.ok_or("a whole number from 0 to 191: 8 times the facility + severity"),
            )
        },
        show: none,
    },
    Key {
        about: About {
            name: "tag",
            value: "*TEXT*",
            default: "auship",
            doc: "The name of the program in messages: TAG of RFC 3164, APP-NAME of RFC 5424. It has 1 to 48 ASCII \
                  characters, but no blanks, `:`, `[` and `]`.",
            ..About::NONE
        },
        set: |draft, value| {
            // For receivers, the tag ends at a colon or a bracket.
            let is_good = value.text.bytes().all(|b| b.is_ascii_graphic() && !b":[]".contains(&b));
            let tag = Some(value.text.to_string()).filter(|tag| is_good && tag.len() <= LONGEST_TAG);
            put(&mut draft.tag, tag.ok_or("1 to 48 ASCII characters without blanks, ':', '[' and ']'"))
        },
        show: |syslog| one(show::text(&syslog.tag)),
    },
    Key {
        about: CONNECT_TIMEOUT,
        set: |draft, value| put(&mut draft.connect_timeout, values::time_above_0(value.text)),
        show: |syslog| one(values::show_time(syslog.connect_timeout)),
    },
    Key {
        about: About {
            name: "timeout",
            value: "*TIME*",
            default: "30s",
            doc: "The limit for sending. If the receiver accepts no data for this time, the connection is closed. Must \
                  be above 0.",
            ..About::NONE
        },
        set: |draft, value| put(&mut draft.timeout, values::time_above_0(value.text)),
        show: |syslog| one(values::show_time(syslog.timeout)),
    },
];

impl Syslog {
    pub(super) fn read(given: &mut SectionValues, line: usize, validator: &mut Validator) -> Option<Self> {
        let mut draft = Draft::default();
        let lines = [given.line("priority"), given.line("facility").or(given.line("severity"))];
        if let [Some(line), Some(_)] = lines {
            let what = "can't be used together with facility or severity; set the one or the others";
            validator.fault(line, given.section, "priority", what);
        }
        let address_line = given.line("address").unwrap_or(line);
        read(DESTINATION_KEYS, &mut draft, given, Dialect::Auship, validator);
        read(KEYS, &mut draft, given, Dialect::Auship, validator);
        let destination = destination(&draft, given, address_line, validator);
        let retry = Retry::read(given, validator);
        let is_unix = destination.as_ref().is_none_or(Destination::is_unix);
        Some(Self {
            protocol: draft.protocol.unwrap_or(if is_unix { Protocol::Rfc3164 } else { Protocol::Rfc5424 }),
            priority: priority(&draft),
            tag: draft.tag,
            connect_timeout: draft.connect_timeout,
            timeout: draft.timeout,
            retry,
            destination: destination?,
        })
    }
}

/// The destination of messages. `None` if it is wrong or missing.
fn destination(
    draft: &Draft,
    given: &mut SectionValues,
    address_line: usize,
    validator: &mut Validator,
) -> Option<Destination> {
    let network = draft.network;
    if network != Network::Tls {
        let keys: Vec<&str> = names(super::tls::KEYS).collect();
        validator.no_meaning_of(given, &keys, &format!("network = {}", network.name()));
    }
    // TLS keys are read even if there is no address, so that their faults are reported too.
    let tls = (network == Network::Tls).then(|| Tls::read(given, Dialect::Auship, validator));
    let text = draft.address.as_deref();
    let path = || text.map_or(Ok(DEV_LOG.into()), socket);
    let host = |port| match text {
        Some(text) => address(text, port),
        None => Err("is missing; name the receiver, HOST or HOST:PORT".to_string()),
    };
    let destination = match (network, tls) {
        (Network::Unix, _) => path().map(Destination::Unix),
        (Network::UnixStream, _) => path().map(Destination::UnixStream),
        (Network::Udp, _) => host(PORT).map(Destination::Udp),
        (_, Some(tls)) => host(TLS_PORT).map(|address| Destination::Tls(address, tls)),
        (_, None) => host(PORT).map(Destination::Tcp),
    };
    destination.map_err(|what| validator.fault(address_line, given.section, "address", what)).ok()
}

fn priority(draft: &Draft) -> Priority {
    let Priority(default) = Priority::default();
    let priority = draft.priority.unwrap_or(default);
    let facility = draft.facility.unwrap_or(usize::from(priority / 8));
    let severity = draft.severity.unwrap_or(usize::from(priority % 8));
    // With 24 facilities and 8 severities the number is below 192.
    Priority(u8::try_from(8 * facility + severity).unwrap_or(default))
}

#[cfg(test)]
#[path = "syslog_tests.rs"]
mod tests;
