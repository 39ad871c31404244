//! What values of fields say, whatever their field: that there is nothing, an id that was never set, a number.

/// True for a value that says there is none: empty, or the kernel's way to say so.
pub fn is_absent(value: &[u8]) -> bool {
    matches!(value, b"" | b"(null)")
}

/// True for a value that says nothing: none, or a question mark, as kernel and programs write what they don't know.
pub fn is_unknown(value: &[u8]) -> bool {
    is_absent(value) || matches!(value, b"?" | b"?," | b"\"?\"" | b"\"\"")
}

/// True for an id that was never set: (uid_t)-1, in the words of kernel, user space and Auditbeat.
pub fn is_unset(text: &[u8]) -> bool {
    matches!(text, b"4294967295" | b"-1" | b"unset")
}

/// A decimal number, as ids of users and processes are recorded.
pub fn to_number(text: &[u8]) -> Option<u32> {
    str::from_utf8(text).ok()?.parse().ok()
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
}
