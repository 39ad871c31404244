//! Finds the records of an event that decide its meaning.

use super::{
    fields::record,
    normalization::{Normalization, Normalizations},
};
use crate::{
    auparse::{Interpreter, Syscall, syscall_names},
    event::{FieldRef, LinuxEvent, Record, is_absent, is_unknown, record_type},
    format::flat::heads,
};

/// Record types of intrusions (`<libaudit.h>`): the kernel's anomalies, then the anomalies that user space detects
/// (from `AUDIT_FIRST_ANOM_MSG`) and the responses to them.
const ALERTS: [std::ops::RangeInclusive<i32>; 2] = [1700..=1799, 2100..=2299];

/// The properties of an event that are found in one look.
pub(super) struct View<'e> {
    pub(super) event: &'e LinuxEvent,
    /// The record that gives the event its ids, result and session: the SYSCALL record, else the first one.
    pub(super) main: usize,
    pub(super) call: Option<Syscall>,
    /// The system call that a SECCOMP record names.
    seccomp: Option<Syscall>,
    pub(super) normal: &'static Normalization,
    /// The meaning of the system call, if the event is named after another record and the call's meaning differs.
    pub(super) secondary: Option<&'static Normalization>,
}

impl<'e> View<'e> {
    pub(super) fn new(event: &'e LinuxEvent, normals: &Normalizations, interpreter: &mut Interpreter) -> Self {
        let records = event.records();
        let syscall = records.iter().position(|r| r.record_type == record_type::SYSCALL);
        let call = syscall.and_then(|n| interpreter.syscall(event, n, &records[n]));
        let seccomp = records.iter().position(|r| r.record_type == record::SECCOMP);
        let seccomp = seccomp.and_then(|n| interpreter.syscall(event, n, &records[n]));
        let of_call = syscall.is_some().then_some(call).or_else(|| seccomp.map(Some));
        let of_call = of_call
            .map(|call| normals.of_call(call.map_or(b"", |call| syscall_names(interpreter.syscall_name(call)).0)));
        let mut view =
            Self { event, main: syscall.unwrap_or(0), call, seccomp, normal: Normalization::UNKNOWN, secondary: None };
        match (syscall, of_call) {
            (Some(0), Some(normal)) => view.normal = normal,
            _ => {
                let first = &records[0];
                let has = |name: &[u8]| event.value(first, name).is_some_and(|v| !is_absent(v));
                let is_avc = first.record_type == record_type::AVC;
                let (selinux, apparmor) = (is_avc && has(b"seresult"), is_avc && has(b"apparmor"));
                if let Some(normal) = normals.of_record(event.bytes(first.name), selinux, apparmor) {
                    view.normal = normal;
                }
                // A call and a record about the same call (a change of the time) count once.
                view.secondary = of_call.filter(|of_call| of_call.action != view.normal.action);
            }
        }
        view
    }

    /// True when `event.kind` is `alert`.
    pub(super) fn is_alert(&self) -> bool {
        let kind = self.first().record_type;
        self.normal.alert || ALERTS.iter().any(|range| range.contains(&kind))
    }

    /// The record that the event is named after.
    pub(super) fn first(&self) -> &'e Record {
        &self.event.records()[0]
    }

    /// The system call that the fields of a record belong to.
    pub(super) fn call_of(&self, record: &Record) -> Option<Syscall> {
        match record.record_type {
            record_type::SYSCALL => self.call,
            record::SECCOMP => self.seccomp,
            _ => None,
        }
    }

    /// The name of the event's system call, if it has one.
    pub(super) fn call_name<'m>(&self, interpreter: &'m Interpreter) -> Option<&'m [u8]> {
        self.call.map(|call| interpreter.syscall_name(call))
    }

    /// Finds the first field of a name that has a known value. It searches the main record first, then the others. It
    /// skips PATH, EXECVE and SOCKADDR records, whose fields don't describe the event itself.
    pub(super) fn find(&self, name: &[u8]) -> Option<FieldRef<'e>> {
        let records = self.event.records().iter().enumerate();
        let others = records.clone().filter(|(number, _)| *number != self.main);
        records.filter(|(number, _)| *number == self.main).chain(others).find_map(|(number, record)| {
            if matches!(
                record.record_type,
                record_type::PATH | record_type::EXECVE | record_type::SOCKADDR | record_type::EOE
            ) {
                return None;
            }
            let fields = self.event.fields(record).get(heads(self.event, record)..).unwrap_or_default();
            let field =
                fields.iter().find(|f| self.event.bytes(f.name) == name && !is_unknown(self.event.bytes(f.value)))?;
            Some(FieldRef { event: self.event, number, record, field: *field })
        })
    }
}
