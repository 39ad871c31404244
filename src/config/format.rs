//! The keys of an output's formats.

use super::{
    data_stream::DataStream,
    key::{About, Dialect, Key, names, one, put, read, show as show_keys},
    show,
    validator::{SectionValues, Validator},
    values,
};
use std::fmt;

/// The format of documents.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// The format of MozDef, as audisp-json wrote it.
    MozDef(MozDef),
    /// The Elastic Common Schema.
    Ecs(Ecs),
}

/// The fields of a MozDef document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Details {
    /// Every field of every record.
    #[default]
    Full,
    /// The keys that audisp-json had, for smaller documents.
    Classic,
}

/// Settings of [`Format::MozDef`].
#[derive(Clone, Debug, PartialEq)]
pub struct MozDef {
    /// The `processname` and first tag of documents.
    pub program_name: String,
    /// The fields of documents.
    pub details: Details,
    /// Whether successful execve events without an EXECVE record are skipped.
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
    /// Whether documents have the original records in `event.original`.
    pub event_original: bool,
    /// The data stream that the documents go to, if its name follows the naming scheme.
    pub data_stream: Option<DataStream>,
}

/// The names of all formats, for messages.
pub const FORMATS: &str = "mozdef or ecs";

impl Format {
    /// A format by its name, with default settings.
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

    /// Reads the keys of the format. The keys of other formats are faults.
    pub(super) fn read(&mut self, given: &mut SectionValues, dialect: Dialect, validator: &mut Validator) {
        let of = format!("format = {}", self.name());
        match self {
            Self::MozDef(format) => {
                read(MOZDEF_KEYS, format, given, dialect, validator);
                validator.no_meaning_of(given, &names(ECS_KEYS).collect::<Vec<_>>(), &of);
            }
            Self::Ecs(format) => {
                read(ECS_KEYS, format, given, dialect, validator);
                validator.no_meaning_of(given, &names(MOZDEF_KEYS).collect::<Vec<_>>(), &of);
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
            doc: "With **format** = **mozdef**: the *processname* and the first tag of each document.",
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
            doc: "With **format** = **mozdef**: **full** writes every field of every record. **classic** writes only \
                  the keys that audisp-json wrote.",
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
            doc: "With **format** = **mozdef**: skip events of execve and execveat that succeeded and have no EXECVE \
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
        doc: "With **format** = **ecs**: documents have the original records in *event.original*.",
        ..About::NONE
    },
    set: |format, value| put(&mut format.event_original, values::yes(value.text)),
    show: |format| one(show::yes(format.event_original)),
}];
