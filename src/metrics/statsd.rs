//! statsd, over UDP: counters as differences, none of which is lost while nobody listens.
//!
//! The crate `cadence` doesn't do for this: its UDP sinks send from unconnected sockets, which never hear that a port
//! is closed, so that differences would be lost; without its sinks it brings three lines of formatting.

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
    to: HostPort,
    prefix: String,
    socket: Option<(UdpSocket, Instant)>,
    /// Counters as the server has them.
    sent: BTreeMap<String, u64>,
    times: BTreeMap<String, Times>,
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

    /// Sends to that server from now on, if it is another.
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

    /// Times of long ago say nothing of now.
    fn forget_times(&mut self) {
        for times in self.times.values_mut() {
            times.kept.clear();
            times.before = times.now;
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
        self.forget_times();
    }

    /// Counters first: they are what must arrive.
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
            let socket = self.to.connect(connect).map_err(io::Error::other)?;
            self.socket = Some((socket, Instant::now()));
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

fn connect(to: SocketAddr) -> io::Result<UdpSocket> {
    let socket = net::connect_udp(to)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// `$HOSTNAME`, else the system's name, up to the first dot.
fn short_host() -> String {
    let name = env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(host::kernel_name);
    let short = net::short_name(&name);
    part(if short.is_empty() { "localhost" } else { short })
}

/// A part of a name: dots would make two of it, and colons and bars end it.
fn part(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    text.chars().map(plain).collect()
}

/// Calls `f` with every name that statsd has for a metric, and the value that goes there.
fn for_each_name(metric: &Metric, snapshot: &Snapshot, mut f: impl FnMut(String, &Series)) {
    if metric.statsd.is_empty() {
        return;
    }
    for (output, series) in &metric.series(snapshot) {
        for name in metric.statsd {
            if matches!(name, StatsdName::All(_)) || output.is_some_and(OutputMetrics::speaks_http) {
                f(fill_in(name.template(), metric, *output, series), series);
            }
        }
    }
}

/// A name with the labels' values in place of `<label>`.
fn fill_in(template: &str, metric: &Metric, output: Option<&OutputMetrics>, series: &Series) -> String {
    let output = output.map(|output| ("output", output.name.as_str()));
    let labels = output.into_iter().chain(metric.labels_of(series));
    labels.fold(template.to_string(), |name, (label, value)| name.replace(&format!("<{label}>"), &part(value)))
}

/// Every name of a kind, and the sum of the values that go there.
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
    use crate::metrics::tests::full;

    #[test]
    fn values_of_one_name_are_added_up() {
        let mut snapshot = full();
        let mut other = snapshot.outputs[0].clone();
        other.name = "si.em".into();
        snapshot.outputs.push(other);
        let file = OutputMetrics { name: "copy".into(), kind: "file", ..snapshot.outputs[0].clone() };
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
