//! Tests of the HTTP sink with real servers, some of which fail in different ways.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    Running, auship, events, free_port, serials,
    server::{Certificates, Server},
    wait_until, write_config,
};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

fn config(dir: &Path, url: &str, more: &str) -> PathBuf {
    let run = dir.join("run").display().to_string();
    write_config(
        dir,
        &format!("shutdown_timeout = 1m\nrun_dir = {run}\n[output:siem]\ntype = http\nurl = {url}\n{more}"),
    )
}

/// Writes a configuration with a short `shutdown_timeout`. With a server that hangs, documents are left at the end.
fn impatient(dir: &Path, url: &str, more: &str) -> PathBuf {
    let text = fs::read_to_string(config(dir, url, more)).unwrap();
    write_config(dir, &text.replace("shutdown_timeout = 1m", "shutdown_timeout = 1s"))
}

/// Sends `count` events, closes the input, and returns the exit status and all messages.
fn run(config: &Path, count: usize) -> (Option<i32>, String) {
    let mut auship = Running::start(config);
    auship.feed(&events(1, count));
    let (status, said) = auship.finish();
    (status.code(), said)
}

fn totals(said: &str, delivered: usize, lost: usize) {
    let expected = format!("events in {}, delivered {delivered}, lost {lost}", delivered + lost);
    assert!(said.contains(&expected), "no {expected:?} in {said}");
}

#[test]
fn events_arrive_over_https_on_few_connections() {
    let dir = tempfile::tempdir().unwrap();
    let certificates = Certificates::new();
    let server = Server::https(dir.path(), "ok", &certificates);
    let ca = format!("curl_cainfo = {}\nring_slots = 1000\n", certificates.ca().display());
    let (status, said) = run(&config(dir.path(), &server.url, &ca), 300);
    assert_eq!(status, Some(0), "{said}");
    totals(&said, 300, 0);
    let mut found = serials(&server.documents());
    found.sort_unstable();
    assert_eq!(found, (1..=300).collect::<Vec<_>>());
    let (connections, requests) = server.seen();
    assert_eq!(requests, 300);
    assert!(connections <= 4, "{connections} connections");
}

#[test]
fn one_worker_keeps_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "created");
    let (_, said) = run(&config(dir.path(), &server.url, "workers = 1\nring_slots = 500\n"), 200);
    totals(&said, 200, 0);
    assert_eq!(serials(&server.documents()), (1..=200).collect::<Vec<_>>());
    assert_eq!(server.seen().0, 1);
}

#[test]
fn a_wrong_certificate_delivers_nothing_unless_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let (certificates, others) = (Certificates::new(), Certificates::new());
    let server = Server::https(dir.path(), "ok", &certificates);
    let once = "attempts = 1\nworkers = 1\n";
    let (status, said) =
        run(&config(dir.path(), &server.url, &format!("{once}curl_cainfo = {}\n", others.ca().display())), 3);
    assert_eq!(status, Some(0), "{said}");
    totals(&said, 0, 3);
    assert!(said.contains("certificate"), "{said}");

    // The CA is right, but the certificate is for another host name.
    let by_number = server.url.replace("localhost", "127.0.0.1");
    let (_, said) =
        run(&config(dir.path(), &by_number, &format!("{once}curl_cainfo = {}\n", certificates.ca().display())), 3);
    totals(&said, 0, 3);
    assert_eq!(server.seen().1, 0);

    let (_, said) = run(&config(dir.path(), &server.url, "ssl_verify = no\n"), 3);
    totals(&said, 3, 0);
    assert!(said.contains("ssl_verify = no"), "it must be said at each start: {said}");
}

#[test]
fn a_server_that_is_down_costs_the_events_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    // No server listens on this port.
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/events");
    let (status, said) = run(&config(dir.path(), &url, "attempts = 2\n"), 20);
    assert_eq!(status, Some(0), "{said}");
    totals(&said, 0, 20);
    assert!(said.contains("output siem: not delivered, 1 event lost"), "{said}");
    assert!(said.contains("tried 2 times"), "{said}");
    let reports = said.lines().filter(|l| l.contains("not delivered")).count();
    assert!(reports <= 2, "at most one line in 10 s, and one at the end: {said}");
}

#[test]
fn a_password_in_the_url_is_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "refuse");
    let url = server.url.replace("http://", "http://joe:s3cret@");
    let config = config(dir.path(), &url, "attempts = 1\nssl_verify = no\n");
    let (_, said) = run(&config, 2);
    totals(&said, 0, 2);
    let checked = auship(&["check", "--config", config.to_str().unwrap()], b"");
    let checked = String::from_utf8(checked.stdout).unwrap();
    assert!(!said.contains("s3cret") && !checked.contains("s3cret"), "{said}{checked}");
    assert!(said.contains("http://…@localhost:") && checked.contains("url = http://…@localhost:"), "{said}{checked}");
}

#[test]
fn what_a_server_refuses_is_reported_with_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "refuse");
    let (_, said) = run(&config(dir.path(), &server.url, "attempts = 2\nworkers = 2\n"), 5);
    totals(&said, 0, 5);
    assert_eq!(server.seen().1, 10, "each document is tried twice");
    let report = said.lines().find(|l| l.contains("not delivered")).unwrap();
    assert!(report.contains("status 500: the index is full: xxx"), "{report}");
    assert!(report.len() < 400 && report.contains(&"x".repeat(170)), "200 bytes of the answer: {report}");
}

#[test]
fn a_server_that_is_busy_now_and_then_gets_everything() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "flaky");
    let (_, said) = run(&config(dir.path(), &server.url, "attempts = 10\nworkers = 1\n"), 6);
    totals(&said, 6, 0);
    assert_eq!(serials(&server.documents()), (1..=6).collect::<Vec<_>>());
}

#[test]
fn answers_cut_short_are_no_deliveries() {
    for behaviour in ["cut", "reset"] {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::http(dir.path(), behaviour);
        let (status, said) = run(&config(dir.path(), &server.url, "attempts = 2\nworkers = 1\n"), 3);
        assert_eq!(status, Some(0), "{behaviour}: {said}");
        totals(&said, 0, 3);
    }
}

#[test]
fn a_hanging_server_is_left_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "hang");
    let start = Instant::now();
    let (status, said) = run(&impatient(dir.path(), &server.url, "workers = 2\n"), 10);
    assert_eq!(status, Some(1), "{said}");
    totals(&said, 0, 10);
    assert!(said.contains("shutdown_timeout ran out with 10 left"), "{said}");
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn a_hanging_server_is_given_up_after_the_time_limit() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "hang");
    let (status, said) = run(&config(dir.path(), &server.url, "attempts = 1\ntimeout = 300ms\n"), 4);
    assert_eq!(status, Some(0), "{said}");
    totals(&said, 0, 4);
    assert!(said.contains("timed out") || said.contains("Timeout"), "{said}");
}

#[test]
fn the_reader_never_waits_for_the_network() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "hang");
    let config = impatient(dir.path(), &server.url, "workers = 1\nring_slots = 8\n");
    let mut auship = Running::start(&config);
    auship.wait_for("started");
    // This is far more than the pipe and the ring hold. The write would never finish if the reader stopped.
    let mut stdin = auship.stdin.take().unwrap();
    let fed = thread::spawn(move || stdin.write_all(events(1, 20_000).as_bytes()));
    wait_until("all is read", || fed.is_finished());
    fed.join().unwrap().unwrap();
    auship.wait_for("output siem: ring full, 1 event lost");
    let (_, said) = auship.finish();
    totals(&said, 0, 20_000);
    let reports = said.lines().filter(|l| l.contains("ring full")).count();
    assert!(reports <= 2, "at most one line in 10 s: {said}");
}

#[test]
fn ring_bytes_bound_the_ring_too() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "hang");
    let config = impatient(dir.path(), &server.url, "workers = 1\nring_bytes = 2KiB\n");
    let mut auship = Running::start(&config);
    auship.feed(&events(1, 100));
    let (_, said) = auship.finish();
    // The worker holds one document and the ring holds a few. The rest are lost at once.
    let left: usize = said.split("ran out with ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((2..10).contains(&left), "{said}");
    totals(&said, 0, 100);
}

#[test]
fn delivery_goes_on_when_the_server_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "ok");
    let port = server.port();
    let config = config(dir.path(), &server.url, "attempts = 20\nworkers = 1\n");
    let mut auship = Running::start(&config);
    auship.feed(&events(1, 5));
    server.wait_for(5);
    drop(server);
    auship.feed(&events(6, 5));
    wait_until("a request fails", || auship.figure("auship_output_request_errors_total") > 0);
    let server = Server::start(dir.path(), "ok", None, port);
    server.wait_for(10);
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    totals(&said, 10, 0);
    assert_eq!(serials(&server.documents()), (1..=10).collect::<Vec<_>>());
}

#[test]
fn libcurls_words_go_to_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "ok");
    let log = dir.path().join("curl.log");
    let text = format!("mozdef_url = {}\ncurl_verbose = yes\ncurl_logfile = {}\n", server.url, log.display());
    let mut auship = Running::start(&write_config(dir.path(), &text));
    auship.feed(&events(1, 1));
    server.wait_for(1);
    wait_until("libcurl's words", || {
        let words = fs::read_to_string(&log).unwrap();
        words.contains("> POST /events HTTP/1.1") && words.contains("< HTTP/1.1 200")
    });
    let moved = dir.path().join("curl.log.1");
    fs::rename(&log, &moved).unwrap();
    auship.signal(nix::sys::signal::Signal::SIGHUP);
    auship.wait_for("reloaded");
    auship.feed(&events(2, 1));
    let (_, said) = auship.finish();
    totals(&said, 2, 0);
    assert!(fs::read_to_string(&log).unwrap().contains("> POST"), "opened anew");
    assert_eq!(server.documents()[0]["processname"], "audisp-json");
}

#[test]
fn an_old_audisp_json_conf_runs_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "ok");
    let text = format!(
        "mozdef_url = {}\nssl_verify = no\ncurl_verbose = no\n#curl_logfile = /var/log/x\n\
         prepend_msg = {{\"message\":\npostpend_msg = }}\n#file_log = /dev/stdout\n",
        server.url
    );
    let old = write_config(dir.path(), &text);
    let checked = auship(&["check", "--config", old.to_str().unwrap()], b"");
    assert!(checked.status.success(), "{checked:?}");
    let (_, said) = run(&old, 2);
    totals(&said, 2, 0);
    assert!(server.documents().iter().all(|d| d["message"]["tags"][0] == "audisp-json"));
}
