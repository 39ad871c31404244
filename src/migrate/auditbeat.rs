//! auditbeat.yml, and files of modules.d.

use super::{
    auditbeat_rows::{CONSOLE, ELASTICSEARCH, FILE, ROWS, file, kilobytes},
    convert::{self, beats_time, bool_of, number_of, size, text},
    row::{STDOUT_IS_LOST, To, Work, origin},
    setting::{Setting, Value, clean, is_element},
};
use crate::config;

/// The directory for a spool.
const SPOOL_DIR: &str = "/var/spool/auship/elasticsearch";

/// Renames settings of modules. `auditbeat.modules[0].x` becomes `auditbeat.modules.auditd.x`, and so do those of a file
/// that is only a list of modules. Those of other modules become `auditbeat.modules.OTHER.NAME.x`. A second module
/// auditd is one of the others.
pub(super) fn names(mut settings: Vec<Setting>) -> Vec<Setting> {
    let start = |setting: &Setting| match &setting.path[..] {
        [number, _, ..] if is_element(number) => Some(1),
        [a, b, number, ..] if a == "auditbeat" && b == "modules" && is_element(number) => Some(3),
        _ => None,
    };
    let mut modules: Vec<(Vec<String>, String)> = Vec::new();
    for setting in &settings {
        if let Some(at) = start(setting).filter(|at| setting.path[*at..] == ["module"]) {
            modules.push((setting.path[..at].to_vec(), setting.text().unwrap_or_default().to_string()));
        }
    }
    let first = modules.iter().find(|(_, name)| name == "auditd").map(|(path, _)| path.clone());
    for setting in &mut settings {
        let Some(at) = start(setting) else { continue };
        let rest = setting.path.split_off(at);
        let mut path = vec!["auditbeat".to_string(), "modules".to_string()];
        if first.as_ref() == Some(&setting.path) {
            path.push("auditd".into());
        } else {
            let name = modules.iter().find(|(path, _)| *path == setting.path).map_or("unknown", |(_, name)| name);
            path.extend(["OTHER".to_string(), name.to_string()]);
        }
        path.extend(rest);
        setting.path = path;
    }
    settings
}

/// Translates the settings.
pub(super) fn translate(work: &mut Work) {
    work.apply(ROWS, "Auditbeat");
    module(work);
    hosts(work);
    elasticsearch(work);
    tls(work);
    login(work);
    queue(work);
    output_file(work);
    console(work);
    event_original(work);
    enabled(work);
}

fn module(work: &mut Work) {
    if let Some(ids) = work.get("auditbeat.modules.auditd.resolve_ids") {
        let value = bool_of(&ids).map(|yes| if yes { "local" } else { "never" }.into());
        work.set_converted(To::Input, "resolve_ids", value, &ids);
    }
    if let Some(enabled) = work.get("auditbeat.modules.auditd.enabled")
        && bool_of(&enabled) != Ok(true)
    {
        work.note(
            &enabled,
            "isn't true, so Auditbeat doesn't run this module; auship runs when auditd starts it: active in plugins.d",
        );
    }
    if work.below("auditbeat.modules.auditd").is_empty() && !work.below("auditbeat.modules").is_empty() {
        let setting = work.below("auditbeat.modules")[0].clone();
        work.note(&setting, "there is no module auditd in the file");
    }
}

/// Translates hosts, protocol and path into URLs.
fn hosts(work: &mut Work) {
    let Some(hosts) = work.get("output.elasticsearch.hosts") else {
        for name in ["protocol", "path"] {
            if let Some(setting) = work.get(&format!("output.elasticsearch.{name}")) {
                work.note(&setting, "has no meaning without output.elasticsearch.hosts; write it into url");
            }
        }
        return;
    };
    let protocol = work.get("output.elasticsearch.protocol").map_or(Ok("http".into()), |setting| text(&setting));
    let path = work.get("output.elasticsearch.path").map_or(Ok(String::new()), |setting| text(&setting));
    let (protocol, path) = match (protocol, path) {
        (Ok(protocol), Ok(path)) => (protocol, path),
        (Err(what), _) | (_, Err(what)) => {
            return work.note(&hosts, format!("protocol or path {what}; set url by hand"));
        }
    };
    let mut urls = Vec::new();
    let mut user = None;
    for host in hosts.texts() {
        match host_url(host, &protocol, &path) {
            Ok(url) => {
                user = user.or(url.user);
                urls.push(url.url);
            }
            Err(what) => work.note(&hosts, what),
        }
    }
    if urls.is_empty() {
        return work.note(&hosts, "has no address that auship can use; set url by hand");
    }
    work.set(ELASTICSEARCH, "url", &urls.join(", "), &hosts);
    if let Some(user) = user.filter(|_| work.get("output.elasticsearch.username").is_none()) {
        work.note_login(ELASTICSEARCH, &user, &hosts);
    }
}

/// The URL of a host: the scheme, port and path are added if they are missing.
fn host_url(host: &str, protocol: &str, path: &str) -> Result<convert::Url, String> {
    let has_scheme = host.contains("://");
    let mut url = convert::url(&if has_scheme { host.to_string() } else { format!("{protocol}://{host}") })?;
    let start = url.url.find("://").map_or(0, |at| at + 3);
    let end = url.url[start..].find(['/', '?', '#']).map_or(url.url.len(), |at| start + at);
    let (address, mut rest) = (url.url[start..end].to_string(), url.url[end..].trim_end_matches('/').to_string());
    let has_port = !address.ends_with(']') && address.rfind(':').is_some_and(|at| address[at..].len() > 1);
    let port = if has_port { "" } else { ":9200" };
    if rest.is_empty() && !path.is_empty() {
        rest = format!("/{}", path.trim_matches('/'));
    }
    url.url = format!("{}{address}{port}{rest}", &url.url[..start]);
    Ok(url)
}

fn elasticsearch(work: &mut Work) {
    if let Some(level) = work.get("output.elasticsearch.compression_level") {
        let value = number_of(&level).map(|level| if level == 0 { "no" } else { "yes" }.into());
        work.set_converted(ELASTICSEARCH, "gzip", value, &level);
    }
    if let Some(index) = work.get("output.elasticsearch.index") {
        work.set_converted(ELASTICSEARCH, "index", text(&index).and_then(|text| index_pattern(&text)), &index);
    }
    if let Some(proxy) = work.get("output.elasticsearch.proxy_url") {
        match text(&proxy).and_then(|text| convert::url(&text)) {
            Ok(url) => {
                work.set(ELASTICSEARCH, "proxy", &url.url, &proxy);
                if url.user.is_some() {
                    work.note(
                        &proxy,
                        "has a password, which isn't in the result; write proxy by hand, and keep the configuration \
                         readable to root and group auship only",
                    );
                }
            }
            Err(what) => work.note(&proxy, format!("{what}; set proxy by hand")),
        }
    }
    workers(work);
    for header in work.below("output.elasticsearch.headers") {
        let name = header.path[3..].join(".");
        let is_token = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if config::is_secret_header(&name) {
            work.note(
                &header,
                format!("may be a secret, so it isn't in the result; write header.{} by hand", clean(&name)),
            );
        } else if is_token && !name.is_empty() {
            work.set_converted(ELASTICSEARCH, &format!("header.{}", name.to_lowercase()), text(&header), &header);
        } else {
            work.note(&header, "has a name that can't stand in auship's configuration");
        }
    }
}

fn workers(work: &mut Work) {
    let (worker, workers) = (work.get("output.elasticsearch.worker"), work.get("output.elasticsearch.workers"));
    let Some(setting) = workers.clone().or(worker.clone()) else { return };
    if let (Some(worker), Some(_)) = (worker, workers) {
        work.note(&worker, "isn't used, because output.elasticsearch.workers is set");
    }
    let hosts = work.get("output.elasticsearch.hosts").map_or(1, |hosts| hosts.texts().len().max(1)) as u64;
    match number_of(&setting).map(|workers| workers.saturating_mul(hosts)) {
        Ok(all) if all > 64 => {
            work.set(ELASTICSEARCH, "workers", "64", &setting);
            work.note(&setting, "auship has at most 64 connections, so this became workers = 64");
        }
        all => work.set_converted(ELASTICSEARCH, "workers", all.map(|all| all.to_string()), &setting),
    }
}

/// The name of an index with the parts of a date.
fn index_pattern(text: &str) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("%{") {
        result.push_str(&rest[..at]);
        let (inside, after) = rest[at + 2..].split_once('}').ok_or("has a %{ without its }")?;
        let Some(format) = inside.strip_prefix('+') else {
            return Err("has the name of a field in it, which auship can't fill in".into());
        };
        let format = format.replace("yyyy", "%Y").replace("MM", "%m").replace("dd", "%d").replace("HH", "%H");
        if format
            .replace("%Y", "")
            .replace("%m", "")
            .replace("%d", "")
            .replace("%H", "")
            .contains(|c: char| c.is_alphabetic() || c == '%')
        {
            return Err("has a time that auship can't write".into());
        }
        result.push_str(&format);
        rest = after;
    }
    if rest.contains('%') || result.is_empty() && rest.is_empty() {
        return Err("isn't a name of an index that auship can use".into());
    }
    Ok(result + rest)
}

fn tls(work: &mut Work) {
    const START: &str = "output.elasticsearch.ssl";
    let off = work.get(&format!("{START}.enabled")).filter(|setting| bool_of(setting) != Ok(true));
    if let Some(off) = &off {
        work.note(off, "isn't true, so Auditbeat doesn't use the settings of ssl; https in url still means TLS");
    }
    if let Some(mode) = work.get(&format!("{START}.verification_mode")) {
        match mode.text() {
            Some("none") => work.set(ELASTICSEARCH, "ssl_verify", "no", &mode),
            Some("full" | "strict") => work.set(ELASTICSEARCH, "ssl_verify", "yes", &mode),
            _ => {
                work.set(ELASTICSEARCH, "ssl_verify", "yes", &mode);
                work.note(&mode, "became ssl_verify = yes, which verifies the server's name too");
            }
        }
    }
    for (key, ours) in [("certificate_authorities", "ca_cert"), ("certificate", "client_cert"), ("key", "client_key")] {
        let Some(setting) = work.get(&format!("{START}.{key}")) else { continue };
        match (&off, &setting.value) {
            (Some(_), _) => {
                work.note(&setting, format!("isn't used, because {START}.enabled isn't true; set {ours} to use it"))
            }
            (None, Value::List(all)) if all.len() > 1 => {
                work.note(&setting, format!("names several files; join them into one, and set {ours} to it"));
            }
            _ => work.set_converted(ELASTICSEARCH, ours, file(&setting), &setting),
        }
    }
}

fn login(work: &mut Work) {
    let (user, password) = (work.get("output.elasticsearch.username"), work.get("output.elasticsearch.password"));
    if let Some(setting) = password.as_ref().or(user.as_ref()) {
        let name = user.as_ref().and_then(|user| text(user).ok()).unwrap_or_default();
        work.note_login(ELASTICSEARCH, &name, setting);
        if let (Some(user), Some(_)) = (&user, &password) {
            work.note(user, "became user in the result, as an example, because it needs password_file");
        }
    }
    if let Some(key) = work.get("output.elasticsearch.api_key") {
        let path = "/etc/auship/elasticsearch.key";
        let output = work.draft.output("elasticsearch", "elasticsearch", &origin(&key));
        output.comment("api_key_file below is an example: write the API key into the file, and remove the ';'.");
        output.example("api_key_file", path, origin(&key));
        work.note(
            &key,
            format!(
                "an API key can't stand in auship's configuration; write it into the first line of {path} (mode \
                 0600), and enable api_key_file in [output:elasticsearch]"
            ),
        );
    }
}

/// Translates the queue. It belongs to the output.
fn queue(work: &mut Work) {
    let output =
        ["elasticsearch", "file", "console"].into_iter().find(|name| !work.below(&format!("output.{name}")).is_empty());
    let to = match output {
        Some("elasticsearch") => ELASTICSEARCH,
        Some("file") => FILE,
        Some("console") => CONSOLE,
        _ => {
            for setting in work.below("queue").into_iter().filter(|setting| setting.value != Value::Nothing) {
                work.note(
                    &setting,
                    "belongs to an output, and the result has none of this kind; set ring_slots and spool_dir there",
                );
            }
            return;
        }
    };
    if let Some(events) = work.get("queue.mem.events") {
        work.set_converted(to, "ring_slots", convert::number(&events), &events);
    }
    let for_servers = [
        ("queue.mem.flush.timeout", "bulk_interval"),
        ("queue.disk.path", "spool_dir"),
        ("queue.disk.max_size", "spool_limit"),
    ];
    for (key, ours) in for_servers {
        let Some(setting) = work.get(key) else { continue };
        if to != ELASTICSEARCH {
            work.note(&setting, format!("{ours} is for outputs to servers only"));
            continue;
        }
        match ours {
            "bulk_interval" => work.set_converted(to, ours, beats_time(&setting), &setting),
            "spool_dir" => {
                work.set(to, ours, SPOOL_DIR, &setting);
                work.note(
                    &setting,
                    format!(
                        "auship has a spool of its own, so this became spool_dir = {SPOOL_DIR}; Auditbeat sends what \
                         is in its queue"
                    ),
                );
            }
            _ => {
                if work.get("queue.disk.path").is_none() {
                    work.set(to, "spool_dir", SPOOL_DIR, &setting);
                }
                work.set_converted(to, ours, size(&setting), &setting);
            }
        }
    }
}

fn output_file(work: &mut Work) {
    let all = work.below("output.file");
    let Some(any) = work.get("output.file.path").or_else(|| all.first().cloned()) else { return };
    let directory = work.get("output.file.path").map_or(Err("is missing".into()), |path| text(&path));
    let name = work.get("output.file.filename").map_or(Ok("auditbeat".into()), |name| text(&name));
    match (directory, name) {
        (Ok(directory), Ok(name)) if !directory.contains("%{") => {
            work.set(FILE, "path", &format!("{}/{name}.ndjson", directory.trim_end_matches('/')), &any);
            work.note(&any, "auship writes one file without a date in its name, and puts numbers behind old ones");
        }
        (Ok(_), Ok(_)) => work.note(&any, "has a time in it, which auship can't fill in; set path by hand"),
        (Err(what), _) | (_, Err(what)) => work.note(&any, format!("{what}; set path by hand")),
    }
    match work.get("output.file.rotate_every_kb") {
        Some(kb) => work.set_converted(FILE, "rotate_size", kilobytes(&kb), &kb),
        // Auditbeat's default.
        None => work.set(FILE, "rotate_size", "10MiB", &any),
    }
}

fn console(work: &mut Work) {
    if let Some(any) = work.get("output.console").or_else(|| work.below("output.console").first().cloned()) {
        work.draft.output("console", "stdout", &origin(&any));
        work.note(&any, STDOUT_IS_LOST);
    }
}

/// `include_raw_message` belongs to the documents of each output.
fn event_original(work: &mut Work) {
    let Some(raw) = work.get("auditbeat.modules.auditd.include_raw_message") else { return };
    let mut is_set = false;
    for to in [ELASTICSEARCH, FILE, CONSOLE] {
        let To::Output(name, _) = to else { continue };
        if work.draft.existing_output(name).is_some() {
            work.set_converted(to, "event_original", convert::yes(&raw), &raw);
            is_set = true;
        }
    }
    if !is_set {
        work.note(&raw, "belongs to an output: set event_original there");
    }
}

/// Makes examples of outputs that aren't enabled.
fn enabled(work: &mut Work) {
    for name in ["elasticsearch", "file", "console"] {
        let Some(setting) = work.get(&format!("output.{name}.enabled")) else { continue };
        if bool_of(&setting) == Ok(true) {
            continue;
        }
        work.note(&setting, format!("isn't true, so [output:{name}] is an example in the result"));
        if let Some(output) = work.draft.existing_output(name) {
            output.comment("This output isn't enabled in the old configuration.");
            output.switch_off();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn hosts_become_urls() {
        for (host, protocol, path, url) in [
            ("localhost", "http", "", "http://localhost:9200"),
            ("es1:9201", "https", "/es/", "https://es1:9201/es"),
            ("https://es1", "http", "x", "https://es1:9200/x"),
            ("https://joe:pw@es1:443/a/", "http", "x", "https://es1:443/a"),
            ("[2001:db8::1]", "https", "", "https://[2001:db8::1]:9200"),
            ("[2001:db8::1]:1", "https", "", "https://[2001:db8::1]:1"),
        ] {
            assert_eq!(host_url(host, protocol, path).unwrap().url, url);
        }
    }

    #[test]
    fn index_names_keep_their_dates() {
        assert_eq!(index_pattern("audit-%{+yyyy.MM.dd}").unwrap(), "audit-%Y.%m.%d");
        assert_eq!(index_pattern("audit").unwrap(), "audit");
        for bad in ["a-%{[agent.version]}-%{+yyyy}", "a-%{+ww}", "a%", "a-%{", ""] {
            assert!(index_pattern(bad).is_err(), "{bad}");
        }
    }
}
