//! Writing: segments, and room for them.

use super::{Appended, GATHER, Mark, Segment, Spool, Writer, at_path, frame, ignore_missing};
use crate::{atomic_file, config::SpoolFull, document::Document, lock::locked};
use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
};

impl Spool {
    /// Appends documents, as many as the disk and the limit allow. They are a group: what of it must be on the disk is
    /// put there at once, with one sync for each segment that the group goes into.
    pub(in crate::queue) fn append(&self, documents: &[Document]) -> Appended {
        let mut appended = Appended::default();
        let mut writer = locked(&self.writer);
        while appended.stored < documents.len() && !appended.too_large {
            if let Err(e) = self.append_to_segment(&mut writer, documents, &mut appended) {
                appended.error = Some(e);
                break;
            }
        }
        writer.buffer = Vec::new();
        appended
    }

    /// Appends as many documents as go into one segment.
    fn append_to_segment(
        &self,
        writer: &mut Writer,
        documents: &[Document],
        appended: &mut Appended,
    ) -> io::Result<()> {
        self.open_segment(writer)?;
        let (first, start) = {
            let index = locked(&self.index);
            (index.written, index.segments.back().map_or(0, |s| s.bytes))
        };
        let documents = &documents[appended.stored..];
        let (mut count, mut end) = (0, start);
        let written = loop {
            let framed = self.frame_some(&mut writer.buffer, &documents[count..], first + count as u64, end);
            if framed == 0 {
                break Ok(());
            }
            let bytes = writer.buffer.len() as u64;
            let room = self.make_room(end - start + bytes, &mut appended.dropped);
            if let Err(e) = room.and_then(|()| write_at(writer, end)) {
                break Err(e);
            }
            (count, end) = (count + framed, end + bytes);
        };
        if count > 0
            && self.needs_sync(&documents[..count])
            && let Err(e) = self.sync_segment(writer)
        {
            self.cut(writer, start);
            return Err(e);
        }
        if count > 0 {
            self.note_written(first + count as u64, end);
            appended.stored += count;
        }
        match written {
            Err(e) => {
                self.cut(writer, end);
                return Err(e);
            }
            Ok(()) if count > 0 => (),
            Ok(()) if self.is_too_large(documents) => appended.too_large = true,
            // No room in this segment; the next one is tried at once.
            Ok(()) => self.close_segment(writer)?,
        }
        Ok(())
    }

    /// True when the first of these documents will never fit.
    fn is_too_large(&self, documents: &[Document]) -> bool {
        let frame = documents.first().map_or(0, |document| document.len() + frame::HEAD);
        frame as u64 > self.config.limit / 2 || u32::try_from(frame).is_err()
    }

    /// Frames documents for one write into a segment that has `size` bytes so far. Says how many.
    fn frame_some(&self, buffer: &mut Vec<u8>, documents: &[Document], first: u64, size: u64) -> usize {
        buffer.clear();
        for (n, document) in documents.iter().enumerate() {
            let is_full = size + (buffer.len() + document.len()) as u64 > self.segment;
            let is_first = size == 0 && n == 0;
            if self.is_too_large(&documents[n..])
                || (is_full && !is_first)
                || buffer.len() > GATHER
                || !frame::write(buffer, first + n as u64, document)
            {
                return n;
            }
        }
        documents.len()
    }

    /// Puts the segment that is being written onto the disk.
    fn sync_segment(&self, writer: &mut Writer) -> io::Result<()> {
        let Some(file) = &writer.file else { return Ok(()) };
        self.sync.sync(file)?;
        if !writer.is_named {
            atomic_file::sync_dir(self.dir())?;
            writer.is_named = true;
        }
        Ok(())
    }

    /// The segment that is being written ends with what is known to be whole: what is there in part mustn't be taken for
    /// a document that is damaged.
    fn cut(&self, writer: &mut Writer, end: u64) {
        if writer.file.as_ref().is_some_and(|file| file.set_len(end).is_err()) {
            let _ = self.close_segment(writer);
        }
    }

    /// From now on documents up to this number can be read from the segment that is being written.
    fn note_written(&self, number: u64, bytes: u64) {
        let mut index = locked(&self.index);
        if let Some(segment) = index.segments.back_mut() {
            (segment.end, segment.bytes) = (number, bytes);
        }
        index.written = number;
        drop(index);
        let mut progress = locked(&self.progress);
        let mark = progress.mark();
        let set = progress.set(Mark { written: number, ..mark });
        drop(progress);
        self.complain_about_progress(set);
    }

    fn open_segment(&self, writer: &mut Writer) -> io::Result<()> {
        if writer.file.is_some() {
            return Ok(());
        }
        let base = locked(&self.index).written;
        let segment = Segment { base, end: base, bytes: 0, closed: false };
        let path = segment.path(self.dir());
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        writer.file = Some(file.map_err(|e| at_path(&path, &e))?);
        writer.is_named = false;
        locked(&self.index).segments.push_back(segment);
        Ok(())
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

/// Writes what is framed at a place of the segment that is being written.
fn write_at(writer: &Writer, at: u64) -> io::Result<()> {
    writer.file.as_ref().map_or(Ok(()), |file| file.write_all_at(&writer.buffer, at))
}
