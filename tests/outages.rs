//! A bad day: the server is stopped three times, is busy, and hangs. The plugin is killed twice. Events keep coming.
//!
//! `make test` runs the day at a tenth of its length. `OUTAGES=full` (as in `make soak`) runs it at full length:
//! 200,000 events at 5,000 per second, outages of 30 s, over two minutes in all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    Running,
    disk::BadDisk,
    event,
    server::{Certificates, Server},
    wait_within, write_config,
};
use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io::Write,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

/// Events per second.
const RATE: usize = 5000;
/// Documents per request.
const BATCH: usize = 50;
const WORKERS: usize = 3;

struct Day {
    /// The bad disk and how it misbehaves. It is mounted in `dir`. It is declared first, to be dropped first.
    disk: Option<(BadDisk, &'static str)>,
    dir: tempfile::TempDir,
    certificates: Certificates,
    config: PathBuf,
    port: u16,
    input: OwnedFd,
    began: Instant,
    /// The length of this run, as a fraction of the full length.
    scale: f64,
    said: String,
}

impl Day {
    /// Waits for something, and stops the day's clock meanwhile. The next step of the day then gets its full time,
    /// however long the wait takes.
    fn standing_still<T>(&mut self, wait: impl FnOnce(&Self) -> T) -> T {
        let start = Instant::now();
        let result = wait(self);
        self.began += start.elapsed();
        result
    }

    fn server(&mut self) -> Server {
        self.standing_still(|day| Server::start(day.dir.path(), "ok", Some(&day.certificates), day.port))
    }

    /// Starts a plugin and waits until its spool is open. After a kill, it reads on where the previous plugin stopped.
    fn plugin(&mut self) -> Running {
        self.standing_still(|day| {
            let input = day.input.try_clone().unwrap();
            let plugin = Running::start_with(&day.config, |command| {
                command.stdin(Stdio::from(input));
            });
            plugin.wait_for("started with");
            plugin
        })
    }

    /// Makes the disk misbehave, or work normally again. Does nothing if there is no bad disk.
    fn trouble(&self, begins: bool) {
        if let Some((disk, behaviour)) = &self.disk {
            disk.behave(if begins { behaviour } else { "ok" });
        }
    }

    /// Waits until this second of the day. Seconds are those of the full length.
    fn until(&self, second: f64) {
        let at = self.began + Duration::from_secs_f64(second * self.scale);
        thread::sleep(at.saturating_duration_since(Instant::now()));
    }

    /// Prints how long the reader kept the input waiting.
    fn pauses(&self, plugin: &Running) {
        for line in plugin.report().lines().filter(|l| l.contains("reader_pause")) {
            println!("  {line}");
        }
    }

    fn kill(&mut self, plugin: &mut Running) {
        self.standing_still(|day| day.pauses(plugin));
        plugin.kill();
        self.said.push_str(&plugin.messages());
    }
}

fn config(dir: &Path, certificates: &Certificates, port: u16, spool: &Path) -> PathBuf {
    let text = format!(
        "shutdown_timeout = 10m\nrun_dir = {}\n[output:siem]\ntype = http\nurl = https://localhost:{port}/events\nca_cert = {}\n\
         workers = {WORKERS}\nbatch = {BATCH}\nbatch_interval = 50ms\ntimeout = 5s\nspool_dir = {}\n\
         retry_max = 2s\n",
        dir.join("run").display(),
        certificates.ca().display(),
        spool.display()
    );
    write_config(dir, &text)
}

/// Writes events at an even pace, in small pieces as auditd does. Dropping the returned file closes the input.
fn generate(out: OwnedFd, count: usize) -> File {
    let mut out = File::from(out);
    let start = Instant::now();
    for n in 0..count {
        let due = start + Duration::from_secs_f64(n as f64 / RATE as f64);
        let early = due.saturating_duration_since(Instant::now());
        if early > Duration::from_millis(2) {
            thread::sleep(early);
        }
        out.write_all(event(n + 1, "x").as_bytes()).unwrap();
    }
    out
}

/// Returns the sum of the numbers before ` event(s) lost` in messages that contain `what`.
fn lost(said: &str, what: &str) -> usize {
    let lines = said.lines().filter(|l| l.contains(what));
    let number = |line: &str| line.split(" event").next()?.rsplit(' ').next()?.parse::<usize>().ok();
    lines.filter_map(number).sum()
}

#[test]
fn a_bad_day_loses_nothing_in_silence() {
    let other = bad_day(tempfile::tempdir().unwrap(), None);
    assert_eq!(other, 0, "lost though the spool worked");
}

#[test]
fn a_bad_day_with_a_bad_disk_loses_nothing_in_silence_either() {
    let live = |behaviour| {
        let dir = tempfile::tempdir().unwrap();
        let Some(disk) = BadDisk::mount(dir.path()) else { return };
        let other = bad_day(dir, Some((disk, behaviour)));
        assert!(other > 0, "with {behaviour} the ring was all there was");
    };
    thread::scope(|scope| {
        for behaviour in ["full", "readonly", "eio"] {
            scope.spawn(move || live(behaviour));
        }
    });
}

/// Runs the day. Returns the number of events that were reported as lost for another reason than a killed process. If
/// there is a `disk`, it holds the spool and misbehaves during two of the outages.
#[allow(clippy::too_many_lines)] // one day, told from its beginning to its end
fn bad_day(dir: tempfile::TempDir, disk: Option<(BadDisk, &'static str)>) -> usize {
    let full = env::var_os("OUTAGES").is_some_and(|v| v == "full");
    let (count, scale) = if full { (200_000, 1.0) } else { (20_000, 0.1) };
    let spool = dir.path().join(if disk.is_some() { "disk/spool" } else { "spool" });
    let certificates = Certificates::new();
    let server = Server::start(dir.path(), "ok", Some(&certificates), 0);
    let port = server.port();
    let config = config(dir.path(), &certificates, port, &spool);
    let (input, output) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
    let began = Instant::now();
    let mut day = Day { disk, dir, certificates, config, port, input, began, scale, said: String::new() };
    let mut plugin = day.plugin();
    day.began = Instant::now();
    let generator = thread::spawn(move || generate(output, count));

    day.until(2.0);
    drop(server);
    day.until(6.0);
    day.trouble(true);
    day.until(14.0);
    if day.disk.is_some() {
        day.standing_still(|_| plugin.wait_for("ring full"));
    }
    day.trouble(false);
    day.until(20.0);
    day.kill(&mut plugin);
    plugin = day.plugin();
    day.until(32.0);
    let server = day.server();
    day.until(34.0);
    drop(server);
    day.until(37.0);
    day.kill(&mut plugin);
    plugin = day.plugin();
    day.until(38.0);
    day.trouble(true);
    day.until(50.0);
    day.trouble(false);
    day.until(64.0);
    let server = day.server();
    day.until(65.0);
    server.behave("busy");
    day.until(75.0);
    server.behave("ok");
    day.until(76.0);
    server.behave("hang");
    day.until(86.0);
    server.behave("ok");
    day.until(87.0);
    drop(server);
    day.until(117.0);
    let server = day.server();
    let open = generator.join().unwrap();
    wait_within(Duration::from_secs(300), "all that can arrive has", || {
        plugin.figure("auship_output_ring_documents") + plugin.figure("auship_output_spool_documents") == 0
    });
    day.pauses(&plugin);
    let Day { input, mut said, .. } = day;
    drop((input, open));
    let (status, last) = plugin.wait();
    said.push_str(&last);
    assert_eq!(status.code(), Some(0), "{said}");

    let mut times: BTreeMap<usize, usize> = BTreeMap::new();
    for (connection, serials) in server.serials_by_connection() {
        assert!(serials.is_sorted(), "not in order on connection {connection}: {serials:?}");
        for serial in serials {
            *times.entry(serial).or_default() += 1;
        }
    }
    let gaps = server.gaps();
    let missing: Vec<usize> = (1..=count).filter(|n| !times.contains_key(n)).collect();
    let in_gaps = missing.iter().filter(|n| gaps.iter().any(|(from, to)| (from..=to).contains(n))).count();
    let twice = times.values().filter(|n| **n > 1).count();
    let in_ring = lost(&said, "ended without a word");
    let other = lost(&said, "lost") - in_ring;
    if let Some((_, behaviour)) = &day.disk {
        println!("with a disk that is {behaviour} for a while:");
    }
    println!(
        "{count} events at {RATE}/s, 5 outages, 2 kills: {} arrived, {twice} of them more than once; {} are missing, \
         of which {in_ring} were reported as in the ring of a killed process, {in_gaps} as gaps, {other} as lost \
         otherwise",
        times.len(),
        missing.len(),
    );
    for line in said.lines().filter(|l| l.contains("ended") || l.contains("pauses") || l.contains("lost")) {
        println!("  {line}");
    }
    // At a kill, events that the process has read but not yet taken are neither in the ring nor in the pipe. The next
    // process sees the gap in the serials.
    assert_eq!(missing.len(), in_ring + in_gaps + other, "{missing:?}, gaps {gaps:?}: {said}");
    // Only documents in flight when the plugin is killed or the server is stopped can arrive twice. That is at most one
    // batch per worker each time.
    assert!(twice <= 5 * WORKERS * BATCH, "{twice} came more than once");
    other
}
