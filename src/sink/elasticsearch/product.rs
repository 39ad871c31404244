//! Which server it is: what `GET /` says.

use serde::Deserialize;
use std::{borrow::Cow, fmt};

/// The first Elasticsearch whose bulk interface has no types.
const OLDEST: u32 = 7;
/// The most bytes that a server may need to say what it is.
pub(super) const MOST_BYTES: usize = 64 << 10;
/// How long a version is at most that is believed.
const LONGEST: usize = 40;

/// What documents are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Product {
    name: &'static str,
    version: String,
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    version: Version<'a>,
}

#[derive(Deserialize)]
struct Version<'a> {
    #[serde(borrow)]
    number: Cow<'a, str>,
    #[serde(borrow)]
    distribution: Option<Cow<'a, str>>,
}

impl Product {
    /// Reads the answer to `GET /`.
    ///
    /// # Errors
    /// When it is another server's, or one that is too old.
    pub(super) fn read(answer: &[u8]) -> Result<Self, String> {
        let root: Option<Root> = serde_json::from_slice(answer).ok();
        let plain = |text: &str| text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic());
        let version = root.map(|root| root.version).filter(|version| plain(&version.number));
        let Some(Version { number, distribution }) = version else {
            return Err("is neither Elasticsearch nor OpenSearch: GET / answers something else".into());
        };
        let major = number.split('.').next().and_then(|major| major.parse::<u32>().ok());
        let name = match (distribution.as_deref(), major) {
            (Some("opensearch"), Some(_)) => "OpenSearch",
            (None, Some(OLDEST..)) => "Elasticsearch",
            (None, Some(_)) => return Err(format!("is Elasticsearch {number}; it must be at least {OLDEST}")),
            _ => return Err("is neither Elasticsearch nor OpenSearch: GET / has another version".into()),
        };
        Ok(Self { name, version: number.into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_told_apart() {
        let read = |version: &str| {
            let answer = format!(r#"{{"name":"n","cluster_name":"c","version":{version},"tagline":"t"}}"#);
            Product::read(answer.as_bytes()).map(|product| product.to_string())
        };
        assert_eq!(read(r#"{"number":"8.11.1","build_flavor":"default"}"#), Ok("Elasticsearch 8.11.1".into()));
        assert_eq!(read(r#"{"number":"9.0.0"}"#), Ok("Elasticsearch 9.0.0".into()));
        assert_eq!(read(r#"{"distribution":"opensearch","number":"2.11.0"}"#), Ok("OpenSearch 2.11.0".into()));
        assert_eq!(read(r#"{"distribution":"opensearch","number":"1.3.0"}"#), Ok("OpenSearch 1.3.0".into()));
        assert_eq!(read(r#"{"number":"6.8.23"}"#), Err("is Elasticsearch 6.8.23; it must be at least 7".into()));
        let long = format!(r#"{{"number":"7.{}"}}"#, "1".repeat(100));
        for other in
            [r#"{"number":"new"}"#, "{}", "1", r#"{"number":"7.1\n2"}"#, r#"{"number":"7","distribution":"x"}"#, &long]
        {
            assert!(read(other).is_err_and(|e| e.starts_with("is neither")), "{other}");
        }
        assert!(Product::read(b"<html>").is_err());
    }
}
