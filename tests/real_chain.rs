//! Tests the whole chain with real parts: this kernel, auditd with the plugin, an HTTPS server, and a search server.
//!
//! The test needs root, a kernel with auditing, and auditd. Without them it prints the reason; in CI it fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    PYTHON,
    auditd::{self, Auditd, auditctl},
    auship, json,
    opensearch::OpenSearch,
    server::{Certificates, Server},
    tool, wait_until, write_config,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
    process::Command,
};
use time::{OffsetDateTime, macros::format_description};

/// A command that the test runs with these arguments. Its document must contain the same arguments.
struct Execution {
    arguments: Vec<Vec<u8>>,
}

fn executions() -> Vec<Execution> {
    let one = |argument: &[u8]| Execution { arguments: vec![argument.to_vec()] };
    vec![
        one(b"plain"),
        one(b"two  words "),
        one(b"quotes \" ' ` and \\ backslash"),
        one(b"new\nline\ttab\x01\x7f"),
        one("ünï cödé 日本 😀".as_bytes()),
        one(b"not text \xff\xfe\xc3("),
        Execution { arguments: vec![b"before".to_vec(), Vec::new(), b"after an empty one".to_vec()] },
        one(b"a1=\"x\" key=\"fake\" type=FAKE"),
        one(b"4142"),
        Execution { arguments: (0..9000).map(|n| format!("argument-{n}").into_bytes()).collect() },
        one(&b"0123456789".repeat(10_000)),
        one(&"é \u{1F600}".repeat(14_000).into_bytes()),
    ]
}

/// Returns the names of the files that the test creates.
fn names() -> Vec<Vec<u8>> {
    vec![
        b"plain".to_vec(),
        b"with space".to_vec(),
        b"quo\"te's".to_vec(),
        b"new\nline".to_vec(),
        "ünïcödé-日本".as_bytes().to_vec(),
        b"bytes-\xff\xfe".to_vec(),
        b"back\\slash".to_vec(),
        b"4142".to_vec(),
    ]
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(list) => list.iter().map(|v| v.as_str().unwrap()).collect(),
        Value::String(text) => vec![text],
        other => panic!("{other}"),
    }
}

/// Returns the exact bytes of a list of strings. If the `_hex` field has bytes for a string, these are used.
fn exact(details: &Value, key: &str) -> Vec<Vec<u8>> {
    let hex = details.get(format!("{key}_hex")).map(strings);
    let unhex =
        |text: &str| (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect();
    let texts = strings(&details[key]);
    let from_hex = |i: usize| hex.as_ref().map(|h| h[i]).filter(|h| !h.is_empty());
    texts.iter().enumerate().map(|(i, text)| from_hex(i).map_or_else(|| text.as_bytes().to_vec(), unhex)).collect()
}

fn check_executions(documents: &[Value], program: &Path, key: &str) {
    let of_key = |d: &&Value| d["details"]["auditkey"] == key && d["category"] == "execve";
    let found: Vec<&Value> = documents.iter().filter(of_key).collect();
    for execution in executions() {
        let expected: Vec<Vec<u8>> =
            std::iter::once(program.as_os_str().as_bytes().to_vec()).chain(execution.arguments).collect();
        let shown = String::from_utf8_lossy(&expected[1]).chars().take(40).collect::<String>();
        let long = expected.iter().any(|a| a.len() > 30_000);
        let matching: Vec<&&Value> = found
            .iter()
            .filter(|d| {
                let argv = exact(&d["details"], "argv");
                argv.len() == expected.len()
                    && argv.iter().zip(&expected).all(|(a, e)| {
                        a == e || (long && a.ends_with("…".as_bytes()) && e.starts_with(&a[..a.len() - 3]))
                    })
            })
            .collect();
        let [document] = matching[..] else { panic!("{} documents of {shown:?}", matching.len()) };
        let details = &document["details"];
        let command = expected.join(&b' ');
        match String::from_utf8(command.clone()) {
            Ok(command) => assert_eq!(strings(&details["command"]).concat(), command),
            Err(_) => assert_eq!(exact(details, "command"), [command]),
        }
        assert_eq!(details["argc"], expected.len().to_string());
        assert_eq!((&details["success"], &details["syscall"]), (&json!("true"), &json!("execve")));
        assert_eq!(details["process"], program.to_str().unwrap());
        assert_eq!((&details["uid"], &details["user"]), (&json!("0"), &json!("root")));
        assert!(details["parentprocess"].as_str().is_some_and(|name| !name.is_empty()), "{shown:?} has no parent");
        assert_eq!(document["tags"].as_array().unwrap().len(), 3, "{shown:?} is partial");
        assert!(!document["hostname"].as_str().unwrap().is_empty());
    }
}

fn check_files(documents: &[Value], watched: &Path, key: &str) {
    for name in names() {
        let path = watched.join(OsStr::from_bytes(&name));
        let made = documents.iter().any(|d| {
            let details = &d["details"];
            details["auditkey"] == key
                && d["category"] == "write"
                && details.get("paths").is_some()
                && exact(details, "paths").contains(&path.as_os_str().as_bytes().to_vec())
                && strings(&details["path_nametype"]).contains(&"CREATE")
        });
        assert!(made, "no document of {path:?}");
    }
}

/// Tests the whole chain with one log format of auditd.
#[allow(clippy::too_many_lines)] // one chain, from its beginning to its end
fn chain(log_format: &str) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let certificates = Certificates::new();
    let server = Server::https(dir.path(), "ok", &certificates);
    let file = dir.path().join("events.json");
    let search = OpenSearch::start();
    let to_search = search.as_ref().map_or_else(String::new, |search| {
        format!("[output:search]\ntype = elasticsearch\nurl = {}\nring_slots = 4096\nring_bytes = 64MiB\n", search.url)
    });
    let config = write_config(
        dir.path(),
        &format!(
            "run_dir = {}\n[output:file]\ntype = file\npath = {}\n[output:siem]\ntype = http\nurl = {}\n\
             curl_cainfo = {}\nring_slots = 4096\n{to_search}",
            dir.path().join("run").display(),
            file.display(),
            server.url,
            certificates.ca().display()
        ),
    );
    if search.is_some() {
        let setup = auship(&["setup", "--config", config.to_str().unwrap()], b"");
        assert!(setup.status.success(), "{setup:?}");
    }
    let watched = dir.path().join("watched");
    fs::create_dir(&watched).unwrap();
    let program = watched.join("program");
    fs::copy("/bin/true", &program).unwrap();

    let mut auditd = Auditd::start(dir.path(), &config, log_format);
    // The name of a parent is known from `/proc` only if the plugin runs when the event happens.
    wait_until("the plugin's first document", || fs::metadata(&file).is_ok_and(|file| file.len() > 0));
    let key = format!("auship-test-{}", std::process::id());
    let dir_rule = OsString::from(format!("dir={}", watched.display()));
    let end = [OsStr::new("-F"), &dir_rule, OsStr::new("-k"), OsStr::new(&key)];
    let words = |text: &'static str| text.split(' ').map(OsStr::new).collect::<Vec<_>>();
    auditd.rule(&[&words("-F arch=b64 -S execve -S execveat")[..], &end].concat());
    auditd.rule(&[&words("-F perm=wa")[..], &end].concat());
    for execution in executions() {
        let status = Command::new(&program).args(execution.arguments.iter().map(|a| OsStr::from_bytes(a))).status();
        assert!(status.unwrap().success());
    }
    for name in names() {
        fs::write(watched.join(OsStr::from_bytes(&name)), "x").unwrap();
    }
    auditd.delete_rules();
    // A stopping auditd loses events that the kernel still holds. So the test waits for the last event before the stop.
    let last = format!("last-of-{key}");
    auditctl(&["-m".as_ref(), last.as_ref()]).unwrap();
    let log = dir.path().join("audit.log");
    wait_until("the last event in auditd's log", || {
        String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).contains(&last)
    });
    let everywhere = |logged: &BTreeSet<EventKey>| {
        let in_file = || document_keys(&fs::read(&file).unwrap_or_default());
        wait_until("all events in the file", || logged.is_subset(&in_file()));
        wait_until("all events at the server", || logged.is_subset(&document_keys(&server.bodies())));
    };
    everywhere(&logged_keys(&log));
    auditd.stop();

    // The log now also has the events from auditd's shutdown. Every logged event must be in the file and at the server.
    let logged = logged_keys(&log);
    assert!(logged.len() > 20, "auditd logged {} events", logged.len());
    everywhere(&logged);
    if let Some(search) = &search {
        // An event has the same document ID whether it comes live or from auditd's log.
        let converted = auship(&["convert", "--format", "ecs", log.to_str().unwrap()], b"");
        let expected = event_ids(&json::lines(&converted.stdout));
        assert_eq!(expected.len(), logged.len());
        wait_until("all events in the index", || {
            search.count("auship-*");
            expected.is_subset(&event_ids(&search.find("auship-*", "*")))
        });
        let executed = search.find("auship-*", &format!("tags:\"{key}\" AND event.action:executed"));
        assert_eq!(executed.len(), executions().len());
    }
    drop(auditd);

    let documents = json::lines(&fs::read(&file).unwrap());
    let delivered = server.documents();
    for documents in [&documents, &delivered] {
        check_executions(documents, &program, &key);
        check_files(documents, &watched, &key);
    }
    for document in &documents {
        let other = delivered.iter().find(|other| event_key(other) == event_key(document)).unwrap();
        assert_eq!(document, other, "file and server differ");
    }
    let oracle = Command::new(PYTHON).arg(tool("mozdef.py")).arg(&log).arg(&file).arg("--live").output().unwrap();
    assert!(oracle.status.success(), "{}", String::from_utf8_lossy(&oracle.stdout));
}

fn event_ids(documents: &[Value]) -> BTreeSet<String> {
    documents.iter().map(|d| d["event"]["id"].as_str().unwrap().to_string()).collect()
}

/// Time and serial of an event. The serial alone isn't enough: auditd begins the serials of its own events (DAEMON_START)
/// with a random number below 10,000, so they may be equal to serials of the kernel.
type EventKey = (String, u64);

/// Returns the keys of the events in auditd's own log.
fn logged_keys(log: &Path) -> BTreeSet<EventKey> {
    let text = fs::read(log).unwrap_or_default();
    let key = |line: &str| {
        let (time, rest) = line.split_once("audit(")?.1.split_once(':')?;
        let (seconds, milliseconds) = time.split_once('.')?;
        let time = OffsetDateTime::from_unix_timestamp(seconds.parse().ok()?).ok()?;
        let seconds = time.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]")).ok()?;
        Some((format!("{seconds}.{milliseconds}+00:00"), rest.split_once(')')?.0.parse().ok()?))
    };
    String::from_utf8_lossy(&text).lines().filter_map(key).collect()
}

/// Returns the key of a document's event.
fn event_key(document: &Value) -> EventKey {
    let time = document["timestamp"].as_str().unwrap().to_string();
    (time, document["details"]["auditserial"].as_str().unwrap().parse().unwrap())
}

/// Returns the keys of the events of all whole lines.
fn document_keys(text: &[u8]) -> BTreeSet<EventKey> {
    let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
    json::lines(&text[..whole]).iter().map(event_key).collect()
}

#[test]
fn from_the_kernel_to_the_server() {
    let Some(_turn) = auditd::take("the real chain from the kernel to the server") else { return };
    for log_format in ["RAW", "ENRICHED"] {
        chain(log_format);
    }
}
