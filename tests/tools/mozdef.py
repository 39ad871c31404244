#!/usr/bin/python3
"""The MozDef contract a second time, slowly: what documents must say, from libauparse's Python binding.

usage: mozdef.py LOG DOCUMENTS [--classic | --live]

Compares each document's details, category and timestamp with what is computed here, whole and exact, and prints
what differs. With --live the documents were made while the events happened: they are matched by time and serial. Their
order and the names of parents (from /proc) are left alone, and there may be documents of events that the log doesn't
have.

Shares no code with auship: where both agree, both read the contract and libauparse the same way.
"""
import datetime
import json
import re
import sys

import auparse

DERIVED = """auditserial auditkey processname process session parentprocess user originaluid originaluser command path
domain type node protocol aaresult aacoperation aaprofile aacommand aaerror aaname aasrcname aaflags recordtypes argv
paths sourceipaddress sourceport destinationipaddress destinationport promiscuous old_promiscuous""".split()
RAW = "pid ppid tty uid gid euid suid fsuid egid sgid fsgid inode dev mode ouid ogid rdev ses auid".split()
OF_PATH = "inode dev mode ouid ogid rdev".split()
RENAMED = {"comm": "processname", "exe": "process", "ses": "session", "auid": "originaluid", "key": "auditkey"}
APPARMOR = {"apparmor": "aaresult", "operation": "aacoperation", "profile": "aaprofile", "comm": "aacommand",
            "error": "aaerror", "name": "aaname", "srcname": "aasrcname", "flags": "aaflags"}
CLASSIC = set("""auditserial auditkey processname process pid ppid tty session parentprocess uid gid euid suid fsuid
egid sgid fsgid user originaluid originaluser command cwd path inode dev mode ouid ogid rdev domain type protocol
aaresult aacoperation aaprofile aacommand aaerror aaname aasrcname aaflags""".split())
CALLS = {}
for word, names in {
    "execve": "execve execveat",
    "write": "write writev pwrite64 pwritev pwritev2 unlink unlinkat rename renameat renameat2 truncate truncate64 "
             "ftruncate ftruncate64 fallocate mkdir mkdirat rmdir mknod mknodat creat symlink symlinkat",
    "read": "read readv pread64 preadv preadv2 link linkat readlink readlinkat mmap mmap2 sendfile sendfile64 "
            "copy_file_range splice open openat openat2 open_by_handle_at",
    "attribute": "setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat utime "
                 "utimes utimensat futimesat",
    "chmod": "chmod fchmod fchmodat fchmodat2",
    "chown": "chown fchown lchown fchownat chown32 fchown32 lchown32",
    "ptrace": "ptrace", "listen": "listen", "connect": "connect", "bind": "bind", "accept": "accept accept4",
    "time": "adjtimex settimeofday stime clock_settime clock_settime64 clock_adjtime clock_adjtime64",
    "socket": "socket socketpair socketcall",
}.items():
    for name in names.split():
        CALLS[name] = word


class Field:
    def __init__(self, name, raw, meaning, escaped):
        self.name, self.raw, self.meaning, self.escaped = name, raw, meaning, escaped
        self.whole = raw


class Record:
    def __init__(self, kind, text, fields):
        self.kind, self.text, self.fields = kind, text, fields

    def first(self, name):
        return next((f for f in self.fields if f.name == name and f.raw not in (None, "", "(null)")), None)


def text_of(get):
    try:
        return get()
    except (UnicodeDecodeError, SystemError, RuntimeError):  # not text, or libauparse has none
        return None


def read_record(au):
    fields = []
    if au.first_field():
        while True:
            kind = au.get_field_type()
            escaped = kind in (auparse.AUPARSE_TYPE_ESCAPED, auparse.AUPARSE_TYPE_ESCAPED_FILE,
                               auparse.AUPARSE_TYPE_ESCAPED_KEY, auparse.AUPARSE_TYPE_PROCTITLE)
            fields.append(Field(au.get_field_name(), text_of(au.get_field_str), text_of(au.interpret_field),
                                "title" if kind == auparse.AUPARSE_TYPE_PROCTITLE else escaped))
            if not au.next_field():
                break
    try:
        name = au.get_type_name()
    except LookupError:
        name = next(f.raw for f in fields if f.name == "type")
    heads = 2 if fields and fields[0].name == "node" else 1
    record = Record(name, text_of(au.get_record_text) or "", fields[heads:])
    for field in record.fields:
        correct(name, field)
    call = record.first("syscall")
    argument = record.first("a2")
    # libauparse takes an address for flags, and a process for a user.
    if call and argument and (call.meaning == "clone" or
                              call.meaning == "fcntl" and record.first("a1").raw == "8"):
        argument.meaning = argument.raw
    stretch(record)
    add_words(record)
    return record


def correct(kind, field):
    """Puts libauparse's mistakes right: its errors, and values that it reads in another base or takes for 0."""
    raw, meaning = field.raw or "", field.meaning or ""
    if kind == "SOCKADDR" and field.name == "saddr":
        if raw == "0100":
            field.meaning = "{ saddr_fam=local unnamed }"
        elif re.search(r"(\(unsupported\)|too short) }$", meaning):
            field.meaning = raw
    elif kind == "SECCOMP" and field.name == "code" and raw == "0x80000000":
        field.meaning = "kill-process"
    elif kind == "OPENAT2" and field.name == "oflag":
        field.meaning = raw
    elif field.name.startswith("cap_f") and not re.fullmatch("[0-9a-f]+", raw):
        field.meaning = raw
    elif kind == "SYSCALL" and field.name == "a0" and meaning == "UNKNOWN":
        field.meaning = raw


def add_words(record):
    """What a record says in words before its first field, and before the first of its user message."""
    def say(name, text):
        record.fields.append(Field(name, text, text, False))
    denial = re.search(r"avc: +(\S+) +\{([^}]*)\}", record.text) if record.kind in ("AVC", "USER_AVC") else None
    names = [f.name for f in record.fields]
    if denial and "seresult" not in names:
        say("seresult", denial[1])
    if denial and "seperms" not in names:
        say("seperms", ",".join(denial[2].split()))
    said = [record.text.split("):", 1)[1]] if "):" in record.text else []
    if record.text.endswith("'") and " msg='" in record.text:
        said.append(record.text.split(" msg='", 1)[1])
    for text in said:
        words = text.split(" ")
        end = next((i for i, word in enumerate(words) if "=" in word[1:]), len(words))
        text = " ".join(words[:end])
        if end == len(words) and text.endswith("'"):
            text = text[:-1]
        text = text.strip()
        if text and not (denial and text.startswith("avc:")):
            say("msg", text)


def stretch(record):
    """A value runs to the next ` name=`: find what libauparse cut off."""
    at = record.text.find("):") + 2 if "audit(" in record.text else 0
    for field in record.fields:
        if field.raw is None:
            continue
        found = re.compile(r"(?:^|[ '(])" + re.escape(field.name) + "=" + re.escape(field.raw)).search(record.text, at)
        if not found:
            continue
        start, end = found.end() - len(field.raw), found.end()
        if record.text[end:end + 1] not in ("", " "):
            end = record.text.find(" ", end)  # punctuation that libauparse takes off
            if end < 0:
                at = len(record.text)
                continue
        at = found.end()
        if len(field.raw) > 1 and field.raw[0] == field.raw[-1] == '"':
            continue
        rest = re.match(r"( +(?:[^ =]+|=[^ ]*))+(?= |$)", record.text[end:])
        if not rest or not rest.group().strip():
            continue
        rest = rest.group()
        # words only up to the next that has a "=" with a name before it
        words = re.match(r"(?:(?: +(?:[^ =]+|=[^ ]*))(?=$| ))*", record.text[end:]).group()
        if field.raw[0] == '"' and '"' in words:
            words = words[:words.index('"') + 1]
        whole = record.text[start:end] + words
        if whole.endswith("'") and end + len(words) == len(record.text) and "msg='" in record.text:
            whole = whole[:-1]
        field.whole = whole.rstrip(" ")


def events(data):
    found = []

    def ready(au, kind, _):
        records = []
        au.first_record()
        stamp = au.get_timestamp()
        while True:
            records.append(read_record(au))
            if not au.next_record():
                break
        found.append((stamp.sec, stamp.milli, stamp.serial, stamp.host, records))

    parser = auparse.AuParser(auparse.AUSOURCE_FEED)
    parser.set_escape_mode(auparse.AUPARSE_ESC_RAW)
    parser.add_callback(ready, None)
    parser.feed(data)
    parser.flush_feed()
    return found


def show(data):
    """Bytes as text, with \\xNN for what isn't UTF-8."""
    return data.decode("utf-8", "backslashreplace")


def unquoted(text):
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def value(field, raw=False):
    """What a field says, as bytes."""
    text = field.whole
    if text is None:
        return (field.meaning or "").encode()
    if raw or text != field.raw or (len(text) > 1 and text[0] == text[-1] == '"'):
        return unquoted(text).encode()
    if field.escaped:
        if re.fullmatch("([0-9A-Fa-f]{2})+", text):
            if field.escaped == "title":
                return bytes.fromhex(text).replace(b"\0", b" ")
            return bytes.fromhex(text[2:] if text.startswith("00") else text)
        return text.encode()
    if field.meaning is None or field.meaning.startswith("(null)("):
        return text.encode()
    if field.meaning.startswith("unknown") and field.name not in ("uid", "auid"):
        return text.encode()
    return unquoted(field.meaning).encode()


def pieces(text):
    data, out = text.encode(), []
    while data:
        cut = data[:30000].decode("utf-8", "ignore").encode()
        out.append(cut.decode())
        data = data[len(cut):]
    return out


class Details(dict):
    def put(self, key, data):
        """A value; its sibling when it isn't UTF-8."""
        def one(text):
            return text if len(text.encode()) <= 30000 else pieces(text)
        self[key] = one(show(data))
        if show(data).encode() != data:
            self[key + "_hex"] = one(data.hex())

    def put_list(self, key, values):
        self[key] = [show(v) for v in values]
        if any(show(v).encode() != v for v in values):
            self[key + "_hex"] = [v.hex() if show(v).encode() != v else "" for v in values]


def arguments(records):
    out, last = [], None
    for record in records:
        if record.kind != "EXECVE":
            continue
        for field in record.fields:
            m = re.fullmatch(r"a(\d+)(\[\d+\])?", field.name)
            if not m:
                continue
            n = int(m[1])
            field.escaped = True
            if m[2] and last == n:
                out[-1] += value(field)
            else:
                out += [b""] * (n - len(out)) + [value(field)]
            last = n if m[2] else None
    return out


def cut_argument(text):
    return text if len(text.encode()) <= 30000 else pieces(text)[0] + "…"


def internet(saddr):
    data = bytes.fromhex(saddr[:len(saddr) & ~1])
    import socket
    if data[:2] == b"\2\0" and len(data) >= 8:
        return socket.inet_ntop(socket.AF_INET, data[4:8]), str(int.from_bytes(data[2:4], "big"))
    if data[:2] == b"\12\0" and len(data) >= 24:
        return socket.inet_ntop(socket.AF_INET6, data[8:24]), str(int.from_bytes(data[2:4], "big"))
    return None


def details(serial, records, parents, classic, node):
    records = [r for r in records if r.kind != "EOE"]
    out = Details(auditserial=str(serial), recordtypes=[r.kind for r in records])
    kinds = [r.kind for r in records]
    order = sorted(range(len(records)), key=lambda i: (kinds[i] != "SYSCALL" or i != kinds.index("SYSCALL"), i))
    syscall = records[order[0]] if "SYSCALL" in kinds else None
    call = value(syscall.first("syscall")).decode() if syscall and syscall.first("syscall") else None
    argv = arguments(records)
    if argv:
        out.put("command", b" ".join(argv))
        out["argv"] = [cut_argument(show(a)) for a in argv]
        if any(show(a).encode() != a for a in argv):
            out["argv_hex"] = ["" if show(a).encode() == a else cut_argument(a.hex()) for a in argv]
    paths = [r for r in records if r.kind == "PATH"]
    if len(paths) > 1:
        out.put_list("paths", [value(r.first("name")) if r.first("name") else b"" for r in paths])
    sockaddr = next((r.first("saddr") for r in records if r.kind == "SOCKADDR"), None)
    if sockaddr and call in ("accept", "accept4", "connect", "sendto", "sendmsg") and internet(sockaddr.raw):
        way = "source" if call.startswith("accept") else "destination"
        out[way + "ipaddress"], out[way + "port"] = internet(sockaddr.raw)

    owner, typed = {}, {}
    for i in order:
        record = records[i]
        apparmor = record.kind in ("AVC", "USER_AVC") and record.first("apparmor")
        fields = [f for f in record.fields if not (record.kind == "EXECVE" and re.fullmatch(r"a\d+(_len|\[\d+\])?", f.name))]
        seen_key = False
        for field in fields:
            if field.whole in ("", "(null)") or (field.raw is None and field.meaning is None and not field.escaped):
                continue
            name, raw = field.name, field.name in RAW
            plain = RENAMED.get(name, name if name and name not in DERIVED else None)
            if apparmor and name in APPARMOR:
                plain, raw = APPARMOR[name], False
            elif record.kind == "PATH" and name == "name":
                plain = "path"
            elif record.kind == "ANOM_PROMISCUOUS" and name in ("prom", "old_prom"):
                plain = {"prom": "promiscuous", "old_prom": "old_promiscuous"}[name]
            elif record is syscall and call == "socket" and name in ("a0", "a1", "a2"):
                plain, raw = {"a0": "domain", "a1": "type", "a2": "protocol"}[name], True
            data = value(field, raw)
            if name == "success":
                data = {b"yes": b"true", b"no": b"false", b"1": b"true", b"0": b"false"}.get(data, data)
            if name == "key":
                if seen_key:
                    continue
                seen_key = True
                every = [value(f) for f in fields if f.name == "key" and f.raw not in ("", "(null)")]
                if "auditkey" not in owner:
                    owner["auditkey"] = i
                    out.put("auditkey", every[0]) if len(every) == 1 else out.put_list("auditkey", every)
                    continue
            taken = plain in owner or (name in OF_PATH and record.kind != "PATH" and any(r.first(name) for r in paths))
            if plain and not taken:
                owner[plain] = i
                out.put(plain, data)
                # This host's names are not those of another one.
                named = not node or field.raw in ("0", "4294967295", "-1")
                if name == "uid" and named:
                    out.put("user", value(field))
                if name == "auid" and named and field.raw not in ("4294967295", "-1"):
                    out.put("originaluser", value(field))
            elif not (record.kind == "PATH" and name == "name"):
                typed.setdefault((record.kind, name), raw)
    for (kind, name), raw in typed.items():
        every = []
        for record in records:
            if record.kind == kind:
                here = [value(f, raw) for f in record.fields if f.name == name and f.whole not in ("", "(null)")]
                every += here or [b""]
        key = kind.lower() + "_" + name
        if sum(1 for v in every if v) == 1:
            out.put(key, next(v for v in every if v))
        else:
            out.put_list(key, every)
    if syscall and syscall.first("pid") and syscall.first("comm"):
        parents.setdefault((node, syscall.first("pid").raw), set()).add(value(syscall.first("comm")).decode(errors="replace"))
        made = syscall.first("exit")
        if call in ("clone", "clone3", "fork", "vfork") and made and made.raw.isdigit() and made.raw != "0":
            parents.setdefault((node, made.raw), set()).add(value(syscall.first("comm")).decode(errors="replace"))
    if classic:
        return {k: v for k, v in out.items() if k in CLASSIC}
    return dict(out)


def category(records):
    kinds = [r.kind for r in records]
    if "ANOM_PROMISCUOUS" in kinds:
        return "promiscuous"
    avc = next((r for r in records if r.kind in ("AVC", "USER_AVC")), None)
    if avc:
        return "apparmor" if avc.first("apparmor") else "selinux"
    if kinds[0] != "SYSCALL":
        return kinds[0].lower()
    record = records[0]
    call = value(record.first("syscall")).decode().split("(")[0]
    word = CALLS.get(call, "syscall")
    if call.startswith("open"):
        flags = {"open": "a1", "openat": "a2", "open_by_handle_at": "a2"}.get(call)
        bits = int(record.first(flags).raw, 16) if flags else 0
        for other in records:
            bits |= int(other.first("oflag").raw, 8) if other.kind == "OPENAT2" else 0
            if other.kind == "PATH" and other.first("nametype") and other.first("nametype").raw == "CREATE":
                bits |= 0o1000
        if bits & 0o1000:
            word = "write"
    return word


def pairs(items):
    if len(dict(items)) != len(items):
        raise ValueError("repeated key")
    return dict(items)


def timestamp(sec, milli):
    when = datetime.datetime.fromtimestamp(sec, datetime.timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + "%03d+00:00" % milli


def main():
    classic = "--classic" in sys.argv
    docs = [json.loads(line, object_pairs_hook=pairs) for line in open(sys.argv[2], encoding="utf-8", newline="\n")]
    found = events(open(sys.argv[1], "rb").read())
    # What didn't come is in no log.
    docs = [doc for doc in docs if doc["category"] != "audit_gap"]
    wrong, parents = 0, {}
    if "--live" in sys.argv:
        # auditd's own events have serials of their own, which may be equal to serials of the kernel.
        by_event = {(doc["timestamp"], doc["details"]["auditserial"]): doc for doc in docs}
        key = lambda e: (timestamp(e[0], e[1]), str(e[2]))
        missing = [e for e in found if key(e) not in by_event]
        for event in missing:
            wrong += 1
            print("no document of", event[2], [r.kind for r in event[4]])
        found = [e for e in found if key(e) in by_event]
        docs = [by_event[key(e)] for e in found]
    if len(docs) != len(found):
        print("events", len(found), "documents", len(docs))
        wrong += 1
    for (sec, milli, serial, node, records), doc in zip(found, docs):
        want = details(serial, records, parents, classic, node)
        checks = {"category": category(records), "timestamp": timestamp(sec, milli)}
        if node:
            checks["hostname"] = node
        for key, expected in checks.items():
            if doc[key] != expected:
                wrong += 1
                print(serial, key, "is", doc[key], "must be", expected)
        have = doc["details"]
        for key in sorted(set(want) | set(have)):
            if key == "parentprocess":
                # What isn't known is absent. Which names are known is tested with the truth (tests/parents.rs).
                names = parents.get((node, have.get("ppid")), set())
                if key in have and "--live" not in sys.argv and have[key] not in names:
                    wrong += 1
                    print(serial, key, "is", have[key], "must be one of", sorted(names))
                continue
            if have.get(key) != want.get(key):
                wrong += 1
                if wrong < 40:
                    print(serial, key, "is", repr(have.get(key))[:200], "must be", repr(want.get(key))[:200])
    print("events", len(found), "wrong", wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
