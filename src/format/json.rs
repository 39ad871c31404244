//! JSON strings from bytes that may be anything.
//!
//! Written by hand: serde_json takes UTF-8 alone, and records hold any bytes. Most of a conversion's time goes here, so
//! there is no allocation, and one pass over what is plain.

use std::fmt::Write;

/// The longest string a document holds, in bytes: a keyword of an Elasticsearch index ends at 32,766.
pub const MAX_STRING: usize = 30_000;

/// For each byte: 0 where it stands for itself in a JSON string, else what follows the backslash (`u` for `\u00XX`),
/// and 1 for what isn't ASCII.
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

/// The bytes of a word that don't stand for themselves in a JSON string, as their high bits (a few others may show
/// too, never fewer): below 0x20, above 0x7f, quote, backslash. Eight at a time, since values are short and many.
fn marks(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |w: u64| w.wrapping_sub(ONES) & !w;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (word | control | zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c))) & HIGH
}

/// Bytes that a short string may have.
pub const SHORT: usize = 16;

/// True when the first `len` bytes (at most [`SHORT`]) all stand for themselves.
pub fn is_plain(window: &[u8; SHORT], len: usize) -> bool {
    let (low, high) = window.split_at(8);
    let word = |bytes: &[u8]| bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    // Marks of bytes behind the end are shifted out.
    let cut = |word: u64, len: usize| match len {
        0 => 0,
        1..8 => marks(word) << (64 - 8 * len),
        _ => marks(word),
    };
    // A borrow can only mark a byte above the one that caused it, so what is kept is never less than it should be.
    cut(word(low), len) | cut(word(high), len.saturating_sub(8)) == 0
}

/// Appends a string whose first `len` bytes all stand for themselves.
pub fn plain_string(out: &mut Vec<u8>, window: &[u8; SHORT], len: usize) {
    out.push(b'"');
    let end = out.len() + len;
    out.extend_from_slice(window);
    out.truncate(end);
    out.push(b'"');
}

/// How many bytes from the start stand for themselves.
fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let found = marks(u64::from_le_bytes(*chunk));
        if found != 0 {
            break;
        }
        at += 8;
    }
    // The end of what is left, once more with bytes that are known to be plain.
    if let Some(last) = bytes.last_chunk()
        && marks(u64::from_le_bytes(*last)) == 0
        && bytes.len() - at < 8
    {
        return bytes.len();
    }
    let rest = &bytes[at..];
    at + rest.iter().position(|b| ESCAPES[usize::from(*b)] != 0).unwrap_or(rest.len())
}

/// Appends the inside of a JSON string. Bytes that aren't UTF-8 are written as the text `\xNN`; false if there are any.
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

/// As [`escape`], for what holds bytes above 0x7f.
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

/// The bytes as text, with `\xNN` for what isn't UTF-8.
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

/// Appends a whole JSON string; false when it held bytes that aren't UTF-8.
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

/// How long strings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strings {
    /// As one string.
    Whole,
    /// As a list of pieces, since some consumers take no string of more than 32 KiB.
    Pieces,
}

/// Appends a value as one string or in pieces. False when not all was UTF-8.
pub fn value_as(out: &mut Vec<u8>, bytes: &[u8], strings: Strings) -> bool {
    match strings {
        Strings::Whole => string(out, bytes),
        Strings::Pieces => value(out, bytes),
    }
}

/// Appends a value: a string, or a list of pieces where it is too long for one. False when not all was UTF-8.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
