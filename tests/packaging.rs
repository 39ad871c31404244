//! Tests what the project ships besides the program: rules, configuration, and installation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, audit, cannot_run};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn make(target: &str, destdir: &Path) {
    // Installs the binary under test, so `make` doesn't build another one.
    let output = Command::new("make")
        .current_dir(project())
        .args([target, &format!("DESTDIR={}", destdir.display()), &format!("BINARY={AUSHIP}")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn files(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                found.insert(path.strip_prefix(dir).unwrap().to_path_buf());
            }
        }
    }
    found
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn install_puts_files_where_auditd_looks_and_uninstall_takes_them_out() {
    let dir = tempfile::tempdir().unwrap();
    // On older systems the audit dispatcher (audispd) is a separate program with its own plugin directory.
    fs::create_dir_all(dir.path().join("etc/audisp/plugins.d")).unwrap();
    make("install", dir.path());
    let installed = files(dir.path());
    for file in [
        "usr/sbin/auship",
        "etc/auship/auship.conf",
        "etc/audit/plugins.d/auship.conf",
        "etc/audisp/plugins.d/auship.conf",
        "etc/auship/elasticsearch/mappings-ecs.json",
        "etc/auship/elasticsearch/ism-data-stream.json",
    ] {
        assert!(installed.contains(Path::new(file)), "{file} isn't in {installed:#?}");
    }
    assert_eq!(mode(&dir.path().join("usr/sbin/auship")), 0o755);
    assert_eq!(mode(&dir.path().join("etc/auship/auship.conf")), 0o640);
    let plugin = fs::read_to_string(dir.path().join("etc/audit/plugins.d/auship.conf")).unwrap();
    assert!(plugin.contains("\npath = /usr/sbin/auship\n") && plugin.contains("\nactive = yes\n"), "{plugin}");
    let check = Command::new(dir.path().join("usr/sbin/auship"))
        .args(["check", "--config"])
        .arg(dir.path().join("etc/auship/auship.conf"))
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");

    // A second installation and a removal both keep the files that an administrator changed.
    let config = dir.path().join("etc/auship/auship.conf");
    fs::write(&config, "file_log = -\n").unwrap();
    let policy = dir.path().join("etc/auship/elasticsearch/ilm-indexes.json");
    fs::write(&policy, "{}\n").unwrap();
    make("install", dir.path());
    make("uninstall", dir.path());
    assert_eq!(fs::read_to_string(&config).unwrap(), "file_log = -\n");
    assert_eq!(fs::read_to_string(&policy).unwrap(), "{}\n");
    let left = ["etc/auship/auship.conf", "etc/auship/elasticsearch/ilm-indexes.json"];
    assert_eq!(files(dir.path()), left.map(PathBuf::from).into());
}

#[test]
fn a_new_system_gets_no_directory_of_an_old_one() {
    let dir = tempfile::tempdir().unwrap();
    make("install", dir.path());
    assert!(dir.path().join("etc/audit/plugins.d/auship.conf").exists());
    assert!(!dir.path().join("etc/audisp").exists());
}

fn auditctl(args: &[&str]) -> Output {
    Command::new("auditctl").args(args).output().unwrap()
}

fn rule_files() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(project().join("rules")).unwrap().map(|e| e.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|e| e == "rules"));
    found.sort();
    found
}

#[test]
fn every_rule_has_a_key_and_every_block_a_comment() {
    let files = rule_files();
    assert!(files.len() > 5);
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with('#'), "{}", path.display());
        for line in text.lines().filter(|line| line.starts_with("-a") && !line.starts_with("-a never")) {
            assert!(line.contains(" -k "), "{}: {line}", path.display());
        }
        for block in text.split("\n\n").filter(|block| block.lines().any(|line| line.starts_with("-a"))) {
            assert!(block.starts_with('#'), "{}: no comment before {block}", path.display());
        }
    }
}

#[test]
fn rules_load() {
    let _turn = match audit::take() {
        Ok(turn) => turn,
        Err(why) => return cannot_run("loading the example rules", &why),
    };
    let before = String::from_utf8(auditctl(&["-l"]).stdout).unwrap();
    let status = String::from_utf8(auditctl(&["-s"]).stdout).unwrap();
    if before.trim() != "No rules" {
        return cannot_run("loading the example rules", "there are rules here, which the test would delete");
    }
    let figure = |name: &str| status.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().to_string();
    let mut problems = Vec::new();
    for path in rule_files() {
        let output = auditctl(&["-R", path.to_str().unwrap()]);
        if !output.status.success() {
            problems.push(format!("{}: {output:?}", path.display()));
        }
        let loaded = auditctl(&["-l"]).stdout;
        let has_rules = fs::read_to_string(&path).unwrap().lines().any(|line| line.starts_with("-a"));
        let some = String::from_utf8(loaded).unwrap().lines().any(|line| line.starts_with('-'));
        // auditctl before 3.1 can't load the io_uring rules.
        if has_rules && !some && !path.ends_with("54-io-uring.rules") {
            problems.push(format!("{}: no rule was loaded", path.display()));
        }
        auditctl(&["-D"]);
    }
    auditctl(&["-b", &figure("backlog_limit")]);
    auditctl(&["-f", &figure("failure")]);
    auditctl(&["-e", &figure("enabled")]);
    assert!(problems.is_empty(), "{problems:#?}");
}
