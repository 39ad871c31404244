#!/usr/bin/python3
"""Makes the kernel and real programs write audit records with text that looks like fields. Run as root.

usage: hostile_records.py NAME TEXT    one record with TEXT in it; prints nothing; exit status 3 when it isn't possible here

NAME   who writes the text
avc    what systemd writes for an access that is denied, sent as libselinux and libaudit send it
nft    an ordinary user creates an nftables table of that name, in network and user namespaces of his own
newgrp an ordinary user asks newgrp for a group of that name
user   auditctl -m TEXT
socket an ordinary user connects to a socket of that path
"""
import ctypes
import os
import socket
import struct
import subprocess
import sys

NOBODY = 65534
IMPOSSIBLE = 3
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def as_nobody(do):
    """Runs a function as an ordinary user, and ends with its status."""
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        os._exit(do() or 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def avc(text):
    import audit
    message = (b'avc:  denied  { reload } for auid=1001 uid=1001 gid=1001 cmdline="' + text +
               b'" function="mac_selinux_filter" scontext=a:b:c:s0 tcontext=d:e:f:s0 tclass=system permissive=0')
    audit.audit_log_user_avc_message(audit.audit_open(), audit.AUDIT_USER_AVC, os.fsdecode(message), None, None, None, 0)


def nft(name):
    """The table is made by NFT_MSG_NEWTABLE in a batch (<linux/netfilter/nfnetlink.h>, <linux/netfilter/nf_tables.h>)."""
    def message(kind, family, resource, body=b""):
        flags, sequence = 0x405 if body else 1, 1
        head = struct.pack("<IHHII", 20 + len(body), kind, flags, sequence, 0)
        return head + struct.pack("<BBH", family, 0, socket.htons(resource)) + body

    def make():
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            return IMPOSSIBLE
        value = name + b"\0"
        attribute = struct.pack("<HH", 4 + len(value), 1) + value + b"\0" * (-len(value) % 4)
        batch = message(0x10, 0, 10) + message(0xA00, 2, 0, attribute) + message(0x11, 0, 10)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netfilter:
            netfilter.bind((0, 0))
            netfilter.send(batch)
            kind, = struct.unpack_from("<H", netfilter.recv(8192), 4)
        return 0 if kind == 2 else 1

    try:
        return as_nobody(make)
    except OSError:
        return IMPOSSIBLE


def newgrp(name):
    return 0 if as_nobody(lambda: os.execvp("newgrp", [b"newgrp", name])) in (0, 1) else IMPOSSIBLE


def user(text):
    subprocess.run([b"auditctl", b"-m", text], check=True)


def connect(path):
    def do():
        with socket.socket(socket.AF_UNIX) as client:
            client.connect_ex(path)
    as_nobody(do)


if __name__ == "__main__":
    make = {"avc": avc, "nft": nft, "newgrp": newgrp, "user": user, "socket": connect}[sys.argv[1]]
    sys.exit(make(os.fsencode(sys.argv[2])) or 0)
