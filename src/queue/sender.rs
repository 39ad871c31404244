//! The writing end: what the reader does.

use super::{
    counters::Counter,
    shared::{Overflow, Shared, wait},
    spool::ResumeMark,
    state::State,
};
use crate::{
    document::Document,
    lock::locked,
    outcome::{Loss, Outcome},
};
use std::{
    sync::{Arc, MutexGuard, atomic::Ordering},
    time::{Duration, Instant},
};

/// The writing end; there is one.
#[derive(Debug)]
pub struct QueueSender {
    pub(super) shared: Arc<Shared>,
    pub(super) overflow: Overflow,
    /// How long the reader may still wait before it must have let something in.
    pub(super) timeout: Duration,
}

impl QueueSender {
    /// Puts a document in. For a local sink, and for a spool that works, the reader waits for room, but no longer
    /// than `max_wait` in a row: what one document used up the next can't.
    ///
    /// If there is no room, a document without a receipt is lost. The loss is counted and reported.
    ///
    /// # Errors
    /// If there is no room, a document with a receipt comes back. The queue has not accepted it. The source must stop
    /// reading, and may push the document again later.
    pub fn push(&mut self, document: Document, mark: Option<ResumeMark>) -> Result<(), Document> {
        let mut state = locked(&self.shared.state);
        if !state.ring.has_room(document.len()) {
            let start = Instant::now();
            state = self.shared.wait_for_room(state, document.len(), self.overflow, self.timeout);
            self.timeout = self.timeout.saturating_sub(start.elapsed());
        }
        let shared = &self.shared;
        if !state.ring.has_room(document.len()) {
            if document.receipt.is_some() {
                return Err(document);
            }
            state.counters[Counter::Events] += 1;
            state.counters.record_outcome(1, Outcome::Lost(Loss::RingFull));
            let why = state.disk.spool_error.clone();
            drop(state);
            self.note_serial(mark);
            shared.full.lost(&why);
            shared.save_unreported();
            return Ok(());
        }
        self.timeout = shared.config.max_wait;
        if let Some(spool) = shared.spool.get() {
            spool.note_enqueued(mark);
        }
        state.ring.push(document);
        // With `spool = always` it counts when it is on the disk.
        if !state.disk.always {
            state.counters[Counter::Events] += 1;
            state.counters[Counter::Ring] += 1;
        }
        let wake_spool = state.waiters.spooler_asleep && state.should_spool(shared.is_failing());
        let wake_sink =
            state.waiters.sinks_asleep > 0 && state.waiters.filling.is_none_or(|size| state.ring.holds(size));
        drop(state);
        if wake_sink {
            shared.work.notify_one();
        }
        if wake_spool {
            shared.to_spool.notify_one();
        }
        Ok(())
    }

    /// An event that filters dropped: only its serial matters.
    pub fn note_serial(&self, mark: Option<ResumeMark>) {
        if let (Some(spool), Some(mark)) = (self.shared.spool.get(), mark) {
            spool.note_serial(mark);
        }
    }

    /// An event that the output's settings leave out.
    pub fn skip(&self, mark: Option<ResumeMark>) {
        self.note_serial(mark);
        let mut state = locked(&self.shared.state);
        state.counters[Counter::Events] += 1;
        state.counters.record_outcome(1, Outcome::Skipped);
    }

    /// To be called about once a second: reports what was held back.
    pub fn tick(&self) {
        self.shared.full.tick();
        self.shared.spool_full.tick();
        self.shared.save_unreported();
    }
}

impl Shared {
    /// The reader waits until a document of so many bytes fits into the ring, but no longer than `timeout`.
    fn wait_for_room<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        bytes: usize,
        overflow: Overflow,
        timeout: Duration,
    ) -> MutexGuard<'a, State> {
        let start = Instant::now();
        while !state.ring.has_room(bytes)
            && start.elapsed() < timeout
            && (overflow == Overflow::Wait || state.disk.makes_room())
        {
            self.to_spool.notify_one();
            state.waiters.reader_asleep = true;
            state = wait(&self.room, state, Some(Duration::from_millis(5)));
            state.waiters.reader_asleep = false;
        }
        state
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
