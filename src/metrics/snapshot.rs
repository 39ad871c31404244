//! All counters at one moment.

use crate::{
    config::{Metrics, SinkKind},
    kernel_status::AuditStatus,
    queue::counters::{Counter, Counters},
    sink::BreakerState,
    timing::{Histogram, Latency, RequestStats},
};
use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

/// The state of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutputState {
    /// It has ended.
    Ended,
    /// A reload removed it, and it delivers its remaining documents.
    Closing,
    /// It takes events.
    Running,
}

impl OutputState {
    /// Its name in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Closing => "closing",
            Self::Running => "running",
        }
    }
}

/// The metrics of an output, or of all outputs of one name.
#[derive(Clone, Debug)]
pub struct OutputMetrics {
    /// Its name.
    pub name: String,
    /// Its `type`.
    pub kind: SinkKind,
    /// Its state.
    pub state: OutputState,
    /// Its counters of events.
    pub counters: Counters,
    /// Bytes in the ring.
    pub ring_bytes: u64,
    /// Bytes of the spool's files.
    pub spool_bytes: u64,
    /// The largest size of the spool, if there is one.
    pub spool_limit: Option<u64>,
    /// The state of its circuit breaker, if it has one.
    pub breaker: Option<BreakerState>,
    /// Its requests and the answers of its server.
    pub requests: RequestStats,
}

impl OutputMetrics {
    /// A copy for a report. It takes the samples with it.
    pub fn snapshot(&mut self) -> Self {
        Self { requests: self.requests.snapshot(), ..self.clone() }
    }
}

/// Adds the metrics of an output to those of other outputs of the same name.
pub fn add(all: &mut Vec<OutputMetrics>, mut one: OutputMetrics) {
    let Some(sum) = all.iter_mut().find(|other| other.name == one.name) else {
        all.push(one);
        return;
    };
    // Documents that one output left in the spool are those that the next one found there.
    let handed_on = sum.counters[Counter::Spool].min(one.counters[Counter::Recovered]);
    sum.counters[Counter::Spool] -= handed_on;
    one.counters[Counter::Recovered] -= handed_on;
    if one.state >= sum.state {
        (sum.kind, sum.breaker) = (one.kind, one.breaker);
        (sum.spool_bytes, sum.spool_limit) = (one.spool_bytes, one.spool_limit);
        sum.state = one.state;
    }
    sum.counters += one.counters;
    sum.ring_bytes += one.ring_bytes;
    sum.requests += one.requests;
}

/// The metrics of the input.
#[derive(Clone, Debug, Default)]
pub struct InputMetrics {
    /// Events read.
    pub events: u64,
    /// Events that filters dropped.
    pub filtered: u64,
    /// The number of events that each filter decided about.
    pub filters: Vec<(String, u64)>,
    /// Gaps that were reported as events of their own.
    pub gaps: u64,
    /// Events missing in them.
    pub missing: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// Events, gaps and heartbeats that were passed to the outputs.
    pub dispatched: u64,
    /// Times between two reads while input waited.
    pub pauses: Histogram,
    /// Times from the bytes of one read to the documents in the rings. Measured only while statsd is configured.
    pub parse: Latency,
    /// Times that the filters took for an event. Measured only while statsd is configured.
    pub filtering: Latency,
    /// Ages of events when their documents were in the rings. Measured only while statsd is configured.
    pub latency: Latency,
}

impl InputMetrics {
    /// A copy for a report. It takes the samples with it.
    pub fn snapshot(&mut self) -> Self {
        let (parse, filtering, latency) = (self.parse.snapshot(), self.filtering.snapshot(), self.latency.snapshot());
        Self { parse, filtering, latency, ..self.clone() }
    }
}

/// All metrics at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub at: SystemTime,
    /// When the program started.
    pub started: SystemTime,
    /// How long it has been running.
    pub uptime: Duration,
    /// The configuration file.
    pub config: PathBuf,
    /// The settings of the metrics.
    pub settings: Metrics,
    /// The metrics of the input.
    pub input: InputMetrics,
    /// Lines that could not be read.
    pub unreadable: u64,
    /// Events that came out of order.
    pub out_of_order: u64,
    /// The kernel's audit status at the time of the last heartbeat, if there was one and the kernel could be asked.
    pub kernel: Option<AuditStatus>,
    /// The metrics of all outputs, one entry a name.
    pub outputs: Vec<OutputMetrics>,
    /// SIGUSR1 asked for a report.
    pub asked: bool,
    /// This is the last snapshot.
    pub last: bool,
}

impl Snapshot {
    /// True if the equations hold.
    pub fn balances(&self) -> bool {
        let input = &self.input;
        let output_balances =
            |output: &OutputMetrics| output.counters.balance() && output.counters[Counter::Events] <= input.dispatched;
        let came = input.events + input.gaps + input.heartbeats;
        came == input.filtered + input.dispatched && self.outputs.iter().all(output_balances)
    }

    /// Takes over the samples and the request for a report from an older snapshot that was never written.
    pub(super) fn supersede(&mut self, mut older: Self) {
        self.asked |= older.asked;
        let Self { input, outputs, .. } = self;
        input.parse.add_samples(older.input.parse.take_samples());
        input.latency.add_samples(older.input.latency.take_samples());
        input.filtering.add_samples(older.input.filtering.take_samples());
        for mut output in older.outputs {
            if let Some(own) = outputs.iter_mut().find(|own| own.name == output.name) {
                own.requests.latency.add_samples(output.requests.latency.take_samples());
            }
        }
    }
}

/// When the program started.
#[derive(Clone, Copy, Debug)]
pub struct StartTime {
    /// As the time of day, for people.
    pub wall: SystemTime,
    /// On a clock that nobody can set, for the uptime.
    pub monotonic: Instant,
}

impl StartTime {
    /// Now.
    pub fn now() -> Self {
        Self { wall: SystemTime::now(), monotonic: Instant::now() }
    }
}
