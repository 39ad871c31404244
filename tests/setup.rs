//! Tests `auship setup` against simulated clusters (tests/tools/cluster.py) and against osmem-server.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{
    PYTHON, auship, free_port,
    opensearch::{OpenSearch, ask},
    tool, write_config,
};
use serde_json::json;
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

/// Products and versions: the oldest and newest ones that are tested, and versions where the product changed.
const PRODUCTS: [(&str, &str); 10] = [
    ("elasticsearch", "7.8.0"),
    ("elasticsearch", "7.17.0"),
    ("elasticsearch", "8.15.0"),
    ("elasticsearch", "9.2.0"),
    ("oss", "7.10.2"),
    ("opensearch", "1.3.20"),
    ("opensearch", "2.11.0"),
    ("opensearch", "2.13.0"),
    ("opensearch", "2.19.0"),
    ("opensearch", "3.1.0"),
];

/// A simulated cluster. Dropping this value stops the server.
struct Cluster {
    child: Child,
    url: String,
    log: PathBuf,
    dir: tempfile::TempDir,
}

impl Cluster {
    fn start(product: &str, version: &str, fault: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("requests");
        let mut command = Command::new(PYTHON);
        command.arg(tool("cluster.py")).args([product, version]).arg(&log).arg(fault);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, url: format!("http://127.0.0.1:{}", line.trim()), log, dir }
    }

    /// Writes a configuration with one output that sends to this server, and returns its path.
    fn config(&self, keys: &str) -> PathBuf {
        config(self.dir.path(), &format!("url = {}\n{keys}", self.url))
    }

    /// Runs `auship setup` with these output keys and arguments, and returns its standard output. It must succeed.
    fn setup(&self, keys: &str, args: &[&str]) -> String {
        let (status, out, said) = setup(&self.config(keys), args);
        assert_eq!((status, said.as_str()), (0, ""), "{out}");
        out
    }

    /// Returns the method and path of each request so far that isn't a GET.
    fn changes(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap();
        log.lines().filter(|line| !line.starts_with("GET ")).map(String::from).collect()
    }

    /// Copies the files that are shipped into a directory, each with its text changed in this way.
    fn files(&self, change: impl Fn(String) -> String) -> PathBuf {
        let dir = self.dir.path().join("files");
        fs::create_dir(&dir).unwrap();
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/elasticsearch")).unwrap() {
            let path = file.unwrap().path();
            let text = change(fs::read_to_string(&path).unwrap());
            fs::write(dir.join(path.file_name().unwrap()), text).unwrap();
        }
        dir
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(dir: &Path, keys: &str) -> PathBuf {
    write_config(dir, &format!("[output:siem]\ntype = elasticsearch\n{keys}"))
}

/// Runs `auship setup` and returns its exit status, standard output and standard error.
fn setup(config: &Path, args: &[&str]) -> (i32, String, String) {
    let args = [&["setup", "--config", config.to_str().unwrap()], args].concat();
    let output = auship(&args, b"");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Returns the result printed for each policy, pipeline and template, in order. Skips the first line, which names the
/// output, and the last one, which is about existing indexes.
fn said(out: &str) -> Vec<&str> {
    let results = out.lines().skip(1).filter(|line| !line.starts_with("  final pipeline of "));
    results.map(|line| line.split_once(": ").unwrap().1).collect()
}

/// Returns what is printed about the final pipeline of existing indexes.
fn said_of_indexes(out: &str) -> &str {
    let line = out.lines().find_map(|line| line.strip_prefix("  final pipeline of "));
    line.unwrap_or_else(|| panic!("{out}")).split_once(": ").unwrap().1
}

#[test]
fn every_product_is_set_up_once() {
    // The products are tested in parallel, because most of the time is spent waiting for servers to start.
    thread::scope(|scope| {
        for (product, version) in PRODUCTS {
            scope.spawn(move || is_set_up_once(product, version));
        }
    });
}

fn is_set_up_once(product: &str, version: &str) {
    for keys in ["", "data_stream = auship-audit\n", "data_stream = logs-auditd-default\n"] {
        if product == "oss" && !keys.is_empty() {
            continue;
        }
        let cluster = Cluster::start(product, version, "");
        let out = cluster.setup(keys, &["--dry-run"]);
        assert!(out.lines().next().unwrap().ends_with(version), "{out}");
        let things = said(&out);
        assert_eq!(things.len(), 6, "{out}");
        let policy = if product == "oss" {
            assert!(things[0].starts_with("left out: this server has no such policies"), "{out}");
            1
        } else {
            0
        };
        assert!(things[policy..].iter().all(|thing| *thing == "missing: would create"), "{out}");
        assert_eq!(cluster.changes(), [""; 0], "{product} {version}");

        let out = cluster.setup(keys, &[]);
        assert!(said(&out)[policy..].iter().all(|thing| *thing == "was missing: created"), "{out}");
        let changes = cluster.changes();
        assert_eq!(changes.len(), 6 - policy, "{changes:?}");
        // A template that names the pipeline comes after it.
        assert_eq!(changes[1 - policy], "PUT /_ingest/pipeline/auship-ingested", "{changes:?}");

        for args in [&[][..], &["--dry-run"]] {
            let out = cluster.setup(keys, args);
            assert!(said(&out)[policy..].iter().all(|thing| *thing == "is right"), "{product} {version}: {out}");
        }
        assert_eq!(cluster.changes(), changes, "{product} {version}");
    }
}

#[test]
fn what_was_changed_by_hand_is_repaired() {
    for (product, version) in [("elasticsearch", "8.15.0"), ("opensearch", "2.19.0")] {
        let cluster = Cluster::start(product, version, "");
        cluster.setup("data_stream = audit\n", &[]);
        let change = |path: &str, wanted: &dyn Fn(&mut serde_json::Value)| {
            let (_, answer) = ask(&cluster.url, "GET", path, None);
            let mut body = answer.pointer("/component_templates/0/component_template").unwrap_or_else(|| {
                let template = answer.pointer("/index_templates/0/index_template");
                let named = answer.get("auship-audit-data-stream").or_else(|| answer.get("auship-ingested"));
                template.unwrap_or_else(|| named.unwrap_or(&answer))
            });
            let policy = json!({"policy": body["policy"]});
            if !body["policy"].is_null() {
                body = &policy;
            }
            let mut body = body.clone();
            wanted(&mut body);
            let condition = answer["_seq_no"].as_u64().map(|n| format!("?if_seq_no={n}&if_primary_term=1"));
            let path = format!("{path}{}", condition.unwrap_or_default());
            let (status, answer) = ask(&cluster.url, "PUT", &path, Some(&body));
            assert_eq!(status, 200, "{answer}");
        };
        change("/_component_template/auship-ecs", &|body| {
            body["template"]["mappings"]["properties"]["process"]["properties"]["pid"]["type"] = json!("keyword");
            body["template"]["mappings"]["properties"]["mine"] = json!({"type": "keyword"});
        });
        change("/_component_template/auship-settings", &|body| {
            body["template"]["settings"]["index"]["codec"] = json!("default");
        });
        change("/_index_template/auship-audit-data-stream", &|body| body["priority"] = json!(7));
        change("/_ingest/pipeline/auship-ingested", &|body| {
            body["processors"][0]["set"]["override"] = json!(true);
        });
        if product == "elasticsearch" {
            change("/_ilm/policy/auship-audit-data-stream", &|body| {
                body["policy"]["phases"]["delete"]["min_age"] = json!("1d");
            });
        } else {
            change("/_plugins/_ism/policies/auship-audit-data-stream", &|body| {
                body["policy"]["states"][0]["transitions"][0]["conditions"]["min_index_age"] = json!("1d");
            });
        }
        let before = cluster.changes().len();
        let out = cluster.setup("data_stream = audit\n", &["--dry-run"]);
        let policy = if product == "elasticsearch" {
            "policy.phases.delete.min_age"
        } else {
            "policy.states[0].transitions[0].conditions.min_index_age"
        };
        assert_eq!(
            said(&out),
            [
                &format!("differs: would change {policy}"),
                "differs: would change processors[0].set.override",
                "differs: would change template.mappings.properties.process.properties.pid.type, \
                 template.mappings.properties.mine",
                "is right",
                "differs: would change template.settings.index.codec",
                "differs: would change priority",
            ]
        );
        assert_eq!(cluster.changes().len(), before);
        let out = cluster.setup("data_stream = audit\n", &[]);
        assert_eq!(out.matches(": differed: changed ").count(), 5, "{out}");
        assert_eq!(cluster.changes().len(), before + 5);
        let out = cluster.setup("data_stream = audit\n", &[]);
        assert!(said(&out).iter().all(|thing| *thing == "is right"), "{out}");
        assert_eq!(cluster.changes().len(), before + 5);
    }
}

#[test]
fn new_indexes_have_the_pipeline_that_sets_event_ingested() {
    for (product, version) in [("elasticsearch", "7.8.0"), ("oss", "7.10.2"), ("opensearch", "1.3.20")] {
        let cluster = Cluster::start(product, version, "");
        cluster.setup("", &[]);
        let (_, answer) = ask(&cluster.url, "GET", "/_index_template/auship", None);
        let settings = &answer["index_templates"][0]["index_template"]["template"]["settings"];
        assert_eq!(settings["index"]["final_pipeline"], "auship-ingested", "{answer}");
        let (_, answer) = ask(&cluster.url, "GET", "/_ingest/pipeline/auship-ingested", None);
        let set = &answer["auship-ingested"]["processors"][0]["set"];
        assert_eq!(set["field"], "event.ingested");
        assert_eq!(set["value"], "{{{_ingest.timestamp}}}");
    }
}

#[test]
fn a_data_stream_has_its_name_in_its_fields() {
    for (product, version, kind) in [
        ("elasticsearch", "7.8.0", "constant_keyword"),
        ("opensearch", "2.19.0", "constant_keyword"),
        ("opensearch", "2.13.0", "keyword"),
    ] {
        let cluster = Cluster::start(product, version, "");
        cluster.setup("data_stream = logs-auditd_manager.auditd-auship\n", &[]);
        let path = "/_index_template/auship-logs-auditd_manager.auditd-auship-data-stream";
        let (_, answer) = ask(&cluster.url, "GET", path, None);
        let template = &answer["index_templates"][0]["index_template"]["template"];
        let fields = &template["mappings"]["properties"]["data_stream"]["properties"];
        for (field, value) in [("type", "logs"), ("dataset", "auditd_manager.auditd"), ("namespace", "auship")] {
            assert_eq!(fields[field]["type"], kind, "{product} {version}");
            assert_eq!(fields[field]["value"], if kind == "keyword" { json!(null) } else { json!(value) });
        }
    }
}

#[test]
fn a_cluster_without_pipelines_gets_templates_that_name_none() {
    let cluster = Cluster::start("elasticsearch", "9.2.0", "no-ingest");
    let out = cluster.setup("", &[]);
    let left_out = "left out: this cluster runs no ingest pipelines, so documents have no event.ingested";
    assert_eq!(said(&out)[1], left_out);
    assert!(!out.contains("final pipeline of"), "{out}");
    let (_, answer) = ask(&cluster.url, "GET", "/_index_template/auship", None);
    assert!(!answer.to_string().contains("final_pipeline"), "{answer}");
    let out = cluster.setup("", &[]);
    assert!(said(&out)[2..].iter().all(|thing| *thing == "is right"), "{out}");
}

#[test]
fn existing_indexes_get_the_pipeline_unless_they_have_one() {
    let cluster = Cluster::start("elasticsearch", "9.2.0", "");
    let create = |name: &str, settings: serde_json::Value| {
        let (status, answer) = ask(&cluster.url, "PUT", &format!("/{name}"), Some(&json!({"settings": settings})));
        assert_eq!(status, 200, "{answer}");
    };
    let nothing = "there is no such index yet, or this user sees none";
    assert_eq!(said_of_indexes(&cluster.setup("", &["--dry-run"])), nothing);
    for day in 20..23 {
        create(&format!("auship-2026.11.{day}"), json!({}));
    }
    create("auship-2026.11.23", json!({"index.final_pipeline": "mine"}));
    create("auship-2026.11.24", json!({"index.blocks.write": true}));
    create("auship-of-somebody-else", json!({}));
    let rest =
        "; not changed in 1 index: another final pipeline is set; not changed in 1 index: no documents are taken";
    let before = cluster.changes();
    let out = cluster.setup("", &["--dry-run"]);
    assert_eq!(said_of_indexes(&out), format!("missing in 3 indexes: would set it{rest}"));
    assert_eq!(cluster.changes(), before);
    let out = cluster.setup("", &[]);
    assert_eq!(said_of_indexes(&out), format!("was missing in 3 indexes: set it{rest}"));
    let names = "auship-2026.11.20,auship-2026.11.21,auship-2026.11.22";
    assert_eq!(cluster.changes().last().unwrap(), &format!("PUT /{names}/_settings?preserve_existing=true"));
    assert_eq!(said_of_indexes(&cluster.setup("", &[])), format!("is right{rest}"));
    let (_, answer) = ask(&cluster.url, "GET", "/*/_settings", None);
    let pipeline = |name: &str| answer[name]["settings"]["index"]["final_pipeline"].clone();
    assert_eq!(pipeline("auship-2026.11.21"), "auship-ingested");
    assert_eq!(pipeline("auship-2026.11.23"), "mine");
    assert_eq!(pipeline("auship-of-somebody-else"), serde_json::Value::Null);

    create(".ds-audit-2026.11.25-000001", json!({}));
    let out = cluster.setup("data_stream = audit\n", &[]);
    assert!(out.ends_with("  final pipeline of audit: was missing in 1 index: set it\n"), "{out}");
    let out = cluster.setup("data_stream = audit\n", &[]);
    assert_eq!(said_of_indexes(&out), "is right");
}

#[test]
fn who_may_not_change_indexes_is_told_what_to_do() {
    let cluster = Cluster::start("opensearch", "2.19.0", "indexes");
    let out = cluster.setup("", &[]);
    assert_eq!(out.matches(": was missing: created").count(), 6, "{out}");
    let said = "left out: status 403: action [indices:admin/settings] is unauthorized for user [joe]; to set it, somebody \
                who may must send PUT /auship-*/_settings with {\"index.final_pipeline\":\"auship-ingested\"}";
    assert_eq!(said_of_indexes(&out), said);
}

#[test]
fn a_final_pipeline_of_ones_own_is_installed_from_files() {
    let cluster = Cluster::start("elasticsearch", "9.2.0", "");
    let dir = cluster.files(|text| text.replace("auship-ingested", "mine"));
    let from = ["--from", dir.to_str().unwrap()];
    let out = cluster.setup("", &from);
    assert!(!out.contains("final pipeline of"), "{out}");
    let (_, answer) = ask(&cluster.url, "GET", "/_index_template/auship", None);
    let template = &answer["index_templates"][0]["index_template"];
    assert_eq!(template["template"]["settings"]["index"]["final_pipeline"], "mine");
    let out = cluster.setup("", &from);
    assert!(said(&out).iter().all(|thing| *thing == "is right"), "{out}");
}

#[test]
fn files_of_ones_own_are_installed() {
    let cluster = Cluster::start("elasticsearch", "9.0.0", "");
    let dir = cluster.files(|text| text);
    let from = ["--from", dir.to_str().unwrap()];
    cluster.setup("", &from);
    let out = cluster.setup("", &[]);
    assert!(said(&out).iter().all(|thing| *thing == "is right"), "{out}");
    let policy = fs::read_to_string(dir.join("ilm-indexes.json")).unwrap();
    fs::write(dir.join("ilm-indexes.json"), policy.replace("365d", "90d")).unwrap();
    let out = cluster.setup("", &from);
    assert!(out.contains("ILM policy auship: differed: changed policy.phases.delete.min_age\n"), "{out}");
    let (_, answer) = ask(&cluster.url, "GET", "/_ilm/policy/auship", None);
    assert_eq!(answer["auship"]["policy"]["phases"]["delete"]["min_age"], "90d");

    fs::remove_file(dir.join("settings.json")).unwrap();
    let (status, out, said) = setup(&cluster.config(""), &from);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(said.contains("settings.json: No such file"), "{said}");
}

#[test]
fn refusals_name_the_thing_the_reason_and_the_way_out() {
    for (product, version, fault, out_lines, parts) in [
        (
            "elasticsearch",
            "8.15.0",
            "forbidden",
            6,
            &[
                "auship: output siem: index template auship: ",
                "PUT http://127.0.0.1:",
                "/_index_template/auship: status 403: action [indices:admin/index_template/put] is unauthorized for \
                 user [joe]: no privileges; the user needs",
            ][..],
        ),
        (
            "opensearch",
            "2.19.0",
            "pipelines",
            2,
            &[
                "auship: output siem: ingest pipeline auship-ingested: GET http://127.0.0.1:",
                "status 403: action [cluster:admin/ingest/pipeline/get] is unauthorized for user [joe]; the user needs \
                 the cluster's privileges to manage index templates, ingest pipelines and policies",
            ],
        ),
        ("elasticsearch", "8.15.0", "login", 0, &["status 401: unable to authenticate", "set user and password_file"]),
        ("opensearch", "2.19.0", "broken", 0, &["status 503: blocked by: [SERVICE_UNAVAILABLE", "run this again"]),
        ("elasticsearch", "7.7.0", "", 0, &["is Elasticsearch 7.7.0; auship setup needs"]),
    ] {
        let cluster = Cluster::start(product, version, fault);
        let (status, out, said) = setup(&cluster.config(""), &[]);
        assert_eq!((status, out.lines().count()), (1, out_lines), "{out}{said}");
        for part in parts {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn somebody_elses_change_is_not_undone() {
    let cluster = Cluster::start("opensearch", "2.19.0", "meanwhile");
    cluster.setup("", &[]);
    let dir = cluster.dir.path().join("files");
    fs::create_dir(&dir).unwrap();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/elasticsearch")).unwrap() {
        let file = file.unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        fs::write(dir.join(file.file_name()), text.replace("365d", "90d")).unwrap();
    }
    let (status, _, said) = setup(&cluster.config(""), &["--from", dir.to_str().unwrap()]);
    assert_eq!(status, 1);
    assert!(said.contains("ISM policy auship: PUT "), "{said}");
    assert!(said.contains("?if_seq_no=0&if_primary_term=1: status 409: [auship]: version conflict"), "{said}");
    assert!(said.contains("; somebody else has changed it meanwhile: run this again"), "{said}");
}

#[test]
fn a_user_logs_in_and_no_secret_is_told() {
    let cluster = Cluster::start("elasticsearch", "9.0.0", "login");
    let secret = cluster.dir.path().join("password");
    let keys = format!("user = joe\npassword_file = {}\ngzip = yes\n", secret.display());
    let write = |password: &str| {
        fs::write(&secret, password).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    };
    write("s3cret\n");
    let out = cluster.setup(&keys, &[]);
    assert_eq!(out.matches("created").count(), 6, "{out}");
    write("wr0ng\n");
    let (status, out, said) = setup(&cluster.config(&keys), &[]);
    assert_eq!(status, 1);
    assert!(said.contains("status 401") && !format!("{out}{said}").contains("wr0ng"), "{out}{said}");
    let url = cluster.url.replace("http://", "http://joe:wr0ng@");
    let (status, out, said) = setup(&config(cluster.dir.path(), &format!("url = {url}\n")), &[]);
    assert_eq!(status, 1);
    assert!(!format!("{out}{said}").contains("wr0ng"), "{out}{said}");
}

#[test]
fn the_first_host_that_answers_is_asked() {
    let cluster = Cluster::start("elasticsearch", "9.0.0", "");
    let dead = format!("http://127.0.0.1:{}", free_port());
    let (status, out, _) = setup(&config(cluster.dir.path(), &format!("url = {dead}, {}\n", cluster.url)), &[]);
    assert_eq!(status, 0);
    assert!(out.starts_with(&format!("output siem: {} is Elasticsearch 9.0.0\n", cluster.url)), "{out}");
    let (status, _, said) = setup(&config(cluster.dir.path(), &format!("url = {dead}\n")), &[]);
    assert_eq!(status, 1);
    assert!(said.starts_with(&format!("auship: output siem: {dead}: ")), "{said}");
}

#[test]
fn each_output_has_its_cluster() {
    let (one, two) = (Cluster::start("elasticsearch", "9.0.0", ""), Cluster::start("opensearch", "3.0.0", ""));
    let text = format!(
        "[output:one]\ntype = elasticsearch\nurl = {}\n[output:file]\ntype = stdout\n\
         [output:two]\ntype = elasticsearch\nurl = {}\nindex = audit-%Y\n[output:three]\ntype = elasticsearch\n\
         url = http://127.0.0.1:{}\n",
        one.url,
        two.url,
        free_port()
    );
    let path = write_config(one.dir.path(), &text);
    let (status, out, said) = setup(&path, &["--output", "two"]);
    assert_eq!((status, said.as_str(), out.lines().count()), (0, "", 8), "{out}{said}");
    assert!(!one.log.exists(), "only the named output's cluster is asked");
    let (_, template) = ask(&two.url, "GET", "/_index_template/auship-audit", None);
    assert_eq!(template["index_templates"][0]["index_template"]["index_patterns"], json!(["audit-*"]));
    let (status, out, said) = setup(&path, &[]);
    assert_eq!(status, 1, "one cluster doesn't answer");
    assert_eq!((out.matches(": was missing: created").count(), out.matches(": is right").count()), (6, 6), "{out}");
    assert!(said.starts_with("auship: output three: "), "{said}");

    for (args, part) in [
        (
            ["--output", "four"],
            "no output of type = elasticsearch is named \"four\"; outputs of that type: one, two, three",
        ),
        (
            ["--output", "file"],
            "no output of type = elasticsearch is named \"file\"; outputs of that type: one, two, three",
        ),
    ] {
        let (status, _, said) = setup(&path, &args);
        assert!(status == 2 && said.contains(part), "{said}");
    }
    let (status, _, said) = setup(&write_config(one.dir.path(), "[output:a]\ntype = stdout\n"), &[]);
    assert!(status == 2 && said.contains("no output has type = elasticsearch"), "{said}");
    let all = config(one.dir.path(), "url = http://127.0.0.1:1\nindex = %Y.%m.%d\n");
    let (status, _, said) = setup(&all, &[]);
    assert!(status == 2 && said.contains("output siem: index = %Y.%m.%d has nothing but a date"), "{said}");
}

#[test]
fn outputs_of_one_cluster_do_not_undo_each_others() {
    let cluster = Cluster::start("elasticsearch", "9.2.0", "");
    let other = format!("\n[output:other]\ntype = elasticsearch\nurl = {}\n", cluster.url);
    for (index, its) in [("audit-%Y.%m.%d", "audit.%Y"), ("audit", "auship-audit-%Y")] {
        let keys = |its: &str| format!("index = {index}\n{other}index = {its}\n");
        let (status, out, said) = setup(&cluster.config(&keys(its)), &[]);
        assert_eq!((status, out.as_str()), (2, ""), "{said}");
        assert!(
            said.contains("outputs siem and other: ") && said.contains(" would both be called auship-audit;"),
            "{said}"
        );
        let (status, _, said) = setup(&cluster.config(&keys(index)), &["--dry-run"]);
        assert_eq!((status, said.as_str()), (0, ""), "both want the same");
    }
    assert!(cluster.changes().is_empty());
}

#[test]
fn a_real_server_takes_the_templates_and_gives_them_back() {
    let Some(server) = OpenSearch::start() else { return };
    let cluster = Cluster::start("proxy", &server.url, "");
    let out = cluster.setup("", &["--dry-run"]);
    assert_eq!(out.matches(": missing: would create\n").count(), 4, "{out}");
    assert!(out.contains("  ISM policy auship: left out: "), "{out}");
    // A template that names a pipeline on a server without pipelines would keep all documents out.
    assert!(out.contains("  ingest pipeline auship-ingested: left out: "), "{out}");
    assert!(!out.contains("final pipeline of"), "{out}");
    assert_eq!(cluster.changes(), [""; 0]);
    let out = cluster.setup("", &[]);
    assert_eq!(out.matches(": was missing: created\n").count(), 4, "{out}");
    let changes = cluster.changes();
    let template = server.ask("GET", "/_index_template/auship", None);
    assert!(!template.to_string().contains("final_pipeline"), "{template}");
    let out = cluster.setup("", &[]);
    assert_eq!(out.matches(": is right\n").count(), 4, "{out}");
    assert_eq!(cluster.changes(), changes);

    let path = "/_component_template/auship-auditd";
    let mut body = server.ask("GET", path, None)["component_templates"][0]["component_template"].take();
    body["template"]["mappings"]["properties"]["auditd"]["dynamic"] = json!(true);
    server.ask("PUT", path, Some(&body));
    let out = cluster.setup("", &[]);
    let differed = "auship-auditd: differed: changed template.mappings.properties.auditd.dynamic\n";
    assert!(out.contains(differed) && out.matches(": is right\n").count() == 3, "{out}");
    assert_eq!(cluster.changes().len(), changes.len() + 1);

    // A new index whose name matches the pattern gets its field types from the templates.
    server.ask("PUT", "/auship-2026.11.22", None);
    let mapping = &server.ask("GET", "/auship-2026.11.22/_mapping", None)["auship-2026.11.22"]["mappings"];
    for (field, kind) in [
        ("/properties/@timestamp/type", "date"),
        ("/properties/source/properties/ip/type", "ip"),
        ("/properties/process/properties/pid/type", "long"),
        ("/properties/process/properties/command_line/type", "wildcard"),
        ("/properties/auditd/properties/data/properties/syscall/type", "keyword"),
        ("/properties/user/properties/audit/properties/id/type", "keyword"),
    ] {
        assert_eq!(mapping.pointer(field).unwrap(), kind, "{field}");
    }
}

#[test]
fn invented_names_neither_fail_nor_grow_the_mapping() {
    let Some(server) = OpenSearch::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (status, _, said) = setup(&config(dir.path(), &format!("url = {}\n", server.url)), &[]);
    assert_eq!((status, said.as_str()), (0, ""));
    let index = "/auship-2026.11.22";
    server.ask("PUT", index, None);
    let before = server.ask("GET", &format!("{index}/_mapping"), None);
    for round in 0..10 {
        let invented: serde_json::Map<_, _> =
            (0..500).map(|n| (format!("x{round}-{n}"), json!("2026-11-22"))).collect();
        let mut data = invented;
        data.insert("syscall".into(), json!("openat"));
        let document = json!({"@timestamp": "2026-11-22T00:44:14.872Z", "auditd": {"data": data}});
        server.ask("PUT", &format!("{index}/_create/{round}"), Some(&document));
    }
    assert_eq!(server.count("auship-*"), 10);
    assert_eq!(server.ask("GET", &format!("{index}/_mapping"), None), before);
    let found = server.find("auship-*", "auditd.data.syscall:openat");
    assert_eq!(found.len(), 10);
    assert_eq!(found[3]["auditd"]["data"].as_object().unwrap().len(), 501, "what isn't searched is kept");
    let aggregation = json!({"size": 0, "aggs": {"calls": {"terms": {"field": "auditd.data.syscall"}}}});
    let answer = server.ask("POST", "/auship-*/_search", Some(&aggregation));
    assert_eq!(answer["aggregations"]["calls"]["buckets"][0]["doc_count"], 10, "{answer}");
}
