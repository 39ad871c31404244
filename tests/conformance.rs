//! `format = ecs` says of an event what go-libaudit, and with it Auditbeat, says of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, PYTHON, ecs::recorded, tool};
use std::{fs, path::Path, process::Command};

#[test]
fn published_agreement_is_what_a_run_gives() {
    let Some(cases) = recorded("go-libaudit") else {
        // `RECORDED` names a directory that has go-libaudit's aucoalesce/testdata as `go-libaudit`.
        return eprintln!("\n*** NOT TESTED: conformance with go-libaudit: its test data isn't here ***\n");
    };
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
