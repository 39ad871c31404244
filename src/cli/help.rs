//! The help texts of the commands.

/// The help of the program.
pub(super) const HELP: &str = "auship reads Linux audit records and ships each event as one JSON document.

usage: auship [run] [--config FILE]          read records from standard input until its end or SIGTERM
       auship convert [--format NAME] [--config FILE] [--resolve-ids=WHOSE] [FILE]...
                                             convert audit logs (files or standard input) to JSON lines
       auship check [--config FILE]          print the configuration in effect, or its faults
       auship check --keys                   print all keys of the configuration and their meanings
       auship check --connect [--config FILE] [--output NAME]
                                             try whether each server can be reached and lets this host in
       auship setup [--config FILE] [--output NAME] [--dry-run] [--from DIR]
                                             install templates, a pipeline and policies in a cluster
       auship spool list|cat|verify DIR      look into a spool, and change nothing there
       auship migrate [--from PROGRAM] FILE  make a configuration from one of audisp-json, LAUREL, Auditbeat or pauditd
       auship --version | --help             print the version or this help
       auship COMMAND --help                 print the help of a command, with an example

FILE defaults to /etc/auship/auship.conf. auditd starts the plugin without arguments.
Exit status: 0 done, 1 failed while running, 2 wrong usage or configuration.
";

/// The help of `auship run`.
pub(super) const HELP_RUN: &str = "usage: auship [run] [--config FILE]

Reads audit records from standard input until its end or SIGTERM. Delivers every event to the outputs in
FILE (default /etc/auship/auship.conf). At the end it delivers the events that are still queued, and logs
totals. SIGHUP reads FILE again and reopens log files. SIGUSR1 writes a report of all metrics.

example: without auditd, follow a log as it grows
  tail -F /var/log/audit/audit.log | auship run --config ./auship.conf
";

/// The help of `auship convert`.
pub(super) const HELP_CONVERT: &str =
    "usage: auship convert [--format NAME] [--config FILE] [--resolve-ids=WHOSE] [FILE]...

Writes each event of the audit logs as one line of JSON on standard output. Without FILE, or with '-', it
reads standard input. Name the oldest log first: an event may begin in one log and end in the next.

Logs may be compressed with gzip, zstd or xz. Before records there may be the text of syslog, the journal or dmesg.

  --format NAME   mozdef (the default) or ecs
  --config FILE   use the filters and resolve_ids in FILE, and the format (with its keys) of the first
                  output in FILE
  --resolve-ids=local|always|never
                  look up names of users and groups on this host for records of this host (local, the
                  default), for all records, or for none

example: convert all logs
  auship convert /var/log/audit/audit.log.2 /var/log/audit/audit.log.1 /var/log/audit/audit.log
";

/// The help of `auship check`.
pub(super) const HELP_CHECK: &str = "usage: auship check [--config FILE] [--keys[=list|conf|man]]
       auship check --connect [--config FILE] [--output NAME]

Checks FILE (default /etc/auship/auship.conf). If it is good, prints the configuration in effect, with
defaults, and exits with 0. Otherwise prints each fault on one line and exits with 2.

  --connect       instead of printing the configuration, try whether each output's server can be reached and lets
                  this host in, and whether files and spools can be written. No event is sent, and nothing is
                  changed. Exits with 1 if something fails. Run it as the user that runs auship, as a rule root
  --output NAME   with --connect: only this output
  --keys          print all keys with their values, defaults and meanings; FILE is not read
  --keys=conf     print a configuration file with every key
  --keys=man      print the definitions of auship.conf(5)

examples:
  auship check --config ./auship.conf
  auship check --keys | grep -A 4 spool_limit
  auship check --connect
";

/// The help of `auship setup`.
pub(super) const HELP_SETUP: &str = "usage: auship setup [--config FILE] [--output NAME] [--dry-run] [--from DIR]

Installs index templates (the types of fields), an ingest pipeline (sets event.ingested, so that detection rules examine
events that arrive late) and a lifecycle policy (the age of indexes) in the cluster of each output of type elasticsearch
in FILE (default /etc/auship/auship.conf). Prints for each object whether it was right, was missing, or how it differed.
Objects that are right are not changed. Existing indexes keep their types, and get the pipeline if they have none.

  --output NAME   only for this output
  --dry-run       change nothing, only print what would be changed
  --from DIR      use the JSON files in DIR instead of the built-in ones; /etc/auship/elasticsearch has copies to edit

example: look first, then install
  auship setup --dry-run
  auship setup
";

/// The help of `auship migrate`.
pub(super) const HELP_MIGRATE: &str = "usage: auship migrate [--from PROGRAM] FILE

Prints a configuration of auship made from FILE, the configuration of another program: audisp-json.conf, LAUREL's
config.toml, auditbeat.yml (or a file of modules.d), or the YAML of pauditd or go-audit. Each key that auship doesn't
have is named on standard error and in the result, as FILE:LINE: KEY: REASON. The result passes auship check on the
machine where it is made. Passwords are never printed. docs/migration.md has all keys, and says how to switch over.

  --from PROGRAM  audisp-json, laurel, auditbeat or pauditd (go-audit too). By default the content of FILE decides

example: translate, look, check
  auship migrate /etc/laurel/config.toml > auship.conf
  auship check --config ./auship.conf
";
