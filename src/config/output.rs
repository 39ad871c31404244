//! An output: what its documents look like, and where they go.

use super::{
    Config, Ecs, Elasticsearch, File, Format, Http, MozDef, Queue, Syslog,
    alone::STDOUT,
    keys::SectionKind,
    show::Quoted,
    validator::{SectionValues, Validator},
};
use std::{fmt, path::PathBuf};

/// One branch of the line: format, queue and sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// What messages and metrics call it.
    pub name: String,
    /// Where in the file it begins.
    pub line: usize,
    /// How documents look.
    pub format: Format,
    /// Written before each document.
    pub prepend_msg: String,
    /// Written after each document.
    pub postpend_msg: String,
    /// The queue's bounds.
    pub queue: Queue,
    /// Where documents go.
    pub sink: Sink,
}

impl Output {
    /// Says the same as another, wherever it stands in its file.
    pub fn is_as(&self, other: &Self) -> bool {
        Self { line: other.line, ..self.clone() } == *other
    }

    /// Where its spool is, if it has one.
    pub fn spool_dir(&self) -> Option<&PathBuf> {
        self.queue.spool.as_ref().map(|spool| &spool.dir)
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "\n[output:{}]", self.name)?;
        writeln!(f, "type = {}", self.sink.kind())?;
        match &self.sink {
            Sink::Http(http) => http.show(f)?,
            Sink::Elasticsearch(elasticsearch) => elasticsearch.show(f)?,
            Sink::Syslog(syslog) => syslog.show(f)?,
            Sink::File(file) => file.show(f)?,
            Sink::Stdout => (),
        }
        self.format.show(f)?;
        if self.sink.takes_any_text() {
            writeln!(f, "prepend_msg = {}", Quoted::text(&self.prepend_msg))?;
            writeln!(f, "postpend_msg = {}", Quoted::text(&self.postpend_msg))?;
        }
        self.queue.show(f)
    }
}

/// Where documents go.
#[derive(Clone, Debug, PartialEq)]
pub enum Sink {
    /// POST over HTTP or HTTPS.
    Http(Box<Http>),
    /// Elasticsearch's or OpenSearch's bulk interface.
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
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Elasticsearch(_) => ELASTICSEARCH,
            Self::Syslog(_) => "syslog",
            Self::File(_) => "file",
            Self::Stdout => "stdout",
        }
    }

    /// True when documents leave this machine, or may: there is a server that may be down.
    pub fn is_network(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Elasticsearch(_) | Self::Syslog(_))
    }

    /// True when something may be written around documents.
    fn takes_any_text(&self) -> bool {
        !matches!(self, Self::Elasticsearch(_))
    }
}

/// The types there are, for messages.
const TYPES: &str = "http, elasticsearch (OpenSearch too), syslog, file or stdout";
/// The type whose documents are nothing but JSON.
const ELASTICSEARCH: &str = "elasticsearch";

impl Validator<'_> {
    /// One output from its keys. `legacy` ones have audisp-json's names and defaults.
    pub(super) fn output_of(
        &mut self,
        mut given: SectionValues,
        line: usize,
        name: &str,
        legacy: bool,
        config: &mut Config,
    ) {
        let text = |text: &str| Ok(text.to_string());
        let is_elasticsearch = given.value("type") == Some(ELASTICSEARCH);
        let default = if is_elasticsearch { Format::Ecs(Ecs::default()) } else { Format::MozDef(MozDef::default()) };
        let format = self.format(&mut given, default, legacy);
        if let Some(at) = given.line("data_stream").filter(|_| is_elasticsearch && !matches!(format, Format::Ecs(_))) {
            let what = format!("needs documents with a time, in @timestamp; format = {} has none", format.name());
            self.fault(at, given.section, "data_stream", what);
        }
        let (mut prepend_msg, mut postpend_msg) = (String::new(), String::new());
        if !is_elasticsearch {
            prepend_msg = self.value(&mut given, "prepend_msg", prepend_msg, text);
            postpend_msg = self.value(&mut given, "postpend_msg", postpend_msg, text);
        }
        let Some(sink) = self.sink(&mut given, line, legacy) else {
            return;
        };
        let queue = self.queue(&mut given, sink.is_network());
        if legacy && !sink.is_network() {
            given.ignore(SectionKind::Queue);
        }
        self.no_meaning(&mut given, &format!("this output's type ({})", sink.kind()));
        let name = name.to_string();
        config.outputs.push(Output { name, line, format, prepend_msg, postpend_msg, queue, sink });
    }

    fn sink(&mut self, given: &mut SectionValues, line: usize, legacy: bool) -> Option<Sink> {
        let (kind, at) = match given.take("type") {
            Some(kind) => kind,
            // When file_log is set, events go there and not to mozdef_url.
            None if legacy => (if given.has("file_log") { "file" } else { "http" }, line),
            None => {
                self.fault(line, given.section, "type", format!("is missing; must be {TYPES}"));
                return None;
            }
        };
        match kind {
            "http" => Some(Sink::Http(Box::new(self.http(given, line, legacy)))),
            ELASTICSEARCH => Some(Sink::Elasticsearch(Box::new(self.elasticsearch(given, line)))),
            "syslog" => self.syslog(given, line).map(|syslog| Sink::Syslog(Box::new(syslog))),
            "file" => self.file(given, line, legacy),
            "stdout" => {
                self.claim_path(at, given.section, "type", STDOUT.as_ref());
                Some(Sink::Stdout)
            }
            _ => {
                self.fault(at, given.section, "type", format!("is {kind:?}, must be {TYPES}"));
                None
            }
        }
    }
}
