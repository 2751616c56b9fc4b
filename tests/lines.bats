#!/usr/bin/env bats
# Line ends, the final dot, and which bytes are kept.

load test_helper

setup() {
  base
  also -x none
}

# data BYTES: printf's escapes; one message with them between DATA's line and
# the end of the session, all with CRLF.
data() {
  printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA >"$D/in"
  # shellcheck disable=SC2059 # an escape in it is meant as one
  printf "$1" >>"$D/in"
  talk <"$D/in"
}

# kept BYTES TEXT: so sent, it is stored so.
kept() {
  rm -rf "$D/m/a"
  data "$1\r\n.\r\nQUIT\r\n"
  codes 220 250 250 250 354 250 221
  same "$(only a)" "$2\n"
}

@test "only CRLF . CRLF ends DATA" {
  kept 'a\n.\nb' 'a\n.\nb'
  kept 'a\n.\r\nb' 'a\n.\nb'
  kept 'a\r\n.\nb' 'a\n\nb'
  kept 'a\r.\rb' 'a\r.\rb'
  kept 'a\r.\r\nb' 'a\r.\nb'
  kept 'a\r\n.\rb' 'a\n\rb'
  kept 'a\n.\rb' 'a\n.\rb'
}

@test "a smuggled transaction stays text" {
  local end
  for end in '\n.\n' '\n.\r\n' '\r\n.\n' '\r.\r' '\r\n.\r' '\r\n\0.\r\n' \
    '\r\n.\0\r\n'; do
    rm -rf "$D/m/a"
    data "a${end}MAIL FROM:<>\r\nRCPT TO:<b>\r\nDATA\r\nb\r\n.\r\nQUIT\r\n"
    codes 220 250 250 250 354 250 221
    [[ ! -e $D/m/b ]]
  done
}

@test "dots at the start of a line" {
  kept '..' '.'
  kept '...' '..'
  kept '.a' 'a'
  kept 'a.' 'a.'
  kept '..a\r\n..\r\n.b' '.a\n.\nb'
  kept '.\t' '\t'
}

@test "an empty message, and one empty line" {
  data '.\r\nQUIT\r\n'
  codes 220 250 250 250 354 250 221
  same "$(only a)" ''
  kept '' ''
}

@test "CRLF becomes LF, every other byte is kept" {
  kept 'a\r\r\nb\rc\nd\0e\377\200\303\251\177\001f' \
    'a\r\nb\rc\nd\0e\377\200\303\251\177\001f'
  kept '\0' '\0'
  kept '\r' '\r'
  kept '\n\n' '\n\n'
}

@test "a line of any length is kept" {
  { printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA
    head -c 3000000 /dev/zero | tr '\0' x
    printf '%s\r\n' '' . QUIT
  } >"$D/in"
  talk <"$D/in"
  codes 220 250 250 250 354 250 221
  head -c 3000000 /dev/zero | tr '\0' x >"$D/wanted"
  echo >>"$D/wanted"
  cmp "$D/wanted" "$(only a)"
}

@test "a message larger than memory is kept" {
  head -c 2000000 /dev/urandom | tr -d '\r' >"$D/text"
  { printf '%s\r\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' 'RCPT TO:<b>' \
      "BDAT $(wc -c <"$D/text") LAST"
    cat "$D/text"
    printf 'QUIT\r\n'
  } >"$D/in"
  talk <"$D/in"
  codes 220 250 250 250 250 250 250 221
  cmp "$D/text" "$(only a)"
  cmp "$D/text" "$(only b)"
}

@test "a first line with CRLF: a bare LF ends no command" {
  printf 'LHLO c\r\nNOOP\nNOOP\r\nNOOP\r\nQUIT\nQUIT\r\nQUIT\r\n' >"$D/in"
  talk <"$D/in"
  codes 220 250 '500 5.5.2' 250 '500 5.5.2' 221
}

@test "a first line with a bare LF: LF ends each line" {
  printf '%s\n' 'LHLO c' 'MAIL FROM:<>' 'RCPT TO:<a>' DATA one ..two . QUIT \
    >"$D/in"
  talk <"$D/in"
  exits 0
  codes 220 250 250 250 354 250 221
  same "$(only a)" 'one\n.two\n'
}

@test "a session of LF: CR is dropped in a command and kept in DATA" {
  printf 'LHLO c\nMAIL FROM:<>\r\nRCPT TO:<a>\r\nDATA\r\na\r\n.\r\n' >"$D/in"
  printf '..\r\nb\n.\nNOOP a\rb\nQUIT\r\n' >>"$D/in"
  talk <"$D/in"
  codes 220 250 250 250 354 250 '500 5.5.2' 221
  same "$(only a)" 'a\r\n\r\n.\r\nb\n'
}

@test "the first line decides even if it is wrong" {
  printf 'NONSENSE\nLHLO c\nQUIT\n' >"$D/in"
  talk <"$D/in"
  codes 220 500 250 221
  printf 'NONSENSE\r\nLHLO c\nQUIT\r\nQUIT\r\n' >"$D/in"
  talk <"$D/in"
  codes 220 500 '500 5.5.2' 221
}
