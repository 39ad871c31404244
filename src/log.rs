//! auship's own messages: to syslog (daemon facility) when auditd started it, to stderr on a terminal.
//!
//! Messages are handed to a thread of their own: a syslog daemon that hangs must not stop the reader.

use crossbeam_channel::{Receiver, Sender, bounded};
#[cfg(not(test))]
use std::io::Write;
use std::{
    fmt,
    io::IsTerminal,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};
use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something was lost or doesn't work.
    Error,
    /// Something will be lost, or isn't as it should be.
    Warning,
    /// Start, end, metrics.
    Info,
}

/// Messages that may wait; more are counted and said to be missing.
const WAITING: usize = 256;

enum Message {
    Line(Level, String),
    Flush(Sender<()>),
}

static LOG: OnceLock<Sender<Message>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Starts the thread that writes messages. Before this, and where it can't be started, they go to stderr.
pub fn start() {
    if LOG.get().is_some() {
        return;
    }
    let (sender, receiver) = bounded(WAITING);
    let thread = thread::Builder::new().name("log".into()).spawn(move || write_all(&receiver));
    if thread.is_ok() {
        let _ = LOG.set(sender);
    }
}

/// True when there is a syslog daemon to tell what stderr was told already; messages go there from now on.
pub fn start_with_syslog() -> bool {
    let there = connect().is_some();
    if there {
        start();
    }
    there
}

/// A message that something was lost or doesn't work.
pub fn error(message: impl fmt::Display) {
    log(Level::Error, &message);
}

/// A message that something isn't as it should be.
pub fn warning(message: impl fmt::Display) {
    log(Level::Warning, &message);
}

/// A message about what goes on.
pub fn info(message: impl fmt::Display) {
    log(Level::Info, &message);
}

/// A message of a level.
pub fn message(level: Level, message: impl fmt::Display) {
    log(level, &message);
}

fn log(level: Level, message: &dyn fmt::Display) {
    // One message is one line, whatever a server or a file name put into it.
    let line: String = message.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match LOG.get() {
        Some(log) => {
            if log.try_send(Message::Line(level, line)).is_err() {
                DROPPED.fetch_add(1, Ordering::Relaxed);
            }
        }
        None => to_stderr(&line),
    }
}

/// Waits until all messages are written, but not for long.
pub fn flush() {
    let Some(log) = LOG.get() else { return };
    let (done, written) = bounded(1);
    if log.send_timeout(Message::Flush(done), Duration::from_secs(1)).is_ok() {
        let _ = written.recv_timeout(Duration::from_secs(1));
    }
}

#[cfg(test)]
fn to_stderr(line: &str) {
    // So that it is shown with the test that failed, and only then.
    eprintln!("auship: {line}");
}

#[cfg(not(test))]
fn to_stderr(line: &str) {
    // There is nobody left to tell when this fails.
    let _ = writeln!(std::io::stderr().lock(), "auship: {line}");
}

type Syslog = Logger<LoggerBackend, Formatter3164>;

fn connect() -> Option<Syslog> {
    let formatter = Formatter3164 {
        facility: Facility::LOG_DAEMON,
        hostname: None,
        process: "auship".into(),
        pid: std::process::id(),
    };
    syslog::unix(formatter).ok()
}

fn to_syslog(syslog: &mut Syslog, level: Level, line: &str) -> bool {
    match level {
        Level::Error => syslog.err(line),
        Level::Warning => syslog.warning(line),
        Level::Info => syslog.info(line),
    }
    .is_ok()
}

fn write_all(messages: &Receiver<Message>) {
    let terminal = std::io::stderr().is_terminal();
    let mut syslog: Option<Syslog> = None;
    let mut write = |level, line: &str| {
        if terminal {
            return to_stderr(line);
        }
        // A restarted syslog daemon needs a new connection.
        for _ in 0..2 {
            if syslog.is_none() {
                syslog = connect();
            }
            if syslog.as_mut().is_some_and(|connected| to_syslog(connected, level, line)) {
                return;
            }
            syslog = None;
        }
        to_stderr(line);
    };
    for message in messages {
        match message {
            Message::Line(level, line) => write(level, &line),
            Message::Flush(done) => {
                let _ = done.send(());
            }
        }
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            write(Level::Warning, &format!("{dropped} messages of auship's own were dropped: syslog is too slow"));
        }
    }
}
