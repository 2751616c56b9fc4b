#!/usr/bin/env bats
# As whom: the recipient, and what root lends it in the directory of mail.

load ../test_helper

setup() {
  ((EUID == 0)) || skip 'needs root'
  # Below no directory that others may write to, or root lends nothing.
  here "$(mktemp -d /var/lib/lmtpd-identity.XXXXXX)"
  chmod 755 "$D" "$D/m"
  with -U passwd -d "mbox:$D/m/%n"
}

teardown() {
  sweep
  rm -rf "$D"
}

owned() {
  [[ $(stat -c %U:%G:%a "$1") == "$2" ]] || fail "$(stat -c '%n %U:%G:%a' "$1")"
}

@test "the default, /var/mail 2775 root:mail" {
  [[ ! -e /var/mail/games ]] || skip 'games has mail'
  with -U passwd
  send games x
  codes 220 250 250 250 354 '250 2.1.5' 221
  owned /var/mail/games games:mail:600
  rm /var/mail/games
}

@test "a directory of a group that others may not enter: its quota at RCPT" {
  chgrp mail "$D/m"
  chmod 2770 "$D/m"
  with -U passwd -d "mbox:$D/m/%n" -q 1K
  send games x
  say 'LHLO c' 'MAIL FROM:<> SIZE=1000' 'RCPT TO:<games>' QUIT
  codes 220 250 250 '452 4.2.2' 221
}

@test "writable by root alone: root makes file and lock, and gives the file away" {
  send games x
  send games y
  codes 220 250 250 250 354 '250 2.1.5' 221
  owned "$D/m/games" "games:$(id -gn games):600"
  (($(grep -c '^From ' "$D/m/games") == 2))
  # One that cannot be given away is no mailbox.
  # shellcheck disable=SC2153 # with sets it
  strace -qq -o "$D/calls" -e inject=fchown:error=EIO "$LMTPD" -e "${OPTIONS[@]}" \
    <<<$'LHLO c\nMAIL FROM:<>\nRCPT TO:<man>\nDATA\nx\n.\nQUIT' >"$D/out" 2>"$D/log"
  hold "$D/out"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "chown $D/m/man: Input/output error"
  [[ ! -e $D/m/man ]]
}

@test "links of root's own lead to a directory of mail, others' do not" {
  local path
  ln -s m "$D/link"
  ln -s link "$D/chain"
  ln -s "$D" "$D/all"
  mkdir "$D/sub"
  ln -s ../m "$D/sub/up"
  # A per cent sign in what a link leads to is none of the template's.
  mkdir "$D/100%n"
  ln -s 100%n "$D/percent"
  for path in link chain all/m all/all/link sub/up percent; do
    with -U passwd -d "mbox:$D/$path/%n"
    send games x
    codes 220 250 250 250 354 '250 2.1.5' 221
    logged "mailbox=mbox:$D/(sub/../)?(m|100%n)/games"
    owned "$D/$path/games" "games:$(id -gn games):600"
    rm "$D/$path/games"
  done
  ln -s loop "$D/loop"
  ln -s m "$D/theirs"
  chown -h games "$D/theirs"
  for path in loop theirs; do
    with -U passwd -d "mbox:$D/$path/%n"
    send games x
    codes 220 250 250 250 354 '451 4.3.0' 221
  done
  [[ -z $(ls -A "$D/m") ]]
}

@test "world-writable with the sticky bit: the recipient alone" {
  chmod 1777 "$D/m"
  send games x
  codes 220 250 250 250 354 '250 2.1.5' 221
  owned "$D/m/games" "games:$(id -gn games):600"
}

@test "a directory that a user controls gets nothing from root" {
  local mode
  chown daemon "$D/m"
  send games x
  codes 220 250 250 250 354 '451 4.3.0' 221
  chown root "$D/m"
  # Above it, neither everybody nor a group may write.
  for mode in 757 775; do
    chmod "$mode" "$D"
    send games x
    codes 220 250 250 250 354 '451 4.3.0' 221
  done
  [[ ! -e $D/m/games ]]
}

@test "a mailbox of another, and links to one, are 451 4.2.0" {
  echo untouched >"$D/m/games"
  send games x
  codes 220 250 250 250 354 '451 4.2.0' 221
  logged 'belongs to uid [0-9]+, not to [0-9]+'
  ln -s games "$D/m/man"
  send man x
  codes 220 250 250 250 354 '451 4.2.0' 221
  same "$D/m/games" 'untouched\n'
}

@test "several recipients, each as itself; one's trouble is its own" {
  mkdir "$D/m/daemon"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' 'RCPT TO:<daemon>' \
    'RCPT TO:<man>' 'RCPT TO:<root>' 'RCPT TO:<nosuch>' DATA x . QUIT
  codes 220 250 250 250 250 250 250 '550 5.1.1' 354 \
    '250 2.1.5' '451 4.2.0' '250 2.1.5' '250 2.1.5' 221
  owned "$D/m/games" "games:$(id -gn games):600"
  owned "$D/m/man" "man:$(id -gn man):600"
  owned "$D/m/root" root:root:600
}

@test "one user three times: it is become for each part of the work, not for each step" {
  with -U passwd -d "maildir:$D/m/%n"
  install -d -o games "$D/m/games"
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' 'RCPT TO:<games>' \
    'RCPT TO:<games>' DATA x . QUIT >"$D/in"
  # shellcheck disable=SC2153 # with sets it
  strace -qq -e trace=setresuid -o "$D/calls" "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" \
    >"$D/out" 2>"$D/log"
  hold "$D/out"
  (($(count games) == 3))
  (($(wc -l <"$D/calls") <= 8)) || fail "$(<"$D/calls")"
}

@test "never as root but root's own: passwd-file and dir say 451 4.3.5" {
  printf 'a:x:0:0::%s/m/a::\n' "$D" >"$D/users"
  with -U "file:$D/users" -d "maildir:~/Maildir"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' QUIT
  codes 220 250 250 '451 4.3.5' 221
  mkdir -p "$D/m/b/cur"
  with -U dir -d "maildir:$D/m/%n"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<b>' QUIT
  codes 220 250 250 '451 4.3.5' 221
  with -U any -d "maildir:$D/m/%n"
  say 'LHLO c'
  exits 64
  codes '421 4.3.5'
}

@test "never as a user whose id is minus one, which would be root" {
  mkdir "$D/home"
  printf 'minus:x:4294967295:1000::%s/home:/bin/sh\n' "$D" >"$D/passwd"
  with -U passwd -d "maildir:~/Maildir"
  printf '#!/bin/sh\nexec unshare --mount sh -c %s sh "$@"\n' \
    "'mount --bind $D/passwd /etc/passwd && exec $LMTPD \"\$@\"'" \
    >"$D/other"
  chmod 755 "$D/other"
  LMTPD=$D/other
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<minus>' QUIT
  codes 220 250 250 '451 4.3.5' 221
  for user in minus 1:4294967295 4294967295:1; do
    with -u "$user" -U any -d "maildir:$D/m/%n"
    say 'LHLO c'
    codes '421 4.3.5'
  done
}

# services: the next sessions ask those of $D/conf, with modules in $D/lib.
services() {
  mkdir "$D/lib"
  printf '#!/bin/sh\nexec unshare --mount sh -c %s sh "$@"\n' \
    "'mount --bind $D/conf /etc/nsswitch.conf && LD_LIBRARY_PATH=$D/lib exec $LMTPD \"\$@\"'" \
    >"$D/other"
  chmod 755 "$D/other"
  LMTPD=$D/other
}

@test "passwd: nobody is unknown while a service's module cannot be loaded" {
  local commands=('LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' 'RCPT TO:<no-such-user>' QUIT)
  services
  # What is not installed is no service: systems name some to have them asked
  # if they are.
  printf 'passwd: files lost\n' >"$D/conf"
  say "${commands[@]}"
  codes 220 250 250 250 '550 5.1.1' 221
  : >"$D/lib/libnss_lost.so.2"
  say "${commands[@]}"
  codes 220 250 250 250 '451 4.3.0' 221
  logged 'module of lost could not be loaded'
  # Nobody asks it then.
  printf 'passwd: files [NOTFOUND=return] lost # none\n' >"$D/conf"
  say "${commands[@]}"
  codes 220 250 250 250 '550 5.1.1' 221
}

@test "passwd: nobody is unknown while a service is down, wherever it is named" {
  local compiler list
  services
  read -ra compiler <<<"${CC:-cc}"
  "${compiler[@]}" -shared -fPIC -o "$D/lib/libnss_lost.so.2" "$TESTS/nss.c"
  for list in 'lost files' 'files lost' 'files lost files # [NOTFOUND=return]'; do
    printf 'passwd: %s\n' "$list" >"$D/conf"
    # Who is known stays so behind one who is not.
    say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<no-such-user>' 'RCPT TO:<games>' \
      'RCPT TO:<no-such-user>' QUIT
    codes 220 250 250 '451 4.3.0' 250 '451 4.3.0' 221
    logged 'getpwnam_r .*Connection refused'
  done
  # Nobody asks it then; nor one that knows of hosts alone.
  for list in 'files [NOTFOUND=return] lost' 'dns files' 'files dns'; do
    printf 'passwd: %s\n' "$list" >"$D/conf"
    say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<no-such-user>' QUIT
    codes 220 250 250 '550 5.1.1' 221
  done
}

@test "passwd: nobody is unknown to an empty file, which is being written" {
  : >"$D/passwd"
  printf '#!/bin/sh\nexec unshare --mount sh -c %s sh "$@"\n' \
    "'mount --bind $D/passwd /etc/passwd && exec $LMTPD \"\$@\"'" \
    >"$D/other"
  chmod 755 "$D/other"
  LMTPD=$D/other
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' QUIT
  codes 220 250 250 '451 4.3.0' 221
  logged '/etc/passwd is empty'
}

@test "a user's group opens what its gid does not" {
  install -d -m 750 -o root -g mail "$D/closed"
  install -d -m 700 -o games "$D/closed/games"
  with -U passwd -d "maildir:$D/closed/%n/Maildir"
  send games x
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "search permission in $D/closed"
  usermod -aG mail games
  send games x
  gpasswd -d games mail
  codes 220 250 250 250 354 '250 2.1.5' 221
}

# in_mail: from here on games is of the group mail, for lmtpd alone.
in_mail() {
  sed -E 's/^(mail:.*)$/\1,games/; s/:,games/:games/' /etc/group >"$D/group"
  printf '#!/bin/sh\nexec unshare --mount sh -c %s sh "$@"\n' \
    "'mount --bind $D/group /etc/group && exec $LMTPD \"\$@\"'" >"$D/grouped"
  chmod 755 "$D/grouped"
  ALONE=$LMTPD LMTPD=$D/grouped
}

@test "a user's group counts at each step, and for -c: new/, maildirsize, scripts" {
  with -U passwd -d "maildir:$D/m/%n" -S "$D/s/%n"
  in_mail
  install -d -m 755 "$D/m/games"
  install -d -m 770 -g mail "$D/m/games/"{cur,new,tmp}
  install -d -o games -m 700 "$D/m/games/tmp"
  install -d -m 750 -g mail "$D/s"
  echo 'discard;' >"$D/s/other"
  LMTPD=$ALONE
  # Without the group there is no way to new/, nor to the script.
  send games x
  codes 220 250 250 250 354 '451 4.3.0' 221
  ! "$LMTPD" -c "${OPTIONS[@]}" games >"$D/out" || fail "$(cat "$D/out")"
  LMTPD=$D/grouped
  send games x
  codes 220 250 250 250 354 '250 2.1.5' 221
  [[ $("$LMTPD" -c "${OPTIONS[@]}" games | cut -f 2) == ok ]]
  (($(count games) == 1))
  install -o games -m 600 "$D/s/other" "$D/s/games"
  send games x
  logged 'status=discarded'
  [[ $("$LMTPD" -c "${OPTIONS[@]}" games | cut -f 6) == "sieve:$D/s/games" ]]
  # What its child is denied: a script to include, and the way to folders.
  chmod 755 "$D/s"
  install -m 640 -g mail "$D/s/other" "$D/s/other.sieve"
  echo 'require "include"; include "other";' >"$D/s/games"
  send games x
  logged 'status=discarded'
  [[ $("$LMTPD" -c "${OPTIONS[@]}" games | cut -f 2) == ok ]]
  chgrp mail "$D/m/games"
  chmod 750 "$D/m/games"
  echo 'require "mailbox"; if not mailboxexists "f" { discard; }' >"$D/s/games"
  send games x
  logged 'status=discarded'
}

@test "where a user's group makes no difference the session goes on" {
  with -U passwd -d "maildir:$D/m/%n"
  in_mail
  install -d -o games "$D/m/games"
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>'
  hear 250 250 250
  chmod 0 "$D/m/games"
  tell DATA x .
  hear 354 '451 4.3.0'
  tell QUIT
  hear 221
  finish
  (($(wc -l <"$D/log") == 2)) || fail 'something else was wrong'
}

@test "a user's group counts for quotas at RCPT, folders and -o too" {
  with -U passwd -d "maildir:$D/closed/%n" -f -o
  in_mail
  install -d -m 750 -g mail "$D/closed"
  install -d -o games -m 700 "$D/closed/games/"{,cur,new,tmp} \
    "$D/closed/games/.f/"{,cur,new,tmp}
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' 'RCPT TO:<games+f>' \
    'RCPT TO:<games+F>' DATA x . QUIT
  codes 220 250 250 250 250 250 354 250 250 250 221
  (($(find "$D/closed/games/new" -type f | wc -l) == 1))
  (($(find "$D/closed/games/.f/new" -type f | wc -l) == 1))
  # A folder that only the group may enter is one.
  chown root:mail "$D/closed/games/.f"
  chmod 750 "$D/closed/games/.f"
  chmod 711 "$D/closed"
  with -U passwd -d "maildir:$D/closed/%n" -f
  send games+f x
  codes 220 250 250 250 354 250 221
  (($(find "$D/closed/games/.f/new" -type f | wc -l) == 2))
  # Its maildirsize that only the group may read.
  printf '10S\n9 1\n' >"$D/closed/games/maildirsize"
  chgrp mail "$D/closed/games/maildirsize"
  chmod 640 "$D/closed/games/maildirsize"
  say 'LHLO c' 'MAIL FROM:<> SIZE=10' 'RCPT TO:<games>' QUIT
  codes 220 250 250 '452 4.2.2' 221
  rm "$D/closed/games/maildirsize"
  # What cannot be seen without the group is counted with it.
  chmod 750 "$D/closed"
  for format in maildir:%n mbox:%n/box; do
    : >"$D/closed/games/box"
    with -U passwd -d "${format%:*}:$D/closed/${format#*:}" -q 100
    chown games "$D/closed/games/box"
    head -c 100 /dev/zero >"$D/closed/games/box"
    say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' QUIT
    codes 220 250 250 '452 4.2.2' 221
    "$LMTPD" -c "${OPTIONS[@]}" games >"$D/out" 2>"$D/log" || :
    grep -q '452 4.2.2' "$D/out" || fail "$(cat "$D/out")"
  done
}

@test "a script is run as its recipient, and may be root's" {
  with -U passwd -d "maildir:$D/m/%n" -S "$D/s/%n"
  install -d "$D/s"
  chmod 1777 "$D/m"
  echo 'discard;' >"$D/text"
  install -m 644 "$D/text" "$D/s/games"
  send games x
  logged 'status=discarded'
  install -o games -m 600 "$D/text" "$D/s/games"
  send games x
  logged 'status=discarded'
  install -o man -m 644 "$D/text" "$D/s/games"
  send games x
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged "sieve=\"$D/s/games: error: it belongs to somebody else"
  (($(count games) == 1))
  # What only root can read is not read.
  install -m 600 "$D/text" "$D/s/games"
  send games x
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "open $D/s/games: Permission denied"
  # Folders are made as the recipient.
  echo 'require ["fileinto", "mailbox"]; fileinto :create "f";' >"$D/s/games"
  chmod 644 "$D/s/games"
  send games x
  codes 220 250 250 250 354 '250 2.1.5' 221
  owned "$D/m/games/.f" "games:$(id -gn games):700"
  owned "$D/m/games/.f/maildirfolder" "games:$(id -gn games):600"
}

# le NUMBER BYTES: in hexadecimal, the lowest byte first.
le() {
  local i
  for ((i = 0; i < $2; i++)); do
    printf '%02x' $(($1 >> 8 * i & 255))
  done
}

# says BYTES KIND FLAGS LENGTH TEXT: a message for games, while the child of its
# script says that so many bytes come, and one record.  The greeting, which is
# hit too, is not looked at.
says() {
  rm -rf "$D/m/games"
  strace -f -qq -o "$D/calls" -e "inject=write:poke_enter=@arg2=$(
    le "$1" $word
    le "$2" 4
    le 0 4
    le 1 4
    printf "%s%0${pad}d" "$3" 0
    le "$4" $word
    printf '%s' "$5"
  ):when=1" "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log" 3>&-
}

# kept: it is in the inbox.
kept() {
  grep -q '^250 2.1.5' "$D/out" || fail "$(cat "$D/out")"
  (($(count games) == 1))
}

@test "a script's child that says nonsense is an error of the script" {
  local word=8 pad=12 bytes=33 each
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  [[ $(printf '\1\0' | od -An -tu2) -eq 1 ]] || skip 'the lowest byte is not first'
  [[ $(od -An -tu1 -j4 -N1 "$LMTPD") -eq 2 ]] || word=4 pad=4 bytes=25
  with -U passwd -d "maildir:$D/m/%n" -S "$D/s/%n"
  install -d "$D/s"
  chmod 1777 "$D/m"
  echo 'keep;' >"$D/s/games"
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' DATA x . QUIT >"$D/in"
  says $bytes 0 000000000000 1 00
  kept
  logged " sieve=$D/s/games "
  # Kinds, flags and lengths that are none, and texts without an end.
  for each in '5 000000000000 1 00' '-1 000000000000 1 00' '0 5a0000000000 1 00' \
    '0 444652535444 1 00' '0 000000000000 0 00' '0 000000000000 2 00' \
    '0 000000000000 -1 00' '0 000000000000 2 41' '0 000000000000 1 41' '1 000000000000 1 41'; do
    # shellcheck disable=SC2086 # its words
    says $bytes $each
    kept
    logged "sieve=\"$D/s/games: error: its child says nonsense"
  done
  for each in 1 $((bytes - 1)) $((bytes + 1)) 100000 -1; do
    says "$each" 0 000000000000 1 00
    kept
    logged "sieve=\"$D/s/games: error: its child died or took too long"
  done
  # A refusal too long for a line, without a character to cut it at.
  each=$(printf '80%.0s' {1..300})00
  echo "require \"ereject\"; ereject \"${each:0:300}\";" >"$D/s/games"
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<> SMTPUTF8' 'RCPT TO:<games>' DATA x . QUIT >"$D/in"
  says $((bytes + 300)) 2 000000000000 301 "$each"
  grep -q '^550 5\.7\.1 \\200\\200.*\\200' "$D/out" || fail "$(cat "$D/out")"
  (($(count games) == 0))
}

# trees: games and man each have a directory of root's that they may write to,
# with a mailbox in it, and -U dir looks for it there.
trees() {
  local user
  for user in games man; do
    install -d -m 775 -g "$(id -g "$user")" "$D/m/$user"
    install -d -o "$user" "$D/m/$user/box"{,/cur,/new,/tmp}
  done
  with -U dir -d "maildir:$D/m/%n/box"
}

# games COMMAND...: as that user, in its home.
games() {
  (cd "$D/m/games" && setpriv --reuid games --regid "$(id -g games)" \
    --clear-groups "$@")
}

# astray REGEX: games gets no mail, and man none either; the log says why.
astray() {
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' QUIT
  codes 220 250 250 '451 4.2.0' 221
  logged "$1"
  [[ -z $(find "$D/m/man" "$D/m/games" -type f) ]]
}

@test "dir: a mailbox is its owner's by the whole way, or it is none" {
  trees
  send games x
  codes 220 250 250 250 354 '250 2.1.5' 221
  [[ $(stat -c %U "$D/m/games/box/new/"*) == games ]]
  rm "$D/m/games/box/new/"*
  # A link in its place, and one above it.
  games mv box kept
  games ln -s ../man/box box
  astray "m/games/box belongs to uid $(id -u games), neither.* uid $(id -u man)"
  games rm box
  games ln -s "$D/m/man" way
  with -U dir -d "maildir:$D/m/%n/way/box"
  astray "m/games/way belongs to uid $(id -u games)"
  # A directory in which another's mailbox lies.
  games rm way
  games mkdir way
  cp -a "$D/m/man/box" "$D/m/games/way/box"
  astray "m/games/way belongs to uid $(id -u games)"
}

@test "dir: a link within what root's own link leads to is looked at as well" {
  trees
  install -d -m 775 -g "$(id -g games)" "$D/m/games/real"
  rm -r "$D/m/games/box"
  ln -s real/sub/box "$D/m/games/box"
  games mkdir -p real/sub/box/cur
  send games x
  codes 220 250 250 250 354 '250 2.1.5' 221
  rm -r "$D/m/games/real/sub"
  games ln -s ../../man real/sub
  astray "games/real/sub belongs to uid $(id -u games)"
  games rm real/sub
  games ln -s "$D/m/games/loop" loop
  games ln -s ../loop real/sub
  astray 'Too many levels'
}

@test "dir: links of root's and the owner's own lead on" {
  trees
  ln -s games "$D/m/root.link"
  games mv box there
  games ln -s .//./../games/there box
  install -d "$D/other"
  ln -s "$D/m/games" "$D/other/abs"
  with -U dir -d "maildir:$D/m/%n/box"
  send root.link x
  codes 220 250 250 250 354 '250 2.1.5' 221
  with -U dir -d "maildir:$D/other/%n/box"
  send abs x
  codes 220 250 250 250 354 '250 2.1.5' 221
  # The template's own part is the operator's, whoever owns it.
  chown daemon "$D/m"
  ln -s "$D/m/games" "$D/m/abs"
  with -U dir -d "maildir:$D/m/%n/box"
  send abs x
  codes 220 250 250 250 354 '250 2.1.5' 221
  (($(find "$D/m/games/there/new" -user games -type f | wc -l) == 3))
}

@test "dir: where everybody may write nobody knows whose a mailbox is" {
  trees
  with -U dir -d "mbox:$D/m/%n"
  rm -r "$D/m/"*
  chmod 1777 "$D/m"
  install -m 600 -o games /dev/null "$D/m/man"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<man>' QUIT
  codes 220 250 250 '451 4.2.0' 221
  logged "$D/m may be written by everybody"
  chmod 755 "$D/m"
  # But who may write to a mailbox itself is not asked.
  with -U dir -d "maildir:$D/m/%n"
  install -d -m 777 -o games "$D/m/open"{,/cur}
  send open x
  codes 220 250 250 250 354 '250 2.1.5' 221
}

@test "dir: what is no mailbox is no missing user" {
  with -U dir -d "maildir:$D/m/%n"
  : >"$D/m/games"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' 'RCPT TO:<none>' QUIT
  codes 220 250 250 '451 4.2.0' '550 5.1.1' 221
}

@test "dir: nobody learns by a link what only root can see" {
  trees
  install -d -m 700 "$D/secret" "$D/secret/there"{,/cur}
  games mv box kept
  local there
  for there in there missing there/cur; do
    games ln -s "$D/secret/$there" box
    say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' QUIT
    replied '^451 4.2.0 Mailbox cannot be used$'
    codes 220 250 250 '451 4.2.0' 221
    games rm box
    games ln -s "$D/secret/$there" way
    with -U dir -d "maildir:$D/m/%n/way/x"
    say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' QUIT
    codes 220 250 250 '451 4.2.0' 221
    with -U dir -d "maildir:$D/m/%n/box"
    games rm way
  done
}

@test "nobody may signal it while it writes as that user" {
  chmod 1777 "$D/m"
  send games x
  lock fcntl "$D/m/games"
  begin
  hear 220
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' DATA x .
  hear 250 250 250 354
  deaf
  ! setpriv --reuid games --regid games --clear-groups \
    kill -KILL "$SESSION" 2>/dev/null || fail 'was killed'
  unlock
  hear '250 2.1.5'
  finish
}

@test "-u root: all is root's" {
  with -u root -U any -d "maildir:$D/m/%n"
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  owned "$D/m/a" root:root:700
}

@test "-u is for good" {
  chown games "$D/m"
  with -u games -U any -d "maildir:$D/m/%n"
  begin
  hear 220
  grep -Eq "^Uid:(	$(id -u games)){4}$" "/proc/$SESSION/status"
  finish
  [[ $("$LMTPD" -c "${OPTIONS[@]}" x | cut -f 4) == "$(id -u games):$(id -g games)" ]]
}

@test "what is left over of whoever started it goes, or it does not start" {
  local call options alone=$LMTPD
  printf '#!/bin/sh\nexec setpriv --rgid man --groups mail,news %s "$@"\n' "$alone" >"$D/sendmail"
  chmod 755 "$D/sendmail"
  LMTPD=$D/sendmail
  begin
  hear 220
  grep -Eq '^Gid:(	0){4}$' "/proc/$SESSION/status" || fail "$(cat "/proc/$SESSION/status")"
  grep -Eq '^Groups:	 *$' "/proc/$SESSION/status" || fail "$(cat "/proc/$SESSION/status")"
  finish
  LMTPD=$alone
  for options in '-u games' '-U passwd'; do
    # shellcheck disable=SC2086 # there are two words
    with -U any $options -d "maildir:$D/m/%n"
    for call in setgroups setresgid setresuid; do
      [[ $call$options != setresuid-U* ]] || continue
      printf 'QUIT\r\n' | strace -qq -o "$D/calls" --inject="$call:error=EIO:when=1" \
        "$LMTPD" -e "${OPTIONS[@]}" >"$D/out" 2>"$D/log" && fail "$call of $options"
      hold "$D/out"
      codes '421 4.3.5'
    done
  done
}

@test "a copy that is set-group-ID is refused" {
  install -g mail -m 2755 "$LMTPD" "$D/lmtpd"
  STATUS=0
  # shellcheck disable=SC2034 # exits looks at it
  setpriv --reuid nobody --regid nogroup --clear-groups "$D/lmtpd" -U any \
    -d "mbox:$D/m/%n" </dev/null >"$D/out" 2>"$D/log" || STATUS=$?
  exits 64
  hold "$D/out"
  codes '421 4.3.5'
}

@test "a Maildir that leads into another recipient's is 451 4.2.0" {
  local fd user seen=0
  with -U passwd -d "maildir:$D/m/%n/box"
  for user in games man; do
    install -d -o "$user" "$D/m/$user"
  done
  install -d -o games "$D/m/games/box" "$D/m/games/box/"{cur,new,tmp}
  # By the descriptor that is open for games, whose directories are shut.
  chmod 700 "$D/m/games"
  chmod -R 777 "$D/m/games/box"
  for fd in {3..9}; do
    ln -sfn "/proc/self/fd/$fd" "$D/m/man/box"
    say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' 'RCPT TO:<man>' DATA x . QUIT
    [[ ${REPLIES[*]} == *'354 '*'250 2.1.5'*' 45'* ]] || fail "$fd"
    ! grep -q 'is the Maildir of another recipient too' "$D/log" || seen=1
  done
  ((seen)) || fail 'no descriptor was that of the Maildir'
  # By a name, where games lets others write.
  chmod 777 "$D/m/games"
  ln -sfn "$D/m/games/box" "$D/m/man/box"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<games>' 'RCPT TO:<man>' DATA x . QUIT
  codes 220 250 250 250 250 354 '250 2.1.5' '451 4.2.0' 221
  [[ -z $(find "$D/m" -type f ! -user games) ]]
}
