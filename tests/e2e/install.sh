#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# An installed prefix stands alone: moved to another place, and without the source tree or the build tree, it finds its models.
. "$(dirname "$0")/lib.bash"
: "${SU_BINARY_DIR:=$(dirname "$SPLITUP")}"
dir=$(mnist) || fail "no MNIST data"
images=$dir/t10k-images-idx3-ubyte.gz

cmake --install "$SU_BINARY_DIR" --prefix "$tmp/first" >"$tmp/log" 2>&1 || fail "cmake --install: $(tail -n 3 "$tmp/log")"
mkdir "$tmp/elsewhere"
mv "$tmp/first" "$tmp/elsewhere/prefix"
prefix=$tmp/elsewhere/prefix
program=$prefix/bin/splitup
for file in bin/splitup share/splitup/models/mnist/mnist.graph share/splitup/models/mnist/mnist.safetensors \
    share/man/man1/splitup.1 share/man/man5/splitup-graph.5 share/man/man7/splitup-numerics.7; do
    check "$file is installed" [ -s "$prefix/$file" ]
done
check "the program is executable" [ -x "$program" ]

# Its own models, not those of the tree that it was built from.
cd / || fail "cd /"
want=$("$SPLITUP" run mnist --input "$images" --backend cpu --json | json 'd["output_sha256"]')
check "runs from anywhere" [ "$("$program" run mnist --input "$images" --backend cpu --json | json 'd["output_sha256"]')" = "$want" ]
check "lists its models" grep -qx mnist <("$program" models)
mv "$prefix/share/splitup/models/mnist" "$prefix/share/splitup/models/renamed"
mv "$prefix/share/splitup/models/renamed/mnist.graph" "$prefix/share/splitup/models/renamed/renamed.graph"
mv "$prefix/share/splitup/models/renamed/mnist.safetensors" "$prefix/share/splitup/models/renamed/renamed.safetensors"
check "finds what the prefix alone has" [ "$("$program" run renamed --input "$images" --backend cpu --json | json 'd["output_sha256"]')" = "$want" ]
check "the tree does not have it" [ "$("$SPLITUP" models | grep -cx renamed)" -eq 0 ]
refuse 3 "no-such-model $prefix/share/splitup/models" "$program" run no-such-model --input "$images"
check "does not look into the source tree" [ "$(grep -cF "$SU_SOURCE_DIR/models" "$tmp/err")" -eq 0 ]
mv "$prefix/share/splitup" "$tmp/gone"
refuse 3 "renamed" "$program" run renamed --input "$images"
check "SPLITUP_MODELS helps" [ "$(SPLITUP_MODELS=$tmp/gone/models "$program" run renamed --input "$images" --backend cpu --json | json 'd["output_sha256"]')" = "$want" ]

# A link to the program stands where the program stands.
mv "$tmp/gone" "$prefix/share/splitup"
ln -s "$program" "$tmp/link"
check "through a link" [ "$("$tmp/link" run renamed --input "$images" --backend cpu --json | json 'd["predicted"]')" = 7 ]
if command -v mandoc >/dev/null; then
    check "the manual page reads" grep -q 'splitup' <(mandoc -T utf8 "$prefix/share/man/man1/splitup.1")
fi
done_ok
