//! Which records an event has, and with that what it is about.

use super::category::{self, Category};
use crate::{
    auparse::{Interpreter, Syscall},
    event::{LinuxEvent, Record, is_absent, record_type},
};

/// The places of the records that decide an event's category.
pub(super) struct EventView<'e> {
    pub(super) event: &'e LinuxEvent,
    pub(super) syscall: Option<usize>,
    pub(super) call: Option<Syscall>,
    pub(super) first_path: Option<usize>,
    pub(super) last_path: Option<usize>,
    pub(super) execve: bool,
    pub(super) sockaddr: Option<usize>,
    pub(super) avc: Option<usize>,
    pub(super) promiscuous: Option<usize>,
    pub(super) obj_pid: Option<usize>,
    pub(super) openat2: Option<usize>,
}

impl<'e> EventView<'e> {
    pub(super) fn new(event: &'e LinuxEvent) -> Self {
        let mut view = Self {
            event,
            syscall: None,
            call: None,
            first_path: None,
            last_path: None,
            execve: false,
            sockaddr: None,
            avc: None,
            promiscuous: None,
            obj_pid: None,
            openat2: None,
        };
        for (n, record) in event.records().iter().enumerate() {
            match record.record_type {
                record_type::SYSCALL => view.syscall = view.syscall.or(Some(n)),
                record_type::PATH => {
                    view.first_path = view.first_path.or(Some(n));
                    view.last_path = Some(n);
                }
                record_type::EXECVE => view.execve = true,
                record_type::SOCKADDR => view.sockaddr = view.sockaddr.or(Some(n)),
                record_type::AVC | record_type::USER_AVC => view.avc = view.avc.or(Some(n)),
                record_type::ANOM_PROMISCUOUS => view.promiscuous = view.promiscuous.or(Some(n)),
                record_type::OBJ_PID => view.obj_pid = view.obj_pid.or(Some(n)),
                record_type::OPENAT2 => view.openat2 = view.openat2.or(Some(n)),
                _ => (),
            }
        }
        view
    }

    pub(super) fn record(&self, number: usize) -> &'e Record {
        &self.event.records()[number]
    }

    /// The value of a field of one record, as recorded.
    pub(super) fn value(&self, number: Option<usize>, name: &[u8]) -> Option<&'e [u8]> {
        self.event.value(self.record(number?), name)
    }

    /// True when the event is about the system call of that name.
    pub(super) fn syscall_is(&self, interpreter: &Interpreter, name: &[u8]) -> bool {
        self.call.is_some_and(|call| interpreter.syscall_name(call) == name)
    }

    pub(super) fn category(&self, interpreter: &Interpreter) -> Category {
        if self.promiscuous.is_some() {
            return Category::Promiscuous;
        }
        if let Some(avc) = self.avc {
            let apparmor = self.value(Some(avc), b"apparmor").is_some();
            return if apparmor { Category::AppArmor } else { Category::SeLinux };
        }
        match (self.syscall, self.call) {
            (Some(0), Some(call)) => {
                let name = interpreter.syscall_name(call);
                category::of_call(name, || self.creates_or_truncates(name))
            }
            (Some(0), None) => Category::Syscall,
            _ => Category::Record,
        }
    }

    /// The last PATH record that names a file. Kernels before 3.12 write PATH records without names too.
    pub(super) fn last_named_path(&self) -> Option<usize> {
        let is_named = |number: &usize| {
            let record = self.record(*number);
            record.record_type == record_type::PATH && self.event.value(record, b"name").is_some_and(|n| !is_absent(n))
        };
        (self.first_path?..=self.last_path?).rev().find(is_named)
    }

    /// True when the system call succeeded.
    pub(super) fn succeeded(&self) -> bool {
        self.value(self.syscall, b"success") == Some(b"yes")
    }

    /// True when a call that opens a file created it, or had the flag O_TRUNC.
    pub(super) fn creates_or_truncates(&self, name: &[u8]) -> bool {
        // The bits are the same on x86, ARM, RISC-V, POWER and s390x (asm-generic/fcntl.h).
        const O_TRUNC: u64 = 0o1000;
        // With both, the call fails if the file exists. Kernels before 3.12 write no nametype.
        const O_CREAT_EXCL: u64 = 0o300;
        let created = self
            .event
            .records()
            .iter()
            .any(|r| r.record_type == record_type::PATH && self.event.value(r, b"nametype") == Some(b"CREATE"));
        let number = |text: Option<&[u8]>, base| u64::from_str_radix(str::from_utf8(text?).ok()?, base).ok();
        let flags = match name {
            b"open" => number(self.value(self.syscall, b"a1"), 16),
            b"openat2" => None,
            _ => number(self.value(self.syscall, b"a2"), 16),
        };
        // The flags of openat2 are in a record of their own.
        let how = number(self.value(self.openat2, b"oflag"), 8);
        let flags = flags.unwrap_or(0) | how.unwrap_or(0);
        created || flags & O_TRUNC != 0 || (flags & O_CREAT_EXCL == O_CREAT_EXCL && self.succeeded())
    }

    /// True for events that `skip_empty_execve` leaves out.
    pub(super) fn is_empty_execve(&self, category: Category) -> bool {
        category == Category::Execve && !self.execve && self.succeeded()
    }
}
