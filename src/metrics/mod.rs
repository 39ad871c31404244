//! Metrics of all events and documents. The reader takes a snapshot about once a second. A separate thread writes it,
//! so the reader never waits for a disk or a socket. `docs/metrics.md` lists all metrics.
//!
//! These equations hold in every snapshot:
//!
//! - `events + gaps + heartbeats = filtered + dispatched`
//! - for each output: `events + recovered = delivered + skipped + dead_lettered + lost + ring + spool`
//! - for an output that runs since the start: `events = dispatched`
//!
//! | file | contents |
//! |---|---|
//! | `snapshot.rs` | all counters at one moment |
//! | `catalog.rs` | the list of all metrics |
//! | `metric.rs` | a row of the list, and its values |
//! | `prometheus.rs`, `statsd.rs`, `status_report.rs` | the formats of metrics |
//! | `publisher.rs` | the thread that writes metrics |

mod catalog;
mod metric;
mod prometheus;
mod publisher;
mod snapshot;
mod statsd;
mod status_report;

pub use catalog::{METRICS, breaker_state};
pub use metric::{Kind, Metric, StatsdName};
pub use publisher::Publisher;
pub use snapshot::{InputMetrics, OutputMetrics, OutputState, Snapshot, StartTime, add};
pub use status_report::pauses;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
