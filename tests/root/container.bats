#!/usr/bin/env bats
# What a container is to lmtpd, without an engine: process 1, no /dev/log, no
# passwd, a root that is read-only, a user namespace, an old seccomp profile.

load ../test_helper

setup() {
  ((EUID == 0)) || skip 'needs root'
  here "$(mktemp -d /var/lib/lmtpd-container.XXXXXX)"
  chmod 755 "$D"
  chown 12345:12345 "$D/m"
  with -u 12345:12345 -U any -d "maildir:$D/m/%n"
}

teardown() {
  umount "$D/m" 2>/dev/null || :
  sweep
  rm -rf "$D"
}

# contained SCRIPT [OPTION ...]: a session in namespaces of its own, whose
# mounts SCRIPT changes; $1 and what follows is lmtpd.
contained() {
  local script=$1
  shift
  unshare --mount --pid --fork --mount-proc --uts sh -ec "hostname same
    $script
    exec \"\$@\"" sh "$@" "$LMTPD" "${OPTIONS[@]}" \
    <"$D/in" >"$D/out" 2>"$D/log"
  hold "$D/out"
}

# message SUBJECT: a session with one.
message() {
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<s@c>' 'RCPT TO:<a>' DATA \
    "Subject: $1" '' text . QUIT >"$D/in"
}

@test 'three of one host name and pid: nothing is lost, no lock broken' {
  local kind i who
  for i in $(seq 25); do
    printf '%s\r\n' 'MAIL FROM:<s@c>' 'RCPT TO:<a>' DATA "Subject: $i" '' x .
  done >"$D/messages"
  { printf 'LHLO c\r\n' && cat "$D/messages" && printf 'QUIT\r\n'; } >"$D/in"
  for kind in maildir mbox; do
    with -e -u 12345:12345 -U any -d "$kind:$D/m/%n.$kind" -k dotlock
    [[ $kind == mbox ]] || OPTIONS=("${OPTIONS[@]/dotlock/fcntl}")
    for who in 1 2 3; do
      unshare --pid --fork --mount-proc --uts sh -ec 'hostname same; exec "$@"' \
        sh "$LMTPD" "${OPTIONS[@]}" \
        <"$D/in" >"$D/out.$who" 2>"$D/log.$who" 3>&- &
    done
    wait
    for who in 1 2 3; do
      grep -q ' messages=25 delivered=25 ' "$D/log.$who" ||
        fail "$kind: $(cat "$D/log.$who")"
      grep -q '^lmtpd\[1\]: ' "$D/log.$who" || fail 'is not process 1'
      ! grep 'broke the' "$D/log.$who" || fail "$kind: a lock was broken"
    done
  done
  (($(find "$D/m/a.maildir/new" -type f | wc -l) == 75)) || fail 'Maildir'
  (($(grep -c '^Subject: ' "$D/m/a.mbox") == 75)) || fail 'mbox'
  (($(grep -c '^From ' "$D/m/a.mbox") == 75)) || fail 'mbox is torn'
}

@test 'process 1 ends by SIGTERM' {
  local pid
  mkfifo "$D/hold"
  unshare --pid --fork --mount-proc "$LMTPD" -e "${OPTIONS[@]}" \
    <"$D/hold" >"$D/out" 2>"$D/log" 3>&- &
  exec {hold}>"$D/hold"
  await grep -q '^220 ' "$D/out"
  pid=$(pgrep --parent $!)
  kill -TERM "$pid"
  await test ! -e "/proc/$pid"
  exec {hold}>&-
  grep -q '^421 4\.3\.2 ' "$D/out" || fail "$(cat "$D/out")"
}

@test 'no /dev/log: the log is on standard error' {
  message one
  contained 'mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3'
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged 'to=<a> status=delivered'
}

@test 'no /dev/log, and standard error is the client: it gets replies alone' {
  message one
  unshare --mount sh -ec 'mount -t tmpfs tmpfs /dev
    mknod -m 666 /dev/null c 1 3; exec "$@"' sh \
    "$LMTPD" "${OPTIONS[@]}" <"$D/in" 2>&1 | cat >"$D/out"
  hold "$D/out"
  codes 220 250 250 250 354 '250 2.1.5' 221
}

@test 'no /dev/null, as in a bare chroot: the client hears so at once' {
  message one
  contained 'mount -t tmpfs tmpfs /dev' || :
  replied '^421 4\.3\.5 cannot start: open /dev/null: No such file'
}

@test 'no passwd, a read-only root, no /proc: a number for -u will do' {
  message one
  contained "mkdir $D/empty
    mount -t tmpfs tmpfs /dev
    mknod -m 666 /dev/null c 1 3
    mount --bind $D/empty /etc
    mount --bind $D/m $D/m
    mount -o remount,ro,bind /
    umount -l /proc"
  codes 220 250 250 250 354 '250 2.1.5' 221
  [[ $(stat -c %u "$(only a)") == 12345 ]] || fail 'owner'
}

@test 'a read-only root without a place to wait: -c says so, and 451 or 452' {
  local big
  big=$(head -c 2000000 /dev/zero | tr '\0' x | fold -w 900)
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA \
    "$big" . QUIT >"$D/in"
  mkdir -m 1777 "$D/waits"
  also -T "$D/waits"
  contained "mount --bind $D/m $D/m && mount --bind $D/waits $D/waits &&
    mount -o remount,ro,bind $D/waits"
  codes 220 250 250 250 250 354 '451 4.3.0' '451 4.3.0' 221
  logged "reason=.*$D/waits.*Read-only file system"
  unshare --mount sh -ec "mount --bind $D/waits $D/waits
    mount -o remount,ro,bind $D/waits; exec \"\$@\"" sh \
    "$LMTPD" -e -c "${OPTIONS[@]}" a >"$D/out" 2>"$D/log" || :
  logged "$D/waits: Read-only file system"
  # The same with a tmpfs there.
  contained "mount -t tmpfs -o mode=1777 tmpfs $D/waits"
  codes 220 250 250 250 250 354 '250 2.1.5' '250 2.1.5' 221
}

@test 'a user namespace without setgroups: its root is one who can write' {
  message one
  with -u 0:0 -U any -d "maildir:$D/m/%n"
  setpriv --reuid 12345 --regid 12345 --clear-groups \
    unshare --user --map-root-user --pid --fork "$LMTPD" -e "${OPTIONS[@]}" \
    <"$D/in" >"$D/out" 2>"$D/log"
  hold "$D/out"
  codes 220 250 250 250 354 '250 2.1.5' 221
  [[ $(stat -c %u "$(only a)") == 12345 ]] || fail 'owner'
}

@test 'an old seccomp profile: Maildir, mbox, a large message, a folder' {
  local kind
  "$TESTS/old-seccomp" true || skip 'not for this machine'
  for kind in maildir mbox; do
    with -e -u 12345:12345 -U any -d "$kind:$D/m/%n.$kind"
    printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA \
      "$(head -c 2000000 /dev/zero | tr '\0' x | fold -w 900)" . QUIT >"$D/in"
    "$TESTS/old-seccomp" "$LMTPD" "${OPTIONS[@]}" \
      <"$D/in" >"$D/out" 2>"$D/log"
    hold "$D/out"
    codes 220 250 250 250 250 354 '250 2.1.5' '250 2.1.5' 221
  done
  unlogged 'cannot|not permitted'
}

@test 'an old seccomp profile: -c says what a delivery does' {
  local kind
  "$TESTS/old-seccomp" true || skip 'not for this machine'
  printf 'a:x:12345:12345\nb:x:12345:12345\n' >"$D/users"
  for kind in maildir mbox; do
    with -U "file:$D/users" -d "$kind:$D/m/%n.$kind"
    "$TESTS/old-seccomp" "$LMTPD" "${OPTIONS[@]}" \
      < <(printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . QUIT) \
      >/dev/null 2>&1
    # One that is there, and one that can be made.
    "$TESTS/old-seccomp" "$LMTPD" -c "${OPTIONS[@]}" a b >"$D/out" ||
      fail "$(cat "$D/out")"
  done
  # Whoever may write by a group, the user's own or another.
  chown root:mail "$D/m"
  sed -E 's/^(mail:.*)$/\1,games/; s/:,games/:games/' /etc/group >"$D/group"
  for kind in 750=1 770=0; do
    chmod "${kind%=*}" "$D/m"
    printf 'b:x:12345:%d\n' "$(stat -c %g "$D/m")" >"$D/users"
    run -"${kind#*=}" "$TESTS/old-seccomp" "$LMTPD" -c -U "file:$D/users" \
      -d "maildir:$D/m/%n" b
    run -"${kind#*=}" unshare --mount sh -ec "mount --bind $D/group /etc/group
      exec $TESTS/old-seccomp $LMTPD -c -d maildir:$D/m/%n games"
  done
  chmod 775 "$D/m"
  sed -E 's/^(news:.*)$/\1,games/; s/:,games/:games/' /etc/group >"$D/group"
  run -1 unshare --mount sh -ec "mount --bind $D/group /etc/group
    exec $TESTS/old-seccomp $LMTPD -c -d maildir:$D/m/%n games"
  chmod 755 "$D/m"
}

@test 'an old seccomp profile, /proc or not: descriptors left open are closed' {
  local proc both from status program=$LMTPD
  "$TESTS/old-seccomp" true || skip 'not for this machine'
  mkfifo "$D/left"
  for proc in : 'umount -l /proc'; do
    printf '#!/bin/sh\nexec unshare --mount sh -ec %s sh "$@"\n' \
      "'$proc; exec $TESTS/old-seccomp $program \"\$@\"'" >"$D/old"
    chmod 755 "$D/old"
    LMTPD=$D/old
    exec {both}<>"$D/left"
    exec {from}<"$D/left"
    exec 9>"$D/left" {both}>&-
    begin
    exec 9>&-
    hear 220
    status=0
    IFS= read -r -t 5 <&"$from" || status=$?
    ((status == 1)) || fail "$proc: somebody holds it: $status"
    exec {from}<&-
    tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . QUIT
    hear 250 250 250 354 '250 2.1.5' 221
    finish
  done
}

@test "a host without a name, or with one that is none, is localhost" {
  local name
  message one
  for name in '' '(none)' 'two words' 'a;b' 'a"b' 'grün' 'a,S=1'; do
    unshare --uts sh -ec 'echo "$1" >/proc/sys/kernel/hostname
      shift; exec "$@"' sh "$name" "$LMTPD" -e "${OPTIONS[@]}" \
      <"$D/in" >"$D/out" 2>"$D/log"
    hold "$D/out"
    codes 220 250 250 250 354 '250 2.1.5' 221
    [[ ${REPLIES[0]} == '220 localhost '* && ${REPLIES[1]} == 250-localhost ]] ||
      fail "$name"
    text a | grep -Pq '^\tby localhost with LMTP ' || fail "$name: $(text a)"
    [[ $(only a) == *.localhost,S=* ]] || fail "$name: $(only a)"
    rm -r "$D/m/a"
  done
}

# syncs SCRIPT: how many a message to twenty makes in a container that SCRIPT
# changes.
syncs() {
  unshare --mount --pid --fork --mount-proc sh -ec "$1
    exec \"\$@\"" sh strace -qq -e trace=fsync -o "$D/calls" \
    "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log"
  (($(grep -c '^250 2\.1\.5 ' "$D/out") == 20)) || fail "$(cat "$D/out")"
  wc -l <"$D/calls"
}

@test "a journal is seen from within a container: one sync for a group" {
  local i name hide
  truncate -s 64M "$D/image"
  mkfs.ext4 -q "$D/image" && mount -o loop "$D/image" "$D/m" ||
    skip 'no ext4 here'
  chown 12345:12345 "$D/m"
  name=$(findmnt -no SOURCE "$D/m")
  name=${name##*/}
  { printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>'
    for i in {1..20}; do
      printf 'RCPT TO:<u%d>\r\n' "$i"
    done
    printf '%s\r\n' DATA x . QUIT; } >"$D/in"
  # The first one makes the Maildirs.
  syncs :
  (($(syncs :) <= 2)) || fail "a journal's task in another namespace"
  # Where the names of devices are hidden all that are there must have one.
  mkdir -p "$D/ext4/"{features,"$name"}
  hide="mount -t tmpfs tmpfs /sys/dev/block
    mount --bind /sys/fs/ext4/$name $D/ext4/$name
    mount --rbind $D/ext4 /sys/fs/ext4"
  (($(syncs "$hide") <= 2)) || fail 'names are hidden'
  mkdir "$D/ext4/other"
  echo '<none>' >"$D/ext4/other/journal_task"
  (($(syncs "$hide") >= 20)) || fail 'another has none'
}
