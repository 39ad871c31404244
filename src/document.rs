//! A document: a format writes it from an event, and a queue carries it to a sink.

use crate::{event::Timestamp, outcome::Outcome, receipt::Receipt};

/// One JSON document, with the facts that a sink needs to know without parsing it.
#[derive(Debug, Default)]
pub struct Document {
    /// The bytes to send.
    pub body: Vec<u8>,
    /// When the event happened.
    pub time: Timestamp,
    /// The id of the event, if the format gives it one. The same event always has the same id.
    pub id: Option<[u8; 16]>,
    /// Who wants to know the outcome.
    pub receipt: Option<Receipt>,
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
        (self.time, self.id, self.receipt) = (Timestamp::default(), None, None);
    }

    /// A copy that has no more room than it needs, and another receipt.
    #[must_use]
    pub fn copy(&self, receipt: Option<Receipt>) -> Self {
        Self { body: self.body.clone(), time: self.time, id: self.id, receipt }
    }

    /// Tells whoever wants to know it the outcome.
    pub fn resolve(&mut self, outcome: Outcome) {
        if let Some(receipt) = self.receipt.take() {
            receipt.resolve(outcome);
        }
    }
}

/// Tells whoever wants to know it the outcome of these documents.
pub fn resolve_all(documents: &mut [Document], outcome: Outcome) {
    documents.iter_mut().for_each(|document| document.resolve(outcome));
}

/// The same document, whoever wants to know its outcome.
impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body && self.time == other.time && self.id == other.id
    }
}

impl Eq for Document {}
