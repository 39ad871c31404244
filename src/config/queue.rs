//! The keys of an output's queue: the ring, the spool behind it, and the dead-letter file.

use super::{
    key::{About, Dialect, Key, one, put, put_some, read, show as show_keys, some},
    show,
    validator::{SectionValues, Validator, file_in_directory},
    values,
};
use std::{fmt, os::unix::fs::MetadataExt, path::PathBuf, time::Duration};

/// The settings of an output's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The most documents in the ring.
    pub capacity: usize,
    /// The most bytes of documents in the ring. A single larger document passes alone.
    pub capacity_bytes: usize,
    /// How long the reader waits for a local disk, without a break.
    pub max_wait: Duration,
    /// The queue on disk.
    pub spool: Option<Spool>,
    /// The file for documents that the server will never accept, with the server's answers.
    pub dead_letter_file: Option<PathBuf>,
    /// The most bytes in that file.
    pub dead_letter_limit: u64,
}

/// The queue on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// Its directory, which no other output uses.
    pub dir: PathBuf,
    /// Whether every event goes through the spool, and is on disk before it counts as taken.
    pub always: bool,
    /// The most bytes on disk.
    pub limit: u64,
    /// The action at the limit.
    pub full: SpoolFull,
}

/// The action when the spool is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpoolFull {
    /// Drop the oldest events.
    DropOldest,
    /// Drop new events.
    DropNewest,
}

/// The name of the dead-letter file in a spool's directory.
pub const DEAD_LETTERS: &str = "dead-letters.json";

impl Queue {
    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        show_keys(RING_KEYS, self, f)?;
        if let Some(spool) = &self.spool {
            show_keys(SPOOL_KEYS, spool, f)?;
        }
        show_keys(DEAD_LETTER_KEYS, self, f)
    }
}

/// The keys of a ring.
pub(super) static RING_KEYS: &[Key<Queue>] = &[
    Key {
        about: About {
            name: "ring_slots",
            value: "*NUMBER*",
            default: "512",
            doc: "The most documents in the ring, from 1 to 1048576.",
            ..About::NONE
        },
        set: |queue, value| {
            let number = values::count(value.text).ok().filter(|n| *n <= 1 << 20);
            put(&mut queue.capacity, number.ok_or("a whole number from 1 to 1048576"))
        },
        show: |queue| one(queue.capacity),
    },
    Key {
        about: About {
            name: "ring_bytes",
            value: "*SIZE*",
            default: "8MiB",
            doc: "The most bytes of documents in the ring. A single larger document passes when the ring is empty.",
            ..About::NONE
        },
        set: |queue, value| {
            let size = values::size(value.text);
            put(
                &mut queue.capacity_bytes,
                size.and_then(|size| usize::try_from(size).map_err(|_| "a size that memory can hold")),
            )
        },
        show: |queue| one(values::show_size(queue.capacity_bytes as u64)),
    },
    Key {
        about: About {
            name: "max_wait",
            value: "*TIME*",
            default: "2s",
            doc: "How long the reader waits when the ring is full, for outputs to a file, to standard output or with a \
                  spool. After that the newest event is lost, which is counted and reported.",
            more: "Consecutive events share this time. Once it is used up, events are lost without waiting, until one \
                   finds room again. The reader never waits for a server, nor for a spool that is full or can't be \
                   written.",
            ..About::NONE
        },
        set: |queue, value| put(&mut queue.max_wait, values::time(value.text)),
        show: |queue| one(values::show_time(queue.max_wait)),
    },
];

/// The keys of a spool.
pub(super) static SPOOL_KEYS: &[Key<Spool>] = &[
    Key {
        about: About {
            name: "spool_dir",
            value: "*PATH*",
            example: "/var/spool/auship/siem",
            doc: "The directory of the spool, for this output only. It is created if its parent directory exists. \
                  Without a spool, events wait in memory only.",
            more: "The path must be absolute. The directory is created for its owner only. A directory that is \
                   writable by everybody is a fault. A second process on the same spool is refused. If the spool can't \
                   be written (disk full, read-only or failing), **auship** reports this and tries again. Until it \
                   succeeds, only the ring holds events. Damaged bytes are moved to a file *damaged-…* in the \
                   directory. Their events are counted as lost and reported. All other events are delivered.",
            ..About::NONE
        },
        set: |spool, value| put(&mut spool.dir, spool_dir(value.text)),
        show: |spool| one(show::path(&spool.dir)),
    },
    Key {
        about: About {
            name: "spool",
            value: "**overflow** | **always**",
            default: "overflow",
            doc: "**overflow**: events go to the spool when the ring is half full or the server fails. **always**: \
                  every event is on disk (*fdatasync*) before it counts as taken.",
            ..About::NONE
        },
        set: |spool, value| {
            let always = match value.text {
                "overflow" => Ok(false),
                "always" => Ok(true),
                _ => Err("overflow or always"),
            };
            put(&mut spool.always, always)
        },
        show: |spool| one(if spool.always { "always" } else { "overflow" }),
    },
    Key {
        about: About {
            name: "spool_limit",
            value: "*SIZE*",
            default: "1GiB",
            doc: "The largest size of the spool on disk, at least 1MiB.",
            more: "While a server fails, each connection may hold one more batch beyond this limit.",
            ..About::NONE
        },
        set: |spool, value| {
            const LEAST: u64 = 1 << 20;
            let size = values::size(value.text);
            put(&mut spool.limit, size.and_then(|n| if n >= LEAST { Ok(n) } else { Err("at least 1MiB") }))
        },
        show: |spool| one(values::show_size(spool.limit)),
    },
    Key {
        about: About {
            name: "spool_full",
            value: "**drop_oldest** | **drop_newest**",
            default: "drop_oldest",
            doc: "The action when the spool is full: drop the oldest events, or drop new events. Losses are counted \
                  and reported.",
            more: "**drop_oldest** drops a sixty-fourth of the limit at once. Events being delivered are kept.",
            ..About::NONE
        },
        set: |spool, value| {
            let full = match value.text {
                "drop_oldest" => Ok(SpoolFull::DropOldest),
                "drop_newest" => Ok(SpoolFull::DropNewest),
                _ => Err("drop_oldest or drop_newest"),
            };
            put(&mut spool.full, full)
        },
        show: |spool| {
            one(match spool.full {
                SpoolFull::DropOldest => "drop_oldest",
                SpoolFull::DropNewest => "drop_newest",
            })
        },
    },
];

/// The keys of the dead-letter file.
pub(super) static DEAD_LETTER_KEYS: &[Key<Queue>] = &[
    Key {
        about: About {
            name: "dead_letter_file",
            value: "*PATH*",
            default: "dead-letters.json in the spool's directory",
            example: "/var/log/auship/dead-letters.json",
            doc: "The file for documents that the server will never accept: it answers 400, 413 or 422, or with type \
                  **elasticsearch** they don't fit the mapping. Each line is one JSON object with the document and the \
                  server's answer. Without this file and without a spool, these documents are lost.",
            more: "Each line has *time*, *output*, *why* (status and answer) and *document*. *document* is text if \
                   **prepend_msg** or **postpend_msg** is set. When a batch is refused, only the refused documents go \
                   to the file. To find them the batch is halved repeatedly. With type **elasticsearch** the answer \
                   names them.",
        },
        // The allowed places depend on the spool, so the path is checked after the spool is read.
        set: |queue, value| put_some(&mut queue.dead_letter_file, Ok::<_, String>(value.text.into())),
        show: |queue| some(show::optional_path(&queue.dead_letter_file)),
    },
    Key {
        about: About {
            name: "dead_letter_limit",
            value: "*SIZE*",
            default: "100MiB",
            doc: "The largest size of the dead-letter file. Further documents are lost, which is counted and reported.",
            more: "Needs **dead_letter_file** or **spool_dir**.",
            ..About::NONE
        },
        set: |queue, value| put(&mut queue.dead_letter_limit, values::size(value.text)),
        show: |queue| some(queue.dead_letter_file.as_ref().map(|_| values::show_size(queue.dead_letter_limit))),
    },
];

impl Queue {
    /// Reads the settings of a queue. Only outputs to a server have a spool and a dead-letter file.
    pub(super) fn read(given: &mut SectionValues, network: bool, validator: &mut Validator) -> Self {
        let mut queue = Self {
            capacity: 512,
            capacity_bytes: 8 << 20,
            max_wait: Duration::from_secs(2),
            spool: if network { Spool::read(given, validator) } else { None },
            dead_letter_file: None,
            dead_letter_limit: 100 << 20,
        };
        read(RING_KEYS, &mut queue, given, Dialect::Auship, validator);
        if network {
            queue.read_dead_letters(given, validator);
        }
        queue
    }

    fn read_dead_letters(&mut self, given: &mut SectionValues, validator: &mut Validator) {
        let (line, limit_line) = (given.line("dead_letter_file").unwrap_or_default(), given.line("dead_letter_limit"));
        read(DEAD_LETTER_KEYS, self, given, Dialect::Auship, validator);
        if let Some(file) = self.dead_letter_file.take() {
            let is_in_spool = self.spool.as_ref().is_some_and(|spool| file.parent() == Some(&spool.dir));
            // The directory of the spool need not exist: it will be created.
            let good = if is_in_spool { Ok(file) } else { file_in_directory(&file.to_string_lossy()) };
            match good {
                Ok(file) => {
                    validator.claim_path(line, given.section, "dead_letter_file", &file);
                    self.dead_letter_file = Some(file);
                }
                Err(what) => validator.fault(line, given.section, "dead_letter_file", what),
            }
        }
        let beside = self.spool.as_ref().map(|spool| spool.dir.join(DEAD_LETTERS));
        self.dead_letter_file = self.dead_letter_file.take().or(beside);
        if let (None, Some(line)) = (&self.dead_letter_file, limit_line) {
            validator.fault(line, given.section, "dead_letter_limit", "needs dead_letter_file or spool_dir too");
        }
    }
}

impl Spool {
    fn read(given: &mut SectionValues, validator: &mut Validator) -> Option<Self> {
        let Some(line) = given.line("spool_dir") else {
            for key in SPOOL_KEYS {
                if let Some((_, line)) = given.take(key.about.name) {
                    validator.fault(line, given.section, key.about.name, "needs spool_dir too");
                }
            }
            return None;
        };
        let mut spool = Self { dir: PathBuf::new(), always: false, limit: 1 << 30, full: SpoolFull::DropOldest };
        read(SPOOL_KEYS, &mut spool, given, Dialect::Auship, validator);
        if spool.dir.as_os_str().is_empty() {
            return None;
        }
        validator.claim_path(line, given.section, "spool_dir", &spool.dir);
        Some(spool)
    }
}

/// Checks the directory of a spool. It exists, or it can be created.
fn spool_dir(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.parent().filter(|_| path.is_absolute()) {
        None => Err("must be the absolute path of a directory for this spool only".to_string()),
        Some(_) if path.is_dir() => private(path),
        Some(_) if path.exists() => Err("is no directory".to_string()),
        Some(parent) if !parent.is_dir() => Err(format!("there is no directory {}; create it", parent.display())),
        Some(_) => Ok(path),
    }
}

/// Checks that not everybody can write to a directory, because the files in it are delivered.
fn private(path: PathBuf) -> Result<PathBuf, String> {
    match path.metadata() {
        Ok(meta) if meta.mode() & 0o002 != 0 => {
            Err("is writable by everybody, so anybody could add events; chmod o-w it".into())
        }
        _ => Ok(path),
    }
}
