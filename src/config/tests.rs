#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn faults(text: &str) -> Vec<String> {
    match parse(Path::new("/etc/x.conf"), text) {
        Ok(config) => panic!("no fault in {config}"),
        Err(faults) => faults.0.iter().map(Fault::to_string).collect(),
    }
}

fn config(text: &str) -> Config {
    parse(Path::new("/etc/x.conf"), text).unwrap()
}

/// A configuration as audisp-json ships and documents it.
const LEGACY: &str = r#"
mozdef_url = http://127.0.0.1:8080/events
SSL_Verify = no
curl_verbose = never
#curl_logfile = /var/log/audisp-json-curl.debug
prepend_msg = {"message":
postpend_msg = }
"#;

fn program_name(output: &Output) -> &str {
    match &output.format {
        Format::MozDef(format) => &format.program_name,
        Format::Ecs(_) => panic!("not MozDef's format"),
    }
}

#[test]
fn an_audisp_json_conf_is_understood() {
    let config = config(LEGACY);
    let [output] = &config.outputs[..] else { panic!("{config}") };
    assert_eq!(output.name, "mozdef");
    assert_eq!(program_name(output), "audisp-json");
    assert_eq!((output.prepend_msg.as_str(), output.postpend_msg.as_str()), (r#"{"message":"#, "}"));
    let Sink::Http(http) = &output.sink else { panic!("{config}") };
    assert_eq!(http.url, "http://127.0.0.1:8080/events");
    assert!(!http.client.tls.verify);
    assert!(http.client.verbose, "anything but no… is yes, but never isn't no");
    assert_eq!((http.client.workers, http.client.retry.attempts), (4, 3));
}

#[test]
fn never_begins_with_ne_not_no() {
    assert!(values::yes_unless_no("never"));
    assert!(!values::yes_unless_no("None"));
}

#[test]
fn file_log_wins_over_mozdef_url() {
    let config = config("mozdef_url = http://h/e\nfile_log = /tmp/x.json ; here\ncurl_verbose = no\n");
    assert_eq!(config.outputs[0].sink, Sink::File(Box::new(File::new("/tmp/x.json".into()))));
    assert_eq!(parse(Path::new("x"), "file_log = -\n").unwrap().outputs[0].sink, Sink::Stdout);
}

#[test]
fn what_check_prints_says_the_same() {
    let text = "shutdown_timeout = 3s\n[output:a]\ntype = http\nurl = https://h/e\nring_bytes = 1500B\n\
                prepend_msg = \"{\"m\": \"\n[output:b]\ntype = file\npath = /tmp/b\ndetails = classic\n";
    let first = config(text);
    let second = config(&first.to_string());
    assert!(second.outputs.iter().zip(&first.outputs).all(|(a, b)| a.is_as(b)), "{second}");
    assert_eq!(second.to_string(), first.to_string());
    assert_eq!(first.outputs[0].prepend_msg, "{\"m\": ");
}

#[test]
fn faults_name_line_section_and_key() {
    assert_eq!(
        faults("mozdef_ulr = x\n"),
        ["/etc/x.conf:1: [before any section] mozdef_ulr: unknown key; did you mean mozdef_url?"]
    );
    assert_eq!(
        faults("\n[output:a]\ntype = http\nurl = https://h\nring_bytes = lots\n"),
        [
            "/etc/x.conf:5: [output:a] ring_bytes: is \"lots\", must be a size with its unit: B, KiB, MiB or GiB, as in 8MiB"
        ]
    );
    assert_eq!(
        faults("[output:a]\ntype = file\npath = /nowhere/x\n"),
        ["/etc/x.conf:3: [output:a] path: there is no directory /nowhere; create it"]
    );
    assert_eq!(
        faults("[output:a]\ntype = http\nurl = https://h\ncurl_cainfo = /nowhere/ca.pem\n"),
        ["/etc/x.conf:4: [output:a] curl_cainfo: can't read /nowhere/ca.pem: No such file or directory (os error 2); \
          name a file of CA certificates"]
    );
}

#[test]
fn every_fault_is_reported_in_order() {
    let all =
        faults("[outptu:a]\n[output:b]\ntype = smoke\nnonsense\n[output:c]\nurl = ftp://x\n[input]\nsource = usb\n");
    let starts: Vec<_> = all.iter().map(|f| f.split(": ").take(2).collect::<Vec<_>>().join(": ")).collect();
    assert_eq!(
        starts,
        [
            "/etc/x.conf:1: [outptu:a]",
            "/etc/x.conf:3: [output:b] type",
            "/etc/x.conf:4: [output:b]",
            "/etc/x.conf:5: [output:c] type",
            "/etc/x.conf:8: [input] source",
        ]
    );
}

#[test]
fn keys_of_another_type_are_faults() {
    let all = faults("[output:b]\ntype = file\npath = /tmp/x\nworkers = 3\n");
    assert_eq!(all, ["/etc/x.conf:4: [output:b] workers: has no meaning for this output's type (file)"]);
    assert!(faults("[output:b]\ntype = file\npath = /tmp/x\npath = /tmp/y\n")[0].contains("line 3"));
    assert!(faults("workers = 3\n")[0].contains("set mozdef_url or file_log"));
    assert!(faults("# nothing\n")[0].contains("no output"));
}

#[test]
fn a_key_without_a_value_is_none() {
    assert_eq!(config("file_log =\nmozdef_url = http://h/e\ncurl_cainfo =\n").outputs[0].name, "mozdef");
    assert!(faults("mozdef_url =\n")[0].contains("no output"));
}

#[test]
fn keys_of_a_server_that_is_not_used_cannot_be_wrong() {
    let config = config("file_log = -\nmozdef_url = nonsense\ncurl_cainfo = /nowhere/ca.pem\nssl_verify = no\n");
    assert_eq!(config.outputs[0].sink, Sink::Stdout);
}

#[test]
fn odd_values_read_back_from_what_check_prints() {
    for name in ["a ; b", " x", "plain", "\"q\"", "#c", "a#b", "\"half"] {
        let first = config(&format!("[output:a]\ntype = stdout\nprogram_name = \"{name}\"\n"));
        assert_eq!(program_name(&first.outputs[0]), name);
        let second = config(&first.to_string());
        assert!(second.outputs[0].is_as(&first.outputs[0]), "{first}");
    }
}

#[test]
fn what_one_output_writes_no_other_does() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    fs::create_dir(at("real")).unwrap();
    std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
    let (file, spool) = (at("real/x.json"), at("real/spool"));
    let http = |name: &str, keys: &str| format!("[output:{name}]\ntype = http\nurl = http://h/e\n{keys}\n");
    let outputs = [
        format!("[output:a]\ntype = file\npath = {file}\n"),
        http("b", &format!("spool_dir = {spool}")),
        "[output:c]\ntype = stdout\n".into(),
    ]
    .concat();
    let name = |path: &str| fs::canonicalize(dir.path()).unwrap().join(path).display().to_string();
    for (more, what) in [
        (
            format!("[output:d]\ntype = file\npath = {}\n", at("link/x.json")),
            format!("12: [output:d] path: {} is taken by [output:a] path; each needs its own", name("real/x.json")),
        ),
        (
            http("d", &format!("spool_dir = {}/", at("link/../real/spool"))),
            format!("13: [output:d] spool_dir: {} is taken by [output:b] spool_dir", name("real/spool")),
        ),
        (http("d", &format!("dead_letter_file = {file}")), "13: [output:d] dead_letter_file: ".to_string()),
        (
            "[output:d]\ntype = file\npath = -\n".into(),
            "12: [output:d] path: standard output is taken by [output:c] type; each needs its own".into(),
        ),
    ] {
        let all = faults(&format!("{outputs}{more}"));
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(all[0].starts_with(&format!("/etc/x.conf:{what}")), "{all:?}");
    }
    let null = "type = file\npath = /dev/null\n";
    config(&format!("{outputs}[output:d]\n{null}[output:e]\n{null}"));
}

#[test]
fn keys_of_the_queue_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let output = |keys: &str| format!("[output:a]\ntype = http\nurl = http://h/e\n{keys}\n");
    // The path of the dead-letter file is shown, in a directory that doesn't exist yet.
    let first = config(&output(&format!("spool_dir = {}/spool", dir.path().display())));
    assert!(config(&first.to_string()).outputs[0].is_as(&first.outputs[0]), "{first}");
    let said = |keys: &str| faults(&output(keys)).concat();
    assert!(said("dead_letter_limit = 1MiB").contains("4: [output:a] dead_letter_limit: needs dead_letter_file or"));
    assert!(said("retry_min = 1m").contains("4: [output:a] retry_min: is longer than retry_max (30s); set both"));
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    assert!(said(&format!("spool_dir = {}", dir.path().display())).contains("spool_dir: is writable by everybody"));
}
