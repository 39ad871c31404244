//! Reads a server's answer to a request that it refuses.

use super::error::ClusterError;
use serde_json::Value;

/// The most characters of a server's reason that a message quotes.
const QUOTED: usize = 500;

/// The kind of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The server lacks the feature: OpenSearch without its plugins, Elasticsearch's OSS distribution, or a cluster
    /// without nodes for it.
    UnknownFeature,
    /// Any other refusal.
    Other,
}

impl Refusal {
    /// Reads an answer that isn't a success. The texts are those that servers send.
    pub(super) fn of(status: u32, answer: &Value) -> Self {
        let said = answer["error"].as_str().or_else(|| answer["error"]["reason"].as_str()).unwrap_or_default();
        match status {
            400 | 405 if said.starts_with("no handler found for uri") => Self::UnknownFeature,
            405 if said.starts_with("Incorrect HTTP method for uri") => Self::UnknownFeature,
            410 => Self::UnknownFeature,
            // No node of the cluster runs ingest pipelines.
            500 if said == "Ingest info is empty" => Self::UnknownFeature,
            _ => Self::Other,
        }
    }
}

/// Makes the error for a refused request, with the server's reason and a remedy.
pub(super) fn refused(method: &'static str, url: &str, status: u32, answer: &Value) -> ClusterError {
    let error = &answer["error"];
    let mut reason = error["reason"].as_str().or(error.as_str()).unwrap_or("no reason given").to_string();
    // Elasticsearch's first reason only names the operation that failed. The real reason is in `caused_by`.
    let mut cause = &error["caused_by"];
    while let Some(deeper) = cause["reason"].as_str() {
        reason = format!("{reason}: {deeper}");
        cause = &cause["caused_by"];
    }
    let reason = reason.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let way_out = match status {
        401 => "; set user and password_file, or api_key_file, to credentials that the cluster accepts",
        403 => "; the user needs the cluster's privileges to manage index templates, ingest pipelines and policies",
        409 => "; somebody else has changed it meanwhile: run this again",
        429 | 500.. => "; see the cluster's log, and run this again when the cluster works",
        _ => "",
    };
    ClusterError::Refused { method, url: url.to_string(), status, reason, way_out }
}
