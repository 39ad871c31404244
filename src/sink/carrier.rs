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
    /// Nobody waits for the answer any more.
    GivenUp,
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

/// Time is up, or it is better to leave.
struct Leave;

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
            if self.deliver(&mut batch, want.documents, &mut send).is_err() {
                self.outlet.leave(batch);
                return;
            }
            self.outlet.done(batch);
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
            if let Some(why) = self.send(batch, range.clone(), send)? {
                if range.len() > 1 {
                    let middle = range.start + range.len() / 2;
                    ranges.push(middle..range.end);
                    ranges.push(range.start..middle);
                } else {
                    self.give_up(batch, range.start, &why);
                }
            }
        }
        Ok(())
    }

    /// Sends until the server has the documents, or says that it will never take them, and why.
    fn send(
        &self,
        batch: &mut Batch,
        range: Range<usize>,
        send: &mut impl FnMut(&[Document]) -> Answer,
    ) -> Result<Option<String>, Leave> {
        let mut failures = 0;
        loop {
            // At the end each is tried at once, whatever the breaker says.
            self.breaker.enter(|| self.shared.is_aborted() || self.outlet.is_closed());
            if self.shared.is_aborted() {
                return Err(Leave);
            }
            let ending = self.outlet.is_closed();
            match send(&batch.documents[range.clone()]) {
                Answer::Delivered => {
                    self.works();
                    self.outlet.settle(batch, range.len(), Fate::Delivered);
                    return Ok(None);
                }
                Answer::Never(why) => {
                    self.works();
                    return Ok(Some(why));
                }
                Answer::GivenUp => {
                    self.breaker.unknown();
                    return Err(Leave);
                }
                Answer::Again(why, asked) => {
                    failures += 1;
                    self.breaker.failure(asked);
                    self.outlet.set_failing(true);
                    self.outlet.secure(batch);
                    if !batch.is_on_disk() && failures >= self.attempts {
                        let tried = if failures == 1 { "once".to_string() } else { format!("{failures} times") };
                        let why = format!("{}: {why}, tried {tried}", self.server);
                        self.lose(batch, range.len(), Loss::Refused, &why);
                        return Ok(None);
                    }
                    let on_disk = batch.is_on_disk();
                    if on_disk {
                        self.say(&why);
                        if ending {
                            // The next process goes on.
                            return Err(Leave);
                        }
                    }
                    let pause = self.backoff.pause(failures, asked);
                    self.shared.pause_unless(pause, || on_disk && self.outlet.is_closed());
                }
            }
        }
    }

    fn works(&self) {
        self.outlet.set_failing(false);
        self.breaker.success();
        let mut said = locked(&self.said);
        if std::mem::take(&mut said.failing) {
            log::info(format_args!("output {}: {} works again", self.shared.name, self.server));
        }
    }

    fn say(&self, why: &str) {
        let mut said = locked(&self.said);
        // Also when it worked in between: one that fails now and then mustn't fill the log.
        if said.at.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            *said = Said { at: Some(Instant::now()), failing: true };
            let (name, server) = (&self.shared.name, &self.server);
            log::warning(format_args!("output {name}: {server}: {why}; events wait in the spool"));
        }
    }

    fn give_up(&self, batch: &mut Batch, at: usize, why: &str) {
        match self.dead_letters.write(&batch.documents[at], why) {
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
