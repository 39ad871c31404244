//! Checks that the dashboards in conf/dashboards are complete, and that they use only fields that `format = ecs`
//! documents have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    data,
    ecs::{EXTENSIONS, documents, leaves, ours, schema},
    json,
};
use regex::Regex;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

fn objects() -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/dashboards/auship.ndjson");
    json::lines(&fs::read(file).unwrap())
}

fn text<'a>(value: &'a Value, at: &str) -> &'a str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_else(|| panic!("no {at} in {value}"))
}

/// Parses a string in an object as JSON and returns the result.
fn inner(object: &Value, at: &str) -> Value {
    json::document(text(object, at).as_bytes())
}

/// Returns the query of a search: each field with the values that it may have. An empty list stands for any value.
fn query(search: &Value) -> Vec<(String, Vec<String>)> {
    let source = inner(search, "/attributes/kibanaSavedObjectMeta/searchSourceJSON");
    assert_eq!(text(&source, "/query/language"), "kuery");
    let asked = text(&source, "/query/query");
    let clause = r#"([@a-z_.]+): (\*|"[^"]*"|\("[^"]*"(?: or "[^"]*")*\))"#;
    let whole = Regex::new(&format!("^{clause}(?: and {clause})*$")).unwrap();
    assert!(whole.is_match(asked), "{asked}");
    let value = Regex::new(r#""([^"]*)""#).unwrap();
    let values = |text: &str| value.captures_iter(text).map(|found| found[1].to_owned()).collect();
    let clause = Regex::new(clause).unwrap();
    clause.captures_iter(asked).map(|found| (found[1].to_owned(), values(&found[2]))).collect()
}

/// Returns all fields that an object names.
fn fields(object: &Value) -> Vec<String> {
    match text(object, "/type") {
        "index-pattern" => vec![text(object, "/attributes/timeFieldName").to_owned()],
        "search" => {
            let columns = object["attributes"]["columns"].as_array().unwrap().iter().map(|c| c.as_str().unwrap());
            let sort = object["attributes"]["sort"].as_array().unwrap().iter().map(|s| s[0].as_str().unwrap());
            let shown = columns.chain(sort).map(str::to_owned);
            shown.chain(query(object).into_iter().map(|(field, _)| field)).collect()
        }
        "visualization" => {
            let state = inner(object, "/attributes/visState");
            let buckets = state["aggs"].as_array().unwrap().iter().filter(|agg| agg["type"] != "count");
            buckets.map(|agg| text(agg, "/params/field").to_owned()).collect()
        }
        "dashboard" => Vec::new(),
        other => panic!("neither Kibana nor OpenSearch Dashboards is sure to know {other}"),
    }
}

#[test]
fn links_lead_to_objects_of_the_file() {
    let objects = objects();
    let id = |object: &Value| (text(object, "/type").to_owned(), text(object, "/id").to_owned());
    let ids: BTreeSet<_> = objects.iter().map(id).collect();
    assert_eq!(ids.len(), objects.len(), "two objects have one id");
    let mut linked = BTreeSet::new();
    for object in &objects {
        assert_eq!(object.as_object().unwrap().len(), 4, "only type, id, attributes, references: {object}");
        let links = object["references"].as_array().unwrap();
        linked.extend(links.iter().map(id));
        let names: BTreeSet<&str> = links.iter().map(|link| text(link, "/name")).collect();
        let source = object.pointer("/attributes/kibanaSavedObjectMeta/searchSourceJSON");
        let source = source.map(|_| inner(object, "/attributes/kibanaSavedObjectMeta/searchSourceJSON"));
        let mut used: BTreeSet<String> = BTreeSet::new();
        used.extend(source.iter().filter_map(|s| s["indexRefName"].as_str()).map(str::to_owned));
        used.extend(object["attributes"]["savedSearchRefName"].as_str().map(str::to_owned));
        if object["type"] == "dashboard" {
            let panels = inner(object, "/attributes/panelsJSON");
            inner(object, "/attributes/optionsJSON");
            used.extend(panels.as_array().unwrap().iter().map(|panel| text(panel, "/panelRefName").to_owned()));
        }
        assert_eq!(names, used.iter().map(String::as_str).collect(), "links of {}", object["id"]);
    }
    assert!(linked.is_subset(&ids), "no such object: {:?}", linked.difference(&ids));
    assert!(objects.iter().any(|object| object["attributes"]["title"] == "auship*"));
}

#[test]
fn panels_lie_side_by_side() {
    let dashboard = objects().into_iter().find(|object| object["type"] == "dashboard").unwrap();
    let panels = inner(&dashboard, "/attributes/panelsJSON");
    let mut taken = BTreeSet::new();
    for panel in panels.as_array().unwrap() {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridData"][key].as_u64().unwrap());
        assert!(x + w <= 48, "{panel}");
        assert_eq!(panel["gridData"]["i"], panel["panelIndex"]);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "panels overlap at {cell:?}");
        }
    }
}

#[test]
fn fields_are_those_of_our_documents() {
    let schema = schema();
    for object in objects() {
        let counts = object["type"] == "visualization";
        for field in fields(&object) {
            match schema.get(&field) {
                // A `match_only_text` field can be searched, but its values can't be counted.
                Some(definition) => assert!(!counts || definition.kind != "match_only_text", "{field}"),
                None => assert!(EXTENSIONS.contains(&&field[..]) || ours(&field), "{} names {field}", object["id"]),
            }
        }
    }
}

#[test]
fn every_search_finds_something() {
    let found: Vec<BTreeMap<String, Vec<String>>> = ["zoo-raw.log", "edge.log", "sample.log"]
        .iter()
        .flat_map(|log| documents(&data(log)))
        .map(|document| {
            let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
            let mut all = Vec::new();
            leaves(&document, &mut all);
            for (field, value) in all {
                let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                let texts = values.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
                fields.entry(field).or_default().extend(texts);
            }
            fields
        })
        .collect();
    for search in objects().iter().filter(|object| object["type"] == "search") {
        let query = query(search);
        let matches = |document: &&BTreeMap<String, Vec<String>>| {
            query.iter().all(|(field, values)| {
                let has = document.get(field);
                has.is_some_and(|has| values.is_empty() || values.iter().any(|value| has.contains(value)))
            })
        };
        let hits: Vec<_> = found.iter().filter(matches).collect();
        assert!(!hits.is_empty(), "{} finds nothing", search["id"]);
        assert!(hits.len() < found.len(), "{} finds everything", search["id"]);
        for (field, values) in &query {
            for value in values {
                let of = |document: &&BTreeMap<String, Vec<String>>| {
                    document.get(field).is_some_and(|has| has.contains(value))
                };
                assert!(found.iter().any(|document| of(&document)), "{}: no {field} is {value}", search["id"]);
            }
        }
        for column in search["attributes"]["columns"].as_array().unwrap() {
            let column = column.as_str().unwrap();
            assert!(found.iter().any(|document| document.contains_key(column)), "no document has {column}");
        }
    }
}
