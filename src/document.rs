//! A document: a format writes it from an event, and a queue carries it to a sink.

use crate::event::Timestamp;

/// One JSON document, with the facts that a sink needs to know without parsing it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The bytes to send.
    pub body: Vec<u8>,
    /// When the event happened.
    pub time: Timestamp,
    /// The id of the event, if the format gives it one. The same event always has the same id.
    pub id: Option<[u8; 16]>,
}

impl Document {
    /// Length of the body, in bytes.
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// True when the body has no byte.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// Empties the document for the next event, but keeps its buffer.
    pub fn clear(&mut self) {
        self.body.clear();
        (self.time, self.id) = (Timestamp::default(), None);
    }
}
