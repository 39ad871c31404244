//! Records that users of audit programs reported, and records of the same kinds, with the right values.
//!
//! Each line of `tests/data/cases.jsonl` is one case: its `name`, the records (`log`), what is right and why, and what
//! must hold (`expect`): the number of documents of a format, or the value `at` a path of one document. The value `is`
//! this one, is `in` a list, is `not` in a list, or `has` a text in it. A value of null means that there is none.

#![allow(clippy::unwrap_used)]

mod common;

use common::{auship, data, json};
use serde_json::Value;
use std::{collections::HashMap, fs};

/// The documents of a case in one format.
fn convert(case: &Value, format: &str) -> Vec<Value> {
    let end = if case["end"] == "crlf" { "\r\n" } else { "\n" };
    let lines = case["log"].as_array().unwrap().iter().map(|line| format!("{}{end}", line.as_str().unwrap()));
    let output = auship(&["convert", "--format", format], lines.collect::<String>().as_bytes());
    json::lines(&output.stdout)
}

/// The value at a path like `details.uid`; null if there is none.
fn at<'a>(document: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(document, |value, key| value.get(key).unwrap_or(&Value::Null))
}

/// True when a value is as expected.
fn holds(value: &Value, expected: &Value) -> bool {
    if let Some(list) = expected["in"].as_array() {
        return list.contains(value);
    }
    if let Some(list) = expected["not"].as_array() {
        return !list.contains(value);
    }
    if let Some(text) = expected["has"].as_str() {
        return value.as_str().is_some_and(|value| value.contains(text));
    }
    *value == expected["is"]
}

/// What doesn't hold of a case.
fn faults(case: &Value) -> Vec<String> {
    let mut converted = HashMap::new();
    let mut faults = Vec::new();
    for expected in case["expect"].as_array().unwrap() {
        let format = expected["format"].as_str().unwrap();
        let documents = converted.entry(format).or_insert_with(|| convert(case, format));
        if let Some(count) = expected["documents"].as_u64() {
            if documents.len() as u64 != count {
                faults.push(format!("{expected}: {} documents", documents.len()));
            }
            continue;
        }
        let number = usize::try_from(expected["doc"].as_u64().unwrap_or(0)).unwrap();
        let found = documents.get(number).map(|document| at(document, expected["at"].as_str().unwrap()));
        if !found.is_some_and(|value| holds(value, expected)) {
            faults.push(format!("{expected}: got {found:?}"));
        }
    }
    faults
}

#[test]
fn every_case_gives_the_right_values() {
    let cases = fs::read_to_string(data("cases.jsonl")).unwrap();
    let mut wrong = Vec::new();
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let faults = faults(&case);
        if !faults.is_empty() {
            wrong.push(format!("{}: {}\n  {}", case["name"], case["why"], faults.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.lines().count() >= 80);
}
