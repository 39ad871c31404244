//! The command line.

use crate::{
    auparse::{NameLookup, ResolveIds},
    config::{self, Reference},
    convert,
    filter::Filters,
    format::Format,
    host::{Host, Lookup},
    log, migrate, run, setup,
};
use lexopt::{Arg, Parser, ValueExt};
use std::{
    ffi::{OsStr, OsString},
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

/// Exit status: done.
const DONE: u8 = 0;
/// Exit status: failed while running.
const FAILED: u8 = 1;
/// Exit status: wrong usage or configuration.
const WRONG: u8 = 2;

const HELP: &str = "auship reads Linux audit records and ships each event as one JSON document.

usage: auship [run] [--config FILE]          read records from standard input until its end or SIGTERM
       auship convert [--format NAME] [--config FILE] [--resolve-ids=WHOSE] [FILE]...
                                             convert audit logs (files or standard input) to JSON lines
       auship check [--config FILE]          print the configuration in effect, or its faults
       auship check --keys                   print all keys of the configuration and their meanings
       auship setup [--config FILE] [--output NAME] [--dry-run] [--from DIR]
                                             install templates, a pipeline and policies in a cluster
       auship migrate [--from PROGRAM] FILE  make a configuration from one of audisp-json, LAUREL, Auditbeat or pauditd
       auship --version | --help             print the version or this help
       auship COMMAND --help                 print the help of a command, with an example

FILE defaults to /etc/auship/auship.conf. auditd starts the plugin without arguments.
Exit status: 0 done, 1 failed while running, 2 wrong usage or configuration.
";

const HELP_RUN: &str = "usage: auship [run] [--config FILE]

Reads audit records from standard input until its end or SIGTERM. Delivers every event to the outputs in
FILE (default /etc/auship/auship.conf). At the end it delivers the events that are still queued, and logs
totals. SIGHUP reads FILE again and reopens log files. SIGUSR1 writes a report of all metrics.

example: without auditd, follow a log as it grows
  tail -F /var/log/audit/audit.log | auship run --config ./auship.conf
";

const HELP_CONVERT: &str = "usage: auship convert [--format NAME] [--config FILE] [--resolve-ids=WHOSE] [FILE]...

Writes each event of the audit logs as one line of JSON on standard output. Without FILE, or with '-', it
reads standard input. Name the oldest log first: an event may begin in one log and end in the next.

Logs may be compressed with gzip, zstd or xz. Before records there may be the text of syslog, the journal or dmesg.

  --format NAME   mozdef (the default) or ecs
  --config FILE   use the filters and resolve_ids in FILE, and the format (with its keys) of the first
                  output in FILE
  --resolve-ids=local|always|never
                  look up names of users and groups on this host for records of this host (local, the
                  default), for all records, or for none

example: convert all logs
  auship convert /var/log/audit/audit.log.2 /var/log/audit/audit.log.1 /var/log/audit/audit.log
";

const HELP_CHECK: &str = "usage: auship check [--config FILE] [--keys[=list|conf|man]]

Checks FILE (default /etc/auship/auship.conf). If it is good, prints the configuration in effect, with
defaults, and exits with 0. Otherwise prints each fault on one line and exits with 2.

  --keys          print all keys with their values, defaults and meanings; FILE is not read
  --keys=conf     print a configuration file with every key
  --keys=man      print the definitions of auship.conf(5)

examples:
  auship check --config ./auship.conf
  auship check --keys | grep -A 4 spool_limit
";

const HELP_SETUP: &str = "usage: auship setup [--config FILE] [--output NAME] [--dry-run] [--from DIR]

Installs index templates (the types of fields), an ingest pipeline (sets event.ingested, so that detection rules examine
events that arrive late) and a lifecycle policy (the age of indexes) in the cluster of each output of type elasticsearch
in FILE (default /etc/auship/auship.conf). Prints for each object whether it was right, was missing, or how it differed.
Objects that are right are not changed. Existing indexes keep their types, and get the pipeline if they have none.

  --output NAME   only for this output
  --dry-run       change nothing, only print what would be changed
  --from DIR      use the JSON files in DIR instead of the built-in ones; /etc/auship/elasticsearch has copies to edit

example: look first, then install
  auship setup --dry-run
  auship setup
";

const HELP_MIGRATE: &str = "usage: auship migrate [--from PROGRAM] FILE

Prints a configuration of auship made from FILE, the configuration of another program: audisp-json.conf, LAUREL's
config.toml, auditbeat.yml (or a file of modules.d), or the YAML of pauditd or go-audit. Each key that auship doesn't
have is named on standard error and in the result, as FILE:LINE: KEY: REASON. The result passes auship check on the
machine where it is made. Passwords are never printed. docs/migration.md has all keys, and says how to switch over.

  --from PROGRAM  audisp-json, laurel, auditbeat or pauditd (go-audit too). By default the content of FILE decides

example: translate, look, check
  auship migrate /etc/laurel/config.toml > auship.conf
  auship check --config ./auship.conf
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Run,
    Convert,
    Check,
    Setup,
    Migrate,
}

/// A parsed command line.
#[derive(Debug, PartialEq)]
struct Options {
    command: Command,
    config: Option<PathBuf>,
    /// `convert`: the format to write.
    format: Option<config::Format>,
    /// `convert`: the logs to read. `migrate`: the file to translate.
    files: Vec<PathBuf>,
    /// `convert`: whose ids are looked up on this host.
    resolve_ids: Option<ResolveIds>,
    /// `check`: which list of keys to print.
    keys: Option<Reference>,
    /// `setup`: the only output to set up.
    output: Option<String>,
    /// `setup`: change nothing.
    dry_run: bool,
    /// `setup`: the directory of the JSON files.
    from: Option<PathBuf>,
    /// `migrate`: the program whose configuration the file is.
    peer: Option<migrate::Peer>,
}

impl Options {
    fn new(command: Command) -> Self {
        Self {
            command,
            config: None,
            format: None,
            files: Vec::new(),
            resolve_ids: None,
            keys: None,
            output: None,
            dry_run: false,
            from: None,
            peer: None,
        }
    }
}

/// What a command line asks for.
#[derive(Debug, PartialEq)]
enum Asked {
    Do(Options),
    Print(String),
}

/// The help of a command, or of the program.
fn help(command: Option<Command>) -> &'static str {
    match command {
        None => HELP,
        Some(Command::Run) => HELP_RUN,
        Some(Command::Convert) => HELP_CONVERT,
        Some(Command::Check) => HELP_CHECK,
        Some(Command::Setup) => HELP_SETUP,
        Some(Command::Migrate) => HELP_MIGRATE,
    }
}

fn command_named(word: &OsStr) -> Result<Command, lexopt::Error> {
    match word.to_str() {
        Some("run") => Ok(Command::Run),
        Some("convert") => Ok(Command::Convert),
        Some("check") => Ok(Command::Check),
        Some("setup") => Ok(Command::Setup),
        Some("migrate") => Ok(Command::Migrate),
        _ => Err(format!("unknown command {word:?}; must be run, convert, check, setup or migrate").into()),
    }
}

fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
    let mut parser = Parser::from_args(args);
    let mut command = None;
    let mut options = Options::new(Command::Run);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => {
                return Ok(Asked::Print(help(command).into()));
            }
            Arg::Short('V') | Arg::Long("version") => {
                return Ok(Asked::Print(concat!("auship ", env!("CARGO_PKG_VERSION"), "\n").into()));
            }
            Arg::Short('c') | Arg::Long("config") if command != Some(Command::Migrate) => {
                options.config = Some(parser.value()?.into())
            }
            Arg::Long("format") if command == Some(Command::Convert) => {
                let name = parser.value()?.string()?;
                match config::Format::named(&name) {
                    None => return Err(format!("unknown format {name:?}; must be {}", config::FORMATS).into()),
                    format => options.format = format,
                }
            }
            Arg::Long("resolve-ids") if command == Some(Command::Convert) => {
                let name = parser.value()?.string()?;
                let named = config::resolve_ids(&name);
                if named.is_none() {
                    return Err(
                        format!("unknown value {name:?} of --resolve-ids; must be {}", config::RESOLVE_IDS).into()
                    );
                }
                options.resolve_ids = named;
            }
            Arg::Long("keys") if command == Some(Command::Check) => {
                let name = match parser.optional_value() {
                    Some(name) => name.string()?,
                    None => "list".into(),
                };
                match Reference::named(&name) {
                    None => return Err(format!("unknown list of keys {name:?}; must be list, conf or man").into()),
                    keys => options.keys = keys,
                }
            }
            Arg::Long("output") if command == Some(Command::Setup) => options.output = Some(parser.value()?.string()?),
            Arg::Long("dry-run") if command == Some(Command::Setup) => options.dry_run = true,
            Arg::Long("from") if command == Some(Command::Setup) => options.from = Some(parser.value()?.into()),
            Arg::Long("from") if command == Some(Command::Migrate) => {
                let name = parser.value()?.string()?;
                options.peer = migrate::Peer::named(&name);
                if options.peer.is_none() {
                    return Err(format!("unknown program {name:?}; must be {}", migrate::PEERS).into());
                }
            }
            Arg::Value(word) if command.is_none() => command = Some(command_named(&word)?),
            Arg::Value(file) if command == Some(Command::Convert) => options.files.push(file.into()),
            Arg::Value(file) if command == Some(Command::Migrate) && options.files.is_empty() => {
                options.files.push(file.into());
            }
            other => return Err(other.unexpected()),
        }
    }
    options.command = command.unwrap_or(Command::Run);
    Ok(Asked::Do(options))
}

/// Runs the command that the arguments (without the program's name) ask for, and returns the exit status.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let options = match parse(args) {
        Ok(Asked::Do(options)) => options,
        Ok(Asked::Print(text)) => return print(&text),
        Err(e) => {
            complain(&format!("auship: {e}; see auship --help"));
            return WRONG;
        }
    };
    match options.command {
        Command::Run => run_command(options.config.as_deref()),
        Command::Convert => convert_command(&options),
        Command::Check => match options.keys {
            Some(keys) => print(&keys.text()),
            None => check_command(options.config.as_deref()),
        },
        Command::Setup => setup_command(&options),
        Command::Migrate => migrate_command(&options),
    }
}

fn print(text: &str) -> u8 {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => DONE,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => DONE,
        Err(_) => FAILED,
    }
}

fn complain(line: &str) {
    // When this fails, no other place is left to report to.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Loads the configuration. Reports its faults on stderr, and to syslog too when stderr is no terminal.
fn load(path: Option<&Path>) -> Result<(PathBuf, config::Config), u8> {
    let path = path.unwrap_or(Path::new(config::DEFAULT_PATH));
    config::load(path).map(|config| (path.to_path_buf(), config)).map_err(|faults| {
        report(&faults.0);
        WRONG
    })
}

fn report(faults: &[impl std::fmt::Display]) {
    for fault in faults {
        complain(&fault.to_string());
    }
    if !io::stderr().is_terminal() && log::start_with_syslog() {
        faults.iter().for_each(log::error);
        log::flush();
    }
}

fn check_command(path: Option<&Path>) -> u8 {
    match load(path) {
        Ok((_, config)) => print(&config.to_string()),
        Err(status) => status,
    }
}

fn run_command(path: Option<&Path>) -> u8 {
    let (path, config) = match load(path) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    match run::run(&path, config) {
        Ok(true) => DONE,
        Ok(false) => FAILED,
        Err(e @ run::Error::Config(..)) => {
            report(&[e]);
            WRONG
        }
        Err(e) => {
            complain(&format!("auship: {e}"));
            FAILED
        }
    }
}

fn convert_command(options: &Options) -> u8 {
    let settings = match &options.config {
        None => None,
        Some(path) => match load(Some(path)) {
            Ok((_, mut config)) => {
                Some((config.outputs.swap_remove(0), Filters::new(&config.filters), config.resolve_ids))
            }
            Err(status) => return status,
        },
    };
    let (format, prepend, postpend, mut filters, resolve_ids) = match settings {
        Some((output, filters, ids)) => (output.format, output.prepend_msg, output.postpend_msg, filters, ids),
        None => {
            let default = config::Format::MozDef(config::MozDef::default());
            (default, String::new(), String::new(), Filters::default(), ResolveIds::default())
        }
    };
    // When `--format` names the file's own format, the keys in the file apply.
    let format = options.format.clone().filter(|asked| asked.name() != format.name()).unwrap_or(format);
    let host = Host::local(Lookup::Patient);
    let names = NameLookup::new(options.resolve_ids.unwrap_or(resolve_ids), &host);
    let mut format = Format::new(&format, &host);
    let (prepend, postpend) = (prepend.as_bytes(), postpend.as_bytes());
    match convert::convert(&options.files, names, &mut filters, &mut format, prepend, postpend, io::stdout().lock()) {
        Ok(totals) => {
            if totals.unreadable > 0 {
                complain(&format!("auship: {} lines could not be read", totals.unreadable));
            }
            for failed in &totals.failed {
                complain(&format!("auship: {failed}"));
            }
            if totals.failed.is_empty() { DONE } else { FAILED }
        }
        // A reader that closes the pipe, as in `auship convert … | head`, is no failure.
        Err(convert::Error::Write(e)) if e.kind() == io::ErrorKind::BrokenPipe => DONE,
        Err(e) => {
            complain(&format!("auship: {e}"));
            FAILED
        }
    }
}

fn setup_command(options: &Options) -> u8 {
    let config = match load(options.config.as_deref()) {
        Ok((_, config)) => config,
        Err(status) => return status,
    };
    let task =
        setup::Task { output: options.output.as_deref(), dry_run: options.dry_run, from: options.from.as_deref() };
    match setup::setup(&config, task, &mut io::stdout().lock()) {
        Ok(complaints) => {
            complaints.iter().for_each(|complaint| complain(&format!("auship: {complaint}")));
            if complaints.is_empty() { DONE } else { FAILED }
        }
        Err(e @ setup::Error::Invalid(_)) => {
            complain(&format!("auship: {e}"));
            WRONG
        }
        Err(e @ setup::Error::Write(_)) => {
            complain(&format!("auship: {e}"));
            FAILED
        }
    }
}

fn migrate_command(options: &Options) -> u8 {
    let Some(file) = options.files.first() else {
        complain("auship: missing FILE, the configuration to translate; see auship migrate --help");
        return WRONG;
    };
    match migrate::migrate(file, options.peer) {
        Ok(migrated) => {
            migrated.notes.iter().for_each(|note| complain(note));
            print(&migrated.text)
        }
        Err(e) => {
            complain(&format!("auship: {e}"));
            WRONG
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|e| e.to_string())
    }

    fn options(command: Command, config: Option<&str>, files: &[&str]) -> Result<Asked, String> {
        let files = files.iter().map(PathBuf::from).collect();
        Ok(Asked::Do(Options { config: config.map(PathBuf::from), files, ..Options::new(command) }))
    }

    #[test]
    fn commands_are_understood() {
        assert_eq!(asked(""), options(Command::Run, None, &[]));
        assert_eq!(asked("--config x"), options(Command::Run, Some("x"), &[]));
        assert_eq!(asked("run --config=x"), options(Command::Run, Some("x"), &[]));
        assert_eq!(asked("check -c x"), options(Command::Check, Some("x"), &[]));
        let keys = |keys| Ok(Asked::Do(Options { keys: Some(keys), ..Options::new(Command::Check) }));
        assert_eq!(asked("check --keys"), keys(Reference::List));
        assert_eq!(asked("check --keys=man"), keys(Reference::Manual));
        assert_eq!(asked("setup"), options(Command::Setup, None, &[]));
        let (output, from) = (Some("es".into()), Some("d".into()));
        let all = Options { output, dry_run: true, from, ..Options::new(Command::Setup) };
        assert_eq!(asked("setup --output es --dry-run --from d"), Ok(Asked::Do(all)));
        assert_eq!(asked("migrate x"), options(Command::Migrate, None, &["x"]));
        let peer = migrate::Peer::named("laurel");
        let files = vec![PathBuf::from("x")];
        let laurel = Options { peer, files, ..Options::new(Command::Migrate) };
        assert_eq!(asked("migrate --from laurel x"), Ok(Asked::Do(laurel)));
        assert_eq!(asked("convert a - b"), options(Command::Convert, None, &["a", "-", "b"]));
        let format = match asked("convert --format ecs") {
            Ok(Asked::Do(options)) => options.format.map(|format| format.name()),
            _ => None,
        };
        assert_eq!(format, Some("ecs"));
        let resolve_ids = Some(ResolveIds::Never);
        let never = Options { resolve_ids, ..Options::new(Command::Convert) };
        assert_eq!(asked("convert --resolve-ids=never"), Ok(Asked::Do(never)));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, part) in [
            ("fly", "unknown command \"fly\"; must be run, convert, check, setup or migrate"),
            (
                "migrate --from fluentd x",
                "unknown program \"fluentd\"; must be audisp-json, laurel, auditbeat or pauditd",
            ),
            ("migrate x y", "unexpected argument \"y\""),
            ("migrate --config x", "invalid option '--config'"),
            ("run --dry-run", "invalid option '--dry-run'"),
            ("setup x", "unexpected argument \"x\""),
            ("run x", "unexpected argument \"x\""),
            ("--format mozdef", "invalid option '--format'"),
            ("convert --format cef", "unknown format \"cef\"; must be mozdef or ecs"),
            ("convert --resolve-ids=here", "unknown value \"here\" of --resolve-ids; must be local, always or never"),
            ("run --resolve-ids=never", "invalid option '--resolve-ids'"),
            ("check --keys=x", "unknown list of keys \"x\"; must be list, conf or man"),
            ("run --keys", "invalid option '--keys'"),
            ("--config", "missing argument for option '--config'"),
        ] {
            assert_eq!(asked(line), Err(part.into()));
        }
    }
}
