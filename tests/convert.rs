//! Tests `auship convert`: each event of a log becomes one document with the content of its records.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, PYTHON, auship, convert, convert_text, data, json, serials, tool, write_config};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
};

/// Checks all documents of a log with tests/tools/mozdef.py, an independent implementation of the contract.
fn agrees_with_oracle(log: &Path, args: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let output = auship(&[&["convert"], args, &[log.to_str().unwrap()]].concat(), b"");
    assert!(output.status.success(), "{output:?}");
    json::lines(&output.stdout);
    let documents = dir.path().join("documents");
    fs::write(&documents, &output.stdout).unwrap();
    let mut oracle = Command::new(PYTHON);
    oracle.arg(tool("mozdef.py")).arg(log).arg(&documents);
    if !args.is_empty() {
        oracle.arg("--classic");
    }
    let oracle = oracle.output().expect("python3 runs");
    assert!(
        oracle.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&oracle.stdout),
        String::from_utf8_lossy(&oracle.stderr)
    );
}

#[test]
fn documents_say_what_libauparse_says() {
    for log in ["zoo-raw.log", "zoo-enriched.log", "edge.log", "sample.log"] {
        agrees_with_oracle(&data(log), &[]);
    }
}

#[test]
fn classic_documents_have_the_seeds_keys_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), "[output:a]\ntype = stdout\ndetails = classic\n");
    for log in ["zoo-raw.log", "edge.log"] {
        agrees_with_oracle(&data(log), &["--config", config.to_str().unwrap()]);
    }
}

#[test]
fn the_envelope_is_mozdefs() {
    let [document] = &convert_text(&common::event(7, "hello"))[..] else { panic!() };
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(document["severity"], "INFO");
    assert_eq!(document["source"], "auditd");
    assert_eq!(document["processname"], "auship");
    assert_eq!(document["tags"], json!(["auship", version, "audit"]));
    assert_eq!(document["timestamp"], "2026-11-22T04:00:00.001+00:00");
    assert!(document["processid"].as_str().unwrap().parse::<u32>().is_ok());
    assert!(!document["hostname"].as_str().unwrap().is_empty());
    assert_eq!(document["category"], "user");
}

#[test]
fn categories_and_summaries_of_the_edge_log() {
    let documents = convert(&fs::read(data("edge.log")).unwrap());
    let found: Vec<(usize, &str, &str)> = serials(&documents)
        .into_iter()
        .zip(&documents)
        .map(|(serial, d)| (serial, d["category"].as_str().unwrap(), d["summary"].as_str().unwrap()))
        .collect();
    let expected = [
        (50001, "selinux", "SELinux: denied { read write } shadow"),
        (50002, "apparmor", "AppArmor: Failed name lookup - disconnected path"),
        (50003, "selinux", "SELinux: denied { send_msg } /usr/bin/dbus-daemon"),
        (50004, "execve", "Execve: tool"),
        (50005, "read", "Read: notes"),
        (50006, "unknown[1999]", "UNKNOWN[1999]: mystery"),
        (50007, "unknown[1420]", "UNKNOWN[1420]: /usr/bin/tool"),
        (50009, "add_user", "ADD_USER: adding home directory success"),
        (50010, "execve", "Execve: sh -c /opt/missing/tool --now"),
        (50011, "execve", "Execve: old -32"),
        (50013, "syscall", "Syscall: 999"),
        (50014, "write", "Write: to here \"quoted\" \\ end"),
        (50020, "connect", "Connect: 192.0.2.1:443"),
        (50021, "connect", "Connect: [2001:db8::1]:443"),
        (50022, "bind", "Bind: /run/tool.sock"),
        (50023, "bind", "Bind: @abstract"),
        (50024, "accept", "Accept: 198.51.100.7:8080"),
        (50025, "syscall", "Syscall: sendto"),
        (50026, "connect", "Connect: local"),
        (50027, "connect", "Connect: bluetooth"),
        (50041, "user_login", "USER_LOGIN: login success"),
        (50044, "service_start", "SERVICE_START: /usr/lib/systemd/systemd success"),
        (50055, "kernel_other", "KERNEL_OTHER"),
        (50060, "promiscuous", "Promisc: Interface eth0 set promiscuous on"),
        (50061, "uringop", "URINGOP"),
        (50062, "write", "Write: made"),
    ];
    for want in expected {
        assert!(found.contains(&want), "{want:?} isn't in {found:#?}");
    }
}

fn one(documents: &[Value], serial: &str) -> Value {
    let found: Vec<&Value> = documents.iter().filter(|d| d["details"]["auditserial"] == serial).collect();
    let [document] = found[..] else { panic!("{} documents of {serial}", found.len()) };
    document.clone()
}

#[test]
fn details_of_the_edge_log() {
    let documents = convert(&fs::read(data("edge.log")).unwrap());
    let details = |serial: &str| one(&documents, serial)["details"].clone();

    // Several keys in hex, a node name, values with spaces, and a user's message that contains auship's own key names.
    assert_eq!(details("50004")["auditkey"], json!(["exec", "privileged"]));
    assert_eq!(one(&documents, "50005")["hostname"], "web-17.example.com");
    let user = details("50008");
    assert_eq!(user["user_auditserial"], "1");
    assert_eq!(user["user_command"], "rm -rf /");
    assert_eq!(user["category"], "login");
    assert_eq!(user["text"], "a message of several words");
    assert_eq!(details("50002")["aaprofile"], "/usr/sbin/cups browsed");
    assert_eq!(details("50053")["vm"], "guest one");

    // The system call decides whether an address is the source or the destination.
    let connect = details("50020");
    assert_eq!((&connect["destinationipaddress"], &connect["destinationport"]), (&json!("192.0.2.1"), &json!("443")));
    let accept = details("50024");
    assert_eq!((&accept["sourceipaddress"], &accept["sourceport"]), (&json!("198.51.100.7"), &json!("8080")));
    for none in ["50022", "50023", "50025", "50026", "50027"] {
        let keys = details(none);
        assert!(keys.as_object().unwrap().keys().all(|k| !k.ends_with("ipaddress")), "{none}: {keys}");
    }

    // Bytes that aren't text, a hex string without its last digit, and the same field in several records.
    let rename = details("50014");
    assert_eq!(rename["paths"], json!(["/srv/", "/srv/b", r"from \xff\xfe", "to\nhere \"quoted\" \\ end"]));
    assert_eq!(rename["paths_hex"], json!(["", "", "66726f6d20fffe", ""]));
    assert_eq!(rename["path"], "/srv/");
    assert_eq!(rename["path_ogid"], json!(["0", "", "1000", "1000"]));
    assert_eq!(rename["process"], "/opt/ünï cödé/tool");
    assert_eq!(rename["cwd"], "/srv/новый каталог");
    assert_eq!(rename["proctitle"], "6D7600612");

    // `mode` comes from the PATH record. OPENAT2 and AVC fields get a prefix if another record has the same name.
    let openat2 = details("50062");
    assert_eq!((&openat2["mode"], &openat2["openat2_mode"]), (&json!("0100600"), &json!("0600")));
    let avc = details("50001");
    assert_eq!(
        (&avc["processname"], &avc["avc_comm"], &avc["avc_dev"]),
        (&json!("httpd"), &json!("httpd"), &json!("dm-0"))
    );

    // Values that are shown as names, and values that stay numbers.
    assert_eq!(details("50011")["arch"], "i386");
    assert_eq!((&details("50012")["arch"], &details("50012")["syscall"]), (&json!("aarch64"), &json!("execve")));
    assert_eq!(details("50013")["syscall"], "999");
    assert_eq!(details("50012")["originaluid"], "1000");
    assert_eq!((&details("50042")["originaluid"], details("50042").get("originaluser")), (&json!("4294967295"), None));
    assert_eq!(details("50042")["acct"], "(unknown user)");
    assert_eq!(details("50060")["promiscuous"], "yes");
    assert_eq!(details("50055")["msg"], "some text without any pair");
    assert_eq!(details("50010")["success"], "false");
}

/// Returns the details of the document for this record. The record gets a fixed time and serial.
fn details_of(record: &str) -> Value {
    let log = record.replacen(' ', " msg=audit(1795320000.001:9): ", 1) + "\n";
    let [document] = &convert_text(&log)[..] else { panic!("{log}") };
    document["details"].clone()
}

#[test]
fn an_empty_first_argument_leaves_nothing_made_up_in_the_title() {
    assert_eq!(details_of("type=PROCTITLE proctitle=002D630074727565")["proctitle"], " -c true");
    assert_eq!(details_of("type=PROCTITLE proctitle=6D7600612")["proctitle"], "6D7600612");
}

#[test]
fn braces_in_a_path_do_not_end_what_auditd_appended() {
    let saddr = details_of("type=SOCKADDR saddr=01002F746D702F617D62\x1dSADDR={ saddr_fam=local path=/tmp/a}b }");
    assert_eq!(saddr["saddr"], "{ saddr_fam=local path=/tmp/a}b }");
}

#[test]
fn words_that_are_no_fields_are_the_message() {
    for (record, message) in [
        ("type=USER pid=1 uid=0 msg='free text without equals'", "free text without equals"),
        ("type=USER_START pid=1 msg='PAM: session open acct=\"root\" res=success'", "PAM: session open"),
        (
            "type=USER_AVC pid=1 msg='avc:  received policyload notice (seqno=2)  exe=\"/x\"'",
            "avc:  received policyload notice",
        ),
        (
            "type=SELINUX_ERR security_compute_sid:  invalid context a:b for scontext=c",
            "security_compute_sid:  invalid context a:b for",
        ),
    ] {
        assert_eq!(details_of(record)["msg"], message, "{record}");
    }
    let denied = details_of("type=USER_AVC pid=1 msg='avc:  denied  { send_msg start } for scontext=a exe=\"/x\"'");
    assert_eq!((&denied["seresult"], &denied["seperms"]), (&json!("denied"), &json!("send_msg,start")));
    assert!(denied.get("msg").is_none() && denied.get("seperms_").is_none(), "{denied}");
}

#[test]
fn odd_fields_of_user_messages() {
    assert_eq!(details_of("type=CONFIG_CHANGE op=x key=\"my key\" list=4")["auditkey"], "my key");
    assert_eq!(details_of("type=USER pid=1 msg='op=a =evil res=success'")["user_"], "evil");
    assert_eq!(details_of("type=USER success=1")["success"], "true");
    assert_eq!(details_of("type=LOGIN uid=0 old auid=4294967295 new auid=500")["user"], "root");
    assert_eq!(details_of("type=USER acct=ada: exe=\"/x\"")["acct"], "ada");
    assert_eq!(details_of("type=SYSCALL arch=c000003e syscall=0 success=no exit=-512 a0=1")["exit"], "-512");
}

#[test]
fn parts_of_a_split_event_are_tagged_and_nothing_else_is() {
    let documents = convert(&fs::read(data("edge.log")).unwrap());
    let partial = |d: &&Value| d["tags"].as_array().unwrap().contains(&json!("partial"));
    let parts: Vec<Value> = documents.iter().filter(partial).map(|d| d["details"].clone()).collect();
    let types: Vec<_> = parts.iter().map(|d| (d["auditserial"].as_str().unwrap(), d["recordtypes"].clone())).collect();
    assert_eq!(types, [("50070", json!(["SYSCALL", "EXECVE"])), ("50070", json!(["CWD", "PATH"]))]);
    for log in ["zoo-raw.log", "zoo-enriched.log"] {
        let whole = convert(&fs::read(data(log)).unwrap());
        assert_eq!(whole.iter().filter(partial).count(), 0, "{log}");
    }
}

#[test]
fn interleaved_events_are_told_apart() {
    let documents = convert(&fs::read(data("edge.log")).unwrap());
    for (serial, word) in [("50080", "one"), ("50081", "two")] {
        let details = &one(&documents, serial)["details"];
        assert_eq!((&details["command"], &details["cwd"]), (&json!(word), &json!(format!("/{word}"))));
        assert_eq!(details["recordtypes"], json!(["SYSCALL", "EXECVE", "CWD", "PATH"]));
    }
}

#[test]
fn the_same_log_in_pieces_of_any_size_gives_the_same_documents() {
    let log = fs::read(data("zoo-enriched.log")).unwrap();
    let without_pid = |documents: &[u8]| -> Vec<Value> {
        let mut documents = json::lines(documents);
        for document in &mut documents {
            document["processid"] = "".into();
        }
        documents
    };
    let whole = without_pid(&auship(&["convert"], &log).stdout);
    for size in [1, 7, 100, 4095, 65537] {
        let mut child =
            Command::new(AUSHIP).arg("convert").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut out = Vec::new();
            stdout.read_to_end(&mut out).unwrap();
            out
        });
        for piece in log.chunks(size) {
            stdin.write_all(piece).unwrap();
        }
        drop(stdin);
        assert_eq!(without_pid(&reader.join().unwrap()), whole, "pieces of {size}");
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn an_event_goes_on_in_the_next_file() {
    let dir = tempfile::tempdir().unwrap();
    let log = fs::read(data("zoo-raw.log")).unwrap();
    let lines: Vec<&[u8]> = log.split_inclusive(|b| *b == b'\n').collect();
    let (first, second) = (dir.path().join("audit.log.1"), dir.path().join("audit.log"));
    // The first file ends in the middle of an event, and without a newline.
    let head = lines[..11].concat();
    fs::write(&first, &head[..head.len() - 1]).unwrap();
    fs::write(&second, lines[11..].concat()).unwrap();
    let output = auship(&["convert", first.to_str().unwrap(), second.to_str().unwrap()], b"");
    let both = json::lines(&output.stdout);
    let whole = convert(&log);
    assert_eq!(both.len(), whole.len());
    for (a, b) in both.iter().zip(&whole) {
        assert_eq!(a["details"], b["details"]);
    }
}

#[test]
fn long_command_lines_are_whole() {
    // The kernel splits the arguments over several records. It cuts long arguments into hex fragments, even inside a
    // character.
    let long: String = "ä€𝄞 ".repeat(12_000);
    let hex = |text: &[u8]| text.iter().map(|b| format!("{b:02X}")).collect::<String>();
    let stamp = "msg=audit(1795320000.100:9)";
    let mut log = format!(
        "type=SYSCALL {stamp}: arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=0 items=0 ppid=1 pid=2 \
         auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"x\" exe=\"/x\" key=\"k\"\n"
    );
    log += &format!("type=EXECVE {stamp}: argc=9003 a0=\"x\" a1_len={}", 2 * long.len());
    for (n, piece) in long.as_bytes().chunks(3749).enumerate() {
        if n > 0 && n % 2 == 0 {
            log += &format!("\ntype=EXECVE {stamp}:");
        }
        log += &format!(" a1[{n}]={}", hex(piece));
    }
    log += &format!("\ntype=EXECVE {stamp}: a2=");
    for n in 3..9003 {
        if n % 500 == 0 {
            log += &format!("\ntype=EXECVE {stamp}:");
        }
        log += &format!(" a{n}=\"{n}\"");
    }
    log += &format!("\ntype=EOE {stamp}: \n");
    let [document] = &convert_text(&log)[..] else { panic!() };
    let details = &document["details"];
    let argv: Vec<&str> = details["argv"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    assert_eq!(argv.len(), 9003);
    assert_eq!((argv[0], argv[2], argv[3], argv[9002]), ("x", "", "3", "9002"));
    assert!(argv[1].len() <= 30_003 && argv[1].ends_with('…') && long.starts_with(argv[1].trim_end_matches('…')));
    let pieces: Vec<&str> = details["command"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    assert!(pieces.iter().all(|p| p.len() <= 30_000));
    let rest: Vec<String> = (3..9003).map(|n| n.to_string()).collect();
    assert_eq!(pieces.concat(), format!("x {long}  {}", rest.join(" ")));
    assert_eq!(details["argc"], "9003");
    assert!(document["summary"].as_str().unwrap().chars().count() == 256);
}

#[test]
fn parents_are_named_from_the_events_before() {
    let event = |serial: usize, syscall: usize, exit: usize, ppid: usize, pid: usize, comm: &str| {
        format!(
            "type=SYSCALL msg=audit(1795320000.100:{serial}): arch=c000003e syscall={syscall} success=yes exit={exit} \
             a0=1 a1=2 a2=3 a3=0 items=0 ppid={ppid} pid={pid} auid=0 uid=0 comm=\"{comm}\" exe=\"/x\" key=(null)\n\
             type=EOE msg=audit(1795320000.100:{serial}): \n"
        )
    };
    // The process with the number 300 is a copy of make. An event of it shows that 300 is its number in records too.
    let log = [
        event(1, 59, 0, 1, 100, "bash"),
        event(2, 59, 0, 100, 200, "make"),
        event(3, 56, 300, 100, 200, "make"),
        event(4, 257, 3, 200, 300, "make"),
        event(5, 59, 0, 300, 400, "cc"),
        event(6, 231, 0, 200, 300, "make"),
        event(7, 59, 0, 300, 401, "cc"),
    ];
    let documents = convert_text(&log.concat());
    let parents: Vec<_> = documents.iter().map(|d| d["details"].get("parentprocess").cloned()).collect();
    let expected = [None, Some("bash"), Some("bash"), Some("make"), Some("make"), Some("make"), None];
    assert_eq!(parents, expected.map(|name| name.map(|name| json!(name))), "never from /proc, where pid 1 lives");
}

#[test]
fn skip_empty_execve_leaves_out_what_the_seed_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), "[output:a]\ntype = stdout\nskip_empty_execve = yes\n");
    let event = |serial: usize, success: &str, more: &str| {
        let stamp = format!("msg=audit(1795320000.100:{serial})");
        format!(
            "type=SYSCALL {stamp}: arch=c000003e syscall=59 success={success} exit=0 a0=1 a1=2 a2=3 a3=0 pid=1\n{}type=EOE {stamp}: \n",
            more.replace("STAMP", &stamp)
        )
    };
    let log = event(1, "yes", "") + &event(2, "no", "") + &event(3, "yes", "type=EXECVE STAMP: argc=1 a0=\"x\"\n");
    let output = auship(&["convert", "--config", config.to_str().unwrap()], log.as_bytes());
    assert_eq!(serials(&json::lines(&output.stdout)), [2, 3]);
    assert_eq!(serials(&convert_text(&log)), [1, 2, 3]);
}

#[test]
fn messages_are_wrapped_as_fluentd_wants_them() {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), "file_log = -\nprepend_msg = {\"message\":\npostpend_msg = }\n");
    let output = auship(&["convert", "--config", config.to_str().unwrap()], common::events(1, 3).as_bytes());
    let documents = json::lines(&output.stdout);
    assert_eq!(documents.len(), 3);
    assert!(documents.iter().all(|d| d["message"]["processname"] == "audisp-json"));
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    fs::write(&log, common::event(1, "a") + "nonsense\n\n" + &common::event(2, "b")).unwrap();
    let output = auship(&["convert", "/nowhere/log", log.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(serials(&json::lines(&output.stdout)), [1, 2]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("can't read /nowhere/log: No such file"), "{said}");
    assert!(said.contains("1 lines could not be read"), "{said}");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let log = common::events(1, 20_000);
    let mut child = Command::new(AUSHIP).arg("convert").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    let _ = stdin.write_all(log.as_bytes());
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn memory_does_not_grow_with_the_input() {
    let event = fs::read(data("zoo-raw.log")).unwrap();
    let mut child = Command::new(AUSHIP).arg("convert").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let peak = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    // The input is 40 MB and repeats the same serials. Repeated serials are more parts of the same events, which is the
    // harder case.
    for _ in 0..900 {
        stdin.write_all(&event).unwrap();
    }
    let peak = peak();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert!(peak <= 16 * 1024, "{peak} KiB");
}
