//! All outputs of a run: those that take events, those that a reload removed and that still deliver, and the metrics of
//! those that have ended.

use crate::{
    config, log,
    metrics::{self, OutputMetrics},
    queue::Takeover,
};
use std::{
    io,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

/// How long to wait before a spool in use is tried again.
const BUSY_WAIT: Duration = Duration::from_millis(20);

/// A running output that can be started, replaced and closed. [`crate::output::Output`] is one.
pub trait Branch: Sized {
    /// The output after it was closed.
    type Closing: Closing;
    /// The facts about the host and the process that it needs.
    type Environment;

    /// Starts the output. `takeover` names the previous owner of its spool.
    ///
    /// # Errors
    /// When the file can't be opened, the spool is in use, or a thread can't be started.
    fn start(config: &config::Output, environment: &Self::Environment, takeover: Takeover) -> io::Result<Self>;

    /// Its configuration.
    fn config(&self) -> &config::Output;

    /// Reports losses that are not yet reported. To be called about once a second.
    fn tick(&self);

    /// Reopens its log files.
    fn reopen(&self);

    /// Ends its input. The sink continues until the queue is empty.
    fn close(self) -> Self::Closing;

    /// Its metrics now.
    fn metrics(&self) -> OutputMetrics;
}

/// An output that takes no more events and delivers those in its queue.
pub trait Closing {
    /// The directory of its spool, if it has one.
    fn spool_dir(&self) -> Option<&PathBuf>;

    /// True when the queue is empty, and every event is delivered or counted as lost.
    fn has_ended(&self) -> bool;

    /// Reports losses that are not yet reported. To be called about once a second.
    fn tick(&self);

    /// Its metrics now.
    fn metrics(&self) -> OutputMetrics;

    /// Waits until all events are delivered, but not beyond `deadline`. The output is then told to stop.
    fn wait(&self, deadline: Instant);

    /// Waits until all events are delivered. Events that aren't delivered by `deadline` go to the spool, or are counted
    /// as lost. Returns the final metrics, and the number of events that were lost because time was up.
    fn finish(self, deadline: Instant) -> (OutputMetrics, u64);
}

/// An output that could not be started.
#[derive(Debug)]
pub struct StartError {
    /// The line in the configuration where its section begins.
    pub line: usize,
    /// Its name.
    pub output: String,
    /// The reason.
    pub error: io::Error,
}

impl StartError {
    fn new(config: &config::Output, error: io::Error) -> Self {
        Self { line: config.line, output: config.name.clone(), error }
    }
}

/// Outputs that were ended because a new output uses their spools. A spool has only one owner.
struct Released {
    /// The configurations of those that were running.
    configs: Vec<config::Output>,
    /// The directories of all spools that became free.
    dirs: Vec<PathBuf>,
}

/// All outputs.
pub struct Outputs<O: Branch> {
    environment: O::Environment,
    running: Vec<O>,
    /// Outputs that a reload removed, until their queues are empty.
    closing: Vec<O::Closing>,
    /// The metrics of outputs that have ended.
    ended: Vec<OutputMetrics>,
}

impl<O: Branch> Outputs<O> {
    /// Starts all outputs of a configuration.
    ///
    /// A spool that another process uses is waited for, for at most `patience`: when the program has been upgraded, auditd
    /// starts the new one while the old one still delivers. Input waits in auditd meanwhile.
    ///
    /// # Errors
    /// When an output can't be started: the first such output.
    pub fn start(
        configs: &[config::Output],
        environment: O::Environment,
        patience: Duration,
    ) -> Result<Self, StartError> {
        let deadline = Instant::now() + patience;
        let start = |config| start_when_free(config, &environment, deadline);
        let running = configs.iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self { environment, running, closing: Vec::new(), ended: Vec::new() })
    }

    /// The facts about the host and the process that outputs are started with.
    pub fn environment(&self) -> &O::Environment {
        &self.environment
    }

    /// The outputs that take events.
    pub fn running(&self) -> &[O] {
        &self.running
    }

    /// The outputs that take events.
    pub fn running_mut(&mut self) -> &mut [O] {
        &mut self.running
    }

    /// Reopens the log files of all outputs.
    pub fn reopen(&self) {
        self.running.iter().for_each(O::reopen);
    }

    /// Reports losses, and removes closing outputs that have ended. To be called about once a second.
    pub fn tick(&mut self) {
        self.running.iter().for_each(O::tick);
        self.closing.iter().for_each(O::Closing::tick);
        for output in self.closing.extract_if(.., |output| output.has_ended()) {
            finish(output, Instant::now(), &mut self.ended);
        }
    }

    /// The metrics of all outputs. Outputs of the same name are added up.
    pub fn metrics(&mut self) -> Vec<OutputMetrics> {
        let mut all: Vec<_> = self.ended.iter_mut().map(OutputMetrics::snapshot).collect();
        for one in self.closing.iter().map(O::Closing::metrics).chain(self.running.iter().map(O::metrics)) {
            metrics::add(&mut all, one);
        }
        all
    }

    /// Starts the outputs that are new in a configuration, and closes those that are gone. An output whose
    /// configuration is unchanged stays, unless `restart` is true for it. When an output can't be started, all outputs
    /// are as before.
    ///
    /// # Errors
    /// When an output can't be started: the first such output.
    pub fn replace(
        &mut self,
        configs: &[config::Output],
        environment: O::Environment,
        restart: impl Fn(&config::Output) -> bool,
    ) -> Result<(), StartError> {
        let is_as = |running: &O, config: &config::Output| config.is_as(running.config()) && !restart(config);
        let stays = |running: &O| configs.iter().any(|config| is_as(running, config));
        let released = self.release_spools(configs, stays);
        let mut started = Vec::new();
        for config in configs {
            if self.running.iter().any(|running| is_as(running, config)) {
                continue;
            }
            let had_owner = released.dirs.iter().any(|dir| config.spool_dir() == Some(dir));
            let takeover = if had_owner { Takeover::FromSelf } else { Takeover::Fresh };
            match O::start(config, &environment, takeover) {
                Ok(output) => started.push(output),
                Err(e) => {
                    self.roll_back(started, released);
                    return Err(StartError::new(config, e));
                }
            }
        }
        let (kept, gone): (Vec<O>, Vec<O>) = std::mem::take(&mut self.running).into_iter().partition(stays);
        self.running = kept;
        self.running.extend(started);
        self.closing.extend(gone.into_iter().map(O::close));
        self.environment = environment;
        Ok(())
    }

    /// Ends the outputs that don't stay and whose spool an output of the new configuration uses. The events in a spool
    /// stay there.
    fn release_spools(&mut self, configs: &[config::Output], stays: impl Fn(&O) -> bool) -> Released {
        let wanted = |dir: Option<&PathBuf>| dir.is_some() && configs.iter().any(|config| config.spool_dir() == dir);
        let mut released = Released { configs: Vec::new(), dirs: Vec::new() };
        for output in self.running.extract_if(.., |output| !stays(output) && wanted(output.config().spool_dir())) {
            released.dirs.extend(output.config().spool_dir().cloned());
            released.configs.push(output.config().clone());
            finish(output.close(), Instant::now(), &mut self.ended);
        }
        for closing in self.closing.extract_if(.., |closing| wanted(closing.spool_dir())) {
            released.dirs.extend(closing.spool_dir().cloned());
            finish(closing, Instant::now(), &mut self.ended);
        }
        released
    }

    /// Ends the new outputs, and restarts those that were ended for them.
    fn roll_back(&mut self, started: Vec<O>, released: Released) {
        // The new outputs must release the spools before the old ones can open them.
        for output in started {
            finish(output.close(), Instant::now(), &mut self.ended);
        }
        released.configs.into_iter().for_each(|config| self.start_again(config));
    }

    /// Restarts an output that was ended for a new one. If its spool can't be opened, it runs with the ring alone.
    fn start_again(&mut self, mut config: config::Output) {
        let name = config.name.clone();
        let again = O::start(&config, &self.environment, Takeover::FromSelf).or_else(|e| {
            log::error(format_args!("output {name}: {e}; it runs without its spool until the next reload"));
            config.queue.spool = None;
            O::start(&config, &self.environment, Takeover::FromSelf)
        });
        match again {
            Ok(output) => self.running.push(output),
            Err(e) => log::error(format_args!("output {name}: {e}; it gets no more events until the next reload")),
        }
    }

    /// Ends the input of all outputs, and waits until their queues are empty, or until `deadline`. Returns the number
    /// of events that were lost because time was up.
    pub fn drain(&mut self, deadline: Instant) -> u64 {
        let mut left = 0;
        let mut closing = std::mem::take(&mut self.closing);
        closing.extend(self.running.drain(..).map(O::close));
        // All outputs drain at the same time, so a slow one takes no time from the others.
        closing.iter().for_each(|output| output.wait(deadline));
        for output in closing {
            left += finish(output, deadline, &mut self.ended);
        }
        left
    }
}

/// Starts an output. Until `deadline` it waits for a spool that another process uses.
fn start_when_free<O: Branch>(
    config: &config::Output,
    environment: &O::Environment,
    deadline: Instant,
) -> Result<O, StartError> {
    let mut waits = false;
    loop {
        match O::start(config, environment, Takeover::Fresh) {
            Err(e) if e.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                if !std::mem::replace(&mut waits, true) {
                    log::info(format_args!("output {}: {e}; it may be about to end, so this waits", config.name));
                }
                thread::sleep(BUSY_WAIT);
            }
            other => return other.map_err(|e| StartError::new(config, e)),
        }
    }
}

/// Ends an output, and adds its final metrics to those of the outputs that have ended. Returns the number of events that
/// were lost because time was up.
fn finish(output: impl Closing, deadline: Instant, ended: &mut Vec<OutputMetrics>) -> u64 {
    let (metrics, lost) = output.finish(deadline);
    metrics::add(ended, metrics);
    lost
}

#[cfg(test)]
#[path = "outputs_tests.rs"]
mod tests;
