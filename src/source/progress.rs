//! The results of reading a source.

use crate::auparse::OutOfMemory;
use std::{fmt, io};

/// The result of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Records came. The events that they completed are passed on.
    Read,
    /// No input is available now.
    Idle,
    /// The input has ended: no more records will come.
    Ended,
}

/// The reason why a source can't continue.
#[derive(Debug)]
pub enum Error {
    /// The name of the input that can't be read, and the error.
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
