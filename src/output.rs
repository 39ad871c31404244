//! An output: one branch of the line, with its own format, ring and sink, so that a slow one never holds up another.

use crate::{
    auparse::Meanings,
    config,
    counters::{Figures, Losses, count},
    event::Event,
    format::{Format, mozdef},
    queue::ring::{Full, Inlet, ring},
    sink::{self, Running},
};
use std::{
    io,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// Buffers larger than this are given back.
const KEEP_BUFFER: usize = 1 << 20;

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
    running: Running,
    full: Losses,
    /// How long the reader may still wait for this output before it must have let something in.
    patience: Duration,
    buffer: Vec<u8>,
}

impl Output {
    /// Starts an output's sink.
    ///
    /// # Errors
    /// When the file can't be opened, or a thread can't be started.
    pub fn start(config: &config::Output, hostname: &str) -> io::Result<Self> {
        let (inlet, outlet) = ring(config.queue.slots, config.queue.bytes);
        Ok(Self {
            format: format(&config.format, hostname, true),
            inlet,
            running: sink::start(config, outlet)?,
            full: Losses::new(format!("output {}: ring full", config.name)),
            patience: config.queue.max_wait,
            buffer: Vec::new(),
            config: config.clone(),
        })
    }

    /// Writes the event's document and puts it into the ring.
    pub fn offer(&mut self, event: &Event, meanings: &mut Meanings) {
        count(&self.running.shared.counters.events);
        self.buffer.clear();
        self.buffer.extend_from_slice(self.config.prepend_msg.as_bytes());
        if !self.format.write(event, meanings, &mut self.buffer) {
            count(&self.running.shared.counters.left_out);
            return;
        }
        self.buffer.extend_from_slice(self.config.postpend_msg.as_bytes());
        let document = self.buffer.clone();
        self.buffer.shrink_to(KEEP_BUFFER);
        let pushed = match self.inlet.push(document) {
            // The reader never waits for the network; for a local file it does, within a bound.
            Err(Full(document)) if !matches!(self.config.sink, config::Sink::Http(_)) => self.wait(document),
            pushed => pushed,
        };
        match pushed {
            Ok(()) => self.patience = self.config.queue.max_wait,
            Err(Full(_)) => {
                count(&self.running.shared.counters.lost_full);
                self.full.lost("");
            }
        }
    }

    /// Waits for room, at most `max_wait` in a row: what one event used up the next can't.
    fn wait(&mut self, document: Vec<u8>) -> Result<(), Full> {
        let start = Instant::now();
        let pushed = self.inlet.push_until(document, start + self.patience);
        self.patience = self.patience.saturating_sub(start.elapsed());
        pushed
    }

    /// To be called about once a second: reports what was held back.
    pub fn tick(&self) {
        self.full.tick();
        self.running.shared.refused.tick();
    }

    /// Opens log files anew.
    pub fn reopen(&self) {
        self.running.reopen();
    }

    /// Ends the input: the sink goes on until the ring is empty.
    pub fn close(self) -> Closing {
        self.full.finish();
        Closing { running: self.running }
    }

    /// The figures now.
    pub fn figures(&self) -> Figures {
        self.running.shared.counters.figures()
    }
}

/// An output that gets no more events, and empties its ring.
pub struct Closing {
    running: Running,
}

impl Closing {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.running.shared.name
    }

    /// True when the ring is empty and all is delivered or counted.
    pub fn has_ended(&self) -> bool {
        self.running.has_ended()
    }

    /// To be called about once a second: reports what was held back.
    pub fn tick(&self) {
        self.running.shared.refused.tick();
    }

    /// Waits until all is delivered; what isn't by `deadline` is counted as lost.
    pub fn finish(&self, deadline: Instant) -> Figures {
        let shared = &self.running.shared;
        if !self.running.wait(deadline) {
            self.running.abort();
            // A worker that is between two attempts sees the abort and leaves; one inside a request can't.
            self.running.wait(Instant::now() + Duration::from_millis(200));
        }
        // Read once: a worker inside a request may still deliver what is given up here, but not into these figures.
        let mut figures = shared.counters.figures();
        let left = figures.waiting();
        figures.lost += left;
        shared.counters.lost_at_end.fetch_add(left, Ordering::Relaxed);
        shared.refused.lost_many(left, "time was up");
        shared.refused.finish();
        figures
    }

    /// How many were lost because time was up.
    pub fn left(&self) -> u64 {
        self.running.shared.counters.lost_at_end.load(Ordering::Relaxed)
    }
}
