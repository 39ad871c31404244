//! Makes a heartbeat of a snapshot and the state of the host.

use super::{HostState, Moment};
use crate::{
    event::{EventId, Fact, FactValue, Heartbeat},
    losses::events,
    metrics::{OutputMetrics, Snapshot, breaker_state},
    queue::counters::Counter,
};
use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

/// Makes the heartbeat with this number. `period` is the time to the next one.
pub(super) fn heartbeat(
    snapshot: &Snapshot,
    host: &HostState,
    moment: Moment,
    number: u64,
    period: Duration,
    sha256: &str,
) -> Heartbeat {
    let mut facts = Facts(Vec::new());
    facts.push(&["state"], moment.name());
    facts.push(&["number"], number);
    facts.push(&["period_seconds"], period.as_secs());
    facts.push(&["version"], env!("CARGO_PKG_VERSION"));
    facts.push(&["uptime_seconds"], snapshot.uptime.as_secs());
    facts.push(&["config", "path"], snapshot.config.to_string_lossy().as_ref());
    facts.push(&["config", "sha256"], sha256);
    kernel(&mut facts, host);
    input(&mut facts, snapshot);
    outputs(&mut facts, &snapshot.outputs);
    Heartbeat {
        id: id(SystemTime::now(), number),
        summary: summary(snapshot, host, moment),
        is_warning: is_off(host),
        boot_id: host.boot_id.clone(),
        facts: facts.0,
    }
}

/// The facts so far.
struct Facts(Vec<Fact>);

impl Facts {
    fn push(&mut self, name: &[&str], value: impl Into<FactValue>) {
        self.0.push(Fact { name: name.iter().map(ToString::to_string).collect(), value: value.into() });
    }
}

fn kernel(facts: &mut Facts, host: &HostState) {
    if let Some(audit) = &host.audit {
        for (name, value) in [
            ("enabled", Some(audit.enabled)),
            ("failure", Some(audit.failure)),
            ("pid", Some(audit.pid)),
            ("rate_limit", Some(audit.rate_limit)),
            ("backlog_limit", Some(audit.backlog_limit)),
            ("lost", Some(audit.lost)),
            ("backlog", Some(audit.backlog)),
            ("backlog_wait_time", audit.backlog_wait_time),
            ("backlog_wait_time_actual", audit.backlog_wait_time_actual),
        ] {
            if let Some(value) = value {
                facts.push(&["kernel", name], value);
            }
        }
    }
    if let Some(rules) = &host.rules {
        facts.push(&["rules", "source"], rules.source.name());
        facts.push(&["rules", "sha256"], rules.sha256.as_str());
        if let Some(count) = rules.count {
            facts.push(&["rules", "count"], count);
        }
    }
}

fn input(facts: &mut Facts, snapshot: &Snapshot) {
    let input = &snapshot.input;
    for (name, value) in [
        ("events", input.events),
        ("filtered", input.filtered),
        ("gaps", input.gaps),
        ("missing", input.missing),
        ("unreadable", snapshot.unreadable),
    ] {
        facts.push(&["input", name], value);
    }
}

/// The numbers that are added up over all outputs.
const TOTALS: [&str; 5] = ["delivered", "dead_lettered", "lost", "spool_documents", "spool_bytes"];

/// The numbers of an output. No name may be the end of another one after an underscore: then the names of two outputs
/// could lead to the same key in formats without nested objects.
fn numbers(output: &OutputMetrics) -> [(&'static str, u64); 9] {
    let counters = &output.counters;
    [
        ("events", counters[Counter::Events]),
        ("delivered", counters[Counter::Delivered]),
        ("skipped", counters[Counter::Skipped]),
        ("dead_lettered", counters[Counter::DeadLettered]),
        ("lost", counters.lost()),
        ("ring_documents", counters[Counter::Ring]),
        ("ring_bytes", output.ring_bytes),
        ("spool_documents", counters[Counter::Spool]),
        ("spool_bytes", output.spool_bytes),
    ]
}

fn outputs(facts: &mut Facts, outputs: &[OutputMetrics]) {
    let all: Vec<_> = outputs.iter().map(numbers).collect();
    // The sums over all outputs have names of their own, so that a query needs no name of an output.
    for name in TOTALS {
        let of_this = all.iter().flatten().filter(|(own, _)| *own == name);
        facts.push(&["outputs", name], of_this.map(|(_, number)| number).sum::<u64>());
    }
    let mut taken = BTreeSet::new();
    for (output, numbers) in outputs.iter().zip(&all) {
        // A dot would make an object of its own.
        let mut name = output.name.replace('.', "_");
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        let mut push = |what: &str, value: FactValue| facts.push(&["output", &name, what], value);
        push("type", output.kind.name().into());
        push("state", output.state.name().into());
        if let Some(breaker) = output.breaker {
            push("breaker", breaker_state(breaker).into());
        }
        numbers.iter().for_each(|(what, number)| push(what, (*number).into()));
    }
}

/// True when the kernel says that auditing is off.
fn is_off(host: &HostState) -> bool {
    host.audit.is_some_and(|audit| audit.enabled == 0)
}

/// `Heartbeat: auditing is on, 964 events in, lost 0`
fn summary(snapshot: &Snapshot, host: &HostState, moment: Moment) -> String {
    let auditing = match &host.audit {
        None => "",
        Some(audit) if audit.enabled == 0 => "auditing is OFF, ",
        Some(_) => "auditing is on, ",
    };
    let stopping = if moment == Moment::Stopping { "stopping, " } else { "" };
    let lost: u64 = snapshot.outputs.iter().map(|output| output.counters.lost()).sum();
    format!("Heartbeat: {stopping}{auditing}{} in, lost {lost}", events(snapshot.input.events))
}

fn id(now: SystemTime, number: u64) -> EventId {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let millis = u16::try_from(since.subsec_millis()).unwrap_or_default();
    EventId { seconds: since.as_secs().try_into().unwrap_or_default(), millis, serial: number }
}
