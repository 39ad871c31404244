//! Ends the events of logins that no other record ends.
//!
//! The kernel writes a LOGIN record at once, and the SYSCALL record with the same serial when the call returns. Older
//! kernels, and rules that exclude the call, leave out the second. libauparse would keep such a login for 2 s of the
//! log's time, together with all later events.

use super::{disguise, pending::Identity};

/// The number of further records that an event waits for its next one. Records of other events stand between the two
/// only if they come from other processors at the same time.
const PATIENCE: u32 = 256;
/// The most logins that wait. More means that none of them has a SYSCALL record.
const MAX_WAITING: usize = 16;

/// The logins that wait for their next record. The oldest comes first.
#[derive(Debug, Default)]
pub(super) struct Logins {
    waiting: Vec<Login>,
}

#[derive(Debug)]
struct Login {
    identity: Identity,
    /// The number of records since.
    records: u32,
    /// The record that ends the event.
    end: Vec<u8>,
}

impl Logins {
    /// Notes a login that begins an event. `line` is its record.
    pub(super) fn begin(&mut self, identity: Identity, line: &[u8]) {
        if let Some(end) = disguise::end_of_event(line) {
            self.waiting.push(Login { identity, records: 0, end });
        }
    }

    /// Notes a record of any event before it is fed. Returns the record that ends the oldest login, if that has waited
    /// long enough.
    #[inline]
    pub(super) fn next(&mut self, identity: Identity) -> Option<Vec<u8>> {
        if self.waiting.is_empty() { None } else { self.next_of_some(identity) }
    }

    fn next_of_some(&mut self, identity: Identity) -> Option<Vec<u8>> {
        self.waiting.retain(|login| login.identity != identity);
        for login in &mut self.waiting {
            login.records += 1;
        }
        let is_due = self.waiting.len() > MAX_WAITING || self.waiting.first()?.records > PATIENCE;
        is_due.then(|| self.waiting.remove(0).end)
    }

    /// The records that end all logins that wait.
    pub(super) fn take_all(&mut self) -> Vec<u8> {
        self.waiting.drain(..).flat_map(|login| login.end).collect()
    }

    /// Forgets all, when their events have been handed out.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventId;

    fn identity(serial: u64) -> Identity {
        Identity { id: EventId { seconds: 1_795_320_000, millis: 1, serial }, node: 0 }
    }

    fn line(serial: u64) -> Vec<u8> {
        format!("type=LOGIN msg=audit(1795320000.001:{serial}): pid=1").into_bytes()
    }

    #[test]
    fn a_login_ends_after_some_other_records() {
        let mut logins = Logins::default();
        logins.begin(identity(1), &line(1));
        logins.begin(identity(2), &line(2));
        assert_eq!(logins.next(identity(2)), None, "it has its next record");
        let ends: Vec<u32> = (1..600).filter(|_| logins.next(identity(9)).is_some()).collect();
        assert_eq!(ends, [PATIENCE]);
        assert!(logins.waiting.is_empty());
    }

    #[test]
    fn few_wait_at_a_time() {
        let mut logins = Logins::default();
        for serial in 0..40 {
            logins.begin(identity(serial), &line(serial));
            logins.next(identity(99));
            assert!(logins.waiting.len() <= MAX_WAITING);
        }
        assert_eq!(logins.take_all().iter().filter(|b| **b == b'\n').count(), MAX_WAITING);
    }
}
