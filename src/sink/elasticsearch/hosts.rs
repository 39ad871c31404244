//! The hosts of a cluster: which of them answer, and which product each runs.
//!
//! Requests go to the hosts that answer, in turn. A host that fails is left out for a time that grows with each
//! failure. Then the prober asks it in the background whether it is back. When no host answers, all are tried; the
//! output's breaker decides when.

use super::{super::breaker::Backoff, product::Product};
use crate::{lock::locked, log};
use std::{
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// The shortest time between two warnings that a host fails.
const SAY_EVERY: Duration = Duration::from_secs(30);

/// The identity of a host, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostIdentity {
    /// The host hasn't been asked.
    Unasked,
    /// The host doesn't say, but may take documents: a user who may write to indexes may lack the right to ask.
    Silent,
    /// The product that the host named.
    Product(Product),
}

/// One host.
#[derive(Debug)]
pub(super) struct Host {
    /// Its URL.
    pub(super) url: String,
    /// The URL that documents are posted to.
    pub(super) bulk: String,
    /// The URL for messages.
    pub(super) shown: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    is: HostIdentity,
    /// The identity that the log reported last.
    said_to_be: Option<HostIdentity>,
    /// The number of failures since it last took a request.
    failures: u32,
    /// The host is left out until this time, or longer.
    out: Option<Instant>,
    /// The time of the last warning that it fails.
    said: Option<Instant>,
    /// The log has still to report that it works again.
    said_failing: bool,
}

/// All hosts of an output's cluster, shared by its workers.
#[derive(Debug)]
pub(super) struct Hosts {
    output: String,
    all: Vec<Host>,
    backoff: Backoff,
}

impl Hosts {
    /// `urls` has three URLs for each host: its own, the one for bulk requests, and the one for messages.
    pub(super) fn new(output: &str, urls: impl Iterator<Item = (String, String, String)>, backoff: Backoff) -> Self {
        let all = urls.map(|(url, bulk, shown)| Host {
            url,
            bulk,
            shown,
            state: Mutex::new(State {
                is: HostIdentity::Unasked,
                said_to_be: None,
                failures: 0,
                out: None,
                said: None,
                said_failing: false,
            }),
        });
        Self { output: output.to_string(), all: all.collect(), backoff }
    }

    /// The number of hosts.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// A host, by its number.
    pub(super) fn host(&self, host: usize) -> &Host {
        &self.all[host]
    }

    fn state(&self, host: usize) -> MutexGuard<'_, State> {
        locked(&self.all[host].state)
    }

    /// The hosts to try, in order: those that answer, with a different one first in each turn. If no host answers, all
    /// hosts.
    pub(super) fn candidates(&self, turn: usize) -> Vec<usize> {
        let all = (0..self.len()).map(|n| turn.wrapping_add(n) % self.len());
        let (mut answering, mut others) = (Vec::new(), Vec::new());
        for host in all {
            match self.state(host).out {
                None => answering.push(host),
                Some(until) => others.push((until, host)),
            }
        }
        if answering.is_empty() {
            others.sort_by_key(|(until, _)| *until);
            answering.extend(others.into_iter().map(|(_, host)| host));
        }
        answering
    }

    /// The identity of a host, as far as it is known.
    pub(super) fn identity(&self, host: usize) -> HostIdentity {
        self.state(host).is.clone()
    }

    /// Records the identity of a host, and logs it if it is new.
    pub(super) fn identified(&self, host: usize, is: HostIdentity) {
        let mut state = self.state(host);
        if state.said_to_be.as_ref() != Some(&is) {
            let (output, shown) = (&self.output, &self.all[host].shown);
            match &is {
                HostIdentity::Product(product) => log::info(format_args!("output {output}: {product} at {shown}")),
                HostIdentity::Silent => log::info(format_args!("output {output}: {shown} doesn't say what it is")),
                HostIdentity::Unasked => (),
            }
            state.said_to_be = Some(is.clone());
        }
        state.is = is;
    }

    /// Records that a host took a request.
    pub(super) fn works(&self, host: usize) {
        self.state(host).failures = 0;
        self.back(host);
    }

    /// Records that a failed host is back. Its failures still count until it takes documents.
    pub(super) fn back(&self, host: usize) {
        let mut state = self.state(host);
        state.out = None;
        if std::mem::take(&mut state.said_failing) {
            log::info(format_args!("output {}: {} works again", self.output, self.all[host].shown));
        }
    }

    /// Records that a host failed, with the pause that it asked for.
    pub(super) fn failed(&self, host: usize, why: &str, asked: Option<Duration>) {
        let mut state = self.state(host);
        // The host may be another product or version when it comes back.
        state.is = HostIdentity::Unasked;
        let now = Instant::now();
        // All workers that waited for the host fail at once. That counts as one failure.
        if state.out.is_none_or(|until| until <= now) {
            state.failures = state.failures.saturating_add(1);
            state.out = Some(now + self.backoff.pause(state.failures, asked));
        }
        // If there is only one host, the output's own warning is enough.
        if self.len() > 1 && state.said.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            state.said = Some(now);
            state.said_failing = true;
            log::warning(format_args!("output {}: {}: {why}; left out for now", self.output, self.all[host].shown));
        }
    }

    /// The host to ask next whether it is back, and the time until then.
    pub(super) fn due(&self) -> Option<(usize, Duration)> {
        let out = (0..self.len()).filter_map(|host| Some((self.state(host).out?, host)));
        let (until, host) = out.min()?;
        Some((host, until.saturating_duration_since(Instant::now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    fn hosts(number: usize) -> Hosts {
        hosts_with(number, Backoff { least: Duration::from_millis(20), most: Duration::from_millis(80) })
    }

    fn hosts_with(number: usize, backoff: Backoff) -> Hosts {
        let urls = (0..number).map(|n| (n.to_string(), n.to_string(), n.to_string()));
        Hosts::new("test", urls, backoff)
    }

    #[test]
    fn requests_go_round_those_that_answer() {
        let hosts = hosts(3);
        assert_eq!(hosts.candidates(0), [0, 1, 2]);
        assert_eq!(hosts.candidates(4), [1, 2, 0]);
        hosts.failed(1, "dead", None);
        assert_eq!(hosts.candidates(4), [2, 0]);
        assert_eq!(hosts.due().map(|(host, _)| host), Some(1));
        hosts.failed(0, "dead", Some(Duration::from_secs(5)));
        assert_eq!(hosts.candidates(0), [2]);
        hosts.failed(2, "dead", None);
        assert_eq!(hosts.candidates(0).len(), 3, "none answers: all are tried");
        assert_eq!(hosts.candidates(0)[2], 0, "last the one that asked for a pause");
        hosts.works(1);
        assert_eq!(hosts.candidates(2), [1]);
    }

    #[test]
    fn a_host_is_left_out_longer_with_each_failure() {
        let hosts = hosts(2);
        let fails = |why: &str, least: u64, longest: u64| {
            let before = Instant::now();
            hosts.failed(0, why, None);
            let until = hosts.state(0).out.unwrap_or(before);
            assert!(until >= before + Duration::from_millis(least), "{:?}", until - before);
            assert!(until <= Instant::now() + Duration::from_millis(longest), "{:?}", until - before);
            until
        };
        for (least, longest) in [(10, 20), (20, 40), (40, 80), (40, 80)] {
            sleep(fails("dead", least, longest).saturating_duration_since(Instant::now()));
        }
        hosts.back(0);
        assert_eq!((hosts.due(), hosts.candidates(0)), (None, vec![0, 1]));
        fails("says what it is, but takes nothing", 40, 80);
        hosts.works(0);
        assert_eq!(hosts.due(), None);
        fails("dead", 10, 20);
    }

    #[test]
    fn all_who_notice_a_failure_count_once() {
        let hosts = hosts_with(2, Backoff { least: Duration::from_secs(3600), most: Duration::from_secs(7200) });
        hosts.failed(0, "dead", None);
        hosts.failed(0, "dead", None);
        assert_eq!(hosts.state(0).failures, 1);
    }

    #[test]
    fn what_a_host_is_is_asked_again_after_a_failure() {
        let hosts = hosts(1);
        assert_eq!(hosts.identity(0), HostIdentity::Unasked);
        hosts.identified(0, HostIdentity::Silent);
        assert_eq!(hosts.identity(0), HostIdentity::Silent);
        hosts.failed(0, "dead", None);
        assert_eq!((hosts.identity(0), hosts.candidates(7)), (HostIdentity::Unasked, vec![0]));
    }
}
