//! The errors that end a run.

use crate::{outputs::StartError, source};
use std::{io, path::PathBuf};
use thiserror::Error;

/// The reason why a run could not start or continue.
#[derive(Debug, Error)]
pub enum Error {
    /// An output in the configuration file can't be started: exit status 2.
    #[error("{}:{}: [output:{}]: {}", .0.display(), .1.line, .1.output, .1.error)]
    Config(PathBuf, StartError),
    /// Something failed while running: exit status 1.
    #[error("can't {0}: {1}")]
    Io(&'static str, io::Error),
    /// The input can't be read: exit status 1.
    #[error(transparent)]
    Source(#[from] source::Error),
}
