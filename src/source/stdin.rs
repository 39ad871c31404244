//! Standard input, as auditd gives it to a plugin, and the signals that come beside it.

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
    unistd::read,
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

/// Size of a read, in bytes: all that a pipe holds.
const BLOCK: usize = 64 << 10;

/// What happened next.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// So many bytes were read.
    Bytes(usize),
    /// Nothing came in the time given.
    Quiet,
    /// The input has ended.
    End,
    /// SIGTERM or SIGINT: drain and end.
    Stop,
    /// SIGHUP: read the configuration again, open files anew.
    Reload,
    /// SIGUSR1: write a report.
    Report,
}

/// The reader of standard input.
pub struct Stdin {
    signals: SignalFd,
    block: Vec<u8>,
    was_waiting: bool,
}

impl Stdin {
    /// Takes over SIGTERM, SIGINT, SIGHUP and SIGUSR1. To be called before any thread starts, so that all inherit the mask.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new() -> io::Result<Self> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1] {
            set.add(signal);
        }
        set.thread_block()?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { signals, block: vec![0; BLOCK], was_waiting: false })
    }

    /// Waits for input or a signal, at most `wait`. Signals come first.
    ///
    /// # Errors
    /// When reading fails.
    pub fn next(&mut self, wait: Duration) -> io::Result<Input> {
        let input = io::stdin();
        let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
        let mut ready =
            [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN), PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        // Asked without waiting first, to know which of the two waited for the other.
        let at_once = poll(&mut ready, PollTimeout::ZERO);
        self.was_waiting = at_once.is_ok_and(|number| number > 0);
        match if self.was_waiting { at_once } else { poll(&mut ready, timeout) } {
            Err(Errno::EINTR) | Ok(0) => return Ok(Input::Quiet),
            Err(e) => return Err(e.into()),
            Ok(_) => (),
        }
        let [signal, bytes] = ready.map(|fd| fd.revents().is_some_and(|events| !events.is_empty()));
        if signal && let Ok(Some(info)) = self.signals.read_signal() {
            let is = |signal: Signal| u32::try_from(signal as i32).is_ok_and(|number| info.ssi_signo == number);
            return Ok(match () {
                () if is(Signal::SIGHUP) => Input::Reload,
                () if is(Signal::SIGUSR1) => Input::Report,
                () => Input::Stop,
            });
        }
        if bytes { self.read(input.as_fd()) } else { Ok(Input::Quiet) }
    }

    fn read(&mut self, input: BorrowedFd) -> io::Result<Input> {
        match read(input, &mut self.block) {
            Ok(0) => Ok(Input::End),
            Ok(n) => Ok(Input::Bytes(n)),
            Err(Errno::EINTR | Errno::EAGAIN) => Ok(Input::Quiet),
            // auditd went away without closing its end.
            Err(Errno::ECONNRESET) => Ok(Input::End),
            Err(e) => Err(e.into()),
        }
    }

    /// True when what the last [`Stdin::next`] found was there before it was asked.
    pub fn was_waiting(&self) -> bool {
        self.was_waiting
    }

    /// The bytes that [`Input::Bytes`] announced.
    pub fn bytes(&self, n: usize) -> &[u8] {
        &self.block[..n]
    }
}
