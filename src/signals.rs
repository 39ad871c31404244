//! The signals that steer the program, as a file descriptor to poll beside the input.

use nix::sys::{
    signal::{SigSet, Signal as Number},
    signalfd::{SfdFlags, SignalFd},
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: drain and end.
    Terminate,
    /// SIGHUP: read the configuration again, open files anew.
    Reload,
    /// SIGUSR1: write a report.
    Report,
}

/// The signals that were sent and not yet taken.
pub struct Signals {
    fd: SignalFd,
}

impl Signals {
    /// Takes over SIGTERM, SIGINT, SIGHUP and SIGUSR1. To be called before any thread starts, so that all inherit the
    /// mask.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn take_over() -> io::Result<Self> {
        let mut set = SigSet::empty();
        for signal in [Number::SIGTERM, Number::SIGINT, Number::SIGHUP, Number::SIGUSR1] {
            set.add(signal);
        }
        set.thread_block()?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { fd })
    }

    /// The next one, without waiting.
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
