//! What is known of one process.

use super::{node::Node, numbers::Position, subject::Subject, table::Weigh};
use crate::format::arguments::Arguments;
use memchr::{memchr, memchr_iter};
use std::rc::Rc;

/// The longest name that is kept. `TASK_COMM_LEN` is 16 with its NUL; names from user space may be a little longer.
const MAX_NAME: usize = 31;
/// Arguments are not kept if all of them together have more bytes than this.
const MAX_ARGUMENTS: usize = 4096;

/// How long an entry holds after it was confirmed, in milliseconds. With 4,194,304 numbers, the default on 64-bit
/// machines with systemd, 7,000 processes would have to start in each second of it until a number comes again. Where
/// there are fewer numbers, [`super::numbers`] notices that they begin again.
const CONFIRMED: i64 = 10 * 60 * 1000;
/// The same on a host with a few thousand process numbers, in milliseconds. It may give all of them out in a second.
const CONFIRMED_OF_FEW: i64 = 100;

/// The name of a process. It is empty if it isn't known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    bytes: [u8; MAX_NAME],
    len: u8,
}

impl Name {
    /// A name. It is empty if this one is too long.
    pub(super) fn new(name: &[u8]) -> Self {
        let mut bytes = [0; MAX_NAME];
        match (bytes.get_mut(..name.len()), u8::try_from(name.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(name);
                Self { bytes, len }
            }
            _ => Self::default(),
        }
    }

    /// The name that the kernel gives to a process when it executes this program: the first 15 bytes of the file's name.
    /// It is empty if `comm` is another one. A thread may have that, or a process that named itself.
    pub(super) fn of_program(executable: &[u8], comm: &[u8]) -> Self {
        let file = executable.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if file.get(..15).unwrap_or(file) == comm { Self::new(comm) } else { Self::default() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// The program that a process executes, according to its events.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    /// The path of the program. Then the arguments, each followed by a NUL, if they are known.
    bytes: Rc<[u8]>,
    /// The length of the path.
    path: usize,
}

impl Program {
    /// A program and its arguments, if all of them are known. `scratch` is any buffer.
    pub(super) fn new(executable: &[u8], arguments: Option<&Arguments>, scratch: &mut Vec<u8>) -> Self {
        let executable = if executable.len() > MAX_ARGUMENTS { &[] } else { executable };
        scratch.clear();
        scratch.extend_from_slice(executable);
        // Incomplete arguments are worse than none. The kernel passes none with a NUL.
        let kept = |all: &&Arguments| all.command().len() < MAX_ARGUMENTS && memchr(0, all.command()).is_none();
        if let Some(arguments) = arguments.filter(kept) {
            arguments.append_terminated(scratch);
        }
        Self { bytes: Rc::from(scratch.as_slice()), path: executable.len() }
    }

    pub(super) fn executable(&self) -> &[u8] {
        self.bytes.get(..self.path).unwrap_or_default()
    }

    fn arguments(&self) -> &[u8] {
        self.bytes.get(self.path..).unwrap_or_default()
    }
}

/// When something was known to be true.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    /// The serial of the event that showed it.
    pub(super) serial: u64,
    /// The time of that event, in milliseconds since 1970.
    pub(super) time: i64,
    /// The number of starts of the host by then.
    pub(super) boot: u64,
    /// How far the kernel was with giving out process numbers.
    pub(super) position: Position,
}

/// Whether an entry is about a process that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its events show that it runs.
    Running,
    /// A system call that makes a process returned its number. It is a copy of the process with the number `of`. It isn't
    /// known yet whether this is its number in records too: in a container it isn't.
    Copied { of: u32 },
    /// It has ended.
    Ended,
}

/// A process, as far as its events tell.
#[derive(Clone, Debug)]
pub struct Process {
    pub(super) state: State,
    pub(super) name: Name,
    pub(super) program: Program,
    pub(super) pid: u32,
    pub(super) ppid: u32,
    /// False if it is surely a copy of another process, and has executed no program since.
    pub(super) executed: bool,
    /// The time of its first event, in milliseconds since 1970.
    pub(super) first: i64,
    /// The serial from which on name and program are right.
    pub(super) since: u64,
    /// The serial of its own last event.
    pub(super) own: u64,
    /// The serial up to which its name and arguments are known to be right.
    pub(super) whole_until: u64,
    /// False if an event is missing that may have changed its name or arguments. Then only its path is known.
    pub(super) whole: bool,
    /// When it was last known to run.
    pub(super) seen: Moment,
}

impl Process {
    /// A process of which only the name is known.
    pub(super) fn named(pid: u32, name: Name, now: Moment) -> Self {
        Self {
            state: State::Running,
            name,
            program: Program::default(),
            pid,
            ppid: 0,
            executed: false,
            first: now.time,
            since: now.serial,
            own: now.serial,
            whole_until: now.serial,
            whole: true,
            seen: now,
        }
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The name that the process has had since it executes its program. Empty if it isn't known.
    pub fn name(&self) -> &[u8] {
        let name = self.name.bytes();
        if self.whole || Name::of_program(self.executable(), name) == self.name { name } else { b"" }
    }

    /// The path of the program. Empty if it isn't known.
    pub fn executable(&self) -> &[u8] {
        self.program.executable()
    }

    /// True if the arguments are known.
    pub fn has_arguments(&self) -> bool {
        !self.joined().is_empty()
    }

    /// The arguments.
    pub fn arguments(&self) -> impl Iterator<Item = &[u8]> {
        self.joined().strip_suffix(b"\0").map(|all| all.split(|byte| *byte == 0)).into_iter().flatten()
    }

    fn joined(&self) -> &[u8] {
        if self.whole { self.program.arguments() } else { &[] }
    }

    /// The number of arguments.
    pub fn argument_count(&self) -> usize {
        memchr_iter(0, self.joined()).count()
    }

    /// Appends the arguments, joined by one space.
    pub fn append_command_line(&self, out: &mut Vec<u8>) {
        let arguments = self.joined().strip_suffix(b"\0").unwrap_or_default();
        out.extend(arguments.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }));
    }
}

impl Process {
    /// True if it was seen since the start of the host.
    pub(super) fn boot_is(&self, now: Moment) -> bool {
        self.seen.boot == now.boot
    }

    /// True if its number wasn't given to another process since it was seen, as far as that is known.
    pub(super) fn may_be_same(&self, node: &Node, now: Moment) -> bool {
        self.boot_is(now)
            && (now.time - self.seen.time).abs() <= if node.numbers.are_few() { CONFIRMED_OF_FEW } else { CONFIRMED }
            && !node.numbers.may_be_reused(self.pid, self.seen.position)
    }

    /// Notes that it runs at a moment, if no event is missing that may have changed that.
    pub(super) fn runs_at(&mut self, node: &Node, now: Moment) -> bool {
        let runs = self.state == State::Running
            && self.since <= now.serial
            && node.serials.is_whole(self.seen.serial, now.serial);
        if runs {
            self.see(now);
            self.note_whole(node, now);
        }
        runs
    }

    /// Notes whether an event is missing that may have changed its name or arguments.
    fn note_whole(&mut self, node: &Node, now: Moment) {
        self.whole = node.serials.is_whole(self.whole_until, now.serial);
        if self.whole {
            self.whole_until = self.whole_until.max(now.serial);
        }
    }

    fn see(&mut self, now: Moment) {
        if now.serial >= self.seen.serial {
            self.seen = now;
        }
    }

    /// True if this is the process that `parent` began to make at `now`.
    pub(super) fn is_child(&self, parent: u32, now: Moment) -> bool {
        self.ppid == parent && self.first >= now.time && !matches!(self.state, State::Copied { .. })
    }

    /// True if an event of this process, with this parent, goes on with the same process.
    pub(super) fn goes_on(&self, ppid: u32) -> bool {
        match self.state {
            // The parent of a process that has lost its own is usually the first process.
            State::Running => ppid == self.ppid || ppid == 1,
            State::Copied { of } => ppid == of,
            State::Ended => false,
        }
    }

    /// Notes an event of the process that runs the same program as before.
    pub(super) fn confirm(&mut self, subject: &Subject, node: &Node, now: Moment) {
        if self.state == State::Running {
            self.see(now);
        } else {
            (self.state, self.seen) = (State::Running, now);
        }
        (self.own, self.ppid) = (now.serial, subject.ppid);
        self.note_whole(node, now);
        if self.name.bytes() != subject.comm {
            // Either one of its threads has another name, or the process has named itself.
            self.name = Name::default();
        }
    }
}

impl Weigh for Process {
    fn bytes(&self) -> usize {
        // Copies share a program. It counts for each of them, because it stays as long as any of them.
        self.program.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_whole_or_absent() {
        let process = |arguments: &[&[u8]]| Process {
            program: Program::new(b"/bin/sh", Some(&Arguments::of(arguments)), &mut Vec::new()),
            ..Process::named(1, Name::default(), Moment::default())
        };
        for arguments in [&[&b"sh"[..], b"", b"-c"][..], &[b""], &[b"", b""]] {
            let process = process(arguments);
            assert_eq!((process.has_arguments(), process.argument_count()), (true, arguments.len()));
            assert_eq!(process.arguments().collect::<Vec<_>>(), arguments);
            let mut line = Vec::new();
            process.append_command_line(&mut line);
            assert_eq!(line, arguments.join(&b' '));
        }
        for arguments in [&[][..], &[&[b'x'; MAX_ARGUMENTS][..]], &[b"a\0b"]] {
            let process = process(arguments);
            assert!(!process.has_arguments() && process.arguments().next().is_none());
            assert_eq!((process.executable(), process.argument_count()), (&b"/bin/sh"[..], 0));
        }
        assert!(Program::new(&[b'x'; MAX_ARGUMENTS + 1], None, &mut Vec::new()).executable().is_empty());
    }

    #[test]
    fn a_name_is_that_of_the_program_or_unknown() {
        assert_eq!(Name::of_program(b"/usr/bin/bash", b"bash").bytes(), b"bash");
        assert_eq!(Name::of_program(b"/usr/bin/a-very-long-name", b"a-very-long-nam").bytes(), b"a-very-long-nam");
        for (executable, comm) in
            [(&b"/usr/bin/bash"[..], &b"backup.sh"[..]), (b"/usr/bin/java", b"worker"), (b"", b"x")]
        {
            assert_eq!(Name::of_program(executable, comm), Name::default());
        }
        assert_eq!([MAX_NAME, MAX_NAME + 1].map(|len| Name::new(&vec![b'x'; len]).bytes().len()), [MAX_NAME, 0]);
    }
}
