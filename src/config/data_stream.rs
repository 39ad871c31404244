//! The parts of a data stream's name.

/// The longest dataset and namespace, in characters: <https://www.elastic.co/docs/reference/ecs/ecs-data_stream>
const LONGEST: usize = 100;

/// A data stream whose name follows Elastic's naming scheme, *type*-*dataset*-*namespace*, as in `logs-auditd-default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataStream {
    /// The type of its data, as in `logs`.
    pub kind: String,
    /// The source of its data, as in `auditd`.
    pub dataset: String,
    /// What the user chose to tell data of one kind apart, as in `default`.
    pub namespace: String,
}

impl DataStream {
    /// Reads a name. Returns none when the name doesn't follow the scheme.
    pub fn named(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.split('-').collect();
        let [kind, dataset, namespace] = parts[..] else { return None };
        let fits = |part: &str| !part.is_empty() && part.chars().count() <= LONGEST;
        (!kind.is_empty() && fits(dataset) && fits(namespace)).then(|| Self {
            kind: kind.to_string(),
            dataset: dataset.to_string(),
            namespace: namespace.to_string(),
        })
    }

    /// The members of the documents' object `data_stream`, with their values.
    pub fn members(&self) -> [(&'static str, &str); 3] {
        [("type", &self.kind), ("dataset", &self.dataset), ("namespace", &self.namespace)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_three_parts() {
        let read =
            |name: &str| DataStream::named(name).map(|stream| stream.members().map(|(_, part)| part.to_string()));
        let parts = |parts: [&str; 3]| Some(parts.map(String::from));
        assert_eq!(read("logs-auditd-default"), parts(["logs", "auditd", "default"]));
        assert_eq!(read("logs-auditd_manager.auditd-auship"), parts(["logs", "auditd_manager.auditd", "auship"]),);
        let long = "x".repeat(LONGEST);
        assert_eq!(read(&format!("logs-{long}-{long}")), parts(["logs", &long, &long]));
        for other in ["auship", "auship-audit", "logs-auditd-prod-eu", "logs--default", "logs-auditd-", "-a-b"] {
            assert_eq!(read(other), None, "{other}");
        }
        assert_eq!(read(&format!("logs-{long}x-default")), None);
    }
}
