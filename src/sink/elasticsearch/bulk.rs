//! What a bulk request holds: two lines a document, which say where it goes and under which id, and the document.
//!
//! The action is `create`: a document that is there already under its id is refused, so that sending it again does no
//! harm. Ids are the event's own where documents have one, else a hash of the document's bytes.

use crate::{config::Target, format::json, queue::ring::Document};
use openssl::sha::sha256;
use std::{
    borrow::Cow,
    io::{self, Write},
};
use time::{Date, Month, OffsetDateTime, Time};

/// How documents of `format = ecs` begin, up to their time and their id.
const ECS_TIME: &[u8] = br#"{"@timestamp":""#;
const ECS_ID: &[u8] = br#"","event":{"id":""#;
/// What stands before the time in MozDef's envelope. Texts in a document can't hold it: their quotes are escaped.
const MOZDEF_TIME: &[u8] = br#""timestamp":""#;
/// Letters of an ECS document's time, as in `2026-11-22T00:44:14.872Z`, and of an id.
const TIME: usize = 24;
const ID: usize = 32;

/// An id and a time, as a document's head has them.
#[derive(Debug, PartialEq, Eq)]
struct Head<'a> {
    id: Cow<'a, str>,
    time: Option<OffsetDateTime>,
}

impl<'a> Head<'a> {
    fn of(document: &'a [u8]) -> Self {
        if let Some(head) = Self::of_ecs(document) {
            return head;
        }
        let at = memchr::memmem::find(document, MOZDEF_TIME).map(|at| at + MOZDEF_TIME.len());
        let hash = String::from_utf8_lossy(&json::to_hex(&sha256(document)[..ID / 2])).into_owned();
        Self { id: hash.into(), time: at.and_then(|at| time(&document[at..])) }
    }

    fn of_ecs(document: &'a [u8]) -> Option<Self> {
        let rest = document.strip_prefix(ECS_TIME)?;
        let (stamp, rest) = rest.split_at_checked(TIME)?;
        let (id, rest) = rest.strip_prefix(ECS_ID)?.split_at_checked(ID)?;
        let id = str::from_utf8(id).ok().filter(|id| id.bytes().all(|b| b.is_ascii_hexdigit()))?;
        rest.starts_with(b"\"").then_some(Self { id: id.into(), time: time(stamp) })
    }
}

/// The time that begins a text, to the second; both formats write it in UTC.
fn time(text: &[u8]) -> Option<OffsetDateTime> {
    let text = str::from_utf8(text.get(..19)?).ok()?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u16>().ok();
    let part = |from: usize| number(from, from + 2).and_then(|n| u8::try_from(n).ok());
    let month = Month::try_from(part(5)?).ok()?;
    let date = Date::from_calendar_date(i32::from(number(0, 4)?), month, part(8)?).ok()?;
    let time = Time::from_hms(part(11)?, part(14)?, part(17)?).ok()?;
    Some(OffsetDateTime::new_utc(date, time))
}

/// Writes a request's body.
pub(super) fn write(out: &mut dyn Write, target: &Target, documents: &[Document]) -> io::Result<()> {
    let mut last: Option<(i64, String)> = None;
    for document in documents {
        let head = Head::of(document);
        let index = match target {
            Target::DataStream(name) => name.as_str(),
            Target::Index(pattern) => {
                // One without a time goes where those of now go.
                let time = head.time.unwrap_or_else(OffsetDateTime::now_utc);
                let hour = time.unix_timestamp().div_euclid(3600);
                if last.as_ref().is_none_or(|(of, _)| *of != hour) {
                    last = Some((hour, pattern.at(time)));
                }
                last.as_ref().map_or("", |(_, index)| index.as_str())
            }
        };
        writeln!(out, r#"{{"create":{{"_index":"{index}","_id":"{}"}}}}"#, head.id)?;
        write_line(out, document)?;
    }
    Ok(())
}

/// Writes a document as one line. Where it has line feeds, they are between JSON's words, since texts have them
/// escaped: there they mean as much as a space.
fn write_line(out: &mut dyn Write, document: &[u8]) -> io::Result<()> {
    let mut rest = document;
    while let Some(at) = memchr::memchr(b'\n', rest) {
        out.write_all(&rest[..at])?;
        out.write_all(b" ")?;
        rest = &rest[at + 1..];
    }
    out.write_all(rest)?;
    out.write_all(b"\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Sink, parse};
    use std::path::Path;

    fn target(keys: &str) -> Target {
        let text = format!("[output:es]\ntype = elasticsearch\nurl = http://h\n{keys}");
        let mut config = parse(Path::new("x"), &text).unwrap();
        match config.outputs.remove(0).sink {
            Sink::Elasticsearch(elasticsearch) => elasticsearch.target,
            _ => unreachable!(),
        }
    }

    fn body(target: &Target, documents: &[&str]) -> String {
        let documents: Vec<Document> = documents.iter().map(|d| d.as_bytes().to_vec()).collect();
        let mut out = Vec::new();
        write(&mut out, target, &documents).unwrap();
        String::from_utf8(out).unwrap()
    }

    const ECS: &str =
        r#"{"@timestamp":"2026-11-21T23:59:59.999Z","event":{"id":"00112233445566778899aabbccddeeff","kind":"event"}}"#;

    #[test]
    fn ecs_documents_bring_their_id_and_their_day() {
        let mut next = ECS.replace("2026-11-21T23:59:59.999Z", "2026-11-22T00:00:00.000Z");
        next = next.replace("ccddeeff", "ccddeef0");
        assert_eq!(
            body(&target(""), &[ECS, &next]),
            format!(
                "{{\"create\":{{\"_index\":\"auship-2026.11.21\",\"_id\":\"00112233445566778899aabbccddeeff\"}}}}\n\
                 {ECS}\n\
                 {{\"create\":{{\"_index\":\"auship-2026.11.22\",\"_id\":\"00112233445566778899aabbccddeef0\"}}}}\n\
                 {next}\n"
            )
        );
        let to_stream = body(&target("data_stream = logs-auditd-default\n"), &[ECS]);
        assert!(to_stream.starts_with(r#"{"create":{"_index":"logs-auditd-default","_id":"0011"#), "{to_stream}");
    }

    #[test]
    fn others_are_known_by_their_bytes_and_dated_by_their_envelope() {
        let mozdef = r#"{"summary":"\"timestamp\":\"1999-01-01T00:00:00","timestamp":"2026-11-22T00:44:14.872+00:00","details":{}}"#;
        let head = Head::of(mozdef.as_bytes());
        assert_eq!(head.time.unwrap().unix_timestamp(), 1_795_308_254);
        // printf '%s' '…' | sha256sum
        assert_eq!(Head::of(b"{}").id, "44136fa355b3678a1146ad16f7e8649e");
        assert_eq!((head.id.len(), Head::of(b"{}").time), (32, None));
        assert_ne!(Head::of(mozdef.replace("872", "873").as_bytes()).id, head.id);
    }

    #[test]
    fn what_only_looks_like_a_head_is_none() {
        for bad in [
            &ECS[..60],
            &ECS.replace("00112233", "0011223\\"),
            &ECS.replace("ddeeff\"", "ddeeff0\""),
            &ECS.replace("\"event\"", "\"Event\""),
            &ECS.replace("00112233", "0011é33"),
        ] {
            assert!(Head::of_ecs(bad.as_bytes()).is_none(), "{bad}");
        }
        for bad in
            ["", "2026", "2026-13-01T00:00:00", "2026-02-30T00:00:00", "2026-01-01T25:00:00", "+026-01-01T00:00:00.é"]
        {
            assert!(bad.starts_with('+') || time(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_document_is_one_line() {
        let body = body(&target("index = x\n"), &["{\"a\":\n1\n}"]);
        assert_eq!(body.lines().count(), 2);
        assert!(body.ends_with("{\"a\": 1 }\n"), "{body}");
    }
}
