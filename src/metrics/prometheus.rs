//! Prometheus' text format, in a file for node_exporter's textfile collector.
//!
//! The crates for it (`prometheus-client`, `metrics`) keep a registry of atomics and read one after another. Here all
//! values come from one snapshot, so they add up.

use super::{
    Snapshot,
    catalog::METRICS,
    metric::{Amount, Line, Metric},
};
use std::{
    fmt::Write as _,
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

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

/// Writes a file so that whoever reads it finds the old text or the new one, whole.
pub(super) fn write_whole(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // No name that node_exporter would read.
    let new = path.with_file_name(format!(".{name}.new"));
    // One that a crash left.
    fs::remove_file(&new).or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
    // Made anew and not opened, so that nobody's link is followed.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.set_permissions(Permissions::from_mode(mode)))
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
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
