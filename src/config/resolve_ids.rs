//! The key of `[input]` that says whose ids are looked up on this host.

use super::key::{About, Key, one, put};
use crate::auparse::ResolveIds;

/// The values of the key.
pub const RESOLVE_IDS: &str = "local, always or never";

/// The setting of that name.
pub fn resolve_ids(name: &str) -> Option<ResolveIds> {
    match name {
        "local" => Some(ResolveIds::Local),
        "always" => Some(ResolveIds::Always),
        "never" => Some(ResolveIds::Never),
        _ => None,
    }
}

/// The key.
pub(super) static KEYS: &[Key<ResolveIds>] = &[Key {
    about: About {
        name: "resolve_ids",
        value: "**local** | **always** | **never**",
        default: "local",
        doc: "The events for which the names of users and groups are looked up on this host. **local**: those whose \
              records have no *node*, or a *node* that is a name of this host. **always**: all events. **never**: no \
              events.",
        more: "The same id can belong to another user on another host. Names that auditd added to the records \
               (*log_format* = *ENRICHED*) always count. Names of this host are its short name and its fully qualified \
               name. If auditd writes another name or an address (*name_format* = *user* or *numeric*), use \
               **always**.\n\n\
               An id that is not looked up is shown as a number. Only 0 (root) and 4294967295 (unset) have their \
               names on every host.",
        ..About::NONE
    },
    set: |resolve, value| put(resolve, resolve_ids(value.text).ok_or(RESOLVE_IDS)),
    show: |resolve| {
        one(match resolve {
            ResolveIds::Local => "local",
            ResolveIds::Always => "always",
            ResolveIds::Never => "never",
        })
    },
}];
