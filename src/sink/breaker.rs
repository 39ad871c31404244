//! The circuit breaker in front of a server. It is closed while the server answers, and open while it doesn't, so that
//! nothing waits for a dead server. It is half-open while one request tests the server.
//!
//! The crates for this don't fit: while open, they refuse calls. Here, workers wait together until the breaker closes.
//! They wait as long as a server's `Retry-After` says, and leave at once when they are told to.

use crate::lock::locked;
use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The number of requests whose outcome is remembered.
const WINDOW: usize = 100;
/// With fewer remembered requests than this, the share of failures is ignored.
const MIN_SAMPLES: usize = 20;
/// This many failures in a row open the breaker, whatever the share.
const CONSECUTIVE_LIMIT: u32 = 5;
/// How often a waiting worker checks whether it should leave.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The longest time that a server may ask for with `Retry-After`.
const LONGEST_REQUEST: Duration = Duration::from_secs(3600);

/// How long to wait before trying again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    /// The pause before the second attempt.
    pub(super) least: Duration,
    /// The longest pause, unless a server asks for a longer one.
    pub(super) most: Duration,
}

impl Backoff {
    /// The pause after this many failures in a row. It doubles with each failure. A random part of up to a half is
    /// taken off, so that ten thousand hosts don't come back at the same moment. If the server asked for a pause, it is
    /// at least that long.
    pub(super) fn pause(self, failures: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.least.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let whole = doubled.min(self.most.max(self.least));
        let random = RandomState::new().build_hasher().finish() % 1000;
        let jittered = whole / 2 + whole.mul_f64(random as f64 / 2000.0);
        match asked {
            // The server may have asked ten thousand hosts for the same pause.
            Some(asked) => asked.min(LONGEST_REQUEST) + jittered / 4,
            None => jittered,
        }
    }
}

/// The breaker's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests go through.
    Closed,
    /// No requests go through until this time.
    Open(Instant),
    /// One request tests the server.
    HalfOpen,
}

#[derive(Debug)]
struct State {
    position: BreakerState,
    /// Outcomes of the last requests: true for a failure.
    window: VecDeque<bool>,
    in_a_row: u32,
    /// The number of times it has opened since the last success.
    opened: u32,
}

/// The circuit breaker of an output, shared by its workers.
#[derive(Debug)]
pub(super) struct Breaker {
    ratio: f64,
    backoff: Backoff,
    state: Mutex<State>,
    changed: Condvar,
}

impl Breaker {
    /// A breaker that opens when at least this share of the last requests failed.
    pub(super) fn new(ratio: f64, backoff: Backoff) -> Self {
        let state = State { position: BreakerState::Closed, window: VecDeque::new(), in_a_row: 0, opened: 0 };
        Self { ratio, backoff, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// The current state.
    pub(super) fn position(&self) -> BreakerState {
        self.state().position
    }

    /// Waits until a request is allowed. Returns false when `leave` ends the wait.
    pub(super) fn enter(&self, leave: impl Fn() -> bool) -> bool {
        let mut state = self.state();
        loop {
            let wait = match state.position {
                BreakerState::Closed => return true,
                BreakerState::Open(until) => {
                    let now = Instant::now();
                    if until <= now {
                        state.position = BreakerState::HalfOpen;
                        return true;
                    }
                    until - now
                }
                BreakerState::HalfOpen => POLL_INTERVAL,
            };
            drop(state);
            if leave() {
                return false;
            }
            state = self.state();
            let waited =
                self.changed.wait_timeout(state, wait.min(POLL_INTERVAL)).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
        }
    }

    /// Records a success. Returns true when that closes the breaker.
    pub(super) fn success(&self) -> bool {
        let mut state = self.state();
        let was_open = state.position != BreakerState::Closed;
        state.in_a_row = 0;
        if was_open {
            state.position = BreakerState::Closed;
            state.opened = 0;
            state.window.clear();
            self.changed.notify_all();
        }
        note(&mut state.window, false);
        was_open
    }

    /// Records a failure, with the pause that the server asked for. Returns true when that opens the breaker.
    pub(super) fn failure(&self, asked: Option<Duration>) -> bool {
        let mut state = self.state();
        state.in_a_row += 1;
        note(&mut state.window, true);
        let failures = state.window.iter().filter(|failed| **failed).count();
        let too_many = state.window.len() >= MIN_SAMPLES && failures as f64 >= self.ratio * state.window.len() as f64;
        let opens = match state.position {
            BreakerState::Closed => too_many || state.in_a_row >= CONSECUTIVE_LIMIT || asked.is_some(),
            BreakerState::HalfOpen => true,
            // This request was already on its way when the breaker opened.
            BreakerState::Open(_) => false,
        };
        if opens {
            let was_closed = state.position == BreakerState::Closed;
            state.opened += 1;
            state.position = BreakerState::Open(Instant::now() + self.backoff.pause(state.opened, asked));
            self.changed.notify_all();
            return was_closed;
        }
        false
    }

    /// Records that a request was given up before its outcome was known.
    pub(super) fn unknown(&self) {
        let mut state = self.state();
        if state.position == BreakerState::HalfOpen {
            state.position = BreakerState::Open(Instant::now());
            self.changed.notify_all();
        }
    }
}

fn note(window: &mut VecDeque<bool>, failed: bool) {
    if window.len() == WINDOW {
        window.pop_front();
    }
    window.push_back(failed);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Backoff = Backoff { least: Duration::from_millis(20), most: Duration::from_millis(100) };

    #[test]
    fn pauses_double_within_bounds_and_differ() {
        let backoff = Backoff { least: Duration::from_millis(100), most: Duration::from_secs(1) };
        for (failures, whole) in [(1, 100), (2, 200), (4, 800), (5, 1000), (60, 1000)] {
            for _ in 0..50 {
                let pause = backoff.pause(failures, None).as_millis();
                assert!((whole / 2..=whole).contains(&pause), "{failures}: {pause}");
            }
        }
        let pauses: std::collections::HashSet<_> = (0..20).map(|_| backoff.pause(9, None)).collect();
        assert!(pauses.len() > 5);
        assert!(backoff.pause(1, Some(Duration::from_secs(7))) >= Duration::from_secs(7));
        assert!(backoff.pause(1, Some(Duration::MAX)) < Duration::from_secs(4000));
    }

    #[test]
    fn it_opens_tries_and_closes() {
        let open = |backoff| {
            let breaker = Breaker::new(0.5, backoff);
            for _ in 0..CONSECUTIVE_LIMIT - 1 {
                assert!(!breaker.failure(None));
            }
            assert!(breaker.enter(|| true), "still closed");
            assert!(breaker.failure(None), "now open");
            breaker
        };
        let slow = Backoff { least: Duration::from_secs(3600), most: Duration::from_secs(3600) };
        assert!(!open(slow).enter(|| true), "nothing waits on a dead server");
        let start = Instant::now();
        let breaker = open(FAST);
        assert!(breaker.enter(|| false), "one may try");
        assert!(start.elapsed() >= Duration::from_millis(5));
        assert_eq!(breaker.position(), BreakerState::HalfOpen);
        assert!(!breaker.enter(|| true), "but only one");
        assert!(!breaker.failure(None), "open again");
        assert!(matches!(breaker.position(), BreakerState::Open(_)));
        assert!(breaker.enter(|| false) && breaker.success());
        assert_eq!(breaker.position(), BreakerState::Closed);
        assert!(!breaker.failure(None), "what was before is forgotten");
    }

    #[test]
    fn a_share_of_failures_opens_it() {
        let breaker = Breaker::new(0.2, FAST);
        let opened = (1..100).find(|n| if n % 4 == 0 { breaker.failure(None) } else { breaker.success() });
        assert_eq!(opened, Some(20));
        let breaker = Breaker::new(0.3, FAST);
        assert!((1..100).all(|n| !(if n % 4 == 0 { breaker.failure(None) } else { breaker.success() })));
    }

    #[test]
    fn one_that_gives_up_leaves_the_try_to_another() {
        let breaker = Breaker::new(0.5, FAST);
        breaker.failure(Some(Duration::from_millis(1)));
        assert!(breaker.enter(|| false));
        breaker.unknown();
        assert!(breaker.enter(|| false));
    }
}
