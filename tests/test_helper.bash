# What the bats files share.  D is the test's own directory, $D/m holds its
# mailboxes; lmtpd is started with what setup, with and also say.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0
export LC_ALL=C

LMTPD=${LMTPD:-${BATS_TEST_DIRNAME%/tests*}/lmtpd}
TESTS=${BATS_TEST_DIRNAME%/tests*}/tests

setup() {
  base
}

base() {
  here "$BATS_TEST_TMPDIR"
  ((EUID != 0)) || fail 'root is let in everywhere: start these by tests/run'
  with -U any -d "maildir:$D/m/%n"
}

# bats traps every command, to say which failed, and that costs more than all
# the tests do.  Here it traps those of the test itself, and of its own traps.
untraced() {
  set +T
  declare -ft "$BATS_TEST_NAME"
  declare -ft bats_{error,exit,teardown}_trap bats_check_status_from_trap 2>/dev/null || :
}

here() {
  D=$1
  untraced
  mkdir -p "$D/m"
  # What a sanitizer finds is looked for by teardown, wherever 2 leads.
  export ASAN_OPTIONS=log_path=$D/sanitizer UBSAN_OPTIONS=log_path=$D/sanitizer
}

teardown() {
  sweep
}

# Whatever a test did: no lock stays, nothing half done, no process.
sweep() {
  local left
  local pid
  for pid in ${SESSION-} "${HOLDERS[@]}"; do
    kill -KILL "$pid" 2>/dev/null || :
  done
  left=$(find "$D" -name sanitizer.\* -exec cat {} + -o \
    -path "$D/*/tmp/*" -print -o -name '*.lock' -print)
  if [[ -n $left ]]; then
    printf 'left behind: %s\n' "$left" >&2
    return 1
  fi
  # In a subshell fail ended only that.
  [[ ! -e $D/failed ]]
}

# The options of the next sessions: these alone, or these too.
with() {
  OPTIONS=("$@")
}
also() {
  OPTIONS+=("$@")
}

# Says why, with all that is known, and ends the test: a status could be
# swallowed, as bash goes on after a failure in «A || B», «if A» and «! A».
fail() {
  printf '%s\n' "$@"
  printf 'reply: %s\n' "${REPLIES[@]-}"
  [[ ! -s $D/log ]] || sed 's/^/log: /' "$D/log"
  : >"$D/failed"
  # The last command that bats saw is the one to be shown.
  # shellcheck disable=SC2034 # bats reads it
  BATS_DEBUG_LAST_STACK_TRACE_IS_VALID=1
  exit 1
} >&2

# One session with standard input as its client.  Leaves STATUS, REPLIES (one
# a line, without its CRLF) and the log in $D/log.
talk() {
  STATUS=0
  "$LMTPD" -e -H test.example "${OPTIONS[@]}" >"$D/out" 2>"$D/log" ||
    STATUS=$?
  hold "$D/out"
}

# say LINE...: one session, each argument a line that the client sends.
say() {
  printf '%s\r\n' "$@" >"$D/in"
  talk <"$D/in"
}

# send TO LINE...: one session with one message, each argument a line of it.
send() {
  local to=$1
  shift
  say 'LHLO client.example' 'MAIL FROM:<sender@from.example>' \
    "RCPT TO:<$to>" DATA "$@" . QUIT
}

# hold FILE: takes the replies in it, and fails if one is not as it must be.
hold() {
  local line text previous='' lhlo=0
  REPLIES=()
  while IFS= read -r line || [[ -n $line ]]; do
    text=${line%$'\r'}
    REPLIES+=("$text")
    [[ $line == *$'\r' ]] || fail "does not end in CRLF: $line"
    ((${#line} < 254)) || fail "longer than 254 bytes: $line"
    [[ $text != *[[:cntrl:]]* ]] || fail "control character: $text"
    if [[ $text == 250-* || $previous == 250-* ]]; then
      ((lhlo += ${#line} + 1))
      if [[ $text == '250 '* ]]; then
        ((lhlo <= 240)) || fail "an LHLO reply of $lhlo bytes"
        lhlo=0
      fi
    elif ! [[ $text =~ ^([245])[0-9][0-9][\ -]([245])\.[0-9]+\.[0-9]+\ . &&
      ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]]; then
      [[ $text == '220 '?* && -z $previous || $text == '354 '?* ]] ||
        fail "no reply: $text"
    fi
    previous=$text
  done < <(exec cat "$1")
}

# codes WANT...: so begins the last line of each reply, in this order; a WANT
# is a code, or a code and an enhanced one.
codes() {
  local got=() line want i=0
  for line in "${REPLIES[@]}"; do
    [[ ${line:3:1} == - ]] || got+=("$line")
  done
  ((${#got[@]} == $#)) || fail "${#got[@]} replies and not $#: $*"
  for want; do
    [[ ${got[i]} == "$want "* ]] || fail "reply $i is not $want"
    ((++i))
  done
}

# exits STATUS: so ended the session.
exits() {
  [[ $STATUS == "$1" ]] || fail "exit status $STATUS and not $1"
}

# A line of the replies, or of the log, that matches the regular expression.
replied() {
  printf '%s\n' "${REPLIES[@]}" | grep -Eq -- "$1" || fail "no reply is $1"
}
logged() {
  grep -Eaq -- "$1" "$D/log" || fail "not logged: $1"
}
unlogged() {
  ! grep -Eaq -- "$1" "$D/log" || fail "logged: $1"
}

# count DIR: the messages in new/ of that Maildir.
count() {
  find "$D/m/$1/new" -type f 2>/dev/null | wc -l
}

# only DIR: the path of the one message in it; text DIR: that message.
only() {
  (($(count "$1") == 1)) || fail "$(count "$1") messages in $1 and not one"
  find "$D/m/$1/new" -type f
}
text() {
  local file
  file=$(only "$1")
  cat "$file"
}

# same FILE TEXT: the file holds just that, printf's escapes in it.
same() {
  # shellcheck disable=SC2059 # an escape in it is meant as one
  printf "$2" >"$D/wanted"
  cmp "$D/wanted" "$1" || fail "$(head -c 2000 "$1" | cat -A)"
}

# await COMMAND...: until it succeeds, for ten seconds at most.
await() {
  local i
  for ((i = 0; i < 500; i++)); do
    if "$@" >/dev/null 2>&1; then
      return
    fi
    sleep 0.02
  done
  fail "in vain: $*"
}

# A session to look into: begin starts it, tell sends lines, hear reads a
# reply for each WANT, finish closes it and leaves STATUS.
begin() {
  coproc {
    exec "$LMTPD" -e -H test.example "${OPTIONS[@]}" 2>"$D/log" 3>&-
  }
  # shellcheck disable=SC2153 # COPROC is bash's
  SESSION=$COPROC_PID
  exec {TO}>&"${COPROC[1]}" {FROM}<&"${COPROC[0]}"
  eval "exec ${COPROC[1]}>&- ${COPROC[0]}<&-"
  : >"$D/heard"
}
tell() {
  printf '%s\r\n' "$@" >&"$TO"
}
hear() {
  local want line
  for want; do
    line=250-
    while [[ $line == ???-* ]]; do
      IFS= read -r -t "${PATIENCE-10}" line <&"$FROM" || fail "heard no $want"
      printf '%s\n' "$line" >>"$D/heard"
    done
    [[ $line == "$want "* ]] || fail "heard $line and not $want"
  done
  hold "$D/heard"
}
# deaf: nothing was answered as yet, and the server waits.
deaf() {
  await asleep "$SESSION"
  ! IFS= read -r -t 0.05 -u "$FROM" || fail 'was answered'
}
# held_up: it is stopped where strace is to delay it.
held_up() {
  grep -q '^State:.t' "/proc/$SESSION/status" && sleep 0.1 &&
    grep -q '^State:.t' "/proc/$SESSION/status"
}
asleep() {
  [[ $(cut -d ' ' -f 3 "/proc/$1/stat") == S ]]
}
finish() {
  exec {TO}>&-
  STATUS=0
  wait "$SESSION" || STATUS=$?
  cat <&"$FROM" >>"$D/heard"
  exec {FROM}<&-
  SESSION=
  hold "$D/heard"
}

# listening PROGRAM ARGUMENT...: it is started on a socket that listens.
listening() {
  STATUS=0
  /usr/bin/python3 -c '
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
os.dup2(listener.fileno(), 0)
os.execv(sys.argv[1], sys.argv[1:])' "$@" >"$D/out" 2>"$D/log" || STATUS=$?
  hold "$D/out"
}

HOLDERS=()

# lock KIND FILE: another process holds it, until unlock.
lock() {
  "$TESTS/hold-lock" "$@" 3>&- &
  HOLDER=$!
  HOLDERS+=("$HOLDER")
  await test -e "$2.held"
  rm "$2.held"
}
unlock() {
  kill "$HOLDER"
  wait "$HOLDER" || :
}

# instance: this boot and pid namespace, as a dotlock's third line has it.
instance() {
  printf '%s %s' "$(</proc/sys/kernel/random/boot_id)" \
    "$(stat -Lc %i /proc/self/ns/pid)"
}

# An ordinary user of this system, and what it is known by.
me() {
  id -un
}

# unkind VARIABLE=VALUE...: the next sessions are on a host that is so, as
# tests/scale/unkind.c has it.
unkind() {
  local compiler
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer is to be loaded first'
  [[ ${CC-} != *-m32* ]] || skip 'the calls have other names there'
  PROGRAM=${PROGRAM-$LMTPD}
  ldd "$PROGRAM" 2>/dev/null | grep -q 'libc\.so' || skip 'nothing is loaded'
  read -ra compiler <<<"${CC:-cc}"
  [[ -e $D/unkind.so ]] ||
    "${compiler[@]}" -shared -fPIC -D_FILE_OFFSET_BITS=64 -o "$D/unkind.so" \
      "$TESTS/scale/unkind.c"
  printf '#!/bin/sh\nexec env LD_PRELOAD=%s %s %s "$@"\n' \
    "$D/unkind.so" "$*" "$PROGRAM" >"$D/unkind"
  chmod 755 "$D/unkind"
  LMTPD=$D/unkind
}

# ahead SECONDS: the host's clock is so much ahead of the file system's.
ahead() {
  unkind "UNKIND_CLOCK=$1"
}

# daemon KIND [deaf|full]: it is the system's log, at $D/dev/log, or to be put there
# from $D/dev/$AT; stop: that one.
daemon() {
  "$TESTS/syslogd" "$D/dev/${AT-log}" "$1" "$D/lines" "${@:2}" 3>&- &
  DAEMON=$!
  await test -e "$D/lines.ready"
  rm "$D/lines.ready"
}
stop() {
  if [[ -n ${DAEMON-} ]]; then
    kill "$DAEMON"
    wait "$DAEMON" || :
    DAEMON=
  fi
}

# lines REGEX: in the end one of the log's matches.
lines() {
  await grep -Eaq -- "$1" "$D/lines"
}
