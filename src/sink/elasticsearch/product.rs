//! Which server it is: what `GET /` says.

use serde::Deserialize;
use std::{borrow::Cow, fmt};
use thiserror::Error;

/// The first Elasticsearch whose bulk interface has no types.
const OLDEST: u32 = 7;
/// The most bytes that a server may need to say what it is.
pub(super) const MOST_BYTES: usize = 64 << 10;
/// How long a version is at most that is believed.
const LONGEST: usize = 40;

/// What documents are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    /// Which it is.
    pub(crate) kind: Kind,
    /// Its version's first two numbers.
    pub(crate) version: (u32, u32),
    /// Its version, whole.
    shown: String,
}

/// The products there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Elasticsearch,
    /// Elasticsearch up to 7.10 with nothing but its free parts.
    ElasticsearchOss,
    OpenSearch,
}

/// Why documents can't be sent to a server; behind the server's name it is a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum ProductError {
    /// It answers like no product that is known.
    #[error("is neither Elasticsearch nor OpenSearch: GET / answers something else")]
    OtherAnswer,
    /// It names a distribution or version that isn't known.
    #[error("is neither Elasticsearch nor OpenSearch: GET / has another version")]
    OtherVersion,
    /// It can't do what is needed.
    #[error("is Elasticsearch {0}; it must be at least {OLDEST}")]
    TooOld(String),
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let name = match self.kind {
            Kind::Elasticsearch => "Elasticsearch",
            Kind::ElasticsearchOss => "Elasticsearch (OSS)",
            Kind::OpenSearch => "OpenSearch",
        };
        write!(f, "{name} {}", self.shown)
    }
}

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow)]
    version: Version<'a>,
    #[serde(borrow)]
    tagline: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Version<'a> {
    #[serde(borrow)]
    number: Cow<'a, str>,
    #[serde(borrow)]
    distribution: Option<Cow<'a, str>>,
    #[serde(borrow)]
    build_flavor: Option<Cow<'a, str>>,
}

impl Product {
    /// Reads the answer to `GET /`.
    ///
    /// # Errors
    /// When it is another server's, or one that is too old.
    pub(crate) fn read(answer: &[u8]) -> Result<Self, ProductError> {
        let root: Option<Root> = serde_json::from_slice(answer).ok();
        let plain = |text: &str| text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic());
        let Some(Root { version, tagline }) = root.filter(|root| plain(&root.version.number)) else {
            return Err(ProductError::OtherAnswer);
        };
        let Version { number, distribution, build_flavor } = version;
        // An OpenSearch that passes for Elasticsearch 7.10, for old clients' sake, keeps its tagline.
        let passes = tagline.is_some_and(|tagline| tagline.contains("OpenSearch"));
        let kind = match (distribution.as_deref(), build_flavor.as_deref()) {
            (Some("opensearch"), _) => Kind::OpenSearch,
            (None, _) if passes => Kind::OpenSearch,
            (None, Some("oss")) => Kind::ElasticsearchOss,
            (None, _) => Kind::Elasticsearch,
            (Some(_), _) => return Err(ProductError::OtherVersion),
        };
        let mut parts = number.split(['.', '-']).map(|part| part.parse::<u32>().ok());
        let Some(major) = parts.next().flatten() else {
            return Err(ProductError::OtherVersion);
        };
        if kind != Kind::OpenSearch && major < OLDEST {
            return Err(ProductError::TooOld(number.into_owned()));
        }
        let minor = parts.next().flatten().unwrap_or_default();
        Ok(Self { kind, version: (major, minor), shown: number.into_owned() })
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
        assert_eq!(read(r#"{"number":"9.1.0-SNAPSHOT"}"#), Ok("Elasticsearch 9.1.0-SNAPSHOT".into()));
        assert_eq!(read(r#"{"number":"7.10.2","build_flavor":"oss"}"#), Ok("Elasticsearch (OSS) 7.10.2".into()));
        assert_eq!(read(r#"{"distribution":"opensearch","number":"2.11.0"}"#), Ok("OpenSearch 2.11.0".into()));
        assert_eq!(read(r#"{"distribution":"opensearch","number":"1.3.0"}"#), Ok("OpenSearch 1.3.0".into()));
        assert_eq!(read(r#"{"number":"6.8.23"}"#), Err(ProductError::TooOld("6.8.23".into())));
        let long = format!(r#"{{"number":"7.{}"}}"#, "1".repeat(100));
        for other in
            [r#"{"number":"new"}"#, "{}", "1", r#"{"number":"7.1\n2"}"#, r#"{"number":"7","distribution":"x"}"#, &long]
        {
            assert!(matches!(read(other), Err(ProductError::OtherAnswer | ProductError::OtherVersion)), "{other}");
        }
        assert_eq!(Product::read(b"<html>"), Err(ProductError::OtherAnswer));
        let said = ProductError::TooOld("6.8.23".into()).to_string();
        assert_eq!(said, "is Elasticsearch 6.8.23; it must be at least 7");
    }

    #[test]
    fn opensearch_may_pass_for_elasticsearch() {
        let answer = br#"{"version":{"number":"7.10.2"},"tagline":"The OpenSearch Project: https://opensearch.org/"}"#;
        assert!(Product::read(answer).is_ok_and(|product| product.kind == Kind::OpenSearch));
    }
}
