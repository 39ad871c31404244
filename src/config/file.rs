//! The keys of a file output.

use super::{
    key::{About, Dialect, Key, Value, Wrong, none, one, put_some, read, show as show_keys, some},
    show,
    validator::{STDOUT, SectionValues, Validator, file_in_directory},
    values,
};
use nix::unistd::{Group, User};
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// A file that lines are appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub path: PathBuf,
    /// The permissions of a new file.
    pub mode: u32,
    /// The owner of a new file. `None`: the user of the process.
    pub owner: Option<Id>,
    /// The group of a new file. `None`: the group of the process.
    pub group: Option<Id>,
    /// The rotation, if the file is rotated.
    pub rotate: Option<Rotate>,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    /// The name or number in the configuration.
    pub name: String,
    /// The number.
    pub number: u32,
}

/// The settings of rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotate {
    /// The size that the file must not exceed, in bytes.
    pub size: Option<u64>,
    /// The age at which the file is rotated.
    pub every: Option<Duration>,
    /// The number of old files to keep.
    pub keep: usize,
}

impl File {
    /// A file with mode 0600 that is never rotated.
    pub fn new(path: PathBuf) -> Self {
        Self { path, mode: 0o600, owner: None, group: None, rotate: None }
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        show_keys(PATH_KEYS, self, f)?;
        show_keys(KEYS, self, f)
    }
}

fn mode(text: &str) -> Result<u32, values::Expected> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| digits && *mode <= 0o777);
    mode.ok_or("permissions in octal from 000 to 777, as in 0640")
}

/// A user or group, from a number, or from a name that `find` looks up.
fn id(text: &str, kind: &str, find: impl Fn(&str) -> nix::Result<Option<u32>>) -> Result<Id, String> {
    let number = match text.parse() {
        // For chown(2) this number means no change.
        Ok(u32::MAX) => return Err(format!("is no {kind}'s number")),
        Ok(number) => number,
        Err(_) => match find(text) {
            Ok(Some(number)) => number,
            Ok(None) => return Err(format!("there is no {kind} {text}; create it, or give a number")),
            Err(e) => return Err(format!("can't look up {kind} {text}: {e}")),
        },
    };
    Ok(Id { name: text.to_string(), number })
}

/// The values of a file output's keys while they are read.
#[derive(Default)]
pub(super) struct Draft {
    path: Option<PathBuf>,
    mode: Option<u32>,
    owner: Option<Id>,
    group: Option<Id>,
    rotate_size: Option<u64>,
    rotate_every: Option<Duration>,
    rotate_keep: Option<usize>,
}

/// True for a path that means standard output.
fn is_stdout(path: &Path) -> bool {
    matches!(path.to_str(), Some(STDOUT | "/dev/stdout"))
}

fn set_path(draft: &mut Draft, value: &Value) -> Result<(), Wrong> {
    let path = PathBuf::from(value.text);
    if is_stdout(&path) {
        return put_some(&mut draft.path, Ok::<_, String>(path));
    }
    let or = if path.is_absolute() { "" } else { ", or - for standard output" };
    put_some(&mut draft.path, file_in_directory(value.text).map_err(|what| format!("{what}{or}")))
}

/// The key of the file's path.
pub(super) static PATH_KEYS: &[Key<Draft, File>] = &[Key {
    about: About {
        name: "path",
        value: "*PATH*",
        example: "/var/log/auship/auship.json",
        doc: "Required. The file to write: an absolute path in a directory that exists. */var/log/auship* is created if \
              it is missing. **-** is standard output.",
        more: "The file is appended to. It is opened again on SIGHUP, and when it was renamed or removed. If it can't \
               be written, **auship** reports this and tries again until it succeeds.",
        ..About::NONE
    },
    set: set_path,
    show: |file| one(show::path(&file.path)),
}];

/// The key of the file's path in audisp-json's configuration.
pub(super) static LEGACY_PATH_KEYS: &[Key<Draft, File>] = &[Key {
    about: About {
        name: "file_log",
        value: "*PATH*",
        example: "/var/log/auship/auship.json",
        doc: "Defines an output of type **file** that writes one document a line to this path. **mozdef_url** is then \
              ignored. **-** is standard output.",
        more: "Keys of HTTP then have no effect, and aren't checked.",
        ..About::NONE
    },
    set: set_path,
    show: none,
}];

/// The keys of permissions and rotation.
pub(super) static KEYS: &[Key<Draft, File>] = &[
    Key {
        about: About {
            name: "mode",
            value: "*OCTAL*",
            default: "0600",
            doc: "The permissions of a new file. The umask has no effect.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.mode, mode(value.text)),
        show: |file| one(format!("{:04o}", file.mode)),
    },
    Key {
        about: About {
            name: "owner",
            value: "*USER*",
            default: "the user of the process",
            example: "root",
            doc: "The owner of a new file: a name or a number. An existing file keeps its owner.",
            ..About::NONE
        },
        set: |draft, value| {
            let find = |name: &str| Ok(User::from_name(name)?.map(|user| user.uid.as_raw()));
            put_some(&mut draft.owner, id(value.text, "user", find))
        },
        show: |file| some(file.owner.as_ref().map(|id| show::text(&id.name))),
    },
    Key {
        about: About {
            name: "group",
            value: "*GROUP*",
            default: "the group of the process",
            example: "adm",
            doc: "The group of a new file: a name or a number. An existing file keeps its group.",
            ..About::NONE
        },
        set: |draft, value| {
            let find = |name: &str| Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()));
            put_some(&mut draft.group, id(value.text, "group", find))
        },
        show: |file| some(file.group.as_ref().map(|id| show::text(&id.name))),
    },
    Key {
        about: About {
            name: "rotate_size",
            value: "*SIZE*",
            example: "100MiB",
            doc: "The file is rotated before it becomes larger than this. *PATH* is renamed to *PATH.1*, *PATH.1* to \
                  *PATH.2*, and so on.",
            more: "The file is rotated between two documents. A document larger than this gets its own file. If \
                   **path** is a symbolic link, it continues to point to the newest file. If renaming fails, \
                   **auship** reports this, continues to write the same file, and tries again after 10 seconds. \
                   **logrotate**(8) may be used instead, or in addition.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.rotate_size, values::size(value.text)),
        show: |file| some(file.rotate.and_then(|rotate| rotate.size).map(values::show_size)),
    },
    Key {
        about: About {
            name: "rotate_every",
            value: "*TIME*",
            example: "24h",
            doc: "The file is also rotated when it is as old as this. Its age counts from the first document written \
                  to it.",
            more: "After a restart of **auship** the age counts from the creation of the file, if the file system \
                   records that, or else from the last write. An empty file isn't rotated.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.rotate_every, values::time_above_0(value.text)),
        show: |file| some(file.rotate.and_then(|rotate| rotate.every).map(values::show_time)),
    },
    Key {
        about: About {
            name: "rotate_keep",
            value: "*NUMBER*",
            default: "5",
            doc: "The number of old files to keep, from 1 to 10000. Older ones are deleted. Needs **rotate_size** or \
                  **rotate_every**.",
            more: "Files with higher numbers, as after a larger **rotate_keep**, are not deleted.",
            ..About::NONE
        },
        set: |draft, value| {
            let number = values::count(value.text).ok().filter(|n| *n <= 10_000);
            put_some(&mut draft.rotate_keep, number.ok_or("a whole number from 1 to 10000"))
        },
        show: |file| some(file.rotate.map(|rotate| rotate.keep)),
    },
];

/// The destination of an output that writes lines.
pub(super) enum Lines {
    /// A file.
    File(File),
    /// Standard output.
    Stdout,
}

impl File {
    /// Reads the keys. `None` if the path is missing or wrong.
    pub(super) fn read(
        given: &mut SectionValues,
        line: usize,
        dialect: Dialect,
        validator: &mut Validator,
    ) -> Option<Lines> {
        let path_keys = if dialect == Dialect::AudispJson { LEGACY_PATH_KEYS } else { PATH_KEYS };
        let path_key = path_keys[0].about.name;
        let Some(at) = given.line(path_key) else {
            validator.fault(line, given.section, path_key, "is missing; name the file to write");
            return None;
        };
        let mut draft = Draft::default();
        read(path_keys, &mut draft, given, dialect, validator);
        if draft.path.as_deref().is_some_and(is_stdout) {
            validator.claim_path(at, given.section, path_key, STDOUT.as_ref());
            return Some(Lines::Stdout);
        }
        if let Some(path) = &draft.path {
            validator.claim_path(at, given.section, path_key, path);
        }
        let keep_line = given.line("rotate_keep");
        read(KEYS, &mut draft, given, dialect, validator);
        let (size, every) = (draft.rotate_size, draft.rotate_every);
        let rotate =
            (size.is_some() || every.is_some()).then(|| Rotate { size, every, keep: draft.rotate_keep.unwrap_or(5) });
        if let Some(line) = keep_line.filter(|_| rotate.is_none()) {
            validator.fault(line, given.section, "rotate_keep", "needs rotate_size or rotate_every too");
        }
        let file = Self::new(draft.path?);
        let mode = draft.mode.unwrap_or(file.mode);
        Some(Lines::File(Self { mode, owner: draft.owner, group: draft.group, rotate, ..file }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::config::parse;
    use std::path::Path;

    fn said(keys: &str) -> String {
        let text = format!("[output:f]\ntype = file\npath = /tmp/x\n{keys}");
        parse(Path::new("x"), &text).map_or_else(|faults| faults.to_string(), |config| config.to_string())
    }

    #[test]
    fn keys_of_a_file_are_read_and_shown() {
        assert!(said("").contains("path = /tmp/x\nmode = 0600\nformat"), "{}", said(""));
        let shown = said("mode = 640\nowner = root\ngroup = 0\nrotate_size = 1MiB\nrotate_every = 24h\n");
        let expected =
            "mode = 0640\nowner = root\ngroup = 0\nrotate_size = 1MiB\nrotate_every = 24h\nrotate_keep = 5\n";
        assert!(shown.contains(expected), "{shown}");
        assert_eq!(parse(Path::new("x"), &shown).unwrap().to_string(), shown);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (keys, what) in [
            ("mode = 0o640\n", "x:4: [output:f] mode: is \"0o640\", must be permissions in octal"),
            ("mode = 888\n", "mode:"),
            ("mode = 4755\n", "mode:"),
            ("owner = nobody-of-that-name\n", "x:4: [output:f] owner: there is no user nobody-of-that-name"),
            ("group = 4294967295\n", "x:4: [output:f] group: is no group's number"),
            ("rotate_keep = 3\n", "x:4: [output:f] rotate_keep: needs rotate_size or rotate_every too"),
            ("rotate_size = 1MiB\nrotate_keep = 0\n", "x:5: [output:f] rotate_keep: is \"0\", must be a whole number"),
            ("rotate_every = 0s\n", "rotate_every:"),
        ] {
            assert!(said(keys).contains(what), "{}", said(keys));
        }
    }
}
