//! `auship migrate`: makes a configuration of auship from one of another program.
//!
//! Each program has a table of its keys, and code for keys that need each other. Every setting of the old file is
//! translated, or named with its line and a reason. The result passes `auship check`.
//!
//! | file | what it holds |
//! |---|---|
//! | `audisp_json.rs`, `laurel.rs`, `auditbeat.rs`, `pauditd.rs`, … | a program's keys, and how they are translated |
//! | `row.rs` | the type of such a table, and the work on one file |
//! | `setting.rs`, `yaml.rs`, `toml_file.rs` | the settings of a file, with their lines |
//! | `convert.rs`, `go_regex.rs` | values |
//! | `draft.rs` | the configuration that is being made |
//! | `recognise.rs` | whose configuration a file is |
//! | `reference.rs` | the tables in docs/migration.md |

mod audisp_json;
mod auditbeat;
mod auditbeat_rows;
mod convert;
mod draft;
mod go_regex;
mod laurel;
mod pauditd;
mod pauditd_filters;
mod recognise;
#[cfg(test)]
mod reference;
mod row;
mod setting;
mod toml_file;
mod yaml;

pub use recognise::{PEERS, Peer};
use row::{Note, Work};
use setting::{MOST_BYTES, Names, Setting, Unreadable, clean, flatten};
use std::{
    fmt::Write,
    fs,
    io::{self, Read},
    path::Path,
};

/// What `auship migrate` makes of a file.
#[derive(Debug)]
pub struct Migrated {
    /// The new configuration.
    pub text: String,
    /// What isn't translated, and what an administrator must know: one line each, `FILE:LINE: KEY: …`.
    pub notes: Vec<String>,
}

/// A file that can't be translated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be read.
    #[error("{0} can't be read: {1}")]
    Read(String, io::Error),
    /// It is something else than a text of reasonable size.
    #[error("{0} {1}")]
    NoText(String, String),
    /// Its syntax is wrong.
    #[error("{0}:{1}: {2}")]
    Syntax(String, usize, String),
    /// It isn't known whose configuration it is.
    #[error("{0} {1}")]
    Unknown(String, String),
}

/// Translates a file. Without `from` its content shows whose configuration it is.
///
/// # Errors
/// When the file can't be read, or it isn't known whose configuration it is.
pub fn migrate(path: &Path, from: Option<Peer>) -> Result<Migrated, Error> {
    let name = clean(&path.display().to_string());
    let text = read(path, &name)?;
    translate(&name, &text, from)
}

fn read(path: &Path, name: &str) -> Result<String, Error> {
    let can_not = |e| Error::Read(name.into(), e);
    let file = fs::File::open(path).map_err(can_not)?;
    if !file.metadata().map_err(can_not)?.is_file() {
        return Err(Error::NoText(name.into(), "is not a regular file".into()));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(can_not)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::NoText(name.into(), "is larger than 1 MiB, so it is no configuration".into()));
    }
    String::from_utf8(bytes).map_err(|_| Error::NoText(name.into(), "isn't UTF-8 text".into()))
}

/// Translates the text of a file. `name` is the file's name for messages.
fn translate(name: &str, text: &str, from: Option<Peer>) -> Result<Migrated, Error> {
    let peer = from.map_or_else(|| recognise::recognise(text), Ok).map_err(|what| Error::Unknown(name.into(), what))?;
    let syntax = |e: Unreadable| Error::Syntax(name.into(), e.line, e.why);
    // Windows editors put a mark at the beginning.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut work = Work::new(settings(peer, text).map_err(syntax)?);
    match peer {
        Peer::AudispJson => audisp_json::translate(&mut work),
        Peer::Laurel => laurel::translate(&mut work),
        Peer::Auditbeat => auditbeat::translate(&mut work),
        Peer::Pauditd => pauditd::translate(&mut work),
    }
    Ok(finish(name, peer, work))
}

fn settings(peer: Peer, text: &str) -> Result<Vec<Setting>, Unreadable> {
    match peer {
        Peer::AudispJson => flatten(audisp_json::read(text)?, Names::Exact).map(audisp_json::names),
        Peer::Laurel => flatten(toml_file::read(text)?, Names::Exact),
        Peer::Auditbeat => flatten(yaml::read(text)?, Names::Dotted).map(auditbeat::names),
        Peer::Pauditd => flatten(yaml::read(text)?, Names::DottedLowerCase),
    }
}

/// Makes the texts.
fn finish(name: &str, peer: Peer, work: Work) -> Migrated {
    let Work { mut draft, mut notes, .. } = work;
    let mut refused = Vec::new();
    let text = draft.settle(|origin, key, what| {
        let what = format!(
            "{key} is an example in the result, because auship check says: {what}; correct it, and remove the ';'"
        );
        refused.push(Note { line: origin.line, key: origin.key.clone(), what });
    });
    notes.extend(refused);
    if draft.has_fallback() {
        let what =
            "no output could be translated, so the result writes to /var/log/auship/auship.json; write your own output";
        notes.push(Note { line: 1, key: "output".into(), what: what.into() });
    }
    notes.sort();
    notes.dedup();
    let lines: Vec<String> = notes
        .iter()
        .map(|note| clean_line(&format!("{name}:{}: {}: {}", note.line.max(1), note.key, note.what)))
        .collect();
    let mut all = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(all, "# Made by auship migrate from {name}, a configuration of {}.", peer.program());
    all.push_str("# docs/migration.md says how to switch over. Check this file: auship check --config FILE\n");
    if lines.is_empty() {
        all.push_str("# Everything is translated.\n");
    } else {
        all.push_str("#\n# Not translated, or different from before:\n");
        lines.iter().for_each(|line| all.push_str(&format!("#   {line}\n")));
    }
    all.push_str(&text);
    Migrated { text: all, notes: lines }
}

/// One line, whatever a name or value of the old file had in it.
fn clean_line(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
