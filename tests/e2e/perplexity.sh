#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The scores of a text: the same for every cut and chunk, in windows, and clear errors.
. "$(dirname "$0")/lib.bash"
model=$(smollm2) || fail "no SmolLM2"
backend=$(llm_backend "$model")
limit=8
full && limit=200
text=$SU_SOURCE_DIR/tests/data/pride.txt

score() {
    "$SPLITUP" perplexity "$model" "$text" --backend "$backend" --limit $limit --json --per-token "$@" || fail "perplexity $*"
}

score >"$tmp/one.json"
check "fields" [ "$(json '{"model","graph_sha256","tasks","mean_nll","perplexity","tokens","tokens_per_second","seconds"} <= set(d)' <"$tmp/one.json")" = true ]
check "all but the first" [ "$(json 'd["nll"][0] is None and None not in d["nll"][1:] and d["tokens"] == '$limit' - 1 == len(d["token_ids"]) - 1' <"$tmp/one.json")" = true ]
check "mean" [ "$(json 'abs(sum(d["nll"][1:]) / d["tokens"] - d["mean_nll"]) < 1e-9 and abs(__import__("math").log(d["perplexity"]) - d["mean_nll"]) < 1e-9' <"$tmp/one.json")" = true ]
check "a model that knows English" [ "$(json '0 < d["mean_nll"] < 6' <"$tmp/one.json")" = true ]
nll=$(json 'd["nll"]' <"$tmp/one.json")
check "in tasks" [ "$(score --target-vram 40MB --batch 3 | json '[d["nll"], d["tasks"] > 2]')" = "[$nll, True]" ]
# Windows of five begin afresh: the first is as before, and every one has a token without a score.
check "windows" [ "$(score --ctx 4 | json 'd["nll"][1:5] == '"${nll//None/0}"'[1:5] and d["nll"][5] is None')" = true ]
check "for people" grep -qE '^3 tokens, mean NLL [0-9.]+, perplexity [0-9.]+, [0-9.]+ tokens/s$' <("$SPLITUP" perplexity "$model" "$text" --backend "$backend" --limit 4 --ctx 16)

: >"$tmp/empty.txt"
refuse 8 "--limit" "$SPLITUP" perplexity "$model" "$text" --limit 1
refuse 2 "--per-token --json" "$SPLITUP" perplexity "$model" "$text" --per-token
refuse 2 "empty.txt longer" "$SPLITUP" perplexity "$model" "$tmp/empty.txt"
refuse 3 "none.txt" "$SPLITUP" perplexity "$model" "$tmp/none.txt"
refuse 2 "mnist language model" "$SPLITUP" perplexity mnist "$text"
done_ok
