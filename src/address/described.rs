//! Socket addresses in libauparse's words: `{ saddr_fam=inet laddr=192.0.2.1 lport=443 }`.
//!
//! libauparse itself isn't asked. It knows four families, calls the others unsupported, reads past the end of some short
//! addresses, and names the network interface of an IPv6 address after those of this host.

use super::sockaddr::{AF_INET, AF_INET6, AF_UNIX, decoded, of_internet};
use std::io::Write;

/// Further address families that are taken apart (`<linux/socket.h>`).
const AF_NETLINK: u8 = 16;
const AF_PACKET: u8 = 17;
const AF_ALG: u8 = 38;
const AF_VSOCK: u8 = 40;

/// The longest address that the kernel takes: `struct sockaddr_storage`, in bytes.
const LONGEST: usize = 128;
/// The longest name of a unix socket (`sun_path` of unix(7)).
pub const LONGEST_PATH: usize = 108;

/// The names of families in libauparse's words (`famtab.h` there), from AF_UNSPEC (0) up. Empty for unused numbers.
const FAMILIES: [&str; 46] = [
    "unspec",
    "local",
    "inet",
    "ax25",
    "ipx",
    "appletalk",
    "netrom",
    "bridge",
    "atmpvc",
    "x25",
    "inet6",
    "rose",
    "decnet",
    "netbeui",
    "security",
    "key",
    "netlink",
    "packet",
    "ash",
    "econet",
    "atmsvc",
    "rds",
    "sna",
    "irda",
    "pppox",
    "wanpipe",
    "llc",
    "ib",
    "mpls",
    "can",
    "tipc",
    "bluetooth",
    "iucv",
    "rxrpc",
    "isdn",
    "phonet",
    "ieee802154",
    "caif",
    "alg",
    "nfc",
    "vsock",
    "kcm",
    "qipcrtr",
    "smc",
    "xdp",
    "mctp",
];

/// The name of an address family.
pub fn family_name(family: u8) -> Option<&'static str> {
    FAMILIES.get(usize::from(family)).copied()
}

/// A number in the recording machine's byte order.
#[derive(Clone, Copy)]
struct Order {
    is_little: bool,
}

impl Order {
    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self.is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }
}

/// The parts of an address. `None` for an address that can't be taken apart without a loss: of another family, too
/// short, or too long. Its digits say what it is.
pub fn described(saddr: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if !saddr.len().is_multiple_of(2) || saddr.len() > 2 * LONGEST {
        return None;
    }
    let (family, rest) = decoded(saddr, &mut bytes)?;
    // The byte that isn't 0 is the lower one.
    let order = Order { is_little: saddr.starts_with(b"00") == (family == 0) };
    let mut out = Vec::with_capacity(rest.len() + 32);
    write!(out, "{{ saddr_fam={}", family_name(family)?).ok()?;
    match family {
        AF_UNIX => unix(rest, &mut out),
        AF_INET if rest.len() >= 14 => internet(family, rest, order, &mut out),
        AF_INET6 if rest.len() >= 22 => internet(family, rest, order, &mut out),
        AF_NETLINK if rest.len() >= 10 => netlink(rest, order, &mut out),
        AF_PACKET => packet(rest, order, &mut out),
        AF_ALG => alg(rest, &mut out),
        AF_VSOCK => vsock(rest, order, &mut out),
        _ => None,
    }?;
    out.extend_from_slice(b" }");
    Some(out)
}

/// The text up to its first NUL. `None` when something follows that NUL.
fn c_string(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes[end..].iter().all(|byte| *byte == 0).then(|| &bytes[..end])
}

/// `struct sockaddr_un` (unix(7)).
fn unix(rest: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let path = match rest {
        [] => {
            out.extend_from_slice(b" unnamed");
            return Some(());
        }
        _ if rest.len() < 2 || rest.len() > LONGEST_PATH => return None,
        // The name of an abstract socket may hold any bytes. Its NUL isn't shown, as in libauparse.
        [0, name @ ..] => c_string(name).filter(|name| !name.is_empty())?,
        // What follows the NUL of a path isn't part of it.
        path => path.split(|byte| *byte == 0).next()?,
    };
    out.extend_from_slice(b" path=");
    out.extend_from_slice(path);
    Some(())
}

/// `struct sockaddr_in` and `struct sockaddr_in6` (`<linux/in.h>`, `<linux/in6.h>`).
fn internet(family: u8, rest: &[u8], order: Order, out: &mut Vec<u8>) -> Option<()> {
    let (host, port) = of_internet(family, rest)?;
    let shown = match host {
        std::net::IpAddr::V6(host) => match host.segments() {
            // The C library writes the last 32 bits of such an address as those of IPv4.
            [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
                let [a, b] = high.to_be_bytes();
                let [c, d] = low.to_be_bytes();
                format!("::{a}.{b}.{c}.{d}")
            }
            _ => host.to_string(),
        },
        std::net::IpAddr::V4(host) => host.to_string(),
    };
    write!(out, " laddr={shown}").ok()?;
    // The number of the network interface, on the recording machine.
    if let Some(scope) = order.u32(rest, 22).filter(|scope| *scope != 0 && family == AF_INET6) {
        write!(out, "%{scope}").ok()?;
    }
    write!(out, " lport={port}").ok()
}

/// `struct sockaddr_nl` (`<linux/netlink.h>`).
fn netlink(rest: &[u8], order: Order, out: &mut Vec<u8>) -> Option<()> {
    write!(out, " nlnk-fam={AF_NETLINK} nlnk-pid={}", order.u32(rest, 2)?).ok()?;
    match order.u32(rest, 6)? {
        0 => Some(()),
        groups => write!(out, " nlnk-groups={groups:#x}").ok(),
    }
}

/// `struct sockaddr_ll` (`<linux/if_packet.h>`), without the address of the hardware if it has none.
fn packet(rest: &[u8], order: Order, out: &mut Vec<u8>) -> Option<()> {
    let [high, low, ..] = *rest else { return None };
    let [halen, address @ ..] = rest.get(9..18).filter(|_| rest.len() == 18)? else { return None };
    let interface = order.u32(rest, 2)?;
    let (address, padding) = address.split_at_checked((*halen).into())?;
    // The type of the hardware and that of the packet mean nothing in an address that a program gives.
    if rest[6..9].iter().chain(padding).any(|byte| *byte != 0) {
        return None;
    }
    write!(out, " protocol=0x{:04x} ifindex={interface}", u16::from_be_bytes([high, low])).ok()?;
    for (n, byte) in address.iter().enumerate() {
        write!(out, "{}{byte:02x}", if n == 0 { " addr=" } else { ":" }).ok()?;
    }
    Some(())
}

/// `struct sockaddr_alg` (`<linux/if_alg.h>`).
fn alg(rest: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (kind, rest) = rest.split_at_checked(14)?;
    let (features, name) = rest.split_at_checked(8).filter(|(_, name)| name.len() == 64)?;
    let (kind, name) = (c_string(kind)?, c_string(name)?);
    let is_word = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_graphic);
    if !is_word(kind) || !is_word(name) || features.iter().any(|byte| *byte != 0) {
        return None;
    }
    out.extend_from_slice(&[b" type=", kind, b" name=", name].concat());
    Some(())
}

/// `struct sockaddr_vm` (`<linux/vm_sockets.h>`).
fn vsock(rest: &[u8], order: Order, out: &mut Vec<u8>) -> Option<()> {
    // Two reserved bytes, and flags with their padding.
    if rest.len() != 14 || rest[..2].iter().chain(&rest[10..]).any(|byte| *byte != 0) {
        return None;
    }
    write!(out, " cid={} port={}", order.u32(rest, 6)?, order.u32(rest, 2)?).ok()
}

/// True for a description, by libauparse, of an address that it couldn't take apart.
pub fn is_error(described: &[u8]) -> bool {
    // A path may hold any words.
    let has_path = described.windows(6).any(|part| part == b" path=");
    let ends: [&[u8]; 3] = [b"(unsupported) }", b"len too short }", b"(error resolving addr) }"];
    described.starts_with(b"malformed-host(") || !has_path && ends.iter().any(|end| described.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::unhex;

    fn text(saddr: &str) -> Option<String> {
        described(saddr.as_bytes()).map(|text| String::from_utf8_lossy(&text).into_owned())
    }

    #[test]
    fn addresses_are_described_in_libauparses_words() {
        for (saddr, said) in [
            ("020001BBC00002010000000000000000", "{ saddr_fam=inet laddr=192.0.2.1 lport=443 }"),
            ("000201BBC00002010000000000000000", "{ saddr_fam=inet laddr=192.0.2.1 lport=443 }"),
            (
                "0A0001BB0000000020010DB800000000000000000000000100000000",
                "{ saddr_fam=inet6 laddr=2001:db8::1 lport=443 }",
            ),
            (
                "0A0001BB00000000FE80000000000000000000000000000102000000",
                "{ saddr_fam=inet6 laddr=fe80::1%2 lport=443 }",
            ),
            (
                "0A0001BB00000000000000000000000000000000C000020100000000",
                "{ saddr_fam=inet6 laddr=::192.0.2.1 lport=443 }",
            ),
            (
                "0A0001BB0000000000000000000000000000FFFFC000020100000000",
                "{ saddr_fam=inet6 laddr=::ffff:192.0.2.1 lport=443 }",
            ),
            ("0100", "{ saddr_fam=local unnamed }"),
            ("01002F72756E2F782E736F636B00", "{ saddr_fam=local path=/run/x.sock }"),
            ("01002F782E736F636B00FFFF", "{ saddr_fam=local path=/x.sock }"),
            ("0100006162737472616374", "{ saddr_fam=local path=abstract }"),
            ("100000000000000000000000", "{ saddr_fam=netlink nlnk-fam=16 nlnk-pid=0 }"),
            ("100000003930000003000000", "{ saddr_fam=netlink nlnk-fam=16 nlnk-pid=12345 nlnk-groups=0x3 }"),
            ("28000000D2040000020000000000000000".split_at(32).0, "{ saddr_fam=vsock cid=2 port=1234 }"),
            ("00280000000004D20000000200000000", "{ saddr_fam=vsock cid=2 port=1234 }"),
            ("28000000FFFFFFFFFFFFFFFF00000000", "{ saddr_fam=vsock cid=4294967295 port=4294967295 }"),
            (
                "11000003020000000000000000000000000000000000".split_at(40).0,
                "{ saddr_fam=packet protocol=0x0003 ifindex=2 }",
            ),
            (
                "1100080602000000000000060242AC1100020000",
                "{ saddr_fam=packet protocol=0x0806 ifindex=2 addr=02:42:ac:11:00:02 }",
            ),
        ] {
            assert_eq!(text(saddr).as_deref(), Some(said), "{saddr}");
        }
        let alg = format!("2600{:0<28}{:0<16}{:0<128}", "68617368", "", "736861323536");
        assert_eq!(text(&alg).as_deref(), Some("{ saddr_fam=alg type=hash name=sha256 }"));
    }

    #[test]
    fn digits_stand_for_what_cannot_be_taken_apart() {
        let long = format!("0200{:0<256}", "");
        for saddr in [
            "",
            "0",
            "01",
            "010",
            "01002F",
            "010000",
            "01000000",
            "010000610062",
            "0200",
            "020001BBC0000201",
            "0A0001BB00000000",
            "1000",
            "1F00060000112233445500",
            "28000000D204000002000000",
            "28000100D20400000200000000000000",
            "28000000D20400000200000001000000",
            "11000003",
            "1100000302000000010000000000000000000000",
            "2600",
            "00000000",
            "0202000000000000",
            "FFFF",
            "020001BBC00002010000000000000000z",
            "1D0000000300000000000000",
            &long,
        ] {
            assert_eq!(text(saddr), None, "{saddr}");
        }
    }

    #[test]
    fn nothing_is_read_past_the_end() {
        let mut bytes = Vec::new();
        assert!(unhex(b"00112233445566778899AABBCCDDEEFF00", &mut bytes));
        for family in 0..=u8::MAX {
            for len in 0..130 {
                let saddr = format!("{family:02X}00{}", "41".repeat(len));
                let described = text(&saddr);
                assert!(described.is_none_or(|text| text.ends_with(" }") && !is_error(text.as_bytes())), "{saddr}");
            }
        }
    }

    #[test]
    fn errors_of_libauparse_are_known() {
        for error in [
            "{ saddr_fam=vsock (unsupported) }",
            "{ saddr_fam=local sockaddr len too short }",
            "{ saddr_fam=inet6 sockaddr6 len too short }",
            "{ saddr_fam=netlink len too short }",
            "{ saddr_fam=inet (error resolving addr) }",
            "malformed-host(1)",
        ] {
            assert!(is_error(error.as_bytes()), "{error}");
        }
        for good in ["{ saddr_fam=inet laddr=192.0.2.1 lport=443 }", "{ saddr_fam=local path=/x (unsupported) }"] {
            assert!(!is_error(good.as_bytes()), "{good}");
        }
    }
}
