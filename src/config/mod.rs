//! Configuration: an INI file, checked whole before anything starts.
//!
//! Every fault is one line, `FILE:LINE: [section] key: what is wrong and what is allowed`.

mod alone;
mod client;
mod elasticsearch;
mod file;
mod filter;
mod format;
mod http;
mod ini;
mod keys;
mod metrics;
mod output;
mod queue;
mod retry;
mod secrets;
mod sequence;
mod show;
mod syslog;
mod tls;
mod validator;
mod values;

pub use client::{Credentials, HttpClient, is_secret_header};
pub use elasticsearch::{Elasticsearch, IndexPattern, Target};
pub use file::{File, Id, Rotate};
pub use filter::{Action, Endpoint, Filter, Numbers, Pattern, RecordType, SyscallPattern};
pub use format::{Ecs, FORMATS, Format, MozDef};
pub use http::Http;
use keys::SectionLocation;
pub use keys::{KEYS, SectionKind};
pub use metrics::Metrics;
pub use output::{Output, Sink};
pub use queue::{Queue, Spool, SpoolFull};
pub use retry::Retry;
pub use secrets::Secret;
pub use sequence::Sequence;
use std::{
    fmt, fs,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};
pub use syslog::{Destination, Priority, Protocol, Syslog};
pub use tls::Tls;
use validator::Validator;

/// Where the configuration is looked for.
pub const DEFAULT_PATH: &str = "/etc/auship/auship.conf";

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How long a drain at the end may take.
    pub shutdown_timeout: Duration,
    /// Where records come from.
    pub source: Source,
    /// Which events are kept: the first that matches decides.
    pub filters: Vec<Filter>,
    /// How serials are watched.
    pub sequence: Sequence,
    /// Where figures go.
    pub metrics: Metrics,
    /// At least one.
    pub outputs: Vec<Output>,
}

/// Where records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Source {
    /// Standard input: what auditd starts a plugin with.
    #[default]
    Stdin,
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// Its line; none when the fault is the whole file's.
    pub line: Option<usize>,
    /// Section and key, `[output:siem] url`; empty when the fault is the whole file's.
    pub place: String,
    /// What is wrong, and what is allowed.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if !self.place.is_empty() {
            write!(f, " {}:", self.place)?;
        }
        write!(f, " {}", self.what)
    }
}

/// All that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Fault::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Faults {}

/// Reads and checks a configuration file.
///
/// # Errors
/// With every fault there is, each naming its line.
pub fn load(path: &Path) -> Result<Config, Faults> {
    let text = read_trusted(path)
        .map_err(|what| Faults(vec![Fault { file: path.to_path_buf(), line: None, place: String::new(), what }]))?;
    parse(path, &text)
}

/// Reads the file if nobody but root and the caller can have written it.
fn read_trusted(path: &Path) -> Result<String, String> {
    let can_not = |e: std::io::Error| format!("can't be read: {e}; name another file with --config");
    let mut file = fs::File::open(path).map_err(can_not)?;
    // The open file is asked, not the path, so that what is checked is what is read.
    let meta = file.metadata().map_err(can_not)?;
    if !meta.is_file() {
        return Err("is not a regular file".into());
    }
    if meta.mode() & 0o002 != 0 {
        return Err("is writable by everybody, so anybody could decide where audit events go; chmod o-w it".into());
    }
    let caller = nix::unistd::geteuid().as_raw();
    if meta.uid() != 0 && meta.uid() != caller {
        return Err(format!("belongs to uid {}, neither root nor the caller; chown it", meta.uid()));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(can_not)?;
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        format!("isn't UTF-8 text in line {line}")
    })
}

/// Checks a configuration's text; `path` is for messages.
///
/// # Errors
/// As [`load`].
pub fn parse(path: &Path, text: &str) -> Result<Config, Faults> {
    let (sections, bad) = ini::read(text);
    let mut check = Validator { path, faults: Vec::new(), claims: Vec::new() };
    for line in bad {
        check.fault(line.line, &line.section, "", line.why);
    }
    let mut config = Config {
        shutdown_timeout: Duration::from_secs(10),
        source: Source::default(),
        filters: Vec::new(),
        sequence: Sequence::default(),
        metrics: Metrics::default(),
        outputs: Vec::new(),
    };
    for section in &sections {
        match section.name.as_str() {
            "" => check.top(section, &mut config),
            "input" => check.input(section, &mut config),
            "metrics" => check.metrics(section, &mut config),
            name => match name.split_once(':') {
                Some((kind @ ("output" | "filter"), its)) => {
                    let its = its.trim();
                    let is_filter = kind == "filter";
                    let letters = its.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
                    let (a, is_taken) = if is_filter {
                        ("a filter", config.filters.iter().any(|f| f.name == its))
                    } else {
                        ("an output", config.outputs.iter().any(|o| o.name == its))
                    };
                    if its.is_empty() || !letters {
                        let what = format!("{a}'s name is letters, digits, '-', '_' and '.'");
                        check.fault(section.line, name, "", what);
                    } else if is_taken {
                        check.fault(section.line, name, "", format!("there is {a} of that name already"));
                    }
                    if is_filter {
                        check.filter(section, its, &mut config);
                    } else {
                        check.output(section, its, &mut config);
                    }
                }
                _ => {
                    let what = "unknown section; allowed are [input], [metrics], [filter:NAME] and [output:NAME]";
                    check.fault(section.line, name, "", what);
                }
            },
        }
    }
    if config.outputs.is_empty() && check.faults.is_empty() {
        let what = "no output: set mozdef_url or file_log, or write an [output:NAME] section".into();
        check.faults.push(Fault { file: path.into(), line: None, place: String::new(), what });
    }
    if check.faults.is_empty() {
        Ok(config)
    } else {
        check.faults.sort_by_key(|fault| fault.line);
        Err(Faults(check.faults))
    }
}

impl Validator<'_> {
    /// Keys before any section: audisp-json's, which make one output, and what concerns the program as a whole.
    fn top(&mut self, section: &ini::Section, config: &mut Config) {
        let mut given = self.given(section, SectionLocation::Top);
        config.shutdown_timeout = self.value(&mut given, "shutdown_timeout", config.shutdown_timeout, values::time);
        self.run_dir(&mut given, config);
        if given.has("mozdef_url") || given.has("file_log") {
            let line = ["file_log", "mozdef_url"].iter().find_map(|key| given.line(key)).unwrap_or_default();
            self.output_of(given, line, "mozdef", true, config);
        } else if let Some(entry) = given.entries.first() {
            let what = "shapes an output, but there is none here: set mozdef_url or file_log";
            self.fault(entry.line, "", &entry.key, what);
        }
    }

    fn input(&mut self, section: &ini::Section, config: &mut Config) {
        let mut given = self.given(section, SectionLocation::Input);
        config.source = self.value(&mut given, "source", Source::Stdin, |text| match text {
            "stdin" => Ok(Source::Stdin),
            _ => Err("stdin"),
        });
        self.sequence(&mut given, config);
    }

    fn output(&mut self, section: &ini::Section, name: &str, config: &mut Config) {
        let given = self.given(section, SectionLocation::Output);
        self.output_of(given, section.line, name, false, config);
    }
}

#[cfg(test)]
mod tests;
