//! Tests of the queue: what its threads do to each other, and whether the counters balance.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{
    counters::{Counter, Counters},
    *,
};
use crate::{
    config::SpoolFull,
    document::Document,
    outcome::{Loss, Outcome},
};
use std::time::{Duration, Instant};

/// How long a test waits for what must come: far longer than it takes, on a busy machine too.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

pub(super) fn config(dir: &Path, always: bool) -> config::Queue {
    let spool = config::Spool { dir: dir.join("spool"), always, limit: 64 << 20, full: SpoolFull::DropOldest };
    config::Queue {
        capacity: 512,
        capacity_bytes: 8 << 20,
        max_wait: Duration::from_secs(2),
        dead_letter_file: None,
        dead_letter_limit: 0,
        spool: Some(spool),
    }
}

fn open(dir: &Path, always: bool) -> (QueueSender, QueueReceiver) {
    queue("test", &config(dir, always), Overflow::Lose, Guarantee::BestEffort, &dir.join("run"), Takeover::Fresh)
        .unwrap()
}

pub(super) fn limits(documents: usize) -> BatchLimits {
    BatchLimits { documents, bytes: usize::MAX, interval: Duration::ZERO }
}

fn documents(numbers: std::ops::Range<u64>) -> Vec<Document> {
    numbers.map(|n| Document { body: n.to_string().into(), ..Document::default() }).collect()
}

/// Puts documents in, and waits until they are in the spool.
fn spooled(sender: &mut QueueSender, receiver: &QueueReceiver, numbers: std::ops::Range<u64>) {
    let all = receiver.counters()[Counter::Spool] + (numbers.end - numbers.start);
    receiver.set_failing(true);
    assert!(documents(numbers).into_iter().all(|document| sender.push(document, None).is_ok()));
    wait_until("all are in the spool", || receiver.counters()[Counter::Spool] == all);
}

/// Takes and delivers so many documents, which must be all there are.
fn drain(receiver: &QueueReceiver, number: usize) -> Vec<Document> {
    drain_with(receiver, number, 7)
}

fn drain_with(receiver: &QueueReceiver, number: usize, most: usize) -> Vec<Document> {
    let mut all = Vec::new();
    while all.len() < number {
        let Dequeued::Batch(batch) = receiver.dequeue_timeout(&limits(most), PATIENCE) else {
            panic!("only {}", all.len())
        };
        all.extend(batch.documents.iter().map(|document| document.copy(None)));
        receiver.record_outcome_of_all(batch, Outcome::Delivered);
    }
    assert!(
        !matches!(receiver.dequeue_timeout(&limits(most), Duration::ZERO), Dequeued::Batch(_)),
        "more than {number}"
    );
    all
}

#[test]
fn what_is_read_before_the_spools_thread_has_counted_it_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut sender, receiver) = open(dir.path(), false);
    spooled(&mut sender, &receiver, 0..5);
    let shared = receiver.shared.clone();
    let spool = shared.spool.get().unwrap();
    let moving = {
        let mut state = locked(&shared.state);
        state.counters[Counter::Events] += 5;
        state.counters[Counter::Ring] += 5;
        documents(5..10).into_iter().for_each(|document| state.ring.push(document));
        state.ring.take_all_reserved()
    };
    // The spool's thread has written them, and is held up here.
    let appended = spool.append(&moving);
    let sink = thread::spawn({
        let receiver = receiver.clone();
        move || drain_with(&receiver, 10, 100)
    });
    wait_until("the sink reads", || locked(&shared.state).disk.reading);
    shared.note_moved(spool, moving, appended);
    assert_eq!(sink.join().unwrap(), documents(0..10));
    let (counters, _) = receiver.finish();
    assert_eq!((counters[Counter::Delivered], counters.lost(), counters[Counter::Spool]), (10, 0, 0), "{counters:?}");
    assert!(counters.balance(), "{counters:?}");
}

#[test]
fn all_of_the_sinks_threads_end_when_nothing_is_left() {
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let (mut sender, receiver) = open(dir.path(), false);
        spooled(&mut sender, &receiver, 0..200);
        drop(sender);
        let together = Arc::new(std::sync::Barrier::new(6));
        let threads: Vec<_> = (0..6)
            .map(|_| {
                let (receiver, together) = (receiver.clone(), together.clone());
                thread::spawn(move || {
                    together.wait();
                    while let Some(batch) = receiver.dequeue(&limits(500)) {
                        receiver.record_outcome_of_all(batch, Outcome::Delivered);
                    }
                })
            })
            .collect();
        let start = Instant::now();
        while !threads.iter().all(thread::JoinHandle::is_finished) {
            if start.elapsed() > PATIENCE {
                receiver.stop();
                panic!("some sleep on: {:?}", receiver.counters());
            }
            thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(receiver.finish().0[Counter::Delivered], 200);
    }
}

#[test]
fn what_is_left_half_delivered_does_not_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut sender, receiver) = open(dir.path(), false);
    assert!(documents(0..10).into_iter().all(|document| sender.push(document, None).is_ok()));
    let Dequeued::Batch(mut batch) = receiver.dequeue_timeout(&limits(10), PATIENCE) else { panic!() };
    receiver.persist(&mut batch);
    receiver.record_outcome(&mut batch, 4, Outcome::Delivered);
    receiver.release(batch);
    drop(sender);
    assert!(receiver.finish().0.balance());
    drop(receiver);
    wait_for_lock(dir.path());
    let (_sender, receiver) = open(dir.path(), false);
    assert_eq!(drain(&receiver, 6), documents(4..10));
}

#[test]
fn of_documents_in_another_order_those_left_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut sender, receiver) = open(dir.path(), false);
    spooled(&mut sender, &receiver, 0..10);
    let Dequeued::Batch(mut batch) = receiver.dequeue_timeout(&limits(10), PATIENCE) else { panic!() };
    // The server has taken the last four.
    let mut sorted = std::mem::take(&mut batch.documents);
    sorted.rotate_left(6);
    batch.put_back(0, sorted.into_iter(), Order::Changed);
    receiver.record_outcome(&mut batch, 4, Outcome::Delivered);
    // The disk refuses to keep the others apart.
    std::fs::rename(dir.path().join("spool"), dir.path().join("away")).unwrap();
    receiver.release(batch);
    std::fs::rename(dir.path().join("away"), dir.path().join("spool")).unwrap();
    drop(sender);
    assert!(receiver.finish().0.balance());
    drop(receiver);
    wait_for_lock(dir.path());
    let (_sender, receiver) = open(dir.path(), false);
    assert_eq!(drain(&receiver, 10), documents(0..10), "rather twice than not at all");
}

#[test]
fn one_that_is_refused_again_and_again_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut sender, receiver) = open(dir.path(), false);
    spooled(&mut sender, &receiver, 0..100);
    let Dequeued::Batch(mut refused) = receiver.dequeue_timeout(&limits(1), PATIENCE) else { panic!() };
    receiver.persist(&mut refused);
    assert_eq!(drain(&receiver, 99), documents(1..100));
    let segments = || {
        let names = std::fs::read_dir(dir.path().join("spool")).unwrap().map(|e| e.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with('0')).count()
    };
    assert_eq!(segments(), 0, "what is delivered takes no room");
    receiver.release(refused);
    drop(sender);
    assert!(receiver.finish().0.balance());
    drop(receiver);
    wait_for_lock(dir.path());
    let (_sender, receiver) = open(dir.path(), false);
    assert_eq!(drain(&receiver, 1), documents(0..1), "and doesn't come again");
}

#[test]
fn what_was_lost_at_the_end_is_not_lost_again_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut sender, receiver) = open(dir.path(), false);
    assert!(documents(0..10).into_iter().all(|document| sender.push(document, None).is_ok()));
    let Dequeued::Batch(batch) = receiver.dequeue_timeout(&limits(10), PATIENCE) else { panic!() };
    drop(sender);
    // Its sink never gave it back.
    let (counters, left) = receiver.finish();
    assert_eq!((left, counters.lost_by(Loss::AtEnd)), (10, 10));
    // Now it does.
    receiver.record_outcome_of_all(batch, Outcome::Delivered);
    assert!(receiver.counters().balance(), "{:?}", receiver.counters());
    drop(receiver);
    wait_for_lock(dir.path());
    let (_sender, receiver) = open(dir.path(), false);
    assert_eq!(receiver.counters(), Counters::default(), "it is said once");
}

#[test]
fn what_is_stuck_on_its_way_to_the_disk_is_counted_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (mut sender, receiver) = open(dir.path(), true);
    // So that its thread leaves them alone.
    locked(&receiver.shared.state).disk.write_retry_at = Some(Instant::now() + Duration::from_secs(100));
    assert!(documents(0..10).into_iter().all(|document| sender.push(document, None).is_ok()));
    let moving = locked(&receiver.shared.state).ring.take_all_reserved();
    assert_eq!(moving.len(), 10);
    let (counters, left) = receiver.finish();
    assert_eq!((counters[Counter::Events], left), (10, 10), "{counters:?}");
}

/// Waits until the spool's thread has let go of the spool.
fn wait_for_lock(dir: &Path) {
    let file = std::fs::File::open(dir.join("spool/lock")).unwrap();
    wait_until("the spool isn't locked any more", || file.try_lock().is_ok());
}
