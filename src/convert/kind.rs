//! Recognises files that are no audit logs.

use crate::{auparse::has_record, event::LineFault};
use memchr::memchr;
use thiserror::Error;

/// A kind of file that is no audit log. The text follows the name of the file.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum NoLog {
    #[error("is text of 'ausearch -i'; convert the raw log instead: 'ausearch --raw'")]
    Interpreted,
    #[error("has no time that can be represented; it is damaged, or no audit log")]
    TimeOutOfRange,
    #[error("is UTF-16 text; make it UTF-8 first: 'iconv -f UTF-16 -t UTF-8'")]
    Utf16,
    #[error("is compressed with {0}; unpack it first")]
    Packed(&'static str),
    #[error("is a file of the journal; print it first: 'journalctl -o short-iso --file'")]
    Journal,
    #[error("is a binary file, not an audit log")]
    Binary,
}

impl NoLog {
    /// The bytes at a place of the file by which a kind is known.
    const MAGIC: [(usize, &[u8], Self); 12] = [
        (0, b"\xff\xfe", Self::Utf16),
        (0, b"\xfe\xff", Self::Utf16),
        (0, b"t\0y\0p\0e\0", Self::Utf16),
        (0, b"\0t\0y\0p\0e", Self::Utf16),
        (0, b"BZh", Self::Packed("bzip2")),
        (0, b"\x04\x22\x4d\x18", Self::Packed("lz4")),
        (0, b"\x5d\0\0", Self::Packed("lzma")),
        (0, b"PK\x03\x04", Self::Packed("zip")),
        (0, b"7z\xbc\xaf\x27\x1c", Self::Packed("7-Zip")),
        (257, b"ustar", Self::Packed("tar")),
        (0, b"LPKSHHRH", Self::Journal),
        (0, b"\x7fELF", Self::Binary),
    ];

    fn by_magic(start: &[u8]) -> Option<Self> {
        let is_there = |at: usize, magic: &[u8]| start.get(at..).is_some_and(|text| text.starts_with(magic));
        Self::MAGIC.iter().find(|(at, magic, _)| is_there(*at, magic)).map(|(_, _, kind)| *kind)
    }
}

/// What is known of a file so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// More of it has to be read.
    Open,
    /// It is a log, or can't be told from one.
    Log,
    No(NoLog),
}

/// Looks at the start of a file until it has a record. A file without one is judged by what it has instead.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// The number of bytes that were looked at: whole lines.
    seen: usize,
    /// The first fault by which a kind is known.
    fault: Option<LineFault>,
}

impl Judge {
    /// Looks at all bytes of the file so far. `is_all` means that no more will come.
    pub(super) fn look(&mut self, start: &[u8], is_all: bool) -> Verdict {
        while let Some(end) = memchr(b'\n', &start[self.seen..]) {
            let line = &start[self.seen..self.seen + end];
            self.seen += end + 1;
            if self.line(line) {
                return Verdict::Log;
            }
        }
        if !is_all {
            return Verdict::Open;
        }
        let last = &start[self.seen..];
        if self.line(last) {
            return Verdict::Log;
        }
        match (NoLog::by_magic(start), self.fault) {
            (Some(kind), _) => Verdict::No(kind),
            (None, Some(LineFault::Interpreted)) => Verdict::No(NoLog::Interpreted),
            (None, Some(LineFault::TimeOutOfRange)) => Verdict::No(NoLog::TimeOutOfRange),
            _ if is_binary(start) => Verdict::No(NoLog::Binary),
            _ => Verdict::Log,
        }
    }

    /// True if the line has a record.
    fn line(&mut self, line: &[u8]) -> bool {
        let result = has_record(line);
        let telling = result.err().filter(|fault| matches!(fault, LineFault::Interpreted | LineFault::TimeOutOfRange));
        self.fault = self.fault.or(telling);
        result == Ok(true)
    }
}

/// True for data that no program writes as text.
fn is_binary(start: &[u8]) -> bool {
    let is_odd = |b: &&u8| matches!(b, 1..=8 | 14..=26 | 28 | 30 | 31 | 127);
    memchr(0, start).is_some() || start.iter().filter(is_odd).count() > start.len() / 20
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(start: &[u8]) -> Verdict {
        let whole = Judge::default().look(start, true);
        // Any pieces give the same.
        let mut judge = Judge::default();
        let mut pieces = Verdict::Open;
        for end in 0..start.len() {
            pieces = judge.look(&start[..end], false);
            if pieces != Verdict::Open {
                break;
            }
        }
        if pieces == Verdict::Open {
            pieces = judge.look(start, true);
        }
        assert_eq!(whole, pieces);
        whole
    }

    #[test]
    fn logs_are_known_by_a_record() {
        let record = "type=USER msg=audit(1795320000.001:9): a=b";
        for before in
            ["", "\n", "nonsense\n", "\0\0\0\n", "type=A msg=audit(11/25/2026 04:26:41.123:4711) : \n", "----\n"]
        {
            assert_eq!(judged(format!("{before}{record}\n").as_bytes()), Verdict::Log, "{before}");
            assert_eq!(judged(format!("{before}{record}").as_bytes()), Verdict::Log, "{before}");
        }
        for other in ["", "\n", "some text\n", "kernel: audit: x\n", "\x1b[1mtext\x1b[m\n"] {
            assert_eq!(judged(other.as_bytes()), Verdict::Log, "{other}");
        }
    }

    #[test]
    fn other_files_are_known_for_what_they_are() {
        let utf16: Vec<u8> = "type=USER msg=".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let with_mark = [b"\xff\xfe".as_slice(), &utf16].concat();
        let archive = [&[b'x'; 257][..], b"ustar\0"].concat();
        for (start, kind) in [
            (&b"----\ntype=A msg=audit(11/25/2026 04:26:41.123:4711) : x=y\n"[..], NoLog::Interpreted),
            (b"type=A msg=audit(99999999999999999999.123:4711): x=y\n", NoLog::TimeOutOfRange),
            (&utf16, NoLog::Utf16),
            (&with_mark, NoLog::Utf16),
            (b"BZh91AY&SY", NoLog::Packed("bzip2")),
            (&archive, NoLog::Packed("tar")),
            (b"LPKSHHRH\0\0", NoLog::Journal),
            (b"\x7fELF\x02\x01\0type=", NoLog::Binary),
            (b"abc\0def", NoLog::Binary),
            (b"abc\x01\x02\x03", NoLog::Binary),
        ] {
            assert_eq!(judged(start), Verdict::No(kind), "{}", String::from_utf8_lossy(start));
        }
    }
}
