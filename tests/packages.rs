//! Tests of the packages: what is in them, how the tools of the distributions judge them, and what they do in a fresh
//! Debian with the real auditd on the real kernel.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    auditd,
    packages::{Root, binary, build, build_with, has, make, project, text},
    server::{Certificates, Server},
    wait_until,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The version under test, and an older one.
const VERSION: &str = env!("CARGO_PKG_VERSION");
const OLD: &str = "0.0.9";

/// A directory for the packages of this test binary.
fn built() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// The Debian packages of the version under test. They are built once.
fn deb() -> &'static [PathBuf; 2] {
    static DEB: OnceLock<[PathBuf; 2]> = OnceLock::new();
    DEB.get_or_init(|| build("deb", VERSION, &built()))
}

/// The RPM packages of the version under test. They are built once.
fn rpm() -> &'static [PathBuf; 2] {
    static RPM: OnceLock<[PathBuf; 2]> = OnceLock::new();
    RPM.get_or_init(|| build("rpm", VERSION, &built()))
}

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program} {args:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

const DEB_TOOLS: [&str; 3] = ["dpkg-deb", "dpkg-shlibdeps", "pandoc"];
const RPM_TOOLS: [&str; 3] = ["rpmbuild", "rpm", "pandoc"];

/// Unpacks a Debian package, and returns the directory.
fn unpacked(package: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    output("dpkg-deb", &["-x", package.to_str().unwrap(), dir.path().to_str().unwrap()]);
    dir
}

#[test]
fn the_packaged_program_is_hardened_and_its_debug_information_is_apart() {
    if !has("the packaged program", &DEB_TOOLS) {
        return;
    }
    let [package, debug] = deb().each_ref().map(|package| unpacked(package));
    let program = package.path().join("usr/sbin/auship");
    let read = |what: &str| output("readelf", &["-W", what, program.to_str().unwrap()]);
    let (header, segments, dynamic, symbols) =
        (read("--file-header"), read("--program-headers"), read("--dynamic"), read("--dyn-syms"));
    assert!(header.contains("DYN (Position-Independent Executable file)"), "{header}");
    assert!(segments.contains("GNU_RELRO"), "{segments}");
    let stack = segments.lines().find(|line| line.contains("GNU_STACK")).unwrap();
    assert!(stack.contains(" RW ") && !stack.contains("RWE"), "{stack}");
    assert!(dynamic.contains("BIND_NOW") && dynamic.contains("PIE"), "{dynamic}");
    assert!(!dynamic.contains("TEXTREL") && !dynamic.contains("RPATH") && !dynamic.contains("RUNPATH"), "{dynamic}");
    // The C that crates compile.
    assert!(symbols.contains("__stack_chk_fail@"), "no function protects its stack");

    let sections = read("--section-headers");
    assert!(!sections.contains(".debug_info") && !sections.contains(".symtab"), "{sections}");
    let notes = read("--notes");
    let id = notes.split("Build ID: ").nth(1).expect("a build id").split_whitespace().next().unwrap();
    let of_id = debug.path().join(format!("usr/lib/debug/.build-id/{}/{}.debug", &id[..2], &id[2..]));
    let of_debug = output("readelf", &["-W", "--notes", "--section-headers", of_id.to_str().unwrap()]);
    assert!(of_debug.contains(id) && of_debug.contains(".debug_info"), "{of_debug}");

    // Nothing tells where it was built: neither our directory nor that of the crates. The program that cargo test builds
    // does.
    if binary() != Path::new(common::AUSHIP) {
        let bytes = fs::read(binary()).unwrap();
        let crates = std::env::var_os("CARGO_HOME").unwrap_or_else(|| "/.cargo/registry".into());
        for path in [project().as_os_str().as_bytes(), crates.as_bytes()] {
            let found = bytes.windows(path.len()).any(|window| window == path);
            assert!(!found, "the program names {}", String::from_utf8_lossy(path));
        }
    }
    assert!(Command::new(&program).arg("--version").status().unwrap().success());
}

#[test]
fn everything_is_in_both_packages() {
    if !has("the contents of packages", &DEB_TOOLS) || !has("the contents of packages", &RPM_TOOLS) {
        return;
    }
    let list = |text: String, strip: &str| -> BTreeSet<String> {
        let lines = text.lines().map(|line| line.trim_start_matches(strip).trim_end_matches('/').to_string());
        lines.collect()
    };
    let in_deb = output("sh", &["-c", "dpkg-deb --fsys-tarfile \"$1\" | tar t", "sh", deb()[0].to_str().unwrap()]);
    let in_deb = list(in_deb, ".");
    let in_rpm = list(output("rpm", &["-qpl", rpm()[0].to_str().unwrap()]), "");
    for path in [
        "/usr/sbin/auship",
        "/etc/auship/auship.conf",
        "/etc/auship/elasticsearch/mappings-ecs.json",
        "/etc/audit/plugins.d/auship.conf",
        "/etc/logrotate.d/auship",
        "/usr/lib/sysusers.d/auship.conf",
        "/usr/lib/tmpfiles.d/auship.conf",
        "/usr/share/man/man5/auship.conf.5.gz",
        "/usr/share/man/man7/auship-ecs.7.gz",
        "/usr/share/man/man7/auship-figures.7.gz",
        "/usr/share/man/man7/auship-metrics.7.gz",
        "/usr/share/man/man7/auship-mozdef.7.gz",
        "/usr/share/man/man7/auship-spool.7.gz",
        "/usr/share/man/man8/auship.8.gz",
        "/usr/share/bash-completion/completions/auship",
        "/usr/share/fish/vendor_completions.d/auship.fish",
        "/usr/share/auship/auship.cdx.json",
        "/usr/share/selinux/packages/auship.pp",
        "/usr/share/doc/auship/selinux/auship.te",
        "/usr/share/doc/auship/rules/70-exec.rules",
        "/usr/share/doc/auship/dashboards/auship.ndjson",
        "/usr/share/doc/auship/examples/fluentd.conf",
        "/usr/share/doc/auship/README.md",
        "/var/spool/auship",
    ] {
        assert!(in_deb.contains(path), "{path} isn't in the Debian package: {in_deb:#?}");
        assert!(in_rpm.contains(path), "{path} isn't in the RPM package: {in_rpm:#?}");
    }
    assert!(in_deb.contains("/usr/share/zsh/vendor-completions/_auship"));
    assert!(in_rpm.contains("/usr/share/zsh/site-functions/_auship"));
    assert!(in_deb.contains("/etc/apparmor.d/usr.sbin.auship"));
    assert!(in_rpm.contains("/usr/share/doc/auship/apparmor/usr.sbin.auship"));
    // Every manual of the repository is there, and every file of these directories.
    for dir in ["docs", "rules", "conf/examples", "conf/dashboards", "conf/grafana", "conf/prometheus"] {
        let Ok(files) = fs::read_dir(project().join(dir)) else { continue };
        for file in files {
            let name = file.unwrap().file_name().into_string().unwrap();
            let to = dir.strip_prefix("conf/").unwrap_or(dir).trim_start_matches("docs");
            let path = format!("/usr/share/doc/auship/{to}/{name}").replace("//", "/");
            assert!(in_deb.contains(&path) && in_rpm.contains(&path), "{path} isn't in both packages");
        }
    }

    // dpkg keeps every file below /etc that an administrator has changed.
    let conffiles: BTreeSet<String> = list(output("dpkg-deb", &["-I", deb()[0].to_str().unwrap(), "conffiles"]), "");
    let package = unpacked(&deb()[0]);
    let is_file = |path: &&String| package.path().join(path.trim_start_matches('/')).is_file();
    let etc: BTreeSet<String> =
        in_deb.iter().filter(|path| path.starts_with("/etc/")).filter(is_file).cloned().collect();
    assert_eq!(conffiles, etc);
}

#[test]
fn packages_depend_on_the_libraries_that_the_program_is_linked_with() {
    if !has("dependencies of packages", &DEB_TOOLS) || !has("dependencies of packages", &RPM_TOOLS) {
        return;
    }
    let field = |name: &str| output("dpkg-deb", &["-f", deb()[0].to_str().unwrap(), name]);
    let (depends, requires) = (field("Depends"), output("rpm", &["-qp", "--requires", rpm()[0].to_str().unwrap()]));
    let dynamic = output("readelf", &["-W", "--dynamic", binary().to_str().unwrap()]);
    let needed = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    let libraries: Vec<&str> = needed.map(|line| line.split(['[', ']']).nth(1).unwrap()).collect();
    assert!(libraries.iter().any(|name| name.starts_with("libauparse")), "{libraries:?}");
    let depends: BTreeSet<&str> = depends.split(", ").filter_map(|entry| entry.split_whitespace().next()).collect();
    for library in libraries {
        assert!(requires.contains(&format!("{library}(")), "{library} isn't in {requires}");
        let owner = output("dpkg", &["-S", &format!("*/{library}")]);
        let package = owner.split(':').next().unwrap();
        assert!(depends.contains(package), "{package} isn't in {depends:?}");
    }
    assert!(field("Recommends").contains("auditd") && !depends.contains("auditd"), "{depends:?}");
    for name in ["Provides", "Conflicts", "Replaces"] {
        assert_eq!(field(name).trim(), "audisp-json", "{name}");
    }
    let of_rpm = |what: &str| output("rpm", &["-qp", what, rpm()[0].to_str().unwrap()]);
    assert!(of_rpm("--recommends").contains("audit"));
    assert!(of_rpm("--obsoletes").contains("audisp-json < 3") && of_rpm("--provides").contains("audisp-json = 3"));
}

#[test]
fn packages_built_twice_are_the_same() {
    if !has("packages built twice", &DEB_TOOLS) || !has("packages built twice", &RPM_TOOLS) {
        return;
    }
    let other = tempfile::tempdir().unwrap();
    let temporary = other.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    for (kind, first) in [("deb", deb()), ("rpm", rpm())] {
        // Another time zone, language, umask, and other directories.
        let again = build_with(kind, VERSION, other.path(), |command| {
            let make = std::mem::replace(command, Command::new("sh"));
            command.args(["-c", "umask 077; exec \"$@\"", "sh", "make"]).args(make.get_args());
            command.current_dir(project()).env("TZ", "Asia/Kathmandu").env("TMPDIR", &temporary);
        });
        for (one, two) in first.iter().zip(&again) {
            assert!(fs::read(one).unwrap() == fs::read(two).unwrap(), "{} differs", two.display());
        }
    }
}

#[test]
fn lintian_and_rpmlint_have_nothing_to_say() {
    if has("what lintian says", &["lintian", "dpkg-deb", "pandoc"]) {
        let [package, debug] = deb().each_ref().map(|path| path.to_str().unwrap());
        // The packages of a test have no maintainer with an address.
        let address = "--suppress-tags=bogus-mail-host,bogus-mail-host-in-debian-changelog";
        let args = ["--allow-root", "--tag-display-limit=0", "--fail-on=error,warning", address, package, debug];
        let said = Command::new("lintian").args(args).output().unwrap();
        assert!(said.status.success() && said.stdout.is_empty(), "{}", text(&said));
    }
    if has("what rpmlint says", &["rpmlint", "rpmbuild", "pandoc"]) {
        let filter = project().join("packaging/rpm/rpmlint.toml");
        let [package, debug] = rpm().each_ref().map(|path| path.to_str().unwrap());
        let said = Command::new("rpmlint").arg("-c").arg(filter).args([package, debug]).output().unwrap();
        assert!(text(&said).contains("0 errors, 0 warnings"), "{}", text(&said));
    }
}

#[test]
fn policies_compile() {
    let dir = tempfile::tempdir().unwrap();
    if has("the SELinux policy", &["checkmodule", "semodule_package"]) {
        output("sh", &[project().join("packaging/selinux/build").to_str().unwrap(), dir.path().to_str().unwrap()]);
        assert!(dir.path().join("auship.pp").exists());
    }
    // The headers of the distribution's policy agree: the interfaces too.
    let headers = Path::new("/usr/share/selinux/devel/Makefile");
    if headers.exists() {
        for file in ["auship.te", "auship.fc", "auship.if"] {
            fs::copy(project().join("packaging/selinux").join(file), dir.path().join(file)).unwrap();
        }
        let made =
            Command::new("make").arg("-f").arg(headers).arg("auship.pp").current_dir(dir.path()).output().unwrap();
        assert!(made.status.success(), "{}", text(&made));
    } else {
        common::cannot_run("the SELinux policy with headers", "selinux-policy-dev is missing; make deps installs it");
    }
    if has("the AppArmor profile", &["apparmor_parser"]) {
        let profile = project().join("packaging/apparmor/usr.sbin.auship");
        let args = ["--skip-kernel-load", "--skip-cache"];
        let said = Command::new("apparmor_parser").args(args).arg(profile).output().unwrap();
        assert!(said.status.success(), "{}", text(&said));
    }
}

#[test]
fn containerfiles_install_what_make_lists() {
    let dir = project().join("packaging/containers");
    let mut distributions = BTreeSet::new();
    for file in fs::read_dir(&dir).unwrap() {
        let path = file.unwrap().path();
        let Some(name) = path.file_name().unwrap().to_str().unwrap().strip_prefix("Containerfile.") else { continue };
        distributions.insert(name.to_string());
        let text = fs::read_to_string(&path).unwrap();
        let is_debian = name.starts_with("debian") || name.starts_with("ubuntu");
        let (kind, tool) = if is_debian { ("deb", "apt-get") } else { ("rpm", "dnf") };
        // make knows the names of packages. A list here would be a second one.
        for step in ["deps", ""] {
            let command = if step.is_empty() { format!("RUN make {kind} ") } else { format!("RUN make {kind}-{step}") };
            assert!(text.lines().any(|line| line.starts_with(&command)), "{name}: no {command}");
        }
        let listed = make(&["-n", &format!("{kind}-deps")], |_| ());
        assert!(listed.contains("packaging/install-deps"), "{listed}");
        for line in text.lines().filter(|line| line.contains(&format!("{tool} install -y"))) {
            let words: BTreeSet<&str> = line.split(' ').collect();
            let twice: Vec<&&str> = words.iter().filter(|word| listed.split([' ', '"']).any(|w| w == **word)).collect();
            assert!(twice.is_empty(), "{name}: make installs {twice:?} too");
        }
    }
    let expected = ["amazonlinux", "debian12", "debian13", "fedora", "rhel9", "ubuntu2404"];
    assert_eq!(distributions, expected.map(str::to_string).into());
}

/// The auditd of a root, in the foreground. Dropping this value stops it, and sets the kernel's audit system back.
struct Auditd<'r> {
    root: &'r Root,
    child: Child,
    was_enabled: u32,
}

impl<'r> Auditd<'r> {
    fn start(root: &'r Root) -> Self {
        let was_enabled = auditd::status("enabled").unwrap();
        let child = root.spawn("auditd", &["-n"]);
        let auditd = Self { root, child, was_enabled };
        wait_until("auditd is the kernel's audit daemon", || {
            auditd::status("pid") == Some(auditd.child.id()) && auditd::status("enabled") == Some(1)
        });
        auditd
    }

    /// Sends SIGHUP, as an administrator does.
    fn reload(&self) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGHUP).unwrap();
    }

    /// Fails if auditd has ended.
    fn assert_running(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "auditd has ended");
    }
}

impl Drop for Auditd<'_> {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM);
        let _ = self.child.wait();
        wait_until("the plugin has ended too", || self.root.processes("auship").is_empty());
        let _ = auditd::auditctl(&["-e".as_ref(), self.was_enabled.to_string().as_ref()]);
    }
}

/// The texts of the documents that `auditctl -m` caused.
fn messages(server: &Server) -> BTreeSet<String> {
    let text = |document: &serde_json::Value| document["details"]["text"].as_str().map(str::to_string);
    server.documents().iter().filter_map(text).collect()
}

fn send(message: &str) {
    auditd::auditctl(&["-m".as_ref(), message.as_ref()]).unwrap();
}

/// The plugin runs as user auship, without capabilities, and with what `[confine]` adds. auditd started it as root.
fn assert_plugin_is_confined(root: &Root) {
    let [pid] = root.processes("auship")[..] else { panic!("{:?}", root.processes("auship")) };
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap().trim();
    let uid = root.run("id", &["-u", "auship"]).trim().to_string();
    assert_eq!(value("Uid"), [uid.as_str(); 4].join("\t"));
    assert_eq!([value("CapPrm"), value("CapEff"), value("CapBnd")], ["0000000000000000"; 3]);
    assert_eq!([value("NoNewPrivs"), value("Seccomp")], ["1", "2"]);
}

/// What installations and removals of any package change: dpkg's and apt's state, caches and logs, the copies that useradd
/// and userdel make of the files they change, and their lock. What auditd writes: its log, its process number. `/tmp`
/// holds the packages themselves.
const NOT_OURS: [&str; 19] = [
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/cache",
    "/var/log/apt",
    "/var/log/dpkg.log",
    "/var/log/alternatives.log",
    "/var/log/audit",
    "/run/auditd",
    "/run/audit",
    "/run/lock",
    "/etc/passwd-",
    "/etc/shadow-",
    "/etc/group-",
    "/etc/gshadow-",
    "/etc/subuid-",
    "/etc/subgid-",
    "/etc/.pwd.lock",
    "/etc/ld.so.cache",
    "/tmp",
];

/// Makes an older package whose configuration files differ from those of the version under test.
fn older(dir: &Path) -> PathBuf {
    let [package, _] = build("deb", OLD, dir);
    let tree = dir.join("tree");
    output("dpkg-deb", &["-R", package.to_str().unwrap(), tree.to_str().unwrap()]);
    for file in ["etc/auship/auship.conf", "etc/audit/plugins.d/auship.conf"] {
        let text = fs::read_to_string(tree.join(file)).unwrap();
        fs::write(tree.join(file), format!("; older\n{text}").replace("; older", "# older")).unwrap();
    }
    output("dpkg-deb", &["--root-owner-group", "-Zgzip", "-b", tree.to_str().unwrap(), package.to_str().unwrap()]);
    package
}

/// Sends numbered messages until it is told to stop, and returns how many.
fn send_until(stop: &AtomicBool) -> usize {
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        send(&format!("during-{sent}"));
        sent += 1;
        thread::sleep(Duration::from_millis(5));
    }
    sent
}

#[test]
#[allow(clippy::too_many_lines)] // the life of a package, from its installation to its purge
fn a_debian_package_from_its_installation_to_its_purge() {
    const WHAT: &str = "the Debian package with the real auditd";
    let Some(root) = Root::unpack(WHAT, &DEB_TOOLS) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (older(dir.path()), &deb()[0]);
    let certificates = Certificates::new();
    let server = Server::https(dir.path(), "ok", &certificates);
    let Some(_turn) = auditd::take(WHAT) else { return };
    let before = root.listing(&NOT_OURS);
    let mut auditd = Auditd::start(&root);

    // Installation: one line says what to do, and nothing is started.
    let start = Instant::now();
    let said = root.install(&old, &[]);
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("auship: ")).collect();
    let [hint] = lines[..] else { panic!("{said}") };
    assert!(hint.contains("auship.conf") && hint.contains("active = yes") && hint.contains("pkill -HUP -x auditd"));
    for (path, owner) in [
        ("/etc/auship", "root:auship 750"),
        ("/etc/auship/auship.conf", "root:auship 640"),
        ("/etc/audit/plugins.d/auship.conf", "root:root 640"),
        ("/var/spool/auship", "auship:auship 700"),
        ("/run/auship", "auship:auship 750"),
        ("/var/log/auship", "auship:auship 750"),
        ("/usr/sbin/auship", "root:root 755"),
    ] {
        assert_eq!(root.owner(path), owner, "{path}");
    }
    assert!(root.run("getent", &["passwd", "auship"]).contains(":/var/spool/auship:/usr/sbin/nologin"));
    assert!(root.processes("auship").is_empty(), "the plugin isn't active");
    root.run("auship", &["check"]);

    // The administrator says where events go, and does what the line says.
    fs::copy(certificates.ca(), root.path("/etc/auship/ca.pem")).unwrap();
    fs::set_permissions(root.path("/etc/auship/ca.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let conf = root.path("/etc/auship/auship.conf");
    let text = format!(
        "# mine\n[output:siem]\ntype = http\nurl = {}\ncurl_cainfo = /etc/auship/ca.pem\n\
         spool_dir = /var/spool/auship/siem\nring_slots = 4096\n",
        server.url
    );
    fs::write(&conf, &text).unwrap();
    root.run("auship", &["check"]);
    let plugin = root.path("/etc/audit/plugins.d/auship.conf");
    let active = fs::read_to_string(&plugin).unwrap().replace("active = no", "active = yes");
    fs::write(&plugin, &active).unwrap();
    auditd.reload();
    // auditd has its first event for the plugin when it has started it.
    wait_until("the plugin runs", || !root.processes("auship").is_empty());
    send("first");
    wait_until("the first document", || messages(&server).contains("first"));
    let took = start.elapsed();
    // libtest hides what `eprintln!` prints.
    let line = format!("from apt install to the first document: {took:.1?}\n");
    io::stderr().write_all(line.as_bytes()).unwrap();
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert_plugin_is_confined(&root);

    // Upgrade under load: the new program takes over, no event is lost, and changed files stay.
    let [old_pid] = root.processes("auship")[..] else { panic!() };
    let stop = AtomicBool::new(false);
    let sent = thread::scope(|scope| {
        let sender = scope.spawn(|| send_until(&stop));
        root.install(new, &[]);
        wait_until("the new program runs", || matches!(root.processes("auship")[..], [pid] if pid != old_pid));
        let after = messages(&server).len() + 20;
        wait_until("documents of the new program", || messages(&server).len() >= after);
        stop.store(true, Ordering::Relaxed);
        sender.join().unwrap()
    });
    let expected: BTreeSet<String> = (0..sent).map(|n| format!("during-{n}")).collect();
    wait_until("all documents of the upgrade", || expected.is_subset(&messages(&server)));
    assert_eq!(server.gaps(), [], "serials are missing");
    auditd.assert_running();
    assert_eq!((fs::read_to_string(&conf).unwrap(), fs::read_to_string(&plugin).unwrap()), (text, active));
    assert!(root.path("/etc/auship/auship.conf.dpkg-dist").exists());
    assert_eq!(root.owner("/etc/auship/auship.conf"), "root:auship 640");

    // Removal: the plugin ends, and auditd goes on and starts nothing that is gone.
    root.run("apt-get", &["remove", "-q", "-y", "auship"]);
    assert!(root.processes("auship").is_empty());
    let reloads = || root.run("grep", &["-c", "type=DAEMON_CONFIG", "/var/log/audit/audit.log"]).trim().parse::<u32>();
    let earlier = reloads().unwrap();
    auditd.reload();
    wait_until("auditd has reloaded", || reloads().unwrap() > earlier);
    send("after the removal");
    wait_until("auditd has logged", || {
        fs::read_to_string(root.path("/var/log/audit/audit.log")).unwrap().contains("after the removal")
    });
    assert!(root.processes("auship").is_empty());
    auditd.assert_running();
    let path_of = |line: &String| line.split(' ').next().unwrap().to_string();
    let had: BTreeSet<String> = before.iter().map(path_of).collect();
    let left = root.listing(&NOT_OURS).iter().map(path_of).filter(|path| !had.contains(path)).collect::<Vec<_>>();
    let expected =
        |path: &String| ["/etc/", "/var/spool/auship", "/var/log/auship"].iter().any(|start| path.starts_with(start));
    assert!(left.iter().all(expected), "{left:#?}");
    assert!(left.iter().any(|path| path == "/var/spool/auship/siem"), "{left:#?}");

    // Purge: everything is as before.
    fs::create_dir(root.path("/var/log/auship")).unwrap();
    fs::write(root.path("/var/log/auship/auship.json"), "").unwrap();
    fs::write(root.path("/var/log/auship.json"), "").unwrap();
    root.run("apt-get", &["purge", "-q", "-y", "auship"]);
    assert_eq!(root.listing(&NOT_OURS), before);
    auditd.assert_running();
    let again = root.run("dpkg", &["--purge", "auship"]);
    assert!(!again.contains("error"), "{again}");
    drop(auditd);
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(root.path("").to_str().unwrap()), "{mounts}");
}

/// A program named auditd that ends when it gets SIGHUP, as any program does that doesn't handle it.
fn dummy_auditd(copy_of: &Path, dir: &Path) -> PathBuf {
    let path = dir.join("auditd");
    fs::copy(copy_of, &path).unwrap();
    path
}

#[test]
fn a_debian_package_in_a_root_without_auditd_touches_nothing_outside() {
    const WHAT: &str = "the Debian package without auditd";
    let Some(root) = Root::unpack(WHAT, &DEB_TOOLS) else { return };
    root.run("apt-get", &["purge", "-q", "-y", "auditd"]);
    assert!(!root.path("/usr/sbin/auditd").exists());
    // Without it, useradd makes the user. The other tests have it.
    fs::remove_file(root.path("/usr/bin/systemd-sysusers")).unwrap();
    let before = root.listing(&NOT_OURS);

    // One auditd is outside of the root, the other inside. Only the second gets a signal.
    let dir = tempfile::tempdir().unwrap();
    let mut outside = Command::new(dummy_auditd(Path::new("/bin/sleep"), dir.path())).arg("600").spawn().unwrap();
    let inside_path = dummy_auditd(&root.path("/bin/sleep"), &root.path("/tmp"));
    let mut inside = root.spawn(&format!("/tmp/{}", inside_path.file_name().unwrap().to_str().unwrap()), &["600"]);
    wait_until("the auditd inside runs", || root.processes("auditd") == [inside.id()]);
    root.install(&deb()[0], &["--no-install-recommends"]);
    let status = inside.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(Signal::SIGHUP as i32));
    assert_eq!(outside.try_wait().unwrap(), None, "an auditd outside of the root got a signal");

    // Installed again, the scripts find everything done. Without /proc they find no auditd.
    root.install(&deb()[0], &["--reinstall", "--no-install-recommends"]);
    let script = "/var/lib/dpkg/info/auship.postinst";
    let bare = Command::new("chroot").arg(root.path("")).args([script, "configure", OLD]).output().unwrap();
    assert!(bare.status.success() && bare.stderr.is_empty(), "{}", text(&bare));

    let log = common::data("sample.log");
    fs::copy(log, root.path("/tmp/sample.log")).unwrap();
    let serials = |text: String| -> Vec<u64> {
        let documents = common::json::lines(text.as_bytes()).into_iter();
        documents.map(|document| document["event"]["sequence"].as_u64().unwrap()).collect()
    };
    let here = common::data("sample.log");
    let expected = output(common::AUSHIP, &["convert", "--format=ecs", here.to_str().unwrap()]);
    let converted = root.run("auship", &["convert", "--format=ecs", "/tmp/sample.log"]);
    assert_eq!(serials(converted), serials(expected));
    root.run("apt-get", &["purge", "-q", "-y", "auship"]);
    assert_eq!(root.listing(&NOT_OURS), before);
    assert_eq!(outside.try_wait().unwrap(), None, "an auditd outside of the root got a signal");
    outside.kill().unwrap();
    outside.wait().unwrap();
}

#[test]
fn a_spool_of_root_becomes_the_users_once() {
    const WHAT: &str = "the owner of spools";
    let Some(root) = Root::unpack(WHAT, &DEB_TOOLS) else { return };
    // As `make install` and a plugin that runs as root leave it.
    root.run("install", &["-d", "-m", "0700", "/var/spool/auship/siem"]);
    root.run("touch", &["/var/spool/auship/siem/progress"]);
    root.install(&deb()[0], &[]);
    for path in ["/var/spool/auship", "/var/spool/auship/siem", "/var/spool/auship/siem/progress"] {
        assert!(root.owner(path).starts_with("auship:auship"), "{path}");
    }
    // Later the directory is the user's. A file of root in it stays root's: the user could have linked it there.
    root.run("ln", &["/etc/shadow", "/var/spool/auship/shadow"]);
    root.install(&deb()[0], &["--reinstall"]);
    assert!(root.owner("/etc/shadow").starts_with("root:"));
}

#[test]
fn audisp_json_is_replaced_and_its_configuration_stays() {
    const WHAT: &str = "the replacement of audisp-json";
    let Some(root) = Root::unpack(WHAT, &DEB_TOOLS) else { return };
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join("tree").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("usr/sbin/audisp-json", "#!/bin/sh\n");
    write("etc/audit/plugins.d/au-json.conf", "active = yes\npath = /usr/sbin/audisp-json\ntype = always\n");
    write("DEBIAN/conffiles", "/etc/audit/plugins.d/au-json.conf\n");
    let control =
        "Package: audisp-json\nVersion: 2.2.2\nArchitecture: all\nMaintainer: x <x@localhost>\nDescription: x\n";
    write("DEBIAN/control", control);
    let package = dir.path().join("audisp-json_2.2.2_all.deb");
    output("dpkg-deb", &["-b", dir.path().join("tree").to_str().unwrap(), package.to_str().unwrap()]);
    root.install(&package, &[]);
    let said = root.install(&deb()[0], &[]);
    assert!(said.contains("auship: say in"), "{said}");
    assert!(!root.path("/usr/sbin/audisp-json").exists());
    assert!(root.path("/etc/audit/plugins.d/au-json.conf").exists());
    assert!(root.run("dpkg-query", &["-W", "-f", "${Status}", "audisp-json"]).contains("config-files"));
}

/// Debian has no RPM packages, so the dependencies can't be resolved here (`--nodeps`). The scripts run in the root of a
/// Debian, which has the programs that they need.
#[test]
#[allow(clippy::too_many_lines)] // the life of a package, as above
fn an_rpm_package_from_its_installation_to_its_removal() {
    const WHAT: &str = "the RPM package";
    let Some(root) = Root::unpack(WHAT, &RPM_TOOLS) else { return };
    let dir = tempfile::tempdir().unwrap();
    let [old, _] = build("rpm", OLD, dir.path());
    // The new version has another plugin file, so that rpm has to decide.
    let [new, _] = build_with("rpm", VERSION, dir.path(), |command| {
        command.arg("PLUGIN_ACTIVE=yes");
    });
    let top = root.path("");
    // These directories belong to other packages of the system.
    for dir in ["/usr/share/man/man5", "/usr/share/man/man7", "/usr/share/man/man8", "/usr/lib/sysusers.d"] {
        root.run("mkdir", &["-p", dir]);
    }
    // A plugin that ran as root left a spool.
    root.run("install", &["-d", "-m", "0700", "/var/spool/auship/siem"]);
    let before = root.listing(&[&NOT_OURS[..], &["/var/lib/rpm"]].concat());
    let run = |args: &[&str]| {
        let mut command = Command::new("rpm");
        command.arg("--root").arg(&top).args(["--dbpath", "/var/lib/rpm"]).args(args);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        text(&output)
    };
    run(&["--initdb"]);
    let said = run(&["--nodeps", "-i", old.to_str().unwrap()]);
    assert_eq!(said.lines().filter(|line| line.starts_with("auship: say in")).count(), 1, "{said}");
    for (path, owner) in [
        ("/etc/auship", "root:auship 750"),
        ("/etc/auship/auship.conf", "root:auship 640"),
        ("/etc/audit/plugins.d/auship.conf", "root:root 640"),
        ("/var/spool/auship", "auship:auship 700"),
        ("/var/spool/auship/siem", "auship:auship 700"),
        ("/run/auship", "auship:auship 750"),
        ("/usr/sbin/auship", "root:root 755"),
    ] {
        assert_eq!(root.owner(path), owner, "{path}");
    }
    assert_eq!(run(&["-V", "--nodeps", "auship"]), "", "the files are as in the package");
    root.run("auship", &["check"]);
    let flags = run(&["-q", "--qf", "[%{FILENAMES} %{FILEFLAGS:fflags}\\n]", "auship"]);
    for line in
        flags.lines().filter(|line| line.starts_with("/etc/") && root.path(line.split(' ').next().unwrap()).is_file())
    {
        let flags = line.split(' ').nth(1).unwrap();
        assert!(flags.contains('c') && flags.contains('n'), "{line} isn't %config(noreplace)");
    }

    // An upgrade keeps what was changed.
    let conf = root.path("/etc/auship/auship.conf");
    fs::write(&conf, "file_log = /var/log/mine.json\n").unwrap();
    let plugin = root.path("/etc/audit/plugins.d/auship.conf");
    let changed = format!("{}# mine\n", fs::read_to_string(&plugin).unwrap());
    fs::write(&plugin, &changed).unwrap();
    run(&["--nodeps", "-U", new.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&plugin).unwrap(), changed);
    assert!(fs::read_to_string(plugin.with_extension("conf.rpmnew")).unwrap().contains("active = yes"));
    assert_eq!(fs::read_to_string(&conf).unwrap(), "file_log = /var/log/mine.json\n");
    assert_eq!(root.owner("/etc/auship/auship.conf"), "root:auship 640");
    assert_eq!(
        run(&["-q", "auship"]).trim(),
        format!("auship-{VERSION}-1.x86_64").replace("x86_64", std::env::consts::ARCH)
    );

    // Removal leaves the changed file, the user, spools and logs.
    fs::write(root.path("/var/spool/auship/kept"), "").unwrap();
    run(&["-e", "--nodeps", "auship"]);
    let path_of = |line: &String| line.split(' ').next().unwrap().to_string();
    let had: BTreeSet<String> = before.iter().map(path_of).collect();
    let now = root.listing(&[&NOT_OURS[..], &["/var/lib/rpm"]].concat());
    let left: Vec<String> = now.iter().map(path_of).filter(|path| !had.contains(path)).collect();
    let expected = [
        "/etc/audit/plugins.d/auship.conf.rpmnew",
        "/etc/audit/plugins.d/auship.conf.rpmsave",
        "/etc/auship",
        "/etc/auship/auship.conf.rpmsave",
        "/var/spool/auship/kept",
    ];
    assert_eq!(left, expected);
    assert!(root.run("getent", &["passwd", "auship"]).contains("auship"));
}
