//! auship's own messages. They go to stderr if that is a terminal, and otherwise to syslog (facility daemon).
//!
//! A separate thread writes them, so a syslog daemon that hangs doesn't stop the reader.

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

/// The severity of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something was lost or doesn't work.
    Error,
    /// Something may be lost, or isn't as it should be.
    Warning,
    /// Start, end, metrics.
    Info,
}

/// The number of messages that may wait. More are dropped, and their number is reported.
const WAITING: usize = 256;

enum Message {
    Line(Level, String),
    Flush(Sender<()>),
}

static LOG: OnceLock<Sender<Message>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Starts the thread that writes messages. Before that, or if it can't be started, messages go to stderr.
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

/// If a syslog daemon is running, starts the thread, so that messages go there too, and returns true.
pub fn start_with_syslog() -> bool {
    let there = connect().is_some();
    if there {
        start();
    }
    there
}

/// Logs that something was lost or doesn't work.
pub fn error(message: impl fmt::Display) {
    log(Level::Error, &message);
}

/// Logs that something isn't as it should be.
pub fn warning(message: impl fmt::Display) {
    log(Level::Warning, &message);
}

/// Logs a normal event, such as a start.
pub fn info(message: impl fmt::Display) {
    log(Level::Info, &message);
}

/// Logs a message of the given level.
pub fn message(level: Level, message: impl fmt::Display) {
    log(level, &message);
}

fn log(level: Level, message: &dyn fmt::Display) {
    // A message is one line, even if a server's answer or a file's name in it has control characters.
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

/// Waits until all messages are written, for 2 seconds at most.
pub fn flush() {
    let Some(log) = LOG.get() else { return };
    let (done, written) = bounded(1);
    if log.send_timeout(Message::Flush(done), Duration::from_secs(1)).is_ok() {
        let _ = written.recv_timeout(Duration::from_secs(1));
    }
}

#[cfg(test)]
fn to_stderr(line: &str) {
    // The test harness shows this output only with a test that fails.
    eprintln!("auship: {line}");
}

#[cfg(not(test))]
fn to_stderr(line: &str) {
    // When this fails, no other place is left to report to.
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
        // After a restart of the syslog daemon a new connection is needed.
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
            write(Level::Warning, &format!("{dropped} of auship's own messages were dropped: syslog is too slow"));
        }
    }
}
