#!/usr/bin/env bash
# Signs in with plain curl and shows that a revoke holds on every edge.
#
#   tests/e2e/curl.sh DIR/stack.json   uses a running stack; DIR is `dir` of what `stack up --json` prints
#   tests/e2e/curl.sh                  starts a stack for itself
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
stack_pid=
finish() {
  [ -z "$stack_pid" ] || { kill "$stack_pid" 2>/dev/null && wait "$stack_pid" || true; }
  rm -rf "$work"
}
trap finish EXIT

if [ $# -gt 0 ]; then
  stack=$1
else
  stack=$work/stack.json
  node scripts/bootstrap.mjs infra/stack/src/main.ts up --json --edges 2 >"$stack" &
  stack_pid=$!
  until [ -s "$stack" ]; do
    kill -0 "$stack_pid" || exit 1
    sleep 0.1
  done
fi

field() { node -e "const s = JSON.parse(require('fs').readFileSync('$stack', 'utf8')); console.log($1)"; }
person() { field "s.users.find((user) => user.name === 'carol').$1"; }
fail() {
  echo "NOT ok: $*" >&2
  exit 1
}

ca=$(field s.ca)
wiki=$(field s.hosts.wiki)
admin=$(field 's.controlPlanes[0].url')
token=$(field s.tokens.responder)
mapfile -t ports < <(field "s.edges.map((edge) => edge.port).join('\n')")
email=$(person email)
password=$(person password)
device=(--cert "$(person device.cert)" --key "$(person device.key)")
jar=(-c "$work/jar" -b "$work/jar")

ask() { curl --silent --show-error --max-time 10 --cacert "$ca" "$@"; }
# Status of the wiki on a port, as this user; with or without the device.
status() {
  local port=$1
  shift
  ask "${jar[@]}" -o "$work/body" -w '%{http_code}' "$@" "https://$wiki:$port/"
}
expect() {
  [ "$2" = "$3" ] || fail "$1: $3, not $2: $(cat "$work/body" 2>/dev/null || true)"
  echo "ok  $1: $3"
}

# 1. The sign-in: follow to the form, send it, follow back.
form=$(ask "${device[@]}" "${jar[@]}" -L -H 'Accept: text/html' -o "$work/body" \
  -w '%{url_effective}' "https://$wiki:${ports[0]}/")
grep -q 'name="password"' "$work/body" || fail "no form at $form"
echo "ok  the redirects end at the form of ${form%%/interaction*}"
answer=$(ask "${device[@]}" "${jar[@]}" -L -H 'Accept: text/html' -o "$work/body" -w '%{http_code}' \
  --data-urlencode "email=$email" --data-urlencode "password=$password" "$form")
expect "signed in as $email, back at the wiki" 200 "$answer"
grep -q "$email" "$work/body" || fail "the page does not know $email"

# 2. With the device and without it, on every edge.
for port in "${ports[@]}"; do
  expect "port $port with the device" 200 "$(status "$port" "${device[@]}")"
  expect "port $port without the device" 403 "$(status "$port")"
done
grep -q device_certificate_missing "$work/body" || fail "the denial does not say why"

# 3. Revoke the user: 403 on every edge within a second of asking for it.
started=$(date +%s%3N)
ask -X POST -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
  -d "{\"target\":{\"kind\":\"user\",\"email\":\"$email\"},\"reason\":\"curl.sh\"}" \
  -o "$work/revocation" "$admin/v1/revocations"
for port in "${ports[@]}"; do
  until [ "$(status "$port" "${device[@]}")" = 403 ]; do
    [ $(($(date +%s%3N) - started)) -lt 1000 ] || fail "port $port lets $email in after a second"
  done
  echo "ok  port $port refuses $email $(($(date +%s%3N) - started)) ms after the revoke was sent"
done
[ $(($(date +%s%3N) - started)) -lt 1000 ] || fail "it took more than a second"
grep -q user_revoked "$work/body" || fail "the denial does not say why: $(cat "$work/body")"

# 4. Lift it, so that whoever uses the stack next finds it as it was.
id=$(node -p "JSON.parse(require('fs').readFileSync('$work/revocation', 'utf8')).id")
ask -X DELETE -H "Authorization: Bearer $token" -o "$work/body" "$admin/v1/revocations/$id"
for port in "${ports[@]}"; do
  for _ in $(seq 50); do
    [ "$(status "$port" "${device[@]}")" != 200 ] || continue 2
  done
  fail "port $port still refuses $email after the lift"
done
echo "ok  lifted: 200 on every edge"
