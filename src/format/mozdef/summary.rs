//! `summary`: one line for people. Alerts in use match its second word.

use super::{
    category::{self, Category},
    view::EventView,
};
use crate::{
    address::{self, Address},
    auparse::{Interpreter, Type},
    event::record_type,
    format::{arguments::Arguments, json},
};

/// The longest summary, in characters.
const MAX_CHARS: usize = 256;
/// The most bytes of a value that are used. 256 characters need at most this many bytes, escapes included.
const MAX_BYTES: usize = 4 * MAX_CHARS;

/// Appends the summary. [`cut`] shortens it later.
pub(super) fn write(
    view: &EventView,
    category: Category,
    arguments: &Arguments,
    interpreter: &mut Interpreter,
    line: &mut Vec<u8>,
) {
    line.extend_from_slice(category.title().as_bytes());
    let mut line = Line { view, interpreter, out: line };
    match category {
        Category::Time | Category::Socket | Category::Listen => (),
        Category::Execve if arguments.len() > 0 => line.after(b": ", arguments.command()),
        Category::Execve => line.execve(),
        Category::Write | Category::Read | Category::Attribute | Category::Chmod | Category::Chown => {
            line.after(b": ", b"");
            if !line.path() && !line.descriptor() {
                line.title_alone(category);
            }
        }
        Category::Ptrace => {
            if let Some(target) = view.obj_pid {
                line.after(b": ", b"");
                line.of(target, b"ocomm");
            }
        }
        Category::Connect | Category::Bind | Category::Accept => line.address(),
        Category::Promiscuous => line.promiscuous(),
        Category::AppArmor => line.apparmor(),
        Category::SeLinux => line.selinux(),
        Category::Syscall => line.syscall(),
        Category::Record => line.record(),
    }
}

struct Line<'a, 'p> {
    view: &'a EventView<'a>,
    interpreter: &'a mut Interpreter<'p>,
    out: &'a mut Vec<u8>,
}

impl Line<'_, '_> {
    fn after(&mut self, separator: &[u8], text: &[u8]) {
        self.out.extend_from_slice(separator);
        self.out.extend_from_slice(&text[..text.len().min(MAX_BYTES)]);
    }

    /// Appends the decoded value of a field of one record. Returns false when the record has no such field.
    fn of(&mut self, number: usize, name: &[u8]) -> bool {
        let Some(place) = self.view.event.field(number, name) else { return false };
        let is_path = place.record.record_type == record_type::PATH;
        let kind = if is_path { Type::Escaped } else { self.interpreter.field_type(place) };
        let value = self.interpreter.value(place, kind, None);
        self.out.extend_from_slice(&value[..value.len().min(MAX_BYTES)]);
        true
    }

    /// Like [`Line::of`], for the first record of a type.
    fn field(&mut self, kind: i32, name: &[u8]) -> bool {
        self.view.event.places(kind).next().is_some_and(|number| self.of(number, name))
    }

    /// Appends the name of the last PATH record that has one. Returns false when none has.
    fn path(&mut self) -> bool {
        self.view.last_named_path().is_some_and(|number| self.of(number, b"name"))
    }

    /// Appends the file descriptor that the call got. Returns false when its first argument isn't one.
    fn descriptor(&mut self) -> bool {
        let Some(call) = self.view.call else { return false };
        match self.view.value(self.view.syscall, b"a0") {
            // AT_FDCWD is the working directory, and no descriptor.
            Some(fd)
                if fd != b"ffffff9c"
                    && fd != b"ffffffffffffff9c"
                    && category::takes_descriptor(self.interpreter.syscall_name(call)) =>
            {
                self.after(b"fd ", fd);
                true
            }
            _ => false,
        }
    }

    /// An execve without its arguments: it failed, or a rule excludes EXECVE records.
    fn execve(&mut self) {
        self.after(b": ", b"");
        if self.field(record_type::PROCTITLE, b"proctitle") || self.path() {
            return;
        }
        // After a success the record names the new program, after a failure the one that went on.
        if !(self.view.succeeded() && self.view.syscall.is_some_and(|number| self.of(number, b"exe"))) {
            self.title_alone(Category::Execve);
        }
    }

    /// Takes back the separator, when nothing is known about the call's object.
    fn title_alone(&mut self, category: Category) {
        self.out.truncate(category.title().len());
    }

    fn address(&mut self) {
        let Some(saddr) = self.view.value(self.view.sockaddr, b"saddr") else { return };
        match Address::read(saddr) {
            Some(address) => self.after(b": ", &address.shown()),
            None => {
                let family = Address::family(saddr).and_then(address::family_name);
                self.after(b": ", family.map_or(saddr, str::as_bytes));
            }
        }
    }

    fn promiscuous(&mut self) {
        let Some(number) = self.view.promiscuous else {
            return;
        };
        self.after(b": Interface ", b"");
        self.of(number, b"dev");
        let prom = self.view.value(Some(number), b"prom").and_then(|v| str::from_utf8(v).ok()?.parse::<u64>().ok());
        // IFF_PROMISC (<linux/if.h>)
        let on = prom.unwrap_or(0) & 256 != 0;
        self.after(b" set promiscuous ", if on { b"on" } else { b"off" });
    }

    fn apparmor(&mut self) {
        let Some(number) = self.view.avc else { return };
        self.after(b": ", b"");
        if !self.of(number, b"info") {
            self.of(number, b"operation");
        }
    }

    fn selinux(&mut self) {
        let Some(number) = self.view.avc else { return };
        if let Some(result) = self.view.value(Some(number), b"seresult") {
            self.after(b": ", result);
            let permissions = self.view.value(Some(number), b"seperms").unwrap_or_default();
            let listed: Vec<u8> = permissions.iter().map(|b| if *b == b',' { b' ' } else { *b }).collect();
            self.after(b" { ", &listed);
            self.after(b" }", b"");
        } else {
            self.after(b":", b"");
        }
        self.after(b" ", b"");
        let _ = self.of(number, b"path") || self.of(number, b"name") || self.of(number, b"comm");
        // A USER_AVC record usually has none of these. It names the program that asked.
        if self.out.ends_with(b" ") && !self.of(number, b"exe") {
            self.out.pop();
        }
    }

    fn syscall(&mut self) {
        let name = match self.view.call {
            Some(call) => self.interpreter.syscall_name(call).to_vec(),
            None => Vec::new(),
        };
        self.after(b": ", &name);
    }

    /// `<TYPE>: <op or exe or acct> <res>`
    fn record(&mut self) {
        let event = self.view.event;
        self.after(b"", event.bytes(self.view.record(0).name));
        self.out.push(b':');
        for names in [&[&b"op"[..], b"exe", b"acct"][..], &[b"res"]] {
            self.out.push(b' ');
            // Searches the first record, then the others.
            let said = names.iter().any(|name| self.of(0, name))
                || names.iter().any(|name| (1..event.records().len()).any(|number| self.of(number, name)));
            if !said {
                self.out.pop();
            }
        }
        if self.out.ends_with(b":") {
            self.out.pop();
        }
    }
}

/// Appends the summary as the content of a JSON string, with at most 256 characters and without control characters.
pub(super) fn cut(line: &[u8], out: &mut Vec<u8>) {
    let line = &line[..line.len().min(2 * MAX_BYTES)];
    if line.len() <= MAX_CHARS && line.iter().all(|b| (0x20..0x7f).contains(b)) {
        json::escape(out, line);
        return;
    }
    let text: String =
        json::to_text(line).chars().take(MAX_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    json::escape(out, text.as_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cut_to(line: &[u8]) -> String {
        let mut out = vec![b'"'];
        cut(line, &mut out);
        out.push(b'"');
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_summary_is_one_short_line() {
        assert_eq!(cut_to(b"Execve: a\nb\tc\x7f"), "Execve: a b c ");
        assert_eq!(cut_to("ä".repeat(300).as_bytes()), "ä".repeat(256));
        assert_eq!(cut_to(&[b'x'; 300]), "x".repeat(256));
        assert_eq!(cut_to(b"a\xffb"), r"a\xffb");
        assert_eq!(cut_to("a\u{85}b\"".as_bytes()), "a b\"");
    }
}
