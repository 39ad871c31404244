//! Notices: what auship itself found out about its input, delivered as events are.

use super::EventId;

/// Something that auship says, and no record does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Events didn't come.
    Gap(Gap),
}

/// Serials that didn't come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first one.
    pub from: u64,
    /// The last one.
    pub to: u64,
    /// How many: fewer than from `from` to `to` when several gaps near each other are reported together.
    pub count: u64,
    /// The node they were to come from, where the records name one.
    pub node: Option<Vec<u8>>,
    /// Time and serial of the first event behind the gap.
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
