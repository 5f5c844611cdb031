#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# splitup-deploy and splitup-node: a model tried out, put on chain, cut short and taken up again, its package fetched
# by others, its tasks declared.
. "$(dirname "$0")/devnet.bash"
images=$(mnist)/t10k-images-idx3-ubyte.gz
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
refuse 2 "--model" "$deploy" register --target-vram 300KB "${u[@]}" --yes
refuse 2 "second model" "$deploy" register mnist --model mnist --target-vram 300KB "${u[@]}" --yes
refuse 2 "--serve-url" "$deploy" register mnist --target-vram 300KB --serve-url here "${u[@]}" --yes
refuse 8 "URI" "$deploy" register mnist --target-vram 300KB --serve-url "http://$(printf 'x%.0s' {1..70})" "${u[@]}" --yes

# Tried out on this machine: no chain, no money.
check "tried out" "$deploy" test-execution mnist --target-vram 300KB --json >"$tmp/trial"
check "same bits" [ "$(json 'd["agree"] and all(t["agree"] for t in d["tasks"])' <"$tmp/trial")" = true ]
check "three tasks on two backends" [ "$(json 'len(d["tasks"]), len(set(d["backends"]))' <"$tmp/trial")" = "(3, 2)" ]
check "within the plan" [ "$(json 'all(0 < b <= t["planned_bytes"] <= 307200 for t in d["tasks"] for b in t["bound_bytes"])' <"$tmp/trial")" = true ]
check "bytes over cuts" [ "$(json '[t["cut_bytes_per_step"] > 0 for t in d["tasks"]]' <"$tmp/trial")" = "[False, True, True]" ]
check "as text" grep -q '^   2 .* yes$' <("$deploy" test-execution mnist --target-vram 300KB --backends reference,cpu --steps 3)
check "a digit" "$deploy" test-execution mnist --target-vram 300KB --input "$images" --index 7 --json >"$tmp/digit"
check "another root" [ "$(json 'd["tasks"][0]["output_root"]' <"$tmp/digit")" != "$(json 'd["tasks"][0]["output_root"]' <"$tmp/trial")" ]
refuse 2 "--backends" "$deploy" test-execution mnist --target-vram 300KB --backends cpu
refuse 2 "magic" "$deploy" test-execution mnist --target-vram 300KB --backends cpu,magic
refuse 8 "--steps" "$deploy" test-execution mnist --target-vram 300KB --steps 0
refuse 3 "" "$deploy" test-execution no-such --target-vram 300KB

# What others fetch from.
mkfifo "$tmp/serving"
"$SPLITUP" store serve --port 0 --json >"$tmp/serving" 2>"$tmp/serve.log" &
server=$!
trap 'kill "$server" 2>/dev/null; devnet_clean' EXIT
read -r -t 60 line <"$tmp/serving" || fail "no line: $(cat "$tmp/serve.log")"
serve=$(json 'd["url"]' <<<"$line")
refuse 2 "--yes" "$deploy" register mnist --target-vram 300KB "${u[@]}"
refuse 3 "no-such" "$deploy" register no-such --target-vram 300KB "${u[@]}" --yes
check "none yet" [ "$("$deploy" list "${u[@]}" --json | json 'd["models"]')" = "[]" ]
check "a look" "$deploy" register mnist --target-vram 300KB --serve-url "$serve" "${u[@]}" --dry-run --json >"$tmp/look"
address=$(json 'd["preview"]["address"]' <"$tmp/look")
refuse 3 "" "$deploy" info "$address" "${u[@]}"

# Interrupted after the draft has begun.
"$deploy" register mnist --target-vram 300KB --serve-url "$serve/" "${u[@]}" --yes >"$tmp/out" 2>"$tmp/err" &
running=$!
for _ in $(seq 600); do
    [ "$("$deploy" list "${u[@]}" --json | json 'len(d["models"])')" = 1 ] && break
    sleep 0.05
done
kill -INT "$running"
wait "$running"
status=$?
check "stopped with a word, or done" [ "$status" -eq 130 -o "$status" -eq 0 ]
check "goes on" "$deploy" register --model mnist --target-vram 300KB --serve-url "$serve" "${u[@]}" --yes --json >"$tmp/out"
check "where it stopped" [ "$(json 'd["transactions"] < 4 and "there already" in d["preview"]' <"$tmp/out")" = true ]
"$deploy" info "$address" "${u[@]}" --json >"$tmp/info"
uri=$(json 'd["uri"]' <"$tmp/info")
check "the package's place" [ "${uri%/*}" = "$serve/blob" ]
check "it agrees" [ "$(json 'd["package"]["agrees"] and all(t["graph_agrees"] and t["weights_agree"] for t in d["tasks"])' <"$tmp/info")" = true ]
check "the digest covers it" [ "$(json 'd["digest"]' <"$tmp/info")" = "$( (printf splitup/model; curl -sS "$uri") | sha256sum | cut -d' ' -f1)" ]
check "ports" [ "$(json '[len(t["input_ports"]) for t in d["tasks"]], d["tasks"][0]["input_ports"][0]["shape"]' <"$tmp/info")" = "([1, 2, 2], [1, 28, 28])" ]
check "final" [ "$(json 'd["state"], d["tasks_added"]' <"$tmp/info")" = "('final', 3)" ]
"$SPLITUP" plan mnist --target-vram 300KB --json >"$tmp/plan"
check "the plan's graphs" [ "$(json '[t["graph_digest"] for t in d["tasks"]]' <"$tmp/info")" = \
    "$(json '[t["graph_sha256"] for t in d["tasks"]]' <"$tmp/plan")" ]
check "again: nothing to do" grep -qx 'nothing to do' <("$deploy" register mnist --target-vram 300KB "${u[@]}" --yes)
"$deploy" info "$address" "${u[@]}" >"$tmp/info.txt"
check "agrees" grep -q '^package  agrees with the chain' "$tmp/info.txt"
check "who reads what" grep -q 'from task 0 out 0' "$tmp/info.txt"
(
    export SPLITUP_HOME="$tmp/stranger"
    check "a stranger sees it too" grep -q '^package  agrees' <("$deploy" info "$address" "${u[@]}")
    check "and tries it out" "$deploy" test-execution "$address" "${u[@]}" --json >"$tmp/theirs"
    check "the same bits" [ "$(json '[t["output_root"] for t in d["tasks"]]' <"$tmp/theirs")" = "$(json '[t["output_root"] for t in d["tasks"]]' <"$tmp/trial")" ]
) || exit 1
kill -TERM "$server"
wait "$server"
check "serving ends well" [ $? -eq 0 ]
(
    export SPLITUP_HOME="$tmp/late"
    check "nobody serves it" grep -q '^package  cannot be looked at: ' <("$deploy" info "$address" "${u[@]}")
    SPLITUP_HOME="$tmp/stranger" "$SPLITUP" store serve --port 0 --json >"$tmp/serving" 2>"$tmp/serve.log" &
    server=$!
    trap 'kill "$server" 2>/dev/null' EXIT
    read -r -t 60 line <"$tmp/serving" || fail "no line: $(cat "$tmp/serve.log")"
    check "a peer has it" grep -q '^package  agrees' <("$deploy" info "$address" --peer "$(json 'd["url"]' <<<"$line")" "${u[@]}")
    kill -INT "$server"
    wait "$server"
    check "SIGINT ends it" [ $? -eq 0 ]
) || exit 1
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
