//! Documents in flight: what a sink does with a batch that it has taken, and what becomes of its documents.

use super::{
    batch::{Batch, Order, Origin},
    counters::Counter,
    receiver::QueueReceiver,
};
use crate::{
    document::{Document, resolve_all},
    lock::locked,
    outcome::Outcome,
};
use std::{
    path::{Path, PathBuf},
    time::Instant,
};

/// Batches that are deferred at most; their documents have no more bytes than the ring's may.
const MAX_DEFERRED: usize = 256;

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
        resolve_all(&mut batch.documents[from..batch.resolved], outcome);
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
        deferred.len() < MAX_DEFERRED && documents.map(Document::len).sum::<usize>() < self.shared.config.capacity_bytes
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
        resolve_all(&mut batch.documents[batch.resolved..], Outcome::Persisted);
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
