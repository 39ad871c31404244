//! `auship spool list`.

use super::{Error, counted};
use crate::{
    event::Timestamp,
    queue::inspect::{Fault, FaultKind, InspectError, Inspection, Seen, SpoolFile, Turn, What, shown},
    time::rfc3339,
};
use std::{
    fs::File,
    io::{self, Read, Write},
};
use time::OffsetDateTime;

/// The head of the table.
const HEAD: [&str; 8] = ["NAME", "WHAT", "DOCUMENTS", "PENDING", "BYTES", "OLDEST", "NEWEST", "STATE"];
/// The columns with numbers, which are aligned at their ends.
const NUMBERS: [usize; 3] = [2, 3, 4];
/// How a line of the dead letters begins, up to its time, and how long such a time is.
const DEAD_LETTER_TIME: &[u8] = br#"{"time":""#;
const TIME: usize = "2026-11-22T00:44:14Z".len();

/// What a file holds.
#[derive(Debug, Default)]
struct Content {
    /// None for a file without documents.
    documents: Option<u64>,
    pending: Option<u64>,
    times: Times,
    /// Damaged places.
    faults: u64,
    state: String,
}

/// The oldest and the newest time, as text in UTC: such texts have the order of their times.
#[derive(Debug, Default)]
struct Times(Option<(String, String)>);

impl Times {
    fn add(&mut self, time: &str) {
        match &mut self.0 {
            None => self.0 = Some((time.to_string(), time.to_string())),
            Some((oldest, _)) if time < oldest.as_str() => *oldest = time.to_string(),
            Some((_, newest)) if time > newest.as_str() => *newest = time.to_string(),
            Some(_) => (),
        }
    }

    fn merge(&mut self, other: &Self) {
        if let Some((oldest, newest)) = &other.0 {
            self.add(oldest);
            self.add(newest);
        }
    }

    fn shown(&self) -> [String; 2] {
        self.0.clone().map_or_else(|| ["-".into(), "-".into()], |(oldest, newest)| [oldest, newest])
    }
}

/// The least and greatest of a file's times; they become text at the end.
#[derive(Default)]
struct Range(Option<(Timestamp, Timestamp)>);

impl Range {
    fn add(&mut self, time: Timestamp) {
        let key = |time: &Timestamp| (time.seconds, time.nanos);
        self.0 = Some(match self.0 {
            None => (time, time),
            Some((oldest, newest)) => (
                if key(&time) < key(&oldest) { time } else { oldest },
                if key(&time) > key(&newest) { time } else { newest },
            ),
        });
    }

    fn times(&self) -> Times {
        let mut times = Times::default();
        for time in self.0.iter().flat_map(|(oldest, newest)| [oldest, newest]) {
            if let Ok(time) = OffsetDateTime::from_unix_timestamp(time.seconds) {
                times.add(&rfc3339(time));
            }
        }
        times
    }
}

/// The sums over all files.
#[derive(Default)]
struct Total {
    files: u64,
    documents: u64,
    pending: u64,
    bytes: u64,
    times: Times,
    damaged: u64,
    dead_letters: u64,
    set_aside: u64,
}

impl Total {
    fn add(&mut self, file: &SpoolFile, content: &Content) {
        match file.what {
            What::DeadLetters => self.dead_letters += content.documents.unwrap_or(0),
            What::SetAside => self.set_aside += file.bytes,
            what if what.has_documents() => {
                self.files += 1;
                self.documents += content.documents.unwrap_or(0);
                self.pending += content.pending.unwrap_or(0);
                self.bytes += file.bytes;
                self.times.merge(&content.times);
                self.damaged += content.faults;
            }
            _ => (),
        }
    }

    fn write(&self, faults: u64, out: &mut impl Write) -> io::Result<()> {
        let Self { files, documents, pending, bytes, times, damaged, dead_letters, set_aside } = self;
        let [oldest, newest] = times.shown();
        write!(out, "total: {pending} pending of {} in {}", counted(*documents, "document"), counted(*files, "file"))?;
        write!(out, ", {}, oldest {oldest}, newest {newest}", counted(*bytes, "byte"))?;
        write!(out, "; {}; {} set aside", counted(*dead_letters, "dead letter"), counted(*set_aside, "byte"))?;
        match damaged + faults {
            0 => writeln!(out),
            _ => writeln!(out, "; there is damage: auship spool verify names it"),
        }
    }
}

/// Writes a line for each file, and a total. True if all files could be read.
pub(super) fn list(mut spool: Inspection, out: &mut impl Write, mut complain: impl FnMut(&str)) -> Result<bool, Error> {
    let mut good = true;
    let mut rows = vec![HEAD.map(String::from)];
    let mut total = Total::default();
    for file in &spool.files.clone() {
        let content = match content(&mut spool, file) {
            Ok(Some(content)) => content,
            // Delivered meanwhile.
            Ok(None) => continue,
            Err(e) => {
                complain(&e.to_string());
                good = false;
                Content { state: "can't be read".into(), ..Content::default() }
            }
        };
        total.add(file, &content);
        let [oldest, newest] = content.times.shown();
        let number = |number: Option<u64>| number.map_or_else(|| "-".into(), |number| number.to_string());
        let (documents, pending) = (number(content.documents), number(content.pending));
        let what = what(file).to_string();
        rows.push([shown(&file.name), what, documents, pending, file.bytes.to_string(), oldest, newest, content.state]);
    }
    write_table(&rows, out)?;
    total.write(spool.faults().len() as u64, out)?;
    out.flush()?;
    Ok(good)
}

fn write_table(rows: &[[String; 8]], out: &mut impl Write) -> io::Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 8] = std::array::from_fn(width);
    for row in rows {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            if NUMBERS.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn what(file: &SpoolFile) -> &'static str {
    match file.what {
        What::InFlight { .. } => "batch in flight",
        What::Segment { .. } => "segment",
        What::Unfinished => "unfinished batch",
        What::DeadLetters => "dead letters",
        What::SetAside => "damage set aside",
        What::Progress => "progress",
        What::Lock => "lock",
        What::Other => "no file of a spool",
    }
}

/// What a file holds. None if it is gone.
fn content(spool: &mut Inspection, file: &SpoolFile) -> Result<Option<Content>, Unreadable> {
    if !file.is_regular {
        return Ok(Some(Content { state: "no regular file, not opened".into(), ..Content::default() }));
    }
    let only = |state: String| Ok(Some(Content { state, ..Content::default() }));
    match file.what {
        What::Segment { .. } | What::InFlight { .. } => documents(spool, file),
        What::DeadLetters => match spool.open_file(file)? {
            Some(opened) => Ok(Some(dead_letters(opened).map_err(|e| Unreadable::Read(shown(&file.name), e))?)),
            None => Ok(None),
        },
        What::Progress => only(match spool.progress() {
            Some((done, written)) => format!("delivered below {done}, next is {written}"),
            None if file.bytes == 0 => "empty".into(),
            None => "damaged".into(),
        }),
        What::Lock => only(match spool.holder {
            Some(pid) => format!("held by process {pid}"),
            None => "no process seen that holds it".into(),
        }),
        What::Unfinished => only("being written, or left by a process that was killed".into()),
        What::SetAside | What::Other => only("-".into()),
    }
}

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Open(#[from] InspectError),
    #[error("{0}: can't be read: {1}")]
    Read(String, io::Error),
}

fn documents(spool: &mut Inspection, file: &SpoolFile) -> Result<Option<Content>, Unreadable> {
    let Some(mut seen) = spool.documents(file)? else { return Ok(None) };
    let (mut documents, mut pending, mut faults, mut unfinished) = (0, 0, 0_u64, false);
    let mut range = Range::default();
    while let Some(next) = seen.next_seen().map_err(|e| Unreadable::Read(shown(&file.name), e))? {
        match next {
            Seen::Document(document) => {
                documents += 1;
                pending += u64::from(document.turn == Turn::Pending);
                if let Some(time) = document.time {
                    range.add(time);
                }
            }
            Seen::Fault(fault) if fault.is_damage() => faults += 1,
            Seen::Fault(Fault { kind: FaultKind::Unfinished { .. }, .. }) => unfinished = true,
            Seen::Fault(_) => (),
        }
    }
    let state = match (file.is_open(), spool.holder) {
        _ if faults > 0 => format!("damaged in {}", counted(faults, "place")),
        (true, Some(_)) if unfinished => "open for writing, a document is being written".into(),
        (true, Some(_)) => "open for writing".into(),
        (true, None) => "left open".into(),
        (false, _) => "closed".into(),
    };
    let (documents, pending) = (Some(documents), Some(pending));
    Ok(Some(Content { documents, pending, times: range.times(), faults, state }))
}

/// Counts the lines of the dead letters, and finds the first and the last time at which one was written.
fn dead_letters(mut file: File) -> io::Result<Content> {
    let mut times = Times::default();
    let mut lines = 0;
    let mut beginning = Vec::new();
    let wanted = DEAD_LETTER_TIME.len() + TIME;
    let mut block = vec![0; 64 << 10];
    loop {
        let n = match file.read(&mut block) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let mut rest = &block[..n];
        while !rest.is_empty() {
            let (line, after) = match memchr::memchr(b'\n', rest) {
                Some(end) => (&rest[..end], Some(&rest[end + 1..])),
                None => (rest, None),
            };
            // A line that has only begun has at least one byte here.
            let room = (wanted + 1).saturating_sub(beginning.len()).min(line.len());
            beginning.extend_from_slice(&line[..room]);
            rest = after.unwrap_or_default();
            if after.is_some() {
                lines += 1;
                if let Some(time) = dead_letter_time(&beginning) {
                    times.add(time);
                }
                beginning.clear();
            }
        }
    }
    let state = if beginning.is_empty() { "-".into() } else { FaultKind::HalfALine.to_string() };
    Ok(Content { documents: Some(lines), times, state, ..Content::default() })
}

/// The time in the beginning of a line of the dead letters.
fn dead_letter_time(line: &[u8]) -> Option<&str> {
    let text = str::from_utf8(line.strip_prefix(DEAD_LETTER_TIME)?.get(..TIME)?).ok()?;
    let is_time = |(n, b): (usize, u8)| match n {
        4 | 7 => b == b'-',
        10 => b == b'T',
        13 | 16 => b == b':',
        19 => b == b'Z',
        _ => b.is_ascii_digit(),
    };
    text.bytes().enumerate().all(is_time).then_some(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Seek;

    fn read(text: &[u8]) -> Content {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        file.rewind().unwrap();
        dead_letters(file).unwrap()
    }

    #[test]
    fn dead_letters_are_counted_and_dated() {
        let line = |time: &str, more: &str| format!("{{\"time\":\"{time}\",\"output\":\"x\"{more}}}\n");
        let mut text = line("2026-11-22T00:44:14Z", "");
        text += &line("2026-11-21T00:00:00Z", &"x".repeat(200_000));
        text += &line("never, or so they say", "");
        let content = read(text.as_bytes());
        assert_eq!((content.documents, content.state.as_str()), (Some(3), "-"));
        assert_eq!(content.times.shown(), ["2026-11-21T00:00:00Z", "2026-11-22T00:44:14Z"]);
        let content = read(&text.as_bytes()[..200]);
        assert_eq!(content.documents, Some(1));
        assert!(content.state.contains("no end"), "{}", content.state);
        assert_eq!(read(b"").documents, Some(0));
    }

    #[test]
    fn times_without_a_date_are_left_out() {
        let mut range = Range::default();
        assert_eq!(range.times().shown(), ["-", "-"]);
        for seconds in [7, i64::MAX, -7] {
            range.add(Timestamp { seconds, nanos: 0 });
        }
        assert_eq!(range.times().shown()[0], "1969-12-31T23:59:53Z");
    }
}
