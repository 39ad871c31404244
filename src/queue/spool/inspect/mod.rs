//! Looking into a spool's directory without touching it: nothing is created, renamed, cut or locked, and no time of access
//! changes where the system allows that (`O_NOATIME`). So it works beside the process that uses the spool, and on a
//! file system that is mounted read-only.
//!
//! | file | what it holds |
//! |---|---|
//! | `directory.rs` | the directory: its files, and opening them |
//! | `documents.rs` | the documents of a file, and what is wrong with it |
//! | `fault.rs` | faults |
//! | `file.rs` | what a file of the directory is |
//! | `holder.rs` | the process that uses the spool |
//!
//! The names come from `mod.rs` and `in_flight.rs`, the frames from `frame.rs`, the progress from `progress.rs`: those
//! that the spool itself uses.

mod directory;
mod documents;
mod fault;
mod file;
mod holder;

use super::{
    frame,
    progress::{Mark, ProgressFile},
};
use directory::Directory;
pub use documents::{Documents, Seen, SeenDocument, Turn};
pub use fault::{Fault, FaultKind, InspectError, shown};
pub use file::{SpoolFile, What};
pub use frame::{Damage, Frame};
use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs::File,
    path::Path,
    thread,
    time::Duration,
};

/// Looks at what is being changed, at most.
const READINGS: usize = 10;
/// The pause between two looks at a directory.
const PAUSE: Duration = Duration::from_millis(5);

/// A spool's directory at one moment.
#[derive(Debug)]
pub struct Inspection {
    directory: Directory,
    /// Its files: first those with documents, in the order in which these are delivered, then the others.
    pub files: Vec<SpoolFile>,
    /// The process that uses the spool, if one can be seen.
    pub holder: Option<i32>,
    progress: Option<ProgressFile>,
    /// The list and the progress are of one moment.
    settled: bool,
}

impl Inspection {
    /// Looks at a directory.
    ///
    /// # Errors
    /// When it can't be read, or is no spool.
    pub fn open(dir: &Path) -> Result<Self, InspectError> {
        let mut found = Self::look(dir)?;
        for _ in 1..READINGS {
            if found.is_settled()? {
                return Ok(found);
            }
            thread::sleep(PAUSE);
            found = Self::look(dir)?;
        }
        found.settled = found.is_settled()?;
        Ok(found)
    }

    fn look(dir: &Path) -> Result<Self, InspectError> {
        let mut directory = Directory::open(dir)?;
        let mut files = directory.files()?;
        if !files.iter().any(|file| file.what.has_documents() || file.what == What::Progress) {
            return Err(InspectError::NoSpool(dir.to_path_buf()));
        }
        files.sort_by(|a, b| (a.what, &a.name).cmp(&(b.what, &b.name)));
        // From the end, so that each segment meets the one behind it.
        let mut next_base = None;
        for file in files.iter_mut().rev().filter(|file| file.is_regular) {
            if let What::Segment { base, .. } = file.what {
                file.next_base = next_base.replace(base);
            }
        }
        let holder = directory.stat("lock".as_ref()).and_then(|lock| holder::of(lock.st_dev, lock.st_ino));
        // After the list: what was removed before it counts as delivered here.
        let progress = match files.iter().find(|file| file.what == What::Progress && file.is_regular) {
            Some(file) => directory.open_file(file)?.map(|file| read_progress(&file)),
            None => None,
        };
        Ok(Self { directory, files, holder, progress, settled: true })
    }

    /// False when a process made or removed files between the looks at the list and at the progress: then documents may
    /// seem to be missing.
    fn is_settled(&mut self) -> Result<bool, InspectError> {
        if self.holder.is_none() {
            return Ok(true);
        }
        let names = |files: &[SpoolFile]| -> BTreeSet<OsString> {
            files.iter().filter(|file| file.what.has_documents()).map(|file| file.name.clone()).collect()
        };
        let misses = self.faults().iter().any(|fault| matches!(fault.kind, FaultKind::Missing { .. }));
        Ok(!misses && names(&self.directory.files()?) == names(&self.files))
    }

    fn segments(&self) -> impl Iterator<Item = (&SpoolFile, u64, Option<u64>)> {
        self.files.iter().filter_map(|file| match file.what {
            What::Segment { base, end } if file.is_regular => Some((file, base, end)),
            _ => None,
        })
    }

    /// How far delivery has come, as the spool would take it.
    fn mark(&self) -> Mark {
        let first = self.segments().next().map(|(_, base, _)| base);
        let unknown = Mark { done: first.unwrap_or(0), written: 0, bypassed: 0 };
        self.progress.as_ref().and_then(|progress| progress.mark).unwrap_or(unknown)
    }

    /// Documents of segments below the first number are delivered; the second is the number of the next one that is
    /// written. None if that isn't known.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.progress.as_ref()?.mark.map(|mark| (mark.done, mark.written))
    }

    /// Opens a file of the directory to read it; none if it is gone.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open_file(&self, file: &SpoolFile) -> Result<Option<File>, InspectError> {
        self.directory.open_file(file)
    }

    /// The documents of a segment or of a file of documents in flight. None if the file is gone: its documents are
    /// delivered.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn documents(&mut self, file: &SpoolFile) -> Result<Option<Documents>, InspectError> {
        let mut file = file.clone();
        let mut opened = self.directory.open_file(&file)?;
        if let (None, What::Segment { base, end: None }) = (&opened, file.what) {
            // The segment was closed just now, and has another name.
            let all = self.directory.files()?;
            let named = |file: &SpoolFile| matches!(file.what, What::Segment { base: b, end: Some(_) } if b == base);
            if let Some(closed) = all.into_iter().find(named) {
                file = closed;
                opened = self.directory.open_file(&file)?;
            }
        }
        let Some(opened) = opened else { return Ok(None) };
        let bytes = opened.metadata().map_err(|e| InspectError::Io(self.directory.path(&file.name), e))?.len();
        Ok(Some(Documents::new(&file, opened, bytes, self.mark(), self.holder.is_some())))
    }

    /// What is wrong with the directory as a whole.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut add = |file: &OsStr, offset, kind| faults.push(Fault { file: file.to_os_string(), offset, kind });
        for file in self.files.iter().filter(|file| !file.is_regular && file.what != What::Other) {
            add(&file.name, None, FaultKind::NotRegular);
        }
        let has_segments = self.segments().next().is_some();
        match &self.progress {
            Some(progress) => {
                for at in &progress.damaged {
                    add("progress".as_ref(), Some(*at), FaultKind::Slot { other_holds: progress.mark.is_some() });
                }
                if progress.mark.is_none() && progress.damaged.is_empty() && has_segments {
                    add("progress".as_ref(), None, FaultKind::NoProgress);
                }
            }
            None if has_segments => add("progress".as_ref(), None, FaultKind::NoProgress),
            None => (),
        }
        let mark = self.mark();
        if mark.done > mark.written && self.progress().is_some() {
            add("progress".as_ref(), None, FaultKind::DoneBeyondWritten { done: mark.done, written: mark.written });
        }
        let mut before = None;
        for (file, base, end) in self.segments() {
            match before {
                None if mark.done < base => add(&file.name, None, FaultKind::Missing { from: mark.done, to: base }),
                Some(before) if base < before => add(&file.name, None, FaultKind::Overlap { base, before }),
                _ => (),
            }
            before = before.max(Some(end.unwrap_or(base).max(base)));
        }
        if !has_segments && mark.done < mark.written {
            add("progress".as_ref(), None, FaultKind::Missing { from: mark.done, to: mark.written });
        }
        if !self.settled {
            faults.retain(|fault| !matches!(fault.kind, FaultKind::Missing { .. }));
        }
        faults
    }
}

/// Reads the progress. A slot that is being written looks damaged for a moment.
fn read_progress(file: &File) -> ProgressFile {
    let mut progress = ProgressFile::read(file);
    for _ in 1..READINGS {
        if progress.damaged.is_empty() {
            break;
        }
        progress = ProgressFile::read(file);
    }
    progress
}

#[cfg(test)]
mod tests;
