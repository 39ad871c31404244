//! What a format made of an event.

/// What a format made of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A document.
    Document,
    /// Nothing: the format's settings leave the event out, or it says nothing.
    Skipped,
}
