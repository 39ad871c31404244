//! Tests of the carrier: what it makes of a server's answers.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{
    queue::{
        QueueSender,
        counters::{Counter, Counters},
        queue,
    },
    sink::BreakerState,
};
use std::path::Path;

/// One output's queue and carrier.
struct Line {
    inlet: QueueSender,
    queue: QueueReceiver,
    carrier: DeliveryWorker,
    shared: Arc<SinkStatus>,
}

/// With a spool in `dir`, or with so many attempts.
fn line(dir: &Path, attempts: Option<u32>) -> Line {
    let kept = match attempts {
        None => format!("spool_dir = {}/spool", dir.display()),
        Some(attempts) => format!("attempts = {attempts}\ndead_letter_file = {}/dead.json", dir.display()),
    };
    let text = format!("[output:x]\ntype = http\nurl = http://h\nretry_min = 1ms\nretry_max = 2ms\n{kept}\n");
    let config = config::parse(Path::new("x"), &text).unwrap().outputs.remove(0);
    let config::Sink::Http(http) = &config.sink else { panic!("{config:?}") };
    let (inlet, queue) = queue("x", &config.queue, false, &dir.join("run"), false).unwrap();
    let shared = Arc::new(SinkStatus::new("x"));
    let carrier = DeliveryWorker::new(&config, &shared, queue.clone(), "http://h".into(), &http.client.retry);
    Line { inlet, queue, carrier, shared }
}

const LIMITS: BatchLimits = BatchLimits { documents: 10, bytes: usize::MAX, interval: Duration::from_secs(5) };

fn put(line: &mut Line, texts: &[&str]) {
    assert!(texts.iter().all(|text| line.inlet.push(text.as_bytes().to_vec(), None)));
}

/// What a server makes of documents by what they are called: `n…` never, `k…` known, `a…` not now and
/// `b…` not there, while that is so `again`.
fn items(documents: &[Document], again: bool) -> SendResult {
    let item = |document: &Document| match document[0] {
        b'n' => ItemResult::Rejected("a fault".into()),
        b'k' => ItemResult::Duplicate,
        b'a' if again => ItemResult::Retry("busy".into()),
        b'b' if again => ItemResult::IndexBlocked("closed".into()),
        _ => ItemResult::Delivered,
    };
    SendResult::PerItem(documents.iter().map(item).collect())
}

fn texts(documents: &[Document]) -> Vec<String> {
    documents.iter().map(|document| String::from_utf8_lossy(document).into_owned()).collect()
}

#[test]
fn each_document_has_its_own_fate_and_the_refused_go_again_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut line = line(dir.path(), Some(4));
    put(&mut line, &["a1", "d2", "n3", "k4", "a5", "d6"]);
    let Line { inlet, queue, carrier, shared } = line;
    drop(inlet);
    let (mut sent, mut counters) = (Vec::new(), Vec::new());
    carrier.run(&LIMITS, |documents| {
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
    let mut line = line(dir.path(), Some(3));
    put(&mut line, &["d1", "a2", "d3"]);
    let Line { inlet, queue, carrier, .. } = line;
    drop(inlet);
    let mut requests = 0;
    carrier.run(&LIMITS, |documents| {
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
    let mut line = line(dir.path(), None);
    put(&mut line, &["a1", "a2"]);
    let Line { inlet, queue, carrier, shared } = line;
    let mut inlet = Some(inlet);
    let mut requests = 0;
    carrier.run(&BatchLimits { interval: Duration::ZERO, ..LIMITS }, |documents| {
        requests += 1;
        if requests == 6 {
            assert_ne!(shared.breaker(), Some(BreakerState::Closed), "after five in a row");
            // The end: what isn't taken now stays in the spool.
            inlet = None;
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
    let mut first = line(dir.path(), None);
    put(&mut first, &["d1", "a2", "k3", "a4"]);
    let Line { inlet, queue, carrier, .. } = first;
    drop(inlet);
    carrier.run(&LIMITS, |documents| items(documents, true));
    let (counters, left) = queue.finish();
    assert_eq!((counters[Counter::Delivered], counters[Counter::Spool], left), (2, 2, 0), "{counters:?}");
    assert!(counters.balance());
    drop((queue, carrier));
    let Line { inlet, queue, carrier, .. } = line(dir.path(), None);
    drop(inlet);
    let mut sent = Vec::new();
    carrier.run(&LIMITS, |documents| {
        sent.extend(texts(documents));
        items(documents, false)
    });
    assert_eq!(sent, ["a2", "a4"]);
    assert_eq!((queue.counters()[Counter::Recovered], queue.counters()[Counter::Delivered]), (2, 2));
}

#[test]
fn an_answer_about_too_few_documents_settles_only_those() {
    let dir = tempfile::tempdir().unwrap();
    let mut line = line(dir.path(), Some(2));
    put(&mut line, &["d1", "d2", "d3"]);
    let Line { inlet, queue, carrier, .. } = line;
    drop(inlet);
    let mut sent = Vec::new();
    carrier.run(&LIMITS, |documents| {
        sent.push(texts(documents));
        SendResult::PerItem(vec![ItemResult::Delivered])
    });
    assert_eq!(sent, [&["d1", "d2", "d3"][..], &["d2", "d3"]]);
    let counters = queue.counters();
    assert_eq!((counters[Counter::Delivered], counters.lost()), (2, 1));
}

#[test]
fn documents_whose_place_is_blocked_make_way_for_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut line = line(dir.path(), None);
    let want = BatchLimits { interval: Duration::ZERO, ..LIMITS };
    put(&mut line, &["b1"]);
    let Line { inlet, queue, carrier, shared } = line;
    let mut inlet = Some(inlet);
    let (mut sent, mut others) = (Vec::new(), 0);
    carrier.run(&want, |documents| {
        sent.push(texts(documents));
        assert!(queue.counters().balance());
        assert_eq!(shared.breaker(), Some(BreakerState::Closed), "the server works");
        match &mut inlet {
            Some(inlet) if sent.len() < 10 => {
                others += 1;
                assert!(inlet.push(format!("d{others}").into_bytes(), None));
            }
            // The last of all tries, at the end.
            _ => inlet = None,
        }
        items(documents, inlet.is_some())
    });
    let of = |name: &str| sent.iter().filter(|texts| texts.iter().any(|text| text == name)).count();
    assert!(of("b1") >= 2 && (1..=others).all(|n| of(&format!("d{n}")) == 1), "{sent:?}");
    let counters = queue.counters();
    assert_eq!(
        (counters[Counter::Delivered], counters.lost(), counters[Counter::Spool]),
        (others + 1, 0, 0),
        "{sent:?}"
    );
    assert_eq!(std::fs::read_dir(dir.path().join("spool")).unwrap().filter(is_hand).count(), 0);
}

#[test]
fn what_is_put_off_survives_and_only_what_is_left_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = line(dir.path(), None);
    put(&mut first, &["d1", "b2", "d3", "b4"]);
    let Line { inlet, queue, carrier, .. } = first;
    let mut inlet = Some(inlet);
    let mut tries = 0;
    carrier.run(&BatchLimits { interval: Duration::ZERO, ..LIMITS }, |documents| {
        tries += 1;
        if tries == 4 {
            inlet = None;
        }
        items(documents, true)
    });
    let (counters, left) = queue.finish();
    assert_eq!((counters[Counter::Delivered], counters[Counter::Spool], left), (2, 2, 0), "{counters:?}");
    drop((queue, carrier));
    let Line { inlet, queue, carrier, .. } = line(dir.path(), None);
    drop(inlet);
    let mut sent = Vec::new();
    carrier.run(&LIMITS, |documents| {
        sent.extend(texts(documents));
        items(documents, false)
    });
    assert_eq!((sent, queue.counters()[Counter::Recovered]), (vec!["b2".to_string(), "b4".into()], 2));
}

fn is_hand(entry: &std::io::Result<std::fs::DirEntry>) -> bool {
    entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("hand-")
}
