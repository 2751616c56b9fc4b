#!/usr/bin/env bats
# Two minutes: how long a lock is waited for, for one recipient and for all.

load ../test_helper

@test "30 seconds a recipient, 120 a transaction, then 450 4.2.0" {
  local user lines=() begun
  with -U any -d "mbox:$D/m/%n" -k fcntl
  for user in a b c d e; do
    send "$user" x
    lines+=("RCPT TO:<$user>")
    lock fcntl "$D/m/$user"
  done
  begun=$SECONDS
  say 'LHLO c' 'MAIL FROM:<>' "${lines[@]}" 'RCPT TO:<free>' DATA x . QUIT
  codes 220 250 250 250 250 250 250 250 250 354 \
    '450 4.2.0' '450 4.2.0' '450 4.2.0' '450 4.2.0' '450 4.2.0' '250 2.1.5' 221
  ((SECONDS - begun >= 118 && SECONDS - begun <= 121)) ||
    fail "$((SECONDS - begun)) seconds"
  # shellcheck disable=SC2034,SC2153 # unlock looks at it
  for HOLDER in "${HOLDERS[@]}"; do
    unlock
  done
  # One that has waited in vain says when: not before 30 seconds, nor later.
  [[ $(grep -o 'to=<a>.*delay=[0-9]*' "$D/log") =~ delay=(29|30)$ ]] ||
    fail 'the first one was not answered after 30 seconds'
}

@test "a dotlock from the future is no living one for ever: ten seconds" {
  local begun=$SECONDS
  with -U any -d "mbox:$D/m/%n"
  echo 1 >"$D/m/a.lock"
  touch -d 2037-01-01 "$D/m/a.lock"
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged "broke the stale lock $D/m/a.lock"
  ((SECONDS - begun >= 10 && SECONDS - begun <= 15)) ||
    fail "$((SECONDS - begun)) seconds"
}

@test "a dotlock dated as long ago as can be is old" {
  # In memory, as most disks keep no such date.
  local shm dated
  shm=$(mktemp -d /dev/shm/lmtpd.XXXXXX)
  with -U any -d "mbox:$shm/%n"
  echo 1 >"$shm/a.lock"
  touch -d @-9223372036854775808 "$shm/a.lock" || :
  dated=$(stat -c %Y "$shm/a.lock")
  send a x
  rm -rf "$shm"
  [[ $dated == -9223372036854775808 ]] || fail "dated $dated"
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged "broke the stale lock $shm/a.lock"
}
