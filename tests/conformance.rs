//! Compares documents of `format = ecs` with the output of go-libaudit, the library that Auditbeat uses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, PYTHON, ecs::recorded, tool};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Returns the directory with go-libaudit's test cases (a copy of its aucoalesce/testdata). It is the subdirectory
/// `go-libaudit` of the recorded data, which `RECORDED` can locate. See [`recorded`].
fn cases() -> Option<PathBuf> {
    recorded("conformance with go-libaudit", "go-libaudit")
}

#[test]
fn published_agreement_is_what_a_run_gives() {
    let Some(cases) = cases() else { return };
    let run = Command::new(PYTHON).arg(tool("conformance.py")).arg(AUSHIP).arg(cases).output().expect("python3 runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let table = String::from_utf8(run.stdout).unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ecs-conformance.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, published) = page.split_once("<!-- made by tests/tools/conformance.py -->\n\n").expect("a table");
    assert!(
        published == table,
        "docs/ecs-conformance.md must be made anew: tests/tools/conformance.py AUSHIP CASES --write FILE\n{table}"
    );
}

#[test]
fn the_oracle_reads_the_contract_as_the_reference_does() {
    let Some(cases) = cases() else { return };
    let run = Command::new(PYTHON).arg(tool("conformance.py")).arg("--oracle").arg(cases).output().unwrap();
    assert!(run.status.success(), "{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
}
