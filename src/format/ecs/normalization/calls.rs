//! System calls.

use super::{Normal, Object};

const NOTHING: Normal = Normal::NOTHING;
const PROCESS: Normal = Normal { category: &["process"], types: &["info"], ..NOTHING };
const OF_PROCESS: Normal = Normal { object: Object::Named("process"), ..PROCESS };
const FILE: Normal = Normal { category: &["file"], types: &["info"], object: Object::Path("file", 0), ..NOTHING };
const CHANGE: Normal = Normal { types: &["change"], ..FILE };
const CREATION: Normal = Normal { types: &["creation"], ..FILE };
const DELETION: Normal = Normal { types: &["deletion"], ..FILE };
const FILESYSTEM: Normal = Normal { object: Object::Path("filesystem", 0), ..FILE };
const DRIVER: Normal = Normal { category: &["driver"], object: Object::Path("file", 0), ..NOTHING };
const SOCKET: Normal = Normal { category: &["network"], object: Object::Socket, ..NOTHING };
const CONNECTION: Normal = Normal { types: &["connection", "info"], ..SOCKET };
const SYSTEM: Normal = Normal { category: &["host"], types: &["change"], object: Object::Named("system"), ..NOTHING };

/// Newer and wider forms of calls, which the reference doesn't know: it takes them for calls without a category of
/// their own, so that they keep `process` and `info`, and gain what they are.
const NEW_FILE: Normal = Normal { category: &["process", "file"], ..FILE };
const NEW_CHANGE: Normal = Normal { types: &["info", "change"], ..NEW_FILE };
const NEW_SYSTEM: Normal = Normal { category: &["process", "host"], types: &["info", "change"], ..SYSTEM };
const NEW_PROCESS: Normal = Normal { types: &["info", "change"], how: &["syscall"], ..OF_PROCESS };

/// Calls that aren't listed.
pub(super) const OTHER: Normal = PROCESS;

pub(super) const CALLS: &[(Normal, &[&str])] = &[
    (Normal { action: "opened-file", ..CREATION }, &["creat"]),
    (Normal { action: "opened-file", ..CHANGE }, &["fallocate", "truncate", "ftruncate"]),
    (Normal { action: "opened-file", ..NEW_CHANGE }, &["truncate64", "ftruncate64"]),
    (Normal { action: "opened-file", ..FILE }, &["open", "openat", "readlink", "readlinkat"]),
    (Normal { action: "opened-file", ..NEW_FILE }, &["openat2", "open_by_handle_at"]),
    (Normal { action: "read-file", ..FILE }, &["read"]),
    (Normal { action: "read-file", ..NEW_FILE }, &["readv", "pread64", "preadv", "preadv2"]),
    (Normal { action: "wrote-to-file", ..CHANGE }, &["write"]),
    (Normal { action: "wrote-to-file", ..NEW_CHANGE }, &["writev", "pwrite64", "pwritev", "pwritev2"]),
    (
        Normal { action: "changed-file-attributes-of", ..CHANGE },
        &["setxattr", "fsetxattr", "lsetxattr", "removexattr", "fremovexattr", "lremovexattr"],
    ),
    (Normal { action: "changed-file-permissions-of", ..CHANGE }, &["chmod", "fchmod", "fchmodat"]),
    (Normal { action: "changed-file-ownership-of", ..CHANGE }, &["chown", "fchown", "fchownat", "lchown"]),
    (Normal { action: "changed-file-ownership-of", ..NEW_CHANGE }, &["chown32", "fchown32", "lchown32"]),
    (
        Normal { action: "loaded-kernel-module", types: &["start"], primary: &["name"], ..DRIVER },
        &["finit_module", "init_module"],
    ),
    (Normal { action: "unloaded-kernel-module", types: &["end"], ..DRIVER }, &["delete_module"]),
    (Normal { action: "created-directory", object: Object::Path("file", 1), ..CREATION }, &["mkdir", "mkdirat"]),
    (Normal { action: "mounted", object: Object::Path("filesystem", 1), ..CREATION }, &["mount"]),
    (Normal { action: "renamed", object: Object::Path("file", 2), ..CHANGE }, &["rename", "renameat", "renameat2"]),
    (
        Normal { action: "checked-metadata-of", ..FILE },
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
    (Normal { action: "checked-metadata-of", ..NEW_FILE }, &["statx", "faccessat2", "fstat64", "lstat64", "fstatat64"]),
    (Normal { action: "checked-filesystem-metadata-of", ..FILESYSTEM }, &["statfs", "fstatfs"]),
    (Normal { action: "linked", ..CREATION }, &["link", "linkat"]),
    (Normal { action: "symlinked", ..CREATION }, &["symlink", "symlinkat"]),
    (Normal { action: "unmounted", types: &["deletion"], ..FILESYSTEM }, &["umount", "umount2"]),
    (Normal { action: "deleted", ..DELETION }, &["rmdir", "unlink", "unlinkat"]),
    (Normal { action: "changed-timestamp-of", ..FILE }, &["utime", "utimes", "futimesat", "futimens", "utimensat"]),
    (
        Normal { action: "executed", types: &["start"], object: Object::Path("file", 0), ..PROCESS },
        &["execve", "execveat"],
    ),
    (Normal { action: "listen-for-connections", types: &["start"], ..SOCKET }, &["listen"]),
    (Normal { action: "accepted-connection-from", types: &["connection", "start"], ..SOCKET }, &["accept", "accept4"]),
    (Normal { action: "bound-socket", types: &["start"], ..SOCKET }, &["bind"]),
    (Normal { action: "connected-to", types: &["connection", "start"], ..SOCKET }, &["connect"]),
    (Normal { action: "received-from", ..CONNECTION }, &["recv", "recvfrom", "recvmsg", "recvmmsg"]),
    (Normal { action: "sent-to", ..CONNECTION }, &["send", "sendto", "sendmsg", "sendmmsg"]),
    (Normal { action: "killed-pid", types: &["end"], ..OF_PROCESS }, &["kill", "tkill", "tgkill"]),
    (
        Normal { action: "changed-identity-of", types: &["change"], how: &["syscall"], ..OF_PROCESS },
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
        Normal { action: "changed-identity-of", ..NEW_PROCESS },
        &["setuid32", "setfsuid32", "setreuid32", "setgid32", "setfsgid32", "setregid32", "setresuid32", "setresgid32"],
    ),
    (
        Normal { action: "changed-system-time", ..SYSTEM },
        &["settimeofday", "clock_settime", "stime", "adjtimex", "clock_adjtime"],
    ),
    (Normal { action: "changed-system-time", ..NEW_SYSTEM }, &["clock_settime64", "clock_adjtime64"]),
    (Normal { action: "make-device", ..CREATION }, &["mknod", "mknodat"]),
    (Normal { action: "changed-system-name", ..SYSTEM }, &["sethostname", "setdomainname"]),
    (Normal { action: "allocated-memory", object: Object::Named("memory"), ..PROCESS }, &["mmap", "mmap2", "brk"]),
    (
        Normal { action: "adjusted-scheduling-policy-of", types: &["change"], how: &["syscall"], ..OF_PROCESS },
        &["sched_setparam", "sched_setscheduler", "sched_setattr"],
    ),
    (Normal { action: "end", types: &["end"], how: &["syscall"], ..OF_PROCESS }, &["exit_group"]),
];
