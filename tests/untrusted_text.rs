//! Text of users that looks like fields, in records of the real kernel and of real programs: no document has a field that
//! the text makes.
//!
//! The test needs root, a kernel with auditing, and auditd. Without them it prints the reason; in CI it fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    PYTHON,
    auditd::{self, Auditd, auditctl},
    auship, cannot_run, json, tool, wait_until, write_config,
};
use serde_json::Value;
use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

/// Looks like fields, in a record of any kind. It is short enough for the name of a group.
const TEXT: &str = r#"x" exe="/bin/true" res=success a=b key="k" uid=7"#;
/// The path of a socket, with a line in it that looks like a record.
const PATH: &str = "/tmp/x }\ntype=USER_LOGIN msg=audit(1700000000.100:2): pid=1 uid=0 res=success";

fn make(name: &str, text: &str) -> Output {
    Command::new(PYTHON).arg(tool("hostile_records.py")).args([name, text]).output().unwrap()
}

/// Makes one record, if that is possible here.
fn is_made(name: &str) -> bool {
    let output = make(name, TEXT);
    if output.status.code() == Some(3) {
        cannot_run(&format!("a record of {name}"), &String::from_utf8_lossy(&output.stderr));
        return false;
    }
    assert!(output.status.success(), "{name}: {output:?}");
    true
}

/// The one document whose field has the text.
fn document<'a>(documents: &'a [Value], category: &str, key: &str) -> &'a Value {
    let has = |d: &&Value| d["category"] == category && d["details"][key].as_str().is_some_and(|v| v.contains(TEXT));
    let mut found = documents.iter().filter(has);
    let document = found.next().unwrap_or_else(|| panic!("no document of {category} with {key} in {documents:#?}"));
    assert!(found.next().is_none(), "two documents of {category}");
    document
}

/// Checks that no field of the text is a field of the document.
fn check(document: &Value, program: &str, result: Option<&str>) {
    let details = &document["details"];
    assert_eq!(details["res"].as_str(), result, "{document:#}");
    assert!(details.get("a").is_none() && details.get("auditkey").is_none(), "{document:#}");
    assert_ne!(details["uid"], "7", "{document:#}");
    assert!(details["process"].as_str().unwrap().contains(program), "{document:#}");
}

/// Checks the documents of all records that were made.
fn check_all(documents: &[Value], made: &[&str]) {
    for name in made {
        match *name {
            "avc" => {
                let avc = document(documents, "selinux", "cmdline");
                check(avc, "python", None);
                assert_eq!(avc["details"]["cmdline"], TEXT);
                assert_eq!(avc["details"]["tclass"], "system");
            }
            "nft" => check(document(documents, "netfilter_cfg", "table"), "python", None),
            "newgrp" => check(document(documents, "chgrp_id", "new-group"), "newgrp", Some("failed")),
            _ => check(document(documents, "user", "text"), "auditctl", Some("success")),
        }
    }
    assert!(documents.iter().all(|d| d["details"]["auditserial"] != "2"), "the path of a socket became a record");
    let paths =
        documents.iter().filter(|d| d["details"]["saddr"].as_str().is_some_and(|s| s.contains("type=USER_LOGIN")));
    assert_eq!(paths.count(), 1, "{documents:#?}");
}

fn in_log(log: &Path, text: &str) -> bool {
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).contains(text)
}

#[test]
fn nobody_makes_a_field() {
    let Some(_turn) = auditd::take("records of the real kernel with hostile text") else { return };
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let file = dir.path().join("events.json");
    let output = format!("[output:file]\ntype = file\npath = {}\n", file.display());
    let config = write_config(dir.path(), &format!("run_dir = {}\n{output}", dir.path().join("run").display()));
    let mut auditd = Auditd::start(dir.path(), &config, "ENRICHED");
    let key = format!("auship-test-{}", std::process::id());
    let rule = format!("-F arch=b64 -S connect -F uid=65534 -k {key}");
    auditd.rule(&rule.split(' ').map(OsStr::new).collect::<Vec<_>>());
    let made: Vec<&str> = ["avc", "nft", "newgrp", "user"].into_iter().filter(|name| is_made(name)).collect();
    assert!(make("socket", PATH).status.success());
    auditd.delete_rules();
    let last = format!("last-of-{key}");
    auditctl(&["-m".as_ref(), last.as_ref()]).unwrap();
    let log = dir.path().join("audit.log");
    wait_until("the last event in auditd's log", || in_log(&log, &last));
    wait_until("the last event in the file", || in_log(&file, &last));
    auditd.stop();
    drop(auditd);

    check_all(&json::lines(&fs::read(&file).unwrap()), &made);
    // auditd has written the newline of the socket's path into its log.
    assert!(in_log(&log, "\ntype=USER_LOGIN msg=audit(1700000000.100:2)"));
    check_all(&json::lines(&auship(&["convert", log.to_str().unwrap()], b"").stdout), &made);
}
