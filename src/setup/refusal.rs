//! What a server says when it refuses a request.

use super::error::ClusterError;
use serde_json::Value;

/// How much of a server's reason is quoted, in characters.
const QUOTED: usize = 500;

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The server doesn't have that part: OpenSearch without its plugins, Elasticsearch's OSS distribution.
    UnknownFeature,
    /// Something else.
    Other,
}

impl Refusal {
    /// Reads an answer that isn't a success. The texts are the servers' own.
    pub(super) fn of(status: u32, answer: &Value) -> Self {
        let said = answer["error"].as_str().or_else(|| answer["error"]["reason"].as_str()).unwrap_or_default();
        match status {
            400 | 405 if said.starts_with("no handler found for uri") => Self::UnknownFeature,
            405 if said.starts_with("Incorrect HTTP method for uri") => Self::UnknownFeature,
            410 => Self::UnknownFeature,
            _ => Self::Other,
        }
    }
}

/// What a server said, and what one can do about it.
pub(super) fn refused(method: &'static str, url: &str, status: u32, answer: &Value) -> ClusterError {
    let error = &answer["error"];
    let mut reason = error["reason"].as_str().or(error.as_str()).unwrap_or("no reason given").to_string();
    // Elasticsearch puts the reason proper behind one that only tells what was tried.
    let mut cause = &error["caused_by"];
    while let Some(deeper) = cause["reason"].as_str() {
        reason = format!("{reason}: {deeper}");
        cause = &cause["caused_by"];
    }
    let reason = reason.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let way_out = match status {
        401 => "; set user and password_file, or api_key_file, to what the cluster takes",
        403 => "; the user needs the cluster's privileges to manage index templates and policies",
        409 => "; somebody else changed it meanwhile, run this again",
        429 | 500.. => "; see the cluster's log, and run this again when it is well",
        _ => "",
    };
    ClusterError::Refused { method, url: url.to_string(), status, reason, way_out }
}
