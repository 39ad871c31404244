//! The signals that control the program, as a file descriptor that is polled together with the input.

use nix::sys::{
    signal::{SigSet, Signal as Number},
    signalfd::{SfdFlags, SignalFd},
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

/// The request that a signal stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: drain the queues and end.
    Terminate,
    /// SIGHUP: read the configuration again and reopen files.
    Reload,
    /// SIGUSR1: write a report.
    Report,
}

/// The signals that were sent and not yet handled.
pub struct Signals {
    fd: SignalFd,
}

impl Signals {
    /// Takes over SIGTERM, SIGINT, SIGHUP and SIGUSR1. To be called before any thread starts, so that all threads
    /// inherit the signal mask.
    ///
    /// # Errors
    /// When a system call fails.
    pub fn take_over() -> io::Result<Self> {
        let mut set = SigSet::empty();
        for signal in [Number::SIGTERM, Number::SIGINT, Number::SIGHUP, Number::SIGUSR1] {
            set.add(signal);
        }
        set.thread_block()?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { fd })
    }

    /// The next signal, if there is one. Doesn't wait.
    pub fn next(&self) -> Option<Signal> {
        let info = self.fd.read_signal().ok()??;
        let is = |signal: Number| u32::try_from(signal as i32).is_ok_and(|number| info.ssi_signo == number);
        Some(match () {
            () if is(Number::SIGHUP) => Signal::Reload,
            () if is(Number::SIGUSR1) => Signal::Report,
            () => Signal::Terminate,
        })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
