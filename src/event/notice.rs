//! Notices are messages of auship itself. They are delivered like events.

use super::{EventId, Heartbeat};

/// A message of auship that comes from no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Some events are missing.
    Gap(Gap),
    /// The program is alive.
    Heartbeat(Heartbeat),
}

/// A range of missing serials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first missing serial.
    pub from: u64,
    /// The last missing serial.
    pub to: u64,
    /// The number of missing serials. It is less than the range from `from` to `to` when several close gaps are
    /// reported together.
    pub count: u64,
    /// The node of the missing events, if the records name one.
    pub node: Option<Vec<u8>>,
    /// Time and serial of the first event after the gap.
    pub id: EventId,
}

impl Gap {
    /// `serials 101-112`, `serial 7`.
    pub fn serials(&self) -> String {
        if self.from == self.to {
            format!("serial {}", self.from)
        } else {
            format!("serials {}-{}", self.from, self.to)
        }
    }
}
