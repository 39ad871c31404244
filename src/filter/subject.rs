//! What filters ask about an event.

use crate::config;
use std::net::IpAddr;

/// What filters ask about an event. Each kind of event has its own answers; which one it is is known at compile time.
pub(super) trait Subject {
    /// True for the event of a system call that has no rule key.
    fn lacks_key(&self) -> bool;

    /// The numbers of its records' types.
    fn record_types(&self) -> impl Iterator<Item = i32>;

    /// The number of the system call.
    fn syscall_number(&self) -> Option<u32>;

    /// The names of the system call: its own, and that of the call inside it (`socketcall(connect)`).
    fn syscall_names(&mut self) -> Option<(&[u8], Option<&[u8]>)>;

    /// The user id of who did it.
    fn uid(&self) -> Option<u32>;

    /// The login id of who did it.
    fn auid(&self) -> Option<u32>;

    /// The name of the user who did it.
    fn user(&mut self) -> Option<&[u8]>;

    /// The program that did it.
    fn exe(&mut self) -> Option<&[u8]>;

    /// Whether one of the event's keys is wanted.
    fn any_key(&mut self, is_wanted: impl FnMut(&[u8]) -> bool) -> bool;

    /// Whether one of the paths that it names is wanted; they are absolute and normal.
    fn any_path(&mut self, is_wanted: impl FnMut(&[u8]) -> bool) -> bool;

    /// Whether one of its socket addresses is wanted.
    fn any_endpoint(&mut self, is_wanted: impl FnMut(IpAddr, u16) -> bool) -> bool;

    /// Whether one of the texts in that scope is wanted.
    fn any_text(&mut self, scope: TextScope, is_wanted: impl FnMut(&[u8]) -> bool) -> bool;
}

/// Which texts of an event a regular expression is about.
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
    /// The texts of all records; empty when nobody asked yet.
    pub(super) joined: Vec<u8>,
}

/// Whether a record type is one of those.
pub(super) fn is_of(types: &[config::RecordType], number: i32) -> bool {
    types.iter().any(|one| one.number == number)
}
