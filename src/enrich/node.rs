//! What is known of one machine whose events come.

use super::{numbers::Numbers, serials::Serials, table::Weigh};

/// A machine.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The number of starts by now, counted over all nodes.
    pub(super) boot: u64,
    pub(super) serials: Serials,
    pub(super) numbers: Numbers,
}

impl Node {
    /// Notes that it was started.
    pub(super) fn start(&mut self, boot: u64) {
        (self.boot, self.numbers) = (boot, Numbers::default());
    }
}

impl Weigh for Node {
    fn bytes(&self) -> usize {
        0
    }
}
