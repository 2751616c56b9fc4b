#!/usr/bin/env bats
# Section 2 of the manual: the options, and what a wrong one gets.

load test_helper

# wrong OPTION...: is refused, to the log and to the client.
wrong() {
  STATUS=0
  "$LMTPD" "$@" >"$D/out" 2>"$D/log" </dev/null || STATUS=$?
  hold "$D/out"
  exits 64
  codes '421 4.3.5'
  ((${#REPLIES[@]} == 1))
  logged .
}

# right OPTION...: a session with it begins and ends.
right() {
  with "$@"
  say QUIT
  exits 0
  codes 220 221
}

@test "-V prints name and version" {
  run -0 "$LMTPD" -V
  [[ $output =~ ^lmtpd\ [0-9]+\.[0-9]+ ]]
  ((${#lines[@]} == 1))
}

@test "an unknown option is refused" {
  wrong -Z
  wrong -d
  wrong --help
  logged 'no option --help'
}

@test "operands without -c are refused" {
  wrong -U any -d "maildir:$D/m/%n" operand
  logged operand
}

@test "-d takes mbox: and maildir: and an absolute template" {
  right -U any -d "mbox:$D/m/%n"
  right -U any -d "maildir:$D/m/%n"
  wrong -U any -d "$D/m/%n"
  wrong -U any -d "mh:$D/m/%n"
  wrong -U any -d "maildir:m/%n"
  wrong -U any -d "maildir:%n"
  wrong -U any -d maildir:
  wrong -U any -d ''
  wrong -U any -d mbox
  wrong -U any -d "$(printf '%0500d' 0)"
}

@test "-d refuses an unknown letter after a per cent sign" {
  wrong -U any -d "maildir:$D/m/%x"
  wrong -U any -d "maildir:$D/m/%"
}

@test "-d: %n %d %u and %% in the template" {
  mkdir "$D/m/%"
  with -U any -d "maildir:$D/m/%%/%d/%n/%u"
  send alice@Example.ORG x
  codes 220 250 250 250 354 250 221
  text %/example.org/alice/alice@example.org
}

@test "-d: %u is the name where the address has no domain" {
  with -U any -d "maildir:$D/m/%u"
  send alice x
  text alice
}

@test "-d: %d for a recipient without a domain is 550 5.1.3" {
  with -U any -d "maildir:$D/m/%d/%n"
  send alice x
  codes 220 250 250 '550 5.1.3' '503 5.5.1' '500 5.5.1' '500 5.5.1' 221
}

@test "-S: a domain that is missing, or could lead elsewhere, is 550 5.1.3" {
  mkdir -p "$D/s/[a"
  echo 'discard;' >"$D/s/[a/b]"
  with -U any -d "maildir:$D/m/%n" -S "$D/s/%d"
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<alice>' 'RCPT TO:<alice@[a/b]>' \
    'RCPT TO:<alice@x>' QUIT
  codes 220 250 250 '550 5.1.3' '550 5.1.3' 250 221
}

@test "a wrong template says which option it is of" {
  wrong -U any -d maildir:m
  logged ' -d: '
  wrong -U any -d "maildir:$D/m/%n" -S s
  logged ' -S: '
  wrong -U any -d "maildir:$D/m/%n" -S "$D/s:other"
  logged ' -S: .*"other"'
}

@test "-d: %h and ~/ are the home directory" {
  mkdir "$D/m/home"
  echo "alice::$(id -u):$(id -g)::$D/m/home::" >"$D/users"
  with -U "file:$D/users" -d 'maildir:~/Maildir'
  send alice x
  text home/Maildir
  with -U "file:$D/users" -d 'maildir:%h/other'
  send alice x
  text home/other
}

@test "-d: a user of the system has its home directory there" {
  with -U passwd -d 'maildir:~/Maildir'
  run "$LMTPD" -c "${OPTIONS[@]}" "$(me)"
  [[ $output == *"	maildir:$(getent passwd "$(me)" | cut -d : -f 6)/Maildir	"* ]]
}

@test "-d: a home that the users do not have is refused" {
  wrong -U any -d 'maildir:~/Maildir'
}

@test "-H names the host in the greeting" {
  say QUIT
  replied '^220 test\.example( |$)'
}

@test "without -H the greeting has the system's name" {
  run -0 "$LMTPD" -e "${OPTIONS[@]}" <<<QUIT
  [[ ${lines[0]} == "220 $(uname -n) "* ]]
}

@test "-H takes 100 bytes and no more" {
  local name
  name=$(printf '%0100d' 0)
  run -0 "$LMTPD" -e -H "$name" "${OPTIONS[@]}" <<<QUIT
  [[ ${lines[0]} == "220 $name "* ]]
  wrong -H "0$name" "${OPTIONS[@]}"
}

@test "-m bounds the recipients of a transaction" {
  also -m 2
  say 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' 'RCPT TO:<c>' \
    DATA x . 'MAIL FROM:<>' 'RCPT TO:<c>' QUIT
  codes 220 250 250 250 250 '452 4.5.3' 354 250 250 250 250 221
  replied '^250[- ]LIMITS RCPTMAX=2$'
}

@test "-m is 1000 if nothing is said" {
  say 'LHLO c' QUIT
  replied '^250[- ]LIMITS RCPTMAX=1000$'
}

@test "-m, -s, -t and -q want sensible numbers" {
  local value
  for value in '' x -1 1x 99999999999999999999; do
    wrong -m "$value" "${OPTIONS[@]}"
    wrong -t "$value" "${OPTIONS[@]}"
    wrong -s "$value" "${OPTIONS[@]}"
    wrong -q "$value" "${OPTIONS[@]}"
  done
  wrong -m 0 "${OPTIONS[@]}"
  for value in 1KK 1Kb 0x10 ' 1' '1 ' 1.5G 9999999999T; do
    wrong -s "$value" "${OPTIONS[@]}"
    wrong -q "$value" "${OPTIONS[@]}"
  done
  for value in '1K,' 1K,x 1K,1,1 ','; do
    wrong -q "$value" "${OPTIONS[@]}"
  done
}

@test "-s: K, M and G, and none" {
  local pair
  for pair in 5=5 3K=3072 2M=2097152 1G=1073741824; do
    with -s "${pair%=*}" -U any -d "maildir:$D/m/%n"
    say 'LHLO c' QUIT
    replied "^250[- ]SIZE ${pair#*=}\$"
  done
  with -s 0 -U any -d "maildir:$D/m/%n"
  say 'LHLO c' 'MAIL FROM:<> SIZE=9000000000000' QUIT
  replied '^250[- ]SIZE( 0)?$'
  codes 220 250 250 221
}

@test "-s refuses what is larger, at MAIL and after the message" {
  also -s 1K
  say 'LHLO c' 'MAIL FROM:<> SIZE=1025' 'MAIL FROM:<> SIZE=1024' \
    'RCPT TO:<a>' 'RCPT TO:<b>' DATA "$(printf '%01000d' 0)" \
    "$(printf '%01000d' 0)" . NOOP QUIT
  codes 220 250 '552 5.3.4' 250 250 250 354 '552 5.3.4' '552 5.3.4' 250 221
  also -s 1
  say 'LHLO c' 'MAIL FROM:<> SIZE=2' 'MAIL FROM:<> SIZE=1' 'RCPT TO:<a>' DATA '' . QUIT
  codes 220 250 '552 5.3.4' 250 250 354 '552 5.3.4' 221
  (($(count a) == 0))
}

@test "-q takes bytes with K, M, G or T, and messages" {
  local value
  for value in 0 100 1K 1M 1G 1T 1K,5 0,5; do
    right -q "$value" -U any -d "maildir:$D/m/%n"
  done
}

@test "-r says which characters begin the detail; the first found ends the user" {
  also -r -+
  send a-b+c x
  text a
  send d+e-f x
  text d
}

@test "-r '' is none, and + if nothing is said" {
  send a+b x
  text a
  also -r ''
  send a+b x
  text a+b
  send c-d x
  text c-d
}

@test "-T is where a large message waits" {
  also -T "$D/absent"
  { printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' DATA
    yes "$(printf '%070d\r' 0)" | head -c 2160000
    printf '%s\r\n' . QUIT
  } >"$D/in"
  talk <"$D/in"
  codes 220 250 250 250 250 354 '451 4.3.0' '451 4.3.0' 221
  logged "$D/absent"
  (($(count a) == 0))
  mkdir "$D/spool"
  also -T "$D/spool"
  talk <"$D/in"
  codes 220 250 250 250 250 354 250 250 221
  [[ -z $(ls -A "$D/spool") ]]
}

@test "-T: a quota of that place is not the recipient's" {
  [[ -z ${SANITIZED-} ]] || skip 'a sanitizer wants no tracer'
  local rcpts n want
  mkdir "$D/spool"
  for rcpts in a ab; do
    n=${#rcpts}
    { printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>'
      printf 'RCPT TO:<%s>\r\n' a b | head -n "$n"
      printf '%s\r\n' DATA 'X: y' ''
      yes "$(printf '%070d\r' 0)" | head -n 20000
      printf '%s\r\n' . QUIT
    } >"$D/in"
    # Two writes are replies; for one, two more begin it in the Maildir.
    strace -qq -o "$D/calls" -e inject=write:error=EDQUOT:when=$((7 - 2 * n)) "$LMTPD" \
      "${OPTIONS[@]}" -T "$D/spool" <"$D/in" >"$D/out" 2>/dev/null
    hold "$D/out"
    want=('452 4.2.2')
    ((n == 1)) || want=('452 4.3.1' '452 4.3.1')
    [[ ${REPLIES[*]: -n - 1:n} == "${want[0]} "* ]] || fail "not ${want[0]}"
  done
}

@test "-t bounds the wait for the client" {
  also -t 1
  begin
  hear 220
  tell 'LHLO c'
  hear 250 '421 4.4.2'
  finish
  exits 0
}

@test "-U takes passwd, dir, file: and any" {
  right -U passwd -d "maildir:$D/m/%n"
  right -U dir -d "maildir:$D/m/%n"
  right -U any -d "maildir:$D/m/%n"
  : >"$D/users"
  right -U "file:$D/users" -d "maildir:$D/m/%n"
  wrong -U nobody-knows -d "maildir:$D/m/%n"
  wrong -U '' -d "maildir:$D/m/%n"
  wrong -U file: -d "maildir:$D/m/%n"
}

@test "-U is passwd if nothing is said" {
  with -d "maildir:$D/m/%n"
  say 'LHLO c' 'MAIL FROM:<>' "RCPT TO:<$(me)>" 'RCPT TO:<no.such.user>' QUIT
  codes 220 250 250 250 '550 5.1.1' 221
}

@test "-u takes oneself, by name or number, with or without group" {
  right -u "$(me)" "${OPTIONS[@]}"
  right -u "$(id -u)" -U any -d "maildir:$D/m/%n"
  right -u "$(id -u):$(id -g)" -U any -d "maildir:$D/m/%n"
}

@test "-u refuses a user that does not exist" {
  wrong -u no.such.user "${OPTIONS[@]}"
  wrong -u "$(me):no.such.group" "${OPTIONS[@]}"
  wrong -u '' "${OPTIONS[@]}"
}

@test "-u as another user needs root" {
  STATUS=0
  "$LMTPD" -u root "${OPTIONS[@]}" >"$D/out" 2>"$D/log" </dev/null || STATUS=$?
  exits 64
  hold "$D/out"
  codes '421 4.3.5'
}

@test "-k takes a list of locks, and no empty or unknown one" {
  local list
  for list in fcntl flock dotlock fcntl,flock dotlock,flock,fcntl; do
    right -k "$list" -U any -d "mbox:$D/m/%n"
  done
  for list in '' ',' 'fcntl,' ,fcntl none lockf fcntl,,flock; do
    wrong -k "$list" -U any -d "mbox:$D/m/%n"
  done
}

@test "-x takes a list of headers, or none alone" {
  local list
  for list in return-path delivered-to received received,return-path none; do
    right -x "$list" -U any -d "maildir:$D/m/%n"
  done
  for list in '' ',' none,received received,none subject 'received,'; do
    wrong -x "$list" -U any -d "maildir:$D/m/%n"
  done
}

@test "options may be joined" {
  with -efQvqU -U any -d "maildir:$D/m/%n"
  wrong "${OPTIONS[@]}"
  right -efQvq1K -Uany "-dmaildir:$D/m/%n" -m5 -t10
}

@test "-G brings as many copies, -o has 452 for a full mailbox, -q parts no names" {
  also -G
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<a>' DATA x . QUIT >"$D/in"
  talk <"$D/in"
  codes 250 250 250 250 354 250 250 221
  (($(count a) == 2))
  with -U any -d "maildir:$D/m/%n" -o -q 1
  send b x
  codes 220 250 250 250 354 '452 4.2.2' 221
  with -U any -d "maildir:$D/m/%n" -q 1K
  send b1 x
  (($(count b1) == 1))
}

@test "without -e nothing comes on standard error" {
  [[ -S /dev/log ]] || skip 'no syslog here: see root/log.bats'
  run -0 --separate-stderr "$LMTPD" "${OPTIONS[@]}" <<<'NONSENSE'
  [[ $output == *'500 5.5.1 '* ]]
  # shellcheck disable=SC2154 # run's
  [[ -z $stderr ]]
}

@test "a wrong option on a terminal is told to the person alone" {
  script -qec "$LMTPD -Z" /dev/null </dev/null >"$D/out" && return 1
  [[ $(<"$D/out") == *Z* ]]
  [[ $(<"$D/out") != *'421 4'* ]]
}

@test "-d: a home is not made for the slash behind it, an mbox has none" {
  printf 'a:x:%d:%d::%s::\n' "$EUID" "$(id -g)" "$D/m/gone" >"$D/users"
  for template in maildir:~/ maildir:%h/ maildir:~//Maildir mbox:~//mbox; do
    with -U "file:$D/users" -d "$template"
    send a hello
    codes 220 250 250 250 354 '451 4.3.0' 221
    [[ ! -e $D/m/gone ]]
  done
  with -U any -d "mbox:$D/m/%n/"
  say QUIT
  exits 64
  codes '421 4.3.5'
}

@test "-u: a number that can be no group is none" {
  local n
  for n in 0 4294967294; do
    with -u "$(id -un):$n"
    say QUIT
    replied "only root can deliver as $(id -un):$n$"
  done
  with -u "$(id -un):4294967295"
  say QUIT
  replied 'there is no user or group'
}

@test "-u: another group needs root as well" {
  with -u "$(id -un):daemon"
  say QUIT
  exits 64
  codes '421 4.3.5'
}

@test "-H takes what can stand in a name: no blank, no byte that means something" {
  local name
  for name in '' 'a b' $'a\tb' $'a\x01' $'a\xe9' 'a;b' 'a"b' 'a,S=1' 'a(b' 'a/b' \
    'a\b' 'a<b' '(none)'; do
    wrong -H "$name" "${OPTIONS[@]}"
  done
  for name in a a.b a-b a_b '[::1]' 1; do
    right -H "$name" -U any -d "maildir:$D/m/%n"
    [[ ${REPLIES[0]} == "220 $name "* ]]
  done
}

@test "-k takes each lock once" {
  wrong -k fcntl,fcntl -U any -d "mbox:$D/m/%n"
  wrong -k fcntl,dotlock,fcntl -U any -d "mbox:$D/m/%n"
}

@test "-m and -t have bounds" {
  right -m 1 -U any -d "maildir:$D/m/%n"
  right -m 1000000 -U any -d "maildir:$D/m/%n"
  wrong -m 1000001 "${OPTIONS[@]}"
  wrong -m 0 "${OPTIONS[@]}"
  right -t 1 -U any -d "maildir:$D/m/%n"
  right -t 86400 -U any -d "maildir:$D/m/%n"
  wrong -t 86401 "${OPTIONS[@]}"
  wrong -t 0 "${OPTIONS[@]}"
}

@test "-s counts a message as it comes, with CRLF at the ends of lines" {
  local n
  for n in 0 1 2; do
    with -U any -d "maildir:$D/m/%n" -s $((8 + n))
    send "a$n" 12 3 4
    # Ten bytes, and seven as they are stored.
    case $n in
    2) codes 220 250 250 250 354 250 221 ;;
    *) codes 220 250 250 250 354 '552 5.3.4' 221 ;;
    esac
    printf 'LHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a>\r\nBDAT 10 LAST\r\n12\r\n3\r\n4\r\nQUIT\r\n' \
      >"$D/in"
    talk <"$D/in"
    case $n in
    2) codes 220 250 250 250 250 221 ;;
    *) codes 220 250 250 250 '552 5.3.4' 221 ;;
    esac
  done
}

@test "-T is an absolute path, and used for what is larger than a mebibyte" {
  wrong -T relative "${OPTIONS[@]}"
  wrong -T '' "${OPTIONS[@]}"
  also -T "$D/absent"
  send a "$(head -c 1000000 /dev/zero | tr '\0' x | fold -w 900)"
  codes 220 250 250 250 354 250 221
}

@test "what -c or -V print and cannot be written is exit status 71" {
  STATUS=0
  "$LMTPD" -V >/dev/full 2>/dev/null || STATUS=$?
  exits 71
  STATUS=0
  "$LMTPD" -c "${OPTIONS[@]}" a >/dev/full 2>/dev/null || STATUS=$?
  exits 71
}

@test "-c takes addresses in brackets, each gets a line" {
  "$LMTPD" -c "${OPTIONS[@]}" '<a+x@y.example>' b@z >"$D/out"
  [[ $(wc -l <"$D/out") == 2 ]]
  [[ $(cut -f 2 "$D/out") == $'ok\nok' ]]
  grep -q "a+x@y.example.*maildir:$D/m/a" "$D/out"
  # shellcheck disable=SC2034 # exits looks at it
  "$LMTPD" -c "${OPTIONS[@]}" 'a@y' 'bad address' >"$D/out" || STATUS=$?
  exits 1
  [[ $(cut -f 2 "$D/out") == $'ok\n501 5.1.3 '* ]]
  "$LMTPD" -c "${OPTIONS[@]}" '<a> IGNOREQUOTA' >"$D/out" && return 1
  [[ $(cut -f 2 "$D/out") == '501 5.1.3 '* ]]
}

@test "-c tells nothing to a client, and what is wrong with -T" {
  local mode
  run -64 --separate-stderr "$LMTPD" -c -d nonsense a
  [[ -z $output && $stderr == *nonsense* ]]
  mkdir "$D/spool"
  for mode in 500 600 700; do
    chmod "$mode" "$D/spool"
    "$LMTPD" -c "${OPTIONS[@]}" -T "$D/spool" a >/dev/null 2>"$D/log"
    if ((mode == 700)); then
      unlogged .
    else
      logged "-T: access $D/spool: Permission denied"
    fi
  done
}

@test "-c ends by SIGTERM as any other program" {
  local status=0
  mkfifo "$D/pipe"
  exec {FROM}<>"$D/pipe"
  dd if=/dev/zero of="$D/pipe" oflag=nonblock bs=4096 2>/dev/null || :
  "$LMTPD" -c "${OPTIONS[@]}" a >&"$FROM" 2>/dev/null 3>&- &
  SESSION=$!
  await asleep "$SESSION"
  kill "$SESSION"
  # shellcheck disable=SC2016 # eval expands it
  await eval '! kill -0 "$SESSION"'
  wait "$SESSION" || status=$?
  SESSION=
  ((status == 143)) || fail "it ended with $status"
}

@test "POSIXLY_CORRECT changes nothing" {
  local status=0 correct=0
  "$LMTPD" -c a "${OPTIONS[@]}" >"$D/out" 2>/dev/null || status=$?
  POSIXLY_CORRECT=1 "$LMTPD" -c a "${OPTIONS[@]}" >"$D/correct" 2>/dev/null ||
    correct=$?
  cmp "$D/out" "$D/correct"
  ((status == correct))
  [[ $(cut -f 2,3 "$D/out") == "ok"$'\t'"maildir:$D/m/a" ]]
}
