//! The ring: so many documents and so many bytes, whichever is reached first.

use super::{BatchLimits, state::BatchSize};
use crate::document::Document;
use std::{collections::VecDeque, time::Instant};

/// A bounded queue in memory.
#[derive(Debug)]
pub(super) struct Ring {
    documents: VecDeque<Document>,
    bytes: usize,
    capacity: usize,
    capacity_bytes: usize,
    /// Documents and bytes that were taken out but keep their room until they are where they belong.
    reserved: (usize, usize),
    /// Since when the oldest document waits.
    waiting_since: Instant,
}

impl Ring {
    /// A ring for `capacity` documents of `capacity_bytes` together. A document larger than that goes through alone.
    pub(super) fn new(capacity: usize, capacity_bytes: usize) -> Self {
        Self {
            documents: VecDeque::new(),
            bytes: 0,
            capacity: capacity.max(1),
            capacity_bytes,
            reserved: (0, 0),
            waiting_since: Instant::now(),
        }
    }

    /// True when a document of that many bytes fits.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let (documents, used) = (self.documents.len() + self.reserved.0, self.bytes + self.reserved.1);
        documents < self.capacity && (used == 0 || used.saturating_add(bytes) <= self.capacity_bytes)
    }

    /// True when half of its slots or bytes are used.
    pub(super) fn is_half_full(&self) -> bool {
        2 * self.documents.len() >= self.capacity || 2 * self.bytes >= self.capacity_bytes
    }

    /// Puts a document behind the others.
    pub(super) fn push(&mut self, document: Document) {
        if self.documents.is_empty() {
            self.waiting_since = Instant::now();
        }
        self.bytes += document.len();
        self.documents.push_back(document);
    }

    /// Since when the oldest document waits for a sink.
    pub(super) fn waiting_since(&self) -> Instant {
        self.waiting_since
    }

    /// How full it must be for a batch within `limits`. That is before it is half full, which is when its documents go
    /// to the spool.
    pub(super) fn batch_size(&self, limits: &BatchLimits) -> BatchSize {
        BatchSize {
            documents: limits.documents.min(self.capacity / 4).max(1),
            bytes: limits.bytes.min(self.capacity_bytes / 4).max(1),
        }
    }

    /// True when it is that full.
    pub(super) fn holds(&self, size: BatchSize) -> bool {
        self.documents.len() >= size.documents || self.bytes >= size.bytes
    }

    /// How many documents are in it.
    pub(super) fn len(&self) -> usize {
        self.documents.len()
    }

    /// Documents in it and on their way elsewhere, and their bytes.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.documents.len() + self.reserved.0, self.bytes + self.reserved.1)
    }

    /// Takes out the oldest documents: at most so many, and no more once they have so many bytes.
    pub(super) fn take(&mut self, most: usize, bytes: usize) -> Vec<Document> {
        let mut taken = Vec::with_capacity(most.min(self.documents.len()));
        let mut size = 0;
        while taken.len() < most
            && let Some(next) = self.documents.front()
            && (taken.is_empty() || size + next.len() <= bytes)
        {
            size += next.len();
            taken.extend(self.documents.pop_front());
        }
        self.bytes -= size;
        if !self.documents.is_empty() {
            self.waiting_since = Instant::now();
        }
        taken
    }

    /// Takes out all, to be put elsewhere: they keep their room until [`Ring::release_reserved`].
    pub(super) fn take_all_reserved(&mut self) -> Vec<Document> {
        let taken: Vec<Document> = std::mem::take(&mut self.documents).into();
        self.reserved = (taken.len(), std::mem::take(&mut self.bytes));
        taken
    }

    /// True while documents are on their way elsewhere.
    pub(super) fn has_reserved(&self) -> bool {
        self.reserved.0 > 0
    }

    /// What was taken out has arrived, but for `rest`, which comes back to the front.
    pub(super) fn release_reserved(&mut self, rest: Vec<Document>) {
        self.reserved = (0, 0);
        for document in rest.into_iter().rev() {
            self.bytes += document.len();
            self.documents.push_front(document);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn document(body: Vec<u8>) -> Document {
        Document { body, ..Document::default() }
    }

    fn push(ring: &mut Ring, bytes: usize) -> bool {
        let room = ring.has_room(bytes);
        if room {
            ring.push(document(vec![0; bytes]));
        }
        room
    }

    #[test]
    fn slots_bound_it() {
        let mut ring = Ring::new(2, 1000);
        assert!(push(&mut ring, 1) && push(&mut ring, 1) && !push(&mut ring, 1));
        assert_eq!(ring.take(1, 1000).len(), 1);
        assert!(push(&mut ring, 1));
    }

    #[test]
    fn bytes_bound_it_but_a_huge_document_goes_through_alone() {
        let mut ring = Ring::new(10, 100);
        assert!(push(&mut ring, 60) && !push(&mut ring, 41) && push(&mut ring, 40));
        ring.take(10, 1000);
        assert!(push(&mut ring, 1000) && !push(&mut ring, 0));
        assert_eq!(ring.take(1, 10).len(), 1);
        assert_eq!(ring.held(), (0, 0));
    }

    #[test]
    fn what_is_reserved_keeps_its_room_and_comes_back_in_order() {
        let mut ring = Ring::new(3, 100);
        for n in 1..=2 {
            ring.push(document(vec![n]));
        }
        let mut reserved = ring.take_all_reserved();
        ring.push(document(vec![3]));
        assert!(ring.has_reserved() && !ring.has_room(1));
        ring.release_reserved(reserved.split_off(1));
        assert!(ring.has_room(1));
        assert_eq!(ring.take(9, 100), [document(vec![2]), document(vec![3])]);
    }
}
