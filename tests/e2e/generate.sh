#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A language model over a network: the tokens of a local run, streamed, checked, paid; run, chat and demo.
. "$(dirname "$0")/lib.bash"
user=$HOME
export HOME="$tmp/user" TMPDIR="$tmp/t"
unset XDG_CONFIG_HOME XDG_DATA_HOME
mkdir -p "$HOME" "$TMPDIR"
model=$(HOME=$user smollm2) || fail "no SmolLM2"
prompt="The capital of France is"
tokens=24
if full; then
    tokens=64
fi

# local FILE OPTION...: the same on this machine alone.
local_run() {
    local out=$1
    shift
    "$SPLITUP" run "$model" --ctx 256 --json "$@" >"$out" || fail "a local run: $*"
}

# ---- demo -------------------------------------------------------------------------------------------------------

local_run "$tmp/local" --prompt "$prompt" --max-tokens $tokens
"$SPLITUP" demo --model "$model" --prompt "$prompt" --max-tokens $tokens --once --json >"$tmp/demo" 2>"$tmp/err" ||
    fail "demo: $(cat "$tmp/err")"
check "one line" [ "$(wc -l <"$tmp/demo")" = 1 ]
python3 - "$tmp/demo" "$tmp/local" "$prompt" <<'PYTHON' || fail "what demo printed: $(cat "$tmp/demo")"
import json, sys
d, local = (json.load(open(f)) for f in sys.argv[1:3])
assert d["final"] is True and d["repeated"] == 0 and d["changed"] == 0, "final"
assert d["prompt"] == sys.argv[3] and "Paris" in d["text"], d["text"]
for key in ("text", "token_ids", "output_sha256", "prompt_tokens", "stopped"):
    assert d[key] == local[key], key
assert d["tokens_per_second"] > 0 and d["time_to_first_token_ms"] > 0, "speed"
assert [t["index"] for t in d["tasks"]] == [0, 1, 2], "three tasks"
assert len({t["node"] for t in d["tasks"]}) > 1, "stages on several nodes"
for t in d["tasks"]:
    assert t["state"] == "verified" and t["fee"] > 0 and t["ms"] is not None and t["wait_ms"] >= 0, t
for s in d["samples"]:
    assert s["draw"] < s["threshold"] and s["verdict"] == "match", s
    assert s["validator_owner"] != s["asserter_owner"], s
assert d["draw"] == {"proof_posted": True, "proof_verified": True, "flags_recomputed": True}, d["draw"]
b = d["balances"]
assert b["total"]["before"] - b["total"]["after"] == 0, "money"
PYTHON
checks=$((checks + 1))

refuse 2 "--prompt --model" "$SPLITUP" demo --prompt "$prompt"
refuse 2 "--prompt language" "$SPLITUP" demo --model "$model"
refuse 2 "--input digits" "$SPLITUP" demo --model "$model" --prompt "$prompt" --input x
refuse 2 "mnist language" "$SPLITUP" demo --model mnist --prompt "$prompt"

# ---- run and chat -----------------------------------------------------------------------------------------------

mkfifo "$tmp/keys"
exec 8<>"$tmp/keys"
"$SPLITUP" demo --model "$model" --prompt "$prompt" --max-tokens 8 --seed 11 <&8 >"$tmp/stay" 2>"$tmp/err" 8>&- &
demo=$!
clean() {
    kill -TERM "$demo" 2>/dev/null
    wait "$demo" 2>/dev/null
    rm -rf "$tmp"
}
trap clean EXIT
for _ in $(seq 900); do
    grep -q ' stays ' "$tmp/stay" && break
    kill -0 "$demo" 2>/dev/null || fail "the demo ended: $(cat "$tmp/err")"
    sleep 0.2
done
url=$(sed -n 's/.* stays .*RPC \(http[^;]*\);.*/\1/p' "$tmp/stay")
home=$(echo "$TMPDIR"/splitup-demo-*)
[ -n "$url" ] || fail "the demo is not ready: $(cat "$tmp/stay")"
check "the answer follows its prompt" grep -q "^$prompt Paris" "$tmp/stay"
name=SmolLM2-135M-Instruct.Q4_1
options=(--keypair "$home/requestor/wallet.json" --yes)

# The tokenizer comes out of the first bytes of the weights, and no more than these.
local_run "$tmp/local" --prompt "$prompt" --max-tokens 12 --temperature 0.8 --seed 5
"$SPLITUP" run "$name@$url" "${options[@]}" --prompt "$prompt" --max-tokens 12 --temperature 0.8 --seed 5 --json \
    >"$tmp/far" 2>"$tmp/err" || fail "run: $(cat "$tmp/err")"
check "provisional, then final" [ "$(json 'd["provisional"], d["final"]' < <(head -n 1 "$tmp/far"))" = "(True, False)" ]
check "final" [ "$(tail -n 1 "$tmp/far" | json 'd["final"]')" = true ]
check "the same tokens" [ "$(tail -n 1 "$tmp/far" | json 'd["token_ids"]')" = "$(json 'd["token_ids"]' <"$tmp/local")" ]
check "a part of the weights" [ -n "$(find "$SPLITUP_HOME/blobs" -name '*.chunks')" ]
check "a small part" [ "$(du -sk "$SPLITUP_HOME/blobs" | cut -f1)" -lt 20000 ]
check "anybody can run it again" [ "$("$SPLITUP" verify -u "$url" --result "$tmp/far" --backend cpu --json | json '[t["found"] for t in d["tasks"]]')" = "['equal', 'equal', 'equal']" ]

# With the model's file: in its own form of a conversation, which ends by itself.
local_run "$tmp/local" --prompt "Say hello." --system "" --max-tokens 40
"$SPLITUP" run "$name@$url" "${options[@]}" --prompt "Say hello." --system "" --max-tokens 40 --model-file "$model" \
    >"$tmp/out" 2>"$tmp/err" || fail "run: $(cat "$tmp/err")"
check "text" grep -qF "$(json 'd["text"].splitlines()[0]' <"$tmp/local")" "$tmp/out"
check "marks" [ "$(grep -cE '^(provisional|final): ' "$tmp/err")" = 2 ]
check "cost" grep -q '^final: .* cost 0\.0[0-9]* USDC' "$tmp/err"
check "stages" [ "$(grep -cE '^stage [123]/3 .* compute +[0-9]+ % wait +[0-9]+ % network ' "$tmp/err")" = 3 ]
check "checks" grep -qE '^checks: (none of 3 stages sampled|([123]) of 3 stages sampled, \2 matched)$' "$tmp/err"
check "nothing is drawn where no terminal is" [ "$(grep -c $'\033' "$tmp/err")" = 0 ]
check "only the answer is printed" [ "$(cat "$tmp/out")" = "$(json 'd["text"]' <"$tmp/local")" ]

# A conversation.
printf 'What is the capital of France?\nAnd of Italy?\n/cost\n' |
    "$SPLITUP" chat "$name@$url" "${options[@]}" --system "Answer in one word." --max-tokens 20 >"$tmp/out" 2>"$tmp/err" ||
    fail "chat: $(cat "$tmp/err")"
check "two answers" [ "$(grep -cE 'Paris|Rome' "$tmp/out")" = 2 ]
check "their cost" grep -qE '^the last answer (0\.[0-9]+) USDC, the conversation 0\.[0-9]+ USDC \(answers: 2\)$' "$tmp/err"
check "of both" [ "$(grep -oE '^final: .* cost 0\.[0-9]+' "$tmp/err" | awk '{ s += $NF } END { printf "%.6f", s }')" = \
    "$(sed -n 's/^the last .* conversation \([0-9.]*\) USDC.*/\1/p' "$tmp/err" | awk '{ printf "%.6f", $1 }')" ]

# Ended by hand: what was not run is not paid.
"$SPLITUP" run "$name@$url" "${options[@]}" --prompt "Once upon a time" --max-tokens 240 --json >"$tmp/out" 2>"$tmp/err" &
run=$!
for _ in $(seq 600); do
    [ "$("$SPLITUP" request list -u "$url" -k "$home/requestor/wallet.json" --json | json 'sum(r["state"] == "running" for r in d["requests"])')" = 1 ] && break
    sleep 0.1
done
sleep 0.3
kill -INT $run
wait $run || fail "ended by hand: $(cat "$tmp/err")"
check "it ended early" [ "$(tail -n 1 "$tmp/out" | json '0 < len(d["token_ids"]) < 240 and d["final"]')" = true ]

ask=("$SPLITUP" run "$name@$url" "${options[@]}")
refuse 2 "--prompt language" "${ask[@]}"
refuse 8 "--prompt tokens 256" "${ask[@]}" --prompt "$(printf 'word %.0s' $(seq 300))"
refuse 3 "nothing" "${ask[@]}" --prompt a --model-file "$tmp/nothing.gguf"
refuse 2 "mnist language" "${ask[@]}" --prompt a --model-file mnist
refuse 2 "--json cluster" "$SPLITUP" chat "$model" --json
echo q >&8
wait "$demo" || fail "the demo's end"
trap 'rm -rf "$tmp"' EXIT
done_ok
