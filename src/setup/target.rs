//! The indexes that an output writes to, and their name in objects of the cluster.

use crate::config::{DataStream, IndexPattern, NamePart, Target};

/// The indexes that an output writes to.
#[derive(Debug)]
pub(super) struct IndexTarget {
    /// Their pattern in templates and policies.
    pub(super) pattern: String,
    /// The name of their template and policy.
    pub(super) name: String,
    /// The end of the files' names.
    pub(super) suffix: &'static str,
    target: Target,
}

impl IndexTarget {
    /// Reads an output's target.
    ///
    /// Returns none when the pattern would match all indexes of a cluster.
    pub(super) fn new(target: &Target) -> Option<Self> {
        Some(match target {
            Target::Index(index) => {
                Self { pattern: index.wildcard()?, name: name(index), suffix: "indexes", target: target.clone() }
            }
            Target::DataStream(stream) => Self {
                pattern: stream.clone(),
                // The suffix keeps this name apart from the names for indexes.
                name: format!("{}-data-stream", prefixed(stream)),
                suffix: "data-stream",
                target: target.clone(),
            },
        })
    }

    /// The data stream, if its name follows the naming scheme.
    pub(super) fn data_stream(&self) -> Option<DataStream> {
        match &self.target {
            Target::Index(_) => None,
            Target::DataStream(name) => DataStream::named(name),
        }
    }

    /// True when the output writes to an index with this name. The index is one that the cluster names for the pattern.
    pub(super) fn owns(&self, name: &str) -> bool {
        match &self.target {
            // Other programs' indexes may match the pattern too.
            Target::Index(index) if index.is_dated() => index.gives(name),
            // The cluster gives the names of the indexes behind a data stream or an alias.
            _ => true,
        }
    }

    /// True when the objects for both would have the same name but different content.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        self.name == other.name && (&self.pattern, self.suffix) != (&other.pattern, other.suffix)
    }
}

/// The name of an index pattern's template and policy: the pattern without its date.
fn name(index: &IndexPattern) -> String {
    let mut fixed = String::new();
    for part in index.parts() {
        if let NamePart::Letter(letter) = part
            && !(fixed.ends_with(['-', '.', '_']) && matches!(letter, '-' | '.' | '_'))
        {
            fixed.push(letter);
        }
    }
    prefixed(fixed.trim_matches(['-', '.', '_']))
}

/// Adds the prefix `auship-`, so that the name differs from those of other programs' objects.
fn prefixed(name: &str) -> String {
    if name == "auship" || name.starts_with("auship-") { name.to_string() } else { format!("auship-{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sink, parse};
    use std::path::Path;

    fn target(key: &str) -> Option<IndexTarget> {
        let text = format!("[output:es]\ntype = elasticsearch\nurl = http://localhost\n{key}\n");
        match parse(Path::new("x"), &text).ok()?.outputs.pop()?.sink {
            Sink::Elasticsearch(elasticsearch) => IndexTarget::new(&elasticsearch.target),
            _ => None,
        }
    }

    #[test]
    fn a_template_for_everything_is_refused() {
        assert!(target("index = %Y.%m.%d").is_none());
    }

    #[test]
    fn other_programs_indexes_are_not_the_outputs() {
        for (key, name, owns) in [
            ("", "auship-2026.11.25", true),
            ("", "auship-lists", false),
            ("index = alias", "alias-000001", true),
            ("data_stream = auship", ".ds-auship-2026.11.25-000001", true),
        ] {
            assert_eq!(target(key).is_some_and(|target| target.owns(name)), owns, "{key} {name}");
        }
    }
}
