#!/bin/sh
# Restores a backup of backup.sh into a new home.
#
#   restore.sh BACKUP HOME REASON
#
# HOME must not be there yet, or be empty. With DATABASE_URL in the environment the dump goes into
# that database, which must be empty; without, the copy becomes the PostgreSQL of the home's own.
# Where the keys were kept apart, SALLYPORT_BACKUP_KEYS names their folder, as for backup.sh, or the
# file itself.
#
# Stop every control plane of the installation before. The first one that starts on this home
# declares the restore by itself (sallyport declare-restore) before it serves anybody: the file
# `restored` tells it to.
set -eu
umask 077

if [ $# -ne 3 ] || [ -z "$3" ]; then
  echo "usage: $0 BACKUP HOME REASON" >&2
  exit 2
fi
backup=$1
home=$2
reason=$3
keys=${SALLYPORT_BACKUP_KEYS:-$backup/keys.tar}
if [ -d "$keys" ]; then
  keys=$keys/$(basename "$backup").keys.tar
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
node=${SALLYPORT_NODE:-node}

[ -f "$backup/SHA256SUMS" ] || {
  echo "$0: $backup is not a backup" >&2
  exit 1
}
if [ -e "$home" ] && [ -n "$(ls -A "$home")" ]; then
  echo "$0: $home is not empty; nothing is ever overwritten" >&2
  exit 1
fi
if [ ! -f "$keys" ]; then
  echo "$0: there are no keys at $keys; SALLYPORT_BACKUP_KEYS names where they are" >&2
  exit 1
fi
# Each file is what it was, and none is missing. Keys that were kept apart are checked as well.
check=$(mktemp -d)
trap 'rm -rf "$check"' EXIT
grep -v '  \./keys\.tar$' "$backup/SHA256SUMS" >"$check/sums" || true
(cd "$backup" && sha256sum --check --strict --quiet "$check/sums")
wanted=$(sed -n 's#^\([0-9a-f]*\)  \./keys\.tar$#\1#p' "$backup/SHA256SUMS")
if [ "$(sha256sum <"$keys" | cut -d ' ' -f 1)" != "$wanted" ]; then
  echo "$0: $keys is not what belongs to this backup (SALLYPORT_BACKUP_KEYS names another)" >&2
  exit 1
fi

mkdir -p "$home"
chmod 0700 "$home"
tar -C "$home" -xpf "$keys"

if [ -d "$backup/database" ]; then
  if [ -n "${DATABASE_URL:-}" ]; then
    echo "$0: this is a copy of a PostgreSQL of its own; restore it without DATABASE_URL" >&2
    exit 1
  fi
  data=$home/postgres/data
  mkdir -p "$home/postgres"
  cp -a "$backup/database" "$data"
  chmod -R go= "$data"
  # Recovered as far as the copied log goes, on a timeline of its own from then on.
  : >"$data/recovery.signal"
  printf "restore_command = 'false'\n" >>"$data/postgresql.auto.conf"
  if [ "$(id -u)" = 0 ]; then
    # PostgreSQL does not run as root.
    id postgres >/dev/null 2>&1 ||
      useradd --system --user-group --no-create-home --shell /usr/sbin/nologin postgres
    chown -R postgres:postgres "$data"
  fi
else
  : "${DATABASE_URL:?names the database for the dump}"
  # Not as an argument: the URL holds the password.
  "$node" "$root/packages/control-plane/src/store/with-database.ts" \
    pg_restore --no-owner --no-privileges --exit-on-error --single-transaction \
    '--dbname={dbname}' "$backup/database.dump"
fi

printf '%s\n' "$reason" >"$home/restored"
sync
echo "restored into $home"
echo "start a control plane with SALLYPORT_HOME=$home; it declares the restore by itself"
echo "then see how far the edges are: sallyport edges"
