#!/bin/sh
# Installs the programs from Debian that tests and benchmarks use: those that are named, or all.
# As root.
set -eu
[ $# -gt 0 ] || set -- \
  caddy chromium curl git haproxy iproute2 nats-server nginx openssl promtool python3-grpcio python3-h2 \
  python3-websockets rsyslog rsyslog-gnutls sslscan testssl.sh
export DEBIAN_FRONTEND=noninteractive

# One program of the package prometheus, without its server, its user and what these depend on.
install_promtool() (
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  # apt-get downloads as a user of its own, where it may.
  chmod 755 "$folder" && { chown _apt "$folder" 2>/dev/null || true; } &&
    cd "$folder" &&
    apt-get download -q prometheus &&
    dpkg-deb --fsys-tarfile prometheus_*.deb >data.tar &&
    tar -x -f data.tar ./usr/bin/promtool &&
    install -m 755 usr/bin/promtool /usr/local/bin/promtool
)

# Some packages would start servers of their own; nobody asked for them.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

packages=
promtool=
for name in "$@"; do
  if [ "$name" = promtool ]; then promtool=yes; else packages="$packages $name"; fi
done
try=1
# shellcheck disable=SC2086 # Names of packages have no spaces.
until apt-get update -q &&
  { [ -z "$packages" ] || apt-get install -q -y --no-install-recommends $packages; } &&
  { [ -z "$promtool" ] || install_promtool; }; do
  [ "$try" -lt 3 ] || exit 1
  try=$((try + 1))
  sleep 5
done
# Nor at the next boot, where there is a service manager.
for server in caddy haproxy nats-server nginx rsyslog; do
  case " $packages " in *" $server "*)
    if command -v systemctl >/dev/null 2>&1; then
      systemctl disable --now "$server" >/dev/null 2>&1 || true
    fi
  esac
done
