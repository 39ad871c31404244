#!/usr/bin/python3
"""A disk that fails when told to.

usage: bad_disk.py BACKING MOUNTPOINT BEHAVIOUR

Mounts BACKING's contents at MOUNTPOINT (FUSE; needs root and Debian's python3-fusepy). The file BEHAVIOUR says how it
behaves from now on: ok, eio (reading and writing fail with an I/O error), unwritable (only writing does), unsynced
(only what puts directories onto the disk does), readonly, full, slow (a write takes 0.3 s). Prints "mounted", and unmounts when its standard input ends.
"""
import errno
import os
import sys
import threading
import time

import fusepy

backing, mountpoint, behaviour_file = sys.argv[1:4]
WRITE = {"eio": errno.EIO, "unwritable": errno.EIO, "readonly": errno.EROFS, "full": errno.ENOSPC}


def behaviour():
    with open(behaviour_file) as file:
        return file.read().strip()


def may_write():
    now = behaviour()
    if now in WRITE:
        raise fusepy.FuseOSError(WRITE[now])
    if now == "slow":
        time.sleep(0.3)


class Disk(fusepy.Operations):
    use_ns = True

    def full(self, path):
        return backing + path

    def getattr(self, path, fh=None):
        st = os.lstat(self.full(path))
        names = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_ino", "st_blocks")
        told = {name: getattr(st, name) for name in names}
        told.update(st_mtime=st.st_mtime_ns, st_ctime=st.st_ctime_ns, st_atime=st.st_atime_ns)
        return told

    def readdir(self, path, fh):
        return [".", ".."] + os.listdir(self.full(path))

    def mkdir(self, path, mode):
        may_write()
        os.mkdir(self.full(path), mode)

    def unlink(self, path):
        may_write()
        os.unlink(self.full(path))

    def rename(self, old, new):
        may_write()
        os.rename(self.full(old), self.full(new))

    def open(self, path, flags):
        return os.open(self.full(path), flags & ~(os.O_APPEND | os.O_EXCL))

    def create(self, path, mode, fi=None):
        may_write()
        return os.open(self.full(path), os.O_RDWR | os.O_CREAT, mode)

    def truncate(self, path, length, fh=None):
        may_write()
        os.truncate(self.full(path), length)

    def read(self, path, size, offset, fh):
        if behaviour() == "eio":
            raise fusepy.FuseOSError(errno.EIO)
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        may_write()
        return os.pwrite(fh, data, offset)

    def fsync(self, path, datasync, fh):
        may_write()
        os.fsync(fh)

    def fsyncdir(self, path, datasync, fh):
        if behaviour() == "unsynced":
            raise fusepy.FuseOSError(errno.EIO)

    def release(self, path, fh):
        os.close(fh)


def end_with_the_test():
    while not os.path.ismount(mountpoint):
        time.sleep(0.01)
    print("mounted", flush=True)
    sys.stdin.read()
    os.system("umount -l '%s'" % mountpoint)
    os._exit(0)


threading.Thread(target=end_with_the_test, daemon=True).start()
# Without the kernel's cache: what the disk answers is what the program gets.
fusepy.FUSE(Disk(), mountpoint, foreground=True, allow_other=True, nothreads=False, direct_io=True, big_writes=True)
