#![allow(clippy::unwrap_used)]

use super::*;
use crate::{auparse::Parser, config::parse, event::Events, receipt::Receipt};
use std::path::Path;

/// Passes each event to a function.
struct Each<F>(F);

impl<F: FnMut(&mut Event)> Events for Each<F> {
    fn event(&mut self, mut event: Event<'_, '_>, _receipt: Option<Receipt>) {
        self.0(&mut event);
    }
}

/// No serials.
const NONE: [u64; 0] = [];

/// The filters that these sections configure.
fn filters(sections: &str) -> Filters {
    let config = parse(Path::new("x"), &format!("[output:o]\ntype = stdout\n{sections}\n"));
    Filters::new(&config.unwrap_or_else(|faults| unreachable!("{faults}")).filters)
}

/// The serials of the dropped events.
fn dropped_by(filters: &mut Filters, log: &str) -> Vec<u64> {
    let mut dropped = Vec::new();
    let mut parser = Parser::new().unwrap();
    let mut each = Each(|event: &mut Event| {
        if filters.decide(event).action == Action::Drop {
            dropped.push(event.id().serial);
        }
    });
    parser.feed(log.as_bytes(), &mut each).unwrap();
    parser.finish(&mut each).unwrap();
    dropped.sort_unstable();
    dropped
}

/// The serials of the events that a filter with these settings drops.
fn dropped(keys: &str, log: &str) -> Vec<u64> {
    dropped_by(&mut filters(&format!("[filter:f]\n{keys}")), log)
}

/// Records of one event, from their types and bodies.
fn event(serial: u64, records: &[(&str, &str)]) -> String {
    let head = format!("msg=audit(1795320000.001:{serial}): ");
    let records = records.iter().chain(&[("EOE", "")]);
    records.map(|(kind, body)| format!("type={kind} {head}{body}\n")).collect()
}

/// A SYSCALL record's body.
fn syscall(number: u32, more: &str) -> String {
    format!("arch=c000003e syscall={number} success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=1 ppid=1 pid=2 {more}")
}

#[test]
fn the_first_that_matches_decides_and_counts() {
    let log: String =
        (0..6).map(|uid| event(uid, &[("SYSCALL", &syscall(59, &format!("uid={uid} key=(null)")))])).collect();
    let mut filters =
        filters("[filter:two]\nuid = 2\naction = keep\n[filter:some]\nuid = 1-3\n[filter:three]\nuid = 3-4\n");
    assert_eq!(dropped_by(&mut filters, &log), [1, 3, 4]);
    assert_eq!(filters.hits().collect::<Vec<_>>(), [("two", 1), ("some", 2), ("three", 1)]);
    let log = event(9, &[("SYSCALL", &syscall(59, "uid=2"))]);
    let mut parser = Parser::new().unwrap();
    parser
        .feed(
            log.as_bytes(),
            &mut Each(|event: &mut Event| {
                let verdict = filters.decide(event);
                assert_eq!(verdict, Verdict { action: Action::Keep, filter: Some("two") });
            }),
        )
        .unwrap();
    let mut none = Filters::default();
    assert!(none.is_empty());
    assert_eq!(dropped_by(&mut none, &log), NONE);
}

#[test]
fn hits_of_a_filter_that_stays_go_on() {
    let log = event(1, &[("SYSCALL", &syscall(59, "uid=1"))]);
    let mut running = filters("[filter:a]\nuid = 1\n[filter:b]\nuid = 2");
    dropped_by(&mut running, &log);
    let next = filters("# further down\n\n[filter:b]\nuid = 3\n[filter:a]\nuid = 1");
    running.replace(&next.filters.iter().map(|c| c.filter.clone()).collect::<Vec<_>>());
    assert_eq!(running.hits().collect::<Vec<_>>(), [("b", 0), ("a", 1)]);
    let next = filters("[filter:a]\nuid = 1\naction = keep");
    running.replace(&next.filters.iter().map(|c| c.filter.clone()).collect::<Vec<_>>());
    assert_eq!(running.hits().collect::<Vec<_>>(), [("a", 0)]);
}

#[test]
fn conditions_must_hold_together() {
    let log = event(1, &[("SYSCALL", &syscall(59, "uid=1 exe=\"/bin/a\" key=\"k\""))])
        + &event(2, &[("SYSCALL", &syscall(59, "uid=2 exe=\"/bin/a\" key=\"k\""))])
        + &event(3, &[("SYSCALL", &syscall(2, "uid=1 exe=\"/bin/b\" key=\"k\""))]);
    assert_eq!(dropped("uid = 1\nkey = k", &log), [1, 3]);
    assert_eq!(dropped("uid = 1\nexe = /bin/a, /bin/c", &log), [1]);
    assert_eq!(dropped("uid = 1,2\nsyscall = execve", &log), [1, 2]);
    assert_eq!(dropped("syscall = execve, 2", &log), [1, 2, 3]);
    assert_eq!(dropped("syscall = open\nrecord_type = PATH", &log), NONE);
}

#[test]
fn system_calls_are_those_of_their_machine() {
    let call = |serial, arch: &str, number| {
        event(serial, &[("SYSCALL", &format!("arch={arch} syscall={number} success=yes exit=0 a0=3 a1=0 a2=0 a3=0"))])
    };
    // execve is 59 on x86_64 and 11 on i386, where 59 is oldolduname. connect is 42, or the third call of socketcall
    // (102).
    let log = call(1, "c000003e", 59)
        + &call(2, "40000003", 11)
        + &call(3, "40000003", 59)
        + &call(4, "c000003e", 42)
        + &call(5, "40000003", 102)
        + &call(6, "c000003e", 9999);
    assert_eq!(dropped("syscall = execve", &log), [1, 2]);
    assert_eq!(dropped("syscall = 59", &log), [1, 3]);
    assert_eq!(dropped("syscall = connect", &log), [4, 5]);
    assert_eq!(dropped("syscall = socketcall", &log), [5]);
    assert_eq!(dropped("syscall = 9999", &log), [6]);
    let enriched = "type=SYSCALL msg=audit(1795320000.001:7): arch=c000003e syscall=59 a0=0 uid=0\u{1d}ARCH=x86_64 \
                    SYSCALL=execve UID=\"somebody\"\n";
    assert_eq!(dropped("syscall = execve\nuser = somebody", enriched), [7]);
    assert_eq!(dropped("user = root", enriched), NONE);
}

#[test]
fn keys_are_decoded_and_compared_whole() {
    let key = |serial, key: &str| event(serial, &[("SYSCALL", &syscall(59, &format!("uid=0 {key}")))]);
    let log = key(1, "key=\"exec\"")
        + &key(2, "key=\"exec2\"")
        // exec, then "with space", separated by 01
        + &key(3, "key=6578656301776974682073706163 65".replace(' ', "").as_str())
        + &key(4, "key=(null)")
        + &key(5, "")
        + &event(6, &[("CONFIG_CHANGE", "auid=0 op=add_rule key=\"exec\" list=4 res=1")])
        + &event(7, &[("CONFIG_CHANGE", "auid=0 op=add_rule key=\"exec\" list=4 res=1"), ("SYSCALL", &syscall(44, "key=(null)"))])
        + &event(8, &[("USER_LOGIN", "pid=1 uid=0 auid=0 ses=1 msg='op=login res=success'")])
        + &event(9, &[("URINGOP", "uring_op=18 items=1 ppid=1 pid=2 uid=5 gid=0 key=\"ring\"")])
        + &event(10, &[("URINGOP", "uring_op=18 items=1 ppid=1 pid=2 uid=5 gid=0 key=(null)")]);
    assert_eq!(dropped("key = exec", &log), [1, 3, 6]);
    assert_eq!(dropped("key = with space, ring", &log), [3, 9]);
    assert_eq!(dropped("key = (null)", &log), NONE);
    assert_eq!(dropped("no_key = yes", &log), [4, 5, 7, 10]);
    assert_eq!(dropped("uid = 5", &log), [9, 10]);
}

#[test]
fn ids_are_those_of_who_did_it() {
    let log =
        event(1, &[("SYSCALL", &syscall(59, "auid=4294967295 uid=0")), ("OBJ_PID", "opid=1 oauid=7 ouid=7 uid=7")])
            + &event(2, &[("SYSCALL", &syscall(59, "auid=-1 uid=1000"))])
            + &event(3, &[("USER_CMD", "pid=1 uid=1001 auid=1000 ses=1 msg='cwd=\"/\" cmd=\"x\" uid=0 auid=9'")])
            + &event(4, &[("SYSCALL", &syscall(59, "auid= uid=x1"))])
            + &event(5, &[("PATH", "item=0 name=\"/x\" ouid=0")]);
    assert_eq!(dropped("uid = 0", &log), [1]);
    assert_eq!(dropped("uid = 7, 1000-1999", &log), [2, 3]);
    assert_eq!(dropped("auid = unset", &log), [1, 2]);
    assert_eq!(dropped("auid = 1000", &log), [3]);
    assert_eq!(dropped("user = root", &log), [1]);
    assert_eq!(dropped("uid = 0-4294967295", &log), [1, 2, 3]);
}

#[test]
fn programs_are_named_whole_or_by_their_beginning() {
    let exe = |serial, exe: &str| event(serial, &[("SYSCALL", &syscall(59, &format!("uid=0 exe={exe} key=(null)")))]);
    // "/opt/a b", which the kernel encodes because it has a space
    let log =
        exe(1, "\"/usr/bin/sh\"") + &exe(2, "\"/usr/bin/shred\"") + &exe(3, "2F6F70742F612062") + &exe(4, "(null)");
    assert_eq!(dropped("exe = /usr/bin/sh", &log), [1]);
    assert_eq!(dropped("exe = /usr/bin/sh*", &log), [1, 2]);
    assert_eq!(dropped("exe = /opt/a b", &log), [3]);
    assert_eq!(dropped("exe = /opt/*, /nowhere", &log), [3]);
    assert_eq!(dropped("exe = *", &log), [1, 2, 3]);
}

/// An event with a working directory and files. `a0` and the call's number decide where relative names begin.
fn files(serial: u64, call: u32, a0: &str, cwd: &str, names: &[&str]) -> String {
    let syscall = format!("arch=c000003e syscall={call} success=yes exit=0 a0={a0} a1=0 a2=3 a3=0 uid=0 key=(null)");
    let cwd = format!("cwd={cwd}");
    let names: Vec<String> = names.iter().map(|name| format!("item=0 name={name} nametype=NORMAL")).collect();
    let mut records = vec![("SYSCALL", syscall.as_str()), ("CWD", cwd.as_str())];
    records.extend(names.iter().map(|name| ("PATH", name.as_str())));
    event(serial, &records)
}

#[test]
fn paths_are_files_or_what_is_in_directories() {
    let open = 2;
    let log = files(1, open, "7ff0", "\"/\"", &["\"/etc\""])
        + &files(2, open, "7ff0", "\"/\"", &["\"/etc/passwd\""])
        + &files(3, open, "7ff0", "\"/\"", &["\"/etcetera\""])
        + &files(4, open, "7ff0", "\"/etc\"", &["\"passwd\""])
        + &files(5, open, "7ff0", "\"/\"", &["\"etc/./ssh/..//passwd\""])
        + &files(6, open, "7ff0", "\"/etc/ssh\"", &["\"../../../../tmp/x\""])
        + &files(7, open, "7ff0", "\"/tmp\"", &["\"/etc/../tmp/x\""])
        + &files(8, open, "7ff0", "\"/root\"", &["\"x\"", "\"/etc/\""])
        // /etc/a b; (null) is no name at all
        + &files(9, open, "7ff0", "\"/\"", &["(null)", "2F6574632F612062"])
        + &files(10, open, "7ff0", "\"/etc\"", &["(null)"])
        + &files(11, open, "7ff0", "2F6574632F612062", &["\"x\""])
        + &files(12, open, "7ff0", "(null)", &["\"etc/x\""]);
    assert_eq!(dropped("path = /etc", &log), [1, 2, 4, 5, 8, 9, 11]);
    assert_eq!(dropped("path = /etc/passwd", &log), [2, 4, 5]);
    assert_eq!(dropped("path = /tmp/", &log), [6, 7]);
    assert_eq!(dropped("path = /etc/a b", &log), [9, 11]);
    assert_eq!(dropped("path = /", &log), [1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
}

#[test]
fn names_below_an_open_directory_are_nowhere() {
    let (openat, renameat, symlinkat, unknown) = (257, 264, 266, 9999);
    let at = |serial, call, a0: &str| files(serial, call, a0, "\"/etc\"", &["\"x\""]);
    let log = at(1, openat, "ffffff9c")
        + &at(2, openat, "ffffffffffffff9c")
        + &at(3, openat, "5")
        + &files(4, openat, "5", "\"/\"", &["\"/etc/x\""])
        // a2 is 3
        + &at(5, renameat, "ffffff9c")
        // a1 is 0
        + &at(6, symlinkat, "ffffff9c")
        + &at(7, unknown, "ffffff9c")
        + &event(9, &[("SYSCALL", &syscall(426, "uid=0")), ("URINGOP", "uring_op=18 uid=0"), ("CWD", "cwd=\"/etc\""), ("PATH", "name=\"x\"")])
        + &event(8, &[("URINGOP", "uring_op=18 uid=0"), ("CWD", "cwd=\"/etc\""), ("PATH", "item=0 name=\"x\"")]);
    assert_eq!(dropped("path = /etc", &log), [1, 2, 4]);
}

#[test]
fn addresses_and_ports_are_those_of_one_socket() {
    let saddr = |serial, saddrs: &[&str]| {
        let bodies: Vec<String> = saddrs.iter().map(|saddr| format!("saddr={saddr}")).collect();
        let call = syscall(42, "uid=0");
        let mut records = vec![("SYSCALL", call.as_str())];
        records.extend(bodies.iter().map(|body| ("SOCKADDR", body.as_str())));
        event(serial, &records)
    };
    let v4 = "020001BBC00002010000000000000000"; // 192.0.2.1:443
    let v6 = "0A0000350000000020010DB800000000000000000000000100000000"; // [2001:db8::1]:53
    let mapped = "0A0001BB0000000000000000000000000000FFFFC000020100000000"; // [::ffff:192.0.2.1]:443
    let unix = "01002F72756E2F746F6F6C2E736F636B00";
    let log = saddr(1, &[v4])
        + &saddr(2, &[v6])
        + &saddr(3, &[mapped])
        + &saddr(4, &[unix])
        + &saddr(5, &["020001BBC000"])
        + &saddr(6, &["zz", "0", ""])
        + &saddr(7, &[v6, v4])
        + &event(8, &[("USER_LOGIN", "pid=1 uid=0 auid=0 ses=1 msg='op=login addr=192.0.2.1 res=success'")]);
    assert_eq!(dropped("address = 192.0.2.0/24", &log), [1, 3, 7]);
    assert_eq!(dropped("address = 192.0.2.2, 2001:db8::/32", &log), [2, 7]);
    assert_eq!(dropped("address = 192.0.2.1:443", &log), [1, 3, 7]);
    assert_eq!(dropped("address = 192.0.2.1:444-500", &log), NONE);
    assert_eq!(dropped("address = [2001:db8::1]:50-60", &log), [2, 7]);
    assert_eq!(dropped("port = 1-442", &log), [2, 7]);
    assert_eq!(dropped("port = 53\naddress = 192.0.2.1", &log), NONE);
    assert_eq!(dropped("address = 0.0.0.0/0", &log), [1, 3, 7]);
    assert_eq!(dropped("address = ::/0", &log), [2, 3, 7]);
}

#[test]
fn patterns_see_the_text_that_they_are_about() {
    let log = event(
        1,
        &[("SYSCALL", &syscall(59, "comm=\"a\" key=\"k\"")), ("CWD", "cwd=\"/b\""), ("PATH", "item=0 name=\"c\"")],
    ) + &event(2, &[("SYSCALL", &syscall(2, "comm=\"a\" key=\"k\"")), ("CWD", "cwd=\"/c\"")])
        + &format!(
            "node=h.example.com {}",
            event(3, &[]).replace("type=EOE", "type=USER").replace("): ", "): pid=1 msg='x'")
        );
    // The text of one record
    assert_eq!(dropped("record_type = CWD\nregex = ^cwd=\"/[bc]\"$", &log), [1, 2]);
    assert_eq!(dropped("record_type = PATH, CWD\nregex = c\"", &log), [1, 2]);
    assert_eq!(dropped("record_type = PATH\nregex = /b", &log), NONE);
    assert_eq!(dropped("syscall = execve\nregex = ^item=0", &log), [1]);
    assert_eq!(dropped("syscall = execve\nregex = comm=.*cwd=", &log), NONE);
    // The texts of all records
    assert_eq!(dropped("key = k\nregex = ^arch=.*\"k\" cwd=\"/b\" item=0 name=\"c\"$", &log), [1]);
    assert_eq!(dropped("regex = comm=.*cwd=", &log), [1, 2]);
    assert_eq!(dropped("regex = type=|audit|1795320000|node", &log), NONE);
    assert_eq!(dropped("regex = ^pid=1 msg='x'$", &log), [3]);
    assert_eq!(dropped("regex = ^", &log), [1, 2, 3]);
    assert_eq!(dropped("regex = (?i)COMM=\"A\"", &log), [1, 2]);
}

#[test]
fn bytes_that_are_no_text_are_matched_too() {
    let mut log = event(1, &[("USER", "pid=1 uid=0 msg='x y'")]).into_bytes();
    let at = log.iter().position(|b| *b == b'x').unwrap();
    log[at] = 0xff;
    let mut filters = filters("[filter:f]\nregex = '. y'");
    let mut parser = Parser::new().unwrap();
    let mut each = Each(|event: &mut Event| assert_eq!(filters.decide(event).filter, Some("f")));
    parser.feed(&log, &mut each).unwrap();
    parser.finish(&mut each).unwrap();
    assert_eq!(filters.hits().map(|(_, hits)| hits).sum::<u64>(), 1);
}

#[test]
fn no_event_is_too_odd() {
    let all = "[filter:f]\nsyscall = execve, 1\nkey = k\nuid = 1\nauid = 1\nuser = u\nexe = /x*\npath = /x\naddress = ::1\n\
               port = 1\nregex = x\n";
    // Each condition is alone in its filter, so each one is tested.
    let each = "[filter:a]\nsyscall = execve\n[filter:b]\nkey = k\n[filter:c]\nuid = 1\n[filter:d]\nuser = u\n\
                [filter:e]\nexe = /x*\n[filter:g]\npath = /x\n[filter:h]\nport = 1\n[filter:i]\nregex = x\n[filter:j]\n\
                record_type = 1300\nregex = y\n";
    let mut filters = filters(&format!("{all}{each}"));
    let bodies = [
        "",
        " ",
        "=",
        "uid",
        "uid=",
        "uid= auid= exe= key= name= cwd= saddr= syscall= arch=",
        "name=\" cwd=\"",
        "key=01",
        "key=0",
        "key=6101",
        "exe=\"",
        "saddr=02",
        "syscall=99999999999999999999 arch=zz",
        "name=2F2E2E cwd=2F2E2E2F",
        "a0=ffffff9c",
    ];
    let mut log = String::new();
    let mut serial = 0;
    for kind in ["SYSCALL", "PATH", "CWD", "SOCKADDR", "URINGOP", "USER", "EOE", "UNKNOWN[9999]"] {
        for body in bodies {
            serial += 1;
            log += &event(serial, &[(kind, body), ("CWD", body), ("PATH", body)]);
        }
    }
    dropped_by(&mut filters, &log);
}
