//! The process that uses a spool: it holds a lock on the spool's file `lock`.
//!
//! To try the lock would hinder a process that starts at this moment. So the kernel's list of locks is read instead
//! (proc(5), /proc/locks).

use std::fs;

/// The process that holds a lock on the file with this device and inode. None if there is none, or it can't be seen: it
/// may be in another container.
pub(super) fn of(device: u64, inode: u64) -> Option<i32> {
    find(&fs::read_to_string("/proc/locks").ok()?, device, inode)
}

/// Finds a lock in the kernel's list.
fn find(list: &str, device: u64, inode: u64) -> Option<i32> {
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    list.lines().find_map(|line| {
        // `1: FLOCK  ADVISORY  WRITE 708 00:16:1127 0 EOF`. A process that waits has `->` behind the number.
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, place, ..] = words[..] else { return None };
        let mut parts = place.splitn(3, ':');
        let mut hex = || u64::from_str_radix(parts.next()?, 16).ok();
        let (its_major, its_minor) = (hex()?, hex()?);
        let its_inode: u64 = parts.next()?.parse().ok()?;
        // File systems without a device of their own (btrfs) may show another minor number here than stat(2) does.
        let same_device = its_major == major && (its_minor == minor || major == 0);
        (its_inode == inode && same_device).then(|| pid.parse().ok()).flatten()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use nix::fcntl::{Flock, FlockArg};
    use std::os::unix::fs::MetadataExt;

    const LIST: &str = "\
1: POSIX  ADVISORY  WRITE 1 08:01:77 0 EOF
2: FLOCK  ADVISORY  WRITE 708 08:01:99 0 EOF
2: -> FLOCK  ADVISORY  WRITE 709 08:01:99 0 EOF
3: FLOCK  ADVISORY  READ  710 08:01:98 0 EOF
4: FLOCK  ADVISORY  WRITE 711 00:2b:97 0 EOF
nonsense
";

    #[test]
    fn a_lock_is_found_by_its_file() {
        let device = nix::sys::stat::makedev(8, 1);
        assert_eq!(find(LIST, device, 99), Some(708));
        for (device, inode) in [(device, 77), (device, 98), (device, 1), (nix::sys::stat::makedev(8, 2), 99)] {
            assert_eq!(find(LIST, device, inode), None);
        }
        assert_eq!(find(LIST, nix::sys::stat::makedev(0, 0x2c), 97), Some(711));
    }

    #[test]
    fn the_kernel_lists_a_lock_that_is_held() {
        let file = tempfile::tempfile().unwrap();
        let meta = file.metadata().unwrap();
        assert_eq!(of(meta.dev(), meta.ino()), None);
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).unwrap();
        assert_eq!(of(meta.dev(), meta.ino()), Some(std::process::id().try_into().unwrap()));
        drop(lock);
        assert_eq!(of(meta.dev(), meta.ino()), None);
    }
}
