//! Remembers libauparse's answers.

use crate::event::FieldRef;
use crate::event::PREFIX;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// A question to libauparse. It holds everything that the answer depends on. Its length is fixed, so that copying and
/// comparing take a few instructions. A longer question isn't remembered and is asked again each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct CacheKey {
    words: [u64; 6],
    len: usize,
}

impl CacheKey {
    /// The most bytes that a question can hold.
    const MOST: usize = 48;

    /// A question that begins with these bytes; `None` when they are too long.
    pub(super) fn new(about: &[u8]) -> Option<Self> {
        let mut question = Self::default();
        question.push(about).then_some(question)
    }

    /// Adds bytes. Returns false when there is no room for them.
    fn push(&mut self, bytes: &[u8]) -> bool {
        if self.len + bytes.len() > Self::MOST {
            return false;
        }
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.push_word(u64::from_le_bytes(word), chunk.len());
        }
        true
    }

    /// Adds up to 8 bytes, given as a word whose other bytes are 0. The question must have room for them.
    pub(super) fn push_word(&mut self, word: u64, len: usize) {
        let (at, shift) = (self.len / 8, 8 * (self.len % 8));
        self.words[at] |= word << shift;
        if shift > 0 && 8 * len + shift > 64 {
            self.words[at + 1] |= word >> (64 - shift);
        }
        self.len += len;
    }

    /// Adds the text of a field. Returns false when there is no room for it.
    pub(super) fn push_text(&mut self, place: FieldRef) -> bool {
        let len = place.field.value.len();
        match place.event.prefix(place.field.value) {
            Some(window) if len <= PREFIX && self.len + len <= Self::MOST => {
                let (low, high) = window.split_at(8);
                let word = |bytes: &[u8], len: usize| {
                    let word = bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
                    if len < 8 { word & ((1 << (8 * len)) - 1) } else { word }
                };
                self.push_word(word(low, len.min(8)), len.min(8));
                if len > 8 {
                    self.push_word(word(high, len - 8), len - 8);
                }
                true
            }
            _ => self.push(place.text()),
        }
    }

    /// The question's place in a table of `1 << bits` entries.
    fn place(&self, bits: u32) -> usize {
        let mix = |mixed: u64, word: &u64| (mixed.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        #[allow(clippy::cast_possible_truncation)] // the result has only a few bits
        ((self.words.iter().fold(self.len as u64, mix) >> (64 - bits)) as usize)
    }
}

/// Log 2 of the number of entries in [`Front`].
const FRONT_BITS: u32 = 8;

/// A small table in front of the map, because most questions were asked a moment ago. Two questions with the same place
/// replace each other, which costs a lookup in the map.
#[derive(Debug, Default)]
struct Front {
    entries: Vec<Option<(CacheKey, usize)>>,
}

impl Front {
    fn get(&self, question: &CacheKey) -> Option<usize> {
        let entry = self.entries.get(question.place(FRONT_BITS))?.as_ref()?;
        (entry.0 == *question).then_some(entry.1)
    }

    fn set(&mut self, question: &CacheKey, at: usize) {
        self.entries.resize(1 << FRONT_BITS, None);
        self.entries[question.place(FRONT_BITS)] = Some((*question, at));
    }
}

/// The answers to the questions asked so far.
#[derive(Debug, Default)]
pub(super) struct Cache {
    front: Front,
    /// The place of each answer in the list.
    known: HashMap<CacheKey, usize, RandomState>,
    answers: Vec<Box<[u8]>>,
}

impl Cache {
    /// The number of answers.
    pub(super) fn len(&self) -> usize {
        self.answers.len()
    }

    /// Keeps an answer and returns its place.
    pub(super) fn remember(&mut self, question: &CacheKey, answer: Box<[u8]>) -> usize {
        let at = self.answers.len();
        self.answers.push(answer);
        self.known.insert(*question, at);
        at
    }

    /// The place of the answer, if the question was asked before.
    pub(super) fn recall(&mut self, question: &CacheKey) -> Option<usize> {
        if let Some(at) = self.front.get(question) {
            return Some(at);
        }
        let at = *self.known.get(question)?;
        self.front.set(question, at);
        Some(at)
    }

    /// The answer at a place.
    pub(super) fn get(&self, at: usize) -> &[u8] {
        self.answers.get(at).map_or(b"", |answer| answer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::event::{Field, LinuxEvent, Record};

    #[test]
    fn questions_are_the_same_only_when_all_of_them_is() {
        let question = |parts: &[&[u8]]| {
            let mut question = CacheKey::new(b"").unwrap();
            parts.iter().all(|part| question.push(part)).then_some(question)
        };
        let long = [b'x'; CacheKey::MOST];
        for cut in 0..=CacheKey::MOST {
            let (a, b) = long.split_at(cut);
            assert_eq!(question(&[a, b]), question(&[&long]), "{cut}");
            assert_ne!(question(&[a]), question(&[&long, b"\0"]));
        }
        assert_ne!(question(&[b"a"]), question(&[b"a\0"]));
        assert_ne!(question(&[b"ab", b"c"]), question(&[b"ab", b"d"]));
        assert_eq!(question(&[&long, b"x"]), None);
        let mut event = LinuxEvent::default();
        for len in 0..20 {
            event.begin(crate::event::EventId::default());
            let value = event.keep(&long[..len]);
            event.keep(b"yyyyyyyyyyyyyyyyyyyyyyyyyyyyy");
            event.end();
            let field = Field { value, ..Field::default() };
            for before in 0..10 {
                let mut asked = question(&[&long[..before]]).unwrap();
                let record = Record::default();
                assert!(asked.push_text(FieldRef { event: &event, number: 0, record: &record, field }));
                assert_eq!(Some(asked), question(&[&long[..before + len]]), "{before} {len}");
            }
        }
    }
}
