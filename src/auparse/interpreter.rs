//! Interprets fields: asks libauparse once, and remembers the answer.
//!
//! To interpret every field would cost more than all other work together. But most fields need no interpretation, and
//! the others repeat. So quoted and hex-encoded text is decoded here. Names that auditd appended in an enriched log are
//! read from the log. Everything else is libauparse's answer, which is remembered with all that it can depend on.

use super::{
    auparse_sys::auparse_type_t as t,
    cache::{Cache, CacheKey},
    call_arguments,
    decode::{appended_for, is_overridden},
    handle::Cursor,
    reading,
    syscall::{Syscall, SyscallNames},
    tables,
    types::{self, Type},
};
use crate::{
    address::{self, Address},
    buffer::{self, give_back},
    event::{FieldRef, is_quoted, record_type, unhex, unquoted},
};
use foldhash::fast::RandomState;
use std::{collections::HashMap, ffi::CStr};

/// The most interpretations to remember. Beyond it, all are forgotten, so that input can't take unlimited memory.
const MAX_REMEMBERED: usize = 8192;

/// The interpretations that are remembered between events.
#[derive(Debug, Default)]
pub(super) struct InterpretationCache {
    answers: Cache,
    pub(super) calls: HashMap<Box<[u8]>, u32, RandomState>,
    pub(super) call_names: Vec<SyscallNames>,
    /// The number of times that everything was forgotten.
    generation: u64,
    pub(super) key: Vec<u8>,
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
    pub(super) memory: &'p mut InterpretationCache,
    /// True when the names of this event's users and groups are looked up on this host.
    looks_up_names: bool,
    /// True when the event is from a machine that has its own numbers of errors and signals.
    pub(super) has_own_numbers: bool,
}

impl<'p> Interpreter<'p> {
    /// For one event. `looks_up_names` tells whether its ids are looked up on this host.
    pub(super) fn new(cursor: &'p mut Cursor, memory: &'p mut InterpretationCache, looks_up_names: bool) -> Self {
        // Forgets only here, between two events, so that a [`Syscall`] stays valid for a whole event.
        if memory.answers.len() > MAX_REMEMBERED || memory.calls.len() > MAX_REMEMBERED {
            memory.forget();
        }
        give_back(&mut memory.scratch, buffer::EVENT);
        Self { cursor, memory, looks_up_names, has_own_numbers: false }
    }

    fn seek(&mut self, place: FieldRef) -> bool {
        u32::try_from(place.number).is_ok_and(|n| self.cursor.goto_record(n))
            && self.cursor.goto_field(place.field.number)
    }

    /// Changes when interpretations may have changed, and differs between events in which the same text has another
    /// meaning. A caller that remembers interpretations may use those of the same generation only.
    pub fn generation(&self) -> u64 {
        self.memory.generation << 2 | u64::from(self.has_own_numbers) << 1 | u64::from(self.looks_up_names)
    }

    /// The way to read this field, and every field of the same name in records of the same type.
    pub fn field_type(&mut self, place: FieldRef) -> Type {
        let kind = place.record.record_type;
        // libauparse derives the types of that record's fields from their values.
        if kind == record_type::TRUSTED_APP || !self.seek(place) {
            return Type::Varies;
        }
        types::of_field(self.cursor.field_type(), kind, place.event.bytes(place.field.name))
    }

    /// The value of a field, decoded and interpreted. It is as recorded if libauparse doesn't know it, or would read it
    /// wrongly. `call` is the system call of the record; arguments need it.
    pub fn value<'s>(&'s mut self, place: FieldRef<'s>, kind: Type, call: Option<Syscall>) -> &'s [u8] {
        let value = self.meaning(place, kind, call);
        let has_no_name = matches!(kind, Type::Named(_)) && value.starts_with(b"unknown(");
        if has_no_name { unquoted(place.text()) } else { value }
    }

    /// The name of a user id. It is `unknown(1001)` for an id without a name, as libauparse writes it. `None` when the
    /// value is no id, or when the id isn't looked up because it is another host's.
    pub fn user<'s>(&'s mut self, place: FieldRef<'s>) -> Option<&'s [u8]> {
        let text = place.text();
        // The value may have words after the number.
        let id = if place.field.truncated { text.split(|byte| *byte == b' ').next()? } else { text };
        self.name_of_id(place, id, UID)
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
            Type::Exit | Type::Other(SIGNAL) if self.has_own_numbers => text,
            Type::Exit => self.by_text(place, EXIT),
            Type::Named(code) if is_id_type(code) => self.name_of_id(place, text, code).unwrap_or(text),
            Type::Named(code) => self.named(place, code),
            Type::Syscall => match self.syscall(place.event, place.number, place.record) {
                Some(call) if place.event.value(place.record, b"syscall") == Some(text) => self.syscall_name(call),
                _ => text,
            },
            Type::Argument(n) => match call {
                Some(call) => self.argument(place, n, call, text),
                None if reading::number(text, 16).is_some() => self.lookup(place).unwrap_or(text),
                None => text,
            },
            Type::Other(code) => self.by_text(place, code),
            Type::Varies => self.lookup(place).unwrap_or(text),
        }
    }

    /// The name of the id in a field: the one that auditd appended, else the one that libauparse finds on this host.
    fn name_of_id<'s>(&'s mut self, place: FieldRef<'s>, id: &'s [u8], code: u8) -> Option<&'s [u8]> {
        if !reading::is_id(id) {
            return None;
        }
        let enriched = place.event.bytes(place.record.enriched);
        if !enriched.is_empty() {
            match appended_for(&place) {
                Some(name) if is_quoted(name) => return Some(unquoted(name)),
                Some(name) if !name.is_empty() && name != b"?" && !name.starts_with(b"unknown-") => {
                    return Some(self.escaped(name));
                }
                _ if is_overridden(enriched, place.event.bytes(place.field.name)) => return None,
                _ => (),
            }
        }
        if !self.looks_up_names && !reading::is_fixed_id(id) {
            return None;
        }
        if place.field.truncated { self.lookup(place) } else { Some(self.by_text(place, code)) }
    }

    /// The name of a machine, or the parts of a socket's address: as auditd appended it, else as the text says.
    fn named<'s>(&'s mut self, place: FieldRef<'s>, code: u8) -> &'s [u8] {
        // auditd writes the path of a socket as it is, and cuts it at a newline.
        let is_path = code == SOCKADDR && Address::is_unix(place.text());
        if !place.record.enriched.is_empty()
            && !is_path
            && let Some(name) = appended_for(&place).map(unquoted)
            && !name.starts_with(b"unknown")
            && !address::is_error(name)
        {
            return name;
        }
        self.by_text(place, code)
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

    /// The meaning of a text, which depends on the type and the text alone. It is found once and remembered.
    fn by_text<'s>(&'s mut self, place: FieldRef<'s>, code: u8) -> &'s [u8] {
        self.cached(place, CacheKey::new(&[code, b'=']), |this| this.answer(place, code))
    }

    /// The remembered answer, or a new one. It depends on `about` and the text. An answer of `None` isn't remembered,
    /// and the text stands.
    fn cached<'s>(
        &'s mut self,
        place: FieldRef<'s>,
        about: Option<CacheKey>,
        answer: impl FnOnce(&mut Self) -> Option<Box<[u8]>>,
    ) -> &'s [u8] {
        let question = about.and_then(|mut question| question.push_text(place).then_some(question));
        let known = question.as_ref().and_then(|question| self.memory.answers.recall(question));
        let at = match (known, question) {
            (Some(at), _) => at,
            (None, question) => {
                let Some(answer) = answer(self) else { return place.text() };
                let Some(question) = question else {
                    self.memory.scratch = answer.into();
                    return &self.memory.scratch;
                };
                self.memory.answers.remember(&question, answer)
            }
        };
        self.memory.answers.get(at)
    }

    /// Finds the meaning of a text of this type: libauparse's, unless it is an error or known to be wrong. `None` when
    /// libauparse can't be asked here.
    #[cold]
    fn answer(&mut self, place: FieldRef, code: u8) -> Option<Box<[u8]>> {
        let text = place.text();
        let or_text = |own: Option<&[u8]>| Some(Box::from(own.unwrap_or(text)));
        match u32::from(code) {
            t::AUPARSE_TYPE_SOCKADDR => return or_text(address::described(text).as_deref()),
            t::AUPARSE_TYPE_ARCH => return or_text(tables::machine(text).and_then(tables::machine_name)),
            t::AUPARSE_TYPE_SECCOMP => return or_text(reading::seccomp_action(text)),
            code if !reading::is_read(code, text) => return or_text(None),
            _ => (),
        }
        let answer = self.lookup(place)?;
        if is_id_type(code) && answer.starts_with(b"unknown(") {
            // libauparse prints an id above 2,147,483,647 as a negative number.
            return Some([b"unknown(", text, b")"].concat().into());
        }
        or_text((!reading::is_error(answer)).then(|| reading::corrected(answer)))
    }

    /// libauparse's own answer. `None` if it has none, or would take it from what auditd appended for another field.
    pub(super) fn lookup<'s>(&'s mut self, place: FieldRef<'s>) -> Option<&'s [u8]> {
        let enriched = place.event.bytes(place.record.enriched);
        let is_overridden = !enriched.is_empty() && is_overridden(enriched, place.event.bytes(place.field.name));
        if is_overridden || !self.seek(place) {
            return None;
        }
        self.cursor.interpret().map(|answer| unquoted(CStr::to_bytes(answer)))
    }

    /// The meaning of `a0` to `a3`. libauparse's answer can depend on the machine, the call, and the call's first two
    /// arguments. It keeps nothing else of a record besides the value (`idata` in `auparse-idata.h`). Those two
    /// arguments count only if they are small enough to be a command or a set of flags.
    fn argument<'s>(&'s mut self, place: FieldRef<'s>, n: u8, call: Syscall, text: &'s [u8]) -> &'s [u8] {
        let Some(names) = self.memory.call_names.get(call.id as usize) else { return text };
        if !names.has_table || !self.looks_up_names && call_arguments::is_looked_up(&names.name, n, text) {
            return text;
        }
        let mut about = CacheKey::default();
        about.push_word(u64::from(b'a') | u64::from(n) << 8 | u64::from(call.id) << 16, 8);
        for argument in call.arguments.iter().take(usize::from(n)) {
            about.push_word(u64::from_le_bytes(argument.to_bytes()), 8);
        }
        // Nearly all arguments are addresses, which don't repeat. libauparse looks up only small numbers. If it
        // answered one address with the address itself, it does so for all of them.
        if !(9..=16).contains(&text.len()) {
            return self.cached(place, Some(about), |this| this.answer_for_argument(place, n, call));
        }
        if self.memory.answers.recall(&about).is_none() {
            let Some(answer) = self.answer_for_argument(place, n, call) else { return text };
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

    /// Like [`Interpreter::answer`], for an argument of a system call.
    #[cold]
    fn answer_for_argument(&mut self, place: FieldRef, n: u8, call: Syscall) -> Option<Box<[u8]>> {
        let text = place.text();
        let names = self.memory.call_names.get(call.id as usize)?;
        if call_arguments::is_misread(&names.arch, &names.name, n, call.arguments[1].text(), text) {
            return Some(Box::from(text));
        }
        let answer = self.lookup(place)?;
        Some(Box::from(if reading::is_error(answer) { text } else { reading::corrected(answer) }))
    }
}

/// libauparse's types of user ids, of `exit` and of signals, as small numbers.
const UID: u8 = t::AUPARSE_TYPE_UID as u8;
const SOCKADDR: u8 = t::AUPARSE_TYPE_SOCKADDR as u8;
const SIGNAL: u8 = t::AUPARSE_TYPE_SIGNAL as u8;
const EXIT: u8 = t::AUPARSE_TYPE_EXIT as u8;

/// True for the types of ids of users and groups.
fn is_id_type(code: u8) -> bool {
    matches!(u32::from(code), t::AUPARSE_TYPE_UID | t::AUPARSE_TYPE_GID)
}
