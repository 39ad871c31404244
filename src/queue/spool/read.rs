//! Reading, and setting aside what can't be read.

use super::{Batch, Next, Reader, SET_ASIDE, Segment, Spool, Walk, at_path};
use crate::{document::Document, lock::locked, log};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
};

impl Spool {
    /// The oldest documents that were not read yet: so many, of so many bytes together, at least one if there is one.
    ///
    /// # Errors
    /// When the disk refuses; the same documents come next time.
    pub(in crate::queue) fn read(&self, most: usize, bytes: usize) -> io::Result<Batch> {
        let mut reader = locked(&self.reader);
        let from = locked(&self.index).next;
        let mut batch = Batch { numbers: (from, from), ..Batch::default() };
        let mut size = 0;
        while batch.documents.len() < most && size < bytes {
            match self.read_next(&mut reader, &mut batch) {
                Ok(true) => size += batch.documents.last().map_or(0, Document::len),
                Ok(false) => break,
                Err(e) if batch.documents.is_empty() && batch.damaged == 0 => return Err(e),
                // What was read already can go its way; the error comes again.
                Err(_) => break,
            }
        }
        locked(&self.index).next = batch.numbers.1;
        Ok(batch)
    }

    /// Reads one document, or finds out that some can't be; false when there is none.
    fn read_next(&self, reader: &mut Reader, batch: &mut Batch) -> io::Result<bool> {
        let next = batch.numbers.1;
        let segment = locked(&self.index).segments.iter().find(|s| s.end > next).cloned();
        let Some(segment) = segment else {
            return Ok(false);
        };
        if segment.base > next && batch.numbers.0 < batch.numbers.1 {
            // What lies between was dropped; a batch has no such gap.
            return Ok(false);
        }
        let next = next.max(segment.base);
        if batch.numbers.0 == batch.numbers.1 {
            batch.numbers = (next, next);
        }
        if reader.open.as_ref().is_none_or(|(base, _)| *base != segment.base) {
            let path = segment.path(self.dir());
            // It may be closed, and with that renamed, between the look and the opening.
            let file = File::open(&path).or_else(|_| {
                let now = locked(&self.index).segments.iter().find(|s| s.base == segment.base).cloned();
                File::open(now.unwrap_or(segment.clone()).path(self.dir()))
            });
            reader.open = Some((segment.base, file.map_err(|e| at_path(&path, &e))?));
            reader.walk = Walk::default();
        }
        let Some((_, file)) = &reader.open else { return Ok(false) };
        loop {
            match reader.walk.next(file, segment.bytes)? {
                Next::Document(number, _) if number < next => (),
                Next::Document(number, _) if number >= segment.end => (),
                Next::Document(number, document) => {
                    batch.damaged += number - next;
                    batch.documents.push(document);
                    batch.numbers.1 = number + 1;
                    return Ok(true);
                }
                Next::Damaged(at, bytes) => {
                    let room = SET_ASIDE.saturating_sub(reader.set_aside).min(bytes);
                    reader.set_aside += room;
                    self.set_aside(&segment, file, at, bytes, room);
                }
                Next::End => {
                    batch.damaged += segment.end - next;
                    batch.numbers.1 = segment.end;
                    return Ok(true);
                }
            }
        }
    }

    /// Copies a damaged piece into a file of its own, and reports it.
    fn set_aside(&self, segment: &Segment, file: &File, at: u64, bytes: u64, room: u64) {
        let from = segment.path(self.dir());
        let to = self.dir().join(format!("damaged-{:020}-{at}", segment.base));
        let copy = || {
            let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&to)?;
            let mut block = [0; 8192];
            let mut copied = 0;
            while copied < room {
                let most = usize::try_from(room - copied).unwrap_or(usize::MAX).min(block.len());
                match file.read_at(&mut block[..most], at + copied)? {
                    0 => break,
                    n => out.write_all(&block[..n])?,
                }
                copied += most as u64;
            }
            Ok(())
        };
        let (output, from) = (&self.output, from.display());
        let result: io::Result<()> = if room == 0 { Err(io::Error::other("enough is set aside")) } else { copy() };
        let aside = match result {
            Ok(()) => format!("set aside as {}", to.display()),
            Err(e) => format!("not set aside: {e}"),
        };
        log::error(format_args!("output {output}: {bytes} bytes at {at} of {from} are damaged, {aside}"));
    }
}
