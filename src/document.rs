//! A document: what a format makes of an event, and what a queue carries to a sink.

use crate::event::Timestamp;

/// One JSON document on its way to a sink, and what a sink has to know about it without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The document's bytes, as they are to be sent.
    pub body: Vec<u8>,
    /// When the event happened.
    pub time: Timestamp,
    /// The event's own id, where the format gives it one: the same event always has the same one.
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

    /// Empties it for the next event, keeping its buffer.
    pub fn clear(&mut self) {
        self.body.clear();
        (self.time, self.id) = (Timestamp::default(), None);
    }
}
