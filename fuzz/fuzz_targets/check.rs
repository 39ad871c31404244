//! What must hold for whatever comes out: the way from bytes to JSON, checked. Each document is strict JSON, and names no
//! field that stands between quotes in the records.

use auship::internals::{
    Enricher, Host, Origin, Parser, Receipt, config,
    document::Document,
    event::{Event, EventId, Events, LinuxEvent},
    filter::Filters,
    format::{Format, Written},
};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{collections::HashSet, fmt, path::Path};

/// Any JSON value in which no object repeats a key.
struct Strict;

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string or a number, or a list or object of those")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Strict, A::Error> {
        while seq.next_element::<Strict>()?.is_some() {}
        Ok(Strict)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
        let mut keys = HashSet::new();
        while let Some((key, _)) = map.next_entry::<String, Strict>()? {
            if !keys.insert(key) {
                return Err(A::Error::custom("repeated key"));
            }
        }
        Ok(Strict)
    }
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

/// Filters of which each asks for something else, and none matches often.
const FILTERS: &str = "[output:o]\ntype = stdout\n[filter:a]\nsyscall = execve, 9999\nregex = ^x$\n[filter:b]\n\
    key = k\n[filter:c]\nuid = 7\n[filter:d]\nuser = nobody\n[filter:e]\nexe = /nowhere/*\n[filter:f]\npath = /x\n\
    [filter:g]\nport = 7\naddress = ::/1\n[filter:h]\nrecord_type = PATH\nregex = ^x$\n[filter:i]\nregex = ^x$\n";

/// Asks filters about each event, writes it in every format, and checks each document.
struct Check {
    enricher: Enricher,
    filters: Filters,
    formats: [Format; 3],
    document: Document,
}

impl Events for Check {
    fn event(&mut self, mut event: Event<'_, '_>, _receipt: Option<Receipt>) {
        let context = self.enricher.look(&mut event);
        self.filters.decide(&mut event);
        for format in &mut self.formats {
            self.document.clear();
            if format.write(&mut event, &context, &mut self.document) == Written::Skipped {
                continue;
            }
            let body = &self.document.body;
            assert!(!body.contains(&b'\n'), "a document is one line");
            if let Err(e) = serde_json::from_slice::<Strict>(body) {
                panic!("{e}: {}", String::from_utf8_lossy(body));
            }
            let _: IgnoredAny = serde_json::from_slice(body).expect("it was read above");
            if let Event::Linux(linux, _) = &event {
                names_stand_outside_of_quotes(linux, body);
            }
        }
    }

    fn arrives(&mut self, id: EventId, node: u64) {
        self.enricher.arrives(id, node);
    }
}

/// Types of records in which some text isn't encoded, so that a quote needn't be one. The target `forged` is about them.
const UNESCAPED: [&[u8]; 14] = [
    b"USER",
    b"USER_AVC",
    b"USER_LOGIN",
    b"USER_LOGOUT",
    b"CHGRP_ID",
    b"USER_ROLE_CHANGE",
    b"DAEMON_ACCEPT",
    b"OBJ_PID",
    b"NETFILTER_CFG",
    b"DM_CTRL",
    b"DM_EVENT",
    b"AVC",
    b"ANOM_PROMISCUOUS",
    b"UNKNOWN",
];

/// Checks the keys of a MozDef document: each key that is the name of a text between quotes must be the name of a field
/// too.
fn names_stand_outside_of_quotes(event: &LinuxEvent, document: &[u8]) {
    let document: serde_json::Value = serde_json::from_slice(document).expect("it was read before");
    let Some(details) = document["details"].as_object() else { return };
    let (mut inside, mut outside) = (HashSet::new(), HashSet::new());
    for record in event.records() {
        let kind = event.bytes(record.name);
        let is_known = !UNESCAPED.iter().any(|unescaped| kind.starts_with(unescaped) && kind.len() <= 16);
        names(event.bytes(record.text), is_known, &mut inside, &mut outside);
    }
    // Every document has this key, with the event's own serial.
    inside.remove("auditserial");
    for name in inside.difference(&outside) {
        assert!(!details.contains_key(name), "{name} stands between quotes: {document}");
    }
}

/// Collects the names in a record: those inside a value between quotes, and the others. A value is between quotes if it
/// begins with one, and if the next one is followed by a space or the end.
fn names(text: &[u8], has_quotes: bool, inside: &mut HashSet<String>, outside: &mut HashSet<String>) {
    let mut quoted_to = 0;
    let mut at = 0;
    for word in text.split(|byte| *byte == b' ') {
        let start = at;
        at += word.len() + 1;
        let is_inside = start < quoted_to;
        // Brackets and the beginning of a message may stand before a name.
        let mut names = vec![word];
        names.extend(word.strip_prefix(b"("));
        names.extend(word.strip_prefix(b"msg='"));
        for name in names {
            let Some(equals) = name.iter().position(|byte| *byte == b'=').filter(|equals| *equals > 0) else {
                continue;
            };
            let value = start + word.len() - name.len() + equals + 1;
            let name = String::from_utf8_lossy(&name[..equals]).into_owned();
            if is_inside {
                inside.insert(name);
                continue;
            }
            let is_bare = matches!(&*name, "hostname" | "addr" | "terminal" | "res");
            outside.insert(name);
            if has_quotes && !is_bare && text.get(value) == Some(&b'"') {
                let close = text[value + 1..].iter().position(|byte| *byte == b'"').map(|len| value + 1 + len);
                let close = close.filter(|close| matches!(text.get(close + 1), None | Some(b' ')));
                quoted_to = close.unwrap_or(quoted_to);
            }
        }
    }
}

/// Converts a log in two pieces, to every format, and checks each document.
pub fn check(log: &[u8], cut: usize) {
    let host = Host { name: "host".into(), ..Host::default() };
    let mozdef = |details| config::Format::MozDef(config::MozDef { details, ..config::MozDef::default() });
    let ecs = config::Format::Ecs(config::Ecs { event_original: true, ..config::Ecs::default() });
    let formats = [mozdef(config::Details::Full), mozdef(config::Details::Classic), ecs];
    let config = config::parse(Path::new("x"), FILTERS).expect("it is sound");
    let mut check = Check {
        enricher: Enricher::new(Origin::Log),
        filters: Filters::new(&config.filters),
        formats: formats.map(|settings| Format::new(&settings, &host)),
        document: Document::default(),
    };
    let mut parser = Parser::new().expect("there is memory");
    let (first, second) = log.split_at(cut.min(log.len()));
    parser.feed(first, &mut check).expect("there is memory");
    parser.feed(second, &mut check).expect("there is memory");
    parser.finish(&mut check).expect("there is memory");
}
