//! All outputs of a run: those that take events, those that a reload took away and that still deliver, and what came of
//! those that have ended.

use crate::{
    config, log,
    metrics::{self, OutputMetrics},
    queue::Takeover,
};
use std::{io, path::PathBuf, time::Instant};

/// A running output, as far as starting, replacing and closing it goes. [`crate::output::Output`] is one.
pub trait Branch: Sized {
    /// What it is when it takes no more events.
    type Closing: Closing;
    /// What it needs to know of the process around it.
    type Environment;

    /// Starts it. `takeover` says who had its spool before.
    ///
    /// # Errors
    /// When the file can't be opened, the spool is in use, or a thread can't be started.
    fn start(config: &config::Output, environment: &Self::Environment, takeover: Takeover) -> io::Result<Self>;

    /// What it was started with.
    fn config(&self) -> &config::Output;

    /// To be called about once a second: reports what was held back.
    fn tick(&self);

    /// Opens log files anew.
    fn reopen(&self);

    /// Ends its input: the sink goes on until the queue is empty.
    fn close(self) -> Self::Closing;

    /// Its metrics now.
    fn metrics(&self) -> OutputMetrics;
}

/// An output that takes no more events, and empties its queue.
pub trait Closing {
    /// Where its spool is, if it has one.
    fn spool_dir(&self) -> Option<&PathBuf>;

    /// True when the queue is empty and all is delivered or counted.
    fn has_ended(&self) -> bool;

    /// To be called about once a second: reports what was held back.
    fn tick(&self);

    /// Its metrics now.
    fn metrics(&self) -> OutputMetrics;

    /// Waits until all is delivered, but not beyond `deadline`: then it is told to stop.
    fn wait(&self, deadline: Instant);

    /// Waits until all is delivered; what isn't by `deadline` goes to the spool, or is counted as lost. Says what came
    /// of all events, and how many were lost because time was up.
    fn finish(self, deadline: Instant) -> (OutputMetrics, u64);
}

/// An output that could not be started.
#[derive(Debug)]
pub struct StartError {
    /// The line of its section in the configuration.
    pub line: usize,
    /// Its name.
    pub output: String,
    /// Why.
    pub error: io::Error,
}

impl StartError {
    fn new(config: &config::Output, error: io::Error) -> Self {
        Self { line: config.line, output: config.name.clone(), error }
    }
}

/// Outputs that ended since a new one wants their spools: a spool has one owner.
struct Released {
    /// Those that took events until then.
    configs: Vec<config::Output>,
    /// All spools that were left.
    dirs: Vec<PathBuf>,
}

/// All outputs.
pub struct Outputs<O: Branch> {
    environment: O::Environment,
    running: Vec<O>,
    /// Those that a reload took away, while they empty their queues.
    closing: Vec<O::Closing>,
    /// What came of those that have ended.
    ended: Vec<OutputMetrics>,
}

impl<O: Branch> Outputs<O> {
    /// Starts all outputs of a configuration.
    ///
    /// # Errors
    /// The first one that can't be started.
    pub fn start(configs: &[config::Output], environment: O::Environment) -> Result<Self, StartError> {
        let start = |config| O::start(config, &environment, Takeover::Fresh).map_err(|e| StartError::new(config, e));
        let running = configs.iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self { environment, running, closing: Vec::new(), ended: Vec::new() })
    }

    /// What they know of the process around them.
    pub fn environment(&self) -> &O::Environment {
        &self.environment
    }

    /// Those that take events.
    pub fn running(&self) -> &[O] {
        &self.running
    }

    /// Those that take events.
    pub fn running_mut(&mut self) -> &mut [O] {
        &mut self.running
    }

    /// Opens log files anew.
    pub fn reopen(&self) {
        self.running.iter().for_each(O::reopen);
    }

    /// To be called about once a second.
    pub fn tick(&mut self) {
        self.running.iter().for_each(O::tick);
        self.closing.iter().for_each(O::Closing::tick);
        for output in self.closing.extract_if(.., |output| output.has_ended()) {
            metrics::add(&mut self.ended, output.finish(Instant::now()).0);
        }
    }

    /// The metrics of all, those of one name together.
    pub fn metrics(&mut self) -> Vec<OutputMetrics> {
        let mut all: Vec<_> = self.ended.iter_mut().map(OutputMetrics::snapshot).collect();
        for one in self.closing.iter().map(O::Closing::metrics).chain(self.running.iter().map(O::metrics)) {
            metrics::add(&mut all, one);
        }
        all
    }

    /// Starts what is new in a configuration and closes what is gone; an output whose configuration is as it was goes
    /// on, unless `restart` says that it must begin anew. When one can't be started all is as it was before.
    ///
    /// # Errors
    /// The first one that can't be started.
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

    /// Ends what doesn't stay and has a spool that an output of the new configuration wants. What a spool holds stays
    /// in it.
    fn release_spools(&mut self, configs: &[config::Output], stays: impl Fn(&O) -> bool) -> Released {
        let wanted = |dir: Option<&PathBuf>| dir.is_some() && configs.iter().any(|config| config.spool_dir() == dir);
        let mut released = Released { configs: Vec::new(), dirs: Vec::new() };
        for output in self.running.extract_if(.., |output| !stays(output) && wanted(output.config().spool_dir())) {
            released.dirs.extend(output.config().spool_dir().cloned());
            released.configs.push(output.config().clone());
            metrics::add(&mut self.ended, output.close().finish(Instant::now()).0);
        }
        for closing in self.closing.extract_if(.., |closing| wanted(closing.spool_dir())) {
            released.dirs.extend(closing.spool_dir().cloned());
            metrics::add(&mut self.ended, closing.finish(Instant::now()).0);
        }
        released
    }

    /// Ends the new outputs, and starts those again that made way for them.
    fn roll_back(&mut self, started: Vec<O>, released: Released) {
        // They let go of the spools before their owners get them back.
        for output in started {
            metrics::add(&mut self.ended, output.close().finish(Instant::now()).0);
        }
        released.configs.into_iter().for_each(|config| self.start_again(config));
    }

    /// Starts an output that made way for another, which couldn't be started: with the ring alone if need be.
    fn start_again(&mut self, mut config: config::Output) {
        let name = config.name.clone();
        let again = O::start(&config, &self.environment, Takeover::FromSelf).or_else(|e| {
            log::error(format_args!("output {name}: {e}; going on with the ring alone until the next reload"));
            config.queue.spool = None;
            O::start(&config, &self.environment, Takeover::FromSelf)
        });
        match again {
            Ok(output) => self.running.push(output),
            Err(e) => log::error(format_args!("output {name}: {e}; it gets no more events until the next reload")),
        }
    }

    /// Ends the input of all, and empties their queues within the time there is. Says how many events were lost because
    /// time was up.
    pub fn drain(&mut self, deadline: Instant) -> u64 {
        let mut left = 0;
        let mut closing = std::mem::take(&mut self.closing);
        closing.extend(self.running.drain(..).map(O::close));
        // All at once: one that isn't done in time costs the others nothing.
        closing.iter().for_each(|output| output.wait(deadline));
        for output in closing {
            let (ended, lost) = output.finish(deadline);
            left += lost;
            metrics::add(&mut self.ended, ended);
        }
        left
    }
}

#[cfg(test)]
#[path = "outputs_tests.rs"]
mod tests;
