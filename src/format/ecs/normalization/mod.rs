//! What each system call and record type means in the words of ECS: category, type, action, and which of the event's
//! fields are its actor and its object.
//!
//! The values are those of Elastic's go-libaudit (`aucoalesce/normalizations.yaml`), which Auditbeat's documents have,
//! so that dashboards and rules made for them work here.

mod alerts;
mod calls;
mod records;

use foldhash::fast::RandomState;
use std::collections::HashMap;

/// What the object of an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// Nothing, or something named only by its word.
    Named(&'static str),
    /// A file (`file`, `filesystem`): the event's PATH record at that place, or one behind it.
    Path(&'static str, usize),
    /// The other end of a socket.
    Socket,
}

/// Which accounts an event is about, and where their names stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accounts {
    /// The process' own ids say it all.
    None,
    /// `user` is the actor, `user.effective` the second actor: the account that is logged into.
    Login,
    /// `user` is the actor, `user.effective` the object.
    NewLogin,
    /// As `Login`, and the object is `user.target`.
    OfUser,
    /// As `Login`, and the object is `group`.
    OfGroup,
    /// `user` is the actor, `user.effective` the process' user, `user.target` the second actor.
    ByUser,
    /// `user` is the actor, `user.effective` the process' user, `group` the second actor.
    ByUserOfGroup,
}

/// What events of one kind are. Lists of names are tried in order: the first field that the event has counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Normalization {
    /// `event.kind` is `alert`.
    pub(super) alert: bool,
    /// `event.category`
    pub(super) category: &'static [&'static str],
    /// `event.type`
    pub(super) types: &'static [&'static str],
    /// `event.action`; empty when there is no word for it.
    pub(super) action: &'static str,
    /// The first actor, if it isn't the audit user.
    pub(super) actor: &'static [&'static str],
    /// The second actor, if it isn't the user.
    pub(super) actor2: &'static [&'static str],
    pub(super) object: Object,
    /// Names the object.
    pub(super) primary: &'static [&'static str],
    /// Says more of it.
    pub(super) secondary: &'static [&'static str],
    /// By what it was done, if not by the program.
    pub(super) how: &'static [&'static str],
    /// The field `addr` is where it came from.
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

    /// Of records without a word of their own.
    pub(super) const UNKNOWN: &'static Self = &Self::NOTHING;
}

/// All of them, by name.
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

    /// Of a system call, by its whole name.
    pub(super) fn of_call(&self, name: &[u8]) -> &'static Normalization {
        self.calls.get(name).copied().unwrap_or(&calls::OTHER)
    }

    /// Of a record type. `is_selinux`, `is_apparmor`: what an AVC record is about.
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
        // Library functions, and calls of other systems, that the reference lists.
        let no_calls = ["fstatat", "futimens", "recv", "send", "seteuid", "setegid"];
        // As the reference spells ANOM_MK_EXEC, and what libaudit 3.0 has no name for.
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
