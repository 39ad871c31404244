//! Writes the object's members as the fields are met.

use super::{
    keys::{Key, Keys},
    rules::{FieldMapping, RecordRules, RuleId, Rules},
    values::{QualifiedField, Values},
};
use crate::{
    auparse::{Interpreter, Syscall, Type},
    event::{FieldRef, LinuxEvent, PREFIX, Record, Span},
    format::json::{self, Strings},
};

/// State of one flat object that is kept between events.
pub struct Flat<R> {
    pub rules: Rules<R>,
    pub keys: Keys,
    /// The rule of each of the event's fields.
    pub(super) ids: Vec<RuleId>,
    /// True when some fields of the event go to `<type>_<name>`. The rules note which ones.
    pub(super) has_qualified: bool,
    /// The fields that go to `<type>_<name>`.
    pub(super) gathered: Vec<QualifiedField>,
    /// The values of the list that is being written.
    pub values: Values,
    /// Fields beyond the limit of rules, as recorded.
    pub(super) others: Values,
    /// The exact bytes of values that weren't UTF-8.
    pub bytes: Vec<(Key, Vec<u8>)>,
    /// How long strings are written: whole, or in pieces.
    pub(super) strings: Strings,
}

impl<R: FieldMapping> Flat<R> {
    /// Creates the state of a format's object.
    pub fn new(strings: Strings) -> Self {
        Self {
            rules: Rules::default(),
            keys: Keys::default(),
            ids: Vec::new(),
            has_qualified: false,
            gathered: Vec::new(),
            values: Values::default(),
            others: Values::default(),
            bytes: Vec::new(),
            strings,
        }
    }

    /// Begins an event. Returns true when all keys were forgotten; keys from before are invalid then.
    pub fn begin(&mut self, event: &LinuxEvent) -> bool {
        // Every record except EOE overwrites the rules of its fields, so nothing has to be cleared.
        let count = event.all_fields().len();
        if self.ids.len() < count {
            self.ids.resize(count, RuleId::NONE);
        }
        self.has_qualified = false;
        self.bytes.clear();
        self.rules.begin(&mut self.keys)
    }
}

/// Writes the object's members into `out`.
pub struct Writer<'a, 'p, R> {
    pub state: &'a mut Flat<R>,
    pub event: &'a LinuxEvent,
    pub interpreter: &'a mut Interpreter<'p>,
    pub out: &'a mut Vec<u8>,
    /// The system call of the event's SYSCALL record.
    pub call: Option<Syscall>,
}

impl<R: FieldMapping> Writer<'_, '_, R> {
    /// Writes a key with the comma before it and the colon after it.
    pub fn key(&mut self, key: Key) {
        self.out.extend_from_slice(self.state.keys.json(key));
    }

    /// Takes a key and begins its member. If a field has the key already, takes a longer one.
    pub fn begin(&mut self, key: Key) -> Key {
        let key = self.state.keys.take_or_extend(key, usize::MAX);
        self.key(key);
        key
    }

    /// Writes a value. A value that isn't UTF-8 gets a `<key>_hex` member later.
    pub fn value(&mut self, key: Key, bytes: &[u8]) {
        put(self.out, &mut self.state.bytes, self.state.strings, key, bytes);
    }

    /// Finds the rule of the `nth` field of its record, if it has one. With `keep_others`, a field beyond the limit of
    /// rules is kept for [`Writer::others`].
    pub fn rule(&mut self, common: RecordRules, nth: usize, place: FieldRef, keep_others: bool) -> Option<RuleId> {
        let state = &mut *self.state;
        let id = state.rules.of_field(common, nth, place, &mut state.keys, self.interpreter);
        state.ids[place.record.fields.start + nth] = id;
        if id == RuleId::OTHER && keep_others {
            let pair = [place.event.bytes(place.field.name), b"=", place.text()].concat();
            state.others.push(&pair);
        }
        id.is_rule().then_some(id)
    }

    /// Returns the rule that [`Writer::rule`] found for the `nth` field of the record.
    pub fn id_of(&self, record: &Record, nth: usize) -> Option<RuleId> {
        self.state.ids.get(record.fields.start + nth).copied().filter(|id| id.is_rule())
    }

    /// Writes a member whose value is short and needs no escape. Returns false, and writes nothing, for any other
    /// value.
    pub fn plain(&mut self, key: Key, place: FieldRef) -> bool {
        let mut span = place.field.value;
        let text = place.text();
        if let [b'"', .., b'"'] = text {
            span = Span::new(span.start() + 1, span.end() - 1);
        }
        let Some(window) = place.event.prefix(span) else { return false };
        if span.len() > PREFIX || !json::is_plain(window, span.len()) {
            return false;
        }
        self.state.keys.write_plain(key, window, span.len(), self.out);
        true
    }

    /// Returns the meaning of a short value that depends on its text alone. Returns `None` when the meaning isn't short
    /// and plain too.
    pub fn recalled(&mut self, id: RuleId, place: FieldRef, kind: Type) -> Option<(&[u8; PREFIX], usize)> {
        let len = place.field.value.len();
        let window = place.event.prefix(place.field.value)?;
        if !kind.is_by_text() || !place.record.enriched.is_empty() || len > PREFIX || place.field.truncated {
            return None;
        }
        let generation = self.interpreter.generation();
        let rules = &mut self.state.rules;
        if rules.recall(id, window, len, generation).is_none() {
            rules.memorize(id, window, len, generation, self.interpreter.value(place, kind, None));
        }
        rules.recall(id, window, len, generation)
    }

    /// Notes that fields of this rule need the qualified key in this event.
    pub fn note_qualified(&mut self, id: RuleId) {
        self.state.rules.note(id);
        self.state.has_qualified = true;
    }
}

/// Appends a value. Notes its exact bytes when it isn't UTF-8.
pub fn put(out: &mut Vec<u8>, exact: &mut Vec<(Key, Vec<u8>)>, strings: Strings, key: Key, value: &[u8]) {
    if !json::value_as(out, value, strings) {
        exact.push((key, value.to_vec()));
    }
}
