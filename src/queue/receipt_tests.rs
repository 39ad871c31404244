//! Tests of receipts: what the queue tells a source, and that it says "safe" only of what is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{counters::Counter, tests::*, *};
use crate::{
    document::Document,
    outcome::{Loss, Outcome},
    receipt::{Ack, Receipt, tests::acks},
};
use crossbeam_channel::{Receiver, unbounded};
use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// A queue whose source takes receipts.
struct Queue {
    sender: QueueSender,
    receiver: QueueReceiver,
    to: Sender<Ack>,
    acks: Receiver<Ack>,
    disk: Arc<TestDisk>,
}

/// A disk whose syncs are counted, held up, or refused.
#[derive(Default)]
struct TestDisk {
    syncs: AtomicUsize,
    /// Syncs wait for this lock.
    held: Mutex<()>,
    refuses: AtomicBool,
}

impl TestDisk {
    fn sync_data(self: &Arc<Self>) -> SyncData {
        let disk = self.clone();
        SyncData::new(move |file| {
            disk.syncs.fetch_add(1, Ordering::SeqCst);
            drop(locked(&disk.held));
            if disk.refuses.load(Ordering::SeqCst) { Err(io::Error::other("refused")) } else { file.sync_data() }
        })
    }

    fn syncs(&self) -> usize {
        self.syncs.load(Ordering::SeqCst)
    }
}

impl Queue {
    fn open(config: &config::Queue, dir: &Path) -> Self {
        let disk = Arc::new(TestDisk::default());
        let (sender, receiver) = queue_with(
            "test",
            config,
            Overflow::Lose,
            Guarantee::Acknowledged,
            &dir.join("run"),
            Takeover::Fresh,
            disk.sync_data(),
        )
        .unwrap();
        let (to, acks) = unbounded();
        Self { sender, receiver, to, acks, disk }
    }

    /// Pushes a document of so many bytes.
    fn push_bytes(&mut self, token: u64, bytes: usize) -> Result<(), Document> {
        let mut body = token.to_string().into_bytes();
        body.resize(body.len().max(bytes), b' ');
        let receipt = Some(Receipt::new(token, &self.to));
        self.sender.push(Document { body, receipt, ..Document::default() }, None)
    }

    fn push(&mut self, tokens: std::ops::Range<u64>) {
        tokens.for_each(|token| self.push_bytes(token, 0).unwrap());
    }

    fn dequeue(&self, number: usize) -> Batch {
        let Dequeued::Batch(batch) = self.receiver.dequeue_timeout(&limits(number), PATIENCE) else { panic!() };
        assert_eq!(batch.documents.len(), number);
        batch
    }

    /// The acknowledgements that are there.
    fn acks(&self) -> Vec<(u64, bool)> {
        acks(&self.acks)
    }

    /// So many acknowledgements, which must come.
    fn wait_for_acks(&self, number: usize) -> Vec<(u64, bool)> {
        let acks = (0..number).map(|_| self.acks.recv_timeout(PATIENCE).unwrap());
        acks.map(|ack| (ack.token, ack.safe)).collect()
    }

    fn wait_for_syncs(&self, number: usize) {
        wait_until("the disk syncs", || self.disk.syncs() >= number);
    }
}

fn safe(tokens: std::ops::Range<u64>) -> Vec<(u64, bool)> {
    tokens.map(|token| (token, true)).collect()
}

fn without_spool(dir: &Path) -> config::Queue {
    config::Queue { spool: None, capacity: 8, max_wait: Duration::from_millis(10), ..config(dir, false) }
}

#[test]
fn each_document_is_acknowledged_with_its_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(&without_spool(dir.path()), dir.path());
    queue.push(0..5);
    let mut batch = queue.dequeue(5);
    assert_eq!(queue.acks(), []);
    queue.receiver.record_outcome(&mut batch, 2, Outcome::Delivered);
    assert_eq!(queue.acks(), safe(0..2));
    queue.receiver.record_outcome(&mut batch, 1, Outcome::Lost(Loss::Refused));
    queue.receiver.record_outcome(&mut batch, 1, Outcome::DeadLettered);
    queue.receiver.record_outcome(&mut batch, 1, Outcome::Duplicate);
    assert_eq!(queue.acks(), [(2, false), (3, true), (4, true)]);
    queue.receiver.complete(batch);
    assert_eq!(queue.acks(), []);
}

#[test]
fn documents_that_were_put_back_in_another_order_keep_their_receipts() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(&without_spool(dir.path()), dir.path());
    queue.push(0..4);
    let mut batch = queue.dequeue(4);
    let mut documents = std::mem::take(&mut batch.documents);
    documents.rotate_left(3);
    batch.put_back(0, documents.into_iter(), Order::Changed);
    queue.receiver.record_outcome(&mut batch, 1, Outcome::Delivered);
    assert_eq!(queue.acks(), [(3, true)]);
}

#[test]
fn a_full_queue_hands_documents_back_and_loses_none() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(&without_spool(dir.path()), dir.path());
    queue.push(0..8);
    let document = queue.push_bytes(8, 0).unwrap_err();
    let counters = queue.receiver.counters();
    assert_eq!((counters[Counter::Events], counters.lost()), (8, 0), "what comes back isn't accepted");
    assert!(counters.balance(), "{counters:?}");
    // One that nobody waits for is lost, as ever.
    queue.sender.push(document.copy(None), None).unwrap();
    assert_eq!(queue.receiver.counters().lost_by(Loss::RingFull), 1);
    assert_eq!(queue.acks(), []);
    queue.receiver.record_outcome_of_all(queue.dequeue(1), Outcome::Delivered);
    queue.sender.push(document, None).unwrap();
    queue.receiver.record_outcome_of_all(queue.dequeue(8), Outcome::Delivered);
    assert_eq!(queue.acks(), safe(0..9));
    // One that is given up is not safe.
    queue.push(9..17);
    drop(queue.push_bytes(17, 0).unwrap_err());
    assert_eq!(queue.acks(), [(17, false)]);
}

#[test]
fn what_is_left_without_a_spool_is_not_safe() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(&without_spool(dir.path()), dir.path());
    queue.push(0..4);
    let batch = queue.dequeue(2);
    assert_eq!(queue.receiver.finish().1, 4);
    assert_eq!(queue.acks(), [(2, false), (3, false)], "they were in the ring");
    // Its sink is late, but has delivered the one.
    let mut batch = batch;
    queue.receiver.record_outcome(&mut batch, 1, Outcome::Delivered);
    queue.receiver.release(batch);
    assert_eq!(queue.acks(), [(0, true), (1, false)]);
}

#[test]
fn what_is_spooled_is_acknowledged_after_the_sync_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(&config(dir.path(), true), dir.path());
    let held = queue.disk.clone();
    let held = locked(&held.held);
    queue.push(0..1);
    queue.wait_for_syncs(1);
    assert_eq!(queue.acks(), []);
    drop(held);
    assert_eq!(queue.wait_for_acks(1), safe(0..1));
    assert_eq!(queue.receiver.counters()[Counter::Spool], 1, "the counters know it first");
}

#[test]
fn one_sync_acknowledges_all_that_wait() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(&config(dir.path(), true), dir.path());
    let held = queue.disk.clone();
    let held = locked(&held.held);
    queue.push(0..1);
    queue.wait_for_syncs(1);
    // These come while the disk is busy with the first: far fewer than half a ring.
    queue.push(1..101);
    drop(held);
    assert_eq!(queue.wait_for_acks(101), safe(0..101));
    assert_eq!(queue.disk.syncs(), 2);
}

#[test]
fn a_group_of_many_writes_is_one_sync_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), false);
    config.spool.as_mut().unwrap().limit = 1 << 30;
    let mut queue = Queue::open(&config, dir.path());
    // More than one write takes, less than half a ring until the last.
    for token in 0..50 {
        queue.push_bytes(token, 80 << 10).unwrap();
    }
    queue.push_bytes(50, 512 << 10).unwrap();
    assert_eq!(queue.wait_for_acks(51), safe(0..51));
    assert_eq!(queue.disk.syncs(), 1);
}

#[test]
fn a_disk_that_refuses_to_sync_acknowledges_nothing_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(&config(dir.path(), true), dir.path());
    queue.disk.refuses.store(true, Ordering::SeqCst);
    queue.push(0..3);
    wait_until("the disk refuses", || locked(&queue.receiver.shared.state).disk.write_retry_at.is_some());
    assert_eq!(queue.acks(), []);
    // Meanwhile the ring is all there is, and what the sink delivers is safe.
    queue.receiver.record_outcome_of_all(queue.dequeue(1), Outcome::Delivered);
    assert_eq!(queue.acks(), safe(0..1));
    queue.disk.refuses.store(false, Ordering::SeqCst);
    assert_eq!(queue.wait_for_acks(2), safe(1..3));
    assert_eq!(queue.dequeue(2).documents[0].body, b"1");
}

#[test]
fn overflow_syncs_for_those_who_wait_and_for_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(&config(dir.path(), false), dir.path());
    queue.receiver.set_failing(true);
    (0..5).for_each(|_| queue.sender.push(Document::default(), None).unwrap());
    wait_until("all are in the spool", || queue.receiver.counters()[Counter::Spool] == 5);
    assert_eq!(queue.disk.syncs(), 0);
    queue.push(0..5);
    assert_eq!(queue.wait_for_acks(5), safe(0..5));
    assert_eq!(queue.disk.syncs(), 1);
}

#[test]
fn what_is_in_flight_is_acknowledged_when_it_is_in_a_file_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(&config(dir.path(), false), dir.path());
    queue.push(0..3);
    let mut batch = queue.dequeue(3);
    queue.receiver.record_outcome(&mut batch, 1, Outcome::Delivered);
    assert_eq!(queue.acks(), safe(0..1));
    queue.disk.refuses.store(true, Ordering::SeqCst);
    queue.receiver.persist(&mut batch);
    assert_eq!((queue.acks(), batch.is_on_disk()), (vec![], false));
    queue.disk.refuses.store(false, Ordering::SeqCst);
    queue.receiver.persist(&mut batch);
    assert_eq!((queue.acks(), batch.is_on_disk()), (safe(1..3), true));
    assert_eq!(queue.disk.syncs(), 2);
    // What becomes of them later nobody waits for.
    queue.receiver.record_outcome_of_all(batch, Outcome::Lost(Loss::DeadLetters));
    assert_eq!(queue.acks(), []);
}

#[test]
fn a_full_spool_drops_nothing_that_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), false);
    config.spool.as_mut().unwrap().limit = 1 << 20;
    (config.capacity, config.max_wait) = (16, Duration::from_millis(100));
    assert_eq!(config.spool.as_ref().unwrap().full, SpoolFull::DropOldest);
    let mut queue = Queue::open(&config, dir.path());
    queue.receiver.set_failing(true);
    let mut accepted = 0;
    let start = Instant::now();
    let handed_back = loop {
        match queue.push_bytes(accepted, 10_000) {
            Ok(()) => accepted += 1,
            Err(document) => break document,
        }
        assert!(start.elapsed() < PATIENCE, "it never gets full");
    };
    let counters = queue.receiver.counters();
    assert!(counters[Counter::Spool] > 90 && counters.lost() == 0, "{counters:?}");
    assert_eq!(queue.wait_for_acks(counters[Counter::Spool] as usize), safe(0..counters[Counter::Spool]));
    // The server is back: there is room again, and all of it comes out in order.
    queue.receiver.set_failing(false);
    let mut delivered = 0;
    let mut handed_back = Some(handed_back);
    while delivered < accepted + 1 {
        let Dequeued::Batch(batch) = queue.receiver.dequeue_timeout(&limits(10), PATIENCE) else { panic!() };
        for document in &batch.documents {
            assert!(document.body.starts_with(format!("{delivered} ").as_bytes()), "{delivered}");
            delivered += 1;
        }
        queue.receiver.record_outcome_of_all(batch, Outcome::Delivered);
        if let Some(document) = handed_back.take() {
            handed_back = queue.sender.push(document, None).err();
        }
    }
    drop(queue.sender);
    let (counters, left) = queue.receiver.finish();
    assert_eq!((counters[Counter::Delivered], counters.lost(), left), (accepted + 1, 0, 0), "{counters:?}");
    assert!(queue.acks.try_iter().all(|ack| ack.safe));
}

#[test]
fn one_that_no_spool_can_hold_is_lost_and_the_source_knows() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), true);
    config.spool.as_mut().unwrap().limit = 1 << 20;
    let mut queue = Queue::open(&config, dir.path());
    queue.push(0..1);
    queue.push_bytes(1, 600 << 10).unwrap();
    queue.push(2..3);
    let mut acks = queue.wait_for_acks(3);
    acks.sort_unstable();
    assert_eq!(acks, [(0, true), (1, false), (2, true)]);
    assert_eq!(queue.receiver.counters().lost_by(Loss::SpoolFull), 1);
}

#[test]
fn what_is_in_the_ring_at_the_end_is_safe_when_it_has_come_to_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(&config(dir.path(), false), dir.path());
    queue.push(0..4);
    let batch = queue.dequeue(2);
    queue.receiver.release(batch);
    assert_eq!(queue.acks(), safe(0..2));
    drop(queue.sender);
    assert_eq!(queue.receiver.finish().1, 0);
    assert_eq!(acks(&queue.acks), safe(2..4));
}
