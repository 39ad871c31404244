//! An output has its own format, queue and sink, so a slow output never delays another one.

use crate::{
    buffer::{self, give_back},
    config,
    document::Document,
    event::Event,
    format::{Format, Written},
    host::Host,
    metrics::{OutputMetrics, OutputState},
    outputs::{Branch, Closing},
    processes::Origin,
    queue::{Overflow, QueueReceiver, QueueSender, ResumeMark, Takeover, queue},
    sink::{self, SinkHandle},
};
use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long a sink may take to stop when time is up. libcurl checks for that once a second.
const ABORT_WAIT: Duration = Duration::from_millis(1500);

/// The facts about the host and the process that an output needs.
#[derive(Clone, Debug)]
pub struct Environment {
    /// This host.
    pub host: Host,
    /// The directory for files of the running process; a directory in memory is best.
    pub run_dir: PathBuf,
}

impl Environment {
    /// A copy with another run directory.
    pub fn with_run_dir(&self, run_dir: &Path) -> Self {
        Self { run_dir: run_dir.to_path_buf(), ..self.clone() }
    }
}

/// A running output.
pub struct Output {
    /// Its configuration.
    config: config::Output,
    format: Format,
    sender: QueueSender,
    receiver: QueueReceiver,
    sink: SinkHandle,
    document: Document,
}

impl Output {
    /// Writes the event's document and puts it into the queue. `mark` is the newest serial so far.
    pub fn event(&mut self, event: &mut Event, mark: Option<ResumeMark>) {
        let document = &mut self.document;
        document.clear();
        document.body.extend_from_slice(self.config.prepend_msg.as_bytes());
        if self.format.write(event, document) == Written::Skipped {
            self.sender.skip(mark);
            return;
        }
        document.body.extend_from_slice(self.config.postpend_msg.as_bytes());
        // The copy uses no more memory than the document needs. The buffer is kept for the next event.
        let body = document.body.clone();
        give_back(&mut document.body, buffer::EVENT);
        self.sender.push(body, mark);
    }

    /// Notes the serial of an event that filters dropped.
    pub fn note_serial(&self, mark: Option<ResumeMark>) {
        self.sender.note_serial(mark);
    }

    /// The newest serial that the previous process saw, if it is known.
    pub fn resume_mark(&self) -> Option<ResumeMark> {
        self.receiver.resume_mark()
    }
}

impl Branch for Output {
    type Closing = ClosingOutput;
    type Environment = Environment;

    fn start(config: &config::Output, environment: &Environment, takeover: Takeover) -> io::Result<Self> {
        let Environment { host, run_dir } = environment;
        let overflow = if config.sink.is_network() { Overflow::Lose } else { Overflow::Wait };
        let (sender, receiver) = queue(&config.name, &config.queue, overflow, run_dir, takeover)?;
        Ok(Self {
            format: Format::new(&config.format, host, Origin::Live),
            sender,
            sink: sink::start(config, &host.name, receiver.clone())?,
            receiver,
            document: Document::default(),
            config: config.clone(),
        })
    }

    fn config(&self) -> &config::Output {
        &self.config
    }

    fn tick(&self) {
        self.sender.tick();
        self.sink.shared.tick();
    }

    fn reopen(&self) {
        self.sink.reopen();
    }

    fn close(self) -> ClosingOutput {
        drop(self.sender);
        let spool_dir = self.config.spool_dir().cloned();
        ClosingOutput { kind: self.config.sink.kind(), spool_dir, sink: self.sink, receiver: self.receiver }
    }

    fn metrics(&self) -> OutputMetrics {
        metrics(&self.sink, &self.receiver, self.config.sink.kind(), OutputState::Running)
    }
}

/// An output that gets no more events and delivers those in its queue.
pub struct ClosingOutput {
    kind: &'static str,
    spool_dir: Option<PathBuf>,
    sink: SinkHandle,
    receiver: QueueReceiver,
}

impl Closing for ClosingOutput {
    fn spool_dir(&self) -> Option<&PathBuf> {
        self.spool_dir.as_ref()
    }

    fn has_ended(&self) -> bool {
        self.sink.has_ended()
    }

    fn tick(&self) {
        self.sink.shared.tick();
    }

    fn metrics(&self) -> OutputMetrics {
        metrics(&self.sink, &self.receiver, self.kind, OutputState::Closing)
    }

    fn wait(&self, deadline: Instant) {
        if !self.sink.wait(deadline) {
            self.sink.abort();
            self.receiver.stop();
        }
    }

    fn finish(self, deadline: Instant) -> (OutputMetrics, u64) {
        self.wait(deadline);
        self.sink.wait(Instant::now() + ABORT_WAIT);
        let (counters, left) = self.receiver.finish();
        let shared = &self.sink.shared;
        shared.refused.lost_many(left, "time was up");
        shared.refused.finish();
        shared.dead_lettered.finish();
        let mut metrics = metrics(&self.sink, &self.receiver, self.kind, OutputState::Ended);
        // These counters already include the spool's documents in memory.
        (metrics.counters, metrics.ring_bytes) = (counters, 0);
        (metrics, left)
    }
}

fn metrics(sink: &SinkHandle, receiver: &QueueReceiver, kind: &'static str, state: OutputState) -> OutputMetrics {
    let (counters, ring_bytes, spool_bytes) = receiver.metrics();
    let requests = sink.shared.requests().snapshot();
    let breaker = if state == OutputState::Ended { None } else { sink.shared.breaker() };
    let name = sink.shared.name.clone();
    OutputMetrics { name, kind, state, counters, ring_bytes, spool_bytes, breaker, requests }
}
