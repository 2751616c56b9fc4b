"""Disks that are full, over quota or read-only, real ones; and a user who
swaps directories for links while root delivers."""

import ctypes
import os
import subprocess

from common import END, LMTPD, QUICK, UID, own, write
from power import Client, Server, found, read
from races import fresh, three

TEXT = b'Subject: fault\r\n\r\n' + (b'x' * 70 + b'\r\n') * 400 + \
    END.replace(b'\n', b'\r\n')
# Three such messages and their mailboxes need less than this.
ENOUGH = 3 * 1024 * len(TEXT) // 512
STEP = 4096 * (12 if QUICK else 1)
TIMES = 100 if QUICK else 1000


def run(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def allocated(fd, size):
    os.ftruncate(fd, 0)
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError:
        return False
    return True


class Disk:
    """A small file system at where/mnt, with m/ for the mailboxes."""

    def __init__(self, where, fs):
        self.at = where + '/mnt'
        os.makedirs(self.at, exist_ok=True)
        if fs == 'tmpfs':
            run('mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', self.at)
        else:
            image = where + '/disk.' + fs
            with open(image, 'wb') as f:
                # XFS and btrfs are not made smaller.
                f.truncate((16 if fs == 'ext4' else 320) * 1024 * 1024)
            run('mkfs.' + fs, '-q', image)
            run('mount', '-o', 'loop', image, self.at)

    def fill(self, free):
        """New mailboxes, and that many bytes for them or a little more."""
        filler = self.at + '/filler'
        if os.path.exists(filler):
            os.unlink(filler)
        fresh(self.at)
        os.sync()
        disk = os.statvfs(self.at)
        fd = os.open(filler, os.O_RDWR | os.O_CREAT)
        size = disk.f_bavail * disk.f_frsize - free
        while not allocated(fd, size):
            size -= 4096    # what the file system keeps for itself
        os.close(fd)

    def remove(self):
        run('umount', self.at)


def stepped(name, at, limits, prepare, refusal):
    """From nothing that is left to more than enough: to try all between."""
    for fmt in ('maildir', 'mbox'):
        there = []
        for limit in limits:
            prepare(limit)
            yield '%s, %s, %d bytes' % (name, fmt, limit), \
                three(at, fmt, TEXT, refusal)
            there.append([found('%s/m/u%d' % (at, k)) for k in range(3)])
        yield '%s, %s, from all to none' % (name, fmt), \
            None if there[0] == [0, 0, 0] and there[-1] == [1, 1, 1] else \
            'the first had %s, the last %s' % (there[0], there[-1])


def full(where, fs):
    disk = Disk(where, fs)
    # XFS lets nobody have its last blocks.
    scale = 16 if fs == 'xfs' else 1
    yield from stepped(
        'full ' + fs, disk.at, range(0, scale * ENOUGH, scale * STEP),
        disk.fill, '452 4[.]3[.]1')
    disk.remove()


def over_quota(where):
    """EDQUOT of the file system's own quota: btrfs has it in every kernel."""
    disk = Disk(where, 'btrfs')
    part = disk.at + '/part'
    run('btrfs', 'subvolume', 'create', part)
    run('btrfs', 'quota', 'enable', part)

    def prepare(limit):
        # By way of the part itself it would want room in the quota.
        run('btrfs', 'qgroup', 'limit', 'none', '0/256', disk.at)
        fresh(part)
        run('btrfs', 'filesystem', 'sync', part)
        run('btrfs', 'qgroup', 'limit', str(limit), '0/256', disk.at)

    # It counts its trees too, and what may come to be written.
    yield from stepped('quota', part, range(16384, 8 * ENOUGH, 4 * STEP),
                       prepare, '452 4[.]2[.]2')
    disk.remove()


def read_only(where):
    for fs in ('ext4', 'xfs', 'tmpfs'):
        for fmt in ('maildir', 'mbox'):
            disk = Disk(where, fs)
            fresh(disk.at)
            run('mount', '-o', 'remount,ro', disk.at)
            yield 'read-only %s, %s' % (fs, fmt), \
                three(disk.at, fmt, TEXT, '451 4[.]3[.]0')
            disk.remove()


def swap_for_ever(pairs):
    """As the user: each name and its link change places, with no moment in
    which one of them is not there."""
    libc = ctypes.CDLL(None)
    os.setgroups([])
    os.setresgid(UID, UID, UID)
    os.setresuid(UID, UID, UID)
    while True:
        for name, link in pairs:
            for _ in range(2):
                libc.renameat2(-100, name.encode(), -100, link.encode(), 2)


def swapped(where, fmt):
    """Root delivers meanwhile: nothing outside is ever touched."""
    home, outside = where + '/home', where + '/outside'
    box, other = home + '/mail/box', outside + '/mail/box'
    for path in (box, other):
        for part in ('', '/new', '/cur', '/tmp') if fmt == 'maildir' else ():
            os.makedirs(path + part)
        if fmt == 'mbox':
            os.makedirs(os.path.dirname(path))
            write(path, '')
    pairs = [(home + '/mail', home + '/link'), (box, home + '/link.box')]
    os.symlink(outside + '/mail', pairs[0][1])
    os.symlink(other, pairs[1][1])
    if fmt == 'maildir':
        for part in ('/new', '/tmp'):
            pairs.append((box + part, home + '/link.' + part[1:]))
            os.symlink(other + part, pairs[-1][1])
    for top, dirs, files in os.walk(home):
        for name in dirs + files + ['.']:
            os.lchown(os.path.join(top, name), UID, UID)
    write(where + '/users', 'u:x:%d:%d::%s:/bin/sh\n' % (UID, UID, home))
    swapper = os.fork()
    if swapper == 0:
        swap_for_ever(pairs)
    client = Client(Server([LMTPD, '-H', 'h', '-U', 'file:%s/users' % where,
                            '-d', '%s:~/mail/box' % fmt]).sock)
    before = state(outside)
    delivered = 0
    for i in range(TIMES):
        answered = len(client.deliver(['u'], TEXT))
        delivered += answered
        yield 'a user who swaps, %s, %d' % (fmt, i), \
            None if state(outside) == before else 'something is outside'
    client.close()
    os.kill(swapper, 9)
    os.waitpid(swapper, 0)
    # What was tmp/ when it was written may be elsewhere when it is undone.
    there = sum((read(os.path.join(top, f)) or b'').count(END)
                for top, _, files in os.walk(home) for f in files
                if fmt == 'mbox' or ',S=' in f)
    yield 'a user who swaps, %s, all' % fmt, None if there == delivered else \
        '%d delivered, %d there' % (delivered, there)


def state(tree):
    """What would show that somebody was here."""
    return [(path, os.lstat(path).st_mtime_ns, os.lstat(path).st_size)
            for top, dirs, files in os.walk(tree)
            for path in (os.path.join(top, name) for name in dirs + files)]


def disk(where):
    for fs in ('tmpfs', 'ext4', 'xfs'):
        yield from full(where, fs)
    yield from over_quota(where)
    yield from read_only(where)
    for fmt in ('maildir', 'mbox'):
        yield from swapped(where + '/' + fmt, fmt)
