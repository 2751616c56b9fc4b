# What the clients with systemd share, after lib.bash.
# shellcheck shell=bash disable=SC2154

# systemd_units FILE ...: installed, and nothing is wrong with them.
systemd_units() {
  local file said

  step="units"
  for file; do
    cp "$file" /etc/systemd/system/
  done
  said=$(systemd-analyze verify --man=no /etc/systemd/system/lmtpd*.s* 2>&1)
  [ -z "$said" ] || fail "$said"
}

# exposure UNIT EXPOSURE: in tenths
exposure() {
  systemd-analyze security --offline=true --threshold="$2" "$1" >/run/exposure ||
    { cat /run/exposure; fail "$1 is exposed more than $2"; }
  tail -n 1 /run/exposure
}

halt() {
  local status=$?

  [ $status -eq 0 ] || within journalctl -n 15 --no-pager || :
  kill -KILL "$outer"
  wait "$outer" || :
  echo 1 >"$cgroup/cgroup.kill" || :
  wait_for 10 find "$cgroup" -depth -type d -exec rmdir {} + || :
  finish $status
}

# within COMMAND ...: with that systemd.
within() {
  nsenter --target "$(pgrep --parent "$outer")" --all -- "$@"
}

booted() {
  [ "$(within systemctl is-active basic.target)" = active ]
}

# Everything of this systemd's is in a cgroup and in namespaces of its own:
# the machine's own, if there is one, must not meet it, nor another client's.
systemd_boot() {
  local unit

  # These would change the machine's kernel.
  for unit in systemd-sysctl systemd-modules-load; do
    ln -s /dev/null /etc/systemd/system/$unit.service
  done
  step="boot"
  mount -t tmpfs tmpfs /run
  mkdir /run/cgroup /run/dev
  cp -a /dev/{null,zero,full,random,urandom,tty} /run/dev/
  ln -s pts/ptmx /run/dev/ptmx
  mount -t cgroup2 cgroup2 /run/cgroup || skip "no cgroup2 here"
  cgroup=/run/cgroup/lmtpd-interop-${0##*/}
  mkdir -p "$cgroup"
  (
    echo "$BASHPID" >"$cgroup/cgroup.procs"
    # shellcheck disable=SC2016 # for the inner shell
    exec unshare --cgroup --mount --pid --fork --kill-child sh -c '
      mount -t proc proc /proc &&
      mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
      mount --bind /run/dev /dev &&
      exec env container=interop /lib/systemd/systemd --unit=basic.target'
  ) >/dev/null 2>&1 &
  outer=$!
  trap halt EXIT
  wait_for 60 booted
  within journalctl -f -n all >"$maillog" &
}

# only_sockets_in_run SERVICE SOCKET: what is run in the sandbox of that unit
# sees in /run nothing but the sockets that it wants, and can make nothing
# there.  SOCKET, its own, is a port or a path; incoming is systemd's.
only_sockets_in_run() {
  local dropin=/run/systemd/system/$1.d/run.conf said

  step="/run of $1"
  mkdir -p "${dropin%/*}"
  cat >"$dropin" <<'END'
[Service]
ExecStart=
ExecStart=/bin/sh -c "cd /run && find . -mindepth 1 -maxdepth 2; touch made && echo made; true"
END
  within systemctl daemon-reload
  said=$(heard "$2")
  rm "$dropin"
  within systemctl daemon-reload
  grep -qx ./systemd/journal <<<"$said" || fail "no log: $said"
  not grep -vxE '\./(systemd(/(journal|userdb|incoming))?|nscd|nslcd)' <<<"$said"
}

# heard SOCKET: all that a service says of itself to who connects.
heard() {
  python3 - "$1" <<'END'
import socket, sys
if sys.argv[1].startswith("/"):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
else:
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(30)
while said := s.recv(4096):
    print(said.decode(), end="")
END
}

idle() {
  [ -z "$(within systemctl list-units --plain --no-legend 'lmtpd*@*')" ]
}

# none_failed UNIT: no instance of any, and one of UNIT was there.  A failed
# one is unloaded at once, and only the journal tells of it.
none_failed() {
  step="no instance has failed"
  wait_for 30 idle
  within journalctl --no-pager >"$maillog.whole"
  grep -q "$1@.*Deactivated successfully" "$maillog.whole"
  not grep -a 'lmtpd.*Failed with result' "$maillog.whole"
  not within systemctl --quiet is-failed 'lmtpd*'
}
