//! Several keys in one hex string. The kernel joins the keys of a rule with byte 1 (`AUDIT_KEY_SEPARATOR` in
//! `<libaudit.h>`), and libauparse makes a field of each.

use crate::event::{unhex, unquoted};
use memchr::memchr;

/// The keys that are still to come.
#[derive(Default)]
pub(super) struct FurtherKeys {
    /// The decoded keys, with byte 1 between them.
    bytes: Vec<u8>,
    /// Where the next one begins.
    at: usize,
    /// True if the text isn't made of pairs of hex digits. Then it is shown as it was recorded.
    pub(super) is_shown_whole: bool,
}

impl FurtherKeys {
    /// The keys that libauparse reads. It stops at the first byte that is no digit, and at the byte 0. It takes a last
    /// single digit for the high half of a byte (`au_unescape` in `interpret.c`).
    pub(super) fn of(recorded: &[u8]) -> Self {
        let mut digits: Vec<u8> = recorded.iter().copied().take_while(u8::is_ascii_hexdigit).collect();
        let is_hex = digits.len() == recorded.len() && digits.len().is_multiple_of(2);
        if !digits.len().is_multiple_of(2) {
            digits.push(b'0');
        }
        let mut bytes = Vec::new();
        unhex(&digits, &mut bytes);
        bytes.truncate(memchr(0, &bytes).unwrap_or(bytes.len()));
        Self { bytes, at: 0, is_shown_whole: !is_hex }
    }

    /// True if the value is the next key. The one after it is the next then.
    pub(super) fn is_next(&mut self, value: &[u8]) -> bool {
        let rest = &self.bytes[self.at..];
        let Some(start) = rest.iter().position(|byte| *byte != 1) else { return false };
        let end = memchr(1, &rest[start..]).map_or(rest.len(), |len| start + len);
        let is_next = is_escaped(value, &rest[start..end]);
        if is_next {
            self.at += end;
        }
        is_next
    }
}

/// True if a value is this key as libauparse writes it: in quotes, or in hex (`escape` in `ellist.c`).
fn is_escaped(value: &[u8], key: &[u8]) -> bool {
    let mut decoded = Vec::new();
    unquoted(value) == key || (unhex(value, &mut decoded) && decoded == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_one_after_the_other() {
        let mut keys = FurtherKeys::of(b"63010170FF0171");
        assert!(!keys.is_shown_whole && !keys.is_next(b"\"q\""));
        assert!(keys.is_next(b"\"c\"") && keys.is_next(b"70FF") && keys.is_next(b"\"q\""));
        assert!(!keys.is_next(b"\"q\"") && !keys.is_next(b""));
    }

    #[test]
    fn what_is_no_hex_text_is_shown_whole() {
        for (text, key) in [("63011", &b"\"c\""[..]), ("63zz", b"\"c\""), ("630070", b"\"c\"")] {
            let mut keys = FurtherKeys::of(text.as_bytes());
            assert_eq!((keys.is_shown_whole, keys.is_next(key)), (text != "630070", true), "{text}");
        }
        assert!(!FurtherKeys::default().is_next(b""));
    }
}
