//! Delivery to a server, for all network sinks. Each document is tried until it is delivered or given up.

use super::{
    breaker::{Backoff, Breaker},
    dead_letters::DeadLetters,
    status::SinkStatus,
};
use crate::{
    config,
    document::Document,
    lock::locked,
    log,
    outcome::{Loss, Outcome},
    queue::{Batch, BatchLimits, Order, QueueReceiver},
};
use std::{
    ops::Range,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// The shortest time between two warnings that a server fails.
const WARN_EVERY: Duration = Duration::from_secs(30);

/// The result of sending documents to a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SendResult {
    /// The server has all documents.
    Delivered,
    /// The server can't take them now: the reason, and the pause that it asks for.
    Retry(String, Option<Duration>),
    /// The server will never take them as they are. If there are several documents, only one may be the cause.
    Rejected(String),
    /// The server gave a result for each document, in their order.
    PerItem(Vec<ItemResult>),
    /// The sink was told to stop, so the request was given up.
    Aborted,
}

/// The result for one document of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ItemResult {
    /// The server has the document.
    Delivered,
    /// The server had the document already.
    Duplicate,
    /// The server can't take it now.
    Retry(String),
    /// The document's index takes nothing now; other indexes do.
    IndexBlocked(String),
    /// The server will never take it.
    Rejected(String),
}

/// Why documents must be tried again.
struct Pending {
    why: String,
    /// The pause that the server asks for.
    asked: Option<Duration>,
    /// The server refuses these documents but takes others: it works.
    only_these: bool,
    /// The documents' indexes are blocked for some time: no worker should wait for them.
    blocked: bool,
}

/// What all workers of an output share.
#[derive(Debug)]
pub(super) struct DeliveryWorker {
    shared: Arc<SinkStatus>,
    queue: QueueReceiver,
    breaker: Arc<Breaker>,
    backoff: Backoff,
    dead_letters: DeadLetters,
    /// The server, for messages.
    server: String,
    /// How often a document is tried when there is no spool.
    attempts: u32,
    health: Mutex<Health>,
}

/// The server's state as the log has reported it.
#[derive(Debug, Default)]
struct Health {
    /// The time of the last warning that the server fails.
    warned: Option<Instant>,
    /// The log has still to report that the server works again.
    failing: bool,
}

/// Why a worker stops trying, and for which documents.
enum StopReason {
    /// All documents: time is up, or the server fails at shutdown.
    All,
    /// Only these documents: the server takes others.
    These,
    /// Only these documents, until this time.
    Until(Instant),
}

impl DeliveryWorker {
    /// Sets up delivery for an output's workers.
    pub(super) fn new(
        config: &config::Output,
        shared: &Arc<SinkStatus>,
        queue: QueueReceiver,
        server: String,
        retry: &config::Retry,
    ) -> Self {
        let backoff = Backoff { least: retry.min, most: retry.max };
        let breaker = Arc::new(Breaker::new(retry.breaker_failure_ratio, backoff));
        // For the metrics.
        let _ = shared.breaker.set(breaker.clone());
        Self {
            shared: shared.clone(),
            queue,
            breaker,
            backoff,
            dead_letters: DeadLetters::new(config),
            server,
            attempts: retry.attempts,
            health: Mutex::default(),
        }
    }

    /// Takes documents and sends them until none are left, or time is up.
    pub(super) fn run(&self, limits: &BatchLimits, mut send: impl FnMut(&[Document]) -> SendResult) {
        while let Some(mut batch) = self.queue.dequeue(limits) {
            match self.deliver(&mut batch, limits.documents, &mut send) {
                Ok(()) => self.queue.complete(batch),
                Err(StopReason::These) => self.queue.release(batch),
                Err(StopReason::Until(time)) => self.queue.defer(batch, time),
                Err(StopReason::All) => return self.queue.release(batch),
            }
        }
    }

    fn deliver(
        &self,
        batch: &mut Batch,
        most: usize,
        send: &mut impl FnMut(&[Document]) -> SendResult,
    ) -> Result<(), StopReason> {
        // The ranges still to be sent, in reverse order. A batch that an earlier process left may be larger than
        // `most`.
        let all = batch.documents.len();
        let mut ranges: Vec<Range<usize>> = (0..all).step_by(most).map(|at| at..all.min(at + most)).rev().collect();
        while let Some(range) = ranges.pop() {
            if let Some((range, why)) = self.send(batch, range, send)? {
                if range.len() > 1 {
                    let middle = range.start + range.len() / 2;
                    ranges.push(middle..range.end);
                    ranges.push(range.start..middle);
                } else {
                    self.dead_letter(batch, &why);
                }
            }
        }
        Ok(())
    }

    /// Sends a range of documents until the server has them. If the server will never take those that are left, returns
    /// their range and the reason.
    fn send(
        &self,
        batch: &mut Batch,
        mut range: Range<usize>,
        send: &mut impl FnMut(&[Document]) -> SendResult,
    ) -> Result<Option<(Range<usize>, String)>, StopReason> {
        let mut failures = 0;
        let mut progress = false;
        while !range.is_empty() {
            // At shutdown each document is tried at once, whatever the breaker's state.
            self.breaker.enter(|| self.shared.is_aborted() || self.queue.is_closed());
            if self.shared.is_aborted() {
                return Err(StopReason::All);
            }
            let ending = self.queue.is_closed();
            let refused = match send(&batch.documents[range.clone()]) {
                SendResult::Delivered => {
                    self.note_recovered();
                    self.queue.record_outcome(batch, range.len(), Outcome::Delivered);
                    return Ok(None);
                }
                SendResult::Rejected(why) => {
                    self.note_recovered();
                    return Ok(Some((range, why)));
                }
                SendResult::Aborted => {
                    self.breaker.unknown();
                    return Err(StopReason::All);
                }
                SendResult::Retry(why, asked) => Pending { why, asked, only_these: false, blocked: false },
                SendResult::PerItem(items) => {
                    let all = range.len();
                    let (why, blocked) = self.record_each(batch, &mut range, items);
                    if range.len() < all || blocked {
                        progress = true;
                        self.note_recovered();
                    }
                    Pending { why, asked: None, only_these: progress, blocked }
                }
            };
            if !range.is_empty() {
                failures += 1;
                self.try_again(batch, &mut range, failures, ending, &refused)?;
            }
        }
        Ok(None)
    }

    /// Records the outcomes that are final. The range is reduced to the documents that must be tried again. Returns the
    /// reason for that, and whether it is only that their indexes are blocked.
    fn record_each(&self, batch: &mut Batch, range: &mut Range<usize>, items: Vec<ItemResult>) -> (String, bool) {
        let (mut delivered, mut duplicates, mut rejected, mut again) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut whys, mut first) = (Vec::new(), None);
        let all = items.len();
        let mut blocked = 0;
        let mut items = items.into_iter();
        for document in batch.documents.drain(range.clone()) {
            match items.next() {
                Some(ItemResult::Delivered) => delivered.push(document),
                Some(ItemResult::Duplicate) => duplicates.push(document),
                Some(ItemResult::Rejected(why)) => {
                    rejected.push(document);
                    whys.push(why);
                }
                Some(ItemResult::IndexBlocked(why)) => {
                    again.push(document);
                    blocked += 1;
                    first.get_or_insert(why);
                }
                Some(ItemResult::Retry(why)) => {
                    again.push(document);
                    first.get_or_insert(why);
                }
                None => again.push(document),
            }
        }
        let numbers = [(delivered.len(), Outcome::Delivered), (duplicates.len(), Outcome::Duplicate)];
        let refused = again.len();
        let sorted = delivered.into_iter().chain(duplicates).chain(rejected).chain(again);
        let order = if refused > 0 { Order::Changed } else { Order::Kept };
        batch.put_back(range.start, sorted, order);
        for (number, outcome) in numbers {
            self.queue.record_outcome(batch, number, outcome);
            range.start += number;
        }
        for why in whys {
            self.dead_letter(batch, &why);
            range.start += 1;
        }
        let why = first.unwrap_or_else(|| "the answer leaves out some documents".into());
        let why = if refused == 1 && all == 1 { why } else { format!("{refused} of {all} documents: {why}") };
        (why, refused > 0 && blocked == refused)
    }

    /// Handles a failure: pauses, or gives up documents that were tried too often.
    fn try_again(
        &self,
        batch: &mut Batch,
        range: &mut Range<usize>,
        failures: u32,
        ending: bool,
        refused: &Pending,
    ) -> Result<(), StopReason> {
        let Pending { why, asked, only_these, blocked } = refused;
        if *only_these {
            // The server takes other documents, so other workers may send theirs.
            self.breaker.unknown();
        } else {
            self.breaker.failure(*asked);
            self.queue.set_failing(true);
        }
        self.queue.persist(batch);
        let on_disk = batch.is_on_disk();
        if !on_disk && failures >= self.attempts {
            let tried = if failures == 1 { "once".to_string() } else { format!("{failures} times") };
            self.drop_as(batch, range.len(), Loss::Refused, &format!("{}: {why}, tried {tried}", self.server));
            range.start = range.end;
            return Ok(());
        }
        if on_disk {
            self.warn_waiting(why, *only_these);
            if ending {
                // The documents stay in the spool for the next process.
                return Err(if *only_these { StopReason::These } else { StopReason::All });
            }
        }
        let pause = self.backoff.pause(failures.saturating_add(batch.deferrals()), *asked);
        if *blocked && self.queue.can_defer(batch) {
            return Err(StopReason::Until(Instant::now() + pause));
        }
        self.shared.pause_unless(pause, || on_disk && self.queue.is_closed());
        Ok(())
    }

    fn note_recovered(&self) {
        self.queue.set_failing(false);
        self.breaker.success();
        let mut health = locked(&self.health);
        if std::mem::take(&mut health.failing) {
            log::info(format_args!("output {}: {} works again", self.shared.name, self.server));
        }
    }

    /// Warns that events wait, with the reason. `works`: the server takes others.
    fn warn_waiting(&self, why: &str, works: bool) {
        let mut health = locked(&self.health);
        // The limit also holds when the server worked in between: one that fails now and then mustn't fill the log.
        if health.warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *health = Health { warned: Some(Instant::now()), failing: health.failing || !works };
            let (name, server) = (&self.shared.name, &self.server);
            let who = if works { "they" } else { "events" };
            log::warning(format_args!("output {name}: {server}: {why}; {who} wait in the spool"));
        }
    }

    /// Gives up the next document that has no outcome yet.
    fn dead_letter(&self, batch: &mut Batch, why: &str) {
        let Some(document) = batch.next() else { return };
        match self.dead_letters.write(document, why) {
            Ok(()) => {
                self.queue.record_outcome(batch, 1, Outcome::DeadLettered);
                self.shared.dead_lettered.lost(&format!("{}: {why}", self.server));
            }
            Err(e) if self.dead_letters.path().is_none() => {
                self.drop_as(batch, 1, Loss::Refused, &format!("{}: {why}, and {e}", self.server));
            }
            Err(e) => self.drop_as(
                batch,
                1,
                Loss::DeadLetters,
                &format!("{}: {why}; not in the dead-letter file: {e}", self.server),
            ),
        }
    }

    fn drop_as(&self, batch: &mut Batch, number: usize, loss: Loss, why: &str) {
        self.queue.record_outcome(batch, number, Outcome::Lost(loss));
        self.shared.refused.lost_many(number as u64, why);
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
