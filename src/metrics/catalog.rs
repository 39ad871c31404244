//! The list of all metrics. The Prometheus file, statsd, the report and the status line are made from it. A test
//! compares it with the table in `docs/metrics.md`.

use super::{
    metric::{
        Get::{Output, Program},
        Kind, Metric, Series,
        StatsdName::{All, Http},
        histogram, labelled, latency, latency_if_measured, number, seconds,
    },
    snapshot::{OutputMetrics, Snapshot},
};
use crate::{kernel_status::AuditStatus, outcome::Loss, queue::counters::Counter, sink::BreakerState};
use std::time::UNIX_EPOCH;

/// All metrics, in the order in which they are written.
pub static METRICS: &[Metric] = &[
    Metric {
        name: "auship_info",
        kind: Kind::Gauge,
        labels: &["version"],
        help: "Always 1, with the version of the program.",
        statsd: &[],
        status: None,
        get: Program(|_| vec![labelled([env!("CARGO_PKG_VERSION")], 1)]),
    },
    Metric {
        name: "auship_start_time_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When the program started, in seconds since 1970.",
        statsd: &[],
        status: None,
        get: Program(|all| number(all.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())),
    },
    Metric {
        name: "auship_events_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Events read from the input.",
        statsd: &[All("messages.total")],
        status: Some("events"),
        get: Program(|all| number(all.input.events)),
    },
    Metric {
        name: "auship_events_filtered_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Events that filters dropped.",
        statsd: &[All("messages.filtered")],
        status: Some("filtered"),
        get: Program(|all| number(all.input.filtered)),
    },
    Metric {
        name: "auship_filter_events_total",
        kind: Kind::Counter,
        labels: &["filter"],
        help: "Events that a filter decided about.",
        statsd: &[],
        status: None,
        get: Program(|all| all.input.filters.iter().map(|(name, hits)| labelled([name], *hits)).collect()),
    },
    Metric {
        name: "auship_events_dispatched_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Events, gaps and heartbeats that were passed to the outputs.",
        statsd: &[],
        status: None,
        get: Program(|all| number(all.input.dispatched)),
    },
    Metric {
        name: "auship_events_out_of_order_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Events that came after an event with a higher serial, and had been missing until then.",
        statsd: &[],
        status: None,
        get: Program(|all| number(all.out_of_order)),
    },
    Metric {
        name: "auship_gaps_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Gaps in the serials. Each is reported as an event of its own (category audit_gap).",
        statsd: &[All("messages.gaps")],
        status: Some("gaps"),
        get: Program(|all| number(all.input.gaps)),
    },
    Metric {
        name: "auship_missing_events_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Events missing in the gaps.",
        statsd: &[All("messages.missing")],
        status: Some("missing"),
        get: Program(|all| number(all.input.missing)),
    },
    Metric {
        name: "auship_heartbeats_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Heartbeats. Each is a document for every output.",
        statsd: &[],
        status: None,
        get: Program(|all| number(all.input.heartbeats)),
    },
    Metric {
        name: "auship_kernel_audit_enabled",
        kind: Kind::Gauge,
        labels: &[],
        help: "Whether the kernel's auditing was on at the last heartbeat: 0 off, 1 on, 2 on and locked. This metric and \
               the other ones of the kernel exist only with heartbeats, and only if the kernel could be asked.",
        statsd: &[],
        status: None,
        get: Program(|all| of_kernel(all, |kernel| kernel.enabled)),
    },
    Metric {
        name: "auship_kernel_lost_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Records that the kernel had lost by the last heartbeat, since its start or the last reset.",
        statsd: &[],
        status: None,
        get: Program(|all| of_kernel(all, |kernel| kernel.lost)),
    },
    Metric {
        name: "auship_kernel_backlog_records",
        kind: Kind::Gauge,
        labels: &[],
        help: "Records that waited in the kernel at the last heartbeat.",
        statsd: &[],
        status: None,
        get: Program(|all| of_kernel(all, |kernel| kernel.backlog)),
    },
    Metric {
        name: "auship_kernel_backlog_limit_records",
        kind: Kind::Gauge,
        labels: &[],
        help: "How many records may wait in the kernel. 0 means any number.",
        statsd: &[],
        status: None,
        get: Program(|all| of_kernel(all, |kernel| kernel.backlog_limit)),
    },
    Metric {
        name: "auship_lines_unreadable_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Lines of the input that could not be read.",
        statsd: &[All("messages.unreadable")],
        status: Some("unreadable"),
        get: Program(|all| number(all.unreadable)),
    },
    Metric {
        name: "auship_reader_pause_seconds",
        kind: Kind::Summary,
        labels: &[],
        help: "How long input waited for the reader: the time from the end of one read to the start of the next, while \
               more input was waiting. The quantiles are those since the start, and at most one eighth too large.",
        statsd: &[],
        status: None,
        get: Program(|all| histogram(&all.input.pauses)),
    },
    Metric {
        name: "auship_reader_pause_max_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "The longest time that input waited for the reader.",
        statsd: &[],
        status: None,
        get: Program(|all| seconds(all.input.pauses.max())),
    },
    Metric {
        name: "auship_read_processing_seconds",
        kind: Kind::Summary,
        labels: &[],
        help: "Time from the bytes of one read (up to 64 KiB) to the documents in the rings. Measured only while statsd \
               is configured.",
        statsd: &[All("parse")],
        status: None,
        get: Program(|all| latency_if_measured(&all.input.parse)),
    },
    Metric {
        name: "auship_event_filter_seconds",
        kind: Kind::Summary,
        labels: &[],
        help: "Time that the filters took for an event. Measured only while statsd and filters are configured.",
        statsd: &[All("marshaller.filter_latency")],
        status: None,
        get: Program(|all| latency_if_measured(&all.input.filtering)),
    },
    Metric {
        name: "auship_event_age_seconds",
        kind: Kind::Summary,
        labels: &[],
        help: "Age of an event when its documents are in the rings. Measured only while statsd is configured.",
        statsd: &[All("latency")],
        status: None,
        get: Program(|all| latency_if_measured(&all.input.latency)),
    },
    Metric {
        name: "auship_output_info",
        kind: Kind::Gauge,
        labels: &["type", "state"],
        help: "Always 1, with the type and the state of the output: running, closing (a reload removed it, and it is \
               delivering what it still has) or ended.",
        statsd: &[],
        status: None,
        get: Output(|output| vec![labelled([output.kind.name(), output.state.name()], 1)]),
    },
    Metric {
        name: "auship_output_events_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Events that the output accepted.",
        statsd: &[All("output.<output>.events"), Http("http_writer.total_messages")],
        status: None,
        get: Output(|output| number(output.counters[Counter::Events])),
    },
    Metric {
        name: "auship_output_recovered_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Events of earlier processes: found in the spool at the start, or lost with the previous process.",
        statsd: &[],
        status: None,
        get: Output(|output| number(output.counters[Counter::Recovered])),
    },
    Metric {
        name: "auship_output_delivered_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Documents that were delivered.",
        statsd: &[All("output.<output>.delivered")],
        status: Some("delivered"),
        get: Output(|output| number(output.counters[Counter::Delivered])),
    },
    Metric {
        name: "auship_output_duplicates_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Documents among the delivered ones that the server already had. They were sent again because an answer \
               was missing. Only outputs of type elasticsearch learn this.",
        statsd: &[All("output.<output>.duplicates")],
        status: None,
        get: Output(|output| number(output.counters[Counter::Duplicates])),
    },
    Metric {
        name: "auship_output_skipped_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Events that the output's own settings exclude.",
        statsd: &[All("output.<output>.skipped")],
        status: Some("skipped"),
        get: Output(|output| number(output.counters[Counter::Skipped])),
    },
    Metric {
        name: "auship_output_dead_lettered_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Documents that the server will never accept, and that are in the dead-letter file.",
        statsd: &[All("output.<output>.dead_lettered")],
        status: Some("dead_lettered"),
        get: Output(|output| number(output.counters[Counter::DeadLettered])),
    },
    Metric {
        name: "auship_output_lost_total",
        kind: Kind::Counter,
        labels: &["reason"],
        help: "Documents lost, by reason: ring_full, refused, at_end, spool_full, spool_damaged, killed or \
               dead_letters_full.",
        statsd: &[All("output.<output>.lost"), Http("http_writer.dropped_messages")],
        status: Some("lost"),
        get: Output(losses),
    },
    Metric {
        name: "auship_output_ring_documents",
        kind: Kind::Gauge,
        labels: &[],
        help: "Documents in memory: in the ring, on their way to the spool, or in flight in the sink.",
        statsd: &[All("output.<output>.ring")],
        status: Some("ring"),
        get: Output(|output| number(output.counters[Counter::Ring])),
    },
    Metric {
        name: "auship_output_ring_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Bytes of the documents in the ring, without those in flight.",
        statsd: &[All("output.<output>.ring_bytes")],
        status: None,
        get: Output(|output| number(output.ring_bytes)),
    },
    Metric {
        name: "auship_output_spool_documents",
        kind: Kind::Gauge,
        labels: &[],
        help: "Documents on disk that are not yet delivered.",
        statsd: &[All("output.<output>.spool")],
        status: Some("spool"),
        get: Output(|output| number(output.counters[Counter::Spool])),
    },
    Metric {
        name: "auship_output_spool_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Bytes of the spool's files.",
        statsd: &[All("output.<output>.spool_bytes")],
        status: None,
        get: Output(|output| number(output.spool_bytes)),
    },
    Metric {
        name: "auship_output_spool_limit_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "The largest size of the spool (spool_limit). Only outputs with a spool have it.",
        statsd: &[],
        status: None,
        get: Output(|output| output.spool_limit.map(number).unwrap_or_default()),
    },
    Metric {
        name: "auship_output_breaker_state",
        kind: Kind::StateSet,
        labels: &["state"],
        help: "1 for the current state of the circuit breaker (closed, open or half_open), 0 for the others. Only \
               running and closing outputs that have a server have one.",
        statsd: &[],
        status: Some("breaker"),
        get: Output(breaker),
    },
    Metric {
        name: "auship_output_requests_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Requests sent. Only outputs of type http or elasticsearch send requests.",
        statsd: &[],
        status: None,
        get: Output(|output| of_http(output, |output| number(output.requests.count))),
    },
    Metric {
        name: "auship_output_request_errors_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Requests without an answer.",
        statsd: &[Http("http_writer.request_error.count")],
        status: None,
        get: Output(|output| of_http(output, |output| number(output.requests.errors))),
    },
    Metric {
        name: "auship_output_responses_total",
        kind: Kind::Counter,
        labels: &["code"],
        help: "Answers, by HTTP status.",
        statsd: &[Http("http_code.<code>")],
        status: None,
        get: Output(|output| of_http(output, responses)),
    },
    Metric {
        name: "auship_output_request_seconds",
        kind: Kind::Summary,
        labels: &[],
        help: "Time from sending a request to receiving its whole answer.",
        statsd: &[Http("http_writer.latency")],
        status: None,
        get: Output(|output| of_http(output, |output| latency(&output.requests.latency))),
    },
    Metric {
        name: "auship_output_request_max_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "The longest time from sending a request to receiving its whole answer.",
        statsd: &[],
        status: None,
        get: Output(|output| of_http(output, |output| seconds(output.requests.latency.max))),
    },
];

fn of_kernel(all: &Snapshot, get: fn(&AuditStatus) -> u32) -> Vec<Series<'static>> {
    all.kernel.iter().flat_map(|kernel| number(get(kernel).into())).collect()
}

fn losses(output: &OutputMetrics) -> Vec<Series<'_>> {
    Loss::ALL.into_iter().map(|why| labelled([why.name()], output.counters.lost_by(why))).collect()
}

/// The states of a circuit breaker.
pub(super) const BREAKER_STATES: [&str; 3] = ["closed", "open", "half_open"];

/// The name of a state.
pub fn breaker_state(breaker: BreakerState) -> &'static str {
    match breaker {
        BreakerState::Closed => BREAKER_STATES[0],
        BreakerState::Open(_) => BREAKER_STATES[1],
        BreakerState::HalfOpen => BREAKER_STATES[2],
    }
}

fn breaker(output: &OutputMetrics) -> Vec<Series<'_>> {
    let Some(breaker) = output.breaker else { return Vec::new() };
    BREAKER_STATES.into_iter().map(|state| labelled([state], u64::from(state == breaker_state(breaker)))).collect()
}

fn of_http(output: &OutputMetrics, get: fn(&OutputMetrics) -> Vec<Series<'_>>) -> Vec<Series<'_>> {
    if output.kind.speaks_http() { get(output) } else { Vec::new() }
}

fn responses(output: &OutputMetrics) -> Vec<Series<'_>> {
    output.requests.codes.iter().map(|(status, number)| labelled([status.to_string()], *number)).collect()
}
