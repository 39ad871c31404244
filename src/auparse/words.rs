//! Finds the end of values that aren't quoted: at the next `name=`. libauparse ends them at the next space.

use super::free_text::is_pair;
use crate::event::is_quoted;
use memchr::{memchr, memmem};

/// The end of any value, and true if libauparse sees less of it.
pub(super) fn any_value(text: &[u8], start: usize, next: usize) -> (usize, bool) {
    let word = memchr(b' ', &text[start..next]).map_or(next, |n| start + n);
    let libauparses = start + trimmed(&text[start..word]);
    // The id follows the type, but it is no field.
    let is_followed = word + 1 < next && !text[word..].starts_with(b" msg=audit(");
    let end = if is_followed { whole(text, start, libauparses, word, next) } else { libauparses };
    (end, end != libauparses)
}

/// The end of a value that has at most 16 bytes, is one word before one space, and isn't changed by libauparse. A word
/// that only begins with a quote isn't the whole value.
#[inline]
pub(super) fn short_word(text: &[u8], start: usize, next: usize) -> Option<usize> {
    let end = next.checked_sub(1)?;
    let len = end.checked_sub(start)?;
    let window: &[u8; 16] = text.get(start..)?.first_chunk()?;
    let last = *text.get(end - 1)?;
    if len == 0 || len > 16 || text[end] != b' ' || matches!(last, b':' | b',' | b'\'' | b')') {
        return None;
    }
    if matches!(window[0], b'"' | b'\'') && (last != window[0] || len == 1) {
        return None;
    }
    // A space becomes 0. The first 0 is the lowest byte whose high bit is set by this. The shift removes bits after the
    // end.
    let spaces = |word: u64, len: usize| {
        let word = word ^ 0x2020_2020_2020_2020;
        (word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080) << (64 - 8 * len)
    };
    let word = |at: usize| window[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    let none = if len <= 8 { spaces(word(0), len) } else { spaces(word(0), 8) | spaces(word(8), len - 8) };
    (none == 0).then_some(end)
}

/// The number of bytes that libauparse keeps of a value. It removes punctuation from the end (`parse_up_record` in
/// `ellist.c`).
pub(super) fn trimmed(value: &[u8]) -> usize {
    if !matches!(value, [.., b':' | b',' | b'\'' | b')']) {
        return value.len();
    }
    let mut kept = value;
    for mark in [b":", b",", b"'"] {
        kept = kept.strip_suffix(mark).unwrap_or(kept);
    }
    if !matches!(kept, b"(none)" | b"(null)") {
        kept = kept.strip_suffix(b")").unwrap_or(kept);
    }
    kept.len()
}

/// The end of a value that begins at `start`. Its first word ends at `word`, and libauparse ends it at `libauparses`.
/// The words up to the next `name=value` belong to the value.
fn whole(text: &[u8], start: usize, libauparses: usize, word: usize, next: usize) -> usize {
    if is_quoted(&text[start..libauparses]) {
        return libauparses;
    }
    let open = text[start] == b'"';
    // The quote right before the next name closes the value. Quotes inside of it don't.
    if open && next > word + 2 && text[next - 2..next] == *b"\" " {
        return next - 1;
    }
    let mut end = word;
    while end < next {
        let word_at = end + text[end..next].iter().take_while(|b| **b == b' ').count();
        let word_end = memchr(b' ', &text[word_at..next]).map_or(next, |n| word_at + n);
        if word_at == word_end || is_pair(&text[word_at..word_end]) {
            break;
        }
        end = word_end;
        if open && text[end - 1] == b'"' {
            break;
        }
    }
    if end == word {
        return libauparses;
    }
    // The quote that closes a user message (msg='…') doesn't belong to its last value.
    if end == text.len() && text[end - 1] == b'\'' && memmem::find(text, b"msg='").is_some() {
        end -= 1;
    }
    // A colon or a bracket between two fields is no part of a value.
    while end > libauparses && matches!(text[end - 2..end], [b' ', b':' | b'(' | b','] | [_, b' ']) {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &str, value: &str, next: &str) -> String {
        let start = text.find(value).unwrap_or_default();
        let next = if next.is_empty() { text.len() } else { text.find(next).unwrap_or_default() };
        let word = start + value.len();
        let text = text.as_bytes();
        let libauparses = start + trimmed(&text[start..word]);
        let end = whole(text, start, libauparses, word, next);
        String::from_utf8_lossy(&text[start..end]).into_owned()
    }

    #[test]
    fn values_run_to_the_next_name() {
        assert_eq!(ends("op=adding user acct=x", "adding", "acct"), "adding user");
        assert_eq!(ends("op=adding user acct= exe=x", "adding", "exe"), "adding user");
        assert_eq!(ends("text=a = b == c exe=x", "a", "exe"), "a = b == c");
        assert_eq!(ends("msg='text=a b c'", "a", ""), "a b c");
        assert_eq!(ends("msg='text=a '", "a", ""), "a");
        assert_eq!(ends("subj=x msg='avc: denied { a } for b=1", "x", "b=1"), "x");
        assert_eq!(ends(r#"info="a b c" x=1"#, "\"a", "x=1"), r#""a b c""#);
        assert_eq!(ends(r#"info="a b" c "d" x=1"#, "\"a", "x=1"), r#""a b" c "d""#);
        assert_eq!(ends(r#"info="a b" c d x=1"#, "\"a", "x=1"), r#""a b""#);
        assert_eq!(ends(r#"acct="root" : exe=1"#, "\"root\"", "exe"), r#""root""#);
        assert_eq!(ends("op=one, two x=1", "one,", "x=1"), "one, two");
    }

    #[test]
    fn short_words_are_found_as_any_word_is() {
        let text = b"a=0 b=sixteen-bytes-ok c=seventeen-bytes--d d=x: e=two words f=1 ...............";
        let end = |value: &str, next: &str| {
            let find = |what: &str| memmem::find(text, what.as_bytes()).unwrap_or_default();
            short_word(text, find(value), find(next))
        };
        assert_eq!(end("0 ", "b="), Some(3));
        assert_eq!(end("sixteen", "c="), memmem::find(text, b" c="));
        assert_eq!(end("seventeen", "d="), None);
        assert_eq!(end("x:", "e="), None);
        assert_eq!(end("two", "f="), None);
        assert_eq!(short_word(b"a=0 b", 2, 4), None, "too near the end to look at 16 bytes");
    }

    #[test]
    fn punctuation_goes_as_in_libauparse() {
        for (value, kept) in
            [("a", "a"), ("a:", "a"), ("a,:", "a"), ("success)'", "success"), ("(none)", "(none)"), ("x)", "x")]
        {
            assert_eq!(trimmed(value.as_bytes()), kept.len(), "{value}");
        }
    }
}
