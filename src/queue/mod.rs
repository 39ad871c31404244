//! The queue of an output: a bounded ring between the reader and the sink, and behind it, where there is one, a spool
//! on disk.
//!
//! The reader pushes into the ring and waits for nobody. The sink takes what is oldest: what a process before this one
//! left behind, then the spool, then the ring. A thread of the spool's own moves what is in the ring to disk when the
//! ring is half full or the sink fails; since it takes all of it, and the sink takes from the ring only while the
//! spool is empty, the order of events is kept.
//!
//! Documents may carry receipts, by which their source learns that they are safe: delivered, or on the disk. The spool's
//! thread writes all that is in the ring as one group, syncs once, and resolves the group. So an acknowledgement waits for
//! one sync, and not until a batch is full. A queue for such documents ([`Guarantee::Acknowledged`]) hands back what it
//! has no room for, and drops nothing that it has acknowledged.
//!
//! | file | what it holds |
//! |---|---|
//! | `sender.rs`, `receiver.rs` | its two ends |
//! | `batch.rs` | documents in flight, and their outcomes |
//! | `next.rs` | what a sink's thread does next |
//! | `state.rs` | what all threads share, under one lock |
//! | `ring.rs` | the ring |
//! | `spooler.rs` | the thread that moves documents from the ring to disk |
//! | `spool/` | the queue on disk |
//! | `counters.rs` | what came of every event |

mod batch;
pub mod counters;
mod next;
mod receiver;
mod ring;
mod sender;
mod spool;
mod spooler;
mod state;

use crate::{
    config::{self, SpoolFull},
    lock::locked,
    losses::{LossReporter, RateLimitedLog},
};
pub use batch::{Batch, BatchLimits, Order};
use crossbeam_channel::{Receiver, Sender, bounded};
pub use receiver::QueueReceiver;
pub use sender::QueueSender;
pub use spool::ResumeMark;
use spool::{Spool, SyncData};
use state::State;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How long the spool gathers documents while the sink fails.
const GATHER: Duration = Duration::from_millis(20);
/// How long after an error the disk is tried again.
const RETRY_DISK: Duration = Duration::from_secs(1);
/// How often a spool that is full, and drops what is newest, is tried again.
const RETRY_FULL: Duration = Duration::from_millis(100);
/// How often a spool that can't be opened is tried again.
const RETRY_OPEN: Duration = Duration::from_secs(10);
/// Batches that are deferred at most; their documents have no more bytes than the ring's may.
const MAX_DEFERRED: usize = 256;
/// How long the last write may take when all ends.
const LAST_WRITE: Duration = Duration::from_secs(5);

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

/// What the reader does when the ring is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// It waits for a sink on this machine, within a bound.
    Wait,
    /// It loses the document: nobody knows when a server will take more. It waits for a spool that works all the same.
    Lose,
}

/// What a queue promises about documents that it has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// What can't be kept is dropped, counted and reported: the reader must go on.
    BestEffort,
    /// Documents have receipts. A queue that is full hands them back, and a spool that is full refuses more: it never
    /// drops its oldest (`spool_full = drop_oldest`), which may be acknowledged.
    Acknowledged,
}

/// Who had the spool before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// Nobody in this process.
    Fresh,
    /// This process: an output that ends late may still hold it.
    FromSelf,
}

#[derive(Debug)]
struct Shared {
    name: String,
    config: config::Queue,
    guarantee: Guarantee,
    sync: SyncData,
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
    spool: OnceLock<Spool>,
    full: LossReporter,
    spool_full: LossReporter,
    complaints: RateLimitedLog,
    /// Ends when the spool's thread does.
    spooler: Mutex<Option<Receiver<()>>>,
}

/// A queue as configured. `run_dir` is where what concerns this process alone is kept, in memory if possible.
///
/// # Errors
/// When the spool is in use by another process. A spool that the disk refuses is reported and tried again.
pub fn queue(
    name: &str,
    config: &config::Queue,
    overflow: Overflow,
    guarantee: Guarantee,
    run_dir: &Path,
    takeover: Takeover,
) -> io::Result<(QueueSender, QueueReceiver)> {
    queue_with(name, config, overflow, guarantee, run_dir, takeover, SyncData::default())
}

/// As [`queue`], with a say in how the spool's files are put onto the disk.
fn queue_with(
    name: &str,
    config: &config::Queue,
    overflow: Overflow,
    guarantee: Guarantee,
    run_dir: &Path,
    takeover: Takeover,
    sync: SyncData,
) -> io::Result<(QueueSender, QueueReceiver)> {
    let mut config = config.clone();
    if let (Guarantee::Acknowledged, Some(spool)) = (guarantee, &mut config.spool) {
        spool.full = SpoolFull::DropNewest;
    }
    let timeout = config.max_wait;
    let shared = Arc::new(Shared {
        name: name.to_string(),
        state: Mutex::new(State::new(&config)),
        config,
        guarantee,
        sync,
        run_dir: run_dir.to_path_buf(),
        failing: AtomicBool::new(false),
        closed: AtomicBool::new(false),
        work: Condvar::new(),
        to_spool: Condvar::new(),
        room: Condvar::new(),
        spool: OnceLock::new(),
        full: LossReporter::new(format!("output {name}: ring full")),
        spool_full: LossReporter::new(format!("output {name}: spool full")),
        complaints: RateLimitedLog::default(),
        spooler: Mutex::default(),
    });
    if shared.config.spool.is_some() {
        if let Err(e) = shared.open_spool() {
            if e.kind() == io::ErrorKind::ResourceBusy && takeover == Takeover::Fresh {
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
    let sender = QueueSender { shared: shared.clone(), overflow, timeout };
    Ok((sender, QueueReceiver { shared }))
}

impl Shared {
    /// Documents don't get delivered at present.
    fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    fn complain(&self, what: impl std::fmt::Display) {
        self.complaints.error(format_args!("output {}: {what}", self.name));
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>, time: Option<Duration>) -> MutexGuard<'a, State> {
    match time {
        None => condition.wait(state).unwrap_or_else(PoisonError::into_inner),
        Some(time) => condition.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
    }
}

#[cfg(test)]
mod receipt_tests;
#[cfg(test)]
mod tests;
