//! The arguments of system calls that libauparse takes for something else, and those that are ids.

use super::reading::{PERSONALITY, number};

/// F_SETOWN (`asm-generic/fcntl.h`), as records write it.
const F_SETOWN: &[u8] = b"8";
/// The flags of open that have other bits on ARM and POWER: O_DIRECT, O_LARGEFILE, O_DIRECTORY and O_NOFOLLOW. libauparse
/// has those of x86 for all machines (asm-generic/fcntl.h, and fcntl.h of these machines in the kernel).
const OTHER_OPEN_FLAGS: u64 = 0o740_000;
/// Flags of unshare and setns that libauparse doesn't know: CLONE_NEWTIME, CLONE_PIDFD, and CLONE_NEWCGROUP, which it
/// takes for CLONE_STOPPED of old kernels (`<linux/sched.h>`).
const NEW_NAMESPACE_FLAGS: u64 = 0x0200_10ff;

/// True when libauparse reads argument `n` of this call wrongly. `second` is the text of the call's second argument.
pub(super) fn is_misread(arch: &[u8], call: &[u8], n: u8, second: &[u8], text: &[u8]) -> bool {
    let Some(value) = number(text, 16) else { return true };
    match (call, n) {
        // The flags are the first argument, or the second one on some machines. The third is an address.
        (b"clone" | b"clone2", 2) => true,
        // The number of a process or of a group of them. libauparse names a user.
        (b"fcntl" | b"fcntl64", 2) => second == F_SETOWN,
        (b"unshare", 0) | (b"setns", 1) => value & NEW_NAMESPACE_FLAGS != 0,
        // The magic number of old mounts isn't a set of flags (MS_MGC_VAL in <linux/mount.h>).
        (b"mount", 3) => value & 0xffff_0000 == 0xc0ed_0000,
        (b"personality", 0) => value & !PERSONALITY != 0,
        // On these machines the only argument is the address of a structure.
        (b"mmap", 2 | 3) => matches!(arch, b"i386" | b"s390" | b"s390x"),
        (b"open" | b"mq_open", 1) | (b"openat" | b"open_by_handle_at", 2) => {
            let has_others = [&b"arm"[..], b"aarch64", b"ppc"].iter().any(|name| arch.starts_with(name));
            has_others && value & OTHER_OPEN_FLAGS != 0
        }
        _ => false,
    }
}

/// True when argument `n` of this call may be an id that libauparse would look up on this host: of setuid and its
/// relatives, and of chown.
pub(super) fn is_looked_up(call: &[u8], n: u8, text: &[u8]) -> bool {
    let sets = call.starts_with(b"set") && (call.ends_with(b"uid") || call.ends_with(b"gid"));
    let owns = n > 0 && call.windows(5).any(|part| part == b"chown");
    // Ids have 32 bits. libauparse knows the names of 0 and of -1.
    (sets || owns) && number(text, 16).is_none_or(|value| !matches!(value & 0xffff_ffff, 0 | 0xffff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_libauparse_takes_for_something_else() {
        let misread = |arch: &str, call: &str, n, second: &str, text: &str| {
            is_misread(arch.as_bytes(), call.as_bytes(), n, second.as_bytes(), text.as_bytes())
        };
        assert!(misread("x86_64", "clone", 2, "7ffc", "7f2a00"));
        assert!(!misread("x86_64", "clone", 0, "", "1200011"));
        assert!(misread("x86_64", "fcntl", 2, "8", "21"));
        assert!(!misread("x86_64", "fcntl", 2, "2", "1"));
        assert!(misread("i386", "mmap", 2, "", "3") && !misread("x86_64", "mmap", 2, "", "3"));
        // openat with O_DIRECTORY of arm64, which is O_DIRECT on x86
        assert!(misread("aarch64", "openat", 2, "", "4000") && !misread("x86_64", "openat", 2, "", "4000"));
        assert!(!misread("aarch64", "openat", 2, "", "80241"));
        assert!(misread("x86_64", "setuid", 0, "", "root"));
        assert!(misread("x86_64", "unshare", 0, "", "2000000") && !misread("x86_64", "unshare", 0, "", "10000000"));
        assert!(misread("x86_64", "personality", 0, "", "400000") && !misread("x86_64", "personality", 0, "", "8"));
    }

    #[test]
    fn arguments_that_are_ids() {
        assert!(is_looked_up(b"setuid", 0, b"21") && is_looked_up(b"setresgid", 2, b"3e8"));
        assert!(is_looked_up(b"fchownat", 2, b"21") && is_looked_up(b"lchown32", 1, b"21"));
        assert!(!is_looked_up(b"chown", 0, b"7ffc") && !is_looked_up(b"openat", 0, b"3"));
        assert!(!is_looked_up(b"setuid", 0, b"0") && !is_looked_up(b"setreuid", 1, b"ffffffffffffffff"));
    }
}
