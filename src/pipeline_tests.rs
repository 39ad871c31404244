//! Receipts on their way through the pipeline, with real outputs.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{
    auparse::Parser,
    config::{Config, parse},
    host::Host,
    output::Environment,
    queue::Guarantee,
    receipt::Ack,
};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    thread,
};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A source's part: gives each event a receipt, and gets the acknowledgements.
struct Client<'p> {
    pipeline: &'p mut Pipeline,
    next: u64,
    to: Sender<Ack>,
    acks: Receiver<Ack>,
}

impl<'p> Client<'p> {
    fn new(pipeline: &'p mut Pipeline) -> Self {
        let (to, acks) = unbounded();
        Self { pipeline, next: 0, to, acks }
    }

    fn send(&mut self, log: &str) {
        let mut parser = Parser::new().unwrap();
        parser.feed(log.as_bytes(), self).unwrap();
        parser.finish(self).unwrap();
    }

    /// The next so many acknowledgements, by token.
    fn acks(&self, number: usize) -> Vec<(u64, bool)> {
        let ack = |_| self.acks.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no acknowledgement came"));
        let mut acks: Vec<(u64, bool)> = (0..number).map(ack).map(|ack: Ack| (ack.token, ack.safe)).collect();
        acks.sort_unstable();
        acks
    }
}

impl Events for Client<'_> {
    fn event(&mut self, event: Event<'_, '_>, receipt: Option<Receipt>) {
        assert!(receipt.is_none(), "a log has none");
        let receipt = Receipt::new(self.next, &self.to);
        self.next += 1;
        self.pipeline.event(event, Some(receipt));
    }

    fn arrives(&mut self, id: EventId, node: u64) {
        self.pipeline.arrives(id, node);
    }
}

fn event(serial: usize, text: &str) -> String {
    format!("type=USER msg=audit(1795320000.001:{serial}): pid=1 uid=0 auid=0 ses=1 msg='text={text} res=success'\n")
}

fn config(text: &str) -> Config {
    parse(Path::new("x"), text).unwrap()
}

fn pipeline(config: &Config, run_dir: &Path) -> Pipeline {
    let (host, run_dir) = (Host { name: "host".into(), ..Host::default() }, run_dir.to_path_buf());
    let environment = Environment { host, run_dir, guarantee: Guarantee::Acknowledged };
    Pipeline::new(config, Outputs::start(&config.outputs, environment, Duration::ZERO).unwrap())
}

/// A server that answers 200, from when it is told to.
fn server() -> (String, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (go, told) = unbounded::<()>();
    thread::spawn(move || {
        // Until then connections are made, and nobody answers.
        let _ = told.recv();
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                loop {
                    let (mut line, mut length) = (String::new(), 0);
                    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                            length = value.trim().parse().unwrap();
                        }
                        line.clear();
                    }
                    let mut body = vec![0; length];
                    if length == 0 || reader.read_exact(&mut body).is_err() {
                        return;
                    }
                    let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
            });
        }
    });
    (url, go)
}

#[test]
fn delivered_and_filtered_events_are_acknowledged_by_all_outputs() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (a, b) = (at("a"), at("b"));
    let text = format!(
        "[filter:f]\nregex = noise\n[output:a]\ntype = file\npath = {a}\n[output:b]\ntype = file\npath = {b}\nformat = ecs\n"
    );
    let config = config(&text);
    let mut pipeline = pipeline(&config, dir.path());
    let mut client = Client::new(&mut pipeline);
    client.send(&(event(1, "a") + &event(2, "noise") + &event(3, "b")));
    assert_eq!(client.acks(3), [(0, true), (1, true), (2, true)]);
    assert_eq!(pipeline.outputs.drain(Instant::now() + PATIENCE), 0);
    for path in [&a, &b] {
        assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 2, "one was filtered");
    }
}

#[test]
fn a_full_queue_stops_the_source_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (url, go) = server();
    let config = config(&format!("[output:a]\ntype = http\nurl = {url}\nworkers = 1\nring_slots = 2\ntimeout = 10m\n"));
    let mut pipeline = pipeline(&config, dir.path());
    let mut client = Client::new(&mut pipeline);
    // One in flight, two in the ring: the others have no room.
    client.send(&(1..=20).map(|serial| event(serial, "x")).collect::<String>());
    assert!(client.pipeline.is_blocked());
    client.pipeline.retry();
    assert!(client.pipeline.is_blocked() && client.acks.is_empty(), "nothing is safe yet");
    go.send(()).unwrap();
    let start = Instant::now();
    while client.pipeline.is_blocked() {
        assert!(start.elapsed() < PATIENCE);
        client.pipeline.retry();
        thread::yield_now();
    }
    assert_eq!(client.acks(20), (0..20).map(|token| (token, true)).collect::<Vec<_>>());
    assert_eq!(pipeline.outputs.drain(Instant::now() + PATIENCE), 0);
    let metrics = pipeline.outputs.metrics().remove(0);
    assert!(metrics.counters.balance(), "{:?}", metrics.counters);
    assert_eq!((metrics.counters.lost(), metrics.requests.count), (0, 20));
}

#[test]
fn what_is_held_at_the_end_is_not_safe() {
    let dir = tempfile::tempdir().unwrap();
    let (url, _go) = server();
    let config = config(&format!(
        "[output:a]\ntype = http\nurl = {url}\nworkers = 1\nring_slots = 1\ntimeout = 10m\nspool_dir = {}\n",
        dir.path().join("spool").display()
    ));
    let mut pipeline = pipeline(&config, dir.path());
    let mut client = Client::new(&mut pipeline);
    client.send(&(1..=5).map(|serial| event(serial, "x")).collect::<String>());
    let (next, acks) = (client.next, client.acks.clone());
    drop(client);
    pipeline.outputs.drain(Instant::now());
    let ended = pipeline.outputs.metrics().remove(0).counters;
    drop(pipeline);
    let mut all: Vec<(u64, bool)> =
        (0..next).map(|_| acks.recv_timeout(PATIENCE).unwrap()).map(|a| (a.token, a.safe)).collect();
    all.sort_unstable();
    assert_eq!(all.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [0, 1, 2, 3, 4], "each once");
    let safe = all.iter().filter(|(_, safe)| *safe).count();
    // What is acknowledged is in the spool, and nothing else may be said to be.
    assert_eq!(safe as u64, ended[crate::queue::counters::Counter::Spool], "{all:?} {ended:?}");
}

#[test]
fn what_a_filter_drops_tells_of_processes_too() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (a, b) = (at("a"), at("b"));
    let outputs = format!("[output:a]\ntype = file\npath = {a}\n[output:b]\ntype = file\npath = {b}\nformat = ecs\n");
    let mut config = config(&format!("[filter:f]\nexe = /bin/sh\n{outputs}"));
    let mut pipeline = pipeline(&config, dir.path());
    let mut client = Client::new(&mut pipeline);
    let executes = |serial: usize, ppid: usize, pid: usize, comm: &str| {
        let record = |kind: &str, text: String| format!("type={kind} msg=audit(1795320000.001:{serial}): {text}\n");
        record(
            "SYSCALL",
            format!(
                "arch=c000003e syscall=59 success=yes exit=0 a0=0 a1=0 a2=0 a3=0 items=0 ppid={ppid} pid={pid} auid=0 uid=0 \
                 comm=\"{comm}\" exe=\"/bin/{comm}\" key=(null)"
            ),
        ) + &record("EXECVE", format!("argc=1 a0=\"{comm}\""))
            + &record("EOE", String::new())
    };
    client.send(&(executes(1, 1, 200, "sh") + &executes(2, 200, 300, "ls")));
    // A reload doesn't empty the table.
    config.filters.clear();
    client.pipeline.configure(&config);
    client.send(&executes(3, 300, 400, "id"));
    assert_eq!(client.acks(3), [(0, true), (1, true), (2, true)]);
    assert_eq!(pipeline.outputs.drain(Instant::now() + PATIENCE), 0);
    let documents = |path: &str| -> Vec<serde_json::Value> {
        std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (mozdef, ecs) = (documents(&a), documents(&b));
    assert_eq!((mozdef.len(), ecs.len()), (2, 2));
    for (n, parent) in ["sh", "ls"].into_iter().enumerate() {
        assert_eq!(mozdef[n]["details"]["parentprocess"], parent);
        assert_eq!(ecs[n]["process"]["parent"]["executable"], format!("/bin/{parent}"));
        assert_eq!(ecs[n]["process"]["parent"]["command_line"], parent);
    }
}
