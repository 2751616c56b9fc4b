"""Calls that a file system or a container has not got: where there is another
way, the message is delivered, and nothing is left over."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time

from calls import Scenario, Trial, calls, injected, judge_injected, scenarios
from common import BODY, END, HERE, LMTPD, QUICK, UID, file_systems, own, write
from power import found

ERRORS = ['EPERM', 'EINVAL', 'ENOSYS', 'EOPNOTSUPP']

# These have another way, whatever they were called for;
ALWAYS = ['renameat2', 'linkat', 'utimensat', 'sync_file_range',
          'copy_file_range', 'statx', 'faccessat2', 'fstatfs', 'readlink',
          'getpeername']
# and these for a directory, and for a file without a name.
SOMETIMES = r'fsync\(\d+<(?P<path>[^>]*)>|openat\(.*O_TMPFILE'


def has_other_way(trial, call):
    if call in ALWAYS:
        return True
    match = re.match(SOMETIMES, injected(trial))
    return match and (not match['path'] or os.path.isdir(match['path']))


def judge_delivered(trial):
    """To all, whole, and nothing left."""
    for k in range(trial.s.rcpts):
        if not trial.results.get(k, '').startswith('250 2.1.5 '):
            return 'u%d was not delivered to: %s' % (k, trial.replies)
        if trial.found(k) != 1:
            return 'u%d has not got it whole' % k
    left = trial.left_over()
    return 'left over: %s' % left if left else None



def compile_c(where, name, *options):
    path = where + '/' + name
    subprocess.run(['cc', *options, '-o', path, '%s/%s.c' % (HERE, name)],
                   check=True)
    return path


def number(error):
    return str(getattr(__import__('errno'), error))


def ever(where, s, shim, seen):
    """Each call that has another way fails each time, as it does there."""
    called = [c for c in ALWAYS if c in seen]
    for n, (call, error) in enumerate(
            (c, e) for c in called + ['sync', 'open'] for e in ERRORS):
        if QUICK and n % 3 != 0:
            continue
        if call in called:
            options = ['-e', 'inject=%s:error=%s' % (call, error)]
        else:
            options = ['-E', 'LD_PRELOAD=' + shim, '-E',
                       'FAILING=' + call + number(error)]
        yield '%s, %s is %s each time' % (s, call, error), \
            judge_delivered(Trial(where, s).run(*options))


def once(where, s, points):
    """Each of all calls, once: a refusal is one, and no more than that."""
    for n, (call, count) in enumerate(points):
        for m, error in enumerate(ERRORS):
            if QUICK and (n + m) % 4 != 0:
                continue
            what = '%s:error=%s:when=%d' % (call, error, count)
            trial = Trial(where, s).run('-e', 'inject=' + what)
            yield '%s %s' % (s, what), \
                judge_delivered(trial) if has_other_way(trial, call) else \
                judge_injected(trial, call, error)


# What ends, waits, lets go or is nobody's failure.
SPARED = {'ppoll', 'exit_group', 'munmap', 'mmap', 'brk', 'close', 'write',
          'read', 'pread64', 'lseek', 'geteuid', 'getegid', 'getpid', 'kill',
          'unlink', 'unlinkat', 'ftruncate', 'wait4', 'rt_sigprocmask',
          'setresuid', 'setresgid', 'setgroups'}


def some(fmt):
    plain = Scenario(fmt, 3, False, False, fmt == 'mbox')
    yield plain
    yield plain._replace(rcpts=1, there=not plain.there)
    yield plain._replace(root=True, big=True)
    yield plain._replace(rcpts=1, each=True, big=True, bdat=False)
    if fmt == 'maildir':
        yield plain._replace(script=2, there=True)


def by_injection(where):
    file_systems(where)
    shim = compile_c(where, 'lacking', '-shared', '-fPIC')
    for s in (some('maildir'), some('mbox')) if QUICK else (scenarios(),):
        for s in s:
            points = [p for p in calls(Trial(where, s).run())
                      if p[0] not in SPARED]
            yield from ever(where, s, shim, dict(points))
            yield from once(where, s, points)


def deliver(fmt, at, rcpts, text, *options, under=()):
    """As the user, with the mailboxes in at/m.  The log, and who got 250."""
    argv = ['setpriv', '--reuid', str(UID), '--regid', str(UID),
            '--clear-groups', *under, LMTPD, '-e', '-H', 'h', '-U', 'any', '-d',
            '%s:%s/m/%%n' % (fmt, at), '-T', '/tmp', *options]
    text = b'LHLO c\r\nMAIL FROM:<a@x>\r\n' + b''.join(
        b'RCPT TO:<%s>\r\n' % r.encode() for r in rcpts) + b'DATA\r\n' + \
        text + b'.\r\nQUIT\r\n'
    done = subprocess.run(argv, input=text, capture_output=True, check=False,
                          timeout=120)
    replies = [line for line in done.stdout.decode().splitlines()
               if line[3:4] == ' '][4 + len(rcpts):]
    return done.stderr.decode(), [r for r, line in zip(rcpts, replies)
                                  if line.startswith('250')]


BIG = BODY.replace(END.replace(b'\n', b'\r\n'), b'x' * 70 + b'\r\n') + \
    (b'x' * 70 + b'\r\n') * 20000 + END.replace(b'\n', b'\r\n')


def twice(fmt, at, rcpts, text, *options, under=()):
    """First mail, and then more: all must be there, and nothing else."""
    for n in (1, 2):
        log, got = deliver(fmt, at, rcpts, text, *options, under=under)
        if got != rcpts:
            return log
        for r in rcpts:
            if found('%s/m/%s' % (at, r)) != n:
                return '%s has %s, not %d' % (r, found('%s/m/%s' % (at, r)), n)
    left = [os.path.join(top, f) for top, _, files in os.walk(at + '/m')
            for f in files if '.lock' in f or os.path.basename(top) == 'tmp']
    return 'left over: %s' % left if left else None


def everything(name, at, under=()):
    """Both formats, all locks, one and several, small and large."""
    kinds = [('maildir', [])] + [('mbox', ['-k', k]) for k in (
        'fcntl,dotlock', 'dotlock', 'flock')]
    for fmt, options in kinds:
        for rcpts in (['u0'], ['u0', 'u1', 'u2']):
            for text in (BODY, BIG):
                shutil.rmtree(at + '/m', ignore_errors=True)
                os.mkdir(at + '/m')
                # Where there are no owners, all is the user's.
                with contextlib.suppress(OSError):
                    own(at + '/m')
                yield '%s, %s to %d, %d bytes' % (
                    name, ' '.join([fmt, *options]), len(rcpts), len(text)), \
                    twice(fmt, at, rcpts, text, *options, under=under)


@contextlib.contextmanager
def mounted(command, at, **more):
    """A file system whose server is a process of ours."""
    os.makedirs(at, exist_ok=True)
    # pylint: disable=consider-using-with
    server = subprocess.Popen(command, stdout=more.pop('stdout', None),
                              stderr=subprocess.DEVNULL, **more)
    deadline = time.monotonic() + 10
    while not os.path.ismount(at):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError('%s does not mount' % command[0])
        time.sleep(0.02)
    try:
        yield
    finally:
        subprocess.run(['umount', at], check=True)
        server.wait()


def passing(where, seconds, error, *lacking):
    os.makedirs(where + '/under', exist_ok=True)
    os.chmod(where + '/under', 0o777)
    return mounted([sys.executable, HERE + '/passing.py', where + '/under',
                    where + '/mnt', str(seconds), error, *lacking],
                   where + '/mnt')


@contextlib.contextmanager
def ssh(where):
    """As over the network: two pipes to a server of files."""
    os.makedirs(where + '/under', exist_ok=True)
    own(where + '/under')
    here, there = os.pipe(), os.pipe()
    server = subprocess.Popen(
        ['setpriv', '--reuid', str(UID), '--regid', str(UID),
         '--clear-groups', '/usr/lib/openssh/sftp-server'],
        stdin=here[0], stdout=there[1])
    with mounted(['sshfs', '-f', '-o', 'passive,allow_other', ':' + where +
                  '/under', where + '/mnt'], where + '/mnt',
                 stdin=there[0], stdout=here[1]):
        for fd in here + there:
            os.close(fd)
        yield
    server.wait()


def fat(where):
    """No links, no owners, no modes."""
    image = where + '/fat'
    subprocess.run(['truncate', '-s', '64M', image], check=True)
    subprocess.run(['mkfs.vfat', image], check=True,
                   stdout=subprocess.DEVNULL)
    own(image)
    own(where + '/mnt')
    return mounted(['fusefat', '-f', '-o', 'rw+,allow_other,uid=%d,gid=%d' %
                    (UID, UID), image,
                    where + '/mnt'], where + '/mnt',
                   stdout=subprocess.DEVNULL)


def real(where):
    os.makedirs(where + '/mnt', exist_ok=True)
    refuse = compile_c(where, 'refuse')
    for error in ('EPERM', 'ENOSYS'):
        yield from everything('a container that says ' + error, where,
                              [refuse, number(error)])
    with ssh(where):
        yield from everything('sshfs', where + '/mnt')
    for error in ERRORS:
        with passing(where, 0, error, 'link', 'utimens', 'fsyncdir'):
            yield from everything('FUSE that says ' + error, where + '/mnt')
    with fat(where):
        yield from everything('vfat', where + '/mnt')


OLD = 'From old@x Thu Jan  1 00:00:00 1970\nSubject: old\n\nold\n\n'
OTHER = 'From other@x Thu Jan  1 00:00:00 1970\nSubject: other\n\n%s\n\n'


def undone(where, before, meanwhile):
    """Another host appends to an mbox, before and while ours is being made
    safe, which fails; what we know of the file's size may be old."""
    box, seen = where + '/under/m/box', where + '/mnt/m/box'
    shutil.rmtree(where + '/under/m', ignore_errors=True)
    os.mkdir(where + '/under/m')
    write(box, OLD)
    own(where + '/under/m')
    own(box)
    with open(seen, encoding='latin-1') as f:
        f.read()
    want = OLD
    if before:
        want += append(box, 'before')
    # pylint: disable=consider-using-with
    ours = subprocess.Popen(
        ['strace', '-qq', '-o', '/dev/null', '-e', 'inject=fsync:error=EIO:'
         'when=1:delay_enter=400000', '-u', 'nobody', LMTPD, '-e', '-H', 'h',
         '-U', 'any', '-d', 'mbox:%s/mnt/m/%%n' % where],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    ours.stdin.write(b'LHLO c\r\nMAIL FROM:<a@x>\r\nRCPT TO:<box>\r\n'
                     b'DATA\r\n' + BODY + b'.\r\n')
    ours.stdin.flush()
    while os.path.getsize(box) <= len(want) and ours.poll() is None:
        time.sleep(0.002)
    time.sleep(0.1)
    if meanwhile:
        append(box, 'meanwhile')
    out, log = ours.communicate(b'QUIT\r\n')
    with open(box, encoding='latin-1') as f:
        text = f.read()
    if b'451 4.3.0' not in out:
        return 'it was answered %s' % out.decode()
    if meanwhile:
        if not text.startswith(want) or not text.endswith(OTHER % 'meanwhile'):
            return 'what another host wrote was cut'
        if b'may hold a message that was refused' not in log:
            return 'the log does not say that the message stays'
    elif text != want:
        return 'it was not taken away: %d bytes, not %d' % (
            len(text), len(want))
    return None


def append(box, what):
    with open(box, 'a', encoding='latin-1') as f:
        f.write(OTHER % what)
    return OTHER % what


def shared(where):
    """A store of several hosts, each of which remembers sizes for a while."""
    os.makedirs(where + '/mnt')
    with passing(where, 3600, 'EPERM'):
        for n in range(3 if QUICK else 20):
            for before in (False, True):
                for meanwhile in (False, True):
                    yield 'another host appends, %s%s, %d' % (
                        before, meanwhile, n), undone(where, before, meanwhile)


def lacking(where):
    yield from real(where)
    yield from by_injection(where)
