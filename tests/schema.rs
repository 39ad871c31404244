//! Tests that each field of a document with `format = ecs` belongs to the Elastic Common Schema, to Auditbeat's
//! extensions, or to auship's own fields.
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
    path::Path,
};

/// Fields that are lists although the schema has one value. Servers see no difference, because they store each field as
/// a list of values.
const LISTS: &[(&str, &str)] = &[("event.original", "an event has as many records as it has")];

/// Returns what is wrong with the value of a field, or `None` if it is correct.
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
        // Of auship's own fields, only `auditd.sequence` may be a number. The others are strings, booleans, or lists.
        None if ours(field) && (field == "auditd.sequence" || each("keyword") || each("boolean")) => None,
        None if ours(field) => Some("neither a string nor a list of them".into()),
        None => Some("in no schema".into()),
    }
}

/// Returns the faults of documents. Each fault appears once, with an example.
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
    // A field must not be an object in one document and a plain value in another: a server refuses the second one.
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
        assert!(documents.len() >= 10, "{}", log.display());
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
fn documents_of_a_data_stream_fit_too() {
    let dir = tempfile::tempdir().unwrap();
    let output = "[output:a]\ntype = elasticsearch\nurl = http://localhost\ndata_stream = logs-auditd-default\n";
    let config = write_config(dir.path(), output);
    let log = data("edge.log");
    let output = auship(&["convert", "--config", config.to_str().unwrap(), log.to_str().unwrap()], b"");
    let documents = json::lines(&output.stdout);
    assert!(documents.len() > 10 && documents.iter().all(|d| d["data_stream"].as_object().unwrap().len() == 3));
    let faults = faults(&documents);
    assert!(faults.is_empty(), "{faults:#?}");
    // `auship setup` adds the types of these fields to the index template; tests/setup.rs looks at them there.
    let schema = schema();
    for field in ["type", "dataset", "namespace"] {
        assert_eq!(schema[&format!("data_stream.{field}")].kind, "constant_keyword");
    }
}

#[test]
fn odd_values_fit_too() {
    let numbers =
        ["abc", "-1", "0", "0x10", "99999999999999999999", "4294967295", "1.5", "?", "(null)", "\"7\"", "1e3"];
    let addresses =
        ["host.example.com", "::1", "fe80::1%eth0", "192.0.2.1:80", "999.1.1.1", "::ffff:192.0.2.1", "?", "0.0.0.0"];
    let sockets =
        ["", "0", "02", "0200", "0200005", "02000050C0000201", "0A00", "0100", "01002F", "10000000", "FFFF", "zz"];
    let modes = ["abc", "", "99", "7777777777777777777777777", "0"];
    let mut log = String::new();
    let mut serial = 0;
    let mut add = |records: &[(&str, String)]| {
        serial += 1;
        for (kind, fields) in records {
            log += &format!("type={kind} msg=audit(1795320000.001:{serial}): {fields}\n");
        }
    };
    let call = |call: u32, pid: &str, more: &str| {
        let ids = "auid=1 uid=2 gid=3 euid=4 suid=5 fsuid=6 egid=7 sgid=8 fsgid=9";
        let fields = format!(
            "arch=c000003e syscall={call} success=yes exit={pid} a0={pid} a1=0 a2=0 a3=0 items=1 ppid={pid} pid={pid} \
             {ids} tty=pts0 ses={pid} comm=\"x\" exe=\"/x\" key=\"k\"{more}"
        );
        ("SYSCALL", fields)
    };
    for number in numbers {
        add(&[call(59, number, ""), ("EXECVE", format!("argc={number} a0=\"x\""))]);
        let ids = format!("pid={number} uid={number} auid={number} ses={number}");
        add(&[("USER_LOGIN", format!("{ids} msg='op=login acct=\"{number}\" id={number} addr=? res={number}'"))]);
        add(&[("LOGIN", format!("pid={number} uid=0 old-auid={number} auid={number} old-ses={number} ses=1 res=1"))]);
        add(&[(
            "ADD_GROUP",
            format!("{ids} msg='op=add acct=\"g\" id={number} exe=\"/x\" rport={number} res=success'"),
        )]);
    }
    for address in addresses {
        let rest = format!("hostname={address} addr={address} terminal={address} res=failed");
        for kind in ["USER_LOGIN", "USER_START", "CRYPTO_SESSION", "USER_AUTH"] {
            add(&[(kind, format!("pid=1 uid=0 auid=0 ses=1 msg='op=login acct=\"x\" exe=\"/x\" {rest}'"))]);
        }
    }
    for saddr in sockets {
        for number in [42, 43, 49] {
            add(&[call(number, "1", ""), ("SOCKADDR", format!("saddr={saddr}"))]);
        }
    }
    for mode in modes {
        let path =
            format!("item=0 name=\"a\" inode={mode} dev=00:00 mode={mode} ouid={mode} ogid=0 rdev={mode} obj={mode}");
        add(&[call(2, "1", " subj=a"), ("CWD", "cwd=\"/\"".into()), ("PATH", format!("{path} nametype=NORMAL"))]);
    }
    let output = auship(&["convert", "--format", "ecs"], log.as_bytes());
    let documents = json::lines(&output.stdout);
    let faults = faults(&documents);
    assert_eq!(documents.len(), serial);
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn names_that_a_user_chose_stay_names() {
    // Any process that may write user messages can choose the field names in them.
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

/// Reads the index template. Returns the type of each field by its dotted name, and the objects that may contain fields
/// without a type of their own.
fn template() -> (BTreeMap<String, String>, BTreeSet<String>) {
    fn walk(properties: &Value, name: &str, types: &mut BTreeMap<String, String>, open: &mut BTreeSet<String>) {
        for (key, mapping) in properties.as_object().unwrap() {
            let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            match mapping["type"].as_str().filter(|kind| *kind != "object") {
                Some("flattened" | "flat_object") => _ = open.insert(name),
                Some(kind) => {
                    let earlier = types.insert(name.clone(), kind.into());
                    assert!(earlier.is_none_or(|earlier| earlier == kind), "{name} has two types");
                }
                None => {
                    if mapping["dynamic"] == false {
                        open.insert(name.clone());
                    }
                    // Each output has its own object in heartbeats, so these have no types here.
                    if mapping.get("properties").is_some() || name != "auship.output" {
                        walk(&mapping["properties"], &name, types, open);
                    }
                }
            }
        }
    }
    let (mut types, mut open) = (BTreeMap::new(), BTreeSet::new());
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/elasticsearch");
    for file in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        let part: Value = json::document(&fs::read(file).unwrap());
        if let Some(properties) = part.pointer("/template/mappings/properties") {
            walk(properties, "", &mut types, &mut open);
        }
    }
    (types, open)
}

/// Returns whether the index type `mapped` can be used for a field that has type `kind` in the schema.
fn serves(mapped: &str, kind: &str) -> bool {
    // Releases before 7.14 and OpenSearch don't have the newer text types, so the template may use the older ones.
    let older = match kind {
        "match_only_text" => "text",
        "wildcard" | "constant_keyword" => "keyword",
        same => same,
    };
    mapped == kind || mapped == older
}

#[test]
fn the_index_template_has_every_field() {
    let (types, open) = template();
    let schema = schema();
    let wanted = |field: &str| match schema.get(field) {
        Some(definition) => definition.kind.clone(),
        None if field == "auditd.sequence" => "long".to_owned(),
        None => "keyword".to_owned(),
    };
    for (field, kind) in types.iter().filter(|(field, _)| !ours(field)) {
        assert!(schema.contains_key(field) || EXTENSIONS.contains(&&field[..]), "no document has a {field}");
        assert!(serves(kind, &wanted(field)), "{field} is {kind}, in the schema {}", wanted(field));
    }
    for log in logs() {
        let documents = ecs::documents(&log);
        let mut fields = Vec::new();
        documents.iter().for_each(|document| leaves(document, &mut fields));
        for (field, value) in fields {
            let kind = types.get(&field);
            let kept = ours(&field) && open.iter().any(|object| field.starts_with(&format!("{object}.")));
            let fit = match kind.map(String::as_str) {
                Some("boolean") => value.is_boolean(),
                Some(kind) => serves(kind, &wanted(&field)),
                None => kept,
            };
            assert!(fit, "{field}: {value} in the index template: {kind:?}");
        }
    }
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
