//! auship reads Linux audit records, joins them into events and ships each event as one JSON document. It reports every
//! event that is lost.
//!
//! An event passes these steps from left to right. A step never calls an earlier one.
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
//! | source: reads records | [`source`] |
//! | assembler: joins records into events | [`auparse`] |
//! | event: the assembler's output and the format's input | [`event`] |
//! | filter: decides which events are kept | [`filter`] |
//! | format: writes an event as JSON | [`format`] |
//! | ring and spool: the queue in front of a sink, in memory and on disk | [`queue`] |
//! | sink: delivers documents | [`sink`] |
//!
//! Other modules: [`config`], [`log`] (auship's own messages), [`losses`] (reports of lost events), [`sequence`]
//! (events missing on the input), [`metrics`], [`cli`] (the commands) and [`setup`] (prepares a cluster).

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
pub mod output;
pub mod outputs;
pub mod paths;
pub mod pipeline;
pub mod processes;
pub mod queue;
pub mod run;
pub mod sequence;
pub mod setup;
pub mod signals;
pub mod sink;
pub mod source;
pub mod time;
pub mod timing;
