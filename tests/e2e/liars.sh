#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Liars in a generation: a node that computes with a smaller quantisation of the model is caught whenever it is drawn,
# and only then.
. "$(dirname "$0")/network.bash"
[ -x "${SPLITUP_FAULTY:-}" ] || fail "SPLITUP_FAULTY names no program: build the target splitup-faulty"
file=$(smollm2) || fail "no SmolLM2"
prompt="The capital of France is"
tokens=6
sampling=${SAMPLING:-100}
runs=12 # unless everything is drawn
tries=30 # until the liar draws tokens: who was slashed just now rests for thirty rounds

expected=$("$SPLITUP" run "$file" --backend cpu --ctx 256 --prompt "$prompt" --max-tokens $tokens --json | json 'd["token_ids"]') ||
    fail "it does not run here"

# A run that must end in an answer, or in the words for a node that was wrong.
generate() {
    if net_run "$tmp/run" --prompt "$prompt" --max-tokens $tokens; then
        tail -n 1 "$tmp/run" >"$tmp/last"
        check "$what: final" [ "$(json 'd["final"]' <"$tmp/last")" = true ]
        answered=1
    else
        grep -q 'a node was wrong' "$tmp/run.err" || fail "$what: run: $(cat "$tmp/run.err") $(net_logs)"
        answered=0
    fi
    net_await 120 "$what: everything closed" net_settled
}

# drawn NODE: how many tasks of the last answer are that node's and were checked, or were checked by it.
drawn() {
    json "sum(t['sampled'] and t['node'] == '${net_key[$1]}' for t in d['tasks']) + sum(
        s['validator'] == '${net_key[$1]}' for s in d['samples'])" <"$tmp/last"
}

liar() {
    net_stop TERM "$1"
    declare -g "FAULT_$1=$2"
    net_node_start "${1#node}"
    net_wait_ready
}

what=honest
net_start 3 3 "$file" --name language --ctx 256 --target-vram 60MB --sessions 2 --sampling "$sampling"
generate
check "the right tokens" [ "$(json 'd["token_ids"]' <"$tmp/last")" = "$expected" ]
first=$(net_holder 0 "$tmp/last") # who is at home there gets it again
drawer=$(net_holder 2 "$tmp/last")

what=smaller-quant
liar "$first" smaller-quant
caught=0
clean=0
for ((i = 0; i < runs; i++)); do
    net_stakes_note
    generate
    net_stakes_same "$what" "$first"
    if net_stake_less "$first"; then
        caught=$((caught + 1))
    else
        check "$what: not slashed, so there is an answer" [ $answered = 1 ]
        check "$what: not slashed, so not drawn" [ "$(drawn "$first")" = 0 ]
        clean=$((clean + 1))
    fi
    [ "$sampling" = 100 ] && break
done
if [ "$sampling" = 100 ]; then
    check "$what: drawn, so slashed" [ $caught = 1 ]
    check "$what: asked anew, with an answer" [ $answered = 1 ]
    check "$what: the right tokens" [ "$(json 'd["token_ids"]' <"$tmp/last")" = "$expected" ]
    check "$what: without the liar" [ "$(json "any(t['node'] == '${net_key[$first]}' for t in d['tasks'])" <"$tmp/last")$(drawn "$first")" = false0 ]
fi
printf '%s: slashed in %d of %d requests\n' "$what" $caught $((caught + clean))

what=two-tokens
declare "FAULT_$first="
net_stop TERM "$first"
net_node_start "${first#node}"
liar "$drawer" two-tokens
for ((i = 0; i < tries; i++)); do
    net_stakes_note
    generate
    net_stakes_same "$what" "$drawer"
    net_stake_less "$drawer" && break
    # Frames for one that was replaced meanwhile are refused.
    check "$what: not slashed, so it drew for nobody else" [ "$(json "d['tasks'][2]['node'] == '${net_key[$drawer]}' != d['tasks'][0]['node'] and not any(
        t['attempt'] for t in d['tasks'])" <"$tmp/last")" = false ]
done
check "$what: $drawer pays" net_stake_less "$drawer"
check "$what: what was found" grep -qrE '"verdict":"producer".*"producer":2' "$tmp"/oracle[123]
printf '%s: slashed in request %d\n' "$what" $((i + 1))

if full && [ -z "${SAMPLING:-}" ]; then
    SAMPLING=30 bash "$0" || fail "when few are drawn"
fi
done_ok
