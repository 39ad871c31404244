//! Frames of version 1, which the build before this one wrote: their heads have neither time nor id, so that these are
//! read from the document itself. To be removed after one release.

use crate::event::Timestamp;
use ::time::{Date, Month, OffsetDateTime, Time};

/// The version, as a frame's mark says it.
pub(super) const VERSION: u8 = 1;
/// Length of a head of this version, in bytes: mark, length, number, and both checksums.
pub(super) const HEAD: usize = 24;

/// How documents of `format = ecs` begin, up to their time and their id.
const ECS_TIME: &[u8] = br#"{"@timestamp":""#;
const ECS_ID: &[u8] = br#"","event":{"id":""#;
/// What stands before the time in MozDef's envelope. Texts in a document can't hold it: their quotes are escaped.
const MOZDEF_TIME: &[u8] = br#""timestamp":""#;
/// Letters of an ECS document's time, as in `2026-11-22T00:44:14.872Z`, and of an id.
const TIME: usize = 24;
const ID: usize = 32;

/// When a document's event happened, and its id, as the document says. One without a time counts as one of now.
pub(super) fn time_and_id(body: &[u8]) -> (Timestamp, Option<[u8; 16]>) {
    let (time, id) = said(body);
    (time.unwrap_or_else(now), id)
}

/// When a document's event happened, if the document says so.
pub(super) fn time_of(body: &[u8]) -> Option<Timestamp> {
    said(body).0
}

fn said(body: &[u8]) -> (Option<Timestamp>, Option<[u8; 16]>) {
    match of_ecs(body) {
        Some((time, id)) => (time, Some(id)),
        None => (of_mozdef(body), None),
    }
}

fn of_ecs(body: &[u8]) -> Option<(Option<Timestamp>, [u8; 16])> {
    let (text, rest) = body.strip_prefix(ECS_TIME)?.split_at_checked(TIME)?;
    let (id, rest) = rest.strip_prefix(ECS_ID)?.split_at_checked(ID)?;
    let id = u128::from_str_radix(str::from_utf8(id).ok().filter(|id| is_hex(id))?, 16).ok()?;
    rest.starts_with(b"\"").then_some((time(text), id.to_be_bytes()))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn of_mozdef(body: &[u8]) -> Option<Timestamp> {
    let at = memchr::memmem::find(body, MOZDEF_TIME)? + MOZDEF_TIME.len();
    time(&body[at..])
}

/// The time that begins a text, with its milliseconds; both formats write it in UTC.
fn time(text: &[u8]) -> Option<Timestamp> {
    let text = str::from_utf8(text.get(..23)?).ok()?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u16>().ok();
    let part = |from: usize| number(from, from + 2).and_then(|n| u8::try_from(n).ok());
    let month = Month::try_from(part(5)?).ok()?;
    let date = Date::from_calendar_date(i32::from(number(0, 4)?), month, part(8)?).ok()?;
    let time = Time::from_hms(part(11)?, part(14)?, part(17)?).ok()?;
    let seconds = OffsetDateTime::new_utc(date, time).unix_timestamp();
    Some(Timestamp { seconds, nanos: u32::from(number(20, 23)?) * 1_000_000 })
}

fn now() -> Timestamp {
    let now = OffsetDateTime::now_utc();
    Timestamp { seconds: now.unix_timestamp(), nanos: now.nanosecond() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECS: &str =
        r#"{"@timestamp":"2026-11-21T23:59:59.999Z","event":{"id":"00112233445566778899aabbccddeeff","kind":"event"}}"#;
    const ID: [u8; 16] = [0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];

    #[test]
    fn ecs_documents_say_their_time_and_their_id() {
        let time = Timestamp { seconds: 1_795_305_599, nanos: 999_000_000 };
        assert_eq!(time_and_id(ECS.as_bytes()), (time, Some(ID)));
        let undated = ECS.replace("2026-11", "2026-13");
        assert!(time_and_id(undated.as_bytes()).0.seconds > 1_700_000_000);
        assert_eq!(time_and_id(undated.as_bytes()).1, Some(ID));
    }

    #[test]
    fn others_are_dated_by_their_envelope() {
        let mozdef = r#"{"summary":"\"timestamp\":\"1999-01-01T00:00:00.000","timestamp":"2026-11-22T00:44:14.872+00:00","details":{}}"#;
        let time = Timestamp { seconds: 1_795_308_254, nanos: 872_000_000 };
        assert_eq!(time_and_id(mozdef.as_bytes()), (time, None));
        let (time, id) = time_and_id(b"{}");
        assert!(time.seconds > 1_700_000_000 && id.is_none(), "one of now");
    }

    #[test]
    fn what_only_looks_like_a_head_is_none() {
        for bad in [
            &ECS[..60],
            &ECS.replace("00112233", "0011223\\"),
            &ECS.replace("00112233", "+0112233"),
            &ECS.replace("ddeeff\"", "ddeeff0\""),
            &ECS.replace("\"event\"", "\"Event\""),
            &ECS.replace("00112233", "0011é33"),
        ] {
            assert!(of_ecs(bad.as_bytes()).is_none(), "{bad}");
        }
        for bad in [
            "",
            "2026",
            "2026-13-01T00:00:00.000",
            "2026-02-30T00:00:00.000",
            "2026-01-01T25:00:00.000",
            "2026-01-01T00:00:00.x00",
            "2026-01-01T00:00:00.éé",
        ] {
            assert!(time(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
