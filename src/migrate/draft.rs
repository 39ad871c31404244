//! The configuration that is being made.

use super::setting::clean;
use crate::config;
use std::{fmt::Write, path::Path};

/// Where a line of the new configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The line in the old configuration, or 0.
    pub(super) line: usize,
    /// The key in the old configuration.
    pub(super) key: String,
}

/// A line of a section.
#[derive(Clone, Debug)]
struct Line {
    key: String,
    value: String,
    origin: Origin,
    /// Whether the line is only an example.
    off: bool,
    /// Whether our own check refused it.
    refused: bool,
}

/// A section.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// Its name in brackets. Empty for the keys before any section.
    name: String,
    /// Comments above it.
    comments: Vec<String>,
    lines: Vec<Line>,
    origin: Origin,
    /// Whether the whole section is only an example.
    off: bool,
}

impl Section {
    fn new(name: String, origin: Origin) -> Self {
        Self { name, comments: Vec::new(), lines: Vec::new(), origin, off: false }
    }

    fn is_filter(&self) -> bool {
        self.name.starts_with("filter:")
    }

    /// Sets a key. A key that is set already gets the new value.
    pub(super) fn set(&mut self, key: &str, value: &str, origin: Origin) {
        self.put(Line { key: key.into(), value: value.into(), origin, off: false, refused: false });
    }

    fn put(&mut self, line: Line) {
        match self.lines.iter_mut().find(|old| old.key == line.key) {
            Some(old) => *old = line,
            None => self.lines.push(line),
        }
    }

    /// Adds a key as an example that the administrator completes.
    pub(super) fn example(&mut self, key: &str, value: &str, origin: Origin) {
        self.put(Line { key: key.into(), value: value.into(), origin, off: true, refused: false });
    }

    /// True if the key is set.
    pub(super) fn has(&self, key: &str) -> bool {
        self.lines.iter().any(|line| line.key == key && !line.off)
    }

    /// Writes a comment above the section.
    pub(super) fn comment(&mut self, text: impl Into<String>) {
        self.comments.push(text.into());
    }

    /// Makes the whole section an example.
    pub(super) fn switch_off(&mut self) {
        self.off = true;
    }
}

/// The configuration that is being made.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    sections: Vec<Section>,
}

/// The place of a rendered line.
#[derive(Clone, Copy)]
struct Place {
    section: usize,
    line: Option<usize>,
}

impl Draft {
    /// The section of that name. It is added if it is missing.
    pub(super) fn section(&mut self, name: &str, origin: &Origin) -> &mut Section {
        let at = self.sections.iter().position(|section| section.name == name).unwrap_or_else(|| {
            self.sections.push(Section::new(name.into(), origin.clone()));
            self.sections.len() - 1
        });
        &mut self.sections[at]
    }

    /// The output of that name. It is added with its type if it is missing. Documents are ECS.
    pub(super) fn output(&mut self, name: &str, kind: &str, origin: &Origin) -> &mut Section {
        let section = self.section(&format!("output:{name}"), origin);
        if section.lines.is_empty() {
            section.set("type", kind, origin.clone());
            if kind != "elasticsearch" {
                section.set("format", "ecs", origin.clone());
            }
        }
        section
    }

    /// The output of that name, if there is one.
    pub(super) fn existing_output(&mut self, name: &str) -> Option<&mut Section> {
        let name = format!("output:{name}");
        self.sections.iter_mut().find(|section| section.name == name)
    }

    /// Sorts sections: keys before any section, input, metrics, filters, outputs. Otherwise they keep their order.
    pub(super) fn sort(&mut self) {
        self.sections.sort_by_key(|section| match section.name.as_str() {
            "" => 0,
            "input" => 1,
            "metrics" => 2,
            name if name.starts_with("filter:") => 3,
            _ => 4,
        });
    }

    /// The text of the configuration, and the place of each line.
    fn render(&self) -> (String, Vec<Option<Place>>) {
        let mut text = String::new();
        let mut places = Vec::new();
        let mut put = |line: &str, place: Option<Place>| {
            // Writing to a String can't fail.
            let _ = writeln!(text, "{line}");
            places.push(place);
        };
        for (number, section) in self.sections.iter().enumerate() {
            put("", None);
            for comment in &section.comments {
                put(&format!("# {}", clean(comment)), None);
            }
            if !section.name.is_empty() {
                let off = if section.off { ";" } else { "" };
                put(&format!("{off}[{}]", section.name), Some(Place { section: number, line: None }));
            }
            for (at, line) in section.lines.iter().enumerate() {
                let off = if section.off || line.off { ";" } else { "" };
                let value = config::ini_text(&line.value);
                put(&format!("{off}{} = {value}", line.key), Some(Place { section: number, line: Some(at) }));
            }
        }
        (text, places)
    }

    /// Makes everything an example that our own check refuses, until the rest passes. Reports each with `report`: its
    /// origin, our key, and the reason.
    pub(super) fn settle(&mut self, mut report: impl FnMut(&Origin, &str, &str)) -> String {
        self.sort();
        loop {
            let (text, places) = self.render();
            let Err(faults) = config::parse(Path::new("result"), &text) else { return text };
            let mut changed = false;
            for fault in &faults.0 {
                let place = fault.line.and_then(|line| places.get(line - 1).copied().flatten());
                let Some(Place { section, line }) = place else { continue };
                let section = &mut self.sections[section];
                // A filter without one of its conditions would drop more events.
                match line.filter(|_| !section.is_filter()).and_then(|line| section.lines.get_mut(line)) {
                    Some(line) if !line.off => {
                        line.off = true;
                        line.refused = true;
                        report(&line.origin, &line.key, &fault.what);
                        changed = true;
                    }
                    Some(_) => (),
                    None if !section.off => {
                        // The line that the section now misses has been reported.
                        if section.is_filter() || !section.lines.iter().any(|line| line.refused) {
                            report(&section.origin, &format!("[{}]", section.name), &fault.what);
                        }
                        section.off = true;
                        changed = true;
                    }
                    None => (),
                }
            }
            if !changed && !self.add_fallback() {
                // Nothing is left that could be wrong. This can't happen, and mustn't be an endless loop.
                return text;
            }
        }
    }

    /// Adds an output to a local file, because a configuration needs one. False if it was there already.
    fn add_fallback(&mut self) -> bool {
        if self.existing_output("local").is_some() {
            return false;
        }
        let origin = Origin { line: 0, key: "output".into() };
        let section = self.output("local", "file", &origin);
        section.comment(
            "The old configuration has no output that auship has. Until you write one, events go to this file.",
        );
        for (key, value) in [("path", "/var/log/auship/auship.json"), ("rotate_size", "100MiB"), ("rotate_keep", "10")]
        {
            section.set(key, value, origin.clone());
        }
        true
    }

    /// True if the fallback output is in use.
    pub(super) fn has_fallback(&self) -> bool {
        self.sections.iter().any(|section| section.name == "output:local" && section.origin.line == 0)
    }
}

/// True if a value can be written in our configuration and reads back.
pub(super) fn can_be_written(value: &str) -> bool {
    let (sections, bad) = config::read_ini(&format!("k = {}", config::ini_text(value)));
    let entry = sections.first().and_then(|section| section.entries.first());
    bad.is_empty() && !value.contains(char::is_control) && entry.is_some_and(|entry| entry.value == value)
}
