//! Files, dead letters and spools: can they be written, and is there room? Nothing is created or changed.

use super::Report;
use crate::config::{File, Queue, Spool};
use nix::{
    sys::statvfs::statvfs,
    unistd::{AccessFlags, eaccess},
};
use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Checks the file of an output.
pub(super) fn check_file(file: &File, report: &mut Report) -> io::Result<()> {
    let shown = file.path.display().to_string();
    // To rotate it, files beside it are made and renamed.
    let beside = if file.rotate.is_some() { parent(&file.path).and_then(|dir| can_create_in(&dir)) } else { Ok(()) };
    match can_append(&file.path).and_then(|said| beside.map(|()| said)) {
        Ok((said, free)) => report.ok(&shown, &format!("{said}{}", room(free))),
        Err(why) => report.failed(&shown, &why),
    }
}

/// Checks the spool and the dead-letter file of an output, as far as it has them.
pub(super) fn check_queue(queue: &Queue, report: &mut Report) -> io::Result<()> {
    if let Some(spool) = &queue.spool {
        check_spool(spool, report)?;
    }
    let is_in_spool = |file: &Path| queue.spool.as_ref().is_some_and(|spool| file.parent() == Some(&spool.dir));
    match &queue.dead_letter_file {
        Some(file) if !is_in_spool(file) || file.exists() => {
            let what = format!("dead_letter_file {}", file.display());
            match can_append(file) {
                Ok((said, free)) => report.ok(&what, &format!("{said}{}", room(free))),
                Err(why) => report.failed(&what, &why),
            }
        }
        _ => Ok(()),
    }
}

fn check_spool(spool: &Spool, report: &mut Report) -> io::Result<()> {
    let what = format!("spool_dir {}", spool.dir.display());
    let (said, at) = match fs::metadata(&spool.dir) {
        Ok(_) => ("can be written", Ok(spool.dir.clone())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => ("doesn't exist yet, and can be created", parent(&spool.dir)),
        Err(e) => return report.failed(&what, &reason(&e)),
    };
    let at = match at.and_then(|dir| can_create_in(&dir).map(|()| dir)) {
        Ok(dir) => dir,
        Err(why) => return report.failed(&what, &why),
    };
    let (free, used, limit) = (free(&at), used(&spool.dir), spool.limit);
    match free {
        None => report.unsure(&what, &format!("{said}; how much room there is isn't known")),
        Some(0) => report.failed(&what, &format!("the disk is full; spool_limit is {}", size(limit))),
        Some(free) if free.saturating_add(used) < limit => report.unsure(
            &what,
            &format!(
                "{said}; spool_limit is {}, but there is room for {} only: lower spool_limit, or make room",
                size(limit),
                size(free.saturating_add(used))
            ),
        ),
        Some(free) => report.ok(&what, &format!("{said}; {} free, spool_limit is {}", size(free), size(limit))),
    }
}

/// Checks that lines can be appended to a file. Says how it is, and how many bytes are free.
fn can_append(path: &Path) -> Result<(&'static str, Option<u64>), String> {
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            // A link that leads to no file: the file is made where it leads.
            let target = fs::read_link(path).map_or_else(|_| path.to_path_buf(), |to| path.with_file_name(to));
            let dir = parent(&target)?;
            can_create_in(&dir)?;
            return Ok(("doesn't exist yet, and can be created", some_room(&dir)?));
        }
        Err(e) => return Err(reason(&e)),
    };
    if meta.file_type().is_char_device() {
        return eaccess(path, AccessFlags::W_OK)
            .map(|()| ("a device that can be written", None))
            .map_err(|e| reason(&e.into()));
    }
    if !meta.is_file() {
        return Err("is neither a file nor a device: name another path".into());
    }
    // Opening changes nothing, but finds what the permissions don't tell: a read-only disk, or a file that can't be
    // changed (chattr +i).
    let opened = OpenOptions::new().append(true).custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY).open(path);
    opened.map_err(|e| reason(&e))?;
    Ok(("can be appended to", some_room(path)?))
}

/// Checks that files can be created in a directory.
fn can_create_in(dir: &Path) -> Result<(), String> {
    match fs::metadata(dir) {
        Ok(meta) if !meta.is_dir() => return Err(format!("{} is no directory", dir.display())),
        Ok(_) => (),
        Err(e) => return Err(format!("{}: {}", dir.display(), reason(&e))),
    }
    let may = eaccess(dir, AccessFlags::W_OK | AccessFlags::X_OK);
    may.map_err(|e| format!("no file can be created in {}: {}", dir.display(), reason(&e.into())))
}

fn parent(path: &Path) -> Result<PathBuf, String> {
    path.parent().map(Path::to_path_buf).ok_or_else(|| "has no directory".into())
}

/// An error and what to do.
fn reason(e: &io::Error) -> String {
    let remedy = match e.kind() {
        io::ErrorKind::PermissionDenied => {
            "; run this as the user that runs auship (as a rule root), or change owner or mode"
        }
        io::ErrorKind::NotFound => "; create it",
        io::ErrorKind::ReadOnlyFilesystem => "; mount it writable, or use another path",
        _ => "",
    };
    format!("{e}{remedy}")
}

/// The free bytes of a file system, of which at least one is needed.
fn some_room(path: &Path) -> Result<Option<u64>, String> {
    match free(path) {
        Some(0) => Err("the disk is full: make room".into()),
        free => Ok(free),
    }
}

/// The bytes that are free on a file system for this user. None if that isn't known.
fn free(path: &Path) -> Option<u64> {
    let stat = statvfs(path).ok()?;
    // The types of these numbers differ between machines.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    let (blocks, block) = (stat.blocks_available() as u64, stat.fragment_size() as u64);
    // Some network file systems don't count blocks.
    (stat.blocks() > 0).then(|| blocks.saturating_mul(block))
}

/// The bytes of the files in a directory.
fn used(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).filter(fs::Metadata::is_file).map(|meta| meta.len()).sum()
}

fn room(free: Option<u64>) -> String {
    free.map(|free| format!("; {} free", size(free))).unwrap_or_default()
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut left = bytes;
    let mut tenths = 0;
    while left >= 1024 && unit < UNITS.len() - 1 {
        tenths = left % 1024 * 10 / 1024;
        left /= 1024;
        unit += 1;
    }
    if tenths == 0 { format!("{left} {}", UNITS[unit]) } else { format!("{left}.{tenths} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        let all = [0, 1023, 1024, 1536, 1 << 30, 3_400_000_000].map(size);
        assert_eq!(all, ["0 bytes", "1023 bytes", "1 KiB", "1.5 KiB", "1 GiB", "3.1 GiB"]);
    }
}
