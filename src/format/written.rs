//! The result of writing an event.

/// The result of writing an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The format wrote a document.
    Document,
    /// The format wrote nothing. Its settings leave the event out, or the event has no content.
    Skipped,
}
