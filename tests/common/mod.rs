//! Code that the integration tests share: the built program, a strict JSON reader, servers, and functions that wait.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod audit;
pub mod auditd;
pub mod disk;
pub mod ecs;
pub mod elasticsearch;
pub mod inject;
pub mod json;
pub mod noida;
pub mod opensearch;
pub mod packages;
pub mod prometheus;
pub mod receiver;
pub mod server;

use nix::sys::signal::Signal;
use std::{
    env, fs,
    io::{self, Read, Write},
    net::{TcpListener, UdpSocket},
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The program under test.
pub const AUSHIP: &str = env!("CARGO_BIN_EXE_auship");

/// Returns the path of a file of the test data.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Returns the path of a helper program.
pub fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name)
}

/// The longest time that a test waits for an expected result. It is far longer than anything takes, so that no test
/// fails because the machine is busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Prints that something can't be tested here, and why. Panics in CI (where `CI` is set), because CI has everything
/// that a test needs. A test that calls this function returns afterwards.
pub fn cannot_run(what: &str, why: &str) {
    say_not_tested(what, why);
    assert!(env::var_os("CI").is_none(), "in CI everything is tested, but not {what}: {why}");
}

/// Prints that something isn't tested. It writes to standard error directly, so that a person sees the message: libtest
/// hides what a passing test prints with `eprintln!`.
pub fn say_not_tested(what: &str, why: &str) {
    let _ = io::stderr().write_all(format!("\n*** NOT TESTED: {what}: {why} ***\n").as_bytes());
}

/// The Python interpreter that uses the python3-audit packages of Debian and Fedora.
pub const PYTHON: &str = "/usr/bin/python3";

/// Runs `auship` with these arguments and this standard input, waits for its end, and returns its output.
pub fn auship(args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(AUSHIP);
    command.args(args);
    run(command, input)
}

/// Runs a command with this standard input, waits for its end, and returns its output.
pub fn run(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = thread::spawn(move || {
        // The program may end before it has read all of its input, so a failed write is no error.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Runs `auship convert` with these bytes on standard input, and returns the documents.
pub fn convert(input: &[u8]) -> Vec<serde_json::Value> {
    let output = auship(&["convert"], input);
    assert!(output.status.success(), "{output:?}");
    json::lines(&output.stdout)
}

/// Converts a log given as text, and returns its documents.
pub fn convert_text(log: &str) -> Vec<serde_json::Value> {
    convert(log.as_bytes())
}

/// Returns a log of `count` simple events with serials from `first`. All events have the same fixed time.
pub fn events(first: usize, count: usize) -> String {
    (first..first + count).map(|n| event(n, "x")).collect()
}

/// Returns one simple event whose message contains `text`.
pub fn event(serial: usize, text: &str) -> String {
    format!("type=USER msg=audit(1795320000.001:{serial}): pid=1 uid=0 auid=0 ses=1 msg='text={text} res=success'\n")
}

/// Writes a configuration file that only its owner can read and write, and returns its path.
pub fn write_config(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("auship.conf");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A running `auship run` process whose standard error is a terminal. Dropping this value kills the process.
pub struct Running {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    messages: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts `auship run` with a configuration file.
    pub fn start(config: &Path) -> Self {
        Self::start_with(config, |_| ())
    }

    /// Does the same as [`Running::start`], but lets `how` change the command first.
    pub fn start_with(config: &Path, how: impl FnOnce(&mut Command)) -> Self {
        Self::spawn(Command::new(AUSHIP), config, how)
    }

    /// Starts `auship run` in a mount namespace where `etc` is at `/etc`.
    pub fn start_with_etc(config: &Path, etc: &Path) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c"]);
        command.args(["mount --bind \"$0\" /etc && exec \"$@\""]).arg(etc).arg(AUSHIP);
        Self::spawn(command, config, |_| ())
    }

    /// Does the same as [`Running::start`], but another program starts auship, for example `setpriv`.
    pub fn start_under(program: &str, args: &[&str], config: &Path) -> Self {
        let mut command = Command::new(program);
        command.args(args).arg(AUSHIP);
        Self::spawn(command, config, |_| ())
    }

    fn spawn(mut command: Command, config: &Path, how: impl FnOnce(&mut Command)) -> Self {
        let terminal = nix::pty::openpty(None, None).unwrap();
        command.arg("run").arg("--config").arg(config);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::from(terminal.slave));
        how(&mut command);
        let mut child = command.spawn().expect("auship starts");
        drop(command);
        let messages = Arc::new(Mutex::new(String::new()));
        let reader = thread::spawn({
            let messages = messages.clone();
            move || read_terminal(terminal.master, &messages)
        });
        let stdin = child.stdin.take();
        Self { child, stdin, messages, reader: Some(reader) }
    }

    /// Writes text to the standard input of the process.
    pub fn feed(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Kills the process with SIGKILL, as in a crash, and waits for its end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Returns the messages that the process has printed so far.
    pub fn messages(&self) -> String {
        self.messages.lock().unwrap().clone()
    }

    /// Waits until the messages contain `what`.
    pub fn wait_for(&self, what: &str) {
        self.wait_for_times(what, 1);
    }

    /// Waits until the messages contain `what` at least `times` times.
    pub fn wait_for_times(&self, what: &str, times: usize) {
        let start = Instant::now();
        while self.messages().matches(what).count() < times {
            assert!(start.elapsed() < PATIENCE, "it didn't say {what:?}; it said: {}", self.messages());
            thread::sleep(POLL);
        }
    }

    /// Requests a report with SIGUSR1 and returns its text. The configuration must name a `run_dir` that no other
    /// process uses.
    pub fn report(&self) -> String {
        const WRITTEN: &str = "report written to ";
        // SIGUSR1 ends the process if it hasn't installed its signal handling yet.
        self.wait_for("started with");
        let before = self.messages().matches(WRITTEN).count();
        self.signal(Signal::SIGUSR1);
        self.wait_for_times(WRITTEN, before + 1);
        let said = self.messages();
        let path = said.rsplit(WRITTEN).next().unwrap().lines().next().unwrap().to_string();
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Requests a report and returns one of its figures. If each output has this figure, returns their sum.
    pub fn figure(&self, name: &str) -> usize {
        let report = self.report();
        let values = report.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix(' '));
        values.map(|value| value.trim().parse::<usize>().unwrap_or_else(|e| panic!("{name} {value}: {e}"))).sum()
    }

    /// Waits until the process has read this many events.
    pub fn wait_for_events(&self, count: usize) {
        wait_until(&format!("{count} events are read"), || self.figure("auship_events_total") >= count);
    }

    /// Waits until the rings in memory are empty: each document is delivered, in the spool, or lost.
    pub fn wait_for_empty_rings(&self) {
        wait_until("the rings are empty", || self.figure("auship_output_ring_documents") == 0);
    }

    /// Closes the input, waits until the process ends, and returns its exit status and all its messages.
    pub fn finish(&mut self) -> (ExitStatus, String) {
        drop(self.stdin.take());
        self.wait()
    }

    /// Waits until the process ends, and returns its exit status and all its messages.
    pub fn wait(&mut self) -> (ExitStatus, String) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "it doesn't end; it said: {}", self.messages());
            thread::sleep(POLL);
        };
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        (status, self.messages())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A temporary directory for the file of a file output.
pub struct Setup {
    pub dir: tempfile::TempDir,
    pub log: PathBuf,
}

impl Setup {
    /// Creates the directory. No process runs yet.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("events.json");
        Self { dir, log }
    }

    /// Starts `auship run` with one output, which writes to that file. `more` is appended to the configuration.
    pub fn start(&self, more: &str) -> Running {
        let text = format!(
            "shutdown_timeout = 1m\nrun_dir = {}\n[output:file]\ntype = file\npath = {}\n{more}",
            self.dir.path().join("run").display(),
            self.log.display()
        );
        Running::start(&write_config(self.dir.path(), &text))
    }
}

fn read_terminal(master: OwnedFd, messages: &Mutex<String>) {
    let mut master = fs::File::from(master);
    let mut block = [0; 4096];
    // Reading from a terminal returns an error when its other end is closed.
    while let Ok(n @ 1..) = master.read(&mut block) {
        messages.lock().unwrap().push_str(&String::from_utf8_lossy(&block[..n]).replace('\r', ""));
    }
}

/// Returns a port that no process listens on. No other process gets it by chance before the test uses it: it is outside
/// the range from which the kernel assigns ports, and this function never returned it before in this process.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 10_000;
    const NUMBER: u16 = 22_000;
    let own = (std::process::id() % u32::from(NUMBER)) as u16;
    let candidates = (0..NUMBER).map(|_| {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        FIRST + (own.wrapping_mul(89).wrapping_add(given)) % NUMBER
    });
    let is_free = |port: &u16| {
        let address = ("127.0.0.1", *port);
        TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
    };
    { candidates }.find(is_free).expect("a free port")
}

/// Runs `auship run` with `count` events, closes the input, and returns the messages. The exit status must be 0.
pub fn run_to_end(config: &Path, count: usize) -> String {
    let mut auship = Running::start(config);
    auship.feed(&events(1, count));
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    said
}

/// The time between two checks while a test waits.
const POLL: Duration = Duration::from_millis(10);

/// Waits until `holds` returns true. Panics if this takes longer than [`PATIENCE`].
pub fn wait_until(what: &str, holds: impl FnMut() -> bool) {
    wait_within(PATIENCE, what, holds);
}

/// Does the same as [`wait_until`], with a different time limit.
pub fn wait_within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < patience, "not within {patience:?}: {what}");
        thread::sleep(POLL);
    }
}

/// Returns the serials of documents, in their order. Documents that report a gap have no serial and are left out.
pub fn serials(documents: &[serde_json::Value]) -> Vec<usize> {
    let events = documents.iter().filter(|d| d["category"] != "audit_gap");
    let serial = |d: &serde_json::Value| d["details"]["auditserial"].as_str().unwrap().parse().unwrap();
    events.map(serial).collect()
}

/// Returns a number from the last line with totals, for example `number(said, "delivered")`; 0 if it isn't there.
pub fn number(said: &str, what: &str) -> usize {
    let totals =
        said.lines().rfind(|l| l.contains("ended: events in")).unwrap_or_else(|| panic!("no totals in {said}"));
    let after = totals.split(&format!("{what} ")).nth(1).unwrap_or("0");
    after.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// Writes a file with a secret that only its owner can read, and returns its path. Replaces an existing file.
pub fn secret(dir: &Path, name: &str, text: &str) -> PathBuf {
    let (path, new) = (dir.join(name), dir.join("new"));
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(new, &path).unwrap();
    path
}
