//! Configuration: an INI file. The whole file is checked before anything starts.
//!
//! Every fault is one line, `FILE:LINE: [section] key: what is wrong and what is allowed`. Every key is one row of its
//! section's table ([`key::Key`]). The manual and the shipped configuration are made from these rows.
//!
//! | file | contents |
//! |---|---|
//! | `config.rs`, `output.rs`, `filter.rs`, … | the settings and the keys of a section |
//! | `key.rs` | the type of a key |
//! | `sections.rs` | all keys, by section |
//! | `reference.rs` | the texts about keys in the manual and `conf/auship.conf` |
//! | `ini.rs`, `values.rs`, `conditions.rs`, `secrets.rs` | reading a file and its values |
//! | `validator.rs`, `fault.rs` | faults |

mod access;
mod client;
mod conditions;
#[allow(clippy::module_inception)]
mod config;
mod confine;
mod data_stream;
mod elasticsearch;
mod fault;
mod file;
mod filter;
mod format;
mod http;
mod index_pattern;
mod ini;
mod key;
mod metrics;
mod output;
mod queue;
mod reference;
mod resolve_ids;
mod retry;
mod secrets;
mod sections;
mod sequence;
mod show;
mod syslog;
mod tls;
mod validator;
mod values;

use crate::hash::sha256;
pub use access::{Access, UsedPath, connect_ports, port, used_paths};
pub use client::{Credentials, HttpClient, is_secret_header};
pub use conditions::{Endpoint, Numbers, Pattern, RecordType, SyscallPattern};
pub use config::Config;
pub use confine::Confine;
pub use data_stream::DataStream;
pub use elasticsearch::{Elasticsearch, Target};
pub use fault::{Fault, Faults};
pub use file::{File, Id, Rotate};
pub use filter::{Action, Filter};
pub use format::{Details, Ecs, FORMATS, Format, MozDef};
pub use http::Http;
pub use index_pattern::{IndexPattern, NamePart};
pub(crate) use ini::read as read_ini;
pub use key::About;
use key::Dialect;
pub use metrics::Metrics;
pub use output::{Output, Sink, SinkKind};
pub use queue::{DEAD_LETTERS, Queue, Spool, SpoolFull};
pub use reference::Reference;
pub use resolve_ids::{RESOLVE_IDS, resolve_ids};
pub use retry::Retry;
pub use secrets::Secret;
pub use sections::keys;
use sections::{Location, allowed};
pub use sequence::{Sequence, Source};
pub(crate) use show::text as ini_text;
use std::{fs, io::Read, os::unix::fs::MetadataExt, path::Path};
pub use syslog::{Destination, Priority, Protocol, Syslog};
pub use tls::Tls;
use validator::{Repeated, Validator};

/// The default path of the configuration.
pub const DEFAULT_PATH: &str = "/etc/auship/auship.conf";

/// The directory for files of outputs. It is created at the start if the configuration names a file in it.
pub const LOG_DIR: &str = "/var/log/auship";

/// Reads and checks a configuration file.
///
/// # Errors
/// All faults, each with its line.
pub fn load(path: &Path) -> Result<Config, Faults> {
    let text = read_trusted(path)
        .map_err(|what| Faults(vec![Fault { file: path.to_path_buf(), line: None, place: String::new(), what }]))?;
    Ok(Config { sha256: sha256(text.as_bytes()), ..parse(path, &text)? })
}

/// Reads the file if only root or the caller can have written it.
fn read_trusted(path: &Path) -> Result<String, String> {
    let can_not = |e: std::io::Error| format!("can't be read: {e}; name another file with --config");
    let mut file = fs::File::open(path).map_err(can_not)?;
    // The open file is checked, not the path, so that the file can't be exchanged between the check and reading.
    let meta = file.metadata().map_err(can_not)?;
    if !meta.is_file() {
        return Err("is not a regular file".into());
    }
    if meta.mode() & 0o002 != 0 {
        return Err("is writable by everybody, so anybody could redirect audit events; chmod o-w it".into());
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

/// Checks the text of a configuration. `path` is for messages.
///
/// # Errors
/// All faults, each with its line.
pub fn parse(path: &Path, text: &str) -> Result<Config, Faults> {
    let (sections, bad) = ini::read(text);
    let mut validator = Validator::new(path);
    for line in bad {
        validator.fault(line.line, &line.section, "", line.why);
    }
    let mut config = Config::default();
    for section in &sections {
        read_section(section, &mut config, &mut validator);
    }
    if config.outputs.is_empty() && validator.faults.is_empty() {
        validator.fault_of_all("no output: set mozdef_url or file_log, or write an [output:NAME] section");
    }
    if validator.faults.is_empty() {
        Ok(config)
    } else {
        validator.faults.sort_by_key(|fault| fault.line);
        Err(Faults(validator.faults))
    }
}

fn read_section(section: &ini::Section, config: &mut Config, validator: &mut Validator) {
    match section.name.as_str() {
        "" => read_top(section, config, validator),
        "input" => {
            let mut given = validator.given(section, &allowed(Location::Input), Repeated::Fault);
            let mut input = (Source::default(), Sequence::default());
            key::read(sequence::KEYS, &mut input, &mut given, Dialect::Auship, validator);
            (config.source, config.sequence) = input;
            key::read(resolve_ids::KEYS, &mut config.resolve_ids, &mut given, Dialect::Auship, validator);
        }
        "metrics" => {
            let mut given = validator.given(section, &allowed(Location::Metrics), Repeated::Fault);
            config.metrics.read(&mut given, validator);
        }
        "confine" => {
            let mut given = validator.given(section, &allowed(Location::Confine), Repeated::Fault);
            let line = given.line("no_new_privileges").unwrap_or(section.line);
            key::read(confine::KEYS, &mut config.confine, &mut given, Dialect::Auship, validator);
            if let Some(fault) = config.confine.fault() {
                validator.fault(line, &section.name, "no_new_privileges", fault);
            }
        }
        name => match name.split_once(':') {
            Some(("output", its)) => {
                let its = its.trim();
                let is_taken = config.outputs.iter().any(|output| output.name == its);
                check_name(section, "an output", its, is_taken, validator);
                let mut given = validator.given(section, &allowed(Location::Output), Repeated::Fault);
                let output = Output::read(&mut given, section.line, its, Dialect::Auship, validator);
                config.outputs.extend(output);
            }
            Some(("filter", its)) => {
                let its = its.trim();
                let faults = validator.faults.len();
                let is_taken = config.filters.iter().any(|filter| filter.name == its);
                check_name(section, "a filter", its, is_taken, validator);
                let mut given = validator.given(section, &allowed(Location::Filter), Repeated::Fault);
                config.filters.push(Filter::read(&mut given, its, section.line, faults, validator));
            }
            _ => {
                let what =
                    "unknown section; allowed are [input], [confine], [metrics], [filter:NAME] and [output:NAME]";
                validator.fault(section.line, name, "", what);
            }
        },
    }
}

/// Reads the keys before any section: those of the program as a whole, and those of audisp-json, which define one
/// output.
fn read_top(section: &ini::Section, config: &mut Config, validator: &mut Validator) {
    let mut given = validator.given(section, &allowed(Location::Top), Repeated::LastCounts);
    key::read(config::KEYS, config, &mut given, Dialect::Auship, validator);
    if given.has("mozdef_url") || given.has("file_log") {
        let line = ["file_log", "mozdef_url"].iter().find_map(|key| given.line(key)).unwrap_or_default();
        let output = Output::read(&mut given, line, "mozdef", Dialect::AudispJson, validator);
        config.outputs.extend(output);
    } else if let Some(entry) = given.entries.first() {
        let what = "belongs to an output, but there is none before any section; set mozdef_url or file_log";
        validator.fault(entry.line, "", &entry.key, what);
    }
}

/// Checks the name of an output or a filter. It must have allowed characters only, and be unique.
fn check_name(section: &ini::Section, what: &str, name: &str, is_taken: bool, validator: &mut Validator) {
    let is_good = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if name.is_empty() || !is_good {
        let what = format!("{what}'s name must be of letters, digits, '-', '_' and '.'");
        validator.fault(section.line, &section.name, "", what);
    } else if is_taken {
        validator.fault(section.line, &section.name, "", format!("there is {what} of that name already"));
    }
}

#[cfg(test)]
mod tests;
