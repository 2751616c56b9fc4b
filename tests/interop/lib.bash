# What the clients share.  In the root this is interop/lib.bash, and the
# working directory is /.
# shellcheck shell=bash

set -euo pipefail

contrib=/root/src/contrib
maillog=/var/log/mail.log
logs=("$maillog") # a client adds its MTA's own
step=start

mail() {
  interop/mail "$@"
}

fail() {
  echo "$step: $*" >&2
  exit 1
}

skipped=
skip() {
  echo "$*"
  skipped=1
  exit 77
}

not() {
  ! "$@"
}

# Say where a client stopped, with the ends of its logs.
finish() {
  local status=${1:-$?} log

  # A program that fails with 77, as doveadm does, is no reason to skip.
  [ "$status" -ne 77 ] || [ -n "$skipped" ] || status=1
  if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
    for log in "${logs[@]}"; do
      echo "-- $log"
      tail -n 25 "$log" || :
    done
    echo "-- failed at: $step"
  fi
  [ -z "${INTEROP_SHELL:-}" ] || bash </dev/tty || :
  exit "$status"
}

# wait_for SECONDS COMMAND ...: until the command succeeds; its last words
# are shown if it never does.
wait_for() {
  local end=$((SECONDS + $1)) said

  shift
  until said=$("$@" 2>&1); do
    if [ $SECONDS -ge $end ]; then
      echo "$said"
      echo "$step: never came true: $*" >&2
      return 1
    fi
    sleep 0.1
  done
}

# listens PORT, or PATH
listens() {
  python3 - "$1" <<'END'
import socket, sys
if sys.argv[1].startswith("/"):
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
else:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)
END
}

# log_says PATTERN [FILE]: within a while, a line of the log matches.
log_says() {
  wait_for 30 grep -E -q -e "$1" "${2:-$maillog}"
}

# Fifty-four users, each u and a number but for the first four.
names() {
  echo alice bob carol dave
  fifty
}

fifty() {
  seq -f 'u%02g' 50
}

# As users of the system.
system_users() {
  local name id=2000

  for name in $(names); do
    id=$((id + 1))
    echo "$name:x:$id:$id::/home/$name:/bin/sh" >>/etc/passwd
    echo "$name:x:$id:" >>/etc/group
    echo "$name:*:19000:0:99999:7:::" >>/etc/shadow
    install -d -o "$name" -g "$name" -m 755 "/home/$name"
  done
  chown root:mail /var/mail
  chmod 2775 /var/mail
}

# As lines of /etc/lmtpd.users, the mailboxes being vmail's.
virtual_users() {
  local name

  groupadd --gid 5000 vmail
  useradd --uid 5000 --gid vmail --home-dir /var/vmail --no-create-home vmail
  install -d -o vmail -g vmail -m 700 /var/vmail
  for name in $(names) δοκιμή; do
    echo "$name@v.test::5000:5000::/var/vmail/v.test/$name"
  done >/etc/lmtpd.users
  chmod 644 /etc/lmtpd.users
}

# The same course for every MTA.  It wants to know
#   box USER      which mailbox the user has
#   owner USER    user:group of the mailbox, and
#   mode          the mode of the file
#   hinder USER   how it comes that it cannot be written, and
#   mend USER     that it can again
#   address USER  how Delivered-To and Received name the user
#   domain        the domain of the users
#   headers       which trace headers lmtpd adds
#   flush         how the MTA's queue is run at once
#   mta_refuses   if the MTA asks no lmtpd who exists: what its own bounce says,
#                 or "at once"
mode=600
headers=return-path,delivered-to,received
mta_refuses=

address() {
  echo "$1@$domain"
}

# One of three kinds of mailboxes: Maildirs of vmail, ...
virtual_maildirs() {
  virtual_users
  domain=v.test
  box() { echo "maildir:/var/vmail/v.test/$1"; }
  owner() { echo vmail:vmail; }
  hinder() {
    install -d -o vmail -g vmail -m 700 /var/vmail/v.test
    install -d -m 700 "/var/vmail/v.test/$1"
  }
  mend() { chown vmail:vmail "/var/vmail/v.test/$1"; }
}

# ... Maildirs at home, ...
home_maildirs() {
  system_users
  domain=mx.test
  box() { echo "maildir:/home/$1/Maildir"; }
  owner() { echo "$1:$1"; }
  hinder() { install -d -m 700 "/home/$1/Maildir"; }
  mend() { chown "$1:$1" "/home/$1/Maildir"; }
}

# ... and mboxes in /var/mail.
system_mboxes() {
  system_users
  domain=mx.test
  box() { echo "mbox:/var/mail/$1"; }
  owner() { echo "$1:mail"; }
  hinder() { mkdir "/var/mail/$1"; }
  mend() { rmdir "/var/mail/$1"; }
}

# arrived KIND ID USER [SENDER]: there, whole, once, with the right owner.
arrived() {
  mail check -o "$(owner "$3")" -m $mode -f "${4-bob@$domain}" \
    -t "$(address "$3")" -x "$headers" "$1" "$2" "$(box "$3")"
}

# later KIND ID USER [SENDER]: what the queue had kept has arrived.  Asked once,
# it may not have heard: Postfix's is deaf while it starts anew, after a reload.
later() {
  local turn

  for turn in {1..12}; do
    flush
    ! wait_for 5 arrived "$@" || return 0
  done
  return 1
}

# One good recipient, one unknown, one whose mailbox cannot be written.
course_three() {
  local three=("alice@$domain" "ghost@$domain" "carol@$domain")

  step="three recipients"
  hinder carol
  if [ "$mta_refuses" = "at once" ]; then
    not mail send -f "bob@$domain" text three "${three[@]}"
  else
    mail send -f "bob@$domain" text three "${three[@]}"
    step="bounce of the unknown recipient"
    wait_for 60 mail has \
      "${mta_refuses:-550 5\.1\.1\s+No\s+such\s+user}" "$(box bob)"
    [ -n "$mta_refuses" ] || log_says 'to="?<ghost[@>].*status=refused'
  fi
  step="recipient that can be written"
  wait_for 60 arrived text three alice
  step="recipient that cannot be written"
  log_says 'to="?<carol[@>].*status=deferred'
  mend carol
  later text three carol
  arrived text three alice
}

course_texts() {
  step="null sender"
  mail send -f "" text null "alice@$domain"
  wait_for 60 arrived text null alice ""
  step="10 MB"
  mail send -f "bob@$domain" big big "alice@$domain"
  wait_for 90 arrived big big alice
}

# UTF-8 in the sender, and in the recipient where users may be called so.
course_utf8() {
  local name=${1:-alice}

  step="UTF-8 address"
  mail send -f "jörg@$domain" text utf8 "$name@$domain"
  wait_for 60 arrived text utf8 "$name" "jörg@$domain"
}

course_fifty() {
  local name

  step="fifty recipients"
  # shellcheck disable=SC2046 # words
  mail send -f "bob@$domain" text fifty $(fifty | sed "s/\$/@$domain/")
  for name in $(fifty); do
    wait_for 90 arrived text fifty "$name"
  done
}

# Of an MTA that passes all fifty on in one transaction.
together() {
  step="fifty recipients in one transaction"
  log_says 'session=.* messages=1 delivered=50 deferred=0 refused=0 '
}

course() {
  course_three
  course_texts
  course_fifty
}

# The same for a listener, which we talk to ourselves at a port or a path.
listener_course() {
  local replies

  step="three recipients"
  hinder carol
  replies=$(mail lmtp -f "bob@$domain" "$1" text three "alice@$domain" \
    "ghost@$domain" "carol@$domain")
  grep -q "^alice@$domain 250 2\.1\.5" <<<"$replies"
  grep -q "^ghost@$domain 550 5\.1\.1" <<<"$replies"
  grep -q "^carol@$domain 45[01] 4\." <<<"$replies"
  arrived text three alice
  mend carol
  mail lmtp -f "bob@$domain" "$1" text again "carol@$domain"
  arrived text again carol
  step="10 MB"
  mail lmtp -f "bob@$domain" "$1" big big "alice@$domain"
  arrived big big alice
}

# waits_for LOCK MBOX COMMAND ...: while somebody has the lock, of fcntl or
# a dotlock, the command does not end, and when it is released it does.
waits_for() {
  local lock=$1 mbox=$2 holder

  shift 2
  step="$lock of ${mbox##*/}, awaited by $*"
  rm -f /tmp/held /tmp/released
  python3 - "$lock" "$mbox" "${hold:-2}" <<'END' &
import fcntl, os, sys, time
kind, path = sys.argv[1:3]
if kind == "fcntl":
    mbox = open(path, "r+b")
    fcntl.lockf(mbox, fcntl.LOCK_EX)
else:
    with open(path + ".lock", "x") as lock:
        lock.write("%d\n%s\n" % (os.getpid(), os.uname().nodename))
open("/tmp/held", "w").close()
size = os.path.getsize(path)
time.sleep(int(sys.argv[3]))
if os.path.getsize(path) == size:
    open("/tmp/released", "w").close()
if kind == "dotlock":
    os.unlink(path + ".lock")
END
  holder=$!
  wait_for 10 test -e /tmp/held
  "$@"
  [ -e /tmp/released ] || fail "did not wait"
  wait $holder
}

# rush ADDRESS [N]: 300 connections, as fast as they come, are all greeted.
rush() {
  step="${2:-300} connections"
  python3 - "$1" "${2:-300}" <<'END'
import socket, sys
for i in range(int(sys.argv[2])):
    if sys.argv[1].startswith("/"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
    else:
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.settimeout(10)
    if not s.recv(300).startswith(b"220 "):
        sys.exit("connection %d was not greeted" % i)
    s.sendall(b"QUIT\r\n")
    s.close()
END
}

umask 022
export PYTHONDONTWRITEBYTECODE=1
trap finish EXIT
interop/sink /dev/log "$maillog" &
wait_for 10 test -S /dev/log
