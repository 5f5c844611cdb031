# SPDX-License-Identifier: MIT
# Shared by the tests of models that lie elsewhere: a local server in the place of huggingface.co.
hub=

# hub_start: serves $tmp/repos, one line in $tmp/hub.log per request; see hub_server.py.
hub_start() {
    python3 "$SU_SOURCE_DIR/tests/e2e/hub_server.py" "$tmp/repos" "$tmp/hub.log" >"$tmp/hub.port" &
    hub=$!
    for _ in $(seq 600); do
        [ -s "$tmp/hub.port" ] && break
        sleep 0.1
    done
    [ -s "$tmp/hub.port" ] || fail "the hub does not start"
    SPLITUP_HF_ENDPOINT="http://127.0.0.1:$(cat "$tmp/hub.port")"
    export SPLITUP_HF_ENDPOINT
    unset HF_TOKEN HF_HUB_OFFLINE
}

hub_stop() {
    [ -z "$hub" ] || { kill "$hub" && wait "$hub"; } 2>/dev/null
    hub=
}
