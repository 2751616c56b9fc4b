#!/usr/bin/env bats
# -U file: a passwd-file as Dovecot reads it.

load test_helper

setup() {
  base
  ID=$(id -u):$(id -g)
  with -U "file:$D/users" -d "maildir:%h/Maildir"
  mkdir "$D/m/"{a,b,c}
}

# users LINE...: the passwd-file.
users() {
  printf '%s\n' "$@" >"$D/users"
}

# rcpt ADDRESS CODE [ADDRESS CODE ...]
rcpt() {
  local lines=() codes=()
  while (($#)); do
    lines+=("RCPT TO:<$1>")
    codes+=("$2")
    shift 2
  done
  say 'LHLO c' 'MAIL FROM:<>' "${lines[@]}" QUIT
  codes 220 250 250 "${codes[@]}" 221
}

@test "comments, empty lines, and what a password may hold" {
  users '# a comment' '' "a:{SHA512-CRYPT}\$6\$x/+y=:$ID::$D/m/a::" \
    "#b:x:$ID::$D/m/b"
  send a@x.example x
  text a/Maildir
  rcpt b '550 5.1.1' '#b' '550 5.1.1' '""' '550 5.1.3'
}

@test "user@domain comes before user, its domain without case" {
  users "a:x:$ID::$D/m/a::" "a@One.Example:x:$ID::$D/m/b::" \
    "only@one.example:x:$ID::$D/m/c::"
  send a@ONE.example x
  text b/Maildir
  send a@two.example x
  text a/Maildir
  send only@one.Example x
  text c/Maildir
  rcpt only@two.example '550 5.1.1' only '550 5.1.1'
}

@test "whole, without detail, then both in lower case" {
  users "A+x@y:x:$ID::$D/m/a::" "A:x:$ID::$D/m/b::" "a:x:$ID::$D/m/c::"
  send A+x@y x
  text a/Maildir
  send A+z@y x
  text b/Maildir
  send a+Z@y x
  text c/Maildir
  rcpt B+x '550 5.1.1'
}

@test "an address without a domain is looked up by the user alone" {
  users "a:x:$ID::$D/m/a::"
  send a x
  text a/Maildir
}

@test "names in uid and gid" {
  users "a:x:$(id -un):$(id -gn)::$D/m/a::"
  send a x
  text a/Maildir
}

@test "six fields, or more than eight, are enough" {
  users "a:x:$ID::$D/m/a" "b:x:$ID:A gecos, here:$D/m/b:/bin/sh:x=1 y=2:z"
  send a x
  text a/Maildir
  send b x
  text b/Maildir
}

@test "the first line whose key matches counts, good or bad" {
  users "a:x:$ID::$D/m/a::" "a:x:$ID::$D/m/b::" 'b:x:nonsense' \
    "b:x:$ID::$D/m/b::"
  send a x
  text a/Maildir
  rcpt b '451 4.3.5'
}

@test "a bad line is logged with its number; others are served" {
  users '# first' "a:x:$ID::$D/m/a::" 'b:x:no.such.user:no.such.group::/b::'
  rcpt a 250 b '451 4.3.5' a 250
  logged "users.*3|3.*users"
}

@test "a bad line has its number wherever it stands in a long file" {
  local i
  { echo "b:x:$ID::$D/m/b::"
    for ((i = 2; i < 3000; i++)); do echo "x$i:x:$ID::$D/m/a::"; done
    echo 'b@here:x'
    for ((i = 3001; i < 5000; i++)); do echo "x$i:x:$ID::$D/m/a::"; done
    echo 'b@there:x'
    echo 'x:x'; } >"$D/users"
  rcpt b@elsewhere 250 b@here '451 4.3.5' b@there '451 4.3.5' x '451 4.3.5'
  logged 'to=<b@here> .*users line 3000:'
  logged 'to=<b@there> .*users line 5000:'
  logged 'to=<x> .*users line 5001:'
}

@test "what makes a line bad" {
  local line
  for line in b b:x b:x: "b:x:1x:1::$D/m/b::" "b:x:-1:1::$D/m/b::" \
    "b:x:99999999999:1::$D/m/b::" "b:x:$(id -u):no.such.group::$D/m/b::" \
    "b:x:$ID::$D/m/b::userdb_quota_rule=*:storage=x" \
    "b:x:$ID::$D/m/b::userdb_quota_storage_size=1X"; do
    users "$line"
    rcpt b '451 4.3.5'
  done
}

@test "a home that is relative or none is no path" {
  users "a:x:$ID::m/a::" "b:x:$ID::::"
  rcpt a '451 4.3.5' b '451 4.3.5'
}

@test "a home is not needed where the template has none" {
  with -U "file:$D/users" -d "maildir:$D/m/%n"
  users "a:x:$ID::::"
  send a x
  text a
}

@test "a file that cannot be read is 451 4.3.5 for everyone" {
  rm -f "$D/users"
  rcpt a '451 4.3.5' b '451 4.3.5'
  logged "$D/users"
  users "a:x:$ID::$D/m/a::"
  chmod 000 "$D/users"
  rcpt a '451 4.3.5' b '451 4.3.5'
}

@test "a pipe in the place of the file holds nobody up" {
  rm -f "$D/users"
  mkfifo "$D/users"
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' QUIT >"$D/in"
  timeout -s KILL 5 "$LMTPD" "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log" ||
    fail 'it waits'
  hold "$D/out"
  codes 220 250 250 '451 4.3.5' 221
}

@test "the file is read anew for each recipient" {
  users "a:x:$ID::$D/m/a::"
  begin
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<b>'
  hear 220 250 250 550
  users "b:x:$ID::$D/m/b::"
  tell 'RCPT TO:<b>' QUIT
  hear 250 221
  finish
}

@test "another uid is 451 4.3.0 at RCPT" {
  users "a:x:1:1::$D/m/a::"
  rcpt a '451 4.3.0'
}

@test "uid 0 is 451" {
  users "a:x:0:0::$D/m/a::"
  rcpt a 451
}

@test "empty uid and gid are right with -u" {
  users "a:x:::x:$D/m/a::"
  rcpt a '451 4.3.5'
  also -u "$(me)"
  send a x
  text a/Maildir
}

@test "a home that is missing is never made" {
  users "a:x:$ID::$D/m/gone::"
  send a x
  codes 220 250 250 250 354 '451 4.3.0' 221
  [[ ! -e $D/m/gone ]]
}

# limit RULE WANT: -c says that such a user's limit is WANT.
limit() {
  users "a:x:$ID::$D/m/a::$1"
  run "$LMTPD" -c "${OPTIONS[@]}" a
  # shellcheck disable=SC2154 # run's
  [[ $output == *$'\t'"$2" ]] || fail "$1: $output"
}

@test "quota rules: Dovecot's units and fields" {
  limit '' 0/-
  limit 'userdb_quota_rule=*:storage=10' 0/10240
  limit 'userdb_quota_rule=*:storage=1K' 0/1024
  limit 'userdb_quota_rule=*:storage=1M' 0/1048576
  limit 'userdb_quota_rule=*:storage=1G' 0/1073741824
  limit 'userdb_quota_rule=*:storage=1T' 0/1099511627776
  limit 'userdb_quota_rule=*:bytes=1000' 0/1000
  limit 'userdb_quota_rule=*:bytes=1K' 0/1024
  limit 'userdb_quota_rule=*:messages=5' 0/-,0/5
  limit 'userdb_quota_rule=*:bytes=1000:messages=5' 0/1000,0/5
  limit 'userdb_quota_rule=*:storage=0' 0/-
  limit 'userdb_quota_rule=*:ignore' 0/-
  limit 'userdb_quota_storage_size=1000' 0/1000
  limit 'userdb_quota_storage_size=1M' 0/1048576
  limit 'allow_nets=::1 userdb_quota_rule=*:bytes=9 x=y' 0/9
}

@test "a rule replaces -q whole" {
  also -q 500,7
  limit '' 0/500,0/7
  limit 'userdb_quota_rule=*:bytes=1000' 0/1000
  limit 'userdb_quota_rule=*:messages=3' 0/-,0/3
  limit 'userdb_quota_rule=*:ignore' 0/-
}

@test "a rule is heeded by deliveries" {
  users "a:x:$ID::$D/m/a::userdb_quota_rule=*:bytes=900"
  send a "$(printf '%01000d' 0)"
  codes 220 250 250 250 354 '452 4.2.2' 221
}

@test "a line longer than a block is bad, whatever of it fits" {
  { printf 'a:x:%d:%d::%s::' "$EUID" "$(id -g)" "$D/m/a"
    head -c 66000 /dev/zero | tr '\0' x
    printf ' userdb_quota_rule=*:bytes=1\n'
    printf 'b:x:%d:%d::%s::\n' "$EUID" "$(id -g)" "$D/m/b"
    printf 'bad:x\n'; } >"$D/users"
  with -U "file:$D/users" -d "maildir:$D/m/%n"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' 'RCPT TO:<bad>' QUIT
  codes 220 250 250 '451 4.3.5' 250 '451 4.3.5' 221
  logged 'line 1: it is too long'
  logged 'line 3: '
}

@test "what follows in a line of several blocks is no line" {
  local blocks
  for blocks in 1 2 3; do
    { head -c $((blocks * 65536)) /dev/zero | tr '\0' x
      printf 'a:x:%s::%s::\nb:x:%s::%s::\n' "$ID" "$D/m/a" "$ID" "$D/m/b"
    } >"$D/users"
    rcpt a '550 5.1.1' b 250
  done
}

@test "a byte order mark is no part of the first name" {
  printf '\xef\xbb\xbfa:x:%s::%s::\r\nb:x:%s::%s::\r\nbad:x\r\n' "$ID" "$D/m/a" "$ID" \
    "$D/m/b" >"$D/users"
  rcpt a 250 b 250 c '550 5.1.1' bad '451 4.3.5'
  logged 'to=<bad> .*users line 3:'
  send a x
  text a/Maildir
}

@test "fields behind the last that is needed may be missing" {
  with -U "file:$D/users" -d "maildir:$D/m/%n"
  users "a:x:$ID" b:x c:
  send a x
  text a
  rcpt b '451 4.3.5' c '451 4.3.5'
  also -u "$(me)"
  rcpt a 250 b 250 c 250
  with -U "file:$D/users" -d "maildir:~/Maildir" -u "$(me)"
  rcpt a '451 4.3.5' b '451 4.3.5'
  logged 'user a has no home'
}

@test "a name alone is a bad line, with -u too" {
  with -U "file:$D/users" -d "maildir:$D/m/%n" -u "$(me)"
  users a b:x a:x
  rcpt a '451 4.3.5' b 250
  logged 'line 1: it is a name alone'
  printf 'a\r\nb:x\r\n' >"$D/users"
  rcpt a '451 4.3.5' b 250
}

@test "an empty file is 451 4.3.5 for everyone: it is being written" {
  : >"$D/users"
  rcpt a '451 4.3.5' b@x '451 4.3.5'
  logged "$D/users is empty"
  printf '\xef\xbb\xbf' >"$D/users"
  rcpt a '451 4.3.5'
  printf '\n' >"$D/users"
  rcpt a '550 5.1.1'
}

@test "where a file has NUL bytes nobody is unknown" {
  # As a crash leaves blocks that were not written, or an editor UTF-16.
  head -c 5000 /dev/zero >"$D/users"
  printf '\na:x:%s::%s::\n' "$ID" "$D/m/a" >>"$D/users"
  rcpt a 250 b '451 4.3.5'
  logged "$D/users has NUL bytes"
  printf 'a:x:%s::%s::\n' "$ID" "$D/m/a" >"$D/users"
  head -c 100000 /dev/zero >>"$D/users"
  printf '\n' >>"$D/users"
  rcpt a 250 b '451 4.3.5'
  printf '\xff\xfeb\0:\0x\0\n\0' >"$D/users"
  rcpt b '451 4.3.5'
}

@test "whoever stands in a last line without its newline is 451 4.3.5" {
  printf 'a:x:%s::%s::\nb:x:%s::%s::' "$ID" "$D/m/a" "$ID" "$D/m/b" >"$D/users"
  rcpt a 250 b '451 4.3.5' c '550 5.1.1'
  logged 'users line 2: it has no newline'
}

@test "the last line may be torn within the name" {
  printf 'a:x:%s::%s::\ncarol@exa' "$ID" "$D/m/a" >"$D/users"
  rcpt a 250 carol@example.org '451 4.3.5' carol+x@example.org '451 4.3.5' \
    b '550 5.1.1' carola@example.org '550 5.1.1'
  printf 'a:x:%s::%s::\nca' "$ID" "$D/m/a" >"$D/users"
  rcpt a 250 carol '451 4.3.5' b '550 5.1.1' c '550 5.1.1'
  # Found before, it is not looked for in what may be anybody's.
  printf 'carol:x:%s::%s::\nca' "$ID" "$D/m/c" >"$D/users"
  rcpt carol 250
  printf 'carol:x:%s::%s::\ncarol@y:x' "$ID" "$D/m/c" >"$D/users"
  rcpt carol@y '451 4.3.5' carol@z 250
}

@test "a domain is compared in both its forms" {
  users "a@xn--bcher-kva.example:x:$ID::$D/m/a::" \
    "b@bücher.example:x:$ID::$D/m/b::" "b@xn--bcher-kva.example:x:$ID::$D/m/c::"
  rcpt a@bücher.example 250 a@XN--bcher-kva.EXAMPLE 250 a@BÜCHER.example 250 \
    a@bucher.example '550 5.1.1'
  local i=0 domain
  for domain in bücher.example xn--bcher-kva.example BÜCHER.Example; do
    send "b@$domain" x
    (($(count b/Maildir) == ++i))
  done
}

@test "%d is the domain as the file has it, where it has one" {
  with -U "file:$D/users" -d "maildir:$D/m/%d/%n"
  users "a@Bücher.example:x:$ID::::" "b:x:$ID::::"
  local i=0 domain
  for domain in bücher.example xn--bcher-kva.example; do
    send "a@$domain" x
    send "b@$domain" x
    ((++i))
    (($(count bücher.example/a) == i))
    (($(count xn--bcher-kva.example/b) == i))
  done
}

@test "%d in the path: a passwd-file for each domain" {
  with -U "file:$D/domains/%d/passwd" -d "maildir:$D/m/%d/%n"
  mkdir -p "$D/domains/"{a.example,b.example,bücher.x}
  echo "al:x:$ID" >"$D/domains/a.example/passwd"
  echo "bob@b.example:x:$ID" >"$D/domains/b.example/passwd"
  echo "al:x:$ID" >"$D/domains/bücher.x/passwd"
  send al+x@A.Example x
  text a.example/al
  send bob@b.example x
  text b.example/bob
  send al@xn--bcher-kva.x x
  text bücher.x/al
  rcpt bob@a.example '550 5.1.1' al@b.example '550 5.1.1' al '550 5.1.3' \
    'al@[x/../y]' '550 5.1.3' 'al@[../b.example]' '550 5.1.3'
  chmod 000 "$D/domains/b.example/passwd"
  : >"$D/domains/a.example/passwd"
  rcpt al@a.example '451 4.3.5' bob@b.example '451 4.3.5'
}

@test "a domain without a file has no users, where the place is there" {
  with -U "file:$D/domains/%d/passwd" -d "maildir:$D/m/%d/%n"
  rcpt al@a.example '451 4.3.5'
  mkdir -p "$D/domains/a.example"
  rcpt al@a.example '550 5.1.1' al@b.example '550 5.1.1'
  ln -s "$D/absent" "$D/domains/b.example"
  rcpt al@a.example '550 5.1.1' al@b.example '451 4.3.5'
  with -U "file:$D/domains/%d" -d "maildir:$D/m/%d/%n"
  rcpt al@x.example '550 5.1.1' al@a.example '451 4.3.5'
}

@test "-c says of a line what a delivery does" {
  printf 'a:x:%s::%s::\nb:x:%s::%s::' "$ID" "$D/m/a" "$ID" "$D/m/b" >"$D/users"
  run -1 --separate-stderr "$LMTPD" -c "${OPTIONS[@]}" a b
  [[ $output == a$'\t'ok$'\t'*b$'\t''451 4.3.5 '* ]] || fail "$output"
  # shellcheck disable=SC2154 # run's
  [[ $stderr == *'line 2: it has no newline'* ]] || fail "$stderr"
}
