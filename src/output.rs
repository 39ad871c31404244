//! An output: one branch of the line, with its own format, ring and sink, so that a slow one never holds up another.

use crate::{
    auparse::Meanings,
    config,
    event::Event,
    format::{Format, mozdef},
    queue::{Inlet, Outlet, books::Books, queue},
    sink::{self, Requests, Running},
};
use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

/// Buffers larger than this are given back.
const KEEP_BUFFER: usize = 1 << 20;
/// How long sinks get to leave what they are doing when time is up: libcurl looks up once a second.
const LEAVE: Duration = Duration::from_millis(1500);

/// Makes the writer of documents that an output's configuration asks for.
pub fn format(settings: &config::Format, hostname: &str, live: bool) -> Format {
    Format::MozDef(mozdef::MozDef::new(mozdef::Settings {
        program_name: settings.program_name.clone(),
        details: settings.details,
        skip_empty_execve: settings.skip_empty_execve,
        hostname: hostname.to_string(),
        live,
    }))
}

/// A running output.
pub struct Output {
    /// What it was started with.
    pub config: config::Output,
    format: Format,
    inlet: Inlet,
    outlet: Outlet,
    running: Running,
    buffer: Vec<u8>,
}

impl Output {
    /// Starts an output's queue and sink.
    ///
    /// # Errors
    /// When the file can't be opened, the spool is in use, or a thread can't be started.
    pub fn start(config: &config::Output, hostname: &str, run_dir: &Path) -> io::Result<Self> {
        let (inlet, outlet) = queue(&config.name, &config.queue, !config.sink.is_network(), run_dir)?;
        Ok(Self {
            format: format(&config.format, hostname, true),
            inlet,
            running: sink::start(config, hostname, outlet.clone())?,
            outlet,
            buffer: Vec::new(),
            config: config.clone(),
        })
    }

    /// Writes the event's document and puts it into the queue.
    pub fn offer(&mut self, event: &Event, meanings: &mut Meanings) {
        self.buffer.clear();
        self.buffer.extend_from_slice(self.config.prepend_msg.as_bytes());
        if !self.format.write(event, meanings, &mut self.buffer) {
            self.inlet.leave_out();
            return;
        }
        self.buffer.extend_from_slice(self.config.postpend_msg.as_bytes());
        let document = self.buffer.clone();
        self.buffer.shrink_to(KEEP_BUFFER);
        self.inlet.push(document);
    }

    /// To be called about once a second: reports what was held back.
    pub fn tick(&self) {
        self.inlet.tick();
        self.running.shared.tick();
    }

    /// Opens log files anew.
    pub fn reopen(&self) {
        self.running.reopen();
    }

    /// Ends the input: the sink goes on until the queue is empty.
    pub fn close(self) -> Closing {
        drop(self.inlet);
        Closing { running: self.running, outlet: self.outlet }
    }

    /// What came of the events so far.
    pub fn books(&self) -> Books {
        self.outlet.books()
    }

    /// Bytes in the ring, and in the spool's files.
    pub fn bytes(&self) -> (u64, u64) {
        self.outlet.bytes()
    }

    /// What its server answered.
    pub fn requests(&self) -> Requests {
        self.running.shared.requests().clone()
    }
}

/// An output that gets no more events, and empties its queue.
pub struct Closing {
    running: Running,
    outlet: Outlet,
}

impl Closing {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.running.shared.name
    }

    /// True when the queue is empty and all is delivered or counted.
    pub fn has_ended(&self) -> bool {
        self.running.has_ended()
    }

    /// To be called about once a second: reports what was held back.
    pub fn tick(&self) {
        self.running.shared.tick();
    }

    /// What came of the events so far.
    pub fn books(&self) -> Books {
        self.outlet.books()
    }

    /// Waits until all is delivered; what isn't by `deadline` goes to the spool, or is counted as lost. Says what came
    /// of all events, and how many were lost because time was up.
    pub fn finish(&self, deadline: Instant) -> (Books, u64) {
        if !self.running.wait(deadline) {
            self.running.abort();
            self.outlet.abandon();
            self.running.wait(Instant::now() + LEAVE);
        }
        let (books, left) = self.outlet.finish();
        let shared = &self.running.shared;
        shared.refused.lost_many(left, "time was up");
        shared.refused.finish();
        shared.dead_lettered.finish();
        (books, left)
    }
}
