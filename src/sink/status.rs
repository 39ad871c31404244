//! The state that a sink's threads share with their output.

use super::breaker::{Breaker, BreakerState};
use crate::{lock::locked, losses::LossReporter, timing::RequestStats};
use crossbeam_channel::Sender;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Tells [`super::SinkHandle`] that a thread has ended: the thread drops its guard.
pub(super) type ShutdownGuard = Sender<()>;

/// The state that a sink's threads share with their output.
#[derive(Debug)]
pub struct SinkStatus {
    /// The output's name.
    pub name: String,
    /// Reports the documents that the sink gave up.
    pub refused: LossReporter,
    /// Reports the documents that the server will never take.
    pub dead_lettered: LossReporter,
    /// The statistics of requests and answers.
    pub(super) requests: Mutex<RequestStats>,
    /// The circuit breaker in front of a server.
    pub(super) breaker: OnceLock<Arc<Breaker>>,
    /// Time is up: the sink must leave the queue as it is.
    pub(super) abort: AtomicBool,
    /// The sink must reopen its files.
    pub(super) reopen: AtomicBool,
}

impl SinkStatus {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_string(),
            refused: LossReporter::new(format!("output {name}: not delivered")),
            dead_lettered: LossReporter::dead_lettered(
                format!("output {name}: refused for good"),
                "put into the dead-letter file",
            ),
            requests: Mutex::default(),
            breaker: OnceLock::new(),
            abort: AtomicBool::new(false),
            reopen: AtomicBool::new(false),
        }
    }

    /// The statistics of requests and answers so far.
    pub fn requests(&self) -> MutexGuard<'_, RequestStats> {
        locked(&self.requests)
    }

    /// The circuit breaker's state, if the sink has one.
    pub fn breaker(&self) -> Option<BreakerState> {
        self.breaker.get().map(|breaker| breaker.position())
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.abort.load(Ordering::Acquire)
    }

    /// Sleeps for `length`, or until an abort. Returns false after an abort.
    pub(super) fn pause(&self, length: Duration) -> bool {
        self.pause_unless(length, || false)
    }

    /// Like [`SinkStatus::pause`], but `leave` can end the sleep too. Returns false then.
    pub(super) fn pause_unless(&self, length: Duration, leave: impl Fn() -> bool) -> bool {
        let end = Instant::now() + length;
        while !self.is_aborted() && !leave() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(Duration::from_millis(50)));
        }
        false
    }

    /// Writes the reports that were held back. Must be called about once a second.
    pub fn tick(&self) {
        self.refused.tick();
        self.dead_lettered.tick();
    }
}
