//! A heartbeat: auship's message that it is alive, with the state of auditing on this host.

use super::EventId;

/// A heartbeat. A format writes its facts, whatever they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// When it was made. The serial is its number since the start of the program, from 1.
    pub id: EventId,
    /// One line for people.
    pub summary: String,
    /// True when the kernel says that auditing is off.
    pub is_warning: bool,
    /// The kernel's id of this boot (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: Option<String>,
    /// The facts. No name is there twice. Names with the same first parts follow each other.
    pub facts: Vec<Fact>,
}

/// One fact of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name. It consists of parts, as in `kernel`, `backlog_limit`.
    pub name: Vec<String>,
    /// Its value.
    pub value: FactValue,
}

/// The value of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactValue {
    /// A text.
    Text(String),
    /// A whole number.
    Number(u64),
}

impl From<u64> for FactValue {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for FactValue {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for FactValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}
