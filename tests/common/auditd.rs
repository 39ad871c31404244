//! The real auditd, with the plugin.

use super::{AUSHIP, audit, cannot_run, wait_until};
use nix::{
    fcntl::Flock,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command},
};

/// Runs `auditctl`, and returns what it prints.
pub fn auditctl(args: &[&OsStr]) -> Result<String, String> {
    let output = Command::new("auditctl").args(args).output().map_err(|e| format!("auditctl can't be run: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned() + &text) }
}

/// Returns the number that `auditctl -s` prints after this name.
pub fn status(name: &str) -> Option<u32> {
    let status = auditctl(&["-s".as_ref()]).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Takes the kernel's audit system, for a test of this, until the returned lock is dropped. Returns `None` if the test
/// can't use it, and says why. See [`cannot_run`].
pub fn take(what: &str) -> Option<Flock<File>> {
    let turn = audit::take().and_then(|turn| obstacle().map_or(Ok(turn), Err));
    turn.inspect_err(|why| cannot_run(what, why)).ok()
}

/// Returns the reason why auditd can't be started. Returns `None` if it can.
fn obstacle() -> Option<String> {
    if let Err(e) = Command::new("auditd").arg("--help").output() {
        return Some(format!("auditd can't be run: {e}"));
    }
    match (status("enabled"), status("pid")) {
        (None, _) => Some(format!("auditctl -s says: {:?}", auditctl(&["-s".as_ref()]))),
        (Some(2), _) => Some("the audit configuration is locked until the next boot".into()),
        (_, Some(1..)) => Some("another audit daemon is running".into()),
        _ => None,
    }
}

/// The real auditd, in the foreground, with a test configuration. Dropping this value stops it and deletes its rules.
pub struct Auditd {
    child: Child,
    plugin: PathBuf,
    was_enabled: u32,
    rules: Vec<Vec<OsString>>,
}

impl Auditd {
    /// Starts auditd with the plugin, which uses this configuration.
    pub fn start(dir: &Path, plugin_config: &Path, log_format: &str) -> Self {
        let was_enabled = status("enabled").unwrap();
        let plugins = dir.join("plugins.d");
        fs::create_dir(&plugins).unwrap();
        // auditd starts a plugin only if root owns it, and passes at most two arguments.
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/plugins.d/auship.conf");
        let plugin = installed(dir);
        let text = fs::read_to_string(shipped).unwrap().replace("/usr/sbin/auship", plugin.to_str().unwrap())
            + &format!("args = --config {}\n", plugin_config.display());
        fs::write(plugins.join("auship.conf"), text).unwrap();
        fs::set_permissions(plugins.join("auship.conf"), fs::Permissions::from_mode(0o640)).unwrap();
        let config = format!(
            "local_events = yes\nwrite_logs = yes\nlog_file = {0}/audit.log\nlog_group = root\nlog_format = {log_format}\n\
             flush = INCREMENTAL_ASYNC\nfreq = 50\nmax_log_file = 50\nnum_logs = 2\npriority_boost = 4\nname_format = NONE\n\
             max_log_file_action = IGNORE\nspace_left = 2\nspace_left_action = IGNORE\nadmin_space_left = 1\n\
             admin_space_left_action = IGNORE\ndisk_full_action = IGNORE\ndisk_error_action = IGNORE\nq_depth = 20000\n\
             overflow_action = SYSLOG\nplugin_dir = {0}/plugins.d\n",
            dir.display()
        );
        fs::write(dir.join("auditd.conf"), config).unwrap();
        fs::set_permissions(dir.join("auditd.conf"), fs::Permissions::from_mode(0o640)).unwrap();
        let child = Command::new("auditd").arg("-n").arg("-c").arg(dir).spawn().unwrap();
        let auditd = Self { child, plugin, was_enabled, rules: Vec::new() };
        wait_until("auditd is the kernel's audit daemon", || {
            status("pid") == Some(auditd.child.id()) && status("enabled") == Some(1)
        });
        auditd
    }

    /// Adds a rule for the exit of system calls.
    pub fn rule<'a>(&mut self, rule: &[&'a OsStr]) {
        let with = |switch: &'static str| -> Vec<&'a OsStr> {
            [&[OsStr::new(switch), OsStr::new("always,exit")], rule].concat()
        };
        auditctl(&with("-a")).unwrap();
        self.rules.push(with("-d").into_iter().map(OsString::from).collect());
    }

    /// Deletes the rules.
    pub fn delete_rules(&mut self) {
        for rule in self.rules.drain(..) {
            let rule: Vec<&OsStr> = rule.iter().map(OsString::as_os_str).collect();
            auditctl(&rule).unwrap();
        }
    }

    /// Stops auditd and waits until the plugin has ended too.
    pub fn stop(&mut self) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
        wait_until("the plugin has ended", || !is_running(&self.plugin));
    }
}

impl Drop for Auditd {
    fn drop(&mut self) {
        for rule in self.rules.drain(..) {
            let rule: Vec<&OsStr> = rule.iter().map(OsString::as_os_str).collect();
            let _ = auditctl(&rule);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = auditctl(&["-e".as_ref(), self.was_enabled.to_string().as_ref()]);
    }
}

/// Returns true while any process runs this program.
pub fn is_running(program: &Path) -> bool {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes.into_iter().any(|process| fs::read_link(process.path().join("exe")).is_ok_and(|exe| exe == program))
}

/// Copies auship into this directory if it isn't there yet, and returns the path from which auditd starts it.
pub fn installed(dir: &Path) -> PathBuf {
    let path = dir.join("auship");
    if !path.exists() {
        fs::copy(AUSHIP, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    path
}
