//! The Elasticsearch sink: the bulk interface of Elasticsearch and OpenSearch.
//!
//! | file | content |
//! |---|---|
//! | `bulk.rs` | the body of a request: each document with its index and id |
//! | `response.rs` | the answer: the result for each document |
//! | `hosts.rs` | the cluster's hosts, and which of them answer |
//! | `product.rs` | the server's product and version |
//!
//! A document is delivered when the server confirms this very document: it has stored it (201), or had it already under
//! its id (409). An incomplete or invalid answer confirms nothing. All documents are then sent again, perhaps to
//! another host. The ids make that safe.

mod bulk;
mod hosts;
mod product;
mod response;

use super::{
    breaker::Backoff,
    connection::{Connection, CurlLog, Failure, Method, Reply, Request, Wanted},
    delivery::{DeliveryWorker, ItemResult, SendResult},
    status::{ShutdownGuard, SinkStatus},
    verification::warn_of_no_verification,
};
use crate::{
    config,
    document::Document,
    queue::{BatchLimits, QueueReceiver},
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use hosts::{HostIdentity, Hosts};
pub(crate) use product::{Kind, Product, ProductError};
use std::{io, sync::Arc, thread, time::Duration};

/// Starts the workers, and the prober, which asks failed hosts whether they are back.
pub(super) fn start(
    output: &config::Output,
    config: &config::Elasticsearch,
    shared: &Arc<SinkStatus>,
    queue: QueueReceiver,
    alive: &ShutdownGuard,
) -> io::Result<()> {
    curl::init();
    let shown = config.shown_urls().collect::<Vec<_>>();
    let server = shown.join(", ");
    let client = &config.client;
    warn_of_no_verification(&shared.name, &client.tls, &server);
    let log_file = CurlLog::new(client)?;
    let delivery = Arc::new(DeliveryWorker::new(output, shared, queue, server, &client.retry));
    // The server must report its own timeout before this client gives up.
    let server_timeout = client.timeout.as_millis() / 2;
    let bulk =
        format!("/_bulk?timeout={server_timeout}ms&filter_path=errors,items.*.status,items.*.error,error,status");
    let urls = config.urls.iter().zip(shown).map(|(url, shown)| (url.clone(), format!("{url}{bulk}"), shown));
    let backoff = Backoff { least: client.retry.min, most: client.retry.max };
    let hosts = Arc::new(Hosts::new(&shared.name, urls, backoff));
    let limits =
        BatchLimits { documents: config.bulk_events, bytes: config.bulk_bytes, interval: config.bulk_interval };
    let prober = || Prober {
        connection: Connection::new(client, shared, log_file.clone(), hosts.len()),
        hosts: hosts.clone(),
        // A host that doesn't identify itself within this time has failed.
        timeout: client.timeout.min(client.connect_timeout.saturating_mul(2)),
    };
    let (failed, wake) = bounded(1);
    for n in 0..client.workers {
        let (delivery, alive) = (delivery.clone(), alive.clone());
        let mut worker = Worker { prober: prober(), config: config.clone(), turn: n, failed: failed.clone() };
        thread::Builder::new().name(format!("es {n} {}", shared.name)).spawn(move || {
            delivery.run(&limits, |documents| worker.send(documents));
            // This closes the spool too. Whoever waits for the end may open the spool then.
            drop(delivery);
            drop(alive);
        })?;
    }
    if hosts.len() > 1 {
        let prober = prober();
        thread::Builder::new().name(format!("es hosts {}", shared.name)).spawn(move || prober.run(&wake))?;
    }
    Ok(())
}

/// Why a request to a host failed.
enum HostFailure {
    /// The host fails: the reason, and the pause that it asks for.
    Failed(String, Option<Duration>),
    /// The host doesn't accept this client's login. The other hosts won't either.
    Unauthorized(String),
    /// The sink was told to stop.
    Aborted,
}

impl From<Failure> for HostFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Failed(why, _) => Self::Failed(why, None),
            Failure::Aborted => Self::Aborted,
        }
    }
}

/// The server's reason for refusing a whole request.
fn report(reply: &Reply) -> String {
    match response::refusal(&reply.body) {
        Some(why) => format!("status {}: {why}{}", reply.status, reply.traced),
        None => reply.report(),
    }
}

/// Asks hosts to identify themselves.
struct Prober {
    connection: Connection,
    hosts: Arc<Hosts>,
    timeout: Duration,
}

impl Prober {
    fn identify(&mut self, host: usize) -> Result<(), HostFailure> {
        let url = format!("{}/", self.hosts.host(host).url);
        let request =
            Request { url: &url, method: Method::Get, timeout: self.timeout, answer: Wanted::All(product::MOST_BYTES) };
        let reply = self.connection.request(request, |_| Ok(()))?;
        let is = match reply.status {
            200 => {
                HostIdentity::Product(Product::read(&reply.body).map_err(|e| HostFailure::Failed(e.to_string(), None))?)
            }
            401 => return Err(HostFailure::Unauthorized(report(&reply))),
            403..=405 => HostIdentity::Silent,
            _ => return Err(HostFailure::Failed(report(&reply), reply.retry_after)),
        };
        self.hosts.identified(host, is);
        Ok(())
    }

    /// Asks failed hosts whether they are back, until all workers have ended.
    fn run(mut self, wake: &Receiver<()>) {
        loop {
            let woken = match self.hosts.due() {
                Some((_, pause)) => wake.recv_timeout(pause),
                None => wake.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match (woken, self.hosts.due()) {
                (Err(RecvTimeoutError::Disconnected), _) => return,
                (_, Some((host, Duration::ZERO))) => match self.identify(host) {
                    Ok(()) | Err(HostFailure::Unauthorized(_)) => self.hosts.back(host),
                    Err(HostFailure::Failed(why, asked)) => self.hosts.failed(host, &why, asked),
                    Err(HostFailure::Aborted) => return,
                },
                _ => (),
            }
        }
    }
}

struct Worker {
    prober: Prober,
    config: config::Elasticsearch,
    /// The number of the next request. Each request starts with another host.
    turn: usize,
    /// Tells the prober that a host failed.
    failed: Sender<()>,
}

impl Worker {
    /// Sends documents to the hosts that answer, one after the other, until one gives a result.
    fn send(&mut self, documents: &[Document]) -> SendResult {
        self.turn = self.turn.wrapping_add(1);
        let hosts = self.prober.hosts.clone();
        let (mut whys, mut pauses) = (Vec::new(), Vec::new());
        let prefix =
            |host: usize| if hosts.len() > 1 { format!("{}: ", hosts.host(host).shown) } else { String::new() };
        for host in hosts.candidates(self.turn) {
            match self.send_to(host, documents) {
                Ok(answer) => {
                    hosts.works(host);
                    return answer;
                }
                Err(HostFailure::Unauthorized(why)) => {
                    return SendResult::Retry(format!("{}this client isn't let in: {why}", prefix(host)), None);
                }
                Err(HostFailure::Aborted) => return SendResult::Aborted,
                Err(HostFailure::Failed(why, asked)) => {
                    hosts.failed(host, &why, asked);
                    // The prober may be awake already.
                    let _ = self.failed.try_send(());
                    whys.push(prefix(host) + &why);
                    pauses.push(asked);
                }
            }
        }
        // Only if all hosts ask for a pause does the worker pause: for the shortest of them.
        let asked = pauses.into_iter().reduce(|a, b| Some(a?.min(b?))).flatten();
        SendResult::Retry(whys.join("; "), asked)
    }

    fn send_to(&mut self, host: usize, documents: &[Document]) -> Result<SendResult, HostFailure> {
        if self.prober.hosts.identity(host) == HostIdentity::Unasked {
            self.prober.identify(host)?;
        }
        let target = &self.config.target;
        let request = Request {
            url: &self.prober.hosts.host(host).bulk,
            method: Method::Post("application/x-ndjson"),
            timeout: self.config.client.timeout,
            answer: Wanted::All(response::most_bytes(documents.len())),
        };
        let reply = self.prober.connection.request(request, |out| bulk::write(out, target, documents))?;
        match reply.status {
            200 => {
                let items = response::items(&reply.body, documents.len());
                let items = items.map_err(|why| HostFailure::Failed(format!("{why}{}", reply.traced), None))?;
                let all = items.iter().all(|item| *item == ItemResult::Delivered);
                Ok(if all { SendResult::Delivered } else { SendResult::PerItem(items) })
            }
            401 | 403 => Err(HostFailure::Unauthorized(report(&reply))),
            413 => Ok(SendResult::Rejected(report(&reply))),
            // Any other 400 may come from a proxy, or apply to all requests.
            400 if response::is_unreadable(&reply.body) => Ok(SendResult::Rejected(report(&reply))),
            _ => Err(HostFailure::Failed(report(&reply), reply.retry_after)),
        }
    }
}
