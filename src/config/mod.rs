//! Configuration: an INI file, checked whole before anything starts.
//!
//! Every fault is one line, `FILE:LINE: [section] key: what is wrong and what is allowed`.

mod ini;
mod keys;
mod show;
mod values;

use crate::format::mozdef::Details;
pub use keys::{KEYS, Key};
use std::{
    fmt,
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Where the configuration is looked for.
pub const DEFAULT_PATH: &str = "/etc/auship/auship.conf";

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How long a drain at the end may take.
    pub shutdown_timeout: Duration,
    /// Where records come from.
    pub source: Source,
    /// At least one.
    pub outputs: Vec<Output>,
}

/// Where records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Source {
    /// Standard input: what auditd starts a plugin with.
    #[default]
    Stdin,
}

/// One branch of the line: format, ring and sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// What messages and figures call it.
    pub name: String,
    /// Where in the file it begins.
    pub line: usize,
    /// How documents look.
    pub format: Format,
    /// Written before each document.
    pub prepend_msg: String,
    /// Written after each document.
    pub postpend_msg: String,
    /// The queue's bounds.
    pub ring: Ring,
    /// Where documents go.
    pub sink: Sink,
}

impl Output {
    /// Says the same as another, wherever it stands in its file.
    pub fn is_as(&self, other: &Self) -> bool {
        Self { line: other.line, ..self.clone() } == *other
    }
}

/// Keys that shape documents.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    /// `processname` and first tag of documents.
    pub program_name: String,
    /// Which fields documents have.
    pub details: Details,
    /// Leave out successful execve events without an EXECVE record.
    pub skip_empty_execve: bool,
}

impl Default for Format {
    fn default() -> Self {
        Self { program_name: "auship".into(), details: Details::Full, skip_empty_execve: false }
    }
}

/// Bounds of an output's ring.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    /// Documents.
    pub slots: usize,
    /// Bytes of all documents; one larger than this goes through alone.
    pub bytes: usize,
    /// How long the reader waits in a row for a local sink.
    pub max_wait: Duration,
}

/// Where documents go.
#[derive(Clone, Debug, PartialEq)]
pub enum Sink {
    /// POST over HTTP or HTTPS.
    Http(Http),
    /// Lines of a file.
    File(PathBuf),
    /// Lines on standard output.
    Stdout,
}

/// Settings of an HTTP sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Where documents are posted to.
    pub url: String,
    /// Verify the server's certificate and name.
    pub verify: bool,
    /// CA certificates to verify with, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Write what libcurl does to `log_file`, or to standard error.
    pub verbose: bool,
    /// Where libcurl's words go.
    pub log_file: Option<PathBuf>,
    /// Connections at once.
    pub workers: usize,
    /// Limit for connecting.
    pub connect_timeout: Duration,
    /// Limit for a whole request.
    pub timeout: Duration,
    /// How often a document is tried.
    pub attempts: u32,
}

impl Http {
    /// The URL without a user's name or password, for messages.
    pub fn shown_url(&self) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("", &self.url));
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        match rest[..end].rfind('@') {
            Some(at) => format!("{scheme}://…{}", &rest[at..]),
            None => self.url.clone(),
        }
    }
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// Its line; none when the fault is the whole file's.
    pub line: Option<usize>,
    /// Section and key, `[output:siem] url`; empty when the fault is the whole file's.
    pub place: String,
    /// What is wrong, and what is allowed.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if !self.place.is_empty() {
            write!(f, " {}:", self.place)?;
        }
        write!(f, " {}", self.what)
    }
}

/// All that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Fault::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Faults {}

/// Reads and checks a configuration file.
///
/// # Errors
/// With every fault there is, each naming its line.
pub fn load(path: &Path) -> Result<Config, Faults> {
    let text = read_trusted(path)
        .map_err(|what| Faults(vec![Fault { file: path.to_path_buf(), line: None, place: String::new(), what }]))?;
    parse(path, &text)
}

/// Reads the file if nobody but root and the caller can have written it.
fn read_trusted(path: &Path) -> Result<String, String> {
    let can_not = |e: std::io::Error| format!("can't be read: {e}; name another file with --config");
    let mut file = File::open(path).map_err(can_not)?;
    // The open file is asked, not the path, so that what is checked is what is read.
    let meta = file.metadata().map_err(can_not)?;
    if !meta.is_file() {
        return Err("is not a regular file".into());
    }
    if meta.mode() & 0o002 != 0 {
        return Err("is writable by everybody, so anybody could decide where audit events go; chmod o-w it".into());
    }
    let caller = nix::unistd::geteuid().as_raw();
    if meta.uid() != 0 && meta.uid() != caller {
        return Err(format!("belongs to uid {}, neither root nor the caller; chown it", meta.uid()));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(can_not)?;
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        format!("isn't UTF-8 text in line {line}")
    })
}

/// Checks a configuration's text; `path` is for messages.
///
/// # Errors
/// As [`load`].
pub fn parse(path: &Path, text: &str) -> Result<Config, Faults> {
    let (sections, bad) = ini::read(text);
    let mut check = Check { path, faults: Vec::new() };
    for line in bad {
        check.fault(line.line, &line.section, "", line.why);
    }
    let mut config =
        Config { shutdown_timeout: Duration::from_secs(10), source: Source::default(), outputs: Vec::new() };
    for section in &sections {
        match section.name.as_str() {
            "" => check.top(section, &mut config),
            "input" => check.input(section, &mut config),
            name => match name.strip_prefix("output:") {
                Some(output) => {
                    let output = output.trim();
                    let letters = output.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
                    if output.is_empty() || !letters {
                        check.fault(section.line, name, "", "an output's name is letters, digits, '-', '_' and '.'");
                    } else if config.outputs.iter().any(|o| o.name == output) {
                        check.fault(section.line, name, "", "there is an output of that name already");
                    }
                    check.output(section, output, &mut config);
                }
                None => {
                    let what = "unknown section; allowed are [input] and [output:NAME]";
                    check.fault(section.line, name, "", what);
                }
            },
        }
    }
    if config.outputs.is_empty() && check.faults.is_empty() {
        let what = "no output: set mozdef_url or file_log, or write an [output:NAME] section".into();
        check.faults.push(Fault { file: path.into(), line: None, place: String::new(), what });
    }
    if check.faults.is_empty() {
        Ok(config)
    } else {
        check.faults.sort_by_key(|fault| fault.line);
        Err(Faults(check.faults))
    }
}

/// How messages name the keys that stand before any section.
const TOP: &str = "before any section";

/// The values of one section by key, each taken out as it is understood.
struct Given<'a> {
    section: &'a str,
    entries: Vec<&'a ini::Entry>,
}

impl<'a> Given<'a> {
    /// The last value of a key, with its line.
    fn take(&mut self, key: &str) -> Option<(&'a str, usize)> {
        let found = self.entries.iter().rev().find(|e| e.key == key).map(|e| (e.value.as_str(), e.line));
        self.entries.retain(|e| e.key != key);
        found
    }

    fn line(&self, key: &str) -> Option<usize> {
        self.entries.iter().rev().find(|e| e.key == key).map(|e| e.line)
    }

    fn has(&self, key: &str) -> bool {
        self.line(key).is_some()
    }
}

/// Collects faults while sections are read.
struct Check<'a> {
    path: &'a Path,
    faults: Vec<Fault>,
}

impl Check<'_> {
    fn fault(&mut self, line: usize, section: &str, key: &str, what: impl Into<String>) {
        let section = if section.is_empty() { TOP } else { section };
        let place = format!("[{section}] {key}").trim_end().to_string();
        self.faults.push(Fault { file: self.path.into(), line: Some(line), place, what: what.into() });
    }

    fn given<'s>(&mut self, section: &'s ini::Section, allowed: impl Fn(&Key) -> bool) -> Given<'s> {
        let mut entries = Vec::new();
        for entry in &section.entries {
            if KEYS.iter().any(|key| key.name == entry.key && allowed(key)) {
                let first = entries.iter().find(|e: &&&ini::Entry| e.key == entry.key);
                // audisp-json took the last one.
                if let Some(first) = first.filter(|_| !section.name.is_empty()) {
                    let what = format!("is set twice; the first is in line {}", first.line);
                    self.fault(entry.line, &section.name, &entry.key, what);
                }
                // A key without a value is as good as none.
                if !entry.value.is_empty() {
                    entries.push(entry);
                }
                continue;
            }
            let known = KEYS.iter().filter(|key| allowed(key)).map(|key| key.name);
            let what = format!("unknown key; did you mean {}?", values::nearest(&entry.key, known));
            self.fault(entry.line, &section.name, &entry.key, what);
        }
        Given { section: &section.name, entries }
    }

    /// A key's value as `read` understands it, or `default`.
    fn value<T>(
        &mut self,
        given: &mut Given,
        key: &str,
        default: T,
        read: impl Fn(&str) -> Result<T, values::Expected>,
    ) -> T {
        let Some((text, line)) = given.take(key) else {
            return default;
        };
        match read(text) {
            Ok(value) => value,
            Err(expected) => {
                self.fault(line, given.section, key, format!("is {text:?}, must be {expected}"));
                default
            }
        }
    }

    /// Keys before any section: audisp-json's, which make one output, and what concerns the program as a whole.
    fn top(&mut self, section: &ini::Section, config: &mut Config) {
        let mut given = self.given(section, |key| key.top);
        config.shutdown_timeout = self.value(&mut given, "shutdown_timeout", config.shutdown_timeout, values::time);
        if given.has("mozdef_url") || given.has("file_log") {
            let line = ["file_log", "mozdef_url"].iter().find_map(|key| given.line(key)).unwrap_or_default();
            self.output_of(given, line, "mozdef", true, config);
        } else if let Some(entry) = given.entries.first() {
            let what = "shapes an output, but there is none here: set mozdef_url or file_log";
            self.fault(entry.line, "", &entry.key, what);
        }
    }

    fn input(&mut self, section: &ini::Section, config: &mut Config) {
        let mut given = self.given(section, |key| key.input);
        config.source = self.value(&mut given, "source", Source::Stdin, |text| match text {
            "stdin" => Ok(Source::Stdin),
            _ => Err("stdin"),
        });
    }

    fn output(&mut self, section: &ini::Section, name: &str, config: &mut Config) {
        let given = self.given(section, |key| key.output);
        self.output_of(given, section.line, name, false, config);
    }

    /// One output from its keys. `legacy` ones have audisp-json's names and defaults.
    fn output_of(&mut self, mut given: Given, line: usize, name: &str, legacy: bool, config: &mut Config) {
        let default = Format::default();
        let program_name = if legacy { "audisp-json".to_string() } else { default.program_name };
        let text = |text: &str| Ok(text.to_string());
        let format = Format {
            program_name: self.value(&mut given, "program_name", program_name, text),
            details: self.value(&mut given, "details", default.details, |text| match text {
                "full" => Ok(Details::Full),
                "classic" => Ok(Details::Classic),
                _ => Err("full or classic"),
            }),
            skip_empty_execve: self.value(&mut given, "skip_empty_execve", default.skip_empty_execve, values::yes),
        };
        self.value(&mut given, "format", (), |text| if text == "mozdef" { Ok(()) } else { Err("mozdef") });
        let prepend_msg = self.value(&mut given, "prepend_msg", String::new(), text);
        let postpend_msg = self.value(&mut given, "postpend_msg", String::new(), text);
        let ring = Ring {
            slots: self.value(&mut given, "ring_slots", 512, |text| {
                values::count(text).ok().filter(|n| *n <= 1 << 20).ok_or("a whole number from 1 to 1048576")
            }),
            bytes: self.value(&mut given, "ring_bytes", 8 << 20, values::size),
            max_wait: self.value(&mut given, "max_wait", Duration::from_secs(2), values::time),
        };
        let sink = self.sink(&mut given, line, legacy);
        for entry in given.entries.drain(..) {
            let what = format!("has no meaning for this output's type ({})", sink_type(sink.as_ref()));
            self.fault(entry.line, given.section, &entry.key, what);
        }
        if let Some(sink) = sink {
            let name = name.to_string();
            config.outputs.push(Output { name, line, format, prepend_msg, postpend_msg, ring, sink });
        }
    }

    fn sink(&mut self, given: &mut Given, line: usize, legacy: bool) -> Option<Sink> {
        #[derive(Clone, Copy, PartialEq)]
        enum Type {
            Http,
            File,
            Stdout,
        }
        let kind = if legacy {
            // When file_log is set, events go there and not to mozdef_url; the other keys stay without effect.
            if given.entries.iter().any(|e| e.key == "file_log" && !e.value.is_empty()) {
                Type::File
            } else {
                Type::Http
            }
        } else {
            let Some((text, at)) = given.take("type") else {
                self.fault(line, given.section, "type", "is missing; must be http, file or stdout");
                given.entries.clear();
                return None;
            };
            match text {
                "http" => Type::Http,
                "file" => Type::File,
                "stdout" => Type::Stdout,
                _ => {
                    self.fault(at, given.section, "type", format!("is {text:?}, must be http, file or stdout"));
                    given.entries.clear();
                    return None;
                }
            }
        };
        match kind {
            Type::Stdout => Some(Sink::Stdout),
            Type::Http => self.http(given, line, legacy).map(Sink::Http),
            Type::File => {
                let key = if legacy { "file_log" } else { "path" };
                let sink = match given.take(key) {
                    Some((path, at)) => self.file(path, at, given.section, key),
                    None => {
                        self.fault(line, given.section, key, "is missing; name the file to write");
                        None
                    }
                };
                if legacy {
                    // The keys of the server that isn't used have no effect, so they can't be wrong.
                    const OF_HTTP: [&str; 9] = [
                        "mozdef_url",
                        "ssl_verify",
                        "curl_cainfo",
                        "curl_verbose",
                        "curl_logfile",
                        "workers",
                        "connect_timeout",
                        "timeout",
                        "attempts",
                    ];
                    given.entries.retain(|e| !OF_HTTP.contains(&e.key.as_str()));
                }
                sink
            }
        }
    }

    fn file(&mut self, path: &str, line: usize, section: &str, key: &str) -> Option<Sink> {
        if matches!(path, "-" | "/dev/stdout") {
            return Some(Sink::Stdout);
        }
        let path = PathBuf::from(path);
        let parent = path.parent().filter(|_| path.is_absolute());
        let what = match parent {
            None => "must be an absolute path, or - for standard output".to_string(),
            Some(parent) if !parent.is_dir() => {
                format!("there is no directory {}; create it", parent.display())
            }
            Some(_) if path.is_dir() => "is a directory; name a file in it".to_string(),
            Some(_) => return Some(Sink::File(path)),
        };
        self.fault(line, section, key, what);
        None
    }

    fn http(&mut self, given: &mut Given, line: usize, legacy: bool) -> Option<Http> {
        let key = if legacy { "mozdef_url" } else { "url" };
        let url = match given.take(key) {
            Some((url, at)) => {
                let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
                if rest.is_none_or(|rest| rest.is_empty() || rest.contains(char::is_whitespace)) {
                    let what = format!("is {url:?}, must be one URL that begins with https:// or http://");
                    self.fault(at, given.section, key, what);
                }
                url.to_string()
            }
            None => {
                self.fault(line, given.section, key, "is missing; name the server's URL");
                String::new()
            }
        };
        let yes = |text: &str| {
            if legacy { Ok(values::yes_unless_no(text)) } else { values::yes(text) }
        };
        let ca_file = given.take("curl_cainfo").and_then(|(path, at)| {
            let what = unusable_ca(Path::new(path));
            if let Some(what) = &what {
                self.fault(at, given.section, "curl_cainfo", what);
            }
            what.is_none().then(|| PathBuf::from(path))
        });
        let seconds = Duration::from_secs;
        Some(Http {
            url,
            verify: self.value(given, "ssl_verify", true, yes),
            ca_file,
            verbose: self.value(given, "curl_verbose", false, yes),
            log_file: self.value(given, "curl_logfile", None, |text| {
                let path = PathBuf::from(text);
                let there = path.is_absolute() && path.parent().is_some_and(Path::is_dir) && !path.is_dir();
                if there { Ok(Some(path)) } else { Err("the absolute path of a file in a directory that exists") }
            }),
            workers: self.value(given, "workers", 4, |text| {
                values::count(text).ok().filter(|n| *n <= 64).ok_or("a whole number from 1 to 64")
            }),
            connect_timeout: self.value(given, "connect_timeout", seconds(5), limit),
            timeout: self.value(given, "timeout", seconds(30), limit),
            attempts: self.value(given, "attempts", 3, |text| {
                values::count(text).ok().and_then(|n| u32::try_from(n).ok()).ok_or("a whole number from 1")
            }),
        })
    }
}

/// A time that limits something: none would be no limit to libcurl.
fn limit(text: &str) -> Result<Duration, values::Expected> {
    values::time(text).and_then(|time| if time.is_zero() { Err("a time above 0, as in 10s") } else { Ok(time) })
}

/// Why a file can't serve as a list of CA certificates.
fn unusable_ca(path: &Path) -> Option<String> {
    // All of the world's CAs take a quarter of a megabyte; a device would never end.
    const MOST: u64 = 64 << 20;
    let read = || {
        let mut pem = Vec::new();
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("it is no regular file"));
        }
        file.take(MOST).read_to_end(&mut pem)?;
        Ok(pem)
    };
    match read() {
        Err(e) => Some(format!("can't read {}: {e}; name a file of CA certificates", path.display())),
        Ok(pem) if memchr::memmem::find(&pem, b"-----BEGIN ").is_none() => {
            Some(format!("{} holds no PEM certificate", path.display()))
        }
        Ok(_) => None,
    }
}

fn sink_type(sink: Option<&Sink>) -> &'static str {
    match sink {
        Some(Sink::Http(_)) => "http",
        Some(Sink::File(_)) => "file",
        Some(Sink::Stdout) => "stdout",
        None => "faulty",
    }
}

#[cfg(test)]
mod tests;
