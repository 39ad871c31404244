//! The pipeline: the path of an event from the source to the outputs. It checks the serial, adds
//! what is known of its processes, applies the filters, and passes the event to every output.
//!
//! Its thread never waits for a server: it only writes documents and puts them into queues. A queue counts the
//! documents that it can't take.

use crate::{
    config::{self, Action},
    enrich::{Context, Enricher, Origin},
    event::{Event, EventId, Events, Heartbeat, LinuxEvent, Notice, Timestamp, UnreadableLine},
    filter::Filters,
    log,
    metrics::InputMetrics,
    outcome::Outcome,
    output::Output,
    outputs::Outputs,
    queue::ResumeMark,
    receipt::Receipt,
    sequence::Sequence,
    unreadable::UnreadableReporter,
};
use std::time::{Duration, Instant, SystemTime};

/// Whether single times are measured. They are only measured while statsd is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// They are measured, for statsd.
    Measured,
    /// They are not measured.
    Off,
}

impl Timing {
    /// The setting that a configuration needs.
    pub fn of(config: &config::Config) -> Self {
        if config.metrics.statsd.is_some() { Self::Measured } else { Self::Off }
    }

    /// The current time, if times are measured.
    pub fn start(self) -> Option<Instant> {
        (self == Self::Measured).then(Instant::now)
    }
}

/// All steps after the source.
pub struct Pipeline {
    /// One for all outputs. It stays when the configuration changes.
    enricher: Enricher,
    filters: Filters,
    sequence: Sequence,
    /// The outputs.
    pub outputs: Outputs<Output>,
    /// The metrics of the input.
    pub input: InputMetrics,
    unreadable: UnreadableReporter,
    timing: Timing,
}

impl Pipeline {
    /// A pipeline with outputs that are running. The serials continue from the previous process: it may have been
    /// killed after it read events and before a queue took them.
    pub fn new(config: &config::Config, outputs: Outputs<Output>) -> Self {
        let mut sequence = Sequence::new(config.sequence);
        let marks = outputs.running().iter().filter_map(Output::resume_mark);
        if let Some(mark) = marks.max_by_key(|mark| mark.serial) {
            sequence.resume(mark);
        }
        Self {
            enricher: Enricher::new(Origin::Live),
            filters: Filters::new(&config.filters),
            sequence,
            outputs,
            input: InputMetrics::default(),
            unreadable: UnreadableReporter::new("input"),
            timing: Timing::of(config),
        }
    }

    /// Applies another configuration, except for the outputs.
    pub fn configure(&mut self, config: &config::Config) {
        self.filters.replace(&config.filters);
        self.sequence.configure(config.sequence);
        self.timing = Timing::of(config);
    }

    /// Whether single times are measured.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// The number of events that came after one with a higher serial.
    pub fn out_of_order(&self) -> u64 {
        self.sequence.out_of_order()
    }

    /// Reports gaps and losses that are due. To be called about once a second.
    pub fn tick(&mut self) {
        self.sequence.tick();
        self.publish_gaps();
        self.outputs.tick();
        if let Some(message) = self.unreadable.due() {
            log::warning(message);
        }
    }

    /// Ends the input: serials that are missing now will not come, and are reported.
    pub fn end_input(&mut self) {
        self.sequence.finish();
        self.publish_gaps();
        self.sequence.finish_warnings();
        if let Some(message) = self.unreadable.finish() {
            log::warning(message);
        }
    }

    /// The metrics of the input. The samples move into the returned value.
    pub fn input_metrics(&mut self) -> InputMetrics {
        let filters = self.filters.hits().map(|(name, hits)| (name.to_string(), hits)).collect();
        InputMetrics { filters, ..self.input.snapshot() }
    }

    /// True while an output holds documents that its queue has no room for. The source is not to be read until
    /// [`Pipeline::retry`] has put them there.
    pub fn is_blocked(&self) -> bool {
        self.outputs.running().iter().any(Output::is_blocked)
    }

    /// Asks the queues again for room for documents that are held.
    pub fn retry(&mut self) {
        self.outputs.running_mut().iter_mut().for_each(Output::retry);
    }

    /// Passes each gap that is due to the outputs, as an event.
    fn publish_gaps(&mut self) {
        for gap in self.sequence.take_due() {
            self.input.gaps += 1;
            self.input.missing += gap.count;
            self.notice(&Notice::Gap(gap), None);
        }
    }

    /// Gives a heartbeat to all outputs.
    pub fn heartbeat(&mut self, heartbeat: Heartbeat) {
        self.input.heartbeats += 1;
        self.notice(&Notice::Heartbeat(heartbeat), None);
    }

    /// Gives a message of auship itself to all outputs.
    fn notice(&mut self, notice: &Notice, receipt: Option<Receipt>) {
        self.input.dispatched += 1;
        publish(&mut self.outputs, &mut Event::Notice(notice), &Context::default(), receipt, None);
    }

    fn linux(&mut self, linux: &LinuxEvent, event: &mut Event, receipt: Option<Receipt>) {
        self.input.events += 1;
        // An event that a filter drops isn't missing, so its serial is noted before the filters. It tells something about
        // processes, too.
        self.sequence.event(linux);
        let mark = self.sequence.resume_mark(linux);
        let context = self.enricher.look(event);
        if is_kept(&mut self.filters, event, self.timing, &mut self.input) {
            self.input.dispatched += 1;
            publish(&mut self.outputs, event, &context, receipt, mark);
            if self.timing == Timing::Measured {
                self.input.latency.record(age(linux.id.time()));
            }
        } else {
            self.input.filtered += 1;
            self.outputs.running().iter().for_each(|output| output.note_serial(mark));
            if let Some(receipt) = receipt {
                receipt.resolve(Outcome::Filtered);
            }
        }
        if self.sequence.has_due() {
            self.publish_gaps();
        }
    }
}

impl Events for Pipeline {
    fn event(&mut self, mut event: Event<'_, '_>, receipt: Option<Receipt>) {
        match event {
            Event::Linux(linux, _) => self.linux(linux, &mut event, receipt),
            Event::Notice(notice) => self.notice(notice, receipt),
        }
    }

    fn unreadable(&mut self, line: UnreadableLine<'_>) {
        if let Some(message) = self.unreadable.line(&line) {
            log::warning(message);
        }
    }

    fn arrives(&mut self, id: EventId, node: u64) {
        self.enricher.arrives(id, node);
    }
}

/// False if a filter drops the event.
fn is_kept(filters: &mut Filters, event: &mut Event, timing: Timing, input: &mut InputMetrics) -> bool {
    if filters.is_empty() {
        return true;
    }
    let start = timing.start();
    let verdict = filters.decide(event);
    if let Some(start) = start {
        input.filtering.record(start.elapsed());
    }
    verdict.action != Action::Drop
}

/// Gives an event to all outputs, and each a share of its receipt.
fn publish(
    outputs: &mut Outputs<Output>,
    event: &mut Event,
    context: &Context,
    receipt: Option<Receipt>,
    mark: Option<ResumeMark>,
) {
    if let Some((last, others)) = outputs.running_mut().split_last_mut() {
        for output in others {
            output.event(event, context, receipt.as_ref().map(Receipt::share), mark);
        }
        last.event(event, context, receipt, mark);
    }
}

/// The age of an event. Zero if its time is in the future.
fn age(time: Timestamp) -> Duration {
    let since = Duration::new(time.seconds.try_into().unwrap_or_default(), time.nanos);
    SystemTime::UNIX_EPOCH.checked_add(since).and_then(|at| at.elapsed().ok()).unwrap_or_default()
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
