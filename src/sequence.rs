//! Watches serials. The kernel numbers its events, so a missing serial is an event that was lost before auship got it.
//!
//! A missing serial may still come: libauparse returns events in the order in which they end, not in which they begin.
//! So a gap is reported only when the newest serial is far beyond it, when it has lasted for some seconds, or at the
//! end. Every node of an aggregated log has its own serials. auditd numbers its own records (DAEMON_START and the like)
//! itself, so they are ignored.

use crate::{
    config,
    event::{EventId, Gap, LinuxEvent},
    log,
    losses::LossReporter,
    queue::ResumeMark,
};
use foldhash::fast::RandomState;
use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

/// The shortest time between two reports about one node, unless it has very many gaps. When every second event of a
/// flood is missing, this makes a few reports instead of thousands.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// The number of missing ranges that are remembered for one node. Beyond that, the older half is reported at once.
const MAX_RANGES: usize = 1024;
/// The number of nodes that are remembered. Beyond that, the node that was silent longest is forgotten.
const MAX_NODES: usize = 1024;
/// Record types of auditd's own messages (`AUDIT_FIRST_DAEMON` to `AUDIT_LAST_DAEMON`).
const DAEMON: std::ops::RangeInclusive<i32> = 1200..=1299;

/// A range of missing serials.
#[derive(Debug)]
struct Range {
    from: u64,
    to: u64,
    since: Instant,
    /// The event after the range.
    id: EventId,
}

/// The serials of one node.
#[derive(Debug)]
struct Node {
    name: Option<Vec<u8>>,
    newest: u64,
    /// The latest time of any of its events.
    latest: i64,
    /// The missing ranges, in order. Between two of them at least one serial was seen.
    missing: VecDeque<Range>,
    /// A serial that may be the first one after a restart of the host. The next one decides.
    anew: Option<EventId>,
    /// The number of its last event, counted over all nodes.
    seen: u64,
    reported: Option<Instant>,
}

/// Watches the serials of all nodes.
#[derive(Debug)]
pub struct Sequence {
    config: config::Sequence,
    nodes: HashMap<u64, Node, RandomState>,
    /// The number of events so far.
    events: u64,
    /// Gaps that the caller has not yet taken.
    due: Vec<Gap>,
    /// The number of events that came out of order.
    out_of_order: u64,
    warnings: LossReporter,
}

impl Node {
    fn new(event: &LinuxEvent, seen: u64) -> Self {
        Self {
            name: event.node().filter(|node| !node.is_empty()).map(<[u8]>::to_vec),
            newest: event.id.serial,
            latest: event.id.seconds,
            missing: VecDeque::new(),
            anew: None,
            seen,
            reported: None,
        }
    }

    /// The node as messages name it: " of node x", or nothing.
    fn named(&self) -> String {
        self.name.as_ref().map_or_else(String::new, |name| format!(" of node {}", String::from_utf8_lossy(name)))
    }

    /// Notes a serial beyond the newest one.
    fn advance(&mut self, stamp: EventId) {
        if stamp.serial - self.newest > 1 {
            let now = Instant::now();
            self.missing.push_back(Range { from: self.newest + 1, to: stamp.serial - 1, since: now, id: stamp });
        }
        self.newest = stamp.serial;
        self.latest = self.latest.max(stamp.seconds);
    }

    /// Removes a serial from the missing ranges. False if it wasn't missing.
    fn fill(&mut self, serial: u64) -> bool {
        let at = self.missing.partition_point(|range| range.to < serial);
        let Some(range) = self.missing.get_mut(at).filter(|range| range.from <= serial) else { return false };
        match (range.from == serial, range.to == serial) {
            (true, true) => drop(self.missing.remove(at)),
            (true, false) => range.from += 1,
            (false, true) => range.to -= 1,
            (false, false) => {
                let behind = Range { from: serial + 1, to: range.to, ..*range };
                range.to = serial - 1;
                self.missing.insert(at + 1, behind);
            }
        }
        true
    }

    /// Reports the first `ranges` missing ranges as gaps. Ranges that are at most `near` serials apart make one gap.
    fn report(&mut self, ranges: usize, near: u64, now: Instant, due: &mut Vec<Gap>) {
        if ranges == 0 {
            return;
        }
        self.reported = Some(now);
        let mut last: Option<Gap> = None;
        for range in self.missing.drain(..ranges) {
            let count = range.to - range.from + 1;
            match &mut last {
                Some(gap) if range.from - gap.to <= near => {
                    gap.to = range.to;
                    gap.count += count;
                    gap.id = range.id;
                }
                _ => {
                    let node = self.name.clone();
                    due.extend(last.replace(Gap { from: range.from, to: range.to, count, node, id: range.id }));
                }
            }
        }
        due.extend(last);
    }

    /// Reports the missing serials that will not come any more.
    fn sweep(&mut self, config: &config::Sequence, now: Instant, due: &mut Vec<Gap>) {
        let gone = |range: &Range| {
            self.newest - range.to > config.max_out_of_order
                || now.saturating_duration_since(range.since) >= config.gap_after
        };
        let gone = self.missing.iter().take_while(|range| gone(range)).count();
        self.report(gone, config.max_out_of_order, now, due);
    }
}

impl Sequence {
    /// Starts with no nodes.
    pub fn new(config: config::Sequence) -> Self {
        let warnings = LossReporter::upstream("serials missing on the input".into(), "not received");
        Self { config, nodes: HashMap::default(), events: 0, due: Vec::new(), out_of_order: 0, warnings }
    }

    /// Applies another configuration.
    pub fn configure(&mut self, config: config::Sequence) {
        self.config = config;
        if !config.track {
            self.finish();
            self.nodes.clear();
        }
    }

    /// Continues from the previous process. Events that it read but had not taken when it was killed are missing. So
    /// are events that came while no process was running.
    pub fn resume(&mut self, before: ResumeMark) {
        if self.config.track {
            let node = Node {
                name: None,
                newest: before.serial,
                latest: 0,
                missing: VecDeque::new(),
                anew: None,
                seen: 0,
                reported: None,
            };
            self.nodes.insert(before.node, node);
        }
    }

    /// The newest serial of an event's node, for the next process.
    pub fn resume_mark(&self, event: &LinuxEvent) -> Option<ResumeMark> {
        let node = event.node_id();
        self.nodes.get(&node).map(|known| ResumeMark { node, serial: known.newest })
    }

    /// The number of events that came after one with a higher serial.
    pub fn out_of_order(&self) -> u64 {
        self.out_of_order
    }

    /// Notes an event's serial.
    pub fn event(&mut self, event: &LinuxEvent) {
        // The kernel's first serial is 1.
        let daemons = event.records().first().is_some_and(|record| DAEMON.contains(&record.record_type));
        if !self.config.track || daemons || event.id.serial == 0 {
            return;
        }
        self.events += 1;
        let id = event.node_id();
        let Some(node) = self.nodes.get_mut(&id) else {
            self.make_room();
            self.nodes.insert(id, Node::new(event, self.events));
            return;
        };
        node.seen = self.events;
        if node.name.is_none() && id != 0 {
            node.name = event.node().map(<[u8]>::to_vec);
        }
        let stamp = event.id;
        if stamp.serial > node.newest {
            node.anew = None;
            node.advance(stamp);
            let Some(oldest) = node.missing.front() else { return };
            let (gone, near) = (node.newest - oldest.to > self.config.max_out_of_order, self.config.max_out_of_order);
            if node.missing.len() > MAX_RANGES {
                node.report(MAX_RANGES / 2, near, Instant::now(), &mut self.due);
            } else if gone && node.reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
                node.sweep(&self.config, Instant::now(), &mut self.due);
            }
        } else if node.newest - stamp.serial <= self.config.max_out_of_order && node.fill(stamp.serial) {
            self.out_of_order += 1;
            node.latest = node.latest.max(stamp.seconds);
            if self.config.log_out_of_order {
                let (serial, newest, named) = (stamp.serial, node.newest, node.named());
                log::info(format_args!("event {serial}{named} came late, after {newest}"));
            }
        } else if !event.partial {
            self.again(id, stamp);
        }
    }

    /// Handles a serial that was seen before, or that is older than all known ones. It may be repeated, stray, or the
    /// first one after a restart of the host. Only two such serials count as a restart: after a single stray serial,
    /// all serials between it and the next one would count as missing.
    fn again(&mut self, id: u64, stamp: EventId) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let far = node.newest - stamp.serial > self.config.max_out_of_order;
        let later = stamp.seconds > node.latest;
        if stamp.serial == node.newest || !(far || later) {
            return;
        }
        let Some(first) = node.anew else {
            node.anew = Some(stamp);
            return;
        };
        let ahead = stamp.serial.saturating_sub(first.serial);
        if ahead == 0 || ahead > self.config.max_out_of_order {
            // Perhaps the first one was the stray one.
            node.anew = if ahead == 0 { Some(first) } else { Some(stamp) };
            return;
        }
        node.report(node.missing.len(), self.config.max_out_of_order, Instant::now(), &mut self.due);
        let (from, newest, named) = (first.serial, node.newest, node.named());
        log::info(format_args!(
            "serials{named} begin anew at {from}, after {newest}: the host was started again, or this is an older log"
        ));
        node.anew = None;
        node.newest = first.serial;
        node.latest = first.seconds;
        node.advance(stamp);
    }

    /// Forgets the node that was silent longest, if there are too many.
    fn make_room(&mut self) {
        if self.nodes.len() < MAX_NODES {
            return;
        }
        let oldest = self.nodes.iter().min_by_key(|(_, node)| node.seen).map(|(id, _)| *id);
        if let Some(mut node) = oldest.and_then(|id| self.nodes.remove(&id)) {
            node.report(node.missing.len(), self.config.max_out_of_order, Instant::now(), &mut self.due);
        }
    }

    /// Finds gaps that are due, and reports warnings. To be called about once a second.
    pub fn tick(&mut self) {
        let now = Instant::now();
        for node in self.nodes.values_mut() {
            node.sweep(&self.config, now, &mut self.due);
        }
        self.warnings.tick();
    }

    /// Ends the input: all missing serials become gaps, because they will not come.
    pub fn finish(&mut self) {
        let now = Instant::now();
        for node in self.nodes.values_mut() {
            node.report(node.missing.len(), self.config.max_out_of_order, now, &mut self.due);
        }
    }

    /// Reports the warnings that are not yet reported.
    pub fn finish_warnings(&self) {
        self.warnings.finish();
    }

    /// True if there are gaps that the caller has not yet taken.
    pub fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Returns the gaps that are due, each once, and counts them for the warnings.
    pub fn take_due(&mut self) -> Vec<Gap> {
        let due = std::mem::take(&mut self.due);
        for gap in &due {
            let node =
                gap.node.as_ref().map_or_else(String::new, |node| format!("{}: ", String::from_utf8_lossy(node)));
            self.warnings.lost_many(gap.count, &format!("{node}{}", gap.serials()));
        }
        due
    }
}

#[cfg(test)]
#[path = "sequence_tests.rs"]
mod tests;
