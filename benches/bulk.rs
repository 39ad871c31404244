//! How much delivery into a search server costs: documents a second and processor time a document by the bulk interface
//! of osmem-server, which keeps an OpenSearch's indexes in memory, beside converting the same events into a file.
//!
//! `BENCH_LOG` names a log, as for `throughput`. All take turns in one run; the ratio is what counts. The clock measures
//! the server more than it does us: it runs on the same processors.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, Cost, deliver, least, log, measured};
use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

const ROUNDS: usize = 3;

/// A server with nothing in it; stopped with this. What it costs isn't counted while it runs.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where `make deps` puts it.
fn binary() -> PathBuf {
    match env::var_os("OSMEM_SERVER_BIN") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/osmem/osmem_server/bin/osmem-server"),
    }
}

fn server() -> (Server, String) {
    let mut command = Command::new(binary());
    command.args(["-no-ja", "-addr", "127.0.0.1:0"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let started: serde_json::Value = serde_json::from_str(&line).unwrap();
    let url = started["url"].as_str().unwrap().to_string();
    // An index that looks for nothing but times, else the server alone would be measured.
    let mappings = r#"{"mappings":{"dynamic":false,"properties":{"@timestamp":{"type":"date"}}}}"#;
    let (mut easy, mut headers) = (curl::easy::Easy::new(), curl::easy::List::new());
    headers.append("Content-Type: application/json").unwrap();
    easy.url(&format!("{url}/bench")).unwrap();
    easy.custom_request("PUT").unwrap();
    easy.http_headers(headers).unwrap();
    easy.post_fields_copy(mappings.as_bytes()).unwrap();
    easy.fail_on_error(true).unwrap();
    easy.write_function(|answer| Ok(answer.len())).unwrap();
    easy.perform().unwrap();
    (Server(child), url)
}

fn main() {
    if !binary().exists() {
        println!("bulk: there is no {}; `make target/osmem` puts it there", binary().display());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let log = log(dir.path());
    let out = dir.path().join("out");
    let convert = || {
        let mut convert = Command::new(AUSHIP);
        convert.args(["convert", "--format", "ecs"]);
        convert.stdin(File::open(&log).unwrap()).stdout(File::create(&out).unwrap());
        assert!(convert.status().unwrap().success());
    };
    convert();
    let text = fs::read_to_string(&out).unwrap();
    let events = text.lines().count();
    println!("{}: {events} events, {} bytes a document on average", log.display(), text.len() / events);

    let runs = [
        ("run, into a file", format!("type = file\nformat = ecs\npath = {}/out.json\n", dir.path().display())),
        ("run, bulk", String::new()),
        ("run, bulk, one worker", "workers = 1\n".into()),
        ("run, bulk, gzip", "gzip = yes\n".into()),
        ("run, bulk, with a spool", format!("spool_dir = {}/spool\n", dir.path().display())),
    ];
    let mut converted = Vec::new();
    let mut costs = vec![Vec::new(); runs.len()];
    for _ in 0..ROUNDS {
        converted.push(measured(convert));
        for ((_, keys), costs) in runs.iter().zip(&mut costs) {
            if keys.starts_with("type = ") {
                costs.push(deliver(dir.path(), &log, keys, events));
            } else {
                let (server, url) = server();
                let output = format!("type = elasticsearch\nurl = {url}\nindex = bench\n{keys}");
                costs.push(deliver(dir.path(), &log, &output, events));
                drop(server);
            }
        }
    }
    let floor = least(&converted);
    let line = |name: &str, cost: Cost| {
        println!(
            "  {name:36} {:7.1} µs a document  {:7.0} documents/s  {:5.2} of convert",
            cost.cpu / events as f64 * 1e6,
            events as f64 / cost.wall,
            cost.cpu / floor.cpu,
        );
    };
    println!("least processor time (user+system) of {ROUNDS} rounds in turn, documents of 500 in a request:");
    line("convert --format ecs, into a file", floor);
    for ((name, _), costs) in runs.iter().zip(&costs) {
        line(name, least(costs));
    }
}
