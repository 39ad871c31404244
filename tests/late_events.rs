//! Tests that detection rules see events that arrive late. Rules look back over `event.ingested`, which the cluster sets
//! in the pipeline that `auship setup` brings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Running, auship, noida::Noida, write_config};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, time::Duration};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// How late the events are: longer than rules look back, which is nine minutes.
const LATE: Duration = Duration::from_secs(600);

/// A server, and a configuration that sends to it.
struct Place {
    server: Noida,
    dir: tempfile::TempDir,
    config: PathBuf,
}

impl Place {
    /// Returns `None` if the server isn't installed.
    fn new(keys: &str) -> Option<Self> {
        let server = Noida::start()?;
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "shutdown_timeout = 30s\nrun_dir = {run}\n[input]\ntrack_sequence = no\n[output:siem]\n\
             type = elasticsearch\nurl = {url}\nbulk_interval = 50ms\n{keys}",
            run = dir.path().join("run").display(),
            url = server.url,
        );
        let config = write_config(dir.path(), &text);
        Some(Self { server, dir, config })
    }

    /// Runs `auship setup` and returns what it prints.
    fn setup(&self) -> String {
        let output = auship(&["setup", "--config", self.config.to_str().unwrap()], b"");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Sends one event that happened some time ago, and returns when it happened.
    fn send_late(&self, serial: u32) -> OffsetDateTime {
        let happened = OffsetDateTime::now_utc() - LATE;
        let mut sender = Running::start(&self.config);
        sender.feed(&format!(
            "type=USER msg=audit({}.000:{serial}): pid=1 uid=0 res=success\n",
            happened.unix_timestamp()
        ));
        let (status, said) = sender.finish();
        assert!(status.success() && said.contains("delivered 1, lost 0"), "{said}");
        happened
    }

    /// Returns the documents that a rule would examine: the field is within the last nine minutes.
    fn examined(&self, indexes: &str, field: &str) -> Vec<Value> {
        let start = (OffsetDateTime::now_utc() - Duration::from_secs(540)).format(&Rfc3339).unwrap();
        self.server.search(indexes, &json!({"range": {field: {"gte": start}}}))
    }
}

/// The first 19 characters of a time in UTC, down to the second. They sort as the times do.
fn seconds(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap()[..19].to_string()
}

/// Checks the times of a document that was sent late. `happened` is the time of its event.
fn check(document: &Value, happened: OffsetDateTime) {
    let second = |time: &Value| time.as_str().unwrap()[..19].to_string();
    assert_eq!(second(&document["@timestamp"]), seconds(happened), "{document}");
    let ingested = second(&document["event"]["ingested"]);
    assert!((seconds(happened + LATE)..=seconds(OffsetDateTime::now_utc())).contains(&ingested), "{document}");
}

#[test]
fn what_comes_late_is_examined() {
    for (keys, indexes) in [
        ("", "auship-*"),
        ("index = audit\n", "audit"),
        ("data_stream = auship\n", "auship"),
        ("data_stream = logs-auditd_manager.auditd-auship\n", "logs-*"),
    ] {
        let Some(place) = Place::new(keys) else { return };
        place.setup();
        let happened = place.send_late(1);
        let found = place.examined(indexes, "event.ingested");
        assert_eq!(found.len(), 1, "{keys}");
        check(&found[0], happened);
        assert_eq!(place.examined(indexes, "@timestamp"), [json!(null); 0], "{keys}");
        // The server has no policies. The rest is right: the policy's line is the second one.
        let said = place.setup();
        assert!(said.lines().skip(2).all(|line| line.ends_with(": is right")), "{said}");
    }
}

#[test]
fn indexes_that_exist_already_get_the_pipeline() {
    for keys in ["index = auship-%Y.%m.%d\n", "data_stream = auship\n"] {
        let Some(place) = Place::new(keys) else { return };
        if keys.starts_with("data") {
            let template = json!({"index_patterns": ["auship"], "data_stream": {}, "priority": 400});
            place.server.ask("PUT", "/_index_template/older", Some(&template));
        }
        place.send_late(1);
        assert_eq!(place.examined("auship*", "event.ingested"), [json!(null); 0]);
        let said = place.setup();
        assert!(said.contains("\n  final pipeline of auship"), "{said}");
        assert!(said.ends_with(": was missing in 1 index: set it\n"), "{said}");
        let happened = place.send_late(2);
        let found = place.examined("auship*", "event.ingested");
        assert_eq!(found.len(), 1, "{keys}");
        check(&found[0], happened);
    }
}

#[test]
fn a_pipeline_of_ones_own_runs_too_and_an_earlier_time_stays() {
    let Some(place) = Place::new("index = audit\n") else { return };
    place.setup();
    let own = json!({"processors": [{"set": {"field": "labels.site", "value": "north"}}]});
    place.server.ask("PUT", "/_ingest/pipeline/mine", Some(&own));
    place.server.ask("PUT", "/audit", Some(&json!({"settings": {"index.default_pipeline": "mine"}})));
    let happened = place.send_late(1);
    let found = place.examined("audit", "event.ingested");
    assert_eq!(found[0]["labels"]["site"], "north");
    check(&found[0], happened);

    // A document that is copied to another index keeps the time, so that rules don't examine it again.
    let earlier = json!({"event": {"ingested": "2026-01-01T00:00:00.000Z"}});
    place.server.ask("PUT", "/audit/_create/1", Some(&earlier));
    let copied = place.server.search("audit", &json!({"range": {"event.ingested": {"lt": "2026-01-02"}}}));
    assert_eq!(copied.len(), 1);
    assert_eq!(copied[0]["event"], earlier["event"]);
}

#[test]
fn documents_of_a_data_stream_name_it() {
    let Some(place) = Place::new("data_stream = logs-auditd_manager.auditd-auship\n") else { return };
    place.setup();
    place.send_late(1);
    let query = json!({"term": {"data_stream.dataset": "auditd_manager.auditd"}});
    let found = place.server.search("logs-*", &query);
    assert_eq!(found.len(), 1);
    let stream = json!({"type": "logs", "dataset": "auditd_manager.auditd", "namespace": "auship"});
    assert_eq!(found[0]["data_stream"], stream);
    assert_eq!(found[0]["event"]["dataset"], "auditd_manager.auditd");
    let log = place.dir.path().join("log");
    fs::write(&log, "type=USER msg=audit(1795320000.001:7): pid=1\n").unwrap();
    let config = place.config.to_str().unwrap();
    let converted = auship(&["convert", "--config", config, log.to_str().unwrap()], b"");
    assert_eq!(common::json::lines(&converted.stdout)[0]["data_stream"], stream, "convert writes what is sent");
}
