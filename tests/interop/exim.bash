# What the Exim clients share, after lib.bash.
# shellcheck shell=bash disable=SC2154

eximlog=/var/log/exim4/mainlog
logs+=("$eximlog" /var/log/exim4/paniclog)

# exim_start RECIPE PLACE: Debian's split configuration with a router and a
# transport of contrib/exim in it, the router among the others at PLACE.
exim_start() {
  sed -i -e "s/^dc_eximconfig_configtype=.*/dc_eximconfig_configtype='internet'/" \
    -e "s/^dc_use_split_config=.*/dc_use_split_config='true'/" \
    -e "s/^dc_other_hostnames=.*/dc_other_hostnames='mx.test'/" \
    -e "s/^dc_local_interfaces=.*/dc_local_interfaces='127.0.0.1'/" \
    /etc/exim4/update-exim4.conf.conf
  cp "$contrib/exim/$1.router" "/etc/exim4/conf.d/router/$2_lmtpd"
  cp "$contrib/exim/$1.transport" /etc/exim4/conf.d/transport/20_lmtpd
  # lmtpd's replies in the log, those that say yes too; UTF-8 is off in Debian.
  cat >/etc/exim4/conf.d/main/000_localmacros <<'END'
MAIN_LOG_SELECTOR = +smtp_protocol_error +smtp_confirmation
MAIN_SMTPUTF8_ADVERTISE_HOSTS = *
END
  update-exim4.conf
  exim4 -bd -q1h
  wait_for 10 listens 25
}

flush() {
  exim4 -qff
}

# What has become of the three recipients, in Exim's own words.
exim_says() {
  step="what Exim says of it"
  log_says "[-=]> .*alice@$domain>? R=.* C=\"250 2\.1\.5" "$eximlog"
  [ -n "$mta_refuses" ] ||
    log_says "\*\* ghost@$domain .*: 550 5\.1\.1" "$eximlog"
  log_says "== carol@$domain .*: 45[01] 4\." "$eximlog"
  not grep -i -E 'malformed|panic' "$eximlog"
  not test -s /var/log/exim4/paniclog
}
