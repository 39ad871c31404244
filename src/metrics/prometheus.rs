//! Prometheus' text format, in a file for node_exporter's textfile collector.

use super::{
    Snapshot,
    catalog::{Kind, METRICS, Sample, samples},
};
use std::{
    fmt::Write as _,
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// All figures as text.
pub(super) fn text(snapshot: &Snapshot) -> String {
    let all = samples(snapshot);
    let mut out = String::new();
    for figure in METRICS {
        let mut its = all.iter().filter(|sample| sample.name == figure.name).peekable();
        if its.peek().is_none() {
            continue;
        }
        let kind = match figure.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Summary => "summary",
        };
        // Writing to a String can't fail.
        let _ = writeln!(out, "# HELP {} {}\n# TYPE {} {kind}", figure.name, figure.help, figure.name);
        for sample in its {
            line(&mut out, sample);
        }
    }
    out
}

fn line(out: &mut String, sample: &Sample) {
    out.push_str(sample.name);
    out.push_str(sample.part);
    for (n, (name, value)) in sample.labels.iter().enumerate() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(out, "{}{name}=\"{value}\"", if n == 0 { '{' } else { ',' });
    }
    if !sample.labels.is_empty() {
        out.push('}');
    }
    let _ = writeln!(out, " {}", sample.value.plain());
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
    use crate::metrics::catalog::Value;

    #[test]
    fn labels_are_escaped() {
        let labels = vec![("a", "x\"y\\z\n".to_string()), ("b", String::new())];
        let mut out = String::new();
        line(&mut out, &Sample { name: "n", part: "_sum", labels, value: Value::Number(3) });
        assert_eq!(out, "n_sum{a=\"x\\\"y\\\\z\\n\",b=\"\"} 3\n");
    }
}
