//! Why a cluster isn't set up.

use crate::sink::{Failure, Product, ProductError};
use std::io;
use thiserror::Error;

/// Why nothing was done.
#[derive(Debug, Error)]
pub enum Error {
    /// The task, the files or the configuration are wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Nobody can be told.
    #[error("can't write: {0}")]
    Write(#[from] io::Error),
}

/// What is wrong before anything is asked of a cluster.
#[derive(Debug, Error)]
pub enum Invalid {
    /// A file of `--from` can't be read.
    #[error("can't read {file}: {error}; --from names a copy of the directory elasticsearch, whole")]
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
    /// A file holds something else than an object.
    #[error("{0} must hold one JSON object")]
    NotAnObject(String),
    /// No output has a cluster.
    #[error("no output has type = elasticsearch, so there is nothing to set up")]
    NoOutput,
    /// The output that was named has none, or isn't there.
    #[error("no output of type = elasticsearch is named {name:?}; {}", there_is(.others))]
    UnknownOutput {
        /// The name.
        name: String,
        /// The names of those that have one.
        others: Vec<String>,
    },
    /// The template for an output's indexes would be one for all that there are.
    #[error(
        "output {output}: index = {pattern} has nothing but a date, so that a template for it would be one for all indexes \
         there are; give it a name, as in auship-{pattern}"
    )]
    PatternOfAll {
        /// The output.
        output: String,
        /// Its index.
        pattern: String,
    },
    /// Two outputs of one cluster would replace each other's things, again and again.
    #[error(
        "outputs {first} and {second}: the template for {second_pattern} and that for {first_pattern} would both be called \
         {name}; give one of them an index that differs in more than its date and the marks around it"
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
        /// What both templates would be called.
        name: String,
    },
}

fn there_is(others: &[String]) -> String {
    if others.is_empty() { "there is none".into() } else { format!("there is {}", others.join(", ")) }
}

/// Why one cluster can't be set up.
#[derive(Debug, Error)]
pub(super) enum ClusterError {
    /// libcurl's log can't be opened.
    #[error(transparent)]
    Log(io::Error),
    /// No host answers; each says why.
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
    /// A host is no server that this program knows.
    #[error("{host} {error}")]
    Product {
        /// The host's URL.
        host: String,
        /// What it is instead.
        error: ProductError,
    },
    /// A host is too old for it.
    #[error("{host} is {product}; auship setup needs at least Elasticsearch {}.{}, or OpenSearch", .least.0, .least.1)]
    TooOld {
        /// The host's URL.
        host: String,
        /// What it is.
        product: Product,
        /// The oldest that would do.
        least: (u32, u32),
    },
    /// A request got no answer.
    #[error("{method} {url}: {failure}")]
    Request {
        /// The request's method.
        method: &'static str,
        /// What it was about.
        url: String,
        /// Why.
        failure: Failure,
    },
    /// A request was refused.
    #[error("{method} {url}: status {status}: {reason}{way_out}")]
    Refused {
        /// The request's method.
        method: &'static str,
        /// What it was about.
        url: String,
        /// The answer's status.
        status: u32,
        /// The server's reason.
        reason: String,
        /// What one can do about it; may be empty.
        way_out: &'static str,
    },
    /// An answer is about something else.
    #[error("GET {0}: the answer isn't about that")]
    OtherAnswer(String),
    /// Something can't be brought there.
    #[error("{kind} {name}: {error}")]
    Object {
        /// What kind of thing.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Why.
        error: Box<Self>,
    },
}
