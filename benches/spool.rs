//! How fast the spool takes documents and gives them back: 1 KiB each, in the file system of `TMPDIR`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use auship::internals::{
    config::{self, SpoolFull},
    document::Document,
    outcome::Outcome,
    queue::{BatchLimits, Dequeued, Guarantee, Overflow, Takeover, counters::Counter, queue},
};
use nix::sys::resource::{UsageWho, getrusage};
use std::time::{Duration, Instant};

const DOCUMENTS: usize = 200_000;
const SIZE: usize = 1024;

/// User and system seconds of this process.
fn seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let time = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    time(usage.user_time()) + time(usage.system_time())
}

fn show(what: &str, cpu: f64, start: Instant) {
    let (n, wall) = (DOCUMENTS as f64, start.elapsed().as_secs_f64());
    println!("  {what:34} {:8.0} documents/s  {:5.2} µs of processor time a document", n / wall, cpu / n * 1e6);
}

fn main() {
    println!("{DOCUMENTS} documents of {SIZE} bytes through a ring of 512, all of them spooled; least is best:");
    for always in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let spool =
            config::Spool { dir: dir.path().join("spool"), always, limit: 1 << 30, full: SpoolFull::DropOldest };
        let config = config::Queue {
            capacity: 512,
            capacity_bytes: 8 << 20,
            max_wait: Duration::from_secs(60),
            spool: Some(spool),
            dead_letter_file: None,
            dead_letter_limit: 0,
        };
        let (mut sender, receiver) =
            queue("bench", &config, Overflow::Lose, Guarantee::BestEffort, &dir.path().join("run"), Takeover::Fresh)
                .unwrap();
        receiver.set_failing(true);
        let (before, start) = (seconds(), Instant::now());
        for n in 0..DOCUMENTS {
            let mut document = format!("{{\"number\":{n}").into_bytes();
            document.resize(SIZE, b'x');
            assert!(sender.push(Document { body: document, ..Document::default() }, None).is_ok());
        }
        while receiver.counters()[Counter::Spool] < DOCUMENTS as u64 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let how = if always { "always: each group synced" } else { "overflow" };
        show(&format!("{how}, append"), seconds() - before, start);
        let (before, start) = (seconds(), Instant::now());
        let limits = BatchLimits { documents: 100, bytes: 1 << 20, interval: Duration::ZERO };
        let mut read = 0;
        while read < DOCUMENTS {
            let Dequeued::Batch(batch) = receiver.dequeue_timeout(&limits, Duration::from_secs(1)) else {
                panic!("{read}")
            };
            read += batch.documents.len();
            receiver.record_outcome_of_all(batch, Outcome::Delivered);
        }
        show(&format!("{how}, read and complete"), seconds() - before, start);
        assert_eq!(receiver.counters()[Counter::Delivered], DOCUMENTS as u64);
        drop(sender);
        receiver.finish();
    }
}
