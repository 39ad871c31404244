//! What is wrong with a spool.

use super::super::frame::Damage;
use nix::{errno::Errno, unistd::User};
use std::{
    ffi::{OsStr, OsString},
    fmt, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use thiserror::Error;

/// Why a spool can't be looked into.
#[derive(Debug, Error)]
pub enum InspectError {
    /// There is no such directory.
    #[error("there is no directory {0:?}; name the directory of a spool (spool_dir in the configuration)")]
    NoDirectory(PathBuf),
    /// It is something else.
    #[error("{0:?} is no directory; name the directory of a spool (spool_dir in the configuration)")]
    NotADirectory(PathBuf),
    /// It is the directory of something else.
    #[error(
        "{0:?} is no spool: it has no file named progress, and no segments; name the directory of a spool (spool_dir in \
         the configuration)"
    )]
    NoSpool(PathBuf),
    /// It has too many files.
    #[error("{0:?} is no spool: it has more than {1} files")]
    TooMany(PathBuf, usize),
    /// The user may not read it.
    #[error("can't read {0:?}: permission denied; run this as {1}")]
    Denied(PathBuf, String),
    /// A file is a link, a pipe or the like.
    #[error("{0:?} is no regular file, so it isn't opened")]
    NotRegular(PathBuf),
    /// The disk refuses.
    #[error("can't read {0:?}: {1}")]
    Io(PathBuf, io::Error),
}

impl InspectError {
    /// True when the command line names the wrong directory.
    pub fn is_wrong_usage(&self) -> bool {
        matches!(self, Self::NoDirectory(_) | Self::NotADirectory(_) | Self::NoSpool(_) | Self::TooMany(..))
    }

    pub(super) fn from_errno(path: PathBuf, e: Errno) -> Self {
        match e {
            Errno::EACCES | Errno::EPERM => {
                let who = who_may(&path);
                Self::Denied(path, who)
            }
            e => Self::Io(path, e.into()),
        }
    }
}

/// The users who may read a file, as far as this one can find out.
fn who_may(path: &Path) -> String {
    let owner = path.symlink_metadata().map(|meta| meta.uid()).ok().filter(|uid| *uid != 0);
    match owner.map(|uid| (uid, User::from_uid(uid.into()))) {
        Some((_, Ok(Some(user)))) => format!("root or as user {}", user.name),
        Some((uid, _)) => format!("root or as user {uid}"),
        None => "root".into(),
    }
}

/// A name for messages: as it is if it is plain, else quoted, so that nobody can forge a line with it.
pub fn shown(name: &OsStr) -> String {
    let plain = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
    name.to_str().filter(plain).map_or_else(|| format!("{name:?}"), ToString::to_string)
}

/// One thing that is wrong with a file of a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file's name.
    pub file: OsString,
    /// Where in the file, if it is at one place.
    pub offset: Option<u64>,
    /// What it is.
    pub kind: FaultKind,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A piece that can't be read, and the numbers of the documents that are lost with it: from, up to.
    Damaged {
        /// Its length, in bytes.
        bytes: u64,
        /// Why.
        damage: Damage,
        /// The documents.
        lost: (u64, u64),
    },
    /// Documents that should be there: from, up to.
    Missing {
        /// The first of them.
        from: u64,
        /// The one after them.
        to: u64,
    },
    /// A document whose number came before, or is smaller than one before.
    OutOfOrder {
        /// Its number.
        number: u64,
        /// The number that was expected.
        expected: u64,
    },
    /// A document with a number that doesn't belong into the file.
    Beyond {
        /// Its number.
        number: u64,
        /// The number after the file's last document.
        end: u64,
    },
    /// The beginning of a document at the end of a file that otherwise has all of its documents.
    Unfinished {
        /// Its length, in bytes.
        bytes: u64,
        /// A process uses the spool, and this is the segment that it writes.
        being_written: bool,
    },
    /// Two segments have the same numbers.
    Overlap {
        /// The number that the segment begins with.
        base: u64,
        /// The number that the one before ends with.
        before: u64,
    },
    /// A slot of the progress is damaged.
    Slot {
        /// The other one is sound.
        other_holds: bool,
    },
    /// There is no progress.
    NoProgress,
    /// More is delivered than was written.
    DoneBeyondWritten {
        /// Below this all is delivered.
        done: u64,
        /// The next document to be written.
        written: u64,
    },
    /// A link, a pipe, or the like.
    NotRegular,
    /// The last line of the dead letters has no end.
    HalfALine,
}

impl Fault {
    /// False for what is no damage, but a process at work.
    pub fn is_damage(&self) -> bool {
        !matches!(self.kind, FaultKind::Unfinished { being_written: true, .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&shown(&self.file))?;
        if let Some(offset) = self.offset {
            write!(f, ": offset {offset}")?;
        }
        write!(f, ": {}", self.kind)
    }
}

/// `document 7 is`, `documents 7 to 9 are`.
fn documents(from: u64, to: u64) -> String {
    if to - from == 1 { format!("document {from} is") } else { format!("documents {from} to {} are", to - 1) }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Damaged { bytes, damage: Damage::Head, lost: (from, to) } => {
                write!(f, "{bytes} bytes have no sound header; ")?;
                if from < to { write!(f, "{} lost", documents(*from, *to)) } else { f.write_str("no document is lost") }
            }
            Self::Damaged { damage: Damage::Document { number }, .. } => {
                write!(f, "document {number} is damaged: its checksum is wrong")
            }
            Self::Damaged { bytes, damage: Damage::Cut { number, len }, .. } => {
                write!(
                    f,
                    "document {number} is cut: it has {len} bytes, and the file has only {bytes} from its header on"
                )
            }
            Self::Missing { from, to } => write!(f, "{} missing", documents(*from, *to)),
            Self::OutOfOrder { number, expected } => {
                write!(f, "document {number} is out of order: {expected} comes next; auship passes over it")
            }
            Self::Beyond { number, end } => {
                write!(f, "document {number} doesn't belong here: the file ends before {end}; auship passes over it")
            }
            Self::Unfinished { bytes, being_written: true } => {
                write!(f, "{bytes} bytes are the beginning of a document that is being written; that is no damage")
            }
            Self::Unfinished { bytes, being_written: false } => write!(
                f,
                "{bytes} bytes are no whole document: the process was killed while it wrote them; all documents that \
                 counted as spooled are there"
            ),
            Self::Overlap { base, before } => {
                write!(f, "begins with document {base}, but the segment before has all up to {}", before - 1)
            }
            Self::Slot { other_holds: true } => f.write_str("one of the two slots is damaged; the other one holds"),
            Self::Slot { other_holds: false } => {
                f.write_str("this slot is damaged, and the other one too; documents that were delivered may come twice")
            }
            Self::NoProgress => f.write_str("is missing or empty; documents that were delivered may come twice"),
            Self::DoneBeyondWritten { done, written } => {
                write!(f, "says that all documents below {done} are delivered, but that {written} is written next")
            }
            Self::NotRegular => f.write_str(
                "has the name of a spool's file, but is a link, a directory, a pipe or the like; it isn't opened. Find \
                 out who made it, and remove it",
            ),
            Self::HalfALine => f.write_str("the last line has no end: it is being written, or was cut"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_forge_no_line() {
        assert_eq!(shown(OsStr::new("00-01.spool")), "00-01.spool");
        assert_eq!(shown(OsStr::new("a\n\x1b[2Jb c")), r#""a\n\u{1b}[2Jb c""#);
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(shown(OsStr::from_bytes(b"\xff")), r#""\xFF""#);
        assert_eq!(shown(OsStr::new("")), r#""""#);
    }

    #[test]
    fn one_document_is_no_plural() {
        let said = |from, to| FaultKind::Missing { from, to }.to_string();
        assert_eq!(said(7, 8), "document 7 is missing");
        assert_eq!(said(7, 10), "documents 7 to 9 are missing");
    }
}
