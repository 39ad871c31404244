//! Tests the configuration from a user's view: `auship check`, exit statuses and messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{auship, cannot_run, write_config};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

/// Checks that `auship check` and `auship run` both exit with 2 and print the same messages, and returns the messages.
fn refused(path: &Path) -> String {
    let path = path.to_str().unwrap();
    let check = auship(&["check", "--config", path], b"");
    let run = auship(&["run", "--config", path], b"");
    assert_eq!((check.status.code(), run.status.code()), (Some(2), Some(2)), "{check:?} {run:?}");
    assert_eq!(check.stderr, run.stderr);
    assert!(check.stdout.is_empty());
    String::from_utf8(check.stderr).unwrap()
}

#[test]
fn faults_are_one_line_each() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_config(
        dir.path(),
        "mozdef_ulr = https://h/events\n[output:a]\ntype = http\nurl = https://h/events\nworkers = many\n\
         curl_cainfo = /nowhere/ca.pem\n",
    );
    let said = refused(&path);
    let lines: Vec<&str> = said.lines().collect();
    let place = path.display();
    assert_eq!(
        lines,
        [
            format!("{place}:1: [before any section] mozdef_ulr: unknown key; did you mean mozdef_url?"),
            format!("{place}:5: [output:a] workers: is \"many\", must be a whole number from 1 to 64"),
            format!(
                "{place}:6: [output:a] curl_cainfo: can't read /nowhere/ca.pem: No such file or directory (os error \
                 2); name a file of CA certificates"
            ),
        ]
    );
}

#[test]
fn files_that_cannot_be_trusted_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_config(dir.path(), "file_log = -\n");
    assert!(auship(&["check", "--config", path.to_str().unwrap()], b"").status.success());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o602)).unwrap();
    assert!(refused(&path).contains("is writable by everybody"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    if nix::unistd::geteuid().is_root() {
        chown(&path, Some(12345), None).unwrap();
        assert!(refused(&path).contains("belongs to uid 12345, neither root nor the caller"));
    } else {
        cannot_run("a file of another owner", "it can't be made; run this test as root");
    }
    assert!(refused(Path::new("/nowhere/auship.conf")).contains("can't be read: No such file"));
    assert!(refused(dir.path()).contains("is not a regular file"));
}

#[test]
fn a_ca_file_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    fs::write(&ca, "not a certificate").unwrap();
    let path = write_config(dir.path(), &format!("mozdef_url = https://h/e\ncurl_cainfo = {}\n", ca.display()));
    assert!(refused(&path).contains(":2: [before any section] curl_cainfo:"));
}

#[test]
fn wrong_usage_exits_2() {
    for args in
        [&["fly"][..], &["--nonsense"], &["convert", "--format", "cef"], &["run", "file"], &["check", "--config"]]
    {
        let output = auship(args, b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("see auship --help"), "{output:?}");
    }
}

#[test]
fn help_has_an_example_for_each_command() {
    for args in [&["--help"][..], &["run", "--help"], &["convert", "-h"], &["check", "--help"], &["migrate", "--help"]]
    {
        let output = auship(args, b"");
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("usage:"), "{text}");
        assert!(args.len() == 1 || text.contains("example"), "{text}");
    }
    let version = auship(&["--version"], b"").stdout;
    assert_eq!(String::from_utf8(version).unwrap(), format!("auship {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn check_prints_a_configuration_that_checks_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path =
        write_config(dir.path(), "mozdef_url = https://h/events\nssl_verify = no\nprepend_msg = {\"message\":\n");
    let first = auship(&["check", "-c", path.to_str().unwrap()], b"").stdout;
    let again = write_config(dir.path(), &String::from_utf8(first.clone()).unwrap());
    let second = auship(&["check", "-c", again.to_str().unwrap()], b"").stdout;
    assert_eq!(String::from_utf8(first).unwrap(), String::from_utf8(second).unwrap());
}

#[test]
fn the_shipped_configuration_lists_every_key_with_its_default() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/auship.conf");
    let text = fs::read_to_string(&shipped).unwrap();
    for name in auship::internals::config::keys().into_iter().map(|about| about.name) {
        let set = text.lines().any(|l| {
            let key = l.trim_start_matches(';').split('=').next().unwrap().trim();
            if name.ends_with('.') { key.starts_with(name) } else { key == name }
        });
        assert!(set, "conf/auship.conf doesn't show {name}");
    }
    assert!(auship(&["check", "--config", shipped.to_str().unwrap()], b"").status.success());
    // The filter in the file must be valid once uncommented. Only no_key is left out: no event matches no_key and key.
    let filter: String = text
        .lines()
        .skip_while(|l| !l.starts_with(";[filter:"))
        .take_while(|l| !l.starts_with("; ----"))
        .filter_map(|l| l.strip_prefix(';'))
        .filter(|l| !l.is_empty() && !l.starts_with(' ') && !l.starts_with("no_key"))
        .map(|l| format!("{l}\n"))
        .collect();
    let given =
        auship::internals::config::parse(Path::new("x"), &format!("[output:o]\ntype = stdout\n{filter}")).unwrap();
    assert_eq!(given.filters.len(), 1, "{filter}");
}

#[test]
fn defaults_are_what_they_are_said_to_be() {
    let spool = tempfile::tempdir().unwrap();
    let spool = format!("spool_dir = {}", spool.path().display());
    let parse = |text: &str| auship::internals::config::parse(Path::new("x"), text);
    let mut checked = std::collections::BTreeSet::new();
    for output in [
        format!("type = http\nurl = https://siem.example.com/events\n{spool}"),
        format!("type = http\nurl = https://siem.example.com/events\nformat = ecs\n{spool}"),
        format!("type = elasticsearch\nurl = https://es1.example.com:9200\n{spool}"),
        format!("type = syslog\n{spool}"),
        format!("type = syslog\nnetwork = tls\naddress = logs.example.com\n{spool}"),
        "type = file\npath = /var/log/auship/auship.json".to_string(),
        "type = file\npath = /var/log/auship/auship.json\nrotate_every = 24h".to_string(),
        "type = stdout".to_string(),
    ] {
        let [top, input, confine, metrics, section] =
            ["", "[input]\n", "[confine]\n", "[metrics]\n", "[output:siem]\n"];
        let without = parse(&format!("{section}{output}\n")).unwrap();
        // A default of several words isn't a value. It describes what auship does if the key isn't set.
        for about in
            auship::internals::config::keys().into_iter().filter(|a| !a.default.is_empty() && !a.default.contains(' '))
        {
            let setting = format!("{} = {}\n", about.name, about.default);
            for (before, after) in [(top, ""), (input, ""), (confine, ""), (metrics, ""), ("", setting.as_str())] {
                let before = if after.is_empty() { format!("{before}{setting}") } else { String::new() };
                // If the key isn't allowed in this section or for this output, there is nothing to compare.
                let Ok(mut with) = parse(&format!("{before}{section}{output}\n{after}")) else { continue };
                with.outputs[0].line = without.outputs[0].line;
                assert_eq!(with, without, "{setting}");
                checked.insert(about.name);
            }
        }
    }
    let of_filters = ["action", "no_key"];
    for about in
        auship::internals::config::keys().into_iter().filter(|a| !a.default.is_empty() && !a.default.contains(' '))
    {
        assert!(checked.contains(about.name) || of_filters.contains(&about.name), "{} was never set", about.name);
    }
}
