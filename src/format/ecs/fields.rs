//! The place of each field in an ECS document, and the way to read its value.

use crate::{
    auparse::{Interpreter, Syscall, Type, syscall_names},
    event::{FieldRef, is_unknown, record_type, unquoted},
    format::flat::{FieldMapping, RuleSpec},
};
use std::borrow::Cow;

/// The place that a field goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// `auditd.data`, under the field's name.
    Data,
    /// A place of its own in the document. A second field of the same name goes to `auditd.data`.
    Place(KnownField),
    /// Like `Place`, but only for a field of the event's main record.
    Main(KnownField),
    /// `tags`, for a rule key.
    Key,
    /// A security label, which is split into its parts.
    Label,
    /// An object with the parts of the address, for `saddr` of a SOCKADDR record.
    Socket,
    /// The source, for `addr` if it holds an address.
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
    /// The number of these fields.
    pub(super) const COUNT: usize = Self::Subject as usize + 1;
}

/// The way to read a value for `auditd.data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Names and texts are decoded. Everything else stays as recorded, and its interpretation goes to
    /// `auditd.interpreted`.
    Decoded,
    /// The value is replaced by its name: system calls, machines, signals.
    Named,
    /// For `exit`: the name of the error, without its description.
    Exit,
}

/// The role of a field in an ECS document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ecs {
    pub(super) goes: Destination,
    reading: Reading,
    /// libauparse's type of the field.
    pub(super) meaning: Type,
}

impl Ecs {
    /// True when libauparse's interpretation may add to the value in `auditd.data`.
    pub(super) fn is_interpreted(self) -> bool {
        self.reading == Reading::Decoded && !matches!(self.meaning, Type::Text | Type::Escaped | Type::Proctitle)
    }
}

impl FieldMapping for Ecs {
    /// Replaces dots, because Elasticsearch would turn a key with dots into nested objects.
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
        let is_call = matches!(kind, record_type::SYSCALL | record_type::SECCOMP);
        let reading = match name {
            b"syscall" | b"arch" if is_call => Reading::Named,
            b"sig" if kind == record_type::SECCOMP => Reading::Named,
            b"exit" => Reading::Exit,
            _ => Reading::Decoded,
        };
        // For typed input, libauparse's interpretation names each key. The value in `auditd.data` is the bytes
        // themselves.
        let typed = name == b"data" && matches!(kind, record_type::TTY | record_type::USER_TTY);
        let value = match (reading, meaning) {
            (Reading::Decoded, _) if typed => Type::Escaped,
            (Reading::Decoded, Type::Escaped | Type::Proctitle) => meaning,
            (Reading::Decoded, _) => Type::Text,
            _ => meaning,
        };
        let plain = match name {
            b"success" | b"res" => Some(b"result".to_vec()),
            // The object with the address of a SOCKADDR record uses this key.
            b"socket" => None,
            // Elasticsearch rejects a document that has a blank key.
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

/// The value of `success` or `res`, in the reference's words.
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
