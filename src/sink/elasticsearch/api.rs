//! Requests from outside the sink. They use the sink's certificates, login and proxy.

use super::super::{
    connection::{Connection, CurlLog, Failure, Method, Request, Wanted},
    status::SinkStatus,
    verification::warn_of_no_verification,
};
use crate::config::Elasticsearch;
use std::{io, sync::Arc, time::Duration};

/// The most bytes that an answer may have.
const MOST_BYTES: usize = 16 << 20;

/// Makes requests, one at a time.
pub(crate) struct Requester {
    connection: Connection,
    timeout: Duration,
}

impl Requester {
    /// Takes the settings of the output named `output`. Doesn't connect yet.
    ///
    /// # Errors
    /// When libcurl's log can't be opened.
    pub(crate) fn new(output: &str, config: &Elasticsearch) -> io::Result<Self> {
        curl::init();
        let client = &config.client;
        warn_of_no_verification(output, &client.tls, &config.shown_urls().collect::<Vec<_>>().join(", "));
        let shared = Arc::new(SinkStatus::new(output));
        let connection = Connection::new(client, &shared, CurlLog::new(client)?, config.urls.len());
        Ok(Self { connection, timeout: client.timeout })
    }

    /// Sends a GET. Returns the answer's status and body.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) fn get(&mut self, url: &str) -> Result<(u32, Vec<u8>), Failure> {
        self.request(url, Method::Get, b"")
    }

    /// Sends a PUT of JSON. Returns the answer's status and body.
    ///
    /// # Errors
    /// As [`Requester::get`].
    pub(crate) fn put(&mut self, url: &str, json: &[u8]) -> Result<(u32, Vec<u8>), Failure> {
        self.request(url, Method::Put("application/json"), json)
    }

    fn request(&mut self, url: &str, method: Method, body: &[u8]) -> Result<(u32, Vec<u8>), Failure> {
        let request = Request { url, method, timeout: self.timeout, answer: Wanted::All(MOST_BYTES) };
        let reply = self.connection.request(request, |out| out.write_all(body))?;
        Ok((reply.status, reply.body))
    }
}
