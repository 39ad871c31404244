//! Tests of what helps to run auship: the alerts for Prometheus, the dashboard for Grafana, and docs/operations.md.
//! Prometheus itself reads the alerts and the queries. They may only use metrics and labels that auship writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use auship::internals::metrics::{Kind, METRICS};
use common::{Running, cannot_run, events, free_port, server::Server, wait_until, write_config};
use regex::Regex;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

const RULES: &str = "conf/prometheus/auship.rules.yml";
const ALERT_TESTS: &str = "tests/data/alerts.test.yml";

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap()
}

/// Runs promtool. Returns `None` if it isn't installed.
fn promtool(what: &str, args: &[&str]) -> Option<Output> {
    match Command::new("promtool").args(args).current_dir(project("")).output() {
        Ok(output) => Some(output),
        Err(e) => {
            cannot_run(what, &format!("promtool can't be run: {e}"));
            None
        }
    }
}

/// Each alert with the lines of its rule.
fn alerts() -> BTreeMap<String, String> {
    let text = read(RULES);
    let rules = text.split("- alert: ").skip(1);
    rules.map(|rule| rule.split_once('\n').unwrap()).map(|(name, rule)| (name.to_owned(), rule.to_owned())).collect()
}

/// The names of metrics in a text that aren't in the catalog. A summary also has a sum and a number.
fn strangers(text: &str) -> BTreeSet<String> {
    let known = |name: &str| {
        METRICS.iter().any(|metric| {
            let parts = ["_sum", "_count"].map(|part| format!("{}{part}", metric.name));
            metric.name == name || metric.kind == Kind::Summary && parts.iter().any(|part| part == name)
        })
    };
    let names = Regex::new(r"(?-u:\b)auship_[a-z_]+").unwrap();
    names.find_iter(text).map(|name| name.as_str().to_owned()).filter(|name| !known(name)).collect()
}

/// The anchors of the headings of a page, as GitHub makes them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings =
        page.lines().filter_map(|line| line.strip_prefix('#')).map(|line| line.trim_start_matches('#').trim());
    let plain = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings.map(|heading| heading.to_lowercase().chars().filter(plain).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn prometheus_reads_the_alerts() {
    let Some(output) = promtool("the alerts", &["check", "rules", RULES]) else { return };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains(&format!("SUCCESS: {} rules found", alerts().len())), "{said}");
}

#[test]
fn each_alert_fires_when_it_should_and_is_quiet_otherwise() {
    let tests = read(ALERT_TESTS);
    let names: BTreeSet<&str> = tests.lines().filter_map(|line| line.strip_prefix("  - name: ")).collect();
    let alerts = alerts();
    let expected: BTreeSet<String> =
        alerts.keys().flat_map(|alert| [format!("{alert} fires"), format!("{alert} is quiet")]).collect();
    assert_eq!(names, expected.iter().map(String::as_str).collect());
    let severities = Regex::new("severity: ([a-z]+)").unwrap();
    for test in tests.split("  - name: ").skip(1) {
        let (name, test) = test.split_once('\n').unwrap();
        let alert = name.split(' ').next().unwrap();
        assert!(test.contains(&format!(r#"- expr: ALERTS{{alertname="{alert}", alertstate="firing"}}"#)), "{name}");
        let severity = severities.captures(&alerts[alert]).unwrap()[1].to_owned();
        let fires = test.contains("            value: 1") && test.contains(&format!(r#"severity="{severity}""#));
        let is_quiet = test.contains("exp_samples: []");
        assert_eq!((fires, is_quiet), (name.ends_with(" fires"), name.ends_with(" is quiet")), "{name}");
    }
    let Some(output) = promtool("the tests of the alerts", &["test", "rules", ALERT_TESTS]) else { return };
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn each_alert_says_how_urgent_it_is_and_what_to_do() {
    let page = read("docs/operations.md");
    let anchors = anchors(&page);
    let runbooks = Regex::new(r#"runbook: "operations\.md#([^"]+)""#).unwrap();
    for (name, rule) in alerts() {
        assert!(rule.contains("severity: critical\n") || rule.contains("severity: warning\n"), "{name}");
        for part in ["summary: \"", "description: \"", "{{ $labels.instance }}"] {
            assert!(rule.contains(part), "{name} has no {part}");
        }
        let runbook = runbooks.captures(&rule).unwrap_or_else(|| panic!("{name} has no runbook"))[1].to_owned();
        assert!(anchors.contains(&runbook), "{name}: there is no {runbook} in {anchors:#?}");
        // The section names its alerts.
        let section = page.split("\n#").find(|section| {
            let heading = section.lines().next().unwrap_or_default();
            self::anchors(&format!("#{heading}")).contains(&runbook)
        });
        assert!(section.unwrap().contains(&format!("*{name}*")), "{runbook} doesn't name {name}");
    }
    let named = Regex::new(r"\*(Auship[A-Za-z]+)\*").unwrap();
    for name in named.captures_iter(&page) {
        assert!(alerts().contains_key(&name[1]), "there is no alert {}", &name[1]);
    }
}

#[test]
fn links_lead_to_headings() {
    let page = read("docs/operations.md");
    let links = Regex::new(r"\]\(([^)#]*)#([^)]+)\)").unwrap();
    let mut number = 0;
    for link in links.captures_iter(&page) {
        let target = if link[1].is_empty() { page.clone() } else { read(&format!("docs/{}", &link[1])) };
        assert!(anchors(&target).contains(&link[2]), "{}", &link[0]);
        number += 1;
    }
    assert!(number > 30, "{number}");
}

#[test]
fn only_metrics_that_auship_has_are_used_and_all_are_explained() {
    let page = read("docs/operations.md");
    for (name, text) in [
        ("the alerts", read(RULES)),
        ("the tests of the alerts", read(ALERT_TESTS)),
        ("the dashboard", read("conf/grafana/auship.json")),
        ("operations.md", page.clone()),
    ] {
        assert_eq!(strangers(&text), BTreeSet::new(), "{name} uses metrics that auship doesn't have");
    }
    let table: Vec<&str> = page.lines().filter(|line| line.starts_with("| `auship_")).collect();
    for metric in METRICS {
        let rows = table.iter().filter(|row| row.split(" | ").next().unwrap().contains(&format!("`{}`", metric.name)));
        assert_eq!(rows.count(), 1, "rows of {} in the table of operations.md", metric.name);
    }
}

fn dashboard() -> Value {
    serde_json::from_str(&read("conf/grafana/auship.json")).unwrap()
}

/// A panel of the dashboard, its queries, and the legends of these.
struct Panel {
    title: String,
    kind: String,
    queries: Vec<(String, String)>,
}

/// The dashboard's panels. Variables of Grafana are filled in.
fn panels() -> Vec<Panel> {
    let dashboard = dashboard();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let fill_in =
        |query: &str| query.replace("$__rate_interval", "5m").replace("$instance", ".*").replace("$output", ".*");
    let query = |target: &Value| (fill_in(&text(&target["expr"])), text(&target["legendFormat"]));
    let queries = |panel: &Value| panel["targets"].as_array().into_iter().flatten().map(query).collect();
    let panel =
        |panel: &Value| Panel { title: text(&panel["title"]), kind: text(&panel["type"]), queries: queries(panel) };
    dashboard["panels"].as_array().unwrap().iter().map(panel).filter(|panel| panel.kind != "row").collect()
}

#[test]
fn the_panels_of_the_dashboard_do_not_overlap() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        assert!(
            panel["type"] == "row" || panel["description"].as_str().is_some_and(|text| text.ends_with('.')),
            "{panel}"
        );
        let of = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(of("x") + of("w") <= 24, "{panel}");
        for place in (of("x")..of("x") + of("w")).flat_map(|x| (of("y")..of("y") + of("h")).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{} lies on another panel", panel["title"]);
        }
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "the reader chooses the data source");
        }
    }
}

/// A running Prometheus. Dropping this value stops it.
struct Prometheus {
    child: Child,
    url: String,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// Starts Prometheus with data, and without anything to scrape.
    fn start(dir: &Path) -> Option<Self> {
        let (port, config) = (free_port(), dir.join("prometheus.yml"));
        fs::write(&config, "global: {}\n").unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = match child {
            Ok(child) => child,
            Err(e) => {
                cannot_run("the dashboard with Prometheus", &format!("prometheus can't be run: {e}"));
                return None;
            }
        };
        let prometheus = Self { child, url: format!("http://127.0.0.1:{port}") };
        wait_until("Prometheus answers", || prometheus.query("vector(1)", 0).is_some());
        Some(prometheus)
    }

    /// The labels of the series that a query gives at a time. `None` if Prometheus doesn't answer.
    fn query(&self, query: &str, time: u64) -> Option<Vec<BTreeSet<String>>> {
        let output = Command::new("promtool")
            .args(["query", "instant", "--format=json", &format!("--time={time}"), &self.url, query])
            .output()
            .unwrap();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("connection refused") || said.contains("503"), "{query}: {said}");
            return None;
        }
        let answer = serde_json::from_slice::<Value>(&output.stdout).unwrap();
        let labels = |series: &Value| series["metric"].as_object().unwrap().keys().cloned().collect();
        Some(answer.as_array().unwrap().iter().map(labels).collect())
    }
}

/// The Prometheus file of auship after work with an output that has a server, a spool and failures.
fn written_by_auship(dir: &Path) -> String {
    let server = Server::http(dir, "flaky");
    let file = dir.join("auship.prom");
    let text = format!(
        "run_dir = {0}/run\n[filter:noise]\nregex = text=noise\n[metrics]\nheartbeat = 1s\nprometheus_file = {1}\n\
         [output:siem]\ntype = http\nurl = {2}\nspool_dir = {0}/spool\nretry_min = 50ms\nretry_max = 100ms\n",
        dir.display(),
        file.display(),
        server.url
    );
    let mut auship = Running::start(&write_config(dir, &text));
    auship.wait_for("started");
    let mut first = 1;
    wait_until("there is a heartbeat, something is delivered, and input has waited for the reader", || {
        // This is more than a pipe holds.
        auship.feed(&events(first, 1000));
        first += 1000;
        auship.report();
        let text = fs::read_to_string(&file).unwrap();
        let has = |name: &str| text.lines().any(|line| line.starts_with(name) && !line.ends_with(" 0"));
        has("auship_heartbeats_total ") && has("auship_reader_pause_seconds{") && text.contains("code=\"200\"")
    });
    let text = fs::read_to_string(&file).unwrap();
    assert!(auship.finish().0.success());
    text
}

/// Samples of an hour up to `end`, in the format that promtool reads. All counters grow.
fn history(text: &str, end: u64) -> String {
    let mut all = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap_or((series, ""));
        let series = format!("{name}{{{labels}{}instance=\"web1\"}}", if labels.is_empty() { "" } else { "," });
        let grows = ["_total", "_sum", "_count"].iter().any(|end| name.ends_with(end));
        for minute in 0..=60u32 {
            let value = value.parse::<f64>().unwrap() + if grows { f64::from(minute) } else { 0.0 };
            // Writing to a String can't fail.
            let _ = writeln!(all, "{series} {value} {}", end - 60 * (60 - u64::from(minute)));
        }
    }
    all + "# EOF\n"
}

#[test]
fn every_query_of_the_dashboard_gets_an_answer_of_prometheus() {
    let dir = tempfile::tempdir().unwrap();
    let written = written_by_auship(dir.path());
    let has_kernel = written.contains("auship_kernel_audit_enabled");
    // Prometheus takes no samples of the last hours in this way while they could still be scraped.
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 6 * 3600;
    let samples = dir.path().join("samples");
    fs::write(&samples, history(&written, end)).unwrap();
    let data = dir.path().join("data");
    let args = ["tsdb", "create-blocks-from", "openmetrics", samples.to_str().unwrap(), data.to_str().unwrap()];
    let Some(output) = promtool("the dashboard with Prometheus", &args) else { return };
    assert!(output.status.success(), "{output:?}");
    let Some(prometheus) = Prometheus::start(dir.path()) else { return };
    let panels = panels();
    assert!(panels.len() > 20);
    let label = Regex::new(r"\{\{([a-z_]+)\}\}").unwrap();
    for Panel { title, kind, queries } in &panels {
        assert!(!queries.is_empty(), "{title}");
        for (query, legend) in queries {
            let series = prometheus.query(query, end).expect("Prometheus answers");
            if series.is_empty() && query.contains("auship_kernel_") && !has_kernel {
                cannot_run("the kernel's panels", "auship may not ask the kernel here");
                continue;
            }
            assert!(!series.is_empty(), "{title}: nothing answers {query}");
            assert!(kind != "stat" || series.len() == 1, "{title}: one number, not {series:?}");
            for labels in &series {
                let named: BTreeSet<String> = label.captures_iter(legend).map(|label| label[1].to_owned()).collect();
                assert!(
                    named.is_subset(labels),
                    "{title}: the legend {legend} names labels that {labels:?} doesn't have"
                );
                let dim = labels.iter().filter(|label| !matches!(label.as_str(), "__name__" | "quantile" | "state"));
                assert!(
                    kind == "table" || dim.clone().all(|label| named.contains(label)),
                    "{title}: {legend}, {labels:?}"
                );
            }
        }
    }
}
