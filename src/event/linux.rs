//! An event of the Linux audit system: its records and their fields.
//!
//! An event owns its bytes. Record texts lie one after the other in one buffer, and records and fields are spans into
//! it. One [`LinuxEvent`] is filled again and again, so an event needs no allocation once the buffers have grown.

use super::values::is_absent;
use crate::buffer::give_back;
use foldhash::fast::FixedState;
use std::{hash::BuildHasher, ops::Range};

/// A piece of an event's buffer, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A span from `start` up to `end`. Offsets are below 4 GiB, because the parser keeps events far smaller.
    #[allow(clippy::cast_possible_truncation)]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The offset of its first byte.
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// The offset after its last byte.
    pub fn end(self) -> usize {
        self.end as usize
    }

    /// The number of its bytes.
    pub fn len(self) -> usize {
        self.end().saturating_sub(self.start())
    }

    /// True when it has no bytes.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The span as a range.
    pub fn range(self) -> Range<usize> {
        self.start()..self.end()
    }
}

/// A point in time, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds in addition, below 1,000,000,000.
    pub nanos: u32,
}

impl EventId {
    /// The time of the event.
    pub fn time(self) -> Timestamp {
        Timestamp { seconds: self.seconds, nanos: u32::from(self.millis) * 1_000_000 }
    }
}

/// The time and the serial of an event, from the `audit(SECONDS.MILLIS:SERIAL)` header of its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct EventId {
    /// Seconds since 1970, UTC.
    pub seconds: i64,
    /// Milliseconds, 0 to 999.
    pub millis: u16,
    /// The number that the kernel (or auditd) gave the event.
    pub serial: u64,
}

/// One record of an event.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The record type's number (`AUDIT_SYSCALL` is 1300: `<linux/audit.h>`, `<libaudit.h>`). It is 0 or less when
    /// libaudit doesn't know the type's name.
    pub record_type: i32,
    /// The record type's name: `SYSCALL`, `PATH`, `UNKNOWN[1420]`.
    pub name: Span,
    /// The whole record, without the text that auditd appends in enriched logs.
    pub text: Span,
    /// The text that auditd appended: `ARCH=x86_64 SYSCALL=openat AUID="root"`. Empty in raw logs.
    pub enriched: Span,
    /// Its fields, as a range of the event's list.
    pub fields: Range<usize>,
}

/// One `name=value` of a record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Field {
    /// The name, as recorded.
    pub name: Span,
    /// The whole value as recorded, including any quotes.
    pub value: Span,
    /// True when libauparse cut this value, at a space or because it couldn't read it. Then its interpretation must not
    /// be used.
    pub truncated: bool,
    /// Its place in the record, as libauparse counts fields.
    pub number: u32,
}

/// One audit event: the records that share a time, a serial and a node.
#[derive(Clone, Debug, Default)]
pub struct LinuxEvent {
    /// Time and serial.
    pub id: EventId,
    /// True for a part of an event that the parser couldn't hand out whole.
    pub partial: bool,
    /// The number of parts of the event that were handed out before. It is 0 for a whole event.
    pub part: u32,
    node: Option<Span>,
    bytes: Vec<u8>,
    records: Vec<Record>,
    fields: Vec<Field>,
}

/// A field with its record and its event.
#[derive(Clone, Copy)]
pub struct FieldRef<'e> {
    /// The event.
    pub event: &'e LinuxEvent,
    /// The record's place in the event.
    pub number: usize,
    /// The record.
    pub record: &'e Record,
    /// The field.
    pub field: Field,
}

impl<'e> FieldRef<'e> {
    /// The value as recorded.
    pub fn text(&self) -> &'e [u8] {
        self.event.bytes(self.field.value)
    }
}

/// Numbers of the record types that are distinguished here (`<linux/audit.h>`, `<libaudit.h>`).
pub mod record_type {
    #![allow(missing_docs)] // each constant is the number of the record type of that name
    pub const USER: i32 = 1005;
    pub const LOGIN: i32 = 1006;
    pub const USER_AVC: i32 = 1107;
    pub const USER_LOGIN: i32 = 1112;
    pub const USER_LOGOUT: i32 = 1113;
    pub const CHGRP_ID: i32 = 1119;
    pub const TRUSTED_APP: i32 = 1121;
    pub const USER_TTY: i32 = 1124;
    pub const SYSTEM_BOOT: i32 = 1127;
    pub const DAEMON_ACCEPT: i32 = 1207;
    pub const SYSCALL: i32 = 1300;
    pub const SOCKETCALL: i32 = 1304;
    pub const CONFIG_CHANGE: i32 = 1305;
    pub const PATH: i32 = 1302;
    pub const SOCKADDR: i32 = 1306;
    pub const CWD: i32 = 1307;
    pub const EXECVE: i32 = 1309;
    pub const OBJ_PID: i32 = 1318;
    pub const EOE: i32 = 1320;
    pub const TTY: i32 = 1319;
    pub const MMAP: i32 = 1323;
    pub const NETFILTER_PKT: i32 = 1324;
    pub const NETFILTER_CFG: i32 = 1325;
    pub const SECCOMP: i32 = 1326;
    pub const PROCTITLE: i32 = 1327;
    pub const FEATURE_CHANGE: i32 = 1328;
    pub const FANOTIFY: i32 = 1331;
    pub const EVENT_LISTENER: i32 = 1335;
    pub const URINGOP: i32 = 1336;
    pub const OPENAT2: i32 = 1337;
    pub const DM_CTRL: i32 = 1338;
    pub const DM_EVENT: i32 = 1339;
    pub const AVC: i32 = 1400;
    pub const MAC_IPSEC_EVENT: i32 = 1415;
    pub const MAC_TASK_CONTEXTS: i32 = 1420;
    pub const MAC_OBJ_CONTEXTS: i32 = 1421;
    pub const ANOM_PROMISCUOUS: i32 = 1700;
    pub const ANOM_ABEND: i32 = 1701;
    pub const ANOM_LINK: i32 = 1702;
    pub const ANOM_CREAT: i32 = 1703;
    pub const KERNEL: i32 = 2000;
    pub const USER_ROLE_CHANGE: i32 = 2300;
    pub const VIRT_RESOURCE: i32 = 2501;
    pub const VIRT_MACHINE_ID: i32 = 2502;
}

/// The number of bytes that [`LinuxEvent::prefix`] returns.
pub const PREFIX: usize = 16;

/// A number for a node's name, 0 for no name. It distinguishes events and processes of different hosts.
pub fn node_id(node: &[u8]) -> u64 {
    if node.is_empty() { 0 } else { FixedState::default().hash_one(node) }
}

impl LinuxEvent {
    /// Empties it for the next event and keeps its buffers.
    pub fn begin(&mut self, id: EventId) {
        self.id = id;
        self.partial = false;
        self.part = 0;
        self.node = None;
        self.bytes.clear();
        self.records.clear();
        self.fields.clear();
    }

    /// Empties it after use. Frees the memory beyond `most` bytes that a huge event took.
    pub fn give_back(&mut self, most: usize) {
        give_back(&mut self.bytes, most);
        give_back(&mut self.records, most / size_of::<Record>());
        give_back(&mut self.fields, most / size_of::<Field>());
    }

    /// Copies bytes into the event. The span is valid until the next [`LinuxEvent::begin`].
    pub fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Span::new(start, self.bytes.len())
    }

    /// The bytes of a span, to change them.
    pub fn bytes_mut(&mut self, span: Span) -> &mut [u8] {
        self.bytes.get_mut(span.range()).unwrap_or_default()
    }

    /// Sets the node (`node=` of aggregated logs).
    pub fn set_node(&mut self, node: Span) {
        self.node = Some(node);
    }

    /// Adds a field to the record that is being built.
    pub fn push_field(&mut self, field: Field) {
        self.fields.push(field);
    }

    /// A field by its place among all fields, to set the end of its value.
    pub fn field_mut(&mut self, at: usize) -> Option<&mut Field> {
        self.fields.get_mut(at)
    }

    /// Exchanges two fields of the record that is being built.
    pub fn swap_fields(&mut self, a: usize, b: usize) {
        self.fields.swap(a, b);
    }

    /// The number of fields in all records so far.
    pub fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// Ends the event. From now on [`LinuxEvent::prefix`] works for every span.
    pub fn end(&mut self) {
        self.bytes.extend_from_slice(&[0; PREFIX]);
    }

    /// Closes a record whose fields have been pushed.
    pub fn push_record(&mut self, record: Record) {
        self.records.push(record);
    }

    /// The records, in the order they came.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The types of all records except EOE, in order.
    pub fn record_types(&self) -> impl Iterator<Item = &[u8]> {
        self.records
            .iter()
            .filter(|record| record.record_type != record_type::EOE)
            .map(|record| self.bytes(record.name))
    }

    /// The fields of one record, in order.
    pub fn fields(&self, record: &Record) -> &[Field] {
        self.fields.get(record.fields.clone()).unwrap_or_default()
    }

    /// All fields of all records.
    pub fn all_fields(&self) -> &[Field] {
        &self.fields
    }

    /// The bytes of a span. Empty when the span lies outside the event.
    pub fn bytes(&self, span: Span) -> &[u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }

    /// The first [`PREFIX`] bytes from the start of a span. A shorter span is followed by other bytes. The fixed length
    /// lets work on short values take a few instructions instead of a call.
    pub fn prefix(&self, span: Span) -> Option<&[u8; PREFIX]> {
        self.bytes.get(span.start()..)?.first_chunk()
    }

    /// The host that the records name with `node=`.
    pub fn node(&self) -> Option<&[u8]> {
        self.node.map(|span| self.bytes(span))
    }

    /// The [`node_id`] of that host.
    pub fn node_id(&self) -> u64 {
        self.node().map_or(0, node_id)
    }

    /// The places of all records of a type, in order.
    pub fn places(&self, kind: i32) -> impl Iterator<Item = usize> {
        self.records.iter().enumerate().filter(move |(_, record)| record.record_type == kind).map(|(number, _)| number)
    }

    /// The first record of a type.
    pub fn first(&self, kind: i32) -> Option<&Record> {
        self.records.iter().find(|r| r.record_type == kind)
    }

    /// The first field of that name in the record at this place. None when its value is absent.
    pub fn field(&self, number: usize, name: &[u8]) -> Option<FieldRef<'_>> {
        let record = self.records.get(number)?;
        let field = *self.fields(record).iter().find(|f| self.bytes(f.name) == name)?;
        (!is_absent(self.bytes(field.value))).then_some(FieldRef { event: self, number, record, field })
    }

    /// The recorded value of a record's first field of that name.
    pub fn value(&self, record: &Record, name: &[u8]) -> Option<&[u8]> {
        self.fields(record).iter().find(|f| self.bytes(f.name) == name).map(|f| self.bytes(f.value))
    }
}
