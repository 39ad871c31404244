//! The spool: a queue on disk, behind the ring of an output whose server is slow or away.
//!
//! Its directory holds
//!
//! | file | what |
//! |---|---|
//! | `BASE-END.spool` | a segment: the documents with these numbers, framed as `frame.rs` says |
//! | `BASE.spool` | the segment that is being written |
//! | `in-flight-N-COUNT.spool` | documents that a sink has failed to deliver so far (`in_flight.rs`) |
//! | `progress` | how far delivery has come (`progress.rs`) |
//! | `lock` | held by the one process that uses the spool |
//! | `damaged-BASE-AT` | bytes that could not be read, set aside |
//!
//! and the run directory a file `ring-DEVICE-INODE`, named after the spool's directory, for what is in the ring.
//!
//! Numbers are given without gaps, so that it is known exactly how many documents a damaged piece held. One thread
//! appends (`write.rs`); any number read (`read.rs`) and say when they are done. `legacy.rs` reads what the build before
//! this one wrote.

mod frame;
mod in_flight;
pub mod inspect;
mod legacy;
mod open;
mod progress;
mod read;
mod write;

use crate::{config, document::Document, lock::locked, log, losses::RateLimitedLog};
use frame::{Next, NextFrame, Walk};
use nix::fcntl::Flock;
pub use progress::ResumeMark;
use progress::{JournalEntry, Mark, Progress, RingJournal};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// A segment is this part of the spool's limit: what is lost at once when the oldest is dropped.
const SEGMENTS: u64 = 64;
const SMALLEST_SEGMENT: u64 = 64 << 10;
const LARGEST_SEGMENT: u64 = 16 << 20;
/// Bytes framed before they are written.
const GATHER: usize = 1 << 20;
/// Damaged bytes that are set aside; more are only counted.
const SET_ASIDE: u64 = 64 << 20;

/// A segment that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    /// Number of its first document.
    base: u64,
    /// Number after its last document.
    end: u64,
    /// Bytes that are written whole.
    bytes: u64,
    /// It gets no more documents: its name says where it ends.
    closed: bool,
}

impl Segment {
    fn path(&self, dir: &Path) -> PathBuf {
        let Self { base, end, .. } = self;
        dir.join(if self.closed { format!("{base:020}-{end:020}.spool") } else { format!("{base:020}.spool") })
    }

    /// The numbers in a name; `None` for one that [`Segment::path`] doesn't give.
    fn read_name(name: &str) -> Option<(u64, Option<u64>)> {
        let name = name.strip_suffix(".spool")?;
        let number = |text: &str| text.parse().ok().filter(|number| format!("{number:020}") == text);
        match name.split_once('-') {
            Some((base, end)) => Some((number(base)?, Some(number(end)?))),
            None => Some((number(name)?, None)),
        }
    }
}

/// What is where.
#[derive(Debug, Default)]
struct Index {
    segments: VecDeque<Segment>,
    /// Number of the next document that is read.
    next: u64,
    /// Number of the next document that is written.
    written: u64,
    /// All below are done with.
    done: u64,
    /// Those above that are done with too: from, to.
    done_beyond: BTreeMap<u64, u64>,
}

impl Index {
    fn bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.bytes).sum()
    }

    fn mark_done(&mut self, from: u64, to: u64) {
        self.done_beyond.insert(from, to);
        while let Some(first) = self.done_beyond.first_entry().filter(|first| *first.key() <= self.done) {
            self.done = self.done.max(first.remove());
        }
    }
}

#[derive(Debug, Default)]
struct Writer {
    file: Option<File>,
    /// The file's name is on the disk.
    is_named: bool,
    buffer: Vec<u8>,
}

type SyncFn = dyn Fn(&File) -> io::Result<()> + Send + Sync;

/// How the data of a file are put onto the disk.
#[derive(Clone)]
pub(super) struct SyncData(Arc<SyncFn>);

impl Default for SyncData {
    fn default() -> Self {
        Self(Arc::new(File::sync_data))
    }
}

impl fmt::Debug for SyncData {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("SyncData")
    }
}

impl SyncData {
    /// With a function for it.
    #[cfg(test)]
    pub(super) fn new(sync: impl Fn(&File) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(sync))
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        (self.0)(file)
    }
}

#[derive(Debug, Default)]
struct Reader {
    /// The open segment.
    open: Option<(u64, File)>,
    walk: Walk,
    /// Damaged bytes set aside so far.
    set_aside: u64,
}

/// Documents that a sink held when it failed, kept in a file of their own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InFlightBatch {
    pub(super) path: PathBuf,
    pub(super) documents: Vec<Document>,
}

/// What was there when the spool was opened.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    /// Documents to be delivered.
    pub(super) spooled: u64,
    /// Older ones, which come first.
    pub(super) in_flight: VecDeque<InFlightBatch>,
    /// Documents that were in the ring of a process that was killed.
    pub(super) killed: u64,
    /// Documents that should be there and aren't.
    pub(super) missing: u64,
    /// Losses that the process before hadn't reported yet.
    pub(super) unreported: u64,
    /// The newest serial that the process before saw.
    pub(super) newest: Option<ResumeMark>,
}

/// What became of documents that were to be spooled.
#[derive(Debug, Default)]
pub(super) struct Appended {
    /// So many of them, the first ones, are in the spool now.
    pub(super) stored: usize,
    /// The next one will never fit.
    pub(super) too_large: bool,
    /// So many old ones were dropped to make room.
    pub(super) dropped: u64,
    /// Why not all are stored.
    pub(super) error: Option<io::Error>,
}

/// Documents that were read.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) documents: Vec<Document>,
    /// Their numbers, and those of damaged ones between them: from, up to.
    pub(super) numbers: (u64, u64),
    /// How many of the numbers are of damaged documents.
    pub(super) damaged: u64,
}

/// A queue on disk.
#[derive(Debug)]
pub(super) struct Spool {
    /// The output's name, for messages.
    output: String,
    config: config::Spool,
    sync: SyncData,
    segment: u64,
    // Locked in this order, where more than one is.
    writer: Mutex<Writer>,
    reader: Mutex<Reader>,
    index: Mutex<Index>,
    /// The index' bytes when they were last asked for.
    seen_bytes: AtomicU64,
    progress: Mutex<Progress>,
    /// None where the run directory can't be used.
    ring_journal: Mutex<Option<RingJournal>>,
    /// The number of the last file of documents in flight.
    last_batch: Mutex<u64>,
    /// Those that are done with and yet to be removed.
    completed: Mutex<Vec<PathBuf>>,
    complaints: RateLimitedLog,
    _lock: Flock<File>,
}

fn at_path(path: &Path, e: &io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("{}: {e}", path.display()))
}

impl Spool {
    fn dir(&self) -> &Path {
        &self.config.dir
    }

    /// Bytes that the spool takes on disk, or took a moment ago: who asks never waits for the disk.
    pub(super) fn bytes(&self) -> u64 {
        if let Ok(index) = self.index.try_lock() {
            self.seen_bytes.store(index.bytes(), Ordering::Relaxed);
        }
        self.seen_bytes.load(Ordering::Relaxed)
    }

    /// Notes that a document enters the ring, and the newest serial with it.
    pub(super) fn note_enqueued(&self, newest: Option<ResumeMark>) {
        self.count(|journal| journal.add(newest));
    }

    /// Notes a serial whose event enters no ring.
    pub(super) fn note_serial(&self, newest: ResumeMark) {
        self.count(|journal| journal.note_serial(newest));
    }

    /// Notes how many losses nobody has been told of yet.
    pub(super) fn save_unreported(&self, unreported: u64) {
        self.count(|journal| journal.save_unreported(unreported));
    }

    fn count(&self, how: impl FnOnce(&mut RingJournal) -> io::Result<()>) {
        let mut journal = locked(&self.ring_journal);
        if journal.as_mut().is_some_and(|journal| how(journal).is_err()) {
            // A wrong count would be worse than none.
            *journal = None;
        }
    }

    /// Notes that documents left the ring without being spooled.
    pub(super) fn note_bypassed(&self, number: u64) {
        let mut progress = locked(&self.progress);
        let mark = progress.mark();
        let written = progress.set(Mark { bypassed: mark.bypassed + number, ..mark });
        drop(progress);
        self.complain_about_progress(written);
    }

    /// What was in the ring has its outcome, and the next process has nothing to say about it.
    pub(super) fn forget_ring(&self) {
        if let Some(mut journal) = locked(&self.ring_journal).take() {
            let mark = locked(&self.progress).mark();
            // What can't be written there couldn't be before.
            let _ = journal.save_unreported(0).and_then(|()| journal.begin(mark.bypassed + mark.written));
        }
    }

    fn complain_about_progress(&self, written: io::Result<()>) {
        let Err(e) = written else { return };
        let path = self.dir().join("progress");
        self.complaints.error(format_args!(
            "output {}: can't write {}: {e}; after a crash events may come twice",
            self.output,
            path.display()
        ));
    }

    fn note_done(&self, done: u64) {
        let mut progress = locked(&self.progress);
        let mark = progress.mark();
        if done > mark.done {
            let set = progress.set(Mark { done, ..mark });
            drop(progress);
            self.complain_about_progress(set);
        }
    }

    /// Documents that were read are done with.
    pub(super) fn complete(&self, (from, to): (u64, u64)) {
        let mut index = locked(&self.index);
        index.mark_done(from, to);
        let done = index.done;
        drop(index);
        self.note_done(done);
        self.remove_done();
        self.delete_completed();
    }

    /// True when documents must be on the disk before they count as accepted, or are acknowledged.
    fn needs_sync(&self, documents: &[Document]) -> bool {
        self.config.always || documents.iter().any(|document| document.receipt.is_some())
    }

    /// Removes segments that are done with.
    fn remove_done(&self) {
        let index = locked(&self.index);
        if index.segments.front().is_none_or(|first| first.end > index.done) {
            return;
        }
        drop(index);
        if self.config.always {
            // After a power failure segments would be missed that the progress doesn't know to be done with.
            let file = locked(&self.progress).file();
            self.complain_about_progress(file.sync_data());
        }
        // When all is done, the segment that is being written goes too; else at the next chance.
        let mut writer = self.writer.try_lock().ok();
        let mut index = locked(&self.index);
        let done = index.done;
        while let Some(first) = index.segments.front() {
            let is_last = index.segments.len() == 1 && !first.closed;
            if first.end > done || (is_last && writer.is_none()) {
                break;
            }
            if is_last && let Some(writer) = &mut writer {
                writer.file = None;
            }
            let path = first.path(self.dir());
            if let Err(e) = fs::remove_file(&path).or_else(ignore_missing) {
                log::warning(format_args!("output {}: can't remove {}: {e}", self.output, path.display()));
            }
            index.segments.pop_front();
        }
    }
}

fn ignore_missing(e: io::Error) -> io::Result<()> {
    if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) }
}

fn ignore_existing(e: io::Error) -> io::Result<()> {
    if e.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(e) }
}

#[cfg(test)]
mod tests;
