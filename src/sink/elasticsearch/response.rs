//! Reads the answer to a bulk request, item by item. Servers aren't trusted. An answer with the wrong shape, or with a
//! wrong number of items, gives no result for any document.

use crate::sink::delivery::ItemResult;
use serde::Deserialize;
use std::borrow::Cow;
use thiserror::Error as ThisError;

/// The most bytes of an error's type, or of its reason, that a report quotes.
const QUOTED: usize = 300;
/// The most nested errors that are searched for the root cause.
const DEEP: usize = 8;

/// The most bytes of an answer about this many documents.
pub(super) fn most_bytes(documents: usize) -> usize {
    // An item has about 250 bytes if the server sends fields that weren't asked for. An error has some thousand.
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
    /// Its type and reason, and its root cause.
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

/// The part of a server's text that a report quotes.
fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(QUOTED)]
}

/// Why an answer gives no results for the documents of a request.
#[derive(Debug, PartialEq, Eq, ThisError)]
pub(super) enum AnswerError {
    /// It has the wrong shape.
    #[error("the answer isn't that of a bulk request ({0})")]
    NotBulk(String),
    /// It has the wrong number of results.
    #[error("the answer has {items} results for {documents} documents")]
    WrongNumber {
        /// The number of results.
        items: usize,
        /// The number of documents that were sent.
        documents: usize,
    },
    /// It has a result that no server gives.
    #[error("the answer has an unexpected result: {0}")]
    OddItem(String),
}

/// The result for each document.
///
/// # Errors
/// When the answer isn't a bulk answer, or isn't about this many documents.
pub(super) fn items(answer: &[u8], documents: usize) -> Result<Vec<ItemResult>, AnswerError> {
    let bulk: Bulk = serde_json::from_slice(answer)
        // The error quotes the value that was found, which may be as long as the answer.
        .map_err(|e| AnswerError::NotBulk(beginning(&e.to_string()).to_string()))?;
    if bulk.items.len() != documents {
        return Err(AnswerError::WrongNumber { items: bulk.items.len(), documents });
    }
    bulk.items.into_iter().map(|item| item_result(&item.create)).collect()
}

/// True when the server refused a whole request because it can't parse the content. Then one of the documents may be
/// the cause. Any other error would occur with other documents too.
pub(super) fn is_unreadable(answer: &[u8]) -> bool {
    serde_json::from_slice(answer).is_ok_and(|Refusal { error }| Cause::of(&error) == Cause::Unreadable)
}

/// The server's reason for refusing a whole request.
pub(super) fn refusal(answer: &[u8]) -> Option<String> {
    serde_json::from_slice(answer).ok().map(|Refusal { error }| error.report())
}

/// The cause of an error, from its type and its reason. Only this enum knows the servers' names of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The server can't parse the request.
    Unreadable,
    /// The server already has a document with that id.
    VersionConflict,
    /// The index takes nothing: it is closed or missing, has nowhere to write to, or its name is invalid.
    Index,
    /// The cluster blocks the index.
    Block,
    /// The cluster has reached its limit of shards, so it creates no new index.
    TooManyShards,
    /// Another cause, as a rule in the document.
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
            // The configured name is taken by an alias, or the server doesn't accept it as the name of an index.
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

    /// True when the document is the cause. If the cause is the index, the rights in it, or the cluster, somebody will
    /// repair that.
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

/// True when only this index takes nothing. Otherwise the cluster is too busy, or parts of it are missing.
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
