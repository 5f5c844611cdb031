#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Models that are published as folders: shards, experts, quantising; and hf:// with a local server in the place of huggingface.co.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/hub.bash"
data=$SU_SOURCE_DIR/tests/data
trap 'hub_stop; rm -rf "$tmp"' EXIT

mkdir "$tmp/repos"
python3 "$data/make_toy_hf.py" "$tmp/one" llama || fail "toy"
python3 "$data/make_toy_hf.py" "$tmp/repos/sharded" llama 3 || fail "toy"
python3 "$data/make_toy_hf.py" "$tmp/repos/experts" qwen3_moe 2 || fail "toy"

# tokens_of MODEL: of the tokens that follow a prompt.
tokens_of() {
    "$SPLITUP" run "$1" --backend reference --prompt "hello there" --max-tokens 3 --ctx 32 --json |
        json 'd["output_sha256"]'
}
# matches NAME MODEL HASH
matches() {
    local got
    got=$(tokens_of "$2") || fail "$1: run $2"
    check "$1" [ "$got" = "$3" ]
}

want=$(tokens_of "$tmp/one") || fail "one file"
matches "shards" "$tmp/repos/sharded" "$want"

# ---- quantising ----

check "quantize" "$SPLITUP" quantize "$tmp/one" --quant f32 --out "$tmp/f32" >"$tmp/said"
check "says how large" grep -qE '^.*/f32: 39 tensors, f32, [0-9.]+ MB$' "$tmp/said"
matches "f32 loses nothing" "$tmp/f32" "$want"
for quant in q8_0 q4_1 q4_0; do
    check "$quant" "$SPLITUP" quantize "$tmp/repos/experts" --quant $quant --out "$tmp/$quant" --json >"$tmp/json"
    "$SPLITUP" quantize "$tmp/repos/experts" --quant $quant --out "$tmp/again" --json >"$tmp/json2"
    check "$quant twice" cmp -s "$tmp/$quant/model.gguf" "$tmp/again/model.gguf"
    check "$quant blob" [ "$(json 'd["blob"]' <"$tmp/json")" = "$("$SPLITUP" store put "$tmp/$quant/model.gguf" | grep -oE '[0-9a-f]{64}' | head -n 1)" ]
    check "$quant equals" [ "$(json 'd["manifest_sha256"]' <"$tmp/json")" = "$(sha256sum <"$tmp/again/model.manifest" | cut -d ' ' -f 1)" ]
    rm -rf "$tmp/again"
    a=$(tokens_of "$tmp/$quant") || fail "run $quant"
    check "$quant in tasks" [ "$a" = "$("$SPLITUP" run "$tmp/$quant" --backend cpu --target-vram 1200KB --batch 4 --prompt "hello there" --max-tokens 3 --ctx 32 --json | json 'd["output_sha256"] if len(d["tasks"]) > 1 else "one task"')" ]
done
refuse 10 "experts quantize" "$SPLITUP" run "$tmp/repos/experts" --prompt x
refuse 2 "--out" "$SPLITUP" quantize "$tmp/one"
refuse 2 "--quant q9 q8_0" "$SPLITUP" quantize "$tmp/one" --quant q9 --out "$tmp/x"
refuse 10 "one q8_0 GGUF" "$SPLITUP" quantize "$tmp/one" --quant q4_k_m --out "$tmp/x"
check "nothing is left" [ ! -e "$tmp/x" ]
cp -r "$tmp/repos/sharded" "$tmp/broken"
rm "$tmp/broken/model-00002-of-00003.safetensors"
refuse 3 "model-00002-of-00003.safetensors missing" "$SPLITUP" run "$tmp/broken" --prompt x
sed -i 's,model-00002-of,../model-00002-of,' "$tmp/broken/model.safetensors.index.json"
refuse 7 "index.json own folder" "$SPLITUP" run "$tmp/broken" --prompt x

# ---- hf:// ----

# A GGUF file to serve: it names no architecture, so it can be fetched and not run.
mkdir "$tmp/repos/plain"
cp "$tmp/f32/model.gguf" "$tmp/repos/plain/model.gguf"
cp "$tmp/one/"*.json "$tmp/one/model.safetensors" "$tmp/repos/plain/"
hub_start

matches "a folder" hf://org/plain "$want"
matches "shards of a folder" hf://org/sharded "$want"
sent=$(grep -c '^cdn' "$tmp/hub.log")
matches "again" hf://org/plain@main "$want"
check "again sends nothing" [ "$(grep '^cdn' "$tmp/hub.log" | tail -n +$((sent + 1)) | wc -l)" -eq 1 ]
matches "another revision" hf://org/sharded@v2 "$want"
check "quantize from there" "$SPLITUP" quantize hf://org/experts --quant q4_1 --out "$tmp/there" >"$tmp/said"
check "the same bytes" cmp -s "$tmp/there/model.gguf" "$tmp/q4_1/model.gguf"
lines=$(wc -l <"$tmp/hub.log")
check "plan" [ "$("$SPLITUP" plan hf://org/experts@v2 --target-vram 3MB --quant q8_0 --json | json 'len(d["tasks"]) >= 1')" = true ]
check "plan asks for config.json alone" [ "$(tail -n +$((lines + 1)) "$tmp/hub.log" | grep -vc config.json)" -eq 0 ]
check "chat" grep -q . <(printf 'hello\n' | "$SPLITUP" chat hf://org/plain --backend cpu --max-tokens 2 --ctx 64 2>&1)

refuse 3 "org/none" "$SPLITUP" run hf://org/none/model.gguf --prompt x
refuse 3 "resolve/v9" "$SPLITUP" run hf://org/plain@v9 --prompt x
refuse 2 "hf://ORG/REPO" "$SPLITUP" run hf://org --prompt x
refuse 4 "HF_TOKEN" "$SPLITUP" run hf://org/private --prompt x
HF_TOKEN=hf_secret matches "with a token" hf://org/private "$want"
check "the token stays" [ "$(grep -c '^cdn.* token$' "$tmp/hub.log")" -eq 0 ]
check "the token goes" [ "$(grep -c '^hub.* token$' "$tmp/hub.log")" -gt 0 ]

# All parts of a split file come, whatever is in them.
for part in m-00001-of-00002 m-00002-of-00002 n-00001-of-00002; do
    printf 'GGUF' >"$tmp/repos/plain/$part.gguf"
done
refuse 7 "m-00001-of-00002.gguf" "$SPLITUP" run hf://org/plain/m-00001-of-00002.gguf --prompt x
check "the second part" grep -q '^cdn /plain/m-00002-of-00002.gguf' "$tmp/hub.log"
refuse 3 "n-00002-of-00002.gguf" "$SPLITUP" run hf://org/plain/n-00001-of-00002.gguf --prompt x
# A whole one that is no model says so by its own name.
refuse 3 "model.gguf general.architecture" "$SPLITUP" run hf://org/plain/model.gguf --prompt x

export SPLITUP_HOME="$tmp/home2"
refuse 9 "sha256" "$SPLITUP" run hf://org/damaged/model.gguf --prompt x
check "nothing damaged is kept" [ "$("$SPLITUP" store ls --json | json 'len(d["blobs"])')" -eq 0 ]
check "nor a part" [ -z "$(ls "$SPLITUP_HOME/blobs/tmp")" ]

# Killed in the middle, then continued from there.
"$SPLITUP" run hf://org/slow --prompt x >/dev/null 2>&1 &
pid=$!
part() { find "$SPLITUP_HOME/blobs/tmp" -name '*.part' -size +100k 2>/dev/null; }
for _ in $(seq 1200); do
    grep -q '^half' "$tmp/hub.log" && [ -n "$(part)" ] && break
    sleep 0.05
done
kill -9 $pid
wait $pid 2>/dev/null
check "a part is left" [ -n "$(part)" ]
matches "continued" hf://org/slow "$want"
check "from where it broke off" grep -qE '^cdn /slow/model.safetensors bytes=[1-9][0-9]*-' "$tmp/hub.log"

# Out of reach: what is here is taken.
hub_stop
check "offline" [ "$(HF_HUB_OFFLINE=1 tokens_of hf://org/slow)" = "$want" ]
check "out of reach" [ "$(tokens_of hf://org/slow 2>"$tmp/said")" = "$want" ]
check "which is told" grep -q "taking the copy" "$tmp/said"
HF_HUB_OFFLINE=1 refuse 14 "HF_HUB_OFFLINE" "$SPLITUP" run hf://org/sharded --prompt x

# A real one, when its folder has been made (it is made in full runs).
base=$(dirname "$(python3 "$data/fetch_smollm2.py")")
if full || [ -d "$base/smollm2-hf" ]; then
    real=$(python3 "$data/make_smollm2_hf.py") || fail "no folder of SmolLM2"
    for quant in q8_0 q4_1; do
        check "SmolLM2 $quant" "$SPLITUP" quantize "$real" --quant $quant --out "$tmp/real" >"$tmp/said"
        check "Paris $quant" [ "$("$SPLITUP" run "$tmp/real" --backend "$(llm_backend "$tmp/real")" --prompt "The capital of France is" --max-tokens 2 --ctx 64 --json | json '" Paris" in d["text"]')" = true ]
        rm -rf "$tmp/real"
    done
fi
done_ok
