//! What a sink's threads share with the output that they belong to.

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

/// Tells [`super::SinkHandle`] that a thread has ended, by going away with it.
pub(super) type ShutdownGuard = Sender<()>;

/// What a sink's threads share with the output they belong to.
#[derive(Debug)]
pub struct SinkStatus {
    /// The output's name.
    pub name: String,
    /// Reports what the sink gave up.
    pub refused: LossReporter,
    /// Reports what the server will never take.
    pub dead_lettered: LossReporter,
    /// What servers answered.
    pub(super) requests: Mutex<RequestStats>,
    /// In front of a server.
    pub(super) breaker: OnceLock<Arc<Breaker>>,
    /// The queue is to be left as it is: time is up.
    pub(super) abort: AtomicBool,
    /// Files are to be opened anew.
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

    /// What servers answered so far.
    pub fn requests(&self) -> MutexGuard<'_, RequestStats> {
        locked(&self.requests)
    }

    /// Where the circuit breaker stands, if there is a server to break with.
    pub fn breaker(&self) -> Option<BreakerState> {
        self.breaker.get().map(|breaker| breaker.position())
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.abort.load(Ordering::Acquire)
    }

    /// Sleeps, but not beyond an abort; false when it was aborted.
    pub(super) fn pause(&self, length: Duration) -> bool {
        self.pause_unless(length, || false)
    }

    /// As [`SinkStatus::pause`]; false too when `leave` says not to wait.
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

    /// To be called about once a second: reports what was held back.
    pub fn tick(&self) {
        self.refused.tick();
        self.dead_lettered.tick();
    }
}
