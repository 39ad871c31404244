//! What the benchmarks share: a log, and processor time.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use nix::sys::resource::{UsageWho, getrusage};
use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

pub const AUSHIP: &str = env!("CARGO_BIN_EXE_auship");
/// Events of a log that is made.
const EVENTS: usize = 36_000;

/// User and system seconds of all children so far.
pub fn seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let time = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    time(usage.user_time()) + time(usage.system_time())
}

/// Processor seconds of one run.
pub fn run(mut command: Command, log: &Path, out: &Path) -> f64 {
    let before = seconds();
    let status = command.stdin(File::open(log).unwrap()).stdout(File::create(out).unwrap()).status().unwrap();
    assert!(status.success(), "{command:?}");
    seconds() - before
}

/// A plain workload: commands and file accesses of the test data, with serials and times that go on.
pub fn make_log(dir: &Path) -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/zoo-raw.log");
    let text = fs::read_to_string(data).unwrap();
    let stamp =
        |line: &str| line.split_once("audit(").and_then(|(_, rest)| rest.split_once(')')).unwrap().0.to_string();
    let mut events: Vec<Vec<&str>> = Vec::new();
    for line in text.lines() {
        match events.last_mut() {
            Some(event) if stamp(event[0]) == stamp(line) => event.push(line),
            _ => events.push(vec![line]),
        }
    }
    events.retain(|event| event.len() >= 4 && event.iter().map(|line| line.len()).sum::<usize>() < 3000);
    let mut log = String::new();
    for n in 0..EVENTS {
        let event = &events[n % events.len()];
        let new = format!("{}.{:03}:{}", 1_795_320_000 + n / 1000, n % 1000, 1000 + n);
        for line in event {
            writeln!(log, "{}", line.replace(&stamp(line), &new)).unwrap();
        }
    }
    let path = dir.join("made.log");
    fs::write(&path, log).unwrap();
    path
}

pub fn log(dir: &Path) -> PathBuf {
    match env::var_os("BENCH_LOG").map(PathBuf::from) {
        None => make_log(dir),
        Some(path) if path.extension().is_some_and(|e| e == "zst") => {
            let plain = dir.join("bench.log");
            let out = File::create(&plain).unwrap();
            assert!(Command::new("zstd").arg("-dcq").arg(&path).stdout(out).status().unwrap().success());
            plain
        }
        Some(path) => path,
    }
}
