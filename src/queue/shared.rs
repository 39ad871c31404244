//! What the two ends of a queue and the spool's thread have in common.

use super::{
    spool::{Spool, SyncData},
    state::State,
};
use crate::{
    config,
    losses::{LossReporter, RateLimitedLog},
};
use crossbeam_channel::Receiver;
use std::{
    fmt,
    path::PathBuf,
    sync::{
        Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long after an error the disk is tried again.
pub(super) const RETRY_DISK: Duration = Duration::from_secs(1);

/// What the reader does when the ring is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// It waits for a sink on this machine, within a bound.
    Wait,
    /// It loses the document: nobody knows when a server will take more. It waits for a spool that works all the same.
    Lose,
}

/// What a queue promises about documents that it has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// The reader must go on: what can't be kept is dropped, counted and reported.
    BestEffort,
    /// Documents have receipts. A full queue hands them back. A full spool refuses more, even with
    /// `spool_full = drop_oldest`: its oldest documents may be acknowledged.
    Acknowledged,
}

/// What its threads share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) config: config::Queue,
    pub(super) guarantee: Guarantee,
    pub(super) sync: SyncData,
    pub(super) run_dir: PathBuf,
    pub(super) state: Mutex<State>,
    // These two are asked without the state's lock, but their changes are announced to who sleeps on it.
    /// The sink doesn't get its documents delivered.
    pub(super) failing: AtomicBool,
    /// No more documents come.
    pub(super) closed: AtomicBool,
    /// Something for the sink to do.
    pub(super) work: Condvar,
    /// Something for the spool's thread to do.
    pub(super) to_spool: Condvar,
    /// Room in the ring.
    pub(super) room: Condvar,
    pub(super) spool: OnceLock<Spool>,
    pub(super) full: LossReporter,
    pub(super) spool_full: LossReporter,
    pub(super) complaints: RateLimitedLog,
    /// Ends when the spool's thread does.
    pub(super) spooler: Mutex<Option<Receiver<()>>>,
}

impl Shared {
    /// Nothing in it yet, and no thread.
    pub(super) fn new(
        name: &str,
        config: config::Queue,
        guarantee: Guarantee,
        run_dir: PathBuf,
        sync: SyncData,
    ) -> Self {
        Self {
            name: name.to_string(),
            state: Mutex::new(State::new(&config)),
            config,
            guarantee,
            sync,
            run_dir,
            failing: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            work: Condvar::new(),
            to_spool: Condvar::new(),
            room: Condvar::new(),
            spool: OnceLock::new(),
            full: LossReporter::new(format!("output {name}: ring full")),
            spool_full: LossReporter::new(format!("output {name}: spool full")),
            complaints: RateLimitedLog::default(),
            spooler: Mutex::default(),
        }
    }

    /// Documents don't get delivered at present.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    pub(super) fn complain(&self, what: impl fmt::Display) {
        self.complaints.error(format_args!("output {}: {what}", self.name));
    }
}

/// Waits until somebody says that the condition may hold, but not longer than that.
pub(super) fn wait<'a>(
    condition: &Condvar,
    state: MutexGuard<'a, State>,
    time: Option<Duration>,
) -> MutexGuard<'a, State> {
    match time {
        None => condition.wait(state).unwrap_or_else(PoisonError::into_inner),
        Some(time) => condition.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
    }
}
