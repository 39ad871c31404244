//! The keys of an output to Elasticsearch or OpenSearch.

use super::{
    client::{Credentials, HttpClient, shown},
    http::{bytes_of_documents, is_url, number_of_documents},
    index_pattern::{IndexPattern, check_name},
    key::{About, Dialect, Key, Shown, Wrong, one, put_some, read, show as show_keys},
    secrets::Secret,
    show,
    validator::{SectionValues, Validator},
    values,
};
use std::{fmt, time::Duration};

/// Settings of an Elasticsearch sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Elasticsearch {
    /// The URLs of the cluster's hosts, without a slash at the end.
    pub urls: Vec<String>,
    /// The settings of the HTTP client.
    pub client: HttpClient,
    /// The index or data stream for documents.
    pub target: Target,
    /// The most documents in a request.
    pub bulk_events: usize,
    /// The most bytes of documents in a request.
    pub bulk_bytes: usize,
    /// How long a request waits to become full.
    pub bulk_interval: Duration,
}

/// The target of documents in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Indexes, named by the event's date.
    Index(IndexPattern),
    /// A data stream.
    DataStream(String),
}

impl Elasticsearch {
    /// The URLs for messages, without users' names and passwords.
    pub fn shown_urls(&self) -> impl Iterator<Item = String> {
        self.urls.iter().map(|url| shown(url))
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        show_keys(URL_KEYS, self, f)?;
        self.client.show(f)?;
        show_keys(TOKEN_KEYS, self, f)?;
        show_keys(KEYS, self, f)
    }
}

/// The values of an Elasticsearch output's keys while they are read.
#[derive(Default)]
pub(super) struct Draft {
    urls: Option<Vec<String>>,
    token: Option<Secret>,
    index: Option<IndexPattern>,
    data_stream: Option<String>,
    bulk_events: Option<usize>,
    bulk_bytes: Option<usize>,
    bulk_interval: Option<Duration>,
}

/// Reads the hosts of a cluster. The error has everything that is wrong with them.
fn hosts(text: &str) -> Result<Vec<String>, Wrong> {
    let mut urls: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for url in text.split(',').map(|url| url.trim().trim_end_matches('/')) {
        let shown = values::redacted(url);
        if !is_url(url) {
            wrong.push(format!("has {shown:?}, must be URLs that begin with https:// or http://, separated by commas"));
        } else if url.contains(['?', '#']) {
            wrong.push(format!("has {shown:?}, must have no ? and no #"));
        } else if urls.iter().any(|other| other == url) {
            wrong.push(format!("has {shown:?} twice"));
        } else {
            urls.push(url.to_string());
        }
    }
    if wrong.is_empty() { Ok(urls) } else { Err(Wrong::Many(wrong)) }
}

/// The key of the hosts.
pub(super) static URL_KEYS: &[Key<Draft, Elasticsearch>] = &[Key {
    about: About {
        name: "url",
        value: "*URL*[, *URL*]...",
        example: "https://es1.example.com:9200, https://es2.example.com:9200",
        doc: "Required. The URLs of the hosts of one cluster, separated by commas. Requests go to the working hosts in \
              turn.",
        more: "A host fails when it accepts no connection, doesn't answer in time, sends an unusable answer, or \
               answers 429 or 5xx. It is then not used for a time between **retry_min** and **retry_max**, and after \
               that checked in the background. The failed request goes to the next host at once. The output fails only \
               when all hosts fail. A path in a URL is put before */_bulk*. A user's name and password in a URL are \
               used, but never shown.",
        ..About::NONE
    },
    set: |draft, value| {
        draft.urls = Some(Vec::new());
        put_some(&mut draft.urls, hosts(value.text))
    },
    show: |elasticsearch| one(show::text(&elasticsearch.shown_urls().collect::<Vec<_>>().join(", "))),
}];

/// The key of the API key.
pub(super) static TOKEN_KEYS: &[Key<Draft, Elasticsearch>] = &[Key {
    about: About {
        name: "api_key_file",
        value: "*PATH*",
        example: "/etc/auship/siem.key",
        doc: "A file whose first line is an API key, in place of **user** and **password_file**. The key is either the \
              value that Elasticsearch calls *encoded*, or *id:key*. It is sent as *Authorization: ApiKey*.",
        more: "Other users must not have access to the file. When it changes, it is read again.",
        ..About::NONE
    },
    set: |draft, value| put_some(&mut draft.token, Secret::new(value.text)),
    show: |elasticsearch| match &elasticsearch.client.login {
        Some(Credentials::ApiKey(secret)) => one(show::path(&secret.0)),
        _ => Shown::new(),
    },
}];

/// The keys of the target in the cluster, and of the size of requests.
pub(super) static KEYS: &[Key<Draft, Elasticsearch>] = &[
    Key {
        about: About {
            name: "index",
            value: "*PATTERN*",
            default: "auship-%Y.%m.%d",
            doc: "The index for documents. *%Y*, *%m*, *%d* and *%H* are the event's year, month, day and hour in UTC.",
            more: "The name must have no capital letters, and follow Elasticsearch's rules for names of indexes.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.index, IndexPattern::new(value.text)),
        show: |elasticsearch| match &elasticsearch.target {
            Target::Index(pattern) => one(show::text(pattern.text())),
            Target::DataStream(_) => Shown::new(),
        },
    },
    Key {
        about: About {
            name: "data_stream",
            value: "*NAME*",
            example: "logs-auditd-default",
            doc: "A data stream in place of an index. Its template must be in the cluster before the first document.",
            more: "Without a template the cluster creates an index of that name. A data stream needs documents with \
                   *@timestamp*, so **format** must be **ecs**. If the name has three parts, *type-dataset-namespace*, \
                   documents have them in *data_stream*.",
            ..About::NONE
        },
        set: |draft, value| {
            if value.text.starts_with(".ds-") {
                return Err("begins with .ds-, which is reserved for the indexes of data streams".to_string().into());
            }
            put_some(&mut draft.data_stream, check_name(value.text).map(|()| value.text.to_string()))
        },
        show: |elasticsearch| match &elasticsearch.target {
            Target::Index(_) => Shown::new(),
            Target::DataStream(name) => one(show::text(name)),
        },
    },
    Key {
        about: About {
            name: "bulk_events",
            value: "*NUMBER*",
            default: "500",
            doc: "The most documents in a request, from 1 to 10000.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.bulk_events, number_of_documents(value.text)),
        show: |elasticsearch| one(elasticsearch.bulk_events),
    },
    Key {
        about: About {
            name: "bulk_bytes",
            value: "*SIZE*",
            default: "5MiB",
            doc: "The most bytes of documents in a request, up to 100MiB. A single larger document is sent alone.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.bulk_bytes, bytes_of_documents(value.text)),
        show: |elasticsearch| one(values::show_size(elasticsearch.bulk_bytes as u64)),
    },
    Key {
        about: About {
            name: "bulk_interval",
            value: "*TIME*",
            default: "1s",
            doc: "How long a request waits for more documents before it is sent.",
            more: "A request is also sent when it has a quarter of **ring_slots** or **ring_bytes**. For larger \
                   requests, raise these too.",
            ..About::NONE
        },
        set: |draft, value| put_some(&mut draft.bulk_interval, values::time(value.text)),
        show: |elasticsearch| one(values::show_time(elasticsearch.bulk_interval)),
    },
];

impl Elasticsearch {
    pub(super) fn read(given: &mut SectionValues, line: usize, validator: &mut Validator) -> Self {
        if let Some(at) = given.line("data_stream").filter(|_| given.has("index")) {
            validator.fault(at, given.section, "data_stream", "can't be used together with index; set one of them");
        }
        let token_line = given.line("api_key_file");
        let mut draft = Draft::default();
        for keys in [URL_KEYS, TOKEN_KEYS, KEYS] {
            read(keys, &mut draft, given, Dialect::Auship, validator);
        }
        if draft.urls.is_none() {
            let what = "is missing; name the cluster's hosts, as in https://es1:9200";
            validator.fault(line, given.section, "url", what);
        }
        let token = draft.token.map(Credentials::ApiKey);
        let index = draft.index.unwrap_or_default();
        Self {
            urls: draft.urls.unwrap_or_default(),
            client: HttpClient::read(given, Dialect::Auship, validator, "api_key_file", token, token_line),
            target: draft.data_stream.map_or(Target::Index(index), Target::DataStream),
            bulk_events: draft.bulk_events.unwrap_or(500),
            bulk_bytes: draft.bulk_bytes.unwrap_or(5 << 20),
            bulk_interval: draft.bulk_interval.unwrap_or(Duration::from_secs(1)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::config::parse;
    use std::path::Path;

    fn said(keys: &str) -> String {
        let text = format!("[output:es]\ntype = elasticsearch\n{keys}");
        parse(Path::new("x"), &text).map_or_else(|faults| faults.to_string(), |config| config.to_string())
    }

    #[test]
    fn keys_are_read_and_shown() {
        let shown = said("url = https://es1:9200/, http://joe:s3cret@es2:9200/es\nindex = a-%Y.%m.%d-%H\n");
        assert!(shown.contains("\nurl = https://es1:9200, http://…@es2:9200/es\n"), "{shown}");
        let last = "index = a-%Y.%m.%d-%H\nbulk_events = 500\nbulk_bytes = 5MiB\nbulk_interval = 1s\nformat";
        assert!(shown.contains(last), "{shown}");
        let shown = said("url = https://es1:9200\ndata_stream = logs-auditd-default\nbulk_events = 7\n");
        assert!(shown.contains("data_stream = logs-auditd-default\nbulk_events = 7\n"), "{shown}");
        assert_eq!(parse(Path::new("x"), &shown).unwrap().to_string(), shown);
        let shown =
            said("url = http://h\nheader.X-Api-Key = s3cret\nheader.Authorization = s3cret\nheader.X-Team = a\n");
        assert!(!shown.contains("s3cret") && shown.contains("\nheader.x-team = a\n"), "{shown}");
        assert_eq!(parse(Path::new("x"), &shown).unwrap().to_string(), shown);
        assert!(said("url = http://h\n").contains("index = auship-%Y.%m.%d\n"));
        let shown = said("url = http://me:secret@h\nheader.Authorization = secret\nheader.X-Site = north\n");
        assert!(!shown.contains("secret") && shown.contains("header.x-site = north\n"), "{shown}");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let long = format!("index = {}\n", "x".repeat(256));
        for (keys, what) in [
            ("", "x:1: [output:es] url: is missing"),
            ("url = es1:9200\n", "x:3: [output:es] url: has \"es1:9200\", must be URLs"),
            ("url = elastic:secret@es1:9200\n", "url: has \"…@es1:9200\", must be URLs"),
            ("url = https://a/?x=1\n", "url: has \"https://a/?x=1\", must have no ? and no #"),
            ("url = https://me:secret@a/?x\n", "url: has \"…@a/?x\", must have no ?"),
            ("url = http://a, http://a/\n", "url: has \"http://a\" twice"),
            ("url = htps://joe:s3cret@a\n", "url: has \"…@a\", must be URLs"),
            ("url = http://a,\n", "url: has \"\", must be URLs"),
            ("url = http://a\nindex = Audit\n", "x:4: [output:es] index: has capital letters"),
            ("url = http://a\nindex = a b\n", "index: has ' '"),
            ("url = http://a\nindex = a*\n", "index: has '*'"),
            ("url = http://a\nindex = _a\n", "index: can't begin with -, _ or +"),
            ("url = http://a\nindex = a-%y\n", "index: has a % that isn't followed by"),
            ("url = http://a\nindex = a-%\n", "index: has a % that isn't followed by"),
            (&format!("url = http://a\n{long}"), "index: is longer than 255 bytes"),
            ("url = http://a\nindex = a\ndata_stream = b\n", "x:5: [output:es] data_stream: can't be used together"),
            ("url = http://a\ndata_stream = b\nformat = mozdef\n", "data_stream: needs documents with a time"),
            ("url = http://a\ndata_stream = .ds-x\n", "data_stream: begins with .ds-"),
            ("url = http://a\nbulk_events = 0\n", "bulk_events:"),
            ("url = http://a\nbatch = 5\n", "x:4: [output:es] batch: has no meaning for this output's type"),
            ("url = http://a\nprepend_msg = x\n", "x:4: [output:es] prepend_msg: has no meaning"),
            ("url = http://a\nbearer_file = /x\n", "bearer_file: has no meaning"),
        ] {
            assert!(said(keys).contains(what), "{keys}: {}", said(keys));
        }
    }
}
