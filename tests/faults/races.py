"""Others at the same mailbox at the same time, and limits that run out."""

import fcntl
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

from common import LMTPD, QUICK, UID, own, write
from power import Client, Server, found

TIMES = 40 if QUICK else 400
HEADER = b'Subject: race\r\n\r\n'


def body(name):
    return HEADER + b'0123456789abcdef' * 60 + b'\r\nmessage %s.\r\n' % \
        name.encode()


def names_in(data):
    return re.findall(rb'^message (\S+)\.$', data, re.M)


def mailbox_data(path):
    if not os.path.isdir(path):
        with open(path, 'rb') as f:
            return f.read()
    data = b''
    for part in ('new', 'cur'):
        if not os.path.isdir(os.path.join(path, part)):
            continue
        for name in os.listdir(os.path.join(path, part)):
            with open(os.path.join(path, part, name), 'rb') as f:
                data += f.read()
    return data


def judge(acknowledged, data, tree):
    """Each that was answered 250 is there once, and nothing else is."""
    there = sorted(n.decode() for n in names_in(data))
    if there != sorted(acknowledged):
        lost = set(acknowledged) - set(there)
        return '%d acknowledged, %d there, lost: %s' % (
            len(acknowledged), len(there), sorted(lost)[:3])
    if data.count(b'Subject: race\n') != len(there):
        return 'a message is there in part'
    left = [os.path.join(top, f) for top, _, files in os.walk(tree)
            for f in files if '.lock' in f or os.path.basename(top) == 'tmp']
    return 'left over: %s' % left if left else None


def lmtpd(*options, inject=None):
    under = ['strace', '-qq', '-o', '/dev/null', '-e', 'inject=' + inject] \
        if inject else []
    return Server([*under, 'setpriv', '--reuid', str(UID), '--regid',
                   str(UID), '--clear-groups', LMTPD, '-H', 'h', '-U', 'any',
                   *options])


class Deliverer(threading.Thread):
    """One session: a message after the other to one mailbox."""

    def __init__(self, letter, rcpt, times, *options):
        super().__init__()
        self.server = lmtpd(*options)
        self.names = [letter + str(i) for i in range(times)]
        self.rcpt = rcpt
        self.acknowledged = []
        self.start()

    def run(self):
        client = Client(self.server.sock)
        for name in self.names:
            if client.deliver([self.rcpt], body(name)):
                self.acknowledged.append(name)
        client.close()
        self.server.kill()


def deliver_beside(where, other, *options):
    """Two deliverers to one mailbox and something else at once, in a process
    of its own: it is told to end, and ends when it is between two steps."""
    box = where + '/m/box'
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(UID)
        os.setuid(UID)
        stop = []
        signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
        try:
            while not stop:
                other(box)
                time.sleep(0.0005)
        except Exception as e:      # pylint: disable=broad-except
            print('race: the other program: %s' % e, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    threads = [Deliverer(c, 'box', TIMES, *options) for c in 'ab']
    for t in threads:
        t.join()
    os.kill(child, signal.SIGTERM)
    status = os.waitpid(child, 0)[1]
    return threads[0].acknowledged + threads[1].acknowledged, status


# Readers of an mbox that take all that is in it, under their kind of lock.

def take(box, f):
    f.seek(0)
    data = f.read()
    if data and not (data.startswith(b'From ') and data.endswith(b'\n\n')):
        raise RuntimeError('a part of a message under the lock')
    with open(box + '.taken', 'ab') as store:
        store.write(data)
    f.truncate(0)


def reader(lock):
    def read(box):
        try:
            with open(box, 'r+b') as f:
                lock(f, fcntl.LOCK_EX)
                take(box, f)
        except FileNotFoundError:
            pass
    return read


def dotlock_reader(box):
    """As Debian policy has it: a name of its own, then linked."""
    try:
        os.close(os.open(box + '.reader', os.O_CREAT | os.O_EXCL))
        os.link(box + '.reader', box + '.lock')
    except FileExistsError:
        return
    finally:
        os.unlink(box + '.reader')
    try:
        with open(box, 'r+b') as f:
            take(box, f)
    except FileNotFoundError:
        pass
    finally:
        os.unlink(box + '.lock')


def mover(box):
    """A reader of a Maildir that is quicker than any."""
    try:
        for name in os.listdir(box + '/new'):
            os.rename(box + '/new/' + name, box + '/cur/' + name + ':2,')
    except FileNotFoundError:
        pass


def renamer(box):
    """Whoever rotates mailboxes away: each is gone from one moment on."""
    try:
        os.rename(box, '%s.%d' % (box, time.monotonic_ns()))
    except FileNotFoundError:
        pass
    time.sleep(0.01)


def remover(box):
    """Takes tmp/ away, with what is being written there."""
    shutil.rmtree(box + '/tmp', ignore_errors=True)
    time.sleep(0.002)


def fresh(where):
    shutil.rmtree(where + '/m', ignore_errors=True)
    os.mkdir(where + '/m')
    own(where + '/m')


def both_create(where, fmt):
    """Two are the first to write to a mailbox, at the same moment."""
    for i in range(TIMES):
        fresh(where)
        two = [Client(lmtpd('-d', '%s:%s/m/%%n/box' % (fmt, where)).sock)
               for _ in 'ab']
        for client, name in zip(two, 'ab'):
            client.begin(['box'], body(name))
        acknowledged = [name for client, name in zip(two, 'ab')
                        if client.reply()[:3] == b'250']
        for client in two:
            client.command('QUIT')
            client.close()
        yield 'creation of a %s, %d' % (fmt, i), \
            'not both were delivered' if len(acknowledged) < 2 else \
            judge(acknowledged, mailbox_data(where + '/m/box/box'),
                  where + '/m')


def both_break(where):
    """Two find a lock whose owner is dead.  The second has seen it, but moves
    it only when the first has its own in that place, and may have its inode;
    the first fails in the end, and cuts off what it wrote."""
    options = ['-k', 'dotlock', '-d', 'mbox:%s/m/%%n' % where]
    lock = where + '/m/box.lock'
    with open('/proc/sys/kernel/random/boot_id', encoding='ascii') as f:
        boot = f.read().strip()
    for i in range(TIMES // 4):
        fresh(where)
        write(lock, '999999999\n%s\n%s %d\n' % (
            os.uname().nodename, boot, os.stat('/proc/self/ns/pid').st_ino))
        own(lock)
        second = Client(lmtpd(
            *options, inject='renameat:delay_enter=60000:when=1').sock)
        first = Client(lmtpd(
            *options, inject='fsync:error=EIO:delay_enter=150000:when=1').sock)
        for client, name in ((second, 'b'), (first, 'a')):
            client.begin(['box'], body(name))
            time.sleep(0.02)
        got = [name for client, name in ((first, 'a'), (second, 'b'))
               if client.reply()[:3] == b'250']
        for client in (first, second):
            client.command('QUIT')
            client.close()
        yield 'a lock broken by two, %d' % i, \
            'delivered were %s' % got if got != ['b'] else \
            judge(got, mailbox_data(where + '/m/box'), where + '/m')


def race(where):
    for fmt in ('mbox', 'maildir'):
        yield from both_create(where, fmt)
    yield from both_break(where)
    mbox, maildir = (['-d', '%s:%s/m/%%n' % (fmt, where)]
                     for fmt in ('mbox', 'maildir'))
    # The last: whether all must be delivered, with nothing to wait for.
    for name, other, options, every in (
            ('a reader by fcntl', reader(fcntl.lockf),
             [*mbox, '-k', 'fcntl'], True),
            ('a reader by flock', reader(fcntl.flock),
             [*mbox, '-k', 'flock'], True),
            ('a reader by dotlock', dotlock_reader,
             [*mbox, '-k', 'dotlock'], True),
            ('a reader by fcntl, two locks', reader(fcntl.lockf), mbox, True),
            ('new/ to cur/', mover, maildir, True),
            ('an mbox renamed', renamer, mbox, True),
            ('a Maildir renamed', renamer, maildir, False),
            ('tmp/ removed', remover, maildir, False)):
        fresh(where)
        got, status = deliver_beside(where, other, *options)
        data = b''.join(mailbox_data(os.path.join(where, 'm', box))
                        for box in os.listdir(where + '/m'))
        wrong = judge(got, data, where + '/m')
        if status != 0:
            wrong = 'the other saw what it should not have'
        elif every and len(got) < 2 * TIMES or not got:
            wrong = 'only %d of %d were delivered' % (len(got), 2 * TIMES)
        for i in range(2 * TIMES):
            yield '%s, delivery %d' % (name, i), wrong if i == 0 else None


# Limits.  Each is stepped through from what is too little to start with, to
# what is enough; in between it runs out at every point of a delivery.

BIG = b'Subject: fault\r\n\r\n' + (b'x' * 70 + b'\r\n') * 40000 + \
    b'the last line of the message\r\n'


def limits():
    kib, step = 1024, 8 if QUICK else 1
    for value in range(2000, 5000, 16 * step):
        yield resource.RLIMIT_AS, value * kib
    for value in range(3, 40, step):
        yield resource.RLIMIT_NOFILE, value
    for value in [0, 1, 4095, 4096, 65536] + list(range(
            0, len(BIG) + 200000, 50000 * step)):
        yield resource.RLIMIT_FSIZE, value


NAMES = {resource.RLIMIT_AS: 'memory', resource.RLIMIT_NOFILE: 'descriptors',
         resource.RLIMIT_FSIZE: 'file size'}


def three(where, fmt, text, refusal, what=resource.RLIMIT_AS, value=-1):
    """What is wrong after a message to three with that little left, or None;
    what is not delivered must get that refusal."""
    argv = [LMTPD, '-H', 'h', '-U', 'any', '-d',
            '%s:%s/m/%%n' % (fmt, where), '-T', where + '/m']
    rcpts = ['u0', 'u1', 'u2']
    text = b'LHLO c\r\nMAIL FROM:<a@x>\r\n' + b''.join(
        b'RCPT TO:<%s>\r\n' % r.encode() for r in rcpts) + b'DATA\r\n' + \
        text + b'.\r\nQUIT\r\n'
    done = subprocess.run(
        argv, input=text, capture_output=True, user=UID, group=UID,
        extra_groups=[], check=False, timeout=120,
        preexec_fn=lambda: resource.setrlimit(what, (value, value)))
    replies = [line for line in done.stdout.decode().splitlines()
               if line[3:4] == ' ']
    accepted = [r for r, line in zip(rcpts, replies[3:6])
                if line.startswith('250')]
    results = dict(zip(accepted, replies[7:]))
    # A stack that cannot grow is a signal, for which there is no remedy.
    crashed = what == resource.RLIMIT_AS and \
        done.returncode == -signal.SIGSEGV
    for r in rcpts:
        n, result = found('%s/m/%s' % (where, r)), results.get(r, '')
        if result.startswith('250') != (n == 1) and not (
                crashed and result == '' and n == 1):
            return '%s was answered %s and has %s' % (r, result or 'nothing',
                                                      n)
        if result and not re.match('250 2[.]1[.]5|' + refusal, result):
            return '%s was answered %s' % (r, result)
    if done.returncode not in (0, 71, 127, -9) and not crashed:
        return 'it ended with %d' % done.returncode
    if len(results) < len(accepted) and done.returncode == 0:
        return 'not all were answered: %s' % replies
    left = [os.path.join(top, f) for top, _, files in os.walk(where + '/m')
            for f in files if '.lock' in f or os.path.basename(top) == 'tmp']
    return 'left over: %s' % left if left and not crashed else None


def limit(where):
    for fmt in ('maildir', 'mbox'):
        for what, value in limits():
            fresh(where)
            yield '%s, %s %d' % (fmt, NAMES[what], value), \
                three(where, fmt, BIG, '45[12] 4[.]3[.]', what, value)
