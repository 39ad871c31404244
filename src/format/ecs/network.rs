//! `source`, `destination` and `network`: the ends of a connection.

use super::{gather::Gather, object::Objects};
use crate::{
    address::Address,
    auparse::syscall_names,
    event::{FieldRef, record_type, unquoted},
};
use std::{net::IpAddr, str::FromStr};

/// One end of a connection.
#[derive(Debug, Default, PartialEq, Eq)]
struct End {
    ip: Option<IpAddr>,
    port: Option<u16>,
    path: Vec<u8>,
    domain: Vec<u8>,
}

impl End {
    fn of_socket(address: Option<&Address>) -> Self {
        match address {
            Some(Address::Internet(ip, port)) => Self { ip: Some(*ip), port: Some(*port), ..Self::default() },
            Some(Address::Unix(path)) => Self { path: path.clone(), ..Self::default() },
            None => Self::default(),
        }
    }

    fn write(&self, objects: &mut Objects, name: &str) {
        let end = objects.open(name);
        // Whatever the address is, it is in `address` too, so that one field finds all kinds.
        if let Some(ip) = self.ip {
            let ip = ip.to_string();
            objects.text("address", ip.as_bytes());
            objects.text("ip", ip.as_bytes());
        } else {
            objects.some("address", if self.domain.is_empty() { &self.path } else { &self.domain });
        }
        if let Some(port) = self.port {
            objects.number("port", port.into());
        }
        objects.some("path", &self.path);
        objects.some("domain", &self.domain);
        objects.close(end);
    }
}

/// The two ends of an event's connection.
#[derive(Debug, Default)]
pub(super) struct Network {
    source: End,
    destination: End,
    direction: &'static str,
    transport: &'static str,
}

/// The direction of a system call's traffic.
fn direction(call: &[u8]) -> &'static str {
    match call {
        b"recvfrom" | b"recvmsg" | b"accept" | b"accept4" => "ingress",
        b"connect" | b"sendto" | b"sendmsg" => "egress",
        _ => "",
    }
}

impl Network {
    /// Finds the ends in socket addresses, and in the address fields of user space's messages.
    pub(super) fn gather(&mut self, gather: &mut Gather) {
        *self = Self::default();
        let name = gather.view.call_name(gather.flat.interpreter).unwrap_or_default();
        let (whole, inside) = syscall_names(name);
        let direction = direction(inside.unwrap_or(whole));
        if gather.found.has_socket && !direction.is_empty() {
            self.direction = direction;
            let end = End::of_socket(gather.found.address.as_ref());
            if direction == "ingress" { self.source = end } else { self.destination = end }
        }
        if gather.view.call.is_some() {
            return;
        }
        if gather.view.first().record_type == record_type::NETFILTER_PKT {
            return self.packet(gather);
        }
        if self.source.ip.is_none() {
            self.source.ip = gather.found.from;
        }
        if gather.view.normal.from_addr && gather.view.find(b"addr").is_some() {
            self.direction = "ingress";
        }
        if let Some(host) = text_of(gather, b"hostname")
            && host.parse::<IpAddr>().is_err()
        {
            self.source.domain = host.into_bytes();
        }
        // sshd's CRYPTO_SESSION names both ends.
        self.source.port = parsed(gather, b"rport");
        self.destination.ip = parsed(gather, b"laddr");
        self.destination.port = parsed(gather, b"lport");
    }

    fn packet(&mut self, gather: &mut Gather) {
        self.source.ip = parsed(gather, b"saddr");
        self.destination.ip = parsed(gather, b"daddr");
        self.source.port = parsed(gather, b"sport");
        self.destination.port = parsed(gather, b"dport");
        // Protocol numbers (<netinet/in.h>).
        self.transport = match text_of(gather, b"proto").as_deref() {
            Some("1") => "icmp",
            Some("6") => "tcp",
            Some("17") => "udp",
            Some("58") => "ipv6-icmp",
            Some("132") => "sctp",
            _ => "",
        };
    }

    pub(super) fn write(&self, objects: &mut Objects) {
        self.source.write(objects, "source");
        self.destination.write(objects, "destination");
        let network = objects.open("network");
        objects.some("direction", self.direction.as_bytes());
        let ip = self.source.ip.or(self.destination.ip);
        objects.some(
            "type",
            match ip {
                Some(IpAddr::V4(_)) => b"ipv4",
                Some(IpAddr::V6(_)) => b"ipv6",
                None => b"",
            },
        );
        objects.some("transport", self.transport.as_bytes());
        objects.close(network);
    }

    /// All addresses, sorted, each once.
    pub(super) fn addresses(&self) -> Vec<String> {
        let mut all: Vec<String> =
            [self.source.ip, self.destination.ip].into_iter().flatten().map(|ip| ip.to_string()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The name of the other host, if a message has one.
    pub(super) fn domain(&self) -> &[u8] {
        &self.source.domain
    }
}

/// Parses a field as a number or an address.
fn parsed<T: FromStr>(gather: &Gather, name: &[u8]) -> Option<T> {
    text_of(gather, name)?.parse().ok()
}

/// A field's text, if it is UTF-8.
fn text_of(gather: &Gather, name: &[u8]) -> Option<String> {
    let place: FieldRef = gather.view.find(name)?;
    str::from_utf8(unquoted(place.text())).ok().map(String::from)
}
