//! Opening and rotating the file.

use crate::config;
use std::{
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Opens the file for appending. A new file gets the configured mode and owner; an existing one keeps its own.
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
        // This may be a pipe or a file that may be written but not read.
        if e.kind() == io::ErrorKind::PermissionDenied { OpenOptions::new().append(true).open(path) } else { Err(e) }
    })?;
    if file.metadata()?.is_file() && file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        // A crash may have cut the last line. The next document must begin on a line of its own.
        if matches!(file.read(&mut last), Ok(1)) && last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

/// Creates the file. Returns none if it exists.
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
            fchown(&file, owner, group)
                .map_err(|e| io::Error::new(e.kind(), format!("can't change its owner: {e}")))?;
        }
        // The mode is set after the owner, and whatever the umask is.
        file.set_permissions(Permissions::from_mode(config.mode))
    };
    if let Err(e) = given() {
        // Otherwise the next process that opens the file would accept it with the wrong owner or mode.
        let _ = fs::remove_file(&config.path);
        return Err(e);
    }
    Ok(Some(file))
}

/// The target of a link that leads to no file.
fn leads_nowhere(path: &Path) -> Option<PathBuf> {
    let missing = fs::metadata(path).is_err_and(|e| e.kind() == io::ErrorKind::NotFound);
    let target = fs::read_link(path).ok().filter(|_| missing)?;
    Some(path.parent()?.join(target))
}

/// True when a path leads to an open file.
pub(super) fn leads_to(path: &Path, file: &File) -> bool {
    let (Ok(named), Ok(open)) = (fs::metadata(path), file.metadata()) else {
        return false;
    };
    (named.dev(), named.ino()) == (open.dev(), open.ino())
}

/// A file's size and age, for rotation.
#[derive(Debug)]
pub(super) struct Age {
    /// Bytes in it.
    pub(super) size: u64,
    /// The time of its first bytes; none for an empty file.
    begun: Option<SystemTime>,
}

impl Age {
    /// The size and age of a file that was just opened. A file that isn't empty began when it was created. If the file
    /// system doesn't know that time, the time of the last write counts. `None` if it isn't a regular file.
    pub(super) fn of(file: &File) -> Option<Self> {
        let meta = file.metadata().ok().filter(fs::Metadata::is_file)?;
        let begun = if meta.len() > 0 { meta.created().or_else(|_| meta.modified()).ok() } else { None };
        Some(Self { size: meta.len(), begun })
    }

    /// Adds bytes that were written.
    pub(super) fn grow(&mut self, bytes: usize) {
        if self.begun.is_none() {
            self.begun = Some(SystemTime::now());
        }
        self.size += bytes as u64;
    }

    /// True when it is time for a new file. If the clock was set back, that is later, not sooner.
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

/// Renames `PATH` to `PATH.1`, `PATH.1` to `PATH.2`, and so on. The last, `PATH.KEEP`, is removed. Returns the new
/// file, or none when somebody else has renamed the old one or is about to. After an error the old file still has its
/// name, or has it again. If the process is killed at any point, all documents are in files with names.
pub(super) fn rotate(config: &config::File, keep: usize, file: &File) -> io::Result<Option<File>> {
    // Two sinks may write the same file while the configuration is read again. They must not both rename it: the second
    // would put the new file in the place of the one that was just renamed.
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
    // If a link leads to the file, it goes on leading to the newest file.
    let config = &config::File { path: fs::canonicalize(&config.path)?, ..config.clone() };
    let path = &config.path;
    // A number is free if a rotation was killed. The files with higher numbers stay then.
    let there = |n: usize| fs::symlink_metadata(numbered(path, n)).is_ok();
    let last = (1..keep).find(|n| !there(*n)).unwrap_or(keep);
    for n in (1..last).rev() {
        fs::rename(numbered(path, n), numbered(path, n + 1))?;
    }
    fs::rename(path, numbered(path, 1))?;
    match create(config) {
        Ok(Some(new)) => Ok(Some(new)),
        // Another process has created it. It is opened like any existing file.
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
        // A file can't be renamed over a directory that isn't empty.
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
