//! Tests of starting, replacing and closing, with outputs that only record the calls.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    config::parse,
    metrics::OutputState,
    outcome::{Loss, Outcome},
    queue::counters::Counters,
    timing::RequestStats,
};
use std::{cell::RefCell, collections::BTreeSet, path::Path, rc::Rc};

/// The calls to all outputs, and the spools that have an owner.
#[derive(Debug, Default)]
struct World {
    done: Vec<String>,
    owned: BTreeSet<PathBuf>,
    /// Outputs of that name can't be started.
    broken: Vec<&'static str>,
    /// An output of that name can't be started while it has a spool.
    no_spool: Option<&'static str>,
}

type Shared = Rc<RefCell<World>>;

struct Fake {
    config: config::Output,
    world: Shared,
    /// Events that it got and hasn't delivered.
    waiting: u64,
}

fn metrics_of(config: &config::Output, state: OutputState, waiting: u64) -> OutputMetrics {
    let mut counters = Counters::default();
    counters.record_outcome(waiting, Outcome::Lost(Loss::AtEnd));
    OutputMetrics {
        name: config.name.clone(),
        kind: config.sink.kind(),
        state,
        counters,
        ring_bytes: 0,
        spool_bytes: 0,
        spool_limit: Some(1 << 30),
        breaker: None,
        requests: RequestStats::default(),
    }
}

impl Branch for Fake {
    type Closing = Self;
    type Environment = Shared;

    fn start(config: &config::Output, world: &Shared, takeover: Takeover) -> io::Result<Self> {
        let mut state = world.borrow_mut();
        let name = config.name.as_str();
        let spool = config.spool_dir();
        if state.broken.contains(&name) || (state.no_spool == Some(name) && spool.is_some()) {
            state.done.push(format!("{name} fails"));
            return Err(io::Error::other("broken"));
        }
        if let Some(dir) = spool {
            assert!(state.owned.insert(dir.clone()), "{name}: the spool has another owner");
        }
        state.done.push(format!("start {name}{}", if takeover == Takeover::FromSelf { " again" } else { "" }));
        drop(state);
        Ok(Self { config: config.clone(), world: world.clone(), waiting: 0 })
    }

    fn config(&self) -> &config::Output {
        &self.config
    }

    fn tick(&self) {}

    fn reopen(&self) {
        self.world.borrow_mut().done.push(format!("reopen {}", self.config.name));
    }

    fn close(self) -> Self {
        self.world.borrow_mut().done.push(format!("close {}", self.config.name));
        self
    }

    fn metrics(&self) -> OutputMetrics {
        metrics_of(&self.config, OutputState::Running, 0)
    }
}

impl Closing for Fake {
    fn spool_dir(&self) -> Option<&PathBuf> {
        self.config.spool_dir()
    }

    fn has_ended(&self) -> bool {
        self.waiting == 0
    }

    fn tick(&self) {}

    fn metrics(&self) -> OutputMetrics {
        metrics_of(&self.config, OutputState::Closing, 0)
    }

    fn wait(&self, _deadline: Instant) {
        self.world.borrow_mut().done.push(format!("wait {}", self.config.name));
    }

    fn finish(self, _deadline: Instant) -> (OutputMetrics, u64) {
        let mut state = self.world.borrow_mut();
        state.done.push(format!("end {}", self.config.name));
        if let Some(dir) = self.config.spool_dir() {
            assert!(state.owned.remove(dir), "it had the spool");
        }
        (metrics_of(&self.config, OutputState::Ended, self.waiting), self.waiting)
    }
}

/// Outputs from `NAME`, `NAME:SPOOL` or `NAME:SPOOL:TEXT`. Another `TEXT` makes the configuration differ.
fn configs(outputs: &[&str]) -> Vec<config::Output> {
    let section = |output: &&str| {
        let mut parts = output.split(':');
        let name = parts.next().unwrap();
        let spool = parts.next().filter(|dir| !dir.is_empty());
        let spool = spool.map_or(String::new(), |dir| format!("spool = overflow\nspool_dir = /{dir}\n"));
        let text = parts.next().map_or(String::new(), |text| format!("prepend_msg = {text}\n"));
        format!("[output:{name}]\ntype = http\nurl = http://{name}\nformat = mozdef\n{spool}{text}\n")
    };
    parse(Path::new("x"), &outputs.iter().map(section).collect::<String>()).unwrap().outputs
}

fn start(outputs: &[&str]) -> (Outputs<Fake>, Shared) {
    let world = Shared::default();
    let outputs = Outputs::start(&configs(outputs), world.clone(), Duration::ZERO).unwrap();
    world.borrow_mut().done.clear();
    (outputs, world)
}

impl Outputs<Fake> {
    fn names(&self) -> Vec<String> {
        self.running.iter().map(|output| output.config.name.clone()).collect()
    }

    fn reload(&mut self, outputs: &[&str]) -> Result<(), StartError> {
        let environment = self.environment.clone();
        self.replace(&configs(outputs), environment, |_| false)
    }
}

fn done(world: &Shared) -> Vec<String> {
    std::mem::take(&mut world.borrow_mut().done)
}

#[test]
fn a_reload_touches_only_what_has_changed() {
    let (mut outputs, world) = start(&["same", "changed::a", "gone"]);
    outputs.reload(&["new", "same", "changed::b"]).unwrap();
    assert_eq!(outputs.names(), ["same", "new", "changed"]);
    assert_eq!(done(&world), ["start new", "start changed", "close changed", "close gone"]);
    outputs.tick();
    assert_eq!(done(&world), ["end changed", "end gone"]);
    let states: Vec<_> = outputs.metrics().into_iter().map(|one| (one.name, one.state)).collect();
    let (running, ended) = (OutputState::Running, OutputState::Ended);
    let expected = [("changed", running), ("gone", ended), ("same", running), ("new", running)];
    assert_eq!(states, expected.map(|(name, state)| (name.to_string(), state)), "those that are gone stay counted");
}

#[test]
fn all_can_be_made_to_begin_anew() {
    let (mut outputs, world) = start(&["a", "b:spool"]);
    let same = configs(&["a", "b:spool"]);
    outputs.replace(&same, world.clone(), |config| config.queue.spool.is_some()).unwrap();
    assert_eq!(done(&world), ["close b", "end b", "start b again"]);
}

#[test]
fn a_spool_is_left_before_its_next_owner_starts() {
    let (mut outputs, world) = start(&["old:spool", "other:its"]);
    outputs.reload(&["new:spool", "other:its"]).unwrap();
    assert_eq!(done(&world), ["close old", "end old", "start new again"]);
    // An output that is still closing is ended too.
    outputs.running[0].waiting = 1;
    outputs.reload(&["new:spool"]).unwrap();
    assert_eq!(done(&world), ["close other"]);
    outputs.reload(&["third:its", "new:spool"]).unwrap();
    assert_eq!(done(&world), ["end other", "start third again"]);
}

#[test]
fn what_cannot_be_started_leaves_all_as_it_was() {
    let (mut outputs, world) = start(&["old:spool", "same"]);
    world.borrow_mut().broken = vec!["bad"];
    let error = outputs.reload(&["new:spool", "bad", "same"]).unwrap_err();
    assert_eq!((error.output.as_str(), error.error.to_string().as_str()), ("bad", "broken"));
    assert!(error.line > 0);
    assert_eq!(
        done(&world),
        ["close old", "end old", "start new again", "bad fails", "close new", "end new", "start old again"]
    );
    assert_eq!(outputs.names(), ["same", "old"]);
    assert_eq!(world.borrow().owned.iter().collect::<Vec<_>>(), [Path::new("/spool")]);
}

#[test]
fn an_output_that_cannot_come_back_with_its_spool_goes_on_without() {
    let (mut outputs, world) = start(&["old:spool"]);
    world.borrow_mut().broken = vec!["new"];
    world.borrow_mut().no_spool = Some("old");
    outputs.reload(&["new:spool"]).unwrap_err();
    assert_eq!(done(&world), ["close old", "end old", "new fails", "old fails", "start old again"]);
    assert_eq!((outputs.names(), outputs.running[0].config.spool_dir()), (vec!["old".to_string()], None));
}

#[test]
fn the_first_that_cannot_start_is_named() {
    let world = Shared::default();
    world.borrow_mut().broken = vec!["b"];
    let error = Outputs::<Fake>::start(&configs(&["a", "b", "c"]), world.clone(), Duration::ZERO).err().unwrap();
    assert_eq!(error.output, "b");
    assert_eq!(done(&world), ["start a", "b fails"]);
}

#[test]
fn the_end_waits_for_all_at_once() {
    let (mut outputs, world) = start(&["a", "b"]);
    outputs.running[1].waiting = 7;
    assert_eq!(outputs.drain(Instant::now()), 7);
    assert_eq!(done(&world), ["close a", "close b", "wait a", "wait b", "end a", "end b"]);
    let lost: u64 = outputs.metrics().iter().map(|one| one.counters.lost()).sum();
    assert_eq!(lost, 7);
}
