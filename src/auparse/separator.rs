//! Finds the text that auditd appended to an enriched record, when the separator before it is lost or was rewritten.
//!
//! auditd puts the byte 0x1D between a record and the names that it appends: `…key="x"␝ARCH=x86_64 SYSCALL=execve
//! AUID="root"`. Syslog daemons and JSON pipelines remove that byte, or write it as text.
//!
//! A user may have chosen parts of the record. So the appended text must be what auditd would write: it stands at the
//! end of the line, outside of quotes, and consists of the record's own fields in upper case, in the record's order,
//! beginning with the first. When in doubt, the text stays in the record.

use super::header::SEPARATOR;
use memchr::{memchr, memchr_iter, memmem, memrchr};
use std::ops::Range;

/// The fields that auditd names (libauparse's types UID, GID, ARCH, SYSCALL and SOCKADDR in `typetab.h`).
const NAMED: [&[u8]; 26] = [
    b"arch",
    b"syscall",
    b"uring_op",
    b"saddr",
    b"auid",
    b"uid",
    b"euid",
    b"suid",
    b"fsuid",
    b"ouid",
    b"oauid",
    b"old-auid",
    b"iuid",
    b"id",
    b"inode_uid",
    b"sauid",
    b"obj_uid",
    b"obj_gid",
    b"gid",
    b"egid",
    b"sgid",
    b"fsgid",
    b"ogid",
    b"igid",
    b"inode_gid",
    b"new_gid",
];
/// The spellings of the separator in text, in upper and lower case. The last ones are what programs write that allow no
/// control characters: U+FFFD, U+241D, a question mark, a point.
const SPELLINGS: [&[u8]; 18] = [
    b"#035",
    b"#x1d",
    b"^]",
    b"\\x1d",
    b"0x1d",
    b"\\035",
    b"\\u001d",
    b"<1d>",
    b"<0x1d>",
    b"<gs>",
    b"[gs]",
    b"&#29;",
    b"&#x1d;",
    b"%1d",
    b"\xef\xbf\xbd",
    b"\xe2\x90\x9d",
    b"?",
    b".",
];
/// The most bytes that auditd appends.
const MAX_APPENDED: usize = 4096;
/// The most named fields of a record. A SYSCALL record has eleven.
const MAX_NAMED: usize = 32;

/// True for an enriched record without its separator. `kind` is its type.
#[inline]
pub(super) fn is_lost(kind: &[u8], line: &[u8]) -> bool {
    may_be_lost(kind, line) && memrchr(SEPARATOR, line).is_none() && lost(kind, line).is_some()
}

/// False for nearly all other lines. The end of an enriched record is `NAME="…"` in upper case, or a socket address. In a
/// SECCOMP record alone it is the name of a system call. A socket address may be cut.
#[inline]
fn may_be_lost(kind: &[u8], line: &[u8]) -> bool {
    match line {
        [rest @ .., b'"'] => memrchr(b'"', rest).is_some_and(|at| matches!(rest[..at], [.., b'A'..=b'Z', b'='])),
        [.., b' ', b'}'] => true,
        _ if kind == b"type=SOCKADDR" => memmem::find(line, b"SADDR=").is_some(),
        _ => kind == b"type=SECCOMP",
    }
}

/// Finds what stands in the place of the separator: its spelling, a space, or nothing. The record ends before it, and
/// what auditd appended begins after it. `kind` is the type of the record.
pub(super) fn lost(kind: &[u8], line: &[u8]) -> Option<Range<usize>> {
    if kind == b"type=SOCKADDR"
        && let Some(lost) = lost_in_address(line)
    {
        return Some(lost);
    }
    let mut named: Vec<&[u8]> = Vec::new();
    let mut quoted = false;
    let mut at = 0;
    while at < line.len() {
        let is_start = at == 0 || matches!(line[at - 1], b' ' | b'\'' | b'(');
        if line[at] == b'"' {
            quoted = !quoted;
        } else if !quoted {
            if let Some(first) = named.first()
                && line.len() - at <= MAX_APPENDED
                && begins(&line[at..], first)
                && is_appended(&line[at..], &named)
            {
                let start = separator_start(line, at);
                return ends_a_record(&line[..start]).then_some(start..at);
            }
            if is_start
                && named.len() < MAX_NAMED
                && let Some(name) = NAMED.iter().find(|name| line[at..].starts_with(name))
                && line.get(at + name.len()) == Some(&b'=')
            {
                named.push(name);
            }
        }
        at += 1;
    }
    None
}

/// The same for the record of a socket's address. Its raw part is hex digits. The address in words may end at a newline of
/// the path, so it needn't be whole.
fn lost_in_address(line: &[u8]) -> Option<Range<usize>> {
    // libauparse before 3.0 wrote `fam=`.
    let at = [&b"SADDR={ saddr_fam="[..], b"SADDR={ fam="].into_iter().find_map(|mark| memmem::find(line, mark))?;
    let start = separator_start(line, at);
    let hex = memmem::find(&line[..start], b" saddr=").map(|hex| &line[hex + 7..start])?;
    hex.iter().all(u8::is_ascii_hexdigit).then_some(start..at)
}

/// True for `NAME=` in upper case.
fn begins(text: &[u8], name: &[u8]) -> bool {
    text.get(name.len()) == Some(&b'=')
        && text.iter().zip(name).all(|(byte, of_name)| *byte == of_name.to_ascii_uppercase())
}

/// True for a text that auditd can have appended to a record with these fields.
fn is_appended(text: &[u8], named: &[&[u8]]) -> bool {
    let mut named = named.iter();
    is_list(text, |text| named.find(|name| begins(text, name)).copied())
}

/// True for a text that auditd can have appended to some record.
fn is_any_appended(text: &[u8]) -> bool {
    is_list(text, |text| NAMED.iter().find(|name| begins(text, name)).copied())
}

/// True for a list of names and values. `name` returns the name that a text begins with.
fn is_list<'n>(mut text: &[u8], mut name: impl FnMut(&[u8]) -> Option<&'n [u8]>) -> bool {
    while let Some(name) = name(text) {
        let value = &text[name.len() + 1..];
        let Some(length) = value_length(value, name) else { return false };
        match value.get(length) {
            None => return true,
            Some(b' ') => text = &value[length + 1..],
            Some(_) => return false,
        }
    }
    false
}

/// The length of a value as auditd writes it: a name in quotes, or in hex if it has odd characters. Socket addresses
/// have braces, and nothing follows them.
fn value_length(value: &[u8], name: &[u8]) -> Option<usize> {
    let word = || memchr(b' ', value).unwrap_or(value.len());
    match name {
        b"saddr" if value.starts_with(b"{ ") && value.ends_with(b"}") => Some(value.len()),
        b"saddr" => value.starts_with(b"unknown").then_some(value.len()),
        b"arch" | b"syscall" | b"uring_op" => {
            let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'(' | b')');
            Some(word()).filter(|end| *end > 0 && value[..*end].iter().all(is_name))
        }
        _ => match value.strip_prefix(b"\"") {
            Some(quoted) => memchr(b'"', quoted).map(|end| end + 2),
            None => Some(word()).filter(|end| *end > 0 && value[..*end].iter().all(u8::is_ascii_hexdigit)),
        },
    }
}

/// True for a line with a separator that a user may have written. libauparse ends the record at the first one.
///
/// Only the kernel's own records of system calls are known to hold none, except for the label of the process.
#[inline]
pub(super) fn is_doubtful(kind: &[u8], line: &[u8]) -> bool {
    let Some(first) = memchr(SEPARATOR, line) else { return false };
    match kind {
        b"type=PATH" | b"type=CWD" | b"type=EXECVE" | b"type=PROCTITLE" | b"type=SOCKADDR" | b"type=BPRM_FCAPS" => {
            false
        }
        b"type=SYSCALL" => {
            let appended = &line[first + 1..];
            memchr(SEPARATOR, appended).is_some() || memmem::find(appended, b" key=").is_some()
        }
        _ => separator(line) != Some(first),
    }
}

/// The offset of auditd's separator: the last one, if only names of ids and the like follow it. A user may have written
/// the others.
fn separator(line: &[u8]) -> Option<usize> {
    let last = memrchr(SEPARATOR, line)?;
    (ends_a_record(&line[..last]) && is_any_appended(&line[last + 1..])).then_some(last)
}

/// Copies a record. Separators that auditd didn't write become `\x1d`, as documents show bytes that aren't text.
pub(super) fn copy(record: &[u8], to: &mut Vec<u8>) {
    let is_of_socket = memmem::find(record, b"type=SOCKADDR ").is_some();
    let own = if is_of_socket { memchr(SEPARATOR, record) } else { separator(record) };
    let mut from = 0;
    for at in memchr_iter(SEPARATOR, record).filter(|at| Some(*at) != own) {
        to.extend_from_slice(&record[from..at]);
        to.extend_from_slice(b"\\x1d");
        from = at + 1;
    }
    to.extend_from_slice(&record[from..]);
}

/// The start of what stands in the place of the separator. The text that auditd appended begins at `at`.
fn separator_start(line: &[u8], at: usize) -> usize {
    let before = &line[..at];
    // `cap_frootid=?` has a value. A question mark after it would be the separator.
    let is_here = |spelling: &&&[u8]| match before.len().checked_sub(spelling.len()) {
        Some(start) if start > 0 => before[start..].eq_ignore_ascii_case(spelling) && before[start - 1] != b'=',
        _ => false,
    };
    let spelling = SPELLINGS.iter().filter(is_here).map(|spelling| spelling.len()).max().unwrap_or(0);
    let before = &before[..at - spelling];
    if spelling == 0 { before.trim_ascii_end().len() } else { before.len() }
}

/// True for a text that can be a whole record, and one that auditd appends names to. The message of a program ends with a
/// quote. A record with `execpath` has no ids, and the path is its last value.
fn ends_a_record(record: &[u8]) -> bool {
    if memmem::find(record, b" execpath=\"").is_some() {
        return false;
    }
    memmem::find(record, b"msg='").is_none() || record.ends_with(b"'")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = "type=SYSCALL msg=audit(1.1:1): arch=c000003e syscall=59 auid=1 uid=2 gid=3 key=";
    const APPENDED: &str = "ARCH=x86_64 SYSCALL=execve AUID=\"erin\" UID=\"bob\" GID=\"x\"";

    fn kind(line: &str) -> &[u8] {
        line.split(' ').next().unwrap_or_default().as_bytes()
    }

    /// The record and what was appended; empty when nothing was found.
    fn parts(line: &str) -> [&str; 2] {
        match lost(line.split(' ').next().unwrap_or_default().as_bytes(), line.as_bytes()) {
            Some(place) => {
                assert!(is_lost(kind(line), line.as_bytes()), "{line}");
                [&line[..place.start], &line[place.end..]]
            }
            None => ["", ""],
        }
    }

    #[test]
    fn separators_are_found_however_they_are_written() {
        for key in ["\"watch1\"", "(null)", "6578656301"] {
            for separator in ["", " ", "#035", "^]", "\\x1d", "\\035", "<1D>", "\\u001d", "<0x1d>", "\u{fffd}", "?"] {
                let record = format!("{RECORD}{key}");
                assert_eq!(parts(&format!("{record}{separator}{APPENDED}")), [&record, APPENDED]);
            }
        }
        for (record, appended) in [
            ("type=PATH msg=audit(1.1:1): ouid=0 ogid=0 cap_frootid=0", "OUID=\"root\" OGID=\"root\""),
            ("type=PATH msg=audit(1.1:1): ouid=0 cap_frootid=?", "OUID=\"root\""),
            ("type=SOCKADDR msg=audit(1.1:1): saddr=01002F", "SADDR={ saddr_fam=local path=/tmp/SADDR={ }b }"),
            ("type=USER msg=audit(1.1:1): pid=1 uid=0 msg='op=x uid=1 res=ok'", "UID=4142 UID=\"root\""),
            ("type=LOGIN msg=audit(1.1:1): pid=1 uid=0 old-auid=1 auid=2", "UID=\"a\" OLD-AUID=\"b\" AUID=\"c\""),
            ("type=URINGOP msg=audit(1.1:1): uring_op=18 uid=0", "URING_OP=openat UID=\"root\""),
            (&format!("{RECORD}(null)"), "ARCH=x86_64 SYSCALL=socketcall(connect) AUID=\"unset\""),
            (
                "type=SECCOMP msg=audit(1.1:1): auid=1 uid=2 sig=31 arch=c000003e syscall=110 compat=0 code=0x80000000",
                "AUID=\"unset\" UID=\"root\" ARCH=x86_64 SYSCALL=unknown-syscall(-1)",
            ),
            ("type=AVC msg=audit(1.1:1): saddr=0000 auid=0", "SADDR=unknown-family(0) AUID=\"root\""),
        ] {
            assert_eq!(parts(&format!("{record}#035{appended}")), [record, appended]);
            assert_eq!(parts(&format!("{record}{appended}")), [record, appended]);
        }
    }

    #[test]
    fn what_a_user_wrote_stays_in_the_record() {
        for line in [
            // Between quotes.
            "type=USER msg=audit(1.1:1): uid=0 msg='x=\"y UID=\"root\"'",
            "type=SYSCALL msg=audit(1.1:1): uid=0 comm=\"x UID=\"",
            // In the message of a program.
            "type=USER msg=audit(1.1:1): uid=0 msg='text UID=\"root\"",
            "type=USER msg=audit(1.1:1): uid=0 msg='text#035UID=\"root\" exe=\"/x\"'",
            // Not at the end.
            "type=X msg=audit(1.1:1): uid=0 x=y UID=\"root\" z=1",
            // Other names, another order, another first name.
            "type=X msg=audit(1.1:1): uid=0 x=y GID=\"root\"",
            "type=X msg=audit(1.1:1): uid=0 gid=0 x=y GID=\"root\"",
            "type=X msg=audit(1.1:1): x=y UID=\"root\" uid=0",
            // Other values.
            "type=X msg=audit(1.1:1): uid=0 x=y UID=",
            "type=X msg=audit(1.1:1): uid=0 x=y UID=root",
            "type=X msg=audit(1.1:1): uid=0 x=y UID=\"root",
            "type=X msg=audit(1.1:1): uid=0 x=y UID=\"a\"b",
            "type=EXECVE msg=audit(1.1:1): argc=2 a0=\"x\" a1=\"UID=\"",
            "type=SOCKADDR msg=audit(1.1:1): saddr=01 SADDR={ x } y=1",
        ] {
            assert_eq!(parts(line), ["", ""], "{line}");
        }
    }

    #[test]
    fn only_auditds_own_separator_counts() {
        let copied = |line: &str| {
            let mut copied = Vec::new();
            copy(line.as_bytes(), &mut copied);
            String::from_utf8_lossy(&copied).into_owned()
        };
        let doubtful = |line: &str| is_doubtful(line.split(' ').next().unwrap_or_default().as_bytes(), line.as_bytes());
        for (line, right) in [
            // In a raw log none is auditd's.
            ("type=ANOM_PROMISCUOUS a: dev=a\x1dUID=\"root\" prom=256 uid=0", r#"dev=a\x1dUID="root" prom=256 uid=0"#),
            ("type=NETFILTER_CFG a: table=a\x1dUID=\"root\":5 family=2 uid=0", r#"a\x1dUID="root":5 family=2 uid=0"#),
            ("type=USER a: uid=0 msg='text=a\x1dUID=\"root\"'", r#"text=a\x1dUID="root"'"#),
            ("type=USER a: uid=0 msg='text=a'\x1dUID=\"root\"'", r#"text=a'\x1dUID="root"'"#),
            ("type=AVC a: pid=7 execpath=\"/a uid=0\x1dUID=\"root\"", r#"/a uid=0\x1dUID="root""#),
            ("type=SYSCALL a: uid=0 subj=P//\x1dUID=\"root\" key=\"k\"", r#"P//\x1dUID="root" key="k""#),
            // In an enriched log the last one is.
            ("type=USER a: uid=0 msg='text=a\x1db'\x1dUID=\"root\"", "text=a\\x1db'\x1dUID=\"root\""),
            ("type=SYSCALL a: uid=0 subj=a\x1db key=\"k\"\x1dUID=\"root\"", "a\\x1db key=\"k\"\x1dUID=\"root\""),
        ] {
            assert!(doubtful(line), "{line:?}");
            assert!(copied(line).ends_with(right), "{line:?}: {:?}", copied(line));
        }
        for line in [
            "type=USER a: uid=0 msg='text=a'\x1dUID=\"root\" AUID=\"unset\"",
            "type=SYSCALL a: uid=0 key=\"k\"\x1dARCH=x86_64 SYSCALL=openat UID=\"root\"",
            "type=SOCKADDR a: saddr=0100\x1dSADDR={ saddr_fam=local path=/\x1d }",
            "type=AVC a: uid=0",
        ] {
            assert!(!doubtful(line), "{line:?}");
            assert_eq!(copied(line).matches("\\x1d").count(), usize::from(line.contains("SADDR")), "{line:?}");
        }
    }

    #[test]
    fn usual_lines_are_known_at_once() {
        for line in [
            &format!("{RECORD}\"watch1\""),
            &format!("{RECORD}\"watch1\"\x1d{APPENDED}"),
            "type=EOE msg=audit(1.1:1): ",
            "type=PROCTITLE msg=audit(1.1:1): proctitle=6C73",
            "type=SOCKADDR msg=audit(1.1:1): saddr=0000\x1dSADDR={ x }",
            "",
            "=",
        ] {
            assert!(!is_lost(kind(line), line.as_bytes()), "{line}");
        }
    }
}
