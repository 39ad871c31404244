//! Standard input, as auditd gives it to a plugin.

use super::progress::{Error, Progress};
use crate::{auparse::Parser, event::Events};
use nix::{errno::Errno, unistd::read};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

/// Size of a read, in bytes: the capacity of a pipe.
const BLOCK: usize = 64 << 10;

/// Linux audit records on standard input.
pub struct Stdin {
    input: io::Stdin,
    block: Vec<u8>,
    pub(super) parser: Parser,
}

impl Stdin {
    /// Sets up the parser. Reads nothing yet.
    ///
    /// # Errors
    /// When libauparse has no memory.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { input: io::stdin(), block: vec![0; BLOCK], parser: Parser::new()? })
    }

    /// Reads once and passes on the events that are complete.
    ///
    /// # Errors
    /// When reading fails, or libauparse has no memory.
    pub fn read(&mut self, to: &mut impl Events) -> Result<Progress, Error> {
        match read(self.input.as_fd(), &mut self.block) {
            Ok(0) => Ok(Progress::Ended),
            Ok(n) => {
                self.parser.feed(&self.block[..n], to)?;
                Ok(Progress::Read)
            }
            Err(Errno::EINTR | Errno::EAGAIN) => Ok(Progress::Idle),
            // auditd ended without closing its end of the socket.
            Err(Errno::ECONNRESET) => Ok(Progress::Ended),
            Err(e) => Err(Error::Read("standard input", e.into())),
        }
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }
}
