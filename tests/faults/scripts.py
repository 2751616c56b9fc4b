"""What a script's child comes to: its recipient's mail is in the inbox, once
and alone; or, where the machine fails, nowhere and refused for now."""

import time

from calls import Scenario, Trial
from common import QUICK, file_systems, write
from lacking import compile_c

# Asks for a folder, which is not there, before it makes one.
SCRIPT = '''require ["fileinto", "mailbox"];
if not mailboxexists "one" { fileinto :create "one"; }
fileinto "two";
keep;
'''

# By what happens to it: are all copies there, the inbox's, or none?
ALL, INBOX, NONE = [1, 1, 1], [1, 0, 0], [0, 0, 0]
FATES = {'well': ALL, 'killed': INBOX, 'forbidden': INBOX, 'hanging': INBOX,
         'spinning': INBOX, 'noise': INBOX, 'nonsense': INBOX, 'cut': INBOX,
         'disk': NONE}


class Scripted(Trial):
    def parts(self, k):
        return ('new', '.one/new', '.two/new') if k < self.s.script else \
            ('new',)


def judge(trial, want, seconds):
    """Recipients 0 and 1 have the script, and 2 has none."""
    for k in range(3):
        reply = trial.results.get(k, '')
        parts = trial.parts(k)
        pieces = [trial.pieces(k, [part]) for part in parts]
        have = [len(p) for p in pieces]
        if have != (want if k < 2 else [1]):
            return 'u%d has %s, and was answered %s' % (k, have, reply)
        if not all(trial.is_whole(p) for part in pieces for p in part):
            return 'u%d has a message that is not whole' % k
        if not reply.startswith('451 4.3.0' if sum(have) == 0 else '250 '):
            return 'u%d was answered %s' % (k, reply)
    with open(trial.dir + '/log', encoding='latin-1') as f:
        said = sum(': error: ' in line for line in f)
    if said != (2 if want == INBOX else 0):
        return 'the log speaks of %d errors' % said
    if trial.left_over():
        return 'left over: %s' % trial.left_over()
    # Each may take two.
    return 'it took %d s' % seconds if seconds > 7 else None


def script(where):
    file_systems(where)
    shim = compile_c(where, 'child', '-shared', '-fPIC')
    for root in (False, True):
        for big in (root,) if QUICK else (False, True):
            s = Scenario('maildir', 3, False, False, True, root=root, big=big,
                         script=2)
            for fate, want in FATES.items():
                trial = prepare(where, s)
                begun = time.monotonic()
                trial.run('-E', 'LD_PRELOAD=' + shim, '-E', 'CHILD=' + fate)
                yield '%s, the child is %s' % (s, fate), \
                    judge(trial, want, time.monotonic() - begun)
            for call in ('clone', 'pipe2', 'fcntl'):
                trial = prepare(where, s).run(
                    '-e', 'inject=%s:error=EAGAIN' % call)
                yield '%s, no %s' % (s, call), judge(trial, NONE, 0)


def prepare(where, s):
    trial = Scripted(where, s)
    for k in range(s.script):
        write('%s/u%d.sieve' % (trial.dir, k), SCRIPT)
    return trial
