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
  # Nothing was counted.
  run "$LMTPD" -c "${OPTIONS[@]}" root
  [[ $output == *$'root\t451 4.3.0 Local trouble\tmaildir:'"$D/m/root"$'\t0:0\t0/-' ]] ||
    fail "$output"
}

@test "dir: a mailbox of another is 451 4.3.0 at RCPT" {
  with -U dir -d 'mbox:/etc/%n'
  refused passwd '451 4.3.0'
  run "$LMTPD" -c "${OPTIONS[@]}" passwd
  [[ $output == *"passwd has uid 0, and without root all is done as uid $(id -u)"* ]]
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

@test "-f: a name in UTF-8 is that of IMAP's encoding, if not the exact one" {
  mkdir -p "$D/m/a/"{cur,.gr\&APw-n/cur,.A\&-B/cur,.B\&APY-/cur,.bö/cur}
  also -f
  lands a+grün 'a/.gr&APw-n'
  lands a+GRün 'a/.gr&APw-n'
  lands 'a+a&b' 'a/.A&-B'
  lands a+bö 'a/.bö'
  lands a+Bö 'a/.B&APY-'
}

@test "-f: a name that is no UTF-8 may differ in case as well" {
  mkdir -p "$D/m/a/cur" "$D/m/a/"$'.B\xffd/cur'
  also -f
  lands $'a+b\xffd' $'a/.B\xffd'
}

@test "-f: where a user has shut a folder it is the inbox" {
  mkdir -p "$D/m/a/"{cur,new,tmp,.x/cur}
  also -f
  chmod 0 "$D/m/a/.x"
  send a+x x
  chmod 700 "$D/m/a/.x"
  codes 220 250 250 250 354 250 221
  (($(count a) == 1)) || fail "$(find "$D/m/a")"
}

@test "-f: in modified UTF-7 a small letter is another character" {
  # é is .&AOk-, and .&aok- is one of Chinese.
  mkdir -p "$D/m/a/"{cur,new,.\&aok-/cur,.XY\&AOk-Z/cur}
  also -f
  lands a+é a
  lands a+Xyéz 'a/.XY&AOk-Z'
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

@test "-f: what is no directory, or whose name no file can have, is no folder" {
  mkdir -p "$D/m/a/cur"
  : >"$D/m/a/.file"
  ln -s .loop "$D/m/a/.loop"
  ln -s gone "$D/m/a/.gone"
  also -f
  lands a+file a
  lands a+loop a
  lands a+gone a
  ln -s "$(printf '%300s' '' | tr ' ' x)" "$D/m/a/.long"
  lands a+long a
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
  ln -s "$D/disk/x/a" "$D/m/y/a"
  for to in a@x a@y; do
    send "$to" hello
    codes 220 250 250 250 354 250 221
  done
  (($(find "$D/disk/x/a/new" -type f | wc -l) == 2))
  mv "$D/disk" "$D/off"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a@x>' 'RCPT TO:<b@y>' 'RCPT TO:<c@y>' QUIT
  codes 220 250 250 '451 4.3.0' '451 4.2.0' '550 5.1.1' 221
}

@test "dir: a mailbox belongs to its owner and group, as -c says" {
  local format
  for format in maildir mbox; do
    with -U dir -d "$format:$D/m/%n"
    rm -rf "$D/m/a"
    [[ $format == mbox ]] || mkdir -p "$D/m/a/new"
    [[ $format == maildir ]] || : >"$D/m/a"
    [[ $("$LMTPD" -c "${OPTIONS[@]}" a | cut -f 2,4) == $'ok\t'"$(id -u):$(id -g)" ]] ||
      fail "$("$LMTPD" -c "${OPTIONS[@]}" a)"
  done
}

@test "dir: where the place itself is missing nobody is unknown" {
  for kind in maildir mbox; do
    with -U dir -d "$kind:$D/absent/%n"
    send a hello
    codes 220 250 250 '451 4.3.0' 503 500 500 221
    logged "stat $D/absent: No such file"
  done
}

# directory NAME=VALUE...: the next sessions ask the directory of nss.c.
directory() {
  local compiler
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer is to be loaded first'
  PROGRAM=${PROGRAM-$LMTPD}
  ldd "$PROGRAM" 2>/dev/null | grep -q 'libc\.so' || skip 'nothing is loaded'
  # It is of the program's kind, which may be for 32 bits.
  read -ra compiler <<<"${CC:-cc}"
  "${compiler[@]}" -shared -fPIC -o "$D/nss.so" "$TESTS/nss.c"
  printf '#!/bin/sh\nexec env LD_PRELOAD=%s %s %s "$@"\n' "$D/nss.so" "$*" \
    "$PROGRAM" >"$D/asks"
  chmod 755 "$D/asks"
  LMTPD=$D/asks
}

@test "passwd: a directory that ignores case has one mailbox for alice and ALICE" {
  directory NSS_KNOWS=alice
  with -U passwd -d "maildir:$D/m/%n"
  local name
  for name in alice ALICE Alice+x@y; do
    send "$name" x
    codes 220 250 250 250 354 250 221
    logged 'user=alice( |$)'
  done
  (($(count alice) == 3))
  [[ $(ls "$D/m") == alice ]]
}

@test "passwd: user@domain is tried when no name alone is found" {
  directory NSS_KNOWS=bob@corp.example,Carol,carol@corp.example,al@xn--bcher-kva.x
  with -U passwd -d "maildir:$D/m/%n"
  goes bob@corp.example bob@corp.example
  goes BOB+x@Corp.Example bob@corp.example
  goes carol@corp.example Carol
  goes al@bücher.x al@xn--bcher-kva.x
  refused bob@other.example '550 5.1.1'
  refused bob '550 5.1.1'
}

@test "passwd: a directory that fails knows nothing: 451 4.3.0, whatever the error" {
  local err
  with -U passwd -Q -d "maildir:$D/m/%n"
  # EPERM ENOENT ESRCH EIO EBADF EAGAIN EACCES EMFILE EFBIG ENOSPC ERANGE
  # ECONNREFUSED ESTALE EDQUOT
  for err in 1 2 3 5 9 11 13 24 27 28 111 116 122; do
    directory NSS_KNOWS=alice NSS_ERRNO=$err
    refused bob@x '451 4.3.0'
    logged 'getpwnam_r'
  done
  goes alice alice
}

@test "passwd: an error for one name is not hidden by others that are not found" {
  with -U passwd -d "maildir:$D/m/%n"
  directory NSS_ERRNO=11 NSS_FAILS=Bob+x
  refused Bob+x '451 4.3.0'
  directory NSS_ERRNO=11 NSS_FAILS=Bob
  refused Bob+x '451 4.3.0'
  directory NSS_ERRNO=11 NSS_FAILS=bob
  refused Bob+x '451 4.3.0'
  directory NSS_ERRNO=11 NSS_FAILS=bob@y
  refused Bob+x@y '451 4.3.0'
  refused Bob+x@z '550 5.1.1'
  refused Bob+x '550 5.1.1'
}

@test "passwd: who is not found while /etc/passwd cannot be opened is 451 4.3.0" {
  with -U passwd -d "maildir:$D/m/%n"
  directory NSS_KNOWS=alice NSS_FULL=1
  refused bob '451 4.3.0'
  logged 'open /etc/passwd: Too many open files'
  directory NSS_KNOWS=alice
  refused bob '550 5.1.1'
}

@test "passwd: an account whose name no path may hold is 451 4.3.5" {
  directory NSS_KNOWS=al NSS_CALLS=corp/al
  with -U passwd -d "maildir:$D/m/%n"
  refused al@x '451 4.3.5'
  logged 'user corp/al has a name that no mailbox can have'
  with -U passwd -d "maildir:$D/m/all"
  mkdir "$D/m/all"
  goes al all
}

@test "a domain has one mailbox, in whichever form and case it is written" {
  local i=0 domain
  with -U any -d "maildir:$D/m/%d/%u"
  for domain in bücher.Example xn--bcher-kva.example BÜCHER.EXAMPLE \
    XN--BCHER-KVA.example xn--BCHER-2pa.example; do
    say 'LHLO c' 'MAIL FROM:<> SMTPUTF8' "RCPT TO:<al@$domain>" DATA x . QUIT
    codes 220 250 250 250 354 250 221
    (($(count xn--bcher-kva.example/al@xn--bcher-kva.example) == ++i))
  done
  [[ $(ls "$D/m") == xn--bcher-kva.example ]]
}

@test "dir: of the two forms of a domain the one that has the mailbox counts" {
  with -U dir -d "maildir:$D/m/%d/%n"
  mkdir -p "$D/m/"{xn--bcher-kva.x/al,bücher.x/{al,bob}}/cur
  lands al@bücher.x xn--bcher-kva.x/al
  lands al@xn--bcher-kva.x xn--bcher-kva.x/al
  lands bob@bücher.x bücher.x/bob
  lands bob@xn--bcher-kva.x bücher.x/bob
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<carol@bücher.x>' QUIT
  codes 220 250 250 '550 5.1.1' 221
}

@test "a part of the path that is longer than a file's name may be is 550 5.1.3" {
  local a b
  a=$(printf '%0200d' 0)
  b=$(printf '%054d' 0)
  with -U any -d "maildir:$D/m/%u"
  refused "$a@${b}x" '550 5.1.3'
  logged 'more than 255 bytes'
  goes "$a@$b" "$a@$b"
  with -U any -d "maildir:$D/m/%n.%d.%n"
  refused "${a:0:120}@${a:0:20}" '550 5.1.3'
}

@test "dir: a name too long with its detail is found without it" {
  local a b
  a=$(printf '%0150d' 0)
  b=$(printf '%090d' 0)
  with -U dir -d "maildir:$D/m/%u"
  mkdir -p "$D/m/$a@$b/cur"
  lands "$a+detail-of-ten-and-more@$b" "$a@$b"
  say 'LHLO c' 'MAIL FROM:<>' "RCPT TO:<$a@$b$b>" QUIT
  codes 220 250 250 '550 5.1.3' 221
}
