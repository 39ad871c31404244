//! Writes `process` and `process.parent`.

use super::{fields::KnownField, gather::Gather, object::Objects};
use crate::{
    buffer::{self, give_back},
    event::{to_number, unquoted},
    format::{arguments::Arguments, json},
    processes::Processes,
};

/// Reads a process number, which ECS stores as a `long`.
fn number(text: &[u8]) -> Option<u32> {
    to_number(unquoted(text))
}

/// Writes `process`. Notes the process for later events of its child processes.
pub(super) fn write(
    gather: &mut Gather,
    arguments: &Arguments,
    processes: &mut Processes,
    words: &mut [Vec<u8>; 2],
    out: &mut Vec<u8>,
) {
    let event = gather.view.event;
    let (pid, ppid) = (number(gather.found.text(KnownField::Pid)), number(gather.found.text(KnownField::Ppid)));
    for (slot, number) in [(KnownField::Pid, pid), (KnownField::Ppid, ppid)] {
        // A value that isn't a number can't go to a number's field.
        if number.is_none()
            && let Some(found) = gather.found.get(slot)
        {
            gather.flat.note_qualified(found.id);
        }
    }
    for word in words.iter_mut() {
        give_back(word, buffer::WORDS);
    }
    let [comm, exe] = words;
    gather.interpreted(KnownField::Comm, comm);
    gather.interpreted(KnownField::Exe, exe);

    let mut objects = Objects { out };
    let process = objects.open("process");
    if let Some(pid) = pid {
        objects.number("pid", pid.into());
    }
    text(&mut objects, "name", comm, gather, "comm");
    text(&mut objects, "executable", exe, gather, "exe");
    if arguments.len() > 0 {
        objects.name("args");
        if !arguments.write(json::Strings::Whole, objects.out) {
            let key = gather.flat.state.keys.key(b"argv_hex");
            gather.flat.begin(key);
            arguments.write_hex(json::Strings::Whole, gather.flat.out);
        }
        objects.number("args_count", arguments.len() as u64);
        objects.text("command_line", arguments.command());
    }
    for (slot, name, field) in
        [(KnownField::Title, "title", "proctitle"), (KnownField::Cwd, "working_directory", "cwd")]
    {
        let mut value = Vec::new();
        if gather.interpreted(slot, &mut value) {
            text(&mut objects, name, &value, gather, field);
        }
    }
    let node = event.node_id();
    let parent = objects.open("parent");
    if let Some(ppid) = ppid {
        objects.number("pid", ppid.into());
        if let Some(name) = processes.name(node, ppid, event.id.seconds) {
            objects.some("name", name);
        }
        if let Some(program) = processes.program(node, ppid) {
            objects.some("executable", program.executable());
            if program.has_arguments() {
                objects.list("args", program.arguments());
            }
        }
    }
    objects.close(parent);
    objects.close(process);
    if let Some(pid) = pid {
        note(gather, arguments, processes, pid, comm, exe);
    }
}

/// Notes the event's process for later events.
fn note(gather: &Gather, arguments: &Arguments, processes: &mut Processes, pid: u32, comm: &[u8], exe: &[u8]) {
    let event = gather.view.event;
    let node = event.node_id();
    let call = gather.view.call_name(gather.flat.interpreter);
    if call.is_some() && !comm.is_empty() {
        processes.note(node, pid, comm);
        let succeeded =
            gather.found.get(KnownField::Result).is_some_and(|f| super::fields::result(f.place.text()) == b"success");
        let began = (arguments.len() > 0 && succeeded).then_some(arguments);
        processes.note_program(node, pid, exe, began.map(Arguments::iter));
        // A new process is a copy of its parent until it executes a program.
        if matches!(call, Some(b"clone" | b"clone3" | b"fork" | b"vfork"))
            && let Some(child) = event.value(&event.records()[gather.view.main], b"exit").and_then(number)
            && child > 0
        {
            processes.note(node, child, comm);
            processes.inherit(node, pid, child);
        }
    }
}

/// Writes a text. If it isn't UTF-8, its exact bytes go to `auditd.data`.
fn text(objects: &mut Objects, name: &str, value: &[u8], gather: &mut Gather, field: &str) {
    if !value.is_empty() && !objects.text(name, value) {
        let state = &mut *gather.flat.state;
        state.bytes.push((state.keys.key(field.as_bytes()), value.to_vec()));
    }
}
