//! All keys, by what they are about, and where each may stand.

use super::{
    client, config, elasticsearch, file, filter, format, http,
    key::{About, about},
    metrics, output, queue, retry, sequence, syslog, tls,
};

/// Where keys stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// Before any section.
    Top,
    /// `[input]`.
    Input,
    /// `[filter:NAME]`.
    Filter,
    /// `[metrics]`.
    Metrics,
    /// `[output:NAME]`.
    Output,
}

/// Keys that are about one thing.
pub(super) struct Group {
    /// What the manual calls it in its marks.
    pub(super) name: &'static str,
    /// Where its keys may stand.
    pub(super) locations: &'static [Location],
    /// What `conf/auship.conf` says before them.
    pub(super) title: &'static str,
    /// The section that begins with them there, if one does; one that shows how it may look is a comment.
    pub(super) section: &'static str,
    /// Their rows.
    pub(super) keys: fn() -> Vec<About>,
}

use Location::{Filter, Input, Metrics, Output, Top};

/// All groups, in the order in which a reader meets them.
pub(super) static GROUPS: &[Group] = &[
    Group {
        name: "audisp-json",
        locations: &[Top],
        title: "Before any section: audisp-json's keys, which make one output named \"mozdef\". All keys of an output below, \
                except type, url, path and those of type = elasticsearch or syslog alone, may stand here too, and then \
                shape that output. Its program_name is then \"audisp-json\" by default; ssl_verify and curl_verbose are yes \
                unless they begin with \"no\".",
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
        title: "Where records come from.",
        section: "[input]",
        keys: || about(sequence::KEYS),
    },
    Group {
        name: "filter",
        locations: &[Filter],
        title: "Filters: any number of sections, each with a name, evaluated in this order. The first that matches an event \
                decides; an event that none matches is kept. All keys of a filter must match; of a list (with commas), one \
                entry. `auship convert --config FILE LOG` shows what is left of a log.",
        section: ";[filter:noise]",
        keys: || about(filter::KEYS),
    },
    Group {
        name: "metrics",
        locations: &[Metrics],
        title: "Where metrics go. docs/metrics.md lists them.",
        section: "[metrics]",
        keys: || about(metrics::KEYS),
    },
    Group {
        name: "type",
        locations: &[Output],
        title: "Outputs: any number of sections, each with a name, its own format, queue and sink.",
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
        title: "Outputs of type http, elasticsearch or syslog: the spool, a queue on disk behind the ring. What the server \
                doesn't take now is kept there, and delivered in order when it does, also after a crash or a restart.",
        section: "",
        keys: || [about(queue::SPOOL_KEYS), about(queue::DEAD_LETTER_KEYS)].concat(),
    },
    Group {
        name: "retry",
        locations: &[Top, Output],
        title: "Outputs of type http, elasticsearch or syslog: when the server fails.",
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
        title: "Outputs of type elasticsearch: Elasticsearch from 7 on, and OpenSearch. Run `auship setup` before the first \
                document is sent: it installs the fields' types and a policy for the indexes' age. `auship setup \
                --dry-run` says what it would do.",
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
        title: "Outputs of type syslog. Receivers cut long messages unless configured for them: maxMessageSize of rsyslog, \
                log-msg-size() of syslog-ng.",
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

/// All keys, each as often as there are things that it is about.
pub fn keys() -> Vec<About> {
    GROUPS.iter().flat_map(|group| (group.keys)()).collect()
}

/// The keys that may stand in a place.
pub(super) fn allowed(location: Location) -> Vec<&'static str> {
    let groups = GROUPS.iter().filter(|group| group.locations.contains(&location));
    groups.flat_map(|group| (group.keys)()).map(|about| about.name).collect()
}
