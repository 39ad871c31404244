//! The tables of keys: one row for each key of another program.

use super::{
    convert::Converted,
    draft::{Draft, Origin, can_be_written},
    setting::{Setting, Value, clean},
};

/// A section of our configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// `[input]`.
    Input,
    /// `[metrics]`.
    Metrics,
    /// `[confine]`.
    Confine,
    /// `[output:NAME]`, and its type.
    Output(&'static str, &'static str),
}

/// What becomes of a key.
pub(super) enum Becomes {
    /// A key of ours.
    Ours(To, &'static str, fn(&Setting) -> Converted),
    /// Something that needs other keys too. Code beside the table makes it.
    Together,
    /// Nothing. It is named with the text of the row.
    Named,
}

/// A key of another program.
pub(super) struct Row {
    /// The key. `[]` is an element of a list. A key that ends in `.*` stands for all keys that begin with it.
    pub(super) key: &'static str,
    /// What becomes of it, for administrators. It isn't used for keys that become a key of ours.
    pub(super) about: &'static str,
    pub(super) becomes: Becomes,
}

/// A key that becomes a key of ours.
pub(super) const fn ours(key: &'static str, to: To, name: &'static str, convert: fn(&Setting) -> Converted) -> Row {
    Row { key, about: "", becomes: Becomes::Ours(to, name, convert) }
}

/// A key that code beside the table translates.
pub(super) const fn together(key: &'static str, about: &'static str) -> Row {
    Row { key, about, becomes: Becomes::Together }
}

/// A key that has no equivalent. The text says what to do.
pub(super) const fn named(key: &'static str, about: &'static str) -> Row {
    Row { key, about, becomes: Becomes::Named }
}

impl Row {
    /// The text about it in the documentation.
    #[cfg(test)]
    pub(super) fn documentation(&self) -> String {
        match self.becomes {
            Becomes::Ours(To::Input, name, _) => format!("`[input]` `{name}`"),
            Becomes::Ours(To::Metrics, name, _) => format!("`[metrics]` `{name}`"),
            Becomes::Ours(To::Confine, name, _) => format!("`[confine]` `{name}`"),
            Becomes::Ours(To::Output(..), name, _) => format!("`{name}`"),
            Becomes::Together | Becomes::Named => self.about.to_string(),
        }
    }

    /// How well it fits a key: the length of the part that is the same, or nothing.
    fn fits(&self, pattern: &str) -> Option<usize> {
        match self.key.strip_suffix(".*") {
            None => (self.key == pattern).then_some(usize::MAX),
            Some(start) => {
                let rest = pattern.strip_prefix(start)?;
                (rest.is_empty() || rest.starts_with(['.', '['])).then_some(start.len())
            }
        }
    }
}

/// The row for a key: the one that names it, or the one with the longest beginning.
pub(super) fn find<'a>(rows: &'a [Row], pattern: &str) -> Option<&'a Row> {
    rows.iter().filter_map(|row| Some((row.fits(pattern)?, row))).max_by_key(|(length, _)| *length).map(|(_, row)| row)
}

/// What can't be translated, or what an administrator must know about a translation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Note {
    /// The line in the old configuration.
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) what: String,
}

/// The old settings, and what is made of them.
pub(super) struct Work {
    pub(super) settings: Vec<Setting>,
    pub(super) draft: Draft,
    pub(super) notes: Vec<Note>,
}

impl Work {
    pub(super) fn new(settings: Vec<Setting>) -> Self {
        Self { settings, draft: Draft::default(), notes: Vec::new() }
    }

    /// The setting of that name.
    pub(super) fn get(&self, name: &str) -> Option<Setting> {
        self.settings.iter().find(|setting| setting.name() == name).cloned()
    }

    /// All settings whose names begin so, and have more after it.
    pub(super) fn below(&self, start: &str) -> Vec<Setting> {
        let is_below =
            |setting: &&Setting| setting.name().strip_prefix(start).is_some_and(|rest| rest.starts_with(['.', '[']));
        self.settings.iter().filter(is_below).cloned().collect()
    }

    /// Names a setting.
    pub(super) fn note(&mut self, setting: &Setting, what: impl Into<String>) {
        self.notes.push(Note { line: setting.line, key: clean(&setting.name()), what: what.into() });
    }

    /// Sets a key of ours to a value of the old configuration.
    pub(super) fn set(&mut self, to: To, key: &str, value: &str, setting: &Setting) {
        if !can_be_written(value) {
            self.note(
                setting,
                format!("has characters that can't stand in a configuration of auship; set {key} by hand"),
            );
            return;
        }
        let origin = origin(setting);
        match to {
            To::Input => self.draft.section("input", &origin).set(key, value, origin),
            To::Metrics => self.draft.section("metrics", &origin).set(key, value, origin),
            To::Confine => self.draft.section("confine", &origin).set(key, value, origin),
            To::Output(name, kind) => self.draft.output(name, kind, &origin).set(key, value, origin),
        }
    }

    /// Sets a key of ours, converted from a setting. A value that can't be converted is named.
    pub(super) fn set_converted(&mut self, to: To, key: &str, value: Converted, setting: &Setting) {
        match value {
            Ok(value) => self.set(to, key, &value, setting),
            Err(what) => self.note(setting, format!("{what}; set {key} by hand")),
        }
    }

    /// Translates or names each setting for which the table suffices.
    pub(super) fn apply(&mut self, rows: &[Row], program: &str) {
        for setting in self.settings.clone() {
            match find(rows, &setting.pattern()) {
                Some(Row { becomes: Becomes::Ours(to, key, convert), .. }) => {
                    self.set_converted(*to, key, convert(&setting), &setting);
                }
                Some(Row { becomes: Becomes::Together, .. }) => (),
                Some(Row { about, .. }) => self.note(&setting, *about),
                // A section without keys says nothing.
                None if setting.value == Value::Nothing && self.is_beginning(rows, &setting) => (),
                None => {
                    self.note(&setting, format!("isn't a key of {program} that auship knows; translate it by hand"))
                }
            }
        }
    }

    /// True if keys of the table begin with the setting's name.
    fn is_beginning(&self, rows: &[Row], setting: &Setting) -> bool {
        let start = setting.pattern();
        let begins = |row: &Row| row.key.strip_prefix(&start).is_some_and(|rest| rest.starts_with(['.', '[']));
        start.is_empty() || rows.iter().any(begins)
    }
}

/// Where a line of the result comes from.
pub(super) fn origin(setting: &Setting) -> Origin {
    Origin { line: setting.line, key: clean(&setting.name()) }
}

/// Said of outputs to standard output.
pub(super) const STDOUT_IS_LOST: &str =
    "auditd throws away what a plugin writes to standard output; use type = file, unless auship runs by itself";

/// Where examples have the files of secrets.
const SECRETS: &str = "/etc/auship";

impl Work {
    /// Names a password that can't stand in our configuration, and writes the keys for it as an example.
    pub(super) fn note_login(&mut self, to: To, user: &str, setting: &Setting) {
        let To::Output(name, kind) = to else { return };
        let file = format!("{SECRETS}/{name}.password");
        let origin = origin(setting);
        let output = self.draft.output(name, kind, &origin);
        output.comment(
            "user and password_file below are examples: write the password into the file, and remove the ';'.",
        );
        if can_be_written(user) && !user.is_empty() {
            output.example("user", user, origin.clone());
        }
        output.example("password_file", &file, origin);
        self.note(
            setting,
            format!(
                "a password can't stand in auship's configuration; write it into the first line of {file} (mode \
                 0600), and enable user and password_file in [output:{name}]"
            ),
        );
    }
}
