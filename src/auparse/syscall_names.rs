//! Finds the names of system calls and their machines.

use super::{
    decode::appended,
    interpreter::Interpreter,
    syscall::{Small, Syscall, SyscallNames, is_multiplexer, syscall_names},
    tables,
};
use crate::event::{Field, FieldRef, LinuxEvent, Record, unquoted};

/// A system call whose key is longer than this, in bytes, counts as unknown.
const MAX_KEY: usize = 1024;

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
        let names = found.and_then(|id| self.memory.call_names.get(id as usize));
        self.has_own_numbers |= names.is_some_and(|names| names.has_own_numbers);
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
        let has_own_numbers = tables::has_own_numbers(arch);
        let arch = known(b"arch").or_else(|| tables::machine_name(machine?)).unwrap_or(arch);
        SyscallNames { arch: Box::from(arch), name, has_table: machine.is_some(), has_own_numbers }
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
