//! The field definitions of the Elastic Common Schema, and functions that check documents against them.

use super::{auship, cannot_run, data, json, say_not_tested};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// The definition of a field in the schema.
pub struct Definition {
    /// The type: `keyword`, `long`, `ip` …
    pub kind: String,
    /// Whether the value is always a list.
    pub list: bool,
    /// The allowed values. Empty if the schema doesn't list them.
    pub allowed: BTreeSet<String>,
}

/// Returns all fields of the schema from tests/data/ecs-fields.tsv. tests/tools/ecs_fields.py creates this file.
pub fn schema() -> BTreeMap<String, Definition> {
    let table = fs::read_to_string(data("ecs-fields.tsv")).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let [name, kind, form, allowed] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            assert!(form == "list" || form == "one", "{line}");
            let allowed = allowed.split(',').filter(|value| !value.is_empty()).map(str::to_owned).collect();
            (name.to_owned(), Definition { kind: kind.to_owned(), list: form == "list", allowed })
        })
        .collect()
}

/// Fields that Auditbeat adds to the schema. Dashboards made for Auditbeat use them. All are keywords.
pub const EXTENSIONS: &[&str] = &[
    "destination.path",
    "source.path",
    "file.selinux.category",
    "file.selinux.domain",
    "file.selinux.level",
    "file.selinux.role",
    "file.selinux.user",
    "user.audit.group.id",
    "user.audit.group.name",
    "user.audit.id",
    "user.audit.name",
    "user.filesystem.group.id",
    "user.filesystem.group.name",
    "user.filesystem.id",
    "user.filesystem.name",
    "user.saved.group.id",
    "user.saved.group.name",
    "user.saved.id",
    "user.saved.name",
    "user.selinux.category",
    "user.selinux.domain",
    "user.selinux.level",
    "user.selinux.role",
    "user.selinux.user",
];

/// Returns whether a field is one of auship's own. The index template in conf/elasticsearch defines their types.
pub fn ours(field: &str) -> bool {
    ["auditd.", "auship.", "bsm.", "agent."].iter().any(|prefix| field.starts_with(prefix))
}

/// Adds the dotted names and the values of a document's fields to `into`. Adds the fields of each object in a list.
pub fn leaves<'a>(document: &'a Value, into: &mut Vec<(String, &'a Value)>) {
    fn walk<'a>(value: &'a Value, name: &str, into: &mut Vec<(String, &'a Value)>) {
        match value {
            Value::Object(object) => {
                assert!(!object.is_empty(), "{name} is an empty object");
                for (key, value) in object {
                    // A server splits a name at each dot, and refuses an empty name.
                    assert!(!key.is_empty() && !key.contains('.'), "a key {key:?} in {name:?}");
                    walk(value, &if name.is_empty() { key.clone() } else { format!("{name}.{key}") }, into);
                }
            }
            Value::Array(list) if list.iter().any(Value::is_object) => list.iter().for_each(|v| walk(v, name, into)),
            value => into.push((name.to_owned(), value)),
        }
    }
    walk(document, "", into);
}

/// Returns whether a single value has this type. Text that looks like a number isn't a number, and a number isn't text.
pub fn fits(kind: &str, value: &Value) -> bool {
    match kind {
        "keyword" | "wildcard" | "constant_keyword" | "match_only_text" => value.is_string(),
        "long" | "integer" => value.as_i64().is_some(),
        "float" | "double" | "scaled_float" => value.is_number(),
        "boolean" => value.is_boolean(),
        "ip" => value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok()),
        "date" => value.as_str().is_some_and(is_time),
        _ => false, // objects, and what an audit event has nothing for
    }
}

/// Returns whether the text has the form `2026-11-22T00:44:14.872Z`.
fn is_time(text: &str) -> bool {
    let shape = "dddd-dd-ddTdd:dd:dd.dddZ";
    let same = |(c, s): (char, char)| if s == 'd' { c.is_ascii_digit() } else { c == s };
    text.len() == shape.len() && text.chars().zip(shape.chars()).all(same)
}

/// Converts a log with `format = ecs` and returns the documents.
pub fn documents(log: &Path) -> Vec<Value> {
    json::lines(&text(log))
}

/// Converts a log with `format = ecs` and returns the output as bytes.
pub fn text(log: &Path) -> Vec<u8> {
    let output = auship(&["convert", "--format", "ecs", log.to_str().unwrap()], b"");
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Returns the logs of the test data, and the larger logs of the recorded data where it exists (see [`recorded`]).
pub fn logs() -> Vec<PathBuf> {
    let names = ["zoo-raw.log", "zoo-enriched.log", "edge.log"];
    let mut logs: Vec<PathBuf> = names.iter().chain(&["sample.log"]).map(|name| data(name)).collect();
    logs.extend(names.iter().filter_map(|name| recorded("the whole zoo of recorded events", name)));
    logs
}

/// Returns the path of a part of the recorded data, or `None` if it doesn't exist. Some of this data belongs to others
/// and may not be copied into the project. It is in the directory that `RECORDED` names, or else in `shared/corpus`
/// beside the checkout.
///
/// If `RECORDED` isn't set and there is no `shared` beside the checkout, the data can't be there. A message reports
/// this, and the test doesn't fail, not even in CI. Otherwise missing data is a case for [`cannot_run`].
pub fn recorded(what: &str, part: &str) -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let named = env::var_os("RECORDED");
    let expected = named.is_some() || shared.exists();
    let path = named.map_or_else(|| shared.join("corpus"), PathBuf::from).join(part);
    if path.exists() {
        return Some(path);
    }
    let why = format!("there is no {}; RECORDED names the directory of the recorded data", path.display());
    if expected {
        cannot_run(what, &why)
    } else {
        say_not_tested(what, &why)
    }
    None
}
