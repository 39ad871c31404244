//! LAUREL's config.toml. The keys are those of etc/laurel/config.toml, laurel(8) and src/config.rs of
//! github.com/threathunters-io/laurel, version 0.8.2.

use super::{
    convert::{self, Converted, number, number_of, seconds, show_size},
    draft::Origin,
    row::{Row, STDOUT_IS_LOST, To, Work, named, origin, ours, together},
    setting::Setting,
};
use ipnet::IpNet;
use std::net::IpAddr;

/// The name of the output.
const OUTPUT: &str = "auditlog";
const FILE: To = To::Output(OUTPUT, "file");

const NO_STATE: &str = "auship keeps no state file: it learns processes from events and from /proc";
const NO_LABELS: &str = "auship has no labels for processes; use rule keys (auditctl -k), which documents have in tags";
const NO_FILTERLOG: &str = "auship has no log of filtered events: an event that a filter drops is counted and gone";
const ALWAYS_LIST: &str = "documents always hold the list, process.args, and in one text, process.command_line";
const NAMES_TOO: &str = "documents always have the names of architectures and system calls, and addresses in words";
const NOT_KNOWN: &str = "auship's documents don't have this";

/// The keys of LAUREL.
pub(super) static ROWS: &[Row] = &[
    together("directory", "the directory of `path`"),
    ours("user", To::Confine, "run_as", convert::text),
    ours("statusreport-period", To::Metrics, "status_period", seconds),
    together(
        "input",
        "`[input]` `source = stdin`, if it is *stdin*. auship has no other source: let auditd start it as a plugin",
    ),
    named("marker", "auship has no marker in its log"),
    together(
        "auditlog.file",
        "`[output:auditlog]` `path`, or `type = stdout` for *-*. auship starts no program and writes to no stream \
         socket: let the program follow a file",
    ),
    together("auditlog.size", "`rotate_size`. 0 means no rotation, so it is left out"),
    together("auditlog.generations", "`rotate_keep`. auship keeps at least one old file, so 0 becomes 1"),
    together(
        "auditlog.read-users",
        "auship sets no ACLs. Put the users into a group, and set `group` and `mode = 0640`",
    ),
    together("auditlog.read-groups", "`group` and `mode = 0640`, if it is one group. auship sets no ACLs for more"),
    together("auditlog.read-other", "`mode = 0644`"),
    ours("auditlog.line-prefix", FILE, "prepend_msg", convert::text),
    named("filterlog.*", NO_FILTERLOG),
    named("debug.inputlog.*", "auship writes no copy of its input; auditd's own log has it"),
    named(
        "debug.parse-error-log.*",
        "auship keeps no log of lines that it can't read; it counts them and logs the count",
    ),
    named("state.file", NO_STATE),
    named("state.generations", NO_STATE),
    named("state.max-age", NO_STATE),
    named("state.write-state-period", NO_STATE),
    named("transform.execve-argv", ALWAYS_LIST),
    named("transform.execve-argv-limit-bytes", "auship never cuts arguments"),
    named("translate.universal", NAMES_TOO),
    named(
        "translate.user-db",
        "names of users and groups are always looked up; [input] resolve_ids says for which hosts",
    ),
    named(
        "translate.userdb",
        "names of users and groups are always looked up; [input] resolve_ids says for which hosts",
    ),
    named(
        "translate.drop-raw",
        "documents have ids of users and groups beside their names, of system calls and architectures only the names",
    ),
    named(
        "enrich.pid",
        "documents have what is known of the parent process, in process.parent; of other processes only the number",
    ),
    named("enrich.ppid-verbose", "documents have what is known of the parent process, in process.parent"),
    named("enrich.spawned-by", "documents have what is known of the parent process, in process.parent"),
    named("enrich.execve-env", "auship's documents don't have environment variables"),
    named("enrich.container", NOT_KNOWN),
    named("enrich.container_info", NOT_KNOWN),
    named("enrich.systemd", NOT_KNOWN),
    named("enrich.script", "auship has no field for the script; process.args and the paths in auditd.paths show it"),
    named("enrich.user-groups", "documents have the group of the process, not all groups of its user"),
    named("enrich.uid-groups", "documents have the group of the process, not all groups of its user"),
    named("enrich.exe-hash", "auship doesn't hash programs"),
    named("enrich.exe-hash-size-limit", "auship doesn't hash programs"),
    named("enrich.exe-hash-cache-entries", "auship doesn't hash programs"),
    named("enrich.prefix", "names of fields are those of ECS, and can't have a prefix"),
    named("label-process.label-keys", NO_LABELS),
    named("label-process.label-exe.*", NO_LABELS),
    named("label-process.unlabel-exe.*", NO_LABELS),
    named("label-process.label-argv.*", NO_LABELS),
    named("label-process.unlabel-argv.*", NO_LABELS),
    named("label-process.label-argv-count", NO_LABELS),
    named("label-process.label-argv-bytes", NO_LABELS),
    named("label-process.label-script.*", NO_LABELS),
    named("label-process.unlabel-script.*", NO_LABELS),
    named("label-process.propagate-labels", NO_LABELS),
    together("filter.filter-keys", "`[filter:NAME]` with `key`. See the text below this table"),
    named(
        "filter.filter-labels",
        "auship has no labels; write a [filter:NAME] with key, exe or user, which sees the process itself only",
    ),
    together("filter.filter-null-keys", "`[filter:NAME]` with `no_key = yes`. See the text below this table"),
    together("filter.filter-sockaddr", "`[filter:NAME]` with `address` or `port`. See the text below this table"),
    named(
        "filter.filter-raw-lines",
        "auship matches the text after the head of a record, not the whole line; write a [filter:NAME] with \
         record_type and regex, which begins after `audit(…): `",
    ),
    together(
        "filter.keep-first-per-process",
        "auship has no such exception. Unless this is *false*, filters become examples",
    ),
    together(
        "filter.filter-action",
        "`action = drop`, if it is *drop*. With *log*, filters become examples, because auship has no log of filtered \
         events",
    ),
];

/// Translates the settings.
pub(super) fn translate(work: &mut Work) {
    work.apply(ROWS, "LAUREL");
    if let Some(input) = work.get("input") {
        match input.text() {
            Some("stdin") => work.set(To::Input, "source", "stdin", &input),
            _ => work.note(&input, "auship reads standard input only; let auditd start it as a plugin, see auship(8)"),
        }
    }
    log_file(work);
    filters(work);
}

/// The whole path of the log, or `-`. The error says what auship can't do.
fn path(work: &Work, file: Option<&Setting>) -> Converted {
    let name = file.map_or("audit.log", |file| file.text().unwrap_or_default());
    let directory = work.get("directory").and_then(|setting| setting.text().map(String::from)).unwrap_or_default();
    match name {
        "-" => Ok("-".into()),
        "" => Err("has no value".into()),
        _ if name.starts_with('|') => {
            Err("auship starts no program; write to a file and let the program follow it".into())
        }
        _ if name.starts_with("unix:") => Err("auship writes documents to no such socket; write to a file, or see \
                                               type = syslog with network = unix-stream"
            .into()),
        _ if name.starts_with('/') => Ok(name.into()),
        _ => Ok(format!("{}/{name}", directory.trim_end_matches('/'))),
    }
}

/// Translates `[auditlog]` and `directory`.
fn log_file(work: &mut Work) {
    let file = work.get("auditlog.file");
    let any = file.clone().or_else(|| work.get("directory")).or_else(|| work.below("auditlog").first().cloned());
    let Some(any) = any else { return };
    match path(work, file.as_ref()) {
        Ok(path) if path == "-" => {
            work.draft.output(OUTPUT, "file", &origin(&any)).set("type", "stdout", origin(&any));
            work.note(&any, STDOUT_IS_LOST);
            for setting in work.below("auditlog") {
                if !matches!(setting.name().as_str(), "auditlog.file" | "auditlog.line-prefix") {
                    work.note(&setting, "has no meaning for standard output");
                }
            }
            return;
        }
        Ok(path) => {
            work.set(FILE, "path", &path, &any);
            let output = work.draft.output(OUTPUT, "file", &origin(&any));
            output.comment("LAUREL writes this file too. While both programs run, set another path.");
            work.note(&any, "documents are ECS (docs/ecs.md), not LAUREL's; change what reads the file");
        }
        Err(what) => work.note(&any, what),
    }
    if let Some(directory) = work
        .get("directory")
        .filter(|_| file.as_ref().is_some_and(|f| f.text().unwrap_or_default().starts_with(['/', '|'])))
    {
        work.note(&directory, "isn't used, because auditlog.file isn't in it");
    }
    rotation(work);
    readers(work);
}

fn rotation(work: &mut Work) {
    if let Some(size) = work.get("auditlog.size") {
        match number_of(&size) {
            Ok(0) => work.note(&size, "means no rotation in LAUREL, which is auship's default"),
            Ok(bytes) => work.set(FILE, "rotate_size", &show_size(bytes), &size),
            Err(what) => work.note(&size, format!("{what}; set rotate_size by hand")),
        }
    }
    let rotates = work.draft.existing_output(OUTPUT).is_some_and(|output| output.has("rotate_size"));
    if let Some(generations) = work.get("auditlog.generations") {
        match number(&generations).as_deref() {
            _ if !rotates => {
                work.note(&generations, "has no meaning without auditlog.size; set rotate_size and rotate_keep")
            }
            Ok("0") => {
                work.set(FILE, "rotate_keep", "1", &generations);
                work.note(&generations, "auship keeps at least one old file, so 0 became rotate_keep = 1");
            }
            keep => work.set_converted(FILE, "rotate_keep", keep.map(Into::into).map_err(Clone::clone), &generations),
        }
    }
}

/// Translates who may read the file.
fn readers(work: &mut Work) {
    let mut mode = None;
    if let Some(groups) = work.get("auditlog.read-groups") {
        match groups.texts()[..] {
            [] => work.note(&groups, "is empty, so nothing was set"),
            [group] => {
                work.set(FILE, "group", group, &groups);
                mode = Some(("0640", groups.clone()));
            }
            _ => {
                work.note(&groups, "auship sets no ACLs; put the readers into one group, and set group and mode = 0640")
            }
        }
    }
    if let Some(users) = work.get("auditlog.read-users") {
        work.note(&users, "auship sets no ACLs; put the users into a group, and set group and mode = 0640");
    }
    if let Some(other) = work.get("auditlog.read-other") {
        match convert::bool_of(&other) {
            Ok(true) => mode = Some(("0644", other)),
            Ok(false) => work.note(&other, "false is auship's default: mode = 0600, or 0640 with a group"),
            Err(what) => work.note(&other, what),
        }
    }
    if let Some((mode, setting)) = mode {
        work.set(FILE, "mode", mode, &setting);
    }
}

/// Why filters may only be examples.
fn why_examples(work: &mut Work) -> Option<&'static str> {
    let mut why = None;
    let keep = work.get("filter.keep-first-per-process");
    match keep.as_ref().map(convert::bool_of) {
        Some(Ok(false)) => (),
        other => {
            why = Some(
                "LAUREL keeps the first event of each process and auship doesn't, so the filter would drop more than \
                 before; it is an example in the result. Remove the ';' if that is all right",
            );
            if let (Some(setting), Some(_)) = (&keep, other) {
                work.note(setting, "auship has no such exception, so filters are examples in the result");
            }
        }
    }
    if let Some(action) = work.get("filter.filter-action") {
        match action.text().unwrap_or_default().to_lowercase().as_str() {
            "drop" => (),
            _ => {
                why = Some(
                    "LAUREL writes filtered events to a log of their own and auship would drop them; the filter is an \
                     example in the result. Remove the ';' if these events aren't needed",
                );
                work.note(&action, "auship can only drop or keep an event, so filters are examples in the result");
            }
        }
    }
    why
}

/// A filter: the name of its section, and its keys.
type Filter = (&'static str, Vec<(&'static str, String)>);

/// Translates the filters.
fn filters(work: &mut Work) {
    let why = why_examples(work);
    let mut made: Vec<(Setting, Vec<Filter>)> = Vec::new();
    if let Some(keys) = work.get("filter.filter-keys") {
        let usable: Vec<&str> = keys
            .texts()
            .into_iter()
            .filter(|key| !key.contains(',') && !key.trim().is_empty() && key.trim() == *key)
            .collect();
        if usable.len() < keys.texts().len() {
            work.note(
                &keys,
                "a key with a comma or with white space around it can't stand in auship's list; it isn't filtered",
            );
        }
        if !usable.is_empty() {
            made.push((keys.clone(), key_filters(&usable.join(", "))));
        } else if keys.texts().is_empty() {
            work.note(&keys, "is empty, so there is no filter");
        }
    }
    if let Some(null) = work.get("filter.filter-null-keys") {
        match convert::bool_of(&null) {
            // The record type leaves out requests in an io_uring, which have no SYSCALL record.
            Ok(true) => made.push((
                null.clone(),
                vec![("laurel-null-keys", vec![("no_key", "yes".into()), ("record_type", "SYSCALL".into())])],
            )),
            Ok(false) => work.note(&null, "false means that such events are kept, as auship does without a filter"),
            Err(what) => work.note(&null, what),
        }
    }
    if let Some(sockaddr) = work.get("filter.filter-sockaddr") {
        let filters = sockaddr_filters(work, &sockaddr);
        made.push((sockaddr, filters));
    }
    for (setting, filters) in made {
        for (name, keys) in filters {
            add_filter(work, name, &keys, &setting, why.is_some());
        }
        if let Some(why) = why {
            work.note(&setting, why);
        }
    }
}

fn add_filter(work: &mut Work, name: &str, keys: &[(&'static str, String)], setting: &Setting, example: bool) {
    let origin: Origin = origin(setting);
    let section = work.draft.section(&format!("filter:{name}"), &origin);
    for (key, value) in keys {
        section.set(key, value, origin.clone());
    }
    if example {
        section.switch_off();
    }
}

/// Filters for rule keys. LAUREL compares the one key of a SYSCALL record. auship also finds it among several keys, so
/// events with several keys are kept first. The kernel writes several keys as one hex number.
fn key_filters(keys: &str) -> Vec<Filter> {
    vec![
        (
            "laurel-several-keys",
            vec![
                ("action", "keep".into()),
                ("record_type", "SYSCALL".into()),
                ("key", keys.to_string()),
                ("regex", "key=[0-9A-F]+( |$)".into()),
            ],
        ),
        ("laurel-keys", vec![("record_type", "SYSCALL".into()), ("key", keys.to_string())]),
    ]
}

/// Filters for socket addresses. An IPv4 network of auship also has the addresses that are written as IPv6, which
/// LAUREL's doesn't, so these are kept first.
fn sockaddr_filters(work: &mut Work, setting: &Setting) -> Vec<Filter> {
    let mut ports = Vec::new();
    let mut addresses = Vec::new();
    for text in setting.texts() {
        if let Some(port) = text.strip_prefix("*:").and_then(|port| port.parse::<u16>().ok()) {
            ports.push(port.to_string());
        } else if let Some(address) = endpoint(text) {
            addresses.push(address);
        } else {
            work.note(
                setting,
                format!("{:?} isn't an address that auship can filter; it is left out", super::setting::clean(text)),
            );
        }
    }
    let mut filters = Vec::new();
    if !ports.is_empty() {
        filters.push(("laurel-ports", vec![("port", ports.join(", "))]));
    }
    if !addresses.is_empty() {
        filters.push((
            "laurel-mapped-addresses",
            vec![("action", "keep".into()), ("address", "::ffff:0.0.0.0/96".into())],
        ));
        filters.push(("laurel-addresses", vec![("address", addresses.join(", "))]));
    }
    filters
}

/// An address or a network, with or without a port, in auship's form. LAUREL ignores the bits after a network.
fn endpoint(text: &str) -> Option<String> {
    let network = |text: &str| -> Option<IpNet> {
        text.parse::<IpNet>()
            .map(|network| network.trunc())
            .ok()
            .or_else(|| text.parse::<IpAddr>().map(IpNet::from).ok())
    };
    if let Some((address, port)) = text.strip_prefix('[').and_then(|text| text.split_once("]:")) {
        let network = network(address).filter(|network| network.addr().is_ipv6())?;
        return Some(format!("[{}]/{}:{}", network.addr(), network.prefix_len(), port.parse::<u16>().ok()?));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Some(network) = network(bare) {
        return Some(format!("{}/{}", network.addr(), network.prefix_len()));
    }
    let (address, port) = text.split_once(':')?;
    let network = network(address).filter(|network| network.addr().is_ipv4())?;
    Some(format!("{}/{}:{}", network.addr(), network.prefix_len(), port.parse::<u16>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_auships_form() {
        for (old, new) in [
            ("127.0.0.1", Some("127.0.0.1/32")),
            ("192.168.0.9/24:22", Some("192.168.0.0/24:22")),
            ("::/64", Some("::/64")),
            ("[2001:db8::1]", Some("2001:db8::1/128")),
            ("[2001:db8::1]:443", Some("[2001:db8::1]/128:443")),
            ("[fe80::1/10]:53", Some("[fe80::]/10:53")),
            ("10.0.0.0/255.0.0.0", None),
            ("10.0.0.1:99999", None),
            ("example.com:1", None),
            ("[10.0.0.1]:1", None),
        ] {
            assert_eq!(endpoint(old).as_deref(), new, "{old}");
        }
    }
}
