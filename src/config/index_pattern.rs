//! The names of indexes.

use std::{fmt::Write as _, iter};
use time::OffsetDateTime;

/// The longest name of an index, in bytes.
const LONGEST: usize = 255;

/// The name of an index. `%Y`, `%m`, `%d` and `%H` stand for parts of the event's time in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPattern(String);

/// A part of an [`IndexPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamePart {
    /// A letter of the name.
    Letter(char),
    /// The year, with four digits.
    Year,
    /// The month, with two digits.
    Month,
    /// The day of the month, with two digits.
    Day,
    /// The hour, with two digits.
    Hour,
}

impl Default for IndexPattern {
    fn default() -> Self {
        Self("auship-%Y.%m.%d".into())
    }
}

impl IndexPattern {
    /// Reads a pattern. The error says what is wrong.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let pattern = Self(text.to_string());
        if pattern.parts().any(|part| part == NamePart::Letter('%')) {
            return Err("has a % that isn't followed by Y, m, d or H".into());
        }
        check_name(&pattern.at(OffsetDateTime::UNIX_EPOCH))?;
        Ok(pattern)
    }

    /// The parts of the pattern, in their order.
    pub fn parts(&self) -> impl Iterator<Item = NamePart> {
        let mut letters = self.0.chars();
        iter::from_fn(move || {
            let letter = letters.next()?;
            let mut behind = letters.clone();
            let part = match (letter, behind.next()) {
                ('%', Some('Y')) => NamePart::Year,
                ('%', Some('m')) => NamePart::Month,
                ('%', Some('d')) => NamePart::Day,
                ('%', Some('H')) => NamePart::Hour,
                _ => return Some(NamePart::Letter(letter)),
            };
            letters = behind;
            Some(part)
        })
    }

    /// The index for an event of this time, which is in UTC.
    pub fn at(&self, time: OffsetDateTime) -> String {
        let mut index = String::with_capacity(self.0.len() + 8);
        for part in self.parts() {
            // Writing to a String can't fail.
            let _ = match part {
                NamePart::Letter(letter) => index.write_char(letter),
                NamePart::Year => write!(index, "{:04}", time.year()),
                NamePart::Month => write!(index, "{:02}", u8::from(time.month())),
                NamePart::Day => write!(index, "{:02}", time.day()),
                NamePart::Hour => write!(index, "{:02}", time.hour()),
            };
        }
        index
    }

    /// True when the pattern gives this name for some time.
    pub fn gives(&self, name: &str) -> bool {
        let rest = self.parts().try_fold(name, |rest, part| {
            let digits = match part {
                NamePart::Letter(letter) => return rest.strip_prefix(letter),
                NamePart::Year => 4,
                NamePart::Month | NamePart::Day | NamePart::Hour => 2,
            };
            let (date, rest) = rest.split_at_checked(digits)?;
            date.bytes().all(|b| b.is_ascii_digit()).then_some(rest)
        });
        rest == Some("")
    }

    /// The wildcard pattern for its names: `auship-%Y.%m.%d` becomes `auship-*`. None for a pattern that holds only a
    /// date.
    pub fn wildcard(&self) -> Option<String> {
        let text = self.text();
        let (Some(first), Some(last)) = (text.find('%'), text.rfind('%')) else {
            return Some(text.to_string());
        };
        let pattern = format!("{}*{}", &text[..first], text.get(last + 2..).unwrap_or_default());
        (pattern.len() > 1).then_some(pattern)
    }

    /// True when the date is part of its names.
    pub fn is_dated(&self) -> bool {
        self.text().contains('%')
    }

    /// The pattern as it stands in the configuration.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Checks a name by the rules of Elasticsearch and OpenSearch for indexes and data streams. The error says what is
/// wrong.
pub(super) fn check_name(text: &str) -> Result<(), String> {
    let bad = |c: char| r#"\/*?"<>|,#:"#.contains(c) || c.is_whitespace() || c.is_control();
    if text.chars().any(char::is_uppercase) {
        return Err("has capital letters, which aren't allowed in such names".into());
    }
    if let Some(bad) = text.chars().find(|c| bad(*c)) {
        return Err(format!("has {bad:?}, which isn't allowed in such names"));
    }
    if text.starts_with(['-', '_', '+']) || matches!(text, "." | "..") {
        return Err("can't begin with -, _ or +, or be . or ..".into());
    }
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_its_date() {
        let time = OffsetDateTime::from_unix_timestamp(1_795_305_599).unwrap();
        assert_eq!(IndexPattern::new("a-%Y.%m.%d").unwrap().at(time), "a-2026.11.21");
        assert_eq!(IndexPattern::new("%Y%m%dt%H").unwrap().at(time), "20261121t23");
        assert_eq!(IndexPattern::new("plain").unwrap().at(time), "plain");
    }

    #[test]
    fn an_index_is_known_by_its_name() {
        let pattern = IndexPattern::new("a-%Y.%m.%d").unwrap();
        for (name, gives) in [
            ("a-2026.11.21", true),
            ("a-2026.11.21-reindexed", false),
            ("a-2026.11.2", false),
            ("a-2026.11.x1", false),
            ("a-2026.11.ä", false),
            ("b-2026.11.21", false),
            ("a-", false),
            ("", false),
        ] {
            assert_eq!(pattern.gives(name), gives, "{name}");
        }
        assert!(IndexPattern::new("plain").unwrap().gives("plain"));
        assert!(!IndexPattern::new("plain").unwrap().gives("plainer"));
    }
}
