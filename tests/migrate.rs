//! `auship migrate` over configurations of other programs, as a user runs it.
//!
//! The files in `tests/data/migrate` have every key that the programs document, with values that aren't the defaults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{auship, data, secret};
use std::{fs, path::Path, process::Output};

const EXAMPLES: [&str; 6] =
    ["audisp-json.conf", "laurel.toml", "auditbeat.yml", "auditbeat-module.yml", "pauditd.yml", "go-audit.yml"];

/// A directory with the files and directories that the examples name.
fn place() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["ca.pem", "cert.pem", "cert.key"] {
        let kind = if name == "cert.key" { "PRIVATE KEY" } else { "CERTIFICATE" };
        secret(dir.path(), name, &format!("-----BEGIN {kind}-----\n"));
    }
    for name in ["laurel", "auditbeat"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    dir
}

fn example(name: &str, dir: &Path) -> String {
    fs::read_to_string(data("migrate").join(name)).unwrap().replace("@DIR@", dir.to_str().unwrap())
}

/// Writes a text to a file and translates it.
fn migrate(dir: &Path, name: &str, text: &str, more: &[&str]) -> Output {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    auship(&[&["migrate"], more, &[path.to_str().unwrap()]].concat(), b"")
}

/// Translates a text, checks the result, and returns it with the messages.
fn migrated(dir: &Path, name: &str, text: &str) -> (String, Vec<String>) {
    let output = migrate(dir, name, text, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let result = String::from_utf8(output.stdout).unwrap();
    let start = format!("{}:", dir.join(name).display());
    let said = String::from_utf8(output.stderr).unwrap();
    let notes: Vec<String> = said.lines().map(|line| line.strip_prefix(&start).expect(line).to_string()).collect();
    // Each message is a comment of the result too.
    for note in &notes {
        assert!(result.contains(&format!("\n#   {start}{note}\n")), "{note}\n{result}");
    }
    (result, notes)
}

/// The configuration in effect, section by section: `[output:x] key = value`.
fn in_effect(dir: &Path, result: &str) -> Vec<String> {
    let path = common::write_config(dir, result);
    let check = auship(&["check", "--config", path.to_str().unwrap()], b"");
    assert!(check.status.success(), "{check:?}\n{result}");
    let mut section = String::new();
    let mut all = Vec::new();
    for line in String::from_utf8(check.stdout).unwrap().lines() {
        if line.starts_with('[') {
            section = line.to_string();
        } else if !line.is_empty() {
            all.push(format!("{section} {line}").trim_start().to_string());
        }
    }
    all
}

fn assert_has(all: &[String], wanted: &[&str]) {
    for line in wanted {
        assert!(all.iter().any(|is| is == line), "no {line:?} in {all:#?}");
    }
}

fn assert_noted(notes: &[String], wanted: &[&str]) {
    for start in wanted {
        assert!(notes.iter().any(|note| note.starts_with(start)), "no {start:?} in {notes:#?}");
    }
}

#[test]
fn audisp_json_gets_its_modern_form() {
    let dir = place();
    let old = example("audisp-json.conf", dir.path());
    let (result, notes) = migrated(dir.path(), "audisp-json.conf", &old);
    assert_noted(&notes, &["2: mozdef_url: is set again in line 3"]);
    assert_eq!(notes.len(), 1, "{notes:#?}");
    let url = "url = https://mozdef.example.com:8443/events";
    assert!(result.contains(&format!("[output:mozdef]\ntype = http\nformat = mozdef\n{url}\n")), "{result}");
    // The old file is a configuration of auship too. Both must say the same.
    assert_eq!(in_effect(dir.path(), &result), in_effect(dir.path(), &old));

    let file = format!("file_log = {}/x.json\nmozdef_url = https://h/e\ncurl_verbose = no\n", dir.path().display());
    let (result, notes) = migrated(dir.path(), "f.conf", &file);
    assert_noted(&notes, &["2: mozdef_url: isn't used", "3: curl_verbose: isn't used"]);
    assert_eq!(in_effect(dir.path(), &result), in_effect(dir.path(), &file));
}

#[test]
fn laurel_is_translated() {
    let dir = place();
    let (result, notes) = migrated(dir.path(), "laurel.toml", &example("laurel.toml", dir.path()));
    let all = in_effect(dir.path(), &result);
    let path = format!("[output:auditlog] path = {}/laurel/events.log", dir.path().display());
    assert_has(
        &all,
        &[
            "[metrics] status_period = 2h",
            "[output:auditlog] type = file",
            "[output:auditlog] format = ecs",
            &path,
            "[output:auditlog] rotate_size = 4MiB",
            "[output:auditlog] rotate_keep = 7",
            "[output:auditlog] group = adm",
            "[output:auditlog] mode = 0644",
            "[output:auditlog] prepend_msg = \"@cee: \"",
            "[filter:laurel-several-keys] action = keep",
            "[filter:laurel-keys] key = noisy, very noisy",
            "[filter:laurel-null-keys] no_key = yes",
            "[filter:laurel-ports] port = 111",
            "[filter:laurel-addresses] address = 127.0.0.1, 192.168.0.0/24:22, ::/64, [2001:db8::1]:443",
        ],
    );
    assert_noted(
        &notes,
        &[
            "5: input: auship reads standard input only",
            "12: auditlog.read-users: auship sets no ACLs",
            "35: state.file: ",
            "41: transform.execve-argv: documents always hold the list",
            "68: label-process.label-exe.^/opt/[^/]*[.]d/java$: ",
            "83: filter.filter-raw-lines: ",
        ],
    );
}

#[test]
fn auditbeat_is_translated() {
    let dir = place();
    let (result, notes) = migrated(dir.path(), "auditbeat.yml", &example("auditbeat.yml", dir.path()));
    let all = in_effect(dir.path(), &result);
    let key = format!("[output:elasticsearch] client_key = {}/cert.key", dir.path().display());
    assert_has(
        &all,
        &[
            "[input] resolve_ids = never",
            "[metrics] status_period = 5m",
            "[output:elasticsearch] type = elasticsearch",
            "[output:elasticsearch] url = https://es1:9201/es, https://es2.example.com:9200/es",
            "[output:elasticsearch] index = audit-%Y.%m.%d",
            "[output:elasticsearch] gzip = yes",
            // Three for each of two hosts.
            "[output:elasticsearch] workers = 6",
            "[output:elasticsearch] bulk_events = 1600",
            "[output:elasticsearch] bulk_interval = 2500ms",
            "[output:elasticsearch] retry_min = 2s",
            "[output:elasticsearch] retry_max = 2m",
            "[output:elasticsearch] idle_conn_timeout = 15s",
            "[output:elasticsearch] timeout = 45s",
            "[output:elasticsearch] proxy = http://proxy.example.com:3128",
            "[output:elasticsearch] header.x-my-header = Contents of the header",
            "[output:elasticsearch] ring_slots = 8192",
            "[output:elasticsearch] event_original = yes",
            "[output:elasticsearch] ssl_verify = yes",
            &key,
        ],
    );
    assert_eq!(all.iter().filter(|line| line.contains("] type = ")).count(), 1, "{all:#?}");
    for example in [
        ";user = elastic",
        ";password_file = /etc/auship/elasticsearch.password",
        ";api_key_file = /etc/auship/elasticsearch.key",
        ";[output:file]",
        &format!(";path = {}/auditbeat/events.ndjson", dir.path().display()),
        ";rotate_size = 5000KiB",
        ";rotate_keep = 9",
        ";mode = 0640",
        ";[output:console]",
    ] {
        assert!(result.lines().any(|line| line == example), "{example}\n{result}");
    }
    assert_noted(
        &notes,
        &[
            "9: auditbeat.modules.OTHER.file_integrity.module: auship ships audit events only",
            "32: auditbeat.modules.auditd.audit_rules: auship doesn't load audit rules",
            "88: output.elasticsearch.password: a password can't stand",
            "89: output.elasticsearch.api_key: an API key can't stand",
        ],
    );
    let (result, notes) = migrated(dir.path(), "module.yml", &example("auditbeat-module.yml", dir.path()));
    assert_has(&in_effect(dir.path(), &result), &["[input] resolve_ids = local", "[output:local] type = file"]);
    assert_noted(
        &notes,
        &[
            "1: output: no output",
            "4: auditbeat.modules.auditd.audit_rule_files: ",
            "6: auditbeat.modules.OTHER.system.datasets: ",
        ],
    );
}

#[test]
fn pauditd_and_go_audit_are_translated() {
    let dir = place();
    let (result, notes) = migrated(dir.path(), "pauditd.yml", &example("pauditd.yml", dir.path()));
    let ca = format!("[output:http] ca_cert = {}/ca.pem", dir.path().display());
    assert_has(
        &in_effect(dir.path(), &result),
        &[
            "[input] track_sequence = no",
            "[input] log_out_of_order = yes",
            "[input] max_out_of_order = 250",
            "[metrics] statsd = metrics.example.com:8125",
            "[metrics] sample_rate = 0.25",
            "[output:http] url = https://events.example.com/service",
            "[output:http] attempts = 4",
            "[output:http] workers = 20",
            "[output:http] ring_slots = 1000",
            "[output:http] trace_header_name = X-TRACE-ID",
            "[output:http] breaker_failure_ratio = 0.25",
            "[output:http] idle_conn_timeout = 20s",
            &ca,
        ],
    );
    assert!(result.contains("\n;[output:syslog]\n") && result.contains("\n;network = tcp\n"), "{result}");
    assert!(result.contains("\n;[output:file]\n") && result.contains("\n;mode = 0640\n"), "{result}");
    assert_noted(&notes, &["18: output.http.url: a password can't stand", "57: rules: "]);

    let (result, notes) = migrated(dir.path(), "go-audit.yml", &example("go-audit.yml", dir.path()));
    assert_has(
        &in_effect(dir.path(), &result),
        &[
            "[output:syslog] network = unix-stream",
            "[output:syslog] address = /run/go-audit.sock",
            // 133 is 16 * 8 + 5.
            "[output:syslog] facility = local0",
            "[output:syslog] severity = notice",
            "[output:syslog] tag = audit-thing",
            "[output:syslog] attempts = 15",
        ],
    );
    assert_noted(&notes, &["2: canary: ", "32: output.gelf.address: ", "50: extras.containers.docker: "]);
}

/// Comments out each line that sets a key. The result or the messages must change, or the key was dropped in silence.
#[test]
fn each_key_makes_a_difference() {
    // These have the only value with which they change nothing. Another value must change something.
    let other_values = [
        ("enabled: true", "enabled: false"),
        ("filter-action = \"drop\"", "filter-action = \"log\""),
        ("action: drop", "action: keep"),
    ];
    let dir = place();
    for name in EXAMPLES {
        let text = example(name, dir.path());
        let whole = migrate(dir.path(), name, &text, &[]);
        let lines: Vec<&str> = text.lines().collect();
        let mut tried = 0;
        for (number, line) in lines.iter().enumerate() {
            let bare = line.trim_start().trim_start_matches("- ");
            let mark = if name.ends_with(".yml") { ": " } else { " = " };
            let Some((_, value)) = bare.split_once(mark).filter(|_| !bare.starts_with('#')) else { continue };
            if value.trim() == "|" {
                continue;
            }
            let changes = |changed: &str| {
                let mut all = lines.clone();
                all[number] = changed;
                let without = migrate(dir.path(), name, &(all.join("\n") + "\n"), &[]);
                without.stdout != whole.stdout || without.stderr != whole.stderr
            };
            let other = other_values.iter().find(|(is, _)| line.trim_start() == *is);
            let changed = other.map(|(is, other)| line.replace(is, other));
            let place = format!("{name}:{}: {line}", number + 1);
            assert!(changes("#") || changed.is_some_and(|changed| changes(&changed)), "{place} changes nothing");
            tried += 1;
        }
        assert!(tried >= 4, "{name}: only {tried} lines were tried");
    }
}

#[test]
fn secrets_are_never_printed() {
    let dir = place();
    let mut seen = 0;
    for name in EXAMPLES {
        let text = example(name, dir.path());
        seen += text.matches("s3cret").count();
        let output = migrate(dir.path(), name, &text, &[]);
        let said = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&said).contains("s3cret"), "{name}: {}", String::from_utf8_lossy(&said));
    }
    assert!(seen > 15, "{seen}");
    // Neither are they when the file is faulty.
    for text in [
        "output.elasticsearch:\n  password: \"s3cret\" x\n",
        "auditbeat:\n  s3cret\n x\n",
        "output.elasticsearch.headers.Authorization: s3cret\n",
        "output.elasticsearch.hosts: [\"https://joe:s3/cret@es\"]\n",
        "output.elasticsearch.timeout: s3cret\n",
    ] {
        let output = migrate(dir.path(), "x.yml", text, &["--from", "auditbeat"]);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!said.contains("s3cret") && !said.contains("cret@"), "{said}");
    }
}

/// An audit log: each event has a serial and records.
fn log(events: &[(u32, &[&str])]) -> String {
    let mut log = String::new();
    for (serial, records) in events {
        for record in *records {
            let (kind, text) = record.split_once(' ').unwrap();
            log.push_str(&format!("type={kind} msg=audit(1795320000.001:{serial}): {text}\n"));
        }
        log.push_str(&format!("type=EOE msg=audit(1795320000.001:{serial}): \n"));
    }
    log
}

/// The serials of the events that the filters of a result keep.
fn kept(dir: &Path, result: &str, log: &str) -> Vec<u64> {
    let config = common::write_config(dir, result);
    let output = auship(&["convert", "--config", config.to_str().unwrap()], log.as_bytes());
    assert!(output.status.success(), "{output:?}");
    let documents = common::json::lines(&output.stdout);
    documents.iter().map(|document| document["event"]["sequence"].as_u64().unwrap()).collect()
}

const SYSCALL: &str =
    "SYSCALL arch=c000003e syscall=42 success=yes exit=0 a0=3 ppid=1 pid=2 auid=0 uid=0 comm=\"x\" exe=\"/x\" key=";

#[test]
fn filters_of_pauditd_drop_what_they_dropped() {
    let dir = place();
    let filters = "output: {stdout: {enabled: true, attempts: 1}}\nrules: ['-e 1']\nfilters:\n\
                   - {syscall: 42, message_type: 1306, regex: 'saddr=01'}\n\
                   - {syscall: 42, message_type: 1300, regex: 'comm=\"kept\"', action: keep}\n\
                   - {key: noisy, regex: 'comm=\"x\"'}\n\
                   - {message_type: 1306, regex: 'saddr=02'}\n\
                   - {key: anchored, regex: '^arch'}\n\
                   - {syscall: all, message_type: 1300, regex: 'x'}\n\
                   - {syscall: 42, message_type: 1400, regex: 'x'}\n\
                   - {key: guarded, regex: 'comm=\"x\"', action: keep}\n\
                   - {key: guarded, regex: 'exe'}\n";
    let (result, notes) = migrated(dir.path(), "p.yml", filters);
    assert_noted(
        &notes,
        &[
            "7: filters[3]: has neither syscall nor key",
            "8: filters[4]: has a regex with ^",
            "9: filters[5]: never matched",
            "10: filters[6]: never matched",
            "11: filters[7]: is left out",
            "12: filters[8]: comes after a filter that keeps",
        ],
    );
    let syscall = |key: &str| format!("{SYSCALL}{key}");
    let (null, noisy) = (syscall("(null)"), syscall("\"noisy\""));
    let kept_one = null.replace("comm=\"x\"", "comm=\"kept\"");
    let other = null.replace("syscall=42", "syscall=43");
    // Two keys, noisy and b, as the kernel writes them.
    let two = syscall("6E6F6973790162");
    let unix = "SOCKADDR saddr=01002F";
    let log = log(&[
        (1, &[&null, unix]),                // dropped by the first filter
        (2, &[&null, "SOCKADDR saddr=02"]), // no filter
        (3, &[&kept_one, unix]),            // kept by the second filter, whose record comes first
        (4, &[&other, unix]),               // another system call
        (5, &[&noisy]),                     // dropped by its key
        (6, &[&noisy.replace("comm=\"x\"", "comm=\"y\"")]),
        (7, &[&two]), // several keys are another key
        (8, &["URINGOP uring_op=1 success=yes exit=0 ppid=1 pid=2 uid=0 key=\"noisy\"", "CWD cwd=\"comm=\""]),
        (9, &["CONFIG_CHANGE auid=0 ses=1 op=add_rule key=\"noisy\" list=4 res=1"]),
        (10, &[&syscall("\"anchored\"")]),
        (11, &[&syscall("\"guarded\"")]),
        (12, &[&noisy.replace("comm=\"x\"", "comm=\"y\""), "AVC comm=\"x\" denied"]), // AVC isn't seen
    ]);
    assert_eq!(kept(dir.path(), &result, &log), [2, 3, 4, 6, 7, 8, 9, 10, 11, 12]);
}

#[test]
fn filters_of_laurel_drop_what_they_dropped_or_are_examples() {
    let dir = place();
    let old = "[auditlog]\nfile = \"-\"\n[filter]\nkeep-first-per-process = false\nfilter-keys = [\"noisy\"]\n\
               filter-null-keys = true\nfilter-sockaddr = [\"10.0.0.0/8\", \"*:53\"]\n";
    let syscall = |key: &str| format!("{SYSCALL}{key}");
    let (null, noisy, other, two) =
        (syscall("(null)"), syscall("\"noisy\""), syscall("\"other\""), syscall("6E6F6973790162"));
    let log = log(&[
        (1, &[&noisy]),
        (2, &[&null]),
        (3, &[&other]),
        (4, &[&two]),
        (5, &[&other, "SOCKADDR saddr=020000500A0000010000000000000000"]),
        (6, &[&other, "SOCKADDR saddr=02000050C00002010000000000000000"]),
        (7, &[&other, "SOCKADDR saddr=02000035C00002010000000000000000"]),
        // ::ffff:10.0.0.1, port 80. LAUREL takes it for an IPv6 address.
        (8, &[&other, "SOCKADDR saddr=0A0000500000000000000000000000000000FFFF0A00000100000000"]),
        (9, &["CONFIG_CHANGE auid=0 ses=1 op=add_rule key=\"noisy\" list=4 res=1"]),
        (10, &["URINGOP uring_op=1 success=yes exit=0 ppid=1 pid=2 uid=0 key=\"noisy\""]),
        (11, &["URINGOP uring_op=1 success=yes exit=0 ppid=1 pid=2 uid=0 key=(null)"]),
    ]);
    let (result, _) = migrated(dir.path(), "l.toml", old);
    assert_eq!(kept(dir.path(), &result, &log), [3, 4, 6, 8, 9, 10, 11]);

    // LAUREL keeps more than auship's filters would. Then nothing is filtered.
    for (new, key) in [
        (old.replace("keep-first-per-process = false\n", ""), "4: filter.filter-keys: LAUREL keeps the first event"),
        (old.replace("false\n", "true\n"), "4: filter.keep-first-per-process: "),
        (format!("{old}filter-action = \"log\"\n"), "5: filter.filter-keys: LAUREL writes filtered events"),
    ] {
        let (result, notes) = migrated(dir.path(), "l.toml", &new);
        assert_noted(&notes, &[key]);
        assert!(result.contains("\n;[filter:laurel-keys]\n"), "{result}");
        assert_eq!(kept(dir.path(), &result, &log).len(), 11, "{result}");
    }
}

#[test]
fn what_is_missing_here_becomes_an_example() {
    let dir = place();
    let text =
        "output.elasticsearch:\n  hosts: [\"https://es:9200\"]\n  ssl.certificate_authorities: [/nowhere/ca.pem]\n";
    let (result, notes) = migrated(dir.path(), "a.yml", text);
    assert_has(&in_effect(dir.path(), &result), &["[output:elasticsearch] url = https://es:9200"]);
    assert!(result.contains("\n;ca_cert = /nowhere/ca.pem\n"), "{result}");
    assert_noted(&notes, &["3: output.elasticsearch.ssl.certificate_authorities: ca_cert is an example in the result"]);
    let (result, notes) = migrated(dir.path(), "k.yml", "output.kafka:\n  hosts: [a]\n");
    assert_has(&in_effect(dir.path(), &result), &["[output:local] path = /var/log/auship/auship.json"]);
    assert_noted(&notes, &["1: output: no output could be translated", "2: output.kafka.hosts: auship has no Kafka"]);
}

#[test]
fn what_is_no_configuration_is_refused() {
    let dir = place();
    let refused = |text: &str, more: &[&str], part: &str| {
        let output = migrate(dir.path(), "x", text, more);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(output.stdout.is_empty() && said.lines().count() == 1 && said.contains(part), "{said}");
    };
    refused("hello: world\n", &[], "isn't recognised. Expected: audisp-json.conf");
    refused("", &[], "isn't recognised");
    refused("[output:a]\ntype = stdout\n", &[], "is a configuration of auship already");
    refused("a = 1\n[input]\n", &["--from", "audisp-json"], "x:2: has sections");
    refused("[auditlog]\nfile = \n", &[], "x:2: is no TOML");
    refused("filters:\n- key: a\n  regex: \"uid_map\":{\"0\":\"root\"}\n", &[], "x:3: is no YAML");
    refused("rules: [\n", &[], "is no YAML");
    refused("[filter]\n", &["--from", "fluentd"], "must be audisp-json, laurel, auditbeat or pauditd");
    refused(&"# x\n".repeat(300_000), &[], "is larger than 1 MiB");
    refused(&format!("rules: {}", "[".repeat(200_000)), &[], "is no YAML");
    refused(&format!("rules:\n{}", "- ".repeat(200_000)), &[], "levels of maps and lists");
    refused(&format!("[auditlog]\na = {}", "[".repeat(200_000)), &[], "is no TOML");
    for (args, part) in [
        (&["migrate"][..], "missing FILE"),
        (&["migrate", "/nowhere/x"], "/nowhere/x can't be read: No such file"),
        (&["migrate", "/dev/zero"], "is not a regular file"),
    ] {
        let output = auship(args, b"");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(part), "{output:?}");
    }
    // What isn't recognised may still be translated.
    let output = migrate(dir.path(), "x", "{output.elasticsearch: {hosts: [es]}}\n", &["--from", "auditbeat"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("url = http://es:9200"), "{output:?}");
}
