//! What `/proc` tells of processes, for events of this machine that arrive as they happen.
//!
//! `/proc` shows a process as it is now. That says something about the past only in two cases: the process started before
//! the event, so it is the one that had the number then; and its name was the same before the event and after it.

use super::{
    process::Name,
    table::{Generations, Weigh},
};
use nix::time::{ClockId, clock_gettime};
use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The number of processes in each of the two generations.
const PROCESSES: usize = 8192;
/// How far the time in a record may be behind the time of its event, in milliseconds: the kernel's coarse clock, and
/// starts of processes in hundredths of a second.
const COARSE: i64 = 30;
/// How old the events of this moment may be, in milliseconds.
const JUST_NOW: i64 = 10_000;
/// The number of the first process number namespace (`PROC_PID_INIT_INO` in the kernel's proc_ns.h).
const FIRST_NAMESPACE: &str = "pid:[4026531836]";
/// Ticks in a second, in `/proc/PID/stat`. It is 100 on all machines that Rust knows (`USER_HZ`).
const TICK: i64 = 10;

/// A process as `/proc` showed it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// When it started, in ticks since the boot.
    start: i64,
    pub(super) name: Name,
    /// The times of the first and the last reading that showed this, in milliseconds since 1970.
    first: i64,
    last: i64,
    /// The serial of the event at which the first of them was made.
    pub(super) serial: u64,
}

impl Weigh for Reading {
    fn bytes(&self) -> usize {
        0
    }
}

impl Reading {
    /// True if its name was this one at that time.
    pub(super) fn covers(&self, time: i64) -> bool {
        self.first <= time && time <= self.last
    }
}

/// The processes of this machine.
#[derive(Debug)]
pub(super) struct Proc {
    readings: Generations<u32, Reading>,
}

impl Proc {
    /// Reads all processes that run now. `None` where process numbers aren't those of records.
    pub(super) fn open() -> Option<Self> {
        let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
        if namespace != Path::new(FIRST_NAMESPACE) {
            return None;
        }
        let mut proc = Self { readings: Generations::new(PROCESSES, usize::MAX) };
        for entry in fs::read_dir("/proc").ok()?.filter_map(Result::ok) {
            if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                proc.read(pid, i64::MAX, 0);
            }
        }
        Some(proc)
    }

    /// True if an event of that time may be about processes that run now.
    pub(super) fn is_now(time: i64) -> bool {
        (now() - time).abs() <= JUST_NOW
    }

    /// The serial of the event at which a process was read first.
    pub(super) fn serial(&mut self, pid: u32) -> u64 {
        self.readings.touch(&pid).map_or(0, |reading| reading.serial)
    }

    /// Forgets what was read of a process.
    pub(super) fn forget(&mut self, pid: u32) {
        self.readings.remove(&pid);
    }

    /// The process with a number, read after an event of that time. `None` if it has ended.
    pub(super) fn read(&mut self, pid: u32, time: i64, serial: u64) -> Option<Reading> {
        let known = self.readings.touch(&pid).copied();
        if let Some(known) = known.filter(|known| known.last.saturating_sub(COARSE) > time) {
            return Some(known);
        }
        let (start, name) = stat(&fs::read(format!("/proc/{pid}/stat")).ok()?)?;
        let now = now();
        let same = known.filter(|known| known.start == start && known.name == name);
        let (first, serial) = same.map_or((now, serial), |known| (known.first, known.serial));
        let reading = Reading { start, name, first, last: now, serial };
        self.readings.insert(pid, reading);
        Some(reading)
    }
}

impl Reading {
    /// True if the process ran already when an event of that time happened.
    pub(super) fn ran_at(&self, time: i64) -> bool {
        let since_boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |now| millis(Duration::from(now)));
        now() - since_boot + self.start.saturating_mul(TICK) <= time + COARSE
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

/// Reads start and name from `/proc/PID/stat`. The name may have any bytes, also brackets and spaces.
fn stat(text: &[u8]) -> Option<(i64, Name)> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    // The fields after the name are numbered from 3; the start is field 22.
    let start = text.get(close + 2..)?.split(|byte| *byte == b' ').nth(22 - 3)?;
    let start = str::from_utf8(start).ok()?.parse().ok()?;
    Some((start, Name::new(text.get(open + 1..close)?)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn start_and_name_are_read() {
        let text = b"7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 10 20 30\n";
        let (start, name) = stat(text).unwrap();
        assert_eq!((start, name.bytes()), (4711, &b"a) b (c"[..]));
        for wrong in [&b""[..], b"7 (a", b"7 a) S 1", b"7 (a) S 1 2"] {
            assert!(stat(wrong).is_none());
        }
    }

    #[test]
    fn a_name_is_known_between_two_readings() {
        let Some(mut proc) = Proc::open() else { return };
        let me = std::process::id();
        let before = now();
        let reading = proc.read(me, before, 1).unwrap();
        assert!(reading.first <= before && reading.covers(reading.first) && reading.ran_at(before));
        assert!(!reading.covers(reading.first - 1), "it may have had another name");
        assert!(!reading.ran_at(before - 1000 * 60 * 60 * 24 * 365 * 40));
        assert!(proc.read(u32::MAX, before, 1).is_none());
        assert!(Proc::is_now(before) && !Proc::is_now(before - 60_000));
    }
}
