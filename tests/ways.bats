#!/usr/bin/env bats
# A call that a file system or an old kernel does not have has another way;
# strace lets each of them fail.

load test_helper

setup() {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  base
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<s@x>' 'RCPT TO:<a>' DATA 'X: y' '' z . QUIT >"$D/in"
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

@test "a large message where a file cannot be copied by the kernel" {
  local err format
  { sed '/^z/,$d' "$D/in"
    head -c 1500000 /dev/zero | tr '\0' q | fold -w 70 | sed 's/$/\r/'
    printf '\r\n.\r\nQUIT\r\n'
  } >"$D/large"
  for format in maildir mbox; do
    for err in EXDEV EINVAL ENOSYS; do
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
      [[ $(find "$D/m" -type f ! -name maildirsize -exec grep -o q {} + | wc -l) == 3000000 ]]
    done
  done
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
