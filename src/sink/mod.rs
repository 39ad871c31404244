//! Sinks: the destinations of documents. Each has its own file or folder, and one line in [`start`].

mod breaker;
mod connection;
mod dead_letters;
mod delivery;
mod elasticsearch;
mod file;
mod handle;
mod http;
mod requester;
mod status;
mod syslog;
mod verification;

use crate::{
    config::{self, Sink},
    queue::QueueReceiver,
};
pub use breaker::BreakerState;
pub(crate) use connection::{Failure, Reached, Stage};
use crossbeam_channel::bounded;
pub(crate) use elasticsearch::{Kind, Product, ProductError};
pub use handle::SinkHandle;
pub(crate) use requester::Requester;
pub use status::SinkStatus;
use std::{io, sync::Arc};
pub(crate) use syslog::{ConnectError, try_to_connect};

/// Starts the threads that carry documents from `queue` to the sink; `hostname` is this host's.
///
/// # Errors
/// When the file can't be opened, or a thread can't be started.
pub fn start(output: &config::Output, hostname: &str, queue: QueueReceiver) -> io::Result<SinkHandle> {
    let shared = Arc::new(SinkStatus::new(&output.name));
    let (alive, ended) = bounded(0);
    match &output.sink {
        Sink::Http(http) => http::start(output, http, &shared, queue, &alive)?,
        Sink::Elasticsearch(elasticsearch) => {
            elasticsearch::start(output, elasticsearch, &shared, queue, &alive)?;
        }
        Sink::Syslog(syslog) => syslog::start(output, syslog, hostname, &shared, queue, alive)?,
        Sink::File(file) => file::start(file::Target::Path(file.clone()), &shared, queue, alive)?,
        Sink::Stdout => file::start(file::Target::Stdout, &shared, queue, alive)?,
    }
    Ok(SinkHandle::new(shared, ended))
}
