//! The server's product and version, from the answer to `GET /`.

use serde::Deserialize;
use std::{borrow::Cow, fmt};
use thiserror::Error;

/// The first major version of Elasticsearch whose bulk interface has no types.
const OLDEST: u32 = 7;
/// The most bytes of an answer to `GET /`.
pub(super) const MOST_BYTES: usize = 64 << 10;
/// The most characters of a version.
const LONGEST: usize = 40;

/// The product that documents are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    /// The kind of the product.
    pub(crate) kind: Kind,
    /// The first two numbers of its version.
    pub(crate) version: (u32, u32),
    /// Its complete version.
    shown: String,
}

/// The supported products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Elasticsearch,
    /// The distribution of Elasticsearch up to 7.10 that has only its free parts.
    ElasticsearchOss,
    OpenSearch,
}

/// Why documents can't be sent to a server. The text continues a sentence that begins with the server's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum ProductError {
    /// It doesn't answer like a known product.
    #[error("is neither Elasticsearch nor OpenSearch: the answer to GET / is another server's")]
    OtherAnswer,
    /// It names an unknown distribution or version.
    #[error("is neither Elasticsearch nor OpenSearch: the answer to GET / names an unknown distribution or version")]
    OtherVersion,
    /// Its version is too old.
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
    /// When the answer is that of another server, or of a version that is too old.
    pub(crate) fn read(answer: &[u8]) -> Result<Self, ProductError> {
        let root: Option<Root> = serde_json::from_slice(answer).ok();
        let plain = |text: &str| text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic());
        let Some(Root { version, tagline }) = root.filter(|root| plain(&root.version.number)) else {
            return Err(ProductError::OtherAnswer);
        };
        let Version { number, distribution, build_flavor } = version;
        // OpenSearch can pass itself off as Elasticsearch 7.10 for old clients. Its tagline still names OpenSearch.
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
