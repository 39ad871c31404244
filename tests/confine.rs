//! What the running program gives up, seen from outside and tried from inside.
//!
//! The tests need root and the user `auship` (`make deps` creates it). Without them they print the reason; in CI they fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    PYTHON, Running, cannot_run, event, free_port,
    inject::{Argument, call},
    server::{Certificates, Server},
    tool, wait_until,
};
use nix::{
    libc,
    sys::signal::Signal,
    unistd::{Uid, User, chown},
};
use std::{
    fs,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{MetadataExt, PermissionsExt, symlink},
            net::{SocketAddr, UnixListener},
        },
    },
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A directory as the package makes it: root's, the user may read it, and what is written is below `log`, his own.
struct Place {
    dir: TempDir,
    user: User,
}

impl Place {
    /// Returns `None` if this can't be tested here, and says why.
    fn new(what: &str) -> Option<Self> {
        let user = User::from_name("auship").unwrap();
        let (Some(user), true) = (user, Uid::effective().is_root()) else {
            cannot_run(what, "it needs root, and a user auship: useradd --system auship");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let place = Self { dir, user };
        fs::create_dir(place.path("log")).unwrap();
        chown(&place.path("log"), Some(place.user.uid), Some(place.user.gid)).unwrap();
        Some(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file that root and the user's group can read.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        chown(&path, None, Some(self.user.gid)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        path
    }

    /// A configuration with one output, a file.
    fn config(&self, more: &str) -> PathBuf {
        let text = format!(
            "run_dir = {}\n[output:file]\ntype = file\npath = {}\n{more}",
            self.path("run").display(),
            self.path("log/events.json").display()
        );
        self.file("auship.conf", &text)
    }

    fn documents(&self) -> usize {
        fs::read_to_string(self.path("log/events.json")).map_or(0, |text| text.lines().count())
    }
}

/// The lines of `/proc/PID/task/*/status` with this name, one for each thread.
fn status(pid: u32, name: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let status = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap());
    let line = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        line.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    status.map(line).collect()
}

fn all_are(pid: u32, name: &str, expected: &str) {
    let values = status(pid, name);
    assert!(values.len() > 1 && values.iter().all(|value| value == expected), "{name}: {values:?}");
}

/// `struct sockaddr_in` of ip(7) for an address of this host.
fn address(port: u16) -> Vec<u8> {
    let family = libc::AF_INET.to_ne_bytes()[..2].to_vec();
    [&family[..], &port.to_be_bytes(), &[127, 0, 0, 1], &[0; 8]].concat()
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

fn errno(number: i32) -> i64 {
    -i64::from(number)
}

/// Opens a file in the process.
fn open(pid: u32, path: &Path, flags: i32) -> i64 {
    let path = text(path.to_str().unwrap());
    let at = Argument::Number(u64::from(libc::AT_FDCWD.cast_unsigned()));
    let arguments = [at, Argument::Bytes(&path), Argument::Number(flags.try_into().unwrap()), Argument::Number(0o600)];
    call(pid, libc::SYS_openat, &arguments)
}

/// Connects to a port of this host in the process.
fn connect(pid: u32, port: u16) -> i64 {
    let numbers = [libc::AF_INET, libc::SOCK_STREAM, 0].map(|n| Argument::Number(n.try_into().unwrap()));
    let socket = call(pid, libc::SYS_socket, &numbers);
    assert!(socket > 0, "{socket}");
    let address = address(port);
    let arguments = [Argument::Number(socket.try_into().unwrap()), Argument::Bytes(&address), Argument::Number(16)];
    call(pid, libc::SYS_connect, &arguments)
}

#[test]
fn the_process_has_no_privileges() {
    let Some(place) = Place::new("the privileges of the process") else { return };
    let mut auship = Running::start(&place.config(""));
    auship.feed(&event(1, "x"));
    wait_until("the document", || place.documents() == 1);
    let pid = auship.child.id();
    let (uid, gid) = (place.user.uid, place.user.gid);
    all_are(pid, "Uid", &format!("{uid} {uid} {uid} {uid}"));
    all_are(pid, "Gid", &format!("{gid} {gid} {gid} {gid}"));
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        all_are(pid, set, "0000000000000000");
    }
    all_are(pid, "NoNewPrivs", "1");
    all_are(pid, "Seccomp", "2");
    let meta = fs::metadata(place.path("log/events.json")).unwrap();
    assert_eq!((meta.uid(), meta.mode() & 0o777), (uid.as_raw(), 0o600));
    assert_eq!(fs::metadata(place.path("run")).unwrap().mode() & 0o777, 0o750);
    auship.wait_for("confined: user auship, no capabilities, no new privileges, Landlock for");
    let (_, said) = auship.finish();
    assert!(!said.contains("confine: "), "{said}");
}

#[test]
fn code_in_the_process_gets_nowhere() {
    let Some(place) = Place::new("what code in the process can do") else { return };
    let allowed = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let more = format!("[output:http]\ntype = http\nurl = http://127.0.0.1:{}/\n", port(&allowed));
    let auship = Running::start(&place.config(&more));
    auship.wait_for("started with");
    let pid = auship.child.id();
    // What it may do shows that the calls are made.
    assert!(open(pid, Path::new("/etc/passwd"), libc::O_RDONLY) > 0);
    assert!(open(pid, &place.path("log/new"), libc::O_CREAT | libc::O_WRONLY) > 0);
    assert_eq!(connect(pid, port(&allowed)), 0);
    let denied = errno(libc::EACCES);
    assert_eq!(open(pid, Path::new("/etc/shadow"), libc::O_RDONLY), denied);
    assert_eq!(open(pid, Path::new("/etc/auship-was-here"), libc::O_CREAT | libc::O_WRONLY), denied);
    assert_eq!(open(pid, Path::new("/etc/passwd"), libc::O_WRONLY), denied);
    // Everybody may write here, but Landlock doesn't allow it.
    assert_eq!(open(pid, Path::new("/tmp/auship-was-here"), libc::O_CREAT | libc::O_WRONLY), denied);
    assert_eq!(open(pid, Path::new("/root/.bashrc"), libc::O_RDONLY), denied);
    assert_eq!(open(pid, Path::new("/proc/1/environ"), libc::O_RDONLY), denied);
    assert_eq!(connect(pid, port(&other)), denied);
    let none = errno(libc::ENOSYS);
    let shell = text("/bin/sh");
    assert_eq!(call(pid, libc::SYS_execve, &[Argument::Bytes(&shell)]), none);
    let fork = Argument::Number(libc::SIGCHLD.try_into().unwrap());
    assert_eq!(call(pid, libc::SYS_clone, &[fork]), none);
    assert_eq!(call(pid, libc::SYS_clone3, &[]), none);
    assert_eq!(call(pid, libc::SYS_setuid, &[Argument::Number(0)]), none);
    let raw = [libc::AF_INET, libc::SOCK_RAW, 1].map(|n| Argument::Number(n.try_into().unwrap()));
    assert_eq!(call(pid, libc::SYS_socket, &raw), none);
    let packet = [libc::AF_PACKET, libc::SOCK_DGRAM, 0].map(|n| Argument::Number(n.try_into().unwrap()));
    assert_eq!(call(pid, libc::SYS_socket, &packet), none);
    // A page that can be written and executed.
    let page = [0, 4096, libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS];
    let page = page.map(|n| Argument::Number(n.try_into().unwrap()));
    assert_eq!(call(pid, libc::SYS_mmap, &page), none);
    // A file that others could execute as this user, without these rules.
    let (mine, setuid) = (text(place.path("log/new").to_str().unwrap()), Argument::Number(0o4755));
    assert_eq!(call(pid, libc::SYS_chmod, &[Argument::Bytes(&mine), setuid]), none);
    let (other_name, create) = (text(place.path("log/other").to_str().unwrap()), libc::O_CREAT | libc::O_WRONLY);
    let create = Argument::Number(create.try_into().unwrap());
    assert_eq!(call(pid, libc::SYS_open, &[Argument::Bytes(&other_name), create, setuid]), none);
    // Other ways to connect.
    let mptcp =
        [libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP].map(|n| Argument::Number(n.try_into().unwrap()));
    assert_eq!(call(pid, libc::SYS_socket, &mptcp), none);
    let tcp = [libc::AF_INET, libc::SOCK_STREAM, 0].map(|n| Argument::Number(n.try_into().unwrap()));
    let socket = Argument::Number(call(pid, libc::SYS_socket, &tcp).try_into().unwrap());
    let (to, fast) = (address(port(&other)), Argument::Number(libc::MSG_FASTOPEN.try_into().unwrap()));
    let fast =
        [socket, Argument::Bytes(b"hello"), Argument::Number(5), fast, Argument::Bytes(&to), Argument::Number(16)];
    assert_eq!(call(pid, libc::SYS_sendto, &fast), none);
    // Another process's socket without a file.
    let name = format!("auship-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let unix = [libc::AF_UNIX, libc::SOCK_STREAM, 0].map(|n| Argument::Number(n.try_into().unwrap()));
    let socket = Argument::Number(call(pid, libc::SYS_socket, &unix).try_into().unwrap());
    let to = [&libc::AF_UNIX.to_ne_bytes()[..2], b"\0", name.as_bytes()].concat();
    let arguments = [socket, Argument::Bytes(&to), Argument::Number(to.len() as u64)];
    assert_eq!(call(pid, libc::SYS_connect, &arguments), errno(libc::EPERM));
    let parent = Argument::Number(std::process::id().into());
    assert_eq!(call(pid, libc::SYS_kill, &[parent, Argument::Number(0)]), none);
    assert_eq!(call(pid, libc::SYS_tgkill, &[parent, parent, Argument::Number(0)]), errno(libc::EPERM));
}

#[test]
fn a_capability_is_kept_for_a_reason() {
    let Some(place) = Place::new("capabilities that are kept") else { return };
    // Only root can read the secret, and write to the directory of the file.
    fs::write(place.path("token"), "secret\n").unwrap();
    fs::set_permissions(place.path("token"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(place.path("roots")).unwrap();
    let http = format!(
        "[output:http]\ntype = http\nurl = http://127.0.0.1:{}/\nbearer_file = {}\n",
        free_port(),
        place.path("token").display()
    );
    let file = format!("[output:other]\ntype = file\npath = {}\n", place.path("roots/x").display());
    let read = format!("keeps CAP_DAC_READ_SEARCH: user auship can't read {}", place.path("token").display());
    let write = format!("keeps CAP_DAC_OVERRIDE: user auship can't write to {}", place.path("roots").display());
    let other = "keeps CAP_CHOWN: [output:other] path: new files get the owner 1".to_string();
    let owned = format!("{file}owner = 1\n");
    for (more, capabilities, reason) in
        [(&http, "0000000000000004", &read), (&file, "0000000000000002", &write), (&owned, "000000000000000b", &other)]
    {
        let mut auship = Running::start(&place.config(more));
        auship.wait_for("started with");
        auship.feed(&event(1, "x"));
        for set in ["CapPrm", "CapEff"] {
            all_are(auship.child.id(), set, capabilities);
        }
        auship.wait_for(reason);
        let path = place.path("roots/x");
        wait_until("the document", || more == &http || fs::metadata(&path).is_ok_and(|meta| meta.len() > 0));
        auship.kill();
        let _ = fs::remove_file(path);
    }
}

#[test]
fn each_part_can_be_switched_off() {
    let Some(place) = Place::new("switching parts of the confinement off") else { return };
    let off = |more: &str, check: &dyn Fn(u32)| {
        let mut auship = Running::start(&place.config(&format!("[confine]\n{more}")));
        auship.wait_for("started with");
        check(auship.child.id());
        auship.kill();
        // Root may have made it.
        fs::remove_file(place.path("log/events.json")).unwrap();
    };
    off("run_as = none\n", &|pid| {
        all_are(pid, "Uid", "0 0 0 0");
        // The directory isn't root's.
        all_are(pid, "CapEff", "0000000000000002");
        all_are(pid, "Seccomp", "2");
    });
    off("seccomp = no\n", &|pid| {
        all_are(pid, "Seccomp", "0");
        let denied = open(pid, Path::new("/tmp/auship-was-here"), libc::O_CREAT | libc::O_WRONLY);
        assert_eq!(denied, errno(libc::EACCES));
    });
    off("landlock = no\n", &|pid| {
        let tmp = Path::new("/tmp");
        assert!(open(pid, tmp, libc::O_TMPFILE | libc::O_WRONLY) > 0);
        all_are(pid, "Seccomp", "2");
    });
    off("drop_capabilities = no\n", &|pid| {
        all_are(pid, "Seccomp", "2");
        assert!(status(pid, "CapEff").iter().all(|set| set != "0000000000000000"));
    });
    off("no_new_privileges = no\nlandlock = no\nseccomp = no\n", &|pid| all_are(pid, "NoNewPrivs", "0"));
}

#[test]
fn a_user_that_does_not_exist_is_reported() {
    let Some(place) = Place::new("a missing user") else { return };
    chown(&place.path("log"), Some(Uid::from_raw(0)), None).unwrap();
    let mut auship = Running::start(&place.config("[confine]\nrun_as = nobody-of-this-name\n"));
    auship.wait_for("there is no user nobody-of-this-name, so the process stays root; create it with useradd");
    auship.wait_for("confined: user root, no capabilities, no new privileges, Landlock");
    auship.feed(&event(1, "x"));
    wait_until("the document", || place.documents() == 1);
    all_are(auship.child.id(), "Uid", "0 0 0 0");
    assert_eq!(auship.finish().0.code(), Some(0));
}

#[test]
fn a_kernel_without_a_part_gets_one_message_for_it() {
    let Some(place) = Place::new("a kernel without Landlock or seccomp") else { return };
    let has_module = Command::new(PYTHON).args(["-c", "import seccomp"]).status().is_ok_and(|status| status.success());
    if !has_module {
        return cannot_run("a kernel without Landlock or seccomp", "python3-seccomp is missing");
    }
    let without = tool("without_calls.py");
    let landlock = "this kernel has no Landlock, so files and ports aren't restricted";
    for (calls, messages, left) in [
        ("landlock_create_ruleset", &[landlock][..], "no capabilities, no new privileges, seccomp for"),
        ("seccomp", &["seccomp doesn't restrict system calls"], "no capabilities, no new privileges, Landlock for"),
        (
            "landlock_create_ruleset,seccomp,prctl",
            &[
                "can't become user auship",
                "can't drop capabilities",
                "other processes of this user can read its memory",
                "can't give up new privileges",
                landlock,
                "seccomp doesn't restrict system calls",
            ],
            "confined: user root",
        ),
    ] {
        let mut auship = Running::start_under(PYTHON, &[without.to_str().unwrap(), calls], &place.config(""));
        auship.feed(&event(1, "x"));
        let (status, said) = auship.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains(left) && said.contains("delivered 1, lost 0"), "{said}");
        for message in messages {
            assert_eq!(said.matches(message).count(), 1, "{message}: {said}");
        }
        let others = said.matches("confine: ").count() - said.matches("confine: keeps").count();
        assert_eq!(others, messages.len(), "{said}");
    }
}

#[test]
fn a_reload_stays_within_the_rules() {
    // Landlock doesn't allow the other directory. Or it does, but it belongs to root.
    for allowed in [false, true] {
        let Some(place) = Place::new("a reload of a confined process") else { return };
        let more = format!("[confine]\nwrite_paths = {}\n", place.dir.path().display());
        reload(&place, if allowed { &more } else { "" });
    }
}

fn reload(place: &Place, more: &str) {
    let config = place.config(more);
    let mut auship = Running::start(&config);
    auship.wait_for("started with");
    // Another file in the same directory.
    let add = |auship: &Running, name: &str| {
        let text = fs::read_to_string(&config).unwrap();
        let more = format!("[output:{}]\ntype = file\npath = {}\n", name.replace('/', "-"), place.path(name).display());
        // Editors write a new file and rename it.
        let new = place.file("new.conf", &(text + &more));
        fs::rename(new, &config).unwrap();
        auship.signal(Signal::SIGHUP);
    };
    add(&auship, "log/second.json");
    auship.wait_for_times("reloaded", 1);
    auship.feed(&event(1, "x"));
    let second = place.path("log/second.json");
    wait_until("a document in the new file", || fs::metadata(&second).is_ok_and(|meta| meta.len() > 0));
    // A directory that it gave up.
    fs::create_dir(place.path("elsewhere")).unwrap();
    add(&auship, "elsewhere/x.json");
    auship.wait_for("elsewhere, which this process gave up at its start; restart the plugin, or see [confine]");
    auship.wait_for("not reloaded, the running configuration stays");
    auship.feed(&event(2, "x"));
    wait_until("the next document", || place.documents() == 2);
    assert_eq!(auship.finish().0.code(), Some(0));
}

/// Changes the owner of a file to the user.
fn give(place: &Place, path: &Path) {
    chown(path, Some(place.user.uid), Some(place.user.gid)).unwrap();
}

#[test]
fn what_the_user_prepared_gives_him_nothing_at_the_next_start() {
    let Some(place) = Place::new("a start after the user's files were changed") else { return };
    let victim = place.path("victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("report"), "root's").unwrap();
    fs::create_dir(place.path("spools")).unwrap();
    give(&place, &place.path("spools"));
    let http = format!("[output:http]\ntype = http\nurl = http://127.0.0.1:{}/\n", free_port());
    let http = format!("{http}spool_dir = {}\n", place.path("spools/siem").display());
    let start = |more: &str, said: &str| {
        let mut auship = Running::start(&place.config(more));
        auship.wait_for(said);
        auship.kill();
        let said = auship.messages();
        assert!(!said.contains("keeps CAP"), "{said}");
        for path in [victim.as_path(), &victim.join("report")] {
            assert_eq!(fs::metadata(path).unwrap().uid(), 0, "{said}");
        }
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 1, "{said}");
    };
    // A link in his directory, in place of a spool.
    symlink(&victim, place.path("spools/siem")).unwrap();
    start(&http, "so it gets no capability");
    fs::remove_file(place.path("spools/siem")).unwrap();
    // A spool, and then a file, that he made inaccessible.
    fs::create_dir(place.path("spools/siem")).unwrap();
    give(&place, &place.path("spools/siem"));
    fs::set_permissions(place.path("spools/siem"), fs::Permissions::from_mode(0o000)).unwrap();
    start(&http, "so it gets no capability");
    fs::write(place.path("log/events.json"), "").unwrap();
    give(&place, &place.path("log/events.json"));
    fs::set_permissions(place.path("log/events.json"), fs::Permissions::from_mode(0o000)).unwrap();
    start("", "so it gets no capability");
    // A link to a file of root.
    fs::remove_file(place.path("log/events.json")).unwrap();
    symlink(victim.join("report"), place.path("log/events.json")).unwrap();
    start("", "so it gets no capability");
    assert_eq!(fs::read_to_string(victim.join("report")).unwrap(), "root's");
}

#[test]
fn a_directory_with_other_files_is_not_given_away() {
    let Some(place) = Place::new("a run directory that isn't the program's own") else { return };
    fs::create_dir(place.path("run")).unwrap();
    fs::write(place.path("run/sshd.pid"), "1").unwrap();
    let auship = Running::start(&place.config(""));
    auship.wait_for("run: it has another file, sshd.pid, so it isn't given to user auship");
    auship.wait_for("started with");
    for path in ["run", "run/sshd.pid"] {
        assert_eq!(fs::metadata(place.path(path)).unwrap().uid(), 0);
    }
}

#[test]
fn spools_of_root_are_taken_over() {
    let Some(place) = Place::new("a spool that root made") else { return };
    let spool = place.path("spool");
    let http = |confine: &str| {
        place.config(&format!(
            "[output:http]\ntype = http\nurl = http://127.0.0.1:9/\nspool_dir = {}\n{confine}",
            spool.display()
        ))
    };
    let mut auship = Running::start(&http("[confine]\nrun_as = none\n"));
    auship.feed(&event(1, "x"));
    wait_until("the document", || place.documents() == 1);
    auship.wait_for_events(1);
    auship.kill();
    assert_eq!(fs::metadata(&spool).unwrap().uid(), 0);
    fs::remove_file(place.path("log/events.json")).unwrap();
    let mut auship = Running::start(&http(""));
    auship.wait_for("confined: user auship, no capabilities");
    auship.wait_for("started with");
    let owners: Vec<u32> = fs::read_dir(&spool).unwrap().map(|e| e.unwrap().metadata().unwrap().uid()).collect();
    let uid = place.user.uid.as_raw();
    assert!(!owners.is_empty() && owners.iter().all(|owner| *owner == uid), "{owners:?}");
    let meta = fs::metadata(&spool).unwrap();
    assert_eq!((meta.uid(), meta.mode() & 0o777), (uid, 0o700));
    auship.kill();
    assert!(!auship.messages().contains("keeps CAP"), "{}", auship.messages());
}

/// A copy of `/etc`, and a new version of a file in it that takes the place of the old one, as programs do it.
fn replace(etc: &Path, name: &str, change: impl FnOnce(String) -> String) {
    let text = change(fs::read_to_string(etc.join(name)).unwrap());
    let new = etc.join(format!("{name}.new"));
    fs::write(&new, text).unwrap();
    fs::rename(new, etc.join(name)).unwrap();
}

#[test]
fn names_are_looked_up_in_files_that_were_replaced() {
    let Some(place) = Place::new("look-ups of a confined process") else { return };
    let etc = place.path("etc");
    let copied = Command::new("cp").arg("-a").arg("/etc").arg(&etc).status().unwrap();
    assert!(copied.success());
    let server = Server::http(place.dir.path(), "ok");
    let (from, to) = (place.path("events"), format!("http://siem.example.test:{}/events", server.port()));
    let config = place.config(&format!("[output:http]\ntype = http\nurl = {to}\nspool_dir = {}\n", from.display()));
    let mut auship = Running::start_with_etc(&config, &etc);
    auship.wait_for("confined: user auship, no capabilities");
    let record = |serial: u32| {
        format!("type=USER msg=audit(1795320000.001:{serial}): pid=1 uid=54399 auid=0 ses=1 msg='op=x res=success'\n")
    };
    auship.feed(&record(1));
    auship.wait_for("siem.example.test");
    replace(&etc, "hosts", |hosts| hosts + "\n127.0.0.1 siem.example.test\n");
    server.wait_for(1);
    assert!(!String::from_utf8_lossy(&server.bodies()).contains("a-new-user"));
    // The name of the user appears once the account was made.
    replace(&etc, "passwd", |passwd| passwd + "a-new-user:x:54399:54399::/:/bin/false\n");
    let mut serial = 1;
    wait_until("the name of the new user", || {
        serial += 1;
        auship.feed(&record(serial));
        server.wait_for(serial as usize);
        String::from_utf8_lossy(&server.bodies()).contains("a-new-user")
    });
    assert_eq!(auship.finish().0.code(), Some(0));
}

#[test]
fn certificates_and_secrets_that_change_are_read() {
    let Some(place) = Place::new("certificates of a confined process") else { return };
    let (first, second) = (Certificates::new(), Certificates::new());
    let server = Server::https(place.dir.path(), "ok", &second);
    let ca = place.file("ca.pem", &fs::read_to_string(first.ca()).unwrap());
    let config = place.config(&format!(
        "[output:http]\ntype = http\nurl = {}\nca_cert = {}\nspool_dir = {}\n",
        server.url,
        ca.display(),
        place.path("spool").display()
    ));
    let mut auship = Running::start(&config);
    auship.wait_for("confined: user auship, no capabilities");
    auship.feed(&event(1, "x"));
    auship.wait_for("certificate");
    assert_eq!(server.bodies(), b"");
    // A new file takes the place of the old one.
    let new = place.file("new.pem", &fs::read_to_string(second.ca()).unwrap());
    fs::rename(new, ca).unwrap();
    server.wait_for(1);
    assert_eq!(auship.finish().0.code(), Some(0));
}
