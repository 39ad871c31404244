//! What a bulk request's answer says, item by item. Servers aren't trusted: what doesn't have the right shape, or as
//! many items as there were documents, says nothing about any of them.

use crate::sink::delivery::ItemResult;
use serde::Deserialize;
use std::borrow::Cow;
use thiserror::Error as ThisError;

/// How much of an error's type, or of its reason, a report quotes, in bytes.
const QUOTED: usize = 300;
/// Errors within errors that are looked through for what happened in the end.
const DEEP: usize = 8;

/// The most bytes that an answer about so many documents may have.
pub(super) fn most_bytes(documents: usize) -> usize {
    // Some 250 for an item where the server doesn't leave out what nobody asked for, and some thousand for an error.
    (1 << 20) + documents.saturating_mul(8 << 10)
}

#[derive(Deserialize)]
struct Bulk<'a> {
    #[serde(borrow)]
    items: Vec<Create<'a>>,
}

#[derive(Deserialize)]
struct Create<'a> {
    #[serde(borrow)]
    create: Outcome<'a>,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    status: u16,
    #[serde(borrow)]
    error: Option<Error<'a>>,
}

/// An error of a document, or of a whole request.
#[derive(Deserialize)]
struct Error<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    caused_by: Option<Box<Self>>,
}

#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    error: Error<'a>,
}

impl Error<'_> {
    /// Its type and reason, and what caused it in the end.
    fn report(&self) -> String {
        let mut cause = self;
        for _ in 0..DEEP {
            match &cause.caused_by {
                Some(deeper) => cause = deeper,
                None => break,
            }
        }
        if std::ptr::eq(cause, self) { self.words() } else { format!("{}, because of {}", self.words(), cause.words()) }
    }

    fn words(&self) -> String {
        let (kind, reason) = (self.kind.as_deref().unwrap_or("error"), self.reason.as_deref().unwrap_or_default());
        format!("{}: {}", beginning(kind), beginning(reason))
    }
}

/// As much of a server's text as a report quotes.
fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(QUOTED)]
}

/// Why an answer says nothing about the documents of a request.
#[derive(Debug, PartialEq, Eq, ThisError)]
pub(super) enum AnswerError {
    /// It has another shape.
    #[error("not the answer of a bulk request ({0})")]
    NotBulk(String),
    /// It is about another number of documents.
    #[error("answers for {items} documents to {documents}")]
    WrongNumber {
        /// How many it answers for.
        items: usize,
        /// How many were sent.
        documents: usize,
    },
    /// It says something about one that no server says.
    #[error("an item with {0}")]
    OddItem(String),
}

/// What became of each document.
///
/// # Errors
/// When the answer isn't one about so many documents.
pub(super) fn items(answer: &[u8], documents: usize) -> Result<Vec<ItemResult>, AnswerError> {
    let bulk: Bulk = serde_json::from_slice(answer)
        // What is wrong names what is there instead, which may be as long as the answer.
        .map_err(|e| AnswerError::NotBulk(beginning(&e.to_string()).to_string()))?;
    if bulk.items.len() != documents {
        return Err(AnswerError::WrongNumber { items: bulk.items.len(), documents });
    }
    bulk.items.into_iter().map(|item| item_result(&item.create)).collect()
}

/// True when a whole request was refused because what it holds can't be read: then one of its documents may be to blame.
/// Everything else that is wrong with a request would be wrong with any.
pub(super) fn is_unreadable(answer: &[u8]) -> bool {
    serde_json::from_slice(answer).is_ok_and(|Refusal { error }| Cause::of(&error) == Cause::Unreadable)
}

/// What Elasticsearch says about a whole request that it refuses.
pub(super) fn refusal(answer: &[u8]) -> Option<String> {
    serde_json::from_slice(answer).ok().map(|Refusal { error }| error.report())
}

/// What an error is about, as its type and its reason tell. The names are the servers' own, and stand here alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The request can't be read.
    Unreadable,
    /// There is a document under that id.
    VersionConflict,
    /// The index takes nothing: closed, missing, without a place to write to, or its name is none.
    Index,
    /// The cluster takes nothing for that index.
    Block,
    /// The cluster has as many shards as it may have: no new index.
    TooManyShards,
    /// Something else, as a rule in the document.
    Other,
}

impl Cause {
    fn of(error: &Error) -> Self {
        let reason = error.reason.as_deref().unwrap_or_default();
        match error.kind.as_deref().unwrap_or_default() {
            "parse_exception"
            | "parsing_exception"
            | "x_content_parse_exception"
            | "json_parse_exception"
            | "json_e_o_f_exception"
            | "not_x_content_exception" => Self::Unreadable,
            "version_conflict_engine_exception" => Self::VersionConflict,
            "cluster_block_exception" => Self::Block,
            "index_closed_exception" | "index_not_found_exception" => Self::Index,
            // The name that the configuration makes is taken by an alias, or the pattern is no name for this server.
            "invalid_index_name_exception" | "invalid_alias_name_exception" => Self::Index,
            "validation_exception" => Self::TooManyShards,
            "illegal_argument_exception" if reason.starts_with("Malformed") => Self::Unreadable,
            "illegal_argument_exception" => {
                let of_index = ["no write index is defined", "pipeline with id", "failed to find global template"];
                if of_index.iter().any(|begin| reason.starts_with(begin)) { Self::Index } else { Self::Other }
            }
            _ => Self::Other,
        }
    }

    /// True when it is the document that is to blame. Where it is the index, the rights in it, or the cluster, somebody
    /// will put that in order.
    fn is_documents(self) -> bool {
        !matches!(self, Self::Index | Self::Block | Self::TooManyShards)
    }
}

fn item_result(outcome: &Outcome) -> Result<ItemResult, AnswerError> {
    let status = outcome.status;
    let cause = outcome.error.as_ref().map(Cause::of);
    let has_type = outcome.error.as_ref().is_some_and(|error| error.kind.is_some());
    let report = || match &outcome.error {
        Some(error) => format!("status {status}: {}", error.report()),
        None => format!("status {status}"),
    };
    Ok(match status {
        200 | 201 if cause.is_none() => ItemResult::Delivered,
        409 if !has_type || cause == Some(Cause::VersionConflict) => ItemResult::Duplicate,
        400..=599 if is_final(status, cause) => ItemResult::Rejected(report()),
        400..=599 if is_of_index(status, cause) => ItemResult::IndexBlocked(report()),
        400..=599 => ItemResult::Retry(report()),
        _ => return Err(AnswerError::OddItem(report())),
    })
}

/// True when the index takes nothing, and no other suffers from it; else the cluster is too busy, or parts are missing.
fn is_of_index(status: u16, cause: Option<Cause>) -> bool {
    cause == Some(Cause::Block) || !(status == 429 || status >= 500)
}

/// True when the server will never take the document.
fn is_final(status: u16, cause: Option<Cause>) -> bool {
    // 404 and 403 are about indexes: missing, read-only, or not for this user.
    let is_of_request = matches!(status, 401 | 403 | 404 | 408 | 409 | 429) || status >= 500;
    !is_of_request && cause.is_none_or(Cause::is_documents)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn one(item: &str) -> Result<Vec<ItemResult>, AnswerError> {
        items(format!(r#"{{"took":1,"errors":true,"items":[{item}]}}"#).as_bytes(), 1)
    }

    fn error(status: u16, kind: &str, reason: &str) -> ItemResult {
        let item = format!(
            r#"{{"create":{{"_index":"a","_id":"1","status":{status},"error":{{"type":"{kind}","reason":"{reason}"}}}}}}"#
        );
        one(&item).unwrap().remove(0)
    }

    #[test]
    fn each_document_has_its_outcome() {
        let answer = br#"{"took":30,"errors":true,"items":[
            {"create":{"_index":"a","_id":"1","_version":1,"result":"created","_shards":{"total":2},"status":201}},
            {"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"[2]: exists","index_uuid":"x"}}},
            {"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"busy"}}},
            {"create":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse field [pid]",
              "caused_by":{"type":"illegal_argument_exception","reason":"For input string: \"x\""}}}}]}"#;
        let never = "status 400: mapper_parsing_exception: failed to parse field [pid], because of \
                     illegal_argument_exception: For input string: \"x\"";
        let again = "status 429: es_rejected_execution_exception: busy";
        assert_eq!(
            items(answer, 4).unwrap(),
            [
                ItemResult::Delivered,
                ItemResult::Duplicate,
                ItemResult::Retry(again.into()),
                ItemResult::Rejected(never.into())
            ]
        );
        assert_eq!(one(r#"{"create":{"status":409}}"#), Ok(vec![ItemResult::Duplicate]));
    }

    #[test]
    fn only_a_document_to_blame_is_given_up() {
        for (status, kind, reason) in [
            (400, "document_parsing_exception", "[1:30] failed to parse"),
            (400, "strict_dynamic_mapping_exception", "x"),
            (400, "illegal_argument_exception", "Limit of total fields [1000] has been exceeded"),
            (413, "x", "too large"),
        ] {
            assert!(matches!(error(status, kind, reason), ItemResult::Rejected(_)), "{kind}");
        }
        for (status, kind, reason) in [
            (503, "unavailable_shards_exception", "primary shard is not active"),
            (500, "exception", ""),
            (400, "index_closed_exception", "closed"),
            (403, "cluster_block_exception", "index [a] blocked by: [FORBIDDEN/8/index write (api)];"),
            (429, "cluster_block_exception", "disk usage exceeded flood-stage watermark"),
            (403, "security_exception", "action [indices:data/write/bulk] is unauthorized"),
            (404, "index_not_found_exception", "no such index [a] and [action.auto_create_index] is [false]"),
            (400, "illegal_argument_exception", "no write index is defined for alias [a]."),
            (400, "illegal_argument_exception", "pipeline with id [p] does not exist"),
            (400, "validation_exception", "this action would add [2] shards"),
            (409, "resource_already_exists_exception", "x"),
        ] {
            let is_blocked = matches!(error(status, kind, reason), ItemResult::IndexBlocked(_));
            assert_eq!(is_blocked, status < 429 || kind == "cluster_block_exception", "{kind}");
        }
    }

    #[test]
    fn what_is_no_answer_says_nothing() {
        let good = r#"{"create":{"status":201}}"#;
        assert!(one(good).is_ok());
        let deep = format!(r#"{{"create":{{"status":201,"x":{}}}}}"#, "[".repeat(100_000));
        for bad in [
            "",
            "{}",
            "1",
            "null",
            r#"{"create":{}}"#,
            r#"{"create":{"status":"201"}}"#,
            r#"{"create":{"status":99999}}"#,
            r#"{"create":{"status":-1}}"#,
            r#"{"create":{"status":302}}"#,
            r#"{"create":{"status":201,"error":{"type":"x"}}}"#,
            r#"{"create":{"status":201,"status":201}}"#,
            r#"{"index":{"status":201}}"#,
            r#"{"create":{"status":201}},{"create":{"status":201}}"#,
            &deep,
        ] {
            assert!(one(bad).is_err(), "{bad}");
        }
        for bad in
            ["", "OK", "<html>", r#"{"items":[]}"#, r#"{"items":[{"create":{"status":201}}]} x"#, r#"{"items":[{"#]
        {
            assert!(items(bad.as_bytes(), 1).is_err(), "{bad}");
        }
        assert!(items(b"\xff\xfe", 1).is_err());
    }

    #[test]
    fn a_report_is_short_and_names_the_cause() {
        let chain = (0..100).fold(String::from("null"), |inner, n| {
            format!(r#"{{"type":"t{n}","reason":"{}","caused_by":{inner}}}"#, "é".repeat(1000))
        });
        let ItemResult::Rejected(report) =
            one(&format!(r#"{{"create":{{"status":400,"error":{chain}}}}}"#)).unwrap().remove(0)
        else {
            unreachable!()
        };
        assert!(report.len() < 800 && report.starts_with("status 400: t99: "), "{report}");
        assert_eq!(
            refusal(br#"{"error":{"root_cause":[],"type":"security_exception","reason":"missing credentials"},"status":401}"#),
            Some("security_exception: missing credentials".into())
        );
        let long = "k".repeat(100_000);
        let ItemResult::Rejected(report) = error(400, &long, "x") else { unreachable!() };
        assert!(report.len() < 800, "{}", report.len());
        for text in [format!(r#"{{"items":"{long}"}}"#), format!(r#"{{"items":[{{"create":{{"status":"{long}"}}}}]}}"#)]
        {
            assert!(items(text.as_bytes(), 1).is_err_and(|e| e.to_string().len() < 800));
        }
        let unreadable = |kind: &str, reason: &str| {
            is_unreadable(format!(r#"{{"error":{{"type":"{kind}","reason":"{reason}"}},"status":400}}"#).as_bytes())
        };
        assert!(unreadable("x_content_parse_exception", "[1:1] unexpected"));
        assert!(unreadable("illegal_argument_exception", "Malformed action/metadata line [3]"));
        assert!(!unreadable("illegal_argument_exception", "request [/_bulk] contains unrecognized parameter: [x]"));
        assert!(!is_unreadable(b"<html>"));
        assert_eq!(refusal(b"<html>"), None);
        assert_eq!(refusal(br#"{"error":"no handler found"}"#), None);
    }
}
