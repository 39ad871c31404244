//! Keys that shape an output's documents.

use super::{
    key::{About, Dialect, Key, one, put, read, show as show_keys},
    show,
    validator::{SectionValues, Validator},
    values,
};
use std::fmt;

/// How documents look.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// MozDef's, as audisp-json wrote it.
    MozDef(MozDef),
    /// The Elastic Common Schema.
    Ecs(Ecs),
}

/// Which fields a MozDef document has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Details {
    /// Every field of every record.
    #[default]
    Full,
    /// The keys that audisp-json had, for consumers that pay by the byte.
    Classic,
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
            Self::MozDef(format) => show_keys(MOZDEF_KEYS, format, f),
            Self::Ecs(format) => show_keys(ECS_KEYS, format, f),
        }
    }

    /// Reads a format's own keys; those of the others are faults.
    pub(super) fn read(&mut self, given: &mut SectionValues, dialect: Dialect, validator: &mut Validator) {
        let of = format!("format = {}", self.name());
        match self {
            Self::MozDef(format) => {
                read(MOZDEF_KEYS, format, given, dialect, validator);
                validator.no_meaning_of(given, &ECS_KEYS.iter().map(|key| key.about.name).collect::<Vec<_>>(), &of);
            }
            Self::Ecs(format) => {
                read(ECS_KEYS, format, given, dialect, validator);
                validator.no_meaning_of(given, &MOZDEF_KEYS.iter().map(|key| key.about.name).collect::<Vec<_>>(), &of);
            }
        }
    }
}

/// The keys of `format = mozdef`.
pub(super) static MOZDEF_KEYS: &[Key<MozDef>] = &[
    Key {
        about: About {
            name: "program_name",
            value: "*TEXT*",
            default: "auship",
            doc: "With **format** = **mozdef**: the *processname* and first tag of each document.",
            ..About::NONE
        },
        set: |format, value| put(&mut format.program_name, Ok::<_, String>(value.text.to_string())),
        show: |format| one(show::text(&format.program_name)),
    },
    Key {
        about: About {
            name: "details",
            value: "**full** | **classic**",
            default: "full",
            doc: "With **format** = **mozdef**: **full** has every field of every record in a document. **classic** has \
                  only the keys that audisp-json had.",
            ..About::NONE
        },
        set: |format, value| {
            let details = match value.text {
                "full" => Ok(Details::Full),
                "classic" => Ok(Details::Classic),
                _ => Err("full or classic"),
            };
            put(&mut format.details, details)
        },
        show: |format| {
            one(match format.details {
                Details::Full => "full",
                Details::Classic => "classic",
            })
        },
    },
    Key {
        about: About {
            name: "skip_empty_execve",
            value: "*YES-OR-NO*",
            default: "no",
            doc: "With **format** = **mozdef**: skip events of execve and execveat that succeeded but have no EXECVE \
                  record.",
            ..About::NONE
        },
        set: |format, value| put(&mut format.skip_empty_execve, values::yes(value.text)),
        show: |format| one(show::yes(format.skip_empty_execve)),
    },
];

/// The keys of `format = ecs`.
pub(super) static ECS_KEYS: &[Key<Ecs>] = &[Key {
    about: About {
        name: "event_original",
        value: "*YES-OR-NO*",
        default: "no",
        doc: "With **format** = **ecs**: documents have the records themselves, in *event.original*.",
        ..About::NONE
    },
    set: |format, value| put(&mut format.event_original, values::yes(value.text)),
    show: |format| one(show::yes(format.event_original)),
}];
