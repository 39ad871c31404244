#!/usr/bin/python3
"""Holds `format = ecs` against go-libaudit, the library under Auditbeat: the same records in, the same values out.

usage: conformance.py AUSHIP CASES [--write FILE]
       conformance.py --oracle CASES

CASES is go-libaudit's aucoalesce/testdata: files of records (.yaml), and beside each what the library makes of them
(.json.golden). Its outcome is put into ECS fields as Auditbeat does, and each of those fields must be in auship's
document with the same value. Prints the table of docs/ecs-conformance.md, or with --write puts it there. The status is
1 when a field differs and EXPLAINED doesn't say why, or EXPLAINED has a line that explains nothing.

With --oracle it is ecs.py that the outcome is held against: so both that and the fields here were read out of the
reference rightly, or wrongly in the same way.
"""
import collections
import json
import pathlib
import subprocess
import sys

MARK = "<!-- made by tests/tools/conformance.py -->\n"
ABSENT = None  # no document has a null
# What differs on purpose: file, case (None: each), field, why.
EXPLAINED = [
    ("ubuntu-21.10-linux-5.13", None, "tags",
     "The records lost the byte between what the kernel wrote and the names that auditd added. The reference reads the "
     "key as `(null)ARCH=x86_64`. auship finds the place of the byte, so the event has no key."),
    *(("ubuntu-17.04-linux-4.10.0", "USER_ERR", field, 'The record names no account (`acct="?"`). The reference takes the '
       "user of the program that wrote the record instead, which is root.")
      for field in ("auditd.summary.actor.secondary", "user.effective.id")),
]


def cases(directory):
    """File, name and records of each case. The files are YAML, but only of one shape: a map of blocks of text."""
    for path in sorted(directory.glob("*.yaml")):
        found, name = collections.OrderedDict(), None
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("    "):
                found[name][1].append(line.strip(" "))
            elif line.startswith("  ") and line.rstrip().endswith((": |", ": >")):
                name = line.strip()[:-3]
                found[name] = (line.rstrip()[-1] == ">", [])
        golden = json.loads(pathlib.Path(str(path)[:-len("yaml")] + "json.golden").read_text(encoding="utf-8"))
        golden = {test["test_name"]: test["event"] for test in golden}
        if sorted(golden) != sorted(found):
            sys.exit(f"{path}: cases {sorted(found)}, outcomes {sorted(golden)}")
        for name, (folded, lines) in found.items():
            records = " ".join(lines) if folded else "\n".join(lines)
            yield path.stem, name, records + "\n", golden[name]


def leaves(value, name=""):
    """Dotted names and values; a list is a value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value


USER = {"uid": "user.id", "gid": "user.group.id", "euid": "user.effective.id", "egid": "user.effective.group.id",
        "suid": "user.saved.id", "sgid": "user.saved.group.id", "fsuid": "user.filesystem.id",
        "fsgid": "user.filesystem.group.id", "auid": "user.audit.id"}
PROCESS = {"pid": "pid", "ppid": "parent.pid", "title": "title", "name": "name", "exe": "executable",
           "cwd": "working_directory", "args": "args"}
ADDRESS = {"hostname": "domain", "ip": "ip", "port": "port", "path": "path"}
# Numbers in ECS, text in the library.
NUMBERS = {"process.pid", "process.parent.pid", "source.port", "destination.port"}


def entity(want, field, of):
    """A user or group of the library's `ecs` part takes the place of what the ids said.

    The library's tests look no names up, so an id may have one.
    """
    if not (of.get("id") or of.get("name")):
        return
    want[field + ".id"] = ABSENT if of.get("id", "unset") == "unset" else of["id"]
    if "name" in of or want[field + ".id"] is ABSENT:
        want[field + ".name"] = of.get("name", ABSENT)


def expected(event):
    """The ECS fields of an event of the library, as Auditbeat writes them. ABSENT where it takes one out."""
    ecs, want = event["ecs"], {}
    time, fraction = event["@timestamp"].rstrip("Z").partition(".")[::2]
    want["@timestamp"] = f"{time}.{fraction or '0':0<3}Z"
    want["event.sequence"] = event["sequence"]
    want["event.kind"] = ecs["event"].get("kind", "event")
    want["event.category"] = ecs["event"].get("category", ABSENT)
    want["event.type"] = ecs["event"].get("type", ABSENT)
    if "action" in event["summary"]:
        want["event.action"] = event["summary"]["action"]
    want["event.outcome"] = {"success": "success", "fail": "failure"}.get(event["result"], "unknown")
    want["event.module"] = want["service.type"] = "auditd"
    want["auditd.message_type"] = event["record_type"]
    want["auditd.sequence"] = event["sequence"]
    want["auditd.result"] = event["result"]
    want["auditd.session"] = event["session"] or ABSENT
    want["tags"] = event.get("tags", ABSENT)
    for field, value in leaves(event["summary"]):
        if field != "action":
            want["auditd.summary." + field] = value
    for name, value in event.get("data", {}).items():
        want["auditd.data." + ("socket." + name[len("socket_"):] if name.startswith("socket_") else name)] = value
    for n, path in enumerate(event.get("paths", [])):
        want.update((f"auditd.paths.{n}.{name}", value) for name, value in path.items())
    for name, value in event["user"].get("ids", {}).items():
        want[USER.get(name, f"user.{name}.id")] = ABSENT if value == "unset" else value
    for name, value in event["user"].get("selinux", {}).items():
        want["user.selinux." + name] = value
    entity(want, "user", ecs["user"])
    entity(want, "user.effective", ecs["user"]["effective"])
    entity(want, "user.target", ecs["user"]["target"])
    entity(want, "user.changes", ecs["user"]["changes"])
    entity(want, "group", ecs["group"])
    same = all(want.get("user.effective." + key, ABSENT) == want.get("user." + key, ABSENT) for key in ("id", "name"))
    for field in [field for field in want if field.startswith("user.effective.")] if same else []:
        if want[field] == want.get(field.replace(".effective", ""), ABSENT):
            want[field] = ABSENT
    for name, value in event.get("process", {}).items():
        want["process." + PROCESS[name]] = value
    for field, value in leaves(event.get("file", {})):
        want["file." + field] = value
    for end in ("source", "destination"):
        for name, value in event.get(end, {}).items():
            want[f"{end}.{ADDRESS[name]}"] = value
    if "network" in event:
        want["network.direction"] = event["network"]["direction"]
    for field in NUMBERS & set(want):
        want[field] = int(want[field])
    return want


def found(document, field):
    value = document
    for part in field.split("."):
        if isinstance(value, list):
            value = value[int(part)] if part.isdigit() and int(part) < len(value) else ABSENT
        else:
            value = value.get(part, ABSENT) if isinstance(value, dict) else ABSENT
    return value


def why(file, case, field):
    """The line of EXPLAINED that says why a field may differ."""
    for line in EXPLAINED:
        if line[0] in (None, file) and line[1] in (None, case) and line[2] == field:
            return line
    return None


def against_oracle(directory):
    """Where the oracle's fields differ from the reference's."""
    sys.dont_write_bytecode = True
    import ecs
    compared = 0
    for file, case, records, event in cases(directory):
        want = expected(event)
        for sec, milli, serial, node, parts in ecs.events(records.encode()):
            for field, said in ecs.expected(ecs.Event(parts), (sec, milli, serial, node)).items():
                if field not in want or why(file, case, field):
                    continue
                compared += 1
                if not ecs.agrees(ecs.ABSENT if want[field] is ABSENT else want[field], said):
                    yield f"{file}, {case}: {field} is {said}, in the reference {want[field]}"
    if compared < 1000:
        yield f"only {compared} fields compared"


def main():
    if sys.argv[1] == "--oracle":
        differences = list(against_oracle(pathlib.Path(sys.argv[2])))
        print("\n".join(differences))
        return 1 if differences else 0
    auship, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    rows, notes, wrong, used = [], [], [], set()
    for file, case, records, event in cases(directory):
        command = [auship, "convert", "--format", "ecs"]
        made = subprocess.run(command, input=records.encode(), capture_output=True, check=True)
        documents = [json.loads(line) for line in made.stdout.splitlines()]
        if len(documents) != 1:
            wrong.append(f"{file}, {case}: {len(documents)} documents")
            continue
        want, explained = expected(event), 0
        for field, value in want.items():
            have = found(documents[0], field)
            if have == value and type(have) is type(value):
                continue
            line = why(file, case, field)
            if line:
                used.add(line)
                explained += 1
                notes.append((file, case, field, line[3]))
            else:
                wrong.append(f"{file}, {case}: {field} is {json.dumps(have)}, in the reference {json.dumps(value)}")
        rows.append((file, case, len(want), len(want) - explained, explained))
    wrong += [f"EXPLAINED has a line that explains nothing: {line}" for line in EXPLAINED if line not in used]
    total = [sum(row[i] for row in rows) for i in (2, 3, 4)]
    table = [f"{len(rows)} cases, {total[0]} fields compared: {total[1]} equal, {total[2]} different with a reason."]
    table += ["", "| file | case | compared | equal | different |", "|---|---|---:|---:|---:|"]
    table += ["| %s | %s | %d | %d | %d |" % row for row in rows]
    if notes:
        table += ["", "## Different, and why", "", "| file | case | field | why |", "|---|---|---|---|"]
        table += ["| %s | %s | `%s` | %s |" % note for note in notes]
    table = "\n".join(table) + "\n"
    if "--write" in sys.argv and not wrong:
        path = pathlib.Path(sys.argv[sys.argv.index("--write") + 1])
        path.write_text(path.read_text().split(MARK)[0] + MARK + "\n" + table)
    elif not wrong:
        print(table, end="")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
