//! Whose configuration a file is.

use super::{audisp_json, auditbeat_rows, laurel, pauditd, row::Row};

/// A program whose configurations can be translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// audisp-json.
    AudispJson,
    /// LAUREL.
    Laurel,
    /// Auditbeat with the module auditd.
    Auditbeat,
    /// pauditd, and go-audit.
    Pauditd,
}

/// The names for `--from`, for messages.
pub const PEERS: &str = "audisp-json, laurel, auditbeat or pauditd";

impl Peer {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::AudispJson, Self::Laurel, Self::Auditbeat, Self::Pauditd];

    /// Its name for `--from`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AudispJson => "audisp-json",
            Self::Laurel => "laurel",
            Self::Auditbeat => "auditbeat",
            Self::Pauditd => "pauditd",
        }
    }

    /// The program of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|peer| peer.name() == name)
    }

    /// The table of its keys.
    pub(super) fn rows(self) -> &'static [Row] {
        match self {
            Self::AudispJson => audisp_json::ROWS,
            Self::Laurel => laurel::ROWS,
            Self::Auditbeat => auditbeat_rows::ROWS,
            Self::Pauditd => pauditd::ROWS,
        }
    }

    /// Its name for messages.
    pub(super) fn program(self) -> &'static str {
        match self {
            Self::AudispJson => "audisp-json",
            Self::Laurel => "LAUREL",
            Self::Auditbeat => "Auditbeat",
            Self::Pauditd => "pauditd or go-audit",
        }
    }

    /// True if a line is typical for its configurations. The line has no white space at its beginning.
    fn has(self, line: &str) -> bool {
        let before = |mark: char| line.split_once(mark).map_or("", |(key, _)| key.trim_end());
        match self {
            Self::AudispJson => {
                let key = before('=').to_lowercase();
                self.rows().iter().any(|row| row.key == key)
            }
            Self::Laurel => {
                let section =
                    line.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or("", |(name, _)| name.trim());
                let first = section.split('.').next().unwrap_or_default();
                let is_section = matches!(
                    first,
                    "auditlog"
                        | "filterlog"
                        | "state"
                        | "transform"
                        | "translate"
                        | "enrich"
                        | "label-process"
                        | "filter"
                        | "debug"
                );
                let key = before('=');
                let is_key = matches!(key, "directory" | "statusreport-period" | "marker")
                    || key.starts_with("auditlog.")
                    || key.starts_with("label-process.");
                is_section || is_key
            }
            Self::Auditbeat => {
                let key = before(':');
                let has =
                    |start: &str| key == start || key.strip_prefix(start).is_some_and(|rest| rest.starts_with('.'));
                let parts = [
                    "auditbeat",
                    "output.elasticsearch",
                    "output.logstash",
                    "output.kafka",
                    "output.redis",
                    "output.console",
                    "setup",
                    "logging",
                ];
                parts.iter().any(|part| has(part))
                    || line
                        .strip_prefix("- module:")
                        .is_some_and(|name| name.trim().trim_matches(['"', '\'']) == "auditd")
            }
            Self::Pauditd => matches!(
                before(':').to_lowercase().as_str(),
                "socket_buffer"
                    | "events"
                    | "message_tracking"
                    | "rules"
                    | "filters"
                    | "canary"
                    | "extras"
                    | "notification-service-transformer"
            ),
        }
    }
}

/// Whose configuration a text is. The error says what was expected.
pub(super) fn recognise(text: &str) -> Result<Peer, String> {
    let lines = || {
        text.strip_prefix('\u{feff}').unwrap_or(text).lines().filter(|line| !line.starts_with([' ', '\t', '#', ';']))
    };
    if lines().any(|line| line.starts_with("[output:")) {
        return Err("is a configuration of auship already; check it with auship check --config FILE".into());
    }
    let counts = Peer::ALL.map(|peer| (lines().filter(|line| peer.has(line)).count(), peer));
    let most = counts.iter().map(|(count, _)| *count).max().unwrap_or_default();
    let mut best = counts.iter().filter(|(count, _)| *count == most && most > 0).map(|(_, peer)| *peer);
    match (best.next(), best.next()) {
        (Some(peer), None) => Ok(peer),
        (Some(one), Some(other)) => Err(format!(
            "looks like a configuration of {} and of {}; say whose it is with --from {PEERS}",
            one.program(),
            other.program()
        )),
        _ => Err(format!(
            "isn't recognised. Expected: audisp-json.conf (with mozdef_url or file_log), LAUREL's config.toml (with \
             [auditlog]), auditbeat.yml or a file with module: auditd, or the YAML of pauditd or go-audit (with rules \
             and output). If it is one of them, say which with --from {PEERS}"
        )),
    }
}
