//! statsd, over UDP: counters as differences, none of which is lost while nobody listens.
//!
//! The crate `cadence` doesn't do for this: its UDP sinks send from unconnected sockets, which never hear that a port
//! is closed, so that differences would be lost; without its sinks it brings three lines of formatting.

use super::Snapshot;
use crate::log;
use nix::unistd::gethostname;
use std::{
    collections::BTreeMap,
    env,
    fmt::Write,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    thread,
    time::{Duration, Instant},
};

/// Bytes of a datagram that every Ethernet carries in one piece.
const DATAGRAM: usize = 1400;
/// Single times sent at once at most; more would only push counters out of the receiver's buffer.
const TIMES: usize = 1000;
/// Single times kept until then.
const KEPT: usize = 8192;
/// How long the answer that nobody listens may take where it matters: on this machine and near it.
const ANSWER: Duration = Duration::from_millis(20);
/// How long a server's address is believed.
const RESOLVE: Duration = Duration::from_secs(600);

/// Single times of one name.
#[derive(Debug, Default)]
struct Times {
    kept: Vec<Duration>,
    /// How many there were until the last sending, and are now.
    before: u64,
    now: u64,
}

/// Sends to one server.
#[derive(Debug)]
pub(super) struct Statsd {
    to: String,
    prefix: String,
    socket: Option<(UdpSocket, Instant)>,
    /// Counters as the server has them.
    sent: BTreeMap<String, u64>,
    times: BTreeMap<&'static str, Times>,
    failing: bool,
}

/// Lines that go together, and what the counters among them stand at then.
#[derive(Debug, Default)]
struct Datagram {
    text: String,
    counters: Vec<(String, u64)>,
}

impl Statsd {
    /// For a server. `late`: what was before now isn't for it.
    pub(super) fn new(to: &str, late: bool, snapshot: &Snapshot) -> Self {
        let sent = if late { counters(snapshot).into_iter().collect() } else { BTreeMap::new() };
        let prefix = format!("auship.{}.", short_host());
        Self { to: to.into(), prefix, socket: None, sent, times: BTreeMap::new(), failing: false }
    }

    /// Sends to that server from now on, if it is another.
    pub(super) fn redirect(&mut self, to: &str) {
        if self.to != to {
            self.to = to.into();
            self.socket = None;
        }
    }

    /// Keeps single times for the next sending.
    pub(super) fn gather(&mut self, snapshot: &Snapshot) {
        let mut keep = |name: &'static str, count: u64, times: &[Duration]| {
            let own = self.times.entry(name).or_default();
            own.now = count;
            let room = KEPT.saturating_sub(own.kept.len());
            own.kept.extend(times.iter().take(room));
        };
        let input = &snapshot.input;
        keep("parse", input.parse.count, input.parse.samples());
        keep("latency", input.latency.count, input.latency.samples());
        keep("marshaller.filter_latency", input.filtering.count, input.filtering.samples());
        let requests = || snapshot.outputs.iter().filter(|output| output.speaks_http()).map(|output| &output.requests);
        let count = requests().map(|requests| requests.latency.count).sum();
        for requests in requests() {
            keep("http_writer.latency", count, requests.latency.samples());
        }
    }

    /// Sends everything there is to say.
    pub(super) fn send(&mut self, snapshot: &Snapshot) {
        let datagrams = self.datagrams(snapshot);
        match self.send_all(datagrams) {
            Ok(()) if self.failing => {
                self.failing = false;
                log::info(format_args!("statsd {}: works again", self.to));
            }
            Ok(()) => (),
            Err(e) => {
                self.socket = None;
                if !self.failing {
                    self.failing = true;
                    log::warning(format_args!("statsd {}: {e}; counters wait until it takes them", self.to));
                }
            }
        }
        // Times of long ago say nothing of now.
        for times in self.times.values_mut() {
            times.kept.clear();
            times.before = times.now;
        }
    }

    /// Counters first: they are what must arrive.
    fn datagrams(&self, snapshot: &Snapshot) -> Vec<Datagram> {
        let mut all = Vec::new();
        for (name, value) in counters(snapshot) {
            let more = value.saturating_sub(self.sent.get(&name).copied().unwrap_or(0));
            if more > 0 {
                let datagram = put(&mut all, &format!("{}{name}:{more}|c", self.prefix));
                datagram.counters.push((name, value));
            }
        }
        for (name, value) in gauges(snapshot) {
            put(&mut all, &format!("{}{name}:{value}|g", self.prefix));
        }
        for (name, times) in &self.times {
            let happened = times.now.saturating_sub(times.before).max(times.kept.len() as u64);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share of a count
            let wanted = (happened as f64 * snapshot.metrics.sample_rate).ceil() as usize;
            let number = wanted.min(times.kept.len()).min(TIMES);
            let rate = number as f64 / happened.max(1) as f64;
            let at_rate = if number as u64 == happened { String::new() } else { format!("|@{rate:.6}") };
            for n in 0..number {
                // Evenly over all of them.
                let time = times.kept[n * times.kept.len() / number].as_secs_f64() * 1e3;
                put(&mut all, &format!("{}{name}:{time:.3}|ms{at_rate}", self.prefix));
            }
        }
        all
    }

    fn send_all(&mut self, datagrams: Vec<Datagram>) -> io::Result<()> {
        let old = self.socket.as_ref().is_some_and(|(_, since)| since.elapsed() > RESOLVE);
        if old || self.socket.is_none() {
            self.socket = Some((connect(&self.to)?, Instant::now()));
        }
        let Some((socket, _)) = &self.socket else { return Ok(()) };
        // Of what was sent long ago.
        let _ = socket.take_error();
        let last = datagrams.len().saturating_sub(1);
        for (n, datagram) in datagrams.into_iter().enumerate() {
            socket.send(datagram.text.as_bytes())?;
            if n == 0 || n == last {
                thread::sleep(ANSWER);
            }
            // What says that nobody listens says it about this one: it is sent again, whole.
            if let Some(e) = socket.take_error()? {
                return Err(e);
            }
            self.sent.extend(datagram.counters);
        }
        Ok(())
    }
}

/// Puts a line into the last datagram, or into a new one.
fn put<'a>(all: &'a mut Vec<Datagram>, line: &str) -> &'a mut Datagram {
    if all.last().is_none_or(|last| last.text.len() + 1 + line.len() > DATAGRAM) {
        all.push(Datagram::default());
    }
    let at = all.len() - 1;
    let datagram = &mut all[at];
    let between = if datagram.text.is_empty() { "" } else { "\n" };
    // Writing to a String can't fail.
    let _ = write!(datagram.text, "{between}{line}");
    datagram
}

fn connect(to: &str) -> io::Result<UdpSocket> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "has no address");
    for address in to.to_socket_addrs()? {
        let own: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let connected = UdpSocket::bind(own).and_then(|socket| {
            socket.connect(address)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        match connected {
            Ok(socket) => return Ok(socket),
            Err(e) => failed = e,
        }
    }
    Err(failed)
}

/// `$HOSTNAME`, else the system's name, up to the first dot.
fn short_host() -> String {
    let name = env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    let name = name.or_else(|| gethostname().ok().map(|name| name.to_string_lossy().into_owned()));
    let name = name.unwrap_or_default();
    let short = name.split('.').next().filter(|short| !short.is_empty()).unwrap_or("localhost");
    part(short)
}

/// A part of a name: dots would make two of it, and colons and bars end it.
fn part(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    text.chars().map(plain).collect()
}

fn counters(snapshot: &Snapshot) -> Vec<(String, u64)> {
    let input = &snapshot.input;
    let mut all: Vec<(String, u64)> = [
        ("messages.total", input.events),
        ("messages.filtered", input.filtered),
        ("messages.unreadable", snapshot.unreadable),
        ("messages.gaps", input.gaps),
        ("messages.missing", input.missing),
    ]
    .map(|(name, value)| (name.to_string(), value))
    .into();
    let mut http = BTreeMap::new();
    let mut sum = |name: String, number: u64| *http.entry(name).or_default() += number;
    for output in snapshot.outputs.iter().filter(|output| output.speaks_http()) {
        sum("http_writer.total_messages".into(), output.counters.events);
        sum("http_writer.dropped_messages".into(), output.counters.lost());
        sum("http_writer.request_error.count".into(), output.requests.errors);
        for (status, number) in &output.requests.codes {
            sum(format!("http_code.{status}"), *number);
        }
    }
    all.extend(http);
    for output in &snapshot.outputs {
        let (name, counters) = (part(&output.name), &output.counters);
        for (what, number) in [
            ("events", counters.events),
            ("delivered", counters.delivered),
            ("duplicates", counters.duplicates),
            ("skipped", counters.skipped),
            ("dead_lettered", counters.dead_lettered),
            ("lost", counters.lost()),
        ] {
            all.push((format!("output.{name}.{what}"), number));
        }
    }
    all
}

fn gauges(snapshot: &Snapshot) -> Vec<(String, u64)> {
    let of = |output: &super::OutputMetrics| {
        let name = part(&output.name);
        [
            ("ring", output.counters.ring),
            ("ring_bytes", output.ring_bytes),
            ("spool", output.counters.spool),
            ("spool_bytes", output.spool_bytes),
        ]
        .map(|(what, number)| (format!("output.{name}.{what}"), number))
    };
    snapshot.outputs.iter().flat_map(of).collect()
}
