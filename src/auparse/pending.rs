//! Which events libauparse holds: it doesn't say, and two things depend on it.
//!
//! An event that comes in parts is recognised when its serial comes again. And libauparse compares each line with
//! every event it holds and walks all records of an event to add one, so that input with events that never end
//! would cost it quadratic time and memory without bound; [`Pending::is_full`] says when to make it let go.

use crate::event::EventId;
use std::collections::VecDeque;

/// Identity of an event: its id, and a hash of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Identity {
    pub(super) id: EventId,
    pub(super) node: u64,
}

#[derive(Debug)]
struct Entry {
    identity: Identity,
    records: u32,
    bytes: usize,
}

impl Entry {
    fn is(&self, identity: Identity) -> bool {
        // Serials differ where times may not.
        self.identity.id.serial == identity.id.serial && self.identity == identity
    }
}

/// Events that libauparse may hold at once. On a live host it is a handful; libauparse's own time-out (2 s) makes
/// more than this the mark of a log whose events don't end.
const MAX_EVENTS: usize = 4096;
/// Records of one event. The longest command line the kernel allows (6 MiB, hex-encoded) makes about 1,700.
const MAX_RECORDS: u32 = 16_384;
/// Bytes in all events held.
const MAX_BYTES: usize = 48 << 20;
/// Serials remembered after their event was handed out; a power of two.
const REMEMBERED: usize = 4096;

/// The events that libauparse holds, and those it handed out last.
#[derive(Debug)]
pub(super) struct Pending {
    /// Oldest first: that is the one handed out next, as a rule.
    held: VecDeque<Entry>,
    bytes: usize,
    /// The fullest event has [`MAX_RECORDS`].
    long: bool,
    done: Vec<Done>,
}

/// An event that was handed out, and how many parts of it.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    identity: Identity,
    parts: u32,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self { held: VecDeque::new(), bytes: 0, long: false, done: vec![Done::default(); REMEMBERED] }
    }

    /// Notes a record of `bytes` length that is about to be fed. True when it begins a new event.
    pub(super) fn record(&mut self, identity: Identity, bytes: usize, ends: bool) -> bool {
        self.bytes += bytes;
        // The event is nearly always the newest one.
        if let Some(entry) = self.held.iter_mut().rev().find(|e| e.is(identity)) {
            entry.records += 1;
            entry.bytes += bytes;
            self.long |= entry.records >= MAX_RECORDS;
            return false;
        }
        if ends {
            // An EOE whose event is out already: libauparse drops it.
            self.bytes -= bytes;
            return false;
        }
        self.held.push_back(Entry { identity, records: 1, bytes });
        true
    }

    /// Notes that an event was handed out. Says how many parts of it were before.
    pub(super) fn handed_out(&mut self, identity: Identity) -> u32 {
        if let Some(at) = self.held.iter().position(|e| e.is(identity))
            && let Some(entry) = self.held.remove(at)
        {
            self.bytes -= entry.bytes;
            self.long &= entry.records < MAX_RECORDS;
        }
        #[allow(clippy::cast_possible_truncation)] // only the low bits are wanted
        let slot = &mut self.done[identity.id.serial as usize & (REMEMBERED - 1)];
        let before = if slot.identity == identity { slot.parts } else { 0 };
        *slot = Done { identity, parts: before.saturating_add(1) };
        before
    }

    /// More is held than input that makes sense would need. Between two events (`between`) is the better moment to
    /// let go, so too many events wait for it; one event that is too long can't.
    pub(super) fn is_full(&self, between: bool) -> bool {
        (between && self.held.len() >= MAX_EVENTS) || self.bytes >= MAX_BYTES || self.long
    }

    /// Forgets what is held, after a flush.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.bytes = 0;
        self.long = false;
    }

    /// True when nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}
