//! `auship convert`: converts logs to JSON lines, as fast as the machine allows.
//!
//! It uses one thread: passing every event to a second thread would cost more time than it saves. Output is collected
//! in one buffer and written in large pieces. It waits without limit for its reader.
//!
//! | file | what it holds |
//! |---|---|
//! | `input.rs` | opens files, and unpacks those that are compressed |
//! | `kind.rs` | recognises files that are no audit logs |
//! | `console.rs` | messages and progress on standard error |

mod console;
mod input;
mod kind;

use crate::{
    auparse::{NameLookup, OutOfMemory, Parser},
    buffer::give_back,
    config::Action,
    document::Document,
    enrich::{Enricher, Origin},
    event::{Event, EventId, Events, UnreadableLine},
    filter::Filters,
    format::{Format, Written},
    receipt::Receipt,
    unreadable::UnreadableReporter,
};
use console::Console;
use input::Input;
use kind::{Judge, NoLog, Verdict};
use std::{
    fmt::{self, Display, Formatter},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};
use thiserror::Error;

/// Size of a read, in bytes.
const BLOCK: usize = 64 << 10;
/// Output collected before a write, in bytes.
const GATHER: usize = 128 << 10;

/// The totals of a conversion.
#[derive(Debug, Default)]
pub struct Totals {
    /// Events found.
    pub events: u64,
    /// Lines that could not be read.
    pub unreadable: u64,
    /// Inputs that could not be opened or read to their end.
    pub failed: Vec<Failed>,
}

/// An input that could not be opened or read to its end.
#[derive(Debug)]
pub struct Failed {
    path: PathBuf,
    why: InputError,
}

#[derive(Debug)]
enum InputError {
    Read(io::Error),
    NoLog(NoLog),
}

impl Display for Failed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let path = name(&self.path);
        match &self.why {
            InputError::Read(e) => write!(f, "can't read {path}: {e}"),
            InputError::NoLog(kind) => write!(f, "{path} {kind}"),
        }
    }
}

/// The name of an input in messages.
fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".into() } else { path.display().to_string() }
}

/// Why a conversion stopped.
#[derive(Debug, Error)]
pub enum Error {
    /// The output could not be written.
    #[error("can't write the output: {0}")]
    Write(io::Error),
    /// libauparse has no memory.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}

/// Formats events and writes them as lines.
struct Output<'a, W> {
    enricher: Enricher,
    filters: &'a mut Filters,
    format: &'a mut Format,
    prepend: &'a [u8],
    postpend: &'a [u8],
    /// Documents that are not written yet, one after the other.
    gathered: Document,
    to: W,
    events: u64,
    failed: Option<io::Error>,
    unreadable: UnreadableReporter,
    console: Console,
}

impl<W: Write> Output<'_, W> {
    fn write(&mut self) {
        if self.failed.is_none() {
            self.failed = self.to.write_all(&self.gathered.body).err();
        }
        self.gathered.clear();
        give_back(&mut self.gathered.body, 4 * GATHER);
    }
}

impl<W: Write> Events for Output<'_, W> {
    fn event(&mut self, mut event: Event<'_, '_>, _receipt: Option<Receipt>) {
        self.events += 1;
        let context = self.enricher.look(&mut event);
        if self.filters.decide(&mut event).action == Action::Drop {
            return;
        }
        let start = self.gathered.len();
        self.gathered.body.extend_from_slice(self.prepend);
        if self.format.write(&mut event, &context, &mut self.gathered) == Written::Skipped {
            self.gathered.body.truncate(start);
            return;
        }
        self.gathered.body.extend_from_slice(self.postpend);
        self.gathered.body.push(b'\n');
        if self.gathered.len() >= GATHER {
            self.write();
        }
    }

    fn unreadable(&mut self, line: UnreadableLine<'_>) {
        if let Some(message) = self.unreadable.line(&line) {
            self.console.message(&message);
        }
    }

    fn arrives(&mut self, id: EventId, node: u64) {
        self.enricher.arrives(id, node);
    }
}

/// Converts files in the given order. `-`, or no file at all, means standard input. A file that can't be opened, or is
/// no log, is skipped and listed in the totals. Lines that can't be read are reported on standard error.
///
/// # Errors
/// When the output can't be written, or libauparse has no memory.
pub fn convert(
    inputs: &[PathBuf],
    names: NameLookup,
    filters: &mut Filters,
    format: &mut Format,
    prepend: &[u8],
    postpend: &[u8],
    to: impl Write,
) -> Result<Totals, Error> {
    let mut totals = Totals::default();
    let mut parser = Parser::new()?;
    parser.set_names(names);
    let gathered = Document { body: Vec::with_capacity(2 * GATHER), ..Document::default() };
    let enricher = Enricher::new(Origin::Log);
    let (unreadable, console) = (UnreadableReporter::new(""), Console::new());
    let mut output = Output {
        enricher,
        filters,
        format,
        prepend,
        postpend,
        gathered,
        to,
        events: 0,
        failed: None,
        unreadable,
        console,
    };
    let standard_input = [PathBuf::from("-")];
    for path in if inputs.is_empty() { &standard_input } else { inputs } {
        output.unreadable.begin(&name(path));
        let read = read_all(path, &mut parser, &mut output);
        match read {
            Ok(()) => parser.end_file(&mut output)?,
            Err(Stop::Input(_)) => parser.abandon_file(&mut output),
            Err(Stop::Output) => break,
            Err(Stop::Memory(e)) => return Err(e.into()),
        }
        if let Err(Stop::Input(why)) = read {
            totals.failed.push(Failed { path: path.clone(), why });
        }
    }
    parser.finish(&mut output)?;
    output.write();
    if output.failed.is_none() {
        output.failed = output.to.flush().err();
    }
    if let Some(message) = output.unreadable.finish() {
        output.console.message(&message);
    }
    output.console.erase();
    totals.events = output.events;
    totals.unreadable = parser.unreadable();
    match output.failed {
        Some(e) => Err(Error::Write(e)),
        None => Ok(totals),
    }
}

/// Why reading one input ended early.
enum Stop {
    Input(InputError),
    Output,
    Memory(OutOfMemory),
}

impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Self {
        Self::Input(InputError::Read(e))
    }
}

fn read_all<W: Write>(path: &Path, parser: &mut Parser, output: &mut Output<W>) -> Result<(), Stop> {
    let mut input = Input::open(path)?;
    let mut block = vec![0; BLOCK];
    let (first, result) = read_first(&mut input, &mut block);
    feed(&block[..first], parser, output)?;
    result?;
    loop {
        output.console.progress(path, &input, output.events);
        match read(&mut input, &mut block)? {
            0 => return Ok(()),
            n => feed(&block[..n], parser, output)?,
        }
    }
}

fn feed<W: Write>(block: &[u8], parser: &mut Parser, output: &mut Output<W>) -> Result<(), Stop> {
    parser.feed(block, output).map_err(Stop::Memory)?;
    if output.failed.is_some() { Err(Stop::Output) } else { Ok(()) }
}

/// Reads the start of an input: up to its first record, or one block. Returns the number of bytes that may be a log.
fn read_first(input: &mut Input, block: &mut [u8]) -> (usize, Result<(), Stop>) {
    let mut judge = Judge::default();
    let mut filled = 0;
    loop {
        let n = match read(input, &mut block[filled..]) {
            Ok(n) => n,
            Err(e) => return (filled, Err(e.into())),
        };
        filled += n;
        match judge.look(&block[..filled], n == 0 || filled == block.len()) {
            Verdict::Open => (),
            Verdict::Log => return (filled, Ok(())),
            Verdict::No(kind) => return (0, Err(Stop::Input(InputError::NoLog(kind)))),
        }
    }
}

fn read(input: &mut Input, to: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(to) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => (),
            other => return other,
        }
    }
}
