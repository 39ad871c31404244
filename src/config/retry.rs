//! What happens when a server doesn't take documents.

use super::{
    validator::{SectionValues, Validator},
    values,
};
use std::{fmt, time::Duration};

/// When a failed request is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// How often a document is tried where there is no spool.
    pub attempts: u32,
    /// Pause before the second attempt; each further one doubles it.
    pub min: Duration,
    /// The longest pause between two attempts.
    pub max: Duration,
    /// The share of failed requests, above 0, that opens the circuit breaker.
    pub breaker_failure_ratio: f64,
}

impl Retry {
    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "attempts = {}", self.attempts)?;
        writeln!(f, "retry_min = {}", values::show_time(self.min))?;
        writeln!(f, "retry_max = {}", values::show_time(self.max))?;
        writeln!(f, "breaker_failure_ratio = {}", self.breaker_failure_ratio)
    }
}

impl Validator<'_> {
    pub(super) fn retry(&mut self, given: &mut SectionValues) -> Retry {
        let line = given.line("retry_min").or_else(|| given.line("retry_max")).unwrap_or_default();
        let retry = Retry {
            attempts: self.value(given, "attempts", 3, |text| {
                values::count(text).ok().and_then(|n| u32::try_from(n).ok()).ok_or("a whole number from 1")
            }),
            min: self.value(given, "retry_min", Duration::from_millis(250), values::time_above_0),
            max: self.value(given, "retry_max", Duration::from_secs(30), values::time_above_0),
            breaker_failure_ratio: self.value(given, "breaker_failure_ratio", 0.05, |text| {
                let ratio = text.parse().ok().filter(|n: &f64| *n > 0.0 && *n <= 1.0);
                ratio.ok_or("a number above 0, at most 1, as in 0.05")
            }),
        };
        if retry.min > retry.max {
            let most = values::show_time(retry.max);
            self.fault(line, given.section, "retry_min", format!("is longer than retry_max ({most}); set both"));
        }
        retry
    }
}
