//! A flat object of an event's fields: MozDef's `details`, ECS' `auditd.data`.
//!
//! Most fields are written as they are met. A key that is taken already (several records of one type, two types
//! with a field of one name, a user message that repeats itself) is noted, and written at the end as
//! `<type>_<name>` with all its values.
//!
//! | file | what it holds |
//! |---|---|
//! | `keys.rs` | the keys, each at most once an event |
//! | `rules.rs` | which key a field has, decided once for its name in a record type |
//! | `lists.rs` | members with several values, and the exact bytes of what isn't UTF-8 |

mod keys;
mod lists;
mod rules;

use crate::{
    auparse::{Interpreter, Syscall, Type},
    event::{FieldRef, LinuxEvent, PREFIX, Record, Span},
    format::json,
};
pub use keys::{Key, Keys};
use lists::QualifiedField;
pub use lists::Values;
pub use rules::{FieldMapping, RecordRules, RuleId, RuleSpec, Rules, heads};

/// What is kept between events for one such object.
pub struct Flat<R> {
    pub rules: Rules<R>,
    pub keys: Keys,
    /// The rule of each of the event's fields.
    ids: Vec<RuleId>,
    /// Some rule's fields go to `<type>_<name>`; which, the rules know.
    has_qualified: bool,
    /// Those fields.
    gathered: Vec<QualifiedField>,
    /// The values of the list at hand.
    pub values: Values,
    /// Fields that found no rule, as recorded.
    others: Values,
    /// Values that weren't UTF-8.
    pub bytes: Vec<(Key, Vec<u8>)>,
    /// Strings keep their length: none becomes a list of pieces.
    whole: bool,
}

impl<R: FieldMapping> Flat<R> {
    /// For a format's object. `whole`: long strings aren't cut into pieces.
    pub fn new(whole: bool) -> Self {
        Self {
            rules: Rules::default(),
            keys: Keys::default(),
            ids: Vec::new(),
            has_qualified: false,
            gathered: Vec::new(),
            values: Values::default(),
            others: Values::default(),
            bytes: Vec::new(),
            whole,
        }
    }

    /// Begins an event; true when all keys that were handed out are forgotten.
    pub fn begin(&mut self, event: &LinuxEvent) -> bool {
        // Every record but EOE writes its fields' rules anew, so there is nothing to clear.
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
    /// What the event's SYSCALL record is about.
    pub call: Option<Syscall>,
}

impl<R: FieldMapping> Writer<'_, '_, R> {
    /// Writes a key, and the comma before it.
    pub fn key(&mut self, key: Key) {
        self.out.extend_from_slice(self.state.keys.json(key));
    }

    /// Takes a key (or a longer one, when a field already has it) and begins its member.
    pub fn begin(&mut self, key: Key) -> Key {
        let key = self.state.keys.take_or_extend(key, usize::MAX);
        self.key(key);
        key
    }

    /// Writes a value; one that isn't UTF-8 gains its sibling later.
    pub fn value(&mut self, key: Key, bytes: &[u8]) {
        put(self.out, &mut self.state.bytes, self.state.whole, key, bytes);
    }

    /// The rule of the field that stands at `nth` among its record's, if it has one. Those beyond all rules are kept
    /// for [`Writer::others`] with `keep_others`.
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

    /// The rule that [`Writer::rule`] found for the field at `nth` among its record's.
    pub fn id_of(&self, record: &Record, nth: usize) -> Option<RuleId> {
        self.state.ids.get(record.fields.start + nth).copied().filter(|id| id.is_rule())
    }

    /// Writes a member whose value is short and stands for itself; false when it doesn't.
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

    /// What a short value means by itself, as long as that is short and plain too.
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

    /// Notes that fields of this rule need the typed key in this event.
    pub fn note_typed(&mut self, id: RuleId) {
        self.state.rules.note(id);
        self.state.has_qualified = true;
    }
}

/// Appends a value, and notes its exact bytes when it isn't UTF-8.
pub fn put(out: &mut Vec<u8>, exact: &mut Vec<(Key, Vec<u8>)>, whole: bool, key: Key, value: &[u8]) {
    let all_text = if whole { json::string(out, value) } else { json::value(out, value) };
    if !all_text {
        exact.push((key, value.to_vec()));
    }
}
