//! Checks with valgrind that `auship convert` has no leak and no invalid memory access, libauparse included.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, cannot_run, data, json};
use std::{
    fs,
    process::{Command, Stdio},
};

/// Lines that make libauparse, used directly, leak memory or read past the end of its data.
const TRAPS: &str = "\
words without any pair, audit(1795320600.001:1)
type=\x1dX msg=audit(1795320600.001:1): a=b
node=\x1dX type=X msg=audit(1795320600.001:1): a=b
type=CWD msg=audit(1795320600.001:1): cwd=\"/a cwd=b\"
type=SOCKADDR msg=audit(1795320600.001:1): saddr=0300FF
type=SOCKADDR msg=audit(1795320600.001:2): saddr=0400
type=SOCKADDR msg=audit(1795320600.001:3): saddr=080000
type=SOCKADDR msg=audit(1795320600.001:4): saddr=0900FF
type=SOCKADDR msg=audit(1795320600.001:5): saddr=10000000
type=SOCKADDR msg=audit(1795320600.001:6): saddr=0100
type=PROCTITLE msg=audit(1795320600.001:7): proctitle=0
type=PROCTITLE msg=audit(1795320600.001:8): proctitle=0041
type=TTY msg=audit(1795320600.001:9): data=6
type=USER msg=audit(1795320600.001:10): key=6 key=zz key=61016201 acct=\" name=616
node=a type=LOGIN msg=audit(1795320600.001:11): pid=1 uid=0 auid=1
type=LOGIN msg=audit(0.001:12): pid=1 uid=0 auid=1
[    0.001000] audit: type=1400 audit(0.001:13): avc:  denied  { read } for pid=1
type=X\x01 msg=audit(1795320600.001:14): a=b
type=1380 msg=audit(1795320600.001:15): a=b
type=USER msg=audit(1795320600.001:16): pid=1 uid=0 msg='res=x'#035UID=\"root\"\r
";

#[test]
fn no_leak_and_no_invalid_access() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return cannot_run("memory errors", "valgrind isn't installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let traps = dir.path().join("traps.log");
    fs::write(&traps, TRAPS).unwrap();
    let mut command = Command::new("valgrind");
    command.args([
        "--quiet",
        "--error-exitcode=99",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect,possible",
    ]);
    command.arg(AUSHIP).arg("convert");
    command.args(["zoo-raw.log", "zoo-enriched.log", "edge.log"].map(data)).arg(&traps);
    let output = command.stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(json::lines(&output.stdout).len() > 200);
}
