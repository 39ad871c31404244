//! Decides which key each field has in a flat object. The decision is made once for each name in a record type, and
//! then looked up.
//!
//! Records of one type nearly always have the same fields in the same order. So the rule of a field is first guessed
//! from its place in earlier records of the type. It is looked up by name only when the guess is wrong.

use super::keys::{Key, Keys};
use crate::{
    auparse::{Interpreter, Syscall, Type},
    event::{Field, FieldRef, LinuxEvent, PREFIX, Record, record_type},
    format::{arguments, json},
};
use foldhash::fast::RandomState;
use std::{borrow::Cow, collections::HashMap};

/// The most rules to keep between events. Beyond it, all rules and keys are forgotten. The limit is needed because user
/// messages can use any field names.
const MAX_RULES: usize = 4096;

/// Index of a [`Rule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(u32);

impl RuleId {
    /// Marks a field that has no rule: the record's head, and the arguments of EXECVE.
    pub const NONE: Self = Self(u32::MAX);
    /// Marks a field that is beyond the limit of rules.
    pub const OTHER: Self = Self(u32::MAX - 1);

    /// The index as a number, to be packed with other numbers.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The reverse of [`RuleId::number`].
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// True when the id names a rule.
    pub fn is_rule(self) -> bool {
        self < Self::OTHER
    }
}

/// A format's rule for the fields of one name in records of one type.
pub struct RuleSpec<R> {
    /// The key of the fields; `None` when the format itself uses that key.
    pub plain: Option<Vec<u8>>,
    /// How the values are read.
    pub value: Type,
    /// The role of the fields in the format.
    pub role: R,
}

/// A format's own part of the rules: the role of a field.
pub trait FieldMapping: Copy + PartialEq + Sized {
    /// The field's name as it is used in keys.
    fn name(name: &[u8]) -> Cow<'_, [u8]> {
        Cow::Borrowed(name)
    }

    /// True when the keys of the record's fields depend on the record, not on its type alone (AppArmor's records).
    fn is_special(_event: &LinuxEvent, _record: &Record) -> bool {
        false
    }

    /// The rule of a field. `value` is libauparse's type of the field. `special` is the result of
    /// [`FieldMapping::is_special`].
    fn rule(place: FieldRef, special: bool, value: Type) -> RuleSpec<Self>;

    /// The text that the document shows for the field.
    fn render<'s>(
        self,
        place: FieldRef<'s>,
        kind: Type,
        call: Option<Syscall>,
        interpreter: &'s mut Interpreter,
    ) -> &'s [u8];
}

/// The rule for the fields of one name in records of one type.
#[derive(Debug)]
pub struct Rule<R> {
    name: Box<[u8]>,
    /// The first 8 bytes of the name. Most names are compared by it in one instruction.
    word: u64,
    /// The role of the field in the format.
    pub role: R,
    /// How the value is read.
    pub value: Type,
    /// The usual key; `None` for a field whose name is one of the format's own keys.
    pub plain: Option<Key>,
    /// `<type>_<name>`, used when another field has the plain key.
    pub qualified: Key,
    /// The last event in which a field of this rule went to the qualified key.
    noted: u64,
    memo: Option<Box<Memo>>,
}

/// The last value that was interpreted, and its meaning. Both are short, and the meaning needs no escape. Many fields
/// have the same value in event after event.
#[derive(Debug)]
struct Memo {
    /// The [`Interpreter::generation`] that the meaning comes from.
    generation: u64,
    text: [u8; PREFIX],
    text_len: usize,
    meaning: [u8; PREFIX],
    meaning_len: usize,
}

/// The fields that a record type had when it was last seen.
#[derive(Debug)]
struct Layout {
    kind: i32,
    name: Box<[u8]>,
    /// `name` in lower case with an underscore.
    prefix: Vec<u8>,
    /// The last two rules at each place. Two are needed because some PATH records have an inode and some don't.
    rules: Vec<[RuleId; 2]>,
}

/// Properties that the rules of one record's fields share.
#[derive(Clone, Copy, Debug)]
pub struct RecordRules {
    layout: usize,
    heads: usize,
    special: bool,
}

/// All rules made so far.
#[derive(Debug)]
pub struct Rules<R> {
    layouts: Vec<Layout>,
    by_name: HashMap<Box<[u8]>, RuleId, RandomState>,
    all: Vec<Rule<R>>,
    /// Counts events.
    event: u64,
    scratch: Vec<u8>,
}

impl<R> Default for Rules<R> {
    fn default() -> Self {
        Self { layouts: Vec::new(), by_name: HashMap::default(), all: Vec::new(), event: 0, scratch: Vec::new() }
    }
}

impl<R: FieldMapping> Rules<R> {
    /// Begins an event. Forgets all rules and keys if there are too many; returns true in that case.
    pub fn begin(&mut self, keys: &mut Keys) -> bool {
        let full = self.all.len() > MAX_RULES || keys.len() > 2 * MAX_RULES || self.layouts.len() > 512;
        if full {
            *self = Self::default();
            keys.forget();
        }
        keys.begin();
        self.event += 1;
        full
    }

    /// Notes that fields of this rule need the qualified key in this event.
    pub fn note(&mut self, id: RuleId) {
        self.all[id.0 as usize].noted = self.event;
    }

    /// Returns the remembered meaning of a short value, if it was the last value of this rule.
    pub fn recall(
        &self,
        id: RuleId,
        text: &[u8; PREFIX],
        len: usize,
        generation: u64,
    ) -> Option<(&[u8; PREFIX], usize)> {
        let memo = self.get(id).memo.as_ref()?;
        let word = |bytes: &[u8; PREFIX]| u128::from_le_bytes(*bytes);
        let same = memo.text_len == len && (word(&memo.text) ^ word(text)) << (8 * (PREFIX - len)) == 0;
        (same && memo.generation == generation).then_some((&memo.meaning, memo.meaning_len))
    }

    /// Remembers the meaning of a short value.
    pub fn memorize(&mut self, id: RuleId, text: &[u8; PREFIX], len: usize, generation: u64, meaning: &[u8]) {
        let mut new = Memo { generation, text: *text, text_len: len, meaning: [0; PREFIX], meaning_len: meaning.len() };
        let Some(start) = new.meaning.get_mut(..meaning.len()) else { return };
        start.copy_from_slice(meaning);
        if json::is_plain(&new.meaning, meaning.len()) {
            match &mut self.all[id.0 as usize].memo {
                Some(memo) => **memo = new,
                none => *none = Some(Box::new(new)),
            }
        }
    }

    /// True when a field of this rule needs the qualified key in this event.
    pub fn is_noted(&self, id: RuleId) -> bool {
        self.get(id).noted == self.event
    }

    /// Returns the rule of an id.
    pub fn get(&self, id: RuleId) -> &Rule<R> {
        &self.all[id.0 as usize]
    }

    fn layout(&mut self, event: &LinuxEvent, record: &Record) -> usize {
        let name = event.bytes(record.name);
        // Types that libaudit doesn't know share one number. Every other type has its own.
        let found = self.layouts.iter().position(|l| l.kind == record.record_type && (l.kind > 0 || *l.name == *name));
        found.unwrap_or_else(|| {
            let mut prefix = name.to_ascii_lowercase();
            prefix.push(b'_');
            self.layouts.push(Layout { kind: record.record_type, name: Box::from(name), prefix, rules: Vec::new() });
            self.layouts.len() - 1
        })
    }

    /// Returns the properties that the rules of a record's fields share.
    pub fn of_record(&mut self, event: &LinuxEvent, record: &Record) -> RecordRules {
        let special = R::is_special(event, record);
        RecordRules { layout: self.layout(event, record), heads: heads(event, record), special }
    }

    /// Returns the rule of the `nth` field of its record.
    pub fn of_field(
        &mut self,
        common: RecordRules,
        nth: usize,
        place: FieldRef,
        keys: &mut Keys,
        interpreter: &mut Interpreter,
    ) -> RuleId {
        let RecordRules { layout, heads, special } = common;
        let name = place.event.bytes(place.field.name);
        if nth < heads || (place.record.record_type == record_type::EXECVE && arguments::argument(name).is_some()) {
            return RuleId::NONE;
        }
        let word = word(place.event, &place.field);
        let is = |id: &&RuleId| {
            self.all.get(id.0 as usize).is_some_and(|rule| {
                rule.word == word && rule.name.len() == name.len() && (name.len() <= 8 || rule.name[8..] == name[8..])
            })
        };
        let guesses = self.layouts[layout].rules.get(nth).copied().unwrap_or([RuleId::NONE; 2]);
        match guesses.iter().find(is) {
            Some(id) if !special => *id,
            _ => self.by_name(common, nth, place, keys, interpreter),
        }
    }

    /// Finds the rule of a field by name, because the field isn't at its usual place.
    #[cold]
    fn by_name(
        &mut self,
        common: RecordRules,
        nth: usize,
        place: FieldRef,
        keys: &mut Keys,
        interpreter: &mut Interpreter,
    ) -> RuleId {
        let RecordRules { layout, special, .. } = common;
        let mut key = std::mem::take(&mut self.scratch);
        key.clear();
        key.push(u8::from(special));
        key.extend_from_slice(&self.layouts[layout].prefix);
        key.extend_from_slice(&place.record.record_type.to_ne_bytes());
        key.extend_from_slice(place.event.bytes(place.field.name));
        let id = match self.by_name.get(&key[..]) {
            Some(id) => *id,
            None if self.all.len() > 2 * MAX_RULES => RuleId::OTHER,
            None => {
                let rule = self.make(layout, place, special, keys, interpreter);
                let id = RuleId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
                self.all.push(rule);
                self.by_name.insert(Box::from(&key[..]), id);
                id
            }
        };
        self.scratch = key;
        let rules = &mut self.layouts[layout].rules;
        if !special && nth < 256 && id.is_rule() {
            if rules.len() <= nth {
                rules.resize(nth + 1, [RuleId::NONE; 2]);
            }
            rules[nth] = [id, rules[nth][0]];
        }
        id
    }

    fn make(
        &self,
        layout: usize,
        place: FieldRef,
        special: bool,
        keys: &mut Keys,
        interpreter: &mut Interpreter,
    ) -> Rule<R> {
        let name = place.event.bytes(place.field.name);
        let qualified = keys.key(&R::name(&[&self.layouts[layout].prefix[..], name].concat()));
        let draft = R::rule(place, special, interpreter.field_type(place));
        Rule {
            name: Box::from(name),
            word: word(place.event, &place.field),
            role: draft.role,
            value: draft.value,
            plain: draft.plain.map(|name| keys.key(&name)),
            qualified,
            noted: 0,
            memo: None,
        }
    }
}

/// The first 8 bytes of a field's name, padded with 0.
fn word(event: &LinuxEvent, field: &Field) -> u64 {
    let first = event.prefix(field.name).and_then(|w| w.first_chunk().copied()).unwrap_or_default();
    match field.name.len() {
        len @ 0..8 => u64::from_le_bytes(first) & ((1 << (8 * len)) - 1),
        _ => u64::from_le_bytes(first),
    }
}

/// How many fields belong to the record's head: `type`, and `node` before it if present.
pub fn heads(event: &LinuxEvent, record: &Record) -> usize {
    let fields = event.fields(record);
    let is = |n: usize, name: &[u8]| fields.get(n).is_some_and(|f| event.bytes(f.name) == name);
    if is(0, b"type") { 1 } else { usize::from(is(0, b"node")) + usize::from(is(0, b"node") && is(1, b"type")) }
}
