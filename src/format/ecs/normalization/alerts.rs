//! Record types of anomalies: what is to be looked at.

use super::{Normalization, Object, records::SESSION};

const NOTHING: Normalization = Normalization::NOTHING;
const ALERT: Normalization =
    Normalization { alert: true, category: &["intrusion_detection"], types: &["info"], ..NOTHING };
const AUTHENTICATION_ALERT: Normalization =
    Normalization { category: &["authentication", "intrusion_detection"], types: &["start", "denied"], ..ALERT };
const LOGIN_ALERT: Normalization = Normalization {
    alert: true,
    category: &["authentication", "intrusion_detection"],
    types: &["start", "denied"],
    ..SESSION
};

/// Each normalization, with the record types that have it.
pub(super) const ALERTS: &[(Normalization, &[&str])] = &[
    (
        Normalization {
            action: "crashed-program",
            alert: true,
            category: &["process", "intrusion_detection"],
            types: &["end", "info"],
            object: Object::Named("process"),
            primary: &["comm", "exe"],
            secondary: &["pid"],
            how: &["sig"],
            ..NOTHING
        },
        &["ANOM_ABEND"],
    ),
    (
        Normalization {
            action: "attempted-execution-of-forbidden-program",
            alert: true,
            category: &["process", "intrusion_detection"],
            types: &["start", "info"],
            object: Object::Named("process"),
            primary: &["cmd"],
            how: &["terminal"],
            ..NOTHING
        },
        &["ANOM_EXEC"],
    ),
    (
        Normalization {
            action: "used-suspicious-link",
            alert: true,
            category: &["file", "intrusion_detection"],
            types: &["access", "info"],
            ..NOTHING
        },
        &["ANOM_LINK"],
    ),
    (Normalization { action: "failed-log-in-too-many-times-to", ..LOGIN_ALERT }, &["ANOM_LOGIN_FAILURES"]),
    (Normalization { action: "attempted-log-in-from-unusual-place-to", ..LOGIN_ALERT }, &["ANOM_LOGIN_LOCATION"]),
    (Normalization { action: "opened-too-many-sessions-to", ..LOGIN_ALERT }, &["ANOM_LOGIN_SESSIONS"]),
    (Normalization { action: "attempted-log-in-during-unusual-hour-to", ..LOGIN_ALERT }, &["ANOM_LOGIN_TIME"]),
    (
        Normalization {
            action: "changed-promiscuous-mode-on-device",
            types: &["info", "change"],
            object: Object::Named("network-device"),
            primary: &["dev"],
            ..ALERT
        },
        &["ANOM_PROMISCUOUS"],
    ),
    (
        Normalization {
            action: "tested-file-system-integrity-of",
            object: Object::Path("filesystem", 0),
            primary: &["hostname"],
            ..ALERT
        },
        &["ANOM_RBAC_INTEGRITY_FAIL"],
    ),
    (Normalization { action: "attempted-log-in-to-watched-account", ..AUTHENTICATION_ALERT }, &["ANOM_LOGIN_ACCT"]),
    (Normalization { action: "max-discretionary-access-control-failures-reached", ..ALERT }, &["ANOM_MAX_DAC"]),
    (Normalization { action: "max-mandatory-access-control-failures-reached", ..ALERT }, &["ANOM_MAX_MAC"]),
    (Normalization { action: "abstract-machine-test-utility-failure", ..ALERT }, &["ANOM_AMTU_FAIL"]),
    (Normalization { action: "rbac-self-test-failure", ..ALERT }, &["ANOM_RBAC_FAIL"]),
    (Normalization { action: "crypto-system-test-failure", ..ALERT }, &["ANOM_CRYPTO_FAIL"]),
    (
        Normalization {
            action: "made-an-executable",
            alert: true,
            category: &["file", "intrusion_detection"],
            types: &["change", "info"],
            ..NOTHING
        },
        &["ANOM_MK_EXE", "ANOM_MK_EXEC"],
    ),
    (
        Normalization {
            action: "accessed-watched-file-or-directory",
            alert: true,
            category: &["file", "intrusion_detection"],
            types: &["access", "info"],
            ..NOTHING
        },
        &["ANOM_ACCESS_FS"],
    ),
    (
        Normalization {
            action: "added-user-account",
            alert: true,
            category: &["iam", "intrusion_detection"],
            types: &["user", "creation", "info"],
            ..NOTHING
        },
        &["ANOM_ADD_ACCT"],
    ),
    (
        Normalization {
            action: "deleted-user-account",
            alert: true,
            category: &["iam", "intrusion_detection"],
            types: &["user", "deletion", "info"],
            ..NOTHING
        },
        &["ANOM_DEL_ACCT"],
    ),
    (
        Normalization {
            action: "modified-user-account",
            alert: true,
            category: &["iam", "intrusion_detection"],
            types: &["user", "change", "info"],
            ..NOTHING
        },
        &["ANOM_MOD_ACCT"],
    ),
    (
        Normalization { action: "user-became-root", types: &["start", "info"], ..AUTHENTICATION_ALERT },
        &["ANOM_ROOT_TRANS"],
    ),
    (Normalization { action: "service-account-attempted-login", ..AUTHENTICATION_ALERT }, &["ANOM_LOGIN_SERVICE"]),
];
