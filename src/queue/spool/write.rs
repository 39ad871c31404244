//! Writing: segments, and room for them.

use super::{Appended, GATHER, Mark, Segment, Spool, Writer, at_path, frame, ignore_missing};
use crate::{config::SpoolFull, document::Document, lock::locked};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
};

impl Spool {
    /// Appends documents, as many as the disk and the limit allow.
    pub(in crate::queue) fn append(&self, documents: &[Document]) -> Appended {
        let mut appended = Appended::default();
        let mut writer = locked(&self.writer);
        while appended.stored < documents.len() && !appended.too_large {
            if let Err(e) = self.append_some(&mut writer, documents, &mut appended) {
                appended.error = Some(e);
                break;
            }
        }
        writer.buffer = Vec::new();
        appended
    }

    /// Appends as many documents as go into one write.
    fn append_some(&self, writer: &mut Writer, documents: &[Document], appended: &mut Appended) -> io::Result<()> {
        self.open_segment(writer)?;
        let (first, size) = {
            let index = locked(&self.index);
            (index.written, index.segments.back().map_or(0, |s| s.bytes))
        };
        writer.buffer.clear();
        let mut number = first;
        for document in &documents[appended.stored..] {
            if (document.len() + frame::HEAD) as u64 > self.config.limit / 2 {
                appended.too_large = number == first;
                break;
            }
            let full = size + (writer.buffer.len() + document.len()) as u64 > self.segment;
            if (full && !(size == 0 && number == first)) || writer.buffer.len() > GATHER {
                break;
            }
            if !frame::write(&mut writer.buffer, number, document) {
                appended.too_large = number == first;
                break;
            }
            number += 1;
        }
        if number == first {
            if !appended.too_large {
                // No room in this segment; the next one is tried at once.
                self.close_segment(writer)?;
            }
            return Ok(());
        }
        self.make_room(writer.buffer.len() as u64, &mut appended.dropped)?;
        let Some(file) = &mut writer.file else { return Ok(()) };
        let written = file.write_all_at(&writer.buffer, size);
        let written = written.and_then(|()| if self.config.always { file.sync_data() } else { Ok(()) });
        if let Err(e) = written {
            // What is there in part must not be taken for a document that is damaged.
            if file.set_len(size).is_err() {
                let _ = self.close_segment(writer);
            }
            return Err(e);
        }
        let mut index = locked(&self.index);
        if let Some(segment) = index.segments.back_mut() {
            segment.end = number;
            segment.bytes = size + writer.buffer.len() as u64;
        }
        index.written = number;
        drop(index);
        appended.stored += usize::try_from(number - first).unwrap_or(usize::MAX);
        let mut progress = locked(&self.progress);
        let mark = progress.mark();
        let set = progress.set(Mark { written: number, ..mark });
        let set = set.and_then(|()| if self.config.always { progress.sync() } else { Ok(()) });
        drop(progress);
        self.complain_about_progress(set);
        Ok(())
    }

    fn open_segment(&self, writer: &mut Writer) -> io::Result<()> {
        if writer.file.is_some() {
            return Ok(());
        }
        let base = locked(&self.index).written;
        let segment = Segment { base, end: base, bytes: 0, closed: false };
        let path = segment.path(self.dir());
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = file.map_err(|e| at_path(&path, &e))?;
        // Until this succeeds there is no such segment.
        self.sync_dir()?;
        writer.file = Some(file);
        locked(&self.index).segments.push_back(segment);
        Ok(())
    }

    /// Puts the directory onto the disk, where every event is to be there.
    pub(super) fn sync_dir(&self) -> io::Result<()> {
        if self.config.always { File::open(self.dir())?.sync_all() } else { Ok(()) }
    }

    fn close_segment(&self, writer: &mut Writer) -> io::Result<()> {
        writer.file = None;
        let mut index = locked(&self.index);
        let Some(segment) = index.segments.back_mut() else { return Ok(()) };
        if segment.base == segment.end {
            // Empty: one of that name is made again.
            let path = segment.path(self.dir());
            index.segments.pop_back();
            return fs::remove_file(path);
        }
        let open = segment.path(self.dir());
        segment.closed = true;
        let closed = segment.path(self.dir());
        let renamed = fs::rename(&open, &closed);
        if renamed.is_err() {
            segment.closed = false;
        }
        renamed
    }

    /// Makes room for so many bytes; counts the documents that it costs, whether it is enough or not.
    fn make_room(&self, bytes: u64, dropped: &mut u64) -> io::Result<()> {
        loop {
            // The reader mustn't be on its way into what is dropped.
            let _reader = locked(&self.reader);
            let mut index = locked(&self.index);
            if index.bytes() + bytes <= self.config.limit {
                return Ok(());
            }
            let next = index.next;
            let last = index.segments.len().saturating_sub(1);
            // One that is being delivered stays, so that a crash doesn't lose it.
            let oldest = index.segments.iter().take(last).position(|segment| segment.base >= next);
            let Some(oldest) = oldest.filter(|_| self.config.full == SpoolFull::DropOldest) else {
                return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "spool_limit is reached"));
            };
            let Some(segment) = index.segments.remove(oldest) else { continue };
            *dropped += segment.end - segment.base;
            index.mark_done(segment.base, segment.end);
            let done = index.done;
            drop(index);
            let removed = fs::remove_file(segment.path(self.dir())).or_else(ignore_missing);
            self.note_done(done);
            removed?;
        }
    }
}
