//! Joins the blocks that reads return to whole lines.

use crate::buffer::{self, give_back};
use memchr::{memchr, memrchr};

/// The longest line that is read, in bytes. auditd's records have at most 8,970 bytes (`MAX_AUDIT_MESSAGE_LENGTH`), so
/// no audit system wrote a longer line. The limit bounds the memory that input can take.
pub const MAX_LINE: usize = 16 << 20;

/// Joins blocks to lines. Holds at most one unfinished line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    /// True inside a line that is too long. Its rest is skipped.
    skipping: bool,
}

/// A result of [`Lines::push`].
pub(super) enum Piece<'a> {
    /// One or more whole lines, each with its newline.
    Whole(&'a [u8]),
    /// The start of a line longer than [`MAX_LINE`], which is skipped.
    TooLong(&'a [u8]),
}

impl Lines {
    /// Takes the next bytes of the stream and calls `each` with the lines they complete.
    pub(super) fn push(&mut self, mut block: &[u8], mut each: impl FnMut(Piece)) {
        if self.skipping {
            let Some(end) = memchr(b'\n', block) else {
                return;
            };
            self.skipping = false;
            block = &block[end + 1..];
        }
        if !self.partial.is_empty() {
            let end = memchr(b'\n', block).map_or(block.len(), |at| at + 1);
            self.partial.extend_from_slice(&block[..end]);
            block = &block[end..];
            if self.partial.last() == Some(&b'\n') {
                each(Piece::Whole(&self.partial));
                self.clear();
            } else if self.partial.len() > MAX_LINE {
                each(Piece::TooLong(&self.partial));
                self.clear();
                self.skipping = true;
            }
        }
        if let Some(last) = memrchr(b'\n', block) {
            each(Piece::Whole(&block[..=last]));
            block = &block[last + 1..];
        }
        self.partial.extend_from_slice(block);
    }

    /// Ends the stream. A last line without a newline counts as a line.
    pub(super) fn finish(&mut self, mut each: impl FnMut(Piece)) {
        if !self.partial.is_empty() {
            self.partial.push(b'\n');
            each(Piece::Whole(&self.partial));
        }
        self.clear();
        self.skipping = false;
    }

    /// Ends a stream that was cut off. Returns the beginning of the line that was cut.
    pub(super) fn abandon(&mut self) -> Vec<u8> {
        self.skipping = false;
        std::mem::take(&mut self.partial)
    }

    /// Begins a new line. Frees the memory of a very long line.
    fn clear(&mut self) {
        give_back(&mut self.partial, buffer::EVENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        let mut each = |piece: Piece| match piece {
            Piece::Whole(whole) => out.extend(whole.split_inclusive(|b| *b == b'\n').map(|l| {
                assert_eq!(l.last(), Some(&b'\n'));
                String::from_utf8_lossy(&l[..l.len() - 1]).into_owned()
            })),
            Piece::TooLong(_) => out.push("too long".into()),
        };
        for piece in pieces {
            lines.push(piece, &mut each);
        }
        lines.finish(&mut each);
        out
    }

    #[test]
    fn any_cut_gives_the_same_lines() {
        let text = b"one\n\ntwo three\nfour";
        for cut in 0..text.len() {
            for second in cut..text.len() {
                let (a, b, c) = (&text[..cut], &text[cut..second], &text[second..]);
                assert_eq!(lines(&[a, b, c]), ["one", "", "two three", "four"]);
            }
        }
    }

    #[test]
    fn a_line_without_end_is_given_up_and_the_next_is_read() {
        let block = vec![b'x'; 1 << 20];
        let mut pieces: Vec<&[u8]> = vec![b"a\n"];
        pieces.extend(std::iter::repeat_n(&block[..], 18));
        pieces.push(b"tail\nb\n");
        assert_eq!(lines(&pieces), ["a", "too long", "b"]);
    }
}
