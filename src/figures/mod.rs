//! Figures: what came of everything, taken by the reader about once a second, and written by a thread of its own, so
//! that neither a disk nor a socket makes the reader wait. `docs/figures.md` lists their names.
//!
//! The equation, in every snapshot:
//!
//! - `events + gaps = filtered + offered`
//! - for each output: `events + found = delivered + left_out + dead_lettered + lost + ring + spool`
//! - for an output that was there from the start: `events = offered`
//!
//! | file | what it holds |
//! |---|---|
//! | `names.rs` | the one list of figures, and their values in a snapshot |
//! | `prometheus.rs`, `report.rs`, `statsd.rs` | where they go |
//! | `writer.rs` | the thread that writes them |
//! | `histogram.rs` | how long the reader was away |

mod histogram;
mod names;
mod prometheus;
mod report;
mod statsd;
mod writer;

use crate::{
    config::Metrics,
    queue::books::Books,
    sink::{Latency, Position, Requests},
};
pub use histogram::Histogram;
pub use names::{FIGURES, Figure, Kind, STATSD};
pub use report::pauses;
use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};
pub use writer::Figures;

/// What an output is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It has ended.
    Ended,
    /// A reload took it away; it delivers what it has.
    Closing,
    /// It takes events.
    Running,
}

impl State {
    /// Its name in figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Closing => "closing",
            Self::Running => "running",
        }
    }
}

/// Figures of an output, or of all that had its name.
#[derive(Clone, Debug)]
pub struct OutputFigures {
    /// Its name.
    pub name: String,
    /// Its `type`.
    pub kind: &'static str,
    /// What it is at.
    pub state: State,
    /// What came of its events.
    pub books: Books,
    /// Bytes in the ring.
    pub ring_bytes: u64,
    /// Bytes of the spool's files.
    pub spool_bytes: u64,
    /// Where its circuit breaker stands, if it has one.
    pub breaker: Option<Position>,
    /// What its server answered.
    pub requests: Requests,
}

impl OutputFigures {
    /// True when there is a server that answers requests.
    pub fn has_server(&self) -> bool {
        matches!(self.kind, "http" | "elasticsearch")
    }
}

/// Adds an output's figures to those of others of its name.
pub fn add(all: &mut Vec<OutputFigures>, mut one: OutputFigures) {
    let Some(sum) = all.iter_mut().find(|other| other.name == one.name) else {
        all.push(one);
        return;
    };
    // What one left in the spool the next has found there.
    let handed_on = sum.books.spool.min(one.books.found);
    sum.books.spool -= handed_on;
    one.books.found -= handed_on;
    if one.state >= sum.state {
        (sum.kind, sum.breaker, sum.spool_bytes) = (one.kind, one.breaker, one.spool_bytes);
        sum.state = one.state;
    }
    sum.books += one.books;
    sum.ring_bytes += one.ring_bytes;
    sum.requests += one.requests;
}

/// Figures of the reader.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Events read.
    pub events: u64,
    /// Events that filters dropped.
    pub filtered: u64,
    /// How often each filter decided.
    pub filters: Vec<(String, u64)>,
    /// Gaps that were reported as events of their own.
    pub gaps: u64,
    /// Events missing in them.
    pub missing: u64,
    /// Events and gaps that outputs were offered.
    pub offered: u64,
    /// Times between two reads while input waited.
    pub pauses: Histogram,
    /// How long blocks took from their bytes to documents in rings; while statsd wants to know.
    pub parse: Latency,
    /// How long filters took for an event; while statsd wants to know.
    pub filtering: Latency,
    /// How old events were when their documents were in the rings; while statsd wants to know.
    pub latency: Latency,
}

/// All figures at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub at: SystemTime,
    /// Since when the program runs.
    pub started: SystemTime,
    /// How long it has been running.
    pub uptime: Duration,
    /// The configuration file.
    pub config: PathBuf,
    /// Where figures go.
    pub metrics: Metrics,
    /// The reader's.
    pub reading: Reading,
    /// Lines that could not be read.
    pub unreadable: u64,
    /// Events that came out of order.
    pub late: u64,
    /// Of all outputs, by name.
    pub outputs: Vec<OutputFigures>,
    /// Somebody asked for a report.
    pub asked: bool,
    /// The last one.
    pub last: bool,
}

impl Snapshot {
    /// True when they add up.
    pub fn balances(&self) -> bool {
        let reading = &self.reading;
        reading.events + reading.gaps == reading.filtered + reading.offered
            && self.outputs.iter().all(|output| output.books.balance() && output.books.events <= reading.offered)
    }

    /// Takes over what an older one, which nobody has seen, was to bring.
    fn supersede(&mut self, older: Self) {
        self.asked |= older.asked;
        let mut theirs = older.reading;
        self.reading.parse.wait(theirs.parse.take_waiting());
        self.reading.latency.wait(theirs.latency.take_waiting());
        self.reading.filtering.wait(theirs.filtering.take_waiting());
        for mut output in older.outputs {
            if let Some(own) = self.outputs.iter_mut().find(|own| own.name == output.name) {
                own.requests.latency.wait(output.requests.latency.take_waiting());
            }
        }
    }
}

/// When the program started.
#[derive(Clone, Copy, Debug)]
pub struct Start(pub SystemTime, pub Instant);

impl Start {
    /// Now.
    pub fn now() -> Self {
        Self(SystemTime::now(), Instant::now())
    }
}
