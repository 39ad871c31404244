//! Formats turn an event into one JSON document. Each format has one module and one variant of [`Format`].

pub(crate) mod arguments;
mod clock;
pub mod ecs;
mod flat;
pub mod json;
pub mod mozdef;
mod written;

use crate::{config, document::Document, enrich::Context, event::Event, host::Host};
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
    pub fn new(settings: &config::Format, host: &Host) -> Self {
        match settings {
            config::Format::MozDef(settings) => Self::MozDef(mozdef::MozDef::new(settings, host)),
            config::Format::Ecs(settings) => Self::Ecs(ecs::Ecs::new(settings, host)),
        }
    }

    /// Appends the event's document to the body, and notes its time and id. If the result is [`Written::Skipped`], the
    /// body is unchanged.
    pub fn write(&mut self, event: &mut Event, context: &Context, document: &mut Document) -> Written {
        document.time = event.time();
        match self {
            Self::MozDef(format) => format.write(event, context, document),
            Self::Ecs(format) => format.write(event, context, document),
        }
    }
}
