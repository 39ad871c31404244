//! The keys of a filter. Filters decide which events are kept.

use super::{
    conditions::{Endpoint, Numbers, Pattern, RecordType, SyscallPattern, exe, path},
    key::{About, Dialect, Key, Shown, Wrong, one, put, put_some, read, show as show_keys, some},
    show,
    validator::{SectionValues, Validator},
    values,
};
use std::fmt;

/// A filter: its conditions, and its action for matching events. All conditions must match. A list matches if one entry
/// does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Its name in messages and metrics.
    pub name: String,
    /// The line in the configuration where its section begins.
    pub line: usize,
    /// The action for events that match.
    pub action: Action,
    /// System calls.
    pub syscalls: Vec<SyscallPattern>,
    /// Types of records.
    pub record_types: Vec<RecordType>,
    /// Rule keys.
    pub keys: Vec<String>,
    /// Whether events without a rule key match.
    pub no_key: bool,
    /// User ids.
    pub uids: Vec<Numbers>,
    /// Login ids.
    pub auids: Vec<Numbers>,
    /// Names of users.
    pub users: Vec<String>,
    /// Programs: a path, or the beginning of one with a `*` after it.
    pub exes: Vec<String>,
    /// Files, or directories with everything in them: absolute, without `.`, `..` and a slash at the end.
    pub paths: Vec<String>,
    /// Socket addresses.
    pub endpoints: Vec<Endpoint>,
    /// Ports of socket addresses.
    pub ports: Vec<Numbers>,
    /// A pattern for the text of the records.
    pub regex: Option<Pattern>,
}

/// The action for an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// No output gets it.
    #[default]
    Drop,
    /// All outputs get it. Later filters aren't asked.
    Keep,
}

impl Filter {
    /// True if both filters are the same except for their lines.
    pub fn is_as(&self, other: &Self) -> bool {
        Self { line: other.line, ..self.clone() } == *other
    }

    /// True if it has no condition, so that it would match every event.
    fn is_without_condition(&self) -> bool {
        let Self { name, line, action, .. } = self.clone();
        *self == Self { name, line, action, ..Self::default() }
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "\n[filter:{}]", self.name)?;
        show_keys(KEYS, self, f)
    }

    /// Reads a filter. `faults` is the number of faults before its section.
    pub(super) fn read(
        given: &mut SectionValues,
        name: &str,
        line: usize,
        faults: usize,
        validator: &mut Validator,
    ) -> Self {
        let no_key_line = given.line("no_key");
        let mut filter = Self { name: name.to_string(), line, ..Self::default() };
        read(KEYS, &mut filter, given, Dialect::Auship, validator);
        if let Some(line) = no_key_line.filter(|_| filter.no_key && !filter.keys.is_empty()) {
            validator.fault(line, given.section, "no_key", "can't be used together with key: no event matches both");
        }
        if validator.faults.len() == faults && filter.is_without_condition() {
            let what = "has no condition; to match every event, write regex = ^";
            validator.fault(line, given.section, "", what);
        }
        filter
    }
}

/// Reads a list: entries separated by commas.
fn list<T>(place: &mut Vec<T>, text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<(), Wrong> {
    let mut wrong = Vec::new();
    for entry in text.split(',').map(str::trim) {
        match if entry.is_empty() { Err("has an empty entry".to_string()) } else { read(entry) } {
            Ok(entry) => place.push(entry),
            Err(what) => wrong.push(what),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Wrong::Many(wrong)) }
}

fn text(text: &str) -> Result<String, String> {
    Ok(text.to_string())
}

/// A list to be shown, unless it is empty.
fn listed(entries: &[impl fmt::Display]) -> Shown {
    let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
    if entries.is_empty() { Shown::new() } else { one(show::text(&entries.join(", "))) }
}

/// The keys of a filter.
pub(super) static KEYS: &[Key<Filter>] = &[
    Key {
        about: About {
            name: "action",
            value: "**drop** | **keep**",
            default: "drop",
            doc: "**drop**: no output gets the event. **keep**: all outputs get the event, and later filters aren't \
                  asked.",
            ..About::NONE
        },
        set: |filter, value| {
            let action = match value.text {
                "drop" => Ok(Action::Drop),
                "keep" => Ok(Action::Keep),
                _ => Err("drop or keep"),
            };
            put(&mut filter.action, action)
        },
        show: |filter| one(if filter.action == Action::Drop { "drop" } else { "keep" }),
    },
    Key {
        about: About {
            name: "syscall",
            value: "*LIST*",
            example: "openat, 257",
            doc: "System calls, by name or number.",
            more: "A name matches the system call of that name on every architecture. `connect` also matches a \
                   *socketcall* that connects. A number is compared with the number in the record. A name that \
                   libaudit doesn't know on any architecture is a fault.",
            ..About::NONE
        },
        set: |filter, value| list(&mut filter.syscalls, value.text, SyscallPattern::read),
        show: |filter| listed(&filter.syscalls),
    },
    Key {
        about: About {
            name: "record_type",
            value: "*LIST*",
            example: "SYSCALL, 1302",
            doc: "Types of records, by name or number. An event matches if it has a record of one of these types.",
            ..About::NONE
        },
        set: |filter, value| list(&mut filter.record_types, value.text, RecordType::read),
        show: |filter| listed(&filter.record_types),
    },
    Key {
        about: About {
            name: "key",
            value: "*LIST*",
            example: "noisy, very noisy",
            doc: "Whole rule keys (auditctl -k). An event with several keys matches if one of them is in the list.",
            ..About::NONE
        },
        set: |filter, value| list(&mut filter.keys, value.text, text),
        show: |filter| listed(&filter.keys),
    },
    Key {
        about: About {
            name: "no_key",
            value: "*YES-OR-NO*",
            default: "no",
            doc: "**yes** matches events of system calls, or of io_uring requests, that have no rule key.",
            more: "Logins and other messages of programs never have a rule key. They don't match.",
            ..About::NONE
        },
        set: |filter, value| put(&mut filter.no_key, values::yes(value.text)),
        show: |filter| some(filter.no_key.then_some("yes")),
    },
    Key {
        about: About {
            name: "uid",
            value: "*LIST*",
            example: "0, 1000-1999",
            doc: "User ids: numbers, and ranges as in `1000-1999`. **unset** is 4294967295.",
            ..About::NONE
        },
        set: |filter, value| list(&mut filter.uids, value.text, Numbers::ids),
        show: |filter| listed(&filter.uids),
    },
    Key {
        about: About {
            name: "auid",
            value: "*LIST*",
            example: "unset",
            doc: "Login ids: numbers, and ranges as in `1000-1999`. **unset** is 4294967295.",
            ..About::NONE
        },
        set: |filter, value| list(&mut filter.auids, value.text, Numbers::ids),
        show: |filter| listed(&filter.auids),
    },
    Key {
        about: About {
            name: "user",
            value: "*LIST*",
            example: "backup",
            doc: "Names of the user whose id is *uid*. The name is the one that auditd wrote in an ENRICHED log, or \
                  the one on this machine.",
            more: "The ids of other hosts have no name here, unless **resolve_ids** says otherwise.",
            ..About::NONE
        },
        set: |filter, value| list(&mut filter.users, value.text, text),
        show: |filter| listed(&filter.users),
    },
    Key {
        about: About {
            name: "exe",
            value: "*LIST*",
            example: "/usr/bin/rsync, /opt/backup/*",
            doc: "Programs: a whole path, or the beginning of a path with a `*` after it.",
            ..About::NONE
        },
        set: |filter, value| list(&mut filter.exes, value.text, exe),
        show: |filter| listed(&filter.exes),
    },
    Key {
        about: About {
            name: "path",
            value: "*LIST*",
            example: "/var/cache, /tmp",
            doc: "Absolute paths of files, and of directories with everything in them. An event with several files \
                  matches if one of them does.",
            more: "`/etc` also matches `/etc/passwd`, but not `/etcetera`. Paths are compared with the names in PATH \
                   records. A rename has two paths: put a `keep` filter for important paths before a filter that drops \
                   by path. A relative name begins at the event's CWD. `.` and `..` are resolved, symbolic links are \
                   not. In a chroot, names are relative to the root of the process. A relative name never matches if \
                   the records don't show the directory where it begins: with an open directory (**openat** and \
                   similar calls without AT_FDCWD), in an io_uring, or with a system call that libaudit doesn't know.",
            ..About::NONE
        },
        set: |filter, value| list(&mut filter.paths, value.text, path),
        show: |filter| listed(&filter.paths),
    },
    Key {
        about: About {
            name: "address",
            value: "*LIST*",
            example: "127.0.0.0/8, ::1, 192.0.2.1:443, [2001:db8::]/32:8000-8099",
            doc: "Socket addresses: addresses and networks, with or without ports.",
            more: "They are compared with SOCKADDR records: `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`. A port or a \
                   range of ports may follow. IPv6 then needs brackets: `10.0.0.0/8:443`, `[2001:db8::1]:443`, \
                   `[2001:db8::]/32:8000-8099`. An IPv4 address also matches when it is written as an IPv6 address \
                   (`::ffff:192.0.2.1`). The field *addr* in messages of programs, such as logins, isn't compared.",
            ..About::NONE
        },
        set: |filter, value| list(&mut filter.endpoints, value.text, Endpoint::read),
        show: |filter| listed(&filter.endpoints),
    },
    Key {
        about: About {
            name: "port",
            value: "*LIST*",
            example: "53, 33434-33534",
            doc: "Ports of socket addresses, and ranges as in `6000-6063`. If **address** is also set, the same record \
                  must match both.",
            ..About::NONE
        },
        set: |filter, value| list(&mut filter.ports, value.text, Numbers::ports),
        show: |filter| listed(&filter.ports),
    },
    Key {
        about: About {
            name: "regex",
            value: "*PATTERN*",
            example: "success=yes .* comm=\"rsync\"",
            doc: "A regular expression in the syntax of RE2. With **record_type** it is matched against each record of \
                  these types. Otherwise, with **syscall**, it is matched against each record. Without both, it is \
                  matched against all records of the event, joined with spaces.",
            more: "The syntax is that of the Rust crate *regex* for bytes. `.` is any byte except a newline. `\\w`, \
                   `\\d`, `\\s`, `\\b` and `(?i)` mean ASCII. Other letters are allowed outside of brackets only. The \
                   pattern matches anywhere in the text, unless it has `^` or `$`. The text of a record is everything \
                   after its head `audit(…): `, as recorded, without the fields that auditd appends in an ENRICHED \
                   log. The EOE record at the end of an event has no text. It is matched only if **record_type** names \
                   it. `regex = ^` matches every event.",
            ..About::NONE
        },
        set: |filter, value| {
            let pattern = Pattern::new(value.text);
            put_some(
                &mut filter.regex,
                pattern.map_err(|why| format!("{:?} is no regular expression: {why}", value.text)),
            )
        },
        show: |filter| listed(filter.regex.as_slice()),
    },
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Fault, parse};
    use std::path::Path;

    fn read(keys: &str) -> Result<Filter, Vec<String>> {
        let text = format!("[output:o]\ntype = stdout\n[filter:f]\n{keys}\n");
        let config = parse(Path::new("x"), &text);
        let mut config = config.map_err(|f| f.0.iter().map(Fault::to_string).collect::<Vec<_>>())?;
        let shown = config.to_string();
        let again = parse(Path::new("x"), &shown).unwrap_or_else(|faults| unreachable!("{faults}\n{shown}"));
        assert!(again.filters[0].is_as(&config.filters[0]), "{shown}");
        assert_eq!(again.to_string(), shown);
        Ok(config.filters.remove(0))
    }

    fn fault(keys: &str) -> String {
        read(keys).unwrap_err().join("\n")
    }

    #[test]
    fn every_key_reads_back_as_it_is_shown() {
        let filter = read(
            "action = keep\nsyscall = Execve, 59\nrecord_type = path, 1300, UNKNOWN[1420]\nkey = a b, c;d\n\
             uid = 0, 1000-1999, unset\nauid = -1\nuser = root, EXAMPLE\\joe\nexe = /bin/sh, /usr/lib/*\n\
             path = /etc/, /tmp/../var//log/.\naddress = 10.0.0.0/8, [2001:db8::]/32:1-9, ::1,[::1]:443,1.2.3.4:5\n\
             port = 443, 6000-6063\nregex = \"a \"b\"; #c \"",
        )
        .unwrap();
        assert_eq!(filter.action, Action::Keep);
        assert_eq!(filter.syscalls, [SyscallPattern::Name("execve".into()), SyscallPattern::Number(59)]);
        assert_eq!(filter.record_types.iter().map(|t| t.number).collect::<Vec<_>>(), [1302, 1300, 1420]);
        assert_eq!(filter.paths, ["/etc", "/var/log"]);
        assert_eq!(filter.keys, ["a b", "c;d"]);
        let shown: Vec<String> = filter.endpoints.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/8", "[2001:db8::]/32:1-9", "::1", "[::1]:443", "1.2.3.4:5"]);
        assert_eq!(filter.regex.unwrap().to_string(), "a \"b\"; #c ");
        for regex in ["\" x\"", "\"; x\"", "a;b#c", "\"\"quoted\"\"", "a\\\"b", "^", "\\x00|[^ ]+$", "é"] {
            read(&format!("regex = {regex}")).unwrap();
        }
        read("key = \"a, ;b, #c\", d\"").unwrap();
        assert!(read("no_key = yes").unwrap().no_key);
    }

    #[test]
    fn faults_say_what_is_allowed() {
        let place = "x:4: [filter:f] ";
        for (keys, key, what) in [
            ("syscall = execvee", "syscall", "\"execvee\" is no system call"),
            ("syscall = execve,", "syscall", "has an empty entry"),
            ("record_type = PAHT", "record_type", "\"PAHT\" is no record type"),
            ("record_type = 0", "record_type", "\"0\" is no record type"),
            ("uid = root", "uid", "\"root\" must be a number, a range as in 1000-1999, or unset"),
            ("uid = 9-1", "uid", "\"9-1\" must be"),
            ("uid = +1", "uid", "\"+1\" must be"),
            ("auid = 4294967296", "auid", "\"4294967296\" must be"),
            ("port = 65536", "port", "must be a port from 0 to 65535"),
            ("exe = sh", "exe", "must be an absolute path"),
            ("exe = /bin/*/x", "exe", "a * before its end"),
            ("path = etc", "path", "must be an absolute path"),
            ("address = example.com", "address", "must be an address or a network"),
            ("address = 10.0.0.0/33", "address", "a whole number from 0 to 32 after its slash"),
            ("address = ::/129", "address", "a whole number from 0 to 128"),
            ("address = ::/", "address", "a whole number from 0 to 128"),
            ("address = 10.1.2.3/8", "address", "is 10.0.0.0/8 meant?"),
            ("address = 10.0.0.1:99999", "address", "\"99999\" must be a port"),
            ("address = [::1", "address", "must be an address"),
            ("address = [::1]443", "address", "must be an address"),
            ("address = [10.0.0.1]:443", "address", "must be an address"),
            ("regex = a(", "regex", "\"a(\" is no regular expression: unclosed group"),
            ("regex = [é]", "regex", "is no regular expression: "),
            ("regex = (((a{1000}){1000}){1000})", "regex", "size limit"),
            ("key = x\nno_key = yes", "no_key", "can't be used together with key"),
            ("action = maybe\nuid = 1", "action", "is \"maybe\", must be drop or keep"),
            ("kye = x", "kye", "unknown key; did you mean key?"),
        ] {
            let said = fault(keys);
            assert!(said.lines().count() == 1, "{said}");
            let line = if key == "no_key" { place.replace('4', "5") } else { place.to_string() };
            assert!(said.starts_with(&format!("{line}{key}: ")) && said.contains(what), "{said}");
        }
        for empty in ["", "action = keep", "no_key = no", "uid ="] {
            assert_eq!(fault(empty), "x:3: [filter:f]: has no condition; to match every event, write regex = ^");
        }
        assert!(fault("uid = 1\n[filter:f]\nuid = 2").contains("x:5: [filter:f]: there is a filter of that name"));
        assert!(fault("uid = 1\n[filter:a b]\nuid = 2").contains("a filter's name must be of letters"));
    }
}
