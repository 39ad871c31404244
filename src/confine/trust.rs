//! Where a path leads, and who could lead it elsewhere.
//!
//! The process starts as root, and its own directories belong to a user. If this user put a symbolic link there, the next
//! start must not give him what the link leads to. So a path counts only as far as he can't change it.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

/// The most symbolic links in a path (`MAXSYMLINKS` in the kernel's namei.h).
const MOST_LINKS: usize = 40;

/// Whom a path is judged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Nobody: the process stays root, and only root's configuration counts.
    Nobody,
    /// This user, who may have done something before.
    User {
        uid: u32,
        /// His groups.
        groups: Vec<u32>,
    },
    /// Anybody but root.
    Anybody,
}

impl Who {
    /// True if they can put another entry in the place of this one, or a first one there.
    pub(super) fn can_change(&self, dir: &Metadata, entry: Option<&Metadata>) -> bool {
        let mode = dir.mode();
        // In a sticky directory, everybody replaces only his own entries.
        let is_kept =
            |is_theirs: &dyn Fn(u32) -> bool| mode & 0o1000 != 0 && entry.is_some_and(|e| !is_theirs(e.uid()));
        match self {
            Self::Nobody => false,
            Self::User { uid, groups } => {
                let is_writable = mode & 0o002 != 0 || (mode & 0o020 != 0 && groups.contains(&dir.gid()));
                dir.uid() == *uid || (is_writable && !is_kept(&|owner| owner == *uid))
            }
            Self::Anybody => dir.uid() != 0 || (mode & 0o022 != 0 && !is_kept(&|owner| owner != 0)),
        }
    }
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// It leads there, without links, and they can't change that.
    Fixed(PathBuf),
    /// They can change what it leads to from this directory on.
    Changeable(PathBuf),
}

impl Route {
    /// The place, if it is fixed.
    pub(super) fn fixed(self) -> Option<PathBuf> {
        match self {
            Self::Fixed(path) => Some(path),
            Self::Changeable(_) => None,
        }
    }
}

/// Follows an absolute path.
///
/// # Errors
/// When something on the way is missing, or there are too many links.
pub(super) fn follow(path: &Path, who: &Who) -> io::Result<Route> {
    let mut rest: VecDeque<OsString> = names(path);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        let dir = fs::symlink_metadata(&at)?;
        let next = at.join(&name);
        let entry = fs::symlink_metadata(&next);
        if who.can_change(&dir, entry.as_ref().ok()) {
            return Ok(Route::Changeable(at));
        }
        if !entry?.is_symlink() {
            at = next;
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(io::Error::from(nix::errno::Errno::ELOOP));
        }
        let target = fs::read_link(&next)?;
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        names(&target).into_iter().rev().for_each(|name| rest.push_front(name));
    }
    Ok(Route::Fixed(at))
}

/// The names in a path. `..` is one of them, `.` is none.
fn names(path: &Path) -> VecDeque<OsString> {
    let name = |component| match component {
        Component::Normal(name) => Some(name.to_os_string()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().filter_map(name).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_path_counts_as_far_as_they_cannot_change_it() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        fs::create_dir_all(dir.join("a/b")).unwrap();
        fs::create_dir(dir.join("open")).unwrap();
        fs::create_dir(dir.join("open/mine")).unwrap();
        fs::set_permissions(dir.join("open"), fs::Permissions::from_mode(0o777)).unwrap();
        symlink("../a/./b", dir.join("a/link")).unwrap();
        symlink(dir.join("open/mine"), dir.join("a/away")).unwrap();
        symlink("loop", dir.join("loop")).unwrap();
        let me = fs::metadata(&dir).unwrap().uid();
        let other = Who::User { uid: me + 1, groups: Vec::new() };
        let fixed = |name: &str| follow(&dir.join(name), &other).unwrap();
        assert_eq!(fixed("a/link"), Route::Fixed(dir.join("a/b")));
        assert_eq!(fixed("open"), Route::Fixed(dir.join("open")));
        assert_eq!(fixed("a/../a/b"), Route::Fixed(dir.join("a/b")));
        assert_eq!(fixed("open/mine"), Route::Changeable(dir.join("open")));
        assert_eq!(fixed("a/away/x"), Route::Changeable(dir.join("open")));
        assert_eq!(follow(&dir.join("a/away"), &Who::Nobody).unwrap(), Route::Fixed(dir.join("open/mine")));
        // A sticky directory keeps the entries of others.
        fs::set_permissions(dir.join("open"), fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(fixed("open/mine"), Route::Fixed(dir.join("open/mine")));
        assert_eq!(fixed("open/missing"), Route::Changeable(dir.join("open")));
        let owner = Who::User { uid: me, groups: Vec::new() };
        assert!(matches!(follow(&dir.join("a/b"), &owner).unwrap(), Route::Changeable(_)));
        assert!(follow(&dir.join("loop"), &other).is_err() && follow(&dir.join("a/none"), &other).is_err());
    }

    #[test]
    fn a_group_counts_if_the_user_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o770)).unwrap();
        let meta = fs::metadata(dir.path()).unwrap();
        let user = |groups| Who::User { uid: meta.uid() + 1, groups };
        assert!(user(vec![meta.gid()]).can_change(&meta, None) && !user(vec![meta.gid() + 1]).can_change(&meta, None));
        assert!(Who::Anybody.can_change(&meta, None) && !Who::Nobody.can_change(&meta, None));
    }
}
