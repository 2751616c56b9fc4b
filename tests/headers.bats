#!/usr/bin/env bats
# Trace headers, the log, and what -c says.

load test_helper

@test "Return-Path, Delivered-To and Received, in this order" {
  say 'LHLO client.example' 'MAIL FROM:<s@x>' 'RCPT TO:<A+b@Y.example>' \
    DATA 'Return-Path: <other>' $'\tfolded' 'Subject: x' '' y . QUIT
  text a >"$D/text"
  sed -i -E 's/id [0-9a-f]+\.1$/id ID/; s/^\t[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8} \+0000$/\tDATE/' \
    "$D/text"
  same "$D/text" 'Return-Path: <s@x>\nDelivered-To: A+b@Y.example\nReceived: from client.example\n\tby test.example with LMTP id ID\n\tfor <A+b@Y.example>;\n\tDATE\nSubject: x\n\ny\n'
}

@test "UTF8LMTP after SMTPUTF8; the peer only where there is an address" {
  say 'LHLO c' 'MAIL FROM:<> SMTPUTF8' 'RCPT TO:<a>' DATA x . QUIT
  text a | grep -q 'with UTF8LMTP id'
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<b>' DATA x . QUIT |
    "$TESTS/client" -i whole "$LMTPD" -e -H test.example "${OPTIONS[@]}" \
      >/dev/null 2>"$D/log"
  text b | grep -qF 'from c ([127.0.0.1])'
}

@test "what a client calls itself cannot be taken for more of the field" {
  say 'LHLO x) by evil (;' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . QUIT
  text a | grep -qF 'Received: from x??by?evil???'
}

@test "-x leaves the others out, and keeps a Return-Path that is not ours" {
  also -x delivered-to
  send a 'Return-Path: <other>' '' x
  same "$(only a)" 'Delivered-To: a\nReturn-Path: <other>\n\nx\n'
}

@test "a line a recipient, a line at the end" {
  say 'LHLO c' 'XFORWARD IDENT=Q1' 'MAIL FROM:<s@x>' 'RCPT TO:<a>' 'RCPT TO:<.b>' \
    DATA 'Message-ID: <1@x>' '' y . QUIT
  logged "id=[0-9a-f]+\.1 qid=Q1 to=<a> status=delivered dsn=2\.1\.5 user=a uid=$(id -u) mailbox=maildir:$D/m/a file=\"new/.*\" from=<s@x> msgid=<1@x> size=[0-9]+ delay=[0-9]+\.[0-9]{3}$"
  logged 'to=<.b> status=refused dsn=5\.1\.3 reason='
  logged 'session=quit messages=1 delivered=1 deferred=0 refused=1 errors=0'
  replied "^250 2.1.5 .*$(grep -o '^[^ ]* id=[0-9a-f]*\.1' "$D/log" | sed 's/.*id=//')"
}

@test "without XFORWARD qid is the id of the topmost Received field" {
  send a 'Received: from x (id no)' $'\tby y with ESMTP id ABC123;' $'\tdate' \
    'Received: by z id OLD' '' y
  logged ' qid=ABC123 '
}

@test "no control character, no forged line in the log" {
  say 'LHLO c' 'XFORWARD IDENT=a+0Ab+22' 'MAIL FROM:<a b=c>' 'RCPT TO:<a>' DATA x . QUIT
  logged 'qid="a\\012b\\""'
  logged 'from="<a b=c>"'
}

@test "-v logs the dialogue and never the message" {
  also -v
  send a 'Subject: secret' '' words
  logged 'C: MAIL FROM:<sender@from.example>'
  logged 'S: 354 '
  unlogged 'secret|words'
}

@test "-c: address, ok or reply, mailbox, ids, how full" {
  mkdir -p "$D/m/a/"{cur,new,tmp} "$D/m/full/"{cur,new,tmp}
  printf 12345 >"$D/m/full/cur/1"
  STATUS=0
  "$LMTPD" -c -U any -d "maildir:$D/m/%n" -q 5,9 a+x@y full >"$D/out" 2>"$D/log" ||
    STATUS=$?
  exits 1
  same "$D/out" "a+x@y\tok\tmaildir:$D/m/a\t$(id -u):$(id -g)\t0/5,0/9
full\t452 4.2.2 Mailbox is full\tmaildir:$D/m/full\t$(id -u):$(id -g)\t5/5,1/9\n"
  [[ -z $(find "$D/m" -name maildirsize) ]]
  "$LMTPD" -c -U any -d "mbox:$D/m/%n" new >"$D/out"
  same "$D/out" "new\tok\tmbox:$D/m/new\t$(id -u):$(id -g)\t0/-\n"
  [[ ! -e $D/m/new ]]
}

@test "-c: what could not be written is refused, with its reason" {
  mkdir -p "$D/m/a/"{cur,new,tmp}
  chmod 500 "$D/m/a/new"
  STATUS=0
  # shellcheck disable=SC2034 # exits looks at it
  "$LMTPD" -c -U any -d "maildir:$D/m/%n" a >"$D/out" 2>"$D/log" || STATUS=$?
  chmod 700 "$D/m/a/new"
  exits 1
  grep -q $'^a\t451 4.3.0 ' "$D/out"
  logged "a: access $D/m/a/new: Permission denied"
}

# checks WANT ADDRESS: -c says so, and a delivery answers so.
checks() {
  "$LMTPD" -c "${OPTIONS[@]}" "$2" 2>"$D/log" | cut -f 2 >"$D/said" || :
  send "$2" hello
  if [[ $1 == ok ]]; then
    codes 220 250 250 250 354 250 221
  else
    replied "^$1 "
  fi
  grep -q "^$1" "$D/said" || fail "-c: $(cat "$D/said")"
}

@test "-c: a link that leads nowhere, a file where a directory should be" {
  ln -s nowhere "$D/m/a"
  mkdir -p "$D/m/b/"{cur,tmp}
  : >"$D/m/b/new"
  chmod 700 "$D/m/b/new"
  STATUS=0
  # shellcheck disable=SC2034 # exits looks at it
  "$LMTPD" -c -U any -d "maildir:$D/m/%n" a b >"$D/out" 2>"$D/log" ||
    STATUS=$?
  exits 1
  grep -q $'^a\t451 4.3.0 ' "$D/out"
  grep -q $'^b\t451 4.2.0 ' "$D/out"
  logged "b: access $D/m/b/new: Not a directory"
  send a x
  codes 220 250 250 250 354 '451 4.3.0' 221
  send b x
  codes 220 250 250 250 354 '451 4.2.0' 221
}

@test "-c says what a delivery would" {
  with -U any -d "maildir:$D/m/fixed"
  checks '451 4.3.0' a
  with -U any -f -d "maildir:$D/m/%n"
  mkdir "$D/m/a"
  chmod 500 "$D/m/a"
  checks '451 4.3.0' a
  mkdir -p "$D/m/b/"{cur,new,tmp} "$D/m/b/.x/"{cur,new,tmp}
  chmod 400 "$D/m/b/.x/tmp"
  checks '451 4.3.0' b+x
  checks ok b
  mkdir -p "$D/m/c/"{cur,new,tmp} "$D/m/c/.x/cur"
  chmod 0 "$D/m/c/.x/cur"
  checks ok c
  checks '501 5.1.3' 'a b'
  chmod 700 "$D/m/a" "$D/m/b/.x/tmp" "$D/m/c/.x/cur"
}

@test "-c says what a delivery would where two things are wrong" {
  # What is full is refused at RCPT, before anything is written.
  with -U any -q 5 -d "maildir:$D/m/%n"
  mkdir -p "$D/m/a/"{cur,new,tmp}
  : >"$D/m/a/cur/1,S=5"
  chmod 0 "$D/m/a/tmp"
  checks '452 4.2.2' a
  chmod 700 "$D/m/a/tmp"
  # The lock that -k has first is asked for first.
  with -U any -k dotlock,fcntl -d "mbox:$D/m/b/%n"
  mkdir -p "$D/m/b/x"
  chmod 500 "$D/m/b"
  checks '451 4.3.0' x
  with -U any -k fcntl,dotlock -d "mbox:$D/m/b/%n"
  checks '451 4.2.0' x
  chmod 700 "$D/m/b"
}

@test "-c says what a delivery would of links that lead nowhere" {
  local part
  with -U any -d "mbox:$D/m/%n/in"
  ln -s nowhere "$D/m/a"
  checks '451 4.3.0' a
  with -U any -d "maildir:$D/m/%n"
  for part in tmp new; do
    mkdir -p "$D/m/b/"{cur,new,tmp}
    rm -rf "$D/m/b/$part"
    ln -s nowhere "$D/m/b/$part"
    checks '451 4.3.0' b
    rm -r "$D/m/b"
  done
}

@test "-c and deliveries: directories that may be written to and not read" {
  local format
  mkdir -m 300 "$D/m/shut"
  for format in maildir mbox; do
    with -U any -d "$format:$D/m/shut/%n/in"
    checks ok "$format"
  done
  with -U any -d "maildir:$D/m/%n"
  checks ok b
  chmod 300 "$D/m/b/new"
  checks ok b
  # Nor is it enough that one may write to it.
  chmod 600 "$D/m/shut"
  for format in maildir mbox; do
    with -U any -d "$format:$D/m/shut/%n/out"
    checks '451 4.3.0' "$format"
  done
  chmod 700 "$D/m/shut" "$D/m/b/new"
}

@test "what is made in a directory that cannot be read is on the disk too" {
  local m
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  # There no journal makes one sync enough for all.
  m=$(mktemp -d /dev/shm/lmtpd-check.XXXXXX) || skip 'no /dev/shm here'
  mkdir -m 300 "$m/x.org"
  with -U any -d "maildir:$m/%d/%n"
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a@x.org>' DATA y . QUIT >"$D/in"
  strace -qq -o "$D/calls" -e trace=syncfs "$LMTPD" "${OPTIONS[@]}" <"$D/in" \
    >"$D/out" 2>"$D/log" || :
  chmod 700 "$m/x.org"
  rm -rf "$m"
  hold "$D/out"
  codes 220 250 250 250 354 250 221
  grep -q '^syncfs' "$D/calls" || fail 'the name of the Maildir was not synced'
}

@test "-F, and -c: what is missing in a folder is made there" {
  with -U any -d "maildir:$D/m/%n" -F
  mkdir -p "$D/m/a/"{cur,new,tmp} "$D/m/a/.f/"{cur,new}
  : >"$D/m/a/.f/maildirfolder"
  # The folder's parent need not be written to, nor that file.
  chmod 400 "$D/m/a/.f/maildirfolder"
  chmod 500 "$D/m/a"
  checks ok a+f
  rmdir "$D/m/a/.f/tmp"
  chmod 700 "$D/m/a"
  chmod 500 "$D/m/a/.f"
  checks '451 4.3.0' a+f
  chmod 700 "$D/m/a/.f"
}

@test "-c says what a delivery would of addresses that no command can hold" {
  with -U any -d "maildir:$D/m/%n"
  checks '500 5.5.2' $'"a\tb"@x'
  "$LMTPD" -c "${OPTIONS[@]}" $'"a\n\tb"@x' >"$D/out" 2>"$D/log" || :
  same "$D/out" '"a\\012\\011b"@x\t500 5.5.2 Control character in a command\t-\t-\t-\n'
  checks ok "a+$(head -c 2036 /dev/zero | tr '\0' x)"
  checks '500 5.5.2' "a+$(head -c 2037 /dev/zero | tr '\0' x)"
}

@test "-c tells of a -T that cannot be written, and of wrong options, in a pipe too" {
  "$LMTPD" -c -T "$D/none" "${OPTIONS[@]}" a >"$D/out" 2>&1
  grep -q -e "-T: access $D/none: No such file" "$D/out"
  "$LMTPD" -c -Z a 2>&1 | cat >"$D/out"
  grep -q 'no option -Z' "$D/out"
}

@test "a message that finds no place to wait is refused with the reason" {
  also -T "$D/none"
  send a "$(head -c 2000000 /dev/zero | tr '\0' x | fold -w 900)"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=\"create a file in $D/none: No such file or directory \(euid"
}

@test "-T where nothing may be made" {
  mkdir -m 500 "$D/closed"
  also -T "$D/closed"
  send a "$(head -c 2000000 /dev/zero | tr '\0' x | fold -w 900)"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=\"create a file in $D/closed: Permission denied \(euid"
}

@test "a missing directory is named" {
  with -U any -d "maildir:$D/none/%n/Maildir"
  send a x
  logged "No such file or directory \(euid.*\), $D/none is missing"
}
