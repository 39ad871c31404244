//! Sources of records. Each source has its own file (or folder) and one variant of [`Source`].
//!
//! A source reads records, joins them into events, and passes these to [`Events`]. It never waits: the caller polls its
//! file descriptors first.

mod progress;
mod stdin;

use crate::{auparse::NameLookup, config, event::Events, queue::Guarantee};
pub use progress::{Error, Progress};
use std::os::fd::{AsFd, BorrowedFd};
use stdin::Stdin;

/// A source of records.
pub enum Source {
    /// auditd's dispatcher, on standard input.
    Stdin(Stdin),
}

impl Source {
    /// What a source of that kind needs of queues. One that takes receipts tells its client what is safe, so that nothing
    /// which it has acknowledged may be dropped.
    pub fn guarantee(kind: config::Source) -> Guarantee {
        match kind {
            // auditd waits for nobody, and sends nothing twice.
            config::Source::Stdin => Guarantee::BestEffort,
        }
    }

    /// Opens the source.
    ///
    /// # Errors
    /// When it can't be opened, or there is no memory.
    pub fn start() -> Result<Self, Error> {
        Ok(Self::Stdin(Stdin::new()?))
    }

    /// The file descriptors to poll. When one of them is readable, [`Source::read`] has something to read.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        match self {
            Self::Stdin(stdin) => std::iter::once(stdin.as_fd()),
        }
    }

    /// Reads the available input, about 64 KiB at most, and passes on the events that are complete.
    ///
    /// # Errors
    /// When reading fails, or there is no memory.
    pub fn read(&mut self, to: &mut impl Events) -> Result<Progress, Error> {
        match self {
            Self::Stdin(stdin) => stdin.read(to),
        }
    }

    /// True while an event is incomplete. Its last record may never come, so [`Source::tick`] is to be called soon.
    pub fn is_mid_event(&self) -> bool {
        match self {
            Self::Stdin(stdin) => stdin.parser.is_waiting(),
        }
    }

    /// Passes on events whose last record hasn't come in time. To be called when no input came for a while.
    pub fn tick(&mut self, to: &mut impl Events) {
        match self {
            Self::Stdin(stdin) => stdin.parser.age(to),
        }
    }

    /// Ends the input: passes on all remaining events, complete or not.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn finish(&mut self, to: &mut impl Events) -> Result<(), Error> {
        match self {
            Self::Stdin(stdin) => Ok(stdin.parser.finish(to)?),
        }
    }

    /// Sets whose ids are looked up on this host.
    pub fn set_names(&mut self, names: NameLookup) {
        match self {
            Self::Stdin(stdin) => stdin.parser.set_names(names),
        }
    }

    /// Forgets the names of users and groups, because they have changed.
    pub fn forget_names(&mut self) {
        match self {
            Self::Stdin(stdin) => stdin.parser.forget_names(),
        }
    }

    /// The number of lines, or other pieces of input, that could not be read so far.
    pub fn unreadable(&self) -> u64 {
        match self {
            Self::Stdin(stdin) => stdin.parser.unreadable(),
        }
    }
}
