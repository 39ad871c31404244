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
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    impl ReadAt for Vec<u8> {
        fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
            let from = usize::try_from(at).unwrap().min(self.len());
            let n = buffer.len().min(self.len() - from);
            buffer[..n].copy_from_slice(&self[from..from + n]);
            Ok(n)
        }
    }

    fn walk(file: &Vec<u8>) -> Vec<Next> {
        let mut walk = Walk::default();
        let mut found = Vec::new();
        loop {
            match walk.next(file, file.len() as u64).unwrap() {
                Next::End => return found,
                next => found.push(next),
            }
        }
    }

    /// A file in memory that counts the bytes that are read from it.
    struct Counted(Vec<u8>, std::cell::Cell<usize>);

    impl ReadAt for Counted {
        fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
            let n = self.0.fill(buffer, at)?;
            self.1.set(self.1.get() + n);
            Ok(n)
        }
    }

    fn document(body: &[u8]) -> Document {
        let time = Timestamp { seconds: -7, nanos: 5 };
        let id = (!body.is_empty()).then(|| [body[0]; 16]);
        Document { body: body.to_vec(), time, id, receipt: None }
    }

    fn three() -> Vec<u8> {
        let mut file = Vec::new();
        for (number, body) in [(7, &b"one"[..]), (8, b""), (9, &[b'x'; 300_000])] {
            assert!(write(&mut file, number, &document(body)));
        }
        file
    }

    /// As version 1 wrote it.
    fn write_legacy(out: &mut Vec<u8>, number: u64, body: &[u8]) {
        let start = out.len();
        out.extend_from_slice(b"\xffau\x01");
        out.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
        let checksum = crc32fast::hash(&out[start..]);
        out.extend_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(body);
    }

    #[test]
    fn what_is_written_is_read() {
        let found = walk(&three());
        let expected = [(7, &b"one"[..]), (8, b""), (9, &[b'x'; 300_000])];
        assert_eq!(found, expected.map(|(number, body)| Next::Document(number, document(body))));
    }

    #[test]
    fn both_versions_are_read_from_one_file() {
        let body = br#"{"timestamp":"1970-01-01T00:00:01.002+00:00"}"#;
        let mut file = Vec::new();
        write_legacy(&mut file, 1, body);
        write(&mut file, 2, &document(b"two"));
        write_legacy(&mut file, 3, body);
        let old = |number| {
            let time = Timestamp { seconds: 1, nanos: 2_000_000 };
            Next::Document(number, Document { body: body.to_vec(), time, ..Document::default() })
        };
        assert_eq!(walk(&file), [old(1), Next::Document(2, document(b"two")), old(3)]);
        // A damaged head is passed over from one version to the other.
        file[9] ^= 1;
        let first = (legacy::HEAD + body.len()) as u64;
        assert_eq!(walk(&file), [Next::Damaged(0, first), Next::Document(2, document(b"two")), old(3)]);
        write_legacy(&mut file, 4, b"");
        file[first as usize + 9] ^= 1;
        assert_eq!(walk(&file).len(), 3, "the last is shorter than a head of version 2");
    }

    #[test]
    fn every_changed_byte_costs_one_document_alone() {
        let whole = three();
        for at in (0..200).chain([whole.len() / 2, whole.len() - 1]) {
            let mut file = whole.clone();
            file[at] ^= 0x10;
            let found = walk(&file);
            let documents: Vec<&Next> = found.iter().filter(|n| matches!(n, Next::Document(..))).collect();
            assert_eq!(documents.len(), 2, "at {at}: {:?}", found.len());
            assert!(walk(&whole).iter().filter(|n| documents.contains(n)).count() == 2);
            assert_eq!(found.len(), 3, "one damaged piece");
        }
    }

    #[test]
    fn a_file_cut_anywhere_keeps_what_is_whole() {
        let whole = three();
        let ends = [HEAD + 3, 2 * HEAD + 3];
        for len in (0..200).chain([whole.len() - 1]) {
            let found = walk(&whole[..len].to_vec());
            let documents = found.iter().filter(|n| matches!(n, Next::Document(..))).count();
            assert_eq!(documents, ends.iter().filter(|end| **end <= len).count(), "{len}");
            let tail = len > 0 && !ends.contains(&len);
            assert_eq!(found.len(), documents + usize::from(tail), "{len}");
        }
    }

    #[test]
    fn why_a_piece_is_damaged_is_known() {
        let whole = three();
        let damage = |at: usize, len: usize| {
            let mut file = whole[..len].to_vec();
            if let Some(byte) = file.get_mut(at) {
                *byte ^= 1;
            }
            let (mut walk, mut found) = (Walk::default(), Vec::new());
            loop {
                match walk.next_frame(&file, len as u64).unwrap() {
                    NextFrame::Damaged(at, bytes, damage) => found.push((at, bytes, damage)),
                    NextFrame::Sound(_) => (),
                    NextFrame::End => return found,
                }
            }
        };
        let frame = (HEAD + 3) as u64;
        assert_eq!(damage(usize::MAX, whole.len()), []);
        assert_eq!(damage(9, whole.len()), [(0, frame, Damage::Head)]);
        assert_eq!(damage(HEAD, whole.len()), [(0, frame, Damage::Document { number: 7 })]);
        let start = frame + HEAD as u64;
        let cut = Damage::Cut { number: 9, len: 300_000 };
        assert_eq!(damage(usize::MAX, 1000), [(start, 1000 - start, cut)]);
        assert_eq!(damage(usize::MAX, start as usize + 10), [(start, 10, Damage::Head)]);
    }

    #[test]
    fn hostile_bytes_cost_neither_memory_nor_time() {
        // The head claims 4 GiB, and the file is as long as that.
        struct Zeros(Vec<u8>);
        impl ReadAt for Zeros {
            fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
                buffer.fill(0);
                self.0.fill(buffer, at)?;
                Ok(buffer.len())
            }
        }
        let mut head = Vec::new();
        write(&mut head, 1, &document(b"x"));
        head.truncate(HEAD);
        head[4..8].copy_from_slice(&(256_u32 << 20).to_le_bytes());
        let sum = crc32fast::hash(&head[..HEAD - 4]);
        head[HEAD - 4..].copy_from_slice(&sum.to_le_bytes());
        let mut walk = Walk::default();
        let end = u64::from(u32::MAX);
        let found = walk.next_frame(&Zeros(head), end).unwrap();
        assert_eq!(found, NextFrame::Damaged(0, HEAD as u64 + (256 << 20), Damage::Document { number: 1 }));
        assert!(walk.window.capacity() <= 2 * WINDOW);
        // Nothing but marks.
        let marks = Counted(b"\xffau\x02".repeat(1 << 18), std::cell::Cell::new(0));
        let end = marks.0.len() as u64;
        assert_eq!(Walk::default().next_frame(&marks, end).unwrap(), NextFrame::Damaged(0, end, Damage::Head));
        assert!(marks.1.get() < 2 * marks.0.len(), "{} bytes were read", marks.1.get());
    }

    #[test]
    fn a_document_comes_in_pieces() {
        let file = three();
        let mut walk = Walk { at: 2 * HEAD as u64 + 3, ..Walk::default() };
        let NextFrame::Sound(frame) = walk.next_frame(&file, file.len() as u64).unwrap() else { panic!("damaged") };
        assert_eq!(walk.beginning(&file, &frame, 10).unwrap(), b"xxxxxxxxxx");
        let mut body = Vec::new();
        walk.pieces(&file, &frame, |piece| {
            assert!(piece.len() <= WINDOW);
            body.extend_from_slice(piece);
            Ok(())
        })
        .unwrap();
        assert_eq!(body, [b'x'; 300_000]);
        assert_eq!(walk.next_frame(&file, file.len() as u64).unwrap(), NextFrame::End);
    }
}
