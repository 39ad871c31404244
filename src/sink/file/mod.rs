//! The file sink: one document a line, for Fluentd, Fluent Bit, or a person.
//!
//! Lines are written whole. Lines that come together share a write. The file is reopened when the sink is told to
//! (SIGHUP, after logrotate), and when the file is gone or another one has its name. If it can't be written (a full
//! disk), the line is tried until it can be. The ring fills meanwhile, and the queue's sender decides what to do then.
//! If rotation is configured, the file is rotated between two documents.

mod disk;

use super::status::{ShutdownGuard, SinkStatus};
use crate::{
    buffer::give_back,
    config, log,
    losses::RateLimitedLog,
    outcome::{Loss, Outcome},
    queue::{Batch, BatchLimits, Dequeued, QueueReceiver},
};
use disk::Age;
pub(super) use disk::open;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::{
    fmt,
    fs::File,
    io,
    os::fd::AsFd,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

/// Bytes gathered for one write.
const SEND_BATCH: usize = 256 << 10;
/// How long lines wait for others, so that several share one write and one waking.
const INTERVAL: Duration = Duration::from_millis(5);
/// The pause before a failed write is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// How often an idle sink checks whether its file is still there.
const IDLE: Duration = Duration::from_millis(250);
/// The pause before a failed rotation is tried again.
const ROTATE_AGAIN: Duration = Duration::from_secs(10);

/// The destination of lines.
#[derive(Debug)]
pub(super) enum Target {
    Path(Box<config::File>),
    Stdout,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Path(file) => file.path.display().fmt(f),
            Self::Stdout => f.write_str("standard output"),
        }
    }
}

/// Starts the thread that writes; the file is open when this returns.
pub(super) fn start(
    target: Target,
    shared: &Arc<SinkStatus>,
    queue: QueueReceiver,
    alive: ShutdownGuard,
) -> io::Result<()> {
    let file = match &target {
        Target::Path(config) => {
            Some(open(config).map_err(|e| io::Error::new(e.kind(), format!("can't open {target} to append: {e}")))?)
        }
        Target::Stdout => None,
    };
    let shared = shared.clone();
    let name = format!("file {}", shared.name);
    thread::Builder::new().name(name).spawn(move || {
        let mut lines = FileWriter {
            target,
            age: file.as_ref().and_then(Age::of),
            file,
            shared,
            queue,
            gathered: Vec::new(),
            ends: Vec::new(),
            written: 0,
            complaints: RateLimitedLog::default(),
            rotate_again: None,
        };
        lines.run();
        drop(alive);
    })?;
    Ok(())
}

struct FileWriter {
    target: Target,
    file: Option<File>,
    /// The file's size and age, if it is a regular file.
    age: Option<Age>,
    shared: Arc<SinkStatus>,
    queue: QueueReceiver,
    /// Whole lines to be written.
    gathered: Vec<u8>,
    /// The end of each of these lines.
    ends: Vec<usize>,
    /// The number of their bytes that are written.
    written: usize,
    complaints: RateLimitedLog,
    /// After a failed rotation, the time when it may be tried again.
    rotate_again: Option<Instant>,
}

impl FileWriter {
    fn run(&mut self) {
        let limits = BatchLimits { documents: usize::MAX, bytes: SEND_BATCH, interval: INTERVAL };
        loop {
            let mut batch = match self.queue.dequeue_timeout(&limits, IDLE) {
                Dequeued::Batch(batch) => batch,
                Dequeued::TimedOut => {
                    self.look_after();
                    self.rotate(0);
                    continue;
                }
                Dequeued::Closed => return,
            };
            self.gather(&batch);
            self.look_after();
            if self.write(&mut batch) {
                self.queue.complete(batch);
                continue;
            }
            // Time is up, or the reader is gone.
            if self.shared.is_aborted() {
                return;
            }
            self.lose(batch);
            while let Some(batch) = self.queue.dequeue(&limits) {
                self.lose(batch);
            }
            return;
        }
    }

    fn gather(&mut self, batch: &Batch) {
        for document in &batch.documents {
            self.gathered.extend_from_slice(&document.body);
            self.gathered.push(b'\n');
            self.ends.push(self.gathered.len());
        }
    }

    fn lose(&self, batch: Batch) {
        let number = batch.unresolved();
        self.queue.record_outcome_of_all(batch, Outcome::Lost(Loss::Refused));
        self.shared.refused.lost_many(number as u64, &format!("nobody reads {}", self.target));
    }

    fn complain(&self, e: &io::Error) {
        let (name, target) = (&self.shared.name, &self.target);
        self.complaints.error(format_args!("output {name}: can't write {target}: {e}; trying again"));
    }

    /// Reopens the file when told to, or when its path no longer leads to it.
    fn look_after(&mut self) {
        let Target::Path(config) = &self.target else {
            return;
        };
        let told = self.shared.reopen.swap(false, Ordering::AcqRel);
        if !told && self.file.as_ref().is_some_and(|file| disk::leads_to(&config.path, file)) {
            return;
        }
        (self.file, self.age) = (None, None);
        match open(config) {
            Ok(file) => {
                self.age = Age::of(&file);
                self.file = Some(file);
                // If the change cut a line, the whole line is written to the new file.
                self.written = self.ends.iter().rev().find(|end| **end <= self.written).copied().unwrap_or(0);
            }
            Err(e) => self.complain(&e),
        }
    }

    /// Waits a short time until a non-blocking pipe has room.
    fn wait_for_room(&self) {
        let output = io::stdout();
        let fd = match &self.file {
            Some(file) => file.as_fd(),
            None => output.as_fd(),
        };
        // If waiting fails, writing fails too and gives the reason.
        let _ = poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], PollTimeout::from(50u8));
    }

    /// Rotates the file when that is due. `next` is the length of the next line.
    fn rotate(&mut self, next: usize) {
        let (Target::Path(config), Some(file), Some(age)) = (&self.target, &self.file, &self.age) else { return };
        let Some(rotate) = config.rotate else { return };
        let too_large = rotate.size.is_some_and(|size| age.size + next as u64 > size);
        let due = age.size > 0 && (too_large || age.is_over(rotate.every));
        if !due || self.rotate_again.is_some_and(|at| Instant::now() < at) {
            return;
        }
        match disk::rotate(config, rotate.keep, file) {
            Ok(Some(new)) => {
                self.age = Age::of(&new);
                self.file = Some(new);
            }
            Ok(None) => self.look_after(),
            Err(e) => {
                self.rotate_again = Some(Instant::now() + ROTATE_AGAIN);
                let (name, target) = (&self.shared.name, &self.target);
                log::error(format_args!("output {name}: can't rotate {target}: {e}; going on in the same file"));
            }
        }
    }

    /// The end of the gathered lines that belong in the current file. Rotates the file first when that is due.
    fn end_of_write(&mut self) -> usize {
        let line = self.ends.partition_point(|end| *end <= self.written);
        let start = if line == 0 { 0 } else { self.ends[line - 1] };
        let end = self.ends[line];
        // A line must end in the file in which it began.
        if self.written == start {
            self.rotate(end - start);
        }
        let Target::Path(config) = &self.target else { return self.gathered.len() };
        let (Some(age), Some(size)) = (&self.age, config.rotate.and_then(|rotate| rotate.size)) else {
            return self.gathered.len();
        };
        let most = self.written as u64 + size.saturating_sub(age.size);
        let fitting = self.ends.partition_point(|end| *end as u64 <= most);
        self.ends[..fitting].last().map_or(end, |last| end.max(*last))
    }

    /// Writes all gathered lines. Returns false when that has become impossible.
    fn write(&mut self, batch: &mut Batch) -> bool {
        while self.written < self.gathered.len() {
            let end = self.end_of_write();
            let rest = &self.gathered[self.written..end];
            let result = match (&self.target, &self.file) {
                // This avoids the standard library's buffer: lines that it took but couldn't write would come twice.
                (Target::Stdout, _) => nix::unistd::write(io::stdout(), rest).map_err(io::Error::from),
                (Target::Path(_), Some(file)) => nix::unistd::write(file, rest).map_err(io::Error::from),
                (Target::Path(_), None) => Err(io::ErrorKind::NotFound.into()),
            };
            match result {
                Ok(0) => self.complain(&io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    let before = self.written;
                    self.written += n;
                    if let Some(age) = &mut self.age {
                        age.grow(n);
                    }
                    let whole = self.ends.iter().filter(|end| **end > before && **end <= self.written).count();
                    self.queue.record_outcome(batch, whole, Outcome::Delivered);
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    if self.shared.is_aborted() {
                        return false;
                    }
                    self.wait_for_room();
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return false,
                Err(e) => self.complain(&e),
            }
            if !self.shared.pause(RETRY) {
                return false;
            }
            self.look_after();
        }
        give_back(&mut self.gathered, 2 * SEND_BATCH);
        self.ends.clear();
        self.written = 0;
        true
    }
}
