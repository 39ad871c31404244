//! The handle of a running sink, for its output.

use super::status::SinkStatus;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

/// A running sink. Its threads empty the queue until the queue ends.
#[derive(Debug)]
pub struct SinkHandle {
    /// Its metrics and switches.
    pub status: Arc<SinkStatus>,
    /// Disconnected when the last thread has ended.
    ended: Receiver<()>,
}

impl SinkHandle {
    pub(super) fn new(status: Arc<SinkStatus>, ended: Receiver<()>) -> Self {
        Self { status, ended }
    }

    /// Makes the sink reopen its files.
    pub fn reopen(&self) {
        self.status.reopen.store(true, Ordering::Release);
    }

    /// Waits until the sink has emptied the queue, which must be closed. Returns false when it hasn't by `deadline`.
    pub fn wait(&self, deadline: Instant) -> bool {
        self.ended.recv_deadline(deadline) == Err(RecvTimeoutError::Disconnected)
    }

    /// True when all of the sink's threads have ended.
    pub fn has_ended(&self) -> bool {
        self.wait(Instant::now())
    }

    /// Makes the sink stop without delivering the rest of the queue.
    pub fn abort(&self) {
        self.status.abort.store(true, Ordering::Release);
    }
}
