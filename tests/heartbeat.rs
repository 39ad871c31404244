//! Tests of heartbeats: documents that say that auship is alive, and how the kernel's auditing is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    PYTHON, Running, audit,
    auditd::{auditctl, status},
    cannot_run,
    ecs::{leaves, schema},
    events, json,
    opensearch::OpenSearch,
    prometheus::{adds_up, parse},
    tool, wait_until, write_config,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Two outputs, one for each format, and heartbeats each second. A filter drops all events.
struct Outputs {
    dir: tempfile::TempDir,
    config: PathBuf,
}

impl Outputs {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = Self::write(dir.path(), "1s");
        Self { dir, config }
    }

    fn write(dir: &Path, heartbeat: &str) -> PathBuf {
        let text = format!(
            "shutdown_timeout = 1m\nrun_dir = {0}/run\n[filter:all]\nregex = .\n\
             [metrics]\nheartbeat = {heartbeat}\nprometheus_file = {0}/auship.prom\n\
             [output:moz.def]\ntype = file\npath = {0}/mozdef\n\
             [output:ecs]\ntype = file\npath = {0}/ecs\nformat = ecs\n",
            dir.display()
        );
        write_config(dir, &text)
    }

    /// The complete documents in a file so far.
    fn documents(&self, name: &str) -> Vec<Value> {
        let text = fs::read(self.dir.path().join(name)).unwrap_or_default();
        json::lines(&text[..text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1)])
    }

    /// Waits until the newest heartbeat of each output is as it should be. Returns the newest ones, with those of
    /// `format = ecs` last.
    fn wait(&self, what: &str, is_right: impl Fn(&BTreeMap<String, String>) -> bool) -> (Value, Value) {
        let mut newest = (Value::Null, Value::Null);
        wait_until(what, || {
            let last = |name| self.documents(name).pop().unwrap_or_default();
            newest = (last("mozdef"), last("ecs"));
            is_right(&of_mozdef(&newest.0)) && is_right(&of_ecs(&newest.1))
        });
        newest
    }
}

/// The facts of a heartbeat in MozDef's format.
fn of_mozdef(document: &Value) -> BTreeMap<String, String> {
    let details = document["details"].as_object();
    details.into_iter().flatten().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// The facts of a heartbeat in ECS, under the names that they have in MozDef's format.
fn of_ecs(document: &Value) -> BTreeMap<String, String> {
    let mut all = Vec::new();
    if document.is_object() {
        leaves(&document["auship"], &mut all);
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut facts: BTreeMap<_, _> = all.iter().map(|(name, value)| (name.replace('.', "_"), text(value))).collect();
    if let Some(id) = document.pointer("/host/boot/id") {
        facts.insert("boot_id".into(), text(id));
    }
    facts
}

/// What a shell command prints, up to the first space.
fn printed(command: &str) -> Option<String> {
    let output = Command::new("sh").args(["-c", command]).env("LC_ALL", "C").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| text.split([' ', '\n']).next().unwrap().to_owned())
}

#[test]
fn every_output_gets_heartbeats_from_the_start_to_the_end() {
    let outputs = Outputs::new();
    let mut auship = Running::start(&outputs.config);
    auship.feed(&events(1, 20));
    outputs.wait("three heartbeats", |facts| facts.get("number").is_some_and(|n| n.parse::<u32>().unwrap() >= 3));
    let (status, said) = auship.finish();
    assert!(status.success(), "{said}");
    let (mozdef, ecs) = (outputs.documents("mozdef"), outputs.documents("ecs"));
    assert_eq!(mozdef.len(), ecs.len(), "filters apply to events alone");
    for (number, (one, other)) in mozdef.iter().zip(&ecs).enumerate() {
        assert_eq!(of_mozdef(one), of_ecs(other));
        let state = match number {
            0 => "started",
            _ if number + 1 == mozdef.len() => "stopping",
            _ => "running",
        };
        assert_eq!((&one["category"], &one["details"]["state"]), (&"heartbeat".into(), &state.into()));
        assert_eq!(one["details"]["number"], (number + 1).to_string());
        assert_eq!((&other["event"]["action"], &other["event"]["kind"]), (&"heartbeat".into(), &"metric".into()));
        assert_eq!(one["summary"], other["message"]);
    }
    let ids: BTreeSet<&str> = ecs.iter().map(|document| document["event"]["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), ecs.len(), "each has an id of its own");
    let times: Vec<&str> = ecs.iter().map(|document| document["@timestamp"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");

    let last = of_mozdef(mozdef.last().unwrap());
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    for (name, value) in [
        ("version", env!("CARGO_PKG_VERSION")),
        ("period_seconds", "1"),
        ("config_path", outputs.config.to_str().unwrap()),
        ("config_sha256", &printed(&format!("sha256sum {}", outputs.config.display())).unwrap()),
        ("boot_id", boot_id.trim()),
        ("input_events", "20"),
        ("input_filtered", "20"),
        // The heartbeats before this one.
        ("output_moz_def_events", &(mozdef.len() - 1).to_string()),
        ("outputs_lost", "0"),
    ] {
        assert_eq!(last.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(last["uptime_seconds"].parse::<u64>().unwrap() >= 2);
    let prometheus = fs::read_to_string(outputs.dir.path().join("auship.prom")).unwrap();
    assert!(adds_up(&prometheus));
    assert_eq!(parse(&prometheus)["auship_heartbeats_total"], mozdef.len() as f64);
    assert!(said.contains(&format!("events in 20, filtered 20, heartbeats {}, ", mozdef.len())), "{said}");
}

#[test]
fn fields_are_in_the_schema_or_in_the_index_template() {
    let outputs = Outputs::new();
    let mut auship = Running::start(&outputs.config);
    outputs.wait("a heartbeat", |facts| !facts.is_empty());
    assert!(auship.finish().0.success());
    let template = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/elasticsearch/mappings-auditd.json"));
    let template = json::document(&template.unwrap());
    let schema = schema();
    for document in outputs.documents("ecs") {
        let mut fields = Vec::new();
        leaves(&document, &mut fields);
        for (field, value) in fields {
            if let Some(definition) = schema.get(&field) {
                let is_list = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
                assert!(common::ecs::fits(&definition.kind, value) || is_list(value), "{field}: {value}");
                continue;
            }
            // Each output has an object of its own name. Its numbers and texts get the types of numbers and keywords.
            if field.starts_with("auship.output.") {
                continue;
            }
            let path = format!("/template/mappings/properties/{}/type", field.replace('.', "/properties/"));
            let kind = template.pointer(&path).and_then(Value::as_str);
            match kind {
                Some("long") => assert!(value.is_u64(), "{field}: {value}"),
                Some("keyword") => assert!(value.is_string(), "{field}: {value}"),
                _ => assert_eq!(field, "agent.type", "{field} is in no template"),
            }
        }
    }
}

#[test]
fn a_reload_turns_heartbeats_off_and_on() {
    let outputs = Outputs::new();
    Outputs::write(outputs.dir.path(), "no");
    let mut auship = Running::start(&outputs.config);
    auship.wait_for("started with");
    auship.feed(&events(1, 5));
    auship.wait_for_events(5);
    assert_eq!(outputs.documents("mozdef"), [] as [Value; 0]);
    Outputs::write(outputs.dir.path(), "1s");
    auship.signal(Signal::SIGHUP);
    let (first, _) = outputs.wait("a heartbeat", |facts| facts.contains_key("state"));
    assert_eq!(
        first["details"]["config_sha256"].as_str(),
        printed(&format!("sha256sum {}", outputs.config.display())).as_deref(),
        "it is the file that is in use now"
    );
    Outputs::write(outputs.dir.path(), "no");
    auship.signal(Signal::SIGHUP);
    auship.wait_for_times("reloaded", 2);
    assert!(auship.finish().0.success());
    let states: Vec<_> = outputs.documents("mozdef").iter().map(|d| d["details"]["state"].clone()).collect();
    assert!(states[0] == "started" && !states.contains(&"stopping".into()), "{states:?}");
}

/// The request in docs/operations.md that finds silent hosts: its path and its body.
fn documented_request() -> (String, Value) {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md")).unwrap();
    let request = page.split("```\nPOST ").nth(1).unwrap().split("\n```").next().unwrap();
    let (path, body) = request.split_once('\n').unwrap();
    (format!("/{path}"), serde_json::from_str(body).unwrap())
}

#[test]
fn a_search_server_finds_heartbeats_and_silent_hosts() {
    let Some(server) = OpenSearch::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "run_dir = {}/run\n[metrics]\nheartbeat = 1s\n[output:siem.1]\ntype = elasticsearch\nurl = {}\nbulk_interval = 100ms\n",
        dir.path().display(),
        server.url
    );
    let config = write_config(dir.path(), &text);
    let setup = common::auship(&["setup", "--config", config.to_str().unwrap()], b"");
    assert!(setup.status.success(), "{setup:?}");
    let mut auship = Running::start(&config);
    auship.wait_for("started");
    auship.feed(&events(1, 3));
    wait_until("two heartbeats are delivered", || auship.figure("auship_output_delivered_total") >= 5);
    let (status, said) = auship.finish();
    assert!(status.success() && said.contains("lost 0"), "{said}");
    assert!(server.count("auship-*") >= 6, "{said}");
    let found = |query: &str| server.find("auship-*", query).len();
    assert!(
        found("event.action:heartbeat AND auship.uptime_seconds:>=0 AND auship.output.siem_1.type:elasticsearch") >= 3
    );
    assert_eq!(found("event.action:heartbeat AND auship.state:stopping AND auship.input.events:3"), 1);
    let mapping = server.ask("GET", "/auship-*/_mapping", None);
    let newest = mapping.as_object().unwrap().values().next_back().unwrap();
    let kind = |field: &str| {
        let path = format!("/mappings/properties/{}/type", field.replace('.', "/properties/"));
        newest.pointer(&path).and_then(Value::as_str).map(str::to_owned)
    };
    for (field, expected) in [
        ("auship.kernel.enabled", "long"),
        ("auship.config.sha256", "keyword"),
        ("auship.output.siem_1.delivered", "long"),
        ("auship.output.siem_1.breaker", "keyword"),
        ("host.boot.id", "keyword"),
    ] {
        assert_eq!(kind(field).as_deref(), Some(expected), "{field}");
    }
    let (path, body) = documented_request();
    let answer = server.ask("POST", &path, Some(&body));
    let hosts = answer["aggregations"]["hosts"]["buckets"].as_array().unwrap();
    let name = server.find("auship-*", "event.action:heartbeat")[0]["host"]["name"].clone();
    assert_eq!((hosts.len(), &hosts[0]["key"]), (1, &name), "{answer}");
    assert!(hosts[0]["last"]["value"].as_f64().unwrap() > 1.7e12, "{answer}");
}

/// Restores the kernel's audit settings when it is dropped.
struct Kernel {
    was_enabled: u32,
}

const RULE: [&str; 6] = ["always,exit", "-F", "arch=b64", "-S", "acct", "-kauship_heartbeat"];

fn set(args: &[&str]) {
    auditctl(&args.iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap();
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let delete: Vec<&str> = ["-d"].into_iter().chain(RULE).collect();
        let _ = auditctl(&delete.iter().map(AsRef::as_ref).collect::<Vec<_>>());
        let _ = auditctl(&["-e".as_ref(), self.was_enabled.to_string().as_ref()]);
    }
}

/// How many rules the kernel has, and their hash, as another program finds it.
fn rules() -> (String, String) {
    let output = Command::new(PYTHON).arg(tool("kernel_rules.py")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (count, hash) = text.trim().split_once(' ').unwrap();
    (count.to_owned(), hash.to_owned())
}

#[test]
fn the_kernels_state_is_that_of_auditctl() {
    const WHAT: &str = "heartbeats with the kernel's audit status";
    let turn = match audit::take() {
        Ok(turn) => turn,
        Err(why) => return cannot_run(WHAT, &why),
    };
    let was_enabled = match status("enabled") {
        Some(enabled @ (0 | 1)) => enabled,
        Some(_) => return cannot_run(WHAT, "the audit configuration is locked until the next boot"),
        None => return cannot_run(WHAT, "auditctl -s doesn't answer"),
    };
    let kernel = Kernel { was_enabled };
    let outputs = Outputs::new();
    let mut auship = Running::start(&outputs.config);
    for enabled in [1, 0, 1] {
        set(&["-e", &enabled.to_string()]);
        let names =
            ["enabled", "failure", "pid", "rate_limit", "backlog_limit", "lost", "backlog", "backlog_wait_time"];
        let (mozdef, _) = outputs.wait("a heartbeat with the status of auditctl -s", |facts| {
            let of = |name: &str| facts.get(&format!("kernel_{name}")).and_then(|value| value.parse().ok());
            status("enabled") == Some(enabled) && names.iter().all(|name| of(name) == status(&format!("{name} ")))
        });
        let (severity, auditing) = if enabled == 0 { ("WARNING", "OFF") } else { ("INFO", "on") };
        assert_eq!(mozdef["severity"], severity);
        let summary = mozdef["summary"].as_str().unwrap();
        assert!(summary.starts_with(&format!("Heartbeat: auditing is {auditing}, ")), "{summary}");
        wait_until("the metric is that of the kernel", || {
            auship.report();
            let text = fs::read_to_string(outputs.dir.path().join("auship.prom")).unwrap();
            let metrics = parse(&text);
            let is = |metric: &str, name: &str| {
                metrics.get(&format!("auship_kernel_{metric}")).copied() == status(name).map(f64::from)
            };
            is("audit_enabled", "enabled ")
                && is("lost_total", "lost ")
                && is("backlog_records", "backlog ")
                && is("backlog_limit_records", "backlog_limit ")
        });
    }
    let has = |facts: &BTreeMap<String, String>, (count, hash): &(String, String)| {
        let of = |name: &str| facts.get(name).map(String::as_str);
        (of("rules_source"), of("rules_count"), of("rules_sha256")) == (Some("kernel"), Some(count), Some(hash))
    };
    let before = rules();
    outputs.wait("a heartbeat with the rules", |facts| has(facts, &before));
    set(&["-a"].into_iter().chain(RULE).collect::<Vec<_>>());
    let with = rules();
    assert_eq!(with.0.parse::<u32>().unwrap(), before.0.parse::<u32>().unwrap() + 1);
    outputs.wait("a heartbeat with one more rule", |facts| has(facts, &with) && with.1 != before.1);
    set(&["-d"].into_iter().chain(RULE).collect::<Vec<_>>());
    outputs.wait("a heartbeat without that rule", |facts| has(facts, &before));
    let (exit, said) = auship.finish();
    assert!(exit.success() && !said.contains("without the kernel's audit status"), "{said}");
    drop(kernel);
    drop(turn);
}

#[test]
fn who_may_not_ask_the_kernel_gets_the_rules_of_the_files() {
    if !nix::unistd::geteuid().is_root() {
        return cannot_run("heartbeats without CAP_AUDIT_CONTROL", "not root");
    }
    let outputs = Outputs::new();
    let args = ["--bounding-set=-audit_control", "--inh-caps=-audit_control"];
    let mut auship = Running::start_under("setpriv", &args, &outputs.config);
    outputs.wait("two heartbeats", |facts| facts.get("number").is_some_and(|n| n.parse::<u32>().unwrap() >= 2));
    let (status, said) = auship.finish();
    assert!(status.success(), "{said}");
    let expected = printed("cat /etc/audit/audit.rules /etc/audit/rules.d/*.rules | sha256sum");
    for document in outputs.documents("mozdef") {
        let facts = of_mozdef(&document);
        assert!(!facts.keys().any(|name| name.starts_with("kernel_")), "{facts:?}");
        let of = |name: &str| facts.get(name).cloned();
        if Path::new("/etc/audit/audit.rules").exists() {
            assert_eq!((of("rules_source"), of("rules_sha256")), (Some("files".into()), expected.clone()));
        }
        assert_eq!(of("rules_count"), None);
        assert!(document["summary"].as_str().unwrap().ends_with("0 events in, lost 0"), "{document}");
    }
    let told = "heartbeats are without the kernel's audit status: ";
    assert_eq!(said.matches(told).count(), 1, "it is told once: {said}");
    assert!(said.contains("asking for it needs CAP_AUDIT_CONTROL"), "{said}");
}

#[test]
fn a_wrong_time_is_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    for wrong in ["0s", "500ms", "yes", "5", "often"] {
        let config = Outputs::write(dir.path(), wrong);
        let output = common::auship(&["check", "--config", config.to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        let said = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
        let fault = format!(
            "{}:6: [metrics] heartbeat: is {wrong:?}, must be a time of at least 1s with its unit, as in 5m, or no",
            config.display()
        );
        assert!(said.contains(&fault), "{said}");
    }
}
