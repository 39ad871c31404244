//! Tests of the delivery worker: how it handles a server's answers.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{
    queue::{
        Guarantee, Overflow, QueueSender, Takeover,
        counters::{Counter, Counters},
        queue,
    },
    receipt::{Receipt, tests::acks},
    sink::BreakerState,
};
use std::path::Path;

/// One output's queue and its delivery worker.
struct Running {
    sender: QueueSender,
    queue: QueueReceiver,
    delivery: DeliveryWorker,
    shared: Arc<SinkStatus>,
}

/// An output with a spool in `dir`, or without a spool and with this many attempts.
fn output(dir: &Path, attempts: Option<u32>) -> Running {
    let kept = match attempts {
        None => format!("spool_dir = {}/spool", dir.display()),
        Some(attempts) => format!("attempts = {attempts}\ndead_letter_file = {}/dead.json", dir.display()),
    };
    let text = format!("[output:x]\ntype = http\nurl = http://h\nretry_min = 1ms\nretry_max = 2ms\n{kept}\n");
    let config = config::parse(Path::new("x"), &text).unwrap().outputs.remove(0);
    let config::Sink::Http(http) = &config.sink else { panic!("{config:?}") };
    let (sender, queue) =
        queue("x", &config.queue, Overflow::Lose, Guarantee::BestEffort, &dir.join("run"), Takeover::Fresh).unwrap();
    let shared = Arc::new(SinkStatus::new("x"));
    let delivery = DeliveryWorker::new(&config, &shared, queue.clone(), "http://h".into(), &http.client.retry);
    Running { sender, queue, delivery, shared }
}

const LIMITS: BatchLimits = BatchLimits { documents: 10, bytes: usize::MAX, interval: Duration::from_secs(5) };

fn document(text: &str) -> Document {
    Document { body: text.into(), ..Document::default() }
}

fn put(output: &mut Running, texts: &[&str]) {
    assert!(texts.iter().all(|text| output.sender.push(document(text), None).is_ok()));
}

/// A server's result for each document, by the document's first letter: `n…` is rejected, `k…` is known, `a…` is
/// refused for now, and the index of `b…` is blocked. The last two hold only while `again` is true.
fn items(documents: &[Document], again: bool) -> SendResult {
    let item = |document: &Document| match document.body[0] {
        b'n' => ItemResult::Rejected("a fault".into()),
        b'k' => ItemResult::Duplicate,
        b'a' if again => ItemResult::Retry("busy".into()),
        b'b' if again => ItemResult::IndexBlocked("closed".into()),
        _ => ItemResult::Delivered,
    };
    SendResult::PerItem(documents.iter().map(item).collect())
}

fn texts(documents: &[Document]) -> Vec<String> {
    documents.iter().map(|document| String::from_utf8_lossy(&document.body).into_owned()).collect()
}

#[test]
fn each_document_has_its_own_outcome_and_the_refused_go_again_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut output = output(dir.path(), Some(4));
    put(&mut output, &["a1", "d2", "n3", "k4", "a5", "d6"]);
    let Running { sender, queue, delivery, shared } = output;
    drop(sender);
    let (mut sent, mut counters) = (Vec::new(), Vec::new());
    delivery.run(&LIMITS, |documents| {
        sent.push(texts(documents));
        counters.push(queue.counters());
        items(documents, sent.len() < 3)
    });
    assert_eq!(sent[0], ["a1", "d2", "n3", "k4", "a5", "d6"]);
    assert_eq!(sent[1..], [["a1", "a5"], ["a1", "a5"]]);
    assert!(counters.iter().all(Counters::balance), "{counters:?}");
    assert_eq!(
        (
            counters[1][Counter::Delivered],
            counters[1][Counter::Duplicates],
            counters[1][Counter::DeadLettered],
            counters[1][Counter::Ring]
        ),
        (3, 1, 1, 2)
    );
    let counters = queue.counters();
    assert_eq!(
        (
            counters[Counter::Delivered],
            counters[Counter::Duplicates],
            counters[Counter::DeadLettered],
            counters.lost(),
            counters[Counter::Ring]
        ),
        (5, 1, 1, 0, 0)
    );
    assert_eq!(shared.breaker(), Some(BreakerState::Closed), "it took others");
    let letters = std::fs::read_to_string(dir.path().join("dead.json")).unwrap();
    assert!(letters.lines().count() == 1 && letters.contains(r#""why":"a fault","document":"n3"}"#), "{letters}");
}

#[test]
fn without_a_spool_only_what_is_refused_too_often_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut output = output(dir.path(), Some(3));
    put(&mut output, &["d1", "a2", "d3"]);
    let Running { sender, queue, delivery, .. } = output;
    drop(sender);
    let mut requests = 0;
    delivery.run(&LIMITS, |documents| {
        requests += 1;
        items(documents, true)
    });
    let counters = queue.counters();
    assert_eq!((requests, counters[Counter::Delivered], counters.lost_by(Loss::Refused)), (3, 2, 1));
    assert!(counters.balance(), "{counters:?}");
}

#[test]
fn a_server_that_refuses_all_is_one_that_fails() {
    let dir = tempfile::tempdir().unwrap();
    let mut output = output(dir.path(), None);
    put(&mut output, &["a1", "a2"]);
    let Running { sender, queue, delivery, shared } = output;
    let mut sender = Some(sender);
    let mut requests = 0;
    delivery.run(&BatchLimits { interval: Duration::ZERO, ..LIMITS }, |documents| {
        requests += 1;
        if requests == 6 {
            assert_ne!(shared.breaker(), Some(BreakerState::Closed), "after five in a row");
            // Shutdown: documents that aren't taken now stay in the spool.
            sender = None;
        }
        items(documents, true)
    });
    let counters = queue.counters();
    assert_eq!(
        (counters[Counter::Delivered], counters[Counter::Spool], counters.lost()),
        (0, 2, 0),
        "{requests} requests"
    );
}

#[test]
fn what_is_refused_at_the_end_is_all_that_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = output(dir.path(), None);
    put(&mut first, &["d1", "a2", "k3", "a4"]);
    let Running { sender, queue, delivery, .. } = first;
    drop(sender);
    delivery.run(&LIMITS, |documents| items(documents, true));
    let (counters, left) = queue.finish();
    assert_eq!((counters[Counter::Delivered], counters[Counter::Spool], left), (2, 2, 0), "{counters:?}");
    assert!(counters.balance());
    drop((queue, delivery));
    let Running { sender, queue, delivery, .. } = output(dir.path(), None);
    drop(sender);
    let mut sent = Vec::new();
    delivery.run(&LIMITS, |documents| {
        sent.extend(texts(documents));
        items(documents, false)
    });
    assert_eq!(sent, ["a2", "a4"]);
    assert_eq!((queue.counters()[Counter::Recovered], queue.counters()[Counter::Delivered]), (2, 2));
}

#[test]
fn an_answer_about_too_few_documents_resolves_only_those() {
    let dir = tempfile::tempdir().unwrap();
    let mut output = output(dir.path(), Some(2));
    put(&mut output, &["d1", "d2", "d3"]);
    let Running { sender, queue, delivery, .. } = output;
    drop(sender);
    let mut sent = Vec::new();
    delivery.run(&LIMITS, |documents| {
        sent.push(texts(documents));
        SendResult::PerItem(vec![ItemResult::Delivered])
    });
    assert_eq!(sent, [&["d1", "d2", "d3"][..], &["d2", "d3"]]);
    let counters = queue.counters();
    assert_eq!((counters[Counter::Delivered], counters.lost()), (2, 1));
}

#[test]
fn documents_whose_index_is_blocked_make_way_for_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut output = output(dir.path(), None);
    let limits = BatchLimits { interval: Duration::ZERO, ..LIMITS };
    put(&mut output, &["b1"]);
    let Running { sender, queue, delivery, shared } = output;
    let mut sender = Some(sender);
    let (mut sent, mut others) = (Vec::new(), 0);
    delivery.run(&limits, |documents| {
        sent.push(texts(documents));
        assert!(queue.counters().balance());
        assert_eq!(shared.breaker(), Some(BreakerState::Closed), "the server works");
        match &mut sender {
            Some(sender) if sent.len() < 10 => {
                others += 1;
                assert!(sender.push(document(&format!("d{others}")), None).is_ok());
            }
            // The last attempt, at shutdown.
            _ => sender = None,
        }
        items(documents, sender.is_some())
    });
    let of = |name: &str| sent.iter().filter(|texts| texts.iter().any(|text| text == name)).count();
    assert!(of("b1") >= 2 && (1..=others).all(|n| of(&format!("d{n}")) == 1), "{sent:?}");
    let counters = queue.counters();
    assert_eq!(
        (counters[Counter::Delivered], counters.lost(), counters[Counter::Spool]),
        (others + 1, 0, 0),
        "{sent:?}"
    );
    assert_eq!(std::fs::read_dir(dir.path().join("spool")).unwrap().filter(is_in_flight).count(), 0);
}

#[test]
fn what_is_deferred_survives_and_only_what_is_left_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = output(dir.path(), None);
    put(&mut first, &["d1", "b2", "d3", "b4"]);
    let Running { sender, queue, delivery, .. } = first;
    let mut sender = Some(sender);
    let mut tries = 0;
    delivery.run(&BatchLimits { interval: Duration::ZERO, ..LIMITS }, |documents| {
        tries += 1;
        if tries == 4 {
            sender = None;
        }
        items(documents, true)
    });
    let (counters, left) = queue.finish();
    assert_eq!((counters[Counter::Delivered], counters[Counter::Spool], left), (2, 2, 0), "{counters:?}");
    drop((queue, delivery));
    let Running { sender, queue, delivery, .. } = output(dir.path(), None);
    drop(sender);
    let mut sent = Vec::new();
    delivery.run(&LIMITS, |documents| {
        sent.extend(texts(documents));
        items(documents, false)
    });
    assert_eq!((sent, queue.counters()[Counter::Recovered]), (vec!["b2".to_string(), "b4".into()], 2));
}

#[test]
fn whoever_waits_for_a_document_learns_its_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let mut output = output(dir.path(), Some(2));
    let (to, from) = crossbeam_channel::unbounded();
    for (token, text) in ["n0", "k1", "a2", "d3"].into_iter().enumerate() {
        let receipt = Some(Receipt::new(token as u64, &to));
        assert!(output.sender.push(Document { receipt, ..document(text) }, None).is_ok());
    }
    let Running { sender, delivery, .. } = output;
    drop(sender);
    delivery.run(&LIMITS, |documents| items(documents, true));
    let mut acks = acks(&from);
    acks.sort_unstable();
    assert_eq!(acks, [(0, true), (1, true), (2, false), (3, true)], "one was tried too often");
    assert!(std::fs::read_to_string(dir.path().join("dead.json")).unwrap().contains("n0"));
}

#[test]
fn one_that_no_dead_letter_file_takes_is_not_safe() {
    let dir = tempfile::tempdir().unwrap();
    let mut output = output(dir.path(), Some(2));
    std::fs::create_dir(dir.path().join("dead.json")).unwrap();
    let (to, from) = crossbeam_channel::unbounded();
    let receipt = Some(Receipt::new(7, &to));
    assert!(output.sender.push(Document { receipt, ..document("n") }, None).is_ok());
    let Running { sender, queue, delivery, .. } = output;
    drop(sender);
    delivery.run(&LIMITS, |documents| items(documents, true));
    assert_eq!(acks(&from), [(7, false)]);
    assert_eq!(queue.counters().lost_by(Loss::DeadLetters), 1);
}

fn is_in_flight(entry: &std::io::Result<std::fs::DirEntry>) -> bool {
    entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("in-flight-")
}
