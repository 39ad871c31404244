//! `auship convert`: converts logs to JSON lines, as fast as the machine allows.
//!
//! It uses one thread: passing every event to a second thread would cost more time than it saves. Output is collected
//! in one buffer and written in large pieces. It waits without limit for its reader.

use crate::{
    auparse::{OutOfMemory, Parser},
    buffer::give_back,
    config::Action,
    document::Document,
    enrich::{Enricher, Origin},
    event::{Event, EventId, Events},
    filter::Filters,
    format::{Format, Written},
    receipt::Receipt,
};
use std::{
    fs::File,
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
    pub failed: Vec<(PathBuf, io::Error)>,
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

    fn arrives(&mut self, id: EventId, node: u64) {
        self.enricher.arrives(id, node);
    }
}

/// Converts files in the given order. `-`, or no file at all, means standard input. A file that can't be opened is
/// skipped and listed in the totals.
///
/// # Errors
/// When the output can't be written, or libauparse has no memory.
pub fn convert(
    inputs: &[PathBuf],
    filters: &mut Filters,
    format: &mut Format,
    prepend: &[u8],
    postpend: &[u8],
    to: impl Write,
) -> Result<Totals, Error> {
    let mut totals = Totals::default();
    let mut parser = Parser::new()?;
    let gathered = Document { body: Vec::with_capacity(2 * GATHER), ..Document::default() };
    let enricher = Enricher::new(Origin::Log);
    let mut output = Output { enricher, filters, format, prepend, postpend, gathered, to, events: 0, failed: None };
    let standard_input = [PathBuf::from("-")];
    for path in if inputs.is_empty() { &standard_input } else { inputs } {
        let read = open(path).and_then(|input| read_all(input, &mut parser, &mut output));
        match read {
            Ok(()) => parser.end_file(&mut output)?,
            Err(Stop::Input(e)) => totals.failed.push((path.clone(), e)),
            Err(Stop::Output) => break,
            Err(Stop::Memory(e)) => return Err(e.into()),
        }
    }
    parser.finish(&mut output)?;
    output.write();
    if output.failed.is_none() {
        output.failed = output.to.flush().err();
    }
    totals.events = output.events;
    totals.unreadable = parser.unreadable();
    match output.failed {
        Some(e) => Err(Error::Write(e)),
        None => Ok(totals),
    }
}

/// Why reading one input ended early.
enum Stop {
    Input(io::Error),
    Output,
    Memory(OutOfMemory),
}

impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Self {
        Self::Input(e)
    }
}

fn open(path: &Path) -> Result<Box<dyn Read>, Stop> {
    if path == Path::new("-") { Ok(Box::new(io::stdin().lock())) } else { Ok(Box::new(File::open(path)?)) }
}

fn read_all<W: Write>(mut input: impl Read, parser: &mut Parser, output: &mut Output<W>) -> Result<(), Stop> {
    let mut block = vec![0; BLOCK];
    loop {
        let n = match input.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Stop::Input(e)),
        };
        parser.feed(&block[..n], output).map_err(Stop::Memory)?;
        if output.failed.is_some() {
            return Err(Stop::Output);
        }
    }
}
