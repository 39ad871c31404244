//! Waits for the input and for signals at the same time.

use crate::{signals::Signals, source::Source};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use std::{io, os::fd::AsFd, time::Duration};

/// The work that is ready.
pub(super) struct Ready {
    /// A signal came.
    pub(super) signal: bool,
    /// The source can be read.
    pub(super) input: bool,
    /// One of them was ready before the wait began.
    pub(super) at_once: bool,
}

impl Ready {
    /// Waits for input or a signal, for `wait` at most.
    pub(super) fn wait(source: Option<&Source>, signals: &Signals, wait: Duration) -> io::Result<Self> {
        let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
        let fds = std::iter::once(signals.as_fd()).chain(source.into_iter().flat_map(Source::fds));
        let mut fds: Vec<PollFd> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        // The first poll doesn't wait. It shows whether the input waited for the reader, or the reader for the input.
        let mut ready = poll(&mut fds, PollTimeout::ZERO);
        let at_once = ready.is_ok_and(|number| number > 0);
        if !at_once {
            ready = poll(&mut fds, timeout);
        }
        match ready {
            Ok(_) | Err(Errno::EINTR) => (),
            Err(e) => return Err(e.into()),
        }
        let is_ready = |fd: &PollFd| ready.is_ok() && fd.revents().is_some_and(|events| !events.is_empty());
        Ok(Self { signal: fds.first().is_some_and(is_ready), input: fds.iter().skip(1).any(is_ready), at_once })
    }
}
