//! The text format of Prometheus, in a file for node_exporter's textfile collector.
//!
//! The crates `prometheus-client` and `metrics` aren't used: they keep a registry of atomics and read one after
//! another. Here all values come from one snapshot, so they add up.

use super::{
    catalog::METRICS,
    metric::{Amount, Line, Metric},
    snapshot::Snapshot,
};
use std::fmt::Write as _;

/// All metrics as text.
pub(super) fn text(snapshot: &Snapshot) -> String {
    let mut out = String::new();
    for metric in METRICS {
        let all = metric.series(snapshot);
        if all.is_empty() {
            continue;
        }
        let Metric { name, kind, help, .. } = metric;
        // Writing to a String can't fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {}", kind.name());
        for (output, series) in &all {
            for mut line in metric.lines(series) {
                if let Some(output) = output {
                    line.labels.insert(0, ("output", &output.name));
                }
                write_line(&mut out, name, &line);
            }
        }
    }
    out
}

fn write_line(out: &mut String, name: &str, line: &Line) {
    let Line { suffix, labels, amount } = line;
    let _ = write!(out, "{name}{suffix}");
    for (n, (name, value)) in labels.iter().enumerate() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(out, "{}{name}=\"{value}\"", if n == 0 { '{' } else { ',' });
    }
    if !labels.is_empty() {
        out.push('}');
    }
    let _ = match amount {
        Amount::Number(number) => writeln!(out, " {number}"),
        Amount::Seconds(time) => writeln!(out, " {}", time.as_secs_f64()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut out = String::new();
        let labels = vec![("a", "x\"y\\z\n"), ("b", "")];
        write_line(&mut out, "n", &Line { suffix: "_sum", labels, amount: Amount::Number(3) });
        assert_eq!(out, "n_sum{a=\"x\\\"y\\\\z\\n\",b=\"\"} 3\n");
    }
}
