//! How documents lie in the spool's files, and how they are found again behind damage.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | mark: bytes that no UTF-8 text has, so that no document can hold a frame of its own |
//! | 4 | length of the document |
//! | 8 | its number |
//! | 8 | its time: seconds since 1970 |
//! | 4 | billionths of a second beyond that |
//! | 4 | 1 when the document has an id, else 0 |
//! | 16 | its id, or zeros |
//! | 4 | CRC-32 of the document |
//! | 4 | CRC-32 of the 52 bytes before |
//!
//! All numbers are little-endian. A damaged document costs itself alone, since its head still says where the next
//! begins; behind a damaged head the next mark with a sound head is looked for.
//!
//! That is version 2. `legacy.rs` knows what version 1 didn't write.

use super::legacy;
use crate::{buffer::give_back, document::Document, event::Timestamp};
use std::io;

/// Where a frame begins. The byte behind it is the version of the layout.
const MARK: [u8; 3] = *b"\xffau";
/// The version that is written.
const VERSION: u8 = 2;
/// Length of a frame's head, in bytes.
pub(super) const HEAD: usize = 56;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    /// The document's number.
    number: u64,
    /// Its length, in bytes.
    len: usize,
    /// What is known of it; version 1 has that in the document alone.
    known: Option<(Timestamp, Option<[u8; 16]>)>,
    checksum: u32,
}

/// The array at a place.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

impl Head {
    /// Length of a head, as its first four bytes say; `None` when there is none.
    fn len_of(mark: [u8; 4]) -> Option<usize> {
        match mark {
            [0xff, b'a', b'u', VERSION] => Some(HEAD),
            [0xff, b'a', b'u', legacy::VERSION] => Some(legacy::HEAD),
            _ => None,
        }
    }

    /// Reads a head of either version; `None` when it is damaged.
    fn read(bytes: &[u8]) -> Option<Self> {
        let four = |at| array(bytes, at).map(u32::from_le_bytes);
        let eight = |at| array(bytes, at).map(u64::from_le_bytes);
        let end = bytes.len().checked_sub(4)?;
        if four(end)? != crc32fast::hash(&bytes[..end]) {
            return None;
        }
        let known = match bytes.len() {
            HEAD => {
                let time = Timestamp { seconds: eight(16)?.cast_signed(), nanos: four(24)? };
                let id = if four(28)? == 1 { Some(array(bytes, 32)?) } else { None };
                Some((time, id))
            }
            _ => None,
        };
        Some(Self { number: eight(8)?, len: four(4)? as usize, known, checksum: four(end - 4)? })
    }
}

/// Appends a frame. False for a document that is too large to be framed.
pub(super) fn write(out: &mut Vec<u8>, number: u64, document: &Document) -> bool {
    let Ok(len) = u32::try_from(document.len()) else {
        return false;
    };
    let start = out.len();
    out.extend_from_slice(&MARK);
    out.push(VERSION);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&document.time.seconds.to_le_bytes());
    out.extend_from_slice(&document.time.nanos.to_le_bytes());
    out.extend_from_slice(&u32::from(document.id.is_some()).to_le_bytes());
    out.extend_from_slice(&document.id.unwrap_or_default());
    out.extend_from_slice(&crc32fast::hash(&document.body).to_le_bytes());
    let checksum = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(&document.body);
    true
}

/// What stands next in a file, with the document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A document and its number.
    Document(u64, Document),
    /// A piece that can't be read: where it begins, and how many bytes it has.
    Damaged(u64, u64),
    /// Nothing up to the end that was given.
    End,
}

/// What stands next in a file, without the document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextFrame {
    /// A frame whose checksums are both right.
    Sound(Frame),
    /// A piece that can't be read: where it begins, how many bytes it has, and why.
    Damaged(u64, u64, Damage),
    /// Nothing up to the end that was given.
    End,
}

/// A frame whose checksums are both right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins in its file.
    pub at: u64,
    /// The document's number.
    pub number: u64,
    /// Where the document begins.
    pub body: u64,
    /// The document's length, in bytes.
    pub len: usize,
    known: Option<(Timestamp, Option<[u8; 16]>)>,
}

/// Why a piece of a file can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// There is no head, or its checksum is wrong. Whose it was isn't known.
    Head,
    /// The head is sound, and the document isn't: its checksum is wrong.
    Document {
        /// The document's number.
        number: u64,
    },
    /// The head is sound, and the file ends before the document does.
    Cut {
        /// The document's number.
        number: u64,
        /// The document's length, in bytes.
        len: usize,
    },
}

/// Reads bytes of a file at a place; fewer than asked for only at its end.
pub(super) trait ReadAt {
    /// As [`std::os::unix::fs::FileExt::read_at`], but goes on until `buffer` is full or the file ends.
    fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
}

impl ReadAt for std::fs::File {
    fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => (),
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }
}

/// Bytes read at once.
const WINDOW: usize = 128 << 10;

/// Walks the frames of a file.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Where the next frame begins.
    pub(super) at: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Walk {
    /// Makes `len` bytes at `at` available; `None` when the file has fewer.
    fn bytes(&mut self, file: &impl ReadAt, at: u64, len: usize, end: u64) -> io::Result<Option<&[u8]>> {
        if at.saturating_add(len as u64) > end {
            return Ok(None);
        }
        let have = self.window_at..self.window_at + self.window.len() as u64;
        if at < have.start || at + len as u64 > have.end {
            let size = usize::try_from(end - at).unwrap_or(usize::MAX).min(len.max(WINDOW));
            give_back(&mut self.window, WINDOW);
            self.window.resize(size, 0);
            self.window_at = at;
            // What a disk that fails left there is nothing that was read.
            let filled = file.fill(&mut self.window, at).inspect_err(|_| self.window.clear())?;
            self.window.truncate(filled);
            if filled < len {
                return Ok(None);
            }
        }
        let from = usize::try_from(at - self.window_at).unwrap_or(usize::MAX);
        Ok(self.window.get(from..from + len))
    }

    /// The head at a place and its length, if it is sound.
    fn head(&mut self, file: &impl ReadAt, at: u64, end: u64) -> io::Result<Option<(Head, usize)>> {
        let mark = self.bytes(file, at, 4, end)?.and_then(|bytes| bytes.try_into().ok());
        let Some(len) = mark.and_then(Head::len_of) else { return Ok(None) };
        Ok(self.bytes(file, at, len, end)?.and_then(Head::read).map(|head| (head, len)))
    }

    /// The next document of a file that is known to be whole up to `end`.
    ///
    /// # Errors
    /// When the file can't be read; the walk may be gone on with later.
    pub(super) fn next(&mut self, file: &impl ReadAt, end: u64) -> io::Result<Next> {
        let start = self.at;
        let frame = match self.next_frame(file, end)? {
            NextFrame::Sound(frame) => frame,
            NextFrame::Damaged(at, bytes, _) => return Ok(Next::Damaged(at, bytes)),
            NextFrame::End => return Ok(Next::End),
        };
        let after = std::mem::replace(&mut self.at, start);
        let body = self.bytes(file, frame.body, frame.len, end)?.map(<[u8]>::to_vec);
        self.at = after;
        // Somebody may have cut the file just now.
        let Some(body) = body else { return Ok(Next::Damaged(start, after - start)) };
        let (time, id) = frame.known.unwrap_or_else(|| legacy::time_and_id(&body));
        Ok(Next::Document(frame.number, Document { body, time, id, receipt: None }))
    }

    /// As [`Walk::next`], but the document is only checked. No more than a window of it is in memory, whatever length a
    /// head claims.
    ///
    /// # Errors
    /// As [`Walk::next`].
    pub(super) fn next_frame(&mut self, file: &impl ReadAt, end: u64) -> io::Result<NextFrame> {
        let start = self.at;
        if start >= end {
            return Ok(NextFrame::End);
        }
        let mut damage = Damage::Head;
        if let Some((head, head_len)) = self.head(file, start, end)? {
            let Head { number, len, known, checksum } = head;
            let body = start + head_len as u64;
            match self.checksum(file, body, len, end)? {
                Some(sum) => {
                    self.at = body + len as u64;
                    return Ok(match sum == checksum {
                        true => NextFrame::Sound(Frame { at: start, number, body, len, known }),
                        false => NextFrame::Damaged(start, self.at - start, Damage::Document { number }),
                    });
                }
                None => damage = Damage::Cut { number, len },
            }
        }
        // The head is damaged, or the document goes beyond the end: on to the next sound head.
        self.at = self.next_head(file, start + 1, end)?;
        Ok(NextFrame::Damaged(start, self.at - start, damage))
    }

    /// The checksum of so many bytes at a place; `None` when the file has fewer.
    fn checksum(&mut self, file: &impl ReadAt, at: u64, len: usize, end: u64) -> io::Result<Option<u32>> {
        if at + len as u64 > end {
            return Ok(None);
        }
        let mut hasher = crc32fast::Hasher::new();
        let mut done = 0;
        while done < len {
            let piece = (len - done).min(WINDOW);
            let Some(bytes) = self.bytes(file, at + done as u64, piece, end)? else { return Ok(None) };
            hasher.update(bytes);
            done += piece;
        }
        Ok(Some(hasher.finalize()))
    }

    /// The next place with a sound head, from `at` on, or `end`.
    fn next_head(&mut self, file: &impl ReadAt, mut at: u64, end: u64) -> io::Result<u64> {
        loop {
            let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            if left < legacy::HEAD {
                return Ok(end);
            }
            // What is in memory is looked through first: else a file full of marks would be read anew for each of them.
            let have = at.checked_sub(self.window_at).and_then(|from| usize::try_from(from).ok());
            let have = have.map_or(0, |from| self.window.len().saturating_sub(from));
            let look = left.min(if have >= HEAD { have } else { WINDOW });
            let Some(bytes) = self.bytes(file, at, look, end)? else { return Ok(end) };
            match memchr::memmem::find(bytes, &MARK) {
                Some(offset) => {
                    at += offset as u64;
                    if self.head(file, at, end)?.is_some() {
                        return Ok(at);
                    }
                    at += 1;
                }
                // A mark may begin in the last bytes that were looked through.
                None => at += (look - (MARK.len() - 1)) as u64,
            }
        }
    }

    /// The first bytes of a frame's document, at most so many.
    ///
    /// # Errors
    /// When the file can't be read, or has become shorter.
    pub(super) fn beginning(&mut self, file: &impl ReadAt, frame: &Frame, most: usize) -> io::Result<&[u8]> {
        let len = frame.len.min(most).min(WINDOW);
        let end = frame.body + frame.len as u64;
        self.bytes(file, frame.body, len, end)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Gives a frame's document to `take`, piece by piece.
    ///
    /// # Errors
    /// When the file can't be read, or has become shorter, or `take` fails.
    pub(super) fn pieces(
        &mut self,
        file: &impl ReadAt,
        frame: &Frame,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut done = 0;
        while done < frame.len {
            let piece = (frame.len - done).min(WINDOW);
            let bytes = self.bytes(file, frame.body + done as u64, piece, frame.body + frame.len as u64)?;
            take(bytes.ok_or(io::ErrorKind::UnexpectedEof)?)?;
            done += piece;
        }
        Ok(())
    }
}

impl Frame {
    /// When the event happened; `None` for version 1, whose documents alone have that.
    pub(super) fn time(&self) -> Option<Timestamp> {
        self.known.map(|(time, _)| time)
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
