//! The files with the audit rules that are loaded when auditd starts.
//!
//! Their hash is what this command prints, where the names sort as in the C locale:
//! `cat /etc/audit/audit.rules /etc/audit/rules.d/*.rules | sha256sum`

use crate::hash::Hash;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The file that auditctl loads (auditctl(8)).
const RULES: &str = "/etc/audit/audit.rules";
/// The directory of the files from which augenrules(8) makes it.
const DIRECTORY: &str = "/etc/audit/rules.d";

/// The SHA-256 of all files, one after the other. None if there is none, or if one can't be read.
pub(super) fn sha256() -> Option<String> {
    of(Path::new(RULES), Path::new(DIRECTORY)).ok().flatten()
}

fn of(rules: &Path, directory: &Path) -> io::Result<Option<String>> {
    let mut files = Vec::new();
    if rules.try_exists()? {
        files.push(rules.to_path_buf());
    }
    files.extend(rules_of(directory)?);
    if files.is_empty() {
        return Ok(None);
    }
    let mut hash = Hash::default();
    for file in files {
        hash.update(&fs::read(file)?);
    }
    Ok(Some(hash.finish()))
}

/// The `.rules` files of a directory, sorted by name. None of them if there is no directory.
fn rules_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    if !directory.try_exists()? {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // The shell's `*` doesn't match names that begin with a dot.
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && entry.path().extension().is_some_and(|end| end == "rules") {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_hash_is_that_of_the_command_in_the_manual() {
        let dir = tempfile::tempdir().unwrap();
        let (rules, directory) = (dir.path().join("audit.rules"), dir.path().join("rules.d"));
        assert_eq!(of(&rules, &directory).unwrap(), None);
        fs::create_dir(&directory).unwrap();
        assert_eq!(of(&rules, &directory).unwrap(), None);
        fs::write(&rules, "-D\n-b 8192\n").unwrap();
        for name in ["20-b.rules", "10-a.rules", "Z.rules", ".hidden.rules", "notes.txt"] {
            fs::write(directory.join(name), format!("# {name}\n")).unwrap();
        }
        let command = format!("cat {0}/audit.rules {0}/rules.d/*.rules | sha256sum", dir.path().display());
        let output = Command::new("sh").args(["-c", &command]).env("LC_ALL", "C").output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(of(&rules, &directory).unwrap().as_deref(), printed.split(' ').next());
        fs::create_dir(directory.join("99.rules")).unwrap();
        assert!(of(&rules, &directory).is_err(), "it isn't known what else there is");
    }
}
