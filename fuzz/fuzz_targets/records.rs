//! Records with heads that can be read and bodies that are anything: gets past the head on every run.
#![no_main]

mod check;

const TYPES: [&str; 24] = [
    "SYSCALL",
    "EXECVE",
    "PATH",
    "CWD",
    "PROCTITLE",
    "SOCKADDR",
    "AVC",
    "USER_AVC",
    "USER",
    "USER_LOGIN",
    "TTY",
    "ANOM_PROMISCUOUS",
    "OBJ_PID",
    "CONFIG_CHANGE",
    "OPENAT2",
    "URINGOP",
    "SECCOMP",
    "BPRM_FCAPS",
    "EOE",
    "UNKNOWN[1420]",
    "NETFILTER_PKT",
    "TRUSTED_APP",
    "MQ_OPEN",
    "FANOTIFY",
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut log = Vec::new();
    for body in data.split(|b| *b == b'\n') {
        let Some((head, body)) = body.split_first() else { continue };
        let kind = TYPES[usize::from(*head) % TYPES.len()];
        // A few events, mostly one after the other.
        let serial = usize::from(*head) / TYPES.len();
        log.extend_from_slice(format!("type={kind} msg=audit(1795320000.001:{serial}): ").as_bytes());
        log.extend_from_slice(body);
        log.push(b'\n');
    }
    check::check(&log, log.len() / 2);
});
