//! The user that the process becomes.

use super::paths::OWN;
use crate::config::{Access, LOG_DIR, UsedPath};
use nix::unistd::{Gid, Uid, User, chown, geteuid, initgroups, setresgid, setresuid};
use std::{
    ffi::CString,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
};

/// A user.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: String,
    uid: Uid,
    gid: Gid,
}

/// The user of that name. `None` if this process isn't root's, and so can't become another user.
pub(super) fn find(name: &str) -> Result<Option<Account>, String> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(Some(Account { name: name.into(), uid: user.uid, gid: user.gid })),
        Ok(None) => Err(format!(
            "there is no user {name}, so the process stays root; create it with useradd --system {name}, or set run_as in \
             [confine]"
        )),
        Err(e) => Err(format!("can't look up user {name}: {e}; the process stays root")),
    }
}

/// Creates the directory for files of outputs, if one of them is in it.
pub(super) fn create_log_dir(used: &[UsedPath]) -> Result<(), String> {
    let dir = Path::new(LOG_DIR);
    let is_in_it = |used: &UsedPath| matches!(used.access, Access::Write { .. }) && used.path.starts_with(dir);
    if dir.is_dir() || !used.iter().any(is_in_it) {
        return Ok(());
    }
    DirBuilder::new().mode(0o750).create(dir).map_err(|e| format!("{LOG_DIR} can't be created: {e}"))
}

/// Creates the program's own directories, and gives them to the user if they belong to root. Returns what failed.
pub(super) fn prepare(account: &Account, used: &[UsedPath]) -> Vec<String> {
    let named = used.iter().filter_map(|used| match used.access {
        Access::Own { mode } => Some((used.path.as_path(), mode)),
        _ => None,
    });
    let dirs = OWN.iter().map(|dir| (Path::new(dir), 0o700)).filter(|(dir, _)| dir.is_dir()).chain(named);
    dirs.filter_map(|(dir, mode)| give(account, dir, mode).err().map(|e| format!("{}: {e}", dir.display()))).collect()
}

/// Creates a directory, and gives it and its files to the user if they belong to root.
fn give(account: &Account, dir: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => (),
    }
    let meta = fs::metadata(dir)?;
    // Where others may write, they could put links to any file.
    if meta.uid() != 0 || meta.mode() & 0o022 != 0 {
        return Ok(());
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        if meta.is_file() && meta.uid() == 0 && meta.nlink() == 1 {
            chown(&entry.path(), Some(account.uid), Some(account.gid))?;
        }
    }
    Ok(chown(dir, Some(account.uid), Some(account.gid))?)
}

/// Makes this process one of the user, with all of his groups. Its capabilities stay permitted, and are dropped later.
pub(super) fn become_user(account: &Account) -> Result<(), String> {
    let can_not = |e: String| format!("can't become user {}: {e}; the process stays root", account.name);
    let name = CString::new(account.name.as_str()).map_err(|e| can_not(e.to_string()))?;
    caps::securebits::set_keepcaps(true).map_err(|e| can_not(e.to_string()))?;
    initgroups(&name, account.gid).map_err(|e| can_not(e.to_string()))?;
    setresgid(account.gid, account.gid, account.gid).map_err(|e| can_not(e.to_string()))?;
    setresuid(account.uid, account.uid, account.uid).map_err(|e| can_not(e.to_string()))
}

/// The user of this process, for messages.
pub(super) fn current() -> String {
    let uid = geteuid();
    match User::from_uid(uid) {
        Ok(Some(user)) => format!("user {}", user.name),
        _ => format!("uid {uid}"),
    }
}
