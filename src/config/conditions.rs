//! The values of a filter's conditions.

use crate::{auparse::tables, paths};
use ipnet::IpNet;
use regex::bytes::{Regex, RegexBuilder};
use std::{fmt, net::IpAddr};

/// A system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyscallPattern {
    /// By name, on any architecture.
    Name(String),
    /// By number. Its meaning depends on the event's architecture.
    Number(u32),
}

/// A record type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordType {
    /// The name or number in the configuration.
    pub given: String,
    /// Its number.
    pub number: i32,
}

/// A range of numbers, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    first: u32,
    last: u32,
}

/// A network, and the ports that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    network: IpNet,
    ports: Option<Numbers>,
}

/// A regular expression.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// The id that means that none is set: (uid_t)-1.
const UNSET: u32 = u32::MAX;

impl SyscallPattern {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if let Some(number) = number(text) {
            return Ok(Self::Number(number));
        }
        let lower = text.to_ascii_lowercase();
        if tables::is_call(&lower) {
            return Ok(Self::Name(lower));
        }
        Err(format!("{text:?} is no system call that libaudit knows; give its number, or see ausyscall --dump"))
    }
}

impl fmt::Display for SyscallPattern {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl RecordType {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        match tables::record_type(&upper) {
            Some(number) => Ok(Self { given: upper, number }),
            None => {
                Err(format!("{text:?} is no record type that libaudit knows; give its number, or see ausearch -m all"))
            }
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.given)
    }
}

/// A whole number that has only digits.
fn number(text: &str) -> Option<u32> {
    // `parse` alone would accept a sign.
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

impl Numbers {
    /// True if the number is in the range.
    pub fn contains(&self, number: u32) -> bool {
        (self.first..=self.last).contains(&number)
    }

    fn read(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (number(first.trim_end())?, number(last.trim_start())?);
        (first <= last).then_some(Self { first, last })
    }

    pub(super) fn ids(text: &str) -> Result<Self, String> {
        if matches!(text, "unset" | "-1") {
            return Ok(Self { first: UNSET, last: UNSET });
        }
        let expected = || format!("{text:?} must be a number, a range as in 1000-1999, or unset");
        Self::read(text).ok_or_else(expected)
    }

    pub(super) fn ports(text: &str) -> Result<Self, String> {
        let expected = || format!("{text:?} must be a port from 0 to 65535, or a range of them as in 6000-6063");
        Self::read(text).filter(|ports| ports.last <= u16::MAX.into()).ok_or_else(expected)
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self { first: UNSET, .. } => f.write_str("unset"),
            Self { first, last } if first == last => first.fmt(f),
            Self { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

impl Endpoint {
    /// True if the address is in the network and the port matches. An IPv4 address also matches when it is written as
    /// an IPv6 address (`::ffff:192.0.2.1`), as dual-stack sockets do.
    pub fn contains(&self, address: IpAddr, port: u16) -> bool {
        self.ports.is_none_or(|ports| ports.contains(port.into()))
            && (self.network.contains(&address) || self.network.contains(&address.to_canonical()))
    }

    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (address, bits, ports) = Self::split(text).ok_or_else(|| {
            format!(
                "{text:?} must be an address or a network, with or without ports, as in 192.0.2.1, 10.0.0.0/8:443, \
                 2001:db8::/32 or [2001:db8::1]:443"
            )
        })?;
        let ports = ports.map(Numbers::ports).transpose()?;
        let Some(bits) = bits else {
            return Ok(Self { network: address.into(), ports });
        };
        let bits = number(bits).and_then(|bits| u8::try_from(bits).ok());
        let Some(network) = bits.and_then(|bits| IpNet::new(address, bits).ok()) else {
            let most = IpNet::from(address).max_prefix_len();
            return Err(format!("{text:?} must have a whole number from 0 to {most} after its slash"));
        };
        if network.network() != address {
            // For example 10.1.2.3/8: the author may mean 10.1.2.3 or 10.0.0.0/8.
            let meant = network.trunc();
            return Err(format!("{text:?} isn't the first address of its network; is {meant} meant?"));
        }
        Ok(Self { network, ports })
    }

    /// Splits a text into the address, the bits of the network, and the ports.
    fn split(text: &str) -> Option<(IpAddr, Option<&str>, Option<&str>)> {
        let (address, rest) = match text.strip_prefix('[') {
            // IPv6 with ports needs brackets.
            Some(rest) => {
                let (address, rest) = rest.split_once(']')?;
                (IpAddr::V6(address.parse().ok()?), rest)
            }
            None if text.matches(':').count() > 1 => {
                let end = text.find('/').unwrap_or(text.len());
                (IpAddr::V6(text[..end].parse().ok()?), &text[end..])
            }
            None => {
                let end = text.find(['/', ':']).unwrap_or(text.len());
                (IpAddr::V4(text[..end].parse().ok()?), &text[end..])
            }
        };
        let (bits, ports) = match rest.split_once(':') {
            Some((bits, ports)) => (bits, Some(ports)),
            None => (rest, None),
        };
        let bits = if bits.is_empty() { None } else { Some(bits.strip_prefix('/')?) };
        Some((address, bits, ports))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match (self.network.addr(), self.ports) {
            (IpAddr::V6(address), Some(_)) => write!(f, "[{address}]")?,
            (address, _) => address.fmt(f)?,
        }
        if self.network.prefix_len() < self.network.max_prefix_len() {
            write!(f, "/{}", self.network.prefix_len())?;
        }
        self.ports.map_or(Ok(()), |ports| write!(f, ":{ports}"))
    }
}

impl Pattern {
    /// Reads a regular expression.
    ///
    /// # Errors
    /// The reason, on one line.
    pub fn new(text: &str) -> Result<Self, String> {
        // As in RE2, \w, \d and \b mean ASCII. Records are bytes, and a pattern may match any byte.
        RegexBuilder::new(text).unicode(false).build().map(Self).map_err(|e| {
            let all = e.to_string();
            // The message of the regex crate first shows the place of the error, and then the reason.
            let why = all.rsplit_once("error: ").map_or(all.as_str(), |(_, why)| why);
            why.split_whitespace().collect::<Vec<_>>().join(" ")
        })
    }

    /// True if it matches somewhere in the text.
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// An absolute path without `.`, `..` and superfluous slashes.
pub(super) fn path(text: &str) -> Result<String, String> {
    let mut path = Vec::new();
    if !paths::append_absolute(&mut path, text.as_bytes()) {
        return Err(format!("{text:?} must be an absolute path"));
    }
    Ok(String::from_utf8_lossy(&path).into_owned())
}

/// The path of a program, or the beginning of one with a `*` after it.
pub(super) fn exe(text: &str) -> Result<String, String> {
    match text.strip_suffix('*').unwrap_or(text) {
        start if start.contains('*') => Err(format!("{text:?} has a * before its end")),
        start if !start.is_empty() && !start.starts_with('/') => Err(format!("{text:?} must be an absolute path")),
        _ => Ok(text.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_their_addresses() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0"]),
            ("192.0.2.1", ["192.0.2.1", "::ffff:192.0.2.1"], ["192.0.2.0", "192.0.2.2"]),
            ("::ffff:0.0.0.0/96", ["::ffff:10.0.0.1", "::ffff:0.0.0.0"], ["::fffe:0.0.0.1", "10.0.0.1"]),
        ] {
            let endpoint = Endpoint::read(network).unwrap();
            let contains = |address: &&str| endpoint.contains(address.parse().unwrap(), 1);
            assert!(inside.iter().all(contains) && !outside.iter().any(contains), "{network}");
        }
    }
}
