//! What `auship convert` says on standard error: messages, and on a terminal a line with its progress.

use super::input::Input;
use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    time::{Duration, Instant},
};

/// The shortest time between two progress lines.
const EVERY: Duration = Duration::from_millis(500);
/// Goes to the start of the line and erases it.
const ERASE: &str = "\r\x1b[K";
/// The most characters of a file's name in the progress line, so that it fits in a line.
const NAME: usize = 40;

/// Standard error.
#[derive(Debug)]
pub(super) struct Console {
    /// The time of the next progress line. `None` if progress isn't shown.
    next: Option<Instant>,
    /// True while a progress line is shown.
    is_shown: bool,
}

impl Console {
    /// Progress is shown on a terminal, unless the documents go to a terminal too.
    pub(super) fn new() -> Self {
        let shows = io::stderr().is_terminal() && !io::stdout().is_terminal();
        Self { next: shows.then(Instant::now), is_shown: false }
    }

    /// Prints a message on a line of its own.
    pub(super) fn message(&mut self, message: &str) {
        self.erase();
        // When this fails, no other place is left to report to.
        let _ = writeln!(io::stderr().lock(), "auship: {message}");
    }

    /// Shows the progress, if it is time for that.
    pub(super) fn progress(&mut self, path: &Path, input: &Input, events: u64) {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = Some(now + EVERY);
        self.is_shown = true;
        let (position, size) = input.position();
        let line = progress(path, position, size, events);
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{ERASE}{line}").and_then(|()| stderr.flush());
    }

    /// Erases the progress line.
    pub(super) fn erase(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "{ERASE}").and_then(|()| stderr.flush());
        }
    }
}

/// `audit.log: 42 %, 120000 events`
fn progress(path: &Path, position: u64, size: Option<u64>, events: u64) -> String {
    let name = match path.file_name().unwrap_or(path.as_os_str()).to_string_lossy() {
        name if name == "-" => "standard input".into(),
        name => name,
    };
    let name: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).take(NAME).collect();
    let done = match size {
        // A file that is written meanwhile is read beyond the size that it had.
        Some(size) if size > 0 => format!("{} %", (u128::from(position) * 100 / u128::from(size)).min(100)),
        _ => format!("{} MB", position / 1_000_000),
    };
    format!("{name}: {done}, {events} events")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_short() {
        let shown = |path: &str, position, size| progress(Path::new(path), position, size, 12);
        assert_eq!(shown("/var/log/audit/audit.log", 42, Some(100)), "audit.log: 42 %, 12 events");
        assert_eq!(shown("a", 142, Some(100)), "a: 100 %, 12 events");
        assert_eq!(shown("-", 3_999_999, None), "standard input: 3 MB, 12 events");
        assert_eq!(shown("/", 0, Some(0)), "/: 0 MB, 12 events");
        assert_eq!(shown("a\x1b[2J", 0, None), "a?[2J: 0 MB, 12 events");
        assert!(shown(&"x".repeat(200), u64::MAX, None).len() < 80);
    }
}
