//! Interprets fields: asks libauparse once, and remembers the answer.
//!
//! To interpret every field would cost more than all other work together. But most fields need no interpretation, and
//! the others repeat. So quoted and hex-encoded text is decoded here. Names that auditd appended in an enriched log are
//! read from the log. Everything else is libauparse's answer, which is remembered with all that it can depend on.

use super::{
    auparse_sys::auparse_type_t as t,
    cache::{Cache, CacheKey},
    decode::appended,
    handle::Cursor,
};
use crate::{
    buffer::{self, give_back},
    event::{Field, FieldRef, LinuxEvent, Record, is_quoted, unhex, unquoted},
};
use foldhash::fast::RandomState;
use memchr::memchr;
use std::{collections::HashMap, ffi::CStr};

/// The way to read a field. It groups libauparse's field types by what their meaning depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// The text is its own meaning.
    Text,
    /// Quoted, or hex-encoded by the kernel or user space: names, paths, arguments.
    Escaped,
    /// Hex-encoded like [`Type::Escaped`]. NULs separate the arguments and become spaces.
    Proctitle,
    /// An id. auditd may have appended its name.
    Named(u8),
    /// The value of `exit`.
    Exit,
    /// `a0` to `a3` of a system call. Their meaning depends on the call.
    Argument(u8),
    /// Any other field whose meaning depends on its text alone.
    Other(u8),
    /// The meaning depends on other things too. It is never remembered.
    Varies,
}

impl Type {
    /// True when the meaning depends on the text alone, if auditd appended nothing to the record.
    pub fn is_by_text(self) -> bool {
        matches!(self, Self::Named(_) | Self::Exit | Self::Other(_))
    }

    /// True when libauparse looks the meaning up. It answers `unknown…` when it doesn't find it.
    fn is_looked_up(self) -> bool {
        matches!(self, Self::Named(_) | Self::Exit | Self::Argument(_) | Self::Other(_) | Self::Varies)
    }
}

/// The most interpretations to remember. Beyond it, all are forgotten, so that input can't take unlimited memory.
const MAX_REMEMBERED: usize = 8192;
/// A system call whose key is longer than four times this, in bytes, counts as unknown.
const MAX_KEY: usize = 256;
/// The safe length of socket addresses, in hex digits. libauparse doesn't check the length for some families (AX.25,
/// IPX, ATM, X.25) and reads past the end of a shorter address (`print_sockaddr`). It isn't asked about those.
const WHOLE_SOCKADDR: usize = 256;

/// A system call with its machine, named by the fields `arch` and `syscall` of a SYSCALL record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syscall {
    id: u32,
    /// The first two arguments, if they are short. The meaning of the others can depend on them.
    arguments: [Small; 2],
}

/// A short text that is cheap to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Small {
    bytes: [u8; 7],
    len: u8,
}

impl Small {
    /// The text, if it has at most `most` bytes (7 or less); else an empty one.
    fn new(text: &[u8], most: usize) -> Self {
        let mut small = Self::default();
        match small.bytes.get_mut(..text.len()) {
            Some(start) if text.len() <= most => {
                start.copy_from_slice(text);
                small.len = u8::try_from(text.len()).unwrap_or(0);
            }
            _ => (),
        }
        small
    }

    fn to_bytes(self) -> [u8; 8] {
        let [a, b, c, d, e, f, g] = self.bytes;
        [a, b, c, d, e, f, g, self.len]
    }
}

#[derive(Debug)]
struct SyscallNames {
    arch: Box<[u8]>,
    name: Box<[u8]>,
}

/// The interpretations that are remembered between events.
#[derive(Debug, Default)]
pub(super) struct InterpretationCache {
    answers: Cache,
    calls: HashMap<Box<[u8]>, u32, RandomState>,
    call_names: Vec<SyscallNames>,
    /// The number of times that everything was forgotten.
    generation: u64,
    key: Vec<u8>,
    scratch: Vec<u8>,
}

impl InterpretationCache {
    pub(super) fn forget(&mut self) {
        self.answers = Cache::default();
        self.calls.clear();
        self.call_names.clear();
        self.generation += 1;
    }
}

/// Interprets the fields of the current event.
pub struct Interpreter<'p> {
    cursor: &'p mut Cursor,
    memory: &'p mut InterpretationCache,
}

/// The record type TRUSTED_APP (`<libaudit.h>`). libauparse derives the types of its fields from their values.
const TRUSTED_APP: i32 = 1121;

impl<'p> Interpreter<'p> {
    pub(super) fn new(cursor: &'p mut Cursor, memory: &'p mut InterpretationCache) -> Self {
        // Forgets only here, between two events, so that a [`Syscall`] stays valid for a whole event.
        if memory.answers.len() > MAX_REMEMBERED || memory.calls.len() > MAX_REMEMBERED {
            memory.forget();
        }
        give_back(&mut memory.scratch, buffer::EVENT);
        Self { cursor, memory }
    }

    fn seek(&mut self, place: FieldRef) -> bool {
        u32::try_from(place.number).is_ok_and(|n| self.cursor.goto_record(n))
            && self.cursor.goto_field(place.field.number)
    }

    /// Changes when interpretations may have changed. A caller that remembers interpretations must forget them then.
    pub fn generation(&self) -> u64 {
        self.memory.generation
    }

    /// The way to read this field, and every field of the same name in records of the same type.
    pub fn field_type(&mut self, place: FieldRef) -> Type {
        if place.record.record_type == TRUSTED_APP || !self.seek(place) {
            return Type::Varies;
        }
        let code = self.cursor.field_type();
        let small = u8::try_from(code).unwrap_or(u8::MAX);
        #[allow(clippy::cast_sign_loss)] // a C enum
        match code as u32 {
            t::AUPARSE_TYPE_UNCLASSIFIED | t::AUPARSE_TYPE_MAC_LABEL | t::AUPARSE_TYPE_ADDR => {
                // libauparse derives the type of `acct` from its value. Decoding distinguishes the two cases itself.
                if place.event.bytes(place.field.name) == b"acct" { Type::Escaped } else { Type::Text }
            }
            t::AUPARSE_TYPE_ESCAPED | t::AUPARSE_TYPE_ESCAPED_FILE | t::AUPARSE_TYPE_ESCAPED_KEY => Type::Escaped,
            t::AUPARSE_TYPE_PROCTITLE => Type::Proctitle,
            t::AUPARSE_TYPE_UID | t::AUPARSE_TYPE_GID | t::AUPARSE_TYPE_SOCKADDR | t::AUPARSE_TYPE_ARCH => {
                Type::Named(small)
            }
            t::AUPARSE_TYPE_EXIT => Type::Exit,
            t::AUPARSE_TYPE_A0 => Type::Argument(0),
            t::AUPARSE_TYPE_A1 => Type::Argument(1),
            t::AUPARSE_TYPE_A2 => Type::Argument(2),
            t::AUPARSE_TYPE_A3 => Type::Argument(3),
            t::AUPARSE_TYPE_SYSCALL | t::AUPARSE_TYPE_TTY_DATA => Type::Varies,
            _ => Type::Other(small),
        }
    }

    /// The value of a field, decoded and interpreted. It is as recorded if libauparse doesn't know it. `call` is the
    /// system call of the record; arguments need it.
    pub fn value<'s>(&'s mut self, place: FieldRef<'s>, kind: Type, call: Option<Syscall>) -> &'s [u8] {
        let value = self.meaning(place, kind, call);
        // The C library prints (null) for a number without a name.
        let unknown = value.starts_with(b"unknown") || value.starts_with(b"(null)(");
        if unknown && kind.is_looked_up() { unquoted(place.text()) } else { value }
    }

    /// The name of a user id, exactly as libauparse gives it. It is `unknown(1001)` for an id without a name, which
    /// tells the reader that there is none.
    pub fn user<'s>(&'s mut self, place: FieldRef<'s>) -> &'s [u8] {
        if place.field.truncated {
            // The value has words after the number. libauparse reads only the number.
            return self.lookup(place, place.text());
        }
        let kind = Type::Named(u8::try_from(t::AUPARSE_TYPE_UID).unwrap_or(u8::MAX));
        self.meaning(place, kind, None)
    }

    fn meaning<'s>(&'s mut self, place: FieldRef<'s>, kind: Type, call: Option<Syscall>) -> &'s [u8] {
        let text = place.text();
        if place.field.truncated || matches!(kind, Type::Text) || is_quoted(text) {
            return unquoted(text);
        }
        match kind {
            Type::Text => text,
            Type::Escaped => self.escaped(text),
            Type::Proctitle => self.proctitle(text),
            Type::Exit if text.len() < 18 && text.iter().all(u8::is_ascii_digit) => text,
            Type::Exit => self.cached(place, CacheKey::new(b"exit=")),
            Type::Named(code) => {
                if let Some(name) =
                    appended(place.event.bytes(place.record.enriched), place.event.bytes(place.field.name))
                    && !name.starts_with(b"unknown-")
                {
                    return name;
                }
                if u32::from(code) == t::AUPARSE_TYPE_SOCKADDR && !is_safe_sockaddr(text) {
                    return text;
                }
                if place.record.enriched.is_empty() {
                    self.cached(place, CacheKey::new(&[code, b'=']))
                } else {
                    self.lookup(place, text)
                }
            }
            Type::Argument(n) => match call {
                Some(call) => self.argument(place, n, call, text),
                None => self.lookup(place, text),
            },
            Type::Other(code) => self.cached(place, CacheKey::new(&[code, b'='])),
            Type::Varies => self.lookup(place, text),
        }
    }

    fn escaped<'s>(&'s mut self, text: &'s [u8]) -> &'s [u8] {
        if !text.iter().all(u8::is_ascii_hexdigit) || text.len() < 2 {
            // libauparse would decode the leading hex digits and lose the rest.
            return text;
        }
        // A leading NUL marks the name of an abstract socket. libauparse leaves it out.
        let digits = text.strip_prefix(b"00").unwrap_or(text);
        self.memory.scratch.clear();
        // An odd number of digits is no valid name. libauparse would return a wrong one.
        if unhex(digits, &mut self.memory.scratch) { &self.memory.scratch } else { text }
    }

    fn proctitle<'s>(&'s mut self, text: &'s [u8]) -> &'s [u8] {
        self.memory.scratch.clear();
        // Nothing is left out here. An empty first argument counts too.
        if !unhex(text, &mut self.memory.scratch) {
            return text;
        }
        for byte in &mut self.memory.scratch {
            if *byte == 0 {
                *byte = b' ';
            }
        }
        &self.memory.scratch
    }

    /// libauparse's answer, remembered. It depends on `about` and the text.
    fn cached<'s>(&'s mut self, place: FieldRef<'s>, about: Option<CacheKey>) -> &'s [u8] {
        let text = place.text();
        let Some(mut question) = about else { return self.lookup(place, text) };
        if !question.push_text(place) {
            return self.lookup(place, text);
        }
        let at = self.memory.answers.recall(&question).unwrap_or_else(|| {
            let answer = Box::from(self.lookup(place, text));
            self.memory.answers.remember(&question, answer)
        });
        self.memory.answers.get(at)
    }

    /// libauparse's answer, or the text if it has none.
    fn lookup<'s>(&'s mut self, place: FieldRef<'s>, text: &'s [u8]) -> &'s [u8] {
        if !self.seek(place) {
            return unquoted(text);
        }
        match self.cursor.interpret().map(CStr::to_bytes) {
            Some(answer) => unquoted(answer),
            None => unquoted(text),
        }
    }

    /// The meaning of `a0` to `a3`. libauparse's answer can depend on the machine, the call, and the call's first two
    /// arguments. It keeps nothing else of a record besides the value (`idata` in `auparse-idata.h`). Those two
    /// arguments count only if they are small enough to be a command or a set of flags.
    fn argument<'s>(&'s mut self, place: FieldRef<'s>, n: u8, call: Syscall, text: &'s [u8]) -> &'s [u8] {
        let mut about = CacheKey::default();
        about.push_word(u64::from(b'a') | u64::from(n) << 8 | u64::from(call.id) << 16, 8);
        for argument in call.arguments.iter().take(usize::from(n)) {
            about.push_word(u64::from_le_bytes(argument.to_bytes()), 8);
        }
        // Nearly all arguments are addresses, which don't repeat. libauparse looks up only small numbers. If it
        // answered one address with the address itself, it does so for all of them.
        if !(9..=16).contains(&text.len()) {
            return self.cached(place, Some(about));
        }
        if self.memory.answers.recall(&about).is_none() {
            let answer = Box::<[u8]>::from(self.lookup(place, text));
            if answer.strip_prefix(b"0x") != Some(text) {
                self.memory.scratch = answer.into();
                return &self.memory.scratch;
            }
            self.memory.answers.remember(&about, Box::default());
        }
        self.memory.scratch.clear();
        self.memory.scratch.extend_from_slice(b"0x");
        self.memory.scratch.extend_from_slice(text);
        &self.memory.scratch
    }

    /// The system call of a SYSCALL record; `None` when the record has no `syscall` field.
    pub fn syscall(&mut self, event: &LinuxEvent, number: usize, record: &Record) -> Option<Syscall> {
        let (mut arch, mut syscall) = (None, None);
        let (mut a0, mut a1) = (&b""[..], &b""[..]);
        for field in event.fields(record).iter().take(12) {
            match event.bytes(field.name) {
                b"arch" if arch.is_none() => arch = Some(*field),
                b"syscall" if syscall.is_none() => syscall = Some(*field),
                b"a0" => a0 = event.bytes(field.value),
                b"a1" => {
                    a1 = event.bytes(field.value);
                    break;
                }
                _ => (),
            }
        }
        let arguments = [Small::new(a0, 4), Small::new(a1, 6)];
        let syscall = syscall?;
        let enriched = event.bytes(record.enriched);
        let mut key = std::mem::take(&mut self.memory.key);
        key.clear();
        // libauparse reads these fields by their places in the record, so the places are part of the key.
        for field in [arch, Some(syscall)].into_iter().flatten() {
            key.extend_from_slice(&field.number.to_ne_bytes());
            key.extend_from_slice(event.bytes(field.value));
            key.push(0);
        }
        for name in [&b"arch"[..], b"syscall"] {
            key.extend_from_slice(appended(enriched, name).unwrap_or_default());
            key.push(0);
        }
        let mut found = self.memory.calls.get(&key[..]).copied();
        if found.is_some_and(|id| is_multiplexer(&self.memory.call_names[id as usize].name)) {
            // The first argument of socketcall and ipc selects the actual call.
            key.extend_from_slice(a0);
            found = self.memory.calls.get(&key[..]).copied();
        }
        if found.is_none() && key.len() <= 4 * MAX_KEY {
            let name = |this: &mut Self, field: Field, name: &[u8]| -> Box<[u8]> {
                let place = FieldRef { event, number, record, field };
                match appended(enriched, name) {
                    Some(known) if !known.starts_with(b"unknown") => Box::from(known),
                    _ => Box::from(this.value(place, Type::Varies, None)),
                }
            };
            let arch = arch.map_or(Box::default(), |f| name(self, f, b"arch"));
            let names = SyscallNames { name: name(self, syscall, b"syscall"), arch };
            let id = u32::try_from(self.memory.call_names.len()).ok()?;
            self.memory.call_names.push(names);
            self.memory.calls.insert(Box::from(&key[..]), id);
            found = Some(id);
        }
        self.memory.key = key;
        found.map(|id| Syscall { id, arguments })
    }

    /// The name of the call: `openat`, `socketcall(connect)`, or its number if libauparse doesn't know it.
    pub fn syscall_name(&self, call: Syscall) -> &[u8] {
        self.memory.call_names.get(call.id as usize).map_or(b"", |c| &c.name)
    }

    /// The name of the machine: `x86_64`.
    pub fn call_arch(&self, call: Syscall) -> &[u8] {
        self.memory.call_names.get(call.id as usize).map_or(b"", |c| &c.arch)
    }
}

/// Splits a name that libauparse gives from its addition in brackets: the actual call of a multiplexer
/// (`socketcall(connect)`), or the description of an error.
pub fn syscall_names(name: &[u8]) -> (&[u8], Option<&[u8]>) {
    match name.strip_suffix(b")").and_then(|name| Some((name, memchr(b'(', name)?))) {
        Some((name, at)) => (&name[..at], Some(&name[at + 1..])),
        None => (name, None),
    }
}

/// True for socketcall and ipc. Each is several calls in one, selected by the first argument.
fn is_multiplexer(name: &[u8]) -> bool {
    name.starts_with(b"socketcall") || name.starts_with(b"ipc")
}

/// True when libauparse doesn't read past the end of this address.
fn is_safe_sockaddr(text: &[u8]) -> bool {
    // The family is a small number. Machines with AX.25 are little-endian, so it is in the first byte.
    let family = text.get(..2).unwrap_or_default();
    text.len() >= WHOLE_SOCKADDR || !matches!(family, b"03" | b"04" | b"08" | b"09")
}
