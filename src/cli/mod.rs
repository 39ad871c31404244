//! The command line.

mod help;
mod options;

use crate::{
    auparse::{NameLookup, ResolveIds},
    config, connect_check, convert,
    filter::Filters,
    format::Format,
    host::{Host, Lookup},
    log, migrate, run, setup, spool_command,
};
use options::{Asked, Command, Options, parse};
use std::{
    ffi::OsString,
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
};

/// Exit status: done.
const DONE: u8 = 0;
/// Exit status: failed while running.
const FAILED: u8 = 1;
/// Exit status: wrong usage or configuration.
const WRONG: u8 = 2;

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
            None if options.connect => connect_command(&options),
            None => check_command(options.config.as_deref()),
        },
        Command::Setup => setup_command(&options),
        Command::Spool => spool_command(&options),
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
        Err(e) => {
            // What was said before comes first.
            log::flush();
            if matches!(e, run::Error::Config(..)) {
                report(&[e]);
                return WRONG;
            }
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

fn connect_command(options: &Options) -> u8 {
    let config = match load(options.config.as_deref()) {
        Ok((_, config)) => config,
        Err(status) => return status,
    };
    match connect_check::check(&config, options.output.as_deref(), &mut io::stdout().lock()) {
        Ok(true) => DONE,
        Ok(false) => FAILED,
        Err(connect_check::Error::Write(e)) if e.kind() == io::ErrorKind::BrokenPipe => DONE,
        Err(e) => {
            complain(&format!("auship: {e}"));
            if matches!(e, connect_check::Error::Write(_)) { FAILED } else { WRONG }
        }
    }
}

fn spool_command(options: &Options) -> u8 {
    let (Some(action), Some(dir)) = (options.spool, options.files.first()) else { return WRONG };
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    match spool_command::run(action, dir, &mut out, |line| complain(&format!("auship: {line}"))) {
        Ok(true) => DONE,
        Ok(false) => FAILED,
        Err(spool_command::Error::Write(e)) if e.kind() == io::ErrorKind::BrokenPipe => DONE,
        Err(e) => {
            complain(&format!("auship: {e}"));
            if e.is_wrong_usage() { WRONG } else { FAILED }
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
