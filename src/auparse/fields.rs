//! Copies the event under libauparse's cursor into an [`LinuxEvent`].
//!
//! libauparse tells the fields of a record. This module finds the place of each field in the record's text. That
//! matters because libauparse ends a value at a space: in `op=adding user acct=…` it sees `adding`. A document shows
//! the whole value, which ends at the next ` name=`. A ` name=` inside a quoted value is no field, though libauparse
//! takes it for one (`quotes.rs`).
//!
//! The place usually costs nothing to find. Names and values lie in libauparse's copy of the text, at the same offsets
//! as in ours. If they don't (libauparse made the value itself, or a version stores it elsewhere), the text is
//! searched.

use super::{
    disguise,
    free_text::{self, AvcMessage},
    further_keys::FurtherKeys,
    handle::Cursor,
    quotes::{self, Unescaped},
    words::{any_value, short_word, trimmed},
};
use crate::event::{Field, LinuxEvent, Record, Span, record_type, unhex};
use memchr::{memchr, memmem};
use std::{ffi::CStr, ops::Range};

/// Copies all records and fields. The cursor may be anywhere in the event.
pub(super) fn collect(cursor: &Cursor, types: &mut TypeNames, event: &mut LinuxEvent) {
    if !cursor.first_record() {
        return;
    }
    loop {
        record(cursor, types, event);
        if !cursor.next_record() {
            break;
        }
    }
    event.end();
}

/// The fewest fields of a SYSCALL record before its security label.
const FIELDS_BEFORE_LABEL: u32 = 20;

/// Reads one record's fields, in order.
struct FieldScanner<'a> {
    event: &'a mut LinuxEvent,
    /// The record's text, and the offset of its copy in the event's bytes.
    text: &'a [u8],
    copy: usize,
    /// The address of libauparse's second copy, which holds the names and values. It is compared with other addresses,
    /// never read.
    base: usize,
    /// The offset in the text of the last value: its start while it is `open`, else its end.
    done: usize,
    /// The field whose value has a start but no end yet.
    open: Option<usize>,
    /// The end of that value, if it is quoted or a user chose it. Names before it are part of the value.
    value_end: usize,
    /// True if one of them is `key`.
    has_hidden_key: bool,
    /// The keys of the last `key` in hex that are still to come. libauparse makes a field of each key.
    further_keys: FurtherKeys,
    /// True when a field follows the record's head directly.
    headed: bool,
    record_type: i32,
    /// True for the records of system calls, which the kernel wrote alone. They are nearly all.
    is_usual: bool,
    /// The fields whose text a user chooses and nobody encodes.
    unescaped: &'static [Unescaped],
}

/// True if the event is of the first second of 1970, and libauparse got another second.
pub(super) fn is_second_0(cursor: &Cursor) -> bool {
    cursor.first_record() && cursor.record_text().is_some_and(|text| disguise::is_second_0(text.to_bytes()))
}

fn record(cursor: &Cursor, types: &mut TypeNames, event: &mut LinuxEvent) {
    let mut kind = cursor.record_type();
    let text = cursor.record_text().map_or(&b""[..], CStr::to_bytes);
    let may_be_changed = disguise::may_be_changed(kind, event.id, text);
    if may_be_changed && disguise::is_own_end(text) {
        return;
    }
    let copy = event.keep(text);
    if may_be_changed {
        kind = disguise::undo(event.bytes_mut(copy), kind);
    }
    let enriched = event.keep(cursor.record_interpretations().map_or(b"", CStr::to_bytes));
    let first = event.field_count();
    let known = if kind > 0 { kind } else { quotes::number_of_unknown(text) };
    // Nothing is said by spaces at the end.
    let text = if text.last() == Some(&b' ') { text.trim_ascii_end() } else { text };
    let mut walk = FieldScanner {
        event,
        text,
        copy: copy.start(),
        base: 0,
        done: 0,
        open: None,
        value_end: 0,
        has_hidden_key: false,
        further_keys: FurtherKeys::default(),
        headed: false,
        record_type: known,
        is_usual: quotes::is_usual(known),
        unescaped: quotes::unescaped_in(known, text),
    };
    if cursor.first_field() {
        let mut number = 0;
        loop {
            walk.field(cursor, number);
            number += 1;
            if !cursor.next_field() {
                break;
            }
        }
        walk.end_last_value();
        if walk.has_hidden_key {
            walk.own_key();
        }
        walk.words(first);
        if quotes::is_message(known) {
            appended_fields_first(event, first);
        }
    }
    let fields = first..event.field_count();
    let name = type_name(types.get(cursor, kind), event, fields.clone());
    event.push_record(Record { record_type: kind, name, text: copy, enriched, fields });
}

/// libaudit's names of record types, by number.
#[derive(Debug, Default)]
pub(super) struct TypeNames {
    /// The names of types below [`TypeNames::MOST`]. The name is empty if libaudit doesn't know the type.
    names: Vec<Option<Box<[u8]>>>,
}

impl TypeNames {
    /// Numbers of record types end at 2999 (`AUDIT_LAST_USER_MSG2` in `<linux/audit.h>`).
    const MOST: usize = 4096;

    fn get(&mut self, cursor: &Cursor, kind: i32) -> &[u8] {
        let at = usize::try_from(kind).unwrap_or(0).min(Self::MOST);
        if self.names.len() <= at {
            self.names.resize_with(Self::MOST + 1, || None);
        }
        self.names[at].get_or_insert_with(|| {
            let known = if at == Self::MOST { None } else { cursor.record_type_name() };
            Box::from(known.map_or(&b""[..], CStr::to_bytes))
        })
    }
}

/// The record type's name from libaudit. If libaudit has none, the text after `type=`.
fn type_name(known: &[u8], event: &mut LinuxEvent, fields: Range<usize>) -> Span {
    let written = event.all_fields()[fields].iter().take(2).find(|f| event.bytes(f.name) == b"type").map(|f| f.value);
    match written {
        Some(written) if known.is_empty() || event.bytes(written) == known => written,
        _ if known.is_empty() => event.keep(b"UNKNOWN"),
        _ => event.keep(known),
    }
}

impl FieldScanner<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.copy + start, self.copy + end)
    }

    /// Adds the field under the cursor.
    fn field(&mut self, cursor: &Cursor, number: u32) {
        let (name, value) = cursor.field_addresses();
        if number == 0 {
            self.first(cursor, name, value);
        }
        let (name_at, value_at) = (name.wrapping_sub(self.base), value.wrapping_sub(self.base));
        let in_order = self.done <= name_at && name_at < value_at && value_at < self.text.len();
        if in_order && self.text[value_at - 1] == b'=' {
            let (mut name, mut renamed) = (self.span(name_at, value_at - 1), false);
            // Nearly always the value is a short word, followed by one space and the next name.
            let (text, start) = (self.text, self.done);
            let is_usual = self.is_usual && self.value_end <= start;
            match if is_usual { short_word(text, start, name_at) } else { None } {
                Some(end) => self.set_value(self.span(start, end), false, end),
                None if self.is_hidden(name_at) => return,
                None if self.is_usual => self.end_value(name_at),
                None => (name, renamed) = self.end_value_before_words(name_at, name),
            }
            if number <= 2 && self.text[..name_at].ends_with(b"): ") {
                self.headed = true;
            }
            return self.begin_value(value_at, Field { name, value: name, truncated: renamed, number });
        }
        let name = cursor.field_name().map_or(&b""[..], CStr::to_bytes);
        self.search_text(name, cursor.field_value().map(CStr::to_bytes), number);
    }

    /// Adds a field whose value begins here. Its end isn't known yet.
    #[inline]
    fn begin_value(&mut self, value_at: usize, mut field: Field) {
        self.done = value_at;
        self.open = Some(self.event.field_count());
        if !self.is_usual || (field.number >= FIELDS_BEFORE_LABEL && self.text[..value_at].ends_with(b"subj=")) {
            field.truncated |= self.find_untrusted_end(field.name, value_at);
        }
        self.event.push_field(field);
    }

    /// Finds the end of a value that a user may have chosen. True if the value must not be decoded.
    #[cold]
    fn find_untrusted_end(&mut self, name: Span, value_at: usize) -> bool {
        let (text, name) = (self.text, self.event.bytes(name));
        let end = match name {
            b"subj" => quotes::end_of_label(self.record_type, text, value_at),
            _ if name.starts_with(b"subj_") || name.starts_with(b"obj_") => {
                quotes::end_of_one_label(self.record_type, text, value_at)
            }
            _ => quotes::end_of_unescaped(self.unescaped, name, text, value_at),
        };
        self.value_end = end.unwrap_or(self.value_end);
        end.is_some() && quotes::is_never_encoded(self.unescaped, name)
    }

    /// True when a name is part of the value before it.
    fn is_hidden(&mut self, name_at: usize) -> bool {
        // Nearly always the value has no quotes, or its quote is closed right before the name.
        match self.text.get(self.done) {
            Some(b'"') if name_at < self.done + 3 || self.text[name_at - 2] != b'"' => self.end_quoted(),
            Some(b'\'') => self.end_quoted(),
            _ => (),
        }
        name_at < self.value_end
    }

    /// Finds the end of the open value, if it is quoted.
    #[cold]
    fn end_quoted(&mut self) {
        if self.open.is_none() || self.value_end > self.done {
            return;
        }
        let name = self.open.and_then(|open| self.event.all_fields().get(open)).map(|field| field.name);
        let is_message = quotes::is_message(self.record_type);
        // Nobody puts these in quotes. So a quote at the start was chosen by a user.
        let is_bare = is_message && name.is_some_and(|name| quotes::APPENDED[1..].contains(&self.event.bytes(name)));
        if !is_bare && let Some(end) = quotes::end_of_quoted(self.text, self.done, is_message) {
            self.value_end = end;
        }
    }

    /// Sets the end of the last value before a name, and returns the name with the word that belongs to it, and true if
    /// libauparse knows it by another name. Old kernels wrote `old auid=… new auid=…` (LOGIN, before 3.14) and
    /// `audit_enabled=1 old=0 by auid=…` (CONFIG_CHANGE).
    #[cold]
    fn end_value_before_words(&mut self, name_at: usize, name: Span) -> (Span, bool) {
        let words: [&[u8]; 3] = [b"old ", b"new ", b"by "];
        let before = &self.text[self.done..name_at];
        let is_before = |word: &&[u8]| before.strip_suffix(*word).is_some_and(|rest| rest.ends_with(b" "));
        let may_have = matches!(self.record_type, record_type::LOGIN | record_type::CONFIG_CHANGE);
        let word = words.into_iter().find(|word| may_have && is_before(word)).unwrap_or_default();
        self.end_value(name_at - word.len());
        if word != b"old " {
            return (name, false);
        }
        // As newer kernels write it: `old-auid`.
        let name = [b"old-", self.event.bytes(name)].concat();
        (self.event.keep(&name), true)
    }

    /// Finds the address of libauparse's copy of the text, and the node that the record names.
    fn first(&mut self, cursor: &Cursor, address: usize, value: usize) {
        // Nearly always the name has the right length. Then nothing has to be read.
        if self.text.starts_with(b"type=") && value.wrapping_sub(address) == 5 {
            self.base = address;
            return;
        }
        let name = cursor.field_name().map_or(&b""[..], CStr::to_bytes);
        // This base fits no address, so every field is searched for.
        self.base = if self.text.starts_with(name) { address } else { usize::MAX / 2 };
        if name == b"node" {
            let node = self.event.keep(cursor.field_value().map_or(b"", CStr::to_bytes));
            self.event.set_node(node);
        }
    }

    /// Adds a field whose value libauparse made itself (keys, parts of an AVC message) or lost.
    #[cold]
    fn search_text(&mut self, name: &[u8], value: Option<&[u8]>, number: u32) {
        let text = self.text;
        if name == b"key" && value.is_some_and(|value| self.further_keys.is_next(value)) {
            if !self.further_keys.is_shown_whole {
                let (name, value) = (self.event.keep(name), self.event.keep(value.unwrap_or_default()));
                self.event.push_field(Field { name, value, truncated: false, number });
            }
            return;
        }
        let found = find_name(text, self.done, name);
        let is_hidden = found.is_some_and(|name_at| self.is_hidden(name_at));
        if name == b"key" && (is_hidden || self.has_hidden_key) {
            // libauparse's further keys may be parts of this one. The record's own key is read at the end.
            self.has_hidden_key = true;
            return;
        }
        if is_hidden {
            return;
        }
        if let Some(name_at) = found {
            let value_at = name_at + name.len() + 1;
            let end = memchr(b' ', &text[value_at..]).map_or(text.len(), |n| value_at + n);
            self.end_value(name_at);
            self.done = end;
            let recorded = &text[value_at..end];
            match value {
                // libauparse couldn't decode this key. The text still has it.
                None => {
                    let (name, value) = (self.span(name_at, value_at - 1), self.span(value_at, end));
                    return self.event.push_field(Field { name, value, truncated: true, number });
                }
                Some(value) if recorded == value || (value.starts_with(b"\"") && recorded.starts_with(value)) => {
                    let name = self.span(name_at, value_at - 1);
                    return self.begin_value(value_at, Field { name, value: name, truncated: false, number });
                }
                Some(value) if recorded.starts_with(value) => {
                    self.done = value_at + value.len();
                    let (name, value) = (self.span(name_at, value_at - 1), self.span(value_at, self.done));
                    return self.event.push_field(Field { name, value, truncated: false, number });
                }
                // One hex string may hold several keys. Each is taken as libauparse split it.
                Some(value) if name == b"key" => {
                    let end = value_at + trimmed(recorded);
                    self.further_keys = FurtherKeys::of(&text[value_at..end]);
                    self.further_keys.is_next(value);
                    if self.further_keys.is_shown_whole {
                        let (name, value) = (self.span(name_at, value_at - 1), self.span(value_at, end));
                        return self.event.push_field(Field { name, value, truncated: true, number });
                    }
                }
                Some(_) => (),
            }
        }
        // Parts of an SELinux message that doesn't stand where the kernel writes it.
        if matches!(name, b"seresult" | b"seperms") && AvcMessage::read(self.record_type, text).is_none() {
            return;
        }
        let name = self.event.keep(name);
        let value = self.event.keep(value.unwrap_or_default());
        self.event.push_field(Field { name, value, truncated: false, number });
    }

    /// Adds the key of a record that has another one in text of a user. The kernel joins several keys with byte 1, and
    /// writes them in hex (`AUDIT_KEY_SEPARATOR` in `<libaudit.h>`).
    #[cold]
    fn own_key(&mut self) {
        let text = self.text;
        let Some(name_at) = find_name(text, self.value_end.min(text.len()), b"key") else { return };
        let value_at = name_at + b"key=".len();
        let word = memchr(b' ', &text[value_at..]).map_or(text.len(), |len| value_at + len);
        let end = value_at + trimmed(&text[value_at..word]);
        let mut keys = Vec::new();
        if !unhex(&text[value_at..end], &mut keys) {
            let (name, value) = (self.span(name_at, value_at - 1), self.span(value_at, end));
            return self.event.push_field(Field { name, value, truncated: true, number: u32::MAX });
        }
        keys.split(|byte| *byte == 1).for_each(|key| self.push(b"key", key));
    }

    /// Adds the free text of the record as fields.
    fn words(&mut self, first: usize) {
        let (text, kind) = (self.text, self.record_type);
        // Nearly every record comes from the kernel and has no free text.
        if self.headed && !matches!(kind, record_type::AVC | record_type::USER_AVC) && text.last() != Some(&b'\'') {
            return;
        }
        let fields = &self.event.all_fields()[first..];
        let heads = if fields.first().is_some_and(|f| self.event.bytes(f.name) == b"node") { 2 } else { 1 };
        let names = fields.iter().skip(heads).map(|f| f.name.start().wrapping_sub(self.copy));
        let names: Vec<usize> = names.filter(|at| *at < text.len()).collect();
        let is_avc = matches!(kind, record_type::AVC | record_type::USER_AVC);
        let denial = if is_avc { AvcMessage::read(kind, text) } else { None };
        let has = |name: &[u8]| fields.iter().any(|f| self.event.bytes(f.name) == name);
        let (result, permissions) = (has(b"seresult"), has(b"seperms"));
        if let Some(denial) = &denial {
            if !result {
                self.push(b"seresult", denial.result);
            }
            if !permissions {
                self.push(b"seperms", &denial.permissions);
            }
        }
        for said in free_text::split_words(kind, text, &names) {
            if !(said.is_empty() || denial.is_some() && said.starts_with(b"avc:")) {
                self.push(b"msg", said);
            }
        }
    }

    /// Adds a field that libauparse doesn't see.
    fn push(&mut self, name: &[u8], value: &[u8]) {
        let (name, value) = (self.event.keep(name), self.event.keep(value));
        self.event.push_field(Field { name, value, truncated: true, number: u32::MAX });
    }

    /// Sets the end of the record's last value.
    fn end_last_value(&mut self) {
        let text = self.text;
        match text.get(self.done) {
            Some(b'"') if text.last() != Some(&b'"') => self.end_quoted(),
            Some(b'\'') => self.end_quoted(),
            _ => (),
        }
        self.end_value(text.len());
    }

    /// Sets the end of the last value. The next name, or the end of the record, is at `next`.
    fn end_value(&mut self, next: usize) {
        let (text, start) = (self.text, self.done);
        if self.value_end > start {
            let (value, own) = self.whole_value(start);
            return self.set_value(value, own, self.value_end);
        }
        let (end, own) = any_value(text, start, next);
        self.set_value(self.span(start, end), own, end);
    }

    /// Sets the last value. `end` is the offset of its end.
    fn set_value(&mut self, value: Span, truncated: bool, end: usize) {
        let Some(open) = self.open.take() else { return };
        if let Some(field) = self.event.field_mut(open) {
            field.value = value;
            field.truncated |= truncated;
        }
        self.done = end;
    }

    /// A quoted or unescaped value, and true if libauparse sees less of it. Apostrophes around it are left out, since
    /// nothing else knows them.
    #[cold]
    fn whole_value(&self, start: usize) -> (Span, bool) {
        let (text, end) = (self.text, self.value_end);
        let is_single = text[start] == b'\'' && end > start + 1 && text[end - 1] == b'\'';
        if is_single {
            return (self.span(start + 1, end - 1), true);
        }
        let word = memchr(b' ', &text[start..]).map_or(text.len(), |len| start + len);
        (self.span(start, end), start + trimmed(&text[start..word]) != end)
    }
}

/// Puts a field that is repeated behind the one that libaudit appended. The program that libaudit names is the writer,
/// whatever the message says before. Formats and filters take the first field of a name.
fn appended_fields_first(event: &mut LinuxEvent, first: usize) {
    let fields = event.all_fields();
    let is = |at: usize, name: &[u8]| fields.get(at).is_some_and(|field| event.bytes(field.name) == name);
    // libselinux writes its own user id behind the program.
    let exe = (first..fields.len()).rev().find(|at| is(*at, b"exe"));
    let Some(host) = exe.and_then(|exe| [exe + 1, exe + 2].into_iter().find(|at| is(*at, b"hostname"))) else { return };
    if !(is(host + 1, b"addr") && is(host + 2, b"terminal")) {
        return;
    }
    let start = exe.unwrap_or(host);
    let repeated = |at: usize| (first..start).find(|earlier| is(*earlier, event.bytes(fields[at].name)));
    let swaps = (start..fields.len()).filter_map(|at| Some((repeated(at)?, at)));
    let swaps: Vec<_> = swaps.filter(|(_, at)| quotes::APPENDED.iter().any(|name| is(*at, name))).collect();
    swaps.into_iter().for_each(|(earlier, at)| event.swap_fields(earlier, at));
}

/// Finds `name=` behind an offset, where libauparse sees a field: at the beginning of a word, or of a message, where a
/// bracket may stand before it. A field without a value is none.
fn find_name(text: &[u8], from: usize, name: &[u8]) -> Option<usize> {
    // Almost always it is the next word.
    let has_value = |at: usize| text.get(at + name.len() + 1).is_some_and(|byte| *byte != b' ');
    let is_here = |at: usize| text[at..].starts_with(name) && text.get(at + name.len()) == Some(&b'=') && has_value(at);
    let next = from + memchr(b' ', &text[from..])? + 1;
    if is_here(next) {
        return Some(next);
    }
    let needle = [name, b"="].concat();
    let begins = |at: &usize| {
        let before = text[..*at].strip_suffix(b"(").unwrap_or(&text[..*at]);
        (before.is_empty() || before.ends_with(b" ") || before.ends_with(b" msg='")) && has_value(*at)
    };
    memmem::find_iter(&text[from..], &needle).map(|at| from + at).find(begins)
}
