//! Copies the event under libauparse's cursor into an [`LinuxEvent`].
//!
//! libauparse tells the fields of a record. This module finds the place of each field in the record's text. That
//! matters because libauparse ends a value at a space: in `op=adding user acct=…` it sees `adding`. A document shows
//! the whole value, which ends at the next ` name=`.
//!
//! The place usually costs nothing to find. Names and values lie in libauparse's copy of the text, at the same offsets
//! as in ours. If they don't (libauparse made the value itself, or a version stores it elsewhere), the text is
//! searched.

use super::{
    disguise,
    free_text::{self, AvcMessage, is_pair},
    handle::Cursor,
};
use crate::event::{Field, LinuxEvent, Record, Span, is_quoted, record_type};
use memchr::{memchr, memmem};
use std::ffi::CStr;

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
    /// True when a field follows the record's head directly.
    headed: bool,
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
    let mut walk = FieldScanner { event, text, copy: copy.start(), base: 0, done: 0, open: None, headed: false };
    if cursor.first_field() {
        let mut number = 0;
        loop {
            walk.field(cursor, number);
            number += 1;
            if !cursor.next_field() {
                break;
            }
        }
        walk.end_value(text.len());
        walk.words(kind, first);
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
fn type_name(known: &[u8], event: &mut LinuxEvent, fields: std::ops::Range<usize>) -> Span {
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
            self.end_value(name_at);
            if number <= 2 && self.text[..name_at].ends_with(b"): ") {
                self.headed = true;
            }
            self.done = value_at;
            self.open = Some(self.event.field_count());
            let (name, value) = (self.span(name_at, value_at - 1), self.span(value_at, value_at));
            return self.event.push_field(Field { name, value, truncated: false, number });
        }
        let name = cursor.field_name().map_or(&b""[..], CStr::to_bytes);
        self.search_text(name, cursor.field_value().map(CStr::to_bytes), number);
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
    fn search_text(&mut self, name: &[u8], value: Option<&[u8]>, number: u32) {
        let text = self.text;
        let found = find_name(&text[self.done..], name).map(|at| self.done + at);
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
                Some(value) if recorded == value => {
                    self.done = value_at;
                    self.open = Some(self.event.field_count());
                    let (name, value) = (self.span(name_at, value_at - 1), self.span(value_at, value_at));
                    return self.event.push_field(Field { name, value, truncated: false, number });
                }
                Some(value) if recorded.starts_with(value) => {
                    self.done = value_at + value.len();
                    let (name, value) = (self.span(name_at, value_at - 1), self.span(value_at, self.done));
                    return self.event.push_field(Field { name, value, truncated: false, number });
                }
                // One hex string holds several keys. Each is taken as libauparse split it.
                Some(_) => (),
            }
        }
        let name = self.event.keep(name);
        let value = self.event.keep(value.unwrap_or_default());
        self.event.push_field(Field { name, value, truncated: false, number });
    }

    /// Adds the free text of the record as fields.
    fn words(&mut self, kind: i32, first: usize) {
        let text = self.text;
        // Nearly every record comes from the kernel and has no free text.
        if self.headed && !matches!(kind, record_type::AVC | record_type::USER_AVC) && text.last() != Some(&b'\'') {
            return;
        }
        let fields = &self.event.all_fields()[first..];
        let heads = if fields.first().is_some_and(|f| self.event.bytes(f.name) == b"node") { 2 } else { 1 };
        let names = fields.iter().skip(heads).map(|f| f.name.start().wrapping_sub(self.copy));
        let names: Vec<usize> = names.filter(|at| *at < text.len()).collect();
        let denial =
            if matches!(kind, record_type::AVC | record_type::USER_AVC) { AvcMessage::read(text) } else { None };
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
        for said in free_text::split_words(text, &names) {
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

    /// Sets the end of the last value. The next name, or the end of the record, is at `next`.
    fn end_value(&mut self, next: usize) {
        let Some(open) = self.open.take() else { return };
        let (text, start) = (self.text, self.done);
        // Nearly always the value is a short word, followed by one space and the next name.
        let (end, own) = short_word(text, start, next).map_or_else(|| any_value(text, start, next), |end| (end, false));
        let value = self.span(start, end);
        if let Some(field) = self.event.field_mut(open) {
            field.value = value;
            field.truncated = own;
        }
        self.done = end;
    }
}

/// Finds ` name=` in a text, or `name=` at its start.
fn find_name(text: &[u8], name: &[u8]) -> Option<usize> {
    // Almost always it is the next word.
    let is_here = |at: usize| text[at..].starts_with(name) && text.get(at + name.len()) == Some(&b'=');
    let next = memchr(b' ', text)? + 1;
    if is_here(next) {
        return Some(next);
    }
    let mut needle = name.to_vec();
    needle.push(b'=');
    let begins = |at: &usize| *at == 0 || matches!(text[at - 1], b' ' | b'\'' | b'(');
    memmem::find_iter(text, &needle).find(begins)
}

/// The end of any value, and true if libauparse sees less of it.
fn any_value(text: &[u8], start: usize, next: usize) -> (usize, bool) {
    let word = memchr(b' ', &text[start..next]).map_or(next, |n| start + n);
    let libauparses = start + trimmed(&text[start..word]);
    // The id follows the type, but it is no field.
    let is_followed = word + 1 < next && !text[word..].starts_with(b" msg=audit(");
    let end = if is_followed { whole(text, start, libauparses, word, next) } else { libauparses };
    (end, end != libauparses)
}

/// The end of a value that has at most 16 bytes, is one word before one space, and isn't changed by libauparse.
fn short_word(text: &[u8], start: usize, next: usize) -> Option<usize> {
    let end = next.checked_sub(1)?;
    let len = end.checked_sub(start)?;
    let window: &[u8; 16] = text.get(start..)?.first_chunk()?;
    if len == 0 || len > 16 || text[end] != b' ' || matches!(text[end - 1], b':' | b',' | b'\'' | b')') {
        return None;
    }
    // A space becomes 0. The first 0 is the lowest byte whose high bit is set by this. The shift removes bits after the
    // end.
    let spaces = |word: u64, len: usize| {
        let word = word ^ 0x2020_2020_2020_2020;
        (word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080) << (64 - 8 * len)
    };
    let word = |at: usize| window[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    let none = if len <= 8 { spaces(word(0), len) } else { spaces(word(0), 8) | spaces(word(8), len - 8) };
    (none == 0).then_some(end)
}

/// The number of bytes that libauparse keeps of a value. It removes punctuation from the end (`parse_up_record` in
/// `ellist.c`).
fn trimmed(value: &[u8]) -> usize {
    if !matches!(value, [.., b':' | b',' | b'\'' | b')']) {
        return value.len();
    }
    let mut kept = value;
    for mark in [b":", b",", b"'"] {
        kept = kept.strip_suffix(mark).unwrap_or(kept);
    }
    if !matches!(kept, b"(none)" | b"(null)") {
        kept = kept.strip_suffix(b")").unwrap_or(kept);
    }
    kept.len()
}

/// The end of a value that begins at `start`. Its first word ends at `word`, and libauparse ends it at `libauparses`.
/// The words up to the next `name=value` belong to the value.
fn whole(text: &[u8], start: usize, libauparses: usize, word: usize, next: usize) -> usize {
    if is_quoted(&text[start..libauparses]) {
        return libauparses;
    }
    let open = text[start] == b'"';
    let mut end = word;
    while end < next {
        let word_at = end + text[end..next].iter().take_while(|b| **b == b' ').count();
        let word_end = memchr(b' ', &text[word_at..next]).map_or(next, |n| word_at + n);
        if word_at == word_end || is_pair(&text[word_at..word_end]) {
            break;
        }
        end = word_end;
        if open && text[end - 1] == b'"' {
            break;
        }
    }
    if end == word {
        return libauparses;
    }
    // The quote that closes a user message (msg='…') doesn't belong to its last value.
    if end == text.len() && text[end - 1] == b'\'' && memmem::find(text, b"msg='").is_some() {
        end -= 1;
    }
    while end > libauparses && text[end - 1] == b' ' {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &str, value: &str, next: &str) -> String {
        let start = text.find(value).unwrap_or_default();
        let next = if next.is_empty() { text.len() } else { text.find(next).unwrap_or_default() };
        let word = start + value.len();
        let text = text.as_bytes();
        let libauparses = start + trimmed(&text[start..word]);
        let end = whole(text, start, libauparses, word, next);
        String::from_utf8_lossy(&text[start..end]).into_owned()
    }

    #[test]
    fn values_run_to_the_next_name() {
        assert_eq!(ends("op=adding user acct=x", "adding", "acct"), "adding user");
        assert_eq!(ends("op=adding user acct= exe=x", "adding", "exe"), "adding user");
        assert_eq!(ends("text=a = b == c exe=x", "a", "exe"), "a = b == c");
        assert_eq!(ends("msg='text=a b c'", "a", ""), "a b c");
        assert_eq!(ends("msg='text=a '", "a", ""), "a");
        assert_eq!(ends("subj=x msg='avc: denied { a } for b=1", "x", "b=1"), "x");
        assert_eq!(ends(r#"info="a b c" x=1"#, "\"a", "x=1"), r#""a b c""#);
        assert_eq!(ends(r#"info="a b" c d x=1"#, "\"a", "x=1"), r#""a b""#);
        assert_eq!(ends(r#"acct="root" : exe=1"#, "\"root\"", "exe"), r#""root""#);
        assert_eq!(ends("op=one, two x=1", "one,", "x=1"), "one, two");
    }

    #[test]
    fn short_words_are_found_as_any_word_is() {
        let text = b"a=0 b=sixteen-bytes-ok c=seventeen-bytes--d d=x: e=two words f=1 ...............";
        let end = |value: &str, next: &str| {
            let find = |what: &str| memmem::find(text, what.as_bytes()).unwrap_or_default();
            short_word(text, find(value), find(next))
        };
        assert_eq!(end("0 ", "b="), Some(3));
        assert_eq!(end("sixteen", "c="), memmem::find(text, b" c="));
        assert_eq!(end("seventeen", "d="), None);
        assert_eq!(end("x:", "e="), None);
        assert_eq!(end("two", "f="), None);
        assert_eq!(short_word(b"a=0 b", 2, 4), None, "too near the end to look at 16 bytes");
    }

    #[test]
    fn punctuation_goes_as_in_libauparse() {
        for (value, kept) in
            [("a", "a"), ("a:", "a"), ("a,:", "a"), ("success)'", "success"), ("(none)", "(none)"), ("x)", "x")]
        {
            assert_eq!(trimmed(value.as_bytes()), kept.len(), "{value}");
        }
    }
}
