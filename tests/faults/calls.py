"""Every system call of a delivery fails once with each errno it has; the
process is killed at each, and gets SIGTERM at each."""

import collections
import itertools
import os
import re
import shutil
import subprocess

from common import BODY, END, LMTPD, QUICK, UID

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
    'getpeername': 'ENOTCONN', 'setresuid': 'EAGAIN EPERM',
    'setresgid': 'EPERM',
}

Scenario = collections.namedtuple('Scenario', 'format rcpts bdat quota root')


def scenarios():
    every = [Scenario(*s) for s in itertools.product(
        ('maildir', 'mbox'), (1, 3), (False, True), (False, True), (False,))]
    if QUICK:
        every = [s for s in every if s.bdat == s.quota]
    return every + [Scenario(f, 3, False, False, True)
                    for f in ('maildir', 'mbox')]


class Trial:
    """One delivery, in a directory of its own."""

    def __init__(self, where, scenario):
        self.s = scenario
        self.dir = os.path.join(where, 'trial')
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir + '/m')
        for k in range(scenario.rcpts):
            if scenario.format == 'mbox':
                with open(self.path(k), 'wb') as f:
                    f.write(OLD)
        text = b'LHLO c\r\nMAIL FROM:<a@x>\r\n' + b''.join(
            b'RCPT TO:<u%d>\r\n' % k for k in range(scenario.rcpts))
        if scenario.bdat:
            half = len(BODY) // 2
            text += b'BDAT %d\r\n%sBDAT %d LAST\r\n%s' % (
                half, BODY[:half], len(BODY) - half, BODY[half:])
        else:
            text += b'DATA\r\n' + BODY + b'.\r\n'
        with open(self.dir + '/in', 'wb') as f:
            f.write(text + b'QUIT\r\n')
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
                    os.chown(self.path(k), UID - k, UID - k)

    def path(self, k):
        return '%s/m/u%d' % (self.dir, k)

    def run(self, *strace):
        # Standard output is a pipe, as an MTA's would be.
        command = [] if self.s.root else [
            'setpriv', '--reuid', str(UID), '--regid', str(UID),
            '--clear-groups']
        command += ['strace', '-qq', '-o', self.dir + '/trace', *strace, LMTPD,
                    '-e', '-t', '5', '-H', 'h', '-d',
                    '%s:%s/m/%%n' % (self.s.format, self.dir), '-U',
                    'file:%s/users' % self.dir if self.s.root else 'any']
        if self.s.quota:
            command += ['-q', '1M']
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

    def found(self, k):
        """How many whole messages recipient k has; None: something else."""
        if self.s.format == 'mbox':
            try:
                with open(self.path(k), 'rb') as f:
                    text = f.read()
            except FileNotFoundError:
                return 0
            if not text.startswith(OLD):
                return None
            text = text[len(OLD):]
            if not text:
                return 0
            whole = text.startswith(b'From a@x ') and \
                text.endswith(END + b'\n')
            return text.count(END) if whole and \
                text.count(b'\nSubject: fault\n') == text.count(END) else None
        names = []
        for part in ('new', 'cur'):
            try:
                names += ['%s/%s/%s' % (self.path(k), part, n) for n in
                          os.listdir('%s/%s' % (self.path(k), part))]
            except FileNotFoundError:
                pass
        for name in names:
            with open(name, 'rb') as f:
                text = f.read()
            if not text.endswith(END) or \
                    'S=%d,' % len(text) not in name:
                return None
        return len(names)

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


def judge_injected(trial, call):
    """What is wrong after one call failed, or None."""
    text = injected(trial)
    dialogue = re.match(r'(write|read|sendto|close)\([01],', text) or \
        call in ('sendto', 'setresuid')
    for k in range(trial.s.rcpts):
        n, result = trial.found(k), trial.results.get(k, '')
        if n is None or n > 1:
            return 'u%d has a message that is not whole, or two' % k
        if result.startswith('250') and n != 1:
            return 'u%d was answered 250 and has nothing' % k
        if result and not re.match(r'250 2\.1\.5|45[012] 4\.', result):
            return 'u%d was answered %s' % (k, result)
        # Its removal is what failed: then the message cannot but stay.
        if result.startswith('4') and n != 0 and \
                call not in ('unlink', 'unlinkat', 'ftruncate'):
            return 'u%d was answered %s and has it' % (k, result)
        if not result and not dialogue and k in trial.accepted:
            return 'u%d was not answered' % k
    good = sum(r.startswith('250') for r in trial.results.values())
    if good < len(trial.accepted) - 1 and not dialogue and \
            call != 'mmap':
        return 'more than one recipient suffered'
    # An unlink that fails is what leaves a file; nothing else may, but the
    # end of a process that cannot be root again, which is as a kill.
    if trial.left_over() and call not in ('unlink', 'unlinkat', 'setresuid'):
        return 'left over: %s' % trial.left_over()
    return None


def inject(where):
    for s in scenarios():
        for call, number in calls(Trial(where, s).run()):
            errors = ERRORS.get(call, '').split()
            for error in errors[:2] if QUICK else errors:
                what = '%s:error=%s:when=%d' % (call, error, number)
                trial = Trial(where, s).run('-e', 'inject=' + what)
                yield '%s %s' % (s, what), judge_injected(trial, call)


def judge_killed(trial, again):
    for k in range(trial.s.rcpts):
        if again.results.get(k, '')[:3] != '250':
            return 'the next delivery to u%d: %s' % (k, again.replies)
        if trial.s.format == 'mbox':
            with open(trial.path(k), 'rb') as f:
                text = f.read()
            # A torn end is allowed; what comes next begins a line behind a
            # blank one, and is whole.
            last = text.rfind(b'\n\nFrom a@x ')
            n = text.count(END)
            if not text.startswith(OLD) or last == -1 or \
                    not text.endswith(END + b'\n'):
                return 'u%d: the next message melted into a torn one' % k
        else:
            n = again.found(k)
            if n is None:
                return 'u%d has a message that is not whole' % k
        acknowledged = trial.results.get(k, '').startswith('250')
        if n > 2 or n < 1 + acknowledged:
            return 'u%d has %d messages' % (k, n)
    return None


def kill(where):
    for s in scenarios():
        for call, number in calls(Trial(where, s).run()):
            what = '%s:signal=KILL:when=%d' % (call, number)
            trial = Trial(where, s).run('-e', 'inject=' + what)
            again = Trial.__new__(Trial)
            again.s, again.dir = s, trial.dir
            again.run()
            yield '%s %s' % (s, what), judge_killed(trial, again)


def term(where):
    """SIGTERM: what was committed is answered so, the rest 451, then 421."""
    for s in scenarios():
        for call, number in calls(Trial(where, s).run()):
            what = '%s:signal=TERM:when=%d' % (call, number)
            trial = Trial(where, s).run('-e', 'inject=' + what)
            wrong = judge_injected(trial, 'sendto')
            if wrong is None and trial.replies[-1][:3] not in ('221', '421'):
                wrong = 'the last reply is %s' % trial.replies[-1]
            if wrong is None and trial.left_over():
                wrong = 'left over: %s' % trial.left_over()
            yield '%s %s' % (s, what), wrong
