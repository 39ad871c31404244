//! `auship run`: runs the source and the pipeline, and handles signals, until the input ends.

mod error;
mod ready;
mod summary;

use crate::{
    accounts::AccountFileWatcher,
    auparse::NameLookup,
    config::{self, Config},
    confine::Confinement,
    heartbeat::Heartbeats,
    host::{Host, Lookup},
    log,
    metrics::{Publisher, Snapshot, StartTime},
    output::Environment,
    outputs::Outputs,
    pipeline::Pipeline,
    signals::{Signal, Signals},
    source::{Progress, Source},
};
pub use error::Error;
use ready::Ready;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

/// How long the reader waits for input before it does other work.
const TICK: Duration = Duration::from_secs(1);
/// The same while an event is incomplete. Its last record may never come.
const TICK_MID_EVENT: Duration = Duration::from_millis(250);
/// How long a source that takes receipts is not read before the queues are asked again for room.
const RETRY: Duration = Duration::from_millis(50);
/// After SIGTERM, the input counts as ended when nothing comes for this time.
const DRAIN_IDLE: Duration = Duration::from_millis(50);

/// Runs until the input ends or SIGTERM comes. True if no event was lost because time was up.
///
/// # Errors
/// When an output can't be started, or the input can't be read.
pub fn run(path: &Path, config: Config) -> Result<bool, Error> {
    // This comes before any thread starts, so that only this thread gets the signals.
    let signals = Signals::take_over().map_err(|e| Error::Io("take over signals", e))?;
    // So does this, since each thread would keep the privileges of the one that starts it.
    let mut confinement = Confinement::start(path, &config);
    log::start();
    confinement.report();
    let publisher = Publisher::start().map_err(|e| Error::Io("start a thread", e))?;
    let host = Host::local(Lookup::Soon);
    let environment =
        Environment { host, run_dir: config.metrics.run_dir.clone(), guarantee: Source::guarantee(config.source) };
    // A process before this one delivers for at most one and a half times as long, and then needs a moment to end.
    let patience = config.shutdown_timeout * 2;
    let outputs =
        Outputs::start(&config.outputs, environment, patience).map_err(|e| Error::Config(path.to_path_buf(), e))?;
    let pipeline = Pipeline::new(&config, outputs);
    let mut source = Source::start()?;
    let heartbeats = Heartbeats::start(config.metrics.heartbeat).map_err(|e| Error::Io("start a thread", e))?;
    let started = StartTime::now();
    let mut run = Run { path: path.to_path_buf(), config, pipeline, heartbeats, started, publisher, confinement };
    log::info(format_args!("{} started with {}", env!("CARGO_PKG_VERSION"), path.display()));
    source.set_names(run.names());
    let read = run.read(&mut source, &signals);
    if let Err(e) = &read {
        log::error(e);
    }
    source.finish(&mut run.pipeline)?;
    let drained = run.finish(source.unreadable());
    log::flush();
    read.map(|()| drained)
}

/// A run: the pipeline and its configuration.
struct Run {
    path: PathBuf,
    config: Config,
    pipeline: Pipeline,
    heartbeats: Heartbeats,
    started: StartTime,
    publisher: Publisher,
    confinement: Confinement,
}

impl Run {
    /// Reads until the input ends or SIGTERM comes.
    fn read(&mut self, source: &mut Source, signals: &Signals) -> Result<(), Error> {
        let mut accounts = AccountFileWatcher::start();
        let mut ticked = Instant::now();
        let mut stopping: Option<Instant> = None;
        let mut looked: Option<Instant> = None;
        loop {
            let wait = match stopping {
                Some(_) => DRAIN_IDLE,
                None if self.pipeline.is_blocked() => RETRY,
                None if source.is_mid_event() => TICK_MID_EVENT,
                None => TICK,
            };
            let pause = looked.map(|looked| looked.elapsed());
            self.pipeline.retry();
            let input = (!self.pipeline.is_blocked()).then_some(&*source);
            let ready = Ready::wait(input, signals, wait).map_err(|e| Error::Io("wait for input", e))?;
            looked = Some(Instant::now());
            let signal = if ready.signal { signals.next() } else { None };
            match signal {
                // Records that auditd wrote before it sent the signal are still in the pipe, so reading continues.
                Some(Signal::Terminate) => stopping = stopping.or(looked),
                Some(Signal::Reload) => {
                    self.reload();
                    source.set_names(self.names());
                }
                Some(Signal::Report) => {
                    let snapshot = Snapshot { asked: true, ..self.snapshot(source.unreadable()) };
                    self.publisher.hand_over(snapshot);
                }
                None if ready.input => {
                    if let Some(pause) = pause.filter(|_| ready.at_once) {
                        self.pipeline.input.pauses.record(pause);
                    }
                    let start = self.pipeline.timing().start();
                    let progress = source.read(&mut self.pipeline)?;
                    if let Some(start) = start.filter(|_| progress == Progress::Read) {
                        self.pipeline.input.parse.record(start.elapsed());
                    }
                    if progress == Progress::Ended {
                        return Ok(());
                    }
                }
                None if stopping.is_some() => return Ok(()),
                None => source.tick(&mut self.pipeline),
            }
            if stopping.is_some_and(|since| since.elapsed() >= self.config.shutdown_timeout / 2) {
                return Ok(());
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.pipeline.tick();
                let snapshot = self.snapshot(source.unreadable());
                if let Some(heartbeat) = self.heartbeats.due(&snapshot, &self.config.sha256) {
                    self.pipeline.heartbeat(heartbeat);
                }
                self.publisher.hand_over(snapshot);
                if accounts.have_changed() {
                    source.forget_names();
                }
            }
        }
    }

    /// Whose ids are looked up on this host.
    fn names(&self) -> NameLookup {
        NameLookup::new(self.config.resolve_ids, &self.pipeline.outputs.environment().host)
    }

    /// All metrics now.
    fn snapshot(&mut self, unreadable: u64) -> Snapshot {
        Snapshot {
            at: SystemTime::now(),
            started: self.started.wall,
            uptime: self.started.monotonic.elapsed(),
            config: self.path.clone(),
            settings: self.config.metrics.clone(),
            input: self.pipeline.input_metrics(),
            unreadable,
            out_of_order: self.pipeline.out_of_order(),
            kernel: self.heartbeats.audit(),
            outputs: self.pipeline.outputs.metrics(),
            asked: false,
            last: false,
        }
    }

    /// Reads the configuration again. If it has faults, they are reported and the running configuration stays.
    fn reload(&mut self) {
        let reloaded = match config::load(&self.path) {
            Ok(config) => self.replace(config),
            Err(faults) => {
                faults.0.iter().for_each(log::error);
                Err(self.path.display().to_string())
            }
        };
        match reloaded {
            Ok(()) => log::info(format_args!("{} reloaded", self.path.display())),
            Err(what) => log::error(format_args!("{what}: not reloaded, the running configuration stays")),
        }
        self.pipeline.outputs.reopen();
    }

    /// Applies another configuration. If one of its outputs can't be started, the running configuration stays.
    fn replace(&mut self, config: Config) -> Result<(), String> {
        if let Some(why) = self.confinement.refuses(&self.path, &self.config, &config) {
            return Err(format!("{}: {why}", self.path.display()));
        }
        // A spool keeps its counts in the run directory. The next process looks for them in the configured one.
        let moved = config.metrics.run_dir != self.config.metrics.run_dir;
        let restart = |output: &config::Output| moved && output.queue.spool.is_some();
        let environment = self.pipeline.outputs.environment().with_run_dir(&config.metrics.run_dir);
        let replaced = self.pipeline.outputs.replace(&config.outputs, environment, restart);
        replaced.map_err(|e| Error::Config(self.path.clone(), e).to_string())?;
        self.pipeline.configure(&config);
        if let Err(e) = self.heartbeats.configure(config.metrics.heartbeat) {
            log::error(format_args!("no heartbeats: can't start a thread: {e}"));
        }
        self.config = config;
        Ok(())
    }

    /// Drains all queues within `shutdown_timeout` and logs the totals. True if no event was lost because time was up.
    fn finish(mut self, unreadable: u64) -> bool {
        self.pipeline.end_input();
        if self.config.metrics.heartbeat.is_some() {
            let snapshot = self.snapshot(unreadable);
            if let Some(heartbeat) = self.heartbeats.last(&snapshot, &self.config.sha256) {
                self.pipeline.heartbeat(heartbeat);
            }
            self.publisher.hand_over(snapshot);
        }
        let left = self.pipeline.outputs.drain(Instant::now() + self.config.shutdown_timeout);
        let snapshot = self.snapshot(unreadable);
        summary::log(&snapshot, left);
        self.publisher.finish(snapshot);
        left == 0
    }
}
