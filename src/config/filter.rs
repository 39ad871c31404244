//! Filters: which events are kept.

use super::{
    Config, ini,
    keys::SectionLocation,
    show::Quoted,
    validator::{SectionValues, Validator},
    values,
};
use crate::auparse::tables;
use ipnet::IpNet;
use regex::bytes::{Regex, RegexBuilder};
use std::{fmt, net::IpAddr};

/// A filter: what it matches, and what becomes of that. All conditions given must hold; of a list, one entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// What messages and metrics call it.
    pub name: String,
    /// Where in the file it begins.
    pub line: usize,
    /// What becomes of events that match.
    pub action: Action,
    /// System calls.
    pub syscalls: Vec<SyscallPattern>,
    /// Types of records, one of which the event has.
    pub record_types: Vec<RecordType>,
    /// Rule keys.
    pub keys: Vec<String>,
    /// Without a rule key.
    pub no_key: bool,
    /// User ids.
    pub uids: Vec<Numbers>,
    /// Login ids.
    pub auids: Vec<Numbers>,
    /// Names of users.
    pub users: Vec<String>,
    /// Programs: a path, or what it begins with and a `*`.
    pub exes: Vec<String>,
    /// Files, or directories with all that is in them: absolute, without `.`, `..` and a slash at the end.
    pub paths: Vec<String>,
    /// Socket addresses.
    pub endpoints: Vec<Endpoint>,
    /// Their ports.
    pub ports: Vec<Numbers>,
    /// What the records' text has.
    pub regex: Option<Pattern>,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// No output gets it.
    #[default]
    Drop,
    /// All outputs get it, whatever further filters say.
    Keep,
}

/// A system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyscallPattern {
    /// By name, on whatever machine.
    Name(String),
    /// By number, whatever that means on its machine.
    Number(u32),
}

/// A record type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordType {
    /// As it was given.
    pub given: String,
    /// Its number.
    pub number: i32,
}

/// Numbers from one up to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    first: u32,
    last: u32,
}

/// A network, with the ports that are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    network: IpNet,
    ports: Option<Numbers>,
}

/// A regular expression.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// The id of nobody: (uid_t)-1.
const UNSET: u32 = u32::MAX;

impl Filter {
    /// Says the same as another, wherever it stands in its file.
    pub fn is_as(&self, other: &Self) -> bool {
        Self { line: other.line, ..self.clone() } == *other
    }

    /// True when it would match every event.
    fn is_without_condition(&self) -> bool {
        let Self { name, line, action, .. } = self.clone();
        *self == Self { name, line, action, ..Self::default() }
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "\n[filter:{}]", self.name)?;
        writeln!(f, "action = {}", if self.action == Action::Drop { "drop" } else { "keep" })?;
        list(f, "syscall", &self.syscalls)?;
        list(f, "record_type", &self.record_types)?;
        list(f, "key", &self.keys)?;
        if self.no_key {
            writeln!(f, "no_key = yes")?;
        }
        list(f, "uid", &self.uids)?;
        list(f, "auid", &self.auids)?;
        list(f, "user", &self.users)?;
        list(f, "exe", &self.exes)?;
        list(f, "path", &self.paths)?;
        list(f, "address", &self.endpoints)?;
        list(f, "port", &self.ports)?;
        list(f, "regex", self.regex.as_slice())
    }
}

/// A key with its entries, unless there are none.
fn list(f: &mut fmt::Formatter, key: &str, entries: &[impl fmt::Display]) -> fmt::Result {
    if entries.is_empty() {
        return Ok(());
    }
    let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
    writeln!(f, "{key} = {}", Quoted::text(&entries.join(", ")))
}

impl SyscallPattern {
    fn read(text: &str) -> Result<Self, String> {
        if let Some(number) = number(text) {
            return Ok(Self::Number(number));
        }
        let lower = text.to_ascii_lowercase();
        if tables::is_call(&lower) {
            return Ok(Self::Name(lower));
        }
        Err(format!("{text:?} is no system call's name that libaudit knows; give its number, or see ausyscall --dump"))
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
    fn read(text: &str) -> Result<Self, String> {
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

/// A whole number, of digits alone.
fn number(text: &str) -> Option<u32> {
    // `parse` takes a sign too.
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

impl Numbers {
    /// True for one of them.
    pub fn contains(&self, number: u32) -> bool {
        (self.first..=self.last).contains(&number)
    }

    fn read(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (number(first.trim_end())?, number(last.trim_start())?);
        (first <= last).then_some(Self { first, last })
    }

    fn ids(text: &str) -> Result<Self, String> {
        if matches!(text, "unset" | "-1") {
            return Ok(Self { first: UNSET, last: UNSET });
        }
        let expected = || format!("{text:?} must be a number, a range as in 1000-1999, or unset");
        Self::read(text).ok_or_else(expected)
    }

    fn ports(text: &str) -> Result<Self, String> {
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
    /// True for an address of the network, if the port is one of those meant. An IPv4 address is also found when it is
    /// written as an IPv6 one (`::ffff:192.0.2.1`), as sockets that speak both do.
    pub fn contains(&self, address: IpAddr, port: u16) -> bool {
        self.ports.is_none_or(|ports| ports.contains(port.into()))
            && (self.network.contains(&address) || self.network.contains(&address.to_canonical()))
    }

    fn read(text: &str) -> Result<Self, String> {
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
            // As in 10.1.2.3/8, which may have been meant as 10.1.2.3 or as 10.0.0.0/8.
            let meant = network.trunc();
            return Err(format!("{text:?} has an address that its network doesn't begin with; is {meant} meant?"));
        }
        Ok(Self { network, ports })
    }

    /// Address, bits and ports.
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
    /// With the reason, on one line.
    pub fn new(text: &str) -> Result<Self, String> {
        // As in RE2, \w, \d and \b are about ASCII. Records are bytes, of which any may be matched.
        RegexBuilder::new(text).unicode(false).build().map(Self).map_err(|e| {
            let all = e.to_string();
            // The regex crate paints a picture of where it stopped, and then says why.
            let why = all.rsplit_once("error: ").map_or(all.as_str(), |(_, why)| why);
            why.split_whitespace().collect::<Vec<_>>().join(" ")
        })
    }

    /// True when it matches somewhere in the text.
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

/// A path without `.`, `..`, and slashes that add nothing.
fn path(text: &str) -> Result<String, String> {
    let mut path = Vec::new();
    if !crate::paths::append_absolute(&mut path, text.as_bytes()) {
        return Err(format!("{text:?} must be an absolute path"));
    }
    Ok(String::from_utf8_lossy(&path).into_owned())
}

fn exe(text: &str) -> Result<String, String> {
    match text.strip_suffix('*').unwrap_or(text) {
        start if start.contains('*') => Err(format!("{text:?} has a * that isn't its end")),
        start if !start.is_empty() && !start.starts_with('/') => Err(format!("{text:?} must be an absolute path")),
        _ => Ok(text.to_string()),
    }
}

impl Validator<'_> {
    pub(super) fn filter(&mut self, section: &ini::Section, name: &str, config: &mut Config) {
        let faults = self.faults.len();
        let mut given = self.given(section, SectionLocation::Filter);
        let given = &mut given;
        let no_key_line = given.line("no_key");
        let text = |text: &str| Ok(text.to_string());
        let filter = Filter {
            name: name.to_string(),
            line: section.line,
            action: self.value(given, "action", Action::Drop, |text| match text {
                "drop" => Ok(Action::Drop),
                "keep" => Ok(Action::Keep),
                _ => Err("drop or keep"),
            }),
            syscalls: self.list(given, "syscall", SyscallPattern::read),
            record_types: self.list(given, "record_type", RecordType::read),
            keys: self.list(given, "key", text),
            no_key: self.value(given, "no_key", false, values::yes),
            uids: self.list(given, "uid", Numbers::ids),
            auids: self.list(given, "auid", Numbers::ids),
            users: self.list(given, "user", text),
            exes: self.list(given, "exe", exe),
            paths: self.list(given, "path", path),
            endpoints: self.list(given, "address", Endpoint::read),
            ports: self.list(given, "port", Numbers::ports),
            regex: self.checked(given, "regex", |text| {
                Pattern::new(text).map_err(|why| format!("{text:?} is no regular expression: {why}"))
            }),
        };
        if let Some(line) = no_key_line.filter(|_| filter.no_key && !filter.keys.is_empty()) {
            self.fault(line, given.section, "no_key", "doesn't go with key: no event has both");
        }
        if self.faults.len() == faults && filter.is_without_condition() {
            let what = "has no condition; to match every event say so, with regex = ^";
            self.fault(section.line, given.section, "", what);
        }
        config.filters.push(filter);
    }

    /// The entries of a list: separated by commas, each read for itself.
    fn list<T>(&mut self, given: &mut SectionValues, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let Some((text, line)) = given.take(key) else { return Vec::new() };
        let mut entries = Vec::new();
        for entry in text.split(',').map(str::trim) {
            match if entry.is_empty() { Err("has an empty entry".to_string()) } else { read(entry) } {
                Ok(entry) => entries.push(entry),
                Err(what) => self.fault(line, given.section, key, what),
            }
        }
        entries
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Fault, parse};
    use std::path::Path;

    fn read(keys: &str) -> Result<Filter, Vec<String>> {
        let text = format!("[output:o]\ntype = stdout\n[filter:f]\n{keys}\n");
        let config = parse(Path::new("x"), &text);
        let mut config = config.map_err(|f| f.0.iter().map(Fault::to_string).collect::<Vec<_>>())?;
        let shown = config.to_string();
        let again = parse(Path::new("x"), &shown).unwrap_or_else(|faults| unreachable!("{faults}\n{shown}"));
        assert!(again.filters[0].is_as(&config.filters[0]), "{shown}");
        assert_eq!(again.to_string(), shown);
        Ok(config.filters.remove(0))
    }

    fn fault(keys: &str) -> String {
        read(keys).unwrap_err().join("\n")
    }

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

    #[test]
    fn every_key_reads_back_as_it_is_shown() {
        let filter = read(
            "action = keep\nsyscall = Execve, 59\nrecord_type = path, 1300, UNKNOWN[1420]\nkey = a b, c;d\n\
             uid = 0, 1000-1999, unset\nauid = -1\nuser = root, EXAMPLE\\joe\nexe = /bin/sh, /usr/lib/*\n\
             path = /etc/, /tmp/../var//log/.\naddress = 10.0.0.0/8, [2001:db8::]/32:1-9, ::1,[::1]:443,1.2.3.4:5\n\
             port = 443, 6000-6063\nregex = \"a \"b\"; #c \"",
        )
        .unwrap();
        assert_eq!(filter.action, Action::Keep);
        assert_eq!(filter.syscalls, [SyscallPattern::Name("execve".into()), SyscallPattern::Number(59)]);
        assert_eq!(filter.record_types.iter().map(|t| t.number).collect::<Vec<_>>(), [1302, 1300, 1420]);
        assert_eq!(filter.paths, ["/etc", "/var/log"]);
        assert_eq!(filter.keys, ["a b", "c;d"]);
        let shown: Vec<String> = filter.endpoints.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/8", "[2001:db8::]/32:1-9", "::1", "[::1]:443", "1.2.3.4:5"]);
        assert_eq!(filter.regex.unwrap().to_string(), "a \"b\"; #c ");
        for regex in ["\" x\"", "\"; x\"", "a;b#c", "\"\"quoted\"\"", "a\\\"b", "^", "\\x00|[^ ]+$", "é"] {
            read(&format!("regex = {regex}")).unwrap();
        }
        read("key = \"a, ;b, #c\", d\"").unwrap();
        assert!(read("no_key = yes").unwrap().no_key);
    }

    #[test]
    fn faults_say_what_is_allowed() {
        let place = "x:4: [filter:f] ";
        for (keys, key, what) in [
            ("syscall = execvee", "syscall", "\"execvee\" is no system call's name"),
            ("syscall = execve,", "syscall", "has an empty entry"),
            ("record_type = PAHT", "record_type", "\"PAHT\" is no record type"),
            ("record_type = 0", "record_type", "\"0\" is no record type"),
            ("uid = root", "uid", "\"root\" must be a number, a range as in 1000-1999, or unset"),
            ("uid = 9-1", "uid", "\"9-1\" must be"),
            ("uid = +1", "uid", "\"+1\" must be"),
            ("auid = 4294967296", "auid", "\"4294967296\" must be"),
            ("port = 65536", "port", "must be a port from 0 to 65535"),
            ("exe = sh", "exe", "must be an absolute path"),
            ("exe = /bin/*/x", "exe", "a * that isn't its end"),
            ("path = etc", "path", "must be an absolute path"),
            ("address = example.com", "address", "must be an address or a network"),
            ("address = 10.0.0.0/33", "address", "a whole number from 0 to 32 after its slash"),
            ("address = ::/129", "address", "a whole number from 0 to 128"),
            ("address = ::/", "address", "a whole number from 0 to 128"),
            ("address = 10.1.2.3/8", "address", "is 10.0.0.0/8 meant?"),
            ("address = 10.0.0.1:99999", "address", "\"99999\" must be a port"),
            ("address = [::1", "address", "must be an address"),
            ("address = [::1]443", "address", "must be an address"),
            ("address = [10.0.0.1]:443", "address", "must be an address"),
            ("regex = a(", "regex", "\"a(\" is no regular expression: unclosed group"),
            ("regex = [é]", "regex", "is no regular expression: "),
            ("regex = (((a{1000}){1000}){1000})", "regex", "size limit"),
            ("key = x\nno_key = yes", "no_key", "doesn't go with key"),
            ("action = maybe\nuid = 1", "action", "is \"maybe\", must be drop or keep"),
            ("kye = x", "kye", "unknown key; did you mean key?"),
        ] {
            let said = fault(keys);
            assert!(said.lines().count() == 1, "{said}");
            let line = if key == "no_key" { place.replace('4', "5") } else { place.to_string() };
            assert!(said.starts_with(&format!("{line}{key}: ")) && said.contains(what), "{said}");
        }
        for empty in ["", "action = keep", "no_key = no", "uid ="] {
            assert_eq!(fault(empty), "x:3: [filter:f]: has no condition; to match every event say so, with regex = ^");
        }
        assert!(fault("uid = 1\n[filter:f]\nuid = 2").contains("x:5: [filter:f]: there is a filter of that name"));
        assert!(fault("uid = 1\n[filter:a b]\nuid = 2").contains("a filter's name is letters"));
    }
}
