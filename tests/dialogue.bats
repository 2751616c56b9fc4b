#!/usr/bin/env bats
# Commands, replies and their order.

load test_helper

# filler N: N bytes.
filler() {
  printf "%0$1d" 0
}

@test "the greeting comes at once, and each reply before it waits" {
  begin
  hear 220
  tell 'LHLO c'
  hear 250
  tell 'MAIL FROM:<>'
  hear 250
  tell 'RCPT TO:<a>'
  hear 250
  tell DATA
  hear 354
  tell x .
  hear 250
  tell QUIT
  hear 221
  finish
  exits 0
}

@test "LHLO names all that is offered, and nothing else" {
  say 'LHLO c' QUIT
  replied '^250-test\.example'
  printf '%s\n' "${REPLIES[@]}" |
    sed -n 's/^250[- ]\([A-Z0-9]*\).*/\1/p' | sort >"$D/got"
  same "$D/got" '\n8BITMIME\nCHUNKING\nENHANCEDSTATUSCODES\nIGNOREQUOTA
LIMITS\nPIPELINING\nSIZE\nSMTPUTF8\nXFORWARD\n'
  replied '^250[- ]XFORWARD IDENT$'
  replied '^250[- ]LIMITS RCPTMAX=[0-9]+$'
  # Exim looks for it behind a line end.
  [[ ${REPLIES[1]} != *IGNOREQUOTA* ]]
}

# offered LENGTH: its reply to LHLO, with a name so long, and what is gone of it.
offered() {
  printf '%s\r\n' 'LHLO c' QUIT | "$LMTPD" -e -H "$(filler "$1")" \
    "${OPTIONS[@]}" >"$D/out" 2>"$D/log"
  hold "$D/out"
  grep '^250' "$D/out" >"$D/reply"
  gone=
  for name in CHUNKING XFORWARD LIMITS; do
    grep -q "$name" "$D/reply" || gone+=$name
  done
}

@test "LHLO leaves out LIMITS, then XFORWARD, then CHUNKING for a long name" {
  local length gone name
  for length in 20 40 60 70 80 90 100; do
    offered "$length"
    [[ CHUNKINGXFORWARDLIMITS == *"$gone" ]] || fail "$length: $gone"
    for name in PIPELINING ENHANCEDSTATUSCODES 8BITMIME SMTPUTF8 SIZE \
      IGNOREQUOTA; do
      replied "^250[- ]$name"
    done
  done
  [[ $gone == *LIMITS ]] || fail 'nothing is left out'
  # To the byte: Exim has room for 240.
  offered 20
  length=$((20 + 240 - $(grep -c '' "$D/reply") - $(tr -d '\n' <"$D/reply" | wc -c)))
  offered "$length"
  (($(wc -c <"$D/reply") == 240)) && [[ -z $gone ]] || fail "gone: $gone"
  offered "$((length + 1))"
  [[ $gone == LIMITS ]] || fail "gone: $gone"
}

@test "LHLO without a name is 501, EHLO is 500" {
  say LHLO 'EHLO c' 'MAIL FROM:<>' QUIT
  codes 220 501 '500 5.5.1' '503 5.5.1' 221
}

@test "HELO is told to wait: 421, and the end" {
  say 'HELO c' 'LHLO c' QUIT
  codes 220 '421 4.3.5'
  exits 0
}

@test "another protocol is not obeyed: its first line ends the session" {
  local first
  for first in 'GET / HTTP/1.1' 'POST / HTTP/1.1' 'PROPFIND /x HTTP/1.1' \
    'CONNECT h:24 HTTP/1.0' 'PROXY TCP4 192.0.2.1 192.0.2.2 1 24' \
    'Host: x' $'\x16\x03\x01\x02' $'\x80\x2e\x01'; do
    say "$first" 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . QUIT
    [[ ${#REPLIES[@]} == 2 ]] || fail "after $first"
    codes 220 '500 5.5.1'
    exits 0
    [[ ! -e $D/m/a ]]
  done
  # A NUL hides nothing of what follows it.
  printf 'NOOP a\0 HTTP/1.1\r\nQUIT\r\n' >"$D/in"
  talk <"$D/in"
  codes 220 '500 5.5.1'
  # Behind one that is too long to be looked at, the next one is the first.
  say "GET /$(printf '%3000s' '' | tr ' ' x) HTTP/1.1" 'Host: x' 'LHLO c' QUIT
  codes 220 '500 5.5.2' '500 5.5.1'
  # Not even the end of a line comes from one who speaks TLS.
  begin
  hear 220
  printf '\x16' >&"$TO"
  hear 500
  finish
}

@test "NOOP, RSET, VRFY, HELP and EXPN at any time" {
  say NOOP 'NOOP a word' RSET 'VRFY a' HELP 'HELP MAIL' 'EXPN a' 'LHLO c' \
    'MAIL FROM:<>' NOOP 'VRFY a' 'RCPT TO:<a>' HELP NOOP DATA x . QUIT
  codes 220 '250 2.0.0' '250 2.0.0' '250 2.0.0' 252 214 214 502 250 250 250 \
    252 250 214 250 354 250 '221 2.0.0'
}

@test "an unknown verb is 500 5.5.1, an empty line an error too" {
  say BLAH 'STARTTLS' 'AUTH PLAIN' '' QUIT
  codes 220 '500 5.5.1' '500 5.5.1' '500 5.5.1' 500 221
}

@test "QUIT, RSET and DATA take no argument" {
  say 'LHLO c' 'QUIT now' 'RSET x' 'MAIL FROM:<>' 'RCPT TO:<a>' 'DATA x' QUIT
  codes 220 250 501 501 250 250 501 221
}

@test "what comes too early or twice is 503 5.5.1" {
  say 'MAIL FROM:<>' 'RCPT TO:<a>' DATA 'BDAT 0' 'LHLO c' 'RCPT TO:<a>' DATA \
    'MAIL FROM:<>' DATA 'MAIL FROM:<>' 'RCPT TO:<a>' QUIT
  codes 220 '503 5.5.1' '503 5.5.1' '503 5.5.1' '503 5.5.1' 250 '503 5.5.1' \
    '503 5.5.1' 250 '503 5.5.1' '503 5.5.1' 250 221
}

@test "DATA with every recipient refused is 503 and no 354" {
  with -U dir -d "maildir:$D/m/%n"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA RSET 'MAIL FROM:<>' QUIT
  codes 220 250 250 '550 5.1.1' '503 5.5.1' 250 250 221
  replied '^503 5.5.1 No valid recipients$'
  # The recipients were wrong, and not the client: it may go on for ever.
  local lines=() i
  for i in {1..60}; do
    lines+=('MAIL FROM:<>' 'RCPT TO:<a>' DATA RSET)
  done
  say 'LHLO c' "${lines[@]}" QUIT
  [[ ${REPLIES[-1]} == '221 '* && ${REPLIES[-3]} == '503 '* ]] || fail 'ended'
  # A malformed one is a recipient too; those of before are forgotten.
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a b>' DATA RSET 'MAIL FROM:<>' DATA QUIT
  [[ ${REPLIES[-5]} == '503 5.5.1 No valid recipients' ]] || fail 'not that'
  [[ ${REPLIES[-2]} == '503 5.5.1 Wrong order of commands' ]] || fail 'not that'
}

@test "RSET and a second LHLO end a transaction" {
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' RSET DATA 'MAIL FROM:<>' \
    'RCPT TO:<a>' 'LHLO d' DATA 'MAIL FROM:<>' QUIT
  codes 220 250 250 250 250 503 250 250 250 503 250 221
}

@test "verbs and keywords in any case, blanks behind the colon" {
  say 'lhlo c' 'mail from:<s@x> size=10 body=8bitmime' 'rcpt to:<a>' data x . \
    'Mail From: <s@x> SIZE=10' 'Rcpt To:  <a> ignorequota' Data x . quit
  codes 220 250 250 250 354 250 250 250 354 250 221
}

@test "the parameters of MAIL" {
  say 'LHLO c' 'MAIL FROM:<> SIZE=0' RSET 'MAIL FROM:<> BODY=7BIT' RSET \
    'MAIL FROM:<> BODY=8BITMIME SMTPUTF8 SIZE=1' RSET \
    'MAIL FROM:<> BODY=BINARYMIME' 'MAIL FROM:<> BODY' 'MAIL FROM:<> SIZE' \
    'MAIL FROM:<> SIZE=' 'MAIL FROM:<> SIZE=x' 'MAIL FROM:<> SIZE=-1' \
    'MAIL FROM:<> SMTPUTF8=1' 'MAIL FROM:<> SIZE=1 SIZE=1' \
    'MAIL FROM:<> BODY=7BIT BODY=7BIT' 'MAIL FROM:<> SMTPUTF8 SMTPUTF8' QUIT
  codes 220 250 250 250 250 250 250 250 \
    '501 5.5.4' '501 5.5.4' '501 5.5.4' '501 5.5.4' '501 5.5.4' '501 5.5.4' \
    '501 5.5.4' '501 5.5.4' '501 5.5.4' '501 5.5.4' 221
}

@test "an unknown parameter is 555 5.5.4" {
  say 'LHLO c' 'MAIL FROM:<> HOLDFOR=9' 'MAIL FROM:<> NOTIFY=NEVER' \
    'MAIL FROM:<> IGNOREQUOTA' 'MAIL FROM:<>' 'RCPT TO:<a> RET=FULL' \
    'RCPT TO:<a> SIZE=1' 'RCPT TO:<a> IGNOREQUOTA' QUIT
  codes 220 250 '555 5.5.4' '555 5.5.4' '555 5.5.4' 250 '555 5.5.4' \
    '555 5.5.4' 250 221
}

@test "parameters that clients send unasked are taken" {
  say 'LHLO c' 'MAIL FROM:<> RET=HDRS ENVID=QQ314159 AUTH=<> SIZE=2' \
    'RCPT TO:<a> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@c.example' \
    'RCPT TO:<b> ORCPT=rfc822;not+encoded@c.example' DATA x . QUIT
  codes 220 250 250 250 250 354 '250 2.1.5' '250 2.1.5' 221
}

@test "a parameter that comes twice, or has no value, is 501 5.5.4" {
  local p
  for p in RET ENVID AUTH; do
    say 'LHLO c' "MAIL FROM:<> $p=x $p=y" "MAIL FROM:<> $p" \
      "MAIL FROM:<> $p=" "MAIL FROM:<> $p=x" QUIT
    codes 220 250 '501 5.5.4' '501 5.5.4' '501 5.5.4' 250 221
  done
  for p in NOTIFY ORCPT; do
    say 'LHLO c' 'MAIL FROM:<>' "RCPT TO:<a> $p=x $p=y" "RCPT TO:<a> $p" \
      "RCPT TO:<a> $p=" "RCPT TO:<a> $p=x" QUIT
    codes 220 250 250 '501 5.5.4' '501 5.5.4' '501 5.5.4' 250 221
  done
}

@test "ORCPT goes to the log of its recipient, decoded" {
  with -U dir -d "maildir:$D/m/%n"
  mkdir -p "$D/m/"{a,b}/cur
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a> ORCPT=rfc822;x+2By@c.example' \
    'RCPT TO:<b>' 'RCPT TO:<ghost> ORCPT=rfc822;z@c' DATA x . QUIT
  codes 220 250 250 250 250 '550 5.1.1' 354 250 250 221
  logged ' to=<a> .* orcpt=rfc822;x\+y@c\.example '
  logged ' to=<ghost> status=refused .* orcpt=rfc822;z@c '
  unlogged ' to=<b> .* orcpt='
}

@test "IGNOREQUOTA has no value and comes once" {
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a> IGNOREQUOTA=1' \
    'RCPT TO:<a> IGNOREQUOTA IGNOREQUOTA' QUIT
  codes 220 250 250 '501 5.5.4' '501 5.5.4' 221
}

@test "a SIZE past all counting is too large" {
  say 'LHLO c' 'MAIL FROM:<> SIZE=99999999999999999999' \
    "MAIL FROM:<> SIZE=$(filler 30)9" RSET \
    "MAIL FROM:<> SIZE=9$(filler 300)" QUIT
  codes 220 250 '552 5.3.4' 250 250 '552 5.3.4' 221
}

@test "missing brackets are 501" {
  say 'LHLO c' 'MAIL FROM:a@x' 'MAIL FROM:' 'MAIL FROM' MAIL 'MAIL FROM:<a@x' \
    'MAIL TO:<a@x>' 'MAIL FROM:<>' 'RCPT TO:a' 'RCPT TO:<a' 'RCPT TO:' RCPT \
    'RCPT FROM:<a>' QUIT
  codes 220 250 501 501 501 501 501 501 250 501 501 501 501 501 221
}

@test "a reverse path may be anything, and is written as it came" {
  local path
  for path in 'a b@x' '..' 'no-domain' 'a@b@c' '"q\"x"@y' 'é@ü' \
    $'\xff\xfe@x' 'SRS0=x=y=z=w@x' "$(filler 500)@x" '@' 'a@[1.2.3' '%s%n'; do
    rm -rf "$D/m/a"
    say 'LHLO c' "MAIL FROM:<$path>" 'RCPT TO:<a>' DATA x . QUIT
    codes 220 250 250 250 354 250 221
    text a | grep -aFxq "Return-Path: <$path>"
  done
}

@test "a forward path must be well formed" {
  local path
  for path in '' '@' '@x' 'a@' 'a b' 'a b@x' 'a@b@c' 'a@b c' '"a' '"a@x' \
    'a"b@x' 'a@-?x' 'a(b)@x' 'a@[1.2.3.4' 'a,b@x' '@x:' '@x,a@y'; do
    say 'LHLO c' 'MAIL FROM:<>' "RCPT TO:<$path>" QUIT
    codes 220 250 250 '501 5.1.3' 221
  done
}

@test "dots in any place, quotes, literals and UTF-8 are well formed" {
  local path
  for path in a.@x a..b@x a@x.example 'a@[127.0.0.1]' \
    'a@[IPv6:::1]' '"a b"@x' '"a\"b"@x' 'é@ü.example' "a!#\$&'*-=?^_{|}~@x"; do
    say 'LHLO c' 'MAIL FROM:<>' "RCPT TO:<$path>" QUIT
    codes 220 250 250 250 221
  done
}

@test "a dot behind a domain is the root's, and the same domain" {
  local path
  with -U any -d "maildir:$D/m/%d/%n"
  for path in a@x.example. a@x.example @one.,@two:a@X.EXAMPLE.; do
    send "$path" x
    codes 220 250 250 250 354 250 221
  done
  (($(count x.example/a) == 3))
  for path in a@. a@.x a@x.. a@x..y 'a@[127.0.0.1].'; do
    say 'LHLO c' 'MAIL FROM:<>' "RCPT TO:<$path>" QUIT
    codes 220 250 250 '501 5.1.3' 221
  done
}

@test "a source route is dropped" {
  say 'LHLO c' 'MAIL FROM:<@one,@two:s@x>' 'RCPT TO:<@one.example,@two:a@y>' \
    DATA x . QUIT
  codes 220 250 250 250 354 250 221
  text a | grep -Fxq 'Return-Path: <s@x>'
  text a | grep -Fxq 'Delivered-To: a@y'
}

@test "UTF-8 in addresses with and without SMTPUTF8" {
  say 'LHLO c' 'MAIL FROM:<é@ü> SMTPUTF8' 'RCPT TO:<jürgen@ü>' DATA x . \
    'MAIL FROM:<é@ü>' 'RCPT TO:<jürgen@ü>' DATA x . QUIT
  codes 220 250 250 250 354 250 250 250 354 250 221
  (($(count jürgen) == 2))
}

@test "<postmaster> needs no domain" {
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<postmaster>' 'RCPT TO:<Postmaster>' \
    DATA x . QUIT
  codes 220 250 250 250 250 354 250 250 221
  (($(count postmaster) == 2))
}

@test "a command line of 2048 bytes is read, a longer one is 500 5.5.2 once" {
  say "NOOP $(filler 2043)" "NOOP $(filler 2044)" "NOOP $(filler 100000)" \
    NOOP QUIT
  codes 220 250 '500 5.5.2' '500 5.5.2' 250 221
  # Nor is it one when its end is read by itself, or the end of its end.
  say "$(filler 262143)NOOP" NOOP QUIT
  codes 220 '500 5.5.2' 250 221
  say "$(filler 262143)" NOOP QUIT
  codes 220 '500 5.5.2' 250 221
}

@test "where a line is cut in two does not matter" {
  begin
  hear 220
  printf 'NOOP %s\r' "$(filler 2043)" >&"$TO"
  deaf
  printf '\n' >&"$TO"
  hear 250
  printf 'NOOP %s\r' "$(filler 3000)" >&"$TO"
  deaf
  printf '\nNOOP\r\n' >&"$TO"
  hear '500 5.5.2'
  [[ $(tail -n 1 "$D/heard") == *'Line too long'* ]]
  hear 250
  { printf 'NOOP\r\n%.0s' {1..600}; printf NO; } >"$D/in"
  cat "$D/in" >&"$TO"
  # shellcheck disable=SC2046 # words
  hear $(printf '250 %.0s' {1..600})
  deaf
  printf 'OP\r\n' >&"$TO"
  hear 250
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>'
  hear 250 250 250
  # All that is wanted is there, though it is a byte.
  printf 'BDAT 1 LAST\r\nx' >&"$TO"
  hear '250 2.1.5'
  tell QUIT
  hear 221
  finish
}

@test "a control character in a command is 500 5.5.2" {
  local byte
  for byte in 000 001 007 010 011 013 014 015 033 177; do
    printf 'LHLO c\r\nNOOP a%bb\r\nMAIL FROM:<a%bb>\r\nQUIT\r\n' \
      "\\0$byte" "\\0$byte" >"$D/in"
    talk <"$D/in"
    codes 220 250 '500 5.5.2' '500 5.5.2' 221
  done
}

@test "instead of the fiftieth error comes 421 4.7.0" {
  printf 'NONSENSE\r\n%.0s' {1..50} >"$D/in"
  printf 'QUIT\r\n' >>"$D/in"
  talk <"$D/in"
  exits 0
  ((${#REPLIES[@]} == 51))
  [[ ${REPLIES[49]} == 500* && ${REPLIES[50]} == '421 4.7.0 '* ]]
}

@test "each kind of error counts, and what is none does not" {
  local line lines
  for line in LHLO EXPN 'RCPT TO:<a>' 'MAIL FROM:<> X=Y' 'MAIL FROM:x'; do
    mapfile -t lines < <(yes "$line" | head -n 50)
    say 'LHLO c' "${lines[@]}" QUIT
    [[ ${REPLIES[-1]} == '421 4.7.0 '* ]] || fail "no error: $line"
  done
  for line in 'VRFY a' HELP NOOP 'RCPT TO:<a b>'; do
    mapfile -t lines < <(yes "$line" | head -n 50)
    say 'LHLO c' 'MAIL FROM:<>' "${lines[@]}" QUIT
    [[ ${REPLIES[-1]} == '221 '* ]] || fail "an error: $line"
    logged ' errors=0$'
  done
}

@test "a message starts the count of errors anew; refusals are none" {
  with -U dir -d "maildir:$D/m/%n"
  mkdir -p "$D/m/a/cur"
  { printf '%s\r\n' 'LHLO c'
    printf 'NONSENSE\r\n%.0s' {1..49}
    printf '%s\r\n' 'MAIL FROM:<>' 'RCPT TO:<a>'
    printf 'RCPT TO:<nobody>\r\n%.0s' {1..60}
    printf '%s\r\n' DATA x .
    printf 'NONSENSE\r\n%.0s' {1..49}
    printf '%s\r\n' QUIT
  } >"$D/in"
  talk <"$D/in"
  exits 0
  [[ ${REPLIES[-1]} == 221* ]]
}

@test "exactly one reply a recipient, in their order, each a copy" {
  with -U dir -d "maildir:$D/m/%n"
  mkdir -p "$D/m/"{a,b,c}/{cur,new,tmp}
  chmod 500 "$D/m/b/tmp"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<x>' 'RCPT TO:<b>' \
    'RCPT TO:<a>' 'RCPT TO:<c>' DATA x . QUIT
  codes 220 250 250 250 '550 5.1.1' 250 250 250 354 \
    '250 2.1.5' '451 4.3.0' '250 2.1.5' '250 2.1.5' 221
  (($(count a) == 2 && $(count b) == 0 && $(count c) == 1))
}

@test "after a delivery that failed the session goes on" {
  local format
  mkdir -m 0 "$D/m/closed"
  for format in maildir mbox; do
    with -U any -d "$format:$D/m/%n/box"
    begin
    hear 220
    tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<closed>' DATA x .
    hear 250 250 250 354 '451 4.3.0'
    tell 'MAIL FROM:<>' "RCPT TO:<$format>" DATA x .
    hear 250 250 354 '250 2.1.5'
    tell QUIT
    hear 221
    finish
    # A line for each message, and one for the session.
    (($(wc -l <"$D/log") == 3)) || fail 'something else was wrong'
  done
}

@test "several transactions, with RSET between or not" {
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA one . 'MAIL FROM:<>' \
    'RCPT TO:<b>' DATA two . RSET 'MAIL FROM:<>' 'RCPT TO:<c>' DATA . QUIT
  codes 220 250 250 250 354 250 250 250 354 250 250 250 250 354 250 221
  text a | grep -Fxq one
  text b | grep -Fxq two
  text c
}

@test "a lock on one mailbox does not hold back the reply for another" {
  with -U any -d "mbox:$D/m/%n" -k dotlock
  echo $$ >"$D/m/b.lock"
  begin
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA x .
  hear 220 250 250 250 250 354 250
  deaf
  rm "$D/m/b.lock"
  hear 250
  finish
}

@test "XFORWARD is for the next transaction, whatever comes between" {
  say 'XFORWARD IDENT=Q1' 'LHLO c' RSET 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . \
    'MAIL FROM:<>' 'RCPT TO:<b>' DATA x . 'MAIL FROM:<>' 'RCPT TO:<c>' DATA \
    'Received: by y id R2' '' x . 'XFORWARD IDENT=Z' 'MAIL FROM:<>' 'RCPT TO:<d>' \
    DATA 'Received: by y id R3' '' x . QUIT
  logged ' qid=Q1 to=<a>'
  unlogged ' qid=.* to=<b>'
  logged ' qid=R2 to=<c>'
  logged ' qid=Z to=<d>'
}

@test "XFORWARD takes any attributes outside a transaction" {
  say 'LHLO c' 'XFORWARD IDENT=4F2A' \
    'XFORWARD NAME=a.example ADDR=192.0.2.1 PORT=25' \
    'XFORWARD PROTO=ESMTP HELO=h IDENT=A SOURCE=LOCAL' 'MAIL FROM:<>' \
    'XFORWARD IDENT=B' RSET 'XFORWARD IDENT=[UNAVAILABLE]' QUIT
  codes 220 250 250 250 250 250 '503 5.5.1' 250 250 221
}

@test "a malformed XFORWARD is 501 5.5.4" {
  say 'LHLO c' 'XFORWARD IDENT' 'XFORWARD =x' 'XFORWARD IDENT=a+zz' \
    'XFORWARD IDENT=a+4' QUIT
  codes 220 250 '501 5.5.4' '501 5.5.4' '501 5.5.4' '501 5.5.4' 221
}

@test "XFORWARD without an attribute is 250" {
  say 'LHLO c' XFORWARD 'XFORWARD ' 'MAIL FROM:<>' QUIT
  codes 220 250 250 250 250 221
}

@test "an input that ends is no fault, wherever it does" {
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA 'half a line' \
    >"$D/in"
  "$TESTS/client" cuts "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" 2>"$D/log"
  (($(grep -c 'session="end of input"' "$D/log") == $(wc -c <"$D/in") + 1))
  [[ ! -e $D/m/a ]] || (($(count a) == 0))
}

@test "a message that did not arrive whole is not delivered" {
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA 'text' '..'
  exits 0
  codes 220 250 250 250 354
  [[ ! -e $D/m/a ]] || (($(count a) == 0))
}

@test "replies do not depend on how the bytes arrive" {
  also -x none -s 100
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<s@x> SIZE=9' 'RCPT TO:<a>' BAD \
    'RCPT TO:<a>' DATA '..dot' $'b\rare' '.' 'MAIL FROM:<>' 'RCPT TO:<b>' \
    'BDAT 4' >"$D/in"
  printf 'x\r\n.BDAT 3 LAST\r\n\r\nyQUIT\r\n' >>"$D/in"
  "$TESTS/client" splits "$LMTPD" "${OPTIONS[@]}" -e <"$D/in" \
    >"$D/out" 2>"$D/log"
  hold "$D/out"
  codes 220 250 250 250 500 250 354 250 250 250 250 250 250 221
  # All the copies of all the sessions are alike.
  (($(count a) > 2 * $(wc -c <"$D/in")))
  (($(find "$D/m/a/new" -type f -exec md5sum {} + | cut -c 1-32 |
    sort -u | wc -l) == 1))
  (($(find "$D/m/b/new" -type f -exec md5sum {} + | cut -c 1-32 |
    sort -u | wc -l) == 1))
}

@test "the same over a socket that is all three descriptors" {
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<s@x>' 'RCPT TO:<a>' NONSENSE DATA \
    text . 'MAIL FROM:<>' QUIT >"$D/in"
  "$TESTS/client" -s splits "$LMTPD" -e -v -H test.example "${OPTIONS[@]}" \
    <"$D/in" >"$D/out" 2>"$D/log"
  hold "$D/out"
  codes 220 250 250 250 500 354 250 250 221
  (($(count a) == $(wc -c <"$D/in") + 1))
}

@test "a client that shuts its sending side down is served" {
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . >"$D/in"
  "$TESTS/client" -s whole "$LMTPD" "${OPTIONS[@]}" <"$D/in" >"$D/out"
  hold "$D/out"
  codes 220 250 250 250 354 250
  (($(count a) == 1))
}

@test "a client that is gone before the commit gets no delivery" {
  local how
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA \
    >"$D/in"
  for how in '' -s -i; do
    { cat "$D/in"
      printf '%s\r\n' x .
    } | "$TESTS/client" $how "gone=$(wc -c <"$D/in")" "$LMTPD" -e \
      "${OPTIONS[@]}" 2>"$D/log"
    [[ ! -e $D/m/a/new || $(count a) == 0 ]] || fail "delivered: $how"
    # With -s the log has no way out.
    [[ $how == -s ]] || logged 'session="client gone"'
  done
}
