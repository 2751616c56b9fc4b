#!/usr/bin/env bats
# The system's log in a /dev of our own; what a daemon may do is in
# ../syslog.bats.

load ../test_helper

setup() {
  ((EUID == 0)) || skip 'needs root'
  here "$(mktemp -d /var/lib/lmtpd-log.XXXXXX)"
  mkdir "$D/dev"
  mknod -m 666 "$D/dev/null" c 1 3
  with -u games -U any -d "mbox:$D/m/%n"
  chown games "$D/m"
  chmod 755 "$D"
  # Without -e, and with standard error aside.
  printf '#!/bin/bash\nshift\nexec unshare --mount sh -c %s sh "$@"\n' \
    "'mount --bind $D/dev /dev && exec $LMTPD \"\$@\" 2>>$D/stderr'" \
    >"$D/lmtpd"
  chmod 755 "$D/lmtpd"
  LMTPD=$D/lmtpd
  : >"$D/stderr"
}

teardown() {
  stop
  sweep
  rm -rf "$D"
}

@test "a datagram: facility mail, no time, name and pid" {
  daemon dgram
  send a x
  lines '^<22>lmtpd\[[0-9]+\]: session=quit '
  grep -Eaq '^<22>lmtpd\[[0-9]+\]: id=.* to=<a> .*status=delivered' "$D/lines"
  also -d nonsense
  say QUIT
  lines '^<20>lmtpd\[[0-9]+\]: -d takes'
}
