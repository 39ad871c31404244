//! Tests tests/tools/detection_rules.py, which compares the fields of documents with those that detection rules ask for.
//! The rules here are made up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, PYTHON, data, tool};
use std::{fs, process::Command};

/// Returns a directory with these rules: the path and the text of each.
fn tree(rules: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("rules_building_block")).unwrap();
    for (path, text) in rules {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// Returns the exit status, standard output and standard error of the tool.
fn compare(rules: &[(&str, &str)]) -> (i32, String, String) {
    let tree = tree(rules);
    let logs = [data("zoo-enriched.log"), data("edge.log")];
    let output = Command::new(PYTHON).arg(tool("detection_rules.py")).arg(AUSHIP).arg(tree.path()).args(logs).output();
    let output = output.expect("python3 runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn fields_are_found_in_every_language() {
    let rules = [
        (
            "rules/linux/kql.toml",
            "[metadata]\nintegration = [\"auditd_manager\"]\n[rule]\ntype = \"new_terms\"\nlanguage = \"kuery\"\n\
             query = '''process.name:(a or \"b.c : d\") and user.id >= 1 and not mine.kql:*'''\n\
             [rule.new_terms]\nvalue = [\"mine.new\"]\n",
        ),
        (
            "rules/linux/eql.toml",
            "[metadata]\n[rule]\ntype = \"eql\"\nlanguage = \"eql\"\nindex = [\"auditbeat-*\"]\n\
             query = '''process where ?mine.eql == \"not.a.field\" // nor.this\n and process.args : \"x\"'''\n",
        ),
        (
            "rules/linux/esql.toml",
            "[metadata]\nintegration = \"auditd_manager\"\n[rule]\ntype = \"esql\"\nlanguage = \"esql\"\nquery = '''\n\
             from logs-auditd_manager.auditd-* | where KQL(\"\"\"mine.inner: 1\"\"\") and mine.esql == \"x.y\"\n\
             | eval Esql.own = process.title | keep Esql.own, _id'''\n",
        ),
        (
            "rules/linux/complete.toml",
            "[metadata]\nintegration = \"auditd_manager\"\n[rule]\ntype = \"query\"\nlanguage = \"kuery\"\n\
             query = 'event.category:process and source.address:*'\n",
        ),
        (
            "rules/linux/other.toml",
            "[metadata]\n[rule]\ntype = \"query\"\nlanguage = \"kuery\"\nquery = 'other.field:1'\n",
        ),
        (
            "rules/_deprecated/old.toml",
            "[metadata]\nintegration = \"auditd_manager\"\n[rule]\ntype = \"query\"\nlanguage = \"kuery\"\nquery = 'o.p:1'\n",
        ),
        ("rules/ml/job.toml", "[metadata]\nintegration = \"auditd_manager\"\n[rule]\ntype = \"machine_learning\"\n"),
    ];
    let (status, out, said) = compare(&rules);
    assert_eq!(status, 1, "no reason is given for these fields: {said}");
    assert!(out.contains("4 rules have a query. For 1 of them, every field is there.\n"), "{out}");
    assert!(out.contains("There are 1 of them."), "{out}");
    assert!(out.contains("| Auditd Manager, and perhaps Auditbeat | 3 | 1 |\n| Auditbeat alone | 1 | 0 |\n"), "{out}");
    let missing: Vec<&str> = out
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | 1 |"))
        .map(|(field, _)| field)
        .collect();
    assert_eq!(missing, ["mine.eql", "mine.esql", "mine.inner", "mine.kql", "mine.new"], "{out}");
    for field in missing {
        assert!(said.contains(&format!("{field} is missing in documents (rules: 1)")), "{said}");
    }
}
