//! Hosts, ports and connections.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
};

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl HostPort {
    /// Reads `HOST:PORT` or `[IPV6]:PORT`. With a default port, `HOST`, `[IPV6]` and `IPV6` are accepted too.
    pub fn parse(text: &str, default_port: Option<u16>) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                host.parse::<Ipv6Addr>().ok()?;
                (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
            }
            None if text.parse::<Ipv6Addr>().is_ok() => (text, None),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = match port {
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => port.parse().ok()?,
            Some(_) => return None,
            None => default_port?,
        };
        // These characters exclude paths and URLs.
        let is_good = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        (!host.is_empty() && port > 0 && host.chars().all(is_good)).then(|| Self { host: host.into(), port })
    }

    /// Tries the host's addresses in turn until one connects.
    ///
    /// # Errors
    /// When none connects: the error of the last one.
    pub fn connect<T>(&self, connect: impl Fn(SocketAddr) -> io::Result<T>) -> Result<T, String> {
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let found = found.map_err(|e| format!("can't look up {}: {e}", self.host))?;
        let mut why = format!("{} has no address", self.host);
        for address in found {
            match connect(address) {
                Ok(connected) => return Ok(connected),
                Err(e) => why = format!("can't connect to {address}: {e}"),
            }
        }
        Err(why)
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// The parts of a URL, as they stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlParts<'a> {
    /// The scheme with `://`, or nothing.
    pub prefix: &'a str,
    /// The user's name and password, if there is an `@`.
    pub login: Option<&'a str>,
    /// The host, and the port if the URL names one.
    pub authority: &'a str,
    /// The path and what follows it.
    pub rest: &'a str,
}

impl<'a> UrlParts<'a> {
    /// The parts of a URL, with or without its scheme. Nothing is checked. An unescaped `/`, `?` or `#` in a password ends
    /// the authority.
    pub fn of(url: &'a str) -> Self {
        let (prefix, text) = url.split_at(url.find("://").map_or(0, |at| at + 3));
        let (authority, rest) = text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()));
        match authority.rsplit_once('@') {
            Some((login, authority)) => Self { prefix, login: Some(login), authority, rest },
            None => Self { prefix, login: None, authority, rest },
        }
    }

    /// The scheme, or nothing.
    pub fn scheme(&self) -> &'a str {
        self.prefix.strip_suffix("://").unwrap_or_default()
    }

    /// The text behind the colon after the host, or nothing.
    pub fn port(&self) -> &'a str {
        let after_address = self.authority.rsplit(']').next().unwrap_or_default();
        after_address.split_once(':').map_or("", |(_, port)| port)
    }

    /// The URL without the login.
    pub fn without_login(&self) -> String {
        [self.prefix, self.authority, self.rest].concat()
    }
}

/// A UDP socket that is connected to one address, so that it gets an error when nobody listens there.
///
/// # Errors
/// When the socket can't be made, or there is no route to the address.
pub fn connect_udp(to: SocketAddr) -> io::Result<UdpSocket> {
    let own: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(own)?;
    socket.connect(to)?;
    Ok(socket)
}

/// The name of a host up to the first dot.
pub fn short_name(name: &str) -> &str {
    name.split_once('.').map_or(name, |(short, _)| short)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_parts() {
        for (url, prefix, login, authority, port, rest) in [
            ("https://siem.example.com/events", "https://", None, "siem.example.com", "", "/events"),
            ("https://u:p@w:x@h:9200?a@b:c", "https://", Some("u:p@w:x"), "h:9200", "9200", "?a@b:c"),
            ("http://[::1]:9243#x", "http://", None, "[::1]:9243", "9243", "#x"),
            ("proxy:3128", "", None, "proxy:3128", "3128", ""),
            ("u:secret/x@h", "", None, "u:secret", "secret", "/x@h"),
            ("", "", None, "", "", ""),
        ] {
            let parts = UrlParts::of(url);
            assert_eq!(parts, UrlParts { prefix, login, authority, rest }, "{url}");
            assert_eq!(parts.port(), port, "{url}");
        }
        assert_eq!(UrlParts::of("https://u:p@h:1/x@y").without_login(), "https://h:1/x@y");
    }

    #[test]
    fn hosts_have_ports_and_brackets() {
        for (text, host, port) in [
            ("h", "h", 514),
            ("h:601", "h", 601),
            ("10.0.0.1:1", "10.0.0.1", 1),
            ("statsd.example.com:65535", "statsd.example.com", 65535),
            ("::1", "::1", 514),
            ("[fe80::1]", "fe80::1", 514),
            ("[::1]:99", "::1", 99),
        ] {
            let found = HostPort::parse(text, Some(514)).unwrap();
            assert_eq!((found.host.as_str(), found.port), (host, port), "{text}");
            assert_eq!(HostPort::parse(&found.to_string(), None), Some(found.clone()), "{text}");
            assert_eq!(HostPort::parse(text, None).is_some(), port != 514, "{text}");
        }
        for bad in [
            "",
            ":514",
            "h:",
            "h:0",
            "h:x",
            "h:+1",
            "h:65536",
            "/dev/log",
            "[h]:1",
            "[::1",
            "[::1]1",
            "a b",
            "udp://h",
            "http://h:1",
            "h:1:2",
            "[]:1",
        ] {
            assert_eq!(HostPort::parse(bad, Some(514)), None, "{bad}");
        }
        assert_eq!(HostPort::parse("::1:8125", None), None, "an address, and no port");
    }

    #[test]
    fn the_first_address_that_works_is_taken() {
        let local = HostPort { host: "127.0.0.1".into(), port: 9 };
        assert_eq!(local.connect(Ok), Ok(SocketAddr::from(([127, 0, 0, 1], 9))));
        let failed = local.connect(|_| Err::<(), _>(io::Error::other("no"))).unwrap_err();
        assert_eq!(failed, "can't connect to 127.0.0.1:9: no");
        let unknown = HostPort { host: "a..b".into(), port: 9 };
        assert!(unknown.connect(Ok).unwrap_err().starts_with("can't look up a..b: "));
    }

    #[test]
    fn datagrams_arrive() {
        for own in ["127.0.0.1:0", "[::1]:0"] {
            // Not every machine has IPv6.
            let Ok(receiver) = UdpSocket::bind(own) else { continue };
            let sender = connect_udp(receiver.local_addr().unwrap()).unwrap();
            sender.send(b"x").unwrap();
            assert_eq!(receiver.recv(&mut [0; 2]).unwrap(), 1);
        }
    }

    #[test]
    fn short_names_end_at_a_dot() {
        assert_eq!(["web.example.com", "web", ".", ""].map(short_name), ["web", "web", "", ""]);
    }
}
