//! Files and directories that one output has for itself: two in one would spoil each other's.

use super::validator::Validator;
use std::path::{Path, PathBuf};

/// What standard output is called here.
pub(super) const STDOUT: &str = "-";

/// What a key of a section names.
pub(super) struct PathClaim {
    path: PathBuf,
    section: String,
    key: &'static str,
}

impl Validator<'_> {
    /// Notes that a key's section writes there; a fault when another does already.
    pub(super) fn claim_path(&mut self, line: usize, section: &str, key: &'static str, path: &Path) {
        // Devices and pipes are as their reader likes it.
        if path.metadata().is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
            return;
        }
        let path = if path == Path::new(STDOUT) { path.to_path_buf() } else { resolved(path) };
        match self.claims.iter().find(|claim| claim.path == path) {
            Some(PathClaim { section: first, key: its, .. }) => {
                let place =
                    if first.is_empty() { format!("{its} before any section") } else { format!("[{first}] {its}") };
                let name =
                    if path == Path::new(STDOUT) { "standard output".into() } else { path.display().to_string() };
                self.fault(line, section, key, format!("{name} is taken by {place}; each needs its own"));
            }
            None => self.claims.push(PathClaim { path, section: section.to_string(), key }),
        }
    }
}

/// A path without links and dots, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(real), ..) => real,
        (Err(_), Some(parent), Some(name)) => resolved(parent).join(name),
        _ => path.to_path_buf(),
    }
}
