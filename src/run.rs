//! `auship run`: reads records as they come, and delivers until the input ends.
//!
//! The thread that reads does nothing that could wait for a server: it groups, writes documents, and puts them into
//! rings. What it finds full it counts.

use crate::{
    auparse::{Interpreter, OutOfMemory, Parser},
    config::{self, Config},
    event::LinuxEvent,
    filter::Filters,
    host, log,
    metrics::{self, InputMetrics, OutputMetrics, Publisher, Snapshot, StartTime},
    output::{ClosingOutput, Output},
    sequence::Sequence,
    source::stdin::{Input, Stdin},
    timing::Latency,
};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

/// How long the reader waits for input before it looks at what else there is to do.
const TICK: Duration = Duration::from_secs(1);
/// The same while an event is unfinished: its end may never come.
const TICK_WAITING: Duration = Duration::from_millis(250);
/// After SIGTERM: input that doesn't come for so long has been read to its end.
const DRAIN_IDLE: Duration = Duration::from_millis(50);

/// Why a run could not start or go on.
#[derive(Debug)]
pub enum Error {
    /// The configuration can't be used: exit status 2.
    Config(String),
    /// Something failed while running: exit status 1.
    Io(&'static str, io::Error),
    /// libauparse has no memory.
    Memory(OutOfMemory),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Config(what) => f.write_str(what),
            Self::Io(what, e) => write!(f, "can't {what}: {e}"),
            Self::Memory(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<OutOfMemory> for Error {
    fn from(e: OutOfMemory) -> Self {
        Self::Memory(e)
    }
}

/// Runs until the input ends or a signal says so. True when nothing was left at the end.
///
/// # Errors
/// When an output can't be started, or the input can't be read.
pub fn run(path: &Path, config: Config) -> Result<bool, Error> {
    // Before any thread, so that signals reach this one alone.
    let mut input = Stdin::new().map_err(|e| Error::Io("take over signals", e))?;
    log::start();
    let figures = Publisher::start().map_err(|e| Error::Io("start a thread", e))?;
    let hostname = host::fully_qualified_name_soon();
    let mut line = Pipeline {
        path: path.to_path_buf(),
        hostname,
        filters: Filters::new(&config.filters),
        sequence: Sequence::new(config.sequence),
        timed: config.metrics.statsd.is_some(),
        config,
        outputs: Vec::new(),
        closing: Vec::new(),
        ended: Vec::new(),
        reading: InputMetrics::default(),
        started: StartTime::now(),
        figures,
    };
    for output in &line.config.outputs {
        line.outputs.push(
            Output::start(output, &line.hostname, &line.config.metrics.run_dir, false)
                .map_err(|e| unusable(path, output, &e))?,
        );
    }
    // A process before this one may have been killed with what it had read but not yet taken.
    if let Some(newest) = line.outputs.iter().filter_map(Output::newest_before).max_by_key(|newest| newest.serial) {
        line.sequence.resume(newest);
    }
    let mut parser = Parser::new()?;
    log::info(format_args!("{} started with {}", env!("CARGO_PKG_VERSION"), path.display()));
    let read = line.read(&mut input, &mut parser);
    if let Err(e) = &read {
        log::error(e);
    }
    parser.finish(|event, interpreter| line.offer(event, interpreter))?;
    let drained = line.finish(parser.unreadable());
    log::flush();
    read.map(|()| drained)
}

/// How long ago an event happened; nothing when that is later than now.
fn age(event: &LinuxEvent) -> Duration {
    let seconds = Duration::from_secs(event.id.seconds.try_into().unwrap_or_default());
    let at = SystemTime::UNIX_EPOCH.checked_add(seconds + Duration::from_millis(event.id.millis.into()));
    at.and_then(|at| at.elapsed().ok()).unwrap_or_default()
}

fn unusable(path: &Path, output: &config::Output, e: &io::Error) -> Error {
    Error::Config(format!("{}:{}: [output:{}]: {e}", path.display(), output.line, output.name))
}

/// The whole line from the assembler on.
struct Pipeline {
    path: PathBuf,
    hostname: String,
    config: Config,
    filters: Filters,
    outputs: Vec<Output>,
    /// Outputs that a reload replaced, while they empty their rings.
    closing: Vec<ClosingOutput>,
    /// What came of those that have ended.
    ended: Vec<OutputMetrics>,
    sequence: Sequence,
    reading: InputMetrics,
    /// Somebody wants to know how long things take.
    timed: bool,
    started: StartTime,
    figures: Publisher,
}

impl Pipeline {
    fn offer(&mut self, event: &LinuxEvent, interpreter: &mut Interpreter) {
        self.reading.events += 1;
        // What filters drop has come too.
        self.sequence.event(event);
        self.deliver(event, interpreter);
        if self.sequence.has_due() {
            self.offer_gaps();
        }
    }

    fn deliver(&mut self, event: &LinuxEvent, interpreter: &mut Interpreter) {
        let newest = self.sequence.resume_mark(event);
        if !self.filters.is_empty() {
            let start = self.timed.then(Instant::now);
            let verdict = self.filters.decide(event, interpreter);
            if let Some(start) = start {
                self.reading.filtering.record(start.elapsed());
            }
            if verdict.action == config::Action::Drop {
                self.reading.filtered += 1;
                self.outputs.iter().for_each(|output| output.see(newest));
                return;
            }
        }
        self.reading.dispatched += 1;
        for output in &mut self.outputs {
            output.offer(event, interpreter, newest);
        }
        if self.timed {
            self.reading.latency.record(age(event));
        }
    }

    /// Tells the outputs which serials didn't come.
    fn offer_gaps(&mut self) {
        for gap in self.sequence.take_due() {
            self.reading.gaps += 1;
            self.reading.missing += gap.count;
            self.reading.dispatched += 1;
            for output in &mut self.outputs {
                output.offer_gap(&gap);
            }
        }
    }

    /// All figures now.
    fn snapshot(&mut self, unreadable: u64) -> Snapshot {
        let mut outputs = self.ended.clone();
        // Each single time is told once.
        self.ended.iter_mut().for_each(|ended| drop(ended.requests.latency.take_waiting()));
        for one in self.closing.iter().map(ClosingOutput::metrics).chain(self.outputs.iter().map(Output::metrics)) {
            metrics::add(&mut outputs, one);
        }
        let own = &mut self.reading;
        let taken = [&mut own.parse, &mut own.latency, &mut own.filtering].map(Latency::take_waiting);
        let mut reading = self.reading.clone();
        for (times, taken) in [&mut reading.parse, &mut reading.latency, &mut reading.filtering].into_iter().zip(taken)
        {
            times.wait(taken);
        }
        reading.filters = self.filters.hits().map(|(name, hits)| (name.to_string(), hits)).collect();
        Snapshot {
            at: SystemTime::now(),
            started: self.started.0,
            uptime: self.started.1.elapsed(),
            config: self.path.clone(),
            metrics: self.config.metrics.clone(),
            reading,
            unreadable,
            out_of_order: self.sequence.out_of_order(),
            outputs,
            asked: false,
            last: false,
        }
    }

    /// Reads until the input ends or a signal says so.
    fn read(&mut self, input: &mut Stdin, parser: &mut Parser) -> Result<(), Error> {
        let mut names = AccountFileWatcher::new();
        let mut tick = Instant::now();
        let mut stopping: Option<Instant> = None;
        let mut read: Option<Instant> = None;
        loop {
            let wait = match (stopping, parser.is_waiting()) {
                (Some(_), _) => DRAIN_IDLE,
                (None, true) => TICK_WAITING,
                (None, false) => TICK,
            };
            let away = read.map(|read| read.elapsed());
            let next = input.next(wait).map_err(|e| Error::Io("read standard input", e))?;
            let now = Instant::now();
            read = Some(now);
            match next {
                Input::Bytes(n) => {
                    if let Some(away) = away.filter(|_| input.was_waiting()) {
                        self.reading.pauses.note(away);
                    }
                    parser.feed(input.bytes(n), |event, interpreter| self.offer(event, interpreter))?;
                    if self.timed {
                        self.reading.parse.record(now.elapsed());
                    }
                }
                Input::End => return Ok(()),
                Input::Quiet if stopping.is_some() => return Ok(()),
                Input::Quiet => parser.age(|event, interpreter| self.offer(event, interpreter)),
                // What auditd wrote before it sent the signal is still in the pipe.
                Input::Stop => stopping = stopping.or(Some(Instant::now())),
                Input::Reload => self.reload(),
                Input::Report => {
                    let mut snapshot = self.snapshot(parser.unreadable());
                    snapshot.asked = true;
                    self.figures.hand_over(snapshot);
                }
            }
            if stopping.is_some_and(|since| since.elapsed() >= self.config.shutdown_timeout / 2) {
                return Ok(());
            }
            if tick.elapsed() >= TICK {
                tick = Instant::now();
                self.tick();
                let snapshot = self.snapshot(parser.unreadable());
                self.figures.hand_over(snapshot);
                if names.have_changed() {
                    parser.forget_names();
                }
            }
        }
    }

    /// What is to be done about once a second.
    fn tick(&mut self) {
        self.sequence.tick();
        self.offer_gaps();
        self.outputs.iter().for_each(Output::tick);
        self.closing.iter().for_each(ClosingOutput::tick);
        let ended = self.closing.extract_if(.., |output| output.has_ended());
        for output in ended {
            metrics::add(&mut self.ended, output.finish(Instant::now()).0);
        }
    }

    /// Reads the configuration again. A faulty one is reported, and the running one stays.
    fn reload(&mut self) {
        match config::load(&self.path) {
            Err(faults) => {
                for fault in &faults.0 {
                    log::error(fault);
                }
                log::error(format_args!("{}: not reloaded, the running configuration stays", self.path.display()));
            }
            Ok(config) => match self.replace(&config) {
                Ok(()) => {
                    self.filters.replace(&config.filters);
                    self.sequence.configure(config.sequence);
                    self.timed = config.metrics.statsd.is_some();
                    self.config = config;
                    log::info(format_args!("{} reloaded", self.path.display()));
                }
                Err(e) => log::error(format_args!("{e}; not reloaded, the running configuration stays")),
            },
        }
        self.outputs.iter().for_each(Output::reopen);
    }

    /// Starts what is new in a configuration and closes what is gone; an output that is as it was goes on.
    fn replace(&mut self, config: &Config) -> Result<(), Error> {
        // What a spool counts in the run directory must be where the next process looks for it.
        let moved = config.metrics.run_dir != self.config.metrics.run_dir;
        let is_as = |running: &Output, output: &config::Output| {
            output.is_as(&running.config) && !(moved && output.queue.spool.is_some())
        };
        let stays = |running: &Output| config.outputs.iter().any(|output| is_as(running, output));
        let wanted =
            |dir: Option<&PathBuf>| dir.is_some() && config.outputs.iter().any(|output| output.spool_dir() == dir);
        // A spool has one owner: who had it leaves it before another takes over. What it held stays in it.
        let leaving = |running: &mut Output| !stays(running) && wanted(running.config.spool_dir());
        let mut handed = Vec::new();
        for output in self.outputs.extract_if(.., leaving) {
            handed.push(output.config.clone());
            metrics::add(&mut self.ended, output.close().finish(Instant::now()).0);
        }
        let mut wanted_before: Vec<PathBuf> = handed.iter().filter_map(|old| old.spool_dir().cloned()).collect();
        for closing in self.closing.extract_if(.., |closing| wanted(closing.spool_dir())) {
            wanted_before.extend(closing.spool_dir().cloned());
            metrics::add(&mut self.ended, closing.finish(Instant::now()).0);
        }
        let mut started: Vec<Output> = Vec::new();
        for output in &config.outputs {
            if self.outputs.iter().any(|running| is_as(running, output)) {
                continue;
            }
            let handed_over = wanted_before.iter().any(|dir| output.spool_dir() == Some(dir));
            match Output::start(output, &self.hostname, &config.metrics.run_dir, handed_over) {
                Ok(new) => started.push(new),
                Err(e) => {
                    // They let go of the spools before their owners get them back.
                    for new in started {
                        metrics::add(&mut self.ended, new.close().finish(Instant::now()).0);
                    }
                    handed.into_iter().for_each(|old| self.start_again(old));
                    return Err(unusable(&self.path, output, &e));
                }
            }
        }
        let (kept, gone) = std::mem::take(&mut self.outputs).into_iter().partition(stays);
        self.outputs = kept;
        self.outputs.extend(started);
        let gone: Vec<Output> = gone;
        self.closing.extend(gone.into_iter().map(Output::close));
        Ok(())
    }

    /// Starts an output that made way for another, which couldn't be started: with the ring alone if need be.
    fn start_again(&mut self, mut output: config::Output) {
        let name = output.name.clone();
        let run_dir = &self.config.metrics.run_dir;
        let again = Output::start(&output, &self.hostname, run_dir, true).or_else(|e| {
            log::error(format_args!("output {name}: {e}; going on with the ring alone until the next reload"));
            output.queue.spool = None;
            Output::start(&output, &self.hostname, run_dir, true)
        });
        match again {
            Ok(output) => self.outputs.push(output),
            Err(e) => log::error(format_args!("output {name}: {e}; it gets no more events until the next reload")),
        }
    }

    /// Empties all rings, within the time there is, and says what came of it all. True when nothing was left.
    fn finish(mut self, unreadable: u64) -> bool {
        self.sequence.finish();
        self.offer_gaps();
        self.sequence.finish_warnings();
        let deadline = Instant::now() + self.config.shutdown_timeout;
        let mut left = 0;
        // All at once: one that isn't done in time costs the others nothing.
        let mut closing = std::mem::take(&mut self.closing);
        closing.extend(self.outputs.drain(..).map(Output::close));
        closing.iter().for_each(|output| output.wait(deadline));
        for output in closing {
            let (ended, lost) = output.finish(deadline);
            left += lost;
            metrics::add(&mut self.ended, ended);
        }
        let figures = match &self.ended[..] {
            [one] => one.counters.to_string(),
            all => all.iter().map(|one| format!("{}: {}", one.name, one.counters)).collect::<Vec<_>>().join("; "),
        };
        let gaps = match self.reading.gaps {
            0 => String::new(),
            number => format!("audit gaps {number} ({} events missing), ", self.reading.missing),
        };
        let lines = if unreadable == 0 { String::new() } else { format!("; {unreadable} lines could not be read") };
        let late = match left {
            0 => String::new(),
            _ => format!("; shutdown_timeout ran out with {left} left"),
        };
        let filtered = match self.reading.filtered {
            0 if self.filters.is_empty() => String::new(),
            filtered => format!("filtered {filtered}, "),
        };
        if !self.filters.is_empty() {
            let hits: Vec<String> = self.filters.hits().map(|(name, hits)| format!("{name} {hits}")).collect();
            log::info(format_args!("hits of filters: {}", hits.join(", ")));
        }
        let snapshot = self.snapshot(unreadable);
        if let Some(pauses) = metrics::pauses(&snapshot) {
            log::info(pauses);
        }
        log::info(format_args!("ended: events in {}, {filtered}{gaps}{figures}{lines}{late}", self.reading.events));
        self.figures.finish(snapshot);
        left == 0
    }
}

/// Watches the files that give users and groups their names.
struct AccountFileWatcher {
    changed: [Option<SystemTime>; 2],
}

impl AccountFileWatcher {
    const FILES: [&str; 2] = ["/etc/passwd", "/etc/group"];

    fn new() -> Self {
        Self { changed: Self::times() }
    }

    fn times() -> [Option<SystemTime>; 2] {
        Self::FILES.map(|file| fs::metadata(file).and_then(|meta| meta.modified()).ok())
    }

    fn have_changed(&mut self) -> bool {
        let times = Self::times();
        let changed = times != self.changed;
        self.changed = times;
        changed
    }
}
