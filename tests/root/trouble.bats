#!/usr/bin/env bats
# Disks that are full or read-only, and a user who swaps directories for links
# while root delivers.

load ../test_helper

setup() {
  ((EUID == 0)) || skip 'needs root'
  here "$(mktemp -d /var/lib/lmtpd-trouble.XXXXXX)"
  chmod 755 "$D" "$D/m"
  chown games "$D/m"
  mount -t tmpfs -o size=256k,mode=755,uid="$(id -u games)" tmpfs "$D/m"
  big=$(head -c 400000 /dev/zero | tr '\0' x | fold -w 900)
}

teardown() {
  umount "$D/m"
  sweep
  rm -rf "$D"
}

@test "a full disk is 452 4.3.1, and nothing of the message stays" {
  with -u games -U any -d "maildir:$D/m/%n"
  send a x
  send a "$big"
  codes 220 250 250 250 354 '452 4.3.1' 221
  logged 'reason="write .*No space left'
  (($(count a) == 1))
  with -u games -U any -d "mbox:$D/m/%n.mbox"
  send a x
  cp "$D/m/a.mbox" "$D/before"
  send a "$big"
  codes 220 250 250 250 354 '452 4.3.1' 221
  cmp "$D/before" "$D/m/a.mbox"
}

@test "a full spool is 452 4.3.1 once for each recipient" {
  big=$(head -c 2000000 /dev/zero | tr '\0' x | fold -w 900)
  mkdir "$D/mail"
  chown games "$D/mail"
  with -u games -U any -d "maildir:$D/mail/%n" -T "$D/m"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA "$big" . NOOP QUIT
  codes 220 250 250 250 250 354 '452 4.3.1' '452 4.3.1' 250 221
  [[ ! -e $D/mail/a ]]
}

@test "a read-only file system is 451 4.3.0" {
  with -u games -U any -d "maildir:$D/m/%n"
  send a x
  mount -o remount,ro "$D/m"
  send a x
  codes 220 250 250 250 354 '451 4.3.0' 221
}

@test "a user who swaps directories for links: nothing outside is touched" {
  local swapper
  mount -o remount,size=32m "$D/m"
  mkdir -p "$D/outside/"{cur,new,tmp}
  with -U passwd -d "maildir:$D/m/%n/Maildir"
  install -d -o games "$D/m/games" "$D/m/games/Maildir" \
    "$D/m/games/Maildir/"{cur,new,tmp}
  setpriv --reuid games --regid games --clear-groups /usr/bin/python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None)
os.chdir(sys.argv[1])
for name in "new", "tmp", "":
    os.symlink(os.path.join(sys.argv[2], name), "link" + name)
while True:
    for name in "new", "tmp", "":
        for _ in 1, 2:
            # AT_FDCWD, and RENAME_EXCHANGE: there is no moment without it.
            libc.renameat2(-100, b"Maildir/" + name.encode() if name else b"Maildir",
                -100, b"link" + name.encode(), 2)' "$D/m/games" "$D/outside" 3>&- &
  swapper=$!
  {
    echo 'LHLO c'
    for _ in {1..1000}; do
      printf '%s\n' 'MAIL FROM:<>' 'RCPT TO:<games>' DATA x .
    done
  } >"$D/in"
  "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log"
  kill "$swapper"
  wait "$swapper" || :
  hold "$D/out"
  [[ -z $(find "$D/outside" -type f) ]]
  (($(grep -Ec '^250 2.1.5|^45' "$D/out") == 1000))
  # The swapper may have ended with a directory under its other name.
  (($(find "$D/m/games" -type f -name '*,S=*' | wc -l) ==
    $(grep -c '^250 2.1.5' "$D/out")))
}

@test "without a journal an empty mbox has its directory synced" {
  mkdir -p "$D/m/deep/er"
  chown -R games "$D/m/deep"
  install -o games -m 600 /dev/null "$D/m/deep/er/a"
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . QUIT |
    strace -qq -y -e trace=fsync -o "$D/calls" "$LMTPD" -u games -U any \
      -d "mbox:$D/m/deep/er/%n" >"$D/out"
  hold "$D/out"
  codes 220 250 250 250 354 250 221
  grep -q "fsync(.*<$D/m/deep/er/a>" "$D/calls"
  grep -q "fsync(.*<$D/m/deep/er>" "$D/calls"
}

@test "a Maildir without tmp has its directories synced before it is there" {
  mkdir -p "$D/m/one/box/"{cur,new}
  chown -R games "$D/m/one"
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<one>' DATA x . QUIT |
    strace -qq -y -e trace=fsync,mkdirat -o "$D/calls" "$LMTPD" -u games \
      -U any -d "maildir:$D/m/%n/box" >"$D/out"
  hold "$D/out"
  codes 220 250 250 250 354 250 221
  grep -n "fsync(.*<$D/m/one/box>" "$D/calls"
  grep -n "fsync(.*<$D/m/one>" "$D/calls"
  [[ $(grep -n 'mkdirat(.*tmp' "$D/calls" | cut -d : -f 1) -gt \
    $(grep -n "fsync(.*<$D/m/one/box>" "$D/calls" | cut -d : -f 1) ]]
}

@test "a large message waits in /var/tmp, in a file without a name" {
  local waits
  with -u games -U any -d "maildir:$D/m/%n"
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA
  hear 250 250 250 250 354
  yes "$(printf '%070d\r' 0)" | head -c 2160000 >&"$TO"
  deaf
  waits=$(find "/proc/$SESSION/fd" -lname '/var/tmp/*' -printf '%l\n')
  [[ $waits == '/var/tmp/'*' (deleted)' ]] || fail "$(ls -l "/proc/$SESSION/fd")"
  tell '' .
  # The disk of the mailboxes is too small for it; that is not the question.
  hear 452 452
  finish
}

@test "an mbox that is append-only is refused before anything is added to it" {
  umount "$D/m"
  with -u games -U any -d "mbox:$D/m/%n"
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  cp "$D/m/a" "$D/before"
  chattr +a "$D/m/a" || skip 'no such attribute here'
  send a x
  STATUS=0
  "$LMTPD" -c "${OPTIONS[@]}" a >"$D/check" 2>&1 || STATUS=$?
  chattr -a "$D/m/a"
  mount -t tmpfs tmpfs "$D/m"
  codes 220 250 250 250 354 '451 4.2.0' 221
  logged 'is append-only'
  cut -f 2 "$D/check" | grep -q '^451 4.2.0' || fail "$(cat "$D/check")"
  umount "$D/m"
  cmp "$D/before" "$D/m/a"
  mount -t tmpfs tmpfs "$D/m"
}
