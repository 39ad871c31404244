#!/usr/bin/python3
"""Runs a program on which some system calls fail, as on a kernel that doesn't have them.

without_calls.py NAMES PROGRAM ARGUMENT...: NAMES are separated by commas. Needs Debian's python3-seccomp, and root.
"""
import errno
import os
import sys

import seccomp

names, program = sys.argv[1].split(","), sys.argv[2:]
calls = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
# The program itself decides about new privileges.
calls.set_attr(seccomp.Attr.CTL_NNP, 0)
for name in names:
    calls.add_rule(seccomp.ERRNO(errno.ENOSYS), name)
calls.load()
os.execv(program[0], program)
