//! The settings of metrics: `[metrics]` and the run directory.

use super::{
    key::{About, Dialect, Key, one, put, put_some, read, some},
    show,
    validator::{SectionValues, Validator, file_in_directory},
    values,
};
use crate::net::HostPort;
use std::{path::PathBuf, time::Duration};

/// The settings of metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// The statsd server.
    pub statsd: Option<HostPort>,
    /// The time between two sendings to statsd.
    pub statsd_period: Duration,
    /// The share of single times that are sent to statsd, above 0 and at most 1.
    pub sample_rate: f64,
    /// The file for node_exporter's textfile collector.
    pub prometheus_file: Option<PathBuf>,
    /// The time between two status lines in the log. 0 means never.
    pub status_period: Duration,
    /// The time between two heartbeats. None means no heartbeats.
    pub heartbeat: Option<Duration>,
    /// The directory of the report.
    pub run_dir: PathBuf,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            statsd: None,
            statsd_period: Duration::from_secs(10),
            sample_rate: 0.5,
            prometheus_file: None,
            status_period: Duration::from_secs(3600),
            heartbeat: None,
            run_dir: "/run/auship".into(),
        }
    }
}

/// The keys of `[metrics]`.
pub(super) static KEYS: &[Key<Metrics>] = &[
    Key {
        about: About {
            name: "statsd",
            value: "*HOST:PORT*",
            example: "localhost:8125",
            doc: "A statsd server that gets metrics over UDP. An IPv6 address is written in brackets: `[::1]:8125`.",
            ..About::NONE
        },
        set: |metrics, value| {
            const EXPECTED: values::Expected =
                "HOST:PORT, an IPv6 address in brackets, as in localhost:8125 or [::1]:8125";
            put_some(&mut metrics.statsd, HostPort::parse(value.text, None).ok_or(EXPECTED))
        },
        show: |metrics| some(metrics.statsd.as_ref()),
    },
    Key {
        about: About {
            name: "statsd_period",
            value: "*TIME*",
            default: "10s",
            doc: "The time between two sendings to the statsd server. At its end **auship** sends the last metrics.",
            ..About::NONE
        },
        set: |metrics, value| put(&mut metrics.statsd_period, values::time(value.text)),
        show: |metrics| one(values::show_time(metrics.statsd_period)),
    },
    Key {
        about: About {
            name: "sample_rate",
            value: "*NUMBER*",
            default: "0.5",
            doc: "The share of single times that is sent to the statsd server, above 0 and at most 1. Counters are \
                  always complete.",
            ..About::NONE
        },
        set: |metrics, value| {
            let rate = value.text.parse().ok().filter(|n: &f64| *n > 0.0 && *n <= 1.0);
            put(&mut metrics.sample_rate, rate.ok_or("a number above 0, at most 1, as in 0.5"))
        },
        show: |metrics| one(metrics.sample_rate),
    },
    Key {
        about: About {
            name: "prometheus_file",
            value: "*PATH*",
            example: "/var/lib/node_exporter/auship.prom",
            doc: "A file for node_exporter's textfile collector. The path must be absolute and end in *.prom*. Its \
                  directory must exist.",
            more: "The file is replaced as a whole every 15 seconds, on SIGUSR1, and at the end.",
            ..About::NONE
        },
        set: |metrics, value| {
            let file = file_in_directory(value.text).and_then(|path| match path.extension() {
                Some(end) if end == "prom" => Ok(path),
                _ => Err("must end in .prom: node_exporter reads no others".into()),
            });
            put_some(&mut metrics.prometheus_file, file)
        },
        show: |metrics| some(show::optional_path(&metrics.prometheus_file)),
    },
    Key {
        about: About {
            name: "status_period",
            value: "*TIME*",
            default: "1h",
            doc: "The time between two status lines in auship's own log. **0s** means never.",
            ..About::NONE
        },
        set: |metrics, value| put(&mut metrics.status_period, values::time(value.text)),
        show: |metrics| one(values::show_time(metrics.status_period)),
    },
    Key {
        about: About {
            name: "heartbeat",
            value: "*TIME*",
            default: "no",
            example: "5m",
            doc: "The time between two heartbeats, at least 1s. A heartbeat is a document for every output. It says \
                  that **auship** is alive, whether the kernel's auditing is on, and how many events came and went. \
                  **no** turns heartbeats off.",
            more: "The first heartbeat comes a second or two after the start, and the last one at the end. Filters \
                   don't apply to it. Reading the kernel's status and rules needs the capability \
                   *CAP_AUDIT_CONTROL*. Without it a heartbeat has no status, and a hash of the rules' files instead \
                   of the loaded rules. mozdef.md and ecs.md list its fields, and operations.md says how to find \
                   silent hosts with it.",
        },
        set: |metrics, value| put(&mut metrics.heartbeat, heartbeat(value.text)),
        show: |metrics| one(metrics.heartbeat.map_or_else(|| "no".to_string(), values::show_time)),
    },
];

/// A time of at least a second, or none.
fn heartbeat(text: &str) -> Result<Option<Duration>, values::Expected> {
    const EXPECTED: values::Expected = "a time of at least 1s with its unit, as in 5m, or no";
    match values::time(text) {
        Ok(time) if time >= Duration::from_secs(1) => Ok(Some(time)),
        Err(_) if values::yes(text) == Ok(false) => Ok(None),
        _ => Err(EXPECTED),
    }
}

impl Metrics {
    /// Reads `[metrics]`. Keeps the run directory, because its key stands before any section.
    pub(super) fn read(&mut self, given: &mut SectionValues, validator: &mut Validator) {
        *self = Self { run_dir: std::mem::take(&mut self.run_dir), ..Self::default() };
        let line = given.line("prometheus_file").unwrap_or_default();
        read(KEYS, self, given, Dialect::Auship, validator);
        if let Some(path) = &self.prometheus_file {
            validator.claim_path(line, given.section, "prometheus_file", path);
        }
    }
}
