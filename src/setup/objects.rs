//! The objects that `auship setup` installs for one output, and their paths on the server.

use super::{
    compare::{IsClosed, differences, setting},
    files::Files,
    target::IndexTarget,
    types::fit,
};
use crate::sink::{self, Product};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::{Map, Value, json};

/// The component templates that all outputs of a cluster share: name and file.
const COMPONENTS: [(&str, &str); 3] = [
    ("auship-ecs", "mappings-ecs.json"),
    ("auship-auditd", "mappings-auditd.json"),
    ("auship-settings", "settings.json"),
];
/// The name of the ingest pipeline that sets `event.ingested`.
pub(super) const PIPELINE: &str = "auship-ingested";
/// The index setting that names the pipeline. A final pipeline runs whichever pipeline a request or a default names.
pub(super) const FINAL_PIPELINE: &str = "index.final_pipeline";
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
    Pipeline,
    Component,
    IndexTemplate,
}

impl Kind {
    /// The kind's name in messages.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::IlmPolicy => "ILM policy",
            Self::IsmPolicy => "ISM policy",
            Self::Pipeline => "ingest pipeline",
            Self::Component => "component template",
            Self::IndexTemplate => "index template",
        }
    }

    /// What it means when a server lacks this kind of object. None when setup can't go on without it.
    pub(super) fn if_unknown(self) -> Option<&'static str> {
        match self {
            Self::IlmPolicy | Self::IsmPolicy => {
                Some("this server has no such policies, so indexes stay until somebody deletes them")
            }
            Self::Pipeline => Some("this cluster runs no ingest pipelines, so documents have no event.ingested"),
            Self::Component | Self::IndexTemplate => None,
        }
    }

    /// The paths where an additional member counts as a difference.
    fn is_closed(self) -> IsClosed {
        match self {
            // Servers add defaults inside actions. They never add phases or actions.
            Self::IlmPolicy => |path| path == "policy.phases" || path.ends_with(".actions"),
            Self::IsmPolicy => |_| false,
            // Servers add dates beside the processors.
            Self::Pipeline => |path| path.starts_with("processors"),
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
    /// A component template, by its name and file.
    fn component(files: &Files, &(name, file): &(&str, &str)) -> Self {
        Self { kind: Kind::Component, name: name.to_string(), body: files.get(file) }
    }

    /// The object's path on the server.
    pub(super) fn path(&self) -> String {
        let place = match self.kind {
            Kind::IlmPolicy => "_ilm/policy",
            Kind::IsmPolicy => "_plugins/_ism/policies",
            Kind::Pipeline => "_ingest/pipeline",
            Kind::Component => "_component_template",
            Kind::IndexTemplate => "_index_template",
        };
        format!("/{place}/{}", encoded(&self.name))
    }

    /// Reads the answer to a GET. Returns none when the answer doesn't hold this object.
    pub(super) fn found(&self, answer: &Value) -> Option<Found> {
        let body = match self.kind {
            Kind::IlmPolicy | Kind::Pipeline => answer.get(&self.name)?.clone(),
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
pub(super) fn encoded(name: &str) -> PercentEncode<'_> {
    utf8_percent_encode(name, ENCODED)
}

/// All objects that one output needs. The policy and the pipeline are installed first, and the template last, because
/// it refers to the others.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) policy: Object,
    pub(super) pipeline: Object,
    pub(super) components: Vec<Object>,
    template: Object,
}

/// What a cluster has of the objects that it may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Has {
    pub(super) policy: bool,
    pub(super) pipeline: bool,
}

impl Wanted {
    /// Makes the objects from the files.
    pub(super) fn new(files: &Files, product: &Product, target: &IndexTarget) -> Self {
        let IndexTarget { pattern, name, suffix, .. } = target;
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
        if let Some(stream) = target.data_stream() {
            for (member, value) in stream.members() {
                let path = ["template", "mappings", "properties", "data_stream", "properties", member];
                set(&mut template, &path, json!({"type": "constant_keyword", "value": value}));
            }
        }
        let mut components: Vec<Object> =
            COMPONENTS.iter().map(|component| Object::component(files, component)).collect();
        for body in components.iter_mut().map(|component| &mut component.body).chain([&mut template]) {
            if let Some(mappings) = body.pointer_mut("/template/mappings") {
                fit(mappings, product);
            }
        }
        Self {
            policy: Object { kind, name: name.clone(), body: policy },
            pipeline: Object { kind: Kind::Pipeline, name: PIPELINE.into(), body: files.get("pipeline-ingested.json") },
            components,
            template: Object { kind: Kind::IndexTemplate, name: name.clone(), body: template },
        }
    }

    /// True when new indexes get [`PIPELINE`] as their final pipeline. False when the files name another one.
    pub(super) fn uses_pipeline(&self) -> bool {
        [&self.template].into_iter().chain(&self.components).all(|object| {
            let settings = object.body.pointer("/template/settings");
            settings.and_then(|settings| setting(settings, FINAL_PIPELINE)).is_none_or(|name| name == PIPELINE)
        })
    }

    /// The index template. It names the policy and the pipeline if the cluster has them.
    pub(super) fn template(&self, has: Has) -> Object {
        let mut template = self.template.clone();
        // An ISM policy holds its index patterns itself.
        if has.policy && self.policy.kind == Kind::IlmPolicy {
            let path = ["template", "settings", "index", "lifecycle", "name"];
            set(&mut template.body, &path, json!(self.policy.name));
        }
        let path = ["template", "settings", "index", "final_pipeline"];
        if has.pipeline && self.uses_pipeline() {
            set(&mut template.body, &path, json!(PIPELINE));
        } else if template.body.pointer(&format!("/{}", path.join("/"))).is_some_and(|name| name == PIPELINE) {
            remove(&mut template.body, &path);
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

/// Removes a member, and the objects around it that have no other member.
fn remove(value: &mut Value, path: &[&str]) {
    if let ([key, rest @ ..], Some(members)) = (path, value.as_object_mut())
        && let Some(inner) = members.get_mut(*key)
    {
        remove(inner, rest);
        if rest.is_empty() || inner.as_object().is_some_and(Map::is_empty) {
            members.remove(*key);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Sink, Target, parse};
    use std::{fs, path::Path};

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
        Wanted::new(&Files::read(None).unwrap(), product, &IndexTarget::new(&target(key)).unwrap())
    }

    const ALL: Has = Has { policy: true, pipeline: true };

    /// The settings of a template with the pipeline and these other settings of an index.
    fn settings(others: Value) -> Value {
        let mut index = json!({"final_pipeline": PIPELINE});
        index.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        json!({"index": index})
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
                let template = wanted.template(ALL);
                assert_eq!(template.body["index_patterns"], json!([pattern]), "{key}");
                assert_eq!(template.body["priority"], json!(priority), "{key}");
                assert_eq!(template.body.get("data_stream").is_some(), key.starts_with("data"), "{key}");
                assert_eq!((template.name.as_str(), wanted.policy.name.as_str()), (name, name), "{key}");
                let its = template.body["template"]["settings"].clone();
                if product.kind == sink::Kind::OpenSearch {
                    assert_eq!(wanted.policy.kind, Kind::IsmPolicy);
                    let patterns = json!([{"index_patterns": [pattern], "priority": priority}]);
                    assert_eq!(wanted.policy.body["policy"]["ism_template"], patterns);
                    assert_eq!(its, settings(json!({})));
                } else {
                    assert_eq!(wanted.policy.kind, Kind::IlmPolicy);
                    assert_eq!(its, settings(json!({"lifecycle": {"name": name}})));
                    let neither = wanted.template(Has { policy: false, pipeline: false });
                    assert_eq!(neither.body["template"].get("settings"), None);
                }
            }
        }
    }

    #[test]
    fn the_files_say_what_is_installed_by_default() {
        let files = Files::read(None).unwrap();
        for (key, suffix) in [("", "indexes"), ("data_stream = auship", "data-stream")] {
            let wanted = wanted(key, &product("3.0.0", "opensearch"));
            assert_eq!(wanted.template(ALL).body, files.get(&format!("template-{suffix}.json")));
            assert_eq!(wanted.policy.body, files.get(&format!("ism-{suffix}.json")));
            let named = wanted.components.iter().map(|component| component.name.as_str()).collect::<Vec<_>>();
            assert_eq!(wanted.template(ALL).body["composed_of"], json!(named));
        }
    }

    #[test]
    fn documents_agree_with_the_name_of_their_data_stream() {
        let mappings = |key: &str, product: &Product| {
            wanted(key, product).template(ALL).body["template"]["mappings"]["properties"]["data_stream"].clone()
        };
        let scheme = "data_stream = logs-auditd_manager.auditd-auship";
        for product in [product("7.8.0", ""), product("9.2.0", ""), product("2.14.0", "opensearch")] {
            let constant = |value: &str| json!({"type": "constant_keyword", "value": value});
            let expected = json!({"properties": {"type": constant("logs"), "dataset": constant("auditd_manager.auditd"),
                                                 "namespace": constant("auship")}});
            assert_eq!(mappings(scheme, &product), expected);
            assert_eq!(mappings("data_stream = auship", &product), Value::Null);
            assert_eq!(mappings("index = logs-auditd-default", &product), Value::Null);
        }
        let older = mappings(scheme, &product("2.13.0", "opensearch"));
        assert_eq!(older["properties"]["type"], json!({"type": "keyword", "ignore_above": 8191}));
    }

    #[test]
    fn a_final_pipeline_of_ones_own_stays() {
        let dir = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/elasticsearch");
        let with = |name: &str, text: &str| {
            for file in fs::read_dir(&from).unwrap().map(|file| file.unwrap()) {
                fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
            }
            fs::write(dir.path().join(name), text).unwrap();
            let files = Files::read(Some(dir.path())).unwrap();
            let wanted = Wanted::new(&files, &product("9.2.0", ""), &IndexTarget::new(&target("")).unwrap());
            (wanted.uses_pipeline(), wanted.template(ALL).body["template"]["settings"].clone())
        };
        let lifecycle = json!({"lifecycle": {"name": "auship"}});
        // A file from an older release names none.
        let older = r#"{"composed_of": ["auship-settings"]}"#;
        assert_eq!(with("template-indexes.json", older), (true, settings(lifecycle.clone())));
        let own = r#"{"template": {"settings": {"final_pipeline": "mine"}}}"#;
        let expected = json!({"final_pipeline": "mine", "index": lifecycle});
        assert_eq!(with("template-indexes.json", own), (false, expected));
        assert_eq!(with("settings.json", own), (false, json!({"index": lifecycle})));
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
