//! What comes of reading a source.

use crate::auparse::OutOfMemory;
use std::io;
use thiserror::Error;

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
#[derive(Debug, Error)]
pub enum Error {
    /// What can't be read, and why.
    #[error("can't read {0}: {1}")]
    Read(&'static str, io::Error),
    /// libauparse has no memory.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}
