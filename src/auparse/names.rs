//! Decides whose ids are looked up on this host.

use crate::host::Host;

/// The records for which names of users and groups are looked up on this host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResolveIds {
    /// Those of this host: they name it as their node, or no node.
    #[default]
    Local,
    /// All of them.
    Always,
    /// None.
    Never,
}

/// Decides for each event whether ids are looked up on this host. The same id belongs to somebody else on another host.
#[derive(Clone, Debug, Default)]
pub struct NameLookup {
    rule: ResolveIds,
    host: Host,
}

impl NameLookup {
    /// A rule, and the host that counts as this one.
    pub fn new(rule: ResolveIds, host: &Host) -> Self {
        Self { rule, host: host.clone() }
    }

    /// True when the ids of an event of that node are looked up.
    pub fn is_allowed(&self, node: Option<&[u8]>) -> bool {
        match self.rule {
            ResolveIds::Always => true,
            ResolveIds::Never => false,
            ResolveIds::Local => node.is_none_or(|node| node.is_empty() || self.host.is_called(node)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_other_hosts_are_theirs() {
        let host = Host { name: "web1.example.com".into(), kernel_name: "web1".into(), machine_id: String::new() };
        let allowed = |rule, node: Option<&str>| NameLookup::new(rule, &host).is_allowed(node.map(str::as_bytes));
        for node in [None, Some("web1"), Some("web1.example.com")] {
            assert!(allowed(ResolveIds::Local, node), "{node:?}");
            assert!(!allowed(ResolveIds::Never, node), "{node:?}");
        }
        for node in ["web2", "web1.example.org", "web1.example.com.evil.org", "192.0.2.1"] {
            assert!(!allowed(ResolveIds::Local, Some(node)), "{node}");
            assert!(allowed(ResolveIds::Always, Some(node)), "{node}");
        }
    }
}
