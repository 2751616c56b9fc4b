#!/usr/bin/python3
"""A file system in a directory, which lacks some calls, or keeps what it
knows of files for too long: passing.py DIRECTORY MOUNT SECONDS ERRNO CALL..."""

import errno
import os
import sys

import fusepy


class Passing(fusepy.Operations):
    """Everything goes to the directory, and is whoever's that asks."""

    use_ns = True

    def __init__(self, root, error, lacking):
        self.root = root
        self.error = error
        self.lacking = lacking

    def __call__(self, call, path, *args):
        if call in self.lacking:
            raise fusepy.FuseOSError(self.error)
        return getattr(self, call)(self.root + path, *args)

    def make(self, path):
        """What is made belongs to whoever asked for it."""
        uid, gid, _ = fusepy.fuse_get_context()
        os.lchown(path, uid, gid)

    def getattr(self, path, fh=None):
        st = os.lstat(path)
        times = {'st_atime': st.st_atime_ns, 'st_ctime': st.st_ctime_ns,
                 'st_mtime': st.st_mtime_ns}
        return times | {name: getattr(st, name) for name in (
            'st_gid', 'st_mode', 'st_nlink', 'st_size', 'st_uid')}

    def readdir(self, path, fh):
        return ['.', '..', *os.listdir(path)]

    def mkdir(self, path, mode):
        os.mkdir(path, mode)
        self.make(path)

    def create(self, path, mode, fi=None):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        self.make(path)
        return fd

    def open(self, path, flags):
        return os.open(path, flags & ~(os.O_CREAT | os.O_EXCL |
                                       os.O_NOFOLLOW))

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        # A server appends where its file ends, whatever the client thinks.
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        os.truncate(path, length)

    def rename(self, old, new):
        os.rename(old, self.root + new)

    def link(self, target, source):
        os.link(self.root + source, target)
        return 0

    def unlink(self, path):
        os.unlink(path)

    def rmdir(self, path):
        os.rmdir(path)

    def utimens(self, path, times=None):
        os.utime(path, ns=times)
        return 0

    def fsync(self, path, datasync, fh):
        os.fsync(fh)
        return 0

    def fsyncdir(self, path, datasync, fh):
        return 0

    def flush(self, path, fh):
        return 0

    def release(self, path, fh):
        os.close(fh)

    def chown(self, path, uid, gid):
        os.lchown(path, uid, gid)

    def statfs(self, path):
        st = os.statvfs(path)
        return {name: getattr(st, name) for name in (
            'f_bavail', 'f_bfree', 'f_blocks', 'f_bsize', 'f_favail',
            'f_ffree', 'f_files', 'f_frsize', 'f_namemax')}

    # What it does not know.
    access = opendir = releasedir = None


def main():
    root, mount, seconds, error = sys.argv[1:5]
    os.umask(0)
    fusepy.FUSE(Passing(root, getattr(errno, error), sys.argv[5:]), mount,
                foreground=True, nothreads=True, allow_other=True,
                default_permissions=True, attr_timeout=float(seconds),
                entry_timeout=float(seconds))


main()
