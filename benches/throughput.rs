//! How much a whole document costs, beside what libauparse alone costs on the same log in the same run.
//!
//! `BENCH_LOG` names a log to measure with (`.zst` too); without one a log is made from the test data. Processor time
//! is user and system seconds; machines are noisy, so both programs take turns, and the ratio is what counts.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use nix::sys::resource::{UsageWho, getrusage};
use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const AUSHIP: &str = env!("CARGO_BIN_EXE_auship");
const ROUNDS: usize = 9;
/// Events of a log that is made.
const EVENTS: usize = 36_000;

/// User and system seconds of all children so far.
fn seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let time = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    time(usage.user_time()) + time(usage.system_time())
}

/// Processor seconds of one run.
fn run(mut command: Command, log: &Path, out: &Path) -> f64 {
    let before = seconds();
    let status = command.stdin(File::open(log).unwrap()).stdout(File::create(out).unwrap()).status().unwrap();
    assert!(status.success(), "{command:?}");
    seconds() - before
}

/// A plain workload: commands and file accesses of the test data, with serials and times that go on.
fn make_log(dir: &Path) -> PathBuf {
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

fn log(dir: &Path) -> PathBuf {
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

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let walk = dir.path().join("walk");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/walk.c");
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let built = Command::new(compiler).arg("-O2").arg("-o").arg(&walk).arg(source).arg("-lauparse").status().unwrap();
    assert!(built.success());
    let log = log(dir.path());
    let out = dir.path().join("out");

    let counted = Command::new(&walk).stdin(File::open(&log).unwrap()).stderr(Stdio::inherit()).output().unwrap();
    println!("{}: {} MB", log.display(), fs::metadata(&log).unwrap().len() / 1_000_000);
    print!("{}", String::from_utf8_lossy(&counted.stdout));
    let (mut floor, mut convert) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(run(Command::new(&walk), &log, &out));
        let mut auship = Command::new(AUSHIP);
        auship.arg("convert");
        convert.push(run(auship, &log, &out));
    }
    println!("documents: {} MB", fs::metadata(&out).unwrap().len() / 1_000_000);
    floor.sort_by(f64::total_cmp);
    convert.sort_by(f64::total_cmp);
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    println!("user+system seconds, least and median of {ROUNDS} rounds:");
    for (name, i) in [("least", 0), ("median", ROUNDS / 2)] {
        let (floor, convert) = (floor[i], convert[i]);
        println!("  {name:6}  libauparse's walk {floor:.3}  auship convert {convert:.3}  ratio {:.2}", convert / floor);
    }
    // The compiler is a child too, but it ended before it could be counted against the walk: it is much larger.
    println!("peak memory of auship convert: {} KiB", peak_of_convert(&log).unwrap_or(peak));
}

/// Peak memory of one conversion in KiB, as the kernel tells while it still runs.
fn peak_of_convert(log: &Path) -> Option<i64> {
    let mut child =
        Command::new(AUSHIP).arg("convert").stdin(File::open(log).ok()?).stdout(Stdio::null()).spawn().ok()?;
    let mut peak = None;
    while child.try_wait().ok()?.is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        peak = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).or(peak);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    peak
}
