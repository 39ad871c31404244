//! Batches in flight: what a sink does with them, and what becomes of their documents.

use super::{MAX_DEFERRED, QueueReceiver, counters::Counter};
use crate::{document::Document, lock::locked, outcome::Outcome};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How many documents a sink takes at once.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// At most so many.
    pub documents: usize,
    /// No more once they have so many bytes together.
    pub bytes: usize,
    /// How long it is worth waiting for that many.
    pub interval: Duration,
}

/// Whether documents are in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// They are.
    Kept,
    /// They aren't, and not all of them have an outcome.
    Changed,
}

/// Where documents came from, and with that how they are completed.
#[derive(Debug)]
pub(super) enum Origin {
    /// From the ring; `journaled`: the spool has counted that they entered it.
    Ring { journaled: bool },
    /// From the spool, where they have these numbers: from, up to.
    Spool((u64, u64)),
    /// From a file of their own, or by now in one; it holds those from this one on.
    InFlightFile { path: PathBuf, first: usize },
}

/// Documents in flight: a sink has taken them. Their outcomes are recorded in order, and the batch then given back with
/// [`QueueReceiver::complete`], or with [`QueueReceiver::release`] when some have no outcome.
#[derive(Debug)]
pub struct Batch {
    /// The documents, oldest first.
    pub documents: Vec<Document>,
    /// The first so many have an outcome.
    resolved: usize,
    order: Order,
    /// How often the batch was deferred.
    deferrals: u32,
    origin: Origin,
}

impl Batch {
    pub(super) fn new(documents: Vec<Document>, origin: Origin) -> Self {
        Self { documents, resolved: 0, order: Order::Kept, deferrals: 0, origin }
    }

    /// The first document that has no outcome yet.
    pub fn next(&self) -> Option<&Document> {
        self.documents.get(self.resolved)
    }

    /// Puts documents back that were taken out from `at` on.
    pub fn put_back(&mut self, at: usize, documents: impl Iterator<Item = Document>, order: Order) {
        self.documents.splice(at..at, documents);
        if order == Order::Changed {
            self.order = order;
        }
    }

    /// How often it was deferred.
    pub fn deferrals(&self) -> u32 {
        self.deferrals
    }

    /// How many documents have no outcome yet.
    pub fn unresolved(&self) -> usize {
        self.documents.len() - self.resolved
    }

    /// True when the documents survive this process.
    pub fn is_on_disk(&self) -> bool {
        !matches!(self.origin, Origin::Ring { .. })
    }
}

impl QueueReceiver {
    /// Records the outcome of the next so many documents of a batch.
    pub fn record_outcome(&self, batch: &mut Batch, number: usize, outcome: Outcome) {
        let held_in = if batch.is_on_disk() { Counter::Spool } else { Counter::Ring };
        let mut state = locked(&self.shared.state);
        if !state.counts_are_final {
            state.counters[held_in] -= number as u64;
            state.counters.record_outcome(number as u64, outcome);
        }
        drop(state);
        let from = batch.resolved;
        batch.resolved += number;
        batch.documents[from..batch.resolved].iter_mut().for_each(|document| document.resolve(outcome));
    }

    /// All documents of a batch have the same outcome.
    pub fn record_outcome_of_all(&self, mut batch: Batch, outcome: Outcome) {
        let number = batch.unresolved();
        self.record_outcome(&mut batch, number, outcome);
        self.complete(batch);
    }

    /// A batch is complete: all of its documents have an outcome.
    pub fn complete(&self, batch: Batch) {
        let Some(spool) = self.shared.spool.get() else { return };
        match batch.origin {
            Origin::Ring { journaled: true } => spool.note_bypassed(batch.documents.len() as u64),
            Origin::Ring { journaled: false } => (),
            Origin::Spool(numbers) => spool.complete(numbers),
            Origin::InFlightFile { path, .. } => spool.delete_persisted(path),
        }
    }

    /// Gives a batch back of which some documents have no outcome: they stay in the spool, or come to it now. Without
    /// a spool they are lost at the end.
    pub fn release(&self, mut batch: Batch) {
        self.persist(&mut batch);
        let Some(spool) = self.shared.spool.get() else { return };
        match &batch.origin {
            Origin::Spool((from, to)) => {
                let resolved = batch.resolved as u64;
                // With a damaged one among them, or in another order, it isn't known whose the numbers are; then they
                // come again.
                if resolved > 0 && batch.order == Order::Kept && to - from == batch.documents.len() as u64 {
                    spool.complete((*from, from + resolved));
                }
            }
            // Those that have an outcome mustn't come again.
            Origin::InFlightFile { path, first } if batch.resolved > *first => {
                self.persist_rest(path, &batch.documents[batch.resolved..]);
            }
            Origin::InFlightFile { .. } | Origin::Ring { .. } => (),
        }
    }

    /// True when the batch may be deferred: it is in a file of its own, and there is room for it beside others.
    pub fn can_defer(&self, batch: &Batch) -> bool {
        if !matches!(batch.origin, Origin::InFlightFile { .. }) {
            return false;
        }
        let state = locked(&self.shared.state);
        let deferred = &state.pending.deferred;
        let documents = deferred.iter().flat_map(|(_, batch)| &batch.documents);
        deferred.len() < MAX_DEFERRED && documents.map(Document::len).sum::<usize>() < self.shared.config.bytes
    }

    /// Gives a batch back of which some documents have no outcome, and that is to be tried again at `until`; others get
    /// their turn meanwhile. Only what is on disk can be deferred: it is as safe there as in the spool.
    pub fn defer(&self, mut batch: Batch, until: Instant) {
        let Origin::InFlightFile { path, first } = &batch.origin else { return self.release(batch) };
        let (mut path, first) = (path.clone(), *first);
        let rest = batch.documents.split_off(batch.resolved);
        if batch.resolved > first {
            path = self.persist_rest(&path, &rest).unwrap_or(path);
        }
        let deferrals = batch.deferrals.saturating_add(1);
        let batch = Batch { deferrals, ..Batch::new(rest, Origin::InFlightFile { path, first: 0 }) };
        locked(&self.shared.state).pending.deferred.push((until, batch));
        self.shared.work.notify_one();
    }

    /// Makes sure that documents in flight in a failing sink survive this process, if there is a spool. Those that come
    /// from it get a file of their own too: nothing behind them in the spool is kept, or comes again, because of them,
    /// however long the server refuses them.
    pub fn persist(&self, batch: &mut Batch) {
        let Some(spool) = self.shared.spool.get() else { return };
        if matches!(batch.origin, Origin::InFlightFile { .. }) {
            return;
        }
        let unresolved = batch.unresolved() as u64;
        let path = match spool.persist(&batch.documents[batch.resolved..]) {
            Ok(path) => path,
            Err(e) => {
                // Those of the spool are on disk anyway.
                if !batch.is_on_disk() {
                    self.shared.complain(format_args!("can't write into the spool: {e}"));
                }
                return;
            }
        };
        match batch.origin {
            Origin::Ring { journaled } => {
                if journaled {
                    spool.note_bypassed(batch.documents.len() as u64);
                }
                let mut state = locked(&self.shared.state);
                if !state.counts_are_final {
                    state.counters[Counter::Ring] -= unresolved;
                    state.counters[Counter::Spool] += unresolved;
                }
            }
            Origin::Spool(numbers) => spool.complete(numbers),
            Origin::InFlightFile { .. } => (),
        }
        batch.origin = Origin::InFlightFile { path, first: batch.resolved };
        batch.documents[batch.resolved..].iter_mut().for_each(|document| document.resolve(Outcome::Persisted));
    }

    /// Keeps only these documents in a batch's file. Says which file has them now, unless the disk refuses.
    fn persist_rest(&self, path: &Path, rest: &[Document]) -> Option<PathBuf> {
        let persisted = self.shared.spool.get()?.persist_rest(path, rest);
        let complain = |e: &_| {
            self.shared.complain(format_args!("can't write into the spool: {e}; some events may come twice"));
        };
        persisted.inspect_err(complain).ok()
    }
}
