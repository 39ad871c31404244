//! The Elastic Common Schema as Auditbeat uses it, with every field of every record in addition.
//!
//! Names and values are a contract with dashboards and detection rules in use. If the reference (Auditbeat) has a
//! value, ours is the same. Everything else goes to fields of its own.
//!
//! | file | what it holds |
//! |---|---|
//! | `normalization/` | the meaning of each system call and record type |
//! | `view.rs` | the records that an event has, and its meaning |
//! | `fields.rs` | the place of each field, and the way to read its value |
//! | `gather.rs` | one pass over all fields, for `auditd.data`, `auditd.paths` and fields with a place of their own |
//! | `users.rs`, `process.rs`, `file.rs`, `network.rs`, `summary.rs` | the document's objects |
//! | `heartbeat.rs` | the facts of a heartbeat |
//! | `id.rs` | the document's id |
//! | `label.rs` | security labels |
//! | `object.rs` | nested JSON objects |

mod fields;
mod file;
mod gather;
mod heartbeat;
mod id;
mod label;
mod network;
mod normalization;
mod object;
mod process;
mod summary;
mod users;
mod view;

use crate::{
    auparse::{Interpreter, syscall_names},
    config,
    document::Document,
    enrich::Context,
    event::{Event, EventId, Gap, Heartbeat, LinuxEvent, Notice, is_unset, record_type, unquoted},
    format::{
        clock::Clock,
        flat::{self, Flat},
        json,
        written::Written,
    },
    host::Host,
};
use fields::{Ecs as Field, KnownField};
use gather::{Gather, Gathered, Scratch};
use network::Network;
use normalization::{Normalizations, Object};
use object::Objects;
use summary::Summary;
use users::Users;
use view::View;

/// The version of ECS that the mapping was checked against.
pub const ECS_VERSION: &str = "9.4.0";
/// The version of the agent.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The dataset of documents that don't go to a data stream with a dataset of its own. Elastic's integration for audit
/// events, *Auditd Manager*, has this one. Rules and dashboards ask for it. Auditbeat writes none.
const DATASET: &str = "auditd_manager.auditd";

/// Writes ECS documents.
pub struct Ecs {
    settings: config::Ecs,
    host: Host,
    /// The text that identifies this machine in ids.
    machine: Vec<u8>,
    normals: Normalizations,
    flat: Flat<Field>,
    work: Scratch,
    users: Users,
    network: Network,
    summary: Summary,
    words: [Vec<u8>; 2],
    clock: Clock,
    /// Members of `event` that are the same in every document: the module and the dataset.
    source: Vec<u8>,
    /// Members that are the same in every document.
    fixed: Vec<u8>,
}

impl Ecs {
    /// Creates a writer with these settings.
    pub fn new(settings: &config::Ecs, host: &Host) -> Self {
        let mut fixed = Vec::new();
        let fixed_members = [("ecs", "version", ECS_VERSION), ("service", "type", "auditd")];
        for (object, name, value) in fixed_members {
            fixed.extend_from_slice(format!(r#","{object}":{{"{name}":"{value}"}}"#).as_bytes());
        }
        fixed.extend_from_slice(format!(r#","agent":{{"type":"auship","version":"{VERSION}"}}"#).as_bytes());
        if let Some(stream) = &settings.data_stream {
            let mut objects = Objects { out: &mut fixed };
            let object = objects.open("data_stream");
            for (name, part) in stream.members() {
                objects.text(name, part.as_bytes());
            }
            objects.close(object);
        }
        let mut source = Vec::new();
        let mut objects = Objects { out: &mut source };
        objects.text("module", b"auditd");
        objects.text("dataset", settings.data_stream.as_ref().map_or(DATASET, |stream| &stream.dataset).as_bytes());
        Self {
            settings: settings.clone(),
            host: host.clone(),
            machine: id::machine(host),
            normals: Normalizations::new(),
            flat: Flat::new(json::Strings::Whole),
            work: Scratch::default(),
            users: Users::default(),
            network: Network::default(),
            summary: Summary::default(),
            words: [Vec::new(), Vec::new()],
            clock: Clock::default(),
            source,
            fixed,
        }
    }

    /// Appends the event's document and notes its id.
    pub fn write(&mut self, event: &mut Event, context: &Context, document: &mut Document) -> Written {
        match event {
            Event::Linux(event, interpreter) => self.write_linux(event, interpreter, context, document),
            Event::Notice(Notice::Gap(gap)) => self.write_gap(gap, document),
            Event::Notice(Notice::Heartbeat(heartbeat)) => self.write_heartbeat(heartbeat, document),
        }
    }

    fn write_linux(
        &mut self,
        event: &LinuxEvent,
        interpreter: &mut Interpreter,
        context: &Context,
        document: &mut Document,
    ) -> Written {
        if event.records().iter().all(|r| r.record_type == record_type::EOE) {
            return Written::Skipped;
        }
        let out = &mut document.body;
        self.flat.begin(event);
        self.work.clear();
        let view = View::new(event, &self.normals, interpreter);
        let Scratch { data, interpreted, paths, keys } = &mut self.work;
        let flat = flat::Writer { state: &mut self.flat, event, call: view.call, interpreter, out: data };
        let mut gather = Gather { flat, interpreted, paths, keys, view: &view, found: Gathered::new() };
        gather.records();

        let path = match view.normal.object {
            Object::Path(_, hint) => file::object(&view, hint),
            _ => None,
        };
        self.summary.gather(&mut gather, path);
        let path = path.or_else(|| file_of_records(&view));
        self.users.gather(&mut gather, &self.summary);
        self.network.gather(&mut gather);

        let outcome = gather.found.get(KnownField::Result).map(|found| fields::result(found.place.text()));
        let id = id::of_event(event, &self.machine);
        document.id = Some(id);
        begin(&mut self.clock, event.id, id, out);
        write_event(&view, outcome, gather.flat.interpreter, self.settings.event_original, &self.source, out);
        out.extend_from_slice(&self.fixed);
        write_host(&self.host, event.node(), None, out);
        process::write(&mut gather, context, &mut self.words, out);
        let subject = gather.found.text(KnownField::Subject);
        self.users.write(&mut Objects { out }, subject);
        if let Some(path) = path {
            file::write(&mut gather, path, out);
        }
        let session = unquoted(gather.found.text(KnownField::Session));
        gather.flat.write_qualified();
        gather.flat.others();
        gather.flat.bytes();

        let mut objects = Objects { out };
        self.network.write(&mut objects);
        write_related(&mut objects, &self.users, &self.network);
        if !self.work.keys.is_empty() {
            objects.list("tags", self.work.keys.iter());
        }
        let auditd = objects.open("auditd");
        objects.text("message_type", &event.bytes(view.first().name).to_ascii_lowercase());
        objects.number("sequence", event.id.serial);
        objects.text("result", outcome.unwrap_or(b"unknown"));
        if !session.is_empty() {
            objects.text("session", if is_unset(session) { b"unset" } else { session });
        }
        if event.partial {
            objects.text("partial", b"true");
        }
        objects.list("record_types", event.record_types());
        self.summary.write(&mut objects);
        if let Some(paths) = self.work.paths.strip_suffix(b",") {
            objects.name("paths");
            objects.out.push(b'[');
            objects.out.extend_from_slice(paths);
            objects.out.push(b']');
        }
        objects.members("data", &self.work.data);
        objects.members("interpreted", &self.work.interpreted);
        objects.close(auditd);
        out.push(b'}');
        Written::Document
    }

    /// Appends the document of a gap, which reports missing serials.
    fn write_gap(&mut self, gap: &Gap, document: &mut Document) -> Written {
        let node = gap.node.as_deref();
        let id = id::of_gap(node.unwrap_or(&self.machine), gap.from, gap.to, gap.id);
        document.id = Some(id);
        let out = &mut document.body;
        let fixed = r#","kind":"event","category":["host"],"type":["info"],"action":"audit_gap","outcome":"unknown""#;
        self.begin_notice(gap.id, id, fixed, out);
        write_host(&self.host, node, None, out);
        let message = format!("Audit gap: {} missing, {}", crate::losses::events(gap.count), gap.serials());
        let mut objects = Objects { out };
        objects.text("message", message.as_bytes());
        let auditd = objects.open("auditd");
        objects.text("message_type", b"audit_gap");
        let inner = objects.open("gap");
        for (name, number) in [("from", gap.from), ("to", gap.to), ("count", gap.count)] {
            objects.text(name, number.to_string().as_bytes());
        }
        objects.close(inner);
        objects.close(auditd);
        out.push(b'}');
        Written::Document
    }
}

impl Ecs {
    /// Begins the document of a notice. `event` has the members of `event` after its id, each with a comma before it.
    fn begin_notice(&mut self, event_id: EventId, id: id::Id, event: &str, out: &mut Vec<u8>) {
        begin(&mut self.clock, event_id, id, out);
        out.extend_from_slice(event.as_bytes());
        out.extend_from_slice(&self.source);
        out.push(b'}');
        out.extend_from_slice(&self.fixed);
    }

    /// Appends the document of a heartbeat.
    fn write_heartbeat(&mut self, heartbeat: &Heartbeat, document: &mut Document) -> Written {
        let id = id::of_heartbeat(&self.machine, heartbeat.id);
        document.id = Some(id);
        let out = &mut document.body;
        let fixed = r#","kind":"metric","category":["host"],"type":["info"],"action":"heartbeat""#;
        self.begin_notice(heartbeat.id, id, fixed, out);
        write_host(&self.host, None, heartbeat.boot_id.as_deref(), out);
        let mut objects = Objects { out };
        objects.text("message", heartbeat.summary.as_bytes());
        let auditd = objects.open("auditd");
        objects.text("message_type", b"heartbeat");
        objects.close(auditd);
        let auship = objects.open("auship");
        heartbeat::write(&heartbeat.facts, 0, &mut objects);
        objects.close(auship);
        out.push(b'}');
        Written::Document
    }
}

/// The PATH record of the file where the reference names none: for unknown calls, and for denials of a security module.
fn file_of_records(view: &View) -> Option<usize> {
    match (view.normal.object, view.secondary.map(|secondary| secondary.object)) {
        (Object::Socket, _) => None,
        (_, Some(Object::Path(_, hint))) => file::object(view, hint),
        _ => file::object(view, 0),
    }
}

/// Begins a document with its time and id.
fn begin(clock: &mut Clock, event: EventId, id: id::Id, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"@timestamp":""#);
    clock.write(event, out);
    out.extend_from_slice(br#"Z","event":{"id":""#);
    out.extend_from_slice(&json::to_hex(&id));
    out.push(b'"');
}

/// Writes the rest of `event`. `source` has the members that are the same in every document.
fn write_event(
    view: &View,
    outcome: Option<&[u8]>,
    interpreter: &Interpreter,
    original: bool,
    source: &[u8],
    out: &mut Vec<u8>,
) {
    let event = view.event;
    let mut objects = Objects { out };
    objects.text("kind", if view.is_alert() { b"alert" } else { b"event" });
    let both = |of: fn(&normalization::Normalization) -> &'static [&'static str]| {
        of(view.normal).iter().chain(view.secondary.map_or(&[][..], of)).map(|word| word.as_bytes())
    };
    let (category, types) = (both(|normal| normal.category), both(|normal| normal.types));
    if category.clone().next().is_some() {
        objects.list("category", category);
    }
    if types.clone().next().is_some() {
        objects.list("type", types);
    }
    // If the reference has no action, the name of the call or the record type is used.
    match (view.normal.action, view.call_name(interpreter)) {
        ("", Some(call)) if view.first().record_type == record_type::SYSCALL => {
            objects.text("action", syscall_names(call).0)
        }
        ("", _) => objects.text("action", &event.bytes(view.first().name).to_ascii_lowercase()),
        (action, _) => objects.text("action", action.as_bytes()),
    };
    objects.text(
        "outcome",
        match outcome {
            Some(b"success") => b"success",
            Some(_) => b"failure",
            None => b"unknown",
        },
    );
    objects.out.extend_from_slice(source);
    objects.number("sequence", event.id.serial);
    if original {
        let lines = event.records().iter().map(|record| event.bytes(record.text));
        objects.list("original", lines);
    }
    out.push(b'}');
}

/// Writes `host`. `boot` is the id of its boot, if it is known.
fn write_host(host: &Host, node: Option<&[u8]>, boot: Option<&str>, out: &mut Vec<u8>) {
    let node = node.filter(|node| !node.is_empty());
    let name = node.unwrap_or(host.name.as_bytes());
    let mut objects = Objects { out };
    let object = objects.open("host");
    objects.text("hostname", name);
    objects.text("name", name);
    // A node is usually another machine, so this machine's id isn't its id.
    if node.is_none() {
        objects.some("id", host.machine_id.as_bytes());
    }
    if let Some(id) = boot {
        let boot = objects.open("boot");
        objects.text("id", id.as_bytes());
        objects.close(boot);
    }
    // Rules that are made for Auditbeat test this member. In Auditbeat, a processor that is on by default adds it.
    let os = objects.open("os");
    objects.text("type", b"linux");
    objects.close(os);
    objects.close(object);
}

fn write_related(objects: &mut Objects, users: &Users, network: &Network) {
    let related = objects.open("related");
    let names = users.related();
    if !names.is_empty() {
        objects.list("user", names.into_iter());
    }
    let addresses = network.addresses();
    if !addresses.is_empty() {
        objects.list("ip", addresses.iter().map(String::as_bytes));
    }
    if !network.domain().is_empty() {
        objects.list("hosts", std::iter::once(network.domain()));
    }
    objects.close(related);
}
