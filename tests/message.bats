#!/usr/bin/env bats
# What follows the trace headers is a header, or an empty line, or nothing.

load test_helper

# sized FILE: the sizes in its name are those of what is in it.
sized() {
  local bytes lines
  bytes=$(wc -c <"$1")
  lines=$(wc -l <"$1")
  [[ $1 == *,S=$bytes,W=$((bytes + lines)) ]] || fail "$1: $bytes, $lines"
}

# behind FILE TEXT: that stands behind the line with the date in Received.
behind() {
  sed '1,/^\t[A-Z][a-z][a-z], .* +0000$/d' "$1" >"$D/behind"
  same "$D/behind" "$2"
}

# stored TEXT LINE...: a message of these lines is so in a Maildir, and in an
# mbox.
stored() {
  local want=$1
  shift
  rm -rf "$D/m/"*
  with -U any -d "maildir:$D/m/%n"
  send a "$@"
  behind "$(only a)" "$want"
  sized "$(only a)"
  with -U any -d "mbox:$D/m/%n.mbox"
  send a "$@"
  behind "$D/m/a.mbox" "$want\n"
  logged "size=$(wc -c <"$D/m/a.mbox") "
}

@test "a first line From or >From is dropped" {
  stored 'Subject: x\n\ny\n' 'From a@b.example  Fri Jan  2 03:04:05 2026' \
    'Subject: x' '' y
  stored 'Subject: x\n\ny\n' '>From a@b.example  Fri Jan  2 03:04:05 2026' \
    'Subject: x' '' y
  stored 'Subject: x\n\ny\n' 'From a' '>From b remote from c' 'Subject: x' '' y
  stored '\ny\n' 'From a' '' y
  stored '' 'From a'
}

@test "a field From stays, with a blank before its colon too" {
  with -U any -d "maildir:$D/m/%n"
  send a 'From a b' 'From : a@b.example' 'Subject: x' '' y
  behind "$(only a)" 'From : a@b.example\nSubject: x\n\ny\n'
}

@test "an empty line before text that is no header" {
  stored '\nDisk full on host1\nStatus: bad\n' 'Disk full on host1' 'Status: bad'
  stored '\n folded: x\n' ' folded: x'
  stored '\nno field\n' 'From a' 'no field'
  stored '\nno field\n' 'Return-Path: <a>' 'no field'
  stored "\n$(printf 'x%.0s' {1..76})\n" "$(printf 'x%.0s' {1..76})"
}

@test "a header, an empty first line and no line at all stay as they are" {
  stored 'X: y\n' 'X: y'
  stored 'X : y\nno field\n' 'X : y' 'no field'
  stored '\n' ''
  stored '\nFrom: y\n' '' 'From: y'
  stored ''
}

@test "the same where the message waits in a file, and by BDAT" {
  local line
  line=$(head -c 1500000 /dev/zero | tr '\0' x)
  with -U any -d "maildir:$D/m/%n"
  send a "From $line" 'Subject: x' '' y
  behind "$(only a)" 'Subject: x\n\ny\n'
  sized "$(only a)"
  send b "$line" y
  behind "$(only b)" "\n$line\ny\n"
  sized "$(only b)"
  printf 'LHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<c>\r\nBDAT 1\r\nF%s' \
    $'BDAT 4\r\nrom BDAT 3\r\na\r\nBDAT 1 LAST\r\nzQUIT\r\n' >"$D/in"
  talk <"$D/in"
  behind "$(only c)" '\nz'
  sized "$(only c)"
}

@test "without trace headers nothing is dropped or added" {
  with -x none -U any -d "maildir:$D/m/%n"
  send a 'From a' b
  same "$(only a)" 'From a\nb\n'
  sized "$(only a)"
}

@test "mbox: the fields in which readers keep their state are dropped" {
  with -x received -U any -d "mbox:$D/m/%n"
  send a 'X-Mozilla-Status: 0009' 'x-mozilla-status2: 00000000' \
    'X-Mozilla-Keys: $label1' ' and more' 'X-Evolution: 00000001-0012' \
    'X-Mozilla-Draft-Info: x' '' y
  behind "$D/m/a" 'X-Mozilla-Draft-Info: x\n\ny\n\n'
  with -x received -U any -d "maildir:$D/m/%n.d"
  send a 'X-Mozilla-Status: 0009' '' y
  behind "$(only a.d)" 'X-Mozilla-Status: 0009\n\ny\n'
}
