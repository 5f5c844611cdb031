#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A real language model: the same tokens for every cut and chunk, sensible text, and clear errors.
. "$(dirname "$0")/lib.bash"
dir=$(python3 "$SU_SOURCE_DIR/tests/data/fetch_smollm2.py") || fail "no SmolLM2"
model=$dir/SmolLM2-135M-Instruct.Q4_1.gguf
tokens=5
full && tokens=24

run() {
    "$SPLITUP" run "$model" --prompt "The capital of France is" --max-tokens $tokens --ctx 128 --json "$@" || fail "run $*"
}

run --backend reference >"$tmp/reference.json"
check "Paris" [ "$(json '" Paris" in d["text"]' <"$tmp/reference.json")" = true ]
check "fields" [ "$(json '{"text","token_ids","output_sha256","tasks","tokens_per_second","time_to_first_token_ms"} <= set(d)' <"$tmp/reference.json")" = true ]
want=$(json 'd["output_sha256"]' <"$tmp/reference.json")
check "in tasks" [ "$(run --backend reference --target-vram 40MB --batch 2 | json '[d["output_sha256"], len(d["tasks"]) > 2]')" = "['$want', True]" ]

refuse 2 "--prompt missing" "$SPLITUP" run "$model"
refuse 2 "--temperature" "$SPLITUP" run "$model" --prompt x --temperature hot
refuse 8 "--top-p" "$SPLITUP" run "$model" --prompt x --top-p 2
refuse 8 "--prompt tokens" "$SPLITUP" run "$model" --prompt "one two three four five six" --ctx 3
head -c 1000000 "$model" >"$tmp/cut.gguf"
refuse 7 "cut.gguf" "$SPLITUP" run "$tmp/cut.gguf" --prompt x
check "plan" [ "$("$SPLITUP" plan "$model" --target-vram 40MB --json | json 'len(d["tasks"]) > 2')" = true ]
done_ok
