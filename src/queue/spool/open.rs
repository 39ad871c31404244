//! Opening a spool: what a process before this one left, and where it stopped.

use super::{
    Index, JournalEntry, LARGEST_SEGMENT, Mark, NextFrame, Progress, Recovered, RingJournal, SEGMENTS,
    SMALLEST_SEGMENT, Segment, Spool, SyncData, Walk, at_path, ignore_existing, in_flight,
};
use crate::{config, log, losses::RateLimitedLog};
use nix::fcntl::{Flock, FlockArg};
use std::{
    collections::VecDeque,
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
    sync::{Mutex, atomic::AtomicU64},
};

impl Spool {
    /// Opens a spool, or makes it.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] when another process uses it; others when the disk refuses.
    pub(in crate::queue) fn open(
        output: &str,
        config: &config::Spool,
        run_dir: &Path,
        sync: &SyncData,
    ) -> io::Result<(Self, Recovered)> {
        let dir = &config.dir;
        let lock = lock(dir)?;
        let path = dir.join("progress");
        let (mut progress, before) = Progress::open(&path).map_err(|e| at_path(&path, &e))?;
        let mut found = Recovered::default();
        let mut segments = segments(dir)?;
        let first = segments.front().map(|s| s.base);
        let mut mark = before.unwrap_or_else(|| {
            if first.is_some() {
                let dir = dir.display();
                log::warning(format_args!("output {output}: {dir}/progress is damaged: some events may come twice"));
            }
            Mark { done: first.unwrap_or(0), written: 0, bypassed: 0 }
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
        let (in_flight, last_batch, in_flight_lost) = in_flight::recover(output, dir)?;
        found.in_flight = in_flight;
        found.missing += in_flight_lost;
        progress.set(mark).map_err(|e| at_path(&path, &e))?;
        let left_ring = mark.bypassed + mark.written;
        let journal = open_journal(run_dir, dir).and_then(|(mut journal, entry)| {
            if let (Some(JournalEntry { count, newest, unreported }), Some(_)) = (entry, before) {
                found.unreported = unreported;
                found.killed = count.saturating_sub(left_ring);
                found.newest = newest;
            }
            journal.begin(left_ring)?;
            Ok(journal)
        });
        let journal = journal.inspect_err(|e| {
            log::warning(format_args!("output {output}: {e}; after a crash it won't be known what was in the ring"));
        });
        let segment = (config.limit / SEGMENTS).clamp(SMALLEST_SEGMENT, LARGEST_SEGMENT);
        let index = Index { segments, next: mark.done, written: mark.written, done: mark.done, ..Index::default() };
        let spool = Self {
            output: output.to_string(),
            config: config.clone(),
            sync: sync.clone(),
            segment,
            writer: Mutex::default(),
            reader: Mutex::default(),
            seen_bytes: AtomicU64::new(index.bytes()),
            index: Mutex::new(index),
            progress: Mutex::new(progress),
            ring_journal: Mutex::new(journal.ok()),
            last_batch: Mutex::new(last_batch),
            completed: Mutex::default(),
            complaints: RateLimitedLog::default(),
            _lock: lock,
        };
        spool.remove_done();
        Ok((spool, found))
    }
}

/// Makes the spool's directory, and sees to it that no other process uses it.
fn lock(dir: &Path) -> io::Result<Flock<File>> {
    DirBuilder::new().mode(0o700).create(dir).or_else(ignore_existing).map_err(|e| at_path(dir, &e))?;
    let path = dir.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let lock = Flock::lock(file.map_err(|e| at_path(&path, &e))?, FlockArg::LockExclusiveNonblock);
    lock.map_err(|(_, e)| match e {
        nix::errno::Errno::EWOULDBLOCK => {
            let what = format!("the spool {} is in use by another process; each needs its own", dir.display());
            io::Error::new(io::ErrorKind::ResourceBusy, what)
        }
        e => at_path(&path, &e.into()),
    })
}

/// The file that counts what enters the ring.
fn open_journal(run_dir: &Path, spool: &Path) -> io::Result<(RingJournal, Option<JournalEntry>)> {
    let made = DirBuilder::new().mode(0o750).create(run_dir).or_else(ignore_existing);
    made.map_err(|e| at_path(run_dir, &e))?;
    let of = fs::metadata(spool).map_err(|e| at_path(spool, &e))?;
    let path = run_dir.join(format!("ring-{:x}-{}", of.dev(), of.ino()));
    RingJournal::open(&path).map_err(|e| at_path(&path, &e))
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
        match walk.next_frame(&file, segment.bytes).map_err(|e| at_path(&path, &e))? {
            NextFrame::Sound(frame) => segment.end = segment.end.max(frame.number.saturating_add(1)),
            NextFrame::Damaged(..) => (),
            NextFrame::End => break,
        }
    }
    segment.end = segment.end.max(written);
    segment.closed = true;
    fs::rename(&path, segment.path(dir)).map_err(|e| at_path(&path, &e))
}
