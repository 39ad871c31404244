//! How much a whole document costs, beside what libauparse alone costs on the same log in the same run.
//!
//! `BENCH_LOG` names a log to measure with (`.zst` too); without one a log is made from the test data. Processor time
//! is user and system seconds; machines are noisy, so both programs take turns, and the ratio is what counts.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{AUSHIP, log, run};
use nix::sys::resource::{UsageWho, getrusage};
use std::{
    env,
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

const ROUNDS: usize = 9;

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
