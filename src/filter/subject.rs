//! The questions that filters ask about an event.

use crate::config;
use std::net::IpAddr;

/// The questions that filters ask about an event. Each kind of event has its own implementation, which is chosen at
/// compile time.
pub(super) trait Subject {
    /// True for a system call's event without a rule key.
    fn lacks_key(&self) -> bool;

    /// The numbers of the types of its records.
    fn record_types(&self) -> impl Iterator<Item = i32>;

    /// The number of the system call.
    fn syscall_number(&self) -> Option<u32>;

    /// The name of the system call, and the name of the call inside it (`socketcall(connect)`).
    fn syscall_names(&mut self) -> Option<(&[u8], Option<&[u8]>)>;

    /// The user id of the actor.
    fn uid(&self) -> Option<u32>;

    /// The login id of the actor.
    fn auid(&self) -> Option<u32>;

    /// The user name of the actor.
    fn user(&mut self) -> Option<&[u8]>;

    /// The program of the actor.
    fn exe(&mut self) -> Option<&[u8]>;

    /// True when `is_wanted` accepts one of the event's keys.
    fn any_key(&mut self, is_wanted: impl FnMut(&[u8]) -> bool) -> bool;

    /// True when `is_wanted` accepts one of the event's paths. The paths are absolute and normalized.
    fn any_path(&mut self, is_wanted: impl FnMut(&[u8]) -> bool) -> bool;

    /// True when `is_wanted` accepts one of the event's socket addresses.
    fn any_endpoint(&mut self, is_wanted: impl FnMut(IpAddr, u16) -> bool) -> bool;

    /// True when `is_wanted` accepts one of the texts in that scope.
    fn any_text(&mut self, scope: TextScope, is_wanted: impl FnMut(&[u8]) -> bool) -> bool;
}

/// The texts of an event that a regular expression searches.
#[derive(Clone, Copy, Debug)]
pub(super) enum TextScope<'f> {
    /// Each record of these types.
    RecordsOf(&'f [config::RecordType]),
    /// Each record.
    Records,
    /// All records, joined by spaces.
    Joined,
}

/// Buffers for one event.
#[derive(Default)]
pub(super) struct Scratch {
    /// A path, or a socket address.
    pub(super) bytes: Vec<u8>,
    /// The joined texts of all records. Empty until the first question for them.
    pub(super) joined: Vec<u8>,
}

/// True when a record type is one of `types`.
pub(super) fn is_of(types: &[config::RecordType], number: i32) -> bool {
    types.iter().any(|one| one.number == number)
}
