//! A real HTTP or HTTPS server for documents, in a process of its own (tests/tools/server.py), so that it shares
//! nothing with the program under test.

use super::{PYTHON, json, tool, wait_until};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A server; it ends with this.
pub struct Server {
    child: Child,
    /// Where to post.
    pub url: String,
    received: PathBuf,
}

/// Certificates for "localhost", made anew.
pub struct Certificates {
    pub dir: tempfile::TempDir,
}

impl Certificates {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let run = |args: &str| {
            let status = Command::new("openssl").args(args.split(' ')).current_dir(dir.path()).output().unwrap();
            assert!(status.status.success(), "openssl {args}: {status:?}");
        };
        run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=auship-test-ca \
             -keyout ca.key -out ca.pem");
        run(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout key.pem -out csr.pem",
        );
        fs::write(dir.path().join("san"), "subjectAltName=DNS:localhost").unwrap();
        run("x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out cert.pem");
        Self { dir }
    }

    /// The CA's certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }
}

impl Server {
    /// A plain HTTP server with a behaviour of server.py.
    pub fn http(dir: &Path, behaviour: &str) -> Self {
        Self::start(dir, behaviour, None, 0)
    }

    /// An HTTPS server.
    pub fn https(dir: &Path, behaviour: &str, certificates: &Certificates) -> Self {
        Self::start(dir, behaviour, Some(certificates), 0)
    }

    /// As those, on a port of one's choice (0: any).
    pub fn start(dir: &Path, behaviour: &str, certificates: Option<&Certificates>, port: u16) -> Self {
        let received = dir.join(format!("received-{}", std::process::id()));
        let mut command = Command::new(PYTHON);
        command.arg(tool("server.py")).arg(behaviour).arg(&received).arg(port.to_string());
        if let Some(certificates) = certificates {
            command.arg(certificates.dir.path());
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let scheme = if certificates.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}/events", line.trim());
        Self { child, url, received }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap()
    }

    /// The documents that it answered with 2xx, in the order of their answers.
    pub fn documents(&self) -> Vec<serde_json::Value> {
        json::lines(&self.bodies())
    }

    /// Their bodies, a line each.
    pub fn bodies(&self) -> Vec<u8> {
        fs::read(&self.received).unwrap_or_default()
    }

    /// How many connections and requests it has seen.
    pub fn seen(&self) -> (usize, usize) {
        let text = fs::read_to_string(self.received.with_extension("seen")).unwrap_or_default();
        let count = |what: char| text.chars().filter(|c| *c == what).count();
        (count('c'), count('r'))
    }

    /// Waits for so many documents.
    pub fn wait_for(&self, count: usize) {
        wait_until(&format!("{count} documents"), Duration::from_secs(30), || {
            self.bodies().iter().filter(|b| **b == b'\n').count() >= count
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
