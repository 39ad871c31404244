//! Reports lines that can't be read: the first at once, further ones at most every ten seconds, with their number and
//! the last of them.

use crate::{
    event::{LineFault, UnreadableLine},
    losses::REPORT_EVERY,
};
use std::{
    rc::Rc,
    time::{Duration, Instant},
};

/// Reports lines that can't be read. It makes the messages; its owner prints them.
#[derive(Debug)]
pub struct UnreadableReporter {
    /// The name of the current input.
    input: Rc<str>,
    /// The lines since the last message.
    unreported: u64,
    /// The last of them.
    last: LastLine,
    /// The time of the last message.
    reported: Option<Instant>,
    /// The shortest time between two messages.
    every: Duration,
}

#[derive(Debug)]
struct LastLine {
    input: Rc<str>,
    number: u64,
    fault: LineFault,
    text: Vec<u8>,
}

impl UnreadableReporter {
    /// A reporter for an input of this name.
    pub fn new(input: &str) -> Self {
        let input: Rc<str> = input.into();
        let last = LastLine { input: Rc::clone(&input), number: 0, fault: LineFault::NoRecord, text: Vec::new() };
        Self { input, unreported: 0, last, reported: None, every: REPORT_EVERY }
    }

    /// Begins another input.
    pub fn begin(&mut self, input: &str) {
        self.input = input.into();
    }

    /// Notes a line. Returns a message if one is due.
    pub fn line(&mut self, line: &UnreadableLine) -> Option<String> {
        self.unreported += 1;
        self.last.input = Rc::clone(&self.input);
        self.last.number = line.number;
        self.last.fault = line.fault;
        self.last.text.clear();
        self.last.text.extend_from_slice(line.start());
        self.due()
    }

    /// Returns a message if there are lines to report and it is time for that.
    pub fn due(&mut self) -> Option<String> {
        if self.unreported == 0 || self.reported.is_some_and(|at| at.elapsed() < self.every) {
            return None;
        }
        self.finish()
    }

    /// Returns a message if there are lines to report.
    pub fn finish(&mut self) -> Option<String> {
        let LastLine { input, number, fault, text } = &self.last;
        let line = UnreadableLine { number: *number, fault: *fault, text };
        let message = match std::mem::take(&mut self.unreported) {
            0 => return None,
            1 => format!("{input}:{number}: {line}"),
            lines => format!("{lines} more lines could not be read; the last is {input}:{number}: {line}"),
        };
        self.reported = Some(Instant::now());
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_reported_at_once_and_the_others_together() {
        let line = |number| UnreadableLine { number, fault: LineFault::NoTime, text: b"type=X" };
        let mut reporter = UnreadableReporter::new("a");
        assert_eq!(reporter.line(&line(7)), Some("a:7: a record without a time: type=X".into()));
        for number in 8..20 {
            assert_eq!(reporter.line(&line(number)), None);
        }
        reporter.begin("b");
        assert_eq!(reporter.due(), None);
        let all = "12 more lines could not be read; the last is a:19: a record without a time: type=X";
        assert_eq!(reporter.finish(), Some(all.into()));
        assert_eq!(reporter.finish(), None);
        reporter.every = Duration::ZERO;
        assert_eq!(reporter.line(&line(1)), Some("b:1: a record without a time: type=X".into()));
    }
}
