//! Finds the records that tell about processes, and reads the SYSCALL record: which process did what.

use crate::{
    auparse::{Interpreter, Type, syscall_names},
    event::{Field, FieldRef, LinuxEvent, Span, is_quoted, is_unknown, record_type, to_number, unquoted},
};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// The most system calls that are remembered.
const MAX_CALLS: usize = 4096;

/// The records of an event that matter here.
#[derive(Default)]
pub(super) struct Records {
    pub(super) syscall: Option<usize>,
    /// A request in an io_uring. It has numbers of processes too.
    pub(super) uring: Option<usize>,
    pub(super) execve: bool,
    /// The process is killed by a signal, and dumps its memory.
    pub(super) dumps: Option<usize>,
    /// The host was started.
    pub(super) starts: bool,
    /// The record of the system call was lost.
    pub(super) lacks_subject: bool,
}

impl Records {
    /// Finds them.
    pub(super) fn of(event: &LinuxEvent) -> Self {
        let (mut records, mut of_call) = (Self::default(), false);
        for (number, record) in event.records().iter().enumerate() {
            match record.record_type {
                record_type::SYSCALL => records.syscall = records.syscall.or(Some(number)),
                record_type::URINGOP => records.uring = records.uring.or(Some(number)),
                record_type::EXECVE => (records.execve, of_call) = (true, true),
                record_type::CWD | record_type::PATH | record_type::PROCTITLE => of_call = true,
                record_type::ANOM_ABEND => records.dumps = Some(number),
                record_type::SYSTEM_BOOT | record_type::KERNEL => records.starts = true,
                _ => (),
            }
        }
        records.lacks_subject = of_call && records.syscall.is_none() && records.uring.is_none();
        records
    }
}

/// What a system call means for the table of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It executes a program.
    Execute,
    /// It makes a process, or a thread.
    Fork,
    /// It ends the process. (`exit` ends one thread of it. Other threads may go on, so it tells nothing.)
    Exit,
    /// Anything else.
    Other,
}

/// The fields of a SYSCALL record that are needed here. Kernels write them at the same places in each record.
const NAMES: [u64; 6] = [word(b"arch"), word(b"syscall"), word(b"ppid"), word(b"pid"), word(b"comm"), word(b"exe")];

/// A text of at most 8 bytes as a number. Numbers are faster to compare.
const fn word(text: &[u8]) -> u64 {
    let mut word = 0;
    let mut n = text.len();
    while n > 0 {
        n -= 1;
        word = word << 8 | text[n] as u64;
    }
    word
}

/// The text of a span as [`word`] gives it. `None` if it is longer, or empty.
fn word_of(event: &LinuxEvent, span: Span) -> Option<u64> {
    let bytes = event.prefix(span)?.first_chunk()?;
    let unused = 8_usize.checked_sub(span.len()).filter(|unused| *unused < 8)?;
    Some(u64::from_le_bytes(*bytes) << (8 * unused) >> (8 * unused))
}

/// Reads SYSCALL records. It remembers where fields stand and what system calls mean.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The places of [`NAMES`] in the last record.
    places: [usize; NAMES.len()],
    /// Actions by the texts of `arch` and `syscall`.
    actions: HashMap<(u64, u64), Action, RandomState>,
    comm: Vec<u8>,
    exe: Vec<u8>,
}

/// The process that made a system call, as the record shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'s> {
    pub(super) pid: u32,
    pub(super) ppid: u32,
    /// The name of the thread. Empty if it isn't known.
    pub(super) comm: &'s [u8],
    /// The path of the program. Empty if it isn't known.
    pub(super) exe: &'s [u8],
    pub(super) action: Action,
}

impl Reader {
    /// Reads the record with that number. `None` if it names no process.
    pub(super) fn read<'s>(
        &'s mut self,
        event: &'s LinuxEvent,
        interpreter: &mut Interpreter,
        number: usize,
    ) -> Option<Subject<'s>> {
        let record = event.records().get(number)?;
        let fields = event.fields(record);
        let mut found = [None; NAMES.len()];
        for ((name, place), found) in NAMES.iter().zip(&mut self.places).zip(&mut found) {
            let is_it = |field: &&Field| word_of(event, field.name) == Some(*name);
            *found = fields.get(*place).filter(is_it).copied().or_else(|| {
                let at = fields.iter().position(|field| is_it(&field))?;
                *place = at;
                fields.get(at).copied()
            });
        }
        let [arch, call, ppid, pid, comm, exe] = found;
        let id = |field: Option<Field>| to_number(event.bytes(field?.value));
        let short = |field: Option<Field>| word_of(event, field?.value);
        let action = match (short(arch), short(call)) {
            (Some(arch), Some(call)) => match self.actions.get(&(arch, call)) {
                Some(action) => *action,
                None => {
                    let action = action(event, interpreter, number);
                    if self.actions.len() >= MAX_CALLS {
                        self.actions.clear();
                    }
                    self.actions.insert((arch, call), action);
                    action
                }
            },
            _ => action(event, interpreter, number),
        };
        let place = |field| FieldRef { event, number, record, field };
        let mut text = |field: Option<Field>, to: &'s mut Vec<u8>| match field.map(place) {
            Some(place) if is_unknown(place.text()) => b"",
            // Nearly always the text is quoted. Then nothing is decoded, and nothing has to be copied.
            Some(place) if is_quoted(place.text()) => unquoted(place.text()),
            Some(place) => {
                to.clear();
                to.extend_from_slice(interpreter.value(place, Type::Escaped, None));
                to.as_slice()
            }
            None => b"",
        };
        let (comm, exe) = (text(comm, &mut self.comm), text(exe, &mut self.exe));
        Some(Subject { pid: id(pid).filter(|pid| *pid > 0)?, ppid: id(ppid).unwrap_or(0), comm, exe, action })
    }
}

fn action(event: &LinuxEvent, interpreter: &mut Interpreter, number: usize) -> Action {
    let call = event.records().get(number).and_then(|record| interpreter.syscall(event, number, record));
    match call.map(|call| syscall_names(interpreter.syscall_name(call)).0) {
        Some(b"fork" | b"vfork" | b"clone" | b"clone2" | b"clone3") => Action::Fork,
        Some(b"execve" | b"execveat") => Action::Execute,
        Some(b"exit_group") => Action::Exit,
        _ => Action::Other,
    }
}
