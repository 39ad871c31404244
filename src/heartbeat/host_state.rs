//! What a heartbeat says about the host: the state of the kernel's auditing, its rules, and the boot.

use super::rule_files;
use crate::{
    host::BOOT_ID,
    kernel_status::{AuditStatus, KernelStatus},
    log,
};
use std::{fs, io};

/// The audit rules of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Where they were read.
    pub source: RulesSource,
    /// How many there are, if the kernel was asked.
    pub count: Option<u64>,
    /// Their SHA-256.
    pub sha256: String,
}

/// Where rules were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulesSource {
    /// The kernel: the rules that it has loaded.
    Kernel,
    /// The files that are loaded at the start of auditd.
    Files,
}

impl RulesSource {
    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Files => "files",
        }
    }
}

/// The state of the host. What can't be found out is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostState {
    /// The kernel's audit status.
    pub audit: Option<AuditStatus>,
    /// The audit rules.
    pub rules: Option<Rules>,
    /// The id of this boot.
    pub boot_id: Option<String>,
}

/// Finds out the state of the host.
pub(super) struct HostInspector {
    kernel: io::Result<KernelStatus>,
    /// The last problem that the log tells.
    told: Option<String>,
}

impl HostInspector {
    /// Opens the audit netlink socket. If this fails, the kernel can't be asked, and the log says so later.
    pub(super) fn open() -> Self {
        Self { kernel: KernelStatus::open(), told: None }
    }

    /// The state of the host now. Waits a few seconds at most for the kernel.
    pub(super) fn look(&mut self) -> HostState {
        let (audit, rules) = match &mut self.kernel {
            Ok(kernel) => (kernel.audit(), kernel.rules()),
            Err(e) => (Err(again(e)), Err(again(e))),
        };
        self.tell(audit.as_ref().err().or(rules.as_ref().err()));
        let rules = match rules {
            Ok(rules) => Some(Rules { source: RulesSource::Kernel, count: Some(rules.count), sha256: rules.sha256 }),
            Err(_) => rule_files::sha256().map(|sha256| Rules { source: RulesSource::Files, count: None, sha256 }),
        };
        HostState { audit: audit.ok(), rules, boot_id: boot_id() }
    }

    /// Logs a problem, unless the last message said the same.
    fn tell(&mut self, problem: Option<&io::Error>) {
        let problem = problem.map(ToString::to_string);
        if problem == self.told {
            return;
        }
        match &problem {
            Some(what) => log::warning(format_args!(
                "heartbeats are without the kernel's audit status: {what}; asking for it needs CAP_AUDIT_CONTROL"
            )),
            None => log::info("heartbeats have the kernel's audit status again"),
        }
        self.told = problem;
    }
}

/// The same error once more.
fn again(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

/// The id of this boot: a UUID.
fn boot_id() -> Option<String> {
    let id = fs::read_to_string(BOOT_ID).ok()?.trim().to_string();
    (!id.is_empty()).then_some(id)
}
