//! All keys in groups, and the places where they may stand.

use super::{
    client, config, confine, elasticsearch, file, filter, format, http,
    key::{About, about},
    metrics, output, queue, resolve_ids, retry, sequence, syslog, tls,
};

/// A place of keys in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// Before any section.
    Top,
    /// `[input]`.
    Input,
    /// `[confine]`.
    Confine,
    /// `[filter:NAME]`.
    Filter,
    /// `[metrics]`.
    Metrics,
    /// `[output:NAME]`.
    Output,
}

/// A group of related keys.
pub(super) struct Group {
    /// Its name in the marks of the manual.
    pub(super) name: &'static str,
    /// The places where its keys may stand.
    pub(super) locations: &'static [Location],
    /// Its title in `conf/auship.conf`.
    pub(super) title: &'static str,
    /// The section that begins with this group in `conf/auship.conf`, or nothing. An example is a comment.
    pub(super) section: &'static str,
    /// The descriptions of its keys.
    pub(super) keys: fn() -> Vec<About>,
}

use Location::{Confine, Filter, Input, Metrics, Output, Top};

/// All groups, in the order of the manual.
pub(super) static GROUPS: &[Group] = &[
    Group {
        name: "audisp-json",
        locations: &[Top],
        title: "Before any section: the keys of audisp-json, which define one output named \"mozdef\". The keys of an \
                output below may stand here too, and then belong to this output. Exceptions are type, url, path, and \
                the keys that only elasticsearch or syslog outputs have. This output's default for program_name is \
                \"audisp-json\". Its ssl_verify and curl_verbose are yes unless the value begins with \"no\".",
        section: "",
        keys: || [about(http::LEGACY_URL_KEYS), about(file::LEGACY_PATH_KEYS)].concat(),
    },
    Group {
        name: "program",
        locations: &[Top],
        title: "Before any section: the program as a whole.",
        section: "",
        keys: || about(config::KEYS),
    },
    Group {
        name: "input",
        locations: &[Input],
        title: "The input.",
        section: "[input]",
        keys: || [about(sequence::KEYS), about(resolve_ids::KEYS)].concat(),
    },
    Group {
        name: "confine",
        locations: &[Confine],
        title: "What the running process gives up. It reads what attackers write, so it should be able to do nothing \
                else than its work. It applies to `auship run`, at its start.",
        section: "[confine]",
        keys: || about(confine::KEYS),
    },
    Group {
        name: "filter",
        locations: &[Filter],
        title: "Filters: any number of sections, each with its own name. They are evaluated in the order of the file. \
                The first filter that matches an event decides. An event that no filter matches is kept. A filter \
                matches if all its keys match. A list (with commas) matches if one entry matches. `auship convert \
                --config FILE LOG` shows the events of a log that the filters keep.",
        section: ";[filter:noise]",
        keys: || about(filter::KEYS),
    },
    Group {
        name: "metrics",
        locations: &[Metrics],
        title: "Metrics. docs/metrics.md lists all of them.",
        section: "[metrics]",
        keys: || about(metrics::KEYS),
    },
    Group {
        name: "type",
        locations: &[Output],
        title: "Outputs: any number of sections, each with its own name, format, queue and sink.",
        section: ";[output:siem]",
        keys: || about(output::TYPE_KEYS),
    },
    Group {
        name: "documents",
        locations: &[Top, Output],
        title: "Outputs: documents.",
        section: "",
        keys: || {
            [about(output::FORMAT_KEYS), about(format::ECS_KEYS), about(format::MOZDEF_KEYS), about(output::TEXT_KEYS)]
                .concat()
        },
    },
    Group {
        name: "ring",
        locations: &[Top, Output],
        title: "Outputs: the ring, the queue in memory between the reader and the output's sink.",
        section: "",
        keys: || about(queue::RING_KEYS),
    },
    Group {
        name: "spool",
        locations: &[Top, Output],
        title: "Outputs of type http, elasticsearch or syslog: the spool, a queue on disk behind the ring. While the \
                server fails, events are kept there. They are delivered in order when it works again, also after a \
                crash or a restart.",
        section: "",
        keys: || [about(queue::SPOOL_KEYS), about(queue::DEAD_LETTER_KEYS)].concat(),
    },
    Group {
        name: "retry",
        locations: &[Top, Output],
        title: "Outputs of type http, elasticsearch or syslog: failures of the server.",
        section: "",
        keys: || about(retry::KEYS),
    },
    Group {
        name: "tls",
        locations: &[Top, Output],
        title: "Outputs of type http or elasticsearch, and syslog with network = tls: TLS.",
        section: "",
        keys: || about(tls::KEYS),
    },
    Group {
        name: "http",
        locations: &[Output],
        title: "Outputs of type http.",
        section: "",
        keys: || about(http::URL_KEYS),
    },
    Group {
        name: "batch",
        locations: &[Top, Output],
        title: "Outputs of type http: batches, and a token.",
        section: "",
        keys: || [about(http::KEYS), about(http::TOKEN_KEYS)].concat(),
    },
    Group {
        name: "elasticsearch",
        locations: &[Output],
        title: "Outputs of type elasticsearch: Elasticsearch 7 or later, and OpenSearch. Run `auship setup` before the \
                first document is sent. It installs the types of fields and a policy for the age of indexes. `auship \
                setup --dry-run` only shows what it would change.",
        section: "",
        keys: || {
            [about(elasticsearch::URL_KEYS), about(elasticsearch::KEYS), about(elasticsearch::TOKEN_KEYS)].concat()
        },
    },
    Group {
        name: "requests",
        locations: &[Top, Output],
        title: "Outputs of type http or elasticsearch: requests.",
        section: "",
        keys: || [about(client::KEYS), about(client::MORE_KEYS)].concat(),
    },
    Group {
        name: "syslog",
        locations: &[Output],
        title: "Outputs of type syslog. Receivers cut long messages unless their limit is raised: maxMessageSize of \
                rsyslog, log-msg-size() of syslog-ng.",
        section: "",
        keys: || [about(syslog::DESTINATION_KEYS), about(syslog::KEYS)].concat(),
    },
    Group {
        name: "file",
        locations: &[Output],
        title: "Outputs of type file.",
        section: "",
        keys: || about(file::PATH_KEYS),
    },
    Group {
        name: "rotation",
        locations: &[Top, Output],
        title: "Outputs of type file: permissions and rotation.",
        section: "",
        keys: || about(file::KEYS),
    },
];

/// The descriptions of all keys. A key that is in several groups is there several times.
pub fn keys() -> Vec<About> {
    GROUPS.iter().flat_map(|group| (group.keys)()).collect()
}

/// The names of the keys that may stand in a place.
pub(super) fn allowed(location: Location) -> Vec<&'static str> {
    let groups = GROUPS.iter().filter(|group| group.locations.contains(&location));
    groups.flat_map(|group| (group.keys)()).map(|about| about.name).collect()
}
