#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Panes on paper, again and again: for programs, for ears, until nobody reads or somebody has enough. Keys of one's own that cannot be.
. "$(dirname "$0")/devnet.bash"
export HOME="$tmp/user"
unset XDG_CONFIG_HOME XDG_DATA_HOME
mkdir -p "$HOME"
devnet_start --slot-ms 50
ui() { timeout 90 "$SPLITUP" ui "$@" --url "$url"; }

check "an object a turn" [ "$(ui models --json --watch 1 | head -n 3 | python3 -c '
import json, sys
rows = [json.loads(l) for l in sys.stdin]
print(len(rows), rows[0]["slot"] < rows[2]["slot"])')" = "3 True" ]
check "lines for ears" grep -q '^stake on .* 0 rows\. Slot ' <(ui stake --plain)
"$SPLITUP" ui beats --tsv --watch 1 --url "$url" >"$tmp/out" 2>"$tmp/err" &
watcher=$!
for ((i = 0; i < 600; i++)); do
    [ "$(grep -c '^node' "$tmp/out")" -ge 2 ] && break
    sleep 0.1
done
check "goes on" [ "$(grep -c '^node' "$tmp/out")" -ge 2 ]
kill -INT "$watcher"
wait "$watcher"
check "Ctrl-C ends it well" [ $? -eq 0 ]
check "in silence" [ ! -s "$tmp/err" ]
refuse 8 "--watch" "$SPLITUP" ui --watch 0 --url "$url"

mkdir -p "$SPLITUP_HOME"
printf 'ui.pane = log\nbind.stake.claim = q\n' >"$SPLITUP_HOME/ui.conf"
check "names the line" grep -q 'ui.conf:2.*q stays .quit.' <(
    timeout 60 script -qec "env TERM=xterm '$SPLITUP' ui --url $url" /dev/null </dev/null 2>&1)
devnet_stop TERM
done_ok
