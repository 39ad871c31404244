//! Tests of the Elasticsearch output. The server answers as Elasticsearch does, correctly or badly. No event may be
//! lost or stored twice, and the figures must add up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    Running, auship,
    elasticsearch::{Cluster, Host},
    event, events, free_port, json, number,
    prometheus::{adds_up, parse},
    run_to_end, secret, serials,
    server::Certificates,
    wait_until, write_config,
};
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Instant,
};

/// Batches are sent only when they are full or the input ends, however slowly they fill.
const FULL: &str = "bulk_interval = 1h\n";

/// Retry delays and the batch interval are short, so that tests don't wait.
const FAST: &str = "retry_min = 20ms\nretry_max = 200ms\nbulk_interval = 100ms\nring_slots = 20000\n";

/// Writes a configuration. The format is `mozdef`, whose document ids are hashes, unless `more` sets another format.
fn config(dir: &Path, urls: &str, more: &str) -> PathBuf {
    let format = if more.contains("format =") { "" } else { "format = mozdef\n" };
    let fast = if more.contains(FULL) { FAST.replace("bulk_interval = 100ms\n", "") } else { FAST.to_string() };
    let prometheus = dir.join("auship.prom");
    let text = format!(
        "shutdown_timeout = 20s\nrun_dir = {}\n[metrics]\nprometheus_file = {}\n[output:siem]\ntype = elasticsearch\n\
         url = {urls}\n{fast}{format}{more}",
        dir.join("run").display(),
        prometheus.display(),
    );
    write_config(dir, &text)
}

fn with_spool(dir: &Path, urls: &str, more: &str) -> PathBuf {
    config(dir, urls, &format!("spool_dir = {}\n{more}", dir.join("spool").display()))
}

/// Returns the output's total of this name from the metrics file, and checks that all figures add up.
fn figure(dir: &Path, name: &str) -> usize {
    let text = fs::read_to_string(dir.join("auship.prom")).unwrap();
    assert!(adds_up(&text), "{text}");
    parse(&text)[&format!("auship_output_{name}_total{{output=\"siem\"}}")].to_string().parse().unwrap()
}

fn all_there(cluster: &Cluster, count: usize) {
    let mut found = serials(&cluster.documents());
    found.sort_unstable();
    assert_eq!(found, (1..=count).collect::<Vec<_>>());
    assert_eq!(cluster.errors(), "");
}

#[test]
fn events_arrive_in_their_index_and_each_once() {
    for (behaviour, product) in [
        ("ok", "Elasticsearch 8.11.1"),
        ("opensearch,chatty", "OpenSearch 2.11.0"),
        ("silent", "doesn't say what it is"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Cluster::new(dir.path());
        let host = cluster.host(behaviour);
        let said = run_to_end(&config(dir.path(), &host.url, &format!("{FULL}bulk_events = 100\nworkers = 1\n")), 1000);
        assert_eq!((number(&said, "delivered"), number(&said, "lost")), (1000, 0), "{said}");
        assert!(said.contains(product) && said.matches(&host.url).count() == 1, "{said}");
        all_there(&cluster, 1000);
        assert_eq!(cluster.indexes().into_keys().collect::<Vec<_>>(), ["auship-2026.11.22"]);
        let requests = cluster.requests(&host);
        assert_eq!(requests.iter().filter(|r| r["method"] == "GET" && r["path"] == "/").count(), 1);
        assert_eq!(requests.len(), 11, "ten requests of a hundred");
        assert_eq!(requests[1]["headers"]["content-type"], "application/x-ndjson");
        assert_eq!((figure(dir.path(), "delivered"), figure(dir.path(), "duplicates")), (1000, 0));
    }
}

#[test]
fn the_index_is_of_the_events_day_in_utc() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let host = cluster.host("ok");
    let more = format!("{FULL}index = audit-%Y.%m.%d-%H\nworkers = 1\n");
    let mut auship = Running::start(&config(dir.path(), &host.url, &more));
    // 2026-11-21T23:59:59.999Z, and a thousandth of a second later.
    let at = |time: &str, serial| event(serial, "x").replace("1795320000.001", time);
    let last = [at("1795305599.999", 1), at("1795305600.000", 2), at("1795305599.999", 3)].concat();
    auship.feed(&last);
    auship.feed(&at("1735689599.500", 4));
    let (_, said) = auship.finish();
    assert_eq!(number(&said, "delivered"), 4, "{said}");
    let of = |index: &str| {
        let mut found = serials(&cluster.indexes()[index].values().cloned().collect::<Vec<_>>());
        found.sort_unstable();
        found
    };
    assert_eq!(of("audit-2026.11.21-23"), [1, 3]);
    assert_eq!(of("audit-2026.11.22-00"), [2]);
    assert_eq!(of("audit-2024.12.31-23"), [4]);
    assert_eq!(cluster.bulks(&host).len(), 1, "one request serves several indexes");
}

#[test]
fn single_documents_that_are_refused_for_now_are_sent_again_alone() {
    for (status, spool) in [(429, false), (429, true), (503, true)] {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Cluster::new(dir.path());
        let host = cluster.host(&format!("odd-{status}"));
        let config = if spool { with_spool } else { config };
        let mut auship = Running::start(&config(dir.path(), &host.url, "bulk_events = 50\nworkers = 2\n"));
        auship.feed(&(events(1, 300) + &event(301, "the end of the one before")));
        cluster.wait_for(300);
        let (_, said) = auship.finish();
        let left = number(&said, "in the spool");
        assert_eq!((number(&said, "delivered") + left, number(&said, "lost")), (301, 0), "{said}");
        assert_eq!((figure(dir.path(), "delivered"), figure(dir.path(), "duplicates")), (301 - left, 0), "{said}");
        all_there(&cluster, 301 - left);
        let sent = cluster.sent(&host);
        let (once, twice) = (sent.values().filter(|n| **n == 1).count(), sent.values().filter(|n| **n == 2).count());
        assert_eq!(once + twice, 301, "{sent:?}");
        let statuses = cluster.bulks(&host).into_iter().flat_map(|bulk| bulk["statuses"].as_array().unwrap().clone());
        let refused = statuses.filter(|one| *one == status).count();
        assert_eq!(twice, refused, "those that were taken weren't sent again");
        assert!(refused > 100, "{refused}");
        if spool {
            assert!(said.contains(&format!("documents: status {status}: ")), "{said}");
        }
    }
}

#[test]
fn what_the_mapping_refuses_is_put_aside_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let host = cluster.host("mapping");
    let mut auship = Running::start(&with_spool(dir.path(), &host.url, "bulk_events = 20\nworkers = 2\n"));
    let log: String = (1..=100).map(|n| event(n, if n % 10 == 0 { "bad" } else { "x" })).collect();
    auship.feed(&log);
    let (_, said) = auship.finish();
    assert_eq!(
        (number(&said, "delivered"), number(&said, "dead-lettered"), number(&said, "lost")),
        (90, 10, 0),
        "{said}"
    );
    assert_eq!(figure(dir.path(), "dead_lettered"), 10);
    let letters = json::lines(&fs::read(dir.path().join("spool/dead-letters.json")).unwrap());
    let documents: Vec<_> = letters.iter().map(|letter| letter["document"].clone()).collect();
    let mut put_aside = serials(&documents);
    put_aside.sort_unstable();
    assert_eq!(put_aside, (1..=10).map(|n| n * 10).collect::<Vec<_>>());
    let why = "status 400: mapper_parsing_exception: failed to parse field [details.x] of type [long], because of \
               illegal_argument_exception: For input string: \"bad\"";
    assert!(letters.iter().all(|letter| letter["why"] == why), "{letters:?}");
    assert!(cluster.sent(&host).values().all(|times| *times == 1), "nothing was sent a second time");
}

#[test]
fn a_request_that_is_too_large_is_halved_and_a_document_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let host = cluster.host("most-5000");
    let mut auship = Running::start(&with_spool(dir.path(), &host.url, "bulk_events = 100\nworkers = 1\n"));
    auship.feed(&(events(1, 50) + &event(51, &"huge".repeat(1500)) + &events(52, 49)));
    let (_, said) = auship.finish();
    assert_eq!(
        (number(&said, "delivered"), number(&said, "dead-lettered"), number(&said, "lost")),
        (99, 1, 0),
        "{said}"
    );
    let letters = json::lines(&fs::read(dir.path().join("spool/dead-letters.json")).unwrap());
    assert_eq!((letters.len(), &letters[0]["why"]), (1, &"status 413".into()));
    assert_eq!(letters[0]["document"]["details"]["auditserial"], "51");
    assert_eq!((cluster.count(), figure(dir.path(), "delivered")), (99, 99));
}

#[test]
fn answers_that_say_nothing_cost_and_double_nothing() {
    for behaviour in ["cut", "reset", "garbage", "fewer", "more"] {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Cluster::new(dir.path());
        let host = cluster.host(behaviour);
        let mut auship = Running::start(&with_spool(dir.path(), &host.url, "bulk_events = 50\nworkers = 2\n"));
        auship.feed(&events(1, 200));
        auship.wait_for("events wait in the spool");
        // The cluster has stored some documents, but auship got no usable answer about them.
        cluster.wait_for(50);
        let before = cluster.count();
        cluster.behave("ok");
        let (_, said) = auship.finish();
        assert_eq!((number(&said, "delivered"), number(&said, "lost")), (200, 0), "{behaviour}: {said}");
        all_there(&cluster, 200);
        assert!(figure(dir.path(), "duplicates") >= before, "{behaviour}: {said}");
        assert!(number(&said, "duplicates") >= before, "{said}");
    }
}

#[test]
fn a_cluster_that_takes_nothing_for_now_gets_all_later() {
    for (behaviour, why) in [
        ("red", "unavailable_shards_exception"),
        ("closed", "index_closed_exception"),
        ("each-429", "es_rejected_execution_exception"),
        ("status-503", "status 503"),
        ("status-500", "status 500: exception: not now"),
        ("later", "status 429: es_rejected_execution_exception"),
        ("deaf", ""),
        ("old", "is Elasticsearch 6.8.23; it must be at least 7"),
        ("other", "is neither Elasticsearch nor OpenSearch"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Cluster::new(dir.path());
        let host = cluster.host(behaviour);
        let mut auship = Running::start(&with_spool(dir.path(), &host.url, "bulk_events = 50\nworkers = 2\n"));
        auship.feed(&events(1, 200));
        auship.wait_for("wait in the spool");
        assert!(auship.messages().contains(why), "{behaviour}: {}", auship.messages());
        assert_eq!(cluster.count(), 0);
        cluster.behave("ok");
        let (_, said) = auship.finish();
        assert_eq!((number(&said, "delivered"), number(&said, "lost")), (200, 0), "{behaviour}: {said}");
        all_there(&cluster, 200);
        assert_eq!((figure(dir.path(), "dead_lettered"), figure(dir.path(), "duplicates")), (0, 0), "{behaviour}");
    }
}

#[test]
fn without_a_spool_what_is_refused_too_often_is_lost_and_the_rest_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let host = cluster.host("block");
    let mut auship = Running::start(&config(dir.path(), &host.url, "attempts = 3\nbulk_events = 40\nworkers = 1\n"));
    let log: String = (1..=40).map(|n| event(n, if n % 4 == 0 { "block" } else { "x" })).collect();
    auship.feed(&log);
    let (_, said) = auship.finish();
    assert_eq!((number(&said, "delivered"), number(&said, "lost")), (30, 10), "{said}");
    assert!(
        said.contains("10 of 10 documents: status 403: cluster_block_exception") && said.contains("tried 3 times"),
        "{said}"
    );
    figure(dir.path(), "delivered");
    assert!(cluster.sent(&host).values().filter(|times| **times == 3).count() == 10);
}

#[test]
fn documents_of_a_blocked_index_hold_up_nobody_else_and_survive_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let host = cluster.host("block");
    // There is one worker. The first batch mixes blocked and other documents; the second holds only blocked documents.
    let path = with_spool(dir.path(), &host.url, "bulk_events = 10\nworkers = 1\n");
    let mut auship = Running::start(&path);
    auship.feed(&(event(1, "block") + &events(2, 9)));
    auship.wait_for("they wait in the spool");
    let blocked: String = (11..=20).map(|serial| event(serial, "block")).collect();
    auship.feed(&(blocked + &events(21, 80)));
    cluster.wait_for(89);
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    let end = (number(&said, "delivered"), number(&said, "in the spool"), number(&said, "lost"));
    assert_eq!(end, (89, 11, 0), "{said}");
    figure(dir.path(), "delivered");
    cluster.behave("ok");
    let (_, said) = Running::start(&path).finish();
    assert_eq!((number(&said, "recovered"), number(&said, "delivered"), number(&said, "lost")), (11, 11, 0), "{said}");
    assert_eq!(figure(dir.path(), "duplicates"), 0, "only those were sent again: {said}");
    all_there(&cluster, 100);
}

#[test]
fn load_goes_round_the_hosts_and_what_one_refuses_another_gets() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let hosts: Vec<Host> = (0..3).map(|_| cluster.host("ok")).collect();
    let urls = |hosts: &[Host]| hosts.iter().map(|host| host.url.clone()).collect::<Vec<_>>().join(", ");
    let more = format!("{FULL}bulk_events = 10\nworkers = 2\n");
    let said = run_to_end(&config(dir.path(), &urls(&hosts), &more), 300);
    assert_eq!(number(&said, "delivered"), 300, "{said}");
    for host in &hosts {
        let bulks = cluster.bulks(host).len();
        assert!((8..=12).contains(&bulks), "a third of the requests each: {bulks}");
    }
    all_there(&cluster, 300);
}

#[test]
fn a_dead_host_and_a_hanging_one_are_left_out_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let (good, other) = (cluster.host("ok"), cluster.host("ok"));
    // A server that accepts connections and never answers.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free_port();
    let urls = format!(
        "http://localhost:{port}, http://127.0.0.1:{}, {}, {}",
        hanging.local_addr().unwrap().port(),
        good.url,
        other.url
    );
    let more = "bulk_events = 10\nworkers = 2\ntimeout = 500ms\nretry_max = 500ms\n";
    let path = config(dir.path(), &urls, &more.replace("retry_max = 500ms\n", ""));
    let mut auship = Running::start(&path);
    let start = Instant::now();
    auship.feed(&events(1, 400));
    cluster.wait_for(400);
    auship.wait_for("left out for now");
    // Each worker may try the hanging host once. After that, auship checks whether the host is back, with one request
    // at a time, each with a timeout of half a second. Otherwise a quarter of the forty requests would go to this host,
    // from two workers at once.
    hanging.set_nonblocking(true).unwrap();
    let tried = std::iter::from_fn(|| hanging.accept().ok()).count();
    let most = 3 + (start.elapsed().as_millis() / 500) as usize;
    assert!((1..=most).contains(&tried), "{tried} requests to a host that hangs, {most} at most");
    assert!(!auship.messages().contains("lost"), "{}", auship.messages());

    // A host that has answered so far begins to hang, and the dead host starts.
    let dead = cluster.start("ok", None, port);
    auship.wait_for(&format!("http://localhost:{port} works again"));
    cluster.host_behaves(&other, "hang");
    auship.feed(&events(401, 400));
    cluster.wait_for(800);
    auship.wait_for(&format!("{}: ", other.url));
    assert!(!cluster.bulks(&dead).is_empty(), "it takes its share");
    let before = cluster.bulks(&other).iter().filter(|r| r["behaviour"][0] == "ok").count();
    cluster.host_behaves(&other, "ok");
    let mut fed = 800;
    wait_until("the one that hung takes its share again", || {
        auship.feed(&events(fed + 1, 20));
        fed += 20;
        cluster.wait_for(fed);
        cluster.bulks(&other).iter().filter(|r| r["behaviour"][0] == "ok").count() > before
    });
    let (_, said) = auship.finish();
    assert_eq!((number(&said, "delivered"), number(&said, "lost")), (fed, 0), "{said}");
    all_there(&cluster, fed);
    assert_eq!(figure(dir.path(), "delivered"), fed);
}

#[test]
fn when_all_hosts_fail_events_wait_and_one_that_comes_back_gets_them() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let ports = (free_port(), free_port());
    let urls = format!("http://localhost:{}, http://localhost:{}", ports.0, ports.1);
    let mut auship = Running::start(&with_spool(dir.path(), &urls, "workers = 2\n"));
    auship.feed(&events(1, 2000));
    auship.wait_for("events wait in the spool");
    let _host = cluster.start("ok", None, ports.1);
    cluster.wait_for(2000);
    let (_, said) = auship.finish();
    assert_eq!((number(&said, "delivered"), number(&said, "lost")), (2000, 0), "{said}");
    all_there(&cluster, 2000);
    assert_eq!(figure(dir.path(), "duplicates"), 0);
}

#[test]
fn who_is_not_let_in_says_so_and_is_when_the_secret_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let host = cluster.host("ok");
    cluster.expect_login("ApiKey aWQ6c2VjcmV0");
    let key = secret(dir.path(), "key", "id:wr0ng\n");
    let more = format!("api_key_file = {}\n", key.display());
    let path = with_spool(dir.path(), &host.url, &more);
    let checked = auship(&["check", "--config", path.to_str().unwrap()], b"");
    let checked = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.contains(&more) && !checked.contains("wr0ng"), "{checked}");
    let mut auship = Running::start(&path);
    auship.feed(&events(1, 20));
    auship.wait_for("this client isn't let in: status 401: security_exception: missing authentication credentials");
    secret(dir.path(), "key", "id:secret\n");
    cluster.wait_for(19);
    let (_, said) = auship.finish();
    assert_eq!((number(&said, "delivered"), number(&said, "lost")), (20, 0), "{said}");
    assert!(!said.contains("wr0ng") && !said.contains("secret\n"), "{said}");
}

#[test]
fn every_way_to_log_in_is_told() {
    // printf 'id:secret' | base64; printf 'joe:pass' | base64
    for (text, keys, login) in [
        ("id:secret\n", "api_key_file", "ApiKey aWQ6c2VjcmV0"),
        ("aWQ6c2VjcmV0\n", "api_key_file", "ApiKey aWQ6c2VjcmV0"),
        ("pass\n", "user = joe\npassword_file", "Basic am9lOnBhc3M="),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Cluster::new(dir.path());
        let host = cluster.host("ok");
        cluster.expect_login(login);
        let file = secret(dir.path(), "secret", text);
        let log = dir.path().join("curl.log");
        let more = format!("{keys} = {}\ncurl_verbose = yes\ncurl_logfile = {}\n", file.display(), log.display());
        let said = run_to_end(&config(dir.path(), &host.url, &more), 10);
        assert_eq!(number(&said, "delivered"), 10, "{said}");
        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("POST /_bulk") && !log.contains(login.split(' ').nth(1).unwrap()), "{log}");
    }
}

#[test]
fn a_client_certificate_lets_in() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let certificates = Certificates::new();
    let host = cluster.start("mutual", Some(&certificates), 0);
    let (cert, key) = certificates.client(17);
    let ca = format!("ca_cert = {}\nattempts = 1\n", certificates.ca().display());
    let more = format!("{ca}client_cert = {}\nclient_key = {}\n", cert.display(), key.display());
    let said = run_to_end(&config(dir.path(), &host.url, &more), 10);
    assert_eq!(number(&said, "delivered"), 10, "{said}");
    assert!(cluster.bulks(&host).iter().all(|request| request["client"] == "11"));
    let said = run_to_end(&config(dir.path(), &host.url, &ca), 10);
    assert_eq!((number(&said, "delivered"), number(&said, "lost")), (0, 10), "{said}");
}

#[test]
fn requests_can_be_compressed_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let host = cluster.host("ok");
    let more = "gzip = yes\nbulk_events = 100\ntrace_header_name = X-Opaque-Id\nheader.X-Tenant = blue\nworkers = 1\n";
    let said = run_to_end(&config(dir.path(), &host.url, more), 300);
    assert_eq!(number(&said, "delivered"), 300, "{said}");
    all_there(&cluster, 300);
    for request in cluster.requests(&host) {
        assert_eq!(request["headers"]["x-tenant"], "blue");
        assert_eq!(request["headers"]["x-opaque-id"].as_str().unwrap().len(), 36);
    }
    for request in cluster.bulks(&host) {
        assert_eq!(request["headers"]["content-encoding"], "gzip");
        assert!(request["size"].as_u64().unwrap() < 100 * 300, "{}", request["size"]);
    }
    assert!(cluster.requests(&host)[0]["headers"].get("content-encoding").is_none(), "a GET has nothing to compress");
}

#[test]
fn a_kill_in_the_middle_leaves_every_event_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let port = free_port();
    let path =
        with_spool(dir.path(), &format!("http://localhost:{port}"), "spool = always\nbulk_events = 20\nworkers = 3\n");
    // Three times, the server cuts answers or refuses documents, and the test kills auship meanwhile.
    let mut fed = 0;
    for (round, behaviour) in ["odd-429", "cuts", "odd-503"].into_iter().enumerate() {
        let host = cluster.start(behaviour, None, port);
        let mut auship = Running::start(&path);
        auship.feed(&events(fed + 1, 1000));
        fed += 1000;
        cluster.wait_for(300 * (round + 1));
        auship.kill();
        drop(host);
    }
    cluster.behave("ok");
    let host = cluster.start("ok", None, port);
    let mut auship = Running::start(&path);
    auship.feed(&events(fed + 1, 100));
    fed += 100;
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    let documents = cluster.documents();
    let mut found = serials(&documents);
    found.sort_unstable();
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "none is there twice");
    // A kill loses events that are still in the reader or in the pipe. auship reports them in `audit_gap` documents.
    let missing = fed - found.len();
    let gaps: usize = documents
        .iter()
        .filter(|d| d["category"] == "audit_gap")
        .map(|d| d["details"]["count"].as_str().unwrap().parse::<usize>().unwrap())
        .sum();
    assert!(gaps >= missing, "{missing} missing, {gaps} of them known: {said}");
    let delivered = number(&said, "delivered");
    assert_eq!(
        delivered + number(&said, "lost"),
        number(&said, "recovered") + 100 + usize::from(said.contains("audit gaps 1")),
        "{said}"
    );
    assert_eq!(number(&said, "lost"), 0, "{said}");
    assert_eq!(figure(dir.path(), "delivered"), delivered);
    assert!(!cluster.bulks(&host).is_empty());
    assert_eq!(cluster.errors(), "");
}

#[test]
fn the_figures_add_up_at_every_moment_of_a_bad_day() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let hosts = [cluster.host("ok"), cluster.host("ok")];
    let urls = format!("{}, {}", hosts[0].url, hosts[1].url);
    let mut auship = Running::start(&with_spool(dir.path(), &urls, "bulk_events = 20\nworkers = 3\n"));
    auship.wait_for("started");
    let mut moments = 0;
    for round in 0..100 {
        cluster.behave(["ok", "odd-429", "odd-503", "cut", "red", "mapping", "garbage", "status-503"][round / 3 % 8]);
        let log: String = (1..=20).map(|n| event(round * 20 + n, if n == 7 { "bad" } else { "x" })).collect();
        auship.feed(&log);
        auship.report();
        moments += usize::from(adds_up(&fs::read_to_string(dir.path().join("auship.prom")).unwrap()));
    }
    cluster.behave("ok");
    let (_, said) = auship.finish();
    assert_eq!(moments, 100);
    let (delivered, dead) = (figure(dir.path(), "delivered"), figure(dir.path(), "dead_lettered"));
    assert_eq!((delivered + dead, number(&said, "lost")), (2000, 0), "{said}");
    let letters = json::lines(&fs::read(dir.path().join("spool/dead-letters.json")).unwrap_or_default());
    assert_eq!(letters.len(), dead);
    // A document can be both in an index and in the dead letters: the server stored it, cut the answer, and refused the
    // document when it was sent again.
    let mut found = serials(&cluster.documents());
    found.extend(serials(&letters.iter().map(|letter| letter["document"].clone()).collect::<Vec<_>>()));
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, (1..=2000).collect::<Vec<_>>());
    assert_eq!(cluster.errors(), "");
}

/// Returns the serials of the cluster's ECS documents, sorted.
fn ecs_serials(cluster: &Cluster) -> Vec<u64> {
    let mut found: Vec<_> = cluster.documents().iter().map(|d| d["event"]["sequence"].as_u64().unwrap()).collect();
    found.sort_unstable();
    found
}

#[test]
fn a_log_that_is_read_twice_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let host = cluster.host("ok");
    let path = config(dir.path(), &host.url, "format = ecs\ndata_stream = logs-auditd-default\nbulk_events = 50\n");
    for known in [0, 200] {
        let said = run_to_end(&path, 200);
        assert_eq!((number(&said, "delivered"), number(&said, "lost")), (200, 0), "{said}");
        assert_eq!(figure(dir.path(), "duplicates"), known, "{said}");
    }
    let indexes = cluster.indexes();
    assert_eq!(indexes.keys().collect::<Vec<_>>(), ["logs-auditd-default"]);
    assert!(indexes["logs-auditd-default"].iter().all(|(id, document)| document["event"]["id"] == *id));
    assert_eq!(ecs_serials(&cluster), (1..=200).collect::<Vec<_>>());
    assert_eq!(cluster.errors(), "");
}

#[test]
fn a_sender_that_is_killed_and_reads_the_log_again_leaves_it_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::new(dir.path());
    let hosts = [cluster.host("odd-429"), cluster.host("cuts")];
    let urls = format!("{}, {}", hosts[0].url, hosts[1].url);
    let path = with_spool(dir.path(), &urls, "format = ecs\nbulk_events = 20\nworkers = 3\n");
    let text = fs::read_to_string(&path).unwrap();
    let path = write_config(dir.path(), &text.replace("[metrics]", "[input]\ntrack_sequence = no\n[metrics]"));
    let log = events(1, 3000);
    for round in 1..=3 {
        let mut auship = Running::start(&path);
        auship.feed(&log);
        cluster.wait_for(300 * round);
        auship.kill();
    }
    cluster.behave("ok");
    let mut auship = Running::start(&path);
    auship.feed(&log);
    let (status, said) = auship.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(ecs_serials(&cluster), (1..=3000).collect::<Vec<_>>());
    let killed = parse(&fs::read_to_string(dir.path().join("auship.prom")).unwrap())
        [r#"auship_output_lost_total{output="siem",reason="killed"}"#]
        .to_string();
    assert_eq!(killed, number(&said, "lost").to_string(), "none but those in memory then: {said}");
    assert_eq!(figure(dir.path(), "delivered") + number(&said, "lost"), 3000 + number(&said, "recovered"), "{said}");
    assert!(figure(dir.path(), "duplicates") >= 900, "{said}");
    assert_eq!(cluster.errors(), "");
}
