//! Tests that an interpretation never replaces a fact by an error, and that ids of other hosts get no names here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Running, auship, json, wait_until, write_config};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// Gives each record a time and a serial, one event a record.
fn log(records: &[&str]) -> String {
    let stamp = |(n, record): (usize, &&str)| {
        let at = record.find(' ').filter(|_| !record.starts_with("node=")).unwrap_or_else(|| {
            let kind = record.find("type=").unwrap();
            kind + record[kind..].find(' ').unwrap()
        });
        format!("{} msg=audit(1795320000.{:03}:{}):{}\n", &record[..at], n, n + 1, &record[at..])
    };
    records.iter().enumerate().map(stamp).collect()
}

fn converted(args: &[&str], text: &str) -> Vec<Value> {
    let output = auship(&[&["convert"], args].concat(), text.as_bytes());
    assert!(output.status.success(), "{output:?}");
    json::lines(&output.stdout)
}

/// The details of the document for one record.
fn details(record: &str) -> Value {
    let [document] = &converted(&[], &log(&[record]))[..] else { panic!("{record}") };
    document["details"].clone()
}

fn ecs(record: &str) -> Value {
    let [document] = &converted(&["--format", "ecs"], &log(&[record]))[..] else { panic!("{record}") };
    document.clone()
}

/// Checks one key of `details` for each record.
fn says(cases: &[(&str, &str, Option<&str>)]) {
    for (record, key, value) in cases {
        assert_eq!(details(record).get(key).and_then(Value::as_str), *value, "{key} of {record}");
    }
}

/// A SYSCALL record of a machine, a call and its arguments.
fn call(arch: &str, number: u32, arguments: &str) -> String {
    format!(
        "type=SYSCALL arch={arch} syscall={number} success=yes exit=0 {arguments} items=0 ppid=1 pid=2 uid=0 comm=\"x\""
    )
}

#[test]
fn the_second_uid_has_the_second_name() {
    let record = "type=ANOM_LOGIN_FAILURES pid=16619 uid=0 auid=1000 ses=7 msg='pam_faillock uid=1003  \
                  exe=\"/usr/bin/login\" hostname=arm1 addr=? terminal=pts/2 res=success'\x1dUID=\"root\" \
                  AUID=\"adm7\" UID=\"dora\"";
    let document = ecs(record);
    assert_eq!(document["auditd"]["data"]["uid"], "1003");
    assert_eq!(document["auditd"]["interpreted"]["uid"], "dora");
    assert_ne!(document["user"]["name"], "dora");
    assert_eq!(details(record)["user"], "root");

    let two_ids = |names: &str| {
        ecs(&format!(
            "type=USER_MGMT pid=1 uid=0 auid=5 ses=1 msg='op=x id=1001 inode_uid=7 id=1002 res=success'\x1d{names}"
        ))
    };
    let document = two_ids("UID=\"root\" AUID=\"adm7\" ID=\"ann\" INODE_UID=\"g\" ID=\"bob\"");
    assert_eq!(document["auditd"]["interpreted"]["id"], "ann");
    // Fewer names than fields: the second one has none, and libauparse would give it the first one's.
    let document = two_ids("UID=\"root\" AUID=\"adm7\" ID=\"ann\"");
    assert_eq!(document["auditd"]["interpreted"]["id"], "ann");
    assert_eq!(document["auditd"]["data"]["user_mgmt_id"], json!(["1001", "1002"]));

    // auditd encodes a name that isn't plain text.
    says(&[
        ("type=USER pid=1 uid=1001 auid=5 msg='op=x'\x1dUID=C3A4646120 AUID=\"b\"", "user", Some("äda ")),
        (
            "type=USER pid=1 uid=1001 auid=5 msg='op=x'\x1dUID=\"unknown(1001)\" AUID=\"b\"",
            "user",
            Some("unknown(1001)"),
        ),
        // auditd took a word for 0.
        ("type=USER_AVC pid=1 uid=0 auid=n/a msg='avc: x'\x1dUID=\"root\" AUID=\"root\"", "originaluser", None),
        ("type=USER pid=1 uid=nobody auid=5 msg='op=x'", "user", None),
        ("type=USER pid=1 uid=4294967296 auid=5 msg='op=x'", "user", None),
        ("type=USER pid=1 uid=\"1\" auid=5 msg='op=x'", "user", None),
        ("type=USER pid=1 uid=0 and words auid=5 msg='op=x'", "user", Some("root")),
    ]);
}

#[test]
fn an_answer_from_what_was_appended_to_one_record_is_not_remembered() {
    // Somebody writes the byte that separates what auditd appends into a message.
    let forged = "type=USER_LOGIN pid=1 uid=0 auid=5 msg='op=x sig=9 res=0\x1dRES=yes SIG=none'";
    let documents = converted(&[], &log(&[forged, "type=USER_LOGIN pid=1 uid=0 auid=5 msg='op=x sig=9 res=0'"]));
    let values = |n: usize| (&documents[n]["details"]["res"], &documents[n]["details"]["sig"]);
    assert_eq!(values(1), (&json!("no"), &json!("SIGKILL")));
    assert_eq!(values(0), (&json!("0\\x1dRES=yes"), &json!("SIGKILL")));
    assert_eq!(documents[0]["details"]["SIG"], "none", "it is text of the message");
}

#[test]
fn seccomp_actions_are_named_as_the_kernel_defines_them() {
    let code = |code: &str| {
        details(&format!("type=SECCOMP auid=5 uid=5 gid=5 ses=3 subj=u pid=7 comm=\"x\" exe=\"/x\" sig=31 arch=c000003e syscall=41 compat=0 ip=0x7f code={code}"))["code"].clone()
    };
    for (text, name) in [
        ("0x80000000", "kill-process"),
        ("0x0", "kill"),
        ("0x30000", "trap"),
        ("0x50001", "errno"),
        ("0x7fc00000", "user-notify"),
        ("0x7ff00000", "trace"),
        ("0x7ffc0000", "log"),
        ("0x7fff0000", "allow"),
        ("0x12340000", "0x12340000"),
        ("what", "what"),
    ] {
        assert_eq!(code(text), name, "{text}");
    }
    says(&[("type=USER pid=1 uid=0 msg='code=0x0 res=1'", "code", Some("0x0"))]);
}

#[test]
fn flags_of_openat2_are_octal() {
    says(&[
        ("type=OPENAT2 oflag=0102 mode=0750 resolve=0x0", "oflag", Some("0102")),
        ("type=OPENAT2 oflag=0 mode=0 resolve=0x0", "oflag", Some("0")),
        ("type=OPENAT2 oflag=02100000 mode=0 resolve=0x18", "oflag", Some("02100000")),
        ("type=OPENAT2 oflag=0102 mode=0750 resolve=0x0", "resolve", Some("0x0")),
        ("type=OPENAT2 oflag=0 mode=0 resolve=0x8", "resolve", Some("RESOLVE_BENEATH")),
        ("type=MQ_OPEN oflag=0x42 mode=0600 mq_flags=0x0", "oflag", Some("O_RDWR|O_CREAT")),
    ]);
    let interpreted = ecs("type=OPENAT2 oflag=0102 mode=0750 resolve=0x0")["auditd"].get("interpreted").cloned();
    assert_eq!(interpreted, None);
}

#[test]
fn socket_addresses_are_taken_apart_or_kept() {
    let kept = |saddr: &str| assert_eq!(details(&format!("type=SOCKADDR saddr={saddr}"))["saddr"], saddr);
    for saddr in
        ["0200", "1F00060000112233445500", "28000000D204", "010000610062", "00000000", "1D00000003000000", "0300"]
    {
        kept(saddr);
    }
    kept(&format!("0800{}", "00".repeat(200)));
    for (saddr, text) in [
        ("28000000D2040000020000000000000000".get(..32).unwrap(), "{ saddr_fam=vsock cid=2 port=1234 }"),
        ("0100", "{ saddr_fam=local unnamed }"),
        ("020001BBC00002010000000000000000", "{ saddr_fam=inet laddr=192.0.2.1 lport=443 }"),
        ("100000000000000000000000", "{ saddr_fam=netlink nlnk-fam=16 nlnk-pid=0 }"),
        ("0A0001BB00000000FE80000000000000000000000000000101000000", "{ saddr_fam=inet6 laddr=fe80::1%1 lport=443 }"),
    ] {
        assert_eq!(details(&format!("type=SOCKADDR saddr={saddr}"))["saddr"], text, "{saddr}");
        for error in ["{ saddr_fam=vsock (unsupported) }", "{ saddr_fam=local sockaddr len too short }"] {
            let record = format!("type=SOCKADDR saddr={saddr}\x1dSADDR={error}");
            assert_eq!(details(&record)["saddr"], text, "{record}");
        }
    }
    says(&[
        ("type=SOCKADDR saddr=28000000\x1dSADDR={ saddr_fam=vsock (unsupported) }", "saddr", Some("28000000")),
        ("type=SOCKADDR saddr=63000000\x1dSADDR=unknown-family(99)", "saddr", Some("63000000")),
        // In other records `saddr` is no such address.
        ("type=CRYPTO_IPSEC_SA pid=1 uid=0 msg='op=x saddr=0100 res=success'", "saddr", Some("0100")),
    ]);
    assert_eq!(ecs("type=SOCKADDR saddr=28000000D204")["auditd"]["data"]["socket"]["saddr"], "28000000D204");
}

#[test]
fn a_machine_without_a_table_has_numbers() {
    for arch in ["c00000f3", "8", "c0000102", "80000015f", "x", "f3"] {
        let record = call(arch, 221, "a0=ffffff9c a1=7ffc22 a2=241 a3=0");
        let [document] = &converted(&[], &log(&[&record]))[..] else { panic!() };
        let found = &document["details"];
        assert_eq!((&found["arch"], &found["syscall"]), (&json!(arch), &json!("221")));
        assert_eq!((&found["a0"], &found["a2"]), (&json!("ffffff9c"), &json!("241")));
        assert_eq!((&document["category"], &document["summary"]), (&json!("syscall"), &json!("Syscall: 221")));
        let document = ecs(&record);
        assert_eq!(document["auditd"]["data"]["syscall"], "221");
        assert_eq!(document["auditd"].get("interpreted"), None, "{document}");
        assert_eq!(document["event"]["action"], "221", "{document}");
    }
    // MIPS has its own numbers of errors and signals: 89 is ENOSYS there. RISC-V has those of x86.
    let exit = |arch: &str| {
        let record = call(arch, 221, "a0=1 a1=2 a2=3 a3=0").replace("success=yes exit=0", "success=no exit=-89");
        let both = converted(&[], &log(&[&record, &call("c000003e", 0, "a0=1").replace("exit=0", "exit=-89")]));
        both.iter().map(|d| d["details"]["exit"].as_str().unwrap()[..3].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(exit("8"), ["-89", "EDE"]);
    assert_eq!(exit("c00000f3"), ["EDE", "EDE"]);

    // The host that wrote the record knew the name.
    let record = call("c00000f3", 221, "a0=1 a1=2 a2=3 a3=0") + "\x1dARCH=riscv64 SYSCALL=execve UID=\"root\"";
    let [document] = &converted(&[], &log(&[&record]))[..] else { panic!() };
    assert_eq!(document["category"], "execve");
    assert_eq!((&document["details"]["arch"], &document["details"]["a0"]), (&json!("riscv64"), &json!("1")));
    let unknown =
        call("c00000f3", 59, "a0=1 a1=2 a2=3 a3=0") + "\x1dARCH=unknown-elf-type(c00000f3) SYSCALL=unknown-syscall(59)";
    assert_eq!(details(&unknown)["syscall"], "59");

    let seccomp = |arch: &str| {
        format!(
            "type=SECCOMP auid=5 uid=5 gid=5 ses=3 subj=u pid=7 comm=\"x\" exe=\"/x\" sig=31 arch={arch} syscall=59 compat=0 ip=0x7f code=0x0"
        )
    };
    says(&[
        (&seccomp("c000003e"), "syscall", Some("execve")),
        (&seccomp("c00000f3"), "syscall", Some("59")),
        ("type=SYSCALL syscall=59 success=yes exit=0 a0=1", "syscall", Some("59")),
        ("type=SYSCALL arch=c000003e syscall=execve success=yes exit=0 a0=1", "syscall", Some("execve")),
        ("type=SYSCALL arch=c000003e syscall=4294967355 success=yes exit=0 a0=1", "syscall", Some("4294967355")),
        ("type=SYSCALL arch=40000003 syscall=102 success=yes exit=0 a0=3", "syscall", Some("socketcall(connect)")),
    ]);
}

#[test]
fn arguments_that_libauparse_takes_for_something_else_stay_as_recorded() {
    for (number, arguments, key, value) in [
        // exit_group with a status that libauparse has no name for
        (231, "a0=7f a1=0 a2=0 a3=0", "a0", "7f"),
        (231, "a0=0 a1=0 a2=0 a3=0", "a0", "EXIT_SUCCESS"),
        // fcntl: F_SETOWN takes a process, F_SETFD a flag
        (72, "a0=3 a1=8 a2=1 a3=0", "a2", "1"),
        (72, "a0=3 a1=2 a2=1 a3=0", "a2", "FD_CLOEXEC"),
        // the third argument of clone is an address
        (56, "a0=1200011 a1=0 a2=7f00 a3=0", "a2", "7f00"),
        (56, "a0=1200011 a1=0 a2=7f12ab345678 a3=0", "a2", "7f12ab345678"),
        (62, "a0=3 a1=63 a2=0 a3=0", "a1", "63"),
        (62, "a0=3 a1=9 a2=0 a3=0", "a1", "SIGKILL"),
        (257, "a0=ffffff9c a1=7ffc a2=241 a3=1b6", "a2", "O_WRONLY|O_CREAT|O_TRUNC"),
    ] {
        let record = call("c000003e", number, arguments);
        assert_eq!(details(&record)[key], value, "{record}");
    }
    // O_DIRECTORY of arm64 is O_DIRECT of x86.
    assert_eq!(details(&call("c00000b7", 56, "a0=3 a1=7ffc a2=4000 a3=0"))["a2"], "4000");
    assert_eq!(details(&call("c00000b7", 56, "a0=3 a1=7ffc a2=241 a3=0"))["a2"], "O_WRONLY|O_CREAT|O_TRUNC");
}

#[test]
fn a_value_that_libauparse_would_misread_stays_as_recorded() {
    says(&[
        ("type=USER pid=1 uid=0 msg='op=x proto=tcp res=1'", "proto", Some("tcp")),
        ("type=USER pid=1 uid=0 msg='op=x proto=250 res=1'", "proto", Some("250")),
        ("type=USER pid=1 uid=0 msg='op=x proto=6 res=1'", "proto", Some("tcp")),
        ("type=USER pid=1 uid=0 msg='op=x perm=rwx res=1'", "perm", Some("rwx")),
        ("type=USER pid=1 uid=0 msg='op=x perm=3 res=1'", "perm", Some("write,exec")),
        ("type=USER pid=1 uid=0 msg='op=x sig=TERM res=2'", "sig", Some("TERM")),
        ("type=USER pid=1 uid=0 msg='op=x sig=TERM res=2'", "res", Some("2")),
        ("type=USER pid=1 uid=0 msg='op=x sig=30 res=1'", "sig", Some("SIGPWR")),
        ("type=CRYPTO_SESSION pid=1 uid=0 msg='op=x fp=SHA256:ab res=1'", "fp", Some("SHA256:ab")),
        ("type=BPRM_FCAPS fver=0 fp=0 fi=? fe=0 old_pp=000001ffffffffff", "fi", Some("?")),
        ("type=BPRM_FCAPS fver=0 fp=0 fi=? fe=0 old_pp=0000020000000000", "old_pp", Some("0000020000000000")),
        ("type=INTEGRITY_POLICY_RULE action=measure func=x hook=0 res=1", "action", Some("measure")),
        ("type=USER pid=1 uid=0 msg='op=x flags=0x2 family=2 data=4142 a0=21 res=1'", "flags", Some("0x2")),
        ("type=USER pid=1 uid=0 msg='op=x flags=0x2 family=2 data=4142 a0=21 res=1'", "family", Some("2")),
        ("type=USER pid=1 uid=0 msg='op=x flags=0x2 family=2 data=4142 a0=21 res=1'", "data", Some("4142")),
        ("type=USER pid=1 uid=0 msg='op=x flags=0x2 family=2 data=4142 a0=21 res=1'", "a0", Some("21")),
        ("type=MMAP fd=3 flags=0x2", "flags", Some("MAP_PRIVATE")),
        ("type=NETFILTER_CFG table=filter family=2 entries=4", "family", Some("ipv4")),
        ("type=SYSCALL arch=c000003e syscall=0 success=no exit=-13 a0=1", "exit", Some("EACCES(Permission denied)")),
        ("type=SYSCALL arch=c000003e syscall=0 success=no exit=-13x a0=1", "exit", Some("-13x")),
        ("type=SYSCALL arch=c000003e syscall=0 success=no exit=-4294967309 a0=1", "exit", Some("-4294967309")),
        ("type=USER_MGMT pid=1 uid=0 msg='op=x id=none res=1'", "id", Some("none")),
    ]);
}

/// The name that this host has for user 1, which every system has.
fn name_of_user_1() -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.split(':').nth(2) == Some("1")).expect("user 1 is in /etc/passwd");
    line.split(':').next().unwrap().to_string()
}

#[test]
fn ids_of_other_hosts_have_no_names_here() {
    let name = name_of_user_1();
    let this = nix::unistd::gethostname().unwrap().into_string().unwrap();
    let record = |node: &str| {
        let node = if node.is_empty() { String::new() } else { format!("node={node} ") };
        let fields = "pid=1 uid=1 auid=1 ses=1 msg='op=x id=1 inode_uid=1 res=success'";
        let setuid =
            "syscall=105 success=yes exit=0 a0=1 a1=0 a2=0 a3=0 items=0 ppid=1 pid=2 uid=1 gid=1 euid=0 ouid=1";
        (format!("{node}type=USER {fields}"), format!("{node}type=SYSCALL arch=c000003e {setuid}"))
    };
    let elsewhere = "elsewhere.example";
    for (args, node, is_named) in [
        (&[][..], "", true),
        (&[], this.as_str(), true),
        (&[], elsewhere, false),
        (&["--resolve-ids=local"], elsewhere, false),
        (&["--resolve-ids=always"], elsewhere, true),
        (&["--resolve-ids=never"], "", false),
        (&["--resolve-ids=never"], this.as_str(), false),
    ] {
        let (user, setuid) = record(node);
        let text = log(&[&user, &setuid]);
        let what = format!("{args:?} {node}");
        let documents = converted(args, &text);
        let user = &documents[0]["details"];
        let expected = is_named.then_some(name.as_str());
        for key in ["user", "originaluser"] {
            assert_eq!(user.get(key).and_then(Value::as_str), expected, "{key} {what}");
        }
        for key in ["id", "inode_uid"] {
            assert_eq!(user[key], expected.unwrap_or("1"), "{key} {what}");
        }
        assert_eq!(documents[1]["details"]["a0"], expected.unwrap_or("1"), "{what}");

        let documents = converted(&[args, &["--format", "ecs"]].concat(), &text);
        assert_eq!(documents[1]["user"].get("name").and_then(Value::as_str), expected, "{what}");
        assert_eq!(documents[1]["user"]["group"].get("name").is_some(), is_named, "{what}");
        assert_eq!(documents[1]["user"]["id"], "1", "{what}");
        assert_eq!(documents[1]["user"]["effective"]["name"], "root", "root is 0 on every host");
    }
}

#[test]
fn a_name_of_this_host_is_not_remembered_for_another() {
    let name = name_of_user_1();
    let record = "type=USER pid=1 uid=1 auid=1 msg='op=x inode_uid=1 res=success'";
    let other = format!("node=elsewhere.example {record}");
    let text = log(&[record, &other, record, &other]);
    for (format, path) in [("mozdef", "/details/user"), ("mozdef", "/details/inode_uid"), ("ecs", "/user/name")] {
        let documents = converted(&["--format", format], &text);
        let names: Vec<_> = documents.iter().map(|d| d.pointer(path).and_then(Value::as_str)).collect();
        let none = if path.ends_with("inode_uid") { Some("1") } else { None };
        assert_eq!(names, [Some(name.as_str()), none, Some(name.as_str()), none], "{path}");
    }
}

#[test]
fn names_that_auditd_appended_always_count() {
    let record =
        "node=elsewhere.example type=USER pid=1 uid=1 auid=2 msg='op=x res=success'\x1dUID=\"ann\" AUID=\"bob\"";
    for mode in ["local", "always", "never"] {
        let [document] = &converted(&["--resolve-ids", mode], &log(&[record]))[..] else { panic!() };
        let details = &document["details"];
        assert_eq!((&details["user"], &details["originaluser"]), (&json!("ann"), &json!("bob")), "{mode}");
    }
}

#[test]
fn the_configuration_says_whose_ids_are_looked_up() {
    let dir = tempfile::tempdir().unwrap();
    let text = log(&["type=USER pid=1 uid=1 auid=1 msg='op=x res=success'"]);
    let config = write_config(dir.path(), "[input]\nresolve_ids = never\n[output:a]\ntype = stdout\n");
    let config = config.to_str().unwrap();
    assert_eq!(converted(&["--config", config], &text)[0]["details"].get("user"), None);
    let args = ["--config", config, "--resolve-ids=always"];
    assert_eq!(converted(&args, &text)[0]["details"]["user"], name_of_user_1().as_str());
}

#[test]
fn a_reload_changes_whose_ids_are_looked_up() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.json");
    let configure = |rule: &str| {
        let text = format!("[input]\nresolve_ids = {rule}\n[output:o]\ntype = file\npath = {}\n", out.display());
        write_config(dir.path(), &text)
    };
    let mut running = Running::start(&configure("never"));
    let record = "type=USER pid=1 uid=1 auid=1 msg='op=x res=success'";
    let feed = |running: &mut Running, count| {
        running.feed(&log(&[record]));
        wait_until("a document is written", || {
            std::fs::read(&out).is_ok_and(|text| text.iter().filter(|byte| **byte == b'\n').count() == count)
        });
    };
    feed(&mut running, 1);
    configure("local");
    running.signal(Signal::SIGHUP);
    running.wait_for("auship.conf reloaded");
    feed(&mut running, 2);
    configure("nobody");
    running.signal(Signal::SIGHUP);
    running.wait_for("[input] resolve_ids: is \"nobody\", must be local, always or never");
    feed(&mut running, 3);
    assert!(running.finish().0.success());
    let documents = json::lines(&std::fs::read(&out).unwrap());
    let names: Vec<_> = documents.iter().map(|d| d["details"].get("user").cloned()).collect();
    let name = Some(json!(name_of_user_1()));
    assert_eq!(names, [None, name.clone(), name]);
}
