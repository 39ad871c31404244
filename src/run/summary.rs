//! The last messages of a run: the totals of all events.

use crate::{
    log,
    metrics::{self, Snapshot},
};

/// Logs the totals. `left` is the number of events that were lost because time was up.
pub(super) fn log(snapshot: &Snapshot, left: u64) {
    let input = &snapshot.input;
    if !input.filters.is_empty() {
        let hits: Vec<String> = input.filters.iter().map(|(name, hits)| format!("{name} {hits}")).collect();
        log::info(format_args!("hits of filters: {}", hits.join(", ")));
    }
    if let Some(pauses) = metrics::pauses(snapshot) {
        log::info(pauses);
    }
    let filtered = match input.filtered {
        0 if input.filters.is_empty() => String::new(),
        filtered => format!("filtered {filtered}, "),
    };
    let gaps = match input.gaps {
        0 => String::new(),
        number => format!("audit gaps {number} ({} events missing), ", input.missing),
    };
    let heartbeats = match input.heartbeats {
        0 => String::new(),
        number => format!("heartbeats {number}, "),
    };
    let outputs = match &snapshot.outputs[..] {
        [one] => one.counters.to_string(),
        all => all.iter().map(|one| format!("{}: {}", one.name, one.counters)).collect::<Vec<_>>().join("; "),
    };
    let unreadable = match snapshot.unreadable {
        0 => String::new(),
        lines => format!("; {lines} lines could not be read"),
    };
    let late = if left == 0 { String::new() } else { format!("; shutdown_timeout ran out with {left} left") };
    log::info(format_args!(
        "ended: events in {}, {filtered}{gaps}{heartbeats}{outputs}{unreadable}{late}",
        input.events
    ));
}
