//! The texts about keys: the definitions in the manual, `conf/auship.conf`, and `auship check --keys`. All of them are
//! made from the rows of the keys.

use super::{
    key::About,
    sections::{GROUPS, Group},
};
use std::fmt::Write as _;

/// A text about all keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A list for a terminal.
    List,
    /// `conf/auship.conf`.
    Conf,
    /// The definitions in `docs/auship.conf.5.md`, with the marks around them.
    Manual,
}

impl Reference {
    /// The text with this name on the command line.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "list" => Some(Self::List),
            "conf" => Some(Self::Conf),
            "man" => Some(Self::Manual),
            _ => None,
        }
    }

    /// The text.
    pub fn text(self) -> String {
        match self {
            Self::List => list(),
            Self::Conf => conf(),
            Self::Manual => GROUPS.iter().map(manual).collect::<Vec<_>>().join("\n"),
        }
    }
}

/// The widths of lines in the manual, the shipped configuration and the list.
const MANUAL_WIDTH: usize = 120;
const CONF_WIDTH: usize = 112;
const LIST_WIDTH: usize = 100;

/// The only key that the shipped configuration sets, so that it works without changes.
const ACTIVE: &str = "file_log";

/// The first lines of `conf/auship.conf`.
const CONF_HEAD: &str = "auship's configuration. It shows every key with its default, or with an example. This file is \
                         made from the program's list of keys. auship.conf(5) has more about each key.";
const CONF_SYNTAX: &str = "\"#\" and \";\" begin a comment at the start of a line or after white space. Quotes around \
                           a value keep its spaces. A key without a value counts as not set. Units of times are ms, s, \
                           m and h. Units of sizes are B, KiB, MiB and GiB. `auship check` prints the configuration in \
                           effect.";
const CONF_OWNER: &str =
    "The file must belong to root or to the user who runs auship, and must not be writable by everybody.";

/// Wraps a text into lines of at most `width` characters. The first line begins with `first`, all others with `other`.
fn wrapped(text: &str, width: usize, first: &str, other: &str) -> String {
    let mut out = String::new();
    for (n, paragraph) in text.split("\n\n").enumerate() {
        if n > 0 {
            out.push_str(other.trim_end());
            out.push('\n');
        }
        let mut line = if n == 0 { first.to_string() } else { other.to_string() };
        let mut begins = true;
        for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
            if !begins && line.chars().count() + 1 + word.chars().count() > width {
                out.push_str(line.trim_end());
                out.push('\n');
                line = other.to_string();
                begins = true;
            }
            if !begins {
                line.push(' ');
            }
            line.push_str(word);
            begins = false;
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A text without the manual's markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut code = false;
    for c in text.chars() {
        match c {
            '`' => code = !code,
            '*' if !code => (),
            _ => out.push(c),
        }
    }
    out
}

/// The name of a key in the manual.
fn name(about: &About) -> String {
    let name = about.name;
    if name.ends_with('.') { format!("**{name}**_NAME_") } else { format!("**{name}**") }
}

/// The definitions of a group, between its marks.
fn manual(group: &Group) -> String {
    let mut out = format!("<!-- keys: {} -->\n", group.name);
    for about in (group.keys)() {
        let default = if about.default.is_empty() { String::new() } else { format!(" ({})", about.default) };
        // Writing to a String can't fail.
        let _ = write!(out, "\n{} = {}{default}\n", name(&about), about.value);
        let text =
            if about.more.is_empty() { about.doc.to_string() } else { format!("{}\n\n{}", about.doc, about.more) };
        out.push_str(&wrapped(&text, MANUAL_WIDTH, ":   ", "    "));
    }
    out.push_str("\n<!-- end of keys -->\n");
    out
}

/// The whole of `conf/auship.conf`.
fn conf() -> String {
    let comment = |text: &str| wrapped(&plain(text), CONF_WIDTH, "; ", "; ");
    let mut out = [comment(CONF_HEAD), comment(CONF_SYNTAX), comment(CONF_OWNER)].join(";\n");
    for group in GROUPS {
        let _ = write!(out, "\n; {}\n{}", "-".repeat(CONF_WIDTH - 2), comment(group.title));
        if !group.section.is_empty() {
            let _ = writeln!(out, "{}", group.section);
        }
        for about in (group.keys)() {
            let value = if about.example.is_empty() { about.default } else { about.example };
            let mark = if about.name == ACTIVE { "" } else { ";" };
            let name =
                if about.name.ends_with('.') { format!("{}X-Sender", about.name) } else { about.name.to_string() };
            let _ = write!(out, "\n{}{mark}{name} = {value}\n", comment(about.doc));
        }
    }
    out
}

/// The list of all keys for a terminal.
fn list() -> String {
    let mut out = String::new();
    for group in GROUPS {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&wrapped(group.title, LIST_WIDTH, "", ""));
        for about in (group.keys)() {
            let default = if about.default.is_empty() { String::new() } else { format!(" ({})", about.default) };
            let _ = writeln!(
                out,
                "\n  {} = {}{default}",
                plain(&name(&about)).replace("_NAME_", "NAME"),
                plain(about.value)
            );
            out.push_str(&wrapped(&plain(about.doc), LIST_WIDTH, "      ", "      "));
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use std::{env, fs, path::PathBuf};

    /// Compares a file of the project with the expected text. `make keys` writes the file.
    fn is_up_to_date(path: &str, expected: &str) {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
        if fs::read_to_string(&file).unwrap() == expected {
            return;
        }
        if env::var_os("UPDATE_KEYS").is_some() {
            fs::write(file, expected).unwrap();
        } else {
            panic!("{path} differs from the rows of the keys: run `make keys`");
        }
    }

    #[test]
    fn the_shipped_configuration_is_made_of_the_keys() {
        is_up_to_date("conf/auship.conf", &conf());
    }

    #[test]
    fn the_manual_defines_the_keys() {
        let path = "docs/auship.conf.5.md";
        let mut page = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        for group in GROUPS {
            let start = format!("<!-- keys: {} -->\n", group.name);
            let end = "<!-- end of keys -->\n";
            let from = page.find(&start).unwrap_or_else(|| panic!("{path} has no {start}"));
            let to = from + page[from..].find(end).unwrap_or_else(|| panic!("{start} has no end")) + end.len();
            page.replace_range(from..to, &manual(group));
        }
        is_up_to_date(path, &page);
    }

    #[test]
    fn every_key_says_what_it_is() {
        for about in super::super::keys() {
            assert!(!about.doc.is_empty() && !about.value.is_empty(), "{}", about.name);
            assert!(about.doc.ends_with('.'), "{}: {}", about.name, about.doc);
        }
    }

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrapped("one two three\n\nfour", 9, "; ", "; "), "; one two\n; three\n;\n; four\n");
        assert_eq!(plain("**a** `*` *b*"), "a * b");
    }
}
