//! This host's name.

use dns_lookup::{AddrInfoHints, getaddrinfo};
use std::{sync::mpsc, thread, time::Duration};

/// `AI_CANONNAME` of `<netdb.h>`: 2 on Linux, with every C library.
const AI_CANONNAME: i32 = 2;
/// A name server that doesn't answer must not keep records waiting.
const PATIENCE: Duration = Duration::from_secs(2);

/// The fully qualified host name, or the short one where nothing knows better in time.
pub fn fully_qualified_name() -> String {
    let name = nix::unistd::gethostname().map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned());
    let name = if name.is_empty() { "localhost".to_string() } else { name };
    if name.contains('.') {
        return name;
    }
    let (sender, receiver) = mpsc::channel();
    let asked = name.clone();
    let resolver = thread::Builder::new().name("resolver".into()).spawn(move || {
        let hints = AddrInfoHints { flags: AI_CANONNAME, ..AddrInfoHints::default() };
        let canonical = getaddrinfo(Some(&asked), None, Some(hints)).ok().and_then(|mut found| {
            let first = found.next()?.ok()?;
            first.canonname.filter(|name| !name.is_empty())
        });
        // Nobody waits any more when the answer is late.
        let _ = sender.send(canonical);
    });
    let canonical = resolver.ok().and_then(|_| receiver.recv_timeout(PATIENCE).ok().flatten());
    canonical.unwrap_or(name)
}
