//! The head of a line: `[node=HOST ]type=TYPE msg=audit(SECONDS.MILLIS:SERIAL): …`.
//!
//! libauparse passes over a line whose head it can't read without a word. Reading the head here first, by the same
//! rules (`extract_timestamp` and `str2event` in its `auparse.c`), lets every such line be counted.

use crate::event::EventId;
use memchr::{memchr, memchr_iter, memmem};

/// Head of a readable line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) id: EventId,
    pub(super) node: &'a [u8],
    /// The type field, `type=` included.
    pub(super) record_type: &'a [u8],
}

/// What stands between a record and what auditd appended to it (`AUDIT_INTERP_SEPARATOR` in `<libaudit.h>`).
const SEPARATOR: u8 = 0x1d;

/// How much of a line libauparse looks at for the head: without and with `node=`.
const REACH: usize = 80;
const REACH_WITH_NODE: usize = 340;

/// The next word: spaces before it are passed over, as libauparse's `audit_strsplit` does.
fn word<'a>(line: &mut &'a [u8]) -> Option<&'a [u8]> {
    let start = line.iter().position(|&b| b != b' ')?;
    let rest = &line[start..];
    let end = memchr(b' ', rest).unwrap_or(rest.len());
    *line = &rest[end..];
    Some(&rest[..end])
}

/// Decimal digits, at most as many as fit; `None` without any.
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
    // Time 0 is libauparse's "no event": it would hand out an event without fields.
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

/// The bytes that names of record types are written with.
const OF_TYPES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'[' | b']');
        byte += 1;
    }
    table
};

/// The end of `type=TYPE` at a line's beginning, when the type is written as all are.
fn usual_type(line: &[u8]) -> Option<usize> {
    let name = line.strip_prefix(b"type=")?;
    let len = name.iter().take(40).position(|b| !OF_TYPES[usize::from(*b)])?;
    (len > 0 && name[len] == b' ').then_some(5 + len)
}

/// Reads a head without anything unusual, as nearly all are, in one pass.
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

/// Reads heads, remembering the last: records of one event mostly follow each other.
#[derive(Debug, Default)]
pub(super) struct Headers {
    /// ` msg=audit(SECONDS.MILLIS:SERIAL)`
    text: Vec<u8>,
    id: EventId,
}

impl Headers {
    /// Reads the head of a line (without its newline); `None` when libauparse couldn't.
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

/// Reads the head of a line (without its newline); `None` when libauparse couldn't.
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
    // libauparse takes other words too, and leaks memory for a record in which it then finds no field; the separator
    // ends the record for it.
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

/// Lines that libauparse would leak memory for: it keeps a copy of each `cwd` in a CWD record, and frees one. The kernel
/// writes one, and its value never has a space.
pub(super) fn would_leak(kind: &[u8], line: &[u8]) -> bool {
    // Two spaces in `type=CWD msg=audit(…): cwd="…"`, which is nearly every one.
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
