//! Socket addresses as SOCKADDR records hold them: the raw `struct sockaddr`, in hex.

mod described;
mod sockaddr;

pub use described::{LONGEST_PATH, described, family_name, is_error};
use sockaddr::{AF_UNIX, decoded, of_internet};
use std::net::IpAddr;

/// The address of a socket.
#[derive(Debug, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port.
    Internet(IpAddr, u16),
    /// The path of a unix socket. An abstract name begins with `@`.
    Unix(Vec<u8>),
}

/// Reads `saddr` if it is an internet address. `bytes` is a buffer for the decoded bytes.
pub fn internet(saddr: &[u8], bytes: &mut Vec<u8>) -> Option<(IpAddr, u16)> {
    let (family, rest) = decoded(saddr, bytes)?;
    of_internet(family, rest)
}

impl Address {
    /// The number of the address family (`<linux/socket.h>`). The rest of `saddr` isn't looked at.
    pub fn family(saddr: &[u8]) -> Option<u8> {
        decoded(saddr.get(..4)?, &mut Vec::new()).map(|(family, _)| family)
    }

    /// True for the address of a unix socket.
    pub fn is_unix(saddr: &[u8]) -> bool {
        Self::family(saddr) == Some(AF_UNIX)
    }

    /// Reads `saddr`. `None` for other families, unnamed sockets, and addresses that are cut short.
    pub fn read(saddr: &[u8]) -> Option<Self> {
        let mut bytes = Vec::new();
        let (family, rest) = decoded(saddr, &mut bytes)?;
        if family != AF_UNIX {
            return of_internet(family, rest).map(|(host, port)| Self::Internet(host, port));
        }
        let named = match rest.first()? {
            0 => [b"@", &rest[1..]].concat(),
            _ => rest.split(|b| *b == 0).next()?.to_vec(),
        };
        (named != b"@").then_some(Self::Unix(named))
    }

    /// The address as people write it: `192.0.2.1:443`, `[2001:db8::1]:443`, `/run/x.sock`, `@name`.
    pub fn shown(&self) -> Vec<u8> {
        match self {
            Self::Internet(IpAddr::V6(host), port) => format!("[{host}]:{port}").into_bytes(),
            Self::Internet(IpAddr::V4(host), port) => format!("{host}:{port}").into_bytes(),
            Self::Unix(path) => path.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(saddr: &str) -> Option<String> {
        Address::read(saddr.as_bytes()).map(|a| String::from_utf8_lossy(&a.shown()).into_owned())
    }

    #[test]
    fn addresses_of_every_kind() {
        assert_eq!(shown("020001BBC00002010000000000000000").as_deref(), Some("192.0.2.1:443"));
        // s390x and other big-endian machines
        assert_eq!(shown("000201BBC00002010000000000000000").as_deref(), Some("192.0.2.1:443"));
        assert_eq!(
            shown("0A0001BB0000000020010DB800000000000000000000000100000000").as_deref(),
            Some("[2001:db8::1]:443")
        );
        assert_eq!(shown("01002F72756E2F746F6F6C2E736F636B00").as_deref(), Some("/run/tool.sock"));
        assert_eq!(shown("0100006162737472616374").as_deref(), Some("@abstract"));
    }

    #[test]
    fn what_names_nothing_is_none() {
        for saddr in
            ["", "0", "02", "0100", "010000", "02000", "020001BBC000", "1F00", "100000000000", "zz00", "0A0001"]
        {
            assert_eq!(shown(saddr), None, "{saddr}");
        }
    }

    #[test]
    fn a_family_is_one_byte() {
        assert_eq!(Address::family(b"28000000").and_then(family_name), Some("vsock"));
        assert_eq!(Address::family(b"00280000").and_then(family_name), Some("vsock"));
        assert_eq!(Address::family(b"63000000").and_then(family_name), None);
        assert_eq!(Address::family(b"02020000"), None);
    }
}
