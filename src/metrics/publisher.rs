//! The thread that writes metrics. A snapshot that isn't written when a newer one comes never will be: only the newest
//! one counts.

use super::{prometheus, snapshot::Snapshot, statsd::Statsd, status_report};
use crate::{atomic_file, lock::locked, log};
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How often the Prometheus file is written.
const PROMETHEUS: Duration = Duration::from_secs(15);
/// A statsd server that comes later than this, with a reload, isn't told what was before.
const LATE: Duration = Duration::from_secs(10);
/// How long the end waits until the last metrics are written.
const LAST: Duration = Duration::from_secs(2);

/// The newest snapshot that nobody has written yet.
#[derive(Debug, Default)]
struct Mailbox {
    newest: Mutex<Option<Box<Snapshot>>>,
    came: Condvar,
}

impl Mailbox {
    fn newest(&self) -> MutexGuard<'_, Option<Box<Snapshot>>> {
        locked(&self.newest)
    }

    fn take(&self) -> Box<Snapshot> {
        let mut newest = self.newest();
        loop {
            match newest.take() {
                Some(snapshot) => return snapshot,
                None => newest = self.came.wait(newest).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Where the reader hands its snapshots.
#[derive(Debug)]
pub struct Publisher {
    mailbox: Arc<Mailbox>,
    /// Ends when the thread does.
    ended: Receiver<()>,
}

impl Publisher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start() -> io::Result<Self> {
        let mailbox = Arc::new(Mailbox::default());
        let (alive, ended) = bounded(0);
        let theirs = mailbox.clone();
        thread::Builder::new().name("metrics".into()).spawn(move || {
            let mut writer = Writer::new();
            while writer.write(&theirs.take()) {}
            drop(alive);
        })?;
        Ok(Self { mailbox, ended })
    }

    /// Hands over a snapshot; waits for nobody.
    pub fn hand_over(&self, mut snapshot: Snapshot) {
        debug_assert!(snapshot.balances(), "{snapshot:?}");
        let mut newest = self.mailbox.newest();
        if let Some(older) = newest.take() {
            snapshot.supersede(*older);
        }
        *newest = Some(Box::new(snapshot));
        drop(newest);
        self.mailbox.came.notify_one();
    }

    /// Hands over the last snapshot, and waits until it is written, but not for long.
    pub fn finish(self, mut snapshot: Snapshot) {
        snapshot.last = true;
        self.hand_over(snapshot);
        if self.ended.recv_timeout(LAST) == Err(RecvTimeoutError::Timeout) {
            log::warning("the last metrics could not be written in time");
        }
    }
}

/// What the thread remembers.
struct Writer {
    started: Instant,
    status: Instant,
    prometheus: Option<Instant>,
    sent: Instant,
    statsd: Option<Statsd>,
    /// A file that couldn't be written was complained about.
    complained: bool,
}

impl Writer {
    fn new() -> Self {
        let now = Instant::now();
        Self { started: now, status: now, prometheus: None, sent: now, statsd: None, complained: false }
    }

    /// Writes what is due; false when there is nothing more to come.
    fn write(&mut self, snapshot: &Snapshot) -> bool {
        let settings = &snapshot.settings;
        if let Some(path) = &settings.prometheus_file
            && (snapshot.last || snapshot.asked || self.prometheus.is_none_or(|at| at.elapsed() >= PROMETHEUS))
        {
            self.prometheus = Some(Instant::now());
            self.prometheus(path, snapshot);
        }
        if snapshot.asked {
            match write_report(snapshot) {
                Ok(path) => log::info(format_args!("report written to {}", path.display())),
                Err((path, e)) => log::error(format_args!("can't write a report to {}: {e}", path.display())),
            }
        }
        if !settings.status_period.is_zero() && self.status.elapsed() >= settings.status_period {
            self.status = Instant::now();
            log::info(status_report::status(snapshot));
        }
        self.statsd(snapshot);
        !snapshot.last
    }

    fn prometheus(&mut self, path: &Path, snapshot: &Snapshot) {
        match atomic_file::write(path, prometheus::text(snapshot).as_bytes(), 0o644) {
            Ok(()) if self.complained => {
                self.complained = false;
                log::info(format_args!("metrics are written to {} again", path.display()));
            }
            Ok(()) => (),
            // Once: it is tried every few seconds.
            Err(e) if !self.complained => {
                self.complained = true;
                log::error(format_args!("can't write metrics to {}: {e}; trying again", path.display()));
            }
            Err(_) => (),
        }
    }

    fn statsd(&mut self, snapshot: &Snapshot) {
        let Some(to) = &snapshot.settings.statsd else {
            if let Some(mut statsd) = self.statsd.take() {
                statsd.send(snapshot);
            }
            return;
        };
        let late = self.started.elapsed() > LATE;
        let statsd = self.statsd.get_or_insert_with(|| Statsd::new(to, late, snapshot));
        statsd.redirect(to);
        statsd.gather(snapshot);
        if snapshot.last || self.sent.elapsed() >= snapshot.settings.statsd_period {
            self.sent = Instant::now();
            statsd.send(snapshot);
        }
    }
}

fn write_report(snapshot: &Snapshot) -> Result<PathBuf, (PathBuf, io::Error)> {
    let dir = &snapshot.settings.run_dir;
    let path = dir.join("report");
    let made = DirBuilder::new().recursive(true).mode(0o750).create(dir);
    match made.and_then(|()| atomic_file::write(&path, status_report::text(snapshot).as_bytes(), 0o640)) {
        Ok(()) => Ok(path),
        Err(e) => Err((path, e)),
    }
}
