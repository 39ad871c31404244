//! The file itself: opening it, and making way for a new one.

use crate::config;
use std::{
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Opens the file for appending. A new one gets the mode and the owner that are configured; one that is there keeps
/// its own.
pub(in crate::sink) fn open(config: &config::File) -> io::Result<File> {
    let path = &config.path;
    if let Ok(there) = fs::metadata(path)
        && !(there.is_file() || there.file_type().is_char_device())
    {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a file nor a device"));
    }
    if let Some(file) = create(config)? {
        return Ok(file);
    }
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).or_else(|e| {
        // A pipe or a file that may be written but not read.
        if e.kind() == io::ErrorKind::PermissionDenied { OpenOptions::new().append(true).open(path) } else { Err(e) }
    })?;
    if file.metadata()?.is_file() && file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        // What a crash cut in half must not swallow the next document.
        if matches!(file.read(&mut last), Ok(1)) && last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

/// Makes the file, unless there is one.
fn create(config: &config::File) -> io::Result<Option<File>> {
    let new = OpenOptions::new().read(true).append(true).create_new(true).mode(config.mode & 0o600).open(&config.path);
    let file = match new {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            return match leads_nowhere(&config.path) {
                Some(path) => create(&config::File { path, ..config.clone() }),
                None => Ok(None),
            };
        }
        Err(e) => return Err(e),
    };
    let number = |id: &Option<config::Id>| id.as_ref().map(|id| id.number);
    let (owner, group) = (number(&config.owner), number(&config.group));
    let given = || {
        if owner.is_some() || group.is_some() {
            fchown(&file, owner, group).map_err(|e| io::Error::new(e.kind(), format!("can't give it away: {e}")))?;
        }
        // Not before it has its owner, and whatever the umask is.
        file.set_permissions(Permissions::from_mode(config.mode))
    };
    if let Err(e) = given() {
        // The next one who opens it would take it for one that is as it should be.
        let _ = fs::remove_file(&config.path);
        return Err(e);
    }
    Ok(Some(file))
}

/// What a link names that isn't there.
fn leads_nowhere(path: &Path) -> Option<PathBuf> {
    let missing = fs::metadata(path).is_err_and(|e| e.kind() == io::ErrorKind::NotFound);
    let target = fs::read_link(path).ok().filter(|_| missing)?;
    Some(path.parent()?.join(target))
}

/// True when a name leads to an open file.
pub(super) fn leads_to(path: &Path, file: &File) -> bool {
    let (Ok(named), Ok(open)) = (fs::metadata(path), file.metadata()) else {
        return false;
    };
    (named.dev(), named.ino()) == (open.dev(), open.ino())
}

/// How large a file is and how old, as far as that matters for rotation.
#[derive(Debug)]
pub(super) struct Age {
    /// Bytes in it.
    pub(super) size: u64,
    /// When it began: an empty file hasn't.
    begun: Option<SystemTime>,
}

impl Age {
    /// Of a file just opened. One that isn't empty began when it was made; where the file system doesn't know when that
    /// was, when it was last written. `None` for what is no regular file.
    pub(super) fn of(file: &File) -> Option<Self> {
        let meta = file.metadata().ok().filter(fs::Metadata::is_file)?;
        let begun = if meta.len() > 0 { meta.created().or_else(|_| meta.modified()).ok() } else { None };
        Some(Self { size: meta.len(), begun })
    }

    /// So many bytes more.
    pub(super) fn grow(&mut self, bytes: usize) {
        if self.begun.is_none() {
            self.begun = Some(SystemTime::now());
        }
        self.size += bytes as u64;
    }

    /// True when it is time for a new file. A clock that was set back makes it later, not sooner.
    pub(super) fn is_over(&self, every: Option<Duration>) -> bool {
        every.is_some_and(|every| self.begun.and_then(|begun| begun.elapsed().ok()).is_some_and(|age| age >= every))
    }
}

/// `PATH.N`.
fn numbered(path: &Path, n: usize) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(format!(".{n}"));
    name.into()
}

/// Renames `PATH` to `PATH.1`, that one to `PATH.2`, and so on; the last, `PATH.KEEP`, goes. Returns the new file; none
/// when somebody else has moved the old one, or is about to. After an error the old one has its name still, or again:
/// whenever this stops, even killed, all documents are in files with names.
pub(super) fn rotate(config: &config::File, keep: usize, file: &File) -> io::Result<Option<File>> {
    // Two that write the same file (while the configuration is read again there are two) must not both rename: the
    // second would put the new file in the place of the one just put away.
    match file.try_lock() {
        Ok(()) => (),
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(e)) => return Err(e),
    }
    let result = rotate_locked(config, keep, file);
    file.unlock()?;
    result
}

fn rotate_locked(config: &config::File, keep: usize, file: &File) -> io::Result<Option<File>> {
    if !leads_to(&config.path, file) {
        return Ok(None);
    }
    // Where a link leads to the file it goes on leading to the newest.
    let config = &config::File { path: fs::canonicalize(&config.path)?, ..config.clone() };
    let path = &config.path;
    // Where a number is free, as after a kill in the middle of this, those behind it stay.
    let there = |n: usize| fs::symlink_metadata(numbered(path, n)).is_ok();
    let last = (1..keep).find(|n| !there(*n)).unwrap_or(keep);
    for n in (1..last).rev() {
        fs::rename(numbered(path, n), numbered(path, n + 1))?;
    }
    fs::rename(path, numbered(path, 1))?;
    match create(config) {
        Ok(Some(new)) => Ok(Some(new)),
        // Somebody was quicker; it is opened as any file that has the name.
        Ok(None) => Ok(None),
        Err(e) => {
            fs::rename(numbered(path, 1), path)?;
            Err(e)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<(String, String)> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), fs::read_to_string(e.path()).unwrap()))
            .collect();
        names.sort();
        names
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
    }

    #[test]
    fn old_files_move_up_and_the_last_goes() {
        let dir = tempfile::tempdir().unwrap();
        let config = config::File::new(dir.path().join("f"));
        for n in 1..=4 {
            let mut file = open(&config).unwrap();
            write!(file, "{n}").unwrap();
            assert!(rotate(&config, 3, &file).unwrap().is_some());
        }
        assert_eq!(names(dir.path()), pairs(&[("f", ""), ("f.1", "4"), ("f.2", "3"), ("f.3", "2")]));
        fs::remove_file(dir.path().join("f.1")).unwrap();
        let file = open(&config).unwrap();
        rotate(&config, 3, &file).unwrap();
        assert_eq!(names(dir.path()), pairs(&[("f", ""), ("f.1", ""), ("f.2", "3"), ("f.3", "2")]));
    }

    #[test]
    fn a_file_that_has_lost_its_name_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let config = config::File::new(dir.path().join("f"));
        let file = open(&config).unwrap();
        fs::rename(&config.path, dir.path().join("moved")).unwrap();
        fs::write(&config.path, "another").unwrap();
        assert!(rotate(&config, 3, &file).unwrap().is_none());
        assert_eq!(names(dir.path()), pairs(&[("f", "another"), ("moved", "")]));
    }

    #[test]
    fn a_rename_that_fails_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let config = config::File::new(dir.path().join("f"));
        let file = open(&config).unwrap();
        // A directory with something in it can't be renamed over.
        fs::create_dir_all(dir.path().join("f.1/x")).unwrap();
        assert!(rotate(&config, 1, &file).is_err());
        assert!(leads_to(&config.path, &file));
    }

    #[test]
    fn an_empty_file_has_no_age() {
        let dir = tempfile::tempdir().unwrap();
        let file = open(&config::File::new(dir.path().join("f"))).unwrap();
        let mut age = Age::of(&file).unwrap();
        assert!(!age.is_over(Some(Duration::ZERO)) && age.size == 0);
        age.grow(3);
        assert!(age.is_over(Some(Duration::ZERO)) && age.size == 3 && !age.is_over(None));
    }
}
