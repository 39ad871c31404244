use super::*;
use crate::{
    config::{Metrics, SinkKind},
    event::FactValue,
    metrics::{InputMetrics, OutputMetrics, OutputState},
    outcome::{Loss, Outcome},
    queue::counters::{Counter, Counters},
    sink::BreakerState,
    timing::RequestStats,
};
use host_state::{Rules, RulesSource};
use std::{collections::BTreeMap, time::SystemTime};

fn output(name: &str) -> OutputMetrics {
    let mut counters = Counters::default();
    counters[Counter::Events] += 7;
    counters[Counter::Spool] += 2;
    counters.record_outcome(4, Outcome::Delivered);
    counters.record_outcome(1, Outcome::Lost(Loss::RingFull));
    OutputMetrics {
        name: name.into(),
        kind: SinkKind::Http,
        state: OutputState::Running,
        counters,
        ring_bytes: 0,
        spool_bytes: 4096,
        spool_limit: Some(1 << 30),
        breaker: Some(BreakerState::Closed),
        requests: RequestStats::default(),
    }
}

fn snapshot(outputs: &[&str]) -> Snapshot {
    Snapshot {
        at: SystemTime::now(),
        started: SystemTime::now(),
        uptime: Duration::from_secs(61),
        config: "/etc/auship/auship.conf".into(),
        settings: Metrics::default(),
        input: InputMetrics { events: 8, filtered: 1, dispatched: 7, ..InputMetrics::default() },
        unreadable: 3,
        out_of_order: 0,
        kernel: None,
        outputs: outputs.iter().map(|name| output(name)).collect(),
        asked: false,
        last: false,
    }
}

fn host(enabled: u32) -> HostState {
    HostState {
        audit: Some(AuditStatus { enabled, backlog_wait_time: Some(60_000), ..AuditStatus::default() }),
        rules: Some(Rules { source: RulesSource::Kernel, count: Some(2), sha256: "ab".into() }),
        boot_id: Some("boot".into()),
    }
}

fn made(snapshot: &Snapshot, host: &HostState, moment: Moment) -> Heartbeat {
    facts::heartbeat(snapshot, host, moment, 5, Duration::from_secs(300), "cd")
}

/// The facts by name. Fails if a name is there twice.
fn facts_of(heartbeat: &Heartbeat, between: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for fact in &heartbeat.facts {
        let value = match &fact.value {
            FactValue::Text(text) => text.clone(),
            FactValue::Number(number) => number.to_string(),
        };
        assert_eq!(all.insert(fact.name.join(between), value), None, "{:?} is there twice", fact.name);
    }
    all
}

#[test]
fn a_heartbeat_has_the_numbers_of_the_snapshot_and_of_the_kernel() {
    let heartbeat = made(&snapshot(&["a", "b"]), &host(1), Moment::Running);
    let facts = facts_of(&heartbeat, ".");
    for (name, value) in [
        ("state", "running"),
        ("number", "5"),
        ("period_seconds", "300"),
        ("uptime_seconds", "61"),
        ("config.path", "/etc/auship/auship.conf"),
        ("config.sha256", "cd"),
        ("kernel.enabled", "1"),
        ("kernel.backlog_wait_time", "60000"),
        ("rules.source", "kernel"),
        ("rules.count", "2"),
        ("input.events", "8"),
        ("input.filtered", "1"),
        ("input.unreadable", "3"),
        ("outputs.delivered", "8"),
        ("outputs.lost", "2"),
        ("outputs.spool_bytes", "8192"),
        ("output.a.delivered", "4"),
        ("output.b.breaker", "closed"),
    ] {
        assert_eq!(facts.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!facts.contains_key("kernel.backlog_wait_time_actual"), "an old kernel doesn't have it");
    assert_eq!(heartbeat.summary, "Heartbeat: auditing is on, 8 events in, lost 2");
    assert!(!heartbeat.is_warning && heartbeat.id.serial == 5);
}

#[test]
fn what_is_not_known_is_absent() {
    let heartbeat = made(&snapshot(&["a"]), &HostState::default(), Moment::Stopping);
    let facts = facts_of(&heartbeat, ".");
    assert!(!facts.keys().any(|name| name.starts_with("kernel") || name.starts_with("rules")), "{facts:?}");
    assert_eq!(heartbeat.summary, "Heartbeat: stopping, 8 events in, lost 1");
    assert!(!heartbeat.is_warning);
}

#[test]
fn auditing_that_is_off_is_a_warning() {
    let heartbeat = made(&snapshot(&["a"]), &host(0), Moment::Running);
    assert_eq!(heartbeat.summary, "Heartbeat: auditing is OFF, 8 events in, lost 1");
    assert!(heartbeat.is_warning);
    assert!(!made(&snapshot(&["a"]), &host(2), Moment::Running).is_warning, "2 is on, too");
}

#[test]
fn names_of_outputs_never_make_a_name_twice() {
    let names = ["a", "a.b", "a_b", "a.b_", "a_lost", "a_ring", "a_spool", "a_dead", "s", "outputs", "b.lost"];
    let heartbeat = made(&snapshot(&names), &host(1), Moment::Running);
    for between in [".", "_"] {
        let facts = facts_of(&heartbeat, between);
        let delivered = facts.keys().filter(|name| name.ends_with(&format!("{between}delivered"))).count();
        assert_eq!(delivered, names.len() + 1, "{facts:?}");
    }
    // An object is written once, so all facts with the same first parts follow each other.
    let mut objects: Vec<&[String]> = heartbeat.facts.iter().filter_map(|f| f.name.get(..f.name.len() - 1)).collect();
    objects.dedup();
    let number = objects.len();
    objects.sort();
    objects.dedup();
    assert_eq!(objects.len(), number, "{objects:?}");
}

#[test]
fn the_time_between_heartbeats_is_counted_from_the_start() {
    let started = Instant::now();
    let at = |ms| started + Duration::from_millis(ms);
    let period = Duration::from_secs(2);
    for (now, due) in [(0, 2000), (1, 2000), (1999, 2000), (2000, 4000), (3001, 4000), (100_500, 102_000)] {
        assert_eq!(next(started, period, at(now)), at(due), "{now}");
    }
}

#[test]
fn heartbeats_begin_when_a_reload_wants_them_and_end_when_it_does_not() {
    let mut heartbeats = Heartbeats::start(None).unwrap();
    let snapshot = snapshot(&["a"]);
    assert_eq!(heartbeats.due(&snapshot, ""), None);
    assert_eq!(heartbeats.last(&snapshot, ""), None);
    heartbeats.configure(Some(Duration::from_secs(3600))).unwrap();
    let start = Instant::now();
    let first = loop {
        if let Some(heartbeat) = heartbeats.due(&snapshot, "") {
            break heartbeat;
        }
        assert!(start.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(facts_of(&first, ".")["state"], "started");
    assert_eq!(heartbeats.due(&snapshot, ""), None, "the next one is due in an hour");
    assert_eq!(facts_of(&heartbeats.last(&snapshot, "").unwrap(), ".")["state"], "stopping");
    heartbeats.configure(None).unwrap();
    assert_eq!(heartbeats.last(&snapshot, ""), None);
}
