//! Finds the records of an event that decide its meaning.

use super::normalization::{Normalization, Normalizations};
use crate::{
    auparse::{Interpreter, Syscall, syscall_names},
    event::{FieldRef, LinuxEvent, Record, is_absent, is_unknown, is_unset, record_type},
    format::flat::heads,
};
use memchr::memmem;

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
        let seccomp = records.iter().position(|r| r.record_type == record_type::SECCOMP);
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
            record_type::SECCOMP => self.seccomp,
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
        let main = std::iter::once(self.main);
        let others = (0..self.event.records().len()).filter(|number| *number != self.main);
        main.chain(others)
            .find_map(|number| self.fields(number).find(|field| self.is(field, name) && !is_unknown(field.text())))
    }

    /// True when the main record has a field for an account, but names none (`acct="?"`).
    pub(super) fn has_unknown_account(&self) -> bool {
        let is_account = |field: &FieldRef| self.is(field, b"acct") || self.is(field, b"id");
        let mut accounts = self.fields(self.main).filter(is_account).peekable();
        // libauparse leaves a field without a value out.
        let record = self.event.bytes(self.event.records()[self.main].text);
        let is_named = accounts.peek().is_some() || memmem::find(record, b" acct= ").is_some();
        is_named && accounts.all(|field| is_unknown(field.text()) || is_unset(field.text()))
    }

    fn is(&self, field: &FieldRef, name: &[u8]) -> bool {
        self.event.bytes(field.field.name) == name
    }

    /// The fields of a record behind its head. None for PATH, EXECVE, SOCKADDR and EOE records.
    fn fields(&self, number: usize) -> impl Iterator<Item = FieldRef<'e>> {
        let event = self.event;
        let record = &event.records()[number];
        let is_other = matches!(
            record.record_type,
            record_type::PATH | record_type::EXECVE | record_type::SOCKADDR | record_type::EOE
        );
        let heads = if is_other { usize::MAX } else { heads(event, record) };
        let fields = event.fields(record).get(heads..).unwrap_or_default();
        fields.iter().map(move |field| FieldRef { event, number, record, field: *field })
    }
}
