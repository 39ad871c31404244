//! The writing end: what the reader does.

use super::{Newest, Shared, wait};
use crate::{
    lock::locked,
    queue::{
        books::{Fate, Loss},
        ring::Document,
    },
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// The writing end; there is one.
#[derive(Debug)]
pub struct Inlet {
    pub(super) shared: Arc<Shared>,
    /// The sink is on this machine: its reader may be waited for.
    pub(super) local: bool,
    /// How long the reader may still wait before it must have let something in.
    pub(super) patience: Duration,
}

impl Inlet {
    /// Puts a document in. For a local sink, and for a spool that works, the reader waits for room, but no longer
    /// than `max_wait` in a row: what one document used up the next can't. False when the document is lost, which is
    /// then counted and reported.
    pub fn push(&mut self, document: Document, newest: Option<Newest>) -> bool {
        let shared = &self.shared;
        let mut state = locked(&shared.state);
        if !shared.always_spools() {
            state.books.events += 1;
        }
        if !state.ring.has_room(document.len()) && !self.patience.is_zero() {
            let start = Instant::now();
            while !state.ring.has_room(document.len())
                && start.elapsed() < self.patience
                && (self.local || shared.spool_makes_room(&state))
            {
                shared.to_spool.notify_one();
                state.reader_asleep = true;
                state = wait(&shared.room, state, Some(Duration::from_millis(5)));
                state.reader_asleep = false;
            }
            self.patience = self.patience.saturating_sub(start.elapsed());
        }
        if !state.ring.has_room(document.len()) {
            if shared.always_spools() {
                state.books.events += 1;
            }
            state.books.settle(1, Fate::Lost(Loss::RingFull));
            let why = state.trouble.clone();
            drop(state);
            self.see(newest);
            shared.full.lost(&why);
            shared.owe();
            return false;
        }
        self.patience = shared.config.max_wait;
        if let Some(spool) = shared.spool.get() {
            spool.take(newest);
        }
        if state.ring.len() == 0 {
            state.waiting_since = Instant::now();
        }
        state.ring.push(document);
        if !shared.always_spools() {
            state.books.ring += 1;
        }
        let wake_spool = state.spooler_asleep && shared.should_spool(&state);
        let enough = |(documents, bytes)| state.ring.len() >= documents || state.ring.bytes() >= bytes;
        let wake_sink = state.sinks_asleep > 0 && state.timing.is_none_or(enough);
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
    pub fn see(&self, newest: Option<Newest>) {
        if let (Some(spool), Some(newest)) = (self.shared.spool.get(), newest) {
            spool.see(newest);
        }
    }

    /// An event that the output's settings leave out.
    pub fn leave_out(&self, newest: Option<Newest>) {
        self.see(newest);
        let mut state = locked(&self.shared.state);
        state.books.events += 1;
        state.books.left_out += 1;
    }

    /// To be called about once a second: reports what was held back.
    pub fn tick(&self) {
        self.shared.full.tick();
        self.shared.spool_full.tick();
        self.shared.owe();
    }
}

/// Ends the input: the sink gets what is left, and then its end.
impl Drop for Inlet {
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
