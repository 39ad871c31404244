//! Keys of a file output.

use super::{
    Sink,
    alone::STDOUT,
    keys::SectionKind,
    show::Quoted,
    validator::{SectionValues, Validator, file_in_directory},
    values,
};
use nix::unistd::{Group, User};
use std::{fmt, path::PathBuf, time::Duration};

/// A file that lines are appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub path: PathBuf,
    /// Its permissions when it is made.
    pub mode: u32,
    /// Whom it is given to when it is made; the caller's otherwise.
    pub owner: Option<Id>,
    /// The group it is given to when it is made.
    pub group: Option<Id>,
    /// When it makes way for a new one, if ever.
    pub rotate: Option<Rotate>,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    /// As the configuration has it: a name or a number.
    pub name: String,
    /// The number.
    pub number: u32,
}

/// When a file makes way for a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotate {
    /// Before it would be larger than this, in bytes.
    pub size: Option<u64>,
    /// When it is as old as this.
    pub every: Option<Duration>,
    /// How many old ones there are at most.
    pub keep: usize,
}

impl File {
    /// A file for its owner alone, which never makes way.
    pub fn new(path: PathBuf) -> Self {
        Self { path, mode: 0o600, owner: None, group: None, rotate: None }
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "path = {}", Quoted::path(&self.path))?;
        writeln!(f, "mode = {:04o}", self.mode)?;
        for (key, id) in [("owner", &self.owner), ("group", &self.group)] {
            if let Some(id) = id {
                writeln!(f, "{key} = {}", Quoted::text(&id.name))?;
            }
        }
        let Some(Rotate { size, every, keep }) = self.rotate else { return Ok(()) };
        if let Some(size) = size {
            writeln!(f, "rotate_size = {}", values::show_size(size))?;
        }
        if let Some(every) = every {
            writeln!(f, "rotate_every = {}", values::show_time(every))?;
        }
        writeln!(f, "rotate_keep = {keep}")
    }
}

fn mode(text: &str) -> Result<u32, values::Expected> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| digits && *mode <= 0o777);
    mode.ok_or("permissions in octal from 000 to 777, as in 0640")
}

/// A name that `find` knows, or a number.
fn id(text: &str, kind: &str, find: impl Fn(&str) -> nix::Result<Option<u32>>) -> Result<Id, String> {
    let number = match text.parse() {
        // All ones mean that nothing is to change (chown(2)).
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

impl Validator<'_> {
    pub(super) fn file(&mut self, given: &mut SectionValues, line: usize, legacy: bool) -> Option<Sink> {
        let key = if legacy { "file_log" } else { "path" };
        if legacy {
            // The keys of the server that isn't used have no effect, so they can't be wrong.
            given.take("mozdef_url");
            given.ignore(SectionKind::Http);
        }
        let Some((path, at)) = given.take(key) else {
            self.fault(line, given.section, key, "is missing; name the file to write");
            return None;
        };
        if matches!(path, "-" | "/dev/stdout") {
            self.claim_path(at, given.section, key, STDOUT.as_ref());
            return Some(Sink::Stdout);
        }
        let path = file_in_directory(path).map_err(|what| {
            let or = if what.contains("absolute") { ", or - for standard output" } else { "" };
            self.fault(at, given.section, key, format!("{what}{or}"));
        });
        if let Ok(path) = &path {
            self.claim_path(at, given.section, key, path);
        }
        let file = File {
            mode: self.value(given, "mode", 0o600, mode),
            owner: self.checked(given, "owner", |text| {
                id(text, "user", |name| Ok(User::from_name(name)?.map(|user| user.uid.as_raw())))
            }),
            group: self.checked(given, "group", |text| {
                id(text, "group", |name| Ok(Group::from_name(name)?.map(|group| group.gid.as_raw())))
            }),
            rotate: self.rotate(given),
            path: path.unwrap_or_default(),
        };
        (!file.path.as_os_str().is_empty()).then(|| Sink::File(Box::new(file)))
    }

    fn rotate(&mut self, given: &mut SectionValues) -> Option<Rotate> {
        let some_size = |text: &str| values::size(text).map(Some);
        let size = self.value(given, "rotate_size", None, some_size);
        let every = self.value(given, "rotate_every", None, |text| values::time_above_0(text).map(Some));
        let line = given.line("rotate_keep");
        let keep = self.value(given, "rotate_keep", 5, |text| {
            values::count(text).ok().filter(|n| *n <= 10_000).ok_or("a whole number from 1 to 10000")
        });
        if size.is_some() || every.is_some() {
            return Some(Rotate { size, every, keep });
        }
        if let Some(line) = line {
            self.fault(line, given.section, "rotate_keep", "needs rotate_size or rotate_every too");
        }
        None
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
