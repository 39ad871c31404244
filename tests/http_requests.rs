//! Tests of HTTP requests: batches, headers, logins, certificates, compression, proxies, HTTP/2.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    Running, auship, cannot_run, events, free_port, run_to_end, secret, serials,
    server::{Certificates, Server},
    wait_until, write_config,
};
use std::{
    collections::BTreeSet,
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

fn config(dir: &Path, url: &str, more: &str) -> PathBuf {
    write_config(dir, &format!("shutdown_timeout = 1m\n[output:siem]\ntype = http\nurl = {url}\nworkers = 1\n{more}"))
}

#[test]
fn a_batch_is_an_array_bounded_by_number_bytes_and_time() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "ok");
    let said =
        run_to_end(&config(dir.path(), &server.url, "batch = 50\nbatch_interval = 1h\nring_slots = 2000\n"), 1000);
    assert!(said.contains("delivered 1000, lost 0"), "{said}");
    assert_eq!(serials(&server.documents()), (1..=1000).collect::<Vec<_>>());
    assert_eq!(server.seen().1, 20, "requests of 50 documents");

    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "ok");
    run_to_end(&config(dir.path(), &server.url, "batch = 50\nbatch_bytes = 2KiB\nring_slots = 2000\n"), 100);
    assert!(server.bodies().split(|b| *b == b'\n').all(|body| body.len() <= 2048 + 60));
    assert_eq!(server.documents().len(), 100);

    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "ok");
    let mut auship = Running::start(&config(dir.path(), &server.url, "batch = 50\nbatch_interval = 300ms\n"));
    auship.feed(&events(1, 3));
    server.wait_for(1);
    assert!(server.bodies().starts_with(b"[{"));
    let (_, said) = auship.finish();
    assert!(said.contains("delivered 3, lost 0"), "{said}");
    assert!(server.seen().1 <= 2);
}

#[test]
fn headers_name_each_request_and_whatever_else_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "ok");
    let more = "trace_header_name = X-Trace-Id\nheader.X-Tenant = blue; team\nheader.X-Empty-Not = 1\n";
    run_to_end(&config(dir.path(), &server.url, more), 20);
    let headers = server.headers();
    let traces: BTreeSet<&str> = headers.iter().map(|h| h["x-trace-id"].as_str().unwrap()).collect();
    assert_eq!(traces.len(), 20, "a UUID each");
    assert!(traces.iter().all(|t| t.len() == 36 && t.as_bytes()[14] == b'4'), "{traces:?}");
    assert!(headers.iter().all(|h| h["x-tenant"] == "blue; team" && h["x-empty-not"] == "1"));
    assert!(headers.iter().all(|h| h["content-type"] == "application/json" && h.get("expect").is_none()));
}

#[test]
fn a_failed_request_is_reported_with_its_trace() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "refuse");
    let more = "trace_header_name = X-Trace-Id\nattempts = 1\n";
    let said = run_to_end(&config(dir.path(), &server.url, more), 1);
    let trace = server.headers()[0]["x-trace-id"].as_str().unwrap().to_string();
    assert!(said.contains(&format!("trace {trace}")), "{said}");
}

#[test]
fn logins_come_from_files_that_may_change() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "login");
    let password = secret(dir.path(), "password", "first\n");
    // printf joe:first | base64
    server.expect_login("Basic am9lOmZpcnN0");
    let more = format!("user = joe\npassword_file = {}\nretry_max = 300ms\nattempts = 100\n", password.display());
    let path = config(dir.path(), &server.url, &more);
    let checked = auship(&["check", "--config", path.to_str().unwrap()], b"");
    assert!(!String::from_utf8_lossy(&checked.stdout).contains("first"), "{checked:?}");
    let mut auship = Running::start(&path);
    auship.feed(&events(1, 2));
    server.wait_for(2);
    // printf joe:second | base64
    server.expect_login("Basic am9lOnNlY29uZA==");
    auship.feed(&events(3, 1));
    wait_until("a refusal", || server.seen().1 > 3);
    secret(dir.path(), "password", "second\n");
    server.wait_for(3);
    let (_, said) = auship.finish();
    assert!(said.contains("delivered 3, lost 0"), "{said}");
    assert!(!said.contains("first") && !said.contains("second"), "{said}");
}

#[test]
fn a_bearer_token_is_sent_and_stays_out_of_the_log() {
    for trace in ["", "trace_header_name = X-Trace-Id\n"] {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::http(dir.path(), "login");
        server.expect_login("Bearer t0ken");
        let token = secret(dir.path(), "token", "t0ken\n");
        let log = dir.path().join("curl.log");
        let more =
            format!("{trace}bearer_file = {}\ncurl_verbose = yes\ncurl_logfile = {}\n", token.display(), log.display());
        let said = run_to_end(&config(dir.path(), &server.url, &more), 2);
        assert!(said.contains("delivered 2, lost 0"), "{said}");
        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("> Authorization\n") && !log.contains("t0ken"), "{log}");
    }
}

#[test]
fn a_secret_that_everybody_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let token = secret(dir.path(), "token", "t0ken\n");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let path = config(dir.path(), "http://h/e", &format!("bearer_file = {}\n", token.display()));
    let checked = auship(&["check", "--config", path.to_str().unwrap()], b"");
    assert_eq!(checked.status.code(), Some(2));
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(said.contains(":6: [output:siem] bearer_file: ") && said.contains("chmod o="), "{said}");

    // A private key is refused too if it is missing or everybody can read it.
    let (cert, key) = Certificates::new().client(1);
    let missing = format!("client_cert = {}\nclient_key = {}\n", cert.display(), key.display());
    let path = config(dir.path(), "https://h/e", &missing);
    let checked = auship(&["check", "--config", path.to_str().unwrap()], b"");
    assert!(String::from_utf8_lossy(&checked.stderr).contains("client_key: can't read"), "{checked:?}");
    let certificates = Certificates::new();
    let (cert, key) = certificates.client(1);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let path = config(
        dir.path(),
        "https://h/e",
        &format!("client_cert = {}\nclient_key = {}\n", cert.display(), key.display()),
    );
    let checked = auship(&["check", "--config", path.to_str().unwrap()], b"");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(said.contains("[output:siem] client_key: ") && said.contains("chmod o="), "{said}");
}

#[test]
fn a_client_certificate_that_changes_costs_no_request() {
    let dir = tempfile::tempdir().unwrap();
    let certificates = Certificates::new();
    let (first, second) = (certificates.client(17), certificates.client(34));
    let (cert, key) = (dir.path().join("client.pem"), dir.path().join("client.key"));
    let install = |from: &(PathBuf, PathBuf)| {
        for (from, to) in [(&from.0, &cert), (&from.1, &key)] {
            fs::copy(from, dir.path().join("new")).unwrap();
            fs::set_permissions(dir.path().join("new"), fs::Permissions::from_mode(0o600)).unwrap();
            fs::rename(dir.path().join("new"), to).unwrap();
        }
    };
    install(&first);
    let server = Server::https(dir.path(), "mutual", &certificates);
    let more = format!(
        "ca_cert = {}\nclient_cert = {}\nclient_key = {}\nattempts = 20\n",
        certificates.ca().display(),
        cert.display(),
        key.display()
    );
    let mut auship = Running::start(&config(dir.path(), &server.url, &more));
    auship.feed(&events(1, 5));
    server.wait_for(5);
    install(&second);
    let mut fed = 5;
    wait_until("the new certificate", || {
        fed += 1;
        auship.feed(&events(fed, 1));
        server.wait_for(fed);
        server.headers().iter().any(|h| h["client"] == "22")
    });
    let (_, said) = auship.finish();
    assert!(said.contains(&format!("delivered {fed}, lost 0")), "{said}");
    assert_eq!(server.headers()[0]["client"], "11");
    assert_eq!(serials(&server.documents()), (1..=fed).collect::<Vec<_>>());

    // The server accepts no request without a client certificate.
    let more = format!("ca_cert = {}\nattempts = 1\n", certificates.ca().display());
    assert!(run_to_end(&config(dir.path(), &server.url, &more), 1).contains("delivered 0, lost 1"));
}

#[test]
fn requests_can_be_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "ok");
    let said = run_to_end(&config(dir.path(), &server.url, "gzip = yes\nbatch = 100\nring_slots = 2000\n"), 300);
    assert!(said.contains("delivered 300, lost 0"), "{said}");
    assert_eq!(serials(&server.documents()), (1..=300).collect::<Vec<_>>());
    for headers in server.headers() {
        assert_eq!(headers["content-encoding"], "gzip");
        let length: usize = headers["content-length"].as_str().unwrap().parse().unwrap();
        assert!(length < 100 * 300, "{length}");
    }
}

#[test]
fn a_proxy_gets_the_requests() {
    let dir = tempfile::tempdir().unwrap();
    // A request to a proxy contains the whole URL. The test server accepts such requests too.
    let proxy = Server::http(dir.path(), "ok");
    let more = format!("proxy = {}\n", proxy.url.trim_end_matches("/events"));
    let said = run_to_end(&config(dir.path(), "http://siem.invalid/events", &more), 3);
    assert!(said.contains("delivered 3, lost 0"), "{said}");
    assert!(proxy.headers().iter().all(|h| h["host"] == "siem.invalid"));
}

#[test]
fn idle_connections_are_not_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "ok");
    let mut auship = Running::start(&config(dir.path(), &server.url, "idle_conn_timeout = 1s\n"));
    auship.feed(&events(1, 2));
    server.wait_for(2);
    // The connection has to be idle for longer than the limit, so the test only waits.
    thread::sleep(Duration::from_millis(2500));
    auship.feed(&events(3, 1));
    auship.finish();
    assert_eq!(server.seen(), (2, 3), "connections and requests");
}

/// A process. Dropping this value kills it.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn http_2_is_used_where_the_server_has_it() {
    if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
        return cannot_run("HTTP/2", "nginx isn't installed; make deps installs it");
    }
    let dir = tempfile::tempdir().unwrap();
    let certificates = Certificates::new();
    let behind = Server::http(dir.path(), "ok");
    let port = free_port();
    let text = format!(
        "daemon off; master_process off; pid {0}/pid; error_log {0}/error.log;\nevents {{}}\n\
         http {{ log_format said '$server_protocol $status'; access_log {0}/access.log said;\n\
         client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; fastcgi_temp_path {0}/t3; uwsgi_temp_path {0}/t4;\n\
         scgi_temp_path {0}/t5;\n\
         server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {1}/cert.pem; ssl_certificate_key {1}/key.pem;\n\
         location / {{ proxy_pass http://localhost:{2}; }} }} }}\n",
        dir.path().display(),
        certificates.dir.path().display(),
        behind.port()
    );
    let conf = dir.path().join("nginx.conf");
    fs::write(&conf, text).unwrap();
    let _nginx =
        Ended(Command::new("nginx").arg("-c").arg(&conf).arg("-e").arg(dir.path().join("early.log")).spawn().unwrap());
    wait_until("nginx", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let url = format!("https://localhost:{port}/events");
    let said = run_to_end(&config(dir.path(), &url, &format!("ca_cert = {}\n", certificates.ca().display())), 5);
    assert!(said.contains("delivered 5, lost 0"), "{said}");
    // nginx writes a log line after it has sent the answer.
    wait_until("five answers to HTTP/2", || {
        let log = fs::read_to_string(dir.path().join("access.log")).unwrap();
        log.lines().filter(|l| *l == "HTTP/2.0 200").count() == 5
    });
    assert_eq!(serials(&behind.documents()), [1, 2, 3, 4, 5]);
}
