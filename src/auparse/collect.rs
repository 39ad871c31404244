//! Copies the event under libauparse's cursor into an [`Event`].
//!
//! libauparse says which fields a record has; this says where in the record's text each stands. That matters
//! because libauparse ends a value at a space (in `op=adding user acct=…` it sees `adding`) while a document says
//! what the record says: a value runs to the next ` name=`.
//!
//! Finding the place costs nothing as a rule: names and values lie in libauparse's copy of the text, as far from
//! its beginning as they are from the beginning of ours. Where that doesn't hold (values it made itself, a library
//! that stores them otherwise) the text is searched.

use super::handle::Cursor;
use crate::event::{Event, Field, Record, Span};
use memchr::{memchr, memmem};
use std::ffi::CStr;

/// Copies all records and fields; the cursor may stand anywhere.
pub(super) fn collect(cursor: &mut Cursor, event: &mut Event) {
    if !cursor.first_record() {
        return;
    }
    loop {
        record(cursor, event);
        if !cursor.next_record() {
            return;
        }
    }
}

/// Reads one record's fields, in order.
struct Walk<'a> {
    event: &'a mut Event,
    /// Where the record's text is in the event's bytes.
    text: Span,
    /// Address of libauparse's copy of the text; 0 when unknown. Compared with other addresses, never read.
    base: usize,
    /// End of the last value, within the text.
    done: usize,
    /// Number of the first field of this record in the event's list.
    first: usize,
}

fn record(cursor: &mut Cursor, event: &mut Event) {
    let kind = cursor.record_type();
    let text = event.keep(cursor.record_text().map_or(b"", CStr::to_bytes));
    let enriched = event.keep(cursor.record_interpretations().map_or(b"", CStr::to_bytes));
    let first = event.field_count();
    let mut walk = Walk { event, text, base: 0, done: 0, first };
    if cursor.first_field() {
        let mut number = 0;
        loop {
            walk.field(cursor, number);
            number += 1;
            if !cursor.next_field() {
                break;
            }
        }
        walk.end_value(text.end() - text.start());
    }
    let fields = first..event.field_count();
    let name = type_name(cursor, event, fields.clone());
    event.push_record(Record { kind, name, text, enriched, fields });
}

/// The record type's name: libaudit's, or where it has none what stands behind `type=`.
fn type_name(cursor: &Cursor, event: &mut Event, fields: std::ops::Range<usize>) -> Span {
    let written = event.all_fields()[fields].iter().take(2).find(|f| event.bytes(f.name) == b"type").map(|f| f.value);
    let known = cursor.record_type_name().map_or(&b""[..], CStr::to_bytes);
    match written {
        Some(written) if known.is_empty() || event.bytes(written) == known => written,
        _ if known.is_empty() => event.keep(b"UNKNOWN"),
        _ => event.keep(known),
    }
}

impl Walk<'_> {
    fn record_text(&self) -> &[u8] {
        self.event.bytes(self.text)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.text.start() + start, self.text.start() + end)
    }

    /// Adds the field under the cursor.
    fn field(&mut self, cursor: &Cursor, number: u32) {
        let Some(name) = cursor.field_name() else {
            return;
        };
        let value = cursor.field_value();
        let name_address = name.as_ptr() as usize;
        let first = number == 0;
        if first && self.record_text().starts_with(name.to_bytes()) {
            self.base = name_address;
        }
        if number <= 1 && (name.to_bytes() == b"node") && first {
            let node = self.event.keep(value.map_or(b"", CStr::to_bytes));
            self.event.set_node(node);
        }
        let Some(value) = value else {
            // A key that libauparse couldn't decode: the text still says it.
            return self.search_text(name.to_bytes(), None, number);
        };
        match self.place(name_address, value) {
            Some((name_at, value_at)) => {
                self.end_value(name_at);
                self.done = value_at + value.count_bytes();
                let field = Field {
                    name: self.span(name_at, value_at - 1),
                    value: self.span(value_at, self.done),
                    own: false,
                    number,
                };
                self.event.push_field(field);
            }
            None => self.search_text(name.to_bytes(), Some(value.to_bytes()), number),
        }
    }

    /// Where name and value stand in the text, by their addresses.
    fn place(&self, name_address: usize, value: &CStr) -> Option<(usize, usize)> {
        let text = self.record_text();
        let value_at = (value.as_ptr() as usize).wrapping_sub(self.base);
        let name_at = name_address.wrapping_sub(self.base);
        let in_order = self.base != 0 && self.done <= name_at && name_at < value_at && value_at < text.len();
        let there = in_order && text[value_at - 1] == b'=' && text[value_at..].starts_with(value.to_bytes());
        there.then_some((name_at, value_at))
    }

    /// Adds a field whose value libauparse made itself (keys, what an AVC was about), or lost.
    fn search_text(&mut self, name: &[u8], value: Option<&[u8]>, number: u32) {
        let mut needle = Vec::with_capacity(name.len() + 1);
        needle.extend_from_slice(name);
        needle.push(b'=');
        let text = self.record_text();
        let found = memmem::find_iter(&text[self.done..], &needle)
            .map(|at| self.done + at)
            .find(|&at| at == 0 || !text[at - 1].is_ascii_graphic() || matches!(text[at - 1], b'\'' | b'('));
        if let Some(name_at) = found {
            let value_at = name_at + needle.len();
            let end = memchr(b' ', &text[value_at..]).map_or(text.len(), |n| value_at + n);
            self.end_value(name_at);
            self.done = end;
            let recorded = &self.record_text()[value_at..end];
            match value {
                None => {
                    let (name, value) = (self.span(name_at, value_at - 1), self.span(value_at, end));
                    return self.event.push_field(Field { name, value, own: true, number });
                }
                Some(value) if recorded.starts_with(value) => {
                    self.done = value_at + value.len();
                    let (name, value) = (self.span(name_at, value_at - 1), self.span(value_at, self.done));
                    return self.event.push_field(Field { name, value, own: false, number });
                }
                // Several keys in one hex string: each as libauparse cut it out.
                Some(_) => (),
            }
        }
        let name = self.event.keep(name);
        let value = self.event.keep(value.unwrap_or_default());
        self.event.push_field(Field { name, value, own: false, number });
    }

    /// Now that the next name (or the end) is known to begin at `next`: how far the last value really runs.
    fn end_value(&mut self, next: usize) {
        let text = self.event.bytes(self.text);
        let Some(mut end) = text.get(self.done..next).and_then(|gap| {
            // libauparse also takes punctuation off a value's end; what counts as cut comes behind a space.
            memchr(b' ', gap).map(|space| self.done + space)
        }) else {
            return;
        };
        if end + 1 >= next || self.event.field_count() == self.first {
            return;
        }
        let Some(last) = self.event.all_fields().last().copied() else {
            return;
        };
        let start = last.value.start().wrapping_sub(self.text.start());
        if start >= text.len() || is_quoted(self.event.bytes(last.value)) {
            return;
        }
        let before = end;
        let open = text[start] == b'"';
        while end < next {
            let word_at = end + text[end..next].iter().take_while(|b| **b == b' ').count();
            let word_end = memchr(b' ', &text[word_at..next]).map_or(next, |n| word_at + n);
            if word_at == word_end || memchr(b'=', &text[word_at..word_end]).is_some() {
                break;
            }
            end = word_end;
            if open && text[end - 1] == b'"' {
                break;
            }
        }
        if end == before {
            return;
        }
        // The quote that closes a user message (msg='…') is no part of its last value.
        if end == text.len() && text[end - 1] == b'\'' && memmem::find(text, b"msg='").is_some() {
            end -= 1;
        }
        while text[end - 1] == b' ' {
            end -= 1;
        }
        let whole = self.span(start, end);
        if whole != last.value
            && let Some(last) = self.event.last_field_mut()
        {
            last.value = whole;
            last.own = true;
        }
    }
}

fn is_quoted(value: &[u8]) -> bool {
    value.len() >= 2 && value.first() == Some(&b'"') && value.last() == Some(&b'"')
}
