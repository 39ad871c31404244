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
const FORMATS: [&str; 2] = ["mozdef", "ecs"];

/// A conversion of standard input.
fn convert(format: &str) -> Command {
    let mut auship = Command::new(AUSHIP);
    auship.args(["convert", "--format", format]);
    auship
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
    // The walk first, then a conversion to each format.
    let mut seconds = vec![Vec::new(); 1 + FORMATS.len()];
    for _ in 0..ROUNDS {
        seconds[0].push(run(Command::new(&walk), &log, &out));
        for (seconds, format) in seconds[1..].iter_mut().zip(FORMATS) {
            seconds.push(run(convert(format), &log, &out));
        }
    }
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    for seconds in &mut seconds {
        seconds.sort_by(f64::total_cmp);
    }
    println!("user+system seconds, least and median of {ROUNDS} rounds:");
    for (name, i) in [("least", 0), ("median", ROUNDS / 2)] {
        let floor = seconds[0][i];
        println!("  {name:6}  libauparse's walk {floor:.3}");
        for (seconds, format) in seconds[1..].iter().zip(FORMATS) {
            println!(
                "  {name:6}  auship convert --format {format:6} {:.3}  ratio {:.2}",
                seconds[i],
                seconds[i] / floor
            );
        }
    }
    // The compiler is a child too, but it ended before it could be counted against the walk: it is much larger.
    for format in FORMATS {
        let peak = peak_of_convert(format, &log).unwrap_or(peak);
        println!("peak memory of auship convert --format {format}: {peak} KiB");
    }
}

/// Peak memory of one conversion in KiB, as the kernel tells while it still runs.
fn peak_of_convert(format: &str, log: &Path) -> Option<i64> {
    let mut child = convert(format).stdin(File::open(log).ok()?).stdout(Stdio::null()).spawn().ok()?;
    let mut peak = None;
    while child.try_wait().ok()?.is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        peak = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).or(peak);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    peak
}
