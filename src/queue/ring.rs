//! The ring: so many documents and so many bytes, whichever is reached first.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// One document, as it is to be sent.
pub type Document = Vec<u8>;

/// What both ends share.
#[derive(Debug)]
struct Shared {
    bytes: AtomicUsize,
    limit: usize,
    /// Wakes a writer that waits for room.
    room: Condvar,
    waiting: Mutex<bool>,
}

/// The writing end; there is one.
#[derive(Debug)]
pub struct Inlet {
    sender: Sender<Document>,
    shared: Arc<Shared>,
}

/// The reading end, of which there may be several; each document comes out once.
#[derive(Debug, Clone)]
pub struct Outlet {
    receiver: Receiver<Document>,
    shared: Arc<Shared>,
}

/// The ring has no room; this is what didn't fit.
#[derive(Debug, PartialEq, Eq)]
pub struct Full(pub Document);

/// A ring for `slots` documents of `bytes` together. A single document larger than that goes through alone.
pub fn ring(slots: usize, bytes: usize) -> (Inlet, Outlet) {
    let (sender, receiver) = bounded(slots.max(1));
    let shared =
        Arc::new(Shared { bytes: AtomicUsize::new(0), limit: bytes, room: Condvar::new(), waiting: Mutex::new(false) });
    (Inlet { sender, shared: shared.clone() }, Outlet { receiver, shared })
}

impl Inlet {
    /// Puts a document in without ever waiting.
    ///
    /// # Errors
    /// With the document when there is no room for it.
    pub fn push(&self, document: Document) -> Result<(), Full> {
        let size = document.len();
        let before = self.shared.bytes.fetch_add(size, Ordering::AcqRel);
        let fits = before == 0 || before.saturating_add(size) <= self.shared.limit;
        let refused = if fits {
            match self.sender.try_send(document) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(document) | TrySendError::Disconnected(document)) => document,
            }
        } else {
            document
        };
        self.shared.bytes.fetch_sub(size, Ordering::AcqRel);
        Err(Full(refused))
    }

    /// Puts a document in, waiting for room until `deadline`.
    ///
    /// # Errors
    /// With the document when there was no room in time.
    pub fn push_until(&self, mut document: Document, deadline: Instant) -> Result<(), Full> {
        loop {
            match self.push(document) {
                Ok(()) => return Ok(()),
                Err(Full(back)) => document = back,
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Full(document));
            }
            let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            *waiting = true;
            // Room made between the push and the lock isn't announced, so the wait is short.
            let wait = left.min(Duration::from_millis(5));
            let woken = self.shared.room.wait_timeout(waiting, wait).unwrap_or_else(PoisonError::into_inner);
            waiting = woken.0;
            *waiting = false;
        }
    }

    /// Documents in the ring.
    pub fn len(&self) -> usize {
        self.sender.len()
    }

    /// True when no document is in the ring.
    pub fn is_empty(&self) -> bool {
        self.sender.is_empty()
    }
}

impl Outlet {
    fn taken(&self, document: Document) -> Document {
        self.shared.bytes.fetch_sub(document.len(), Ordering::AcqRel);
        let waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if *waiting {
            self.shared.room.notify_one();
        }
        document
    }

    /// The next document, waiting for it; `None` when the inlet is gone and the ring empty.
    pub fn pop(&self) -> Option<Document> {
        self.receiver.recv().ok().map(|d| self.taken(d))
    }

    /// The next document, waiting so long for it.
    ///
    /// # Errors
    /// When none came in time, or none will come any more.
    pub fn pop_within(&self, wait: Duration) -> Result<Document, RecvTimeoutError> {
        self.receiver.recv_timeout(wait).map(|d| self.taken(d))
    }

    /// The next document if there is one.
    pub fn try_pop(&self) -> Option<Document> {
        self.receiver.try_recv().ok().map(|d| self.taken(d))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn slots_bound_it() {
        let (inlet, outlet) = ring(2, 1000);
        inlet.push(vec![1]).unwrap();
        inlet.push(vec![2]).unwrap();
        assert_eq!(inlet.push(vec![3]), Err(Full(vec![3])));
        assert_eq!(outlet.try_pop(), Some(vec![1]));
        inlet.push(vec![3]).unwrap();
        drop(inlet);
        assert_eq!((outlet.pop(), outlet.pop(), outlet.pop()), (Some(vec![2]), Some(vec![3]), None));
    }

    #[test]
    fn bytes_bound_it_but_a_huge_document_goes_through_alone() {
        let (inlet, outlet) = ring(10, 100);
        inlet.push(vec![0; 60]).unwrap();
        assert!(inlet.push(vec![0; 41]).is_err());
        inlet.push(vec![0; 40]).unwrap();
        outlet.try_pop();
        outlet.try_pop();
        inlet.push(vec![0; 1000]).unwrap();
        assert!(inlet.push(vec![0]).is_err());
        assert_eq!(outlet.try_pop().map(|d| d.len()), Some(1000));
        inlet.push(vec![0]).unwrap();
    }

    #[test]
    fn waiting_ends_with_room_or_with_time() {
        let (inlet, outlet) = ring(1, 100);
        inlet.push(vec![1]).unwrap();
        let start = Instant::now();
        assert!(inlet.push_until(vec![2], start + Duration::from_millis(50)).is_err());
        assert!(start.elapsed() >= Duration::from_millis(50));
        let reader = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            (outlet.pop(), outlet.pop())
        });
        inlet.push_until(vec![2], Instant::now() + Duration::from_secs(20)).unwrap();
        drop(inlet);
        assert_eq!(reader.join().unwrap(), (Some(vec![1]), Some(vec![2])));
    }
}
