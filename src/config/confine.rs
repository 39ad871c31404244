//! The keys of `[confine]`: what the running process gives up.

use super::{
    key::{About, Key, one, put, some},
    show, values,
};
use std::path::PathBuf;

/// The settings of the confinement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confine {
    /// The user that the process becomes when root started it. `None`: it stays root.
    pub run_as: Option<String>,
    /// Whether capabilities that the configuration doesn't need are given up.
    pub drop_capabilities: bool,
    /// Whether the process and its children can never gain privileges (`PR_SET_NO_NEW_PRIVS` in prctl(2)).
    pub no_new_privileges: bool,
    /// Whether files and TCP ports are restricted (landlock(7)).
    pub landlock: bool,
    /// Whether system calls are restricted (seccomp(2)).
    pub seccomp: bool,
    /// More TCP ports that the process may connect to.
    pub connect_ports: Vec<u16>,
    /// More files and directories that it may read.
    pub read_paths: Vec<PathBuf>,
    /// More directories that it may read and write.
    pub write_paths: Vec<PathBuf>,
}

impl Default for Confine {
    fn default() -> Self {
        Self {
            run_as: Some("auship".into()),
            drop_capabilities: true,
            no_new_privileges: true,
            landlock: true,
            seccomp: true,
            connect_ports: Vec::new(),
            read_paths: Vec::new(),
            write_paths: Vec::new(),
        }
    }
}

/// The word for no user.
const NONE: &str = "none";

fn ports(text: &str) -> Result<Vec<u16>, values::Expected> {
    let ports = text.split(',').map(|port| port.trim().parse().ok().filter(|port| *port > 0));
    ports.collect::<Option<_>>().ok_or("ports from 1 to 65535, separated by commas, as in 443, 9200")
}

fn paths(text: &str) -> Result<Vec<PathBuf>, String> {
    let paths: Vec<PathBuf> = text.split(',').map(|path| PathBuf::from(path.trim())).collect();
    match paths.iter().find(|path| !path.is_absolute()) {
        Some(path) => Err(format!("has {:?}, must be absolute paths, separated by commas", path.display().to_string())),
        None => Ok(paths),
    }
}

fn list<T: ToString>(entries: &[T]) -> Option<String> {
    (!entries.is_empty()).then(|| entries.iter().map(T::to_string).collect::<Vec<_>>().join(", "))
}

fn path_list(paths: &[PathBuf]) -> Option<String> {
    let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    list(&shown).map(|text| show::text(&text))
}

/// The keys of `[confine]`.
pub(super) static KEYS: &[Key<Confine>] = &[
    Key {
        about: About {
            name: "run_as",
            value: "*USER* | **none**",
            default: "auship",
            doc: "The user that **auship** runs as when root starts it, with this user's groups. **none**: it stays \
                  root.",
            more: "If there is no such user, **auship** reports this and stays root. Directories of spools and the run \
                   directory are given to this user if they belong to root. Other files of the configuration keep their \
                   owners. If the user has no access to one of them, **auship** keeps a capability for it, and logs \
                   which file that is. It keeps none if the user himself could have caused that.",
            ..About::NONE
        },
        set: |confine, value| {
            put(&mut confine.run_as, Ok::<_, &str>((value.text != NONE).then(|| value.text.to_string())))
        },
        show: |confine| one(confine.run_as.as_ref().map_or_else(|| NONE.into(), |user| show::text(user))),
    },
    Key {
        about: About {
            name: "drop_capabilities",
            value: "*YES-OR-NO*",
            default: "yes",
            doc: "Give up all capabilities (capabilities(7)) that the configuration doesn't need. Those that are kept \
                  are logged, each with the reason.",
            ..About::NONE
        },
        set: |confine, value| put(&mut confine.drop_capabilities, values::yes(value.text)),
        show: |confine| one(show::yes(confine.drop_capabilities)),
    },
    Key {
        about: About {
            name: "no_new_privileges",
            value: "*YES-OR-NO*",
            default: "yes",
            doc: "Never gain privileges, for example through a setuid program. **landlock** and **seccomp** need this.",
            ..About::NONE
        },
        set: |confine, value| put(&mut confine.no_new_privileges, values::yes(value.text)),
        show: |confine| one(show::yes(confine.no_new_privileges)),
    },
    Key {
        about: About {
            name: "landlock",
            value: "*YES-OR-NO*",
            default: "yes",
            doc: "Restrict the files that **auship** can open to those of its configuration and of the system's \
                  libraries, and the TCP ports that it can connect to (landlock(7)). Files need Linux 5.13, ports \
                  Linux 6.7.",
            more: "The rules are made at the start, and can't be loosened later. A reload is refused if the new \
                   configuration needs a directory or a port that they don't allow. Then restart the plugin \
                   (operations.md says how), or list such directories and ports in **write_paths**, **read_paths** and \
                   **connect_ports** in advance.",
            ..About::NONE
        },
        set: |confine, value| put(&mut confine.landlock, values::yes(value.text)),
        show: |confine| one(show::yes(confine.landlock)),
    },
    Key {
        about: About {
            name: "seccomp",
            value: "*YES-OR-NO*",
            default: "yes",
            doc: "Restrict the system calls that **auship** can make to a list of those that it needs (seccomp(2)). It \
                  can't execute programs, trace processes, or open raw sockets.",
            ..About::NONE
        },
        set: |confine, value| put(&mut confine.seccomp, values::yes(value.text)),
        show: |confine| one(show::yes(confine.seccomp)),
    },
    Key {
        about: About {
            name: "connect_ports",
            value: "*PORT*, …",
            example: "443, 9200",
            doc: "More TCP ports that **auship** may connect to. The ports of the outputs, and port 53 for name \
                  servers, are always allowed.",
            ..About::NONE
        },
        set: |confine, value| put(&mut confine.connect_ports, ports(value.text)),
        show: |confine| some(list(&confine.connect_ports)),
    },
    Key {
        about: About {
            name: "read_paths",
            value: "*PATH*, …",
            example: "/opt/quest/lib",
            doc: "More files and directories that **auship** may read, for example of a module that looks up users.",
            ..About::NONE
        },
        set: |confine, value| put(&mut confine.read_paths, paths(value.text)),
        show: |confine| some(path_list(&confine.read_paths)),
    },
    Key {
        about: About {
            name: "write_paths",
            value: "*PATH*, …",
            example: "/srv/spool",
            doc: "More directories that **auship** may read and write, for outputs that a later reload adds. Below \
                  */var/spool/auship*, */var/log/auship* and */run/auship* it always may.",
            ..About::NONE
        },
        set: |confine, value| put(&mut confine.write_paths, paths(value.text)),
        show: |confine| some(path_list(&confine.write_paths)),
    },
];

impl Confine {
    /// What is wrong with the settings together.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let needs = self.landlock || self.seccomp;
        (needs && !self.no_new_privileges).then_some("must be yes, or landlock and seccomp must be no too")
    }
}
