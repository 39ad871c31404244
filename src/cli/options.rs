//! Reads the command line.

use super::help::{HELP, HELP_CHECK, HELP_CONVERT, HELP_MIGRATE, HELP_RUN, HELP_SETUP};
use crate::{
    auparse::ResolveIds,
    config::{self, Reference},
    migrate,
    spool_command::{self, Action},
};
use lexopt::{Arg, Parser, ValueExt};
use std::{ffi::OsString, path::PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Run,
    Convert,
    Check,
    Setup,
    Spool,
    Migrate,
}

impl Command {
    /// The names of all commands, for messages.
    const NAMES: &str = "run, convert, check, setup, spool or migrate";

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "run" => Self::Run,
            "convert" => Self::Convert,
            "check" => Self::Check,
            "setup" => Self::Setup,
            "spool" => Self::Spool,
            "migrate" => Self::Migrate,
            _ => return None,
        })
    }

    fn help(self) -> &'static str {
        match self {
            Self::Run => HELP_RUN,
            Self::Convert => HELP_CONVERT,
            Self::Check => HELP_CHECK,
            Self::Setup => HELP_SETUP,
            Self::Spool => spool_command::HELP,
            Self::Migrate => HELP_MIGRATE,
        }
    }
}

/// A parsed command line.
#[derive(Debug, PartialEq)]
pub(super) struct Options {
    pub(super) command: Command,
    pub(super) config: Option<PathBuf>,
    /// `convert`: the format to write.
    pub(super) format: Option<config::Format>,
    /// `convert`: the logs to read. `spool`: the directory. `migrate`: the file to translate.
    pub(super) files: Vec<PathBuf>,
    /// `convert`: whose ids are looked up on this host.
    pub(super) resolve_ids: Option<ResolveIds>,
    /// `check`: which list of keys to print.
    pub(super) keys: Option<Reference>,
    /// `check`: try the connections.
    pub(super) connect: bool,
    /// `spool`: what to do.
    pub(super) spool: Option<Action>,
    /// `setup` and `check`: the only output to deal with.
    pub(super) output: Option<String>,
    /// `setup`: change nothing.
    pub(super) dry_run: bool,
    /// `setup`: the directory of the JSON files.
    pub(super) from: Option<PathBuf>,
    /// `migrate`: the program whose configuration the file is.
    pub(super) peer: Option<migrate::Peer>,
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
            connect: false,
            spool: None,
            output: None,
            dry_run: false,
            from: None,
            peer: None,
        }
    }

    /// Takes an option of a command.
    fn add_long(&mut self, command: Option<Command>, name: &str, parser: &mut Parser) -> Result<(), lexopt::Error> {
        use Command::{Check, Convert, Migrate, Setup, Spool};
        match (command, name) {
            (Some(Convert), "format") => {
                self.format = Some(one_of(parser, "format", config::Format::named, config::FORMATS)?);
            }
            (Some(Convert), "resolve-ids") => {
                let what = "value of --resolve-ids";
                self.resolve_ids = Some(one_of(parser, what, config::resolve_ids, config::RESOLVE_IDS)?);
            }
            (Some(Check), "keys") => {
                let name = parser.optional_value().map_or_else(|| Ok("list".into()), |name| name.string())?;
                self.keys = Some(named("list of keys", &name, Reference::named, "list, conf or man")?);
            }
            (Some(Check), "connect") => self.connect = true,
            (Some(Setup | Check), "output") => self.output = Some(parser.value()?.string()?),
            (Some(Setup), "dry-run") => self.dry_run = true,
            (Some(Setup), "from") => self.from = Some(parser.value()?.into()),
            (Some(Spool), "all") if matches!(self.spool, Some(Action::Cat { .. })) => {
                self.spool = Some(Action::Cat { all: true });
            }
            (Some(Migrate), "from") => {
                self.peer = Some(one_of(parser, "program", migrate::Peer::named, migrate::PEERS)?);
            }
            _ => return Err(Arg::Long(name).unexpected()),
        }
        Ok(())
    }

    /// Takes a word that isn't an option.
    fn add_word(&mut self, command: Option<Command>, word: OsString) -> Result<(), lexopt::Error> {
        match command {
            Some(Command::Convert) => self.files.push(word.into()),
            Some(Command::Migrate) if self.files.is_empty() => self.files.push(word.into()),
            Some(Command::Spool) if self.files.is_empty() => self.add_spool_word(word)?,
            _ => return Err(Arg::Value(word).unexpected()),
        }
        Ok(())
    }

    /// Takes a word of `spool`: first what to do, then the directory.
    fn add_spool_word(&mut self, word: OsString) -> Result<(), String> {
        if self.spool.is_some() {
            self.files.push(word.into());
            return Ok(());
        }
        self.spool = word.to_str().and_then(Action::named);
        match self.spool {
            None => Err(format!("unknown action {word:?} of spool; must be list, cat or verify")),
            Some(_) => Ok(()),
        }
    }

    /// Finds what is missing, or doesn't go together.
    fn check(&self) -> Result<(), String> {
        match self.command {
            Command::Spool if self.spool.is_none() => Err("spool needs list, cat or verify, and a directory".into()),
            Command::Spool if self.files.is_empty() => {
                Err("spool needs a directory, as in auship spool list /var/spool/auship/siem".into())
            }
            Command::Spool if self.config.is_some() => Err("spool reads no configuration; name the directory".into()),
            Command::Check if self.output.is_some() && !self.connect => Err("--output needs --connect here".into()),
            Command::Check if self.keys.is_some() && self.connect => {
                Err("--keys and --connect don't go together".into())
            }
            _ => Ok(()),
        }
    }
}

/// The value of an option that has a few names for values.
fn one_of<T>(
    parser: &mut Parser,
    what: &str,
    find: impl Fn(&str) -> Option<T>,
    allowed: &str,
) -> Result<T, lexopt::Error> {
    let name = parser.value()?.string()?;
    named(what, &name, find, allowed)
}

fn named<T>(what: &str, name: &str, find: impl Fn(&str) -> Option<T>, allowed: &str) -> Result<T, lexopt::Error> {
    find(name).ok_or_else(|| format!("unknown {what} {name:?}; must be {allowed}").into())
}

/// What a command line asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    Do(Options),
    Print(String),
}

/// Reads a command line, without the name of the program.
pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
    let mut parser = Parser::from_args(args);
    let mut command = None;
    let mut options = Options::new(Command::Run);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => {
                return Ok(Asked::Print(command.map_or(HELP, Command::help).into()));
            }
            Arg::Short('V') | Arg::Long("version") => {
                return Ok(Asked::Print(concat!("auship ", env!("CARGO_PKG_VERSION"), "\n").into()));
            }
            Arg::Short('c') | Arg::Long("config") if command != Some(Command::Migrate) => {
                options.config = Some(parser.value()?.into());
            }
            Arg::Value(word) if command.is_none() => {
                command = word.to_str().and_then(Command::named);
                if command.is_none() {
                    return Err(format!("unknown command {word:?}; must be {}", Command::NAMES).into());
                }
            }
            Arg::Long(name) => {
                let name = name.to_string();
                options.add_long(command, &name, &mut parser)?;
            }
            Arg::Value(word) => options.add_word(command, word)?,
            other => return Err(other.unexpected()),
        }
    }
    options.command = command.unwrap_or(Command::Run);
    options.check()?;
    Ok(Asked::Do(options))
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
        let connect = Options { connect: true, output: Some("es".into()), ..Options::new(Command::Check) };
        assert_eq!(asked("check --connect --output es"), Ok(Asked::Do(connect)));
        for (line, action) in [
            ("spool list /d", Action::List),
            ("spool cat /d", Action::Cat { all: false }),
            ("spool cat /d --all", Action::Cat { all: true }),
            ("spool verify /d", Action::Verify),
        ] {
            let spool = Options { spool: Some(action), files: vec!["/d".into()], ..Options::new(Command::Spool) };
            assert_eq!(asked(line), Ok(Asked::Do(spool)));
        }
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
            ("fly", "unknown command \"fly\"; must be run, convert, check, setup, spool or migrate"),
            ("spool", "spool needs list, cat or verify, and a directory"),
            ("spool list", "spool needs a directory, as in auship spool list /var/spool/auship/siem"),
            ("spool eat /d", "unknown action \"eat\" of spool; must be list, cat or verify"),
            ("spool list --all /d", "invalid option '--all'"),
            ("spool list /d /e", "unexpected argument \"/e\""),
            ("spool list /d -c x", "spool reads no configuration; name the directory"),
            ("check --output x", "--output needs --connect here"),
            ("check --keys --connect", "--keys and --connect don't go together"),
            ("setup --connect", "invalid option '--connect'"),
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
            ("convert --resolve-ids=here", "unknown value of --resolve-ids \"here\"; must be local, always or never"),
            ("run --resolve-ids=never", "invalid option '--resolve-ids'"),
            ("check --keys=x", "unknown list of keys \"x\"; must be list, conf or man"),
            ("run --keys", "invalid option '--keys'"),
            ("--config", "missing argument for option '--config'"),
        ] {
            assert_eq!(asked(line), Err(part.into()));
        }
    }
}
