//! Times in documents. This is our own code because it keeps the text of the last second: for most events only the
//! three digits of the milliseconds are new.

use crate::event::EventId;
use time::OffsetDateTime;

/// Writes times, and remembers the text of the last second.
#[derive(Debug, Default)]
pub struct Clock {
    seconds: i64,
    /// `2026-11-22T00:44:14.`
    text: String,
}

impl Clock {
    /// Appends the time in RFC 3339 with milliseconds, without the zone: `2026-11-22T00:44:14.872`.
    pub fn write(&mut self, id: EventId, out: &mut Vec<u8>) {
        if self.text.is_empty() || self.seconds != id.seconds {
            self.seconds = id.seconds;
            // RFC 3339 ends with the year 9999. A later time is written as the last valid second.
            let time = OffsetDateTime::from_unix_timestamp(id.seconds)
                .or_else(|_| OffsetDateTime::from_unix_timestamp(LAST_SECOND))
                .unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
            let (hour, minute, second) = time.to_hms();
            self.text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.");
        }
        out.extend_from_slice(self.text.as_bytes());
        let digit = |n: u16| b'0' + u8::try_from(n % 10).unwrap_or(0);
        out.extend_from_slice(&[digit(id.millis / 100), digit(id.millis / 10), digit(id.millis)]);
    }
}

/// 9999-12-31T23:59:59Z
const LAST_SECOND: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_milliseconds() {
        let mut clock = Clock::default();
        let mut at = |seconds, millis| {
            let mut out = Vec::new();
            clock.write(EventId { seconds, millis, serial: 0 }, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(at(1_795_308_254, 872), "2026-11-22T00:44:14.872");
        assert_eq!(at(1_795_308_254, 5), "2026-11-22T00:44:14.005");
        assert_eq!(at(1, 0), "1970-01-01T00:00:01.000");
        assert_eq!(at(i64::MAX / 2, 0), "9999-12-31T23:59:59.000");
    }
}
