//! Remembers the names of processes from earlier events. `/proc` alone isn't enough: a parent process may have ended by
//! now, and an old log may be about the processes of another machine.

use foldhash::fast::RandomState;
use std::{
    collections::HashMap,
    fs,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// The longest name that is kept. `TASK_COMM_LEN` is 16 with its NUL; names from user space may be a little longer.
const MAX_NAME: usize = 31;
/// The number of names in each of the two generations.
const GENERATION: usize = 8192;
/// The bytes of programs and their arguments in each of the two generations.
const MAX_BYTES: usize = 4 << 20;
/// Arguments are not kept if all of them together have more bytes than this.
const MAX_ARGUMENTS: usize = 4096;
/// How long a name from `/proc` is used. The process may call exec without an event, if no audit rule matches.
const PROC_FRESH: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug)]
struct Name {
    bytes: [u8; MAX_NAME],
    len: u8,
    /// When the name was read from `/proc`. `None` for a name from an event.
    read: Option<Instant>,
}

impl Name {
    fn new(name: &[u8], read: Option<Instant>) -> Option<Self> {
        let mut bytes = [0; MAX_NAME];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self { bytes, len: u8::try_from(name.len()).ok()?, read })
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// A process: the hash of its node's name, and its pid.
type Process = (u64, u32);

/// The program that a process executes, according to its events.
#[derive(Clone, Debug, Default)]
pub struct Program {
    executable: Box<[u8]>,
    /// The arguments, each followed by a NUL.
    arguments: Box<[u8]>,
}

impl Program {
    /// The path of the program. Empty if it isn't known.
    pub fn executable(&self) -> &[u8] {
        &self.executable
    }

    /// True if the arguments are known.
    pub fn has_arguments(&self) -> bool {
        !self.arguments.is_empty()
    }

    /// The arguments.
    pub fn arguments(&self) -> impl Iterator<Item = &[u8]> {
        self.arguments.strip_suffix(b"\0").unwrap_or_default().split(|byte| *byte == 0)
    }

    fn len(&self) -> usize {
        self.executable.len() + self.arguments.len()
    }
}

/// A map of limited size. It has two generations: when the recent one is full, it replaces the older one.
#[derive(Debug)]
struct Generations<T> {
    recent: HashMap<Process, T, RandomState>,
    older: HashMap<Process, T, RandomState>,
    /// The bytes of the entries in `recent`.
    bytes: usize,
}

impl<T> Default for Generations<T> {
    fn default() -> Self {
        Self { recent: HashMap::default(), older: HashMap::default(), bytes: 0 }
    }
}

impl<T> Generations<T> {
    fn get(&self, process: &Process) -> Option<&T> {
        self.recent.get(process).or_else(|| self.older.get(process))
    }

    /// Inserts an entry. `bytes` returns the size of an entry.
    fn insert(&mut self, process: Process, entry: T, bytes: fn(&T) -> usize) {
        let more = bytes(&entry);
        let many = self.recent.len() >= GENERATION && !self.recent.contains_key(&process);
        if many || self.bytes + more > MAX_BYTES {
            self.older = std::mem::take(&mut self.recent);
            self.bytes = 0;
        }
        let before = self.recent.insert(process, entry);
        self.bytes = self.bytes + more - before.as_ref().map_or(0, bytes);
    }
}

/// The origin of records. It decides whether `/proc` may be asked about their processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This machine, now. Names of processes may be read from `/proc`.
    Live,
    /// A log, perhaps of another machine or another time.
    Log,
}

/// The names and programs of processes, by node and pid.
#[derive(Debug)]
pub struct Processes {
    origin: Origin,
    names: Generations<Name>,
    programs: Generations<Program>,
}

impl Processes {
    /// Starts with no names. With [`Origin::Live`], names that no event had are read from `/proc`.
    pub fn new(origin: Origin) -> Self {
        Self { origin, names: Generations::default(), programs: Generations::default() }
    }

    /// Notes the name of a process (its `comm`) from an event.
    pub fn note(&mut self, node: u64, pid: u32, name: &[u8]) {
        if let Some(name) = Name::new(name, None) {
            self.insert((node, pid), name);
        }
    }

    /// The name of a process at `seconds` since 1970, if it is known.
    pub fn name(&mut self, node: u64, pid: u32, seconds: i64) -> Option<&[u8]> {
        let process = (node, pid);
        let known = self.names.get(&process).copied();
        let stale = known.is_none_or(|n| n.read.is_some_and(|at| at.elapsed() > PROC_FRESH));
        // A record with a node may come from another machine. An old record may be about an earlier process with the
        // same pid.
        if stale && self.origin == Origin::Live && node == 0 && is_now(seconds) {
            let comm = fs::read(format!("/proc/{pid}/comm")).ok();
            let comm = comm.as_deref().map(|c| c.strip_suffix(b"\n").unwrap_or(c));
            if let Some(name) = comm.and_then(|c| Name::new(c, Some(Instant::now()))) {
                self.insert(process, name);
            }
        } else if stale && known.is_none() {
            return None;
        }
        self.names.get(&process).map(Name::bytes)
    }

    /// Notes the program of a process from an event. `arguments` are given if the event is the start of the program.
    pub fn note_program<'a>(
        &mut self,
        node: u64,
        pid: u32,
        executable: &[u8],
        arguments: Option<impl Iterator<Item = &'a [u8]>>,
    ) {
        let known = self.programs.get(&(node, pid));
        if arguments.is_none() && known.is_some_and(|known| *known.executable == *executable) {
            return;
        }
        let mut all = Vec::new();
        for argument in arguments.into_iter().flatten() {
            all.extend_from_slice(argument);
            all.push(0);
            if all.len() > MAX_ARGUMENTS {
                // Incomplete arguments are worse than none.
                all.clear();
                break;
            }
        }
        let executable = if executable.len() > MAX_ARGUMENTS { &[] } else { executable };
        let program = Program { executable: executable.into(), arguments: all.into() };
        self.programs.insert((node, pid), program, Program::len);
    }

    /// The last known program of a process.
    pub fn program(&self, node: u64, pid: u32) -> Option<&Program> {
        self.programs.get(&(node, pid))
    }

    /// Notes that a new process runs the program of its parent.
    pub fn inherit(&mut self, node: u64, parent: u32, child: u32) {
        if let Some(program) = self.program(node, parent).cloned() {
            self.programs.insert((node, child), program, Program::len);
        }
    }

    fn insert(&mut self, process: Process, name: Name) {
        self.names.insert(process, name, |_| 0);
    }
}

/// True if a time is within 10 seconds of the clock.
fn is_now(seconds: i64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    i64::try_from(now).is_ok_and(|now| (now - seconds).abs() <= 10)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The time of an old event.
    const THEN: i64 = 1_700_000_000;

    #[test]
    fn names_come_from_events_and_go_with_time() {
        let mut processes = Processes::new(Origin::Log);
        processes.note(0, 7, b"bash");
        processes.note(1, 7, b"zsh");
        assert_eq!(processes.name(0, 7, THEN), Some(&b"bash"[..]));
        assert_eq!(processes.name(1, 7, THEN), Some(&b"zsh"[..]));
        processes.note(0, 7, b"vi");
        assert_eq!(processes.name(0, 7, THEN), Some(&b"vi"[..]));
        for pid in (100..).take(2 * GENERATION + 2) {
            processes.note(0, pid, b"x");
        }
        assert_eq!(processes.name(0, 7, THEN), None);
        assert!(processes.names.recent.len() + processes.names.older.len() <= 2 * GENERATION);
    }

    #[test]
    fn programs_go_on_until_another_is_executed() {
        let none = None::<std::iter::Empty<&[u8]>>;
        let mut processes = Processes::new(Origin::Log);
        processes.note_program(0, 7, b"/bin/sh", Some([&b"sh"[..], b"", b"-c"].into_iter()));
        processes.note_program(0, 7, b"/bin/sh", none.clone());
        processes.inherit(0, 7, 8);
        let program = processes.program(0, 8).unwrap();
        assert_eq!(program.executable(), b"/bin/sh");
        assert_eq!(program.arguments().collect::<Vec<_>>(), [&b"sh"[..], b"", b"-c"]);
        // An exec that no rule saw.
        processes.note_program(0, 8, b"/bin/ls", none.clone());
        assert!(!processes.program(0, 8).unwrap().has_arguments());
        processes.note_program(0, 7, b"/bin/sh", Some([&[b'x'; MAX_ARGUMENTS][..]].into_iter()));
        assert!(!processes.program(0, 7).unwrap().has_arguments(), "too long to be kept");
        assert!(processes.program(1, 7).is_none());
        for pid in 100..100_000 {
            processes.note_program(0, pid, b"/bin/sh", Some([&[b'x'; MAX_ARGUMENTS - 1][..]].into_iter()));
        }
        assert!(processes.programs.recent.len() < 2 * MAX_BYTES / MAX_ARGUMENTS, "memory is bounded");
        assert!(processes.program(0, 99_999).is_some());
    }

    #[test]
    fn programs_that_grow_are_bounded_too() {
        let none = None::<std::iter::Empty<&[u8]>>;
        let mut processes = Processes::new(Origin::Log);
        let pids = 0..u32::try_from(GENERATION).unwrap();
        pids.clone().for_each(|pid| processes.note_program(0, pid, b"/bin/sh", none.clone()));
        for pid in pids {
            processes.note_program(0, pid, b"/bin/ls", Some([&[b'x'; MAX_ARGUMENTS - 1][..]].into_iter()));
        }
        let held = |all: &HashMap<Process, Program, RandomState>| all.values().map(Program::len).sum::<usize>();
        assert!(held(&processes.programs.recent) <= MAX_BYTES && held(&processes.programs.older) <= MAX_BYTES);
        // A process that executes programs again and again doesn't push out the others.
        for _ in 0..10_000 {
            processes.note_program(0, 1, b"/bin/ls", Some([&b"ls"[..]].into_iter()));
            processes.note_program(0, 2, b"/bin/ls", Some([&[b'x'; 1000][..]].into_iter()));
        }
        assert_eq!(processes.programs.bytes, held(&processes.programs.recent));
    }

    #[test]
    fn proc_is_read_only_when_live_and_local() {
        let me = std::process::id();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs().cast_signed());
        assert_eq!(Processes::new(Origin::Log).name(0, me, now), None);
        assert!(Processes::new(Origin::Live).name(0, me, now).is_some());
        assert_eq!(Processes::new(Origin::Live).name(0, me, THEN), None);
        assert_eq!(Processes::new(Origin::Live).name(5, me, now), None);
        assert_eq!(Processes::new(Origin::Live).name(0, u32::MAX, now), None);
    }
}
