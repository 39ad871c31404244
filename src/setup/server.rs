//! Requests to a cluster's host.

use super::{error::ClusterError, refusal::refused};
use crate::{
    config::Elasticsearch,
    sink::{Failure, Kind, Product, Requester},
};
use serde_json::Value;

/// The first Elasticsearch with composable templates:
/// <https://www.elastic.co/guide/en/elasticsearch/reference/7.8/release-highlights.html>
const OLDEST: (u32, u32) = (7, 8);

/// A host that answers.
pub(super) struct Server {
    requester: Requester,
    url: String,
    shown: String,
}

impl Server {
    /// Finds the first of an output's hosts that answers, and its product.
    ///
    /// # Errors
    /// When no host answers (with the reason of each), the host that answers isn't supported, or libcurl's log can't be
    /// opened.
    pub(super) fn find(output: &str, config: &Elasticsearch) -> Result<(Self, Product), ClusterError> {
        let requester = Requester::new(output, &config.client, &config.shown_urls().collect::<Vec<_>>());
        let mut requester = requester.map_err(ClusterError::Log)?;
        let mut whys = Vec::new();
        for (url, shown) in config.urls.iter().zip(config.shown_urls()) {
            match requester.get(&format!("{url}/")) {
                Ok((200, answer)) => {
                    let product = match Product::read(&answer) {
                        Ok(product) => product,
                        Err(error) => return Err(ClusterError::Product { host: shown, error }),
                    };
                    if product.kind != Kind::OpenSearch && product.version < OLDEST {
                        return Err(ClusterError::TooOld { host: shown, product, least: OLDEST });
                    }
                    return Ok((Self { requester, url: url.clone(), shown }, product));
                }
                Ok((status, answer)) => whys.push(refused("GET", &format!("{shown}/"), status, &json(&answer))),
                Err(failure) => whys.push(ClusterError::Silent { host: shown, failure }),
            }
        }
        Err(ClusterError::NoHost(whys))
    }

    /// Its URL, for messages.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    fn unanswered(&self, method: &'static str, path: &str, failure: Failure) -> ClusterError {
        ClusterError::Request { method, url: format!("{}{path}", self.shown), failure }
    }

    /// Sends a GET for a path. Returns the status and the answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub(super) fn get(&mut self, path: &str) -> Result<(u32, Value), ClusterError> {
        let answer = self.requester.get(&format!("{}{path}", self.url));
        answer.map(|(status, body)| (status, json(&body))).map_err(|failure| self.unanswered("GET", path, failure))
    }

    /// Sends a PUT of `body` to a path. Returns the status and the answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub(super) fn put(&mut self, path: &str, body: &Value) -> Result<(u32, Value), ClusterError> {
        let answer = self.requester.put(&format!("{}{path}", self.url), body.to_string().as_bytes());
        answer.map(|(status, body)| (status, json(&body))).map_err(|failure| self.unanswered("PUT", path, failure))
    }
}

/// An answer as JSON. An answer that isn't JSON becomes null.
fn json(answer: &[u8]) -> Value {
    serde_json::from_slice(answer).unwrap_or(Value::Null)
}
