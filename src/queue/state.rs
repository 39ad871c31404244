//! What the queue's threads share, under one lock.

use super::{
    batch::{Batch, Origin},
    counters::{Counter, Counters},
    ring::{BatchSize, Ring},
    spool::{InFlightBatch, ResumeMark},
};
use crate::config;
use std::{collections::VecDeque, time::Instant};

/// The state of a queue. Who changes it wakes those that wait for the change.
#[derive(Debug)]
pub(super) struct State {
    pub(super) ring: Ring,
    pub(super) disk: Disk,
    pub(super) pending: Pending,
    pub(super) waiters: Waiters,
    pub(super) counters: Counters,
    /// The counters have their last values: what was still in flight then is lost, whatever its outcome.
    pub(super) counts_are_final: bool,
    /// No batch is given out any more: what is left stays where it is.
    pub(super) stopped: bool,
    pub(super) resume_mark: Option<ResumeMark>,
}

/// What is known of the spool without asking it, which could mean waiting for the disk.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Every document goes through the spool (`spool = always`).
    pub(super) always: bool,
    /// The spool is open.
    pub(super) open: bool,
    /// Documents in the spool that no sink has taken out yet.
    pub(super) spooled: u64,
    /// How often documents were moved from the ring to the spool.
    pub(super) moves: u64,
    /// One of the sink's threads reads the spool.
    pub(super) reading: bool,
    /// The spool can't be written until then.
    pub(super) write_retry_at: Option<Instant>,
    /// The spool can't be read until then.
    pub(super) read_retry_at: Option<Instant>,
    /// Why the spool takes no more, for messages.
    pub(super) spool_error: String,
}

impl Disk {
    /// Documents in the ring are on their way to the spool, and sinks take them from there.
    pub(super) fn takes_all(&self) -> bool {
        self.always && self.open && self.write_retry_at.is_none()
    }

    /// The spool is about to make room in the ring.
    pub(super) fn makes_room(&self) -> bool {
        self.open && self.write_retry_at.is_none()
    }

    /// True when the spool may be read.
    pub(super) fn is_readable(&self, now: Instant) -> bool {
        self.read_retry_at.is_none_or(|until| until <= now)
    }
}

/// Batches that aren't in the ring or the spool, but in files of their own.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// In flight when the process before this one ended.
    pub(super) recovered: VecDeque<InFlightBatch>,
    /// Not to be tried before that time.
    pub(super) deferred: Vec<(Instant, Batch)>,
}

impl Pending {
    /// Takes out the oldest batch of the process before.
    pub(super) fn take_recovered(&mut self) -> Option<Batch> {
        let InFlightBatch { path, documents } = self.recovered.pop_front()?;
        Some(Batch::new(documents, Origin::InFlightFile { path, first: 0 }))
    }

    /// When the first deferred batch is due.
    pub(super) fn first_due(&self) -> Option<Instant> {
        self.deferred.iter().map(|(time, _)| *time).min()
    }

    /// Takes out the deferred batch that is due first.
    pub(super) fn take_deferred(&mut self) -> Option<Batch> {
        let (at, _) = self.deferred.iter().enumerate().min_by_key(|(_, (time, _))| *time)?;
        Some(self.deferred.swap_remove(at).1)
    }
}

/// Which threads sleep: waking one takes a system call.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// How many of the sink's threads do.
    pub(super) sinks_asleep: usize,
    /// The spool's thread does.
    pub(super) spooler_asleep: bool,
    /// The reader does.
    pub(super) reader_asleep: bool,
    /// One of the sink's threads watches the clock for a batch that isn't full. The ring wakes nobody before it has so
    /// many documents, or bytes.
    pub(super) filling: Option<BatchSize>,
}

impl State {
    pub(super) fn new(config: &config::Queue) -> Self {
        let always = config.spool.as_ref().is_some_and(|spool| spool.always);
        Self {
            ring: Ring::new(config.capacity, config.capacity_bytes),
            disk: Disk { always, ..Disk::default() },
            pending: Pending::default(),
            waiters: Waiters::default(),
            counters: Counters::default(),
            counts_are_final: false,
            stopped: false,
            resume_mark: None,
        }
    }

    /// No batch is given out any more. A disk that refused a moment ago is tried once more.
    pub(super) fn stop(&mut self) {
        if !self.stopped {
            self.stopped = true;
            self.disk.write_retry_at = None;
        }
    }

    /// Documents in the ring are to go to the spool.
    pub(super) fn should_spool(&self, failing: bool) -> bool {
        self.ring.len() > 0 && (failing || self.disk.always || self.ring.is_half_full() || self.stopped)
    }

    /// Counts documents that leave the ring. With `spool = always` they count as accepted only now.
    pub(super) fn count_leaving_ring(&mut self, number: u64) {
        if self.disk.always {
            self.counters[Counter::Events] += number;
        } else {
            self.counters[Counter::Ring] -= number;
        }
    }

    /// The counters, with documents in the ring that aren't counted yet: with `spool = always` they are on their way
    /// to the disk.
    pub(super) fn counters(&self) -> Counters {
        let mut counters = self.counters;
        if self.disk.always {
            let (documents, _) = self.ring.held();
            counters[Counter::Events] += documents as u64;
            counters[Counter::Ring] += documents as u64;
        }
        counters
    }
}
