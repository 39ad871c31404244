//! The keys for failed requests.

use super::{
    key::{About, Dialect, Key, one, put, read},
    validator::{SectionValues, Validator},
    values,
};
use std::time::Duration;

/// What the key of the limit for connecting says, for every output with a server.
pub(super) const CONNECT_TIMEOUT: About = About {
    name: "connect_timeout",
    value: "*TIME*",
    default: "5s",
    doc: "The limit for connecting, including name lookup and TLS handshake. Must be above 0.",
    ..About::NONE
};

/// The settings for failed requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// The number of attempts for a document, if there is no spool.
    pub attempts: u32,
    /// The pause before the second attempt. Each further pause is twice as long.
    pub min: Duration,
    /// The longest pause between two attempts.
    pub max: Duration,
    /// The share of failed requests that opens the circuit breaker. It is above 0.
    pub breaker_failure_ratio: f64,
}

impl Default for Retry {
    fn default() -> Self {
        let (min, max) = (Duration::from_millis(250), Duration::from_secs(30));
        Self { attempts: 3, min, max, breaker_failure_ratio: 0.05 }
    }
}

/// The keys of outputs to a server.
pub(super) static KEYS: &[Key<Retry>] = &[
    Key {
        about: About {
            name: "attempts",
            value: "*NUMBER*",
            default: "3",
            doc: "The number of attempts to send a document before it is lost. With a spool the number is not limited.",
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
            doc: "The pause before the second attempt. Each further pause is twice as long, up to **retry_max**.",
            more: "Half of each pause is random, so that many hosts don't send at the same moment. A server's \
                   *Retry-After* of up to an hour is respected for all requests. **retry_min** must not be longer than \
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
            doc: "The share of failed requests that opens the circuit breaker. While the breaker is open, only single \
                  requests are sent now and then, to find out whether the server works again.",
            more: "The breaker opens when at least this share of the last 100 requests failed, if there were at least \
                   20 requests. It also opens when five requests in a row failed. While it is open, events go to the \
                   spool. The pauses between the single requests grow like those between attempts.",
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
