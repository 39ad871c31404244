//! The results of reading a source.

use crate::auparse::OutOfMemory;
use std::io;
use thiserror::Error;

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
#[derive(Debug, Error)]
pub enum Error {
    /// The name of the input that can't be read, and the error.
    #[error("can't read {0}: {1}")]
    Read(&'static str, io::Error),
    /// libauparse has no memory.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}
