//! Between ring and disk: the spool's thread, and what both ends need of it.

use super::{Batch, BatchLimits, GATHER, Origin, RETRY_DISK, RETRY_OPEN, Shared, State, wait};
use crate::{
    config::SpoolFull,
    lock::locked,
    log,
    losses::events,
    queue::{
        counters::{Counter, Loss, Outcome},
        ring::Document,
        spool::{Appended, Spool},
    },
};
use std::{
    io,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

impl Shared {
    /// Notes how many losses nobody has been told of yet, in case this process is killed before it can.
    pub(super) fn owe(&self) {
        if let Some(spool) = self.spool.get() {
            spool.save_unreported(self.full.unreported() + self.spool_full.unreported());
        }
    }

    pub(super) fn always_spools(&self) -> bool {
        self.config.spool.as_ref().is_some_and(|spool| spool.always)
    }

    /// The spool's thread is about to make room in the ring.
    pub(super) fn spool_makes_room(&self, state: &State) -> bool {
        self.spool.get().is_some() && state.write_retry_at.is_none()
    }

    /// What is in the ring is to go to the spool.
    pub(super) fn should_spool(&self, state: &State) -> bool {
        state.ring.len() > 0
            && (self.failing.load(Ordering::Acquire)
                || self.always_spools()
                || state.ring.is_half_full()
                || state.stopped)
    }

    pub(super) fn take_from_ring(&self, state: &mut State, want: &BatchLimits) -> Batch {
        let documents = state.ring.take(want.documents, want.bytes);
        if self.always_spools() {
            // The disk refuses: the ring is all there is.
            state.counters[Counter::Events] += documents.len() as u64;
            state.counters[Counter::Ring] += documents.len() as u64;
        }
        if state.ring.len() > 0 {
            state.waiting_since = Instant::now();
            if state.sinks_asleep > 0 {
                self.work.notify_one();
            }
        }
        if state.reader_asleep {
            self.room.notify_one();
        }
        Batch::new(documents, Origin::Ring(self.spool.get().is_some()))
    }

    /// Reads from the spool; `None` when there was nothing after all.
    pub(super) fn read_spool(&self, want: &BatchLimits) -> Option<Batch> {
        let spool = self.spool.get()?;
        let moves = locked(&self.state).moves;
        let read = spool.read(want.documents, want.bytes);
        let mut state = locked(&self.state);
        let read = match read {
            Ok(read) => read,
            Err(e) => {
                state.read_retry_at = Some(Instant::now() + RETRY_DISK);
                drop(state);
                self.complain(format_args!("can't read the spool: {e}; trying on"));
                return None;
            }
        };
        state.read_retry_at = None;
        let documents = read.documents.len() as u64;
        let number = documents + read.damaged;
        // What the spool's thread has just written, or dropped, it may have yet to note in these counters.
        while state.spooled < number && state.ring.has_reserved() {
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
        if number == 0 && state.moves != moves {
            return None;
        }
        state.spooled = state.spooled.saturating_sub(number);
        if number == 0 {
            // The spool and these counters disagree, which would mean waiting for ever.
            state.counters[Counter::Spool] -= state.spooled;
            let lost = std::mem::take(&mut state.spooled);
            state.counters.record_outcome(lost, Outcome::Lost(Loss::SpoolDamaged));
            drop(state);
            self.report_damage(lost);
            return None;
        }
        state.counters[Counter::Spool] -= read.damaged;
        state.counters.record_outcome(read.damaged, Outcome::Lost(Loss::SpoolDamaged));
        drop(state);
        self.report_damage(read.damaged);
        if read.documents.is_empty() {
            spool.complete(read.numbers);
            return None;
        }
        Some(Batch::new(read.documents, Origin::Spool(read.numbers)))
    }

    fn report_damage(&self, lost: u64) {
        if lost > 0 {
            log::error(format_args!("output {}: spool damaged, {} lost", self.name, events(lost)));
        }
    }

    pub(super) fn complain(&self, what: impl std::fmt::Display) {
        self.complaints.error(format_args!("output {}: {what}", self.name));
    }

    pub(super) fn report_spool_error(&self, e: &io::Error, what: &str) {
        let dir = self.config.spool.as_ref().map(|spool| spool.dir.display().to_string()).unwrap_or_default();
        self.complain(format_args!("spool {dir} {what}: {e}; trying on, with the ring alone"));
        let mut state = locked(&self.state);
        state.spool_error = format!("spool: {e}");
        let soon = self.spool.get().is_some() || e.kind() == io::ErrorKind::ResourceBusy;
        state.write_retry_at = Some(Instant::now() + if soon { RETRY_DISK } else { RETRY_OPEN });
        drop(state);
        self.work.notify_all();
    }

    /// Opens the spool, and takes over what is in it.
    pub(super) fn open_spool(&self) -> io::Result<()> {
        let Some(config) = &self.config.spool else { return Ok(()) };
        let (spool, found) = Spool::open(&self.name, config, &self.run_dir)?;
        let name = &self.name;
        let in_flight: u64 = found.in_flight.iter().map(|batch| batch.documents.len() as u64).sum();
        let waiting = found.spooled + in_flight;
        if waiting > 0 {
            log::info(format_args!("output {name}: {waiting} events found in the spool"));
        }
        for (lost, what) in [
            (found.killed, "the process before this one ended without a word, its ring with it"),
            (found.missing, "spool damaged"),
            (found.unreported, "the process before this one ended before it could report"),
        ] {
            if lost > 0 {
                log::error(format_args!("output {name}: {what}, {} lost", events(lost)));
            }
        }
        let mut state = locked(&self.state);
        state.counters[Counter::Recovered] += waiting + found.killed + found.missing + found.unreported;
        state.counters[Counter::Spool] += waiting;
        state.counters.record_outcome(found.killed + found.unreported, Outcome::Lost(Loss::Killed));
        state.counters.record_outcome(found.missing, Outcome::Lost(Loss::SpoolDamaged));
        state.spooled = found.spooled;
        state.recovered = found.in_flight;
        state.resume_mark = found.newest;
        state.write_retry_at = None;
        // What came into the ring before there was a spool is counted there too.
        for _ in 0..state.ring.len() {
            spool.note_enqueued(None);
        }
        let _ = self.spool.set(spool);
        drop(state);
        self.work.notify_all();
        Ok(())
    }

    /// The spool's thread: moves what is in the ring to disk when it should be there.
    pub(super) fn run_spooler(&self) {
        let mut state = locked(&self.state);
        let mut tried_last = false;
        loop {
            let now = Instant::now();
            // At the end a disk that refused a moment ago is tried once more.
            let last = state.stopped && !tried_last;
            tried_last = state.stopped;
            let resting = state.write_retry_at.filter(|until| *until > now && !last);
            let ending = state.stopped
                || (self.closed.load(Ordering::Acquire) && state.ring.len() == 0 && !state.ring.has_reserved());
            if ending && (state.ring.len() == 0 || resting.is_some()) {
                return;
            }
            if let Some(until) = resting {
                state = wait(&self.to_spool, state, Some(until - now));
                continue;
            }
            if self.spool.get().is_none() {
                drop(state);
                if let Err(e) = self.open_spool() {
                    self.report_spool_error(&e, "can't be opened");
                }
                state = locked(&self.state);
                continue;
            }
            if !self.should_spool(&state) {
                state.spooler_asleep = true;
                state = wait(&self.to_spool, state, None);
                state.spooler_asleep = false;
                continue;
            }
            if !state.ring.is_half_full() && !state.stopped && !self.always_spools() {
                let gathered = wait(&self.to_spool, state, Some(GATHER));
                state = gathered;
                if !self.should_spool(&state) {
                    continue;
                }
            }
            let documents = state.ring.take_all_reserved();
            drop(state);
            self.move_to_spool(documents);
            state = locked(&self.state);
        }
    }

    fn move_to_spool(&self, documents: Vec<Document>) {
        let Some(spool) = self.spool.get() else { return };
        let appended = spool.append(&documents);
        self.note_moved(spool, documents, appended);
    }

    /// Notes in the counters what came of documents that were to go to the spool.
    pub(super) fn note_moved(&self, spool: &Spool, mut documents: Vec<Document>, appended: Appended) {
        let mut rest = documents.split_off(appended.stored);
        let too_large = u64::from(appended.too_large);
        if appended.too_large {
            rest.remove(0);
            spool.note_bypassed(1);
        }
        let stored = appended.stored as u64;
        let mut state = locked(&self.state);
        if state.counts_are_final {
            return;
        }
        if self.always_spools() {
            state.counters[Counter::Events] += stored + too_large;
        } else {
            state.counters[Counter::Ring] -= stored + too_large;
        }
        state.counters[Counter::Spool] += stored;
        state.moves += 1;
        state.spooled += stored;
        state.spooled = state.spooled.saturating_sub(appended.dropped);
        state.counters[Counter::Spool] -= appended.dropped;
        state.counters.record_outcome(appended.dropped + too_large, Outcome::Lost(Loss::SpoolFull));
        state.ring.release_reserved(rest);
        if appended.error.is_none() {
            state.write_retry_at = None;
            state.spool_error.clear();
        }
        drop(state);
        self.work.notify_all();
        self.room.notify_one();
        let limit = self.config.spool.as_ref().map_or(SpoolFull::DropNewest, |spool| spool.full);
        if appended.dropped > 0 {
            self.spool_full.lost_many(appended.dropped, "the oldest are dropped");
        }
        if appended.too_large {
            self.spool_full.lost("larger than half of spool_limit");
        }
        self.owe();
        match appended.error {
            Some(e) if e.kind() == io::ErrorKind::QuotaExceeded && limit == SpoolFull::DropNewest => {
                let mut state = locked(&self.state);
                state.spool_error = format!("{e}, and spool_full = drop_newest");
                state.write_retry_at = Some(Instant::now() + Duration::from_millis(100));
            }
            Some(e) => self.report_spool_error(&e, "can't be written"),
            None => (),
        }
    }
}
