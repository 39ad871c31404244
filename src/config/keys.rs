//! Every key there is, once: what is allowed where.

/// A key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// Its name, lower case.
    pub name: &'static str,
    /// Allowed before any section.
    pub top: bool,
    /// Allowed in `[input]`.
    pub input: bool,
    /// Allowed in `[output:NAME]`.
    pub output: bool,
}

const fn top(name: &'static str) -> Key {
    Key { name, top: true, input: false, output: false }
}

const fn input(name: &'static str) -> Key {
    Key { name, top: false, input: true, output: false }
}

/// In an output's section only.
const fn output(name: &'static str) -> Key {
    Key { name, top: false, input: false, output: true }
}

/// In an output's section, and before any section for the output that audisp-json's keys make.
const fn both(name: &'static str) -> Key {
    Key { name, top: true, input: false, output: true }
}

/// All keys. `conf/auship.conf` explains each.
pub const KEYS: &[Key] = &[
    top("shutdown_timeout"),
    top("mozdef_url"),
    top("file_log"),
    input("source"),
    output("type"),
    output("url"),
    output("path"),
    both("format"),
    both("program_name"),
    both("details"),
    both("skip_empty_execve"),
    both("prepend_msg"),
    both("postpend_msg"),
    both("ring_slots"),
    both("ring_bytes"),
    both("max_wait"),
    both("ssl_verify"),
    both("curl_cainfo"),
    both("curl_verbose"),
    both("curl_logfile"),
    both("workers"),
    both("connect_timeout"),
    both("timeout"),
    both("attempts"),
];
