//! Finds the record in a line that has other text before it, as syslog, the journal and `dmesg` write it.
//!
//! Only the text of such a program may stand there. Other text could come from a user, who could then write records of
//! his own. So a record begins at one of two places: after the first word that ends with a colon (`audispd:`,
//! `kernel:`), or after a few words that begin with a time. Between that word and the record only the kernel's own
//! words may stand: its clock in brackets, and `audit:`.

use crate::event::LineFault;
use memchr::memchr2;

/// The most words before the name of the program. `dmesg -T`, `journalctl` and RFC 5424 have fewer.
const MAX_WORDS: usize = 10;
/// The most bytes in brackets: a clock, or one element of structured data.
const MAX_BRACKETS: usize = 256;

/// Returns the offset of the record, which begins with `node=`, `type=` or `audit(`.
///
/// # Errors
/// When there is none.
pub(super) fn record_start(line: &[u8]) -> Result<usize, LineFault> {
    // The journal indents the further lines of a message. A user may have written these.
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(LineFault::NoRecord);
    }
    let mut at = if line.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let priority = priority(&line[at..]);
    at = skip_spaces(line, at + priority);
    if priority == 0 && !is_record(&line[at..]) && !begins_a_prefix(&line[at..]) {
        return Err(LineFault::NoRecord);
    }
    // The name of the program, once it has been read.
    let mut tag: Option<&[u8]> = None;
    for _ in 0..MAX_WORDS {
        at = skip_brackets(line, at);
        let rest = &line[at..];
        if is_record(rest) {
            return Ok(at);
        }
        let word = &rest[..memchr2(b' ', b'\t', rest).unwrap_or(rest.len())];
        match tag {
            None if word.ends_with(b":") => tag = Some(word),
            None => {
                if let Some(length) = tag_without_space(rest) {
                    return Ok(at + length);
                }
            }
            Some(_) if word == b"audit:" || word == b"kernel:" => tag = Some(word),
            Some(tag) if is_audit(tag) && is_message_of_journal(rest) => return Err(LineFault::NoSerial),
            Some(_) => return Err(LineFault::NoRecord),
        }
        at = skip_spaces(line, at + word.len());
        if rest.is_empty() {
            break;
        }
    }
    Err(LineFault::NoRecord)
}

/// The length of a priority: `<13>`.
fn priority(text: &[u8]) -> usize {
    let Some(rest) = text.strip_prefix(b"<") else { return 0 };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if (1..=3).contains(&digits) && rest.get(digits) == Some(&b'>') { digits + 2 } else { 0 }
}

/// The length of a program's name with its colon, when the record follows without a space.
fn tag_without_space(text: &[u8]) -> Option<usize> {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'[' | b']');
    let name = text.iter().take_while(|b| is_name(b)).count();
    (name > 0 && text.get(name) == Some(&b':') && is_record(&text[name + 1..])).then_some(name + 1)
}

/// Windows programs write it at the start of a file, and RFC 5424 allows it before the message.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn skip_spaces(line: &[u8], at: usize) -> usize {
    at + line[at..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// True for the beginning of a record.
fn is_record(text: &[u8]) -> bool {
    let is_time =
        |text: &[u8]| text.strip_prefix(b"audit(").is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit));
    text.starts_with(b"type=") || text.starts_with(b"node=") || is_time(text)
}

/// True for the first word of a prefix: a bracket, a time, or the name of a program.
fn begins_a_prefix(text: &[u8]) -> bool {
    const NAMES: [&[u8]; 19] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec", b"Mon", b"Tue",
        b"Wed", b"Thu", b"Fri", b"Sat", b"Sun",
    ];
    let mut words = text.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty());
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_name = |word: &[u8]| NAMES.contains(&word.strip_suffix(b",").unwrap_or(word));
    // `dmesg -x` writes `kern  :notice: [   12.345678] audit: …`.
    let is_facility = || second.starts_with(b":") && second.ends_with(b":");
    let is_tag = first.ends_with(b":") || tag_without_space(text).is_some();
    matches!(first.first(), Some(b'[' | b'0'..=b'9')) || is_name(first) || is_tag || is_facility()
}

/// Skips texts in brackets, which stand where a word could begin, the spaces after them, and a byte order mark.
fn skip_brackets(line: &[u8], mut at: usize) -> usize {
    while line[at..].starts_with(b"[") {
        let Some(length) = bracket(&line[at..]) else { break };
        at = skip_spaces(line, at + length);
    }
    if line[at..].starts_with(BYTE_ORDER_MARK) { at + BYTE_ORDER_MARK.len() } else { at }
}

/// The length of a text in brackets. A bracket between quotes is part of a value of structured data (RFC 5424).
fn bracket(text: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut bytes = text.iter().enumerate().take(MAX_BRACKETS);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if quoted => _ = bytes.next(),
            b'"' => quoted = !quoted,
            b']' if !quoted => return Some(at + 1),
            _ => (),
        }
    }
    None
}

/// True for the journal's name of the audit system: `audit:`, `audit[1]:`.
fn is_audit(tag: &[u8]) -> bool {
    tag.strip_prefix(b"audit").is_some_and(|rest| matches!(rest.first(), Some(b':' | b'[')))
}

/// True for `SERVICE_START pid=1 …`, `AVC avc:  denied …`, `<audit-1400> …`: what the journal keeps of a record.
fn is_message_of_journal(text: &[u8]) -> bool {
    let word = text.split(|b| *b == b' ').next().unwrap_or_default();
    let is_name = word.len() > 2 && word.iter().all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'[' | b']'));
    is_name || word.starts_with(b"<audit-") || text.starts_with(b"avc:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_behind_what_programs_write() {
        for prefix in [
            "",
            "\u{feff}",
            "Nov 25 04:11:11 web1 audispd: ",
            "Nov  5 04:11:11 web1 audisp-syslog[77]: ",
            "<13>Nov 25 04:11:11 web1 audispd: ",
            "Nov 25 04:11:12 web1 kernel: [   12.345678] audit: ",
            "Nov 25 04:11:12 web1 kernel: [12345.345678] ",
            "Nov 25 04:11:12 web1 kernel: audit: ",
            "2026-11-25T04:11:13.123456+00:00 web1 audisp-syslog[77]: ",
            "2026-11-25T04:11:13+0000 web1 kernel: audit: ",
            "1740000007.100000 web1 kernel: audit: ",
            "Wed 2026-11-25 04:11:13 UTC web1 kernel: audit: ",
            "[   12.345678] audit: ",
            "[   12.345678][  T123] audit: ",
            "<5>[   12.345678] audit: ",
            "<13>",
            "<13>web1 audispd: ",
            "123 <13>1 2026-11-25T04:11:13Z web1 audispd 77 - - ",
            "2026-11-25T04:11:13Z\tweb1\taudispd:\t",
            "Nov 25 04:11:11 web1 audispd:",
            "audisp-syslog[77]:",
            "[   12.345678] web1 kernel: audit: ",
            "[Wed Nov 25 04:11:11 2026] audit: ",
            "2026-11-25T04:11:11,123456+00:00 audit: ",
            "kern  :notice: [   12.345678] audit: ",
            "<13>1 2026-11-25T04:11:13.123456+00:00 web1 audispd 77 - - ",
            "<13>1 2026-11-25T04:11:13.123456+00:00 web1 audispd 77 ID47 [meta seq=\"1]\" x=\"\\\"\"][b@1] \u{feff}",
            "2026-11-25T04:11:13.123456789Z stdout F ",
            "kernel: audit: ",
            "audit: ",
            "audispd: ",
        ] {
            for record in ["type=X msg=audit(1.1:1)", "node=a type=X msg=audit(1.1:1)", "audit(1.1:1)"] {
                let line = format!("{prefix}{record}");
                assert_eq!(record_start(line.as_bytes()), Ok(prefix.len()), "{line}");
            }
        }
    }

    #[test]
    fn text_of_users_is_no_prefix() {
        for prefix in [
            "hello ",
            "a0=\"x\" ",
            " ",
            "\t",
            "a0=\"x:",
            "<1x>hello ",
            "web1 ",
            "Nov 25 04:11:11 web1 kernel: usb 1-1: Product: ",
            "Nov 25 04:11:11 web1 sshd[7]: Invalid user ",
            "Nov 25 04:11:11 web1 sshd[7]: error: ",
            "Nov 25 04:11:11 web1 kernel: [   12.3] x [y] ",
            "[   12.345678] audit: backlog limit exceeded ",
            "1 2 3 4 5 6 7 8 9 10 11 ",
        ] {
            let line = format!("{prefix}type=X msg=audit(1.1:1)");
            assert_eq!(record_start(line.as_bytes()), Err(LineFault::NoRecord), "{line}");
        }
    }

    #[test]
    fn what_the_journal_keeps_has_no_serial() {
        for message in ["SERVICE_START pid=1 uid=0", "AVC avc:  denied", "<audit-1400> apparmor=", "UNKNOWN[1420] x"] {
            for tag in ["audit[1]:", "audit:", "kernel: audit:"] {
                let line = format!("Nov 25 04:11:12 web1 {tag} {message}");
                assert_eq!(record_start(line.as_bytes()), Err(LineFault::NoSerial), "{line}");
            }
        }
        assert_eq!(record_start(b"Nov 25 04:11:12 web1 audit: error in audit_log"), Err(LineFault::NoRecord));
    }

    #[test]
    fn no_line_is_too_odd() {
        for line in ["", " ", "[", "[[[[[", "<", "<5>[", "a:", ":", "Nov", "\u{feff}", "type", "[x\\"] {
            assert_eq!(record_start(line.as_bytes()), Err(LineFault::NoRecord), "{line}");
        }
    }
}
