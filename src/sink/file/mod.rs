//! The file sink: one document a line, for Fluentd, Fluent Bit, or a person.
//!
//! Lines are written whole, in as few writes as come together. The file is opened anew when told to (SIGHUP, after
//! logrotate) and when it is gone or another one has its name. When it can't be written (a full disk) the line is
//! tried until it can: the ring fills meanwhile, and the queue's sender decides what that means. Between two
//! documents it makes way for a new one when that is configured.

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
/// How long lines wait for others, so that each needs no write and no waking of its own.
const INTERVAL: Duration = Duration::from_millis(5);
/// How long a write that failed waits before it is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// How often an idle sink looks whether its file is still there.
const IDLE: Duration = Duration::from_millis(250);
/// How often a rotation that failed is tried again.
const ROTATE_AGAIN: Duration = Duration::from_secs(10);

/// Where lines go.
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
    /// That of a regular file.
    age: Option<Age>,
    shared: Arc<SinkStatus>,
    queue: QueueReceiver,
    /// Whole lines to be written.
    gathered: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// Bytes of them that are.
    written: usize,
    complaints: RateLimitedLog,
    /// After a rotation that failed: when it may be tried again.
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
            // Time is up, or nobody reads any more.
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
        self.complaints.error(format_args!("output {name}: can't write {target}: {e}; trying on"));
    }

    /// Opens the file anew when told to, or when its name doesn't lead to it any more.
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
                // A line that was cut by the change belongs into the new file whole.
                self.written = self.ends.iter().rev().find(|end| **end <= self.written).copied().unwrap_or(0);
            }
            Err(e) => self.complain(&e),
        }
    }

    /// Waits until a pipe that doesn't block has room, but not for long.
    fn wait_for_room(&self) {
        let output = io::stdout();
        let fd = match &self.file {
            Some(file) => file.as_fd(),
            None => output.as_fd(),
        };
        // When waiting fails, writing fails too and says why.
        let _ = poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], PollTimeout::from(50u8));
    }

    /// Makes way for a new file when that is due; `next` is the length of the line that comes.
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

    /// Up to where the gathered lines belong into this file, or into a new one that it makes way for.
    fn end_of_write(&mut self) -> usize {
        let line = self.ends.partition_point(|end| *end <= self.written);
        let start = if line == 0 { 0 } else { self.ends[line - 1] };
        let end = self.ends[line];
        // A line that was begun is ended in the same file.
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

    /// Writes all that is gathered; false when that has become impossible.
    fn write(&mut self, batch: &mut Batch) -> bool {
        while self.written < self.gathered.len() {
            let end = self.end_of_write();
            let rest = &self.gathered[self.written..end];
            let result = match (&self.target, &self.file) {
                // Not through the standard library's buffer: what it took and couldn't pass on would come twice.
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
