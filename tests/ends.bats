#!/usr/bin/env bats
# How a session ends, and what the log has of it and of its recipients.

load test_helper

# ended WORDS: the last line of the log says so.
ended() {
  tail -n 1 "$D/log" | grep -Eq "session=\"?$1\"? messages=" ||
    fail "the end is not $1"
}

@test "the end of a session, in the last line of the log" {
  say QUIT
  ended quit
  say 'LHLO c'
  ended 'end of input'
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x
  ended 'end of input'
  also -t 1
  begin
  hear 220 '421 4.4.2'
  finish
  ended timeout
  begin
  hear 220
  kill -TERM "$SESSION"
  hear '421 4.3.2'
  finish
  ended 'told to end'
  yes nonsense | head -n 60 >"$D/in"
  talk <"$D/in"
  ended 'too many errors'
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'BDAT x'
  ended 'wrong chunk size'
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA >"$D/in"
  { cat "$D/in"
    printf '%s\r\n' x .
  } | "$TESTS/client" "gone=$(wc -c <"$D/in")" "$LMTPD" -e "${OPTIONS[@]}" \
    2>"$D/log"
  ended 'client gone'
  # Not even the greeting is taken.
  mkfifo "$D/replies"
  exec {FROM}<>"$D/replies"
  exec {TO}>"$D/replies" {FROM}<&-
  "$LMTPD" -e "${OPTIONS[@]}" <<<NOOP 1>&"$TO" 2>"$D/log"
  exec {TO}>&-
  ended 'client gone'
}

@test "the last line counts messages, recipients by their result, and errors" {
  mkfifo "$D/m/b"
  say 'LHLO c' NONSENSE 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' 'RCPT TO:<c>' \
    'RCPT TO:<.d>' DATA x . 'MAIL FROM:<>' 'RCPT TO:<a>' DATA y . NONSENSE \
    NONSENSE 'MAIL FROM:<>' 'RCPT TO:<..>' QUIT
  tail -n 1 "$D/log" | grep -q \
    'session=quit messages=2 delivered=3 deferred=1 refused=2 errors=2$' ||
    fail 'counts'
  (($(grep -c 'status=delivered' "$D/log") == 3))
  (($(grep -c 'status=deferred' "$D/log") == 1))
  (($(grep -c 'status=refused' "$D/log") == 2))
  unlogged 'status=delivered.*reason='
  unlogged 'reason=.*status=delivered'
}

@test "values of the log are cut, each at its length" {
  local long
  long=$(printf '%0600d' 0 | tr 0 q)
  say 'LHLO c' "XFORWARD IDENT=${long:0:100}" "MAIL FROM:<$long@x>" 'RCPT TO:<a>' \
    DATA "Message-ID: <${long:0:400}>" '' x . QUIT
  codes 220 250 250 250 250 354 250 221
  logged ' qid=q{63} '
  logged ' msgid=<q{254} '
  logged " from=<q{200,511}\.* "
  unlogged 'from=<q{512}'
}

@test "delay= is counted from MAIL, size= is that of what was written" {
  local begun ms
  begin
  hear 220
  tell 'LHLO c'
  hear 250
  sleep 1.2
  begun=${EPOCHREALTIME/./}
  tell 'MAIL FROM:<>'
  hear 250
  sleep 1
  tell 'RCPT TO:<a>' DATA x .
  hear 250 354 250
  tell QUIT
  finish
  ms=$(sed -n 's/.* delay=\([0-9]*\)\.\([0-9]\{3\}\)$/\1\2/p' "$D/log")
  ((ms >= 1000 && ms <= (${EPOCHREALTIME/./} - begun) / 1000)) || fail "$ms ms"
  logged " size=$(stat -c %s "$(only a)") "
}

@test "a log line for each recipient that is refused, with user and reason" {
  also -q 100
  send a "$(printf '%0300d' 0)"
  codes 220 250 250 250 354 '452 4.2.2' 221
  logged " size=301 "
  logged " reason=.* user=a "
  logged 'status=deferred'
  logged 'dsn=4.2.2'
  logged "mailbox=maildir:$D/m/a"
  unlogged 'file='
}

@test "what is no recipient is in no line, but with -v" {
  say 'LHLO c' 'MAIL FROM:nonsense' 'MAIL FROM:<>' 'RCPT TO:<a b>' 'RCPT TO:<a>' \
    QUIT
  codes 220 250 501 250 '501 5.1.3' 250 221
  (($(wc -l <"$D/log") == 1))
  also -v -m 1
  say 'LHLO c' 'MAIL FROM:nonsense' 'MAIL FROM:<>' 'RCPT TO:<a b>' 'RCPT TO:<a>' \
    'RCPT TO:<b>' QUIT
  logged 'C: RCPT TO:<a b>'
  logged 'S: 501 5\.1\.3 '
  logged 'C: MAIL FROM:nonsense'
  logged 'S: 452 4\.5\.3 '
}

@test "the id of a delivery is in the reply, in Received and in the log" {
  local id
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA x . 'MAIL FROM:<>' \
    'RCPT TO:<c>' DATA x . QUIT
  for user in a b c; do
    id=$(text "$user" | sed -n 's/.* LMTP id //p')
    [[ -n $id ]]
    replied "^250 2\.1\.5 .*$id( |$)"
    logged "id=$id .*to=<$user>"
  done
  (($(printf '%s\n' "${REPLIES[@]}" | grep -o 'id=.*' | sort -u | wc -l) == 3))
}

@test "ORCPT is in the log, decoded" {
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a> ORCPT=rfc822;list+2Bx@y.example' \
    'RCPT TO:<b>' DATA x . QUIT
  codes 220 250 250 250 250 354 250 250 221
  logged 'to=<a> .*from=<> orcpt=rfc822;list\+x@y\.example '
  (($(grep -c orcpt= "$D/log") == 1))
}

@test "a recipient too many has its line, but not each of a thousand" {
  also -m 2
  {
    printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>'
    for n in {1..132}; do
      echo "RCPT TO:<u$n> ORCPT=rfc822;o$n@x"$'\r'
    done
    printf '%s\r\n' DATA 'Message-ID: <m>' '' x . 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' \
      'RCPT TO:<c>' QUIT
  } | talk
  (($(grep -c '^452 4\.5\.3 ' "$D/out") == 131))
  logged ' to=<u3> status=deferred dsn=4.5.3 reason="more than 2 recipients \(-m\)" .*orcpt=rfc822;o3@x'
  logged ' to=<u102> status=deferred dsn=4.5.3 '
  unlogged 'to=<u103>'
  logged ' to=<c> status=deferred dsn=4.5.3 '
  # What the message before was called is forgotten.
  (($(grep -c 'msgid=<m>' "$D/log") == 2))
  logged 'session=quit messages=1 delivered=2 deferred=131 refused=0 errors=0$'
  (($(wc -l <"$D/log") == 2 + 100 + 1 + 1))
}
