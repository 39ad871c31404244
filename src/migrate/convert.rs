//! Converts values: the forms of other programs into ours.

use super::setting::{Scalar, Setting, Value};
use crate::net::UrlParts;

/// The result of a conversion: the value in our form, or what is wrong with the old one.
pub(super) type Converted = Result<String, String>;

/// Yes or no, with all words that YAML 1.1 and Go's ParseBool know.
pub(super) fn bool_of(setting: &Setting) -> Result<bool, String> {
    match setting.text().unwrap_or_default().to_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "t" | "1" => Ok(true),
        "false" | "no" | "off" | "n" | "f" | "0" => Ok(false),
        _ => Err("isn't yes or no".into()),
    }
}

/// A whole number. YAML 1.1 reads 0600 and 0o600 as octal, 0x1a as hexadecimal.
pub(super) fn number_of(setting: &Setting) -> Result<u64, String> {
    let text = setting.text().unwrap_or_default().replace('_', "");
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', b'o' | b'O', ..] => (&text[2..], 8),
        [b'0', b'0'..=b'9', ..] => (&text[1..], 8),
        _ => (text.as_str(), 10),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_alphanumeric());
    is_number.then(|| u64::from_str_radix(digits, radix).ok()).flatten().ok_or_else(|| "isn't a whole number".into())
}

/// The text itself.
pub(super) fn text(setting: &Setting) -> Converted {
    match &setting.value {
        Value::Scalar(Scalar { text, .. }) if text.contains("${") => {
            Err("has ${…}, which only the old program fills in; write the value itself".into())
        }
        Value::Scalar(Scalar { text, .. }) if !text.is_empty() => Ok(text.clone()),
        Value::List(all) if all.len() == 1 => Ok(all[0].text.clone()),
        Value::List(all) if all.len() > 1 => Err("is a list; auship takes one value here".into()),
        _ => Err("has no value".into()),
    }
}

/// Yes or no.
pub(super) fn yes(setting: &Setting) -> Converted {
    bool_of(setting).map(|yes| if yes { "yes" } else { "no" }.into())
}

/// A whole number.
pub(super) fn number(setting: &Setting) -> Converted {
    number_of(setting).map(|number| number.to_string())
}

/// A number with or without a fraction.
pub(super) fn fraction(setting: &Setting) -> Converted {
    let text = setting.text().unwrap_or_default();
    text.parse::<f64>().map(|number| number.to_string()).map_err(|_| "isn't a number".into())
}

/// Permissions: a number, which YAML reads as octal if it begins with 0.
pub(super) fn mode(setting: &Setting) -> Converted {
    number_of(setting).map(|mode| format!("{mode:04o}"))
}

/// A number of seconds.
pub(super) fn seconds(setting: &Setting) -> Converted {
    number_of(setting).map(|seconds| format!("{seconds}s"))
}

/// A size in bytes, in the largest unit that gives a whole number.
pub(super) fn show_size(bytes: u64) -> String {
    match bytes {
        0 => "0B".into(),
        _ if bytes.is_multiple_of(1 << 30) => format!("{}GiB", bytes >> 30),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => format!("{bytes}B"),
    }
}

/// A size: bytes, or with a unit as in `10GB` (a thousand to the third) or `100MiB` (1024 to the second).
pub(super) fn size(setting: &Setting) -> Converted {
    const EXPECTED: &str = "isn't a size, as in 100MiB";
    let text = setting.text().unwrap_or_default().trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..end].parse().map_err(|_| EXPECTED)?;
    let unit: u64 = match text[end..].trim().to_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1000 * 1000,
        "g" | "gb" => 1000 * 1000 * 1000,
        "t" | "tb" => 1000 * 1000 * 1000 * 1000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        "ti" | "tib" => 1 << 40,
        _ => return Err(EXPECTED.into()),
    };
    number.checked_mul(unit).map(show_size).ok_or_else(|| EXPECTED.into())
}

/// A time as Go writes it: `1h30m`, `1.5s`, `250ms`. A number without a unit counts in `unit` nanoseconds.
fn go_time(setting: &Setting, unit: u128) -> Converted {
    const EXPECTED: &str = "isn't a time, as in 10s";
    let mut rest = setting.text().unwrap_or_default().trim();
    let mut total: u128 = 0;
    if rest.is_empty() {
        return Err(EXPECTED.into());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let unit = match name {
            "" if total == 0 && after.is_empty() => unit,
            "ns" => 1,
            "us" | "µs" => 1000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(EXPECTED.into()),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if number.len() > 15 || whole.is_empty() || part.contains('.') {
            return Err(EXPECTED.into());
        }
        total += whole.parse::<u128>().map_err(|_| EXPECTED)? * unit;
        if !part.is_empty() {
            total += part.parse::<u128>().map_err(|_| EXPECTED)? * unit / 10_u128.pow(part.len() as u32);
        }
        rest = after;
    }
    Ok(show_time(total.div_ceil(1_000_000)))
}

/// A time in milliseconds, in the largest unit that gives a whole number.
fn show_time(ms: u128) -> String {
    match ms {
        _ if ms > 0 && ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms > 0 && ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        _ => format!("{ms}ms"),
    }
}

/// A time in Auditbeat, where a number alone means seconds.
pub(super) fn beats_time(setting: &Setting) -> Converted {
    go_time(setting, 1_000_000_000)
}

/// A time in pauditd, where a number alone means nanoseconds.
pub(super) fn viper_time(setting: &Setting) -> Converted {
    go_time(setting, 1)
}

/// A URL without a login, and the user's name if it had a login.
pub(super) struct Url {
    pub(super) url: String,
    pub(super) user: Option<String>,
}

/// Takes the user's name and password out of a URL, with or without its scheme.
pub(super) fn url(text: &str) -> Result<Url, String> {
    let parts = UrlParts::of(text);
    let address = parts.authority;
    // A password with a slash would otherwise look like a port and a path.
    let port = address.rsplit_once(':').map_or("", |(_, port)| port).trim_end_matches(']');
    let is_port = port.bytes().all(|b| b.is_ascii_digit()) || address.ends_with(']');
    let is_host = address.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]%".contains(&b));
    if text.contains("${") {
        return Err("has ${…}, which only the old program fills in; write the value itself".into());
    }
    if address.is_empty() || !is_port || !is_host {
        return Err("isn't a URL that auship can read".into());
    }
    let user = parts.login.map(|login| login.split(':').next().unwrap_or_default().to_string());
    Ok(Url { url: parts.without_login(), user })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(text: &str) -> Setting {
        let value = Value::Scalar(Scalar { text: text.into(), quoted: false });
        Setting { path: vec!["k".into()], line: 1, value }
    }

    #[test]
    fn times_and_sizes_keep_their_meaning() {
        for (old, new) in
            [("90", "90s"), ("1h30m", "90m"), ("1.5s", "1500ms"), ("10µs", "1ms"), ("0s", "0s"), ("60s", "1m")]
        {
            assert_eq!(beats_time(&of(old)).unwrap(), new, "{old}");
        }
        assert_eq!(viper_time(&of("10s")).unwrap(), "10s");
        assert_eq!(viper_time(&of("2000000")).unwrap(), "2ms");
        for bad in ["", "x", "10x", "1..2s", "-1s", "1s2", "99999999999999999999s", "."] {
            assert!(beats_time(&of(bad)).is_err(), "{bad}");
        }
        for (old, new) in
            [("10GB", "9765625KiB"), ("100 MiB", "100MiB"), ("1024", "1KiB"), ("1001", "1001B"), ("1gib", "1GiB")]
        {
            assert_eq!(size(&of(old)).unwrap(), new, "{old}");
        }
        for bad in ["", "GB", "10XB", "99999999999999999999", "18446744073709551615GiB"] {
            assert!(size(&of(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_those_of_yaml() {
        for (old, new) in [("0600", "0600"), ("0o640", "0640"), ("384", "0600"), ("0x1ff", "0777")] {
            assert_eq!(mode(&of(old)).unwrap(), new, "{old}");
        }
        for bad in ["", "-1", "+1", "0o", "09", "1.5", "many"] {
            assert!(number(&of(bad)).is_err(), "{bad}");
        }
        assert_eq!(number(&of("10_000")).unwrap(), "10000");
    }

    #[test]
    fn logins_are_taken_out_of_urls() {
        for (old, rest, user) in [
            ("https://joe:p@ss@h:1/x@y?a", "https://h:1/x@y?a", Some("joe")),
            ("joe:x@h", "h", Some("joe")),
            ("https://h/joe:x@h", "https://h/joe:x@h", None),
            ("http://[::1]:9200", "http://[::1]:9200", None),
            ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x", None),
        ] {
            let url = url(old).unwrap();
            assert_eq!((url.url.as_str(), url.user.as_deref()), (rest, user));
        }
        for bad in ["https://joe:s/3cret@h", "", "https://", "https://a b", "https://${HOST}"] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }
}
