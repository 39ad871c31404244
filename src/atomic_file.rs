//! Writes files atomically: each is written under a temporary name and then renamed.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Creates or replaces a file. A reader finds either all of the old bytes or all of the new ones.
///
/// # Errors
/// When the file can't be written. The old file then stays as it was.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The temporary file is hidden and has another extension, so programs that collect such files don't find it.
    write_with(path, &path.with_file_name(format!(".{name}.new")), |file| {
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(mode))
    })
}

/// Like [`write()`], but `fill` writes the file, and `temporary` is its temporary name in the same directory. Only the
/// owner can read and write the file.
///
/// # Errors
/// When the file can't be written, or `fill` fails. The old file then stays as it was.
pub fn write_with(path: &Path, temporary: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    // A crash may have left a temporary file.
    fs::remove_file(temporary).or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
    // The file is created, never opened, so a link that somebody put there isn't followed.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    fill(&mut file).and_then(|()| fs::rename(temporary, path)).inspect_err(|_| {
        let _ = fs::remove_file(temporary);
    })
}

/// Puts the names in a directory onto the disk: a file that was made or renamed there has its name after a power failure
/// too.
///
/// # Errors
/// When the disk refuses.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.prom");
        // A crash may have left the temporary file, or somebody may have put a link there.
        symlink(dir.path().join("other"), dir.path().join(".x.prom.new")).unwrap();
        for text in ["long text", "short"] {
            write(&path, text.as_bytes(), 0o640).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        }
        assert_eq!(names(dir.path()), ["x.prom"]);
    }

    #[test]
    fn a_file_that_fails_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let (path, temporary) = (dir.path().join("x"), dir.path().join("x.unfinished"));
        write_with(&path, &temporary, |file| file.write_all(b"old")).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let failed = write_with(&path, &temporary, |file| {
            file.write_all(b"ne")?;
            Err(io::Error::other("full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "full");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["x"]);
        assert!(write(Path::new("/nowhere/x"), b"", 0o600).is_err());
    }
}
