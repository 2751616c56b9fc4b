#!/usr/bin/env bats
# Root keeps what it needs to become each recipient, and nothing else.

load ../test_helper

setup() {
  ((EUID == 0)) || skip 'needs root'
  # Below no directory that others may write to, or root lends nothing.
  here "$(mktemp -d /var/lib/lmtpd-confine.XXXXXX)"
  chmod 755 "$D" "$D/m"
  mkdir -m 1777 "$D/spool"
  big=$(head -c 2000000 /dev/zero | tr '\0' x | fold -w 900)
}

teardown() {
  sweep
  rm -rf "$D"
}

# delivered: the last session took one message, confined.
delivered() {
  exits 0
  codes 220 250 250 250 354 250 221
  [[ -n ${SANITIZED-} ]] || logged 'confine=.*capabilities'
}
# owned PATH WHO: it is that user's and group's.
owned() {
  [[ $(stat -c %u:%g "$1") == "$2" ]] || fail "$(stat -c '%n %u:%g' "$1")"
}

@test 'identities can be changed, other powers are gone' {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants what is forbidden'
  mkdir "$D/outside"
  echo >"$D/outside/f"
  run -0 "$TESTS/hole" free passwd "$D/m" "$D/spool" "$D/outside"
  [[ $output == *'become done'*'host-name done'* ]] || skip 'not all of root'
  run -0 "$TESTS/hole" confined passwd "$D/m" "$D/spool" "$D/outside"
  [[ $output == *'become done'*'host-name EPERM'* ]] || fail "$output"
}

# held ATTEMPT HOW: so it ended.
held() {
  grep -qx "$1 $2" <<<"$output" || fail "$output"
}

@test 'a file is given away only where root makes mailboxes' {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants what is forbidden'
  mkdir "$D/outside"
  echo >"$D/outside/f"
  run -0 "$TESTS/hole" confined passwd "$D/m" "$D/spool" "$D/outside"
  held give-away 'done'
  run -0 "$TESTS/hole" confined maildir "$D/m" "$D/spool" "$D/outside"
  held give-away EPERM
  chgrp mail "$D/m"
  chmod 2775 "$D/m"
  run -0 "$TESTS/hole" confined passwd "$D/m" "$D/spool" "$D/outside"
  held give-away EPERM
}

@test 'passwd, mbox in a directory of group mail, dotlock and spool' {
  chgrp mail "$D/m"
  chmod 2775 "$D/m"
  with -U passwd -d "mbox:$D/m/%n" -T "$D/spool" -v
  send nobody Subject:x '' "$big"
  delivered
  owned "$D/m/nobody" "$(id -u nobody):$(id -g mail)"
}

@test 'mbox in a directory that is root alone: it is given away' {
  with -U passwd -d "mbox:$D/m/%n" -T "$D/spool" -v
  send nobody Subject:x '' x
  delivered
  owned "$D/m/nobody" "$(id -u nobody):$(id -g nobody)"
  # The lock of a process that is dead, which only its owner may read.
  printf '999999999\n%s\n%s %s\n' "$(hostname)" \
    "$(cat /proc/sys/kernel/random/boot_id)" \
    "$(stat -Lc %i /proc/self/ns/pid)" >"$D/m/nobody.lock"
  chown daemon "$D/m/nobody.lock"
  chmod 600 "$D/m/nobody.lock"
  send nobody Subject:x '' x
  delivered
  logged 'broke the stale lock'
}

@test 'a passwd-file, a spool and Maildirs that others keep closed' {
  mkdir -m 700 "$D/m/anna" "$D/private"
  printf '%s\n' "anna::1234:1235::$D/m/anna" \
    'bert::daemon:mail::/nowhere:' >"$D/private/users"
  chmod 600 "$D/private/users"
  chown -R daemon "$D/private"
  chown 1234:1235 "$D/m/anna"
  with -U "file:$D/private/users" -d 'maildir:~/Maildir' -T "$D/private" \
    -q 3M -v
  send anna Subject:x '' "$big"
  delivered
  owned "$(only anna/Maildir)" 1234:1235
  send anna Subject:x '' "$big"
  codes 220 250 250 250 354 '452 4.2.2' 221
}

@test 'dir: whoever owns the Maildir, behind a directory of others' {
  install -d -m 700 -o daemon "$D/m/x"
  install -d -m 700 -o 1234 -g 1235 "$D/m/x/anna" "$D/m/x/anna/cur"
  with -U dir -d "maildir:$D/m/x/%n" -v
  send anna Subject:x '' x
  # It is seen by root; to reach it is the recipient's own right.
  codes 220 250 250 250 354 '451 4.3.0' 221
  chmod 711 "$D/m/x"
  send anna Subject:x '' x
  delivered
  owned "$(only x/anna)" 1234:1235
}

@test 'a root that may look everywhere and write nowhere, as by the unit' {
  install -d -m 700 -o 1234 -g 1235 "$D/m/anna"{,/cur,/new,/tmp} "$D/home"
  install -d -m 700 -o daemon "$D/private"
  printf '%s\n' "anna::1234:1235::$D/home" >"$D/private/users"
  printf '#!/bin/sh\nexec setpriv --bounding-set=%s %s "$@"\n' \
    -all,+setuid,+setgid,+chown,+dac_read_search "$LMTPD" >"$D/lent"
  chmod 755 "$D/lent"
  LMTPD=$D/lent
  with -U dir -d "maildir:$D/m/%n"
  send anna Subject:x '' x
  codes 220 250 250 250 354 250 221
  owned "$(only anna)" 1234:1235
  with -U "file:$D/private/users" -d 'maildir:~/Maildir'
  send anna Subject:x '' x
  codes 220 250 250 250 354 250 221
}

@test 'dir: a Maildir that cannot be looked into is no mailbox gone wrong' {
  install -d -m 700 -o daemon "$D/m/anna"{,/cur}
  with -U dir -u 1234:1235 -d "maildir:$D/m/%n"
  send anna Subject:x '' x
  codes 220 250 250 '451 4.3.0' 503 500 500 500 500 221
  logged "stat $D/m/anna/cur: Permission denied.*$D/m/anna"
}

@test 'any, as one user for good' {
  chown 1234:1235 "$D/m"
  with -U any -u 1234:1235 -d "maildir:$D/m/%n" -v
  send anna Subject:x '' x
  exits 0
  owned "$(only anna)" 1234:1235
}

@test 'it leaves the working directory, which may have to be unmounted' {
  with -U any -u 1234:1235 -d "maildir:$D/m/%n"
  cd "$D"
  begin
  hear 220
  [[ $(readlink "/proc/$SESSION/cwd") == / ]] ||
    fail "$(readlink "/proc/$SESSION/cwd")"
  finish
}

@test 'starttls gives up what no program behind it wants' {
  local caps kind ours wanted
  mkfifo "$D/in"
  exec {TO}<>"$D/in"
  "${LMTPD%/*}/starttls" -H test.example cat <"$D/in" >"$D/out" 3>&- &
  SESSION=$!
  await grep -q '^220 ' "$D/out"
  # CHOWN to FSETID, KILL to SETPCAP, NET_BIND_SERVICE, IPC_LOCK, SYS_CHROOT,
  # SYS_NICE, SYS_RESOURCE, AUDIT_WRITE, as far as we have them.
  wanted=$((0x3 | 0x4 | 0x8 | 0x10 | 0x1e0 | 1 << 10 | 1 << 14 | 1 << 18 | 1 << 23 | 1 << 24 | 1 << 29))
  for kind in Prm Eff Bnd; do
    caps=$((16#$(sed -n "s/^Cap$kind:\t//p" "/proc/$SESSION/status")))
    ours=$((16#$(sed -n "s/^Cap$kind:\t//p" /proc/self/status)))
    ((caps == (ours & wanted))) || fail "$kind: $caps"
  done
  exec {TO}>&-
}
