//! A line of a log that can't be read, and the reason.

use std::fmt::{self, Display, Formatter, Write};
use thiserror::Error;

/// Why a line can't be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LineFault {
    /// It is too long.
    #[error("longer than 16 MiB")]
    TooLong,
    /// It has no record, or text before the record that no log writes.
    #[error("no audit record")]
    NoRecord,
    /// Its record has no `audit(SECONDS.MILLISECONDS:SERIAL)`.
    #[error("a record without a time")]
    NoTime,
    /// Its time can't be represented.
    #[error("a record whose time is out of range")]
    TimeOutOfRange,
    /// It is text for people.
    #[error("text of 'ausearch -i', not a raw record")]
    Interpreted,
    /// It comes from the journal, which stores the message without its head.
    #[error("a record of the journal, without a time and a serial")]
    NoSerial,
    /// The input ended too early, in the middle of it.
    #[error("a line that is cut off")]
    CutOff,
    /// libauparse would leak memory.
    #[error("a CWD record with more than one directory")]
    ManyDirectories,
}

/// A line that can't be read.
#[derive(Clone, Copy, Debug)]
pub struct UnreadableLine<'a> {
    /// Its number in its file, from 1.
    pub number: u64,
    /// Why it can't be read.
    pub fault: LineFault,
    /// Its text, or the beginning of it.
    pub text: &'a [u8],
}

/// The most characters of a line that messages show.
const SHOWN: usize = 60;

impl<'a> UnreadableLine<'a> {
    /// The start of its text, of which messages show a part.
    pub fn start(&self) -> &'a [u8] {
        &self.text[..self.text.len().min(4 * SHOWN)]
    }
}

impl Display for UnreadableLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.fault)?;
        let text = String::from_utf8_lossy(self.start());
        let mut left = SHOWN;
        for c in text.chars() {
            let shown = c.escape_debug();
            let is_printable = shown.len() == 1 || matches!(c, '"' | '\'' | '\\');
            let length = if is_printable { 1 } else { shown.len() };
            if left < length {
                return f.write_char('…');
            }
            left -= length;
            if is_printable { f.write_char(c)? } else { write!(f, "{shown}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8]) -> String {
        UnreadableLine { number: 1, fault: LineFault::NoRecord, text }.to_string()
    }

    #[test]
    fn an_excerpt_is_short_and_printable() {
        assert_eq!(shown(b"some \"text\""), "no audit record: some \"text\"");
        assert_eq!(shown("größe\x1b[2J\0".as_bytes()), r"no audit record: größe\u{1b}[2J\0");
        let long = shown(&[b'x'; 1000]);
        assert!(long.ends_with("x…") && long.chars().count() < 80, "{long}");
        assert!(shown(&[0; 1000]).chars().count() < 80);
    }
}
