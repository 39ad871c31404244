//! A whole configuration, and the keys of the program as a whole.

use super::{
    confine::{self, Confine},
    filter::Filter,
    key::{About, Key, one, put, show as show_keys},
    metrics::{self, Metrics},
    output::Output,
    resolve_ids,
    sequence::{self, Sequence, Source},
    show, values,
};
use crate::auparse::ResolveIds;
use std::{fmt, path::PathBuf, time::Duration};

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The limit for draining the queues at the end.
    pub shutdown_timeout: Duration,
    /// The source of records.
    pub source: Source,
    /// The filters. The first one that matches an event decides.
    pub filters: Vec<Filter>,
    /// The settings for watching serials.
    pub sequence: Sequence,
    /// The events for which names of users and groups are looked up on this host.
    pub resolve_ids: ResolveIds,
    /// What the running process gives up.
    pub confine: Confine,
    /// The settings of metrics.
    pub metrics: Metrics,
    /// The outputs, at least one.
    pub outputs: Vec<Output>,
    /// The SHA-256 of the file, as it was read: 64 hex digits. Empty for a text that comes from no file.
    pub sha256: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            shutdown_timeout: Duration::from_secs(10),
            source: Source::default(),
            filters: Vec::new(),
            sequence: Sequence::default(),
            resolve_ids: ResolveIds::default(),
            confine: Confine::default(),
            metrics: Metrics::default(),
            outputs: Vec::new(),
            sha256: String::new(),
        }
    }
}

/// The keys of the program as a whole. They stand before any section.
pub(super) static KEYS: &[Key<Config>] = &[
    Key {
        about: About {
            name: "shutdown_timeout",
            value: "*TIME*",
            default: "10s",
            doc: "How long **auship** continues to deliver at its end, for all outputs together. Events that aren't \
                  delivered or in a spool by then are lost.",
            ..About::NONE
        },
        set: |config, value| put(&mut config.shutdown_timeout, values::time(value.text)),
        show: |config| one(values::show_time(config.shutdown_timeout)),
    },
    Key {
        about: About {
            name: "run_dir",
            value: "*PATH*",
            default: "/run/auship",
            doc: "The directory for files of the running process: the report on SIGUSR1, and the counts of events in \
                  rings that have a spool.",
            more: "For each spool it has a small file with the number of events in the ring. If a process is killed, \
                   the next one reads this file and reports the lost events. A directory in memory (a tmpfs) is best. \
                   It is created with mode 0750 when it is needed.",
            ..About::NONE
        },
        set: |config, value| put(&mut config.metrics.run_dir, run_dir(value.text)),
        show: |config| one(show::path(&config.metrics.run_dir)),
    },
];

fn run_dir(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.is_absolute() {
        false => Err("must be the absolute path of a directory".to_string()),
        true if path.exists() && !path.is_dir() => Err("is no directory".to_string()),
        true => Ok(path),
    }
}

/// The configuration in effect, as a configuration file.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        show_keys(KEYS, self, f)?;
        writeln!(f, "\n[input]")?;
        show_keys(sequence::KEYS, &(self.source, self.sequence), f)?;
        show_keys(resolve_ids::KEYS, &self.resolve_ids, f)?;
        writeln!(f, "\n[confine]")?;
        show_keys(confine::KEYS, &self.confine, f)?;
        writeln!(f, "\n[metrics]")?;
        show_keys(metrics::KEYS, &self.metrics, f)?;
        self.filters.iter().try_for_each(|filter| filter.show(f))?;
        self.outputs.iter().try_for_each(|output| output.show(f))
    }
}
