//! The bytes of a `struct sockaddr`.

use crate::event::unhex;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Address families (`<linux/socket.h>`).
pub(super) const AF_UNIX: u8 = 1;
pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;

/// Decodes an address into its family and the bytes after it. `bytes` is the buffer that holds them.
pub(super) fn decoded<'a>(saddr: &[u8], bytes: &'a mut Vec<u8>) -> Option<(u8, &'a [u8])> {
    bytes.clear();
    // A single digit at the end is half a byte: it is left out.
    if !unhex(&saddr[..saddr.len() & !1], bytes) {
        return None;
    }
    let (family, rest) = bytes.split_at_checked(2)?;
    // The family is in the recording machine's byte order; all families are below 256.
    match *family {
        [0, family] | [family, 0] => Some((family, rest)),
        _ => None,
    }
}

/// The host and the port of an internet address, from the bytes after its family.
pub(super) fn of_internet(family: u8, rest: &[u8]) -> Option<(IpAddr, u16)> {
    let port = || Some(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?));
    match family {
        AF_INET => {
            let host: [u8; 4] = rest.get(2..6)?.try_into().ok()?;
            Some((Ipv4Addr::from(host).into(), port()?))
        }
        AF_INET6 => {
            let host: [u8; 16] = rest.get(6..22)?.try_into().ok()?;
            Some((Ipv6Addr::from(host).into(), port()?))
        }
        _ => None,
    }
}
