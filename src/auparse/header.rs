//! The head of a line: `[node=HOST ]type=TYPE msg=audit(SECONDS.MILLIS:SERIAL): …`.
//!
//! libauparse silently skips a line whose head it can't read, and reads some heads wrongly. This module reads the head
//! first, by stricter rules than `extract_timestamp` and `str2event` in `auparse.c`, so that every unreadable line is
//! counted.

use super::{disguise, separator};
use crate::event::{EventId, LineFault};
use memchr::{memchr, memchr_iter, memmem};

/// The head of a readable line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) id: EventId,
    pub(super) node: &'a [u8],
    /// The type field, `type=` included.
    pub(super) record_type: &'a [u8],
}

/// The byte between a record and the text that auditd appended to it (`AUDIT_INTERP_SEPARATOR` in `<libaudit.h>`).
pub(super) const SEPARATOR: u8 = 0x1d;

/// The number of bytes in which libauparse looks for the head, without and with `node=`.
const REACH: usize = 80;
const REACH_WITH_NODE: usize = 340;
/// The length of `msg=audit(0.001:1)`. libauparse looks for a time only in a longer word.
const MIN_MESSAGE: usize = 18;

/// Takes the next word. It skips spaces before the word, as libauparse's `audit_strsplit` does.
fn word<'a>(line: &mut &'a [u8]) -> Option<&'a [u8]> {
    let start = line.iter().position(|&b| b != b' ')?;
    let rest = &line[start..];
    let end = memchr(b' ', rest).unwrap_or(rest.len());
    *line = &rest[end..];
    Some(&rest[..end])
}

/// Reads a text of decimal digits. An empty text, and one with other bytes, isn't a number.
fn number(text: &[u8]) -> Result<u64, LineFault> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(LineFault::NoTime);
    }
    let add = |n: u64, digit: &u8| n.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    text.iter().try_fold(0, add).ok_or(LineFault::TimeOutOfRange)
}

/// Reads `SECONDS[.MILLIS[:SERIAL]]`.
fn event_id(text: &[u8]) -> Result<EventId, LineFault> {
    let (time, serial) = match memchr(b':', text) {
        Some(colon) => (&text[..colon], number(&text[colon + 1..])?),
        None => (text, 0),
    };
    let (seconds, millis) = match memchr(b'.', time) {
        Some(dot) => (&time[..dot], number(&time[dot + 1..])?),
        None => (time, 0),
    };
    let seconds = i64::try_from(number(seconds)?).ok().filter(|seconds| *seconds <= i64::MAX / 2);
    let millis = u16::try_from(millis).ok().filter(|millis| *millis < 1000);
    match (seconds, millis) {
        (Some(seconds), Some(millis)) => Ok(EventId { seconds, millis, serial }),
        _ => Err(LineFault::TimeOutOfRange),
    }
}

/// True for the bytes that names of record types consist of.
const OF_TYPES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'[' | b']');
        byte += 1;
    }
    table
};

/// The end of `type=TYPE` at the start of a line, if the type is written in the usual way.
fn usual_type(line: &[u8]) -> Option<usize> {
    let name = line.strip_prefix(b"type=")?;
    let len = name.iter().take(40).position(|b| !OF_TYPES[usize::from(*b)])?;
    (len > 0 && name[len] == b' ').then_some(5 + len)
}

/// Reads a usual head in one pass. Nearly all heads are usual.
fn usual(line: &[u8]) -> Option<Header<'_>> {
    let digits = |from: usize, most: usize| {
        let mut n = 0u64;
        let mut at = from;
        while at - from < most
            && let Some(digit @ b'0'..=b'9') = line.get(at)
        {
            n = n * 10 + u64::from(digit - b'0');
            at += 1;
        }
        (from < at).then_some((n, at))
    };
    let (node, start, reach) = match line.strip_prefix(b"node=") {
        None => (&line[..0], 0, REACH),
        Some(rest) => {
            let node = &rest[..memchr(b' ', rest)?];
            (node, 6 + node.len(), REACH_WITH_NODE)
        }
    };
    let end = start + usual_type(&line[start..])?;
    if !line[end..].starts_with(b" msg=audit(") || start > 0 && !is_node(node) {
        return None;
    }
    let (seconds, at) = digits(end + 11, 10)?;
    let (millis, at) = if line.get(at) == Some(&b'.') { digits(at + 1, 3)? } else { return None };
    let (serial, at) = if line.get(at) == Some(&b':') { digits(at + 1, 18)? } else { return None };
    let length = at - end + usize::from(line.get(at + 1) == Some(&b':'));
    if line.get(at) != Some(&b')') || at >= reach || length <= MIN_MESSAGE || seconds == 0 {
        return None;
    }
    let id = EventId { seconds: i64::try_from(seconds).ok()?, millis: u16::try_from(millis).ok()?, serial };
    Some(Header { id, node, record_type: &line[start..end] })
}

/// True for a usual name of a host.
fn is_node(node: &[u8]) -> bool {
    !node.is_empty() && node.iter().fold(true, |is, byte| is & (*byte > b' '))
}

/// Reads heads and remembers the last one, because records of one event mostly follow each other.
#[derive(Debug, Default)]
pub(super) struct Headers {
    /// ` msg=audit(SECONDS.MILLIS:SERIAL)`
    text: Vec<u8>,
    id: EventId,
}

impl Headers {
    /// Reads the head of a line (without its newline).
    ///
    /// # Errors
    /// When libauparse couldn't read it, or would read it wrongly.
    pub(super) fn header<'a>(&mut self, line: &'a [u8]) -> Result<Header<'a>, LineFault> {
        let end = usual_type(line);
        if let Some(end) = end
            && !self.text.is_empty()
            && line[end..].starts_with(&self.text)
        {
            return Ok(Header { id: self.id, node: &line[..0], record_type: &line[..end] });
        }
        let header = header(line)?;
        self.text.clear();
        if let Some(end) = end
            && let Some(close) = memchr(b')', &line[end..line.len().min(REACH)])
        {
            self.text.extend_from_slice(&line[end..=end + close]);
            self.id = header.id;
        }
        Ok(header)
    }
}

/// Reads the head of a line (without its newline).
///
/// # Errors
/// When libauparse couldn't read it, or would read it wrongly.
pub(super) fn header(line: &[u8]) -> Result<Header<'_>, LineFault> {
    usual(line).map_or_else(|| unusual(line), Ok)
}

fn unusual(line: &[u8]) -> Result<Header<'_>, LineFault> {
    // The journal indents the further lines of a message, and a user may have written these.
    if line.first() == Some(&b' ') {
        return Err(LineFault::NoRecord);
    }
    let with_node = line.starts_with(b"node=");
    let reach = line.len().min(if with_node { REACH_WITH_NODE } else { REACH });
    let mut rest = &line[..reach];
    let first = word(&mut rest).ok_or(LineFault::NoRecord)?;
    let (node, kind) = match first.strip_prefix(b"node=") {
        Some(node) if with_node && !node.is_empty() => (node, word(&mut rest).ok_or(LineFault::NoRecord)?),
        _ => (&first[..0], first),
    };
    if kind.strip_prefix(b"type=").is_none_or(<[u8]>::is_empty) {
        return Err(LineFault::NoRecord);
    }
    let message = word(&mut rest).ok_or(LineFault::NoTime)?;
    // libauparse takes other words for the time too. If it then finds no field in the record, it leaks memory.
    let inside = message.strip_prefix(b"msg=audit(").ok_or(LineFault::NoTime)?;
    let inside = match memchr(b')', inside) {
        Some(end) => &inside[..end],
        None => return Err(without_end(inside, rest)),
    };
    // Control characters mark what this parser puts into heads itself, and one of them ends the record for libauparse.
    let has_control = line[..reach - rest.len()].iter().fold(false, |has, byte| has | byte.is_ascii_control());
    if has_control || message.len() <= MIN_MESSAGE {
        return Err(LineFault::NoTime);
    }
    Ok(Header { id: event_id(inside)?, node, record_type: kind })
}

/// Tells why a time has no end: `inside` is its first word, and `rest` is what follows. `ausearch -i` writes a time of
/// two or more words, in the order of the language in use: `audit(11/25/2026 04:26:41.123:4711)`.
fn without_end(inside: &[u8], rest: &[u8]) -> LineFault {
    let is_clock = |until: usize| memchr(b':', &rest[..until]).is_some();
    let is_date = inside.first().is_some_and(u8::is_ascii_digit) && memchr(b')', rest).is_some_and(is_clock);
    if is_date { LineFault::Interpreted } else { LineFault::NoTime }
}

/// True for a readable line that libauparse mustn't get as it is.
#[inline]
pub(super) fn is_rare(header: &Header, line: &[u8]) -> bool {
    let kind = header.record_type;
    let is_odd = match kind.get(5) {
        Some(b'0'..=b'9') => true,
        Some(b'L' | b'M') => disguise::is_held(kind),
        Some(b'C') => would_leak(kind, line),
        _ => false,
    };
    is_odd || header.id.seconds == 0 || line.last() == Some(&b'\r') || separator::is_lost(kind, line)
}

/// True for a line that makes libauparse leak memory: it copies each `cwd` in a CWD record but frees only one. The
/// kernel writes only one, and its value never has a space.
pub(super) fn would_leak(kind: &[u8], line: &[u8]) -> bool {
    // Nearly every CWD record has two spaces: `type=CWD msg=audit(…): cwd="…"`.
    kind == b"type=CWD" && memchr_iter(b' ', line).count() > 2 && {
        let names = [&b" cwd="[..], b" (cwd=", b" msg='cwd="];
        names.iter().map(|name| memmem::find_iter(line, name).count()).sum::<usize>() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(i64, u16, u64, String)> {
        let h = header(line.as_bytes()).ok()?;
        Some((h.id.seconds, h.id.millis, h.id.serial, String::from_utf8_lossy(h.node).into_owned()))
    }

    #[test]
    fn reads_heads_with_and_without_a_node() {
        let plain = "type=SYSCALL msg=audit(1795320000.001:50001): arch=c000003e";
        assert_eq!(read(plain), Some((1795320000, 1, 50001, String::new())));
        let node = "node=web-17.example.com type=EOE msg=audit(1795320000.005:50005): ";
        assert_eq!(read(node), Some((1795320000, 5, 50005, "web-17.example.com".into())));
        assert_eq!(header(node.as_bytes()).map(|h| h.record_type), Ok(&b"type=EOE"[..]));
        let long = format!("node={} type=EOE msg=audit(1795320000.005:50005): ", "n".repeat(250));
        assert_eq!(read(&long), Some((1795320000, 5, 50005, "n".repeat(250))));
    }

    #[test]
    fn both_ways_to_read_a_head_agree() {
        for line in [
            "type=SYSCALL msg=audit(1795320000.001:50001): arch=c000003e",
            "type=UNKNOWN[1999] msg=audit(1.999:0): op=x",
            "type=EOE msg=audit(9999999999.000:18446744073709551): ",
            "node=web-17.example.com type=X msg=audit(1.999:0): op=x",
        ] {
            assert_eq!(usual(line.as_bytes()), unusual(line.as_bytes()).ok());
            assert!(usual(line.as_bytes()).is_some());
        }
        for line in
            ["type=X msg=audit(1.5:7", "type=X msg=audit(:7):", "type= msg=audit(1:2): a", "type=X  msg=audit(1.1:1):"]
        {
            assert_eq!(usual(line.as_bytes()), None);
        }
    }

    #[test]
    fn a_remembered_head_reads_the_same() {
        let mut headers = Headers::default();
        for line in [
            "type=SYSCALL msg=audit(1795320000.001:50001): arch=c000003e",
            "type=CWD msg=audit(1795320000.001:50001): cwd=",
            "type=CWD msg=audit(1795320000.001:500012): cwd=",
            "type=X junk=1) msg=audit(1795320000.001:5): a=b",
            "type=X junk=1) msg=audit(1795320000.001:6): a=b",
            "node=n type=CWD msg=audit(1795320000.001:500012): cwd=",
            "nonsense",
            "type=CWD msg=audit(1795320000.001:500012): cwd=",
        ] {
            assert_eq!(headers.header(line.as_bytes()), header(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_second_directory_is_a_leak() {
        assert!(would_leak(b"type=CWD", b"type=CWD msg=audit(1.1:1): cwd=\"/a cwd=b\""));
        assert!(!would_leak(b"type=CWD", b"type=CWD msg=audit(1.1:1): cwd=\"/a,cwd=b\""));
        assert!(!would_leak(b"type=USER", b"type=USER msg=audit(1.1:1): cwd=a cwd=b"));
    }

    #[test]
    fn a_record_without_a_serial_has_serial_0() {
        assert_eq!(read("type=USER msg=audit(1795320000.001): a=b"), Some((1795320000, 1, 0, String::new())));
    }

    #[test]
    fn what_libauparse_cannot_read_is_unreadable() {
        for line in [
            "",
            " ",
            "x",
            "type=SYSCALL",
            "type= msg=audit(1795320000.001:5): a=b",
            "type=\x1dX msg=audit(1795320000.001:5): a=b",
            "node=\x1dX type=X msg=audit(1795320000.001:5): a=b",
            "kind=SYSCALL msg=audit(1795320000.001:5): a=b",
            "nnnnnnnnnnnnn nnnnnnnnnnnnnnnnnnn(1.1:1)",
            "type=SYSCALL msg=audit(): a=b",
            "type=SYSCALL arch=c000003e syscall=59",
            "type=X msg=audit(99999999999999999999.001:5): a=b",
            "type=X msg=audit(1795320000.1234:5): a=b",
            "type=X msg=audit(1795320000.001:5 a=b",
            "type=X msg=audit(1795320000x.001:5): a=b",
            "type=X\x01 msg=audit(1795320000.001:5): a=b",
            "type=X audit(1795320000.001:50): a=b",
            "type=X msg=audit(1.999:0)",
            "type=X msg=audit(1.1:1): a=b",
        ] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_first_second_of_1970_is_a_time() {
        assert_eq!(read("type=X msg=audit(0.001:5): a=b"), Some((0, 1, 5, String::new())));
        assert_eq!(read("type=X msg=audit(0000000000.001:5): a=b"), Some((0, 1, 5, String::new())));
    }

    #[test]
    fn text_of_ausearch_is_known() {
        for time in
            ["11/25/2026 04:26:41.123:4711", "25.11.2026 04:26:41.123:4711", "2026年11月25日 04時26分41秒.123:4711"]
        {
            let line = format!("type=PROCTITLE msg=audit({time}) : proctitle=cat");
            assert_eq!(header(line.as_bytes()), Err(LineFault::Interpreted), "{line}");
        }
        for (line, fault) in [
            ("type=SYSCALL msg=audit(1795320000.001:", LineFault::NoTime),
            ("type=SYSCALL msg=audit(xx yy): a:b", LineFault::NoTime),
            ("type=X msg=audit(1795320000.1234:5): a=b", LineFault::TimeOutOfRange),
            ("type=X msg=audit(99999999999999999999.001:5): a=b", LineFault::TimeOutOfRange),
            ("nonsense", LineFault::NoRecord),
        ] {
            assert_eq!(header(line.as_bytes()), Err(fault), "{line}");
        }
    }
}
