//! The YAML of pauditd and of go-audit, which it comes from. The keys are those of pauditd.yaml.example, audit.go and
//! pkg/ of pauditd, and of go-audit.yaml.example, examples/ and audit.go of github.com/slackhq/go-audit.

use super::{
    convert::{self, fraction, mode, number, number_of, text, viper_time, yes},
    row::{Row, STDOUT_IS_LOST, To, Work, named, origin, ours, together},
    setting::{Setting, Value},
};

const HTTP: To = To::Output("http", "http");
const SYSLOG: To = To::Output("syslog", "syslog");
const FILE: To = To::Output("file", "file");
const STDOUT: To = To::Output("stdout", "stdout");

/// The names of outputs, and the types of ours.
const OUTPUTS: [(&str, To); 4] = [("http", HTTP), ("syslog", SYSLOG), ("file", FILE), ("stdout", STDOUT)];

const ALL_TYPES: &str = "auship ships records of all types; to drop some, write a [filter:NAME] with record_type";
const UNTIL_IT_WORKS: &str = "auship tries again until the line is written";
const AUDITD_READS: &str = "auditd reads from the kernel; a buffer for records is q_depth in auditd.conf";
const RULES: &str =
    "auship doesn't load audit rules; put them into /etc/audit/rules.d/*.rules, and run augenrules --load";
const NO_CONTAINERS: &str = "auship's documents have nothing about containers";
const NO_GELF: &str =
    "auship has no GELF; send to Graylog with type = syslog, or with type = http to an input for raw HTTP";
const NO_NOTIFICATION: &str = "auship has no format for the notification service";

/// The keys of pauditd and go-audit.
pub(super) static ROWS: &[Row] = &[
    named("canary", "auship needs no canary: it reports missing serials, and check with auditctl -s that auditd runs"),
    named("socket_buffer.receive", AUDITD_READS),
    named("events.min", ALL_TYPES),
    named("events.max", ALL_TYPES),
    ours("message_tracking.enabled", To::Input, "track_sequence", yes),
    ours("message_tracking.log_out_of_order", To::Input, "log_out_of_order", yes),
    ours("message_tracking.max_out_of_order", To::Input, "max_out_of_order", number),
    together(
        "output.stdout.enabled",
        "`[output:stdout]`. A section whose output isn't enabled is an example in the result",
    ),
    named("output.stdout.attempts", UNTIL_IT_WORKS),
    together(
        "output.http.enabled",
        "`[output:http]`. A section whose output isn't enabled is an example in the result",
    ),
    ours("output.http.attempts", HTTP, "attempts", number),
    together("output.http.url", "`url`, without a user's name and password"),
    together("output.http.worker_count", "`workers`, at most 64. The default stays 10"),
    ours("output.http.buffer_size", HTTP, "ring_slots", number),
    ours("output.http.trace_header_name", HTTP, "trace_header_name", text),
    together(
        "output.http.response_body_transformer",
        "nothing, if it is *noop*. auship has no format for the notification service",
    ),
    named("output.http.debug", "auship doesn't write documents to its log; set curl_verbose = yes to see requests"),
    ours("output.http.breaker_failure_ratio", HTTP, "breaker_failure_ratio", fraction),
    ours("output.http.idle_conn_timeout", HTTP, "idle_conn_timeout", viper_time),
    together("output.http.ssl.enabled", "`client_cert`, `client_key` and `ca_cert`, if it is *true*"),
    together("output.http.ssl.client_cert", "`client_cert`"),
    together("output.http.ssl.client_key", "`client_key`"),
    together("output.http.ssl.ca_cert", "`ca_cert`"),
    together(
        "output.syslog.enabled",
        "`[output:syslog]`. A section whose output isn't enabled is an example in the result",
    ),
    ours("output.syslog.attempts", SYSLOG, "attempts", number),
    together("output.syslog.network", "`network`: *unixgram* is `unix`, *unix* is `unix-stream`, *udp* and *tcp* stay"),
    together("output.syslog.address", "`address`"),
    ours("output.syslog.priority", SYSLOG, "priority", number),
    ours("output.syslog.tag", SYSLOG, "tag", text),
    together(
        "output.file.enabled",
        "`[output:file]`. A section whose output isn't enabled is an example in the result",
    ),
    named("output.file.attempts", UNTIL_IT_WORKS),
    ours("output.file.path", FILE, "path", text),
    ours("output.file.mode", FILE, "mode", mode),
    ours("output.file.user", FILE, "owner", text),
    ours("output.file.group", FILE, "group", text),
    named("output.gelf.*", NO_GELF),
    named(
        "log.flags",
        "auship's own log goes to syslog, or to standard error on a terminal; its lines have no other prefixes",
    ),
    named("notification-service-transformer.extra_attributes.*", NO_NOTIFICATION),
    named("parser.enable_uid_caching", "auship always caches names of users and groups"),
    named("parser.password_file_path", "auship asks the system for names of users and groups, as id(1) does"),
    together("metrics.enabled", "`[metrics]` `statsd`, if it is *true*"),
    together("metrics.address", "`[metrics]` `statsd`. The names of metrics begin with *auship*, see metrics.md"),
    together("metrics.sample_rate", "`[metrics]` `sample_rate`"),
    named("rules", RULES),
    together("filters[].syscall", "`[filter:NAME]` `syscall`. See the text below this table"),
    together("filters[].message_type", "`[filter:NAME]` `record_type`"),
    together("filters[].regex", "`[filter:NAME]` `regex`"),
    together("filters[].key", "`[filter:NAME]` `key`. See the text below this table"),
    together("filters[].action", "`[filter:NAME]` `action`"),
    named("extras.containers.*", NO_CONTAINERS),
];

/// Translates the settings.
pub(super) fn translate(work: &mut Work) {
    work.apply(ROWS, "pauditd or go-audit");
    http(work);
    syslog(work);
    metrics(work);
    super::pauditd_filters::translate(work);
    outputs(work);
}

/// True if the setting is there and means yes. A value that is neither is named.
fn is_on(work: &mut Work, name: &str) -> Option<(Setting, bool)> {
    let setting = work.get(name)?;
    match convert::bool_of(&setting) {
        Ok(on) => Some((setting, on)),
        Err(what) => {
            work.note(&setting, what);
            Some((setting, false))
        }
    }
}

fn http(work: &mut Work) {
    if let Some(setting) = work.get("output.http.url") {
        match convert::url(setting.text().unwrap_or_default()) {
            Ok(url) => {
                work.set(HTTP, "url", &url.url, &setting);
                if let Some(user) = url.user {
                    work.note_login(HTTP, &user, &setting);
                }
            }
            Err(what) => work.note(&setting, format!("{what}; set url by hand")),
        }
    }
    match work.get("output.http.worker_count") {
        Some(count) => match number_of(&count) {
            Ok(many) if many > 64 => {
                work.set(HTTP, "workers", "64", &count);
                work.note(&count, "auship has at most 64 connections, so this became workers = 64");
            }
            count_of => work.set_converted(HTTP, "workers", count_of.map(|n| n.to_string()), &count),
        },
        None => {
            // pauditd's default.
            if let Some(any) = work.get("output.http.url") {
                work.set(HTTP, "workers", "10", &any);
            }
        }
    }
    if let Some(transformer) = work.get("output.http.response_body_transformer")
        && transformer.text() != Some("noop")
    {
        work.note(&transformer, NO_NOTIFICATION);
    }
    let enabled = is_on(work, "output.http.ssl.enabled").is_some_and(|(_, on)| on);
    for (key, name) in [("ca_cert", "ca_cert"), ("client_cert", "client_cert"), ("client_key", "client_key")] {
        let Some(setting) = work.get(&format!("output.http.ssl.{key}")) else { continue };
        if enabled {
            work.set_converted(HTTP, name, text(&setting), &setting);
        } else {
            work.note(
                &setting,
                format!("isn't used, because output.http.ssl.enabled isn't true; set {name} if the server asks for it"),
            );
        }
    }
}

fn syslog(work: &mut Work) {
    let network = work.get("output.syslog.network");
    let name = match network.as_ref().map(|setting| setting.text().unwrap_or_default()) {
        None | Some("unixgram" | "") => "unix",
        Some("unix") => "unix-stream",
        Some("udp" | "udp4" | "udp6") => "udp",
        Some("tcp" | "tcp4" | "tcp6") => "tcp",
        Some(_) => "",
    };
    if let Some(network) = &network {
        match name {
            "" => {
                work.note(network, "isn't a network that auship has; set network to unix, unix-stream, udp, tcp or tls")
            }
            name => work.set(SYSLOG, "network", name, network),
        }
    }
    if let Some(address) = work.get("output.syslog.address") {
        // Without a network Go's package takes the socket of this host, whatever the address says.
        if network.as_ref().is_none_or(|network| network.text().unwrap_or_default().is_empty()) {
            work.note(&address, "isn't used without output.syslog.network; auship writes to /dev/log, too");
        } else {
            work.set_converted(SYSLOG, "address", text(&address), &address);
        }
    }
    if work.below("output.syslog").is_empty() {
        return;
    }
    if let (None, Some(any)) = (work.get("output.syslog.tag"), work.below("output.syslog").first().cloned()) {
        // The default of each of the two is its own name.
        let is_pauditd = ["metrics", "notification-service-transformer", "parser", "output.http"]
            .iter()
            .any(|start| !work.below(start).is_empty());
        work.set(SYSLOG, "tag", if is_pauditd { "pauditd" } else { "go-audit" }, &any);
    }
}

fn metrics(work: &mut Work) {
    let enabled = is_on(work, "metrics.enabled").is_some_and(|(_, on)| on);
    for (key, name) in [("address", "statsd"), ("sample_rate", "sample_rate")] {
        let Some(setting) = work.get(&format!("metrics.{key}")) else { continue };
        if !enabled {
            work.note(
                &setting,
                format!("isn't used, because metrics.enabled isn't true; set {name} in [metrics] to have it"),
            );
            continue;
        }
        let value = match (name, setting.text()) {
            // An address without a host means this host.
            ("statsd", Some(address)) if address.starts_with(':') => Ok(format!("localhost{address}")),
            ("statsd", _) => text(&setting),
            _ => fraction(&setting),
        };
        work.set_converted(To::Metrics, name, value, &setting);
    }
    if let (true, None, Some(setting)) = (enabled, work.get("metrics.address"), work.get("metrics.enabled")) {
        work.set(To::Metrics, "statsd", "localhost:8125", &setting);
    }
}

/// Makes examples of outputs that aren't enabled.
fn outputs(work: &mut Work) {
    for (name, to) in OUTPUTS {
        let enabled = is_on(work, &format!("output.{name}.enabled"));
        let To::Output(_, kind) = to else { continue };
        match enabled {
            Some((setting, true)) => {
                work.draft.output(name, kind, &origin(&setting));
                work.note(
                    &setting,
                    "documents are ECS (docs/ecs.md), not pauditd's or go-audit's; change what reads them",
                );
                if name == "stdout" {
                    work.note(&setting, STDOUT_IS_LOST);
                }
                if name == "file" {
                    let output = work.draft.output(name, kind, &origin(&setting));
                    output.comment("The old program writes this file too. While both programs run, set another path.");
                }
            }
            off => {
                if let Some(output) = work.draft.existing_output(name) {
                    output.comment("This output isn't enabled in the old configuration.");
                    output.switch_off();
                }
                let any =
                    work.below(&format!("output.{name}")).into_iter().find(|setting| setting.value != Value::Nothing);
                if let Some(setting) = off.map(|(setting, _)| setting).or(any) {
                    work.note(
                        &setting,
                        format!(
                            "output.{name} isn't enabled, so [output:{name}] is an example in the result, or missing"
                        ),
                    );
                }
            }
        }
    }
}
