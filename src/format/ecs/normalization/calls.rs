//! The meanings of system calls.

use super::{Normalization, Object};

const NOTHING: Normalization = Normalization::NOTHING;
const PROCESS: Normalization = Normalization { category: &["process"], types: &["info"], ..NOTHING };
const OF_PROCESS: Normalization = Normalization { object: Object::Named("process"), ..PROCESS };
const FILE: Normalization =
    Normalization { category: &["file"], types: &["info"], object: Object::Path("file", 0), ..NOTHING };
const CHANGE: Normalization = Normalization { types: &["change"], ..FILE };
const CREATION: Normalization = Normalization { types: &["creation"], ..FILE };
const DELETION: Normalization = Normalization { types: &["deletion"], ..FILE };
const FILESYSTEM: Normalization = Normalization { object: Object::Path("filesystem", 0), ..FILE };
const DRIVER: Normalization = Normalization { category: &["driver"], object: Object::Path("file", 0), ..NOTHING };
const SOCKET: Normalization = Normalization { category: &["network"], object: Object::Socket, ..NOTHING };
const CONNECTION: Normalization = Normalization { types: &["connection", "info"], ..SOCKET };
const SYSTEM: Normalization =
    Normalization { category: &["host"], types: &["change"], object: Object::Named("system"), ..NOTHING };

/// Newer and wider forms of calls, which Auditbeat doesn't list. Auditbeat gives unlisted calls the category `process`
/// and the type `info`. These keep both, and get their own category and type in addition.
const NEW_FILE: Normalization = Normalization { category: &["process", "file"], ..FILE };
const NEW_CHANGE: Normalization = Normalization { types: &["info", "change"], ..NEW_FILE };
const NEW_SYSTEM: Normalization =
    Normalization { category: &["process", "host"], types: &["info", "change"], ..SYSTEM };
const NEW_PROCESS: Normalization = Normalization { types: &["info", "change"], how: &["syscall"], ..OF_PROCESS };

/// The meaning of calls that aren't listed.
pub(super) const OTHER: Normalization = PROCESS;

pub(super) const CALLS: &[(Normalization, &[&str])] = &[
    (Normalization { action: "opened-file", ..CREATION }, &["creat"]),
    (Normalization { action: "opened-file", ..CHANGE }, &["fallocate", "truncate", "ftruncate"]),
    (Normalization { action: "opened-file", ..NEW_CHANGE }, &["truncate64", "ftruncate64"]),
    (Normalization { action: "opened-file", ..FILE }, &["open", "openat", "readlink", "readlinkat"]),
    (Normalization { action: "opened-file", ..NEW_FILE }, &["openat2", "open_by_handle_at"]),
    (Normalization { action: "read-file", ..FILE }, &["read"]),
    (Normalization { action: "read-file", ..NEW_FILE }, &["readv", "pread64", "preadv", "preadv2"]),
    (Normalization { action: "wrote-to-file", ..CHANGE }, &["write"]),
    (Normalization { action: "wrote-to-file", ..NEW_CHANGE }, &["writev", "pwrite64", "pwritev", "pwritev2"]),
    (
        Normalization { action: "changed-file-attributes-of", ..CHANGE },
        &["setxattr", "fsetxattr", "lsetxattr", "removexattr", "fremovexattr", "lremovexattr"],
    ),
    (Normalization { action: "changed-file-permissions-of", ..CHANGE }, &["chmod", "fchmod", "fchmodat"]),
    (Normalization { action: "changed-file-ownership-of", ..CHANGE }, &["chown", "fchown", "fchownat", "lchown"]),
    (Normalization { action: "changed-file-ownership-of", ..NEW_CHANGE }, &["chown32", "fchown32", "lchown32"]),
    (
        Normalization { action: "loaded-kernel-module", types: &["start"], primary: &["name"], ..DRIVER },
        &["finit_module", "init_module"],
    ),
    (Normalization { action: "unloaded-kernel-module", types: &["end"], ..DRIVER }, &["delete_module"]),
    (Normalization { action: "created-directory", object: Object::Path("file", 1), ..CREATION }, &["mkdir", "mkdirat"]),
    (Normalization { action: "mounted", object: Object::Path("filesystem", 1), ..CREATION }, &["mount"]),
    (
        Normalization { action: "renamed", object: Object::Path("file", 2), ..CHANGE },
        &["rename", "renameat", "renameat2"],
    ),
    (
        Normalization { action: "checked-metadata-of", ..FILE },
        &[
            "access",
            "faccessat",
            "fstatat",
            "newfstatat",
            "stat",
            "stat64",
            "fstat",
            "lstat",
            "getxattr",
            "lgetxattr",
            "fgetxattr",
        ],
    ),
    (
        Normalization { action: "checked-metadata-of", ..NEW_FILE },
        &["statx", "faccessat2", "fstat64", "lstat64", "fstatat64"],
    ),
    (Normalization { action: "checked-filesystem-metadata-of", ..FILESYSTEM }, &["statfs", "fstatfs"]),
    (Normalization { action: "linked", ..CREATION }, &["link", "linkat"]),
    (Normalization { action: "symlinked", ..CREATION }, &["symlink", "symlinkat"]),
    (Normalization { action: "unmounted", types: &["deletion"], ..FILESYSTEM }, &["umount", "umount2"]),
    (Normalization { action: "deleted", ..DELETION }, &["rmdir", "unlink", "unlinkat"]),
    (
        Normalization { action: "changed-timestamp-of", ..FILE },
        &["utime", "utimes", "futimesat", "futimens", "utimensat"],
    ),
    (
        Normalization { action: "executed", types: &["start"], object: Object::Path("file", 0), ..PROCESS },
        &["execve", "execveat"],
    ),
    (Normalization { action: "listen-for-connections", types: &["start"], ..SOCKET }, &["listen"]),
    (
        Normalization { action: "accepted-connection-from", types: &["connection", "start"], ..SOCKET },
        &["accept", "accept4"],
    ),
    (Normalization { action: "bound-socket", types: &["start"], ..SOCKET }, &["bind"]),
    (Normalization { action: "connected-to", types: &["connection", "start"], ..SOCKET }, &["connect"]),
    (Normalization { action: "received-from", ..CONNECTION }, &["recv", "recvfrom", "recvmsg", "recvmmsg"]),
    (Normalization { action: "sent-to", ..CONNECTION }, &["send", "sendto", "sendmsg", "sendmmsg"]),
    (Normalization { action: "killed-pid", types: &["end"], ..OF_PROCESS }, &["kill", "tkill", "tgkill"]),
    (
        Normalization { action: "changed-identity-of", types: &["change"], how: &["syscall"], ..OF_PROCESS },
        &[
            "setuid",
            "seteuid",
            "setfsuid",
            "setreuid",
            "setgid",
            "setegid",
            "setfsgid",
            "setregid",
            "setresuid",
            "setresgid",
        ],
    ),
    (
        Normalization { action: "changed-identity-of", ..NEW_PROCESS },
        &["setuid32", "setfsuid32", "setreuid32", "setgid32", "setfsgid32", "setregid32", "setresuid32", "setresgid32"],
    ),
    (
        Normalization { action: "changed-system-time", ..SYSTEM },
        &["settimeofday", "clock_settime", "stime", "adjtimex", "clock_adjtime"],
    ),
    (Normalization { action: "changed-system-time", ..NEW_SYSTEM }, &["clock_settime64", "clock_adjtime64"]),
    (Normalization { action: "make-device", ..CREATION }, &["mknod", "mknodat"]),
    (Normalization { action: "changed-system-name", ..SYSTEM }, &["sethostname", "setdomainname"]),
    (
        Normalization { action: "allocated-memory", object: Object::Named("memory"), ..PROCESS },
        &["mmap", "mmap2", "brk"],
    ),
    (
        Normalization { action: "adjusted-scheduling-policy-of", types: &["change"], how: &["syscall"], ..OF_PROCESS },
        &["sched_setparam", "sched_setscheduler", "sched_setattr"],
    ),
    (Normalization { action: "end", types: &["end"], how: &["syscall"], ..OF_PROCESS }, &["exit_group"]),
];
