"""What all parts share: the program, the message, and how to find it again."""

import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
LMTPD = os.environ.get('LMTPD') or os.path.join(HERE, '../../lmtpd')
QUICK = os.environ.get('FAULTS') == 'quick'
UID = 65534
END = b'the last line of the message\n'
BODY = b'Subject: fault\r\n\r\n' + b'0123456789abcdef' * 250 + b'\r\n' + \
    END.replace(b'\n', b'\r\n')


def own(path, uid=UID):
    os.chown(path, uid, uid)


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def file_systems(where):
    """One with a journal at where/mnt, and at where/disk one without."""
    for name in ('/mnt', '/disk'):
        os.makedirs(where + name, exist_ok=True)
    image = where + '/disk/image'
    for command in (
            ['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs',
             where + '/disk'],
            ['truncate', '-s', '64M', image], ['mkfs.ext4', '-q', image],
            ['mount', '-o', 'loop', image, where + '/mnt']):
        subprocess.run(command, check=True)


class Client:
    """LMTP on a socket, a command at a time."""

    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile('rwb', buffering=0)
        self.reply()
        self.command('LHLO c')

    def reply(self):
        """The last line of the next reply; empty if the server is gone."""
        while (line := self.file.readline())[3:4] == b'-':
            pass
        return line

    def send(self, data):
        """Nothing in case it is gone: its replies tell."""
        try:
            self.sock.sendall(data)
        except OSError:
            pass

    def command(self, text):
        self.send(text.encode() + b'\r\n')
        return self.reply()

    def begin(self, rcpts, body):
        """A transaction up to its dot.  Which rcpts were accepted."""
        self.command('MAIL FROM:<a@x>')
        accepted = [r for r in rcpts
                    if self.command('RCPT TO:<%s>' % r)[:3] == b'250']
        if accepted and self.command('DATA')[:3] == b'354':
            self.send(body + b'.\r\n')
            return accepted
        return []

    def deliver(self, rcpts, body):
        """A whole transaction.  Who was answered 250."""
        return [r for r in self.begin(rcpts, body)
                if self.reply()[:3] == b'250']

    def close(self):
        self.file.close()
        self.sock.close()
