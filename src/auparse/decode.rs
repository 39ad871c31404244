//! Text that is read without libauparse: quotes, hex, and what auditd appends to enriched records.

use memchr::{memchr, memmem, memrchr};

/// True for text in double quotes.
pub(super) fn is_quoted(text: &[u8]) -> bool {
    text.len() >= 2 && text.first() == Some(&b'"') && text.last() == Some(&b'"')
}

/// The text without the quotes around it.
pub fn unquoted(text: &[u8]) -> &[u8] {
    if is_quoted(text) { &text[1..text.len() - 1] } else { text }
}

/// What each hex digit is worth; 0xff for other bytes.
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

/// Appends the bytes that pairs of hex digits stand for; false, with nothing appended, when they aren't such pairs.
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

/// auditd appends less than this; what lies beyond was not written by it.
const MAX_APPENDED: usize = 4096;

/// The name auditd appended for a field: `UID="root"` for `uid`, `SADDR={ … }` for `saddr`.
pub(super) fn appended<'a>(enriched: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = &enriched[..enriched.len().min(MAX_APPENDED)];
    while !rest.is_empty() {
        let equals = memchr(b'=', rest)?;
        let found = rest[..equals].trim_ascii_start();
        let value = &rest[equals + 1..];
        let end = match value.first() {
            Some(b'"') => memmem::find(&value[1..], b"\" ").map_or(value.len(), |n| n + 2),
            // A path in it may have braces, and nothing else is appended to a socket address.
            Some(b'{') => memrchr(b'}', value).map_or(value.len(), |n| n + 1),
            _ => memchr(b' ', value).unwrap_or(value.len()),
        };
        if found.eq_ignore_ascii_case(name) {
            return Some(unquoted(&value[..end]));
        }
        rest = &value[end..];
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn appended_names_are_found() {
        let raw = br#"ARCH=x86_64 SYSCALL=openat AUID="unset" UID="DOMAIN\joe user" GID="root""#;
        assert_eq!(appended(raw, b"syscall"), Some(&b"openat"[..]));
        assert_eq!(appended(raw, b"uid"), Some(&br"DOMAIN\joe user"[..]));
        assert_eq!(appended(raw, b"gid"), Some(&b"root"[..]));
        assert_eq!(appended(raw, b"euid"), None);
        let saddr = b"SADDR={ saddr_fam=inet laddr=192.0.2.1 lport=443 }";
        assert_eq!(appended(saddr, b"saddr"), Some(&b"{ saddr_fam=inet laddr=192.0.2.1 lport=443 }"[..]));
        for broken in [&b"="[..], b"UID", b"UID=\"", b" =x y", b"\"=\" = "] {
            assert_eq!(appended(broken, b"gid"), None);
        }
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
