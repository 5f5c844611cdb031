#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The store from the command line: put, list, fetch, damage, clean.
. "$(dirname "$0")/lib.bash"
head -c 3000000 /dev/urandom >"$tmp/blob"
id=$("$SPLITUP" store put "$tmp/blob") || fail "put"
check "id of 64 digits" [ ${#id} -eq 64 ]
check "again the same" [ "$("$SPLITUP" store put "$tmp/blob")" = "$id" ]
check "listed" [ "$("$SPLITUP" store ls --json | json 'd["blobs"][0]["id"]')" = "$id" ]
check "text lists it" grep -q "$id" <("$SPLITUP" store ls)
printf 'another' >"$tmp/two"
two=$("$SPLITUP" store get "file:$tmp/two") || fail "get file:"
check "already here" [ "$("$SPLITUP" store get "sha256:$two")" = "$two" ]
refuse 10 "s3" "$SPLITUP" store get s3://bucket/key
refuse 3 "not in the store" "$SPLITUP" store get "sha256:$(printf '0%.0s' $(seq 64))"
# Served to another store, whole and in ranges.
mkfifo "$tmp/serving"
"$SPLITUP" store serve --port 0 --json >"$tmp/serving" 2>"$tmp/err" &
server=$!
trap 'kill "$server" 2>/dev/null; rm -rf "$tmp"' EXIT
read -r -t 60 line <"$tmp/serving" || fail "no first line: $(cat "$tmp/err")"
url=$(json 'd["url"]' <<<"$line")
check "from there" [ "$("$SPLITUP" store get --dir "$tmp/other" "$url/blob/$id")" = "$id" ]
check "a range" cmp -s <(tail -c +1000001 "$tmp/blob" | head -c 2000) <(curl -sS -r 1000000-1001999 "$url/blob/$id")
check "its leaves" [ "$(curl -sS "$url/blob/$id.leaves" | wc -c)" -eq 96 ]
check "what is here" [ "$(curl -sS "$url/blob/$id.have" | od -An -tx1 | tr -d ' ')" = 07 ]
check "nothing else" [ "$(curl -sS -o /dev/null -w '%{http_code}' "$url/")" = 404 ]
refuse 16 "in use" "$SPLITUP" store serve --port "${url##*:}"
refuse 8 "--port" "$SPLITUP" store serve --port 65536
refuse 2 "--bind" "$SPLITUP" store ls --bind 127.0.0.1
kill -TERM "$server"
wait "$server"
check "ends well" [ $? -eq 0 ]
# A file that nobody may write to is not copied.
chmod a-w "$tmp/two"
check "no second copy" [ "$("$SPLITUP" store put --dir "$tmp/third" "$tmp/two")" = "$two" ]

check "verify" "$SPLITUP" store verify >"$tmp/out"
check "two checked" grep -q '2 blobs checked, 0 damaged' "$tmp/out"

file=$(find "$SPLITUP_HOME/blobs" -name "$id" -type f)
chmod u+w "$file"
printf 'X' | dd of="$file" bs=1 seek=1500000 conv=notrunc status=none
"$SPLITUP" store verify >"$tmp/out" 2>"$tmp/err"
check "damage is an error" [ $? -eq 9 ]
check "names the blob" grep -q "$id" "$tmp/err"
check "set aside" [ "$("$SPLITUP" store ls --json | json 'len(d["blobs"])')" = 1 ]
check "gc to nothing" [ "$("$SPLITUP" store gc --budget 0 --json | json 'd["kept_blobs"]')" = 0 ]
refuse 2 "store" "$SPLITUP" store frob
refuse 2 "store" "$SPLITUP" store ls more
refuse 2 "--json" "$SPLITUP" store put "$tmp/two" --json
refuse 2 "blob id" "$SPLITUP" store verify xyz
done_ok
