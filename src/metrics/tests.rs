use super::*;
use crate::{
    config::{Metrics, SinkKind},
    kernel_status::AuditStatus,
    outcome::{Loss, Outcome},
    queue::counters::{Counter, Counters},
    sink::BreakerState,
    timing::RequestStats,
};
use std::{
    collections::BTreeSet,
    time::{Duration, UNIX_EPOCH},
};

/// An output that has delivered 960 of 964 events.
fn siem() -> OutputMetrics {
    let mut counters = Counters::default();
    counters[Counter::Events] += 964;
    counters[Counter::Ring] += 4;
    counters.record_outcome(960, Outcome::Delivered);
    OutputMetrics {
        name: "siem".into(),
        kind: SinkKind::Elasticsearch,
        state: OutputState::Running,
        counters,
        ring_bytes: 2048,
        spool_bytes: 0,
        spool_limit: Some(1 << 30),
        breaker: Some(BreakerState::Closed),
        requests: RequestStats::default(),
    }
}

/// A snapshot after an hour with 964 events.
fn snapshot(outputs: Vec<OutputMetrics>) -> Snapshot {
    Snapshot {
        at: UNIX_EPOCH,
        started: UNIX_EPOCH,
        uptime: Duration::from_secs(3600),
        config: "/etc/auship/auship.conf".into(),
        settings: Metrics::default(),
        input: InputMetrics { events: 964, dispatched: 964, ..InputMetrics::default() },
        unreadable: 0,
        out_of_order: 0,
        kernel: None,
        outputs,
        asked: false,
        last: false,
    }
}

/// A snapshot in which every metric has a value.
pub(super) fn full() -> Snapshot {
    let mut output = siem();
    output.counters[Counter::Events] += 3;
    output.counters.record_outcome(1, Outcome::Lost(Loss::RingFull));
    output.counters.record_outcome(2, Outcome::Lost(Loss::Refused));
    output.requests.record(Some(200), Duration::from_millis(5));
    output.requests.record(None, Duration::from_millis(7));
    let mut full = snapshot(vec![output]);
    full.input.filters = vec![("noise".into(), 3)];
    full.kernel = Some(AuditStatus { enabled: 1, backlog_limit: 64, ..AuditStatus::default() });
    full.input.pauses.record(Duration::from_millis(1));
    for latency in [&mut full.input.parse, &mut full.input.filtering, &mut full.input.latency] {
        latency.record(Duration::from_millis(2));
    }
    full
}

#[test]
fn names_follow_the_rules_of_prometheus() {
    let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len(), "a name is there twice");
    for counter in Counter::all() {
        let of = |what: &str| names.contains(format!("auship_output_{}_{what}", counter.name()).as_str());
        assert!(of("total") || of("documents"), "{counter:?} is no metric");
    }
    for metric in METRICS {
        let name = metric.name;
        assert_eq!(name.starts_with("auship_output_"), metric.is_of_output(), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
        assert!(name.ends_with("_seconds") || metric.kind != Kind::Summary, "{name}");
        assert!(metric.help.ends_with('.') && !metric.help.contains(['\n', '|', '`', '\\']), "{name}");
    }
}

#[test]
fn every_metric_has_values_with_its_labels() {
    let full = full();
    for metric in METRICS {
        let all = metric.series(&full);
        assert!(!all.is_empty(), "{}", metric.name);
        for (_, series) in &all {
            assert_eq!(series.labels.len(), metric.labels.len(), "{}", metric.name);
            let has_number = series.value.number().is_some();
            assert!(has_number || metric.status.is_none(), "{} can't be added up", metric.name);
            assert!(has_number != (metric.kind == Kind::Summary) || metric.statsd.is_empty(), "{}", metric.name);
        }
    }
}

#[test]
fn what_a_label_may_be_is_in_the_help() {
    let help = |name: &str| METRICS.iter().find(|metric| metric.name == name).unwrap().help;
    for why in Loss::ALL {
        assert!(help("auship_output_lost_total").contains(why.name()), "{why:?}");
    }
    for state in [OutputState::Running, OutputState::Closing, OutputState::Ended] {
        assert!(help("auship_output_info").contains(state.name()), "{state:?}");
    }
    for state in catalog::BREAKER_STATES {
        assert!(help("auship_output_breaker_state").contains(state), "{state}");
    }
}

#[test]
fn the_status_line_is_that_of_the_docs() {
    let docs = include_str!("../../docs/metrics.md");
    let documented = docs.lines().map(str::trim).find(|line| line.starts_with("status: "));
    assert_eq!(documented, Some(status_report::status(&snapshot(vec![siem()])).as_str()));
}

#[test]
fn a_summary_has_its_quantiles_sum_and_number() {
    let text = prometheus::text(&full());
    let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("auship_reader_pause_seconds")).collect();
    let quantile = |share: &str| format!("{{quantile=\"{share}\"}} 0.001");
    assert_eq!(lines, [&quantile("0.5"), &quantile("0.99"), &quantile("0.999"), "_sum 0.001", "_count 1"]);
}

#[test]
fn a_newer_snapshot_has_the_samples_and_the_question_of_an_older_one() {
    let older = Snapshot { asked: true, ..full() };
    let mut newer = full();
    newer.supersede(older);
    assert!(newer.asked);
    assert_eq!((newer.input.parse.count, newer.input.parse.samples().len()), (1, 2));
    assert_eq!((newer.outputs[0].requests.latency.count, newer.outputs[0].requests.latency.samples().len()), (2, 4));
}
