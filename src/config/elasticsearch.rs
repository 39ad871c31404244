//! Keys of an output into Elasticsearch or OpenSearch.

use super::{
    Credentials, HttpClient,
    client::shown,
    http::{bytes_of_documents, is_url, number_of_documents},
    show::Quoted,
    validator::{SectionValues, Validator},
    values,
};
use std::{
    fmt::{self, Write as _},
    time::Duration,
};
use time::OffsetDateTime;

/// The longest name of an index, in bytes.
const LONGEST: usize = 255;

/// Settings of an Elasticsearch sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Elasticsearch {
    /// The cluster's hosts, each with nothing behind its path's last letter: no slash.
    pub urls: Vec<String>,
    /// How requests are made.
    pub client: HttpClient,
    /// Where documents go there.
    pub target: Target,
    /// Documents of a request.
    pub bulk_events: usize,
    /// Bytes of a request's documents.
    pub bulk_bytes: usize,
    /// How long a request waits to become full.
    pub bulk_interval: Duration,
}

/// Where documents go in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Indexes, by the event's date.
    Index(IndexPattern),
    /// A data stream.
    DataStream(String),
}

/// An index's name with `%Y`, `%m`, `%d` and `%H` where its date goes, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPattern(String);

impl IndexPattern {
    fn new(text: &str) -> Result<Self, String> {
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if letter == '%' && !matches!(letters.next(), Some('Y' | 'm' | 'd' | 'H')) {
                return Err("has a % with something else behind it than Y, m, d or H".into());
            }
        }
        let pattern = Self(text.to_string());
        name(&pattern.at(OffsetDateTime::UNIX_EPOCH))?;
        Ok(pattern)
    }

    /// The index of an event of that time; in UTC.
    pub fn at(&self, time: OffsetDateTime) -> String {
        let mut index = String::with_capacity(self.0.len() + 8);
        let mut letters = self.0.chars();
        while let Some(letter) = letters.next() {
            // Writing to a String can't fail.
            let _ = match (letter, if letter == '%' { letters.next() } else { None }) {
                ('%', Some('Y')) => write!(index, "{:04}", time.year()),
                ('%', Some('m')) => write!(index, "{:02}", u8::from(time.month())),
                ('%', Some('d')) => write!(index, "{:02}", time.day()),
                ('%', Some('H')) => write!(index, "{:02}", time.hour()),
                _ => index.write_char(letter),
            };
        }
        index
    }

    /// As the configuration has it.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// A name as Elasticsearch and OpenSearch take it for indexes and data streams; else what is wrong.
fn name(text: &str) -> Result<(), String> {
    let bad = |c: char| r#"\/*?"<>|,#:"#.contains(c) || c.is_whitespace() || c.is_control();
    if text.chars().any(char::is_uppercase) {
        return Err("has capital letters, which such names can't have".into());
    }
    if let Some(bad) = text.chars().find(|c| bad(*c)) {
        return Err(format!("has {bad:?}, which such names can't have"));
    }
    if text.starts_with(['-', '_', '+']) || matches!(text, "." | "..") {
        return Err("begins as such names can't: not with -, _ or +".into());
    }
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    Ok(())
}

impl Elasticsearch {
    /// The hosts without users' names and passwords, for messages.
    pub fn shown_urls(&self) -> impl Iterator<Item = String> {
        self.urls.iter().map(|url| shown(url))
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let urls: Vec<String> = self.shown_urls().collect();
        writeln!(f, "url = {}", Quoted::text(&urls.join(", ")))?;
        self.client.show(f)?;
        match &self.target {
            Target::Index(pattern) => writeln!(f, "index = {}", Quoted::text(pattern.text()))?,
            Target::DataStream(name) => writeln!(f, "data_stream = {}", Quoted::text(name))?,
        }
        writeln!(f, "bulk_events = {}", self.bulk_events)?;
        writeln!(f, "bulk_bytes = {}", values::show_size(self.bulk_bytes as u64))?;
        writeln!(f, "bulk_interval = {}", values::show_time(self.bulk_interval))
    }
}

impl Validator<'_> {
    pub(super) fn elasticsearch(&mut self, given: &mut SectionValues, line: usize) -> Elasticsearch {
        Elasticsearch {
            urls: self.hosts(given, line),
            client: self.client(given, false, ("api_key_file", Credentials::ApiKey)),
            target: self.target(given),
            bulk_events: self.value(given, "bulk_events", 500, number_of_documents),
            bulk_bytes: self.value(given, "bulk_bytes", 5 << 20, bytes_of_documents),
            bulk_interval: self.value(given, "bulk_interval", Duration::from_secs(1), values::time),
        }
    }

    fn hosts(&mut self, given: &mut SectionValues, line: usize) -> Vec<String> {
        let Some((text, at)) = given.take("url") else {
            self.fault(line, given.section, "url", "is missing; name the cluster's hosts, as in https://es1:9200");
            return Vec::new();
        };
        let mut urls: Vec<String> = Vec::new();
        for url in text.split(',').map(|url| url.trim().trim_end_matches('/')) {
            let shown = values::redacted(url);
            if !is_url(url) {
                let what =
                    format!("has {shown:?}, must be URLs that begin with https:// or http://, with commas between");
                self.fault(at, given.section, "url", what);
            } else if url.contains(['?', '#']) {
                self.fault(at, given.section, "url", format!("has {shown:?}, must have no ? and no #"));
            } else if urls.iter().any(|other| other == url) {
                self.fault(at, given.section, "url", format!("has {shown:?} twice"));
            } else {
                urls.push(url.to_string());
            }
        }
        urls
    }

    fn target(&mut self, given: &mut SectionValues) -> Target {
        let both = given.line("data_stream").filter(|_| given.has("index"));
        if let Some(at) = both {
            self.fault(at, given.section, "data_stream", "doesn't go with index; set one of them");
        }
        let stream = self.checked(given, "data_stream", |text| {
            let text = text.to_string();
            if text.starts_with(".ds-") {
                return Err("begins with .ds-, as only a data stream's own indexes do".into());
            }
            name(&text).map(|()| text)
        });
        let index = self.checked(given, "index", IndexPattern::new);
        match stream {
            Some(name) => Target::DataStream(name),
            None => Target::Index(index.unwrap_or_else(|| IndexPattern("auship-%Y.%m.%d".into()))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
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
    fn an_index_has_its_date() {
        let time = OffsetDateTime::from_unix_timestamp(1_795_305_599).unwrap();
        assert_eq!(IndexPattern::new("a-%Y.%m.%d").unwrap().at(time), "a-2026.11.21");
        assert_eq!(IndexPattern::new("%Y%m%dt%H").unwrap().at(time), "20261121t23");
        assert_eq!(IndexPattern::new("plain").unwrap().at(time), "plain");
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
            ("url = http://a\nindex = _a\n", "index: begins as such names can't"),
            ("url = http://a\nindex = a-%y\n", "index: has a % with something else"),
            ("url = http://a\nindex = a-%\n", "index: has a % with something else"),
            (&format!("url = http://a\n{long}"), "index: is longer than 255 bytes"),
            ("url = http://a\nindex = a\ndata_stream = b\n", "x:5: [output:es] data_stream: doesn't go with index"),
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
