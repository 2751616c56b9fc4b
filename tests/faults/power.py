"""The power goes, between a message and its 250 or right after.

A file system is told to stop without a flush, where it can be told (ext4,
XFS).  Another way, for any: its image is a file on an XFS that is stopped;
then what the disk was not told to flush is lost too, as with a disk that
keeps writes in its own memory."""

import collections
import ctypes
import glob
import itertools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time

from common import BODY, END, HERE, LMTPD, QUICK, UID, Client, own, write

MAIL_GID = 8
OLD = b'From old@x Thu Jan  1 00:00:00 1970\nSubject: old\n\nold\n\n'
# Mailboxes that are there before the first power cut.
FIXED = ['fixed%d' % k for k in range(50)]
CACHE = os.path.expanduser('~/.cache/lmtpd-bench')

# options are those of mkfs; disk: cut at the disk, not at the file system.
Kind = collections.namedtuple('Kind', 'fs options disk')
KINDS = [Kind('ext4', [], False), Kind('ext4', ['-O', 'fast_commit'], False),
         Kind('ext4', ['-O', '^has_journal'], False), Kind('xfs', [], False),
         Kind('ext4', [], True), Kind('xfs', [], True),
         Kind('btrfs', [], True)]


def title(kind):
    return ' '.join([kind.fs, *kind.options[1:]] +
                    (['on a disk with a cache'] if kind.disk else []))


def quiet(*command, check=False):
    return subprocess.run(command, check=check, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


class Volume:
    """A file system in a file; the file survives the power cut."""

    def __init__(self, where, kind):
        self.kind = kind
        self.at, self.under = where + '/mnt', where + '/disk'
        self.image = (self.under if kind.disk else where) + '/image'
        os.makedirs(self.at, exist_ok=True)
        if kind.disk:
            os.makedirs(self.under, exist_ok=True)
            self.outer = where + '/outer'
            self.make(self.outer, 'xfs', [], 800)
            self.mount_outer()
        self.make(self.image, kind.fs, kind.options, 400)
        self.mount_inner()
        os.mkdir(self.at + '/v')
        own(self.at + '/v')
        os.sync()

    @staticmethod
    def make(image, fs, options, size):
        with open(image, 'wb') as f:
            f.truncate(size << 20)
        quiet('mkfs.' + fs, '-q', *options, image, check=True)

    def mount_outer(self):
        subprocess.run(['mount', '-o', 'loop', self.outer, self.under],
                       check=True)

    def mount_inner(self):
        subprocess.run(['mount', '-o', 'loop', self.image, self.at],
                       check=True)

    def cut(self):
        quiet('xfs_io', '-x', '-c', 'shutdown',
              self.under if self.kind.disk else self.at, check=True)

    def again(self):
        """The power is back."""
        self.umount()
        if self.kind.disk:
            self.mount_outer()
        # What a cut leaves without a journal is for fsck to mend.
        if '^has_journal' in self.kind.options:
            quiet('e2fsck', '-fy', self.image)
        self.mount_inner()
        # As a boot script would: nobody holds a lock any more.  One that the
        # cut left empty, for it is not synced, does not name its process, and
        # would be waited for in vain and answered 450.
        for lock in glob.glob(self.at + '/v/*.lock*'):
            os.unlink(lock)

    def umount(self):
        # A process that was killed lets go of it a moment later.
        for _ in range(200):
            if quiet('umount', self.at):
                break
            time.sleep(0.01)
        else:
            raise RuntimeError('%s is in use' % self.at)
        if self.kind.disk:
            # The kernel lets go of the loop device a moment later.
            while not quiet('umount', self.under):
                time.sleep(0.01)


class Server:
    """A process that serves one connection, as inetd would start it."""

    def __init__(self, argv, env=None, group=None):
        self.sock, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            argv, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL,
            env=env, group=group, start_new_session=True)
        theirs.close()

    def kill(self):
        """It, and what it started or is traced by."""
        self.sock.close()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def command(volume, fmt, *options):
    return [LMTPD, '-u', '%d:%d' % (UID, UID), '-H', 'h', '-U', 'any',
            '-d', '%s:%s/v/%%n' % (fmt, volume.at), *options]


def lmtpd(volume, fmt, env=None):
    return Server(command(volume, fmt), env)


def trial(volume, server, rcpts, early, body=BODY):
    """Delivers and cuts the power.  Who was answered 250 before."""
    client = Client(server.sock)
    accepted = client.begin(rcpts, body)
    if early:
        # At any moment between the last byte and the replies.
        server.sock.settimeout(random.random() * 0.004)
    acknowledged = []
    try:
        for r in accepted:
            if client.reply()[:3] == b'250':
                acknowledged.append(r)
    except OSError:
        pass
    volume.cut()
    client.close()
    server.kill()
    volume.again()
    return acknowledged


def found(path):
    """How many whole messages are there; None for a part of one."""
    if os.path.isdir(path):
        names = [os.path.join(path, part, name) for part in ('new', 'cur')
                 if os.path.isdir(os.path.join(path, part))
                 for name in os.listdir(os.path.join(path, part))]
        texts = [read(name) for name in names]
        if any(t is None or not t.endswith(END) or b'fault' not in t[:2000]
               for t in texts):
            return None
        return len(texts)
    text = read(path)
    if text == b'':
        return 0
    if text is None or not text.startswith(b'From ') or \
            not text.endswith(END + b'\n'):
        return None
    return text.count(END)


def read(path):
    """b'' where there is nothing, None where it cannot be read."""
    try:
        with open(path, 'rb') as f:
            return f.read()
    except FileNotFoundError:
        return b''
    except OSError:
        return None


def body_of(cycle):
    """A message like no other, so that each can be told to be there."""
    return BODY.replace(b'0123456789', b'0123%06d' % cycle)


HEAD = re.compile(rb'(?:\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\n)?'
                  rb'(?:[\w-]+: .*\n(?:\t.*\n)*)*Subject: fault\n'
                  rb'(?=\n0123(\d{6}))')


class Mailboxes:
    """All of a file system: what was sent to each, and acknowledged."""

    def __init__(self, volume, fmt, there=()):
        self.top, self.fmt = volume.at + '/v/', fmt
        self.sent = collections.Counter()
        self.acknowledged = collections.defaultdict(set)
        for path in [self.top + name for name in there or FIXED]:
            if fmt == 'mbox':
                write(path, OLD.decode())
                own(path)
            else:
                for part in ('', '/tmp', '/new', '/cur'):
                    os.mkdir(path + part, 0o700)
                    own(path + part)
        os.sync()

    def note(self, cycle, rcpts, acknowledged):
        self.sent.update(rcpts)
        for name in acknowledged:
            self.acknowledged[name].add(cycle)

    def pieces(self, name):
        """Messages, whole or not; None for one that cannot be read."""
        path = self.top + name
        if self.fmt == 'maildir':
            return [read(file) for part in ('new', 'cur')
                    for file in glob.glob('%s/%s/*' % (path, part))]
        text = read(path)
        if text is None:
            return [None]
        # A torn end has a blank line behind it before the next message.
        first, *rest = re.split(rb'(?:^|(?<=\n\n))From a@x ', text)
        first = first[len(OLD):] if first.startswith(OLD) else first
        return [first] * (first != b'') + rest

    def look(self, name):
        """The cycles whose message is there, and how many are torn."""
        whole, torn = [], 0
        for text in self.pieces(name):
            match = HEAD.match(text or b'')
            cycle = int(match[1]) if match else -1
            body = body_of(cycle).replace(b'\r', b'')
            tail = match and text[match.end():]
            rest = body[body.index(b'\n\n') + 1:] + \
                b'\n' * (self.fmt == 'mbox')
            if match and tail.startswith(rest):
                whole.append(cycle)
            torn += not match or tail != rest
        return whole, torn

    def wrong(self, name):
        """What is wrong with a mailbox, or None."""
        try:
            whole, torn = self.look(name)
        except OSError as e:
            return str(e)
        acknowledged = self.acknowledged[name]
        if lost := sorted(acknowledged - set(whole)):
            return '%s: acknowledged in cycle %d and lost' % (name, lost[0])
        if len(set(whole)) < len(whole):
            return '%s has a message twice' % name
        # An mbox may have a torn end, one for each that got no answer.
        allowed = 0 if self.fmt == 'maildir' else \
            self.sent[name] - len(acknowledged)
        return '%s: %d torn' % (name, torn) if torn > allowed else None

    def first_wrong(self, names):
        return next(filter(None, map(self.wrong, names)), None)


def choose(cycle, numbers=(1, 3, 100)):
    """Recipients, about half of them with a mailbox already."""
    n = random.choice(numbers)
    old = random.sample(FIXED, (n + random.randrange(2)) // 2)
    rcpts = old + ['c%d-u%d' % (cycle, k) for k in range(n - len(old))]
    # Old or new last: that is the one whose sync is for all.
    random.shuffle(rcpts)
    return rcpts


def power(where):
    cycles = 20 if QUICK else int(os.environ.get('CYCLES', '200'))
    for kind, fmt in itertools.product(KINDS, ('maildir', 'mbox')):
        volume = Volume(where, kind)
        mailboxes = Mailboxes(volume, fmt)
        for cycle in range(cycles):
            rcpts, early = choose(cycle), cycle % 2 == 1
            acknowledged = trial(volume, lmtpd(volume, fmt), rcpts, early,
                                 body_of(cycle))
            mailboxes.note(cycle, rcpts, acknowledged)
            wrong = mailboxes.first_wrong(rcpts)
            if wrong is None and not early and acknowledged != rcpts:
                wrong = '%d were answered 250' % len(acknowledged)
            yield '%s %s, cycle %d, %d recipients%s' % (
                title(kind), fmt, cycle, len(rcpts),
                ', early' if early else ''), wrong
        yield '%s %s, all cycles' % (title(kind), fmt), \
            mailboxes.first_wrong({*FIXED, *mailboxes.sent})
        volume.umount()


# A recipient who wants what others rely on to be done before its time: he is
# the last of his group, whose sync is for all.

FLAGGED = '''require "imap4flags";
keep :flags "\\\\Seen";
'''


def sync(file):
    """That file, and all else of its file system."""
    fd = os.open(file, os.O_RDONLY)
    os.fsync(fd)
    ctypes.CDLL(None).syncfs(fd)
    os.close(fd)


def steal(box, flagged):
    """Gives a message its name himself, as soon as it is there, and syncs."""
    while True:
        for name in os.listdir(box + '/tmp'):
            data = read(box + '/tmp/' + name)
            if data and data.endswith(END):
                new = '%s/%s,S=%d,W=%d' % (
                    'cur' if flagged else 'new', name, len(data),
                    len(data) + data.count(b'\n'))
                new = '%s/%s%s' % (box, new, ':2,S' if flagged else '')
                try:
                    os.rename(box + '/tmp/' + name, new)
                except FileNotFoundError:
                    continue
                sync(new)


def sync_for_ever(box):
    while True:
        sync(box)


class Accompanied(Server):
    """What is delivered to the last recipient he deals with at once; held:
    in a time that he has made long, as one can by FUSE."""

    def __init__(self, volume, fmt, held, script):
        argv = command(volume, fmt, *(['-S', script] if script else []))
        if held:
            argv = ['strace', '-qq', '-o', '/dev/null', '-e',
                    'inject=%s:delay_enter=%d:when=1' % held, *argv]
        self.hostile = os.fork()
        if self.hostile == 0:
            try:
                if fmt == 'mbox':
                    sync_for_ever(volume.at + '/v/hostile')
                steal(volume.at + '/v/hostile', script)
            finally:
                os._exit(0)
        super().__init__(argv)

    def kill(self):
        os.kill(self.hostile, signal.SIGKILL)
        os.waitpid(self.hostile, 0)
        super().kill()


def cruelties(where):
    """Format, the call that takes long, a script."""
    script = where + '/keep.sieve'
    write(script, FLAGGED)
    yield 'maildir', None, None
    yield 'maildir', ('renameat2', 60000), None
    yield 'maildir', ('renameat2', 60000), script
    yield 'maildir', ('fsync', 60000), None
    yield 'mbox', ('utimensat', 30000), None
    yield 'mbox', ('fsync', 30000), None


def hostile(where):
    cycles = 3 if QUICK else int(os.environ.get('CYCLES', '200')) // 4
    for kind in KINDS:
        if kind.disk and QUICK:
            continue
        volume = None
        for fmt, held, script in cruelties(where):
            if volume is None or fmt != mailboxes.fmt:
                if volume:
                    volume.umount()
                volume = Volume(where, kind)
                mailboxes = Mailboxes(volume, fmt, [*FIXED, 'hostile'])
                cycle = 0
            for cycle in range(cycle + 1, cycle + 1 + cycles):
                rcpts = choose(cycle, (1, 2, 19))
                got = trial(volume, Accompanied(volume, fmt, held, script),
                            rcpts + ['hostile'], False, body_of(cycle))
                got = [r for r in got if r != 'hostile']
                mailboxes.note(cycle, rcpts, got)
                wrong = mailboxes.first_wrong(rcpts)
                if wrong is None and got != rcpts:
                    wrong = '%d of %d were answered 250' % (len(got),
                                                            len(rcpts))
                yield '%s %s, hostile, %s%s, cycle %d, %d recipients' % (
                    title(kind), fmt, held and held[0],
                    ', script' if script else '', cycle, len(rcpts)), wrong
            yield '%s %s, hostile, all cycles' % (title(kind), fmt), \
                mailboxes.first_wrong({*FIXED, *mailboxes.sent})
        volume.umount()


def control(where):
    """With syncs that do nothing the power cut must show a loss."""
    shim = where + '/shim'
    write(shim + '.c', 'int fsync(int fd) { (void)fd; return 0; }\n')
    subprocess.run(['cc', '-shared', '-fPIC', '-o', shim + '.so',
                    shim + '.c'], check=True)
    for kind, fmt in itertools.product(KINDS, ('maildir', 'mbox')):
        if '-O' in kind.options:
            continue
        volume = Volume(where, kind)
        rcpts = ['u0', 'u1', 'u2']
        server = lmtpd(volume, fmt, dict(os.environ, LD_PRELOAD=shim + '.so'))
        acknowledged = trial(volume, server, rcpts, False)
        lost = [r for r in acknowledged if found(volume.at + '/v/' + r) != 1]
        volume.umount()
        yield '%s %s' % (title(kind), fmt), None if lost else \
            'nothing is lost without a sync: the test sees nothing'


# What others do.

DOVECOT = '''protocols = lmtp
base_dir = {d}
state_dir = {d}
log_path = {d}/log
ssl = no
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
mail_location = {location}
mbox_write_locks = dotlock fcntl
first_valid_uid = 1
auth_username_format = %Ln
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={uid} gid={uid} home={d}/home/%n
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
}}
'''


class Dovecot:
    def __init__(self, where, location):
        d = where + '/dovecot'
        shutil.rmtree(d, ignore_errors=True)
        os.makedirs(d + '/index')
        own(d + '/index')
        write(d + '/conf', DOVECOT.format(d=d, location=location, uid=UID))
        # With the first process of a pid namespace all others go.
        self.process = subprocess.Popen(
            ['unshare', '--pid', '--fork', '--kill-child',
             '/usr/sbin/dovecot', '-F', '-c', d + '/conf'],
            stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        self.sock = socket.socket(socket.AF_UNIX)
        while time.monotonic() < deadline:
            try:
                self.sock.connect(d + '/lmtp')
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError('Dovecot does not start')

    def kill(self):
        self.sock.close()
        self.process.kill()
        self.process.wait()


def system(where):
    """Accounts for those who know no others, in our namespace only."""
    home = where + '/home'
    os.mkdir(home)
    write(home + '/.procmailrc', 'DEFAULT=%s/mnt/v/$LOGNAME/\n' % where)
    own(home)
    own(home + '/.procmailrc')
    with open('/etc/passwd', encoding='utf-8') as f:
        accounts = f.read()
    accounts += ''.join('p%d-%d:x:%d:%d::%s:/bin/sh\n' % (c, k, UID, UID, home)
                        for c in range(1000) for k in range(3))
    write(where + '/passwd', accounts)
    quiet('mount', '--bind', where + '/passwd', '/etc/passwd', check=True)
    # Their paths are compiled in.
    quiet('mount', '-t', 'overlay', 'overlay', '-o',
          'lowerdir=%s/usr:/usr' % CACHE, '/usr', check=True)


def mail_local(volume, where):
    """It knows one directory only."""
    os.chown(volume.at + '/v', 0, MAIL_GID)
    os.chmod(volume.at + '/v', 0o2775)
    quiet('umount', '/var/mail')
    quiet('mount', '--bind', volume.at + '/v', '/var/mail', check=True)
    server = Server(['/usr/libexec/sendmail/mail.local', '-l'],
                    group=MAIL_GID)
    again = volume.again

    def unbind():
        quiet('umount', '/var/mail', check=True)
        del volume.again
        again()
    volume.again = unbind
    return server


PEERS = [
    ('lmtpd, Maildir', LMTPD, lambda v, w: lmtpd(v, 'maildir')),
    ('lmtpd, mbox', LMTPD, lambda v, w: lmtpd(v, 'mbox')),
    ('mail.local, mbox', CACHE + '/usr/libexec/sendmail/mail.local',
     mail_local),
    ('procmail -z, Maildir', CACHE + '/usr/bin/procmail',
     lambda v, w: Server(['/usr/bin/procmail', '-z'])),
    ('Dovecot, Maildir', CACHE + '/usr/lib/dovecot/lmtp',
     lambda v, w: Dovecot(w, 'maildir:%s/v/%%n' % v.at)),
    ('Dovecot, mbox', CACHE + '/usr/lib/dovecot/lmtp',
     lambda v, w: Dovecot(w, 'mbox:%s/dovecot/index/%%n:INBOX=%s/v/%%n' %
                          (w, v.at))),
]


def peers(where):
    """The same for the others, where they can be had: first mail and its
    power cut.  A table; a failure is lmtpd's only."""
    subprocess.run([HERE + '/../../bench/peers', CACHE], check=True,
                   stdout=subprocess.DEVNULL)
    system(where)
    cycles = int(os.environ.get('CYCLES', '20'))
    kinds = [k for k in KINDS if '-O' not in k.options]
    table = {}
    for kind, (name, program, start) in itertools.product(kinds, PEERS):
        if not os.path.exists(program):
            continue
        volume = Volume(where, kind)
        asked = lost = 0
        for cycle in range(cycles):
            rcpts = ['p%d-%d' % (cycle, k) for k in range(1 + cycle % 3)]
            acknowledged = trial(volume, start(volume, where), rcpts, False)
            gone = sum(found('%s/v/%s' % (volume.at, r)) != 1
                       for r in acknowledged)
            asked += len(acknowledged)
            lost += gone
            yield '%s, %s, cycle %d' % (name, title(kind), cycle), \
                'lost' if gone and name.startswith('lmtpd') else None
        volume.umount()
        table.setdefault(name, []).append('%d of %d' % (lost, asked))
    print('\nLost of those that were acknowledged; *: on a disk with a cache')
    print(' ' * 22 + ''.join('%14s' % (k.fs + '*' * k.disk) for k in kinds))
    for name, row in table.items():
        print('%-22s' % name + ''.join('%14s' % cell for cell in row))
