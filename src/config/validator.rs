//! Collects what is wrong while sections are read.

use super::{
    Fault,
    alone::PathClaim,
    ini,
    keys::{self, SectionKind, SectionLocation},
    values,
};
use std::path::{Path, PathBuf};

/// How messages name the keys that stand before any section.
const TOP: &str = "before any section";

/// The values of one section by key, each taken out as it is understood.
pub(super) struct SectionValues<'a> {
    pub(super) section: &'a str,
    pub(super) entries: Vec<&'a ini::Entry>,
}

impl<'a> SectionValues<'a> {
    /// The last value of a key, with its line.
    pub(super) fn take(&mut self, key: &str) -> Option<(&'a str, usize)> {
        let found = self.entries.iter().rev().find(|e| e.key == key).map(|e| (e.value.as_str(), e.line));
        self.entries.retain(|e| e.key != key);
        found
    }

    /// All keys that begin with `prefix`: what follows it, the value, the line.
    pub(super) fn take_all(&mut self, prefix: &str) -> Vec<(&'a str, &'a str, usize)> {
        let found = self.entries.iter().filter_map(|e| Some((e.key.strip_prefix(prefix)?, e.value.as_str(), e.line)));
        let found = found.collect();
        self.entries.retain(|e| !e.key.starts_with(prefix));
        found
    }

    /// The line of a key that is given.
    pub(super) fn line(&self, key: &str) -> Option<usize> {
        self.entries.iter().rev().find(|e| e.key == key).map(|e| e.line)
    }

    /// The value of a key, which stays.
    pub(super) fn value(&self, key: &str) -> Option<&'a str> {
        self.entries.iter().rev().find(|e| e.key == key).map(|e| e.value.as_str())
    }

    /// True when the key is given.
    pub(super) fn has(&self, key: &str) -> bool {
        self.line(key).is_some()
    }

    /// Passes over all keys that are about something.
    pub(super) fn ignore(&mut self, of: SectionKind) {
        self.entries.retain(|e| !keys::is_of(&e.key, of));
    }
}

/// Collects faults while sections are read.
pub(super) struct Validator<'a> {
    pub(super) path: &'a Path,
    pub(super) faults: Vec<Fault>,
    /// What belongs to one output alone.
    pub(super) claims: Vec<PathClaim>,
}

impl Validator<'_> {
    /// Notes a fault in a line; `key` is empty when it is the whole line's.
    pub(super) fn fault(&mut self, line: usize, section: &str, key: &str, what: impl Into<String>) {
        let section = if section.is_empty() { TOP } else { section };
        let place = format!("[{section}] {key}").trim_end().to_string();
        self.faults.push(Fault { file: self.path.into(), line: Some(line), place, what: what.into() });
    }

    /// The entries of a section that may stand there; others are faults.
    pub(super) fn given<'s>(&mut self, section: &'s ini::Section, place: SectionLocation) -> SectionValues<'s> {
        let mut entries = Vec::new();
        for entry in &section.entries {
            if keys::allowed(place).any(|name| keys::is_named(&entry.key, name)) {
                let first = entries.iter().find(|e: &&&ini::Entry| e.key == entry.key);
                // audisp-json took the last one.
                if let Some(first) = first.filter(|_| place != SectionLocation::Top) {
                    let what = format!("is set twice; the first is in line {}", first.line);
                    self.fault(entry.line, &section.name, &entry.key, what);
                }
                // A key without a value is as good as none.
                if !entry.value.is_empty() {
                    entries.push(entry);
                }
                continue;
            }
            let nearest = values::nearest(&entry.key, keys::allowed(place));
            let name = if nearest.ends_with('.') { "NAME" } else { "" };
            let what = format!("unknown key; did you mean {nearest}{name}?");
            self.fault(entry.line, &section.name, &entry.key, what);
        }
        SectionValues { section: &section.name, entries }
    }

    /// A key's value as `read` understands it, or `default`.
    pub(super) fn value<T>(
        &mut self,
        given: &mut SectionValues,
        key: &str,
        default: T,
        read: impl Fn(&str) -> Result<T, values::Expected>,
    ) -> T {
        let Some((text, line)) = given.take(key) else {
            return default;
        };
        match read(text) {
            Ok(value) => value,
            Err(expected) => {
                self.fault(line, given.section, key, format!("is {:?}, must be {expected}", values::redacted(text)));
                default
            }
        }
    }

    /// A key's value where `read` says itself what is wrong, as in `can't read FILE: …`.
    pub(super) fn checked<T>(
        &mut self,
        given: &mut SectionValues,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (text, line) = given.take(key)?;
        read(text).map_err(|what| self.fault(line, given.section, key, what)).ok()
    }

    /// What is left of an output's keys has no meaning for its type.
    pub(super) fn no_meaning(&mut self, given: &mut SectionValues, of: &str) {
        for entry in given.entries.drain(..) {
            self.fault(entry.line, given.section, &entry.key, format!("has no meaning for {of}"));
        }
    }
}

/// A file in a directory that exists.
pub(super) fn file_in_directory(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.parent().filter(|_| path.is_absolute()) {
        None => Err("must be an absolute path".into()),
        Some(parent) if !parent.is_dir() => Err(format!("there is no directory {}; create it", parent.display())),
        Some(_) if path.is_dir() => Err("is a directory; name a file in it".into()),
        Some(_) => Ok(path),
    }
}
