//! The objects that `auship setup` installs for one output, and their paths on the server.

use super::{
    compare::{IsClosed, differences},
    files::Files,
    types::fit,
};
use crate::{
    config::{IndexPattern, Target},
    sink::{self, Product},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::{Value, json};

/// The component templates that all outputs of a cluster share: name and file.
const COMPONENTS: [(&str, &str); 3] = [
    ("auship-ecs", "mappings-ecs.json"),
    ("auship-auditd", "mappings-auditd.json"),
    ("auship-settings", "settings.json"),
];
/// The base of a template's priority. The length of its pattern without `*` is added. Elastic's own templates have the
/// priorities 100 and 200. Elastic leaves priorities above 500 to others:
/// <https://www.elastic.co/guide/en/elasticsearch/reference/current/index-templates.html>
const PRIORITY: usize = 500;
/// The characters that are percent-encoded in a URL: all except RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One object to install.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// The wanted content.
    pub(super) body: Value,
}

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    IlmPolicy,
    IsmPolicy,
    Component,
    IndexTemplate,
}

impl Kind {
    /// The kind's name in messages.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::IlmPolicy => "ILM policy",
            Self::IsmPolicy => "ISM policy",
            Self::Component => "component template",
            Self::IndexTemplate => "index template",
        }
    }

    /// The paths where an additional member counts as a difference.
    fn is_closed(self) -> IsClosed {
        match self {
            // Servers add defaults inside actions. They never add phases or actions.
            Self::IlmPolicy => |path| path == "policy.phases" || path.ends_with(".actions"),
            Self::IsmPolicy => |_| false,
            Self::Component | Self::IndexTemplate => |path| path == "template" || path.starts_with("template."),
        }
    }
}

/// The object that a server has at an [`Object`]'s path.
pub(super) struct Found {
    /// Its content, comparable with [`Object::body`].
    body: Value,
    /// The query string of an update. With it the server refuses the update if somebody else has changed the object
    /// since.
    pub(super) condition: String,
}

impl Object {
    /// The object's path on the server.
    pub(super) fn path(&self) -> String {
        let place = match self.kind {
            Kind::IlmPolicy => "_ilm/policy",
            Kind::IsmPolicy => "_plugins/_ism/policies",
            Kind::Component => "_component_template",
            Kind::IndexTemplate => "_index_template",
        };
        format!("/{place}/{}", encoded(&self.name))
    }

    /// Reads the answer to a GET. Returns none when the answer doesn't hold this object.
    pub(super) fn found(&self, answer: &Value) -> Option<Found> {
        let body = match self.kind {
            Kind::IlmPolicy => answer.get(&self.name)?.clone(),
            Kind::IsmPolicy => answer.clone(),
            Kind::Component => answer.get("component_templates")?.get(0)?.get("component_template")?.clone(),
            Kind::IndexTemplate => answer.get("index_templates")?.get(0)?.get("index_template")?.clone(),
        };
        let condition = match (answer["_seq_no"].as_u64(), answer["_primary_term"].as_u64()) {
            (Some(number), Some(term)) => format!("?if_seq_no={number}&if_primary_term={term}"),
            _ => String::new(),
        };
        body.is_object().then_some(Found { body, condition })
    }

    /// The paths of the members that differ.
    pub(super) fn differences(&self, found: &Found) -> Vec<String> {
        differences(&self.body, &found.body, self.kind.is_closed())
    }
}

/// Percent-encodes a name for a URL's path.
fn encoded(name: &str) -> PercentEncode<'_> {
    utf8_percent_encode(name, ENCODED)
}

/// The indexes that an output writes to.
#[derive(Debug)]
pub(super) struct IndexTarget {
    /// Their pattern in templates and policies.
    pub(super) pattern: String,
    /// The name of their template and policy.
    pub(super) name: String,
    /// The end of the files' names.
    suffix: &'static str,
}

impl IndexTarget {
    /// Reads an output's target.
    ///
    /// Returns none when the pattern would match all indexes of a cluster.
    pub(super) fn new(target: &Target) -> Option<Self> {
        Some(match target {
            Target::Index(index) => Self { pattern: pattern(index)?, name: name(index), suffix: "indexes" },
            Target::DataStream(stream) => Self {
                pattern: stream.clone(),
                // The suffix keeps this name apart from the names for indexes.
                name: format!("{}-data-stream", prefixed(stream)),
                suffix: "data-stream",
            },
        })
    }

    /// True when the objects for both would have the same name but different content.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        self.name == other.name && (&self.pattern, self.suffix) != (&other.pattern, other.suffix)
    }
}

/// All objects that one output needs. The policy is installed first, and the template last, because it refers to the
/// others.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) policy: Object,
    pub(super) components: Vec<Object>,
    template: Object,
}

impl Wanted {
    /// Makes the objects from the files.
    pub(super) fn new(files: &Files, product: &Product, place: IndexTarget) -> Self {
        let IndexTarget { pattern, name, suffix } = place;
        // When two patterns match an index, the longer one applies. Servers need a different priority for each.
        let priority = PRIORITY + pattern.chars().filter(|c| *c != '*').count();
        let (kind, file) =
            if product.kind == sink::Kind::OpenSearch { (Kind::IsmPolicy, "ism") } else { (Kind::IlmPolicy, "ilm") };
        let mut policy = files.get(&format!("{file}-{suffix}.json"));
        if kind == Kind::IsmPolicy {
            let patterns = json!([{"index_patterns": [pattern], "priority": priority}]);
            set(&mut policy, &["policy", "ism_template"], patterns);
        }
        let mut template = files.get(&format!("template-{suffix}.json"));
        set(&mut template, &["index_patterns"], json!([pattern]));
        set(&mut template, &["priority"], json!(priority));
        let component = |&(name, file): &(&str, &str)| {
            let mut body = files.get(file);
            if let Some(mappings) = body.pointer_mut("/template/mappings") {
                fit(mappings, product);
            }
            Object { kind: Kind::Component, name: name.to_string(), body }
        };
        Self {
            policy: Object { kind, name: name.clone(), body: policy },
            components: COMPONENTS.iter().map(component).collect(),
            template: Object { kind: Kind::IndexTemplate, name, body: template },
        }
    }

    /// The index template. With `policy`, the cluster has the policy, and the template names it.
    pub(super) fn template(&self, policy: bool) -> Object {
        let mut template = self.template.clone();
        // An ISM policy holds its index patterns itself.
        if policy && self.policy.kind == Kind::IlmPolicy {
            let path = ["template", "settings", "index", "lifecycle", "name"];
            set(&mut template.body, &path, json!(self.policy.name));
        }
        template
    }
}

/// Sets a member and creates the objects that lead to it. If another value is in the way, nothing is set: the server
/// will report the error.
fn set(value: &mut Value, path: &[&str], new: Value) {
    match path {
        [] => *value = new,
        [key, rest @ ..] => {
            if value.is_null() {
                *value = json!({});
            }
            if let Some(members) = value.as_object_mut() {
                set(members.entry(*key).or_insert(Value::Null), rest, new);
            }
        }
    }
}

/// The wildcard pattern for an index pattern: `auship-%Y.%m.%d` becomes `auship-*`. Returns none for a pattern that
/// holds only a date.
fn pattern(index: &IndexPattern) -> Option<String> {
    let text = index.text();
    let (Some(first), Some(last)) = (text.find('%'), text.rfind('%')) else {
        return Some(text.to_string());
    };
    let pattern = format!("{}*{}", &text[..first], text.get(last + 2..).unwrap_or_default());
    (pattern.len() > 1).then_some(pattern)
}

/// The name of an index pattern's template and policy: the pattern without its date.
fn name(index: &IndexPattern) -> String {
    let mut fixed = String::new();
    let mut letters = index.text().chars();
    while let Some(letter) = letters.next() {
        if letter == '%' {
            letters.next();
        } else if !(fixed.ends_with(['-', '.', '_']) && matches!(letter, '-' | '.' | '_')) {
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Sink, parse};
    use std::path::Path;

    fn target(key: &str) -> Target {
        let text = format!("[output:es]\ntype = elasticsearch\nurl = http://localhost\n{key}\n");
        match parse(Path::new("x"), &text).unwrap().outputs.swap_remove(0).sink {
            Sink::Elasticsearch(elasticsearch) => elasticsearch.target,
            _ => unreachable!(),
        }
    }

    fn product(number: &str, distribution: &str) -> Product {
        let version = match distribution {
            "" => json!({"number": number}),
            _ => json!({"number": number, "distribution": distribution}),
        };
        Product::read(json!({"version": version}).to_string().as_bytes()).unwrap()
    }

    fn wanted(key: &str, product: &Product) -> Wanted {
        Wanted::new(&Files::read(None).unwrap(), product, IndexTarget::new(&target(key)).unwrap())
    }

    #[test]
    fn patterns_and_names_follow_the_output() {
        for (key, pattern, name, priority) in [
            ("index = auship-%Y.%m.%d", "auship-*", "auship", 507),
            ("index = linux-audit-%Y.%m.%d-v1", "linux-audit-*-v1", "auship-linux-audit-v1", 515),
            ("index = %Y-audit", "*-audit", "auship-audit", 506),
            ("index = audit", "audit", "auship-audit", 505),
            ("data_stream = auship", "auship", "auship-data-stream", 506),
            ("data_stream = logs-auditd-default", "logs-auditd-default", "auship-logs-auditd-default-data-stream", 519),
        ] {
            for product in [product("9.0.0", ""), product("2.11.0", "opensearch")] {
                let wanted = wanted(key, &product);
                let template = wanted.template(true);
                assert_eq!(template.body["index_patterns"], json!([pattern]), "{key}");
                assert_eq!(template.body["priority"], json!(priority), "{key}");
                assert_eq!(template.body.get("data_stream").is_some(), key.starts_with("data"), "{key}");
                assert_eq!((template.name.as_str(), wanted.policy.name.as_str()), (name, name), "{key}");
                let settings = template.body["template"]["settings"].clone();
                if product.kind == sink::Kind::OpenSearch {
                    assert_eq!(wanted.policy.kind, Kind::IsmPolicy);
                    let patterns = json!([{"index_patterns": [pattern], "priority": priority}]);
                    assert_eq!(wanted.policy.body["policy"]["ism_template"], patterns);
                    assert_eq!(settings, Value::Null);
                } else {
                    assert_eq!(wanted.policy.kind, Kind::IlmPolicy);
                    assert_eq!(settings, json!({"index": {"lifecycle": {"name": name}}}));
                    assert_eq!(wanted.template(false).body.get("template"), None);
                }
            }
        }
    }

    #[test]
    fn the_files_say_what_is_installed_by_default() {
        let files = Files::read(None).unwrap();
        for (key, suffix) in [("", "indexes"), ("data_stream = auship", "data-stream")] {
            let wanted = wanted(key, &product("3.0.0", "opensearch"));
            assert_eq!(wanted.template(true).body, files.get(&format!("template-{suffix}.json")));
            assert_eq!(wanted.policy.body, files.get(&format!("ism-{suffix}.json")));
            let named = wanted.components.iter().map(|component| component.name.as_str()).collect::<Vec<_>>();
            assert_eq!(wanted.template(true).body["composed_of"], json!(named));
        }
    }

    #[test]
    fn a_template_for_everything_is_refused() {
        assert!(IndexTarget::new(&target("index = %Y.%m.%d")).is_none());
    }

    #[test]
    fn odd_files_are_left_to_the_server() {
        let mut body = json!({"template": "x"});
        set(&mut body, &["template", "settings"], json!(1));
        assert_eq!(body, json!({"template": "x"}));
    }

    #[test]
    fn a_path_has_no_odd_letters() {
        assert_eq!(encoded("auship-ä.1%").to_string(), "auship-%C3%A4.1%25");
    }
}
