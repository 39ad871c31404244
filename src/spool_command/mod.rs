//! `auship spool`: looks into a spool, and changes nothing there.

mod cat;
mod list;
mod verify;

use crate::queue::inspect::{InspectError, Inspection};
use std::{
    io::{self, Write},
    path::Path,
};
use thiserror::Error;

/// The help of this command.
pub const HELP: &str = "usage: auship spool list DIR
       auship spool cat [--all] DIR
       auship spool verify DIR

Looks into the spool in DIR, an output's spool_dir. Changes nothing there, also while auship uses the spool.

  list            print a line for each file: its documents, those still to be delivered, size, oldest and newest time
  cat             print the documents that are still to be delivered, in the order of delivery, one JSON document per line
  cat --all       print also documents that are delivered but still in the spool
  verify          check every document, and print a line for each fault

Exit status: 0 all is well, 1 damage was found or a file can't be read, 2 DIR is no spool.

example: what waits for the server?
  auship spool cat /var/spool/auship/siem | head -1
";

/// What is done with a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Print a line for each file.
    List,
    /// Print the documents that are still to be delivered.
    Cat {
        /// Print those that are delivered too, as far as they are still there.
        all: bool,
    },
    /// Check every document.
    Verify,
}

impl Action {
    /// The action with this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "list" => Some(Self::List),
            "cat" => Some(Self::Cat { all: false }),
            "verify" => Some(Self::Verify),
            _ => None,
        }
    }
}

/// Why an action stopped.
#[derive(Debug, Error)]
pub enum Error {
    /// The spool can't be looked into.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The result can't be written.
    #[error("can't write: {0}")]
    Write(#[from] io::Error),
}

impl Error {
    /// True when the command line names the wrong directory.
    pub fn is_wrong_usage(&self) -> bool {
        matches!(self, Self::Inspect(e) if e.is_wrong_usage())
    }
}

/// Runs an action on a directory. `out` gets the result, `complain` what can't be read. Returns true when all is well.
///
/// # Errors
/// When the directory is no spool or can't be read, or `out` can't be written.
pub fn run(action: Action, dir: &Path, out: &mut impl Write, complain: impl FnMut(&str)) -> Result<bool, Error> {
    let spool = Inspection::open(dir)?;
    match action {
        Action::List => list::list(spool, out, complain),
        Action::Cat { all } => cat::cat(spool, all, out, complain),
        Action::Verify => verify::verify(spool, out),
    }
}

/// A number and what it counts: `1 document`, `2 documents`.
fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
