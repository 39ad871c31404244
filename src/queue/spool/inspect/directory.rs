//! A spool's directory: its files, and opening them to read.

use super::{fault::InspectError, file::SpoolFile};
use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat},
    sys::stat::{FileStat, Mode, SFlag, fstatat},
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The most files that a directory may have. A spool has some hundreds.
const MOST: usize = 100_000;

/// A directory that is open.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    dir: Dir,
}

/// Calls `open` with `O_NOATIME`. Only the owner and root may use that; for others without it.
fn without_atime<T>(flags: OFlag, open: impl Fn(OFlag) -> nix::Result<T>) -> nix::Result<T> {
    let flags = flags | OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    match open(flags | OFlag::O_NOATIME) {
        Err(Errno::EPERM) => open(flags),
        result => result,
    }
}

fn type_of(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self, InspectError> {
        let open = |flags| Dir::open(path, flags | OFlag::O_DIRECTORY, Mode::empty());
        match without_atime(OFlag::empty(), open) {
            Ok(dir) => Ok(Self { path: path.to_path_buf(), dir }),
            Err(Errno::ENOENT) => Err(InspectError::NoDirectory(path.to_path_buf())),
            Err(Errno::ENOTDIR) => Err(InspectError::NotADirectory(path.to_path_buf())),
            Err(e) => Err(InspectError::from_errno(path.to_path_buf(), e)),
        }
    }

    /// The full path of a file.
    pub(super) fn path(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    /// What the system knows of a file; of a link, not of what it leads to.
    pub(super) fn stat(&self, name: &OsStr) -> Option<FileStat> {
        fstatat(&self.dir, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()
    }

    /// The files that are there now.
    pub(super) fn files(&mut self) -> Result<Vec<SpoolFile>, InspectError> {
        let mut names = Vec::new();
        for entry in self.dir.iter() {
            let entry = entry.map_err(|e| InspectError::from_errno(self.path.clone(), e))?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes()).to_os_string();
            if name != "." && name != ".." {
                names.push(name);
            }
            if names.len() > MOST {
                return Err(InspectError::TooMany(self.path.clone(), MOST));
            }
        }
        // One that is gone by now has no more to say.
        let file = |name: OsString| {
            let stat = self.stat(&name)?;
            let is_regular = type_of(&stat) == SFlag::S_IFREG;
            Some(SpoolFile::new(name, u64::try_from(stat.st_size).unwrap_or(0), is_regular))
        };
        Ok(names.into_iter().filter_map(file).collect())
    }

    /// Opens a file to read it; none if it is gone. What isn't a regular file is never opened: a pipe would wait for its
    /// other end, and a link may lead anywhere.
    pub(super) fn open_file(&self, file: &SpoolFile) -> Result<Option<File>, InspectError> {
        let path = || self.path(&file.name);
        if !file.is_regular {
            return Err(InspectError::NotRegular(path()));
        }
        let open = |flags| openat(&self.dir, file.name.as_os_str(), flags | OFlag::O_NOFOLLOW, Mode::empty());
        let opened = match without_atime(OFlag::empty(), open) {
            Ok(fd) => File::from(fd),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => return Err(InspectError::NotRegular(path())),
            Err(e) => return Err(InspectError::from_errno(path(), e)),
        };
        // It may be another one than was listed.
        let meta = opened.metadata().map_err(|e| InspectError::Io(path(), e))?;
        if meta.is_file() { Ok(Some(opened)) } else { Err(InspectError::NotRegular(path())) }
    }
}
