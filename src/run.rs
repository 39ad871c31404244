//! `auship run`: reads records as they come, and delivers until the input ends.
//!
//! The thread that reads does nothing that could wait for a server: it groups, writes documents, and puts them into
//! rings. What it finds full it counts.

use crate::{
    auparse::{Meanings, OutOfMemory, Parser},
    config::{self, Config},
    event::Event,
    filter::Filters,
    host, log,
    output::{Closing, Output},
    queue::books::Books,
    source::stdin::{Next, Stdin},
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
const RUN_DIR: &str = "/run/auship";
/// After SIGTERM: input that doesn't come for so long has been read to its end.
const LAST_WORDS: Duration = Duration::from_millis(50);

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
    let hostname = host::fully_qualified_name_soon();
    let mut line = Line {
        path: path.to_path_buf(),
        hostname,
        filters: Filters::new(&config.filters),
        config,
        outputs: Vec::new(),
        closing: Vec::new(),
        ended: Vec::new(),
        events: 0,
        filtered: 0,
    };
    for output in &line.config.outputs {
        line.outputs
            .push(Output::start(output, &line.hostname, Path::new(RUN_DIR)).map_err(|e| unusable(path, output, &e))?);
    }
    let mut parser = Parser::new()?;
    log::info(format_args!("{} started with {}", env!("CARGO_PKG_VERSION"), path.display()));
    let read = line.read(&mut input, &mut parser);
    if let Err(e) = &read {
        log::error(e);
    }
    parser.finish(|event, meanings| line.offer(event, meanings))?;
    let drained = line.finish(parser.unreadable());
    log::flush();
    read.map(|()| drained)
}

fn unusable(path: &Path, output: &config::Output, e: &io::Error) -> Error {
    Error::Config(format!("{}:{}: [output:{}]: {e}", path.display(), output.line, output.name))
}

/// Adds the figures of an output that has ended to those of its predecessors of that name.
fn add(ended: &mut Vec<(String, Books)>, name: &str, books: Books) {
    match ended.iter_mut().find(|(other, _)| other == name) {
        // What one left in the spool the next has found there.
        Some((_, sum)) => *sum += books,
        None => ended.push((name.to_string(), books)),
    }
}

/// The whole line from the assembler on.
struct Line {
    path: PathBuf,
    hostname: String,
    config: Config,
    filters: Filters,
    outputs: Vec<Output>,
    /// Outputs that a reload replaced, while they empty their rings.
    closing: Vec<Closing>,
    /// What came of those that have ended.
    ended: Vec<(String, Books)>,
    events: u64,
    /// Those that a filter dropped.
    filtered: u64,
}

impl Line {
    fn offer(&mut self, event: &Event, meanings: &mut Meanings) {
        self.events += 1;
        if self.filters.decide(event, meanings).action == config::Action::Drop {
            self.filtered += 1;
            return;
        }
        for output in &mut self.outputs {
            output.offer(event, meanings);
        }
    }

    /// Reads until the input ends or a signal says so.
    fn read(&mut self, input: &mut Stdin, parser: &mut Parser) -> Result<(), Error> {
        let mut names = Names::new();
        let mut tick = Instant::now();
        let mut stopping: Option<Instant> = None;
        loop {
            let wait = match (stopping, parser.is_waiting()) {
                (Some(_), _) => LAST_WORDS,
                (None, true) => TICK_WAITING,
                (None, false) => TICK,
            };
            match input.next(wait).map_err(|e| Error::Io("read standard input", e))? {
                Next::Bytes(n) => parser.feed(input.bytes(n), |event, meanings| self.offer(event, meanings))?,
                Next::End => return Ok(()),
                Next::Quiet if stopping.is_some() => return Ok(()),
                Next::Quiet => parser.age(|event, meanings| self.offer(event, meanings)),
                // What auditd wrote before it sent the signal is still in the pipe.
                Next::Stop => stopping = stopping.or(Some(Instant::now())),
                Next::Reload => self.reload(),
            }
            if stopping.is_some_and(|since| since.elapsed() >= self.config.shutdown_timeout / 2) {
                return Ok(());
            }
            if tick.elapsed() >= TICK {
                tick = Instant::now();
                self.tick();
                if names.have_changed() {
                    parser.forget_names();
                }
            }
        }
    }

    /// What is to be done about once a second.
    fn tick(&mut self) {
        self.outputs.iter().for_each(Output::tick);
        self.closing.iter().for_each(Closing::tick);
        let ended = self.closing.extract_if(.., |output| output.has_ended());
        for output in ended {
            add(&mut self.ended, output.name(), output.finish(Instant::now()).0);
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
        let stays = |running: &Output| config.outputs.iter().any(|output| output.is_as(&running.config));
        let spool = |output: &config::Output| output.queue.spool.as_ref().map(|spool| spool.dir.clone());
        // A spool has one owner: who had it leaves it before another takes over. What it held stays in it.
        let handed_over = |running: &mut Output| {
            let dir = spool(&running.config);
            dir.is_some() && !stays(running) && config.outputs.iter().any(|output| spool(output) == dir)
        };
        let mut handed = Vec::new();
        for output in self.outputs.extract_if(.., handed_over) {
            handed.push(output.config.clone());
            let closing = output.close();
            let (books, _) = closing.finish(Instant::now());
            add(&mut self.ended, closing.name(), books);
        }
        let mut started = Vec::new();
        for output in &config.outputs {
            if self.outputs.iter().any(|running| running.config.is_as(output)) {
                continue;
            }
            match Output::start(output, &self.hostname, Path::new(RUN_DIR)) {
                Ok(new) => started.push(new),
                Err(e) => {
                    drop(started);
                    for old in &handed {
                        self.outputs.push(
                            Output::start(old, &self.hostname, Path::new(RUN_DIR))
                                .map_err(|e| unusable(&self.path, old, &e))?,
                        );
                    }
                    return Err(unusable(&self.path, output, &e));
                }
            }
        }
        let (kept, gone) = std::mem::take(&mut self.outputs)
            .into_iter()
            .partition(|running| config.outputs.iter().any(|output| output.is_as(&running.config)));
        self.outputs = kept;
        self.outputs.extend(started);
        let gone: Vec<Output> = gone;
        self.closing.extend(gone.into_iter().map(Output::close));
        Ok(())
    }

    /// Empties all rings, within the time there is, and says what came of it all. True when nothing was left.
    fn finish(&mut self, unreadable: u64) -> bool {
        let deadline = Instant::now() + self.config.shutdown_timeout;
        let mut left = 0;
        for output in std::mem::take(&mut self.closing).into_iter().chain(self.outputs.drain(..).map(Output::close)) {
            let (books, lost) = output.finish(deadline);
            left += lost;
            add(&mut self.ended, output.name(), books);
        }
        let figures = match &self.ended[..] {
            [(_, figures)] => figures.to_string(),
            all => all.iter().map(|(name, f)| format!("{name}: {f}")).collect::<Vec<_>>().join("; "),
        };
        let lines = if unreadable == 0 { String::new() } else { format!("; {unreadable} lines could not be read") };
        let late = match left {
            0 => String::new(),
            _ => format!("; shutdown_timeout ran out with {left} left"),
        };
        let filtered = match self.filtered {
            0 if self.filters.is_empty() => String::new(),
            filtered => format!("filtered {filtered}, "),
        };
        if !self.filters.is_empty() {
            let hits: Vec<String> = self.filters.hits().map(|(name, hits)| format!("{name} {hits}")).collect();
            log::info(format_args!("hits of filters: {}", hits.join(", ")));
        }
        log::info(format_args!("ended: events in {}, {filtered}{figures}{lines}{late}", self.events));
        left == 0
    }
}

/// Watches the files that give users and groups their names.
struct Names {
    changed: [Option<SystemTime>; 2],
}

impl Names {
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
