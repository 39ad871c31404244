//! Documents that a sink took from the ring or the spool and failed to deliver, each batch in a file of its own.

use super::{InFlightBatch, Next, Spool, SyncData, Walk, frame, ignore_missing};
use crate::{atomic_file, document::Document, lock::locked, log};
use std::{
    collections::VecDeque,
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

impl Spool {
    /// Writes documents in flight, which a sink couldn't deliver, into a file of their own.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(in crate::queue) fn persist(&self, documents: &[Document]) -> io::Result<PathBuf> {
        let number = {
            let mut last = locked(&self.last_batch);
            *last += 1;
            *last
        };
        self.write_batch(number, documents)
    }

    /// Of documents in a file of their own only these are left. Says which file has them now.
    ///
    /// # Errors
    /// When the disk refuses; the file is as it was then.
    pub(in crate::queue) fn persist_rest(&self, path: &Path, documents: &[Document]) -> io::Result<PathBuf> {
        let Some((number, _)) = path.file_name().and_then(OsStr::to_str).and_then(read_batch_name) else {
            return Ok(path.to_path_buf());
        };
        let rest = self.write_batch(number, documents)?;
        if rest != path {
            self.delete_persisted(path.to_path_buf());
        }
        Ok(rest)
    }

    fn write_batch(&self, number: u64, documents: &[Document]) -> io::Result<PathBuf> {
        if !self.needs_sync(documents) {
            return write_batch(self.dir(), number, documents, None);
        }
        let path = write_batch(self.dir(), number, documents, Some(&self.sync))?;
        atomic_file::sync_dir(self.dir())?;
        Ok(path)
    }

    /// Documents in a file of their own are done with.
    pub(in crate::queue) fn delete_persisted(&self, path: PathBuf) {
        locked(&self.completed).push(path);
        self.delete_completed();
    }

    /// Removes files of documents that are done with. What the disk refuses now is tried again: such a file would be
    /// delivered once more by the next process.
    pub(super) fn delete_completed(&self) {
        locked(&self.completed).retain(|path| fs::remove_file(path).or_else(ignore_missing).is_err());
    }
}

/// How files of documents in flight are called.
const PREFIX: &str = "in-flight-";
/// How the build before this one called them. To be removed after one release.
const LEGACY_PREFIX: &str = "hand-";
/// What they end with while they are written.
const UNFINISHED: &str = "unfinished";
/// What copies of damaged ones end with.
const SET_ASIDE: &str = ".damaged";

/// A name without what files of documents in flight begin with.
fn strip_prefix(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX).or_else(|| name.strip_prefix(LEGACY_PREFIX))
}

/// The number and how many documents there are, from the name of a file of documents in flight.
pub(super) fn read_batch_name(name: &str) -> Option<(u64, u64)> {
    let (number, count) = strip_prefix(name)?.strip_suffix(".spool")?.split_once('-')?;
    Some((number.parse().ok()?, count.parse().ok()?))
}

/// True for the name of a file of documents in flight that is being written.
pub(super) fn is_unfinished(name: &str) -> bool {
    strip_prefix(name).is_some() && name.ends_with(UNFINISHED)
}

/// True for the name of a file of documents in flight that was set aside.
pub(super) fn is_set_aside(name: &str) -> bool {
    strip_prefix(name).is_some_and(|name| name.ends_with(SET_ASIDE))
}

/// Writes a file of documents in flight. It has its name when it is whole, so that a process that is killed
/// meanwhile leaves none.
fn write_batch(dir: &Path, number: u64, documents: &[Document], sync: Option<&SyncData>) -> io::Result<PathBuf> {
    let mut bytes = Vec::new();
    for (n, document) in documents.iter().enumerate() {
        frame::write(&mut bytes, n as u64, document);
    }
    let path = dir.join(format!("{PREFIX}{number:020}-{}.spool", documents.len()));
    atomic_file::write_with(&path, &path.with_extension(UNFINISHED), |file| {
        file.write_all(&bytes)?;
        sync.map_or(Ok(()), |sync| sync.sync(file))
    })?;
    Ok(path)
}

/// What was in flight when the process before ended; the number of the last; how many can't be read.
pub(super) fn recover(output: &str, dir: &Path) -> io::Result<(VecDeque<InFlightBatch>, u64, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some((number, count)) = read_batch_name(name) {
            found.push((number, count, entry.path()));
        } else if is_unfinished(name) {
            // Its documents were still in the ring, or in the spool.
            let _ = fs::remove_file(entry.path());
        }
    }
    found.sort();
    let last = found.last().map_or(0, |(number, ..)| *number);
    let mut lost = 0;
    let mut in_flight = VecDeque::new();
    for (number, count, mut path) in found {
        let file = File::open(&path)?;
        let end = file.metadata()?.len();
        let mut walk = Walk::default();
        let mut documents = Vec::new();
        loop {
            match walk.next(&file, end)? {
                Next::Document(_, document) => documents.push(document),
                Next::Damaged(at, bytes) => {
                    let path = path.display();
                    log::error(format_args!("output {output}: {bytes} bytes at {at} of {path} are damaged"));
                }
                Next::End => break,
            }
        }
        let missing = count.saturating_sub(documents.len() as u64);
        if missing > 0 {
            lost += missing;
            let aside = path.with_extension(&SET_ASIDE[1..]);
            let _ = fs::copy(&path, aside);
            // So that the next process doesn't count them once more.
            if !documents.is_empty()
                && let Ok(rest) = write_batch(dir, number, &documents, None)
            {
                let _ = fs::remove_file(&path);
                path = rest;
            }
        }
        if documents.is_empty() {
            let _ = fs::remove_file(&path);
        } else {
            in_flight.push_back(InFlightBatch { path, documents });
        }
    }
    Ok((in_flight, last, lost))
}
