//! The queue of an output: a bounded ring between the reader and the sink, and behind it, where there is one, a spool
//! on disk.
//!
//! The reader pushes into the ring and waits for nobody. The sink takes what is oldest: what a process before this one
//! left behind, then the spool, then the ring. A thread of the spool's own moves what is in the ring to disk when the
//! ring is half full or the sink fails; since it takes all of it, and the sink takes from the ring only while the
//! spool is empty, the order of events is kept.
//!
//! | file | what it holds |
//! |---|---|
//! | `sender.rs`, `receiver.rs` | its two ends |
//! | `ring.rs` | the ring |
//! | `spooler.rs` | the thread that moves documents from the ring to disk |
//! | `spool/` | the queue on disk |
//! | `counters.rs` | what came of every event |

pub mod counters;
mod receiver;
pub mod ring;
mod sender;
mod spool;
mod spooler;

use crate::{
    config,
    lock::locked,
    losses::{LossReporter, RateLimitedLog},
};
use counters::Counters;
use crossbeam_channel::{Receiver, Sender, bounded};
pub use receiver::QueueReceiver;
use ring::{Document, Ring};
pub use sender::QueueSender;
pub use spool::ResumeMark;
use spool::{InFlightBatch, Spool};
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    thread,
    time::{Duration, Instant},
};

/// How long the spool gathers documents while the sink fails.
const GATHER: Duration = Duration::from_millis(20);
/// How long after an error the disk is tried again.
const RETRY_DISK: Duration = Duration::from_secs(1);
/// How often a spool that can't be opened is tried again.
const RETRY_OPEN: Duration = Duration::from_secs(10);
/// Batches that are put off at most; their documents have no more bytes than the ring's may.
const MAX_DEFERRED: usize = 256;
/// How long the last write may take when all ends.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// How many documents a sink wants at once.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// At most so many.
    pub documents: usize,
    /// No more once they have so many bytes together.
    pub bytes: usize,
    /// How long it is worth waiting for that many.
    pub interval: Duration,
}

/// Where documents came from, and with that how they are done with.
#[derive(Debug)]
enum Origin {
    /// From the ring; true when the spool knew of them there.
    Ring(bool),
    Spool((u64, u64)),
    /// From a file of their own, or by now in one; it holds those from this one on.
    InFlightFile(PathBuf, usize),
}

/// Documents in flight: a sink has taken them. Their outcomes are recorded in order, and the batch then given back with
/// [`QueueReceiver::complete`], or with [`QueueReceiver::release`] when some are not settled.
#[derive(Debug)]
pub struct Batch {
    /// The documents, oldest first.
    pub documents: Vec<Document>,
    /// The first so many are settled.
    resolved: usize,
    /// They aren't in the order any more in which they came.
    reordered: bool,
    /// How often they were put off.
    deferrals: u32,
    origin: Origin,
}

impl Batch {
    fn new(documents: Vec<Document>, origin: Origin) -> Self {
        Self { documents, resolved: 0, reordered: false, deferrals: 0, origin }
    }

    /// The first document that has no outcome yet.
    pub fn next(&self) -> Option<&Document> {
        self.documents.get(self.resolved)
    }

    /// Puts documents back that were taken out from `at` on. `reordered`: in another order, and some of them won't be
    /// settled with the others.
    pub fn put_back(&mut self, at: usize, documents: impl Iterator<Item = Document>, reordered: bool) {
        self.documents.splice(at..at, documents);
        self.reordered |= reordered;
    }

    /// How often they were put off.
    pub fn deferrals(&self) -> u32 {
        self.deferrals
    }

    /// How many have no outcome yet.
    pub fn unresolved(&self) -> usize {
        self.documents.len() - self.resolved
    }

    /// True when the documents survive this process.
    pub fn is_on_disk(&self) -> bool {
        !matches!(self.origin, Origin::Ring(_))
    }
}

/// What [`QueueReceiver::dequeue_timeout`] found.
#[derive(Debug)]
pub enum Dequeued {
    /// Documents.
    Batch(Batch),
    /// None came in time.
    TimedOut,
    /// None will come any more.
    Closed,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    /// Since when the oldest document in the ring waits.
    waiting_since: Instant,
    recovered: VecDeque<InFlightBatch>,
    /// Batches in files of their own that nobody is to try before that time.
    deferred: Vec<(Instant, Batch)>,
    /// Documents in the spool that nobody has taken out yet.
    spooled: u64,
    /// How often documents were moved from the ring to the spool.
    moves: u64,
    /// One sink's thread reads the spool.
    reading: bool,
    /// One sink's thread watches the clock for a batch that isn't full, and wants to be woken for so many documents
    /// or bytes.
    filling: Option<(usize, usize)>,
    /// How many of the sink's threads sleep, and whether the spool's and the reader do: waking takes a system call.
    sinks_asleep: usize,
    spooler_asleep: bool,
    reader_asleep: bool,
    /// The spool can't be written, or not read, until then.
    write_retry_at: Option<Instant>,
    read_retry_at: Option<Instant>,
    /// Why the spool takes no more, for messages.
    spool_error: String,
    /// What is left stays where it is.
    stopped: bool,
    /// The counters are closed: what was still in somebody's hands is lost, whatever comes of it now.
    counts_are_final: bool,
    counters: Counters,
    resume_mark: Option<ResumeMark>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    config: config::Queue,
    run_dir: PathBuf,
    state: Mutex<State>,
    // These two are asked without the state's lock, but their changes are announced to who sleeps on it.
    /// The sink doesn't get its documents delivered.
    failing: AtomicBool,
    /// No more documents come.
    closed: AtomicBool,
    /// Something for the sink to do.
    work: Condvar,
    /// Something for the spool's thread to do.
    to_spool: Condvar,
    /// Room in the ring.
    room: Condvar,
    spool: std::sync::OnceLock<Spool>,
    full: LossReporter,
    spool_full: LossReporter,
    complaints: RateLimitedLog,
    /// Ends when the spool's thread does.
    spooler: Mutex<Option<Receiver<()>>>,
}

/// A queue as configured. `local`: its sink is on this machine, so that the reader may wait for it, within a bound.
/// `run_dir` is where what concerns this process alone is kept, in memory if possible. `handed_over`: the spool was this
/// process's until now, and somebody who is late may still hold it.
///
/// # Errors
/// When the spool is in use by another process. A spool that the disk refuses is reported and tried again.
pub fn queue(
    name: &str,
    config: &config::Queue,
    local: bool,
    run_dir: &Path,
    handed_over: bool,
) -> io::Result<(QueueSender, QueueReceiver)> {
    let state = State {
        ring: Ring::new(config.slots, config.bytes),
        waiting_since: Instant::now(),
        recovered: VecDeque::new(),
        deferred: Vec::new(),
        spooled: 0,
        moves: 0,
        reading: false,
        filling: None,
        sinks_asleep: 0,
        spooler_asleep: false,
        reader_asleep: false,
        write_retry_at: None,
        read_retry_at: None,
        spool_error: String::new(),
        stopped: false,
        counts_are_final: false,
        counters: Counters::default(),
        resume_mark: None,
    };
    let shared = Arc::new(Shared {
        name: name.to_string(),
        config: config.clone(),
        run_dir: run_dir.to_path_buf(),
        state: Mutex::new(state),
        failing: AtomicBool::new(false),
        closed: AtomicBool::new(false),
        work: Condvar::new(),
        to_spool: Condvar::new(),
        room: Condvar::new(),
        spool: std::sync::OnceLock::new(),
        full: LossReporter::new(format!("output {name}: ring full")),
        spool_full: LossReporter::new(format!("output {name}: spool full")),
        complaints: RateLimitedLog::default(),
        spooler: Mutex::default(),
    });
    if config.spool.is_some() {
        if let Err(e) = shared.open_spool() {
            if e.kind() == io::ErrorKind::ResourceBusy && !handed_over {
                return Err(e);
            }
            shared.report_spool_error(&e, "can't be opened");
        }
        let spooler = thread::Builder::new().name(format!("spool {name}"));
        let (alive, ended) = bounded(0);
        spooler.spawn({
            let shared = shared.clone();
            move || {
                shared.run_spooler();
                // With it the spool: who waits for the end may open it then.
                drop(shared);
                drop::<Sender<()>>(alive);
            }
        })?;
        *locked(&shared.spooler) = Some(ended);
    }
    let sender = QueueSender { shared: shared.clone(), local, timeout: config.max_wait };
    Ok((sender, QueueReceiver { shared }))
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>, time: Option<Duration>) -> MutexGuard<'a, State> {
    match time {
        None => condition.wait(state).unwrap_or_else(PoisonError::into_inner),
        Some(time) => condition.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
    }
}

#[cfg(test)]
mod tests;
