//! Tests filters from a user's view. Compares the events that filters select with those that a Python script and
//! ausearch find in the same logs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{PYTHON, Running, auship, data, event, json, serials, tool, wait_until, write_config};
use nix::sys::signal::Signal;
use std::{fs, process::Command};

/// Runs `auship run` on a log. Returns the serials that it writes to a file, and all messages that it prints.
fn kept(sections: &str, log: &str) -> (Vec<usize>, String) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.json");
    let input = "[input]\ntrack_sequence = no\n";
    let text = format!("{input}[output:o]\ntype = file\npath = {}\n{sections}\n", out.display());
    let mut running = Running::start(&write_config(dir.path(), &text));
    running.feed(log);
    let (status, said) = running.finish();
    assert!(status.success(), "{said}");
    let mut kept = serials(&json::lines(&fs::read(&out).unwrap()));
    kept.sort_unstable();
    (kept, said)
}

/// Runs a program and returns the numbers that it prints, one per line, in ascending order.
fn numbers(command: &mut Command) -> Vec<usize> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut numbers: Vec<usize> = text.lines().map(|line| line.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

/// The conditions of each filter that the test runs on the test data.
const CONDITIONS: &[&[(&str, &str)]] = &[
    &[("syscall", "execve")],
    &[("syscall", "42, openat, 9999")],
    &[("record_type", "SOCKADDR, EXECVE")],
    &[("key", "identity, exec")],
    &[("no_key", "yes")],
    &[("uid", "1001")],
    &[("uid", "1-1000")],
    &[("uid", "0"), ("key", "net")],
    &[("auid", "unset")],
    &[("user", "root")],
    &[("exe", "/usr/bin/su, /usr/bin/chown")],
    &[("exe", "/usr/bin/su*")],
    &[("exe", "/usr/sbin/*"), ("record_type", "PATH")],
    &[("path", "/etc")],
    &[("path", "/srv/app/a")],
    &[("path", "/srv/app/renamed file")],
    &[("path", "/srv"), ("syscall", "openat, mkdir, rename")],
    &[("path", "/")],
    &[("address", "127.0.0.0/8, ::/0")],
    &[("address", "128.0.0.0/1")],
    &[("port", "9")],
    &[("port", "10-65535")],
    &[("regex", "^arch=[^ ]+ syscall=59 .* cwd=\"/srv/app\" item=0 ")],
    &[("regex", "exe=\"/usr/s?bin/[a-t]+\" (hostname|key)=")],
];

#[test]
fn filters_drop_what_python_finds() {
    let mut found = 0;
    for name in ["zoo-raw.log", "zoo-enriched.log", "sample.log"] {
        let log = fs::read_to_string(data(name)).unwrap();
        let (all, _) = kept("", &log);
        for conditions in CONDITIONS {
            let keys: String = conditions.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
            let mut oracle = Command::new(PYTHON);
            oracle.arg(tool("filters.py")).arg(data(name));
            oracle.args(conditions.iter().flat_map(|(key, value)| [key, value]));
            let dropped = numbers(&mut oracle);
            let (kept, said) = kept(&format!("[filter:f]\n{keys}"), &log);
            let mut together = [&kept[..], &dropped].concat();
            together.sort_unstable();
            assert_eq!(together, all, "{name}: {keys}: dropped by Python: {dropped:?}");
            let (events, filtered) = (all.len(), dropped.len());
            assert!(said.contains(&format!("hits of filters: f {filtered}\n")), "{said}");
            let totals = format!("events in {events}, filtered {filtered}, delivered {}, lost 0", events - filtered);
            assert!(said.contains(&totals), "{said}, not {totals}");
            found += usize::from(filtered > 0);
        }
    }
    assert!(found > 40, "only {found} filters matched anything");
}

#[test]
fn filters_keep_what_ausearch_finds() {
    let path = data("zoo-raw.log");
    let log = fs::read_to_string(&path).unwrap();
    for (keys, options) in [
        ("uid = 1001", &["-ui", "1001"][..]),
        ("key = exec", &["-w", "-k", "exec"]),
        ("exe = /usr/bin/su", &["-w", "-x", "/usr/bin/su"]),
        ("syscall = rename", &["-sc", "rename"]),
        ("record_type = SOCKADDR", &["-m", "SOCKADDR"]),
    ] {
        let output = Command::new("ausearch").args(["--raw", "-if"]).arg(&path).args(options).output().unwrap();
        let raw = String::from_utf8(output.stdout).unwrap();
        let serial = |line: &str| line.split_once(')')?.0.rsplit_once(':')?.1.parse().ok();
        let mut expected: Vec<usize> = raw.lines().filter_map(serial).collect();
        expected.sort_unstable();
        expected.dedup();
        assert!(!expected.is_empty(), "{options:?}");
        let sections = format!("[filter:these]\naction = keep\n{keys}\n[filter:rest]\nregex = ^\n");
        let (kept, said) = kept(&sections, &log);
        assert_eq!(kept, expected, "{keys}");
        assert!(said.contains(&format!("hits of filters: these {}, rest ", kept.len())), "{said}");
    }
}

#[test]
fn totals_are_as_ever_without_filters() {
    let (kept, said) = kept("", &(event(1, "a") + &event(2, "b")));
    assert_eq!(kept, [1, 2]);
    assert!(said.contains("ended: events in 2, delivered 2, lost 0"), "{said}");
    assert!(!said.contains("filtered") && !said.contains("hits of filters"), "{said}");
}

#[test]
fn a_reload_brings_other_filters_and_hits_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.json");
    let output = format!("[output:o]\ntype = file\npath = {}\n", out.display());
    let stays = "[filter:stays]\nregex = text=a\n";
    let config = write_config(dir.path(), &format!("{output}{stays}"));
    let mut running = Running::start(&config);
    let written = |count| {
        wait_until("documents are written", || {
            fs::read(&out).is_ok_and(|text| text.iter().filter(|b| **b == b'\n').count() >= count)
        });
    };
    running.feed(&(event(1, "a") + &event(2, "b") + &event(3, "b")));
    written(2);
    // A reload with an invalid filter changes nothing.
    write_config(dir.path(), &format!("{output}{stays}[filter:new]\nregex = text=(b\n"));
    running.signal(Signal::SIGHUP);
    running.wait_for("the running configuration stays");
    assert!(
        running.messages().contains(":7: [filter:new] regex: \"text=(b\" is no regular expression: unclosed group")
    );
    running.feed(&(event(4, "a") + &event(5, "b")));
    written(3);
    write_config(dir.path(), &format!("{output}[filter:new]\nregex = text=b\n{stays}"));
    running.signal(Signal::SIGHUP);
    running.wait_for("auship.conf reloaded");
    running.feed(&(event(6, "a") + &event(7, "b") + &event(8, "c")));
    let (status, said) = running.finish();
    assert!(status.success(), "{said}");
    assert_eq!(serials(&json::lines(&fs::read(&out).unwrap())), [2, 3, 5, 8]);
    assert!(said.contains("hits of filters: new 1, stays 3\n"), "{said}");
    assert!(said.contains("ended: events in 8, filtered 4, delivered 4, lost 0"), "{said}");
}

#[test]
fn convert_applies_the_filters_of_its_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), "[filter:f]\nregex = text=b\n[output:o]\ntype = stdout\n");
    let log = event(1, "a") + &event(2, "b") + &event(3, "c");
    let output = auship(&["convert", "--config", config.to_str().unwrap()], log.as_bytes());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(serials(&json::lines(&output.stdout)), [1, 3]);
}

#[test]
fn check_shows_filters_and_their_faults() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[filter:f]\nuid = 0,1000-1999\nregex = \"a ; b\"\n[output:o]\ntype = stdout\n";
    let config = write_config(dir.path(), text);
    let shown = String::from_utf8(auship(&["check", "--config", config.to_str().unwrap()], b"").stdout).unwrap();
    assert!(shown.contains("[filter:f]\naction = drop\nuid = 0, 1000-1999\nregex = \"a ; b\"\n"), "{shown}");
    let config = write_config(dir.path(), "[output:o]\ntype = stdout\n[filter:f]\naction = keep\n");
    let output = auship(&["check", "--config", config.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(":3: [filter:f]: has no condition"), "{said}");
}
