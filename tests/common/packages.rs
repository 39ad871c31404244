//! The packages, and roots of a fresh Debian in which they are installed.

use super::{AUSHIP, cannot_run};
use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// The project's directory.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program that goes into packages: `make test` names the one with the flags of a release.
pub fn binary() -> PathBuf {
    env::var_os("PACKAGE_BINARY").map_or_else(|| AUSHIP.into(), PathBuf::from)
}

/// Runs make with these arguments, and returns what it printed.
pub fn make(args: &[&str], how: impl FnOnce(&mut Command)) -> String {
    let mut command = Command::new("make");
    command.current_dir(project()).arg(format!("BINARY={}", binary().display())).args(args);
    how(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    text(&output)
}

/// Builds the packages of a kind (`deb` or `rpm`) of a version, into a directory. Returns the main package and that with
/// the debug information.
pub fn build(kind: &str, version: &str, to: &Path) -> [PathBuf; 2] {
    build_with(kind, version, to, |_| ())
}

/// As [`build`], but lets `how` change the command first.
pub fn build_with(kind: &str, version: &str, to: &Path, how: impl FnOnce(&mut Command)) -> [PathBuf; 2] {
    make(&[kind, &format!("VERSION={version}"), &format!("PACKAGES={}", to.display())], how);
    let find = |name: &str| {
        let is = |path: &PathBuf| {
            let file = path.file_name().unwrap().to_str().unwrap();
            let rest = file.strip_prefix(name);
            rest.is_some_and(|rest| rest[1..].starts_with(version)) && path.extension() == Some(OsStr::new(kind))
        };
        let mut found = fs::read_dir(to).unwrap().map(|entry| entry.unwrap().path()).filter(is);
        found.next().unwrap_or_else(|| panic!("no {name} in {}", to.display()))
    };
    [find("auship"), find(if kind == "deb" { "auship-dbgsym" } else { "auship-debuginfo" })]
}

/// All that a command printed.
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Returns true if all of these programs are here. Says which isn't.
pub fn has(what: &str, programs: &[&str]) -> bool {
    let missing = programs.iter().find(|name| {
        let found = Command::new("sh").args(["-c", "command -v \"$1\"", "sh", name]).output().unwrap();
        !found.status.success()
    });
    if let Some(missing) = missing {
        cannot_run(what, &format!("{missing} is missing; make deps installs it"));
    }
    missing.is_none()
}

/// A fresh Debian in a directory of its own. Commands run in it with `chroot`, each in a mount namespace of its own, so
/// that no mount is left behind. Processes, the network and the kernel's audit system are those of the host.
pub struct Root {
    dir: tempfile::TempDir,
}

impl Root {
    /// Unpacks the archive that `make deps` made. Returns `None` if there is none, or if a tool is missing, and says so.
    pub fn unpack(what: &str, tools: &[&str]) -> Option<Self> {
        if !has(what, tools) {
            return None;
        }
        let archive = project().join("target/debian-bookworm.tar");
        if !nix::unistd::geteuid().is_root() {
            cannot_run(what, "not root");
            return None;
        }
        if !archive.exists() {
            cannot_run(what, "target/debian-bookworm.tar is missing; make deps makes it");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("auship-root-").tempdir().unwrap();
        let status = Command::new("tar").arg("-xpf").arg(&archive).arg("-C").arg(dir.path()).status().unwrap();
        assert!(status.success());
        Some(Self { dir })
    }

    /// The path on the host of a path in the root.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside.trim_start_matches('/'))
    }

    /// A command in the root.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        const ENTER: &str =
            "mount -t proc proc proc && mount --rbind /dev dev && exec env --default-signal=HUP chroot . \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-ec", ENTER, "sh", program]).args(args);
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        let clean = [("DEBIAN_FRONTEND", "noninteractive"), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C")];
        command.env_clear().envs(clean);
        command
    }

    /// Runs a command in the root, and returns what it printed. Fails if it fails.
    pub fn run(&self, program: &str, args: &[&str]) -> String {
        let output = self.command(program, args).output().unwrap();
        assert!(output.status.success(), "{program} {args:?}: {}", text(&output));
        text(&output)
    }

    /// Copies a package into the root, and has apt install it. Returns what apt printed.
    pub fn install(&self, package: &Path, options: &[&str]) -> String {
        let name = package.file_name().unwrap().to_str().unwrap();
        fs::copy(package, self.path("tmp").join(name)).unwrap();
        let file = format!("/tmp/{name}");
        let keep = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"];
        self.run("apt-get", &[&["install", "-q", "-y"][..], &keep, options, &[file.as_str()]].concat())
    }

    /// Everything in the root, sorted: kind, mode, owner, and size and content of files. `passed_over` names what to leave
    /// out: the beginnings of paths.
    pub fn listing(&self, passed_over: &[&str]) -> Vec<String> {
        let mut all = Vec::new();
        let mut dirs = vec![self.dir.path().to_path_buf()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let inside = format!("/{}", path.strip_prefix(self.dir.path()).unwrap().display());
                let meta = fs::symlink_metadata(&path).unwrap();
                if passed_over.iter().any(|start| inside.starts_with(start)) {
                    continue;
                }
                let kind = meta.file_type();
                let content = match kind {
                    kind if kind.is_symlink() => fs::read_link(&path).unwrap().display().to_string(),
                    kind if kind.is_file() => format!("{:08x}", crc32fast::hash(&fs::read(&path).unwrap())),
                    kind if kind.is_socket() || kind.is_fifo() => "socket".into(),
                    _ => String::new(),
                };
                all.push(format!("{inside} {:o} {}:{} {content}", meta.mode(), meta.uid(), meta.gid()));
                if kind.is_dir() {
                    dirs.push(path);
                }
            }
        }
        all.sort();
        all
    }

    /// The user and the group that own a file, by their names in the root, and its permissions.
    pub fn owner(&self, inside: &str) -> String {
        self.run("stat", &["-c", "%U:%G %a", inside]).trim().to_string()
    }

    /// Processes in this root that run this program.
    pub fn processes(&self, program: &str) -> Vec<u32> {
        let root = fs::metadata(self.dir.path()).unwrap();
        let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &u32| {
            let process = PathBuf::from(format!("/proc/{pid}"));
            let here =
                fs::metadata(process.join("root/.")).is_ok_and(|m| (m.dev(), m.ino()) == (root.dev(), root.ino()));
            here && fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == program)
        })
        .collect()
    }

    /// Starts a command in the root.
    pub fn spawn(&self, program: &str, args: &[&str]) -> Child {
        self.command(program, args).spawn().unwrap()
    }
}
