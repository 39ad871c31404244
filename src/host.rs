//! This host: its names and its machine-id.

use dns_lookup::{AddrInfoHints, getaddrinfo};
use std::{fs, sync::mpsc, thread, time::Duration};

/// `AI_CANONNAME` of `<netdb.h>`: 2 on Linux, with every C library.
const AI_CANONNAME: i32 = 2;
/// A name server that doesn't answer must not keep records waiting.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the caller can wait for name servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// As long as they take.
    Patient,
    /// Two seconds, since records are waiting.
    Soon,
}

/// What is known of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The fully qualified name, or the short one where nothing knows better.
    pub name: String,
    /// The name that the kernel has (gethostname(2)), whatever name servers make of it.
    pub kernel_name: String,
    /// The machine-id (machine-id(5)): 32 hex digits; empty where there is none.
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
}

/// The name that the kernel has for this host.
pub fn kernel_name() -> String {
    nix::unistd::gethostname().map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned())
}

/// The name that the kernel has for this host, and whether it is a whole one.
fn own_name() -> Result<String, String> {
    let name = kernel_name();
    match name.as_str() {
        "" => Err("localhost".to_string()),
        _ if name.contains('.') => Ok(name),
        _ => Err(name),
    }
}

/// What `/etc/hosts` or a name server calls a host in full.
fn canonical(name: &str) -> Option<String> {
    let hints = AddrInfoHints { flags: AI_CANONNAME, ..AddrInfoHints::default() };
    let first = getaddrinfo(Some(name), None, Some(hints)).ok()?.next()?.ok()?;
    first.canonname.filter(|name| !name.is_empty())
}

/// The fully qualified host name, or the short one where nothing knows better; waits for name servers.
fn fully_qualified_name() -> String {
    own_name().unwrap_or_else(|short| canonical(&short).unwrap_or(short))
}

/// As [`fully_qualified_name`], for when records are waiting: the short name where nothing knows better soon.
fn fully_qualified_name_soon() -> String {
    own_name().unwrap_or_else(|short| {
        let (sender, receiver) = mpsc::channel();
        let asked = short.clone();
        let resolver = thread::Builder::new().name("resolver".into()).spawn(move || {
            // Nobody waits any more when the answer is late.
            let _ = sender.send(canonical(&asked));
        });
        resolver.ok().and_then(|_| receiver.recv_timeout(LOOKUP_TIMEOUT).ok().flatten()).unwrap_or(short)
    })
}

/// The host's machine-id (machine-id(5)): 32 hex digits, or nothing where there is none.
fn machine_id() -> String {
    // A system without systemd may have D-Bus' alone.
    let files = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
    let ids = files.iter().filter_map(|file| Some(fs::read_to_string(file).ok()?.trim().to_string()));
    ids.into_iter().find(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).unwrap_or_default()
}
