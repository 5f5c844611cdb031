#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One real digit: the same hash for every target and backend, and the JSON that the manual promises.
. "$(dirname "$0")/lib.bash"
dir=$(mnist) || fail "no MNIST data"
images=$dir/t10k-images-idx3-ubyte.gz

run() {
    "$SPLITUP" run mnist --input "$images" --index 0 --json "$@" || fail "run $*"
}

want=$(run --backend reference | json 'd["output_sha256"]')
check "hash has 64 digits" [ ${#want} -eq 64 ]

refused=$("$SPLITUP" plan mnist --target-vram 1KB 2>&1)
smallest=$(sed -n 's/.*smallest feasible target is \([0-9]*\) bytes.*/\1/p' <<<"$refused")
check "the refusal names the smallest target" [ -n "$smallest" ]
refuse 12 "smallest feasible" "$SPLITUP" plan mnist --target-vram $((smallest - 1))
check "the smallest target works" "$SPLITUP" plan mnist --target-vram "$smallest" --json >"$tmp/plan.json"

for backend in cpu vulkan reference; do
    for target in 64MB 300KB "$smallest"; do
        run --backend "$backend" --target-vram "$target" >"$tmp/run.json"
        check "$backend $target hash" [ "$(json 'd["output_sha256"]' <"$tmp/run.json")" = "$want" ]
        check "$backend $target is a 7" [ "$(json 'd["predicted"] == 7 and d["label"] == 7' <"$tmp/run.json")" = true ]
        check "ten probabilities" [ "$(json 'len(d["probabilities"]) == 10 and abs(sum(d["probabilities"]) - 1) < 1e-5' <"$tmp/run.json")" = true ]
        check "task fields" [ "$(json 'all({"index","vram_bytes","compute_units","ms","device"} <= set(t) for t in d["tasks"])' <"$tmp/run.json")" = true ]
        check "within target" [ "$(json 'all(t["bound_bytes"] <= t["vram_bytes"] * 65 / 64 for t in d["tasks"])' <"$tmp/run.json")" = true ]
        tasks=$(json 'len(d["tasks"])' <"$tmp/run.json")
        case $target in
        64MB) check "one task" [ "$tasks" -eq 1 ] ;;
        *) check "several tasks" [ "$tasks" -gt 1 ] ;;
        esac
    done
done

# A batch, another thread count and another instruction set leave the hash as it is.
for n in 1 3; do
    check "threads $n" [ "$(run --backend cpu --threads "$n" | json 'd["output_sha256"]')" = "$want" ]
done
for isa in plain avx2 avx512; do
    check "isa $isa" [ "$(SPLITUP_CPU=$isa run --backend cpu | json 'd["output_sha256"]')" = "$want" ]
done
"$SPLITUP" run mnist --input "$images" --range 0:7 --batch 3 --backend cpu --json >"$tmp/range"
check "in a batch" [ "$(head -n 1 "$tmp/range" | json 'd["output_sha256"]')" = "$want" ]

"$SPLITUP" run mnist --input "$images" --index 0 >"$tmp/text" || fail "text output"
check "text names the digit" grep -q 'This is a 7' "$tmp/text"
check "text shows the hash" grep -q "$want" "$tmp/text"
done_ok
