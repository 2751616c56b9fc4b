#!/usr/bin/env bats
# mbox: quoting, separators, fields of readers, locks, and what is refused.

load test_helper

setup() {
  base
  with -U any -d "mbox:$D/m/%n" -x none
}

# body FILE: without its From_ lines' dates.
body() {
  sed -E 's/^(From [^ ]+) [A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} 20[0-9]{2}$/\1 DATE/' "$1" \
    >"$D/body"
}

@test "a From_ line, the message, one blank line; MAILER-DAEMON for <>" {
  send a 'Subject: x' '' y
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA z . QUIT
  body "$D/m/a"
  same "$D/body" \
    'From sender@from.example DATE\nSubject: x\n\ny\n\nFrom MAILER-DAEMON DATE\nz\n\n'
  [[ $(stat -c %a "$D/m/a") == 600 ]]
}

@test "lines of > and From are quoted, wherever they stand" {
  send a 'From me' '' 'From you' '>From me' '>>From x' '> From y' 'Fromage' $'x\nFrom z'
  body "$D/m/a"
  same "$D/body" \
    'From sender@from.example DATE\n>From me\n\n>From you\n>>From me\n>>>From x\n> From y\nFromage\nx\n>From z\n\n'
}

@test "fields in which readers keep their state are dropped, folded ones too" {
  send a 'Status: RO' 'Subject: x' 'x-status: D' 'X-Keywords: a' $'\tb' \
    'X-UID: 1' 'X-IMAP: 2' 'X-IMAPbase: 3' 'Content-Length : 4' 'X-Statuses: 5' '' 'Status: RO'
  body "$D/m/a"
  same "$D/body" \
    'From sender@from.example DATE\nSubject: x\nX-Statuses: 5\n\nStatus: RO\n\n'
}

@test "a mailbox that does not end in a blank line is mended first" {
  printf 'From a Thu Jan  1 00:00:00 1970\n\ntorn' >"$D/m/a"
  printf 'From a Thu Jan  1 00:00:00 1970\n\ntorn\n' >"$D/m/b"
  send a x
  send b x
  body "$D/m/a"
  same "$D/body" \
    'From a Thu Jan  1 00:00:00 1970\n\ntorn\n\nFrom sender@from.example DATE\nx\n\n'
  cmp <(tail -n 3 "$D/m/a" | tail -n 2) <(printf 'x\n\n')
  [[ $(grep -c '^From ' "$D/m/b") == 2 ]]
  [[ $(sed -n 4p "$D/m/b") == '' ]]
}

@test "a text without a line end gets one" {
  printf 'LHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a>\r\nBDAT 1 LAST\r\nxQUIT\r\n' >"$D/in"
  talk <"$D/in"
  cmp <(tail -n 2 "$D/m/a") <(printf 'x\n\n')
  # One of no bytes has none, and needs none.
  rm "$D/m/a"
  printf 'LHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a>\r\nBDAT 0 LAST\r\nQUIT\r\n' >"$D/in"
  talk <"$D/in"
  body "$D/m/a"
  same "$D/body" 'From MAILER-DAEMON DATE\n\n'
}

@test "access time is before modification time" {
  send a x
  (($(stat -c %X "$D/m/a") < $(stat -c %Y "$D/m/a")))
  (($(stat -c %X "$D/m/a") > $(date +%s) - 300))
  cat "$D/m/a" >/dev/null
  send a x
  (($(stat -c %X "$D/m/a") < $(stat -c %Y "$D/m/a")))
}

@test "what is refused leaves the times of the mailbox as they were" {
  send a old
  touch -a -d '2020-01-01 00:00' "$D/m/a"
  touch -m -d '2020-01-02 00:00' "$D/m/a"
  stat -c '%X %Y %s' "$D/m/a" >"$D/before"
  also -q 200
  send a "$(printf '%0300d' 0)"
  codes 220 250 250 250 354 '452 4.2.2' 221
  stat -c '%X %Y %s' "$D/m/a" | diff "$D/before" -
}

@test "no mailbox has a dotlock's name" {
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a.lock>' 'RCPT TO:<A.LOCK>' QUIT
  codes 220 250 250 '550 5.1.3' '550 5.1.3' 221
  : >"$D/m/b.lock"
  also -U dir
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<b.lock>' QUIT
  codes 220 250 250 '550 5.1.3' 221
  rm "$D/m/b.lock"
  with -U any -d "maildir:$D/m/%n"
  send a.lock x
  codes 220 250 250 250 354 '250 2.1.5' 221
  mv "$D/m/a.lock" "$D/m/maildir"
}

@test "a dotlock that comes first has its directories made" {
  with -U any -d "mbox:$D/m/%d/%n" -k dotlock,fcntl
  send a@b.example x
  codes 220 250 250 250 354 '250 2.1.5' 221
  [[ -s $D/m/b.example/a ]]
}

@test "links, pipes and directories are 451 4.2.0, and not touched" {
  local kind
  echo untouched >"$D/other"
  for kind in symlink hardlink pipe directory; do
    case $kind in
    symlink) ln -s "$D/other" "$D/m/$kind" ;;
    hardlink) ln "$D/other" "$D/m/$kind" ;;
    pipe) mkfifo "$D/m/$kind" ;;
    directory) mkdir "$D/m/$kind" ;;
    esac
    send "$kind" x
    codes 220 250 250 250 354 '451 4.2.0' 221
    logged "reason=.*$D/m/$kind .*euid"
    rm -r "$D/m/$kind"
  done
  same "$D/other" 'untouched\n'
}

@test "an mbox to which can only be added is 451 4.2.0, and not touched" {
  send a x
  cp "$D/m/a" "$D/before"
  unkind UNKIND_APPEND=1
  send a x
  codes 220 250 250 250 354 '451 4.2.0' 221
  logged "reason=\"$D/m/a is append-only: "
  cmp "$D/m/a" "$D/before"
}

@test "a lock that another holds is waited for" {
  local kind
  for kind in fcntl flock; do
    with -U any -d "mbox:$D/m/%n" -k "$kind"
    send a x
    lock "$kind" "$D/m/a"
    begin
    hear 220
    tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
    hear 250 250 250 354
    deaf
    unlock
    hear '250 2.1.5'
    finish
    unlogged 'may hold'
    rm "$D/m/a"
  done
}

@test "a mailbox that a file server has lent to a client is waited for" {
  with -U any -d "mbox:$D/m/%n"
  send a x
  lock lease "$D/m/a"
  run -1 "$LMTPD" -c "${OPTIONS[@]}" a
  [[ $output == *'is leased'*'450 4.2.0'* ]] || fail "$output"
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
  hear 250 250 250 354
  deaf
  unlock
  hear '250 2.1.5'
  finish
}

@test "a dotlock is waited for" {
  with -U any -d "mbox:$D/m/%n" -k dotlock
  echo $$ >"$D/m/a.lock"
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x .
  hear 250 250 250 354
  deaf
  rm "$D/m/a.lock"
  hear '250 2.1.5'
  finish
  [[ ! -e $D/m/a.lock ]]
}

@test "a dotlock of a dead process of this host is broken and logged" {
  printf '999999999\n%s\n%s\n' "$(uname -n)" "$(instance)" >"$D/m/a.lock"
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged "stale lock $D/m/a.lock"
  [[ $(ls -A "$D/m") == a ]] || fail "$(ls -A "$D/m")"
}

@test "a dotlock older than five minutes is broken" {
  echo 1 >"$D/m/a.lock"
  touch -d '6 minutes ago' "$D/m/a.lock"
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged "stale lock"
}

@test "eight processes, 25 messages each, one mbox beside a locking reader" {
  local i pids=() reader
  send a begin
  {
    printf '%s\r\n' 'LHLO c'
    for i in {1..25}; do
      printf '%s\r\n' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA "n$i" .
    done
  } >"$D/in"
  python3 -c '
import fcntl, sys, time
for i in range(100):
    with open(sys.argv[1], "r+b") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        assert f.read().endswith(b"\n\n")
    time.sleep(0.002)' "$D/m/a" 3>&- &
  reader=$!
  for i in {1..8}; do
    "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" >"$D/out.$i" 2>/dev/null 3>&- &
    pids+=($!)
  done
  wait "${pids[@]}"
  wait "$reader"
  (($(cat "$D"/out.* | grep -c "^250 2.1.5") == 200))
  (($(grep -c '^From ' "$D/m/a") == 201))
  for i in 1 13 25; do
    (($(grep -cx "n$i" "$D/m/a") == 8))
  done
}

@test "blanks in the sender are no blanks in the From_ line" {
  say 'LHLO c' 'MAIL FROM:<"a b  c"@x.example>' 'RCPT TO:<a>' DATA x . QUIT
  body "$D/m/a"
  same "$D/body" 'From "a_b__c"@x.example DATE\nx\n\n'
  rm "$D/m/a"
  say 'LHLO c' 'MAIL FROM:<s>' 'RCPT TO:<a>' DATA x . QUIT
  body "$D/m/a"
  same "$D/body" 'From s DATE\nx\n\n'
}

# hours: how far the clock of the From_ line is ahead of UTC.
hours() {
  local date
  date=$(sed -n '1s/^From [^ ]* //p' "$D/m/a")
  echo $((($(date -ud "$date" +%s) - $(date +%s) + 1800) / 3600))
}

@test "TZ is a zone's name or rule, and no path of a file" {
  local zone want
  TZ=JST-9 send a x
  (($(hours) == 9)) || fail "$(hours)"
  rm "$D/m/a"
  # What it is where nothing was chosen.
  env -u TZ "$LMTPD" "${OPTIONS[@]}" <"$D/in" >/dev/null 2>&1
  want=$(hours)
  for zone in {,:,::}/usr/share/zoneinfo/Asia/Tokyo {..,Asia/..}/zoneinfo/Asia/Tokyo \
    'JST -9' "<$(printf '%064d' 0 | tr 0 Z)>-9"; do
    rm "$D/m/a"
    TZ=$zone send a x
    (($(hours) == want)) || fail "$zone: $(hours), not $want"
  done
}

@test "the date of the From_ line is now, on a clock in TZ" {
  local zone date
  for zone in Asia/Tokyo :America/Los_Angeles UTC+7 UTC; do
    TZ=$zone send a x
    date=$(sed -n '1s/^From [^ ]* //p' "$D/m/a")
    (($(TZ=$zone date -d "$date" +%s) - $(date +%s) < 10)) || fail "$zone: $date"
    (($(date +%s) - $(TZ=$zone date -d "$date" +%s) < 10)) || fail "$zone: $date"
    # asctime(3) has a blank where the day has one digit.
    [[ $date =~ ^[A-Z][a-z]{2}\ [A-Z][a-z]{2}\ [\ 1-3][0-9]\ [0-9:]{8}\ 20[0-9]{2}$ ]] ||
      fail "$date"
    rm "$D/m/a"
  done
}

@test "zones are where the system has them, whatever the environment says" {
  local zone date
  # Nine hours, as tzfile(5) has them.
  { printf 'TZif'
    printf '\0%.0s' {1..35}
    printf '\001\0\0\0\004\0\0\x7e\x90\0\0XYZ\0'
  } >"$D/Here"
  [[ $(TZ=$D/Here date +%z) == +0900 ]]
  for zone in Here "$D/Here" ":$D/Here"; do
    TZDIR=$D TZ=$zone send a x
    date=$(sed -n 's/^From sender@from.example //p' "$D/m/a")
    (($(TZ=UTC date -d "$date" +%s) - $(date +%s) < 10)) || fail "$zone: $date"
    rm "$D/m/a"
  done
}

# ends_in WAS WANT: a mailbox that was WAS and gets a message begins so then.
ends_in() {
  printf %b "$1" >"$D/m/a"
  send a late
  codes 220 250 250 250 354 250 221
  body "$D/m/a"
  same "$D/body" "${2}From sender@from.example DATE\nlate\n\n"
}

@test "what is missing at the end: a line end, a blank line, or nothing" {
  ends_in '' ''
  ends_in 'x' 'x\n\n'
  ends_in 'x\n' 'x\n\n'
  ends_in 'x\n\n' 'x\n\n'
  ends_in 'x\n\n\n' 'x\n\n\n'
  ends_in '\n\n' '\n\n'
  ends_in '\nx' '\nx\n\n'
}

@test "-f makes no difference to an mbox" {
  also -f
  send a+x y
  [[ $(find "$D/m" -mindepth 1) == "$D/m/a" ]]
}

@test "a mailbox made for a delivery that fails stays, empty" {
  also -q 20
  send a "$(printf '%0100d' 0)"
  codes 220 250 250 250 354 '452 4.2.2' 221
  [[ -f $D/m/a && ! -s $D/m/a ]]
}

@test "a limit of messages does not count, nor is it said" {
  also -q 0,1
  send a x
  send a y
  codes 220 250 250 250 354 250 221
  (($(grep -c '^From ' "$D/m/a") == 2))
  [[ $("$LMTPD" -c "${OPTIONS[@]}" a | cut -f 5) == "$(stat -c %s "$D/m/a")/-" ]]
}

# said ADDRESS: what -c says in its second field.
said() {
  "$LMTPD" -c "${OPTIONS[@]}" "$1" 2>"$D/log" | cut -f 2
}

@test "-c takes no link, pipe or directory for a mailbox" {
  local kind
  echo untouched >"$D/other"
  ln -s "$D/other" "$D/m/symlink"
  ln -s "$D/nowhere" "$D/m/dangling"
  ln "$D/other" "$D/m/hardlink"
  mkfifo "$D/m/pipe"
  mkdir "$D/m/directory"
  for kind in symlink dangling hardlink pipe directory; do
    [[ $(said "$kind") == '451 4.2.0 '* ]] || fail "$kind: $(said "$kind")"
    logged "$D/m/$kind "
    send "$kind" x
    codes 220 250 250 250 354 '451 4.2.0' 221
  done
}

@test "-c asks whether mailbox and dotlock can be made, and the mailbox written" {
  local list
  send a x
  chmod 500 "$D/m"
  for list in dotlock fcntl,dotlock dotlock,flock; do
    with -U any -d "mbox:$D/m/%n" -k "$list"
    [[ $(said a) == '451 4.3.0 '* ]] || fail "$list: $(said a)"
    logged "$D/m"
    send a x
    codes 220 250 250 250 354 '451 4.3.0' 221
  done
  for list in fcntl flock,fcntl; do
    with -U any -d "mbox:$D/m/%n" -k "$list"
    [[ $(said a) == ok ]] || fail "$list: $(said a)"
    [[ $(said new) == '451 4.3.0 '* ]] || fail "$list: $(said new)"
    send a x
    codes 220 250 250 250 354 250 221
  done
  chmod 400 "$D/m/a"
  [[ $(said a) == '451 4.3.0 '* ]]
  chmod 200 "$D/m/a"
  [[ $(said a) == '451 4.3.0 '* ]]
  chmod 700 "$D/m"
}

@test "-c leaves an mbox as it is, and no lock" {
  send a x
  touch -d '2020-01-01 00:00' "$D/m/a"
  stat -c '%X %Y %s' "$D/m/a" >"$D/before"
  [[ $(said a) == ok ]]
  [[ $(said b) == ok ]]
  stat -c '%X %Y %s' "$D/m/a" | cmp - "$D/before"
  [[ $(ls -A "$D/m") == a ]]
}

@test "each of several recipients has the same, quoted and without readers' fields" {
  local line
  for line in 'Status: RO' 'X: y'; do
    rm -f "$D/m/"*
    say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA "$line" '' 'From me' . QUIT
    for name in a b; do
      body "$D/m/$name"
      [[ $line == X* ]] || line=
      same "$D/body" "From MAILER-DAEMON DATE\n${line:+$line\n}\n>From me\n\n"
    done
  done
  rm "$D/m/"*
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA 'Status: RO' '' y . QUIT
  cmp <(tail -n 3 "$D/m/a") <(printf '\ny\n\n')
  cmp <(sed 1d "$D/m/a") <(sed 1d "$D/m/b")
}
