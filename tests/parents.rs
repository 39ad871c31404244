//! Compares what documents say about parents with the truth, on the real kernel.
//!
//! `tests/tools/processes.c` makes processes in many ways, and writes down what each of them was. auditd and the plugin
//! run as they do in use. Nothing that a document says about a parent may be wrong. The share of parents that are known is
//! printed.
//!
//! The test makes a few thousand processes. `PROCESSES=100000` makes more (`make parents`). It needs root, a kernel with
//! auditing, auditd and a C compiler. Without them it prints the reason; in CI it fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    AUSHIP,
    auditd::{self, Auditd, auditctl, status},
    cannot_run, tool, wait_until, write_config,
};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    env,
    ffi::OsStr,
    fmt::{self, Write},
    fs,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};
use time::{Date, Month};

/// The login id of all processes that the test makes. The rules select it.
const AUID: &str = "54321";
/// The names of the programs in `processes.c`.
const PROGRAMS: [&str; 4] = ["alpha", "beta", "gamma", "a-long-name-of-a-program"];
/// A record's time may be this much before its event: the kernel's clock for it is coarse. In nanoseconds.
const COARSE: i64 = 12_000_000;

/// A program that was executed, once.
struct Program {
    executable: String,
    arguments: Vec<String>,
    /// The times before the call and after it.
    window: (i64, i64),
}

/// From when on a number stood for which program, at the earliest and at the latest.
struct Start {
    from: (i64, i64),
    program: String,
    /// True if the process executed it. False if it is a copy of another one.
    executed: bool,
}

#[derive(Default)]
struct Truth {
    programs: HashMap<String, Program>,
    numbers: HashMap<u64, Vec<Start>>,
}

impl Truth {
    fn read(path: &Path) -> Self {
        let mut truth = Self::default();
        for line in fs::read_to_string(path).unwrap().lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |n: usize| words[n].parse::<i64>().unwrap();
            let (pid, from, program) = (words[1].parse().unwrap(), (number(2), number(3)), words[4].to_string());
            let executed = words[0] == "E";
            truth.numbers.entry(pid).or_default().push(Start { from, program: program.clone(), executed });
            if executed {
                let arguments = words[6..].iter().map(ToString::to_string).collect();
                truth.programs.insert(program, Program { executable: words[5].into(), arguments, window: from });
            }
        }
        truth.numbers.values_mut().for_each(|starts| starts.sort_by_key(|start| start.from.1));
        truth
    }

    /// The programs that a number may have stood for at some time of a window.
    fn at(&self, pid: u64, window: (i64, i64)) -> Vec<(&Program, bool)> {
        let starts = self.numbers.get(&pid).map_or(&[][..], Vec::as_slice);
        let ends = starts.iter().skip(1).map(|next| next.from.1).chain([i64::MAX]);
        let runs = starts.iter().zip(ends).filter(|(start, end)| start.from.0 <= window.1 && window.0 <= *end);
        runs.filter_map(|(start, _)| Some((self.programs.get(&start.program)?, start.executed))).collect()
    }

    /// The program that a document says was started.
    fn started(&self, said: &Said) -> Option<&Program> {
        let program = self.programs.get(said.arguments.get(1)?);
        program.filter(|program| program.arguments == said.arguments)
    }
}

/// What documents say about parents.
#[derive(Default)]
struct Account {
    documents: u64,
    /// Starts of programs whose parents the test made.
    starts: u64,
    /// Those whose parents executed a program themselves.
    executed: u64,
    names: u64,
    executables: u64,
    arguments: u64,
    wrong: Vec<String>,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let share = |known: u64| 100.0 * known as f64 / self.starts.max(1) as f64;
        write!(
            f,
            "{} documents, {} starts of programs, {:.1} % by parents that executed one: names of parents known {:.1} %, \
             executables {:.1} %, arguments {:.1} %, wrong {}",
            self.documents,
            self.starts,
            share(self.executed),
            share(self.names),
            share(self.executables),
            share(self.arguments),
            self.wrong.len()
        )
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().map(|all| all.iter().map(|one| one.as_str().unwrap().into()).collect()).unwrap_or_default()
}

/// Reads a time: `2026-01-31T23:59:59.123`, and any end.
fn nanoseconds(text: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| text[range].parse::<u16>().unwrap();
    let small = |range| u8::try_from(number(range)).unwrap();
    let month = Month::try_from(small(5..7)).unwrap();
    let date = Date::from_calendar_date(number(0..4).into(), month, small(8..10)).unwrap();
    let time = date.with_hms_milli(small(11..13), small(14..16), small(17..19), number(20..23)).unwrap();
    i64::try_from(time.assume_utc().unix_timestamp_nanos()).unwrap()
}

/// A document's process and its parent.
struct Said {
    serial: u64,
    ppid: u64,
    arguments: Vec<String>,
    time: i64,
    name: Option<String>,
    executable: Option<String>,
    parents: Vec<String>,
}

impl Said {
    fn of(document: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_string);
        let time = |value: &Value| nanoseconds(value.as_str().unwrap());
        if let Some(process) = document.get("process") {
            let parent = &process["parent"];
            let said = Self {
                serial: document["event"]["sequence"].as_u64()?,
                ppid: parent["pid"].as_u64()?,
                arguments: strings(&process["args"]),
                time: time(&document["@timestamp"]),
                name: text(&parent["name"]),
                executable: text(&parent["executable"]),
                parents: strings(&parent["args"]),
            };
            assert_eq!(parent.get("args_count").map(|n| n.as_u64().unwrap() as usize).unwrap_or(0), said.parents.len());
            assert_eq!(parent.get("command_line").and_then(Value::as_str).unwrap_or(""), said.parents.join(" "));
            return Some(said);
        }
        let details = &document["details"];
        Some(Self {
            serial: details["auditserial"].as_str()?.parse().ok()?,
            ppid: details["ppid"].as_str()?.parse().ok()?,
            arguments: strings(&details["argv"]),
            time: time(&document["timestamp"]),
            name: text(&details["parentprocess"]),
            executable: None,
            parents: Vec::new(),
        })
    }
}

/// Compares documents with the truth. `dir` is where the programs are.
fn compare(documents: &[u8], truth: &Truth, dir: &Path) -> Account {
    let mut account = Account::default();
    let lines = documents.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let said: Vec<(&[u8], Said)> =
        lines.filter_map(|line| Some((line, Said::of(&serde_json::from_slice(line).unwrap())?))).collect();
    // An event had happened before the process of a later one went on.
    let mut ends: Vec<(u64, i64)> =
        said.iter().filter_map(|(_, said)| Some((said.serial, truth.started(said)?.window.1))).collect();
    ends.sort_unstable();
    for n in (1..ends.len()).rev() {
        ends[n - 1].1 = ends[n - 1].1.min(ends[n].1);
    }
    for (line, said) in &said {
        account.documents += 1;
        let started = truth.started(said);
        let after = ends.partition_point(|(serial, _)| *serial < said.serial);
        let end = ends.get(after).map_or(i64::MAX, |(_, end)| *end);
        let window = started.map_or((said.time - COARSE, end), |program| program.window);
        let parents = truth.at(said.ppid, window);
        if started.is_some() && !parents.is_empty() {
            account.starts += 1;
            account.executed += u64::from(parents.iter().any(|(_, executed)| *executed));
            account.names += u64::from(said.name.is_some());
            account.executables += u64::from(said.executable.is_some());
            account.arguments += u64::from(!said.parents.is_empty());
        }
        let is_right = |(program, _): &(&Program, bool)| {
            let name = Path::new(&program.executable).file_name().unwrap().to_str().unwrap();
            said.executable.as_ref().is_none_or(|executable| *executable == program.executable)
                && said.name.as_ref().is_none_or(|said| *said == name[..name.len().min(15)])
                && (said.parents.is_empty() || said.parents == program.arguments)
        };
        // Some parents are no processes of this test.
        let ours = |executable: &String| Path::new(executable).starts_with(dir);
        let is_other = parents.is_empty()
            && !said.executable.as_ref().is_some_and(ours)
            && !said.name.as_ref().is_some_and(|name| PROGRAMS.iter().any(|program| program.starts_with(name)));
        if !is_other && !parents.iter().any(is_right) {
            let right: Vec<_> = parents.iter().map(|(program, _)| &program.arguments).collect();
            account.wrong.push(format!("{right:?} is right for {window:?}: {}", String::from_utf8_lossy(line)));
        }
    }
    account
}

fn convert(format: &str, log: &Path) -> Vec<u8> {
    let output = Command::new(AUSHIP).args(["convert", "--format", format]).arg(log).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Serials before the start of the host are made larger than all serials after it.
const BEFORE: u64 = 1 << 40;

/// The log as it would be if the host had been started in its middle. The serials begin again, with `first` before them.
fn with_a_start(log: &str, first: &str, seconds: i64) -> String {
    let stamp = |line: &str| -> Option<(i64, u64)> {
        let (time, rest) = line.split_once("audit(")?.1.split_once(':')?;
        Some((time.split_once('.')?.0.parse().ok()?, rest.split_once(')')?.0.parse().ok()?))
    };
    let kernel = log.lines().filter(|line| !line.starts_with("type=DAEMON"));
    let mut serials: Vec<u64> = kernel.clone().filter_map(|line| stamp(line).map(|(_, serial)| serial)).collect();
    serials.sort_unstable();
    let middle = serials[serials.len() / 2];
    let (mut before, mut after) = (String::new(), String::from(first));
    for line in kernel {
        let Some((time, serial)) = stamp(line) else { continue };
        let (part, time_is, is) = match serial.checked_sub(middle) {
            None => (&mut before, time, serial + BEFORE),
            Some(since) => (&mut after, time + seconds, since + 2),
        };
        let millis = line.split_once(&format!("audit({time}.")).unwrap().1.split_once(':').unwrap().0;
        let was = format!("({time}.{millis}:{serial})");
        writeln!(part, "{}", line.replace(&was, &format!("({time_is}.{millis}:{is})"))).unwrap();
    }
    before + &after
}

/// No document after a start of the host says anything about a program that was executed before it.
fn check_start(log: &Path, dir: &Path) {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap()).into_owned();
    let time = text.split_once("audit(").unwrap().1.split_once(':').unwrap().0.to_string();
    let boot =
        format!("type=SYSTEM_BOOT msg=audit({time}:1): pid=1 uid=0 auid=4294967295 ses=4294967295 msg='res=success'\n");
    for (first, seconds) in [(&boot[..], 0), ("", 60)] {
        let path = dir.join("started.log");
        fs::write(&path, with_a_start(&text, first, seconds)).unwrap();
        let output = convert("ecs", &path);
        let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let documents: Vec<Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
        let after: Vec<&Value> =
            documents.iter().filter(|one| one["event"]["sequence"].as_u64().unwrap() < BEFORE).collect();
        // No two programs have the same arguments.
        let programs: HashSet<_> = after.iter().map(|one| strings(&one["process"]["args"])).collect();
        let mut known = 0;
        for document in &after {
            let parents = strings(&document["process"]["parent"]["args"]);
            known += u32::from(!parents.is_empty());
            assert!(parents.is_empty() || programs.contains(&parents), "{document}");
        }
        assert!(known > 0, "nothing is known after the start");
    }
}

/// Sets a value of the kernel, and restores it when dropped.
struct Setting {
    path: &'static str,
    before: String,
}

impl Setting {
    fn set(path: &'static str, value: &str) -> Self {
        let before = fs::read_to_string(path).unwrap();
        fs::write(path, value).unwrap();
        Self { path, before }
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        let _ = fs::write(self.path, &self.before);
    }
}

/// Sets how many records the kernel keeps, and how long it lets a process wait for room. Restores both when dropped.
struct Backlog {
    before: [String; 2],
}

const BACKLOG: [(&str, &str); 2] = [("-b", "backlog_limit"), ("--backlog_wait_time", "backlog_wait_time")];

impl Backlog {
    fn set(values: [&str; 2]) -> Self {
        let before = BACKLOG.map(|(_, name)| status(name).unwrap().to_string());
        Self::apply(&values.map(str::to_string));
        Self { before }
    }

    fn apply(values: &[String; 2]) {
        for ((switch, _), value) in BACKLOG.iter().zip(values) {
            auditctl(&[switch.as_ref(), value.as_ref()]).unwrap();
        }
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        Self::apply(&self.before);
    }
}

/// Compiles the program, and copies it to the names of its programs.
fn compile(dir: &Path) -> Result<PathBuf, String> {
    let program = dir.join("processes");
    let compiler = Command::new("cc")
        .args(["-O2", "-static", "-pthread", "-Wall", "-Wextra", "-Werror", "-o"])
        .args([&program, &tool("processes.c")])
        .output()
        .map_err(|e| format!("cc can't be run: {e}"))?;
    assert!(compiler.status.success(), "{}", String::from_utf8_lossy(&compiler.stderr));
    for name in PROGRAMS {
        fs::copy(&program, dir.join(name)).unwrap();
    }
    Ok(program)
}

/// Makes so many processes while these system calls are watched, and compares.
fn check(calls: &str, processes: u32) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = compile(dir.path()).unwrap();
    let live = ["ecs", "mozdef"].map(|format| (format, dir.path().join(format!("{format}.json"))));
    let mut outputs = format!("run_dir = {}\n", dir.path().join("run").display());
    for (format, path) in &live {
        writeln!(outputs, "[output:{format}]\ntype = file\npath = {}\nformat = {format}", path.display()).unwrap();
    }
    let config = write_config(dir.path(), &outputs);
    let _backlog = Backlog::set(["200000", "60000"]);
    let lost = status("lost");
    let mut auditd = Auditd::start(dir.path(), &config, "RAW");
    let auid = format!("auid={AUID}");
    let words = ["-F", "arch=b64", "-S", calls, "-F", &auid];
    auditd.rule(&words.map(OsStr::new));
    let script = format!("echo {AUID} > /proc/self/loginuid && exec \"$0\" \"$@\"");
    let seed = std::process::id().to_string();
    let mut making = Command::new("sh");
    making.args(["-c", &script]).arg(&program).arg(dir.path()).args([&processes.to_string(), &seed]);
    let made = making.status().unwrap();
    assert!(made.success(), "{made}");
    auditd.delete_rules();
    let last = format!("last-of-{seed}");
    auditctl(&["-m".as_ref(), last.as_ref()]).unwrap();
    for (_, path) in &live {
        // The newest documents are at the end.
        wait_until("the last event", || tail(path).contains(&last));
    }
    auditd.stop();
    assert_eq!(status("lost"), lost, "the kernel lost events");
    drop(auditd);

    let truth = Truth::read(&dir.path().join("truth"));
    let log = dir.path().join("audit.log");
    let made = truth.numbers.values().map(Vec::len).sum::<usize>();
    let mut report = format!("{calls}: {made} processes and programs\n");
    let mut wrong = Vec::new();
    for (format, path) in &live {
        for (how, documents) in [("live", fs::read(path).unwrap()), ("convert", convert(format, &log))] {
            let account = compare(&documents, &truth, dir.path());
            writeln!(report, "  {format}, {how}: {account}").unwrap();
            assert!(account.starts > u64::from(processes) / 4, "{report}");
            wrong.extend(account.wrong);
        }
    }
    io::stderr().write_all(report.as_bytes()).unwrap();
    if let Some(kept) = env::var_os("KEEP") {
        Command::new("cp").args(["-r".as_ref(), dir.path().as_os_str(), kept.as_ref()]).status().unwrap();
    }
    assert!(wrong.is_empty(), "{report}{}", wrong[..wrong.len().min(10)].join("\n"));
    check_start(&log, dir.path());
}

/// The end of a file.
fn tail(path: &Path) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let mut text = Vec::new();
    if let Ok(mut file) = fs::File::open(path) {
        let from = file.metadata().unwrap().len().saturating_sub(1 << 16);
        file.seek(SeekFrom::Start(from)).unwrap();
        file.read_to_end(&mut text).unwrap();
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn what_is_said_of_parents_is_true() {
    let what = "what documents say of parents";
    let Some(_turn) = auditd::take(what) else { return };
    if let Err(e) = Command::new("cc").arg("--version").output() {
        return cannot_run(what, &format!("cc can't be run: {e}"));
    }
    let processes = env::var("PROCESSES").map_or(3000, |number| number.parse().unwrap());
    let rules = ["execve,execveat", "execve,execveat,fork,vfork,clone,clone3,exit,exit_group"];
    rules.iter().for_each(|calls| check(calls, processes));
    // Numbers come again soon.
    let _few = Setting::set("/proc/sys/kernel/pid_max", "4000");
    rules.iter().for_each(|calls| check(calls, processes));
}
