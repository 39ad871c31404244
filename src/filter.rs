//! The filter: which events are kept.
//!
//! Filters are asked in the order of the file. The first that matches decides, and counts a hit; an event that none
//! matches is kept. Values are decoded as in documents.

use crate::{
    address,
    auparse::{FieldRef, Interpreter, Syscall, Type, syscall_names},
    config::{self, Action, SyscallPattern},
    event::{Field, LinuxEvent, Record, is_absent, record_type},
};
use memchr::memmem;

/// Buffers larger than this are given back after the event that needed them.
const KEEP_BUFFER: usize = 1 << 20;

/// What is to become of an event, and which filter says so: none when none matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Keep or drop.
    pub action: Action,
    /// The filter's name.
    pub filter: Option<&'a str>,
}

/// A filter with its hits.
struct FilterWithHits {
    filter: config::Filter,
    hits: u64,
}

/// All filters, in order.
#[derive(Default)]
pub struct Filters {
    filters: Vec<FilterWithHits>,
    work: Scratch,
}

/// Buffers for one event.
#[derive(Default)]
struct Scratch {
    /// A path, or a socket address.
    bytes: Vec<u8>,
    /// The texts of all records; empty when nobody asked yet.
    joined: Vec<u8>,
}

impl Filters {
    /// Filters that have no hits yet.
    pub fn new(filters: &[config::Filter]) -> Self {
        let filters = filters.iter().map(|filter| FilterWithHits { filter: filter.clone(), hits: 0 }).collect();
        Self { filters, work: Scratch::default() }
    }

    /// Takes the place of others: the hits of a filter that is as it was go on.
    pub fn replace(&mut self, filters: &[config::Filter]) {
        let old = std::mem::replace(self, Self::new(filters));
        for new in &mut self.filters {
            new.hits = old.filters.iter().find(|o| o.filter.is_as(&new.filter)).map_or(0, |o| o.hits);
        }
    }

    /// True when there are none, and every event is kept.
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// The names of all filters, and how many events each has decided on.
    pub fn hits(&self) -> impl Iterator<Item = (&str, u64)> {
        self.filters.iter().map(|counted| (counted.filter.name.as_str(), counted.hits))
    }

    /// Decides what becomes of an event.
    pub fn decide(&mut self, event: &LinuxEvent, interpreter: &mut Interpreter) -> Verdict<'_> {
        let none = Verdict { action: Action::Keep, filter: None };
        if self.filters.is_empty() {
            return none;
        }
        let work = &mut self.work;
        work.joined.clear();
        let mut scene = EventView::new(event);
        let first = self.filters.iter_mut().find(|counted| scene.matches(&counted.filter, interpreter, work));
        work.joined.shrink_to(KEEP_BUFFER);
        work.bytes.shrink_to(KEEP_BUFFER);
        first.map_or(none, |counted| {
            counted.hits += 1;
            Verdict { action: counted.filter.action, filter: Some(&counted.filter.name) }
        })
    }
}

/// What filters ask about an event.
struct EventView<'e> {
    event: &'e LinuxEvent,
    /// The record that says who did what: SYSCALL, or of a request in an io_uring URINGOP. Its fields are asked for,
    /// or in an event without it the first of the name.
    subject: Option<usize>,
    syscall: Option<Field>,
    uid: Option<FieldRef<'e>>,
    auid: Option<FieldRef<'e>>,
    exe: Option<FieldRef<'e>>,
    /// The first; further ones are in the same record.
    key: Option<FieldRef<'e>>,
    /// The system call, once somebody asked.
    call: Option<Option<Syscall>>,
}

impl<'e> EventView<'e> {
    fn new(event: &'e LinuxEvent) -> Self {
        let first = |kind| event.records().iter().position(|r| r.record_type == kind);
        let subject = first(record_type::SYSCALL).or_else(|| first(record_type::URINGOP));
        let mut scene = Self { event, subject, syscall: None, uid: None, auid: None, exe: None, key: None, call: None };
        match subject {
            Some(number) => scene.look_at(number),
            None => (0..event.records().len()).for_each(|number| scene.look_at(number)),
        }
        scene
    }

    /// Notes the fields of a record that nobody has yet.
    fn look_at(&mut self, number: usize) {
        let event = self.event;
        let Some(record) = event.records().get(number) else { return };
        for field in event.fields(record) {
            let found = match event.bytes(field.name) {
                b"uid" => &mut self.uid,
                b"auid" => &mut self.auid,
                b"exe" => &mut self.exe,
                b"key" => &mut self.key,
                b"syscall" => {
                    self.syscall.get_or_insert(*field);
                    continue;
                }
                _ => continue,
            };
            if !is_absent(event.bytes(field.value)) {
                found.get_or_insert(FieldRef { event, number, record, field: *field });
            }
        }
    }

    /// Whether all conditions of a filter hold; the cheaper ones are asked first.
    fn matches(&mut self, filter: &config::Filter, interpreter: &mut Interpreter, work: &mut Scratch) -> bool {
        (!filter.no_key || self.subject.is_some() && self.key.is_none())
            && (filter.record_types.is_empty() || self.records_of(filter).next().is_some())
            && (filter.uids.is_empty() || is_one_of(self.uid, &filter.uids))
            && (filter.auids.is_empty() || is_one_of(self.auid, &filter.auids))
            && (filter.syscalls.is_empty() || self.has_syscall(&filter.syscalls, interpreter))
            && (filter.keys.is_empty() || self.has_key(&filter.keys, interpreter))
            && (filter.exes.is_empty() || self.has_exe(&filter.exes, interpreter))
            && (filter.users.is_empty() || self.has_user(&filter.users, interpreter))
            && (filter.endpoints.is_empty() && filter.ports.is_empty() || self.has_address(filter, work))
            && (filter.paths.is_empty() || self.has_path(&filter.paths, interpreter, work))
            && (filter.regex.as_ref().is_none_or(|regex| self.has_text(filter, regex, work)))
    }

    /// The records of the types that a filter names.
    fn records_of(&self, filter: &config::Filter) -> impl Iterator<Item = &'e Record> {
        self.event.records().iter().filter(|r| filter.record_types.iter().any(|kind| kind.number == r.record_type))
    }

    fn has_syscall(&mut self, calls: &[SyscallPattern], interpreter: &mut Interpreter) -> bool {
        let number = self.syscall.and_then(|field| number(self.event.bytes(field.value)));
        let is_number = |call: &SyscallPattern| matches!(call, SyscallPattern::Number(n) if Some(*n) == number);
        if calls.iter().any(is_number) {
            return true;
        }
        let Some(call) = self.call(interpreter) else { return false };
        let (whole, inside) = syscall_names(interpreter.syscall_name(call));
        calls.iter().any(|call| match call {
            SyscallPattern::Name(name) => whole == name.as_bytes() || inside == Some(name.as_bytes()),
            SyscallPattern::Number(_) => false,
        })
    }

    fn call(&mut self, interpreter: &mut Interpreter) -> Option<Syscall> {
        *self.call.get_or_insert_with(|| {
            let number = self.subject?;
            let record = self.event.records().get(number).filter(|r| r.record_type == record_type::SYSCALL)?;
            interpreter.syscall(self.event, number, record)
        })
    }

    fn has_key(&self, keys: &[String], interpreter: &mut Interpreter) -> bool {
        let Some(first) = self.key else { return false };
        let event = self.event;
        let mut its = event.fields(first.record).iter().filter(|f| event.bytes(f.name) == b"key");
        its.any(|field| {
            let value = interpreter.value(FieldRef { field: *field, ..first }, Type::Escaped, None);
            keys.iter().any(|key| key.as_bytes() == value)
        })
    }

    fn has_exe(&self, exes: &[String], interpreter: &mut Interpreter) -> bool {
        let Some(place) = self.exe else { return false };
        let value = interpreter.value(place, Type::Escaped, None);
        exes.iter().any(|exe| match exe.strip_suffix('*') {
            Some(start) => value.starts_with(start.as_bytes()),
            None => value == exe.as_bytes(),
        })
    }

    fn has_user(&self, users: &[String], interpreter: &mut Interpreter) -> bool {
        // What is no id libauparse would take for 0.
        let Some(place) = self.uid.filter(|place| id(*place).is_some()) else { return false };
        let name = interpreter.user(place);
        users.iter().any(|user| user.as_bytes() == name)
    }

    /// Address and port of one socket address.
    fn has_address(&self, filter: &config::Filter, work: &mut Scratch) -> bool {
        let mut sockets = self.event.records().iter().filter(|r| r.record_type == record_type::SOCKADDR);
        sockets.any(|record| {
            let saddr = self.event.value(record, b"saddr");
            let Some((host, port)) = saddr.and_then(|saddr| address::internet(saddr, &mut work.bytes)) else {
                return false;
            };
            (filter.ports.is_empty() || filter.ports.iter().any(|ports| ports.contains(port.into())))
                && (filter.endpoints.is_empty() || filter.endpoints.iter().any(|e| e.contains(host, port)))
        })
    }

    fn has_path(&mut self, paths: &[String], interpreter: &mut Interpreter, work: &mut Scratch) -> bool {
        let event = self.event;
        let field = |number: usize, record: &'e Record, name: &[u8]| {
            let field = event.fields(record).iter().find(|f| event.bytes(f.name) == name)?;
            let place = FieldRef { event, number, record, field: *field };
            Some(place).filter(|place| !is_absent(place.text()))
        };
        let records = || event.records().iter().enumerate();
        // Where relative names begin: found out when the first is met.
        let mut cwd: Option<Option<FieldRef>> = None;
        for (number, record) in records().filter(|(_, r)| r.record_type == record_type::PATH) {
            let Some(name) = field(number, record, b"name") else { continue };
            let path = &mut work.bytes;
            path.clear();
            if !append_path(path, interpreter.value(name, Type::Escaped, None)) {
                let place = *cwd.get_or_insert_with(|| {
                    let begins_there = self.is_relative_to_cwd(interpreter);
                    let (number, record) =
                        records().find(|(_, r)| r.record_type == record_type::CWD && begins_there)?;
                    field(number, record, b"cwd")
                });
                let Some(place) = place else { continue };
                if !append_path(path, interpreter.value(place, Type::Escaped, None)) {
                    continue;
                }
                append_relative(path, interpreter.value(name, Type::Escaped, None));
            }
            if paths.iter().any(|prefix| is_below(path, prefix.as_bytes())) {
                return true;
            }
        }
        false
    }

    /// Whether the relative names of the event's files begin at the working directory.
    fn is_relative_to_cwd(&mut self, interpreter: &mut Interpreter) -> bool {
        // A request in an io_uring has arguments of its own, which no record holds.
        if self.event.first(record_type::URINGOP).is_some() {
            return false;
        }
        let Some(call) = self.call(interpreter) else { return false };
        let record = self.subject.and_then(|number| self.event.records().get(number));
        let argument = |name: &[u8]| record.and_then(|record| self.event.value(record, name));
        begins_at_cwd(syscall_names(interpreter.syscall_name(call)).0, argument)
    }

    /// Whether the pattern is in the text that it is about.
    fn has_text(&self, filter: &config::Filter, regex: &config::Pattern, work: &mut Scratch) -> bool {
        let event = self.event;
        if !filter.record_types.is_empty() {
            return self.records_of(filter).any(|record| regex.is_in(data(event, record)));
        }
        let mut records = event.records().iter().filter(|r| r.record_type != record_type::EOE);
        if !filter.syscalls.is_empty() {
            return records.any(|record| regex.is_in(data(event, record)));
        }
        if work.joined.is_empty() {
            for (n, record) in records.enumerate() {
                if n > 0 {
                    work.joined.push(b' ');
                }
                work.joined.extend_from_slice(data(event, record));
            }
        }
        regex.is_in(&work.joined)
    }
}

/// Whether an id is one of those.
fn is_one_of(place: Option<FieldRef>, ids: &[config::Numbers]) -> bool {
    place.and_then(id).is_some_and(|id| ids.iter().any(|those| those.contains(id)))
}

/// The id that a field holds.
fn id(place: FieldRef) -> Option<u32> {
    match place.text() {
        // As old kernels and programs write the id of nobody.
        b"-1" => Some(u32::MAX),
        text => number(text),
    }
}

fn number(text: &[u8]) -> Option<u32> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// What follows the head of a record: `audit(…): `.
fn data<'e>(event: &'e LinuxEvent, record: &Record) -> &'e [u8] {
    let text = event.bytes(record.text);
    let Some(head) = memmem::find(text, b"audit(") else { return text };
    let Some(end) = memmem::find(&text[head..], b"):") else { return text };
    let rest = &text[head + end + 2..];
    rest.strip_prefix(b" ").unwrap_or(rest)
}

/// Whether a call's relative names begin at the working directory. Of a call that was given an open directory the records
/// don't say which that is.
pub(crate) fn begins_at_cwd<'e>(call: &[u8], argument: impl Fn(&[u8]) -> Option<&'e [u8]>) -> bool {
    let Some(directories) = directories(call) else { return false };
    // AT_FDCWD, -100, as a 32-bit or a 64-bit argument.
    directories.iter().all(|name| matches!(argument(name), Some(b"ffffff9c" | b"ffffffffffffff9c")))
}

/// The arguments of a call that hold open directories, at which its relative names begin; `None` for a call that isn't
/// known.
fn directories(call: &[u8]) -> Option<&'static [&'static [u8]]> {
    Some(match call {
        b"openat" | b"openat2" | b"mkdirat" | b"mknodat" | b"fchownat" | b"unlinkat" | b"fchmodat" | b"fchmodat2"
        | b"faccessat" | b"faccessat2" | b"newfstatat" | b"fstatat64" | b"utimensat" | b"utimensat_time64"
        | b"futimesat" | b"readlinkat" | b"execveat" | b"statx" | b"name_to_handle_at" | b"open_tree"
        | b"open_tree_attr" | b"mount_setattr" | b"fspick" | b"setxattrat" | b"getxattrat" | b"listxattrat"
        | b"removexattrat" | b"file_getattr" | b"file_setattr" => &[b"a0"],
        b"renameat" | b"renameat2" | b"linkat" | b"move_mount" => &[b"a0", b"a2"],
        b"symlinkat" => &[b"a1"],
        b"fanotify_mark" => &[b"a3"],
        // A number, since libaudit has no name for it.
        [b'0'..=b'9', ..] | b"" => return None,
        _ => &[],
    })
}

/// Begins a path with an absolute name, without `.`, `..`, and slashes that add nothing. False, with nothing appended,
/// for a relative one.
pub(crate) fn append_path(path: &mut Vec<u8>, name: &[u8]) -> bool {
    if name.first() != Some(&b'/') {
        return false;
    }
    path.push(b'/');
    append_relative(path, name);
    true
}

/// Goes on from a path along a name.
fn append_relative(path: &mut Vec<u8>, name: &[u8]) {
    for part in name.split(|b| *b == b'/') {
        match part {
            b"" | b"." => (),
            // What is above the root is the root.
            b".." => {
                let up = memchr::memrchr(b'/', path).unwrap_or(0);
                path.truncate(up.max(1));
            }
            _ => {
                if path.len() > 1 {
                    path.push(b'/');
                }
                path.extend_from_slice(part);
            }
        }
    }
}

/// Whether a path is a file, or in a directory; both without a slash at the end, unless it is the root.
fn is_below(path: &[u8], directory: &[u8]) -> bool {
    match path.strip_prefix(directory) {
        Some(rest) => rest.is_empty() || rest[0] == b'/' || directory == b"/",
        None => false,
    }
}

#[cfg(test)]
mod tests;
