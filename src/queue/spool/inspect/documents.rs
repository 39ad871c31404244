//! The documents of one file, one after the other, and what is wrong with it.

use super::{
    super::{
        frame::{Damage, Frame, NextFrame, Walk},
        legacy,
        progress::Mark,
    },
    fault::{Fault, FaultKind},
    file::{SpoolFile, What},
};
use crate::event::Timestamp;
use std::{collections::VecDeque, ffi::OsString, fs::File, io};

/// How much of a document of version 1 is searched for its time, in bytes.
const BEGINNING: usize = 64 << 10;

/// What becomes of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is still to be delivered.
    Pending,
    /// It was delivered, or given up.
    Delivered,
    /// Its number is wrong, so it is passed over.
    PassedOver,
}

/// A document in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenDocument {
    /// Its place.
    pub frame: Frame,
    /// When its event happened, if that is known.
    pub time: Option<Timestamp>,
    /// What becomes of it.
    pub turn: Turn,
}

/// What a file has next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A sound document.
    Document(SeenDocument),
    /// Something wrong.
    Fault(Fault),
}

/// The documents of one file.
pub struct Documents {
    name: OsString,
    file: File,
    bytes: u64,
    walk: Walk,
    /// A file of documents in flight: all of its sound documents are delivered, whatever their numbers.
    in_flight: bool,
    /// The number of the next document.
    next: u64,
    /// The number after the last one that must be there.
    end: u64,
    /// There may be more documents than that.
    is_open: bool,
    being_written: bool,
    /// All below are delivered.
    done: u64,
    /// A damaged piece whose documents aren't known yet: its place and length.
    damaged: Option<(u64, u64)>,
    ready: VecDeque<Seen>,
    ended: bool,
}

impl Documents {
    /// Those of an open file, as far as its first `bytes`. `running`: a process uses the spool.
    pub(super) fn new(file: &SpoolFile, opened: File, bytes: u64, mark: Mark, running: bool) -> Self {
        let is_open = file.is_open();
        let (next, end) = match file.what {
            What::Segment { base, end: Some(end) } => (base, end),
            // One that was left open before is read to where the next begins.
            What::Segment { base, end: None } => (base, file.next_base.unwrap_or(mark.written)),
            What::InFlight { count, .. } => (0, count),
            _ => (0, 0),
        };
        Self {
            name: file.name.clone(),
            file: opened,
            bytes,
            walk: Walk::default(),
            in_flight: matches!(file.what, What::InFlight { .. }),
            next,
            end,
            is_open,
            being_written: is_open && running,
            done: mark.done,
            damaged: None,
            ready: VecDeque::new(),
            ended: false,
        }
    }

    /// The next document or fault; none at the end.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn next_seen(&mut self) -> io::Result<Option<Seen>> {
        while self.ready.is_empty() && !self.ended {
            match self.walk.next_frame(&self.file, self.bytes)? {
                NextFrame::Sound(frame) => self.add_document(frame)?,
                NextFrame::Damaged(at, bytes, damage) => self.add_damage(at, bytes, damage),
                NextFrame::End => {
                    self.expect(self.end, self.bytes);
                    self.ended = true;
                }
            }
        }
        Ok(self.ready.pop_front())
    }

    /// Gives a document of this file to `take`, piece by piece.
    ///
    /// # Errors
    /// When the file can't be read, or has become shorter, or `take` fails.
    pub fn body(&mut self, frame: &Frame, take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.walk.pieces(&self.file, frame, take)
    }

    fn fault(&mut self, offset: u64, kind: FaultKind) {
        self.ready.push_back(Seen::Fault(Fault { file: self.name.clone(), offset: Some(offset), kind }));
    }

    /// The next document is this one; those before it are missing.
    fn expect(&mut self, number: u64, at: u64) {
        let lost = (self.next, number.max(self.next));
        match self.damaged.take() {
            Some((at, bytes)) => self.fault(at, FaultKind::Damaged { bytes, damage: Damage::Head, lost }),
            None if lost.0 < lost.1 => self.fault(at, FaultKind::Missing { from: lost.0, to: lost.1 }),
            None => (),
        }
        self.next = lost.1;
    }

    /// True for a number that the next document may have.
    fn fits(&self, number: u64) -> bool {
        number >= self.next && (self.is_open || number < self.end)
    }

    fn add_document(&mut self, frame: Frame) -> io::Result<()> {
        let number = frame.number;
        let mut turn = if number < self.done && !self.in_flight { Turn::Delivered } else { Turn::Pending };
        if self.fits(number) {
            self.expect(number, frame.at);
            self.next = number.saturating_add(1);
        } else {
            if !self.in_flight {
                turn = Turn::PassedOver;
            }
            let kind = match number < self.next {
                true => FaultKind::OutOfOrder { number, expected: self.next },
                false => FaultKind::Beyond { number, end: self.end },
            };
            self.fault(frame.at, kind);
        }
        let time = match frame.time() {
            Some(time) => Some(time),
            None => legacy::time_of(self.walk.beginning(&self.file, &frame, BEGINNING)?),
        };
        self.ready.push_back(Seen::Document(SeenDocument { frame, time, turn }));
        Ok(())
    }

    fn add_damage(&mut self, at: u64, bytes: u64, damage: Damage) {
        let number = match damage {
            Damage::Head => None,
            Damage::Document { number } | Damage::Cut { number, .. } => Some(number),
        };
        let is_last = at + bytes >= self.bytes && !matches!(damage, Damage::Document { .. });
        if is_last && self.damaged.is_none() && self.next >= self.end {
            return self.fault(at, FaultKind::Unfinished { bytes, being_written: self.being_written });
        }
        match number {
            None => self.damaged = Some((at, bytes)),
            Some(number) => {
                if self.fits(number) {
                    self.expect(number, at);
                    self.next = number.saturating_add(1);
                }
                let lost = (number, number.saturating_add(1));
                self.fault(at, FaultKind::Damaged { bytes, damage, lost });
            }
        }
    }
}
