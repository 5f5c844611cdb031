#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# splitup-deploy and splitup-node: a model on chain, cut short and taken up again, its tasks declared.
. "$(dirname "$0")/devnet.bash"
export HOME="$tmp/user"
unset XDG_CONFIG_HOME XDG_DATA_HOME
mkdir -p "$HOME" "$tmp/bin"
for name in node deploy; do
    ln -s "$(realpath "$SPLITUP")" "$tmp/bin/splitup-$name"
done
deploy=$tmp/bin/splitup-deploy
node=$tmp/bin/splitup-node

check "version" cmp -s <("$SPLITUP" --version) <("$deploy" --version)
check "help" cmp -s <("$SPLITUP" deploy --help) <("$deploy")
devnet_start --slot-ms 200
u=(-u "$url")
check "a wallet" "$SPLITUP" wallet new >"$tmp/out"
check "money" "$SPLITUP" wallet airdrop 2 --usdc 2000 "${u[@]}" >"$tmp/out"
refuse 2 "--target-vram" "$deploy" register mnist "${u[@]}" --yes
refuse 2 "--yes" "$deploy" register mnist --target-vram 300KB "${u[@]}"
refuse 3 "no-such" "$deploy" register no-such --target-vram 300KB "${u[@]}" --yes
check "none yet" [ "$("$deploy" list "${u[@]}" --json | json 'd["models"]')" = "[]" ]
check "a look" "$deploy" register mnist --target-vram 300KB "${u[@]}" --dry-run --json >"$tmp/look"
address=$(json 'd["preview"]["address"]' <"$tmp/look")
refuse 3 "" "$deploy" info "$address" "${u[@]}"

# Interrupted after the draft has begun.
"$deploy" register mnist --target-vram 300KB "${u[@]}" --yes >"$tmp/out" 2>"$tmp/err" &
running=$!
for _ in $(seq 200); do
    [ "$("$deploy" list "${u[@]}" --json | json 'len(d["models"])')" = 1 ] && break
    sleep 0.05
done
kill -INT "$running"
wait "$running"
status=$?
check "stopped with a word, or done" [ "$status" -eq 130 -o "$status" -eq 0 ]
check "goes on" "$deploy" register mnist --target-vram 300KB "${u[@]}" --yes --json >"$tmp/out"
check "where it stopped" [ "$(json 'd["transactions"] < 4 and "there already" in d["preview"]' <"$tmp/out")" = true ]
"$deploy" info "$address" "${u[@]}" --json >"$tmp/info"
check "final" [ "$(json 'd["state"], d["tasks_added"]' <"$tmp/info")" = "('final', 3)" ]
"$SPLITUP" plan mnist --target-vram 300KB --json >"$tmp/plan"
check "the plan's graphs" [ "$(json '[t["graph_digest"] for t in d["tasks"]]' <"$tmp/info")" = \
    "$(json '[t["graph_sha256"] for t in d["tasks"]]' <"$tmp/plan")" ]
check "again: nothing to do" grep -qx 'nothing to do' <("$deploy" register mnist --target-vram 300KB "${u[@]}" --yes)
check "in the list" grep -q "^$address  mnist  final " <("$deploy" list "${u[@]}")

check "a node" "$node" register --vram 1GB --backend cpu "${u[@]}" --yes >"$tmp/out"
refuse 8 "1100 stake deposit" "$node" declare "$address" "${u[@]}" --yes
check "stake" "$SPLITUP" stake deposit 1100 "${u[@]}" --yes >"$tmp/out"
check "declare" "$node" declare "$address" --tasks 0,2 "${u[@]}" --yes >"$tmp/out"
check "declared" [ "$("$node" info "${u[@]}" --json | json 'len(d["declared"])')" = 2 ]
check "counted" [ "$("$deploy" info "$address" "${u[@]}" --json | json '[t["owners"] for t in d["tasks"]]')" = "[1, 0, 1]" ]
refuse 8 "StakeTooSmall" "$SPLITUP" stake withdraw 1 "${u[@]}" --yes
check "undeclare" "$node" undeclare "$address" "${u[@]}" --yes >"$tmp/out"
check "none" [ "$("$node" info "${u[@]}" --json | json 'd["declared"]')" = "[]" ]
refuse 2 "--tasks" "$node" declare "$address" --tasks 2- "${u[@]}" --yes
refuse 2 "mnist" "$node" declare mnist "${u[@]}" --yes
devnet_stop TERM
done_ok
