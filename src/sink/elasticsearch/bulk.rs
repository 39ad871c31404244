//! The body of a bulk request. It has two lines for each document: the first names its index and its id, the second is
//! the document.
//!
//! The action is `create`: the server refuses a document whose id it already has. So sending a document again does no
//! harm.

use crate::{config::Target, document::Document, event::Timestamp, format::json};
use ::time::OffsetDateTime;
use openssl::sha::sha256;
use std::io::{self, Write};

/// The id of a document on the server: the event's own, else the first half of a hash of the document's bytes.
fn id(document: &Document) -> [u8; 16] {
    document.id.unwrap_or_else(|| {
        let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = sha256(&document.body);
        id
    })
}

/// Writes a request's body.
pub(super) fn write(out: &mut dyn Write, target: &Target, documents: &[Document]) -> io::Result<()> {
    let mut last: Option<(i64, String)> = None;
    for document in documents {
        let index = match target {
            Target::DataStream(name) => name.as_str(),
            Target::Index(pattern) => {
                let hour = document.time.seconds.div_euclid(3600);
                if last.as_ref().is_none_or(|(of, _)| *of != hour) {
                    last = Some((hour, pattern.at(date(document.time))));
                }
                last.as_ref().map_or("", |(_, index)| index.as_str())
            }
        };
        let id = json::to_hex(&id(document));
        write!(out, r#"{{"create":{{"_index":"{index}","_id":""#)?;
        out.write_all(&id)?;
        out.write_all(b"\"}}\n")?;
        write_line(out, &document.body)?;
    }
    Ok(())
}

/// A time as a date. A time outside the calendar's range counts as now.
fn date(time: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.seconds).unwrap_or_else(|_| OffsetDateTime::now_utc())
}

/// Writes a document as one line. Line feeds become spaces. In JSON they occur only between tokens, where a space means
/// the same; inside strings they are escaped.
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

    fn body(target: &Target, documents: &[Document]) -> String {
        let mut out = Vec::new();
        write(&mut out, target, documents).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn document(body: &str, seconds: i64, id: Option<[u8; 16]>) -> Document {
        Document { body: body.into(), time: Timestamp { seconds, nanos: 0 }, id, receipt: None }
    }

    #[test]
    fn documents_are_kept_under_their_id_in_the_index_of_their_day() {
        // The last second of a day, and the first of the next.
        let documents = [document("{}", 1_795_305_599, Some([0xab; 16])), document("1", 1_795_305_600, Some([2; 16]))];
        assert_eq!(
            body(&target(""), &documents),
            "{\"create\":{\"_index\":\"auship-2026.11.21\",\"_id\":\"abababababababababababababababab\"}}\n\
             {}\n\
             {\"create\":{\"_index\":\"auship-2026.11.22\",\"_id\":\"02020202020202020202020202020202\"}}\n\
             1\n"
        );
        let to_stream = body(&target("data_stream = logs-auditd-default\n"), &documents);
        assert!(to_stream.starts_with(r#"{"create":{"_index":"logs-auditd-default","_id":"abab"#), "{to_stream}");
    }

    #[test]
    fn those_without_an_id_are_known_by_their_bytes() {
        // printf '%s' '{}' | sha256sum
        let text = body(&target(""), &[document("{}", 0, None), document("{} ", 0, None)]);
        assert!(
            text.starts_with(r#"{"create":{"_index":"auship-1970.01.01","_id":"44136fa355b3678a1146ad16f7e8649e"}}"#)
        );
        assert_eq!(text.matches("44136fa355b3678a1146ad16f7e8649e").count(), 1, "{text}");
    }

    #[test]
    fn a_time_that_no_calendar_has_does_no_harm() {
        assert!(body(&target(""), &[document("{}", i64::MAX, None)]).contains("auship-2"));
    }

    #[test]
    fn a_document_is_one_line() {
        let body = body(&target("index = x\n"), &[document("{\"a\":\n1\n}", 0, None)]);
        assert_eq!(body.lines().count(), 2);
        assert!(body.ends_with("{\"a\": 1 }\n"), "{body}");
    }
}
