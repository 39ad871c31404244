//! The errors of `auship setup`.

use crate::sink::{Failure, Product, ProductError};
use std::io;
use thiserror::Error;

/// Why `auship setup` stopped.
#[derive(Debug, Error)]
pub enum Error {
    /// The task, the files or the configuration are wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The report can't be written.
    #[error("can't write: {0}")]
    Write(#[from] io::Error),
}

/// An error that is found before the first request to a cluster.
#[derive(Debug, Error)]
pub enum Invalid {
    /// A file of `--from` can't be read.
    #[error("can't read {file}: {error}; --from must name a complete copy of the directory elasticsearch")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// A file isn't JSON.
    #[error("{file} isn't JSON: {error}")]
    NotJson {
        /// The file.
        file: String,
        /// Why.
        error: serde_json::Error,
    },
    /// A file doesn't hold a JSON object.
    #[error("{0} must hold one JSON object")]
    NotAnObject(String),
    /// No output is of type elasticsearch.
    #[error("no output has type = elasticsearch, so there is nothing to set up")]
    NoOutput,
    /// The named output doesn't exist, or isn't of type elasticsearch.
    #[error("no output of type = elasticsearch is named {name:?}; {}", there_is(.others))]
    UnknownOutput {
        /// The name.
        name: String,
        /// The names of the outputs of that type.
        others: Vec<String>,
    },
    /// The template for an output's indexes would apply to all indexes.
    #[error(
        "output {output}: index = {pattern} has nothing but a date, so its template would apply to all indexes; add a \
         name, as in auship-{pattern}"
    )]
    PatternOfAll {
        /// The output.
        output: String,
        /// Its index.
        pattern: String,
    },
    /// Two outputs of one cluster would replace each other's objects, again and again.
    #[error(
        "outputs {first} and {second}: the templates for {first_pattern} and {second_pattern} would both be called \
         {name}; give one output an index that differs in more than its date and the marks around it"
    )]
    Clash {
        /// One output.
        first: String,
        /// The pattern of its indexes.
        first_pattern: String,
        /// The other output.
        second: String,
        /// The pattern of its indexes.
        second_pattern: String,
        /// The name that both templates would have.
        name: String,
    },
}

fn there_is(others: &[String]) -> String {
    if others.is_empty() { "there is none".into() } else { format!("outputs of that type: {}", others.join(", ")) }
}

/// Why one cluster can't be set up.
#[derive(Debug, Error)]
pub(super) enum ClusterError {
    /// libcurl's log can't be opened.
    #[error(transparent)]
    Log(io::Error),
    /// No host answers; the reason of each.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoHost(Vec<Self>),
    /// A host gave no answer.
    #[error("{host}: {failure}")]
    Silent {
        /// The host's URL.
        host: String,
        /// Why.
        failure: Failure,
    },
    /// A host isn't a supported server.
    #[error("{host} {error}")]
    Product {
        /// The host's URL.
        host: String,
        /// Why it isn't supported.
        error: ProductError,
    },
    /// A host's version is too old.
    #[error("{host} is {product}; auship setup needs at least Elasticsearch {}.{}, or OpenSearch", .least.0, .least.1)]
    TooOld {
        /// The host's URL.
        host: String,
        /// Its product and version.
        product: Product,
        /// The oldest supported version.
        least: (u32, u32),
    },
    /// A request got no answer.
    #[error("{method} {url}: {failure}")]
    Request {
        /// The request's method.
        method: &'static str,
        /// Its URL.
        url: String,
        /// Why.
        failure: Failure,
    },
    /// A request was refused.
    #[error("{method} {url}: status {status}: {reason}{way_out}")]
    Refused {
        /// The request's method.
        method: &'static str,
        /// Its URL.
        url: String,
        /// The answer's status.
        status: u32,
        /// The server's reason.
        reason: String,
        /// A remedy; may be empty.
        way_out: &'static str,
    },
    /// An answer doesn't hold the requested object.
    #[error("GET {0}: the answer doesn't hold the requested object")]
    OtherAnswer(String),
    /// An object can't be installed.
    #[error("{kind} {name}: {error}")]
    Object {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Why.
        error: Box<Self>,
    },
}
