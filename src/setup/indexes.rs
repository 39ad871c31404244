//! The final pipeline of indexes that exist already. Templates only shape new indexes.

use super::{
    Cluster,
    compare::setting,
    error::ClusterError,
    objects::{FINAL_PIPELINE, PIPELINE, encoded},
    refusal::refused,
    target::IndexTarget,
};
use serde_json::{Value, json};

/// The most bytes of names in a request's URL. Servers refuse URLs of more than 4096 bytes.
const LONGEST_NAMES: usize = 3000;
/// The settings of an index that takes no documents.
const BLOCKS: [&str; 4] =
    ["index.blocks.read_only", "index.blocks.read_only_allow_delete", "index.blocks.write", "index.blocks.metadata"];

/// The indexes of an output, by their final pipeline.
#[derive(Debug, Default)]
struct Indexes {
    /// How many have the pipeline.
    right: usize,
    /// The names of those that have no final pipeline.
    missing: Vec<String>,
    /// How many have another final pipeline, which somebody chose.
    other: usize,
    /// How many have none, and take no documents now.
    blocked: usize,
}

impl Indexes {
    /// Reads an answer to a GET of settings.
    fn read(answer: &Value, target: &IndexTarget) -> Self {
        let mut indexes = Self::default();
        let all = answer.as_object().into_iter().flatten();
        for (name, index) in all.filter(|(name, _)| target.owns(name)) {
            let settings = &index["settings"];
            match setting(settings, FINAL_PIPELINE).as_deref() {
                Some(PIPELINE) => indexes.right += 1,
                Some(_) => indexes.other += 1,
                None if BLOCKS.iter().any(|block| setting(settings, block).as_deref() == Some("true")) => {
                    indexes.blocked += 1;
                }
                None => indexes.missing.push(name.clone()),
            }
        }
        indexes
    }

    /// What setup says about them.
    fn report(&self, dry_run: bool) -> String {
        let mut said = match (self.missing.len(), dry_run) {
            (0, _) if self.right > 0 => "is right".to_string(),
            (0, _) if self.other + self.blocked > 0 => "left as it is".into(),
            (0, _) => "there is no such index yet, or this user sees none".into(),
            (count, true) => format!("missing in {}: would set it", counted(count)),
            (count, false) => format!("was missing in {}: set it", counted(count)),
        };
        if self.other > 0 {
            said += &format!("; not changed in {}: another final pipeline is set", counted(self.other));
        }
        if self.blocked > 0 {
            said += &format!("; not changed in {}: no documents are taken", counted(self.blocked));
        }
        said
    }

    /// The missing ones' names, joined for URLs.
    fn batches(&self) -> Vec<String> {
        let mut batches: Vec<String> = Vec::new();
        for name in self.missing.iter().map(|name| encoded(name).to_string()) {
            match batches.last_mut() {
                Some(batch) if batch.len() + name.len() < LONGEST_NAMES => {
                    batch.push(',');
                    batch.push_str(&name);
                }
                _ => batches.push(name),
            }
        }
        batches
    }
}

fn counted(count: usize) -> String {
    if count == 1 { "1 index".into() } else { format!("{count} indexes") }
}

impl Cluster {
    /// Sets the final pipeline of an output's indexes where they have none. Returns what there is to say about it.
    ///
    /// # Errors
    /// When a request fails, except that the user may not read or change the settings of indexes.
    pub(super) fn set_final_pipeline(&mut self, target: &IndexTarget) -> Result<String, ClusterError> {
        match self.try_to_set_final_pipeline(target) {
            Err(ClusterError::Refused { status: 403, reason, .. }) => Ok(format!(
                "left out: status 403: {reason}; to set it, somebody who may must send PUT /{}/_settings with {}",
                target.pattern,
                json!({FINAL_PIPELINE: PIPELINE})
            )),
            done => done,
        }
    }

    fn try_to_set_final_pipeline(&mut self, target: &IndexTarget) -> Result<String, ClusterError> {
        let path = format!("/{}/_settings?ignore_unavailable=true&expand_wildcards=open", encoded(&target.pattern));
        let indexes = match self.server.get(&path)? {
            (200, answer) => Indexes::read(&answer, target),
            (404, _) => Indexes::default(),
            (status, answer) => return Err(refused("GET", &self.shown(&path), status, &answer)),
        };
        if !self.dry_run {
            for names in indexes.batches() {
                // A pipeline that somebody sets meanwhile stays.
                let path = format!("/{names}/_settings?preserve_existing=true");
                let (status, answer) = self.server.put(&path, &json!({FINAL_PIPELINE: PIPELINE}))?;
                if !(200..300).contains(&status) {
                    return Err(refused("PUT", &self.shown(&path), status, &answer));
                }
            }
        }
        Ok(indexes.report(self.dry_run))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Sink, parse};
    use std::path::Path;

    fn target(key: &str) -> IndexTarget {
        let text = format!("[output:es]\ntype = elasticsearch\nurl = http://localhost\n{key}\n");
        match parse(Path::new("x"), &text).unwrap().outputs.swap_remove(0).sink {
            Sink::Elasticsearch(elasticsearch) => IndexTarget::new(&elasticsearch.target).unwrap(),
            _ => unreachable!(),
        }
    }

    #[test]
    fn only_the_outputs_own_indexes_without_a_pipeline_are_changed() {
        let answer = json!({
            "auship-2026.11.21": {"settings": {"index": {"uuid": "a"}}},
            "auship-2026.11.22": {"settings": {"index.uuid": "b", "index.final_pipeline": PIPELINE}},
            "auship-2026.11.23": {"settings": {"index": {"final_pipeline": "mine"}}},
            "auship-2026.11.24": {"settings": {"index": {"final_pipeline": "_none"}}},
            "auship-2026.11.25": {"settings": {"index": {"blocks": {"write": "true", "read_only": "false"}}}},
            "auship-lists": {"settings": {"index": {"uuid": "c"}}},
        });
        let indexes = Indexes::read(&answer, &target(""));
        assert_eq!(indexes.missing, ["auship-2026.11.21"]);
        assert_eq!((indexes.right, indexes.other, indexes.blocked), (1, 2, 1));
        let rest = "; not changed in 2 indexes: another final pipeline is set; \
                    not changed in 1 index: no documents are taken";
        assert_eq!(indexes.report(true), format!("missing in 1 index: would set it{rest}"));
        assert_eq!(indexes.report(false), format!("was missing in 1 index: set it{rest}"));
        let stream = json!({".ds-logs-auditd-default-2026.11.25-000001": {"settings": {"index": {"hidden": "true"}}}});
        assert_eq!(Indexes::read(&stream, &target("data_stream = logs-auditd-default")).missing.len(), 1);
        assert_eq!(Indexes::read(&json!({"alias-000001": {}}), &target("index = alias")).missing, ["alias-000001"]);
        for none in [json!({}), json!(null), json!([1])] {
            assert!(Indexes::read(&none, &target("")).report(false).starts_with("there is no such index yet"));
        }
    }

    #[test]
    fn many_names_take_several_requests() {
        let missing: Vec<String> = (0..400).map(|n| format!("auship-{n:04}.11.25")).collect();
        let batches = Indexes { missing: missing.clone(), ..Indexes::default() }.batches();
        assert!(batches.len() > 1 && batches.iter().all(|batch| batch.len() <= LONGEST_NAMES + 1));
        assert_eq!(batches.join(",").split(',').collect::<Vec<_>>(), missing);
    }
}
