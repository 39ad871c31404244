//! What came of the events an output was offered. The law, at every moment:
//!
//! `events + recovered = delivered + skipped + dead_lettered + lost + ring + spool`
//!
//! All of it changes under the queue's lock, so that whoever looks sees it hold.

use std::{fmt, ops::AddAssign};

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
    /// All there are, in the order of [`Counters::lost`].
    pub const ALL: [Self; 7] = [
        Self::RingFull,
        Self::Refused,
        Self::AtEnd,
        Self::SpoolFull,
        Self::SpoolDamaged,
        Self::Killed,
        Self::DeadLetters,
    ];

    /// Its name in figures.
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

/// What came of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived: a 2xx answer, or written to the file or socket.
    Delivered,
    /// It had arrived before, as the server says: delivered too.
    Duplicate,
    /// The server will never take it; it is in the dead-letter file.
    DeadLettered,
    /// It is lost.
    Lost(Loss),
}

/// Figures of one output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events taken.
    pub events: u64,
    /// Events that were in the spool already at the start, and those that a process before this one lost.
    pub recovered: u64,
    /// Documents that arrived.
    pub delivered: u64,
    /// Those among them that the server had already.
    pub duplicates: u64,
    /// Events that the output's own settings leave out.
    pub skipped: u64,
    /// Documents that the server will never take.
    pub dead_lettered: u64,
    /// Documents in memory: in the ring, on their way into the spool, or in the hands of the sink.
    pub ring: u64,
    /// Documents on disk, not yet delivered.
    pub spool: u64,
    lost: [u64; Loss::ALL.len()],
}

impl Counters {
    /// How many are lost for a reason.
    pub fn lost_by(&self, why: Loss) -> u64 {
        self.lost[why as usize]
    }

    /// How many are lost.
    pub fn lost(&self) -> u64 {
        self.lost.iter().sum()
    }

    /// Notes what came of so many documents.
    pub fn record_outcome(&mut self, number: u64, outcome: Outcome) {
        match outcome {
            Outcome::Delivered => self.delivered += number,
            Outcome::Duplicate => {
                self.delivered += number;
                self.duplicates += number;
            }
            Outcome::DeadLettered => self.dead_lettered += number,
            Outcome::Lost(why) => self.lost[why as usize] += number,
        }
    }

    /// True when they add up.
    pub fn balance(&self) -> bool {
        let out = self.delivered + self.skipped + self.dead_lettered + self.lost() + self.ring + self.spool;
        self.events + self.recovered == out
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.recovered += other.recovered;
        self.delivered += other.delivered;
        self.duplicates += other.duplicates;
        self.skipped += other.skipped;
        self.dead_lettered += other.dead_lettered;
        self.ring += other.ring;
        self.spool += other.spool;
        for (sum, more) in self.lost.iter_mut().zip(other.lost) {
            *sum += more;
        }
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "delivered {}, lost {}", self.delivered, self.lost())?;
        for (what, number) in [
            ("duplicates", self.duplicates),
            ("skipped", self.skipped),
            ("dead-lettered", self.dead_lettered),
            ("recovered", self.recovered),
            ("in the ring", self.ring),
            ("in the spool", self.spool),
        ] {
            if number > 0 {
                write!(f, ", {what} {number}")?;
            }
        }
        Ok(())
    }
}
