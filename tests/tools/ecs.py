#!/usr/bin/python3
"""The ECS contract a second time, slowly: what documents must say, from libauparse's Python binding.

usage: ecs.py LOG DOCUMENTS

Compares the fields that every event's document must have with what is computed here, and looks for each field of each
record in its document: none may be lost. Prints what differs.

Shares no code with auship; records are read as mozdef.py reads them.
"""
import datetime
import json
import pathlib
import posixpath
import re
import socket
import sys

sys.dont_write_bytecode = True
from mozdef import arguments, events, pairs, show, unquoted, value  # noqa: E402

# By call or record type: category, type, action, kind of object, and what else there is to know:
# path=N  the object is the Nth PATH, or the first after it that isn't a PARENT
# subject= second= object= with= how=  the fields they are taken from, the first there is
# session  the fields of a user's session (SESSION below)
# from=  the field with the source's address;  has=  only when there is such a field
# user<subject …  the user is the subject
NORMS = """
* | process | info
creat | file | creation | opened-file | file
fallocate truncate ftruncate | file | change | opened-file | file
open openat readlink readlinkat | file | info | opened-file | file
read | file | info | read-file | file
write | file | change | wrote-to-file | file
setxattr fsetxattr lsetxattr removexattr fremovexattr lremovexattr | file | change | changed-file-attributes-of | file
chmod fchmod fchmodat | file | change | changed-file-permissions-of | file
chown fchown fchownat lchown | file | change | changed-file-ownership-of | file
finit_module init_module KERN_MODULE | driver | start | loaded-kernel-module | file | object=name
delete_module | driver | end | unloaded-kernel-module | file
mkdir mkdirat | file | creation | created-directory | file | path=1
mount | file | creation | mounted | filesystem | path=1
rename renameat renameat2 | file | change | renamed | file | path=2
access faccessat fstatat newfstatat stat stat64 fstat lstat getxattr lgetxattr fgetxattr | file | info |
  checked-metadata-of | file
statfs fstatfs | file | info | checked-filesystem-metadata-of | filesystem
link linkat | file | creation | linked | file
symlink symlinkat | file | creation | symlinked | file
umount umount2 | file | deletion | unmounted | filesystem
rmdir unlink unlinkat | file | deletion | deleted | file
utime utimes futimesat futimens utimensat | file | info | changed-timestamp-of | file
execve execveat | process | start | executed | file
listen | network | start | listen-for-connections | socket
accept accept4 | network | connection start | accepted-connection-from | socket
bind | network | start | bound-socket | socket
connect | network | connection start | connected-to | socket
recv recvfrom recvmsg recvmmsg | network | connection info | received-from | socket
send sendto sendmsg sendmmsg | network | connection info | sent-to | socket
kill tkill tgkill | process | end | killed-pid | process
setuid seteuid setfsuid setreuid setgid setegid setfsgid setregid setresuid setresgid | process | change |
  changed-identity-of | process | how=syscall
settimeofday clock_settime stime adjtimex clock_adjtime TIME_ADJNTPVAL TIME_INJOFFSET | host | change |
  changed-system-time | system
mknod mknodat | file | creation | make-device | file
sethostname setdomainname | host | change | changed-system-name | system
mmap mmap2 brk | process | info | allocated-memory | memory
sched_setparam sched_setscheduler sched_setattr | process | change | adjusted-scheduling-policy-of | process |
  how=syscall
exit_group | process | end | end | process | how=syscall
ACCT_LOCK | iam | user info | locked-account
ACCT_UNLOCK | iam | user info | unlocked-account
ADD_GROUP | iam | group creation | added-group-account-to | account | object=grp,id,acct group=grp,id,acct user<subject
  user.effective<second group<group
ADD_USER | iam | user creation | added-user-account | account | object=id,acct user<subject user.effective<second
  user.target<object
DEL_GROUP | iam | group deletion | deleted-group-account-from | account | object=grp,id,acct group=grp,id,acct user<subject
  user.effective<second group<group
DEL_USER | iam | user deletion | deleted-user-account | account | object=id,acct user<subject user.effective<second
  user.target<object
GRP_MGMT | iam | group change | modified-group-account | account | object=grp,id,acct group=grp,id,acct user<subject
  group<group user.effective<uid
ROLE_ASSIGN | iam | user change | assigned-user-role-to | account | object=id,acct
ROLE_MODIFY | iam | change | modified-role
ROLE_REMOVE | iam | user change | removed-user-role-from | account | object=id,acct
USER_MGMT | iam | user change | modified-user-account | user-session | session user<subject user.target<second
  user.effective<uid
USER_CHAUTHTOK | iam | user change | changed-password | user-session | session user<subject user.effective<uid
  user.target<second
GRP_CHAUTHTOK | iam | group change | changed-group-password | user-session | session object=grp,acct group=grp,acct,id user<subject
  user.effective<uid group<group
CRED_ACQ | authentication | info | acquired-credentials | user-session | session user<subject user.effective<second
CRED_DISP | authentication | info | disposed-credentials | user-session | session user<subject user.effective<second
CRED_REFR | authentication | info | refreshed-credentials | user-session | session user<subject user.effective<second
GRP_AUTH | authentication | info | authenticated-to-group | | user<subject user.effective<second
LOGIN | authentication | start | changed-login-id-to | user-session | subject=old_auid,old-auid second=uid
  object=new-auid,new_auid,auid user<subject user.effective<object
USER_ACCT | authentication | info | was-authorized | user-session | session user<subject user.effective<second
USER_AUTH | authentication | info | authenticated | user-session | session user<subject user.effective<second
USER_END | session | end | ended-session | user-session | session user<subject user.effective<second
USER_ERR | authentication | info | error | user-session | session from=addr user<subject user.effective<second
USER_LOGIN | authentication | start | logged-in | user-session | session from=addr user<subject user.effective<second
USER_LOGOUT | authentication | end | logged-out | user-session | session user<subject user.effective<second
USER_ROLE_CHANGE | | | changed-role-to | user-session | session object=selected-context
USER_START | session | start | started-session | user-session | session from=addr user<subject user.effective<second
VIRT_CONTROL | host | info | issued-vm-control | virtual-machine | object=op with=vm
VIRT_CREATE | host | info | created-vm-image
VIRT_DESTROY | host | info | deleted-vm-image
VIRT_INTEGRITY_CHECK | host | info | checked-integrity-of
VIRT_MACHINE_ID | host | info | assigned-vm-id | virtual-machine | object=vm
VIRT_MIGRATE_IN | host | info | migrated-vm-from
VIRT_MIGRATE_OUT | host | info | migrated-vm-to
VIRT_RESOURCE | host | info | assigned-vm-resource | virtual-machine | object=resrc with=vm
CHGRP_ID | process | change | changed-group
CHUSER_ID | process | change | changed-user-id
TEST | process | info | sent-test
TRUSTED_APP | process | info | unknown
USER_CMD | process | start | ran-command | process | object=cmd
SYSTEM_BOOT | host | start | booted-system | system
SYSTEM_RUNLEVEL | host | change | changed-to-runlevel | system | object=new-level
SYSTEM_SHUTDOWN | host | end | shutdown-system | system
SERVICE_START | process | start | started-service | service | object=unit
SERVICE_STOP | process | end | stopped-service | service | object=unit
CONFIG_CHANGE | process configuration | change | changed-audit-configuration | audit-config |
  object=op,key,audit_enabled,audit_pid,audit_backlog_limit,audit_failure
DAEMON_ABORT | process | end | aborted-auditd-startup | service
DAEMON_ACCEPT | network | connection start | remote-audit-connected | service
DAEMON_CLOSE | network | connection start | remote-audit-disconnected | service
DAEMON_CONFIG | process configuration | change | changed-auditd-configuration | service
DAEMON_END | process | end | shutdown-audit | service
DAEMON_ERR | process | info | audit-error | service
DAEMON_RECONFIG | process configuration | info | reconfigured-auditd | service
DAEMON_RESUME | process | change | resumed-audit-logging | service
DAEMON_ROTATE | process | change | rotated-audit-logs | service
DAEMON_START | process | start | started-audit | service
KERNEL | process | info | initialized-audit-subsystem
USYS_CONFIG | configuration | change | changed-configuration | system | object=op
NETFILTER_CFG | configuration | change | loaded-firewall-rule-to | firewall | object=table
FEATURE_CHANGE | configuration | change | changed-audit-feature | system | object=feature
TTY USER_TTY | | | typed | keystrokes | object=data how=comm,exe
AVC | | | violated-selinux-policy | | subject=scontext object=tcontext with=tclass has=seresult
AVC | | | violated-apparmor-policy | policy | object=operation with=requested_mask,denied_mask,capname has=apparmor
FS_RELABEL | | | relabeled-filesystem | mac-config
LABEL_LEVEL_CHANGE | | | modified-level-of | printer | object=printer
LABEL_OVERRIDE | | | overrode-label-of | mac-config
MAC_CHECK | | | mac-permission
MAC_CONFIG_CHANGE | configuration | change | changed-selinux-boolean | mac-config | object=bool
MAC_POLICY_LOAD | configuration | access | loaded-selinux-policy | mac-config
MAC_STATUS | configuration | change | changed-selinux-enforcement | mac-config | object=enforcing
USER_AVC | | | access-permission
USER_MAC_CONFIG_CHANGE | configuration | change | changed-mac-configuration | mac-config
USER_MAC_POLICY_LOAD | configuration | access | loaded-mac-policy | mac-config
USER_SELINUX_ERR | | | access-error
SECCOMP | | | violated-seccomp-policy | process | object=syscall
SELINUX_ERR | | | caused-mac-policy-error | system
CRYPTO_KEY_USER | process | info | negotiated-crypto-key | user-session | session object=fp from=addr
CRYPTO_LOGIN | | | crypto-officer-logged-in
CRYPTO_LOGOUT | process | info | crypto-officer-logged-out
CRYPTO_SESSION | process | info | started-crypto-session | user-session | session object=addr with=rport from=addr
DAC_CHECK | | | access-result
ANOM_ABEND | process intrusion_detection | end info | crashed-program | process | kind=alert object=comm,exe with=pid
  how=sig
ANOM_EXEC | process intrusion_detection | start info | attempted-execution-of-forbidden-program | process | kind=alert
  object=cmd how=terminal
ANOM_LINK | file intrusion_detection | access info | used-suspicious-link | | kind=alert
ANOM_LOGIN_FAILURES | authentication intrusion_detection | start denied | failed-log-in-too-many-times-to |
  user-session | kind=alert session
ANOM_LOGIN_LOCATION | authentication intrusion_detection | start denied | attempted-log-in-from-unusual-place-to |
  user-session | kind=alert session
ANOM_LOGIN_SESSIONS | authentication intrusion_detection | start denied | opened-too-many-sessions-to | user-session |
  kind=alert session
ANOM_LOGIN_TIME | authentication intrusion_detection | start denied | attempted-log-in-during-unusual-hour-to |
  user-session | kind=alert session
ANOM_PROMISCUOUS | intrusion_detection | info change | changed-promiscuous-mode-on-device | network-device |
  kind=alert object=dev
ANOM_RBAC_INTEGRITY_FAIL | intrusion_detection | info | tested-file-system-integrity-of | filesystem | kind=alert
  object=hostname
ANOM_LOGIN_ACCT | authentication intrusion_detection | start denied | attempted-log-in-to-watched-account | |
  kind=alert
ANOM_MAX_DAC | intrusion_detection | info | max-discretionary-access-control-failures-reached | | kind=alert
ANOM_MAX_MAC | intrusion_detection | info | max-mandatory-access-control-failures-reached | | kind=alert
ANOM_AMTU_FAIL | intrusion_detection | info | abstract-machine-test-utility-failure | | kind=alert
ANOM_RBAC_FAIL | intrusion_detection | info | rbac-self-test-failure | | kind=alert
ANOM_CRYPTO_FAIL | intrusion_detection | info | crypto-system-test-failure | | kind=alert
ANOM_MK_EXE | file intrusion_detection | change info | made-an-executable | | kind=alert
ANOM_ACCESS_FS | file intrusion_detection | access info | accessed-watched-file-or-directory | | kind=alert
ANOM_ADD_ACCT | iam intrusion_detection | user creation info | added-user-account | | kind=alert
ANOM_DEL_ACCT | iam intrusion_detection | user deletion info | deleted-user-account | | kind=alert
ANOM_MOD_ACCT | iam intrusion_detection | user change info | modified-user-account | | kind=alert
ANOM_ROOT_TRANS | authentication intrusion_detection | start info | user-became-root | | kind=alert
ANOM_LOGIN_SERVICE | authentication intrusion_detection | start denied | service-account-attempted-login | |
  kind=alert
USER | | | sent-message | | object=addr
SOFTWARE_UPDATE | package | info | package-updated
"""
SESSION = {"subject": ["auid"], "second": ["acct", "id", "uid"], "object": ["terminal"], "with": ["addr", "hostname"],
           "how": ["exe", "terminal"]}
USER = {"uid": "user.id", "gid": "user.group.id", "euid": "user.effective.id", "egid": "user.effective.group.id",
        "suid": "user.saved.id", "sgid": "user.saved.group.id", "fsuid": "user.filesystem.id",
        "fsgid": "user.filesystem.group.id", "auid": "user.audit.id"}
PROCESS = {"pid": "process.pid", "ppid": "process.parent.pid", "comm": "process.name", "exe": "process.executable",
           "cwd": "process.working_directory", "proctitle": "process.title"}
RECEIVING = "recvfrom recvmsg accept accept4".split()
SENDING = "connect sendto sendmsg".split()
LABEL = "user role domain level category".split()
ABSENT = ("absent",)  # equal to nothing that JSON can say
UNSET = ("4294967295", "-1", "unset")
NOTHING = (None, "", "?", "?,", "(null)")


class Norm:
    def __init__(self, line):
        cells = [cell.strip() for cell in line.split("|")] + [""] * 6
        self.names, self.category, self.type = cells[0].split(), cells[1].split(), cells[2].split()
        self.action, self.what = cells[3], cells[4]
        self.kind, self.path, self.has, self.fields, self.mappings = "event", 0, None, {}, []
        for word in cells[5].split():
            name, _, rest = word.partition("=")
            if word == "session":
                self.fields = {**SESSION, **self.fields}
            elif "<" in word:
                self.mappings.append(word.split("<"))
            elif name == "kind":
                self.kind = rest
            elif name == "path":
                self.path = int(rest)
            elif name == "has":
                self.has = rest
            else:
                self.fields[name] = rest.split(",")


NORM = {}
for entry in map(Norm, NORMS.strip().replace("\n  ", " ").split("\n")):
    for each in entry.names:
        NORM.setdefault(each, []).append(entry)


def text(field):
    """What the reference makes of a field: names and keystrokes decoded, the rest as recorded."""
    if field.name == "data" and re.fullmatch("([0-9A-F]{2})+", field.whole or ""):
        return show(bytes.fromhex(field.whole))
    return show(value(field)) if field.escaped else unquoted(field.whole or "")


def first(records, name):
    """The first field of a name that says something, in records."""
    return next((f for r in records for f in r.fields if f.name == name and unquoted(f.raw or "") not in NOTHING), None)


def sockaddr(saddr):
    """Family, address, port and path; None where the record holds less than it should."""
    data = bytes.fromhex(saddr[:len(saddr) & ~1]) if re.fullmatch("[0-9A-Fa-f]*", saddr) else b""
    family = int.from_bytes(data[:2], "little")
    if family == 1 and len(data) > 2:
        return {"family": "unix", "path": data[2:].split(b"\0")[0]} if data[2] else {"family": "unix"}
    if family == 2 and len(data) >= 8:
        return {"family": "ipv4", "addr": socket.inet_ntop(socket.AF_INET, data[4:8]),
                "port": str(int.from_bytes(data[2:4], "big"))}
    if family == 10 and len(data) >= 24:
        return {"family": "ipv6", "addr": socket.inet_ntop(socket.AF_INET6, data[8:24]),
                "port": str(int.from_bytes(data[2:4], "big"))}
    return {"family": "netlink"} if family == 16 else {}


def address(text):
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
            return True
        except (OSError, UnicodeError):
            pass
    return False


class Event:
    """What the reference makes of an event's records."""

    def __init__(self, records):
        self.records = records = [r for r in records if r.kind != "EOE"]
        self.syscall = next((r for r in records if r.kind == "SYSCALL"), None)
        self.base = base = self.syscall or records[0]
        self.others = [base] + [r for r in records if r is not base and r.kind not in ("PATH", "SOCKADDR", "EXECVE")]
        call = first([base], "syscall") if base.kind in ("SYSCALL", "SECCOMP") else None
        self.call = show(value(call)) if call else None
        self.paths = [r for r in records if r.kind == "PATH"]
        self.norm, self.of_call = None, None
        if self.call:
            self.of_call = NORM.get(self.call, NORM["*"])[0]
        if records[0].kind == "SYSCALL":
            self.norm = self.of_call
        else:
            for norm in NORM.get(records[0].kind, []):
                if not norm.has or self.get(norm.has):
                    self.norm = norm
        self.known = records[0].kind != "SYSCALL" or self.call in NORM

    def get(self, name):
        """A field's value: ids come from the base record alone."""
        if name == "syscall":
            return self.call
        records = [self.base] if name in USER else self.others
        found = first(records, name)
        if found and name in ("auid", "old-auid") and found.raw in UNSET:
            return "unset"
        return found and text(found)

    def some(self, role):
        """The first field there is of those that a role is taken from. Keys are tags, and nothing else."""
        given = [self.get(name) for name in self.norm.fields.get(role, []) if name != "key"] if self.norm else []
        return next((v for v in given if v), None)

    def result(self):
        found = first([self.base], "success") or first([self.base], "res")
        if not found:
            return "unknown"
        said = unquoted(found.whole).lower()
        return "success" if said in ("yes", "1") or said.startswith("suc") else "fail"

    def who(self, role):
        """Whom a role of the mappings names."""
        if role == "uid":
            return self.get("uid")
        if role == "second" and self.names_nobody():
            return None
        default = {"subject": "auid", "second": "uid"}.get(role)
        return self.some(role) or (self.get(default) if default else None)

    def names_nobody(self):
        """True for a record of an account that names none: acct="?". The writer's own user isn't meant then."""
        fields = [field for field in self.base.fields if field.name in ("acct", "id")]
        wanted = self.norm and "acct" in self.norm.fields.get("second", [])
        return bool(wanted and fields) and all(unquoted(f.whole) in ("?", "") or f.raw in UNSET for f in fields)

    def object(self):
        """The PATH that is the event's object."""
        if not self.paths or not self.norm or self.norm.what not in ("file", "filesystem"):
            return None
        start = self.norm.path if self.norm.path < len(self.paths) else 0
        for path in self.paths[start:]:
            kind = first([path], "nametype")
            if not kind or kind.raw not in ("PARENT", "UNKNOWN"):
                return path
        return self.paths[start]


class Either:
    """Several values would do."""

    def __init__(self, *values):
        self.values = values

    def __repr__(self):
        return " or ".join(map(repr, self.values))


def users(event, want):
    for name, field in USER.items():
        found = first([event.base], name)
        want[field] = found.raw if found and found.raw not in UNSET else ABSENT
    for target, role in event.norm.mappings if event.norm else []:
        who = event.who(role) or "unset"
        want[target + ".id"], want[target + ".name"] = ABSENT, None  # a name may come from elsewhere
        if who.isdigit() and who not in UNSET:
            want[target + ".id"] = who
        elif who not in UNSET:
            want[target + ".id"], want[target + ".name"] = None, who
    names = [want.get(of + "name") for of in ("user.", "user.effective.")]
    if want["user.effective.id"] == want["user.id"] and (names[0] == names[1] or not names[1]):
        want["user.effective.id"], want["user.effective.name"] = ABSENT, ABSENT
    if want["user.effective.id"] == ABSENT and want["user.effective.group.id"] == want["user.group.id"]:
        want["user.effective.group.id"] = ABSENT
    elif want["user.effective.group.id"] == want["user.group.id"]:
        want["user.effective.group.id"] = Either(ABSENT, want["user.group.id"])


def files(event, want):
    path = event.object()
    if not path:
        return
    name, cwd = first([path], "name"), event.get("cwd")
    if name:
        name = show(value(name))
        joined = posixpath.join(cwd, name) if cwd else name
        # A directory that only a descriptor names isn't the working directory.
        want["file.path"] = name if name.startswith("/") else Either(joined, posixpath.normpath(joined), name)
    for of, field in {"inode": "file.inode", "rdev": "file.device", "ouid": "file.uid", "ogid": "file.gid"}.items():
        found = first([path], of)
        if found:
            want[field] = found.raw
    mode = first([path], "mode")
    if mode and re.fullmatch("[0-7]+", mode.raw):
        want["file.mode"] = "%04o" % (int(mode.raw, 8) & 0o7777)


def summary(event, want):
    def put(field, said):
        if said:
            want["auditd.summary." + field] = said
    put("actor.primary", event.who("subject"))
    put("actor.secondary", event.who("second"))
    if not event.norm:
        return
    path = event.object()
    name = path and first([path], "name")
    named = name and show(value(name))
    peer = [want.get("auditd.data.socket." + part) for part in ("addr", "path", "port")]
    if event.norm.what == "socket":
        put("object.primary", peer[0] or peer[1])
        put("object.secondary", peer[2])
    put("object.primary", event.some("object") or named)
    put("object.secondary", event.some("with"))
    if event.norm.what and not (path and first([path], "mode")):
        want["auditd.summary.object.type"] = event.norm.what
    program, command = event.get("exe") or event.get("comm"), event.get("comm")
    script = program and program.startswith(tuple("/usr/bin/" + name for name in ("python", "sh", "bash", "perl")))
    put("how", event.some("how") or (command if script and command else program))


def network(event, want):
    saddr = first([r for r in event.records if r.kind == "SOCKADDR"], "saddr")
    peer = sockaddr(saddr.raw) if saddr else {}
    for name, given in peer.items():
        want["auditd.data.socket." + name] = show(given) if isinstance(given, bytes) else given
    for end, way, calls in (("source", "ingress", RECEIVING), ("destination", "egress", SENDING)):
        if saddr and event.call in calls:
            want["network.direction"] = way
            for name, field in (("addr", "ip"), ("port", "port"), ("path", "path")):
                if name in peer:
                    form = {"port": int, "path": show}.get(field, str)
                    want[f"{end}.{field}"] = form(peer[name])
    if not saddr and event.norm and "from" in event.norm.fields:
        peer = event.get("addr")
        if peer:
            want["source.ip" if address(peer) else "source.domain"] = peer
            want["network.direction"] = "ingress"
    for end in ("source", "destination"):
        # The first of these is the address, too. None: it may come from elsewhere.
        parts = [want.get(f"{end}.{part}") for part in ("ip", "domain", "path")]
        want[f"{end}.address"] = next((part for part in parts if part), None)


def tags(records):
    """The keys of the rules, of all records; a key of an older auditctl says that it is one."""
    found = [f for r in records for f in r.fields if f.name == "key" and unquoted(f.raw or "") not in NOTHING]
    found = [show(value(f)) for f in found]
    return [key[len("key="):] if key.startswith("key=") else key for key in found]


def expected(event, stamp):
    """Dotted names and values. None: anything; ABSENT: not there."""
    sec, milli, serial, node = stamp
    when = datetime.datetime.fromtimestamp(sec, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.")
    want = {"@timestamp": when + "%03dZ" % milli, "event.sequence": serial, "event.module": "auditd"}
    want["service.type"] = "auditd"
    want["event.dataset"] = "auditd_manager.auditd"
    kind = event.records[0].kind
    want["event.kind"] = "alert" if kind.startswith(("ANOM_", "RESP_")) else "event"
    want["auditd.message_type"] = kind.lower()
    want["auditd.record_types"] = [r.kind for r in event.records]
    result = event.result()
    want["auditd.result"], want["event.outcome"] = result, {"fail": "failure"}.get(result, result)
    session = first([event.base], "ses")
    want["auditd.session"] = ABSENT if not session else "unset" if session.raw in UNSET else session.raw
    if node:
        want["host.hostname"] = node
    if event.norm and event.known:
        want["event.action"] = event.norm.action or None
        both = [event.norm] + ([event.of_call] if event.of_call and event.of_call is not event.norm else [])
        if event.norm.category or event.of_call:
            want["event.category"] = [word for norm in both for word in norm.category]
            want["event.type"] = [word for norm in both for word in norm.type]
    for name, field in PROCESS.items():
        found = first(event.others, name)
        if found and (name != "cwd" or not event.norm or "CWD" in want["auditd.record_types"]):
            said = text(found)
            want[field] = int(said) if name in ("pid", "ppid") and said.isdigit() else said
    argv = arguments(event.records)
    if argv:
        want["process.args"] = [show(arg) for arg in argv]
        want["process.args_count"] = len(argv)
        want["process.command_line"] = show(b" ".join(argv))
    users(event, want)
    files(event, want)
    network(event, want)
    summary(event, want)
    keys = tags([event.base]) or tags(event.records)
    want["tags"] = keys or ABSENT
    return want


def leaves(value, name=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, name)
    else:
        yield name, str(value)


def found(document, field):
    for part in field.split("."):
        document = document.get(part, ABSENT) if isinstance(document, dict) else ABSENT
    return document


def label_parts(said):
    return dict(zip(LABEL, said.split(":", 4)))


def lost(event, document):
    """Fields of records that their document doesn't have."""
    everything = list(leaves(document))
    by_name = {}
    for name, given in everything:
        by_name.setdefault(name.rsplit(".", 1)[-1], set()).add(given)
    paths = found(document, "auditd.paths")
    for n, path in enumerate(event.paths):
        have = paths[n] if isinstance(paths, list) and n < len(paths) else {}
        for field in path.fields:
            if unquoted(field.raw or "") in NOTHING:
                continue
            want = {"obj_" + k: v for k, v in label_parts(text(field)).items()} if field.name == "obj" else {
                field.name: text(field)}
            for name, given in want.items():
                if have.get(name) != given:
                    yield f"auditd.paths[{n}].{name}", have.get(name, ABSENT), given
    for record in event.records:
        for field in record.fields:
            name = field.name
            if record.kind == "PATH" or unquoted(field.raw or field.meaning or "") in NOTHING:
                continue
            if record.kind == "EXECVE" and re.fullmatch(r"a\d+(_len|\[\d+\])?", name):
                continue
            if name == "key":
                key = tags([record])
                if not set(key) <= set(found(document, "tags")) | by_name.get("key", set()):
                    yield "tags", found(document, "tags"), key
                continue
            if name in ("success", "res") or name == "saddr":
                continue
            if field.raw in UNSET and (name in USER or name in ("ses", "old-auid", "old-ses", "new-auid")):
                continue
            if name in ("subj", "obj"):
                said = {given for _, given in everything}
                missing = [v for v in label_parts(text(field)).values() if not {v, text(field)} & said]
                if missing:
                    yield name, ABSENT, missing
                continue
            forms = {text(field), show(value(field)), show(value(field)).split("(")[0], unquoted(field.whole or ""),
                     field.whole}
            places = {name, f"{record.kind.lower()}_{name}", f"{record.kind}_{name}"}
            places |= {(USER | PROCESS).get(name, name).rsplit(".", 1)[-1]}
            have = set().union(*(by_name.get(place, set()) for place in places))
            if name in ("ses",):
                have |= by_name.get("session", set())
            if name in ("addr", "hostname"):
                have |= by_name.get("ip", set()) | by_name.get("domain", set())
            if name in USER:
                have |= {given for at, given in everything if at.startswith(("user.", "auditd.summary."))}
            if not forms & have:
                yield f"{record.kind} {name}", sorted(have), sorted(forms)


def agrees(have, want):
    if want is None:
        return True
    if isinstance(want, Either):
        return any(agrees(have, each) for each in want.values)
    return have == want and type(have) is type(want)


def main():
    lines = open(sys.argv[2], encoding="utf-8", newline="\n").read().splitlines(keepends=False)
    documents = [json.loads(line, object_pairs_hook=pairs) for line in lines]
    log = events(pathlib.Path(sys.argv[1]).read_bytes())
    wrong, kinds = 0, {}

    def complain(serial, what, have, want):
        nonlocal wrong
        wrong += 1
        kinds[what] = kinds.get(what, 0) + 1
        if kinds[what] <= 3:
            print(serial, what, "is", repr(have)[:200], "must be", repr(want)[:200])

    if len(log) != len(documents):
        complain("", "documents", len(documents), len(log))
    begin = re.compile(r'\{"@timestamp":"[^"]{24}","event":\{"id":"([0-9a-f]{32})",')
    ids = set()
    for line in lines:
        head = begin.match(line)
        if not head or head[1] in ids:
            complain("", "a document's head", line[:100], "@timestamp, then an id of its own")
        ids.add(head and head[1])
    for (sec, milli, serial, node, records), document in zip(log, documents):
        event = Event(records)
        for field, want in expected(event, (sec, milli, serial, node)).items():
            have = found(document, field)
            if not agrees(have, want):
                complain(serial, field, have, want)
        for what, have, want in lost(event, document):
            complain(serial, "lost: " + what, have, want)
    for what, count in sorted(kinds.items(), key=lambda item: -item[1]):
        if count > 3:
            print("in all", count, "times:", what)
    print("events", len(log), "wrong", wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
