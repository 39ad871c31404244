//! A system call of a record, and the names of calls.

use memchr::memchr;

/// A system call with its machine, named by the fields `arch` and `syscall` of a SYSCALL record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syscall {
    pub(super) id: u32,
    /// The first two arguments, if they are short. The meaning of the others can depend on them.
    pub(super) arguments: [Small; 2],
}

/// A short text that is cheap to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Small {
    bytes: [u8; 7],
    len: u8,
}

impl Small {
    /// The text, if it has at most `most` bytes (7 or less); else an empty one.
    pub(super) fn new(text: &[u8], most: usize) -> Self {
        let mut small = Self::default();
        match small.bytes.get_mut(..text.len()) {
            Some(start) if text.len() <= most => {
                start.copy_from_slice(text);
                small.len = u8::try_from(text.len()).unwrap_or(0);
            }
            _ => (),
        }
        small
    }

    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }

    pub(super) fn to_bytes(self) -> [u8; 8] {
        let [a, b, c, d, e, f, g] = self.bytes;
        [a, b, c, d, e, f, g, self.len]
    }
}

/// The names of a system call and its machine.
#[derive(Debug)]
pub(super) struct SyscallNames {
    pub(super) arch: Box<[u8]>,
    pub(super) name: Box<[u8]>,
    /// True when libaudit has the machine's calls. libauparse knows the arguments of these alone.
    pub(super) has_table: bool,
    /// True when the machine has its own numbers of errors and signals.
    pub(super) has_own_numbers: bool,
}

/// Splits a name that libauparse gives from its addition in brackets: the actual call of a multiplexer
/// (`socketcall(connect)`), or the description of an error.
pub fn syscall_names(name: &[u8]) -> (&[u8], Option<&[u8]>) {
    match name.strip_suffix(b")").and_then(|name| Some((name, memchr(b'(', name)?))) {
        Some((name, at)) => (&name[..at], Some(&name[at + 1..])),
        None => (name, None),
    }
}

/// True for socketcall and ipc. Each is several calls in one, selected by the first argument.
pub(super) fn is_multiplexer(name: &[u8]) -> bool {
    name.starts_with(b"socketcall") || name.starts_with(b"ipc")
}
