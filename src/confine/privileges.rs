//! Capabilities: which of them the configuration needs, and why (capabilities(7)).

use super::{
    trust::{self, Route, Who},
    user::groups,
};
use crate::config::{Access, Config, LOG_DIR, UsedPath};
use caps::{CapSet, Capability, CapsHashSet};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, AtFlags},
    unistd::{AccessFlags, faccessat, geteuid},
};
use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// A capability that is needed, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) capability: Capability,
    reason: String,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "keeps {}: {}", self.capability, self.reason)
    }
}

/// What a user can't do without more than his own rights.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The capabilities that the configuration needs, each once, with its first reason.
    pub(super) needs: Vec<Need>,
    /// What stays forbidden, because the user himself could have made it so.
    pub(super) obstacles: Vec<String>,
}

impl Found {
    fn need(&mut self, capability: Capability, reason: String) {
        if self.needs.iter().all(|need| need.capability != capability) {
            self.needs.push(Need { capability, reason });
        }
    }

    /// Notes that a path is out of reach. A capability is kept only if root made it so. The user could make his own files
    /// inaccessible, to get a capability at the next start.
    fn obstacle(&mut self, place: &Path, who: &Who, capability: Capability, reason: String) {
        let is_his = |path: &Path| {
            fs::symlink_metadata(path).is_ok_and(|meta| matches!(who, Who::User { uid, .. } if meta.uid() == *uid))
        };
        match trust::follow(place, who) {
            Ok(Route::Fixed(real)) if !is_his(&real) => self.need(capability, reason),
            // Nothing can be said about a place that this user can't see. Root made it so.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => self.need(capability, reason),
            _ => self.obstacles.push(format!("{reason}. It could change this itself, so it gets no capability")),
        }
    }
}

/// The capabilities that a configuration needs. To be called when this process already is the user that it stays, because
/// it tries what this user may do.
pub(super) fn needs(path: &Path, config: &Config, used: &[UsedPath], name: &str, who: &Who) -> Found {
    // Otherwise the kernel would allow everything now.
    let _ = caps::clear(None, CapSet::Effective);
    let mut found = Found::default();
    if config.metrics.heartbeat.is_some() {
        let reason = "heartbeats have the kernel's audit status and rules ([metrics] heartbeat)";
        found.need(Capability::CAP_AUDIT_CONTROL, reason.into());
    }
    let own = UsedPath { path: path.into(), access: Access::Read, key: "the configuration".into() };
    for used in std::iter::once(&own).chain(used) {
        let UsedPath { access, key, .. } = used;
        if let Some(place) = out_of_reach(used) {
            let shown = place.display();
            let (capability, reason) = match access {
                Access::Read => (
                    Capability::CAP_DAC_READ_SEARCH,
                    format!("{name} can't read {shown} ({key}); give its group access: chgrp auship and chmod g+r"),
                ),
                Access::Socket => (Capability::CAP_DAC_OVERRIDE, format!("{name} can't write to {shown} ({key})")),
                Access::Own { .. } | Access::Write { .. } => (
                    Capability::CAP_DAC_OVERRIDE,
                    format!("{name} can't write to {shown} ({key}); give it to this user, or use {LOG_DIR}"),
                ),
            };
            found.obstacle(&place, who, capability, reason);
        }
        if let Some(why) = not_its_own(*access) {
            found.need(Capability::CAP_CHOWN, format!("{key}: new files get {why}"));
            found.need(Capability::CAP_FOWNER, format!("{key}: new files get {why}, and then their permissions"));
        }
    }
    // A file with another owner is opened again later.
    let owned =
        |used: &&UsedPath| matches!(used.access, Access::Write { owner: Some(uid), .. } if uid != geteuid().as_raw());
    if let Some(used) = used.iter().find(owned) {
        found.need(Capability::CAP_DAC_OVERRIDE, format!("{}: {} has another owner", used.key, used.path.display()));
    }
    found
}

/// False if the path is known to lead nowhere. It may be hidden from this user.
fn may_exist(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

/// False if permissions keep this process from that, with its capabilities. (glibc's eaccess() only asks who the user is.)
fn may(path: &Path, how: AccessFlags) -> bool {
    faccessat(AT_FDCWD, path, how, AtFlags::AT_EACCESS) != Err(Errno::EACCES)
}

/// The file or directory that this process has no access to.
pub(super) fn out_of_reach(used: &UsedPath) -> Option<PathBuf> {
    let UsedPath { path, access, .. } = used;
    match access {
        Access::Read => (!may(path, AccessFlags::R_OK)).then(|| path.clone()),
        Access::Socket => (may_exist(path) && !may(path, AccessFlags::W_OK)).then(|| path.clone()),
        Access::Own { .. } | Access::Write { .. } => not_writable(path, *access),
    }
}

/// The file or directory that must be written and can't be.
fn not_writable(path: &Path, access: Access) -> Option<PathBuf> {
    let both = AccessFlags::R_OK | AccessFlags::W_OK;
    let dir = AccessFlags::W_OK | AccessFlags::X_OK;
    let path = path.to_path_buf();
    if let Access::Own { .. } = access {
        // A missing directory is created in the one above it.
        let place = path.ancestors().take(2).find(|place| may_exist(place))?;
        return (!may(place, both | AccessFlags::X_OK)).then(|| place.to_path_buf());
    }
    let parent = path.parent()?.to_path_buf();
    if super::paths::is_special(&path) {
        return (!may(&path, AccessFlags::W_OK)).then_some(path);
    }
    match path.try_exists() {
        Ok(true) if !may(&path, both) => Some(path),
        _ => (!may(&parent, dir)).then_some(parent),
    }
}

/// Says what a new file gets that only root may give it.
fn not_its_own(access: Access) -> Option<String> {
    let Access::Write { owner, group } = access else { return None };
    match (owner, group) {
        (Some(uid), _) if uid != geteuid().as_raw() => Some(format!("the owner {uid}")),
        (_, Some(gid)) if !groups().contains(&gid) => Some(format!("the group {gid}")),
        _ => None,
    }
}

/// Drops all capabilities but these. With `drop` false, the process gets those back that it had. Returns what is left, for
/// messages.
pub(super) fn keep_only(needs: &[Need], drop: bool) -> Result<String, String> {
    let can_not = |e: caps::errors::CapsError| format!("can't drop capabilities: {e}");
    let permitted = caps::read(None, CapSet::Permitted).map_err(can_not)?;
    if !drop {
        caps::set(None, CapSet::Effective, &permitted).map_err(can_not)?;
        return Ok("all capabilities".into());
    }
    let kept: CapsHashSet = needs.iter().map(|need| need.capability).filter(|cap| permitted.contains(cap)).collect();
    let bounding = drop_bounding(&permitted).map_err(can_not);
    // An ambient capability must be inheritable, so they go together.
    caps::clear(None, CapSet::Inheritable).map_err(can_not)?;
    caps::set(None, CapSet::Effective, &kept).map_err(can_not)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(can_not)?;
    bounding?;
    if kept.is_empty() {
        return Ok("no capabilities".into());
    }
    let mut names: Vec<String> = kept.iter().map(ToString::to_string).collect();
    names.sort();
    Ok(names.join(" "))
}

/// Empties the bounding set. It limits what programs get that the process executes. Only one capability allows this.
fn drop_bounding(permitted: &CapsHashSet) -> Result<(), caps::errors::CapsError> {
    if !permitted.contains(&Capability::CAP_SETPCAP) {
        return Ok(());
    }
    caps::raise(None, CapSet::Effective, Capability::CAP_SETPCAP)?;
    let all = caps::runtime::procfs_all_supported(None).unwrap_or_else(|_| caps::all());
    all.into_iter().try_for_each(|capability| caps::drop(None, CapSet::Bounding, capability))
}

/// Makes that other processes of this user can't read or change the memory, and that no core is written (prctl(2),
/// `PR_SET_DUMPABLE`).
pub(super) fn hide_memory() -> Result<(), String> {
    nix::sys::prctl::set_dumpable(false).map_err(|e| format!("other processes of this user can read its memory: {e}"))
}

/// Gives up gaining privileges for ever.
pub(super) fn no_new() -> Result<(), String> {
    nix::sys::prctl::set_no_new_privs().map_err(|e| format!("can't give up new privileges: {e}"))
}
