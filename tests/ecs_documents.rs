//! Tests how unusual records appear in documents of `format = ecs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{auship, json, write_config};
use serde_json::{Value, json};

/// Returns the documents of these records. Adds a head with a separate serial to each record.
fn documents(records: &[&str]) -> Vec<Value> {
    let line = |(n, record): (usize, &&str)| {
        let (kind, rest) = record.split_once(' ').unwrap_or((record, ""));
        format!("type={kind} msg=audit(1795320000.001:{}): {rest}\n", n + 1)
    };
    of_log(&records.iter().enumerate().map(line).collect::<String>())
}

/// Returns the document of one event that consists of these records.
fn event(records: &[&str]) -> Value {
    let lines = records.iter().map(|record| {
        let (kind, rest) = record.split_once(' ').unwrap_or((record, ""));
        format!("type={kind} msg=audit(1795320000.001:7): {rest}\n")
    });
    let [document] = &of_log(&lines.collect::<String>())[..] else { panic!("not one document") };
    document.clone()
}

fn of_log(log: &str) -> Vec<Value> {
    let out = auship(&["convert", "--format", "ecs"], log.as_bytes());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    json::lines(&out.stdout)
}

const CALL: &str = "SYSCALL arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=1 a2=0 a3=0 items=1 ppid=1 \
                    pid=9 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 \
                    comm=\"cat\" exe=\"/usr/bin/cat\" key=\"k\"";

#[test]
fn the_head_is_where_sinks_look_for_it() {
    let out = auship(&["convert", "--format", "ecs"], b"type=USER msg=audit(1.005:7): pid=1\n");
    let text = String::from_utf8(out.stdout).unwrap();
    let head = "{\"@timestamp\":\"1970-01-01T00:00:01.005Z\",\"event\":{\"id\":\"";
    assert!(text.starts_with(head), "{text}");
    assert_eq!(text[head.len()..].find('"'), Some(32), "{text}");
}

#[test]
fn relative_names_are_joined_to_the_working_directory() {
    let path =
        "PATH item=0 name=\"a.d/b.conf\" inode=5 dev=fe:00 mode=0100640 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL";
    let document = event(&[CALL, "CWD cwd=\"/srv\"", path, "EOE"]);
    assert_eq!(document["file"]["path"], "/srv/a.d/b.conf");
    assert_eq!(document["file"]["directory"], "/srv/a.d");
    assert_eq!(document["file"]["name"], "b.conf");
    assert_eq!(document["file"]["extension"], "conf");
    assert_eq!(document["file"]["mode"], "0640");
    assert_eq!(document["auditd"]["paths"][0]["name"], "a.d/b.conf");
    assert_eq!(document["auditd"]["interpreted"]["a0"], "AT_FDCWD");
    assert_eq!(document["host"]["os"], json!({"type": "linux"}));
}

/// Records don't contain the path of an open directory, only its file descriptor.
#[test]
fn names_below_an_open_directory_are_not_joined() {
    let call = CALL.replace(" a0=ffffff9c", " a0=5");
    assert_ne!(call, CALL);
    let document = event(&[&call, "CWD cwd=\"/srv\"", "PATH item=0 name=\"b.conf\" inode=5 nametype=NORMAL", "EOE"]);
    assert_eq!(document["file"]["path"], "b.conf");
    assert_eq!(document["file"].get("directory"), None);
    assert_eq!(document["process"]["working_directory"], "/srv");
}

#[test]
fn what_says_nothing_takes_no_place() {
    let [user, call] = &documents(&[
        "USER_LOGIN pid=7 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=\"eve\" exe=\"?\" hostname=? addr=? \
         terminal=? res=failed'",
        "USER pid=1 uid=0 auid=1000 ses=\"2\" key=? msg='text res=?'",
    ])[..] else {
        panic!("not two documents")
    };
    assert_eq!(user["process"], json!({"pid": 7}));
    assert_eq!(user["auditd"]["data"]["exe"], "?", "it is kept");
    assert_eq!(user["auditd"]["summary"].get("how"), None);
    assert_eq!(user.get("source"), None);
    assert_eq!(user["user"], json!({"effective": {"name": "eve"}}), "an unset id is left out");
    assert_eq!(user["auditd"]["data"]["uid"], "0", "whom the process was is kept");
    assert_eq!(user["auditd"]["session"], "unset");
    assert_eq!(call.get("tags"), None);
    assert_eq!(call["event"]["outcome"], "unknown");
    assert_eq!(call["auditd"]["session"], "2");
}

#[test]
fn what_is_no_id_has_no_name() {
    let [document] = &documents(&["USER pid=1x uid=abc auid=1.2.3.4 ouid=(none) ses=1 msg='res=success'"])[..] else {
        panic!("not one document")
    };
    assert_eq!(document["user"], json!({"id": "abc", "audit": {"id": "1.2.3.4"}}));
    assert_eq!(document["related"]["user"], json!(["1.2.3.4", "abc"]));
    assert_eq!(document["auditd"].get("interpreted"), None);
    assert_eq!(document["process"].get("pid"), None, "a number's field has numbers");
    assert_eq!(document["auditd"]["data"]["user_pid"], "1x");
}

#[test]
fn who_is_behind_a_login_displaces_nobody() {
    let with = |euid: &str| event(&[&format!("USER_LOGIN pid=1 uid=0 auid=1000 euid={euid} ses=1 res=success")]);
    let document = with("33");
    assert_eq!((&document["user"]["id"], &document["user"]["effective"]["id"]), (&json!("1000"), &json!("0")));
    assert_eq!(document["auditd"]["data"]["euid"], "33");
    assert_eq!(with("0")["auditd"]["data"]["euid"], Value::Null, "it is uid, which is told");
    assert_eq!(with("4294967295")["auditd"]["data"]["euid"], Value::Null);
}

#[test]
fn one_name_in_several_records_is_told_apart() {
    let document = event(&[
        "AVC avc:  denied  { read } for  pid=10 comm=\"x\" name=\"n\" scontext=a:b:c tcontext=d:e:f tclass=file",
        CALL,
        "OBJ_PID opid=1 oauid=-1 ouid=0 oses=-1 ocomm=\"a\"",
        "OBJ_PID opid=2 oauid=-1 ouid=0 oses=-1 ocomm=\"b\"",
        "EOE",
    ]);
    assert_eq!(document["event"]["action"], "violated-selinux-policy");
    assert_eq!(document["process"]["pid"], 9, "the call's");
    let data = &document["auditd"]["data"];
    assert_eq!((&data["avc_pid"], &data["avc_comm"]), (&json!("10"), &json!("x")));
    assert_eq!((&data["opid"], &data["obj_pid_opid"]), (&json!("1"), &json!(["1", "2"])));
    assert_eq!(document["auditd"]["summary"]["actor"]["primary"], "a:b:c");
    assert_eq!(document["auditd"]["record_types"], json!(["AVC", "SYSCALL", "OBJ_PID", "OBJ_PID"]));
}

/// A field of a PATH record can produce additional keys (parts of a label, bytes in hex). Each key occurs only once.
#[test]
fn names_with_dots_repeat_no_key() {
    let document = event(&[CALL, "PATH item=0 name=61FF name.hex=\"x\" obj=u:r:t obj.user=y EOE.x=\"\u{e9}\"", "EOE"]);
    let entry = json!({"item": "0", "name": "a\\xff", "name_hex": "x", "obj": "u:r:t", "obj_user": "y", "EOE_x": "é"});
    assert_eq!(document["auditd"]["paths"], json!([entry]));
}

#[test]
fn a_process_is_known_to_its_children() {
    let execve = CALL.replace("syscall=257", "syscall=59").replace("exe=\"/usr/bin/cat\"", "exe=\"/usr/bin/dash\"");
    let log = [
        (1, execve.replace("comm=\"cat\"", "comm=\"sh\"")),
        (1, "EXECVE argc=3 a0=\"sh\" a1=\"-c\" a2=FF20C3A4".into()),
        (1, "EOE ".into()),
        (2, CALL.replace("ppid=1 pid=9", "ppid=9 pid=10")),
        (2, "EOE ".into()),
    ];
    let line = |(serial, record): &(i32, String)| {
        let (kind, rest) = record.split_once(' ').unwrap();
        format!("type={kind} msg=audit(1795320000.001:{serial}): {rest}\n")
    };
    let [parent, child] = &of_log(&log.iter().map(line).collect::<String>())[..] else { panic!("not two documents") };
    let args = json!(["sh", "-c", "\\xff ä"]);
    assert_eq!(parent["process"]["args"], args);
    assert_eq!(parent["process"]["args_count"], 3);
    assert_eq!(parent["process"]["command_line"], "sh -c \\xff ä");
    assert_eq!(parent["auditd"]["data"]["argv_hex"], json!(["", "", "ff20c3a4"]));
    let expected = json!({
        "pid": 9, "name": "sh", "executable": "/usr/bin/dash", "args": args, "args_count": 3, "command_line": "sh -c \\xff ä"
    });
    assert_eq!(child["process"]["parent"], expected);
}

#[test]
fn both_ends_of_a_session_and_of_a_packet() {
    let [session, packet] = &documents(&[
        "CRYPTO_SESSION pid=1 uid=0 auid=0 ses=1 msg='op=start direction=from-server cipher=c ksize=512 rport=63927 \
         laddr=192.0.2.9 lport=22 exe=\"/usr/sbin/sshd\" hostname=client.example.com addr=192.0.2.1 terminal=? \
         res=success'",
        "NETFILTER_PKT mark=0x1 saddr=2001:db8::1 daddr=2001:db8::2 proto=17",
    ])[..] else {
        panic!("not two documents")
    };
    let source = json!({"address": "192.0.2.1", "ip": "192.0.2.1", "port": 63927, "domain": "client.example.com"});
    assert_eq!(session["source"], source);
    assert_eq!(session["destination"], json!({"address": "192.0.2.9", "ip": "192.0.2.9", "port": 22}));
    assert_eq!(session["related"]["ip"], json!(["192.0.2.1", "192.0.2.9"]));
    assert_eq!(session["related"]["hosts"], json!(["client.example.com"]));
    assert_eq!(packet["source"], json!({"address": "2001:db8::1", "ip": "2001:db8::1"}));
    assert_eq!(packet["network"], json!({"type": "ipv6", "transport": "udp"}));
}

#[test]
fn an_end_has_its_address_whatever_it_is() {
    let call = |number: u32, saddr: &str| {
        let call = CALL.replace("syscall=257", &format!("syscall={number}"));
        event(&[&call, &format!("SOCKADDR saddr={saddr}"), "EOE"])
    };
    // connect to /run/docker.sock, sendto 192.0.2.1:80, accept from ::1.
    let unix = call(42, "01002F72756E2F646F636B65722E736F636B00");
    assert_eq!(unix["destination"], json!({"address": "/run/docker.sock", "path": "/run/docker.sock"}));
    let internet = call(44, "02000050C00002010000000000000000");
    assert_eq!(internet["destination"], json!({"address": "192.0.2.1", "ip": "192.0.2.1", "port": 80}));
    let accepted = call(43, "0A000050000000000000000000000000000000000000000100000000");
    assert_eq!(accepted["source"]["address"], "::1");
    assert_eq!(accepted.get("destination"), None);

    let [host] =
        &documents(&["USER_LOGIN pid=1 uid=0 auid=0 ses=1 msg='op=login hostname=client addr=? res=failed'"])[..]
    else {
        panic!("not one document")
    };
    assert_eq!(host["source"], json!({"address": "client", "domain": "client"}));
}

/// A public detection rule looks for sockets of the family `AF_ALG` by its number.
#[test]
fn a_family_without_addresses_is_told_by_its_number() {
    let bind = CALL.replace("syscall=257", "syscall=49");
    let alg = "SOCKADDR saddr=2600616561640000000000000000000000000000000000000000000000000000";
    let document = event(&[&bind, alg, "EOE"]);
    assert_eq!(document["event"]["action"], "bound-socket");
    assert_eq!(document["auditd"]["data"]["socket"]["family"], "38");
}

#[test]
fn the_dataset_is_that_of_the_data_stream() {
    let dir = tempfile::tempdir().unwrap();
    let log = b"type=USER msg=audit(1795320000.001:7): pid=1\ntype=USER msg=audit(1795320000.002:9): pid=1\n";
    let default = "auditd_manager.auditd";
    for (key, dataset, parts) in [
        (
            "data_stream = logs-auditd-default",
            "auditd",
            json!({"type": "logs", "dataset": "auditd", "namespace": "default"}),
        ),
        ("data_stream = auship", default, Value::Null),
        ("index = logs-auditd-default", default, Value::Null),
        ("", default, Value::Null),
    ] {
        let text = format!("[output:o]\ntype = elasticsearch\nurl = http://localhost\n{key}\n");
        let path = write_config(dir.path(), &text);
        let out = auship(&["convert", "--config", path.to_str().unwrap()], log);
        for document in json::lines(&out.stdout) {
            assert_eq!(
                (&document["event"]["module"], &document["event"]["dataset"]),
                (&json!("auditd"), &json!(dataset))
            );
            assert_eq!(document["data_stream"], parts, "{key}");
        }
    }
    assert_eq!(of_log(str::from_utf8(log).unwrap())[0]["event"]["dataset"], default);
}

#[test]
fn strings_keep_their_length() {
    let long = "x".repeat(100_000);
    let title = format!("PROCTITLE proctitle=\"{long}\"");
    assert_eq!(event(&[CALL, &title])["process"]["title"], long);
    let [document] = &documents(&[&format!("USER pid=1 msg='text={long} res=success'")])[..] else { panic!() };
    assert_eq!(document["auditd"]["data"]["text"], long);
}

#[test]
fn the_records_are_there_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let log = b"type=USER msg=audit(1795320000.001:7): pid=1 msg='a \"b\"'\n";
    let path = write_config(dir.path(), "[output:o]\ntype = stdout\nformat = ecs\nevent_original = yes\n");
    let out = auship(&["convert", "--config", path.to_str().unwrap(), "--format", "ecs"], log);
    let original = &json::lines(&out.stdout)[0]["event"]["original"];
    assert_eq!(*original, json!([str::from_utf8(log).unwrap().trim_end()]));
    assert_eq!(of_log(str::from_utf8(log).unwrap())[0]["event"].get("original"), None);
}

#[test]
fn an_id_is_of_one_event_alone() {
    let log = "type=USER msg=audit(1795320000.001:7): pid=1\n";
    let id = |log: &str| of_log(log)[0]["event"]["id"].as_str().unwrap().to_string();
    let first = id(log);
    assert_eq!(first, id(log));
    assert_eq!(first, id(&log.replace("pid=1", "pid=2")), "it isn't what the records say");
    let others = [
        log.replace(":7)", ":8)"),
        log.replace(".001", ".002"),
        log.replace("USER ", "USER_CMD "),
        format!("node=other {log}"),
    ];
    for other in others {
        assert_ne!(first, id(&other), "{other}");
    }
}

#[test]
fn keys_of_the_other_format_are_faults() {
    let dir = tempfile::tempdir().unwrap();
    for (text, fault) in [
        ("format = ecs\ndetails = full\n", "details: has no meaning for format = ecs"),
        ("format = ecs\nprogram_name = x\n", "program_name: has no meaning for format = ecs"),
        ("event_original = yes\n", "event_original: has no meaning for format = mozdef"),
        ("format = cef\n", "format: is \"cef\", must be mozdef or ecs"),
    ] {
        let path = write_config(dir.path(), &format!("[output:o]\ntype = stdout\n{text}"));
        let out = auship(&["check", "--config", path.to_str().unwrap()], b"");
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2));
        assert!(said.contains(fault), "{said}");
    }
}

#[test]
fn a_file_is_there_whatever_names_it() {
    let path =
        "PATH item=0 name=\"/etc/shadow\" inode=5 dev=fe:00 mode=0100640 ouid=0 ogid=42 rdev=00:00 nametype=NORMAL";
    let refused =
        "AVC avc:  denied  { read } for  pid=9 comm=\"cat\" name=\"shadow\" scontext=a:b:c tcontext=d:e:f tclass=file";
    let uring = "URINGOP uring_op=18 success=yes exit=5 items=1 ppid=1 pid=9 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 \
                 sgid=0 fsgid=0 key=\"k\"";
    for records in [[refused, CALL, path], [uring, path, "EOE"]] {
        let document = event(&records);
        assert_eq!(document["file"]["path"], "/etc/shadow", "{document}");
        assert_eq!(document["file"]["mode"], "0640");
        assert_ne!(document["auditd"]["summary"]["object"]["primary"], "/etc/shadow", "the reference's words");
    }
}

#[test]
fn millions_of_keys_take_no_more_than_a_moment() {
    let keys: String = (0..400_000).map(|n| format!("{}01", hex(&n.to_string()))).collect();
    let log = format!("type=SYSCALL msg=audit(1795320000.001:7): arch=c000003e syscall=2 success=yes key={keys}\n");
    let document = &of_log(&log)[0];
    assert_eq!(document["tags"].as_array().unwrap().len(), 400_000);
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}
