//! The syslog sink: one connection, one message a document, in order.
//!
//! A message is delivered when the socket took all of it, because syslog has no answers. If a receiver dies, the
//! messages that it, or the kernel, had not read yet are lost. To keep these few, a stream is checked before each
//! write. If the receiver has closed it, nothing is written to it. If a connection breaks while several messages are
//! being written, all of them are sent again on the next one. Some may arrive twice, which is better than not at all.

mod connect;
mod message;
mod socket;

use super::{
    delivery::{DeliveryWorker, SendResult},
    status::{ShutdownGuard, SinkStatus},
    verification::warn_of_no_verification,
};
use crate::{
    buffer::give_back,
    config::{self, Destination},
    document::Document,
    queue::{BatchLimits, QueueReceiver},
};
pub(crate) use connect::ConnectError;
use connect::Connector;
use message::{Framing, Header};
use socket::{Failure, Socket};
use std::{io, sync::Arc, thread, time::Duration};
use time::OffsetDateTime;

/// The most messages of one write, and their most bytes.
const SEND_BATCH: (usize, usize) = (1000, 256 << 10);

/// Connects as the sink does, within `connect_timeout`, and closes the connection again. No message is sent. For UDP it
/// only looks up the name, and makes a socket.
///
/// # Errors
/// When there is no connection.
pub(crate) fn try_to_connect(output: &str, syslog: &config::Syslog) -> Result<(), ConnectError> {
    let socket = Connector::new(syslog, &Arc::new(SinkStatus::new(output))).connect()?;
    if let Some(socket) = socket {
        socket.close();
    }
    Ok(())
}

/// Starts the worker. It doesn't connect yet.
pub(super) fn start(
    output: &config::Output,
    syslog: &config::Syslog,
    hostname: &str,
    shared: &Arc<SinkStatus>,
    queue: QueueReceiver,
    alive: ShutdownGuard,
) -> io::Result<()> {
    let server = syslog.destination.to_string();
    if let Destination::Tls(_, tls) = &syslog.destination {
        warn_of_no_verification(&shared.name, tls, &server);
    }
    let delivery = DeliveryWorker::new(output, shared, queue, server, &syslog.retry);
    let datagrams = syslog.destination.is_datagram();
    // A datagram holds one message and has one outcome.
    let (documents, bytes) = if datagrams { (1, usize::MAX) } else { SEND_BATCH };
    let limits = BatchLimits { documents, bytes, interval: Duration::ZERO };
    let mut worker = Worker {
        header: Header::new(syslog, hostname),
        framing: match &syslog.destination {
            Destination::Unix(_) | Destination::Udp(_) => Framing::Datagram,
            Destination::UnixStream(_) => Framing::Lines,
            Destination::Tcp(_) | Destination::Tls(..) => Framing::Counted,
        },
        connector: Connector::new(syslog, shared),
        shared: shared.clone(),
        timeout: syslog.timeout,
        socket: None,
        buffer: Vec::new(),
    };
    thread::Builder::new().name(format!("syslog {}", shared.name)).spawn(move || {
        delivery.run(&limits, |documents| worker.send(documents));
        if let Some(socket) = worker.socket.filter(|_| !worker.shared.is_aborted()) {
            socket.close();
        }
        drop(alive);
    })?;
    Ok(())
}

struct Worker {
    header: Header,
    framing: Framing,
    connector: Connector,
    shared: Arc<SinkStatus>,
    timeout: Duration,
    socket: Option<Socket>,
    buffer: Vec<u8>,
}

impl Worker {
    fn send(&mut self, documents: &[Document]) -> SendResult {
        let now = OffsetDateTime::now_local().unwrap_or_else(|_| OffsetDateTime::now_utc());
        for document in documents {
            self.header.write(&mut self.buffer, self.framing, now, &document.body);
        }
        let answer = self.write();
        give_back(&mut self.buffer, 2 * SEND_BATCH.1);
        answer
    }

    fn write(&mut self) -> SendResult {
        loop {
            let open = self.socket.take().and_then(|mut socket| socket.is_open().then_some(socket));
            let (mut socket, fresh) = match open {
                Some(socket) => (socket, false),
                None => match self.connector.connect() {
                    Ok(Some(socket)) => (socket, true),
                    Ok(None) => return SendResult::Aborted,
                    Err(e) => return SendResult::Retry(e.to_string(), None),
                },
            };
            match socket.write(&self.buffer, self.timeout, || self.shared.is_aborted()) {
                Ok(()) => {
                    self.socket = Some(socket);
                    return SendResult::Delivered;
                }
                // The connection isn't at fault, so it is kept.
                Err(Failure::TooLarge(why)) => {
                    self.socket = Some(socket);
                    return SendResult::Rejected(why);
                }
                Err(Failure::Aborted) => return SendResult::Aborted,
                // The receiver may have been restarted since the last write, so a new connection is tried.
                Err(Failure::Broken(_)) if !fresh && socket.tells_refusal() => (),
                Err(Failure::Broken(e)) => return SendResult::Retry(e.to_string(), None),
            }
        }
    }
}
