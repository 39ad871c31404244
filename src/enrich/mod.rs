//! Adds to an event what earlier events told about its processes. It is one stage for the whole program, before the
//! filters: events that a filter drops tell something too.
//!
//! | file | what it holds |
//! |---|---|
//! | `subject.rs` | reads which process an event is about |
//! | `processes.rs` | the table of processes, and how long an entry is true |
//! | `process.rs` | one entry |
//! | `node.rs` | one machine |
//! | `serials.rs` | which events are missing |
//! | `numbers.rs` | when a process number may belong to another process |
//! | `proc.rs` | what `/proc` tells |
//! | `table.rs` | a map whose size has a limit |

mod node;
mod numbers;
mod proc;
mod process;
mod processes;
mod serials;
mod subject;
mod table;

use crate::{
    auparse::Interpreter,
    event::{Event, EventId, LinuxEvent, record_type, to_number},
    format::arguments::Arguments,
};
use proc::Proc;
use process::Moment;
use processes::{News, Processes};
use subject::{Action, Reader, Records};

pub use process::Process;

/// An entry that was confirmed this long ago, in milliseconds, needs no look into `/proc`.
const FRESH: i64 = 2000;

/// The origin of records. It decides whether `/proc` may be asked about their processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This machine, now. Names of processes may be read from `/proc`.
    Live,
    /// A log, perhaps of another machine or another time.
    Log,
}

/// What is known about an event besides its records.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The parent of the process, if something is known of it that was true at the time of the event.
    pub parent: Option<&'c Process>,
    /// The arguments of the program that the event is the start of.
    pub arguments: &'c Arguments,
}

/// The context of a message of auship itself.
static NO_ARGUMENTS: Arguments = Arguments::none();

impl Default for Context<'_> {
    fn default() -> Self {
        Self { parent: None, arguments: &NO_ARGUMENTS }
    }
}

impl Context<'_> {
    /// The parent, if it has this number.
    pub fn parent(&self, ppid: u32) -> Option<&Process> {
        self.parent.filter(|parent| parent.pid() == ppid)
    }
}

/// Learns from events, and tells what it knows.
#[derive(Debug)]
pub struct Enricher {
    processes: Processes,
    reader: Reader,
    arguments: Arguments,
    /// For events of this machine that arrive as they happen.
    proc: Option<Proc>,
    /// A parent of which only `/proc` tells the name.
    shown: Option<Process>,
}

impl Enricher {
    /// Starts with no knowledge of processes, or with what `/proc` tells of them.
    pub fn new(origin: Origin) -> Self {
        Self {
            processes: Processes::new(),
            reader: Reader::default(),
            arguments: Arguments::default(),
            proc: if origin == Origin::Live { Proc::open() } else { None },
            shown: None,
        }
    }

    /// Notes that a record of an event arrived, before the event itself.
    pub fn arrives(&mut self, id: EventId, node: u64) {
        self.processes.arrives(id, node);
    }

    /// Learns from an event, and returns what was known at its time.
    pub fn look(&mut self, event: &mut Event) -> Context<'_> {
        let Event::Linux(event, interpreter) = event else { return Context::default() };
        let records = Records::of(event);
        self.arguments.give_back();
        self.arguments.gather(event, interpreter, records.execve);
        let node = event.node_id();
        let Some(mut now) = self.processes.moment(node, event, &records) else {
            return Context { parent: None, arguments: &self.arguments };
        };
        if let Some(number) = records.dumps
            && let Some(pid) = number_of(event, number, b"pid")
        {
            self.processes.end(node, pid, now);
        }
        let ppid = match (records.syscall, records.uring) {
            (Some(number), _) => self.learn(event, interpreter, node, number, &mut now),
            (None, Some(number)) => number_of(event, number, b"ppid"),
            (None, None) => None,
        };
        let ppid = ppid.filter(|ppid| *ppid > 0);
        let parent = match ppid.map(|ppid| (ppid, self.find_parent(node, ppid, now))) {
            Some((ppid, Parent::InTable)) => self.processes.get(node, ppid),
            Some((_, Parent::Shown)) => self.shown.as_ref(),
            _ => None,
        };
        Context { parent, arguments: &self.arguments }
    }

    /// Learns from a system call. Returns the number of the parent.
    fn learn(
        &mut self,
        event: &LinuxEvent,
        interpreter: &mut Interpreter,
        node: u64,
        number: usize,
        now: &mut Moment,
    ) -> Option<u32> {
        let subject = self.reader.read(event, interpreter, number)?;
        let value = |name: &[u8]| event.value(event.records().get(number)?, name);
        let executes = self.arguments.len() > 0 || subject.action == Action::Execute;
        let news = if executes && value(b"success") == Some(b"yes") {
            News::Executes(complete(event, &self.arguments))
        } else {
            News::Nothing
        };
        *now = self.processes.teach(node, &subject, news, *now);
        match subject.action {
            Action::Fork => {
                if let Some(child) = value(b"exit").and_then(to_number).filter(|child| *child > 0) {
                    self.processes.copy(node, &subject, child, *now);
                }
            }
            Action::Exit => self.processes.end(node, subject.pid, *now),
            Action::Execute | Action::Other => (),
        }
        Some(subject.ppid)
    }

    /// Finds the parent of an event's process.
    fn find_parent(&mut self, node: u64, ppid: u32, now: Moment) -> Parent {
        // A node may be another machine.
        match &mut self.proc {
            Some(proc) if node == 0 && Proc::is_now(now.time) => {
                let (parent, shown) = live_parent(proc, &mut self.processes, ppid, now);
                self.shown = shown;
                parent
            }
            _ => Parent::of_table(self.processes.confirm(node, ppid, now)),
        }
    }
}

/// Where a parent is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parent {
    InTable,
    /// Only `/proc` shows it.
    Shown,
    Unknown,
}

impl Parent {
    fn of_table(holds: bool) -> Self {
        if holds { Self::InTable } else { Self::Unknown }
    }
}

/// Finds the parent of a process of this machine, for an event that has just happened.
fn live_parent(proc: &mut Proc, processes: &mut Processes, ppid: u32, now: Moment) -> (Parent, Option<Process>) {
    let seen = processes.get(0, ppid).map(|process| process.seen.time);
    let is_fresh = seen.is_some_and(|seen| (now.time - seen).abs() <= FRESH);
    if is_fresh && processes.confirm(0, ppid, now) {
        return (Parent::InTable, None);
    }
    if !processes.is_unchanged(0, ppid, proc.serial(ppid), now) {
        proc.forget(ppid);
    }
    let Some(reading) = proc.read(ppid, now.time, now.serial) else {
        // It has ended since.
        return (Parent::of_table(processes.confirm(0, ppid, now)), None);
    };
    let is_same = seen.is_some_and(|seen| reading.ran_at(seen));
    if is_same && processes.confirm_running(0, ppid, now) {
        processes.compare_name(0, ppid, reading.name);
        return (Parent::InTable, None);
    }
    if seen.is_some() && !is_same {
        processes.end(0, ppid, now);
    }
    // It may have had other names between the two readings, if it executed programs. Rules that watch that show it.
    let had_no_other = processes.is_unchanged(0, ppid, reading.serial, now);
    if had_no_other && reading.covers(now.time) && reading.ran_at(now.time) {
        (Parent::Shown, Some(Process::named(ppid, reading.name, now)))
    } else {
        (Parent::Unknown, None)
    }
}

/// The number of a process in a field of a record.
fn number_of(event: &LinuxEvent, number: usize, name: &[u8]) -> Option<u32> {
    event.value(event.records().get(number)?, name).and_then(to_number)
}

/// The arguments, if none is missing.
fn complete<'a>(event: &LinuxEvent, arguments: &'a Arguments) -> Option<&'a Arguments> {
    let argc = event.first(record_type::EXECVE).and_then(|record| event.value(record, b"argc")).and_then(to_number);
    let all = argc.is_some_and(|argc| usize::try_from(argc) == Ok(arguments.len()));
    (all && !event.partial).then_some(arguments)
}

#[cfg(test)]
mod tests;
