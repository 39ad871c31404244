//! The keys of `[input]`: the source of records, and the watching of serials.

use super::{
    key::{About, Key, one, put},
    show, values,
};
use std::time::Duration;

/// The source of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Source {
    /// Standard input, where auditd writes records for a plugin.
    #[default]
    Stdin,
}

/// The settings for watching serials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Whether serials are watched.
    pub track: bool,
    /// Whether events that come out of order are logged.
    pub log_out_of_order: bool,
    /// A serial counts as missing when it is this far behind the newest one.
    pub max_out_of_order: u64,
    /// A serial also counts as missing when it hasn't come for this time.
    pub gap_after: Duration,
}

impl Default for Sequence {
    fn default() -> Self {
        Self { track: true, log_out_of_order: false, max_out_of_order: 500, gap_after: Duration::from_secs(10) }
    }
}

/// The keys of `[input]`.
pub(super) static KEYS: &[Key<(Source, Sequence)>] = &[
    Key {
        about: About {
            name: "source",
            value: "**stdin**",
            default: "stdin",
            doc: "The source of records. **stdin** is standard input, where auditd writes records for a plugin. There \
                  is no other source.",
            ..About::NONE
        },
        set: |(source, _), value| match value.text {
            "stdin" => put(source, Ok::<_, &str>(Source::Stdin)),
            _ => Err("stdin".into()),
        },
        show: |(Source::Stdin, _)| one("stdin"),
    },
    Key {
        about: About {
            name: "track_sequence",
            value: "*YES-OR-NO*",
            default: "yes",
            doc: "Report missing serials. The kernel numbers its events, so a missing serial is an event that was lost \
                  before **auship** got it.",
            more: "A gap is logged as a warning, and sent to every output as an event (*category* *audit_gap*). Each \
                   node has its own serials. auditd numbers its own records (*DAEMON_START* and the like) itself, so \
                   they are not watched.",
            ..About::NONE
        },
        set: |(_, sequence), value| put(&mut sequence.track, values::yes(value.text)),
        show: |(_, sequence)| one(show::yes(sequence.track)),
    },
    Key {
        about: About {
            name: "log_out_of_order",
            value: "*YES-OR-NO*",
            default: "no",
            doc: "Log each event that comes after one with a higher serial.",
            ..About::NONE
        },
        set: |(_, sequence), value| put(&mut sequence.log_out_of_order, values::yes(value.text)),
        show: |(_, sequence)| one(show::yes(sequence.log_out_of_order)),
    },
    Key {
        about: About {
            name: "max_out_of_order",
            value: "*NUMBER*",
            default: "500",
            doc: "A serial counts as missing when the newest serial is more than this number beyond it. From 1 to \
                  1000000.",
            more: "It also counts as missing when it hasn't come for the time **gap_after**, and at the end of the \
                   input. Serials that are more than this number below the newest one mean that the host was \
                   restarted, or that this is an older log.",
            ..About::NONE
        },
        set: |(_, sequence), value| {
            let number = values::count(value.text).ok().filter(|n| *n <= 1_000_000);
            put(&mut sequence.max_out_of_order, number.map(|n| n as u64).ok_or("a whole number from 1 to 1000000"))
        },
        show: |(_, sequence)| one(sequence.max_out_of_order),
    },
    Key {
        about: About {
            name: "gap_after",
            value: "*TIME*",
            default: "10s",
            doc: "A serial also counts as missing when it hasn't come for this time after a later one.",
            ..About::NONE
        },
        set: |(_, sequence), value| put(&mut sequence.gap_after, values::time(value.text)),
        show: |(_, sequence)| one(values::show_time(sequence.gap_after)),
    },
];
