//! A configuration of another program as a list of settings. YAML, TOML and INI become the same list.

/// The most bytes of a configuration.
pub(super) const MOST_BYTES: u64 = 1 << 20;
/// The most levels of maps and lists in each other.
pub(super) const MOST_LEVELS: usize = 32;
/// The most settings. Aliases of YAML could multiply a small file.
pub(super) const MOST_SETTINGS: usize = 50_000;

/// A text in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Whether it was written as a text. A number or a word without quotes may mean something else.
    pub(super) quoted: bool,
}

/// A value in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// No value, or an empty map.
    Nothing,
    Scalar(Scalar),
    /// A list that has neither lists nor maps. Those are settings of their own.
    List(Vec<Scalar>),
}

/// A setting, with the names on the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Names of keys. An element of a list is its number in brackets, as in `[0]`.
    pub(super) path: Vec<String>,
    /// The line of the key, counted from 1.
    pub(super) line: usize,
    pub(super) value: Value,
}

impl Setting {
    /// The whole name, as in `filters[0].regex`.
    pub(super) fn name(&self) -> String {
        join(self.path.iter().map(String::as_str))
    }

    /// The name without numbers of elements, as in `filters[].regex`. Tables of keys have such names.
    pub(super) fn pattern(&self) -> String {
        join(self.path.iter().map(|part| if is_element(part) { "[]" } else { part.as_str() }))
    }

    /// Its text, if it has one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// Its texts: those of a list, or the only one.
    pub(super) fn texts(&self) -> Vec<&str> {
        match &self.value {
            Value::Nothing => Vec::new(),
            Value::Scalar(scalar) => vec![&scalar.text],
            Value::List(all) => all.iter().map(|scalar| scalar.text.as_str()).collect(),
        }
    }
}

/// True for the number of an element, as in `[0]`.
pub(super) fn is_element(part: &str) -> bool {
    part.starts_with('[')
        && part.ends_with(']')
        && part.len() > 2
        && part[1..part.len() - 1].bytes().all(|b| b.is_ascii_digit())
}

fn join<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut name = String::new();
    for part in parts {
        if !name.is_empty() && part != "[]" && !is_element(part) {
            name.push('.');
        }
        name.push_str(part);
    }
    name
}

/// A configuration that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// The line, counted from 1.
    pub(super) line: usize,
    /// The reason. It never has a value of the configuration, because that may be a secret.
    pub(super) why: String,
}

impl Unreadable {
    pub(super) fn new(line: usize, why: impl Into<String>) -> Self {
        Self { line, why: why.into() }
    }
}

/// A tree of values with their lines, as YAML and TOML have it.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Nothing,
    Scalar(Scalar),
    List(Vec<(usize, Node)>),
    Map(Vec<(String, usize, Node)>),
}

/// How names of keys are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// As they are.
    Exact,
    /// A dot in a name means a map in a map, as in Auditbeat.
    Dotted,
    /// The same, and upper case means lower case, as in pauditd.
    DottedLowerCase,
}

/// Makes a list of settings from a tree. A key that is set twice is an error.
pub(super) fn flatten(root: Node, names: Names) -> Result<Vec<Setting>, Unreadable> {
    let mut settings = Vec::new();
    add(root, &mut Vec::new(), 1, names, &mut settings)?;
    let mut seen = std::collections::HashMap::new();
    for setting in settings.iter().filter(|setting| setting.value != Value::Nothing) {
        if let Some(first) = seen.insert(setting.name(), setting.line) {
            let what = format!("{} is set twice; the first is in line {first}; remove one", clean(&setting.name()));
            return Err(Unreadable::new(setting.line, what));
        }
    }
    Ok(settings)
}

fn add(
    node: Node,
    path: &mut Vec<String>,
    line: usize,
    names: Names,
    settings: &mut Vec<Setting>,
) -> Result<(), Unreadable> {
    if settings.len() >= MOST_SETTINGS {
        return Err(Unreadable::new(line, format!("has more than {MOST_SETTINGS} settings")));
    }
    let value = match node {
        Node::Nothing => Value::Nothing,
        Node::Scalar(scalar) => Value::Scalar(scalar),
        Node::List(nodes) if nodes.iter().all(|(_, node)| matches!(node, Node::Scalar(_))) => Value::List(
            nodes.into_iter().filter_map(|(_, node)| if let Node::Scalar(s) = node { Some(s) } else { None }).collect(),
        ),
        Node::List(nodes) => {
            for (number, (line, node)) in nodes.into_iter().enumerate() {
                path.push(format!("[{number}]"));
                add(node, path, line, names, settings)?;
                path.pop();
            }
            return Ok(());
        }
        Node::Map(entries) if entries.is_empty() => Value::Nothing,
        Node::Map(entries) => {
            for (key, line, node) in entries {
                let depth = path.len();
                match names {
                    Names::Exact => path.push(key),
                    Names::Dotted => path.extend(key.split('.').map(str::to_string)),
                    Names::DottedLowerCase => path.extend(key.to_lowercase().split('.').map(str::to_string)),
                }
                add(node, path, line, names, settings)?;
                path.truncate(depth);
            }
            return Ok(());
        }
    };
    settings.push(Setting { path: path.clone(), line, value });
    Ok(())
}

/// A text of a configuration for a message or a comment: one line, not too long.
pub(super) fn clean(text: &str) -> String {
    const MOST: usize = 200;
    let mut clean = String::new();
    for c in text.chars().take(MOST) {
        match c {
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => clean.extend(c.escape_default()),
            c => clean.push(c),
        }
    }
    if text.chars().nth(MOST).is_some() {
        clean.push('…');
    }
    clean
}
