# What the Postfix clients share, after lib.bash.
# shellcheck shell=bash disable=SC2154

# postfix_start RECIPE: Debian's master.cf and a small main.cf, with what
# contrib/postfix adds to them.
postfix_start() {
  cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
  cat >/etc/postfix/main.cf <<'END'
compatibility_level = 3.6
myhostname = mx.test
mydestination = mx.test
inet_interfaces = loopback-only
mynetworks_style = host
smtputf8_enable = yes
alias_maps =
# For the test: what is unknown comes to lmtpd, not only to smtpd.
local_recipient_maps =
message_size_limit = 100000000
mailbox_size_limit = 0
END
  [ ! -e "$contrib/postfix/$1.main.cf" ] ||
    cat "$contrib/postfix/$1.main.cf" >>/etc/postfix/main.cf
  if [ -e "$contrib/postfix/$1.master.cf" ]; then
    sed -i '/^lmtp /d' /etc/postfix/master.cf
    cat "$contrib/postfix/$1.master.cf" >>/etc/postfix/master.cf
    grep -q '^lmtp ' /etc/postfix/master.cf ||
      grep '^lmtp ' /usr/share/postfix/master.cf.dist >>/etc/postfix/master.cf
  fi
  # The chroot's /dev/log is the one outside.
  install -d /var/spool/postfix/dev
  ln -f /dev/log /var/spool/postfix/dev/log
  postfix start
  wait_for 10 listens 25
}

flush() {
  postqueue -f
}

# What has become of the three recipients, in Postfix's own words.
postfix_says() {
  step="what Postfix says of it"
  log_says "to=<alice@$domain>.* dsn=2\.1\.5, status=sent \(250 2\.1\.5"
  log_says "to=<ghost@$domain>.* dsn=5\.1\.1, status=bounced .*550 5\.1\.1"
  log_says "to=<carol@$domain>.* dsn=4\..*, status=deferred .*45[01] 4\."
  not grep -E 'postfix/(lmtp|spawn|local).*(warning|error|fatal|panic)' \
    "$maillog"
}
