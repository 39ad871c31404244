//! Writes `process` and `process.parent`.

use super::{fields::KnownField, gather::Gather, object::Objects};
use crate::{
    buffer::{self, give_back},
    enrich::Context,
    event::{to_number, unquoted},
    format::json,
};

/// Reads a process number, which ECS stores as a `long`.
fn number(text: &[u8]) -> Option<u32> {
    to_number(unquoted(text))
}

/// Writes `process`.
pub(super) fn write(gather: &mut Gather, context: &Context, words: &mut [Vec<u8>; 2], out: &mut Vec<u8>) {
    let arguments = context.arguments;
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
    let parent = objects.open("parent");
    if let Some(ppid) = ppid {
        write_parent(&mut objects, ppid, context, comm);
    }
    objects.close(parent);
    objects.close(process);
}

/// Writes what is known of the parent.
fn write_parent(objects: &mut Objects, ppid: u32, context: &Context, scratch: &mut Vec<u8>) {
    objects.number("pid", ppid.into());
    let Some(parent) = context.parent(ppid) else { return };
    objects.some("name", parent.name());
    objects.some("executable", parent.executable());
    if parent.has_arguments() {
        objects.list("args", parent.arguments());
        objects.number("args_count", parent.argument_count() as u64);
        scratch.clear();
        parent.append_command_line(scratch);
        objects.text("command_line", scratch);
    }
}

/// Writes a text. If it isn't UTF-8, its exact bytes go to `auditd.data`.
fn text(objects: &mut Objects, name: &str, value: &[u8], gather: &mut Gather, field: &str) {
    if !value.is_empty() && !objects.text(name, value) {
        let state = &mut *gather.flat.state;
        state.bytes.push((state.keys.key(field.as_bytes()), value.to_vec()));
    }
}
