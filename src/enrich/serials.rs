//! Which events of one node have come. An event that is missing may have changed what is known of processes.
//!
//! The kernel numbers an event when its system call ends, and gives it the time at which the call began. The records
//! arrive nearly in the order of the numbers. libauparse hands events out in the order of the times, as far as it holds
//! several. So what is missing is found from the records that arrive. An event that has arrived and is handed out later
//! began later too.
//!
//! [`crate::sequence`] reports gaps: it waits until a serial surely doesn't come any more. Here a serial counts as missing
//! at once, because what is said now must be true now.

use crate::event::EventId;
use std::collections::VecDeque;

/// The most ranges of missing serials that are remembered.
const MAX_HOLES: usize = 256;
/// How long after all earlier events an event may have happened whose serial isn't new, in milliseconds. A host takes
/// longer to start.
const AHEAD: i64 = 1000;
/// How long before the latest event the other parts of an event may come, in milliseconds.
const BEHIND: i64 = 10_000;

/// The serials of one node since it was started.
#[derive(Debug, Default)]
pub(super) struct Serials {
    /// The first serial and its time, if an earlier start is known.
    first: Option<(u64, i64)>,
    newest: u64,
    /// The latest time of all events, in milliseconds.
    latest: i64,
    /// Ranges of missing serials, in order.
    holes: VecDeque<(u64, u64)>,
    /// The last missing serial of the ranges that are forgotten.
    forgotten: u64,
}

/// The time of an event, in milliseconds since 1970.
pub(super) fn millis(id: EventId) -> i64 {
    id.seconds.saturating_mul(1000).saturating_add(i64::from(id.millis))
}

impl Serials {
    /// Notes that a record arrived. Returns false if its serial shows that the serials began again: the host was started, or this is
    /// another log.
    pub(super) fn note(&mut self, id: EventId) -> bool {
        let time = millis(id);
        let goes_on = match id.serial.checked_sub(self.newest) {
            Some(1..) => {
                self.advance(id.serial);
                true
            }
            _ => {
                // A serial that was missing, or one more part of an event.
                let ahead = time.saturating_sub(self.latest);
                ahead <= AHEAD && (ahead >= -BEHIND || self.is_missing(id.serial))
            }
        };
        if goes_on {
            self.fill(id.serial);
            self.latest = self.latest.max(time);
        } else {
            let first = Some((id.serial, time));
            *self = Self { first, newest: id.serial, latest: time, ..Self::default() };
        }
        goes_on
    }

    /// True for an event of this time. An event from before the start of the host may be handed out after it.
    pub(super) fn has(&self, id: EventId) -> bool {
        let time = millis(id);
        let since = self.first.is_none_or(|(serial, first)| id.serial >= serial && time > first - AHEAD);
        since && (1..=self.newest).contains(&id.serial) && time <= self.latest
    }

    /// Notes that the record is missing that tells what an event is about.
    pub(super) fn lose(&mut self, serial: u64) {
        let at = self.holes.partition_point(|(_, to)| *to < serial);
        if self.holes.get(at).is_none_or(|(from, _)| *from > serial) {
            self.holes.insert(at, (serial, serial));
            self.forget();
        }
    }

    fn forget(&mut self) {
        if self.holes.len() > MAX_HOLES
            && let Some((_, to)) = self.holes.pop_front()
        {
            self.forgotten = to;
        }
    }

    fn advance(&mut self, serial: u64) {
        if self.newest > 0 && serial - self.newest > 1 {
            self.holes.push_back((self.newest + 1, serial - 1));
            self.forget();
        }
        self.newest = serial;
    }

    fn is_missing(&self, serial: u64) -> bool {
        self.holes.iter().any(|(from, to)| (*from..=*to).contains(&serial))
    }

    /// Removes a serial from the missing ones.
    fn fill(&mut self, serial: u64) {
        if self.holes.back().is_none_or(|(_, to)| *to < serial) {
            return;
        }
        let at = self.holes.partition_point(|(_, to)| *to < serial);
        let Some((from, to)) = self.holes.get(at).copied().filter(|(from, _)| *from <= serial) else { return };
        self.holes.remove(at);
        if serial < to {
            self.holes.insert(at, (serial + 1, to));
        }
        if from < serial {
            self.holes.insert(at, (from, serial - 1));
        }
    }

    /// True if no event between two serials is missing.
    pub(super) fn is_whole(&self, after: u64, before: u64) -> bool {
        if after >= before {
            return true;
        }
        let last = self.holes.iter().rev().find(|(from, _)| *from < before);
        after >= self.forgotten && last.is_none_or(|(_, to)| *to < after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(seconds: i64, serial: u64) -> EventId {
        EventId { seconds, millis: 0, serial }
    }

    #[test]
    fn what_is_missing_breaks_what_was_known_before() {
        let mut serials = Serials::default();
        assert!(serials.note(id(1, 100)) && serials.note(id(1, 101)));
        assert!(serials.is_whole(100, 101));
        assert!(serials.note(id(2, 105)));
        assert!(!serials.is_whole(101, 105) && serials.is_whole(105, 106) && serials.is_whole(100, 101));
        // They were only late.
        for late in [103, 104, 102] {
            assert!(!serials.is_whole(101, 105));
            assert!(serials.note(id(1, late)));
        }
        assert!(serials.is_whole(100, 105) && serials.holes.is_empty());
        // The same event once more.
        assert!(serials.note(id(2, 105)) && serials.note(id(1, 101)));
    }

    #[test]
    fn an_event_without_its_main_record_is_missing() {
        let mut serials = Serials::default();
        (1..10).for_each(|serial| assert!(serials.note(id(1, serial))));
        serials.lose(5);
        serials.lose(5);
        assert!(!serials.is_whole(4, 6) && serials.is_whole(5 + 1, 9) && serials.is_whole(1, 4));
        assert_eq!(serials.holes, [(5, 5)]);
    }

    #[test]
    fn what_is_handed_out_after_a_start_may_be_older() {
        let mut serials = Serials::default();
        assert!(serials.note(id(1000, 5001)) && serials.has(id(900, 5001)) && !serials.has(id(1000, 5002)));
        assert!(!serials.note(id(1060, 8)));
        assert!(serials.has(id(1060, 8)) && !serials.has(id(1000, 5001)) && !serials.has(id(1000, 8)));
        assert!(!serials.has(id(1060, 0)), "the kernel's first serial is 1");
    }

    #[test]
    fn serials_that_begin_again_are_a_start() {
        let mut serials = Serials::default();
        assert!(serials.note(id(1000, 5001)));
        assert!(serials.note(id(1005, 5003)));
        assert!(!serials.note(id(1060, 8)), "the host was started");
        assert!(serials.note(id(1061, 9)));
        assert!(!serials.note(id(2000, 9)), "and once more, with the same serial");
        assert!(!serials.note(id(500, 3)), "an older log");
        // A serial that was missing, but much later.
        assert!(serials.note(id(501, 20)));
        assert!(!serials.note(id(560, 12)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut serials = Serials::default();
        for n in 1..10_000 {
            assert!(serials.note(id(1, 2 * n)));
        }
        assert_eq!(serials.holes.len(), MAX_HOLES);
        assert!(!serials.is_whole(100, 20_000) && serials.is_whole(19_998, 19_999));
        assert!(serials.note(id(1, u64::MAX)) && serials.note(id(1, u64::MAX - 1)));
    }
}
