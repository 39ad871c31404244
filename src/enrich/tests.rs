//! What is said of parents, and what isn't.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{
    auparse::Parser,
    event::{EventId, Events},
    receipt::Receipt,
};
use std::fmt::Write;

/// A log that is being written.
#[derive(Default)]
struct Log {
    text: String,
    serial: u64,
    time: i64,
    node: &'static str,
}

/// A process in a log.
#[derive(Clone, Copy)]
struct P {
    pid: u32,
    ppid: u32,
    comm: &'static str,
    exe: &'static str,
}

const SH: P = P { pid: 200, ppid: 100, comm: "sh", exe: "/bin/sh" };
const LS: P = P { pid: 300, ppid: 200, comm: "ls", exe: "/bin/ls" };

const EXECVE: u32 = 59;
const EXIT: u32 = 60;
const EXIT_GROUP: u32 = 231;
const CLONE: u32 = 56;
const VFORK: u32 = 58;
const OPENAT: u32 = 257;

impl Log {
    fn new() -> Self {
        Self { serial: 1000, time: 1_700_000_000_000, ..Self::default() }
    }

    fn record(&mut self, kind: &str, text: &str) {
        let (seconds, millis, serial) = (self.time / 1000, self.time % 1000, self.serial);
        let node = if self.node.is_empty() { String::new() } else { format!("node={} ", self.node) };
        writeln!(self.text, "{node}type={kind} msg=audit({seconds}.{millis:03}:{serial}): {text}").unwrap();
    }

    /// A system call. `exit` is what it returns.
    fn call(&mut self, syscall: u32, exit: i64, process: P, more: &[&str]) -> &mut Self {
        (self.serial, self.time) = (self.serial + 1, self.time + 10);
        let P { pid, ppid, comm, exe } = process;
        let result = if syscall == EXIT || syscall == EXIT_GROUP {
            String::new()
        } else {
            format!("success={} exit={exit} ", if exit < 0 { "no" } else { "yes" })
        };
        self.record(
            "SYSCALL",
            &format!(
                "arch=c000003e syscall={syscall} {result}a0=0 a1=0 a2=0 a3=0 items=0 ppid={ppid} pid={pid} auid=0 uid=0 \
                 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=1 comm=\"{comm}\" exe=\"{exe}\" key=(null)"
            ),
        );
        for record in more {
            let (kind, text) = record.split_once(' ').unwrap();
            self.record(kind, text);
        }
        self.record("EOE", "");
        self
    }

    fn exec(&mut self, process: P, args: &[&str]) -> &mut Self {
        let mut text = format!("EXECVE argc={}", args.len());
        for (n, arg) in args.iter().enumerate() {
            write!(text, " a{n}=\"{arg}\"").unwrap();
        }
        self.call(EXECVE, 0, process, &[&text])
    }

    /// An event of user space or of auditd.
    fn user(&mut self, kind: &str) -> &mut Self {
        (self.serial, self.time) = (self.serial + 1, self.time + 10);
        self.record(kind, "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='op=x res=success'");
        self
    }

    fn after(&mut self, seconds: i64) -> &mut Self {
        self.time += seconds * 1000;
        self
    }

    fn serial(&mut self, serial: u64) -> &mut Self {
        self.serial = serial;
        self
    }

    /// Forks of other processes, each of which executes a program.
    fn others(&mut self, pids: impl IntoIterator<Item = u32>) -> &mut Self {
        for pid in pids {
            self.exec(P { pid, ppid: 1, comm: "other", exe: "/bin/other" }, &["other"]);
        }
        self
    }

    /// What is said of the parent in the last event: name, path, command line.
    fn parent(&self) -> [String; 3] {
        let mut last = Last { enricher: Enricher::new(Origin::Log), parent: <[String; 3]>::default() };
        let mut parser = Parser::new().unwrap();
        parser.feed(self.text.as_bytes(), &mut last).unwrap();
        parser.finish(&mut last).unwrap();
        last.parent
    }
}

struct Last {
    enricher: Enricher,
    parent: [String; 3],
}

impl Events for Last {
    fn event(&mut self, mut event: Event<'_, '_>, _receipt: Option<Receipt>) {
        let context = self.enricher.look(&mut event);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        self.parent = context.parent.map_or_else(Default::default, |parent| {
            let mut line = Vec::new();
            parent.append_command_line(&mut line);
            [text(parent.name()), text(parent.executable()), text(&line)]
        });
    }

    fn arrives(&mut self, id: EventId, node: u64) {
        self.enricher.arrives(id, node);
    }
}

const NOTHING: [&str; 3] = ["", "", ""];
const KNOWN: [&str; 3] = ["sh", "/bin/sh", "sh -c x"];

fn sh() -> Log {
    let mut log = Log::new();
    log.exec(SH, &["sh", "-c", "x"]);
    log
}

#[test]
fn a_parent_is_known_while_it_runs_its_program() {
    assert_eq!(sh().exec(LS, &["ls"]).parent(), KNOWN);
    // An event that isn't the start of a program is as good.
    assert_eq!(sh().call(OPENAT, 3, LS, &[]).parent(), KNOWN);
    assert_eq!(sh().call(EXIT_GROUP, 0, LS, &[]).parent(), KNOWN);
    // Not another process, nor another node.
    assert_eq!(sh().exec(P { ppid: 201, ..LS }, &["ls"]).parent(), NOTHING);
    let mut log = sh();
    log.node = "other";
    assert_eq!(log.serial(1001).exec(LS, &["ls"]).parent(), NOTHING);
    // The next program.
    let mut log = sh();
    log.exec(P { comm: "make", exe: "/bin/make", ..SH }, &["make", "all"]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), ["make", "/bin/make", "make all"]);
    // A program that didn't start.
    let mut log = sh();
    assert_eq!(log.call(EXECVE, -2, SH, &[]).exec(LS, &["ls"]).parent(), KNOWN);
}

#[test]
fn what_has_ended_is_absent() {
    assert_eq!(sh().call(EXIT_GROUP, 0, SH, &[]).exec(LS, &["ls"]).parent(), NOTHING);
    // A thread ended. The process goes on as long as it has a child.
    assert_eq!(sh().call(EXIT, 0, SH, &[]).exec(LS, &["ls"]).parent(), KNOWN);
    let mut log = sh();
    log.serial += 1;
    log.record("ANOM_ABEND", "auid=0 uid=0 gid=0 ses=1 pid=200 comm=\"sh\" exe=\"/bin/sh\" sig=11 res=1");
    assert_eq!(log.exec(LS, &["ls"]).parent(), NOTHING);
    // The next process with that number.
    let mut log = sh();
    log.call(EXIT_GROUP, 0, SH, &[]).exec(P { comm: "vi", exe: "/bin/vi", ..SH }, &["vi"]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), ["vi", "/bin/vi", "vi"]);
}

#[test]
fn what_was_before_the_start_of_the_host_is_absent() {
    assert_eq!(sh().user("SYSTEM_BOOT").exec(LS, &["ls"]).parent(), NOTHING);
    assert_eq!(sh().user("KERNEL").exec(LS, &["ls"]).parent(), NOTHING);
    assert_eq!(sh().user("SYSTEM_SHUTDOWN").exec(LS, &["ls"]).parent(), KNOWN, "it isn't down yet");
    // Serials that begin again, with or without their first events.
    assert_eq!(sh().serial(0).after(20).exec(LS, &["ls"]).parent(), NOTHING);
    assert_eq!(sh().serial(700).after(20).exec(LS, &["ls"]).parent(), NOTHING);
    assert_eq!(sh().serial(1000).after(20).exec(LS, &["ls"]).parent(), NOTHING);
    // An older log.
    assert_eq!(sh().serial(700).after(-100_000).exec(LS, &["ls"]).parent(), NOTHING);
    // auditd was started. Its serials are its own.
    let mut log = sh();
    log.serial(7).user("DAEMON_START").serial(1001);
    assert_eq!(log.exec(LS, &["ls"]).parent(), KNOWN);
}

#[test]
fn what_a_missing_event_may_have_changed_is_absent() {
    let mut log = sh();
    log.serial += 1;
    assert_eq!(log.exec(LS, &["ls"]).parent(), NOTHING);
    // Name and path are known again by an event of the parent. The arguments aren't.
    log.call(OPENAT, 3, SH, &[]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), ["sh", "/bin/sh", ""]);
    // The missing event was only late.
    let mut log = sh();
    log.serial(1002).user("USER").serial(1001).user("USER").serial(1002);
    assert_eq!(log.exec(LS, &["ls"]).parent(), KNOWN);
    // It came late, and changed something.
    let mut log = sh();
    log.serial(1002).user("USER").serial(1001).call(EXIT_GROUP, 0, SH, &[]).serial(1003);
    assert_eq!(log.exec(LS, &["ls"]).parent(), NOTHING);
    // A child's event came late. Its parent has executed another program since.
    let mut log = sh();
    log.serial(1002).exec(P { comm: "vi", exe: "/bin/vi", ..SH }, &["vi"]);
    assert_eq!(log.serial(1001).exec(LS, &["ls"]).parent(), NOTHING);
}

#[test]
fn what_a_missing_record_may_have_told_is_absent() {
    // The SYSCALL record: perhaps the parent executed another program.
    for record in ["CWD cwd=\"/\"", "EXECVE argc=1 a0=\"vi\"", "PROCTITLE proctitle=7669"] {
        let mut log = sh();
        log.serial += 1;
        let (kind, text) = record.split_once(' ').unwrap();
        log.record(kind, text);
        log.record("EOE", "");
        assert_eq!(log.exec(LS, &["ls"]).parent(), NOTHING, "{record}");
    }
    // The EXECVE record: the parent executed the same program with other arguments.
    assert_eq!(sh().call(EXECVE, 0, SH, &[]).exec(LS, &["ls"]).parent(), ["sh", "/bin/sh", ""]);
}

#[test]
fn events_come_in_the_order_in_which_they_began() {
    // A record of the first event comes last, so the others wait for it. The third one began before the second one.
    let mut log = sh();
    let last = log.text.trim_end().rsplit_once('\n').unwrap().0.len() + 1;
    let eoe = log.text.split_off(last);
    log.call(EXIT_GROUP, 0, P { pid: 7, ppid: 1, ..SH }, &[]).exec(LS, &["ls"]);
    log.time -= 100;
    log.call(OPENAT, 3, P { pid: 301, ..LS }, &[]).after(1).text.push_str(&eoe);
    assert_eq!(log.exec(P { pid: 302, ..LS }, &["ls"]).parent(), KNOWN);
}

#[test]
fn what_was_not_confirmed_for_long_is_absent() {
    assert_eq!(sh().after(500).exec(LS, &["ls"]).parent(), KNOWN);
    assert_eq!(sh().after(601).exec(LS, &["ls"]).parent(), NOTHING);
    assert_eq!(sh().after(86_400).exec(LS, &["ls"]).parent(), NOTHING);
    assert_eq!(sh().after(-3600).exec(LS, &["ls"]).parent(), NOTHING, "the clock was set");
    // Each child confirms it.
    let mut log = sh();
    for pid in 300..310 {
        log.after(500).exec(P { pid, ..LS }, &["ls"]);
    }
    assert_eq!(log.parent(), KNOWN);
}

#[test]
fn a_number_that_was_given_out_again_is_absent() {
    let mut log = Log::new();
    log.others((301..2000).step_by(3)).exec(P { pid: 2001, ..SH }, &["sh"]);
    let child = P { ppid: 2001, pid: 32_001, ..LS };
    log.others((2002..32_000).step_by(10));
    assert_eq!(log.exec(child, &["ls"]).parent(), ["sh", "/bin/sh", "sh"]);
    // All numbers had their turn.
    log.others((32_002..32_700).step_by(10)).others((310..2500).step_by(10));
    assert_eq!(log.exec(P { pid: 2501, ..child }, &["ls"]).parent(), NOTHING);
}

#[test]
fn a_fork_that_returns_a_number_ends_what_had_it() {
    let vi = P { pid: 50, ppid: 1, comm: "vi", exe: "/bin/vi" };
    let mut log = sh();
    log.exec(vi, &["vi", "f"]).call(CLONE, 200, vi, &[]);
    // Perhaps this is the number in a container.
    assert_eq!(log.exec(LS, &["ls"]).parent(), NOTHING);
    // An event of the new process with its parent's number: the number is that of records.
    log.call(OPENAT, 3, P { pid: 200, ppid: 50, ..vi }, &[]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), ["vi", "/bin/vi", "vi f"]);
    // An event of another process with that number.
    let mut log = sh();
    log.exec(vi, &["vi", "f"]).call(CLONE, 200, vi, &[]).call(OPENAT, 3, SH, &[]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), ["sh", "/bin/sh", ""]);
    // A fork that failed.
    let mut log = sh();
    log.exec(vi, &["vi", "f"]).call(CLONE, -11, vi, &[]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), KNOWN);
}

#[test]
fn a_process_may_be_faster_than_its_parent() {
    let make = P { pid: 100, ppid: 1, comm: "make", exe: "/bin/make" };
    // vfork returns after the new process has executed its program.
    let mut log = Log::new();
    log.exec(make, &["make"]).exec(SH, &["sh", "-c", "x"]);
    log.time -= 20;
    log.call(VFORK, 200, make, &[]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), KNOWN);
    // The new process had an event, and is still a copy of its parent.
    let mut log = Log::new();
    log.exec(make, &["make", "all"]).call(OPENAT, 3, P { pid: 200, ppid: 100, ..make }, &[]);
    log.time -= 20;
    log.call(CLONE, 200, make, &[]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), ["make", "/bin/make", "make all"]);
    // It has ended already.
    let mut log = Log::new();
    log.exec(make, &["make"]).exec(SH, &["sh"]).call(EXIT_GROUP, 0, SH, &[]);
    log.time -= 30;
    log.call(VFORK, 200, make, &[]).after(1);
    assert_eq!(log.exec(LS, &["ls"]).parent(), NOTHING);
}

#[test]
fn a_name_that_is_not_the_only_one_is_absent() {
    // A thread, or a process that has named itself.
    let mut log = sh();
    log.call(OPENAT, 3, P { comm: "worker", ..SH }, &[]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), ["", "/bin/sh", "sh -c x"]);
    log.call(OPENAT, 3, SH, &[]);
    assert_eq!(log.exec(LS, &["ls"]).parent()[0], "");
    // A script has the name of its file.
    let mut log = Log::new();
    log.exec(P { comm: "backup.sh", ..SH }, &["/bin/sh", "/backup.sh"]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), ["backup.sh", "/bin/sh", "/bin/sh /backup.sh"]);
    // How it began isn't known.
    let mut log = Log::new();
    log.call(OPENAT, 3, P { comm: "backup.sh", ..SH }, &[]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), ["", "/bin/sh", ""]);
    // It executed a program that no rule saw.
    let mut log = sh();
    log.call(OPENAT, 3, P { comm: "vi", exe: "/bin/vi", ..SH }, &[]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), ["vi", "/bin/vi", ""]);
}

#[test]
fn a_process_may_lose_its_parent() {
    let mut log = sh();
    log.call(OPENAT, 3, P { ppid: 1, ..SH }, &[]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), KNOWN);
    // Another parent: perhaps another process, a copy of its own.
    let mut log = sh();
    log.call(OPENAT, 3, P { ppid: 77, ..SH }, &[]);
    assert_eq!(log.exec(LS, &["ls"]).parent(), ["sh", "/bin/sh", ""]);
}

#[test]
fn arguments_are_whole_or_absent() {
    for execve in ["EXECVE argc=3 a0=\"sh\" a1=\"-c\"", "EXECVE a0=\"sh\"", "EXECVE argc=1 a1=\"sh\""] {
        let mut log = Log::new();
        log.call(EXECVE, 0, SH, &[execve]);
        assert_eq!(log.exec(LS, &["ls"]).parent(), ["sh", "/bin/sh", ""], "{execve}");
    }
}

#[test]
fn a_request_in_an_io_uring_has_a_parent_too() {
    let mut log = sh();
    log.serial += 1;
    log.record("URINGOP", "uring_op=18 success=yes exit=0 items=0 ppid=200 pid=300 uid=0 gid=0");
    log.record("EOE", "");
    assert_eq!(log.parent(), KNOWN);
}

#[test]
fn text_of_programs_names_no_process() {
    let mut log = sh();
    log.serial += 1;
    log.record("USER_CMD", "pid=9 uid=0 auid=0 ses=1 msg='ppid=200 pid=200 comm=\"evil\" exe=\"/evil\" res=success'");
    assert_eq!(log.parent(), NOTHING);
    assert_eq!(log.exec(LS, &["ls"]).parent(), KNOWN);
}
