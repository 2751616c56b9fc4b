#!/usr/bin/env bats
# What is promised for every format of mailboxes: each test is run for Maildir
# and for mbox.

load test_helper

# each FORMAT OPTION...: the next sessions deliver to that one.
each() {
  local format=$1
  shift
  FORMAT=$format
  rm -rf "${D:?}/m"
  mkdir "$D/m"
  with -U any -d "$format:$D/m/%n" "$@"
}

# stored NAME: the one message in that mailbox, in $D/stored, without what an
# mbox has around it.
stored() {
  if [[ $FORMAT == maildir ]]; then
    text "$1" >"$D/stored"
  else
    (($(grep -ac '^From ' "$D/m/$1") == 1)) || fail "$(cat -A "$D/m/$1")"
    [[ $(tail -n 1 "$D/m/$1") == '' ]] || fail 'no blank line at the end'
    sed 1d "$D/m/$1" | head -n -1 >"$D/stored"
  fi
}

# messages NAME: how many are in that mailbox.
messages() {
  if [[ $FORMAT == maildir ]]; then
    count "$1"
  elif [[ -e $D/m/$1 ]]; then
    grep -ac '^From ' "$D/m/$1"
  else
    echo 0
  fi || :
}

# sums: of all messages that there are.
sums() {
  find "$D/m" -type f ! -name maildirsize -exec cksum {} + | sort
}

@test "both formats: the three trace headers, in order" {
  for format in maildir mbox; do
    each "$format"
    say 'LHLO client.example' 'MAIL FROM:<s@x>' 'RCPT TO:<A+b@Y.example>' \
      DATA 'Subject: x' '' y . QUIT
    codes 220 250 250 250 354 250 221
    stored a
    sed -i -E 's/ id [0-9A-Za-z.]+$/ id ID/; s/^\t[A-Z][a-z]{2}, [ 0-9]?[0-9] [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8} \+0000$/\tDATE/' \
      "$D/stored"
    same "$D/stored" 'Return-Path: <s@x>\nDelivered-To: A+b@Y.example\nReceived: from client.example\n\tby test.example with LMTP id ID\n\tfor <A+b@Y.example>;\n\tDATE\nSubject: x\n\ny\n'
  done
}

@test "both formats: -x says which headers there are" {
  for format in maildir mbox; do
    each "$format" -x return-path
    send a 'X: y' '' z
    stored a
    same "$D/stored" 'Return-Path: <sender@from.example>\nX: y\n\nz\n'
    each "$format" -x delivered-to
    send a 'X: y' '' z
    stored a
    same "$D/stored" 'Delivered-To: a\nX: y\n\nz\n'
    each "$format" -x none
    send a 'X: y' '' z
    stored a
    same "$D/stored" 'X: y\n\nz\n'
  done
}

@test "both formats: another's Return-Path goes where ours is added, else stays" {
  for format in maildir mbox; do
    each "$format" -x return-path
    send a 'Return-Path: <other>' $'\tfolded' 'X: y' 'return-path : <third>' '' \
      'Return-Path: <text>'
    stored a
    same "$D/stored" \
      'Return-Path: <sender@from.example>\nX: y\n\nReturn-Path: <text>\n'
    each "$format" -x none
    send a 'Return-Path: <other>' 'X: y' '' z
    stored a
    same "$D/stored" 'Return-Path: <other>\nX: y\n\nz\n'
  done
}

@test "both formats: what is changed is so in the copy of each recipient" {
  local text name
  for format in maildir mbox; do
    each "$format" -x return-path
    # A field left out; a line that an mbox quotes; no header; nothing.
    for text in 'Return-Path: <x>\nA: b\n' 'A: b\n\nFrom here on\n' \
      'no field\n' 'A: b\n'; do
      rm -rf "${D:?}/m/"*
      # shellcheck disable=SC2059 # an escape in it is meant as one
      say 'LHLO c' 'MAIL FROM:<s@x>' 'RCPT TO:<a>' 'RCPT TO:<b>' \
        'RCPT TO:<c>' DATA "$(printf "$text" | sed '$!s/$/\r/')" . QUIT
      codes 220 250 250 250 250 250 354 250 250 250 221
      for name in a b c; do
        stored "$name"
        mv "$D/stored" "$D/$name.copy"
      done
      cmp "$D/a.copy" "$D/b.copy"
      cmp "$D/a.copy" "$D/c.copy"
    done
  done
}

@test "both formats: every byte is kept, in a small message and a large one" {
  local n
  for format in maildir mbox; do
    for n in 100 1300000; do
      each "$format" -x none
      python3 -c 'import random, sys
random.seed(1)
bytes_ = bytes(b for b in range(256) if b not in (10, 13))
text = b"X: y\n\n" + b"".join(bytes(random.choices(bytes_, k=random.randrange(200))) + b"\n"
                             for _ in range(int(sys.argv[1]) // 100)) + b"a\rb\r\r\n" + 5000 * b"l" + b"\n"
open(sys.argv[2], "wb").write(text)' "$n" "$D/text"
      { printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA
        sed -e 's/^\./../' -e 's/$/\r/' "$D/text"
        printf '%s\r\n' . QUIT
      } >"$D/in"
      talk <"$D/in"
      codes 220 250 250 250 354 250 221
      stored a
      cmp "$D/stored" "$D/text"
    done
  done
}

@test "both formats: modes are 0600 and 0700, whatever umask is inherited" {
  local mask
  for format in maildir mbox; do
    for mask in 000 777; do
      each "$format"
      OPTIONS=(-U any -d "$format:$D/m/%d/%n")
      printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a@b.example>' DATA x . \
        QUIT >"$D/in"
      (
        umask "$mask"
        exec "$LMTPD" "${OPTIONS[@]}" <"$D/in" 2>/dev/null
      ) | cat >"$D/out"
      hold "$D/out"
      codes 220 250 250 250 354 250 221
      (($(find "$D/m" -type f | wc -l) == 1))
      [[ -z $(find "$D/m" -mindepth 1 -type d ! -perm 0700) ]]
      [[ -z $(find "$D/m" -type f ! -perm 0600) ]]
    done
  done
}

@test "both formats: parents are made, but not the template's own part" {
  for format in maildir mbox; do
    each "$format"
    OPTIONS=(-U any -d "$format:$D/m/%d/x/%n")
    send a@b.example y
    codes 220 250 250 250 354 250 221
    [[ $(stat -c %a "$D/m/b.example" "$D/m/b.example/x") == $'700\n700' ]]
    OPTIONS=(-U any -d "$format:$D/absent/%n")
    send a x
    codes 220 250 250 250 354 '451 4.3.0' 221
    OPTIONS=(-U any -d "$format:$D/absent/fixed")
    send a x
    codes 220 250 250 250 354 '451 4.3.0' 221
    logged "reason=\"open $D/absent/fixed: No such file or directory "
    [[ ! -e $D/absent ]]
  done
}

@test "both formats: -U dir makes no mailbox" {
  for format in maildir mbox; do
    each "$format"
    also -U dir
    send a x
    codes 220 250 250 '550 5.1.1' 503 500 500 221
    [[ -z $(ls -A "$D/m") ]]
  done
}

@test "both formats: the same address twice is two copies" {
  for format in maildir mbox; do
    each "$format"
    say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' 'RCPT TO:<a>' \
      DATA x . QUIT
    codes 220 250 250 250 250 250 354 250 250 250 221
    (($(messages a) == 2))
    (($(messages b) == 1))
  done
}

@test "both formats: the quota at RCPT, with SIZE= and without" {
  for format in maildir mbox; do
    each "$format" -x none -q 100
    say 'LHLO c' 'MAIL FROM:<> SIZE=101' 'RCPT TO:<a>' RSET \
      'MAIL FROM:<> SIZE=100' 'RCPT TO:<a>' QUIT
    codes 220 250 250 '452 4.2.2' 250 250 250 221
    also -Q
    say 'LHLO c' 'MAIL FROM:<> SIZE=101' 'RCPT TO:<a>' QUIT
    codes 220 250 250 '552 5.2.2' 221
  done
}

@test "both formats: the quota before the commit; what is refused leaves nothing" {
  for format in maildir mbox; do
    each "$format" -q 300
    send a x
    codes 220 250 250 250 354 250 221
    sums >"$D/before"
    send a "$(printf '%0400d' 0)"
    codes 220 250 250 250 354 '452 4.2.2' 221
    also -Q
    send a "$(printf '%0400d' 0)"
    codes 220 250 250 250 354 '552 5.2.2' 221
    sums | cmp - "$D/before"
    (($(messages a) == 1))
  done
}

@test "both formats: a limit counts the trace headers, exactly full is not over" {
  local size
  for format in maildir mbox; do
    each "$format" -H h
    send a x
    size=$(find "$D/m" -type f -exec cat {} + | wc -c)
    each "$format" -H h -q $((size - 20))
    send a x
    codes 220 250 250 250 354 '452 4.2.2' 221
    each "$format" -H h -x none
    send a x
    size=$(find "$D/m" -type f -exec cat {} + | wc -c)
    each "$format" -H h -x none -q "$size"
    send a x
    codes 220 250 250 250 354 250 221
    each "$format" -H h -x none -q $((size - 1))
    send a x
    codes 220 250 250 250 354 '452 4.2.2' 221
  done
}

@test "both formats: IGNOREQUOTA skips the quota for its recipient alone" {
  for format in maildir mbox; do
    each "$format" -q 50
    say 'LHLO c' 'MAIL FROM:<> SIZE=1000' 'RCPT TO:<a> IGNOREQUOTA' \
      'RCPT TO:<b>' 'MAIL FROM:<>' DATA x . 'MAIL FROM:<>' \
      'RCPT TO:<a> IGNOREQUOTA' 'RCPT TO:<b>' DATA y . QUIT
    codes 220 250 250 250 '452 4.2.2' '503 5.5.1' 354 250 \
      250 250 250 354 250 '452 4.2.2' 221
    (($(messages a) == 2))
    (($(messages b) == 0))
  done
}

@test "both formats: a 0 as limit is none" {
  for format in maildir mbox; do
    each "$format" -q 0
    send a x
    codes 220 250 250 250 354 250 221
    each "$format" -q 0,0
    send a x
    codes 220 250 250 250 354 250 221
  done
}

@test "both formats: -c says how full, and refuses what is full" {
  local size want
  for format in maildir mbox; do
    each "$format"
    send a hello
    size=$(find "$D/m" -type f -exec cat {} + | wc -c)
    for want in ok '452 4.2.2' '552 5.2.2'; do
      each "$format"
      send a hello
      case $want in
      ok) also -q $((size + 100)) ;;
      452*) also -q "$size" ;;
      552*) also -q "$size" -Q ;;
      esac
      STATUS=0
      # shellcheck disable=SC2034 # exits looks at it
      "$LMTPD" -c "${OPTIONS[@]}" a >"$D/out" 2>"$D/log" || STATUS=$?
      if [[ $want == ok ]]; then
        exits 0
      else
        exits 1
      fi
      [[ $(cut -f 2 "$D/out") == "$want"* ]] || fail "$(cat "$D/out")"
      [[ $(cut -f 3 "$D/out") == "$format:$D/m/a" ]]
      [[ $(cut -f 4 "$D/out") == "$(id -u):$(id -g)" ]]
      [[ $(cut -f 5 "$D/out") == "$size/"* ]] || fail "$(cat "$D/out")"
    done
  done
}

@test "both formats: a message of another mailbox's trouble is its own" {
  for format in maildir mbox; do
    each "$format"
    mkfifo "$D/m/b"
    say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' 'RCPT TO:<c>' \
      DATA x . QUIT
    codes 220 250 250 250 250 250 354 250 '451 4.2.0' 250 221
    (($(messages a) == 1))
    (($(messages c) == 1))
  done
}

@test "both formats: a mailbox of another uid is no one's to write" {
  for format in maildir mbox; do
    each "$format"
    OPTIONS=(-U any -d "$format:/usr/lib/%n")
    send os-release x
    codes 220 250 250 250 354 '451 4.2.0' 221
  done
}

@test "both formats: safe on the disk before the reply" {
  local synced
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  for format in maildir mbox; do
    each "$format"
    printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . QUIT >"$D/in"
    strace -qq -o "$D/calls" \
      -e trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,write,writev \
      "$LMTPD" "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>/dev/null
    hold "$D/out"
    codes 220 250 250 250 354 250 221
    synced=$(grep -nE '^f(data)?sync\(.* = 0$' "$D/calls" | tail -n 1)
    # What is written cannot be read there: the process is not dumpable.
    replied=$(grep -nE '^writev?\(1, ' "$D/calls" | sed -n 3p)
    [[ -n $synced && -n $replied ]] || fail "$(cat "$D/calls")"
    ((${synced%%:*} < ${replied%%:*})) || fail "$(cat "$D/calls")"
    if [[ $format == maildir ]]; then
      named=$(grep -nE '^(rename|link)' "$D/calls" | tail -n 1)
      ((${named%%:*} < ${synced%%:*})) || fail "$(cat "$D/calls")"
    fi
  done
}

@test "both formats: whichever sync fails, it is 451, and nothing stays" {
  local n
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA y . QUIT >"$D/in"
  for format in maildir mbox; do
    each "$format"
    send a x
    sums >"$D/before"
    for n in 1 2 3 4 5; do
      strace -qq -o "$D/calls" -e trace=fsync,fdatasync,sync_file_range \
        -e "inject=fsync,fdatasync,sync_file_range:error=EIO:when=$n" \
        "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log"
      hold "$D/out"
      if ! grep -q INJECTED "$D/calls"; then
        codes 220 250 250 250 354 250 221
        break
      fi
      # The write-out may be begun with no look at what it answers.
      if grep -q '^sync_file_range.*INJECTED' "$D/calls" &&
        grep -q '^250 2\.1\.5' "$D/out"; then
        sums >"$D/before"
        continue
      fi
      codes 220 250 250 250 354 '451 4.3.0' 221
      logged 'reason=".*(Input/output|I/O) error'
      sums | cmp - "$D/before"
    done
    ((n > 1)) || fail 'nothing is synced'
  done
}

@test "both formats: what a disk answers, and the reply" {
  local pair
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  for format in maildir mbox; do
    for pair in ENOSPC='452 4.3.1' EFBIG='452 4.3.1' EDQUOT='452 4.2.2' \
      EIO='451 4.3.0' EROFS='451 4.3.0'; do
      each "$format"
      send a x
      sums >"$D/before"
      printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA y . QUIT \
        >"$D/in"
      strace -qq -o /dev/null \
        -e "inject=fsync,fdatasync:error=${pair%=*}:when=1..100" \
        "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log"
      hold "$D/out"
      codes 220 250 250 250 354 "${pair#*=}" 221
      sums | cmp - "$D/before"
    done
  done
}

@test "both formats: -o brings one copy, and the others are answered as it is" {
  for format in maildir mbox; do
    each "$format" -o
    say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' 'RCPT TO:<a+x@y>' \
      'RCPT TO:<A>' DATA x . 'MAIL FROM:<>' 'RCPT TO:<a>' DATA y . QUIT
    codes 220 250 250 250 250 250 250 354 250 250 250 250 250 250 354 250 221
    (($(messages a) == 2))
    (($(messages b) == 1))
    (($(grep -c 'status=delivered' "$D/log") == 5))
    # The id is that of the copy.
    [[ $(printf '%s\n' "${REPLIES[@]}" | grep -o 'id=.*' | sort | uniq -c |
      awk '{ print $1 }' | sort | paste -sd ' ') == '1 1 3' ]] || fail
    each "$format" -o
    mkfifo "$D/m/a"
    say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' 'RCPT TO:<a>' DATA x . QUIT
    codes 220 250 250 250 250 250 354 '451 4.2.0' 250 '451 4.2.0' 221
    logged 'to=<a> status=deferred .*reason="the copy of an earlier recipient failed"'
  done
}

@test "-o: another folder is another copy, another's mailbox too" {
  each maildir -o -f
  mkdir -p "$D/m/a/"{cur,new,tmp} "$D/m/a/.f/"{cur,new,tmp}
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<a+f>' 'RCPT TO:<a+F>' \
    'RCPT TO:<a+none>' 'RCPT TO:<b>' DATA x . QUIT
  codes 220 250 250 250 250 250 250 250 354 250 250 250 250 250 221
  (($(count a) == 1))
  (($(count a/.f) == 1))
  (($(count b) == 1))
}

@test "-o: folders that are new, or whose recipients ignore the quota, are told apart" {
  local ignore=''
  each maildir -o -F
  for ignore in '' ' IGNOREQUOTA'; do
    rm -rf "$D/m/a"
    say 'LHLO c' 'MAIL FROM:<>' "RCPT TO:<a+f>$ignore" "RCPT TO:<a+g>$ignore" \
      "RCPT TO:<a+F>$ignore" "RCPT TO:<a>$ignore" DATA x . QUIT
    codes 220 250 250 250 250 250 250 354 250 250 250 250 221
    (($(count a) == 1 && $(count a/.f) == 1 && $(count a/.g) == 1)) ||
      fail "$(find "$D/m/a")"
  done
}
