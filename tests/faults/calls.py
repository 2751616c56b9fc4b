"""Every system call of a delivery fails once with each errno it has; the
process is killed at each, and gets SIGTERM at each.  All of it where one sync
is for all recipients, as the file system has a journal, and where each has
its own."""

import collections
import glob
import itertools
import os
import pwd
import re
import shutil
import subprocess

from common import BODY, LMTPD, QUICK, UID, file_systems, write

# More than is kept in memory: the rest waits in -T, and the kernel copies it.
BIG = b'Subject: fault\r\n\r\n' + b''.join(b'%062d\r\n' % k
                                            for k in range(22000))
OLD = b'From old@x Thu Jan  1 00:00:00 1970\nSubject: old\n\nold\n\n'

# What each call can fail with; a call that is not here cannot usefully fail.
# brk(2) never answers with an errno: libc would take that for an address.
ERRORS = {
    'openat': 'EACCES EMFILE ENOMEM ENOSPC EDQUOT EROFS EIO ESTALE',
    'write': 'ENOSPC EDQUOT EIO EFBIG EINTR',
    'fsync': 'EIO ENOSPC EDQUOT', 'sync_file_range': 'EIO ENOSPC',
    'renameat2': 'EACCES EIO ENOSPC EDQUOT EROFS ESTALE EINVAL',
    'linkat': 'EIO ENOSPC EPERM', 'close': 'EIO EINTR',
    'renameat': 'EACCES EIO ENOSPC',
    'mkdirat': 'EACCES ENOSPC EDQUOT EROFS',
    'newfstatat': 'EIO EACCES ENOMEM ESTALE', 'fcntl': 'ENOLCK EIO EAGAIN',
    'utimensat': 'EIO EROFS', 'pread64': 'EIO EINTR', 'read': 'EIO',
    'faccessat2': 'EIO EACCES', 'unlink': 'EACCES EIO', 'unlinkat': 'EACCES',
    'ftruncate': 'EIO', 'mmap': 'ENOMEM', 'fstatfs': 'EIO',
    'getdents64': 'EIO', 'readlink': 'EIO', 'sendto': 'EPIPE',
    'statx': 'EIO ENOMEM', 'pipe2': 'EMFILE ENFILE', 'clone': 'EAGAIN ENOMEM',
    'getpeername': 'ENOTCONN', 'setresuid': 'EAGAIN EPERM',
    'setresgid': 'EPERM', 'copy_file_range': 'EXDEV EIO ENOSPC EDQUOT EINTR',
}

# The calls that change a file, or tell of it, and where signals are let in.
CHANGES = {'openat', 'write', 'copy_file_range', 'mkdirat', 'renameat2',
           'linkat', 'unlink', 'unlinkat', 'ftruncate', 'utimensat', 'fcntl',
           'fsync', 'ppoll', 'exit_group', 'clone', 'wait4'}

# Three copies, one of them with a flag and one in the inbox.
SCRIPT = '''require ["fileinto", "mailbox", "imap4flags"];
fileinto :create "one";
fileinto :flags "\\\\Seen" "two";
keep;
'''

# What may be where the trace is: the mbox's date, then our fields.
TRACE = re.compile(rb'(?:\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\n)?'
                   rb'Return-Path: <a@x>\nDelivered-To: u\d(?:\+two)?\n'
                   rb'Received: .*\n(?:\t.*\n)+')

# there: the mailboxes are; big: the message is; root: each is another user's;
# each: has its own sync; script: how many recipients have one; detail: the
# addresses name a folder.
Scenario = collections.namedtuple(
    'Scenario', 'format rcpts bdat quota there root big each script detail',
    defaults=[False] * 3 + [0, False])


def scenarios():
    # A Maildir is made, as it takes many calls; an mbox is appended to.
    every = [Scenario(f, *s, f == 'mbox') for f, *s in itertools.product(
        ('maildir', 'mbox'), (1, 3), (False, True), (False, True))]
    # One recipient is the first of three.
    if QUICK:
        every = [s for s in every if s.bdat == s.quota and s.rcpts > 1]
    for f in ('maildir', 'mbox'):
        plain = Scenario(f, 3, False, False, f == 'mbox')
        every += [plain._replace(root=True), plain._replace(big=True),
                  plain._replace(there=not plain.there),
                  plain._replace(each=True)]
    # Straight into its tmp/.
    plain = Scenario('maildir', 1, False, False, True)
    every += [plain._replace(big=True), plain._replace(script=1),
              plain._replace(detail=True),
              plain._replace(rcpts=3, script=2, root=True),
              plain._replace(rcpts=3, script=2, big=True, each=True)]
    return every


class Trial:
    """One delivery, in a directory of its own."""

    def __init__(self, where, scenario):
        self.s = scenario
        self.dir = where + ('/disk' if scenario.each else '/mnt') + '/trial'
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir + '/m')
        os.mkdir(self.dir + '/spool')
        for k in range(scenario.rcpts if scenario.there else 0):
            if scenario.format == 'mbox':
                with open(self.path(k), 'wb') as f:
                    f.write(OLD)
            else:
                for part in ('cur', 'new', 'tmp'):
                    os.makedirs('%s/%s' % (self.path(k), part))
        text = b'LHLO c\r\nMAIL FROM:<a@x>\r\n' + b''.join(
            b'RCPT TO:<u%d%s>\r\n' % (k, b'+two' * scenario.detail)
            for k in range(scenario.rcpts))
        if scenario.bdat:
            half = len(BODY) // 2
            text += b'BDAT %d\r\n%sBDAT %d LAST\r\n%s' % (
                half, BODY[:half], len(BODY) - half, BODY[half:])
        else:
            text += b'DATA\r\n' + (BIG if scenario.big else BODY) + b'.\r\n'
        with open(self.dir + '/in', 'wb') as f:
            f.write(text + b'QUIT\r\n')
        for k in range(max(scenario.script, scenario.detail)):
            for part in ('cur', 'new', 'tmp'):
                os.makedirs('%s/.two/%s' % (self.path(k), part))
        for k in range(scenario.script):
            write('%s/u%d.sieve' % (self.dir, k), SCRIPT)
        for top, dirs, files in os.walk(self.dir):
            for name in dirs + files + ['.']:
                os.chown(os.path.join(top, name), UID, UID)
        if scenario.root:
            self.make_users()

    def make_users(self):
        """As root each recipient is somebody else."""
        os.chmod(self.dir + '/m', 0o1777)
        with open(self.dir + '/users', 'w', encoding='ascii') as f:
            for k in range(self.s.rcpts):
                f.write('u%d:x:%d:%d::/:/bin/sh\n' % (k, UID - k, UID - k))
                if os.path.exists(self.path(k)):
                    for end in ('', '/*', '/.two', '/.two/*'):
                        for path in glob.glob(self.path(k) + end):
                            os.chown(path, UID - k, UID - k)
                if k < self.s.script:
                    os.chown('%s/u%d.sieve' % (self.dir, k), UID - k, -1)

    def path(self, k):
        return '%s/m/u%d' % (self.dir, k)

    def run(self, *strace):
        # Standard output is a pipe, as an MTA's would be.
        # Only root may look into a process that gives up its dumps; with -y
        # it says which file a descriptor is of.
        command = ['strace', '-qq', '-y', '-o', self.dir + '/trace', *strace]
        if not self.s.root:
            command += ['-u', pwd.getpwuid(UID).pw_name]
        command += [LMTPD, '-e', '-t', '5', '-H', 'h', '-T',
                    self.dir + '/spool', '-d',
                    '%s:%s/m/%%n' % (self.s.format, self.dir), '-U',
                    'file:%s/users' % self.dir if self.s.root else 'any']
        if self.s.quota:
            command += ['-q', '1M']
        if self.s.detail:
            command += ['-f']
        if self.s.script:
            command += ['-S', self.dir + '/%n.sieve']
        with open(self.dir + '/in', 'rb') as stdin, \
                open(self.dir + '/log', 'wb') as log:
            out = subprocess.run(command, stdin=stdin, stderr=log,
                                 stdout=subprocess.PIPE, timeout=120).stdout
        # A line that was cut by a kill says nothing.
        lines = out[:out.rfind(b'\n') + 1].decode().splitlines()
        self.replies = [line for line in lines if line[3:4] == ' ']
        # 220, LHLO, MAIL, each RCPT, then DATA's 354 or the first chunk's.
        self.accepted = [k for k, line in
                         enumerate(self.replies[3:3 + self.s.rcpts])
                         if line.startswith('250')]
        results = self.replies[4 + self.s.rcpts:]
        # A chunk that is refused ends the transaction with its one reply.
        if self.s.bdat and self.replies[3 + self.s.rcpts:] and \
                self.replies[3 + self.s.rcpts][0] == '4':
            self.accepted, results = [], []
        self.results = dict(zip(self.accepted, results))
        return self

    def parts(self, k):
        """Where the copies of recipient k's message go."""
        if k < self.s.script:
            return 'new', '.one/new', '.two/cur'
        return ('.two/new',) if self.s.detail else ('new',)

    def pieces(self, k, parts=()):
        """Recipient k's messages, whole or not; None: what was is harmed."""
        if self.s.format == 'mbox':
            try:
                with open(self.path(k), 'rb') as f:
                    text = f.read()
            except FileNotFoundError:
                return None if self.s.there else []
            if self.s.there and not text.startswith(OLD):
                return None
            # Each begins a line behind a blank one, or the file.
            first, *rest = re.split(rb'(?:^|(?<=\n\n))From a@x ', text)
            first = first[len(OLD):] if self.s.there else first
            return [first] * (first != b'') + rest
        texts = []
        for part in parts or self.parts(k):
            try:
                names = os.listdir('%s/%s' % (self.path(k), part))
            except FileNotFoundError:
                continue
            for name in names:
                with open('%s/%s/%s' % (self.path(k), part, name), 'rb') as f:
                    texts.append(f.read())
                if ',S=%d,' % len(texts[-1]) not in name or \
                        (':2,S' in name) != ('cur' in part):
                    return None
        return texts

    def is_whole(self, piece):
        """The trace, and then the message byte for byte."""
        want = (BIG if self.s.big else BODY).replace(b'\r', b'') + \
            b'\n' * (self.s.format == 'mbox')
        return piece.endswith(want) and \
            TRACE.fullmatch(piece[:-len(want)]) is not None

    def found(self, k):
        """How many whole messages recipient k has; None: something else, or
        not the same number of all copies."""
        found = set()
        for part in self.parts(k):
            pieces = self.pieces(k, [part])
            if pieces is None or not all(map(self.is_whole, pieces)):
                return None
            found.add(len(pieces))
        # What an error of the script comes to.
        if self.script_failed(k):
            found = {len(self.pieces(k))}
        return found.pop() if len(found) == 1 else None

    def script_failed(self, k):
        """As the log says, and only where its child could not be heard."""
        with open(self.dir + '/log', encoding='latin-1') as f:
            said = any('to=<u%d>' % k in line and ': error: ' in line
                       for line in f)
        return said and re.match(r'read\(\d+<pipe:', injected(self))

    def left_over(self):
        return [os.path.join(top, f) for top, _, files in
                os.walk(self.dir + '/m') for f in files
                if f.endswith('.lock') or os.path.basename(top) == 'tmp']


def calls(trial):
    """(call, its number) of all that a delivery makes after the greeting."""
    seen, count, talking = [], collections.Counter(), False
    with open(trial.dir + '/trace', encoding='latin-1') as f:
        for line in f:
            match = re.match(r'(\w+)\(', line)
            if not match:
                continue
            count[match[1]] += 1
            talking = talking or '"220 h' in line
            if talking:
                seen.append((match[1], count[match[1]]))
    return seen


def injected(trial):
    with open(trial.dir + '/trace', encoding='latin-1') as f:
        return next((line for line in f if 'INJECTED' in line), '')


def codes(trial, error, line):
    """What a failure may be answered with, by what it was that failed."""
    if trial.dir + '/users' in line:
        return '451 4.3.5'
    if error in ('ENOSPC', 'EFBIG'):
        return '452 4.3.1'
    if error == 'EDQUOT':
        return '452 4.3.1' if trial.dir + '/spool' in line else '452 4.2.2'
    return '451 4.3.0'


def judge_replies(trial, code):
    """Each recipient's answers: good, or the right code."""
    n = trial.s.rcpts
    # 421: nobody is there to answer, or told to end.
    rcpts, chunk = trial.replies[3:3 + n], trial.replies[3 + n:4 + n]
    for what, good, replies in (
            ('RCPT', '250 2.', rcpts),
            # Nobody is there to get it.
            ('the message', ('250 2.', '354 ') if any(
                r.startswith('250') for r in rcpts) else '503 5.5.1', chunk),
            ('a recipient', '250 2.1.5 ', trial.results.values())):
        for reply in replies:
            if not reply.startswith((code + ' ', '421 4.3.2 ')) and \
                    not reply.startswith(good):
                return '%s was answered %s, not %s' % (what, reply, code)
    return None


def judge_mailbox(trial, call, k):
    """Is recipient k's mailbox as the answer says?"""
    n, result = trial.found(k), trial.results.get(k, '')
    if n is None or n > 1:
        return 'u%d has a message that is not whole, or two' % k
    if result.startswith('250') and n != 1:
        return 'u%d was answered 250 and has nothing' % k
    # Its removal is what failed: then the message cannot but stay.
    if result.startswith('4') and n != 0 and \
            call not in ('unlink', 'unlinkat', 'ftruncate'):
        return 'u%d was answered %s and has it' % (k, result)
    return None


def judge_injected(trial, call, error=''):
    """What is wrong after one call failed, or None."""
    line = injected(trial)
    dialogue = re.match(r'(write|read|sendto|close)\([01]<', line) or \
        call in ('sendto', 'setresuid')
    if wrong := judge_replies(trial, codes(trial, error, line)):
        return wrong
    for k in range(trial.s.rcpts):
        if wrong := judge_mailbox(trial, call, k):
            return wrong
        if k not in trial.results and not dialogue and k in trial.accepted:
            return 'u%d was not answered' % k
    good = sum(r.startswith('250') for r in trial.results.values())
    # All that is kept in memory or in -T is everybody's.
    shared = call == 'mmap' or (call in ('openat', 'write') and
                                trial.dir + '/spool' in line)
    if good < len(trial.accepted) - 1 and not dialogue and not shared:
        return 'more than one recipient suffered'
    # An unlink that fails is what leaves a file; nothing else may, but that a
    # process cannot be root again, or whose the file is: that is as a kill.
    if trial.left_over() and call not in ('unlink', 'unlinkat', 'setresuid',
                                         'setresgid'):
        return 'left over: %s' % trial.left_over()
    return None


# Every write to a file does half of what it was asked for.
SHORT = '''#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t
half(int fd, size_t n)
{
        struct stat st;

        return n > 1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ?
            n / 2 : n;
}

ssize_t
write(int fd, const void *buf, size_t n)
{
        return syscall(SYS_write, fd, buf, half(fd, n));
}

ssize_t
pwrite(int fd, const void *buf, size_t n, off_t at)
{
        return syscall(SYS_pwrite64, fd, buf, half(fd, n), at);
}

ssize_t
copy_file_range(int from, off64_t *a, int to, off64_t *b, size_t n,
    unsigned int flags)
{
        return syscall(SYS_copy_file_range, from, a, to, b, half(to, n),
            flags);
}
'''


def make_short(where):
    shim = where + '/short.so'
    write(where + '/short.c', SHORT)
    subprocess.run(['cc', '-shared', '-fPIC', '-o', shim, where + '/short.c'],
                   check=True)
    return shim


def judge_short(trial, before):
    """All must be delivered all the same; before: the calls without."""
    def count(seen):
        return sum(call == 'write' for call, _ in seen)
    if count(calls(trial)) <= count(before):
        return 'no write was short: the test sees nothing'
    if any(trial.results.get(k, '')[:3] != '250'
           for k in range(trial.s.rcpts)):
        return 'not all were answered 250: %s' % trial.replies
    return judge_injected(trial, '')


def some(scenario, points):
    """In a quick run a large message fails at a few points, but all calls."""
    if not QUICK or not scenario.big:
        return points
    last = dict(points)
    first = dict(reversed(points))
    return [p for p in points if p[1] in (first[p[0]], last[p[0]])]


def steps(scenario, points):
    """Where to end it; between two changes one place is as good as another,
    and a quick run has only that before each."""
    return [p for p in some(scenario, points) if not QUICK or p[0] in CHANGES]


def inject(where):
    shim = make_short(where)
    file_systems(where)
    for s in scenarios():
        points = calls(Trial(where, s).run())
        trial = Trial(where, s).run('-E', 'LD_PRELOAD=' + shim)
        yield '%s short writes' % (s,), judge_short(trial, points)
        for call, number in some(s, points):
            errors = ERRORS.get(call, '').split()
            for error in errors[:2] if QUICK else errors:
                what = '%s:error=%s:when=%d' % (call, error, number)
                trial = Trial(where, s).run('-e', 'inject=' + what)
                yield '%s %s' % (s, what), judge_injected(trial, call, error)


def judge_killed(trial, again):
    for k in range(trial.s.rcpts):
        if again.results.get(k, '')[:3] != '250':
            return 'the next delivery to u%d: %s' % (k, again.replies)
        for part in trial.parts(k):
            if wrong := judge_copies(trial, again, k, part):
                return wrong
    return None


def judge_copies(trial, again, k, part):
    """Those of recipient k in one place, after a kill and another try."""
    pieces = again.pieces(k, [part])
    if pieces is None:
        return 'u%d has lost what was there' % k
    whole = [again.is_whole(piece) for piece in pieces]
    # An mbox may have a torn end; what comes next is whole.
    torn = trial.s.format == 'mbox' and whole.count(False) == 1 and whole[-1]
    if not all(whole) and not torn:
        return 'u%d has a message that is not whole' % k
    n = whole.count(True)
    acknowledged = trial.results.get(k, '').startswith('250')
    if n > 2 or n < 1 + acknowledged:
        return 'u%d has %d messages in %s' % (k, n, part)
    return None


def kill(where):
    file_systems(where)
    for s in scenarios():
        for call, number in steps(s, calls(Trial(where, s).run())):
            what = '%s:signal=KILL:when=%d' % (call, number)
            trial = Trial(where, s).run('-e', 'inject=' + what)
            again = Trial.__new__(Trial)
            again.s, again.dir = s, trial.dir
            again.run()
            yield '%s %s' % (s, what), judge_killed(trial, again)


def term(where):
    """SIGTERM: what was committed is answered so, the rest 451, then 421."""
    file_systems(where)
    for s in scenarios():
        for call, number in steps(s, calls(Trial(where, s).run())):
            what = '%s:signal=TERM:when=%d' % (call, number)
            trial = Trial(where, s).run('-e', 'inject=' + what)
            wrong = judge_injected(trial, 'sendto')
            last = trial.replies[-1] if trial.replies else 'none'
            if wrong is None and last[:3] not in ('221', '421'):
                wrong = 'the last reply is %s' % last
            if wrong is None and trial.left_over():
                wrong = 'left over: %s' % trial.left_over()
            yield '%s %s' % (s, what), wrong
