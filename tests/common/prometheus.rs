//! Reads a Prometheus file and checks that its counters add up.

use std::collections::BTreeMap;

/// Returns the values of a Prometheus file. The keys are the names with their labels.
pub fn parse(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.into(), value.parse().unwrap()))
        .collect()
}

/// Asserts that the counters add up. Returns true if the file has at least one output to check.
pub fn adds_up(text: &str) -> bool {
    let all = parse(text);
    let of = |name: &str| all.get(name).copied().unwrap_or_else(|| panic!("no {name} in {text}"));
    let came = of("auship_events_total") + of("auship_gaps_total") + of("auship_heartbeats_total");
    let dispatched = of("auship_events_dispatched_total");
    assert_eq!(came, of("auship_events_filtered_total") + dispatched, "{text}");
    let names: Vec<_> = all
        .keys()
        .filter_map(|key| key.strip_prefix("auship_output_events_total{output=\"")?.strip_suffix("\"}"))
        .collect();
    for name in &names {
        let of = |what: &str| of(&format!("auship_output_{what}{{output=\"{name}\"}}"));
        let lost: f64 = all
            .iter()
            .filter(|(key, _)| key.starts_with(&format!("auship_output_lost_total{{output=\"{name}\"")))
            .map(|(_, value)| value)
            .sum();
        assert_eq!(of("events_total"), dispatched, "{name}: {text}");
        let gone = of("delivered_total") + of("skipped_total") + of("dead_lettered_total") + lost;
        let here = of("ring_documents") + of("spool_documents");
        assert_eq!(of("events_total") + of("recovered_total"), gone + here, "{name}: {text}");
    }
    !names.is_empty()
}
