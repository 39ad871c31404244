//! A server that runs ingest pipelines as Elasticsearch 8 does: noida-db.

use super::{cannot_run, opensearch::ask};
use serde_json::Value;
use std::{
    env,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

/// Runs the server until standard input ends, so that it never outlives the test.
const SCRIPT: &str = r#""$0" start --only elasticsearch --elasticsearch-port 0 --data-dir "$1" & cat; kill $!; wait"#;

/// A running server. Dropping this value stops it.
pub struct Noida {
    child: Child,
    /// The server's URL, without a slash at the end.
    pub url: String,
    /// The server's standard output. The server writes to it later too, so it stays open.
    _stdout: Lines<BufReader<ChildStdout>>,
    /// Where the server keeps its data.
    _dir: tempfile::TempDir,
}

/// Returns the server's path: `NOIDA_DB_BIN` if set, otherwise the place where `make deps` installs it.
fn binary() -> PathBuf {
    match env::var_os("NOIDA_DB_BIN") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/noida/noida_db/noida-db"),
    }
}

impl Noida {
    /// Starts an empty server on a free port. Returns `None` if the server isn't installed, and prints the reason.
    pub fn start() -> Option<Self> {
        let binary = binary();
        if !binary.exists() {
            cannot_run("ingest pipelines", "no target/noida: run `make target/noida`, or set NOIDA_DB_BIN");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]).arg(binary).arg(dir.path());
        // The dynamic linker warns of a symbol that isn't used.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = |line: String| line.trim().strip_prefix("elasticsearch ").map(|url| url.trim().to_string());
        let url = stdout.by_ref().map_while(Result::ok).find_map(address).expect("noida-db prints its address");
        Some(Self { child, url, _stdout: stdout, _dir: dir })
    }

    /// Makes a request and returns the response body. The status must be 2xx.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = ask(&self.url, method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status}: {answer}");
        answer
    }

    /// Refreshes the indexes that match a pattern, and returns all documents that a query finds in them.
    pub fn search(&self, indexes: &str, query: &Value) -> Vec<Value> {
        self.ask("POST", &format!("/{indexes}/_refresh"), None);
        let body = serde_json::json!({"size": 1000, "query": query});
        let answer = self.ask("POST", &format!("/{indexes}/_search"), Some(&body));
        answer["hits"]["hits"].as_array().unwrap().iter().map(|hit| hit["_source"].clone()).collect()
    }
}

impl Drop for Noida {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
