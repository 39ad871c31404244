#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::config::{Config, Sink, parse};

fn config(keys: &str) -> Result<Config, String> {
    let text = format!("[output:s]\ntype = syslog\n{keys}");
    parse(Path::new("x"), &text).map_err(|faults| faults.to_string())
}

fn syslog(keys: &str) -> Syslog {
    match config(keys).unwrap().outputs.remove(0).sink {
        Sink::Syslog(syslog) => *syslog,
        other => panic!("{other:?}"),
    }
}

#[test]
fn defaults_are_those_of_syslog_3() {
    let default = syslog("");
    assert_eq!(default.destination, Destination::Unix("/dev/log".into()));
    assert_eq!((default.protocol, default.priority), (Protocol::Rfc3164, Priority(132)));
    let tls = syslog("network = tls\naddress = logs.example.com\nfacility = audit\nseverity = notice\n");
    assert_eq!((tls.protocol, tls.priority), (Protocol::Rfc5424, Priority(13 * 8 + 5)));
    assert_eq!(tls.destination.to_string(), "tls logs.example.com:6514");
    assert_eq!(syslog("priority = 191\n").priority, Priority(191));
}

#[test]
fn what_is_wrong_is_said() {
    for (keys, what) in [
        ("network = tcp\n", "x:1: [output:s] address: is missing"),
        (
            "network = udp\naddress = h:0\n",
            "x:4: [output:s] address: is \"h:0\", must be a host, with or without a port",
        ),
        ("network = pigeon\n", "x:3: [output:s] network: is \"pigeon\", must be unix,"),
        ("address = log\n", "x:3: [output:s] address: is \"log\", must be the absolute path"),
        ("facility = local8\n", "x:3: [output:s] facility: is \"local8\""),
        ("severity = warn\n", "must be emerg,"),
        ("priority = 192\n", "0 to 191"),
        ("facility = user\npriority = 9\n", "x:4: [output:s] priority: can't be used together"),
        ("tag = a b\n", "x:3: [output:s] tag:"),
        ("tag = a[1]\n", "x:3: [output:s] tag:"),
        (
            "network = udp\naddress = h\nssl_verify = no\n",
            "x:5: [output:s] ssl_verify: has no meaning for network = udp",
        ),
        ("workers = 2\n", "x:3: [output:s] workers: has no meaning for this output's type (syslog)"),
    ] {
        let said = config(keys).unwrap_err();
        assert!(said.contains(what), "{said}");
    }
    assert!(parse(Path::new("x"), "file_log = -\nfacility = user\n").is_err(), "only in a section");
}

#[test]
fn what_check_prints_reads_back() {
    for keys in ["", "network = unix-stream\naddress = /run/x\n", "network = udp\naddress = [::1]\npriority = 0\n"] {
        let first = config(keys).unwrap();
        let second = parse(Path::new("x"), &first.to_string()).unwrap();
        assert!(second.outputs[0].is_as(&first.outputs[0]), "{first}");
    }
}
