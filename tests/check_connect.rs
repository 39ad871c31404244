//! Tests `auship check --connect`: with servers that work, and with servers that fail in every way that has a message of
//! its own. No server may get an event, and no file may change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    auship,
    disk::Tmpfs,
    elasticsearch::Cluster,
    free_port,
    noida::Noida,
    opensearch::OpenSearch,
    secret,
    server::{Certificates, Server},
    write_config,
};
use nix::mount::MsFlags;
use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    os::unix::{
        fs::MetadataExt,
        net::{UnixDatagram, UnixListener},
    },
    path::{Path, PathBuf},
    process::Command,
};

/// Runs the check with one output. Returns the exit status and standard output.
fn check(dir: &Path, keys: &str) -> (i32, String) {
    check_all(dir, &format!("[output:siem]\nconnect_timeout = 2s\n{keys}"), &[])
}

/// Runs the check with whole outputs and more arguments.
fn check_all(dir: &Path, outputs: &str, more: &[&str]) -> (i32, String) {
    let text = format!("run_dir = {}\n{outputs}", dir.join("run").display());
    let config = write_config(dir, &text);
    let before = picture(dir);
    let args: Vec<&str> =
        ["check", "--connect", "--config", config.to_str().unwrap()].into_iter().chain(more.iter().copied()).collect();
    let output = auship(&args, b"");
    assert_eq!(picture(dir), before, "no file changes");
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

/// The files of a directory, with their sizes and times. Not those of the test servers.
fn picture(dir: &Path) -> BTreeMap<PathBuf, (u64, i64, i64)> {
    let is_own = |path: &PathBuf| !["received", "cluster"].iter().any(|name| path.to_string_lossy().contains(name));
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(is_own);
    files
        .map(|path| (path.clone(), fs::symlink_metadata(&path).map(|m| (m.len(), m.mtime(), m.ctime())).unwrap()))
        .collect()
}

/// The check fails, and says all of these.
fn fails(dir: &Path, keys: &str, texts: &[&str]) {
    let (status, said) = check(dir, keys);
    assert_eq!(status, 1, "{keys}: {said}");
    for text in ["FAILED output siem: "].iter().chain(texts) {
        assert!(said.contains(text), "{keys}: no {text:?} in {said}");
    }
}

/// The check succeeds, and says all of these.
fn works(dir: &Path, keys: &str, texts: &[&str]) {
    let (status, said) = check(dir, keys);
    assert_eq!(status, 0, "{keys}: {said}");
    for text in texts {
        assert!(said.contains(text), "{keys}: no {text:?} in {said}");
    }
}

fn http(url: &str, more: &str) -> String {
    format!("type = http\nurl = {url}\n{more}")
}

fn es(url: &str, more: &str) -> String {
    format!("type = elasticsearch\nurl = {url}\n{more}")
}

#[test]
fn an_http_server_gets_no_event() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "ok");
    let port = server.port();
    let steps = format!("DNS, TCP to 127.0.0.1:{port}, HEAD: status 405: reached");
    works(dir.path(), &http(&server.url, ""), &["unsure output siem: ", &steps]);
    works(dir.path(), &http(&server.url.replace("localhost", "127.0.0.1"), ""), &["events: TCP to 127.0.0.1"]);
    for (status, said) in [(204, "ok     output siem"), (404, "unsure output siem"), (302, "auship doesn't follow")] {
        server.behave(&format!("status-{status}"));
        works(dir.path(), &http(&server.url, ""), &[said, &format!("status {status}: ")]);
    }
    for (status, said) in [(403, "check url and the login"), (503, "doesn't work"), (407, "the proxy wants a login")] {
        server.behave(&format!("status-{status}"));
        fails(dir.path(), &http(&server.url, ""), &[said]);
    }
    assert_eq!((server.documents().len(), server.seen().1), (0, 8));
}

#[test]
fn a_login_is_tried() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "login");
    // joe:s3cret
    server.expect_login("Basic am9lOnMzY3JldA==");
    fails(dir.path(), &http(&server.url, ""), &["status 401", "set user and password_file, or bearer_file"]);
    let password = secret(dir.path(), "password", "s3cret\n");
    let login = format!("user = joe\npassword_file = {}\n", password.display());
    works(dir.path(), &http(&server.url, &login), &["reached"]);
    secret(dir.path(), "password", "wrong\n");
    fails(dir.path(), &http(&server.url, &login), &["doesn't accept user joe with the password in ", "password_file"]);
    let (_, said) = check(dir.path(), &http(&server.url, &login));
    assert!(!said.contains("wrong\n") && !said.contains("s3cret"), "{said}");
}

#[test]
fn certificates_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let certificates = Certificates::new();
    let server = Server::https(dir.path(), "ok", &certificates);
    let ca = format!("ca_cert = {}\n", certificates.ca().display());
    works(dir.path(), &http(&server.url, &ca), &["TCP to 127.0.0.1:", ", TLS, HEAD: "]);
    fails(dir.path(), &http(&server.url, ""), &["TLS: ", "set ca_cert to a PEM file"]);
    works(dir.path(), &http(&server.url, "ssl_verify = no\n"), &["TLS (not verified: ssl_verify = no)"]);
    let other_name = server.url.replace("localhost", "127.0.0.1");
    fails(dir.path(), &http(&other_name, &ca), &["TLS: ", "use a name in url that the certificate has"]);
    let plain = Server::http(&certificates.dir.path().join("ca.pem").with_file_name(""), "ok");
    fails(dir.path(), &http(&plain.url.replace("http:", "https:"), &ca), &["TLS: ", "doesn't speak TLS there"]);
    let run = |args: &str| {
        let status =
            Command::new("openssl").args(args.split(' ')).current_dir(certificates.dir.path()).output().unwrap();
        assert!(status.status.success(), "{status:?}");
    };
    drop(server);
    run("x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days -1 -extfile san -out cert.pem");
    let server = Server::https(dir.path(), "ok", &certificates);
    fails(dir.path(), &http(&server.url, &ca), &["TLS: ", "certificate has expired", "renew the server's certificate"]);
}

#[test]
fn a_server_may_want_a_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let certificates = Certificates::new();
    let server = Server::https(dir.path(), "mutual", &certificates);
    let ca = format!("ca_cert = {}\n", certificates.ca().display());
    fails(dir.path(), &http(&server.url, &ca), &["set client_cert and client_key"]);
    let (cert, key) = certificates.client(7);
    let own = format!("{ca}client_cert = {}\nclient_key = {}\n", cert.display(), key.display());
    works(dir.path(), &http(&server.url, &own), &["TLS"]);
}

#[test]
fn what_cannot_be_reached_has_a_cause_and_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let refused = ["TCP: ", "efused", "start the server, or check host and port in url"];
    fails(dir.path(), &http(&format!("http://localhost:{port}/"), ""), &refused);
    fails(dir.path(), &es(&format!("http://localhost:{port}"), ""), &refused);
    // glibc asks nobody for a name with a part of more than 63 letters.
    let unknown = format!("http://{}.invalid/", "x".repeat(64));
    fails(dir.path(), &http(&unknown, ""), &["DNS: ", "check the name in url"]);
    let hanging = Server::http(dir.path(), "hang");
    let late = "connect_timeout = 300ms\ntimeout = 400ms\n";
    let own = |keys: String| check_all(dir.path(), &format!("[output:siem]\n{keys}{late}"), &[]);
    let (status, said) = own(http(&hanging.url, ""));
    assert!(status == 1 && said.contains("answer: ") && said.contains("see its log"), "{said}");
    // Nobody takes the connection from the kernel, so nobody answers.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = deaf.local_addr().unwrap().port();
    let (status, said) = own(http(&format!("https://127.0.0.1:{port}/"), ""));
    assert!(status == 1 && said.contains("TLS: "), "{said}");
}

#[test]
fn each_host_of_a_cluster_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let (first, second) = (cluster.host("ok"), cluster.host("ok"));
    let both = format!("{}, {}", first.url, second.url);
    let is = "GET /: status 200: Elasticsearch 8.11.1";
    works(dir.path(), &es(&both, ""), &[&first.url, &second.url, is, "can't be asked (status 400)"]);
    cluster.grant("create_doc auto_configure");
    works(
        dir.path(),
        &es(&both, ""),
        &[is, "this user may write to auship-20", "(index = auship-%Y.%m.%d), and create it"],
    );
    works(dir.path(), &es(&both, "data_stream = logs-auditd-default\n"), &["may write to logs-auditd-default"]);
    cluster.grant("read create_index");
    fails(dir.path(), &es(&both, ""), &["may not write to auship-20", "index privilege create_doc for auship-*"]);
    cluster.grant("create_doc");
    fails(dir.path(), &es(&both, ""), &["but not create such an index", "auto_configure for auship-*"]);
    works(dir.path(), &es(&both, "index = audit\n"), &["unsure output siem: ", "if it doesn't exist, give"]);
    cluster.grant("create_doc create_index");
    let dead = free_port();
    fails(
        dir.path(),
        &es(&format!("{}, http://localhost:{dead}", first.url), ""),
        &["ok     output siem: ", is, &format!("FAILED output siem: http://localhost:{dead}: TCP: ")],
    );
    assert_eq!(cluster.count(), 0);
    let paths: Vec<String> = cluster.bulks(&first).iter().map(|post| post["path"].as_str().unwrap().into()).collect();
    assert!(paths.len() > 3 && paths.iter().all(|path| path == "/_security/user/_has_privileges"), "{paths:?}");
    assert_eq!(cluster.errors(), "");
}

#[test]
fn a_cluster_that_takes_no_documents_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let host = cluster.host("ok");
    for (behaviour, said) in [
        ("old", "is Elasticsearch 6.8.23; it must be at least 7"),
        ("other", "is neither Elasticsearch nor OpenSearch"),
        ("status-503", "status 503: the server, or a proxy before it, doesn't work"),
    ] {
        cluster.behave(behaviour);
        fails(dir.path(), &es(&host.url, ""), &[said]);
    }
    cluster.behave("opensearch");
    works(dir.path(), &es(&host.url, ""), &["OpenSearch 2.11.0", "the first event will tell"]);
    cluster.behave("silent");
    cluster.grant("create_doc create_index");
    works(
        dir.path(),
        &es(&host.url, ""),
        &["unsure output siem: ", "this user may not ask for the version", "may write to"],
    );
    cluster.behave("ok");
    // key:value of the API key
    cluster.expect_login("ApiKey aWQ6a2V5");
    fails(dir.path(), &es(&host.url, ""), &["status 401: ", "set user and password_file, or api_key_file"]);
    let key = secret(dir.path(), "key", "id:key\n");
    works(dir.path(), &es(&host.url, &format!("api_key_file = {}\n", key.display())), &["may write to"]);
    let wrong = secret(dir.path(), "key", "id:wrong\n");
    let keys = format!("api_key_file = {}\n", wrong.display());
    fails(dir.path(), &es(&host.url, &keys), &["doesn't accept the secret in ", "check api_key_file"]);
}

#[test]
fn real_search_servers_are_recognized() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(server) = OpenSearch::start() {
        works(dir.path(), &es(&server.url, ""), &["GET /: status 200: OpenSearch ", "the first event will tell"]);
        assert_eq!(server.ask("GET", "/_cat/indices?format=json", None), serde_json::json!([]));
    }
    if let Some(server) = Noida::start() {
        works(dir.path(), &es(&server.url, ""), &["GET /: status 200: Elasticsearch "]);
    }
}

#[test]
fn syslog_receivers_are_connected_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let syslog = |network: &str, address: &str| format!("type = syslog\nnetwork = {network}\naddress = {address}\n");
    fails(dir.path(), &syslog("unix", &path("none")), &["start the syslog daemon, or check address"]);
    let datagram = UnixDatagram::bind(path("datagram")).unwrap();
    datagram.set_nonblocking(true).unwrap();
    works(dir.path(), &syslog("unix", &path("datagram")), &["ok     output siem: ", "connected"]);
    fails(dir.path(), &syslog("unix-stream", &path("datagram")), &["the socket is of the other kind"]);
    assert!(datagram.recv(&mut [0; 10]).is_err(), "no message was sent");
    let stream = UnixListener::bind(path("stream")).unwrap();
    works(dir.path(), &syslog("unix-stream", &path("stream")), &["connected"]);
    drop(stream);
    fails(dir.path(), &syslog("unix-stream", &path("stream")), &["nobody listens there"]);
    let dead = free_port();
    let refused = ["TCP: ", "refused", "check host and port in address"];
    fails(dir.path(), &syslog("tcp", &format!("localhost:{dead}")), &refused);
    let udp = ["unsure output siem: ", "UDP has no answers"];
    works(dir.path(), &syslog("udp", &format!("localhost:{dead}")), &udp);
    fails(
        dir.path(),
        &syslog("udp", &format!("{}.invalid:1", "x".repeat(64))),
        &["DNS: ", "check the name in address"],
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    works(dir.path(), &syslog("tcp", &format!("localhost:{port}")), &["TCP: connected"]);
    let (mut connection, _) = listener.accept().unwrap();
    assert_eq!(std::io::Read::read(&mut connection, &mut [0; 10]).unwrap(), 0, "no message was sent");
    // The TLS of any server does: no message is sent.
    let certificates = Certificates::new();
    let server = Server::https(dir.path(), "ok", &certificates);
    let tls = |host: &str, more: &str| syslog("tls", &format!("{host}:{}", server.port())) + more;
    let ca = format!("ca_cert = {}\n", certificates.ca().display());
    works(dir.path(), &tls("localhost", &ca), &["TLS: connected"]);
    fails(dir.path(), &tls("localhost", ""), &["TLS: ", "set ca_cert"]);
    fails(dir.path(), &tls("127.0.0.1", &ca), &["TLS: ", "use a name in address that the certificate has"]);
}

#[test]
fn files_and_spools_are_looked_at_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.json");
    let file = format!("[output:siem]\ntype = file\npath = {}\n", log.display());
    let (status, said) = check_all(dir.path(), &file, &[]);
    assert!(status == 0 && said.contains("doesn't exist yet, and can be created; "), "{said}");
    // Half a line: the sink would end it.
    fs::write(&log, "{").unwrap();
    let (status, said) = check_all(dir.path(), &file, &[]);
    assert!(status == 0 && said.contains("can be appended to; ") && said.contains(" free\n"), "{said}");
    assert_eq!(fs::read(&log).unwrap(), b"{");
    let Some(disk) = Tmpfs::new(&dir.path().join("disk"), "2m") else { return };
    let at = disk.0.display();
    let server = Server::http(dir.path(), "ok");
    let spool = format!("[output:siem]\ntype = http\nurl = {}\nspool_dir = {at}/spool\n", server.url);
    let (status, said) = check_all(dir.path(), &spool, &[]);
    let expected = format!("unsure output siem: spool_dir {at}/spool: doesn't exist yet, and can be created; ");
    assert!(status == 0 && said.contains(&expected) && said.contains("spool_limit is 1 GiB, but there is"), "{said}");
    let (status, said) = check_all(dir.path(), &format!("{spool}spool_limit = 1MiB\n"), &[]);
    assert!(status == 0 && said.contains("2 MiB free, spool_limit is 1 MiB"), "{said}");
    fs::create_dir(disk.0.join("spool")).unwrap();
    fs::write(disk.0.join("full"), vec![0; 4 << 20]).unwrap_err();
    let (status, said) = check_all(dir.path(), &spool, &[]);
    assert!(status == 1 && said.contains("the disk is full"), "{said}");
    let full = format!("[output:siem]\ntype = file\npath = {at}/full\n");
    let (status, said) = check_all(dir.path(), &full, &[]);
    assert!(status == 1 && said.contains("the disk is full"), "{said}");
    disk.remount(MsFlags::MS_RDONLY);
    for outputs in [&spool, &full, &format!("[output:siem]\ntype = file\npath = {at}/new\n")] {
        let (status, said) = check_all(dir.path(), outputs, &[]);
        assert!(status == 1 && said.contains("mount it writable"), "{said}");
    }
    assert_eq!(fs::read_dir(disk.0.join("spool")).unwrap().count(), 0);
}

#[test]
fn one_output_can_be_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let dead = free_port();
    let outputs = format!("[output:a]\ntype = stdout\n[output:b]\ntype = http\nurl = http://localhost:{dead}/\n");
    let (status, said) = check_all(dir.path(), &outputs, &[]);
    assert!(status == 1 && said.contains("ok     output a: ") && said.contains("FAILED output b: "), "{said}");
    let (status, said) = check_all(dir.path(), &outputs, &["--output", "a"]);
    assert!(status == 0 && !said.contains("output b"), "{said}");
    let (status, said) = check_all(dir.path(), &outputs, &["--output", "c"]);
    assert_eq!((status, said.as_str()), (2, "auship: no output is named \"c\"; outputs: a, b\n"));
    let (status, said) = check_all(dir.path(), "[output:a]\ntype = nothing\n", &[]);
    assert!(status == 2 && said.contains("auship.conf:3: [output:a] type"), "{said}");
}
