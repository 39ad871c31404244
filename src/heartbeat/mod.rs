//! Heartbeats: documents that say that auship is alive, and how auditing on this host is.
//!
//! A thread of its own asks the kernel, because an answer can take a while. The reader only takes what is there.
//!
//! | file | contents |
//! |---|---|
//! | `host_state.rs` | what is known of the host: the kernel's audit status, its rules, the boot |
//! | `rule_files.rs` | the files with the audit rules, if the kernel can't be asked |
//! | `facts.rs` | makes a heartbeat of the host's state and a snapshot of the metrics |

mod facts;
mod host_state;
mod rule_files;

use crate::{event::Heartbeat, kernel_status::AuditStatus, log, metrics::Snapshot};
use crossbeam_channel::{Receiver, Sender, bounded};
use host_state::HostInspector;
pub use host_state::HostState;
use std::{
    io, thread,
    time::{Duration, Instant},
};

/// How long before a heartbeat the host's state is asked for.
const AHEAD: Duration = Duration::from_secs(1);
/// How long a heartbeat waits for the host's state. Then it goes out without.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// How long the last heartbeat waits for the host's state.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Where a heartbeat stands in the life of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It is the first one.
    Started,
    /// It is one of many.
    Running,
    /// It is the last one: the program ends.
    Stopping,
}

impl Moment {
    fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Running => "running",
            Self::Stopping => "stopping",
        }
    }
}

/// Decides when a heartbeat is due, and makes it.
pub struct Heartbeats {
    /// From when the time between heartbeats is counted.
    started: Instant,
    /// The time between two heartbeats. None means none.
    period: Option<Duration>,
    /// When the next heartbeat is due.
    next: Instant,
    /// The number of heartbeats so far.
    number: u64,
    asker: Option<Asker>,
    /// When the host's state was asked for, until the answer comes.
    asked: Option<Instant>,
    /// The kernel's audit status at the last heartbeat.
    audit: Option<AuditStatus>,
}

impl Heartbeats {
    /// Opens what heartbeats need, if there are to be any, and asks for the state of the host.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn start(period: Option<Duration>) -> io::Result<Self> {
        let now = Instant::now();
        let (asker, asked, audit) = (None, None, None);
        let mut heartbeats = Self { started: now, period: None, next: now, number: 0, asker, asked, audit };
        heartbeats.configure(period)?;
        Ok(heartbeats)
    }

    /// Applies another time between heartbeats.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn configure(&mut self, period: Option<Duration>) -> io::Result<()> {
        if period == self.period {
            return Ok(());
        }
        match period {
            Some(period) => {
                if self.asker.is_none() {
                    self.asker = Some(Asker::start()?);
                }
                // The first heartbeat comes at once.
                self.next = if self.number == 0 { Instant::now() } else { next(self.started, period, Instant::now()) };
            }
            None => (self.asker, self.asked, self.audit) = (None, None, None),
        }
        self.period = period;
        self.prepare();
        Ok(())
    }

    /// The kernel's audit status at the last heartbeat, if it is known.
    pub fn audit(&self) -> Option<AuditStatus> {
        self.audit
    }

    /// Asks for the state of the host if the next heartbeat is near.
    fn prepare(&mut self) {
        let is_near = self.next.saturating_duration_since(Instant::now()) <= AHEAD;
        if let (Some(asker), None, true) = (&self.asker, self.asked, is_near) {
            asker.ask();
            self.asked = Some(Instant::now());
        }
    }

    /// The heartbeat that is due, if one is. To be called about once a second. It doesn't wait.
    pub fn due(&mut self, snapshot: &Snapshot, sha256: &str) -> Option<Heartbeat> {
        let period = self.period?;
        self.prepare();
        if Instant::now() < self.next {
            return None;
        }
        let host = self.answer(Duration::ZERO)?;
        self.next = next(self.started, period, Instant::now());
        let moment = if self.number == 0 { Moment::Started } else { Moment::Running };
        let heartbeat = self.make(snapshot, &host, moment, period, sha256);
        self.prepare();
        Some(heartbeat)
    }

    /// The last heartbeat, if there are any. It waits a moment for the state of the host.
    pub fn last(&mut self, snapshot: &Snapshot, sha256: &str) -> Option<Heartbeat> {
        let period = self.period?;
        self.next = Instant::now();
        self.prepare();
        let host = self.answer(LAST_WAIT).unwrap_or_default();
        Some(self.make(snapshot, &host, Moment::Stopping, period, sha256))
    }

    /// The state of the host. None if it may still come.
    fn answer(&mut self, wait: Duration) -> Option<HostState> {
        let (asker, asked) = (self.asker.as_ref()?, self.asked?);
        let host = match asker.answers.recv_timeout(wait) {
            Ok(host) => host,
            Err(_) if asked.elapsed() < ANSWER_WAIT => return None,
            Err(_) => {
                log::warning("a heartbeat is without the state of the host: the kernel doesn't answer");
                HostState::default()
            }
        };
        self.asked = None;
        Some(host)
    }

    fn make(
        &mut self,
        snapshot: &Snapshot,
        host: &HostState,
        moment: Moment,
        period: Duration,
        sha256: &str,
    ) -> Heartbeat {
        self.number += 1;
        self.audit = host.audit;
        facts::heartbeat(snapshot, host, moment, self.number, period, sha256)
    }
}

/// The first moment after `now` that is a whole number of periods after `started`.
fn next(started: Instant, period: Duration, now: Instant) -> Instant {
    let over = now.saturating_duration_since(started).as_nanos() % period.as_nanos().max(1);
    let over = Duration::from_nanos(u64::try_from(over).unwrap_or_default());
    now + period.saturating_sub(over)
}

/// Asks a thread for the state of the host. The thread ends when this is dropped.
struct Asker {
    questions: Sender<()>,
    answers: Receiver<HostState>,
}

impl Asker {
    fn start() -> io::Result<Self> {
        let mut inspector = HostInspector::open();
        let (questions, asked) = bounded::<()>(1);
        let (answer, answers) = bounded(1);
        thread::Builder::new().name("heartbeat".into()).spawn(move || {
            while asked.recv().is_ok() {
                // This fails when nobody waits for the answer any more.
                let _ = answer.try_send(inspector.look());
            }
        })?;
        Ok(Self { questions, answers })
    }

    /// Asks, and forgets an earlier answer.
    fn ask(&self) {
        while self.answers.try_recv().is_ok() {}
        // This fails while an earlier question waits. Its answer counts for this one.
        let _ = self.questions.try_send(());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
