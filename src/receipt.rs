//! Receipts: how a source learns that an event is safe, so that it may tell its client.
//!
//! The source gives each event a [`Receipt`] with a number of its own. Each output that gets the event gets a share, and
//! each share is resolved with the outcome of the output's document. When the last share is gone, the source is sent an
//! [`Ack`]. A share that is dropped without an outcome counts as lost. A kill of the process takes all shares with it:
//! nothing is acknowledged that isn't delivered or on the disk.

use crate::outcome::Outcome;
use crossbeam_channel::Sender;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// What a source is told about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The source's number of the event.
    pub token: u64,
    /// Every output has delivered the event, or has it on disk, or doesn't want it. Otherwise some output has lost it,
    /// and it must come again.
    pub safe: bool,
}

/// One share of an event's receipt.
#[derive(Debug)]
pub struct Receipt {
    event: Arc<Pending>,
    /// This share has a good outcome.
    safe: bool,
}

/// An event that isn't acknowledged yet.
#[derive(Debug)]
struct Pending {
    token: u64,
    /// Some share was lost.
    lost: AtomicBool,
    to: Sender<Ack>,
}

impl Receipt {
    /// The first share of a receipt for the event with that number. `to` must be the end of an unbounded channel: whoever
    /// resolves the last share doesn't wait for the source.
    pub fn new(token: u64, to: &Sender<Ack>) -> Self {
        let event = Pending { token, lost: AtomicBool::new(false), to: to.clone() };
        Self { event: Arc::new(event), safe: false }
    }

    /// One more share: the event isn't acknowledged before this one is resolved too.
    pub fn share(&self) -> Self {
        Self { event: self.event.clone(), safe: false }
    }

    /// Ends this share.
    pub fn resolve(mut self, outcome: Outcome) {
        self.safe = outcome.is_safe();
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if !self.safe {
            // The last share's drop sees it: shares are counted with acquire and release.
            self.event.lost.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let ack = Ack { token: self.token, safe: !*self.lost.get_mut() };
        // A source that is gone wants no more of them.
        let _ = self.to.send(ack);
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::outcome::Loss;
    use crossbeam_channel::{Receiver, unbounded};

    fn receipt(token: u64) -> (Receipt, Receiver<Ack>) {
        let (to, acks) = unbounded();
        (Receipt::new(token, &to), acks)
    }

    /// The acknowledgements that have come: the token, and whether the event is safe.
    pub fn acks(acks: &Receiver<Ack>) -> Vec<(u64, bool)> {
        acks.try_iter().map(|ack| (ack.token, ack.safe)).collect()
    }

    #[test]
    fn every_outcome_but_a_loss_is_safe() {
        for (outcome, safe) in [
            (Outcome::Delivered, true),
            (Outcome::Duplicate, true),
            (Outcome::DeadLettered, true),
            (Outcome::Filtered, true),
            (Outcome::Skipped, true),
            (Outcome::Persisted, true),
            (Outcome::Lost(Loss::Refused), false),
        ] {
            let (receipt, from) = receipt(7);
            receipt.resolve(outcome);
            assert_eq!(acks(&from), [(7, safe)], "{outcome:?}");
        }
    }

    #[test]
    fn the_last_share_acknowledges() {
        let (first, from) = receipt(1);
        let (second, third) = (first.share(), first.share());
        second.resolve(Outcome::Delivered);
        first.resolve(Outcome::Filtered);
        assert_eq!(acks(&from), []);
        third.resolve(Outcome::Persisted);
        assert_eq!(acks(&from), [(1, true)]);
    }

    #[test]
    fn one_share_that_is_lost_is_enough() {
        for lost in 0..3 {
            let (first, from) = receipt(1);
            let shares = [first.share(), first.share(), first];
            for (n, share) in shares.into_iter().enumerate() {
                share.resolve(if n == lost { Outcome::Lost(Loss::RingFull) } else { Outcome::Delivered });
            }
            assert_eq!(acks(&from), [(1, false)], "the one at {lost}");
        }
    }

    #[test]
    fn a_share_that_is_dropped_is_lost() {
        let (first, from) = receipt(1);
        let second = first.share();
        drop(first);
        assert_eq!(acks(&from), []);
        second.resolve(Outcome::Delivered);
        assert_eq!(acks(&from), [(1, false)]);
    }

    #[test]
    fn events_are_acknowledged_in_the_order_in_which_they_become_safe() {
        let (to, from) = unbounded();
        let receipts: Vec<Receipt> = (0..3).map(|token| Receipt::new(token, &to)).collect();
        let shares: Vec<Receipt> = receipts.iter().map(Receipt::share).collect();
        receipts.into_iter().for_each(|receipt| receipt.resolve(Outcome::Delivered));
        shares.into_iter().rev().for_each(|receipt| receipt.resolve(Outcome::Delivered));
        assert_eq!(acks(&from), [(2, true), (1, true), (0, true)]);
    }

    #[test]
    fn shares_may_be_resolved_by_different_threads() {
        let (to, from) = unbounded();
        for token in 0..200 {
            let first = Receipt::new(token, &to);
            let threads: Vec<_> = (0..3)
                .map(|n| {
                    let share = first.share();
                    let lost = token % 2 == 1 && n == 1;
                    let outcome = if lost { Outcome::Lost(Loss::AtEnd) } else { Outcome::Delivered };
                    std::thread::spawn(move || share.resolve(outcome))
                })
                .collect();
            first.resolve(Outcome::Delivered);
            assert!(threads.into_iter().all(|thread| thread.join().is_ok()));
        }
        assert_eq!(acks(&from), (0..200).map(|token| (token, token % 2 == 0)).collect::<Vec<_>>());
    }

    #[test]
    fn a_source_that_is_gone_does_no_harm() {
        let (receipt, from) = receipt(1);
        drop(from);
        receipt.resolve(Outcome::Delivered);
    }
}
