//! Every field of every document of `format = ecs` is one of the Elastic Common Schema, of Auditbeat's, or ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    auship, data,
    ecs::{self, Definition, EXTENSIONS, fits, leaves, logs, ours, schema},
    event, json, write_config,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// Lists where the schema has one value: a server sees no difference, for it keeps a list of values for every field.
const LISTS: &[(&str, &str)] = &[("event.original", "an event has as many records as it has")];

/// What is wrong with a field's value, if anything is.
fn fault(schema: &BTreeMap<String, Definition>, field: &str, value: &Value) -> Option<String> {
    let each = |kind: &str| match value {
        Value::Array(list) => !list.is_empty() && list.iter().all(|value| fits(kind, value)),
        value => fits(kind, value),
    };
    match schema.get(field) {
        Some(definition) => {
            let list = definition.list || LISTS.iter().any(|(name, _)| *name == field);
            if value.is_array() != list {
                return Some(format!("a list: {}, in the schema: {list}", value.is_array()));
            }
            if !each(&definition.kind) {
                return Some(format!("not of type {}", definition.kind));
            }
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let stranger = |value: &&Value| !definition.allowed.contains(value.as_str().unwrap_or_default());
            let strange = values.iter().find(stranger).filter(|_| !definition.allowed.is_empty());
            strange.map(|value| format!("{value} is not among the values allowed"))
        }
        None if EXTENSIONS.contains(&field) => (!value.is_string()).then(|| "not a string".into()),
        // Numbers are for fields that the schema gives a number: two documents never disagree on a field's type.
        None if ours(field) && (field == "auditd.sequence" || each("keyword") || each("boolean")) => None,
        None if ours(field) => Some("neither a string nor a list of them".into()),
        None => Some("in no schema".into()),
    }
}

/// The faults of documents, each said once, with a value that shows it.
fn faults(documents: &[Value]) -> BTreeMap<String, String> {
    let schema = schema();
    let mut found = BTreeMap::new();
    let mut names = BTreeSet::new();
    for document in documents {
        let mut fields = Vec::new();
        leaves(document, &mut fields);
        names.extend(fields.iter().map(|(field, _)| field.clone()));
        for (field, value) in fields {
            if let Some(fault) = fault(&schema, &field, value) {
                found.entry(format!("{field}: {fault}")).or_insert_with(|| value.to_string());
            }
        }
    }
    // A server refuses a document whose field is an object in another document, or the reverse.
    for name in &names {
        let below = format!("{name}.");
        if let Some(inner) = names.range(below.clone()..).next().filter(|inner| inner.starts_with(&below)) {
            found.insert(format!("{name}: has a value and fields"), inner.clone());
        }
    }
    found
}

#[test]
fn every_field_is_in_a_schema_and_fits_its_type() {
    for log in logs() {
        let documents = ecs::documents(&log);
        assert!(documents.len() > 10, "{}", log.display());
        let faults = faults(&documents);
        assert!(faults.is_empty(), "{}: {faults:#?}", log.display());
    }
}

#[test]
fn original_records_fit_too() {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), "[output:a]\ntype = stdout\nformat = ecs\nevent_original = yes\n");
    let log = data("edge.log");
    let output = auship(&["convert", "--config", config.to_str().unwrap(), log.to_str().unwrap()], b"");
    assert!(output.status.success(), "{output:?}");
    let documents = json::lines(&output.stdout);
    let faults = faults(&documents);
    assert!(faults.is_empty(), "{faults:#?}");
    let originals = documents.iter().flat_map(|d| d["event"]["original"].as_array().expect("a list of records"));
    let originals: BTreeSet<&str> = originals.map(|record| record.as_str().unwrap()).collect();
    for record in fs::read_to_string(&log).unwrap().lines().filter(|line| !line.contains("type=EOE")) {
        assert!(originals.contains(record), "{record}");
    }
}

#[test]
fn names_that_a_user_chose_stay_names() {
    // Any process that may write user messages chooses their field names.
    let names =
        [".", "a.b", ".a", "a..b", "data", "socket", "socket_family", "interpreted", "paths", "id", "@timestamp"];
    let mut log = fs::read_to_string(data("edge.log")).unwrap();
    let before = json::lines(&auship(&["convert", "--format", "ecs"], log.as_bytes()).stdout).len();
    for (n, name) in names.iter().enumerate() {
        log += &event(n, &format!("x {name}=value"));
    }
    let documents = json::lines(&auship(&["convert", "--format", "ecs"], log.as_bytes()).stdout);
    let faults = faults(&documents);
    assert_eq!(documents.len(), before + names.len());
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_table_is_used() {
    let schema = schema();
    assert!(schema.len() > 2000);
    let wrong = [
        ("process.pid", Value::from("1")),
        ("process.name", Value::from(1)),
        ("process.name", Value::from(vec!["a"])),
        ("process.args", Value::from("a")),
        ("event.category", Value::from(vec!["files"])),
        ("source.ip", Value::from("ssh")),
        ("@timestamp", Value::from("2026-11-22")),
        ("user.audit.id", Value::from(0)),
        ("auditd.data.a0", Value::from(0)),
        ("process.nam", Value::from("a")),
    ];
    for (field, value) in wrong {
        assert!(fault(&schema, field, &value).is_some(), "{field} {value}");
    }
    let right = [
        ("process.pid", Value::from(1)),
        ("process.args", Value::from(vec!["a"])),
        ("event.category", Value::from(vec!["file"])),
        ("source.ip", Value::from("::1")),
        ("user.audit.id", Value::from("0")),
        ("auditd.data.a0", Value::from(vec!["0"])),
    ];
    for (field, value) in right {
        assert_eq!(fault(&schema, field, &value), None, "{field} {value}");
    }
}
