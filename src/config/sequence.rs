//! Where records come from, and how serials are watched: keys of `[input]`.

use super::{
    key::{About, Key, one, put},
    show, values,
};
use std::time::Duration;

/// Where records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Source {
    /// Standard input: what auditd starts a plugin with.
    #[default]
    Stdin,
}

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

/// The keys of `[input]`.
pub(super) static KEYS: &[Key<(Source, Sequence)>] = &[
    Key {
        about: About {
            name: "source",
            value: "**stdin**",
            default: "stdin",
            doc: "Where records come from. **stdin**: standard input, as auditd starts a plugin. There is no other \
                  source.",
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
            doc: "Report serials that don't come. The kernel numbers its events, so a missing number is an event that \
                  was lost before it came here.",
            more: "A gap is reported as a warning, and to every output as an event of its own (*category* \
                   *audit_gap*). Each node has its own serials. Records of auditd itself (*DAEMON_START* and the like) \
                   are numbered by auditd and are not watched.",
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
            more: "It also counts as missing when it stays away for **gap_after**, and at the end of the input. \
                   Serials more than this number below the newest mean that the host was started again, or that this \
                   is an older log.",
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
            doc: "A serial also counts as missing when it stays away for this time.",
            ..About::NONE
        },
        set: |(_, sequence), value| put(&mut sequence.gap_after, values::time(value.text)),
        show: |(_, sequence)| one(values::show_time(sequence.gap_after)),
    },
];
