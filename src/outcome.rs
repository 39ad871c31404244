//! What becomes of an event, and of each of its documents.

/// Why events are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The ring had no room, and there was no spool that could take more.
    RingFull,
    /// The sink refused them as often as they were tried, or nobody reads any more.
    Refused,
    /// They were still waiting when time was up.
    AtEnd,
    /// The spool was at its limit and made room.
    SpoolFull,
    /// Their place in the spool is damaged.
    SpoolDamaged,
    /// They were in the ring of a process that ended without a word.
    Killed,
    /// The dead-letter file could not take them.
    DeadLetters,
}

impl Loss {
    /// All there are, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::RingFull,
        Self::Refused,
        Self::AtEnd,
        Self::SpoolFull,
        Self::SpoolDamaged,
        Self::Killed,
        Self::DeadLetters,
    ];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::Refused => "refused",
            Self::AtEnd => "at_end",
            Self::SpoolFull => "spool_full",
            Self::SpoolDamaged => "spool_damaged",
            Self::Killed => "killed",
            Self::DeadLetters => "dead_letters_full",
        }
    }
}

/// What became of an event, or of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived: a 2xx answer, or written to the file or socket.
    Delivered,
    /// It had arrived before, as the server says: delivered too.
    Duplicate,
    /// The server will never take it; it is in the dead-letter file.
    DeadLettered,
    /// A filter dropped it.
    Filtered,
    /// The output's own settings exclude it.
    Skipped,
    /// It is on the disk, and will be delivered later, by another process if need be.
    Persisted,
    /// It is lost.
    Lost(Loss),
}

impl Outcome {
    /// True when nobody has to keep the event any more.
    pub fn is_safe(self) -> bool {
        !matches!(self, Self::Lost(_))
    }
}
