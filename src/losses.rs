//! Reports losses: the first at once, further ones at most every ten seconds. Each report has the number of losses and
//! the reasons.

use crate::{
    lock::locked,
    log::{self, Level},
};
use std::{
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};

/// The shortest time between two reports of losses.
pub const REPORT_EVERY: Duration = Duration::from_secs(10);

/// `1 event`, `12 events`.
pub fn events(number: u64) -> String {
    format!("{number} event{}", if number == 1 { "" } else { "s" })
}

/// Logs an error that may occur often, at most once per [`REPORT_EVERY`].
#[derive(Debug, Default)]
pub struct RateLimitedLog(Mutex<Option<Instant>>);

impl RateLimitedLog {
    /// Logs the error, unless the last one was logged less than [`REPORT_EVERY`] ago.
    pub fn error(&self, message: impl fmt::Display) {
        let mut reported = locked(&self.0);
        if reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            *reported = Some(Instant::now());
            log::error(message);
        }
    }
}

/// Reports losses of one kind, at most once per [`REPORT_EVERY`].
#[derive(Debug)]
pub struct LossReporter {
    /// The beginning of the message: the place and the kind of loss, as in `output siem: ring full`.
    what: String,
    /// The outcome for the events, as in `lost`.
    outcome: &'static str,
    level: Level,
    /// The text for all reasons beyond [`MAX_REASONS`].
    others: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Losses not yet reported, by reason.
    unreported: Vec<(String, u64)>,
    reported: Option<Instant>,
}

/// The number of different reasons in one report. It is limited because each answer of a server may be different.
const MAX_REASONS: usize = 4;

impl LossReporter {
    /// A reporter of lost events.
    pub fn new(what: String) -> Self {
        Self { what, outcome: "lost", level: Level::Error, others: "other reasons", state: Mutex::default() }
    }

    /// A reporter of events that went to the dead-letter file. They aren't lost, but somebody has to look there.
    pub fn dead_lettered(what: String, outcome: &'static str) -> Self {
        Self { what, outcome, level: Level::Error, others: "other reasons", state: Mutex::default() }
    }

    /// A reporter of events that were lost before auship got them. It logs warnings.
    pub fn upstream(what: String, outcome: &'static str) -> Self {
        Self { what, outcome, level: Level::Warning, others: "in other places", state: Mutex::default() }
    }

    /// Counts one loss, and reports it if a report is due.
    pub fn lost(&self, why: &str) {
        self.lost_many(1, why);
    }

    /// Counts losses, and reports them if a report is due.
    pub fn lost_many(&self, number: u64, why: &str) {
        if number == 0 {
            return;
        }
        let mut state = locked(&self.state);
        let full = state.unreported.len() >= MAX_REASONS;
        let known = state.unreported.iter().any(|(reason, _)| reason == why);
        let why = if full && !known { self.others } else { why };
        match state.unreported.iter_mut().find(|(reason, _)| reason == why) {
            Some((_, count)) => *count += number,
            None => state.unreported.push((why.to_string(), number)),
        }
        self.report_if_due(&mut state, REPORT_EVERY);
    }

    /// The number of losses that are not yet reported.
    pub fn unreported(&self) -> u64 {
        let state = locked(&self.state);
        state.unreported.iter().map(|(_, count)| count).sum()
    }

    /// Reports the losses that are not yet reported, if a report is due.
    pub fn tick(&self) {
        let mut state = locked(&self.state);
        self.report_if_due(&mut state, REPORT_EVERY);
    }

    /// Reports the losses that are not yet reported, now.
    pub fn finish(&self) {
        let mut state = locked(&self.state);
        self.report_if_due(&mut state, Duration::ZERO);
    }

    fn report_if_due(&self, state: &mut State, every: Duration) {
        if state.unreported.is_empty() || state.reported.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        let all: u64 = state.unreported.iter().map(|(_, count)| count).sum();
        let why = match &state.unreported[..] {
            [(why, _)] if why.is_empty() => String::new(),
            [(why, _)] => format!(" ({why})"),
            reasons => {
                let reasons: Vec<String> = reasons.iter().map(|(why, count)| format!("{count}: {why}")).collect();
                format!(" ({})", reasons.join("; "))
            }
        };
        log::message(self.level, format_args!("{}, {} {}{why}", self.what, events(all), self.outcome));
        state.unreported.clear();
        state.reported = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_apart_up_to_a_number() {
        let losses = LossReporter::new("test".into());
        losses.lost("first, reported at once");
        for n in 0..10 {
            losses.lost(&format!("answer {n}"));
        }
        losses.lost_many(5, "answer 0");
        let state = locked(&losses.state);
        let counts: Vec<(&str, u64)> = state.unreported.iter().map(|(why, count)| (why.as_str(), *count)).collect();
        assert_eq!(counts, [("answer 0", 6), ("answer 1", 1), ("answer 2", 1), ("answer 3", 1), ("other reasons", 6)]);
    }
}
