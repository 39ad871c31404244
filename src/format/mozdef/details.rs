//! `details`: one flat object with every field of every record under a key of its own.

use super::{
    rules::{MozDefField, OF_PATH, Role, truth},
    view::EventView,
};
use crate::{
    address::Address,
    auparse::{Syscall, Type},
    config::Details,
    enrich::{Context, Process},
    event::{Field, FieldRef, is_absent, record_type, to_number, unquoted},
    format::{
        flat::{self, Key, Keys, RuleId},
        json,
    },
};

/// Keys that auship derives, or that it looks up by name.
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
        }
    }
}

/// Writes one event's details.
pub(super) struct Writer<'a, 'p> {
    flat: flat::Writer<'a, 'p, MozDefField>,
    fixed: &'a FixedKeys,
    context: &'a Context<'a>,
    view: &'a EventView<'a>,
    full: bool,
    is_socket: bool,
    /// For each field of [`OF_PATH`]: whether a PATH record has it. Found when first needed.
    of_path: [Option<bool>; OF_PATH.len()],
}

impl<'a, 'p> Writer<'a, 'p> {
    /// For one event.
    pub(super) fn new(
        flat: flat::Writer<'a, 'p, MozDefField>,
        fixed: &'a FixedKeys,
        context: &'a Context<'a>,
        view: &'a EventView<'a>,
        which: Details,
    ) -> Self {
        let is_socket = view.syscall_is(flat.interpreter, b"socket");
        Self { flat, fixed, context, view, full: which == Details::Full, is_socket, of_path: Default::default() }
    }

    /// Appends the members of `details`.
    pub(super) fn write(mut self) {
        self.own();
        if let Some(syscall) = self.view.syscall {
            self.record(syscall);
        }
        for number in 0..self.view.event.records().len() {
            if Some(number) != self.view.syscall {
                self.record(number);
            }
        }
        self.flat.write_qualified();
        self.flat.others();
        if self.full {
            self.flat.bytes();
        }
    }
}

impl Writer<'_, '_> {
    /// Writes the members that are derived from the event as a whole.
    fn own(&mut self) {
        let fixed = self.fixed;
        let (serial, types, command, argv) = (fixed.auditserial, fixed.recordtypes, fixed.command, fixed.argv);
        self.flat.state.keys.take(serial, usize::MAX);
        // The first member has no comma before it.
        self.flat.out.extend_from_slice(&self.flat.state.keys.json(serial)[1..]);
        self.flat.out.push(b'"');
        json::number(self.flat.out, self.view.event.id.serial);
        self.flat.out.push(b'"');
        if self.full {
            self.flat.begin(types);
            json::list(self.flat.out, self.view.event.record_types());
        }
        if self.context.arguments.len() > 0 {
            let key = self.flat.begin(command);
            flat::put(
                self.flat.out,
                &mut self.flat.state.bytes,
                json::Strings::Pieces,
                key,
                self.context.arguments.command(),
            );
            if self.full {
                let key = self.flat.begin(argv);
                if !self.context.arguments.write(json::Strings::Pieces, self.flat.out) {
                    let hex = self.flat.state.keys.hex(key);
                    self.flat.begin(hex);
                    self.context.arguments.write_hex(json::Strings::Pieces, self.flat.out);
                }
            }
        }
        if self.full {
            self.paths();
            self.addresses();
        }
    }

    /// Writes all PATH names, if there is more than one PATH record.
    fn paths(&mut self) {
        let (event, view) = (self.view.event, self.view);
        if view.first_path == view.last_path {
            return;
        }
        let mut names = std::mem::take(&mut self.flat.state.values);
        names.clear();
        for number in event.places(record_type::PATH) {
            let name = event.field(number, b"name");
            names.push(name.map_or(b"", |name| self.flat.interpreter.value(name, Type::Escaped, None)));
        }
        self.flat.list(self.fixed.paths, &mut names);
        self.flat.state.values = names;
    }

    /// Writes the source or the destination of a connection.
    fn addresses(&mut self) {
        let Some(call) = self.view.call else { return };
        let fixed = self.fixed;
        let (host_key, port_key) = match self.flat.interpreter.syscall_name(call) {
            b"accept" | b"accept4" => fixed.source,
            b"connect" | b"sendto" | b"sendmsg" => fixed.destination,
            _ => return,
        };
        let saddr = self.view.value(self.view.sockaddr, b"saddr");
        if let Some(Address::Internet(host, port)) = saddr.and_then(Address::read) {
            self.flat.begin(host_key);
            json::string(self.flat.out, host.to_string().as_bytes());
            self.flat.begin(port_key);
            json::string(self.flat.out, port.to_string().as_bytes());
        }
    }

    /// Writes all fields of one record.
    fn record(&mut self, number: usize) {
        let (event, record) = (self.view.event, self.view.record(number));
        if record.record_type == record_type::EOE {
            return;
        }
        let fields = event.fields(record);
        let is_syscall = record.record_type == record_type::SYSCALL;
        let call = if is_syscall { self.view.call } else { None };
        let common = self.flat.state.rules.of_record(event, record);
        for (nth, field) in fields.iter().enumerate() {
            let place = FieldRef { event, number, record, field: *field };
            if let Some(id) = self.flat.rule(common, nth, place, self.full) {
                self.field(place, id, call);
            }
        }
    }

    fn field(&mut self, place: FieldRef, id: RuleId, call: Option<Syscall>) {
        let text = place.text();
        if is_absent(text) {
            return;
        }
        let rule = self.flat.state.rules.get(id);
        if !self.full && !rule.role.classic && !self.is_classic_argument(rule.role.role) {
            return;
        }
        let (role, kind) = (rule.role.role, rule.value);
        let mut plain = rule.plain;
        if let Role::Argument(n) = role
            && self.is_socket
        {
            let fixed = self.fixed;
            plain = Some([fixed.domain, fixed.socket_type, fixed.protocol][usize::from(n)]);
        }
        let of_path = matches!(role, Role::OfPath(n) if self.is_paths(n, place));
        let taken = plain.is_some_and(|key| !of_path && self.flat.state.keys.take(key, place.number));
        let Some(key) = plain.filter(|_| taken) else {
            return self.later(plain, role, place, id);
        };
        // Most fields are written here. They are short and need no interpretation.
        if matches!(role, Role::Plain | Role::OfPath(_) | Role::Comm | Role::Pid)
            && (kind == Type::Text || text[0] == b'"')
            && self.flat.plain(key, place)
        {
            return;
        }
        if role == Role::Plain
            && let Some((meaning, len)) = self.flat.recalled(id, place, kind)
        {
            let meaning = *meaning;
            return self.flat.state.keys.write_plain(key, &meaning, len, self.flat.out);
        }
        self.flat.key(key);
        match role {
            Role::Plain | Role::OfPath(_) | Role::Pid if kind == Type::Text => {
                let value = unquoted(text);
                flat::put(self.flat.out, &mut self.flat.state.bytes, json::Strings::Pieces, key, value);
            }
            Role::Argument(_) if self.is_socket => self.flat.value(key, text),
            Role::Success => {
                self.flat.value(key, truth(text));
            }
            Role::SyscallName | Role::Arch => {
                let value = match call {
                    Some(call) if role == Role::Arch => self.flat.interpreter.call_arch(call),
                    Some(call) => self.flat.interpreter.syscall_name(call),
                    None => text,
                };
                flat::put(self.flat.out, &mut self.flat.state.bytes, json::Strings::Pieces, key, value);
            }
            Role::RuleKey => self.rule_keys(key, place),
            _ => {
                let value = self.flat.interpreter.value(place, kind, call);
                flat::put(self.flat.out, &mut self.flat.state.bytes, json::Strings::Pieces, key, value);
                self.named(role, place);
            }
        }
    }

    /// True for the first arguments of socket(). audisp-json gave them names, so `details = classic` has them too.
    fn is_classic_argument(&self, role: Role) -> bool {
        self.is_socket && matches!(role, Role::Argument(_))
    }

    /// True when a PATH record of the event has a field of this name too. Then the plain key belongs to the file:
    /// `mode` is the file's mode.
    fn is_paths(&mut self, n: u8, place: FieldRef) -> bool {
        let event = place.event;
        *self.of_path[usize::from(n)].get_or_insert_with(|| {
            let name = event.bytes(place.field.name);
            let mut paths = event.records().iter().filter(|r| r.record_type == record_type::PATH);
            paths.any(|r| event.value(r, name).is_some_and(|v| !is_absent(v)))
        })
    }

    /// Notes the rule of a field that can't have its plain key.
    fn later(&mut self, plain: Option<Key>, role: Role, place: FieldRef, id: RuleId) {
        let Some(key) = plain else {
            return self.flat.note_qualified(id);
        };
        let owner = self.flat.state.keys.owner(key);
        // The first `key` field of a record wrote all keys of that record. The member `paths` has the names of all PATH
        // records.
        if (role == Role::RuleKey && owner == Some(place.number)) || (role == Role::PathName && self.full) {
            return;
        }
        if self.full {
            self.flat.note_qualified(id);
        }
    }

    /// Writes the name that belongs to an id.
    fn named(&mut self, role: Role, place: FieldRef) {
        let text = place.text();
        match role {
            Role::Uid => self.user(self.fixed.user, place),
            Role::Auid if !matches!(text, b"4294967295" | b"-1") => self.user(self.fixed.originaluser, place),
            Role::Ppid => {
                let parent = to_number(text).and_then(|ppid| self.context.parent(ppid));
                if let Some(name) = parent.map(Process::name).filter(|name| !name.is_empty()) {
                    let key = self.flat.begin(self.fixed.parentprocess);
                    flat::put(self.flat.out, &mut self.flat.state.bytes, json::Strings::Pieces, key, name);
                }
            }
            _ => (),
        }
    }

    /// Writes the name of a user. An id that isn't looked up has none.
    fn user(&mut self, key: Key, place: FieldRef) {
        let start = self.flat.out.len();
        let key = self.flat.begin(key);
        match self.flat.interpreter.user(place) {
            Some(user) => {
                flat::put(self.flat.out, &mut self.flat.state.bytes, json::Strings::Pieces, key, user);
            }
            None => self.flat.out.truncate(start),
        }
    }

    /// Writes the rule keys of one record: a string for one key, a list for several.
    fn rule_keys(&mut self, key: Key, place: FieldRef) {
        let event = place.event;
        let fields = event.fields(place.record);
        let is_key = |f: &&Field| event.bytes(f.name) == b"key" && !is_absent(event.bytes(f.value));
        if fields.iter().filter(is_key).count() == 1 {
            let value = self.flat.interpreter.value(place, Type::Escaped, None);
            flat::put(self.flat.out, &mut self.flat.state.bytes, json::Strings::Pieces, key, value);
            return;
        }
        self.flat.out.push(b'[');
        for (i, field) in fields.iter().filter(is_key).enumerate() {
            if i > 0 {
                self.flat.out.push(b',');
            }
            let value = self.flat.interpreter.value(FieldRef { field: *field, ..place }, Type::Escaped, None);
            let value = value.to_vec();
            if !self.flat.entry(&value) {
                self.flat.state.bytes.push((key, value));
            }
        }
        self.flat.out.push(b']');
    }
}
