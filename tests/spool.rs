//! Tests of the spool from the user's side: server outages, crashes, limits, and disks that fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    Running, auship,
    disk::{BadDisk, Tmpfs},
    event, events, free_port, number, serials,
    server::Server,
    wait_until, write_config,
};
use nix::{
    mount::MsFlags,
    sys::signal::Signal,
    unistd::{Uid, User, chown},
};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

fn url(port: u16) -> String {
    format!("http://localhost:{port}/events")
}

/// Short retry delays, so that the tests don't wait long.
const FAST: &str = "retry_min = 20ms\nretry_max = 200ms\n";

fn config(dir: &Path, url: &str, more: &str) -> PathBuf {
    let text = format!(
        "shutdown_timeout = 20s\nrun_dir = {}\n[output:siem]\ntype = http\nurl = {url}\nworkers = 1\n{FAST}\
         spool_dir = {}\n{more}",
        dir.join("run").display(),
        dir.join("spool").display()
    );
    write_config(dir, &text)
}

/// Waits until the spool's files hold at least `count` documents.
fn wait_for_spooled(dir: &Path, count: usize) {
    wait_until(&format!("{count} documents in the spool"), || spooled(dir) >= count);
}

fn spooled(dir: &Path) -> usize {
    let Ok(files) = fs::read_dir(dir.join("spool")) else { return 0 };
    let files = files.filter_map(|e| fs::read(e.ok()?.path()).ok());
    files.map(|bytes| bytes.windows(4).filter(|w| w == b"\xffau\x02").count()).sum()
}

fn all(range: std::ops::RangeInclusive<usize>) -> Vec<usize> {
    range.collect()
}

#[test]
fn an_outage_loses_nothing_and_keeps_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut auship = Running::start(&config(dir.path(), &url(port), ""));
    // The ring holds fewer events than this.
    auship.feed(&events(1, 3000));
    auship.wait_for("events wait in the spool");
    wait_for_spooled(dir.path(), 2500);
    let server = Server::start(dir.path(), "ok", None, port);
    auship.feed(&events(3001, 1000));
    server.wait_for(4000);
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(serials(&server.documents()), all(1..=4000));
    assert_eq!((number(&said, "delivered"), number(&said, "lost")), (4000, 0), "{said}");
    assert!(said.contains("works again"), "{said}");
    assert_eq!(spooled(dir.path()), 0, "what is delivered takes no room");
}

#[test]
fn a_kill_loses_at_most_the_ring_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let config = config(dir.path(), &url(port), "");
    let mut auship = Running::start(&config);
    auship.feed(&events(1, 2000));
    wait_for_spooled(dir.path(), 1990);
    auship.kill();
    let server = Server::start(dir.path(), "ok", None, port);
    let mut auship = Running::start(&config);
    auship.feed(&events(2001, 100));
    let (_, said) = auship.finish();
    let arrived = serials(&server.documents());
    let lost = number(&said, "lost");
    assert_eq!(arrived.len() + lost, 2100, "each arrived, or was said to be lost: {said}");
    assert!(lost <= 10, "{said}");
    assert!(arrived.is_sorted() && arrived.iter().collect::<BTreeSet<_>>().len() == arrived.len(), "{arrived:?}");
    assert_eq!(number(&said, "recovered"), 2000, "{said}");
    assert!(said.contains("events found in the spool"), "{said}");
}

#[test]
fn the_ring_of_a_killed_process_is_reported_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "hang");
    // The server hangs. No request has failed yet, so nothing is spooled.
    let config = config(dir.path(), &server.url, "ring_slots = 1000\n");
    let mut auship = Running::start(&config);
    auship.feed(&events(1, 40));
    wait_until("the first request", || server.seen().1 == 1);
    auship.feed(&event(41, "last"));
    auship.wait_for_events(41);
    auship.kill();
    server.behave("ok");
    let mut auship = Running::start(&config);
    let (_, said) = auship.finish();
    assert_eq!(number(&said, "lost"), 41, "{said}");
    assert!(said.contains("ended without a word, its ring with it, 41"), "{said}");
}

#[test]
fn spool_always_loses_nothing_in_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let config = config(dir.path(), &url(port), "spool = always\n");
    let mut auship = Running::start(&config);
    auship.feed(&events(1, 500));
    wait_for_spooled(dir.path(), 499);
    auship.kill();
    let server = Server::start(dir.path(), "ok", None, port);
    let mut auship = Running::start(&config);
    auship.feed(&events(501, 10));
    let (_, said) = auship.finish();
    let mut arrived = serials(&server.documents());
    assert!(number(&said, "lost") <= 1 && arrived.is_sorted(), "{said}");
    // The kill may hit while the worker writes a document into an in-flight file. The spool's segment holds this
    // document too, so it arrives twice.
    let all = arrived.len();
    arrived.dedup();
    assert!(all - arrived.len() <= 1, "{said}");
    assert_eq!(arrived.len() + number(&said, "lost"), 510, "{said}");
    assert_eq!(number(&said, "events in"), 10);
}

#[test]
fn at_the_end_a_dead_server_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    // This timeout is far longer than the test waits for the process to end.
    let text = fs::read_to_string(config(dir.path(), &url(port), "batch = 10\n")).unwrap();
    let config = write_config(dir.path(), &text.replace("shutdown_timeout = 20s", "shutdown_timeout = 1h"));
    let mut auship = Running::start(&config);
    auship.feed(&events(1, 700));
    auship.wait_for("events wait in the spool");
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "what is in the spool isn't lost: {said}");
    assert_eq!(
        (number(&said, "delivered"), number(&said, "lost"), number(&said, "in the spool")),
        (0, 0, 700),
        "{said}"
    );
    let server = Server::start(dir.path(), "ok", None, port);
    let (_, said) = Running::start(&config).finish();
    assert_eq!(
        (number(&said, "events in"), number(&said, "recovered"), number(&said, "delivered")),
        (0, 700, 700),
        "{said}"
    );
    assert_eq!(serials(&server.documents()), all(1..=700));
}

#[test]
fn a_hanging_request_is_left_at_the_end_and_its_events_kept() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "hang");
    let text = fs::read_to_string(config(dir.path(), &server.url, "")).unwrap();
    let config = write_config(dir.path(), &text.replace("shutdown_timeout = 20s", "shutdown_timeout = 1s"));
    let mut auship = Running::start(&config);
    auship.feed(&events(1, 50));
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!((number(&said, "lost"), number(&said, "in the spool")), (0, 50), "{said}");
    server.behave("ok");
    Running::start(&config).finish();
    assert_eq!(serials(&server.documents()), all(1..=50));
}

#[test]
fn at_the_limit_the_oldest_or_the_newest_are_lost_and_counted() {
    for (full, oldest) in [("drop_oldest", true), ("drop_newest", false)] {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = config(dir.path(), &url(port), &format!("spool_limit = 1MiB\nspool_full = {full}\n"));
        let mut auship = Running::start(&config);
        auship.feed(&events(1, 8000));
        auship.feed(&events(8001, 1));
        auship.wait_for(if oldest { "spool full" } else { "ring full" });
        auship.wait_for_events(8001);
        let server = Server::start(dir.path(), "ok", None, port);
        let (_, said) = auship.finish();
        let arrived = serials(&server.documents());
        let lost = number(&said, "lost");
        assert!(lost > 1000, "{said}");
        assert_eq!((arrived.len() + lost, arrived.len()), (8001, number(&said, "delivered")), "{full}: {said}");
        assert!(arrived.is_sorted());
        if oldest {
            // The first events may arrive too: the worker held them during the outage, and `drop_oldest` keeps them.
            assert_eq!(arrived.last(), Some(&8001), "{said}");
            assert!(!arrived.contains(&200));
        } else {
            assert_eq!(arrived[..1000], all(1..=1000)[..]);
            assert!(said.contains("spool_limit is reached, and spool_full = drop_newest"), "{said}");
        }
    }
}

#[test]
fn a_second_process_on_the_same_spool_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &url(free_port()), "");
    let text = fs::read_to_string(&config).unwrap();
    // Twice that long it waits for the first process to end.
    let config = write_config(dir.path(), &text.replace("shutdown_timeout = 20s", "shutdown_timeout = 100ms"));
    let first = Running::start(&config);
    first.wait_for("started");
    let second = auship(&["run", "--config", config.to_str().unwrap()], b"");
    assert_eq!(second.status.code(), Some(2));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("[output:siem]") && said.contains("in use by another process"), "{said}");
}

/// auditd does this when the program has been upgraded.
#[test]
fn a_process_waits_for_the_spool_of_one_that_is_about_to_end() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), "ok", None, 0);
    let path = config(dir.path(), &server.url, "");
    let mut first = Running::start(&path);
    first.wait_for("started");
    first.feed(&events(1, 10));
    let mut second = Running::start(&path);
    second.wait_for("in use by another process; each needs its own; it may be about to end, so this waits");
    second.feed(&events(11, 10));
    let (status, said) = first.finish();
    assert!(status.success(), "{said}");
    second.wait_for("started with");
    let (status, said) = second.finish();
    assert!(status.success(), "{said}");
    server.wait_for(20);
    let serials: BTreeSet<usize> = serials(&server.documents()).into_iter().collect();
    assert_eq!(serials, (1..=20).collect());
}

#[test]
fn a_reload_hands_the_spool_over() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let path = config(dir.path(), &url(port), "");
    let mut auship = Running::start(&path);
    auship.feed(&events(1, 1000));
    wait_for_spooled(dir.path(), 990);
    // A confined process may connect to this port only.
    let server = Server::start(dir.path(), "ok", None, port);
    config(dir.path(), &server.url, "batch = 50\n");
    auship.signal(Signal::SIGHUP);
    auship.wait_for("reloaded");
    auship.feed(&events(1001, 100));
    let (_, said) = auship.finish();
    assert_eq!(serials(&server.documents()), all(1..=1100), "{said}");
    assert_eq!(number(&said, "lost"), 0, "{said}");
}

#[test]
fn a_reload_that_fails_half_way_leaves_all_outputs_running() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "hang");
    let path = config(dir.path(), &server.url, "");
    let good = fs::read_to_string(&path).unwrap();
    let mut auship = Running::start(&path);
    auship.feed(&events(1, 600));
    wait_for_spooled(dir.path(), 300);
    // The second output can't start, because its spool is locked. At that moment the first output already has its
    // spool, and a request is under way.
    let taken = dir.path().join("taken");
    fs::create_dir(&taken).unwrap();
    let lock = fs::File::create(taken.join("lock")).unwrap();
    lock.lock().unwrap();
    let b = format!("[output:b]\ntype = http\nurl = {}\nspool_dir = {}\n", server.url, taken.display());
    write_config(dir.path(), &format!("{good}batch = 10\n{b}"));
    auship.signal(Signal::SIGHUP);
    auship.wait_for("not reloaded");
    server.behave("ok");
    auship.feed(&events(601, 400));
    server.wait_for(1000);
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!((serials(&server.documents()), number(&said, "lost")), (all(1..=1000), 0), "{said}");
}

#[test]
fn at_the_end_a_hanging_server_costs_another_output_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    fs::create_dir(&one).unwrap();
    fs::create_dir(&two).unwrap();
    let (hangs, works) = (Server::http(&one, "hang"), Server::http(&two, "ok"));
    let text = format!(
        "shutdown_timeout = 1h\n[output:a]\ntype = http\nurl = {}\n\
         [output:b]\ntype = http\nurl = {}\nbatch = 100\nbatch_interval = 1h\n",
        hangs.url, works.url
    );
    let mut auship = Running::start(&write_config(dir.path(), &text));
    auship.feed(&events(1, 20));
    drop(auship.stdin.take());
    // The first server still hangs. The second server gets all events nevertheless.
    works.wait_for(1);
    hangs.behave("ok");
    let (_, said) = auship.wait();
    assert_eq!(serials(&works.documents()), all(1..=20), "{said}");
}

#[test]
fn a_server_that_fails_now_and_then_fills_no_log() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "flaky");
    let mut auship = Running::start(&config(dir.path(), &server.url, "breaker_failure_ratio = 1\n"));
    auship.feed(&events(1, 100));
    server.wait_for(99);
    let (_, said) = auship.finish();
    assert_eq!(number(&said, "delivered"), 100, "{said}");
    assert!(said.matches("events wait in the spool").count() <= 2, "{said}");
    assert!(said.matches("works again").count() <= 2, "{said}");
}

#[test]
fn a_run_directory_that_a_reload_moved_is_where_the_next_process_looks() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "hang");
    // A confined process can create the new directory only where its user may.
    if let Some(user) = User::from_name("auship").unwrap().filter(|_| Uid::effective().is_root()) {
        chown(dir.path(), Some(user.uid), Some(user.gid)).unwrap();
    }
    let config_with = |name: &str| {
        let path = config(dir.path(), &server.url, "");
        let text = fs::read_to_string(&path).unwrap();
        let confine = format!("[confine]\nwrite_paths = {}\n", dir.path().display());
        let path = write_config(dir.path(), &(text.replace("/run\n", &format!("/{name}\n")) + &confine));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path
    };
    let path = config_with("first");
    let mut auship = Running::start(&path);
    auship.wait_for("started with");
    config_with("moved");
    auship.signal(Signal::SIGHUP);
    auship.wait_for("reloaded");
    auship.feed(&events(1, 40));
    auship.wait_for_events(40);
    auship.kill();
    server.behave("ok");
    let (_, said) = Running::start(&path).finish();
    assert!(said.contains("ended without a word, its ring with it"), "{said}");
}

#[test]
fn reloads_one_after_another_keep_the_spool_and_every_event() {
    let dir = tempfile::tempdir().unwrap();
    let (port, spool) = (free_port(), dir.path().join("spool"));
    let path = config(dir.path(), &url(port), "");
    let mut auship = Running::start(&path);
    auship.wait_for("started with");
    let mut reload = |text: &str, count: usize| {
        write_config(dir.path(), text);
        auship.signal(Signal::SIGHUP);
        wait_until("a reload", || auship.messages().matches("reloaded").count() == count);
        auship.feed(&events(count * 10 - 9, 10));
    };
    let with = fs::read_to_string(&path).unwrap();
    for n in 1..=15 {
        reload(&format!("{with}batch = {n}\n"), n);
    }
    // The output is removed, and then added again while its old worker may still be running.
    reload("[output:none]\ntype = file\npath = /dev/null\n", 16);
    reload(&with, 17);
    let (_, said) = auship.finish();
    assert!(!said.contains("in use") && !said.contains("not reloaded"), "{said}");
    // Events that are fed just before a reload may be read just after it. Each event goes to one of the two outputs.
    assert_eq!(number(&said, "siem: delivered"), 0, "{said}");
    assert_eq!(number(&said, "lost"), 0, "{said}");
    assert_eq!(number(&said, "in the spool") + number(&said, "none: delivered"), 170, "{said}");
    assert!(spool.join("progress").exists());
}

#[test]
fn what_a_server_will_never_take_is_kept_beside_and_blocks_nothing() {
    for batch in ["", "batch = 20\nbatch_interval = 100ms\n"] {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::http(dir.path(), "picky");
        let mut auship = Running::start(&config(dir.path(), &server.url, batch));
        let log: String = (1..=100).map(|n| event(n, if n % 10 == 0 { "bad" } else { "good" })).collect();
        auship.feed(&log);
        let (status, said) = auship.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        let (good, bad): (Vec<usize>, Vec<usize>) = (1..=100).partition(|n| n % 10 != 0);
        assert_eq!(serials(&server.documents()), good, "{said}");
        let kept = common::json::lines(&fs::read(dir.path().join("spool/dead-letters.json")).unwrap());
        let documents: Vec<_> = kept.iter().map(|line| line["document"].clone()).collect();
        assert_eq!(serials(&documents), bad);
        assert!(kept.iter().all(|line| line["output"] == "siem" && line["why"] == "status 400: no such field: bad"));
        assert_eq!((number(&said, "delivered"), number(&said, "lost"), number(&said, "dead-lettered")), (90, 0, 10));
        assert!(said.contains("put into the dead-letter file"), "{said}");
    }
}

#[test]
fn without_a_dead_letter_file_they_are_lost_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "picky");
    let text = format!("[output:siem]\ntype = http\nurl = {}\n", server.url);
    let mut auship = Running::start(&write_config(dir.path(), &text));
    auship.feed(&(event(1, "bad") + &event(2, "good")));
    let (_, said) = auship.finish();
    assert_eq!((number(&said, "delivered"), number(&said, "lost")), (1, 1), "{said}");
    assert!(said.contains("status 400") && said.contains("there is no dead_letter_file"), "{said}");
}

#[test]
fn a_server_that_asks_for_a_pause_gets_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "later");
    let mut auship = Running::start(&config(dir.path(), &server.url, ""));
    let before = Instant::now();
    auship.feed(&events(1, 5));
    wait_until("the first request", || server.seen().1 == 1);
    server.behave("ok");
    server.wait_for(1);
    assert!(before.elapsed() >= Duration::from_secs(2), "{:?}", before.elapsed());
    server.wait_for(5);
    assert_eq!(server.seen().1, 6);
}

#[test]
fn while_the_breaker_is_open_a_dead_server_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "busy");
    let text = fs::read_to_string(config(dir.path(), &server.url, "")).unwrap();
    let text = text.replace(FAST, "retry_min = 100ms\nretry_max = 1s\n").replace("workers = 1", "workers = 8");
    let mut auship = Running::start(&write_config(dir.path(), &text));
    let before = Instant::now();
    auship.feed(&events(1, 2000));
    // Five failures open the breaker. Up to seven more requests may be under way then. Later requests are sent one at a
    // time, with growing pauses. Without the breaker, eight workers would send this number of requests much sooner.
    wait_until("requests", || server.seen().1 >= 17);
    assert!(before.elapsed() >= Duration::from_secs(1), "{:?}", before.elapsed());
    server.behave("ok");
    server.wait_for(2000);
    let mut arrived = serials(&server.documents());
    arrived.sort_unstable();
    assert_eq!(arrived, all(1..=2000));
    let (_, said) = auship.finish();
    assert_eq!(number(&said, "lost"), 0);
}

#[test]
fn every_status_that_may_pass_is_tried_again() {
    // Other tests cover 503. An administrator must fix the cause of a 401, and no event is lost until then.
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "login");
    server.expect_login("nobody");
    let mut auship = Running::start(&config(dir.path(), &server.url, ""));
    auship.feed(&events(1, 20));
    auship.wait_for("status 401: who are you?; events wait in the spool");
    server.behave("ok");
    server.wait_for(20);
    let (_, said) = auship.finish();
    assert_eq!(number(&said, "delivered"), 20, "{said}");
}

#[test]
fn a_full_disk_costs_what_does_not_fit_and_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_disk) = Tmpfs::new(&dir.path().join("disk"), "600k") else { return };
    let port = free_port();
    let mut auship = Running::start(&config_on_disk(dir.path(), &url(port), ""));
    auship.feed(&events(1, 4000));
    auship.wait_for("No space left on device");
    auship.wait_for("ring full");
    auship.wait_for_events(4000);
    let server = Server::start(dir.path(), "ok", None, port);
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    let arrived = serials(&server.documents());
    let lost = number(&said, "lost");
    assert_eq!((arrived.len() + lost, number(&said, "delivered")), (4000, arrived.len()), "{said}");
    assert!(arrived.is_sorted() && lost > 100 && arrived.len() > 500, "{said}");
}

/// Writes a configuration whose spool is on `dir`/disk.
fn config_on_disk(dir: &Path, url: &str, more: &str) -> PathBuf {
    let text = fs::read_to_string(config(dir, url, more)).unwrap();
    write_config(dir, &text.replace("/spool\n", "/disk/spool\n"))
}

#[test]
fn while_the_disk_refuses_the_ring_is_all_there_is() {
    for (behaviour, said_why) in
        [("unwritable", "Input/output error"), ("readonly", "Read-only file system"), ("full", "No space left")]
    {
        let dir = tempfile::tempdir().unwrap();
        let Some(disk) = BadDisk::mount(dir.path()) else { return };
        let port = free_port();
        let mut auship = Running::start(&config_on_disk(dir.path(), &url(port), ""));
        auship.feed(&events(1, 1000));
        wait_for_spooled(&dir.path().join("disk"), 990);
        disk.behave(behaviour);
        // The ring holds 512 of these events.
        auship.feed(&events(1001, 2000));
        auship.wait_for(said_why);
        auship.wait_for("ring full");
        auship.wait_for_events(3000);
        disk.behave("ok");
        auship.feed(&events(3001, 1));
        let server = Server::start(dir.path(), "ok", None, port);
        auship.feed(&events(3002, 100));
        let (status, said) = auship.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        let arrived = serials(&server.documents());
        let lost = number(&said, "lost");
        assert_eq!((arrived.len() + lost, number(&said, "delivered")), (3101, arrived.len()), "{behaviour}: {said}");
        assert!(arrived.is_sorted() && arrived[..1000] == all(1..=1000)[..], "{behaviour}: {said}");
        assert!(arrived.len() >= 1500, "{behaviour}: the ring's are there: {said}");
    }
}

#[test]
fn a_directory_that_cannot_be_synced_at_first_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = BadDisk::mount(dir.path()) else { return };
    let port = free_port();
    let mut auship = Running::start(&config_on_disk(dir.path(), &url(port), "spool = always\n"));
    auship.wait_for("started");
    disk.behave("unsynced");
    auship.feed(&events(1, 20));
    auship.wait_for("can't be written");
    disk.behave("ok");
    wait_for_spooled(&dir.path().join("disk"), 20);
    let server = Server::start(dir.path(), "ok", None, port);
    let (_, said) = auship.finish();
    assert_eq!((serials(&server.documents()), number(&said, "lost")), (all(1..=20), 0), "{said}");
}

#[test]
fn while_the_disk_cannot_be_read_new_events_are_delivered_and_the_old_ones_later() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = BadDisk::mount(dir.path()) else { return };
    let port = free_port();
    let mut auship = Running::start(&config_on_disk(dir.path(), &url(port), ""));
    // The worker can deliver the events that it has already read from the disk. So the test feeds it one event only.
    // The worker holds this event until the server starts.
    auship.feed(&events(1, 1));
    auship.wait_for("events wait in the spool");
    auship.feed(&events(2, 999));
    // Waits for the metric, and not only for the files. If the disk failed earlier, some documents would
    // stay in the ring.
    wait_until("all are in the spool", || auship.figure("auship_output_spool_documents") == 1000);
    disk.behave("eio");
    let server = Server::start(dir.path(), "ok", None, port);
    auship.wait_for("can't read the spool: ");
    auship.feed(&events(1001, 100));
    server.wait_for(101);
    assert_eq!(serials(&server.documents())[..101], [all(1..=1), all(1001..=1100)].concat());
    disk.behave("ok");
    server.wait_for(1100);
    let (_, said) = auship.finish();
    let mut arrived = serials(&server.documents());
    arrived.sort_unstable();
    assert_eq!((arrived, number(&said, "lost")), (all(1..=1100), 0), "{said}");
    let left = fs::read_dir(dir.path().join("backing/spool")).unwrap().map(|e| e.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().ends_with(".spool")), "nothing comes a second time");
}

#[test]
fn a_slow_disk_makes_the_reader_wait_but_not_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = BadDisk::mount(dir.path()) else { return };
    let port = free_port();
    let mut auship = Running::start(&config_on_disk(dir.path(), &url(port), "max_wait = 1m\n"));
    auship.feed(&events(1, 100));
    wait_for_spooled(&dir.path().join("disk"), 90);
    disk.behave("slow");
    auship.feed(&events(101, 3000));
    disk.behave("ok");
    let server = Server::start(dir.path(), "ok", None, port);
    let (_, said) = auship.finish();
    assert_eq!((number(&said, "delivered"), number(&said, "lost")), (3100, 0), "{said}");
    assert_eq!(serials(&server.documents()), all(1..=3100));
}

#[test]
fn a_spool_that_cannot_be_opened_is_reported_and_delivery_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Tmpfs::new(&dir.path().join("disk"), "10m") else { return };
    disk.remount(MsFlags::MS_RDONLY);
    let server = Server::http(dir.path(), "ok");
    let mut auship = Running::start(&config_on_disk(dir.path(), &server.url, ""));
    auship.feed(&events(1, 100));
    server.wait_for(99);
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("can't be opened") && said.contains("Read-only file system"), "{said}");
    assert_eq!((number(&said, "delivered"), number(&said, "lost")), (100, 0), "{said}");
}

#[test]
fn what_came_while_nobody_read_is_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::http(dir.path(), "ok");
    let config = config(dir.path(), &server.url, "[filter:noise]\nregex = text=noise\n");
    let mut auship = Running::start(&config);
    auship.feed(&(events(1, 10) + &event(11, "noise") + &event(12, "noise")));
    server.wait_for(10);
    auship.wait_for_events(12);
    auship.kill();
    let mut auship = Running::start(&config);
    auship.feed(&events(21, 10));
    let (_, said) = auship.finish();
    assert_eq!(server.gaps(), [(13, 20)], "{said}");
    assert!(said.contains("serials 13-20"), "{said}");
    // This process ended normally and is started again at once, so there is no gap.
    let mut auship = Running::start(&config);
    auship.feed(&events(31, 5));
    let (_, said) = auship.finish();
    assert_eq!((server.gaps().len(), number(&said, "lost")), (1, 0), "{said}");
}
