//! Reads values that are written the same way in every field: absent values, ids that were never set, numbers, quoted
//! text and hex.

/// True for an absent value: empty, or `(null)` from the kernel.
pub fn is_absent(value: &[u8]) -> bool {
    matches!(value, b"" | b"(null)")
}

/// True for a value without information: absent, or a question mark, which the kernel and programs write for unknown
/// values.
pub fn is_unknown(value: &[u8]) -> bool {
    is_absent(value) || matches!(value, b"?" | b"?," | b"\"?\"" | b"\"\"")
}

/// True for an id that was never set: (uid_t)-1, as the kernel, user space and Auditbeat write it.
pub fn is_unset(text: &[u8]) -> bool {
    matches!(text, b"4294967295" | b"-1" | b"unset")
}

/// Reads a decimal number. Ids of users and processes are recorded like this.
pub fn to_number(text: &[u8]) -> Option<u32> {
    if (1..10).contains(&text.len()) {
        // Nearly all are short, and need no check of their size.
        let mut number = 0;
        for byte in text {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return str::from_utf8(text).ok()?.parse().ok();
            }
            number = 10 * number + u32::from(digit);
        }
        return Some(number);
    }
    str::from_utf8(text).ok()?.parse().ok()
}

/// True for text in double quotes.
pub fn is_quoted(text: &[u8]) -> bool {
    text.len() >= 2 && text.first() == Some(&b'"') && text.last() == Some(&b'"')
}

/// The text without the quotes around it.
pub fn unquoted(text: &[u8]) -> &[u8] {
    if is_quoted(text) { &text[1..text.len() - 1] } else { text }
}

/// The value of each hex digit; 0xff for other bytes.
const DIGITS: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut n = 0;
    while n < 16 {
        table[b"0123456789ABCDEF"[n] as usize] = n as u8;
        table[b"0123456789abcdef"[n] as usize] = n as u8;
        n += 1;
    }
    table
};

/// Appends the bytes of a text of hex digits. Returns false, and appends nothing, when the text isn't made of pairs of
/// hex digits.
pub fn unhex(digits: &[u8], out: &mut Vec<u8>) -> bool {
    if !digits.len().is_multiple_of(2) {
        return false;
    }
    let before = out.len();
    out.reserve(digits.len() / 2);
    let mut bad = 0;
    out.extend(digits.chunks_exact(2).map(|pair| {
        let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
        bad |= high | low;
        high << 4 | low & 0xf
    }));
    if bad & 0xf0 != 0 {
        out.truncate(before);
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_say_whether_there_is_one() {
        assert!(is_absent(b"") && is_absent(b"(null)") && !is_absent(b"?") && !is_absent(b"(none)"));
        assert!(
            is_unknown(b"?") && is_unknown(b"?,") && is_unknown(b"\"?\"") && is_unknown(b"\"\"") && is_unknown(b"")
        );
        assert!(!is_unknown(b"x") && !is_unknown(b"??"));
    }

    #[test]
    fn ids_are_numbers_or_unset() {
        assert!(is_unset(b"4294967295") && is_unset(b"-1") && is_unset(b"unset") && !is_unset(b"0"));
        assert_eq!((to_number(b"1000"), to_number(b"4294967295")), (Some(1000), Some(u32::MAX)));
        assert_eq!(
            (to_number(b"4294967296"), to_number(b"-1"), to_number(b""), to_number(b"0x1")),
            (None, None, None, None)
        );
    }

    #[test]
    fn hex_is_decoded_only_when_all_of_it_is_hex() {
        let mut out = b"x".to_vec();
        assert!(unhex(b"7A6f", &mut out));
        assert_eq!(out, b"xzo");
        assert!(!unhex(b"7A6", &mut out));
        assert!(!unhex(b"7A6g", &mut out));
        assert!(!unhex(b"7\xffA6", &mut out));
        assert_eq!(out, b"xzo");
    }
}
