//! The meaning of each system call and record type in terms of ECS: category, type, action, and the fields that hold
//! the actor and the object.
//!
//! The values are those of Elastic's go-libaudit (`aucoalesce/normalizations.yaml`), which Auditbeat uses. So
//! dashboards and rules that are made for Auditbeat work here. Comments call Auditbeat the reference.

mod alerts;
mod calls;
mod records;

use foldhash::fast::RandomState;
use std::collections::HashMap;

/// The object of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// No object (""), or an object that has only this type.
    Named(&'static str),
    /// A file (type `file` or `filesystem`): the PATH record with this index, or one after it.
    Path(&'static str, usize),
    /// The other end of a socket.
    Socket,
}

/// The accounts of an event, and the members that hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accounts {
    /// The process' own ids, and no other account.
    None,
    /// `user` is the actor. `user.effective` is the second actor: the account that somebody logs in to.
    Login,
    /// `user` is the actor. `user.effective` is the object.
    NewLogin,
    /// Like `Login`, and `user.target` is the object.
    OfUser,
    /// Like `Login`, and `group` is the group that the record names.
    OfGroup,
    /// `user` is the actor. `user.effective` is the process' user. `user.target` is the second actor.
    ByUser,
    /// `user` is the actor. `user.effective` is the process' user. `group` is the group that the record names.
    ByUserOfGroup,
}

/// The meaning of one kind of event. Lists hold field names, which are tried in order. The first field that the event
/// has counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Normalization {
    /// True when `event.kind` is `alert`.
    pub(super) alert: bool,
    /// `event.category`
    pub(super) category: &'static [&'static str],
    /// `event.type`
    pub(super) types: &'static [&'static str],
    /// `event.action`; empty when the reference has none.
    pub(super) action: &'static str,
    /// Fields for the first actor, if it isn't the audit user.
    pub(super) actor: &'static [&'static str],
    /// Fields for the second actor, if it isn't the user.
    pub(super) actor2: &'static [&'static str],
    pub(super) object: Object,
    /// Fields that name the object.
    pub(super) primary: &'static [&'static str],
    /// Fields with more about the object.
    pub(super) secondary: &'static [&'static str],
    /// Fields for the means of the action, if it isn't the program.
    pub(super) how: &'static [&'static str],
    /// True when the field `addr` is the source.
    pub(super) from_addr: bool,
    pub(super) accounts: Accounts,
}

impl Normalization {
    const NOTHING: Self = Self {
        alert: false,
        category: &[],
        types: &[],
        action: "",
        actor: &[],
        actor2: &[],
        object: Object::Named(""),
        primary: &[],
        secondary: &[],
        how: &[],
        from_addr: false,
        accounts: Accounts::None,
    };

    /// The meaning of records that aren't listed.
    pub(super) const UNKNOWN: &'static Self = &Self::NOTHING;
}

/// All normalizations, by name.
pub(super) struct Normalizations {
    calls: HashMap<&'static [u8], &'static Normalization, RandomState>,
    records: HashMap<&'static [u8], &'static Normalization, RandomState>,
}

impl Normalizations {
    pub(super) fn new() -> Self {
        type Table = &'static [(Normalization, &'static [&'static str])];
        let by_name = |table: Table| {
            table.iter().flat_map(|(normal, names)| names.iter().map(move |name| (name.as_bytes(), normal)))
        };
        Self {
            calls: by_name(calls::CALLS).collect(),
            records: by_name(records::RECORDS).chain(by_name(alerts::ALERTS)).collect(),
        }
    }

    /// The normalization of a system call, by its whole name.
    pub(super) fn of_call(&self, name: &[u8]) -> &'static Normalization {
        self.calls.get(name).copied().unwrap_or(&calls::OTHER)
    }

    /// The normalization of a record type. `is_selinux` and `is_apparmor` tell which module wrote an AVC record.
    pub(super) fn of_record(&self, name: &[u8], is_selinux: bool, is_apparmor: bool) -> Option<&'static Normalization> {
        match name {
            b"AVC" if is_apparmor => Some(&records::APPARMOR),
            b"AVC" if is_selinux => Some(&records::SELINUX),
            _ => self.records.get(name).copied(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::auparse::tables;

    #[test]
    fn every_name_is_one_that_libaudit_knows_and_stands_once() {
        // The reference also lists library functions and calls of other systems.
        let no_calls = ["fstatat", "futimens", "recv", "send", "seteuid", "setegid"];
        // The reference's spelling of ANOM_MK_EXEC, and types that libaudit 3.0 has no name for.
        let others = ["ANOM_MK_EXE", "DAEMON_RECONFIG", "DAEMON_ERR"];
        let mut seen = std::collections::HashSet::new();
        for name in calls::CALLS.iter().flat_map(|(_, names)| *names) {
            assert!(tables::is_call(name) || no_calls.contains(name), "{name}");
            assert!(seen.insert(*name), "{name} twice");
        }
        for name in records::RECORDS.iter().chain(alerts::ALERTS).flat_map(|(_, names)| *names) {
            assert!(tables::record_type(name).is_some() || others.contains(name), "{name}");
            assert!(seen.insert(*name), "{name} twice");
        }
    }

    #[test]
    fn calls_and_records_are_found() {
        let normals = Normalizations::new();
        assert_eq!(normals.of_call(b"execve").action, "executed");
        assert_eq!(normals.of_call(b"getpeername").category, ["process"]);
        assert_eq!(normals.of_record(b"USER_LOGIN", false, false).unwrap().action, "logged-in");
        assert_eq!(normals.of_record(b"AVC", true, false).unwrap().action, "violated-selinux-policy");
        assert_eq!(normals.of_record(b"AVC", false, true).unwrap().action, "violated-apparmor-policy");
        assert!(normals.of_record(b"AVC", false, false).is_none());
    }
}
