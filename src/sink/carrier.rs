//! Carries documents to a server until each is delivered, or will never be: what all network sinks have in common.

use super::{
    Shared,
    breaker::{Backoff, Breaker},
    dead_letters::DeadLetters,
};
use crate::{
    config,
    lock::locked,
    log,
    queue::{
        Batch, Outlet, Want,
        books::{Fate, Loss},
        ring::Document,
    },
};
use std::{
    ops::Range,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// That a server is failing is said this often.
const SAY_EVERY: Duration = Duration::from_secs(30);

/// What a server made of documents.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has them all.
    Delivered,
    /// Not now; it may have asked for a pause.
    Again(String, Option<Duration>),
    /// It will never take them as they are. Of several documents only one may be to blame.
    Never(String),
    /// It says of each, in their order, what it made of it.
    Each(Vec<Item>),
    /// Nobody waits for the answer any more.
    GivenUp,
}

/// What a server made of one document of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// It has it.
    Delivered,
    /// It had it already.
    Known,
    /// Not now.
    Again(String),
    /// Not now, since the place where it is to go takes nothing; others do.
    Blocked(String),
    /// It will never take it.
    Never(String),
}

/// Why documents are to be tried again.
struct Refused {
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
pub(super) struct Carrier {
    shared: Arc<Shared>,
    outlet: Outlet,
    breaker: Arc<Breaker>,
    backoff: Backoff,
    dead_letters: DeadLetters,
    /// The server, for messages.
    server: String,
    /// How often a document is tried where there is no spool.
    attempts: u32,
    said: Mutex<Said>,
}

/// What was said about the server.
#[derive(Debug, Default)]
struct Said {
    /// When it was said last that it fails.
    at: Option<Instant>,
    /// That it works again is yet to be said.
    failing: bool,
}

/// What is better left as it is.
enum Leave {
    /// Everything: time is up, or the server is gone at the end.
    All,
    /// These documents: the server takes others.
    These,
    /// These documents, for so long.
    Until(Instant),
}

impl Carrier {
    /// For an output's workers.
    pub(super) fn new(
        config: &config::Output,
        shared: &Arc<Shared>,
        outlet: Outlet,
        server: String,
        retry: &config::Retry,
    ) -> Self {
        let backoff = Backoff { least: retry.min, most: retry.max };
        let breaker = Arc::new(Breaker::new(retry.breaker_failure_ratio, backoff));
        // For figures; there is one carrier for each output.
        let _ = shared.breaker.set(breaker.clone());
        Self {
            shared: shared.clone(),
            outlet,
            breaker,
            backoff,
            dead_letters: DeadLetters::new(config),
            server,
            attempts: retry.attempts,
            said: Mutex::default(),
        }
    }

    /// Takes documents and sends them until none are left, or time is up.
    pub(super) fn run(&self, want: &Want, mut send: impl FnMut(&[Document]) -> Answer) {
        while let Some(mut batch) = self.outlet.take(want) {
            match self.deliver(&mut batch, want.documents, &mut send) {
                Ok(()) => self.outlet.done(batch),
                Err(Leave::These) => self.outlet.leave(batch),
                Err(Leave::Until(time)) => self.outlet.put_off(batch, time),
                Err(Leave::All) => return self.outlet.leave(batch),
            }
        }
    }

    fn deliver(
        &self,
        batch: &mut Batch,
        most: usize,
        send: &mut impl FnMut(&[Document]) -> Answer,
    ) -> Result<(), Leave> {
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
                    self.give_up(batch, &why);
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
        send: &mut impl FnMut(&[Document]) -> Answer,
    ) -> Result<Option<(Range<usize>, String)>, Leave> {
        let mut failures = 0;
        let mut progress = false;
        while !range.is_empty() {
            // At the end each is tried at once, whatever the breaker says.
            self.breaker.enter(|| self.shared.is_aborted() || self.outlet.is_closed());
            if self.shared.is_aborted() {
                return Err(Leave::All);
            }
            let ending = self.outlet.is_closed();
            let refused = match send(&batch.documents[range.clone()]) {
                Answer::Delivered => {
                    self.works();
                    self.outlet.settle(batch, range.len(), Fate::Delivered);
                    return Ok(None);
                }
                Answer::Never(why) => {
                    self.works();
                    return Ok(Some((range, why)));
                }
                Answer::GivenUp => {
                    self.breaker.unknown();
                    return Err(Leave::All);
                }
                Answer::Again(why, asked) => Refused { why, asked, only_these: false, blocked: false },
                Answer::Each(items) => {
                    let all = range.len();
                    let (why, blocked) = self.settle_each(batch, &mut range, items);
                    if range.len() < all || blocked {
                        progress = true;
                        self.works();
                    }
                    Refused { why, asked: None, only_these: progress, blocked }
                }
            };
            if !range.is_empty() {
                failures += 1;
                self.try_again(batch, &mut range, failures, ending, &refused)?;
            }
        }
        Ok(None)
    }

    /// Settles what the server has said something final about. What is left of the range is to be tried again, for the
    /// reason that is returned; also says whether that is only that their places are blocked.
    fn settle_each(&self, batch: &mut Batch, range: &mut Range<usize>, items: Vec<Item>) -> (String, bool) {
        let (mut delivered, mut known, mut never, mut again) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut whys, mut first) = (Vec::new(), None);
        let all = items.len();
        let mut blocked = 0;
        let mut items = items.into_iter();
        for document in batch.documents.drain(range.clone()) {
            match items.next() {
                Some(Item::Delivered) => delivered.push(document),
                Some(Item::Known) => known.push(document),
                Some(Item::Never(why)) => {
                    never.push(document);
                    whys.push(why);
                }
                Some(Item::Blocked(why)) => {
                    again.push(document);
                    blocked += 1;
                    first.get_or_insert(why);
                }
                Some(Item::Again(why)) => {
                    again.push(document);
                    first.get_or_insert(why);
                }
                None => again.push(document),
            }
        }
        let numbers = [(delivered.len(), Fate::Delivered), (known.len(), Fate::Known)];
        let refused = again.len();
        let sorted = delivered.into_iter().chain(known).chain(never).chain(again);
        batch.put_back(range.start, sorted, refused > 0);
        for (number, fate) in numbers {
            self.outlet.settle(batch, number, fate);
            range.start += number;
        }
        for why in whys {
            self.give_up(batch, &why);
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
        refused: &Refused,
    ) -> Result<(), Leave> {
        let Refused { why, asked, only_these, blocked } = refused;
        if *only_these {
            // It takes others: whoever else has some may send them.
            self.breaker.unknown();
        } else {
            self.breaker.failure(*asked);
            self.outlet.set_failing(true);
        }
        self.outlet.secure(batch);
        let on_disk = batch.is_on_disk();
        if !on_disk && failures >= self.attempts {
            let tried = if failures == 1 { "once".to_string() } else { format!("{failures} times") };
            self.lose(batch, range.len(), Loss::Refused, &format!("{}: {why}, tried {tried}", self.server));
            range.start = range.end;
            return Ok(());
        }
        if on_disk {
            self.say(why, *only_these);
            if ending {
                // The next process goes on.
                return Err(if *only_these { Leave::These } else { Leave::All });
            }
        }
        let pause = self.backoff.pause(failures.saturating_add(batch.times_put_off()), *asked);
        if *blocked && self.outlet.may_put_off(batch) {
            return Err(Leave::Until(Instant::now() + pause));
        }
        self.shared.pause_unless(pause, || on_disk && self.outlet.is_closed());
        Ok(())
    }

    fn works(&self) {
        self.outlet.set_failing(false);
        self.breaker.success();
        let mut said = locked(&self.said);
        if std::mem::take(&mut said.failing) {
            log::info(format_args!("output {}: {} works again", self.shared.name, self.server));
        }
    }

    /// Says why events wait. `works`: the server takes others.
    fn say(&self, why: &str, works: bool) {
        let mut said = locked(&self.said);
        // Also when it worked in between: one that fails now and then mustn't fill the log.
        if said.at.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            *said = Said { at: Some(Instant::now()), failing: said.failing || !works };
            let (name, server) = (&self.shared.name, &self.server);
            let who = if works { "they" } else { "events" };
            log::warning(format_args!("output {name}: {server}: {why}; {who} wait in the spool"));
        }
    }

    /// Gives up the next document that isn't settled.
    fn give_up(&self, batch: &mut Batch, why: &str) {
        let Some(document) = batch.next() else { return };
        match self.dead_letters.write(document, why) {
            Ok(()) => {
                self.outlet.settle(batch, 1, Fate::DeadLettered);
                self.shared.dead_lettered.lost(&format!("{}: {why}", self.server));
            }
            Err(e) if self.dead_letters.path().is_none() => {
                self.lose(batch, 1, Loss::Refused, &format!("{}: {why}, and {e}", self.server));
            }
            Err(e) => self.lose(batch, 1, Loss::DeadLetters, &format!("{}: {why}; not kept: {e}", self.server)),
        }
    }

    fn lose(&self, batch: &mut Batch, number: usize, loss: Loss, why: &str) {
        self.outlet.settle(batch, number, Fate::Lost(loss));
        self.shared.refused.lost_many(number as u64, why);
    }
}

#[cfg(test)]
#[path = "carrier_tests.rs"]
mod tests;
