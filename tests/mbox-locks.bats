#!/usr/bin/env bats
# The locks of an mbox, looked at while they are held: strace makes a call of
# the program slow, and the test acts meanwhile.

load test_helper

setup() {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  base
  with -U any -d "mbox:$D/m/%n" -x none
}

# slowly CALLS: a session with a message for a in the background, of which the
# first of these system calls takes a second; done by finished.
slowly() {
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<s@x>' 'RCPT TO:<a>' DATA late . QUIT >"$D/in"
  # With -D the tracer is the child, so that we know the program's pid.
  strace -D -qq -o /dev/null -e "inject=${1/fcntl/fcntl,fcntl64}:delay_enter=1000000:when=1" \
    "$LMTPD" -e -H test.example "${OPTIONS[@]}" <"$D/in" >"$D/out" \
    2>"$D/log" 3>&- &
  SESSION=$!
}
finished() {
  wait "$SESSION"
  SESSION=
  hold "$D/out"
}

@test "a dotlock has the pid and the host, a line each" {
  also -k dotlock
  slowly fsync,fdatasync
  await test -s "$D/m/a.lock"
  [[ $(sed -n 1p "$D/m/a.lock") == "$SESSION" ]] || fail "$(cat "$D/m/a.lock")"
  [[ $(sed -n 2p "$D/m/a.lock") == "$(uname -n)" ]] || fail "$(cat "$D/m/a.lock")"
  [[ $(tail -c 1 "$D/m/a.lock" | od -An -c) == *'\n' ]]
  finished
  codes 220 250 250 250 354 250 221
  [[ ! -e $D/m/a.lock ]]
}

@test "a dotlock that is another's by now stays" {
  also -k dotlock
  slowly fsync,fdatasync
  await test -s "$D/m/a.lock"
  # It is looked at once more when it is there.
  await held_up
  rm "$D/m/a.lock"
  printf '1\nanother.example\n' >"$D/m/a.lock"
  finished
  codes 220 250 250 250 354 250 221
  same "$D/m/a.lock" '1\nanother.example\n'
  rm "$D/m/a.lock"
}

@test "a mailbox that is replaced while its lock is taken: the new one gets it" {
  local kind
  for kind in flock fcntl; do
    printf 'From x Thu Jan  1 00:00:00 1970\n\nold\n\n' >"$D/m/a"
    cp "$D/m/a" "$D/before"
    with -U any -d "mbox:$D/m/%n" -x none -k "$kind"
    # Slow before the lock is had: the file that was opened is not the mailbox
    # any more when it is.
    ln "$D/m/a" "$D/old"
    rm "$D/old"
    slowly "$kind"
    await held_up
    mv "$D/m/a" "$D/old"
    cp "$D/before" "$D/m/a"
    finished
    codes 220 250 250 250 354 250 221
    cmp "$D/old" "$D/before"
    [[ $(grep -cx late "$D/m/a") == 1 ]]
    rm "$D/m/a" "$D/old"
  done
}

@test "a mailbox that becomes a link while its lock is taken is refused" {
  printf 'From x Thu Jan  1 00:00:00 1970\n\nold\n\n' >"$D/m/a"
  cp "$D/m/a" "$D/other"
  with -U any -d "mbox:$D/m/%n" -x none -k flock
  slowly flock
  await held_up
  rm "$D/m/a"
  ln -s "$D/other" "$D/m/a"
  cp "$D/other" "$D/before"
  finished
  codes 220 250 250 250 354 '451 4.2.0' 221
  cmp "$D/other" "$D/before"
}

@test "the locks are taken in the order of -k" {
  local list want
  send a x
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA y . QUIT >"$D/in"
  for list in fcntl,flock,dotlock dotlock,flock,fcntl flock,dotlock,fcntl \
    fcntl,dotlock flock fcntl dotlock; do
    strace -qq -o "$D/calls" -e trace=fcntl,fcntl64,flock,open,openat,link,linkat \
      "$LMTPD" -U any -d "mbox:$D/m/%n" -k "$list" <"$D/in" >"$D/out" 2>&1
    hold "$D/out"
    codes 220 250 250 250 354 250 221
    # The first that each of them does.  What is in its memory is not told:
    # the process is not dumpable.
    want=$(sed -nE -e 's/.*F_(OFD_)?SETLK.*/fcntl/p' -e 's/^flock\(.*/flock/p' \
      -e 's/^linkat\(.*/dotlock/p' "$D/calls" | awk '!seen[$0]++' | paste -sd ,)
    [[ $want == "$list" ]] || fail "$list: $want" "$(cat "$D/calls")"
  done
}

@test "without -k: fcntl, then a dotlock" {
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA y . QUIT >"$D/in"
  send a x
  strace -qq -o "$D/calls" -e trace=fcntl,fcntl64,flock,open,openat,link,linkat \
    "$LMTPD" "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>&1
  want=$(sed -nE -e 's/.*F_(OFD_)?SETLK.*/fcntl/p' -e 's/^flock\(.*/flock/p' \
    -e 's/^linkat\(.*/dotlock/p' "$D/calls" | awk '!seen[$0]++' | paste -sd ,)
  [[ $want == fcntl,dotlock ]] || fail "$want"
  grep -q '^linkat.* = 0$' "$D/calls" || fail "$(cat "$D/calls")"
}

# waits: a delivery to a does not get in, until the lock is taken away.
waits() {
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
  hear 250 250 250 354
  sleep "$1"
  deaf
  [[ -e $D/m/a.lock ]]
  rm -r "$D/m/a.lock"
  hear '250 2.1.5'
  finish
  unlogged 'broke the stale lock'
}

@test "a dotlock that is not known to be left over is heeded" {
  # However often it is looked at.
  printf '#!/bin/sh\nulimit -n 24\nexec %s "$@"\n' "$LMTPD" >"$D/few"
  chmod 755 "$D/few"
  LMTPD=$D/few
  # Of a living process of this host, of a dead one of another, of nobody.
  for lock in "$$\n$(uname -n)\n" '999999999\nanother.example\n' \
    '999999999\n' '' '0\n' '-1\n' "x\n$(uname -n)\n" "999999999x\n$(uname -n)\n"; do
    printf %b "$lock" >"$D/m/a.lock"
    waits 0.2
  done
}

@test "where there are no links another's dotlock is heeded too" {
  also -k dotlock
  printf '#!/bin/sh\nexec strace -D -qq -o /dev/null -e inject=link,linkat:error=EPERM %s "$@"\n' \
    "$LMTPD" >"$D/traced"
  chmod 755 "$D/traced"
  LMTPD=$D/traced
  echo 1 >"$D/m/a.lock"
  waits 0.1
}

@test "as long as another's dotlock is there, nothing is made beside it" {
  also -k dotlock
  echo 1 >"$D/m/a.lock"
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . QUIT >"$D/in"
  strace -D -qq -o "$D/calls" -e trace=link,linkat "$LMTPD" -e \
    -H test.example "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log" 3>&- &
  SESSION=$!
  # Time for some tries; strace says nothing of them before it ends.
  sleep 1
  rm "$D/m/a.lock"
  finished
  codes 220 250 250 250 354 250 221
  # The first of all tries, and the one that finds none in the way.
  (($(grep -c "^link" "$D/calls") == 2)) || fail "$(grep "^link" "$D/calls")"
}

@test "a dotlock that is not five minutes old is heeded" {
  echo 1 >"$D/m/a.lock"
  touch -d '4 minutes ago' "$D/m/a.lock"
  waits 3
}

@test "a dotlock that is old but was touched meanwhile is heeded" {
  echo 1 >"$D/m/a.lock"
  touch -d '6 minutes ago' "$D/m/a.lock"
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
  hear 250 250 250 354
  for _ in {1..16}; do
    sleep 0.2
    touch -d "$((360 + RANDOM % 100)) seconds ago" "$D/m/a.lock"
  done
  deaf
  rm "$D/m/a.lock"
  hear '250 2.1.5'
  finish
}

@test "a dotlock alone holds back who knows no other lock, flock and fcntl too" {
  # One kind of lock says nothing about another.
  send a x
  lock flock "$D/m/a"
  with -U any -d "mbox:$D/m/%n" -k fcntl,dotlock
  send a y
  codes 220 250 250 250 354 250 221
  unlock
  lock fcntl "$D/m/a"
  with -U any -d "mbox:$D/m/%n" -k flock,dotlock
  send a y
  codes 220 250 250 250 354 250 221
  unlock
  echo 1 >"$D/m/a.lock"
  with -U any -d "mbox:$D/m/%n" -k flock,fcntl
  send a y
  codes 220 250 250 250 354 250 221
  rm "$D/m/a.lock"
}

@test "a dotlock's third line is our boot and pid namespace" {
  also -k dotlock
  slowly fsync,fdatasync
  await test -s "$D/m/a.lock"
  [[ $(sed -n 3p "$D/m/a.lock") == "$(instance)" ]] || fail "$(cat "$D/m/a.lock")"
  (($(wc -l <"$D/m/a.lock") == 3))
  finished
}

@test "a pid says nothing where boot or namespace is another" {
  local dead=999999999
  for lock in "$dead\n$(uname -n)\nanother 1\n" "$dead\n$(uname -n)\n" \
    "$dead\nanother.example\n$(instance)\n" "$$\n$(uname -n)\n$(instance)\n" \
    "1\n$(uname -n)\n$(instance)\n"; do
    printf %b "$lock" >"$D/m/a.lock"
    waits 0.1
  done
  # Nor does one to which a link leads.
  printf '%s\n' "$dead" "$(uname -n)" "$(instance)" >"$D/dead"
  ln -s "$D/dead" "$D/m/a.lock"
  waits 0.1
}

@test "a lock of our own pid was left by one that is dead" {
  # shellcheck disable=SC2016 # it is for the inner shell
  printf '#!/bin/sh\nprintf "%%s\\n%s\\n%s\\n" "$$" >%s\nexec %s "$@"\n' \
    "$(uname -n)" "$(instance)" "$D/m/a.lock" "$LMTPD" >"$D/own"
  chmod 755 "$D/own"
  LMTPD=$D/own
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged "broke the stale lock $D/m/a.lock"
}

@test "a stale lock that is a pipe, a link or a directory is broken too" {
  local kind
  mkfifo "$D/m/pipe.lock"
  ln -s nowhere "$D/m/link.lock"
  mkdir "$D/m/dir.lock"
  touch -h -d '6 minutes ago' "$D/m/"{pipe,link,dir}.lock
  for kind in pipe link dir; do
    printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' "RCPT TO:<$kind>" DATA x . QUIT >"$D/in.$kind"
    "$LMTPD" -e "${OPTIONS[@]}" <"$D/in.$kind" >"$D/out.$kind" 2>"$D/log.$kind" 3>&- &
  done
  wait
  for kind in pipe link dir; do
    hold "$D/out.$kind"
    codes 220 250 250 250 354 '250 2.1.5' 221
    grep -q "broke the stale lock $D/m/$kind.lock" "$D/log.$kind" ||
      fail "$(cat "$D/log.$kind")"
  done
}

@test "a name that would be the lock of another, and one as long as can be" {
  local name
  name=$(printf '%0200d' 0)
  also -k dotlock
  send "$name" x
  codes 220 250 250 250 354 '250 2.1.5' 221
  [[ $("$LMTPD" -c "${OPTIONS[@]}" "$name" | cut -f 2) == ok ]]
  send a.lock x
  codes 220 250 250 '550 5.1.3' 503 500 500 221
  [[ $("$LMTPD" -c "${OPTIONS[@]}" a.lock 2>/dev/null | cut -f 2) == '550 5.1.3'* ]]
}

@test "the age of a dotlock is by the file system's clock, and not by ours" {
  ahead 400
  echo 1 >"$D/m/a.lock"
  waits 2.5
  ahead -400
  echo 1 >"$D/m/a.lock"
  touch -d '6 minutes ago' "$D/m/a.lock"
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged 'broke the stale lock'
}

@test "a dotlock that is new is heeded, one of a time to come for ten seconds" {
  local seconds
  printf 00 >"$D/steady"
  unkind "UNKIND_STEADY=$D/steady"
  for seconds in 15 05; do
    echo 1 >"$D/m/a.lock"
    [[ $seconds == 15 ]] || touch -d '1 hour' "$D/m/a.lock"
    begin
    hear 220
    tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
    hear 250 250 250 354
    deaf
    # So much later, to the program.
    printf %s "$seconds" 1<>"$D/steady"
    deaf
    [[ -e $D/m/a.lock ]]
    if [[ $seconds == 15 ]]; then
      rm "$D/m/a.lock"
    else
      printf 20 1<>"$D/steady"
    fi
    hear '250 2.1.5'
    finish
    [[ $seconds == 15 ]] || logged 'broke the stale lock'
    printf 00 1<>"$D/steady"
  done
}

@test "a stale lock that cannot be broken is said once, and why" {
  mkdir -p "$D/m/a.lock/x"
  touch -d '6 minutes ago' "$D/m/a.lock"
  waits 2
  (($(grep -c "break the stale lock $D/m/a.lock: Directory not empty" "$D/log") == 1)) ||
    fail "$(grep -c 'break the stale' "$D/log") lines"
}

@test "TERM is heeded while another's lock is waited for" {
  local kind
  send a x
  for kind in fcntl flock; do
    with -U any -d "mbox:$D/m/%n" -k "$kind"
    lock "$kind" "$D/m/a"
    begin
    hear 220
    tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
    hear 250 250 250 354
    sleep 0.2
    kill -TERM "$SESSION"
    hear '451 4.3.0' '421 4.3.2'
    finish
    unlock
  done
}
