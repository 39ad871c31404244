//! Tests of the file sink: with logrotate, with programs that follow the file, and on a full disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{PATIENCE, Running, Setup, disk::Tmpfs, events, json, serials, wait_until, write_config};
use nix::sys::signal::Signal;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::MetadataExt,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

impl Setup {
    fn serials(&self, path: &Path) -> Vec<usize> {
        serials(&json::lines(&fs::read(path).unwrap_or_default()))
    }

    fn wait_for(&self, path: &Path, count: usize) {
        wait_until(&format!("{count} lines in {}", path.display()), || {
            fs::read(path).unwrap_or_default().iter().filter(|b| **b == b'\n').count() >= count
        });
    }
}

#[test]
fn events_are_appended_one_a_line_for_the_owner_alone() {
    let setup = Setup::new();
    for round in 0..2 {
        let mut auship = setup.start("");
        auship.feed(&events(1 + 1000 * round, 1000));
        let (status, said) = auship.finish();
        assert!(status.success(), "{said}");
        assert!(said.contains("ended: events in 1000, delivered 1000, lost 0\n"), "{said}");
    }
    assert_eq!(setup.serials(&setup.log), (1..=2000).collect::<Vec<_>>());
    assert_eq!(fs::metadata(&setup.log).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn standard_output_works_under_both_names() {
    for name in ["-", "/dev/stdout"] {
        let setup = Setup::new();
        let config = write_config(setup.dir.path(), &format!("file_log = {name}\n"));
        let mut auship = Running::start(&config);
        auship.feed(&events(1, 100));
        drop(auship.stdin.take());
        let mut out = Vec::new();
        auship.child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        assert_eq!(serials(&json::lines(&out)).len(), 100);
        assert!(auship.wait().0.success());
    }
}

#[test]
fn logrotate_by_hangup_loses_nothing() {
    let setup = Setup::new();
    let mut auship = setup.start("");
    auship.feed(&events(1, 50));
    setup.wait_for(&setup.log, 50);
    let old = setup.dir.path().join("events.json.1");
    fs::rename(&setup.log, &old).unwrap();
    auship.signal(Signal::SIGHUP);
    auship.wait_for("reloaded");
    auship.feed(&events(51, 50));
    let (status, _) = auship.finish();
    assert!(status.success());
    assert_eq!(setup.serials(&old), (1..=50).collect::<Vec<_>>());
    assert_eq!(setup.serials(&setup.log), (51..=100).collect::<Vec<_>>());
}

#[test]
fn a_file_that_vanished_comes_back() {
    let setup = Setup::new();
    let mut auship = setup.start("");
    auship.feed(&events(1, 10));
    setup.wait_for(&setup.log, 10);
    fs::remove_file(&setup.log).unwrap();
    wait_until("the file is back", || setup.log.exists());
    auship.feed(&events(11, 10));
    assert!(auship.finish().0.success());
    assert_eq!(setup.serials(&setup.log), (11..=20).collect::<Vec<_>>());
}

#[test]
fn readers_see_whole_lines_only() {
    let setup = Setup::new();
    let mut auship = setup.start("");
    fs::write(&setup.log, "").unwrap();
    let log = setup.log.clone();
    let tail = thread::spawn(move || {
        let mut reader = BufReader::new(fs::File::open(log).unwrap());
        let mut lines = 0;
        let start = Instant::now();
        let mut line = Vec::new();
        while lines < 20_000 && start.elapsed() < PATIENCE {
            if reader.read_until(b'\n', &mut line).unwrap() == 0 {
                thread::sleep(Duration::from_millis(1));
            } else if line.ends_with(b"\n") {
                json::document(&line);
                line.clear();
                lines += 1;
            }
        }
        lines
    });
    for n in 0..20 {
        auship.feed(&events(1 + 1000 * n, 1000));
    }
    assert!(auship.finish().0.success());
    assert_eq!(tail.join().unwrap(), 20_000);
}

#[test]
fn a_line_that_a_crash_cut_does_not_swallow_the_next() {
    let setup = Setup::new();
    fs::write(&setup.log, "{\"half\":").unwrap();
    let mut auship = setup.start("");
    auship.feed(&events(1, 3));
    assert!(auship.finish().0.success());
    let text = fs::read_to_string(&setup.log).unwrap();
    let (half, rest) = text.split_once('\n').unwrap();
    assert_eq!(half, "{\"half\":");
    assert_eq!(serials(&json::lines(rest.as_bytes())), [1, 2, 3]);
}

#[test]
fn kill_in_the_middle_leaves_whole_lines() {
    let setup = Setup::new();
    let mut auship = setup.start("");
    let log = setup.log.clone();
    for n in 0..5 {
        auship.feed(&events(1 + 1000 * n, 1000));
    }
    wait_until("some lines", || fs::metadata(&log).is_ok_and(|m| m.len() > 100_000));
    auship.child.kill().unwrap();
    auship.child.wait().unwrap();
    let before = setup.serials(&setup.log);
    assert_eq!(before, (1..=before.len()).collect::<Vec<_>>());
    let mut auship = setup.start("");
    auship.feed(&events(before.len() + 1, 10));
    assert!(auship.finish().0.success());
    assert_eq!(setup.serials(&setup.log).len(), before.len() + 10);
}

#[test]
fn sigterm_drains_what_was_written_before_it() {
    let setup = Setup::new();
    let mut auship = setup.start("");
    auship.wait_for("started");
    auship.feed(&events(1, 500));
    auship.signal(Signal::SIGTERM);
    let (status, said) = auship.wait();
    assert!(status.success(), "{said}");
    assert!(said.contains("events in 500, delivered 500, lost 0"), "{said}");
    assert_eq!(setup.serials(&setup.log).len(), 500);
}

#[test]
fn an_unfinished_event_comes_out_when_input_is_quiet() {
    let setup = Setup::new();
    let mut auship = setup.start("");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let syscall = |time: u64, serial: usize| {
        format!(
            "type=SYSCALL msg=audit({time}.000:{serial}): arch=c000003e syscall=1 success=yes a0=1 pid=5 comm=\"x\"\n"
        )
    };
    auship.feed(&syscall(now, 1));
    setup.wait_for(&setup.log, 1);
    // An event with an old time isn't delivered incomplete: it waits for its last record, however late that comes. The
    // test waits here until another process has delivered a new unfinished event, which was sent after this one.
    auship.feed(&syscall(now - 1000, 2));
    let other = Setup::new();
    let mut clock = other.start("");
    let now_there = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    clock.feed(&syscall(now_there, 1));
    other.wait_for(&other.log, 1);
    auship.feed(&format!(
        "type=CWD msg=audit({}.000:2): cwd=\"/old\"\ntype=EOE msg=audit({}.000:2): \n",
        now - 1000,
        now - 1000
    ));
    assert!(auship.finish().0.success());
    let documents = json::lines(&fs::read(&setup.log).unwrap());
    assert_eq!(serials(&documents), [1, 2]);
    assert_eq!(documents[1]["details"]["cwd"], "/old");
}

#[test]
fn a_whole_event_waits_for_nothing() {
    let setup = Setup::new();
    let mut auship = setup.start("");
    // The records are too old for the time limit of unfinished events. No other record comes before the check.
    auship
        .feed("type=SYSCALL msg=audit(1795320000.000:1): arch=c000003e syscall=1 success=yes a0=1 pid=5 comm=\"x\"\n");
    auship
        .feed("type=PROCTITLE msg=audit(1795320000.000:1): proctitle=\"x\"\ntype=EOE msg=audit(1795320000.000:1): \n");
    setup.wait_for(&setup.log, 1);
    auship.feed(&events(2, 1));
    setup.wait_for(&setup.log, 2);
    assert!(auship.finish().0.success());
    let documents = json::lines(&fs::read(&setup.log).unwrap());
    assert!(documents.iter().all(|d| d["tags"].as_array().unwrap().len() == 3));
}

#[test]
fn reload_takes_the_new_configuration_or_keeps_the_old() {
    let setup = Setup::new();
    let mut auship = setup.start("");
    auship.feed(&events(1, 10));
    setup.wait_for(&setup.log, 10);
    write_config(setup.dir.path(), "[output:file]\ntype = fiel\n");
    auship.signal(Signal::SIGHUP);
    auship.wait_for("not reloaded, the running configuration stays");
    assert!(auship.messages().contains("auship.conf:2: [output:file] type: is \"fiel\""), "{}", auship.messages());
    auship.feed(&events(11, 10));
    setup.wait_for(&setup.log, 20);

    let other = setup.dir.path().join("other.json");
    let config = format!("[output:other]\ntype = file\npath = {}\nprogram_name = renamed\n", other.display());
    write_config(setup.dir.path(), &config);
    auship.signal(Signal::SIGHUP);
    auship.wait_for("auship.conf reloaded");
    auship.feed(&events(21, 10));
    let (status, said) = auship.finish();
    assert!(status.success(), "{said}");
    assert_eq!(setup.serials(&setup.log), (1..=20).collect::<Vec<_>>());
    let documents = json::lines(&fs::read(&other).unwrap());
    assert_eq!(serials(&documents), (21..=30).collect::<Vec<_>>());
    assert_eq!(documents[0]["processname"], "renamed");
    assert!(said.contains("events in 30, file: delivered 20, lost 0; other: delivered 10, lost 0"), "{said}");
}

#[test]
fn a_file_that_cannot_be_opened_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("loop");
    std::os::unix::fs::symlink(&target, &target).unwrap();
    let config = write_config(dir.path(), &format!("[output:file]\ntype = file\npath = {}\n", target.display()));
    let (status, said) = Running::start(&config).wait();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("[output:file]: can't open"), "{said}");
}

#[test]
fn a_full_disk_is_survived_and_counted() {
    let mut setup = Setup::new();
    let Some(small) = Tmpfs::new(&setup.dir.path().join("small"), "256k") else { return };
    setup.log = small.0.join("events.json");
    let filler = small.0.join("filler");
    fs::write(&filler, vec![0; 100 << 10]).unwrap();
    let mut auship = setup.start("ring_slots = 16\nmax_wait = 200ms\n");
    auship.feed(&events(1, 2000));
    auship.wait_for("No space left on device");
    auship.wait_for("ring full");
    auship.wait_for_events(2000);
    fs::remove_file(&filler).unwrap();
    auship.wait_for_empty_rings();
    auship.feed(&events(2001, 5));
    let (status, said) = auship.finish();
    let documents = json::lines(&fs::read(&setup.log).unwrap());
    let found = serials(&documents);
    assert!(found.is_sorted() && found.ends_with(&[2001, 2002, 2003, 2004, 2005]), "{found:?}");
    let lost = 2005 - found.len();
    assert!(lost > 0, "{said}");
    assert!(said.contains(&format!("events in 2005, delivered {}, lost {lost}", found.len())), "{said}");
    assert!(status.success(), "{said}");
}

#[test]
fn a_stuck_reader_of_standard_output_stops_us_no_longer_than_max_wait() {
    let setup = Setup::new();
    let config = write_config(
        setup.dir.path(),
        "shutdown_timeout = 500ms\n[output:out]\ntype = stdout\nring_slots = 4\nmax_wait = 300ms\n",
    );
    let mut auship = Running::start_with(&config, |command| {
        command.stdout(Stdio::piped());
    });
    // No process reads the pipe. Its 64 KiB fill first, then the ring. Then the reader waits once. If it waited for
    // each event, the test would take twenty minutes.
    auship.feed(&events(1, 5000));
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(1), "events were left: {said}");
    let totals = said.lines().find(|l| l.contains("ended:")).unwrap();
    let numbers: Vec<usize> = totals.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    assert_eq!((numbers[0], numbers[1] + numbers[2]), (5000, 5000), "{totals}");
}

#[test]
fn standard_output_that_does_not_block_gets_everything_once() {
    let setup = Setup::new();
    let config = write_config(setup.dir.path(), "file_log = -\n");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let flags = nix::fcntl::OFlag::O_NONBLOCK;
    nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETFL(flags)).unwrap();
    let mut auship = Running::start_with(&config, |command| {
        command.stdout(writer);
    });
    let tail = thread::spawn(move || {
        let mut out = Vec::new();
        let mut block = [0; 1000];
        while let n @ 1.. = reader.read(&mut block).unwrap() {
            out.extend_from_slice(&block[..n]);
            if out.len() < 300_000 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        out
    });
    auship.feed(&events(1, 2000));
    let (status, said) = auship.finish();
    assert!(status.success() && said.contains("delivered 2000, lost 0"), "{said}");
    assert_eq!(serials(&json::lines(&tail.join().unwrap())), (1..=2000).collect::<Vec<_>>());
}

#[test]
fn a_pipe_is_no_file() {
    let setup = Setup::new();
    nix::unistd::mkfifo(&setup.log, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (status, said) = setup.start("").wait();
    assert_eq!(status.code(), Some(2));
    assert!(said.contains("neither a file nor a device"), "{said}");
}

#[test]
fn a_reader_of_standard_output_that_leaves_is_counted() {
    let setup = Setup::new();
    let config = write_config(setup.dir.path(), "file_log = -\n");
    let mut auship = Running::start(&config);
    drop(auship.child.stdout.take());
    auship.feed(&events(1, 100));
    let (_, said) = auship.finish();
    assert!(said.contains("nobody reads standard output"), "{said}");
    assert!(said.contains("events in 100, delivered 0, lost 100"), "{said}");
}
