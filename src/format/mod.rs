//! Formats: an event becomes one JSON document. One file (or room) each, and one line in [`Format`].

mod arguments;
mod clock;
pub mod ecs;
mod flat;
pub mod json;
pub mod mozdef;
mod written;

use crate::{config, document::Document, event::Event, host::Host, processes::Origin};
pub use written::Written;

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
    /// A writer of documents as configured; `host` is the machine that this program runs on.
    pub fn new(settings: &config::Format, host: &Host, origin: Origin) -> Self {
        match settings {
            config::Format::MozDef(settings) => Self::MozDef(mozdef::MozDef::new(settings, host, origin)),
            config::Format::Ecs(settings) => Self::Ecs(ecs::Ecs::new(settings, host, origin)),
        }
    }

    /// Appends the event's document to the body, and notes its time and id. A body of [`Written::Skipped`] is as it was.
    pub fn write(&mut self, event: &mut Event, document: &mut Document) -> Written {
        document.time = event.time();
        match self {
            Self::MozDef(format) => format.write(event, document),
            Self::Ecs(format) => format.write(event, document),
        }
    }
}
