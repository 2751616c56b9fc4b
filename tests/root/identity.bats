#!/usr/bin/env bats
# As whom: the recipient, and what root lends it in the directory of mail.

load ../test_helper

setup() {
  ((EUID == 0)) || skip 'needs root'
  # Below no directory that others may write to, or root lends nothing.
  here "$(mktemp -d /var/lib/lmtpd-identity.XXXXXX)"
  chmod 755 "$D" "$D/m"
  with -U passwd -d "mbox:$D/m/%n"
}

teardown() {
  sweep
  rm -rf "$D"
}

owned() {
  [[ $(stat -c %U:%G:%a "$1") == "$2" ]] || fail "$(stat -c '%n %U:%G:%a' "$1")"
}

@test "the default, /var/mail 2775 root:mail" {
  [[ ! -e /var/mail/games ]] || skip 'games has mail'
  with -U passwd
  send games x
  codes 220 250 250 250 354 '250 2.1.5' 221
  owned /var/mail/games games:mail:600
  rm /var/mail/games
}

@test "a directory of a group that others may not enter: its quota at RCPT" {
  chgrp mail "$D/m"
  chmod 2770 "$D/m"
  with -U passwd -d "mbox:$D/m/%n" -q 1K
  send games x
  say 'LHLO c' 'MAIL FROM:<> SIZE=1000' 'RCPT TO:<games>' QUIT
  codes 220 250 250 '452 4.2.2' 221
}

@test "writable by root alone: root makes file and lock, and gives the file away" {
  send games x
  send games y
  codes 220 250 250 250 354 '250 2.1.5' 221
  owned "$D/m/games" "games:$(id -gn games):600"
  (($(grep -c '^From ' "$D/m/games") == 2))
}

@test "world-writable with the sticky bit: the recipient alone" {
  chmod 1777 "$D/m"
  send games x
  codes 220 250 250 250 354 '250 2.1.5' 221
  owned "$D/m/games" "games:$(id -gn games):600"
}

@test "a directory that a user controls gets nothing from root" {
  chown daemon "$D/m"
  send games x
  codes 220 250 250 250 354 '451 4.3.0' 221
  chown root "$D/m"
  chmod 757 "$D"
  send games x
  codes 220 250 250 250 354 '451 4.3.0' 221
  [[ ! -e $D/m/games ]]
}

@test "a mailbox of another, and links to one, are 451 4.2.0" {
  echo untouched >"$D/m/games"
  send games x
  codes 220 250 250 250 354 '451 4.2.0' 221
  logged 'belongs to uid [0-9]+, not to [0-9]+'
  ln -s games "$D/m/man"
  send man x
  codes 220 250 250 250 354 '451 4.2.0' 221
  same "$D/m/games" 'untouched\n'
}

@test "several recipients, each as itself; one's trouble is its own" {
  mkdir "$D/m/daemon"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' 'RCPT TO:<daemon>' \
    'RCPT TO:<man>' 'RCPT TO:<root>' 'RCPT TO:<nosuch>' DATA x . QUIT
  codes 220 250 250 250 250 250 250 '550 5.1.1' 354 \
    '250 2.1.5' '451 4.2.0' '250 2.1.5' '250 2.1.5' 221
  owned "$D/m/games" "games:$(id -gn games):600"
  owned "$D/m/man" "man:$(id -gn man):600"
  owned "$D/m/root" root:root:600
}

@test "never as root but root's own: passwd-file and dir say 451 4.3.5" {
  printf 'a:x:0:0::%s/m/a::\n' "$D" >"$D/users"
  with -U "file:$D/users" -d "maildir:~/Maildir"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' QUIT
  codes 220 250 250 '451 4.3.5' 221
  mkdir -p "$D/m/b/cur"
  with -U dir -d "maildir:$D/m/%n"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<b>' QUIT
  codes 220 250 250 '451 4.3.5' 221
  with -U any -d "maildir:$D/m/%n"
  say 'LHLO c'
  exits 64
  codes '421 4.3.5'
}

@test "never as a user whose id is minus one, which would be root" {
  mkdir "$D/home"
  printf 'minus:x:4294967295:1000::%s/home:/bin/sh\n' "$D" >"$D/passwd"
  with -U passwd -d "maildir:~/Maildir"
  printf '#!/bin/sh\nexec unshare --mount sh -c %s sh "$@"\n' \
    "'mount --bind $D/passwd /etc/passwd && exec $LMTPD \"\$@\"'" \
    >"$D/other"
  chmod 755 "$D/other"
  LMTPD=$D/other
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<minus>' QUIT
  codes 220 250 250 '451 4.3.5' 221
  with -u minus -U any -d "maildir:$D/m/%n"
  say 'LHLO c'
  codes '421 4.3.5'
}

@test "a user's group opens what its gid does not" {
  install -d -m 750 -o root -g mail "$D/closed"
  install -d -m 700 -o games "$D/closed/games"
  with -U passwd -d "maildir:$D/closed/%n/Maildir"
  send games x
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "search permission in $D/closed"
  usermod -aG mail games
  send games x
  gpasswd -d games mail
  codes 220 250 250 250 354 '250 2.1.5' 221
}

@test "nobody may signal it while it writes as that user" {
  chmod 1777 "$D/m"
  send games x
  lock fcntl "$D/m/games"
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' DATA x .
  hear 250 250 250 354
  deaf
  ! setpriv --reuid games --regid games --clear-groups \
    kill -KILL "$SESSION" 2>/dev/null || fail 'was killed'
  unlock
  hear '250 2.1.5'
  finish
}

@test "-u is for good" {
  chown games "$D/m"
  with -u games -U any -d "maildir:$D/m/%n"
  begin
  hear 220
  grep -Eq "^Uid:(	$(id -u games)){4}$" "/proc/$SESSION/status"
  finish
}

@test "a copy that is set-group-ID is refused" {
  install -g mail -m 2755 "$LMTPD" "$D/lmtpd"
  STATUS=0
  # shellcheck disable=SC2034 # exits looks at it
  setpriv --reuid nobody --regid nogroup --clear-groups "$D/lmtpd" -U any \
    -d "mbox:$D/m/%n" </dev/null >"$D/out" 2>"$D/log" || STATUS=$?
  exits 64
  hold "$D/out"
  codes '421 4.3.5'
}
