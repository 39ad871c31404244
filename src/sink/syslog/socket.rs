//! A socket that messages are written to.

use openssl::ssl::{ErrorCode, SslStream};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream, UdpSocket},
    os::unix::net::{UnixDatagram, UnixStream},
    time::{Duration, Instant},
};

/// How long a write may block before the worker checks whether to go on.
pub(super) const SLICE: Duration = Duration::from_millis(250);

/// How long a receiver may take to read the rest when the connection is closed.
const CLOSE_WAIT: Duration = Duration::from_millis(750);

/// Why messages weren't written.
#[derive(Debug)]
pub(super) enum Failure {
    /// The message is too large for a datagram.
    TooLarge(String),
    /// The connection can't be used any more.
    Broken(io::Error),
    /// The sink was told to stop.
    Aborted,
}

/// A connected socket. Each write ends after [`SLICE`] at the latest.
#[derive(Debug)]
pub(super) enum Socket {
    Unix(UnixDatagram),
    UnixStream(UnixStream),
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
}

impl Socket {
    /// True when a failed write means that the receiver is gone. Over UDP it means that an earlier message wasn't
    /// taken.
    pub(super) fn tells_refusal(&self) -> bool {
        !matches!(self, Self::Udp(_))
    }

    /// False when the receiver has closed the connection. Data from the receiver is ignored.
    pub(super) fn is_open(&mut self) -> bool {
        match self {
            Self::Unix(_) | Self::Udp(_) => true,
            Self::UnixStream(stream) => {
                stream.set_nonblocking(true).is_ok() && has_no_end(stream) && stream.set_nonblocking(false).is_ok()
            }
            Self::Tcp(stream) => {
                stream.set_nonblocking(true).is_ok() && has_no_end(stream) && stream.set_nonblocking(false).is_ok()
            }
            Self::Tls(stream) => has_ended(stream).is_none(),
        }
    }

    /// Writes all of `bytes`. Fails if the receiver takes none for `timeout`.
    pub(super) fn write(&mut self, bytes: &[u8], timeout: Duration, aborted: impl Fn() -> bool) -> Result<(), Failure> {
        let mut rest = bytes;
        let mut moved = Instant::now();
        let mut refused_for_size = false;
        while !rest.is_empty() {
            let written = match self {
                Self::Unix(socket) => socket.send(rest),
                Self::Udp(socket) => socket.send(rest),
                Self::UnixStream(stream) => stream.write(rest),
                Self::Tcp(stream) => stream.write(rest),
                Self::Tls(stream) => write_tls(stream, rest),
            };
            match written {
                Ok(0) => return Err(Failure::Broken(ErrorKind::WriteZero.into())),
                Ok(n) => {
                    rest = &rest[n..];
                    moved = Instant::now();
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => (),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    if moved.elapsed() >= timeout {
                        let why = format!("the receiver took nothing for {} s", timeout.as_secs_f32());
                        return Err(Failure::Broken(io::Error::new(ErrorKind::TimedOut, why)));
                    }
                }
                // The first error may be about an earlier message that a router has reported as too large (udp(7)).
                Err(e) if is_too_large(&e) && !refused_for_size => refused_for_size = true,
                Err(e) if is_too_large(&e) => {
                    let udp = matches!(self, Self::Udp(_));
                    let most = if udp { "; UDP carries 65507 bytes at most over IPv4" } else { "" };
                    let why = format!("the message has {} bytes, too many for a datagram{most}", bytes.len());
                    return Err(Failure::TooLarge(why));
                }
                Err(e) => return Err(Failure::Broken(e)),
            }
            if !rest.is_empty() && aborted() {
                return Err(Failure::Aborted);
            }
        }
        Ok(())
    }

    /// Closes the connection in good order. The receiver learns that no more comes, and can read the rest. If data from
    /// the receiver were unread at the close, the connection would be reset, and the last messages might be lost.
    pub(super) fn close(self) {
        // Errors are ignored here: all messages have been written.
        match self {
            Self::Unix(_) | Self::Udp(_) => (),
            Self::UnixStream(mut stream) => {
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.set_read_timeout(Some(SLICE));
                read_to_end(&mut stream);
            }
            Self::Tcp(mut stream) => read_to_end_of(&mut stream),
            Self::Tls(mut stream) => {
                // RFC 5425, 4.4 requires close_notify.
                let _ = stream.shutdown();
                read_to_end_of(stream.get_mut());
            }
        }
    }
}

fn read_to_end_of(stream: &mut TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_read_timeout(Some(SLICE));
    read_to_end(stream);
}

fn read_to_end(stream: &mut impl Read) {
    let end = Instant::now() + CLOSE_WAIT;
    let mut nothing = [0; 512];
    while Instant::now() < end {
        match stream.read(&mut nothing) {
            Ok(0) => return,
            Ok(_) => (),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => (),
            Err(_) => return,
        }
    }
}

fn is_too_large(e: &io::Error) -> bool {
    e.raw_os_error() == Some(nix::errno::Errno::EMSGSIZE as i32)
}

/// Reads all available data of a non-blocking stream. Returns false if that is the stream's end.
fn has_no_end(stream: &mut impl Read) -> bool {
    let mut nothing = [0; 512];
    loop {
        match stream.read(&mut nothing) {
            Ok(0) => return false,
            Ok(_) => (),
            Err(e) if e.kind() == ErrorKind::Interrupted => (),
            Err(e) => return e.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// Reads all available TLS data. If the connection has ended, returns the reason.
pub(super) fn has_ended(stream: &mut SslStream<TcpStream>) -> Option<io::Error> {
    let look = |stream: &mut SslStream<TcpStream>| {
        stream.get_ref().set_nonblocking(true)?;
        let mut nothing = [0; 512];
        loop {
            match stream.ssl_read(&mut nothing) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => (),
                Err(e) if matches!(e.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => break,
                Err(e) => return Err(broken(e)),
            }
        }
        stream.get_ref().set_nonblocking(false)
    };
    look(stream).err()
}

fn write_tls(stream: &mut SslStream<TcpStream>, bytes: &[u8]) -> io::Result<usize> {
    stream.ssl_write(bytes).map_err(|e| match e.code() {
        // The socket's time limit is reached.
        ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => ErrorKind::WouldBlock.into(),
        _ => broken(e),
    })
}

/// True when the other side closed the connection without a TLS message.
fn is_unexpected_end(e: &openssl::ssl::Error) -> bool {
    /// `SSL_R_UNEXPECTED_EOF_WHILE_READING` of `<openssl/sslerr.h>`.
    const UNEXPECTED_END: i32 = 294;
    e.ssl_error().is_some_and(|stack| stack.errors().iter().any(|e| e.reason_code() == UNEXPECTED_END))
}

fn broken(e: openssl::ssl::Error) -> io::Error {
    match e.code() {
        ErrorCode::ZERO_RETURN => io::Error::new(ErrorKind::UnexpectedEof, "the receiver ended the TLS connection"),
        _ if is_unexpected_end(&e) => {
            io::Error::new(ErrorKind::ConnectionAborted, "the receiver closed the connection")
        }
        _ => e.into_io_error().unwrap_or_else(|e| io::Error::new(ErrorKind::ConnectionAborted, e.to_string())),
    }
}
