//! Collects faults while sections are read.

use super::{
    fault::Fault,
    ini,
    values::{self, is_named},
};
use std::path::{Path, PathBuf};

/// The name in messages for the place before any section.
const TOP: &str = "before any section";
/// The path that stands for standard output.
pub(super) const STDOUT: &str = "-";

/// The handling of a key that a section sets twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    /// It is a fault.
    Fault,
    /// The last one counts, as in audisp-json.
    LastCounts,
}

/// The values of one section. Each is removed when it is read.
pub(super) struct SectionValues<'a> {
    pub(super) section: &'a str,
    pub(super) entries: Vec<&'a ini::Entry>,
}

impl<'a> SectionValues<'a> {
    /// Removes a key, and returns its last value and the line.
    pub(super) fn take(&mut self, key: &str) -> Option<(&'a str, usize)> {
        let found = self.entries.iter().rev().find(|e| e.key == key).map(|e| (e.value.as_str(), e.line));
        self.entries.retain(|e| e.key != key);
        found
    }

    /// Removes all keys that `name` stands for, usually one. Returns key, value and line of each. If a key is set
    /// several times, the last value counts.
    pub(super) fn take_all(&mut self, name: &str) -> Vec<(&'a str, &'a str, usize)> {
        let mut found: Vec<(&str, &str, usize)> = Vec::new();
        for entry in self.entries.iter().filter(|e| is_named(&e.key, name)) {
            found.retain(|(key, ..)| *key != entry.key);
            found.push((&entry.key, &entry.value, entry.line));
        }
        self.entries.retain(|e| !is_named(&e.key, name));
        found
    }

    /// The line of a key, if it is set.
    pub(super) fn line(&self, key: &str) -> Option<usize> {
        self.entries.iter().rev().find(|e| e.key == key).map(|e| e.line)
    }

    /// The value of a key, without removing it.
    pub(super) fn value(&self, key: &str) -> Option<&'a str> {
        self.entries.iter().rev().find(|e| e.key == key).map(|e| e.value.as_str())
    }

    /// True if the key is set.
    pub(super) fn has(&self, key: &str) -> bool {
        self.line(key).is_some()
    }

    /// Removes keys without reading them.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        self.entries.retain(|e| !names.iter().any(|name| is_named(&e.key, name)));
    }
}

/// A file or directory that only one key of one section may use.
struct PathClaim {
    path: PathBuf,
    section: String,
    key: &'static str,
}

/// Collects faults while sections are read.
pub(super) struct Validator<'a> {
    path: &'a Path,
    pub(super) faults: Vec<Fault>,
    claims: Vec<PathClaim>,
}

impl<'a> Validator<'a> {
    /// A validator for a configuration file. `path` is for messages.
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path, faults: Vec::new(), claims: Vec::new() }
    }

    /// Adds a fault in a line. `key` is empty if the fault is about the whole line.
    pub(super) fn fault(&mut self, line: usize, section: &str, key: &str, what: impl Into<String>) {
        let section = if section.is_empty() { TOP } else { section };
        let place = format!("[{section}] {key}").trim_end().to_string();
        self.faults.push(Fault { file: self.path.into(), line: Some(line), place, what: what.into() });
    }

    /// Adds a fault of the whole file.
    pub(super) fn fault_of_all(&mut self, what: &str) {
        self.faults.push(Fault { file: self.path.into(), line: None, place: String::new(), what: what.into() });
    }

    /// The entries of a section whose keys are `allowed`. Other keys are faults.
    pub(super) fn given<'s>(
        &mut self,
        section: &'s ini::Section,
        allowed: &[&'static str],
        repeated: Repeated,
    ) -> SectionValues<'s> {
        let mut entries = Vec::new();
        for entry in &section.entries {
            if allowed.iter().any(|name| is_named(&entry.key, name)) {
                let first = entries.iter().find(|e: &&&ini::Entry| e.key == entry.key);
                if let Some(first) = first.filter(|_| repeated == Repeated::Fault) {
                    let what = format!("is set twice; the first is in line {}", first.line);
                    self.fault(entry.line, &section.name, &entry.key, what);
                }
                // A key without a value counts as not set.
                if !entry.value.is_empty() {
                    entries.push(entry);
                }
                continue;
            }
            let nearest = values::nearest(&entry.key, allowed.iter().copied());
            let name = if nearest.ends_with('.') { "NAME" } else { "" };
            let what = format!("unknown key; did you mean {nearest}{name}?");
            self.fault(entry.line, &section.name, &entry.key, what);
        }
        SectionValues { section: &section.name, entries }
    }

    /// Reports all keys that were not read: they have no meaning for `of`.
    pub(super) fn no_meaning(&mut self, given: &mut SectionValues, of: &str) {
        for entry in given.entries.drain(..) {
            self.fault(entry.line, given.section, &entry.key, format!("has no meaning for {of}"));
        }
    }

    /// Reports those of the named keys that are set: they have no meaning for `of`.
    pub(super) fn no_meaning_of(&mut self, given: &mut SectionValues, names: &[&str], of: &str) {
        for name in names {
            for (key, _, line) in given.take_all(name) {
                self.fault(line, given.section, key, format!("has no meaning for {of}"));
            }
        }
    }

    /// Notes that an output writes to a path. If another one already does, this is a fault: they would damage each
    /// other's data.
    pub(super) fn claim_path(&mut self, line: usize, section: &str, key: &'static str, path: &Path) {
        // Several outputs may write to the same device or pipe.
        if path.metadata().is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
            return;
        }
        let path = if path == Path::new(STDOUT) { path.to_path_buf() } else { resolved(path) };
        match self.claims.iter().find(|claim| claim.path == path) {
            Some(PathClaim { section: first, key: its, .. }) => {
                let place =
                    if first.is_empty() { format!("{its} before any section") } else { format!("[{first}] {its}") };
                let name =
                    if path == Path::new(STDOUT) { "standard output".into() } else { path.display().to_string() };
                self.fault(line, section, key, format!("{name} is taken by {place}; each needs its own"));
            }
            None => self.claims.push(PathClaim { path, section: section.to_string(), key }),
        }
    }
}

/// A path without symbolic links and dots, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(real), ..) => real,
        (Err(_), Some(parent), Some(name)) => resolved(parent).join(name),
        _ => path.to_path_buf(),
    }
}

/// Checks the absolute path of a file. Its directory must exist, unless it is the one that is created at the start.
pub(super) fn file_in_directory(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.parent().filter(|_| path.is_absolute()) {
        None => Err("must be an absolute path".into()),
        Some(parent) if !parent.is_dir() && parent != Path::new(super::LOG_DIR) => {
            Err(format!("there is no directory {}; create it", parent.display()))
        }
        Some(_) if path.is_dir() => Err("is a directory; name a file in it".into()),
        Some(_) => Ok(path),
    }
}
