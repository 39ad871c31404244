//! Times as text, for headers of messages, dead letters and reports.
//!
//! Documents use `format/clock.rs`.

use time::{OffsetDateTime, UtcOffset, formatting::Formattable, macros::format_description};

/// RFC 3339 in UTC, in whole seconds: `2026-02-03T04:05:06Z`.
pub fn rfc3339(time: OffsetDateTime) -> String {
    text(time.to_offset(UtcOffset::UTC), format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
}

/// RFC 3339 in the time's own zone, with milliseconds: `2026-02-03T05:05:06.007+01:00`, and `Z` in UTC.
pub fn rfc3339_local(time: OffsetDateTime) -> String {
    const TIME: &[time::format_description::BorrowedFormatItem] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]");
    // Historic zones differ from UTC by some seconds too. RFC 3339 can't express these seconds.
    match time.offset().as_hms() {
        (0, 0, _) => text(time, TIME) + "Z",
        _ => text(time, TIME) + &text(time, format_description!("[offset_hour sign:mandatory]:[offset_minute]")),
    }
}

/// RFC 3164, as syslog(3) writes it, in the time's own zone: `Feb  3 05:05:06`.
pub fn rfc3164(time: OffsetDateTime) -> String {
    text(time, format_description!("[month repr:short] [day padding:space] [hour]:[minute]:[second]"))
}

/// A time for people: `2026-02-03 04:05:06 UTC`.
pub fn readable(time: OffsetDateTime) -> String {
    text(time.to_offset(UtcOffset::UTC), format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC"))
}

fn text(time: OffsetDateTime, format: &(impl Formattable + ?Sized)) -> String {
    // This can't fail: a time has all parts that these formats name.
    time.format(format).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanos: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap() + time::Duration::nanoseconds(nanos)
    }

    fn seen(hours: i8, minutes: i8, seconds: i8) -> OffsetDateTime {
        at(1_770_091_506, 7_999_999).to_offset(UtcOffset::from_hms(hours, minutes, seconds).unwrap())
    }

    /// Times before 1970, at 1970, around the leap second at the end of 2016, and the last possible second.
    const ODD: [(i64, &str); 7] = [
        (-62_167_219_200, "0000-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (0, "1970-01-01T00:00:00Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_483_228_799, "2016-12-31T23:59:59Z"),
        (1_483_228_800, "2017-01-01T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
    ];

    #[test]
    fn odd_times_are_written_like_others() {
        for (seconds, expected) in ODD {
            assert_eq!(rfc3339(at(seconds, 0)), expected);
            assert_eq!(rfc3339(at(seconds, 999_999_999)), expected, "parts of a second are left out");
            assert_eq!(readable(at(seconds, 0)), expected.replace('T', " ").replace('Z', " UTC"));
            assert_eq!(rfc3339_local(at(seconds, 5_000_000)), expected.replace('Z', ".005Z"));
        }
        assert!(OffsetDateTime::from_unix_timestamp(253_402_300_800).is_err(), "no year has more than four digits");
    }

    #[test]
    fn zones_are_kept_or_are_utc() {
        assert_eq!(rfc3339(seen(-3, -30, 0)), "2026-02-03T04:05:06Z");
        assert_eq!(readable(seen(5, 45, 0)), "2026-02-03 04:05:06 UTC");
        assert_eq!(rfc3339_local(seen(0, 0, 0)), "2026-02-03T04:05:06.007Z");
        assert_eq!(rfc3339_local(seen(-3, -30, 0)), "2026-02-03T00:35:06.007-03:30");
        assert_eq!(rfc3339_local(seen(0, -30, 0)), "2026-02-03T03:35:06.007-00:30");
        assert_eq!(rfc3339_local(seen(14, 0, 0)), "2026-02-03T18:05:06.007+14:00");
        assert_eq!(rfc3339_local(seen(0, 0, 36)), "2026-02-03T04:05:42.007Z");
        assert_eq!(rfc3339_local(seen(-1, -15, -21)), "2026-02-03T02:49:45.007-01:15");
    }

    #[test]
    fn syslog_has_two_places_for_the_day() {
        assert_eq!(rfc3164(seen(1, 0, 0)), "Feb  3 05:05:06");
        assert_eq!(rfc3164(at(253_402_300_799, 0)), "Dec 31 23:59:59");
    }
}
