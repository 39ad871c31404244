//! The meanings of record types.

use super::{Accounts, Normalization, Object};

const NOTHING: Normalization = Normalization::NOTHING;
const PROCESS: Normalization = Normalization { category: &["process"], types: &["info"], ..NOTHING };
const SERVICE: Normalization = Normalization { object: Object::Named("service"), ..PROCESS };
const HOST: Normalization = Normalization { category: &["host"], types: &["info"], ..NOTHING };
const MACHINE: Normalization = Normalization { object: Object::Named("virtual-machine"), ..HOST };
const CONFIGURATION: Normalization = Normalization { category: &["configuration"], types: &["change"], ..NOTHING };
const IAM: Normalization = Normalization { category: &["iam"], types: &["user", "info"], ..NOTHING };
const ACCOUNT: Normalization =
    Normalization { category: &["iam"], object: Object::Named("account"), primary: &["id", "acct"], ..NOTHING };
/// Records about groups. The reference reads `id` or `acct` alone.
const GROUP: Normalization = Normalization { primary: &["grp", "id", "acct"], ..ACCOUNT };
/// User space's records about sessions.
pub(super) const SESSION: Normalization = Normalization {
    actor: &["auid"],
    actor2: &["acct", "id", "uid"],
    object: Object::Named("user-session"),
    primary: &["terminal"],
    secondary: &["addr", "hostname"],
    how: &["exe", "terminal"],
    ..NOTHING
};
const AUTHENTICATION: Normalization =
    Normalization { category: &["authentication"], types: &["info"], accounts: Accounts::Login, ..SESSION };
/// AVC records of SELinux.
pub(super) const SELINUX: Normalization = Normalization {
    action: "violated-selinux-policy",
    actor: &["scontext"],
    primary: &["tcontext"],
    secondary: &["tclass"],
    ..NOTHING
};

/// AVC records of AppArmor.
pub(super) const APPARMOR: Normalization = Normalization {
    action: "violated-apparmor-policy",
    object: Object::Named("policy"),
    primary: &["operation"],
    secondary: &["requested_mask", "denied_mask", "capname"],
    ..NOTHING
};

pub(super) const RECORDS: &[(Normalization, &[&str])] = &[
    (
        Normalization {
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
        Normalization { action: "changed-system-time", types: &["change"], object: Object::Named("system"), ..HOST },
        &["TIME_ADJNTPVAL", "TIME_INJOFFSET"],
    ),
    (Normalization { action: "locked-account", ..IAM }, &["ACCT_LOCK"]),
    (Normalization { action: "unlocked-account", ..IAM }, &["ACCT_UNLOCK"]),
    (
        Normalization {
            action: "added-group-account-to",
            types: &["group", "creation"],
            accounts: Accounts::OfGroup,
            ..GROUP
        },
        &["ADD_GROUP"],
    ),
    (
        Normalization {
            action: "added-user-account",
            types: &["user", "creation"],
            accounts: Accounts::OfUser,
            ..ACCOUNT
        },
        &["ADD_USER"],
    ),
    (
        Normalization {
            action: "deleted-group-account-from",
            types: &["group", "deletion"],
            accounts: Accounts::OfGroup,
            ..GROUP
        },
        &["DEL_GROUP"],
    ),
    (
        Normalization {
            action: "deleted-user-account",
            types: &["user", "deletion"],
            accounts: Accounts::OfUser,
            ..ACCOUNT
        },
        &["DEL_USER"],
    ),
    (
        Normalization {
            action: "modified-group-account",
            types: &["group", "change"],
            accounts: Accounts::ByUserOfGroup,
            ..GROUP
        },
        &["GRP_MGMT"],
    ),
    (Normalization { action: "assigned-user-role-to", types: &["user", "change"], ..ACCOUNT }, &["ROLE_ASSIGN"]),
    (Normalization { action: "modified-role", types: &["change"], ..IAM }, &["ROLE_MODIFY"]),
    (Normalization { action: "removed-user-role-from", types: &["user", "change"], ..ACCOUNT }, &["ROLE_REMOVE"]),
    (
        Normalization {
            action: "modified-user-account",
            category: &["iam"],
            types: &["user", "change"],
            accounts: Accounts::ByUser,
            ..SESSION
        },
        &["USER_MGMT"],
    ),
    (
        Normalization {
            action: "changed-password",
            category: &["iam"],
            types: &["user", "change"],
            accounts: Accounts::ByUser,
            ..SESSION
        },
        &["USER_CHAUTHTOK"],
    ),
    (
        Normalization {
            action: "changed-group-password",
            category: &["iam"],
            types: &["group", "change"],
            primary: &["grp", "acct"],
            accounts: Accounts::ByUserOfGroup,
            ..SESSION
        },
        &["GRP_CHAUTHTOK"],
    ),
    (Normalization { action: "acquired-credentials", ..AUTHENTICATION }, &["CRED_ACQ"]),
    (Normalization { action: "disposed-credentials", ..AUTHENTICATION }, &["CRED_DISP"]),
    (Normalization { action: "refreshed-credentials", ..AUTHENTICATION }, &["CRED_REFR"]),
    (
        Normalization {
            action: "authenticated-to-group",
            category: &["authentication"],
            types: &["info"],
            accounts: Accounts::Login,
            ..NOTHING
        },
        &["GRP_AUTH"],
    ),
    (
        Normalization {
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
    (Normalization { action: "was-authorized", ..AUTHENTICATION }, &["USER_ACCT"]),
    (Normalization { action: "authenticated", ..AUTHENTICATION }, &["USER_AUTH"]),
    (
        Normalization {
            action: "ended-session",
            category: &["session"],
            types: &["end"],
            accounts: Accounts::Login,
            ..SESSION
        },
        &["USER_END"],
    ),
    (Normalization { action: "error", from_addr: true, ..AUTHENTICATION }, &["USER_ERR"]),
    (Normalization { action: "logged-in", types: &["start"], from_addr: true, ..AUTHENTICATION }, &["USER_LOGIN"]),
    (Normalization { action: "logged-out", types: &["end"], ..AUTHENTICATION }, &["USER_LOGOUT"]),
    (Normalization { action: "changed-role-to", primary: &["selected-context"], ..SESSION }, &["USER_ROLE_CHANGE"]),
    (
        Normalization {
            action: "started-session",
            category: &["session"],
            types: &["start"],
            from_addr: true,
            accounts: Accounts::Login,
            ..SESSION
        },
        &["USER_START"],
    ),
    (Normalization { action: "issued-vm-control", primary: &["op"], secondary: &["vm"], ..MACHINE }, &["VIRT_CONTROL"]),
    (Normalization { action: "created-vm-image", ..HOST }, &["VIRT_CREATE"]),
    (Normalization { action: "deleted-vm-image", ..HOST }, &["VIRT_DESTROY"]),
    (Normalization { action: "checked-integrity-of", ..HOST }, &["VIRT_INTEGRITY_CHECK"]),
    (Normalization { action: "assigned-vm-id", primary: &["vm"], ..MACHINE }, &["VIRT_MACHINE_ID"]),
    (Normalization { action: "migrated-vm-from", ..HOST }, &["VIRT_MIGRATE_IN"]),
    (Normalization { action: "migrated-vm-to", ..HOST }, &["VIRT_MIGRATE_OUT"]),
    (
        Normalization { action: "assigned-vm-resource", primary: &["resrc"], secondary: &["vm"], ..MACHINE },
        &["VIRT_RESOURCE"],
    ),
    (Normalization { action: "changed-group", types: &["change"], ..PROCESS }, &["CHGRP_ID"]),
    (Normalization { action: "changed-user-id", types: &["change"], ..PROCESS }, &["CHUSER_ID"]),
    (Normalization { action: "sent-test", ..PROCESS }, &["TEST"]),
    (Normalization { action: "unknown", ..PROCESS }, &["TRUSTED_APP"]),
    (
        Normalization {
            action: "ran-command",
            types: &["start"],
            object: Object::Named("process"),
            primary: &["cmd"],
            ..PROCESS
        },
        &["USER_CMD"],
    ),
    (
        Normalization { action: "booted-system", types: &["start"], object: Object::Named("system"), ..HOST },
        &["SYSTEM_BOOT"],
    ),
    (
        Normalization {
            action: "changed-to-runlevel",
            types: &["change"],
            object: Object::Named("system"),
            primary: &["new-level"],
            ..HOST
        },
        &["SYSTEM_RUNLEVEL"],
    ),
    (
        Normalization { action: "shutdown-system", types: &["end"], object: Object::Named("system"), ..HOST },
        &["SYSTEM_SHUTDOWN"],
    ),
    (Normalization { action: "started-service", types: &["start"], primary: &["unit"], ..SERVICE }, &["SERVICE_START"]),
    (Normalization { action: "stopped-service", types: &["end"], primary: &["unit"], ..SERVICE }, &["SERVICE_STOP"]),
    (
        Normalization {
            action: "changed-audit-configuration",
            category: &["process", "configuration"],
            types: &["change"],
            object: Object::Named("audit-config"),
            primary: &["op", "audit_enabled", "audit_pid", "audit_backlog_limit", "audit_failure"],
            ..NOTHING
        },
        &["CONFIG_CHANGE"],
    ),
    (Normalization { action: "aborted-auditd-startup", types: &["end"], ..SERVICE }, &["DAEMON_ABORT"]),
    (
        Normalization {
            action: "remote-audit-connected",
            category: &["network"],
            types: &["connection", "start"],
            object: Object::Named("service"),
            ..NOTHING
        },
        &["DAEMON_ACCEPT"],
    ),
    (
        Normalization {
            action: "remote-audit-disconnected",
            category: &["network"],
            types: &["connection", "start"],
            object: Object::Named("service"),
            ..NOTHING
        },
        &["DAEMON_CLOSE"],
    ),
    (
        Normalization {
            action: "changed-auditd-configuration",
            category: &["process", "configuration"],
            types: &["change"],
            object: Object::Named("service"),
            ..NOTHING
        },
        &["DAEMON_CONFIG"],
    ),
    (Normalization { action: "shutdown-audit", types: &["end"], ..SERVICE }, &["DAEMON_END"]),
    (Normalization { action: "audit-error", ..SERVICE }, &["DAEMON_ERR"]),
    (
        Normalization {
            action: "reconfigured-auditd",
            category: &["process", "configuration"],
            types: &["info"],
            object: Object::Named("service"),
            ..NOTHING
        },
        &["DAEMON_RECONFIG"],
    ),
    (Normalization { action: "resumed-audit-logging", types: &["change"], ..SERVICE }, &["DAEMON_RESUME"]),
    (Normalization { action: "rotated-audit-logs", types: &["change"], ..SERVICE }, &["DAEMON_ROTATE"]),
    (Normalization { action: "started-audit", types: &["start"], ..SERVICE }, &["DAEMON_START"]),
    (Normalization { action: "initialized-audit-subsystem", ..PROCESS }, &["KERNEL"]),
    (
        Normalization {
            action: "changed-configuration",
            object: Object::Named("system"),
            primary: &["op"],
            ..CONFIGURATION
        },
        &["USYS_CONFIG"],
    ),
    (
        Normalization {
            action: "loaded-firewall-rule-to",
            object: Object::Named("firewall"),
            primary: &["table"],
            ..CONFIGURATION
        },
        &["NETFILTER_CFG"],
    ),
    (
        Normalization {
            action: "changed-audit-feature",
            object: Object::Named("system"),
            primary: &["feature"],
            ..CONFIGURATION
        },
        &["FEATURE_CHANGE"],
    ),
    (
        Normalization {
            action: "typed",
            object: Object::Named("keystrokes"),
            primary: &["data"],
            how: &["comm", "exe"],
            ..NOTHING
        },
        &["TTY", "USER_TTY"],
    ),
    (Normalization { action: "relabeled-filesystem", object: Object::Named("mac-config"), ..NOTHING }, &["FS_RELABEL"]),
    (
        Normalization {
            action: "modified-level-of",
            object: Object::Named("printer"),
            primary: &["printer"],
            ..NOTHING
        },
        &["LABEL_LEVEL_CHANGE"],
    ),
    (
        Normalization { action: "overrode-label-of", object: Object::Named("mac-config"), ..NOTHING },
        &["LABEL_OVERRIDE"],
    ),
    (Normalization { action: "mac-permission", ..NOTHING }, &["MAC_CHECK"]),
    (
        Normalization {
            action: "changed-selinux-boolean",
            object: Object::Named("mac-config"),
            primary: &["bool"],
            ..CONFIGURATION
        },
        &["MAC_CONFIG_CHANGE"],
    ),
    (
        Normalization {
            action: "loaded-selinux-policy",
            types: &["access"],
            object: Object::Named("mac-config"),
            ..CONFIGURATION
        },
        &["MAC_POLICY_LOAD"],
    ),
    (
        Normalization {
            action: "changed-selinux-enforcement",
            object: Object::Named("mac-config"),
            primary: &["enforcing"],
            ..CONFIGURATION
        },
        &["MAC_STATUS"],
    ),
    (Normalization { action: "access-permission", ..NOTHING }, &["USER_AVC"]),
    (
        Normalization { action: "changed-mac-configuration", object: Object::Named("mac-config"), ..CONFIGURATION },
        &["USER_MAC_CONFIG_CHANGE"],
    ),
    (
        Normalization {
            action: "loaded-mac-policy",
            types: &["access"],
            object: Object::Named("mac-config"),
            ..CONFIGURATION
        },
        &["USER_MAC_POLICY_LOAD"],
    ),
    (Normalization { action: "access-error", ..NOTHING }, &["USER_SELINUX_ERR"]),
    (
        Normalization {
            action: "violated-seccomp-policy",
            object: Object::Named("process"),
            primary: &["syscall"],
            ..NOTHING
        },
        &["SECCOMP"],
    ),
    (Normalization { action: "caused-mac-policy-error", object: Object::Named("system"), ..NOTHING }, &["SELINUX_ERR"]),
    (
        Normalization {
            action: "negotiated-crypto-key",
            category: &["process"],
            types: &["info"],
            primary: &["fp"],
            from_addr: true,
            ..SESSION
        },
        &["CRYPTO_KEY_USER"],
    ),
    (Normalization { action: "crypto-officer-logged-in", ..NOTHING }, &["CRYPTO_LOGIN"]),
    (Normalization { action: "crypto-officer-logged-out", ..PROCESS }, &["CRYPTO_LOGOUT"]),
    (
        Normalization {
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
    (Normalization { action: "access-result", ..NOTHING }, &["DAC_CHECK"]),
    (Normalization { action: "sent-message", primary: &["addr"], ..NOTHING }, &["USER"]),
    (
        Normalization { action: "package-updated", category: &["package"], types: &["info"], ..NOTHING },
        &["SOFTWARE_UPDATE"],
    ),
];
