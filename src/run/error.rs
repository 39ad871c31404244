//! Why a run could not start or go on.

use crate::{outputs::StartError, source};
use std::{fmt, io, path::PathBuf};

/// Why a run could not start or go on.
#[derive(Debug)]
pub enum Error {
    /// An output of that configuration file can't be used: exit status 2.
    Config(PathBuf, StartError),
    /// Something failed while running: exit status 1.
    Io(&'static str, io::Error),
    /// The input can't be read: exit status 1.
    Source(source::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Config(path, StartError { line, output, error }) => {
                write!(f, "{}:{line}: [output:{output}]: {error}", path.display())
            }
            Self::Io(what, e) => write!(f, "can't {what}: {e}"),
            Self::Source(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<source::Error> for Error {
    fn from(e: source::Error) -> Self {
        Self::Source(e)
    }
}
