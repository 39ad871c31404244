//! What servers answered, and how long it took them.

use std::{collections::BTreeMap, ops::AddAssign, time::Duration};

/// Times that wait to be reported; more are counted only.
const WAITING: usize = 4096;

/// Times of requests.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    /// How many there were.
    pub count: u64,
    /// All of them together.
    pub sum: Duration,
    /// The longest.
    pub max: Duration,
    /// Those that nobody has asked for yet.
    waiting: Vec<Duration>,
}

impl Latency {
    /// Notes one.
    pub fn record(&mut self, time: Duration) {
        self.count += 1;
        self.sum += time;
        self.max = self.max.max(time);
        if self.waiting.len() < WAITING {
            self.waiting.push(time);
        }
    }

    /// The single times that nobody has taken yet.
    pub fn waiting(&self) -> &[Duration] {
        &self.waiting
    }

    /// Puts single times back that were taken.
    pub fn wait(&mut self, times: Vec<Duration>) {
        let room = WAITING.saturating_sub(self.waiting.len());
        self.waiting.extend(times.into_iter().take(room));
    }

    /// The single times since this was asked last, at most some thousand.
    pub fn take_waiting(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.waiting)
    }
}

/// What servers answered.
#[derive(Clone, Debug, Default)]
pub struct RequestStats {
    /// Requests made.
    pub count: u64,
    /// Those that got no answer.
    pub errors: u64,
    /// Answers by their status.
    pub codes: BTreeMap<u32, u64>,
    /// From sending a request to its whole answer.
    pub latency: Latency,
}

impl RequestStats {
    /// Notes a request: its status, if it got an answer, and how long it took.
    pub(crate) fn record(&mut self, status: Option<u32>, time: Duration) {
        self.count += 1;
        match status {
            Some(status) => *self.codes.entry(status).or_default() += 1,
            None => self.errors += 1,
        }
        self.latency.record(time);
    }
}

impl AddAssign for Latency {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
        self.wait(other.waiting);
    }
}

impl AddAssign for RequestStats {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.errors += other.errors;
        for (status, number) in other.codes {
            *self.codes.entry(status).or_default() += number;
        }
        self.latency += other.latency;
    }
}
