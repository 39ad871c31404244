//! Members that have several values, and the exact bytes of values that aren't UTF-8.

use super::{
    keys::Key,
    rules::{FieldMapping, RuleId},
    values::{QualifiedField, Values},
    writer::Writer,
};
use crate::{
    event::{FieldRef, PREFIX, is_absent, record_type},
    format::json::{self, Strings},
};

/// The most entries that all lists of an event may have together. Beyond it, records without the field get no empty
/// entry.
const MAX_ENTRIES: usize = 1 << 18;

impl<R: FieldMapping> Writer<'_, '_, R> {
    /// Writes a list. Adds a second list with the exact bytes when a value isn't UTF-8.
    pub fn list(&mut self, key: Key, values: &mut Values) {
        let key = self.begin(key);
        self.out.push(b'[');
        let mut all_text = true;
        // The padding lets the last value be read as a full window too.
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
        let hex = self.state.keys.hex(key);
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

    /// Writes one value of a list. A very long value takes several entries.
    pub fn entry(&mut self, value: &[u8]) -> bool {
        if self.state.strings == Strings::Whole || !json::may_be_long(value) {
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

    /// Writes the fields that have no plain key of their own under `<type>_<name>`. Each record of the type has one
    /// entry, "" if it lacks the field.
    pub fn write_qualified(&mut self) {
        let event = self.event;
        if !self.state.has_qualified {
            return;
        }
        // Collects the fields of all noted rules in one pass and sorts them by rule.
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
        // A real event gets an entry for each record. An absurdly large event gets no more entries than it has fields.
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

    /// Collects the values of one rule's fields, with "" for each record of its type that lacks the field.
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

    /// Lists the fields that are beyond the limit of rules under `fields`, as recorded.
    pub fn others(&mut self) {
        let mut others = std::mem::take(&mut self.state.others);
        if !others.is_empty() {
            let key = self.state.keys.key(b"fields");
            self.list(key, &mut others);
            others.clear();
        }
        self.state.others = others;
    }

    /// Writes `<key>_hex` for each value that wasn't UTF-8.
    pub fn bytes(&mut self) {
        for (key, bytes) in std::mem::take(&mut self.state.bytes) {
            let hex = self.state.keys.hex(key);
            self.begin(hex);
            json::value_as(self.out, &json::to_hex(&bytes), self.state.strings);
        }
    }
}
