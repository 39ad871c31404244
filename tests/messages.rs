//! auship's own messages, as they reach a syslog daemon when auditd started the plugin.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, events, write_config};
use std::{
    env, fs,
    io::Write,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const DEV_LOG: &str = "/dev/log";

/// The place of a syslog daemon, taken for the length of a test.
struct Syslog(UnixDatagram);

impl Syslog {
    fn new() -> Option<Self> {
        let socket = if Path::new(DEV_LOG).exists() {
            Err(std::io::Error::other("a syslog daemon has it"))
        } else {
            UnixDatagram::bind(DEV_LOG)
        };
        match socket {
            Ok(socket) => {
                socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                Some(Self(socket))
            }
            Err(e) => {
                let message = format!("\n*** NOT TESTED: messages to syslog: {DEV_LOG}: {e} ***\n");
                eprintln!("{message}");
                assert!(env::var_os("CI").is_none() || Path::new(DEV_LOG).exists(), "{message}");
                None
            }
        }
    }

    fn next(&self) -> String {
        let mut message = [0; 8192];
        let n = self.0.recv(&mut message).expect("a message comes");
        String::from_utf8_lossy(&message[..n]).into_owned()
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        let _ = fs::remove_file(DEV_LOG);
    }
}

#[test]
fn messages_go_to_syslog_without_a_terminal() {
    let Some(syslog) = Syslog::new() else { return };
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), &format!("file_log = {}/events.json\n", dir.path().display()));
    let mut child = Command::new(AUSHIP)
        .args(["run", "--config"])
        .arg(&config)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(events(1, 7).as_bytes()).unwrap();
    let started = syslog.next();
    // Facility daemon is 3, severity info 6: 8 * 3 + 6 (RFC 3164).
    assert!(started.starts_with("<30>") && started.contains("auship") && started.contains("started with"), "{started}");
    let mut ended = syslog.next();
    // Only where the input came in pieces.
    if ended.contains("reader's pauses") {
        ended = syslog.next();
    }
    assert!(ended.contains("ended: events in 7, delivered 7, lost 0"), "{ended}");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");

    // A fault is said in both places: auditd may or may not keep what plugins write to stderr.
    let config = write_config(dir.path(), "file_log = /nowhere/x\nnonsense = 1\n");
    let output = Command::new(AUSHIP).args(["run", "--config"]).arg(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    for line in said.lines() {
        let message = syslog.next();
        assert!(message.starts_with("<27>") && message.ends_with(line), "{message} isn't {line}");
    }
    assert_eq!(said.lines().count(), 2, "{said}");
}
