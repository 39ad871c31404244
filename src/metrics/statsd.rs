//! statsd over UDP. Counters are sent as differences. While nobody listens on the port, the differences are kept and
//! sent later.
//!
//! The crate `cadence` isn't used: its UDP sinks send from unconnected sockets. Such a socket never learns that a port
//! is closed, so differences would be lost. Without its sinks, the crate would save only three lines of formatting.

use super::{
    catalog::METRICS,
    metric::{Kind, Metric, Series, StatsdName, Summary, Value},
    snapshot::{OutputMetrics, Snapshot},
};
use crate::{
    host, log,
    net::{self, HostPort},
};
use std::{
    collections::BTreeMap,
    env,
    fmt::Write,
    io,
    net::{SocketAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

/// The size of a datagram, in bytes. It fits into one Ethernet frame.
const DATAGRAM: usize = 1400;
/// The number of single times that are sent at once. More could overflow the receiver's buffer, and counters would be
/// lost.
const TIMES: usize = 1000;
/// The number of single times that are kept until the next sending.
const KEPT: usize = 8192;
/// How long to wait for the answer that nobody listens on the port. It is enough for this machine and a near network.
const ANSWER: Duration = Duration::from_millis(20);
/// How long the address of a server is used before it is looked up again.
const RESOLVE: Duration = Duration::from_secs(600);

/// Single times of one name.
#[derive(Debug, Default)]
struct Times {
    kept: Vec<Duration>,
    /// The number of times at the last sending.
    before: u64,
    /// The number of times now.
    now: u64,
}

/// Sends to one server.
#[derive(Debug)]
pub(super) struct Statsd {
    to: HostPort,
    prefix: String,
    socket: Option<(UdpSocket, Instant)>,
    /// The counts that the server has got.
    sent: BTreeMap<String, u64>,
    times: BTreeMap<String, Times>,
    failing: bool,
}

/// The lines of one datagram, and the counts that the server has after it.
#[derive(Debug, Default)]
struct Datagram {
    text: String,
    counters: Vec<(String, u64)>,
}

impl Statsd {
    /// Sets up sending to a server. If `late`, the server doesn't get the counts from before.
    pub(super) fn new(to: &HostPort, late: bool, snapshot: &Snapshot) -> Self {
        let prefix = format!("auship.{}.", short_host());
        let mut new = Self {
            to: to.clone(),
            prefix,
            socket: None,
            sent: BTreeMap::new(),
            times: BTreeMap::new(),
            failing: false,
        };
        if late {
            new.sent = totals(snapshot, Kind::Counter);
            new.gather(snapshot);
            new.forget_times();
        }
        new
    }

    /// From now on sends to this server.
    pub(super) fn redirect(&mut self, to: &HostPort) {
        if self.to != *to {
            self.to = to.clone();
            self.socket = None;
        }
    }

    /// Keeps single times for the next sending.
    pub(super) fn gather(&mut self, snapshot: &Snapshot) {
        self.times.values_mut().for_each(|times| times.now = 0);
        for metric in METRICS.iter().filter(|metric| metric.kind == Kind::Summary) {
            for_each_name(metric, snapshot, |name, series| {
                let Value::Summary(Summary { count, samples, .. }) = series.value else { return };
                let times = self.times.entry(name).or_default();
                times.now += count;
                let room = KEPT.saturating_sub(times.kept.len());
                times.kept.extend(samples.iter().take(room));
            });
        }
    }

    /// Discards the single times: old times say nothing about the present.
    fn forget_times(&mut self) {
        for times in self.times.values_mut() {
            times.kept.clear();
            times.before = times.now;
        }
    }

    /// Sends all metrics of a snapshot.
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
        self.forget_times();
    }

    /// The datagrams of a snapshot. Counters come first, because they must arrive.
    fn datagrams(&self, snapshot: &Snapshot) -> Vec<Datagram> {
        let mut all = Vec::new();
        for (name, value) in totals(snapshot, Kind::Counter) {
            let more = value.saturating_sub(self.sent.get(&name).copied().unwrap_or(0));
            if more > 0 {
                let datagram = put(&mut all, &format!("{}{name}:{more}|c", self.prefix));
                datagram.counters.push((name, value));
            }
        }
        for (name, value) in totals(snapshot, Kind::Gauge) {
            put(&mut all, &format!("{}{name}:{value}|g", self.prefix));
        }
        for (name, times) in &self.times {
            let happened = times.now.saturating_sub(times.before).max(times.kept.len() as u64);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share of a count
            let wanted = (happened as f64 * snapshot.settings.sample_rate).ceil() as usize;
            let number = wanted.min(times.kept.len()).min(TIMES);
            let rate = number as f64 / happened.max(1) as f64;
            let at_rate = if number as u64 == happened { String::new() } else { format!("|@{rate:.6}") };
            for n in 0..number {
                // The samples are spread evenly over all kept times.
                let time = times.kept[n * times.kept.len() / number].as_secs_f64() * 1e3;
                put(&mut all, &format!("{}{name}:{time:.3}|ms{at_rate}", self.prefix));
            }
        }
        all
    }

    fn send_all(&mut self, datagrams: Vec<Datagram>) -> io::Result<()> {
        let old = self.socket.as_ref().is_some_and(|(_, since)| since.elapsed() > RESOLVE);
        if old || self.socket.is_none() {
            let socket = self.to.connect(connect).map_err(io::Error::other)?;
            self.socket = Some((socket, Instant::now()));
        }
        let Some((socket, _)) = &self.socket else { return Ok(()) };
        // This discards an error of an earlier sending.
        let _ = socket.take_error();
        let last = datagrams.len().saturating_sub(1);
        for (n, datagram) in datagrams.into_iter().enumerate() {
            socket.send(datagram.text.as_bytes())?;
            if n == 0 || n == last {
                thread::sleep(ANSWER);
            }
            // The error means that nobody listens. It counts for this datagram, which is sent again as a whole.
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

fn connect(to: SocketAddr) -> io::Result<UdpSocket> {
    let socket = net::connect_udp(to)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// `$HOSTNAME`, or else the kernel's name of the host, up to the first dot.
fn short_host() -> String {
    let name = env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(host::kernel_name);
    let short = net::short_name(&name);
    part(if short.is_empty() { "localhost" } else { short })
}

/// Makes a text fit for one part of a name. A dot would split it, and a colon or a bar would end it.
fn part(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    text.chars().map(plain).collect()
}

/// Calls `f` with each statsd name of a metric and each value for it.
fn for_each_name(metric: &Metric, snapshot: &Snapshot, mut f: impl FnMut(String, &Series)) {
    if metric.statsd.is_empty() {
        return;
    }
    for (output, series) in &metric.series(snapshot) {
        for name in metric.statsd {
            if matches!(name, StatsdName::All(_)) || output.is_some_and(|output| output.kind.speaks_http()) {
                f(fill_in(name.template(), metric, *output, series), series);
            }
        }
    }
}

/// Replaces each `<label>` in a name by the value of the label.
fn fill_in(template: &str, metric: &Metric, output: Option<&OutputMetrics>, series: &Series) -> String {
    let output = output.map(|output| ("output", output.name.as_str()));
    let labels = output.into_iter().chain(metric.labels_of(series));
    labels.fold(template.to_string(), |name, (label, value)| name.replace(&format!("<{label}>"), &part(value)))
}

/// All statsd names of metrics of one kind, each with the sum of its values.
fn totals(snapshot: &Snapshot, kind: Kind) -> BTreeMap<String, u64> {
    let mut totals = BTreeMap::new();
    for metric in METRICS.iter().filter(|metric| metric.kind == kind) {
        for_each_name(metric, snapshot, |name, series| {
            *totals.entry(name).or_default() += series.value.number().unwrap_or(0);
        });
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::SinkKind, metrics::tests::full};

    #[test]
    fn values_of_one_name_are_added_up() {
        let mut snapshot = full();
        let mut other = snapshot.outputs[0].clone();
        other.name = "si.em".into();
        snapshot.outputs.push(other);
        let file = OutputMetrics { name: "copy".into(), kind: SinkKind::File, ..snapshot.outputs[0].clone() };
        snapshot.outputs.push(file);
        let counters = totals(&snapshot, Kind::Counter);
        let of = |name: &str| counters.get(name).copied();
        assert_eq!(
            (of("output.siem.lost"), of("output.si_em.delivered"), of("output.copy.events")),
            (Some(3), Some(960), Some(967))
        );
        assert_eq!((of("http_writer.total_messages"), of("http_writer.dropped_messages")), (Some(2 * 967), Some(6)));
        assert_eq!((of("http_code.200"), of("http_writer.request_error.count")), (Some(2), Some(2)));
        assert!(counters.keys().chain(totals(&snapshot, Kind::Gauge).keys()).all(|name| !name.contains('<')));
    }

    #[test]
    fn a_server_that_comes_late_gets_what_comes_later() {
        let mut snapshot = full();
        let mut statsd = Statsd::new(&HostPort { host: "localhost".into(), port: 8125 }, true, &snapshot);
        snapshot.input.events += 1;
        snapshot.input.parse.take_samples();
        snapshot.input.parse.record(Duration::from_millis(9));
        statsd.gather(&snapshot);
        let sent: String = statsd.datagrams(&snapshot).into_iter().map(|datagram| datagram.text + "\n").collect();
        let lines = |what: &str| {
            sent.lines().filter_map(|line| line.strip_prefix(&statsd.prefix)?.strip_prefix(what)).collect::<Vec<_>>()
        };
        assert_eq!(lines("messages.total:"), ["1|c"]);
        assert_eq!(lines("parse:"), ["9.000|ms"]);
    }
}
