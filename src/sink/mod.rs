//! Sinks: where documents go. One file (or room) each, and one line in [`start`].

mod breaker;
mod connection;
mod dead_letters;
mod delivery;
mod elasticsearch;
mod file;
mod http;
mod syslog;

use crate::{
    config::{self, Sink},
    lock::locked,
    log,
    losses::LossReporter,
    queue::QueueReceiver,
    timing::RequestStats,
};
use breaker::Breaker;
pub use breaker::BreakerState;
use crossbeam_channel::{Receiver, Sender, bounded};
pub(crate) use elasticsearch::{Kind, Product, Requester};
use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What a sink's threads share with the output they belong to.
#[derive(Debug)]
pub struct SinkStatus {
    /// The output's name.
    pub name: String,
    /// Reports what the sink gave up.
    pub refused: LossReporter,
    /// Reports what the server will never take.
    pub dead_lettered: LossReporter,
    /// What servers answered.
    requests: Mutex<RequestStats>,
    /// In front of a server.
    breaker: OnceLock<Arc<Breaker>>,
    /// The queue is to be left as it is: time is up.
    abort: AtomicBool,
    /// Files are to be opened anew.
    reopen: AtomicBool,
}

impl SinkStatus {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_string(),
            refused: LossReporter::new(format!("output {name}: not delivered")),
            dead_lettered: LossReporter::dead_lettered(
                format!("output {name}: refused for good"),
                "put into the dead-letter file",
            ),
            requests: Mutex::default(),
            breaker: OnceLock::new(),
            abort: AtomicBool::new(false),
            reopen: AtomicBool::new(false),
        }
    }

    /// What servers answered so far.
    pub fn requests(&self) -> MutexGuard<'_, RequestStats> {
        locked(&self.requests)
    }

    /// Where the circuit breaker stands, if there is a server to break with.
    pub fn breaker(&self) -> Option<BreakerState> {
        self.breaker.get().map(|breaker| breaker.position())
    }

    fn is_aborted(&self) -> bool {
        self.abort.load(Ordering::Acquire)
    }

    /// Sleeps, but not beyond an abort; false when it was aborted.
    fn pause(&self, length: Duration) -> bool {
        self.pause_unless(length, || false)
    }

    /// As [`SinkStatus::pause`]; false too when `leave` says not to wait.
    fn pause_unless(&self, length: Duration, leave: impl Fn() -> bool) -> bool {
        let end = Instant::now() + length;
        while !self.is_aborted() && !leave() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(Duration::from_millis(50)));
        }
        false
    }

    /// To be called about once a second: reports what was held back.
    pub fn tick(&self) {
        self.refused.tick();
        self.dead_lettered.tick();
    }
}

/// A running sink: its threads empty the queue until no more comes.
#[derive(Debug)]
pub struct SinkHandle {
    /// Its metrics and switches.
    pub shared: Arc<SinkStatus>,
    /// Ends when the last thread does.
    ended: Receiver<()>,
}

/// Tells [`SinkHandle`] that a thread has ended, by going away with it.
type ShutdownGuard = Sender<()>;

/// Starts the threads that carry documents from `queue` to the sink; `hostname` is this host's.
///
/// # Errors
/// When the file can't be opened, or a thread can't be started.
pub fn start(output: &config::Output, hostname: &str, queue: QueueReceiver) -> io::Result<SinkHandle> {
    let shared = Arc::new(SinkStatus::new(&output.name));
    let (alive, ended) = bounded(0);
    match &output.sink {
        Sink::Http(http) => http::start(output, http, &shared, queue, &alive)?,
        Sink::Elasticsearch(elasticsearch) => {
            elasticsearch::start(output, elasticsearch, &shared, queue, &alive)?;
        }
        Sink::Syslog(syslog) => syslog::start(output, syslog, hostname, &shared, queue, alive)?,
        Sink::File(file) => file::start(file::Target::Path(file.clone()), &shared, queue, alive)?,
        Sink::Stdout => file::start(file::Target::Stdout, &shared, queue, alive)?,
    }
    Ok(SinkHandle { shared, ended })
}

/// Says that a server could be anybody, where that is so.
fn warn_of_no_verification(output: &str, tls: &config::Tls, server: &str) {
    if !tls.verify {
        log::warning(format_args!(
            "output {output}: ssl_verify = no: anybody on the way to {server} can read and change audit events; for \
             testing only"
        ));
    }
}

impl SinkHandle {
    /// Opens files anew.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
    }

    /// Waits for the sink to empty the queue, which gets no more; false when it didn't by `deadline`.
    pub fn wait(&self, deadline: Instant) -> bool {
        self.ended.recv_deadline(deadline) == Err(crossbeam_channel::RecvTimeoutError::Disconnected)
    }

    /// True when all of the sink's threads have ended.
    pub fn has_ended(&self) -> bool {
        self.wait(Instant::now())
    }

    /// Makes the sink leave what it hasn't delivered.
    pub fn abort(&self) {
        self.shared.abort.store(true, Ordering::Release);
    }
}
