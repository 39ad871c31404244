//! This host: its names and its machine-id.

use dns_lookup::{AddrInfoHints, getaddrinfo};
use std::{fs, sync::mpsc, thread, time::Duration};

/// `AI_CANONNAME` of `<netdb.h>`: 2 on Linux, with every C library.
const AI_CANONNAME: i32 = 2;
/// How long to wait for name servers while records are waiting.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the kernel shows the id of this boot (random(4)): a UUID.
pub const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How long the caller can wait for name servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Without limit.
    Patient,
    /// Two seconds, since records are waiting.
    Soon,
}

/// The names and the id of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The fully qualified name, or the short one if the full one can't be found.
    pub name: String,
    /// The kernel's name of the host (gethostname(2)), without asking name servers.
    pub kernel_name: String,
    /// The machine-id (machine-id(5)): 32 hex digits, or empty if there is none.
    pub machine_id: String,
}

impl Host {
    /// The host that this program runs on.
    pub fn local(lookup: Lookup) -> Self {
        let name = match lookup {
            Lookup::Patient => fully_qualified_name(),
            Lookup::Soon => fully_qualified_name_soon(),
        };
        Self { name, kernel_name: kernel_name(), machine_id: machine_id() }
    }

    /// True when `node` is a name of this host that auditd writes into its records: the kernel's name, or the fully
    /// qualified one (`name_format` in auditd.conf(5)), or one of these without its domain. Hosts whose own name can't
    /// be found are all called localhost, so that name counts only when it is the kernel's.
    pub fn is_called(&self, node: &[u8]) -> bool {
        let names = [self.kernel_name.as_str(), self.name.as_str()];
        names.into_iter().any(|name| {
            let is_own = name == self.kernel_name || short(name) != "localhost";
            let is = |name: &str| !name.is_empty() && node.eq_ignore_ascii_case(name.as_bytes());
            is_own && (is(name) || is(short(name)))
        })
    }
}

/// A host's name without its domain.
fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// The kernel's name of this host.
pub fn kernel_name() -> String {
    nix::unistd::gethostname().map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned())
}

/// The kernel's name of this host: `Ok` if it is fully qualified, `Err` if it is short.
fn own_name() -> Result<String, String> {
    let name = kernel_name();
    match name.as_str() {
        "" => Err("localhost".to_string()),
        _ if name.contains('.') => Ok(name),
        _ => Err(name),
    }
}

/// The fully qualified name of a host, from `/etc/hosts` or a name server.
fn canonical(name: &str) -> Option<String> {
    let hints = AddrInfoHints { flags: AI_CANONNAME, ..AddrInfoHints::default() };
    let first = getaddrinfo(Some(name), None, Some(hints)).ok()?.next()?.ok()?;
    first.canonname.filter(|name| !name.is_empty())
}

/// The fully qualified host name, or the short one if the full one can't be found. Waits for name servers.
fn fully_qualified_name() -> String {
    own_name().unwrap_or_else(|short| canonical(&short).unwrap_or(short))
}

/// Like [`fully_qualified_name`], but waits [`LOOKUP_TIMEOUT`] at most, because records are waiting.
fn fully_qualified_name_soon() -> String {
    own_name().unwrap_or_else(|short| {
        let (sender, receiver) = mpsc::channel();
        let asked = short.clone();
        let resolver = thread::Builder::new().name("resolver".into()).spawn(move || {
            // This fails when the answer comes too late: nobody waits for it any more.
            let _ = sender.send(canonical(&asked));
        });
        resolver.ok().and_then(|_| receiver.recv_timeout(LOOKUP_TIMEOUT).ok().flatten()).unwrap_or(short)
    })
}

/// The host's machine-id (machine-id(5)): 32 hex digits, or empty if there is none.
fn machine_id() -> String {
    // A system without systemd may have only the file of D-Bus.
    let files = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
    let ids = files.iter().filter_map(|file| Some(fs::read_to_string(file).ok()?.trim().to_string()));
    ids.into_iter().find(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_called_by_its_own_names() {
        let called = |kernel_name: &str, name: &str, node: &str| {
            let host = Host { name: name.into(), kernel_name: kernel_name.into(), machine_id: String::new() };
            host.is_called(node.as_bytes())
        };
        for node in ["web1", "web1.example.com", "WEB1.Example.Com"] {
            assert!(called("web1", "web1.example.com", node), "{node}");
            assert!(called("web1.example.com", "web1.example.com", node), "{node}");
        }
        assert!(!called("web1", "web1.example.com", "web1.example.org"));
        assert!(!called("web1", "web1.example.com", "web"));
        assert!(!called("web1", "web1.example.com", ""));
        assert!(!called("", "localhost", "localhost") && !called("web1", "localhost.localdomain", "localhost"));
        assert!(called("localhost", "localhost", "localhost"));
    }
}
