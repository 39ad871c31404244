//! A syslog receiver. It is connected to as the sink does it, and no message is sent.

use super::{Report, remedy::described};
use crate::{
    config::{Destination, Syslog},
    sink::{ConnectError, Stage, try_to_connect},
};
use std::io;

/// Checks the receiver of an output.
pub(super) fn check(syslog: &Syslog, report: &mut Report) -> io::Result<()> {
    let destination = &syslog.destination;
    let shown = destination.to_string();
    match try_to_connect(report.output, syslog) {
        Ok(()) => match destination {
            Destination::Unix(_) | Destination::UnixStream(_) => report.ok(&shown, "connected"),
            Destination::Udp(_) => report.unsure(
                &shown,
                "the address is known, and there is a way to it; UDP has no answers, so whether anybody listens there \
                 can't be checked",
            ),
            Destination::Tcp(_) => report.ok(&shown, "DNS, TCP: connected; syslog has no answers, so that is all"),
            Destination::Tls(_, tls) => {
                let verified = if tls.verify { "" } else { " (not verified: ssl_verify = no)" };
                report.ok(&shown, &format!("DNS, TCP, TLS{verified}: connected; syslog has no answers, so that is all"))
            }
        },
        Err(e) => report.failed(&shown, &failure(destination, &e)),
    }
}

/// What is wrong, and what to do.
fn failure(destination: &Destination, e: &ConnectError) -> String {
    let why = e.to_string();
    if let (true, ConnectError::Socket(e)) = (destination.is_unix(), e) {
        let remedy = match e.kind() {
            io::ErrorKind::NotFound => "there is no such socket: start the syslog daemon, or check address",
            io::ErrorKind::ConnectionRefused => "nobody listens there: start the syslog daemon",
            io::ErrorKind::PermissionDenied => "run this as the user that runs auship, as a rule root",
            _ if e.raw_os_error() == Some(nix::errno::Errno::EPROTOTYPE as i32) => {
                "the socket is of the other kind: set network to unix (datagrams) or unix-stream"
            }
            _ => "check address and network",
        };
        return format!("{why}; {remedy}");
    }
    let stage = match e {
        ConnectError::Late(_) => Stage::Connection,
        _ if why.starts_with("can't look up") || why.ends_with("has no address") => Stage::Lookup,
        _ if why.starts_with("can't connect to") => Stage::Connection,
        _ if why.starts_with("ca_cert") || why.starts_with("client_cert") => Stage::Preparation,
        _ if matches!(destination, Destination::Tls(..)) => Stage::Tls,
        _ => Stage::Connection,
    };
    described(stage, &why, "address")
}
