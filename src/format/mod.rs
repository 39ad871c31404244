//! Formats turn an event into one JSON document. Each format has one module and one variant of [`Format`].

mod arguments;
mod clock;
pub mod ecs;
mod flat;
pub mod json;
pub mod mozdef;
mod written;

use crate::{config, document::Document, event::Event, host::Host, processes::Origin};
pub use written::Written;

/// All formats.
// An output has one of these for its whole life, so the size of the variants doesn't matter.
#[allow(clippy::large_enum_variant)]
pub enum Format {
    /// The MozDef format, as audisp-json wrote it.
    MozDef(mozdef::MozDef),
    /// The Elastic Common Schema.
    Ecs(ecs::Ecs),
}

impl Format {
    /// Creates the format that the configuration names. `host` is the machine that auship runs on.
    pub fn new(settings: &config::Format, host: &Host, origin: Origin) -> Self {
        match settings {
            config::Format::MozDef(settings) => Self::MozDef(mozdef::MozDef::new(settings, host, origin)),
            config::Format::Ecs(settings) => Self::Ecs(ecs::Ecs::new(settings, host, origin)),
        }
    }

    /// Appends the event's document to the body, and notes its time and id. If the result is [`Written::Skipped`], the
    /// body is unchanged.
    pub fn write(&mut self, event: &mut Event, document: &mut Document) -> Written {
        document.time = event.time();
        match self {
            Self::MozDef(format) => format.write(event, document),
            Self::Ecs(format) => format.write(event, document),
        }
    }
}
