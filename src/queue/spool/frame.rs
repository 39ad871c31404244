//! How documents lie in the spool's files, and how they are found again behind damage.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | mark: bytes that no UTF-8 text has, so that no document can hold a frame of its own |
//! | 4 | length of the document |
//! | 8 | its number |
//! | 4 | CRC-32 of the document |
//! | 4 | CRC-32 of the twenty bytes before |
//!
//! All numbers are little-endian. A damaged document costs itself alone, since its head still says where the next
//! begins; behind a damaged head the next mark with a sound head is looked for.

use crate::buffer::give_back;
use std::io;

/// Where a frame begins; its last byte is the version of this layout.
const MARK: [u8; 4] = *b"\xffau\x01";
/// Length of a frame's head, in bytes.
pub(super) const HEAD: usize = 24;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The document's number.
    pub(super) number: u64,
    /// Its length, in bytes.
    pub(super) len: usize,
    checksum: u32,
}

impl Head {
    /// Reads a head; `None` when it is damaged.
    fn read(bytes: &[u8; HEAD]) -> Option<Self> {
        let four = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        if bytes[..4] != MARK || four(20)? != crc32fast::hash(&bytes[..20]) {
            return None;
        }
        let number = u64::from_le_bytes(bytes[8..16].try_into().ok()?);
        Some(Self { number, len: four(4)? as usize, checksum: four(16)? })
    }

    /// True when this is the document that the head was written for.
    fn fits(&self, document: &[u8]) -> bool {
        crc32fast::hash(document) == self.checksum
    }
}

/// Appends a frame. False for a document that is too large to be framed.
pub(super) fn write(out: &mut Vec<u8>, number: u64, document: &[u8]) -> bool {
    let Ok(len) = u32::try_from(document.len()) else {
        return false;
    };
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&MARK);
    head[4..8].copy_from_slice(&len.to_le_bytes());
    head[8..16].copy_from_slice(&number.to_le_bytes());
    head[16..20].copy_from_slice(&crc32fast::hash(document).to_le_bytes());
    let checksum = crc32fast::hash(&head[..20]);
    head[20..].copy_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(document);
    true
}

/// What stands next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A document and its number.
    Document(u64, Vec<u8>),
    /// A piece that can't be read: where it begins, and how many bytes it has.
    Damaged(u64, u64),
    /// Nothing up to the end that was given.
    End,
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
        if at + len as u64 > end {
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

    fn head(&mut self, file: &impl ReadAt, at: u64, end: u64) -> io::Result<Option<Head>> {
        Ok(self.bytes(file, at, HEAD, end)?.and_then(|bytes| Head::read(bytes.try_into().ok()?)))
    }

    /// The next frame of a file that is known to be whole up to `end`.
    ///
    /// # Errors
    /// When the file can't be read; the walk may be gone on with later.
    pub(super) fn next(&mut self, file: &impl ReadAt, end: u64) -> io::Result<Next> {
        let start = self.at;
        if start >= end {
            return Ok(Next::End);
        }
        if let Some(head) = self.head(file, start, end)? {
            let after = start + HEAD as u64 + head.len as u64;
            if let Some(document) = self.bytes(file, start + HEAD as u64, head.len, end)? {
                let sound = head.fits(document).then(|| document.to_vec());
                self.at = after;
                return Ok(match sound {
                    Some(document) => Next::Document(head.number, document),
                    None => Next::Damaged(start, after - start),
                });
            }
        }
        // The head is damaged, or the document goes beyond the end: on to the next sound head.
        let mut at = start + 1;
        loop {
            let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(WINDOW);
            let found = match self.bytes(file, at, left, end)? {
                Some(bytes) if left >= HEAD => memchr::memmem::find(bytes, &MARK),
                _ => {
                    self.at = end;
                    return Ok(Next::Damaged(start, end - start));
                }
            };
            match found {
                Some(offset) => {
                    at += offset as u64;
                    if self.head(file, at, end)?.is_some() {
                        self.at = at;
                        return Ok(Next::Damaged(start, at - start));
                    }
                    at += 1;
                }
                // A mark may begin in the last bytes that were looked through.
                None => at += (left - (MARK.len() - 1)) as u64,
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
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

    fn three() -> Vec<u8> {
        let mut file = Vec::new();
        assert!(write(&mut file, 7, b"one") && write(&mut file, 8, b"") && write(&mut file, 9, &[b'x'; 300_000]));
        file
    }

    #[test]
    fn what_is_written_is_read() {
        let found = walk(&three());
        assert_eq!(
            found,
            [Next::Document(7, b"one".to_vec()), Next::Document(8, vec![]), Next::Document(9, vec![b'x'; 300_000])]
        );
    }

    #[test]
    fn every_changed_byte_costs_one_document_alone() {
        let whole = three();
        for at in (0..whole.len()).step_by(1).take(80).chain([whole.len() / 2, whole.len() - 1]) {
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
        for len in (0..80).chain([whole.len() - 1]) {
            let found = walk(&whole[..len].to_vec());
            let documents = found.iter().filter(|n| matches!(n, Next::Document(..))).count();
            let expected = usize::from(len >= 27) + usize::from(len >= 51);
            assert_eq!(documents, expected, "{len}");
            let tail = ![0, 27, 51].contains(&len);
            assert_eq!(found.len(), expected + usize::from(tail), "{len}");
        }
    }
}
