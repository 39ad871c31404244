//! The kernel's audit system, of which there is one: tests that use it take turns.

use nix::{
    fcntl::{Flock, FlockArg},
    unistd::geteuid,
};
use std::{fs::File, process::Command};

/// The kernel's audit, for as long as this lives; or why it can't be had.
pub fn take() -> Result<Flock<File>, String> {
    if !geteuid().is_root() {
        return Err("not root".into());
    }
    Command::new("auditctl").arg("-s").output().map_err(|e| format!("auditctl can't be run: {e}"))?;
    let lock = File::create("/run/auship-audit.lock").map_err(|e| format!("/run/auship-audit.lock: {e}"))?;
    Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| e.to_string())
}
