#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# store get over HTTP: whole, cut off, killed, interrupted, and from a server that lies.
. "$(dirname "$0")/lib.bash"
head -c 3500000 /dev/urandom >"$tmp/blob"
want=$("$SPLITUP" store put --dir "$tmp/other" "$tmp/blob") || fail "put"
: >"$tmp/log"
# The server ends when its standard input does, so it cannot outlive this script.
coproc SERVER { exec python3 "$SU_SOURCE_DIR/tests/e2e/http_server.py" "$tmp/blob" "$tmp/log" 2>"$tmp/server.err"; }
server=$SERVER_PID input=${SERVER[1]} # bash forgets both at the moment when the server ends
read -r port <&"${SERVER[0]}" || fail "the server did not start: $(cat "$tmp/server.err")"
url=http://127.0.0.1:$port
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY

get() { "$SPLITUP" store get "$url$1"; }
asked() { grep -c "^$1 " "$tmp/log"; }
ranges() { grep -c "^$1 bytes=[1-9]" "$tmp/log"; }
wait_for_half() {
    for _ in $(seq 1200); do
        grep -qx half "$tmp/log" && [ -n "$(find "$SPLITUP_HOME/blobs/tmp" -name '*.part' -size +0 2>/dev/null)" ] && return
        sleep 0.05
    done
    fail "the server never sent its half, or nothing of it was written"
}

check "whole" [ "$(get /whole)" = "$want" ]
check "not transferred again" [ "$(get /whole)" = "$want" ]
check "asked twice, each time from the start" [ "$(asked /whole)" -eq 2 ]
check "listed" grep -q "$want" <("$SPLITUP" store ls)
check "sha256: finds it here" [ "$("$SPLITUP" store get "sha256:$want")" = "$want" ]
check "verify" "$SPLITUP" store verify >/dev/null
forget() { "$SPLITUP" store gc --budget 0 >/dev/null || fail "gc"; }

# Cut off twice: continues where it broke off, in one call.
forget
check "cut off" [ "$(get /cut)" = "$want" ]
check "continued with ranges" [ "$(ranges /cut)" -ge 2 ]

# Killed half way: the next call continues.
forget
: >"$tmp/log"
"$SPLITUP" store get "$url/stall" >/dev/null 2>&1 &
pid=$!
wait_for_half
kill -KILL $pid
wait $pid 2>/dev/null
check "nothing half-done is visible" [ "$("$SPLITUP" store ls --json | json 'len(d["blobs"])')" = 0 ]
check "after a kill" [ "$(get /stall)" = "$want" ]
check "continued with a range" [ "$(ranges /stall)" -eq 1 ]

# Ctrl-C half way: status 130, and the next call continues.
forget
: >"$tmp/log"
"$SPLITUP" store get "$url/stall-again" >"$tmp/out" 2>"$tmp/err" &
pid=$!
wait_for_half
kill -INT $pid
wait $pid
check "status 130" [ $? -eq 130 ]
check "one line" [ "$(wc -l <"$tmp/err")" -eq 1 ]
check "after Ctrl-C" [ "$(get /stall-again)" = "$want" ]
check "continued with a range" [ "$(ranges /stall-again)" -eq 1 ]

# Lies and refusals.
forget
refuse 3 "/missing 404" get /missing
refuse 4 "/forbidden 403" get /forbidden
refuse 8 "/huge" get /huge
refuse 14 "/loop redirect" get /loop
refuse 7 "/wrong-range" get /wrong-range
refuse 7 "/short" get /short
refuse 14 "/broken 500" get /broken
check "nothing of it is visible" [ "$("$SPLITUP" store ls --json | json 'len(d["blobs"])')" = 0 ]
exec {input}>&-
wait "$server" 2>/dev/null
refuse 14 "127.0.0.1:$port" get /whole
refuse 2 "http:" "$SPLITUP" store get http://
done_ok
