//! What came of the events that an output accepted. The law, at every moment:
//!
//! `events + recovered = delivered + skipped + dead_lettered + lost + ring + spool`
//!
//! All of it changes under the queue's lock, so that whoever looks sees it hold. A new counter is one variant of
//! [`Counter`] and one row of `ROWS`.

use crate::outcome::{Loss, Outcome};
use std::{
    fmt,
    ops::{AddAssign, Index, IndexMut},
};

/// What is counted for each output. Each has one row in `ROWS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Events accepted.
    Events,
    /// Documents that arrived.
    Delivered,
    /// Those among them that the server had already.
    Duplicates,
    /// Events that the output's own settings exclude.
    Skipped,
    /// Documents that the server will never take, and that are in the dead-letter file.
    DeadLettered,
    /// Events that were in the spool already at the start, and those that a process before this one lost.
    Recovered,
    /// Documents in memory: in the ring, on their way into the spool, or in flight.
    Ring,
    /// Documents on disk, not yet delivered.
    Spool,
}

/// Where a counter stands in the law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// What came in.
    In,
    /// What became of it.
    Out,
    /// Part of another counter.
    Part,
}

struct Row {
    counter: Counter,
    name: &'static str,
    /// What the final report calls it, when it isn't zero. The report says by itself what came in and what arrived.
    words: Option<&'static str>,
    side: Side,
}

/// One row a counter, in the order of [`Counter`]; the final report has the same order.
#[rustfmt::skip]
const ROWS: [Row; 8] = [
    Row { counter: Counter::Events, name: "events", words: None, side: Side::In },
    Row { counter: Counter::Delivered, name: "delivered", words: None, side: Side::Out },
    Row { counter: Counter::Duplicates, name: "duplicates", words: Some("duplicates"), side: Side::Part },
    Row { counter: Counter::Skipped, name: "skipped", words: Some("skipped"), side: Side::Out },
    Row { counter: Counter::DeadLettered, name: "dead_lettered", words: Some("dead-lettered"), side: Side::Out },
    Row { counter: Counter::Recovered, name: "recovered", words: Some("recovered"), side: Side::In },
    Row { counter: Counter::Ring, name: "ring", words: Some("in the ring"), side: Side::Out },
    Row { counter: Counter::Spool, name: "spool", words: Some("in the spool"), side: Side::Out },
];

/// The rows stand where their counters look for them.
const _: () = {
    let mut at = 0;
    while at < ROWS.len() {
        assert!(ROWS[at].counter as usize == at, "a row of ROWS is out of order");
        at += 1;
    }
};

impl Counter {
    /// All counters.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.counter)
    }

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        ROWS[self as usize].name
    }
}

/// The counters of one output.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    counts: [u64; ROWS.len()],
    lost: [u64; Loss::ALL.len()],
}

impl Counters {
    /// How many are lost for a reason.
    pub fn lost_by(&self, why: Loss) -> u64 {
        self.lost[why as usize]
    }

    /// How many are lost.
    pub fn lost(&self) -> u64 {
        self.lost.iter().sum()
    }

    /// Counts the outcome of so many documents.
    pub fn record_outcome(&mut self, number: u64, outcome: Outcome) {
        match outcome {
            Outcome::Delivered => self[Counter::Delivered] += number,
            Outcome::Duplicate => {
                self[Counter::Delivered] += number;
                self[Counter::Duplicates] += number;
            }
            Outcome::DeadLettered => self[Counter::DeadLettered] += number,
            Outcome::Skipped => self[Counter::Skipped] += number,
            Outcome::Lost(why) => self.lost[why as usize] += number,
            // The one never came to an output, the other is still in its spool.
            Outcome::Filtered | Outcome::Persisted => (),
        }
    }

    fn sum(&self, side: Side) -> u64 {
        ROWS.iter().filter(|row| row.side == side).map(|row| self[row.counter]).sum()
    }

    /// True when they add up.
    pub fn balance(&self) -> bool {
        self.sum(Side::In) == self.sum(Side::Out) + self.lost()
    }
}

impl Index<Counter> for Counters {
    type Output = u64;

    fn index(&self, counter: Counter) -> &u64 {
        &self.counts[counter as usize]
    }
}

impl IndexMut<Counter> for Counters {
    fn index_mut(&mut self, counter: Counter) -> &mut u64 {
        &mut self.counts[counter as usize]
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        for (sum, more) in self.counts.iter_mut().zip(other.counts).chain(self.lost.iter_mut().zip(other.lost)) {
            *sum += more;
        }
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let lost = Loss::ALL.map(|why| (why.name(), self.lost_by(why)));
        f.debug_map().entries(ROWS.iter().map(|row| (row.name, self[row.counter]))).entries(lost).finish()
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "delivered {}, lost {}", self[Counter::Delivered], self.lost())?;
        for row in &ROWS {
            let number = self[row.counter];
            if let (Some(words), 1..) = (row.words, number) {
                write!(f, ", {words} {number}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_in_is_what_became_of_it() {
        let mut counters = Counters::default();
        counters[Counter::Events] = 7;
        counters[Counter::Recovered] = 3;
        assert!(!counters.balance());
        counters.record_outcome(4, Outcome::Duplicate);
        counters.record_outcome(1, Outcome::Lost(Loss::Refused));
        counters.record_outcome(1, Outcome::DeadLettered);
        counters[Counter::Ring] += 1;
        counters[Counter::Spool] += 2;
        counters[Counter::Skipped] += 1;
        assert!(counters.balance(), "{counters:?}");
        assert_eq!(
            counters.to_string(),
            "delivered 4, lost 1, duplicates 4, skipped 1, dead-lettered 1, recovered 3, in the ring 1, in the spool 2"
        );
        counters += counters;
        assert!(counters.balance() && counters[Counter::Events] == 14 && counters.lost_by(Loss::Refused) == 2);
    }
}
