#!/usr/bin/env bats
# The system's log: a daemon that does not read, one that is restarted, one
# that wants a stream, and none.

load test_helper

setup() {
  base
  with -U any -d "mbox:$D/m/%n"
  : >"$D/stderr"
  mkdir "$D/dev"
  unkind "UNKIND_LOG=$D/dev/log"
  # Without -e, unless it is said twice, and with standard error aside.
  printf '#!/bin/sh\nshift\nexec %s "$@" 2>>%s\n' "$LMTPD" "$D/stderr" >"$D/lmtpd"
  chmod 755 "$D/lmtpd"
  LMTPD=$D/lmtpd
}

teardown() {
  stop
  sweep
}

quiet() {
  [[ ! -s $D/stderr ]] || fail "$(<"$D/stderr")"
}

@test "a datagram: facility mail, no time, name and pid" {
  daemon dgram
  send a x
  lines '^<22>lmtpd\[[0-9]+\]: session=quit '
  grep -Eaq '^<22>lmtpd\[[0-9]+\]: id=.* to=<a> .*status=delivered' "$D/lines"
  also -d $'non\033sense'
  say QUIT
  lines '^<20>lmtpd\[[0-9]+\]: -d takes .*non\\033sense'
  # To the log and on standard error, once each.
  (($(grep -ac ': -d takes' "$D/lines") == 1))
  (($(grep -ac ': -d takes .*non\\033sense' "$D/stderr") == 1))
}

@test "-e is standard error, whatever daemon there is" {
  daemon dgram
  also -e
  send a x
  grep -q 'to=<a>' "$D/stderr"
  (($(wc -l <"$D/stderr") == 2))
  [[ ! -s $D/lines ]] || fail "$(<"$D/lines")"
}

@test "a daemon that wants a stream" {
  daemon stream
  send a x
  lines '^<22>lmtpd\[[0-9]+\]: session=quit '
  grep -Eaq '^<22>lmtpd\[[0-9]+\]: id=.*status=delivered' "$D/lines"
  quiet
}

@test "a daemon of which no stream is to be had holds nothing up" {
  sed -i 's/^exec/exec timeout -s KILL 20/' "$D/lmtpd"
  daemon stream full
  send a x
  codes 220 250 250 250 354 250 221
  quiet
}

@test "where no socket is to be had it is standard error" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  daemon dgram
  sed -i 's/^exec/exec strace -f -qq -o \/dev\/null -e inject=socket:error=EMFILE/' "$D/lmtpd"
  send a x
  grep -q 'to=<a>' "$D/stderr"
}

@test "a daemon that comes later is found" {
  sed -i 's|2>>.*|2>\&1|' "$D/lmtpd"
  begin
  hear 220
  daemon dgram
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
  hear 250 250 250 354 '250 2.1.5'
  lines '^<22>lmtpd\[[0-9]+\]: id=.*to=<a>'
  tell QUIT
  hear 221
  finish
}

answered() {
  (($(grep -c '^250 2\.1\.5 ' "$D/out") == 300))
}

@test "a daemon that does not read: all is answered, lines are counted" {
  local i session begun=$SECONDS
  daemon dgram deaf
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' >"$D/in"
  for i in {1..300}; do
    printf '%s\r\n' "RCPT TO:<u$((i % 7))>"
  done >>"$D/in"
  printf '%s\r\n' DATA 'Subject: x' '' x . >>"$D/in"
  { cat "$D/in"; await test -e "$D/go"; printf 'QUIT\r\n'; } |
    "$LMTPD" -e -v "${OPTIONS[@]}" >"$D/out" 3>&- &
  session=$!
  await answered
  ((SECONDS - begun < 8)) || fail "$((SECONDS - begun)) s"
  [[ -z $(find "$D/m" -name '*.lock') ]] || fail 'a lock stays'
  kill -USR1 "$DAEMON"
  lines ' S: 220 '
  sleep 0.2
  : >"$D/go"
  wait "$session"
  lines '^<22>.*session=quit'
  lines '^<20>lmtpd\[[0-9]+\]: [0-9]+ lines were dropped here'
  # Each command and reply, the session's end, and what it says of confine.
  (($(grep -avc 'dropped here' "$D/lines") + $(sed -n \
    's/.*: \([0-9]*\) lines were dropped.*/\1/p' "$D/lines") == \
    304 + $(wc -l <"$D/out") + 300 + 2)) || fail 'not as many as there were'
}

@test "a daemon that is restarted is found again" {
  local kind to away
  # None is left open by the looking for it.
  sed -i 's/^exec/ulimit -n 16; exec/' "$D/lmtpd"
  for kind in dgram stream; do
    daemon "$kind"
    begin
    hear 220
    tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
    hear 250 250 250 354 '250 2.1.5'
    lines 'to=<a>'
    stop
    daemon "$kind"
    tell 'MAIL FROM:<>' 'RCPT TO:<b>' DATA x .
    hear 250 250 354 '250 2.1.5'
    lines '^<22>lmtpd\[[0-9]+\]: id=.*to=<b>'
    # It is away for a moment, twice: the line waits for it.
    for to in c d; do
      away=$DAEMON
      AT=$to daemon "$kind"
      kill "$away"
      wait "$away" || :
      rm "$D/dev/log"
      tell 'MAIL FROM:<>' "RCPT TO:<$to>" DATA x .
      sleep 0.2
      mv "$D/dev/$to" "$D/dev/log"
      hear 250 250 354 '250 2.1.5'
      lines "^<22>lmtpd\[[0-9]+\]: id=.*to=<$to>"
    done
    tell QUIT
    hear 221
    finish
    lines session=quit
    ! grep -aq dropped "$D/lines" || fail 'dropped'
    ! grep -q '^$' "$D/lines" || fail 'an empty line'
    stop
    rm "$D/lines"
  done
  quiet
}

@test "a daemon that does not come back: a second in all, then none" {
  local begun
  daemon dgram
  begin
  hear 220
  stop
  begun=$SECONDS
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA x .
  hear 250 250 250 250 354 '250 2.1.5' '250 2.1.5'
  tell 'MAIL FROM:<>' 'RCPT TO:<c>' DATA x . QUIT
  hear 250 250 354 '250 2.1.5' 221
  finish
  ((SECONDS - begun < 4)) || fail "$((SECONDS - begun)) s"
}

@test "no daemon: standard error, unless it is the client's" {
  local i
  send a x
  grep -Eq '^lmtpd\[[0-9]+\]: id=.* to=<a> .*status=delivered' "$D/stderr"
  (($(wc -l <"$D/stderr") == 2))
  with -U any -d nonsense
  : >"$D/stderr"
  say QUIT
  codes '421 4.3.5'
  (($(grep -c 'takes mbox' "$D/stderr") == 1))
  with -U any -d "mbox:$D/m/%n"
  : >"$D/stderr"
  # A daemon that has left its socket there is none either.
  daemon dgram
  stop
  send b x
  grep -q 'to=<b>' "$D/stderr"
  sed -i 's|2>>.*|2>\&1|' "$D/lmtpd"
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<c>' DATA x . QUIT |
    "$LMTPD" -e "${OPTIONS[@]}" | cat >"$D/out"
  hold "$D/out"
  codes 220 250 250 250 354 250 221
}

@test "-e where standard error is the client's: syslog, and one warning" {
  daemon dgram
  also -e
  sed -i 's|2>>.*|2>\&1|' "$D/lmtpd"
  printf '%s\r\n' QUIT | "$LMTPD" -e "${OPTIONS[@]}" | cat >"$D/out"
  hold "$D/out"
  codes 220 221
  lines "^<20>lmtpd\[[0-9]+\]: -e: standard error is the client's"
  lines 'session=quit'
  (($(grep -ac "the client's" "$D/lines") == 1))
}
