//! A key of the configuration: one row of its section's table. How it is read, how it is shown, and what the manual, the
//! shipped configuration and `auship check --keys` say about it come from there.

use super::{
    validator::{SectionValues, Validator},
    values,
};
use std::fmt;

/// Whose words a configuration is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// auship's.
    Auship,
    /// audisp-json's, before any section.
    AudispJson,
}

/// What a key means, for whoever writes a configuration.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The key. One that ends in a dot stands for all that begin with it.
    pub name: &'static str,
    /// What its value looks like, as the manual has it: `*TIME*`.
    pub value: &'static str,
    /// The value when it isn't set, as the manual has it; empty where there is none.
    pub default: &'static str,
    /// A value as one may be written.
    pub example: &'static str,
    /// What it does, in short; with the manual's marks.
    pub doc: &'static str,
    /// What the manual alone says beyond that; may be empty.
    pub more: &'static str,
}

impl About {
    /// With nothing in it, for rows to begin with.
    pub(super) const NONE: Self = Self { name: "", value: "", default: "", example: "", doc: "", more: "" };
}

/// A row: a key that is read into a `D`, and shown from an `S`.
pub(super) struct Key<D: 'static, S: 'static = D> {
    /// What it means.
    pub(super) about: About,
    /// Takes over a value.
    pub(super) set: fn(&mut D, &Value) -> Result<(), Wrong>,
    /// The values in effect.
    pub(super) show: fn(&S) -> Shown,
}

/// A key's value, as it was given.
pub(super) struct Value<'a> {
    pub(super) text: &'a str,
    /// What follows the dot of a key that stands for many.
    pub(super) suffix: &'a str,
    pub(super) dialect: Dialect,
}

impl Value<'_> {
    /// Yes or no. audisp-json took anything for yes that doesn't begin with "no".
    pub(super) fn yes(&self) -> Result<bool, values::Expected> {
        match self.dialect {
            Dialect::Auship => values::yes(self.text),
            Dialect::AudispJson => Ok(values::yes_unless_no(self.text)),
        }
    }
}

/// What is wrong with a value.
pub(super) enum Wrong {
    /// It should have been this.
    Expected(&'static str),
    /// In words of its own.
    Says(String),
    /// Several things, each with its words.
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

/// Puts a value where it belongs, if it is a good one.
pub(super) fn put<T, E: Into<Wrong>>(place: &mut T, value: Result<T, E>) -> Result<(), Wrong> {
    *place = value.map_err(Into::into)?;
    Ok(())
}

/// The same for what may be absent.
pub(super) fn put_some<T, E: Into<Wrong>>(place: &mut Option<T>, value: Result<T, E>) -> Result<(), Wrong> {
    put(place, value.map(Some))
}

/// The values that a key has: what follows its dot, and the value.
pub(super) type Shown = Vec<(String, String)>;

/// A key with one value.
pub(super) fn one(value: impl fmt::Display) -> Shown {
    vec![(String::new(), value.to_string())]
}

/// A key that may have none.
pub(super) fn some(value: Option<impl fmt::Display>) -> Shown {
    value.map(one).unwrap_or_default()
}

/// A key that isn't shown: another stands for it.
pub(super) fn none<S>(_: &S) -> Shown {
    Vec::new()
}

/// Reads the keys of a table into a section's settings. What can't be read is a fault, and stays as it was.
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

/// Writes the values in effect, as a configuration that says the same.
pub(super) fn show<D, S>(keys: &[Key<D, S>], settings: &S, f: &mut fmt::Formatter) -> fmt::Result {
    for key in keys {
        for (suffix, value) in (key.show)(settings) {
            writeln!(f, "{}{suffix} = {value}", key.about.name)?;
        }
    }
    Ok(())
}

/// What the keys of a table mean.
pub(super) fn about<D, S>(keys: &'static [Key<D, S>]) -> Vec<About> {
    keys.iter().map(|key| key.about).collect()
}
