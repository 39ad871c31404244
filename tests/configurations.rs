//! Every configuration that auship ships or documents passes `auship check`.
//!
//! In Markdown, a fenced block marked `ini` is a whole configuration. One marked `ini fragment` has no output of its
//! own, so the test adds one. In `conf/examples`, a comment `auship.conf:` begins a configuration.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{auship, secret, write_config};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A configuration, and the file and line where it begins.
struct Example {
    /// The file's path, relative to the project's directory.
    file: PathBuf,
    /// The number of its first line.
    line: usize,
    text: String,
}

impl Example {
    /// Creates an empty example that begins on the line after line `before`. Lines are counted from 1.
    fn after(file: &Path, before: usize) -> Self {
        Self { file: file.to_path_buf(), line: before + 1, text: String::new() }
    }

    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Returns the messages of `auship check`, with the original file and line. Returns `None` if the check passes.
    fn faults(&self) -> Option<String> {
        let root = tempfile::tempdir().unwrap();
        // Empty lines come first, so that messages have the line numbers of the original file.
        let mut config = "\n".repeat(self.line - 1);
        for line in self.text.lines() {
            config.push_str(&below(root.path(), line));
            config.push('\n');
        }
        let path = write_config(root.path(), &config);
        let path = path.to_str().unwrap();
        let check = auship(&["check", "--config", path], b"");
        let faults = String::from_utf8(check.stderr).unwrap();
        (!check.status.success()).then(|| faults.replace(path, self.file.to_str().unwrap()))
    }
}

/// Moves the path in a setting below `root` and creates the file or directory that the setting needs there. Returns
/// the new line. Returns all other lines unchanged.
fn below(root: &Path, line: &str) -> String {
    let Some((key, value)) = line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
        return line.to_string();
    };
    let Some(relative) = value.strip_prefix('/') else { return line.to_string() };
    let path = root.join(relative);
    let dir = path.parent().unwrap();
    match key {
        "ca_cert" | "curl_cainfo" | "client_cert" | "client_key" => {
            fs::create_dir_all(dir).unwrap();
            secret(dir, path.file_name().unwrap().to_str().unwrap(), "-----BEGIN CERTIFICATE-----\n");
        }
        "api_key_file" | "password_file" | "bearer_file" => {
            fs::create_dir_all(dir).unwrap();
            secret(dir, path.file_name().unwrap().to_str().unwrap(), "secret\n");
        }
        "spool_dir" | "dead_letter_file" | "prometheus_file" | "path" | "file_log" | "curl_logfile" | "run_dir" => {
            fs::create_dir_all(dir).unwrap();
        }
        _ => return line.to_string(),
    }
    format!("{key} = {}", path.display())
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &Path) -> String {
    fs::read_to_string(project().join(file)).unwrap()
}

/// Returns the files in a directory that have this extension. The paths are relative to the project's directory.
fn files(dir: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(project().join(dir)).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| Path::new(dir).join(entry.unwrap().file_name())).collect();
    found.retain(|file| file.extension().is_some_and(|its| its == extension));
    found.sort();
    found
}

/// Returns all Markdown pages.
fn pages() -> Vec<PathBuf> {
    ["", "docs", "rules", "conf/dashboards", "conf/examples"].iter().flat_map(|dir| files(dir, "md")).collect()
}

/// Returns the configurations in a Markdown page.
fn in_page(file: &Path) -> Vec<Example> {
    let mut found = Vec::new();
    let mut block: Option<(String, Example)> = None;
    for (number, line) in (1..).zip(read(file).lines()) {
        match (line.strip_prefix("```"), &mut block) {
            (Some(info), None) => block = Some((info.trim().to_string(), Example::after(file, number))),
            (Some(_), Some(_)) => {
                let (info, mut example) = block.take().unwrap();
                match info.as_str() {
                    "ini" => found.push(example),
                    "ini fragment" => {
                        example.push("[output:of-the-test]\ntype = stdout");
                        found.push(example);
                    }
                    _ => assert!(!is_configuration(&example.text), "{}:{number}: mark it as ini", file.display()),
                }
            }
            (None, Some((_, example))) => example.push(line),
            // Markdown allows indented code too. This test reads fenced blocks only, so configurations belong there.
            (None, None) => {
                assert!(!is_configuration(line.trim_start()), "{}:{number}: put it into ```ini", file.display());
            }
        }
    }
    assert!(block.is_none(), "{}: a block has no end", file.display());
    found
}

fn is_configuration(text: &str) -> bool {
    text.lines().any(|line| ["[output:", "[filter:", "[metrics]", "[input]"].iter().any(|head| line.starts_with(head)))
}

/// Returns the auship configurations in the comments of another program's configuration file.
fn in_comments(file: &Path) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut inside = false;
    for (number, line) in (1..).zip(read(file).lines()) {
        match line.strip_prefix("#   ") {
            Some(setting) if inside => found.last_mut().unwrap().push(setting),
            _ => inside = false,
        }
        if line == "# auship.conf:" {
            found.push(Example::after(file, number));
            inside = true;
        }
    }
    found
}

/// Fails with all messages about these examples if there are any.
fn must_pass(examples: &[Example]) {
    let faults: Vec<String> = examples.iter().filter_map(Example::faults).collect();
    assert!(faults.is_empty(), "{}", faults.join(""));
}

#[test]
fn the_shipped_configuration_passes() {
    let mut shipped = Example::after(Path::new("conf/auship.conf"), 0);
    shipped.text = read(&shipped.file);
    must_pass(&[shipped]);
}

#[test]
fn configurations_in_documents_pass() {
    let examples: Vec<Example> = pages().iter().flat_map(|page| in_page(page)).collect();
    for page in ["README.md", "docs/auship.conf.5.md"] {
        assert!(examples.iter().any(|example| example.file == Path::new(page)), "{page} has no example");
    }
    must_pass(&examples);
}

#[test]
fn configurations_in_examples_for_other_programs_pass() {
    let examples: Vec<Example> = files("conf/examples", "conf").iter().flat_map(|file| in_comments(file)).collect();
    assert!(examples.len() >= 4, "{} found", examples.len());
    must_pass(&examples);
}

/// The keys that an output of each type needs. Syslog has one entry for each kind of receiver.
const OUTPUTS: [&[&str]; 6] = [
    &["type = http", "url = https://siem.example.com/events", "spool_dir = /var/spool/auship/siem"],
    &["type = elasticsearch", "url = https://es1.example.com:9200", "spool_dir = /var/spool/auship/siem"],
    &["type = syslog", "spool_dir = /var/spool/auship/siem"],
    &["type = syslog", "network = tls", "address = logs.example.com", "spool_dir = /var/spool/auship/siem"],
    &["type = file", "path = /var/log/auship/auship.json"],
    &["type = stdout"],
];

/// Returns the setting followed by the lines in `needs`, except a line for the same key.
fn with(setting: &str, needs: &[&str]) -> String {
    let key = |line: &str| line.split('=').next().unwrap().trim().to_string();
    let others = needs.iter().filter(|need| key(need) != key(setting));
    // The setting comes first, so that messages have the right line number.
    [setting].iter().chain(others).map(|line| format!("{line}\n")).collect()
}

/// Returns the line that must accompany a key, or an empty string if the key needs no other.
fn companion(key: &str) -> &'static str {
    match key {
        "client_key" => "client_cert = /etc/auship/client.pem\n",
        "user" => "password_file = /etc/auship/password\n",
        "password_file" => "user = auship\n",
        "rotate_keep" => "rotate_every = 24h\n",
        _ => "",
    }
}

/// Returns whole configurations with this setting in this section. One of them must pass. The setting is on the second
/// line, or on the first line if it belongs before any section.
fn around(section: &str, setting: &str) -> Vec<String> {
    let stdout = "[output:of-the-test]\ntype = stdout\n";
    match section.split(':').next().unwrap() {
        "" => vec![with(setting, &["file_log = -"])],
        "output" => {
            let beside = companion(setting.split('=').next().unwrap().trim());
            OUTPUTS.iter().map(|needs| format!("[{section}]\n{}{beside}", with(setting, needs))).collect()
        }
        "filter" => vec![format!("[{section}]\n{}{stdout}", with(setting, &["exe = /usr/bin/rsync"]))],
        _ => vec![format!("[{section}]\n{setting}\n{stdout}")],
    }
}

#[test]
fn every_commented_setting_of_the_shipped_configuration_passes() {
    let file = Path::new("conf/auship.conf");
    let (mut section, mut settings, mut faults) = (String::new(), 0, Vec::new());
    for (number, line) in (1..).zip(read(file).lines()) {
        let line = line.strip_prefix(';').unwrap_or(line);
        if let Some(head) = line.strip_prefix('[') {
            section = head.split(']').next().unwrap().to_string();
        } else if line.starts_with(|c: char| c.is_ascii_alphabetic()) && line.contains('=') {
            settings += 1;
            let before = if section.is_empty() { number - 1 } else { number - 2 };
            let mut refused = String::new();
            let passes = around(&section, line).into_iter().any(|text| {
                let said = Example { text, ..Example::after(file, before) }.faults();
                refused.push_str(said.as_deref().unwrap_or_default());
                said.is_none()
            });
            if !passes {
                faults.push(refused);
            }
        }
    }
    assert!(settings > 80, "{settings} found");
    assert!(faults.is_empty(), "{}", faults.join(""));
}
