//! Where figures go: `[metrics]`, and the run directory.

use super::{
    Config, ini,
    keys::SectionLocation,
    show::Quoted,
    validator::{SectionValues, Validator, file_in_directory},
    values,
};
use crate::net::HostPort;
use std::{fmt, path::PathBuf, time::Duration};

/// Where figures go.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// A statsd server, `HOST:PORT`.
    pub statsd: Option<HostPort>,
    /// How often it gets its share.
    pub statsd_period: Duration,
    /// The share of single times that statsd gets, above 0 and at most 1.
    pub sample_rate: f64,
    /// A file for node_exporter's textfile collector.
    pub prometheus_file: Option<PathBuf>,
    /// How often a line of figures is logged; 0 for never.
    pub status_period: Duration,
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
            run_dir: "/run/auship".into(),
        }
    }
}

impl Metrics {
    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "\n[metrics]")?;
        if let Some(statsd) = &self.statsd {
            writeln!(f, "statsd = {}", Quoted::text(&statsd.to_string()))?;
        }
        writeln!(f, "statsd_period = {}", values::show_time(self.statsd_period))?;
        writeln!(f, "sample_rate = {}", self.sample_rate)?;
        if let Some(path) = &self.prometheus_file {
            writeln!(f, "prometheus_file = {}", Quoted::path(path))?;
        }
        writeln!(f, "status_period = {}", values::show_time(self.status_period))
    }
}

impl Validator<'_> {
    /// The directory for what concerns this run; it is made when it is needed.
    pub(super) fn run_dir(&mut self, given: &mut SectionValues, config: &mut Config) {
        let run_dir = self.checked(given, "run_dir", |text| {
            let path = PathBuf::from(text);
            match path.is_absolute() {
                false => Err("must be the absolute path of a directory".to_string()),
                true if path.exists() && !path.is_dir() => Err("is no directory".to_string()),
                true => Ok(path),
            }
        });
        if let Some(run_dir) = run_dir {
            config.metrics.run_dir = run_dir;
        }
    }

    pub(super) fn metrics(&mut self, section: &ini::Section, config: &mut Config) {
        let mut given = self.given(section, SectionLocation::Metrics);
        let default = Metrics::default();
        let line = given.line("prometheus_file").unwrap_or_default();
        config.metrics = Metrics {
            statsd: self.value(&mut given, "statsd", None, |text| address(text).map(Some)),
            statsd_period: self.value(&mut given, "statsd_period", default.statsd_period, values::time),
            sample_rate: self.value(&mut given, "sample_rate", default.sample_rate, |text| {
                let rate = text.parse().ok().filter(|n: &f64| *n > 0.0 && *n <= 1.0);
                rate.ok_or("a number above 0, at most 1, as in 0.5")
            }),
            prometheus_file: self.checked(&mut given, "prometheus_file", |text| {
                file_in_directory(text).and_then(|path| match path.extension() {
                    Some(end) if end == "prom" => Ok(path),
                    _ => Err("must end in .prom: node_exporter reads no others".into()),
                })
            }),
            status_period: self.value(&mut given, "status_period", default.status_period, values::time),
            // Its key stands before any section.
            run_dir: config.metrics.run_dir.clone(),
        };
        if let Some(path) = &config.metrics.prometheus_file {
            self.claim_path(line, given.section, "prometheus_file", path);
        }
    }
}

/// `HOST:PORT`, `[IPV6]:PORT`.
fn address(text: &str) -> Result<HostPort, values::Expected> {
    HostPort::parse(text, None).ok_or("HOST:PORT, an IPv6 address in brackets, as in localhost:8125 or [::1]:8125")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_what_is_shown() {
        let output = "[output:a]\ntype = stdout\n";
        let text = format!(
            "run_dir = /run/x\n[input]\nmax_out_of_order = 7\nlog_out_of_order = yes\n[metrics]\nstatsd = [::1]:8125\n\
             statsd_period = 3s\nsample_rate = 0.25\nprometheus_file = /tmp/x.prom\nstatus_period = 0s\n{output}"
        );
        let read = |text: &str| super::super::parse("x".as_ref(), text);
        let first = read(&text).unwrap();
        let second = read(&first.to_string()).unwrap();
        assert_eq!((&first.metrics, first.sequence), (&second.metrics, second.sequence));
        assert_eq!(first.metrics.run_dir, PathBuf::from("/run/x"));
        assert_eq!((first.metrics.sample_rate, first.sequence.max_out_of_order), (0.25, 7));
        let default = read(output).unwrap();
        assert_eq!(read(&default.to_string()).unwrap().metrics, Metrics::default());
        let faults = |metrics: &str| read(&format!("[metrics]\n{metrics}\n{output}")).unwrap_err().to_string();
        assert!(faults("statsd = ::1:8125").contains("must be HOST:PORT"));
        assert!(faults("sample_rate = 0").contains("above 0, at most 1"));
        assert!(faults("prometheus_file = /tmp/x.txt").contains("must end in .prom"));
        assert!(faults("prometheus_file = /nowhere/x.prom").contains("there is no directory /nowhere"));
        assert!(faults("run_dir = /run/x").contains("unknown key"));
        assert!(read(&format!("run_dir = x\n{output}")).unwrap_err().to_string().contains("absolute path"));
    }
}
