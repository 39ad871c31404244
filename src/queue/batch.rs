//! Batches: documents that a sink takes and gives back together.

use crate::document::Document;
use std::{path::PathBuf, time::Duration};

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
/// `QueueReceiver::complete`, or with `QueueReceiver::release` when some have no outcome.
#[derive(Debug)]
pub struct Batch {
    /// The documents, oldest first.
    pub documents: Vec<Document>,
    /// The first so many have an outcome.
    pub(super) resolved: usize,
    pub(super) order: Order,
    /// How often the batch was deferred.
    pub(super) deferrals: u32,
    pub(super) origin: Origin,
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
