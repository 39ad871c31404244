//! An output's queue: the ring, the spool behind it, and where goes what no server will ever take.

use super::{
    show::Quoted,
    validator::{SectionValues, Validator, file_in_directory},
    values,
};
use std::{
    fmt,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Bounds of an output's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Documents in the ring.
    pub slots: usize,
    /// Bytes of all documents in the ring; one larger than this goes through alone.
    pub bytes: usize,
    /// How long the reader waits in a row for a local disk.
    pub max_wait: Duration,
    /// The queue on disk.
    pub spool: Option<Spool>,
    /// Where documents go that the server will never take, with its answer.
    pub dead_letter_file: Option<PathBuf>,
    /// How large that file may grow, in bytes.
    pub dead_letter_limit: u64,
}

/// The queue on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// Its directory, no other output's.
    pub dir: PathBuf,
    /// Every event goes through the spool, and is on the disk before it counts as taken.
    pub always: bool,
    /// How much it may hold, in bytes.
    pub limit: u64,
    /// What to do at the limit.
    pub full: SpoolFull,
}

/// What to do when the spool is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpoolFull {
    /// Make room by losing the oldest events.
    DropOldest,
    /// Lose events that come.
    DropNewest,
}

/// The name of the dead-letter file in a spool's directory.
const DEAD_LETTERS: &str = "dead-letters.json";

impl Queue {
    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "ring_slots = {}", self.slots)?;
        writeln!(f, "ring_bytes = {}", values::show_size(self.bytes as u64))?;
        writeln!(f, "max_wait = {}", values::show_time(self.max_wait))?;
        if let Some(spool) = &self.spool {
            writeln!(f, "spool_dir = {}", Quoted::path(&spool.dir))?;
            writeln!(f, "spool = {}", if spool.always { "always" } else { "overflow" })?;
            writeln!(f, "spool_limit = {}", values::show_size(spool.limit))?;
            let full = match spool.full {
                SpoolFull::DropOldest => "drop_oldest",
                SpoolFull::DropNewest => "drop_newest",
            };
            writeln!(f, "spool_full = {full}")?;
        }
        if let Some(path) = &self.dead_letter_file {
            writeln!(f, "dead_letter_file = {}", Quoted::path(path))?;
            writeln!(f, "dead_letter_limit = {}", values::show_size(self.dead_letter_limit))?;
        }
        Ok(())
    }
}

impl Validator<'_> {
    /// The queue; only one in front of the network has a spool.
    pub(super) fn queue(&mut self, given: &mut SectionValues, network: bool) -> Queue {
        let spool = if network { self.spool(given) } else { None };
        let mut queue = Queue {
            slots: self.value(given, "ring_slots", 512, |text| {
                values::count(text).ok().filter(|n| *n <= 1 << 20).ok_or("a whole number from 1 to 1048576")
            }),
            bytes: self.value(given, "ring_bytes", 8 << 20, |text| {
                values::size(text).and_then(|size| usize::try_from(size).map_err(|_| "a size that memory can hold"))
            }),
            max_wait: self.value(given, "max_wait", Duration::from_secs(2), values::time),
            dead_letter_file: spool.as_ref().map(|spool| spool.dir.join(DEAD_LETTERS)),
            dead_letter_limit: 100 << 20,
            spool,
        };
        if network {
            let line = given.line("dead_letter_file").unwrap_or_default();
            let file = self.checked(given, "dead_letter_file", |text| match &queue.spool {
                // That directory is made.
                Some(spool) if Path::new(text).parent() == Some(&spool.dir) => Ok(text.into()),
                _ => file_in_directory(text),
            });
            if let Some(file) = &file {
                self.claim_path(line, given.section, "dead_letter_file", file);
            }
            queue.dead_letter_file = file.or(queue.dead_letter_file);
            if let (None, Some(line)) = (&queue.dead_letter_file, given.line("dead_letter_limit")) {
                self.fault(line, given.section, "dead_letter_limit", "needs dead_letter_file or spool_dir too");
            }
            queue.dead_letter_limit = self.value(given, "dead_letter_limit", queue.dead_letter_limit, values::size);
        }
        queue
    }

    fn spool(&mut self, given: &mut SectionValues) -> Option<Spool> {
        const LEAST: u64 = 1 << 20;
        if !given.has("spool_dir") {
            for key in ["spool", "spool_limit", "spool_full"] {
                if let Some((_, line)) = given.take(key) {
                    self.fault(line, given.section, key, "needs spool_dir too");
                }
            }
            return None;
        }
        let line = given.line("spool_dir").unwrap_or_default();
        let dir = self.checked(given, "spool_dir", |text| {
            let path = PathBuf::from(text);
            match path.parent().filter(|_| path.is_absolute()) {
                None => Err("must be the absolute path of a directory of its own".to_string()),
                Some(_) if path.is_dir() => private(path),
                Some(_) if path.exists() => Err("is no directory".to_string()),
                Some(parent) if !parent.is_dir() => {
                    Err(format!("there is no directory {}; create it", parent.display()))
                }
                Some(_) => Ok(path),
            }
        });
        let always = self.value(given, "spool", false, |text| match text {
            "overflow" => Ok(false),
            "always" => Ok(true),
            _ => Err("overflow or always"),
        });
        let limit = self.value(given, "spool_limit", 1 << 30, |text| {
            values::size(text).and_then(|n| if n >= LEAST { Ok(n) } else { Err("at least 1MiB") })
        });
        let full = self.value(given, "spool_full", SpoolFull::DropOldest, |text| match text {
            "drop_oldest" => Ok(SpoolFull::DropOldest),
            "drop_newest" => Ok(SpoolFull::DropNewest),
            _ => Err("drop_oldest or drop_newest"),
        });
        let dir = dir?;
        self.claim_path(line, given.section, "spool_dir", &dir);
        Some(Spool { dir, always, limit, full })
    }
}

/// A directory that others can't write to: what is found in it is delivered.
fn private(path: PathBuf) -> Result<PathBuf, String> {
    match path.metadata() {
        Ok(meta) if meta.mode() & 0o002 != 0 => {
            Err("is writable by everybody, so anybody could put events into it; chmod o-w it".into())
        }
        _ => Ok(path),
    }
}
