//! The one list of figures: Prometheus and the report have the names in [`METRICS`], statsd those in [`STATSD`].
//! `docs/metrics.md` explains them; a test holds it against this.

use super::{OutputMetrics, Snapshot};
use crate::{queue::counters::Loss, sink::BreakerState, timing::Latency};
use std::time::{Duration, UNIX_EPOCH};

/// What a figure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It comes and goes.
    Gauge,
    /// A count and a sum, and some quantiles.
    Summary,
}

/// A figure's name, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As Prometheus and the report have it.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// One line.
    pub help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, help }
}

const fn summary(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Summary, help }
}

/// All figures, in the order in which they are written.
pub const METRICS: &[Metric] = &[
    gauge("auship_info", "The program's version."),
    gauge("auship_start_time_seconds", "When the program started, in seconds since 1970."),
    counter("auship_events_total", "Events read from the input."),
    counter("auship_events_filtered_total", "Events that filters dropped."),
    counter("auship_filter_events_total", "Events that a filter decided about."),
    counter("auship_events_dispatched_total", "Events and gaps that the outputs were offered."),
    counter("auship_events_out_of_order_total", "Events that came after one with a higher serial."),
    counter("auship_gaps_total", "Gaps in the serials, reported as events of their own."),
    counter("auship_missing_events_total", "Events missing in these gaps."),
    counter("auship_lines_unreadable_total", "Lines of the input that could not be read."),
    summary("auship_reader_pause_seconds", "Time between two reads of the input while more of it waited."),
    gauge("auship_reader_pause_max_seconds", "The longest of these times."),
    gauge("auship_output_info", "An output's type and state: running, closing or ended."),
    counter("auship_output_events_total", "Events that the output took."),
    counter("auship_output_recovered_total", "Events of processes before this one that the output found in its spool."),
    counter("auship_output_delivered_total", "Documents that arrived."),
    counter("auship_output_duplicates_total", "Documents among those that arrived that the server had already."),
    counter("auship_output_skipped_total", "Events that the output's own settings leave out."),
    counter("auship_output_dead_lettered_total", "Documents that the server will never take."),
    counter("auship_output_lost_total", "Documents lost, by reason."),
    gauge("auship_output_ring_documents", "Documents in memory."),
    gauge("auship_output_ring_bytes", "Bytes of the documents in the ring."),
    gauge("auship_output_spool_documents", "Documents on disk."),
    gauge("auship_output_spool_bytes", "Bytes of the spool's files."),
    gauge("auship_output_breaker_state", "1 for where the circuit breaker stands: closed, open or half_open."),
    counter("auship_output_requests_total", "Requests made."),
    counter("auship_output_request_errors_total", "Requests without an answer."),
    counter("auship_output_responses_total", "Answers by their status."),
    summary("auship_output_request_seconds", "From sending a request to its whole answer."),
    gauge("auship_output_request_max_seconds", "The longest of these times."),
];

/// The names that statsd gets, behind `auship.<short host name>.`, with statsd's letter for what each is. What is in
/// angle brackets differs.
pub const STATSD: &[(&str, &str)] = &[
    ("messages.total", "c"),
    ("messages.filtered", "c"),
    ("messages.unreadable", "c"),
    ("messages.gaps", "c"),
    ("messages.missing", "c"),
    ("http_writer.total_messages", "c"),
    ("http_writer.dropped_messages", "c"),
    ("http_writer.request_error.count", "c"),
    ("http_code.<status>", "c"),
    ("http_writer.latency", "ms"),
    ("latency", "ms"),
    ("marshaller.filter_latency", "ms"),
    ("parse", "ms"),
    ("output.<name>.events", "c"),
    ("output.<name>.delivered", "c"),
    ("output.<name>.duplicates", "c"),
    ("output.<name>.skipped", "c"),
    ("output.<name>.dead_lettered", "c"),
    ("output.<name>.lost", "c"),
    ("output.<name>.ring", "g"),
    ("output.<name>.ring_bytes", "g"),
    ("output.<name>.spool", "g"),
    ("output.<name>.spool_bytes", "g"),
];

/// A figure's value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Number(u64),
    Seconds(Duration),
}

impl Value {
    /// In base units.
    pub(super) fn plain(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Seconds(time) => time.as_secs_f64().to_string(),
        }
    }
}

/// One value of a figure.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) name: &'static str,
    /// `_sum` or `_count` of a summary.
    pub(super) part: &'static str,
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: Value,
}

/// Gathers values, with the labels that they have in common.
struct Samples {
    all: Vec<Sample>,
    labels: Vec<(&'static str, String)>,
}

impl Samples {
    fn add(&mut self, name: &'static str, part: &'static str, label: Option<(&'static str, &str)>, value: Value) {
        let mut labels = self.labels.clone();
        labels.extend(label.map(|(name, value)| (name, value.to_string())));
        self.all.push(Sample { name, part, labels, value });
    }

    fn number(&mut self, name: &'static str, number: u64) {
        self.add(name, "", None, Value::Number(number));
    }

    fn numbers(&mut self, name: &'static str, label: &'static str, value: &str, number: u64) {
        self.add(name, "", Some((label, value)), Value::Number(number));
    }

    fn seconds(&mut self, name: &'static str, time: Duration) {
        self.add(name, "", None, Value::Seconds(time));
    }

    fn summary(&mut self, name: &'static str, count: u64, sum: Duration) {
        self.add(name, "_sum", None, Value::Seconds(sum));
        self.add(name, "_count", None, Value::Number(count));
    }
}

/// The quantiles of the reader's pauses.
pub(super) const QUANTILES: [(f64, &str); 3] = [(0.5, "0.5"), (0.99, "0.99"), (0.999, "0.999")];

/// The values of all figures.
pub(super) fn samples(snapshot: &Snapshot) -> Vec<Sample> {
    let mut out = Samples { all: Vec::new(), labels: Vec::new() };
    let input = &snapshot.input;
    out.numbers("auship_info", "version", env!("CARGO_PKG_VERSION"), 1);
    out.seconds("auship_start_time_seconds", snapshot.started.duration_since(UNIX_EPOCH).unwrap_or_default());
    out.number("auship_events_total", input.events);
    out.number("auship_events_filtered_total", input.filtered);
    for (filter, number) in &input.filters {
        out.numbers("auship_filter_events_total", "filter", filter, *number);
    }
    out.number("auship_events_dispatched_total", input.dispatched);
    out.number("auship_events_out_of_order_total", snapshot.out_of_order);
    out.number("auship_gaps_total", input.gaps);
    out.number("auship_missing_events_total", input.missing);
    out.number("auship_lines_unreadable_total", snapshot.unreadable);
    let pauses = &input.pauses;
    for (share, name) in QUANTILES {
        if let Some(time) = pauses.quantile(share) {
            out.add("auship_reader_pause_seconds", "", Some(("quantile", name)), Value::Seconds(time));
        }
    }
    out.summary("auship_reader_pause_seconds", pauses.count(), pauses.sum());
    out.seconds("auship_reader_pause_max_seconds", pauses.max());
    for output in &snapshot.outputs {
        out.labels = vec![("output", output.name.clone())];
        output_samples(output, &mut out);
    }
    out.all
}

/// Where a circuit breaker may stand.
const POSITIONS: [&str; 3] = ["closed", "open", "half_open"];

/// Where it stands.
pub(super) fn position(position: BreakerState) -> &'static str {
    match position {
        BreakerState::Closed => POSITIONS[0],
        BreakerState::Open(_) => POSITIONS[1],
        BreakerState::HalfOpen => POSITIONS[2],
    }
}

fn output_samples(output: &OutputMetrics, out: &mut Samples) {
    let counters = &output.counters;
    let info = vec![("type", output.kind.to_string()), ("state", output.state.name().to_string())];
    let labels = out.labels.iter().cloned().chain(info).collect();
    out.all.push(Sample { name: "auship_output_info", part: "", labels, value: Value::Number(1) });
    out.number("auship_output_events_total", counters.events);
    out.number("auship_output_recovered_total", counters.recovered);
    out.number("auship_output_delivered_total", counters.delivered);
    out.number("auship_output_duplicates_total", counters.duplicates);
    out.number("auship_output_skipped_total", counters.skipped);
    out.number("auship_output_dead_lettered_total", counters.dead_lettered);
    for why in Loss::ALL {
        out.numbers("auship_output_lost_total", "reason", why.name(), counters.lost_by(why));
    }
    out.number("auship_output_ring_documents", counters.ring);
    out.number("auship_output_ring_bytes", output.ring_bytes);
    out.number("auship_output_spool_documents", counters.spool);
    out.number("auship_output_spool_bytes", output.spool_bytes);
    if let Some(breaker) = output.breaker {
        for name in POSITIONS {
            out.numbers("auship_output_breaker_state", "state", name, u64::from(name == position(breaker)));
        }
    }
    if output.speaks_http() {
        let requests = &output.requests;
        out.number("auship_output_requests_total", requests.count);
        out.number("auship_output_request_errors_total", requests.errors);
        for (status, number) in &requests.codes {
            out.numbers("auship_output_responses_total", "code", &status.to_string(), *number);
        }
        let Latency { count, sum, max, .. } = requests.latency;
        out.summary("auship_output_request_seconds", count, sum);
        out.seconds("auship_output_request_max_seconds", max);
    }
}
