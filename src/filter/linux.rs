//! The answers of a Linux audit event to the questions of filters.

use super::subject::{Scratch, Subject, TextScope, is_of};
use crate::{
    address,
    auparse::{Interpreter, Syscall, Type, syscall_names},
    event::{Field, FieldRef, LinuxEvent, Record, is_absent, record_type, to_number},
    paths,
};
use memchr::memmem;
use std::net::IpAddr;

/// An event, as filters see it.
pub(super) struct LinuxSubject<'a, 'e, 'p> {
    event: &'e LinuxEvent,
    interpreter: &'a mut Interpreter<'p>,
    scratch: &'a mut Scratch,
    /// The record that names the actor and the action: SYSCALL, or URINGOP for a request in an io_uring. Filters see
    /// its fields. In an event without it they see the first field of each name.
    subject: Option<usize>,
    syscall_field: Option<Field>,
    uid: Option<FieldRef<'e>>,
    auid: Option<FieldRef<'e>>,
    exe: Option<FieldRef<'e>>,
    /// The first key. Further keys are in the same record.
    key: Option<FieldRef<'e>>,
    /// The system call, after the first question for it.
    syscall: Option<Option<Syscall>>,
}

impl<'a, 'e, 'p> LinuxSubject<'a, 'e, 'p> {
    pub(super) fn new(event: &'e LinuxEvent, interpreter: &'a mut Interpreter<'p>, scratch: &'a mut Scratch) -> Self {
        let first = |kind| event.records().iter().position(|r| r.record_type == kind);
        let subject = first(record_type::SYSCALL).or_else(|| first(record_type::URINGOP));
        let mut view = Self {
            event,
            interpreter,
            scratch,
            subject,
            syscall_field: None,
            uid: None,
            auid: None,
            exe: None,
            key: None,
            syscall: None,
        };
        match subject {
            Some(number) => view.note_fields(number),
            None => (0..event.records().len()).for_each(|number| view.note_fields(number)),
        }
        view
    }

    /// Notes the fields of a record that filters ask for, unless an earlier record had them.
    fn note_fields(&mut self, number: usize) {
        let event = self.event;
        let Some(record) = event.records().get(number) else { return };
        for field in event.fields(record) {
            let found = match event.bytes(field.name) {
                b"uid" => &mut self.uid,
                b"auid" => &mut self.auid,
                b"exe" => &mut self.exe,
                b"key" => &mut self.key,
                b"syscall" => {
                    self.syscall_field.get_or_insert(*field);
                    continue;
                }
                _ => continue,
            };
            if !is_absent(event.bytes(field.value)) {
                found.get_or_insert(FieldRef { event, number, record, field: *field });
            }
        }
    }

    fn syscall(&mut self) -> Option<Syscall> {
        if let Some(known) = self.syscall {
            return known;
        }
        let record = self.subject.and_then(|number| Some((number, self.event.records().get(number)?)));
        let record = record.filter(|(_, record)| record.record_type == record_type::SYSCALL);
        let syscall = record.and_then(|(number, record)| self.interpreter.syscall(self.event, number, record));
        self.syscall = Some(syscall);
        syscall
    }

    /// True when the relative names of the event's files begin at the working directory.
    fn is_relative_to_cwd(&mut self) -> bool {
        // A request in an io_uring has its own arguments. No record holds them.
        if self.event.first(record_type::URINGOP).is_some() {
            return false;
        }
        let Some(syscall) = self.syscall() else { return false };
        let event = self.event;
        let record = self.subject.and_then(|number| event.records().get(number));
        let argument = |name: &[u8]| record.and_then(|record| event.value(record, name));
        paths::begins_at_cwd(syscall_names(self.interpreter.syscall_name(syscall)).0, argument)
    }

    /// The directory of the first CWD record, if relative names begin there.
    fn working_directory(&mut self) -> Option<FieldRef<'e>> {
        let begins_there = self.is_relative_to_cwd();
        let number = self.event.places(record_type::CWD).next().filter(|_| begins_there)?;
        self.event.field(number, b"cwd")
    }
}

impl Subject for LinuxSubject<'_, '_, '_> {
    fn lacks_key(&self) -> bool {
        self.subject.is_some() && self.key.is_none()
    }

    fn record_types(&self) -> impl Iterator<Item = i32> {
        self.event.records().iter().map(|record| record.record_type)
    }

    fn syscall_number(&self) -> Option<u32> {
        self.syscall_field.and_then(|field| to_number(self.event.bytes(field.value)))
    }

    fn syscall_names(&mut self) -> Option<(&[u8], Option<&[u8]>)> {
        let syscall = self.syscall()?;
        Some(syscall_names(self.interpreter.syscall_name(syscall)))
    }

    fn uid(&self) -> Option<u32> {
        self.uid.and_then(id)
    }

    fn auid(&self) -> Option<u32> {
        self.auid.and_then(id)
    }

    fn user(&mut self) -> Option<&[u8]> {
        self.interpreter.user(self.uid?)
    }

    fn exe(&mut self) -> Option<&[u8]> {
        let place = self.exe?;
        Some(self.interpreter.value(place, Type::Escaped, None))
    }

    fn any_key(&mut self, mut is_wanted: impl FnMut(&[u8]) -> bool) -> bool {
        let Some(first) = self.key else { return false };
        let event = self.event;
        let mut its = event.fields(first.record).iter().filter(|f| event.bytes(f.name) == b"key");
        its.any(|field| is_wanted(self.interpreter.value(FieldRef { field: *field, ..first }, Type::Escaped, None)))
    }

    fn any_path(&mut self, mut is_wanted: impl FnMut(&[u8]) -> bool) -> bool {
        let event = self.event;
        // The directory of relative names. It is found at the first relative name.
        let mut cwd: Option<Option<FieldRef>> = None;
        for number in event.places(record_type::PATH) {
            let Some(name) = event.field(number, b"name") else { continue };
            self.scratch.bytes.clear();
            if !paths::append_absolute(&mut self.scratch.bytes, self.interpreter.value(name, Type::Escaped, None)) {
                let place = *cwd.get_or_insert_with(|| self.working_directory());
                let Some(place) = place else { continue };
                let path = &mut self.scratch.bytes;
                if !paths::append_absolute(path, self.interpreter.value(place, Type::Escaped, None)) {
                    continue;
                }
                paths::append_relative(path, self.interpreter.value(name, Type::Escaped, None));
            }
            if is_wanted(&self.scratch.bytes) {
                return true;
            }
        }
        false
    }

    fn any_endpoint(&mut self, mut is_wanted: impl FnMut(IpAddr, u16) -> bool) -> bool {
        let mut sockets = self.event.records().iter().filter(|r| r.record_type == record_type::SOCKADDR);
        sockets.any(|record| {
            let saddr = self.event.value(record, b"saddr");
            let endpoint = saddr.and_then(|saddr| address::internet(saddr, &mut self.scratch.bytes));
            endpoint.is_some_and(|(host, port)| is_wanted(host, port))
        })
    }

    fn any_text(&mut self, scope: TextScope, mut is_wanted: impl FnMut(&[u8]) -> bool) -> bool {
        let event = self.event;
        let mut records = event.records().iter().filter(|r| r.record_type != record_type::EOE);
        match scope {
            TextScope::RecordsOf(types) => {
                let mut records = event.records().iter().filter(|r| is_of(types, r.record_type));
                records.any(|record| is_wanted(body(event, record)))
            }
            TextScope::Records => records.any(|record| is_wanted(body(event, record))),
            TextScope::Joined => {
                let joined = &mut self.scratch.joined;
                if joined.is_empty() {
                    for (n, record) in records.enumerate() {
                        if n > 0 {
                            joined.push(b' ');
                        }
                        joined.extend_from_slice(body(event, record));
                    }
                }
                is_wanted(joined)
            }
        }
    }
}

/// The id that a field holds.
fn id(place: FieldRef) -> Option<u32> {
    match place.text() {
        // Old kernels and programs write an unset id like this.
        b"-1" => Some(u32::MAX),
        text => to_number(text),
    }
}

/// The text of a record after its head `audit(…): `.
fn body<'e>(event: &'e LinuxEvent, record: &Record) -> &'e [u8] {
    let text = event.bytes(record.text);
    let Some(head) = memmem::find(text, b"audit(") else { return text };
    let Some(end) = memmem::find(&text[head..], b"):") else { return text };
    let rest = &text[head + end + 2..];
    rest.strip_prefix(b" ").unwrap_or(rest)
}
