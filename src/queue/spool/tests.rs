//! Tests of the spool: order, crashes, limits, damage.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::{config::SpoolFull, event::Timestamp};
use std::{collections::BTreeSet, panic};

/// A spool's directory, in another where a run directory has its place beside it; gone with this.
pub(super) struct Place {
    pub(super) dir: PathBuf,
    _around: tempfile::TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        let dir = around.path().join("spool");
        fs::create_dir(&dir).unwrap();
        Self { dir, _around: around }
    }

    fn path(&self) -> &Path {
        &self.dir
    }
}

fn config(dir: &Path, limit: u64, full: SpoolFull) -> config::Spool {
    config::Spool { dir: dir.to_path_buf(), always: false, limit, full }
}

fn open_with(config: &config::Spool) -> io::Result<(Spool, Recovered)> {
    Spool::open("test", config, &config.dir.with_extension("run"), &SyncData::default())
}

fn open(dir: &Path) -> (Spool, Recovered) {
    open_with(&config(dir, 64 << 20, SpoolFull::DropOldest)).unwrap()
}

/// Documents that can be told apart, of different lengths.
fn document(number: u64) -> Document {
    let mut text = format!("{{\"number\":{number},\"text\":\"").into_bytes();
    text.resize(text.len() + (number * 37 % 400) as usize, b'a' + (number % 26) as u8);
    text.extend_from_slice(b"\"}");
    let id = number.is_multiple_of(2).then(|| u128::from(number).to_be_bytes());
    Document { body: text, time: Timestamp { seconds: number.cast_signed(), nanos: 7 }, id, receipt: None }
}

/// One of so many bytes.
fn large(bytes: usize) -> Document {
    Document { body: vec![b'x'; bytes], ..Document::default() }
}

fn documents(numbers: std::ops::Range<u64>) -> Vec<Document> {
    numbers.map(document).collect()
}

fn append(spool: &Spool, numbers: std::ops::Range<u64>) {
    let appended = spool.append(&documents(numbers.clone()));
    assert_eq!((appended.stored as u64, appended.dropped), (numbers.end - numbers.start, 0), "{appended:?}");
}

/// Reads all there is, in batches, and says that each is done.
fn drain(spool: &Spool) -> (Vec<Document>, u64) {
    let (mut all, mut damaged) = (Vec::new(), 0);
    loop {
        let batch = spool.read(7, usize::MAX).unwrap();
        if batch.documents.is_empty() && batch.damaged == 0 {
            return (all, damaged);
        }
        damaged += batch.damaged;
        all.extend(batch.documents);
        spool.complete(batch.numbers);
    }
}

fn files(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn what_goes_in_comes_out_in_order() {
    let dir = Place::new();
    let (spool, _) = open(dir.path());
    append(&spool, 0..50);
    let first = spool.read(20, usize::MAX).unwrap();
    append(&spool, 50..60);
    assert_eq!(first.documents, documents(0..20));
    assert_eq!(drain(&spool).0, documents(20..60));
    spool.complete(first.numbers);
    assert_eq!(files(dir.path()), ["lock", "progress"].map(String::from).into(), "what is done takes no room");
    append(&spool, 60..61);
    assert_eq!(drain(&spool).0, documents(60..61));
}

#[test]
fn bytes_bound_a_batch_but_one_document_always_comes() {
    let dir = Place::new();
    let (spool, _) = open(dir.path());
    append(&spool, 0..10);
    assert_eq!(spool.read(5, 1).unwrap().documents.len(), 1);
    let batch = spool.read(5, 100).unwrap();
    let but_one: usize = batch.documents.iter().rev().skip(1).map(Document::len).sum();
    assert!(batch.documents.len() > 1 && but_one < 100, "{batch:?}");
}

#[test]
fn a_process_that_dies_loses_nothing_and_repeats_only_what_was_on_its_way() {
    let dir = Place::new();
    let (spool, _) = open(dir.path());
    append(&spool, 0..100);
    let batches: Vec<Batch> = (0..4).map(|_| spool.read(10, usize::MAX).unwrap()).collect();
    spool.complete(batches[0].numbers);
    spool.complete(batches[2].numbers);
    // As a kill leaves it: nothing is closed.
    std::mem::forget(batches);
    drop(spool);
    let (spool, found) = open(dir.path());
    // The third batch was done, but one before it wasn't.
    assert_eq!((found.spooled, found.missing), (90, 0));
    append(&spool, 100..110);
    assert_eq!(drain(&spool), (documents(10..110), 0));
}

#[test]
fn the_ring_of_a_killed_process_is_counted_exactly() {
    let dir = Place::new();
    let (spool, _) = open(dir.path());
    for _ in 0..30 {
        spool.note_enqueued(None);
    }
    // Ten were delivered from the ring, five spooled, three in flight in a sink.
    spool.note_bypassed(10);
    append(&spool, 0..5);
    let batch = spool.persist(&documents(100..103)).unwrap();
    spool.note_bypassed(3);
    drop(spool);
    let (spool, found) = open(dir.path());
    assert_eq!((found.killed, found.spooled, found.missing), (12, 5, 0));
    assert_eq!(found.in_flight, [InFlightBatch { path: batch.clone(), documents: documents(100..103) }]);
    spool.delete_persisted(batch);
    assert_eq!(drain(&spool).0, documents(0..5));
    drop(spool);
    let (_, found) = open(dir.path());
    assert_eq!((found.killed, found.spooled, found.in_flight.len()), (0, 0, 0), "said once");
}

#[test]
fn a_second_process_is_refused() {
    let dir = Place::new();
    let (_spool, _) = open(dir.path());
    let e = open_with(&config(dir.path(), 1 << 20, SpoolFull::DropOldest)).unwrap_err();
    assert_eq!(e.kind(), io::ErrorKind::ResourceBusy);
    assert!(e.to_string().contains("in use by another process"), "{e}");
}

#[test]
fn at_the_limit_the_oldest_go() {
    let dir = Place::new();
    let (spool, _) = open_with(&config(dir.path(), 1 << 20, SpoolFull::DropOldest)).unwrap();
    let mut dropped = 0;
    for n in 0..100 {
        let appended = spool.append(&documents(n * 100..(n + 1) * 100));
        assert_eq!(appended.stored, 100, "{appended:?}");
        dropped += appended.dropped;
        let on_disk: u64 = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!(on_disk <= (1 << 20) + 4096, "{on_disk}");
    }
    assert!(dropped > 1000);
    assert_eq!(drain(&spool), (documents(dropped..10_000), 0), "the newest are all there");
}

#[test]
fn what_is_on_its_way_is_not_dropped() {
    let dir = Place::new();
    let (spool, _) = open_with(&config(dir.path(), 1 << 20, SpoolFull::DropOldest)).unwrap();
    append(&spool, 0..10);
    let on_its_way = spool.read(10, usize::MAX).unwrap();
    let mut dropped = 0;
    for n in 0..100 {
        dropped += spool.append(&documents(10 + n * 100..10 + (n + 1) * 100)).dropped;
    }
    assert!(dropped > 0);
    drop(spool);
    let (spool, found) = open(dir.path());
    let (all, damaged) = drain(&spool);
    assert_eq!(all[..10], on_its_way.documents[..]);
    assert_eq!((all.len() as u64 + dropped, damaged, found.missing), (10_010, 0, 0), "each is there or was counted");
    assert_eq!(all.len() as u64, found.spooled);
}

#[test]
fn at_the_limit_the_newest_are_refused_where_that_is_wanted() {
    let dir = Place::new();
    let (spool, _) = open_with(&config(dir.path(), 1 << 20, SpoolFull::DropNewest)).unwrap();
    let mut stored = 0;
    let error = loop {
        let appended = spool.append(&documents(stored..stored + 100));
        stored += appended.stored as u64;
        if let Some(e) = appended.error {
            break e;
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    assert_eq!(drain(&spool), (documents(0..stored), 0));
    append(&spool, stored..stored + 10);
}

#[test]
fn one_that_can_never_fit_is_named() {
    let dir = Place::new();
    let (spool, _) = open_with(&config(dir.path(), 1 << 20, SpoolFull::DropOldest)).unwrap();
    let appended = spool.append(&[document(0), large(600 << 10), document(1)]);
    assert_eq!((appended.stored, appended.too_large), (1, true), "{appended:?}");
    append(&spool, 1..2);
    let fitting = large(400 << 10);
    assert_eq!(spool.append(std::slice::from_ref(&fitting)).stored, 1);
    assert_eq!(drain(&spool).0, [document(0), document(1), fitting]);
}

/// Numbers that repeat, so that a failure can be made again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A spool of several segments, partly delivered, with documents in flight; what is yet to be delivered.
fn full_spool(dir: &Path) -> Vec<Document> {
    let config = config(dir, 1 << 20, SpoolFull::DropOldest);
    let (spool, _) = open_with(&config).unwrap();
    append(&spool, 0..600);
    let done = spool.read(50, usize::MAX).unwrap();
    spool.complete(done.numbers);
    drop(spool);
    // A second process, so that there is more than one file to begin with.
    let (spool, _) = open_with(&config).unwrap();
    append(&spool, 600..900);
    spool.persist(&documents(2000..2003)).unwrap();
    documents(50..900).into_iter().chain(documents(2000..2003)).collect()
}

#[test]
fn damage_costs_what_it_hits_and_nothing_else() {
    const TRIALS: u64 = 3000;
    let whole = Place::new();
    let expected = full_spool(whole.path());
    let original: Vec<(String, Vec<u8>)> = files(whole.path())
        .into_iter()
        .map(|name| (name.clone(), fs::read(whole.path().join(name)).unwrap()))
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect();
    assert!(original.iter().filter(|(name, _)| name.ends_with(".spool")).count() >= 4, "{:?}", files(whole.path()));
    let target = Place::new();
    let mut random = Random(0x5eed);
    let mut worst = 0;
    for trial in 0..TRIALS {
        let dir = target.path().join("spool");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        let (victim, bytes) = &original[random.below(original.len() as u64) as usize];
        let at = random.below(bytes.len() as u64) as usize;
        let cut = trial % 4 == 0;
        for (name, bytes) in &original {
            let mut bytes = bytes.clone();
            if name == victim && cut {
                bytes.truncate(at);
            } else if name == victim {
                bytes[at] ^= 1 << random.below(8);
            }
            fs::write(dir.join(name), bytes).unwrap();
        }
        let what = format!("trial {trial}: {victim} {} at {at}", if cut { "cut" } else { "changed" });
        let (documents, lost) = panic::catch_unwind(|| {
            let (spool, found) = open_with(&config(&dir, 1 << 20, SpoolFull::DropOldest)).unwrap();
            let in_flight = found.in_flight.into_iter().flat_map(|batch| batch.documents);
            let (documents, damaged) = drain(&spool);
            (documents.into_iter().chain(in_flight).collect::<Vec<_>>(), damaged + found.missing)
        })
        .unwrap_or_else(|_| panic!("{what}"));
        // Nothing wrong, nothing twice, in order: what is there is what was written, with some left out.
        let mut rest = expected.iter();
        let progress_lost = documents.len() > expected.len();
        if progress_lost {
            // Without the progress file delivered documents may come again, and that is all.
            assert_eq!(victim, "progress", "{what}");
        } else {
            assert!(documents.iter().all(|d| rest.any(|e| e == d)), "{what}: a wrong document");
            let missing = (expected.len() - documents.len()) as u64;
            assert_eq!(lost, missing, "{what}: what is lost is counted");
            if cut {
                // Only what lay behind the cut, of one file.
                let here = original.iter().find(|(name, _)| name == victim).unwrap();
                assert!(missing <= (here.1.len() - at) as u64 / frame::HEAD as u64 + 1, "{what}: {missing} lost");
            } else {
                worst = worst.max(missing);
            }
        }
    }
    assert_eq!(worst, 1, "a changed byte costs one document at most");
}

#[test]
fn damaged_bytes_are_set_aside() {
    let dir = Place::new();
    let (spool, _) = open(dir.path());
    append(&spool, 0..10);
    let path = dir.path().join("00000000000000000000.spool");
    let mut bytes = fs::read(&path).unwrap();
    bytes[frame::HEAD + 6] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(drain(&spool), (documents(1..10), 1));
    let aside = fs::read(dir.path().join("damaged-00000000000000000000-0")).unwrap();
    assert_eq!(aside, bytes[..frame::HEAD + document(0).len()]);
}

#[test]
fn files_that_vanish_are_counted() {
    let dir = Place::new();
    full_spool(dir.path());
    let first = files(dir.path()).into_iter().find(|name| name.starts_with('0')).unwrap();
    fs::remove_file(dir.path().join(&first)).unwrap();
    let (spool, found) = open(dir.path());
    let (_, end) = Segment::read_name(&first).unwrap();
    assert_eq!(found.missing, end.unwrap() - 50);
    assert_eq!(drain(&spool), (documents(end.unwrap()..900), 0));
}

#[test]
fn what_was_dropped_is_counted_even_when_it_made_too_little_room() {
    let dir = Place::new();
    let (spool, _) = open_with(&config(dir.path(), 1 << 20, SpoolFull::DropOldest)).unwrap();
    let append = |number: usize| spool.append(&(0..number).map(|_| large(960)).collect::<Vec<_>>());
    assert_eq!(append(1000).stored, 1000);
    // Most of it is on its way; what isn't makes too little room for this one.
    let on_its_way = spool.read(800, usize::MAX).unwrap();
    let appended = spool.append(&[large(400 << 10)]);
    assert_eq!((appended.stored, appended.error.is_some()), (0, true), "{appended:?}");
    let mut left = 0;
    loop {
        let batch = spool.read(7, usize::MAX).unwrap();
        if batch.documents.is_empty() {
            break;
        }
        left += batch.documents.len() as u64;
    }
    assert_eq!(on_its_way.documents.len() as u64 + left + appended.dropped, 1000);
}

#[test]
fn foreign_files_are_left_alone() {
    let dir = Place::new();
    let (spool, _) = open(dir.path());
    append(&spool, 0..5);
    drop(spool);
    for name in ["7.spool", "+9.spool", "1-2.spool", "x.spool", ".spool", "in-flight-x-y.spool"] {
        fs::write(dir.path().join(name), "not ours").unwrap();
    }
    let (spool, found) = open_with(&config(dir.path(), 1 << 20, SpoolFull::DropOldest)).unwrap();
    assert_eq!((found.spooled, found.missing), (5, 0));
    assert_eq!(drain(&spool), (documents(0..5), 0));
    assert!(files(dir.path()).contains("7.spool"));
}

#[test]
fn files_in_flight_with_the_name_that_they_had_before_are_read() {
    let dir = Place::new();
    let (spool, _) = open(dir.path());
    let path = spool.persist(&documents(0..3)).unwrap();
    spool.persist(&documents(3..5)).unwrap();
    drop(spool);
    let legacy = dir.path().join("hand-00000000000000000001-3.spool");
    fs::rename(path, &legacy).unwrap();
    fs::write(legacy.with_extension("unfinished"), "cut").unwrap();
    let (spool, found) = open(dir.path());
    let found: Vec<_> = found.in_flight.into_iter().collect();
    assert_eq!(found.iter().map(|batch| batch.documents.len()).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(found[0].documents, documents(0..3));
    // It changes its name at the first chance.
    let rest = spool.persist_rest(&found[0].path, &documents(0..3)).unwrap();
    assert_eq!(files(dir.path()).iter().filter(|name| name.starts_with("in-flight-")).count(), 2);
    assert!(rest.exists() && !legacy.exists() && !legacy.with_extension("unfinished").exists());
}

#[test]
fn a_damaged_file_of_documents_in_flight_is_counted_once() {
    let dir = Place::new();
    let (spool, _) = open(dir.path());
    let path = spool.persist(&documents(0..3)).unwrap();
    drop(spool);
    let mut bytes = fs::read(&path).unwrap();
    bytes[frame::HEAD + 6] ^= 1;
    fs::write(&path, bytes).unwrap();
    for missing in [1, 0] {
        let (_spool, found) = open(dir.path());
        assert_eq!(found.in_flight[0].documents, documents(1..3));
        assert_eq!(found.missing, missing);
    }
}
