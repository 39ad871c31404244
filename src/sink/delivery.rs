//! Delivery to a server, until each document is delivered or never will be: what all network sinks have in common.

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

/// The log says at most this often that a server fails.
const WARN_EVERY: Duration = Duration::from_secs(30);

/// What a server made of documents.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SendResult {
    /// It has them all.
    Delivered,
    /// Not now; it may have asked for a pause.
    Retry(String, Option<Duration>),
    /// It will never take them as they are. Of several documents only one may be to blame.
    Rejected(String),
    /// It says of each, in their order, what it made of it.
    PerItem(Vec<ItemResult>),
    /// Nobody waits for the answer any more.
    Aborted,
}

/// What a server made of one document of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ItemResult {
    /// It has it.
    Delivered,
    /// It had it already.
    Duplicate,
    /// Not now.
    Retry(String),
    /// Not now, since the place where it is to go takes nothing; others do.
    IndexBlocked(String),
    /// It will never take it.
    Rejected(String),
}

/// Why documents are to be tried again.
struct Pending {
    why: String,
    /// The pause that the server asks for.
    asked: Option<Duration>,
    /// It refuses these, but takes others: the server works.
    only_these: bool,
    /// It will for some time: nobody is to wait for it.
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
    /// How often a document is tried where there is no spool.
    attempts: u32,
    health: Mutex<Health>,
}

/// What the log says about the server.
#[derive(Debug, Default)]
struct Health {
    /// When it said last that the server fails.
    warned: Option<Instant>,
    /// It has yet to say that the server works again.
    failing: bool,
}

/// What is better left as it is.
enum StopReason {
    /// Everything: time is up, or the server is gone at the end.
    All,
    /// These documents: the server takes others.
    These,
    /// These documents, for so long.
    Until(Instant),
}

impl DeliveryWorker {
    /// For an output's workers.
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
        // Ranges yet to be sent, the first one last. What a process before this one held may be a larger batch.
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

    /// Sends until the server has the documents, or says that it will never take those that are left of them, and why.
    fn send(
        &self,
        batch: &mut Batch,
        mut range: Range<usize>,
        send: &mut impl FnMut(&[Document]) -> SendResult,
    ) -> Result<Option<(Range<usize>, String)>, StopReason> {
        let mut failures = 0;
        let mut progress = false;
        while !range.is_empty() {
            // At the end each is tried at once, whatever the breaker says.
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

    /// Records the outcomes that the server has decided. What is left of the range is to be tried again, for the reason
    /// that is returned; also says whether that is only that their indices are blocked.
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
        let why = first.unwrap_or_else(|| "no word about some documents".into());
        let why = if refused == 1 && all == 1 { why } else { format!("{refused} of {all} documents: {why}") };
        (why, refused > 0 && blocked == refused)
    }

    /// After a failure: pauses, or gives documents up that were tried too often.
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
            // It takes others: whoever else has some may send them.
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
                // The next process goes on.
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

    /// Says why events wait. `works`: the server takes others.
    fn warn_waiting(&self, why: &str, works: bool) {
        let mut health = locked(&self.health);
        // Also when it worked in between: one that fails now and then mustn't fill the log.
        if health.warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *health = Health { warned: Some(Instant::now()), failing: health.failing || !works };
            let (name, server) = (&self.shared.name, &self.server);
            let who = if works { "they" } else { "events" };
            log::warning(format_args!("output {name}: {server}: {why}; {who} wait in the spool"));
        }
    }

    /// Gives up the next document that has no outcome.
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
            Err(e) => self.drop_as(batch, 1, Loss::DeadLetters, &format!("{}: {why}; not kept: {e}", self.server)),
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
