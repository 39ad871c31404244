//! Decides which key each field has in `details`.

use crate::{
    auparse::{Interpreter, Syscall, Type},
    event::{FieldRef, LinuxEvent, Record, record_type, unquoted},
    format::flat::{FieldMapping, RuleSpec},
};

/// The role of a field, besides being a value under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// No other role.
    Plain,
    /// `uid`: also gives `user`.
    Uid,
    /// `auid`: also gives `originaluser`.
    Auid,
    /// `ppid`: also gives `parentprocess`.
    Ppid,
    /// `key`: several keys in one record become one list.
    RuleKey,
    /// `name` of a PATH: also in `paths`.
    PathName,
    /// A field of [`OF_PATH`] in a record that isn't a PATH record.
    OfPath(u8),
    /// `pid` of a SYSCALL record: the process of the event.
    Pid,
    /// `comm` of a SYSCALL record: the name of that process.
    Comm,
    /// `success`: written as `true` or `false`.
    Success,
    /// `syscall` of a SYSCALL record.
    SyscallName,
    /// `arch` of a SYSCALL record.
    Arch,
    /// `a0`, `a1` and `a2` of a SYSCALL record. They have named keys for socket().
    Argument(u8),
}

/// Keys that auship derives. A field with such a name goes to `<type>_<name>`.
const DERIVED: &[&[u8]] = &[
    b"auditserial",
    b"auditkey",
    b"processname",
    b"process",
    b"session",
    b"parentprocess",
    b"user",
    b"originaluid",
    b"originaluser",
    b"command",
    b"path",
    b"domain",
    b"type",
    b"node",
    b"protocol",
    b"aaresult",
    b"aacoperation",
    b"aaprofile",
    b"aacommand",
    b"aaerror",
    b"aaname",
    b"aasrcname",
    b"aaflags",
    b"recordtypes",
    b"argv",
    b"paths",
    b"sourceipaddress",
    b"sourceport",
    b"destinationipaddress",
    b"destinationport",
    b"promiscuous",
    b"old_promiscuous",
];

/// Fields of `details = classic` that keep their audit name and their recorded value.
const AS_RECORDED: &[&[u8]] = &[
    b"pid", b"ppid", b"tty", b"uid", b"gid", b"euid", b"suid", b"fsuid", b"egid", b"sgid", b"fsgid", b"inode", b"dev",
    b"mode", b"ouid", b"ogid", b"rdev",
];

/// Fields whose plain keys belong to the first PATH record, if it has them.
pub(super) const OF_PATH: [&[u8]; 6] = [b"inode", b"dev", b"mode", b"ouid", b"ogid", b"rdev"];

/// Fields of `details = classic` with a key of their own: the audit name of the field, its key, and whether its value
/// is shown as recorded (true) or decoded (false).
const RENAMED: &[(&[u8], &str, bool)] = &[
    (b"comm", "processname", false),
    (b"exe", "process", false),
    (b"ses", "session", true),
    (b"auid", "originaluid", true),
    (b"key", "auditkey", false),
];

/// AppArmor's fields in its AVC records.
const APPARMOR: &[(&[u8], &str)] = &[
    (b"apparmor", "aaresult"),
    (b"operation", "aacoperation"),
    (b"profile", "aaprofile"),
    (b"comm", "aacommand"),
    (b"error", "aaerror"),
    (b"name", "aaname"),
    (b"srcname", "aasrcname"),
    (b"flags", "aaflags"),
];

/// The role of a field in a MozDef document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MozDefField {
    pub(super) role: Role,
    /// True when `details = classic` has the field.
    pub(super) classic: bool,
}

impl FieldMapping for MozDefField {
    fn is_special(event: &LinuxEvent, record: &Record) -> bool {
        matches!(record.record_type, record_type::AVC | record_type::USER_AVC)
            && event.fields(record).iter().any(|f| event.bytes(f.name) == b"apparmor")
    }

    fn rule(place: FieldRef, apparmor: bool, value: Type) -> RuleSpec<Self> {
        let name = place.event.bytes(place.field.name);
        let kind = place.record.record_type;
        let draft = |plain: &[u8], value, role, classic| RuleSpec {
            plain: Some(plain.to_vec()),
            value,
            role: Self { role, classic },
        };
        let find = |table: &[(&[u8], &'static str)]| table.iter().find(|(from, _)| *from == name).map(|(_, to)| *to);
        if apparmor && let Some(key) = find(APPARMOR) {
            return draft(key.as_bytes(), value, Role::Plain, true);
        }
        let role = role(name, kind);
        if let Some((_, key, as_recorded)) = RENAMED.iter().find(|(from, ..)| *from == name) {
            return draft(key.as_bytes(), if *as_recorded { Type::Text } else { value }, role, true);
        }
        match name {
            _ if AS_RECORDED.contains(&name) => draft(name, Type::Text, role, true),
            b"name" if kind == record_type::PATH => draft(b"path", value, role, true),
            b"cwd" => draft(b"cwd", value, role, true),
            b"prom" if kind == record_type::ANOM_PROMISCUOUS => draft(b"promiscuous", value, role, false),
            b"old_prom" if kind == record_type::ANOM_PROMISCUOUS => draft(b"old_promiscuous", value, role, false),
            _ if DERIVED.contains(&name) || name.is_empty() => {
                RuleSpec { plain: None, value, role: Self { role, classic: false } }
            }
            _ => draft(name, value, role, false),
        }
    }

    fn render<'s>(
        self,
        place: FieldRef<'s>,
        kind: Type,
        call: Option<Syscall>,
        interpreter: &'s mut Interpreter,
    ) -> &'s [u8] {
        match (self.role, kind) {
            (Role::Success, _) => truth(place.text()),
            (_, Type::Text) => unquoted(place.text()),
            _ => interpreter.value(place, kind, call),
        }
    }
}

/// The value of `success` as MozDef's index maps it.
pub(super) fn truth(text: &[u8]) -> &[u8] {
    match text {
        b"yes" | b"1" => b"true",
        b"no" | b"0" => b"false",
        other => other,
    }
}

fn role(name: &[u8], kind: i32) -> Role {
    match name {
        b"uid" => Role::Uid,
        b"auid" => Role::Auid,
        b"ppid" => Role::Ppid,
        b"key" => Role::RuleKey,
        b"success" => Role::Success,
        b"name" if kind == record_type::PATH => Role::PathName,
        b"pid" if kind == record_type::SYSCALL => Role::Pid,
        b"comm" if kind == record_type::SYSCALL => Role::Comm,
        b"syscall" if kind == record_type::SYSCALL => Role::SyscallName,
        b"arch" if kind == record_type::SYSCALL => Role::Arch,
        b"a0" if kind == record_type::SYSCALL => Role::Argument(0),
        b"a1" if kind == record_type::SYSCALL => Role::Argument(1),
        b"a2" if kind == record_type::SYSCALL => Role::Argument(2),
        _ => match OF_PATH.iter().position(|of_path| *of_path == name) {
            Some(n) if kind != record_type::PATH => Role::OfPath(u8::try_from(n).unwrap_or(0)),
            _ => Role::Plain,
        },
    }
}
