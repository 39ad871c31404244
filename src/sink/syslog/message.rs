//! The form of a message on the wire.

use crate::{
    config::{Priority, Protocol, Syslog},
    net::short_name,
    time::{rfc3164, rfc3339_local},
};
use std::io::Write;
use time::OffsetDateTime;

/// How messages are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Each is a datagram.
    Datagram,
    /// Each is a line: RFC 6587, 3.4.2. rsyslog's imptcp and syslog-ng read this from a unix stream socket.
    Lines,
    /// Each is preceded by its length: RFC 6587, 3.4.1, and RFC 5425, 4.3.
    Counted,
}

/// The header before each document.
#[derive(Debug)]
pub(super) struct Header {
    protocol: Protocol,
    priority: u8,
    /// This host's name and a space. Empty on this machine's own sockets (RFC 3164 only).
    host: String,
    tag: String,
    pid: u32,
}

impl Header {
    /// Takes the settings from the configuration. `hostname` is this host's name.
    pub(super) fn new(syslog: &Syslog, hostname: &str) -> Self {
        let Priority(priority) = syslog.priority;
        let host = match syslog.protocol {
            Protocol::Rfc3164 if syslog.destination.is_unix() => String::new(),
            // RFC 3164, 4.1.2: without the domain.
            Protocol::Rfc3164 => format!("{} ", printable(short_name(hostname))),
            // RFC 5424, 6.2.4: preferably with the domain.
            Protocol::Rfc5424 => format!("{} ", printable(hostname)),
        };
        Self { protocol: syslog.protocol, priority, host, tag: syslog.tag.clone(), pid: std::process::id() }
    }

    /// Appends a message to `out`.
    pub(super) fn write(&self, out: &mut Vec<u8>, framing: Framing, now: OffsetDateTime, document: &[u8]) {
        let header = self.text(now);
        if framing == Framing::Counted {
            // Writing to memory doesn't fail.
            let _ = write!(out, "{} ", header.len() + document.len());
        }
        out.extend_from_slice(header.as_bytes());
        if framing != Framing::Lines {
            out.extend_from_slice(document);
            return;
        }
        // A newline at the document's end is dropped. Any other newline or NUL becomes a space.
        let document = document.strip_suffix(b"\n").unwrap_or(document);
        let start = out.len();
        out.extend_from_slice(document);
        out[start..].iter_mut().filter(|b| matches!(b, b'\n' | 0)).for_each(|b| *b = b' ');
        out.push(b'\n');
    }

    fn text(&self, now: OffsetDateTime) -> String {
        let Self { priority, host, tag, pid, .. } = self;
        match self.protocol {
            Protocol::Rfc3164 => format!("<{priority}>{} {host}{tag}[{pid}]: ", rfc3164(now)),
            // There is no structured data, and no byte order mark before the text. The RFC allows a text without the
            // mark as "any octets" (MSG-ANY). Receivers would store the mark as part of the JSON.
            Protocol::Rfc5424 => format!("<{priority}>1 {} {host}{tag} {pid} audit - ", rfc3339_local(now)),
        }
    }
}

/// A host's name for a header: odd characters and spaces are replaced, and at most 255 characters are kept (RFC 5424,
/// 6).
fn printable(name: &str) -> String {
    let name: String = name.chars().take(255).map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    if name.is_empty() { "-".into() } else { name }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use time::UtcOffset;

    fn header(protocol: Protocol, host: &str) -> Header {
        Header { protocol, priority: 132, host: host.into(), tag: "auship".into(), pid: 42 }
    }

    /// 2026-02-03 04:05:06.007 UTC, at an offset.
    fn seen(hours: i8, minutes: i8) -> OffsetDateTime {
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_770_091_506_007_000_000).unwrap();
        time.to_offset(UtcOffset::from_hms(hours, minutes, 0).unwrap())
    }

    fn message(header: &Header, framing: Framing, document: &[u8]) -> String {
        let mut out = Vec::new();
        header.write(&mut out, framing, seen(0, 0), document);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn headers_are_as_the_rfcs_have_them() {
        let old = header(Protocol::Rfc3164, "");
        assert_eq!(old.text(seen(1, 0)), "<132>Feb  3 05:05:06 auship[42]: ");
        assert_eq!(header(Protocol::Rfc3164, "h ").text(seen(0, 0)), "<132>Feb  3 04:05:06 h auship[42]: ");
        let new = header(Protocol::Rfc5424, "h.example.com ");
        assert_eq!(new.text(seen(0, 0)), "<132>1 2026-02-03T04:05:06.007Z h.example.com auship 42 audit - ");
        assert!(new.text(seen(-3, -30)).contains(" 2026-02-03T00:35:06.007-03:30 "));
        assert!(new.text(seen(5, 45)).contains(" 2026-02-03T09:50:06.007+05:45 "));
    }

    #[test]
    fn messages_are_kept_apart() {
        let old = header(Protocol::Rfc3164, "");
        assert_eq!(message(&old, Framing::Datagram, b"{}"), "<132>Feb  3 04:05:06 auship[42]: {}");
        assert_eq!(message(&old, Framing::Counted, "\u{e9}".as_bytes()), "35 <132>Feb  3 04:05:06 auship[42]: \u{e9}");
        assert_eq!(message(&old, Framing::Lines, b"a\nb\n"), "<132>Feb  3 04:05:06 auship[42]: a b\n");
    }

    #[test]
    fn odd_host_names_do_not_spoil_a_header() {
        assert_eq!(printable("a b\u{e9}"), "a_b_");
        assert_eq!(printable(""), "-");
        assert_eq!(printable(&"x".repeat(300)).len(), 255);
    }
}
