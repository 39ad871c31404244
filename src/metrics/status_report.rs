//! Metrics for people: the report on SIGUSR1, and the status line.

use super::{
    catalog::{METRICS, breaker_state},
    metric::{Amount, Kind, Line, Metric, Series},
    snapshot::Snapshot,
};
use crate::time::readable;
use std::{fmt::Write as _, time::Duration};

/// A time for people: `1.2 ms`.
pub(super) fn show(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds >= 1.0 => format!("{seconds:.1} s"),
        _ if seconds >= 1e-3 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{:.0} µs", seconds * 1e6),
    }
}

fn uptime(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    format!("{days}d {hours}h {minutes}m {}s", seconds % 60)
}

/// The whole report.
pub(super) fn text(snapshot: &Snapshot) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(out, "auship {}, {}", env!("CARGO_PKG_VERSION"), readable(snapshot.at.into()));
    let _ = writeln!(out, "configuration {}", snapshot.config.display());
    let _ = writeln!(out, "running since {}, {}", readable(snapshot.started.into()), uptime(snapshot.uptime));
    let _ = writeln!(out, "counters      {}\n", if snapshot.balances() { "add up" } else { "DO NOT ADD UP" });
    for metric in METRICS {
        write_lines(&mut out, metric, &metric.of_program(snapshot));
    }
    for output in &snapshot.outputs {
        let breaker = output.breaker.map(|at| format!(", breaker {}", breaker_state(at))).unwrap_or_default();
        let _ = writeln!(out, "\noutput {} ({}): {}{breaker}", output.name, output.kind.name(), output.state.name());
        for metric in METRICS {
            write_lines(&mut out, metric, &metric.of_output(output));
        }
    }
    out
}

fn write_lines(out: &mut String, metric: &Metric, all: &[Series]) {
    for Line { suffix, labels, amount } in all.iter().flat_map(|series| metric.lines(series)) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let amount = match amount {
            Amount::Number(number) => number.to_string(),
            Amount::Seconds(time) => show(time),
        };
        let _ = writeln!(out, "{:<56} {amount:>14}", format!("{}{suffix}{labels}", metric.name));
    }
}

/// The most important metrics on one line.
pub(super) fn status(snapshot: &Snapshot) -> String {
    let mut out = format!("status: uptime={}", snapshot.uptime.as_secs());
    for metric in METRICS {
        write_word(&mut out, "", metric, &metric.of_program(snapshot));
    }
    for output in &snapshot.outputs {
        for metric in METRICS {
            write_word(&mut out, &format!("{}.", output.name), metric, &metric.of_output(output));
        }
    }
    out
}

/// Writes ` word=value` if the metric belongs to the status line. Values with different labels are added up.
fn write_word(out: &mut String, prefix: &str, metric: &Metric, all: &[Series]) {
    let Some(word) = metric.status.filter(|_| !all.is_empty()) else { return };
    let value = if metric.kind == Kind::StateSet {
        let current = all.iter().find(|series| series.value.number() == Some(1));
        current.and_then(|series| series.labels.last()).map(ToString::to_string).unwrap_or_default()
    } else {
        all.iter().filter_map(|series| series.value.number()).sum::<u64>().to_string()
    };
    let _ = write!(out, " {prefix}{word}={value}");
}

/// A message about how long input waited for the reader. `None` if it never waited.
pub fn pauses(snapshot: &Snapshot) -> Option<String> {
    let pauses = &snapshot.input.pauses;
    let (most, longest) = (show(pauses.quantile(0.999)?), show(pauses.max()));
    Some(format!("reader's pauses: 99.9 % under {most}, longest {longest}"))
}
