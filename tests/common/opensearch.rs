//! A real search server: osmem-server, which keeps an OpenSearch's indexes in memory.

use super::cannot_run;
use serde_json::Value;
use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A running server. Dropping this value stops it.
pub struct OpenSearch {
    child: Child,
    /// The server's URL, without a slash at the end.
    pub url: String,
}

/// Returns the server's path: `OSMEM_SERVER_BIN` if set, otherwise the place where `make deps` installs it.
fn binary() -> PathBuf {
    match env::var_os("OSMEM_SERVER_BIN") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/osmem/osmem_server/bin/osmem-server"),
    }
}

impl OpenSearch {
    /// Starts an empty server on a free port. Returns `None` if the server isn't installed, and prints the reason.
    pub fn start() -> Option<Self> {
        Self::start_at(0)
    }

    /// Does the same as [`OpenSearch::start`], but on the given port.
    pub fn start_at(port: u16) -> Option<Self> {
        let binary = binary();
        if !binary.exists() {
            cannot_run("OpenSearch", "no target/osmem: run `make target/osmem`, or set OSMEM_SERVER_BIN");
            return None;
        }
        let mut command = Command::new(binary);
        command.args(["-no-ja", "-addr", &format!("127.0.0.1:{port}")]);
        // The server stops when its standard input is closed, so it never outlives the test.
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("osmem-server said {line:?}: {e}"));
        let url = started["url"].as_str().unwrap().to_string();
        Some(Self { child, url })
    }

    /// Makes a request and returns the response body. The status must be 2xx.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = ask(&self.url, method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status}: {answer}");
        answer
    }

    /// Returns all documents that a Lucene query finds in the indexes that match a pattern. `*` finds every document.
    pub fn find(&self, indexes: &str, query: &str) -> Vec<Value> {
        self.search(indexes, &serde_json::json!({"query_string": {"query": query}}))
    }

    /// Does the same as [`OpenSearch::find`], but with a query in JSON of any kind.
    pub fn search(&self, indexes: &str, query: &Value) -> Vec<Value> {
        let body = serde_json::json!({"size": 10_000, "query": query});
        let answer = self.ask("POST", &format!("/{indexes}/_search"), Some(&body));
        let hits = answer["hits"]["hits"].as_array().unwrap();
        assert!(hits.len() < 10_000, "more hits than one answer holds");
        hits.iter().map(|hit| hit["_source"].clone()).collect()
    }

    /// Refreshes the indexes that match a pattern and returns the number of documents in them.
    pub fn count(&self, indexes: &str) -> u64 {
        self.ask("POST", &format!("/{indexes}/_refresh"), None);
        self.ask("GET", &format!("/{indexes}/_count"), None)["count"].as_u64().unwrap()
    }
}

/// Makes a request with a JSON body, and returns the status and the JSON response. Other responses become `Null`.
pub fn ask(url: &str, method: &str, path: &str, body: Option<&Value>) -> (u32, Value) {
    let mut easy = curl::easy::Easy::new();
    easy.url(&format!("{url}{path}")).unwrap();
    let mut headers = curl::easy::List::new();
    headers.append("Content-Type: application/json").unwrap();
    easy.http_headers(headers).unwrap();
    if let Some(body) = body {
        easy.post_fields_copy(body.to_string().as_bytes()).unwrap();
    }
    easy.custom_request(method).unwrap();
    let mut answer = Vec::new();
    let mut transfer = easy.transfer();
    transfer
        .write_function(|data| {
            answer.extend_from_slice(data);
            Ok(data.len())
        })
        .unwrap();
    transfer.perform().unwrap_or_else(|e| panic!("{method} {url}{path}: {e}"));
    drop(transfer);
    let answer = serde_json::from_slice(&answer).unwrap_or(Value::Null);
    (easy.response_code().unwrap(), answer)
}

impl Drop for OpenSearch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
