//! `auship check --connect`: can each output's server be reached, and does it let this host in? Can files and spools be
//! written? No event is sent, and nothing is changed.
//!
//! | file | what it checks |
//! |---|---|
//! | `elasticsearch.rs` | the hosts of a cluster, and the right to write |
//! | `http.rs` | an HTTP server |
//! | `syslog.rs` | a syslog receiver |
//! | `disk.rs` | files, dead letters and spools |
//! | `remedy.rs` | what to do about an error |

mod disk;
mod elasticsearch;
mod http;
mod remedy;
mod syslog;

use crate::config::{Config, Output, Sink};
use std::io::{self, Write};
use thiserror::Error;

/// Why nothing was checked, or not all.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no output with the name.
    #[error("no output is named {name:?}; outputs: {}", .others.join(", "))]
    UnknownOutput {
        /// The name.
        name: String,
        /// The names of all outputs.
        others: Vec<String>,
    },
    /// The report can't be written.
    #[error("can't write: {0}")]
    Write(#[from] io::Error),
}

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It works.
    Ok,
    /// It may work. Only an event would tell, or the space won't last.
    Unsure,
    /// It doesn't work.
    Failed,
}

/// Writes the results for one output.
struct Report<'a> {
    out: &'a mut dyn Write,
    output: &'a str,
    failed: bool,
}

impl Report<'_> {
    /// Writes a line: the result, what was checked, and what came of it.
    fn line(&mut self, verdict: Verdict, what: &str, text: &str) -> io::Result<()> {
        let word = match verdict {
            Verdict::Ok => "ok",
            Verdict::Unsure => "unsure",
            Verdict::Failed => "FAILED",
        };
        self.failed |= verdict == Verdict::Failed;
        // A server's answer must not command a terminal, or look like another line.
        let line: String = format!("{word:<6} output {}: {what}: {text}", self.output);
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    fn ok(&mut self, what: &str, text: &str) -> io::Result<()> {
        self.line(Verdict::Ok, what, text)
    }

    fn unsure(&mut self, what: &str, text: &str) -> io::Result<()> {
        self.line(Verdict::Unsure, what, text)
    }

    fn failed(&mut self, what: &str, text: &str) -> io::Result<()> {
        self.line(Verdict::Failed, what, text)
    }
}

/// Checks all outputs, or only the one with this name. Writes a line to `out` for each check. True if nothing failed.
///
/// # Errors
/// When there is no such output, or `out` can't be written.
pub fn check(config: &Config, only: Option<&str>, out: &mut dyn Write) -> Result<bool, Error> {
    let chosen: Vec<&Output> =
        config.outputs.iter().filter(|output| only.is_none_or(|name| output.name == name)).collect();
    if let (Some(name), true) = (only, chosen.is_empty()) {
        let others = config.outputs.iter().map(|output| output.name.clone()).collect();
        return Err(Error::UnknownOutput { name: name.to_string(), others });
    }
    let mut all_good = true;
    for output in chosen {
        let mut report = Report { out, output: &output.name, failed: false };
        match &output.sink {
            Sink::Elasticsearch(elasticsearch) => elasticsearch::check(elasticsearch, &mut report)?,
            Sink::Http(http) => http::check(http, &mut report)?,
            Sink::Syslog(syslog) => syslog::check(syslog, &mut report)?,
            Sink::File(file) => disk::check_file(file, &mut report)?,
            Sink::Stdout => report.ok("standard output", "there is nothing to reach")?,
        }
        disk::check_queue(&output.queue, &mut report)?;
        all_good &= !report.failed;
    }
    Ok(all_good)
}
