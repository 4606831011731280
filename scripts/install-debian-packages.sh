#!/bin/sh
# Installs the programs from Debian that the end-to-end tests use. As root.
set -eu
[ $# -gt 0 ] || set -- chromium curl openssl nats-server
export DEBIAN_FRONTEND=noninteractive
try=1
until apt-get update -q && apt-get install -q -y --no-install-recommends "$@"; do
  [ "$try" -lt 3 ] || exit 1
  try=$((try + 1))
  sleep 5
done
# The package starts a server of its own where there is a service manager; nobody asked for it.
case " $* " in *" nats-server "*)
  if command -v systemctl >/dev/null 2>&1; then
    systemctl disable --now nats-server >/dev/null 2>&1 || true
  fi
esac
