//! Reads and shows values of keys: times, sizes, yes and no.

use std::time::Duration;

/// A description of the expected value, for messages.
pub(super) type Expected = &'static str;

/// A count of at least 1.
pub(super) fn count(text: &str) -> Result<usize, Expected> {
    text.parse().ok().filter(|n| *n > 0).ok_or("a whole number from 1")
}

/// `10s`, `500ms`, `2m`, `1h`.
pub(super) fn time(text: &str) -> Result<Duration, Expected> {
    const EXPECTED: Expected = "a time with its unit: ms, s, m or h, as in 10s";
    let (number, unit) = split(text).ok_or(EXPECTED)?;
    let thousandth = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(EXPECTED),
    };
    number.checked_mul(thousandth).map(Duration::from_millis).ok_or(EXPECTED)
}

/// A time limit above 0. libcurl would take 0 as no limit.
pub(super) fn time_above_0(text: &str) -> Result<Duration, Expected> {
    time(text).and_then(|time| if time.is_zero() { Err("a time above 0, as in 10s") } else { Ok(time) })
}

/// `8MiB`, `512KiB`, `1GiB`, `100B`.
pub(super) fn size(text: &str) -> Result<u64, Expected> {
    const EXPECTED: Expected = "a size with its unit: B, KiB, MiB or GiB, as in 8MiB";
    let (number, unit) = split(text).ok_or(EXPECTED)?;
    let shift = match unit {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(EXPECTED),
    };
    number.checked_mul(1 << shift).filter(|n| *n > 0).ok_or(EXPECTED)
}

/// Yes or no.
pub(super) fn yes(text: &str) -> Result<bool, Expected> {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        _ => Err("yes or no"),
    }
}

/// Reads yes or no like audisp-json: every value that doesn't begin with "no" means yes.
pub(super) fn yes_unless_no(text: &str) -> bool {
    !text.to_lowercase().starts_with("no")
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    Some((text[..digits].parse().ok()?, text[digits..].trim()))
}

/// A time in the largest unit that gives a whole number.
pub(super) fn show_time(time: Duration) -> String {
    let ms = time.as_millis();
    match ms {
        _ if ms > 0 && ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms > 0 && ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        _ => format!("{ms}ms"),
    }
}

/// A size in the largest unit that gives a whole number.
pub(super) fn show_size(size: u64) -> String {
    match size {
        _ if size.is_multiple_of(1 << 30) => format!("{}GiB", size >> 30),
        _ if size.is_multiple_of(1 << 20) => format!("{}MiB", size >> 20),
        _ if size.is_multiple_of(1 << 10) => format!("{}KiB", size >> 10),
        _ => format!("{size}B"),
    }
}

/// The candidate that is nearest to a word: one that begins with the word or the other way round, or else the one with
/// the fewest different characters.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> &'a str {
    // At least three letters must match, or every key that begins with a u would be near "u".
    let extends = |a: &str, b: &str| b.len() >= 3 && a.starts_with(b);
    candidates
        .min_by_key(|candidate| {
            let related = extends(word, candidate) || extends(candidate, word);
            (!related, strsim::levenshtein(word, candidate))
        })
        .unwrap_or_default()
}

/// True if `key` is `name`, or begins with it if `name` ends in a dot.
pub(super) fn is_named(key: &str, name: &str) -> bool {
    if name.ends_with('.') { key.strip_prefix(name).is_some_and(|rest| !rest.is_empty()) } else { key == name }
}

/// A wrong value for a message. The part before an `@` is hidden, because it may be a password.
pub(super) fn redacted(text: &str) -> String {
    match text.rfind('@') {
        Some(at) => format!("…{}", &text[at..]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_need_their_units() {
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("2 m"), Ok(Duration::from_secs(120)));
        assert_eq!(size("8MiB"), Ok(8 << 20));
        for bad in ["", "10", "s", "-1s", "1d", "99999999999999999999s", "18446744073709551615h"] {
            assert!(time(bad).is_err(), "{bad}");
        }
        for bad in ["", "8", "8MB", "MiB", "0B", "18446744073709551615GiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shown_values_read_back() {
        for ms in [0, 1, 999, 1000, 90_000, 120_000, 3_600_000] {
            assert_eq!(time(&show_time(Duration::from_millis(ms))), Ok(Duration::from_millis(ms)));
        }
        for n in [1, 1024, 1500, 8 << 20, 3 << 30] {
            assert_eq!(size(&show_size(n)), Ok(n));
        }
    }

    #[test]
    fn the_nearest_key_is_named() {
        let keys = ["mozdef_url", "ssl_verify", "curl_cainfo"];
        assert_eq!(nearest("mozdef_ulr", keys.into_iter()), "mozdef_url");
        assert_eq!(nearest("verify", keys.into_iter()), "ssl_verify");
    }

    #[test]
    fn a_key_that_goes_on_is_nearer_than_one_that_looks_alike() {
        let keys = ["facility", "proxy", "network", "url", "user", "password_file", "api_key_file"];
        for (word, key) in [("api_key", "api_key_file"), ("password", "password_file"), ("urls", "url")] {
            assert_eq!(nearest(word, keys.into_iter()), key);
        }
        assert_eq!(nearest("username", keys.into_iter()), "user");
        assert_eq!(nearest("prxy", keys.into_iter()), "proxy");
    }

    #[test]
    fn nothing_before_an_at_sign_is_told() {
        for (text, told) in [
            ("elastic:secret@es1:9200", "…@es1:9200"),
            ("https://elastic:s/?@cret@es1:9200?x", "…@es1:9200?x"),
            ("es1:9200", "es1:9200"),
        ] {
            assert_eq!(redacted(text), told);
        }
    }
}
