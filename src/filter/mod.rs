//! Filters decide which events are kept.
//!
//! Filters are tried in the order of the configuration file. The first filter that matches decides and counts a hit. An
//! event that no filter matches is kept. Filters see decoded values, as documents do.
//!
//! | file | what it holds |
//! |---|---|
//! | `subject.rs` | the questions that filters ask about an event |
//! | `linux.rs` | the answers of a Linux audit event |

mod linux;
mod subject;

use crate::{
    buffer::{self, give_back},
    config::{self, Action, SyscallPattern},
    event::Event,
    paths,
};
use linux::LinuxSubject;
use std::net::IpAddr;
use subject::{Scratch, Subject, TextScope};

/// The decision about an event, and the filter that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Keep or drop.
    pub action: Action,
    /// The name of the filter; `None` when no filter matched.
    pub filter: Option<&'a str>,
}

/// A filter with its hits.
struct FilterWithHits {
    filter: config::Filter,
    hits: u64,
}

/// All filters, in order.
#[derive(Default)]
pub struct Filters {
    filters: Vec<FilterWithHits>,
    scratch: Scratch,
}

impl Filters {
    /// Creates filters without hits.
    pub fn new(filters: &[config::Filter]) -> Self {
        let filters = filters.iter().map(|filter| FilterWithHits { filter: filter.clone(), hits: 0 }).collect();
        Self { filters, scratch: Scratch::default() }
    }

    /// Replaces all filters. An unchanged filter keeps its hits.
    pub fn replace(&mut self, filters: &[config::Filter]) {
        let old = std::mem::replace(self, Self::new(filters));
        for new in &mut self.filters {
            new.hits = old.filters.iter().find(|o| o.filter.is_as(&new.filter)).map_or(0, |o| o.hits);
        }
    }

    /// True when there are no filters. Every event is kept then.
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// The name of each filter, and the number of events that it decided.
    pub fn hits(&self) -> impl Iterator<Item = (&str, u64)> {
        self.filters.iter().map(|counted| (counted.filter.name.as_str(), counted.hits))
    }

    /// Decides whether an event is kept. Notices are always kept.
    pub fn decide(&mut self, event: &mut Event) -> Verdict<'_> {
        let none = Verdict { action: Action::Keep, filter: None };
        let Event::Linux(event, interpreter) = event else { return none };
        if self.filters.is_empty() {
            return none;
        }
        let scratch = &mut self.scratch;
        let mut subject = LinuxSubject::new(event, interpreter, scratch);
        let first = self.filters.iter_mut().find(|counted| matches(&counted.filter, &mut subject));
        give_back(&mut self.scratch.joined, buffer::EVENT);
        give_back(&mut self.scratch.bytes, buffer::EVENT);
        first.map_or(none, |counted| {
            counted.hits += 1;
            Verdict { action: counted.filter.action, filter: Some(&counted.filter.name) }
        })
    }
}

/// True when all conditions of a filter hold. Cheaper conditions are tested first.
fn matches(filter: &config::Filter, subject: &mut impl Subject) -> bool {
    (!filter.no_key || subject.lacks_key())
        && (filter.record_types.is_empty()
            || subject.record_types().any(|number| subject::is_of(&filter.record_types, number)))
        && (filter.uids.is_empty() || is_one_of(subject.uid(), &filter.uids))
        && (filter.auids.is_empty() || is_one_of(subject.auid(), &filter.auids))
        && (filter.syscalls.is_empty() || has_syscall(&filter.syscalls, subject))
        && (filter.keys.is_empty() || subject.any_key(|key| filter.keys.iter().any(|one| one.as_bytes() == key)))
        && (filter.exes.is_empty() || subject.exe().is_some_and(|exe| is_program(&filter.exes, exe)))
        && (filter.users.is_empty()
            || subject.user().is_some_and(|user| filter.users.iter().any(|one| one.as_bytes() == user)))
        && (filter.endpoints.is_empty() && filter.ports.is_empty()
            || subject.any_endpoint(|host, port| is_endpoint(filter, host, port)))
        && (filter.paths.is_empty()
            || subject.any_path(|path| filter.paths.iter().any(|dir| paths::is_below(path, dir.as_bytes()))))
        && (filter.regex.as_ref().is_none_or(|regex| subject.any_text(text_scope(filter), |text| regex.is_in(text))))
}

/// The texts that a filter's regular expression searches. They depend on the filter's other conditions.
fn text_scope(filter: &config::Filter) -> TextScope<'_> {
    match filter {
        _ if !filter.record_types.is_empty() => TextScope::RecordsOf(&filter.record_types),
        _ if !filter.syscalls.is_empty() => TextScope::Records,
        _ => TextScope::Joined,
    }
}

fn has_syscall(syscalls: &[SyscallPattern], subject: &mut impl Subject) -> bool {
    let number = subject.syscall_number();
    let is_number = |syscall: &SyscallPattern| matches!(syscall, SyscallPattern::Number(n) if Some(*n) == number);
    if syscalls.iter().any(is_number) {
        return true;
    }
    let Some((whole, inside)) = subject.syscall_names() else { return false };
    syscalls.iter().any(|syscall| match syscall {
        SyscallPattern::Name(name) => whole == name.as_bytes() || inside == Some(name.as_bytes()),
        SyscallPattern::Number(_) => false,
    })
}

/// True when a program is one of `programs`. A `*` at the end of an entry matches any ending.
fn is_program(programs: &[String], exe: &[u8]) -> bool {
    programs.iter().any(|one| match one.strip_suffix('*') {
        Some(start) => exe.starts_with(start.as_bytes()),
        None => exe == one.as_bytes(),
    })
}

/// True when the filter's addresses and ports match. A filter without addresses matches any address, and one without
/// ports any port.
fn is_endpoint(filter: &config::Filter, host: IpAddr, port: u16) -> bool {
    (filter.ports.is_empty() || filter.ports.iter().any(|ports| ports.contains(port.into())))
        && (filter.endpoints.is_empty() || filter.endpoints.iter().any(|one| one.contains(host, port)))
}

/// True when an id is in one of `ids`.
fn is_one_of(id: Option<u32>, ids: &[config::Numbers]) -> bool {
    id.is_some_and(|id| ids.iter().any(|those| those.contains(id)))
}

#[cfg(test)]
mod tests;
