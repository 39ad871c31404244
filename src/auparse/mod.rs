//! Linux audit records become events: the safe side of libauparse.
//!
//! | file | what it holds |
//! |---|---|
//! | `auparse_sys.rs` | bindgen's raw bindings |
//! | `handle.rs` | every call of the library, with the reasons why it is sound |
//! | `collect.rs`, `words.rs` | copies libauparse's event into an [`LinuxEvent`], values whole, words not forgotten |
//! | `lines.rs`, `header.rs`, `pending.rs` | lines from blocks; which can be read; which events are unfinished |
//! | `interpreter.rs`, `questions.rs` | what fields mean; what libauparse was asked before |
//! | `tables.rs` | names that libaudit knows |
//!
//! libauparse does the grouping: events may interleave, come with or without `node=`, RAW or ENRICHED.

mod auparse_sys;
mod cache;
mod decode;
mod fields;
mod free_text;
mod handle;
mod header;
mod interpreter;
mod lines;
mod pending;
pub mod tables;

pub use interpreter::{Interpreter, Syscall, Type, syscall_names};
pub use lines::MAX_LINE;

use crate::{
    buffer::{self, give_back},
    event::{Event, EventId, Events, LinuxEvent, node_id, record_type},
};
use fields::TypeNames;
use handle::{Cursor, Handle};
use header::Headers;
use interpreter::InterpretationCache;
use lines::{Lines, Piece};
use memchr::{memchr, memchr_iter};
use pending::{Identity, Pending};
use std::time::{SystemTime, UNIX_EPOCH};
use thiserror::Error;

/// Events are aged out by the wall clock only while the records' time is this close to it, in seconds, so that an
/// old log read through a slow pipe converts whole.
const LIVE_WITHIN: i64 = 10;

/// libauparse could not be set up or could not take lines: memory is out.
#[derive(Debug, Error)]
#[error("libauparse has no memory left")]
pub struct OutOfMemory;

/// Groups audit records into events.
///
/// Feed it blocks of a log as they come; each event that is whole is passed on, along with what it takes to interpret
/// its fields. At the end call [`Parser::finish`].
pub struct Parser {
    handle: Handle,
    lines: Lines,
    headers: Headers,
    group: Group,
    clean: Vec<u8>,
    unreadable: u64,
    last_seconds: i64,
}

/// What the callback needs; apart from [`Handle`] so that both can be borrowed.
struct Group {
    event: LinuxEvent,
    types: TypeNames,
    memory: InterpretationCache,
    pending: Pending,
}

impl Group {
    /// Takes over the event under libauparse's cursor and hands it on.
    fn hand_out(&mut self, cursor: &mut Cursor, to: &mut impl Events) {
        let id = match cursor.id() {
            Some((seconds, millis, serial)) => {
                EventId { seconds, millis: u16::try_from(millis).unwrap_or_default(), serial }
            }
            None => EventId::default(),
        };
        self.event.begin(id);
        fields::collect(cursor, &mut self.types, &mut self.event);
        let node = self.event.node_id();
        self.event.part = self.pending.handed_out(Identity { id, node });
        self.event.partial = self.event.part > 0 || lacks_its_end(&self.event);
        let mut interpreter = Interpreter::new(cursor, &mut self.memory);
        to.event(Event::Linux(&self.event, &mut interpreter));
        self.event.give_back(buffer::EVENT);
    }
}

/// The kernel ends every event that has a SYSCALL or URINGOP record with an EOE (and libauparse ends it at its
/// PROCTITLE): one handed out without either was cut by a time-out or by the end of the input.
fn lacks_its_end(event: &LinuxEvent) -> bool {
    let begins = event.records().iter().any(|r| matches!(r.record_type, record_type::SYSCALL | record_type::URINGOP));
    begins
        && !event.records().last().is_some_and(|r| matches!(r.record_type, record_type::EOE | record_type::PROCTITLE))
}

impl Parser {
    /// A parser with nothing in it.
    ///
    /// # Errors
    /// When libauparse has no memory.
    pub fn new() -> Result<Self, OutOfMemory> {
        Ok(Self {
            handle: Handle::new().ok_or(OutOfMemory)?,
            lines: Lines::default(),
            headers: Headers::default(),
            group: Group {
                event: LinuxEvent::default(),
                types: TypeNames::default(),
                memory: InterpretationCache::default(),
                pending: Pending::new(),
            },
            clean: Vec::new(),
            unreadable: 0,
            last_seconds: 0,
        })
    }

    /// Takes the next bytes of the log, cut anywhere. Who takes the events must not use another parser: libauparse's callers take
    /// turns.
    ///
    /// # Errors
    /// When libauparse has no memory; the block is lost then.
    pub fn feed(&mut self, block: &[u8], to: &mut impl Events) -> Result<(), OutOfMemory> {
        let mut lines = std::mem::take(&mut self.lines);
        let mut result = Ok(());
        lines.push(block, |piece| {
            if let Err(e) = self.piece(piece, to) {
                result = Err(e);
            }
        });
        self.lines = lines;
        // libauparse hands out a whole event with the next lines it gets; none will do, and nothing has to wait.
        let group = &mut self.group;
        self.handle.feed(b"", |cursor| group.hand_out(cursor, to));
        result
    }

    /// Ends a file: a last line without a newline is a line, and what comes next begins a new one. Events go on
    /// across files, as they do when auditd rotates its log.
    ///
    /// # Errors
    /// As [`Parser::feed`].
    pub fn end_file(&mut self, to: &mut impl Events) -> Result<(), OutOfMemory> {
        let mut lines = std::mem::take(&mut self.lines);
        let mut result = Ok(());
        lines.finish(|piece| result = self.piece(piece, to));
        result
    }

    /// The end of the input: hands out every event that is left, whole or not.
    ///
    /// # Errors
    /// As [`Parser::feed`].
    pub fn finish(&mut self, to: &mut impl Events) -> Result<(), OutOfMemory> {
        let result = self.end_file(to);
        self.flush(to);
        result
    }

    /// To be called when the input is quiet: hands out events whose end hasn't come for 2 s, unless the records
    /// are old ones.
    pub fn age(&mut self, to: &mut impl Events) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
        if (now - self.last_seconds).abs() > LIVE_WITHIN {
            return;
        }
        let group = &mut self.group;
        self.handle.age(|cursor| group.hand_out(cursor, to));
    }

    /// True while an event is unfinished, so that [`Parser::age`] may have something to do.
    pub fn is_waiting(&self) -> bool {
        !self.group.pending.is_empty()
    }

    /// Lines that could not be read so far: without a head that libauparse understands, or too long.
    /// Empty lines don't count.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Forgets user and group names, for when `/etc/passwd` or `/etc/group` changed.
    pub fn forget_names(&mut self) {
        self.group.memory.forget();
        // Destroying any parser clears the caches that all share in libauparse 3 (auparse_destroy).
        drop(Handle::new());
    }

    fn flush(&mut self, to: &mut impl Events) {
        let group = &mut self.group;
        self.handle.flush(|cursor| group.hand_out(cursor, to));
        self.group.pending.clear();
    }

    fn piece(&mut self, piece: Piece, to: &mut impl Events) -> Result<(), OutOfMemory> {
        match piece {
            Piece::Whole(lines) if memchr(0, lines).is_some() => {
                // To libauparse a NUL ends the line. Nothing that a kernel writes has one; what follows it is kept
                // by writing it as every byte that isn't text is written.
                let mut clean = std::mem::take(&mut self.clean);
                for part in lines.split_inclusive(|b| *b == 0) {
                    match part.split_last() {
                        Some((0, text)) => {
                            clean.extend_from_slice(text);
                            clean.extend_from_slice(b"\\x00");
                        }
                        _ => clean.extend_from_slice(part),
                    }
                }
                let result = self.whole(&clean, to);
                give_back(&mut clean, buffer::EVENT);
                self.clean = clean;
                result
            }
            Piece::Whole(lines) => self.whole(lines, to),
            Piece::TooLong => {
                self.unreadable += 1;
                Ok(())
            }
        }
    }

    /// Feeds whole lines, leaving out those that can't be read.
    fn whole(&mut self, lines: &[u8], to: &mut impl Events) -> Result<(), OutOfMemory> {
        // Lines from `from` up to `start` wait to be fed in one call.
        let (mut from, mut start) = (0, 0);
        let mut last = Identity::default();
        for end in memchr_iter(b'\n', lines) {
            let line = &lines[start..end];
            let next = end + 1;
            match self.headers.header(line).filter(|header| !header::would_leak(header.record_type, line)) {
                Some(header) => {
                    let identity = Identity { id: header.id, node: node_id(header.node) };
                    let ends = header.record_type == b"type=EOE";
                    self.last_seconds = header.id.seconds;
                    if self.group.pending.is_full(identity != last) {
                        self.take(&lines[from..start], to)?;
                        from = start;
                        if self.group.pending.is_full(identity != last) {
                            self.flush(to);
                        }
                    }
                    self.group.pending.record(identity, line.len(), ends);
                    last = identity;
                }
                None => {
                    self.take(&lines[from..start], to)?;
                    from = next;
                    self.unreadable += u64::from(!line.is_empty());
                }
            }
            start = next;
        }
        self.take(&lines[from..start], to)
    }

    fn take(&mut self, lines: &[u8], to: &mut impl Events) -> Result<(), OutOfMemory> {
        if lines.is_empty() {
            return Ok(());
        }
        let group = &mut self.group;
        if self.handle.feed(lines, |cursor| group.hand_out(cursor, to)) { Ok(()) } else { Err(OutOfMemory) }
    }
}
