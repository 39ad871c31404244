//! `auship setup`: installs policies, a pipeline and templates in a cluster. It changes nothing that is already right.

mod compare;
mod error;
mod files;
mod indexes;
mod objects;
mod refusal;
mod server;
mod target;
mod types;

use crate::config::{self, Config, Elasticsearch, Output, Sink};
use error::ClusterError;
pub use error::{Error, Invalid};
use files::Files;
use objects::{Has, Object, Wanted};
use refusal::{Refusal, refused};
use serde_json::Value;
use server::Server;
use std::{
    io::{self, Write},
    path::Path,
};
use target::IndexTarget;

/// The most differing members that a line names.
const NAMED: usize = 5;

/// The options of `auship setup`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Task<'a> {
    /// Set up only this output.
    pub output: Option<&'a str>,
    /// Only report the changes; make none.
    pub dry_run: bool,
    /// The directory of the files; none for the built-in files.
    pub from: Option<&'a Path>,
}

/// Sets up the clusters of a configuration. Writes a line to `out` for each object. Returns a complaint for each output
/// whose cluster couldn't be set up.
///
/// # Errors
/// When the task, the files or the configuration are wrong, or `out` can't be written.
pub fn setup(config: &Config, task: Task, out: &mut impl Write) -> Result<Vec<String>, Error> {
    let files = Files::read(task.from)?;
    let outputs = chosen(config, task.output)?;
    check_clashes(config)?;
    let mut complaints = Vec::new();
    for Chosen { output, elasticsearch, target } in outputs {
        let done = match Server::find(&output.name, elasticsearch) {
            Ok((server, product)) => {
                writeln!(out, "output {}: {} is {product}", output.name, server.shown())?;
                let wanted = Wanted::new(&files, &product, &target);
                Cluster { server, dry_run: task.dry_run }.install_all(&wanted, &target, out)?
            }
            Err(e) => Err(e),
        };
        complaints.extend(done.err().map(|e| format!("output {}: {e}", output.name)));
    }
    Ok(complaints)
}

/// An output of type elasticsearch.
struct Chosen<'a> {
    output: &'a Output,
    elasticsearch: &'a Elasticsearch,
    target: IndexTarget,
}

impl<'a> Chosen<'a> {
    fn new(output: &'a Output, elasticsearch: &'a Elasticsearch) -> Result<Self, Invalid> {
        match (IndexTarget::new(&elasticsearch.target), &elasticsearch.target) {
            (None, config::Target::Index(index)) => {
                Err(Invalid::PatternOfAll { output: output.name.clone(), pattern: index.text().to_string() })
            }
            (None, config::Target::DataStream(name)) => {
                Err(Invalid::PatternOfAll { output: output.name.clone(), pattern: name.clone() })
            }
            (Some(target), _) => Ok(Self { output, elasticsearch, target }),
        }
    }
}

/// The outputs of type elasticsearch.
fn clusters(config: &Config) -> impl Iterator<Item = (&Output, &Elasticsearch)> {
    config.outputs.iter().filter_map(|output| match &output.sink {
        Sink::Elasticsearch(elasticsearch) => Some((output, elasticsearch.as_ref())),
        _ => None,
    })
}

/// The outputs that the task selects.
fn chosen<'a>(config: &'a Config, name: Option<&str>) -> Result<Vec<Chosen<'a>>, Invalid> {
    let fit = clusters(config).filter(|(output, _)| name.is_none_or(|name| output.name == name));
    let fit: Vec<_> =
        fit.map(|(output, elasticsearch)| Chosen::new(output, elasticsearch)).collect::<Result<_, _>>()?;
    match name {
        _ if !fit.is_empty() => Ok(fit),
        None => Err(Invalid::NoOutput),
        Some(name) => {
            let others = clusters(config).map(|(output, _)| output.name.clone()).collect();
            Err(Invalid::UnknownOutput { name: name.to_string(), others })
        }
    }
}

/// Refuses two outputs of one cluster whose objects have the same name but different content.
fn check_clashes(config: &Config) -> Result<(), Invalid> {
    let outputs: Vec<_> = clusters(config)
        .filter_map(|(output, elasticsearch)| Some((output, elasticsearch, IndexTarget::new(&elasticsearch.target)?)))
        .collect();
    for (n, (output, elasticsearch, target)) in outputs.iter().enumerate() {
        let clash = outputs[..n].iter().find(|(_, other, its)| {
            target.clashes(its) && elasticsearch.urls.iter().any(|url| other.urls.contains(url))
        });
        if let Some((other, _, its)) = clash {
            return Err(Invalid::Clash {
                first: other.name.clone(),
                first_pattern: its.pattern.clone(),
                second: output.name.clone(),
                second_pattern: target.pattern.clone(),
                name: target.name.clone(),
            });
        }
    }
    Ok(())
}

/// The result for one object.
enum Outcome {
    Right,
    /// Created or updated; with `dry_run`, it would have been.
    Changed,
    /// The server doesn't know objects of this kind.
    Unknown,
}

/// A cluster that is being set up.
struct Cluster {
    server: Server,
    dry_run: bool,
}

impl Cluster {
    /// Installs all objects, and sets the final pipeline of existing indexes. Stops at the first failure.
    fn install_all(
        &mut self,
        wanted: &Wanted,
        target: &IndexTarget,
        out: &mut impl Write,
    ) -> io::Result<Result<(), ClusterError>> {
        let mut has = [false; 2];
        for (object, has) in [&wanted.policy, &wanted.pipeline].into_iter().zip(&mut has) {
            match self.install_one(object, out)? {
                Ok(outcome) => *has = !matches!(outcome, Outcome::Unknown),
                Err(what) => return Ok(Err(what)),
            }
        }
        let [policy, pipeline] = has;
        for object in wanted.components.iter().chain([&wanted.template(Has { policy, pipeline })]) {
            if let Err(what) = self.install_one(object, out)? {
                return Ok(Err(what));
            }
        }
        if pipeline && wanted.uses_pipeline() {
            match self.set_final_pipeline(target) {
                Ok(said) => writeln!(out, "  final pipeline of {}: {said}", target.pattern)?,
                Err(what) => return Ok(Err(what)),
            }
        }
        Ok(Ok(()))
    }

    fn install_one(&mut self, object: &Object, out: &mut impl Write) -> io::Result<Result<Outcome, ClusterError>> {
        let (outcome, said) = match self.install(object) {
            Ok(done) => done,
            Err(error) => {
                let (kind, name) = (object.kind.shown(), object.name.clone());
                return Ok(Err(ClusterError::Object { kind, name, error: Box::new(error) }));
            }
        };
        writeln!(out, "  {} {}: {said}", object.kind.shown(), object.name)?;
        Ok(Ok(outcome))
    }

    fn install(&mut self, object: &Object) -> Result<(Outcome, String), ClusterError> {
        let path = object.path();
        let (status, answer) = self.server.get(&path)?;
        let (condition, why) = match status {
            200 => {
                let found = object.found(&answer).ok_or_else(|| ClusterError::OtherAnswer(self.shown(&path)))?;
                let differences = object.differences(&found);
                if differences.is_empty() {
                    return Ok((Outcome::Right, "is right".into()));
                }
                (found.condition, Some(named(&differences)))
            }
            404 => (String::new(), None),
            _ => return self.unknown_or_refused(object, "GET", &path, status, &answer),
        };
        if !self.dry_run {
            let path = format!("{path}{condition}");
            let (status, answer) = self.server.put(&path, &object.body)?;
            if !(200..300).contains(&status) {
                return self.unknown_or_refused(object, "PUT", &path, status, &answer);
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

    /// The result of a request that the server didn't accept.
    fn unknown_or_refused(
        &self,
        object: &Object,
        method: &'static str,
        path: &str,
        status: u32,
        answer: &Value,
    ) -> Result<(Outcome, String), ClusterError> {
        match object.kind.if_unknown() {
            Some(meaning) if Refusal::of(status, answer) == Refusal::UnknownFeature => {
                Ok((Outcome::Unknown, format!("left out: {meaning}")))
            }
            _ => Err(refused(method, &self.shown(path), status, answer)),
        }
    }

    /// A path with the server's URL, for messages.
    fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.server.shown())
    }
}

fn named(differences: &[String]) -> String {
    let more = differences.len().saturating_sub(NAMED);
    let shown = differences[..differences.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
