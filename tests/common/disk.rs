//! Test disks that fail on demand, and small file systems in memory.

use super::{PYTHON, cannot_run, tool};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A disk that fails on demand (tests/tools/bad_disk.py). Dropping this value unmounts it.
pub struct BadDisk {
    child: Child,
    behaviour: PathBuf,
}

impl BadDisk {
    /// Mounts the disk at `dir`/disk. Returns `None` where this isn't possible, and prints the reason.
    pub fn mount(dir: &Path) -> Option<Self> {
        let (backing, disk, behaviour) = (dir.join("backing"), dir.join("disk"), dir.join("behaviour"));
        fs::create_dir(&backing).unwrap();
        fs::create_dir(&disk).unwrap();
        fs::write(&behaviour, "ok").unwrap();
        let mut command = Command::new(PYTHON);
        command.arg(tool("bad_disk.py")).args([&backing, &disk, &behaviour]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.trim() == "mounted" {
            return Some(Self { child, behaviour });
        }
        cannot_run("disks that fail", "no FUSE here: it needs root, /dev/fuse and python3-fusepy");
        child.wait().unwrap();
        None
    }

    pub fn behave(&self, how: &str) {
        let new = self.behaviour.with_extension("new");
        fs::write(&new, how).unwrap();
        fs::rename(new, &self.behaviour).unwrap();
    }
}

impl Drop for BadDisk {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A small file system in memory. Dropping this value unmounts it.
pub struct Tmpfs(pub PathBuf);

impl Tmpfs {
    /// Creates the directory `at` and mounts the file system there. Returns `None` where this isn't possible.
    pub fn new(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let options = format!("size={size}");
        match mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some(options.as_str())) {
            Ok(()) => Some(Self(at.to_path_buf())),
            Err(e) => {
                cannot_run("a full disk", &format!("a tmpfs can't be mounted here ({e}); run this as root"));
                None
            }
        }
    }

    /// Remounts the file system with other flags.
    pub fn remount(&self, flags: MsFlags) {
        mount(Some("tmpfs"), &self.0, None::<&str>, MsFlags::MS_REMOUNT | flags, None::<&str>).unwrap();
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}
