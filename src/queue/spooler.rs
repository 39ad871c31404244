//! The spool's thread: opens the spool, and moves what is in the ring to disk when it should be there.

use super::{
    counters::Counter,
    shared::{Guarantee, RETRY_DISK, Shared, wait},
    spool::{Appended, Recovered, Spool},
    state::State,
};
use crate::{
    config::SpoolFull,
    document::{Document, resolve_all},
    lock::locked,
    log,
    losses::events,
    outcome::{Loss, Outcome},
};
use std::{
    io,
    sync::{MutexGuard, atomic::Ordering},
    time::{Duration, Instant},
};

/// How long the spool gathers documents while the sink fails.
const GATHER: Duration = Duration::from_millis(20);
/// How often a spool that is full, and drops what is newest, is tried again.
const RETRY_FULL: Duration = Duration::from_millis(100);
/// How often a spool that can't be opened is tried again.
const RETRY_OPEN: Duration = Duration::from_secs(10);

/// What the spool's thread does next.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Ends: nothing is left, or the disk refuses it.
    End,
    /// Leaves a disk that refused something alone until then.
    Rest(Instant),
    /// Opens the spool.
    Open,
    /// Sleeps until it is woken.
    Sleep,
    /// Waits a moment, so that more documents go into one write.
    Gather,
    /// Moves what is in the ring to disk.
    Move,
}

/// Decides. `failing`: documents don't get delivered at present. `closed`: no more come into the queue.
fn next_step(state: &State, now: Instant, failing: bool, closed: bool) -> Step {
    let State { ring, disk, stopped, .. } = state;
    let resting = disk.write_retry_at.filter(|until| *until > now);
    let ending = *stopped || (closed && ring.len() == 0 && !ring.has_reserved());
    if ending && (ring.len() == 0 || resting.is_some()) {
        return Step::End;
    }
    if let Some(until) = resting {
        return Step::Rest(until);
    }
    if !disk.open {
        return Step::Open;
    }
    if !state.should_spool(failing) {
        return Step::Sleep;
    }
    if ring.is_half_full() || *stopped || disk.always { Step::Move } else { Step::Gather }
}

impl Shared {
    /// Runs until the queue is closed and its ring empty, or the queue is stopped.
    pub(super) fn run_spooler(&self) {
        let mut state = locked(&self.state);
        loop {
            let now = Instant::now();
            state = match next_step(&state, now, self.is_failing(), self.closed.load(Ordering::Acquire)) {
                Step::End => return,
                Step::Rest(until) => wait(&self.to_spool, state, Some(until - now)),
                Step::Open => {
                    drop(state);
                    if let Err(e) = self.open_spool() {
                        self.report_spool_error(&e, "can't be opened");
                    }
                    locked(&self.state)
                }
                Step::Sleep => {
                    state.waiters.spooler_asleep = true;
                    state = wait(&self.to_spool, state, None);
                    state.waiters.spooler_asleep = false;
                    state
                }
                Step::Gather => {
                    state = wait(&self.to_spool, state, Some(GATHER));
                    if state.should_spool(self.is_failing()) { self.move_to_spool(state) } else { state }
                }
                Step::Move => self.move_to_spool(state),
            };
        }
    }

    /// Opens the spool, and takes over what is in it.
    pub(super) fn open_spool(&self) -> io::Result<()> {
        let Some(config) = &self.config.spool else { return Ok(()) };
        let (spool, recovered) = Spool::open(&self.name, config, &self.run_dir, &self.sync)?;
        let mut state = locked(&self.state);
        self.take_over(&mut state, recovered);
        // What came into the ring before there was a spool is counted there too.
        for _ in 0..state.ring.len() {
            spool.note_enqueued(None);
        }
        let _ = self.spool.set(spool);
        state.disk.open = true;
        drop(state);
        self.work.notify_all();
        Ok(())
    }

    /// Counts and reports what the process before this one left.
    fn take_over(&self, state: &mut State, recovered: Recovered) {
        let Recovered { spooled, in_flight, killed, missing, unreported, newest } = recovered;
        let name = &self.name;
        let waiting = spooled + in_flight.iter().map(|batch| batch.documents.len() as u64).sum::<u64>();
        if waiting > 0 {
            log::info(format_args!("output {name}: {waiting} events found in the spool"));
        }
        for (lost, what) in [
            (killed, "the process before this one ended without a word, its ring with it"),
            (missing, "spool damaged"),
            (unreported, "the process before this one ended before it could report"),
        ] {
            if lost > 0 {
                log::error(format_args!("output {name}: {what}, {} lost", events(lost)));
            }
        }
        state.counters[Counter::Recovered] += waiting + killed + missing + unreported;
        state.counters[Counter::Spool] += waiting;
        state.counters.record_outcome(killed + unreported, Outcome::Lost(Loss::Killed));
        state.counters.record_outcome(missing, Outcome::Lost(Loss::SpoolDamaged));
        state.disk.spooled = spooled;
        state.disk.write_retry_at = None;
        state.pending.recovered = in_flight;
        state.resume_mark = newest;
    }

    fn move_to_spool<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(spool) = self.spool.get() else { return state };
        let documents = state.ring.take_all_reserved();
        drop(state);
        let appended = spool.append(&documents);
        self.note_moved(spool, documents, appended);
        locked(&self.state)
    }

    /// Notes in the counters what came of documents that were to go to the spool, and reports it.
    pub(super) fn note_moved(&self, spool: &Spool, mut documents: Vec<Document>, appended: Appended) {
        let Appended { stored, too_large, dropped, error } = appended;
        let mut rest = documents.split_off(stored);
        if too_large {
            rest.remove(0).resolve(Outcome::Lost(Loss::SpoolFull));
            spool.note_bypassed(1);
        }
        let (stored, large) = (stored as u64, u64::from(too_large));
        let mut state = locked(&self.state);
        if state.counts_are_final {
            drop(state);
            resolve_all(&mut documents, Outcome::Persisted);
            return;
        }
        state.count_leaving_ring(stored + large);
        state.counters[Counter::Spool] += stored;
        state.counters[Counter::Spool] -= dropped;
        state.counters.record_outcome(dropped + large, Outcome::Lost(Loss::SpoolFull));
        state.disk.moves += 1;
        state.disk.spooled = (state.disk.spooled + stored).saturating_sub(dropped);
        state.ring.release_reserved(rest);
        if error.is_none() {
            state.disk.write_retry_at = None;
            state.disk.spool_error.clear();
        }
        drop(state);
        resolve_all(&mut documents, Outcome::Persisted);
        self.work.notify_all();
        self.room.notify_one();
        self.spool_full.lost_many(dropped, "the oldest are dropped");
        self.spool_full.lost_many(large, "larger than half of spool_limit");
        self.save_unreported();
        if let Some(e) = error {
            self.note_write_error(&e);
        }
    }

    fn note_write_error(&self, e: &io::Error) {
        let refuses = self.config.spool.as_ref().is_none_or(|spool| spool.full == SpoolFull::DropNewest);
        if e.kind() == io::ErrorKind::QuotaExceeded && refuses {
            let mut state = locked(&self.state);
            let why = match self.guarantee {
                Guarantee::BestEffort => "spool_full = drop_newest",
                Guarantee::Acknowledged => "what is acknowledged is not dropped",
            };
            state.disk.spool_error = format!("{e}, and {why}");
            state.disk.write_retry_at = Some(Instant::now() + RETRY_FULL);
        } else {
            self.report_spool_error(e, "can't be written");
        }
    }

    /// Reports that the disk refuses; it is tried again in a while.
    pub(super) fn report_spool_error(&self, e: &io::Error, what: &str) {
        let dir = self.config.spool.as_ref().map(|spool| spool.dir.display().to_string()).unwrap_or_default();
        self.complain(format_args!("spool {dir} {what}: {e}; trying on, with the ring alone"));
        let mut state = locked(&self.state);
        state.disk.spool_error = format!("spool: {e}");
        let soon = state.disk.open || e.kind() == io::ErrorKind::ResourceBusy;
        state.disk.write_retry_at = Some(Instant::now() + if soon { RETRY_DISK } else { RETRY_OPEN });
        drop(state);
        self.work.notify_all();
    }

    /// Saves how many losses nobody has been told of yet, in case this process is killed before it can.
    pub(super) fn save_unreported(&self) {
        if let Some(spool) = self.spool.get() {
            spool.save_unreported(self.full.unreported() + self.spool_full.unreported());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    /// A state with an open spool and so many documents in a ring for eight.
    fn state(always: bool, documents: usize) -> State {
        let spool = config::Spool { dir: "/spool".into(), always, limit: 1 << 20, full: SpoolFull::DropOldest };
        let mut state = State::new(&config::Queue {
            capacity: 8,
            capacity_bytes: 1 << 20,
            max_wait: Duration::ZERO,
            dead_letter_file: None,
            dead_letter_limit: 0,
            spool: Some(spool),
        });
        state.disk.open = true;
        (0..documents).for_each(|_| state.ring.push(Document::default()));
        state
    }

    /// The step of a thread whose queue is neither failing nor closed.
    fn step(state: &State) -> Step {
        next_step(state, Instant::now(), false, false)
    }

    #[test]
    fn what_the_sink_will_take_soon_stays_in_the_ring() {
        assert_eq!(step(&state(false, 0)), Step::Sleep);
        assert_eq!(step(&state(false, 3)), Step::Sleep);
    }

    #[test]
    fn half_a_ring_is_moved_at_once_and_less_is_gathered_while_the_sink_fails() {
        assert_eq!(step(&state(false, 4)), Step::Move);
        let failing = |documents| next_step(&state(false, documents), Instant::now(), true, false);
        assert_eq!(failing(0), Step::Sleep);
        assert_eq!(failing(3), Step::Gather);
        assert_eq!(failing(4), Step::Move);
    }

    #[test]
    fn what_always_goes_to_disk_is_not_gathered() {
        assert_eq!(step(&state(true, 0)), Step::Sleep);
        assert_eq!(step(&state(true, 1)), Step::Move);
    }

    #[test]
    fn a_disk_that_refused_is_left_alone_for_a_while() {
        let now = Instant::now();
        let mut state = state(true, 1);
        state.disk.write_retry_at = Some(now + RETRY_DISK);
        assert_eq!(next_step(&state, now, true, false), Step::Rest(now + RETRY_DISK));
        assert_eq!(next_step(&state, now + RETRY_DISK, true, false), Step::Move);
        state.disk.open = false;
        assert_eq!(next_step(&state, now, true, false), Step::Rest(now + RETRY_DISK));
        assert_eq!(next_step(&state, now + RETRY_DISK, true, false), Step::Open);
    }

    #[test]
    fn it_ends_with_an_empty_ring() {
        let now = Instant::now();
        let closed = |state: &State| next_step(state, now, false, true);
        assert_eq!(closed(&state(false, 0)), Step::End);
        assert_eq!(closed(&state(false, 3)), Step::Sleep, "the sink takes them");
        let mut moving = state(false, 4);
        moving.ring.take_all_reserved();
        assert_eq!(closed(&moving), Step::Sleep, "some may come back");
    }

    #[test]
    fn a_queue_that_is_stopped_tries_the_disk_once_more() {
        let now = Instant::now();
        let mut state = state(false, 1);
        state.disk.write_retry_at = Some(now + RETRY_DISK);
        state.stop();
        assert_eq!(next_step(&state, now, false, true), Step::Move);
        state.disk.write_retry_at = Some(now + RETRY_DISK);
        state.stop();
        assert_eq!(next_step(&state, now, false, true), Step::End);
        state.disk.write_retry_at = None;
        state.disk.open = false;
        assert_eq!(next_step(&state, now, false, true), Step::Open);
        state.ring.take(1, 100);
        assert_eq!(next_step(&state, now, false, true), Step::End);
    }
}
