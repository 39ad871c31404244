//! An output has its own format, queue and sink, so a slow output never delays another one.

use crate::{
    buffer::{self, give_back},
    config,
    document::Document,
    enrich::Context,
    event::Event,
    format::{Format, Written},
    host::Host,
    metrics::{OutputMetrics, OutputState},
    outcome::Outcome,
    outputs::{Branch, Closing},
    queue::{Guarantee, Overflow, QueueReceiver, QueueSender, ResumeMark, Takeover, queue},
    receipt::Receipt,
    sink::{self, SinkHandle},
};
use std::{
    collections::VecDeque,
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
    /// What the source needs of queues.
    pub guarantee: Guarantee,
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
    /// Documents that the queue had no room for, in their order, with the newest serial by then. Only a source that takes
    /// receipts has any; it is not read until they are in the queue.
    held: VecDeque<(Document, Option<ResumeMark>)>,
}

impl Output {
    /// Writes the event's document and puts it into the queue. `mark` is the newest serial so far.
    ///
    /// A document with a receipt that the queue has no room for is held. See [`Output::is_blocked`].
    pub fn event(&mut self, event: &mut Event, context: &Context, receipt: Option<Receipt>, mark: Option<ResumeMark>) {
        let document = &mut self.document;
        document.clear();
        document.body.extend_from_slice(self.config.prepend_msg.as_bytes());
        if self.format.write(event, context, document) == Written::Skipped {
            self.sender.skip(mark);
            if let Some(receipt) = receipt {
                receipt.resolve(Outcome::Skipped);
            }
            return;
        }
        document.body.extend_from_slice(self.config.postpend_msg.as_bytes());
        // The copy uses no more memory than the document needs. The buffer is kept for the next event.
        let copy = document.copy(receipt);
        give_back(&mut document.body, buffer::EVENT);
        self.enqueue(copy, mark);
    }

    /// Puts a document into the queue, behind those that are held.
    fn enqueue(&mut self, document: Document, mark: Option<ResumeMark>) {
        if !self.held.is_empty() {
            self.held.push_back((document, mark));
        } else if let Err(document) = self.sender.push(document, mark) {
            self.held.push_back((document, mark));
        }
    }

    /// True while documents wait for room in the queue: their source is not to be read.
    pub fn is_blocked(&self) -> bool {
        !self.held.is_empty()
    }

    /// Puts documents that are held into the queue, as far as it has room now.
    pub fn retry(&mut self) {
        while let Some((document, mark)) = self.held.pop_front() {
            if let Err(document) = self.sender.push(document, mark) {
                self.held.push_front((document, mark));
                return;
            }
        }
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
        let Environment { host, run_dir, guarantee } = environment;
        let overflow = if config.sink.is_network() { Overflow::Lose } else { Overflow::Wait };
        let (sender, receiver) = queue(&config.name, &config.queue, overflow, *guarantee, run_dir, takeover)?;
        Ok(Self {
            format: Format::new(&config.format, host),
            sender,
            sink: sink::start(config, &host.name, receiver.clone())?,
            receiver,
            document: Document::default(),
            held: VecDeque::new(),
            config: config.clone(),
        })
    }

    fn config(&self) -> &config::Output {
        &self.config
    }

    fn tick(&self) {
        self.sender.tick();
        self.sink.status.tick();
    }

    fn reopen(&self) {
        self.sink.reopen();
    }

    fn close(mut self) -> ClosingOutput {
        // What has a receipt isn't acknowledged, and comes again. What has none is counted.
        for (document, mark) in self.held.drain(..).filter(|(document, _)| document.receipt.is_none()) {
            drop(self.sender.push(document, mark));
        }
        drop(self.sender);
        ClosingOutput { config: self.config, sink: self.sink, receiver: self.receiver }
    }

    fn metrics(&self) -> OutputMetrics {
        metrics(&self.config, &self.sink, &self.receiver, OutputState::Running)
    }
}

/// An output that gets no more events and delivers those in its queue.
pub struct ClosingOutput {
    config: config::Output,
    sink: SinkHandle,
    receiver: QueueReceiver,
}

impl Closing for ClosingOutput {
    fn spool_dir(&self) -> Option<&PathBuf> {
        self.config.spool_dir()
    }

    fn has_ended(&self) -> bool {
        self.sink.has_ended()
    }

    fn tick(&self) {
        self.sink.status.tick();
    }

    fn metrics(&self) -> OutputMetrics {
        metrics(&self.config, &self.sink, &self.receiver, OutputState::Closing)
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
        let status = &self.sink.status;
        status.refused.lost_many(left, "time was up");
        status.refused.finish();
        status.dead_lettered.finish();
        let mut metrics = metrics(&self.config, &self.sink, &self.receiver, OutputState::Ended);
        // These counters already include the spool's documents in memory.
        (metrics.counters, metrics.ring_bytes) = (counters, 0);
        (metrics, left)
    }
}

fn metrics(config: &config::Output, sink: &SinkHandle, receiver: &QueueReceiver, state: OutputState) -> OutputMetrics {
    let (counters, ring_bytes, spool_bytes) = receiver.metrics();
    let requests = sink.status.requests().snapshot();
    let breaker = if state == OutputState::Ended { None } else { sink.status.breaker() };
    let (name, kind, spool_limit) = (sink.status.name.clone(), config.sink.kind(), config.spool_limit());
    OutputMetrics { name, kind, state, counters, ring_bytes, spool_bytes, spool_limit, breaker, requests }
}
