//! Tests of the syslog sink: with real receivers (rsyslog and syslog-ng), and with test receivers that misbehave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    Running, cannot_run, event, events, free_port, json,
    receiver::{Kind, Receiver},
    serials,
    server::Certificates,
    wait_until, write_config,
};
use std::{
    fs,
    net::TcpListener,
    os::unix::net::{UnixDatagram, UnixListener},
    path::Path,
};

const NETWORKS: [&str; 5] = ["unix", "unix-stream", "udp", "tcp", "tls"];

/// Starts a receiver. If it isn't installed, reports that the test can't run, and returns `None`.
fn start(kind: Kind, dir: &Path, certificates: &Certificates, client_certificate: bool) -> Option<Receiver> {
    let receiver = kind.start(dir, certificates, client_certificate);
    if receiver.is_none() {
        cannot_run("the syslog sink", &format!("{kind:?} isn't installed; make deps installs it"));
    }
    receiver
}

/// Starts auship with two outputs: `siem` sends to a receiver, and `copy` writes the same events to a file in `dir`.
fn auship(dir: &Path, keys: &str) -> Running {
    let copy = dir.join("copy.json");
    let _ = fs::remove_file(&copy);
    let text = format!(
        "shutdown_timeout = 1m\nrun_dir = {}\n[output:siem]\n{keys}ring_slots = 4096\nring_bytes = 64MiB\n\
         [output:copy]\ntype = file\npath = {}\n",
        dir.join("run").display(),
        copy.display()
    );
    Running::start(&write_config(dir, &text))
}

fn copy(dir: &Path) -> Vec<Vec<u8>> {
    let text = fs::read(dir.join("copy.json")).unwrap();
    text.split_inclusive(|b| *b == b'\n').map(|line| line.strip_suffix(b"\n").unwrap().to_vec()).collect()
}

fn totals(said: &str, delivered: usize, lost: usize) {
    let expected = format!("siem: delivered {delivered}, lost {lost}");
    assert!(said.contains(&expected), "no {expected:?} in {said}");
}

/// Returns an event whose document has exactly `bytes` bytes.
fn event_of(serial: usize, bytes: usize) -> String {
    let size = |text: &str| {
        let output = common::auship(&["convert"], event(serial, text).as_bytes());
        output.stdout.len() - 1
    };
    // A large document may have another overhead than a small one. So the overhead is measured on a large document.
    let padding = "x".repeat(bytes);
    let padding = "x".repeat(bytes - (size(&padding) - bytes));
    assert_eq!(size(&padding), bytes);
    event(serial, &padding)
}

fn with_umlauts(serial: usize) -> String {
    let hex: String = "/tmp/Käse \u{1f9c0} \"x\"\n\t\\".bytes().map(|b| format!("{b:02X}")).collect();
    format!("type=USER msg=audit(1795320000.001:{serial}): pid=1 uid=0 auid=0 ses=1 msg='exe={hex} res=success'\n")
}

fn everything_arrives_as_it_was(kind: Kind) {
    let dir = tempfile::tempdir().unwrap();
    let certificates = Certificates::new();
    let Some(receiver) = start(kind, dir.path(), &certificates, false) else { return };
    let ca = format!("ca_cert = {}\n", certificates.ca().display());
    let hostname = nix::unistd::gethostname().unwrap().into_string().unwrap();
    for network in NETWORKS {
        for protocol in ["rfc3164", "rfc5424"] {
            let tag = format!("{network}-{protocol}");
            let mut keys = receiver.keys_as(network, protocol) + &format!("tag = {tag}\n");
            keys += "facility = local3\nseverity = notice\n";
            if network == "tls" {
                keys += &ca;
            }
            let mut auship = auship(dir.path(), &keys);
            let large = if network == "udp" { 65_000 } else { 65_536 };
            let mut count = 2;
            auship.feed(&(event_of(1, large) + &with_umlauts(2)));
            receiver.wait_for(&tag, count);
            // A receiver that can't keep up drops UDP datagrams, and the sender can't detect this. So over UDP the test
            // sends small groups of events, and waits for each group.
            let (parts, each) = if network == "udp" { (40, 50) } else { (1, 2000) };
            for part in 0..parts {
                auship.feed(&events(3 + part * each, each));
                count += each;
                if network == "udp" {
                    receiver.wait_for(&tag, count);
                }
            }
            let (status, said) = auship.finish();
            assert!(status.success(), "{tag}: {said}");
            totals(&said, count, 0);
            receiver.wait_for(&tag, count);
            let (found, sent) = (receiver.messages(&tag), copy(dir.path()));
            assert_eq!((found.len(), sent[0].len()), (count, large), "{tag}");
            for ((priority, host, text), sent) in found.iter().zip(&sent) {
                assert_eq!(String::from_utf8_lossy(text), String::from_utf8_lossy(sent), "{tag}");
                assert_eq!(*priority, 19 * 8 + 5, "{tag}");
                assert_eq!(host.split('.').next(), hostname.split('.').next(), "{tag}");
            }
            assert_eq!(serials(&json::lines(&fs::read(dir.path().join("copy.json")).unwrap())).len(), count);
        }
    }
}

#[test]
fn everything_arrives_as_it_was_in_rsyslog() {
    everything_arrives_as_it_was(Kind::Rsyslog);
}

#[test]
fn everything_arrives_as_it_was_in_syslog_ng() {
    everything_arrives_as_it_was(Kind::SyslogNg);
}

fn numbers(receiver: &Receiver, tag: &str) -> Vec<usize> {
    let mut documents = Vec::new();
    for (_, _, text) in receiver.messages(tag) {
        documents.push(json::document(&text));
    }
    serials(&documents)
}

fn a_receiver_that_comes_back_gets_everything(kind: Kind) {
    for network in ["unix", "unix-stream", "tcp", "tls"] {
        let dir = tempfile::tempdir().unwrap();
        let certificates = Certificates::new();
        let Some(receiver) = start(kind, dir.path(), &certificates, false) else { return };
        let spool = dir.path().join("spool");
        let mut keys = receiver.keys(network) + &format!("tag = back\nspool_dir = {}\n", spool.display());
        keys += "retry_max = 500ms\n";
        if network == "tls" {
            keys += &format!("ca_cert = {}\n", certificates.ca().display());
        }
        let mut auship = auship(dir.path(), &keys);
        auship.feed(&events(1, 100));
        receiver.wait_for("back", 100);
        let ports = receiver.ports;
        receiver.kill();
        auship.feed(&events(101, 100));
        auship.wait_for("events wait in the spool");
        let receiver = kind.start_on(ports, dir.path(), &certificates, false).unwrap();
        receiver.wait_for("back", 200);
        auship.wait_for("works again");
        // Now the connection is idle. Only the next event shows that the connection is dead.
        receiver.kill();
        let receiver = kind.start_on(ports, dir.path(), &certificates, false).unwrap();
        auship.feed(&events(201, 50));
        receiver.wait_for("back", 250);
        let (status, said) = auship.finish();
        assert!(status.success(), "{network}: {said}");
        totals(&said, 250, 0);
        assert_eq!(numbers(&receiver, "back"), (1..=250).collect::<Vec<_>>(), "{network}: {said}");
    }
}

#[test]
fn an_rsyslog_that_comes_back_gets_everything() {
    a_receiver_that_comes_back_gets_everything(Kind::Rsyslog);
}

#[test]
fn a_syslog_ng_that_comes_back_gets_everything() {
    a_receiver_that_comes_back_gets_everything(Kind::SyslogNg);
}

#[test]
fn nothing_is_said_to_a_receiver_that_cannot_be_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let (certificates, others) = (Certificates::new(), Certificates::new());
    let Some(receiver) = start(Kind::Rsyslog, dir.path(), &certificates, false) else { return };
    let keys = receiver.keys("tls") + "attempts = 1\ntag = trust\n";
    let send = |keys: &str| {
        let mut auship = auship(dir.path(), keys);
        auship.feed(&events(1, 3));
        auship.finish().1
    };
    let ca = |certificates: &Certificates| format!("ca_cert = {}\n", certificates.ca().display());
    for (keys, why) in [
        (keys.clone() + &ca(&others), "the receiver's certificate can't be trusted: "),
        // Without `ca_cert`, the system's CAs are used. They don't include the test's CA.
        (keys.clone(), "the receiver's certificate can't be trusted: "),
        (keys.replace("localhost", "127.0.0.1") + &ca(&certificates), "can't be trusted: IP address mismatch"),
    ] {
        let said = send(&keys);
        totals(&said, 0, 3);
        assert!(said.contains(why), "{said}");
    }
    assert!(receiver.messages("trust").is_empty());
    let said = send(&(keys + "ssl_verify = no\n"));
    totals(&said, 3, 0);
    assert!(said.contains("ssl_verify = no"), "it must be said at each start: {said}");
    receiver.wait_for("trust", 3);
}

#[test]
fn a_receiver_that_asks_for_a_certificate_gets_ours_or_nothing_is_lost() {
    for kind in [Kind::SyslogNg, Kind::Rsyslog] {
        let dir = tempfile::tempdir().unwrap();
        let (certificates, others) = (Certificates::new(), Certificates::new());
        let Some(receiver) = start(kind, dir.path(), &certificates, true) else { continue };
        let keys = receiver.keys("tls") + &format!("ca_cert = {}\nattempts = 2\n", certificates.ca().display());
        let send = |tag: &str, keys: &str| {
            let mut auship = auship(dir.path(), &format!("{keys}tag = {tag}\n"));
            auship.feed(&events(1, 3));
            auship.finish().1
        };
        let own = |certificates: &Certificates| {
            let dir = certificates.dir.path().display();
            format!("client_cert = {dir}/cert.pem\nclient_key = {dir}/key.pem\n")
        };
        totals(&send("none", &keys), 0, 3);
        totals(&send("other", &(keys.clone() + &own(&others))), 0, 3);
        totals(&send("ours", &(keys.clone() + &own(&certificates))), 3, 0);
        receiver.wait_for("ours", 3);
        assert!(receiver.messages("none").is_empty() && receiver.messages("other").is_empty());
    }
}

#[test]
fn where_nobody_listens_events_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    for (keys, why) in [
        (format!("network = tcp\naddress = 127.0.0.1:{port}\n"), "Connection refused"),
        (format!("address = {}\n", dir.path().join("nothing").display()), "No such file"),
        ("network = tcp\naddress = no-such-host.invalid\n".to_string(), "can't look up no-such-host.invalid"),
    ] {
        let mut auship = auship(dir.path(), &format!("type = syslog\nattempts = 2\n{keys}"));
        auship.feed(&events(1, 20));
        let (status, said) = auship.finish();
        assert!(status.success(), "{said}");
        totals(&said, 0, 20);
        assert!(said.contains(why) && said.contains("tried 2 times"), "{said}");
    }
}

#[test]
fn what_is_too_large_for_a_datagram_goes_to_the_dead_letters() {
    let dir = tempfile::tempdir().unwrap();
    let certificates = Certificates::new();
    let Some(receiver) = start(Kind::Rsyslog, dir.path(), &certificates, false) else { return };
    for (network, large, why) in [
        ("udp", 70_000, "too many for a datagram; UDP carries 65507 bytes at most"),
        ("unix", 400_000, "too many for a datagram"),
    ] {
        let letters = dir.path().join(format!("{network}.json"));
        let tag = format!("tag = big-{network}\n");
        let keys = receiver.keys(network) + &format!("{tag}dead_letter_file = {}\n", letters.display());
        let mut auship = auship(dir.path(), &keys);
        auship.feed(&(events(1, 1) + &event_of(2, large) + &events(3, 1)));
        let (status, said) = auship.finish();
        assert!(status.success(), "{said}");
        totals(&said, 2, 0);
        assert!(said.contains("dead-lettered 1") && said.contains(why), "{said}");
        receiver.wait_for(&format!("big-{network}"), 2);
        let [letter] = &json::lines(&fs::read(&letters).unwrap())[..] else { panic!("one letter") };
        assert!(letter["why"].as_str().unwrap().contains(why), "{}", letter["why"]);
        assert_eq!(serials(&[letter["document"].clone()]), [2]);
    }
}

#[test]
fn a_receiver_that_hangs_is_left_at_the_end() {
    for network in ["unix", "unix-stream", "tcp", "tls"] {
        let dir = tempfile::tempdir().unwrap();
        // The test never accepts or reads on these sockets. The kernel accepts connections into the backlog.
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let (stream, datagram) = (dir.path().join("stream"), dir.path().join("datagram"));
        let _stream = UnixListener::bind(&stream).unwrap();
        let _datagram = UnixDatagram::bind(&datagram).unwrap();
        let address = match network {
            "unix" => datagram.display().to_string(),
            "unix-stream" => stream.display().to_string(),
            _ => tcp.local_addr().unwrap().to_string(),
        };
        // These timeouts are far longer than the test waits for the process to end.
        let times = "connect_timeout = 1h\ntimeout = 1h\n";
        let keys = format!("type = syslog\nnetwork = {network}\naddress = {address}\n{times}");
        let text = format!("shutdown_timeout = 1s\n[output:siem]\n{keys}ring_bytes = 64MiB\nring_slots = 10000\n");
        let mut auship = Running::start(&write_config(dir.path(), &text));
        let large = event(1, &"x".repeat(if network == "unix" { 100 } else { 2_000_000 }));
        for _ in 0..if network == "unix" { 2000 } else { 8 } {
            auship.feed(&large);
        }
        let (status, said) = auship.finish();
        assert_eq!(status.code(), Some(1), "{network}: {said}");
        assert!(said.contains("shutdown_timeout ran out"), "{said}");
    }
}

#[test]
fn a_receiver_that_takes_nothing_is_given_up_after_the_time_limit() {
    let dir = tempfile::tempdir().unwrap();
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = hangs.local_addr().unwrap();
    for (keys, why) in [
        ("network = tcp\ntimeout = 700ms\n", "the receiver took nothing for 0.7 s"),
        ("network = tls\nconnect_timeout = 700ms\n", "within 0.7 s"),
    ] {
        let text =
            format!("[output:siem]\ntype = syslog\naddress = {address}\n{keys}attempts = 1\nring_bytes = 64MiB\n");
        let mut auship = Running::start(&write_config(dir.path(), &text));
        auship.feed(&event(1, &"x".repeat(12_000_000)));
        let (status, said) = auship.finish();
        assert!(status.success(), "{said}");
        assert!(said.contains("delivered 0, lost 1") && said.contains(why), "{said}");
    }
}

#[test]
fn a_broken_connection_costs_nothing_in_the_middle_of_many() {
    // The receiver reads a little from the first connection and closes it. It reads the second connection to the end.
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let reader = std::thread::spawn(move || {
        use std::io::Read;
        let (mut first, _) = listener.accept().unwrap();
        first.read_exact(&mut [0; 10_000]).unwrap();
        // Unread bytes are left, so this resets the connection.
        drop(first);
        let (mut second, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        second.read_to_end(&mut all).unwrap();
        all
    });
    let mut auship = auship(dir.path(), &format!("type = syslog\nnetwork = tcp\naddress = {address}\nattempts = 5\n"));
    // The document is larger than the kernel's buffers, and is sent in one write.
    let text = "x".repeat(12_000_000);
    auship.feed(&event(1, &text));
    wait_until("the first connection broke", || copy_has(dir.path(), 1));
    auship.feed(&events(2, 10));
    let (_, said) = auship.finish();
    totals(&said, 11, 0);
    let mut rest = &reader.join().unwrap()[..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        // Each message begins with its length and a space (RFC 6587, section 3.4.1).
        let blank = rest.iter().position(|b| *b == b' ').unwrap();
        let length: usize = str::from_utf8(&rest[..blank]).unwrap().parse().unwrap();
        let message = &rest[blank + 1..][..length];
        rest = &rest[blank + 1 + length..];
        let json = message.iter().position(|b| *b == b'{').unwrap();
        assert!(message.starts_with(b"<132>1 "), "{}", String::from_utf8_lossy(&message[..100]));
        found.push(json::document(&message[json..]));
    }
    assert_eq!(serials(&found), (1..=11).collect::<Vec<_>>());
}

fn copy_has(dir: &Path, lines: usize) -> bool {
    fs::read(dir.join("copy.json")).unwrap_or_default().iter().filter(|b| **b == b'\n').count() >= lines
}
