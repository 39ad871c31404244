//! `details`: one flat object with every field of every record under a key of its own.
//!
//! Most fields are written as they are met. A key that is taken already (several records of one type, two types
//! with a field of one name, a user message that repeats itself) is noted, and written at the end as
//! `<type>_<name>` with all its values.

use super::{
    Details, MozDef, Scene,
    lists::{TypedField, Values},
    rules::{Key, Keys, OF_PATH, Role, RuleId},
};
use crate::{
    address::Address,
    auparse::{Call, Meanings, Place, Type, unquoted},
    event::{Field, Span, WINDOW, is_absent, kind},
    format::json,
};

/// Keys that we derive, or find by name.
pub(super) struct FixedKeys {
    auditserial: Key,
    recordtypes: Key,
    command: Key,
    argv: Key,
    pub(super) paths: Key,
    user: Key,
    originaluser: Key,
    parentprocess: Key,
    domain: Key,
    socket_type: Key,
    protocol: Key,
    source: (Key, Key),
    destination: (Key, Key),
    pub(super) others: Key,
}

impl FixedKeys {
    pub(super) fn new(keys: &mut Keys) -> Self {
        let mut key = |name: &str| keys.key(name.as_bytes());
        Self {
            auditserial: key("auditserial"),
            recordtypes: key("recordtypes"),
            command: key("command"),
            argv: key("argv"),
            paths: key("paths"),
            user: key("user"),
            originaluser: key("originaluser"),
            parentprocess: key("parentprocess"),
            domain: key("domain"),
            socket_type: key("type"),
            protocol: key("protocol"),
            source: (key("sourceipaddress"), key("sourceport")),
            destination: (key("destinationipaddress"), key("destinationport")),
            others: key("fields"),
        }
    }
}

/// Buffers for one event's details.
#[derive(Default)]
pub(super) struct Work {
    /// The rule of each of the event's fields.
    pub(super) ids: Vec<RuleId>,
    /// Some rule's fields go to `<type>_<name>`; which, the rules know.
    pub(super) has_typed: bool,
    /// Those fields.
    pub(super) gathered: Vec<TypedField>,
    /// The values of the list at hand.
    pub(super) values: Values,
    /// Fields that found no rule, as recorded.
    pub(super) others: Values,
    /// Values that weren't UTF-8.
    pub(super) bytes: Vec<(Key, Vec<u8>)>,
    /// The process the event is about, and its name.
    pid: Option<u32>,
    comm: Vec<u8>,
}

/// The value of an id that was never set: (uid_t)-1.
const UNSET: &[u8] = b"4294967295";

/// Writes one event's details.
pub(super) struct Writer<'a, 'p> {
    pub(super) format: &'a mut MozDef,
    pub(super) scene: &'a Scene<'a>,
    pub(super) meanings: &'a mut Meanings<'p>,
    pub(super) out: &'a mut Vec<u8>,
    pub(super) full: bool,
    is_socket: bool,
    /// Whether a PATH has a field, for each field that is a PATH's first; found out when needed.
    of_path: [Option<bool>; OF_PATH.len()],
    node: u64,
}

impl MozDef {
    /// Appends the members of `details`.
    pub(super) fn details(&mut self, scene: &Scene, meanings: &mut Meanings, out: &mut Vec<u8>) {
        let full = self.settings.details == Details::Full;
        let is_socket = scene.call.is_some_and(|call| meanings.call_name(call) == b"socket");
        let node = scene.event.node_id();
        // Every record but EOE writes its fields' rules anew, so there is nothing to clear.
        let count = scene.event.all_fields().len();
        if self.work.ids.len() < count {
            self.work.ids.resize(count, RuleId::NONE);
        }
        self.work.has_typed = false;
        self.work.bytes.clear();
        self.work.pid = None;
        self.work.comm.clear();
        let mut writer =
            Writer { format: self, scene, meanings, out, full, is_socket, of_path: Default::default(), node };
        writer.own();
        if let Some(syscall) = scene.syscall {
            writer.record(syscall);
        }
        for number in 0..scene.event.records().len() {
            if Some(number) != scene.syscall {
                writer.record(number);
            }
        }
        writer.typed();
        writer.others();
        writer.bytes();
        writer.remember();
    }
}

impl Writer<'_, '_> {
    fn key(&mut self, key: Key) {
        self.out.extend_from_slice(self.format.keys.json(key));
    }

    /// Takes a key (or a longer one, when a field already has it) and begins its member.
    pub(super) fn begin(&mut self, key: Key) -> Key {
        let key = self.format.keys.take_or_extend(key, usize::MAX);
        self.key(key);
        key
    }

    /// Writes a value; one that isn't UTF-8 gains its sibling later.
    pub(super) fn value(&mut self, key: Key, bytes: &[u8]) {
        put(self.out, &mut self.format.work.bytes, key, bytes);
    }

    /// The members that we derive from the event as a whole.
    fn own(&mut self) {
        let fixed = &self.format.fixed;
        let (serial, types, command, argv) = (fixed.auditserial, fixed.recordtypes, fixed.command, fixed.argv);
        self.format.keys.take(serial, usize::MAX);
        // The first member has no comma before it.
        self.out.extend_from_slice(&self.format.keys.json(serial)[1..]);
        json::string(self.out, self.scene.event.stamp.serial.to_string().as_bytes());
        if self.full {
            self.begin(types);
            let event = self.scene.event;
            let names = event.records().iter().filter(|r| r.kind != kind::EOE).map(|r| event.bytes(r.name));
            json::list(self.out, names);
        }
        if self.format.arguments.len() > 0 {
            let key = self.begin(command);
            put(self.out, &mut self.format.work.bytes, key, self.format.arguments.command());
            if self.full {
                let key = self.begin(argv);
                if !self.format.arguments.write(self.out) {
                    let name = [self.format.keys.name(key), b"_hex"].concat();
                    let hex = self.format.keys.key(&name);
                    self.begin(hex);
                    self.format.arguments.write_hex(self.out);
                }
            }
        }
        if self.full {
            self.paths();
            self.addresses();
        }
    }

    /// Where a connection came from or went to.
    fn addresses(&mut self) {
        let Some(call) = self.scene.call else { return };
        let fixed = &self.format.fixed;
        let (host_key, port_key) = match self.meanings.call_name(call) {
            b"accept" | b"accept4" => fixed.source,
            b"connect" | b"sendto" | b"sendmsg" => fixed.destination,
            _ => return,
        };
        let saddr = self.scene.value(self.scene.sockaddr, b"saddr");
        if let Some(Address::Internet(host, port)) = saddr.and_then(Address::read) {
            self.begin(host_key);
            json::string(self.out, host.to_string().as_bytes());
            self.begin(port_key);
            json::string(self.out, port.to_string().as_bytes());
        }
    }

    /// All fields of one record.
    fn record(&mut self, number: usize) {
        let (event, record) = (self.scene.event, self.scene.record(number));
        if record.kind == kind::EOE {
            return;
        }
        let fields = event.fields(record);
        let is_syscall = record.kind == kind::SYSCALL;
        let call = if is_syscall { self.scene.call } else { None };
        let common = self.format.rules.of_record(event, record);
        for (nth, field) in fields.iter().enumerate() {
            let place = Place { event, number, record, field: *field };
            let format = &mut *self.format;
            let id = format.rules.of_field(common, nth, place, &mut format.keys, self.meanings);
            format.work.ids[record.fields.start + nth] = id;
            if id.is_rule() {
                self.field(place, id, call);
            } else if id == RuleId::OTHER && self.full {
                let pair = [event.bytes(field.name), b"=", place.text()].concat();
                self.format.work.others.push(&pair);
            }
        }
    }

    fn field(&mut self, place: Place, id: RuleId, call: Option<Call>) {
        let text = place.text();
        if is_absent(text) {
            return;
        }
        let rule = self.format.rules.get(id);
        if !self.full && !rule.classic && !self.is_classic_argument(rule.role) {
            return;
        }
        let (role, kind) = (rule.role, rule.value);
        let mut plain = rule.plain;
        if let Role::Argument(n) = role
            && self.is_socket
        {
            let fixed = &self.format.fixed;
            plain = Some([fixed.domain, fixed.socket_type, fixed.protocol][usize::from(n)]);
        }
        let of_path = matches!(role, Role::OfPath(n) if self.is_paths(n, place));
        let taken = plain.is_some_and(|key| !of_path && self.format.keys.take(key, place.number));
        let Some(key) = plain.filter(|_| taken) else {
            return self.later(plain, role, place, id);
        };
        // Most fields end here: short, and their own meaning.
        if matches!(role, Role::Plain | Role::OfPath(_) | Role::Comm | Role::Pid)
            && (kind == Type::Text || text[0] == b'"')
            && self.plain(key, place)
        {
            match role {
                Role::Pid => self.format.work.pid = number(text),
                Role::Comm => self.format.work.comm.extend_from_slice(unquoted(text)),
                _ => (),
            }
            return;
        }
        if role == Role::Plain
            && let Some((meaning, len)) = self.recalled(id, place, kind)
        {
            let meaning = *meaning;
            return self.format.keys.write_plain(key, &meaning, len, self.out);
        }
        self.key(key);
        match role {
            Role::Plain | Role::OfPath(_) | Role::Pid if kind == Type::Text => {
                let value = unquoted(text);
                put(self.out, &mut self.format.work.bytes, key, value);
                if role == Role::Pid {
                    self.format.work.pid = number(text);
                }
            }
            Role::Argument(_) if self.is_socket => self.value(key, text),
            Role::Success => {
                self.value(key, truth(text));
            }
            Role::SyscallName | Role::Arch => {
                let value = match call {
                    Some(call) if role == Role::Arch => self.meanings.call_arch(call),
                    Some(call) => self.meanings.call_name(call),
                    None => text,
                };
                put(self.out, &mut self.format.work.bytes, key, value);
            }
            Role::RuleKey => self.rule_keys(key, place),
            _ => {
                let value = self.meanings.value(place, kind, call);
                put(self.out, &mut self.format.work.bytes, key, value);
                if role == Role::Comm {
                    self.format.work.comm.extend_from_slice(value);
                }
                self.named(role, place);
            }
        }
    }

    /// Writes a member whose value is short and stands for itself; false when it doesn't.
    fn plain(&mut self, key: Key, place: Place) -> bool {
        let mut span = place.field.value;
        let text = place.text();
        if let [b'"', .., b'"'] = text {
            span = Span::new(span.start() + 1, span.end() - 1);
        }
        let Some(window) = place.event.window(span) else { return false };
        if span.len() > WINDOW || !json::is_plain(window, span.len()) {
            return false;
        }
        self.format.keys.write_plain(key, window, span.len(), self.out);
        true
    }

    /// What a short value means by itself, as long as that is short and plain too.
    pub(super) fn recalled(&mut self, id: RuleId, place: Place, kind: Type) -> Option<(&[u8; WINDOW], usize)> {
        let len = place.field.value.len();
        let window = place.event.window(place.field.value)?;
        if !kind.is_by_text() || !place.record.enriched.is_empty() || len > WINDOW || place.field.own {
            return None;
        }
        let generation = self.meanings.generation();
        let rules = &mut self.format.rules;
        if rules.recall(id, window, len, generation).is_none() {
            rules.memorize(id, window, len, generation, self.meanings.value(place, kind, None));
        }
        rules.recall(id, window, len, generation)
    }

    /// socket()'s first arguments have names that audisp-json gave them.
    fn is_classic_argument(&self, role: Role) -> bool {
        self.is_socket && matches!(role, Role::Argument(_))
    }

    /// A PATH record of the event has a field of this name too: `mode` is the file's.
    fn is_paths(&mut self, n: u8, place: Place) -> bool {
        let event = place.event;
        *self.of_path[usize::from(n)].get_or_insert_with(|| {
            let name = event.bytes(place.field.name);
            let mut paths = event.records().iter().filter(|r| r.kind == kind::PATH);
            paths.any(|r| event.value(r, name).is_some_and(|v| !is_absent(v)))
        })
    }

    /// Notes a field whose plain key another has, once a rule.
    fn later(&mut self, plain: Option<Key>, role: Role, place: Place, id: RuleId) {
        let Some(key) = plain else {
            return self.note_typed(id);
        };
        let owner = self.format.keys.owner(key);
        // The first key of this record has taken all of its keys along, the first PATH all of the names.
        if (role == Role::RuleKey && owner == Some(place.number)) || (role == Role::PathName && self.full) {
            return;
        }
        if self.full {
            self.note_typed(id);
        }
    }

    fn note_typed(&mut self, id: RuleId) {
        if self.full {
            self.format.rules.note(id);
            self.format.work.has_typed = true;
        }
    }

    /// Names that belong to ids.
    fn named(&mut self, role: Role, place: Place) {
        let text = place.text();
        match role {
            Role::Uid => {
                let key = self.begin(self.format.fixed.user);
                let user = self.meanings.user(place);
                put(self.out, &mut self.format.work.bytes, key, user);
            }
            Role::Auid if text != UNSET && text != b"-1" => {
                let key = self.begin(self.format.fixed.originaluser);
                let user = self.meanings.user(place);
                put(self.out, &mut self.format.work.bytes, key, user);
            }
            Role::Ppid => {
                if let Some(ppid) = number(text)
                    && let Some(name) = self.format.processes.name(self.node, ppid, place.event.stamp.seconds)
                {
                    let key = self.format.keys.take_or_extend(self.format.fixed.parentprocess, usize::MAX);
                    self.out.extend_from_slice(self.format.keys.json(key));
                    put(self.out, &mut self.format.work.bytes, key, name);
                }
            }
            _ => (),
        }
    }

    /// The rule keys of one record: a string for one, a list for several.
    fn rule_keys(&mut self, key: Key, place: Place) {
        let event = place.event;
        let fields = event.fields(place.record);
        let is_key = |f: &&Field| event.bytes(f.name) == b"key" && !is_absent(event.bytes(f.value));
        if fields.iter().filter(is_key).count() == 1 {
            let value = self.meanings.value(place, Type::Escaped, None);
            put(self.out, &mut self.format.work.bytes, key, value);
            return;
        }
        self.out.push(b'[');
        for (i, field) in fields.iter().filter(is_key).enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            let value = self.meanings.value(Place { field: *field, ..place }, Type::Escaped, None);
            let value = value.to_vec();
            if !self.entry(&value) {
                self.format.work.bytes.push((key, value));
            }
        }
        self.out.push(b']');
    }

    /// Notes what the event says about processes, for the events after it.
    fn remember(&mut self) {
        let Some(pid) = self.format.work.pid else {
            return;
        };
        let comm = &self.format.work.comm;
        if comm.is_empty() {
            return;
        }
        self.format.processes.note(self.node, pid, comm);
        // A new process has its parent's name until it executes something.
        let makes = self.scene.call.map(|call| self.meanings.call_name(call));
        if matches!(makes, Some(b"clone" | b"clone3" | b"fork" | b"vfork"))
            && let Some(child) = self.scene.value(self.scene.syscall, b"exit").and_then(number)
            && child > 0
        {
            self.format.processes.note(self.node, child, comm);
        }
    }
}

/// Appends a value, and notes its exact bytes when it isn't UTF-8.
fn put(out: &mut Vec<u8>, exact: &mut Vec<(Key, Vec<u8>)>, key: Key, value: &[u8]) {
    if !json::value(out, value) {
        exact.push((key, value.to_vec()));
    }
}

/// `success` as MozDef's index maps it.
pub(super) fn truth(text: &[u8]) -> &[u8] {
    match text {
        b"yes" | b"1" => b"true",
        b"no" | b"0" => b"false",
        other => other,
    }
}

fn number(text: &[u8]) -> Option<u32> {
    str::from_utf8(text).ok()?.parse().ok()
}
