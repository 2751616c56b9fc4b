#!/usr/bin/env bats
# What fails, and what must not be used up.

load test_helper

@test "each call of a session fails once" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  PYTHONDONTWRITEBYTECODE=1 "$TESTS/each-call" "$LMTPD" "$D/each" >"$D/said" ||
    fail "$(head -c 3000 "$D/said")"
  rm -r "$D/each"
}

# often N LINE...: a session in which these lines come so many times, twice,
# and which may have few descriptors: the second time it wants no more memory,
# and a message for last is still delivered at its end.
often() {
  local n=$1 half held=()
  shift
  while ((n--)); do
    printf '%s\r\n' "$@"
  done >"$D/lines"
  [[ -p $D/to ]] || mkfifo "$D/to"
  # glibc takes memory by the page then, and not by the 128 KiB.
  # shellcheck disable=SC2153 # with sets it
  (ulimit -n 16 && MALLOC_TOP_PAD_=0 exec "$LMTPD" -e -H h "${OPTIONS[@]}") <"$D/to" \
    >"$D/out" 2>"$D/log" 3>&- &
  SESSION=$!
  exec {TO}>"$D/to"
  tell 'LHLO c'
  for half in 1 2; do
    cat "$D/lines" >&"$TO"
    tell 'VRFY x'
    await said "$half" 252
    held+=("$(grep VmData: "/proc/$SESSION/status")")
  done
  tell 'MAIL FROM:<s@x>' 'RCPT TO:<last>' DATA end . QUIT
  exec {TO}>&-
  STATUS=0
  wait "$SESSION" || STATUS=$?
  SESSION=
  exits 0
  [[ $(tail -n 2 "$D/out") == 250\ 2.1.5* ]] || fail "$(tail -n 3 "$D/out")" "$@"
  # A sanitizer keeps what is freed.
  [[ -n ${SANITIZED-} || ${held[0]} == "${held[1]}" ]] || fail "${held[*]}" "$@"
}

said() {
  (($(grep -c "^$2 " "$D/out") == $1))
}

@test "no descriptor stays open and no memory in use, whatever is said how often" {
  local n options rcpt=('MAIL FROM:<s@x>' 'RCPT TO:<a+b>') big
  local -a data=(DATA 'X: y' '' z .) many
  # In a place so deep that each name of it is seen if it is not freed.
  local at
  at=$D/m/$(printf '%0240d/%0240d' 0 0)
  mkdir -p "$at/"{a,full,last}/{cur,new,tmp} "$at/a/.b/"{cur,new,tmp}
  printf '10S\n9 1\n' >"$at/full/maildirsize"
  : >"$at/file"
  for options in '' '-f' '-F' '-o' "-U dir" "-q 1M"; do
    # shellcheck disable=SC2086 # there are several
    with -U any -d "maildir:$at/%n" $options
    often 10 "${rcpt[@]}" 'RCPT TO:<full>' 'RCPT TO:<file>' 'RCPT TO:<none+x>' "${data[@]}"
    rm -rf "$at/none"
  done
  with -U any -d "maildir:$at/%n" -f
  often 10 "${rcpt[@]}" RSET "${rcpt[@]}" 'BDAT 3' a RSET
  for n in keep 'fileinto "b"' 'fileinto "c"' "reject \"$(printf '%0900d' 0)\"" discard nonsense; do
    printf 'require ["fileinto", "reject"]; %s;\n' "$n" >"$at/a.sieve"
    with -U any -d "maildir:$at/%n" -S "$at/%n.sieve"
    often $((${#n} > 900 ? 40 : 10)) "${rcpt[@]}" "${data[@]}"
  done
  echo 'x:' >"$at/users"
  printf 'a::%s\nlast::%s\nfull::%s\n' "$(id -u):$(id -g)::$D:" "$(id -u):$(id -g)::$D:" \
    "x:y::$D:" >>"$at/users"
  with -U "file:$at/users" -d "maildir:$at/%n"
  often 10 "${rcpt[@]}" 'RCPT TO:<full>' 'RCPT TO:<none>' "${data[@]}"
  # Of those that are too many most are in no line.
  with -U any -d "maildir:$at/%n" -m 1
  mapfile -t many < <(yes "RCPT TO:<$(printf '%0900d' 0)>" | head -n 200)
  often 1 'MAIL FROM:<>' 'RCPT TO:<a>' "${many[@]}" RSET
  # More than is kept in memory: refused, given up, delivered.
  big=$(head -c 1100000 /dev/zero | tr '\0' x | fold -w 900)
  for options in '' '-s 1M'; do
    # shellcheck disable=SC2086
    with -U any -d "maildir:$at/%n" $options
    often 6 'MAIL FROM:<>' 'RCPT TO:<a>' DATA X:y '' "${big//$'\n'/$'\r\n'}" . \
      'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<last>' DATA X:y '' "${big//$'\n'/$'\r\n'}" .
    rm -f "$at"/*/new/*
  done
  rm -r "$at"
  mkdir "$at" "$at/dir"
  ln -s nowhere "$at/link"
  echo x >"$at/two" && ln "$at/two" "$at/links"
  for options in '' '-q 900' '-k flock' '-k dotlock' '-U dir'; do
    # shellcheck disable=SC2086
    with -U any -d "mbox:$at/%n" $options
    [[ $options != *dir* ]] || : >"$at/last"
    often 10 "${rcpt[@]}" 'RCPT TO:<dir>' 'RCPT TO:<link>' 'RCPT TO:<two>' "${data[@]}"
    rm -f "$at/"{a,last}
  done
}

@test "memory that is refused: a recipient is 451, and no session begins" {
  local size name
  name=$(printf '%0300d' 0)
  unkind UNKIND_MALLOC=301
  say 'LHLO c' 'MAIL FROM:<>' "RCPT TO:<$name>" "RCPT TO:<a> ORCPT=rfc822;${name:7}" \
    DATA 'RCPT TO:<a>' DATA x . QUIT
  codes 220 250 250 '451 4.3.0' '451 4.3.0' '503 5.5.1' 250 354 '250 2.1.5' 221
  replied 'No valid recipients'
  (($(grep -c malloc "$D/log") == 2)) || fail 'not logged twice'
  # What is read, and what is said.
  for size in 262144 8192; do
    unkind "UNKIND_MALLOC=$size"
    say QUIT
    exits 71
    logged 'cannot start: malloc.*: (Cannot allocate|Out of) memory$'
    ((${#REPLIES[@]} == 0))
  done
}

@test "-c closes what it opens" {
  local options
  mkdir -p "$D/m/"{a,full}/{cur,new,tmp} "$D/m/a/.b/"{cur,new,tmp}
  printf '10S\n90 1\n' >"$D/m/full/maildirsize"
  : >"$D/m/file"
  for options in -f '-U dir -f' '-q 1M -S /nowhere' '-f -q 1M'; do
    # shellcheck disable=SC2086
    with -U any -d "maildir:$D/m/%n" $options
    (ulimit -n 12 && "$LMTPD" -c "${OPTIONS[@]}" {a,full,file,none,b}{,+b}{,,,,}) >"$D/out" \
      2>"$D/log" || :
    unlogged 'Too many'
    (ulimit -n 12 && "$LMTPD" -c "${OPTIONS[@]}" a a+b a a+b a a+b a a+b a a+b a)
  done
  : >"$D/m/b"
  with -d "mbox:$D/m/%n" -U any
  (ulimit -n 12 && "$LMTPD" -c "${OPTIONS[@]}" {a,b,file}{,,,,,,,,,,,}) >"$D/out" 2>"$D/log" || :
  unlogged 'Too many'
  rm -rf "$D/m"
}
