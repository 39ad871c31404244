//! auship ships audit events: records in, one JSON document an event out, and nothing lost in silence.
//!
//! One straight line, left to right; no step looks back:
//!
//! ```text
//! source ──► assembler ──► filter ──► format ──► ring ──► sink
//!                                                 │ ▲
//!                                                 ▼ │ full, or sink down
//!                                                spool
//! ```
//!
//! | step | module |
//! |---|---|
//! | source: where records come from | [`source`] |
//! | assembler: records become one event | [`auparse`] |
//! | event: what an assembler yields and a format reads | [`event`] |
//! | filter: which events are kept | [`filter`] |
//! | format: event to JSON | [`format`] |
//! | ring and spool: the queue in front of a sink, in memory and on disk | [`queue`] |
//! | sink: where documents go | [`sink`] |
//!
//! Beside the line: [`config`], [`log`] (auship's own messages), [`losses`], [`sequence`] (events that didn't come),
//! [`metrics`], and the commands in [`cli`],
//! of which [`setup`] prepares a cluster.

pub mod accounts;
pub mod address;
pub mod atomic_file;
pub mod auparse;
pub mod buffer;
pub mod cli;
pub mod config;
pub mod convert;
pub mod document;
pub mod event;
pub mod filter;
pub mod format;
pub mod host;
pub mod lock;
pub mod log;
pub mod losses;
pub mod metrics;
pub mod net;
pub mod outcome;
pub mod output;
pub mod outputs;
pub mod paths;
pub mod pipeline;
pub mod processes;
pub mod queue;
pub mod receipt;
pub mod run;
pub mod sequence;
pub mod setup;
pub mod signals;
pub mod sink;
pub mod source;
pub mod time;
pub mod timing;
