//! The table of processes: what events tell of them, and how long it is true.
//!
//! What an entry says must be true at the time of the event that it is said of. So an entry holds only
//!
//! - until its process ends or executes another program, until a new process gets its number, and until the host starts;
//! - while no event is missing since it was confirmed, because that one may have changed it;
//! - for ten minutes after it was confirmed, and until the kernel may have given its number to another process: a
//!   process that is killed leaves no event.
//!
//! An event of the process confirms its entry. So does an event of a child, while the entry holds.

use super::{
    node::Node,
    process::{Moment, Name, Process, Program, State},
    serials::millis,
    subject::{Records, Subject},
    table::Generations,
};
use crate::{
    event::{EventId, LinuxEvent},
    format::arguments::Arguments,
};

/// The number of processes in each of the two generations.
const PROCESSES: usize = 8192;
/// The bytes of programs and their arguments in each of the two generations.
const MAX_BYTES: usize = 4 << 20;
/// The number of nodes in each of the two generations.
const NODES: usize = 1024;

/// What an event tells of the program that its process executes.
#[derive(Clone, Copy)]
pub(super) enum News<'a> {
    /// The process executes this program from now on. The arguments are given if all of them are known.
    Executes(Option<&'a Arguments>),
    /// Nothing new.
    Nothing,
}

/// A process: its node and its number.
type Key = (u64, u32);

/// All processes of all nodes.
#[derive(Debug)]
pub(super) struct Processes {
    nodes: Generations<u64, Node>,
    table: Generations<Key, Process>,
    /// The number of starts of hosts so far.
    boots: u64,
    nothing: Program,
    scratch: Vec<u8>,
}

impl Processes {
    pub(super) fn new() -> Self {
        Self {
            nodes: Generations::new(NODES, usize::MAX),
            table: Generations::new(PROCESSES, MAX_BYTES),
            boots: 0,
            nothing: Program::default(),
            scratch: Vec::new(),
        }
    }

    /// Notes that a record of an event arrived. Serials that begin again end all knowledge of a node.
    pub(super) fn arrives(&mut self, id: EventId, node: u64) {
        match self.nodes.touch(&node) {
            Some(node) => {
                if id.serial > 0 && !node.serials.note(id) {
                    self.boots += 1;
                    node.start(self.boots);
                }
            }
            None => {
                self.boots += 1;
                let mut new = Node { boot: self.boots, ..Node::default() };
                new.serials.note(id);
                self.nodes.insert(node, new);
            }
        }
    }

    /// The moment of an event. `None` if nothing can be known at it. All knowledge of a node ends when `starts` is true.
    pub(super) fn moment(&mut self, id: u64, event: &LinuxEvent, records: &Records) -> Option<Moment> {
        let node = self.nodes.touch(&id)?;
        if !node.serials.has(event.id) {
            return None;
        }
        if records.starts {
            self.boots += 1;
            node.start(self.boots);
        }
        if records.lacks_subject && event.part == 0 {
            node.serials.lose(event.id.serial);
        }
        let position = node.numbers.position();
        Some(Moment { serial: event.id.serial, time: millis(event.id), boot: node.boot, position })
    }

    /// Notes that a process has ended.
    pub(super) fn end(&mut self, node: u64, pid: u32, now: Moment) {
        let Some(process) = self.table.touch(&(node, pid)) else { return };
        // An event that came late may be about a process that had the number before.
        if process.boot_is(now) && now.serial >= process.since {
            let tombstone = Process {
                state: State::Ended,
                name: Name::default(),
                program: self.nothing.clone(),
                own: now.serial,
                since: now.serial,
                seen: now,
                ..*process
            };
            self.table.insert((node, pid), tombstone);
        }
    }

    /// Notes what an event tells of the process that it is about. Returns the moment anew, because the event may tell how
    /// far the numbers are.
    pub(super) fn teach(&mut self, node: u64, subject: &Subject, news: News, mut now: Moment) -> Moment {
        let key = (node, subject.pid);
        let Some(node) = self.nodes.get_mut(&node) else { return now };
        let mut known = self.table.touch(&key).filter(|process| process.boot_is(now));
        let may_be_same = known.as_ref().is_some_and(|process| process.may_be_same(node, now));
        if known.as_ref().is_none_or(|process| process.state != State::Running)
            || !may_be_same
            || matches!(news, News::Executes(_))
        {
            node.numbers.note(subject.pid);
            now.position = node.numbers.position();
        }
        let mut first = now.time;
        if let Some(process) = known.as_mut() {
            if now.serial < process.own {
                // It came late, and a later event told more.
                return now;
            }
            if may_be_same && process.goes_on(subject.ppid) {
                if matches!(news, News::Nothing) && process.executable() == subject.exe {
                    process.confirm(subject, node, now);
                    return now;
                }
                first = process.first;
            }
        }
        // Of a process that was known before, it isn't known any more whether it is still a copy of its parent.
        let executed = known.is_some_and(|process| process.state == State::Running);
        let mut process = self.described(subject, news, first, now);
        process.executed |= executed;
        self.table.insert(key, process);
        now
    }

    /// A process of which nothing else is known than this event tells.
    fn described(&mut self, subject: &Subject, news: News, first: i64, now: Moment) -> Process {
        let (name, arguments) = match news {
            News::Executes(arguments) => (Name::new(subject.comm), arguments),
            News::Nothing => (Name::of_program(subject.exe, subject.comm), None),
        };
        let program = Program::new(subject.exe, arguments, &mut self.scratch);
        Process {
            state: State::Running,
            name,
            program,
            pid: subject.pid,
            ppid: subject.ppid,
            executed: matches!(news, News::Executes(_)),
            first,
            since: now.serial,
            own: now.serial,
            whole_until: now.serial,
            whole: true,
            seen: now,
        }
    }

    /// Notes that a process made another one, to which it gave this number.
    pub(super) fn copy(&mut self, node: u64, subject: &Subject, child: u32, now: Moment) {
        let key = (node, child);
        let parent = self.table.get(&(node, subject.pid)).filter(|process| process.own == now.serial).cloned();
        let before = self.table.touch(&key).filter(|process| process.boot_is(now));
        match (before, parent) {
            (Some(process), _) if process.since > now.serial => (),
            // The new process was faster than its parent, and its first event came before this one.
            (Some(process), parent) if process.is_child(subject.pid, now) => {
                if let Some(parent) = parent
                    && process.state == State::Running
                    && !process.executed
                    && process.executable() == parent.executable()
                {
                    let (program, whole_until) = (parent.program, parent.whole_until);
                    let copy = Process { program, whole_until, ..process.clone() };
                    self.table.insert(key, copy);
                }
            }
            (_, Some(parent)) => {
                let (of, first) = (parent.pid, now.time);
                let state = State::Copied { of };
                let position = self.nodes.get(&node).map_or(now.position, |node| node.numbers.position_of(child));
                let seen = Moment { position, ..now };
                let copy = Process { state, pid: child, ppid: of, executed: false, first, own: 0, seen, ..parent };
                self.table.insert(key, copy);
            }
            (_, None) => self.end(node, child, now),
        }
    }

    /// Confirms the entry of a process that has a child now. False if it doesn't hold.
    pub(super) fn confirm(&mut self, node: u64, pid: u32, now: Moment) -> bool {
        let (Some(process), Some(node)) = (self.table.touch(&(node, pid)), self.nodes.get(&node)) else { return false };
        process.may_be_same(node, now) && process.runs_at(node, now)
    }

    /// Confirms the entry of a process that has run since it was last seen, and maybe longer ago than entries hold. False
    /// if it doesn't hold.
    pub(super) fn confirm_running(&mut self, node: u64, pid: u32, now: Moment) -> bool {
        let (Some(process), Some(node)) = (self.table.touch(&(node, pid)), self.nodes.get(&node)) else { return false };
        process.boot_is(now) && process.runs_at(node, now)
    }

    /// An entry, whether it holds or not.
    pub(super) fn get(&self, node: u64, pid: u32) -> Option<&Process> {
        self.table.get(&(node, pid))
    }

    /// Forgets the name of a process if it has another one now: it may have had that before.
    pub(super) fn compare_name(&mut self, node: u64, pid: u32, now: Name) {
        if let Some(process) = self.table.touch(&(node, pid)).filter(|process| process.name != now) {
            process.name = Name::default();
        }
    }

    /// True if no event since a serial tells of another program of a process, and none is missing.
    pub(super) fn is_unchanged(&self, node: u64, pid: u32, since: u64, now: Moment) -> bool {
        let changed = self.table.get(&(node, pid)).is_some_and(|process| process.boot_is(now) && process.since > since);
        !changed && self.nodes.get(&node).is_some_and(|node| node.serials.is_whole(since, now.serial))
    }
}
