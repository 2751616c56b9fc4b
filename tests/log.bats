#!/usr/bin/env bats
# The log: it never holds up mail, and nobody can write a line of his own.

load test_helper

# stderr_is DESCRIPTOR: the next sessions have it as standard error.
stderr_is() {
  printf '#!/bin/bash\nexec timeout -s KILL 20 "%s" "$@" 2>&%d\n' "$LMTPD" "$1" >"$D/lmtpd"
  chmod 755 "$D/lmtpd"
  LMTPD=$D/lmtpd
}

# full [PAGES]: standard error is a pipe that nobody reads; so many of its
# sixteen pages are full, or all.
full() {
  mkfifo "$D/pipe"
  exec {PIPE}<>"$D/pipe"
  dd if=/dev/zero of="$D/pipe" oflag=nonblock bs=4096 count="${1-1000}" \
    2>/dev/null || :
  stderr_is "$PIPE"
}

# drain: reads what is in the pipe; its lines come into the log.
drain() {
  { dd if="$D/pipe" iflag=nonblock bs=65536 2>/dev/null || :; } |
    tr -d '\0' >>"$D/log"
}

# took MS: no more than that since begun was set.
took() {
  local now=${EPOCHREALTIME/./} ms
  ms=$(((now - begun) / 1000))
  ((ms <= $1)) || fail "$ms ms and not $1"
}

# crowd: a session with a message for thirty, in which nothing is waited for.
crowd() {
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>'
  printf 'RCPT TO:<u%d>\r\n' {1..30}
  printf '%s\r\n' DATA 'Subject: x' '' x . QUIT
}

# served: all of them, and a second was not waited for each line.
served() {
  local begun=${EPOCHREALTIME/./}
  crowd >"$D/in"
  talk <"$D/in"
  took 15000
  exits 0
  (($(printf '%s\n' "${REPLIES[@]}" | grep -c '^250 2\.1\.5 ') == 30)) ||
    fail 'not all were served'
}

@test "a full pipe: all is delivered and answered, a second late at most" {
  full
  served
  (($(find "$D/m" -path '*/new/*' -type f | wc -l) == 30))
}

@test "a full pipe that cannot be opened once more" {
  full
  chmod 400 "$D/pipe"
  with -U any -d "mbox:$D/m/%n"
  served
  (($(cat "$D/m/"u* | grep -c '^Subject: x$') == 30))
}

@test "a full socket" {
  with -U any -d "mbox:$D/m/%n"
  crowd >"$D/in"
  local begun=${EPOCHREALTIME/./}
  /usr/bin/python3 -c 'import socket, subprocess, sys
for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
    ours, log = socket.socketpair(socket.AF_UNIX, kind)
    log.setblocking(False)
    try:
        while True:
            log.send(b"x" * 1000)
    except BlockingIOError:
        pass
    log.setblocking(True)
    subprocess.run(sys.argv[1:], stdin=open(0, "rb", closefd=False), stderr=log)
    sys.stdin.seek(0)' "$LMTPD" -e -v "${OPTIONS[@]}" <"$D/in" >"$D/out"
  took 5000
  (($(grep -c '^250 2\.1\.5 ' "$D/out") == 60))
}

@test "a pipe that another fills between two lines" {
  local filler
  full 15
  yes "$(head -c 4000 /dev/zero | tr '\0' x)" >&"$PIPE" 3>&- &
  filler=$!
  served
  kill "$filler"
  wait "$filler" || :
}

@test "the next line that goes through says how many were dropped" {
  full
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA x .
  hear 250 250 250 250 354 '250 2.1.5' '250 2.1.5'
  tell NOOP
  hear 250
  : >"$D/log"
  drain
  tell 'MAIL FROM:<>' 'RCPT TO:<c>' DATA x .
  hear 250 250 354 '250 2.1.5'
  tell QUIT
  hear 221
  finish
  drain
  [[ $(sed 's/lmtpd\[[0-9]*\]: //' "$D/log" | cut -d = -f 1) == \
    $'2 lines were dropped here, as the log did not take them\nid\nsession' ]] ||
    fail 'not those lines'
  logged '^lmtpd\[[0-9]+\]: 2 lines were dropped'
  logged 'to=<c>'
}

@test "one dropped line is one, and no second goes after it" {
  local begun
  full
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
  hear 250 250 250 354 '250 2.1.5'
  tell NOOP
  hear 250
  begun=${EPOCHREALTIME/./}
  tell 'MAIL FROM:<>' 'RCPT TO:<b>' DATA x . NOOP
  hear 250 250 354 '250 2.1.5' 250
  # The second is spent.
  took 700
  : >"$D/log"
  drain
  tell QUIT
  hear 221
  finish
  drain
  logged '^lmtpd\[[0-9]+\]: 2 lines were dropped'
  (($(wc -l <"$D/log") == 2))
}

@test "a line that was cut by a full pipe has an end before the next" {
  # The dialogue begins on one of the two pages that are left; escaped, this
  # line is larger than the other.
  full 14
  also -v
  begin
  hear 220
  tell 'NOOP y'
  hear 250
  tell "NOOP $(head -c 2000 /dev/zero | tr '\0' '\001')"
  hear '500 5.5.2'
  tell 'NOOP x'
  hear 250
  : >"$D/log"
  drain
  tell 'NOOP later' QUIT
  hear 250 221
  finish
  drain
  logged '^lmtpd\[[0-9]+\]: C: NOOP (\\001)+[\\01]*$'
  logged '^lmtpd\[[0-9]+\]: [0-9]+ lines? (was|were) dropped'
  logged '^lmtpd\[[0-9]+\]: C: NOOP later$'
}

@test "one line that was dropped is one" {
  full
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
  hear 250 250 250 354 '250 2.1.5'
  tell NOOP
  hear 250
  : >"$D/log"
  drain
  tell QUIT
  hear 221
  finish
  drain
  logged '^lmtpd\[[0-9]+\]: 1 line was dropped'
}

# traced: the next session's writes, 1 to the client and 2 to the log, and m
# for the opening of an mbox, are then what calls says.
traced() {
  printf '#!/bin/sh\nexec strace -D -qq -o %s -e trace=openat,write %s "$@"\n' \
    "$D/calls" "$PROGRAM" >"$D/traced"
  chmod 755 "$D/traced"
  LMTPD=$D/traced
}
calls() {
  sed -n 's/^write(\([12]\),.*/\1/p; s/^openat.*O_RDWR.*O_APPEND.*/m/p' "$D/calls" | tr -d '\n'
}
calls_are() {
  # shellcheck disable=SC2053 # a pattern
  [[ $(calls) == $1 ]]
}

@test "a reply is sent before its line is written, those before it sooner still" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  PROGRAM=$LMTPD
  traced
  with -U any -d "mbox:$D/m/%n"
  send a x
  await calls_are 11m1212
  also -s 5
  send a 'Too many bytes'
  await calls_are 11212
  with -U any -d "mbox:$D/m/%n"
  touch "$D/m/b"
  lock fcntl "$D/m/b"
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<b>' 'RCPT TO:<c>' DATA x .
  hear 250 250 250 250 354
  deaf
  kill "$SESSION"
  hear '451 4.3.0' '451 4.3.0' '421 4.3.2'
  finish
  unlock
  await calls_are '*12122'
}

reading() {
  [[ $(readlink "/proc/$1/fd/0") == */pipe || $(readlink /proc/"$1"/fd/*) == */pipe* ]]
}

@test "a reader that is only slow misses nothing, nor if it is opened once" {
  local mode reader program=$LMTPD
  crowd >"$D/in"
  for mode in 600 400; do
    LMTPD=$program
    full
    { sleep 0.2; exec cat "$D/pipe" >"$D/log"; } 3>&- &
    reader=$!
    # The reader has it open by then.
    await reading "$reader"
    chmod "$mode" "$D/pipe"
    "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" >"$D/out"
    await grep -aq session= "$D/log"
    kill "$reader"
    wait "$reader" || :
    exec {PIPE}>&-
    (($(grep -ac 'status=delivered' "$D/log") == 30)) || fail "$mode"
    unlogged dropped
    rm -f "$D/pipe" "$D/log"
  done
}

@test "a file that others write to as well: each writes behind the other" {
  printf '%s\r\n' NOOP QUIT >"$D/in"
  {
    "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" >"$D/out"
    echo after >&2
  } 2>"$D/log"
  [[ $(sed 's/lmtpd\[[0-9]*\]: //; s/ .*//' "$D/log") == $'session=quit\nafter' ]] ||
    fail 'not both'
}

@test "a terminal that nobody reads holds nothing up" {
  printf '%s\r\n' 'LHLO c' >"$D/in"
  printf 'NOOP %0500d\r\n' {1..100} >>"$D/in"
  printf 'QUIT\r\n' >>"$D/in"
  /usr/bin/python3 - "$D/in" "$LMTPD" -e -v "${OPTIONS[@]}" <<'END'
import os, pty, subprocess, sys

ours, theirs = pty.openpty()
program = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           stderr=theirs)
with open(sys.argv[1], "rb") as dialogue:
    answer, _ = program.communicate(dialogue.read(), timeout=20)
if answer.count(b"\n250 2.0.0 ") != 100 or program.returncode != 0:
    sys.exit(f"{answer.count(b'250 2')} replies")
END
}

@test "-c ends as it must though nobody reads what it says" {
  /usr/bin/python3 - "$LMTPD" -c -d nonsense a <<'END'
import socket, subprocess, sys

ours, theirs = socket.socketpair()
ours.close()
status = subprocess.run(sys.argv[1:], stderr=theirs, check=False).returncode
if status != 64:
    sys.exit(f"it ended with {status}")
END
}

@test "SIGTERM while the log is waited for" {
  local begun
  full
  begin
  hear 220
  begun=${EPOCHREALTIME/./}
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
  # The reply comes before the line.
  hear 250 250 250 354 '250 2.1.5'
  kill -TERM "$SESSION"
  hear '421 4.3.2'
  finish
  took 5000
  exits 0
  (($(count a) == 1))
}

@test "a log that nobody will read again is no fault" {
  mkfifo "$D/pipe"
  exec {PIPE}<>"$D/pipe"
  exec {WRITE}>"$D/pipe" {PIPE}<&-
  stderr_is "$WRITE"
  served
}

@test "a pipe of others stays as it was" {
  mkfifo "$D/pipe"
  exec {PIPE}<>"$D/pipe"
  stderr_is "$PIPE"
  send a x
  [[ $(grep flags "/proc/$$/fdinfo/$PIPE") != *4??? ]]
  drain
  logged 'status=delivered'
}

@test "wrong options are told to the client, though the log is full" {
  local begun=${EPOCHREALTIME/./}
  full
  with -d nonsense
  say QUIT
  exits 64
  codes '421 4.3.5'
  "$LMTPD" -d nonsense </dev/null >"$D/out" && return 1
  hold "$D/out"
  codes '421 4.3.5'
  took 10000
}

@test "control characters beyond ASCII are escaped" {
  send a $'Message-ID: <\xc2\x85\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6\x9b31m>' '' x
  logged 'msgid="<\\302\\205\\342\\200\\250\\342\\200\\256\\342\\201\\246\\23331m>"'
  send b $'Message-ID: <gr\xc3\xbc\xc3\x9fe\xe2\x82\xac>' '' x
  logged $'msgid=<gr\xc3\xbc\xc3\x9fe\xe2\x82\xac> '
  send d 'Message-ID: x' '' x
  logged 'to=<d> .* msgid=x '
  send c $'Message-ID: <caf\xe9>' '' x
  logged 'msgid="<caf\\351>"'
}

@test "a value cannot be taken for another key" {
  send a 'Message-ID: <a> status=refused" reason="x' '' x
  logged 'msgid="<a> status=refused\\" reason=\\"x" '
}

@test "control characters beyond ASCII are refused in commands" {
  say 'LHLO c' $'MAIL FROM:<\xc2\x9b@x>' $'MAIL FROM:<\xe2\x80\xae@x>' \
    $'NOOP \xe2\x80\xa9' $'XFORWARD IDENT=\xc2\x85' \
    $'MAIL FROM:<\xc3\xbc@x>' $'RCPT TO:<\xe2\x81\xa9@x>' \
    $'RCPT TO:<\x85\x9b@x>' QUIT
  codes 220 250 '500 5.5.2' '500 5.5.2' '500 5.5.2' '500 5.5.2' 250 \
    '500 5.5.2' 250 221
}

@test "the component of a path that is at fault" {
  local path said
  touch "$D/m/file"
  ln -s loop "$D/m/loop"
  ln -s gone "$D/m/dangling"
  mkdir -m 0 "$D/m/closed"
  mkdir "$D/m/fixed"
  mkdir -m 0 "$D/m/fixed/own"
  chmod 500 "$D/m/fixed"
  ln -s gone "$D/m/a"
  while IFS='|' read -r path said; do
    with -U any -d "maildir:$D/m/$path"
    send a x
    logged "$said\""
  done <<END
file/%n|Not a directory.*, $D/m/file is no directory
loop/%n|$D/m/loop is a link to itself
dangling/%n|$D/m/dangling is a link that leads nowhere
gone/%n|$D/m/gone is missing
closed/%n/b|Permission denied.*, no search permission in $D/m/closed
fixed/%n|Permission denied.*, no write permission in $D/m/fixed
fixed/%n/b|Permission denied.*, no write permission in $D/m/fixed
fixed/own|open $D/m/fixed/own: Permission denied [(]euid $(id -u), egid $(id -g)[)]
%n|open $D/m/a: No such file or directory.*, $D/m/a is a symbolic link
END
  # The mbox is there, and no place for its lock.
  mkdir "$D/m/locked"
  touch "$D/m/locked/a"
  chmod 500 "$D/m/locked"
  run "$LMTPD" -c -U any -d "mbox:$D/m/locked/%n" a
  [[ $output == *", no write permission in $D/m/locked"* ]]
  chmod 700 "$D/m/closed" "$D/m/locked" "$D/m/fixed" "$D/m/fixed/own"
}

@test "-v: the dialogue, line for line" {
  also -v
  send a x
  [[ $(sed -n 's/^lmtpd\[[0-9]*\]: S: //p' "$D/log") == "$(printf '%s\n' "${REPLIES[@]}")" ]] ||
    fail 'S'
  [[ $(sed -n 's/^lmtpd\[[0-9]*\]: C: //p' "$D/log") == "$(grep -av '^x' "$D/in" | tr -d '\r' |
    grep -vx '[.]')" ]] || fail 'C'
}

@test 'an id and a name say when, and share random bits' {
  local before after id
  before=$(date +%s)
  send a x
  after=$(date +%s)
  [[ $(<"$D/log") =~ ^lmtpd\[([0-9]+)\]:\ id=([0-9a-f]{8})([0-9a-f]{5})([0-9a-f]{8})\.1\ .*\ delay=[0-9]+\.[0-9]{3}$'\n' ]] || fail
  id=("${BASH_REMATCH[@]}")
  [[ $(only a) =~ /([0-9]+)\.M([0-9]{6})P${id[1]}Q1R[0-9a-f]{8}${id[4]}\. ]] || fail "$(only a)"
  ((16#${id[2]} == BASH_REMATCH[1] && 16#${id[3]} == 10#${BASH_REMATCH[2]})) || fail "$(only a)"
  ((before <= BASH_REMATCH[1] && BASH_REMATCH[1] <= after)) || fail "$(only a)"
}

@test "a line that is longer than a page is whole, whatever its length" {
  local bytes noop=() i
  bytes=$(printf '\200%.0s' {1..1010})
  # One of them is 4097 bytes, which are written as 4096 and one.
  for i in {30..40}; do
    noop+=("NOOP $bytes$(printf "%0${i}d" 0)")
  done
  also -v
  say "${noop[@]}" QUIT
  exits 0
  (($(grep -Ec '^lmtpd\[[0-9]+\]: C: NOOP (\\200)+0{30,40}$' "$D/log") == 11)) || fail 'not whole'
  [[ $(<"$D/log") != *dropped* ]]
}

@test "each byte of a longest text may be one that is escaped" {
  "$LMTPD" "${OPTIONS[@]}" -c "$(printf '\001%.0s' {1..7000})" >"$D/out" 2>"$D/log" && return 1
  # As much as is kept of it, in four bytes each.
  (($(sed 's/^lmtpd[^ ]* //' "$D/log" | tr -d '\n' | wc -c) == 4 * (3 * 2048 - 1))) || fail 'is cut'
}

@test "a log that says that it has room, and takes nothing, is given up" {
  local tries
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  [[ ${CC-} != *-m32* ]] || skip 'the call has another name there'
  printf 'QUIT\r\n' >"$D/in"
  /usr/bin/python3 -c 'import socket, subprocess, sys
ours, log = socket.socketpair()
sys.exit(subprocess.run(sys.argv[3:], stdin=open(sys.argv[1]), stdout=open(sys.argv[2], "w"),
                        stderr=log).returncode)' "$D/in" "$D/out" \
    strace -qq -e trace=sendto -e inject=sendto:error=EAGAIN:when=1..4000 -o "$D/calls" \
    "$LMTPD" -e "${OPTIONS[@]}"
  hold "$D/out"
  codes 220 221
  tries=$(grep -c INJECTED "$D/calls")
  # A millisecond at least is counted for each; the others were for replies.
  ((tries > 1 && tries <= 1005)) || fail "$tries"
}
