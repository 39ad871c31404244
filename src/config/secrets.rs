//! Secrets. They are in separate files, never in the configuration, and are never shown.

use std::{fs, io::Read, os::unix::fs::MetadataExt, path::Path, path::PathBuf};

/// The most bytes that are read from the file of a secret.
const MOST: u64 = 64 << 10;

/// A file whose first line is a password or a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret(pub PathBuf);

impl Secret {
    /// Checks the file. The error says what is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let secret = Self(PathBuf::from(text));
        secret.read().map(|_| secret)
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// When the file can't be read, has no secret, or is accessible to everybody.
    pub fn read(&self) -> Result<String, String> {
        let path: &Path = &self.0;
        let can_not = |e: std::io::Error| format!("can't read {}: {e}", path.display());
        let file = fs::File::open(path).map_err(can_not)?;
        let meta = file.metadata().map_err(can_not)?;
        if !meta.is_file() {
            return Err(format!("{} is not a regular file", path.display()));
        }
        is_kept(path, &meta)?;
        let mut text = String::new();
        file.take(MOST).read_to_string(&mut text).map_err(can_not)?;
        match text.lines().next().map(str::trim_end) {
            Some(secret) if !secret.is_empty() && !secret.contains(char::is_control) => Ok(secret.to_string()),
            _ => Err(format!("{} must hold the secret as its first line", path.display())),
        }
    }
}

/// Checks that not everybody has access to a file with a secret.
pub(super) fn is_kept(path: &Path, meta: &fs::Metadata) -> Result<(), String> {
    if meta.mode() & 0o007 == 0 {
        return Ok(());
    }
    Err(format!("{} holds a secret and is accessible to everybody; chmod o= it", path.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_the_first_line_of_a_file_that_few_can_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        let write = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Secret(path.clone()).read()
        };
        assert_eq!(write("s3 cret\n", 0o640), Ok("s3 cret".into()));
        assert!(write("s3cret\n", 0o644).unwrap_err().contains("chmod o="));
        assert!(write("\n", 0o600).unwrap_err().contains("first line"));
        assert!(Secret(dir.path().join("none")).read().unwrap_err().contains("can't read"));
    }
}
