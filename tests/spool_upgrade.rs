//! Tests that a spool of the previous build is delivered completely. It has version 1 frames and other file names.
//!
//! Three processes of that build wrote `tests/data/spool-v1`. Each was ended by `kill -9` while no server was running.
//! It has one file of documents in flight, two closed segments, and one open segment. They hold the ten events of
//! `sample.log`. Remove these tests together with `src/queue/spool/legacy.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Running, data, elasticsearch::Cluster, events, free_port, number, serials, server::Server, write_config};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The serials of the events, in order.
const SERIALS: [usize; 10] = [73422, 73501, 73536, 73742, 73748, 73940, 73972, 73979, 74001, 74020];

/// Copies the test spool of this document format to the spool directory of the configuration.
fn copy_spool(format: &str, dir: &Path) {
    let to = dir.join("spool");
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(data("spool-v1").join(format)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn config(dir: &Path, sink: &str) -> PathBuf {
    let text = format!(
        "shutdown_timeout = 20s\nrun_dir = {}\n[output:siem]\nworkers = 1\nretry_min = 20ms\nretry_max = 200ms\n\
         spool_dir = {}\n{sink}\n",
        dir.join("run").display(),
        dir.join("spool").display()
    );
    write_config(dir, &text)
}

/// Returns the names of the files in the spool directory.
fn files(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir.join("spool")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn all_of_it_is_delivered_in_order_and_before_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    copy_spool("mozdef", dir.path());
    let port = free_port();
    let config = config(dir.path(), &format!("type = http\nurl = http://localhost:{port}/events"));
    // The first process can't deliver either. So the spool then holds frames of both versions.
    let mut auship = Running::start(&config);
    auship.wait_for("10 events found in the spool");
    auship.feed(&events(80_001, 5));
    auship.wait_for("events wait in the spool");
    let (_, said) = auship.finish();
    assert_eq!((number(&said, "in the spool"), number(&said, "lost")), (15, 0), "{said}");
    let server = Server::start(dir.path(), "ok", None, port);
    let (status, said) = Running::start(&config).finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!((number(&said, "delivered"), number(&said, "recovered"), number(&said, "lost")), (15, 15, 0), "{said}");
    let expected: Vec<usize> = SERIALS.into_iter().chain(80_001..=80_005).collect();
    assert_eq!(serials(&server.documents()), expected);
    assert_eq!(files(dir.path()), ["lock", "progress"].map(String::from).into(), "what is delivered takes no room");
}

#[test]
fn its_documents_keep_their_ids_and_their_index() {
    let dir = tempfile::tempdir().unwrap();
    copy_spool("ecs", dir.path());
    let cluster = Cluster::new(dir.path());
    let host = cluster.host("ok");
    let config = config(dir.path(), &format!("type = elasticsearch\nformat = ecs\nurl = {}", host.url));
    let (_, said) = Running::start(&config).finish();
    assert_eq!((number(&said, "delivered"), number(&said, "lost")), (10, 0), "{said}");
    let indexes = cluster.indexes();
    assert_eq!(indexes.keys().collect::<Vec<_>>(), ["auship-2026.11.22"]);
    let documents: BTreeMap<_, _> = indexes.into_values().next().unwrap();
    assert!(documents.iter().all(|(id, document)| document["event"]["id"] == id.as_str()), "{documents:?}");
    let mut found: Vec<_> = documents.values().map(|d| d["event"]["sequence"].as_u64().unwrap() as usize).collect();
    found.sort_unstable();
    assert_eq!(found, SERIALS);
    // The same spool is delivered again. The server reports its documents as duplicates.
    fs::remove_dir_all(dir.path().join("spool")).unwrap();
    copy_spool("ecs", dir.path());
    let (_, said) = Running::start(&config).finish();
    assert_eq!((number(&said, "delivered"), number(&said, "duplicates")), (10, 10), "{said}");
    assert_eq!(cluster.count(), 10);
}
