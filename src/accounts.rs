//! Watches the files that hold the names of users and groups.

use std::{fs, time::SystemTime};

/// Tells whether `/etc/passwd` or `/etc/group` has changed.
pub struct AccountFileWatcher {
    changed: [Option<SystemTime>; 2],
}

impl AccountFileWatcher {
    const FILES: [&str; 2] = ["/etc/passwd", "/etc/group"];

    /// Starts watching: later changes are noticed.
    pub fn start() -> Self {
        Self { changed: Self::times() }
    }

    fn times() -> [Option<SystemTime>; 2] {
        Self::FILES.map(|file| fs::metadata(file).and_then(|meta| meta.modified()).ok())
    }

    /// True when one of the files has changed since the last call.
    pub fn have_changed(&mut self) -> bool {
        let times = Self::times();
        let changed = times != self.changed;
        self.changed = times;
        changed
    }
}
