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
//! | `batch.rs`, `in_flight.rs` | batches, and what becomes of those that a sink has taken |
//! | `next.rs` | what a sink's thread does next |
//! | `shared.rs`, `state.rs` | what all threads share, and what of it is under one lock |
//! | `ring.rs` | the ring |
//! | `spooler.rs` | the thread that moves documents from the ring to disk |
//! | `spool/` | the queue on disk |
//! | `counters.rs` | what came of every event |

mod batch;
pub mod counters;
mod in_flight;
mod next;
mod receiver;
mod ring;
mod sender;
mod shared;
mod spool;
mod spooler;
mod state;

use crate::{
    config::{self, SpoolFull},
    lock::locked,
};
pub use batch::{Batch, BatchLimits, Order};
use crossbeam_channel::{Sender, bounded};
pub use receiver::{Dequeued, QueueReceiver};
pub use sender::QueueSender;
use shared::Shared;
pub use shared::{Guarantee, Overflow};
pub use spool::ResumeMark;
use spool::SyncData;
pub use spool::inspect;
use std::{io, path::Path, sync::Arc, thread};

/// Who had the spool before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// Nobody in this process.
    Fresh,
    /// This process: an output that ends late may still hold it.
    FromSelf,
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

/// As [`queue`]. `sync` puts the spool's files onto the disk.
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
    let shared = Arc::new(Shared::new(name, config, guarantee, run_dir.to_path_buf(), sync));
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

#[cfg(test)]
mod receipt_tests;
#[cfg(test)]
mod tests;
