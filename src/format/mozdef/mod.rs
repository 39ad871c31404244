//! The MozDef format: the documents that audisp-json wrote, with every field of every record in addition.
//!
//! Names and values are a contract with alerts and dashboards in use.
//!
//! | file | what it holds |
//! |---|---|
//! | `category.rs` | the category of an event |
//! | `rules.rs` | the key of each field |
//! | `details.rs` | the flat object of all fields |
//! | `summary.rs` | one line for people |

mod category;
mod details;
mod rules;
mod summary;

use crate::{
    auparse::{Interpreter, Syscall},
    config,
    document::Document,
    event::{Event, Gap, LinuxEvent, Notice, Record, record_type},
    format::{arguments::Arguments, clock::Clock, flat::Flat, json, written::Written},
    host::Host,
    losses::events,
    processes::{Origin, Processes},
};
use category::Category;
use rules::MozDefField;

/// The version in the tags.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes MozDef documents.
pub struct MozDef {
    settings: config::MozDef,
    /// Fully qualified name of this host, used when the records name no node.
    hostname: String,
    processes: Processes,
    flat: Flat<MozDefField>,
    fixed: details::FixedKeys,
    comm: Vec<u8>,
    arguments: Arguments,
    summary: Vec<u8>,
    /// `,"severity":"INFO","hostname":"`
    severity: Vec<u8>,
    /// The text from the end of the hostname up to the value of `timestamp`.
    process: Vec<u8>,
    /// `"tags":["auship","0.1.0","audit"`
    tags: Vec<u8>,
    clock: Clock,
}

/// The places of the records that decide an event's category.
struct EventView<'e> {
    event: &'e LinuxEvent,
    syscall: Option<usize>,
    call: Option<Syscall>,
    first_path: Option<usize>,
    last_path: Option<usize>,
    execve: bool,
    sockaddr: Option<usize>,
    avc: Option<usize>,
    promiscuous: Option<usize>,
    obj_pid: Option<usize>,
    openat2: Option<usize>,
}

impl<'e> EventView<'e> {
    fn new(event: &'e LinuxEvent) -> Self {
        let mut view = Self {
            event,
            syscall: None,
            call: None,
            first_path: None,
            last_path: None,
            execve: false,
            sockaddr: None,
            avc: None,
            promiscuous: None,
            obj_pid: None,
            openat2: None,
        };
        for (n, record) in event.records().iter().enumerate() {
            match record.record_type {
                record_type::SYSCALL => view.syscall = view.syscall.or(Some(n)),
                record_type::PATH => {
                    view.first_path = view.first_path.or(Some(n));
                    view.last_path = Some(n);
                }
                record_type::EXECVE => view.execve = true,
                record_type::SOCKADDR => view.sockaddr = view.sockaddr.or(Some(n)),
                record_type::AVC | record_type::USER_AVC => view.avc = view.avc.or(Some(n)),
                record_type::ANOM_PROMISCUOUS => view.promiscuous = view.promiscuous.or(Some(n)),
                record_type::OBJ_PID => view.obj_pid = view.obj_pid.or(Some(n)),
                record_type::OPENAT2 => view.openat2 = view.openat2.or(Some(n)),
                _ => (),
            }
        }
        view
    }

    fn record(&self, number: usize) -> &'e Record {
        &self.event.records()[number]
    }

    /// The value of a field of one record, as recorded.
    fn value(&self, number: Option<usize>, name: &[u8]) -> Option<&'e [u8]> {
        self.event.value(self.record(number?), name)
    }

    fn category(&self, interpreter: &Interpreter) -> Category {
        if self.promiscuous.is_some() {
            return Category::Promiscuous;
        }
        if let Some(avc) = self.avc {
            let apparmor = self.value(Some(avc), b"apparmor").is_some();
            return if apparmor { Category::AppArmor } else { Category::SeLinux };
        }
        match (self.syscall, self.call) {
            (Some(0), Some(call)) => {
                let name = interpreter.syscall_name(call);
                category::of_call(name, || self.creates_or_truncates(name))
            }
            (Some(0), None) => Category::Syscall,
            _ => Category::Record,
        }
    }

    /// True when a call that opens a file created it, or had the flag O_TRUNC.
    fn creates_or_truncates(&self, name: &[u8]) -> bool {
        // The bit is the same on x86, ARM, RISC-V, POWER and s390x (asm-generic/fcntl.h).
        const O_TRUNC: u64 = 0o1000;
        let created = self
            .event
            .records()
            .iter()
            .any(|r| r.record_type == record_type::PATH && self.event.value(r, b"nametype") == Some(b"CREATE"));
        let number = |text: Option<&[u8]>, base| u64::from_str_radix(str::from_utf8(text?).ok()?, base).ok();
        let flags = match name {
            b"open" => number(self.value(self.syscall, b"a1"), 16),
            b"openat2" => None,
            _ => number(self.value(self.syscall, b"a2"), 16),
        };
        // The flags of openat2 are in a record of their own.
        let how = number(self.value(self.openat2, b"oflag"), 8);
        created || (flags.unwrap_or(0) | how.unwrap_or(0)) & O_TRUNC != 0
    }

    /// True for events that `skip_empty_execve` leaves out.
    fn is_empty_execve(&self, category: Category) -> bool {
        category == Category::Execve && !self.execve && self.value(self.syscall, b"success") == Some(b"yes")
    }
}

impl MozDef {
    /// Creates a writer with these settings.
    pub fn new(settings: &config::MozDef, host: &Host, origin: Origin) -> Self {
        let mut severity = br#","severity":"INFO","hostname":"#.to_vec();
        severity.push(b'"');
        let mut process = Vec::new();
        process.extend_from_slice(br#"","processid":""#);
        process.extend_from_slice(std::process::id().to_string().as_bytes());
        process.extend_from_slice(br#"","processname":"#);
        json::string(&mut process, settings.program_name.as_bytes());
        process.extend_from_slice(br#","timestamp":""#);
        let mut tags = br#"","tags":["#.to_vec();
        json::string(&mut tags, settings.program_name.as_bytes());
        tags.push(b',');
        json::string(&mut tags, VERSION.as_bytes());
        tags.extend_from_slice(br#","audit""#);
        let processes = Processes::new(origin);
        let mut flat = Flat::new(json::Strings::Pieces);
        let fixed = details::FixedKeys::new(&mut flat.keys);
        Self {
            settings: settings.clone(),
            hostname: host.name.clone(),
            processes,
            flat,
            fixed,
            comm: Vec::new(),
            arguments: Arguments::default(),
            summary: Vec::new(),
            severity,
            process,
            tags,
            clock: Clock::default(),
        }
    }

    /// Appends the event's document.
    pub fn write(&mut self, event: &mut Event, document: &mut Document) -> Written {
        match event {
            Event::Linux(event, interpreter) => self.write_linux(event, interpreter, &mut document.body),
            Event::Notice(Notice::Gap(gap)) => self.write_gap(gap, &mut document.body),
        }
    }

    fn write_linux(&mut self, event: &LinuxEvent, interpreter: &mut Interpreter, out: &mut Vec<u8>) -> Written {
        if event.records().iter().all(|r| r.record_type == record_type::EOE) {
            return Written::Skipped;
        }
        if self.flat.begin(event) {
            self.fixed = details::FixedKeys::new(&mut self.flat.keys);
        }
        let mut view = EventView::new(event);
        view.call = view.syscall.and_then(|n| interpreter.syscall(event, n, view.record(n)));
        let category = view.category(interpreter);
        if self.settings.skip_empty_execve && view.is_empty_execve(category) {
            return Written::Skipped;
        }
        self.arguments.gather(event, interpreter, view.execve);

        self.envelope(&view, category, interpreter, out);
        self.details(&view, interpreter, out);
        out.extend_from_slice(b"}}");
        self.arguments.give_back();
        Written::Document
    }

    /// Appends the document of a gap, which reports missing serials. auship found the gap itself, so the severity
    /// differs from that of records.
    fn write_gap(&mut self, gap: &Gap, out: &mut Vec<u8>) -> Written {
        let summary = format!("Audit gap: {} missing, {}", events(gap.count), gap.serials());
        out.extend_from_slice(br#"{"category":"audit_gap","summary":"#);
        json::string(out, summary.as_bytes());
        out.extend_from_slice(br#","severity":"WARNING","hostname":""#);
        json::escape(out, gap.node.as_deref().unwrap_or(self.hostname.as_bytes()));
        out.extend_from_slice(&self.process);
        self.clock.write(gap.id, out);
        out.extend_from_slice(b"+00:00");
        out.extend_from_slice(&self.tags);
        out.extend_from_slice(br#"],"source":"auditd","details":{"from":""#);
        out.extend_from_slice(format!(r#"{}","to":"{}","count":"{}""#, gap.from, gap.to, gap.count).as_bytes());
        if let Some(node) = &gap.node {
            out.extend_from_slice(br#","node":"#);
            json::string(out, node);
        }
        out.extend_from_slice(b"}}");
        Written::Document
    }

    fn envelope(&mut self, view: &EventView, category: Category, interpreter: &mut Interpreter, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"category":""#);
        if category == Category::Record {
            let name = view.event.bytes(view.record(0).name).to_ascii_lowercase();
            json::escape(out, &name);
        } else {
            out.extend_from_slice(category.word().as_bytes());
        }
        out.extend_from_slice(br#"","summary":""#);
        let mut line = std::mem::take(&mut self.summary);
        line.clear();
        summary::write(view, category, &self.arguments, interpreter, &mut line);
        summary::cut(&line, out);
        self.summary = line;
        out.push(b'"');
        out.extend_from_slice(&self.severity);
        json::escape(out, view.event.node().filter(|n| !n.is_empty()).unwrap_or(self.hostname.as_bytes()));
        out.extend_from_slice(&self.process);
        self.clock.write(view.event.id, out);
        out.extend_from_slice(b"+00:00");
        out.extend_from_slice(&self.tags);
        if view.event.partial {
            out.extend_from_slice(br#","partial""#);
        }
        out.extend_from_slice(br#"],"source":"auditd","details":{"#);
    }
}
