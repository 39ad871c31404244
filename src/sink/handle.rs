//! A running sink, as the output that it belongs to has it.

use super::status::SinkStatus;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

/// A running sink: its threads empty the queue until no more comes.
#[derive(Debug)]
pub struct SinkHandle {
    /// Its metrics and switches.
    pub status: Arc<SinkStatus>,
    /// Ends when the last thread does.
    ended: Receiver<()>,
}

impl SinkHandle {
    pub(super) fn new(status: Arc<SinkStatus>, ended: Receiver<()>) -> Self {
        Self { status, ended }
    }

    /// Opens files anew.
    pub fn reopen(&self) {
        self.status.reopen.store(true, Ordering::Release);
    }

    /// Waits for the sink to empty the queue, which gets no more; false when it didn't by `deadline`.
    pub fn wait(&self, deadline: Instant) -> bool {
        self.ended.recv_deadline(deadline) == Err(RecvTimeoutError::Disconnected)
    }

    /// True when all of the sink's threads have ended.
    pub fn has_ended(&self) -> bool {
        self.wait(Instant::now())
    }

    /// Makes the sink leave what it hasn't delivered.
    pub fn abort(&self) {
        self.status.abort.store(true, Ordering::Release);
    }
}
