//! Tests of looking into a spool.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{
    config::{self, SpoolFull},
    document::Document,
    queue::spool::{Spool, SyncData, tests::Place},
};
use std::{
    fs::{self, FileTimes},
    io::Write,
    os::unix::fs::{MetadataExt, symlink},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::UNIX_EPOCH,
};

impl Place {
    fn open(&self) -> Spool {
        let config =
            config::Spool { dir: self.dir.clone(), always: false, limit: 64 << 20, full: SpoolFull::DropOldest };
        Spool::open("test", &config, &self.dir.with_extension("run"), &SyncData::default()).unwrap().0
    }

    /// A spool with a closed segment of ten documents, which no process uses.
    fn closed() -> Self {
        let place = Self::new();
        place.open().append(&documents(10));
        drop(place.open());
        place
    }

    fn segment(&self) -> PathBuf {
        let is_segment = |path: &PathBuf| What::named(path.file_name().unwrap()).has_documents();
        fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path()).find(is_segment).unwrap()
    }

    fn look(&self) -> (u64, u64, Vec<Fault>) {
        look(&mut Inspection::open(&self.dir).unwrap())
    }

    /// All files, and the directory itself.
    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.push(self.dir.clone());
        files.sort();
        files
    }

    /// The times of all files: of access, of writing, and of change.
    fn times(&self) -> Vec<(PathBuf, [i64; 6])> {
        let times = |path: PathBuf| {
            let meta = fs::symlink_metadata(&path).unwrap();
            let times =
                [meta.atime(), meta.atime_nsec(), meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
            (path, times)
        };
        self.files().into_iter().map(times).collect()
    }

    fn contents(&self) -> Vec<Vec<u8>> {
        self.files().iter().map(|path| fs::read(path).unwrap_or_default()).collect()
    }
}

fn documents(count: u64) -> Vec<Document> {
    (0..count).map(|n| Document { body: format!("{{\"n\":{n}}}").into(), ..Document::default() }).collect()
}

/// All documents, those that are pending, and all faults.
fn look(spool: &mut Inspection) -> (u64, u64, Vec<Fault>) {
    let (mut all, mut pending, mut faults) = (0, 0, spool.faults());
    for file in spool.files.clone().iter().filter(|file| file.what.has_documents() && file.is_regular) {
        let Some(mut documents) = spool.documents(file).unwrap() else { continue };
        while let Some(seen) = documents.next_seen().unwrap() {
            match seen {
                Seen::Document(document) => {
                    all += 1;
                    pending += u64::from(document.turn == Turn::Pending);
                }
                Seen::Fault(fault) => faults.push(fault),
            }
        }
    }
    (all, pending, faults)
}

#[test]
fn files_are_known_by_their_names() {
    for (name, what) in [
        ("00000000000000000007-00000000000000000009.spool", What::Segment { base: 7, end: Some(9) }),
        ("00000000000000000009.spool", What::Segment { base: 9, end: None }),
        ("in-flight-00000000000000000003-12.spool", What::InFlight { number: 3, count: 12 }),
        ("hand-00000000000000000003-12.spool", What::InFlight { number: 3, count: 12 }),
        ("in-flight-00000000000000000003-12.unfinished", What::Unfinished),
        ("in-flight-00000000000000000003-12.damaged", What::SetAside),
        ("damaged-00000000000000000007-120", What::SetAside),
        ("dead-letters.json", What::DeadLetters),
        ("progress", What::Progress),
        ("lock", What::Lock),
        ("7.spool", What::Other),
        ("README", What::Other),
    ] {
        assert_eq!(What::named(name.as_ref()), what, "{name}");
    }
}

#[test]
fn a_spool_in_use_is_seen_as_it_is_and_stays_so() {
    let place = Place::new();
    let spool = place.open();
    spool.append(&documents(50));
    let batch = spool.read(10, usize::MAX).unwrap();
    spool.complete(batch.numbers);
    spool.persist(&documents(3)).unwrap();
    let contents = place.contents();
    let files = place.files();
    // A time of access that is older than the last write is updated by the next read, on every file system.
    for path in files {
        File::open(path).unwrap().set_times(FileTimes::new().set_accessed(UNIX_EPOCH)).unwrap();
    }
    let times = place.times();
    let mut inspection = Inspection::open(&place.dir).unwrap();
    assert_eq!(inspection.holder, Some(std::process::id().try_into().unwrap()));
    assert_eq!(inspection.progress(), Some((10, 50)));
    let kinds: Vec<What> = inspection.files.iter().map(|file| file.what).collect();
    let in_flight = What::InFlight { number: 1, count: 3 };
    assert_eq!(kinds, [in_flight, What::Segment { base: 0, end: None }, What::Progress, What::Lock]);
    assert!(inspection.files[1].is_open());
    assert_eq!(look(&mut inspection), (53, 43, Vec::new()));
    // The test's own list of the directory is one too.
    let is_file = |(path, _): &(PathBuf, _)| *path != place.dir;
    assert!(place.times().into_iter().filter(is_file).eq(times.into_iter().filter(is_file)), "no time changed");
    assert!(place.contents() == contents, "no file changed");
    // The process goes on.
    spool.append(&documents(5));
    assert_eq!(place.look(), (58, 48, Vec::new()));
}

#[test]
fn a_document_that_is_being_written_is_no_damage() {
    let place = Place::new();
    let spool = place.open();
    spool.append(&documents(10));
    let whole = fs::read(place.segment()).unwrap();
    let frame = whole.len() / 10;
    for part in [1, 30, 60] {
        let mut torn = whole.clone();
        torn.extend_from_slice(&whole[..part]);
        fs::write(place.segment(), torn).unwrap();
        let (all, pending, faults) = place.look();
        assert_eq!((all, pending, faults.len()), (10, 10, 1));
        let being_written = FaultKind::Unfinished { bytes: part as u64, being_written: true };
        assert_eq!((&faults[0].kind, faults[0].is_damage()), (&being_written, false));
    }
    // What counts as written must be there.
    fs::write(place.segment(), &whole[..whole.len() - 1]).unwrap();
    let (all, _, faults) = place.look();
    assert_eq!((all, faults.len(), faults[0].is_damage()), (9, 1, true), "{faults:?}");
    fs::write(place.segment(), &whole[..whole.len() - frame]).unwrap();
    assert_eq!(place.look().2[0].kind, FaultKind::Missing { from: 9, to: 10 });
    // After the process is gone, nobody will write the rest.
    let mut torn = whole.clone();
    torn.extend_from_slice(&whole[..30]);
    fs::write(place.segment(), torn).unwrap();
    drop(spool);
    let (all, _, faults) = place.look();
    assert_eq!((all, faults.len(), faults[0].is_damage()), (10, 1, true), "{faults:?}");
}

#[test]
fn every_changed_byte_is_found() {
    let place = Place::closed();
    assert_eq!(place.look(), (10, 10, Vec::new()));
    let path = place.segment();
    let whole = fs::read(&path).unwrap();
    let frame = whole.len() as u64 / 10;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let (all, _, faults) = place.look();
        let number = at as u64 / frame;
        assert_eq!((all, faults.len()), (9, 1), "{at}: {faults:?}");
        assert_eq!(faults[0].offset, Some(number * frame));
        let FaultKind::Damaged { lost, .. } = faults[0].kind else { panic!("{at}: {faults:?}") };
        assert_eq!(lost, (number, number + 1), "{at}");
    }
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let (all, _, faults) = place.look();
        assert_eq!(all, len as u64 / frame);
        assert!(!faults.is_empty() && faults.iter().all(Fault::is_damage), "{len}");
    }
}

#[test]
fn progress_and_segments_must_fit_together() {
    let place = Place::closed();
    let whole = fs::read(place.dir.join("progress")).unwrap();
    for slot in [0, 64] {
        let mut bytes = whole.clone();
        bytes[slot + 9] ^= 1;
        fs::write(place.dir.join("progress"), &bytes).unwrap();
        let faults = place.look().2;
        assert_eq!(faults[0].kind, FaultKind::Slot { other_holds: true });
        assert_eq!(faults[0].offset, Some(slot as u64));
    }
    fs::write(place.dir.join("progress"), [0x55; 128]).unwrap();
    assert_eq!(place.look().2.len(), 2);
    fs::remove_file(place.dir.join("progress")).unwrap();
    assert_eq!(place.look().2[0].kind, FaultKind::NoProgress);
    fs::write(place.dir.join("progress"), &whole).unwrap();
    let again = place.dir.join(format!("{:020}-{:020}.spool", 5, 6));
    fs::write(&again, b"").unwrap();
    let kinds: Vec<FaultKind> = place.look().2.into_iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::Overlap { base: 5, before: 10 }, FaultKind::Missing { from: 5, to: 6 }]);
    fs::remove_file(again).unwrap();
    fs::remove_file(place.segment()).unwrap();
    assert_eq!(place.look().2[0].kind, FaultKind::Missing { from: 0, to: 10 });
}

#[test]
fn what_is_no_file_is_never_opened() {
    let place = Place::closed();
    let named = |base: u64| place.dir.join(format!("{base:020}-{:020}.spool", base + 1));
    nix::unistd::mkfifo(&named(20), nix::sys::stat::Mode::S_IRWXU).unwrap();
    symlink("/dev/zero", named(21)).unwrap();
    fs::create_dir(named(22)).unwrap();
    symlink("/dev/zero", place.dir.join("in-flight-00000000000000000001-1.spool")).unwrap();
    fs::remove_file(place.dir.join("progress")).unwrap();
    symlink("/dev/zero", place.dir.join("progress")).unwrap();
    let (all, _, faults) = place.look();
    assert_eq!(all, 10);
    let odd = faults.iter().filter(|fault| fault.kind == FaultKind::NotRegular).count();
    assert_eq!(odd, 5, "{faults:?}");
    let mut inspection = Inspection::open(&place.dir).unwrap();
    let pipe = inspection.files.iter().find(|file| file.what == What::Segment { base: 20, end: Some(21) }).cloned();
    assert!(matches!(inspection.documents(&pipe.unwrap()), Err(InspectError::NotRegular(_))));
    // One that became a pipe after the list was made.
    let segment = place.segment();
    let listed = inspection.files.iter().find(|file| file.name == segment.file_name().unwrap()).cloned().unwrap();
    fs::remove_file(&segment).unwrap();
    nix::unistd::mkfifo(&segment, nix::sys::stat::Mode::S_IRWXU).unwrap();
    if listed.is_regular {
        assert!(matches!(inspection.documents(&listed), Err(InspectError::NotRegular(_))));
    }
}

#[test]
fn a_segment_that_is_closed_or_gone_meanwhile_is_no_fault() {
    let place = Place::new();
    let spool = place.open();
    spool.append(&documents(10));
    let mut inspection = Inspection::open(&place.dir).unwrap();
    drop(spool);
    drop(place.open());
    assert_eq!(look(&mut inspection), (10, 10, Vec::new()), "it has another name now");
    fs::remove_file(place.segment()).unwrap();
    assert_eq!(look(&mut inspection), (0, 0, Vec::new()), "it is delivered");
}

#[test]
fn a_spool_that_changes_all_the_time_has_no_faults() {
    let place = Place::new();
    let spool = place.open();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                spool.append(&documents(3));
                let batch = spool.read(10, usize::MAX).unwrap();
                spool.complete(batch.numbers);
            }
        });
        for _ in 0..2000 {
            let (_, _, faults) = place.look();
            let damage: Vec<&Fault> = faults.iter().filter(|fault| fault.is_damage()).collect();
            if !damage.is_empty() {
                stop.store(true, Ordering::Relaxed);
            }
            assert!(damage.is_empty(), "{damage:?}");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn numbers_out_of_order_are_passed_over() {
    let place = Place::closed();
    let path = place.segment();
    let whole = fs::read(&path).unwrap();
    let frame = whole.len() / 10;
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&whole[..frame]).unwrap();
    let mut foreign = Vec::new();
    frame::write(&mut foreign, 99, &documents(1)[0]);
    file.write_all(&foreign).unwrap();
    let (all, pending, faults) = place.look();
    assert_eq!((all, pending), (12, 10));
    let kinds: Vec<FaultKind> = faults.into_iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::OutOfOrder { number: 0, expected: 10 }, FaultKind::Beyond { number: 99, end: 10 }]);
    // The spool itself passes over them too.
    let spool = place.open();
    assert_eq!(spool.read(100, usize::MAX).unwrap().documents, documents(10));
}

#[test]
fn what_is_no_spool_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let error = |path: &Path| Inspection::open(path).unwrap_err();
    assert!(matches!(error(dir.path()), InspectError::NoSpool(_)));
    assert!(matches!(error(&dir.path().join("none")), InspectError::NoDirectory(_)));
    fs::write(dir.path().join("file"), b"").unwrap();
    assert!(matches!(error(&dir.path().join("file")), InspectError::NotADirectory(_)));
    assert!(error(dir.path()).is_wrong_usage() && error(dir.path()).to_string().contains("spool_dir"));
}
