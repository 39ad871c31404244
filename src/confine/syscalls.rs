//! seccomp: the system calls that the process can make (seccomp(2)).
//!
//! A call that isn't in the list fails with ENOSYS, as if the kernel didn't have it. Libraries then use an older call, so a
//! newer C library goes on working.

use nix::libc::{self, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};
use std::{collections::BTreeMap, env::consts::ARCH};

/// Calls that may be made with any arguments. They use files that are open, open others (which permissions and Landlock
/// restrict), use sockets, threads and memory, wait, and ask for facts about this process and the system.
const ALLOWED: &[c_long] = &[
    // Files. Calls with permissions have rules of their own.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_ftruncate,
    libc::SYS_truncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync_file_range,
    libc::SYS_flock,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_eventfd2,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_getcwd,
    libc::SYS_umask,
    // Sockets. socket(), setsockopt() and those that send have rules of their own.
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    // Memory. mmap() and mprotect() have rules of their own.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_membarrier,
    // Threads. clone() has a rule of its own.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals of this process. Landlock keeps kill() from others.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    libc::SYS_signalfd4,
    libc::SYS_tgkill,
    libc::SYS_restart_syscall,
    // Time.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    // Facts.
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getgroups,
    libc::SYS_getrusage,
    libc::SYS_getrlimit,
    libc::SYS_getcpu,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_times,
    libc::SYS_capget,
];

/// Older forms of these calls, which only some machines have.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_rmdir,
    libc::SYS_chown,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_time,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// The sockets that may be opened: family, type and protocol. They are of this machine, of the internet, and the kernel's
/// own (netlink): for the addresses of this host, and for its audit status. Multipath TCP isn't one of them, because
/// Landlock has no rules for it.
const SOCKETS: [(i32, i32, i32); 15] = [
    (libc::AF_UNIX, libc::SOCK_STREAM, 0),
    (libc::AF_UNIX, libc::SOCK_DGRAM, 0),
    (libc::AF_UNIX, libc::SOCK_SEQPACKET, 0),
    (libc::AF_INET, libc::SOCK_STREAM, 0),
    (libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_TCP),
    (libc::AF_INET, libc::SOCK_DGRAM, 0),
    (libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_UDP),
    (libc::AF_INET6, libc::SOCK_STREAM, 0),
    (libc::AF_INET6, libc::SOCK_STREAM, libc::IPPROTO_TCP),
    (libc::AF_INET6, libc::SOCK_DGRAM, 0),
    (libc::AF_INET6, libc::SOCK_DGRAM, libc::IPPROTO_UDP),
    (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE),
    (libc::AF_NETLINK, libc::SOCK_DGRAM, libc::NETLINK_ROUTE),
    (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT),
    (libc::AF_NETLINK, libc::SOCK_DGRAM, libc::NETLINK_AUDIT),
];
/// The type of a socket without its flags (`SOCK_TYPE_MASK` in the kernel's net.h).
const TYPE_MASK: i32 = 0xf;
/// Terminals and sockets: the requests that don't put anything into a terminal.
const REQUESTS: [u64; 7] = [
    libc::TCGETS,
    libc::TIOCGWINSZ,
    libc::FIONBIO,
    libc::FIONREAD,
    libc::FIOCLEX,
    // The names and numbers of network interfaces, for addresses with a zone.
    libc::SIOCGIFNAME,
    libc::SIOCGIFINDEX,
];
/// What prctl() may do: name threads and pieces of memory.
const OPERATIONS: [i32; 3] = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];

/// A list of the rules of one call. One of them must match.
type Rules = Vec<SeccompRule>;

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

/// A rule for each of the values of an argument.
fn one_of<T: Copy + TryInto<u64>>(argument: u8, values: &[T]) -> Result<Rules, seccompiler::BackendError> {
    let values = values.iter().filter_map(|value| (*value).try_into().ok());
    values.map(|value| SeccompRule::new(vec![condition(argument, SeccompCmpOp::Eq, value)?])).collect()
}

fn bits(flags: i32) -> u64 {
    u64::try_from(flags).unwrap_or_default()
}

/// The rules of calls whose arguments matter.
fn with_arguments() -> Result<Vec<(c_long, Rules)>, seccompiler::BackendError> {
    let mut sockets = Rules::new();
    for (family, kind, protocol) in SOCKETS {
        let family = condition(0, SeccompCmpOp::Eq, bits(family))?;
        let kind = condition(1, SeccompCmpOp::MaskedEq(bits(TYPE_MASK)), bits(kind))?;
        sockets.push(SeccompRule::new(vec![family, kind, condition(2, SeccompCmpOp::Eq, bits(protocol))?])?);
    }
    // TCP Fast Open connects without connect(), and Landlock has no rules for it.
    let no_fast_open = |argument| without(argument, libc::MSG_FASTOPEN);
    let options = [(1, libc::IPPROTO_TCP), (2, libc::TCP_FASTOPEN_CONNECT)];
    let other =
        |(argument, value): (u8, i32)| SeccompRule::new(vec![condition(argument, SeccompCmpOp::Ne, bits(value))?]);
    let options: Rules = options.into_iter().map(other).collect::<Result<_, _>>()?;
    // Nothing is both written and executed.
    let both = bits(libc::PROT_WRITE | libc::PROT_EXEC);
    let protections = [0, bits(libc::PROT_WRITE), bits(libc::PROT_EXEC)];
    let memory = |protection: &u64| SeccompRule::new(vec![condition(2, SeccompCmpOp::MaskedEq(both), *protection)?]);
    let memory: Rules = protections.iter().map(memory).collect::<Result<_, _>>()?;
    // Threads, but no processes. The flags of clone3() are in memory, where a filter can't see them.
    let thread = bits(libc::CLONE_THREAD);
    let thread = vec![SeccompRule::new(vec![condition(0, SeccompCmpOp::MaskedEq(thread), thread)?])?];
    // Limits are read, not set.
    let limits = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    let mut all = with_modes()?;
    all.extend([
        (libc::SYS_sendto, vec![no_fast_open(3)?]),
        (libc::SYS_sendmsg, vec![no_fast_open(2)?]),
        (libc::SYS_sendmmsg, vec![no_fast_open(3)?]),
        (libc::SYS_setsockopt, options),
        (libc::SYS_socket, sockets),
        (libc::SYS_mmap, memory.clone()),
        (libc::SYS_mprotect, memory),
        (libc::SYS_clone, thread),
        (libc::SYS_prlimit64, vec![SeccompRule::new(vec![limits])?]),
        (libc::SYS_ioctl, one_of(1, &REQUESTS)?),
        (libc::SYS_prctl, one_of(0, &OPERATIONS)?),
    ]);
    Ok(all)
}

/// A rule: an argument has none of these bits.
fn without(argument: u8, flags: i32) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![condition(argument, SeccompCmpOp::MaskedEq(bits(flags)), 0)?])
}

/// The rules of calls with the permissions of a file. A file never becomes setuid or setgid: executed by another user, it
/// would run as this one, without these rules.
fn with_modes() -> Result<Vec<(c_long, Rules)>, seccompiler::BackendError> {
    let plain = |argument| without(argument, (libc::S_ISUID | libc::S_ISGID).cast_signed());
    // The permissions mean something only if a file is created. (O_TMPFILE has a bit of its own.)
    let creates = libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY);
    let opens = |flags: u8| Ok::<_, seccompiler::BackendError>(vec![without(flags, creates)?, plain(flags + 1)?]);
    let mut all = vec![
        (libc::SYS_openat, opens(2)?),
        (libc::SYS_mkdirat, vec![plain(2)?]),
        (libc::SYS_fchmod, vec![plain(1)?]),
        (libc::SYS_fchmodat, vec![plain(2)?]),
    ];
    #[cfg(target_arch = "x86_64")]
    all.extend([(libc::SYS_open, opens(1)?), (libc::SYS_mkdir, vec![plain(1)?]), (libc::SYS_chmod, vec![plain(1)?])]);
    Ok(all)
}

fn program() -> Result<BpfProgram, seccompiler::BackendError> {
    let arch: TargetArch = ARCH.try_into()?;
    let any = ALLOWED.iter().chain(OLDER).map(|call| (*call, Rules::new()));
    let rules: BTreeMap<c_long, Rules> = any.chain(with_arguments()?).collect();
    let missing = SeccompAction::Errno(u32::try_from(libc::ENOSYS).unwrap_or_default());
    SeccompFilter::new(rules, missing, SeccompAction::Allow, arch)?.try_into()
}

/// Restricts this thread and those that it starts. Returns what is restricted, for messages.
pub(super) fn restrict() -> Result<String, String> {
    let program = program().map_err(|e| format!("seccomp doesn't restrict system calls: {e}"))?;
    apply_filter(&program).map_err(|e| format!("seccomp doesn't restrict system calls: {e}"))?;
    Ok(format!("seccomp for {} system calls", ALLOWED.len() + OLDER.len()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_can_be_made() {
        assert!(!program().unwrap().is_empty());
        let mut all: Vec<_> = ALLOWED.iter().chain(OLDER).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "a call is listed twice");
    }

    #[test]
    fn dangerous_calls_are_not_listed() {
        for call in [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_bpf,
            libc::SYS_mount,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_clone3,
            libc::SYS_kill,
            libc::SYS_setuid,
            libc::SYS_capset,
            libc::SYS_init_module,
            libc::SYS_io_uring_setup,
            libc::SYS_listen,
            libc::SYS_keyctl,
            libc::SYS_memfd_create,
            libc::SYS_openat2,
            libc::SYS_mknodat,
            libc::SYS_symlinkat,
        ] {
            assert!(!ALLOWED.contains(&call) && !OLDER.contains(&call), "{call}");
        }
    }
}
