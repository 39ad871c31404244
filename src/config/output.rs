//! The keys of an output.

use super::{
    client,
    data_stream::DataStream,
    elasticsearch::{Elasticsearch, Target},
    file::{File, Lines},
    format::{Ecs, FORMATS, Format, MozDef},
    http::{self, Http},
    key::{About, Dialect, Key, names, none, one, put, put_some, read, show as show_keys},
    queue::{self, Queue},
    retry, show,
    syslog::Syslog,
    tls,
    validator::{STDOUT, SectionValues, Validator},
};
use std::{fmt, path::PathBuf};

/// The settings of an output: its format, queue and sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its name in messages and metrics.
    pub name: String,
    /// The line in the configuration where its section begins.
    pub line: usize,
    /// The format of documents.
    pub format: Format,
    /// A text before each document.
    pub prepend_msg: String,
    /// A text after each document.
    pub postpend_msg: String,
    /// The settings of the queue.
    pub queue: Queue,
    /// The settings of the sink.
    pub sink: Sink,
}

impl Output {
    /// True if both outputs are the same except for their lines.
    pub fn is_as(&self, other: &Self) -> bool {
        Self { line: other.line, ..self.clone() } == *other
    }

    /// The directory of its spool, if it has one.
    pub fn spool_dir(&self) -> Option<&PathBuf> {
        self.queue.spool.as_ref().map(|spool| &spool.dir)
    }

    /// The most bytes of its spool, if it has one.
    pub fn spool_limit(&self) -> Option<u64> {
        self.queue.spool.as_ref().map(|spool| spool.limit)
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "\n[output:{}]", self.name)?;
        show_keys(TYPE_KEYS, self, f)?;
        match &self.sink {
            Sink::Http(http) => http.show(f)?,
            Sink::Elasticsearch(elasticsearch) => elasticsearch.show(f)?,
            Sink::Syslog(syslog) => syslog.show(f)?,
            Sink::File(file) => file.show(f)?,
            Sink::Stdout => (),
        }
        self.format.show(f)?;
        if self.sink.takes_any_text() {
            show_keys(TEXT_KEYS, self, f)?;
        }
        self.queue.show(f)
    }
}

/// The destination of documents.
#[derive(Clone, Debug, PartialEq)]
pub enum Sink {
    /// POST over HTTP or HTTPS.
    Http(Box<Http>),
    /// The bulk API of Elasticsearch or OpenSearch.
    Elasticsearch(Box<Elasticsearch>),
    /// Messages to a syslog receiver.
    Syslog(Box<Syslog>),
    /// Lines of a file.
    File(Box<File>),
    /// Lines on standard output.
    Stdout,
}

impl Sink {
    /// Its `type` in the configuration.
    pub fn kind(&self) -> SinkKind {
        match self {
            Self::Http(_) => SinkKind::Http,
            Self::Elasticsearch(_) => SinkKind::Elasticsearch,
            Self::Syslog(_) => SinkKind::Syslog,
            Self::File(_) => SinkKind::File,
            Self::Stdout => SinkKind::Stdout,
        }
    }

    /// True if documents go to a server, which may be down.
    pub fn is_network(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Elasticsearch(_) | Self::Syslog(_))
    }

    /// True if a text may be written before and after documents.
    fn takes_any_text(&self) -> bool {
        !matches!(self, Self::Elasticsearch(_))
    }
}

/// The kinds of sinks: the values of `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// POST over HTTP or HTTPS.
    Http,
    /// The bulk API of Elasticsearch or OpenSearch.
    Elasticsearch,
    /// Messages to a syslog receiver.
    Syslog,
    /// Lines of a file.
    File,
    /// Lines on standard output.
    Stdout,
}

impl SinkKind {
    const ALL: [Self; 5] = [Self::Http, Self::Elasticsearch, Self::Syslog, Self::File, Self::Stdout];

    /// Its name in the configuration and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Elasticsearch => "elasticsearch",
            Self::Syslog => "syslog",
            Self::File => "file",
            Self::Stdout => "stdout",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// True if it sends HTTP requests.
    pub fn speaks_http(self) -> bool {
        matches!(self, Self::Http | Self::Elasticsearch)
    }
}

/// The names of all types, for messages.
const TYPES: &str = "http, elasticsearch (OpenSearch too), syslog, file or stdout";

/// The values of the keys that every output has, while they are read.
#[derive(Default)]
pub(super) struct Draft {
    format: Option<Format>,
    prepend_msg: String,
    postpend_msg: String,
}

/// The key of the type. The type decides which other keys have a meaning, so it is read first.
pub(super) static TYPE_KEYS: &[Key<Draft, Output>] = &[Key {
    about: About {
        name: "type",
        value: "**http** | **elasticsearch** | **syslog** | **file** | **stdout**",
        example: "http",
        doc: "Required. **http** sends documents in POST requests. **elasticsearch** sends documents to Elasticsearch \
              or OpenSearch. **syslog** sends each document as one message. **file** and **stdout** write one document \
              a line.",
        more: "A key that has no meaning for an output's type is a fault. Two outputs with the same file, spool or \
               dead-letter file, or two outputs to standard output, are a fault too.",
        ..About::NONE
    },
    set: |_, _| Ok(()),
    show: |output| one(output.sink.kind().name()),
}];

/// The key of the format.
pub(super) static FORMAT_KEYS: &[Key<Draft, Output>] = &[Key {
    about: About {
        name: "format",
        value: "**mozdef** | **ecs**",
        default: "ecs for type = elasticsearch, else mozdef",
        example: "ecs",
        doc: "The format of documents. **mozdef** is the format of audisp-json, see *mozdef.md*. **ecs** is the \
              Elastic Common Schema as Auditbeat writes it, see *ecs.md*.",
        more: "A key that has no meaning for an output's format is a fault.",
    },
    set: |draft, value| put_some(&mut draft.format, Format::named(value.text).ok_or(FORMATS)),
    show: none,
}];

/// The keys of the texts around documents.
pub(super) static TEXT_KEYS: &[Key<Draft, Output>] = &[
    Key {
        about: About {
            name: "prepend_msg",
            value: "*TEXT*",
            example: "{\"message\":",
            doc: "A text that is written before each document. Not for type **elasticsearch**.",
            more: "With `{\"message\":` here and `}` in **postpend_msg**, a line or request is an object with the \
                   document as its *message*, as Fluentd expects.",
            ..About::NONE
        },
        set: |draft, value| put(&mut draft.prepend_msg, Ok::<_, String>(value.text.to_string())),
        show: |output| one(show::text(&output.prepend_msg)),
    },
    Key {
        about: About {
            name: "postpend_msg",
            value: "*TEXT*",
            example: "}",
            doc: "A text that is written after each document. Not for type **elasticsearch**.",
            ..About::NONE
        },
        set: |draft, value| put(&mut draft.postpend_msg, Ok::<_, String>(value.text.to_string())),
        show: |output| one(show::text(&output.postpend_msg)),
    },
];

impl Output {
    /// Reads an output. `None` if its sink can't be read.
    pub(super) fn read(
        given: &mut SectionValues,
        line: usize,
        name: &str,
        dialect: Dialect,
        validator: &mut Validator,
    ) -> Option<Self> {
        let is_elasticsearch = given.value("type") == Some(SinkKind::Elasticsearch.name());
        let mut draft = Draft::default();
        read(FORMAT_KEYS, &mut draft, given, dialect, validator);
        let mut format = draft.format.take().unwrap_or_else(|| default_format(is_elasticsearch, dialect));
        format.read(given, dialect, validator);
        if let Some(at) = given.line("data_stream").filter(|_| is_elasticsearch && !matches!(format, Format::Ecs(_))) {
            let what = format!("needs documents with a time, in @timestamp; format = {} has none", format.name());
            validator.fault(at, given.section, "data_stream", what);
        }
        if !is_elasticsearch {
            read(TEXT_KEYS, &mut draft, given, dialect, validator);
        }
        let sink = Sink::read(given, line, dialect, validator)?;
        if let (Format::Ecs(ecs), Sink::Elasticsearch(elasticsearch)) = (&mut format, &sink)
            && let Target::DataStream(name) = &elasticsearch.target
        {
            ecs.data_stream = DataStream::named(name);
        }
        let queue = Queue::read(given, sink.is_network(), validator);
        if dialect == Dialect::AudispJson && !sink.is_network() {
            given.ignore(&queue_keys());
        }
        validator.no_meaning(given, &format!("this output's type ({})", sink.kind().name()));
        let Draft { prepend_msg, postpend_msg, .. } = draft;
        Some(Self { name: name.to_string(), line, format, prepend_msg, postpend_msg, queue, sink })
    }
}

/// The default format of an output.
fn default_format(is_elasticsearch: bool, dialect: Dialect) -> Format {
    match dialect {
        _ if is_elasticsearch => Format::Ecs(Ecs::default()),
        Dialect::Auship => Format::MozDef(MozDef::default()),
        // Existing alerts match this program name.
        Dialect::AudispJson => Format::MozDef(MozDef { program_name: "audisp-json".into(), ..MozDef::default() }),
    }
}

/// The keys of a queue.
fn queue_keys() -> Vec<&'static str> {
    names(queue::RING_KEYS).chain(names(queue::SPOOL_KEYS)).chain(names(queue::DEAD_LETTER_KEYS)).collect()
}

/// The keys of HTTP. In audisp-json's configuration they are ignored when the output is a file.
fn http_keys() -> Vec<&'static str> {
    let client = names(tls::KEYS).chain(names(client::KEYS)).chain(names(client::MORE_KEYS)).chain(names(retry::KEYS));
    let its = names(http::LEGACY_URL_KEYS).chain(names(http::KEYS)).chain(names(http::TOKEN_KEYS));
    client.chain(its).collect()
}

impl Sink {
    fn read(given: &mut SectionValues, line: usize, dialect: Dialect, validator: &mut Validator) -> Option<Self> {
        let (kind, at) = match given.take("type") {
            Some((kind, at)) => (SinkKind::named(kind).ok_or(kind), at),
            // file_log takes precedence over mozdef_url.
            None if dialect == Dialect::AudispJson => {
                (Ok(if given.has("file_log") { SinkKind::File } else { SinkKind::Http }), line)
            }
            None => {
                validator.fault(line, given.section, "type", format!("is missing; must be {TYPES}"));
                return None;
            }
        };
        match kind {
            Ok(SinkKind::Http) => Some(Self::Http(Box::new(Http::read(given, line, dialect, validator)))),
            Ok(SinkKind::Elasticsearch) => {
                Some(Self::Elasticsearch(Box::new(Elasticsearch::read(given, line, validator))))
            }
            Ok(SinkKind::Syslog) => Syslog::read(given, line, validator).map(|syslog| Self::Syslog(Box::new(syslog))),
            Ok(SinkKind::File) => {
                if dialect == Dialect::AudispJson {
                    // The keys of the unused server have no effect, so they aren't checked.
                    given.ignore(&http_keys());
                }
                Some(match File::read(given, line, dialect, validator)? {
                    Lines::File(file) => Self::File(Box::new(file)),
                    Lines::Stdout => Self::Stdout,
                })
            }
            Ok(SinkKind::Stdout) => {
                validator.claim_path(at, given.section, "type", STDOUT.as_ref());
                Some(Self::Stdout)
            }
            Err(kind) => {
                validator.fault(at, given.section, "type", format!("is {kind:?}, must be {TYPES}"));
                None
            }
        }
    }
}
