//! Turns Linux audit records into events: a safe interface to libauparse.
//!
//! | file | what it holds |
//! |---|---|
//! | `auparse_sys.rs` | bindgen's raw bindings |
//! | `handle.rs` | every call of the library, with the reason why it is sound |
//! | `fields.rs`, `free_text.rs`, `further_keys.rs` | copy libauparse's event into a [`LinuxEvent`], with whole values and free text |
//! | `words.rs`, `quotes.rs` | find the ends of values: of words, and of text in quotes or from users |
//! | `lines.rs`, `header.rs`, `pending.rs` | split blocks into lines; read the heads of lines; track unfinished events |
//! | `rare.rs` | brings other lines into auditd's form: finds the record, and writes its head anew |
//! | `prefix.rs`, `separator.rs` | find a record behind other text; find auditd's separator in an enriched record |
//! | `broken.rs` | joins records that auditd broke into lines |
//! | `disguise.rs`, `logins.rs` | change heads that libauparse treats wrongly; end logins that no other record ends |
//! | `interpreter.rs`, `decode.rs`, `cache.rs` | interpret fields; read auditd's additions; remember libauparse's answers |
//! | `types.rs`, `reading.rs`, `call_arguments.rs` | how a field is read; which of libauparse's answers are right |
//! | `syscall.rs`, `syscall_names.rs`, `names.rs` | system calls with their machines; whose ids are looked up here |
//! | `tables.rs` | names that libaudit knows |
//!
//! libauparse groups the records. Events may interleave. They may have a `node=` or not, and be RAW or ENRICHED.

mod auparse_sys;
mod broken;
mod cache;
mod call_arguments;
mod decode;
mod disguise;
mod fields;
mod free_text;
mod further_keys;
mod handle;
mod header;
mod interpreter;
mod lines;
mod logins;
mod names;
mod pending;
mod prefix;
mod quotes;
mod rare;
mod reading;
mod separator;
mod syscall;
mod syscall_names;
pub mod tables;
mod types;
mod words;

pub use interpreter::Interpreter;
pub use names::{NameLookup, ResolveIds};
pub use rare::has_record;
pub use syscall::{Syscall, syscall_names};
pub use types::Type;

use crate::{
    buffer::{self, give_back},
    event::{Event, EventId, Events, LineFault, LinuxEvent, UnreadableLine, node_id, record_type, to_number},
};
use broken::Continuation;
use fields::TypeNames;
use handle::{Cursor, Handle};
use header::{Header, Headers, SEPARATOR};
use interpreter::InterpretationCache;
use lines::{Lines, Piece};
use logins::Logins;
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
    logins: Logins,
    group: Group,
    clean: Vec<u8>,
    /// A line in auditd's form that came in another.
    rewritten: Vec<u8>,
    continuation: Continuation,
    /// The number of lines of the current file so far.
    line: u64,
    unreadable: u64,
    last_seconds: i64,
}

/// The state that the callback needs. It is separate from [`Handle`] so that both can be borrowed.
struct Group {
    event: LinuxEvent,
    types: TypeNames,
    memory: InterpretationCache,
    names: NameLookup,
    pending: Pending,
}

impl Group {
    /// Copies the event under libauparse's cursor and passes it on.
    fn hand_out(&mut self, cursor: &mut Cursor, to: &mut impl Events) {
        let mut id = match cursor.id() {
            Some((seconds, millis, serial)) => {
                EventId { seconds, millis: u16::try_from(millis).unwrap_or_default(), serial }
            }
            None => EventId::default(),
        };
        if id.seconds == 1 && fields::is_second_0(cursor) {
            id.seconds = 0;
        }
        self.event.begin(id);
        fields::collect(cursor, &mut self.types, &mut self.event);
        let node = self.event.node_id();
        self.event.part = self.pending.handed_out(Identity { id, node });
        self.event.partial = self.event.part > 0 || lacks_records(&self.event);
        let looks_up_names = self.names.is_allowed(self.event.node());
        let mut interpreter = Interpreter::new(cursor, &mut self.memory, looks_up_names);
        to.event(Event::Linux(&self.event, &mut interpreter), None);
        self.event.give_back(buffer::EVENT);
    }
}

/// True when records are known to be missing at the end of the event. The kernel writes the number of PATH records into
/// the SYSCALL record (`items`), and these come last. The end itself tells nothing: auditd keeps no EOE records, kernels
/// before 3.14 write no PROCTITLE, and a rule may exclude both.
fn lacks_records(event: &LinuxEvent) -> bool {
    let records = event.records();
    if records.last().is_some_and(|r| matches!(r.record_type, record_type::EOE | record_type::PROCTITLE)) {
        return false;
    }
    let items = event.first(record_type::SYSCALL).and_then(|syscall| event.value(syscall, b"items"));
    let paths = records.iter().filter(|r| r.record_type == record_type::PATH).count();
    items.and_then(to_number).is_some_and(|items| paths < usize::try_from(items).unwrap_or(usize::MAX))
}

/// Tells that a record arrives, unless it is of the same event as the last one. auditd numbers its own events itself, and
/// they don't count. Returns the record's identity.
fn arrives(header: &Header, last: Identity, to: &mut impl Events) -> Identity {
    let identity = Identity { id: header.id, node: node_id(header.node) };
    if identity != last && !header.record_type.starts_with(b"type=DAEMON") {
        to.arrives(identity.id, identity.node);
    }
    identity
}

impl Parser {
    /// Creates an empty parser. It looks up names for records without a node, until [`Parser::set_names`] says more.
    ///
    /// # Errors
    /// If libauparse has no memory left.
    pub fn new() -> Result<Self, OutOfMemory> {
        Ok(Self {
            handle: Handle::new().ok_or(OutOfMemory)?,
            lines: Lines::default(),
            headers: Headers::default(),
            logins: Logins::default(),
            group: Group {
                event: LinuxEvent::default(),
                types: TypeNames::default(),
                memory: InterpretationCache::default(),
                names: NameLookup::default(),
                pending: Pending::new(),
            },
            clean: Vec::new(),
            rewritten: Vec::new(),
            continuation: Continuation::default(),
            line: 0,
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
        self.line = 0;
        result
    }

    /// Ends a file that was cut off. The beginning of a line at its end is unreadable, because a value in it may be cut.
    pub fn abandon_file(&mut self, to: &mut impl Events) {
        let line = self.lines.abandon();
        self.line += 1;
        if !line.is_empty() {
            self.report(LineFault::CutOff, &line, to);
        }
        self.line = 0;
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
        self.end_logins(to);
        let group = &mut self.group;
        self.handle.age(|cursor| group.hand_out(cursor, to));
    }

    /// True while an event is unfinished. Then [`Parser::age`] has to be called.
    pub fn is_waiting(&self) -> bool {
        !self.group.pending.is_empty()
    }

    /// The number of unreadable lines so far. Empty lines don't count.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Sets whose ids are looked up on this host.
    pub fn set_names(&mut self, names: NameLookup) {
        self.group.names = names;
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
        self.logins.clear();
    }

    fn piece(&mut self, piece: Piece, to: &mut impl Events) -> Result<(), OutOfMemory> {
        match piece {
            Piece::Whole(lines) if memchr(0, lines).is_some() || rare::has_carriage_returns(lines) => {
                let mut clean = std::mem::take(&mut self.clean);
                rare::clean(lines, &mut clean);
                let result = self.whole(&clean, to);
                give_back(&mut clean, buffer::EVENT);
                self.clean = clean;
                result
            }
            Piece::Whole(lines) => self.whole(lines, to),
            Piece::TooLong(start) => {
                self.line += 1;
                self.report(LineFault::TooLong, start, to);
                Ok(())
            }
        }
    }

    /// Feeds whole lines, without the unreadable ones.
    fn whole(&mut self, lines: &[u8], to: &mut impl Events) -> Result<(), OutOfMemory> {
        // Lines from `from` up to `start` wait to be fed in one call.
        let (mut from, mut start) = (0, 0);
        let mut last = Identity::default();
        let is_enriched = memchr(SEPARATOR, lines).is_some();
        for end in memchr_iter(b'\n', lines) {
            let line = &lines[start..end];
            let next = end + 1;
            self.line += 1;
            if self.continuation.is_open() && self.continuation.takes(line) {
                self.take(&lines[from..start], to)?;
                (from, start) = (next, next);
                continue;
            }
            let header = self.headers.header(line).ok().filter(|header| !header::is_rare(header, line));
            let header = header.filter(|header| !is_enriched || !separator::is_doubtful(header.record_type, line));
            if is_enriched && header.as_ref().is_some_and(|header| header.record_type == b"type=SOCKADDR") {
                self.continuation.begin(line);
            }
            match header {
                Some(header) => {
                    let identity = arrives(&header, last, to);
                    let login = self.logins.next(identity);
                    if login.is_some() || self.group.pending.is_full(identity != last) {
                        self.take(&lines[from..start], to)?;
                        from = start;
                        self.make_room(login.as_deref(), identity != last, to);
                    }
                    self.note(&header, identity, line.len());
                    last = identity;
                }
                None => {
                    self.take(&lines[from..start], to)?;
                    from = next;
                    last = self.rare(line, last, to)?;
                }
            }
            start = next;
        }
        self.take(&lines[from..start], to)
    }

    /// Makes room for the next record. All records before it have been fed. `login` is the record that ends a login.
    fn make_room(&mut self, login: Option<&[u8]>, between: bool, to: &mut impl Events) {
        if let Some(end) = login {
            let group = &mut self.group;
            self.handle.feed(end, |cursor| group.hand_out(cursor, to));
        }
        if self.group.pending.is_full(between) {
            self.flush(to);
        }
    }

    /// Notes a record before it is fed. True when it begins a new event.
    fn note(&mut self, header: &Header, identity: Identity, length: usize) -> bool {
        self.last_seconds = header.id.seconds;
        self.group.pending.record(identity, length, header.record_type == b"type=EOE")
    }

    /// Feeds a line that libauparse can't get as it is, if it has a record. Returns the identity of the last record.
    fn rare(&mut self, line: &[u8], last: Identity, to: &mut impl Events) -> Result<Identity, OutOfMemory> {
        let line = rare::without_returns(line);
        let mut rewritten = std::mem::take(&mut self.rewritten);
        let result = match rare::rewrite(line, &mut rewritten) {
            Ok(()) => self.feed_rewritten(&mut rewritten, last, to),
            Err(fault) => {
                if !rare::is_decoration(line) {
                    self.report(fault, line, to);
                }
                Ok(last)
            }
        };
        give_back(&mut rewritten, buffer::EVENT);
        self.rewritten = rewritten;
        result
    }

    fn feed_rewritten(
        &mut self,
        line: &mut Vec<u8>,
        last: Identity,
        to: &mut impl Events,
    ) -> Result<Identity, OutOfMemory> {
        let header = match header::header(line) {
            Ok(header) if header::would_leak(header.record_type, line) => Err(LineFault::ManyDirectories),
            other => other,
        };
        let header = match header {
            Ok(header) => header,
            Err(fault) => {
                self.report(fault, line, to);
                return Ok(last);
            }
        };
        if header.record_type == b"type=SOCKADDR" {
            self.continuation.begin(line);
        }
        let identity = arrives(&header, last, to);
        let login = self.logins.next(identity);
        self.make_room(login.as_deref(), identity != last, to);
        let begins = self.note(&header, identity, line.len());
        let (is_held, is_second_0) = (disguise::is_held(header.record_type), header.id.seconds == 0);
        if is_held || is_second_0 {
            disguise::disguise(line, is_second_0);
        }
        if is_held && begins {
            self.logins.begin(identity, line);
        }
        line.push(b'\n');
        self.take(line, to)?;
        Ok(identity)
    }

    /// Ends all logins that wait for another record.
    fn end_logins(&mut self, to: &mut impl Events) {
        let ends = self.logins.take_all();
        if !ends.is_empty() {
            let group = &mut self.group;
            self.handle.feed(&ends, |cursor| group.hand_out(cursor, to));
        }
    }

    fn take(&mut self, lines: &[u8], to: &mut impl Events) -> Result<(), OutOfMemory> {
        if lines.is_empty() {
            return Ok(());
        }
        let group = &mut self.group;
        if self.handle.feed(lines, |cursor| group.hand_out(cursor, to)) { Ok(()) } else { Err(OutOfMemory) }
    }

    /// Counts and reports the current line, which can't be read.
    fn report(&mut self, fault: LineFault, text: &[u8], to: &mut impl Events) {
        self.unreadable += 1;
        to.unreadable(UnreadableLine { number: self.line, fault, text });
    }
}
