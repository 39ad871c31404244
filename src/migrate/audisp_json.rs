//! audisp-json.conf. Its keys are valid before any section too, so this only makes the modern form.

use super::{
    convert::{self, text},
    row::{Row, To, Work, together},
    setting::{Node, Scalar, Setting, Unreadable},
};
use crate::config::{self, keys};

/// The keys of audisp-json.
pub(super) static ROWS: &[Row] = &[
    together("mozdef_url", "`[output:mozdef]` with `type = http` and `url`"),
    together(
        "file_log",
        "`[output:mozdef]` with `type = file` and `path`. As in audisp-json, the URL is then not used",
    ),
    together("ssl_verify", "`ssl_verify`. Any value that doesn't begin with *no* means yes"),
    together("curl_verbose", "`curl_verbose`. Any value that doesn't begin with *no* means yes"),
    together("curl_logfile", "`curl_logfile`"),
    together("curl_cainfo", "`ca_cert`"),
    together("prepend_msg", "`prepend_msg`"),
    together("postpend_msg", "`postpend_msg`"),
];

/// Reads the file. Sections aren't allowed: they are auship's.
pub(super) fn read(file: &str) -> Result<Node, Unreadable> {
    let (sections, bad) = config::read_ini(file);
    if let Some(section) = sections.get(1) {
        let what = "has sections, so it is a configuration of auship already; check it with auship check --config FILE";
        return Err(Unreadable::new(section.line, what));
    }
    if let Some(line) = bad.first() {
        return Err(Unreadable::new(line.line, format!("is {}", line.why)));
    }
    let entries = sections.into_iter().flat_map(|section| section.entries);
    // The same key again is allowed here, so each entry gets a place of its own.
    let scalar = |text| Node::Scalar(Scalar { text, quoted: true });
    Ok(Node::List(entries.map(|e| (e.line, Node::Map(vec![(e.key, e.line, scalar(e.value))]))).collect()))
}

/// Takes the number of the entry out of the names.
pub(super) fn names(settings: Vec<Setting>) -> Vec<Setting> {
    settings
        .into_iter()
        .map(|mut setting| {
            if !setting.path.is_empty() {
                setting.path.remove(0);
            }
            setting
        })
        .collect()
}

/// Translates the settings.
pub(super) fn translate(work: &mut Work) {
    let all = std::mem::take(&mut work.settings);
    for (at, setting) in all.iter().enumerate() {
        let name = setting.name();
        if let Some(later) = all[at + 1..].iter().rev().find(|later| later.name() == name) {
            work.note(setting, format!("is set again in line {}, and the last one counts", later.line));
        } else if ROWS.iter().all(|row| row.key != name) && keys().iter().any(|key| key.name == name) {
            work.note(
                setting,
                "is a key of auship, not of audisp-json; this file may be one of auship already: use it as it is",
            );
        } else if setting.text() == Some("") {
            work.note(setting, "has no value, so it counts as not set");
        } else {
            work.settings.push(setting.clone());
        }
    }
    work.apply(ROWS, "audisp-json");
    let file = work.get("file_log");
    let to = To::Output("mozdef", if file.is_some() { "file" } else { "http" });
    if let Some(file) = &file {
        work.set_converted(to, "path", text(file), file);
    }
    if let Some(url) = work.get("mozdef_url") {
        match file {
            Some(_) => work.note(&url, "isn't used, because file_log is set"),
            None => set_url(work, to, &url),
        }
    }
    for (key, ours) in [
        ("ssl_verify", "ssl_verify"),
        ("curl_verbose", "curl_verbose"),
        ("curl_logfile", "curl_logfile"),
        ("curl_cainfo", "ca_cert"),
        ("prepend_msg", "prepend_msg"),
        ("postpend_msg", "postpend_msg"),
    ] {
        let Some(setting) = work.get(key) else { continue };
        let is_text = key.ends_with("_msg");
        if file.is_some() && !is_text {
            work.note(&setting, "isn't used, because file_log is set");
        } else if ours == "ssl_verify" || ours == "curl_verbose" {
            let no = setting.text().unwrap_or_default().to_lowercase().starts_with("no");
            work.set(to, ours, if no { "no" } else { "yes" }, &setting);
        } else {
            work.set_converted(to, ours, Ok(setting.text().unwrap_or_default().into()), &setting);
        }
    }
    if let Some(output) = work.draft.existing_output("mozdef") {
        let from = super::draft::Origin { line: 0, key: "program_name".into() };
        output.set("format", "mozdef", from.clone());
        output.set("program_name", "audisp-json", from);
    }
}

/// Sets the URL without the login in it.
fn set_url(work: &mut Work, to: To, setting: &Setting) {
    match convert::url(setting.text().unwrap_or_default()) {
        Ok(url) => {
            work.set(to, "url", &url.url, setting);
            if let Some(user) = url.user {
                work.note_login(to, &user, setting);
            }
        }
        Err(what) => work.note(setting, format!("{what}; set url by hand")),
    }
}
