//! Reports of losses: at once, then at most every ten seconds, with their number and their reasons.

use crate::{
    lock::locked,
    log::{self, Level},
};
use std::{
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};

/// Losses are reported at most this often, with their count.
pub const REPORT_EVERY: Duration = Duration::from_secs(10);

/// `1 event`, `12 events`.
pub fn events(number: u64) -> String {
    format!("{number} event{}", if number == 1 { "" } else { "s" })
}

/// An error that comes again and again, and is reported at most every [`REPORT_EVERY`].
#[derive(Debug, Default)]
pub struct RateLimitedLog(Mutex<Option<Instant>>);

impl RateLimitedLog {
    /// Reports it, if it is time.
    pub fn error(&self, message: impl fmt::Display) {
        let mut reported = locked(&self.0);
        if reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            *reported = Some(Instant::now());
            log::error(message);
        }
    }
}

/// Reports losses of one kind, at most every [`REPORT_EVERY`].
#[derive(Debug)]
pub struct LossReporter {
    /// What is lost where, as the message says it: `output siem: ring full`.
    what: String,
    /// What became of them: `lost`.
    outcome: &'static str,
    level: Level,
    /// What reasons beyond [`MAX_REASONS`] are called.
    others: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Losses not yet reported, by reason.
    unreported: Vec<(String, u64)>,
    reported: Option<Instant>,
}

/// Reasons that one report tells apart; a server may put something new into each answer.
const MAX_REASONS: usize = 4;

impl LossReporter {
    /// Nothing lost yet.
    pub fn new(what: String) -> Self {
        Self { what, outcome: "lost", level: Level::Error, others: "other reasons", state: Mutex::default() }
    }

    /// Of events that aren't lost, but kept where nobody will find them without being told.
    pub fn dead_lettered(what: String, outcome: &'static str) -> Self {
        Self { what, outcome, level: Level::Error, others: "other reasons", state: Mutex::default() }
    }

    /// Of what was lost before it came here: a warning.
    pub fn upstream(what: String, outcome: &'static str) -> Self {
        Self { what, outcome, level: Level::Warning, others: "in other places", state: Mutex::default() }
    }

    /// Counts one loss, and reports it if it is time.
    pub fn lost(&self, why: &str) {
        self.lost_many(1, why);
    }

    /// Counts losses, and reports them if it is time.
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

    /// How many are counted and not yet reported.
    pub fn unreported(&self) -> u64 {
        let state = locked(&self.state);
        state.unreported.iter().map(|(_, count)| count).sum()
    }

    /// Reports what was held back, if it is time.
    pub fn tick(&self) {
        let mut state = locked(&self.state);
        self.report_if_due(&mut state, REPORT_EVERY);
    }

    /// Reports what was held back, now.
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
