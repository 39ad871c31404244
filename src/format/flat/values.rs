//! Lists of values, and the fields that are gathered for a list.

use super::rules::RuleId;
use crate::event::PREFIX;

/// A list of values, in one buffer.
#[derive(Default)]
pub struct Values {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
}

impl Values {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds a value of at most [`PREFIX`] bytes.
    pub(super) fn push_window(&mut self, window: &[u8; PREFIX], len: usize) {
        let end = self.bytes.len() + len;
        self.bytes.extend_from_slice(window);
        self.bytes.truncate(end);
        self.ends.push(end);
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds a value.
    pub fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len());
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }
}

/// A field that goes to a qualified key: its rule, and its place among all fields of the event. Sorts by rule, then by
/// place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QualifiedField(u64);

impl QualifiedField {
    pub(super) fn new(rule: RuleId, at: usize) -> Self {
        Self(u64::from(rule.number()) << 32 | at as u64)
    }

    pub(super) fn rule(self) -> RuleId {
        RuleId::from_number((self.0 >> 32) as u32)
    }

    pub(super) fn at(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }
}
