//! The errors that end a run.

use crate::{outputs::StartError, source};
use std::{fmt, io, path::PathBuf};

/// The reason why a run could not start or continue.
#[derive(Debug)]
pub enum Error {
    /// An output in the configuration file can't be started: exit status 2.
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
