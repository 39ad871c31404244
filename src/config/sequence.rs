//! How serials are watched: keys of `[input]`.

use super::{
    Config,
    show::Quoted,
    validator::{SectionValues, Validator},
    values,
};
use std::{fmt, time::Duration};

/// How serials are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Whether they are.
    pub track: bool,
    /// Say which events came out of order.
    pub log_out_of_order: bool,
    /// A serial that is so far behind the newest one will not come any more.
    pub max_out_of_order: u64,
    /// Neither will one that stayed away for so long.
    pub gap_after: Duration,
}

impl Default for Sequence {
    fn default() -> Self {
        Self { track: true, log_out_of_order: false, max_out_of_order: 500, gap_after: Duration::from_secs(10) }
    }
}

impl Sequence {
    pub(super) fn show(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "track_sequence = {}", Quoted::yes(self.track))?;
        writeln!(f, "log_out_of_order = {}", Quoted::yes(self.log_out_of_order))?;
        writeln!(f, "max_out_of_order = {}", self.max_out_of_order)?;
        writeln!(f, "gap_after = {}", values::show_time(self.gap_after))
    }
}

impl Validator<'_> {
    pub(super) fn sequence(&mut self, given: &mut SectionValues, config: &mut Config) {
        let default = Sequence::default();
        config.sequence = Sequence {
            track: self.value(given, "track_sequence", default.track, values::yes),
            log_out_of_order: self.value(given, "log_out_of_order", default.log_out_of_order, values::yes),
            max_out_of_order: self.value(given, "max_out_of_order", default.max_out_of_order, |text| {
                let number = values::count(text).ok().filter(|n| *n <= 1_000_000);
                number.map(|n| n as u64).ok_or("a whole number from 1 to 1000000")
            }),
            gap_after: self.value(given, "gap_after", default.gap_after, values::time),
        };
    }
}
