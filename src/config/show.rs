//! Values in the syntax of a configuration file.

use super::ini;
use std::path::Path;

/// A text, in quotes if it needs them.
pub(crate) fn text(text: &str) -> String {
    let (sections, _) = ini::read(&format!("k = {text}"));
    let reads_back = sections[0].entries.first().is_some_and(|e| e.value == text);
    if reads_back { text.to_string() } else { format!("\"{text}\"") }
}

/// A path.
pub(super) fn path(path: &Path) -> String {
    text(&path.display().to_string())
}

/// A path, if it is set.
pub(super) fn optional_path(value: &Option<impl AsRef<Path>>) -> Option<String> {
    value.as_ref().map(|value| path(value.as_ref()))
}

/// Yes or no.
pub(super) fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
