//! Figures for a person: the report that SIGUSR1 asks for, and the status line.

use super::{
    Snapshot,
    catalog::{Sample, Value, position, samples},
};
use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};
use time::OffsetDateTime;

/// A time as a person reads it: `1.2 ms`.
pub(super) fn show(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds >= 1.0 => format!("{seconds:.1} s"),
        _ if seconds >= 1e-3 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{:.0} µs", seconds * 1e6),
    }
}

fn date(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let (hour, minute, second) = at.to_hms();
    format!("{}-{:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC", at.year(), u8::from(at.month()), at.day())
}

fn uptime(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    format!("{days}d {hours}h {minutes}m {}s", seconds % 60)
}

/// The whole report.
pub(super) fn text(snapshot: &Snapshot) -> String {
    let all = samples(snapshot);
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(out, "auship {}, {}", env!("CARGO_PKG_VERSION"), date(snapshot.at));
    let _ = writeln!(out, "configuration {}", snapshot.config.display());
    let _ = writeln!(out, "running since {}, {}", date(snapshot.started), uptime(snapshot.uptime));
    let _ = writeln!(out, "figures       {}\n", if snapshot.balances() { "add up" } else { "DO NOT ADD UP" });
    for sample in all.iter().filter(|sample| !is_of_output(sample)) {
        line(&mut out, sample, 0);
    }
    for output in &snapshot.outputs {
        let breaker = output.breaker.map(|at| format!(", breaker {}", position(at))).unwrap_or_default();
        let _ = writeln!(out, "\noutput {} ({}): {}{breaker}", output.name, output.kind, output.state.name());
        let its = |sample: &&Sample| is_of_output(sample) && sample.labels.iter().any(|l| l.1 == output.name);
        for sample in all.iter().filter(its) {
            line(&mut out, sample, 1);
        }
    }
    out
}

fn is_of_output(sample: &Sample) -> bool {
    sample.labels.first().is_some_and(|(name, _)| *name == "output")
}

fn line(out: &mut String, sample: &Sample, skip: usize) {
    let labels: Vec<String> = sample.labels.iter().skip(skip).map(|(name, value)| format!("{name}={value}")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let name = format!("{}{}{labels}", sample.name, sample.part);
    let value = match sample.value {
        Value::Seconds(time) if sample.name == "auship_start_time_seconds" => time.as_secs().to_string(),
        Value::Seconds(time) => show(time),
        Value::Number(number) => number.to_string(),
    };
    let _ = writeln!(out, "{name:<56} {value:>14}");
}

/// One line of the most important ones.
pub(super) fn status(snapshot: &Snapshot) -> String {
    let input = &snapshot.input;
    let mut out = format!(
        "status: uptime={} events={} filtered={} gaps={} missing={} unreadable={}",
        snapshot.uptime.as_secs(),
        input.events,
        input.filtered,
        input.gaps,
        input.missing,
        snapshot.unreadable
    );
    for output in &snapshot.outputs {
        let (name, counters) = (&output.name, &output.counters);
        for (what, number) in [
            ("delivered", counters.delivered),
            ("skipped", counters.skipped),
            ("dead_lettered", counters.dead_lettered),
            ("lost", counters.lost()),
            ("ring", counters.ring),
            ("spool", counters.spool),
        ] {
            let _ = write!(out, " {name}.{what}={number}");
        }
        if let Some(breaker) = output.breaker {
            let _ = write!(out, " {name}.breaker={}", position(breaker));
        }
    }
    out
}

/// How long the reader let its input wait; nothing when it never did.
pub fn pauses(snapshot: &Snapshot) -> Option<String> {
    let pauses = &snapshot.input.pauses;
    let (most, longest) = (show(pauses.quantile(0.999)?), show(pauses.max()));
    Some(format!("reader's pauses: 99.9 % under {most}, longest {longest}"))
}
