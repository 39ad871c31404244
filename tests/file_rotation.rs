//! Tests of file rotation: by size, by time, when auship is killed, and on a full disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Setup, cannot_run, disk::Tmpfs, events, json, serials, wait_until};
use nix::sys::signal::Signal;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

impl Setup {
    fn numbered(&self, n: usize) -> PathBuf {
        PathBuf::from(format!("{}.{n}", self.log.display()))
    }

    /// Returns the existing files (rotated files and the current one), oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let mut numbers: Vec<usize> = fs::read_dir(self.log.parent().unwrap())
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str().unwrap().strip_prefix("events.json.")?.parse().ok())
            .collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        let mut files: Vec<PathBuf> = numbers.into_iter().map(|n| self.numbered(n)).collect();
        files.extend(self.log.exists().then(|| self.log.clone()));
        files
    }

    /// Returns the serials in all files, in order. Panics if a document is incomplete.
    fn serials(&self) -> Vec<usize> {
        self.files().iter().flat_map(|path| read(path)).collect()
    }
}

fn read(path: &Path) -> Vec<usize> {
    serials(&json::lines(&fs::read(path).unwrap()))
}

#[test]
fn by_size_between_documents() {
    let setup = Setup::new();
    let mut auship = setup.start("rotate_size = 10KiB\nrotate_keep = 100\nring_slots = 2000\n");
    auship.feed(&events(1, 500));
    let (status, said) = auship.finish();
    assert!(status.success() && said.contains("delivered 500, lost 0"), "{said}");
    let files = setup.files();
    assert!(files.len() > 10, "{files:?}");
    for (n, path) in files.iter().enumerate() {
        let size = fs::metadata(path).unwrap().len();
        assert!(size <= 10 << 10, "{path:?} has {size} bytes");
        assert!(size > 9 << 10 || n == files.len() - 1, "{path:?} has {size} bytes");
    }
    assert_eq!(setup.serials(), (1..=500).collect::<Vec<_>>());
}

#[test]
fn a_document_larger_than_rotate_size_has_a_file_of_its_own() {
    let setup = Setup::new();
    let mut auship = setup.start("rotate_size = 1B\n");
    auship.feed(&events(1, 3));
    assert!(auship.finish().0.success());
    assert_eq!(read(&setup.numbered(2)), [1]);
    assert_eq!(read(&setup.numbered(1)), [2]);
    assert_eq!(read(&setup.log), [3]);
}

#[test]
fn no_more_are_kept_than_rotate_keep() {
    for (keys, keep) in [("rotate_size = 10KiB\nrotate_keep = 2\n", 2), ("rotate_size = 10KiB\n", 5)] {
        let setup = Setup::new();
        let mut auship = setup.start(keys);
        auship.feed(&events(1, 500));
        assert!(auship.finish().0.success());
        assert_eq!(setup.files().len(), keep + 1);
        let found = setup.serials();
        assert_eq!(found, (found[0]..=500).collect::<Vec<_>>());
    }
}

#[test]
fn by_time_also_while_nothing_comes() {
    let setup = Setup::new();
    let mut auship = setup.start("rotate_every = 1s\n");
    auship.feed(&events(1, 10));
    wait_until("the first file made way", || setup.numbered(1).exists());
    assert_eq!(read(&setup.numbered(1)), (1..=10).collect::<Vec<_>>());
    // An empty file isn't rotated. To show this, the test waits longer than `rotate_every`.
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(setup.files().len(), 2);
    auship.feed(&events(11, 10));
    assert!(auship.finish().0.success());
    assert_eq!(setup.serials(), (1..=20).collect::<Vec<_>>());
    let files = setup.files();
    assert!(files[..files.len() - 1].iter().all(|path| !read(path).is_empty()), "{files:?}");
}

#[test]
fn age_survives_a_restart() {
    let setup = Setup::new();
    let mut auship = setup.start("rotate_every = 1h\n");
    auship.feed(&events(1, 10));
    assert!(auship.finish().0.success());
    let Ok(made) = fs::metadata(&setup.log).unwrap().created() else {
        return cannot_run("the age of a file", "the file system doesn't know when files were made");
    };
    let mut auship = setup.start("rotate_every = 1h\n");
    auship.feed(&events(11, 10));
    assert!(auship.finish().0.success());
    assert_eq!(setup.files().len(), 1, "an hour isn't over");
    wait_until("a second is over", || made.elapsed().is_ok_and(|age| age > Duration::from_secs(1)));
    // The file was written to just now, but it was created more than a second ago. So it is rotated.
    let mut auship = setup.start("rotate_every = 1s\n");
    auship.feed(&events(21, 10));
    assert!(auship.finish().0.success());
    // If that took longer than a second, another file was rotated too. So only the oldest file is checked here.
    assert_eq!(read(&setup.files()[0]), (1..=20).collect::<Vec<_>>());
    assert_eq!(setup.serials(), (1..=30).collect::<Vec<_>>());
}

#[test]
fn each_new_file_has_mode_owner_and_group() {
    if !nix::unistd::geteuid().is_root() {
        return cannot_run("the owner of a file", "files can't be given away; run this test as root");
    }
    let setup = Setup::new();
    let before = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    let mut auship = setup.start("mode = 0644\nowner = nobody\ngroup = 12345\nrotate_size = 1KiB\n");
    nix::sys::stat::umask(before);
    auship.feed(&events(1, 5));
    assert!(auship.finish().0.success());
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap().uid.as_raw();
    assert!(setup.files().len() > 2);
    for path in setup.files() {
        let meta = fs::metadata(&path).unwrap();
        assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.gid()), (0o644, nobody, 12345), "{path:?}");
    }
    // An existing file keeps its mode and owner.
    let setup = Setup::new();
    fs::write(&setup.log, "").unwrap();
    let before = fs::metadata(&setup.log).unwrap();
    let mut auship = setup.start("mode = 0600\nowner = nobody\n");
    auship.feed(&events(1, 1));
    assert!(auship.finish().0.success());
    let after = fs::metadata(&setup.log).unwrap();
    assert_eq!((after.mode(), after.uid()), (before.mode(), before.uid()));
}

#[test]
fn killed_while_files_make_way_nothing_written_is_lost_or_doubled() {
    let setup = Setup::new();
    let mut next = 1;
    for round in 0..15 {
        let mut auship = setup.start("rotate_size = 1KiB\nrotate_keep = 10000\n");
        auship.wait_for("started");
        let before = setup.files().len();
        auship.feed(&events(next, 400));
        wait_until("some files", || setup.files().len() > before + 1 + round);
        auship.child.kill().unwrap();
        auship.child.wait().unwrap();
        let found = setup.serials();
        assert_eq!(found, (1..=found.len()).collect::<Vec<_>>());
        next = found.len() + 1;
    }
    assert!(next > 15);
}

#[test]
fn a_full_disk_while_files_make_way() {
    let mut setup = Setup::new();
    let Some(small) = Tmpfs::new(&setup.dir.path().join("small"), "256k") else { return };
    setup.log = small.0.join("events.json");
    let mut auship = setup.start("rotate_size = 20KiB\nrotate_keep = 100\nring_slots = 16\nmax_wait = 200ms\n");
    auship.feed(&events(1, 2000));
    auship.wait_for("No space left on device");
    auship.wait_for("ring full");
    auship.wait_for_events(2000);
    let moved: Vec<usize> = setup.files()[..6].iter().flat_map(|path| read(path)).collect();
    for path in &setup.files()[..6] {
        fs::remove_file(path).unwrap();
    }
    auship.wait_for_empty_rings();
    auship.feed(&events(2001, 5));
    let (status, said) = auship.finish();
    let mut found = moved;
    found.extend(setup.serials());
    assert!(found.is_sorted() && found.ends_with(&[2001, 2002, 2003, 2004, 2005]), "{found:?}");
    found.dedup();
    let lost = 2005 - found.len();
    assert!(lost > 0, "{said}");
    assert!(said.contains(&format!("events in 2005, delivered {}, lost {lost}", found.len())), "{said}");
    assert!(status.success(), "{said}");
}

#[test]
fn where_renaming_fails_it_goes_on_in_the_same_file() {
    let setup = Setup::new();
    fs::create_dir_all(setup.numbered(1).join("in the way")).unwrap();
    let mut auship = setup.start("rotate_size = 2KiB\nrotate_keep = 1\n");
    auship.feed(&events(1, 100));
    let (status, said) = auship.finish();
    assert!(status.success() && said.contains("delivered 100, lost 0"), "{said}");
    assert_eq!(said.matches("can't rotate").count(), 1, "{said}");
    assert!(said.contains("going on in the same file"), "{said}");
    assert_eq!(read(&setup.log), (1..=100).collect::<Vec<_>>());
}

#[test]
fn logrotate_may_do_its_part_too() {
    let setup = Setup::new();
    let mut auship = setup.start("rotate_size = 20KiB\n");
    auship.feed(&events(1, 5));
    wait_until("five documents", || setup.serials().len() == 5);
    let moved = setup.dir.path().join("events.json-20261122");
    fs::rename(&setup.log, &moved).unwrap();
    auship.signal(Signal::SIGHUP);
    auship.wait_for("reloaded");
    auship.feed(&events(6, 60));
    let (status, said) = auship.finish();
    assert!(status.success() && said.contains("delivered 65, lost 0"), "{said}");
    assert_eq!(read(&moved), (1..=5).collect::<Vec<_>>());
    assert_eq!(setup.serials(), (6..=65).collect::<Vec<_>>());
    assert!(setup.numbered(1).exists());
}

#[test]
fn a_link_goes_on_leading_to_the_newest_file() {
    let setup = Setup::new();
    let elsewhere = setup.dir.path().join("elsewhere.json");
    std::os::unix::fs::symlink("elsewhere.json", &setup.log).unwrap();
    let mut auship = setup.start("rotate_size = 1B\nmode = 0640\n");
    auship.feed(&events(1, 2));
    assert!(auship.finish().0.success());
    assert!(fs::symlink_metadata(&setup.log).unwrap().is_symlink());
    assert_eq!(read(&setup.log), [2]);
    let first = setup.dir.path().join("elsewhere.json.1");
    assert_eq!(read(&first), [1]);
    for path in [first, elsewhere] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o640);
    }
}
