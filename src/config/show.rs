//! What `auship check` prints: the configuration in effect, as a file that says the same.

use super::{Config, Source, ini, values};
use std::{fmt, path::Path};

/// Values as a file must have them.
pub(super) struct Quoted;

impl Quoted {
    /// A text: quoted where that keeps something.
    pub(super) fn text(text: &str) -> String {
        let (sections, _) = ini::read(&format!("k = {text}"));
        let reads_back = sections[0].entries.first().is_some_and(|e| e.value == text);
        if reads_back { text.to_string() } else { format!("\"{text}\"") }
    }

    /// A path.
    pub(super) fn path(path: &Path) -> String {
        Self::text(&path.display().to_string())
    }

    /// Yes or no.
    pub(super) fn yes(yes: bool) -> &'static str {
        if yes { "yes" } else { "no" }
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "shutdown_timeout = {}", values::show_time(self.shutdown_timeout))?;
        writeln!(f, "run_dir = {}\n", Quoted::path(&self.metrics.run_dir))?;
        let Source::Stdin = self.source;
        writeln!(f, "[input]\nsource = stdin")?;
        self.sequence.show(f)?;
        self.metrics.show(f)?;
        self.filters.iter().try_for_each(|filter| filter.show(f))?;
        self.outputs.iter().try_for_each(|output| output.show(f))
    }
}
