//! The writing end: what the reader does.

use super::{ResumeMark, Shared, wait};
use crate::{
    lock::locked,
    queue::{
        counters::{Counter, Loss, Outcome},
        ring::Document,
    },
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// The writing end; there is one.
#[derive(Debug)]
pub struct QueueSender {
    pub(super) shared: Arc<Shared>,
    /// The sink is on this machine: its reader may be waited for.
    pub(super) local: bool,
    /// How long the reader may still wait before it must have let something in.
    pub(super) timeout: Duration,
}

impl QueueSender {
    /// Puts a document in. For a local sink, and for a spool that works, the reader waits for room, but no longer
    /// than `max_wait` in a row: what one document used up the next can't. False when the document is lost, which is
    /// then counted and reported.
    pub fn push(&mut self, document: Document, newest: Option<ResumeMark>) -> bool {
        let shared = &self.shared;
        let mut state = locked(&shared.state);
        if !shared.always_spools() {
            state.counters[Counter::Events] += 1;
        }
        if !state.ring.has_room(document.len()) && !self.timeout.is_zero() {
            let start = Instant::now();
            while !state.ring.has_room(document.len())
                && start.elapsed() < self.timeout
                && (self.local || shared.spool_makes_room(&state))
            {
                shared.to_spool.notify_one();
                state.reader_asleep = true;
                state = wait(&shared.room, state, Some(Duration::from_millis(5)));
                state.reader_asleep = false;
            }
            self.timeout = self.timeout.saturating_sub(start.elapsed());
        }
        if !state.ring.has_room(document.len()) {
            if shared.always_spools() {
                state.counters[Counter::Events] += 1;
            }
            state.counters.record_outcome(1, Outcome::Lost(Loss::RingFull));
            let why = state.spool_error.clone();
            drop(state);
            self.note_serial(newest);
            shared.full.lost(&why);
            shared.owe();
            return false;
        }
        self.timeout = shared.config.max_wait;
        if let Some(spool) = shared.spool.get() {
            spool.note_enqueued(newest);
        }
        if state.ring.len() == 0 {
            state.waiting_since = Instant::now();
        }
        state.ring.push(document);
        if !shared.always_spools() {
            state.counters[Counter::Ring] += 1;
        }
        let wake_spool = state.spooler_asleep && shared.should_spool(&state);
        let enough = |(documents, bytes)| state.ring.len() >= documents || state.ring.bytes() >= bytes;
        let wake_sink = state.sinks_asleep > 0 && state.filling.is_none_or(enough);
        drop(state);
        if wake_sink {
            shared.work.notify_one();
        }
        if wake_spool {
            shared.to_spool.notify_one();
        }
        true
    }

    /// An event that filters dropped: only its serial matters.
    pub fn note_serial(&self, newest: Option<ResumeMark>) {
        if let (Some(spool), Some(newest)) = (self.shared.spool.get(), newest) {
            spool.note_serial(newest);
        }
    }

    /// An event that the output's settings leave out.
    pub fn skip(&self, newest: Option<ResumeMark>) {
        self.note_serial(newest);
        let mut state = locked(&self.shared.state);
        state.counters[Counter::Events] += 1;
        state.counters[Counter::Skipped] += 1;
    }

    /// To be called about once a second: reports what was held back.
    pub fn tick(&self) {
        self.shared.full.tick();
        self.shared.spool_full.tick();
        self.shared.owe();
    }
}

/// Ends the input: the sink gets what is left, and then its end.
impl Drop for QueueSender {
    fn drop(&mut self) {
        self.shared.full.finish();
        self.shared.spool_full.finish();
        self.shared.closed.store(true, Ordering::Release);
        // Whoever looks at it under the lock, and then sleeps, is asleep by now.
        drop(locked(&self.shared.state));
        self.shared.work.notify_all();
        self.shared.to_spool.notify_all();
    }
}
