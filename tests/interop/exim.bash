# What the Exim clients share, after lib.bash.
# shellcheck shell=bash disable=SC2154

eximlog=/var/log/exim4/mainlog
logs+=("$eximlog" /var/log/exim4/paniclog)

# exim_start RECIPE ...: Debian's split configuration with routers and
# transports of contrib/exim in it.
exim_start() {
  local recipe

  sed -i -e "s/^dc_eximconfig_configtype=.*/dc_eximconfig_configtype='internet'/" \
    -e "s/^dc_use_split_config=.*/dc_use_split_config='true'/" \
    -e "s/^dc_other_hostnames=.*/dc_other_hostnames='mx.test'/" \
    -e "s/^dc_local_interfaces=.*/dc_local_interfaces='127.0.0.1'/" \
    /etc/exim4/update-exim4.conf.conf
  for recipe; do
    [ ! -e "$contrib/exim/$recipe.router" ] ||
      cp "$contrib/exim/$recipe.router" "/etc/exim4/conf.d/router/150_$recipe"
    cp "$contrib/exim/$recipe.transport" "/etc/exim4/conf.d/transport/20_$recipe"
  done
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
