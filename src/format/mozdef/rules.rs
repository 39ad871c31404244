//! Which key each field has in `details`, decided once for a name in a record type and then looked up.
//!
//! Records of one type nearly always have the same fields in the same order, so the rule for a field is first
//! guessed from its place in the record before, and looked up by name only when the guess is wrong.

use super::arguments;
use crate::{
    auparse::{Meanings, Place, Type},
    event::{Event, Field, Record, WINDOW, kind},
    format::json,
};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Rules and keys kept before all are forgotten: user messages can name fields as they like.
const MAX_RULES: usize = 4096;

/// A key of `details`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u32);

/// Index of a [`Rule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RuleId(u32);

impl RuleId {
    /// For fields that have no rule: the record's head, arguments of EXECVE.
    pub(super) const NONE: Self = Self(u32::MAX);
    /// For fields of an event that has more names than there may be rules.
    pub(super) const OTHER: Self = Self(u32::MAX - 1);

    /// Its number, to be packed with others.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// What [`RuleId::number`] was of.
    pub(super) fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// There is a rule behind it.
    pub(super) fn is_rule(self) -> bool {
        self < Self::OTHER
    }
}

/// What a field is to a document besides a value under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing else.
    Plain,
    /// `uid`: also gives `user`.
    Uid,
    /// `auid`: also gives `originaluser`.
    Auid,
    /// `ppid`: also gives `parentprocess`.
    Ppid,
    /// `key`: several in one record are one list.
    RuleKey,
    /// `name` of a PATH: also in `paths`.
    PathName,
    /// One of [`OF_PATH`] in a record that isn't a PATH.
    OfPath(u8),
    /// `pid` of a SYSCALL record: whom the event is about.
    Pid,
    /// `comm` of a SYSCALL record: what that process is called.
    Comm,
    /// `success`: `true` or `false`.
    Success,
    /// `syscall` and `arch` of a SYSCALL record.
    SyscallName,
    /// As above.
    Arch,
    /// `a0`, `a1`, `a2` of a SYSCALL record: of socket() they have names.
    Argument(u8),
}

/// How a field of one name in records of one type becomes a key.
#[derive(Debug)]
pub(super) struct Rule {
    name: Box<[u8]>,
    /// The name's first bytes, as many as fit, so that most names are compared in one instruction.
    word: u64,
    pub(super) role: Role,
    /// How its value is read.
    pub(super) value: Type,
    /// The key it has as a rule; none for a field that bears one of our own keys' names.
    pub(super) plain: Option<Key>,
    /// `<type>_<name>`, for when the plain key is another's.
    pub(super) typed: Key,
    /// Part of `details = classic`.
    pub(super) classic: bool,
    /// The event in which a field of this rule went to the typed key.
    noted: u64,
    memo: Option<Box<Memo>>,
}

/// The last value that was interpreted, and what it means: both short, the meaning plain. Many fields say the same
/// in event after event.
#[derive(Debug)]
struct Memo {
    /// Which interpretations this is one of ([`Meanings::generation`]).
    generation: u64,
    text: [u8; WINDOW],
    text_len: usize,
    meaning: [u8; WINDOW],
    meaning_len: usize,
}

/// Keys that we derive: a field with such a name goes to `<type>_<name>`.
const DERIVED: &[&[u8]] = &[
    b"auditserial",
    b"auditkey",
    b"processname",
    b"process",
    b"session",
    b"parentprocess",
    b"user",
    b"originaluid",
    b"originaluser",
    b"command",
    b"path",
    b"domain",
    b"type",
    b"node",
    b"protocol",
    b"aaresult",
    b"aacoperation",
    b"aaprofile",
    b"aacommand",
    b"aaerror",
    b"aaname",
    b"aasrcname",
    b"aaflags",
    b"recordtypes",
    b"argv",
    b"paths",
    b"sourceipaddress",
    b"sourceport",
    b"destinationipaddress",
    b"destinationport",
    b"promiscuous",
    b"old_promiscuous",
];

/// Fields of table 1 that keep their audit name and are shown as recorded.
const AS_RECORDED: &[&[u8]] = &[
    b"pid", b"ppid", b"tty", b"uid", b"gid", b"euid", b"suid", b"fsuid", b"egid", b"sgid", b"fsgid", b"inode", b"dev",
    b"mode", b"ouid", b"ogid", b"rdev",
];

/// Fields whose keys belong to the first PATH record before all others.
pub(super) const OF_PATH: [&[u8]; 6] = [b"inode", b"dev", b"mode", b"ouid", b"ogid", b"rdev"];

/// Table 1's other keys: the field's audit name, its key, and whether it is shown as recorded or decoded.
const RENAMED: &[(&[u8], &str, bool)] = &[
    (b"comm", "processname", false),
    (b"exe", "process", false),
    (b"ses", "session", true),
    (b"auid", "originaluid", true),
    (b"key", "auditkey", false),
];

/// AppArmor's fields in its AVC records.
const APPARMOR: &[(&[u8], &str)] = &[
    (b"apparmor", "aaresult"),
    (b"operation", "aacoperation"),
    (b"profile", "aaprofile"),
    (b"comm", "aacommand"),
    (b"error", "aaerror"),
    (b"name", "aaname"),
    (b"srcname", "aasrcname"),
    (b"flags", "aaflags"),
];

/// Keys up to this length are written by a copy of fixed length.
const OPEN: usize = 32;

/// The keys by number, each with its JSON text, and which event used it last.
#[derive(Debug, Default)]
pub(super) struct Keys {
    by_name: HashMap<Box<[u8]>, Key, RandomState>,
    all: Vec<KeyState>,
    /// Counts events, so that nothing needs to be cleared between them.
    event: u64,
}

#[derive(Debug)]
struct KeyState {
    /// The key in JSON with a comma before and a colon behind it.
    json: Box<[u8]>,
    /// The same with the quote that opens a string, and its length; 0 when it is too long for this.
    open: [u8; OPEN],
    open_len: usize,
    name: Box<[u8]>,
    used: u64,
    owner: u32,
}

impl Keys {
    /// The key of that name (any bytes; what isn't UTF-8 is written as in values).
    pub(super) fn key(&mut self, name: &[u8]) -> Key {
        if let Some(key) = self.by_name.get(name) {
            return *key;
        }
        // The text decides, so that two names that read the same in JSON are one key.
        let text = json::to_text(name).into_bytes();
        if text != name {
            return self.key(&text);
        }
        let mut escaped = vec![b','];
        json::string(&mut escaped, name);
        escaped.push(b':');
        let key = Key(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        let mut open = [0; OPEN];
        let mut open_len = 0;
        if let Some(start) = open.get_mut(..=escaped.len()) {
            open_len = escaped.len() + 1;
            start[..open_len - 1].copy_from_slice(&escaped);
            start[open_len - 1] = b'"';
        }
        let name = Box::from(name);
        let state = KeyState { json: escaped.into(), open, open_len, name, used: 0, owner: 0 };
        self.all.push(state);
        self.by_name.insert(self.all[key.0 as usize].name.clone(), key);
        key
    }

    /// Begins an event: all keys are free.
    pub(super) fn begin(&mut self) {
        self.event += 1;
    }

    /// Takes a free key for a record; false when the event has it already.
    pub(super) fn take(&mut self, key: Key, owner: usize) -> bool {
        let state = &mut self.all[key.0 as usize];
        if state.used == self.event {
            return false;
        }
        state.used = self.event;
        state.owner = u32::try_from(owner).unwrap_or(u32::MAX);
        true
    }

    /// The record that took the key in this event.
    pub(super) fn owner(&self, key: Key) -> Option<usize> {
        let state = &self.all[key.0 as usize];
        (state.used == self.event).then_some(state.owner as usize)
    }

    /// Takes the key, or the first free one that is longer by underscores: no document repeats a key, whatever
    /// user messages call their fields.
    pub(super) fn take_or_extend(&mut self, mut key: Key, owner: usize) -> Key {
        while !self.take(key, owner) {
            let mut name = self.name(key).to_vec();
            name.push(b'_');
            key = self.key(&name);
        }
        key
    }

    /// `,"key":`
    pub(super) fn json(&self, key: Key) -> &[u8] {
        &self.all[key.0 as usize].json
    }

    /// Appends `,"key":"VALUE"` for a value whose first `len` bytes stand for themselves in JSON: copies of fixed
    /// length take a few instructions where copies of any length take a call.
    pub(super) fn write_plain(&self, key: Key, window: &[u8; WINDOW], len: usize, out: &mut Vec<u8>) {
        let state = &self.all[key.0 as usize];
        let start = out.len() + state.open_len;
        if state.open_len > 0 {
            out.extend_from_slice(&state.open);
            out.truncate(start);
        } else {
            out.extend_from_slice(&state.json);
            out.push(b'"');
        }
        let end = out.len() + len;
        out.extend_from_slice(window);
        out.truncate(end);
        out.push(b'"');
    }

    /// The key's text.
    pub(super) fn name(&self, key: Key) -> &[u8] {
        &self.all[key.0 as usize].name
    }
}

/// The fields that a record type had when it was last seen.
#[derive(Debug)]
struct Layout {
    kind: i32,
    name: Box<[u8]>,
    /// `name` in lower case with an underscore.
    prefix: Vec<u8>,
    /// At each place, the two that stood there last: PATH records come with an inode or without.
    rules: Vec<[RuleId; 2]>,
}

/// What the rules of one record's fields have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordRules {
    layout: usize,
    heads: usize,
    apparmor: bool,
}

/// All rules made so far.
#[derive(Debug, Default)]
pub(super) struct Rules {
    layouts: Vec<Layout>,
    by_name: HashMap<Box<[u8]>, RuleId, RandomState>,
    all: Vec<Rule>,
    /// Counts events.
    event: u64,
    scratch: Vec<u8>,
}

impl Rules {
    /// Begins an event: what was made may be forgotten now.
    pub(super) fn begin(&mut self, keys: &mut Keys) -> bool {
        let full = self.all.len() > MAX_RULES || keys.all.len() > 2 * MAX_RULES || self.layouts.len() > 512;
        if full {
            *self = Self::default();
            *keys = Keys { event: keys.event, ..Keys::default() };
        }
        keys.begin();
        self.event += 1;
        full
    }

    /// Notes that fields of this rule need the typed key in this event.
    pub(super) fn note(&mut self, id: RuleId) {
        self.all[id.0 as usize].noted = self.event;
    }

    /// What a short value meant the last time, if it was this rule's last.
    pub(super) fn recall(
        &self,
        id: RuleId,
        text: &[u8; WINDOW],
        len: usize,
        generation: u64,
    ) -> Option<(&[u8; WINDOW], usize)> {
        let memo = self.get(id).memo.as_ref()?;
        let word = |bytes: &[u8; WINDOW]| u128::from_le_bytes(*bytes);
        let same = memo.text_len == len && (word(&memo.text) ^ word(text)) << (8 * (WINDOW - len)) == 0;
        (same && memo.generation == generation).then_some((&memo.meaning, memo.meaning_len))
    }

    /// Remembers what a short value means.
    pub(super) fn memorize(&mut self, id: RuleId, text: &[u8; WINDOW], len: usize, generation: u64, meaning: &[u8]) {
        let mut new = Memo { generation, text: *text, text_len: len, meaning: [0; WINDOW], meaning_len: meaning.len() };
        let Some(start) = new.meaning.get_mut(..meaning.len()) else { return };
        start.copy_from_slice(meaning);
        if json::is_plain(&new.meaning, meaning.len()) {
            match &mut self.all[id.0 as usize].memo {
                Some(memo) => **memo = new,
                none => *none = Some(Box::new(new)),
            }
        }
    }

    /// A field of this rule needs the typed key in this event.
    pub(super) fn is_noted(&self, id: RuleId) -> bool {
        self.get(id).noted == self.event
    }

    /// The rule itself.
    pub(super) fn get(&self, id: RuleId) -> &Rule {
        &self.all[id.0 as usize]
    }

    fn layout(&mut self, event: &Event, record: &Record) -> usize {
        let name = event.bytes(record.name);
        // Types that libaudit doesn't know share a number; all others have one each.
        let found = self.layouts.iter().position(|l| l.kind == record.kind && (l.kind > 0 || *l.name == *name));
        found.unwrap_or_else(|| {
            let mut prefix = name.to_ascii_lowercase();
            prefix.push(b'_');
            self.layouts.push(Layout { kind: record.kind, name: Box::from(name), prefix, rules: Vec::new() });
            self.layouts.len() - 1
        })
    }

    /// What the rules of a record's fields have in common.
    pub(super) fn of_record(&mut self, event: &Event, record: &Record) -> RecordRules {
        let apparmor = matches!(record.kind, kind::AVC | kind::USER_AVC)
            && event.fields(record).iter().any(|f| event.bytes(f.name) == b"apparmor");
        RecordRules { layout: self.layout(event, record), heads: heads(event, record), apparmor }
    }

    /// The rule of the field that stands at `nth` among its record's.
    pub(super) fn of_field(
        &mut self,
        common: RecordRules,
        nth: usize,
        place: Place,
        keys: &mut Keys,
        meanings: &mut Meanings,
    ) -> RuleId {
        let RecordRules { layout, heads, apparmor } = common;
        let name = place.event.bytes(place.field.name);
        if nth < heads || (place.record.kind == kind::EXECVE && arguments::argument(name).is_some()) {
            return RuleId::NONE;
        }
        let word = word(place.event, &place.field);
        let is = |id: &&RuleId| {
            self.all.get(id.0 as usize).is_some_and(|rule| {
                rule.word == word && rule.name.len() == name.len() && (name.len() <= 8 || rule.name[8..] == name[8..])
            })
        };
        let guesses = self.layouts[layout].rules.get(nth).copied().unwrap_or([RuleId::NONE; 2]);
        match guesses.iter().find(is) {
            Some(id) if !apparmor => *id,
            _ => self.by_name(common, nth, place, keys, meanings),
        }
    }

    /// The rule of a field that isn't where it was the last time.
    #[cold]
    fn by_name(
        &mut self,
        common: RecordRules,
        nth: usize,
        place: Place,
        keys: &mut Keys,
        meanings: &mut Meanings,
    ) -> RuleId {
        let RecordRules { layout, apparmor, .. } = common;
        let mut key = std::mem::take(&mut self.scratch);
        key.clear();
        key.push(u8::from(apparmor));
        key.extend_from_slice(&self.layouts[layout].prefix);
        key.extend_from_slice(&place.record.kind.to_ne_bytes());
        key.extend_from_slice(place.event.bytes(place.field.name));
        let id = match self.by_name.get(&key[..]) {
            Some(id) => *id,
            None if self.all.len() > 2 * MAX_RULES => RuleId::OTHER,
            None => {
                let rule = self.make(layout, place, apparmor, keys, meanings);
                let id = RuleId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
                self.all.push(rule);
                self.by_name.insert(Box::from(&key[..]), id);
                id
            }
        };
        self.scratch = key;
        let rules = &mut self.layouts[layout].rules;
        if !apparmor && nth < 256 && id.is_rule() {
            if rules.len() <= nth {
                rules.resize(nth + 1, [RuleId::NONE; 2]);
            }
            rules[nth] = [id, rules[nth][0]];
        }
        id
    }

    fn make(&self, layout: usize, place: Place, apparmor: bool, keys: &mut Keys, meanings: &mut Meanings) -> Rule {
        let name = place.event.bytes(place.field.name);
        let kind = place.record.kind;
        let typed = keys.key(&[&self.layouts[layout].prefix[..], name].concat());
        let mut rule = Rule {
            name: Box::from(name),
            word: word(place.event, &place.field),
            role: Role::Plain,
            value: meanings.field_type(place),
            plain: None,
            typed,
            classic: false,
            noted: 0,
            memo: None,
        };
        let find = |table: &[(&[u8], &'static str)]| table.iter().find(|(from, _)| *from == name).map(|(_, to)| *to);
        if apparmor && let Some(key) = find(APPARMOR) {
            rule.plain = Some(keys.key(key.as_bytes()));
            rule.classic = true;
            return rule;
        }
        if let Some((_, key, as_recorded)) = RENAMED.iter().find(|(from, ..)| *from == name) {
            rule.plain = Some(keys.key(key.as_bytes()));
            rule.classic = true;
            if *as_recorded {
                rule.value = Type::Text;
            }
        } else if AS_RECORDED.contains(&name) {
            rule.plain = Some(keys.key(name));
            rule.classic = true;
            rule.value = Type::Text;
        } else if kind == kind::PATH && name == b"name" {
            rule.plain = Some(keys.key(b"path"));
            rule.classic = true;
        } else if name == b"cwd" {
            rule.plain = Some(keys.key(b"cwd"));
            rule.classic = true;
        } else if kind == kind::ANOM_PROMISCUOUS && name == b"prom" {
            rule.plain = Some(keys.key(b"promiscuous"));
        } else if kind == kind::ANOM_PROMISCUOUS && name == b"old_prom" {
            rule.plain = Some(keys.key(b"old_promiscuous"));
        } else if !DERIVED.contains(&name) && !name.is_empty() {
            rule.plain = Some(keys.key(name));
        }
        rule.role = match name {
            b"uid" => Role::Uid,
            b"auid" => Role::Auid,
            b"ppid" => Role::Ppid,
            b"key" => Role::RuleKey,
            b"success" => Role::Success,
            b"name" if kind == kind::PATH => Role::PathName,
            b"pid" if kind == kind::SYSCALL => Role::Pid,
            b"comm" if kind == kind::SYSCALL => Role::Comm,
            b"syscall" if kind == kind::SYSCALL => Role::SyscallName,
            b"arch" if kind == kind::SYSCALL => Role::Arch,
            b"a0" if kind == kind::SYSCALL => Role::Argument(0),
            b"a1" if kind == kind::SYSCALL => Role::Argument(1),
            b"a2" if kind == kind::SYSCALL => Role::Argument(2),
            _ => match OF_PATH.iter().position(|of_path| *of_path == name) {
                Some(n) if kind != kind::PATH => Role::OfPath(u8::try_from(n).unwrap_or(0)),
                _ => Role::Plain,
            },
        };
        rule
    }
}

/// The first bytes of a field's name, 0 behind its end.
fn word(event: &Event, field: &Field) -> u64 {
    let first = event.window(field.name).and_then(|w| w.first_chunk().copied()).unwrap_or_default();
    match field.name.len() {
        len @ 0..8 => u64::from_le_bytes(first) & ((1 << (8 * len)) - 1),
        _ => u64::from_le_bytes(first),
    }
}

/// How many fields are the record's head: `type`, and `node` before it.
pub(super) fn heads(event: &Event, record: &Record) -> usize {
    let fields = event.fields(record);
    let is = |n: usize, name: &[u8]| fields.get(n).is_some_and(|f| event.bytes(f.name) == name);
    if is(0, b"type") { 1 } else { usize::from(is(0, b"node")) + usize::from(is(0, b"node") && is(1, b"type")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_once_an_event() {
        let mut keys = Keys::default();
        let key = keys.key(b"comm");
        keys.begin();
        assert!(keys.take(key, 3));
        assert!(!keys.take(key, 4));
        assert_eq!(keys.owner(key), Some(3));
        let longer = keys.take_or_extend(key, 4);
        assert_eq!(keys.name(longer), b"comm_");
        keys.begin();
        assert!(keys.take(key, 0));
    }

    #[test]
    fn names_that_read_the_same_are_one_key() {
        let mut keys = Keys::default();
        assert_eq!(keys.key(b"a\xff"), keys.key(br"a\xff"));
        let key = keys.key(b"q\"\n");
        assert_eq!(keys.json(key), br#","q\"\n":"#);
    }
}
