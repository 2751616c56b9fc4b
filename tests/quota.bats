#!/usr/bin/env bats
# Quota: -q, maildirsize, at RCPT and before the commit, -Q, IGNOREQUOTA.

load test_helper

setup() {
  base
  with -U any -d "maildir:$D/m/%n" -x none
}

# maildir NAME: an empty one.
maildir() {
  mkdir -p "$D/m/$1/"{cur,new,tmp}
}

@test "exactly full is not over, one byte more is" {
  also -q 10
  send a 123456789
  codes 220 250 250 250 354 250 221
  send a x
  codes 220 250 250 '452 4.2.2' 503 500 500 221
  with -U any -d "maildir:$D/m/%n" -x none -q 9
  send b 123456789
  codes 220 250 250 250 354 '452 4.2.2' 221
  (($(count b) == 0))
}

@test "-Q makes it permanent, at RCPT and after the message" {
  also -q 9 -Q
  send b 123456789
  codes 220 250 250 250 354 '552 5.2.2' 221
  logged 'status=refused dsn=5.2.2'
  send b 1234567
  send b x
  codes 220 250 250 250 354 '552 5.2.2' 221
}

@test "SIZE= of MAIL counts at RCPT" {
  also -q 100
  say 'LHLO c' 'MAIL FROM:<> SIZE=101' 'RCPT TO:<a>' RSET \
    'MAIL FROM:<> SIZE=100' 'RCPT TO:<a>' QUIT
  codes 220 250 250 '452 4.2.2' 250 250 250 221
}

@test "a limit of one byte, or of one message, is one" {
  local limit want
  while read -r limit want; do
    rm -rf "$D/m/a"
    maildir a
    with -U any -d "maildir:$D/m/%n" -x none -q "$limit"
    [[ $("$LMTPD" -c "${OPTIONS[@]}" a | cut -f 2,5) == $'ok\t'"$want" ]] ||
      fail "$("$LMTPD" -c "${OPTIONS[@]}" a)"
    say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<a>' DATA x . QUIT
    case $limit in
    0,1)
      codes 220 250 250 250 250 354 250 '452 4.2.2' 221
      same "$D/m/a/maildirsize" '1C\n2 1\n'
      ;;
    *)
      codes 220 250 250 250 250 354 '452 4.2.2' '452 4.2.2' 221
      [[ $limit == 1 ]] || same "$D/m/a/maildirsize" '1S,1C\n0 0\n'
      ;;
    esac
  done <<END
1 0/1
0,1 0/-,0/1
1,1 0/1,0/1
END
}

@test "messages are limited too" {
  also -q 0,2
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<a>' 'RCPT TO:<a>' DATA x . QUIT
  codes 220 250 250 250 250 250 354 250 250 '452 4.2.2' 221
  (($(count a) == 2))
}

@test "IGNOREQUOTA skips the check, and is counted" {
  also -q 5
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a> IGNOREQUOTA' DATA 1234567 . QUIT
  codes 220 250 250 250 354 250 221
  unlogged maildirsize
  send a x
  codes 220 250 250 '452 4.2.2' 503 500 500 221
}

@test "maildirsize: its limit counts, and it is kept in step" {
  maildir a
  printf '20S,9C\n4 1\n' >"$D/m/a/maildirsize"
  send a 123456789
  codes 220 250 250 250 354 250 221
  same "$D/m/a/maildirsize" '20S,9C\n4 1\n10 1\n'
  with -U any -d "maildir:$D/m/%n" -x none -q 0
  send a 123456789
  same "$D/m/a/maildirsize" '20S,9C\n4 1\n10 1\n10 1\n'
}

@test "a quota without maildirsize makes one, by a count without Trash" {
  local folder
  maildir a
  maildir a/.Trash
  maildir a/.folder
  printf 12345 >"$D/m/a/cur/1,S=5:2,S"
  printf 12345 >"$D/m/a/cur/2:2,ST"
  printf 123 >"$D/m/a/.folder/new/3"
  printf 12345 >"$D/m/a/.Trash/cur/4"
  # Nor are these folders of it.
  maildir a/plain
  maildir .
  printf 12345 >"$D/m/a/plain/cur/5"
  printf 12345 >"$D/m/cur/6"
  # But one with a name as long as can be is.
  folder=.$(printf '%0254d' 0)
  maildir "a/$folder"
  printf 1 >"$D/m/a/$folder/new/7"
  also -q 1K,7
  send a 123456789
  same "$D/m/a/maildirsize" '1024S,7C\n9 3\n10 1\n'
}

@test "what goes to the Trash is not counted, nor is it refused" {
  maildir a
  maildir a/.Trash
  also -f -q 1K
  send a 123456789
  send a+Trash "$(printf '%01500d' 0)"
  codes 220 250 250 250 354 '250 2.1.5' 221
  same "$D/m/a/maildirsize" '1024S\n0 0\n10 1\n'
}

@test "new/ and cur/ that are links are counted" {
  mkdir -p "$D/m/a/tmp" "$D/elsewhere/"{new,cur}
  ln -s "$D/elsewhere/"{new,cur} "$D/m/a/"
  also -q 25
  send a 123456789
  send a 123456789
  codes 220 250 250 250 354 '250 2.1.5' 221
  rm "$D/m/a/maildirsize"
  send a 123456789
  codes 220 250 250 250 354 '452 4.2.2' 221
}

@test "another limit than ours has it counted anew" {
  maildir a
  printf '5S\n5 1\n' >"$D/m/a/maildirsize"
  also -q 100
  send a 123456789
  codes 220 250 250 250 354 250 221
  same "$D/m/a/maildirsize" '100S\n0 0\n10 1\n'
  rm -r "$D/m/a"
  maildir a
  printf '100S,5C\n5 1\n' >"$D/m/a/maildirsize"
  send a 123456789
  same "$D/m/a/maildirsize" '100S\n0 0\n10 1\n'
}

@test "a link or a pipe in the place of maildirsize is none" {
  local kind
  printf '20S\n20 1\n' >"$D/other"
  for kind in link pipe; do
    rm -rf "$D/m/a"
    maildir a
    if [[ $kind == link ]]; then
      ln -s "$D/other" "$D/m/a/maildirsize"
    else
      mkfifo "$D/m/a/maildirsize"
    fi
    send a 123456789
    codes 220 250 250 250 354 250 221
    logged "write $D/m/a/maildirsize: "
  done
  same "$D/other" '20S\n20 1\n'
  # Nor is it one when there is something in the pipe.
  exec 7<>"$D/m/a/maildirsize"
  cat "$D/other" >&7
  send a 123456789
  codes 220 250 250 250 354 250 221
  exec 7>&-
}

@test "what cannot be looked at is for the delivery to refuse, or counted" {
  maildir a
  also -q 1K -f
  printf '1024S\n0 0\n' >"$D/m/a/maildirsize"
  chmod 0 "$D/m/a/maildirsize"
  send a 123456789
  codes 220 250 250 250 354 250 221
  same "$D/m/a/maildirsize" '1024S\n0 0\n10 1\n'
  chmod 0 "$D/m/a"
  for to in a a+x; do
    send "$to" x
    codes 220 250 250 250 354 '451 4.3.0' 221
  done
  chmod 700 "$D/m/a"
  : >"$D/m/file"
  send file x
  codes 220 250 250 250 354 '451 4.2.0' 221
  mkdir "$D/m/x"
  with -q 1K -U any -d "mbox:$D/m/%d/%n"
  chmod 0 "$D/m/x"
  send a@x x
  chmod 700 "$D/m/x"
  codes 220 250 250 250 354 '451 4.3.0' 221
}

@test "an old sum is counted anew before it is called full" {
  maildir a
  printf '20S\n20 1\n' >"$D/m/a/maildirsize"
  touch -d '910 seconds ago' "$D/m/a/maildirsize"
  send a 123456789
  codes 220 250 250 250 354 250 221
}

@test "a maildirsize that cannot be read as one is counted anew" {
  maildir a
  printf 'nonsense\n' >"$D/m/a/maildirsize"
  also -q 100
  send a 123456789
  codes 220 250 250 250 354 250 221
  same "$D/m/a/maildirsize" '100S\n0 0\n10 1\n'
  # A sum of less than nothing, of which nothing would ever become full.
  head -c 95 /dev/zero >"$D/m/a/cur/one"
  printf '100S\n5 1\n-500 -1\n' >"$D/m/a/maildirsize"
  send a 123456789
  codes 220 250 250 '452 4.2.2' '503 5.5.1' 500 500 221
}

@test "a maildirsize with a limit alone, or NULs in it, is counted anew" {
  local rest
  maildir a
  head -c 95 /dev/zero >"$D/m/a/cur/one"
  for rest in '' '\0\0\0\0\n' '95 1\n\0\0\0\n'; do
    printf "100S\n%b" "$rest" >"$D/m/a/maildirsize"
    send a 123456789
    codes 220 250 250 250 354 '452 4.2.2' 221
    printf "200S\n%b" "$rest" >"$D/m/a/maildirsize"
    send a 123456789
    codes 220 250 250 250 354 250 221
    same "$D/m/a/maildirsize" '200S\n95 1\n10 1\n'
    rm "$D/m/a/new/"*
  done
}

@test "mbox: the file's size" {
  with -U any -d "mbox:$D/m/%n" -x none -q 1K
  head -c 1000 /dev/zero | tr '\0' '\n' >"$D/m/a"
  send a 123456789
  codes 220 250 250 250 354 '452 4.2.2' 221
  [[ $(stat -c %s "$D/m/a") == 1000 ]]
}

@test "a maildirsize that is too large, or has a bad line, keeps its limit" {
  maildir a
  { echo 1000S; yes '2 1' | head -n 1300; } >"$D/m/a/maildirsize"
  head -c 990 /dev/zero >"$D/m/a/cur/one"
  send a 123456789
  codes 220 250 250 250 354 250 221
  same "$D/m/a/maildirsize" '1000S\n990 1\n10 1\n'
  send a x
  codes 220 250 250 '452 4.2.2' 503 500 500 221
  # That is so from 5120 bytes on.
  rm -r "$D/m/a"
  maildir a
  head -c 8999 /dev/zero >"$D/m/a/cur/one"
  { printf '9000S\n200 1\n'; yes '2 1' | head -n 1277; } >"$D/m/a/maildirsize"
  send a x
  codes 220 250 250 250 354 '452 4.2.2' 221
  { printf '9000S\n200 1\n'; yes '2 1' | head -n 1276; } >"$D/m/a/maildirsize"
  send a x
  codes 220 250 250 250 354 250 221
  maildir b
  printf '1000S\n2 1\nnonsense\n' >"$D/m/b/maildirsize"
  head -c 999 /dev/zero >"$D/m/b/cur/one"
  send b x
  codes 220 250 250 250 354 '452 4.2.2' 221
}

@test "an mbox of the wrong kind is not called full" {
  with -Q -q 3000 -U any -d "mbox:$D/m/%n"
  mkdir "$D/m/a"
  send a x
  codes 220 250 250 250 354 '451 4.2.0' 221
  with -Q -q 1 -U any -d 'mbox:/usr/lib/%n'
  send os-release x
  codes 220 250 250 250 354 '451 4.2.0' 221
  logged "/usr/lib/os-release belongs to uid 0, not to $(id -u) "
}

@test "a count that something changes meanwhile is not kept" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  maildir a
  maildir a/.f
  touch -d '1 hour ago' "$D/m/a/new" "$D/m/a/cur" "$D/m/a/.f/"{new,cur}
  echo 12345 >"$D/m/a/cur/1"
  also -q 1K
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' QUIT >"$D/in"
  # All has been counted when the sum gets its name.
  strace -D -qq -o /dev/null \
    -e inject=rename,renameat,renameat2:delay_enter=1000000:when=1 \
    "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log" 3>&- &
  SESSION=$!
  await eval 'ls "$D/m/a/tmp" | grep -q .'
  echo 12345 >"$D/m/a/new/2"
  wait "$SESSION"
  SESSION=
  hold "$D/out"
  codes 220 250 250 250 221
  [[ ! -e $D/m/a/maildirsize ]] || same "$D/m/a/maildirsize" '1024S\n12 2\n'
}

@test "a fresh sum of one line is believed, one of more is counted before it is full" {
  maildir a
  printf '20S\n20 1\n' >"$D/m/a/maildirsize"
  send a 123456789
  codes 220 250 250 '452 4.2.2' 503 500 500 221
  printf '20S\n10 1\n10 1\n' >"$D/m/a/maildirsize"
  send a 123456789
  codes 220 250 250 250 354 250 221
  same "$D/m/a/maildirsize" '20S\n0 0\n10 1\n'
}

@test "a sum of the last fifteen minutes is believed" {
  maildir a
  printf '20S\n20 1\n' >"$D/m/a/maildirsize"
  touch -d '14 minutes ago' "$D/m/a/maildirsize"
  send a x
  codes 220 250 250 '452 4.2.2' 503 500 500 221
}

@test "-c says of an old sum what a delivery would" {
  maildir a
  printf '20S\n20 1\n' >"$D/m/a/maildirsize"
  touch -d '20 minutes ago' "$D/m/a/maildirsize"
  "$LMTPD" -c "${OPTIONS[@]}" a >"$D/out"
  [[ $(cut -f 2,5 "$D/out") == $'ok\t0/20' ]] || fail "$(cat "$D/out")"
  same "$D/m/a/maildirsize" '20S\n20 1\n'
}

@test "what goes to the Trash is not refused at RCPT, nor by -c" {
  maildir a
  maildir a/.Trash
  printf '%01000d' 0 >"$D/m/a/cur/1"
  also -f -q 1000
  say 'LHLO c' 'MAIL FROM:<> SIZE=1500' 'RCPT TO:<a+Trash>' 'RCPT TO:<a>' QUIT
  codes 220 250 250 250 '452 4.2.2' 221
  [[ $("$LMTPD" -c "${OPTIONS[@]}" a+Trash | cut -f 2) == ok ]]
}

@test "messages are limited by maildirsize too, and -c says so" {
  maildir a
  printf '2C\n10 1\n' >"$D/m/a/maildirsize"
  echo 123456789 >"$D/m/a/cur/1"
  [[ $("$LMTPD" -c "${OPTIONS[@]}" a | cut -f 2,5) == $'ok\t10/-,1/2' ]]
  send a x
  codes 220 250 250 250 354 250 221
  send a y
  codes 220 250 250 '452 4.2.2' 503 500 500 221
  (($(count a) == 1))
}

@test "a message taken away again is taken from the sum" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  maildir a
  printf '1000S\n0 0\n' >"$D/m/a/maildirsize"
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA 123456789 . QUIT >"$D/in"
  strace -qq -o /dev/null -e inject=fsync,fdatasync:error=EIO \
    "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log"
  hold "$D/out"
  codes 220 250 250 250 354 '451 4.3.0' 221
  (($(count a) == 0))
  (($(awk 'NR > 1 { n += $1 } END { print n + 0 }' "$D/m/a/maildirsize") == 0))
  (($(awk 'NR > 1 { n += $2 } END { print n + 0 }' "$D/m/a/maildirsize") == 0))
}

@test "a part that cannot be counted defers, and is not taken for empty" {
  local part
  also -q 1K
  maildir a
  maildir a/.x
  for part in new cur .x/new .x/cur; do
    chmod 0 "$D/m/a/$part"
    send a x
    chmod 700 "$D/m/a/$part"
    codes 220 250 250 '451 4.3.0' 503 500 500 221
    logged "reason=.*$part.*Permission denied"
    [[ ! -e $D/m/a/maildirsize ]]
  done
}

@test "folders that are links are not followed: the Maildir is counted once" {
  maildir a
  maildir other
  maildir a/.real
  printf 12345 >"$D/m/a/cur/1"
  printf 12345 >"$D/m/a/.real/cur/1"
  printf 12345 >"$D/m/other/cur/1"
  ln -s . "$D/m/a/.self"
  ln -s ../other "$D/m/a/.other"
  also -q 1000
  send a 123456789
  same "$D/m/a/maildirsize" '1000S\n10 2\n10 1\n'
}

@test "a maildirsize whose last line is torn is counted anew" {
  maildir a
  printf 12345 >"$D/m/a/cur/1"
  printf '10240S\n100 1' >"$D/m/a/maildirsize"
  send a 123456789
  codes 220 250 250 250 354 250 221
  same "$D/m/a/maildirsize" '10240S\n5 1\n10 1\n'
}

@test "a maildirsize whose time is ahead of the clock is old" {
  maildir a
  printf '20S\n20 1\n' >"$D/m/a/maildirsize"
  touch -d 2037-01-01 "$D/m/a/maildirsize"
  send a 123456789
  codes 220 250 250 250 354 250 221
  same "$D/m/a/maildirsize" '20S\n0 0\n10 1\n'
}

@test "quota= in the log is what is used afterwards, and the limit" {
  send a x
  unlogged 'quota='
  also -q 100
  send a 123456789
  logged ' size=10 quota=12/100 '
  send a "$(printf '%0100d' 0)"
  logged ' status=deferred .*quota=12/100 '
  with -U any -d "maildir:$D/m/%n" -x none -q 100,5
  send a x
  logged ' quota=14/100,3/5 '
  with -U any -d "maildir:$D/m/%n" -x none -q 0,5
  send a x
  logged ' quota=16/-,4/5 '
  with -U any -d "mbox:$D/m/%n" -x none -q 1K
  send b x
  logged " quota=$(stat -c %s "$D/m/b")/1024 "
}

@test "a maildirsize that cannot be written is none, and mail goes on" {
  local n hit=0
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' QUIT >"$D/in"
  also -q 1K
  for n in 1 2 3; do
    rm -rf "$D/m/a"
    maildir a
    strace -qq -o "$D/calls" -e "inject=write:error=ENOSPC:when=$n" \
      "$LMTPD" "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>/dev/null
    [[ -z $(ls -A "$D/m/a/tmp") ]]
    # Another one failed.
    ! grep -q '^write(1.*INJECTED' "$D/calls" || continue
    if ! grep -q INJECTED "$D/calls" || [[ -e $D/m/a/maildirsize ]]; then
      same "$D/m/a/maildirsize" '1024S\n0 0\n'
      continue
    fi
    hold "$D/out"
    codes 220 250 250 250 221
    ((++hit))
  done
  ((hit == 1))
}

@test "a size in a name counts if it is one, else the file says" {
  maildir a
  maildir a/.x
  printf 12345 >"$D/m/a/cur/1,S="
  printf 12345 >"$D/m/a/cur/2,S=x"
  printf 12345 >"$D/m/a/cur/3,S=00000000000000000000007"
  printf 12345 >"$D/m/a/cur/4,S=99999999999999999999999999"
  printf 12345 >"$D/m/a/cur/5,S=100,W=101:2,S"
  printf 12345 >"$D/m/a/cur/6,S=1K"
  printf 12345 >"$D/m/a/cur/7,S=000000000000000000000008"
  # What is no directory is no part of a folder, nor a link to itself.
  rm -r "$D/m/a/.x/"*
  touch "$D/m/a/.x/new"
  ln -s cur "$D/m/a/.x/cur"
  touch "$D/m/a/.file"
  also -q 1000
  send a 123456789
  same "$D/m/a/maildirsize" '1000S\n128 7\n10 1\n'
}

# tedious MICROSECONDS LINE...: a session with one recipient and a quota, to
# whose Maildir of 600 messages the first look takes so long; then these lines.
tedious() {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  maildir a
  (cd "$D/m/a/cur" && touch {1..600})
  also -q "${QUOTA-1K}"
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' "RCPT TO:<${TO-a}>" "${@:2}" >"$D/in"
  strace -D -qq -o "$D/calls" -e "inject=getdents64:delay_enter=$1:when=1" \
    "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log" 3>&- &
  SESSION=$!
}

@test "a count that takes more than five seconds is 450 4.2.0" {
  tedious 6100000 NOOP QUIT
  wait "$SESSION"
  SESSION=
  hold "$D/out"
  codes 220 250 250 '450 4.2.0' 250 221
  logged "$D/m/a was not counted in 5 seconds"
}

@test "SIGTERM ends a count" {
  tedious 2500000
  await held_up
  kill "$SESSION"
  wait "$SESSION"
  SESSION=
  hold "$D/out"
  codes 220 250 250 '451 4.3.0' '421 4.3.2'
}

@test "the age of maildirsize is by the file system's clock, and not by ours" {
  local seconds
  maildir a
  for seconds in 1200 -1200; do
    ahead "$seconds"
    printf '20S\n20 1\n' >"$D/m/a/maildirsize"
    send a x
    codes 220 250 250 '452 4.2.2' 503 500 500 221
    same "$D/m/a/maildirsize" '20S\n20 1\n'
  done
  # With nothing to make a file in, our clock is as good as any.
  rmdir "$D/m/a/tmp"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' QUIT
  codes 220 250 250 250 221
}

@test "a maildirsize dated as long ago as can be is old" {
  # In memory, as most disks keep no such date.
  local shm dated
  shm=$(mktemp -d /dev/shm/lmtpd.XXXXXX)
  mkdir -p "$shm/a/"{cur,new,tmp}
  printf '20S\n20 1\n' >"$shm/a/maildirsize"
  touch -d @-9223372036854775808 "$shm/a/maildirsize" || :
  dated=$(stat -c %Y "$shm/a/maildirsize")
  with -U any -x none -d "maildir:$shm/%n"
  send a x
  rm -rf "$shm"
  [[ $dated == -9223372036854775808 ]] || fail "dated $dated"
  codes 220 250 250 250 354 250 221
}

@test "a search for a folder is ended as a count is" {
  also -f
  mkdir -p "$D/m/a"
  (cd "$D/m/a" && touch {1..600})
  QUOTA=0 TO=a+folder tedious 1500000
  sleep 0.5
  kill "$SESSION"
  wait "$SESSION"
  SESSION=
  hold "$D/out"
  codes 220 250 250 '451 4.3.0' '421 4.3.2'
}

@test "a client that is gone ends a count" {
  local reader
  mkfifo "$D/out"
  cat "$D/out" >/dev/null 3>&- &
  reader=$!
  tedious 1500000 NOOP
  sleep 0.5
  kill "$reader"
  wait "$SESSION"
  SESSION=
  logged 'to=<a> status=deferred dsn=4.3.0 reason="client gone" '
  logged 'session="client gone" '
}

@test "a maildirsize made while a message comes is kept in step" {
  maildir a
  begin
  tell 'LHLO c' 'MAIL FROM:<s@x>' 'RCPT TO:<a>' DATA
  hear 220 250 250 250 354
  printf '0S\n0 0\n' >"$D/m/a/maildirsize"
  tell x . QUIT
  hear 250 221
  finish
  [[ $(tail -n 1 "$D/m/a/maildirsize") =~ ^[1-9][0-9]*\ 1$ ]]
}

@test "messages are counted once, directories are looked at twice" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  mkdir -p "$D/m/a/"{cur,new,tmp}
  : >"$D/m/a/cur/1,S=1:2,"
  with -U any -d "maildir:$D/m/%n" -q 1M
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . QUIT >"$D/in"
  strace -qq -e trace=getdents64 -o "$D/calls" "$LMTPD" -e "${OPTIONS[@]}" \
    <"$D/in" >"$D/out" 2>"$D/log"
  hold "$D/out"
  codes 220 250 250 250 354 250 221
  # To the end of cur, of new, and twice of what they are in.
  (($(grep -c '^getdents64.* = 0$' "$D/calls") == 4)) || fail "$(cat "$D/calls")"
}

@test "what was counted and cannot be taken back is told" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  local n told most=0 which
  also -q 1M
  send a x
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA y . QUIT >"$D/in"
  # Some file systems want one sync after the rename, others one before too.
  for which in 1 2; do
    told=0
    for n in $(seq 16); do
      strace -qq -o /dev/null -e "inject=fsync:error=EIO:when=$which" \
        -e "inject=write:error=EIO:when=$n" "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" \
        >"$D/out" 2>"$D/log" || :
      ! grep -Eq "^lmtpd[^ ]* write $D/m/a/maildirsize: (Input/output|I/O) error" "$D/log" ||
        told=$((told + 1))
    done
    ((told <= most)) || most=$told
  done
  # Once when it was added, once when it was to be taken away.
  ((most == 2)) || fail "told $most times"
}
