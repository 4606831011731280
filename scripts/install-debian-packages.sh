#!/bin/sh
# Installs the programs from Debian that the end-to-end tests use. As root.
set -eu
[ $# -gt 0 ] || set -- chromium curl openssl nats-server promtool rsyslog rsyslog-gnutls
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
# The packages start servers of their own where there is a service manager; nobody asked for them.
for server in nats-server rsyslog; do
  case " $packages " in *" $server "*)
    if command -v systemctl >/dev/null 2>&1; then
      systemctl disable --now "$server" >/dev/null 2>&1 || true
    fi
  esac
done
