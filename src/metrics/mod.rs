//! Metrics: what became of everything. The reader takes a snapshot about once a second, and a thread of its own writes
//! it, so neither a disk nor a socket makes the reader wait. `docs/metrics.md` lists all metrics.
//!
//! The equation, in every snapshot:
//!
//! - `events + gaps = filtered + dispatched`
//! - for each output: `events + recovered = delivered + skipped + dead_lettered + lost + ring + spool`
//! - for an output that was there from the start: `events = dispatched`
//!
//! | file | what it holds |
//! |---|---|
//! | `snapshot.rs` | all counters at one moment |
//! | `catalog.rs` | the one list of metrics |
//! | `metric.rs` | what a row of the list is, and what values it has |
//! | `prometheus.rs`, `statsd.rs`, `status_report.rs` | where they go |
//! | `publisher.rs` | the thread that writes them |

mod catalog;
mod metric;
mod prometheus;
mod publisher;
mod snapshot;
mod statsd;
mod status_report;

pub use catalog::METRICS;
pub use metric::{Kind, Metric, StatsdName};
pub use publisher::Publisher;
pub use snapshot::{InputMetrics, OutputMetrics, OutputState, Snapshot, StartTime, add};
pub use status_report::pauses;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
