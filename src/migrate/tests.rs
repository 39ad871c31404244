//! Tests of whole translations.
#![allow(clippy::unwrap_used)]

use super::*;

/// A file of the test data, with a directory in place of its mark.
fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/migrate").join(name);
    fs::read_to_string(path).unwrap().replace("@DIR@", "/nowhere")
}

/// The documented keys of a file, which were collected from the programs' own manuals and examples.
fn documented(name: &str) -> Vec<String> {
    let all = example("documented-keys.tsv");
    all.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('\t').map(String::from)).collect()
}

fn has(pattern: &str, key: &str) -> bool {
    let start = key.strip_suffix(".*").unwrap_or(key);
    pattern.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

const EXAMPLES: [(&str, Peer); 5] = [
    ("audisp-json.conf", Peer::AudispJson),
    ("laurel.toml", Peer::Laurel),
    ("auditbeat.yml", Peer::Auditbeat),
    ("pauditd.yml", Peer::Pauditd),
    ("go-audit.yml", Peer::Pauditd),
];

#[test]
fn each_documented_key_is_known_and_tried() {
    for (name, peer) in EXAMPLES {
        let text = example(name);
        let patterns: Vec<String> = settings(peer, &text).unwrap().iter().map(Setting::pattern).collect();
        let keys = documented(name);
        assert!(keys.len() > 7, "{name}: {keys:?}");
        for key in keys {
            assert!(row::find(peer.rows(), key.trim_end_matches(".*")).is_some(), "{name}: {key} has no row");
            // audisp-json uses either the file or the URL. Another test tries the file.
            assert!(key == "file_log" || patterns.iter().any(|pattern| has(pattern, &key)), "{key} isn't in {name}");
        }
        let unknown = translate(name, &text, None).unwrap().notes;
        assert!(!unknown.iter().any(|note| note.contains("isn't a key of")), "{unknown:#?}");
    }
}

#[test]
fn each_row_is_of_a_documented_key() {
    for peer in Peer::ALL {
        let names = EXAMPLES.iter().filter(|(_, its)| *its == peer);
        let keys: Vec<String> = names.flat_map(|(name, _)| documented(name)).collect();
        for row in peer.rows() {
            // Keys from the program's source that no example has.
            let is_internal =
                row.key.contains("stream_buffer") || row.key.contains("reassembler") || row.key.contains(".ilm.");
            let start = row.key.trim_end_matches(".*");
            assert!(is_internal || keys.iter().any(|key| has(key, start) || has(start, key)), "{}", row.key);
        }
        let mut all: Vec<&str> = peer.rows().iter().map(|row| row.key).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), peer.rows().len());
    }
}

#[test]
fn keys_that_nobody_knows_are_named() {
    for (peer, text, key) in [
        (Peer::AudispJson, "mozdef_url = https://h/e\nfly = 1\n", "2: fly"),
        (Peer::AudispJson, "mozdef_url = https://h/e\nworkers = 1\n", "2: workers"),
        (Peer::Laurel, "[auditlog]\nfile = \"-\"\nfly = 1\n", "3: auditlog.fly"),
        (Peer::Auditbeat, "output.elasticsearch:\n  fly: 1\n", "2: output.elasticsearch.fly"),
        (Peer::Pauditd, "filters:\n- syscall: 1\n  fly: 1\n", "3: filters[0].fly"),
        (Peer::Pauditd, "events: 7\n", "1: events"),
        (Peer::Auditbeat, "\"a\\nb: x\": 1\n", "1: a\\nb: x"),
    ] {
        let notes = translate("f", text, Some(peer)).unwrap().notes;
        assert!(notes.iter().any(|note| note.starts_with(&format!("f:{key}: "))), "{notes:#?}");
    }
}

/// No text makes a panic or an endless loop, whatever is cut out of it or put into it. Each result passes the check.
#[test]
fn damaged_files_do_no_harm() {
    let mut state: u64 = 0x2545_f491_4f6c_dd1d;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below.max(1)
    };
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        "\"",
        "'",
        "\n",
        ":",
        "- ",
        "&a ",
        "*a",
        "<<: ",
        "=",
        "\t",
        "|\n",
        "#",
        "${x}",
        "%{",
        "\u{0}",
        "é",
        "9999999999999999999999",
        "null",
        "@",
        "://",
    ];
    for (name, peer) in EXAMPLES {
        let text = example(name);
        for _ in 0..60 {
            let mut damaged: Vec<char> = text.chars().collect();
            for _ in 0..=random(3) {
                let at = random(damaged.len());
                if random(2) == 0 {
                    damaged.drain(at..(at + random(40)).min(text.chars().count() / 2).max(at).min(damaged.len()));
                } else {
                    damaged.splice(at..at, pieces[random(pieces.len())].chars());
                }
            }
            let damaged: String = damaged.into_iter().collect();
            if let Ok(migrated) = translate(name, &damaged, Some(peer)) {
                let checked = crate::config::parse(Path::new("r"), &migrated.text);
                assert!(checked.is_ok(), "{checked:?}\n{damaged}\n{}", migrated.text);
                assert!(migrated.notes.iter().all(|note| !note.contains(char::is_control)), "{:#?}", migrated.notes);
            }
        }
    }
}
