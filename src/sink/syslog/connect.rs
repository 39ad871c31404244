//! Connecting to the receiver.
//!
//! Looking up a name can't be interrupted, nor can connecting to a full unix socket. So a thread of its own does it,
//! while the worker checks whether to leave. There is never more than one such thread: the worker waits again for an
//! attempt that is late.

use super::{
    super::status::SinkStatus,
    socket::{SLICE, Socket, has_ended},
};
use crate::{
    config::{Destination, Syslog, Tls},
    net::connect_udp,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use openssl::{
    error::ErrorStack,
    ssl::{HandshakeError, SslConnector, SslFiletype, SslMethod, SslStream, SslVerifyMode, SslVersion},
    x509::{X509, store::X509StoreBuilder},
};
use std::{
    fs, io,
    net::{SocketAddr, TcpStream, UdpSocket},
    os::{
        fd::AsFd,
        unix::net::{UnixDatagram, UnixStream},
    },
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use thiserror::Error;

/// How many milliseconds a receiver may take to reject our certificate.
const LATE_REJECTION_WAIT: u16 = 500;

/// Why there is no connection.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    /// The thread that connects can't be started.
    #[error("can't start a thread: {0}")]
    Thread(io::Error),
    /// It took too long.
    #[error("no connection within {} s", .0.as_secs_f32())]
    Late(Duration),
    /// The thread that connects has ended without a result.
    #[error("the thread that connects ended without a result")]
    Ended,
    /// A call of the socket failed.
    #[error(transparent)]
    Socket(#[from] io::Error),
    /// A call of OpenSSL failed.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] ErrorStack),
    /// The receiver can't be found or reached, or it isn't the right one.
    #[error("{0}")]
    Receiver(String),
}

impl From<String> for ConnectError {
    fn from(why: String) -> Self {
        Self::Receiver(why)
    }
}

/// Makes connections for the worker.
pub(super) struct Connector {
    destination: Destination,
    limit: Duration,
    shared: Arc<SinkStatus>,
    /// An attempt that was late and may still succeed.
    pending: Option<Receiver<Result<Socket, ConnectError>>>,
}

impl Connector {
    /// Takes the settings from the configuration.
    pub(super) fn new(syslog: &Syslog, shared: &Arc<SinkStatus>) -> Self {
        let (destination, limit) = (syslog.destination.clone(), syslog.connect_timeout);
        Self { destination, limit, shared: shared.clone(), pending: None }
    }

    /// Connects. Returns none when the sink was told to stop.
    pub(super) fn connect(&mut self) -> Result<Option<Socket>, ConnectError> {
        let attempt = match self.pending.take() {
            Some(pending) => pending,
            None => self.begin().map_err(ConnectError::Thread)?,
        };
        let end = Instant::now() + self.limit;
        while !self.shared.is_aborted() {
            let left = end.saturating_duration_since(Instant::now());
            match attempt.recv_timeout(left.min(SLICE)) {
                Ok(result) => return result.map(Some),
                Err(RecvTimeoutError::Timeout) if !left.is_zero() => (),
                Err(RecvTimeoutError::Timeout) => {
                    self.pending = Some(attempt);
                    return Err(ConnectError::Late(self.limit));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(ConnectError::Ended),
            }
        }
        Ok(None)
    }

    fn begin(&self) -> io::Result<Receiver<Result<Socket, ConnectError>>> {
        let (sender, receiver) = bounded(1);
        let (destination, limit) = (self.destination.clone(), self.limit);
        thread::Builder::new().name(format!("connect {}", self.shared.name)).spawn(move || {
            // The worker may have ended meanwhile.
            let _ = sender.send(open(&destination, limit));
        })?;
        Ok(receiver)
    }
}

fn open(destination: &Destination, limit: Duration) -> Result<Socket, ConnectError> {
    Ok(match destination {
        Destination::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_write_timeout(Some(SLICE))?;
            Socket::Unix(socket)
        }
        Destination::UnixStream(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_write_timeout(Some(SLICE))?;
            Socket::UnixStream(stream)
        }
        Destination::Udp(address) => Socket::Udp(address.connect(udp)?),
        Destination::Tcp(address) => {
            let stream = address.connect(|to| tcp(to, limit))?;
            stream.set_write_timeout(Some(SLICE))?;
            Socket::Tcp(stream)
        }
        Destination::Tls(address, config) => {
            let stream = address.connect(|to| tcp(to, limit))?;
            let stream = tls(stream, &address.host, config, limit)?;
            stream.get_ref().set_write_timeout(Some(SLICE))?;
            Socket::Tls(Box::new(stream))
        }
    })
}

fn udp(to: SocketAddr) -> io::Result<UdpSocket> {
    let socket = connect_udp(to)?;
    socket.set_write_timeout(Some(SLICE))?;
    Ok(socket)
}

fn tcp(to: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, limit)?;
    // Messages are gathered before they are written, so the last ones must not wait for more.
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    Ok(stream)
}

/// Connects with TLS as in RFC 5425. At least TLS 1.2 is required (RFC 5425, 4.2, and RFC 9662). Files are read anew
/// for each connection.
fn tls(stream: TcpStream, host: &str, config: &Tls, limit: Duration) -> Result<SslStream<TcpStream>, ConnectError> {
    let mut connector = SslConnector::builder(SslMethod::tls_client())?;
    connector.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    if let Some(path) = &config.ca_file {
        let named = |e: &dyn std::fmt::Display| format!("ca_cert {}: {e}", path.display());
        let pem = fs::read(path).map_err(|e| named(&e))?;
        let mut store = X509StoreBuilder::new()?;
        for certificate in X509::stack_from_pem(&pem).map_err(|e| named(&e))? {
            store.add_cert(certificate).map_err(|e| named(&e))?;
        }
        connector.set_cert_store(store.build());
    }
    if let (Some(cert), Some(key)) = (&config.cert, &config.key) {
        let named = |e| format!("client_cert {}, client_key {}: {e}", cert.display(), key.display());
        connector.set_certificate_chain_file(cert).map_err(named)?;
        connector.set_private_key_file(key, SslFiletype::PEM).map_err(named)?;
        connector.check_private_key().map_err(named)?;
    }
    if !config.verify {
        connector.set_verify(SslVerifyMode::NONE);
    }
    let configured = connector.build().configure()?.verify_hostname(config.verify);
    let mut stream = configured.connect(host, stream).map_err(|e| why(&e, limit))?;
    // With TLS 1.3 a server checks our certificate after our side has finished (RFC 8446, 4.4.2.4). Messages that are
    // written before it rejects the certificate are lost. As a rule, a server that accepts it also says so: it sends a
    // ticket for the next connection.
    if stream.ssl().version2() == Some(SslVersion::TLS1_3) {
        // If this fails, the read below fails too.
        let _ = poll(
            &mut [PollFd::new(stream.get_ref().as_fd(), PollFlags::POLLIN)],
            PollTimeout::from(LATE_REJECTION_WAIT),
        );
    }
    match has_ended(&mut stream) {
        Some(e) => Err(e.into()),
        None => Ok(stream),
    }
}

fn why(e: &HandshakeError<TcpStream>, limit: Duration) -> String {
    match e {
        HandshakeError::SetupFailure(e) => format!("TLS can't be set up: {e}"),
        HandshakeError::WouldBlock(_) => format!("no TLS handshake within {} s", limit.as_secs_f32()),
        HandshakeError::Failure(failed) => {
            let verified = failed.ssl().verify_result();
            if verified == openssl::x509::X509VerifyResult::OK {
                format!("TLS: {}", failed.error())
            } else {
                format!("the receiver's certificate can't be trusted: {}", verified.error_string())
            }
        }
    }
}
