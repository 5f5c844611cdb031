#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every bad input or argument: one line that names the thing, the offset or limit, and what to do; never a crash.
. "$(dirname "$0")/lib.bash"
dir=$(mnist) || fail "no MNIST data"
images=$dir/t10k-images-idx3-ubyte.gz
run() { "$SPLITUP" run mnist --backend cpu "$@"; }

: >"$tmp/empty.png"
refuse 7 "empty.png" run --input "$tmp/empty.png"
refuse 3 "nowhere.png" run --input "$tmp/nowhere.png"
refuse 2 "$tmp" run --input "$tmp"
printf 'GIF89a and so on' >"$tmp/wrong.gif"
refuse 7 "wrong.gif offset" run --input "$tmp/wrong.gif"
head -c 5000 "$images" >"$tmp/cut.gz"
refuse 7 "cut.gz" run --input "$tmp/cut.gz"
printf '\0\0\10\3\0\0\0\2\0\0\0\34\0\0\0\34' >"$tmp/short.idx"
refuse 7 "short.idx 1584" run --input "$tmp/short.idx"
printf '\0\0\10\3\0\123\165\60\0\0\0\34\0\0\0\34' >"$tmp/huge.idx" # claims 5 470 512 images: 4 GB
refuse 8 "huge.idx" run --input "$tmp/huge.idx"
printf '\377\377\377\377\0\0\0\0{"a":1}' >"$tmp/huge.safetensors" # a header of 4 GB
refuse 7 "huge.safetensors" run --input "$tmp/huge.safetensors"
printf 'P5\n65535 65535\n255\n' >"$tmp/huge.pgm"
refuse 8 "huge.pgm" run --input "$tmp/huge.pgm"
printf 'P5\n28 28\n255\nabc' >"$tmp/cut.pgm"
refuse 7 "cut.pgm" run --input "$tmp/cut.pgm"
{ printf 'P5\n28 28\n255\n'; head -c 784 /dev/zero; } >"$tmp/black.pgm"
"$SPLITUP" run mnist --backend cpu --input "$tmp/black.pgm" >"$tmp/out" 2>"$tmp/err"
check "28x28 passes unchanged or is called blank" [ $? -le 7 ]

for bad in 0 -5 12XB "" nan 99999999999999999999; do
    refuse $([ "$bad" = 99999999999999999999 ] && echo 8 || echo 2) "--target-vram" run --input "$images" --target-vram "$bad"
done
refuse 12 "smallest feasible target" run --input "$images" --target-vram 4KB
refuse 8 "--index" run --input "$images" --index 10000
refuse 2 "--index" run --input "$images" --index x
refuse 2 "--range empty" run --input "$images" --range 5:5
refuse 2 "--range" run --input "$images" --range 5
refuse 8 "--range" run --input "$images" --range 0:10001
refuse 2 "--index --range" run --input "$images" --index 1 --range 0:2
refuse 2 "--input missing" run
refuse 2 "--backend" "$SPLITUP" run mnist --input "$images" --backend cuda
refuse 8 "--batch" run --input "$images" --batch 0
refuse 3 "nomodel" "$SPLITUP" run nomodel --input "$images"
refuse 2 "mean --input" "$SPLITUP" run mnist --imput x
refuse 2 "usage" "$SPLITUP" run
refuse 2 "too many" "$SPLITUP" run mnist mnist
refuse 2 "needs a value" "$SPLITUP" run mnist --input
refuse 2 "twice" "$SPLITUP" run mnist --json --json
refuse 2 "takes no value" "$SPLITUP" run mnist --json=yes
refuse 2 "no such command" "$SPLITUP" frobnicate

# Pictures of any size, light or dark, come to the same digit.
python3 - "$images" "$tmp" <<'PY'
import gzip, sys
data = gzip.open(sys.argv[1]).read()
px = data[16:16 + 784]
def write(name, side, f):
    k = side // 28
    rows = [bytes(f(px[(y // k) * 28 + x // k]) for x in range(28 * k)) for y in range(28 * k)]
    with open(f"{sys.argv[2]}/{name}.pgm", "wb") as out:
        out.write(b"P5\n# digit\n%d %d\n255\n" % (28 * k, 28 * k) + b"".join(rows))
write("same", 28, lambda v: v)
write("light", 28, lambda v: 255 - v)
write("large", 280, lambda v: v)
write("paper", 140, lambda v: 250 - v * 200 // 255)
PY
want=$(run --input "$images" --index 0 --json | json 'd["output_sha256"]')
check "28x28 unchanged" [ "$(run --input "$tmp/same.pgm" --json | json 'd["output_sha256"]')" = "$want" ]
for name in light large paper; do
    check "$name" [ "$(run --input "$tmp/$name.pgm" --json | json 'd["predicted"]')" = 7 ]
done

# A plan for a graph file alone, and a corrupt one.
graph=$SU_SOURCE_DIR/models/mnist/mnist.graph
check "plan of a graph file" "$SPLITUP" plan "$graph" --target-vram 300KB >"$tmp/out"
check "dump" "$SPLITUP" graph dump "$graph" >"$tmp/out"
head -c 100 "$graph" >"$tmp/cut.graph"
refuse 7 "cut.graph" "$SPLITUP" graph dump "$tmp/cut.graph"
{ cat "$graph"; echo; } >"$tmp/long.graph"
refuse 7 "long.graph" "$SPLITUP" graph dump "$tmp/long.graph"
done_ok
