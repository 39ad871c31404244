//! A histogram of times that uses a small, fixed amount of memory.

use std::time::Duration;

/// The number of buckets for each power of two. With 8, a quantile is at most an eighth too large.
const STEPS: u64 = 8;
const STEPS_LOG: u32 = STEPS.trailing_zeros();
/// The number of buckets for all powers of two of a 64-bit number of nanoseconds.
const BUCKETS: usize = (64 - STEPS_LOG as usize + 1) * STEPS as usize;

/// Counts of times in buckets. The buckets of longer times are wider.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Box<[u64]>,
    count: u64,
    sum: Duration,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS].into(), count: 0, sum: Duration::ZERO, max: Duration::ZERO }
    }
}

/// The bucket of a number of nanoseconds. Below [`STEPS`] each number has its own bucket. Above that, the highest bit
/// gives the power of two, and the next bits give the step in it.
fn bucket(nanos: u64) -> usize {
    let power = nanos.checked_ilog2().unwrap_or(0).saturating_sub(STEPS_LOG);
    let step = nanos >> power;
    usize::try_from(u64::from(power) * STEPS + step).unwrap_or(BUCKETS - 1)
}

/// The largest number of nanoseconds in a bucket.
fn upper(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let power = (bucket / STEPS).saturating_sub(1);
    let step = bucket - power * STEPS;
    u64::try_from(((u128::from(step) + 1) << power) - 1).unwrap_or(u64::MAX)
}

impl Histogram {
    /// Records a time.
    pub fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.buckets.get_mut(bucket(nanos)) {
            *count += 1;
        }
        self.count += 1;
        self.sum += time;
        self.max = self.max.max(time);
    }

    /// The number of recorded times.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of the recorded times.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// The longest recorded time.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The time that this share of all times didn't exceed. `None` if no time was recorded.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share of a count
        let wanted = (self.count as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let reaches = |count: &u64| {
            seen += count;
            seen >= wanted
        };
        let found = self.buckets.iter().position(reaches)?;
        Some(Duration::from_nanos(upper(found)).min(self.max))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_its_bucket() {
        let numbers = (0..64).flat_map(|n| [1u64 << n, (1u64 << n) - 1, (1u64 << n) + 1]).chain(0..5000);
        for nanos in numbers.chain([u64::MAX, 123_456_789_012]) {
            let at = bucket(nanos);
            assert!(at < BUCKETS && nanos <= upper(at), "{nanos}: {at}, {}", upper(at));
            assert!(at == 0 || nanos > upper(at - 1), "{nanos}: {at}");
            assert!(upper(at) - nanos <= nanos / STEPS, "{nanos}: {}", upper(at));
        }
    }

    #[test]
    fn quantiles_are_near() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        for (share, micros) in [(0.5, 500), (0.99, 990), (0.999, 999)] {
            let found = histogram.quantile(share).unwrap().as_micros();
            assert!((micros..=micros * 9 / 8).contains(&found), "{share}: {found}");
        }
        assert_eq!(histogram.quantile(1.0), Some(Duration::from_millis(1)));
        assert_eq!((histogram.count(), histogram.max()), (1000, Duration::from_millis(1)));
    }
}
