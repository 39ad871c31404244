//! Categories of events. Alerts in use match them (`TermMatch('category', 'write')`).

use crate::auparse::syscall_names;

/// The category of an event, as MozDef's consumers name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Category {
    Execve,
    Write,
    Read,
    Attribute,
    Chmod,
    Chown,
    Ptrace,
    Time,
    Socket,
    Listen,
    Connect,
    Bind,
    Accept,
    Promiscuous,
    AppArmor,
    SeLinux,
    Syscall,
    /// Named after the type of the event's first record.
    Record,
}

impl Category {
    /// The word in the document. [`Category::Record`] has none here; its word is the record type's name.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Execve => "execve",
            Self::Write => "write",
            Self::Read => "read",
            Self::Attribute => "attribute",
            Self::Chmod => "chmod",
            Self::Chown => "chown",
            Self::Ptrace => "ptrace",
            Self::Time => "time",
            Self::Socket => "socket",
            Self::Listen => "listen",
            Self::Connect => "connect",
            Self::Bind => "bind",
            Self::Accept => "accept",
            Self::Promiscuous => "promiscuous",
            Self::AppArmor => "apparmor",
            Self::SeLinux => "selinux",
            Self::Syscall => "syscall",
            Self::Record => "",
        }
    }

    /// The first word of the summary.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Execve => "Execve",
            Self::Write => "Write",
            Self::Read => "Read",
            Self::Attribute => "Attribute",
            Self::Chmod => "Chmod",
            Self::Chown => "Chown",
            Self::Ptrace => "Ptrace",
            Self::Time => "time has been modified",
            Self::Socket => "Socket",
            Self::Listen => "Listen",
            Self::Connect => "Connect",
            Self::Bind => "Bind",
            Self::Accept => "Accept",
            Self::Promiscuous => "Promisc",
            Self::AppArmor => "AppArmor",
            Self::SeLinux => "SELinux",
            Self::Syscall => "Syscall",
            Self::Record => "",
        }
    }
}

/// The category of a system call, by its whole name. `writes` tells whether a call that opens a file created or
/// truncated it.
pub(super) fn of_call(name: &[u8], writes: impl FnOnce() -> bool) -> Category {
    match syscall_names(name).0 {
        b"execve" | b"execveat" => Category::Execve,
        b"write" | b"writev" | b"pwrite64" | b"pwritev" | b"pwritev2" | b"unlink" | b"unlinkat" | b"rename"
        | b"renameat" | b"renameat2" | b"truncate" | b"truncate64" | b"ftruncate" | b"ftruncate64" | b"fallocate"
        | b"mkdir" | b"mkdirat" | b"rmdir" | b"mknod" | b"mknodat" | b"creat" | b"symlink" | b"symlinkat" => {
            Category::Write
        }
        b"open" | b"openat" | b"openat2" | b"open_by_handle_at" => {
            if writes() {
                Category::Write
            } else {
                Category::Read
            }
        }
        b"read" | b"readv" | b"pread64" | b"preadv" | b"preadv2" | b"link" | b"linkat" | b"readlink"
        | b"readlinkat" | b"mmap" | b"mmap2" | b"sendfile" | b"sendfile64" | b"copy_file_range" | b"splice" => {
            Category::Read
        }
        b"setxattr" | b"lsetxattr" | b"fsetxattr" | b"setxattrat" | b"removexattr" | b"lremovexattr"
        | b"fremovexattr" | b"removexattrat" | b"utime" | b"utimes" | b"utimensat" | b"futimesat" => {
            Category::Attribute
        }
        b"chmod" | b"fchmod" | b"fchmodat" | b"fchmodat2" => Category::Chmod,
        b"chown" | b"fchown" | b"lchown" | b"fchownat" | b"chown32" | b"fchown32" | b"lchown32" => Category::Chown,
        b"ptrace" => Category::Ptrace,
        b"adjtimex" | b"settimeofday" | b"stime" | b"clock_settime" | b"clock_settime64" | b"clock_adjtime"
        | b"clock_adjtime64" => Category::Time,
        b"socket" | b"socketpair" | b"socketcall" => Category::Socket,
        b"listen" => Category::Listen,
        b"connect" => Category::Connect,
        b"bind" => Category::Bind,
        b"accept" | b"accept4" => Category::Accept,
        _ => Category::Syscall,
    }
}

/// True when the call's first argument is a file descriptor. In other calls it is an address in memory.
pub(super) fn takes_descriptor(name: &[u8]) -> bool {
    match syscall_names(name).0 {
        b"write" | b"writev" | b"pwrite64" | b"pwritev" | b"pwritev2" | b"read" | b"readv" | b"pread64" | b"preadv"
        | b"preadv2" | b"ftruncate" | b"ftruncate64" | b"fallocate" | b"sendfile" | b"sendfile64"
        | b"copy_file_range" | b"splice" | b"fsetxattr" | b"fremovexattr" | b"fchmod" | b"fchown" | b"fchown32"
        | b"open_by_handle_at" => true,
        // The directory that the name is relative to.
        b"openat" | b"openat2" | b"unlinkat" | b"renameat" | b"renameat2" | b"mkdirat" | b"mknodat" | b"linkat"
        | b"readlinkat" | b"setxattrat" | b"removexattrat" | b"utimensat" | b"futimesat" | b"fchmodat"
        | b"fchmodat2" | b"fchownat" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_memory_is_no_descriptor() {
        for name in ["write", "fchmod", "openat", "openat2", "unlinkat", "fsetxattr", "splice", "utimensat"] {
            assert!(takes_descriptor(name.as_bytes()), "{name}");
        }
        for name in
            ["open", "unlink", "execve", "rename", "mmap", "creat", "truncate", "setxattr", "chmod", "symlinkat"]
        {
            assert!(!takes_descriptor(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn calls_match_by_whole_name() {
        let of = |name: &str| of_call(name.as_bytes(), || false).word();
        assert_eq!(of("execveat"), "execve");
        assert_eq!(of("renameat2"), "write");
        assert_eq!(of("openat2"), "read");
        assert_eq!(of_call(b"openat2", || true).word(), "write");
        assert_eq!(of("link"), "read");
        assert_eq!(of("readahead"), "syscall");
        assert_eq!(of("writer"), "syscall");
        assert_eq!(of("socketcall(connect)"), "socket");
        assert_eq!(of("accept4"), "accept");
        assert_eq!(of("clock_adjtime64"), "time");
        assert_eq!(of("lchown32"), "chown");
        assert_eq!(of("futimesat"), "attribute");
        assert_eq!(of(""), "syscall");
    }
}
