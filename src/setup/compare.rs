//! Compares a cluster's objects with the wanted ones.
//!
//! Servers don't return objects in the form that they received. Numbers and truth values become strings, settings are
//! flat or nested under `index`, and defaults are added.

use serde_json::{Map, Value};

/// True for a path where a member that isn't wanted counts as a difference.
pub(super) type IsClosed = fn(path: &str) -> bool;

/// The paths of the members that differ; empty when all wanted members are there. Where `is_closed` is true for a path,
/// additional members differ too.
pub(super) fn differences(wanted: &Value, there: &Value, is_closed: IsClosed) -> Vec<String> {
    let mut found = Vec::new();
    walk("", &normal("", wanted), &normal("", there), is_closed, &mut found);
    found
}

/// The value in one common form, whichever server wrote it.
fn normal(path: &str, value: &Value) -> Value {
    match value {
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
        Value::Array(entries) => Value::Array(entries.iter().map(|entry| normal(path, entry)).collect()),
        Value::Object(members) if path == "template.settings" => {
            let mut flat = Map::new();
            flatten("", members, &mut flat);
            Value::Object(flat)
        }
        // Elasticsearch 7 nests mappings under the name of their only type.
        Value::Object(members) if path == "template.mappings" && members.len() == 1 && members.contains_key("_doc") => {
            normal(path, &members["_doc"])
        }
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(members.map(|(key, value)| (key.clone(), normal(&join(path, key), value))).collect())
        }
        other => other.clone(),
    }
}

/// The value of a setting, in whichever form the settings are written.
pub(super) fn setting(settings: &Value, name: &str) -> Option<String> {
    let mut flat = Map::new();
    flatten("", settings.as_object()?, &mut flat);
    flat.get(name)?.as_str().map(String::from)
}

/// Flattens settings. `{"number_of_shards": 1}`, `{"index": {"number_of_shards": 1}}` and `{"index.number_of_shards":
/// "1"}` become the same.
fn flatten(prefix: &str, members: &Map<String, Value>, flat: &mut Map<String, Value>) {
    for (key, value) in members {
        let name = join(prefix, key);
        match value {
            Value::Null => (),
            Value::Object(inner) => flatten(&name, inner, flat),
            _ => {
                let name = if name.starts_with("index.") { name } else { format!("index.{name}") };
                flat.insert(name, normal("", value));
            }
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_string() } else { format!("{path}.{key}") }
}

fn walk(path: &str, wanted: &Value, there: &Value, is_closed: IsClosed, found: &mut Vec<String>) {
    match (wanted, there) {
        (Value::Object(wanted), Value::Object(there)) => {
            for (key, value) in wanted {
                let path = join(path, key);
                match there.get(key) {
                    Some(there) => walk(&path, value, there, is_closed, found),
                    None => found.push(path),
                }
            }
            if is_closed(path) {
                let more = there.iter().filter(|(key, value)| !wanted.contains_key(*key) && !is_empty(value));
                found.extend(more.map(|(key, _)| join(path, key)));
            }
        }
        (Value::Array(wanted), Value::Array(there)) if wanted.len() == there.len() => {
            for (n, (wanted, there)) in wanted.iter().zip(there).enumerate() {
                walk(&format!("{path}[{n}]"), wanted, there, is_closed, found);
            }
        }
        _ if wanted == there => (),
        _ => found.push(path.to_string()),
    }
}

/// True for an empty object, such as `"aliases": {}`. It counts as missing.
fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(wanted: Value, there: Value) -> Vec<String> {
        differences(&wanted, &there, |path| path.starts_with("template"))
    }

    #[test]
    fn what_servers_make_of_it_is_the_same() {
        for there in [
            json!({"template": {"settings": {"index": {"number_of_shards": "1", "mapping": {"total_fields": {"limit": "5"}}}}}}),
            json!({"template": {"settings": {"index.number_of_shards": "1", "index.mapping.total_fields.limit": 5}}}),
            json!({"template": {"settings": {"number_of_shards": 1, "index": {"mapping.total_fields.limit": "5"}},
                   "aliases": {}, "lifecycle": null}, "version": null, "created_date": "2026-01-01"}),
        ] {
            let wanted = json!({"template": {"settings": {"index": {"number_of_shards": 1,
                                "mapping": {"total_fields": {"limit": 5}}}}}});
            assert_eq!(template(wanted, there), Vec::<String>::new());
        }
        let wanted = json!({"template": {"mappings": {"dynamic": false, "properties": {"a": {"type": "ip"}}}}});
        let there =
            json!({"template": {"mappings": {"_doc": {"dynamic": "false", "properties": {"a": {"type": "ip"}}}}}});
        assert_eq!(template(wanted, there), Vec::<String>::new());
        let there =
            json!({"data_stream": {"hidden": false, "timestamp_field": {"name": "@timestamp"}}, "priority": "5"});
        assert_eq!(template(json!({"data_stream": {}, "priority": 5}), there), Vec::<String>::new());
    }

    #[test]
    fn what_differs_is_named() {
        let wanted = json!({"template": {"settings": {"index": {"codec": "best_compression", "a": 1}},
                            "mappings": {"properties": {"a": {"type": "ip"}, "b": {"type": "long"}}}},
                            "composed_of": ["x", "y"]});
        let there = json!({"template": {"settings": {"index": {"codec": "default", "sort": {"field": "a"}}},
                           "mappings": {"properties": {"a": {"type": "keyword"}, "c": {"type": "long"}}}},
                           "composed_of": ["y", "x"]});
        let mut found = template(wanted.clone(), there);
        found.sort();
        assert_eq!(
            found,
            [
                "composed_of[0]",
                "composed_of[1]",
                "template.mappings.properties.a.type",
                "template.mappings.properties.b",
                "template.mappings.properties.c",
                "template.settings.index.a",
                "template.settings.index.codec",
                "template.settings.index.sort.field",
            ]
        );
        assert_eq!(template(wanted, json!({"template": "x", "composed_of": ["x"]})), ["template", "composed_of"]);
    }

    #[test]
    fn where_it_is_open_more_may_be_there() {
        let wanted = json!({"states": [{"actions": [{"delete": {}}]}]});
        let there = json!({"states": [{"actions": [{"retry": {"count": 3}, "delete": {}}]}], "schema_version": 19});
        assert_eq!(differences(&wanted, &there, |_| false), Vec::<String>::new());
        let there = json!({"states": [{"actions": []}, {"actions": []}]});
        assert_eq!(differences(&wanted, &there, |_| false), ["states"]);
    }
}
