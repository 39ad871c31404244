//! The HTTP sink. Each worker keeps one connection and posts one document, or one array of documents, at a time.
//!
//! Documents are delivered when the server answers 2xx and the answer is complete. 400, 413 and 422 mean that the
//! server will never take these documents. After any other result they are tried again.

use super::{
    connection::{Connection, CurlLog, Failure, Method, Request, Wanted},
    delivery::{DeliveryWorker, SendResult},
    status::{ShutdownGuard, SinkStatus},
    verification::warn_of_no_verification,
};
use crate::{
    config,
    document::Document,
    queue::{BatchLimits, QueueReceiver},
};
use std::{
    io::{self, Write},
    sync::Arc,
    thread,
    time::Duration,
};

/// Starts the workers.
pub(super) fn start(
    output: &config::Output,
    http: &config::Http,
    shared: &Arc<SinkStatus>,
    queue: QueueReceiver,
    alive: &ShutdownGuard,
) -> io::Result<()> {
    curl::init();
    warn_of_no_verification(&shared.name, &http.client.tls, &http.shown_url());
    let log_file = CurlLog::new(&http.client)?;
    let delivery = Arc::new(DeliveryWorker::new(output, shared, queue, http.shown_url(), &http.client.retry));
    let limits = match http.batch {
        Some(documents) => BatchLimits { documents, bytes: http.batch_bytes, interval: http.batch_interval },
        None => BatchLimits { documents: 1, bytes: usize::MAX, interval: Duration::ZERO },
    };
    for n in 0..http.client.workers {
        let (http, delivery, alive) = (http.clone(), delivery.clone(), alive.clone());
        let mut connection = Connection::new(&http.client, shared, log_file.clone(), 1);
        thread::Builder::new().name(format!("http {n} {}", shared.name)).spawn(move || {
            delivery.run(&limits, |documents| post(&mut connection, &http, documents));
            // This closes the spool too. Whoever waits for the end may open the spool then.
            drop(delivery);
            drop(alive);
        })?;
    }
    Ok(())
}

/// Posts documents: an array when batches are configured, else a single document.
fn post(connection: &mut Connection, http: &config::Http, documents: &[Document]) -> SendResult {
    let request = Request {
        url: &http.url,
        method: Method::Post("application/json"),
        timeout: http.client.timeout,
        answer: Wanted::Beginning,
    };
    match connection.request(request, |out| write_documents(out, documents, http.batch.is_some())) {
        Ok(reply) => match reply.status {
            200..=299 => SendResult::Delivered,
            400 | 413 | 422 => SendResult::Rejected(reply.report()),
            _ => SendResult::Retry(reply.report(), reply.retry_after),
        },
        Err(Failure::Failed(why, _)) => SendResult::Retry(why, None),
        Err(Failure::Aborted) => SendResult::Aborted,
    }
}

fn write_documents(out: &mut dyn Write, documents: &[Document], array: bool) -> io::Result<()> {
    if !array {
        return documents.iter().try_for_each(|document| out.write_all(&document.body));
    }
    for (n, document) in documents.iter().enumerate() {
        out.write_all(if n == 0 { b"[" } else { b"," })?;
        out.write_all(&document.body)?;
    }
    out.write_all(b"]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_documents_are_an_array() {
        let body = |documents: &[&str], array| {
            let document = |text: &&str| Document { body: (*text).into(), ..Document::default() };
            let documents: Vec<_> = documents.iter().map(document).collect();
            let mut out = Vec::new();
            assert!(write_documents(&mut out, &documents, array).is_ok());
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(body(&["{}"], false), "{}");
        assert_eq!(body(&["{}"], true), "[{}]");
        assert_eq!(body(&["{}", "1"], true), "[{},1]");
    }
}
