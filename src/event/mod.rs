//! The event. Every source yields events, and each later step matches on their kind once.
//!
//! | file | what it holds |
//! |---|---|
//! | `linux.rs` | an event of the Linux audit system: its records and their fields |
//! | `notice.rs` | messages of auship itself: events that are missing, heartbeats |
//! | `heartbeat.rs` | a heartbeat: the program is alive, and what it knows of itself and of the kernel's auditing |
//! | `unreadable.rs` | a line of a log that can't be read, and the reason |
//! | `values.rs` | properties of field values: absent, unset, quoted, hex |

mod heartbeat;
mod linux;
mod notice;
mod unreadable;
mod values;

pub use heartbeat::{Fact, FactValue, Heartbeat};
pub use linux::{EventId, Field, FieldRef, LinuxEvent, PREFIX, Record, Span, Timestamp, node_id, record_type};
pub use notice::{Gap, Notice};
pub use unreadable::{LineFault, UnreadableLine};
pub use values::{is_absent, is_quoted, is_unknown, is_unset, to_number, unhex, unquoted};

use crate::{auparse::Interpreter, receipt::Receipt};

/// One event, of whatever kind.
pub enum Event<'e, 'p> {
    /// An event of the Linux audit system, and the interpreter of its fields.
    Linux(&'e LinuxEvent, &'e mut Interpreter<'p>),
    /// A message of auship itself.
    Notice(&'e Notice),
}

impl Event<'_, '_> {
    /// Time and serial. A gap has those of the event that revealed it, and a heartbeat has its number as serial.
    pub fn id(&self) -> EventId {
        match self {
            Self::Linux(event, _) => event.id,
            Self::Notice(Notice::Gap(gap)) => gap.id,
            Self::Notice(Notice::Heartbeat(heartbeat)) => heartbeat.id,
        }
    }

    /// The time of the event.
    pub fn time(&self) -> Timestamp {
        self.id().time()
    }

    /// The host that it comes from, if the records name one.
    pub fn node(&self) -> Option<&[u8]> {
        match self {
            Self::Linux(event, _) => event.node(),
            Self::Notice(Notice::Gap(gap)) => gap.node.as_deref(),
            Self::Notice(Notice::Heartbeat(_)) => None,
        }
    }
}

/// The receiver of events. A source passes its events to it.
pub trait Events {
    /// Takes one event. A source that acknowledges events gives a receipt with it; others give none.
    fn event(&mut self, event: Event<'_, '_>, receipt: Option<Receipt>);

    /// Takes a line that can't be read, to report it.
    fn unreadable(&mut self, _line: UnreadableLine<'_>) {}

    /// Notes that a record of a Linux event came, with the [`node_id`] of its host. The event itself may come much later,
    /// and after events that began later. Events that auditd numbers itself aren't noted.
    fn arrives(&mut self, _id: EventId, _node: u64) {}
}
