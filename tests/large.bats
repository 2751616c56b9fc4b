#!/usr/bin/env bats
# Mailboxes of more bytes than 32 bits count, sparse ones; a build for 32 bits
# must pass these too.

load test_helper

setup() {
  base
  with -U any -d "mbox:$D/m/%n" -k fcntl,dotlock
}

# holding BYTES: the mbox of anna, of that size, ends as one should.
holding() {
  rm -f "$D/m/anna"
  truncate -s $(($1 - 2)) "$D/m/anna"
  printf '\n\n' >>"$D/m/anna"
}
# added BYTES: behind those there is one message now, and nothing else.
added() {
  tail -c +$(($1 + 1)) "$D/m/anna" >"$D/tail"
  (($(stat -c %s "$D/tail") < 1000)) || fail 'more than a message was added'
  head -n 1 "$D/tail" | grep -q '^From sender@from\.example ' ||
    fail "$(cat "$D/tail")"
  grep -qx here "$D/tail" || fail "$(cat "$D/tail")"
}

@test 'a message is added to an mbox of 2.2 GB, and to one above 4 GiB' {
  local bytes
  for bytes in 2200000000 4294967290 4400000000; do
    holding "$bytes"
    send anna 'Subject: x' '' here
    codes 220 250 250 250 354 250 221
    added "$bytes"
  done
}

@test 'its quota is counted whole' {
  holding 4400000000
  also -q 4500000000
  send anna 'Subject: x' '' here
  codes 220 250 250 250 354 250 221
  with -U any -d "mbox:$D/m/%n" -q 4399M
  say 'LHLO x' 'MAIL FROM:<>' 'RCPT TO:<anna>' QUIT
  codes 220 250 250 250 221
  with -U any -d "mbox:$D/m/%n" -q 4400000100
  send anna 'Subject: x' '' here
  codes 220 250 250 '452 4.2.2' 503 500 500 500 500 221
}

@test 'what did not fit is taken back, behind 4 GiB too' {
  local kib=$((4400000000 / 1024 + 1000)) big
  big=$(head -c 1500000 /dev/zero | tr '\0' x | fold -w 900)
  holding 4400000000
  printf '#!/bin/sh\nulimit -f %d\nexec %s "$@"\n' $((2 * kib)) "$LMTPD" \
    >"$D/limited"
  chmod 755 "$D/limited"
  LMTPD=$D/limited
  send anna 'Subject: x' '' "$big"
  codes 220 250 250 250 354 '452 4.3.1' 221
  (($(stat -c %s "$D/m/anna") == 4400000000)) || fail 'it was not'
  send anna 'Subject: x' '' here
  codes 220 250 250 250 354 250 221
  added 4400000000
}

@test 'SIZE and -s are more than 32 bits' {
  also -s 5G
  say 'LHLO x' 'MAIL FROM:<> SIZE=5368709121' 'MAIL FROM:<> SIZE=5368709120' \
    QUIT
  codes 220 250 '552 5.3.4' 250 221
}

@test 'a time behind 2038 is a time' {
  holding 1000
  touch -d 2040-01-01 "$D/m/anna"
  send anna 'Subject: x' '' here
  codes 220 250 250 250 354 250 221
  added 1000
}
