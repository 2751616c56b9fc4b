#!/usr/bin/env bats
# -S: a recipient's own script.  What Sieve itself means is tests/sieve's; here
# is what becomes of its actions, and of scripts that are wrong.

load test_helper

setup() {
  base
  mkdir "$D/s"
  with -U any -d "maildir:$D/m/%n" -S "$D/s/%n:$D/s/default" -x none
}

# script NAME LINE...: the script of that recipient.
script() {
  printf '%s\n' "${@:2}" >"$D/s/$1"
}

# folder NAME...: folders of a's Maildir, which exists.
folder() {
  local name
  mkdir -p "$D/m/a/"{cur,new,tmp}
  for name; do
    mkdir -p "$D/m/a/.$name/"{cur,new,tmp}
  done
}

# holds WANT...: all messages of a, by directory; of those with flags, those.
holds() {
  local got
  got=$(cd "$D/m/a" && find . -path '*/new/*' -printf '%h\n' -o \
    -path '*/cur/*' -printf '%h %f\n' | sed -E 's|^\./||; s|/cur .*:2,|/cur:2,|; s|^cur .*:2,|cur:2,|' | sort)
  [[ $got == "$(printf '%s\n' "$@" | sort)" ]] || fail "$got"
}
nothing() {
  [[ -z $(find "$D/m" -type f -path '*/*/[nc][eu][wr]/*') ]]
}

# stored: one message, 250, and by its log line no error.
stored() {
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged ' status=delivered dsn=2\.1\.5 '
  unlogged 'sieve=.*error'
}

# spoiled WHERE WORDS: the same, but the script is said to be wrong there.
spoiled() {
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged " status=delivered dsn=2\\.1\\.5 sieve=\"$D/s/$1: error: .*$2"
  holds new
}

@test "the first script of the list that exists is the recipient's" {
  send a x
  stored
  unlogged 'sieve='
  script default 'require ["fileinto", "mailbox"];' 'fileinto :create "default";'
  send a x
  stored
  logged " sieve=$D/s/default "
  script a 'require ["fileinto", "mailbox"];' 'fileinto :create "own";'
  send a x
  stored
  logged " sieve=$D/s/a "
  holds new .default/new .own/new
  # A part of the way that is missing, or no directory, is a script missing.
  with -U any -d "maildir:$D/m/%n" -S "$D/s/a/x:$D/no/%n:$D/s/default"
  send a x
  holds new .default/new .default/new .own/new
}

@test "keep, and an empty script, are the inbox" {
  local text
  for text in 'keep;' '' '# nothing' 'if false { discard; }'; do
    rm -rf "$D/m/a"
    script a "$text"
    send a x
    stored
    logged " sieve=$D/s/a user=a uid=$(id -u) mailbox=maildir:$D/m/a file=\"new/"
    holds new
  done
}

@test "fileinto: / and . part the names, INBOX is the inbox" {
  local pair
  folder lists.c INBOX.there under
  for pair in lists/c=.lists.c/new lists.c=.lists.c/new INBOX=new \
    inbox=new InBox.under=.under/new INBOX/lists/c=.lists.c/new \
    INBOX/there=.INBOX.there/new; do
    script a 'require "fileinto";' "fileinto \"${pair%=*}\";"
    send a x
    stored
    holds "${pair#*=}"
    find "$D/m/a" -type f -delete
  done
}

@test "fileinto: UTF-8 in the script, modified UTF-7 on the disk" {
  folder
  script a 'require ["fileinto", "mailbox"];' 'fileinto :create "Gelöscht & weg";'
  send a x
  stored
  holds '.Gel&APY-scht &- weg/new'
}

@test "fileinto :create makes a folder as Maildir++ has them" {
  folder
  script a 'require ["fileinto", "mailbox"];' 'fileinto :create "a/b";'
  send a x
  stored
  [[ $(stat -c %a "$D/m/a/.a.b" "$D/m/a/.a.b/"{cur,new,tmp}) == $'700\n700\n700\n700' ]]
  [[ $(stat -c %a:%s "$D/m/a/.a.b/maildirfolder") == 600:0 ]]
  logged ' file=".a.b/new/'
  # The Maildir itself as well.
  rm -r "$D/m/a"
  send a x
  stored
  holds .a.b/new
  [[ -d $D/m/a/cur && -d $D/m/a/new && -d $D/m/a/tmp ]]
}

@test "a folder that is missing is an error: the inbox, without a flag" {
  folder there
  script a 'require ["fileinto", "imap4flags"];' \
    'fileinto :flags "\\Seen" "there";' '' 'fileinto "Missing";'
  send a x
  spoiled a:4 'no folder Missing'
  [[ ! -e $D/m/a/.Missing ]]
  rm "$D/m/a/new/"*
  script a 'require "fileinto"; fileinto "Missing";'
  send a x
  spoiled a:1 'no folder Missing'
}

@test "names that no folder may have are an error" {
  local name long
  long=$(printf '%0201d' 0)
  for name in a//b a..b .a a. / . '' "$long" INBOX/a//b "INBOX.$long" INBOX. '../../b'; do
    rm -rf "$D/m/a"
    script a 'require ["fileinto", "mailbox"];' "fileinto :create \"$name\";"
    send a x
    codes 220 250 250 250 354 '250 2.1.5' 221
    logged " sieve=\"$D/s/a:2:?[0-9]*: error: "
    holds new
  done
  script a 'require ["fileinto", "mailbox"];' "fileinto :create \"${long:1}\";"
  send a x
  stored
}

@test "a script that does not compile: the inbox; where and why in log and -c" {
  folder there
  script a 'require "fileinto";' 'fileinto "there";' '  nonsense;'
  send a x
  spoiled a:3:3 nonsense
  "$LMTPD" -c "${OPTIONS[@]}" a >"$D/out"
  [[ $(cut -f 1-2,6 "$D/out") == "a"$'\t'"ok"$'\t'"sieve:$D/s/a:3:3: error: "*nonsense* ]] ||
    fail "$(cat "$D/out")"
}

@test "-c says of each script what is wrong with it" {
  script a 'require "include";' 'include "part";'
  printf '\xef\xbb\xbfkeep;\n' >"$D/s/bom"
  printf 'keep;\n nonsense;\n' >"$D/s/part.sieve"
  mkdir "$D/s/dir"
  script open 'keep;'
  chmod 666 "$D/s/open"
  truncate -s 65537 "$D/s/large"
  ln -s nowhere "$D/s/torn"
  : >"$D/s/empty"
  "$LMTPD" -c "${OPTIONS[@]}" a bom dir open large torn empty >"$D/out"
  [[ $(cut -f 2,6 "$D/out") == "ok	sieve:$D/s/part.sieve:2:2: error: unknown command \"nonsense\"
ok	sieve:$D/s/bom:1:1: error: this character means nothing here
ok	sieve:$D/s/dir: error: it is no regular file
ok	sieve:$D/s/open: error: others may write to it
ok	sieve:$D/s/large: error: it is larger than 64 KiB
ok	sieve:-
ok	sieve:$D/s/empty" ]] || fail "$(cat "$D/out")"
}

@test "-c says which script there is, or none, and runs none" {
  script a 'require "fileinto";' 'fileinto "missing";'
  [[ $("$LMTPD" -c "${OPTIONS[@]}" a b | cut -f 2,6) == \
    $'ok\tsieve:'"$D/s/a"$'\nok\tsieve:-' ]]
  nothing
}

@test "flags are sorted, and the file goes to cur/" {
  folder f
  script a 'require ["fileinto", "imap4flags"];' \
    'keep :flags ["\\Flagged", "\\Seen", "\\Answered", "\\Draft", "\\Deleted", "$Known"];' \
    'fileinto :flags "\\seen" "f";'
  send a 'Subject: x' '' y
  stored
  holds cur:2,DFRST .f/cur:2,S
  script a 'require "imap4flags";' 'setflag "\\Seen"; addflag "\\Flagged";'
  send a x
  stored
  holds cur:2,DFRST .f/cur:2,S cur:2,FS
  [[ $(find "$D/m/a/cur" -name '*,FS') =~ ,S=2,W=3:2,FS$ ]]
  # Keywords are not kept.
  script a 'require "imap4flags";' 'setflag "$Work";'
  send a x
  holds cur:2,DFRST .f/cur:2,S cur:2,FS new
}

@test "several folders are several files, and one reply" {
  folder f g
  script a 'require ["fileinto", "copy"];' 'fileinto "f";' 'fileinto "g"; keep;'
  send a 'Subject: x' '' y
  stored
  holds new .f/new .g/new
  (($(grep -c ' status=' "$D/log") == 1))
  logged ' file=".f/new/[^ ]* file=".g/new/[^ ]* file="new/'
  cmp "$D/m/a/.f/new/"* "$D/m/a/new/"*
  cmp "$D/m/a/.g/new/"* "$D/m/a/new/"*
  (($(find "$D/m" -path '*/new/*' -printf '%f\n' | sort -u | wc -l) == 3))
}

@test "the same folder twice is one copy, with the last flags" {
  folder f
  script a 'require ["fileinto", "imap4flags", "copy"];' \
    'fileinto :copy :flags "\\Seen" "f";' 'fileinto :copy :flags "\\Flagged" "f";' \
    'fileinto :flags "\\Draft" "INBOX"; keep :flags "\\Answered";' \
    'fileinto :copy :flags "\\Deleted" "INBOX/f";'
  send a x
  stored
  holds cur:2,R .f/cur:2,T
}

@test "discard is 250, and said in the log" {
  script a 'discard;'
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged " status=discarded dsn=2\\.1\\.5 sieve=$D/s/a .* size=[1-9]"
  unlogged ' (file|reason)='
  logged 'messages=1 .*discarded=1|delivered=1'
  nothing
}

@test "reject: the script's words, line by line" {
  script a 'require "reject";' 'reject text:' 'No.' '' '  Not "this".' . ';'
  send a x
  codes 220 250 250 250 354 '550 5.7.1' 221
  [[ ${REPLIES[*]} == *'550-5.7.1 No. 550 5.7.1   Not "this". 221'* ]] || fail
  logged " status=refused dsn=5\\.7\\.1 reason=\"refused by the script\" sieve=$D/s/a "
  nothing
  # At most eight lines, and none longer than 254 bytes.
  script a 'require "ereject";' 'ereject text:' {1..9} "$(printf '%0500d' 0)" . ';'
  send a x
  codes 220 250 250 250 354 '550 5.7.1' 221
  replied '^550-5.7.1 7$'
  replied '^550 5.7.1 8$'
  script a 'require "ereject";' 'ereject text:' "$(printf '%0500d' 0)" . ';'
  send a x
  codes 220 250 250 250 354 '550 5.7.1' 221
  ((${#REPLIES[-2]} == 252)) || fail "${#REPLIES[-2]} bytes"
  # Control characters cannot be sent, a text without words says nothing.
  script a 'require "ereject";' $'ereject "a\tb\x01c";'
  send a x
  codes 220 250 250 250 354 '550 5.7.1' 221
  script a 'require "ereject";' 'ereject " ";'
  send a x
  replied '^550 5.7.1 The recipient refuses this message$'
}

@test "reject: UTF-8 after SMTPUTF8 alone, else words in ASCII" {
  script a 'require "reject";' 'reject "Nein, schöner nicht";'
  send a x
  codes 220 250 250 250 354 '550 5.7.1' 221
  replied '^550 5.7.1 The recipient refuses this message$'
  say 'LHLO c' 'MAIL FROM:<s@x> SMTPUTF8' 'RCPT TO:<a>' DATA x . QUIT
  codes 220 250 250 250 354 '550 5.7.1' 221
  replied '^550 5.7.1 Nein, schöner nicht$'
  # No character is cut in two where a line is too long for a reply.
  script a 'require "reject";' "reject \"x$(printf 'é%.0s' {1..200})\";"
  say 'LHLO c' 'MAIL FROM:<s@x> SMTPUTF8' 'RCPT TO:<a>' DATA x . QUIT
  codes 220 250 250 250 354 '550 5.7.1' 221
  replied '^550 5.7.1 x(é){100,}$'
}

@test "two refusals, or one beside a delivery, are an error" {
  script a 'require ["reject", "fileinto", "mailbox"];' 'fileinto :create "f";' 'reject "x";'
  send a x
  spoiled a:3:1 .
  rm -r "$D/m/a"
  script a 'require "reject";' 'reject "x";' 'reject "y";'
  send a x
  spoiled a:3:1 .
}

@test "a script that others can write to, is too large, or none, is not run" {
  folder
  script a 'discard;'
  chmod 620 "$D/s/a"
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged "sieve=\"$D/s/a: error: .*others may write"
  chmod 602 "$D/s/a"
  send a x
  logged "sieve=\"$D/s/a: error: .*others may write"
  chmod 600 "$D/s/a"
  head -c 65529 /dev/zero | tr '\0' ' ' >>"$D/s/a"
  send a x
  logged "sieve=\"$D/s/a: error: .*64 KiB"
  truncate -s 65536 "$D/s/a"
  truncate -s 65530 "$D/s/a"
  rm "$D/s/a"
  mkdir "$D/s/a"
  send a x
  logged "sieve=\"$D/s/a: error: .*no regular file"
  rmdir "$D/s/a"
  mkfifo "$D/s/a"
  send a x
  logged "sieve=\"$D/s/a: error: .*no regular file"
  (($(count a) == 5))
  rm "$D/s/a"
  # Just as large as it may be.
  { echo 'discard;'; head -c 65527 /dev/zero | tr '\0' ' '; } >"$D/s/a"
  send a x
  logged 'status=discarded'
}

@test "a link to a script is followed; what is included lies beside the script" {
  mkdir "$D/real"
  printf 'require ["include"];\ninclude :personal "part";\n' >"$D/real/active"
  printf 'discard;\n' >"$D/real/part.sieve"
  ln -s "$D/real/active" "$D/s/a"
  send a x
  logged " status=discarded .*sieve=$D/s/a "
  printf 'keep;\nwrong;\n' >"$D/real/part.sieve"
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged " sieve=\"$D/real/part.sieve:2:1: error: "
  # A name may be short; the script's own errors are the script's.
  printf 'keep;\n' >"$D/real/part.sieve"
  printf 'require ["include"];\ninclude :personal "p";\n' >"$D/real/active"
  printf 'wrong;\n' >"$D/real/p.sieve"
  send a x
  logged " sieve=\"$D/real/p.sieve:1:1: error: "
  printf 'require ["include"];\ninclude :personal "part";\n' >"$D/real/active"
  # One that is not there, is another's, or is not below it.
  rm "$D/real/part.sieve"
  send a x
  logged " sieve=\"$D/s/a:2:[0-9]+: error: "
  printf 'discard;\n' >"$D/real/part.sieve"
  chmod 660 "$D/real/part.sieve"
  send a x
  logged " sieve=\"$D/s/a:2:[0-9]+: error: "
  printf 'discard;\n' >"$D/other.sieve"
  chmod 600 "$D/other.sieve"
  printf 'require ["include"];\ninclude :personal "../other";\n' >"$D/real/active"
  send a x
  logged " sieve=\"$D/s/a:2:[0-9]+: error: "
  (($(count a) == 5))
}

# shut FILE: what cannot be read is 451, of a delivery and of -c.
shut() {
  chmod 0 "$1"
  send a x
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=\"open $1: Permission denied"
  STATUS=0
  "$LMTPD" -c "${OPTIONS[@]}" a >"$D/out" 2>"$D/log" || STATUS=$?
  exits 1
  [[ $(cut -f 2 "$D/out") == '451 4.3.0'* ]] || fail "-c: $(<"$D/out")"
  chmod 600 "$1"
}

@test "a script that cannot be opened is 451 4.3.0, at RCPT of -c too" {
  script a 'discard;'
  shut "$D/s/a"
  chmod 0 "$D/s"
  send a x
  chmod 700 "$D/s"
  codes 220 250 250 250 354 '451 4.3.0' 221
  # So it is with one that it includes.
  script a 'require "include";' 'include :optional "part";' 'discard;'
  script part.sieve 'discard;'
  shut "$D/s/part.sieve"
  nothing
}

@test "what passes a limit is an error, by name" {
  script a 'require ["fileinto", "mailbox", "copy"];'
  for i in {1..32}; do
    echo "fileinto :copy :create \"f$i\";"
  done >>"$D/s/a"
  send a x
  # The implicit keep would be the 33rd.
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged 'sieve=".*error: .*'
  holds new
  rm -r "$D/m/a"
  sed -i 's/"f32"/"INBOX"/' "$D/s/a"
  send a x
  stored
  (($(find "$D/m/a" -path '*/new/*' | wc -l) == 32))
  rm -r "$D/m/a"
  script a 'require ["variables"];' 'set "a" "0123456789";' \
    "$(for i in {1..12}; do echo 'set "a" "${a}${a}${a}";'; done)" 'discard;'
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged ' sieve="'
  holds new
}

@test "a script that would take for ever is stopped" {
  { echo 'require ["variables", "body", "regex"];'
    echo 'set "a" "(x?x?x?x?x?)*y";'
    for _ in {1..300}; do
      echo 'if body :regex "((x+x+)+x+)+y" { discard; }'
    done
  } >"$D/s/a"
  send a 'Subject: x' '' "$(head -c 60000 /dev/zero | tr '\0' x | fold -w 900)"
  spoiled 'a[0-9:]*' .
}

@test "-S with mbox, an empty one and one that is no path are wrong options" {
  local wrong
  with -d "mbox:$D/m/%n" -S "$D/s/%n"
  talk </dev/null
  codes '421 4.3.5'
  exits 64
  for wrong in '' : "$D/s/%n:" 's/%n' "$D/s/%n:s" "$D/%x"; do
    with -U any -d "maildir:$D/m/%n" -S "$wrong"
    talk </dev/null
    codes '421 4.3.5'
    exits 64
  done
}

@test "the quota is asked for all copies before the first" {
  folder f g
  script a 'require ["fileinto"];' 'fileinto "f"; fileinto "g";'
  also -q 5
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  holds .f/new .g/new
  send a x
  codes 220 250 250 250 354 '452 4.2.2' 221
  holds .f/new .g/new
  # Counted anew, before it is called full.
  same "$D/m/a/maildirsize" '5S\n4 2\n'
  # What goes to the Trash is not counted.
  script a 'require ["fileinto", "mailbox"];' 'fileinto :create "Trash";'
  send a xxxxx
  codes 220 250 250 250 354 '250 2.1.5' 221
  also -Q
  script a 'keep;'
  send a x
  codes 220 250 250 250 354 '552 5.2.2' 221
  logged ' quota=4/5 '
}

@test "-f and -F say where keep goes" {
  folder here
  script a 'keep;'
  also -f
  send a+here x
  send a+none x
  holds .here/new new
  also -F
  send a+made x
  holds .here/new new .made/new
  script a 'require "imap4flags";' 'setflag "\\Seen";'
  send a+here x
  holds .here/new new .made/new .here/cur:2,S
  # A script's own folder, and an error, are not moved by it; the inbox is.
  script a 'require "fileinto";' 'fileinto "INBOX";'
  send a+here x
  holds .here/new new new .made/new .here/cur:2,S
}

@test "-o: one copy, as the first one's script has it" {
  local i
  script a 'require ["fileinto", "mailbox", "copy"];' 'fileinto :create :copy "f";'
  also -o
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' 'RCPT TO:<a+x>' DATA x . QUIT
  codes 220 250 250 250 250 250 354 '250 2.1.5' '250 2.1.5' '250 2.1.5' 221
  holds new .f/new
  (($(count b) == 1))
  script a 'require "reject";' 'reject "No.";'
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<a>' DATA x . QUIT
  codes 220 250 250 250 250 354 '550 5.7.1' '550 5.7.1' 221
  [[ ${REPLIES[-2]} == '550 5.7.1 No.' ]]
  (($(grep -c ' status=refused' "$D/log") == 2))
  script a 'discard;'
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<a>' DATA x . QUIT
  codes 220 250 250 250 250 354 250 250 221
  (($(grep -c ' status=discarded' "$D/log") == 2)) || fail
}

@test "each recipient has its own script, and its own trouble" {
  script a 'discard;'
  script b 'require "reject";' 'reject "x";'
  script c 'nonsense'
  script e 'keep;'
  chmod 0 "$D/s/e"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' 'RCPT TO:<c>' \
    'RCPT TO:<d>' 'RCPT TO:<e>' 'RCPT TO:<a>' DATA x . QUIT
  codes 220 250 250 250 250 250 250 250 250 354 \
    250 '550 5.7.1' 250 250 '451 4.3.0' 250 221
  (($(count c) == 1))
  (($(count d) == 1))
  (($(find "$D/m" -type f | wc -l) == 2))
}

@test "a large message, its script and its size" {
  # 100000 lines of 20 octets with their CRLF, and a header of 18.
  { printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA 'Subject: large' ''
    yes 012345678901234567 | head -n 100000 | sed 's/$/\r/'
    printf '%s\r\n' . QUIT
  } >"$D/in"
  script a 'require ["fileinto", "mailbox"];' \
    'if allof(header "subject" "large", size :over 2000017,' \
    'not size :over 2000018) { fileinto :create "exact"; }'
  talk <"$D/in"
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged ' size=1900016 '
  holds .exact/new
  (($(stat -c %s "$D/m/a/.exact/new/"*) == 1900016))
  [[ $(tail -n 1 "$D/m/a/.exact/new/"*) == 012345678901234567 ]]
  # Of its body the first MiB is looked at.
  sed -i 's/^Subject.*\r$/&\n/; 6000s/.*/near here\r/; 99000s/.*/far off\r/' "$D/in"
  sed -i '6{/^$/d}' "$D/in"
  script a 'require ["body", "imap4flags"];' 'if body :contains "near here" { addflag "\\Seen"; }' \
    'if body :raw :contains "far off" { addflag "\\Draft"; }'
  talk <"$D/in"
  codes 220 250 250 250 354 '250 2.1.5' 221
  holds .exact/new cur:2,S
}

@test "a test of the size counts CRLF, as the message is stored" {
  local n
  for n in 9 10; do
    script a "if size :over $n { discard; }"
    send a 'a: b' '' x
    codes 220 250 250 250 354 250 221
    logged "status=$( ((n < 11)) && echo discarded || echo delivered)"
  done
  script a 'if size :over 11 { discard; }'
  send a 'a: b' '' x
  stored
}

@test "tests see the trace headers, and what a reader would" {
  local host
  with -U any -d "maildir:$D/m/%n" -S "$D/s/%n"
  script a 'require ["fileinto", "mailbox", "envelope", "subaddress", "environment"];' \
    'if allof(header :contains "Received" "for <a+d@x.example>",' \
    'header :is "Return-Path" "<sender@from.example>", header :is "Subject" "x",' \
    'header :is "Delivered-To" "a+d@x.example",' \
    'envelope :is "from" "sender@from.example",' \
    'envelope :user "to" "a", envelope :detail "to" "d",' \
    'environment "host" "test.example", environment "name" "lmtpd",' \
    'environment "remote-host" "client.example",' \
    'not header :contains "Return-Path" "other") { fileinto :create "all"; }'
  send a+d@x.example 'Return-Path: <other>' 'Subject: x' '' y
  stored
  holds .all/new
  host=$(printf '%s\n' "${REPLIES[0]}")
  [[ $host == '220 test.example '* ]]
}

@test "mailboxexists knows the folders" {
  folder there
  script a 'require ["mailbox", "imap4flags"];' \
    'if mailboxexists ["INBOX", "there", "INBOX.there"] { addflag "\\Seen"; }' \
    'if mailboxexists "missing" { addflag "\\Draft"; }' \
    'if mailboxexists "a//b" { addflag "\\Deleted"; }'
  send a x
  stored
  holds cur:2,S
}

@test "a folder that cannot be looked for is 451 4.3.0" {
  folder there
  script a 'require "mailbox";' 'if mailboxexists "there" { discard; }'
  chmod 0 "$D/m/a"
  send a x
  chmod 700 "$D/m/a"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=\"stat a folder of $D/m/a: Permission denied"
  nothing
}

@test "a script that is shorter than its size is run as far as it goes" {
  local file=/sys/kernel/uevent_seqnum
  [[ $(stat -c %s "$file") == 4096 && $(wc -c <"$file") -lt 4096 ]] || skip 'no such file here'
  # It is root's, as it may be.
  ln -s "$file" "$D/s/a"
  send a x
  spoiled a:1:1 .
}

@test "copies fail together: nothing of the message stays" {
  folder f g
  script a 'require ["fileinto"];' 'fileinto "f"; fileinto "g"; keep;'
  chmod 500 "$D/m/a/.g/tmp"
  send a x
  codes 220 250 250 250 354 '451 4.3.0' 221
  chmod 700 "$D/m/a/.g/tmp"
  chmod 500 "$D/m/a/.g/new"
  send a x
  codes 220 250 250 250 354 '451 4.3.0' 221
  chmod 700 "$D/m/a/.g/new"
  nothing
  rm -r "$D/m/a/.g"
  touch "$D/m/a/.g"
  send a x
  spoiled a:2 'no folder g'
}

@test "more copies than go into one group" {
  local i lines=()
  for i in {1..6}; do
    lines+=('RCPT TO:<a>')
  done
  { echo 'require ["fileinto", "mailbox"];'
    for i in {1..30}; do
      echo "fileinto :create \"f$i\";"
    done
  } >"$D/s/a"
  say 'LHLO c' 'MAIL FROM:<>' "${lines[@]}" 'RCPT TO:<b>' DATA x . QUIT
  codes 220 250 250 250 250 250 250 250 250 250 354 250 250 250 250 250 250 250 221
  (($(find "$D/m/a" -path '*/new/*' | wc -l) == 180))
  (($(count b) == 1))
}

@test "the size that a script sees is that of what is stored, with CRLF" {
  local want
  with -U any -d "maildir:$D/m/%n" -S "$D/s/%n"
  # A field that is dropped, a line that is added, and the trace headers.
  for text in 'Return-Path: <other>' 'no field'; do
    script a 'keep;'
    send a "$text" 'Subject: x' '' y
    [[ $(only a) =~ ,W=([0-9]+)$ ]]
    want=${BASH_REMATCH[1]}
    rm "$(only a)"
    script a 'require ["fileinto", "mailbox"];' \
      "if allof(size :over $((want - 1)), not size :over $want) { fileinto :create \"exact\"; }"
    send a "$text" 'Subject: x' '' y
    stored
    holds .exact/new
    rm -r "$D/m/a/.exact"
  done
}

@test "the date is that of the delivery" {
  local before after
  script a 'require ["date", "variables", "fileinto", "mailbox"];' \
    'if currentdate :zone "+0000" :matches "iso8601" "*T*" { set "day" "${1}"; }' \
    'fileinto :create "${day}";'
  before=$(date -u +%F)
  send a x
  after=$(date -u +%F)
  stored
  (($(find "$D/m/a/.$before/new" "$D/m/a/.$after/new" -type f 2>/dev/null | sort -u | wc -l) == 1))
}

@test "the environment: zone, address and version" {
  script a 'require ["date", "environment", "imap4flags"];' \
    'if currentdate :is "zone" "+0530" { addflag "\\Seen"; }' \
    'if environment :is "remote-ip" "192.0.2.7" { addflag "\\Draft"; }' \
    'if environment :is "remote-ip" "2001:db8::7" { addflag "\\Answered"; }' \
    "if environment :is \"version\" \"$("$LMTPD" -V | cut -d ' ' -f 2-)\" { addflag \"\\\\Flagged\"; }"
  also -p TCPREMOTEIP
  TZ=XYZ-5:30 TCPREMOTEIP=192.0.2.7 send a x
  stored
  # With Received too.
  with -U any -d "maildir:$D/m/%n" -S "$D/s/%n" -p TCPREMOTEIP
  TZ=UTC TCPREMOTEIP=2001:db8::7 send a x
  stored
  TZ=UTC send a x
  stored
  holds cur:2,DFS cur:2,FR cur:2,F
}

@test "include: 64 scripts at most" {
  local i
  script a 'require "include";'
  for i in {1..64}; do
    echo '# nothing' >"$D/s/p$i.sieve"
    echo "include \"p$i\";" >>"$D/s/a"
  done
  send a x
  stored
  cp "$D/s/p1.sieve" "$D/s/p65.sieve"
  echo 'include "p65";' >>"$D/s/a"
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged "sieve=\"$D/s/a:66:[0-9]+: error: more than 64 scripts are included"
}

# troubled INJECTION...: a message for a, whose script discards, and for those
# of OTHERS, while calls of the process or its children fail so.  RULES are
# other rules of a's.
troubled() {
  local each=("${@/#/--inject=}")
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  script a "${RULES-discard;}"
  {
    printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>'
    # shellcheck disable=SC2086 # a word for each
    printf 'RCPT TO:<%s>\r\n' a ${OTHERS-}
    printf '%s\r\n' DATA x . QUIT
  } >"$D/in"
  strace -f -qq -o "$D/calls" "${each[@]}" "$LMTPD" -e -H test.example \
    "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log" 3>&-
  hold "$D/out"
  grep -Eq 'INJECTED|DELAYED|killed by SIGKILL' "$D/calls" || fail "$(cat "$D/calls")"
}

@test "a child that cannot be made is 451 4.3.0" {
  troubled pipe2:error=EMFILE
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=\"pipe2 for $D/s/a: (Too many open files|No file descriptors)"
  troubled fork,clone,clone3,vfork:error=EAGAIN
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=\"fork for $D/s/a: Resource temporarily unavailable"
  troubled fcntl,fcntl64:error=EAGAIN
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=\"fcntl for $D/s/a: Resource temporarily unavailable"
  nothing
}

@test "a child that dies, fails or hangs is an error of the script" {
  troubled dup2,dup3:signal=SIGKILL
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged "sieve=\"$D/s/a: error: its child died or took too long"
  troubled dup2,dup3:error=EBADF
  logged "sieve=\"$D/s/a: error: its child died or took too long"
  troubled dup2,dup3:delay_enter=3000000
  logged "sieve=\"$D/s/a: error: its child died or took too long"
  logged ' delay=[2-9]\.'
  holds new new new
}

@test "a script that cannot be read is 451 4.3.0, and no error of the script" {
  local i
  # The process itself reads less often than that.
  for i in {1..40}; do
    script "p$i.sieve" 'stop;'
    echo "include \"p$i\";"
  done >"$D/includes"
  RULES="require \"include\"; $(cat "$D/includes")" troubled read:error=EIO:when=30
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=\"read $D/s/p29.sieve: (Input/output|I/O) error"
  nothing
}

@test "where links lead cannot be told: what is included lies beside the link" {
  script part.sieve 'discard;'
  RULES='require "include"; include "part";' troubled readlink,readlinkat:error=EIO
  codes 220 250 250 250 354 250 221
  logged ' status=discarded '
}

@test "a script's disk is waited for before its child is made" {
  local last
  # A dynamic linker has calls of that name before.
  troubled pread64:delay_enter=1
  last=$(grep -c 'pread64(.*DELAYED' "$D/calls")
  grep -q 'pread64([0-9]*, [^,]*, 1, 0)' "$D/calls" || fail "$(cat "$D/calls")"
  troubled "pread64:error=EIO:when=$last"
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged "reason=\"open $D/s/a: (Input/output|I/O) error"
  nothing
  troubled "pread64:delay_enter=2500000:when=$last"
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged ' status=discarded .* delay=[2-9]\.'
  nothing
}

@test "nobody waits for the scripts of many others" {
  local ms
  script b 'discard;'
  script c 'discard;'
  OTHERS='b c' troubled dup2,dup3:delay_enter=3000000
  codes 220 250 250 250 250 250 354 '250 2.1.5' '250 2.1.5' '250 2.1.5' 221
  mapfile -t ms < <(sed -n 's/.* delay=\([0-9]*\)\.\([0-9]*\)$/\1\2/p' "$D/log")
  # Each is answered before the next one's script, which takes its two seconds.
  ((${#ms[@]} == 3 && 10#${ms[1]} - 10#${ms[0]} >= 1900 && 10#${ms[2]} - 10#${ms[1]} >= 1900)) ||
    fail "${ms[*]}"
}

@test "a child may say more than a pipe takes" {
  local i
  for i in {1..32}; do
    printf 'fileinto "%s%01000d";\n' "$i" 0
  done >"$D/files"
  script a 'require "fileinto";' "$(cat "$D/files")"
  # Who has very many pipes gets small ones.
  unkind UNKIND_PIPE=4096
  send a x
  codes 220 250 250 250 354 '250 2.1.5' 221
  logged "sieve=\"$D/s/a:2: error: (no folder can be called|there is no folder) 10"
  holds new
}

@test "memory that is refused for a script's path, or for its refusal, is 451" {
  local name words
  name=$(printf '%0150d' 0)
  words=$(printf '%0170d' 0)
  mkdir "$D/paths"
  with -U any -d "maildir:$D/m/%n" -S "$D/paths/%n:$D/paths/none" -x none
  echo 'discard;' >"$D/paths/$name"
  printf 'require "reject";\nreject "%s";\n' "$words" >"$D/paths/a"
  unkind "UNKIND_MALLOC=$((${#D} + 7 + 150 + 1))"
  send "$name" x
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged 'reason="strdup script: (Cannot allocate|Out of) memory'
  unkind UNKIND_MALLOC=171
  send a x
  codes 220 250 250 250 354 '451 4.3.0' 221
  logged 'reason="strdup refusal: (Cannot allocate|Out of) memory'
}

@test "-c goes on as soon as a script's child has ended" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  mkdir -p "$D/m/a/"{cur,new,tmp}
  script a 'discard;'
  # It waits for the child's pipe, and not until a time is over.
  strace -qq -e trace=/ppoll -o "$D/calls" "$LMTPD" "${OPTIONS[@]}" -c a >"$D/said"
  grep -q '^ppoll.* = 1 ' "$D/calls" || fail "$(cat "$D/calls")"
}

@test "SIGTERM while a script runs: 451, and 421" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  script a 'discard;'
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . NOOP >"$D/in"
  strace -D -f -qq -o "$D/calls" --inject=dup2,dup3:delay_enter=1500000 "$LMTPD" \
    -e -H test.example "${OPTIONS[@]}" < <(cat "$D/in"; sleep 4) >"$D/out" 2>"$D/log" 3>&- &
  SESSION=$!
  await eval 'grep -q dup "$D/calls" || [[ -e /proc/$SESSION/task/$SESSION/children &&
    -n $(cat /proc/$SESSION/task/$SESSION/children) ]]'
  sleep 0.2
  kill "$SESSION"
  wait "$SESSION"
  SESSION=
  hold "$D/out"
  codes 220 250 250 250 354 '451 4.3.0' '421 4.3.2'
  nothing
}

@test "the child keeps nothing but a pipe, and gives up what it could do" {
  local call
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  script a 'discard;'
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA x . QUIT >"$D/in"
  # A file for each process; the child is the one that calls dup2.
  strace -ff -qq -o "$D/calls" "$LMTPD" "${OPTIONS[@]}" <"$D/in" >"$D/out" 2>"$D/log" 3>&-
  hold "$D/out"
  codes 220 250 250 250 354 250 221
  # No terminal that is put there becomes the process's own.
  grep -q 'open.*O_RDONLY|O_NOCTTY|O_NONBLOCK' "$D/calls".* || fail "$(cat "$D/calls".*)"
  sed '1,/^dup2/d' "$(grep -l '^dup2' "$D/calls".*)" >"$D/child"
  for call in 'close_range\(2, 4294967295, 0\) += 0' 'close\(1\) += 0' 'RLIMIT_CPU.* = 0' 'RLIMIT_AS.* = 0' \
    'RLIMIT_CORE.* = 0' 'PR_SET_PDEATHSIG' 'PR_SET_DUMPABLE, (SUID_DUMP_DISABLE|0)'; do
    grep -Eq "$call" "$D/child" || fail "$call" "$(cat "$D/child")"
  done
  # Whoever it has become may stop it while it reads.
  sed '/^read/,$d' "$D/child" | grep -q PR_SET_DUMPABLE || fail "$(cat "$D/child")"
  if "$LMTPD" -v "${OPTIONS[@]}" -e <"$D/in" 2>&1 >/dev/null | grep -q seccomp; then
    [[ $(sed '1,/^seccomp(.* = 0$/d; s/[( ].*//' "$D/child" | sort -u |
      grep -vx 'brk\|mmap\|munmap' | paste -sd ' ') == 'exit_group write' ]] ||
      fail "$(cat "$D/child")"
  fi
}

@test "scripts as panels and users write them compile, but for six" {
  local names
  names=$(cd "${BATS_TEST_FILENAME%/*}/sieve-scripts" && printf '%s\n' * | sed 's/\.sieve$//')
  with -U any -d "maildir:$D/m/%n" -S "${BATS_TEST_FILENAME%/*}/sieve-scripts/%n.sieve"
  # shellcheck disable=SC2086 # a word for each script
  "$LMTPD" -c "${OPTIONS[@]}" $names >"$D/out"
  (($(grep -c $'\tok\t' "$D/out") == $(wc -l <<<"$names"))) || fail "$(cat "$D/out")"
  [[ $(sed -n 's/^\([^\t]*\)\t.*sieve:.*\.sieve:\([0-9:]*\): error: .*/\1 \2/p' "$D/out") == \
'attachments 1:9
no-require 1:43
redirect-copy 2:1
require-late 5:1
semicolon 2:47
vacation-and-spam 1:9' ]] || fail "$(cat "$D/out")"
}
