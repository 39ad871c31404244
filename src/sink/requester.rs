//! Requests from outside a sink, one at a time. They use the sink's certificates, login and proxy.

use super::{
    connection::{Connection, CurlLog, Failure, Method, Reached, Request, Wanted},
    status::SinkStatus,
    verification::warn_of_no_verification,
};
use crate::config::HttpClient;
use std::{io, sync::Arc, time::Duration};

/// The most bytes that an answer may have.
const MOST_BYTES: usize = 16 << 20;

/// Makes requests.
pub(crate) struct Requester {
    connection: Connection,
    timeout: Duration,
}

impl Requester {
    /// Takes the settings of the output named `output`; `servers` are its servers, for messages. Doesn't connect yet.
    ///
    /// # Errors
    /// When libcurl's log can't be opened.
    pub(crate) fn new(output: &str, client: &HttpClient, servers: &[String]) -> io::Result<Self> {
        curl::init();
        warn_of_no_verification(output, &client.tls, &servers.join(", "));
        let shared = Arc::new(SinkStatus::new(output));
        let connection = Connection::new(client, &shared, CurlLog::new(client)?, servers.len());
        Ok(Self { connection, timeout: client.timeout })
    }

    /// The same, but each request takes no longer than `timeout`.
    #[must_use]
    pub(crate) fn within(self, timeout: Duration) -> Self {
        Self { timeout: self.timeout.min(timeout), ..self }
    }

    /// Sends a GET. Returns the answer's status and body.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) fn get(&mut self, url: &str) -> Result<(u32, Vec<u8>), Failure> {
        self.request(url, Method::Get, b"")
    }

    /// Sends a HEAD. Returns the answer's status.
    ///
    /// # Errors
    /// As [`Requester::get`].
    pub(crate) fn head(&mut self, url: &str) -> Result<u32, Failure> {
        self.request(url, Method::Head, b"").map(|(status, _)| status)
    }

    /// Sends a PUT of JSON. Returns the answer's status and body.
    ///
    /// # Errors
    /// As [`Requester::get`].
    pub(crate) fn put(&mut self, url: &str, json: &[u8]) -> Result<(u32, Vec<u8>), Failure> {
        self.request(url, Method::Put("application/json"), json)
    }

    /// Sends a POST of JSON. Returns the answer's status and body.
    ///
    /// # Errors
    /// As [`Requester::get`].
    pub(crate) fn post(&mut self, url: &str, json: &[u8]) -> Result<(u32, Vec<u8>), Failure> {
        self.request(url, Method::Post("application/json"), json)
    }

    /// How the last request that was answered came to its server. None if there was none.
    pub(crate) fn reached(&mut self) -> Option<Reached> {
        self.connection.reached()
    }

    fn request(&mut self, url: &str, method: Method, body: &[u8]) -> Result<(u32, Vec<u8>), Failure> {
        let request = Request { url, method, timeout: self.timeout, answer: Wanted::All(MOST_BYTES) };
        let reply = self.connection.request(request, |out| out.write_all(body))?;
        Ok((reply.status, reply.body))
    }
}
