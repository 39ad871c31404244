//! Reads YAML. The crate gives events, and this file makes the tree, so that its limits hold for every file.

use super::setting::{MOST_LEVELS, MOST_SETTINGS, Node, Scalar, Unreadable};
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;

/// A map or list whose end hasn't come yet.
struct Open {
    line: usize,
    /// The number of its anchor, or 0.
    anchor: usize,
    kind: Kind,
    /// The nodes in it, its own included.
    size: usize,
}

enum Kind {
    List(Vec<(usize, Node)>),
    /// The key that waits for its value, and its line.
    Map(Vec<(String, usize, Node)>, Option<(String, usize)>),
}

/// An anchored node, and the number of nodes in it.
type Anchored = (Node, usize);

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchored>,
    /// All nodes so far.
    size: usize,
}

/// Reads one document.
pub(super) fn read(text: &str) -> Result<Node, Unreadable> {
    let mut builder = Builder::default();
    let mut has_document = false;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|e| Unreadable::new(e.marker().line(), format!("is no YAML: {}", e.info())))?;
        let line = span.start.line();
        match event {
            Event::DocumentStart(_) if std::mem::replace(&mut has_document, true) => {
                return Err(Unreadable::new(line, "has a second YAML document; put each in a file of its own"));
            }
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let node = if plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL") {
                    Node::Nothing
                } else {
                    Node::Scalar(Scalar { text: text.into_owned(), quoted: !plain })
                };
                builder.add(node, 1, anchor, line)?;
            }
            Event::SequenceStart(anchor, _) => builder.begin(line, anchor, Kind::List(Vec::new()))?,
            Event::MappingStart(anchor, _) => builder.begin(line, anchor, Kind::Map(Vec::new(), None))?,
            Event::SequenceEnd | Event::MappingEnd => builder.end()?,
            Event::Alias(number) => {
                let Some((node, size)) = builder.anchors.get(&number).cloned() else {
                    return Err(Unreadable::new(line, "has an alias (*NAME) inside its own anchor (&NAME)"));
                };
                builder.add(node, size, 0, line)?;
            }
            _ => (),
        }
    }
    Ok(builder.root.unwrap_or(Node::Nothing))
}

impl Builder {
    fn begin(&mut self, line: usize, anchor: usize, kind: Kind) -> Result<(), Unreadable> {
        if self.open.len() >= MOST_LEVELS {
            return Err(Unreadable::new(line, format!("has more than {MOST_LEVELS} levels of maps and lists")));
        }
        self.open.push(Open { line, anchor, kind, size: 1 });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Unreadable> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let node = match open.kind {
            Kind::List(nodes) => Node::List(nodes),
            Kind::Map(entries, _) => Node::Map(merged(entries)),
        };
        self.add(node, open.size, open.anchor, open.line)
    }

    /// Puts a node where it belongs. `size` is the number of nodes in it.
    fn add(&mut self, node: Node, size: usize, anchor: usize, line: usize) -> Result<(), Unreadable> {
        self.size += size;
        if self.size > MOST_SETTINGS * 4 {
            return Err(Unreadable::new(line, "has too many values, or aliases that make too many"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.size += size;
        match &mut open.kind {
            Kind::List(nodes) => nodes.push((line, node)),
            Kind::Map(entries, key) => match key.take() {
                Some((name, line)) => entries.push((name, line, node)),
                None => match node {
                    Node::Scalar(scalar) => *key = Some((scalar.text, line)),
                    Node::Nothing => *key = Some((String::new(), line)),
                    _ => return Err(Unreadable::new(line, "has a map or a list as a key")),
                },
            },
        }
        Ok(())
    }
}

/// Puts the entries of `<<` into the map itself. Entries of its own win.
fn merged(entries: Vec<(String, usize, Node)>) -> Vec<(String, usize, Node)> {
    let (merges, mut own): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|(key, _, node)| key == "<<" && matches!(node, Node::Map(_) | Node::List(_)));
    for (_, _, node) in merges {
        let maps = match node {
            Node::List(nodes) => nodes.into_iter().map(|(_, node)| node).collect(),
            map => vec![map],
        };
        for entry in
            maps.into_iter().filter_map(|map| if let Node::Map(all) = map { Some(all) } else { None }).flatten()
        {
            if own.iter().all(|(key, ..)| *key != entry.0) {
                own.push(entry);
            }
        }
    }
    own
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{
        super::setting::{Names, flatten},
        *,
    };

    fn settings(text: &str) -> Result<Vec<String>, String> {
        let say = |e: Unreadable| format!("{}: {}", e.line, e.why);
        let settings = read(text).and_then(|node| flatten(node, Names::Dotted)).map_err(say)?;
        Ok(settings.iter().map(|s| format!("{} {} {:?}", s.line, s.name(), s.texts())).collect())
    }

    #[test]
    fn settings_have_their_lines() {
        let text = "a.b:\n  c: 1\n  d: [x, 'y']\n# c\nlist:\n- e: |\n    two\n    lines\n- plain\nn:\n";
        let all = [
            "2 a.b.c [\"1\"]",
            "3 a.b.d [\"x\", \"y\"]",
            "6 list[0].e [\"two\\nlines\\n\"]",
            "9 list[1] [\"plain\"]",
            "10 n []",
        ];
        assert_eq!(settings(text).unwrap(), all);
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        let text = "base: &b\n  x: 1\n  y: 2\nuse:\n  <<: *b\n  y: 3\nalso: *b\n";
        let all = [
            "2 base.x [\"1\"]",
            "3 base.y [\"2\"]",
            "6 use.y [\"3\"]",
            "2 use.x [\"1\"]",
            "2 also.x [\"1\"]",
            "3 also.y [\"2\"]",
        ];
        assert_eq!(settings(text).unwrap(), all);
    }

    #[test]
    fn hostile_files_are_refused() {
        let laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_string()
            + &(1..9)
                .map(|n| format!("a{n}: &a{n} [*a{0},*a{0},*a{0},*a{0},*a{0},*a{0},*a{0},*a{0},*a{0}]\n", n - 1))
                .collect::<String>();
        for (text, part) in [
            ("[".repeat(5000), "is no YAML"),
            ("- ".repeat(5000), "levels of maps and lists"),
            ("? ".repeat(5000), "levels of maps and lists"),
            (laughs, "too many values"),
            ("a: &x [*x]\n".into(), "alias"),
            ("a: 1\na: 2\n".into(), "2: a is set twice; the first is in line 1"),
            ("a.b: 1\na:\n  b: 2\n".into(), "3: a.b is set twice"),
            ("a: 1\n---\nb: 1\n".into(), "2: has a second YAML document"),
            ("a: \"x\" y\n".into(), "1: is no YAML"),
            ("? [a]\n: b\n".into(), "a map or a list as a key"),
        ] {
            let said = settings(&text).unwrap_err();
            assert!(said.contains(part), "{said}");
        }
    }
}
