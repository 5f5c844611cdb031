#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A real language model: the same tokens for every cut and chunk, sensible text, and clear errors.
. "$(dirname "$0")/lib.bash"
dir=$(python3 "$SU_SOURCE_DIR/tests/data/fetch_smollm2.py") || fail "no SmolLM2"
model=$dir/SmolLM2-135M-Instruct.Q4_1.gguf
tokens=4
full && tokens=24

# More than 8 tokens, and one after which draws soon differ.
prompt="The three animals that nobody would expect to meet in a forest are"

# one TOKENS OPTION...: hash and number of tasks.
one() {
    local n=$1
    shift
    "$SPLITUP" run "$model" --prompt "$prompt" --max-tokens "$n" \
        --ctx 128 --json "$@" >"$tmp/run.json" || fail "run $*"
    [ "$(json 'all(64 * t["bound_bytes"] <= 65 * t["vram_bytes"] for t in d["tasks"])' <"$tmp/run.json")" = true ] ||
        fail "$*: a backend takes more than the plan says"
    json 'd["output_sha256"] + " " + str(len(d["tasks"]))' <"$tmp/run.json"
}
# same SAMPLING TASKS OPTION...: the hash of the first run with this sampling, and so many tasks.
declare -A want
same() {
    local sampling=$1 tasks=$2 name got
    shift 2
    name="$tokens tokens $sampling $*"
    # shellcheck disable=SC2086
    got=$(one "$tokens" $sampling "$@") || fail "$name"
    : "${want[$sampling]:=${got% *}}"
    check "$name" [ "$got" = "${want[$sampling]} $tasks" ]
}

greedy="--temperature 0"
drawn="--temperature 0.8 --seed 7"
# Targets that cut this model into 3 and 7 tasks; values of 512 rows take more than those of 8.
three="--target-vram 60MB"
seven="--target-vram 22MB"
seven_512="--target-vram 29.5MB"

# The definition first: every other run is held to it.
same "$greedy" 3 --backend reference $three --batch 512
check "fields" [ "$(json '{"text","token_ids","output_sha256","tasks","tokens_per_second","time_to_first_token_ms"} <= set(d)' <"$tmp/run.json")" = true ]
if full; then
    same "$greedy" 1 --backend reference
    same "$drawn" 7 --backend reference $seven --batch 1
fi

# SAMPLING and the rows of a dispatch change from run to run; in full runs all of them meet.
cuts_and_chunks() {
    local backend=$1 sampling batch
    same "$greedy" 1 --backend "$backend" --batch 512
    same "$drawn" 1 --backend "$backend" --batch 8
    same "$drawn" 3 --backend "$backend" $three --batch 1
    same "$greedy" 7 --backend "$backend" $seven --batch 8
    same "$greedy" 3 --backend "$backend" $three --batch 512
    same "$drawn" 7 --backend "$backend" $seven_512 --batch 512
    full || return 0
    for sampling in "$greedy" "$drawn"; do
        for batch in 1 8 512; do
            same "$sampling" 1 --backend "$backend" --batch $batch
        done
        for batch in 1 8 512; do
            same "$sampling" 3 --backend "$backend" $three --batch $batch
        done
        for batch in 1 8; do
            same "$sampling" 7 --backend "$backend" $seven --batch $batch
        done
        same "$sampling" 7 --backend "$backend" $seven_512 --batch 512
    done
}
cuts_and_chunks cpu
for kernels in plain avx2; do
    SPLITUP_CPU=$kernels same "$drawn" 1 --backend cpu --batch 8 --threads 1
done
if one 1 --backend vulkan >/dev/null 2>&1; then
    cuts_and_chunks vulkan
else
    echo "no Vulkan here"
fi
check "draws differ from the likeliest" [ "${want[$greedy]}" != "${want[$drawn]}" ]
check "Paris" [ "$("$SPLITUP" run "$model" --backend "$(llm_backend "$model")" --prompt "The capital of France is" \
    --max-tokens 4 --ctx 64 --json | json '" Paris" in d["text"]')" = true ]
check "seeds differ" [ "$(one "$tokens" --backend cpu --temperature 0.8 --seed 8)" != "${want[$drawn]} 1" ]
if full; then
    long=$(one 64 --backend reference) || fail "64 tokens"
    check "64 tokens, cpu" [ "$(one 64 --backend cpu --batch 8)" = "$long" ]
    check "64 tokens, vulkan or cpu" [ "$(one 64 --backend "$(one 1 --backend vulkan >/dev/null 2>&1 && echo vulkan || echo cpu)")" = "$long" ]
fi

refuse 2 "--prompt missing" "$SPLITUP" run "$model"
refuse 2 "--temperature" "$SPLITUP" run "$model" --prompt x --temperature hot
refuse 8 "--top-p" "$SPLITUP" run "$model" --prompt x --top-p 2
refuse 8 "--prompt tokens" "$SPLITUP" run "$model" --prompt "one two three four five six" --ctx 3
head -c 1000000 "$model" >"$tmp/cut.gguf"
refuse 7 "cut.gguf" "$SPLITUP" run "$tmp/cut.gguf" --prompt x
check "plan" [ "$("$SPLITUP" plan "$model" --target-vram 40MB --json | json 'len(d["tasks"]) > 2')" = true ]
done_ok
