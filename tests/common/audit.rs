//! Access to the kernel's audit system. There is only one, so tests that use it take turns.

use nix::{
    fcntl::{Flock, FlockArg},
    unistd::geteuid,
};
use std::{fs::File, process::Command};

/// Takes the kernel's audit system until the returned lock is dropped. Returns the reason if this isn't possible.
pub fn take() -> Result<Flock<File>, String> {
    if !geteuid().is_root() {
        return Err("not root".into());
    }
    Command::new("auditctl").arg("-s").output().map_err(|e| format!("auditctl can't be run: {e}"))?;
    let lock = File::create("/run/auship-audit.lock").map_err(|e| format!("/run/auship-audit.lock: {e}"))?;
    Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| e.to_string())
}
