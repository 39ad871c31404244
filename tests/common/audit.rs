//! The kernel's audit system, of which there is one: tests that use it take turns.

use nix::{
    fcntl::{Flock, FlockArg},
    unistd::geteuid,
};
use std::{env, fs::File, process::Command};

/// Says loudly that something wasn't tested here. In CI that is a failure.
pub fn not_tested(what: &str, why: &str) {
    let message = format!("\n*** NOT TESTED: {what}: {why} ***\n");
    assert!(env::var_os("CI").is_none(), "{message}");
    eprintln!("{message}");
}

/// The kernel's audit, for as long as this lives; or why it can't be had.
pub fn take() -> Result<Flock<File>, String> {
    if !geteuid().is_root() {
        return Err("not root".into());
    }
    Command::new("auditctl").arg("-s").output().map_err(|e| format!("auditctl can't be run: {e}"))?;
    let lock = File::create("/run/auship-audit.lock").map_err(|e| format!("/run/auship-audit.lock: {e}"))?;
    Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| e.to_string())
}
