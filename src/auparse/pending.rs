//! Tracks the events that libauparse holds. libauparse doesn't tell, and two things depend on it.
//!
//! First, an event that comes in parts is recognised by its repeated serial. Second, libauparse compares each line with
//! every event it holds, and walks all records of an event to add one. Events that never end would cost it quadratic
//! time and unlimited memory. [`Pending::is_full`] tells when libauparse has to be flushed.

use crate::event::EventId;
use std::collections::VecDeque;

/// The identity of an event: its id and a hash of its node.
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
        // Serials are compared first, because they differ more often than times.
        self.identity.id.serial == identity.id.serial && self.identity == identity
    }
}

/// The most events that libauparse may hold at once. On a live host it holds a few, because it times out after 2 s.
/// More than this means that the log's events don't end.
const MAX_EVENTS: usize = 4096;
/// The most records of one event. The longest command line that the kernel allows (6 MiB, hex-encoded) needs about
/// 1,700.
const MAX_RECORDS: u32 = 16_384;
/// The most bytes of all events that libauparse holds.
const MAX_BYTES: usize = 48 << 20;
/// The number of handed-out events that are remembered. It is a power of two.
const REMEMBERED: usize = 4096;

/// The events that libauparse holds, and the events that it handed out last.
#[derive(Debug)]
pub(super) struct Pending {
    /// The oldest event comes first. It is usually the next one to be handed out.
    held: VecDeque<Entry>,
    bytes: usize,
    /// True when an event has [`MAX_RECORDS`] records.
    long: bool,
    done: Vec<Done>,
}

/// An event that was handed out, and the number of its parts so far.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    identity: Identity,
    parts: u32,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self { held: VecDeque::new(), bytes: 0, long: false, done: vec![Done::default(); REMEMBERED] }
    }

    /// Notes a record of `bytes` bytes before it is fed. Returns true when it begins a new event.
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
            // libauparse drops an EOE whose event was handed out already.
            self.bytes -= bytes;
            return false;
        }
        self.held.push_back(Entry { identity, records: 1, bytes });
        true
    }

    /// Notes that an event was handed out. Returns the number of its parts that were handed out before.
    pub(super) fn handed_out(&mut self, identity: Identity) -> u32 {
        if let Some(at) = self.held.iter().position(|e| e.is(identity))
            && let Some(entry) = self.held.remove(at)
        {
            self.bytes -= entry.bytes;
            self.long &= entry.records < MAX_RECORDS;
        }
        #[allow(clippy::cast_possible_truncation)] // only the low bits are needed
        let slot = &mut self.done[identity.id.serial as usize & (REMEMBERED - 1)];
        let before = if slot.identity == identity { slot.parts } else { 0 };
        *slot = Done { identity, parts: before.saturating_add(1) };
        before
    }

    /// True when libauparse holds more than reasonable input needs. The best time to flush is between two events
    /// (`between`), so too many events wait for it. An event that is too long can't wait.
    pub(super) fn is_full(&self, between: bool) -> bool {
        (between && self.held.len() >= MAX_EVENTS) || self.bytes >= MAX_BYTES || self.long
    }

    /// Forgets all held events, after a flush.
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
