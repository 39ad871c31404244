//! A real HTTP or HTTPS server that receives documents. It runs in its own process (tests/tools/server.py), so that it
//! shares nothing with the program under test.

use super::{PYTHON, json, tool, wait_until};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A test server. Dropping this value stops it.
pub struct Server {
    child: Child,
    /// The URL for requests.
    pub url: String,
    received: PathBuf,
}

/// A new CA and a new server certificate for "localhost", in a temporary directory.
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

    /// Creates a client certificate with this serial number and its key, and returns the paths of both files.
    pub fn client(&self, serial: u32) -> (PathBuf, PathBuf) {
        let run = |args: String| {
            let status = Command::new("openssl").args(args.split(' ')).current_dir(self.dir.path()).output().unwrap();
            assert!(status.status.success(), "openssl {args}: {status:?}");
        };
        run(format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=client -keyout client{serial}.key \
             -out client.csr"
        ));
        run(format!(
            "x509 -req -in client.csr -CA ca.pem -CAkey ca.key -set_serial {serial} -days 2 -out client{serial}.pem"
        ));
        let path = |name: String| self.dir.path().join(name);
        fs::set_permissions(path(format!("client{serial}.key")), fs::Permissions::from_mode(0o600)).unwrap();
        (path(format!("client{serial}.pem")), path(format!("client{serial}.key")))
    }

    /// Returns the path of the CA certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }
}

impl Server {
    /// Starts a plain HTTP server. server.py lists the possible behaviours.
    pub fn http(dir: &Path, behaviour: &str) -> Self {
        Self::start(dir, behaviour, None, 0)
    }

    /// Starts an HTTPS server.
    pub fn https(dir: &Path, behaviour: &str, certificates: &Certificates) -> Self {
        Self::start(dir, behaviour, Some(certificates), 0)
    }

    /// Starts a server on this port (0: any free port). It uses HTTPS if there are certificates.
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

    /// Returns the port that the server listens on.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap()
    }

    /// Returns the documents that the server accepted (status 2xx), in that order. Splits arrays into their documents.
    pub fn documents(&self) -> Vec<serde_json::Value> {
        let lines = json::lines(&self.bodies()).into_iter();
        lines.flat_map(|line| if let serde_json::Value::Array(all) = line { all } else { vec![line] }).collect()
    }

    /// Returns the serials of the accepted documents for each connection, in the order of their arrival there.
    pub fn serials_by_connection(&self) -> BTreeMap<String, Vec<usize>> {
        let numbers = fs::read_to_string(self.received.with_extension("connections")).unwrap_or_default();
        let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, line) in numbers.lines().zip(json::lines(&self.bodies())) {
            let documents = if let serde_json::Value::Array(all) = line { all } else { vec![line] };
            all.entry(number.to_string()).or_default().extend(super::serials(&documents));
        }
        all
    }

    /// Returns the gaps in the serials that the accepted documents report, as first and last serial.
    pub fn gaps(&self) -> Vec<(usize, usize)> {
        let gaps = self.documents().into_iter().filter(|d| d["category"] == "audit_gap");
        let number = |d: &serde_json::Value, name: &str| d["details"][name].as_str().unwrap().parse().unwrap();
        gaps.map(|d| (number(&d, "from"), number(&d, "to"))).collect()
    }

    /// Returns the headers of each request.
    pub fn headers(&self) -> Vec<serde_json::Value> {
        json::lines(&fs::read(self.received.with_extension("headers")).unwrap_or_default())
    }

    /// Changes the behaviour of the server from now on.
    pub fn behave(&self, behaviour: &str) {
        let new = self.received.with_extension("behaviour-new");
        fs::write(&new, behaviour).unwrap();
        fs::rename(new, self.received.with_extension("behaviour")).unwrap();
    }

    /// Sets the `Authorization` header that the server requires with behaviour "login".
    pub fn expect_login(&self, authorization: &str) {
        fs::write(self.received.with_extension("login"), authorization).unwrap();
    }

    /// Returns the bodies of the accepted requests (status 2xx), one per line.
    pub fn bodies(&self) -> Vec<u8> {
        fs::read(&self.received).unwrap_or_default()
    }

    /// Returns the numbers of connections and requests that the server has seen.
    pub fn seen(&self) -> (usize, usize) {
        let text = fs::read_to_string(self.received.with_extension("seen")).unwrap_or_default();
        let count = |what: char| text.chars().filter(|c| *c == what).count();
        (count('c'), count('r'))
    }

    /// Waits until the server has accepted this many requests (as many documents, if there are no batches).
    pub fn wait_for(&self, count: usize) {
        wait_until(&format!("{count} documents"), || self.bodies().iter().filter(|b| **b == b'\n').count() >= count);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
