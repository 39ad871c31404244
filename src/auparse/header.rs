//! The head of a line: `[node=HOST ]type=TYPE msg=audit(SECONDS.MILLIS:SERIAL): …`.
//!
//! libauparse silently skips a line whose head it can't read. This module reads the head first, by the same rules
//! (`extract_timestamp` and `str2event` in `auparse.c`), so that every such line is counted.

use crate::event::EventId;
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
const SEPARATOR: u8 = 0x1d;

/// The number of bytes in which libauparse looks for the head, without and with `node=`.
const REACH: usize = 80;
const REACH_WITH_NODE: usize = 340;

/// Takes the next word. It skips spaces before the word, as libauparse's `audit_strsplit` does.
fn word<'a>(line: &mut &'a [u8]) -> Option<&'a [u8]> {
    let start = line.iter().position(|&b| b != b' ')?;
    let rest = &line[start..];
    let end = memchr(b' ', rest).unwrap_or(rest.len());
    *line = &rest[end..];
    Some(&rest[..end])
}

/// Reads the decimal digits at the start. `None` when there are none, or when the number is too large.
fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let mut n = 0u64;
    for b in &text[..digits] {
        n = n.checked_mul(10)?.checked_add(u64::from(b - b'0'))?;
    }
    Some(n)
}

fn event_id(text: &[u8]) -> Option<EventId> {
    let seconds = i64::try_from(number(text)?).ok()?;
    // libauparse uses time 0 for "no event" and would hand out an event without fields.
    if seconds == 0 || seconds > i64::MAX / 2 {
        return None;
    }
    let (millis, rest) = match memchr(b'.', text) {
        Some(dot) => (number(&text[dot + 1..]).unwrap_or(0), &text[dot + 1..]),
        None => (0, text),
    };
    let millis = u16::try_from(millis).ok().filter(|m| *m < 1000)?;
    let serial = match memchr(b':', rest) {
        Some(colon) => number(&rest[colon + 1..]).unwrap_or(0),
        None => 0,
    };
    Some(EventId { seconds, millis, serial })
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
    let end = usual_type(line)?;
    if !line[end..].starts_with(b" msg=audit(") {
        return None;
    }
    let (seconds, at) = digits(end + 11, 10)?;
    let (millis, at) = if line.get(at) == Some(&b'.') { digits(at + 1, 3)? } else { return None };
    let (serial, at) = if line.get(at) == Some(&b':') { digits(at + 1, 18)? } else { return None };
    if line.get(at) != Some(&b')') || at >= REACH || seconds == 0 {
        return None;
    }
    let id = EventId { seconds: i64::try_from(seconds).ok()?, millis: u16::try_from(millis).ok()?, serial };
    Some(Header { id, node: &line[..0], record_type: &line[..end] })
}

/// Reads heads and remembers the last one, because records of one event mostly follow each other.
#[derive(Debug, Default)]
pub(super) struct Headers {
    /// ` msg=audit(SECONDS.MILLIS:SERIAL)`
    text: Vec<u8>,
    id: EventId,
}

impl Headers {
    /// Reads the head of a line (without its newline). `None` when libauparse couldn't read it.
    pub(super) fn header<'a>(&mut self, line: &'a [u8]) -> Option<Header<'a>> {
        let end = usual_type(line);
        if let Some(end) = end
            && !self.text.is_empty()
            && line[end..].starts_with(&self.text)
        {
            return Some(Header { id: self.id, node: &line[..0], record_type: &line[..end] });
        }
        let header = header(line)?;
        self.text.clear();
        if let Some(end) = end
            && let Some(close) = memchr(b')', &line[end..line.len().min(REACH)])
        {
            self.text.extend_from_slice(&line[end..=end + close]);
            self.id = header.id;
        }
        Some(header)
    }
}

/// Reads the head of a line (without its newline). `None` when libauparse couldn't read it.
fn header(line: &[u8]) -> Option<Header<'_>> {
    usual(line).or_else(|| unusual(line))
}

fn unusual(line: &[u8]) -> Option<Header<'_>> {
    let with_node = line.first() == Some(&b'n');
    let mut rest = &line[..line.len().min(if with_node { REACH_WITH_NODE } else { REACH })];
    let first = word(&mut rest)?;
    let (node, kind) =
        if first[0] == b'n' && first.len() > 5 { (&first[5..], word(&mut rest)?) } else { (&first[..0], first) };
    let message = word(&mut rest)?;
    // libauparse accepts other words too. If it then finds no field in the record, it leaks memory. It also ends the
    // record at the separator.
    let head = &line[..line.len().min(if with_node { REACH_WITH_NODE } else { REACH }) - rest.len()];
    if !kind.starts_with(b"type=") || kind.len() == 5 || memchr(SEPARATOR, head).is_some() {
        return None;
    }
    if message.len() <= 18 {
        return None;
    }
    let open = if message[9] == b'(' { 9 } else { memchr(b'(', message)? };
    let inside = &message[open + 1..];
    let inside = &inside[..memchr(b')', inside).unwrap_or(inside.len())];
    Some(Header { id: event_id(inside)?, node, record_type: kind })
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
        let h = header(line.as_bytes())?;
        Some((h.id.seconds, h.id.millis, h.id.serial, String::from_utf8_lossy(h.node).into_owned()))
    }

    #[test]
    fn reads_heads_with_and_without_a_node() {
        let plain = "type=SYSCALL msg=audit(1795320000.001:50001): arch=c000003e";
        assert_eq!(read(plain), Some((1795320000, 1, 50001, String::new())));
        let node = "node=web-17.example.com type=EOE msg=audit(1795320000.005:50005): ";
        assert_eq!(read(node), Some((1795320000, 5, 50005, "web-17.example.com".into())));
        assert_eq!(header(node.as_bytes()).map(|h| h.record_type), Some(&b"type=EOE"[..]));
    }

    #[test]
    fn both_ways_to_read_a_head_agree() {
        for line in [
            "type=SYSCALL msg=audit(1795320000.001:50001): arch=c000003e",
            "type=UNKNOWN[1999] msg=audit(1.999:0): op=x",
            "type=EOE msg=audit(9999999999.000:18446744073709551): ",
        ] {
            assert_eq!(usual(line.as_bytes()), unusual(line.as_bytes()));
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
            "type=X msg=audit(0000000000.001:5): a=b",
        ] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }
}
