//! Tests `auship spool list|cat|verify` on spools that the program itself fills: while it runs, and after `kill -9`. The
//! oracle is what a server receives later from the same spool.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    AUSHIP, Running, auship, cannot_run, data, disk::Tmpfs, event, events, free_port, json, serials, server::Server,
    wait_until, write_config,
};
use nix::{mount::MsFlags, sys::signal::Signal};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, FileTimes},
    io::{BufRead, BufReader, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::UNIX_EPOCH,
};

/// The user that owns a spool in some tests: `nobody`.
const NOBODY: u32 = 65534;

/// A directory with a configuration whose server isn't there yet.
struct Place {
    dir: tempfile::TempDir,
    port: u16,
    config: PathBuf,
}

impl Place {
    fn new(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let text = format!(
            "shutdown_timeout = 20s\nrun_dir = {0}/run\n[output:siem]\ntype = http\n\
             url = http://localhost:{port}/events\nworkers = 1\nretry_min = 20ms\nretry_max = 200ms\n\
             spool_dir = {0}/spool\n{more}",
            dir.path().display()
        );
        let config = write_config(dir.path(), &text);
        Self { dir, port, config }
    }

    fn spool(&self) -> PathBuf {
        self.dir.path().join("spool")
    }

    /// Runs `auship spool` with an action on the spool.
    fn ask(&self, action: &str) -> Output {
        let spool = self.spool();
        let words = ["spool"].into_iter().chain(action.split(' ')).chain([spool.to_str().unwrap()]);
        auship(&words.collect::<Vec<_>>(), b"")
    }

    /// Starts the program, and feeds it events that all go to the spool. None is left in the ring.
    fn start_and_fill(&self, first: usize, count: usize) -> Running {
        let mut auship = Running::start(&self.config);
        auship.feed(&events(first, count));
        self.wait_for_spooled(&auship, count);
        auship
    }

    /// Waits until all events that were read are in the spool, and the one that the sink fails to deliver is in a file of
    /// its own. For a moment that one is in two files.
    fn wait_for_spooled(&self, auship: &Running, count: usize) {
        auship.wait_for_events(count);
        auship.wait_for_empty_rings();
        wait_until("each document is in one file", || {
            let mut files = fs::read_dir(self.spool()).unwrap().map(|entry| entry.unwrap().file_name());
            let is_in_flight = |name: &str| name.starts_with("in-flight-") && name.ends_with(".spool");
            let has_one = files.any(|name| is_in_flight(name.to_str().unwrap()));
            let serials = serials(&json::lines(&self.ask("cat").stdout));
            has_one && serials.iter().collect::<BTreeSet<_>>().len() == serials.len()
        });
    }

    /// Fills the spool with a process that is killed then.
    fn fill(&self, first: usize, count: usize) {
        self.start_and_fill(first, count).kill();
    }

    /// The lines that a server receives from the spool.
    fn delivered(&self) -> String {
        let server = Server::start(self.dir.path(), "ok", None, self.port);
        let (status, said) = Running::start(&self.config).finish();
        assert_eq!(status.code(), Some(0), "{said}");
        String::from_utf8(server.bodies()).unwrap()
    }

    /// Stops a process, and waits until it stands still.
    fn pause(&self, auship: &Running) {
        auship.signal(Signal::SIGSTOP);
        let tasks = format!("/proc/{}/task", auship.child.id());
        let is_stopped = |status: String| status.lines().any(|line| line.starts_with("State:\tT"));
        wait_until("it is stopped", || {
            let mut tasks = fs::read_dir(&tasks).unwrap().map(|task| task.unwrap().path().join("status"));
            tasks.all(|status| fs::read_to_string(status).is_ok_and(is_stopped))
        });
    }

    fn segment(&self) -> PathBuf {
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_string();
        let is_segment = |path: &PathBuf| name(path).starts_with('0') && name(path).ends_with(".spool");
        fs::read_dir(self.spool()).unwrap().map(|entry| entry.unwrap().path()).find(is_segment).unwrap()
    }

    /// All that can be seen of the spool without reading a file: names, sizes, times, owners, modes.
    fn outside(&self) -> BTreeMap<PathBuf, [i64; 10]> {
        let spool = self.spool();
        let files = fs::read_dir(&spool).unwrap().map(|entry| entry.unwrap().path());
        let seen = |path: PathBuf| {
            let meta = fs::symlink_metadata(&path).unwrap();
            let times =
                [meta.atime(), meta.atime_nsec(), meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
            let [a, b, c, d, e, f] = times;
            let of = [meta.len() as i64, meta.ino() as i64, i64::from(meta.uid()), i64::from(meta.mode())];
            (path, [a, b, c, d, e, f, of[0], of[1], of[2], of[3]])
        };
        files.map(seen).collect()
    }

    /// Makes the times of access so old that the next read changes them, on every file system.
    fn age(&self) {
        for entry in fs::read_dir(self.spool()).unwrap() {
            let file = File::open(entry.unwrap().path()).unwrap();
            file.set_times(FileTimes::new().set_accessed(UNIX_EPOCH)).unwrap();
        }
    }

    fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = fs::read_dir(self.spool()).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The rows of `list`, each cut at its columns, without the total.
fn rows(listed: &str) -> Vec<Vec<String>> {
    let cut = |line: &str| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(String::from).collect();
    listed.lines().map(cut).filter(|row: &Vec<String>| row.len() > 2).collect()
}

/// How many documents `verify` found to be sound.
fn sound(verified: &str) -> usize {
    let total = verified.lines().last().unwrap();
    total.split(" documents sound").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn cat_prints_what_the_server_gets_later_and_nothing_is_touched() {
    let place = Place::new("");
    let mut auship = place.start_and_fill(1, 3000);
    // It stands still, so that every change would come from the commands.
    place.pause(&auship);
    let contents = place.contents();
    place.age();
    let before = place.outside();
    let (listed, printed, verified) = (place.ask("list"), place.ask("cat"), place.ask("verify"));
    assert_eq!(place.outside(), before, "names, sizes, times, owners, modes");
    assert!(place.contents() == contents, "contents");
    auship.signal(Signal::SIGCONT);
    for output in [&listed, &printed, &verified] {
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{output:?}");
    }
    assert!(text(&verified.stdout).ends_with(" documents sound, no damage\n"), "{}", text(&verified.stdout));
    // The one in flight may have been in the segment before. It counts as delivered there.
    let sound = sound(&text(&verified.stdout));
    assert!((3000..=3001).contains(&sound), "{sound}");
    let listed = text(&listed.stdout);
    let pid = auship.child.id();
    assert!(listed.contains(&format!("held by process {pid}")), "{listed}");
    assert!(listed.contains("open for writing"), "{listed}");
    assert!(listed.contains(&format!("\ntotal: 3000 pending of {sound} documents")), "{listed}");
    assert!(listed.contains("oldest 2026-11-22T04:00:00Z, newest 2026-11-22T04:00:00Z"), "{listed}");
    let documents =
        rows(&listed).iter().filter(|row| ["segment", "batch in flight"].contains(&row[1].as_str())).count();
    assert!(listed.contains(&format!("in {documents} files")), "{listed}");
    // The process still works with its spool.
    auship.feed(&events(3001, 10));
    place.wait_for_spooled(&auship, 3010);
    let while_running = place.ask("cat").stdout;
    auship.kill();
    let after_kill = place.ask("cat").stdout;
    assert!(while_running == after_kill && while_running.starts_with(&printed.stdout));
    assert_eq!(serials(&json::lines(&after_kill)), (1..=3010).collect::<Vec<_>>());
    assert!(place.delivered() == text(&after_kill), "the server gets the same bytes in the same order");
    let empty = place.ask("cat");
    assert_eq!((empty.status.code(), empty.stdout.len()), (Some(0), 0), "all is delivered");
}

#[test]
fn a_spool_that_is_filled_and_emptied_meanwhile_is_not_damaged() {
    // Segments of 64 KiB, which are closed, delivered and removed all the time.
    let place = Place::new("spool_limit = 4MiB\nspool = always\n");
    let mut auship = place.start_and_fill(1, 2000);
    let server = Server::start(place.dir.path(), "ok", None, place.port);
    let mut looks = 0;
    for first in (2001..).step_by(200) {
        auship.feed(&events(first, 200));
        for action in ["verify", "cat", "list"] {
            let output = place.ask(action);
            let said = if action == "cat" { "…".into() } else { text(&output.stdout) };
            assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{action}: {said}");
        }
        looks += 1;
        if looks >= 30 && first > 12_000 {
            break;
        }
    }
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(common::number(&said, "lost"), 0, "{said}");
    assert!(serials(&server.documents()).len() > 12_000);
}

#[test]
fn what_is_delivered_is_not_pending() {
    let place = Place::new("");
    place.fill(1, 2000);
    let server = Server::start(place.dir.path(), "ok", None, place.port);
    let mut auship = Running::start(&place.config);
    server.wait_for(300);
    auship.kill();
    drop(server);
    let received = Server::start(place.dir.path(), "ok", None, free_port()).documents();
    let received: BTreeSet<usize> = serials(&received).into_iter().collect();
    let pending = serials(&json::lines(&place.ask("cat").stdout));
    // A document that was being delivered when the process was killed is pending as well.
    let twice = pending.iter().filter(|serial| received.contains(serial)).count();
    assert!(pending.len() < 1800 && twice <= 1, "{} pending, {twice} of them delivered", pending.len());
    let all: BTreeSet<usize> = received.into_iter().chain(pending.iter().copied()).collect();
    assert_eq!(all, (1..=2000).collect());
    // All are in one segment, except what was in flight at the first kill.
    let still_there = serials(&json::lines(&place.ask("cat --all").stdout));
    assert!(still_there.len() >= 1990 && still_there.is_sorted(), "{}", still_there.len());
    let listed = text(&place.ask("list").stdout);
    assert!(listed.contains(&format!("\ntotal: {} pending of ", pending.len())), "{listed}");
    assert!(listed.contains("no process seen that holds it"), "{listed}");
}

#[test]
fn a_changed_byte_is_named_and_costs_one_document() {
    let place = Place::new("");
    place.fill(1, 200);
    let whole = place.ask("cat").stdout;
    let all: Vec<&str> = str::from_utf8(&whole).unwrap().lines().collect();
    let verified = place.ask("verify");
    assert_eq!(verified.status.code(), Some(0));
    let sound_before = sound(&text(&verified.stdout));
    let segment = place.segment();
    let bytes = fs::read(&segment).unwrap();
    // In the body, the number, the length and the mark of the document of serial 100.
    let body = bytes.windows(7).position(|window| window == b":\"100\",").expect("serial 100");
    let frame = bytes[..body].windows(3).rposition(|window| window == b"\xffau").unwrap();
    for at in [body, frame + 8, frame + 5, frame] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x20;
        fs::write(&segment, damaged).unwrap();
        let verified = place.ask("verify");
        let said = text(&verified.stdout);
        let name = segment.file_name().unwrap().to_str().unwrap();
        assert_eq!(verified.status.code(), Some(1), "{said}");
        assert!(said.starts_with(&format!("{name}: offset {frame}: ")), "{said}");
        assert!(said.ends_with(" documents sound, 1 fault\n") && said.lines().count() == 2, "{said}");
        assert_eq!(sound(&said), sound_before - 1);
        let printed = place.ask("cat");
        assert_eq!(printed.status.code(), Some(1));
        assert_eq!(text(&printed.stderr), format!("auship: {}\n", said.lines().next().unwrap()));
        let expected: Vec<&str> = all.iter().filter(|line| !line.contains("\"100\"")).copied().collect();
        assert_eq!(text(&printed.stdout).lines().collect::<Vec<_>>(), expected);
        let listed = text(&place.ask("list").stdout);
        assert!(listed.contains("damaged in 1 place") && listed.contains("auship spool verify"), "{listed}");
    }
    let printed = place.ask("cat").stdout;
    assert!(place.delivered() == text(&printed), "the program itself loses the same document");
    let listed = text(&place.ask("list").stdout);
    assert!(rows(&listed).iter().any(|row| row[1] == "damage set aside"), "{listed}");
}

#[test]
fn half_a_document_at_the_end_is_damage_only_if_nobody_writes_it() {
    let place = Place::new("");
    let mut auship = place.start_and_fill(1, 100);
    place.pause(&auship);
    let segment = place.segment();
    let bytes = fs::read(&segment).unwrap();
    File::options().append(true).open(&segment).unwrap().write_all(&bytes[..50]).unwrap();
    let verified = place.ask("verify");
    let said = text(&verified.stdout);
    assert_eq!(verified.status.code(), Some(0), "{said}");
    assert!(said.contains(&format!("offset {}: 50 bytes are the beginning", bytes.len())), "{said}");
    assert!((100..=101).contains(&sound(&said)) && said.ends_with(", no damage\n"), "{said}");
    assert_eq!(place.ask("cat").status.code(), Some(0));
    auship.kill();
    let verified = place.ask("verify");
    let said = text(&verified.stdout);
    assert_eq!(verified.status.code(), Some(1), "{said}");
    assert!(said.contains("killed while it wrote") && said.contains("1 fault"), "{said}");
    assert_eq!(json::lines(&place.ask("cat").stdout).len(), 100);
    assert_eq!(place.delivered().lines().count(), 100);
}

#[test]
fn spools_of_the_build_before_are_read() {
    for format in ["mozdef", "ecs"] {
        let dir = data("spool-v1").join(format);
        let ask = |action: &str| auship(&["spool", action, dir.to_str().unwrap()], b"");
        let verified = ask("verify");
        assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stdout));
        let documents = json::lines(&ask("cat").stdout);
        let serial = |document: &serde_json::Value| match format {
            "ecs" => document["event"]["sequence"].as_u64().unwrap() as usize,
            _ => serials(std::slice::from_ref(document))[0],
        };
        // The serials of sample.log.
        let expected = [73422, 73501, 73536, 73742, 73748, 73940, 73972, 73979, 74001, 74020];
        assert_eq!(documents.iter().map(serial).collect::<Vec<_>>(), expected);
        let listed = text(&ask("list").stdout);
        assert!(listed.contains("total: 10 pending of 10 documents in 4 files"), "{listed}");
        assert!(listed.contains("2026-11-22T"), "{listed}");
    }
}

#[test]
fn dead_letters_are_listed() {
    let place = Place::new("");
    let server = Server::start(place.dir.path(), "picky", None, place.port);
    let mut auship = Running::start(&place.config);
    auship.feed(&event(1, "bad"));
    auship.feed(&event(2, "good"));
    wait_until("a dead letter", || fs::read(place.spool().join("dead-letters.json")).is_ok_and(|b| b.ends_with(b"\n")));
    server.wait_for(1);
    let (_, said) = auship.finish();
    let listed = text(&place.ask("list").stdout);
    let row = rows(&listed).into_iter().find(|row| row[1] == "dead letters").expect("a row");
    assert_eq!((row[0].as_str(), row[2].as_str()), ("dead-letters.json", "1"), "{said}");
    assert!(row[5].len() == 20 && row[5] == row[6] && listed.contains("; 1 dead letter;"), "{listed}");
}

#[test]
fn hostile_files_neither_hang_nor_mislead() {
    let place = Place::new("");
    place.fill(1, 50);
    let printed = place.ask("cat").stdout;
    let spool = place.spool();
    let named = |base: u64| spool.join(format!("{base:020}-{:020}.spool", base + 1));
    nix::unistd::mkfifo(&named(900), nix::sys::stat::Mode::S_IRWXU).unwrap();
    symlink("/dev/zero", named(901)).unwrap();
    symlink("/etc/passwd", spool.join("in-flight-00000000000000000009-1.spool")).unwrap();
    fs::create_dir(named(902)).unwrap();
    let forged = "x\n00000000000000000000.spool  segment  1000000\n\x1b[2J";
    fs::write(spool.join(forged), b"").unwrap();
    fs::write(spool.join("other"), b"\xffau\x02".repeat(10_000)).unwrap();
    let listed = place.ask("list");
    let said = text(&listed.stdout);
    assert_eq!(listed.status.code(), Some(0), "{said}");
    assert!(!said.contains('\x1b') && said.contains("\"x\\n0000"), "{said}");
    assert_eq!(said.matches("no regular file, not opened").count(), 4, "{said}");
    assert_eq!(said.lines().count(), fs::read_dir(&spool).unwrap().count() + 2, "{said}");
    let verified = place.ask("verify");
    assert_eq!(verified.status.code(), Some(1));
    let said = text(&verified.stdout);
    assert!((50..=51).contains(&sound(&said)) && said.ends_with(" documents sound, 4 faults\n"), "{said}");
    assert!(place.ask("cat").stdout == printed);
    // A document cannot command a terminal, whoever wrote it. Its checksums are right.
    let segment = place.segment();
    let mut bytes = fs::read(&segment).unwrap();
    let end = 56 + u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    bytes[57..63].copy_from_slice(b"\n\x1b[2J\x07");
    let python = format!(
        "import sys, zlib\nb = bytearray(sys.stdin.buffer.read())\n\
         b[48:52] = zlib.crc32(b[56:{end}]).to_bytes(4, 'little')\n\
         b[52:56] = zlib.crc32(b[:52]).to_bytes(4, 'little')\nsys.stdout.buffer.write(b)"
    );
    let mut command = Command::new(common::PYTHON);
    command.args(["-c", &python]);
    fs::write(&segment, common::run(command, &bytes).stdout).unwrap();
    let hostile = place.ask("cat").stdout;
    assert_eq!(hostile.iter().filter(|b| **b < b' ').count(), 50, "only the ends of lines");
    assert_eq!(text(&hostile).lines().count(), 50);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let place = Place::new("");
    place.fill(1, 3000);
    let mut command = Command::new(AUSHIP);
    command.args(["spool", "cat"]).arg(place.spool()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("{\""), "{line}");
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn it_needs_no_right_to_write() {
    let place = Place::new("");
    place.fill(1, 100);
    let Some(disk) = Tmpfs::new(&place.dir.path().join("disk"), "8m") else { return };
    let copy = disk.0.join("spool");
    fs::create_dir(&copy).unwrap();
    for (path, bytes) in place.contents() {
        fs::write(copy.join(path.file_name().unwrap()), bytes).unwrap();
    }
    let own = |path: &Path, mode| {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::read_dir(&copy).unwrap().for_each(|entry| own(&entry.unwrap().path(), 0o400));
    own(&copy, 0o500);
    fs::set_permissions(place.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&disk.0, fs::Permissions::from_mode(0o755)).unwrap();
    disk.remount(MsFlags::MS_RDONLY);
    // The built program may be in a directory that only root may enter.
    let program = place.dir.path().join("auship");
    assert!(Command::new("cp").arg(AUSHIP).arg(&program).status().unwrap().success());
    let as_user = |user: u32, action: &str| {
        let mut command = Command::new(&program);
        command.args(["spool", action]).arg(&copy).uid(user).gid(user).current_dir("/");
        common::run(command, b"")
    };
    let expected = place.ask("cat").stdout;
    for user in [0, NOBODY] {
        assert!(as_user(user, "cat").stdout == expected, "user {user}");
        assert_eq!(as_user(user, "verify").status.code(), Some(0), "user {user}");
        assert_eq!(as_user(user, "list").status.code(), Some(0), "user {user}");
    }
    let stranger = as_user(12345, "verify");
    let said = text(&stranger.stderr);
    assert_eq!(stranger.status.code(), Some(1), "{said}");
    assert!(said.contains(copy.to_str().unwrap()) && said.contains("run this as root or as user nobody"), "{said}");
}

#[test]
fn wrong_usage_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    for (args, said) in [
        (&["spool", "list", "/nowhere/spool"][..], "there is no directory"),
        (&["spool", "cat", path], "is no spool"),
        (&["spool", "verify", "/etc/passwd"], "is no directory"),
        (&["spool", "verify"], "spool needs a directory"),
        (&["spool", "list", "--all", path], "invalid option '--all'"),
    ] {
        let output = auship(args, b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(text(&output.stderr).contains(said), "{output:?}");
        assert!(output.stdout.is_empty());
    }
    if !nix::unistd::Uid::effective().is_root() {
        cannot_run("spools of other users", "it needs root");
    }
}
