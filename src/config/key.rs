//! A key of the configuration is one row of its section's table. The row has the functions that read and show it, and
//! its description for the manual, for the shipped configuration and for `auship check --keys`.

use super::{
    validator::{SectionValues, Validator},
    values,
};
use std::fmt;

/// The program whose rules apply to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The rules of auship.
    Auship,
    /// The rules of audisp-json, for keys before any section.
    AudispJson,
}

/// The description of a key, for administrators.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The key. A name that ends in a dot stands for all keys that begin with it.
    pub name: &'static str,
    /// The form of its value in the manual, as in `*TIME*`.
    pub value: &'static str,
    /// Its default in the manual. Empty if it has none.
    pub default: &'static str,
    /// An example of a value.
    pub example: &'static str,
    /// A short description, in the manual's markup.
    pub doc: &'static str,
    /// More details, for the manual only. May be empty.
    pub more: &'static str,
}

impl About {
    /// An empty description, as a base for rows.
    pub(super) const NONE: Self = Self { name: "", value: "", default: "", example: "", doc: "", more: "" };
}

/// A row of a table: a key that is read into a `D` and shown from an `S`.
pub(super) struct Key<D: 'static, S: 'static = D> {
    /// Its description.
    pub(super) about: About,
    /// Checks and stores a value.
    pub(super) set: fn(&mut D, &Value) -> Result<(), Wrong>,
    /// Returns the values in effect.
    pub(super) show: fn(&S) -> Shown,
}

/// The value of a key in a configuration.
pub(super) struct Value<'a> {
    pub(super) text: &'a str,
    /// The rest of the key after the row's name, if that ends in a dot.
    pub(super) suffix: &'a str,
    pub(super) dialect: Dialect,
}

impl Value<'_> {
    /// Reads yes or no. In audisp-json's dialect, every value that doesn't begin with "no" means yes.
    pub(super) fn yes(&self) -> Result<bool, values::Expected> {
        match self.dialect {
            Dialect::Auship => values::yes(self.text),
            Dialect::AudispJson => Ok(values::yes_unless_no(self.text)),
        }
    }
}

/// The faults of a value.
pub(super) enum Wrong {
    /// A description of the expected value.
    Expected(&'static str),
    /// A whole message.
    Says(String),
    /// Several messages.
    Many(Vec<String>),
}

impl From<&'static str> for Wrong {
    fn from(expected: &'static str) -> Self {
        Self::Expected(expected)
    }
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Self::Says(what)
    }
}

/// Stores a value, unless it is wrong.
pub(super) fn put<T, E: Into<Wrong>>(place: &mut T, value: Result<T, E>) -> Result<(), Wrong> {
    *place = value.map_err(Into::into)?;
    Ok(())
}

/// Stores an optional value, unless it is wrong.
pub(super) fn put_some<T, E: Into<Wrong>>(place: &mut Option<T>, value: Result<T, E>) -> Result<(), Wrong> {
    put(place, value.map(Some))
}

/// The values of a key to be shown. Each has the rest of the key after its dot, and the value.
pub(super) type Shown = Vec<(String, String)>;

/// Shows one value.
pub(super) fn one(value: impl fmt::Display) -> Shown {
    vec![(String::new(), value.to_string())]
}

/// Shows an optional value.
pub(super) fn some(value: Option<impl fmt::Display>) -> Shown {
    value.map(one).unwrap_or_default()
}

/// Shows nothing, because another key shows the value.
pub(super) fn none<S>(_: &S) -> Shown {
    Vec::new()
}

/// Reads the keys of a table into settings. A wrong value is a fault, and leaves the setting unchanged.
pub(super) fn read<D, S>(
    keys: &[Key<D, S>],
    settings: &mut D,
    given: &mut SectionValues,
    dialect: Dialect,
    validator: &mut Validator,
) {
    for key in keys {
        for (name, text, line) in given.take_all(key.about.name) {
            let suffix = name.strip_prefix(key.about.name).unwrap_or_default();
            let Err(wrong) = (key.set)(settings, &Value { text, suffix, dialect }) else { continue };
            match wrong {
                Wrong::Expected(expected) => {
                    let what = format!("is {:?}, must be {expected}", values::redacted(text));
                    validator.fault(line, given.section, name, what);
                }
                Wrong::Says(what) => validator.fault(line, given.section, name, what),
                Wrong::Many(all) => {
                    all.into_iter().for_each(|what| validator.fault(line, given.section, name, what));
                }
            }
        }
    }
}

/// Writes the values in effect as lines of a configuration.
pub(super) fn show<D, S>(keys: &[Key<D, S>], settings: &S, f: &mut fmt::Formatter) -> fmt::Result {
    for key in keys {
        for (suffix, value) in (key.show)(settings) {
            writeln!(f, "{}{suffix} = {value}", key.about.name)?;
        }
    }
    Ok(())
}

/// The names of the keys in a table.
pub(super) fn names<D, S>(keys: &[Key<D, S>]) -> impl Iterator<Item = &'static str> {
    keys.iter().map(|key| key.about.name)
}

/// The descriptions of the keys in a table.
pub(super) fn about<D, S>(keys: &'static [Key<D, S>]) -> Vec<About> {
    keys.iter().map(|key| key.about).collect()
}
