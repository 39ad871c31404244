//! Sources: where records come from. One file (or room) each, and one line in [`Source`].
//!
//! A source reads records, has them grouped into events, and passes these on to [`Events`]. It never waits: who runs it
//! polls its file descriptors first.

mod progress;
mod stdin;

use crate::{config, event::Events, queue::Guarantee};
pub use progress::{Error, Progress};
use std::os::fd::{AsFd, BorrowedFd};
use stdin::Stdin;

/// The sources there are.
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

    /// What to poll: when one of these is readable, [`Source::read`] has something to do.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        match self {
            Self::Stdin(stdin) => std::iter::once(stdin.as_fd()),
        }
    }

    /// Reads what there is, at most some 64 KiB, and passes on the events that became whole.
    ///
    /// # Errors
    /// When reading fails, or there is no memory.
    pub fn read(&mut self, to: &mut impl Events) -> Result<Progress, Error> {
        match self {
            Self::Stdin(stdin) => stdin.read(to),
        }
    }

    /// True while an event is unfinished, so that [`Source::tick`] is to be called soon: its end may never come.
    pub fn is_mid_event(&self) -> bool {
        match self {
            Self::Stdin(stdin) => stdin.parser.is_waiting(),
        }
    }

    /// To be called when nothing came for a while: passes on events whose end hasn't come in time.
    pub fn tick(&mut self, to: &mut impl Events) {
        match self {
            Self::Stdin(stdin) => stdin.parser.age(to),
        }
    }

    /// The end: passes on what is left, whole or not.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn finish(&mut self, to: &mut impl Events) -> Result<(), Error> {
        match self {
            Self::Stdin(stdin) => Ok(stdin.parser.finish(to)?),
        }
    }

    /// Forgets names of users and groups, which have changed.
    pub fn forget_names(&mut self) {
        match self {
            Self::Stdin(stdin) => stdin.parser.forget_names(),
        }
    }

    /// Lines, or other pieces of input, that could not be read so far.
    pub fn unreadable(&self) -> u64 {
        match self {
            Self::Stdin(stdin) => stdin.parser.unreadable(),
        }
    }
}
