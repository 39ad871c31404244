//! A server that answers as Elasticsearch does, correctly or badly (tests/tools/elasticsearch.py). Several servers can
//! be the hosts of one cluster.

use super::{PYTHON, json, server::Certificates, tool, wait_until};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// One host of a cluster. Dropping this value stops it.
pub struct Host {
    child: Child,
    /// The URL that requests go to.
    pub url: String,
    pub port: u16,
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The state that the hosts share: the indexes, the behaviour, and the expected login.
pub struct Cluster {
    store: PathBuf,
}

impl Cluster {
    pub fn new(dir: &Path) -> Self {
        let store = dir.join("cluster");
        fs::create_dir_all(&store).unwrap();
        Self { store }
    }

    /// Starts a host without TLS on any free port. elasticsearch.py lists the behaviours.
    pub fn host(&self, behaviour: &str) -> Host {
        self.start(behaviour, None, 0)
    }

    /// Starts a host on this port (0: any free port). It uses TLS if there are certificates.
    pub fn start(&self, behaviour: &str, certificates: Option<&Certificates>, port: u16) -> Host {
        let mut command = Command::new(PYTHON);
        command.arg(tool("elasticsearch.py")).arg(behaviour).arg(&self.store).arg(port.to_string());
        if let Some(certificates) = certificates {
            command.arg(certificates.dir.path());
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        let scheme = if certificates.is_some() { "https" } else { "http" };
        Host { child, url: format!("{scheme}://localhost:{port}"), port }
    }

    fn write(&self, name: &str, text: &str) {
        let new = self.store.join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.store.join(name)).unwrap();
    }

    /// Changes the behaviour of all hosts from now on, except hosts that [`Self::host_behaves`] has changed.
    pub fn behave(&self, how: &str) {
        self.write("behaviour", how);
    }

    /// Changes the behaviour of one host from now on.
    pub fn host_behaves(&self, host: &Host, how: &str) {
        self.write(&format!("{}.behaviour", host.port), how);
    }

    /// Sets the `Authorization` header that all hosts require from now on.
    pub fn expect_login(&self, authorization: &str) {
        self.write("login", authorization);
    }

    /// Switches security on, and sets the index privileges that the user has.
    pub fn grant(&self, privileges: &str) {
        self.write("privileges", privileges);
    }

    /// Returns the documents of every index, by index name and document id.
    pub fn indexes(&self) -> BTreeMap<String, BTreeMap<String, Value>> {
        let names = |dir: &Path| -> Vec<String> {
            let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        let all = self.store.join("indexes");
        let documents = |index: &str| {
            let dir = all.join(index);
            let document = |id: String| (id.clone(), json::lines(&fs::read(dir.join(&id)).unwrap()).remove(0));
            names(&dir).into_iter().map(document).collect()
        };
        names(&all).into_iter().map(|index| (index.clone(), documents(&index))).collect()
    }

    /// Returns the number of documents in all indexes.
    pub fn count(&self) -> usize {
        let Ok(indexes) = fs::read_dir(self.store.join("indexes")) else { return 0 };
        indexes.map(|index| fs::read_dir(index.unwrap().path()).unwrap().count()).sum()
    }

    /// Returns the documents of all indexes.
    pub fn documents(&self) -> Vec<Value> {
        self.indexes().into_values().flat_map(BTreeMap::into_values).collect()
    }

    /// Returns the requests that a host received.
    pub fn requests(&self, host: &Host) -> Vec<Value> {
        let lines = fs::read(self.store.join(format!("{}.requests", host.port))).unwrap();
        let whole = lines.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        json::lines(&lines[..whole])
    }

    /// Returns the bulk requests (POST) that a host received.
    pub fn bulks(&self, host: &Host) -> Vec<Value> {
        self.requests(host).into_iter().filter(|request| request["method"] == "POST").collect()
    }

    /// Returns how often a host processed (stored or refused) each document, by document id.
    pub fn sent(&self, host: &Host) -> BTreeMap<String, usize> {
        let mut sent = BTreeMap::new();
        for request in self.bulks(host) {
            for id in request["ids"].as_array().into_iter().flatten() {
                *sent.entry(id[1].as_str().unwrap().to_string()).or_default() += 1;
            }
        }
        sent
    }

    /// Waits until the cluster holds at least this many documents.
    pub fn wait_for(&self, count: usize) {
        wait_until(&format!("{count} documents"), || self.count() >= count);
    }

    /// Returns the errors inside the hosts themselves (Python tracebacks), or an empty string.
    pub fn errors(&self) -> String {
        fs::read_to_string(self.store.join("errors")).unwrap_or_default()
    }
}
