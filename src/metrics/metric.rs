//! A row of the catalog, and its values.

use super::snapshot::{OutputMetrics, Snapshot};
use crate::timing::{Histogram, Latency};
use std::{borrow::Cow, time::Duration};

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A gauge that is 1 for the current state and 0 for all others. Its last label is the state.
    StateSet,
    /// The number and the sum of times, with or without quantiles.
    Summary,
}

impl Kind {
    /// The name of the kind in Prometheus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge | Self::StateSet => "gauge",
            Self::Summary => "summary",
        }
    }
}

/// The name of a metric in statsd, after the prefix `auship.HOST.`. `<label>` stands for the value of that label.
/// Values with the same name are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsdName {
    /// A name for the program's value, or for the values of all outputs.
    All(&'static str),
    /// A name only for outputs that speak HTTP. The name comes from pauditd, which had no other outputs.
    Http(&'static str),
}

impl StatsdName {
    /// The name, with placeholders.
    pub fn template(self) -> &'static str {
        match self {
            Self::All(template) | Self::Http(template) => template,
        }
    }
}

/// A row of the catalog.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name in the Prometheus file and in the report.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// The names of its labels. The values of each output have the label `output` before these.
    pub labels: &'static [&'static str],
    /// Its meaning, on one line.
    pub help: &'static str,
    /// Its names in statsd.
    pub statsd: &'static [StatsdName],
    /// Its name in the status line.
    pub status: Option<&'static str>,
    /// The function that gets its values.
    pub(super) get: Get,
}

/// The function that gets the values of a metric.
#[derive(Clone, Copy, Debug)]
pub(super) enum Get {
    /// The program has the metric.
    Program(for<'a> fn(&'a Snapshot) -> Vec<Series<'a>>),
    /// Each output has the metric.
    Output(for<'a> fn(&'a OutputMetrics) -> Vec<Series<'a>>),
}

/// A metric's value for one combination of labels.
#[derive(Clone, Debug)]
pub(super) struct Series<'a> {
    /// The values of [`Metric::labels`].
    pub(super) labels: Vec<Cow<'a, str>>,
    pub(super) value: Value<'a>,
}

/// The value of a series.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Number(u64),
    Seconds(Duration),
    Summary(Summary<'a>),
}

/// A summary of many times.
#[derive(Clone, Debug)]
pub(super) struct Summary<'a> {
    pub(super) quantiles: Vec<(&'static str, Duration)>,
    pub(super) count: u64,
    pub(super) sum: Duration,
    /// The single times since the previous snapshot.
    pub(super) samples: &'a [Duration],
}

/// A line of the Prometheus file or the report.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// The end of the name: `_sum` or `_count` for a summary, otherwise empty.
    pub(super) suffix: &'static str,
    pub(super) labels: Vec<(&'static str, &'a str)>,
    pub(super) amount: Amount,
}

/// A single number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Amount {
    Number(u64),
    Seconds(Duration),
}

impl Metric {
    /// The program's values, if this is a metric of the program.
    pub(super) fn of_program<'a>(&self, snapshot: &'a Snapshot) -> Vec<Series<'a>> {
        match self.get {
            Get::Program(get) => get(snapshot),
            Get::Output(_) => Vec::new(),
        }
    }

    /// An output's values, if this is a metric of outputs.
    pub(super) fn of_output<'a>(&self, output: &'a OutputMetrics) -> Vec<Series<'a>> {
        match self.get {
            Get::Program(_) => Vec::new(),
            Get::Output(get) => get(output),
        }
    }

    /// All values, each with its output if it has one.
    pub(super) fn series<'a>(&self, snapshot: &'a Snapshot) -> Vec<(Option<&'a OutputMetrics>, Series<'a>)> {
        let of_program = self.of_program(snapshot).into_iter().map(|series| (None, series));
        let of_outputs = snapshot
            .outputs
            .iter()
            .flat_map(|output| self.of_output(output).into_iter().map(move |series| (Some(output), series)));
        of_program.chain(of_outputs).collect()
    }

    /// True if each output has its own values.
    pub fn is_of_output(&self) -> bool {
        matches!(self.get, Get::Output(_))
    }

    /// The names and values of a series' labels.
    pub(super) fn labels_of<'a>(&self, series: &'a Series) -> Vec<(&'static str, &'a str)> {
        self.labels.iter().copied().zip(series.labels.iter().map(AsRef::as_ref)).collect()
    }

    /// The lines of a series for the Prometheus file and the report.
    pub(super) fn lines<'a>(&self, series: &'a Series) -> Vec<Line<'a>> {
        let labels = self.labels_of(series);
        let line = |suffix, amount| Line { suffix, labels: labels.clone(), amount };
        match &series.value {
            Value::Number(number) => vec![line("", Amount::Number(*number))],
            Value::Seconds(time) => vec![line("", Amount::Seconds(*time))],
            Value::Summary(Summary { quantiles, count, sum, .. }) => {
                let quantile = |(share, time): &(&'static str, Duration)| {
                    let mut line = line("", Amount::Seconds(*time));
                    line.labels.push(("quantile", *share));
                    line
                };
                let totals = [line("_sum", Amount::Seconds(*sum)), line("_count", Amount::Number(*count))];
                quantiles.iter().map(quantile).chain(totals).collect()
            }
        }
    }
}

impl Value<'_> {
    /// The value as a number, if it is one.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Seconds(_) | Self::Summary(_) => None,
        }
    }
}

/// A number with labels.
pub(super) fn labelled<'a, L: Into<Cow<'a, str>>, const N: usize>(labels: [L; N], number: u64) -> Series<'a> {
    Series { labels: labels.map(Into::into).into(), value: Value::Number(number) }
}

/// A single value without labels.
fn only(value: Value) -> Vec<Series> {
    vec![Series { labels: Vec::new(), value }]
}

/// A single number.
pub(super) fn number(number: u64) -> Vec<Series<'static>> {
    only(Value::Number(number))
}

/// A single time.
pub(super) fn seconds(time: Duration) -> Vec<Series<'static>> {
    only(Value::Seconds(time))
}

/// The number and the sum of times.
pub(super) fn latency(latency: &Latency) -> Vec<Series<'_>> {
    let (count, sum) = (latency.count, latency.sum);
    only(Value::Summary(Summary { quantiles: Vec::new(), count, sum, samples: latency.samples() }))
}

/// Like [`latency`], but without a value if nothing was measured.
pub(super) fn latency_if_measured(measured: &Latency) -> Vec<Series<'_>> {
    if measured.count == 0 { Vec::new() } else { latency(measured) }
}

/// The quantiles of a histogram.
const QUANTILES: [(f64, &str); 3] = [(0.5, "0.5"), (0.99, "0.99"), (0.999, "0.999")];

/// The quantiles, the number and the sum of times.
pub(super) fn histogram(times: &Histogram) -> Vec<Series<'static>> {
    let quantile = |(share, name): (f64, &'static str)| Some((name, times.quantile(share)?));
    let quantiles = QUANTILES.into_iter().filter_map(quantile).collect();
    only(Value::Summary(Summary { quantiles, count: times.count(), sum: times.sum(), samples: &[] }))
}
