//! Keys that shape an output's documents.

use super::{
    show::Quoted,
    validator::{SectionValues, Validator},
    values,
};
use crate::format::mozdef::Details;
use std::fmt;

/// How documents look.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// MozDef's, as audisp-json wrote it.
    MozDef(MozDef),
    /// The Elastic Common Schema.
    Ecs(Ecs),
}

/// Settings of [`Format::MozDef`].
#[derive(Clone, Debug, PartialEq)]
pub struct MozDef {
    /// `processname` and first tag of documents.
    pub program_name: String,
    /// Which fields documents have.
    pub details: Details,
    /// Leave out successful execve events without an EXECVE record.
    pub skip_empty_execve: bool,
}

impl Default for MozDef {
    fn default() -> Self {
        Self { program_name: "auship".into(), details: Details::Full, skip_empty_execve: false }
    }
}

/// Settings of [`Format::Ecs`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ecs {
    /// Documents have the records as they came, in `event.original`.
    pub event_original: bool,
}

/// The formats there are, for messages.
pub const FORMATS: &str = "mozdef or ecs";

impl Format {
    /// A format by its name, with its settings as they are when nothing is said.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "mozdef" => Some(Self::MozDef(MozDef::default())),
            "ecs" => Some(Self::Ecs(Ecs::default())),
            _ => None,
        }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MozDef(_) => "mozdef",
            Self::Ecs(_) => "ecs",
        }
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "format = {}", self.name())?;
        match self {
            Self::MozDef(format) => {
                writeln!(f, "program_name = {}", Quoted::text(&format.program_name))?;
                let details = match format.details {
                    Details::Full => "full",
                    Details::Classic => "classic",
                };
                writeln!(f, "details = {details}")?;
                writeln!(f, "skip_empty_execve = {}", Quoted::yes(format.skip_empty_execve))
            }
            Self::Ecs(format) => writeln!(f, "event_original = {}", Quoted::yes(format.event_original)),
        }
    }
}

impl Validator<'_> {
    /// An output's format, `default` when none is named; keys of the others are faults.
    pub(super) fn format(&mut self, given: &mut SectionValues, default: Format, legacy: bool) -> Format {
        let mut format = self.value(given, "format", default, |text| Format::named(text).ok_or(FORMATS));
        match &mut format {
            Format::MozDef(format) => {
                let program_name = if legacy { "audisp-json".to_string() } else { format.program_name.clone() };
                format.program_name = self.value(given, "program_name", program_name, |text| Ok(text.to_string()));
                format.details = self.value(given, "details", format.details, |text| match text {
                    "full" => Ok(Details::Full),
                    "classic" => Ok(Details::Classic),
                    _ => Err("full or classic"),
                });
                format.skip_empty_execve =
                    self.value(given, "skip_empty_execve", format.skip_empty_execve, values::yes);
            }
            Format::Ecs(format) => {
                format.event_original = self.value(given, "event_original", format.event_original, values::yes);
            }
        }
        let others: &[&str] = match &format {
            Format::MozDef(_) => &["event_original"],
            Format::Ecs(_) => &["program_name", "details", "skip_empty_execve"],
        };
        for key in others {
            if let Some((_, line)) = given.take(key) {
                self.fault(line, given.section, key, format!("has no meaning for format = {}", format.name()));
            }
        }
        format
    }
}
