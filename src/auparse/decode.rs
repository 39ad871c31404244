//! Reads the text that auditd appends to enriched records, without libauparse.

use crate::event::unquoted;
use memchr::{memchr, memmem, memrchr};

/// The most bytes that are read. auditd appends less; anything beyond was not written by auditd.
const MAX_APPENDED: usize = 4096;

/// Finds the name that auditd appended for a field: `UID="root"` for `uid`, `SADDR={ … }` for `saddr`.
pub(super) fn appended<'a>(enriched: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = &enriched[..enriched.len().min(MAX_APPENDED)];
    while !rest.is_empty() {
        let equals = memchr(b'=', rest)?;
        let found = rest[..equals].trim_ascii_start();
        let value = &rest[equals + 1..];
        let end = match value.first() {
            Some(b'"') => memmem::find(&value[1..], b"\" ").map_or(value.len(), |n| n + 2),
            // The last brace ends the value: a path in it may have braces, and nothing follows a socket address.
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
}
