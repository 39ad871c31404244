//! Reads INI text. Each fault names its line, and values keep backslashes and quotes, as in configurations for
//! audisp-json. The `ini` crates lose the one or the other, so none is used.

/// A `key = value` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The key in lower case.
    pub(crate) key: String,
    pub(crate) value: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
}

/// A section and its entries. The first one has no name: it holds the entries before any `[section]`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) entries: Vec<Entry>,
}

/// A line that is neither an entry nor a section.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    pub(crate) section: String,
    pub(crate) line: usize,
    pub(crate) why: &'static str,
}

/// The position of a comment. It begins with `#` or `;` at the start or after white space.
fn comment(text: &str) -> Option<usize> {
    let mut after_space = true;
    text.char_indices().find_map(|(at, c)| {
        let begins = after_space && matches!(c, '#' | ';');
        after_space = c.is_whitespace();
        begins.then_some(at)
    })
}

/// True if a text has only white space and a comment.
fn is_nothing(text: &str) -> bool {
    matches!(text.trim_start().chars().next(), None | Some('#' | ';'))
}

/// The value of a line, without a comment and outer white space. Quotes around it keep white space and comment marks.
fn value(text: &str) -> &str {
    let text = text.trim();
    if let Some(inside) = text.strip_prefix('"') {
        // The closing quote is the first one with only a comment after it, so quotes in JSON need no escapes.
        let close = inside.match_indices('"').find(|(at, _)| {
            let rest = &inside[at + 1..];
            rest.is_empty() || (rest.starts_with(char::is_whitespace) && is_nothing(rest))
        });
        if let Some((at, _)) = close {
            return &inside[..at];
        }
    }
    match comment(text) {
        Some(at) => text[..at].trim_end(),
        None => text,
    }
}

/// All sections in order, and the lines that can't be read.
pub(crate) fn read(text: &str) -> (Vec<Section>, Vec<BadLine>) {
    let mut sections = vec![Section::default()];
    let mut bad = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let line = line.trim();
        let current = sections.last().map(|s| s.name.clone()).unwrap_or_default();
        let mut fault = |why| bad.push(BadLine { section: current.clone(), line: number, why });
        if line.is_empty() || comment(line) == Some(0) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            match rest.split_once(']') {
                Some((name, after)) if is_nothing(after) && !name.trim().is_empty() => {
                    let name = name.trim().to_string();
                    sections.push(Section { name, line: number, entries: Vec::new() });
                }
                _ => fault("not a section: write [name]"),
            }
            continue;
        }
        match line.split_once('=') {
            Some((key, rest)) if !key.trim().is_empty() => {
                let entry = Entry { key: key.trim().to_lowercase(), value: value(rest).to_string(), line: number };
                if let Some(section) = sections.last_mut() {
                    section.entries.push(entry);
                }
            }
            _ => fault("not a setting: write key = value"),
        }
    }
    (sections, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_what_json_needs() {
        assert_eq!(value(r#" {"message": "#), r#"{"message":"#);
        assert_eq!(value(r#" "{"message": " "#), r#"{"message": "#);
        assert_eq!(value(r#" "a ; b" ; why "x""#), "a ; b");
        assert_eq!(value(" }"), "}");
        assert_eq!(value(r#""C:\new\x""#), r"C:\new\x");
        assert_eq!(value(r#""open"#), r#""open"#);
        assert_eq!(value("https://h/x#part"), "https://h/x#part");
        assert_eq!(value("a ; b"), "a");
        assert_eq!(value("; only a comment"), "");
        assert_eq!(value(""), "");
    }

    #[test]
    fn many_quotes_take_no_time() {
        let quotes = "\" ".repeat(20_000);
        assert_eq!(value(&quotes), quotes[1..].trim_end().strip_suffix('"').unwrap_or_default());
    }

    #[test]
    fn lines_are_counted() {
        let (sections, bad) = read("# top\nA = 1\n\n[output:x] ; c\nurl=u\nnonsense\n[broken\n");
        assert_eq!(sections.len(), 2);
        assert_eq!(sections[0].entries, [Entry { key: "a".into(), value: "1".into(), line: 2 }]);
        assert_eq!((sections[1].name.as_str(), sections[1].line), ("output:x", 4));
        assert_eq!(sections[1].entries[0].line, 5);
        assert_eq!(bad.iter().map(|b| b.line).collect::<Vec<_>>(), [6, 7]);
    }
}
