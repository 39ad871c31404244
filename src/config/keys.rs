//! Every key there is, once: what is allowed where.

/// What a key is about, and with that where it may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// The program as a whole: before any section.
    Program,
    /// audisp-json's own names: before any section.
    Legacy,
    /// `[input]`.
    Input,
    /// `[metrics]`.
    Metrics,
    /// `[filter:NAME]`.
    Filter,
    /// An output as such: in its section only.
    Output,
    /// What an output's documents look like. These and those below may stand before any section too, and then shape
    /// the output that audisp-json's keys make.
    Document,
    /// An output's queue.
    Queue,
    /// Outputs of type `http`, or those that speak TLS.
    Http,
    /// Outputs of type `elasticsearch`: in their section only.
    Elasticsearch,
    /// Outputs of type `file`.
    File,
    /// Outputs of type `syslog`: in their section only.
    Syslog,
}

/// All keys. `conf/auship.conf` explains each. A name that ends in a dot stands for all that begin with it.
pub const KEYS: &[(SectionKind, &[&str])] = &[
    (SectionKind::Program, &["shutdown_timeout", "run_dir"]),
    (SectionKind::Legacy, &["mozdef_url", "file_log"]),
    (SectionKind::Input, &["source", "track_sequence", "log_out_of_order", "max_out_of_order", "gap_after"]),
    (SectionKind::Metrics, &["statsd", "statsd_period", "sample_rate", "prometheus_file", "status_period"]),
    (
        SectionKind::Filter,
        &[
            "action",
            "syscall",
            "record_type",
            "key",
            "no_key",
            "uid",
            "auid",
            "user",
            "exe",
            "path",
            "address",
            "port",
            "regex",
        ],
    ),
    (SectionKind::Output, &["type", "url", "path"]),
    (
        SectionKind::Document,
        &["format", "program_name", "details", "skip_empty_execve", "event_original", "prepend_msg", "postpend_msg"],
    ),
    (
        SectionKind::Queue,
        &[
            "ring_slots",
            "ring_bytes",
            "max_wait",
            "spool_dir",
            "spool",
            "spool_limit",
            "spool_full",
            "dead_letter_file",
            "dead_letter_limit",
        ],
    ),
    (SectionKind::File, &["mode", "owner", "group", "rotate_size", "rotate_every", "rotate_keep"]),
    (SectionKind::Syslog, &["network", "address", "protocol", "facility", "severity", "priority", "tag"]),
    (
        SectionKind::Elasticsearch,
        &["api_key_file", "index", "data_stream", "bulk_events", "bulk_bytes", "bulk_interval"],
    ),
    (
        SectionKind::Http,
        &[
            "ssl_verify",
            "curl_cainfo",
            "ca_cert",
            "client_cert",
            "client_key",
            "curl_verbose",
            "curl_logfile",
            "workers",
            "connect_timeout",
            "timeout",
            "idle_conn_timeout",
            "attempts",
            "retry_min",
            "retry_max",
            "breaker_failure_ratio",
            "batch",
            "batch_bytes",
            "batch_interval",
            "gzip",
            "proxy",
            "trace_header_name",
            "header.",
            "user",
            "password_file",
            "bearer_file",
        ],
    ),
];

/// Where keys stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SectionLocation {
    Top,
    Input,
    Filter,
    Metrics,
    Output,
}

impl SectionKind {
    fn may_stand(self, place: SectionLocation) -> bool {
        match place {
            SectionLocation::Top => {
                matches!(self, Self::Program | Self::Legacy | Self::Document | Self::Queue | Self::Http | Self::File)
            }
            SectionLocation::Input => self == Self::Input,
            SectionLocation::Filter => self == Self::Filter,
            SectionLocation::Metrics => self == Self::Metrics,
            SectionLocation::Output => matches!(
                self,
                Self::Output
                    | Self::Document
                    | Self::Queue
                    | Self::Http
                    | Self::Elasticsearch
                    | Self::File
                    | Self::Syslog
            ),
        }
    }
}

/// The keys that may stand in a place.
pub(super) fn allowed(place: SectionLocation) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(move |(of, _)| of.may_stand(place)).flat_map(|(_, names)| names.iter().copied())
}

/// True when `key` is `name`, or one of the many that `name` stands for.
pub(super) fn is_named(key: &str, name: &str) -> bool {
    if name.ends_with('.') { key.strip_prefix(name).is_some_and(|rest| !rest.is_empty()) } else { key == name }
}

/// True when a key is about that.
pub(super) fn is_of(key: &str, of: SectionKind) -> bool {
    KEYS.iter().filter(|(its, _)| *its == of).any(|(_, names)| names.iter().any(|name| is_named(key, name)))
}
