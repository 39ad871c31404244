//! What comes of reading a source.

use crate::auparse::OutOfMemory;
use std::{fmt, io};

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Records, and the events that they completed.
    Read,
    /// Nothing for now.
    Idle,
    /// The end: no more records will come.
    Ended,
}

/// Why a source can't go on.
#[derive(Debug)]
pub enum Error {
    /// What can't be read, and why.
    Read(&'static str, io::Error),
    /// libauparse has no memory.
    Memory(OutOfMemory),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Read(what, e) => write!(f, "can't read {what}: {e}"),
            Self::Memory(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<OutOfMemory> for Error {
    fn from(e: OutOfMemory) -> Self {
        Self::Memory(e)
    }
}
