#!/usr/bin/env bats
# How it may be started: descriptors, signals, what is inherited, how it ends.

load test_helper

# dialogue: a session with one message for a.
dialogue() {
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . QUIT
}

@test "standard error that is the client's gets nothing, -e or not" {
  dialogue | "$TESTS/client" -s whole "$LMTPD" -e -v "${OPTIONS[@]}" >"$D/out"
  hold "$D/out"
  codes 220 250 250 250 354 250 221
  dialogue | "$LMTPD" -e "${OPTIONS[@]}" 2>&1 | cat >"$D/out"
  hold "$D/out"
  codes 220 250 250 250 354 250 221
}

@test "a wrong option is told to a client on all three descriptors" {
  # shellcheck disable=SC2034 # exits looks at it
  "$TESTS/client" -s whole "$LMTPD" -d nonsense </dev/null >"$D/out" || STATUS=$?
  exits 64
  hold "$D/out"
  codes '421 4.3.5'
}

@test "closed descriptors are no mailbox's" {
  dialogue >"$D/in"
  "$LMTPD" "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>&-
  hold "$D/out"
  codes 220 250 250 250 354 250 221
  same <(head -c 3 "$(only a)") 'Ret'
  "$LMTPD" "${OPTIONS[@]}" <&- >"$D/out" 2>/dev/null
  hold "$D/out"
  codes 220
}

@test "descriptors left open are closed" {
  local both from status=0
  mkfifo "$D/left"
  exec {both}<>"$D/left"
  exec {from}<"$D/left"
  exec 9>"$D/left" {both}>&-
  begin
  exec 9>&-
  hear 220
  # Its end, and not the silence of one who may still write.
  IFS= read -r -t 5 <&"$from" || status=$?
  ((status == 1)) || fail "somebody holds it: $status"
  finish
}

@test "descriptors left open are closed where close_range and /proc are not to be had" {
  local both from n program=$LMTPD call=(--inject=close_range:error=ENOSYS) status
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  mkfifo "$D/left"
  # The one that strace starts opens it, so that strace has it not.
  # shellcheck disable=SC2016 # that shell expands it
  printf '%s\n' '#!/bin/sh' 'exec "$@" 9>"$LEFT"' >"$D/opens"
  chmod 755 "$D/opens"
  export LEFT=$D/left
  for n in none proc; do
    # A tracer counts the calls of 32 bits by themselves, and so the shell's.
    [[ $n == none || $(od -An -tu1 -j4 -N1 "$program") -eq 2 ]] || continue
    exec {both}<>"$D/left"
    if [[ $n == proc ]]; then
      n=$(sed -n '/proc.self.fd"/q; s/^openat.*/&/p' "$D/calls" | wc -l)
      call+=("--inject=openat:error=ENOENT:when=$((n + 1))")
    fi
    exec {from}<"$D/left" {both}>&-
    printf '#!/bin/sh\nexec strace -D -qq -o %s -e trace=openat,close_range %s %s %s "$@"\n' \
      "$D/calls" "${call[*]}" "$D/opens" "$program" >"$D/traced"
    chmod 755 "$D/traced"
    LMTPD=$D/traced
    begin
    hear 220
    status=0
    IFS= read -r -t 5 <&"$from" || status=$?
    ((status == 1)) || fail "$n: somebody holds it: $status"
    exec {from}<&-
    tell QUIT
    hear 221
    finish
    await grep -q 'close_range.*INJECTED' "$D/calls"
    [[ $n == none ]] || grep -q 'proc/self/fd".*INJECTED' "$D/calls" || fail "$(cat "$D/calls")"
  done
}

@test "SIGTERM and SIGHUP end it, though they were ignored, with 421 4.3.2" {
  local sig
  for sig in TERM HUP; do
    trap '' TERM HUP
    begin
    trap - TERM HUP
    hear 220
    tell 'LHLO c'
    hear 250
    kill -s "$sig" "$SESSION"
    hear '421 4.3.2'
    finish
    exits 0
  done
}

@test "SIGTERM while a lock is waited for: 451 for each, then 421" {
  with -U any -d "mbox:$D/m/%n"
  send b x
  lock fcntl "$D/m/b"
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' 'RCPT TO:<c>' DATA x .
  hear 250 250 250 250 250 354 '250 2.1.5'
  deaf
  kill "$SESSION"
  hear '451 4.3.0' '451 4.3.0' '421 4.3.2'
  finish
  exits 0
  unlock
  [[ ! -s $D/m/c ]]
  logged ' to=<b> status=deferred dsn=4.3.0 reason="told to end" '
  logged ' to=<c> status=deferred dsn=4.3.0 reason="told to end" '
  logged ' delivered=1 deferred=2 '
}

@test "SIGTERM within DATA: 421 and nothing is delivered" {
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA half
  hear 250 250 250 354
  deaf
  kill "$SESSION"
  hear '421 4.3.2'
  finish
  (($(count a) == 0))
}

@test "the timeout ends it with 421 4.4.2" {
  also -t 1
  begin
  hear 220 '421 4.4.2'
  finish
  exits 0
}

@test "a file size limit is 452 4.3.1, its signal ignored or not" {
  dialogue >"$D/in"
  (
    ulimit -f 0
    exec "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" 2>/dev/null
  ) | cat >"$D/out"
  hold "$D/out"
  codes 220 250 250 250 354 '452 4.3.1' 221
  [[ -z $(find "$D/m/a/tmp" "$D/m/a/new" -type f) ]]
}

@test "what keeps it from starting is named, to the client and in the log" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  local pair call when what
  for pair in 'chdir|1 -P /|chdir /' 'rt_sigaction|1|sigaction' 'rt_sigaction|4|sigaction' \
    'rt_sigprocmask|1|sigaction' '?faccessat2,faccessat|1 -P /dev/null|open /dev/null' \
    'getrandom|1+|malloc and getentropy' \
    '?getresuid32,getresuid|1|getresuid and getresgid' \
    '?getresgid32,getresgid|1|getresuid and getresgid'; do
    IFS='|' read -r call when what <<<"$pair"
    STATUS=0
    # shellcheck disable=SC2086 # words
    strace -qq -o /dev/null -e inject=$call:error=EIO:when=$when "$LMTPD" -e \
      "${OPTIONS[@]}" </dev/null >"$D/out" 2>"$D/log" || STATUS=$?
    exits 71
    hold "$D/out"
    replied "^421 4\\.3\\.5 cannot start: $what: (Input/output|I/O) error\$"
    logged "^lmtpd\\[[0-9]+\\]: cannot start: $what: (Input/output|I/O) error\$"
  done
  STATUS=0
  strace -qq -o /dev/null -e inject=getrandom:error=EIO "$LMTPD" -c "${OPTIONS[@]}" a \
    >"$D/out" 2>"$D/log" || STATUS=$?
  exits 71
  logged "^lmtpd\\[[0-9]+\\]: malloc and getentropy: (Input/output|I/O) error\$"
  [[ ! -s $D/out ]]
}

@test "a write that is interrupted is done again" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  dialogue | strace -qq -o "$D/calls" -e inject=write:error=EINTR:when=1+2 \
    "$LMTPD" "${OPTIONS[@]}" 2>/dev/null | cat >"$D/out"
  hold "$D/out"
  codes 220 250 250 250 354 250 221
}

@test "a host that cannot be asked for its name is localhost" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  strace -qq -o "$D/calls" -e inject=uname:error=EIO "$LMTPD" -e "${OPTIONS[@]}" \
    <<<QUIT >"$D/out" 2>/dev/null
  grep -q INJECTED "$D/calls"
  hold "$D/out"
  replied '^220 localhost '
}

@test "an alarm that was set before does not end it" {
  { sleep 2; printf 'NOOP\r\nQUIT\r\n'; } |
    /usr/bin/python3 -c 'import os, signal, sys
signal.alarm(1)
os.execv(sys.argv[1], sys.argv[1:])' "$LMTPD" "${OPTIONS[@]}" >"$D/out"
  grep -q '^221 ' "$D/out"
}

@test "few descriptors: small groups, all are served" {
  local i lines=('LHLO c' 'MAIL FROM:<>')
  for i in {1..40}; do
    lines+=("RCPT TO:<u$i>")
  done
  printf '%s\r\n' "${lines[@]}" DATA x . QUIT >"$D/in"
  (
    ulimit -n 20
    exec "$LMTPD" "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>/dev/null
  )
  (($(grep -c '^250 2.1.5' "$D/out") == 40))
}

@test "a large message keeps the memory flat" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer takes memory of its own'
  # The whole gibibyte: BIG=$((1 << 30)), as CI has it.
  local n=$((${BIG-67108864} / 72))
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA
  hear 250 250 250 354
  yes 'A line of seventy bytes, as most lines of most messages are: not more.' |
    sed 's/$/\r/' | head -n "$n" >&"$TO"
  tell .
  PATIENCE=120 hear '250 2.1.5'
  (($(awk '/^VmHWM/ { print $2 }' "/proc/$SESSION/status") < 6144))
  finish
  (($(stat -c %s "$(only a)") > n * 71))
}

@test "SIGTERM while replies wait for who reads at once, slowly, or not at all" {
  /usr/bin/python3 - "$LMTPD" "${OPTIONS[@]}" -t 60 <<'END'
import fcntl, os, signal, subprocess, sys, time

class Session:
    """One that waits, told to end, until the replies to n commands are read,
    but for the first so many reads."""
    def __init__(self, n, reads=0):
        stdin, self.to = os.pipe()
        self.from_, stdout = os.pipe()
        fcntl.fcntl(self.from_, fcntl.F_SETPIPE_SZ, 4096)
        self.process = subprocess.Popen(
            sys.argv[1:], stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL)
        os.close(stdin)
        os.close(stdout)
        os.write(self.to, b"NOOP\r\n" * n)
        for _ in range(reads):
            os.read(self.from_, 4096)
        asleep = 0
        while asleep < 20:
            with open(f"/proc/{self.process.pid}/stat") as stat:
                state = stat.read().rsplit(")", 1)[1].split()[0]
            asleep = asleep + 1 if state == "S" else 0
            time.sleep(0.01)
        self.process.send_signal(signal.SIGTERM)
        self.begun = time.monotonic()

    def seconds(self):
        """Until it has ended with 0."""
        if self.process.wait(15) != 0:
            sys.exit(f"it ended with {self.process.returncode}")
        return time.monotonic() - self.begun

# Who reads gets all of them, one 421, and the end at once.
session = Session(1500)
time.sleep(0.1)
answer = b""
while data := os.read(session.from_, 65536):
    answer += data
lines = answer.split(b"\r\n")
if (len(lines) != 1503 or lines[0][:4] != b"220 " or lines[-1] != b"" or
        lines[-2][:10] != b"421 4.3.2 " or
        any(line[:10] != b"250 2.0.0 " for line in lines[1:-2])):
    sys.exit(f"{len(lines)} lines, the last {lines[-3:]}")
if session.seconds() > 2:
    sys.exit("it ended late, though all was read")

# Others are not waited for: neither for a page each second, nor for nothing.
silent, slow = Session(10000, 1), Session(10000)
while slow.process.poll() is None:
    if time.monotonic() - slow.begun > 9:
        sys.exit("it goes on as long as a page is read now and then")
    os.read(slow.from_, 4096)
    time.sleep(1)
if silent.seconds() > 12:
    sys.exit("it waits for who reads nothing")
END
}

@test "a socket that listens is said in the log, and ends it with 71" {
  listening "$LMTPD" -e "${OPTIONS[@]}"
  exits 71
  codes '421 4.3.5'
  logged 'Accept=yes'
}

@test "SIGINT ends it with 421 4.3.2 too" {
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA half
  hear 250 250 250 354
  deaf
  kill -INT "$SESSION"
  hear '421 4.3.2'
  finish
  exits 0
  (($(count a) == 0))
}

@test "signals that were blocked or ignored do what they must" {
  local sig
  for sig in TERM HUP INT; do
    mkfifo "$D/fifo"
    /usr/bin/python3 -c 'import os, signal, sys
every = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
for s in every:
    try:
        signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, every)
os.execv(sys.argv[1], sys.argv[1:])' "$LMTPD" "${OPTIONS[@]}" <"$D/fifo" \
      >"$D/out" 2>/dev/null 3>&- &
    SESSION=$!
    exec {TO}>"$D/fifo"
    await grep -q '^220' "$D/out"
    kill -s "$sig" "$SESSION"
    await grep -q '^421 4.3.2' "$D/out"
    wait "$SESSION"
    SESSION=
    exec {TO}>&-
    # The next one must not find this one's replies and be killed too soon.
    rm "$D/fifo" "$D/out"
  done
}

@test "a client that does not read is waited for as long as one that does not speak" {
  local begun=$SECONDS
  also -t 1
  mkfifo "$D/replies"
  "$LMTPD" "${OPTIONS[@]}" < <(yes NOOP | head -c 2000000; sleep 30) \
    >"$D/replies" 2>/dev/null 3>&- &
  SESSION=$!
  exec {FROM}<"$D/replies"
  wait "$SESSION"
  SESSION=
  ((SECONDS - begun < 12)) || fail "$((SECONDS - begun)) seconds"
  exec {FROM}<&-
}

@test "over a socket, who reads late gets all, and who reads nothing is left" {
  /usr/bin/python3 - "$LMTPD" "${OPTIONS[@]}" -t 2 <<'END'
import socket, subprocess, sys, threading, time

def session():
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(sys.argv[1:], stdin=theirs, stdout=theirs,
                               stderr=subprocess.DEVNULL)
    theirs.close()
    return process, ours

def send(ours, what):
    try:
        ours.sendall(what)
    except OSError:
        pass

late, to_late = session()
deaf, to_deaf = session()
for to, what in (to_late, b"NOOP\r\n" * 60000 + b"QUIT\r\n"), (to_deaf, b"NOOP\r\n" * 600000):
    threading.Thread(target=send, args=(to, what), daemon=True).start()
time.sleep(1)
answer = b""
while data := to_late.recv(1 << 20):
    answer += data
if answer.count(b"\r\n") != 60002 or late.wait(10) != 0:
    sys.exit(f"{answer.count(b'250 ')} replies")
if deaf.wait(10) != 0:
    sys.exit(f"it ended with {deaf.returncode}")
END
}

@test "words of the environment make no difference to what is called" {
  local words
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  with -U any -d "mbox:$D/m/%n" -T "$D"
  dialogue >"$D/in"
  for words in without "TZ=:$D/none TZDIR=$D/none TMPDIR=$D/none HOME=$D/none LANG=de_DE.UTF-8
    LC_ALL=de_DE.UTF-8 POSIXLY_CORRECT=1"; do
    rm -f "$D/m/"*
    # shellcheck disable=SC2086 # words
    env -i ${words#without} strace -qq -o "$D/calls" "$LMTPD" -e -H h "${OPTIONS[@]}" \
      <"$D/in" >"$D/out" 2>/dev/null
    hold "$D/out"
    codes 220 250 250 250 354 250 221
    cut -d '(' -f 1 "$D/calls" >"$D/${words%%=*}"
  done
  diff "$D/without" "$D/TZ" || fail 'something was looked at'
}

@test "without an environment at all it serves" {
  dialogue | env -i "$LMTPD" "${OPTIONS[@]}" >"$D/out" 2>/dev/null
  hold "$D/out"
  codes 220 250 250 250 354 250 221
}

@test "SIGTERM while the replies to a refused message wait: 421 is the last" {
  /usr/bin/python3 - "$LMTPD" "${OPTIONS[@]}" -s 5 <<'END'
import fcntl, os, signal, subprocess, sys, time

stdin, to = os.pipe()
from_, stdout = os.pipe()
process = subprocess.Popen(sys.argv[1:], stdin=stdin, stdout=stdout,
                           stderr=subprocess.DEVNULL)
os.close(stdin)
os.close(stdout)
os.write(to, b"LHLO c\r\nMAIL FROM:<>\r\n" + b"RCPT TO:<a>\r\n" * 300 + b"DATA\r\n")
answer = b""
while b"\n354 " not in answer and (data := os.read(from_, 65536)):
    answer += data
fcntl.fcntl(from_, fcntl.F_SETPIPE_SZ, 4096)
os.write(to, b"too long\r\n.\r\n")
asleep, deadline = 0, time.monotonic() + 10
while asleep < 10 and time.monotonic() < deadline:
    with open(f"/proc/{process.pid}/stat") as stat:
        asleep = asleep + 1 if stat.read().rsplit(")", 1)[1].split()[0] == "S" else 0
    time.sleep(0.01)
process.send_signal(signal.SIGTERM)
time.sleep(0.05)
answer = b""
while data := os.read(from_, 65536):
    answer += data
if answer.count(b"552 5.3.4 ") != 300 or not answer.split(b"\r\n")[-2].startswith(b"421 4.3.2 "):
    sys.exit(f"{answer.count(b'552')}, and {answer[-100:]}")
sys.exit(process.wait(10))
END
}

# called ADDRESS: a session with one who calls at that address.
called() {
  /usr/bin/python3 - "$1" "$LMTPD" "${OPTIONS[@]}" <<'END'
import os, socket, subprocess, sys

family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.create_server((sys.argv[1], 0), family=family)
client = socket.create_connection(listener.getsockname()[:2])
served, _ = listener.accept()
program = subprocess.Popen(sys.argv[2:], stdin=served, stdout=served,
                           stderr=subprocess.DEVNULL)
served.close()
with open(os.environ["D"] + "/in", "rb") as dialogue:
    client.sendall(dialogue.read())
with open(os.environ["D"] + "/out", "wb") as out:
    while data := client.recv(65536):
        out.write(data)
sys.exit(program.wait())
END
}

@test "a client is named in Received by its IPv4 or IPv6 address, others are not" {
  local pair
  export D
  dialogue >"$D/in"
  talk <"$D/in"
  grep -qx 'Received: from c' "$(only a)" || fail "$(text a)"
  for pair in '127.0.0.1 [127.0.0.1]' '::1 [IPv6:::1]'; do
    rm -r "$D/m/a"
    # A machine may have no IPv6.
    [[ $pair != ::1* || -e /proc/net/if_inet6 ]] || continue
    called "${pair% *}"
    hold "$D/out"
    codes 220 250 250 250 354 250 221
    grep -qxF "Received: from c (${pair#* })" "$(only a)" || fail "$(text a)"
  done
}
