//! Tests of the queue: what its threads do to each other, and whether the books balance.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{
    books::{Fate, Loss},
    *,
};
use crate::config::SpoolFull;

/// How long a test waits for what must come: far longer than it takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn config(dir: &Path, always: bool) -> config::Queue {
    let spool = config::Spool { dir: dir.join("spool"), always, limit: 64 << 20, full: SpoolFull::DropOldest };
    config::Queue {
        slots: 512,
        bytes: 8 << 20,
        max_wait: Duration::from_secs(2),
        dead_letter_file: None,
        dead_letter_limit: 0,
        spool: Some(spool),
    }
}

fn open(dir: &Path, always: bool) -> (Inlet, Outlet) {
    queue("test", &config(dir, always), false, &dir.join("run"), false).unwrap()
}

fn want(documents: usize) -> Want {
    Want { documents, bytes: usize::MAX, interval: Duration::ZERO }
}

fn documents(numbers: std::ops::Range<u64>) -> Vec<Document> {
    numbers.map(|n| n.to_string().into_bytes()).collect()
}

/// Puts documents in, and waits until they are in the spool.
fn spooled(inlet: &mut Inlet, outlet: &Outlet, numbers: std::ops::Range<u64>) {
    let all = outlet.books().spool + (numbers.end - numbers.start);
    outlet.set_failing(true);
    assert!(documents(numbers).into_iter().all(|document| inlet.push(document, None)));
    wait_until("all are in the spool", || outlet.books().spool == all);
}

/// Takes and delivers so many documents, which must be all there are.
fn drain(outlet: &Outlet, number: usize) -> Vec<Document> {
    drain_with(outlet, number, 7)
}

fn drain_with(outlet: &Outlet, number: usize, most: usize) -> Vec<Document> {
    let mut all = Vec::new();
    while all.len() < number {
        let Taken::Batch(batch) = outlet.take_within(&want(most), PATIENCE) else { panic!("only {}", all.len()) };
        all.extend(batch.documents.iter().cloned());
        outlet.settle_all(batch, Fate::Delivered);
    }
    assert!(!matches!(outlet.take_within(&want(most), Duration::ZERO), Taken::Batch(_)), "more than {number}");
    all
}

#[test]
fn what_is_read_before_the_spools_thread_has_booked_it_is_booked_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut inlet, outlet) = open(dir.path(), false);
    spooled(&mut inlet, &outlet, 0..5);
    let shared = outlet.shared.clone();
    let spool = shared.spool.get().unwrap();
    let away = {
        let mut state = locked(&shared.state);
        state.books.events += 5;
        state.books.ring += 5;
        documents(5..10).into_iter().for_each(|document| state.ring.push(document));
        state.ring.take_away()
    };
    // The spool's thread has written them, and is held up here.
    let appended = spool.append(&away);
    let sink = thread::spawn({
        let outlet = outlet.clone();
        move || drain_with(&outlet, 10, 100)
    });
    wait_until("the sink reads", || locked(&shared.state).reading);
    shared.note_moved(spool, away, appended);
    assert_eq!(sink.join().unwrap(), documents(0..10));
    let (books, _) = outlet.finish();
    assert_eq!((books.delivered, books.lost(), books.spool), (10, 0, 0), "{books:?}");
    assert!(books.balance(), "{books:?}");
}

#[test]
fn all_of_the_sinks_threads_end_when_nothing_is_left() {
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let (mut inlet, outlet) = open(dir.path(), false);
        spooled(&mut inlet, &outlet, 0..200);
        drop(inlet);
        let together = Arc::new(std::sync::Barrier::new(6));
        let threads: Vec<_> = (0..6)
            .map(|_| {
                let (outlet, together) = (outlet.clone(), together.clone());
                thread::spawn(move || {
                    together.wait();
                    while let Some(batch) = outlet.take(&want(500)) {
                        outlet.settle_all(batch, Fate::Delivered);
                    }
                })
            })
            .collect();
        let start = Instant::now();
        while !threads.iter().all(thread::JoinHandle::is_finished) {
            if start.elapsed() > PATIENCE {
                outlet.abandon();
                panic!("some sleep on: {:?}", outlet.books());
            }
            thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(outlet.finish().0.delivered, 200);
    }
}

#[test]
fn what_is_left_half_delivered_does_not_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut inlet, outlet) = open(dir.path(), false);
    assert!(documents(0..10).into_iter().all(|document| inlet.push(document, None)));
    let Taken::Batch(mut batch) = outlet.take_within(&want(10), PATIENCE) else { panic!() };
    outlet.secure(&mut batch);
    outlet.settle(&mut batch, 4, Fate::Delivered);
    outlet.leave(batch);
    drop(inlet);
    assert!(outlet.finish().0.balance());
    drop(outlet);
    wait_for_lock(dir.path());
    let (_inlet, outlet) = open(dir.path(), false);
    assert_eq!(drain(&outlet, 6), documents(4..10));
}

#[test]
fn of_documents_in_another_order_those_left_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut inlet, outlet) = open(dir.path(), false);
    spooled(&mut inlet, &outlet, 0..10);
    let Taken::Batch(mut batch) = outlet.take_within(&want(10), PATIENCE) else { panic!() };
    // The server has taken the last four.
    let mut sorted = std::mem::take(&mut batch.documents);
    sorted.rotate_left(6);
    batch.put_back(0, sorted.into_iter(), true);
    outlet.settle(&mut batch, 4, Fate::Delivered);
    // The disk refuses to keep the others apart.
    std::fs::rename(dir.path().join("spool"), dir.path().join("away")).unwrap();
    outlet.leave(batch);
    std::fs::rename(dir.path().join("away"), dir.path().join("spool")).unwrap();
    drop(inlet);
    assert!(outlet.finish().0.balance());
    drop(outlet);
    wait_for_lock(dir.path());
    let (_inlet, outlet) = open(dir.path(), false);
    assert_eq!(drain(&outlet, 10), documents(0..10), "rather twice than not at all");
}

#[test]
fn one_that_is_refused_again_and_again_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut inlet, outlet) = open(dir.path(), false);
    spooled(&mut inlet, &outlet, 0..100);
    let Taken::Batch(mut refused) = outlet.take_within(&want(1), PATIENCE) else { panic!() };
    outlet.secure(&mut refused);
    assert_eq!(drain(&outlet, 99), documents(1..100));
    let segments = || {
        let names = std::fs::read_dir(dir.path().join("spool")).unwrap().map(|e| e.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with('0')).count()
    };
    assert_eq!(segments(), 0, "what is delivered takes no room");
    outlet.leave(refused);
    drop(inlet);
    assert!(outlet.finish().0.balance());
    drop(outlet);
    wait_for_lock(dir.path());
    let (_inlet, outlet) = open(dir.path(), false);
    assert_eq!(drain(&outlet, 1), documents(0..1), "and doesn't come again");
}

#[test]
fn what_was_lost_at_the_end_is_not_lost_again_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut inlet, outlet) = open(dir.path(), false);
    assert!(documents(0..10).into_iter().all(|document| inlet.push(document, None)));
    let Taken::Batch(batch) = outlet.take_within(&want(10), PATIENCE) else { panic!() };
    drop(inlet);
    // Its sink never gave it back.
    let (books, left) = outlet.finish();
    assert_eq!((left, books.lost_by(Loss::AtEnd)), (10, 10));
    // Now it does.
    outlet.settle_all(batch, Fate::Delivered);
    assert!(outlet.books().balance(), "{:?}", outlet.books());
    drop(outlet);
    wait_for_lock(dir.path());
    let (_inlet, outlet) = open(dir.path(), false);
    assert_eq!(outlet.books(), Books::default(), "it is said once");
}

#[test]
fn what_is_stuck_on_its_way_to_the_disk_is_counted_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (mut inlet, outlet) = open(dir.path(), true);
    // So that its thread leaves them alone.
    locked(&outlet.shared.state).unwritable = Some(Instant::now() + Duration::from_secs(100));
    assert!(documents(0..10).into_iter().all(|document| inlet.push(document, None)));
    let away = locked(&outlet.shared.state).ring.take_away();
    assert_eq!(away.len(), 10);
    let (books, left) = outlet.finish();
    assert_eq!((books.events, left), (10, 10), "{books:?}");
}

/// Waits until the spool's thread has let go of the spool.
fn wait_for_lock(dir: &Path) {
    let file = std::fs::File::open(dir.join("spool/lock")).unwrap();
    wait_until("the spool isn't locked any more", || file.try_lock().is_ok());
}
