//! Field types that some products lack.

use crate::sink::{Kind, Product};
use serde_json::{Value, json};

/// The most characters whose UTF-8 always fits into one term (32,766 bytes).
const LONGEST_KEYWORD: u64 = 8191;

/// Replaces a mapping's types that the product lacks by types that it has.
pub(super) fn fit(mapping: &mut Value, product: &Product) {
    match mapping {
        Value::Object(members) => {
            let replaced = match members.get("type").and_then(Value::as_str) {
                Some("match_only_text") if !has_match_only_text(product) => {
                    Some([("type", json!("text")), ("norms", json!(false))])
                }
                Some("wildcard") if !has_wildcard(product) => {
                    Some([("type", json!("keyword")), ("ignore_above", json!(LONGEST_KEYWORD))])
                }
                Some("constant_keyword") if !has_constant_keyword(product) => {
                    members.remove("value");
                    Some([("type", json!("keyword")), ("ignore_above", json!(LONGEST_KEYWORD))])
                }
                _ => None,
            };
            members.extend(replaced.into_iter().flatten().map(|(key, value)| (key.to_string(), value)));
            members.values_mut().for_each(|value| fit(value, product));
        }
        Value::Array(entries) => entries.iter_mut().for_each(|value| fit(value, product)),
        _ => (),
    }
}

fn has_match_only_text(product: &Product) -> bool {
    match product.kind {
        Kind::Elasticsearch => product.version >= (7, 14),
        Kind::ElasticsearchOss => false,
        Kind::OpenSearch => product.version >= (2, 12) && !hides_its_version(product),
    }
}

fn has_wildcard(product: &Product) -> bool {
    match product.kind {
        Kind::Elasticsearch => product.version >= (7, 9),
        Kind::ElasticsearchOss => false,
        Kind::OpenSearch => product.version >= (2, 15) && !hides_its_version(product),
    }
}

fn has_constant_keyword(product: &Product) -> bool {
    match product.kind {
        Kind::Elasticsearch => true,
        Kind::ElasticsearchOss => false,
        Kind::OpenSearch => product.version >= (2, 14) && !hides_its_version(product),
    }
}

/// OpenSearch 1 and 2 can be configured to report version 7.10 (`compatibility.override_main_response_version`).
fn hides_its_version(product: &Product) -> bool {
    product.version == (7, 10)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fitted(version: &str, tagline: &str) -> (String, String) {
        let mut mapping = json!({"properties": {"type": {"type": "wildcard"},
                                 "a": {"type": "keyword", "fields": {"text": {"type": "match_only_text"}}}}});
        let answer = json!({"version": {"number": version}, "tagline": tagline});
        fit(&mut mapping, &Product::read(answer.to_string().as_bytes()).unwrap());
        let kind = |value: &Value| value["type"].as_str().unwrap().to_string();
        (kind(&mapping["properties"]["type"]), kind(&mapping["properties"]["a"]["fields"]["text"]))
    }

    #[test]
    fn types_that_are_missing_are_replaced() {
        let all = |wild: &str, text: &str| (wild.to_string(), text.to_string());
        assert_eq!(fitted("9.0.0", ""), all("wildcard", "match_only_text"));
        assert_eq!(fitted("7.13.4", ""), all("wildcard", "text"));
        assert_eq!(fitted("7.8.0", ""), all("keyword", "text"));
        assert_eq!(fitted("1.0.0", "OpenSearch"), all("keyword", "text"));
        assert_eq!(fitted("7.10.2", "OpenSearch"), all("keyword", "text"));
        assert_eq!(fitted("2.12.0", "OpenSearch"), all("keyword", "match_only_text"));
        assert_eq!(fitted("3.0.0", "OpenSearch"), all("wildcard", "match_only_text"));
    }
}
