//! Formats: an event becomes one JSON document. One file (or room) each, and one line in [`Format`].

mod arguments;
mod clock;
pub mod ecs;
mod flat;
pub mod json;
pub mod mozdef;

use crate::{auparse::Interpreter, event::Gap, event::LinuxEvent};

/// The formats there are.
// One of these lives as long as its output does; its size doesn't matter.
#[allow(clippy::large_enum_variant)]
pub enum Format {
    /// MozDef's, as audisp-json wrote it.
    MozDef(mozdef::MozDef),
    /// The Elastic Common Schema.
    Ecs(ecs::Ecs),
}

impl Format {
    /// Appends the event's document; false when the format's settings leave the event out.
    pub fn write(&mut self, event: &LinuxEvent, interpreter: &mut Interpreter, out: &mut Vec<u8>) -> bool {
        match self {
            Self::MozDef(format) => format.write(event, interpreter, out),
            Self::Ecs(format) => format.write(event, interpreter, out),
        }
    }

    /// Appends a document that says which serials didn't come; false when the format has none for that.
    pub fn write_gap(&mut self, gap: &Gap, out: &mut Vec<u8>) -> bool {
        match self {
            Self::MozDef(format) => format.write_gap(gap, out),
            Self::Ecs(format) => format.write_gap(gap, out),
        }
    }
}
