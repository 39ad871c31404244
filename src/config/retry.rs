//! What happens when a server doesn't take documents.

use super::{
    key::{About, Dialect, Key, one, put, read},
    validator::{SectionValues, Validator},
    values,
};
use std::time::Duration;

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

impl Default for Retry {
    fn default() -> Self {
        let (min, max) = (Duration::from_millis(250), Duration::from_secs(30));
        Self { attempts: 3, min, max, breaker_failure_ratio: 0.05 }
    }
}

/// The keys of outputs whose server may fail.
pub(super) static KEYS: &[Key<Retry>] = &[
    Key {
        about: About {
            name: "attempts",
            value: "*NUMBER*",
            default: "3",
            doc: "How often a document is tried before it is lost. With a spool a document is tried forever.",
            ..About::NONE
        },
        set: |retry, value| {
            let number = values::count(value.text).ok().and_then(|n| u32::try_from(n).ok());
            put(&mut retry.attempts, number.ok_or("a whole number from 1"))
        },
        show: |retry| one(retry.attempts),
    },
    Key {
        about: About {
            name: "retry_min",
            value: "*TIME*",
            default: "250ms",
            doc: "The pause before the second attempt. Each further pause is twice the one before, up to \
                  **retry_max**.",
            more: "Half of each pause is random, so that many hosts don't come back at the same moment. A server's \
                   *Retry-After*, up to an hour, is honoured for all requests. **retry_min** can't be longer than \
                   **retry_max**.",
            ..About::NONE
        },
        set: |retry, value| put(&mut retry.min, values::time_above_0(value.text)),
        show: |retry| one(values::show_time(retry.min)),
    },
    Key {
        about: About {
            name: "retry_max",
            value: "*TIME*",
            default: "30s",
            doc: "The longest pause between two attempts.",
            ..About::NONE
        },
        set: |retry, value| put(&mut retry.max, values::time_above_0(value.text)),
        show: |retry| one(values::show_time(retry.max)),
    },
    Key {
        about: About {
            name: "breaker_failure_ratio",
            value: "*NUMBER*",
            default: "0.05",
            doc: "The share of failed requests that opens the circuit breaker. While it is open no requests are sent, \
                  except one now and then to see whether the server is back.",
            more: "The breaker opens when at least this share of the last 100 requests failed (of at least 20), or \
                   five in a row. Events then go to the spool. The pauses between the single requests grow as between \
                   attempts.",
            ..About::NONE
        },
        set: |retry, value| {
            let ratio = value.text.parse().ok().filter(|n: &f64| *n > 0.0 && *n <= 1.0);
            put(&mut retry.breaker_failure_ratio, ratio.ok_or("a number above 0, at most 1, as in 0.05"))
        },
        show: |retry| one(retry.breaker_failure_ratio),
    },
];

impl Retry {
    pub(super) fn read(given: &mut SectionValues, validator: &mut Validator) -> Self {
        let mut retry = Self::default();
        let line = given.line("retry_min").or_else(|| given.line("retry_max")).unwrap_or_default();
        read(KEYS, &mut retry, given, Dialect::Auship, validator);
        if retry.min > retry.max {
            let most = values::show_time(retry.max);
            let what = format!("is longer than retry_max ({most}); set both");
            validator.fault(line, given.section, "retry_min", what);
        }
        retry
    }
}
