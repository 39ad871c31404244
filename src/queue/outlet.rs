//! The reading end: what a sink does.

use super::{Batch, LAST_WRITE, MAX_ASIDE, Newest, Origin, RETRY_DISK, Shared, Taken, Want, wait};
use crate::{
    lock::locked,
    queue::{
        books::{Books, Fate, Loss},
        spool::{Hand, Spool},
    },
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// The reading end, of which there may be several; each document comes out once.
#[derive(Debug, Clone)]
pub struct Outlet {
    pub(super) shared: Arc<Shared>,
}

impl Outlet {
    /// The next documents, waiting for them; `None` when none will come any more.
    pub fn take(&self, want: &Want) -> Option<Batch> {
        loop {
            match self.take_within(want, Duration::from_secs(3600)) {
                Taken::Batch(batch) => return Some(batch),
                Taken::Nothing => (),
                Taken::End => return None,
            }
        }
    }

    /// The next documents, waiting so long for them.
    pub fn take_within(&self, want: &Want, patience: Duration) -> Taken {
        let shared = &self.shared;
        let deadline = Instant::now() + patience;
        // Before the ring is half full, which is when its documents go to the spool.
        let enough =
            (want.documents.min(shared.config.slots / 4).max(1), want.bytes.min(shared.config.bytes / 4).max(1));
        let mut state = locked(&shared.state);
        loop {
            if state.abandoned {
                return Taken::End;
            }
            if let Some(Hand { path, documents }) = state.hands.pop_front() {
                return Taken::Batch(Batch::new(documents, Origin::Hand(path, 0)));
            }
            if let Some(batch) = take_due(&mut state.aside, self.is_closed()) {
                return Taken::Batch(batch);
            }
            let readable = state.unreadable.is_none_or(|until| until <= Instant::now());
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
                    Some(batch) => return Taken::Batch(batch),
                    None => continue,
                }
            }
            let ring_is_next = (state.spooled == 0 || !readable)
                && !state.reading
                && !state.ring.has_some_away()
                && (!shared.always_spools() || state.unwritable.is_some() || shared.spool.get().is_none());
            let mut limit = deadline;
            if ring_is_next && state.ring.len() > 0 {
                let due = state.waiting_since + want.interval;
                let full = state.ring.len() >= enough.0 || state.ring.bytes() >= enough.1;
                if full || self.is_closed() || Instant::now() >= due {
                    return Taken::Batch(shared.take_from_ring(&mut state, want));
                }
                limit = limit.min(due);
            }
            let idle = state.spooled == 0 && !state.reading && state.ring.len() == 0 && !state.ring.has_some_away();
            if self.is_closed() && idle {
                // One who slept while another read the last is to know it too.
                shared.work.notify_one();
                return Taken::End;
            }
            let now = Instant::now();
            if now >= deadline {
                return Taken::Nothing;
            }
            let clock = limit < deadline && state.timing.is_none();
            if clock {
                state.timing = Some(enough);
            }
            let due = state.aside.iter().map(|(time, _)| *time).min();
            let until = if clock { limit } else { deadline };
            let until = due.map_or(until, |due| due.min(until));
            let retry = if readable { until } else { until.min(now + RETRY_DISK) };
            state.sinks_asleep += 1;
            state = wait(&shared.work, state, Some(retry.saturating_duration_since(now)));
            state.sinks_asleep -= 1;
            if clock {
                state.timing = None;
            }
        }
    }

    /// Notes what came of the next so many documents of a batch.
    pub fn settle(&self, batch: &mut Batch, number: usize, fate: Fate) {
        batch.settled += number;
        let number = number as u64;
        let mut state = locked(&self.shared.state);
        if state.finished {
            return;
        }
        match batch.origin {
            Origin::Ring(_) => state.books.ring -= number,
            Origin::Spool(_) | Origin::Hand(..) => state.books.spool -= number,
        }
        state.books.settle(number, fate);
    }

    /// A batch is done with: all of its documents are settled.
    pub fn done(&self, batch: Batch) {
        let Some(spool) = self.shared.spool.get() else { return };
        match batch.origin {
            Origin::Ring(true) => spool.direct(batch.documents.len() as u64),
            Origin::Ring(false) => (),
            Origin::Spool(numbers) => spool.done(numbers),
            Origin::Hand(path, _) => spool.release(path),
        }
    }

    /// All documents of a batch have the same fate.
    pub fn settle_all(&self, mut batch: Batch, fate: Fate) {
        let number = batch.unsettled();
        self.settle(&mut batch, number, fate);
        self.done(batch);
    }

    /// Leaves a batch whose documents aren't all settled: the others stay in the spool, or come to it now. Without
    /// one they are lost at the end.
    pub fn leave(&self, mut batch: Batch) {
        self.secure(&mut batch);
        let Some(spool) = self.shared.spool.get() else { return };
        match &batch.origin {
            Origin::Spool((from, to)) => {
                let settled = batch.settled as u64;
                // With a damaged one among them, or in another order, it isn't known whose the numbers are; then they
                // come again.
                if settled > 0 && !batch.reordered && to - from == batch.documents.len() as u64 {
                    spool.done((*from, from + settled));
                }
            }
            // Those that are settled mustn't come again.
            Origin::Hand(path, first) if batch.settled > *first => {
                if let Err(e) = spool.secure_rest(path, &batch.documents[batch.settled..]) {
                    self.shared.complain(format_args!("can't write into the spool: {e}; some events may come twice"));
                }
            }
            Origin::Hand(..) | Origin::Ring(_) => (),
        }
    }

    /// The batch may be put off: it is in a file of its own, and there is room for it beside others.
    pub fn may_put_off(&self, batch: &Batch) -> bool {
        if !matches!(batch.origin, Origin::Hand(..)) {
            return false;
        }
        let state = locked(&self.shared.state);
        let documents = state.aside.iter().flat_map(|(_, batch)| &batch.documents);
        state.aside.len() < MAX_ASIDE && documents.map(Vec::len).sum::<usize>() < self.shared.config.bytes
    }

    /// Leaves a batch whose documents aren't all settled until it is time to try them again; others get their turn
    /// meanwhile. Only what is on disk can be put off: it is as safe there as in the spool.
    pub fn put_off(&self, mut batch: Batch, until: Instant) {
        let (Origin::Hand(path, first), Some(spool)) = (&batch.origin, self.shared.spool.get()) else {
            return self.leave(batch);
        };
        let (mut path, settled) = (path.clone(), batch.settled);
        let rest = batch.documents.split_off(settled);
        if settled > *first {
            match spool.secure_rest(&path, &rest) {
                Ok(new) => path = new,
                Err(e) => {
                    self.shared.complain(format_args!("can't write into the spool: {e}; some events may come twice"))
                }
            }
        }
        let batch = Batch { put_off: batch.put_off.saturating_add(1), ..Batch::new(rest, Origin::Hand(path, 0)) };
        locked(&self.shared.state).aside.push((until, batch));
        self.shared.work.notify_one();
    }

    /// Makes sure that documents in the hands of a failing sink survive this process, if there is a spool. Those that
    /// come from it get a file of their own too: nothing behind them in the spool is kept, or comes again, because of
    /// them, however long the server refuses them.
    pub fn secure(&self, batch: &mut Batch) {
        let Some(spool) = self.shared.spool.get() else { return };
        if matches!(batch.origin, Origin::Hand(..)) {
            return;
        }
        let documents = &batch.documents[batch.settled..];
        let secured = spool.secure(documents);
        match (&batch.origin, secured) {
            (Origin::Ring(counted), Ok(path)) => {
                if *counted {
                    spool.direct(batch.documents.len() as u64);
                }
                let number = documents.len() as u64;
                batch.origin = Origin::Hand(path, batch.settled);
                let mut state = locked(&self.shared.state);
                if !state.finished {
                    state.books.ring -= number;
                    state.books.spool += number;
                }
            }
            (Origin::Spool(numbers), Ok(path)) => {
                spool.done(*numbers);
                batch.origin = Origin::Hand(path, batch.settled);
            }
            (Origin::Ring(_), Err(e)) => self.shared.complain(format_args!("can't write into the spool: {e}")),
            // They are on disk anyway.
            (Origin::Spool(_) | Origin::Hand(..), _) => (),
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
    pub fn newest_before(&self) -> Option<Newest> {
        locked(&self.shared.state).newest_before
    }

    /// What is left stays where it is: in the spool, or is given up by [`Outlet::finish`].
    pub fn abandon(&self) {
        locked(&self.shared.state).abandoned = true;
        self.shared.work.notify_all();
        self.shared.to_spool.notify_all();
    }

    /// After the sink's end: puts what is in the ring onto disk, gives up what can't be, and says what came of it all,
    /// and how many were given up.
    pub fn finish(&self) -> (Books, u64) {
        let shared = &self.shared;
        locked(&shared.state).abandoned = true;
        shared.to_spool.notify_all();
        let spooler = locked(&shared.spooler).take();
        if let Some(ended) = spooler {
            // It ends when all is written or can't be; only a disk that hangs makes it late.
            let _ = ended.recv_timeout(LAST_WRITE);
        }
        shared.full.finish();
        shared.spool_full.finish();
        let mut state = locked(&shared.state);
        if shared.always_spools() && !state.finished {
            // Also those on their way to a disk that hangs.
            let unwritten = state.ring.held().0 as u64;
            state.books.events += unwritten;
            state.books.ring += unwritten;
        }
        // Also what a sink still has in its hands.
        let left = state.books.ring;
        state.books.ring = 0;
        state.books.settle(left, Fate::Lost(Loss::AtEnd));
        state.finished = true;
        let books = state.books;
        drop(state);
        if let Some(spool) = shared.spool.get() {
            spool.forget_ring();
        }
        (books, left)
    }

    /// The books now.
    pub fn books(&self) -> Books {
        locked(&self.shared.state).books
    }

    /// The books now, with what is on its way to the disk as events in the ring, and bytes in the ring and in the
    /// spool's files.
    pub fn figures(&self) -> (Books, u64, u64) {
        let state = locked(&self.shared.state);
        let (documents, bytes) = state.ring.held();
        let mut books = state.books;
        drop(state);
        if self.shared.always_spools() {
            books.events += documents as u64;
            books.ring += documents as u64;
        }
        (books, bytes as u64, self.shared.spool.get().map_or(0, Spool::bytes))
    }
}

/// The batch that was put off and whose time has come longest ago; at the end (`all`) each gets a last try.
fn take_due(aside: &mut Vec<(Instant, Batch)>, all: bool) -> Option<Batch> {
    let (at, (time, _)) = aside.iter().enumerate().min_by_key(|(_, (time, _))| *time)?;
    (all || *time <= Instant::now()).then(|| aside.swap_remove(at).1)
}
