//! The reading end: where a sink gets its documents. `batch.rs` has what it does with them.

use super::{
    Batch, BatchLimits, Dequeued, LAST_WRITE, RETRY_DISK, ResumeMark, Shared, State,
    batch::Origin,
    counters::{Counter, Counters},
    next::{Next, next},
    spool::Spool,
    state::BatchSize,
    wait,
};
use crate::{
    lock::locked,
    log,
    losses::events,
    outcome::{Loss, Outcome},
};
use std::{
    sync::{Arc, MutexGuard, atomic::Ordering},
    time::{Duration, Instant},
};

/// The reading end, of which there may be several; each document comes out once.
#[derive(Debug, Clone)]
pub struct QueueReceiver {
    pub(super) shared: Arc<Shared>,
}

impl QueueReceiver {
    /// The next documents, waiting for them; `None` when none will come any more.
    pub fn dequeue(&self, limits: &BatchLimits) -> Option<Batch> {
        loop {
            match self.dequeue_timeout(limits, Duration::from_secs(3600)) {
                Dequeued::Batch(batch) => return Some(batch),
                Dequeued::TimedOut => (),
                Dequeued::Closed => return None,
            }
        }
    }

    /// The next documents, waiting so long for them.
    pub fn dequeue_timeout(&self, limits: &BatchLimits, timeout: Duration) -> Dequeued {
        let shared = &self.shared;
        let deadline = Instant::now() + timeout;
        let mut state = locked(&shared.state);
        loop {
            let now = Instant::now();
            let batch = match next(&state, limits, now, deadline, self.is_closed()) {
                Next::InFlight => state.pending.take_recovered(),
                Next::Deferred => state.pending.take_deferred(),
                Next::Spool => {
                    state.disk.reading = true;
                    drop(state);
                    let batch = shared.read_spool(limits);
                    state = locked(&shared.state);
                    state.disk.reading = false;
                    // Others may go on where this one ends.
                    if state.waiters.sinks_asleep > 0 {
                        shared.work.notify_one();
                    }
                    batch
                }
                Next::Ring => Some(shared.take_from_ring(&mut state, limits)),
                Next::Closed => {
                    // One who slept while another took the last is to know it too.
                    shared.work.notify_one();
                    return Dequeued::Closed;
                }
                Next::TimedOut => return Dequeued::TimedOut,
                Next::Sleep { until, fill } => {
                    state = shared.sleep(state, until.saturating_duration_since(now), fill);
                    None
                }
            };
            if let Some(batch) = batch {
                return Dequeued::Batch(batch);
            }
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
        locked(&self.shared.state).stop();
        self.shared.work.notify_all();
        self.shared.to_spool.notify_all();
    }

    /// After the sink's end: puts what is in the ring onto disk, gives up what can't be, and says what came of it all,
    /// and how many were given up.
    pub fn finish(&self) -> (Counters, u64) {
        let shared = &self.shared;
        locked(&shared.state).stop();
        shared.to_spool.notify_all();
        let spooler = locked(&shared.spooler).take();
        if let Some(ended) = spooler {
            // It ends when all is written or can't be; only a disk that hangs makes it late.
            let _ = ended.recv_timeout(LAST_WRITE);
        }
        shared.full.finish();
        shared.spool_full.finish();
        let mut state = locked(&shared.state);
        if !state.counts_are_final {
            // Also those on their way to a disk that hangs.
            state.counters = state.counters();
        }
        // Also what is still in flight in a sink.
        let left = std::mem::take(&mut state.counters[Counter::Ring]);
        state.counters.record_outcome(left, Outcome::Lost(Loss::AtEnd));
        state.counts_are_final = true;
        let counters = state.counters;
        // Whoever waits for them learns that they are lost.
        let unsent = state.ring.take(usize::MAX, usize::MAX);
        drop(state);
        drop(unsent);
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
        let (counters, (_, bytes)) = (state.counters(), state.ring.held());
        drop(state);
        (counters, bytes as u64, self.shared.spool.get().map_or(0, Spool::bytes))
    }
}

impl Shared {
    /// A sink's thread sleeps until it is woken, but not longer than that.
    fn sleep<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        time: Duration,
        fill: Option<BatchSize>,
    ) -> MutexGuard<'a, State> {
        if fill.is_some() {
            state.waiters.filling = fill;
        }
        state.waiters.sinks_asleep += 1;
        state = wait(&self.work, state, Some(time));
        state.waiters.sinks_asleep -= 1;
        if fill.is_some() {
            state.waiters.filling = None;
        }
        state
    }

    fn take_from_ring(&self, state: &mut State, limits: &BatchLimits) -> Batch {
        let documents = state.ring.take(limits.documents, limits.bytes);
        if state.disk.always {
            // The disk refuses: the ring is all there is.
            state.counters[Counter::Events] += documents.len() as u64;
            state.counters[Counter::Ring] += documents.len() as u64;
        }
        if state.ring.len() > 0 && state.waiters.sinks_asleep > 0 {
            self.work.notify_one();
        }
        if state.waiters.reader_asleep {
            self.room.notify_one();
        }
        Batch::new(documents, Origin::Ring { journaled: state.disk.open })
    }

    /// Reads from the spool; `None` when there was nothing after all.
    fn read_spool(&self, limits: &BatchLimits) -> Option<Batch> {
        let spool = self.spool.get()?;
        let moves = locked(&self.state).disk.moves;
        let read = spool.read(limits.documents, limits.bytes);
        let mut state = locked(&self.state);
        let read = match read {
            Ok(read) => read,
            Err(e) => {
                state.disk.read_retry_at = Some(Instant::now() + RETRY_DISK);
                drop(state);
                self.complain(format_args!("can't read the spool: {e}; trying on"));
                return None;
            }
        };
        state.disk.read_retry_at = None;
        let documents = read.documents.len() as u64;
        let number = documents + read.damaged;
        // What the spool's thread has just written, or dropped, it may have yet to note in these counters.
        while state.disk.spooled < number && state.ring.has_reserved() {
            if state.stopped {
                // The next process finds them in the spool.
                return None;
            }
            state = wait(&self.work, state, Some(RETRY_DISK));
        }
        if number == 0 && state.ring.has_reserved() {
            drop(wait(&self.work, state, Some(RETRY_DISK)));
            return None;
        }
        if number == 0 && state.disk.moves != moves {
            return None;
        }
        state.disk.spooled = state.disk.spooled.saturating_sub(number);
        if number == 0 {
            // The spool and these counters disagree, which would mean waiting for ever.
            let lost = std::mem::take(&mut state.disk.spooled);
            self.count_damaged(state, lost);
            return None;
        }
        self.count_damaged(state, read.damaged);
        if read.documents.is_empty() {
            spool.complete(read.numbers);
            return None;
        }
        Some(Batch::new(read.documents, Origin::Spool(read.numbers)))
    }

    /// Counts and reports documents that can't be read.
    fn count_damaged(&self, mut state: MutexGuard<State>, lost: u64) {
        state.counters[Counter::Spool] -= lost;
        state.counters.record_outcome(lost, Outcome::Lost(Loss::SpoolDamaged));
        drop(state);
        if lost > 0 {
            log::error(format_args!("output {}: spool damaged, {} lost", self.name, events(lost)));
        }
    }
}
