//! End-to-end tests with a real search server. `auship setup` installs the templates, and `type = elasticsearch`
//! delivers the events. Typical queries must then find each event exactly once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{PYTHON, Running, auship, data, event, json, opensearch::OpenSearch, tool, wait_until, write_config};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// All indexes of the output's default pattern.
const INDEXES: &str = "auship-*";

/// A server with the templates installed, and a directory for the sending process.
struct Place {
    server: OpenSearch,
    dir: tempfile::TempDir,
    config: PathBuf,
}

impl Place {
    /// Starts a server and configures an output with these keys. Gaps in the serials aren't reported, because each
    /// report would be another document. Returns `None` if the server isn't installed.
    fn new(keys: &str) -> Option<Self> {
        let server = OpenSearch::start()?;
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "shutdown_timeout = 30s\nrun_dir = RUN\n[input]\ntrack_sequence = no\n[output:siem]\ntype = elasticsearch\nformat = ecs\nurl = {}\n\
             bulk_interval = 50ms\n{keys}",
            server.url
        );
        let text = text.replace("SPOOL", dir.path().join("spool").to_str().unwrap());
        let text = text.replace("RUN", dir.path().join("run").to_str().unwrap());
        let config = write_config(dir.path(), &text);
        let setup = auship(&["setup", "--config", config.to_str().unwrap()], b"");
        assert!(setup.status.success(), "{setup:?}");
        Some(Self { server, dir, config })
    }

    /// Sends a whole log, waits for the sender to end, and returns what the sender printed.
    fn send(&self, log: &str) -> String {
        let mut sender = Running::start(&self.config);
        sender.feed(log);
        let (status, said) = sender.finish();
        assert!(status.success(), "{said}");
        said
    }

    /// Returns the number of documents on the server.
    fn count(&self) -> usize {
        self.server.count(INDEXES).try_into().unwrap()
    }

    /// Returns the ids of the events that a query finds.
    fn find(&self, query: &str) -> BTreeSet<String> {
        ids(&self.server.find(INDEXES, query))
    }
}

fn ids<'a>(documents: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    documents.into_iter().map(|d| d["event"]["id"].as_str().unwrap().to_string()).collect()
}

/// Returns `zoo-enriched.log` and four more events of alice and bob. The file alone has no failures of alice.
fn zoo() -> String {
    let failure = |serial: usize, user: &str, kind: &str, result: &str| {
        format!(
            "type={kind} msg=audit(1795405407.00{}:{serial}): pid=4001 uid=0 auid=4294967295 ses=4294967295 \
             msg='op=PAM:authentication grantors=? acct=\"{user}\" exe=\"/usr/sbin/sshd\" hostname=198.51.100.7 \
             addr=198.51.100.7 terminal=ssh res={result}'UID=\"root\" AUID=\"unset\"\n",
            serial % 10
        )
    };
    fs::read_to_string(data("zoo-enriched.log")).unwrap()
        + &failure(990_001, "alice", "USER_AUTH", "failed")
        + &failure(990_002, "alice", "USER_AUTH", "success")
        + &failure(990_003, "bob", "USER_AUTH", "failed")
        + &failure(990_004, "alice", "USER_ERR", "failed")
}

/// Returns the number of events in a log, counted with libauparse's Python binding.
fn oracle(dir: &Path, log: &str) -> usize {
    let path = dir.join("oracle.log");
    fs::write(&path, log).unwrap();
    let mozdef = tool("mozdef.py");
    let program = "import sys; sys.path.insert(0, sys.argv[1]); import mozdef; \
                   print(len(mozdef.events(open(sys.argv[2], 'rb').read())))";
    let output = Command::new(PYTHON).args(["-B", "-c", program]).arg(mozdef.parent().unwrap()).arg(&path).output();
    let output = output.expect("python3 runs");
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or_else(|_| panic!("{output:?}"))
}

fn convert(log: &str) -> Vec<Value> {
    let output = auship(&["convert", "--format", "ecs"], log.as_bytes());
    assert!(output.status.success(), "{output:?}");
    json::lines(&output.stdout)
}

#[test]
fn what_was_sent_is_found_by_what_users_ask() {
    let Some(place) = Place::new("") else { return };
    // The templates define all field types. The documents must not change the mappings.
    for day in ["2026.11.22", "2026.11.23"] {
        place.server.ask("PUT", &format!("/auship-{day}"), None);
    }
    let mappings = place.server.ask("GET", "/auship-*/_mapping", None);
    let log = zoo();
    let said = place.send(&log);
    let events = oracle(place.dir.path(), &log);
    assert!(events > 70, "{events}");
    assert_eq!(place.count(), events, "{said}");
    assert_eq!(place.server.ask("GET", "/auship-*/_mapping", None), mappings);

    // `auship convert` produces the same documents, so the test works out the expected results without the server.
    let documents = convert(&log);
    assert_eq!(place.find("*"), ids(&documents));
    let having = |holds: &dyn Fn(&Value) -> bool| ids(documents.iter().filter(|d| holds(d)));
    let is = |d: &Value, path: &str, what: &str| match d.pointer(path) {
        Some(Value::Array(all)) => all.iter().any(|one| one == what),
        Some(one) => one == what,
        None => false,
    };
    let su = having(&|d| is(d, "/process/executable", "/usr/bin/su"));
    let failed = having(&|d| is(d, "/event/outcome", "failure") && is(d, "/user/name", "alice"));
    let failed_for = having(&|d| is(d, "/event/outcome", "failure") && is(d, "/related/user", "alice"));
    let logins = having(&|d| is(d, "/event/category", "authentication") && is(d, "/source/ip", "198.51.100.7"));
    let opened = having(&|d| is(d, "/auditd/data/syscall", "openat"));
    for (query, expected, at_least) in [
        (r#"process.executable:"/usr/bin/su""#, &su, 3),
        ("event.outcome:failure AND user.name:alice", &failed, 1),
        ("event.outcome:failure AND related.user:alice", &failed_for, 2),
        (r#"event.category:authentication AND source.ip:"198.51.100.0/24""#, &logins, 3),
        ("auditd.data.syscall:openat", &opened, 3),
    ] {
        assert!(expected.len() >= at_least, "{query}: {} documents should be found", expected.len());
        assert_eq!(&place.find(query), expected, "{query}");
    }

    let later = having(&|d| d["@timestamp"].as_str().unwrap() >= "2026-11-23");
    assert_eq!(later.len(), 4);
    let range = json!({"range": {"@timestamp": {"gte": "2026-11-23T00:00:00Z", "lt": "2026-11-24T00:00:00Z"}}});
    assert_eq!(ids(&place.server.search(INDEXES, &range)), later);
    // Each index holds the events of one day, in UTC.
    assert_eq!(ids(&place.server.find("auship-2026.11.23", "*")), later);

    let mut actions = BTreeMap::new();
    for document in documents.iter().filter_map(|d| d["event"]["action"].as_str()) {
        *actions.entry(document.to_string()).or_insert(0) += 1;
    }
    assert!(actions.len() > 20, "{actions:?}");
    let aggregation = json!({"size": 0, "aggs": {"actions": {"terms": {"field": "event.action", "size": 1000}}}});
    let answer = place.server.ask("POST", "/auship-*/_search", Some(&aggregation));
    let buckets = answer["aggregations"]["actions"]["buckets"].as_array().unwrap();
    let counted = buckets.iter().map(|b| (b["key"].as_str().unwrap().to_string(), b["doc_count"].as_i64().unwrap()));
    assert_eq!(counted.collect::<BTreeMap<_, _>>(), actions);
}

#[test]
fn a_log_that_is_sent_twice_is_there_once() {
    let Some(place) = Place::new("") else { return };
    let log = zoo();
    let events = oracle(place.dir.path(), &log);
    for _ in 0..2 {
        let said = place.send(&log);
        assert!(said.contains(&format!("ended: events in {events}, delivered {events}, lost 0")), "{said}");
        assert_eq!(place.count(), events);
    }
}

#[test]
fn a_sender_that_is_killed_and_started_again_leaves_each_event_once() {
    let keys = "bulk_events = 10\nworkers = 2\nspool_dir = SPOOL\n";
    let Some(place) = Place::new(keys) else { return };
    let log: String = zoo() + &common::events(1, 5000);
    let events = oracle(place.dir.path(), &log);
    assert!(events > 5000);
    let mut killed = 0;
    for kill_at in [100, 1500] {
        let mut sender = Running::start(&place.config);
        sender.feed(&log);
        wait_until("some documents", || place.count() >= kill_at);
        sender.kill();
        let there = place.count();
        if (kill_at..events).contains(&there) {
            killed += 1;
        }
    }
    assert!(killed > 0, "it was always too fast to be killed in the middle");
    place.send(&log);
    assert_eq!(place.count(), events);
    assert_eq!(place.find("auditd.data.text:nothing"), BTreeSet::new());
}

#[test]
fn invented_names_keep_no_event_out_of_the_index() {
    let dead = "dead_letter_file = SPOOL.dead\n";
    let Some(place) = Place::new(dead) else { return };
    // These names could turn text fields into objects or objects into text, or are invalid as field names.
    let names =
        ["op=1 op.x", "syscall.x", "socket", "socket.family", ".", "..", "x.", ".x", "a..b", "\u{2003}", "x.y=1 x"];
    let log: String = names.iter().enumerate().map(|(n, name)| event(n + 1, &format!("x {name}=2"))).collect();
    let log = log + "type=op.x msg=audit(1795320000.001:99): pid=1 uid=0 pid=2 uid=3\n";
    let said = place.send(&log);
    let events = names.len() + 1;
    assert!(said.contains(&format!("delivered {events}, lost 0")), "{said}");
    assert_eq!(place.count(), events, "{said}");
    assert!(!place.dir.path().join("spool.dead").exists());
    // Elasticsearch refuses keys that consist only of blanks. This server accepts them, so the test checks the keys.
    let data = |d: &Value| d["auditd"]["data"].as_object().map(|data| data.keys().cloned().collect::<Vec<_>>());
    let keys: Vec<String> = convert(&log).iter().filter_map(data).flatten().collect();
    assert!(!keys.iter().any(|key| key.trim().is_empty() || key.contains('.')), "{keys:?}");
}
