//! An output: one branch of the line, with its own format, ring and sink, so that a slow one never holds up another.

use crate::{
    auparse::Interpreter,
    config,
    event::Gap,
    event::LinuxEvent,
    format::{Format, ecs, mozdef},
    host,
    metrics::{OutputMetrics, OutputState},
    queue::{QueueReceiver, QueueSender, ResumeMark, queue},
    sink::{self, SinkHandle},
};
use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Buffers larger than this are given back.
const KEEP_BUFFER: usize = 1 << 20;
/// How long sinks get to leave what they are doing when time is up: libcurl looks up once a second.
const ABORT_WAIT: Duration = Duration::from_millis(1500);

/// Makes the writer of documents that an output's configuration asks for.
pub fn format(settings: &config::Format, hostname: &str, live: bool) -> Format {
    let hostname = hostname.to_string();
    match settings {
        config::Format::MozDef(settings) => Format::MozDef(mozdef::MozDef::new(mozdef::Settings {
            program_name: settings.program_name.clone(),
            details: settings.details,
            skip_empty_execve: settings.skip_empty_execve,
            hostname,
            live,
        })),
        config::Format::Ecs(settings) => Format::Ecs(ecs::Ecs::new(ecs::Settings {
            event_original: settings.event_original,
            hostname,
            machine_id: host::machine_id(),
            kernels_name: host::kernels_name(),
            live,
        })),
    }
}

/// A running output.
pub struct Output {
    /// What it was started with.
    pub config: config::Output,
    format: Format,
    sender: QueueSender,
    receiver: QueueReceiver,
    running: SinkHandle,
    buffer: Vec<u8>,
}

impl Output {
    /// Starts an output's queue and sink. `handed_over`: another output of this process had the spool until now.
    ///
    /// # Errors
    /// When the file can't be opened, the spool is in use, or a thread can't be started.
    pub fn start(config: &config::Output, hostname: &str, run_dir: &Path, handed_over: bool) -> io::Result<Self> {
        let (sender, receiver) = queue(&config.name, &config.queue, !config.sink.is_network(), run_dir, handed_over)?;
        Ok(Self {
            format: format(&config.format, hostname, true),
            sender,
            running: sink::start(config, hostname, receiver.clone())?,
            receiver,
            buffer: Vec::new(),
            config: config.clone(),
        })
    }

    /// Writes the event's document and puts it into the queue. `newest` is the newest serial by now.
    pub fn offer(&mut self, event: &LinuxEvent, interpreter: &mut Interpreter, newest: Option<ResumeMark>) {
        self.put(newest, |format, out| format.write(event, interpreter, out));
    }

    /// Notes the serial of an event that filters dropped.
    pub fn see(&self, newest: Option<ResumeMark>) {
        self.sender.note_serial(newest);
    }

    /// The newest serial that a process before this one saw, if that is known.
    pub fn newest_before(&self) -> Option<ResumeMark> {
        self.receiver.resume_mark()
    }

    /// As [`Output::offer`], for serials that didn't come.
    pub fn offer_gap(&mut self, gap: &Gap) {
        self.put(None, |format, out| format.write_gap(gap, out));
    }

    fn put(&mut self, newest: Option<ResumeMark>, write: impl FnOnce(&mut Format, &mut Vec<u8>) -> bool) {
        self.buffer.clear();
        self.buffer.extend_from_slice(self.config.prepend_msg.as_bytes());
        if !write(&mut self.format, &mut self.buffer) {
            self.sender.skip(newest);
            return;
        }
        self.buffer.extend_from_slice(self.config.postpend_msg.as_bytes());
        let document = self.buffer.clone();
        self.buffer.shrink_to(KEEP_BUFFER);
        self.sender.push(document, newest);
    }

    /// To be called about once a second: reports what was held back.
    pub fn tick(&self) {
        self.sender.tick();
        self.running.shared.tick();
    }

    /// Opens log files anew.
    pub fn reopen(&self) {
        self.running.reopen();
    }

    /// Ends the input: the sink goes on until the queue is empty.
    pub fn close(self) -> ClosingOutput {
        drop(self.sender);
        let spool_dir = self.config.spool_dir().cloned();
        ClosingOutput { kind: self.config.sink.kind(), spool_dir, running: self.running, receiver: self.receiver }
    }

    /// Its figures now.
    pub fn metrics(&self) -> OutputMetrics {
        metrics(&self.running, &self.receiver, self.config.sink.kind(), OutputState::Running)
    }
}

/// An output that gets no more events, and empties its queue.
pub struct ClosingOutput {
    kind: &'static str,
    spool_dir: Option<PathBuf>,
    running: SinkHandle,
    receiver: QueueReceiver,
}

impl ClosingOutput {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.running.shared.name
    }

    /// Where its spool is, if it has one.
    pub fn spool_dir(&self) -> Option<&PathBuf> {
        self.spool_dir.as_ref()
    }

    /// True when the queue is empty and all is delivered or counted.
    pub fn has_ended(&self) -> bool {
        self.running.has_ended()
    }

    /// To be called about once a second: reports what was held back.
    pub fn tick(&self) {
        self.running.shared.tick();
    }

    /// Its figures now.
    pub fn metrics(&self) -> OutputMetrics {
        metrics(&self.running, &self.receiver, self.kind, OutputState::Closing)
    }

    /// Waits until all is delivered, but not beyond `deadline`: then it is told to leave.
    pub fn wait(&self, deadline: Instant) {
        if !self.running.wait(deadline) {
            self.running.abort();
            self.receiver.stop();
        }
    }

    /// Waits until all is delivered; what isn't by `deadline` goes to the spool, or is counted as lost. Says what came
    /// of all events, and how many were lost because time was up.
    pub fn finish(&self, deadline: Instant) -> (OutputMetrics, u64) {
        self.wait(deadline);
        self.running.wait(Instant::now() + ABORT_WAIT);
        let (counters, left) = self.receiver.finish();
        let shared = &self.running.shared;
        shared.refused.lost_many(left, "time was up");
        shared.refused.finish();
        shared.dead_lettered.finish();
        let mut figures = metrics(&self.running, &self.receiver, self.kind, OutputState::Ended);
        // A spool's documents in memory are among these counters already.
        (figures.counters, figures.ring_bytes) = (counters, 0);
        (figures, left)
    }
}

fn metrics(running: &SinkHandle, receiver: &QueueReceiver, kind: &'static str, state: OutputState) -> OutputMetrics {
    let (counters, ring_bytes, spool_bytes) = receiver.metrics();
    let requests = {
        let mut requests = running.shared.requests();
        let waiting = requests.latency.take_waiting();
        let mut copy = requests.clone();
        drop(requests);
        copy.latency.wait(waiting);
        copy
    };
    let breaker = if state == OutputState::Ended { None } else { running.shared.breaker() };
    let name = running.shared.name.clone();
    OutputMetrics { name, kind, state, counters, ring_bytes, spool_bytes, breaker, requests }
}
