//! The command line, gathered from all EXECVE records of an event.
//!
//! The kernel splits a long command line into several records. It splits a long argument into fragments (`a1[0]`,
//! `a1[1]` …). Each fragment is hex-encoded or quoted by itself, so fragments are decoded first and then joined as
//! bytes.

use crate::{
    auparse::{Interpreter, Type},
    buffer::{self, give_back},
    event::{FieldRef, LinuxEvent, record_type},
    format::json::{self, Strings},
};

/// The most empty arguments that are added for missing ones. An event may have lost its first records, so its first
/// argument can have any number.
const MAX_MISSING: usize = 65_536;

/// The part of an argument that a field holds, with the argument's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// `a1`: the whole argument.
    Whole(usize),
    /// `a1[0]`: one fragment of the argument.
    Fragment(usize, usize),
    /// `a1_len`: the length of all fragments together.
    Length,
}

/// Reads the name of an EXECVE record's field (`audit_log_execve_info` in the kernel's auditsc.c).
pub fn argument(name: &[u8]) -> Option<Argument> {
    let rest = name.strip_prefix(b"a")?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let number = |text: &[u8]| str::from_utf8(text).ok()?.parse::<usize>().ok();
    let n = number(&rest[..digits])?;
    match &rest[digits..] {
        b"" => Some(Argument::Whole(n)),
        b"_len" => Some(Argument::Length),
        fragment => {
            let inside = fragment.strip_prefix(b"[")?.strip_suffix(b"]")?;
            Some(Argument::Fragment(n, number(inside)?))
        }
    }
}

/// The arguments of one event.
#[derive(Debug, Default)]
pub struct Arguments {
    /// All arguments, each followed by a space. This is the command line as it is shown.
    bytes: Vec<u8>,
    /// End of each argument, without its space.
    ends: Vec<usize>,
    /// Number of the argument that is being joined from fragments.
    open: Option<usize>,
}

impl Arguments {
    /// No arguments.
    pub const fn none() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new(), open: None }
    }

    /// Collects the arguments of an event that has EXECVE records.
    pub fn gather(&mut self, event: &LinuxEvent, interpreter: &mut Interpreter, execve: bool) {
        self.bytes.clear();
        self.ends.clear();
        self.open = None;
        if !execve {
            return;
        }
        for (number, record) in event.records().iter().enumerate().filter(|(_, r)| r.record_type == record_type::EXECVE)
        {
            for field in event.fields(record) {
                let Some(argument) = argument(event.bytes(field.name)) else {
                    continue;
                };
                let value = interpreter.value(FieldRef { event, number, record, field: *field }, Type::Escaped, None);
                match argument {
                    Argument::Length => (),
                    Argument::Whole(n) => {
                        self.begin(n);
                        self.add(value);
                        self.open = None;
                    }
                    Argument::Fragment(n, _) => {
                        if self.open != Some(n) {
                            self.begin(n);
                            self.open = Some(n);
                        }
                        self.add(value);
                    }
                }
            }
        }
        self.bytes.pop();
    }

    /// Begins argument `n`. Adds empty arguments for missing ones before it.
    fn begin(&mut self, n: usize) {
        if n.saturating_sub(self.ends.len()) <= MAX_MISSING {
            while self.ends.len() < n {
                self.ends.push(self.bytes.len());
                self.bytes.push(b' ');
            }
        }
        self.ends.push(self.bytes.len());
        self.bytes.push(b' ');
    }

    /// Adds bytes to the last argument.
    fn add(&mut self, value: &[u8]) {
        self.bytes.pop();
        self.bytes.extend_from_slice(value);
        if let Some(end) = self.ends.last_mut() {
            *end = self.bytes.len();
        }
        self.bytes.push(b' ');
    }

    /// The whole command line, arguments joined by one space.
    pub fn command(&self) -> &[u8] {
        &self.bytes
    }

    /// How many arguments there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Each argument, byte for byte.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|end| end + 1));
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// Appends each argument, followed by a NUL.
    pub fn append_terminated(&self, out: &mut Vec<u8>) {
        let start = out.len();
        if !self.ends.is_empty() {
            out.extend_from_slice(&self.bytes);
            out.push(0);
        }
        for end in &self.ends {
            if let Some(separator) = out.get_mut(start + end) {
                *separator = 0;
            }
        }
    }

    /// Appends the list of arguments. Returns false when an argument isn't UTF-8. With [`Strings::Pieces`], a very long
    /// argument is cut.
    pub fn write(&self, strings: Strings, out: &mut Vec<u8>) -> bool {
        out.push(b'[');
        let mut all_text = true;
        for (i, argument) in self.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            if strings == Strings::Pieces && json::may_be_long(argument) {
                all_text &= str::from_utf8(argument).is_ok();
                entry(out, &json::to_text(argument));
            } else {
                all_text &= json::string(out, argument);
            }
        }
        out.push(b']');
        all_text
    }

    /// Appends the list of exact bytes in hex, with "" for each argument that is UTF-8.
    pub fn write_hex(&self, strings: Strings, out: &mut Vec<u8>) {
        out.push(b'[');
        for (i, argument) in self.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            if str::from_utf8(argument).is_ok() {
                out.extend_from_slice(b"\"\"");
            } else if strings == Strings::Whole {
                json::string(out, &json::to_hex(argument));
            } else {
                entry(out, &String::from_utf8_lossy(&json::to_hex(argument)));
            }
        }
        out.push(b']');
    }

    /// Empties the list after use, and frees the memory that a huge command line took.
    pub fn give_back(&mut self) {
        give_back(&mut self.bytes, buffer::EVENT);
        give_back(&mut self.ends, buffer::EVENT / size_of::<usize>());
    }
}

/// Appends an entry of the list. An entry that is too long for a string is cut to its first piece; `command` has the
/// whole text.
fn entry(out: &mut Vec<u8>, text: &str) {
    match json::pieces(text).next() {
        Some(piece) if piece.len() < text.len() => {
            json::string(out, format!("{piece}…").as_bytes());
        }
        _ => {
            json::string(out, text.as_bytes());
        }
    }
}

#[cfg(test)]
impl Arguments {
    /// These arguments.
    pub fn of(all: &[&[u8]]) -> Self {
        let mut arguments = Self::none();
        for (n, argument) in all.iter().enumerate() {
            arguments.begin(n);
            arguments.add(argument);
        }
        arguments.bytes.pop();
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_arguments() {
        assert_eq!(argument(b"a0"), Some(Argument::Whole(0)));
        assert_eq!(argument(b"a8999"), Some(Argument::Whole(8999)));
        assert_eq!(argument(b"a1[12]"), Some(Argument::Fragment(1, 12)));
        assert_eq!(argument(b"a1_len"), Some(Argument::Length));
        for other in [&b"argc"[..], b"a", b"a1x", b"a1[", b"a1[]", b"a[1]", b"b1", b"a99999999999999999999999"] {
            assert_eq!(argument(other), None, "{other:?}");
        }
    }

    #[test]
    fn arguments_keep_their_places() {
        let mut a = Arguments::default();
        a.begin(0);
        a.add(b"ls");
        a.begin(1);
        a.begin(3);
        a.add(b"x");
        a.add(b"y");
        a.bytes.pop();
        assert_eq!(a.iter().collect::<Vec<_>>(), [&b"ls"[..], b"", b"", b"xy"]);
        assert_eq!(a.command(), b"ls   xy");
        assert_eq!(a.len(), 4);
    }

    #[test]
    fn an_absurd_number_takes_no_memory() {
        let mut a = Arguments::default();
        a.begin(4_000_000_000);
        a.add(b"x");
        a.bytes.pop();
        assert_eq!(a.iter().collect::<Vec<_>>(), [b"x"]);
    }

    #[test]
    fn long_entries_end_in_an_ellipsis() {
        let mut out = Vec::new();
        entry(&mut out, &"a".repeat(json::MAX_STRING + 1));
        assert_eq!(out.len(), json::MAX_STRING + 2 + '…'.len_utf8());
    }
}
