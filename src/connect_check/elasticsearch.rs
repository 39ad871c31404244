//! The hosts of a cluster: each is asked who it is, and whether this client may write.

use super::{
    Report, Verdict,
    http::limit,
    remedy::{described, login, steps},
};
use crate::{
    config::{Elasticsearch, Target},
    sink::{Failure, Kind, Product, Requester},
};
use serde_json::{Value, json};
use std::io;
use time::OffsetDateTime;

/// The right to create documents, and those to create indexes, of which one is enough:
/// <https://www.elastic.co/docs/reference/elasticsearch/security-privileges>
const CREATE_DOCUMENTS: &str = "create_doc";
const CREATE_INDEXES: [&str; 2] = ["auto_configure", "create_index"];
/// The request that tells what a user may do: Elasticsearch has it, with its security switched on.
const HAS_PRIVILEGES: &str = "/_security/user/_has_privileges";

/// Checks each host of an output.
pub(super) fn check(config: &Elasticsearch, report: &mut Report) -> io::Result<()> {
    for (url, shown) in config.urls.iter().zip(config.shown_urls()) {
        let requester = Requester::new(report.output, &config.client, std::slice::from_ref(&shown));
        let mut host = match requester {
            Ok(requester) => Host { requester: requester.within(limit(&config.client)), config, url, shown: &shown },
            Err(e) => return report.failed(&shown, &e.to_string()),
        };
        host.check(report)?;
    }
    Ok(())
}

/// One host.
struct Host<'a> {
    requester: Requester,
    config: &'a Elasticsearch,
    url: &'a str,
    shown: &'a str,
}

impl Host<'_> {
    fn check(&mut self, report: &mut Report) -> io::Result<()> {
        let (status, body) = match self.requester.get(&format!("{}/", self.url)) {
            Ok(answer) => answer,
            Err(e) => return report.failed(self.shown, &failure(&e)),
        };
        let steps = steps(self.url, self.requester.reached().as_ref(), &self.config.client);
        let asked = format!("{steps}, GET /: status {status}");
        let kind = match (status, Product::read(&body)) {
            (200, Ok(product)) => {
                report.ok(self.shown, &format!("{asked}: {product}"))?;
                Some(product.kind)
            }
            (200, Err(e)) => return report.failed(self.shown, &format!("{asked}: the server {e}; check url")),
            (401, _) => {
                let login = login(&self.config.client, "api_key_file");
                return report.failed(self.shown, &format!("{asked}: {login}"));
            }
            // The sink goes on then too: the right to ask isn't the right to write.
            (403..=405, _) => {
                report.unsure(self.shown, &format!("{asked}: reached; this user may not ask for the version"))?;
                None
            }
            _ => {
                let why = "the server, or a proxy before it, doesn't work: see the cluster's log";
                return report.failed(self.shown, &format!("{asked}: {why}"));
            }
        };
        self.check_rights(kind, report)
    }

    /// Asks whether documents may be written.
    fn check_rights(&mut self, kind: Option<Kind>, report: &mut Report) -> io::Result<()> {
        let index = match &self.config.target {
            Target::Index(index) => index.at(OffsetDateTime::now_utc()),
            Target::DataStream(stream) => stream.clone(),
        };
        if matches!(kind, Some(Kind::OpenSearch | Kind::ElasticsearchOss)) {
            let why = format!("whether this user may write to {index} can't be asked; the first event will tell");
            return report.unsure(self.shown, &why);
        }
        let mut wanted = vec![CREATE_DOCUMENTS];
        wanted.extend(CREATE_INDEXES);
        let body = json!({"index": [{"names": [&index], "privileges": wanted}]}).to_string();
        match self.requester.post(&format!("{}{HAS_PRIVILEGES}", self.url), body.as_bytes()) {
            Ok((200, answer)) => {
                let (verdict, text) = rights(&self.config.target, &index, &answer);
                report.line(verdict, self.shown, &text)
            }
            Ok((401, _)) => report.failed(self.shown, &login(&self.config.client, "api_key_file")),
            Ok((status, _)) => {
                let why = format!(
                    "whether this user may write to {index} can't be asked (status {status}); the first event will tell"
                );
                report.unsure(self.shown, &why)
            }
            Err(e) => report.failed(self.shown, &failure(&e)),
        }
    }
}

fn failure(failure: &Failure) -> String {
    match failure {
        Failure::Failed(why, stage) => described(*stage, why, "url"),
        Failure::Aborted => "given up".into(),
    }
}

/// What an answer says about the rights to an index or a data stream.
fn rights(target: &Target, index: &str, answer: &[u8]) -> (Verdict, String) {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let its = &answer["index"][index];
    let (pattern, key) = match target {
        Target::Index(pattern) => {
            (pattern.wildcard().unwrap_or_else(|| index.to_string()), format!("index = {}", pattern.text()))
        }
        Target::DataStream(stream) => (stream.clone(), format!("data_stream = {stream}")),
    };
    let Some(writes) = its[CREATE_DOCUMENTS].as_bool() else {
        return (
            Verdict::Unsure,
            format!("the server didn't say whether this user may write to {index}; the first event will tell"),
        );
    };
    let creates = CREATE_INDEXES.iter().any(|right| its[*right].as_bool() == Some(true));
    let give = |right: &str| format!("give a role of this user the index privilege {right} for {pattern}");
    let is_dated = matches!(target, Target::Index(index) if index.is_dated());
    if !writes {
        (Verdict::Failed, format!("this user may not write to {index} ({key}); {}", give(CREATE_DOCUMENTS)))
    } else if creates {
        (Verdict::Ok, format!("this user may write to {index} ({key}), and create it"))
    } else if is_dated {
        let missing = give(CREATE_INDEXES[0]);
        (Verdict::Failed, format!("this user may write to {index} ({key}), but not create such an index; {missing}"))
    } else {
        let missing = give(CREATE_INDEXES[0]);
        (
            Verdict::Unsure,
            format!("this user may write to {index} ({key}), but not create it; if it doesn't exist, {missing}"),
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Sink, parse};
    use std::path::Path;

    fn target(key: &str) -> Target {
        let text = format!("[output:es]\ntype = elasticsearch\nurl = http://localhost\n{key}\n");
        match parse(Path::new("x"), &text).unwrap().outputs.pop().unwrap().sink {
            Sink::Elasticsearch(elasticsearch) => elasticsearch.target,
            _ => unreachable!(),
        }
    }

    #[test]
    fn rights_are_told_apart() {
        let (dated, stream) = (target("index = audit-%Y"), target("data_stream = audit"));
        let said = |target: &Target, index: &str, create_doc: bool, auto: bool, create: bool| {
            let its = json!({"create_doc": create_doc, "auto_configure": auto, "create_index": create});
            rights(target, index, json!({"index": {index: its}}).to_string().as_bytes())
        };
        assert_eq!(said(&dated, "audit-2026", true, true, false).0, Verdict::Ok);
        assert_eq!(said(&dated, "audit-2026", true, false, true).0, Verdict::Ok);
        let (verdict, text) = said(&dated, "audit-2026", true, false, false);
        assert!(verdict == Verdict::Failed && text.contains("auto_configure for audit-*"), "{text}");
        let (verdict, text) = said(&dated, "audit-2026", false, true, true);
        assert!(verdict == Verdict::Failed && text.contains("create_doc for audit-*"), "{text}");
        assert_eq!(said(&stream, "audit", true, false, false).0, Verdict::Unsure);
        assert_eq!(rights(&stream, "audit", b"<html>").0, Verdict::Unsure);
    }
}
