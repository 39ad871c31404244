//! Finds the end of values that hold spaces and equals signs: quoted text, and text that a program writes as it is.
//!
//! libauparse ends each value at a space and takes each later `name=` for a field. But who chooses the text of a value
//! must not be able to add fields to the record. So a quoted value is one value up to its closing quote. Some programs
//! write text of users without encoding it ([`UNESCAPED`]). This text ends where the writer's next field begins.

use crate::event::record_type;
use memchr::{memchr, memmem, memrchr};

/// A field whose text its writer doesn't encode.
#[derive(Debug)]
pub(super) struct Unescaped {
    record_type: i32,
    name: &'static [u8],
    end: End,
}

/// The end of text that isn't encoded. A mark is what the writer puts behind the value. The last one counts, because the
/// writer encodes all that follows it.
#[derive(Debug)]
enum End {
    /// Before the last of these marks.
    Before(&'static [&'static [u8]]),
    /// Behind the quote that begins the last of these marks. The value is in quotes.
    Quote(&'static [&'static [u8]]),
    /// At the last quote of the record.
    LastQuote,
    /// Before the last ` family=`. If that one may stand in a label of AppArmor, nobody can tell which one is the kernel's:
    /// then all up to the name of the program is one value.
    Table,
    /// Before the address that libaudit writes behind a host. If the text has several, nobody can tell which one it is:
    /// then all up to the result is one value.
    Host,
    /// Before the last ` exe=`, in a message of gdm. Other programs write the same field, and encode it.
    Gdm,
    /// The closing quote of systemd's text ([`end_of_systemd`]).
    Systemd,
}

const fn row(record_type: i32, name: &'static [u8], end: End) -> Unescaped {
    Unescaped { record_type, name, end }
}

/// The fields whose text a user chooses and nobody encodes, ordered by record type. `docs/untrusted-text.md` tells who
/// writes them.
const UNESCAPED: [Unescaped; 23] = [
    // `auditctl -m`
    row(record_type::USER, b"text", End::Before(&[b" exe="])),
    // systemd's access checks: the path of the unit, and the command line of the caller.
    row(record_type::USER_AVC, b"cmdline", End::Systemd),
    row(record_type::USER_AVC, b"path", End::Systemd),
    // Labels of AppArmor, from D-Bus.
    row(record_type::USER_AVC, b"label", End::Quote(&[b"\" peer_pid=", b"\" peer_label="])),
    row(record_type::USER_AVC, b"peer_label", End::Quote(&[b"\" info=", b"\" peer_info=", b"\"  exe=", b"\" exe="])),
    // A client of the X server: its name, and the names that it chose. Nobody can tell where the first of them ends.
    row(record_type::USER_AVC, b"comm", End::Before(&[b" scontext="])),
    row(record_type::USER_AVC, b"property", End::Before(&[b" scontext="])),
    row(record_type::USER_AVC, b"selection", End::Before(&[b" scontext="])),
    // A name that was typed at the login screen.
    row(record_type::USER_LOGIN, b"acct", End::Gdm),
    row(record_type::USER_LOGOUT, b"acct", End::Gdm),
    // The group that a user names to newgrp or sg.
    row(record_type::CHGRP_ID, b"new-group", End::Before(&[b" acct=", b" id="])),
    row(record_type::CHGRP_ID, b"new_group", End::Before(&[b" acct=", b" id="])),
    // The identity that a remote auditd offers.
    row(record_type::DAEMON_ACCEPT, b"id", End::Before(&[b" profile="])),
    row(record_type::OBJ_PID, b"obj", End::Before(&[b" ocomm="])),
    // The name of an nftables table. Any user may create one in a user namespace.
    row(record_type::NETFILTER_CFG, b"table", End::Table),
    // No user chooses it, but it has apostrophes between apostrophes.
    row(record_type::DM_CTRL, b"error_msg", End::Quote(&[b"' res="])),
    row(record_type::DM_EVENT, b"error_msg", End::Quote(&[b"' res="])),
    // The program of a process that AppArmor denies a user namespace.
    row(record_type::AVC, b"execpath", End::LastQuote),
    row(record_type::ANOM_PROMISCUOUS, b"dev", End::Before(&[b" prom="])),
    // The range that a user writes into a crontab.
    row(record_type::USER_ROLE_CHANGE, b"new_scontext", End::Before(&[b" old_scontext="])),
    // What libvirt's users write into the definition of a machine.
    row(record_type::VIRT_RESOURCE, b"path", End::Before(&[b" exe="])),
    row(record_type::VIRT_MACHINE_ID, b"vm-ctx", End::Before(&[b" img-ctx="])),
    row(record_type::VIRT_MACHINE_ID, b"img-ctx", End::Before(&[b" model=", b" exe="])),
];

/// Fields that libaudit appends to PAM's messages as PAM's callers set them (`PAM_RHOST`, `PAM_TTY`).
const APPENDED_BY_PAM: [Unescaped; 3] = [
    row(0, b"hostname", End::Host),
    row(0, b"addr", End::Before(&[b" terminal="])),
    row(0, b"terminal", End::Before(&[b" res="])),
];

/// The fields that libaudit appends to a program's message. It puts none of them in quotes, except `exe`, which it
/// encodes (`audit_log_user_message` in libaudit's audit_logging.c).
pub(super) const APPENDED: [&[u8]; 5] = [b"exe", b"hostname", b"addr", b"terminal", b"res"];

/// The fields of a record whose text isn't encoded.
pub(super) fn unescaped_in(kind: i32, text: &[u8]) -> &'static [Unescaped] {
    if is_usual(kind) {
        return &[];
    }
    let start = UNESCAPED.partition_point(|field| field.record_type < kind);
    let end = start + UNESCAPED[start..].iter().take_while(|field| field.record_type == kind).count();
    if start == end && is_message(kind) && memmem::find(text, b" msg='op=PAM:").is_some() {
        return &APPENDED_BY_PAM;
    }
    &UNESCAPED[start..end]
}

/// True for records of system calls whose values the kernel encodes, except for labels.
pub(super) fn is_usual(kind: i32) -> bool {
    matches!(kind, record_type::SYSCALL..=record_type::MMAP | record_type::PROCTITLE | record_type::OPENAT2)
        && !matches!(kind, record_type::OBJ_PID | record_type::CONFIG_CHANGE)
}

/// True for records that the kernel alone writes. It refuses to take these types from programs (`audit_netlink_ok` in its
/// audit.c).
pub(super) fn is_of_kernel(kind: i32) -> bool {
    matches!(kind, 1300..=2099)
}

/// Where the message of a program begins (`msg='…'`).
pub(super) fn message_start(text: &[u8]) -> Option<usize> {
    memmem::find(text, b" msg='").map(|at| at + b" msg='".len())
}

/// True for messages of programs. Their text comes from user space, in `msg='…'` (`<linux/audit.h>`).
pub(super) fn is_message(kind: i32) -> bool {
    matches!(kind, record_type::USER | 1100..=1199 | 2100..=2999)
}

/// The end of a value that begins at `start`, if it is one of these fields.
pub(super) fn end_of_unescaped(fields: &[Unescaped], name: &[u8], text: &[u8], start: usize) -> Option<usize> {
    let field = fields.iter().find(|field| field.name == name)?;
    let rest = text.get(start..)?;
    let last = |marks: &[&[u8]]| marks.iter().filter_map(|mark| memmem::rfind(rest, mark)).max();
    let end = match field.end {
        End::Before(marks) => last(marks)?,
        End::Gdm => last(&[b" exe="]).filter(|end| is_of_gdm(&text[..start], &rest[*end..]))?,
        End::Quote(marks) => last(marks).filter(|_| matches!(rest, [b'"' | b'\'', ..]))? + 1,
        End::Table => {
            let family = last(&[b" family="])?;
            let label = memmem::find(&rest[..family], b" subj=");
            let is_in_label = label.is_some_and(|label| memmem::find(&rest[label..family], b"//").is_some());
            if is_in_label { last(&[b" comm="])? } else { family }
        }
        End::Host => match memmem::find_iter(rest, b" addr=").count() {
            0 | 1 => last(&[b" addr="])?,
            _ => last(&[b" res="])?,
        },
        End::LastQuote => memrchr(b'"', rest)? + 1,
        End::Systemd => {
            let message = message_start(text).filter(|at| text[*at..].starts_with(b"avc:"))?;
            end_of_systemd(rest, start.checked_sub(message)?)?
        }
    };
    // A colon between two fields is no part of a value.
    let end = rest[..end].strip_suffix(b" :").map_or(end, <[u8]>::len);
    (end > 0).then_some(start + end)
}

/// True if the writer of this field encodes it never, though other writers do: what looks like hex is text.
pub(super) fn is_never_encoded(fields: &[Unescaped], name: &[u8]) -> bool {
    fields.iter().any(|field| field.name == name && matches!(field.end, End::Gdm))
}

/// True for a name in a message of gdm. It is the first value of the message.
fn is_of_gdm(before: &[u8], behind: &[u8]) -> bool {
    before.ends_with(b" msg='acct=") && memmem::find(behind, b"gdm").is_some()
}

/// The number of a record type by its record's text, if libaudit doesn't know it. A daemon with a newer libaudit names
/// the type, and one with the same writes `UNKNOWN[1338]`.
pub(super) fn number_of_unknown(text: &[u8]) -> i32 {
    let name = memmem::find(text, b"type=").map_or(text, |at| &text[at + 5..]);
    let name = &name[..memchr(b' ', name).unwrap_or(name.len())];
    match name {
        b"DM_CTRL" => record_type::DM_CTRL,
        b"DM_EVENT" => record_type::DM_EVENT,
        b"MAC_TASK_CONTEXTS" => record_type::MAC_TASK_CONTEXTS,
        b"MAC_OBJ_CONTEXTS" => record_type::MAC_OBJ_CONTEXTS,
        _ => {
            let number = name.strip_prefix(b"UNKNOWN[").and_then(|rest| rest.strip_suffix(b"]"));
            number.and_then(|number| str::from_utf8(number).ok()?.parse().ok()).unwrap_or(0)
        }
    }
}

/// The most bytes of a message that libselinux keeps (`AVC_LOG_BUFSIZE` in its avc.c, without the NUL).
const LIBSELINUX_MOST: usize = 1023;

/// The end of a value that systemd put in quotes. After it stand a further value of the caller (`cmdline`), the name of
/// a function of systemd (not in old versions), and the contexts:
/// `path="…" cmdline="…" function="…" scontext=` (`audit_callback` in systemd's selinux-access.c). `before` is the
/// length of the message before the value.
fn end_of_systemd(rest: &[u8], before: usize) -> Option<usize> {
    let inside = rest.strip_prefix(b"\"")?;
    // The caller can make its text so long that libselinux cuts off what follows, the quote included.
    if let Some(exe) = memmem::rfind(inside, b" exe=\"")
        && before + 1 + exe >= LIBSELINUX_MOST
    {
        return Some(1 + inside[..exe].trim_ascii_end().len());
    }
    let last = memmem::rfind(inside, b"\" scontext=")?;
    let function = memrchr(b'"', &inside[..last]).filter(|open| {
        let name = &inside[open + 1..last];
        inside[..=*open].ends_with(b"\" function=\"") && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    });
    let end = function.map_or(last, |open| open + 1 - b"\" function=\"".len());
    let end = memmem::find(&inside[..end], b"\" cmdline=\"").unwrap_or(end);
    Some(1 + end + 1)
}

/// The end of a label in a record of all labels of a process or an object (`subj_apparmor`).
pub(super) fn end_of_one_label(kind: i32, text: &[u8], start: usize) -> Option<usize> {
    if !matches!(kind, record_type::MAC_TASK_CONTEXTS | record_type::MAC_OBJ_CONTEXTS) {
        return None;
    }
    let rest = text.get(start..)?;
    let next = [&b" subj_"[..], b" obj_"].into_iter().filter_map(|mark| memmem::rfind(rest, mark)).max();
    Some(next.map_or(text.len(), |next| start + next))
}

/// The end of a label that a security module gave a process (`subj`). AppArmor's labels have the path of the program in
/// them, if it complains only. `None` if the label is one word, or if nobody knows what follows it.
pub(super) fn end_of_label(kind: i32, text: &[u8], start: usize) -> Option<usize> {
    let rest = text.get(start..)?;
    let word = memchr(b' ', rest)?;
    let end = match kind {
        record_type::SYSCALL | record_type::URINGOP => memmem::rfind(rest, b" key="),
        record_type::SECCOMP | record_type::ANOM_ABEND => memmem::rfind(rest, b" pid="),
        record_type::LOGIN => memmem::rfind(rest, b" old-auid="),
        record_type::NETFILTER_CFG | record_type::EVENT_LISTENER => memmem::rfind(rest, b" comm="),
        record_type::FEATURE_CHANGE => memmem::rfind(rest, b" feature="),
        record_type::DM_CTRL => memmem::rfind(rest, b" dev="),
        // Old kernels wrote words after the label.
        record_type::CONFIG_CHANGE if memmem::find(&rest[..word], b"//").is_none() => None,
        record_type::CONFIG_CHANGE if memmem::find(text, b"): op=").is_some() => memmem::rfind(rest, b" res="),
        record_type::CONFIG_CHANGE => memmem::rfind(rest, b" op=").or_else(|| memmem::rfind(rest, b" res=")),
        // Any user may write this record, in a network namespace of his own.
        record_type::MAC_IPSEC_EVENT => {
            let marks = [&b" sec_alg="[..], b" src=", b" res="];
            marks.into_iter().find_map(|mark| memmem::rfind(rest, mark))
        }
        record_type::ANOM_LINK | record_type::ANOM_CREAT | 1200..=1299 => memmem::rfind(rest, b" res="),
        1800..=1899 => memmem::rfind(rest, b" op="),
        // The message is less to be trusted than the label.
        _ if is_message(kind) => memmem::find(rest, b" msg='").or_else(|| memmem::rfind(rest, b" data=")),
        _ => None,
    };
    end.filter(|end| *end > word).map(|end| start + end)
}

/// The end of a quoted value that begins at `start`. `None` if no quote closes it: then the value isn't quoted, and only
/// begins with a quote.
///
/// The kernel encodes text that has a quote in it, so the first quote closes the value. Programs may forget that
/// (`is_message`). In their messages the first quote that the next field, or the end, follows closes the value.
pub(super) fn end_of_quoted(text: &[u8], start: usize, is_message: bool) -> Option<usize> {
    let quote = *text.get(start).filter(|quote| matches!(quote, b'"' | b'\''))?;
    let next = |from: usize| Some(from + memchr(quote, text.get(from..)?)? + 1);
    let first = next(start + 1)?;
    if !is_message {
        return ends_word(&text[first..]).then_some(first);
    }
    let mut end = first;
    loop {
        if begins_field(&text[end..]) {
            return Some(end);
        }
        match next(end) {
            // A quote after an equals sign opens another value.
            Some(later) if text[later - 2] != b'=' => end = later,
            _ => return ends_word(&text[first..]).then_some(first),
        }
    }
}

/// True when a word that stands before this text has ended.
fn ends_word(rest: &[u8]) -> bool {
    matches!(rest, [] | [b' ' | b',' | b')' | b'\'', ..])
}

/// True when this text is at the end of a record or its message, or when the next thing in it is `name=`.
fn begins_field(rest: &[u8]) -> bool {
    let punctuation = rest.iter().take_while(|b| matches!(b, b' ' | b',' | b':' | b'(' | b')')).count();
    match &rest[punctuation..] {
        [] | b"'" => true,
        name => {
            let len = name.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
            punctuation > 0 && len > 0 && name.get(len) == Some(&b'=')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str, is_message: bool) -> Option<&str> {
        end_of_quoted(text.as_bytes(), 0, is_message).map(|end| &text[..end])
    }

    fn unescaped(kind: i32, name: &str, text: impl AsRef<str>) -> Option<String> {
        let text = text.as_ref();
        let end = end_of_unescaped(unescaped_in(kind, text.as_bytes()), name.as_bytes(), text.as_bytes(), 0)?;
        Some(text[..end].to_string())
    }

    #[test]
    fn a_quote_of_the_kernel_closes_at_once() {
        assert_eq!(quoted(r#""a b=c" d=e"#, false), Some(r#""a b=c""#));
        assert_eq!(quoted(r#""" d="x""#, false), Some(r#""""#));
        assert_eq!(quoted("'a b=c' d=e", false), Some("'a b=c'"));
        assert_eq!(quoted(r#""a b=c""#, false), Some(r#""a b=c""#));
        // An interface may be named with a quote.
        for open in [r#""x prom=256 comm="cat" uid=0"#, r#"" prom=256 comm="cat" a="""#, r#""x prom=256"#, r#"""#, "'"]
        {
            assert_eq!(quoted(open, false), None, "{open}");
        }
    }

    #[test]
    fn a_quote_of_a_program_closes_before_the_next_field() {
        assert_eq!(quoted(r#""say "hi" to" x=1"#, true), Some(r#""say "hi" to""#));
        assert_eq!(quoted(r#""say "hi" a=b" x=1"#, true), Some(r#""say "hi""#), "nobody can tell");
        assert_eq!(quoted(r#""a b=c" (d=e"#, true), Some(r#""a b=c""#));
        assert_eq!(quoted(r#""a b=c" : d=e"#, true), Some(r#""a b=c""#));
        assert_eq!(quoted(r#""a b=c" d="e""#, true), Some(r#""a b=c""#));
        assert_eq!(quoted(r#""a b=c" and words d="e" f=1"#, true), Some(r#""a b=c""#));
        assert_eq!(quoted(r#""a b=c"'"#, true), Some(r#""a b=c""#));
        assert_eq!(quoted("'a b=c''", true), Some("'a b=c'"));
        assert_eq!(quoted(r#""a"b=c" d=e"#, true), Some(r#""a"b=c""#));
        assert_eq!(quoted(r#""x terminal=ssh res=failed'"#, true), None);
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(UNESCAPED.is_sorted_by_key(|field| field.record_type));
        for field in &UNESCAPED {
            assert!(unescaped_in(field.record_type, b"").iter().any(|found| found.name == field.name), "{field:?}");
        }
    }

    #[test]
    fn labels_end_before_the_kernels_next_field() {
        let label = |kind, text: &str| end_of_label(kind, text.as_bytes(), 0).map(|end| text[..end].to_string());
        let hostile = "P//null-/tmp/a exe=/x key=y uid=0";
        for (kind, next) in [
            (record_type::SYSCALL, r#"key="k""#),
            (record_type::SECCOMP, r#"pid=1 comm="x" sig=31"#),
            (record_type::LOGIN, "old-auid=1 auid=2"),
            (record_type::USER_AVC, "msg='op=a subj=b msg='c'"),
            (1800, "op=appraise_data cause=x"),
            (record_type::CONFIG_CHANGE, "op=add_rule key=(null) list=4 res=1"),
            (record_type::CONFIG_CHANGE, "res=1"),
            (record_type::ANOM_LINK, "res=0"),
            (record_type::DM_CTRL, "dev=254:1 error_msg='success' res=1"),
        ] {
            assert_eq!(label(kind, &format!("{hostile} {next}")).as_deref(), Some(hostile), "{kind}");
            assert_eq!(label(kind, &format!("a:b:c {next}")), None, "one word is one word: {kind}");
        }
        assert_eq!(label(record_type::SYSCALL, "a:b:c"), None);
        assert_eq!(label(record_type::PATH, "a b=c"), None);
    }

    #[test]
    fn text_of_systemd_ends_before_the_contexts() {
        let of = |name: &str, value: String| {
            let before = format!("pid=1 msg='avc:  denied  {{ x }} for {name}=");
            let text = format!("{before}{value}");
            let fields = unescaped_in(record_type::USER_AVC, b"");
            let end = end_of_unescaped(fields, name.as_bytes(), text.as_bytes(), before.len())?;
            Some(text[before.len()..end].to_string())
        };
        let cmdline = |text: String| of("cmdline", text);
        let tail = r#" function="bus" scontext=a:b tcontext=c:d tclass=system  exe="/x" sauid=0"#;
        for text in [r#""ls""#, r#""a" b" exe=/bin/true""#, r#""x" function="f" scontext=q tclass=y" z""#, r#""""#] {
            assert_eq!(cmdline(format!("{text}{tail}")).as_deref(), Some(text));
            let of_old_versions = format!("{text} scontext=a:b tclass=system");
            assert_eq!(cmdline(of_old_versions).as_deref(), Some(text));
        }
        let path = |text: String| of("path", text);
        let both = format!(r#""/a b=c" d" cmdline="x y=z"{tail}"#);
        assert_eq!(path(both).as_deref(), Some(r#""/a b=c" d""#));
        assert_eq!(path(format!(r#""/a b=c"{tail}"#)).as_deref(), Some(r#""/a b=c""#));
        // libselinux cuts a long message off.
        let cut = format!(r#""{}" scontext=a:b tclass=c"#, "x".repeat(1000));
        assert_eq!(cmdline(format!(r#"{cut} exe="/x" sauid=0"#)).as_deref(), Some(&*cut));
        assert_eq!(cmdline(r#"ls function="bus" scontext=a"#.into()), None, "not in quotes");
        assert_eq!(cmdline(r#""ls" tclass=a"#.into()), None, "no contexts");
        let of_dbus = r#""/x" label="a" scontext=b""#;
        assert_eq!(unescaped(record_type::USER_AVC, "path", of_dbus), None, "not of systemd");
    }

    #[test]
    fn text_that_is_not_encoded_ends_before_its_writers_next_field() {
        let table = "x family=2 entries=0 op=no res=1:7";
        let text = format!("{table} family=10 pid=1");
        assert_eq!(unescaped(record_type::NETFILTER_CFG, "table", text).as_deref(), Some(table));
        assert_eq!(unescaped(record_type::NETFILTER_CFG, "op", "a family=10"), None);
        let group = "a res=success acct=\"root\"";
        for next in ["acct=\"erin\" exe=\"/x\"", "id=1000 exe=\"/x\""] {
            let text = format!("{group} {next}");
            assert_eq!(unescaped(record_type::CHGRP_ID, "new-group", text).as_deref(), Some(group));
        }
        let hostile = "h exe=\"/y\" uid=0";
        let text = format!("{hostile} addr=? terminal=ssh res=failed'");
        let fields = unescaped_in(1100, b"pid=1 msg='op=PAM:authentication hostname=");
        assert_eq!(end_of_unescaped(fields, b"hostname", text.as_bytes(), 0), Some(hostile.len()));
        let text = "'Couldn't get it' x=1' res=1";
        assert_eq!(unescaped(record_type::DM_CTRL, "error_msg", text).as_deref(), Some("'Couldn't get it' x=1'"));
        assert_eq!(unescaped(record_type::AVC, "execpath", "\"/a\" b=\"c\"").as_deref(), Some("\"/a\" b=\"c\""));
        let text = " msg='acct=a b : exe=\"/gdm\"";
        let login = |text: &str, start| {
            let end = end_of_unescaped(unescaped_in(record_type::USER_LOGIN, b""), b"acct", text.as_bytes(), start);
            end.map(|end| text[start..end].to_string())
        };
        assert_eq!(login(text, 11).as_deref(), Some("a b"));
        assert_eq!(login(" msg='op=x acct=61 id=1 exe=\"/gdm\"", 16), None, "libaudit encodes it");
        assert_eq!(number_of_unknown(b"node=n type=DM_EVENT msg="), record_type::DM_EVENT);
        assert_eq!(number_of_unknown(b"type=UNKNOWN[1338] msg="), record_type::DM_CTRL);
        assert_eq!((number_of_unknown(b"type=UNKNOWN[x] "), number_of_unknown(b"")), (0, 0));
        let text = "a exe=/b c exe=\"/x\" res=1";
        assert_eq!(unescaped(record_type::USER, "text", text).as_deref(), Some("a exe=/b c"));
        assert_eq!(unescaped(record_type::SYSCALL, "cmdline", "\"a\" scontext="), None);
        assert_eq!(unescaped(record_type::USER, "text", "cut short"), None);
    }
}
