//! What a file of a spool's directory is.

use super::super::{Segment, in_flight};
use crate::config::DEAD_LETTERS;
use std::ffi::{OsStr, OsString};

/// What a file of a spool's directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Documents that a sink has failed to deliver so far. They come before the segments.
    InFlight {
        /// The number of the file.
        number: u64,
        /// How many documents it holds.
        count: u64,
    },
    /// A segment.
    Segment {
        /// The number of its first document.
        base: u64,
        /// The number after its last document; none if it wasn't closed.
        end: Option<u64>,
    },
    /// A file of documents in flight that is being written, or was when its process was killed.
    Unfinished,
    /// Dead letters.
    DeadLetters,
    /// Damaged bytes that are set aside.
    SetAside,
    /// How far delivery has come.
    Progress,
    /// The lock of the process that uses the spool.
    Lock,
    /// No file of a spool.
    Other,
}

impl What {
    /// What a file with this name is.
    pub(super) fn named(name: &OsStr) -> Self {
        let Some(name) = name.to_str() else { return Self::Other };
        match name {
            "progress" => return Self::Progress,
            "lock" => return Self::Lock,
            DEAD_LETTERS => return Self::DeadLetters,
            _ => (),
        }
        if let Some((base, end)) = Segment::read_name(name) {
            return Self::Segment { base, end };
        }
        match in_flight::read_batch_name(name) {
            Some((number, count)) => Self::InFlight { number, count },
            None if in_flight::is_unfinished(name) => Self::Unfinished,
            None if name.starts_with("damaged-") || in_flight::is_set_aside(name) => Self::SetAside,
            None => Self::Other,
        }
    }

    /// True for a file that holds documents to be delivered.
    pub fn has_documents(self) -> bool {
        matches!(self, Self::Segment { .. } | Self::InFlight { .. })
    }
}

/// A file of a spool's directory.
#[derive(Clone, Debug)]
pub struct SpoolFile {
    /// Its name.
    pub name: OsString,
    /// What it is.
    pub what: What,
    /// Its size, in bytes.
    pub bytes: u64,
    /// False for links, pipes, directories and the like, which are never opened.
    pub is_regular: bool,
    /// The number of the document that the next segment begins with, if there is a next one.
    pub(super) next_base: Option<u64>,
}

impl SpoolFile {
    /// A file with this name.
    pub(super) fn new(name: OsString, bytes: u64, is_regular: bool) -> Self {
        Self { what: What::named(&name), name, bytes, is_regular, next_base: None }
    }

    /// True for the segment that new documents are appended to.
    pub fn is_open(&self) -> bool {
        matches!(self.what, What::Segment { end: None, .. }) && self.next_base.is_none()
    }
}
