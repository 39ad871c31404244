//! What the benchmarks share: a log, and processor time.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use nix::sys::resource::{UsageWho, getrusage};
use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
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

/// What a run cost: processor seconds, and seconds on the clock.
#[derive(Clone, Copy)]
pub struct Cost {
    pub cpu: f64,
    pub wall: f64,
}

pub fn measured(mut run: impl FnMut()) -> Cost {
    let (before, start) = (seconds(), Instant::now());
    run();
    Cost { cpu: seconds() - before, wall: start.elapsed().as_secs_f64() }
}

pub fn least(costs: &[Cost]) -> Cost {
    *costs.iter().min_by(|a, b| a.cpu.total_cmp(&b.cpu)).unwrap()
}

/// `auship run` with the log on standard input and room for all of it in the ring, so that nothing waits or is lost.
pub fn deliver(dir: &Path, log: &Path, output: &str, events: usize) -> Cost {
    let conf = dir.join("auship.conf");
    let text = format!("shutdown_timeout = 1h\n[output:bench]\nring_slots = 1000000\nring_bytes = 4GiB\n{output}");
    fs::write(&conf, text).unwrap();
    fs::set_permissions(&conf, fs::Permissions::from_mode(0o600)).unwrap();
    let words = dir.join("words");
    let _ = fs::remove_file(dir.join("out.json"));
    let cost = measured(|| {
        let mut auship = Command::new("script");
        // Messages go to a terminal, else to syslog.
        auship.args(["-qec", &format!("exec {AUSHIP} run -c {} < {}", conf.display(), log.display()), "/dev/null"]);
        auship.stdin(Stdio::null()).stdout(File::create(&words).unwrap());
        assert!(auship.status().unwrap().success());
    });
    let words = fs::read_to_string(&words).unwrap();
    assert!(words.contains(&format!("delivered {events}, lost 0")), "{words}");
    cost
}
