#![allow(clippy::unwrap_used)]

use super::*;

/// A sequence and its input.
struct Bench {
    sequence: Sequence,
    event: LinuxEvent,
}

impl Bench {
    fn new() -> Self {
        let config = config::Sequence { max_out_of_order: 100, ..config::Sequence::default() };
        Self { sequence: Sequence::new(config), event: LinuxEvent::default() }
    }

    fn feed(&mut self, node: &str, seconds: i64, serials: impl IntoIterator<Item = u64>) {
        for serial in serials {
            self.event.begin(EventId { seconds, millis: 0, serial });
            let span = self.event.keep(node.as_bytes());
            if !node.is_empty() {
                self.event.set_node(span);
            }
            self.sequence.event(&self.event);
        }
    }

    /// From, to and count of the gaps that are due now.
    fn due(&mut self) -> Vec<(u64, u64, u64)> {
        self.sequence.take_due().iter().map(|gap| (gap.from, gap.to, gap.count)).collect()
    }

    fn end(&mut self) -> Vec<(u64, u64, u64)> {
        self.sequence.finish();
        self.due()
    }
}

#[test]
fn a_gap_is_certain_when_the_numbers_are_far_beyond_it() {
    let mut bench = Bench::new();
    bench.feed("", 1, (50..=60).chain(71..=170));
    assert_eq!(bench.due(), []);
    bench.feed("", 1, [171]);
    assert_eq!(bench.due(), [(61, 70, 10)]);
    assert_eq!(bench.end(), [], "each is reported once");
}

#[test]
fn what_comes_late_is_not_missing() {
    let mut bench = Bench::new();
    bench.feed("", 1, [1, 2, 5, 3, 4, 10, 7]);
    assert_eq!(bench.end(), [(6, 9, 3)], "near each other they are one, and 7 isn't counted");
    assert_eq!(bench.sequence.out_of_order(), 3);
    bench.feed("", 1, [9, 8, 6, 11]);
    assert_eq!(bench.end(), []);
}

#[test]
fn gaps_far_from_each_other_are_reported_each() {
    let mut bench = Bench::new();
    bench.feed("", 1, [1, 3].into_iter().chain(4..=90).chain([92]).chain(93..=300).chain([310]));
    assert_eq!(bench.due(), [(2, 2, 1)]);
    assert_eq!(bench.end(), [(91, 91, 1), (301, 309, 9)]);
}

#[test]
fn a_flood_with_every_second_one_missing_is_few_reports() {
    let mut bench = Bench::new();
    bench.feed("", 1, (1..100_000).step_by(2));
    let mut gaps = bench.due();
    gaps.extend(bench.end());
    assert_eq!(gaps.iter().map(|gap| gap.2).sum::<u64>(), 49_999);
    assert!(gaps.len() <= 101, "{}", gaps.len());
    assert!(bench.sequence.nodes.values().all(|node| node.missing.capacity() <= 4 * MAX_RANGES));
}

#[test]
fn a_kernel_that_began_anew_is_no_gap() {
    let mut bench = Bench::new();
    bench.feed("", 100, 900..=1000);
    bench.feed("", 200, 1..=20);
    bench.feed("", 200, [23]);
    assert_eq!(bench.end(), [(21, 22, 2)]);

    // A restart after a short uptime: serials aren't far below, but times are later.
    let mut bench = Bench::new();
    bench.feed("", 100, 1..=60);
    bench.feed("", 200, 5..=80);
    assert_eq!(bench.end(), []);
    assert_eq!(bench.sequence.nodes[&0].newest, 80);

    // An older log after a newer one.
    bench.feed("", 50, 40_000..=40_001);
    bench.feed("", 20, 1000..=1001);
    bench.feed("", 20, [1002]);
    assert_eq!(bench.end(), [(81, 39_999, 39_919)]);
    assert_eq!(bench.sequence.nodes[&0].newest, 1002);
}

#[test]
fn one_stray_number_begins_nothing() {
    let mut bench = Bench::new();
    bench.feed("", 1, 5000..=5010);
    bench.feed("", 1, [3]);
    bench.feed("", 1, 5011..=5020);
    bench.feed("", 9, [5005, 5005, 5005]);
    bench.feed("", 1, 5021..=5022);
    assert_eq!(bench.end(), []);
}

#[test]
fn a_number_that_comes_again_changes_nothing() {
    let mut bench = Bench::new();
    bench.feed("", 1, [1, 2, 2, 1, 3]);
    bench.feed("", 7, [3, 3]);
    bench.event.partial = true;
    bench.feed("", 8, [4, 5]);
    assert_eq!(bench.end(), []);
    bench.feed("", 1, [0]);
    assert_eq!(bench.sequence.nodes[&0].newest, 5);
}

#[test]
fn parts_of_old_events_do_not_begin_anything() {
    let mut bench = Bench::new();
    bench.feed("", 1, 5000..=5010);
    for serial in [1, 2, 3, 4] {
        bench.event.begin(EventId { seconds: 1, millis: 0, serial });
        bench.event.partial = true;
        bench.sequence.event(&bench.event);
    }
    bench.feed("", 1, [5011]);
    assert_eq!(bench.end(), []);
}

#[test]
fn every_node_has_its_own_numbers_and_there_is_an_end_of_nodes() {
    let mut bench = Bench::new();
    bench.feed("a", 1, [1, 2]);
    bench.feed("b", 1, [1000, 1002]);
    bench.feed("", 1, [7]);
    bench.feed("a", 1, [4]);
    bench.sequence.finish();
    let mut gaps = bench.sequence.take_due();
    gaps.sort_by_key(|gap| gap.from);
    let named: Vec<_> = gaps.iter().map(|gap| (gap.node.as_deref().unwrap(), gap.from, gap.to)).collect();
    assert_eq!(named, [(&b"a"[..], 3, 3), (&b"b"[..], 1001, 1001)]);
    for n in 0..3 * MAX_NODES {
        bench.feed(&format!("n{n}"), 1, [1, 3]);
    }
    assert!(bench.sequence.nodes.len() <= MAX_NODES);
    assert_eq!(bench.due().len() + bench.end().len(), 3 * MAX_NODES, "what they missed isn't forgotten");
}

#[test]
fn a_gap_that_stays_is_reported_in_time() {
    let mut bench = Bench::new();
    bench.feed("", 1, [1, 3]);
    bench.sequence.tick();
    assert_eq!(bench.due(), []);
    for node in bench.sequence.nodes.values_mut() {
        node.missing[0].since -= config::Sequence::default().gap_after;
    }
    bench.sequence.tick();
    assert_eq!(bench.due(), [(2, 2, 1)]);
}

#[test]
fn whatever_comes_adds_up() {
    // A small generator that gives the same numbers each time.
    let mut state = 12345u64;
    let mut random = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    let mut bench = Bench::new();
    let (mut serial, mut dropped, mut held) = (1, 0, Vec::new());
    bench.feed("", 1, [1]);
    for _ in 0..50_000 {
        serial += 1;
        match random(10) {
            0 => dropped += 1,
            1 => held.push(serial),
            _ => bench.feed("", 1, [serial]),
        }
        if held.first().is_some_and(|first| serial - first > 50 || random(20) == 0) {
            let late = held.remove(0);
            bench.feed("", 1, [late]);
        }
    }
    bench.feed("", 1, held);
    bench.feed("", 1, [serial + 1]);
    let mut all = bench.due();
    all.extend(bench.end());
    assert_eq!(all.iter().map(|gap| gap.2).sum::<u64>(), dropped);
}
