#!/usr/bin/python3
"""Compares the fields that Elastic's public detection rules ask for with those that `format = ecs` writes.

usage: detection_rules.py AUSHIP RULES LOG... [--write FILE]

RULES is a work tree of elastic/detection-rules. Its directories rules/ and rules_building_block/ hold one rule a file.
The rules count whose index patterns, integrations or query name auditd_manager or auditbeat, except for deprecated ones
and those of machine-learning jobs, which have no query. AUSHIP converts each LOG; the fields of
its documents are those that there are, and ALSO lists the others that documents can have.

Prints the tables of docs/detection-rules.md, or with --write puts them there. The status is 1 if a field is missing that
REASONS doesn't explain, or a line of REASONS explains nothing. Only names of fields and counts are taken from the rules.
"""
import collections
import fnmatch
import json
import pathlib
import re
import subprocess
import sys

try:
    import tomllib
except ImportError:  # before Python 3.11
    import tomli as tomllib

MARK = "<!-- made by tests/tools/detection_rules.py -->\n"
NAMES = re.compile("auditd_manager|auditbeat")
# Fields that documents can have although no converted log shows them, and why.
ALSO = {
    "network.transport": "of NETFILTER_PKT records",
    "event.ingested": "the pipeline that auship setup installs sets it",
    "event.original": "with event_original = yes",
    "data_stream.type": "of an output with data_stream",
    "data_stream.dataset": "of an output with data_stream",
    "data_stream.namespace": "of an output with data_stream",
    "process.parent.command_line": "of a parent whose start was seen",
    "process.parent.args_count": "of a parent whose start was seen",
    "_id": "metadata of every document",
    "_index": "metadata of every document",
    "_version": "metadata of every document",
}
# Why documents lack a field. The first pattern that fits counts.
DEFEND = "Elastic Defend (the `endpoint` integration) makes it. "
NETWORK = "Packetbeat and firewalls write it. "
REASONS = [
    ("auditd.data.class", "The kernel writes no such field for system calls. The other conditions of the rule can match."),
    ("message", "The rule reads the text of the kernel's log."),
    ("network.*", NETWORK + "Records of system calls name addresses and ports alone."),
    ("process.entity_id", DEFEND + "Records have the number of the process, which is in `process.pid`."),
    ("process.parent.entity_id", "As `process.entity_id`."),
    ("process.entry_leader.*", DEFEND + "Records have the number of the session, which is in `auditd.session`."),
    ("process.thread.capabilities.*", DEFEND + "Records of some calls have sets of capabilities; these are in "
     "`auditd.data`."),
    ("*.hash.*", "Records have no hashes."),
    ("registry.path", "Windows has a registry."),
    ("url.*", NETWORK + "Records have no contents of connections."),
    ("vulnerability.id", "Scanners for vulnerabilities write it."),
]


def dotted(text):
    """The names with dots in a text without quotes and comments."""
    return set(re.findall(r"(?<![\w.*@])[A-Za-z_@][\w@]*(?:\.[\w@*]+)+", text))


def without(text, *kinds):
    """The text without comments and quoted strings."""
    pattern = r'"""(?:.|\n)*?"""|"(?:\\.|[^"\\])*"'
    if "comments" in kinds:
        pattern += r"|//[^\n]*|/\*(?:.|\n)*?\*/"
    if "backquotes" in kinds:
        pattern += r"|`[^`]*`"
    return re.sub(pattern, " 0 ", text)


def of_kql(query):
    """A field stands before a colon or a comparison."""
    return set(re.findall(r"([\w@.*-]+)\s*(?::|[<>]=?)", without(query)))


def of_eql(query):
    """Every name with a dot is a field. EQL asks for the time and the category of events too."""
    return dotted(without(query, "comments", "backquotes").replace("?", " ")) | {"@timestamp", "event.category"}


def of_esql(query):
    """The names with dots that the query doesn't give itself; KQL may stand in it as a string."""
    inner = re.findall(r'KQL\(\s*"""((?:.|\n)*?)"""', query, re.IGNORECASE)
    text = without(query, "comments")
    text = re.sub(r"(?i)^\s*FROM\b[^|]*", " ", text)
    own = set(re.findall(r"([\w.]+)\s*=(?!=)", text)) | {name for name in dotted(text) if name.startswith("Esql")}
    return (dotted(text) - own).union(*map(of_kql, inner))


LANGUAGES = {"kuery": of_kql, "eql": of_eql, "esql": of_esql}


def settings_of(rule):
    """The fields that a rule's kind needs besides its query: new terms, thresholds and indicators."""
    yield from rule.get("new_terms", {}).get("value", [])
    threshold = rule.get("threshold", {})
    yield from threshold.get("field", [])
    for cardinality in threshold.get("cardinality", []):
        yield cardinality["field"]
    for mapping in rule.get("threat_mapping", []):
        yield from (entry["field"] for entry in mapping["entries"])


class Rule:
    """What counts of a rule: where it is, whether it is for Auditd Manager or only for Auditbeat, and its fields."""

    def __init__(self, place, given):
        rule, integrations = given["rule"], given["metadata"].get("integration", [])
        integrations = [integrations] if isinstance(integrations, str) else integrations
        query = rule.get("query", "")
        named = " ".join([*rule.get("index", []), *integrations, query])
        self.place, self.learns = place, rule["type"] == "machine_learning"
        self.counts = bool(NAMES.search(named))
        self.manager = "auditd_manager" in named
        read = LANGUAGES.get(rule.get("language"))
        self.fields = read(query) | set(settings_of(rule)) if read and query else set()


def rules(tree):
    """All rules that count, those of machine-learning jobs among them."""
    for directory in ("rules", "rules_building_block"):
        for path in sorted((tree / directory).rglob("*.toml")):
            if "_deprecated" not in path.parts:
                place = "/".join(path.relative_to(tree).parts[:-1])
                rule = Rule(place, tomllib.loads(path.read_text(encoding="utf-8")))
                if rule.counts and (rule.fields or rule.learns):
                    yield rule


def leaves(value, name=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for inner in value:
            yield from leaves(inner, name)
    else:
        yield name


def written(auship, logs):
    """The fields of the logs' documents."""
    fields = set(ALSO)
    for log in logs:
        made = subprocess.run([auship, "convert", "--format", "ecs", log], capture_output=True, check=True)
        for line in made.stdout.splitlines():
            fields.update(leaves(json.loads(line)))
    return fields


def has(fields, field):
    """Whether documents can have a field, or one that fits its pattern."""
    if "*" in field:
        return any(fnmatch.fnmatchcase(name, field) for name in fields)
    # A text subfield of the index template.
    return field in fields or (field.endswith(".text") and field[:-len(".text")] in fields)


def why(field):
    return next((reason for reason in REASONS if fnmatch.fnmatchcase(field, reason[0])), None)


def counted(rules, fields):
    """How many rules there are, and for how many every field is there."""
    return len(rules), sum(all(has(fields, field) for field in rule.fields) for rule in rules)


def tables(found, fields, release):
    """The tables as text, and what is wrong."""
    asking = [rule for rule in found if not rule.learns]
    total, whole = counted(asking, fields)
    lines = [f"The rules are those of {release}.", "",
             f"{total} rules have a query. For {whole} of them, every field is there.",
             f"Rules of machine-learning jobs have no query. There are {len(found) - total} of them."]
    lines += ["", "| rules for | rules | every field is there |", "|---|---:|---:|"]
    for name, manager in (("Auditd Manager, and perhaps Auditbeat", True), ("Auditbeat alone", False)):
        lines.append("| %s | %d | %d |" % (name, *counted([rule for rule in asking if rule.manager is manager], fields)))
    lines += ["", "| directory | rules | every field is there |", "|---|---:|---:|"]
    for place in sorted({rule.place for rule in asking}):
        lines.append("| `%s` | %d | %d |" % (place, *counted([rule for rule in asking if rule.place == place], fields)))
    missing, alone = collections.Counter(), collections.Counter()
    for rule in asking:
        lacking = {field for field in rule.fields if not has(fields, field)}
        missing.update(lacking)
        alone.update(lacking if len(lacking) == 1 else ())
    lines += ["", "## Missing fields", "", "*Alone* counts the rules where this is the only missing field.", ""]
    lines += ["| field | rules | alone | why |", "|---|---:|---:|---|"]
    wrong, used = [], set()
    for field, count in sorted(missing.items(), key=lambda item: (-item[1], item[0])):
        reason = why(field)
        used.add(reason)
        if not reason:
            wrong.append(f"{field} is missing in documents (rules: {count}); REASONS must say why")
        lines.append(f"| `{field}` | {count} | {alone[field]} | {reason and reason[1]} |")
    wrong += [f"REASONS has a line that explains nothing: {reason[0]}" for reason in REASONS if reason not in used]
    return "\n".join(lines) + "\n", wrong


def release_of(tree):
    """The commit of the rules and its date."""
    command = ["git", "-C", tree, "log", "-1", "--format=commit `%h` of %cs", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "an unknown commit"


def main():
    arguments = sys.argv[1:]
    page = None
    if "--write" in arguments:
        at = arguments.index("--write")
        page = pathlib.Path(arguments[at + 1])
        del arguments[at:at + 2]
    auship, tree, *logs = arguments
    text, wrong = tables(list(rules(pathlib.Path(tree))), written(auship, logs), release_of(tree))
    if page and not wrong:
        page.write_text(page.read_text().split(MARK)[0] + MARK + "\n" + text)
    else:
        print(text, end="")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
