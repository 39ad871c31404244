//! What a sink's thread does next: a decision without locks, threads, and a clock of its own.

use super::{batch::BatchLimits, ring::BatchSize, state::State};
use std::time::Instant;

/// What a sink's thread does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Takes a batch that was in flight when the process before this one ended.
    InFlight,
    /// Takes a batch that was deferred and is due.
    Deferred,
    /// Reads a batch from the spool.
    Spool,
    /// Takes a batch from the ring.
    Ring,
    /// Ends: no more documents come.
    Closed,
    /// Says that none came in time.
    TimedOut,
    /// Sleeps until it is woken, or until then. `fill`: it watches the clock for all of the sink's threads, and isn't
    /// to be woken before the ring is that full.
    Sleep { until: Instant, fill: Option<BatchSize> },
}

/// Decides, for a thread that wants a batch within `limits` and waits until `deadline`. `closed`: no more documents
/// come into the queue.
pub(super) fn next(state: &State, limits: &BatchLimits, now: Instant, deadline: Instant, closed: bool) -> Next {
    let State { ring, disk, pending, .. } = state;
    if state.stopped {
        return Next::Closed;
    }
    // Oldest first: what was in flight, then the spool, then the ring.
    if !pending.recovered.is_empty() {
        return Next::InFlight;
    }
    // At the end each gets a last try.
    if pending.first_due().is_some_and(|due| closed || due <= now) {
        return Next::Deferred;
    }
    let readable = disk.is_readable(now);
    if disk.spooled > 0 && readable && !disk.reading {
        return Next::Spool;
    }
    // What the ring holds is newer than what is being read, or on its way to the disk.
    let is_newer = disk.reading || ring.has_reserved() || disk.takes_all();
    // A spool that can't be read holds up nothing.
    let ring_is_next = ring.len() > 0 && !is_newer && (disk.spooled == 0 || !readable);
    let size = ring.batch_size(limits);
    let full_by = ring.waiting_since() + limits.interval;
    if ring_is_next && (ring.holds(size) || closed || full_by <= now) {
        return Next::Ring;
    }
    if closed && disk.spooled == 0 && !disk.reading && ring.len() == 0 && !ring.has_reserved() {
        return Next::Closed;
    }
    if deadline <= now {
        return Next::TimedOut;
    }
    // One thread is enough to watch the clock for a batch that isn't full.
    let fills = ring_is_next && full_by < deadline && state.waiters.filling.is_none();
    let until = [pending.first_due(), disk.read_retry_at.filter(|_| !readable), fills.then_some(full_by)];
    let until = until.into_iter().flatten().fold(deadline, Instant::min);
    Next::Sleep { until, fill: fills.then_some(size) }
}

#[cfg(test)]
#[path = "next_tests.rs"]
mod tests;
