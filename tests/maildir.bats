#!/usr/bin/env bats
# Maildir: names, modes, sizes, directories made, what stands in the way.

load test_helper

@test "a Maildir is made 0700 with its three parts, the message 0600" {
  send a x
  [[ $(stat -c %a "$D/m/a" "$D/m/a/cur" "$D/m/a/new" "$D/m/a/tmp") == \
    $'700\n700\n700\n700' ]]
  [[ $(stat -c %a "$(only a)") == 600 ]]
}

@test "the umask that is inherited makes no difference" {
  umask 000
  send a x
  [[ $(stat -c %a "$D/m/a" "$(only a)") == $'700\n600' ]]
}

@test "parents are made, but not the template's own part" {
  with -U any -d "maildir:$D/m/%d/%n"
  send a@b.example x
  [[ $(stat -c %a "$D/m/b.example") == 700 ]]
  (($(count b.example/a) == 1))
  with -U any -d "maildir:$D/absent/%n"
  send a x
  codes 220 250 250 250 354 '451 4.3.0' 221
  [[ ! -e $D/absent ]]
}

@test "S= and W= are the sizes with LF and with CRLF" {
  local file line
  send a 'Subject: x' '' 'one' 'two'
  file=$(only a)
  [[ $file =~ ,S=([0-9]+),W=([0-9]+)$ ]]
  ((BASH_REMATCH[1] == $(stat -c %s "$file")))
  ((BASH_REMATCH[2] == $(sed 's/$/\r/' "$file" | wc -c)))
  # So they are of what is left out, or added where no header is.
  for line in $'Return-Path: <x>\n\tfolded' 'no field' 'From x'; do
    rm "$file"
    send a "$line" 'X: y' '' z
    file=$(only a)
    [[ $file =~ ,S=([0-9]+),W=([0-9]+)$ ]]
    ((BASH_REMATCH[1] == $(stat -c %s "$file"))) || fail "$file: $line"
    ((BASH_REMATCH[2] == $(sed 's/$/\r/' "$file" | wc -c))) || fail "$file: $line"
  done
}

@test "the host is in the name, with : encoded" {
  also -H '[a:b]'
  send a x
  [[ $(only a) == *'.[a\072b],S='* ]]
  # And no more of it than 100 bytes.
  rm -r "$D/m/a"
  also -H ":$(printf '%99s' '' | tr ' ' b)"
  send a x
  [[ $(only a) == *".\\072$(printf '%96s' '' | tr ' ' b),S="* ]]
  rm -r "$D/m/a"
  also -H "$(printf '%100s' '' | tr ' ' :)"
  send a x
  [[ $(only a) == *".$(printf '\\072%.0s' {1..25}),S="* ]]
}

@test "a name is never used twice" {
  local i lines=('LHLO c')
  for i in {1..20}; do
    lines+=('MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<a>' DATA x .)
  done
  say "${lines[@]}" QUIT
  (($(count a) == 40))
  send a x
  # Nor can it be guessed: each session has a number of its own.
  [[ $(find "$D/m/a/new" -type f | sed -E 's/.*Q[0-9]+R([0-9a-f]{16})\..*/\1/' | sort | uniq -c |
    sed -E 's/^ *([0-9]+) [0-9a-f]{16}$/\1/' | sort -n | tr '\n' ' ') == '1 40 ' ]]
}

@test "a file in place of the Maildir is 451 4.2.0" {
  touch "$D/m/a"
  send a x
  codes 220 250 250 250 354 '451 4.2.0' 221
  logged "reason=\"open $D/m/a: Not a directory "
  run -1 "$LMTPD" -c "${OPTIONS[@]}" a
  [[ $output == *"open $D/m/a: Not a directory"*'451 4.2.0'* ]] || fail "$output"
}

# refused OPTION...: -c says that what a delivery to a, or of that detail, runs
# into is 451.
refused() {
  run -1 "$LMTPD" -c "${OPTIONS[@]}" "a${1-}"
  [[ $output == *'451 4.3.0'* ]] || fail "$output"
  send "a${1-}" x
  codes 220 250 250 250 354 '451 4.3.0' 221
}

@test "-c asks whether what is there may be written to, and what is missing be made" {
  local part mode
  mkdir -p "$D/m/a/"{cur,new,tmp}
  for part in tmp new; do
    for mode in 500 600; do
      chmod "$mode" "$D/m/a/$part"
      refused
      chmod 700 "$D/m/a/$part"
    done
    rmdir "$D/m/a/$part"
    [[ $("$LMTPD" -c "${OPTIONS[@]}" a | cut -f 2) == ok ]]
    chmod 500 "$D/m/a"
    refused
    chmod 700 "$D/m/a"
    # A link that leads nowhere is in its way.
    ln -s nowhere "$D/m/a/$part"
    refused
    rm "$D/m/a/$part"
    mkdir "$D/m/a/$part"
  done
  # The same of a folder, and of the Maildir itself.
  also -F
  mkdir -p "$D/m/a/.f/cur"
  [[ $("$LMTPD" -c "${OPTIONS[@]}" a+f | cut -f 2) == ok ]]
  chmod 500 "$D/m/a/.f"
  refused +f
  chmod 700 "$D/m/a/.f"
  rm -r "$D/m/a"
  ln -s nowhere "$D/m/a"
  refused
}

@test "no permission is 451 4.3.0, the log says which component" {
  mkdir -p "$D/m/a/"{cur,new,tmp}
  chmod 0 "$D/m/a"
  send a x
  chmod 700 "$D/m/a"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=.*open $D/m/a.*Permission denied .euid $(id -u), egid"
  chmod 500 "$D/m/a/tmp"
  send a x
  chmod 700 "$D/m/a/tmp"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=.*$D/m/a/tmp.*Permission denied .euid"
}

@test "a Maildir may be reached through a link" {
  mkdir -p "$D/real/"{cur,new,tmp}
  ln -s "$D/real" "$D/m/a"
  send a x
  (($(find "$D/real/new" -type f | wc -l) == 1))
}

@test "one recipient's trouble is its own" {
  touch "$D/m/b"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' 'RCPT TO:<c>' \
    DATA x . QUIT
  codes 220 250 250 250 250 250 354 '250 2.1.5' '451 4.2.0' '250 2.1.5' 221
}

@test "eight processes, fifty messages each, one Maildir" {
  local i pids=()
  {
    printf '%s\r\n' 'LHLO c'
    for i in {1..50}; do
      printf '%s\r\n' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA "n$i" .
    done
  } >"$D/in"
  for i in {1..8}; do
    "$LMTPD" -e "${OPTIONS[@]}" <"$D/in" >"$D/out.$i" 2>/dev/null 3>&- &
    pids+=($!)
  done
  wait "${pids[@]}"
  (($(cat "$D"/out.* | grep -c '^250 2.1.5') == 400))
  (($(count a) == 400))
  for i in 1 25 50; do
    (($(grep -lx "n$i" "$D"/m/a/new/* | wc -l) == 8))
  done
}

# large: a message of 3 MB, its last line is "end".
large() {
  head -c 3000000 /dev/zero | tr '\0' x | fold -w 70 | sed 's/$/\r/'
  printf '\nend\r\n'
}

@test "the only recipient's large message needs no place to wait" {
  also -T "$D/missing"
  { printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA 'Subject: x' ''
    large
    printf '%s\r\n' . 'MAIL FROM:<>' 'RCPT TO:<c>' DATA small . QUIT
  } >"$D/in"
  talk <"$D/in"
  codes 220 250 250 250 354 '250 2.1.5' 250 250 354 '250 2.1.5' 221
  [[ $(tail -n 1 "$(only c)") == small ]]
  [[ $(only a) =~ ,S=([0-9]+),W=([0-9]+)$ ]]
  ((BASH_REMATCH[1] == $(stat -c %s "$(only a)")))
  ((BASH_REMATCH[2] == $(sed 's/$/\r/' "$(only a)" | wc -c)))
  [[ $(tail -n 1 "$(only a)") == end ]]
  # Two cannot share the file of one.
  sed 's/^RCPT.*/&\nRCPT TO:<b>\r/' "$D/in" >"$D/two"
  talk <"$D/two"
  codes 220 250 250 250 250 354 '451 4.3.0' '451 4.3.0' 250 250 250 354 250 250 221
  (($(count a) == 1))
}

@test "a large message that does not come whole leaves nothing" {
  { printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'BDAT 3000000'
    { printf 'Subject: x\r\n\r\n'; head -c 2999986 /dev/zero; }
    printf '%s\r\n' RSET 'MAIL FROM:<>' 'RCPT TO:<a>' 'BDAT 2000000'
    { printf 'Subject: x\r\n\r\n'; head -c 1900000 /dev/zero; }
  } >"$D/in"
  talk <"$D/in"
  codes 220 250 250 250 250 250 250 250
  (($(count a) == 0))
  also -s 2M
  { printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA '' x
    large
    printf '.\r\nQUIT\r\n'
  } >"$D/in"
  talk <"$D/in"
  codes 220 250 250 250 354 '552 5.3.4' 221
  (($(count a) == 0))
}

@test "-F: a folder that is missing is made, as Maildir++ has them" {
  also -F
  send a+new.er x
  codes 220 250 250 250 354 '250 2.1.5' 221
  [[ $(stat -c %a "$D/m/a/.new.er" "$D/m/a/.new.er/"{cur,new,tmp}) == $'700\n700\n700\n700' ]]
  [[ $(stat -c %a:%s "$D/m/a/.new.er/maildirfolder") == 600:0 ]]
  (($(count a/.new.er) == 1))
  # One that differs in case is that one; another's name is UTF-7 on the disk.
  send a+NEW.er x
  send a+grün x
  (($(count a/.new.er) == 2))
  (($(count 'a/.gr&APw-n') == 1))
  # These cannot be a folder's: the inbox.
  send a+.x y
  send a+x..y y
  send a+x. y
  send "a+$(printf '%0220d' 0)" y
  (($(count a) + $(find "$D/m/a" -path '*/.0*/new/*' | wc -l) == 4))
  [[ $(cd "$D/m/a" && echo .[!.]* | tr ' ' '\n' | grep -v '^\.0' | paste -sd ' ') == '.gr&APw-n .new.er' ]] ||
    fail "$(ls -A "$D/m/a")"
}

@test "-F: with its first folder a Maildir that is missing is made whole" {
  also -F -q 1M
  send a+new x
  send a+new x
  (($(count a/.new) == 2))
  [[ $(stat -c %a "$D/m/a/"{cur,new,tmp}) == $'700\n700\n700' ]]
  # Where there is no tmp the sum cannot be kept.
  [[ $(sed -n 1p "$D/m/a/maildirsize") == 1048576S ]]
}

@test "-F: what no IMAP server would show is not made" {
  also -F
  # .INBOX would be hidden by the inbox, a ~ at the start means a home.
  for detail in INBOX iNbOx INBOX.inbox '~x' $'b\xffd'; do
    send "a+$detail" x
    codes 220 250 250 250 354 '250 2.1.5' 221
  done
  (($(count a) == 5))
  [[ $(ls -A "$D/m/a") == $'cur\nnew\ntmp' ]] || fail "$(ls -A "$D/m/a")"
  send a+Inbox.sub x
  (($(count a/.sub) == 1))
  # What is there is used, whoever made it.
  mkdir -p "$D/m/a/.INBOX/"{cur,new,tmp}
  send a+INBOX x
  (($(count a/.INBOX) == 1))
}

@test "-F: what is there and no folder is left alone" {
  also -F
  mkdir -p "$D/m/a/"{cur,new,tmp,.ssh,.empty,.begun}
  touch "$D/m/a/.ssh/keys" "$D/m/a/.forward" "$D/m/a/.begun/maildirfolder"
  ln -s nowhere "$D/m/a/.link"
  for detail in ssh forward link; do
    send "a+$detail" x
    codes 220 250 250 250 354 '250 2.1.5' 221
  done
  (($(count a) == 3))
  [[ $(ls -A "$D/m/a/.ssh") == keys ]]
  send a+empty x
  send a+begun x
  (($(count a/.empty) + $(count a/.begun) == 2))
}

@test "-F: a pipe in the place of maildirfolder holds nobody up" {
  also -F
  mkdir -p "$D/m/a/"{cur,new,tmp,.x/cur}
  mkfifo "$D/m/a/.x/maildirfolder"
  begin
  tell 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a+x>' DATA x .
  hear 220 250 250 250 354 '250 2.1.5'
  tell QUIT
  finish
  (($(count a/.x) == 1))
}

@test "-F: -c makes nothing; a folder that cannot be made is 451" {
  also -F
  send a x
  [[ $("$LMTPD" -c "${OPTIONS[@]}" a+new | cut -f 2) == ok ]]
  [[ ! -e $D/m/a/.new ]]
  chmod 500 "$D/m/a"
  [[ $("$LMTPD" -c "${OPTIONS[@]}" a+new 2>/dev/null | cut -f 2) == '451 4.3.0'* ]]
  send a+new x
  chmod 700 "$D/m/a"
  codes 220 250 250 250 354 '451 4.3.0' 221
  [[ ! -e $D/m/a/.new ]]
}

@test "-F: two names of one new folder, in one message, are that one folder" {
  also -F -x none
  # The Maildir is missing too, and then it is there.
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a+Lists>' 'RCPT TO:<a+lists>' \
    'RCPT TO:<A+LISTS> IGNOREQUOTA' 'RCPT TO:<b+lists>' DATA x . QUIT
  codes 220 250 250 250 250 250 250 354 250 250 250 250 221
  (($(count a/.Lists) == 3 && $(count b/.lists) == 1)) || fail "$(find "$D/m")"
  [[ ! -e $D/m/a/.lists && ! -e $D/m/a/.LISTS ]]
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a+grÜn>' 'RCPT TO:<a+GrÜN>' DATA x . QUIT
  codes 220 250 250 250 250 354 250 250 221
  (($(count 'a/.gr&ANw-n') == 2)) || fail "$(ls -A "$D/m/a")"
  # These differ in the case of what is no letter: &AOk- and &aok-.
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a+é>' 'RCPT TO:<a+檉>' DATA x . QUIT
  codes 220 250 250 250 250 354 250 250 221
  (($(count 'a/.&AOk-') == 1 && $(count 'a/.&aok-') == 1)) ||
    fail "$(ls -A "$D/m/a")"
  # What is there in two forms already stays two.
  mkdir -p "$D/m/a/.lists/"{cur,new,tmp}
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a+Lists>' 'RCPT TO:<a+lists>' DATA x . QUIT
  (($(count a/.Lists) == 4 && $(count a/.lists) == 1))
}

@test "a tmp or a new that is a file is 451 4.2.0" {
  local part
  for part in tmp new; do
    rm -rf "$D/m/a"
    mkdir -p "$D/m/a/"{cur,new,tmp}
    rmdir "$D/m/a/$part"
    : >"$D/m/a/$part"
    send a x
    codes 220 250 250 250 354 '451 4.2.0' 221
    logged "$D/m/a/$part.*Not a directory"
    unlogged 'unlink'
    [[ $("$LMTPD" -c "${OPTIONS[@]}" a 2>/dev/null | cut -f 2) == '451 4.2.0 '* ]]
  done
}

# shared DIR: its default ACL lets root read what comes.
shared() {
  python3 -c '
import os, struct, sys
entry = struct.Struct("<HHI")
none = 0xffffffff
os.setxattr(sys.argv[1], "system.posix_acl_default", struct.pack("<I", 2) +
            entry.pack(1, 7, none) + entry.pack(2, 5, 0) +
            entry.pack(4, 0, none) + entry.pack(16, 5, none) +
            entry.pack(32, 0, none))' "$1" || skip 'no ACL on this file system'
}

@test "a default ACL says who may read what is made" {
  mkdir -p "$D/m/a/"{cur,new,tmp} "$D/m/mboxes"
  shared "$D/m/a/tmp"
  shared "$D/m/mboxes"
  shared "$D/m"
  send a x
  # The bits of the group are the mask: what the ACL gives at most.
  [[ $(stat -c %a "$(only a)") == 640 ]] || fail "$(stat -c %a "$(only a)")"
  send b x
  [[ $(stat -c %a "$D/m/b" "$D/m/b/new" "$(only b)" | paste -sd ' ') == '750 750 640' ]] ||
    fail "$(stat -c '%a %n' "$D/m/b" "$D/m/b/new" "$(only b)")"
  with -U any -d "mbox:$D/m/mboxes/%n"
  send a x
  [[ $(stat -c %a "$D/m/mboxes/a") == 640 ]] || fail "$(stat -c %a "$D/m/mboxes/a")"
}
