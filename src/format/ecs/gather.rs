//! One pass over an event's fields. Each field goes to its place in the document, or to `auditd.data`.

use super::{
    fields::{Destination, Ecs, KnownField},
    label::label,
    object::Objects,
    view::View,
};
use crate::{
    address::Address,
    auparse::Type,
    buffer::{self, give_back},
    event::{FieldRef, PREFIX, is_absent, is_unknown, record_type, unquoted},
    format::{
        flat::{self, FieldMapping, Key, RuleId, Values},
        json,
    },
};
use std::net::IpAddr;

/// The longest interpretation that is written, in bytes. A process with all capabilities has four sets of forty names
/// each, and one number stands for each set.
const LONGEST_MEANING: usize = 256;

/// The most rule keys that are checked for duplicates. The kernel allows about 256 bytes of keys per rule. Without a
/// limit, an event with millions of keys would take too long.
const MAX_KEYS: usize = 256;

/// A field with its rule.
#[derive(Clone, Copy)]
pub(super) struct Found<'e> {
    pub(super) place: FieldRef<'e>,
    pub(super) id: RuleId,
}

/// The results of the pass besides `auditd.data`.
pub(super) struct Gathered<'e> {
    slots: [Option<Found<'e>>; KnownField::COUNT],
    /// True when the event has a field `addr`.
    has_addr: bool,
    /// The address in it.
    pub(super) from: Option<IpAddr>,
    /// True when the event has a SOCKADDR record.
    pub(super) has_socket: bool,
    /// The address of the first SOCKADDR record, if it can be read.
    pub(super) address: Option<Address>,
}

impl<'e> Gathered<'e> {
    pub(super) fn new() -> Self {
        Self { slots: [None; KnownField::COUNT], has_addr: false, from: None, has_socket: false, address: None }
    }

    /// The field that was found for this place.
    pub(super) fn get(&self, slot: KnownField) -> Option<Found<'e>> {
        self.slots[slot as usize]
    }

    /// The value of that field, as recorded.
    pub(super) fn text(&self, slot: KnownField) -> &'e [u8] {
        self.get(slot).map_or(b"", |found| found.place.text())
    }
}

/// Buffers for the parts of the document that are written during the pass.
#[derive(Default)]
pub(super) struct Scratch {
    /// Members of `auditd.data`.
    pub(super) data: Vec<u8>,
    /// Members of `auditd.interpreted`.
    pub(super) interpreted: Vec<u8>,
    /// Entries of `auditd.paths`, each followed by a comma.
    pub(super) paths: Vec<u8>,
    /// Rule keys.
    pub(super) keys: Values,
}

impl Scratch {
    pub(super) fn clear(&mut self) {
        for part in [&mut self.data, &mut self.interpreted, &mut self.paths] {
            give_back(part, buffer::EVENT);
        }
        self.keys.clear();
    }
}

/// Passes over the fields. `flat` writes to `auditd.data`.
pub(super) struct Gather<'a, 'p, 'e> {
    pub(super) flat: flat::Writer<'a, 'p, Ecs>,
    pub(super) interpreted: &'a mut Vec<u8>,
    pub(super) paths: &'a mut Vec<u8>,
    pub(super) keys: &'a mut Values,
    pub(super) view: &'a View<'e>,
    pub(super) found: Gathered<'e>,
}

impl<'e> Gather<'_, '_, 'e> {
    /// Passes over all records, the main one first.
    pub(super) fn records(&mut self) {
        let main = self.view.main;
        self.record(main);
        for number in (0..self.view.event.records().len()).filter(|number| *number != main) {
            self.record(number);
        }
    }

    fn record(&mut self, number: usize) {
        let event = self.view.event;
        let record = &event.records()[number];
        match record.record_type {
            record_type::EOE => return,
            record_type::PATH => return self.path(number),
            _ => (),
        }
        let common = self.flat.state.rules.of_record(event, record);
        for (nth, field) in event.fields(record).iter().enumerate() {
            let place = FieldRef { event, number, record, field: *field };
            if let Some(id) = self.flat.rule(common, nth, place, true)
                && !is_absent(place.text())
            {
                self.field(Found { place, id });
            }
        }
    }

    fn field(&mut self, found: Found<'e>) {
        let place = found.place;
        match self.flat.state.rules.get(found.id).role.goes {
            // A label is split only in PATH records, which [`Gather::path`] handles.
            Destination::Data | Destination::Label => (),
            // Only a known value takes a place of its own. A second field of the same name goes to the qualified key.
            Destination::Place(slot) => {
                if self.found.slots[slot as usize].is_none() && !is_unknown(place.text()) {
                    if let Some(key) = self.flat.state.rules.get(found.id).plain {
                        self.flat.state.keys.take(key, place.number);
                    }
                    self.found.slots[slot as usize] = Some(found);
                    return;
                }
            }
            Destination::Main(slot) => {
                let is_main = place.number == self.view.main && !is_unknown(place.text());
                if is_main && self.found.slots[slot as usize].is_none() {
                    self.found.slots[slot as usize] = Some(found);
                    return;
                }
            }
            Destination::Key if is_unknown(place.text()) => (),
            Destination::Key => {
                let value = self.flat.interpreter.value(place, Type::Escaped, None);
                // The kernel joins several keys with byte 1 (`AUDIT_KEY_SEPARATOR` in `<libaudit.h>`).
                for key in value.split(|byte| *byte == 1).filter(|key| !key.is_empty()) {
                    // Old kernels wrote key="key=user_command".
                    let key = key.strip_prefix(b"key=").unwrap_or(key);
                    if self.keys.len() >= MAX_KEYS || !self.keys.iter().any(|known| known == key) {
                        self.keys.push(key);
                    }
                }
                return;
            }
            Destination::Socket => {
                if !self.found.has_socket {
                    self.found.has_socket = true;
                    self.found.address = Address::read(place.text());
                    self.socket(place);
                    return;
                }
            }
            Destination::Addr => {
                // Only the first one counts. A message may have others in its text.
                let is_first = !std::mem::replace(&mut self.found.has_addr, true);
                let address = str::from_utf8(unquoted(place.text())).ok().and_then(|text| text.parse().ok());
                if let Some(address) = address
                    && is_first
                {
                    self.found.from = Some(address);
                    if self.view.normal.from_addr {
                        return;
                    }
                }
            }
        }
        self.data(found);
    }

    /// Writes a field into `auditd.data`.
    pub(super) fn data(&mut self, found: Found) {
        let Found { place, id } = found;
        let rule = self.flat.state.rules.get(id);
        let (role, kind, plain) = (rule.role, rule.value, rule.plain);
        let Some(key) = plain.filter(|key| self.flat.state.keys.take(*key, place.number)) else {
            return self.flat.note_qualified(id);
        };
        let is_number = kind == Type::Exit && place.text().first().is_some_and(u8::is_ascii_digit);
        let is_plain = (kind == Type::Text || is_number) && !matches!(role.goes, Destination::Main(KnownField::Result));
        if !(is_plain || place.text().starts_with(b"\"")) || !self.flat.plain(key, place) {
            self.flat.key(key);
            let call = self.view.call_of(place.record);
            let value = role.render(place, kind, call, self.flat.interpreter);
            flat::put(self.flat.out, &mut self.flat.state.bytes, json::Strings::Whole, key, value);
        }
        if role.is_interpreted() {
            self.interpret(found, key, role.meaning);
        }
    }

    /// Writes libauparse's interpretation of a field, if it differs from the field's text.
    fn interpret(&mut self, found: Found, key: Key, meaning: Type) {
        let place = found.place;
        let text = unquoted(place.text());
        if matches!(meaning, Type::Named(_)) && !is_id(text) {
            return;
        }
        if let Some((said, len)) = self.flat.recalled(found.id, place, meaning) {
            if said.get(..len) != Some(text) {
                let said = *said;
                self.flat.state.keys.write_plain(key, &said, len, self.interpreted);
            }
            return;
        }
        let call = self.view.call_of(place.record);
        let said = self.flat.interpreter.value(place, meaning, call);
        if said != text && said.strip_prefix(b"0x") != Some(text) && said.len() <= LONGEST_MEANING {
            self.interpreted.extend_from_slice(self.flat.state.keys.json(key));
            json::string(self.interpreted, said);
        }
    }

    /// Writes the parts of a socket's address.
    fn socket(&mut self, place: FieldRef) {
        let key = self.flat.state.keys.key(b"socket");
        self.flat.begin(key);
        let text = place.text();
        let mut exact = &b""[..];
        self.flat.out.push(b'{');
        let mut objects = Objects { out: self.flat.out };
        match &self.found.address {
            Some(Address::Internet(host, port)) => {
                objects.text("family", if host.is_ipv4() { b"ipv4" } else { b"ipv6" });
                objects.text("addr", host.to_string().as_bytes());
                objects.text("port", port.to_string().as_bytes());
            }
            Some(Address::Unix(path)) => {
                objects.text("family", b"unix");
                if !objects.text("path", path) {
                    exact = path;
                }
            }
            None => {
                match Address::family(text) {
                    Some(1) => objects.text("family", b"unix"),
                    Some(2) => objects.text("family", b"ipv4"),
                    Some(10) => objects.text("family", b"ipv6"),
                    Some(16) => objects.text("family", b"netlink"),
                    Some(family) => objects.text("family", family.to_string().as_bytes()),
                    None => true,
                };
                objects.text("saddr", text);
            }
        }
        if !exact.is_empty() {
            objects.text("path_hex", &json::to_hex(exact));
        }
        self.flat.out.push(b'}');
    }

    /// Writes a PATH record as an entry of `auditd.paths`.
    fn path(&mut self, number: usize) {
        let event = self.view.event;
        let record = &event.records()[number];
        let start = self.paths.len();
        let common = self.flat.state.rules.of_record(event, record);
        let fields = event.fields(record);
        // True when a field's key begins with `start`. An additional key that is made from a field must not be another
        // field's key.
        let names = |start: &[u8]| fields.iter().any(|f| Ecs::name(event.bytes(f.name)).starts_with(start));
        let mut seen: [Option<Key>; 32] = [None; 32];
        for (nth, field) in fields.iter().enumerate() {
            let place = FieldRef { event, number, record, field: *field };
            let Some(id) = self.flat.rule(common, nth, place, true) else { continue };
            if is_absent(place.text()) {
                continue;
            }
            let rule = self.flat.state.rules.get(id);
            let (role, kind, plain) = (rule.role, rule.value, rule.plain);
            // The kernel writes each field once. Repeated fields of a forged record go to the qualified key.
            let Some(key) = plain.filter(|_| nth < seen.len() && !seen[..nth].contains(&plain)) else {
                self.flat.note_qualified(id);
                continue;
            };
            seen[nth] = plain;
            if role.goes == Destination::Label && !names(b"obj_") {
                for (piece, text) in label(unquoted(place.text())) {
                    self.paths.extend_from_slice(b",\"obj_");
                    self.paths.extend_from_slice(piece.as_bytes());
                    self.paths.extend_from_slice(b"\":");
                    json::string(self.paths, text);
                }
                continue;
            }
            let value = place.field.value;
            let text = place.text();
            if (kind == Type::Text || text.starts_with(b"\""))
                && value.len() <= PREFIX
                && !text.contains(&b'"')
                && let Some(window) = event.prefix(value)
                && json::is_plain(window, value.len())
            {
                self.flat.state.keys.write_plain(key, window, value.len(), self.paths);
                continue;
            }
            self.paths.extend_from_slice(self.flat.state.keys.json(key));
            let value = role.render(place, kind, None, self.flat.interpreter);
            let hex = [&*Ecs::name(event.bytes(field.name)), b"_hex"].concat();
            if !json::string(self.paths, value) && !names(&hex) {
                self.paths.push(b',');
                json::string(self.paths, &hex);
                self.paths.push(b':');
                json::string(self.paths, &json::to_hex(value));
            }
        }
        // A record without fields is an entry too.
        if self.paths.len() == start {
            self.paths.push(b',');
        }
        self.paths[start] = b'{';
        self.paths.extend_from_slice(b"},");
    }

    /// Calls `use_it` with the value of a field as `auditd.data` shows it. Returns false when the event has no such
    /// field.
    pub(super) fn lookup(&mut self, name: &[u8], mut use_it: impl FnMut(&[u8])) -> bool {
        let Some(place) = self.view.find(name) else { return false };
        debug_assert!(!is_unknown(place.text()));
        let call = self.view.call_of(place.record);
        let draft = Ecs::rule(place, false, self.flat.interpreter.field_type(place));
        use_it(draft.role.render(place, draft.value, call, self.flat.interpreter));
        true
    }

    /// Appends the value of a field that has a place of its own. Returns false when there is no such field.
    pub(super) fn interpreted(&mut self, slot: KnownField, out: &mut Vec<u8>) -> bool {
        let Some(Found { place, id }) = self.found.get(slot) else { return false };
        let rule = self.flat.state.rules.get(id);
        out.extend_from_slice(rule.role.render(place, rule.value, None, self.flat.interpreter));
        true
    }

    /// Appends the name of a PATH record. Returns false when it has none.
    pub(super) fn path_name(&mut self, number: usize, out: &mut Vec<u8>) -> bool {
        let Some(place) = self.view.event.field(number, b"name") else { return false };
        out.extend_from_slice(self.flat.interpreter.value(place, Type::Escaped, None));
        true
    }

    /// Appends the name of the id that a field holds, if the id has a name.
    pub(super) fn name_of(&mut self, found: Found, out: &mut Vec<u8>) {
        let text = unquoted(found.place.text());
        if !is_id(text) {
            return;
        }
        let meaning = self.flat.state.rules.get(found.id).role.meaning;
        let name = match self.flat.recalled(found.id, found.place, meaning) {
            Some((name, len)) => &name[..len],
            None => self.flat.interpreter.value(found.place, meaning, None),
        };
        if name != text {
            out.extend_from_slice(name);
        }
    }

    /// Appends libauparse's interpretation of a field, if the field's value is `text` and the interpretation differs
    /// from it.
    pub(super) fn meaning_of(&mut self, name: &[u8], text: &[u8], out: &mut Vec<u8>) {
        let place = self.view.find(name).filter(|place| unquoted(place.text()) == text && is_id(text));
        let Some(place) = place else { return };
        let kind = self.flat.interpreter.field_type(place);
        let meaning = self.flat.interpreter.value(place, kind, None);
        if meaning != text {
            out.extend_from_slice(meaning);
        }
    }
}

/// True when the text is an id. libauparse reads any other text as 0, which is root.
pub(super) fn is_id(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
