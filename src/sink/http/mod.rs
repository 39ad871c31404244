//! The HTTP sink: each worker keeps one connection and posts one document, or one array of documents, after the other.
//!
//! Delivered means a 2xx answer, whole. 400, 413 and 422 mean that these documents will never be taken; everything
//! else is tried again.

mod request;

use super::{Alive, Shared, carrier::Carrier};
use crate::{config, log, queue::Outlet, queue::Want};
use request::{Connection, CurlLog};
use std::{io, sync::Arc, thread, time::Duration};

/// Starts the workers.
pub(super) fn start(
    output: &config::Output,
    http: &config::Http,
    shared: &Arc<Shared>,
    outlet: Outlet,
    alive: &Alive,
) -> io::Result<()> {
    curl::init();
    if !http.tls.verify {
        log::warning(format_args!(
            "output {}: ssl_verify = no: anybody on the way to {} can read and change audit events; for testing only",
            shared.name,
            http.shown_url()
        ));
    }
    let log_file = CurlLog::new(http)?;
    let carrier = Arc::new(Carrier::new(output, shared, outlet, http.shown_url(), &http.retry));
    let want = match http.batch {
        Some(documents) => Want { documents, bytes: http.batch_bytes, interval: http.batch_interval },
        None => Want { documents: 1, bytes: usize::MAX, interval: Duration::ZERO },
    };
    for n in 0..http.workers {
        let (shared, carrier, alive) = (shared.clone(), carrier.clone(), alive.clone());
        let mut connection = Connection::new(http, &shared, log_file.clone());
        thread::Builder::new().name(format!("http {n} {}", shared.name)).spawn(move || {
            carrier.run(&want, |documents| connection.post(documents));
            // With it the spool: who waits for the end may open it then.
            drop(carrier);
            drop(alive);
        })?;
    }
    Ok(())
}
