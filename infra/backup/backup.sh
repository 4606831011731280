#!/bin/sh
# Backs up one installation while it runs: the database, and the files without which it is of no
# use. Writes a new folder below TARGET and prints its path.
#
#   backup.sh HOME TARGET
#
# HOME is SALLYPORT_HOME of a control plane. With DATABASE_URL in the environment the database is
# dumped with pg_dump; without, the PostgreSQL of the control plane's own is copied, running or not.
# SALLYPORT_BACKUP_KEYS names another folder for the keys: whoever has the database and the keys has
# everything, so keep them apart. The root key is never in a backup.
set -eu
umask 077

if [ $# -ne 2 ]; then
  echo "usage: $0 HOME TARGET" >&2
  exit 2
fi
home=$1
target=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
node=${SALLYPORT_NODE:-node}

[ -f "$home/key-file" ] || {
  echo "$0: $home holds no installation" >&2
  exit 1
}
name=sallyport-$(date -u +%Y%m%dT%H%M%SZ)
keys_folder=${SALLYPORT_BACKUP_KEYS:-$target}
mkdir -p "$target" "$keys_folder"
made=$target/$name
[ ! -e "$made" ] || {
  echo "$0: $made is there already" >&2
  exit 1
}
# Under another name until it is whole.
part=$made.part
rm -rf "$part"
mkdir "$part"
trap 'rm -rf "$part"' EXIT

if [ -n "${DATABASE_URL:-}" ]; then
  # Not as an argument: the URL holds the password.
  "$node" "$root/packages/control-plane/src/store/with-database.ts" \
    pg_dump --format=custom --no-owner --no-privileges --file="$part/database.dump"
else
  SALLYPORT_HOME=$home "$node" "$root/packages/control-plane/src/store/embedded/backup-main.ts" \
    "$part/database"
fi

# What init made and the control plane needs, and the password of a database of its own.
files=
for file in key-file root.pub.pem seed.json ca admin owner-token postgres/password; do
  [ ! -e "$home/$file" ] || files="$files $file"
done
# The names above have no spaces in them.
# shellcheck disable=SC2086
tar -C "$home" -cf "$part/keys.tar" $files

(cd "$part" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum) \
  >"$part.sums"
mv "$part.sums" "$part/SHA256SUMS"
if [ "$keys_folder" != "$target" ]; then
  mv "$part/keys.tar" "$keys_folder/$name.keys.tar"
fi
sync
mv "$part" "$made"
trap - EXIT
echo "$made"
