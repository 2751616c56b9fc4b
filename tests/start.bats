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
  begin
  hear 220
  [[ $(find "/proc/$SESSION/fd" -mindepth 1 | wc -l) -le 3 ]]
  finish
}

@test "nothing is kept of the environment or the working directory" {
  begin
  hear 220
  [[ $(readlink "/proc/$SESSION/cwd") == / ]]
  finish
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
  # shellcheck disable=SC2034 # exits looks at it
  strace -qq -o /dev/null -e inject=chdir:error=EIO "$LMTPD" -e \
    "${OPTIONS[@]}" </dev/null >"$D/out" 2>"$D/log" || STATUS=$?
  exits 71
  hold "$D/out"
  replied '^421 4\.3\.5 cannot start: chdir /: Input/output error$'
  logged '^lmtpd\[[0-9]+\]: cannot start: chdir /: Input/output error$'
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

@test "SIGTERM while the client does not read: it ends soon" {
  also -t 60
  mkfifo "$D/replies"
  "$LMTPD" "${OPTIONS[@]}" < <(yes NOOP | head -c 2000000; sleep 30) \
    >"$D/replies" 2>/dev/null 3>&- &
  SESSION=$!
  exec {FROM}<"$D/replies"
  await asleep "$SESSION"
  sleep 0.3
  kill -TERM "$SESSION"
  begun=$SECONDS
  wait "$SESSION"
  ((SECONDS - begun < 15)) || fail "$((SECONDS - begun)) seconds"
  SESSION=
  exec {FROM}<&-
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
    rm "$D/fifo"
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

@test "told to end while replies wait for a slow reader, it ends when they are read" {
  local begun
  [[ -z ${SANITIZED-} ]] || skip 'slow'
  also -t 12
  mkfifo "$D/replies"
  "$LMTPD" "${OPTIONS[@]}" < <(yes NOOP | head -n 20000; sleep 30) \
    >"$D/replies" 2>/dev/null 3>&- &
  SESSION=$!
  exec {FROM}<"$D/replies"
  await asleep "$SESSION"
  sleep 0.3
  kill -TERM "$SESSION"
  begun=$SECONDS
  cat <&"$FROM" >"$D/out"
  wait "$SESSION"
  SESSION=
  exec {FROM}<&-
  ((SECONDS - begun < 4)) || fail "$((SECONDS - begun)) seconds"
  (($(grep -c '^421 ' "$D/out") == 1)) || fail "$(tail -n 3 "$D/out")"
}

@test "TZ and other words of the environment are not looked at" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  dialogue >"$D/in"
  TZ=Antarctica/Troll TMPDIR=$D/none HOME=$D/none LANG=de_DE.UTF-8 \
    LC_ALL=de_DE.UTF-8 MALLOC_PERTURB_=1 POSIXLY_CORRECT=1 \
    strace -f -qq -o "$D/calls" -e trace=open,openat,execve -E TZ -E TZ=Antarctica/Troll \
    "$LMTPD" "${OPTIONS[@]}" -T "$D" <"$D/in" >"$D/out" 2>/dev/null
  hold "$D/out"
  codes 220 250 250 250 354 250 221
  ! grep -E 'Antarctica|de_DE|none' <(grep -v execve "$D/calls") || fail 'looked at'
}

@test "without an environment at all it serves" {
  dialogue | env -i "$LMTPD" "${OPTIONS[@]}" >"$D/out" 2>/dev/null
  hold "$D/out"
  codes 220 250 250 250 354 250 221
}

@test "a client is named in Received by its IPv4 or IPv6 address, others are not" {
  local pair
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  dialogue >"$D/in"
  # What getpeername(2) would fill in, as a machine may have no IPv6.
  for pair in '0200000a7f000102 ([127.0.1.2])' \
    '0a00000a00000000fd00000000000000000000000000abcd00000000 ([IPv6:fd00::abcd])' \
    '0100 '; do
    strace -qq -o /dev/null -e trace=getpeername \
      -e inject="getpeername:retval=0:poke_exit=@arg2=${pair%% *}" \
      "$LMTPD" "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>/dev/null
    hold "$D/out"
    codes 220 250 250 250 354 250 221
    text a >"$D/text"
    if [[ ${pair#* } == '' ]]; then
      grep -qx 'Received: from c' "$D/text" || fail "$(cat "$D/text")"
    else
      grep -qxF "Received: from c ${pair#* }" "$D/text" || fail "$(cat "$D/text")"
    fi
    rm -r "$D/m/a"
  done
}
