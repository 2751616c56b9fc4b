#!/usr/bin/env bats
# A format of mailboxes that only tests have: nothing outside a format's own
# file may know how many there are.

load test_helper

setup() {
  base
  LMTPD=$TESTS/null
  with -U any -d "null:$D/m/%n"
}

@test "a third format delivers, is named in the log and by -c" {
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA x . \
    'MAIL FROM:<>' 'RCPT TO:<a>' DATA y . QUIT
  codes 220 250 250 250 250 354 '250 2.1.5' '250 2.1.5' 250 250 354 250 221
  same "$D/m/a" '..'
  same "$D/m/b" '.'
  logged "to=<b> status=delivered .* mailbox=null:$D/m/b"
  "$LMTPD" -c "${OPTIONS[@]}" a >"$D/out" 2>"$D/log"
  grep -q "^a.ok.null:$D/m/a" "$D/out"
}

@test "a third format fails as the others do" {
  ln -s other "$D/m/a"
  send a x
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=\"open $D/m/a: Too many levels of symbolic links"
}
