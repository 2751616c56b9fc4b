#!/usr/bin/env bats
# What is left to somebody who has got into the process.  tests/hole, which
# links confine.o, tries it.

load test_helper

# try free|confined USERS: how each attempt ended, in $D/tried.
try() {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants what is forbidden'
  mkdir -p "$D/mail" "$D/spool" "$D/outside"
  echo untouched >"$D/outside/f"
  "$TESTS/hole" "$1" "$2" "$D/mail" "$D/spool" "$D/outside" \
    >"$D/tried" 2>"$D/log"
}
# ended HOW ATTEMPT...
ended() {
  local how=$1 attempt
  shift
  for attempt; do
    grep -qx "$attempt $how" "$D/tried" || fail "$attempt: $(cat "$D/tried")"
  done
}
# has MEASURE: it was taken, as it must be where the kernel has it.
has() {
  if ! grep -q "confine=.*$1" "$D/log"; then
    try free any
    ! grep -qx "$1 done" "$D/tried" || fail "the kernel has $1"
    skip "no $1 here"
  fi
}

@test 'without confinement each attempt succeeds' {
  try free any
  ended 'done' read append-mail rename-mail tmpfile write create truncate \
    move-out chmod symlink exec ptrace alive signal fcntl-owner ioctl-owner \
    tgkill raise unix inet listen
}

@test 'what delivery needs is left' {
  try confined any
  ended 'done' read append-mail rename-mail tmpfile alive raise unix
}

@test 'no file is changed but in the directory of mail and in -T' {
  try confined any
  has landlock
  ended EACCES write create move-out
  # Before Linux 6.2 nothing stops truncate(2).
  if printf '%s\n' 6.2 "$(uname -r)" | sort -VC; then
    ended EACCES truncate
  fi
}

@test 'no exec, no trace, no signal, no modes, no links' {
  try confined any
  has seccomp
  ended EPERM exec ptrace namespace signal fcntl-owner ioctl-owner tgkill \
    chmod symlink listen alg
}

@test 'no network, unless NSS may want it' {
  try confined any
  has seccomp
  ended EPERM inet
  try confined passwd
  ended 'done' inet unix
  ended EPERM alg
}

@test '-v says what was obtained' {
  also -v
  send anna 'Subject: x' '' x
  codes 220 250 250 250 354 250 221
  logged '^lmtpd\[[0-9]+\]: confine=(none|no-new-privs[a-z,-]*)$'
}

@test 'a mailbox in the directory of mail, its lock and a spool still work' {
  with -U any -d "mbox:$D/m/%n" -T "$D" -v
  send anna 'Subject: x' '' "$(head -c 2000000 /dev/zero | tr '\0' x |
    fold -w 900)"
  codes 220 250 250 250 354 250 221
  [[ $(stat -c %s "$D/m/anna") -gt 2000000 ]]
}
