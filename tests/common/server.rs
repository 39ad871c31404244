//! A real HTTP or HTTPS server for documents, in a process of its own (tests/tools/server.py), so that it shares
//! nothing with the program under test.

use super::{PYTHON, json, tool, wait_until};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
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

    /// A client's certificate and key, made anew with this serial number.
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

    /// The documents that it answered with 2xx, in the order of their answers; those of arrays one by one.
    pub fn documents(&self) -> Vec<serde_json::Value> {
        let lines = json::lines(&self.bodies()).into_iter();
        lines.flat_map(|line| if let serde_json::Value::Array(all) = line { all } else { vec![line] }).collect()
    }

    /// The serials it has got, by connection, in the order they came on it.
    pub fn serials_by_connection(&self) -> BTreeMap<String, Vec<usize>> {
        let numbers = fs::read_to_string(self.received.with_extension("connections")).unwrap_or_default();
        let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, line) in numbers.lines().zip(json::lines(&self.bodies())) {
            let documents = if let serde_json::Value::Array(all) = line { all } else { vec![line] };
            all.entry(number.to_string()).or_default().extend(super::serials(&documents));
        }
        all
    }

    /// The gaps in serials that were reported to it.
    pub fn gaps(&self) -> Vec<(usize, usize)> {
        let gaps = self.documents().into_iter().filter(|d| d["category"] == "audit_gap");
        let number = |d: &serde_json::Value, name: &str| d["details"][name].as_str().unwrap().parse().unwrap();
        gaps.map(|d| (number(&d, "from"), number(&d, "to"))).collect()
    }

    /// The headers of each request.
    pub fn headers(&self) -> Vec<serde_json::Value> {
        json::lines(&fs::read(self.received.with_extension("headers")).unwrap_or_default())
    }

    /// Makes it behave differently from now on.
    pub fn behave(&self, behaviour: &str) {
        let new = self.received.with_extension("behaviour-new");
        fs::write(&new, behaviour).unwrap();
        fs::rename(new, self.received.with_extension("behaviour")).unwrap();
    }

    /// With behaviour "login": what it wants to be told.
    pub fn expect_login(&self, authorization: &str) {
        fs::write(self.received.with_extension("login"), authorization).unwrap();
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
        wait_until(&format!("{count} documents"), || self.bodies().iter().filter(|b| **b == b'\n').count() >= count);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
