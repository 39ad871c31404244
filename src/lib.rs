//! auship ships audit events: records in, one JSON document an event out, and nothing is lost in silence.
//!
//! An event goes one way, from left to right. Only an acknowledgement comes back, to a source that asks for it.
//!
//! ```text
//! source ──► parser ──► enrich ──► filter ──► format ──► ring ──► sink
//!                                                         │ ▲
//!                                                         ▼ │ full, or sink down
//!                                                        spool
//! ```
//!
//! | step | module |
//! |---|---|
//! | source: reads records | `source` |
//! | parser: groups records into events, with libauparse | `auparse` |
//! | event: what a parser passes on | `event` |
//! | enrich: adds what earlier events told about the event's processes | `enrich` |
//! | pipeline: watches serials, asks filters, gives events to the outputs | `pipeline`, `sequence`, `filter` |
//! | outputs: each has a format, a queue and a sink of its own | `outputs`, `output` |
//! | format: an event becomes a JSON document | `format`, `document` |
//! | queue: the ring in memory, and the spool on disk behind it | `queue` |
//! | sink: delivers documents | `sink` |
//!
//! Commands are in `cli`, `run`, `convert`, `setup`, `connect_check`, `spool_command` and `migrate`. `confine` gives up what
//! a run doesn't need. `heartbeat` makes documents about auship itself and the kernel's auditing. `config` reads the
//! configuration, `metrics` counts. The other modules are leaves, which all may use and which use none of these.
//!
//! `docs/architecture.md` says more.

mod accounts;
mod address;
mod atomic_file;
mod auparse;
mod buffer;
mod cli;
mod config;
mod confine;
mod connect_check;
mod convert;
mod document;
mod enrich;
mod event;
mod filter;
mod format;
mod hash;
mod heartbeat;
mod host;
mod kernel_status;
mod lock;
mod log;
mod losses;
mod metrics;
mod migrate;
mod net;
mod outcome;
mod output;
mod outputs;
mod paths;
mod pipeline;
mod queue;
mod receipt;
mod run;
mod sequence;
mod setup;
mod signals;
mod sink;
mod source;
mod spool_command;
mod time;
mod timing;
mod unreadable;

pub use cli::main;

/// What tests, benchmarks and fuzzers of this project need of the program's inside. No interface for others.
#[doc(hidden)]
pub mod internals {
    /// The configuration.
    pub mod config {
        pub use crate::config::*;
    }
    /// Documents.
    pub mod document {
        pub use crate::document::*;
    }
    /// Events.
    pub mod event {
        pub use crate::event::*;
    }
    /// Filters.
    pub mod filter {
        pub use crate::filter::*;
    }
    /// Formats.
    pub mod format {
        pub use crate::format::*;
    }
    /// The list of metrics.
    pub mod metrics {
        pub use crate::metrics::{Kind, METRICS, Metric, StatsdName};
    }
    /// What becomes of documents.
    pub mod outcome {
        pub use crate::outcome::*;
    }
    /// Queues.
    pub mod queue {
        pub use crate::queue::*;
    }
    pub use crate::{
        auparse::Parser,
        enrich::{Context, Enricher, Origin},
        host::Host,
        receipt::Receipt,
    };
}
