//! Which product a server is, and what that product has.

use serde_json::{Value, json};
use std::fmt;

/// What `GET /` told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Product {
    kind: Kind,
    /// As the server wrote it.
    number: String,
    version: (u64, u64),
}

/// The products there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Elasticsearch,
    /// Elasticsearch up to 7.10 with nothing but its free parts.
    ElasticsearchOss,
    OpenSearch,
}

/// The longest text, in characters, whose UTF-8 is sure to fit in one term (32,766 bytes).
const LONGEST_KEYWORD: u64 = 8191;

impl Product {
    /// From the answer to `GET /`.
    ///
    /// # Errors
    /// When it is neither product, or too old for composable templates.
    pub(super) fn new(answer: &Value) -> Result<Self, String> {
        let number = answer["version"]["number"].as_str();
        let (Some(number), Some(version)) = (number, number.and_then(version)) else {
            return Err("is neither Elasticsearch nor OpenSearch: it doesn't tell its version".into());
        };
        let tagline = answer["tagline"].as_str().unwrap_or_default();
        // An OpenSearch that passes for Elasticsearch 7.10, for old clients' sake, keeps its tagline.
        let kind = if answer["version"]["distribution"] == "opensearch" || tagline.contains("OpenSearch") {
            Kind::OpenSearch
        } else if answer["version"]["build_flavor"] == "oss" {
            Kind::ElasticsearchOss
        } else {
            Kind::Elasticsearch
        };
        let product = Self { kind, number: number.to_string(), version };
        // https://www.elastic.co/guide/en/elasticsearch/reference/7.8/release-notes-7.8.0.html: composable templates.
        if kind != Kind::OpenSearch && version < (7, 8) {
            return Err(format!("is {product}; auship setup needs Elasticsearch 7.8 or later, or OpenSearch"));
        }
        Ok(product)
    }

    /// True when policies are those of OpenSearch's Index State Management.
    pub(super) fn has_ism(&self) -> bool {
        self.kind == Kind::OpenSearch
    }

    /// Puts a mapping's types that this product doesn't have yet in terms of those it has.
    pub(super) fn fit(&self, mapping: &mut Value) {
        match mapping {
            Value::Object(members) => {
                let replace: &[(&str, Value)] = match members.get("type").and_then(Value::as_str) {
                    Some("match_only_text") if !self.has_match_only_text() => {
                        &[("type", json!("text")), ("norms", json!(false))]
                    }
                    Some("wildcard") if !self.has_wildcard() => {
                        &[("type", json!("keyword")), ("ignore_above", json!(LONGEST_KEYWORD))]
                    }
                    _ => &[],
                };
                members.extend(replace.iter().map(|(key, value)| (key.to_string(), value.clone())));
                members.values_mut().for_each(|value| self.fit(value));
            }
            Value::Array(entries) => entries.iter_mut().for_each(|value| self.fit(value)),
            _ => (),
        }
    }

    fn has_match_only_text(&self) -> bool {
        match self.kind {
            Kind::Elasticsearch => self.version >= (7, 14),
            Kind::ElasticsearchOss => false,
            Kind::OpenSearch => self.version >= (2, 12) && !self.hides_its_version(),
        }
    }

    fn has_wildcard(&self) -> bool {
        match self.kind {
            Kind::Elasticsearch => self.version >= (7, 9),
            Kind::ElasticsearchOss => false,
            Kind::OpenSearch => self.version >= (2, 15) && !self.hides_its_version(),
        }
    }

    /// OpenSearch 1 and 2 can be told to say that they are 7.10 (`compatibility.override_main_response_version`).
    fn hides_its_version(&self) -> bool {
        self.version == (7, 10)
    }
}

/// Major and minor of `8.15.0` or `9.0.0-SNAPSHOT`.
fn version(number: &str) -> Option<(u64, u64)> {
    let mut parts = number.split(['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let name = match self.kind {
            Kind::Elasticsearch => "Elasticsearch",
            Kind::ElasticsearchOss => "Elasticsearch (OSS)",
            Kind::OpenSearch => "OpenSearch",
        };
        write!(f, "{name} {}", self.number)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn product(version: Value, tagline: &str) -> Result<Product, String> {
        Product::new(&json!({"version": version, "tagline": tagline}))
    }

    #[test]
    fn products_are_told_apart() {
        const SEARCH: &str = "You Know, for Search";
        let shown = |version, tagline| product(version, tagline).map(|p| p.to_string());
        assert_eq!(shown(json!({"number": "9.1.0-SNAPSHOT"}), SEARCH), Ok("Elasticsearch 9.1.0-SNAPSHOT".into()));
        let oss = json!({"number": "7.10.2", "build_flavor": "oss"});
        assert_eq!(shown(oss, SEARCH), Ok("Elasticsearch (OSS) 7.10.2".into()));
        let opensearch = json!({"number": "1.3.20", "distribution": "opensearch"});
        assert_eq!(shown(opensearch, ""), Ok("OpenSearch 1.3.20".into()));
        let hidden = product(json!({"number": "7.10.2"}), "The OpenSearch Project: https://opensearch.org/").unwrap();
        assert!(hidden.has_ism() && !hidden.has_wildcard());
        assert!(shown(json!({"number": "7.7.1"}), SEARCH).unwrap_err().starts_with("is Elasticsearch 7.7.1; auship"));
        assert!(shown(json!({}), SEARCH).unwrap_err().starts_with("is neither"));
        assert!(shown(json!({"number": "x"}), SEARCH).unwrap_err().starts_with("is neither"));
    }

    #[test]
    fn types_that_are_missing_are_replaced() {
        let fitted = |number: &str, distribution: &str| {
            let mut mapping = json!({"properties": {"type": {"type": "wildcard"},
                                     "a": {"type": "keyword", "fields": {"text": {"type": "match_only_text"}}}}});
            let version = json!({"number": number, "distribution": distribution});
            product(version, "").unwrap().fit(&mut mapping);
            let text = &mapping["properties"]["a"]["fields"]["text"];
            let wild = &mapping["properties"]["type"];
            (wild["type"].as_str().unwrap().to_string(), text["type"].as_str().unwrap().to_string())
        };
        let all = |wild: &str, text: &str| (wild.to_string(), text.to_string());
        assert_eq!(fitted("9.0.0", "elasticsearch"), all("wildcard", "match_only_text"));
        assert_eq!(fitted("7.13.4", "elasticsearch"), all("wildcard", "text"));
        assert_eq!(fitted("7.8.0", "elasticsearch"), all("keyword", "text"));
        assert_eq!(fitted("1.0.0", "opensearch"), all("keyword", "text"));
        assert_eq!(fitted("2.12.0", "opensearch"), all("keyword", "match_only_text"));
        assert_eq!(fitted("3.0.0", "opensearch"), all("wildcard", "match_only_text"));
    }
}
