//! How far an output has come, kept in a small file so that the next process knows.
//!
//! Two slots are written in turn, each with a checksum: a write that is cut, or a damaged slot, leaves the other one.
//!
//! A second file counts documents that entered the ring. It is written before each of them does, so that after a
//! `kill -9` the difference tells exactly how many were in memory. The reader writes it, which mustn't wait for a disk:
//! it is in the run directory, in memory on most systems.

use super::frame::ReadAt;
use crate::host::BOOT_ID;
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

/// Distance of the slots, in bytes.
const SLOT: u64 = 64;

/// How far an output has come. All numbers count from the spool's making on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Spooled documents below this number are done with.
    pub(super) done: u64,
    /// The number that the next spooled document gets.
    pub(super) written: u64,
    /// Documents that left the ring and were not spooled: delivered, given up, or in files of their own.
    pub(super) bypassed: u64,
}

/// The file.
#[derive(Debug)]
pub(super) struct Progress {
    file: Arc<File>,
    mark: Mark,
    generation: u64,
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// The numbers of a slot, if its checksum is right.
fn read_slot<const N: usize>(file: &File, at: u64) -> Option<[u64; N]> {
    let mut bytes = [0; SLOT as usize];
    file.read_exact_at(&mut bytes, at).ok()?;
    let (numbers, rest) = bytes.split_at(8 * N);
    let sound = rest.get(..4)? == crc32fast::hash(numbers).to_le_bytes() && numbers.iter().any(|b| *b != 0);
    sound.then(|| std::array::from_fn(|n| number(numbers, 8 * n)))
}

/// What a file of progress says, as it is read and never written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProgressFile {
    /// The newest mark; none in a new or damaged file.
    pub(super) mark: Option<Mark>,
    /// Where slots begin that hold something, but nothing sound.
    pub(super) damaged: Vec<u64>,
}

impl ProgressFile {
    /// Reads a file.
    pub(super) fn read(file: &File) -> Self {
        let slots = [0, SLOT].map(|at| read_slot::<4>(file, at));
        let damaged = [0, SLOT].into_iter().zip(&slots).filter(|(at, slot)| slot.is_none() && !is_blank(file, *at));
        Self { mark: newest(slots).map(|(_, mark)| mark), damaged: damaged.map(|(at, _)| at).collect() }
    }
}

/// The newest of two slots: its generation and its mark.
fn newest(slots: [Option<[u64; 4]>; 2]) -> Option<(u64, Mark)> {
    let [generation, done, written, bypassed] = slots.into_iter().flatten().max_by_key(|slot| slot[0])?;
    Some((generation, Mark { done, written, bypassed }))
}

/// True when a slot was never written.
fn is_blank(file: &File, at: u64) -> bool {
    let mut bytes = [0; SLOT as usize];
    let filled = file.fill(&mut bytes, at).unwrap_or_default();
    bytes[..filled].iter().all(|b| *b == 0)
}

fn write_slot<const N: usize>(file: &File, at: u64, numbers: [u64; N]) -> io::Result<()> {
    let mut bytes = [0; SLOT as usize];
    for (n, number) in numbers.iter().enumerate() {
        bytes[8 * n..8 * n + 8].copy_from_slice(&number.to_le_bytes());
    }
    let checksum = crc32fast::hash(&bytes[..8 * N]);
    bytes[8 * N..8 * N + 4].copy_from_slice(&checksum.to_le_bytes());
    file.write_all_at(&bytes, at)
}

impl Progress {
    /// Opens the file, or makes it; says how far the process before came, unless the file is new, or damaged.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<Mark>)> {
        let file = open(path)?;
        let slots = [0, SLOT].map(|at| read_slot::<4>(&file, at));
        let newest = newest(slots);
        let (generation, before) = (newest.map_or(0, |(generation, _)| generation), newest.map(|(_, mark)| mark));
        Ok((Self { file: Arc::new(file), mark: before.unwrap_or_default(), generation }, before))
    }

    /// The mark now.
    pub(super) fn mark(&self) -> Mark {
        self.mark
    }

    /// Writes a new mark.
    pub(super) fn set(&mut self, mark: Mark) -> io::Result<()> {
        self.mark = mark;
        self.generation += 1;
        let at = if self.generation.is_multiple_of(2) { 0 } else { SLOT };
        write_slot(&self.file, at, [self.generation, mark.done, mark.written, mark.bypassed])
    }

    /// The file, to be put onto the disk: whoever waits for that needs no lock.
    pub(super) fn file(&self) -> Arc<File> {
        self.file.clone()
    }
}

/// The newest serial that was seen, and the number of the node that it came from (0: the records name none).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResumeMark {
    /// What [`crate::event::node_id`] says.
    pub node: u64,
    /// The kernel's number of the event.
    pub serial: u64,
}

/// What a process before had counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JournalEntry {
    /// Documents that had entered the ring.
    pub(super) count: u64,
    /// The newest serial, if the system wasn't started again since.
    pub(super) newest: Option<ResumeMark>,
    /// Losses that it hadn't reported yet.
    pub(super) unreported: u64,
}

/// The count of documents that entered the ring, and the newest serial among them.
#[derive(Debug)]
pub(super) struct RingJournal {
    file: File,
    count: u64,
    newest: ResumeMark,
    boot: u64,
    unreported: u64,
}

/// A number for this start of the system: serials begin anew with each.
fn boot() -> u64 {
    let id = std::fs::read(BOOT_ID).unwrap_or_default();
    u64::from(crc32fast::hash(&id))
}

impl RingJournal {
    /// Opens the file, or makes it; says what the process before counted, unless the file is new, or damaged.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<JournalEntry>)> {
        let file = open(path)?;
        let boot = boot();
        let before = read_slot::<6>(&file, 0).map(|[_, count, node, serial, then, unreported]| {
            let newest = (then == boot && serial > 0).then_some(ResumeMark { node, serial });
            JournalEntry { count, newest, unreported }
        });
        let (count, newest) = before.map_or((0, None), |before| (before.count, before.newest));
        Ok((Self { file, count, newest: newest.unwrap_or_default(), boot, unreported: 0 }, before))
    }

    /// Begins anew with a count.
    pub(super) fn begin(&mut self, count: u64) -> io::Result<()> {
        self.count = count;
        let ResumeMark { node, serial } = self.newest;
        write_slot(&self.file, 0, [1, count, node, serial, self.boot, self.unreported])
    }

    /// Counts one more.
    pub(super) fn add(&mut self, newest: Option<ResumeMark>) -> io::Result<()> {
        self.newest = newest.unwrap_or(self.newest);
        self.begin(self.count + 1)
    }

    /// Notes a serial that enters no ring.
    pub(super) fn note_serial(&mut self, newest: ResumeMark) -> io::Result<()> {
        self.newest = newest;
        self.begin(self.count)
    }

    /// Notes how many losses nobody has been told of yet.
    pub(super) fn save_unreported(&mut self, unreported: u64) -> io::Result<()> {
        if unreported == self.unreported {
            return Ok(());
        }
        self.unreported = unreported;
        self.begin(self.count)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_sound_slot_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("progress");
        let (mut progress, before) = Progress::open(&path).unwrap();
        assert_eq!(before, None);
        let mark = |done| Mark { done, written: 10, bypassed: 5 };
        progress.set(mark(1)).unwrap();
        progress.set(mark(2)).unwrap();
        drop(progress);
        assert_eq!(Progress::open(&path).unwrap().1, Some(mark(2)));

        // Every byte that is damaged costs at most one step.
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let before = Progress::open(&path).unwrap().1;
            assert!(before == Some(mark(1)) || before == Some(mark(2)), "{at}: {before:?}");
        }
    }

    #[test]
    fn a_count_goes_on_or_is_unknown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ring");
        let (mut journal, before) = RingJournal::open(&path).unwrap();
        assert_eq!(before, None);
        journal.begin(7).unwrap();
        journal.add(None).unwrap();
        assert_eq!(RingJournal::open(&path).unwrap().1, Some(JournalEntry { count: 8, newest: None, unreported: 0 }));
        let newest = ResumeMark { node: 3, serial: 70 };
        journal.add(Some(newest)).unwrap();
        journal.add(None).unwrap();
        journal.save_unreported(4).unwrap();
        let counted = JournalEntry { count: 10, newest: Some(newest), unreported: 4 };
        assert_eq!(RingJournal::open(&path).unwrap().1, Some(counted));
        journal.note_serial(ResumeMark { node: 0, serial: 71 }).unwrap();
        let (mut other, before) = RingJournal::open(&path).unwrap();
        assert_eq!(before.unwrap().newest.unwrap().serial, 71);
        // After the system was started again serials are others.
        other.boot += 1;
        other.begin(1).unwrap();
        assert_eq!(RingJournal::open(&path).unwrap().1, Some(JournalEntry { count: 1, newest: None, unreported: 0 }));
        std::fs::write(&path, [0x55; 64]).unwrap();
        assert_eq!(RingJournal::open(&path).unwrap().1, None);
    }
}
