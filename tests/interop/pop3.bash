# What the clients with a POP3 server over mboxes share, after lib.bash.
# shellcheck shell=bash disable=SC2154

# passwords USER ...: each has "secret".
passwords() {
  printf '%s:secret\n' "$@" | chpasswd
}

# pop_takes COUNT USER: messages are fetched and deleted, session by session,
# until there were so many; each is seen once, and whole.
pop_takes() {
  python3 - "$1" "$2" <<'PY'
import poplib, sys, time
wanted, user = int(sys.argv[1]), sys.argv[2]
seen, end = [], time.time() + 90
while len(seen) < wanted and time.time() < end:
    time.sleep(0.3)  # solid-pop3d counts connections
    try:
        pop = poplib.POP3("127.0.0.1", 110, 20)
        pop.user(user)
        pop.pass_("secret")
    except (poplib.error_proto, OSError):  # the mailbox is locked
        continue
    for n in range(1, pop.stat()[0] + 1):
        lines = pop.retr(n)[1]
        seen += [l for l in lines if l.startswith(b"Subject: ")]
        if b"last line" not in lines[-2:]:
            sys.exit("torn: %r" % lines)
        pop.dele(n)
    pop.quit()
if len(seen) != wanted or len(set(seen)) != wanted:
    sys.exit("%d messages seen, %d different, of %d"
             % (len(seen), len(set(seen)), wanted))
PY
}

# pop_one USER: takes the only message as soon as it gets at the mailbox.
pop_one() {
  python3 - "$1" <<'PY'
import poplib, sys, time
end = time.time() + 20
while True:
    try:
        pop = poplib.POP3("127.0.0.1", 110, 20)
        pop.user(sys.argv[1])
        pop.pass_("secret")
        break
    except (poplib.error_proto, OSError):
        if time.time() > end:
            sys.exit("never let in")
        time.sleep(0.3)
if pop.stat()[0] != 1:
    sys.exit("%d messages" % pop.stat()[0])
pop.dele(1)
pop.quit()
PY
}

# many ADDRESS USER: thirty messages, each on a connection of its own.
many() {
  local i

  for i in $(seq 30); do
    mail lmtp "$1" text "many$i" "$2@mx.test" >>/tmp/replies
    sleep 0.1
  done
}

# A server runs at port 110: it reads what lmtpd wrote, while it writes.
pop3_course() {
  "$contrib/listen/unixserver" mail &
  wait_for 10 listens /run/lmtpd/lmtp
  passwords alice

  step="taken by POP3 while delivered to"
  many /run/lmtpd/lmtp alice &
  pop_takes 30 alice
  wait $!
  [ "$(grep -c ' 250 2\.1\.5' /tmp/replies)" -eq 30 ]
  step="what is left"
  [ "$(mail count "$(box alice)")" -eq 0 ]
  mail lmtp -f bob@mx.test /run/lmtpd/lmtp text after alice@mx.test
  arrived text after alice
}
