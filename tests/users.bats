#!/usr/bin/env bats
# Who a recipient is: -U passwd, dir and any, details, case, unsafe names.

load test_helper

# goes ADDRESS MAILBOX: a message to it lands there.
goes() {
  send "$1" x
  codes 220 250 250 250 354 250 221
  text "$2" >"$D/text"
  rm -rf "${D:?}/m/$2"
}

# refused ADDRESS CODE
refused() {
  say 'LHLO c' 'MAIL FROM:<>' "RCPT TO:<$1>" QUIT
  codes 220 250 250 "$2" 221
  [[ -z $(ls -A "$D/m") ]] || fail "$(find "$D/m")"
}

# mailboxes NAME...: Maildirs, and -U dir.
mailboxes() {
  local name
  with -U dir -d "maildir:$D/m/%n"
  for name; do
    mkdir -p "$D/m/$name/cur"
  done
}

# lands ADDRESS MAILBOX: as goes, in one of several that exist.
lands() {
  find "$D/m" -type f -delete
  send "$1" x
  codes 220 250 250 250 354 250 221
  text "$2" >"$D/text"
}

@test "any: the lower-case name without detail" {
  goes alice alice
  goes Alice@x alice
  goes ALICE+Detail@x alice
  goes a+ a
}

@test "quotes and backslashes are taken off first" {
  goes '"alice"@x' alice
  goes '"al\ice"@x' alice
  goes '"a b"@x' 'a b'
  goes '"a\"b"@x' 'a"b'
  goes '"alice+x"@x' alice
  goes '"a@b"@x' 'a@b'
}

@test "UTF-8 in a name is kept; only ASCII loses its case" {
  goes jürgen@x jürgen
  goes JÜRGEN@x jÜrgen
}

@test "a per cent sign in a name is never expanded" {
  goes '%n%d%h%u%%@x' '%n%d%h%u%%'
  goes '%s%s%n@x' '%s%s%n'
  with -U any -d "maildir:$D/m/%d/%n"
  send 'a@%n.x' x
  codes 220 250 250 '501 5.1.3' 503 500 500 221
}

@test "names that would leave the mailbox root are 550 5.1.3" {
  refused '"../x"@y' '550 5.1.3'
  refused '"a/b"@y' '550 5.1.3'
  refused '"/etc"@y' '550 5.1.3'
  refused '".."@y' '550 5.1.3'
  refused '..@y' '550 5.1.3'
  refused '.a@y' '550 5.1.3'
  refused '.@y' '550 5.1.3'
  refused '"."@y' '550 5.1.3'
  refused '""@y' '550 5.1.3'
  refused a/b@y '550 5.1.3'
  refused "$(printf '%0201d' 0)@y" '550 5.1.3'
  goes "$(printf '%0200d' 0)@y" "$(printf '%0200d' 0)"
}

@test "so are such domains, where the template has one" {
  with -U any -d "maildir:$D/m/%d/%n"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a@..>' 'RCPT TO:<a@.>' \
    'RCPT TO:<a@.x>' 'RCPT TO:<a@x/y>' 'RCPT TO:<a@../x>' \
    "RCPT TO:<a@$(printf '%0201d' 0)>" QUIT
  codes 220 250 250 '501 5.1.3' '501 5.1.3' '501 5.1.3' '501 5.1.3' \
    '501 5.1.3' '550 5.1.3' 221
  [[ -z $(ls -A "$D/m") ]]
}

@test "a name that -U dir finds nowhere near is refused as well" {
  mkdir -p "$D/m/a/b/cur" "$D/cur"
  with -U dir -d "maildir:$D/m/%n"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<".."@y>' 'RCPT TO:<"a/b"@y>' \
    'RCPT TO:<a/b@y>' QUIT
  codes 220 250 250 '550 5.1.3' '550 5.1.3' '550 5.1.3' 221
}

@test "dir: first whole, then without detail, then both in lower case" {
  mailboxes Al Al+x al al+x
  lands Al+x Al+x
  rm -r "$D/m/Al+x"
  lands Al+x Al
  rm -r "$D/m/Al"
  lands Al+x al+x
  rm -r "$D/m/al+x"
  lands Al+x al
  rm -r "$D/m/al"
  refused Al+x '550 5.1.1'
}

@test "dir: the name that matched is %n" {
  with -U dir -d "maildir:$D/m/%n/%n"
  mkdir -p "$D/m/al/al/new"
  send AL+x x
  text al/al
  logged 'user=al( |$)'
}

@test "dir: a directory with one of cur, new, tmp is a mailbox" {
  local part
  mailboxes
  for part in cur new tmp; do
    mkdir -p "$D/m/$part.user/$part"
    goes "$part.user" "$part.user"
  done
}

@test "dir: a missing cur, new or tmp is made, nothing else" {
  mailboxes a
  send a x
  text a
  [[ $(stat -c %a "$D/m/a/cur" "$D/m/a/new" "$D/m/a/tmp" | sort -u) == *700* ]]
  refused() {
    say 'LHLO c' 'MAIL FROM:<>' "RCPT TO:<$1>" QUIT
    codes 220 250 250 "$2" 221
  }
  refused b '550 5.1.1'
  [[ ! -e $D/m/b ]]
}

@test "dir: something else of that name is 451 4.2.0" {
  mailboxes
  mkdir "$D/m/empty"
  : >"$D/m/file"
  mkfifo "$D/m/fifo"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<empty>' 'RCPT TO:<file>' \
    'RCPT TO:<fifo>' QUIT
  codes 220 250 250 '451 4.2.0' '451 4.2.0' '451 4.2.0' 221
}

@test "dir with mbox: a user exists if the file does" {
  with -U dir -d "mbox:$D/m/%n"
  : >"$D/m/a"
  mkdir "$D/m/b"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<A+x>' 'RCPT TO:<b>' \
    'RCPT TO:<c>' DATA x . QUIT
  codes 220 250 250 250 250 '451 4.2.0' '550 5.1.1' 354 250 250 221
  (($(grep -c '^From ' "$D/m/a") == 2))
  [[ ! -e $D/m/c ]]
}

@test "dir: a mailbox root that cannot be searched is no 550" {
  mailboxes a
  chmod 000 "$D/m"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' QUIT
  chmod 700 "$D/m"
  codes 220 250 250 '451 4.3.0' 221
  logged "reason=.*$D/m"
}

@test "passwd: users of the system, whole, without detail, in lower case" {
  local me
  me=$(me)
  with -U passwd -d "maildir:$D/m/%n"
  goes "$me" "$me"
  goes "$me+x@y.example" "$me"
  goes "${me^^}+x@y" "$me"
}

@test "passwd: an unknown user is 550 5.1.1" {
  with -U passwd -d "maildir:$D/m/%n"
  refused no.such.user@x '550 5.1.1'
  refused "no.such.user+$(me)@x" '550 5.1.1'
}

@test "passwd: one who is not us is 451 4.3.0 at RCPT" {
  with -U passwd -d "maildir:$D/m/%n"
  refused daemon@x '451 4.3.0'
  refused root@x '451 4.3.0'
}

@test "a refusal leaves the others alone" {
  mailboxes a b
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<nobody>' 'RCPT TO:<a>' \
    'RCPT TO:<"../a"@x>' 'RCPT TO:<b>' DATA x . QUIT
  codes 220 250 250 '550 5.1.1' 250 '550 5.1.3' 250 354 250 250 221
  text a
  text b
}

@test "-f: user+folder goes to that Maildir++ folder if it exists" {
  mkdir -p "$D/m/a/"{cur,.Lists,.Lists.dev/cur,.lists/cur,.X.Y/cur,.nocur}
  also -f
  lands a+Lists.dev a/.Lists.dev
  lands a+lists.DEV a/.Lists.dev
  lands a+lists a/.lists
  lands a+x.y a/.X.Y
  lands a+none a
  lands a+nocur a
  lands a+Lists a/.lists
  lands a a
  lands a+ a
}

@test "-f: the exact name comes first" {
  mkdir -p "$D/m/a/"{.WORK/cur,.Work/cur,.work/cur}
  also -f
  lands a+WORK a/.WORK
  lands a+work a/.work
  lands a+Work a/.Work
}

@test "-f: a folder with / or an empty part is the inbox" {
  mkdir -p "$D/m/a/"{cur,.x/cur,.x/y/cur,..x/cur,.x..y/cur,.x./cur}
  also -f
  lands '"a+x/y"@z' a
  lands a+.x@z a
  lands a+x..y@z a
  lands a+x.@z a
  lands '"a+../a"@z' a
  lands '"a+."@z' a
}

@test "without -f the detail makes no difference" {
  mkdir -p "$D/m/a/.x/cur"
  lands a+x a
}

@test "a delimiter at the very start leaves no user" {
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<+x>' QUIT
  codes 220 250 250 '550 5.1.3' 221
}

@test "dir: a link to what is not there is no unknown user, but perhaps a disk" {
  with -U dir -d "maildir:$D/m/%d/%n"
  mkdir -p "$D/disk/x/a/cur"
  ln -s "$D/disk/x" "$D/m/x"
  mkdir "$D/m/y"
  ln -s "$D/disk/x/b" "$D/m/y/b"
  send a@x hello
  codes 220 250 250 250 354 250 221
  mv "$D/disk" "$D/off"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a@x>' 'RCPT TO:<b@y>' 'RCPT TO:<a@y>' QUIT
  codes 220 250 250 '451 4.3.0' '451 4.2.0' '550 5.1.1' 221
}

@test "dir: where the place itself is missing nobody is unknown" {
  for kind in maildir mbox; do
    with -U dir -d "$kind:$D/absent/%n"
    send a hello
    codes 220 250 250 '451 4.3.0' 503 500 500 221
    logged "stat $D/absent: No such file"
  done
}

@test "passwd: a directory that is down is no unknown user" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  local error
  with -U passwd -d "maildir:$D/m/%n"
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<no.such.user>' \
    "RCPT TO:<$(me)>" QUIT >"$D/in"
  for error in EIO EMFILE ENOMEM ECONNREFUSED; do
    # Without nsswitch.conf it asks files alone.
    strace -qq -o "$D/calls" -P /etc/passwd -P /etc/nsswitch.conf \
      -e "inject=open,openat:error=$error" "$LMTPD" -e "${OPTIONS[@]}" \
      <"$D/in" >"$D/out" 2>"$D/log"
    hold "$D/out"
    codes 220 250 250 '451 4.3.0' '451 4.3.0' 221
  done
}
