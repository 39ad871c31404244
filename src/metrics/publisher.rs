//! The thread that writes metrics. It writes only the newest snapshot: if a newer one comes first, an older one is
//! never written.

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
/// If a reload adds a statsd server later than this, the server doesn't get the counts from before the reload.
const LATE: Duration = Duration::from_secs(10);
/// How long the program waits at its end until the last metrics are written.
const LAST: Duration = Duration::from_secs(2);

/// The newest snapshot that is not yet written.
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

/// Passes the snapshots of the reader to the thread.
#[derive(Debug)]
pub struct Publisher {
    mailbox: Arc<Mailbox>,
    /// Is closed when the thread ends.
    ended: Receiver<()>,
}

impl Publisher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the thread can't be started.
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

    /// Hands over a snapshot without waiting.
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

    /// Hands over the last snapshot, and waits until it is written, for [`LAST`] at most.
    pub fn finish(self, mut snapshot: Snapshot) {
        snapshot.last = true;
        self.hand_over(snapshot);
        if self.ended.recv_timeout(LAST) == Err(RecvTimeoutError::Timeout) {
            log::warning("the last metrics could not be written in time");
        }
    }
}

/// The state of the thread.
struct Writer {
    started: Instant,
    status: Instant,
    prometheus: Option<Instant>,
    sent: Instant,
    statsd: Option<Statsd>,
    /// The log says that the Prometheus file can't be written.
    complained: bool,
}

impl Writer {
    fn new() -> Self {
        let now = Instant::now();
        Self { started: now, status: now, prometheus: None, sent: now, statsd: None, complained: false }
    }

    /// Writes everything that is due. False after the last snapshot.
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
            // Only the first failure is logged: the file is tried again every few seconds.
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
