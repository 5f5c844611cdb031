#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A real language model: the same tokens for every cut and chunk, sensible text, and clear errors.
. "$(dirname "$0")/lib.bash"
model=$(smollm2) || fail "no SmolLM2"
tokens=4
full && tokens=24

# More than 16 tokens, and one after which draws soon differ.
prompt="The three animals that nobody would ever expect to meet in a forest on a cold winter morning are"

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
for kernels in plain avx2 avx512 amx; do
    SPLITUP_CPU=$kernels same "$drawn" 1 --backend cpu --batch 32 --threads 1
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

# Five at once, of different prompts and draws: each gives what it gives alone, for any chunk, cut and number of sessions.
prompts=("The capital of France is" "Once upon a time, in a land far away," "def fibonacci(n):" "$prompt" "Water boils at")
draws=("" "--temperature 0.8 --seed 7" "--temperature 1.3 --seed 9 --top-p 0.9" "" "--temperature 0.5 --top-k 20 --repeat-penalty 1.2")
members=('' ',"temperature":0.8,"seed":7' ',"temperature":1.3,"seed":"9","top_p":0.9' '' ',"temperature":0.5,"top_k":20,"repeat_penalty":1.2')
five_tokens=12
alone=""
for i in 0 1 2 3 4; do
    # shellcheck disable=SC2086
    "$SPLITUP" run "$model" --prompt "${prompts[$i]}" --max-tokens $five_tokens --ctx 64 --backend cpu ${draws[$i]} \
        --json >"$tmp/run.json" || fail "alone $i"
    alone="$alone$(json 'd["output_sha256"]' <"$tmp/run.json") "
    if [ -z "${members[$i]}" ]; then
        printf '%s\n\n' "${prompts[$i]}"
    else
        printf '{"prompt":"%s"%s}\n' "${prompts[$i]}" "${members[$i]}"
    fi >>"$tmp/prompts"
done
check "five differ" [ "$(tr ' ' '\n' <<<"$alone" | sort -u | sed '/^$/d' | wc -l)" -eq 5 ]
# five SESSIONS TASKS OPTION...
five() {
    local sessions=$1 tasks=$2
    shift 2
    "$SPLITUP" run "$model" --prompts "$tmp/prompts" --sessions "$sessions" --max-tokens $five_tokens --json "$@" \
        >"$tmp/five" || fail "five $*"
    check "five at once, $sessions sessions, $*" [ "$(sed '$d' "$tmp/five" | while read -r line; do
        json 'd["output_sha256"]' <<<"$line"
    done | tr '\n' ' ')" = "$alone" ]
    check "summary, $*" [ "$(tail -n 1 "$tmp/five" | json '[d["summary"], d["prompts"], d["sessions"], len(d["tasks"]), d["tokens_per_second"] > 0] == [True, 5, '"$sessions, $tasks"', True]')" = true ]
}
five 5 1 --backend cpu --batch 1
five 5 3 --backend cpu --batch 8 $three
five 5 1 --backend cpu --batch 512
five 2 1 --backend cpu --batch 8
check "fields" [ "$(head -n 1 "$tmp/five" | json '{"text","token_ids","output_sha256","tasks","tokens_per_second","time_to_first_token_ms"} <= set(d)')" = true ]
if one 1 --backend vulkan >/dev/null 2>&1; then
    five 5 1 --backend vulkan --batch 8
    full && five 5 8 --backend vulkan --batch 512 $seven_512
fi
if full; then
    for batch in 1 8 512; do
        five 5 3 --backend cpu --batch $batch $three
        five 3 1 --backend cpu --batch $batch
    done
    five 5 1 --backend reference --batch 8
fi
"$SPLITUP" run "$model" --prompts "$tmp/prompts" --max-tokens 2 --backend cpu >"$tmp/out" 2>"$tmp/err" || fail "prompts as text"
check "answers in order" [ "$(grep -o '^\[[0-9]\]' "$tmp/out" | tr -d '\n')" = "[1][2][3][4][5]" ]
check "closing line" grep -q '^5 prompts, [0-9]* + 10 tokens in .* tokens/s, 4 at once, 1 task, cpu' "$tmp/err"

refuse 2 "--prompt missing" "$SPLITUP" run "$model"
refuse 2 "--prompt excludes --prompts" "$SPLITUP" run "$model" --prompt x --prompts "$tmp/prompts"
refuse 2 "--sessions --prompts" "$SPLITUP" run "$model" --prompt x --sessions 2
refuse 8 "--sessions" "$SPLITUP" run "$model" --prompts "$tmp/prompts" --sessions 65
printf 'one\n{"prompt":"two","heat":1}\n' >"$tmp/bad"
refuse 7 "bad:2 heat unknown" "$SPLITUP" run "$model" --prompts "$tmp/bad"
printf '{"seed":1}\n' >"$tmp/bad"
refuse 7 "bad:1 prompt" "$SPLITUP" run "$model" --prompts "$tmp/bad"
printf '{"prompt":"x","top_p":2}\n' >"$tmp/bad"
refuse 8 "bad:1 top_p" "$SPLITUP" run "$model" --prompts "$tmp/bad"
printf '\n \n' >"$tmp/bad"
refuse 2 "holds no prompt" "$SPLITUP" run "$model" --prompts "$tmp/bad"
refuse 8 "prompts:1 tokens" "$SPLITUP" run "$model" --prompts "$tmp/prompts" --ctx 3
refuse 2 "--temperature" "$SPLITUP" run "$model" --prompt x --temperature hot
refuse 8 "--top-p" "$SPLITUP" run "$model" --prompt x --top-p 2
refuse 8 "--prompt tokens" "$SPLITUP" run "$model" --prompt "one two three four five six" --ctx 3
head -c 1000000 "$model" >"$tmp/cut.gguf"
refuse 7 "cut.gguf" "$SPLITUP" run "$tmp/cut.gguf" --prompt x
check "plan" [ "$("$SPLITUP" plan "$model" --target-vram 40MB --json | json 'len(d["tasks"]) > 2')" = true ]
done_ok
