//! Reads the text of a record that libauparse doesn't see as fields: messages of programs that don't write
//! `name=value`, and SELinux decisions that libauparse misses.

use super::quotes::{is_of_kernel, message_start};
use memchr::{memchr, memmem};

/// An SELinux message: `avc:  denied  { read write } for …`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AvcMessage<'a> {
    pub(super) result: &'a [u8],
    /// Separated by commas, like libauparse's own `seperms`.
    pub(super) permissions: Vec<u8>,
}

impl<'a> AvcMessage<'a> {
    /// Reads the message of a record. The kernel writes it right behind the record's head, and a program at the beginning
    /// of its own message. Anywhere else a user may have written it.
    pub(super) fn read(kind: i32, text: &'a [u8]) -> Option<Self> {
        let is_one = |at: &usize| text[*at..].starts_with(b"avc: ");
        let head = memmem::find(text, b"): ").map(|at| at + 3).filter(is_one);
        let message = || if is_of_kernel(kind) { None } else { message_start(text).filter(is_one) };
        let at = head.or_else(message)? + 5;
        let rest = text[at..].trim_ascii_start();
        let result = &rest[..memchr(b' ', rest)?];
        let inside = rest[result.len()..].trim_ascii_start().strip_prefix(b"{")?;
        let inside = inside[..memchr(b'}', inside)?].trim_ascii();
        let permissions = inside.split(|b| *b == b' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(&b',');
        Some(Self { result, permissions })
    }
}

/// Returns the words before a record's first field, and the words before the first field of its user message (msg='…').
/// `names` has the start of each field name, in order, without the fields of the head.
pub(super) fn split_words<'a>(kind: i32, text: &'a [u8], names: &[usize]) -> [&'a [u8]; 2] {
    let first = names.first().copied().unwrap_or(text.len());
    // Nearly always a field follows the head directly, and there is no user message.
    let head = match text[..first] {
        [.., b')', b':', b' '] => first,
        _ => memmem::find(&text[..first], b"):").map_or(first, |at| at + 2),
    };
    let message = match text {
        [.., b'\''] if !is_of_kernel(kind) => message_start(text).unwrap_or(text.len()),
        _ => text.len(),
    };
    let inside = names.iter().copied().find(|name| *name >= message).unwrap_or(text.len());
    [until_pair(text, head, first), until_pair(text, message, inside)]
}

/// The words from `start` to the first `name=value`, at most to `end`.
fn until_pair(text: &[u8], start: usize, end: usize) -> &[u8] {
    let region = &text[start.min(end)..end];
    let mut length = 0;
    for word in region.split_inclusive(|b| *b == b' ') {
        if is_pair(word) {
            break;
        }
        length += word.len();
    }
    let said = &region[..length];
    let said = if start + length == text.len() { said.strip_suffix(b"'").unwrap_or(said) } else { said };
    // A bracket before a field name is no word.
    said.strip_suffix(b"(").unwrap_or(said).trim_ascii()
}

/// True when the word is a `name=value`. A `=` without a name before it doesn't count.
pub(super) fn is_pair(word: &[u8]) -> bool {
    memchr(b'=', word).is_some_and(|at| at > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::record_type;

    fn said(text: &str, names: &[&str]) -> [String; 2] {
        let at: Vec<usize> = names.iter().filter_map(|name| text.find(name)).collect();
        split_words(record_type::USER, text.as_bytes(), &at).map(|words| String::from_utf8_lossy(words).into_owned())
    }

    #[test]
    fn words_before_fields_are_found() {
        let none = [String::new(), String::new()];
        assert_eq!(said("type=X msg=audit(1.1:1): a=b", &["a=b"]), none);
        assert_eq!(said("type=X msg=audit(1.1:1): ", &[]), none);
        assert_eq!(said("type=X msg=audit(1.1:1): some text", &[])[0], "some text");
        assert_eq!(said("type=TTY msg=audit(1.1:1): tty pid=9", &["pid"])[0], "tty");
        assert_eq!(said("type=X msg=audit(1.1:1): pid=1 msg='free text'", &["pid"])[1], "free text");
        assert_eq!(said("type=X msg=audit(1.1:1): pid=1 msg='PAM: open acct=\"x\"'", &["pid", "acct"])[1], "PAM: open");
        assert_eq!(said("type=X msg=audit(1.1:1): pid=1 msg='op=x acct=y'", &["pid", "op", "acct"]), none);
        assert_eq!(said("type=X msg=audit(1.1:1): a= b", &[])[0], "");
        assert_eq!(said("type=X msg=audit(1.1:1): pid=1 msg='got (n=1) x=2'", &["pid", "n=1", "x"])[1], "got");
    }

    #[test]
    fn denials_are_read() {
        use record_type::{AVC, USER_AVC};
        let denial = AvcMessage::read(USER_AVC, b"x msg='avc:  denied  { read write } for pid=1");
        assert_eq!(AvcMessage::read(AVC, b"type=AVC msg=audit(1.1:1): avc:  denied  { read write } for pid=1"), denial);
        for name in
            ["path=\" avc:  denied  { read write } for\"", "execpath=\"x msg='avc:  denied  { read write } for \""]
        {
            let record = format!("type=AVC msg=audit(1.1:1): apparmor=\"DENIED\" {name}");
            assert_eq!(AvcMessage::read(AVC, record.as_bytes()), None);
        }
        assert_eq!(denial, Some(AvcMessage { result: b"denied", permissions: b"read,write".to_vec() }));
        assert_eq!(AvcMessage::read(USER_AVC, b"x msg='avc:  received policyload notice (seqno=2)  { x }"), None);
        for broken in ["avc:", "avc: ", "avc: denied {", "avc: denied", "avc:  { a }"] {
            let record = format!("type=AVC msg=audit(1.1:1): {broken}");
            assert_eq!(AvcMessage::read(AVC, record.as_bytes()).map(|d| d.permissions), None, "{broken:?}");
        }
    }
}
