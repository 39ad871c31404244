//! The document: the envelope, and what stands in it.

use super::{category::Category, details, rules::MozDefField, summary, view::EventView};
use crate::{
    auparse::Interpreter,
    config,
    document::Document,
    enrich::Context,
    event::{Event, EventId, FactValue, Gap, Heartbeat, LinuxEvent, Notice, record_type},
    format::{
        arguments::Arguments,
        clock::Clock,
        flat::{self, Flat},
        json,
        written::Written,
    },
    host::Host,
    losses::events,
};

/// The version in the tags.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes MozDef documents.
pub struct MozDef {
    settings: config::MozDef,
    /// Fully qualified name of this host, used when the records name no node.
    hostname: String,
    flat: Flat<MozDefField>,
    fixed: details::FixedKeys,
    summary: Vec<u8>,
    /// The text from the end of the hostname up to the value of `timestamp`.
    process: Vec<u8>,
    /// `"tags":["auship","0.1.0","audit"`
    tags: Vec<u8>,
    clock: Clock,
}

impl MozDef {
    /// Creates a writer with these settings.
    pub fn new(settings: &config::MozDef, host: &Host) -> Self {
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
        let mut flat = Flat::new(json::Strings::Pieces);
        let fixed = details::FixedKeys::new(&mut flat.keys);
        Self {
            settings: settings.clone(),
            hostname: host.name.clone(),
            flat,
            fixed,
            summary: Vec::new(),
            process,
            tags,
            clock: Clock::default(),
        }
    }

    /// Appends the event's document.
    pub fn write(&mut self, event: &mut Event, context: &Context, document: &mut Document) -> Written {
        match event {
            Event::Linux(event, interpreter) => self.write_linux(event, interpreter, context, &mut document.body),
            Event::Notice(Notice::Gap(gap)) => self.write_gap(gap, &mut document.body),
            Event::Notice(Notice::Heartbeat(heartbeat)) => self.write_heartbeat(heartbeat, &mut document.body),
        }
    }

    fn write_linux(
        &mut self,
        event: &LinuxEvent,
        interpreter: &mut Interpreter,
        context: &Context,
        out: &mut Vec<u8>,
    ) -> Written {
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
        self.envelope(&view, category, context.arguments, interpreter, out);
        let flat = flat::Writer { state: &mut self.flat, event, interpreter, out, call: view.call };
        details::Writer::new(flat, &self.fixed, context, &view, self.settings.details).write();
        out.extend_from_slice(b"}}");
        Written::Document
    }

    /// Appends the document of a gap, which reports missing serials. auship found the gap itself, so the severity
    /// differs from that of records.
    fn write_gap(&mut self, gap: &Gap, out: &mut Vec<u8>) -> Written {
        let summary = format!("Audit gap: {} missing, {}", events(gap.count), gap.serials());
        self.notice("audit_gap", &summary, true, gap.node.as_deref(), gap.id, out);
        out.extend_from_slice(format!(r#""from":"{}","to":"{}","count":"{}""#, gap.from, gap.to, gap.count).as_bytes());
        if let Some(node) = &gap.node {
            out.extend_from_slice(br#","node":"#);
            json::string(out, node);
        }
        out.extend_from_slice(b"}}");
        Written::Document
    }

    /// Appends the document of a heartbeat. All its facts are strings.
    fn write_heartbeat(&mut self, heartbeat: &Heartbeat, out: &mut Vec<u8>) -> Written {
        self.notice("heartbeat", &heartbeat.summary, heartbeat.is_warning, None, heartbeat.id, out);
        let boot_id = heartbeat.boot_id.iter().map(|id| ("boot_id".to_string(), id.clone()));
        let facts = heartbeat.facts.iter().map(|fact| {
            let value = match &fact.value {
                FactValue::Text(text) => text.clone(),
                FactValue::Number(number) => number.to_string(),
            };
            (fact.name.join("_"), value)
        });
        for (number, (name, value)) in boot_id.chain(facts).enumerate() {
            if number > 0 {
                out.push(b',');
            }
            json::string(out, name.as_bytes());
            out.push(b':');
            json::string(out, value.as_bytes());
        }
        out.extend_from_slice(b"}}");
        Written::Document
    }

    /// Appends the envelope of a notice, up to the beginning of its details.
    fn notice(
        &mut self,
        category: &str,
        summary: &str,
        is_warning: bool,
        node: Option<&[u8]>,
        id: EventId,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(br#"{"category":""#);
        out.extend_from_slice(category.as_bytes());
        out.extend_from_slice(br#"","summary":"#);
        json::string(out, summary.as_bytes());
        out.extend_from_slice(br#","severity":""#);
        out.extend_from_slice(if is_warning { b"WARNING" } else { b"INFO" });
        out.extend_from_slice(br#"","hostname":""#);
        json::escape(out, node.unwrap_or(self.hostname.as_bytes()));
        out.extend_from_slice(&self.process);
        self.clock.write(id, out);
        out.extend_from_slice(b"+00:00");
        out.extend_from_slice(&self.tags);
        out.extend_from_slice(br#"],"source":"auditd","details":{"#);
    }

    fn envelope(
        &mut self,
        view: &EventView,
        category: Category,
        arguments: &Arguments,
        interpreter: &mut Interpreter,
        out: &mut Vec<u8>,
    ) {
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
        summary::write(view, category, arguments, interpreter, &mut line);
        summary::cut(&line, out);
        self.summary = line;
        out.push(b'"');
        out.extend_from_slice(br#","severity":"INFO","hostname":""#);
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
