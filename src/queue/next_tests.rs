//! Tests of the decision: each condition, and which goes before which.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    config,
    document::Document,
    queue::{Batch, batch::Origin, spool::InFlightBatch},
};
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a thread is asked to decide from. Its ring has room for eight documents; two of them are worth a batch.
struct Moment {
    state: State,
    now: Instant,
    deadline: Instant,
    closed: bool,
}

impl Moment {
    fn new() -> Self {
        let state = State::new(&config::Queue {
            capacity: 8,
            capacity_bytes: 1 << 20,
            max_wait: Duration::ZERO,
            dead_letter_file: None,
            dead_letter_limit: 0,
            spool: None,
        });
        let now = state.ring.waiting_since();
        Self { state, now, deadline: now + TIMEOUT, closed: false }
    }

    /// With so many documents in the ring, of which the first came just now.
    fn with_ring(documents: usize) -> Self {
        let mut moment = Self::new();
        moment.push(documents);
        moment.now = moment.state.ring.waiting_since();
        moment.deadline = moment.now + TIMEOUT;
        moment
    }

    fn push(&mut self, documents: usize) {
        (0..documents).for_each(|_| self.state.ring.push(Document::default()));
    }

    fn closed(mut self) -> Self {
        self.closed = true;
        self
    }

    fn next(&self) -> Next {
        let limits = BatchLimits { documents: 100, bytes: usize::MAX, interval: INTERVAL };
        next(&self.state, &limits, self.now, self.deadline, self.closed)
    }

    fn sleep(&self, until: Instant) -> Next {
        Next::Sleep { until, fill: None }
    }

    fn defer(&mut self, until: Instant) {
        let origin = Origin::InFlightFile { path: "x".into(), first: 0 };
        self.state.pending.deferred.push((until, Batch::new(Vec::new(), origin)));
    }
}

#[test]
fn nothing_there_means_sleep_until_the_deadline() {
    let mut moment = Moment::new();
    assert_eq!(moment.next(), moment.sleep(moment.deadline));
    moment.now = moment.deadline;
    assert_eq!(moment.next(), Next::TimedOut);
}

#[test]
fn nothing_there_and_nothing_to_come_means_the_end() {
    let mut moment = Moment::new().closed();
    assert_eq!(moment.next(), Next::Closed);
    moment.now = moment.deadline;
    assert_eq!(moment.next(), Next::Closed);
    moment.state.disk.reading = true;
    moment.now = moment.deadline - TIMEOUT;
    assert_eq!(moment.next(), moment.sleep(moment.deadline), "what another reads may come back");
    moment.state.disk.reading = false;
    moment.push(1);
    moment.state.ring.take_all_reserved();
    assert_eq!(moment.next(), moment.sleep(moment.deadline), "some are on their way to the disk");
}

#[test]
fn the_oldest_go_first() {
    let mut moment = Moment::with_ring(2);
    assert_eq!(moment.next(), Next::Ring);
    moment.state.disk.spooled = 1;
    assert_eq!(moment.next(), Next::Spool);
    moment.defer(moment.now);
    assert_eq!(moment.next(), Next::Deferred);
    moment.state.pending.recovered.push_back(InFlightBatch { path: "x".into(), documents: Vec::new() });
    assert_eq!(moment.next(), Next::InFlight);
    moment.state.stopped = true;
    assert_eq!(moment.next(), Next::Closed, "what is left stays where it is");
}

#[test]
fn what_is_there_goes_before_the_deadline() {
    let mut moment = Moment::with_ring(2);
    moment.deadline = moment.now;
    assert_eq!(moment.next(), Next::Ring);
    moment.state.disk.spooled = 1;
    assert_eq!(moment.next(), Next::Spool);
}

#[test]
fn a_deferred_batch_comes_when_it_is_due_or_at_the_end() {
    let mut moment = Moment::new();
    let due = moment.now + Duration::from_secs(5);
    moment.defer(due + Duration::from_secs(1));
    moment.defer(due);
    assert_eq!(moment.next(), moment.sleep(due));
    moment.now = due;
    assert_eq!(moment.next(), Next::Deferred);
    moment.now = due - Duration::from_secs(1);
    assert_eq!(moment.closed().next(), Next::Deferred);
}

#[test]
fn one_thread_reads_the_spool_and_nobody_overtakes_it() {
    let mut moment = Moment::with_ring(2);
    moment.state.disk.spooled = 1;
    moment.state.disk.reading = true;
    assert_eq!(moment.next(), moment.sleep(moment.deadline));
    moment.state.disk.spooled = 0;
    assert_eq!(moment.next(), moment.sleep(moment.deadline), "it may have read the last, which are older");
}

#[test]
fn a_spool_that_cannot_be_read_holds_up_nothing() {
    let mut moment = Moment::with_ring(0);
    let retry = moment.now + Duration::from_secs(1);
    moment.state.disk.spooled = 1;
    moment.state.disk.read_retry_at = Some(retry);
    assert_eq!(moment.next(), moment.sleep(retry));
    moment.push(2);
    assert_eq!(moment.next(), Next::Ring);
    moment.now = retry;
    assert_eq!(moment.next(), Next::Spool);
}

#[test]
fn what_is_on_its_way_to_the_disk_is_older_than_the_ring() {
    let mut moment = Moment::with_ring(1);
    let reserved = moment.state.ring.take_all_reserved();
    moment.push(2);
    assert_eq!(moment.next(), moment.sleep(moment.deadline));
    moment.state.ring.release_reserved(reserved);
    assert_eq!(moment.next(), Next::Ring);
}

#[test]
fn what_always_goes_to_disk_is_not_taken_from_the_ring_while_the_disk_works() {
    let mut moment = Moment::with_ring(2);
    moment.state.disk.always = true;
    assert_eq!(moment.next(), Next::Ring, "the spool isn't open");
    moment.state.disk.open = true;
    assert_eq!(moment.next(), moment.sleep(moment.deadline));
    moment.state.disk.write_retry_at = Some(moment.now);
    assert_eq!(moment.next(), Next::Ring, "the disk refuses: the ring is all there is");
}

#[test]
fn a_batch_waits_until_it_is_full_or_late_or_the_last() {
    let mut moment = Moment::with_ring(1);
    let size = BatchSize { documents: 2, bytes: 1 << 18 };
    let late = moment.now + INTERVAL;
    assert_eq!(moment.next(), Next::Sleep { until: late, fill: Some(size) });
    moment.now = late;
    assert_eq!(moment.next(), Next::Ring);
    moment.now = late - INTERVAL;
    moment.push(1);
    assert_eq!(moment.next(), Next::Ring);
    assert_eq!(Moment::with_ring(1).closed().next(), Next::Ring);
}

#[test]
fn a_batch_is_full_by_its_bytes_too() {
    let mut moment = Moment::with_ring(0);
    moment.state.ring.push(Document { body: vec![b'x'; 1 << 18], ..Document::default() });
    assert_eq!(moment.next(), Next::Ring);
}

#[test]
fn one_thread_watches_the_clock_for_a_batch() {
    let mut moment = Moment::with_ring(1);
    moment.state.waiters.filling = Some(BatchSize { documents: 2, bytes: 1 << 18 });
    assert_eq!(moment.next(), moment.sleep(moment.deadline));
    moment.state.waiters.filling = None;
    moment.deadline = moment.now + INTERVAL / 2;
    assert_eq!(moment.next(), moment.sleep(moment.deadline), "it is gone before the batch is due");
}

#[test]
fn the_first_of_all_reasons_to_wake_counts() {
    let mut moment = Moment::with_ring(1);
    let soon = moment.now + INTERVAL / 2;
    moment.defer(soon);
    assert!(matches!(moment.next(), Next::Sleep { until, fill: Some(_) } if until == soon));
    moment.state.disk.read_retry_at = Some(moment.now + INTERVAL / 4);
    moment.state.disk.spooled = 1;
    assert!(matches!(moment.next(), Next::Sleep { until, .. } if until == moment.now + INTERVAL / 4));
}
