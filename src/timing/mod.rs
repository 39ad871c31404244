//! Statistics of times and of answers of servers. This module uses no other module.

mod histogram;

pub use histogram::Histogram;
use std::{collections::BTreeMap, ops::AddAssign, time::Duration};

/// The number of samples that are kept. Further times only change the count, the sum and the maximum.
const MAX_SAMPLES: usize = 4096;

/// The times that an operation took.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    /// The number of times.
    pub count: u64,
    /// The sum of all times.
    pub sum: Duration,
    /// The longest time.
    pub max: Duration,
    /// The single times since they were last taken.
    samples: Vec<Duration>,
}

impl Latency {
    /// Records a time.
    pub fn record(&mut self, time: Duration) {
        self.count += 1;
        self.sum += time;
        self.max = self.max.max(time);
        if self.samples.len() < MAX_SAMPLES {
            self.samples.push(time);
        }
    }

    /// The single times that are not yet taken.
    pub fn samples(&self) -> &[Duration] {
        &self.samples
    }

    /// Removes and returns the samples, so that each is reported once.
    pub fn take_samples(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.samples)
    }

    /// Adds samples that were taken from another value, without counting them again.
    pub fn add_samples(&mut self, samples: Vec<Duration>) {
        let room = MAX_SAMPLES.saturating_sub(self.samples.len());
        self.samples.extend(samples.into_iter().take(room));
    }

    /// A copy for a report. The samples move into the copy.
    pub fn snapshot(&mut self) -> Self {
        Self { samples: self.take_samples(), ..*self }
    }
}

/// The requests to a server and its answers.
#[derive(Clone, Debug, Default)]
pub struct RequestStats {
    /// Requests sent.
    pub count: u64,
    /// Requests without an answer.
    pub errors: u64,
    /// The number of answers with each status.
    pub codes: BTreeMap<u32, u64>,
    /// Times from sending a request to receiving its whole answer.
    pub latency: Latency,
}

impl RequestStats {
    /// Records a request: the status of its answer, if it got one, and how long it took.
    pub(crate) fn record(&mut self, status: Option<u32>, time: Duration) {
        self.count += 1;
        match status {
            Some(status) => *self.codes.entry(status).or_default() += 1,
            None => self.errors += 1,
        }
        self.latency.record(time);
    }

    /// A copy for a report. The samples move into the copy.
    pub fn snapshot(&mut self) -> Self {
        Self { latency: self.latency.snapshot(), codes: self.codes.clone(), ..*self }
    }
}

impl AddAssign for Latency {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
        self.add_samples(other.samples);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_takes_the_samples_and_leaves_the_counts() {
        let (short, long) = (Duration::from_millis(1), Duration::from_millis(2));
        let mut requests = RequestStats::default();
        requests.record(Some(200), short);
        let mut first = requests.snapshot();
        requests.record(None, long);
        let second = requests.snapshot();
        assert_eq!((first.latency.samples(), second.latency.samples()), (&[short][..], &[long][..]));
        assert_eq!((first.latency.count, second.latency.count, second.latency.max), (1, 2, long));
        assert_eq!((second.codes.get(&200), second.errors), (Some(&1), 1));
        first += second;
        assert_eq!((first.latency.samples(), first.latency.count), (&[short, long][..], 3));
    }

    #[test]
    fn samples_are_bounded() {
        let mut latency = Latency::default();
        for _ in 0..=MAX_SAMPLES {
            latency.record(Duration::ZERO);
        }
        latency.add_samples(vec![Duration::ZERO]);
        assert_eq!((latency.samples().len(), latency.count), (MAX_SAMPLES, MAX_SAMPLES as u64 + 1));
    }
}
