//! Tests auship's own messages as a syslog daemon receives them when auditd starts the plugin.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, PATIENCE, cannot_run, events, write_config};
use std::{
    io::Write,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Runs a program in its own mount namespace. There, /dev/log is the test's socket, and the rest of /dev is unchanged.
/// The test therefore doesn't touch the /dev/log of the machine's own syslog daemon.
const WITH_LOG: &str = r#"
set -e
dir=$1; shift
mkdir -p "$dir/dev"
mount --rbind /dev "$dir/dev"
mount -t tmpfs none /dev
for name in "$dir"/dev/*; do ln -s "$name" /dev/; done
ln -sfn "$dir/log" /dev/log
exec "$@"
"#;

/// A socket that receives messages in place of a syslog daemon.
struct Syslog {
    socket: UnixDatagram,
    dir: tempfile::TempDir,
}

impl Syslog {
    /// Creates the socket. Returns `None` where a mount namespace isn't possible, and prints the reason.
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("log")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let syslog = Self { socket, dir };
        match syslog.command("true").output() {
            Ok(output) if output.status.success() => return Some(syslog),
            Ok(output) => cannot_run("messages to syslog", String::from_utf8_lossy(&output.stderr).trim()),
            Err(e) => cannot_run("messages to syslog", &format!("unshare: {e}")),
        }
        None
    }

    /// Returns a command that runs the program with this socket as /dev/log.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", WITH_LOG, "sh"]).arg(self.dir.path()).arg(program);
        command
    }

    /// The next message that isn't about what the process gave up.
    fn next(&self) -> String {
        let mut message = [0; 8192];
        loop {
            let n = self.socket.recv(&mut message).expect("a message comes");
            let text = String::from_utf8_lossy(&message[..n]);
            if !text.contains(": confine") {
                return text.into_owned();
            }
        }
    }

    /// Writes a configuration into the socket's directory and returns its path.
    fn config(&self, text: &str) -> PathBuf {
        write_config(self.dir.path(), text)
    }
}

#[test]
fn messages_go_to_syslog_without_a_terminal() {
    let Some(syslog) = Syslog::new() else { return };
    let config = syslog.config(&format!("file_log = {}/events.json\n", syslog.dir.path().display()));
    let mut child = syslog
        .command(AUSHIP)
        .args(["run", "--config"])
        .arg(&config)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(events(1, 7).as_bytes()).unwrap();
    let started = syslog.next();
    // The facility `daemon` is 3 and the severity `info` is 6, so the priority is 8 * 3 + 6 = 30 (RFC 3164).
    assert!(started.starts_with("<30>") && started.contains("auship") && started.contains("started with"), "{started}");
    let mut ended = syslog.next();
    // This message comes only if the input had to wait for the reader.
    if ended.contains("reader's pauses") {
        ended = syslog.next();
    }
    assert!(ended.contains("ended: events in 7, delivered 7, lost 0"), "{ended}");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");

    // Errors go to both syslog and stderr, because auditd may discard what plugins write to stderr.
    let config = syslog.config("file_log = /nowhere/x\nnonsense = 1\n");
    let output = syslog.command(AUSHIP).args(["run", "--config"]).arg(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    for line in said.lines() {
        let message = syslog.next();
        assert!(message.starts_with("<27>") && message.ends_with(line), "{message} isn't {line}");
    }
    assert_eq!(said.lines().count(), 2, "{said}");
}
