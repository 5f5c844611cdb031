# SPDX-License-Identifier: MIT
# Shared by the tests of splitup devnet.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
pid=""
devnet_clean() {
    [ -z "$pid" ] || { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null
    rm -rf "$tmp"
}
trap devnet_clean EXIT

# devnet_start ARGUMENTS...: waits for the ready line; sets pid, url and ws.
devnet_start() {
    rm -f "$tmp/ready"
    mkfifo "$tmp/ready"
    "$SPLITUP" devnet --port 0 --json "$@" >"$tmp/ready" 2>"$tmp/log" &
    pid=$!
    read -r -t 60 ready <"$tmp/ready" || fail "no ready line: $(cat "$tmp/log")"
    url=$(json 'd["url"]' <<<"$ready")
    ws=$(json 'd["ws_url"]' <<<"$ready")
}

# devnet_stop SIGNAL: must end with status 0.
devnet_stop() {
    kill "-$1" "$pid"
    wait "$pid"
    local status=$?
    pid=""
    [ $status -eq 0 ] || fail "after SIG$1: status $status: $(cat "$tmp/log")"
    checks=$((checks + 1))
}

rpc() {
    curl -sS --max-time 30 -H 'Content-Type: application/json' -d "$1" "$url"
}

call() {
    rpc "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":${2:-[]}}"
}
