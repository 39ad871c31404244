//! Watches the files that give users and groups their names.

use std::{fs, time::SystemTime};

/// Says when `/etc/passwd` or `/etc/group` was changed.
pub struct AccountFileWatcher {
    changed: [Option<SystemTime>; 2],
}

impl AccountFileWatcher {
    const FILES: [&str; 2] = ["/etc/passwd", "/etc/group"];

    /// From now on.
    pub fn start() -> Self {
        Self { changed: Self::times() }
    }

    fn times() -> [Option<SystemTime>; 2] {
        Self::FILES.map(|file| fs::metadata(file).and_then(|meta| meta.modified()).ok())
    }

    /// True when one of them was changed since this was asked last.
    pub fn have_changed(&mut self) -> bool {
        let times = Self::times();
        let changed = times != self.changed;
        self.changed = times;
        changed
    }
}
