//! What a row of the catalog is, and what values it has.

use super::snapshot::{OutputMetrics, Snapshot};
use crate::timing::{Histogram, Latency};
use std::{borrow::Cow, time::Duration};

/// What a metric does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A gauge that is 1 for the current state and 0 for all others. Its last label is the state.
    StateSet,
    /// The number and the sum of times, and perhaps quantiles.
    Summary,
}

impl Kind {
    /// What Prometheus calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge | Self::StateSet => "gauge",
            Self::Summary => "summary",
        }
    }
}

/// A name that statsd has for a metric, behind `auship.HOST.`. `<label>` stands for that label's value. Values that get
/// the same name are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsdName {
    /// Of the program, or of all outputs.
    All(&'static str),
    /// Only of outputs that speak HTTP: pauditd, whose name this is, had no others.
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
    /// What it does over time.
    pub kind: Kind,
    /// The names of its labels. The values of each output have the label `output` before these.
    pub labels: &'static [&'static str],
    /// What it means, on one line.
    pub help: &'static str,
    /// The names that statsd has for it.
    pub statsd: &'static [StatsdName],
    /// The word for it in the status line.
    pub status: Option<&'static str>,
    /// Where its values come from.
    pub(super) get: Get,
}

/// Where a metric's values come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Get {
    /// The program has it.
    Program(for<'a> fn(&'a Snapshot) -> Vec<Series<'a>>),
    /// Each output has it.
    Output(for<'a> fn(&'a OutputMetrics) -> Vec<Series<'a>>),
}

/// A metric's value for one combination of labels.
#[derive(Clone, Debug)]
pub(super) struct Series<'a> {
    /// The values of [`Metric::labels`].
    pub(super) labels: Vec<Cow<'a, str>>,
    pub(super) value: Value<'a>,
}

/// What a series is at.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Number(u64),
    Seconds(Duration),
    Summary(Summary<'a>),
}

/// Many times in short.
#[derive(Clone, Debug)]
pub(super) struct Summary<'a> {
    pub(super) quantiles: Vec<(&'static str, Duration)>,
    pub(super) count: u64,
    pub(super) sum: Duration,
    /// Single times since the snapshot before.
    pub(super) samples: &'a [Duration],
}

/// A line of the Prometheus file or the report.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Behind the metric's name: `_sum` or `_count` of a summary.
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
    /// Its values, if the program has it.
    pub(super) fn of_program<'a>(&self, snapshot: &'a Snapshot) -> Vec<Series<'a>> {
        match self.get {
            Get::Program(get) => get(snapshot),
            Get::Output(_) => Vec::new(),
        }
    }

    /// Its values of an output, if outputs have it.
    pub(super) fn of_output<'a>(&self, output: &'a OutputMetrics) -> Vec<Series<'a>> {
        match self.get {
            Get::Program(_) => Vec::new(),
            Get::Output(get) => get(output),
        }
    }

    /// All its values, with the outputs that have them.
    pub(super) fn series<'a>(&self, snapshot: &'a Snapshot) -> Vec<(Option<&'a OutputMetrics>, Series<'a>)> {
        let of_program = self.of_program(snapshot).into_iter().map(|series| (None, series));
        let of_outputs = snapshot
            .outputs
            .iter()
            .flat_map(|output| self.of_output(output).into_iter().map(move |series| (Some(output), series)));
        of_program.chain(of_outputs).collect()
    }

    /// True when each output has values of its own.
    pub fn is_of_output(&self) -> bool {
        matches!(self.get, Get::Output(_))
    }

    /// The labels of a series, with their names.
    pub(super) fn labels_of<'a>(&self, series: &'a Series) -> Vec<(&'static str, &'a str)> {
        self.labels.iter().copied().zip(series.labels.iter().map(AsRef::as_ref)).collect()
    }

    /// A series as the Prometheus file and the report have it.
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
    /// As something that can be added up.
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

/// A metric's only value.
fn only(value: Value) -> Vec<Series> {
    vec![Series { labels: Vec::new(), value }]
}

/// A number.
pub(super) fn number(number: u64) -> Vec<Series<'static>> {
    only(Value::Number(number))
}

/// A time.
pub(super) fn seconds(time: Duration) -> Vec<Series<'static>> {
    only(Value::Seconds(time))
}

/// The number and the sum of times.
pub(super) fn latency(latency: &Latency) -> Vec<Series<'_>> {
    let (count, sum) = (latency.count, latency.sum);
    only(Value::Summary(Summary { quantiles: Vec::new(), count, sum, samples: latency.samples() }))
}

/// As [`latency`], of what isn't always measured.
pub(super) fn latency_if_measured(measured: &Latency) -> Vec<Series<'_>> {
    if measured.count == 0 { Vec::new() } else { latency(measured) }
}

/// Shares of all times that a histogram's quantiles are for.
const QUANTILES: [(f64, &str); 3] = [(0.5, "0.5"), (0.99, "0.99"), (0.999, "0.999")];

/// Quantiles, and the number and the sum of times.
pub(super) fn histogram(times: &Histogram) -> Vec<Series<'static>> {
    let quantile = |(share, name): (f64, &'static str)| Some((name, times.quantile(share)?));
    let quantiles = QUANTILES.into_iter().filter_map(quantile).collect();
    only(Value::Summary(Summary { quantiles, count: times.count(), sum: times.sum(), samples: &[] }))
}
