//! The keys of Auditbeat. They are those of auditbeat.reference.yml and of docs/reference/auditbeat in
//! github.com/elastic/beats, versions 7 to 9.

use super::{
    convert::{beats_time, mode, number, size, text},
    row::{Row, To, named, ours, together},
};

pub(super) const ELASTICSEARCH: To = To::Output("elasticsearch", "elasticsearch");
pub(super) const FILE: To = To::Output("file", "file");
pub(super) const CONSOLE: To = To::Output("console", "stdout");

const RULES: &str =
    "auship doesn't load audit rules; put them into /etc/audit/rules.d/*.rules, and run augenrules --load";
const KERNEL: &str = "auditd sets up the kernel's auditing, not auship; write it as an audit rule";
const OTHER_MODULE: &str = "auship ships audit events only; keep Auditbeat for this module";
const FIELDS: &str = "auship adds no fields of your own; let an ingest pipeline of the cluster add them";
const ONE_FILE: &str = "auship reads one configuration; run auship migrate on each file of the modules that are in use";
const SETUP: &str = "auship setup installs templates, a pipeline and policies, see auship(8)";
const DASHBOARDS: &str = "auship loads no dashboards; conf/dashboards has some to import, and those of Auditbeat can \
                          be pointed at the index";
const LOGGING: &str = "auship's own log goes to syslog, or to standard error on a terminal";
const MONITORING: &str = "auship's metrics go to [metrics] statsd or prometheus_file, see metrics.md";
const DISK: &str = "auship's spool has no such setting";
const NO_LOGSTASH: &str = "auship doesn't speak Logstash's protocol; use output type = http with an http input of \
                           Logstash, or type = elasticsearch";
const NO_KAFKA: &str = "auship has no Kafka output; write to a file, and let another shipper follow it";
const NO_REDIS: &str = "auship has no Redis output; write to a file, and let another shipper follow it";
const TLS: &str = "auship uses OpenSSL's settings, which the system's policy decides";
const PIN: &str = "auship has no pins; name a file with just the right CA in ca_cert";
const RELOAD: &str = "auship notices changed certificates itself";
const KERBEROS: &str = "auship has no Kerberos; use api_key_file, or user and password_file";
const CODEC: &str = "each document is one line of strict JSON, without escapes for HTML";

/// The keys of Auditbeat. Keys of the module auditd stand here as `auditbeat.modules.auditd.KEY`, those of other modules
/// as `auditbeat.modules.OTHER`.
pub(super) static ROWS: &[Row] = &[
    named("auditbeat.config.modules.*", ONE_FILE),
    named("auditbeat.max_start_delay", "auship starts at once"),
    together("auditbeat.modules.auditd.module", "nothing: auship ships what the module auditd ships"),
    together("auditbeat.modules.auditd.enabled", "nothing, if it is *true*"),
    together("auditbeat.modules.auditd.resolve_ids", "`[input]` `resolve_ids`: *true* is `local`, *false* is `never`"),
    named(
        "auditbeat.modules.auditd.failure_mode",
        "auditd sets up the kernel's auditing, not auship; write -f 0, -f 1 or -f 2 into the audit rules",
    ),
    named(
        "auditbeat.modules.auditd.backlog_limit",
        "auditd sets up the kernel's auditing, not auship; write -b NUMBER into the audit rules",
    ),
    named(
        "auditbeat.modules.auditd.rate_limit",
        "auditd sets up the kernel's auditing, not auship; write -r NUMBER into the audit rules",
    ),
    named(
        "auditbeat.modules.auditd.immutable",
        "auditd sets up the kernel's auditing, not auship; write -e 2 at the end of the audit rules",
    ),
    named(
        "auditbeat.modules.auditd.backpressure_strategy",
        "auditd reads from the kernel, not auship; --backlog_wait_time 0 in the audit rules makes the kernel drop \
         instead of wait",
    ),
    named(
        "auditbeat.modules.auditd.socket_type",
        "auship reads what auditd passes on; let auditd start it as a plugin",
    ),
    named(
        "auditbeat.modules.auditd.reassembler.*",
        "auship passes an event on when its last record has come, after 2 seconds at the latest",
    ),
    named("auditbeat.modules.auditd.stream_buffer_consumers", KERNEL),
    named(
        "auditbeat.modules.auditd.stream_buffer_queue_size",
        "the queue between auditd and auship is q_depth in auditd.conf; the one of an output is ring_slots",
    ),
    together("auditbeat.modules.auditd.include_raw_message", "`event_original`"),
    named(
        "auditbeat.modules.auditd.include_warnings",
        "auship writes no warnings into documents; it counts and logs records that it can't read",
    ),
    named("auditbeat.modules.auditd.audit_rules", RULES),
    named("auditbeat.modules.auditd.audit_rule_files", RULES),
    named(
        "auditbeat.modules.auditd.ignore_errors",
        "auship doesn't load audit rules; auditctl -i ignores errors in them",
    ),
    named("auditbeat.modules.auditd.keep_null", "documents have no fields without a value"),
    named("auditbeat.modules.auditd.fields.*", FIELDS),
    named("auditbeat.modules.auditd.fields_under_root", FIELDS),
    named(
        "auditbeat.modules.auditd.tags",
        "tags of documents are the rule keys; let an ingest pipeline of the cluster add others",
    ),
    named(
        "auditbeat.modules.auditd.processors.*",
        "auship has no processors. For drop_event write a [filter:NAME]; for the others use an ingest pipeline of the \
         cluster",
    ),
    named(
        "auditbeat.modules.auditd.index",
        "auship has one index for each output; set index in [output:elasticsearch]",
    ),
    named("auditbeat.modules.auditd.service.name", FIELDS),
    named("auditbeat.modules.OTHER.*", OTHER_MODULE),
    named("name", "documents have the host's name; auship can't change it"),
    named("tags", "tags of documents are the rule keys; let an ingest pipeline of the cluster add others"),
    named("fields.*", FIELDS),
    named("fields_under_root", FIELDS),
    named("timestamp.precision", "the kernel gives milliseconds, and documents have them"),
    together("queue.mem.events", "`ring_slots`"),
    named(
        "queue.mem.flush.min_events",
        "auship sends what it has; bulk_events and bulk_interval say how much and how long it collects",
    ),
    together("queue.mem.flush.timeout", "`bulk_interval`"),
    together("queue.disk.path", "`spool_dir`, which is a directory of auship's own: */var/spool/auship/elasticsearch*"),
    together(
        "queue.disk.max_size",
        "`spool_limit`. The spool drops the oldest events when it is full, see `spool_full`",
    ),
    named("queue.disk.segment_size", DISK),
    named("queue.disk.read_ahead", DISK),
    named("queue.disk.write_ahead", "auship's queue in front of the spool is the ring: ring_slots and ring_bytes"),
    named("queue.disk.retry_interval", DISK),
    named("queue.disk.max_retry_interval", DISK),
    named("queue.spool.*", "use spool_dir and spool_limit of the output"),
    named("max_procs", "auship has few threads; limit it with CPUQuota of systemd"),
    named(
        "processors.*",
        "auship has no processors. For drop_event write a [filter:NAME]; for the others use an ingest pipeline of the \
         cluster",
    ),
    named("cloud.id", "auship needs the address itself; set url in [output:elasticsearch] to the cluster's endpoint"),
    named(
        "cloud.auth",
        "a password can't stand in auship's configuration; set user and password_file, or api_key_file",
    ),
    together(
        "output.elasticsearch.enabled",
        "nothing, if it is *true*. Otherwise the section is an example in the result",
    ),
    together("output.elasticsearch.hosts", "`url`, with `protocol`, `path` and the port 9200 if they are missing"),
    together("output.elasticsearch.protocol", "the scheme of `url`"),
    together("output.elasticsearch.path", "the path of `url`"),
    named(
        "output.elasticsearch.preset",
        "auship has no presets; bulk_events, bulk_interval, workers and gzip say the same",
    ),
    together("output.elasticsearch.compression_level", "`gzip`: *0* is no, everything else is yes"),
    named("output.elasticsearch.escape_html", CODEC),
    together("output.elasticsearch.username", "`user`, with `password_file`"),
    together(
        "output.elasticsearch.password",
        "`password_file`. It is an example in the result: write the password into a file of its own",
    ),
    together(
        "output.elasticsearch.api_key",
        "`api_key_file`. It is an example in the result: write the key into a file of its own",
    ),
    named(
        "output.elasticsearch.parameters.*",
        "auship adds no parameters to requests; a pipeline can be the default pipeline of the index",
    ),
    together("output.elasticsearch.worker", "`workers`: for all hosts together, at most 64"),
    together("output.elasticsearch.workers", "`workers`: for all hosts together, at most 64"),
    named("output.elasticsearch.loadbalance", "requests always go to the working hosts in turn"),
    together(
        "output.elasticsearch.index",
        "`index`, if it has no field names in it: *%{+yyyy.MM.dd}* becomes *%Y.%m.%d*",
    ),
    named(
        "output.elasticsearch.indices.*",
        "auship has one index for each output; let an ingest pipeline of the cluster choose another",
    ),
    named("output.elasticsearch.ilm.*", SETUP),
    named(
        "output.elasticsearch.pipeline",
        "set it as default pipeline of the index; auship setup installs one as final pipeline",
    ),
    named(
        "output.elasticsearch.pipelines.*",
        "set one as default pipeline of the index; auship setup installs one as final pipeline",
    ),
    together(
        "output.elasticsearch.headers.*",
        "`header.NAME`. Headers whose values are secrets have to be written by hand",
    ),
    together("output.elasticsearch.proxy_url", "`proxy`, without a user's name and password"),
    named("output.elasticsearch.proxy_headers.*", "auship sends no headers to a proxy"),
    named(
        "output.elasticsearch.proxy_disable",
        "unset HTTP_PROXY and HTTPS_PROXY in the environment of auditd; leave proxy out",
    ),
    named(
        "output.elasticsearch.max_retries",
        "with spool_dir auship tries until a document is accepted; without one, attempts times",
    ),
    ours("output.elasticsearch.bulk_max_size", ELASTICSEARCH, "bulk_events", number),
    ours("output.elasticsearch.backoff.init", ELASTICSEARCH, "retry_min", beats_time),
    ours("output.elasticsearch.backoff.max", ELASTICSEARCH, "retry_max", beats_time),
    ours("output.elasticsearch.idle_connection_timeout", ELASTICSEARCH, "idle_conn_timeout", beats_time),
    ours("output.elasticsearch.timeout", ELASTICSEARCH, "timeout", beats_time),
    named("output.elasticsearch.allow_older_versions", "auship writes to Elasticsearch 7 and later, and to OpenSearch"),
    named("output.elasticsearch.non_indexable_policy.*", "documents that the cluster refuses go to dead_letter_file"),
    named("output.elasticsearch.queue.*", "write queue outside of the output, and translate again"),
    together("output.elasticsearch.ssl.enabled", "nothing, if it is *true*; *https* in `url` says the same"),
    together(
        "output.elasticsearch.ssl.verification_mode",
        "`ssl_verify`: *none* is no, everything else is yes. auship always verifies the name too",
    ),
    named("output.elasticsearch.ssl.supported_protocols", TLS),
    together("output.elasticsearch.ssl.certificate_authorities", "`ca_cert`, if it is one file"),
    together("output.elasticsearch.ssl.certificate", "`client_cert`, if it is a file"),
    together("output.elasticsearch.ssl.key", "`client_key`, if it is a file"),
    named(
        "output.elasticsearch.ssl.key_passphrase",
        "auship reads keys without a passphrase; write the key without one: openssl pkey -in OLD -out NEW, mode 0600",
    ),
    named(
        "output.elasticsearch.ssl.key_passphrase_path",
        "auship reads keys without a passphrase; write the key without one: openssl pkey -in OLD -out NEW, mode 0600",
    ),
    named("output.elasticsearch.ssl.cipher_suites", TLS),
    named("output.elasticsearch.ssl.curve_types", TLS),
    named("output.elasticsearch.ssl.renegotiation", TLS),
    named("output.elasticsearch.ssl.ca_sha256", PIN),
    named("output.elasticsearch.ssl.ca_trusted_fingerprint", PIN),
    named("output.elasticsearch.ssl.restart_on_cert_change.*", RELOAD),
    named("output.elasticsearch.kerberos.*", KERBEROS),
    named("output.logstash.*", NO_LOGSTASH),
    named("output.kafka.*", NO_KAFKA),
    named("output.redis.*", NO_REDIS),
    named("output.discard.*", "auship has no output that throws documents away; leave the output out"),
    together("output.file.enabled", "nothing, if it is *true*. Otherwise the section is an example in the result"),
    together("output.file.path", "the directory of `path`"),
    together("output.file.filename", "the name of the file in `path`, with *.ndjson*"),
    together("output.file.rotate_every_kb", "`rotate_size`. The default stays 10 MiB"),
    ours("output.file.number_of_files", FILE, "rotate_keep", number),
    ours("output.file.permissions", FILE, "mode", mode),
    named("output.file.rotate_on_startup", "auship goes on writing the same file"),
    named("output.file.codec.*", CODEC),
    named("output.file.queue.*", "write queue outside of the output, and translate again"),
    together(
        "output.console.enabled",
        "`[output:console]` with `type = stdout`, if it is *true*. auditd throws away what a plugin writes there. \
         Otherwise the section is an example in the result",
    ),
    named("output.console.pretty", CODEC),
    named("output.console.codec.*", CODEC),
    named("output.console.bulk_max_size", "auship writes each document as it comes"),
    named("output.console.queue.*", "write queue outside of the output, and translate again"),
    named("path.home", "auship has no such directory"),
    named("path.config", "auship reads one file, /etc/auship/auship.conf or that of --config"),
    named("path.data", "auship keeps data in spool_dir of each output and in run_dir"),
    named("path.logs", LOGGING),
    named("keystore.path", "auship has no keystore; it reads secrets from files: password_file, api_key_file"),
    named("setup.dashboards.*", DASHBOARDS),
    named("setup.kibana.*", DASHBOARDS),
    named("setup.template.*", SETUP),
    named("setup.ilm.*", SETUP),
    named("setup.dsl.*", SETUP),
    named("logging.level", "auship's log has no levels to choose"),
    named("logging.metrics.enabled", "[metrics] status_period = 0s switches auship's status line off"),
    ours("logging.metrics.period", To::Metrics, "status_period", beats_time),
    named("logging.*", LOGGING),
    named("monitoring.*", MONITORING),
    named("xpack.monitoring.*", MONITORING),
    named("http.*", MONITORING),
    named("seccomp.*", "auship sets no filter of system calls for itself; use SystemCallFilter of systemd for auditd"),
    named("instrumentation.*", MONITORING),
    named("migration.*", "auship has no such aliases"),
    named("features.*", "the host's name in documents is the fully qualified one, if it can be looked up"),
];

/// A size that counts in kilobytes without a unit.
pub(super) fn kilobytes(setting: &super::setting::Setting) -> super::convert::Converted {
    match super::convert::number_of(setting) {
        Ok(kb) => kb.checked_mul(1024).map(super::convert::show_size).ok_or_else(|| "is too large".into()),
        Err(_) => size(setting),
    }
}

/// The text of a path.
pub(super) fn file(setting: &super::setting::Setting) -> super::convert::Converted {
    match text(setting) {
        Ok(path) if path.contains("-----BEGIN") => {
            Err("has the text of a certificate or key; write it into a file".into())
        }
        other => other,
    }
}
