//! The reading end: what a sink does.

use super::{Batch, BatchLimits, Dequeued, LAST_WRITE, MAX_DEFERRED, Origin, RETRY_DISK, ResumeMark, Shared, wait};
use crate::{
    lock::locked,
    queue::{
        counters::{Counter, Counters, Loss, Outcome},
        spool::{InFlightBatch, Spool},
    },
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// The reading end, of which there may be several; each document comes out once.
#[derive(Debug, Clone)]
pub struct QueueReceiver {
    pub(super) shared: Arc<Shared>,
}

impl QueueReceiver {
    /// The next documents, waiting for them; `None` when none will come any more.
    pub fn dequeue(&self, want: &BatchLimits) -> Option<Batch> {
        loop {
            match self.dequeue_timeout(want, Duration::from_secs(3600)) {
                Dequeued::Batch(batch) => return Some(batch),
                Dequeued::TimedOut => (),
                Dequeued::Closed => return None,
            }
        }
    }

    /// The next documents, waiting so long for them.
    pub fn dequeue_timeout(&self, want: &BatchLimits, patience: Duration) -> Dequeued {
        let shared = &self.shared;
        let deadline = Instant::now() + patience;
        // Before the ring is half full, which is when its documents go to the spool.
        let enough =
            (want.documents.min(shared.config.slots / 4).max(1), want.bytes.min(shared.config.bytes / 4).max(1));
        let mut state = locked(&shared.state);
        loop {
            if state.stopped {
                return Dequeued::Closed;
            }
            if let Some(InFlightBatch { path, documents }) = state.recovered.pop_front() {
                return Dequeued::Batch(Batch::new(documents, Origin::InFlightFile(path, 0)));
            }
            if let Some(batch) = take_due(&mut state.deferred, self.is_closed()) {
                return Dequeued::Batch(batch);
            }
            let readable = state.read_retry_at.is_none_or(|until| until <= Instant::now());
            if state.spooled > 0 && readable && !state.reading {
                state.reading = true;
                drop(state);
                let read = shared.read_spool(want);
                state = locked(&shared.state);
                state.reading = false;
                // Others may go on where this one ends.
                if state.sinks_asleep > 0 {
                    shared.work.notify_one();
                }
                match read {
                    Some(batch) => return Dequeued::Batch(batch),
                    None => continue,
                }
            }
            let ring_is_next = (state.spooled == 0 || !readable)
                && !state.reading
                && !state.ring.has_reserved()
                && (!shared.always_spools() || state.write_retry_at.is_some() || shared.spool.get().is_none());
            let mut limit = deadline;
            if ring_is_next && state.ring.len() > 0 {
                let due = state.waiting_since + want.interval;
                let full = state.ring.len() >= enough.0 || state.ring.bytes() >= enough.1;
                if full || self.is_closed() || Instant::now() >= due {
                    return Dequeued::Batch(shared.take_from_ring(&mut state, want));
                }
                limit = limit.min(due);
            }
            let idle = state.spooled == 0 && !state.reading && state.ring.len() == 0 && !state.ring.has_reserved();
            if self.is_closed() && idle {
                // One who slept while another read the last is to know it too.
                shared.work.notify_one();
                return Dequeued::Closed;
            }
            let now = Instant::now();
            if now >= deadline {
                return Dequeued::TimedOut;
            }
            let clock = limit < deadline && state.filling.is_none();
            if clock {
                state.filling = Some(enough);
            }
            let due = state.deferred.iter().map(|(time, _)| *time).min();
            let until = if clock { limit } else { deadline };
            let until = due.map_or(until, |due| due.min(until));
            let retry = if readable { until } else { until.min(now + RETRY_DISK) };
            state.sinks_asleep += 1;
            state = wait(&shared.work, state, Some(retry.saturating_duration_since(now)));
            state.sinks_asleep -= 1;
            if clock {
                state.filling = None;
            }
        }
    }

    /// Notes what came of the next so many documents of a batch.
    pub fn record_outcome(&self, batch: &mut Batch, number: usize, outcome: Outcome) {
        batch.resolved += number;
        let number = number as u64;
        let mut state = locked(&self.shared.state);
        if state.counts_are_final {
            return;
        }
        match batch.origin {
            Origin::Ring(_) => state.counters[Counter::Ring] -= number,
            Origin::Spool(_) | Origin::InFlightFile(..) => state.counters[Counter::Spool] -= number,
        }
        state.counters.record_outcome(number, outcome);
    }

    /// A batch is done with: all of its documents are settled.
    pub fn complete(&self, batch: Batch) {
        let Some(spool) = self.shared.spool.get() else { return };
        match batch.origin {
            Origin::Ring(true) => spool.note_bypassed(batch.documents.len() as u64),
            Origin::Ring(false) => (),
            Origin::Spool(numbers) => spool.complete(numbers),
            Origin::InFlightFile(path, _) => spool.delete_persisted(path),
        }
    }

    /// All documents of a batch have the same outcome.
    pub fn record_outcome_of_all(&self, mut batch: Batch, outcome: Outcome) {
        let number = batch.unresolved();
        self.record_outcome(&mut batch, number, outcome);
        self.complete(batch);
    }

    /// Leaves a batch whose documents aren't all settled: the others stay in the spool, or come to it now. Without
    /// one they are lost at the end.
    pub fn release(&self, mut batch: Batch) {
        self.persist(&mut batch);
        let Some(spool) = self.shared.spool.get() else { return };
        match &batch.origin {
            Origin::Spool((from, to)) => {
                let settled = batch.resolved as u64;
                // With a damaged one among them, or in another order, it isn't known whose the numbers are; then they
                // come again.
                if settled > 0 && !batch.reordered && to - from == batch.documents.len() as u64 {
                    spool.complete((*from, from + settled));
                }
            }
            // Those that are settled mustn't come again.
            Origin::InFlightFile(path, first) if batch.resolved > *first => {
                if let Err(e) = spool.persist_rest(path, &batch.documents[batch.resolved..]) {
                    self.shared.complain(format_args!("can't write into the spool: {e}; some events may come twice"));
                }
            }
            Origin::InFlightFile(..) | Origin::Ring(_) => (),
        }
    }

    /// The batch may be put off: it is in a file of its own, and there is room for it beside others.
    pub fn can_defer(&self, batch: &Batch) -> bool {
        if !matches!(batch.origin, Origin::InFlightFile(..)) {
            return false;
        }
        let state = locked(&self.shared.state);
        let documents = state.deferred.iter().flat_map(|(_, batch)| &batch.documents);
        state.deferred.len() < MAX_DEFERRED && documents.map(Vec::len).sum::<usize>() < self.shared.config.bytes
    }

    /// Leaves a batch whose documents aren't all settled until it is time to try them again; others get their turn
    /// meanwhile. Only what is on disk can be put off: it is as safe there as in the spool.
    pub fn defer(&self, mut batch: Batch, until: Instant) {
        let (Origin::InFlightFile(path, first), Some(spool)) = (&batch.origin, self.shared.spool.get()) else {
            return self.release(batch);
        };
        let (mut path, settled) = (path.clone(), batch.resolved);
        let rest = batch.documents.split_off(settled);
        if settled > *first {
            match spool.persist_rest(&path, &rest) {
                Ok(new) => path = new,
                Err(e) => {
                    self.shared.complain(format_args!("can't write into the spool: {e}; some events may come twice"))
                }
            }
        }
        let batch =
            Batch { deferrals: batch.deferrals.saturating_add(1), ..Batch::new(rest, Origin::InFlightFile(path, 0)) };
        locked(&self.shared.state).deferred.push((until, batch));
        self.shared.work.notify_one();
    }

    /// Makes sure that documents in the hands of a failing sink survive this process, if there is a spool. Those that
    /// come from it get a file of their own too: nothing behind them in the spool is kept, or comes again, because of
    /// them, however long the server refuses them.
    pub fn persist(&self, batch: &mut Batch) {
        let Some(spool) = self.shared.spool.get() else { return };
        if matches!(batch.origin, Origin::InFlightFile(..)) {
            return;
        }
        let documents = &batch.documents[batch.resolved..];
        let secured = spool.persist(documents);
        match (&batch.origin, secured) {
            (Origin::Ring(counted), Ok(path)) => {
                if *counted {
                    spool.note_bypassed(batch.documents.len() as u64);
                }
                let number = documents.len() as u64;
                batch.origin = Origin::InFlightFile(path, batch.resolved);
                let mut state = locked(&self.shared.state);
                if !state.counts_are_final {
                    state.counters[Counter::Ring] -= number;
                    state.counters[Counter::Spool] += number;
                }
            }
            (Origin::Spool(numbers), Ok(path)) => {
                spool.complete(*numbers);
                batch.origin = Origin::InFlightFile(path, batch.resolved);
            }
            (Origin::Ring(_), Err(e)) => self.shared.complain(format_args!("can't write into the spool: {e}")),
            // They are on disk anyway.
            (Origin::Spool(_) | Origin::InFlightFile(..), _) => (),
        }
    }

    /// Says whether documents get delivered at present; while they don't, what comes goes to the spool at once.
    pub fn set_failing(&self, failing: bool) {
        // Said after every request, and rarely news.
        if self.shared.failing.swap(failing, Ordering::AcqRel) != failing {
            // Whoever looks at it under the lock, and then sleeps, is asleep by now.
            drop(locked(&self.shared.state));
            self.shared.to_spool.notify_one();
        }
    }

    /// True when no more documents come in.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// The newest serial that a process before this one saw, if it has a spool and the system is still the same.
    pub fn resume_mark(&self) -> Option<ResumeMark> {
        locked(&self.shared.state).resume_mark
    }

    /// What is left stays where it is: in the spool, or is given up by [`QueueReceiver::finish`].
    pub fn stop(&self) {
        locked(&self.shared.state).stopped = true;
        self.shared.work.notify_all();
        self.shared.to_spool.notify_all();
    }

    /// After the sink's end: puts what is in the ring onto disk, gives up what can't be, and says what came of it all,
    /// and how many were given up.
    pub fn finish(&self) -> (Counters, u64) {
        let shared = &self.shared;
        locked(&shared.state).stopped = true;
        shared.to_spool.notify_all();
        let spooler = locked(&shared.spooler).take();
        if let Some(ended) = spooler {
            // It ends when all is written or can't be; only a disk that hangs makes it late.
            let _ = ended.recv_timeout(LAST_WRITE);
        }
        shared.full.finish();
        shared.spool_full.finish();
        let mut state = locked(&shared.state);
        if shared.always_spools() && !state.counts_are_final {
            // Also those on their way to a disk that hangs.
            let unwritten = state.ring.held().0 as u64;
            state.counters[Counter::Events] += unwritten;
            state.counters[Counter::Ring] += unwritten;
        }
        // Also what a sink still has in its hands.
        let left = state.counters[Counter::Ring];
        state.counters[Counter::Ring] = 0;
        state.counters.record_outcome(left, Outcome::Lost(Loss::AtEnd));
        state.counts_are_final = true;
        let counters = state.counters;
        drop(state);
        if let Some(spool) = shared.spool.get() {
            spool.forget_ring();
        }
        (counters, left)
    }

    /// The counters now.
    pub fn counters(&self) -> Counters {
        locked(&self.shared.state).counters
    }

    /// The counters now, with what is on its way to the disk as events in the ring, and bytes in the ring and in the
    /// spool's files.
    pub fn metrics(&self) -> (Counters, u64, u64) {
        let state = locked(&self.shared.state);
        let (documents, bytes) = state.ring.held();
        let mut counters = state.counters;
        drop(state);
        if self.shared.always_spools() {
            counters[Counter::Events] += documents as u64;
            counters[Counter::Ring] += documents as u64;
        }
        (counters, bytes as u64, self.shared.spool.get().map_or(0, Spool::bytes))
    }
}

/// The batch that was put off and whose time has come longest ago; at the end (`all`) each gets a last try.
fn take_due(aside: &mut Vec<(Instant, Batch)>, all: bool) -> Option<Batch> {
    let (at, (time, _)) = aside.iter().enumerate().min_by_key(|(_, (time, _))| *time)?;
    (all || *time <= Instant::now()).then(|| aside.swap_remove(at).1)
}
