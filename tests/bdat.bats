#!/usr/bin/env bats
# BDAT: any sequence of chunks, the same result as DATA.

load test_helper

# chunks WORD...: one session; each WORD is sent as it is, printf's escapes in it.
chunks() {
  {
    printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>'
    printf '%b' "$@"
    printf 'QUIT\r\n'
  } >"$D/in"
  talk <"$D/in"
}

@test "one chunk, many, an empty last one: the same message" {
  with -U any -d "maildir:$D/m/%n" -x none
  chunks 'BDAT 9 LAST\r\na\r\n.\r\nb\r\n'
  codes 220 250 250 250 250 221
  same "$(only a)" 'a\n.\nb\n'
  rm -r "$D/m/a"
  chunks 'BDAT 2\r\na\r' 'BDAT 1\r\n\n' 'BDAT 6\r\n.\r\nb\r\n' 'BDAT 0 LAST\r\n'
  codes 220 250 250 250 250 250 250 250 221
  same "$(only a)" 'a\n.\nb\n'
}

@test "a CR at the very end is kept, and so is a text without a line end" {
  with -U any -d "maildir:$D/m/%n" -x none
  chunks 'BDAT 3 LAST\r\nab\r'
  same "$(only a)" 'ab\r'
  # The CR is the message's: no line ends behind it.
  chunks 'BDAT 3\r\nab\r' '\nNOOP\r\n'
  codes 220 250 250 250 250 '500 5.5.2' 221
}

@test "a chunk that is larger than a read keeps its LAST, or its none" {
  local body
  body=$(head -c 300000 /dev/zero | tr '\0' x)
  with -U any -d "maildir:$D/m/%n" -x none
  chunks "BDAT 300000\r\n$body" 'BDAT 3 LAST\r\nend'
  codes 220 250 250 250 250 250 221
  [[ $(stat -c %s "$(only a)") == 300003 ]]
}

@test "in a session of LF the octets are the same" {
  with -U any -d "maildir:$D/m/%n" -x none
  printf 'LHLO c\nMAIL FROM:<>\nRCPT TO:<a>\nBDAT 6 LAST\na\r\nb\r\nQUIT\n' >"$D/in"
  talk <"$D/in"
  same "$(only a)" 'a\nb\n'
}

@test "a size that is no number ends the session" {
  local size
  for size in x -1 0x10 1K 99999999999999999999 ''; do
    chunks "BDAT $size\r\nNOOP\r\n"
    codes 220 250 250 250 501
    exits 0
  done
}

@test "a second word that is not LAST is 501 after its octets, and the end of the message" {
  chunks 'BDAT 4 FIRST\r\nNOOP' 'BDAT 2 LAST\r\nx\n'
  codes 220 250 250 250 501 503 221
  (($(count a) == 0))
  logged 'status=refused dsn=5.5.4 reason="BDAT FIRST"'
  logged 'session=quit messages=0 delivered=0 deferred=0 refused=1'
  chunks 'BDAT 4 F\r\nNOOP'
  codes 220 250 250 250 501 221
}

@test "without a recipient the octets are read, then 503" {
  say 'LHLO c' 'MAIL FROM:<>' 'BDAT 6' NOOP NOOP QUIT
  codes 220 250 250 503 250 221
  replied '^503 5\.5\.1 No transaction for this chunk$'
  say 'LHLO c' 'MAIL FROM:<>' 'BDAT 6' NOOP 'RCPT TO:<a>' DATA x . QUIT
  codes 220 250 250 503 250 354 250 221
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a@b@c>' 'BDAT 6' NOOP NOOP QUIT
  codes 220 250 250 501 503 250 221
  replied '^503 5\.5\.1 No valid recipients$'
}

@test "DATA and RCPT after BDAT are 503, RSET forgets the chunks" {
  chunks 'BDAT 1\r\nx' 'DATA\r\n' 'RCPT TO:<b>\r\n' 'RSET\r\n' 'BDAT 1 LAST\r\nx'
  codes 220 250 250 250 250 503 503 250 503 221
  (($(count a) == 0))
}

@test "the chunk that passes -s is 552, what follows 503" {
  also -s 5
  chunks 'BDAT 4\r\nabcd' 'BDAT 2\r\nef' 'BDAT 1 LAST\r\nx'
  codes 220 250 250 250 250 '552 5.3.4' 503 221
  chunks 'BDAT 4\r\nabcd' 'BDAT 2 LAST\r\nef'
  codes 220 250 250 250 250 '552 5.3.4' 221
  (($(count a) == 0))
}

@test "a chunk that passes -s is logged for each recipient" {
  also -s 5
  chunks 'BDAT 6\r\nabcdef'
  codes 220 250 250 250 '552 5.3.4' 221
  logged 'to=<a> status=refused dsn=[0-9.]* reason="more than 5 bytes \(-s\)"'
  logged 'session=quit messages=0 delivered=0 deferred=0 refused=1'
}

@test "chunks of a message that is over are no errors" {
  local i more=()
  also -s 5
  for ((i = 0; i < 60; i++)); do
    more+=('BDAT 1\r\nx')
  done
  chunks 'BDAT 6\r\nabcdef' "${more[@]}"
  ((${#REPLIES[@]} > 65))
  replied '^221 '
}
