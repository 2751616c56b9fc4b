# What the clients with TLS share, after lib.bash.
# shellcheck shell=bash disable=SC2154

# issue NAME [CA]: a key and a certificate for the host NAME.
issue() {
  local ca=${2:-ca}

  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -subj "/CN=$1" -addext "subjectAltName=DNS:$1" \
    -keyout "/tls/$1.key" -out "/tls/$1.csr"
  openssl x509 -req -in "/tls/$1.csr" -CA "/tls/$ca.crt" \
    -CAkey "/tls/$ca.key" -CAcreateserial -copy_extensions copy -days 30 \
    -out "/tls/$1.crt"
}

# authority NAME
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -subj "/CN=$1" -days 30 -keyout "/tls/$1.key" -out "/tls/$1.crt"
}

# In /tls: ca, which has signed mx.test (this host), client (client.test, an
# MTA's) and other.test; and stranger.test, signed by nobody that we know.  In
# /etc/lmtpd what the recipes name.
certificates() {
  step="certificates"
  install -d /tls /etc/lmtpd
  {
    authority ca
    issue mx.test
    issue client.test
    issue other.test
    authority strangers
    issue stranger.test strangers
  } >/tls/log 2>&1 || { cat /tls/log; fail "openssl"; }
  ln -s client.test.crt /tls/client.crt
  ln -s client.test.key /tls/client.key
  chmod 644 /tls/*.key
  cat /tls/mx.test.key /tls/mx.test.crt >/etc/lmtpd/tls.pem
  chmod 600 /etc/lmtpd/tls.pem
  cp /tls/ca.crt /etc/lmtpd/clients.pem
}

# nothing_came COUNT: alice has as many messages as before.
nothing_came() {
  [ "$(mail count "$(box alice)")" -eq "$1" ] || fail "$*: something came"
}

# may NAME PORT: a host with that certificate, or none, is let in.
may() {
  openssl s_client -starttls lmtp -connect "127.0.0.1:$2" -quiet \
    -CAfile /tls/ca.crt -verify_return_error -verify_hostname mx.test \
    ${1:+-cert "/tls/$1.crt" -key "/tls/$1.key"} \
    <<<$'LHLO c\r\nQUIT\r' 2>/dev/null | grep -q '^221 2\.0\.0'
}

# What every recipe is put through: starttls at one port, TLS at another, done
# by the program named.
tls_course() {
  local before

  listener_course "starttls:$1"
  step="TLS from the first byte"
  mail lmtp -f "bob@$domain" "tls:$2" big tls "alice@$domain"
  arrived big tls alice

  step="text injected behind STARTTLS"
  interop/tls inject "$1" 500

  step="the program that does TLS is killed"
  before=$(mail count "$(box alice)")
  interop/tls kill "$1" "$3" "alice@$domain"
  interop/tls kill "tls:$2" "$3" "alice@$domain"
  nothing_came "$before"
  step="the connection is cut"
  interop/tls cut "$1" "alice@$domain"
  interop/tls cut "tls:$2" "alice@$domain"
  nothing_came "$before"

  step="a silent handshake ends"
  interop/tls silent "$1" &
  interop/tls silent "tls:$2"
  wait $!
}
