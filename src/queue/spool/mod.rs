//! The spool: a queue on disk, behind the ring of an output whose server is slow or away.
//!
//! Its directory holds
//!
//! | file | what |
//! |---|---|
//! | `BASE-END.spool` | a segment: the documents with these numbers, framed as `frame.rs` says |
//! | `BASE.spool` | the segment that is being written |
//! | `hand-N.spool` | documents that were never spooled and that a sink holds since it failed to deliver them |
//! | `progress` | how far delivery has come (`progress.rs`) |
//! | `lock` | held by the one process that uses the spool |
//! | `damaged-BASE-AT` | bytes that could not be read, set aside |
//!
//! and the run directory a file `ring-DEVICE-INODE`, named after the spool's directory, for what is in the ring.
//!
//! Numbers are given without gaps, so that it is known exactly how many documents a damaged piece held. One thread
//! appends; any number read and say when they are done.

mod frame;
mod progress;

use crate::{
    config::{self, SpoolFull},
    log,
    queue::ring::Document,
};
use frame::{Next, Walk};
use nix::fcntl::{Flock, FlockArg};
pub use progress::Newest;
use progress::{Counted, Mark, Progress, Taken};
use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A segment is this part of the spool's limit: what is lost at once when the oldest is dropped.
const SEGMENTS: u64 = 64;
const SMALLEST_SEGMENT: u64 = 64 << 10;
const LARGEST_SEGMENT: u64 = 16 << 20;
/// Bytes framed before they are written.
const GATHER: usize = 1 << 20;
/// Damaged bytes that are set aside; more are only counted.
const SET_ASIDE: u64 = 64 << 20;
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

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
    buffer: Vec<u8>,
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
pub(super) struct Hand {
    pub(super) path: PathBuf,
    pub(super) documents: Vec<Document>,
}

/// What was there when the spool was opened.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Documents to be delivered.
    pub(super) spooled: u64,
    /// Older ones, which come first.
    pub(super) hands: VecDeque<Hand>,
    /// Documents that were in the ring of a process that was killed.
    pub(super) killed: u64,
    /// Documents that should be there and aren't.
    pub(super) missing: u64,
    /// Losses that the process before hadn't reported yet.
    pub(super) unreported: u64,
    /// The newest serial that the process before saw.
    pub(super) newest: Option<Newest>,
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
    segment: u64,
    // Locked in this order, where more than one is.
    writer: Mutex<Writer>,
    reader: Mutex<Reader>,
    index: Mutex<Index>,
    /// The index' bytes when they were last asked for.
    seen_bytes: AtomicU64,
    progress: Mutex<Progress>,
    /// None where the run directory can't be used.
    taken: Mutex<Option<Taken>>,
    /// The number of the last file of documents in a sink's hands.
    hands: Mutex<u64>,
    /// Those that are done with and yet to be removed.
    released: Mutex<Vec<PathBuf>>,
    complained: Mutex<Option<Instant>>,
    _lock: Flock<File>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn at_path(path: &Path, e: &io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("{}: {e}", path.display()))
}

impl Spool {
    /// Opens a spool, or makes it.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] when another process uses it; others when the disk refuses.
    pub(super) fn open(output: &str, config: &config::Spool, run_dir: &Path) -> io::Result<(Self, Found)> {
        let dir = &config.dir;
        DirBuilder::new().mode(0o700).create(dir).or_else(ignore_existing).map_err(|e| at_path(dir, &e))?;
        let path = dir.join("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = Flock::lock(file.map_err(|e| at_path(&path, &e))?, FlockArg::LockExclusiveNonblock);
        let lock = lock.map_err(|(_, e)| match e {
            nix::errno::Errno::EWOULDBLOCK => {
                let what = format!("the spool {} is in use by another process; each needs its own", dir.display());
                io::Error::new(io::ErrorKind::ResourceBusy, what)
            }
            e => at_path(&path, &e.into()),
        })?;
        let path = dir.join("progress");
        let (mut progress, before) = Progress::open(&path).map_err(|e| at_path(&path, &e))?;
        let mut found = Found::default();
        let mut segments = segments(dir)?;
        let first = segments.front().map(|s| s.base);
        let mut mark = before.unwrap_or_else(|| {
            if first.is_some() {
                let dir = dir.display();
                log::warning(format_args!("output {output}: {dir}/progress is damaged: some events may come twice"));
            }
            Mark { done: first.unwrap_or(0), written: 0, direct: 0 }
        });
        if let Some(last) = segments.back_mut() {
            close(dir, last, mark.written)?;
            mark.written = mark.written.max(last.end);
        }
        mark.done = mark.done.min(mark.written);
        // What lies before the first segment and isn't done was taken away by somebody.
        found.missing = first.unwrap_or(mark.written).saturating_sub(mark.done);
        mark.done = mark.done.max(first.unwrap_or(mark.written));
        found.spooled = segments.iter().map(|s| s.end.saturating_sub(s.base.max(mark.done))).sum();
        let (hands, next_hand, in_hands_lost) = hands(output, dir)?;
        found.hands = hands;
        found.missing += in_hands_lost;
        progress.set(mark).map_err(|e| at_path(&path, &e))?;
        let taken = taken(run_dir, dir).and_then(|(mut taken, counted)| {
            if let (Some(Counted { count, newest, unreported }), Some(_)) = (counted, before) {
                found.unreported = unreported;
                found.killed = count.saturating_sub(mark.direct + mark.written);
                found.newest = newest;
            }
            taken.begin(mark.direct + mark.written)?;
            Ok(taken)
        });
        let taken = taken.inspect_err(|e| {
            log::warning(format_args!("output {output}: {e}; after a crash it won't be known what was in the ring"));
        });
        let segment = (config.limit / SEGMENTS).clamp(SMALLEST_SEGMENT, LARGEST_SEGMENT);
        let index = Index { segments, next: mark.done, written: mark.written, done: mark.done, ..Index::default() };
        let spool = Self {
            output: output.to_string(),
            config: config.clone(),
            segment,
            writer: Mutex::default(),
            reader: Mutex::default(),
            seen_bytes: AtomicU64::new(index.bytes()),
            index: Mutex::new(index),
            progress: Mutex::new(progress),
            taken: Mutex::new(taken.ok()),
            hands: Mutex::new(next_hand),
            released: Mutex::default(),
            complained: Mutex::default(),
            _lock: lock,
        };
        spool.remove_done();
        Ok((spool, found))
    }

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
    pub(super) fn take(&self, newest: Option<Newest>) {
        self.count(|taken| taken.add(newest));
    }

    /// Notes a serial whose event enters no ring.
    pub(super) fn see(&self, newest: Newest) {
        self.count(|taken| taken.see(newest));
    }

    /// Notes how many losses nobody has been told of yet.
    pub(super) fn owe(&self, unreported: u64) {
        self.count(|taken| taken.owe(unreported));
    }

    fn count(&self, how: impl FnOnce(&mut Taken) -> io::Result<()>) {
        let mut taken = locked(&self.taken);
        if taken.as_mut().is_some_and(|taken| how(taken).is_err()) {
            // A wrong count would be worse than none.
            *taken = None;
        }
    }

    /// Notes that documents left the ring without being spooled.
    pub(super) fn direct(&self, number: u64) {
        let mut progress = locked(&self.progress);
        let mark = progress.mark();
        let written = progress.set(Mark { direct: mark.direct + number, ..mark });
        drop(progress);
        self.complain_about_progress(written);
    }

    /// What was in the ring has its fate, and the next process has nothing to say about it.
    pub(super) fn forget_ring(&self) {
        if let Some(mut taken) = locked(&self.taken).take() {
            let mark = locked(&self.progress).mark();
            // What can't be written there couldn't be before.
            let _ = taken.owe(0).and_then(|()| taken.begin(mark.direct + mark.written));
        }
    }

    fn complain_about_progress(&self, written: io::Result<()>) {
        let Err(e) = written else { return };
        let mut complained = locked(&self.complained);
        if complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            *complained = Some(Instant::now());
            let path = self.dir().join("progress");
            log::error(format_args!(
                "output {}: can't write {}: {e}; after a crash events may come twice",
                self.output,
                path.display()
            ));
        }
    }

    /// Appends documents, as many as the disk and the limit allow.
    pub(super) fn append(&self, documents: &[Document]) -> Appended {
        let mut appended = Appended::default();
        let mut writer = locked(&self.writer);
        while appended.stored < documents.len() && !appended.too_large {
            if let Err(e) = self.append_some(&mut writer, documents, &mut appended) {
                appended.error = Some(e);
                break;
            }
        }
        writer.buffer = Vec::new();
        appended
    }

    /// Appends as many documents as go into one write.
    fn append_some(&self, writer: &mut Writer, documents: &[Document], appended: &mut Appended) -> io::Result<()> {
        self.open_segment(writer)?;
        let (first, size) = {
            let index = locked(&self.index);
            (index.written, index.segments.back().map_or(0, |s| s.bytes))
        };
        writer.buffer.clear();
        let mut number = first;
        for document in &documents[appended.stored..] {
            if (document.len() + frame::HEAD) as u64 > self.config.limit / 2 {
                appended.too_large = number == first;
                break;
            }
            let full = size + (writer.buffer.len() + document.len()) as u64 > self.segment;
            if (full && !(size == 0 && number == first)) || writer.buffer.len() > GATHER {
                break;
            }
            if !frame::write(&mut writer.buffer, number, document) {
                appended.too_large = number == first;
                break;
            }
            number += 1;
        }
        if number == first {
            if !appended.too_large {
                // No room in this segment; the next one is tried at once.
                self.close_segment(writer)?;
            }
            return Ok(());
        }
        self.make_room(writer.buffer.len() as u64, &mut appended.dropped)?;
        let Some(file) = &mut writer.file else { return Ok(()) };
        let written = file.write_all_at(&writer.buffer, size);
        let written = written.and_then(|()| if self.config.always { file.sync_data() } else { Ok(()) });
        if let Err(e) = written {
            // What is there in part must not be taken for a document that is damaged.
            if file.set_len(size).is_err() {
                let _ = self.close_segment(writer);
            }
            return Err(e);
        }
        let mut index = locked(&self.index);
        if let Some(segment) = index.segments.back_mut() {
            segment.end = number;
            segment.bytes = size + writer.buffer.len() as u64;
        }
        index.written = number;
        drop(index);
        appended.stored += usize::try_from(number - first).unwrap_or(usize::MAX);
        let mut progress = locked(&self.progress);
        let mark = progress.mark();
        let set = progress.set(Mark { written: number, ..mark });
        let set = set.and_then(|()| if self.config.always { progress.sync() } else { Ok(()) });
        drop(progress);
        self.complain_about_progress(set);
        Ok(())
    }

    fn open_segment(&self, writer: &mut Writer) -> io::Result<()> {
        if writer.file.is_some() {
            return Ok(());
        }
        let base = locked(&self.index).written;
        let segment = Segment { base, end: base, bytes: 0, closed: false };
        let path = segment.path(self.dir());
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = file.map_err(|e| at_path(&path, &e))?;
        // Until this succeeds there is no such segment.
        self.sync_dir()?;
        writer.file = Some(file);
        locked(&self.index).segments.push_back(segment);
        Ok(())
    }

    /// Puts the directory onto the disk, where every event is to be there.
    fn sync_dir(&self) -> io::Result<()> {
        if self.config.always { File::open(self.dir())?.sync_all() } else { Ok(()) }
    }

    fn close_segment(&self, writer: &mut Writer) -> io::Result<()> {
        writer.file = None;
        let mut index = locked(&self.index);
        let Some(segment) = index.segments.back_mut() else { return Ok(()) };
        if segment.base == segment.end {
            // Empty: one of that name is made again.
            let path = segment.path(self.dir());
            index.segments.pop_back();
            return fs::remove_file(path);
        }
        let open = segment.path(self.dir());
        segment.closed = true;
        let closed = segment.path(self.dir());
        let renamed = fs::rename(&open, &closed);
        if renamed.is_err() {
            segment.closed = false;
        }
        renamed
    }

    /// Makes room for so many bytes; counts the documents that it costs, whether it is enough or not.
    fn make_room(&self, bytes: u64, dropped: &mut u64) -> io::Result<()> {
        loop {
            // The reader mustn't be on its way into what is dropped.
            let _reader = locked(&self.reader);
            let mut index = locked(&self.index);
            if index.bytes() + bytes <= self.config.limit {
                return Ok(());
            }
            let next = index.next;
            let last = index.segments.len().saturating_sub(1);
            // One that is being delivered stays, so that a crash doesn't lose it.
            let oldest = index.segments.iter().take(last).position(|segment| segment.base >= next);
            let Some(oldest) = oldest.filter(|_| self.config.full == SpoolFull::DropOldest) else {
                return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "spool_limit is reached"));
            };
            let Some(segment) = index.segments.remove(oldest) else { continue };
            *dropped += segment.end - segment.base;
            index.mark_done(segment.base, segment.end);
            let done = index.done;
            drop(index);
            let removed = fs::remove_file(segment.path(self.dir())).or_else(ignore_missing);
            self.note_done(done);
            removed?;
        }
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

    /// The oldest documents that were not read yet: so many, of so many bytes together, at least one if there is one.
    ///
    /// # Errors
    /// When the disk refuses; the same documents come next time.
    pub(super) fn read(&self, most: usize, bytes: usize) -> io::Result<Batch> {
        let mut reader = locked(&self.reader);
        let from = locked(&self.index).next;
        let mut batch = Batch { numbers: (from, from), ..Batch::default() };
        let mut size = 0;
        while batch.documents.len() < most && size < bytes {
            match self.read_next(&mut reader, &mut batch) {
                Ok(true) => size += batch.documents.last().map_or(0, Vec::len),
                Ok(false) => break,
                Err(e) if batch.documents.is_empty() && batch.damaged == 0 => return Err(e),
                // What was read already can go its way; the error comes again.
                Err(_) => break,
            }
        }
        locked(&self.index).next = batch.numbers.1;
        Ok(batch)
    }

    /// Reads one document, or finds out that some can't be; false when there is none.
    fn read_next(&self, reader: &mut Reader, batch: &mut Batch) -> io::Result<bool> {
        let next = batch.numbers.1;
        let segment = locked(&self.index).segments.iter().find(|s| s.end > next).cloned();
        let Some(segment) = segment else {
            return Ok(false);
        };
        if segment.base > next && batch.numbers.0 < batch.numbers.1 {
            // What lies between was dropped; a batch has no such gap.
            return Ok(false);
        }
        let next = next.max(segment.base);
        if batch.numbers.0 == batch.numbers.1 {
            batch.numbers = (next, next);
        }
        if reader.open.as_ref().is_none_or(|(base, _)| *base != segment.base) {
            let path = segment.path(self.dir());
            // It may be closed, and with that renamed, between the look and the opening.
            let file = File::open(&path).or_else(|_| {
                let now = locked(&self.index).segments.iter().find(|s| s.base == segment.base).cloned();
                File::open(now.unwrap_or(segment.clone()).path(self.dir()))
            });
            reader.open = Some((segment.base, file.map_err(|e| at_path(&path, &e))?));
            reader.walk = Walk::default();
        }
        let Some((_, file)) = &reader.open else { return Ok(false) };
        loop {
            match reader.walk.next(file, segment.bytes)? {
                Next::Document(number, _) if number < next => (),
                Next::Document(number, _) if number >= segment.end => (),
                Next::Document(number, document) => {
                    batch.damaged += number - next;
                    batch.documents.push(document);
                    batch.numbers.1 = number + 1;
                    return Ok(true);
                }
                Next::Damaged(at, bytes) => {
                    let room = SET_ASIDE.saturating_sub(reader.set_aside).min(bytes);
                    reader.set_aside += room;
                    self.set_aside(&segment, file, at, bytes, room);
                }
                Next::End => {
                    batch.damaged += segment.end - next;
                    batch.numbers.1 = segment.end;
                    return Ok(true);
                }
            }
        }
    }

    /// Copies a damaged piece into a file of its own, and reports it.
    fn set_aside(&self, segment: &Segment, file: &File, at: u64, bytes: u64, room: u64) {
        let from = segment.path(self.dir());
        let to = self.dir().join(format!("damaged-{:020}-{at}", segment.base));
        let copy = || {
            let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&to)?;
            let mut block = [0; 8192];
            let mut copied = 0;
            while copied < room {
                let most = usize::try_from(room - copied).unwrap_or(usize::MAX).min(block.len());
                match file.read_at(&mut block[..most], at + copied)? {
                    0 => break,
                    n => out.write_all(&block[..n])?,
                }
                copied += most as u64;
            }
            Ok(())
        };
        let (output, from) = (&self.output, from.display());
        let result: io::Result<()> = if room == 0 { Err(io::Error::other("enough is set aside")) } else { copy() };
        let aside = match result {
            Ok(()) => format!("set aside as {}", to.display()),
            Err(e) => format!("not set aside: {e}"),
        };
        log::error(format_args!("output {output}: {bytes} bytes at {at} of {from} are damaged, {aside}"));
    }

    /// Documents that were read are done with.
    pub(super) fn done(&self, (from, to): (u64, u64)) {
        let mut index = locked(&self.index);
        index.mark_done(from, to);
        let done = index.done;
        drop(index);
        self.note_done(done);
        self.remove_done();
        self.remove_released();
    }

    /// Removes segments that are done with.
    fn remove_done(&self) {
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

    /// Writes documents that a sink holds, and couldn't deliver, into a file of their own.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn secure(&self, documents: &[Document]) -> io::Result<PathBuf> {
        let number = {
            let mut hands = locked(&self.hands);
            *hands += 1;
            *hands
        };
        let path = write_hand(self.dir(), number, documents, self.config.always)?;
        self.sync_dir()?;
        Ok(path)
    }

    /// Of documents in a file of their own only these are left.
    ///
    /// # Errors
    /// When the disk refuses; the file is as it was then.
    pub(super) fn secure_rest(&self, path: &Path, documents: &[Document]) -> io::Result<()> {
        let Some((number, _)) = path.file_name().and_then(OsStr::to_str).and_then(read_hand_name) else {
            return Ok(());
        };
        write_hand(self.dir(), number, documents, self.config.always)?;
        self.sync_dir()?;
        self.release(path.to_path_buf());
        Ok(())
    }

    /// Documents in a file of their own are done with.
    pub(super) fn release(&self, path: PathBuf) {
        locked(&self.released).push(path);
        self.remove_released();
    }

    /// Removes files of documents that are done with. What the disk refuses now is tried again: such a file would be
    /// delivered once more by the next process.
    fn remove_released(&self) {
        locked(&self.released).retain(|path| fs::remove_file(path).or_else(ignore_missing).is_err());
    }
}

/// What files of documents in a sink's hands are called while they are written.
const UNFINISHED: &str = "unfinished";

/// The number and how many documents there are, from the name of a file of documents in a sink's hands.
fn read_hand_name(name: &str) -> Option<(u64, u64)> {
    let (number, count) = name.strip_prefix("hand-")?.strip_suffix(".spool")?.split_once('-')?;
    Some((number.parse().ok()?, count.parse().ok()?))
}

/// Writes a file of documents in a sink's hands. It has its name when it is whole, so that a process that is killed
/// meanwhile leaves none.
fn write_hand(dir: &Path, number: u64, documents: &[Document], sync: bool) -> io::Result<PathBuf> {
    let mut bytes = Vec::new();
    for (n, document) in documents.iter().enumerate() {
        frame::write(&mut bytes, n as u64, document);
    }
    let path = dir.join(format!("hand-{number:020}-{}.spool", documents.len()));
    let unfinished = path.with_extension(UNFINISHED);
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&bytes)?;
        if sync {
            file.sync_data()?;
        }
        fs::rename(&unfinished, &path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&unfinished)))?;
    Ok(path)
}

fn ignore_missing(e: io::Error) -> io::Result<()> {
    if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) }
}

/// The file that counts what enters the ring.
fn taken(run_dir: &Path, spool: &Path) -> io::Result<(Taken, Option<Counted>)> {
    let made = DirBuilder::new().mode(0o750).create(run_dir).or_else(ignore_existing);
    made.map_err(|e| at_path(run_dir, &e))?;
    let of = fs::metadata(spool).map_err(|e| at_path(spool, &e))?;
    let path = run_dir.join(format!("ring-{:x}-{}", of.dev(), of.ino()));
    Taken::open(&path).map_err(|e| at_path(&path, &e))
}

fn ignore_existing(e: io::Error) -> io::Result<()> {
    if e.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(e) }
}

/// The segments in a directory, in order.
fn segments(dir: &Path) -> io::Result<VecDeque<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| at_path(dir, &e))? {
        let entry = entry?;
        let Some((base, end)) = entry.file_name().to_str().and_then(Segment::read_name) else { continue };
        let bytes = entry.metadata()?.len();
        segments.push(Segment { base, end: end.unwrap_or(base).max(base), bytes, closed: end.is_some() });
    }
    segments.sort_by_key(|s| (s.base, s.end));
    // Only the last is open. One that was left open before is read to where the next begins.
    for n in 1..segments.len() {
        let next = segments[n].base;
        let segment = &mut segments[n - 1];
        if !segment.closed {
            segment.end = next;
            let open = segment.path(dir);
            segment.closed = true;
            fs::rename(&open, segment.path(dir)).map_err(|e| at_path(&open, &e))?;
        }
    }
    Ok(segments.into())
}

/// Finds out where the last segment ends, and closes it: a new process writes a new one.
fn close(dir: &Path, segment: &mut Segment, written: u64) -> io::Result<()> {
    if segment.closed {
        return Ok(());
    }
    let path = segment.path(dir);
    let file = File::open(&path).map_err(|e| at_path(&path, &e))?;
    let mut walk = Walk::default();
    loop {
        match walk.next(&file, segment.bytes).map_err(|e| at_path(&path, &e))? {
            Next::Document(number, _) if number >= segment.end => segment.end = number + 1,
            Next::Document(..) | Next::Damaged(..) => (),
            Next::End => break,
        }
    }
    segment.end = segment.end.max(written);
    segment.closed = true;
    fs::rename(&path, segment.path(dir)).map_err(|e| at_path(&path, &e))
}

/// What sinks held when the process before ended; the number of the last; how many can't be read.
fn hands(output: &str, dir: &Path) -> io::Result<(VecDeque<Hand>, u64, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some((number, count)) = read_hand_name(name) {
            found.push((number, count, entry.path()));
        } else if name.starts_with("hand-") && name.ends_with(UNFINISHED) {
            // Its documents were still in the ring, or in the spool.
            let _ = fs::remove_file(entry.path());
        }
    }
    found.sort();
    let last = found.last().map_or(0, |(number, ..)| *number);
    let mut lost = 0;
    let mut hands = VecDeque::new();
    for (number, count, mut path) in found {
        let file = File::open(&path)?;
        let end = file.metadata()?.len();
        let mut walk = Walk::default();
        let mut documents = Vec::new();
        loop {
            match walk.next(&file, end)? {
                Next::Document(_, document) => documents.push(document),
                Next::Damaged(at, bytes) => {
                    let path = path.display();
                    log::error(format_args!("output {output}: {bytes} bytes at {at} of {path} are damaged"));
                }
                Next::End => break,
            }
        }
        let missing = count.saturating_sub(documents.len() as u64);
        if missing > 0 {
            lost += missing;
            let aside = path.with_extension("damaged");
            let _ = fs::copy(&path, aside);
            // So that the next process doesn't count them once more.
            if !documents.is_empty()
                && let Ok(rest) = write_hand(dir, number, &documents, false)
            {
                let _ = fs::remove_file(&path);
                path = rest;
            }
        }
        if documents.is_empty() {
            let _ = fs::remove_file(&path);
        } else {
            hands.push_back(Hand { path, documents });
        }
    }
    Ok((hands, last, lost))
}

#[cfg(test)]
mod tests;
