//! Reads TOML. The crate limits how deep tables and lists may be.

use super::setting::{Node, Scalar, Unreadable};
use toml::de::{DeTable, DeValue};

/// Reads a file.
pub(super) fn read(text: &str) -> Result<Node, Unreadable> {
    let lines = Lines::of(text);
    let table = DeTable::parse(text).map_err(|e| {
        let line = lines.at(e.span().map_or(0, |span| span.start));
        // `message` has no text of the file, unlike the error's own text.
        Unreadable::new(line, format!("is no TOML: {}", e.message()))
    })?;
    Ok(map(table.into_inner(), &lines))
}

/// The places where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect())
    }

    fn at(&self, place: usize) -> usize {
        self.0.partition_point(|start| *start <= place)
    }
}

fn map(table: DeTable, lines: &Lines) -> Node {
    // The crate sorts tables. Settings come in the order of the file.
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (toml::Spanned<std::borrow::Cow<str>>, toml::Spanned<DeValue>)| {
        let line = lines.at(key.span().start);
        (key.into_inner().into_owned(), line, node(value.into_inner(), lines))
    };
    Node::Map(entries.into_iter().map(entry).collect())
}

fn node(value: DeValue, lines: &Lines) -> Node {
    let plain = |text: String| Node::Scalar(Scalar { text, quoted: false });
    match value {
        DeValue::String(text) => Node::Scalar(Scalar { text: text.into_owned(), quoted: true }),
        DeValue::Integer(number) => {
            let value = i64::from_str_radix(number.as_str(), number.radix());
            plain(value.map_or_else(|_| number.to_string(), |value| value.to_string()))
        }
        DeValue::Float(number) => plain(number.to_string()),
        DeValue::Boolean(yes) => plain(yes.to_string()),
        DeValue::Datetime(time) => plain(time.to_string()),
        DeValue::Array(values) => Node::List(
            values.into_iter().map(|value| (lines.at(value.span().start), node(value.into_inner(), lines))).collect(),
        ),
        DeValue::Table(table) => map(table, lines),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{
        super::setting::{Names, flatten},
        *,
    };

    #[test]
    fn settings_have_their_lines() {
        let text = "a = 1_000\n[x]\nb.'^/x.y$' = \"p\"\nc = [\"1\",\n\"2\"]\n[[f]]\nz = 0o600\n";
        let settings = flatten(read(text).unwrap(), Names::Exact).unwrap();
        let all: Vec<_> = settings.iter().map(|s| format!("{} {} {:?}", s.line, s.name(), s.texts())).collect();
        assert_eq!(all, ["1 a [\"1000\"]", "3 x.b.^/x.y$ [\"p\"]", "4 x.c [\"1\", \"2\"]", "7 f[0].z [\"384\"]"]);
    }

    #[test]
    fn hostile_files_are_refused() {
        for (text, part) in [
            (format!("a = {}", "[".repeat(100_000)), "recurs"),
            (format!("a = {}", "{b=".repeat(100_000)), "recurs"),
            (format!("a{} = 1", ".b".repeat(100_000)), "recurs"),
            ("a = 1\na = 2\n".into(), "duplicate key"),
            ("password = \"s3cret\" x\n".into(), "is no TOML"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.why.contains(part) && !error.why.contains("s3cret"), "{error:?}");
        }
    }
}
