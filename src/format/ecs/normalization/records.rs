//! Record types.

use super::{Accounts, Normal, Object};

const NOTHING: Normal = Normal::NOTHING;
const PROCESS: Normal = Normal { category: &["process"], types: &["info"], ..NOTHING };
const SERVICE: Normal = Normal { object: Object::Named("service"), ..PROCESS };
const HOST: Normal = Normal { category: &["host"], types: &["info"], ..NOTHING };
const MACHINE: Normal = Normal { object: Object::Named("virtual-machine"), ..HOST };
const CONFIGURATION: Normal = Normal { category: &["configuration"], types: &["change"], ..NOTHING };
const IAM: Normal = Normal { category: &["iam"], types: &["user", "info"], ..NOTHING };
const ACCOUNT: Normal =
    Normal { category: &["iam"], object: Object::Named("account"), primary: &["id", "acct"], ..NOTHING };
/// What user space says of sessions.
const SESSION: Normal = Normal {
    actor: &["auid"],
    actor2: &["acct", "id", "uid"],
    object: Object::Named("user-session"),
    primary: &["terminal"],
    secondary: &["addr", "hostname"],
    how: &["exe", "terminal"],
    ..NOTHING
};
const AUTHENTICATION: Normal =
    Normal { category: &["authentication"], types: &["info"], accounts: Accounts::Login, ..SESSION };
const ALERT: Normal = Normal { alert: true, category: &["intrusion_detection"], types: &["info"], ..NOTHING };
const AUTHENTICATION_ALERT: Normal =
    Normal { category: &["authentication", "intrusion_detection"], types: &["start", "denied"], ..ALERT };
const LOGIN_ALERT: Normal = Normal {
    alert: true,
    category: &["authentication", "intrusion_detection"],
    types: &["start", "denied"],
    ..SESSION
};

/// AVC records of SELinux.
pub(super) const SELINUX: Normal = Normal {
    action: "violated-selinux-policy",
    actor: &["scontext"],
    primary: &["tcontext"],
    secondary: &["tclass"],
    ..NOTHING
};

/// AVC records of AppArmor.
pub(super) const APPARMOR: Normal = Normal {
    action: "violated-apparmor-policy",
    object: Object::Named("policy"),
    primary: &["operation"],
    secondary: &["requested_mask", "denied_mask", "capname"],
    ..NOTHING
};

pub(super) const RECORDS: &[(Normal, &[&str])] = &[
    (
        Normal {
            action: "loaded-kernel-module",
            category: &["driver"],
            types: &["start"],
            object: Object::Path("file", 0),
            primary: &["name"],
            ..NOTHING
        },
        &["KERN_MODULE"],
    ),
    (
        Normal { action: "changed-system-time", types: &["change"], object: Object::Named("system"), ..HOST },
        &["TIME_ADJNTPVAL", "TIME_INJOFFSET"],
    ),
    (Normal { action: "locked-account", ..IAM }, &["ACCT_LOCK"]),
    (Normal { action: "unlocked-account", ..IAM }, &["ACCT_UNLOCK"]),
    (
        Normal {
            action: "added-group-account-to",
            types: &["group", "creation"],
            accounts: Accounts::OfGroup,
            ..ACCOUNT
        },
        &["ADD_GROUP"],
    ),
    (
        Normal { action: "added-user-account", types: &["user", "creation"], accounts: Accounts::OfUser, ..ACCOUNT },
        &["ADD_USER"],
    ),
    (
        Normal {
            action: "deleted-group-account-from",
            types: &["group", "deletion"],
            accounts: Accounts::OfGroup,
            ..ACCOUNT
        },
        &["DEL_GROUP"],
    ),
    (
        Normal { action: "deleted-user-account", types: &["user", "deletion"], accounts: Accounts::OfUser, ..ACCOUNT },
        &["DEL_USER"],
    ),
    (
        Normal {
            action: "modified-group-account",
            types: &["group", "change"],
            accounts: Accounts::ByUserOfGroup,
            ..ACCOUNT
        },
        &["GRP_MGMT"],
    ),
    (Normal { action: "assigned-user-role-to", types: &["user", "change"], ..ACCOUNT }, &["ROLE_ASSIGN"]),
    (Normal { action: "modified-role", types: &["change"], ..IAM }, &["ROLE_MODIFY"]),
    (Normal { action: "removed-user-role-from", types: &["user", "change"], ..ACCOUNT }, &["ROLE_REMOVE"]),
    (
        Normal {
            action: "modified-user-account",
            category: &["iam"],
            types: &["user", "change"],
            accounts: Accounts::ByUser,
            ..SESSION
        },
        &["USER_MGMT"],
    ),
    (
        Normal {
            action: "changed-password",
            category: &["iam"],
            types: &["user", "change"],
            accounts: Accounts::ByUser,
            ..SESSION
        },
        &["USER_CHAUTHTOK"],
    ),
    (
        Normal {
            action: "changed-group-password",
            category: &["iam"],
            types: &["group", "change"],
            primary: &["acct"],
            accounts: Accounts::ByUserOfGroup,
            ..SESSION
        },
        &["GRP_CHAUTHTOK"],
    ),
    (Normal { action: "acquired-credentials", ..AUTHENTICATION }, &["CRED_ACQ"]),
    (Normal { action: "disposed-credentials", ..AUTHENTICATION }, &["CRED_DISP"]),
    (Normal { action: "refreshed-credentials", ..AUTHENTICATION }, &["CRED_REFR"]),
    (
        Normal {
            action: "authenticated-to-group",
            category: &["authentication"],
            types: &["info"],
            accounts: Accounts::Login,
            ..NOTHING
        },
        &["GRP_AUTH"],
    ),
    (
        Normal {
            action: "changed-login-id-to",
            category: &["authentication"],
            types: &["start"],
            actor: &["old_auid", "old-auid"],
            actor2: &["uid"],
            object: Object::Named("user-session"),
            primary: &["new-auid", "new_auid", "auid"],
            accounts: Accounts::NewLogin,
            ..NOTHING
        },
        &["LOGIN"],
    ),
    (Normal { action: "was-authorized", ..AUTHENTICATION }, &["USER_ACCT"]),
    (Normal { action: "authenticated", ..AUTHENTICATION }, &["USER_AUTH"]),
    (
        Normal {
            action: "ended-session",
            category: &["session"],
            types: &["end"],
            accounts: Accounts::Login,
            ..SESSION
        },
        &["USER_END"],
    ),
    (Normal { action: "error", from_addr: true, ..AUTHENTICATION }, &["USER_ERR"]),
    (Normal { action: "logged-in", types: &["start"], from_addr: true, ..AUTHENTICATION }, &["USER_LOGIN"]),
    (Normal { action: "logged-out", types: &["end"], ..AUTHENTICATION }, &["USER_LOGOUT"]),
    (Normal { action: "changed-role-to", primary: &["selected-context"], ..SESSION }, &["USER_ROLE_CHANGE"]),
    (
        Normal {
            action: "started-session",
            category: &["session"],
            types: &["start"],
            from_addr: true,
            accounts: Accounts::Login,
            ..SESSION
        },
        &["USER_START"],
    ),
    (Normal { action: "issued-vm-control", primary: &["op"], secondary: &["vm"], ..MACHINE }, &["VIRT_CONTROL"]),
    (Normal { action: "created-vm-image", ..HOST }, &["VIRT_CREATE"]),
    (Normal { action: "deleted-vm-image", ..HOST }, &["VIRT_DESTROY"]),
    (Normal { action: "checked-integrity-of", ..HOST }, &["VIRT_INTEGRITY_CHECK"]),
    (Normal { action: "assigned-vm-id", primary: &["vm"], ..MACHINE }, &["VIRT_MACHINE_ID"]),
    (Normal { action: "migrated-vm-from", ..HOST }, &["VIRT_MIGRATE_IN"]),
    (Normal { action: "migrated-vm-to", ..HOST }, &["VIRT_MIGRATE_OUT"]),
    (Normal { action: "assigned-vm-resource", primary: &["resrc"], secondary: &["vm"], ..MACHINE }, &["VIRT_RESOURCE"]),
    (Normal { action: "changed-group", types: &["change"], ..PROCESS }, &["CHGRP_ID"]),
    (Normal { action: "changed-user-id", types: &["change"], ..PROCESS }, &["CHUSER_ID"]),
    (Normal { action: "sent-test", ..PROCESS }, &["TEST"]),
    (Normal { action: "unknown", ..PROCESS }, &["TRUSTED_APP"]),
    (
        Normal {
            action: "ran-command",
            types: &["start"],
            object: Object::Named("process"),
            primary: &["cmd"],
            ..PROCESS
        },
        &["USER_CMD"],
    ),
    (Normal { action: "booted-system", types: &["start"], object: Object::Named("system"), ..HOST }, &["SYSTEM_BOOT"]),
    (
        Normal {
            action: "changed-to-runlevel",
            types: &["change"],
            object: Object::Named("system"),
            primary: &["new-level"],
            ..HOST
        },
        &["SYSTEM_RUNLEVEL"],
    ),
    (
        Normal { action: "shutdown-system", types: &["end"], object: Object::Named("system"), ..HOST },
        &["SYSTEM_SHUTDOWN"],
    ),
    (Normal { action: "started-service", types: &["start"], primary: &["unit"], ..SERVICE }, &["SERVICE_START"]),
    (Normal { action: "stopped-service", types: &["end"], primary: &["unit"], ..SERVICE }, &["SERVICE_STOP"]),
    (
        Normal {
            action: "changed-audit-configuration",
            category: &["process", "configuration"],
            types: &["change"],
            object: Object::Named("audit-config"),
            primary: &["op", "audit_enabled", "audit_pid", "audit_backlog_limit", "audit_failure"],
            ..NOTHING
        },
        &["CONFIG_CHANGE"],
    ),
    (Normal { action: "aborted-auditd-startup", types: &["end"], ..SERVICE }, &["DAEMON_ABORT"]),
    (
        Normal {
            action: "remote-audit-connected",
            category: &["network"],
            types: &["connection", "start"],
            object: Object::Named("service"),
            ..NOTHING
        },
        &["DAEMON_ACCEPT"],
    ),
    (
        Normal {
            action: "remote-audit-disconnected",
            category: &["network"],
            types: &["connection", "start"],
            object: Object::Named("service"),
            ..NOTHING
        },
        &["DAEMON_CLOSE"],
    ),
    (
        Normal {
            action: "changed-auditd-configuration",
            category: &["process", "configuration"],
            types: &["change"],
            object: Object::Named("service"),
            ..NOTHING
        },
        &["DAEMON_CONFIG"],
    ),
    (Normal { action: "shutdown-audit", types: &["end"], ..SERVICE }, &["DAEMON_END"]),
    (Normal { action: "audit-error", ..SERVICE }, &["DAEMON_ERR"]),
    (
        Normal {
            action: "reconfigured-auditd",
            category: &["process", "configuration"],
            types: &["info"],
            object: Object::Named("service"),
            ..NOTHING
        },
        &["DAEMON_RECONFIG"],
    ),
    (Normal { action: "resumed-audit-logging", types: &["change"], ..SERVICE }, &["DAEMON_RESUME"]),
    (Normal { action: "rotated-audit-logs", types: &["change"], ..SERVICE }, &["DAEMON_ROTATE"]),
    (Normal { action: "started-audit", types: &["start"], ..SERVICE }, &["DAEMON_START"]),
    (Normal { action: "initialized-audit-subsystem", ..PROCESS }, &["KERNEL"]),
    (
        Normal { action: "changed-configuration", object: Object::Named("system"), primary: &["op"], ..CONFIGURATION },
        &["USYS_CONFIG"],
    ),
    (
        Normal {
            action: "loaded-firewall-rule-to",
            object: Object::Named("firewall"),
            primary: &["table"],
            ..CONFIGURATION
        },
        &["NETFILTER_CFG"],
    ),
    (
        Normal {
            action: "changed-audit-feature",
            object: Object::Named("system"),
            primary: &["feature"],
            ..CONFIGURATION
        },
        &["FEATURE_CHANGE"],
    ),
    (
        Normal {
            action: "typed",
            object: Object::Named("keystrokes"),
            primary: &["data"],
            how: &["comm", "exe"],
            ..NOTHING
        },
        &["TTY", "USER_TTY"],
    ),
    (Normal { action: "relabeled-filesystem", object: Object::Named("mac-config"), ..NOTHING }, &["FS_RELABEL"]),
    (
        Normal { action: "modified-level-of", object: Object::Named("printer"), primary: &["printer"], ..NOTHING },
        &["LABEL_LEVEL_CHANGE"],
    ),
    (Normal { action: "overrode-label-of", object: Object::Named("mac-config"), ..NOTHING }, &["LABEL_OVERRIDE"]),
    (Normal { action: "mac-permission", ..NOTHING }, &["MAC_CHECK"]),
    (
        Normal {
            action: "changed-selinux-boolean",
            object: Object::Named("mac-config"),
            primary: &["bool"],
            ..CONFIGURATION
        },
        &["MAC_CONFIG_CHANGE"],
    ),
    (
        Normal {
            action: "loaded-selinux-policy",
            types: &["access"],
            object: Object::Named("mac-config"),
            ..CONFIGURATION
        },
        &["MAC_POLICY_LOAD"],
    ),
    (
        Normal {
            action: "changed-selinux-enforcement",
            object: Object::Named("mac-config"),
            primary: &["enforcing"],
            ..CONFIGURATION
        },
        &["MAC_STATUS"],
    ),
    (Normal { action: "access-permission", ..NOTHING }, &["USER_AVC"]),
    (
        Normal { action: "changed-mac-configuration", object: Object::Named("mac-config"), ..CONFIGURATION },
        &["USER_MAC_CONFIG_CHANGE"],
    ),
    (
        Normal {
            action: "loaded-mac-policy",
            types: &["access"],
            object: Object::Named("mac-config"),
            ..CONFIGURATION
        },
        &["USER_MAC_POLICY_LOAD"],
    ),
    (Normal { action: "access-error", ..NOTHING }, &["USER_SELINUX_ERR"]),
    (
        Normal {
            action: "violated-seccomp-policy",
            object: Object::Named("process"),
            primary: &["syscall"],
            ..NOTHING
        },
        &["SECCOMP"],
    ),
    (Normal { action: "caused-mac-policy-error", object: Object::Named("system"), ..NOTHING }, &["SELINUX_ERR"]),
    (
        Normal {
            action: "negotiated-crypto-key",
            category: &["process"],
            types: &["info"],
            primary: &["fp"],
            from_addr: true,
            ..SESSION
        },
        &["CRYPTO_KEY_USER"],
    ),
    (Normal { action: "crypto-officer-logged-in", ..NOTHING }, &["CRYPTO_LOGIN"]),
    (Normal { action: "crypto-officer-logged-out", ..PROCESS }, &["CRYPTO_LOGOUT"]),
    (
        Normal {
            action: "started-crypto-session",
            category: &["process"],
            types: &["info"],
            primary: &["addr"],
            secondary: &["rport"],
            from_addr: true,
            ..SESSION
        },
        &["CRYPTO_SESSION"],
    ),
    (Normal { action: "access-result", ..NOTHING }, &["DAC_CHECK"]),
    (
        Normal {
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
        Normal {
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
        Normal {
            action: "used-suspicious-link",
            alert: true,
            category: &["file", "intrusion_detection"],
            types: &["access", "info"],
            ..NOTHING
        },
        &["ANOM_LINK"],
    ),
    (Normal { action: "failed-log-in-too-many-times-to", ..LOGIN_ALERT }, &["ANOM_LOGIN_FAILURES"]),
    (Normal { action: "attempted-log-in-from-unusual-place-to", ..LOGIN_ALERT }, &["ANOM_LOGIN_LOCATION"]),
    (Normal { action: "opened-too-many-sessions-to", ..LOGIN_ALERT }, &["ANOM_LOGIN_SESSIONS"]),
    (Normal { action: "attempted-log-in-during-unusual-hour-to", ..LOGIN_ALERT }, &["ANOM_LOGIN_TIME"]),
    (
        Normal {
            action: "changed-promiscuous-mode-on-device",
            types: &["info", "change"],
            object: Object::Named("network-device"),
            primary: &["dev"],
            ..ALERT
        },
        &["ANOM_PROMISCUOUS"],
    ),
    (
        Normal {
            action: "tested-file-system-integrity-of",
            object: Object::Path("filesystem", 0),
            primary: &["hostname"],
            ..ALERT
        },
        &["ANOM_RBAC_INTEGRITY_FAIL"],
    ),
    (Normal { action: "attempted-log-in-to-watched-account", ..AUTHENTICATION_ALERT }, &["ANOM_LOGIN_ACCT"]),
    (Normal { action: "max-discretionary-access-control-failures-reached", ..ALERT }, &["ANOM_MAX_DAC"]),
    (Normal { action: "max-mandatory-access-control-failures-reached", ..ALERT }, &["ANOM_MAX_MAC"]),
    (Normal { action: "abstract-machine-test-utility-failure", ..ALERT }, &["ANOM_AMTU_FAIL"]),
    (Normal { action: "rbac-self-test-failure", ..ALERT }, &["ANOM_RBAC_FAIL"]),
    (Normal { action: "crypto-system-test-failure", ..ALERT }, &["ANOM_CRYPTO_FAIL"]),
    (
        Normal {
            action: "made-an-executable",
            alert: true,
            category: &["file", "intrusion_detection"],
            types: &["change", "info"],
            ..NOTHING
        },
        &["ANOM_MK_EXE", "ANOM_MK_EXEC"],
    ),
    (
        Normal {
            action: "accessed-watched-file-or-directory",
            alert: true,
            category: &["file", "intrusion_detection"],
            types: &["access", "info"],
            ..NOTHING
        },
        &["ANOM_ACCESS_FS"],
    ),
    (
        Normal {
            action: "added-user-account",
            alert: true,
            category: &["iam", "intrusion_detection"],
            types: &["user", "creation", "info"],
            ..NOTHING
        },
        &["ANOM_ADD_ACCT"],
    ),
    (
        Normal {
            action: "deleted-user-account",
            alert: true,
            category: &["iam", "intrusion_detection"],
            types: &["user", "deletion", "info"],
            ..NOTHING
        },
        &["ANOM_DEL_ACCT"],
    ),
    (
        Normal {
            action: "modified-user-account",
            alert: true,
            category: &["iam", "intrusion_detection"],
            types: &["user", "change", "info"],
            ..NOTHING
        },
        &["ANOM_MOD_ACCT"],
    ),
    (Normal { action: "user-became-root", types: &["start", "info"], ..AUTHENTICATION_ALERT }, &["ANOM_ROOT_TRANS"]),
    (Normal { action: "service-account-attempted-login", ..AUTHENTICATION_ALERT }, &["ANOM_LOGIN_SERVICE"]),
    (Normal { action: "sent-message", primary: &["addr"], ..NOTHING }, &["USER"]),
    (Normal { action: "package-updated", category: &["package"], types: &["info"], ..NOTHING }, &["SOFTWARE_UPDATE"]),
];
