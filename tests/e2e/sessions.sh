#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Sessions of a language model over a network: every flag follows from its proof, every check matches, and costs a part of
# what it checks.
. "$(dirname "$0")/lib.bash"
user=$HOME
export HOME="$tmp/user" TMPDIR="$tmp/t"
unset XDG_CONFIG_HOME XDG_DATA_HOME
mkdir -p "$HOME" "$TMPDIR"
model=$(HOME=$user smollm2) || fail "no SmolLM2"
cat >"$tmp/prompts" <<'EOT'
The capital of France is
Once upon a time

Water boils at
The opposite of hot is
My favourite colour
EOT

# sessions COUNT OPTION...
sessions() {
    local count=$1
    shift
    "$SPLITUP" demo --model "$model" --prompts "$tmp/prompts" --seed 3 --executions "$count" --json "$@" \
        >"$tmp/many" 2>"$tmp/err" || fail "sessions: $(cat "$tmp/err")"
    python3 - "$tmp/many" "$count" "$tmp/prompts" <<'PYTHON' || fail "what the sessions printed: $(cat "$tmp/many")"
import json, sys
*runs, total = (json.loads(line) for line in open(sys.argv[1]))
n = int(sys.argv[2])
prompts = [line.strip() for line in open(sys.argv[3]) if line.strip()]
assert len(runs) == n and all(r["final"] and r["repeated"] == 0 for r in runs), "final"
assert sorted(r["seed"] for r in runs) == list(range(3, 3 + n)), "seeds"
for r in runs:
    assert r["prompt"] == prompts[(r["seed"] - 3) % len(prompts)], "each its prompt"
    assert len(r["flags"]) == len(r["tasks"]) == 3, "flags"
    for f, t in zip(r["flags"], r["tasks"]):
        assert f["task"] == t["index"] and f["sampled"] == f["recomputed"] == t["sampled"], r["flags"]
    assert [s["task"] for s in r["samples"]] == [t["index"] for t in r["tasks"] if t["sampled"]], "samples"
    for s in r["samples"]:
        assert s["draw"] < s["threshold"] and s["verdict"] == "match", s
        assert s["validator_owner"] != s["asserter_owner"], s
assert total["executions"] == total["final"] == total["flags_recomputed"] == total["proofs_verified"] == n, total
assert total["sampled"] == total["matched"] == total["by_another_owner"] == sum(len(r["samples"]) for r in runs), total
assert total["balances"]["open_claims"] == 0, "claims"
assert total["balances"]["total"]["before"] == total["balances"]["total"]["after"], "money"
PYTHON
    checks=$((checks + 1))
}

# Every task checked: what that costs, by what the nodes themselves measured.
cost() {
    python3 - "$tmp/many" "$1" <<'PYTHON' || fail "what checks cost: $(tail -n 1 "$tmp/many")"
import json, sys
*runs, total = (json.loads(line) for line in open(sys.argv[1]))
assert total["sampled"] == total["tasks"], "all are checked"
cost = total["check_cost"]["cpu"]
known = [c for r in runs for c in r["checks"]]
assert cost["checks"] == len(known) == int(sys.argv[2]), cost
assert all(c["backend"] == c["asserter_backend"] == "cpu" and c["check_ms"] > 0 and c["generation_ms"] > 0 for c in known)
assert abs(cost["check_ms"] / cost["generation_ms"] - cost["ratio"]) < 1e-6, cost
assert abs(cost["extra_share"] - 0.08 * cost["ratio"]) < 1e-6 and cost["extra_share"] <= 0.08, cost
print("%d checks: %.0f ms for %.0f ms, %.2f %% more computing at 8 %%" %
      (cost["checks"], cost["check_ms"], cost["generation_ms"], 100 * cost["extra_share"]))
PYTHON
    checks=$((checks + 1))
}

# Each draws as it would on one machine.
drawn() {
    head -n 1 "$tmp/many" >"$tmp/one"
    "$SPLITUP" run "$model" --ctx 256 --json --prompt "$(json 'd["prompt"]' <"$tmp/one")" --max-tokens "$1" \
        --temperature 0.8 --seed "$(json 'd["seed"]' <"$tmp/one")" >"$tmp/local" || fail "a local run"
    check "drawn as here" [ "$(json 'd["token_ids"]' <"$tmp/one")" = "$(json 'd["token_ids"]' <"$tmp/local")" ]
}

if full; then
    sessions 50 --max-tokens 8 --temperature 0.8
    drawn 8
    sessions 8 --max-tokens 48 --sampling 100 --backend cpu --at-once 1
    cost 24
else
    sessions 3 --max-tokens 12 --temperature 0.8 --sampling 100 --backend cpu --at-once 2
    cost 9
    drawn 12
fi

ask=("$SPLITUP" demo --model "$model")
refuse 2 "--prompts --prompt" "${ask[@]}" --prompts "$tmp/prompts" --prompt x
refuse 3 "nothing" "${ask[@]}" --prompts "$tmp/nothing"
printf '\n \n' >"$tmp/empty"
refuse 2 "empty prompt" "${ask[@]}" --prompts "$tmp/empty"
refuse 8 "--sampling 100" "${ask[@]}" --prompts "$tmp/prompts" --sampling 101
refuse 2 "--backend vulkan" "${ask[@]}" --prompts "$tmp/prompts" --backend none
refuse 2 "--model" "$SPLITUP" demo --prompts "$tmp/prompts"
done_ok
