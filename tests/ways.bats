#!/usr/bin/env bats
# A call that a file system or an old kernel does not have has another way;
# strace lets each of them fail.

load test_helper

setup() {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  base
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<s@x>' 'RCPT TO:<a>' DATA 'X: y' '' z . QUIT >"$D/in"
}

teardown() {
  rm -rf "${FAR:-$D/none}"
  sweep
}

# lacking FORMAT INJECTION...: a message to a mailbox that exists, while calls
# fail so.
lacking() {
  local format=$1 each=()
  shift
  with -U any -d "$format:$D/m/%n" -x none
  rm -rf "${D:?}/m/"*
  send a 'X: y' '' z
  each=("${@/#/--inject=}")
  strace -qq -o "$D/calls" "${each[@]}" "$LMTPD" -e -H test.example \
    "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log"
  hold "$D/out"
  grep -q INJECTED "$D/calls" || fail "is not called: $*"
}
# served FORMAT ERRNOS CALLS...: with each errno there are two messages in the
# end, and nothing else beside them.
served() {
  local format=$1 errnos=$2 err
  shift 2
  for err in $errnos; do
    lacking "$format" "${@/%/:error=$err}"
    codes 220 250 250 250 354 '250 2.1.5' 221
    if [[ $format == maildir ]]; then
      (($(count a) == 2))
      [[ -z $(ls -A "$D/m/a/tmp") ]]
      (($(cat "$D/m/a/new/"* | grep -c '^z$') == 2))
    else
      [[ $(ls -A "$D/m") == a ]] || fail "$(ls -A "$D/m")"
      (($(grep -c '^z$' "$D/m/a") == 2))
      [[ $(tail -n 1 "$D/m/a") == '' ]]
    fi
  done
}

@test "maildir: without renameat2, without links" {
  served maildir 'EINVAL ENOSYS EPERM EOPNOTSUPP' renameat2
  served maildir 'EINVAL ENOSYS EPERM EOPNOTSUPP' renameat2 link,linkat
  # AFS has links within one directory alone, and renames to others.
  lacking maildir renameat2:error=EINVAL link,linkat:error=EXDEV
  codes 220 250 250 250 354 '250 2.1.5' 221
  (($(count a) == 2))
  [[ -z $(ls -A "$D/m/a/tmp") ]]
  # One that is full of links has no more; and what is missing is asked once.
  lacking maildir renameat2:error=EINVAL link,linkat:error=EMLINK
  codes 220 250 250 250 354 '250 2.1.5' 221
  (($(count a) == 2))
  rm -rf "${D:?}/m/"*
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<s@x>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA x . QUIT >"$D/in"
  strace -qq -o "$D/calls" --inject=renameat2:error=EINVAL "$LMTPD" -e "${OPTIONS[@]}" \
    <"$D/in" >"$D/out" 2>"$D/log"
  hold "$D/out"
  codes 220 250 250 250 250 354 '250 2.1.5' '250 2.1.5' 221
  (($(grep -c '^renameat2(' "$D/calls") == 1 && $(grep -c '^linkat(.* = 0$' "$D/calls") == 2)) ||
    fail "$(cat "$D/calls")"
}

# lost COMMAND: a message to a, whose rename fails a second after COMMAND began
# to run with the file's name in tmp/ and the one that it is to have.
lost() {
  local tmp
  with -U any -d "maildir:$D/m/%n" -x none
  rm -rf "${D:?}/m/"*
  send a x
  rm "$D/m/a/new/"*
  strace -D -qq -o /dev/null --inject=renameat2:error=EIO:delay_enter=1000000 \
    "$LMTPD" -e -H h "${OPTIONS[@]}" <"$D/late" >"$D/out" 2>"$D/log" 3>&- &
  SESSION=$!
  await held_up
  tmp=$(ls "$D/m/a/tmp")
  "$1" "$D/m/a/tmp/$tmp" "$D/m/a/new/$tmp,S=$(stat -c %s "$D/m/a/tmp/$tmp"),W=5"
  wait "$SESSION"
  SESSION=
  hold "$D/out"
  [[ -z $(ls -A "$D/m/a/tmp") ]]
  (($(count a) == 1))
}

@test "maildir: a rename that was done, though it is said to have failed, is one" {
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<s@x>' 'RCPT TO:<a>' DATA xyz . QUIT >"$D/late"
  lost ln
  codes 220 250 250 250 354 '250 2.1.5' 221
  # Another file of that name is not the message.
  lost cp
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged 'reason="rename .*(Input/output|I/O) error'
}

# groups: so many messages were written before each time that some were named.
groups() {
  sed -nE 's/^(openat\(.*O_CREAT\|O_EXCL.*, 0[0-9]+\) = [0-9]+|renameat2\().*/\1/p' "$D/calls" |
    cut -c 1 | uniq -c | sed -n 's/ *\([0-9]*\) o/\1/p' | paste -sd ' '
}

@test "groups: 128, or 16 with syncs of their own; 64 MiB; as descriptors allow" {
  local program=$LMTPD fs n files want
  send a x
  while read -r fs n files want; do
    LMTPD=$program
    unkind "UNKIND_FS=$fs"
    with -U any -d "maildir:$D/m/%n" -x none
    { printf '%s\r\n' 'LHLO c' 'MAIL FROM:<s@x>'
      for ((; n > 0; n--)); do
        printf 'RCPT TO:<a>\r\n'
      done
      printf '%s\r\n' DATA x . QUIT
    } >"$D/in"
    (ulimit -n "$files" && strace -qq -e trace=openat,renameat2 -o "$D/calls" "$LMTPD" -e \
      "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log")
    [[ $(groups) == "$want" ]] || fail "$fs $files: $(groups)"
  done <<END
0x58465342 130 300 128 2
0x6969 34 300 16 16 2
0x58465342 26 40 12 12 2
0x58465342 3 18 1 1 1
END
  # Three of 21.5 MiB are more than 64.
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<s@x>' 'RCPT TO:<a>' 'RCPT TO:<a>' 'RCPT TO:<a>' \
    DATA x '' >"$D/in"
  head -c 22544384 /dev/zero | tr '\0' q | fold -w 900 | sed 's/$/\r/' >>"$D/in"
  printf '\r\n.\r\nQUIT\r\n' >>"$D/in"
  strace -qq -e trace=openat,renameat2 -o "$D/calls" "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" \
    >"$D/out" 2>"$D/log"
  [[ $(groups) == '2 1' ]] || fail "$(groups)"
  # For one alone each 8 MiB are written out while the next come.
  sed '3,4d' "$D/in" | head -c 17500000 >"$D/one"
  printf '\r\n.\r\nQUIT\r\n' >>"$D/one"
  strace -qq -e trace=sync_file_range -o "$D/calls" "$LMTPD" -e "${OPTIONS[@]}" <"$D/one" \
    >"$D/out" 2>"$D/log"
  (($(grep -vc WAIT "$D/calls") == 2)) || fail "$(cat "$D/calls")"
  rm -r "$D/m/a"
}

@test "maildir: a refusal is one" {
  local pair
  for pair in EXDEV='451 4.3.0' EIO='451 4.3.0' ENOSPC='452 4.3.1' EDQUOT='452 4.2.2'; do
    lacking maildir "rename,renameat,renameat2,link,linkat:error=${pair%=*}"
    codes 220 250 250 250 354 "${pair#*=}" 221
    logged 'reason="rename '
    (($(find "$D/m" -type f | wc -l) == 1))
  done
}

@test "maildir: a directory that cannot be synced, a write-out that cannot be begun" {
  # The first sync is that of the message itself.
  served maildir 'EINVAL EOPNOTSUPP' sync_file_range fsync:when=2
}

@test "mbox: without links a dotlock is made in its place" {
  served mbox 'EPERM EINVAL ENOSYS EOPNOTSUPP EMLINK' link,linkat
}

@test "mbox: times that cannot be set are no failure" {
  served mbox 'EPERM EINVAL ENOSYS EACCES EROFS' utimensat,futimesat,utimes
}

# large: a client with one, in $D/large.
large() {
  sed '/^z/,$d' "$D/in"
  head -c 1500000 /dev/zero | tr '\0' q | fold -w 70 | sed 's/$/\r/'
  printf '\r\n.\r\nQUIT\r\n'
} >"$D/large"

@test "a large message where each file has a name" {
  local n
  large
  mkdir "$D/spool"
  with -U any -d "mbox:$D/m/%n" -T "$D/spool"
  strace -qq -e trace=openat -o "$D/calls" "$LMTPD" -e "${OPTIONS[@]}" <"$D/large" \
    >"$D/out" 2>"$D/log"
  n=$(sed '/O_TMPFILE/q' "$D/calls" | grep -c ^openat)
  strace -qq -e trace=openat,unlink,unlinkat -o "$D/calls" \
    --inject="openat:error=EOPNOTSUPP:when=$n" "$LMTPD" -e "${OPTIONS[@]}" <"$D/large" \
    >"$D/out" 2>"$D/log"
  hold "$D/out"
  codes 220 250 250 250 354 '250 2.1.5' 221
  [[ $(grep -c '^From ' "$D/m/a") == 2 ]]
  # A name that cannot be taken away is no place for it.
  strace -qq -e trace=openat,unlink,unlinkat -o "$D/calls" \
    --inject="openat:error=EOPNOTSUPP:when=$n" --inject=unlink,unlinkat:error=EIO:when=1 \
    "$LMTPD" -e "${OPTIONS[@]}" <"$D/large" >"$D/out" 2>"$D/log"
  hold "$D/out"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=\"create a file in $D/spool: "
  (($(find "$D/spool" -type f | wc -l) == 1))
}

@test "a large message where a file cannot be copied by the kernel" {
  local err format n last
  large
  for format in maildir mbox; do
    for err in EXDEV EINVAL ENOSYS EINTR; do
      with -U any -d "$format:$D/m/%n" -x none
      rm -rf "${D:?}/m/"*
      sed 's/^RCPT.*/&\nRCPT TO:<b>\r/' "$D/large" >"$D/two"
      strace -qq -o "$D/calls" --inject="copy_file_range:error=$err" "$LMTPD" -e \
        "${OPTIONS[@]}" <"$D/two" >"$D/out" 2>"$D/log"
      hold "$D/out"
      codes 220 250 250 250 250 354 250 250 221
      # For an mbox each line is looked at.
      if [[ $format == maildir ]]; then
        grep -q INJECTED "$D/calls"
      fi
      [[ $(find "$D/m" -type f ! -name maildirsize -exec cat {} + |
        tr -cd q | wc -c) == 3000000 ]]
    done
  done
  # Nor is it a failure that a read was interrupted.
  with -U any -d "maildir:$D/m/%n" -x none
  for n in 0 1; do
    rm -rf "${D:?}/m/"*
    strace -qq -o "$D/calls" --inject=copy_file_range:error=EXDEV \
      --inject="pread64:error=EINTR:when=$((n == 0 ? 10000 : last + 1))" \
      "$LMTPD" -e "${OPTIONS[@]}" <"$D/two" >"$D/out" 2>"$D/log"
    last=$(sed '/^copy/q' "$D/calls" | grep -c ^pread64) || :
  done
  grep -q 'EINTR.*INJECTED' "$D/calls" || fail 'not interrupted'
  hold "$D/out"
  codes 220 250 250 250 250 354 250 250 221
  [[ $(cat "$D/m/"*/new/* | tr -cd q | wc -c) == 3000000 ]]
}

@test "recipients are written together, and then named together" {
  local scripts
  # shellcheck disable=SC2016 # no variable of the shell's
  printf 'require "fileinto"; keep; fileinto "INBOX";\n' >"$D/script"
  for scripts in '' "-S $D/script"; do
    # shellcheck disable=SC2086 # there may be two
    with -U any -d "maildir:$D/m/%n" -x none $scripts
    sed 's/^RCPT.*/&\nRCPT TO:<b>\r\nRCPT TO:<c>\r/' "$D/in" >"$D/three"
    for _ in made again; do
      strace -qq -o "$D/calls" "$LMTPD" -e "${OPTIONS[@]}" <"$D/three" >"$D/out" 2>"$D/log"
    done
    hold "$D/out"
    codes 220 250 250 250 250 250 354 250 250 250 221
    [[ $(sed -nE 's/^(openat\(.*O_EXCL.*, 0[0-9]+\) = [0-9]+|renameat2\().*/\1/p' "$D/calls" |
      cut -c 1 | uniq -c | tr -s ' \n' ' ') == ' 3 o 3 r ' ]] || fail "$(cat "$D/calls")"
  done
}

# order: what was done to the three messages a, b and c, and to directories, /,
# until they were answered, 1: written out in the background, w, or waited for,
# W; synced, f; renamed, r; touched, t.
order() {
  awk 'function name(s) { split(s, x, /[(,)]/); return x[2] in of ? of[x[2]] : "/" }
    /^sync_file_range/ && !/WAIT/ { split($0, x, /[(,)]/); of[x[2]] = substr("abc", ++n, 1) }
    /^sync_file_range/ { printf "%s%s ", /WAIT/ ? "W" : "w", name($0) }
    /^fsync/ { printf "f%s ", name($0) }
    /^utimensat/ { printf "t%s ", name($0) }
    /^renameat2/ { printf "r " }
    /^write\(1,/ && n == 3 { print "1"; exit }' "$D/calls"
}

@test "what is made safe before the reply, by what the file system asks" {
  local program=$LMTPD format fs inject before want got third
  FAR=$(mktemp -d /dev/shm/lmtpd.XXXXXX || mktemp -d "$D/XXXXXX")
  sed 's/^RCPT.*/&\nRCPT TO:<b>\r\nRCPT TO:<c>\r/' "$D/in" >"$D/three"
  # Of XFS, NFS and FUSE; with what fails there; in mailboxes that are new or
  # not, or of which the second is on another file system.
  while read -r format fs inject before want; do
    LMTPD=$program
    unkind "UNKIND_FS=$fs"
    with -U any -d "$format:$D/m/%n" -x none
    rm -rf "${D:?}/m/"*
    if [[ $before == far ]]; then
      [[ $(stat -c %d "$FAR") != "$(stat -c %d "$D")" ]] || continue
      ln -s "$FAR" "$D/m/b"
    fi
    [[ $before == new ]] || talk <"$D/three"
    [[ $inject != - ]] || inject=mbind:error=EIO
    strace -qq -e trace=fsync,sync_file_range,utimensat,renameat2,write \
      -o "$D/calls" --inject="$inject" \
      "$LMTPD" -e "${OPTIONS[@]}" <"$D/three" >"$D/out" 2>"$D/log"
    hold "$D/out"
    # Where the sync of the last fails, it alone is undone.
    [[ $inject == *EIO:when=1 ]] && third='451 4.3.0' || third='250 2.1.5'
    codes 220 250 250 250 250 250 354 '250 2.1.5' '250 2.1.5' "$third" 221
    [[ -z $(find "$D/m" "$FAR" -type f ! -newermt 2020-01-01) ]] || fail 'of another time'
    got=$(order)
    [[ $got == "$want" ]] || fail "$format $fs $inject $before: $got"
  done <<END
maildir 0x58465342 - new wa wb wc Wa Wb Wc r r r tc fc 1
maildir 0x58465342 - old wa wb wc Wa Wb Wc r r r tc fc 1
maildir 0x58465342 sync_file_range:error=EINVAL old wa wb wc Wa fa Wb fb Wc fc r r r tc fc 1
maildir 0x58465342 utimensat:error=EPERM old wa wb wc Wa Wb Wc r r r tc f/ fc f/ fb f/ fa 1
maildir 0x58465342 - far wa wb wc Wa Wb Wc r r r tc fc fb 1
maildir 0x58465342 fsync:error=EIO:when=1 old wa wb wc Wa Wb Wc r r r tc fc tb fb 1
maildir 0x6969 - new f/ f/ wa f/ f/ wb f/ f/ wc fa fb fc r r r f/ f/ f/ 1
maildir 0x6969 - old wa wb wc fa fb fc r r r f/ f/ f/ 1
maildir 0x6969 fsync:error=EINVAL:when=4+2 old wa wb wc fa fb fc r r r f/ fc f/ fb f/ fa 1
maildir 0x65735546 - old wa wb wc fa fb fc r r r f/ fc f/ fb f/ fa 1
mbox 0x58465342 - new wa wb wc Wa Wb ta tb tc fc 1
mbox 0x58465342 - old wa wb wc Wa Wb ta tb tc fc 1
mbox 0x58465342 sync_file_range:error=EINVAL old wa wb wc Wa fa Wb fb ta tb tc fc 1
mbox 0x58465342 utimensat:error=EPERM old wa wb wc Wa Wb ta fa tb fb tc fc fc 1
mbox 0x6969 - new wa wb wc ta tb tc fc f/ fb f/ fa f/ 1
mbox 0x6969 - old wa wb wc ta tb tc fc fb fa 1
mbox 0x6969 utimensat:error=EPERM old wa wb wc ta tb tc fc fb fa 1
mbox 0x65735546 - old wa wb wc ta tb tc fc fb fa 1
END
}

@test "what a new Maildir is in is safe, be its first message for a folder" {
  unkind UNKIND_FS=0x6969
  with -U any -F -d "maildir:$D/m/%d/%n"
  sed 's/^RCPT.*/RCPT TO:<a+f@x>\r/' "$D/in" >"$D/folder"
  strace -qq -e trace=openat,fsync -o "$D/calls" \
    "$LMTPD" -e "${OPTIONS[@]}" <"$D/folder" >"$D/out" 2>"$D/log"
  hold "$D/out"
  codes 220 250 250 250 354 '250 2.1.5' 221
  # Two directories by their own paths, all else below the Maildir; no path
  # can be read there, as the process is not dumpable.
  (($(grep -A 1 '^openat(AT_FDCWD' "$D/calls" | grep -c '^fsync.* = 0$') == 2)) ||
    fail "$(cat "$D/calls")"
}

# traced INJECTION...: the session of $D/in, while calls fail so.
traced() {
  strace -qq -o "$D/calls" "${@/#/--inject=}" "$LMTPD" -e -H test.example \
    "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log"
  hold "$D/out"
  (($# <= $(grep -c INJECTED "$D/calls"))) || fail "is not called: $*"
}
# spot REGEX WHAT [AFTER]: that for the first call in $D/calls which matches, and
# is behind the first that matches AFTER.
spot() {
  awk -v want="$1" -v what="$2" -v after="${3-}" '
    { call = $0; sub(/\(.*/, "", call); n[call]++ }
    after != "" { if ($0 ~ after) after = ""; next }
    $0 ~ want { print call ":" what ":when=" n[call]; found = 1; exit }
    END { exit !found }' "$D/calls" || fail "no call is $1" "$(cat "$D/calls")"
}

@test "mbox: what was changed by another is looked at once more" {
  local err n=1
  with -U any -d "mbox:$D/m/%n" -x none
  traced
  rm "$D/m/a"
  traced "$(spot O_APPEND error=EEXIST)"
  codes 220 250 250 250 354 '250 2.1.5' 221
  traced
  cp "$D/calls" "$D/second"
  for err in ENOENT ESTALE EAGAIN; do
    cp "$D/second" "$D/calls"
    traced "$(spot O_APPEND error=$err)"
    codes 220 250 250 250 354 '250 2.1.5' 221
  done
  for err in EACCES EAGAIN; do
    cp "$D/second" "$D/calls"
    traced "$(spot F_SETLK error=$err)"
    codes 220 250 250 250 354 '250 2.1.5' 221
  done
  (($(grep -c '^From ' "$D/m/a") == 7))
  cp "$D/second" "$D/calls"
  traced "$(spot O_APPEND error=ELOOP)"
  codes 220 250 250 250 354 '451 4.2.0' 221
  logged "$D/m/a is a symbolic link"
}

@test "mbox: one that cannot be looked at, or ends before its end, is 451" {
  [[ ${CC-} != *-m32* ]] || skip 'the calls have other names there'
  local look second=''
  with -U any -d "mbox:$D/m/%n" -x none
  traced
  traced
  cp "$D/m/a" "$D/before"
  look=$(spot '^(statx|fstat)\([3-9],' error=EIO)
  traced "$(spot '^pread64\([0-9]+, [^,]*, 2,' retval=0)"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged 'reason="read .*(Input/output|I/O) error'
  unlogged 'may hold'
  cmp "$D/m/a" "$D/before"
  # Of musl there is but one way to look.
  if [[ $look == statx:* ]]; then
    traced "$look"
    codes 220 250 250 250 354 '250 2.1.5' 221
    second=$(spot 'stat' error=EIO '^statx.*INJECTED')
    cp "$D/m/a" "$D/before"
  fi
  traced "$look" ${second:+"$second"}
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged 'reason="fstat .*(Input/output|I/O) error'
  cmp "$D/m/a" "$D/before"
}

@test "mbox: what is not the end any more is not cut off" {
  local size lseek look second=''
  [[ ${CC-} != *-m32* ]] || skip 'lseek has other arguments there'
  with -U any -d "mbox:$D/m/%n" -x none
  traced
  cp "$D/m/a" "$D/before"
  size=$(stat -c %s "$D/m/a")
  also -q $((2 * size - 1))
  traced
  cmp "$D/m/a" "$D/before"
  lseek=$(spot '^lseek.*[0-9], 0, SEEK_CUR' retval)
  look=$(spot '^(statx|fstat)\(' error=EIO '^lseek.*[0-9], 0, SEEK_CUR')
  # Another host has written more, which we do not see yet.
  traced "${lseek/retval/retval=$((2 * size + 7))}"
  codes 220 250 250 250 354 '452 4.2.2' 221
  logged "truncate $D/m/a: Stale"
  logged "$D/m/a may hold a message that was refused"
  (($(stat -c %s "$D/m/a") == 2 * size))
  # Another has cut it already.
  cp "$D/before" "$D/m/a"
  traced "${lseek/retval/retval=$((3 * size))}"
  codes 220 250 250 250 354 '452 4.2.2' 221
  unlogged truncate
  (($(stat -c %s "$D/m/a") == 2 * size))
  # Nobody says how long it is.
  cp "$D/before" "$D/m/a"
  if [[ $look == statx:* ]]; then
    traced "$look"
    cmp "$D/m/a" "$D/before"
    second=$(spot stat error=EIO '^statx.*INJECTED')
  fi
  traced "$look" ${second:+"$second"}
  codes 220 250 250 250 354 '452 4.2.2' 221
  logged "truncate $D/m/a: (Input/output|I/O) error"
  (($(stat -c %s "$D/m/a") == 2 * size))
}

@test "mbox: a close that fails, and a mailbox that cannot be cut then" {
  local close
  with -U any -d "mbox:$D/m/%n" -x none
  traced
  cp "$D/m/a" "$D/before"
  traced
  cp "$D/before" "$D/m/a"
  close=$(spot '^close' error=EIO '^fsync')
  traced "$close"
  codes 220 250 250 250 354 '451 4.3.0' 221
  unlogged truncate
  cmp "$D/m/a" "$D/before"
  # It cannot be had once more, nor be closed.
  traced "$close" "$(spot O_APPEND error=EACCES '^close.*INJECTED')"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "truncate $D/m/a: Permission denied"
  logged "$D/m/a may hold a message that was refused"
  [[ $(grep -c '^z$' "$D/m/a") == 2 ]]
  cp "$D/before" "$D/m/a"
  traced "$close+"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "truncate $D/m/a: (Input/output|I/O) error"
  cmp "$D/m/a" "$D/before"
}

@test "mbox: one that is exchanged when its close fails is another's, and not cut" {
  local close open
  with -U any -d "mbox:$D/m/%n" -x none
  traced
  cp "$D/m/a" "$D/before"
  traced
  close=$(spot '^close' error=EIO '^fsync')
  cp "$D/before" "$D/m/a"
  traced "$close"
  open=$(spot O_APPEND delay_enter=1000000 '^close.*INJECTED')
  strace -D -qq -o /dev/null --inject="$close" --inject="$open" "$LMTPD" -e \
    -H test.example "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log" 3>&- &
  SESSION=$!
  await held_up
  cp "$D/m/a" "$D/new"
  cp "$D/m/a" "$D/wanted"
  mv "$D/new" "$D/m/a"
  wait "$SESSION"
  SESSION=
  hold "$D/out"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "$D/m/a may hold a message that was refused"
  cmp "$D/wanted" "$D/m/a"
}

@test "mbox: times that cannot be set, and a sync in their place that fails" {
  unkind UNKIND_FS=0x58465342
  with -U any -d "mbox:$D/m/%n" -x none
  traced
  cp "$D/m/a" "$D/before"
  traced utimensat:error=EPERM fsync:error=EIO:when=1
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged 'reason="fsync .*(Input/output|I/O) error'
  cmp "$D/m/a" "$D/before"
}

@test "directories of a new mailbox that cannot be synced are 451" {
  local n
  unkind UNKIND_FS=0x6969
  with -U any -d "mbox:$D/m/%n" -x none
  traced
  rm "$D/m/a"
  traced "$(spot O_DIRECTORY error=EIO '^fsync')"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=\"fsync of the directories of $D/m/a: (Input/output|I/O) error"
  rm "$D/m/a"
  with -U any -F -d "maildir:$D/m/%n" -x none
  sed -i 's/^RCPT.*/RCPT TO:<a+f>\r/' "$D/in"
  traced
  # What the Maildir is in, its parts, the folder, its parts.
  for n in 1 2 3 4; do
    rm -r "$D/m/a"
    traced "fsync:error=EIO:when=$n"
    codes 220 250 250 250 354 '451 4.3.0' 221
    logged 'reason="open .*/tmp/.*(Input/output|I/O) error'
    [[ ! -e $D/m/a/.f/tmp ]]
    ((n > 2)) || [[ ! -e $D/m/a/tmp ]]
  done
}

@test "maildir: a file server that was started anew knows the name all the same" {
  local open
  with -U any -d "maildir:$D/m/%n" -x none
  traced
  traced
  open=$(spot 'O_RDONLY.*O_DIRECTORY' error=ESTALE '^read\(0,')
  traced "$(spot 'O_CREAT.*O_EXCL' error=ESTALE)"
  codes 220 250 250 250 354 '250 2.1.5' 221
  traced "$open"
  codes 220 250 250 250 354 '250 2.1.5' 221
  (($(count a) == 4))
}

@test "maildir: a sum that cannot be written, or a file that cannot be looked at" {
  [[ ${CC-} != *-m32* ]] || skip 'the calls have other names there'
  local fault
  with -U any -d "maildir:$D/m/%n" -x none
  mkdir -p "$D/m/a/"{cur,new,tmp}
  printf '1000S\n0 0\n' >"$D/m/a/maildirsize"
  traced
  for fault in "$(spot 'O_WRONLY.*O_APPEND' error=EIO)" \
    "$(spot '^close' error=EIO 'O_WRONLY.*O_APPEND')"; do
    traced "$fault"
    codes 220 250 250 250 354 '250 2.1.5' 221
    logged "write $D/m/a/maildirsize: (Input/output|I/O) error"
  done
  # One that is gone when its size is asked is not counted.
  rm "$D/m/a/new/"* "$D/m/a/maildirsize"
  also -q 1000
  head -c 100 /dev/zero >"$D/m/a/cur/one"
  traced
  same "$D/m/a/maildirsize" '1000S\n100 1\n8 1\n'
  rm "$D/m/a/new/"* "$D/m/a/maildirsize"
  traced "$(spot 'fstatat.*SYMLINK_NOFOLLOW' error=ENOENT '^getdents')"
  codes 220 250 250 250 354 '250 2.1.5' 221
  same "$D/m/a/maildirsize" '1000S\n0 0\n8 1\n'
  # Without a name for it there is none, at RCPT.
  rm "$D/m/a/new/"* "$D/m/a/maildirsize"
  traced
  rm "$D/m/a/new/"* "$D/m/a/maildirsize"
  traced "$(spot '^getrandom' error=EIO '^read\(0,')"
  codes 220 250 250 250 354 '250 2.1.5' 221
  same "$D/m/a/maildirsize" '1000S\n100 1\n8 1\n'
}

@test "mbox: of two copies for one mailbox the second waits for the first" {
  with -U any -d "mbox:$D/m/%n" -x none
  sed -i 's/^RCPT.*/&\nRCPT TO:<b>\r\nRCPT TO:<a>\r/' "$D/in"
  traced
  traced
  codes 220 250 250 250 250 250 354 '250 2.1.5' '250 2.1.5' '250 2.1.5' 221
  # All descriptors to it would lose their fcntl lock when one is closed.
  (($(sed '/^fsync/q' "$D/calls" | grep -c O_APPEND) == 2)) || fail "$(cat "$D/calls")"
}

@test "maildir: a list of folders that cannot be had is 451" {
  [[ ${CC-} != *-m32* ]] || skip 'the calls have other names there'
  with -U any -f -d "maildir:$D/m/%n" -x none
  mkdir -p "$D/m/a/"{cur,new,tmp}
  sed -i 's/^RCPT.*/RCPT TO:<a+x>\r/' "$D/in"
  traced
  traced "$(spot 'O_RDONLY.*O_DIRECTORY' error=EIO '^(new)?fstatat.*ENOENT')"
  codes 220 250 250 '451 4.3.0' 503 500 500 500 500 221
  logged "reason=\"read $D/m/a/: (Input/output|I/O) error"
  traced
  traced "$(spot '^getdents' error=EIO)"
  codes 220 250 250 '451 4.3.0' 503 500 500 500 500 221
  # What cannot be opened at RCPT may be when there is a message for it.
  mkdir -p "$D/m/a/.x/"{cur,new,tmp}
  traced
  traced "$(spot 'O_RDONLY.*O_DIRECTORY' error=EIO '^read\(0,')"
  codes 220 250 250 250 354 '250 2.1.5' 221
  (($(count a/.x) == 2))
  # Nor is one made where nobody says what is in its place.
  also -F
  sed -i 's/^RCPT.*/RCPT TO:<a+y>\r/' "$D/in"
  traced
  rm -r "$D/m/a/.y"
  traced "$(spot fstatat error=EIO '^(new)?fstatat.*SYMLINK_NOFOLLOW.*ENOENT')"
  codes 220 250 250 '451 4.3.0' 503 500 500 500 500 221
  logged "reason=\"read $D/m/a/: (Input/output|I/O) error"
  [[ ! -e $D/m/a/.y ]]
}

@test "a folder that the file system knows nothing of is no wrong name" {
  [[ ${CC-} != *-m32* ]] || skip 'the calls have other names there'
  with -U any -d "maildir:$D/m/%n" -S "$D/script"
  mkdir -p "$D/m/a/.b/"{cur,new,tmp}
  printf 'require "fileinto"; fileinto "b";\n' >"$D/script"
  chmod 600 "$D/script"
  traced
  (($(count a/.b) == 1))
  traced "$(spot '^(stat\(|newfstatat\(AT_FDCWD.*, 0\))' error=EINVAL '^(clone|fork|vfork)')"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged 'stat b of .*(Input/output|I/O) error'
}
