//! What each field is to an ECS document, and how its value is read.

use crate::{
    auparse::{Interpreter, Syscall, Type, syscall_names},
    event::{FieldRef, is_unknown, record_type, unquoted},
    format::flat::{FieldMapping, RuleSpec},
};
use std::borrow::Cow;

/// Record types that only this format tells apart (`<linux/audit.h>`, `<libaudit.h>`).
pub(super) mod record {
    pub const USER_TTY: i32 = 1124;
    pub const TTY: i32 = 1319;
    pub const NETFILTER_PKT: i32 = 1324;
    pub const SECCOMP: i32 = 1326;
}

/// Where a field goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// To `auditd.data`, under its name.
    Data,
    /// To a place of its own in the document; a second one of the event goes to `auditd.data`.
    Place(KnownField),
    /// As above, when the event's main record has it.
    Main(KnownField),
    /// A rule key: to `tags`.
    Key,
    /// A security label, which is taken apart into its pieces.
    Label,
    /// `saddr` of a SOCKADDR record.
    Socket,
    /// `addr`: where something came from, if it is an address.
    Addr,
}

/// Fields that have a place of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KnownField {
    Pid,
    Ppid,
    Comm,
    Exe,
    Cwd,
    Title,
    Session,
    Result,
    Uid,
    Gid,
    Euid,
    Egid,
    Suid,
    Sgid,
    Fsuid,
    Fsgid,
    Auid,
    Subject,
}

impl KnownField {
    /// How many there are.
    pub(super) const COUNT: usize = Self::Subject as usize + 1;
}

/// How a value in `auditd.data` is read. Where it isn't decoded, interpretation goes to `auditd.interpreted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Names and texts are decoded, everything else is as recorded.
    Decoded,
    /// By its name: system calls, machines, signals.
    Named,
    /// `exit`: the error's name without its description.
    Exit,
}

/// What a field is to an ECS document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ecs {
    pub(super) goes: Destination,
    reading: Reading,
    /// How libauparse would read it.
    pub(super) meaning: Type,
}

impl Ecs {
    /// `auditd.data` doesn't say what libauparse knows of it.
    pub(super) fn is_interpreted(self) -> bool {
        self.reading == Reading::Decoded && !matches!(self.meaning, Type::Text | Type::Escaped | Type::Proctitle)
    }
}

impl FieldMapping for Ecs {
    /// Dots in a key would make objects of it.
    fn name(name: &[u8]) -> Cow<'_, [u8]> {
        if !name.contains(&b'.') {
            return Cow::Borrowed(name);
        }
        name.iter().map(|byte| if *byte == b'.' { b'_' } else { *byte }).collect()
    }

    fn rule(place: FieldRef, _special: bool, meaning: Type) -> RuleSpec<Self> {
        let (name, kind) = (place.event.bytes(place.field.name), place.record.record_type);
        let goes = match name {
            _ if kind == record_type::PATH => {
                if name == b"obj" {
                    Destination::Label
                } else {
                    Destination::Data
                }
            }
            b"saddr" if kind == record_type::SOCKADDR => Destination::Socket,
            b"pid" => Destination::Place(KnownField::Pid),
            b"ppid" => Destination::Place(KnownField::Ppid),
            b"comm" => Destination::Place(KnownField::Comm),
            b"exe" => Destination::Place(KnownField::Exe),
            b"cwd" => Destination::Place(KnownField::Cwd),
            b"proctitle" => Destination::Place(KnownField::Title),
            b"ses" => Destination::Main(KnownField::Session),
            b"success" | b"res" => Destination::Main(KnownField::Result),
            b"uid" => Destination::Main(KnownField::Uid),
            b"gid" => Destination::Main(KnownField::Gid),
            b"euid" => Destination::Main(KnownField::Euid),
            b"egid" => Destination::Main(KnownField::Egid),
            b"suid" => Destination::Main(KnownField::Suid),
            b"sgid" => Destination::Main(KnownField::Sgid),
            b"fsuid" => Destination::Main(KnownField::Fsuid),
            b"fsgid" => Destination::Main(KnownField::Fsgid),
            b"auid" => Destination::Main(KnownField::Auid),
            b"subj" => Destination::Main(KnownField::Subject),
            b"key" => Destination::Key,
            b"addr" => Destination::Addr,
            _ => Destination::Data,
        };
        let is_call = matches!(kind, record_type::SYSCALL | record::SECCOMP);
        let reading = match name {
            b"syscall" | b"arch" if is_call => Reading::Named,
            b"sig" if kind == record::SECCOMP => Reading::Named,
            b"exit" => Reading::Exit,
            _ => Reading::Decoded,
        };
        // What was typed is shown key by key in libauparse's reading; the bytes themselves are the field's value.
        let typed = name == b"data" && matches!(kind, record::TTY | record::USER_TTY);
        let value = match (reading, meaning) {
            (Reading::Decoded, _) if typed => Type::Escaped,
            (Reading::Decoded, Type::Escaped | Type::Proctitle) => meaning,
            (Reading::Decoded, _) => Type::Text,
            _ => meaning,
        };
        let plain = match name {
            b"success" | b"res" => Some(b"result".to_vec()),
            // The address of a SOCKADDR record, which is an object.
            b"socket" => None,
            // A key of nothing but blanks keeps a document out of an index.
            _ if !name.iter().any(u8::is_ascii_graphic) => None,
            _ => Some(Self::name(name).into_owned()),
        };
        RuleSpec { plain, value, role: Self { goes, reading, meaning } }
    }

    fn render<'s>(
        self,
        place: FieldRef<'s>,
        kind: Type,
        call: Option<Syscall>,
        interpreter: &'s mut Interpreter,
    ) -> &'s [u8] {
        let text = place.text();
        if self.goes == Destination::Main(KnownField::Result) && !is_unknown(text) {
            return result(text);
        }
        match self.reading {
            Reading::Decoded if kind == Type::Text => unquoted(text),
            Reading::Decoded => interpreter.value(place, kind, call),
            Reading::Named => match (place.event.bytes(place.field.name), call) {
                (b"syscall", Some(call)) => syscall_names(interpreter.syscall_name(call)).0,
                (b"arch", Some(call)) => interpreter.call_arch(call),
                _ => syscall_names(interpreter.value(place, kind, call)).0,
            },
            Reading::Exit => syscall_names(interpreter.value(place, kind, call)).0,
        }
    }
}

/// What `success` or `res` says, in the reference's words.
pub(super) fn result(text: &[u8]) -> &'static [u8] {
    let text = unquoted(text);
    let is_success = text.eq_ignore_ascii_case(b"yes")
        || text == b"1"
        || text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"suc"));
    if is_success { b"success" } else { b"fail" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_success_or_fail() {
        for text in [&b"yes"[..], b"1", b"success", b"Success", b"\"yes\"", b"YES"] {
            assert_eq!(result(text), b"success", "{text:?}");
        }
        for text in [&b"no"[..], b"0", b"failed", b"", b"su", b"11"] {
            assert_eq!(result(text), b"fail", "{text:?}");
        }
    }
}
