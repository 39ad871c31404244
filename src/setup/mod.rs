//! `auship setup`: brings policies and templates into a cluster, and changes nothing that is already right.

mod compare;
mod files;
mod objects;
mod server;
mod types;

use crate::config::{Config, Elasticsearch, Output, Sink};
use files::Files;
use objects::{Object, Place, Wanted};
use serde_json::Value;
use server::Server;
use std::{
    fmt,
    io::{self, Write},
    path::Path,
};

/// How many members that differ are named.
const NAMED: usize = 5;
/// How much of a server's reason is quoted, in characters.
const QUOTED: usize = 500;

/// What is to be done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Task<'a> {
    /// For this output alone.
    pub output: Option<&'a str>,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Where the files are, if not in the program.
    pub from: Option<&'a Path>,
}

/// Why nothing was done.
#[derive(Debug)]
pub enum Error {
    /// The task, the files or the configuration are wrong.
    Invalid(String),
    /// Nobody can be told.
    Write(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Invalid(what) => f.write_str(what),
            Self::Write(e) => write!(f, "can't write: {e}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(e: io::Error) -> Self {
        Self::Write(e)
    }
}

/// Sets up the clusters of a configuration. What is done is written to `out`, a line for each thing; the returned
/// complaints, an output's each, tell what couldn't be done.
///
/// # Errors
/// When it doesn't begin, or `out` can't be written.
pub fn setup(config: &Config, task: Task, out: &mut impl Write) -> Result<Vec<String>, Error> {
    let files = Files::read(task.from).map_err(Error::Invalid)?;
    if let Some(what) = clash(config) {
        return Err(Error::Invalid(what));
    }
    let mut outputs = Vec::new();
    for (output, elasticsearch) in chosen(config, task.output).map_err(Error::Invalid)? {
        let place = Place::new(&elasticsearch.target);
        let place = place.map_err(|what| Error::Invalid(format!("output {}: {what}", output.name)))?;
        outputs.push((output, elasticsearch, place));
    }
    let mut complaints = Vec::new();
    for (output, elasticsearch, place) in outputs {
        let done = match Server::find(&output.name, elasticsearch) {
            Ok((server, product)) => {
                writeln!(out, "output {}: {} is {product}", output.name, server.shown())?;
                Cluster { server, dry_run: task.dry_run }.install_all(&Wanted::new(&files, &product, place), out)?
            }
            Err(what) => Err(what),
        };
        complaints.extend(done.err().map(|what| format!("output {}: {what}", output.name)));
    }
    Ok(complaints)
}

/// The outputs that have a cluster.
fn chosen<'a>(config: &'a Config, name: Option<&str>) -> Result<Vec<(&'a Output, &'a Elasticsearch)>, String> {
    let all = config.outputs.iter().filter(|output| name.is_none_or(|name| output.name == name));
    let fit: Vec<_> = all
        .filter_map(|output| match &output.sink {
            Sink::Elasticsearch(elasticsearch) => Some((output, elasticsearch.as_ref())),
            _ => None,
        })
        .collect();
    match name {
        _ if !fit.is_empty() => Ok(fit),
        None => Err("no output has type = elasticsearch, so there is nothing to set up".into()),
        Some(name) => {
            let others = config.outputs.iter().filter(|output| matches!(output.sink, Sink::Elasticsearch(_)));
            let others: Vec<&str> = others.map(|output| output.name.as_str()).collect();
            let there_is =
                if others.is_empty() { "there is none".into() } else { format!("there is {}", others.join(", ")) };
            Err(format!("no output of type = elasticsearch is named {name:?}; {there_is}"))
        }
    }
}

/// Two outputs of one cluster, each of which would have in place of the other's things its own, again and again.
fn clash(config: &Config) -> Option<String> {
    let outputs = config.outputs.iter().filter_map(|output| match &output.sink {
        Sink::Elasticsearch(elasticsearch) => Some((output, elasticsearch, Place::new(&elasticsearch.target).ok()?)),
        _ => None,
    });
    let outputs: Vec<_> = outputs.collect();
    outputs.iter().enumerate().find_map(|(n, (output, elasticsearch, place))| {
        let (other, _, its) = outputs[..n].iter().find(|(_, other, its)| {
            place.clashes(its) && elasticsearch.urls.iter().any(|url| other.urls.contains(url))
        })?;
        Some(format!(
            "outputs {} and {}: the template for {} and that for {} would both be called {}; give one of them an index \
             that differs in more than its date and the marks around it",
            other.name, output.name, its.pattern, place.pattern, place.name
        ))
    })
}

/// What one thing came to.
enum Outcome {
    Right,
    /// Also when it would have been, but for `dry_run`.
    Changed,
    /// The server doesn't know such things.
    Unknown,
}

/// A cluster, while things are brought there.
struct Cluster {
    server: Server,
    dry_run: bool,
}

impl Cluster {
    /// Brings everything there, up to the first thing that is refused.
    fn install_all(&mut self, wanted: &Wanted, out: &mut impl Write) -> io::Result<Result<(), String>> {
        let policy = match self.install_one(&wanted.policy, true, out)? {
            Ok(outcome) => !matches!(outcome, Outcome::Unknown),
            Err(what) => return Ok(Err(what)),
        };
        for object in wanted.components.iter().chain([&wanted.template(policy)]) {
            if let Err(what) = self.install_one(object, false, out)? {
                return Ok(Err(what));
            }
        }
        Ok(Ok(()))
    }

    fn install_one(
        &mut self,
        object: &Object,
        may_be_unknown: bool,
        out: &mut impl Write,
    ) -> io::Result<Result<Outcome, String>> {
        let (outcome, said) = match self.install(object, may_be_unknown) {
            Ok(done) => done,
            Err(what) => return Ok(Err(format!("{} {}: {what}", object.kind.shown(), object.name))),
        };
        writeln!(out, "  {} {}: {said}", object.kind.shown(), object.name)?;
        Ok(Ok(outcome))
    }

    fn install(&mut self, object: &Object, may_be_unknown: bool) -> Result<(Outcome, String), String> {
        let path = object.path();
        let shown = format!("{}{path}", self.server.shown());
        let (status, answer) = self.server.get(&path)?;
        let (condition, why) = match status {
            200 => {
                let found = object.found(&answer).ok_or_else(|| format!("GET {shown}: the answer isn't about that"))?;
                let differences = object.differences(&found);
                if differences.is_empty() {
                    return Ok((Outcome::Right, "is right".into()));
                }
                (found.condition, Some(named(&differences)))
            }
            404 => (String::new(), None),
            _ if may_be_unknown && is_unknown(status, &answer) => {
                let said = "left out: this server has no such policies, so indexes stay until somebody deletes them";
                return Ok((Outcome::Unknown, said.into()));
            }
            _ => return Err(refused("GET", &shown, status, &answer)),
        };
        if !self.dry_run {
            let (status, answer) = self.server.put(&format!("{path}{condition}"), &object.body)?;
            if !(200..300).contains(&status) {
                return Err(refused("PUT", &format!("{shown}{condition}"), status, &answer));
            }
        }
        let said = match (why, self.dry_run) {
            (None, true) => "missing: would create".into(),
            (None, false) => "was missing: created".into(),
            (Some(why), true) => format!("differs: would change {why}"),
            (Some(why), false) => format!("differed: changed {why}"),
        };
        Ok((Outcome::Changed, said))
    }
}

fn named(differences: &[String]) -> String {
    let more = differences.len().saturating_sub(NAMED);
    let shown = differences[..differences.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// True when the server doesn't have that part: OpenSearch without its plugins, Elasticsearch's OSS distribution.
fn is_unknown(status: u32, answer: &Value) -> bool {
    let said = answer["error"].as_str().or_else(|| answer["error"]["reason"].as_str()).unwrap_or_default();
    matches!(status, 400 | 405) && said.starts_with("no handler found for uri")
        || status == 405 && said.starts_with("Incorrect HTTP method for uri")
        || status == 410
}

/// What a server said, and what one can do about it.
fn refused(method: &str, url: &str, status: u32, answer: &Value) -> String {
    let error = &answer["error"];
    let mut said = error["reason"].as_str().or(error.as_str()).unwrap_or("no reason given").to_string();
    // Elasticsearch puts the reason proper behind one that only tells what was tried.
    let mut cause = &error["caused_by"];
    while let Some(reason) = cause["reason"].as_str() {
        said = format!("{said}: {reason}");
        cause = &cause["caused_by"];
    }
    let said: String = said.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let way_out = match status {
        401 => "; set user and password_file, or api_key_file, to what the cluster takes",
        403 => "; the user needs the cluster's privileges to manage index templates and policies",
        409 => "; somebody else changed it meanwhile, run this again",
        429 | 500.. => "; see the cluster's log, and run this again when it is well",
        _ => "",
    };
    format!("{method} {url}: status {status}: {said}{way_out}")
}
