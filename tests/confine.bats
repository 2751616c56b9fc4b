#!/usr/bin/env bats
# What is left to somebody who has got into the process.  tests/hole, which
# links confine.o, tries it.

load test_helper

# try free|confined KIND: how each attempt ended, in $D/tried.
try() {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants what is forbidden'
  mkdir -p "$D/mail" "$D/spool" "$D/outside"
  echo untouched >"$D/outside/f"
  echo >"$D/outside/file"
  mkdir -p "$D/outside/dir" "$D/mail/dir"
  (cd "$D/spool" && "$TESTS/hole" "$1" "$2" "$D/mail" "$D/spool" \
    "$D/outside") >"$D/tried" 2>"$D/log"
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

# since VERSION: the kernel is of that version, or newer.
since() {
  printf '%s\n' "$1" "$(uname -r)" | sort -VC
}

@test 'without confinement each attempt succeeds' {
  try free any
  ended 'done' read append-mail rename-mail tmpfile mkdir write create \
    truncate move-out other-directory remove rmdir rmdir-mail fifo device bind setid-openat \
    setid-tmpfile setid-open setid-creat mode-unused openat2 chmod fchown symlink exec fork \
    fork-call thread ptrace memory dump setns mount pidfd shmget shmat msgget \
    semget mqueue limits others-limits alive signal fcntl-owner fcntl-owner-ex fcntl-signal \
    ioctl-owner ioctl-group tgkill tgkill-thread raise unix inet inet6 netlink listen descriptors
}

@test 'what delivery needs is left' {
  local kind
  for kind in any maildir sieve passwd syslog; do
    try confined "$kind"
    ended 'done' read append-mail rename-mail tmpfile alive raise limits \
      mode-unused thread rmdir-mail descriptors
  done
}

@test 'no file is changed but in the directory of mail and in -T' {
  try confined any
  has landlock
  ended EACCES write create move-out other-directory mkdir remove rmdir bind
  # Before Linux 6.2 nothing stops truncate(2).
  if since 6.2; then
    ended EACCES truncate
  fi
}

@test 'a Maildir may be anywhere, but nothing is made that is no mail' {
  try confined maildir
  # From tmp/ to new/ a message cannot go before Linux 5.19.
  since 5.19 || skip 'no landlock for that here'
  has landlock
  ended EACCES bind memory
  ended 'done' mkdir write create truncate move-out other-directory remove rmdir
}

@test 'no core, and no tracer' {
  try confined any
  has no-dump
  ended EPERM dump
}

@test 'no exec, no trace, no signal, no modes, no links' {
  local kind
  try confined any
  has seccomp
  for kind in any maildir sieve passwd syslog; do
    try confined "$kind"
    ended EPERM exec ptrace namespace signal fcntl-owner fcntl-owner-ex fcntl-signal \
      ioctl-owner ioctl-group tgkill tgkill-thread chmod fchown symlink fifo device listen alg
  done
}

# unless_lacking ATTEMPT...: the others, where the kernel has such a call.
unless_lacking() {
  local attempt
  mv "$D/tried" "$D/confined"
  try free any
  HAD=()
  for attempt; do
    ! grep -qx "$attempt done" "$D/tried" || HAD+=("$attempt")
  done
  mv "$D/confined" "$D/tried"
}

@test 'no call that has another number, or none yet' {
  try confined any
  has seccomp
  unless_lacking other-arch
  ended EPERM "${HAD[@]}"
  unless_lacking clone3 newest
  ended ENOSYS "${HAD[@]}"
  unless_lacking new
  ended 'done' "${HAD[@]}"
}

@test 'no set-ID mode, however a file is made' {
  try confined maildir
  has seccomp
  ended EPERM setid-openat setid-tmpfile setid-open setid-creat
  ended ENOSYS openat2
}

@test 'no queue, no memory in common, no mount, no limits of others' {
  try confined any
  has seccomp
  ended EPERM shmget shmat msgget semget mqueue setns mount fsopen pidfd \
    fanotify others-limits
}

@test 'no child, unless a script may want it' {
  try confined any
  has seccomp
  ended EPERM fork fork-call
  try confined passwd
  ended EPERM fork fork-call
  try confined sieve
  ended 'done' fork fork-call
}

@test 'no socket, unless NSS or the log may want it' {
  try confined any
  has seccomp
  ended EPERM unix inet inet6 netlink
  try confined syslog
  ended 'done' unix
  ended EPERM inet inet6 netlink
  try confined passwd
  ended 'done' unix
  ended EPERM alg
  # A program that knows /etc/passwd alone asks nobody over the network.
  if [[ $("$LMTPD" -V) != *passwd* ]]; then
    ended 'done' inet inet6 netlink
  fi
}

@test '-v says what was obtained' {
  also -v
  send anna 'Subject: x' '' x
  codes 220 250 250 250 354 250 221
  logged '^lmtpd\[[0-9]+\]: confine=(none|no-new-privs[a-z,-]*)$'
}

@test 'a directory that is not there confines to none' {
  local mail=$D/none spool=$D
  for _ in 1 2; do
    with -U any -d "mbox:$mail/%n" -T "$spool" -v
    send anna 'Subject: x' '' x
    unlogged 'confine=.*landlock'
    mail=$D/m spool=$D/none
  done
  codes 220 250 250 250 354 250 221
}

@test 'a directory that nobody may list confines too' {
  chmod 300 "$D/m"
  with -U any -d "mbox:$D/m/%n" -T "$D" -v
  send anna 'Subject: x' '' x
  chmod 700 "$D/m"
  codes 220 250 250 250 354 250 221
  try confined any
  has landlock
  send anna 'Subject: x' '' x
  logged 'confine=.*landlock'
}

@test 'a mailbox in the directory of mail, its lock and a spool still work' {
  with -U any -d "mbox:$D/m/%n" -T "$D" -v
  send anna 'Subject: x' '' "$(head -c 2000000 /dev/zero | tr '\0' x |
    fold -w 900)"
  codes 220 250 250 250 354 250 221
  [[ $(stat -c %s "$D/m/anna") -gt 2000000 ]]
}
