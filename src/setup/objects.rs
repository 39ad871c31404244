//! What is installed for one output, and how servers know it.

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

/// What all outputs share in a cluster, by name and file.
const COMPONENTS: [(&str, &str); 3] = [
    ("auship-ecs", "mappings-ecs.json"),
    ("auship-auditd", "mappings-auditd.json"),
    ("auship-settings", "settings.json"),
];
/// The priority of the shortest pattern. Elastic's own templates have 100 and 200, and leave what is above 500 to others:
/// <https://www.elastic.co/guide/en/elasticsearch/reference/current/index-templates.html>
const PRIORITY: usize = 500;
/// What can't stand in a URL as it is: all but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One thing to install.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// As it should be.
    pub(super) body: Value,
}

/// Kinds of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    IlmPolicy,
    IsmPolicy,
    Component,
    IndexTemplate,
}

impl Kind {
    /// What messages call it.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::IlmPolicy => "ILM policy",
            Self::IsmPolicy => "ISM policy",
            Self::Component => "component template",
            Self::IndexTemplate => "index template",
        }
    }

    /// Where more than what is wanted is a difference.
    fn is_closed(self) -> IsClosed {
        match self {
            // Servers add defaults to actions, never phases or actions.
            Self::IlmPolicy => |path| path == "policy.phases" || path.ends_with(".actions"),
            Self::IsmPolicy => |_| false,
            Self::Component | Self::IndexTemplate => |path| path == "template" || path.starts_with("template."),
        }
    }
}

/// What a server has in an object's place.
pub(super) struct Found {
    /// Comparable with [`Object::body`].
    body: Value,
    /// What an update has to say behind its path so that it doesn't undo somebody else's.
    pub(super) condition: String,
}

impl Object {
    /// Its path.
    pub(super) fn path(&self) -> String {
        let place = match self.kind {
            Kind::IlmPolicy => "_ilm/policy",
            Kind::IsmPolicy => "_plugins/_ism/policies",
            Kind::Component => "_component_template",
            Kind::IndexTemplate => "_index_template",
        };
        format!("/{place}/{}", encoded(&self.name))
    }

    /// What is in its place, from the answer to a GET; none when the answer has something else.
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

    /// The members that differ.
    pub(super) fn differences(&self, found: &Found) -> Vec<String> {
        differences(&self.body, &found.body, self.kind.is_closed())
    }
}

/// A name in a URL's path.
fn encoded(name: &str) -> PercentEncode<'_> {
    utf8_percent_encode(name, ENCODED)
}

/// Which indexes an output writes to.
#[derive(Debug)]
pub(super) struct IndexTarget {
    /// Their names, as templates and policies have it.
    pub(super) pattern: String,
    /// What things for them are called.
    pub(super) name: String,
    /// Of the files' names.
    suffix: &'static str,
}

impl IndexTarget {
    /// From the output's target.
    ///
    /// None when its pattern would be everybody's.
    pub(super) fn new(target: &Target) -> Option<Self> {
        Some(match target {
            Target::Index(index) => Self { pattern: pattern(index)?, name: name(index), suffix: "indexes" },
            Target::DataStream(stream) => Self {
                pattern: stream.clone(),
                // A name of its own, so that it never is that of indexes.
                name: format!("{}-data-stream", prefixed(stream)),
                suffix: "data-stream",
            },
        })
    }

    /// Things for both would have one name, and differ.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        self.name == other.name && (&self.pattern, self.suffix) != (&other.pattern, other.suffix)
    }
}

/// All that one output needs: its policy first, and what refers to others behind them.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) policy: Object,
    pub(super) components: Vec<Object>,
    template: Object,
}

impl Wanted {
    /// From the files.
    pub(super) fn new(files: &Files, product: &Product, place: IndexTarget) -> Self {
        let IndexTarget { pattern, name, suffix } = place;
        // Of two patterns that an index fits, the one that says more is for it. Servers want that settled beforehand.
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

    /// The index template; with `policy`, in a cluster that has the policy.
    pub(super) fn template(&self, policy: bool) -> Object {
        let mut template = self.template.clone();
        // An ISM policy names its indexes itself.
        if policy && self.policy.kind == Kind::IlmPolicy {
            let path = ["template", "settings", "index", "lifecycle", "name"];
            set(&mut template.body, &path, json!(self.policy.name));
        }
        template
    }
}

/// Sets a member, and makes the objects on the way to it. Where something else is in the way nothing happens: the server
/// will say what is wrong with it.
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

/// The names that an index pattern makes, as templates have it: `auship-%Y.%m.%d` becomes `auship-*`. None for a pattern
/// that has nothing but a date.
fn pattern(index: &IndexPattern) -> Option<String> {
    let text = index.text();
    let (Some(first), Some(last)) = (text.find('%'), text.rfind('%')) else {
        return Some(text.to_string());
    };
    let pattern = format!("{}*{}", &text[..first], text.get(last + 2..).unwrap_or_default());
    (pattern.len() > 1).then_some(pattern)
}

/// What an index pattern's template and policy are called: the pattern without its date.
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

/// Others' things may have the same name; ours tell whose they are.
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
