//! The user that the process becomes.

use super::{
    paths::OWN,
    trust::{self, Who},
};
use crate::config::{Access, LOG_DIR, UsedPath};
use caps::{CapSet, Capability};
use nix::unistd::{Gid, Uid, User, getegid, geteuid, getgrouplist, getgroups, initgroups, setresgid, setresuid};
use std::{
    ffi::CString,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, lchown},
    path::{Path, PathBuf},
};

/// A user.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: String,
    uid: Uid,
    gid: Gid,
}

impl Account {
    /// Gives a file or directory to the user. A link isn't followed.
    fn own(&self, path: &Path) -> io::Result<()> {
        lchown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw()))
    }

    /// The user and his groups.
    pub(super) fn who(&self) -> Who {
        let name = CString::new(self.name.as_str()).unwrap_or_default();
        let groups = getgrouplist(&name, self.gid).unwrap_or_else(|_| vec![self.gid]);
        Who::User { uid: self.uid.as_raw(), groups: groups.into_iter().map(Gid::as_raw).collect() }
    }
}

/// The user of this process, who may have prepared paths. Root counts as nobody.
pub(super) fn who() -> Who {
    match geteuid() {
        uid if uid.is_root() => Who::Nobody,
        uid => Who::User { uid: uid.as_raw(), groups: groups() },
    }
}

/// The groups of this process.
pub(super) fn groups() -> Vec<u32> {
    getgroups().unwrap_or_default().into_iter().chain([getegid()]).map(Gid::as_raw).collect()
}

/// The user of that name. `None` if this process isn't root's, and so can't become another user.
pub(super) fn find(name: &str) -> Result<Option<Account>, String> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    match User::from_name(name) {
        Ok(Some(_)) if !may_become_another() => {
            Err("the process lacks CAP_SETUID, CAP_SETGID or CAP_CHOWN, so it stays root".into())
        }
        Ok(Some(user)) => Ok(Some(Account { name: name.into(), uid: user.uid, gid: user.gid })),
        Ok(None) => Err(format!(
            "there is no user {name}, so the process stays root; create it with useradd --system {name}, or set run_as in \
             [confine]"
        )),
        Err(e) => Err(format!("can't look up user {name}: {e}; the process stays root")),
    }
}

/// True if this process has what becoming another user takes. In a container it may lack some.
fn may_become_another() -> bool {
    let needed = [Capability::CAP_SETUID, Capability::CAP_SETGID, Capability::CAP_CHOWN];
    caps::read(None, CapSet::Effective).is_ok_and(|set| needed.iter().all(|capability| set.contains(capability)))
}

/// Creates the directory for files of outputs, if one of them is in it.
pub(super) fn create_log_dir(used: &[UsedPath]) -> Result<(), String> {
    let dir = Path::new(LOG_DIR);
    let is_in_it = |used: &UsedPath| matches!(used.access, Access::Write { .. }) && used.path.starts_with(dir);
    if dir.is_dir() || !used.iter().any(is_in_it) {
        return Ok(());
    }
    roots_directory(dir, 0o750).map(|_| ()).map_err(|e| format!("{LOG_DIR} can't be created: {e}; create it"))
}

/// Creates the program's own directories, and gives them to the user if they belong to root. Returns what failed.
pub(super) fn prepare(account: &Account, used: &[UsedPath]) -> Vec<String> {
    let named = used.iter().filter_map(|used| match used.access {
        Access::Own { mode } => Some((used.path.as_path(), mode)),
        _ => None,
    });
    let mut failed: Vec<String> = Vec::new();
    let mut note = |dir: &Path, result: io::Result<()>| {
        failed.extend(result.err().map(|e| format!("{}: {e}", dir.display())));
    };
    // Those above come last: once they are the user's, root doesn't touch what is in them.
    named.for_each(|(dir, mode)| note(dir, give(account, dir, mode)));
    for dir in OWN.iter().map(Path::new).filter(|dir| dir.is_dir()) {
        let given = roots_directory(dir, 0o700).and_then(|dir| dir.map_or(Ok(()), |dir| account.own(&dir)));
        note(dir, given);
    }
    failed
}

/// Creates a directory, and gives it and the files in it to the user if they belong to root. It must hold nothing else
/// than the files of a spool or of a run directory.
fn give(account: &Account, dir: &Path, mode: u32) -> io::Result<()> {
    let Some(dir) = roots_directory(dir, mode)? else { return Ok(()) };
    let files = fs::read_dir(&dir)?.collect::<io::Result<Vec<_>>>()?;
    for file in &files {
        let meta = file.metadata()?;
        if !(meta.is_file() && meta.nlink() == 1 && file.file_name().to_str().is_some_and(is_own_file)) {
            let name = file.file_name();
            let what = format!("it has another file, {}, so it isn't given to user {}", name.display(), account.name);
            return Err(io::Error::other(what));
        }
    }
    files.iter().try_for_each(|file| account.own(&file.path()))?;
    account.own(&dir)
}

/// The names of files in spools and run directories.
fn is_own_file(name: &str) -> bool {
    let begins = ["lock", "progress", "in-flight-", "damaged-", "dead-letters", "ring-", "report"];
    name.ends_with(".spool") || begins.iter().any(|begin| name.starts_with(begin))
}

/// A directory that is root's and that only root can change, also on the way to it, without links. It is created if it is
/// missing. `None` if others could have put it there: then root leaves it alone.
fn roots_directory(dir: &Path, mode: u32) -> io::Result<Option<PathBuf>> {
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else { return Ok(None) };
    let Some(parent) = trust::follow(parent, &Who::Anybody)?.fixed() else { return Ok(None) };
    let above = fs::symlink_metadata(&parent)?;
    let place = parent.join(name);
    if fs::symlink_metadata(&place).is_err() && !Who::Anybody.can_change(&above, None) {
        DirBuilder::new().mode(mode).create(&place)?;
    }
    let Some(place) = trust::follow(&place, &Who::Anybody)?.fixed() else { return Ok(None) };
    let meta = fs::symlink_metadata(&place)?;
    Ok((meta.is_dir() && meta.uid() == 0 && meta.mode() & 0o022 == 0).then_some(place))
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
