//! JSON strings from arbitrary bytes.
//!
//! This is our own code because serde_json takes only UTF-8, and records hold any bytes. A conversion spends most of
//! its time here. So the code doesn't allocate, and it passes only once over bytes that need no escape.

use std::fmt::Write;

/// The longest string in a document, in bytes. The limit of a keyword in an Elasticsearch index is 32,766.
pub const MAX_STRING: usize = 30_000;

/// The escape of each byte in a JSON string: 0 if it needs none, 1 if the byte isn't ASCII, else the letter after the
/// backslash (`u` for `\u00XX`).
const ESCAPES: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = match i {
            0x08 => b'b',
            0x09 => b't',
            0x0a => b'n',
            0x0c => b'f',
            0x0d => b'r',
            0x22 => b'"',
            0x5c => b'\\',
            0..=0x1f => b'u',
            0x80.. => 1,
            _ => 0,
        };
        i += 1;
    }
    table
};

/// Marks the bytes of a word that need an escape in a JSON string, by their high bits: bytes below 0x20 or above 0x7f,
/// quote and backslash. It may mark a few other bytes too, but never misses one. It tests eight bytes at a time because
/// there are many short values.
fn marks(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |w: u64| w.wrapping_sub(ONES) & !w;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (word | control | zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c))) & HIGH
}

/// The most bytes of a short string.
pub const SHORT: usize = 16;

/// True when none of the first `len` bytes (at most [`SHORT`]) needs an escape.
pub fn is_plain(window: &[u8; SHORT], len: usize) -> bool {
    let (low, high) = window.split_at(8);
    let word = |bytes: &[u8]| bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    // The shift removes the marks of bytes after the end.
    let cut = |word: u64, len: usize| match len {
        0 => 0,
        1..8 => marks(word) << (64 - 8 * len),
        _ => marks(word),
    };
    // A borrow can only mark a byte above the byte that caused it, so the shift never removes a mark that counts.
    cut(word(low), len) | cut(word(high), len.saturating_sub(8)) == 0
}

/// Appends a string of the first `len` bytes, none of which needs an escape.
pub fn plain_string(out: &mut Vec<u8>, window: &[u8; SHORT], len: usize) {
    out.push(b'"');
    let end = out.len() + len;
    out.extend_from_slice(window);
    out.truncate(end);
    out.push(b'"');
}

/// The number of bytes at the start that need no escape.
fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let found = marks(u64::from_le_bytes(*chunk));
        if found != 0 {
            break;
        }
        at += 8;
    }
    // Tests the last eight bytes at once. Some of them are already known to be plain.
    if let Some(last) = bytes.last_chunk()
        && marks(u64::from_le_bytes(*last)) == 0
        && bytes.len() - at < 8
    {
        return bytes.len();
    }
    let rest = &bytes[at..];
    at + rest.iter().position(|b| ESCAPES[usize::from(*b)] != 0).unwrap_or(rest.len())
}

/// Appends the content of a JSON string. Bytes that aren't UTF-8 are written as the text `\xNN`; the result is false if
/// there are any.
pub fn escape(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        let plain = plain(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(&byte) = rest.get(plain) else {
            return true;
        };
        match ESCAPES[usize::from(byte)] {
            1 => return escape_text(out, &rest[plain..]),
            b'u' => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)]),
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        rest = &rest[plain + 1..];
    }
}

/// Like [`escape`], for bytes above 0x7f.
fn escape_text(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let mut all_text = true;
    for chunk in bytes.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match ESCAPES[usize::from(byte)] {
                0 | 1 => out.push(byte),
                b'u' => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)]),
                letter => out.extend_from_slice(&[b'\\', letter]),
            }
        }
        for byte in chunk.invalid() {
            all_text = false;
            out.extend_from_slice(&[b'\\', b'\\', b'x', hex(byte >> 4), hex(*byte)]);
        }
    }
    all_text
}

/// The low four bits as a lower-case hex digit.
fn hex(nibble: u8) -> u8 {
    b"0123456789abcdef"[usize::from(nibble & 0xf)]
}

/// The bytes as text, with `\xNN` for bytes that aren't UTF-8.
pub fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String can't fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The bytes in lower-case hex.
pub fn to_hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|b| [hex(b >> 4), hex(*b)]).collect()
}

/// Appends a whole JSON string. Returns false when some bytes aren't UTF-8.
pub fn string(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    out.push(b'"');
    let all_text = escape(out, bytes);
    out.push(b'"');
    all_text
}

/// The pieces of a text, each at most [`MAX_STRING`] bytes, cut between characters.
pub fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let end = text.floor_char_boundary(MAX_STRING);
        let (piece, rest) = text.split_at(end);
        text = rest;
        Some(piece)
    })
}

/// True when a string of these bytes could exceed [`MAX_STRING`]: a byte that isn't UTF-8 becomes four.
pub fn may_be_long(bytes: &[u8]) -> bool {
    bytes.len() > MAX_STRING / 4
}

/// The way to write a string that is longer than [`MAX_STRING`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strings {
    /// As one string.
    Whole,
    /// As a list of pieces. Some consumers don't accept strings of more than 32 KiB.
    Pieces,
}

/// Appends a value as one string or in pieces. Returns false when some bytes aren't UTF-8.
pub fn value_as(out: &mut Vec<u8>, bytes: &[u8], strings: Strings) -> bool {
    match strings {
        Strings::Whole => string(out, bytes),
        Strings::Pieces => value(out, bytes),
    }
}

/// Appends a value as a string, or as a list of pieces if it is too long for a string. Returns false when some bytes
/// aren't UTF-8.
pub fn value(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    if !may_be_long(bytes) {
        return string(out, bytes);
    }
    let all_text = str::from_utf8(bytes).is_ok();
    let text = to_text(bytes);
    if text.len() <= MAX_STRING {
        string(out, text.as_bytes());
    } else {
        list(out, pieces(&text).map(str::as_bytes));
    }
    all_text
}

/// Appends a list of strings.
pub fn list<'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = &'a [u8]>) {
    out.push(b'[');
    for (i, entry) in entries.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        string(out, entry);
    }
    out.push(b']');
}

/// Appends a number in decimal digits. `to_string` would take an allocation.
pub fn number(out: &mut Vec<u8>, mut value: u64) {
    // The largest number has 20 digits.
    let mut digits = [b'0'; 20];
    let mut at = digits.len() - 1;
    while value > 9 {
        digits[at] += u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
        at -= 1;
    }
    digits[at] += u8::try_from(value).unwrap_or(0);
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_ever() {
        for value in [0, 7, 10, 99, 100, 1_234_567_890, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            number(&mut out, value);
            assert_eq!(out, value.to_string().as_bytes());
        }
    }

    fn written(bytes: &[u8]) -> (String, bool) {
        let mut out = Vec::new();
        let all_text = string(&mut out, bytes);
        (serde_json::from_slice(&out).unwrap(), all_text)
    }

    #[test]
    fn text_comes_back_as_it_was() {
        let every: String = (0..0x250).filter_map(char::from_u32).chain("€𝄞\u{2028}".chars()).collect();
        assert_eq!(written(every.as_bytes()), (every.clone(), true));
        assert_eq!(written(b""), (String::new(), true));
    }

    #[test]
    fn plain_is_plain_wherever_it_stands() {
        for byte in 0..=255u8 {
            for at in 0..SHORT {
                let mut window = [b'x'; SHORT];
                window[at] = byte;
                for len in 0..=SHORT {
                    let expected = at >= len || ESCAPES[usize::from(byte)] == 0;
                    assert_eq!(is_plain(&window, len), expected, "{byte:#x} at {at} of {len}");
                }
                assert_eq!(plain(&window), if ESCAPES[usize::from(byte)] == 0 { SHORT } else { at });
            }
        }
    }

    #[test]
    fn other_bytes_become_escapes_in_the_text() {
        assert_eq!(written(b"from \xff\xfe"), (r"from \xff\xfe".into(), false));
        assert_eq!(written("ä\u{1}\"".as_bytes()), ("ä\u{1}\"".into(), true));
        assert_eq!(written(b"\xe2\x82"), (r"\xe2\x82".into(), false));
        assert_eq!(written(b"\xc3\xa4\xed\xa0\x80\n"), ("ä\\xed\\xa0\\x80\n".into(), false));
    }

    #[test]
    fn long_values_become_pieces_cut_between_characters() {
        let long = format!("{}äb", "a".repeat(MAX_STRING - 1));
        let mut out = Vec::new();
        assert!(value(&mut out, long.as_bytes()));
        let pieces: Vec<String> = serde_json::from_slice(&out).unwrap();
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[0].len(), MAX_STRING - 1);
        assert_eq!(pieces.concat(), long);
        out.clear();
        assert!(value(&mut out, &long.as_bytes()[..MAX_STRING - 1]));
        assert_eq!(out.len(), MAX_STRING + 1);
        out.clear();
        assert!(!value(&mut out, &[0xff; MAX_STRING / 4 + 1]));
        let pieces: Vec<String> = serde_json::from_slice(&out).unwrap();
        assert_eq!(pieces.concat().len(), MAX_STRING + 4);
    }
}
