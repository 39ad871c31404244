//! Checks documents of `format = ecs` with tests/tools/ecs.py, an independent implementation of the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{PYTHON, data, ecs, json, tool};
use serde_json::Value;
use std::{fs, path::Path, process::Command};

/// Returns the errors that the oracle (tests/tools/ecs.py) finds in the documents of a log, or `None`.
fn faults(log: &Path, documents: &[u8]) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("documents");
    fs::write(&file, documents).unwrap();
    let oracle = Command::new(PYTHON).arg(tool("ecs.py")).arg(log).arg(&file).output().expect("python3 runs");
    assert!(oracle.stderr.is_empty(), "{}", String::from_utf8_lossy(&oracle.stderr));
    (!oracle.status.success()).then(|| format!("{}:\n{}", log.display(), String::from_utf8_lossy(&oracle.stdout)))
}

#[test]
fn documents_say_what_the_contract_wants() {
    let texts = ecs::logs().into_iter().map(|log| (ecs::text(&log), log));
    let found: Vec<String> = texts
        .filter_map(|(text, log)| {
            json::lines(&text); // no key twice
            faults(&log, &text)
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn an_event_is_the_same_document_every_time() {
    for log in ecs::logs() {
        assert!(ecs::text(&log) == ecs::text(&log), "{}", log.display());
    }
}

/// Tests the oracle itself: it must report a field that is removed or changed.
#[test]
fn the_oracle_sees_what_is_missing_or_wrong() {
    let fields = "@timestamp event/id event/sequence event/dataset event/kind event/outcome event/action event/category event/type \
                  process/pid process/parent/pid process/name process/executable process/args process/command_line \
                  process/title process/working_directory user/id user/audit/id user/saved/id user/group/id file/path \
                  file/mode file/inode destination/ip destination/address destination/port network/direction tags auditd/message_type \
                  auditd/result auditd/session auditd/paths auditd/paths/0/nametype auditd/data/a0 auditd/data/syscall \
                  auditd/data/tty auditd/data/op auditd/data/socket/family auditd/summary/how \
                  auditd/summary/actor/primary";
    let log = fs::read_to_string(data("zoo-raw.log")).unwrap();
    let documents = ecs::documents(&data("zoo-raw.log"));
    let dir = tempfile::tempdir().unwrap();
    let only = dir.path().join("log");
    for field in fields.split_whitespace() {
        let (parent, name) = field.rsplit_once('/').map_or(("", field), |(parent, name)| (parent, name));
        let parent = if parent.is_empty() { String::new() } else { format!("/{parent}") };
        let with = documents.iter().find(|document| document.pointer(&format!("/{field}")).is_some());
        let with = with.unwrap_or_else(|| panic!("no document has {field}"));
        let serial = format!(":{})", with["event"]["sequence"]);
        let records = log.lines().filter(|line| line.contains(&serial)).map(|line| format!("{line}\n"));
        fs::write(&only, records.collect::<String>()).unwrap();
        let faults_of = |document: &Value| faults(&only, format!("{document}\n").as_bytes());
        assert_eq!(faults_of(with), None, "{field}");
        let change = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut document = with.clone();
            change(document.pointer_mut(&parent).unwrap().as_object_mut().unwrap());
            faults_of(&document)
        };
        assert!(change(&|object| _ = object.shift_remove(name)).is_some(), "{field} is not missed");
        assert!(change(&|object| object[name] = "other".into()).is_some(), "{field} may be anything");
    }
    assert!(faults(&only, b"").is_some());
}
