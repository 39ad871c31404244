//! Tells which values libauparse reads rightly. It reads a number up to the first character that is no digit, so a word
//! counts as 0, and it drops the bits that it has no name for. For such values the text of the record stands.

use super::auparse_sys::auparse_type_t as t;

/// The form of the numbers of a type: the base, and the bits that libauparse can name.
struct Form {
    radix: u32,
    known: u64,
}

/// Any number of 32 bits.
const WORD: u64 = 0xffff_ffff;
/// A number of 8 bits.
const BYTE: u64 = 0xff;
/// All capabilities up to CAP_CHECKPOINT_RESTORE (`<linux/capability.h>`).
const CAPABILITIES: u64 = (1 << 41) - 1;
/// PER_MASK and ADDR_NO_RANDOMIZE (`<sys/personality.h>`).
pub(super) const PERSONALITY: u64 = 0x4_00ff;
/// The type of a file in its mode, S_IFMT (`<sys/stat.h>`).
const FILE_TYPE: u64 = 0o170_000;

/// The form of a type's values; `None` for a type that isn't a number, or that a newer libauparse added.
fn form(code: u32) -> Option<Form> {
    let (radix, known) = match code {
        t::AUPARSE_TYPE_PERM => (10, 0xf),
        t::AUPARSE_TYPE_MODE => (8, 0o177_777),
        t::AUPARSE_TYPE_MODE_SHORT => (8, 0o7777),
        t::AUPARSE_TYPE_PROMISC => (10, WORD),
        t::AUPARSE_TYPE_LIST | t::AUPARSE_TYPE_CAPABILITY => (10, BYTE),
        t::AUPARSE_TYPE_NFPROTO | t::AUPARSE_TYPE_ICMPTYPE | t::AUPARSE_TYPE_PROTOCOL => (10, BYTE),
        t::AUPARSE_TYPE_SIGNAL => (10, 0x1f),
        t::AUPARSE_TYPE_FANOTIFY => (10, 3),
        t::AUPARSE_TYPE_FLAGS | t::AUPARSE_TYPE_OFLAG | t::AUPARSE_TYPE_MMAP | t::AUPARSE_TYPE_IOCTL_REQ => (16, WORD),
        t::AUPARSE_TYPE_HOOK | t::AUPARSE_TYPE_NETACTION | t::AUPARSE_TYPE_MACPROTO => (16, WORD),
        t::AUPARSE_TYPE_CAP_BITMAP => (16, CAPABILITIES),
        t::AUPARSE_TYPE_PERSONALITY => (16, PERSONALITY),
        _ => return None,
    };
    Some(Form { radix, known })
}

/// Reads digits of a base. A hexadecimal number may begin with 0x.
pub(super) fn number(text: &[u8], radix: u32) -> Option<u64> {
    let digits = if radix == 16 { text.strip_prefix(b"0x").unwrap_or(text) } else { text };
    // The standard library would read a sign too.
    if digits.first() == Some(&b'+') {
        return None;
    }
    u64::from_str_radix(str::from_utf8(digits).ok()?, radix).ok()
}

/// True when libauparse reads the whole of a value of this type.
pub(super) fn is_read(code: u32, text: &[u8]) -> bool {
    match code {
        // The kernel prints the flags of openat2 in octal, without 0x. libauparse reads them as hexadecimal.
        t::AUPARSE_TYPE_OFLAG if !text.starts_with(b"0x") => return false,
        t::AUPARSE_TYPE_SUCCESS if text.first().is_some_and(u8::is_ascii_digit) => {
            return matches!(text, b"0" | b"1");
        }
        // The numbers of errors end at 4095 (MAX_ERRNO in the kernel's err.h).
        t::AUPARSE_TYPE_EXIT => {
            let error = text.strip_prefix(b"-").and_then(|digits| number(digits, 10));
            return error.is_some_and(|error| (1..4096).contains(&error));
        }
        _ => (),
    }
    let Some(Form { radix, known }) = form(code) else { return true };
    number(text, radix).is_some_and(|value| {
        // A mode without a type of file comes from a call. libauparse would print the type as 000.
        value & !known == 0 && (code != t::AUPARSE_TYPE_MODE || value & FILE_TYPE != 0)
    })
}

/// True when libauparse answers that it doesn't know. `(null)` is what the C library prints for a number without a name,
/// and 0x0x is a number that already had its 0x.
pub(super) fn is_error(answer: &[u8]) -> bool {
    let starts: [&[u8]; 5] = [b"unknown", b"(null)(", b"conversion error", b"undefined protocol", b"0x0x"];
    matches!(answer, b"" | b"UNKNOWN") || starts.iter().any(|start| answer.starts_with(start))
}

/// The name of a seccomp action in libauparse's words, with its data left out (`<linux/seccomp.h>`). libauparse 3 drops
/// the highest bit, which distinguishes KILL_PROCESS from KILL_THREAD.
pub(super) fn seccomp_action(code: &[u8]) -> Option<&'static [u8]> {
    let code = number(code, 16).filter(|code| *code <= WORD)?;
    Some(match code & 0xffff_0000 {
        0x8000_0000 => b"kill-process",
        0x0000_0000 => b"kill",
        0x0003_0000 => b"trap",
        0x0005_0000 => b"errno",
        0x7fc0_0000 => b"user-notify",
        0x7ff0_0000 => b"trace",
        0x7ffc_0000 => b"log",
        0x7fff_0000 => b"allow",
        _ => return None,
    })
}

/// libauparse's answer, with what some versions misspell put right.
pub(super) fn corrected(answer: &[u8]) -> &[u8] {
    if answer == b"IGPWR" { b"SIGPWR" } else { answer }
}

/// True for the text of a user's or a group's id: a number of 32 bits, or -1. libauparse reads any other text as another
/// id, most often as 0, which is root.
pub(super) fn is_id(text: &[u8]) -> bool {
    text == b"-1" || number(text, 10).is_some_and(|id| id <= WORD)
}

/// True for ids that have their names on every host: root, and the id that was never set. libauparse doesn't look them
/// up.
pub(super) fn is_fixed_id(text: &[u8]) -> bool {
    text == b"-1" || matches!(number(text, 10), Some(0 | WORD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_not_read() {
        for (code, good, bad) in [
            (t::AUPARSE_TYPE_PERM, &[&b"15"[..], b"0"][..], &[&b"rwx"[..], b"16", b"", b"4x"][..]),
            (t::AUPARSE_TYPE_MODE, &[b"0100644", b"040755"], &[b"0750", b"8", b"0x81a4", b"drwx", b"0400644000"]),
            (t::AUPARSE_TYPE_PROTOCOL, &[b"6", b"0"], &[b"tcp", b"256", b"-1", b"+6"]),
            (t::AUPARSE_TYPE_SIGNAL, &[b"9", b"31"], &[b"SIGKILL", b"64", b"-9"]),
            (t::AUPARSE_TYPE_SUCCESS, &[b"1", b"0", b"success", b"failed"], &[b"2", b"1x", b"10"]),
            (t::AUPARSE_TYPE_OFLAG, &[b"0x42"], &[b"0102", b"0", b"0xg"]),
            (t::AUPARSE_TYPE_CAP_BITMAP, &[b"000001ffffffffff", b"0"], &[b"SHA256:ab", b"?", b"0000020000000000"]),
            (t::AUPARSE_TYPE_PERSONALITY, &[b"40000", b"8"], &[b"400000", b"linux"]),
            (t::AUPARSE_TYPE_NETACTION, &[b"1"], &[b"measure", b"deny"]),
            (
                t::AUPARSE_TYPE_EXIT,
                &[b"-13", b"-4095"],
                &[b"-4096", b"-13x", b"x", b"-", b"-0", b"-18446744073709551629"],
            ),
        ] {
            good.iter().for_each(|text| assert!(is_read(code, text), "{code} {:?}", str::from_utf8(text)));
            bad.iter().for_each(|text| assert!(!is_read(code, text), "{code} {:?}", str::from_utf8(text)));
        }
    }

    #[test]
    fn an_error_is_no_answer() {
        for error in [
            &b"unknown-signal(99)"[..],
            b"UNKNOWN",
            b"(null)(Unknown error 999)",
            b"conversion error(x)",
            b"undefined protocol",
            b"0x0x0",
            b"",
        ] {
            assert!(is_error(error), "{:?}", str::from_utf8(error));
        }
        for answer in [&b"SIGKILL"[..], b"0x0", b"none", b"EACCES(Permission denied)"] {
            assert!(!is_error(answer), "{:?}", str::from_utf8(answer));
        }
    }

    #[test]
    fn seccomp_actions_have_32_bits() {
        for (code, name) in [
            (&b"0x80000000"[..], Some(&b"kill-process"[..])),
            (b"0x0", Some(b"kill")),
            (b"0x50001", Some(b"errno")),
            (b"0x7fc00000", Some(b"user-notify")),
            (b"0x7ffc0000", Some(b"log")),
            (b"0x10000", None),
            (b"0x180000000", None),
            (b"what", None),
        ] {
            assert_eq!(seccomp_action(code), name, "{:?}", str::from_utf8(code));
        }
    }

    #[test]
    fn ids_have_32_bits() {
        for id in [&b"0"[..], b"-1", b"1000", b"4294967295"] {
            assert!(is_id(id));
        }
        for text in [&b""[..], b"n/a", b"4294967296", b"-2", b"0x0", b"1000,", b"+1"] {
            assert!(!is_id(text), "{:?}", str::from_utf8(text));
        }
        assert!(is_fixed_id(b"0") && is_fixed_id(b"-1") && is_fixed_id(b"4294967295") && !is_fixed_id(b"1"));
    }
}
