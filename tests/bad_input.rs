//! Tests malformed input. auship must not panic or hang, and it must still process the valid events.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, auship, event, json, run, serials};
use serde_json::{Value, json};
use std::process::Command;

/// Converts a log and returns the documents. The limit is 60 seconds of CPU time, so a busy machine doesn't matter.
fn convert(log: &[u8]) -> Vec<Value> {
    let mut command = Command::new("prlimit");
    command.args(["--cpu=60", AUSHIP, "convert"]);
    let output = run(command, log);
    assert!(output.status.success(), "{} {}", output.status, String::from_utf8_lossy(&output.stderr));
    json::lines(&output.stdout)
}

fn convert_text(log: &str) -> Vec<Value> {
    convert(log.as_bytes())
}

/// Puts bad input between two good events, checks that both events are converted, and returns all documents.
fn goes_on(bad: &[u8]) -> Vec<Value> {
    let log = [event(1, "before").as_bytes(), bad, b"\n", event(2, "after").as_bytes()].concat();
    let documents = convert(&log);
    let serials = serials(&documents);
    assert!(serials.contains(&1) && serials.contains(&2), "{serials:?}");
    documents
}

#[test]
fn odd_lines_disturb_nothing() {
    let lines: &[&[u8]] = &[
        b"",
        b" ",
        b"\0",
        b"\xff\xfe\xfd",
        b"type=",
        b"type=SYSCALL",
        b"type=SYSCALL msg=audit(",
        b"type=SYSCALL msg=audit(1795320000.001:",
        b"type=USER msg=audit(1795320000.001): text=no serial",
        b"type=USER msg=audit(xx.yyy:zzz): text=no time",
        b"type=USER msg=audit(1795320000.99999:9): text=x",
        b"type=USER msg=audit(1795320000.001:9): acct= exe= res=",
        b"type=USER msg=audit(1795320000.001:9): = == =x a=",
        b"type=USER msg=audit(1795320000.001:9): ",
        b"type=USER msg=audit(1795320000.001:9)",
        b"type= msg=audit(1795320000.001:9): a=b",
        b"type=\x1d msg=audit(1795320000.001:9): a=b",
        b"type=USER msg=audit(1795320000.001:9): a=b\x1dA=\"",
        b"type=USER msg=audit(1795320000.001:9): key=1 key=zz key=\"",
        b"type=PATH msg=audit(1795320000.001:9): item=0 name=66726F6D2",
        b"type=PATH msg=audit(1795320000.001:9): item=0 name=\"half",
        b"type=PROCTITLE msg=audit(1795320000.001:9): proctitle=6D7600612",
        b"type=PROCTITLE msg=audit(1795320000.001:9): proctitle=0",
        b"type=SOCKADDR msg=audit(1795320000.001:9): saddr=03",
        b"type=SOCKADDR msg=audit(1795320000.001:9): saddr=0300FF",
        b"type=EXECVE msg=audit(1795320000.001:9): argc=x a0 a1= a99999999999999999999=\"x\" a4294967295=\"y\" a2[9]=41",
        b"type=AVC msg=audit(1795320000.001:9): avc:",
        b"type=AVC msg=audit(1795320000.001:9): avc:  denied  {",
        b"type=AVC msg=audit(1795320000.001:9): apparmor=\"DENIED info=\"x y",
        b"type=SYSCALL msg=audit(1795320000.001:9): arch=zzz syscall=99999999999999999999 a0=zzzzzzzzzzzzzzzzzzzzzzzzzz a1= a2=- a3=0x",
        b"type=EOE msg=audit(1795320000.001:9):",
        b"node= type=USER msg=audit(1795320000.001:9): a=b",
        b"node=x",
        b"nnnnnnnnnnnnn nnnnnnnnnnnnnnnnnn(1.1:1)",
    ];
    for line in lines {
        goes_on(line);
    }
    goes_on(&lines.join(&b'\n'));
}

#[test]
fn a_record_without_a_serial_is_an_event_of_serial_0() {
    let documents = goes_on(b"type=USER msg=audit(1795320000.001): text=no serial");
    let found = documents.iter().find(|d| d["details"]["auditserial"] == "0").unwrap();
    assert_eq!(found["details"]["text"], "no serial");
}

#[test]
fn nothing_behind_a_nul_is_lost() {
    let documents = goes_on(b"type=USER msg=audit(1795320000.001:9): text=a\0b exe=\"/x\"");
    let found = documents.iter().find(|d| d["details"]["auditserial"] == "9").unwrap();
    assert_eq!((&found["details"]["text"], &found["details"]["process"]), (&json!(r"a\x00b"), &json!("/x")));
}

#[test]
fn names_from_users_never_repeat_a_key() {
    let text = "type=USER msg=audit(1795320000.001:9): uid=0 uid=1 user=x user=y user_user=z text=1 text=2 user_text=3 \
                text_hex=4 comm=FF comm_hex=5 a\"b\\=6 \u{e4}=7 recordtypes=8 argv=9 type=10 node=11 msg=12";
    let documents = goes_on(text.as_bytes());
    let details = &documents.iter().find(|d| d["details"]["auditserial"] == "9").unwrap()["details"];
    assert_eq!((&details["uid"], &details["user_uid"]), (&json!("0"), &json!(["0", "1"])));
    assert_eq!(details["text"], "1");
    assert_eq!(details["processname"], r"\xff");
    let all = details.to_string();
    for value in 1..=12 {
        assert!(all.contains(&format!("\"{value}\"")), "{value} is missing from {all}");
    }
}

#[test]
fn time_may_go_backwards_and_far_ahead() {
    let event = |time: &str, serial: usize| {
        format!(
            "type=SYSCALL msg=audit({time}:{serial}): arch=c000003e syscall=1 success=yes a0=1 pid=5 comm=\"x\"\n\
             type=EOE msg=audit({time}:{serial}): \n"
        )
    };
    let times = ["1795320000.500", "1795319000.000", "1795320000.100", "4795320000.000", "1.000", "1795320000.600"];
    let log: String = times.iter().zip(1..).map(|(time, serial)| event(time, serial)).collect();
    let mut found = serials(&convert_text(&log));
    found.sort_unstable();
    assert_eq!(found, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn long_lines_are_read_and_longer_ones_counted() {
    let long = |size: usize| format!("type=USER msg=audit(1795320000.001:9): text={} res=x", "y".repeat(size));
    for size in [1_000_000, 10_000_000] {
        let documents = goes_on(long(size).as_bytes());
        let found = documents.iter().find(|d| d["details"]["auditserial"] == "9").unwrap();
        let pieces = found["details"]["text"].as_array().unwrap();
        assert_eq!(pieces.iter().map(|p| p.as_str().unwrap().len()).sum::<usize>(), size);
        assert!(pieces.iter().all(|p| p.as_str().unwrap().len() <= 30_000));
    }
    let log = event(1, "a") + &long(20_000_000) + "\n" + &event(2, "b");
    let output = auship(&["convert"], log.as_bytes());
    assert_eq!(serials(&json::lines(&output.stdout)), [1, 2]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 lines could not be read"));
}

#[test]
fn ten_megabytes_of_arguments_are_one_command() {
    let stamp = "msg=audit(1795320000.100:9)";
    let mut log = format!("type=SYSCALL {stamp}: arch=c000003e syscall=59 success=yes exit=0 a0=1 pid=2 comm=\"x\"\n");
    for n in 0..1400 {
        log += &format!("type=EXECVE {stamp}: a{n}=\"{}\"\n", "z".repeat(7400));
    }
    log += &format!("type=EOE {stamp}: \n");
    let [document] = &convert_text(&log)[..] else { panic!() };
    assert_eq!(document["details"]["argv"].as_array().unwrap().len(), 1400);
    let command = document["details"]["command"].as_array().unwrap();
    assert_eq!(command.iter().map(|p| p.as_str().unwrap().len()).sum::<usize>(), 1400 * 7401 - 1);
    assert_eq!(document["tags"].as_array().unwrap().len(), 3, "not partial");
}

#[test]
fn events_that_never_end_take_no_time() {
    // libauparse compares each line with every event that it holds. To add a record, it walks the event's records.
    let unfinished: String = (1..60_000)
        .map(|n| format!("type=SYSCALL msg=audit(1795320000.001:{n}): arch=c000003e syscall=1 a0=1 pid=5\n"))
        .collect();
    let mut found = serials(&convert_text(&unfinished));
    found.sort_unstable();
    assert_eq!(found, (1..60_000).collect::<Vec<_>>());

    let endless = "type=PATH msg=audit(1795320000.001:7): item=0 name=\"/x\" inode=1\n".repeat(60_000);
    let documents = convert_text(&endless);
    let names: usize = documents.iter().map(|d| d["details"]["paths"].as_array().map_or(1, Vec::len)).sum();
    assert_eq!(names, 60_000);
    assert!(documents.iter().skip(1).all(|d| d["tags"].as_array().unwrap().contains(&json!("partial"))));
}

#[test]
fn a_message_of_many_fields_takes_no_time() {
    let fields: String = (0..100_000).map(|n| format!(" f{n}=1 f{n}=2 g=x y")).collect();
    let documents = goes_on(format!("type=USER msg=audit(1795320000.001:9):{fields}").as_bytes());
    let details = &documents.iter().find(|d| d["details"]["auditserial"] == "9").unwrap()["details"];
    assert_eq!(details["user_f0"], json!(["1", "2"]));
    assert!(details["fields"].as_array().unwrap().contains(&json!("f99999=2")));
    assert_eq!(details["user_g"].as_array().unwrap().len(), 100_000);
}

#[test]
fn an_event_of_many_records_without_fields_takes_no_time() {
    let log = "type=CWD msg=audit(1795320000.001:9): hello\n".repeat(16_000);
    let documents = convert_text(&log);
    assert_eq!(documents[0]["details"]["cwd_msg"].as_array().unwrap().len(), 16_000);
}

#[test]
fn lists_of_an_absurd_event_are_no_longer_than_its_fields() {
    let fields: String = (0..4000).map(|n| format!(" f{n}=1")).collect();
    let path = |fields: &str| format!("type=PATH msg=audit(1795320000.001:9): item=0{fields}\n");
    let log = path(&fields) + &path(&fields) + &path("").repeat(16_000);
    let output = auship(&["convert"], log.as_bytes());
    assert!(output.stdout.len() < 2 * log.len(), "{} bytes of {}", output.stdout.len(), log.len());
    assert_eq!(json::lines(&output.stdout)[0]["details"]["path_f7"], json!(["1", "1"]));
}
