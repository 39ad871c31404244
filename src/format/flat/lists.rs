//! Members that have several values, and the exact bytes of what isn't UTF-8.

use super::{FieldMapping, Key, RuleId, Writer};
use crate::{
    event::{FieldRef, PREFIX, is_absent, record_type},
    format::json,
};

/// Entries of all lists of an event, up to which there is one for each record.
const MAX_ENTRIES: usize = 1 << 18;

/// A list of values, in one buffer.
#[derive(Default)]
pub struct Values {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Values {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds a value of at most [`PREFIX`] bytes.
    fn push_window(&mut self, window: &[u8; PREFIX], len: usize) {
        let end = self.bytes.len() + len;
        self.bytes.extend_from_slice(window);
        self.bytes.truncate(end);
        self.ends.push(end);
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds a value.
    pub fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len());
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }
}

/// A field that goes to a typed key: its rule, and its place among all fields of the event. Sorts by both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QualifiedField(u64);

impl QualifiedField {
    fn new(rule: RuleId, at: usize) -> Self {
        Self(u64::from(rule.number()) << 32 | at as u64)
    }

    fn rule(self) -> RuleId {
        RuleId::from_number((self.0 >> 32) as u32)
    }

    fn at(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }
}

impl<R: FieldMapping> Writer<'_, '_, R> {
    /// Writes a list, and the list of exact bytes when not all of it is UTF-8.
    pub fn list(&mut self, key: Key, values: &mut Values) {
        let key = self.begin(key);
        self.out.push(b'[');
        let mut all_text = true;
        // So that there is a window at the last value too.
        values.bytes.extend_from_slice(&[0; PREFIX]);
        let mut start = 0;
        for (i, end) in values.ends.iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            match values.bytes[start..].first_chunk() {
                Some(window) if end - start <= PREFIX && json::is_plain(window, end - start) => {
                    json::plain_string(self.out, window, end - start);
                }
                _ => all_text &= self.entry(&values.bytes[start..*end]),
            }
            start = *end;
        }
        self.out.push(b']');
        if all_text {
            return;
        }
        let name = [self.state.keys.name(key), b"_hex"].concat();
        let hex = self.state.keys.key(&name);
        self.begin(hex);
        self.out.push(b'[');
        for (i, value) in values.iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            if str::from_utf8(value).is_ok() {
                self.out.extend_from_slice(b"\"\"");
            } else {
                self.entry(&json::to_hex(value));
            }
        }
        self.out.push(b']');
    }

    /// One value of a list; a very long one takes several entries.
    pub fn entry(&mut self, value: &[u8]) -> bool {
        if self.state.whole || !json::may_be_long(value) {
            return json::string(self.out, value);
        }
        for (i, piece) in json::pieces(&json::to_text(value)).enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            json::string(self.out, piece.as_bytes());
        }
        str::from_utf8(value).is_ok()
    }

    /// `<type>_<name>` for all that has no plain key of its own: one entry a record, "" where it has none.
    pub fn write_qualified(&mut self) {
        let event = self.event;
        if !self.state.has_qualified {
            return;
        }
        // All fields of the noted rules, sorted by rule: one pass, however many there are.
        let mut fields = std::mem::take(&mut self.state.gathered);
        fields.clear();
        for record in event.records().iter().filter(|r| r.record_type != record_type::EOE) {
            for (field, at) in event.fields(record).iter().zip(record.fields.clone()) {
                let id = self.state.ids[at];
                if id.is_rule() && self.state.rules.is_noted(id) && !is_absent(event.bytes(field.value)) {
                    fields.push(QualifiedField::new(id, at));
                }
            }
        }
        fields.sort_unstable();
        let mut values = std::mem::take(&mut self.state.values);
        // An entry for each record is for real events; an absurd one gets no more entries than it has fields.
        let groups = fields.chunk_by(|a, b| a.rule() == b.rule()).count();
        let pad = groups.saturating_mul(event.records().len()) <= MAX_ENTRIES;
        for group in fields.chunk_by(|a, b| a.rule() == b.rule()) {
            let id = group[0].rule();
            self.qualified_values(id, group, pad, &mut values);
            let key = self.state.rules.get(id).qualified;
            if let [_] = group {
                let key = self.begin(key);
                let value = values.iter().find(|v| !v.is_empty()).unwrap_or_default();
                self.value(key, value);
            } else {
                self.list(key, &mut values);
            }
        }
        self.state.gathered = fields;
        self.state.values = values;
    }

    /// The values of one rule's fields, with "" for records of its type without one.
    fn qualified_values(&mut self, id: RuleId, fields: &[QualifiedField], pad: bool, values: &mut Values) {
        values.clear();
        let event = self.event;
        let first = fields.first().map_or(0, |field| field.at());
        let Some(sample) = event.records().iter().find(|r| first < r.fields.end) else { return };
        let rule = self.state.rules.get(id);
        let (kind, role, name) = (rule.value, rule.role, event.bytes(sample.name));
        let mut rest = fields;
        for (number, record) in event.records().iter().enumerate() {
            if record.record_type != sample.record_type || (sample.record_type <= 0 && event.bytes(record.name) != name)
            {
                continue;
            }
            let here = rest.iter().take_while(|field| field.at() < record.fields.end).count();
            if here == 0 && pad {
                values.push(b"");
            }
            let call = if record.record_type == record_type::SYSCALL { self.call } else { None };
            for field in &rest[..here] {
                let place = FieldRef { event, number, record, field: event.all_fields()[field.at()] };
                if let Some((meaning, len)) = self.recalled(id, place, kind) {
                    values.push_window(meaning, len);
                    continue;
                }
                values.push(role.render(place, kind, call, self.interpreter));
            }
            rest = &rest[here..];
        }
    }

    /// Fields beyond what an event may have rules for: listed under `fields` as recorded.
    pub fn others(&mut self) {
        let mut others = std::mem::take(&mut self.state.others);
        if !others.is_empty() {
            let key = self.state.keys.key(b"fields");
            self.list(key, &mut others);
            others.clear();
        }
        self.state.others = others;
    }

    /// `<key>_hex` for values that weren't UTF-8.
    pub fn bytes(&mut self) {
        for (key, bytes) in std::mem::take(&mut self.state.bytes) {
            let name = [self.state.keys.name(key), b"_hex"].concat();
            let key = self.state.keys.key(&name);
            self.begin(key);
            let hex = json::to_hex(&bytes);
            if self.state.whole {
                json::string(self.out, &hex);
            } else {
                json::value(self.out, &hex);
            }
        }
    }
}
