//! Names of processes, from the events that went by: who a process's parent was is gone from `/proc` by the time
//! somebody asks, and what an old log says is about another machine's processes anyway.

use foldhash::fast::RandomState;
use std::{
    collections::HashMap,
    fs,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// `TASK_COMM_LEN` is 16 with its NUL; what user space reports may be a little longer.
const MAX_NAME: usize = 31;
/// Names kept in each of two generations.
const GENERATION: usize = 8192;
/// How long a name read from `/proc` may be used: the process may call exec without an audit rule seeing it.
const PROC_FRESH: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug)]
struct Name {
    bytes: [u8; MAX_NAME],
    len: u8,
    /// Set for a name from `/proc`: when it was read.
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

/// A process of a node: hash of its name, and the pid.
type Process = (u64, u32);

/// Process names by node and pid. Two generations bound it: when one is full the older is dropped.
#[derive(Debug)]
pub struct Processes {
    /// Whether `/proc` is that of the machine the events come from.
    live: bool,
    recent: HashMap<Process, Name, RandomState>,
    older: HashMap<Process, Name, RandomState>,
}

impl Processes {
    /// With `live`, names that no event told are read from `/proc`; never so for a log.
    pub fn new(live: bool) -> Self {
        Self { live, recent: HashMap::default(), older: HashMap::default() }
    }

    /// Notes that a process was called `name` (its `comm`) when an event happened.
    pub fn note(&mut self, node: u64, pid: u32, name: &[u8]) {
        if let Some(name) = Name::new(name, None) {
            self.insert((node, pid), name);
        }
    }

    /// The name of a process at `seconds` since 1970, if it is known.
    pub fn name(&mut self, node: u64, pid: u32, seconds: i64) -> Option<&[u8]> {
        let process = (node, pid);
        let known = self.recent.get(&process).or_else(|| self.older.get(&process)).copied();
        let stale = known.is_none_or(|n| n.read.is_some_and(|at| at.elapsed() > PROC_FRESH));
        // A record with a node may come from another machine, an old one from another process of that number.
        if stale && self.live && node == 0 && is_now(seconds) {
            let comm = fs::read(format!("/proc/{pid}/comm")).ok();
            let comm = comm.as_deref().map(|c| c.strip_suffix(b"\n").unwrap_or(c));
            if let Some(name) = comm.and_then(|c| Name::new(c, Some(Instant::now()))) {
                self.insert(process, name);
            }
        } else if stale && known.is_none() {
            return None;
        }
        self.recent.get(&process).or_else(|| self.older.get(&process)).map(Name::bytes)
    }

    fn insert(&mut self, process: Process, name: Name) {
        if self.recent.len() >= GENERATION && !self.recent.contains_key(&process) {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(process, name);
    }
}

/// The time is within a few seconds of the clock's.
fn is_now(seconds: i64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    i64::try_from(now).is_ok_and(|now| (now - seconds).abs() <= 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of an old event.
    const THEN: i64 = 1_700_000_000;

    #[test]
    fn names_come_from_events_and_go_with_time() {
        let mut processes = Processes::new(false);
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
        assert!(processes.recent.len() + processes.older.len() <= 2 * GENERATION);
    }

    #[test]
    fn proc_is_read_only_when_live_and_local() {
        let me = std::process::id();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs().cast_signed());
        assert_eq!(Processes::new(false).name(0, me, now), None);
        assert!(Processes::new(true).name(0, me, now).is_some());
        assert_eq!(Processes::new(true).name(0, me, THEN), None);
        assert_eq!(Processes::new(true).name(5, me, now), None);
        assert_eq!(Processes::new(true).name(0, u32::MAX, now), None);
    }
}
