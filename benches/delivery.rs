//! How much delivery over HTTPS costs: documents a second and processor time a document, one document a request and
//! batched, beside converting the same events into a file, and beside `wrk` posting the same bodies to the same nginx.
//!
//! `BENCH_LOG` names a log, as for `throughput`. All take turns in one run; the ratio is what counts.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, Cost, deliver, least, log, measured};
use std::{
    fs::{self, File},
    io::Write,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
const BATCH: usize = 500;

/// An nginx that takes every POST, with TLS on one worker; stopped with this.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn nginx(dir: &Path) -> (Nginx, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let made = Command::new("openssl")
        .args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost".split(' '),
        )
        .args(["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let text = format!(
        "daemon off; master_process off; pid {0}/pid; error_log {0}/error.log;\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log off; client_max_body_size 0; client_body_buffer_size 4m; keepalive_requests 1000000000;\n\
         client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; fastcgi_temp_path {0}/t3; uwsgi_temp_path {0}/t4;\n\
         scgi_temp_path {0}/t5;\n\
         server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {0}/cert.pem; ssl_certificate_key {0}/key.pem;\n\
         location / {{ return 200; }} }} }}\n",
        dir.display()
    );
    let conf = dir.join("nginx.conf");
    fs::write(&conf, text).unwrap();
    let child = Command::new("nginx").arg("-c").arg(&conf).arg("-e").arg(dir.join("early.log")).spawn().unwrap();
    let nginx = Nginx(child);
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "nginx doesn't start");
        sleep(Duration::from_millis(20));
    }
    (nginx, format!("https://localhost:{port}/events"))
}

/// `wrk` posting bodies from a file for some seconds: requests, and what they cost.
fn wrk(dir: &Path, url: &str, bodies: &Path) -> (usize, Cost) {
    let script = dir.join("post.lua");
    let lua = format!(
        "local requests, n = {{}}, 0\n\
         function init(args)\n\
           for body in io.lines('{}') do\n\
             requests[#requests + 1] = wrk.format('POST', nil, {{['Content-Type'] = 'application/json'}}, body)\n\
           end\n\
         end\n\
         function request() n = n % #requests + 1; return requests[n] end\n\
         function done(summary) print('requests ' .. summary.requests) end\n",
        bodies.display()
    );
    fs::write(&script, lua).unwrap();
    let mut said = String::new();
    let cost = measured(|| {
        let output =
            Command::new("wrk").args(["-t1", "-c4", "-d3s", "-s"]).arg(&script).arg(url).output().expect("wrk starts");
        said = String::from_utf8_lossy(&output.stdout).into_owned();
    });
    assert!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "{said}");
    let requests = said.lines().find_map(|l| l.strip_prefix("requests ")).unwrap_or_else(|| panic!("{said}"));
    (requests.parse().unwrap(), cost)
}

fn main() {
    for tool in ["nginx", "wrk"] {
        if Command::new(tool).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            println!("delivery: {tool} isn't installed here; `make deps-bench` installs it");
            return;
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let log = log(dir.path());
    let (_nginx, url) = nginx(dir.path());
    let documents = dir.path().join("documents");
    let mut convert = Command::new(AUSHIP);
    convert.arg("convert").arg(&log).stdout(File::create(&documents).unwrap());
    assert!(convert.status().unwrap().success());
    let text = fs::read_to_string(&documents).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let events = lines.len();
    let arrays = dir.path().join("arrays");
    let mut file = File::create(&arrays).unwrap();
    for batch in lines.chunks_exact(BATCH) {
        writeln!(file, "[{}]", batch.join(",")).unwrap();
    }
    println!("{}: {events} events, {} bytes a document on average", log.display(), text.len() / events);

    let http = format!("type = http\nurl = {url}\ncurl_cainfo = {}/cert.pem\n", dir.path().display());
    let file = format!("type = file\npath = {}/out.json\n", dir.path().display());
    let spool = format!("spool_dir = {}/spool\n", dir.path().display());
    let batch = format!("{http}batch = {BATCH}\n");
    let runs: [(&str, String); 5] = [
        ("run, into a file", file),
        ("run, HTTPS, one document a request", http.clone()),
        ("run, HTTPS, batched", batch.clone()),
        ("run, HTTPS, batched, with a spool", format!("{batch}{spool}")),
        ("run, HTTPS, batched, one worker", format!("{batch}workers = 1\n")),
    ];
    let mut converted = Vec::new();
    let mut costs = vec![Vec::new(); runs.len()];
    for _ in 0..ROUNDS {
        let out = dir.path().join("out");
        converted.push(measured(|| {
            let mut convert = Command::new(AUSHIP);
            convert.arg("convert").stdin(File::open(&log).unwrap()).stdout(File::create(&out).unwrap());
            assert!(convert.status().unwrap().success());
        }));
        for ((_, output), costs) in runs.iter().zip(&mut costs) {
            costs.push(deliver(dir.path(), &log, output, events));
        }
    }
    let floor = least(&converted);
    let line = |name: &str, events: usize, cost: Cost| {
        println!(
            "  {name:36} {:7.1} µs a document  {:7.0} documents/s  {:5.2} of convert",
            cost.cpu / events as f64 * 1e6,
            events as f64 / cost.wall,
            cost.cpu / events as f64 / (floor.cpu / lines.len() as f64),
        );
    };
    println!("least processor time (user+system) of {ROUNDS} rounds in turn, documents of {BATCH} in a batch:");
    line("convert, into a file", events, floor);
    for ((name, _), costs) in runs.iter().zip(&costs) {
        line(name, events, least(costs));
    }
    let (requests, cost) = wrk(dir.path(), &url, &documents);
    line("wrk, HTTPS, one document a request", requests, cost);
    let (requests, cost) = wrk(dir.path(), &url, &arrays);
    line("wrk, HTTPS, batched", requests * BATCH, cost);
}
