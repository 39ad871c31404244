//! The event: what every source yields, and every later step matches once.
//!
//! | file | what it holds |
//! |---|---|
//! | `linux.rs` | an event of the Linux audit system: its records and their fields |
//! | `notice.rs` | what auship itself has to say: events that didn't come |
//! | `values.rs` | what values of fields say |

mod linux;
mod notice;
mod values;

pub use linux::{EventId, Field, FieldRef, LinuxEvent, PREFIX, Record, Span, Timestamp, node_id, record_type};
pub use notice::{Gap, Notice};
pub use values::{is_absent, is_quoted, is_unknown, is_unset, to_number, unhex, unquoted};

use crate::auparse::Interpreter;

/// One event, of whatever kind.
pub enum Event<'e, 'p> {
    /// Records of the Linux audit system, and what interprets their fields.
    Linux(&'e LinuxEvent, &'e mut Interpreter<'p>),
    /// What auship itself found out.
    Notice(&'e Notice),
}

impl Event<'_, '_> {
    /// Time and serial: of a notice those of the event that made it known.
    pub fn id(&self) -> EventId {
        match self {
            Self::Linux(event, _) => event.id,
            Self::Notice(Notice::Gap(gap)) => gap.id,
        }
    }

    /// When it happened.
    pub fn time(&self) -> Timestamp {
        self.id().time()
    }

    /// The host that it comes from, where the records name one.
    pub fn node(&self) -> Option<&[u8]> {
        match self {
            Self::Linux(event, _) => event.node(),
            Self::Notice(Notice::Gap(gap)) => gap.node.as_deref(),
        }
    }
}

/// Who takes events as they come: the line behind a source.
pub trait Events {
    /// Takes one event.
    fn event(&mut self, event: Event<'_, '_>);
}
