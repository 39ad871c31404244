//! Tests `auship convert` and `auship run` with logs as they come: through syslog, the journal, `dmesg` and Windows,
//! compressed, from machines without a clock, and files that are no logs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, Running, auship, convert, convert_text, data, event, events, json, run, serials, write_config};
use nix::pty::openpty;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

const SYSCALL: &str = "arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=0 items=0 ppid=4100 pid=4242 \
    auid=1001 uid=1001 gid=1001 euid=1001 suid=1001 fsuid=1001 egid=1001 sgid=1001 fsgid=1001 tty=pts3 ses=12 \
    comm=\"ls\" exe=\"/usr/bin/ls\" subj=unconfined key=\"watch1\"";
const ENRICHED: &str = "ARCH=x86_64 SYSCALL=execve AUID=\"erin\" UID=\"erin\" GID=\"erin\"";

/// Returns the documents of a log in ECS form, with the text of their records.
fn ecs(log: &str) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), "[output:a]\ntype = stdout\nformat = ecs\nevent_original = yes\n");
    json::lines(&auship(&["convert", "--config", config.to_str().unwrap()], log.as_bytes()).stdout)
}

/// Returns the one document of a log.
fn one(log: &str) -> Value {
    let [document] = &convert_text(log)[..] else { panic!("not one document: {log}") };
    document.clone()
}

/// Returns the record texts that the one ECS document of a log shows.
fn original(log: &str) -> String {
    let [document] = &ecs(log)[..] else { panic!("not one document: {log}") };
    let records = document["event"]["original"].as_array().unwrap();
    records.iter().map(|record| record.as_str().unwrap().to_string() + "\n").collect()
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn is_partial(document: &Value) -> bool {
    document["tags"].as_array().unwrap().contains(&json!("partial"))
}

#[test]
fn carriage_returns_end_no_value() {
    let stamp = "msg=audit(1700000001.100:4713)";
    let log = format!(
        "type=SYSCALL {stamp}: {SYSCALL}\ntype=EXECVE {stamp}: argc=2 a0=\"ls\" a1=\"-l\"\ntype=PROCTITLE {stamp}: proctitle=6C73002D6C\n"
    );
    let unix = one(&log)["details"].clone();
    assert_eq!(unix["argv"], json!(["ls", "-l"]));
    for end in ["\r\n", "\r\r\n"] {
        assert_eq!(one(&log.replace('\n', end))["details"], unix, "{end:?}");
        assert_eq!(one(log.replace('\n', end).trim_end_matches('\n'))["details"], unix, "{end:?}");
        assert_eq!(original(&log.replace('\n', end)), original(&log), "{end:?}");
        let with_node = log.replace("type=", "node=web1 type=");
        assert_eq!(one(&with_node.replace('\n', end))["details"], one(&with_node)["details"], "{end:?}");
        let enriched = log.replacen("\"watch1\"", &format!("\"watch1\"\x1d{ENRICHED}"), 1);
        let details = one(&enriched.replace('\n', end))["details"].clone();
        assert_eq!((&details["user"], &details["auditkey"]), (&json!("erin"), &json!("watch1")), "{end:?}");
    }
    // Empty lines, and lines with different ends.
    let mixed = log.replacen('\n', "\r\n\r\n", 1);
    assert_eq!(one(&mixed)["details"], unix);
    let output = auship(&["convert"], mixed.as_bytes());
    assert_eq!(said(&output), "", "an empty line isn't unreadable");
    // A carriage return that ends no line is part of its value.
    let within = one("type=USER msg=audit(1700000001.100:4713): text=a\rb res=x\n");
    assert_eq!(within["details"]["text"], "a\rb");
}

#[test]
fn the_kernels_own_form_is_read() {
    let avc = "avc:  denied  { read } for  pid=1 comm=\"x\" name=\"y\" scontext=a:b:c:s0 tcontext=d:e:f:s0 tclass=file";
    let usual = format!("type=AVC msg=audit(1740000007.100:9): {avc}\n");
    for head in [
        "type=1400 audit(1740000007.100:9): ",
        "type=1400 msg=audit(1740000007.100:9): ",
        "type=AVC audit(1740000007.100:9): ",
        "audit: type=1400 audit(1740000007.100:9): ",
        "[   12.345678] audit: type=1400 audit(1740000007.100:9): ",
        "kernel: type=1400 audit(1740000007.100:9): ",
    ] {
        let log = format!("{head}{avc}\n");
        assert_eq!(one(&log)["details"], one(&usual)["details"], "{head}");
        assert_eq!(original(&log), original(&usual), "{head}");
    }
    let node = one(&format!("node=web1 type=1400 audit(1740000007.100:9): {avc}\n"));
    assert_eq!((&node["hostname"], &node["category"]), (&json!("web1"), &json!("selinux")));
    // Several records of one event, and a type that libaudit doesn't know.
    let stamp = "audit(1740000007.100:9)";
    let log =
        format!("type=1300 {stamp}: {SYSCALL}\ntype=1307 {stamp}: cwd=\"/srv\"\ntype=1327 {stamp}: proctitle=6C73\n");
    let document = one(&log);
    assert_eq!(document["details"]["recordtypes"], json!(["SYSCALL", "CWD", "PROCTITLE"]));
    assert_eq!((&document["details"]["cwd"], &document["category"]), (&json!("/srv"), &json!("execve")));
    assert_eq!(one(&format!("type=1999 {stamp}: op=x\n"))["category"], "unknown[1999]");
    assert!(original(&format!("type=1999 {stamp}: op=x\n")).starts_with("type=UNKNOWN[1999] msg=audit("));
}

#[test]
fn what_stands_before_a_record_is_not_part_of_it() {
    let stamp = "msg=audit(1700000001.100:4713)";
    let records = [
        format!("type=SYSCALL {stamp}: {SYSCALL}"),
        format!("type=CWD {stamp}: cwd=\"/srv\""),
        format!("type=PROCTITLE {stamp}: proctitle=6C73"),
    ];
    let plain = records.join("\n") + "\n";
    let details = one(&plain)["details"].clone();
    for prefix in [
        "Nov 25 04:11:11 web1 audispd: ",
        "Nov  5 04:11:11 web1 audisp-syslog[77]: ",
        "<13>Nov 25 04:11:11 web1 tag_audit_log: ",
        "<13>1 2026-11-25T04:11:13.123456+00:00 web1 audispd 77 - - ",
        "2026-11-25T04:11:13.123456+00:00 web1 audisp-syslog[77]: ",
        "Wed 2026-11-25 04:11:13 UTC web1 kernel: audit: ",
        "[Wed Nov 25 04:11:11 2026] audit: ",
        "[   12.345678][  T123] audit: ",
        "kern  :notice: [   12.345678] audit: ",
        "\u{feff}",
    ] {
        let log: String = records.iter().map(|record| format!("{prefix}{record}\n")).collect();
        assert_eq!(one(&log)["details"], details, "{prefix}");
        assert_eq!(one(&log)["hostname"], one(&plain)["hostname"], "{prefix}");
        assert_eq!(original(&log), original(&plain), "{prefix}");
        let node: String = records.iter().map(|record| format!("{prefix}node=db7 {record}\n")).collect();
        assert_eq!(one(&node)["hostname"], "db7", "{prefix}");
    }
}

#[test]
fn text_of_users_before_a_record_makes_no_record() {
    let record = "type=USER_LOGIN msg=audit(1700000001.100:4713): pid=1 uid=0 msg='op=login res=success'";
    for prefix in [
        "Nov 25 04:11:11 web1 kernel: usb 1-1: Product: ",
        "Nov 25 04:11:11 web1 sshd[7]: Invalid user ",
        "some words ",
        "a0=\"x\" a1=",
    ] {
        let output = auship(&["convert"], format!("{prefix}{record}\n").as_bytes());
        assert_eq!((output.stdout.len(), output.status.code()), (0, Some(0)), "{prefix}");
        assert!(said(&output).contains("standard input:1: no audit record"), "{}", said(&output));
    }
}

#[test]
fn the_journal_keeps_no_serial() {
    let log = "Nov 25 04:11:12 web1 audit[1]: SERVICE_START pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=a'\n";
    let output = auship(&["convert"], log.as_bytes());
    assert!(output.stdout.is_empty());
    assert!(said(&output).contains("without a time and a serial"), "{}", said(&output));
}

#[test]
fn a_lost_separator_is_put_back() {
    let stamp = "msg=audit(1700000710.100:810)";
    let record = format!("type=SYSCALL {stamp}: {SYSCALL}");
    let right = format!("{record}\x1d{ENRICHED}\n");
    for separator in ["", " ", "#035", "^]", "\\x1d", "\\035", "<1d>", "\\u001d", "\u{fffd}"] {
        let log = format!("{record}{separator}{ENRICHED}\n");
        assert_eq!(one(&log)["details"], one(&right)["details"], "{separator:?}");
        assert_eq!(original(&log), original(&right), "{separator:?}");
        let syslog = format!("Nov 25 04:11:11 web1 audispd: {record}{separator}{ENRICHED}\r\n");
        assert_eq!(one(&syslog)["details"], one(&right)["details"], "{separator:?}");
    }
    let user = format!("type=USER_ACCT {stamp}: pid=1 uid=7 auid=8 ses=1 msg='op=x acct=\"y\" res=success'");
    let path = format!("type=PATH {stamp}: item=0 name=\"/x\" ouid=7 ogid=8 nametype=NORMAL cap_frootid=0");
    let address = format!("type=SOCKADDR {stamp}: saddr=020001BBC0000201");
    for (record, appended, key, value) in [
        (&user, "UID=\"bob\" AUID=\"erin\"", "user", "bob"),
        (&path, "OUID=\"bob\" OGID=\"staff\"", "path_ouid", "bob"),
        (
            &address,
            "SADDR={ saddr_fam=inet laddr=192.0.2.1 lport=443 }",
            "saddr",
            "{ saddr_fam=inet laddr=192.0.2.1 lport=443 }",
        ),
    ] {
        for separator in ["", "#035", " "] {
            let log = format!("{record}{separator}{appended}\n");
            let with = one(&format!("{record}\x1d{appended}\n"));
            assert_eq!(one(&log)["details"], with["details"], "{log}");
            if with["details"].get(key).is_some() {
                assert_eq!(with["details"][key], value, "{log}");
            }
        }
    }
}

#[test]
fn a_whole_log_without_separators_is_the_same_log() {
    let log = fs::read(data("zoo-enriched.log")).unwrap();
    let documents = |log: &[u8]| -> Vec<Value> { convert(log).iter().map(|d| d["details"].clone()).collect() };
    let right = documents(&log);
    for separator in ["", " ", "#035", "^]", "\\u001d", "?", "\u{fffd}"] {
        let pieces: Vec<&[u8]> = log.split(|b| *b == 0x1d).collect();
        assert_eq!(documents(&pieces.join(separator.as_bytes())), right, "{separator:?}");
    }
}

#[test]
fn nobody_can_append_names() {
    for record in [
        "type=USER msg=audit(1700000710.100:810): pid=1 uid=7 auid=8 msg='text UID=\"root\" AUID=\"root\" exe=\"/x\" res=success'",
        "type=USER msg=audit(1700000710.100:810): pid=1 uid=7 auid=8 msg='text UID=\"root\" AUID=\"root\"",
        "type=USER msg=audit(1700000710.100:810): pid=1 uid=7 auid=8 msg='text#035UID=\"root\"'",
        "type=SYSCALL msg=audit(1700000710.100:810): arch=c000003e syscall=59 auid=8 uid=7 comm=\"x UID=\"",
        "type=X msg=audit(1700000710.100:810): auid=8 uid=7 x=y UID=\"root\"",
        "type=X msg=audit(1700000710.100:810): auid=8 uid=7 x=y AUID=root",
    ] {
        let details = one(&format!("{record}\n"))["details"].clone();
        for key in ["user", "originaluser"] {
            assert_ne!(details.get(key), Some(&json!("root")), "{record}: {details}");
        }
    }
}

#[test]
fn the_first_second_of_1970_is_a_time() {
    let syscall = |time: &str| {
        format!("type=SYSCALL msg=audit({time}:7): {SYSCALL}\ntype=PROCTITLE msg=audit({time}:7): proctitle=6C73\n")
    };
    let log = format!(
        "type=KERNEL msg=audit(0.001:4): state=initialized audit_enabled=0 res=1\n\
         node=web1 type=LOGIN msg=audit(0.002:5): pid=1 uid=0 old-auid=4294967295 auid=7 res=1\n{}\
         type=USER msg=audit(1.002:5): pid=1 uid=0 msg='text=one res=success'\n\
         type=USER msg=audit(12.004:8): pid=1 uid=0 msg='text=twelve res=success'\n",
        syscall("0000000000.999")
    );
    let documents = convert_text(&log);
    let mut found: Vec<_> = documents
        .iter()
        .map(|d| (d["timestamp"].as_str().unwrap(), d["category"].as_str().unwrap(), is_partial(d)))
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("1970-01-01T00:00:00.001+00:00", "kernel", false),
            ("1970-01-01T00:00:00.002+00:00", "login", false),
            ("1970-01-01T00:00:00.999+00:00", "execve", false),
            ("1970-01-01T00:00:01.002+00:00", "user", false),
            ("1970-01-01T00:00:12.004+00:00", "user", false),
        ]
    );
    assert_eq!(ecs(&syscall("0.000"))[0]["@timestamp"], "1970-01-01T00:00:00.000Z");
    assert!(original(&syscall("0.000")).starts_with("type=SYSCALL msg=audit(0.000:7): arch="));
    assert!(original(&syscall("00.000")).starts_with("type=SYSCALL msg=audit(00.000:7): arch="));
    // The kernel's own form, as a machine without a clock prints it.
    let printed = one("[    0.345678] audit: type=2000 audit(0.345:1): state=initialized audit_enabled=0 res=1\n");
    assert_eq!((&printed["category"], &printed["details"]["state"]), (&json!("kernel"), &json!("initialized")));
}

#[test]
fn text_of_ausearch_is_no_log() {
    let dir = tempfile::tempdir().unwrap();
    let text = "----\ntype=PROCTITLE msg=audit(11/25/2026 04:26:41.123:4711) : proctitle=cat /etc/shadow \n\
                type=SYSCALL msg=audit(11/25/2026 04:26:41.123:4711) : arch=x86_64 syscall=openat key=x \n";
    let good = dir.path().join("good");
    fs::write(&good, events(1, 2)).unwrap();
    for (name, text) in [("us", text.to_string()), ("de", text.replace('/', "."))] {
        let file = dir.path().join(name);
        fs::write(&file, text).unwrap();
        let output = auship(&["convert", file.to_str().unwrap(), good.to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(serials(&json::lines(&output.stdout)), [1, 2], "the other file is read");
        let said = said(&output);
        assert!(said.contains(&format!("{} is text of 'ausearch -i'", file.display())), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    // In a log, such a line is an unreadable one.
    let output = auship(&["convert"], (event(1, "a") + text + &event(2, "b")).as_bytes());
    assert_eq!((serials(&json::lines(&output.stdout)), output.status.code()), (vec![1, 2], Some(0)));
    assert!(said(&output).contains("standard input:3: text of 'ausearch -i'"), "{}", said(&output));
    assert!(said(&output).contains("2 lines could not be read"), "{}", said(&output));
    // What ausearch prints without -i is a log.
    let raw = format!(
        "----\ntime->Wed Nov 25 04:26:41 2026\n{}----\ntime->Wed Nov 25 04:26:41 2026\n{}",
        event(1, "a"),
        event(2, "b")
    );
    let output = auship(&["convert"], raw.as_bytes());
    assert_eq!((serials(&json::lines(&output.stdout)), said(&output)), (vec![1, 2], String::new()));
}

#[test]
fn other_files_are_refused_by_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for (name, data, what) in [
        ("utf16", [&b"\xff\xfe"[..], &utf16(&events(1, 3))].concat(), "is UTF-16 text"),
        ("utf16-without-mark", utf16(&events(1, 3)), "is UTF-16 text"),
        ("program", fs::read("/bin/true").unwrap(), "is a binary file"),
        ("zeros", vec![0; 100_000], "is a binary file"),
        ("bzip2", b"BZh91AY&SYabc".to_vec(), "is compressed with bzip2"),
    ] {
        let file = dir.path().join(name);
        fs::write(&file, &data).unwrap();
        let output = auship(&["convert", file.to_str().unwrap()], b"");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{name}");
        let said = said(&output);
        assert!(said.starts_with(&format!("auship: {} {what}", file.display())), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        let output = auship(&["convert"], &data);
        assert_eq!(output.status.code(), Some(1), "{name}");
    }
    // A crash can leave zeros in a log.
    let log = [&[0; 100][..], b"\n", event(1, "a").as_bytes(), &[0; 5000], b"\n", event(2, "b").as_bytes()].concat();
    assert_eq!(serials(&convert(&log)), [1, 2]);
}

/// LOGIN, SYSCALL and PROCTITLE of one login.
fn login(serial: usize, head: &str) -> [String; 3] {
    let stamp = format!("msg=audit(1700002000.100:{serial})");
    [
        format!(
            "{head}type=LOGIN {stamp}: pid=4242 uid=0 old-auid=4294967295 auid=1001 old-ses=4294967295 ses=9 res=1"
        ),
        format!("{head}type=SYSCALL {stamp}: {SYSCALL}"),
        format!("{head}type=PROCTITLE {stamp}: proctitle=737368643A"),
    ]
}

#[test]
fn a_login_is_one_event() {
    let whole = |log: &str| {
        let document = one(log);
        assert!(!is_partial(&document), "{log}");
        assert_eq!(document["category"], "login", "{log}");
        let types = document["details"]["recordtypes"].clone();
        let original = original(log);
        assert!(original.contains("type=LOGIN msg=audit(1700002000.100:3000): pid=4242"), "{original}");
        types
    };
    let all = json!(["LOGIN", "SYSCALL", "PROCTITLE"]);
    assert_eq!(whole(&(login(3000, "").join("\n") + "\n")), all);
    assert_eq!(whole(&(login(3000, "node=web1 ").join("\n") + "\n")), all);
    assert_eq!(whole(&(login(3000, "Nov 25 04:11:11 web1 audispd: ").join("\n") + "\n")), all);
    assert_eq!(whole(&(login(3000, "").join("\r\n") + "\r\n")), all);
    let [first, _, _] = login(3000, "");
    assert_eq!(one(&(first.clone() + "\n"))["category"], "login");
    let enriched = one(&(first + "\x1dUID=\"root\" OLD-AUID=\"unset\" AUID=\"erin\"\n"));
    assert_eq!(enriched["details"]["originaluser"], "erin");
    // A record of netlabel's is part of the call that made it.
    let [_, syscall, title] = login(7, "");
    let stamp = "msg=audit(1700002000.100:7)";
    let label =
        one(&format!("type=MAC_UNLBL_ALLOW {stamp}: netlabel: auid=0 ses=1 unlbl_accept=1\n{syscall}\n{title}\n"));
    assert_eq!(label["details"]["recordtypes"], json!(["MAC_UNLBL_ALLOW", "SYSCALL", "PROCTITLE"]));
}

#[test]
fn logins_among_other_events_are_whole() {
    // The records of logins on several processors are mixed.
    let logins: Vec<[String; 3]> = (100..105).map(|serial| login(serial, "")).collect();
    let mixed: String = (0..3).flat_map(|n| logins.iter().map(move |login| login[n].clone() + "\n")).collect();
    let documents = convert_text(&mixed);
    assert_eq!(documents.len(), 5);
    for document in &documents {
        assert_eq!(document["details"]["recordtypes"], json!(["LOGIN", "SYSCALL", "PROCTITLE"]));
    }
    // Logins of older kernels have no SYSCALL record. They don't hold up the events after them for long.
    let other = |serial: usize| {
        let [_, syscall, title] = login(serial, "");
        format!("{syscall}\n{title}\n")
    };
    let log: String = (0..2000).map(|n| if n % 100 == 0 { login(n, "")[0].clone() + "\n" } else { other(n) }).collect();
    let documents = convert_text(&log);
    assert_eq!(documents.len(), 2000);
    assert!(documents.iter().all(|document| !is_partial(document)));
    let mut found = serials(&documents);
    let late = found.iter().enumerate().map(|(at, serial)| at.abs_diff(*serial)).max().unwrap();
    assert!(late < 300, "{late}");
    found.sort_unstable();
    assert_eq!(found, (0..2000).collect::<Vec<_>>());
    // Nobody else can use the numbers that this takes.
    for kind in ["1380", "UNKNOWN[1380]", "UNKNOWN[1399]"] {
        let document = one(&format!("type={kind} msg=audit(1700002000.100:1): a=b\n"));
        assert!(document["category"].as_str().unwrap().starts_with("unknown[13"), "{document}");
    }
    let output = auship(&["convert"], b"type=1380\x01 msg=audit(1700002000.100:1): a=b\n");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_login_is_delivered_while_the_input_is_quiet() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("events.json");
    let config = write_config(dir.path(), &format!("file_log = {}\n", to.display()));
    let mut auship = Running::start(&config);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let [login, _, _] = login(3000, "");
    auship.feed(&(login.replace("1700002000", &now.to_string()) + "\n"));
    common::wait_until("the login is delivered", || {
        fs::read_to_string(&to).is_ok_and(|text| text.contains("\"login\""))
    });
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    let documents = json::lines(&fs::read(&to).unwrap());
    assert!(documents.len() == 1 && !is_partial(&documents[0]), "{documents:?}");
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    to.write_all(text).unwrap();
    to.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 3).unwrap()
}

fn xz(text: &[u8]) -> Vec<u8> {
    let mut to = liblzma::write::XzEncoder::new(Vec::new(), 6);
    to.write_all(text).unwrap();
    to.finish().unwrap()
}

#[test]
fn compressed_logs_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (events(1, 3000), events(3001, 3000));
    let expected: Vec<usize> = (1..=6000).collect();
    for (name, pack) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("zstd", zstd), ("xz", xz)] {
        // One text in two members, cut inside a line. The name of a file doesn't matter.
        let text = (first.clone() + &second).into_bytes();
        let data = [pack(&text[..100_001]), pack(&text[100_001..])].concat();
        let file = dir.path().join("audit.log");
        fs::write(&file, &data).unwrap();
        for output in [auship(&["convert", file.to_str().unwrap()], b""), auship(&["convert", "-"], &data)] {
            assert!(output.status.success() && output.stderr.is_empty(), "{name}: {output:?}");
            assert_eq!(serials(&json::lines(&output.stdout)), expected, "{name}");
        }
        // One text in two files.
        let more = dir.path().join("more");
        fs::write(&file, pack(first.as_bytes())).unwrap();
        fs::write(&more, second.as_bytes()).unwrap();
        let output = auship(&["convert", file.to_str().unwrap(), more.to_str().unwrap()], b"");
        assert_eq!(serials(&json::lines(&output.stdout)), expected, "{name}");
        // An end that is cut off.
        fs::write(&file, &data[..data.len() - 9]).unwrap();
        let output = auship(&["convert", file.to_str().unwrap(), more.to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(1), "{name}");
        let said = said(&output);
        assert!(said.contains(&format!("can't read {}: the {name} data end too early", file.display())), "{said}");
        let found = serials(&json::lines(&output.stdout));
        // gzip loses only its checksum here.
        assert!(found.len() == 9000 || said.contains("a line that is cut off: "), "{said}");
        assert!(found.len() > 5000 && found.ends_with(&expected[3000..]), "{name}: {}", found.len());
        // What is no log is refused in compressed form too.
        let output = auship(&["convert"], &pack(&fs::read("/bin/true").unwrap()));
        assert!(String::from_utf8_lossy(&output.stderr).contains("is a binary file"), "{output:?}");
    }
}

#[test]
fn a_file_that_unpacks_to_much_takes_no_memory() {
    let line = vec![b'x'; 1 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(event(1, "a").as_bytes()).unwrap();
    for _ in 0..400 {
        gzip.write_all(&line).unwrap();
    }
    gzip.write_all(format!("\n{}", event(2, "b")).as_bytes()).unwrap();
    let mut command = Command::new("prlimit");
    command.args(["--as=300000000", AUSHIP, "convert"]);
    let output = run(command, &gzip.finish().unwrap());
    assert_eq!(serials(&json::lines(&output.stdout)), [1, 2], "{}", said(&output));
    assert!(said(&output).contains("standard input:2: longer than 16 MiB"), "{}", said(&output));
}

#[test]
fn unreadable_lines_are_reported_together() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    fs::write(&a, event(1, "a") + "\nnonsense \x1b[2J and more\n" + &"x\n".repeat(1000)).unwrap();
    fs::write(&b, event(2, "b") + &"y\n".repeat(1000) + "type=USER msg=audit(1795320000.001:9 a=b\n").unwrap();
    let output = auship(&["convert", a.to_str().unwrap(), b.to_str().unwrap()], b"");
    assert_eq!((serials(&json::lines(&output.stdout)), output.status.code()), (vec![1, 2], Some(0)));
    let said = said(&output);
    let lines: Vec<&str> = said.lines().collect();
    let [first, more, all] = lines[..] else { panic!("{said}") };
    assert_eq!(first, format!("auship: {}:3: no audit record: nonsense \\u{{1b}}[2J and more", a.display()));
    let last = format!("{}:1002: a record without a time: type=USER", b.display());
    assert!(more.starts_with(&format!("auship: 2001 more lines could not be read; the last is {last}")), "{more}");
    assert_eq!(all, "auship: 2002 lines could not be read");
}

#[test]
fn run_reports_unreadable_lines() {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), &format!("file_log = {}/events.json\n", dir.path().display()));
    let mut auship = Running::start(&config);
    auship.feed(&(event(1, "a") + "nonsense\n"));
    auship.wait_for("input:2: no audit record: nonsense");
    auship.feed(&("more nonsense\n".repeat(500) + &event(2, "b")));
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("500 more lines could not be read; the last is input:502: no audit record: more"), "{said}");
    assert!(said.contains("events in 2") && said.contains("501 lines could not be read"), "{said}");
    assert_eq!(said.matches("no audit record").count(), 2, "{said}");
}

/// What a terminal gets on standard error while a file is converted.
fn on_terminal(file: &Path, stdout: Stdio) -> String {
    let terminal = openpty(None, None).unwrap();
    let mut command = Command::new(AUSHIP);
    command.arg("convert").arg(file).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::from(terminal.slave));
    let mut child = command.spawn().unwrap();
    // This process must not hold the terminal open, or reading wouldn't end.
    drop(command);
    let mut shown = Vec::new();
    // Reading from a terminal that nobody writes to any more fails.
    let _ = File::from(terminal.master).read_to_end(&mut shown);
    assert!(child.wait().unwrap().success());
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn progress_is_shown_on_a_terminal() {
    const ERASE: &str = "\r\x1b[K";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit.log");
    fs::write(&file, events(1, 5000)).unwrap();
    let shown = on_terminal(&file, Stdio::null());
    let lines: Vec<&str> = shown.split(ERASE).collect();
    assert!(shown.starts_with(ERASE) && shown.ends_with(ERASE), "the line is erased: {shown:?}");
    assert!(
        lines[1].starts_with("audit.log: ") && lines[1].ends_with(" events") && lines[1].contains(" %"),
        "{shown:?}"
    );
    // A message stands on a line of its own.
    fs::write(&file, events(1, 5000) + "nonsense\n").unwrap();
    let shown = on_terminal(&file, Stdio::null());
    assert!(shown.contains(&format!("{ERASE}auship: {}:5001: no audit record", file.display())), "{shown:?}");
    // Documents on a terminal aren't disturbed, and a program that reads standard error gets messages alone.
    let other = openpty(None, None).unwrap();
    fs::write(&file, events(1, 3)).unwrap();
    assert_eq!(on_terminal(&file, Stdio::from(other.slave)), "");
    drop(other.master);
    assert_eq!(said(&auship(&["convert", file.to_str().unwrap()], b"")), "");
}

#[test]
fn the_path_of_a_socket_writes_no_record_wherever_the_log_went() {
    let forged = "type=USER_LOGIN msg=audit(1700000000.200:9): uid=0 res=success";
    let hex: String = format!("/tmp/x\n{forged}").bytes().map(|byte| format!("{byte:02X}")).collect();
    for separator in ["\x1d", "#035", "^]", "\\x1d", " ", ""] {
        for prefix in ["", "Nov 14 22:13:20 web1 audit-log: "] {
            let address = format!("saddr=0100{hex}00{separator}SADDR={{ saddr_fam=local path=/tmp/x");
            let log = format!(
                "{prefix}type=SOCKADDR msg=audit(1700000000.100:5): {address}\n{prefix}{forged} }}\n{prefix}type=EOE msg=audit(1700000000.100:5): \n"
            );
            let documents = convert(log.as_bytes());
            assert_eq!(documents.len(), 1, "{log:?}: {documents:#?}");
            let saddr = documents[0]["details"]["saddr"].as_str().unwrap();
            assert_eq!(saddr, format!("{{ saddr_fam=local path=/tmp/x\n{forged} }}"), "{log:?}");
        }
    }
}

#[test]
fn a_further_line_of_a_message_in_the_journal_is_no_record() {
    let forged = "type=USER_LOGIN msg=audit(1700000000.200:99): pid=1 uid=0 res=success";
    for indent in ["                    ", " ", "\t"] {
        let log = format!(
            "2023-11-14T22:13:20+0000 web1 kernel: audit: type=1325 audit(1700000000.100:5): table=x\n{indent}{forged}\n"
        );
        assert_eq!(convert(log.as_bytes()).len(), 1, "{log:?}");
    }
}
