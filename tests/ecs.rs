//! Documents of `format = ecs` say what the contract wants, as tests/tools/ecs.py understands it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{PYTHON, ecs, json, tool};
use std::{fs, process::Command};

#[test]
fn documents_say_what_the_contract_wants() {
    let dir = tempfile::tempdir().unwrap();
    let mut faults = String::new();
    for log in ecs::logs() {
        let text = ecs::text(&log);
        json::lines(&text); // no key twice
        let documents = dir.path().join("documents");
        fs::write(&documents, &text).unwrap();
        let oracle = Command::new(PYTHON).arg(tool("ecs.py")).arg(&log).arg(&documents).output().expect("python3 runs");
        if !oracle.status.success() {
            let said = String::from_utf8_lossy(&oracle.stdout).into_owned() + &String::from_utf8_lossy(&oracle.stderr);
            faults += &format!("{}:\n{said}", log.display());
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn an_event_is_the_same_document_every_time() {
    for log in ecs::logs() {
        assert!(ecs::text(&log) == ecs::text(&log), "{}", log.display());
    }
}
