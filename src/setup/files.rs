//! The files that hold the objects to install.

use super::error::Invalid;
use serde_json::Value;
use std::{fs, path::Path};

/// The built-in files by name; they are those of conf/elasticsearch.
const FILES: [(&str, &str); 10] = [
    ("mappings-ecs.json", include_str!("../../conf/elasticsearch/mappings-ecs.json")),
    ("mappings-auditd.json", include_str!("../../conf/elasticsearch/mappings-auditd.json")),
    ("settings.json", include_str!("../../conf/elasticsearch/settings.json")),
    ("template-indexes.json", include_str!("../../conf/elasticsearch/template-indexes.json")),
    ("template-data-stream.json", include_str!("../../conf/elasticsearch/template-data-stream.json")),
    ("pipeline-ingested.json", include_str!("../../conf/elasticsearch/pipeline-ingested.json")),
    ("ilm-indexes.json", include_str!("../../conf/elasticsearch/ilm-indexes.json")),
    ("ilm-data-stream.json", include_str!("../../conf/elasticsearch/ilm-data-stream.json")),
    ("ism-indexes.json", include_str!("../../conf/elasticsearch/ism-indexes.json")),
    ("ism-data-stream.json", include_str!("../../conf/elasticsearch/ism-data-stream.json")),
];

/// The content of all files.
pub(super) struct Files(Vec<(&'static str, Value)>);

impl Files {
    /// Reads the files of a directory, or those that are built into the program.
    ///
    /// # Errors
    /// When a file can't be read, or doesn't hold a JSON object.
    pub(super) fn read(dir: Option<&Path>) -> Result<Self, Invalid> {
        let read = |&(name, built_in): &(&'static str, &str)| {
            let (shown, text) = match dir {
                None => (name.to_string(), built_in.to_string()),
                Some(dir) => {
                    let path = dir.join(name);
                    let shown = path.display().to_string();
                    match fs::read_to_string(&path) {
                        Ok(text) => (shown, text),
                        Err(error) => return Err(Invalid::Unreadable { file: shown, error }),
                    }
                }
            };
            match serde_json::from_str(&text) {
                Ok(value @ Value::Object(_)) => Ok((name, value)),
                Ok(_) => Err(Invalid::NotAnObject(shown)),
                Err(error) => Err(Invalid::NotJson { file: shown, error }),
            }
        };
        FILES.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// A file's content.
    pub(super) fn get(&self, name: &str) -> Value {
        self.0.iter().find(|(its, _)| *its == name).map_or(Value::Null, |(_, value)| value.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_files_is_the_same() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in FILES {
            fs::write(dir.path().join(name), text).unwrap();
        }
        assert_eq!(Files::read(Some(dir.path())).unwrap().0, Files::read(None).unwrap().0);
    }

    #[test]
    fn a_bad_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let said = || Files::read(Some(dir.path())).err().unwrap().to_string();
        assert!(said().contains("mappings-ecs.json: No such file"), "{}", said());
        fs::write(dir.path().join("mappings-ecs.json"), "{\n\"a\": }").unwrap();
        assert!(said().contains("mappings-ecs.json isn't JSON: expected value at line 2"), "{}", said());
        fs::write(dir.path().join("mappings-ecs.json"), "[]").unwrap();
        assert!(said().contains("mappings-ecs.json must hold one JSON object"), "{}", said());
    }
}
