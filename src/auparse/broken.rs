//! Joins the records of socket addresses that auditd broke into several lines.
//!
//! An enriched record of a socket has its address in words: `SADDR={ saddr_fam=local path=/tmp/x }`. auditd writes the
//! path as it is. So a path with a newline breaks the line, and any user could write a whole line of the log with it.
//! But the record also has the address in hex. So it is known which text the next lines must have. They are part of the
//! record and no records themselves.

use super::header::SEPARATOR;
use crate::address::{Address, LONGEST_PATH};
use memchr::{memchr, memmem};

/// The text that the next lines must have.
#[derive(Debug, Default)]
pub(super) struct Continuation {
    rest: Vec<u8>,
}

impl Continuation {
    /// True while a record continues.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Looks at a SOCKADDR record. If auditd broke it here, notes the text of the next lines.
    pub(super) fn begin(&mut self, line: &[u8]) {
        self.rest.clear();
        let Some(path) = path(line) else { return };
        let Some(newline) = memchr(b'\n', &path) else { return };
        // A plugin gets the whole record in one line, with spaces for the newlines.
        let Some(at) = memmem::find(line, b" path=") else { return };
        if without_at(&line[at + 6..]) == &path[..newline] {
            self.rest.extend_from_slice(&path[newline + 1..]);
            self.rest.extend_from_slice(b" }\n");
        }
    }

    /// Takes a line, if it is the next one of the record. A line that isn't ends the record. Syslog may have written a
    /// prefix before it.
    pub(super) fn takes(&mut self, line: &[u8]) -> bool {
        let end = memchr(b'\n', &self.rest).unwrap_or(self.rest.len());
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_next = line.strip_suffix(&self.rest[..end]).is_some_and(|prefix| matches!(prefix, [] | [.., b' ']));
        if is_next {
            self.rest.drain(..=end);
        } else {
            self.rest.clear();
        }
        is_next
    }
}

/// The path of a unix socket in a SOCKADDR record with an appended address, as auditd writes it.
fn path(line: &[u8]) -> Option<Vec<u8>> {
    let separator = memchr(SEPARATOR, line)?;
    let hex = &line[memmem::find(&line[..separator], b" saddr=")? + 7..separator];
    let Address::Unix(path) = Address::read(hex.trim_ascii_end())? else { return None };
    let path = without_at(&path);
    let path = &path[..path.len().min(LONGEST_PATH)];
    Some(path[..memchr(0, path).unwrap_or(path.len())].to_vec())
}

/// A path without the `@` that stands for the NUL of an abstract name.
fn without_at(path: &[u8]) -> &[u8] {
    path.strip_prefix(b"@").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record of a path, as auditd writes it into its log, in lines.
    fn lines(path: &str) -> Vec<String> {
        let hex: String = path.bytes().map(|byte| format!("{byte:02X}")).collect();
        let text =
            format!("type=SOCKADDR msg=audit(1.1:1): saddr=0100{hex}00\x1dSADDR={{ saddr_fam=local path={path} }}");
        text.split('\n').map(String::from).collect()
    }

    #[test]
    fn the_lines_of_a_broken_address_are_known() {
        let mut continuation = Continuation::default();
        let forged = "type=USER_LOGIN msg=audit(1.1:2): pid=1 res=success";
        for path in
            [format!("/tmp/a\n{forged}"), format!("/tmp/a }}\n{forged}\n\nx"), "\n".into(), format!("/a\n\n{forged}")]
        {
            let lines = lines(&path);
            continuation.begin(lines[0].as_bytes());
            for line in &lines[1..] {
                assert!(continuation.is_open() && continuation.takes(line.as_bytes()), "{path:?}: {line:?}");
            }
            assert!(!continuation.is_open(), "{path:?}");
        }
    }

    #[test]
    fn other_lines_are_records() {
        let mut continuation = Continuation::default();
        for path in ["/tmp/a", "/tmp/a }", ""] {
            continuation.begin(lines(path)[0].as_bytes());
            assert!(!continuation.is_open(), "{path:?}");
        }
        // What a plugin gets is one line.
        continuation.begin(lines("/tmp/a\nb").join(" ").as_bytes());
        assert!(!continuation.is_open());
        // A log that lost a line.
        continuation.begin(lines("/tmp/a\nb")[0].as_bytes());
        assert!(
            continuation.is_open() && !continuation.takes(b"type=EOE msg=audit(1.1:1): ") && !continuation.is_open()
        );
        continuation.begin(b"type=SOCKADDR msg=audit(1.1:1): saddr=01002F0A2F00");
        assert!(!continuation.is_open());
    }
}
