#!/usr/bin/env bats
# What comes before TLS, and what the program that does it finds; lmtpd behind
# it.  Here that program is a shell, or lmtpd itself: TLS is no part of this.
# shellcheck disable=SC2034,SC2153 # the helper looks at them

load test_helper

STARTTLS=${STARTTLS:-${LMTPD%/*}/starttls}

# clear PROGRAM...: a session to look into, as begin is for lmtpd.
clear() {
  coproc {
    exec "$STARTTLS" -H test.example "$@" 2>"$D/log" 3>&-
  }
  # shellcheck disable=SC2153 # COPROC is bash's
  SESSION=$COPROC_PID
  exec {TO}>&"${COPROC[1]}" {FROM}<&"${COPROC[0]}"
  eval "exec ${COPROC[1]}>&- ${COPROC[0]}<&-"
  : >"$D/heard"
}

# speak LINE...: one session, in which no program is to be started.
speak() {
  printf '%s\r\n' "$@" >"$D/in"
  STATUS=0
  "$STARTTLS" -H test.example touch "$D/started" <"$D/in" >"$D/out" \
    2>"$D/log" || STATUS=$?
  hold "$D/out"
  [[ ! -e $D/started ]] || fail 'the program was started'
}

@test "the greeting comes at once; LHLO offers STARTTLS and little else" {
  clear true
  hear 220
  tell 'LHLO c'
  hear 250
  same "$D/heard" '220 test.example LMTP\r\n250-test.example\r
250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 STARTTLS\r\n'
  tell QUIT
  hear '221 2.0.0'
  finish
  exits 0
}

@test "NOOP and RSET are 250, EHLO 500; all that is for later is 451 4.7.0" {
  speak 'LHLO c' NOOP 'noop x' RSET 'EHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' \
    DATA 'BDAT 3 LAST' 'VRFY a' HELP 'XFORWARD IDENT=1' 'AUTH PLAIN' BLAH '' \
    $'NOOP\tx' LHLO 'RSET x' 'QUIT x' 'STARTTLS x' QUIT
  codes 220 250 '250 2.0.0' '250 2.0.0' '250 2.0.0' '500 5.5.1' \
    '451 4.7.0' '451 4.7.0' '451 4.7.0' '451 4.7.0' '451 4.7.0' '451 4.7.0' \
    '451 4.7.0' '451 4.7.0' '451 4.7.0' '451 4.7.0' '451 4.7.0' \
    '501 5.5.4' '501 5.5.4' '501 5.5.4' '501 5.5.4' '221 2.0.0'
  exits 0
  # Only the first line tells a stranger.
  speak NOOP 'Host: x' "NOOP $(printf '%02043d' 0)" QUIT
  codes 220 250 '451 4.7.0' 250 221
}

@test "without -H the greeting has the system's name, without -t it waits 300 s" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  strace -qq -o "$D/calls" -e trace=/ppoll "$STARTTLS" true <<<QUIT >"$D/out" 2>"$D/log"
  hold "$D/out"
  [[ ${REPLIES[0]} == "220 $(uname -n) LMTP" ]]
  grep -Eq 'fd=0.*tv_sec=(299|300),' "$D/calls"
}

@test "what keeps it from starting is 71, and said where it can be" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  local pair call when what
  for pair in 'rt_sigaction|1|421 4.3.5' '?faccessat2,faccessat|1 -P /dev/null|'; do
    IFS='|' read -r call when what <<<"$pair"
    STATUS=0
    # shellcheck disable=SC2086 # words
    strace -qq -o /dev/null -e inject=$call:error=EIO:when=$when "$STARTTLS" true </dev/null \
      >"$D/out" 2>"$D/log" || STATUS=$?
    exits 71
    hold "$D/out"
    codes ${what:+"$what"}
  done
}

@test "a socket that listens is said to the client, and ends it with 71" {
  listening "$STARTTLS" true
  exits 71
  codes '421 4.3.5'
  [[ -S /dev/log ]] || logged 'Accept=yes'
}

@test "HELO is told to wait, a stranger is not obeyed: 421, and the end" {
  local first
  for first in 'HELO c' 'POST / HTTP/1.1' 'Host: x' $'\x16\x03\x01' \
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 24'; do
    speak "$first" 'LHLO c' STARTTLS
    codes 220 421
    exits 0
  done
}

@test "a line too long, fifty commands, silence: 421, and the end" {
  speak "NOOP $(printf '%02044d' 0)" STARTTLS
  codes 220 '421 4.7.0'
  exits 0
  mapfile -t lines < <(yes NOOP | head -n 49)
  speak "${lines[@]}" STARTTLS
  ((${#REPLIES[@]} == 51))
  [[ ${REPLIES[49]} == '250 '* && ${REPLIES[50]} == '421 4.7.0 '* ]]
  exits 0
  clear -t 1 touch "$D/started"
  hear 220 '421 4.4.2'
  finish
  exits 0
  [[ ! -e $D/started ]]
}

@test "TERM ends it with 421 4.3.2, though it was ignored" {
  trap '' TERM
  clear touch "$D/started"
  trap - TERM
  hear 220
  kill "$SESSION"
  hear '421 4.3.2'
  finish
  exits 0
  [[ ! -e $D/started ]]
}

@test "an end of input, and a client that is gone, start no program" {
  printf 'LHLO c\r\nSTARTTLS' | "$STARTTLS" touch "$D/started" >"$D/out"
  printf 'LHLO c\r\nSTARTTLS\r\n' | "$TESTS/client" -i gone=8 "$STARTTLS" \
    sh -c 'cat >"$1"' sh "$D/got"
  [[ ! -e $D/started && ! -s $D/got ]]
}

@test "the program is the same process, and has its arguments as they are" {
  # shellcheck disable=SC2016 # for the inner shell
  clear sh -c 'printf "%s\n" "250 2.0.0 $$" "250 2.0.0 $1$2$3" |
    sed "s/\$/\r/"' sh -t '' 'a  b'
  hear 220
  tell 'LHLO c' STARTTLS
  hear 250 '220 2.0.0' 250 250
  [[ $(sed -n '8s/\r//p' "$D/heard") == "250 2.0.0 $SESSION" ]]
  finish
  grep -Fq '250 2.0.0 -ta  b' "$D/heard"
}

@test "the program finds what it expects of a process" {
  cat >"$D/look" <<'END'
import os, re
with open("/proc/self/status") as status:
    print(*re.findall(r"Sig(?:Blk|Ign):\s*\w+", status.read()))
print(os.environ["TCPREMOTEIP"], os.environ["POSIXLY_CORRECT"])
print("%03o" % os.umask(0), os.getcwd() == os.environ["D"])
print(*[fd for fd in range(50) if os.path.exists("/proc/self/fd/%d" % fd)])
END
  cat >"$D/burden" <<'END'
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR2])
os.execv(sys.argv[1], sys.argv[1:])
END
  printf 'LHLO c\r\nSTARTTLS\r\n' >"$D/in"
  export D TCPREMOTEIP=192.0.2.7 POSIXLY_CORRECT=1
  cd "$D"
  umask 027
  exec 7</dev/zero
  # A shell lets what is in the background ignore these.
  env --default-signal=HUP,INT,QUIT /usr/bin/python3 look <in >plain
  (
    trap '' HUP PIPE CHLD USR1 TERM
    exec env --default-signal=INT,QUIT /usr/bin/python3 burden "$STARTTLS" /usr/bin/python3 look
  ) <in >out 2>log
  unset POSIXLY_CORRECT
  exec 7<&-
  sed '1,/^220 2/d' out >got
  cmp plain got || fail "$(cat plain got)"
  grep -Fxq '027 True' got
  # Python's own two; and where make started us, libc's two.
  grep -Eq '^SigBlk:.0+ SigIgn:.0+(18)?1001000$' got
  # Nor is that open which a log on a pipe is written to.
  POSIXLY_CORRECT=1 "$STARTTLS" /usr/bin/python3 look <in 2>&1 >out | cat >log
  [[ $(tail -n 1 plain | tr ' ' '\n' | grep -vxc 7) == "$(tail -n 1 out | wc -w)" ]] ||
    fail "$(cat plain out)"
}

@test "what came in clear behind STARTTLS never reaches the program" {
  printf '%s\r\n' 'LHLO c' STARTTLS 'MAIL FROM:<evil>' QUIT >"$D/in"
  "$STARTTLS" cat <"$D/in" >"$D/out"
  hold "$D/out"
  codes 220 250 '220 2.0.0'
  printf 'STARTTLS\r\nx' | "$STARTTLS" true >"$D/out" 2>"$D/log"
  [[ -S /dev/log ]] || logged '^starttls\[[1-9][0-9]*\]: 1 bytes behind STARTTLS are dropped'
  printf 'STARTTLS\r\n' | "$STARTTLS" true >"$D/out" 2>"$D/log"
  [[ ! -s $D/log ]]
  # What comes later is the program's, with nothing of before in front.
  clear cat
  hear 220
  printf 'STARTTLS\r\n250 2.0.0 before\r\n250 2.0.0 be' >"$D/in"
  cat "$D/in" >&"$TO"
  hear '220 2.0.0'
  tell '250 2.0.0 later'
  hear '250 2.0.0'
  [[ $(tail -n 1 "$D/heard") == '250 2.0.0 later'* ]]
  finish
}

@test "a program that cannot be started: closed, a status, and why in the log" {
  clear "$D/nothing"
  hear 220
  tell STARTTLS
  hear '220 2.0.0'
  finish
  exits 71
  [[ $(wc -l <"$D/heard") == 2 ]]
  [[ -S /dev/log ]] || logged "cannot start $D/nothing: No such file"
}

@test "wrong options: 421 4.3.5, 64, and said on standard error" {
  local options
  for options in '' '-x true' '-t 0 true' '-t 86401 true' '-H a/b true' -H '-t 5'; do
    STATUS=0
    # shellcheck disable=SC2086 # words
    "$STARTTLS" $options </dev/null >"$D/out" 2>"$D/log" || STATUS=$?
    exits 64
    hold "$D/out"
    codes '421 4.3.5'
    (($(wc -l <"$D/log") == 1))
    logged '^starttls\[[0-9]+\]: '
  done
}

@test "standard error that is the client's gets nothing, of the program either" {
  printf 'STARTTLS\r\n' | "$TESTS/client" -s whole "$STARTTLS" \
    sh -c 'echo on 2 >&2; [ -e /proc/$$/fd/3 ] || printf "250 2.0.0 x\r\n"' >"$D/out"
  hold "$D/out"
  codes 220 '220 2.0.0' 250
}

@test "it gives up what no program behind it needs" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants its own'
  clear sleep 60
  hear 220
  grep -Eq '^NoNewPrivs:.*1$' "/proc/$SESSION/status"
  tell QUIT
  finish
}

@test "lmtpd -G does not greet again, and Received says LMTPS" {
  with -U any -d "maildir:$D/m/%n" -G
  clear "$LMTPD" -e -H test.example "${OPTIONS[@]}"
  hear 220
  tell 'LHLO before' STARTTLS
  hear 250 '220 2.0.0'
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
  hear 250 250 250 354 250
  tell 'MAIL FROM:<> SMTPUTF8' 'RCPT TO:<b>' DATA x . QUIT
  hear 250 250 354 250 221
  finish
  exits 0
  text a | grep -Eq '^	by test\.example with LMTPS id '
  text a | grep -Fxq 'Received: from c'
  text b | grep -Eq '^	by test\.example with UTF8LMTPS id '
}

@test "without -G it is LMTP and UTF8LMTP" {
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . \
    'MAIL FROM:<> SMTPUTF8' 'RCPT TO:<b>' DATA x . QUIT
  text a | grep -Eq '^	by test\.example with LMTP id '
  text b | grep -Eq '^	by test\.example with UTF8LMTP id '
}

@test "the ends of lines are decided anew behind STARTTLS" {
  also -G
  clear "$LMTPD" -e -H test.example "${OPTIONS[@]}"
  hear 220
  printf 'STARTTLS\n' >&"$TO"
  hear '220 2.0.0'
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA
  hear 250 250 250 354
  printf 'x\n.\ny\r\n.\r\nQUIT\r\n' >&"$TO"
  hear 250 221
  finish
  text a | tail -n 3 >"$D/got"
  same "$D/got" 'x\n.\ny\n'
}

# from VALUE: how Received names the client if $ADDR has that value.
from() {
  rm -rf "$D/m/a"
  also -x received
  ADDR=$1 send a x
  text a | sed -n '1s/^Received: from client\.example//p'
}

@test "-p: the address is that of the variable, if it is one" {
  also -p ADDR
  [[ $(from 192.0.2.7) == ' ([192.0.2.7])' ]]
  [[ $(from 2001:db8::7) == ' ([IPv6:2001:db8::7])' ]]
  [[ $(from ::ffff:192.0.2.7) == ' ([192.0.2.7])' ]]
  [[ $(from ::1) == ' ([IPv6:::1])' ]]
  [[ $(from ::192.0.2.7) == ' ([IPv6:::192.0.2.7])' ]]
  [[ $(from ::ffff:c000:207) == ' ([IPv6:::ffff:c000:207])' ]]
  [[ $(from '') == '' ]]
  [[ $(from 192.0.2) == '' ]]
  [[ $(from '192.0.2.7) by evil (x') == '' ]]
  [[ $(from 'fe80::1%eth0') == '' ]]
}

@test "-p: a variable that is not there is none, and no other is looked at" {
  also -p ADDR -x received
  TCPREMOTEIP=192.0.2.7 REMOTE_HOST=192.0.2.8 ADDR4=192.0.2.9 send a x
  text a | grep -Fxq 'Received: from client.example'
  # Another of that many letters is found first.
  rm -r "$D/m/a"
  also -p ADDRESS_OF_WHOEVER_CALLS
  ADDRESS_OF_NOBODY_AT_ALL=192.0.2.7 send a x
  text a | grep -Fxq 'Received: from client.example'
}

@test "-p goes before what the descriptor says" {
  also -p ADDR -x received
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . QUIT >"$D/in"
  ADDR=192.0.2.7 "$TESTS/client" -i whole "$LMTPD" "${OPTIONS[@]}" <"$D/in" \
    >/dev/null
  text a | grep -Fxq 'Received: from c ([192.0.2.7])'
  rm -r "$D/m/a"
  "$TESTS/client" -i whole "$LMTPD" "${OPTIONS[@]}" <"$D/in" >/dev/null
  text a | grep -Fxq 'Received: from c ([127.0.0.1])'
}
