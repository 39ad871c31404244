//! Tests of gaps in the serials, and of the metrics in all their destinations. The counters must always add up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use auship::internals::metrics::{Kind, METRICS, Metric, StatsdName};
use common::{
    PYTHON, Running, cannot_run, event, events, free_port, json,
    prometheus::{adds_up, parse},
    server::Server,
    tool, wait_until, write_config,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::UdpSocket,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Writes a configuration with a file output. `top` and `more` are added before and after it.
fn config(dir: &Path, top: &str, more: &str) -> PathBuf {
    let run = dir.join("run").display().to_string();
    let file = dir.join("events.json").display().to_string();
    write_config(
        dir,
        &format!("shutdown_timeout = 1m\nrun_dir = {run}\n{top}\n[output:copy]\ntype = file\npath = {file}\n{more}"),
    )
}

/// Runs auship with a log as its input. Returns the documents of audit gaps and everything that was printed.
fn gaps(input: &str, log: &str) -> (Vec<Value>, String) {
    let dir = tempfile::tempdir().unwrap();
    let mut auship = Running::start(&config(dir.path(), &format!("[input]\n{input}"), ""));
    auship.feed(log);
    let (status, said) = auship.finish();
    assert!(status.success(), "{said}");
    let documents = json::lines(&fs::read(dir.path().join("events.json")).unwrap());
    (documents.into_iter().filter(|d| d["category"] == "audit_gap").collect(), said)
}

fn details(gaps: &[Value]) -> Vec<(&str, &str, &str, Option<&str>)> {
    let mut all: Vec<_> = gaps
        .iter()
        .map(|gap| {
            let of = |key: &str| gap["details"][key].as_str();
            (of("from").unwrap(), of("to").unwrap(), of("count").unwrap(), of("node"))
        })
        .collect();
    all.sort_unstable();
    all
}

fn of_node(node: &str, log: &str) -> String {
    log.lines().map(|line| format!("node={node} {line}\n")).collect()
}

#[test]
fn serials_that_do_not_come_are_an_event_of_their_own() {
    let (gaps, said) = gaps("", &(events(90, 11) + &events(113, 10)));
    let [gap] = &gaps[..] else { panic!("{gaps:?}") };
    assert_eq!(gap["summary"], "Audit gap: 12 events missing, serials 101-112");
    assert_eq!(gap["severity"], "WARNING");
    assert_eq!(gap["timestamp"], "2026-11-22T04:00:00.001+00:00");
    assert_eq!(gap["source"], "auditd");
    assert_eq!(gap["tags"][2], "audit");
    assert_eq!(gap["details"], serde_json::json!({"from": "101", "to": "112", "count": "12"}));
    let members: Vec<_> = gap.as_object().unwrap().keys().map(String::as_str).collect();
    let envelope = "category summary severity hostname processid processname timestamp tags source details";
    assert_eq!(members, envelope.split(' ').collect::<Vec<_>>());
    assert!(said.contains("serials missing on the input, 12 events not received (serials 101-112)"), "{said}");
    assert!(said.contains("events in 21, audit gaps 1 (12 events missing), delivered 22, lost 0"), "{said}");
}

#[test]
fn a_gap_is_reported_while_running() {
    let dir = tempfile::tempdir().unwrap();
    let mut auship = Running::start(&config(dir.path(), "[input]\nmax_out_of_order = 10\ngap_after = 2s\n", ""));
    auship.feed(&(events(1, 5) + &events(7, 20)));
    auship.wait_for("1 event not received (serial 6)");
    // If too few events follow a gap, it is reported after `gap_after`.
    let start = Instant::now();
    auship.feed(&(events(27, 1) + &events(30, 1)));
    wait_until("the gap is in the file", || {
        fs::read_to_string(dir.path().join("events.json")).unwrap().contains("serials 28-29")
    });
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(auship.finish().0.success());
}

#[test]
fn late_events_are_no_gaps() {
    let late = events(1, 5) + &events(8, 5) + &events(7, 1) + &events(6, 1) + &events(13, 3);
    let (found, said) = gaps("log_out_of_order = yes\n", &late);
    assert_eq!(details(&found), []);
    assert!(said.contains("event 7 came late, after 12") && said.contains("event 6 came late, after 12"), "{said}");
    let (_, said) = gaps("", &late);
    assert!(!said.contains("came late"), "{said}");
    let (found, said) = gaps("track_sequence = no\n", &(events(1, 5) + &events(800, 5)));
    assert_eq!(details(&found), []);
    assert!(!said.contains("missing"), "{said}");
}

#[test]
fn a_reboot_is_no_gap() {
    let (found, said) = gaps("", &(events(9000, 20) + &events(1, 20) + &events(23, 2)));
    assert_eq!(details(&found), [("21", "22", "2", None)]);
    assert_eq!(said.matches("begin anew at 1").count(), 1, "{said}");
}

#[test]
fn every_node_has_its_own_serials() {
    let a = of_node("web1", &(events(100, 5) + &events(106, 5)));
    let b = of_node("web2", &events(5000, 30));
    let mixed: String = a.lines().zip(b.lines()).map(|(a, b)| format!("{a}\n{b}\n")).collect();
    let (found, said) = gaps("", &mixed);
    assert_eq!(details(&found), [("105", "105", "1", Some("web1"))]);
    assert_eq!(found[0]["hostname"], "web1");
    assert_eq!(found[0]["summary"], "Audit gap: 1 event missing, serial 105");
    assert!(said.contains("(web1: serial 105)"), "{said}");
}

#[test]
fn records_of_auditd_itself_have_numbers_of_their_own() {
    let daemon = "type=DAEMON_START msg=audit(1795320000.001:77777): op=start ver=4.0 auid=0 pid=1 res=success\n";
    let (found, _) = gaps("", &(events(1, 5) + daemon + &events(6, 600)));
    assert_eq!(details(&found), []);
}

#[test]
fn a_log_recorded_from_a_kernel_has_few_gaps() {
    let log = fs::read_to_string(common::data("sample.log")).unwrap();
    let (found, said) = gaps("", &log);
    assert!(found.len() <= 5, "{} gaps: {said}", found.len());
}

/// Checks a Prometheus file with third-party parsers.
fn is_well_formed(path: &Path) {
    let file = fs::File::open(path).unwrap();
    match Command::new("promtool").args(["check", "metrics"]).stdin(file).output() {
        Ok(output) => assert!(output.status.success() && output.stderr.is_empty(), "{output:?}"),
        Err(e) => cannot_run("the Prometheus file with promtool", &e.to_string()),
    }
    let program = "import sys\ntry:\n from prometheus_client.parser import text_string_to_metric_families as read\n\
                   except ImportError: sys.exit(7)\nprint(sum(len(f.samples) for f in read(open(sys.argv[1]).read())))";
    let output = Command::new(PYTHON).args(["-c", program]).arg(path).output().unwrap();
    if output.status.code() == Some(7) {
        return cannot_run("the Prometheus file with python3-prometheus-client", "it isn't installed");
    }
    assert!(output.status.success(), "{output:?}");
    let samples = String::from_utf8(output.stdout).unwrap().trim().parse::<usize>().unwrap();
    assert_eq!(samples, parse(&fs::read_to_string(path).unwrap()).len());
}

/// Returns the metric names of a Prometheus file. A summary counts as one name.
fn names(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}

#[test]
fn counters_add_up_at_every_moment() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "flaky");
    let prom = dir.path().join("auship.prom");
    // Some durations are measured only while statsd is configured.
    let statsd = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = &server.url;
    let spool = dir.path().join("spool").display().to_string();
    let always = dir.path().join("always").display().to_string();
    let more = format!(
        "[output:lossy]\ntype = http\nurl = {url}\nattempts = 1\nring_slots = 100\n\
         [output:spooled]\ntype = http\nurl = {url}\nspool_dir = {spool}\nring_slots = 100\nretry_max = 300ms\n\
         [output:always]\ntype = http\nurl = {url}\nspool_dir = {always}\nspool = always\nretry_max = 300ms\n\
         [filter:noise]\nregex = text=noise\n[metrics]\nheartbeat = 1s\nprometheus_file = {}\nstatsd = {}\n",
        prom.display(),
        statsd.local_addr().unwrap()
    );
    let mut auship = Running::start(&config(dir.path(), "", &more));
    auship.wait_for("started");
    let mut seen = BTreeSet::new();
    for round in 0..150 {
        // Every tenth event is missing, so auship also reports gaps.
        let log: String = (0..10).map(|n| events(1 + round * 100 + n * 10, 9)).collect();
        auship.feed(&log);
        // One of the missing events arrives late, and a filter drops it.
        auship.feed(&event(50 + round * 100, "noise"));
        auship.report();
        let text = fs::read_to_string(&prom).unwrap();
        assert!(adds_up(&text));
        seen.insert(parse(&text)["auship_events_total"].to_bits());
    }
    let (status, said) = auship.finish();
    let text = fs::read_to_string(&prom).unwrap();
    assert!(adds_up(&text));
    assert!(seen.len() > 20, "only {} different moments were seen", seen.len());
    let all = parse(&text);
    assert_eq!(all["auship_events_total"], 13_650.0, "{said}");
    assert_eq!(all["auship_missing_events_total"], 1349.0);
    assert_eq!(all["auship_events_filtered_total"], 150.0);
    assert_eq!(all["auship_filter_events_total{filter=\"noise\"}"], 150.0);
    let lost = |why: &str| all[&format!("auship_output_lost_total{{output=\"lossy\",reason=\"{why}\"}}")];
    assert!(lost("ring_full") + lost("refused") > 0.0, "{text}");
    assert!(all["auship_output_responses_total{output=\"lossy\",code=\"503\"}"] > 0.0);
    assert!(said.contains("reader's pauses: 99.9 % under "), "{status} {said}");
    is_well_formed(&prom);
    assert_eq!(fs::metadata(&prom).unwrap().permissions().mode() & 0o777, 0o644);
    let listed: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    let report = fs::read_to_string(dir.path().join("run/report")).unwrap();
    for name in &listed {
        // Not every process may ask the kernel. tests/heartbeat.rs tests these metrics.
        if name.starts_with("auship_kernel_") {
            continue;
        }
        // An output that has ended no longer has a breaker.
        let ended = *name == "auship_output_breaker_state";
        assert!(ended || names(&text).contains(name), "{name} isn't written");
        assert!(report.contains(name), "{name} isn't in the report");
    }
    assert!(names(&text).is_subset(&listed));
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".new")), "{left:?}");
}

#[test]
fn a_report_is_written_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    // No server listens on this port, so the breaker opens.
    let port = free_port();
    let more = format!("[output:siem]\ntype = http\nurl = http://127.0.0.1:{port}/x\nattempts = 9\nworkers = 1\n");
    let mut auship = Running::start(&config(dir.path(), "", &more));
    auship.wait_for("started");
    auship.feed(&(events(1, 10) + "nonsense\n"));
    let path = dir.path().join("run/report");
    let mut report = String::new();
    wait_until("the breaker is open in the report", || {
        report = auship.report();
        report.contains("output siem (http): running, breaker open")
    });
    assert!(auship.messages().contains(&format!("report written to {}", path.display())));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o640, 0o750));
    for part in [
        &format!("configuration {}/auship.conf", dir.path().display()),
        "running since ",
        "counters      add up",
        "output copy (file): running",
    ] {
        assert!(report.contains(part), "no {part:?} in {report}");
    }
    let value = |name: &str| {
        let line = report.lines().find(|line| line.split_whitespace().next() == Some(name));
        line.unwrap_or_else(|| panic!("no {name} in {report}")).split_whitespace().nth(1).unwrap().to_string()
    };
    assert_eq!(value("auship_events_total"), "10");
    assert_eq!(value("auship_lines_unreadable_total"), "1");
    assert_eq!(value("auship_output_breaker_state{state=open}"), "1");
    // A file replaces the run directory. The process only logs that it can't write a report.
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path.parent().unwrap(), "").unwrap();
    auship.signal(Signal::SIGUSR1);
    auship.wait_for("can't write a report");
}

#[test]
fn a_file_that_cannot_be_written_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let away = dir.path().join("metrics");
    fs::create_dir(&away).unwrap();
    let more = format!("[metrics]\nprometheus_file = {}/x.prom\n", away.display());
    let mut auship = Running::start(&config(dir.path(), "", &more));
    auship.wait_for("started");
    fs::remove_dir_all(&away).unwrap();
    auship.report();
    auship.wait_for("can't write metrics to ");
    auship.feed(&events(1, 3));
    // Each report tries again to write the file. The failure isn't logged again.
    auship.wait_for_events(3);
    fs::create_dir(&away).unwrap();
    // Somebody has put a symbolic link at the path of the temporary file. It isn't followed.
    std::os::unix::fs::symlink(dir.path().join("victim"), away.join(".x.prom.new")).unwrap();
    let (status, said) = auship.finish();
    assert!(status.success() && said.contains("metrics are written to "), "{said}");
    assert_eq!(said.matches("can't write metrics").count(), 1, "{said}");
    assert!(adds_up(&fs::read_to_string(away.join("x.prom")).unwrap()));
    assert!(!dir.path().join("victim").exists());
}

#[test]
fn a_status_line_is_logged_now_and_then() {
    let dir = tempfile::tempdir().unwrap();
    let mut auship = Running::start(&config(dir.path(), "", "[metrics]\nstatus_period = 1s\n"));
    auship.feed(&events(1, 3));
    auship.wait_for("copy.delivered=3");
    let (_, said) = auship.finish();
    let line = said.lines().find(|line| line.contains("copy.delivered=3")).unwrap();
    assert!(line.contains("status: uptime=") && line.contains(" events=3 filtered=0 gaps=0 missing=0 "), "{line}");
    assert!(line.split_once("status: ").unwrap().1.split(' ').all(|word| word.split_once('=').is_some()), "{line}");
}

#[test]
fn counters_go_on_after_a_reload() {
    let dir = tempfile::tempdir().unwrap();
    let prom = dir.path().join("x.prom");
    let more = |details: &str| format!("details = {details}\n[metrics]\nprometheus_file = {}\n", prom.display());
    let path = config(dir.path(), "", &more("full"));
    let mut auship = Running::start(&path);
    auship.feed(&events(1, 10));
    auship.wait_for_events(10);
    config(dir.path(), "", &more("classic"));
    auship.signal(Signal::SIGHUP);
    auship.wait_for("reloaded");
    auship.feed(&events(11, 10));
    auship.finish();
    let text = fs::read_to_string(&prom).unwrap();
    assert!(adds_up(&text));
    assert_eq!(parse(&text)["auship_output_delivered_total{output=\"copy\"}"], 20.0, "{text}");
}

/// Returns the statsd type of a metric kind.
fn statsd_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "c",
        Kind::Gauge | Kind::StateSet => "g",
        Kind::Summary => "ms",
    }
}

/// Returns true if the catalog lists this name (without the prefix) with this type. A label's value can be any text
/// without a dot.
fn is_listed(name: &str, its_type: &str) -> bool {
    let fits = |template: &str| {
        let (template, given): (Vec<_>, Vec<_>) = (template.split('.').collect(), name.split('.').collect());
        let part_fits = |(listed, given): (&&str, &&str)| listed.starts_with('<') || listed == given;
        template.len() == given.len() && template.iter().zip(&given).all(part_fits)
    };
    METRICS
        .iter()
        .any(|metric| statsd_type(metric.kind) == its_type && metric.statsd.iter().any(|name| fits(name.template())))
}

#[test]
fn statsd_gets_counters_gauges_and_times() {
    let Ok(socket) = UdpSocket::bind("[::1]:0") else {
        return cannot_run("statsd over IPv6", "no ::1 here");
    };
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "ok");
    let more = format!(
        "[output:si.em]\ntype = http\nurl = {}\nring_slots = 1000\n[filter:all]\naction = keep\nregex = ^\n[metrics]\nstatsd = {}\nsample_rate = 0.25\n",
        server.url,
        socket.local_addr().unwrap()
    );
    let mut auship = Running::start_with(&config(dir.path(), "", &more), |command| {
        command.env("HOSTNAME", "web1.example.com");
    });
    auship.feed(&(events(1, 100) + &events(102, 100)));
    let (status, said) = auship.finish();
    assert!(status.success(), "{said}");
    // auship has ended, so everything that it sent has arrived.
    socket.set_nonblocking(true).unwrap();
    let (mut block, mut counters, mut times) = ([0; 2000], BTreeMap::<String, f64>::new(), BTreeMap::new());
    while let Ok(n) = socket.recv(&mut block) {
        assert!(n <= 1400);
        for line in String::from_utf8_lossy(&block[..n]).lines() {
            let (name, rest) = line.split_once(':').unwrap();
            let name = name.strip_prefix("auship.web1.").unwrap_or_else(|| panic!("{line}"));
            let parts: Vec<_> = rest.split('|').collect();
            assert!(is_listed(name, parts[1]), "{line}");
            let value: f64 = parts[0].parse().unwrap();
            match parts[1] {
                "c" => *counters.entry(name.to_string()).or_default() += value,
                "ms" => {
                    let rate: f64 = parts.get(2).map_or(1.0, |rate| rate.strip_prefix('@').unwrap().parse().unwrap());
                    *times.entry(name.to_string()).or_insert(0.0) += 1.0 / rate;
                }
                _ => (),
            }
        }
    }
    let of = |name: &str| counters.get(name).copied().unwrap_or(0.0);
    assert_eq!((of("messages.total"), of("messages.gaps"), of("messages.missing")), (200.0, 1.0, 1.0));
    assert_eq!((of("http_writer.total_messages"), of("http_code.200")), (201.0, 201.0), "{counters:?}");
    assert_eq!((of("output.si_em.delivered"), of("output.copy.delivered")), (201.0, 201.0));
    for (name, number) in [("http_writer.latency", 201.0), ("latency", 200.0), ("marshaller.filter_latency", 200.0)] {
        assert!((times[name] - number).abs() < 0.5, "{name}: {times:?}");
    }
    assert!(times["parse"] >= 1.0);
}

/// A real statsd process. Dropping this value stops it.
struct Statsd {
    child: Child,
    file: PathBuf,
}

impl Statsd {
    fn start(dir: &Path, port: u16) -> Option<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/statsd/node_modules/statsd/stats.js");
        if !program.exists() {
            cannot_run("metrics with a real statsd", "it isn't in target/statsd; make deps brings it where npm is");
            return None;
        }
        let (file, settings) = (dir.join("flushes"), dir.join("statsd.js"));
        let management = free_port();
        let text = serde_json::json!({
            "address": "127.0.0.1", "port": port, "mgmt_address": "127.0.0.1", "mgmt_port": management,
            "flushInterval": 200, "backends": [tool("statsd_backend.js")], "file": file,
        });
        fs::write(&settings, text.to_string()).unwrap();
        let child = Command::new("node").arg(program).arg(settings).stdout(Stdio::null()).spawn();
        let child = child.inspect_err(|e| cannot_run("metrics with a real statsd", &format!("node: {e}"))).ok()?;
        wait_until("statsd flushes", || file.exists());
        Some(Self { child, file })
    }

    /// Returns the sum of each counter over all flushes.
    fn counters(&self) -> BTreeMap<String, f64> {
        let mut all = BTreeMap::new();
        // The last line may be incomplete. It is skipped then.
        let text = fs::read_to_string(&self.file).unwrap();
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let flush: Value = serde_json::from_str(line).unwrap();
            for (name, value) in flush["counters"].as_object().unwrap() {
                *all.entry(name.clone()).or_insert(0.0) += value.as_f64().unwrap();
            }
        }
        all
    }
}

impl Drop for Statsd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_statsd_counts_what_the_books_say() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "flaky");
    let prom = dir.path().join("x.prom");
    let port = free_port();
    let more = format!(
        "[output:siem]\ntype = http\nurl = {}\nattempts = 2\nring_slots = 50\nretry_min = 25ms\nretry_max = 50ms\n\
         [metrics]\nstatsd = localhost:{port}\nstatsd_period = 1s\nprometheus_file = {}\n",
        server.url,
        prom.display()
    );
    let how = |command: &mut Command| {
        command.env("HOSTNAME", "web1");
    };
    let mut auship = Running::start_with(&config(dir.path(), "", &more), how);
    auship.feed(&events(1, 500));
    // No statsd listens yet. auship keeps the counts that it can't send.
    auship.wait_for("counters wait until it takes them");
    let Some(statsd) = Statsd::start(dir.path(), port) else { return };
    auship.feed(&events(510, 500));
    auship.wait_for("works again");
    auship.feed(&events(1010, 500));
    let (_, said) = auship.finish();
    let books = parse(&fs::read_to_string(&prom).unwrap());
    let of = |name: &str| books[&format!("auship_output_{name}")];
    let lost: f64 = books.iter().filter(|(k, _)| k.contains("lost_total{output=\"siem\"")).map(|(_, v)| v).sum();
    let expected = [
        ("messages.total", books["auship_events_total"]),
        ("messages.gaps", 1.0),
        ("messages.missing", 9.0),
        ("http_writer.total_messages", of("events_total{output=\"siem\"}")),
        ("http_writer.dropped_messages", lost),
        ("http_code.200", of("responses_total{output=\"siem\",code=\"200\"}")),
        ("http_code.503", of("responses_total{output=\"siem\",code=\"503\"}")),
        ("output.siem.delivered", of("delivered_total{output=\"siem\"}")),
        ("output.copy.delivered", of("delivered_total{output=\"copy\"}")),
    ];
    assert_eq!(expected[0].1, 1500.0, "{said}");
    wait_until("statsd has it all", || {
        let counters = statsd.counters();
        expected.iter().all(|(name, value)| counters.get(&format!("auship.web1.{name}")).unwrap_or(&0.0) >= value)
    });
    let counters = statsd.counters();
    for (name, value) in expected {
        assert_eq!(counters.get(&format!("auship.web1.{name}")).copied().unwrap_or(0.0), value, "{name}: {counters:?}");
    }
    assert!(counters.get("statsd.bad_lines_seen").is_none_or(|bad| *bad == 0.0), "{counters:?}");
}

/// Returns the row for this metric in the table of `docs/metrics.md`.
fn row(metric: &Metric) -> String {
    let Metric { name, labels, help, .. } = metric;
    let list = |words: Vec<&str>| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let labels = if metric.is_of_output() { [&["output"], *labels].concat() } else { labels.to_vec() };
    let statsd = metric.statsd.iter().map(|name| StatsdName::template(*name)).collect();
    format!("| `{name}` | {} | {} | {help} | {} |", metric.kind.name(), list(labels), list(statsd))
}

#[test]
fn the_table_in_the_docs_is_that_of_the_catalog() {
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).unwrap();
    let documented: Vec<&str> = docs.lines().filter(|line| line.starts_with("| `auship_")).collect();
    let rows: Vec<String> = METRICS.iter().map(row).collect();
    assert!(documented == rows, "the rows in docs/metrics.md should be:\n{}", rows.join("\n"));
}
