//! The tables in docs/migration.md, made from the tables of keys.

use super::Peer;
use std::{fs, path::Path};

/// The table of a program's keys, in Markdown.
fn table(peer: Peer) -> String {
    let lines =
        peer.rows().iter().map(|row| format!("| `{}` | {} |\n", row.key, row.documentation().replace('|', "\\|")));
    format!("| old key | in auship |\n|---|---|\n{}", lines.collect::<String>())
}

/// The page with all tables.
fn page(old: &str) -> String {
    let mut page = old.to_string();
    for peer in Peer::ALL {
        let (begin, end) = (format!("<!-- keys: {} -->\n", peer.name()), "<!-- end of keys -->\n");
        let (before, rest) =
            page.split_once(&begin).unwrap_or_else(|| unreachable!("docs/migration.md has no {begin}"));
        let (_, after) = rest.split_once(end).unwrap_or_else(|| unreachable!("docs/migration.md has no {end}"));
        page = format!("{before}{begin}\n{}\n{end}{after}", table(peer));
    }
    page
}

#[test]
#[allow(clippy::unwrap_used)]
fn the_page_has_each_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/migration.md");
    let old = fs::read_to_string(&path).unwrap();
    let new = page(&old);
    if std::env::var_os("UPDATE_KEYS").is_some() {
        fs::write(&path, new).unwrap();
    } else {
        assert!(old == new, "docs/migration.md differs from the tables in src/migrate; run make keys");
    }
}
