//! Asks the kernel for its audit status and for the loaded rules, over the audit netlink socket (`<linux/audit.h>`,
//! netlink(7)).
//!
//! A request needs the capability `CAP_AUDIT_CONTROL`, both when the socket is opened and when the request is sent. The
//! kernel answers at once. Nothing here changes the kernel's settings.
//!
//! This is our own code because libaudit has no function that waits for an answer for a limited time only, and because
//! two requests with plain numbers in their answers are less than a dependency.

use crate::hash::Hash;
use nix::{
    errno::Errno,
    sys::{
        socket::{
            AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recvfrom, sendto, setsockopt,
            socket, sockopt::ReceiveTimeout,
        },
        time::{TimeVal, TimeValLike},
    },
};
use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

/// `AUDIT_GET` of `<linux/audit.h>`: asks for the status. The answer has the same type.
const AUDIT_GET: u16 = 1000;
/// `AUDIT_LIST_RULES` of `<linux/audit.h>`: asks for the rules. There is one answer for each rule, and NLMSG_DONE.
const AUDIT_LIST_RULES: u16 = 1013;
/// `NLMSG_ERROR` of `<linux/netlink.h>`: a refusal, with a negative errno.
const NLMSG_ERROR: u16 = 2;
/// `NLMSG_DONE` of `<linux/netlink.h>`: the end of several answers.
const NLMSG_DONE: u16 = 3;
/// `NLM_F_REQUEST` of `<linux/netlink.h>`.
const NLM_F_REQUEST: u16 = 1;
/// The bytes of a `struct nlmsghdr`: length, type, flags, sequence number, port.
const HEADER: usize = 16;
/// The room for one answer. A rule has at most 1,040 bytes and its strings, which are paths and keys.
const ANSWER: usize = 64 << 10;
/// How long to wait for one answer.
const ANSWER_WAIT: i64 = 1;
/// How long to wait for all answers.
const WAIT: Duration = Duration::from_secs(5);

/// The kernel's audit status: `struct audit_status` of `<linux/audit.h>`. `auditctl -s` prints the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditStatus {
    /// 0: auditing is off. 1: it is on. 2: it is on, and can't be changed until the next boot.
    pub enabled: u32,
    /// What the kernel does when it can't record an event. 0: nothing, 1: it prints a message, 2: it panics.
    pub failure: u32,
    /// The process number of the audit daemon. 0 if there is none.
    pub pid: u32,
    /// The most records in a second. 0 means any number.
    pub rate_limit: u32,
    /// How many records may wait for the daemon. 0 means any number.
    pub backlog_limit: u32,
    /// The records that were lost since the start of the kernel, or since `auditctl --reset-lost`.
    pub lost: u32,
    /// The records that wait for the daemon.
    pub backlog: u32,
    /// How long a process waits when the backlog is full, in the kernel's ticks. None on kernels before 3.14.
    pub backlog_wait_time: Option<u32>,
    /// How long processes have waited for that in all, in the kernel's ticks. None on kernels before 5.9.
    pub backlog_wait_time_actual: Option<u32>,
}

impl AuditStatus {
    /// Reads a `struct audit_status`. Newer kernels have more members at its end.
    fn read(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at * 4..)?.first_chunk()?));
        // Members 0 and 8 are the mask of a request, and the kernel's features.
        Some(Self {
            enabled: number(1)?,
            failure: number(2)?,
            pid: number(3)?,
            rate_limit: number(4)?,
            backlog_limit: number(5)?,
            lost: number(6)?,
            backlog: number(7)?,
            backlog_wait_time: number(9),
            backlog_wait_time_actual: number(10),
        })
    }
}

/// The rules that the kernel has loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedRules {
    /// How many there are.
    pub count: u64,
    /// The SHA-256 of all rules in the order and the form in which the kernel lists them (`struct audit_rule_data`).
    pub sha256: String,
}

/// The audit netlink socket.
#[derive(Debug)]
pub struct KernelStatus {
    socket: OwnedFd,
    /// The number of the last request. Its answers have the same number.
    sequence: u32,
}

impl KernelStatus {
    /// Opens the socket.
    ///
    /// # Errors
    /// When the kernel has no auditing, or a sandbox forbids the socket.
    pub fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkAudit)?;
        setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(ANSWER_WAIT))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// The kernel's audit status.
    ///
    /// # Errors
    /// When the kernel refuses (`EPERM` without `CAP_AUDIT_CONTROL`), or doesn't answer in time.
    pub fn audit(&mut self) -> io::Result<AuditStatus> {
        self.ask(AUDIT_GET)?;
        let mut status = None;
        self.answers(|kind, bytes| {
            status = AuditStatus::read(bytes).filter(|_| kind == AUDIT_GET);
            true
        })?;
        status.ok_or_else(|| invalid("an answer that is no audit status"))
    }

    /// The rules that the kernel has loaded.
    ///
    /// # Errors
    /// When the kernel refuses (`EPERM` without `CAP_AUDIT_CONTROL`), or doesn't answer in time.
    pub fn rules(&mut self) -> io::Result<LoadedRules> {
        self.ask(AUDIT_LIST_RULES)?;
        let (mut count, mut hash) = (0, Hash::default());
        self.answers(|kind, bytes| {
            if kind == AUDIT_LIST_RULES {
                count += 1;
                hash.update(bytes);
            }
            kind == NLMSG_DONE
        })?;
        Ok(LoadedRules { count, sha256: hash.finish() })
    }

    /// Sends a request without content.
    fn ask(&mut self, kind: u16) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = header(HEADER as u32, kind, self.sequence);
        // Port 0 is the kernel.
        sendto(self.socket.as_raw_fd(), &request, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        Ok(())
    }

    /// Passes each answer to `take`, with its type and its content, until `take` returns true.
    fn answers(&self, mut take: impl FnMut(u16, &[u8]) -> bool) -> io::Result<()> {
        let mut buffer = vec![0; ANSWER];
        let start = Instant::now();
        while start.elapsed() < WAIT {
            let (length, from) = match recvfrom::<NetlinkAddr>(self.socket.as_raw_fd(), &mut buffer) {
                Ok(received) => received,
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => break,
                Err(e) => return Err(e.into()),
            };
            let answer = Answer::read(&buffer[..length]).ok_or_else(|| invalid("an answer that is no message"))?;
            // Answers to an earlier request can come late. Messages of other processes don't count.
            if from.is_none_or(|from| from.pid() != 0) || answer.sequence != self.sequence {
                continue;
            }
            if answer.kind == NLMSG_ERROR {
                return Err(answer.error());
            }
            if take(answer.kind, answer.content) {
                return Ok(());
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel doesn't answer"))
    }
}

/// A `struct nlmsghdr` of a request.
fn header(length: u32, kind: u16, sequence: u32) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&length.to_ne_bytes());
    header[4..6].copy_from_slice(&kind.to_ne_bytes());
    header[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    header[8..12].copy_from_slice(&sequence.to_ne_bytes());
    header
}

/// One answer. The audit system sends each in a datagram of its own.
struct Answer<'a> {
    kind: u16,
    sequence: u32,
    content: &'a [u8],
}

impl<'a> Answer<'a> {
    fn read(datagram: &'a [u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_ne_bytes(*datagram.get(at..)?.first_chunk()?));
        let kind = u16::from_ne_bytes(*datagram.get(4..)?.first_chunk()?);
        // The length may leave out the padding at the end. A longer one than the datagram means that it was cut.
        let content = datagram.get(HEADER..usize::try_from(number(0)?).ok()?)?;
        Some(Self { kind, sequence: number(8)?, content })
    }

    /// The errno of a refusal.
    fn error(&self) -> io::Error {
        let errno = self.content.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
        io::Error::from_raw_os_error(errno.saturating_neg())
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the kernel sent {what}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The members of a `struct audit_status` with these numbers.
    fn members(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
    }

    #[test]
    fn a_status_has_what_the_kernel_knows() {
        // linux 6.1: mask, enabled, failure, pid, rate_limit, backlog_limit, lost, backlog, features, two times.
        let new = AuditStatus::read(&members(&[0, 1, 2, 300, 4, 8192, 6, 7, 127, 60_000, 68])).unwrap();
        let old = AuditStatus { backlog_wait_time: None, backlog_wait_time_actual: None, ..new };
        let expected = AuditStatus {
            enabled: 1,
            failure: 2,
            pid: 300,
            rate_limit: 4,
            backlog_limit: 8192,
            lost: 6,
            backlog: 7,
            backlog_wait_time: Some(60_000),
            backlog_wait_time_actual: Some(68),
        };
        assert_eq!(new, expected);
        // Linux 3.10 had eight members.
        assert_eq!(AuditStatus::read(&members(&[0, 1, 2, 300, 4, 8192, 6, 7])), Some(old));
        assert_eq!(AuditStatus::read(&members(&[0, 1, 2, 300, 4, 8192, 6])), None);
        assert_eq!(AuditStatus::read(b""), None);
    }

    #[test]
    fn an_answer_is_as_long_as_it_says() {
        let mut datagram = header(20, AUDIT_GET, 7).to_vec();
        datagram.extend_from_slice(b"abcdefgh");
        let answer = Answer::read(&datagram).unwrap();
        assert_eq!((answer.kind, answer.sequence, answer.content), (AUDIT_GET, 7, &b"abcd"[..]));
        assert!(Answer::read(&datagram[..19]).is_none(), "it was cut");
        assert!(Answer::read(&datagram[..3]).is_none());
        assert!(Answer::read(&header(3, AUDIT_GET, 7)).is_none(), "shorter than its header");
    }

    #[test]
    fn a_refusal_names_its_reason() {
        let mut datagram = header(20, NLMSG_ERROR, 7).to_vec();
        datagram.extend_from_slice(&(-1i32).to_ne_bytes());
        assert_eq!(Answer::read(&datagram).unwrap().error().kind(), io::ErrorKind::PermissionDenied);
    }
}
