//! System calls: their names and their machines.

use super::{decode::appended, interpreter::Interpreter, tables};
use crate::event::{Field, FieldRef, LinuxEvent, Record, unquoted};
use memchr::memchr;

/// A system call whose key is longer than this, in bytes, counts as unknown.
const MAX_KEY: usize = 1024;

/// A system call with its machine, named by the fields `arch` and `syscall` of a SYSCALL record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syscall {
    pub(super) id: u32,
    /// The first two arguments, if they are short. The meaning of the others can depend on them.
    pub(super) arguments: [Small; 2],
}

/// A short text that is cheap to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Small {
    bytes: [u8; 7],
    len: u8,
}

impl Small {
    /// The text, if it has at most `most` bytes (7 or less); else an empty one.
    fn new(text: &[u8], most: usize) -> Self {
        let mut small = Self::default();
        match small.bytes.get_mut(..text.len()) {
            Some(start) if text.len() <= most => {
                start.copy_from_slice(text);
                small.len = u8::try_from(text.len()).unwrap_or(0);
            }
            _ => (),
        }
        small
    }

    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }

    pub(super) fn to_bytes(self) -> [u8; 8] {
        let [a, b, c, d, e, f, g] = self.bytes;
        [a, b, c, d, e, f, g, self.len]
    }
}

/// The names of a system call and its machine.
#[derive(Debug)]
pub(super) struct SyscallNames {
    pub(super) arch: Box<[u8]>,
    pub(super) name: Box<[u8]>,
    /// True when libaudit has the machine's calls. libauparse knows the arguments of these alone.
    pub(super) has_table: bool,
}

impl Interpreter<'_> {
    /// The system call of a SYSCALL record; `None` when the record has no `syscall` field.
    pub fn syscall(&mut self, event: &LinuxEvent, number: usize, record: &Record) -> Option<Syscall> {
        let (mut arch, mut syscall) = (None, None);
        let (mut a0, mut a1) = (&b""[..], &b""[..]);
        for field in event.fields(record).iter().take(12) {
            match event.bytes(field.name) {
                b"arch" if arch.is_none() => arch = Some(*field),
                b"syscall" if syscall.is_none() => syscall = Some(*field),
                b"a0" => a0 = event.bytes(field.value),
                b"a1" => {
                    a1 = event.bytes(field.value);
                    break;
                }
                _ => (),
            }
        }
        let arguments = [Small::new(a0, 4), Small::new(a1, 6)];
        let syscall = syscall?;
        let enriched = event.bytes(record.enriched);
        let mut key = std::mem::take(&mut self.memory.key);
        key.clear();
        // libauparse reads these fields by their places in the record, so the places are part of the key.
        for field in [arch, Some(syscall)].into_iter().flatten() {
            key.extend_from_slice(&field.number.to_ne_bytes());
            key.extend_from_slice(event.bytes(field.value));
            key.push(0);
        }
        for name in [&b"arch"[..], b"syscall"] {
            key.extend_from_slice(appended(enriched, name).unwrap_or_default());
            key.push(0);
        }
        let mut found = self.memory.calls.get(&key[..]).copied();
        if found.is_some_and(|id| is_multiplexer(&self.memory.call_names[id as usize].name)) {
            // The first argument of socketcall and ipc selects the actual call.
            key.extend_from_slice(a0);
            found = self.memory.calls.get(&key[..]).copied();
        }
        if found.is_none() && key.len() <= MAX_KEY {
            let place = FieldRef { event, number, record, field: syscall };
            let names = self.names_of_call(place, arch);
            let id = u32::try_from(self.memory.call_names.len()).ok()?;
            self.memory.call_names.push(names);
            self.memory.calls.insert(Box::from(&key[..]), id);
            found = Some(id);
        }
        self.memory.key = key;
        found.map(|id| Syscall { id, arguments })
    }

    /// Finds the names of a call and its machine: those that auditd appended, else libaudit's. `place` is the field
    /// `syscall`. A number without a name stays as recorded, because it is another call on another machine.
    fn names_of_call(&mut self, place: FieldRef, arch: Option<Field>) -> SyscallNames {
        let event = place.event;
        let enriched = event.bytes(place.record.enriched);
        let known = |name| appended(enriched, name).filter(|known| !known.starts_with(b"unknown"));
        let arch = arch.map_or(&b""[..], |field| unquoted(event.bytes(field.value)));
        let machine = tables::machine(arch);
        let name = match (known(b"syscall"), machine) {
            (Some(known), _) => Box::from(known),
            (None, Some(machine)) => self.name_of_call(place, machine),
            (None, None) => Box::from(unquoted(place.text())),
        };
        let arch = known(b"arch").or_else(|| tables::machine_name(machine?)).unwrap_or(arch);
        SyscallNames { arch: Box::from(arch), name, has_table: machine.is_some() }
    }

    /// libauparse's name of a call, with the actual call of a multiplexer. It takes a machine that it doesn't know for
    /// this one, so its answer counts only if libaudit has that name for the record's machine.
    fn name_of_call(&mut self, place: FieldRef, machine: i32) -> Box<[u8]> {
        let number = unquoted(place.text());
        let name = tables::call_name(number, machine);
        let answer = self.lookup(place).filter(|answer| name == Some(syscall_names(answer).0));
        Box::from(answer.unwrap_or(number))
    }

    /// The name of the call: `openat`, `socketcall(connect)`, or its number if libaudit doesn't know it.
    pub fn syscall_name(&self, call: Syscall) -> &[u8] {
        self.memory.call_names.get(call.id as usize).map_or(b"", |c| &c.name)
    }

    /// The name of the machine: `x86_64`.
    pub fn call_arch(&self, call: Syscall) -> &[u8] {
        self.memory.call_names.get(call.id as usize).map_or(b"", |c| &c.arch)
    }
}

/// Splits a name that libauparse gives from its addition in brackets: the actual call of a multiplexer
/// (`socketcall(connect)`), or the description of an error.
pub fn syscall_names(name: &[u8]) -> (&[u8], Option<&[u8]>) {
    match name.strip_suffix(b")").and_then(|name| Some((name, memchr(b'(', name)?))) {
        Some((name, at)) => (&name[..at], Some(&name[at + 1..])),
        None => (name, None),
    }
}

/// True for socketcall and ipc. Each is several calls in one, selected by the first argument.
fn is_multiplexer(name: &[u8]) -> bool {
    name.starts_with(b"socketcall") || name.starts_with(b"ipc")
}
