//! Turns Linux audit records into events: a safe interface to libauparse.
//!
//! | file | what it holds |
//! |---|---|
//! | `auparse_sys.rs` | bindgen's raw bindings |
//! | `handle.rs` | every call of the library, with the reason why it is sound |
//! | `fields.rs`, `free_text.rs` | copy libauparse's event into a [`LinuxEvent`], with whole values and free text |
//! | `lines.rs`, `header.rs`, `pending.rs` | split blocks into lines; read the heads of lines; track unfinished events |
//! | `interpreter.rs`, `decode.rs`, `cache.rs` | interpret fields; read auditd's additions; remember libauparse's answers |
//! | `tables.rs` | names that libaudit knows |
//!
//! libauparse groups the records. Events may interleave. They may have a `node=` or not, and be RAW or ENRICHED.

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

/// Events time out by the wall clock only if the records' time is within this many seconds of it. So the events of an
/// old log stay whole, even if the log comes through a slow pipe.
const LIVE_WITHIN: i64 = 10;

/// libauparse has no memory left to start or to take lines.
#[derive(Debug, Error)]
#[error("libauparse has no memory left")]
pub struct OutOfMemory;

/// Groups audit records into events.
///
/// Feed it the blocks of a log as they come. It passes on each whole event, with an interpreter for its fields. At the
/// end call [`Parser::finish`].
pub struct Parser {
    handle: Handle,
    lines: Lines,
    headers: Headers,
    group: Group,
    clean: Vec<u8>,
    unreadable: u64,
    last_seconds: i64,
}

/// The state that the callback needs. It is separate from [`Handle`] so that both can be borrowed.
struct Group {
    event: LinuxEvent,
    types: TypeNames,
    memory: InterpretationCache,
    pending: Pending,
}

impl Group {
    /// Copies the event under libauparse's cursor and passes it on.
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
        to.event(Event::Linux(&self.event, &mut interpreter), None);
        self.event.give_back(buffer::EVENT);
    }
}

/// True when a time-out or the end of the input cut the event. The kernel ends every event that has a SYSCALL or
/// URINGOP record with an EOE, and libauparse ends such an event at its PROCTITLE. A whole event ends with one of them.
fn lacks_its_end(event: &LinuxEvent) -> bool {
    let begins = event.records().iter().any(|r| matches!(r.record_type, record_type::SYSCALL | record_type::URINGOP));
    begins
        && !event.records().last().is_some_and(|r| matches!(r.record_type, record_type::EOE | record_type::PROCTITLE))
}

impl Parser {
    /// Creates an empty parser.
    ///
    /// # Errors
    /// If libauparse has no memory left.
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

    /// Takes the next bytes of the log, which may be cut anywhere. The receiver of the events must not use another
    /// parser, because libauparse's callers take turns.
    ///
    /// # Errors
    /// If libauparse has no memory left. The block is lost then.
    pub fn feed(&mut self, block: &[u8], to: &mut impl Events) -> Result<(), OutOfMemory> {
        let mut lines = std::mem::take(&mut self.lines);
        let mut result = Ok(());
        lines.push(block, |piece| {
            if let Err(e) = self.piece(piece, to) {
                result = Err(e);
            }
        });
        self.lines = lines;
        // libauparse hands out a whole event only when it is fed again. An empty feed makes it do so now.
        let group = &mut self.group;
        self.handle.feed(b"", |cursor| group.hand_out(cursor, to));
        result
    }

    /// Ends a file. A last line without a newline counts as a line, and the next bytes begin a new line. Events may
    /// continue in the next file, as they do when auditd rotates its log.
    ///
    /// # Errors
    /// Like [`Parser::feed`].
    pub fn end_file(&mut self, to: &mut impl Events) -> Result<(), OutOfMemory> {
        let mut lines = std::mem::take(&mut self.lines);
        let mut result = Ok(());
        lines.finish(|piece| result = self.piece(piece, to));
        result
    }

    /// Ends the input. Hands out every event that is left, whole or not.
    ///
    /// # Errors
    /// Like [`Parser::feed`].
    pub fn finish(&mut self, to: &mut impl Events) -> Result<(), OutOfMemory> {
        let result = self.end_file(to);
        self.flush(to);
        result
    }

    /// Call this when the input is quiet. Hands out events that have waited for their end for 2 s, unless the records
    /// are old.
    pub fn age(&mut self, to: &mut impl Events) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
        if (now - self.last_seconds).abs() > LIVE_WITHIN {
            return;
        }
        let group = &mut self.group;
        self.handle.age(|cursor| group.hand_out(cursor, to));
    }

    /// True while an event is unfinished. Then [`Parser::age`] has to be called.
    pub fn is_waiting(&self) -> bool {
        !self.group.pending.is_empty()
    }

    /// The number of unreadable lines so far: lines that are too long or that libauparse can't take. Empty lines don't
    /// count.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Forgets user and group names. Call this when `/etc/passwd` or `/etc/group` has changed.
    pub fn forget_names(&mut self) {
        self.group.memory.forget();
        // In libauparse 3 all parsers share their caches. Destroying any parser clears them (auparse_destroy).
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
                // A NUL ends the line for libauparse. The kernel never writes one. It is replaced by `\x00`, as
                // documents show bytes that aren't text, so that the rest of the line is kept.
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

    /// Feeds whole lines, without the unreadable ones.
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
                    if identity != last && !header.record_type.starts_with(b"type=DAEMON") {
                        to.arrives(identity.id, identity.node);
                    }
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
